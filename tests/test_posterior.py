import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from scipy.stats import spearmanr
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier, get_strategy, measures
from skactive._models import posterior
from skactive._models.encoded import EncodedClassifier
from skactive._models.posterior import posterior_members

IRIS, SPECIES = load_iris(return_X_y=True)


def draw(estimator, X, y, n_members=20_000, seed=0, **params):
    return posterior_members(
        estimator, X, np.asarray(y), params, n_members=n_members, random_state=seed
    )


def problem(n, d, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, d))
    X[:, 0] += y
    return X, y, rng.normal(size=(5, d))


def converged(**params):
    return LogisticRegression(**({"tol": 1e-10, "max_iter": 10_000} | params))


def centered(proba):
    """Latent values that sum to zero, (n_members, n_samples * n_classes)."""
    log_proba = np.log(proba)
    return (log_proba - log_proba.mean(axis=2, keepdims=True)).reshape(len(proba), -1)


# Oracles: the posterior with one row of coefficients a class ------------------------


def negative_log_posterior(flat, X, y, weights, penalty, n_classes):
    """The objective of LogisticRegression, written anew; `penalty` is by feature."""
    ones = np.column_stack([X, np.ones(len(X))])
    if n_classes == 2:
        coef = np.vstack([np.zeros_like(flat), flat])
    else:
        coef = flat.reshape(n_classes, -1)
    losses = -log_softmax(ones @ coef.T, axis=1)[np.arange(len(y)), y]
    return weights @ losses + 0.5 * (penalty * coef**2).sum()


def latent_covariance(estimator, X, y, weights, penalty, targets):
    """From a Hessian by differences, and its pseudo-inverse for shifts of classes."""
    n_classes = len(estimator.classes_)
    coef = np.column_stack([estimator.coef_, estimator.intercept_]).ravel()
    n, step = len(coef), 1e-4
    args = (X, y, weights, penalty, n_classes)
    moves = step * np.eye(n)
    hessian = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            corners = [
                a
                * b
                * negative_log_posterior(coef + a * moves[i] + b * moves[j], *args)
                for a in (1, -1)
                for b in (1, -1)
            ]
            hessian[i, j] = sum(corners) / (4 * step**2)
    covariance = np.linalg.pinv(hessian, rcond=1e-6)
    rows = np.column_stack([targets, np.ones(len(targets))])
    if n_classes == 2:
        maps = np.concatenate([np.vstack([-row / 2, row / 2]) for row in rows])
    else:
        shift = np.eye(n_classes) - 1 / n_classes
        maps = np.concatenate([np.kron(shift, row) for row in rows])
    return maps @ covariance @ maps.T


# Of 20,000 draws, a covariance has a standard error of about sqrt(2 / 20,000) = 1 % of
# the largest variance; the largest of many entries stays within 4 of these.
CLOSE = 0.04


@pytest.mark.parametrize("max_free", [4096, 8], ids=["dense", "hashed"])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
@pytest.mark.parametrize(
    ("n", "d", "n_classes"), [(30, 3, 2), (30, 3, 3), (6, 10, 2), (8, 10, 4)]
)
@pytest.mark.parametrize("params", [{}, {"C": 0.05}, {"class_weight": {0: 5.0}}])
def test_covariance(n, d, n_classes, params, container, max_free, monkeypatch):
    monkeypatch.setattr(posterior, "_MAX_FREE", max_free)
    X, y, targets = problem(n, d, n_classes)
    params = params.copy()
    targets = np.vstack([targets, X[:1]])
    weights = np.linspace(0.5, 2, n)
    estimator = converged(C=params.pop("C", 3.0), **params)
    estimator.fit(container(X), y, sample_weight=weights)
    members = draw(estimator, container(X), y, sample_weight=weights)
    if params:
        weights = weights * np.where(y == 0, 5.0, 1.0)
    penalty = np.append(np.full(d, 1 / estimator.C), 0.0)
    expected = latent_covariance(estimator, X, y, weights, penalty, targets)
    found = centered(members(container(targets)))
    mean = centered(estimator.predict_proba(targets)[np.newaxis])[0]
    spread = np.sqrt(np.diag(expected))
    assert_allclose(found.mean(axis=0), mean, atol=5 * spread.max() / np.sqrt(20_000))
    covariance = np.cov(found.T)
    if max_free < d and n < d:
        # 8 dimensions instead of 10: only what labelled rows know is exact.
        assert members.free is not None
        assert_allclose(
            covariance[-n_classes:, -n_classes:],
            expected[-n_classes:, -n_classes:],
            atol=CLOSE * expected[-n_classes:, -n_classes:].max(),
        )
    else:
        assert_allclose(covariance, expected, atol=CLOSE * expected.max())
    if n_classes == 2:  # and the marginal form has no noise at all
        exact = centered(members.marginal(container(targets)))
        assert_allclose(exact.mean(axis=0), mean, atol=1e-9)
        assert_allclose(exact.std(axis=0), spread, rtol=1e-4)


def test_hashed_directions_keep_dot_products():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6000)) * (rng.random((40, 6000)) < 0.02)
    X[30:] = (X[20:30] + X[10:20]) / np.sqrt(2)
    X, y = sp.csr_array(X / 10), np.arange(40) % 2
    estimator = converged(fit_intercept=False, C=2.0).fit(X[:10], y[:10])
    members = draw(estimator, X[:10], y[:10], n_members=2000)
    assert members.free is not None
    found = np.cov(2 * centered(members(X))[:, 1::2].T)
    # By Woodbury's identity, from dot products alone.
    dots = 2.0 * (X @ X.T).toarray()
    p = estimator.predict_proba(X[:10])[:, 1]
    system = np.diag(1 / (p * (1 - p))) + dots[:10, :10]
    expected = dots - dots[:, :10] @ np.linalg.solve(system, dots[:10])
    # 0.022 from 2,000 draws, 0.016 from 4,096 directions; the largest of 820 pairs.
    assert np.abs(found - expected).max() < 0.12 * expected.max()
    assert np.sort(expected[30])[-2] > 0.3 * expected.max()  # rows are related
    exact = 2 * centered(members.marginal(X))[:, 1::2].std(axis=0)
    assert_allclose(exact, np.sqrt(np.diag(expected)), rtol=1e-4)
    few = draw(estimator, X[:10], y[:10], n_members=50)
    assert len(pickle.dumps(few)) < 8 * 50 * 6000  # less than coefficients would be


@pytest.mark.parametrize("intercept", [True, False])
def test_many_rows_without_a_factor(intercept, monkeypatch):
    X, y, targets = problem(40, 6, 3)
    estimator = converged(fit_intercept=intercept).fit(X, y)
    expected = np.cov(centered(draw(estimator, X, y)(targets)).T)
    monkeypatch.setattr(posterior, "_MAX_FACTORISED", 4)
    for container in (np.asarray, sp.csr_array):
        members = draw(estimator, container(X), y, seed=1)
        found = np.cov(centered(members(targets)).T)
        assert_allclose(found, expected, atol=1.5 * CLOSE * expected.max())


def test_liblinear_penalises_the_intercept():
    X, y, targets = problem(12, 3, 2)
    scale = 0.5
    estimator = converged(solver="liblinear", intercept_scaling=scale).fit(X, y)
    penalty = np.array([1, 1, 1, 1 / scale**2])
    expected = latent_covariance(estimator, X, y, np.ones(12), penalty, targets)
    found = centered(draw(estimator, X, y).marginal(targets))
    assert_allclose(found.std(axis=0), np.sqrt(np.diag(expected)), rtol=1e-4)


# Against the posterior itself -------------------------------------------------------


def test_two_parameters_by_quadrature():
    X, y, _ = problem(60, 1, 2)
    estimator = converged(C=1.0).fit(X, y)
    penalty = np.array([1.0, 0.0])
    args = (X, y, np.ones(60), penalty, 2)
    mode = minimize(negative_log_posterior, np.zeros(2), args, tol=1e-12).x
    assert_allclose(mode, [estimator.coef_[0, 0], estimator.intercept_[0]], atol=1e-4)
    grid = np.linspace(-4, 4, 161)
    a, b = np.meshgrid(mode[0] + grid, mode[1] + grid, indexing="ij")
    values = [
        negative_log_posterior(np.array(p), *args)
        for p in zip(a.ravel(), b.ravel(), strict=True)
    ]
    mass = softmax(-np.array(values))
    points = np.column_stack([a.ravel(), b.ravel()])
    mean = mass @ points
    covariance = (points - mean).T @ (mass[:, None] * (points - mean))
    latent = centered(draw(estimator, X, y)(np.array([[0.0], [1.0]])))[:, 1::2] * 2
    found = np.column_stack([latent[:, 1] - latent[:, 0], latent[:, 0]])
    # Laplace's own error: the posterior of 60 rows is skewed a little. A mean is off
    # by less than a quarter of a standard deviation, a variance by less than a fifth.
    spread = np.sqrt(np.diag(covariance))
    assert np.all(np.abs(found.mean(axis=0) - mean) < 0.25 * spread)
    assert_allclose(np.cov(found.T), covariance, atol=0.2 * covariance.max())


def test_long_metropolis_run():
    X, y, targets = problem(150, 3, 3)
    estimator = converged(C=1.0).fit(X, y)
    penalty = np.array([1.0, 1.0, 1.0, 0.0])
    ones = np.column_stack([X, np.ones(len(X))])
    rows = np.column_stack([targets, np.ones(5)])
    rng = np.random.default_rng(0)
    # 60 chains at a time, from the mode, all classes free to shift together.
    chains = np.tile(
        np.column_stack([estimator.coef_, estimator.intercept_]), (60, 1, 1)
    )

    def log_density(chains):
        scores = log_softmax(ones @ np.swapaxes(chains, 1, 2), axis=2)
        fit = scores[:, np.arange(len(y)), y].sum(axis=1)
        return fit - 0.5 * (penalty * chains**2).sum(axis=(1, 2))

    current, kept = log_density(chains), []
    for step in range(2000):
        proposal = chains + 0.13 * rng.normal(size=chains.shape)
        density = log_density(proposal)
        accepted = np.log(rng.random(60)) < density - current
        chains[accepted], current[accepted] = proposal[accepted], density[accepted]
        if step >= 300 and step % 10 == 0:
            latent = rows @ np.swapaxes(chains, 1, 2)
            kept.append(latent - latent.mean(axis=2, keepdims=True))
    truth = np.concatenate(kept).reshape(-1, 15)
    found = centered(draw(estimator, X, y)(targets))
    spread = truth.std(axis=0)
    # Laplace's error at 150 rows, and that of about 1,000 independent draws: 3 %.
    assert np.abs(found.mean(axis=0) - truth.mean(axis=0)).max() < 0.35 * spread.max()
    assert_allclose(found.std(axis=0), spread, rtol=0.15)
    assert_allclose(np.cov(found.T), np.cov(truth.T), atol=0.2 * spread.max() ** 2)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_information_gain_ranks_as_a_large_bootstrap_committee(n_classes):
    # The two agree where the model is right, and labels say more than the prior.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 4))
    scores = X @ rng.normal(size=(4, n_classes)) + rng.gumbel(size=(600, n_classes))
    visible = np.where(np.arange(600) < 300, scores.argmax(axis=1), np.nan)
    utilities = [
        ActiveLearningClassifier(
            LogisticRegression(C=10.0, max_iter=1000),
            "information_gain",
            members=members,
            n_members=200,
            random_state=0,
        )
        .fit(X, visible)
        .score_samples(X)
        for members in ("posterior", "bootstrap")
    ]
    assert spearmanr(*utilities)[0] > 0.9


# GaussianNB -------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_gaussian_nb_moments(weighted):
    weights = np.linspace(0.5, 1.5, 150) if weighted else np.ones(150)
    nb = GaussianNB().fit(IRIS, SPECIES, sample_weight=weights)
    members = draw(nb, IRIS, SPECIES)
    n = np.array([weights[c == SPECIES].sum() for c in range(3)])[:, None]
    mean = np.array(
        [np.average(IRIS[c == SPECIES], axis=0, weights=weights[c == SPECIES])
         for c in range(3)]
    )  # fmt: skip
    squares = np.array(
        [weights[c == SPECIES] @ (IRIS[c == SPECIES] - mean[c]) ** 2 for c in range(3)]
    )
    center = np.average(IRIS, axis=0, weights=weights)
    overall = np.average((IRIS - center) ** 2, axis=0, weights=weights)
    within = (squares.sum(axis=0) + overall) / (n.sum() - 3 + 1)
    scale = within + squares + 0.01 * n / (n + 0.01) * (mean - center) ** 2
    expected_mean = (0.01 * center + n * mean) / (n + 0.01)
    expected_var = scale / (n + 1 - 2)  # of an inverse chi-squared
    spread = np.sqrt(expected_var / (n + 0.01))
    # Standard errors of 20,000 draws are 0.7 % and less of what is compared.
    assert_allclose(
        members.theta.mean(axis=0), expected_mean, atol=5 * spread.max() / 141
    )
    assert_allclose(members.theta.std(axis=0), spread, rtol=0.03)
    assert_allclose(members.var.mean(axis=0) - nb.epsilon_, expected_var, rtol=0.01)
    prior = n[:, 0] + 1 / 3
    assert_allclose(members.prior.mean(axis=0), prior / prior.sum(), atol=0.002)


def test_gaussian_nb_members_predict_as_the_estimator_would():
    nb = GaussianNB(priors=[0.2, 0.3, 0.5]).fit(IRIS * 1e3 + 1e6, SPECIES)
    members = draw(nb, None, SPECIES, n_members=4)
    proba = members(IRIS * 1e3 + 1e6)
    for k in range(4):
        nb.theta_, nb.var_ = members.theta[k], members.var[k]
        expected = nb.predict_proba(IRIS * 1e3 + 1e6)
        assert_allclose(proba[k], expected, atol=1e-8)


def test_gaussian_nb_with_a_row_a_class_and_a_constant_column():
    X = np.column_stack([[0.0, 1.0, 5.0], np.ones(3)])
    proba = draw(GaussianNB().fit(X, [0, 1, 2]), X, [0, 1, 2], n_members=500)(X)
    assert np.isfinite(proba).all()
    assert 0.4 < proba[:, 2, 2].mean() < 0.99  # likely its own, but not for sure


# In the learner ---------------------------------------------------------------------


def partly(y=SPECIES, n=30):
    codes = np.random.default_rng(1).permutation(len(y))
    visible = np.asarray(y, dtype=object).copy()
    visible[codes[n:]] = None
    return visible


def make(estimator, strategy="information_gain", **params):
    return ActiveLearningClassifier(
        estimator, strategy, **({"random_state": 0, "n_members": 30} | params)
    )


NAMES = np.array(["setosa", "versicolor", "virginica"])
ESTIMATORS = {
    "plain": LogisticRegression(max_iter=500),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    "search": GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        {"logisticregression__C": [0.1, 1.0]},
        cv=2,
    ),
    "bayes": GaussianNB(),
    "scaled bayes": make_pipeline(StandardScaler(), GaussianNB()),
}


@pytest.mark.parametrize("encode", [False, True])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators(name, encode):
    learner = make(ESTIMATORS[name], encode_labels=encode, n_members=100)
    learner.fit(IRIS, partly(NAMES[SPECIES]))
    assert callable(learner.members_)
    assert learner.members_.n_members == 100
    proba = learner.members_(IRIS)
    assert proba.shape == (100, 150, 3)
    assert_allclose(proba.sum(axis=2), 1)
    consensus = proba.mean(axis=0)
    assert (learner.classes_[consensus.argmax(axis=1)] == NAMES[SPECIES]).mean() > 0.85
    expected = measures.information_gain(proba)
    assert_array_equal(learner.score_samples(IRIS), expected)
    copy = pickle.loads(pickle.dumps(learner))
    again = clone(learner).fit(IRIS, partly(NAMES[SPECIES]))
    rows = learner.query(IRIS, partly(NAMES[SPECIES]))
    for other in (copy, again):
        assert_array_equal(other.query(IRIS, partly(NAMES[SPECIES])), rows)
        assert_array_equal(other.members_(IRIS), proba)


@pytest.mark.parametrize("name", ["pandas", "polars", "csr", "csc", "float32"])
def test_containers(name):
    if name in ("pandas", "polars"):
        frames = pytest.importorskip(name)
        X = frames.DataFrame(dict(zip("abcd", IRIS.T, strict=True)))
    else:
        kinds = {"csr": sp.csr_array, "csc": sp.csc_matrix, "float32": np.float32}
        X = kinds[name](IRIS)
    learner = make(LogisticRegression(max_iter=500))
    expected = learner.fit(IRIS, partly()).score_samples(IRIS)
    found = learner.fit(X, partly()).score_samples(X)
    assert_allclose(found, expected, atol=1e-3)


def test_texts():
    words = np.array(["good", "bad", "fine", "poor", "film", "plot", "cast", "music"])
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, 6)) for _ in range(60)]
    y = np.array(["pos" if "good" in t else "neg" for t in texts])
    inner = make_pipeline(TfidfVectorizer(), LogisticRegression())
    learner = make(inner, budget=30).fit(texts, y)
    assert callable(learner.members_)
    assert learner.query(texts[1:]).shape == (10,)


@pytest.mark.parametrize("budget", [40])
def test_budgeted_fit_equals_the_loop_by_hand(budget):
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    learner = make(inner).set_params(initial_strategy="random")
    budgeted = clone(learner).set_params(budget=budget).fit(IRIS, SPECIES)
    y, order = np.full(150, np.nan), []
    while len(order) < budget:
        rows = learner.query(IRIS, y)
        order.extend(rows.tolist())
        y[rows] = SPECIES[rows]
        learner.fit(IRIS, y)
    assert budgeted.labeled_indices_.tolist() == order


def test_default_numbers_of_members():
    learner = make(LogisticRegression(), n_members=None)
    assert learner.fit(IRIS[50:], partly(SPECIES[50:])).members_.n_members == 100
    learner.set_params(members="bootstrap").fit(IRIS[50:], partly(SPECIES[50:]))
    assert len(learner.members_) == 10


def test_what_has_no_posterior():
    for inner in (
        SGDClassifier(loss="log_loss", random_state=0),
        LogisticRegression(C=np.inf, max_iter=10_000),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
    ):
        X, y = IRIS[50:], partly(SPECIES[50:])
        learner = make(inner, n_members=2).fit(X, y)
        assert isinstance(learner.members_, list), inner
        with pytest.raises(ValueError, match=r"members='posterior' needs .*; got"):
            learner.set_params(members="posterior").fit(X, y)
        assert isinstance(learner.members_, list)
    forest = RandomForestClassifier(n_estimators=3, random_state=0)
    assert make(forest).fit(IRIS, partly()).members_ is None
    assert len(make(forest, members="bootstrap", n_members=2).fit(
        IRIS, partly()).members_) == 2  # fmt: skip
    with pytest.raises(ValueError, match="members"):
        make(forest, members="laplace").fit(IRIS, partly())


def two_models(estimator, X):
    proba = estimator.predict_proba(X)
    return np.stack([proba, np.roll(proba, 1, axis=1)])


def test_a_function_gives_members():
    learner = make(SGDClassifier(loss="log_loss", random_state=0), members=two_models)
    learner.fit(IRIS, partly())
    expected = measures.information_gain(two_models(learner.estimator_, IRIS))
    assert_array_equal(learner.score_samples(IRIS), expected)
    copy = pickle.loads(pickle.dumps(learner))
    assert_array_equal(copy.score_samples(IRIS), expected)
    learner.partial_fit(IRIS[:10], SPECIES[:10])
    expected = measures.information_gain(two_models(learner.estimator_, IRIS))
    assert_array_equal(learner.score_samples(IRIS), expected)
    forest = RandomForestClassifier(n_estimators=3, random_state=0)
    assert make(forest, members=two_models).fit(IRIS, partly()).members_ is not None
    wrong = make(forest, members=lambda e, X: np.zeros((2, 3))).fit(IRIS, partly())
    with pytest.raises(ValueError, match="members gave an array of shape"):
        wrong.query(IRIS)


def test_partial_fit_draws_anew():
    learner = make(GaussianNB())
    learner.partial_fit(IRIS[::2], SPECIES[::2], classes=[0, 1, 2])
    few = learner.members_.theta.std(axis=0)
    learner.partial_fit(IRIS[1::2], SPECIES[1::2])
    whole = make(GaussianNB()).fit(IRIS, SPECIES)
    assert (learner.members_.theta.std(axis=0) < few).all()
    assert_allclose(learner.members_.theta, whole.members_.theta, rtol=1e-9)
    learner.set_params(members="bootstrap").partial_fit(IRIS, SPECIES)
    with pytest.raises(ValueError, match="Call fit again"):
        learner.query(IRIS)


def test_sample_weight_reaches_the_posterior():
    weights = np.linspace(0.1, 30, 150)
    visible = partly(n=60)
    rows = np.flatnonzero([label is not None for label in visible])
    with config_context(enable_metadata_routing=True):
        for scaler_too in (False, True):
            last = LogisticRegression(max_iter=1000)
            last.set_fit_request(sample_weight=not scaler_too)
            scaler = StandardScaler().set_fit_request(sample_weight=scaler_too)
            learner = make(make_pipeline(scaler, last))
            learner.fit(IRIS, visible, sample_weight=weights)
            Z = learner.estimator_[:-1].transform(IRIS[rows])
            given = {} if scaler_too else {"sample_weight": weights[rows]}
            seed = learner._make_plan().training.member_seed
            expected = draw(learner.estimator_[-1], Z, SPECIES[rows], 30, seed, **given)
            found = learner.members_(IRIS)
            assert_allclose(found, expected(learner.estimator_[:-1].transform(IRIS)))


def test_inner_codes_and_searches_take_weights():
    encoded = EncodedClassifier(LogisticRegression(class_weight="balanced"))
    weights = np.linspace(1, 2, 100)
    y = NAMES[SPECIES[50:]]
    encoded.fit(IRIS[50:], y, sample_weight=weights)
    plain = LogisticRegression(class_weight="balanced")
    plain.fit(IRIS[50:], y, sample_weight=weights)
    found, expected = (
        draw(e, IRIS[50:], y, 10, sample_weight=weights)(IRIS) for e in (encoded, plain)
    )
    assert_allclose(found, expected, atol=1e-6)


def test_without_the_learner_the_error_names_it():
    model = LogisticRegression(max_iter=500).fit(IRIS, SPECIES)
    with pytest.raises(ValueError, match=r"ActiveLearningClassifier, which draws or"):
        get_strategy("information_gain")(model, IRIS, SPECIES)


def test_a_model_that_is_certain_of_all_labelled_rows():
    # A class of weight zero: the optimum of the intercept is at infinity.
    model = LogisticRegression(class_weight={0: 0.0, 1: 1.0}, max_iter=10_000)
    rows = IRIS[40:60] + 1e6
    codes = (np.arange(20) >= 10).astype(int)
    members = draw(model.fit(rows, codes), rows, codes, 10)
    assert np.isfinite(members(rows)).all()
    assert np.isfinite(members.marginal(rows)).all()

"""Fast refits of logistic regression against real, tightly converged ones."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import entr
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive._models.refits import make_refits, softmax
from skactive._models.refits.logistic import LogisticRefits
from skactive._models.wrappers import at_last_step

# Parameters, and whether there are sample weights.
OPTIONS = {
    "plain": ({}, False),
    "no intercept": ({"fit_intercept": False}, True),
    "class weights": ({"class_weight": "dict"}, True),
    "balanced": ({"class_weight": "balanced"}, False),
    "balanced and weighted": ({"class_weight": "balanced"}, True),
}


def make_data(n_classes, n_features=8, n_samples=80, seed=0):
    X, y = make_classification(
        n_samples,
        n_features,
        n_informative=min(8, n_features),
        n_redundant=0,
        n_classes=n_classes,
        class_sep=0.7,
        random_state=seed,
    )
    rng = np.random.RandomState(seed)
    per_class = rng.randint(2, 6, size=n_classes)
    labeled = [np.flatnonzero(y == c)[:k] for c, k in enumerate(per_class)]
    labeled = np.concatenate(labeled)
    candidates = np.setdiff1d(np.arange(n_samples), labeled)[:10]
    return X, y, labeled, candidates


def make_classifier(n_classes, options, **params):
    params |= options
    if params.get("class_weight") == "dict":
        params["class_weight"] = {c: 0.5 + 0.7 * c for c in range(n_classes)}
    # Stops early on purpose: the refits must not depend on it.
    return LogisticRegression(**params, max_iter=5)


def fit(classifier, X, codes, weights=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(X, codes, sample_weight=weights)


def real_refits(classifier, X, codes, weights, candidates, targets):
    """A loop of refits that scikit-learn takes to the end."""
    exact = clone(classifier)
    if classifier.solver != "liblinear":
        exact.set_params(solver="newton-cholesky")
    exact.set_params(tol=1e-12, max_iter=100_000)
    stack = sp.vstack if sp.issparse(X) else np.vstack
    proba = []
    for i in range(candidates.shape[0]):
        for code in range(len(classifier.classes_)):
            more = None if weights is None else np.append(weights, 1.0)
            # Its line search stalls, and says so, where only rounding is left.
            fit(exact, stack([X, candidates[[i]]]), np.append(codes, code), more)
            proba.append(exact.predict_proba(targets))
    shape = (candidates.shape[0], len(classifier.classes_), *proba[0].shape)
    return np.array(proba).reshape(shape)


def expected(proba, losses):
    """Utilities: minus the loss expected over labels, by the model before."""
    return -np.sum(proba * losses, axis=1)


def rank_correlation(a, b):
    return spearmanr(np.ravel(a), np.ravel(b))[0]


@pytest.mark.parametrize(("options", "weighted"), OPTIONS.values(), ids=list(OPTIONS))
@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_like_real_refits(n_classes, C, options, weighted):
    X, y, labeled, candidates = make_data(n_classes)
    candidates = candidates[: max(3, 20 // n_classes)]
    weights = None
    if weighted:
        weights = np.random.RandomState(1).uniform(0.2, 3.0, size=len(labeled))
    classifier = make_classifier(n_classes, options, C=C)
    fit(classifier, X[labeled], y[labeled], weights)
    refits = LogisticRefits(classifier, X[labeled], y[labeled], weights)
    models = refits.retrain(X[candidates])
    real = real_refits(classifier, X[labeled], y[labeled], weights, X[candidates], X)
    proba = models.predict_proba(X)
    assert proba.shape == (len(candidates), n_classes, len(X), n_classes)
    np.testing.assert_allclose(proba, real, atol=1e-6)
    before = classifier.predict_proba(X[candidates])
    for loss, formula in {
        "zero_one": lambda p: 1.0 - p.max(axis=-1),
        "log": lambda p: entr(p).sum(axis=-1),
    }.items():
        losses = models.expected_loss(X, loss)
        wanted = formula(real).mean(axis=-1)
        np.testing.assert_allclose(losses, wanted, atol=1e-6)
        assert rank_correlation(losses, wanted) >= 0.999
        utilities = expected(before, losses), expected(before, wanted)
        assert rank_correlation(*utilities) >= 0.999


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("n_features", [8, 90])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_more_features_than_rows(n_classes, n_features, container):
    X, y, labeled, candidates = make_data(n_classes, n_features)
    X = container(np.where(np.abs(X) > 0.5, X, 0.0))
    classifier = make_classifier(n_classes, {}, C=10.0)
    fit(classifier, X[labeled], y[labeled])
    # Candidates inside the span of the labelled rows as well.
    candidates = np.append(candidates, labeled[:2])
    models = LogisticRefits(classifier, X[labeled], y[labeled], None).retrain(
        X[candidates]
    )
    real = real_refits(classifier, X[labeled], y[labeled], None, X[candidates], X)
    np.testing.assert_allclose(models.predict_proba(X), real, atol=1e-6)
    wanted = entr(real).sum(axis=-1).mean(axis=-1)
    np.testing.assert_allclose(models.expected_loss(X, "log"), wanted, atol=1e-6)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("n_features", [4, 90])
def test_penalized_intercept(n_features, container):
    X, y, labeled, candidates = make_data(2, n_features)
    X = container(X + 0.5)
    classifier = LogisticRegression(
        solver="liblinear", intercept_scaling=3.0, C=2.0, tol=1e-10, max_iter=10_000
    )
    fit(classifier, X[labeled], y[labeled])
    assert not LogisticRefits.supports(classifier)
    models = make_refits(classifier, X[labeled], y[labeled]).retrain(X[candidates])
    real = real_refits(classifier, X[labeled], y[labeled], None, X[candidates], X)
    np.testing.assert_allclose(models.predict_proba(X), real, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("C", [1.0, 100.0])
@pytest.mark.parametrize("road", ["products", "whole", "blocks"])
def test_roads_agree(road, C, n_classes, monkeypatch):
    X, y, labeled, candidates = make_data(n_classes)
    classifier = fit(make_classifier(n_classes, {}, C=C), X[labeled], y[labeled])
    wanted = LogisticRefits(classifier, X[labeled], y[labeled]).retrain(X[candidates])
    if road == "products":
        monkeypatch.setattr(softmax, "_MAX_WHOLE", 0)
        monkeypatch.setattr(softmax, "_hessians", None)
    elif road == "whole":
        monkeypatch.setattr(softmax, "_MAX_CHEAP_STEPS", 0)
        monkeypatch.setattr(softmax, "_HESSIAN_BLOCK_SIZE", 1)
    else:
        monkeypatch.setattr(softmax, "BLOCK_SIZE", 1)
        monkeypatch.setattr("skactive._models.refits.base.CHUNK_SIZE", 1)
    models = LogisticRefits(classifier, X[labeled], y[labeled]).retrain(X[candidates])
    np.testing.assert_allclose(
        models.predict_proba(X), wanted.predict_proba(X), atol=1e-7
    )
    np.testing.assert_allclose(
        models.expected_loss(X, "log"), wanted.expected_loss(X, "log"), atol=1e-7
    )


@pytest.mark.parametrize("n_classes", [2, 4])
def test_gradients_vanish(n_classes):
    """An oracle of its own: the gradient of the objective, written out."""
    X, y, labeled, candidates = make_data(n_classes)
    features, codes, C = X[labeled], y[labeled], 3.0
    classifier = make_classifier(n_classes, {}, C=C, fit_intercept=False)
    fit(classifier, features, codes)
    models = LogisticRefits(classifier, features, codes).retrain(X[candidates])
    # Logits at unit vectors and at zero give the coefficients.
    n_features = features.shape[1]
    at = np.log(models.predict_proba(np.eye(n_features)))
    for i, candidate in enumerate(candidates):
        for code in range(n_classes):
            coef = at[i, code].T  # up to a constant a feature
            coef = coef - coef.mean(axis=0)
            rows = np.vstack([features, X[[candidate]]])
            logits = rows @ coef.T
            proba = np.exp(logits - logits.max(axis=1, keepdims=True))
            proba /= proba.sum(axis=1, keepdims=True)
            residuals = proba - np.eye(n_classes)[np.append(codes, code)]
            # Of two classes only the difference is penalised, by half as much each.
            strength = (2.0 if n_classes == 2 else 1.0) / C
            gradient = residuals.T @ rows + strength * coef
            assert np.abs(gradient).max() < 1e-6


def test_behind_a_pipeline():
    X, y, labeled, candidates = make_data(3)
    names = np.array(["a", "b", "c"])
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=2.0))
    pipeline.fit(X[labeled], names[y[labeled]])
    last, seen = at_last_step(pipeline, X)
    models = LogisticRefits(last, seen[labeled], y[labeled]).retrain(seen[candidates])
    real = real_refits(last, seen[labeled], y[labeled], None, seen[candidates], seen)
    np.testing.assert_allclose(models.predict_proba(seen), real, atol=1e-6)


def test_class_weights_by_name():
    X, y, labeled, candidates = make_data(3)
    names = np.array(["a", "b", "c"])
    weights = {"a": 0.3, "b": 1.0, "c": 4.0}
    classifier = LogisticRegression(class_weight=weights)
    classifier.fit(X[labeled], names[y[labeled]])
    proba = LogisticRefits(classifier, X[labeled], y[labeled]).retrain(X[candidates])
    by_code = LogisticRegression(class_weight={0: 0.3, 1: 1.0, 2: 4.0})
    by_code.fit(X[labeled], y[labeled])
    real = real_refits(by_code, X[labeled], y[labeled], None, X[candidates], X)
    np.testing.assert_allclose(proba.predict_proba(X), real, atol=1e-6)


def test_text():
    rng = np.random.RandomState(0)
    words = np.array([f"word{i}" for i in range(500)])
    starts = np.repeat([0, 150, 300], 20)
    texts = [" ".join(words[start + rng.randint(0, 200, size=30)]) for start in starts]
    y = np.repeat([0, 1, 2], 20)
    vectorizer = TfidfVectorizer()
    X = sp.csr_array(vectorizer.fit_transform(texts))
    labeled, candidates = np.arange(0, 60, 4), np.arange(1, 60, 12)
    classifier = LogisticRegression(C=10.0).fit(X[labeled], y[labeled])
    models = LogisticRefits(classifier, X[labeled], y[labeled]).retrain(X[candidates])
    # Coefficients are as many as labelled rows, not as words.
    assert models._coef.shape[-1] == len(labeled) + 2
    exact = LogisticRegression(C=10.0, solver="newton-cg", tol=1e-10, max_iter=1000)
    for i, row in enumerate(candidates):
        fit(exact, sp.vstack([X[labeled], X[[row]]]), np.append(y[labeled], 1))
        proba = models.predict_proba(X)[i, 1]
        np.testing.assert_allclose(proba, exact.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_hard_problems(n_classes):
    """Saturated models and contrary labels: one step from the old optimum fails."""
    rng = np.random.RandomState(0)
    codes = np.repeat(np.arange(n_classes), 5)
    X = 30.0 * np.eye(n_classes)[codes] + rng.normal(size=(len(codes), n_classes))
    classifier = make_classifier(n_classes, {}, C=1e4)
    fit(classifier, X, codes)
    candidates = X[::5] + 0.5
    models = LogisticRefits(classifier, X, codes).retrain(candidates)
    real = real_refits(classifier, X, codes, None, candidates, X)
    np.testing.assert_allclose(models.predict_proba(X), real, atol=1e-5)


def test_large_logits():
    X = np.array([[-1.0], [-0.5], [0.5], [1.0]])
    classifier = LogisticRegression(C=100.0).fit(X, [0, 0, 1, 1])
    models = LogisticRefits(classifier, X, np.array([0, 0, 1, 1])).retrain([[2.0]])
    far = np.array([[-1e5], [1e5]])
    np.testing.assert_allclose(models.predict_proba(far)[0, 1], [[1, 0], [0, 1]])
    for loss in ("zero_one", "log"):
        np.testing.assert_allclose(models.expected_loss(far, loss)[0, 1], 0.0)


def test_same_as_early_stopped_start():
    """Neither the solver nor how far it came matters."""
    X, y, labeled, candidates = make_data(3)
    early = fit(LogisticRegression(max_iter=1), X[labeled], y[labeled])
    late = LogisticRegression(solver="newton-cg", tol=1e-10).fit(X[labeled], y[labeled])
    proba = [
        LogisticRefits(classifier, X[labeled], y[labeled])
        .retrain(X[candidates])
        .predict_proba(X)
        for classifier in (early, late)
    ]
    np.testing.assert_allclose(*proba, atol=1e-7)


def test_inputs_stay_as_they_were():
    X, y, labeled, candidates = make_data(3, n_features=90)
    classifier = LogisticRegression().fit(X[labeled], y[labeled])
    before, coef = X.copy(), classifier.coef_.copy()
    models = LogisticRefits(classifier, X[labeled], y[labeled]).retrain(X[candidates])
    first = models.predict_proba(X)
    models.expected_loss(X, "log")
    models.expected_loss(X, "zero_one")
    np.testing.assert_array_equal(models.predict_proba(X), first)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(classifier.coef_, coef)


def test_supports():
    X, y, labeled, _ = make_data(3)
    X, y = X[labeled], y[labeled]
    two = y < 2
    assert LogisticRefits.supports(LogisticRegression().fit(X, y))
    liblinear = LogisticRegression(solver="liblinear", fit_intercept=False)
    assert LogisticRefits.supports(liblinear.fit(X[two], y[two]))
    assert not LogisticRefits.supports(GaussianNB().fit(X, y))

    class Other(LogisticRegression):
        pass

    assert not LogisticRefits.supports(Other().fit(X, y))
    unpenalized = fit(LogisticRegression(C=np.inf), X, y)
    assert not LogisticRefits.supports(unpenalized)
    with pytest.raises(ValueError, match=r"LogisticRegression\(C=inf\) has no exact"):
        LogisticRefits(unpenalized, X, y)


def test_searched_strength_stays():
    X, y, labeled, candidates = make_data(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        searched = LogisticRegressionCV(Cs=[0.3], cv=2).fit(X[labeled], y[labeled])
    plain = LogisticRegression(C=0.3).fit(X[labeled], y[labeled])
    proba = [
        LogisticRefits(classifier, X[labeled], y[labeled])
        .retrain(X[candidates])
        .predict_proba(X)
        for classifier in (searched, plain)
    ]
    np.testing.assert_allclose(*proba, atol=1e-7)


def test_errors():
    X, y, labeled, candidates = make_data(3)
    classifier = LogisticRegression().fit(X[labeled], y[labeled])
    with pytest.raises(ValueError, match=r"No labelled row is of class \[2\]"):
        LogisticRefits(classifier, X[y < 2], y[y < 2])
    models = LogisticRefits(classifier, X[labeled], y[labeled]).retrain(X[candidates])
    with pytest.raises(ValueError, match="'brier'; expected 'zero_one' or 'log'"):
        models.expected_loss(X, "brier")


def test_says_what_did_not_converge(monkeypatch):
    X, y, labeled, candidates = make_data(3)
    classifier = LogisticRegression().fit(X[labeled], y[labeled])
    refits = LogisticRefits(classifier, X[labeled], y[labeled])
    monkeypatch.setattr(softmax, "_MAX_CHEAP_STEPS", 0)
    monkeypatch.setattr(softmax, "_MAX_STEPS", 0)
    with pytest.warns(ConvergenceWarning, match="10 of 10 refits"):
        refits.retrain(X[candidates])


@pytest.mark.parametrize("n_features", [8, 90])
def test_blocks_of_candidates_and_targets(n_features, monkeypatch):
    X, y, labeled, candidates = make_data(3, n_features)
    classifier = LogisticRegression().fit(X[labeled], y[labeled])
    refits = LogisticRefits(classifier, X[labeled], y[labeled])
    models = refits.retrain(X[candidates])
    losses, proba = models.expected_loss(X, "log"), models.predict_proba(X)
    np.testing.assert_allclose(models.predict_proba(X[5:9]), proba[:, :, 5:9])
    monkeypatch.setattr("skactive._models.refits.base.CHUNK_SIZE", 40)
    np.testing.assert_allclose(models.expected_loss(X, "log"), losses, rtol=1e-12)
    one = refits.retrain(X[candidates[3:4]])
    np.testing.assert_allclose(one.expected_loss(X, "log")[0], losses[3], atol=1e-7)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("offset", "C"), [(1e9, 1.0), (1e6, 1e8)])
def test_hessians_that_rounding_makes_singular(offset, C):
    # As points in time in seconds are, which nobody has scaled.
    rows, codes = make_classification(
        40, 5, n_informative=3, class_sep=3, random_state=1
    )
    rows = rows + offset
    model = LogisticRegression(C=C, max_iter=10_000).fit(rows[:8], codes[:8])
    models = LogisticRefits(model, rows[:8], codes[:8]).retrain(rows[8:])
    proba = models.predict_proba(rows)
    np.testing.assert_allclose(proba.sum(axis=-1), 1)

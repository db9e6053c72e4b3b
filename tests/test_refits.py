import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from skactive._models.refits import base, make_refits
from skactive._models.refits.base import mean_loss
from skactive._models.refits.discriminant import (
    DiscriminantRefits,
    RidgeRefits,
    ridge_proba,
)
from skactive._models.refits.generic import GenericRefits
from skactive._models.refits.naive_bayes import GaussianNBRefits, MultinomialNBRefits
from skactive._models.refits.neighbors import KNeighborsRefits

N_FEATURES = 5


def numbers(rng, codes):
    return rng.normal(size=(len(codes), N_FEATURES)) + codes[:, np.newaxis] * 0.5 + 3


def counts(rng, codes):
    return rng.poisson(1 + codes[:, np.newaxis], size=(len(codes), N_FEATURES)) * 1.0


def categories(rng, codes):
    shape = (len(codes), N_FEATURES)
    return np.minimum(rng.integers(3, size=shape) + codes[:, np.newaxis] % 2, 3)


def sparse_numbers(rng, codes):
    rows = np.exp(numbers(rng, codes) / 3)  # no two distances are equal
    return rows * (rng.random(rows.shape) < 0.7)


def make_case(make_rows, n_classes, n_labeled=30, seed=0):
    """Labelled rows, their codes, candidates and targets (some of them candidates)."""
    rng = np.random.default_rng(seed)
    codes = np.append(np.arange(n_classes), rng.integers(n_classes, size=n_labeled))
    rows = make_rows(rng, codes)
    others = make_rows(rng, rng.integers(n_classes, size=11))
    candidates = others[:6]
    return rows, codes, candidates, others[3:]


def answer(model, targets):
    if hasattr(model, "predict_proba"):
        return model.predict_proba(targets)
    decision = model.decision_function(targets)
    if decision.ndim == 1:
        share = np.clip((1 + decision) / 2, 0, 1)
        return np.column_stack([1 - share, share])
    share = np.clip((1 + decision) / 2, 0, 1)
    return share / share.sum(axis=1, keepdims=True)


def brute_force(model, rows, labels, weights, candidates, targets):
    """Clone and fit for every candidate and class, (m, C, t, C)."""
    proba = []
    for i in range(candidates.shape[0]):
        for label in model.classes_:
            stack = sp.vstack if sp.issparse(rows) else np.vstack
            more = stack([rows, candidates[[i]]])
            params = {}
            if weights is not None:
                params["sample_weight"] = np.append(weights, 1.0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                fitted = clone(model).fit(more, np.append(labels, label), **params)
            proba.append(answer(fitted, targets))
    n_classes = len(model.classes_)
    return np.reshape(proba, (candidates.shape[0], n_classes, -1, n_classes))


def losses(proba, loss):
    if loss == "zero_one":
        return (1 - proba.max(axis=-1)).mean(axis=-1)
    logs = np.log(np.where(proba > 0, proba, 1))
    return -(proba * logs).sum(axis=-1).mean(axis=-1)


RBF_KERNEL = ConstantKernel(2.0) * RBF(3.0) + WhiteKernel(0.1)


def two_thirds(distances):
    return 1 / (1 + distances / distances.max(axis=1, keepdims=True))


CASES = [
    (GaussianNB(), numbers, GaussianNBRefits),
    (GaussianNB(var_smoothing=0.1), numbers, GaussianNBRefits),
    (MultinomialNB(), counts, MultinomialNBRefits),
    (MultinomialNB(alpha=0.1, fit_prior=False), counts, MultinomialNBRefits),
    (MultinomialNB(alpha=np.arange(1.0, 6.0)), counts, MultinomialNBRefits),
    (KNeighborsClassifier(), numbers, KNeighborsRefits),
    (KNeighborsClassifier(1), numbers, KNeighborsRefits),
    (KNeighborsClassifier(weights="distance"), numbers, KNeighborsRefits),
    (KNeighborsClassifier(4, weights=two_thirds), numbers, KNeighborsRefits),
    (KNeighborsClassifier(p=1), numbers, KNeighborsRefits),
    (KNeighborsClassifier(p=3, weights="distance"), numbers, KNeighborsRefits),
    (KNeighborsClassifier(metric="cosine"), numbers, KNeighborsRefits),
    (KNeighborsClassifier(metric="canberra"), counts, KNeighborsRefits),
    (KNeighborsClassifier(algorithm="brute"), numbers, KNeighborsRefits),
    (LinearDiscriminantAnalysis(), numbers, DiscriminantRefits),
    (LinearDiscriminantAnalysis(solver="lsqr"), numbers, DiscriminantRefits),
    (LinearDiscriminantAnalysis(solver="eigen"), numbers, DiscriminantRefits),
    (
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3),
        numbers,
        DiscriminantRefits,
    ),
    (
        LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.5),
        numbers,
        DiscriminantRefits,
    ),
    (RidgeClassifier(), numbers, RidgeRefits),
    (RidgeClassifier(alpha=5, fit_intercept=False), numbers, RidgeRefits),
    (RidgeClassifier(class_weight="balanced"), numbers, RidgeRefits),
    (RidgeClassifier(class_weight={0: 3, 1: 0.5}), numbers, RidgeRefits),
    (RidgeClassifier(alpha=0.01, solver="svd"), numbers, RidgeRefits),
]
TAKES_WEIGHTS = (GaussianNBRefits, MultinomialNBRefits, RidgeRefits)
# No closed form: these are fitted, or take a step of partial_fit, which is exact too.
FITTED = [
    (ComplementNB(), counts),
    (ComplementNB(norm=True, alpha=0.5), counts),
    (BernoulliNB(binarize=1.5), counts),
    (BernoulliNB(alpha=0.3, fit_prior=False), counts),
    (CategoricalNB(min_categories=4), categories),
    (CategoricalNB(min_categories=6, alpha=0.2), categories),
    (GaussianProcessClassifier(optimizer=None), numbers),
    (GaussianProcessClassifier(RBF_KERNEL, optimizer=None), numbers),
]


def case_name(value):
    return " ".join(repr(value).split())[:60] if hasattr(value, "fit") else None


def check(model, rows, codes, candidates, targets, weights=None, kind=None):
    params = {} if weights is None else {"sample_weight": weights}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # one row, in shrunk covariances
        model = clone(model).fit(rows, codes, **params)
    refits = make_refits(model, rows, codes, weights)
    if kind is not None:
        assert type(refits) is kind
    found = refits.retrain(candidates)
    expected = brute_force(model, rows, codes, weights, candidates, targets)
    proba = found.predict_proba(targets)
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba, expected, rtol=0, atol=1e-6)
    for loss in ("zero_one", "log"):
        np.testing.assert_allclose(
            found.expected_loss(targets, loss),
            losses(expected, loss),
            rtol=0,
            atol=2e-6,
        )


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize(("model", "make_rows", "kind"), CASES, ids=case_name)
def test_closed_forms_equal_real_refits(model, make_rows, kind, n_classes):
    check(model, *make_case(make_rows, n_classes), kind=kind)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("model", "make_rows", "kind"),
    [case for case in CASES if case[2] in TAKES_WEIGHTS],
    ids=case_name,
)
def test_with_sample_weights(model, make_rows, kind, n_classes):
    rows, codes, candidates, targets = make_case(make_rows, n_classes)
    weights = np.random.default_rng(1).uniform(0.1, 3, size=len(rows))
    check(model, rows, codes, candidates, targets, weights, kind)
    unweighted = make_refits(clone(model).fit(rows, codes), rows, codes)
    weighted = make_refits(
        clone(model).fit(rows, codes, sample_weight=weights), rows, codes, weights
    )
    before = unweighted.retrain(candidates).predict_proba(targets)
    after = weighted.retrain(candidates).predict_proba(targets)
    assert np.abs(before - after).max() > 1e-3


@pytest.mark.parametrize("prior", [[0.2, 0.3, 0.5], [0.0, 0.4, 0.6]])
@pytest.mark.parametrize(
    ("model", "make_rows"),
    [
        (GaussianNB(), numbers),
        (MultinomialNB(), counts),
        (BernoulliNB(), counts),
        (CategoricalNB(min_categories=4), categories),
        (LinearDiscriminantAnalysis(), numbers),
        (LinearDiscriminantAnalysis(solver="lsqr"), numbers),
    ],
    ids=case_name,
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_given_priors(model, make_rows, prior):
    name = "class_prior" if hasattr(model, "class_prior") else "priors"
    model = clone(model).set_params(**{name: prior})
    check(model, *make_case(make_rows, 3))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "model",
    [
        MultinomialNB(),
        ComplementNB(),
        ComplementNB(norm=True),
        BernoulliNB(),
        KNeighborsClassifier(3),
    ],
    ids=case_name,
)
@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array])
def test_sparse_rows(model, n_classes, container):
    rows, codes, candidates, targets = make_case(sparse_numbers, n_classes)
    rows, candidates, targets = map(container, (rows, candidates, targets))
    check(model, rows, codes, candidates, targets)


def one_label_each(n_classes):
    rng = np.random.default_rng(3)
    rows = numbers(rng, np.arange(n_classes))
    others = numbers(rng, rng.integers(n_classes, size=8))
    return rows, np.arange(n_classes), others[:5], others


def test_gaussian_with_one_row_a_class():
    # Variances are the smoothing alone, 1e-9 of the largest: products of huge terms.
    check(GaussianNB(), *one_label_each(3), kind=GaussianNBRefits)


def test_gaussian_far_from_the_origin():
    rows, codes, candidates, targets = make_case(numbers, 3)
    check(GaussianNB(), rows + 1e5, codes, candidates + 1e5, targets + 1e5)


@pytest.mark.parametrize("kind", ["multiplied", "by feature"])
def test_gaussian_both_ways(kind, monkeypatch):
    from skactive._models.refits import naive_bayes

    limit = np.inf if kind == "multiplied" else 0.0
    monkeypatch.setattr(naive_bayes, "_LARGEST_TERM", limit)
    check(GaussianNB(), *make_case(numbers, 3), kind=GaussianNBRefits)


@pytest.mark.parametrize("limit", [0.0, 1e-7])
def test_gaussian_smoothing_of_classes_left_alone(limit, monkeypatch):
    from skactive._models.refits import naive_bayes

    monkeypatch.setattr(naive_bayes, "_LARGEST_SQUARE", limit)
    rows, codes, candidates, targets = make_case(numbers, 4)
    # Smoothing matters most to a narrow class, and differs most for a far row.
    is_narrow = codes == 2
    center = rows[is_narrow].mean(axis=0)
    rows[is_narrow] = center + 0.03 * (rows[is_narrow] - center)
    candidates[0] += 20.0
    targets[0] = center + 0.05
    check(GaussianNB(), rows, codes, candidates, targets, kind=GaussianNBRefits)


@pytest.mark.parametrize("loss", ["zero_one", "log"])
def test_rest_of_the_classes(loss):
    from skactive._models.refits.naive_bayes import _Rest

    # Logarithms from far below to far above those of the others.
    logs = np.random.default_rng(0).normal(size=(3, 1, 50)) * 300
    table = np.random.default_rng(1).normal(size=(4, 50)) * 300
    planes = np.concatenate([np.broadcast_to(logs, (3, 4, 50)), table[np.newaxis]])
    proba = np.exp(planes - planes.max(axis=0))
    proba /= proba.sum(axis=0)
    rest = _Rest(logs)
    found = rest.losses(table - rest.log_total, loss)
    function = {"zero_one": base.zero_one_loss, "log": base.log_loss}[loss]
    np.testing.assert_allclose(found, function(proba, axis=0), atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_discriminant_with_fewer_rows_than_features(n_classes):
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(n_classes), 3)
    rows = rng.normal(size=(len(codes), 20)) + codes[:, np.newaxis]
    others = rng.normal(size=(6, 20))
    model = LinearDiscriminantAnalysis()
    check(model, rows, codes, others[:4], others, kind=DiscriminantRefits)
    # Without shrinkage the covariance is singular, which scikit-learn must deal with.
    model = LinearDiscriminantAnalysis(solver="lsqr").fit(rows, codes)
    assert type(make_refits(model, rows, codes)) is GenericRefits
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2)
    check(model, rows, codes, others[:4], others, kind=DiscriminantRefits)


def test_discriminant_with_a_constant_feature():
    rows, codes, candidates, targets = make_case(numbers, 3)
    rows[:, 2] = candidates[:3, 2] = 0.0
    check(LinearDiscriminantAnalysis(), rows, codes, candidates, targets)


def test_ridge_with_more_features_than_rows():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(3), 3)
    rows = rng.normal(size=(9, 30))
    others = rng.normal(size=(6, 30))
    check(RidgeClassifier(), rows, codes, others[:4], others, kind=RidgeRefits)


def test_ridge_proba_by_hand():
    decision = np.array([[0.0, 1.0, -2.0], [-2.0, -3.0, -1.5]])
    expected = [[1 / 3, 2 / 3, 0], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(ridge_proba(decision), expected)
    np.testing.assert_allclose(ridge_proba(np.array([[0.5]])), [[0.25, 0.75]])


@pytest.mark.parametrize("weights", ["uniform", "distance", two_thirds])
@pytest.mark.parametrize("n_rows", [5, 4])
def test_as_many_neighbours_as_rows_or_one_more(weights, n_rows):
    rows, codes, candidates, targets = make_case(numbers, 2, n_labeled=n_rows - 2)
    model = KNeighborsClassifier(5, weights=weights)
    check(model, rows, codes, candidates, targets, kind=KNeighborsRefits)


def test_too_many_neighbours():
    rows, codes, _, _ = make_case(numbers, 2, n_labeled=1)
    model = KNeighborsClassifier(5).fit(rows, codes)
    with pytest.raises(ValueError, match=r"wants 5 neighbours, but a refit has 4 rows"):
        make_refits(model, rows, codes)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_copies_among_neighbours(weights):
    rows, codes, candidates, targets = make_case(numbers, 3)
    candidates[0], targets[0], targets[1] = rows[0], rows[0], candidates[1]
    # Three neighbours, of which one or two are the target itself.
    model = KNeighborsClassifier(3, weights=weights, algorithm="brute")
    check(model, rows, codes, candidates, targets, kind=KNeighborsRefits)


def test_new_row_counts_as_farthest_among_equals():
    rows = np.array([[0.0], [1.0], [3.0]])
    codes = np.array([0, 1, 0])
    model = KNeighborsClassifier(2, algorithm="brute").fit(rows, codes)
    models = make_refits(model, rows, codes).retrain(np.array([[-1.0]]))
    # To target 0 the second nearest is at 1, and so is the new row.
    proba = models.predict_proba(np.array([[0.0]]))
    np.testing.assert_allclose(proba[0, :, 0], [[0.5, 0.5], [0.5, 0.5]])


def test_neighbours_without_weight():
    rows, codes, candidates, targets = make_case(numbers, 2)
    model = KNeighborsClassifier(weights=np.zeros_like).fit(rows, codes)
    models = make_refits(model, rows, codes).retrain(candidates)
    with pytest.raises(ValueError, match="weight zero"):
        models.predict_proba(targets)


# ---------------------------------------------------------------------------------
# Which refits
# ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "make_rows", "kind"), CASES, ids=case_name)
def test_subclass_is_not_taken_for_its_class(model, make_rows, kind):
    rows, codes, _, _ = make_case(make_rows, 3)
    subclass = type("Mine", (type(model),), {"__init__": type(model).__init__})
    mine = subclass(**model.get_params(deep=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        mine.fit(rows, codes)
    assert not kind.supports(mine)
    assert type(make_refits(mine, rows, codes)) is GenericRefits


@pytest.mark.parametrize(
    "model",
    [
        GaussianNB(var_smoothing=0),
        MultinomialNB(alpha=0),
        KNeighborsClassifier(metric="seuclidean", algorithm="brute"),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        RidgeClassifier(solver="lsqr"),
        RidgeClassifier(alpha=0),
        OneVsRestClassifier(GaussianNB()),
    ],
    ids=case_name,
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_parameters_without_closed_form(model):
    rows, codes, _, _ = make_case(counts, 3)
    assert type(make_refits(model.fit(rows, codes), rows, codes)) is GenericRefits


def test_class_without_rows():
    rows, codes, candidates, targets = make_case(numbers, 3)
    model = KNeighborsClassifier(3).fit(rows, codes)
    known = codes < 2
    refits = make_refits(model, rows[known], codes[known])
    assert type(refits) is GenericRefits
    proba = refits.retrain(candidates).predict_proba(targets)
    np.testing.assert_array_equal(proba[:, :2, :, 2], 0)
    assert proba[:, 2, :, 2].max() > 0


def test_weights_that_the_classifier_does_not_take():
    rows, codes, _, _ = make_case(numbers, 2)
    model = KNeighborsClassifier().fit(rows, codes)
    with pytest.raises(ValueError, match="takes no sample weights"):
        make_refits(model, rows, codes, np.ones(len(rows)))


@pytest.mark.parametrize("model", [MultinomialNB(), ComplementNB(), CategoricalNB()])
def test_negative_counts(model):
    rows, codes, candidates, _ = make_case(counts, 2)
    refits = make_refits(clone(model).fit(rows, codes), rows, codes)
    candidates[0, 1] = -1
    with pytest.raises(ValueError, match="Negative values"):
        refits.retrain(candidates)


# ---------------------------------------------------------------------------------
# Real fits
# ---------------------------------------------------------------------------------


@pytest.mark.parametrize("with_weights", [False, True])
def test_generic_clones(with_weights):
    rows, codes, candidates, targets = make_case(numbers, 3)
    weights = np.linspace(0.5, 2, len(rows)) if with_weights else None
    model = DecisionTreeClassifier(max_depth=2, random_state=0)
    check(model, rows, codes, candidates, targets, weights, GenericRefits)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize(("model", "make_rows"), FITTED, ids=case_name)
def test_generic_equals_real_refits(model, make_rows, n_classes):
    check(model, *make_case(make_rows, n_classes), kind=GenericRefits)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("model", "make_rows"), FITTED[:6], ids=case_name)
def test_generic_with_sample_weights(model, make_rows, n_classes):
    case = make_case(make_rows, n_classes)
    weights = np.random.default_rng(1).uniform(0.1, 3, size=len(case[0]))
    check(model, *case, weights, GenericRefits)


def test_generic_partial_fit_is_one_step_on_a_copy():
    rows, codes, candidates, targets = make_case(numbers, 2)
    model = SGDClassifier(loss="log_loss", random_state=0).fit(rows, codes)
    before = model.coef_.copy()
    found = make_refits(model, rows, codes).retrain(candidates).predict_proba(targets)
    np.testing.assert_array_equal(model.coef_, before)
    again = SGDClassifier(loss="log_loss", random_state=0).fit(rows, codes)
    again.partial_fit(candidates[[2]], [1])
    np.testing.assert_allclose(found[2, 1], again.predict_proba(targets))


def test_generic_warm_start():
    rows, codes, candidates, targets = make_case(numbers, 2)
    params = {"C": 0.3, "tol": 1e-8, "max_iter": 1000}
    model = LogisticRegression(**params).fit(rows, codes)
    refits = GenericRefits(model, rows, codes, None)
    found = refits.retrain(candidates).predict_proba(targets)
    expected = brute_force(model, rows, codes, None, candidates, targets)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not model.warm_start

    cut_short = LogisticRegression(**params).fit(rows, codes).set_params(max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        refits = GenericRefits(cut_short, rows, codes, None)
        near = refits.retrain(candidates).predict_proba(targets)
        far = brute_force(cut_short, rows, codes, None, candidates, targets)
    assert np.abs(near - expected).max() < 0.3 * np.abs(far - expected).max()


def test_generic_common_random_numbers():
    rows, codes, candidates, targets = make_case(numbers, 2)
    tree = DecisionTreeClassifier(splitter="random").fit(rows, codes)
    refits = make_refits(tree, rows, codes)
    first = refits.retrain(candidates).predict_proba(targets)
    second = refits.retrain(candidates).predict_proba(targets)
    np.testing.assert_array_equal(first, second)


class ByLength(DecisionTreeClassifier):
    """Takes texts, and knows their lengths only."""

    def fit(self, X, y):
        assert isinstance(X, list)
        return super().fit([[len(text)] for text in X], y)

    def predict_proba(self, X):
        return super().predict_proba([[len(text)] for text in X])


def test_generic_containers():
    rows, codes, candidates, targets = make_case(numbers, 2)
    model = DecisionTreeClassifier(random_state=0)
    expected = make_refits(model.fit(rows, codes), rows, codes).retrain(candidates)
    expected = expected.predict_proba(targets)
    names = list("abcde")
    frames = [pd.DataFrame(part, columns=names) for part in (rows, candidates, targets)]
    model = clone(model).fit(frames[0], codes)  # would warn of rows without names
    models = make_refits(model, frames[0], codes).retrain(frames[1])
    np.testing.assert_array_equal(models.predict_proba(frames[2]), expected)
    sparse = [sp.csr_array(part) for part in (rows, candidates, targets)]
    model = clone(model).fit(sparse[0], codes)
    models = make_refits(model, sparse[0], codes).retrain(sparse[1])
    np.testing.assert_allclose(models.predict_proba(sparse[2]), expected)

    texts = ["a", "bb", "ccccc", "dddddd"]
    model = ByLength().fit(texts, [0, 0, 1, 1])
    models = make_refits(model, texts, np.array([0, 0, 1, 1])).retrain(["xxx"])
    np.testing.assert_array_equal(models.predict_proba(["xxx"])[0, :, 0], np.eye(2))


# ---------------------------------------------------------------------------------
# Losses
# ---------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["zero_one", "log"])
@pytest.mark.parametrize(
    "model",
    [
        GaussianNB(),
        KNeighborsClassifier(3),
        KNeighborsClassifier(3, weights="distance"),
        LinearDiscriminantAnalysis(),
        RidgeClassifier(),
    ],
    ids=case_name,
)
def test_chunks_do_not_change_losses(model, loss, monkeypatch):
    rows, codes, candidates, _ = make_case(numbers, 3)
    targets = numbers(np.random.default_rng(5), np.zeros(100, dtype=int))
    refits = make_refits(model.fit(rows, codes), rows, codes)
    whole = refits.retrain(candidates).expected_loss(targets, loss)
    monkeypatch.setattr(base, "CHUNK_SIZE", 40)
    monkeypatch.setattr("skactive._models.refits.neighbors.CHUNK_SIZE", 40)
    models = refits.retrain(candidates)
    np.testing.assert_allclose(models.expected_loss(targets, loss), whole, atol=1e-12)
    function = {"zero_one": lambda p: 1 - p.max(axis=-1), "log": base.log_loss}[loss]
    np.testing.assert_allclose(mean_loss(models, targets, function), whole, atol=1e-12)
    one = [
        refits.retrain(candidates[[i]]).expected_loss(targets, loss)[0]
        for i in range(len(candidates))
    ]
    np.testing.assert_allclose(one, whole, atol=1e-12)


def test_certain_models_have_no_loss():
    proba = np.array([[[1.0, 0.0], [0.5, 0.5]]])
    np.testing.assert_allclose(base.log_loss(proba), [[0, np.log(2)]])
    np.testing.assert_allclose(base.zero_one_loss(proba), [[0, 0.5]])

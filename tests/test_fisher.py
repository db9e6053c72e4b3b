"""Variance reduction and BAIT against explicit inverses of explicit matrices.

The oracles hold the coefficients of all classes in an orthonormal basis of those that
sum to zero over classes, row by row and matrix by matrix; the code takes the first
class as a reference and updates small matrices.
"""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import null_space
from sklearn.datasets import make_blobs, make_circles, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from skactive import ActiveLearningClassifier
from skactive._models.wrappers import Fitted
from skactive.geometry import _fisher as fisher
from skactive.strategies import _fisher as strategies
from skactive.strategies._fisher import Bait, VarianceReduction

X, three = make_classification(
    n_samples=40, n_features=4, n_informative=4, n_redundant=0, n_classes=3,
    random_state=0,
)  # fmt: skip
two = (three > 0).astype(int)
LABELED = np.arange(40) < 12
RNG = np.random.default_rng


def hide(labels):
    return np.where(LABELED, labels, np.nan)


def fit(labels, **params):
    return LogisticRegression(**params).fit(X[LABELED], labels[LABELED])


def basis_of(n_classes):
    """Coefficients of all classes from those that are fitted: (n_classes, n_rows)."""
    if n_classes == 2:
        return np.array([[0.0], [1.0]])
    return null_space(np.ones((1, n_classes)))


class Oracle:
    """The matrices of the definition, for features with ones and a penalty."""

    def __init__(self, features, proba, penalty, labeled, weights=None):
        self.features, self.proba = features, proba
        self.Z = basis_of(proba.shape[1])
        weights = np.ones(len(labeled)) if weights is None else weights
        least = np.mean([np.trace(self.reference_information(i)) for i in self.rows()])
        least = 1e-6 * least / (features.shape[1] * self.Z.shape[1])
        prior = np.diag(np.maximum(penalty, least))
        self.M = np.kron(np.eye(self.Z.shape[1]), prior)
        for i, weight in zip(labeled, weights, strict=True):
            self.M += weight * self.information(i)

    def rows(self):
        return range(len(self.features))

    def variance(self, i):
        p = self.proba[i]
        return np.diag(p) - np.outer(p, p)

    def information(self, i):
        h = self.features[i]
        return np.kron(self.Z.T @ self.variance(i) @ self.Z, np.outer(h, h))

    def reference_information(self, i):
        h = self.features[i]
        return np.kron(self.variance(i)[1:, 1:], np.outer(h, h))

    def mean_variance(self, M):
        """Mean over the pool of the variances of all probabilities."""
        inverse, total = np.linalg.inv(M), 0.0
        for i in self.rows():
            for c in range(self.proba.shape[1]):
                gradient = np.kron(self.Z.T @ self.variance(i)[c], self.features[i])
                total += gradient @ inverse @ gradient
        return total / len(self.features)

    def bait(self, M):
        pool = sum(self.information(i) for i in self.rows()) / len(self.features)
        return np.trace(np.linalg.inv(M) @ pool)

    def greedy(self, candidates, n_chosen, oversampling=2):
        M, added = self.M.copy(), []
        for _ in range(min(len(candidates), int(np.ceil(oversampling * n_chosen)))):
            left = [i for i in candidates if i not in added]
            values = [self.bait(M + self.information(i)) for i in left]
            added.append(left[int(np.argmin(values))])
            M += self.information(added[-1])
        while len(added) > n_chosen:
            values = [self.bait(M - self.information(i)) for i in added]
            gone = added.pop(int(np.argmin(values)))
            M -= self.information(gone)
        return added


def with_ones(features):
    return np.column_stack([features, np.ones(len(features))])


def oracle_of(model, weights=None):
    penalty = np.full(X.shape[1] + 1, 1 / model.C)
    penalty[-1] = 0
    rows = np.flatnonzero(LABELED)
    return Oracle(with_ones(X), model.predict_proba(X), penalty, rows, weights)


CASES = {
    "binary": (two, {}),
    "binary, weak penalty": (two, {"C": 100}),
    "three": (three, {}),
    "three, strong penalty": (three, {"C": 0.01}),
}
every_case = pytest.mark.parametrize("case", CASES)


# The kernels ------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_factor_is_a_root_of_the_variance(n_classes):
    proba = RNG(0).dirichlet(np.full(n_classes, 0.3), size=50)
    proba = np.vstack([proba, np.eye(n_classes)])  # certain rows
    proba[0] = 0
    proba[0, :2] = [0.5, 0.5]
    root = fisher.factor_of(proba).as_matrix()
    for i, p in enumerate(proba):
        variance = (np.diag(p) - np.outer(p, p))[1:, 1:]
        assert_allclose(root[:, :, i] @ root[:, :, i].T, variance, atol=1e-14)
        assert_allclose(np.triu(root[:, :, i], 1), 0)


def test_factor_of_vanishing_probabilities_is_finite():
    proba = np.array([[5e-324, 1.0, 0.0], [1e-310, 1.0, 1e-320], [0.0, 1.0, 5e-324]])
    factor = fisher.factor_of(proba)
    assert all(np.isfinite(part).all() for part in factor)
    assert_allclose(factor.as_matrix(), 0, atol=1e-150)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_trace_of_quotient(sign):
    rng = RNG(1)
    roots = rng.normal(size=(2, 7, 4, 4)) / 6
    G, H = roots @ roots.transpose(0, 1, 3, 2)
    eye = np.eye(4)
    expected = [np.trace(np.linalg.inv(eye + sign * g) @ h) for g, h in zip(G, H)]  # noqa: B905
    moved = [np.ascontiguousarray(part.transpose(1, 2, 0)) for part in (G, H)]
    before = [part.copy() for part in moved]
    assert_allclose(fisher.trace_of_quotient(*moved, sign), expected)
    assert_array_equal(moved, before)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_totals(n_classes, container):
    rng = RNG(2)
    features, weights = rng.normal(size=(9, 3)), rng.random(9)
    proba = rng.dirichlet(np.ones(n_classes), size=9)
    information, products = 0, 0
    for h, p, w in zip(features, proba, weights, strict=True):
        variance = np.diag(p) - np.outer(p, p)
        information = information + w * np.kron(variance[1:, 1:], np.outer(h, h))
        square = (variance @ variance)[1:, 1:]
        products = products + np.kron(square, np.outer(h, h))
    pool = container(features)
    assert_allclose(fisher.total_information(pool, proba, weights), information)
    assert_allclose(fisher.total_gradient_products(pool, proba), products, atol=1e-15)


def test_trace_does_not_depend_on_the_reference_class():
    rng = RNG(3)
    features, proba = rng.normal(size=(9, 3)), rng.dirichlet(np.ones(4), size=9)
    values = []
    for order in ([0, 1, 2, 3], [2, 3, 0, 1]):
        p = proba[:, order]
        M = fisher.prior_information(4, np.ones(3)) + fisher.total_information(
            features[:5], p[:5]
        )
        T = fisher.total_information(features, p)
        values.append(fisher.trace_reductions(features, p, M, T))
    assert_allclose(*values)


def test_updates_do_not_drift():
    rng = RNG(4)
    features, proba = rng.normal(size=(150, 5)), rng.dirichlet(np.ones(4), size=150)
    M = fisher.prior_information(4, np.full(5, 1e-4))
    T = fisher.total_information(features, proba) / 150
    rows = fisher._Rows(features, proba, M, T)
    for row in range(60):
        rows.move(row, 1.0)
    for row in range(30):
        rows.move(row, -1.0)
    M = M + fisher.total_information(features[30:60], proba[30:60])
    assert_allclose(rows.inverse, np.linalg.inv(M), rtol=1e-5, atol=1e-6)
    fresh = fisher.trace_reductions(features, proba, M, T)
    assert_allclose(rows.gains(), fresh, rtol=1e-5)


# Variance reduction -----------------------------------------------------------------


@every_case
def test_variance_reduction_equals_explicit_inverses(case):
    labels, params = CASES[case]
    model = fit(labels, **params)
    oracle = oracle_of(model)
    now = oracle.mean_variance(oracle.M)
    expected = [
        now - oracle.mean_variance(oracle.M + oracle.information(i)) for i in range(40)
    ]
    utilities = VarianceReduction()(model, X, hide(labels))
    assert (utilities > 0).all()
    assert_allclose(utilities, expected, rtol=1e-7, atol=1e-12)


def test_variance_is_that_of_the_probabilities():
    # To first order: the variance of probabilities over coefficients drawn around
    # the fitted ones, with a covariance small enough for that order.
    model = fit(two)
    oracle = oracle_of(model)
    scale = 1e6
    draws = RNG(0).multivariate_normal(
        np.append(model.coef_[0], model.intercept_), np.linalg.inv(oracle.M * scale),
        size=40_000, method="cholesky",
    )  # fmt: skip
    p = 1 / (1 + np.exp(-with_ones(X) @ draws.T))
    simulated = 2 * p.var(axis=1).mean() * scale
    assert_allclose(oracle.mean_variance(oracle.M), simulated, rtol=0.03)


# BAIT -------------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("n_queries", [1, 5])
@pytest.mark.parametrize("oversampling", [1.0, 1.5, 2.0])
def test_bait_equals_explicit_greedy(case, n_queries, oversampling):
    labels, params = CASES[case]
    model = fit(labels, **params)
    expected = oracle_of(model).greedy(
        np.flatnonzero(~LABELED).tolist(), n_queries, oversampling
    )
    chosen = Bait(oversampling=oversampling).select(
        model, X, hide(labels), n_queries=n_queries, random_state=0
    )
    assert chosen.tolist() == expected


def test_bait_on_the_last_layer_of_a_net():
    with pytest.warns(match="lbfgs failed to converge"):
        model = MLPClassifier(
            4, activation="tanh", alpha=0.1, solver="lbfgs", max_iter=8, random_state=0
        ).fit(X[LABELED], three[LABELED])
    hidden = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    penalty = np.array([0.1, 0.1, 0.1, 0.1, 0])
    oracle = Oracle(
        with_ones(hidden), model.predict_proba(X), penalty, np.flatnonzero(LABELED)
    )
    expected = oracle.greedy(np.flatnonzero(~LABELED).tolist(), 4)
    chosen = Bait().select(model, X, hide(three), n_queries=4)
    assert chosen.tolist() == expected


def test_backward_steps_pay():
    model = fit(three, C=10)
    oracle = oracle_of(model)

    def value(strategy):
        chosen = strategy.select(model, X, hide(three), n_queries=4, random_state=0)
        return oracle.bait(oracle.M + sum(oracle.information(i) for i in chosen))

    random = [
        oracle.bait(oracle.M + sum(oracle.information(i) for i in rows))
        for rows in (RNG(s).permutation(np.arange(12, 40))[:4] for s in range(200))
    ]
    assert value(Bait()) < np.min(random)
    assert value(Bait(oversampling=3)) <= value(Bait(oversampling=1)) * (1 + 1e-9)


def test_bait_batch():
    model, y = fit(three), hide(three)
    options = {"random_state": 0}
    for n_queries in (1, 13, 28):
        chosen = Bait().select(model, X, y, n_queries=n_queries, **options)
        assert chosen.shape == (n_queries,)
        assert len(set(chosen.tolist())) == n_queries
        assert not LABELED[chosen].any()
    everything = Bait().select(model, X, y, n_queries=100, **options)
    assert_array_equal(np.sort(everything), np.flatnonzero(~LABELED))
    assert Bait().select(model, X, three, n_queries=3).shape == (0,)
    with pytest.raises(ValueError, match="n_queries must be a positive int"):
        Bait().select(model, X, y, n_queries=0)
    with pytest.raises(TypeError, match="as a whole"):
        Bait()(model, X, y)


def test_copies_come_last():
    model = fit(three)
    pool = np.vstack([X[LABELED], np.repeat(X[12:15], 6, axis=0)])
    y = np.append(three[LABELED], np.full(18, np.nan))
    chosen = Bait().select(model, pool, y, n_queries=5, random_state=0)
    assert len(np.unique(pool[chosen[:3]], axis=0)) == 3
    assert len(set(chosen.tolist())) == 5


def test_ties_are_broken_by_the_seed():
    model = fit(two)
    pool = np.zeros((30, 4))
    pool[:, 0] = np.arange(30) % 2 * 2.0 - 1  # two kinds of rows
    model.coef_[:] = 0.0
    model.intercept_[:] = 0.0  # alike in both
    picks = {
        int(Bait().select(model, pool, n_queries=1, random_state=seed)[0])
        for seed in range(20)
    }
    assert len(picks) > 5
    again = [Bait().select(model, X, n_queries=5, random_state=3) for _ in range(2)]
    assert_array_equal(*again)


# Both -------------------------------------------------------------------------------


def answers(model, pool, y, **params):
    utilities = VarianceReduction(**params)(model, pool, y)
    chosen = Bait(**params).select(model, pool, y, n_queries=6, random_state=0)
    return utilities, chosen


@every_case
def test_order_of_rows_does_not_matter(case):
    labels, params = CASES[case]
    model, y = fit(labels, **params), hide(labels)
    order = RNG(0).permutation(40)
    utilities, chosen = answers(model, X, y)
    moved_utilities, moved = answers(model, X[order], y[order])
    assert_allclose(moved_utilities, utilities[order])
    assert_array_equal(order[moved], chosen)


def test_sparse_and_single_precision():
    model, y = fit(three), hide(three)
    utilities, chosen = answers(model, X, y)
    for pool, rtol in (
        (sp.csr_array(X), 1e-9), (sp.csr_matrix(X), 1e-9), (X.astype(np.float32), 1e-4)
    ):  # fmt: skip
        found, picked = answers(model, pool, y)
        assert found.dtype == np.float64
        assert_allclose(found, utilities, rtol=rtol)
        assert_array_equal(picked, chosen)
    many_y = np.append(y, np.full(200, np.nan))
    many = RNG(0).normal(size=(240, 4)) * (RNG(1).random((240, 4)) < 0.4)
    found, picked = answers(model, many, many_y)
    sparse, sparse_picked = answers(model, sp.csr_array(many), many_y)
    assert_allclose(sparse, found, rtol=1e-9)
    assert_array_equal(sparse_picked, picked)


def test_blocks_do_not_matter(monkeypatch):
    rng = RNG(0)
    pool = np.vstack([X, rng.normal(size=(400, 4))])
    y = np.append(hide(three), np.full(400, np.nan))
    model = fit(three)
    utilities, chosen = answers(model, pool, y)
    monkeypatch.setattr(fisher, "_SMALL_BLOCK", 1)
    monkeypatch.setattr("skactive.geometry._blocks.BLOCK_SIZE", 100)
    found, picked = answers(model, pool, y)
    assert_allclose(found, utilities, rtol=1e-12)
    assert_array_equal(picked, chosen)


def test_class_and_sample_weights_count():
    weight = RNG(0).random(40)
    params = {"class_weight": {0: 1.0, 1: 4.0, 2: 0.5}}
    model = LogisticRegression(**params).fit(
        X[LABELED], three[LABELED], sample_weight=weight[LABELED]
    )
    weights = weight * compute_sample_weight(params["class_weight"], three)
    oracle = oracle_of(model, weights[LABELED])
    fitted = Fitted(model, sample_weight=weight)
    now = oracle.mean_variance(oracle.M)
    later = oracle.mean_variance(oracle.M + oracle.information(20))
    utilities = VarianceReduction()(fitted, X, hide(three))
    assert_allclose(utilities[20], now - later)
    chosen = Bait().select(fitted, X, hide(three), n_queries=3)
    assert chosen.tolist() == oracle.greedy(list(range(12, 40)), 3)
    # Strings with None, and a label that the model does not know.
    names = np.array(["a", "b", "c"], dtype=object)[three]
    params = {"class_weight": {"a": 1.0, "b": 4.0, "c": 0.5}}
    named = LogisticRegression(**params).fit(
        X[LABELED], names[LABELED], sample_weight=weight[LABELED]
    )
    y = np.where(LABELED, names, None)
    fitted = Fitted(named, sample_weight=weight)
    assert_allclose(VarianceReduction()(fitted, X, y), utilities)
    y[20] = "new"
    assert np.isfinite(VarianceReduction()(fitted, X, y)).all()


def test_nothing_labelled():
    model = fit(three)
    utilities, chosen = answers(model, X, None)
    assert np.isfinite(utilities).all()
    assert len(set(chosen.tolist())) == 6
    oracle = Oracle(with_ones(X), model.predict_proba(X), [1.0] * 4 + [0.0], [])
    # The intercept is open, and 1e-6 of a row is all that is known of it.
    assert chosen.tolist() == oracle.greedy(list(range(40)), 6)


def test_zero_where_the_model_is_certain():
    model = fit(two)
    model.coef_[:] *= 1e6
    model.intercept_[:] = 0
    assert_array_equal(VarianceReduction()(model, X, hide(two)), 0)
    chosen = Bait().select(model, X, hide(two), n_queries=5, random_state=0)
    assert len(set(chosen.tolist())) == 5


def test_pipeline_sees_transformed_rows():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.fit(X[LABELED], three[LABELED])
    found, picked = answers(pipeline, X, hide(three))
    rows = pipeline[0].transform(X)
    utilities, chosen = answers(pipeline[-1], rows, hide(three))
    assert_allclose(found, utilities)
    assert_array_equal(picked, chosen)


def test_named_penalty():
    model, y = fit(three, C=0.25), hide(three)
    utilities, chosen = answers(model, X, y)
    found, picked = answers(model, X, y, penalty=4.0)
    assert_array_equal(found, utilities)
    assert_array_equal(picked, chosen)
    assert not np.allclose(answers(model, X, y, penalty=400.0)[0], utilities)


def test_too_many_features_become_components():
    rng = RNG(0)
    wide = X @ rng.normal(size=(4, 30))  # of rank 4
    y = hide(three)
    model = LogisticRegression(C=0.1).fit(wide[LABELED], three[LABELED])
    utilities, chosen = answers(model, wide, y)
    for pool in (wide, sp.csr_array(wide)):
        # Four components are enough, and change nothing.
        found, picked = answers(model, pool, y, max_parameters=10)
        assert_allclose(found, utilities, rtol=1e-4)  # the least penalty is another
        assert_array_equal(picked, chosen)
    fewer, _ = answers(model, wide, y, max_parameters=4)
    assert not np.allclose(fewer, utilities, rtol=1e-2)
    assert np.isfinite(answers(model, wide, y, max_parameters=2)[0]).all()


def test_many_classes_become_two(monkeypatch):
    monkeypatch.setattr(strategies, "_MAX_CLASSES", 2)
    model, y = fit(three), hide(three)
    utilities, chosen = answers(model, X, y)
    best = model.predict_proba(X).max(axis=1)
    oracle = Oracle(
        with_ones(X), np.column_stack([1 - best, best]), [1.0] * 4 + [0.0],
        np.flatnonzero(LABELED),
    )  # fmt: skip
    now = oracle.mean_variance(oracle.M)
    later = oracle.mean_variance(oracle.M + oracle.information(30))
    assert_allclose(utilities[30], now - later)
    assert chosen.tolist() == oracle.greedy(list(range(12, 40)), 6)


def test_too_many_candidates_are_thinned():
    model, y = fit(three), hide(three)
    picks = [
        Bait(max_candidates=10).select(model, X, y, n_queries=10, random_state=seed)
        for seed in (0, 0, 1)
    ]
    assert_array_equal(picks[0], picks[1])
    assert set(picks[0].tolist()) != set(picks[2].tolist())
    more = Bait(max_candidates=10).select(model, X, y, n_queries=20, random_state=0)
    assert len(set(more.tolist())) == 20


def test_rows_that_alone_tell_of_a_direction():
    # More features than rows, and next to no penalty: what the removal of a row leaves
    # of its direction is rounding.
    rng = np.random.default_rng(0)
    rows, labels = rng.standard_normal((40, 300)), np.arange(8) % 2
    model = LogisticRegression(C=1e8, max_iter=10_000).fit(rows[:8], labels)
    y = np.append(labels.astype(float), np.full(32, np.nan))
    chosen = Bait().select(model, rows, y, n_queries=3, random_state=0)
    assert len(set(chosen)) == 3
    assert chosen.min() >= 8


@pytest.mark.parametrize("labels", [two, three])
def test_left_out_logits_are_a_newton_step(labels):
    """Against the gradient and the Hessian of the loss without the row."""
    model = fit(labels, C=0.7, tol=1e-10, max_iter=10_000)
    design = strategies._read_design(Bait(), model, X, hide(labels))
    rows = np.flatnonzero(LABELED)
    weights = np.linspace(0.5, 2, len(rows))
    information = design.information
    found = fisher.left_out_logits(
        design.features[rows], design.proba[rows], labels[rows], information, weights
    )
    for i, row in enumerate(rows):
        h, p = design.features[row], design.proba[row, 1:]
        jacobian = np.kron(np.eye(len(p)), h)  # of the logits, (free, parameters)
        hessian = information - weights[i] * jacobian.T @ (
            (np.diag(p) - np.outer(p, p)) @ jacobian
        )
        residual = p - (labels[row] == np.arange(1, len(p) + 1))
        step = np.linalg.solve(hessian, weights[i] * jacobian.T @ residual)
        expected = np.log(p / design.proba[row, 0]) + jacobian @ step
        assert_allclose(found[i], [0, *expected], rtol=1e-6, atol=1e-8)


def test_left_out_logits_are_near_those_of_refits():
    rows, params = np.arange(40), {"C": 0.5, "tol": 1e-10, "max_iter": 10_000}
    model = LogisticRegression(**params).fit(X, three)
    design = strategies._read_design(Bait(), model, X, three.astype(float))
    found = fisher.left_out_logits(
        design.features, design.proba, three, design.information, np.ones(40)
    )
    exact = []
    for row in rows:
        others = rows != row
        refit = LogisticRegression(**params).fit(X[others], three[others])
        logs = refit.predict_log_proba(X[[row]])[0]
        exact.append(logs - logs[0])
    as_fitted = np.log(design.proba / design.proba[:, :1])
    assert np.abs(found - exact).max() < 0.3 * np.abs(as_fitted - exact).max()
    assert_array_equal(found.argmax(axis=1), np.argmax(exact, axis=1))


@pytest.mark.parametrize(
    ("data", "is_wrong"),
    [
        (make_circles(400, noise=0.1, factor=0.4, random_state=0), True),
        (make_blobs(400, centers=3, cluster_std=2.0, random_state=0), False),
    ],
)
def test_bait_warns_where_no_coefficients_fit(data, is_wrong):
    campaign = ActiveLearningClassifier(
        LogisticRegression(), "bait", n_initial=20, budget=60, random_state=0
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        campaign.fit(*data)
    told = [str(w.message) for w in caught]
    assert len(told) == 4 * is_wrong  # in each query after the first 20 labels
    assert all("no more often than the most frequent class" in text for text in told)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # 19 labels tell too little
        campaign.set_params(n_initial=19, budget=20).fit(*data)

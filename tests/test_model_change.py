"""Expected gradient length against gradients by finite differences."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_expit, log_softmax
from sklearn import config_context
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier
from skactive.geometry._fisher import expected_gradient_length
from skactive.strategies._fisher import Bait, VarianceReduction
from skactive.strategies._model_change import ExpectedModelChange

X, three = make_classification(
    n_samples=60, n_features=4, n_informative=4, n_redundant=0, n_classes=3,
    random_state=0,
)  # fmt: skip
two = (three > 0).astype(int)
STRATEGIES = [ExpectedModelChange(), VarianceReduction(), Bait()]


def net(y):
    with pytest.warns(match="lbfgs failed to converge"):
        return MLPClassifier(
            (5, 3), activation="tanh", solver="lbfgs", max_iter=10, random_state=0
        ).fit(X, y)


def loss(coef, h, label):
    """Log loss of one row, coefficients (n_rows, n_features)."""
    if len(coef) == 1:
        return -log_expit((coef[0] @ h) * (1 if label else -1))
    return -log_softmax(coef @ h)[label]


def length_by_differences(coef, h, step=1e-5):
    """Expected length of the gradient, by central differences, label by label."""
    n_classes = max(2, len(coef))
    expected = 0.0
    for label in range(n_classes):
        gradient = np.empty_like(coef)
        for place in np.ndindex(*coef.shape):
            shift = np.zeros_like(coef)
            shift[place] = step
            gradient[place] = (
                loss(coef + shift, h, label) - loss(coef - shift, h, label)
            ) / (2 * step)
        expected += np.exp(-loss(coef, h, label)) * np.linalg.norm(gradient)
    return expected


@pytest.mark.parametrize("y", [two, three], ids=["binary", "three"])
@pytest.mark.parametrize("kind", ["intercept", "no intercept", "net"])
def test_equals_finite_differences(y, kind):
    if kind == "net":
        model = net(y)
        hidden = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
        hidden = np.tanh(hidden @ model.coefs_[1] + model.intercepts_[1])
        coef = np.column_stack([model.coefs_[-1].T, model.intercepts_[-1]])
        features = np.column_stack([hidden, np.ones(60)])
    elif kind == "intercept":
        model = LogisticRegression().fit(X, y)
        coef = np.column_stack([model.coef_, model.intercept_])
        features = np.column_stack([X, np.ones(60)])
    else:
        model = LogisticRegression(fit_intercept=False).fit(X, y)
        coef, features = model.coef_, X
    utilities = ExpectedModelChange()(model, X)
    expected = [length_by_differences(coef, h) for h in features[:12]]
    assert_allclose(utilities[:12], expected, rtol=1e-6, atol=1e-9)


def test_zero_at_certainty_and_never_negative():
    for n_classes in (2, 3, 5):
        certain = np.eye(n_classes)
        features = np.full((n_classes, 2), 1e6)
        assert_array_equal(expected_gradient_length(features, certain), 0)
        proba = np.random.default_rng(0).dirichlet(np.full(n_classes, 0.1), 200)
        lengths = expected_gradient_length(np.ones((200, 2)), proba)
        assert (lengths >= 0).all()
        # Nothing is moved more than at equal probabilities.
        even = np.full((1, n_classes), 1 / n_classes)
        assert lengths.max() <= expected_gradient_length(np.ones((1, 2)), even)[0]


def test_tiny_doubt_keeps_its_digits():
    proba = np.array([[1 - 1e-13, 6e-14, 4e-14]])
    a, b = proba[0, 1:]
    near = np.sqrt((a + b) ** 2 + a**2 + b**2)
    expected = near + a * np.sqrt(2) + b * np.sqrt(2)
    length = expected_gradient_length(np.ones((1, 1)), proba, has_intercept=False)
    assert_allclose(length, [expected], rtol=1e-10)


def test_containers_and_chunks():
    model = LogisticRegression().fit(X, three)
    expected = ExpectedModelChange()(model, X)
    assert_allclose(ExpectedModelChange()(model, sp.csr_array(X)), expected, rtol=1e-12)
    single = ExpectedModelChange()(model, X.astype(np.float32))
    assert single.dtype == np.float64
    assert_allclose(single, expected, rtol=1e-4)
    order = np.random.default_rng(0).permutation(60)
    assert_allclose(ExpectedModelChange()(model, X[order]), expected[order])
    large = np.tile(X, (30, 1))
    whole = ExpectedModelChange()(model, large)
    with config_context(working_memory=1e-3):
        assert_array_equal(ExpectedModelChange()(model, large), whole)
    assert_allclose(whole, np.tile(expected, 30), rtol=1e-12)


def test_float32_lengths_do_not_overflow():
    features = np.full((1, 2), 3e30, dtype=np.float32)
    length = expected_gradient_length(features, np.array([[0.5, 0.5]]))
    assert_allclose(length, [1.5e30 * np.sqrt(2)], rtol=1e-6)


def test_pipeline_sees_transformed_rows():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, three)
    expected = ExpectedModelChange()(pipeline[-1], pipeline[0].transform(X))
    assert_allclose(ExpectedModelChange()(pipeline, X), expected)


# All three strategies ---------------------------------------------------------------

every = pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: repr(s)[:12])


@every
def test_error_names_both_sides(strategy):
    model = GaussianNB().fit(X, three)
    match = (
        rf"{type(strategy).__name__} needs a known last layer: LogisticRegression, .*"
        r"MLPClassifier, .*features= of the strategy.*; got GaussianNB\(\)\."
    )
    with pytest.raises(ValueError, match=match):
        strategy.select(model, X, n_queries=2)
    with pytest.raises(ValueError, match=match):
        ActiveLearningClassifier(GaussianNB(), strategy).fit(X, three)
    named, hinge = type(strategy)(features=StandardScaler()), SGDClassifier()
    hinge.fit(X, three)
    with pytest.raises(ValueError, match="needs predict_proba"):
        named.select(hinge, X, n_queries=2)


@every
def test_features_named_by_the_user(strategy):
    model = net(three)

    def hidden(rows):
        values = np.tanh(rows @ model.coefs_[0] + model.intercepts_[0])
        return np.tanh(values @ model.coefs_[1] + model.intercepts_[1])

    class Unknown:
        classes_ = model.classes_

        def predict_proba(self, rows):
            return model.predict_proba(rows)

    known, options = strategy, {"n_queries": 7, "random_state": 0}
    named = type(strategy)(features=hidden)
    if not isinstance(strategy, ExpectedModelChange):
        named.set_params(penalty=model.alpha)
    y = np.where(np.arange(60) < 20, three, np.nan)
    assert_array_equal(
        named.select(Unknown(), X, y, **options), known.select(model, X, y, **options)
    )


@every
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.filterwarnings("ignore:.*left out in turn")  # a net of five steps
@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(class_weight="balanced"),
        make_pipeline(StandardScaler(), LogisticRegression(class_weight={"b": 3.0})),
        MLPClassifier(4, max_iter=5),
        SGDClassifier(loss="log_loss"),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2),
    ],
    ids=["logistic", "pipeline", "net", "sgd", "search"],
)
def test_budgeted_fit(strategy, estimator):
    labels = np.array(["b", "a", "c"])[three]
    learner = ActiveLearningClassifier(
        estimator, strategy, n_initial=20, batch_size=6, budget=35, random_state=0
    ).fit(X, labels)
    assert learner.n_labels_ == 35
    assert len(set(learner.labeled_indices_.tolist())) == 35
    again = learner.fit(X, labels).labeled_indices_.copy()
    assert_array_equal(learner.fit(X, labels).labeled_indices_, again)


def test_search_over_strategies():
    learner = ActiveLearningClassifier(LogisticRegression(), budget=20, random_state=0)
    grid = [
        {"strategy": [ExpectedModelChange()]},
        {"strategy": [VarianceReduction()], "strategy__penalty": [None, 1.0]},
        {"strategy": [Bait()], "strategy__oversampling": [1.0, 2.0]},
    ]
    search = GridSearchCV(learner, grid, cv=2, error_score="raise").fit(X, two)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_score_samples_only_where_rows_stand_alone():
    for strategy in STRATEGIES:
        learner = ActiveLearningClassifier(LogisticRegression(), strategy).fit(X, two)
        stands_alone = isinstance(strategy, ExpectedModelChange)
        assert hasattr(learner, "score_samples") == stands_alone

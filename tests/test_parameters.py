"""Parameters of the learner: copies, names, and bad ones."""

import io
import pickle

import joblib
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.utils._param_validation import InvalidParameterError

from learners import FEW_LABELS, NAMES, X, full, inner_for, make, partly
from skactive import ActiveLearningClassifier
from skactive.strategies import Entropy, Margin

pytestmark = FEW_LABELS


@pytest.mark.parametrize("name", NAMES)
def test_clone_pickle_joblib_repr(name):
    learner = make(inner_for(name), name, n_members=2).fit(X, partly())
    buffer = io.BytesIO()
    joblib.dump(learner, buffer)
    buffer.seek(0)
    for copy in (pickle.loads(pickle.dumps(learner)), joblib.load(buffer)):
        assert_array_equal(copy.query(X, partly()), learner.query(X, partly()))
        assert_array_equal(copy.predict(X), learner.predict(X))
    assert not hasattr(clone(learner), "estimator_")
    assert repr(clone(learner)) == repr(learner)
    assert name in repr(learner) or name == "auto"
    assert type(learner.estimator).__name__ in learner._repr_html_()


def test_clone_with_strategy_objects():
    learner = make(strategy=Entropy() + 0.5 * Margin())
    copy = clone(learner).set_params(strategy__right__left__value=2)
    assert copy.strategy.right.left.value == 2
    assert learner.strategy.right.left.value == 0.5


def test_parameters_of_a_strategy_given_by_name():
    learner = ActiveLearningClassifier(LogisticRegression(), "entropy")
    learner.set_params(strategy__normalize=True)
    assert repr(learner.strategy) == "Entropy(normalize=True)"
    learner.set_params(strategy="power", strategy__beta=3, initial_strategy="k_center")
    assert learner.strategy.beta == 3
    assert learner.initial_strategy == "k_center"
    with pytest.raises(ValueError, match="Invalid parameter 'gamma' for estimator Ma"):
        learner.set_params(strategy="margin", strategy__gamma=3)


# Errors -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"budget": 0}, InvalidParameterError, "budget.*Got 0"),
        ({"budget": -3}, InvalidParameterError, "budget"),
        ({"budget": 1.5}, InvalidParameterError, "budget"),
        ({"batch_size": 0}, InvalidParameterError, "batch_size"),
        ({"n_initial": 0}, InvalidParameterError, "n_initial"),
        ({"n_members": 1}, InvalidParameterError, "n_members"),
        ({"estimator": 3}, InvalidParameterError, "estimator"),
        ({"strategy": 3}, InvalidParameterError, "strategy"),
        ({"strategy": Entropy(normalize="yes")}, InvalidParameterError, "normalize"),
        ({"strategy": "margn"}, ValueError, "Did you mean 'margin'"),
        ({"initial_strategy": "margin"}, ValueError, "needs predict_proba.*'random'"),
        (
            {"estimator": LinearSVC(), "strategy": "entropy"},
            ValueError,
            "got LinearSVC",
        ),
        ({"estimator": SVC(kernel="precomputed")}, ValueError, "precomputed"),
    ],
)
def test_bad_parameters(params, error, message):
    learner = make().set_params(**params)
    with pytest.raises(error, match=message):
        learner.fit(X, full)
    assert not hasattr(learner, "estimator_")
    with pytest.raises(error, match=message):
        learner.query(X)


def test_error_names_the_classifier_at_the_end_of_a_long_pipeline():
    steps = [StandardScaler(with_mean=True, with_std=False) for _ in range(9)]
    model = make_pipeline(*steps, LinearSVC(C=7))
    learner = ActiveLearningClassifier(model, "entropy")
    with pytest.raises(ValueError, match=r"got LinearSVC\(C=7\) at the end of Pipel"):
        learner.query([[0.0], [1.0]])

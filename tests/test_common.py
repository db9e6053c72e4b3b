"""scikit-learn's own checks, around several estimators and for every strategy."""

import warnings

import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import estimator_checks_generator

from skactive import (
    ActiveLearningClassifier,
    ActiveLearningRegressor,
    get_strategy_names,
)

INNER = [
    LogisticRegression(),
    RandomForestClassifier(n_estimators=5),
    make_pipeline(StandardScaler(), LogisticRegression()),
]

# A family's other strategies differ in nothing that an inner estimator can see.
THOROUGH = ("margin", "information_gain", "badge", "random")
LEARNERS = [
    ActiveLearningClassifier(inner, strategy=name, n_members=2)
    for name in get_strategy_names(task="classification")
    for inner in (
        INNER if name in ("margin", "information_gain", "badge") else INNER[:1]
    )
]
LEARNERS += [
    ActiveLearningClassifier(LinearSVC()),
    ActiveLearningClassifier(LogisticRegression(), encode_labels=True),
    ActiveLearningClassifier(LogisticRegression(), audit_fraction=0.2, random_state=0),
    ActiveLearningClassifier(LogisticRegression(), "entropy", warm_start=True),
    ActiveLearningClassifier(SGDClassifier(loss="log_loss"), "information_gain"),
]
# No check fails with a budget either: sample_weight reaches the inner estimator as
# metadata, so that no check takes a weight for a repeated row.
LEARNERS += [
    ActiveLearningClassifier(LogisticRegression(), budget=budget, batch_size=batch_size)
    for budget, batch_size in [(20, 5), (1.0, 30), (10_000, 40)]
]
LEARNERS += [
    ActiveLearningRegressor(Ridge(), strategy=name, n_members=2)
    for name in get_strategy_names(task="regression")
]
LEARNERS += [
    ActiveLearningRegressor(RandomForestRegressor(n_estimators=5), "std"),
    ActiveLearningRegressor(GaussianProcessRegressor(), "integrated_variance"),
    ActiveLearningRegressor(make_pipeline(StandardScaler(), Ridge()), "lcmd"),
    ActiveLearningRegressor(Ridge(), audit_fraction=0.2, random_state=0),
    ActiveLearningRegressor(Ridge(), "std", budget=20, batch_size=5),
]
EXPECTED_FAILURES: dict[str, str] = {}


def cases():
    for learner in LEARNERS:
        for estimator, check in estimator_checks_generator(learner):
            name = getattr(check, "func", check).__name__
            if name == "check_array_api_input":
                continue  # skactive does not promise the array API
            inner = type(learner.estimator).__name__
            budget = f"budget={learner.budget}" if learner.budget else ""
            parts = (name, learner.strategy, inner, budget)
            yield pytest.param(estimator, check, id="-".join(filter(None, parts)))


@pytest.mark.filterwarnings("ignore:.*equally useful:UserWarning")
@pytest.mark.filterwarnings("ignore:.*may be classes:UserWarning")
@pytest.mark.parametrize(("estimator", "check"), list(cases()))
def test_scikit_learn_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FutureWarning)
        check(estimator)

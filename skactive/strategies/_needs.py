"""Check that an estimator provides what a strategy needs; the error names both."""

from __future__ import annotations

from typing import Any

from skactive._models.response import has_response
from skactive.strategies._lookup import STRATEGIES
from skactive.strategies._messages import name_of_model

_PROVIDERS = {
    "predict_proba": "LogisticRegression, RandomForestClassifier, "
    "CalibratedClassifierCV(LinearSVC()), ...",
    "decision_function": "LinearSVC, SVC, RidgeClassifier, ...",
    "last_layer": "LogisticRegression, SGDClassifier(loss='log_loss'), MLPClassifier, "
    "a net of skorch, alone or as the last step of a pipeline, or any classifier with "
    "predict_proba and features= of the strategy, which gives the inputs of its last "
    "layer",
    "members": "RandomForestClassifier, ExtraTreesClassifier, BaggingClassifier, "
    "VotingClassifier, a list of fitted classifiers, or any classifier inside "
    "ActiveLearningClassifier, which draws or fits members itself",
    "refits": "GaussianNB, LogisticRegression, RidgeClassifier, "
    "CalibratedClassifierCV(LinearSVC()), ...",
}
_NAMES = {
    "last_layer": "a known last layer",
    "members": "a committee",
    "refits": "one classifier with predict_proba",
}


def check_needs(
    strategy: Any, estimator: Any, *, can_make_members: bool = False
) -> str | None:
    """Check that `estimator` provides what `strategy` needs.

    Returns the first response of `strategy.needs` that the estimator has, or None if
    the strategy itself needs nothing or combines others. Raises a ValueError if the
    estimator does not provide what is needed.
    """
    found = None
    for leaf in strategy.leaves():
        found = _first_response(leaf, estimator, can_make_members)
        if leaf.needs and found is None:
            what = " or ".join(_NAMES.get(need, need) for need in leaf.needs)
            examples = "; ".join(_PROVIDERS[need] for need in leaf.needs)
            raise ValueError(
                f"{type(leaf).__name__} needs {what}: {examples}; got "
                f"{name_of_model(estimator)}. "
                f"{_say_served(estimator, can_make_members)}"
            )
    return found if strategy.needs else None


def _first_response(leaf: Any, estimator: Any, can_make_members: bool) -> str | None:
    for need in leaf.needs:
        if has_response(estimator, need) or (need == "members" and can_make_members):
            return need
    return None


def _say_served(estimator: Any, can_make_members: bool) -> str:
    """Say in a sentence which strategies an estimator can serve."""
    asking: list[str] = []
    others: list[str] = []
    for name, strategy in sorted(STRATEGIES.items()):
        asked = [leaf for leaf in strategy.leaves() if leaf.needs]
        if all(_first_response(leaf, estimator, can_make_members) for leaf in asked):
            (asking if asked else others).append(repr(name))
    served = f"{', '.join(asking)}, and " if asking else ""
    return (
        f"It can serve {served}strategies that ask nothing of it: {', '.join(others)}."
    )

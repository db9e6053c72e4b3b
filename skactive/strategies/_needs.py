"""Check that an estimator provides what a strategy needs; the error names both."""

from __future__ import annotations

from typing import Any

from skactive._models.response import has_response
from skactive._models.wrappers import learns_label_sets, task_of
from skactive.strategies._lookup import STRATEGIES, TASKS
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
    "label_proba": "OneVsRestClassifier(LogisticRegression()), "
    "RandomForestClassifier, MLPClassifier, ..., and a y with one column per label",
    "label_decisions": "OneVsRestClassifier(LinearSVC()), ..., and a y with one column "
    "per label",
    "std": "GaussianProcessRegressor, BayesianRidge, RandomForestRegressor, ..., or "
    "any regressor inside ActiveLearningRegressor, which fits members",
    "member_predictions": "RandomForestRegressor, ExtraTreesRegressor, "
    "BaggingRegressor, VotingRegressor, a list of fitted regressors, or any regressor "
    "inside ActiveLearningRegressor, which fits members itself",
    "covariance": "GaussianProcessRegressor, BayesianRidge, Ridge, ...",
    "features": "Ridge, MLPRegressor, a net of skorch, ..., or any regressor with "
    "features= of the strategy, which gives the inputs of its last layer",
    "predict": "any regressor",
}
_NAMES = {
    "last_layer": "a known last layer",
    "members": "a committee",
    "refits": "one classifier with predict_proba",
    "label_proba": "label probabilities",
    "label_decisions": "decision values of each label",
    "std": "standard deviations",
    "member_predictions": "a committee of regressors",
    "covariance": "covariances",
    "features": "a known last layer of a regressor",
    "predict": "a regressor",
}
# What only estimators of one task can provide; classifiers provide the rest.
_OF_TASK = {
    "regression": {"std", "member_predictions", "covariance", "features", "predict"},
    "multilabel": {"label_proba", "label_decisions"},
}
# What members make up for, by task.
_FROM_MEMBERS: dict[str, set[str]] = {
    "classification": {"members"},
    "regression": {"std", "member_predictions"},
    "multilabel": set(),
}


def tasks_of_needs(needs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tasks whose estimators can provide one of `needs`, or need not."""
    if not needs:
        return TASKS
    found = {_task_of_need(need) for need in needs}
    return tuple(task for task in TASKS if task in found)


def _task_of_need(need: str) -> str:
    return next((task for task, own in _OF_TASK.items() if need in own), TASKS[0])


def _task_of(estimator: Any) -> str | None:
    """Return what rows are chosen for with this estimator; None if that is unknown."""
    return "multilabel" if learns_label_sets(estimator) else task_of(estimator)


def check_needs(
    strategy: Any, estimator: Any, *, can_make_members: bool = False
) -> str | None:
    """Check that `estimator` provides what `strategy` needs.

    Returns the first response of `strategy.needs` that the estimator has, or None if
    the strategy itself needs nothing or combines others. Raises a ValueError if the
    estimator does not provide what is needed.
    """
    found = None
    task = _task_of(estimator)
    for leaf in strategy.leaves():
        if task is not None and task not in leaf.tasks:
            raise ValueError(_say_other_task(leaf, estimator, task))
        found = _first_response(leaf, estimator, can_make_members)
        if leaf.needs and found is None:
            needs = [
                need
                for need in leaf.needs
                if task is None or task in tasks_of_needs((need,))
            ]
            what = " or ".join(_NAMES.get(need, need) for need in needs)
            examples = "; ".join(_PROVIDERS[need] for need in needs)
            raise ValueError(
                f"{type(leaf).__name__} needs {what}: {examples}; got "
                f"{name_of_model(estimator)}. "
                f"{_say_served(estimator, can_make_members)}"
            )
    return found if strategy.needs else None


def _first_response(leaf: Any, estimator: Any, can_make_members: bool) -> str | None:
    made = _FROM_MEMBERS[_task_of(estimator) or TASKS[0]] if can_make_members else set()
    for need in leaf.needs:
        if has_response(estimator, need) or need in made:
            return need
    return None


def needs_made_members(strategy: Any, estimator: Any) -> bool:
    """Whether members have to be made for `strategy`, as `estimator` has none."""
    made = _FROM_MEMBERS[_task_of(estimator) or TASKS[0]]
    return any(
        made.intersection(leaf.needs)
        and not any(has_response(estimator, need) for need in leaf.needs)
        for leaf in strategy.leaves()
    )


def can_use_members(strategy: Any, estimator: Any) -> bool:
    """Whether `strategy` would use members, had it any."""
    made = _FROM_MEMBERS[_task_of(estimator) or TASKS[0]]
    return any(made.intersection(leaf.needs) for leaf in strategy.leaves())


def _say_other_task(leaf: Any, estimator: Any, task: str) -> str:
    """Say that a strategy is for estimators of another task."""
    kinds = {
        "classification": "classifiers",
        "regression": "regressors",
        "multilabel": "classifiers of several labels a row",
    }
    served = [name for name, it in sorted(STRATEGIES.items()) if task in it.tasks]
    own = [need for need in leaf.needs if _task_of_need(need) == leaf.tasks[0]]
    what = " or ".join(_NAMES.get(need, need) for need in own)
    asked = f", from which it needs {what}" if what else ""
    if task == "multilabel":
        asked = " of one label a row" + asked
    hint = ""
    if leaf.tasks == ("multilabel",):
        hint = " For several labels a row, pass y with one column per label."
    return (
        f"{type(leaf).__name__} chooses rows for {kinds[leaf.tasks[0]]}{asked}; got "
        f"{name_of_model(estimator)}, which is one of the {kinds[task]}.{hint} "
        f"Strategies for these, get_strategy_names(task={task!r}): {', '.join(served)}."
    )


def _say_served(estimator: Any, can_make_members: bool) -> str:
    """Say in a sentence which strategies an estimator can serve."""
    asking: list[str] = []
    others: list[str] = []
    task = _task_of(estimator)
    for name, strategy in sorted(STRATEGIES.items()):
        if task is not None and task not in strategy.tasks:
            continue
        asked = [leaf for leaf in strategy.leaves() if leaf.needs]
        if all(_first_response(leaf, estimator, can_make_members) for leaf in asked):
            (asking if asked else others).append(repr(name))
    served = f"{', '.join(asking)}, and " if asking else ""
    return (
        f"It can serve {served}strategies that ask nothing of it: {', '.join(others)}."
    )

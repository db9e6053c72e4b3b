"""The loop: choose rows, ask sources about them, learn, until it is enough."""

from __future__ import annotations

import numbers
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_consistent_length

from skactive._compat.sklearn import _num_samples
from skactive._compat.tally import counting
from skactive._data.labels import MISSING, encode_labels
from skactive._models.bootstrap import seeded
from skactive._models.training import ERRORS_OF_LACK, is_lack, warn_of_lack
from skactive.classifier import query
from skactive.classifier._delegates import check_pool
from skactive.classifier._query import _find_learner
from skactive.labeling._ledger import LabelingResult, Ledger
from skactive.labeling._source import as_sources
from skactive.strategies import get_strategy
from skactive.strategies._messages import shorten
from skactive.strategies._selection import check_rows

Array = NDArray[Any]


def label_pool(
    learner: Any,
    X: Any,
    sources: Any,
    *,
    y: Any = None,
    budget: float | None = None,
    skip: ArrayLike = (),
    classes: Sequence[Any] | None = None,
    evaluate: Callable[[Any], float] | None = None,
) -> LabelingResult:
    """Have a pool labelled by sources that cost and may abstain, until it is enough.

    In each round the learner chooses `batch_size` rows (`n_initial` of them while there
    is no label), these are asked about, and the learner is fitted on all labels.

    A row is asked of the sources in their order until one of them answers, each at most
    once: where a source abstains, the next one is asked in the same round, and a row
    for which all abstain is never chosen again. A source whose answer the rest of the
    budget does not pay for is passed over. If the learner's strategy has a method
    ``assign(estimator, X, y, rows) -> names of sources``, the source that it names is
    asked first; a strategy inside another one has no say in that.

    Parameters
    ----------
    learner : ActiveLearningClassifier, or an estimator that ends with one
        It is cloned; a pipeline, as :func:`skactive.query` takes it, will do. Its
        `strategy`, `batch_size`, `n_initial` and `stopping` rule are used; its own
        `budget` must be None.
    X : array-like, sparse, data frame or sequence of n_samples
        The pool.
    sources : callable, LabelSource, or list of these
        The first one is asked first, so cheap ones come first. A callable, ``rows ->
        labels``, is a source that costs 1 a row, whether it answers or not.
    y : array-like of shape (n_samples,), default=None
        Labels that are there already, missing elsewhere. None means there are none.
    budget : float, default=None
        What may be paid, in the unit of the sources' costs. It is never overspent, as
        costs are known before a source is asked. Answers that are free do not go on
        once it pays for no others. None means no limit.
    skip : array-like of int, default=()
        Positions of rows that are not to be asked about, such as the
        `abstained_indices` of an earlier call.
    classes : sequence, default=None
        All labels there may be; any other answer is an error then. None means any.
    evaluate : callable, default=None
        A function ``learner -> score`` that is called after each fit, such as ``lambda
        learner: learner.score(X_test, y_test)``; it is called with the fitted learner.

    Returns
    -------
    result : LabelingResult
        A named tuple with the fitted `learner`, `y`, which `source` each label is from,
        the `cost`, the `history` and more.

    Raises
    ------
    TypeError
        If there is no learner in `learner`, or a source is no function.
    ValueError
        If the learner has a `budget`, two sources have one name, a cost is negative or
        not finite, a source does not give one label a row, or gives one that is not
        among `classes`, or names of `assign` are not those of sources.

    Notes
    -----
    Whatever error ends the loop, be it one of a source or KeyboardInterrupt, has an
    attribute `labeling_result` with all that was got before: no answer is lost, but
    those of the call that failed. To go on, pass its `y`, its `abstained_indices` as
    `skip`, and the rest of the budget, ``budget - cost``. The new result counts these
    labels as there from the start: who gave them is in the `source` of the first one.

    The costs of sources say what is paid, and not what is chosen. To choose by utility
    per cost, give the learner the strategy :class:`~skactive.strategies.PerCost`; its
    function gets rows of `X`, those of sources get positions.

    A learner asks about rows that are unclear, and there a cheap source may be wrong far
    more often than on random rows, on which :func:`audit_source` measures it. Let it
    abstain where it is in doubt; ``source`` of the result says which labels are its own.

    A `stopping` rule looks at rounds in which the learner was fitted anew, and so not
    at rounds without a new label.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.labeling import LabelSource, label_pool
    >>> X, answers = load_iris(return_X_y=True)
    >>> def rule(rows):  # sure of small flowers, silent on all others
    ...     return np.where(X[rows, 2] < 2, 0, np.nan)
    >>> def person(rows):
    ...     return answers[rows]
    >>> learner = ActiveLearningClassifier(
    ...     LogisticRegression(max_iter=1000), batch_size=5, random_state=0)
    >>> sources = [LabelSource(rule, cost=0), LabelSource(person, cost=1)]
    >>> result = label_pool(learner, X, sources, budget=20)
    >>> print(result)
    22 labels (2 from 'rule', 20 from 'person') for 20; 0 rows got none; ended by 'budget' after 5 rounds
    >>> bool(result.learner.score(X, answers) > 0.9)
    True
    """  # noqa: E501
    X = check_pool(X)
    model = clone(learner)
    inner, _ = _find_learner(model, X, "label_pool")
    if inner.budget is not None:
        raise ValueError(
            f"The learner has budget={inner.budget}, for labels that are known. Set it "
            "to None, and give label_pool a budget in units of cost."
        )
    if budget is not None and (not isinstance(budget, numbers.Real) or not budget >= 0):
        raise ValueError(
            f"budget must be a number from 0 upwards, or None; got {budget!r}."
        )
    n_samples = _num_samples(X)
    if y is None:
        y = np.full(n_samples, np.nan)
    check_consistent_length(X, y)
    ledger = Ledger(
        as_sources(sources),
        *encode_labels(y, inner.missing_label),
        skip=check_rows(skip, n_samples, "skip"),
        missing_label=inner.missing_label,
        budget=np.inf if budget is None else float(budget),
        allowed=classes,
    )
    history: list[dict[str, Any]] = []
    try:
        condition = _run(model, X, ledger, evaluate, history)
    except BaseException as error:
        error.labeling_result = ledger.result(  # type: ignore[attr-defined]
            model, "error", history
        )
        n_labels = np.count_nonzero(ledger.codes != MISSING)
        error.add_note(
            f"What was got before is not lost ({n_labels} "
            "labels): see the attribute labeling_result of this error. To go on, pass "
            "its y, and its abstained_indices as skip, to label_pool."
        )
        raise
    return ledger.result(model, condition, history)


def _run(
    model: Any,
    X: Any,
    ledger: Ledger,
    evaluate: Callable[[Any], float] | None,
    history: list[dict[str, Any]],
) -> str:
    """Choose, ask and learn until the campaign ends, and say why it does."""
    inner, _ = _find_learner(model, X, "label_pool")
    plan = inner._make_plan()
    is_learnt = np.ones(len(ledger.codes), dtype=bool)
    if inner.audit_fraction:
        is_learnt = ~plan.reserve(len(ledger.codes)).mask
    rule = inner.stopping
    if rule is not None:
        rule = seeded(clone(rule), plan.query_seed)
    score = np.nan
    n_fitted = 0
    # The estimator's own error while there are too few labels for it.
    lack: Exception | None = None

    def learn() -> bool:
        """Fit, if there are other labels than in the last fit."""
        nonlocal n_fitted, lack
        known = ledger.codes != MISSING
        n_labels = int(np.count_nonzero(known))
        if n_labels == n_fitted or not (known & is_learnt).any():
            return False
        n_fitted = n_labels
        was_lacking, lack = lack is not None, None
        try:
            model.fit(X, ledger.labels())
        except ERRORS_OF_LACK as error:
            if not is_lack(error):
                raise
            lack = error
            if not was_lacking:
                warn_of_lack(error, n_labels)
            return False
        return True

    if learn() and evaluate is not None:
        score = float(evaluate(model))
    while (condition := ledger.ended()) is None:
        times = [time.perf_counter()]
        n_labels = int(np.count_nonzero(ledger.codes != MISSING))
        n_wanted = inner.batch_size if n_labels else inner._n_first()
        visible = ledger.labels()
        with counting() as tally:
            rows = query(model, X, visible, n_wanted, skip=ledger.hopeless())
            first = None
            if hasattr(get_strategy(inner.strategy), "assign"):
                first = _assigned(model, X, visible, rows, ledger.names)
        times.append(time.perf_counter())
        record: dict[str, Any] = {}
        history.append(record)
        ledger.begin_round()
        try:
            ledger.ask(rows, first)
        finally:
            times.append(time.perf_counter())
            record |= ledger.figures()
            record |= dict(zip(["query_time", "ask_time"], np.diff(times), strict=True))
            record |= {"fit_time": 0.0, "n_fits": tally.n_fits}
            record |= {"n_scored": tally.n_scored, "n_passes": tally.n_passes}
        is_new = learn()
        record["fit_time"] = time.perf_counter() - times[-1]
        if is_new:
            record["n_fits"] += int(inner.history_["n_fits"].sum())
        if is_new and evaluate is not None:
            score = float(evaluate(model))
        if evaluate is not None:
            record["score"] = score
        if is_new and rule is not None and ledger.ended() is None:
            decision = rule.update(model, X, ledger.labels())
            if decision:
                return decision.rule
    if lack is not None:  # no label is left to wait for
        raise lack
    return condition


def _assigned(
    model: Any, X: Any, y: Array, rows: Array, names: list[str]
) -> Array | None:
    """The sources that the strategy wants to be asked first, (n_rows,).

    None while the initial strategy chooses, which has no say in this.
    """
    learner, X = _find_learner(model, X, "label_pool")
    fitted = learner._model()
    if fitted is None:
        return None
    strategy, estimator = learner._make_plan().asked(fitted)
    if not hasattr(strategy, "assign"):
        return None
    assigned = np.asarray(strategy.assign(estimator, X, y, rows)).tolist()
    unknown = sorted({name for name in assigned if name not in names}, key=str)
    if unknown or len(assigned) != len(rows):
        raise ValueError(
            f"{shorten(strategy)} assigns {len(rows)} rows to {unknown or assigned}; "
            f"the sources are called {names}. Name them with LabelSource(..., name=)."
        )
    return np.array([names.index(name) for name in assigned], dtype=np.intp)

"""Learning curves of campaigns, one line per strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from skactive._compat.typing import Array
from skactive.display._style import COLORS, MARKERS, as_plain, check_matplotlib
from skactive.model_selection import active_learning_curve
from skactive.model_selection._curve import name_of_scoring, scores_by

_BASELINE = "random"
# Ranges of scores, by how the names of such scores begin.
_RANGES: dict[tuple[float, float], tuple[str, ...]] = {
    (0.0, 1.0): (
        *("accuracy", "average_precision", "balanced_accuracy", "f1", "fbeta"),
        *("jaccard", "precision", "recall", "roc_auc", "top_k_accuracy"),
    ),
    (-1.0, 1.0): ("cohen_kappa", "matthews_corrcoef"),
    (-np.inf, 1.0): ("d2_", "explained_variance", "r2"),
    (-np.inf, 0.0): ("neg_",),
}
# A second and a third round of the colours.
_DASHES = ("-", "-.", ":")


class ActiveLearningCurveDisplay:
    """Visualization of learning curves, one line per strategy.

    Use :meth:`from_estimator` or :meth:`from_results` to create a display. All
    parameters are stored as attributes.

    Parameters
    ----------
    strategies : sequence of str
        Names of the strategies. "random" is drawn as a black dashed line, as wide as
        the others.
    n_labels : array-like of shape (n_points,)
        Number of labels used at each point of the curves.
    test_scores : array-like of shape (n_strategies, n_points, n_splits)
        Test scores.
    score_name : str, default=None
        Name of the score, from which the label of the y axis is made: "accuracy" and
        "neg_log_loss" become "Accuracy" and "Negative log loss". None means "Score".
        Bands end where such a score ends, as at 1 for "accuracy".

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure containing the axes.
    lines_ : list of matplotlib Line2D
        Means over the splits, one line per strategy, in the order of `strategies`.
    bands_ : list of matplotlib PolyCollection or None
        Bands of the intervals around the lines. None without an interval.

    Raises
    ------
    ValueError
        If the shapes do not match.

    See Also
    --------
    skactive.model_selection.active_learning_curve : Compute the scores.
    sklearn.model_selection.LearningCurveDisplay : Learning curves without query
        strategies.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive.display import ActiveLearningCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> display = ActiveLearningCurveDisplay.from_estimator(
    ...     LogisticRegression(max_iter=1000), X, y, budget=30, scoring="accuracy",
    ...     n_repeats=1, random_state=0)
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('Labels', 'Accuracy')
    >>> [line.get_label() for line in display.lines_]
    ['random', 'auto']
    """

    def __init__(
        self,
        *,
        strategies: Sequence[str],
        n_labels: ArrayLike,
        test_scores: ArrayLike,
        score_name: str | None = None,
    ):
        self.strategies = list(strategies)
        self.n_labels = np.asarray(n_labels)
        self.test_scores = np.asarray(test_scores, dtype=np.float64)
        self.score_name = score_name
        shape = self.test_scores.shape
        expected = (len(self.strategies), len(self.n_labels))
        if len(shape) != 3 or shape[:2] != expected:
            raise ValueError(
                f"test_scores has shape {shape}; with {expected[0]} strategies and "
                f"{expected[1]} points it must be ({expected[0]}, {expected[1]}, "
                "n_splits)."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        scoring: Any = None,
        **params: Any,
    ) -> ActiveLearningCurveDisplay:
        """Run the campaigns and draw their learning curves.

        To get their summary as well, call
        :func:`~skactive.model_selection.active_learning_curve` and then
        :meth:`from_results`.

        Parameters
        ----------
        estimator : estimator object
            Any classifier, or an :class:`ActiveLearningClassifier`.
        X : array-like, sparse, data frame or sequence of n_samples
            The rows, in any form that `estimator` accepts.
        y : array-like of shape (n_samples,)
            Labels of the rows.
        scoring : str, callable, list, tuple or dict, default=None
            Score to draw, as in
            :func:`~skactive.model_selection.active_learning_curve`. If there are
            several, the first one is drawn.
        **params : dict
            Further arguments of
            :func:`~skactive.model_selection.active_learning_curve`, such as
            `strategies`, `budget`, `cv`, `n_jobs` and `random_state`, and arguments of
            :meth:`plot`.

        Returns
        -------
        display : ActiveLearningCurveDisplay
            The display, drawn.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        names = [name for name in signature(cls.plot).parameters if name in params]
        plot_params = {name: params.pop(name) for name in names}
        curve = active_learning_curve(estimator, X, y, scoring=scoring, **params)
        is_one = not isinstance(curve.test_scores, dict)
        one = scoring if is_one else None
        return cls.from_results(curve, scoring=one, **plot_params)

    @classmethod
    def from_results(
        cls,
        curve: Mapping[str, Any],
        *,
        scoring: Any = None,
        score_name: str | None = None,
        **plot_params: Any,
    ) -> ActiveLearningCurveDisplay:
        """Draw learning curves from computed results.

        Parameters
        ----------
        curve : ActiveLearningCurve
            Result of :func:`~skactive.model_selection.active_learning_curve`, or a
            mapping with its `strategies`, `n_labels` and `test_scores`.
        scoring : str or callable, default=None
            Name of the score to draw, if the curve has several. None means the first.
            If the curve has only one score, `scoring` is the label of the y axis.
        score_name : str, default=None
            Name of the score, for the y axis. None means the name of `scoring`, or else
            the `score_name` of the curve.
        **plot_params : dict
            Arguments of :meth:`plot`: `ax`, `interval`, `confidence`, `negate_score`,
            `line_kw` and `fill_between_kw`.

        Returns
        -------
        display : ActiveLearningCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the curve has several scores and `scoring` is not among them.
        """
        scoring, scores = scores_by(scoring, curve["test_scores"])
        if score_name is None:
            score_name = name_of_scoring(scoring) or curve.get("score_name")
        display = cls(
            strategies=curve["strategies"],
            n_labels=curve["n_labels"],
            test_scores=scores,
            score_name=score_name,
        )
        return display.plot(**plot_params)

    def plot(
        self,
        ax: Any = None,
        *,
        interval: str | None = "comparison",
        confidence: float = 0.95,
        negate_score: bool = False,
        score_name: str | None = None,
        line_kw: dict | None = None,
        fill_between_kw: dict | None = None,
    ) -> ActiveLearningCurveDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None means a new figure and axes.
        interval : {"comparison", "mean"} or None, default="comparison"
            Intervals shown as bands, for each point separately:

            - "comparison": for comparing strategies. The part that strategies have in
              common in a split, which may be hard or easy, is removed [1]_ [2]_. The
              width is such that two strategies differ with the given confidence if
              their bands do not overlap. For two strategies, the bands touch where a
              paired t-test is at its limit. For more, this holds approximately.
            - "mean": Student's t interval of the mean over splits, for each strategy
              separately. If two bands overlap, the strategies may still clearly differ.

            None, or a single split, means no bands. Splits share training rows, so both
            kinds are only a guide. See :meth:`ActiveLearningCurve.summary` for the
            curves as a whole.
        confidence : float in (0, 1), default=0.95
            Confidence of the intervals.
        negate_score : bool, default=False
            Whether to draw the scores with the opposite sign, for scores named "neg_*".
        score_name : str, default=None
            Name of the score, for the y axis. None means the display's `score_name`.
        line_kw : dict, default=None
            Keyword arguments passed to `ax.plot` for all lines.
        fill_between_kw : dict, default=None
            Keyword arguments passed to `ax.fill_between` for all bands.

        Returns
        -------
        self : ActiveLearningCurveDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `interval` or `confidence` is invalid.

        References
        ----------
        .. [1] R. D. Morey, "Confidence Intervals from Normalized Data: A Correction to
           Cousineau (2005)", Tutorials in Quantitative Methods for Psychology 4, 2008.
        .. [2] T. Baguley, "Calculating and Graphing Within-Subject Confidence Intervals
           for ANOVA", Behavior Research Methods 44, 2012.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.cbook import normalize_kwargs
        from matplotlib.collections import PolyCollection
        from matplotlib.colors import to_rgba
        from matplotlib.lines import Line2D
        from matplotlib.ticker import MaxNLocator

        scores = -self.test_scores if negate_score else self.test_scores
        means = scores.mean(axis=2)
        widths = _half_widths(scores, interval, confidence)
        bounds = _bounds(self.score_name, self.test_scores)
        if negate_score:
            bounds = -bounds[1], -bounds[0]
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        line_kw = normalize_kwargs(line_kw or {}, Line2D)
        band_kw = normalize_kwargs(fill_between_kw or {}, PolyCollection)
        self.lines_, bands = [], []
        for name, style, mean, width in zip(
            self.strategies, _line_styles(self.strategies), means, widths, strict=True
        ):
            (line,) = ax.plot(self.n_labels, mean, label=name, **style | line_kw)
            self.lines_.append(line)
            if np.isnan(width).any():
                continue
            color = line.get_color()
            style = {
                "facecolor": to_rgba(color, 0.13),
                "edgecolor": to_rgba(color, 0.35),
                "linewidth": 0.6,
            }
            low, high = np.clip([mean - width, mean + width], *bounds)
            bands.append(ax.fill_between(self.n_labels, low, high, **style | band_kw))
        self.bands_ = bands or None
        score_name = self.score_name if score_name is None else score_name
        ax.set(xlabel="Labels", ylabel=_axis_label(score_name, negate_score))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        ax.grid(alpha=0.25)
        # From top to bottom, in the order in which the curves end.
        order = np.argsort(-means[:, -1], kind="stable")
        ax.legend(
            [self.lines_[s] for s in order],
            [as_plain(self.strategies[s]) for s in order],
            title=_legend_title(scores.shape[2], self.bands_, interval, confidence),
            title_fontsize="small",
            alignment="left",
        )
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _half_widths(scores: Array, interval: str | None, confidence: float) -> Array:
    """Half the width of the bands, (n_strategies, n_points); NaN if there is none.

    `scores` is (n_strategies, n_points, n_splits).

    Examples
    --------
    Only differences between the strategies count, not the effect of a split on both:

    >>> import numpy as np
    >>> easy_and_hard = np.array([0.9, 0.5, 0.7])
    >>> scores = np.array([[easy_and_hard], [easy_and_hard + 0.1]])
    >>> bool((_half_widths(scores, "comparison", 0.95) < 1e-9).all())
    True
    >>> _half_widths(scores, "mean", 0.95).round(2)
    array([[0.5],
           [0.5]])
    """
    if interval not in {"comparison", "mean", None}:
        raise ValueError(
            f"interval must be 'comparison', 'mean' or None; got {interval!r}."
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1); got {confidence!r}.")
    n_strategies, n_points, n_splits = scores.shape
    if interval is None or n_splits < 2:
        return np.full((n_strategies, n_points), np.nan)
    factor = 1.0
    if interval == "comparison" and n_strategies > 1:
        scores = scores - scores.mean(axis=0)
        # Subtracting the means removes a share of the variance. And the bands of two
        # strategies together must be as wide as the interval of their difference.
        factor = np.sqrt(n_strategies / (n_strategies - 1)) / np.sqrt(2)
    errors = scores.std(axis=2, ddof=1) / np.sqrt(n_splits)
    return factor * t.ppf((1 + confidence) / 2, n_splits - 1) * errors


def _line_styles(strategies: Sequence[str]) -> list[dict]:
    """Colour, marker and dash of each strategy, all different."""
    styles = []
    n_others = 0
    for name in strategies:
        look: dict[str, Any]
        if name == _BASELINE:
            look = {"color": "black", "linestyle": "--", "marker": "."}
        else:
            look = {
                "color": COLORS[n_others % len(COLORS)],
                "linestyle": _DASHES[n_others // len(COLORS) % len(_DASHES)],
                "marker": MARKERS[n_others % len(MARKERS)],
                "markersize": 4.5,
            }
            n_others += 1
        styles.append({"linewidth": 1.8, **look})
    return styles


def _bounds(name: str | None, scores: Array) -> tuple[float, float]:
    """The least and the greatest value of a score, infinite where unknown.

    Clipping bands to them leaves it as it is which bands overlap, because each mean is
    within the bounds and within its band.
    """
    for bounds, beginnings in _RANGES.items():
        if name is not None and name.startswith(beginnings):
            # Another score may have such a name.
            is_it = bounds[0] <= scores.min() and scores.max() <= bounds[1]
            return bounds if is_it else (-np.inf, np.inf)
    return -np.inf, np.inf


def _axis_label(name: str | None, negate_score: bool) -> str:
    if name is None:
        name = "score"
    if name == "r2":
        name = "R\N{SUPERSCRIPT TWO}"
    if name.startswith("neg_"):
        name = name[4:] if negate_score else f"negative {name[4:]}"
    elif negate_score:
        name = f"negative {name}"
    if name == name.lower():
        name = name.replace("_", " ")
    return as_plain(name[:1].upper() + name[1:])


def _legend_title(
    n_splits: int, bands: list | None, interval: str | None, confidence: float
) -> str:
    title = "one split" if n_splits == 1 else f"mean of {n_splits} splits"
    if bands and interval == "comparison" and len(bands) > 1:
        return (
            f"{title}\nstrategies differ where bands\n"
            f"do not overlap ({confidence:.0%} sure)"
        )
    return f"{title}; bands: {confidence:.0%} intervals" if bands else title

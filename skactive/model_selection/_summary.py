"""Summary of learning curves of campaigns: areas, labels saved, and intervals."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm, t

from skactive._compat.typing import Array

# With fewer splits, resampled means cannot tell how far off a mean may be.
_FEW_SPLITS = 10
_NOTHING = "Nothing beats random here: "


class CurveSummary(list):
    """A list of records, one per strategy; its `str` is a table and a sentence.

    Each record is a dict with the same keys:

    - "strategy": the name of the strategy.
    - "area": the mean score over the labels used.
    - "area_gain" and "area_gain_interval": the gain in area over random.
    - "win_rate": the share of splits in which the area is above that of random. A tie
      counts one half.
    - "against_best" and "against_best_interval": the gain in area over the best other
      strategy.
    - "final_score": the score at the end of the campaign.
    - "labels_needed": the labels needed to reach what random reaches with the whole
      budget, infinite if that is not reached.
    - "labels_saved" and "labels_saved_interval": the labels saved, as a share of the
      labels that random needs. The interval is NaN with fewer than five splits.
    - "labels_to_target": the labels needed to reach the target, if one was given.

    Attributes
    ----------
    sentence : str
        The result in one sentence.
    """

    sentence: str = ""

    def __str__(self) -> str:
        lines = [
            f"{'strategy':<24}{'area':>8}{'gain over random':>28}{'wins':>7}"
            f"{'final':>8}{'labels saved':>26}"
        ]
        if self and "labels_to_target" in self[0]:
            lines[0] += f"{'labels to target':>18}"
        for record in self:
            low, high = record["area_gain_interval"]
            gain = f"{record['area_gain']:+.4f} [{low:+.4f}, {high:+.4f}]"
            saved = "random's end not reached"
            if np.isfinite(record["labels_saved"]):
                low, high = map(_percent, record["labels_saved_interval"])
                saved = f"{record['labels_saved']:.0%} [{low}, {high}]"
            if record["strategy"] == "random":
                gain = saved = "-"
            lines.append(
                f"{record['strategy']:<24}{record['area']:>8.4f}{gain:>28}"
                f"{record['win_rate']:>7.0%}{record['final_score']:>8.4f}{saved:>26}"
            )
            if "labels_to_target" in record:
                to_target = record["labels_to_target"]
                never = f"{'not reached':>18}"
                lines[-1] += f"{to_target:>18.0f}" if np.isfinite(to_target) else never
        return "\n".join([*lines, self.sentence])


def summarize(
    strategies: Sequence[str],
    n_labels: Array,
    scores: Array,
    *,
    target: float | None = None,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | None = 0,
) -> CurveSummary:
    """Summarize curves. The first strategy is random, the baseline.

    Parameters
    ----------
    strategies : sequence of str
        Names of the strategies.
    n_labels : ndarray of shape (n_points,)
        Number of labels used at each point, increasing.
    scores : ndarray of shape (n_strategies, n_points, n_splits)
        Scores. Greater is better.
    target : float, default=None
        A score. If given, the labels needed to reach it are found too.
    confidence : float, default=0.95
        Confidence of the intervals.
    n_resamples : int, default=2000
        Number of bootstrap samples.
    random_state : int or None, default=0
        Seed for drawing the bootstrap samples.

    Returns
    -------
    summary : CurveSummary
        One record per strategy.
    """
    areas = area_under_curve(n_labels, scores)
    n_splits = scores.shape[2]
    rng = np.random.default_rng(random_state)
    resamples = rng.integers(n_splits, size=(n_resamples, n_splits))
    curves = scores.mean(axis=2)
    needed = labels_needed(n_labels, curves, curves[0, -1])
    resampled = _resampled_needs(n_labels, scores, resamples)
    summary = CurveSummary()
    for s, name in enumerate(strategies):
        others = [o for o in range(len(strategies)) if o != s]
        best = max(others, key=lambda o: areas[o].mean(), default=s)
        gains = areas[s] - areas[0]
        record = {
            "strategy": name,
            "area": float(areas[s].mean()),
            "area_gain": float(gains.mean()),
            "area_gain_interval": paired_interval(gains, resamples, confidence),
            "win_rate": float(np.mean((gains > 0) + 0.5 * (gains == 0))),
            "against_best": float((areas[s] - areas[best]).mean()),
            "against_best_interval": paired_interval(
                areas[s] - areas[best], resamples, confidence
            ),
            "final_score": float(curves[s, -1]),
            "labels_needed": float(needed[s]),
            # Minus infinity if the final score of random is not reached.
            "labels_saved": float(1 - needed[s] / needed[0]),
            "labels_saved_interval": _saved_interval(
                resampled[s], resampled[0], n_splits, confidence
            ),
        }
        if target is not None:
            record["labels_to_target"] = float(
                labels_needed(n_labels, curves[[s]], target)[0]
            )
        summary.append(record)
    summary.sentence = _sentence(summary, confidence)
    if summary.sentence.startswith(_NOTHING):
        warnings.warn(summary.sentence, UserWarning, stacklevel=3)
    return summary


def area_under_curve(n_labels: Array, scores: Array) -> Array:
    """Mean score over the labels used, by trapezoids: (n_strategies, n_splits)."""
    if len(n_labels) == 1:
        return scores[:, 0]
    widths = np.diff(n_labels)[:, np.newaxis]
    middles = (scores[:, 1:] + scores[:, :-1]) / 2
    return (middles * widths).sum(axis=1) / widths.sum()


def labels_needed(n_labels: Array, curves: Array, target: float | Array) -> Array:
    """Labels at which each curve reaches a score, interpolated; infinite if never.

    The curves are made monotone first, so that a single lucky point does not count.

    Parameters
    ----------
    n_labels : ndarray of shape (n_points,)
        Number of labels at each point, increasing.
    curves : ndarray of shape (n_curves, n_points)
        Scores.
    target : float or ndarray of shape (n_curves,)
        The score to reach.

    Returns
    -------
    needed : ndarray of shape (n_curves,)
        Number of labels needed.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.model_selection._summary import labels_needed
    >>> labels_needed(np.array([10, 20, 30]), np.array([[0.5, 0.7, 0.8]]), 0.75)
    array([25.])
    """
    smooth = monotone(curves)
    reached = smooth >= np.reshape(target, (-1, 1)) - 1e-12
    after = np.argmax(reached, axis=1)
    rows, before = np.arange(len(curves)), np.maximum(after - 1, 0)
    step = smooth[rows, after] - smooth[rows, before]
    missing = np.where(step > 0, target - smooth[rows, before], 0)
    share = np.divide(missing, step, out=np.ones(len(curves)), where=step > 0)
    needed = n_labels[before] + share * (n_labels[after] - n_labels[before])
    return np.where(reached.any(axis=1), needed, np.inf)


def monotone(curves: Array) -> Array:
    """Least squares fit by curves that never fall (isotonic regression).

    The value at a point is a max-min over the stretches of points that contain it: for
    each first point, the smallest mean over all last points; and of these, the largest.
    This form handles many short curves at once.

    Parameters
    ----------
    curves : ndarray of shape (n_curves, n_points)
        Arbitrary values.

    Returns
    -------
    smooth : ndarray of shape (n_curves, n_points)
        The fit. It never falls along the last axis.

    Examples
    --------
    >>> import numpy as np
    >>> from skactive.model_selection._summary import monotone
    >>> monotone(np.array([[1.0, 5.0, 3.0]]))
    array([[1., 4., 4.]])
    """
    n_points = curves.shape[1]
    smooth = np.full(curves.shape, -np.inf)
    for begin in range(n_points):
        means = np.cumsum(curves[:, begin:], axis=1) / np.arange(
            1, n_points - begin + 1
        )
        least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        smooth[:, begin:] = np.maximum(smooth[:, begin:], least)
    return smooth


def paired_interval(
    differences: Array, resamples: Array, confidence: float
) -> tuple[float, float]:
    """Bootstrap interval of a mean over splits.

    It is the expanded percentile interval [1]_: percentiles of the resampled means,
    taken further out to make up for the narrowness of the bootstrap with few splits.
    With fewer than ten splits it is Student's t interval, since resampled means cannot
    go beyond the observed differences.

    Parameters
    ----------
    differences : ndarray of shape (n_splits,)
        One paired difference per split.
    resamples : ndarray of shape (n_resamples, n_splits)
        Positions of splits.
    confidence : float
        Confidence of the interval, in (0, 1).

    Returns
    -------
    low, high : float
        Ends of the interval, NaN for a single split.

    References
    ----------
    .. [1] T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American
       Statistician 69, 2015.
    """
    n_splits = len(differences)
    if n_splits < 2:
        return np.nan, np.nan
    if n_splits < _FEW_SPLITS:
        reach = t.ppf((1 + confidence) / 2, n_splits - 1) / np.sqrt(n_splits)
        middle, width = differences.mean(), reach * differences.std(ddof=1)
        return float(middle - width), float(middle + width)
    means = differences[resamples].mean(axis=1)
    low, high = np.quantile(means, _expanded_levels(n_splits, confidence))
    return float(low), float(high)


def _expanded_levels(n_splits: int, confidence: float) -> tuple[float, float]:
    quantile = t.ppf((1 - confidence) / 2, n_splits - 1)
    level = norm.cdf(np.sqrt(n_splits / (n_splits - 1)) * quantile)
    return float(level), float(1 - level)


def _resampled_needs(n_labels: Array, scores: Array, resamples: Array) -> Array:
    """Labels needed in each bootstrap sample, (n_strategies, n_resamples)."""
    weights = np.apply_along_axis(np.bincount, 1, resamples, minlength=scores.shape[2])
    means = (
        scores @ weights.T / scores.shape[2]
    )  # (n_strategies, n_points, n_resamples)
    targets = means[0, -1]
    return np.array([labels_needed(n_labels, curves.T, targets) for curves in means])


def _saved_interval(
    needed: Array, random_needed: Array, n_splits: int, confidence: float
) -> tuple[float, float]:
    """Percentiles of bootstrap samples, NaN if there are too few splits."""
    if n_splits < _FEW_SPLITS // 2:
        return np.nan, np.nan
    saved = 1 - needed / random_needed
    levels = ((1 - confidence) / 2, (1 + confidence) / 2)
    # No interpolation, because some values may be minus infinity.
    low, high = np.quantile(saved, levels, method="nearest")
    return float(low), float(high)


def _percent(share: float) -> str:
    """A share of labels saved; "none" if the score of random was not reached."""
    if np.isnan(share):
        return "unknown"
    return f"{share:.0%}" if np.isfinite(share) else "none"


def _sentence(summary: CurveSummary, confidence: float) -> str:
    if len(summary) == 1:
        return "Only random was run: there is nothing to compare with."
    gains: list[str] = []
    worse: list[dict] = []
    unclear: list[dict] = []
    for record in sorted(summary[1:], key=lambda r: -r["area"]):
        low, high = record["area_gain_interval"]
        saved, (least, most) = record["labels_saved"], record["labels_saved_interval"]
        interval = f"{confidence:.0%} interval {_percent(least)} to {_percent(most)}"
        if low > 0 and saved > 0:
            gains.append(
                f"{record['strategy']} saves {saved:.0%} of the labels, {interval}"
            )
        elif low > 0:
            gains.append(
                f"{record['strategy']} is better than random on the way, but saves no "
                "labels in the end"
            )
        elif least > 0:
            gains.append(
                f"{record['strategy']} saves {saved:.0%} of the labels in the end, "
                f"{interval}, but is not better than random on the whole way"
            )
        else:
            (worse if high < 0 else unclear).append(record)
    parts = list(gains)
    for group, verdict in (
        (unclear, "not distinguishable from random here"),
        (worse, "worse than random here"),
    ):
        if group:
            names = _listed([record["strategy"] for record in group])
            verb = "is" if len(group) == 1 else "are"
            parts.append(f"{names} {verb} {verdict}")
    sentence = "; ".join(parts) + "."
    return sentence if gains else _NOTHING + sentence


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

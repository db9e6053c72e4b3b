"""Utilities of a strategy over two features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import DecisionBoundaryDisplay

from skactive._compat.sklearn import _get_adapter_from_container, _num_samples
from skactive._compat.typing import Array
from skactive._data.labels import MISSING, encode_labels
from skactive._models.kinds import check_classes
from skactive._models.wrappers import last_step
from skactive.classifier import query
from skactive.display._style import COLORS, MARKERS, as_plain, check_matplotlib

# Margin around the data, as a share of their range.
_MARGIN = 0.05
# Possible offsets of a rank from its row, in points. The nearest free one is used.
_PLACES = [
    (radius * np.cos(angle), radius * np.sin(angle))
    for radius in (13, 24, 36, 50)
    for angle in np.pi * (0.25 + np.arange(0, 2, 0.25))
]
_RANK_SIZE = 13


class UtilityDisplay:
    """Visualization of the utilities of a strategy over two features.

    Use :meth:`from_estimator` to create a display. All parameters are stored as
    attributes.

    Parameters
    ----------
    surface : DecisionBoundaryDisplay
        Utilities on a grid: its `response`, of shape (grid_resolution,
        grid_resolution), at the points `xx0` and `xx1`.
    candidates : array-like of shape (n_candidates, 2)
        Rows without a label.
    labeled : array-like of shape (n_labeled, 2)
        Rows with a label.
    labels : array-like of shape (n_labeled,)
        Labels of the rows in `labeled`.
    queries : array-like of shape (n_queries, 2)
        Rows to label next, the most useful first.
    utility_name : str, default="utility"
        Label of the colour bar.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the utilities and the rows.
    figure_ : matplotlib Figure
        Figure containing the axes.
    surface_ : matplotlib QuadContourSet or QuadMesh
        The utilities.
    colorbar_ : matplotlib Colorbar or None
        Colour bar of the utilities.
    candidates_ : matplotlib PathCollection
        Rows without a label.
    labeled_ : list of matplotlib PathCollection
        Rows with a label, one collection per class, in sorted order.
    queries_ : matplotlib PathCollection
        Rings around the rows to label next.
    ranks_ : list of matplotlib Annotation
        Ranks of the rows to label next, 1 for the most useful.

    See Also
    --------
    sklearn.inspection.DecisionBoundaryDisplay : Visualization of the predictions.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_blobs
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.display import UtilityDisplay
    >>> X, answers = make_blobs(60, centers=2, random_state=0)
    >>> y = np.where(np.arange(60) < 8, answers, np.nan)
    >>> learner = ActiveLearningClassifier(
    ...     LogisticRegression(), strategy="margin", random_state=0)
    >>> display = UtilityDisplay.from_estimator(
    ...     learner.fit(X, y), X, y, n_queries=3, grid_resolution=20)
    >>> display.surface.response.shape
    (20, 20)
    >>> [rank.get_text() for rank in display.ranks_]
    ['1', '2', '3']
    """

    def __init__(
        self,
        *,
        surface: DecisionBoundaryDisplay,
        candidates: ArrayLike,
        labeled: ArrayLike,
        labels: ArrayLike,
        queries: ArrayLike,
        utility_name: str = "utility",
    ):
        self.surface = surface
        self.candidates = np.asarray(candidates)
        self.labeled = np.asarray(labeled)
        self.labels = np.asarray(labels)
        self.queries = np.asarray(queries)
        self.utility_name = utility_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        n_queries: int | None = None,
        grid_resolution: int = 100,
        **plot_params: Any,
    ) -> UtilityDisplay:
        """Draw the utilities of a fitted learner, the rows, and the rows to label next.

        Parameters
        ----------
        estimator : estimator object
            A fitted :class:`ActiveLearningClassifier`, or a fitted pipeline or search
            that contains one. With its strategy, the utility of a row must not depend
            on the other rows.
        X : array-like or data frame of shape (n_samples, 2)
            The pool, with two numeric columns.
        y : array-like of shape (n_samples,), default=None
            Labels; those of unlabelled rows are missing. None means that no row has a
            label.
        n_queries : int or None, default=None
            Number of rows to label next that are marked, 0 for none. None means the
            `batch_size` of the learner.
        grid_resolution : int, default=100
            Number of grid points along each feature.
        **plot_params : dict
            Arguments of :meth:`plot`: `ax`, `plot_method`, `colorbar`, `surface_kw` and
            `scatter_kw`.

        Returns
        -------
        display : UtilityDisplay
            The display, drawn.

        Raises
        ------
        AttributeError
            If the utility of a row depends on other rows, so that a point of the plane
            has no utility.
        ValueError
            If `X` does not have exactly two numeric columns.
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib(f"{cls.__name__}.from_estimator")
        points = _as_points(X)
        learner = last_step(estimator)
        _check_pointwise(estimator, learner)
        check_classes(learner, cls.__name__)
        if y is None:
            y = np.full(len(points), np.nan)
        classes, codes = encode_labels(y, getattr(learner, "missing_label", np.nan))
        missing = codes == MISSING
        queried: Array = np.empty(0, dtype=np.intp)
        if missing.any() and n_queries != 0:
            queried = query(estimator, X, y, n_queries)
        strategy = getattr(learner, "strategy", None)
        display = cls(
            surface=_utility_surface(estimator, X, points, grid_resolution),
            candidates=points[missing],
            labeled=points[~missing],
            labels=classes[codes[~missing]],
            queries=points[queried],
            utility_name="utility" if strategy is None else f"utility ({strategy})",
        )
        return display.plot(**plot_params)

    def plot(
        self,
        ax: Any = None,
        *,
        plot_method: str = "contourf",
        colorbar: bool = True,
        surface_kw: dict | None = None,
        scatter_kw: dict | None = None,
    ) -> UtilityDisplay:
        """Draw the utilities and the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None means a new figure and axes.
        plot_method : {"contourf", "contour", "pcolormesh"}, default="contourf"
            Plotting method for the utilities.
        colorbar : bool, default=True
            Whether to add a colour bar.
        surface_kw : dict, default=None
            Keyword arguments passed to the plotting method.
        scatter_kw : dict, default=None
            Keyword arguments passed to `ax.scatter` for the labelled rows.

        Returns
        -------
        self : UtilityDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        check_matplotlib(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.cbook import normalize_kwargs
        from matplotlib.collections import PathCollection
        from matplotlib.colors import LinearSegmentedColormap

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        surface_kw = {"zorder": 0} | (surface_kw or {})
        if "colors" not in surface_kw:
            # Not down to black, on which the rows would be invisible.
            greys = LinearSegmentedColormap.from_list("utility", ["white", "#808080"])
            surface_kw.setdefault("cmap", greys)
        if plot_method != "pcolormesh":
            surface_kw.setdefault("levels", 12)
        self.surface.plot(ax=ax, plot_method=plot_method, **surface_kw)
        self.surface_ = self.surface.surface_
        self.colorbar_ = None
        if colorbar:
            self.colorbar_ = self.figure_.colorbar(
                self.surface_, ax=ax, label=as_plain(self.utility_name)
            )
        self._plot_rows(normalize_kwargs(scatter_kw or {}, PathCollection))
        self._plot_queries()
        ax.legend(fontsize="small")
        return self

    def _plot_rows(self, scatter_kw: dict) -> None:
        self.candidates_ = self.ax_.scatter(
            *self.candidates.T, s=7, c="#404040", linewidths=0, label="unlabelled"
        )
        self.labeled_ = []
        for k, label in enumerate(np.unique(self.labels)):
            style = {
                "s": 48,
                "color": COLORS[k % len(COLORS)],
                "marker": MARKERS[k % len(MARKERS)],
                "edgecolors": "white",
                "linewidths": 0.9,
            }
            self.labeled_.append(
                self.ax_.scatter(
                    *self.labeled[self.labels == label].T,
                    label=as_plain(f"{label:g}" if isinstance(label, float) else label),
                    **style | scatter_kw,
                )
            )

    def _plot_queries(self) -> None:
        from matplotlib.patheffects import withStroke

        self.queries_ = self.ax_.scatter(
            *self.queries.T, s=45, facecolors="none", edgecolors="red", linewidths=1.4
        )
        self.ranks_ = []
        if len(self.queries) == 0:
            return
        self.queries_.set_label("to label next")
        places = _free_places(self.ax_, self.queries)
        for k, (point, place) in enumerate(zip(self.queries, places, strict=True)):
            rank = self.ax_.annotate(
                str(k + 1),
                point,
                place,
                textcoords="offset points",
                ha="center",
                va="center",
                fontsize="small",
                color="red",
                arrowprops={"arrowstyle": "-", "color": "red", "linewidth": 0.6},
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )
            self.ranks_.append(rank)


class _Utilities(RegressorMixin, BaseEstimator):
    """Regressor that predicts `score_samples` of a learner, to colour a plane.

    Otherwise scikit-learn's display would take the classes of the learner for those of
    the response.
    """

    def __init__(self, estimator: Any):
        self.estimator = estimator

    def fit(self, X: Any, y: Any = None) -> _Utilities:  # an estimator must have one
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: Any) -> Array:
        return self.estimator.score_samples(X)


def _utility_surface(
    estimator: Any, X: Any, points: Array, grid_resolution: int
) -> DecisionBoundaryDisplay:
    from matplotlib.figure import Figure

    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 1.0)
    corners: Any = np.array([low - margin, high + margin])
    names = [f"Feature {j}" for j in range(2)]
    if hasattr(X, "columns"):
        names = [str(name) for name in X.columns]
        adapter = _get_adapter_from_container(X)
        corners = adapter.create_container(corners, corners, columns=X.columns)
    return DecisionBoundaryDisplay.from_estimator(
        _Utilities(estimator),
        corners,
        grid_resolution=grid_resolution,
        eps=0,  # the same margin would not suit both features
        response_method="predict",
        xlabel=as_plain(names[0]),
        ylabel=as_plain(names[1]),
        ax=Figure().add_subplot(),  # it draws at once, and only the grid is wanted
    )


def _as_points(X: Any) -> Array:
    shape = getattr(X, "shape", None) or np.shape(X)
    if len(shape) != 2 or shape[1] != 2:
        raise ValueError(
            f"UtilityDisplay draws over two features, but X has shape {tuple(shape)}. "
            "Fit the learner on two columns, such as those of PCA(2)."
        )
    try:
        return np.asarray(X, dtype=np.float64).reshape(_num_samples(X), 2)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "UtilityDisplay needs two columns of numbers in X, in a dense array or a "
            f"data frame; got {type(X).__name__} ({error})."
        ) from error


def _check_pointwise(estimator: Any, learner: Any) -> None:
    if hasattr(estimator, "score_samples"):
        return
    strategy = getattr(learner, "strategy", None)
    if strategy is None:
        raise AttributeError(
            f"{estimator!r} has no score_samples. UtilityDisplay needs a fitted "
            "ActiveLearningClassifier, alone or in a pipeline or search."
        )
    raise AttributeError(
        f"{type(estimator).__name__} has no score_samples with strategy={strategy!r}: "
        "its utilities depend on which other rows there are, so a point of the plane "
        "has none. Use a strategy that looks at each row alone, such as 'margin': "
        "UtilityDisplay.from_estimator(learner.set_params(strategy='margin'), X, y). "
        "The model stays as it is fitted."
    )


def _free_places(ax: Any, points: Array) -> list[tuple[float, float]]:
    """Offsets in points at which ranks are clear of each other and of the rings."""
    ax.figure.draw_without_rendering()  # the layout says where points are
    scale = 72 / ax.figure.dpi
    rings = ax.transData.transform(points) * scale
    taken: list[Array] = list(rings)
    found = []
    for ring in rings:
        room = [min(np.hypot(*(ring + p - other)) for other in taken) for p in _PLACES]
        free = [k for k, distance in enumerate(room) if distance >= _RANK_SIZE]
        k = free[0] if free else int(np.argmax(room))
        taken.append(ring + _PLACES[k])
        found.append(_PLACES[k])
    return found

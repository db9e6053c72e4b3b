"""What is in the pictures: the artists' data against plain computations."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp, ttest_rel
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris, make_blobs
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from skactive import ActiveLearningClassifier, query
from skactive.display import ActiveLearningCurveDisplay, UtilityDisplay
from skactive.model_selection import LabeledKFold, active_learning_curve

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def make_curve(n_strategies=3, n_splits=8, seed=0):
    rng = np.random.default_rng(seed)
    names = ["random", *(f"strategy {s}" for s in range(1, n_strategies))]
    hard = rng.normal(scale=0.2, size=(1, 1, n_splits))
    means = np.linspace(0.5, 0.8, 5) + 0.03 * np.arange(n_strategies)[:, np.newaxis]
    noise = rng.normal(scale=0.02, size=(n_strategies, 5, n_splits))
    return Bunch(
        strategies=names,
        n_labels=np.arange(10, 60, 10),
        test_scores=means[:, :, np.newaxis] + hard + noise,
    )


def band_limits(band, n_labels):
    """Lower and upper limit at each point, read off the drawn polygon."""
    vertices = band.get_paths()[0].vertices
    at = [vertices[vertices[:, 0] == n, 1] for n in n_labels]
    return np.array([(y.min(), y.max()) for y in at]).T


# ---------------------------------------------------------------------------------
# Curves
# ---------------------------------------------------------------------------------


def test_lines_are_means_over_splits():
    curve = make_curve()
    display = ActiveLearningCurveDisplay.from_results(curve)
    assert display.ax_.lines[:] == display.lines_
    assert display.figure_ is display.ax_.figure
    for line, name, scores in zip(
        display.lines_, curve.strategies, curve.test_scores, strict=True
    ):
        assert line.get_label() == name
        np.testing.assert_array_equal(line.get_xdata(), curve.n_labels)
        np.testing.assert_allclose(line.get_ydata(), scores.mean(axis=1))


def test_random_is_drawn_as_strongly():
    display = ActiveLearningCurveDisplay.from_results(make_curve(9))
    lines = display.lines_
    assert len({line.get_linewidth() for line in lines}) == 1
    assert {line.get_alpha() for line in lines} == {None}
    assert len({line.get_zorder() for line in lines}) == 1
    assert lines[0].get_color() == "black"
    assert lines[0].get_linestyle() == "--"
    assert all(line.get_color() != "black" for line in lines[1:])
    assert all(line.get_linestyle() != "--" for line in lines[1:])


def test_many_strategies_look_different():
    display = ActiveLearningCurveDisplay.from_results(make_curve(21), interval=None)
    looks = {
        (line.get_color(), line.get_linestyle(), line.get_marker())
        for line in display.lines_
    }
    assert len(looks) == 21
    assert len({line.get_color() for line in display.lines_[:9]}) == 9


def test_mean_interval_is_students():
    curve = make_curve()
    display = ActiveLearningCurveDisplay.from_results(
        curve, interval="mean", confidence=0.9
    )
    for band, scores in zip(display.bands_, curve.test_scores, strict=True):
        found = band_limits(band, curve.n_labels)
        tests = [ttest_1samp(scores[p], 0).confidence_interval(0.9) for p in range(5)]
        np.testing.assert_allclose(found.T, tests)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_two_comparison_bands_touch_where_a_paired_test_is_at_its_limit(confidence):
    curve = make_curve(2)
    display = ActiveLearningCurveDisplay.from_results(curve, confidence=confidence)
    first, second = (band_limits(band, curve.n_labels) for band in display.bands_)
    for p in range(5):
        a, b = curve.test_scores[:, p]
        interval = ttest_rel(b, a).confidence_interval(confidence)
        # Between the upper limit of one band and the lower of the other.
        np.testing.assert_allclose(second[0, p] - first[1, p], interval.low)


def test_comparison_bands_of_many_are_near_paired_tests():
    """Six strategies, none better: bands of a pair are apart in about 5 of 100."""
    rng = np.random.default_rng(0)
    scores = 10 * rng.normal(size=(1, 200, 10)) + rng.normal(size=(6, 200, 10))
    curve = Bunch(strategies=list("abcdef"), n_labels=np.arange(200))
    curve.test_scores = scores
    display = ActiveLearningCurveDisplay.from_results(curve)
    limits = [band_limits(band, curve.n_labels) for band in display.bands_]
    apart = [
        (limits[i][0] > limits[j][1]) | (limits[j][0] > limits[i][1])
        for i in range(6)
        for j in range(i)
    ]
    assert 0.03 < np.mean(apart) < 0.07


def test_what_splits_have_in_common_widens_only_the_mean_interval():
    curve = make_curve()
    curve.test_scores = curve.test_scores[:, :, :1] + np.linspace(-0.1, 0.1, 8)
    of_mean = ActiveLearningCurveDisplay.from_results(curve, interval="mean")
    paired = ActiveLearningCurveDisplay.from_results(curve)
    for wide, narrow in zip(of_mean.bands_, paired.bands_, strict=True):
        assert (np.ptp(band_limits(wide, curve.n_labels), axis=0) > 0.05).all()
        assert (np.ptp(band_limits(narrow, curve.n_labels), axis=0) < 1e-12).all()


def test_bands_wear_the_colour_of_their_line():
    display = ActiveLearningCurveDisplay.from_results(make_curve(9))
    for line, band in zip(display.lines_, display.bands_, strict=True):
        expected = matplotlib.colors.to_rgb(line.get_color())
        np.testing.assert_allclose(band.get_facecolor()[0, :3], expected)


@pytest.mark.parametrize(
    ("n_splits", "interval"), [(1, "comparison"), (1, "mean"), (8, None)]
)
def test_no_bands(n_splits, interval):
    curve = make_curve(n_splits=n_splits)
    display = ActiveLearningCurveDisplay.from_results(curve, interval=interval)
    assert display.bands_ is None
    assert not display.ax_.collections
    assert len(display.lines_) == 3


def test_random_alone_has_an_interval():
    display = ActiveLearningCurveDisplay.from_results(make_curve(1))
    (low, high) = band_limits(display.bands_[0], display.n_labels)
    assert (high > low).all()


@pytest.mark.parametrize(
    ("scoring", "negate_score", "label"),
    [
        (None, False, "Score"),
        (None, True, "Negative score"),
        ("accuracy", False, "Accuracy"),
        ("neg_log_loss", False, "Negative log loss"),
        ("neg_log_loss", True, "Log loss"),
        (norm.pdf, False, "Pdf"),
    ],
)
def test_y_label(scoring, negate_score, label):
    curve = make_curve()
    display = ActiveLearningCurveDisplay.from_results(
        curve, scoring=scoring, negate_score=negate_score
    )
    assert display.ax_.get_ylabel() == label
    assert display.ax_.get_xlabel() == "Labels"
    sign = -1 if negate_score else 1
    expected = sign * curve.test_scores[1].mean(axis=1)
    np.testing.assert_allclose(display.lines_[1].get_ydata(), expected)


def test_own_y_label_stays_as_it_is():
    display = ActiveLearningCurveDisplay.from_results(
        make_curve(), score_name="ROC AUC"
    )
    assert display.ax_.get_ylabel() == "ROC AUC"
    display.plot(score_name="$F_1$ at 5$")
    assert display.ax_.get_ylabel() == r"\$F_1\$ at 5\$"


def test_ticks_are_whole_labels():
    curve = make_curve()
    curve.n_labels = np.array([1, 2, 3, 4, 5])
    display = ActiveLearningCurveDisplay.from_results(curve)
    ticks = display.ax_.get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_legend_follows_the_ends_of_the_curves():
    curve = make_curve()
    curve.strategies = ["random", "_mine", "a $ and a $"]
    curve.test_scores[2] -= 1
    display = ActiveLearningCurveDisplay.from_results(curve, interval=None)
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend()
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["_mine", "random", r"a \$ and a \$"]
    styles = [line.get_linestyle() for line in legend.get_lines()]
    assert styles == ["-", "--", "-"]
    assert legend.get_title().get_text() == "mean of 8 splits"


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "mean of 8 splits\nstrategies differ where bands\n"
             "do not overlap (95% sure)"),
        ({"interval": "mean", "confidence": 0.9},
         "mean of 8 splits; bands: 90% intervals"),
    ],
)  # fmt: skip
def test_legend_says_what_bands_mean(params, text):
    display = ActiveLearningCurveDisplay.from_results(make_curve(), **params)
    assert display.ax_.get_legend().get_title().get_text() == text


def near_the_limit(n_splits=5):
    """Accuracies of strategies near 1, which differ in some points."""
    rng = np.random.default_rng(0)
    scores = 1 - rng.exponential(0.03, size=(4, 40, n_splits))
    scores[1] -= 0.1 * rng.random((40, 1))
    return Bunch(strategies=list("abcd"), n_labels=np.arange(40), test_scores=scores)


@pytest.mark.parametrize(
    ("scoring", "low", "high"),
    [
        ("accuracy", 0, 1),
        ("roc_auc_ovr", 0, 1),
        ("r2", -np.inf, 1),
        ("neg_log_loss", -np.inf, 0),
        ("matthews_corrcoef", -1, 1),
        (None, -np.inf, np.inf),
        ("gain", -np.inf, np.inf),
    ],
)
@pytest.mark.parametrize("negate_score", [False, True])
@pytest.mark.parametrize("interval", ["comparison", "mean"])
def test_bands_stay_within_the_range_of_the_score(
    scoring, low, high, negate_score, interval
):
    curve = near_the_limit()
    if high == 0:
        curve.test_scores -= 1
    params = {"interval": interval, "negate_score": negate_score}
    free = ActiveLearningCurveDisplay.from_results(curve, score_name="any", **params)
    drawn = ActiveLearningCurveDisplay.from_results(curve, scoring=scoring, **params)
    limits = (-high, -low) if negate_score else (low, high)
    all_free, all_drawn = (
        [band_limits(band, curve.n_labels) for band in display.bands_]
        for display in (free, drawn)
    )
    for before, after in zip(all_free, all_drawn, strict=True):
        np.testing.assert_allclose(after, np.clip(before, *limits))
    for i in range(4):  # what the bands are for stays as it is
        for j in range(i):
            before, after = (
                (them[i][0] > them[j][1]) | (them[j][0] > them[i][1])
                for them in (all_free, all_drawn)
            )
            np.testing.assert_array_equal(before, after)
    everything = np.concatenate(all_free, axis=1) * (-1 if negate_score else 1)
    assert (everything > (0 if high == 0 else 1)).any()  # there was something to clip


def test_a_score_with_the_name_of_another():
    curve = make_curve()
    curve.test_scores += 3
    (band, *_) = ActiveLearningCurveDisplay.from_results(
        curve, scoring="accuracy"
    ).bands_
    assert (band_limits(band, curve.n_labels) > 3).all()


@pytest.mark.parametrize(
    ("model", "scoring", "label"),
    [
        (LogisticRegression(), None, "Accuracy"),
        (make_pipeline(StandardScaler(), GaussianNB()), None, "Accuracy"),
        (ActiveLearningClassifier(GaussianNB()), "roc_auc_ovr", "Roc auc ovr"),
        (GridSearchCV(GaussianNB(), {}, scoring="f1_macro", cv=2), None, "F1 macro"),
        (GridSearchCV(GaussianNB(), {}, cv=2), None, "Accuracy"),
        (GaussianNB(), make_scorer(log_loss, greater_is_better=False,
            response_method="predict_proba"), "Negative log loss"),
        (Ridge(), None, "R\N{SUPERSCRIPT TWO}"),
        (Ridge(), "neg_mean_squared_error", "Negative mean squared error"),
    ],
)  # fmt: skip
def test_axis_names_the_score(model, scoring, label):
    X, y = load_iris(return_X_y=True)
    if isinstance(model, Ridge):
        X, y = X[:, 1:], X[:, 0]
    curve = active_learning_curve(
        model, X, y, strategies=[], budget=40, cv=2, n_repeats=1, scoring=scoring,
        random_state=0,
    )  # fmt: skip
    display = ActiveLearningCurveDisplay.from_results(curve)
    assert display.ax_.get_ylabel() == label


def test_axis_of_a_score_of_ones_own():
    class Own(GaussianNB):
        def score(self, X, y):
            return 0.5

    X, y = load_iris(return_X_y=True)
    params = {"budget": 20, "cv": 2, "n_repeats": 1, "random_state": 0}
    display = ActiveLearningCurveDisplay.from_estimator(
        Own(), X, y, strategies=[], **params
    )
    assert display.ax_.get_ylabel() == "Score"
    display = ActiveLearningCurveDisplay.from_estimator(
        GaussianNB(), X, y, scoring=["roc_auc_ovr", "accuracy"], **params
    )
    assert display.ax_.get_ylabel() == "Roc auc ovr"


def test_several_scores():
    curve = make_curve()
    other = curve.test_scores + 1
    curve.test_scores = {"accuracy": curve.test_scores, "neg_brier_score": other}
    first = ActiveLearningCurveDisplay.from_results(curve)
    assert first.ax_.get_ylabel() == "Accuracy"
    second = ActiveLearningCurveDisplay.from_results(curve, scoring="neg_brier_score")
    assert second.ax_.get_ylabel() == "Negative brier score"
    np.testing.assert_array_equal(second.test_scores, other)
    with pytest.raises(ValueError, match="there are: accuracy, neg_brier_score"):
        ActiveLearningCurveDisplay.from_results(curve, scoring="f1")


def test_axes_and_styles_of_ones_own():
    _, ax = plt.subplots()
    display = ActiveLearningCurveDisplay.from_results(
        make_curve(),
        ax=ax,
        line_kw={"lw": 5},
        fill_between_kw={"alpha": 0.5, "lw": 0},
    )
    assert display.ax_ is ax
    assert {line.get_linewidth() for line in display.lines_} == {5}
    assert {band.get_alpha() for band in display.bands_} == {0.5}
    again = display.plot()
    assert again is display
    assert display.ax_ is not ax


@pytest.mark.parametrize("scoring", ["neg_log_loss", ["accuracy", "f1_macro"], None])
def test_from_estimator_is_the_curve_drawn(scoring):
    X, y = load_iris(return_X_y=True)
    params = {"strategies": ["margin"], "budget": 20, "cv": 3, "n_repeats": 1}
    model = LogisticRegression(max_iter=1000)
    display = ActiveLearningCurveDisplay.from_estimator(
        model, X, y, scoring=scoring, random_state=0, **params
    )
    curve = active_learning_curve(
        model, X, y, scoring=scoring, random_state=0, **params
    )
    scores = curve.test_scores
    if isinstance(scores, dict):
        scores = scores["accuracy"]
    np.testing.assert_array_equal(display.test_scores, scores)
    assert display.strategies == curve.strategies
    assert [line.get_label() for line in display.lines_] == ["random", "margin"]
    np.testing.assert_allclose(display.lines_[1].get_ydata(), scores[1].mean(axis=1))


def test_wrong_arguments():
    curve = make_curve()
    with pytest.raises(ValueError, match="must be 'comparison', 'mean' or None; got"):
        ActiveLearningCurveDisplay.from_results(curve, interval="std")
    with pytest.raises(ValueError, match="confidence must be in"):
        ActiveLearningCurveDisplay.from_results(curve, confidence=95)
    curve.strategies = ["random"]
    with pytest.raises(ValueError, match=r"shape \(3, 5, 8\); with 1 strategies"):
        ActiveLearningCurveDisplay.from_results(curve)


# ---------------------------------------------------------------------------------
# Utilities
# ---------------------------------------------------------------------------------


def make_pool(n_labeled=20):
    X, answers = make_blobs(80, centers=3, random_state=0)
    return X, np.where(np.arange(80) < n_labeled, answers, np.nan)


def fitted(X, y, strategy="margin", **params):
    model = LogisticRegression(max_iter=1000)
    return ActiveLearningClassifier(model, strategy, random_state=0, **params).fit(X, y)


def offsets(collection):
    return np.asarray(collection.get_offsets())


@pytest.mark.parametrize("strategy", ["margin", "entropy", "information_gain"])
def test_surface_is_score_samples(strategy):
    X, y = make_pool()
    learner = fitted(X, y, strategy)
    display = UtilityDisplay.from_estimator(learner, X, y, grid_resolution=15)
    surface = display.surface
    assert surface.xx0.shape == (15, 15)
    grid = np.column_stack([surface.xx0.ravel(), surface.xx1.ravel()])
    expected = learner.score_samples(grid).reshape(15, 15)
    np.testing.assert_array_equal(surface.response, expected)
    margin = 0.05 * np.ptp(X, axis=0)
    np.testing.assert_allclose(grid.min(axis=0), X.min(axis=0) - margin)
    np.testing.assert_allclose(grid.max(axis=0), X.max(axis=0) + margin)
    assert display.surface_ in display.ax_.collections
    assert display.colorbar_.ax.get_ylabel() == f"utility ({strategy})"


def test_pcolormesh_holds_the_utilities():
    X, y = make_pool()
    display = UtilityDisplay.from_estimator(
        fitted(X, y), X, y, plot_method="pcolormesh", colorbar=False, grid_resolution=12
    )
    drawn = np.asarray(display.surface_.get_array()).ravel()
    np.testing.assert_array_equal(drawn, display.surface.response.ravel())
    assert display.colorbar_ is None
    assert display.figure_.axes == [display.ax_]


def test_rows_by_label():
    X, y = make_pool()
    display = UtilityDisplay.from_estimator(fitted(X, y), X, y, n_queries=0)
    np.testing.assert_array_equal(offsets(display.candidates_), X[np.isnan(y)])
    assert [one.get_label() for one in display.labeled_] == ["0", "1", "2"]
    for k, collection in enumerate(display.labeled_):
        np.testing.assert_array_equal(offsets(collection), X[y == k])
    colors = {tuple(one.get_facecolor()[0]) for one in display.labeled_}
    assert len(colors) == 3
    assert display.ranks_ == []
    assert len(offsets(display.queries_)) == 0
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["unlabelled", "0", "1", "2"]


@pytest.mark.parametrize("n_queries", [None, 3])
def test_ranks_are_those_of_query(n_queries):
    X, y = make_pool()
    learner = fitted(X, y, batch_size=7)
    display = UtilityDisplay.from_estimator(learner, X, y, n_queries=n_queries)
    rows = learner.query(X, y, n_queries)
    assert len(rows) == (n_queries or 7)
    np.testing.assert_array_equal(offsets(display.queries_), X[rows])
    ranks = [int(rank.get_text()) for rank in display.ranks_]
    assert ranks == list(range(1, len(rows) + 1))
    np.testing.assert_array_equal([r.xy for r in display.ranks_], X[rows])


def test_ranks_stand_clear_of_each_other():
    X, y = make_pool()
    learner = fitted(X, y, batch_size=12)
    display = UtilityDisplay.from_estimator(learner, X, y)
    display.figure_.canvas.draw()
    boxes = [matplotlib.text.Text.get_window_extent(rank) for rank in display.ranks_]
    overlaps = [
        (i, j) for i in range(12) for j in range(i) if boxes[i].overlaps(boxes[j])
    ]
    assert overlaps == []


def test_no_labels_passed():
    X, y = make_pool()
    display = UtilityDisplay.from_estimator(fitted(X, y), X, n_queries=2)
    np.testing.assert_array_equal(offsets(display.candidates_), X)
    assert display.labeled_ == []


def test_nothing_left_to_query():
    X, _ = make_pool()
    y = np.arange(80) % 2
    display = UtilityDisplay.from_estimator(fitted(X, y), X, y)
    assert display.ranks_ == []
    assert len(offsets(display.candidates_)) == 0


def test_one_class_seen():
    X, _ = make_pool()
    y = np.where(np.arange(80) < 5, 1, np.nan)
    display = UtilityDisplay.from_estimator(fitted(X, y), X, y)
    assert not display.surface.response.any()
    display.figure_.canvas.draw()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_and_missing_strings(library):
    frames = pytest.importorskip(library)
    X, y = make_pool()
    X = X * [1, 1000]
    names = [None if np.isnan(label) else ["no", "yes", "$"][int(label)] for label in y]
    frame = frames.DataFrame({"age": X[:, 0], "income": X[:, 1]})
    learner = ActiveLearningClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()), "margin", random_state=0
    ).fit(frame, names)
    display = UtilityDisplay.from_estimator(learner, frame, names, grid_resolution=10)
    assert display.ax_.get_xlabel() == "age"
    assert display.ax_.get_ylabel() == "income"
    assert [one.get_label() for one in display.labeled_] == [r"\$", "no", "yes"]
    np.testing.assert_array_equal(offsets(display.labeled_[1]), X[y == 0])
    rows = learner.query(frame, names)
    np.testing.assert_array_equal(offsets(display.queries_), X[rows])


def test_named_missing_label_in_a_pipeline_and_a_search():
    X, y = make_pool(30)
    y = np.where(np.isnan(y), -1, y).astype(int)
    learner = ActiveLearningClassifier(
        LogisticRegression(), "margin", missing_label=-1, random_state=0
    )
    pipeline = make_pipeline(StandardScaler(), learner)
    grid = {"activelearningclassifier__estimator__C": [0.1, 1]}
    search = GridSearchCV(pipeline, grid, cv=LabeledKFold(3, missing_label=-1))
    for estimator in (pipeline, search):
        estimator.fit(X, y)
        display = UtilityDisplay.from_estimator(estimator, X, y, n_queries=4)
        np.testing.assert_array_equal(offsets(display.candidates_), X[y == -1])
        assert [one.get_label() for one in display.labeled_] == ["0", "1", "2"]
        rows = query(estimator, X, y, 4)
        np.testing.assert_array_equal(offsets(display.queries_), X[rows])
        grid_points = np.column_stack(
            [display.surface.xx0.ravel(), display.surface.xx1.ravel()]
        )
        expected = estimator.score_samples(grid_points)
        np.testing.assert_array_equal(display.surface.response.ravel(), expected)


def test_anything_with_score_samples():
    X, _ = make_pool()
    density = KernelDensity().fit(X)
    display = UtilityDisplay.from_estimator(density, X, n_queries=0)
    assert display.colorbar_.ax.get_ylabel() == "utility"


def test_strategies_without_a_utility_of_points():
    X, y = make_pool()
    with pytest.raises(AttributeError, match="strategy='badge': its utilities depend"):
        UtilityDisplay.from_estimator(fitted(X, y, "badge"), X, y)
    with pytest.raises(AttributeError, match="needs a fitted ActiveLearningClassifier"):
        UtilityDisplay.from_estimator(LogisticRegression(), X, y)


def test_errors_inside_score_samples_come_through():
    class Broken(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X):
            raise RuntimeError("my own trouble")

    X, y = make_pool()
    learner = ActiveLearningClassifier(Broken(), "margin").fit(X, y)
    with pytest.raises(RuntimeError, match="my own trouble"):
        UtilityDisplay.from_estimator(learner, X, y)


def test_the_default_strategy_says_how_to_draw_another_one():
    X, y = make_pool()
    learner = fitted(X, y, "auto")
    text = r"strategy='auto'.*from_estimator\(learner.set_params\(strategy='margin'\)"
    with pytest.raises(AttributeError, match=text):
        UtilityDisplay.from_estimator(learner, X, y)
    UtilityDisplay.from_estimator(learner.set_params(strategy="margin"), X, y)


def test_two_columns_of_numbers():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(
        ValueError, match=r"over two features, but X has shape \(150, 4"
    ):
        UtilityDisplay.from_estimator(fitted(X, y), X, y)
    texts = np.array([["a", "b"], ["c", "d"]])
    with pytest.raises(ValueError, match="two columns of numbers"):
        UtilityDisplay.from_estimator(fitted(X[:, :2], y), texts)


def test_utilities_drawn_again():
    X, y = make_pool()
    display = UtilityDisplay.from_estimator(fitted(X, y), X, y, n_queries=2)
    _, ax = plt.subplots()
    again = display.plot(
        ax=ax, surface_kw={"levels": [0, 0.5, 1], "cmap": "Blues"}, scatter_kw={"s": 9}
    )
    assert again is display
    assert display.ax_ is ax
    np.testing.assert_array_equal(display.surface_.levels, [0, 0.5, 1])
    assert display.surface_.get_cmap().name == "Blues"
    assert all((one.get_sizes() == 9).all() for one in display.labeled_)
    assert len(display.ranks_) == 2


# ---------------------------------------------------------------------------------
# Without matplotlib
# ---------------------------------------------------------------------------------


def test_without_matplotlib():
    """The message comes before any work."""
    code = """
import sys
sys.modules["matplotlib"] = None
from skactive.display import ActiveLearningCurveDisplay, UtilityDisplay
display = ActiveLearningCurveDisplay(
    strategies=["random"], n_labels=[1], test_scores=[[[1.0]]]
)
for call in (
    display.plot,
    lambda: ActiveLearningCurveDisplay.from_estimator(None, None, None),
    lambda: UtilityDisplay.from_estimator(None, None),
):
    try:
        call()
    except ImportError as error:
        print("pip install matplotlib" in str(error), "skactive[plot]" in str(error))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True"] * 6

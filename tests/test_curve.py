"""Curves of campaigns: paired, resumable, and honest about what they show."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.isotonic import isotonic_regression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold
from sklearn.naive_bayes import GaussianNB

from skactive import ActiveLearningClassifier, ActiveLearningRegressor
from skactive.model_selection import active_learning_curve
from skactive.model_selection._summary import (
    _resampled_needs,
    area_under_curve,
    labels_needed,
    monotone,
    paired_interval,
    summarize,
)

X, y = make_classification(
    n_samples=240, n_features=5, n_informative=3, n_classes=3, random_state=0
)
LEARNER = ActiveLearningClassifier(GaussianNB(), batch_size=5, n_initial=8)


def curve_of(learner=LEARNER, **params):
    options = {"strategies": ["margin"], "budget": 24, "cv": 3, "random_state": 0}
    return active_learning_curve(learner, X, y, **(options | params))


def other_random(seed):
    """Random by another name, with its own draws."""

    def utilities(estimator, X, y):
        rng = np.random.default_rng([seed, int(np.isnan(y).sum())])
        return rng.random(len(X))

    return utilities


# The simulations ---------------------------------------------------------------------


def test_shapes():
    curve = curve_of(strategies=["margin", "entropy"])
    assert curve.strategies == ["random", "margin", "entropy"]
    assert_array_equal(curve.n_labels, [8, 13, 18, 23, 24])
    for table in (curve.test_scores, curve.fit_times, curve.query_times):
        assert table.shape == (3, 5, 6)
    assert pickle.loads(pickle.dumps(curve)).strategies == curve.strategies


def test_equals_campaigns_by_hand():
    cv = StratifiedKFold(3, shuffle=True, random_state=1)
    curve = curve_of(strategies=["margin"], cv=cv, n_repeats=1)
    seeds = np.random.default_rng(np.random.SeedSequence(0)).integers(2**31, size=3)
    for s, strategy in enumerate(["random", "margin"]):
        for k, (train, test) in enumerate(cv.split(X, y)):
            for p, budget in enumerate(curve.n_labels.tolist()):
                learner = clone(LEARNER).set_params(
                    strategy=strategy, budget=budget, random_state=int(seeds[k])
                )
                score = learner.fit(X[train], y[train]).score(X[test], y[test])
                assert curve.test_scores[s, p, k] == score


def test_first_labels_are_shared():
    curve = curve_of(strategies=["margin", "entropy", "k_center"])
    first = curve.test_scores[:, 0]
    assert_array_equal(first, np.broadcast_to(first[0], first.shape))
    assert np.ptp(curve.test_scores[:, -1], axis=0).max() > 0


def test_renamed_random_is_random():
    curve = curve_of(strategies={"chance": "random"})
    assert_array_equal(curve.test_scores[0], curve.test_scores[1])
    with pytest.warns(UserWarning, match="chance is not distinguishable"):
        curve.summary()


def test_jobs_and_order_change_nothing():
    one = curve_of(strategies=["margin", "entropy"])
    two = curve_of(strategies=["margin", "entropy"], n_jobs=2)
    assert_array_equal(one.test_scores, two.test_scores)
    turned = curve_of(strategies=["entropy", "margin"])
    assert_array_equal(one.test_scores[[0, 2, 1]], turned.test_scores)
    assert not np.array_equal(one.test_scores, curve_of(random_state=1).test_scores)


def test_several_scores():
    curve = curve_of(scoring=["accuracy", "neg_log_loss"])
    assert sorted(curve.test_scores) == ["accuracy", "neg_log_loss"]
    assert_array_equal(curve.test_scores["accuracy"], curve_of().test_scores)
    assert (curve.test_scores["neg_log_loss"] < 0).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        areas = [r["area"] for r in curve.summary("neg_log_loss")]
        assert areas != [r["area"] for r in curve.summary()]
        with pytest.raises(ValueError, match="'f1' was not asked for; there are: acc"):
            curve.summary("f1")


def test_scorers_that_are_functions():
    def of(metric, method):
        return lambda model, X, y: metric(y, getattr(model, method)(X))

    scoring = {"a": of(accuracy_score, "predict"), "l": of(log_loss, "predict_proba")}
    curve = curve_of(scoring=scoring, n_repeats=1)
    assert_array_equal(curve.test_scores["a"], curve_of(n_repeats=1).test_scores)
    single = curve_of(scoring="neg_log_loss", n_repeats=1)
    assert_allclose(curve.test_scores["l"], -single.test_scores)


def test_splitters_and_groups():
    groups = np.arange(240) % 6
    curve = curve_of(cv=GroupKFold(3), groups=groups, n_repeats=1)
    assert curve.test_scores.shape == (2, 5, 3)
    curve = curve_of(cv=ShuffleSplit(2, random_state=0), n_repeats=3)
    assert curve.test_scores.shape == (2, 5, 6)


@pytest.mark.parametrize("missing", [np.nan, -1])
def test_rows_without_a_label_are_left_out(missing):
    known = np.arange(240) % 4 > 0
    learner = clone(LEARNER).set_params(missing_label=missing)
    options = {"strategies": ["margin"], "budget": 20, "cv": 3, "random_state": 0}
    partly = active_learning_curve(learner, X, np.where(known, y, missing), **options)
    whole = active_learning_curve(learner, X[known], y[known], **options)
    assert_array_equal(partly.test_scores, whole.test_scores)


def test_texts_and_plain_classifiers():
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.pipeline import make_pipeline

    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["a1", "b1", "c1", "d1"], 5)) for _ in range(60)]
    labels = ["yes" if "a1" in text else "no" for text in texts]
    curve = active_learning_curve(
        make_pipeline(CountVectorizer(), LogisticRegression()),
        texts,
        labels,
        strategies="margin",
        budget=0.5,
        cv=2,
        random_state=0,
    )
    assert_array_equal(curve.n_labels, [10, 15])


def test_progress():
    seen = []
    curve_of(progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 12) for n in range(1, 13)]


def test_errors_of_the_estimator_are_raised():
    class Broken(GaussianNB):
        def fit(self, X, y):
            raise RuntimeError("cannot fit")

    with pytest.raises(RuntimeError, match="cannot fit"):
        curve_of(ActiveLearningClassifier(Broken()))


def test_wrong_calls():
    with pytest.raises(ValueError, match="budget=500, but the smallest training part"):
        curve_of(budget=500)
    with pytest.raises(ValueError, match="Two strategies are named 'margin'"):
        curve_of(strategies=["margin", "margin"])
    with pytest.raises(ValueError, match="Unknown strategy 'margn'"):
        curve_of(strategies=["margn"])
    with pytest.raises(ValueError, match="budget"):
        curve_of(budget=0)


# The cache ---------------------------------------------------------------------------


def test_cache_finds_what_is_done(tmp_path, monkeypatch):
    first = curve_of(cache=tmp_path)
    assert len(list(tmp_path.rglob("output.pkl"))) == 12
    more = curve_of(strategies=["margin", "entropy"], cache=tmp_path)
    assert len(list(tmp_path.rglob("output.pkl"))) == 18
    assert_array_equal(more.test_scores[:2], first.test_scores)
    monkeypatch.setattr(GaussianNB, "fit", None)  # nothing is fitted again
    again = curve_of(cache=tmp_path)
    assert_array_equal(again.test_scores, first.test_scores)
    assert_array_equal(again.fit_times, first.fit_times)


@pytest.mark.parametrize(
    "change",
    [
        {"budget": 20},
        {"random_state": 1},
        {"scoring": "neg_log_loss"},
        {"learner": clone(LEARNER).set_params(batch_size=6)},
        {"learner": clone(LEARNER).set_params(estimator__var_smoothing=1e-3)},
    ],
    ids=str,
)
def test_cache_is_of_this_call_only(tmp_path, change):
    curve_of(cache=tmp_path)
    cached = curve_of(cache=tmp_path, **change)
    assert_array_equal(cached.test_scores, curve_of(**change).test_scores)


def test_killed_run_goes_on(tmp_path):
    script = textwrap.dedent(
        f"""
        import sys, time
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        import numpy as np
        from test_curve import LEARNER, curve_of
        from sklearn.naive_bayes import GaussianNB
        class Slow(GaussianNB):
            def fit(self, X, y):
                time.sleep(0.02)
                return super().fit(X, y)
        sys.modules["__main__"].Slow = Slow
        curve = curve_of(LEARNER.set_params(estimator=Slow()), cache=sys.argv[1])
        np.save(sys.argv[2], curve.test_scores)
        """
    )
    command = [sys.executable, "-c", script, str(tmp_path / "c"), str(tmp_path / "s")]
    running = subprocess.Popen(command)
    for _ in range(600):
        if len(list(tmp_path.glob("c/**/output.pkl"))) >= 3:
            break
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    n_done = len(list(tmp_path.glob("c/**/output.pkl")))
    assert 3 <= n_done < 12
    before = {
        path: path.stat().st_mtime_ns for path in tmp_path.glob("c/**/output.pkl")
    }
    assert subprocess.run(command).returncode == 0
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert_array_equal(np.load(tmp_path / "s.npy"), curve_of().test_scores)


# The summary -------------------------------------------------------------------------

N_LABELS = np.array([10, 20, 40])


def test_area():
    scores = np.array([[[0.5], [0.7], [0.8]]])
    # ((0.5 + 0.7) / 2 * 10 + (0.7 + 0.8) / 2 * 20) / 30
    assert area_under_curve(N_LABELS, scores) == pytest.approx(0.7)
    assert area_under_curve(N_LABELS[:1], scores[:, :1]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("target", "expected"), [(0.4, 10), (0.6, 15), (0.75, 30), (0.8, 40), (0.9, np.inf)]
)
def test_labels_needed(target, expected):
    curves = np.array([[0.5, 0.7, 0.8]])
    assert labels_needed(N_LABELS, curves, target)[0] == pytest.approx(expected)


def test_a_lucky_point_does_not_count():
    curves = np.array([[0.5, 0.9, 0.7]])  # 0.8 after 20 labels, once smoothed
    assert labels_needed(N_LABELS, curves, 0.85)[0] == np.inf
    assert labels_needed(N_LABELS, curves, 0.8)[0] == pytest.approx(20)


def test_monotone_is_isotonic_regression():
    curves = np.random.default_rng(0).normal(size=(50, 9)).round(1)
    expected = [isotonic_regression(curve) for curve in curves]
    assert_allclose(monotone(curves), expected, atol=1e-12)


def test_resampled_needs_by_brute_force():
    rng = np.random.default_rng(1)
    scores = rng.random((3, 3, 6)) + np.array([0, 0.3, 0.6])[:, np.newaxis]
    resamples = rng.integers(6, size=(40, 6))
    found = _resampled_needs(N_LABELS, scores, resamples)
    for r, splits in enumerate(resamples):
        curves = scores[:, :, splits].mean(axis=2)
        for s, curve in enumerate(curves):
            smooth = isotonic_regression(curve)
            grid = np.linspace(10, 40, 300_001)
            above = np.interp(grid, N_LABELS, smooth) >= curves[0, -1] - 1e-9
            first = grid[np.argmax(above)] if above.any() else np.inf
            assert found[s, r] == pytest.approx(first, abs=1e-3)


def made_scores(gain, n_splits=12, seed=0):
    rng = np.random.default_rng(seed)
    base = np.array([0.5, 0.7, 0.8])[:, np.newaxis] + 0.05 * rng.normal(size=n_splits)
    noise = 0.01 * rng.normal(size=(2, 3, n_splits))
    return np.stack([base, base + gain]) + noise


def test_summary_of_a_gain():
    summary = summarize(["random", "better"], N_LABELS, made_scores(0.1))
    record = summary[1]
    low, high = record["area_gain_interval"]
    assert low < record["area_gain"] < high
    assert record["area_gain"] == pytest.approx(0.1, abs=0.02)
    assert record["win_rate"] == 1
    assert record["labels_needed"] == pytest.approx(20, abs=2)
    assert record["labels_saved"] == pytest.approx(0.5, abs=0.05)
    assert record["against_best"] == record["area_gain"]
    assert summary.sentence.startswith("better saves ")
    assert summary.sentence in str(summary)
    assert summary[0]["area_gain"] == 0
    with_target = summarize(["random", "better"], N_LABELS, made_scores(0.1), target=2)
    assert with_target[1]["labels_to_target"] == np.inf


def test_summary_of_a_loss_and_of_nothing():
    with pytest.warns(UserWarning, match="Nothing beats random here: worse is worse"):
        summary = summarize(["random", "worse"], N_LABELS, made_scores(-0.1))
    assert summary[1]["labels_saved"] == -np.inf
    assert "random's end not reached" in str(summary)
    with pytest.warns(UserWarning, match="not distinguishable from random"):
        summarize(["random", "same"], N_LABELS, made_scores(0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = summarize(["random"], N_LABELS, made_scores(0.0)[:1])
    assert "nothing to compare" in alone.sentence


def test_gain_in_the_end_only():
    """Worse at first, better later: no area gained, but labels saved."""
    scores = np.zeros((2, 3, 12)) + np.array([0.5, 0.7, 0.8])[:, np.newaxis]
    scores[1] += np.array([-0.2, 0.05, 0.1])[:, np.newaxis]
    scores += 0.001 * np.random.default_rng(0).normal(size=scores.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = summarize(["random", "late"], np.array([10, 30, 40]), scores)
    assert summary[1]["area_gain_interval"][1] < 0
    assert summary.sentence.startswith("late saves 17% of the labels in the end, 95%")


def test_interval_covers():
    """Of the mean of ten differences, whose law is normal or skewed."""
    rng = np.random.default_rng(0)
    for draw, mean in ((rng.standard_normal, 0.0), (rng.standard_exponential, 1.0)):
        covered = 0
        for _ in range(400):
            resamples = rng.integers(10, size=(500, 10))
            low, high = paired_interval(draw(10), resamples, 0.95)
            covered += low <= mean <= high
        assert covered >= (370 if mean == 0 else 350)


@pytest.mark.parametrize("n_splits", [2, 3, 6])
def test_interval_of_few_splits_covers(n_splits):
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        differences = rng.standard_normal(n_splits)
        resamples = rng.integers(n_splits, size=(50, n_splits))
        low, high = paired_interval(differences, resamples, 0.95)
        covered += low <= 0 <= high
    assert 930 <= covered <= 970


def test_few_splits_say_nothing_of_labels_saved():
    summary = summarize(["random", "better"], N_LABELS, made_scores(0.1, n_splits=4))
    assert np.isnan(summary[1]["labels_saved_interval"]).all()
    assert "interval unknown to unknown" in summary.sentence


def test_one_split_has_no_interval():
    assert np.isnan(
        paired_interval(np.ones(1), np.zeros((5, 1), dtype=int), 0.95)
    ).all()


def test_chance_is_rarely_taken_for_a_gain():
    covered = 0
    for seed in range(20):
        curve = curve_of(
            strategies={"chance": other_random(seed)},
            cv=5,
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            low, high = curve.summary()[1]["area_gain_interval"]
        assert low < high
        covered += low <= 0 <= high
    assert covered >= 17


def test_an_oracle_is_always_seen():
    """It knows all labels, and asks for those of rows that are easy."""
    X_iris, y_iris = load_iris(return_X_y=True)
    wrong = np.random.default_rng(0).random(150) < 0.3
    noisy = np.where(wrong, (y_iris + 1) % 3, y_iris)
    X_marked = np.c_[X_iris, wrong]

    def oracle(estimator, X, y):
        return -X[:, -1].astype(float)

    for seed in range(5):
        curve = active_learning_curve(
            LEARNER,
            X_marked,
            noisy,
            strategies={"oracle": oracle},
            budget=40,
            cv=[
                (np.delete(np.arange(150), test), test[~wrong[test]])
                for test in np.array_split(
                    np.random.default_rng(seed).permutation(150), 5
                )
            ],
            random_state=seed,
        )
        low, _ = curve.summary()[1]["area_gain_interval"]
        assert low > 0


def test_a_curve_prints_in_a_line():
    curve = curve_of(strategies=["margin"], budget=20)
    assert "\n" not in repr(curve)
    assert repr(curve).startswith("ActiveLearningCurve of random, margin: ")
    assert (
        f"up to {curve.n_labels[-1]} labels, {curve.test_scores.shape[2]} spl"
        in str(curve)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        table = str(curve.summary(target=2.0)).splitlines()
        assert table[0].endswith("labels to target")
        assert table[1].endswith("not reached")
        table = str(curve.summary(target=0.0)).splitlines()
        assert table[1].endswith(f" {curve.n_labels[0]}")
        assert "target" not in str(curve.summary())


@pytest.mark.parametrize(
    "wrong",
    [
        {"budget": 40.5},
        {"budget": "20"},
        {"budget": None},
        {"budget": 0},
        {"strategies": 3},
        {"n_repeats": 0},
    ],
    ids=str,
)
def test_wrong_parameters_are_named(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"The '{name}' parameter of active_le"):
        curve_of(**wrong)


# Numbers ------------------------------------------------------------------------------

NUMBERS, ANSWERS = make_regression(200, 4, noise=2.0, random_state=0)


@pytest.mark.parametrize("estimator", [Ridge(), ActiveLearningRegressor(Ridge())])
def test_curves_of_regressors(estimator):
    curve = active_learning_curve(
        estimator, NUMBERS, ANSWERS, budget=30, cv=5, random_state=0
    )
    assert curve.strategies == ["random", "lcmd"]
    assert curve.test_scores.shape == (2, 3, 10)
    assert (curve.test_scores[:, -1] > 0.9).all()  # R squared
    learner = ActiveLearningRegressor(Ridge(), budget=30)
    splits = [*KFold(5).split(NUMBERS)]
    given = active_learning_curve(
        learner, NUMBERS, ANSWERS, budget=30, cv=splits, n_repeats=1, random_state=0
    )
    assert given.test_scores.shape == (2, 3, 5)


def test_falling_errors_save_labels_the_right_way_round():
    errors = ["neg_root_mean_squared_error", "neg_mean_absolute_error", "r2"]
    curve = active_learning_curve(
        Ridge(),
        NUMBERS,
        ANSWERS,
        budget=60,
        n_repeats=4,
        scoring=errors,
        random_state=0,
    )
    scores = curve.test_scores["neg_root_mean_squared_error"]
    assert (scores < 0).all()
    assert scores[0, -1].mean() > scores[0, 0].mean()
    for name in errors:
        summary = curve.summary(name)
        ours = summary[1]
        assert ours["labels_saved"] > 0
        assert ours["area_gain"] > 0
        assert "lcmd saves" in summary.sentence

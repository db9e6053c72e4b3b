"""Callbacks of scikit-learn >= 1.9 follow a fit, its rounds, and other long work."""

import importlib.util
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import estimator_checks_generator

from skactive import ActiveLearningClassifier
from skactive._compat.callbacks import FitTasks, without_callbacks
from skactive.model_selection import active_learning_curve
from skactive.strategies import ExpectedError, Strategy

HAS_CALLBACKS = importlib.util.find_spec("sklearn.callback") is not None
needs_callbacks = pytest.mark.skipif(
    not HAS_CALLBACKS, reason="callbacks came with scikit-learn 1.9"
)
if HAS_CALLBACKS:
    from sklearn.callback import ProgressBar, ScoringMonitor

X, Y = load_iris(return_X_y=True)
BOTH = ("begin", "end")
ORDER = np.random.RandomState(0).permutation(len(X))
X, Y = X[ORDER], Y[ORDER]


class Record:
    """What scikit-learn calls a callback, and writes down what it is told."""

    def __init__(self, stop_at=None):
        self.stop_at = stop_at
        self.events = []

    def setup(self, estimator, context):
        self.note("setup", context, estimator)

    def teardown(self, estimator, context):
        self.note("teardown", context, estimator)

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.note("begin", context, estimator, X=X, y=y)

    def on_fit_task_end(
        self,
        estimator,
        context,
        *,
        X=None,
        y=None,
        metadata=None,
        fitted_estimator=None,
    ):
        self.note("end", context, estimator, X, y, metadata, fitted_estimator)
        return context.task_name == "round" and context.task_id == self.stop_at

    def note(self, event, context, estimator, X=None, y=None, metadata=None, fit=None):
        path, one = [], context
        while one is not None:
            path, one = [one.task_id, *path], one.parent
        self.events.append(
            {
                "event": event,
                "task": context.task_name,
                "path": tuple(path),
                "max_subtasks": context.max_subtasks,
                "estimator": type(estimator).__name__,
                "X": X,
                "y": y,
                "metadata": metadata,
                "fitted": fit,
            }
        )

    def ends(self, task="round"):
        return [e for e in self.events if (e["event"], e["task"]) == ("end", task)]


class Silent(Record):
    """Has nothing to say."""


class Spread(Record):
    """scikit-learn hands this one on to estimators inside."""

    max_propagation_depth = None


def make(inner=None, **params):
    defaults = {"budget": 40, "batch_size": 10, "random_state": 0}
    inner = LogisticRegression(max_iter=1000) if inner is None else inner
    return ActiveLearningClassifier(inner, **(defaults | params))


def assert_same_fit(one, other):
    np.testing.assert_array_equal(one.labeled_indices_, other.labeled_indices_)
    np.testing.assert_array_equal(one.history_["n_labels"], other.history_["n_labels"])
    np.testing.assert_array_equal(one.classes_, other.classes_)
    assert one.termination_condition_ == other.termination_condition_
    name = "predict_proba" if hasattr(one, "predict_proba") else "decision_function"
    np.testing.assert_array_equal(getattr(one, name)(X), getattr(other, name)(X))


def test_set_callbacks_is_there_where_scikit_learn_has_it():
    learner = make()
    assert hasattr(learner, "set_callbacks") == HAS_CALLBACKS
    assert learner.fit(X, Y).termination_condition_ == "budget"
    assert not [name for name in vars(learner) if "callback" in name]


@needs_callbacks
@pytest.mark.parametrize(
    ("params", "n_labels"),
    [
        ({"budget": 40}, [10, 20, 30, 40]),
        ({"budget": 45}, [10, 20, 30, 40, 45]),
        ({"budget": 0.2, "n_initial": 3, "batch_size": 13}, [3, 16, 29, 30]),
        ({"budget": 5}, [5]),
        ({"budget": 10_000, "n_initial": 60, "batch_size": 45}, [60, 105, 150]),
        ({"budget": None}, [150]),
    ],
)
def test_each_round_is_a_task(params, n_labels):
    record = Record()
    learner = make(**params).set_callbacks(record).fit(X, Y)
    assert learner.history_["n_labels"].tolist() == n_labels
    found = [(e["event"], e["task"], e["path"]) for e in record.events]
    rounds = [(event, "round", (0, i)) for i in range(len(n_labels)) for event in BOTH]
    assert found == [
        ("setup", "fit", (0,)),
        ("begin", "fit", (0,)),
        *rounds,
        ("end", "fit", (0,)),
        ("teardown", "fit", (0,)),
    ]
    assert record.events[0]["max_subtasks"] == len(n_labels)
    assert {e["max_subtasks"] for e in record.ends()} == {0}
    fitted = [e["fitted"] for e in record.ends()]
    assert [one.n_labels_ for one in fitted] == n_labels
    assert [len(one.history_["n_labels"]) for one in fitted] == list(
        range(1, len(n_labels) + 1)
    )
    assert_models_equal(record.ends("fit")[0]["fitted"], learner)


def assert_models_equal(one, other):
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


@needs_callbacks
@pytest.mark.parametrize("budget", [None, 30])
def test_callbacks_get_the_labelled_rows(budget):
    y = np.array(["a", "b", "c"], dtype=object)[Y]
    y[::3] = None
    known = np.flatnonzero(np.arange(len(y)) % 3)
    record = Record()
    learner = make(budget=budget).set_callbacks(record).fit(X, y)
    told = [e for e in record.events if e["event"] in BOTH]
    assert len(told) == 2 + 2 * len(learner.history_["n_labels"])
    for event in told:
        np.testing.assert_array_equal(event["X"], X[known])
        assert event["y"].tolist() == y[known].tolist()


@needs_callbacks
@pytest.mark.parametrize("inner", [LogisticRegression(max_iter=1000), GaussianNB()])
@pytest.mark.parametrize("scoring", ["accuracy", ["accuracy", "neg_log_loss"]])
def test_scores_are_those_of_a_watcher(inner, scoring):
    monitor = ScoringMonitor(scoring=scoring)
    make(inner).set_callbacks(monitor).fit(X, Y)
    watched = []
    make(inner)._fit(
        X, Y, {}, lambda model: watched.append(accuracy_score(Y, model.predict(X)))
    )
    rows = monitor.get_logs().data
    assert [r["accuracy"] for r in rows if r["task_name"] == "round"] == watched
    assert [r["accuracy"] for r in rows if r["task_name"] == "fit"] == watched[-1:]
    assert len(set(watched)) > 1


@needs_callbacks
def test_monitor_without_budget():
    monitor = ScoringMonitor(scoring="accuracy")
    y = Y.astype(float)
    y[30:] = np.nan
    learner = make(budget=None).set_callbacks(monitor).fit(X, y)
    scores = {row["task_name"]: row["accuracy"] for row in monitor.get_logs().data}
    assert scores["round"] == scores["fit"] == learner.score(X[:30], y[:30])


@needs_callbacks
@pytest.mark.parametrize("propagated", [0, 1])
def test_progress_bar(propagated, capsys):
    pytest.importorskip("rich", reason="the progress bar needs rich")
    bar = ProgressBar(max_propagation_depth=propagated)
    make().set_callbacks(bar).fit(X, Y)
    text = capsys.readouterr().out
    assert text.count("ActiveLearningClassifier - fit ") == 1
    assert text.count("round #") == 4 * propagated
    assert text.count("LogisticRegression - fit") == 4 * propagated
    assert text.count("100%") == 1 + 8 * propagated


@needs_callbacks
@pytest.mark.parametrize("kind", [Record, Spread])
@pytest.mark.parametrize("inner", [LogisticRegression(max_iter=1000), GaussianNB()])
def test_stop_by_return_value(kind, inner):
    stop = kind(stop_at=1)
    learner = make(inner).set_callbacks(stop).fit(X, Y)
    assert learner.termination_condition_ == kind.__name__
    assert learner.history_["n_labels"].tolist() == [10, 20]
    assert stop.events[-1]["event"] == "teardown"
    whole = make(inner).fit(X, Y)
    assert learner.labeled_indices_.tolist() == whole.labeled_indices_[:20].tolist()
    assert_models_equal(learner, make(inner, budget=20).fit(X, Y))


@needs_callbacks
def test_who_stopped():
    monitor = ScoringMonitor(scoring="accuracy")
    learner = make().set_callbacks(monitor, Record(stop_at=0)).fit(X, Y)
    assert learner.termination_condition_ == "Record"
    learner.set_callbacks(Silent(), Record(stop_at=0)).fit(X, Y)
    assert learner.termination_condition_ == "Silent or Record"
    assert learner.n_labels_ == 10
    learner.set_callbacks(Record(stop_at=3)).fit(X, Y)
    assert learner.termination_condition_ == "budget"
    learner.set_params(budget=None).set_callbacks(Record(stop_at=0)).fit(X, Y)
    assert learner.termination_condition_ == "exhausted"


class StopAt(BaseEstimator):
    """A rule that fits a clone of the learner, as cross-validation would."""

    def reset(self):
        return self

    def update(self, learner, X, y):
        from skactive.stopping import Decision

        self.marks_ = [name for name in vars(learner) if "callback" in name]
        clone(learner).set_params(stopping=None, budget=None).fit(X, y)
        pickle.loads(pickle.dumps(learner))
        return Decision(bool(np.sum(y == y) >= 20), "StopAt", "enough")


@needs_callbacks
def test_rules_see_a_learner_without_callbacks():
    record = Record(stop_at=1)
    learner = make(stopping=StopAt()).set_callbacks(record).fit(X, Y)
    assert learner.termination_condition_ == "StopAt"
    assert learner.stopping_.marks_ == []
    assert len(record.ends()) == 2


CASES = [
    (LogisticRegression(max_iter=1000), "margin"),
    (LogisticRegression(max_iter=1000), "information_gain"),
    (LogisticRegression(solver="liblinear"), "random"),
    (make_pipeline(MinMaxScaler(), GaussianNB()), "expected_error"),
    (make_pipeline(MinMaxScaler(), LogisticRegression()), "badge"),
    (RandomForestClassifier(n_estimators=5), "information_gain"),
    (GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}, cv=2), "entropy"),
    (LinearSVC(), "margin"),
]


@needs_callbacks
@pytest.mark.filterwarnings("ignore:.*equally useful:UserWarning")
@pytest.mark.parametrize(("inner", "strategy"), CASES)
def test_no_warning_and_the_same_fit(inner, strategy):
    """Warnings are errors here."""
    two = np.flatnonzero(Y < 2)
    params = {"strategy": strategy, "n_members": 3, "budget": 30}
    plain = make(inner, **params).fit(X[two], Y[two])
    callbacks = [Record(), Spread(), ScoringMonitor(scoring="accuracy")]
    learner = make(inner, **params).set_callbacks(*callbacks).fit(X[two], Y[two])
    assert_same_fit(plain, learner)
    assert len(callbacks[0].ends()) == len(callbacks[1].ends()) == 3
    assert not hasattr(learner.estimator_, "_skl_callbacks")
    assert not hasattr(learner, "_callback_fit_ctx")
    plain = make(inner, **params | {"budget": None}).fit(X, Y % 2)
    learner = make(inner, **params | {"budget": None}).set_callbacks(*callbacks)
    assert_same_fit(plain, learner.fit(X, Y % 2))


@needs_callbacks
def test_other_warnings_are_seen():
    learner = make(LogisticRegression(max_iter=1)).set_callbacks(Spread())
    with pytest.warns(ConvergenceWarning):
        learner.fit(X, Y)


@needs_callbacks
def test_callbacks_follow_the_inner_estimator():
    spread = Spread()
    make(strategy="information_gain", members="bootstrap", n_members=2).set_callbacks(
        spread
    ).fit(X, Y)
    inner = [e for e in spread.ends("fit") if e["estimator"] == "LogisticRegression"]
    assert [e["path"] for e in inner] == [(0, i, 0) for i in range(4)]
    assert [e["path"] for e in spread.ends()] == [(0, i) for i in range(4)]
    assert {e["max_subtasks"] for e in spread.ends()} == {1}
    shallow = Spread()
    shallow.max_propagation_depth = 0
    make().set_callbacks(shallow).fit(X, Y)
    assert {e["estimator"] for e in shallow.events} == {"ActiveLearningClassifier"}
    assert {e["max_subtasks"] for e in shallow.ends()} == {0}


@needs_callbacks
def test_callbacks_of_the_inner_estimator():
    monitor = ScoringMonitor(scoring="accuracy")
    inner = LogisticRegression(max_iter=1000).set_callbacks(monitor)
    make(inner, budget=20).fit(X, Y)
    (log,) = monitor.get_logs(select="all")
    assert log.estimator_name == "ActiveLearningClassifier"
    assert {row["task_id_path"][:2] for row in log.data} == {(0, 0), (0, 1)}


@needs_callbacks
def test_one_class_in_the_first_round():
    record, spread = Record(), Spread()
    order = np.argsort(Y, kind="stable")
    learner = make(
        budget=60, n_initial=5, batch_size=55, initial_strategy=first_rows
    ).set_callbacks(record, spread)
    learner.fit(X[order], Y[order])
    assert learner.history_["n_labels"].tolist() == [5, 60]
    assert len(record.ends()) == len(spread.ends()) == 2
    assert len(set(record.ends()[0]["fitted"].predict(X))) == 1


def first_rows(estimator, X, y=None):
    return -np.arange(len(X), dtype=float)


class Half(Strategy):
    """Gives fewer rows than it should."""

    def select(self, estimator, X, y=None, *, n_queries, random_state=None):
        return np.flatnonzero(np.isnan(y))[: max(1, n_queries // 2)]


@needs_callbacks
def test_more_rounds_than_expected():
    record = Record()
    learner = make(strategy=Half(), budget=30).set_callbacks(record).fit(X, Y)
    assert_same_fit(make(strategy=Half(), budget=30).fit(X, Y), learner)
    assert len(record.ends()) == len(learner.history_["n_labels"]) > 3


@needs_callbacks
@pytest.mark.parametrize("where", ["inner", "callback"])
def test_torn_down_after_an_error(where):
    class Failing(Record):
        def on_fit_task_end(self, estimator, context):
            if where == "callback":
                raise RuntimeError("no")

    failing = Failing()
    inner = RefusesTwenty() if where == "inner" else GaussianNB()
    learner = make(inner).set_callbacks(failing)
    with pytest.raises(RuntimeError, match="no"):
        learner.fit(X, Y)
    assert failing.events[-1]["event"] == "teardown"
    assert not hasattr(learner, "_callback_fit_ctx")
    assert not hasattr(learner, "estimator_")
    learner.set_params(estimator=GaussianNB()).set_callbacks().fit(X, Y)
    assert_same_fit(make(GaussianNB()).fit(X, Y), learner)


class RefusesTwenty(GaussianNB):
    def fit(self, X, y, sample_weight=None):
        if len(X) == 20:
            raise RuntimeError("no")
        return super().fit(X, y, sample_weight)


@needs_callbacks
def test_sample_weight():
    import sklearn

    y, weights = Y.astype(float), np.arange(len(Y), dtype=float) + 1
    y[:10] = np.nan
    for budget in (None, 30):
        record = Record()
        with sklearn.config_context(enable_metadata_routing=True):
            inner = GaussianNB().set_fit_request(sample_weight=True)
            learner = make(inner, budget=budget).set_callbacks(record)
            learner.fit(X, y, sample_weight=weights)
        for event in record.ends():
            given = event["metadata"]["sample_weight"]
            np.testing.assert_array_equal(given, weights[10:])


@needs_callbacks
def test_clone_and_pickle():
    monitor = ScoringMonitor(scoring="accuracy")
    learner = make().set_callbacks(monitor)
    for copied in (clone(learner), pickle.loads(pickle.dumps(learner))):
        copied.fit(X, Y)
        (kept,) = copied._skl_callbacks
        assert len(kept.get_logs().data) == 5
        again = pickle.loads(pickle.dumps(copied))
        assert_same_fit(copied, again)
    assert clone(learner)._skl_callbacks[0] is monitor
    assert without_callbacks(learner).get_params() == learner.get_params()


@needs_callbacks
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_in_a_search(n_jobs):
    grid = {"strategy": ["random", "margin"]}
    monitor = ScoringMonitor(scoring="accuracy")
    plain = GridSearchCV(make(GaussianNB()), grid, cv=2).fit(X, Y)
    search = GridSearchCV(
        make(GaussianNB()).set_callbacks(monitor), grid, cv=2, n_jobs=n_jobs
    ).fit(X, Y)
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(search.cv_results_[name], plain.cv_results_[name])
    assert_same_fit(search.best_estimator_, plain.best_estimator_)
    (log,) = monitor.get_logs(select="all")
    assert log.estimator_name == "GridSearchCV"
    rounds = [row for row in log.data if row["task_name"] == "round"]
    assert len(rounds) == 5 * 4  # two candidates in two folds, and the refit


@needs_callbacks
def test_handed_on_by_a_search():
    spread = Spread()
    search = GridSearchCV(make(GaussianNB()), {"strategy": ["random"]}, cv=2)
    search.set_callbacks(spread).fit(X, Y)
    assert len(spread.ends()) == 3 * 4
    pipeline = make_pipeline(StandardScaler(), make(GaussianNB())).set_callbacks(spread)
    pipeline.fit(X, Y)
    assert len(spread.ends()) == 4 * 4


def checks():
    if HAS_CALLBACKS:
        for params in ({"budget": None}, {"budget": 20, "batch_size": 5}):
            learner = make(**params).set_callbacks(Record())
            for estimator, check in estimator_checks_generator(learner):
                name = getattr(check, "func", check).__name__
                if name != "check_array_api_input":
                    yield pytest.param(estimator, check, id=f"{name}-{params}")


@needs_callbacks
@pytest.mark.filterwarnings("ignore:.*equally useful:UserWarning")
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_scikit_learn_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FutureWarning)
        check(estimator)


@needs_callbacks
def test_curve_reports_to_a_callback(capsys):
    record = Record()
    params = {"budget": 20, "cv": 2, "n_repeats": 1, "random_state": 0}
    curve = active_learning_curve(GaussianNB(), X, Y, progress=record, **params)
    assert [e["max_subtasks"] for e in record.ends("run")] == [4]
    assert len(record.ends("step")) == 4
    assert record.events[-1]["event"] == "teardown"
    assert record.events[-1]["estimator"] == "active_learning_curve"
    plain = active_learning_curve(GaussianNB(), X, Y, **params)
    np.testing.assert_array_equal(curve.test_scores, plain.test_scores)
    pytest.importorskip("rich", reason="the progress bar needs rich")
    active_learning_curve(GaussianNB(), X, Y, progress=ProgressBar(), **params)
    assert "active_learning_curve - run" in capsys.readouterr().out


def test_curve_reports_to_a_function():
    done = []
    active_learning_curve(
        GaussianNB(),
        X,
        Y,
        budget=20,
        cv=2,
        n_repeats=1,
        random_state=0,
        progress=lambda *counts: done.append(counts),
    )
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]


@needs_callbacks
def test_curve_torn_down_after_an_error():
    record = Record()
    with pytest.raises(RuntimeError, match="no"):
        active_learning_curve(
            RefusesTwenty(), X, Y, budget=20, cv=2, n_repeats=1, progress=record
        )
    assert record.events[-1]["event"] == "teardown"


@needs_callbacks
def test_callbacks_do_not_matter_to_a_cache(tmp_path):
    params = {"budget": 20, "cv": 2, "n_repeats": 1, "random_state": 0}
    active_learning_curve(make(GaussianNB()), X, Y, cache=tmp_path, **params)
    files = sorted(tmp_path.iterdir())
    record = Record()
    learner = make(GaussianNB()).set_callbacks(record)
    active_learning_curve(learner, X, Y, cache=tmp_path, **params)
    assert sorted(tmp_path.iterdir()) == files
    assert record.events == []
    active_learning_curve(learner, X, Y, **params)
    assert len(record.ends()) == 4 * 2
    assert record.events[-1]["event"] == "teardown"


@needs_callbacks
def test_expected_error_reports_to_a_callback():
    y = Y.astype(float)
    y[20:] = np.nan
    record, done = Record(), []
    model = GaussianNB().fit(X[:20], Y[:20])
    told = ExpectedError(progress=record)(model, X, y)
    called = ExpectedError(progress=lambda *counts: done.append(counts))(model, X, y)
    np.testing.assert_array_equal(told, called)
    assert len(record.ends("step")) == len(done)
    assert record.ends("run")[0]["max_subtasks"] == len(done)
    assert {e["estimator"] for e in record.events} == {"ExpectedError"}
    assert done[-1] == (130, 130)
    learner = make(GaussianNB(), strategy=ExpectedError(progress=Record()), budget=20)
    assert_same_fit(
        learner.fit(X, Y),
        make(GaussianNB(), strategy="expected_error", budget=20).fit(X, Y),
    )
    with pytest.raises(ValueError, match="progress"):
        make(GaussianNB(), strategy=ExpectedError(progress=3)).fit(X, Y)


def test_no_round_is_a_task_where_there_are_no_callbacks():
    """The road of scikit-learn < 1.9 in any version."""

    class Nothing:
        call_on_fit_task_begin = call_on_fit_task_end = lambda self, **kwargs: False

        def subcontext(self, **kwargs):
            return self

    class Learner:
        def _init_callback_context(self, **kwargs):
            return Nothing()

    tasks = FitTasks(Learner(), GaussianNB(), 1, X=X, y=Y)
    tasks.begin_round()
    with tasks.fitting(GaussianNB()):
        pass
    assert tasks.end_round(lambda: None) is None
    tasks.end()

"""The worker of a session: rankings can be repeated, and nobody waits for it."""

import io
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skactive
from skactive import ActiveLearningClassifier, query
from skactive.labeling import LabelingSession
from skactive.labeling._board import AUDIT, RANDOM
from skactive.labeling._fold import fold_until
from skactive.labeling._ids import decode, encode
from skactive.labeling._ranking import n_ranked
from skactive.labeling._vocabulary import Vocabulary
from skactive.labeling._worker import _ranker_of, _send_parts
from skactive.stopping import Budget

N_ROWS = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N_ROWS, 3))
TEXTS = [" ".join(RNG.choice(list("abcdefgh"), 5)) for _ in range(N_ROWS)]
ANSWERS = np.where(X[:, 0] > 0, "yes", "no")
IDS = [f"T-{n}" for n in range(N_ROWS)]
PARENT = str(Path(skactive.__file__).parents[1])
# Far more than any of this takes; only a bug waits so long.
PATIENCE = 60


pytestmark = pytest.mark.usefixtures("fast_disk")


@pytest.fixture
def opened(tmp_path):
    sessions = []

    def open_it(learner, X=X, **params):
        given = {"ids": IDS, "classes": ["no", "yes"], "annotator": "ann"} | params
        sessions.append(LabelingSession(tmp_path / "a.skactive", X, learner, **given))
        return sessions[-1]

    yield open_it
    for session in sessions:
        session.close()


def learner(estimator=None, **params):
    given = {"batch_size": 5, "random_state": 0} | params
    return ActiveLearningClassifier(estimator or LogisticRegression(), **given)


def answer(session, item):
    return session.label(item.id, ANSWERS[IDS.index(item.id)])


def replayed(model, X, session, event, n_queries=None):
    """What `query` chooses, knowing what the model of an event knew, in order."""
    fold = fold_until(session._fold.events, event["known"])
    states = [fold.decide(encode(id)) for id in IDS]
    y = np.array(
        [decode(s) if s and s.startswith('"') else None for s in states], dtype=object
    )
    out = [n for n, s in enumerate(states) if s in ("discarded", "tie")]
    skipped = [IDS.index(decode(id)) for id in fold.skipped_ids()]
    model = clone(model)
    if any(label is not None for label in y):
        model.fit(X, y)
    n_queries = n_ranked(model, X) if n_queries is None else n_queries
    return query(model, X, y, n_queries, skip=np.union1d(out, skipped).astype(int))


@pytest.mark.parametrize(
    ("model", "pool"),
    [
        (learner(), X),
        (learner(strategy="entropy", audit_fraction=0.25), X),
        (learner(strategy="badge"), X),
        (learner(strategy="vote_entropy", max_candidates=20), X),
        (make_pipeline(StandardScaler(), learner(GaussianNB())), X),
        (
            learner(
                make_pipeline(TfidfVectorizer(analyzer="char"), LogisticRegression())
            ),
            TEXTS,
        ),
    ],
    ids=["margin", "audited", "badge", "members", "pipeline", "texts"],
)
def test_each_choice_can_be_repeated(opened, model, pool):
    """`query` on the labels that the model of an event knew gives the recorded row."""
    session = opened(model, pool)
    for n, item in enumerate(session):
        if n % 7 == 3:
            session.skip(item.id)
        elif n % 7 == 5:
            session.discard(item.id)
        else:
            answer(session, item)
        if n % 9 == 6:
            session.undo()
        if n % 3 == 0:
            assert session.wait(PATIENCE)
        if n == 20:
            break
    assert session.status()["error"] is None
    n_ranked_rows, n_audited = 0, 0
    for event in reversed(session.history()):
        if event["kind"] == "undo" or event["strategy"] in (RANDOM, None):
            continue
        row = IDS.index(event["id"])
        if event["strategy"] == AUDIT:  # the next one of the reserve
            n_audited += 1
            if event["known"] is not None:
                found = replayed(model, pool, session, event, N_ROWS)
                assert row in found
        else:
            n_ranked_rows += 1
            found = replayed(model, pool, session, event)
            assert row in found
            if event["why"].startswith("Number "):
                place = int(event["why"].split()[1]) - 1
                assert found[place] == row
    assert n_ranked_rows > 10
    assert n_audited > 3 or "audit" not in repr(model)


def test_rows_that_have_moved_are_ranked_the_same(opened):
    with opened(learner()) as session:
        for id, label in zip(IDS[:8], ANSWERS, strict=False):
            session.label(id, label)
        assert session.wait(PATIENCE)
        first = [(item.id, item.utility) for item in session.take(n=5)]
        assert all(utility is not None for _, utility in first)
    order = np.random.default_rng(1).permutation(N_ROWS)
    session = opened(learner(), X[order], ids=[IDS[row] for row in order])
    assert session.wait(PATIENCE)
    assert [(item.id, item.utility) for item in session.take(n=5)] == first


def test_the_first_choice_after_waiting_is_that_of_query(opened):
    model = learner()
    session = opened(model)
    y = np.full(N_ROWS, None, dtype=object)
    for n in range(12):
        assert session.wait(PATIENCE)
        [item] = session.take(n=1)
        if n:
            best = query(clone(model).fit(X, y), X, y, 1)
            assert item.position == best[0]
            chosen_by = "UncertaintyHerding(weight_features=True)"
            assert item.strategy == (chosen_by if len(set(y) - {None}) > 1 else ANY)
        assert item.known == session._file.last
        event = answer(session, item)
        assert event["known"] == event["seq"] - 1
        y[item.position] = ANSWERS[item.position]
    assert session.status()["n_known"] == 11
    assert item.guess in ("no", "yes")
    assert 0.5 <= item.guess_proba <= 1
    assert item.utility is not None
    assert "The model takes it for" in item.why


ANY = type("Any", (), {"__eq__": lambda self, other: True, "__hash__": None})()


class Slow(ClassifierMixin, BaseEstimator):
    """Fits for `seconds`, and says in a file that it does."""

    def __init__(self, seconds=0.0, file=None):
        self.seconds = seconds
        self.file = file

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if self.file:
            Path(self.file).write_text(str(os.getpid()))
        time.sleep(self.seconds)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


class Broken(Slow):
    def fit(self, X, y):
        raise RuntimeError(f"cannot fit {len(y)} rows")


class Dying(Slow):
    def fit(self, X, y):
        os.kill(os.getpid(), signal.SIGKILL)


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def test_nobody_waits_for_a_fit_that_never_ends(opened, tmp_path):
    file = tmp_path / "pid"
    session = opened(learner(Slow(3600, str(file))))
    session.label("T-0", "no")
    session.label("T-1", "yes")
    session.take()
    until(lambda: file.exists() and file.read_text())
    longest = 0.0
    for item in session:
        start = time.perf_counter()
        answer(session, item)
        session.take()
        longest = max(longest, time.perf_counter() - start)
    assert len(session.labels) == N_ROWS
    assert longest < 5
    assert session.status()["is_fitting"]
    assert not session.wait(0.05)
    pid = int(file.read_text())
    start = time.perf_counter()
    session.close()
    assert time.perf_counter() - start < 5
    until(lambda: not is_running(pid))


ORPHAN = """
import sys, time
sys.path.insert(0, sys.argv[3])
from test_session_worker import Slow, learner, X, IDS
from skactive.labeling import LabelingSession
session = LabelingSession(sys.argv[1], X, learner(Slow(3600, sys.argv[2])), ids=IDS,
    classes=["no", "yes"], annotator="ann")
session.add_labels({"T-0": "no", "T-1": "yes"})
session.take()
time.sleep(3600)
"""


def test_the_worker_of_a_killed_session_ends_in_the_middle_of_a_fit(tmp_path):
    file, tests = tmp_path / "pid", str(Path(__file__).parent)
    command = [sys.executable, "-c", ORPHAN, tmp_path / "a.skactive", file, tests]
    env = os.environ | {"PYTHONPATH": PARENT}
    with subprocess.Popen(command, env=env) as parent:
        until(lambda: file.exists() and file.read_text())
        pid = int(file.read_text())
        assert pid != parent.pid
        assert is_running(pid)
        parent.kill()
    start = time.perf_counter()
    until(lambda: not is_running(pid))
    assert time.perf_counter() - start < 5


def test_a_failing_fit_shows_its_error_and_labelling_goes_on(opened):
    session = opened(learner(Broken()))
    assert session.wait(PATIENCE)
    assert session.status()["error"] is None
    for item in session:
        answer(session, item)
        if len(session.labels) == 8:
            break
    assert session.wait(PATIENCE)
    error = session.status()["error"]
    assert error.startswith("RuntimeError: cannot fit")
    assert "Traceback" in error
    assert len(session.labels) == 8
    with pytest.raises(RuntimeError, match="cannot fit"):
        _ = session.learner


def test_a_worker_that_dies_is_started_anew_and_given_up_at_last(opened):
    session = opened(learner(Dying()))
    session.add_labels({"T-0": "no", "T-1": "yes"})
    session.take()
    until(lambda: "3 times" in (session.status()["error"] or ""))
    assert "exit code -9" in session.status()["error"]
    for item in session:
        answer(session, item)
    assert len(session.labels) == N_ROWS


class NotThere:
    """Cannot be loaded by another process."""

    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        return NotThere.load, (self.error,)

    @staticmethod
    def load(error):
        raise error("only in this process")


@pytest.mark.parametrize("error", [RuntimeError, EOFError, FileNotFoundError])
def test_a_pool_that_the_worker_cannot_load(opened, error):
    # The child gives up at the first row, while the session still sends the others.
    objects = [NotThere(error), *(np.zeros(10_000) for _ in IDS[1:])]
    session = opened(learner(strategy="random"), objects, show=TEXTS)
    session.take()
    until(lambda: session.status()["error"])
    said = session.status()["error"]
    assert "cannot load the pool" in said
    assert f"{error.__name__}: only in this process" in said
    for item in session:
        answer(session, item)
    assert len(session.labels) == N_ROWS
    assert session.status()["error"] == said
    assert session._worker.pid is None  # another child could not load it either


class Unruly(LogisticRegression):
    """Cannot be sent to another process."""

    def __reduce__(self):
        raise TypeError("stays here")


def test_an_error_before_the_first_fit_in_a_thread_is_shown(opened, monkeypatch):
    monkeypatch.setattr("skactive.labeling._worker.Ranker", refuse)
    session = opened(learner(Unruly()))
    with pytest.warns(UserWarning, match="stays here"):
        session.take()
    until(lambda: session.status()["error"])
    assert "cannot begin" in session.status()["error"]
    for item in session:
        answer(session, item)
    assert len(session.labels) == N_ROWS


def refuse(*parts):
    raise ValueError("cannot begin")


def test_a_worker_that_was_killed_comes_back(opened):
    session = opened(learner())
    assert session.wait(PATIENCE)
    first = session._worker.pid
    os.kill(first, signal.SIGKILL)
    for id in IDS[:4]:
        session.label(id, ANSWERS[IDS.index(id)])
    until(lambda: session.status()["n_known"] == 4)
    assert session._worker.pid != first
    assert session.status()["error"] is None


def test_what_cannot_be_pickled_is_fitted_in_a_thread(opened):
    model = learner(LogisticRegression())
    model.estimator.lock = threading.Lock()
    model.estimator.__sklearn_clone__ = lambda: model.estimator
    session = opened(model)
    with pytest.warns(UserWarning, match="fitted in a thread of this one"):
        session.take()
    for id in IDS[:6]:
        session.label(id, ANSWERS[IDS.index(id)])
    assert session.wait(PATIENCE)
    assert session._worker.pid is None
    assert session.status()["n_known"] == 6


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_memory_map_is_opened_by_the_worker_and_not_sent(opened, tmp_path, order):
    given = np.memmap(tmp_path / "X", X.dtype, "w+", 16, X.shape, order)
    given[:] = X
    given.flush()
    sent = []
    for pool in (given, given[1:]):
        pipe = io.BytesIO()
        _send_parts(pipe, (learner(), pool, None, Vocabulary(["no", "yes"])))
        sent.append(pipe)
    assert given.nbytes > sent[0].tell() - (sent[1].tell() - given[1:].nbytes)
    sent[0].seek(0)
    ranker = _ranker_of(pickle.load(sent[0]), pickle.load(sent[0]))
    assert isinstance(ranker.X, np.memmap)
    assert np.array_equal(ranker.X, X)
    session = opened(learner(), given)
    assert session.wait(PATIENCE)
    assert session.status()["error"] is None


SCRIPT = """
import sys
import numpy as np
from sklearn.linear_model import LogisticRegression
from skactive import ActiveLearningClassifier
from skactive.labeling import LabelingSession

class Mine(LogisticRegression):
    def fit(self, X, y):
        print("something on stdout")
        return super().fit(X, y)

def utility(estimator, X, y=None):
    return -np.abs(X[:, 0] - 3)

X = np.arange(20.0).reshape(-1, 1)
learner = ActiveLearningClassifier(Mine(), strategy=utility, random_state=0)
session = LabelingSession(sys.argv[1], X, learner, ids=range(20), classes=[0, 1],
    annotator="ann")
session.add_labels({0: 0, 19: 1})
assert session.wait(60)
assert session.status()["error"] is None, session.status()["error"]
[item] = session.take(n=1)
print("item", item.id, session._worker.pid is not None)
"""


def test_classes_and_functions_of_a_script_go_along(tmp_path):
    command = [sys.executable, "-c", SCRIPT, tmp_path / "a.skactive"]
    env = os.environ | {"PYTHONPATH": PARENT}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "item 3 True\n"
    assert "something on stdout" in done.stderr  # and not in the results


def test_too_few_labels_are_no_error(opened):
    session = opened(learner(KNeighborsClassifier(10)))
    for n, item in enumerate(session):
        answer(session, item)
        if n < 3 or n > 12:
            assert session.wait(PATIENCE)
            assert session.status()["error"] is None
        if n == 14:
            break
    assert session.status()["n_known"] == 15


def test_curve_of_audits_and_advice(opened):
    model = learner(audit_fraction=0.3, stopping=Budget(20))
    session = opened(model)
    assert session.advice() is None
    for n, item in enumerate(session):
        answer(session, item)
        if n % 5 == 4:
            assert session.wait(PATIENCE)
        if n == 24:
            break
    curve = session.status()["audit"]
    assert {5, 10, 15, 20, 25} <= {point["n_labels"] for point in curve}
    assert all(p["low"] <= p["score"] <= p["high"] for p in curve)
    found = session.audit()
    assert curve[-1]["score"] == found.estimate
    assert (curve[-1]["low"], curve[-1]["high"]) == found.interval
    assert session.advice().startswith("Budget says stop")
    assert session.status()["advice"] == session.advice()


def test_advice_without_a_rule_of_ones_own(opened):
    session = opened(learner())
    for n, item in enumerate(session):
        answer(session, item)
        if n % 5 == 4:
            assert session.wait(PATIENCE)
        if n == 29:
            break
    assert session.advice().startswith("StabilizingPredictions says")


def test_a_ranking_leaves_alone_what_is_on_screen(opened):
    session = opened(learner())
    assert session.wait(PATIENCE)
    before = session.take(n=2)
    session.add_labels({id: ANSWERS[n] for n, id in enumerate(IDS) if n % 3 == 0})
    assert session.wait(PATIENCE)
    still = [item for item in before if item.id not in session.labels]
    assert session.take(n=len(still)) == still


def test_a_seed_of_the_file_takes_the_place_of_none(opened):
    session = opened(learner(random_state=None))
    assert session.wait(PATIENCE)
    first = list(session._board.ranking.rows)
    session.close()
    session = opened(learner(random_state=None))
    assert session.wait(PATIENCE)
    assert session._board.ranking.rows == first

"""Label sources: the loop against one by hand, its books, and what ends it."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier
from skactive.datasets import AbstainingOracle, NoisyOracle
from skactive.estimation import wilson_interval
from skactive.labeling import LabelSource, audit_source, label_pool
from skactive.stopping import OverallUncertainty, StoppingRule
from skactive.strategies import Margin
from skactive.strategies._per_cost import PerCost

X, full = make_classification(
    n_samples=80, n_features=5, n_informative=4, n_redundant=0, random_state=1
)


# Two classes: an expected error below 0.2.
FEW_ERRORS = OverallUncertainty(0.4, measure="least_confidence")


def make(strategy="margin", **params):
    params = {"batch_size": 5, "initial_strategy": "random", "random_state": 0} | params
    return ActiveLearningClassifier(LogisticRegression(), strategy, **params)


def known(rows):
    return full[rows]


class Watched:
    """An oracle that remembers what it was asked; it abstains where `silent`."""

    def __init__(self, labels=full, silent=()):
        self.labels = np.asarray(labels)
        self.silent = set(np.asarray(silent).tolist())
        self.calls = []

    def __call__(self, rows):
        assert rows.dtype == np.intp
        self.calls.append(rows.tolist())
        return [None if row in self.silent else self.labels[row] for row in rows]

    @property
    def asked(self):
        return [row for call in self.calls for row in call]


# The loop ---------------------------------------------------------------------------


def by_hand(learner, oracles, costs, abstention_costs, budget):
    """The same, one row and one source at a time, in plain Python."""
    learner = clone(learner)
    labels = {}
    refused = {row: set() for row in range(len(X))}
    cost = [[costs[s][row] for row in range(len(X))] for s in range(len(oracles))]
    dear = [
        [max(c, abstention_costs[s] or 0) for c in cost[s]] for s in range(len(oracles))
    ]
    spent, order, sources = 0.0, [], {}

    def possible(row):
        return [
            s
            for s in range(len(oracles))
            if s not in refused[row] and dear[s][row] <= budget - spent + 1e-6
        ]

    while True:
        waiting = [r for r in range(len(X)) if r not in labels]
        prices = [
            dear[s][r] for r in waiting for s in range(len(oracles))
            if s not in refused[r]
        ]  # fmt: skip
        if not prices:
            return labels, order, sources, spent, refused, "exhausted"
        priced = [p for p in prices if p > 0]
        if priced and min(priced) > budget - spent + 1e-6:
            return labels, order, sources, spent, refused, "budget"
        y = np.array([labels.get(r, np.nan) for r in range(len(X))], dtype=float)
        skip = [r for r in waiting if not possible(r)]
        n_wanted = learner.batch_size if labels else learner._n_first()
        pending = learner.query(X, y, n_wanted, skip=skip).tolist()
        n_before = len(labels)
        while pending:
            turns = {r: possible(r)[0] for r in pending if possible(r)}
            for s in sorted(set(turns.values())):
                left, batch = budget - spent, []
                for r in turns:
                    if turns[r] == s and dear[s][r] <= left + 1e-6:
                        batch.append(r)
                        left -= dear[s][r]
                for r in batch:
                    answer = oracles[s](np.array([r]))[0]
                    refused[r].add(s)
                    if answer is None:
                        extra = abstention_costs[s]
                        spent += cost[s][r] if extra is None else extra
                    else:
                        spent += cost[s][r]
                        labels[r], sources[r] = answer, s
                        order.append(r)
            pending = [r for r in turns if r not in labels]
        if len(labels) > n_before:
            y = np.array([labels.get(r, np.nan) for r in range(len(X))], dtype=float)
            learner.fit(X, y)


@pytest.mark.parametrize("seed", range(9))
def test_equals_the_loop_by_hand(seed):
    strategy = "badge" if seed % 4 == 3 else "margin"
    rng = np.random.default_rng(seed)
    n_sources = 1 + seed % 3
    oracles = [
        Watched(silent=np.flatnonzero(rng.random(80) < rng.choice([0.2, 0.7])))
        for _ in range(n_sources)
    ]
    # Whole numbers, so that sums are exact in any order.
    costs = [rng.integers(0, 6, 80) * 2.0**s for s in range(n_sources)]
    abstention_costs = [[None, 0.0, 3.0][(seed + s) % 3] for s in range(n_sources)]
    budget = [np.inf, 40, 90][seed % 3]
    learner = make(strategy, n_initial=8)
    labels, order, source, spent, refused, condition = by_hand(
        learner, oracles, costs, abstention_costs, budget
    )
    asked = [oracle.asked for oracle in oracles]
    for oracle in oracles:
        oracle.calls = []
    sources = [
        LabelSource(o, name=f"s{s}", cost=costs[s], abstention_cost=abstention_costs[s])
        for s, o in enumerate(oracles)
    ]
    result = label_pool(learner, X, sources, budget=None if seed % 3 == 0 else budget)
    assert result.labeled_indices.tolist() == order
    assert result.cost == spent
    assert result.termination_condition == condition
    assert [oracle.asked for oracle in oracles] == asked
    for row in range(80):
        assert result.source[row] == (f"s{source[row]}" if row in source else None)
        if row in labels:
            assert result.y[row] == labels[row]
        else:
            assert np.isnan(result.y[row])
    silent = [r for r in refused if r not in labels and len(refused[r]) == n_sources]
    assert result.abstained_indices.tolist() == silent
    assert_array_equal(
        result.learner.predict_proba(X),
        clone(learner).fit(X, result.y).predict_proba(X),
    )


def test_equals_a_budgeted_fit_where_nobody_abstains():
    result = label_pool(make(n_initial=12), X, known, budget=40)
    expected = make(n_initial=12, budget=40).fit(X, full)
    assert_array_equal(result.labeled_indices, expected.labeled_indices_)
    assert_array_equal(result.y[result.labeled_indices], full[result.labeled_indices])
    assert_array_equal(result.learner.predict_proba(X), expected.predict_proba(X))
    for name in ("n_labels", "n_queried"):
        assert_array_equal(result.history[name], expected.history_[name])
    assert result.termination_condition == expected.termination_condition_ == "budget"
    assert result.cost == 40
    assert set(result.source.tolist()) == {None, "known"}


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_books(data):
    """Never overspent, nobody asked twice, nothing lost; for any costs and silence."""
    n = 20
    n_sources = data.draw(st.integers(1, 3))
    cost = st.floats(0, 10) | st.sampled_from([0.0, 0.1, 1.0])
    oracles, sources = [], []
    for s in range(n_sources):
        silent = data.draw(st.lists(st.integers(0, n - 1)))
        oracles.append(Watched(full[:n], silent))
        costs = data.draw(cost | st.lists(cost, min_size=n, max_size=n))
        extra = data.draw(st.none() | cost)
        sources.append(
            LabelSource(oracles[-1], name=str(s), cost=costs, abstention_cost=extra)
        )
    budget = data.draw(st.none() | st.floats(0, 60))
    skip = data.draw(st.lists(st.integers(0, n - 1), max_size=4))
    given_rows = data.draw(st.lists(st.integers(0, n - 1), max_size=4))
    y = np.full(n, np.nan)
    y[given_rows] = full[given_rows]
    learner = ActiveLearningClassifier(
        DummyClassifier(), "random", batch_size=data.draw(st.integers(1, 7))
    )
    result = label_pool(learner, X[:n], sources, y=y, budget=budget, skip=skip)

    limit = np.inf if budget is None else budget
    assert result.cost <= limit * (1 + 1e-8)
    paid = 0.0
    for oracle, source in zip(oracles, sources, strict=True):
        assert len(set(oracle.asked)) == len(oracle.asked)
        assert not set(oracle.asked) & (set(skip) | set(given_rows))
        for row, price in zip(oracle.asked, source.costs(oracle.asked, n), strict=True):
            is_silent = row in oracle.silent and source.abstention_cost is not None
            paid += source.abstention_cost if is_silent else price
    assert_allclose(result.cost, paid, rtol=1e-9, atol=1e-12)
    has_label = ~np.isnan(result.y)
    assert_array_equal(np.sort(result.labeled_indices), np.flatnonzero(has_label))
    assert_array_equal(result.y[has_label], full[:n][has_label])
    for row in range(n):
        answers = [
            str(s)
            for s, oracle in enumerate(oracles)
            if row in oracle.asked and row not in oracle.silent
        ]
        expected = [] if result.source[row] is None else [result.source[row]]
        assert answers == expected
    history = result.history
    assert {len(values) for values in history.values()} == {len(history["cost"])}
    if len(history["cost"]):
        assert history["cost"][-1] == result.cost
        assert history["n_labels"][-1] == len(result.labeled_indices)
        assert (np.diff(history["cost"]) >= 0).all()
        assert (history["n_queried"] > 0).all()
    for s, oracle in enumerate(oracles):
        assert history[f"n_asked_{s}"].sum() == len(oracle.asked)
        assert history[f"n_answered_{s}"].sum() == (result.source == str(s)).sum()
    if result.termination_condition == "exhausted":
        for row in set(range(n)) - set(skip) - set(np.flatnonzero(has_label)):
            assert all(row in oracle.asked for oracle in oracles)
    else:
        assert result.termination_condition == "budget"
        for row in np.setdiff1d(np.flatnonzero(~has_label), skip):
            for oracle, source in zip(oracles, sources, strict=True):
                price = source.costs([row], n)[0]
                price = max(price, source.abstention_cost or 0)
                done = row in oracle.asked
                assert done or price == 0 or price > limit - result.cost - 1e-9


def test_a_round_without_a_label_is_no_round_for_the_model():
    seen = []

    class Counting(StoppingRule):
        def update(self, learner, X, y):
            seen.append(np.count_nonzero(~np.isnan(y)))
            return super().update(learner, X, y)

        def _check(self, this_round):
            return False, "counts only"

    oracle = Watched(silent=np.flatnonzero(np.arange(80) % 4))
    scores = []

    def evaluate(learner):
        scores.append(learner.score(X, full))
        return scores[-1]

    learner = make(stopping=Counting(), batch_size=1)
    result = label_pool(learner, X, oracle, evaluate=evaluate)
    history = result.history
    is_new = np.diff(history["n_labels"], prepend=0) > 0
    assert 1 < is_new.sum() < len(is_new)
    assert len(scores) == is_new.sum()
    assert seen == sorted(set(seen))
    assert_array_equal(history["score"][is_new], scores)
    repeated = np.flatnonzero(~is_new & (np.arange(len(is_new)) > is_new.argmax()))
    assert_array_equal(history["score"][repeated], history["score"][repeated - 1])
    assert (history["fit_time"][is_new] > 0).all()
    assert_array_equal(history["n_abstained"], ~is_new)


def test_stopping():
    learner = make(stopping=FEW_ERRORS, batch_size=4)
    rule = learner.stopping
    result = label_pool(learner, X, known, budget=70)
    assert result.termination_condition == "OverallUncertainty"
    assert result.cost < 70
    assert vars(rule) == vars(clone(rule))
    expected = make(stopping=FEW_ERRORS, batch_size=4, budget=70).fit(X, full)
    assert_array_equal(result.labeled_indices, expected.labeled_indices_)


def test_labels_from_the_start():
    y = np.where(np.arange(80) < 6, full, np.nan)
    y[:2] = [0, 1]
    oracle = Watched()
    result = label_pool(make(), X, oracle, y=y, budget=10)
    assert_array_equal(result.labeled_indices[:6], np.arange(6))
    assert_array_equal(oracle.calls[0], make().fit(X, y).query(X, y))
    assert result.source[:6].tolist() == [None] * 6
    assert "10 from 'Watched', 6 from the start" in str(result)
    assert_array_equal(result.history["n_labels"], [11, 16])
    everything = label_pool(
        make(), X, oracle, y=full.astype(float), evaluate=lambda _: 1
    )
    assert everything.termination_condition == "exhausted"
    assert len(everything.history["cost"]) == 0
    assert_array_equal(everything.learner.predict(X), make().fit(X, full).predict(X))


def test_nothing_of_the_user_changes():
    learner = make(stopping=FEW_ERRORS, strategy=Margin())
    y = np.full(80, np.nan)
    before = pickle.dumps((learner, y))
    label_pool(learner, X, known, y=y, budget=20)
    assert pickle.dumps((learner, y)) == before


@pytest.mark.parametrize("random_state", [3, "instance"])
@pytest.mark.parametrize("strategy", ["power", "margin"])
def test_reproducible(random_state, strategy):
    results = []
    for _ in range(2):
        state = np.random.RandomState(3) if random_state == "instance" else 3
        oracle = AbstainingOracle(full, 0.3, random_state=0)
        learner = make(strategy, random_state=state)
        results.append(label_pool(learner, X, oracle, budget=40))
    assert_array_equal(results[0].labeled_indices, results[1].labeled_indices)
    assert_array_equal(results[0].abstained_indices, results[1].abstained_indices)


# Sources ----------------------------------------------------------------------------


def test_cascade():
    rule = Watched(labels=np.zeros(80), silent=np.flatnonzero(full == 1))
    person = Watched()
    sources = [LabelSource(rule, name="rule", cost=0.25), LabelSource(person)]
    result = label_pool(make(), X, sources, budget=20)
    assert set(result.source[full == 0].tolist()) <= {None, "rule"}
    assert set(result.source[full == 1].tolist()) <= {None, "Watched"}
    assert set(person.asked) <= set(np.flatnonzero(full == 1))
    n_rule = (result.source == "rule").sum()
    assert result.cost == 0.25 * len(rule.asked) + len(person.asked)
    assert n_rule > 0
    # Whom the person could not be asked about did not end in silence.
    assert len(result.abstained_indices) == 0
    # In a round with both, all of a batch has a label.
    assert (result.history["n_labels"][:3] == [5, 10, 15]).all()


def test_free_answers_do_not_go_on_without_the_rest():
    rule = LabelSource(Watched(silent=np.arange(0, 80, 2)), name="rule", cost=0)
    result = label_pool(make(), X, [rule, known], budget=10)
    assert result.termination_condition == "budget"
    assert result.cost == 10
    assert len(result.labeled_indices) < 40
    # Alone they do, with any budget.
    alone = label_pool(make(), X, rule, budget=0)
    assert alone.termination_condition == "exhausted"
    assert_array_equal(np.sort(alone.labeled_indices), np.arange(1, 80, 2))
    assert_array_equal(alone.abstained_indices, np.arange(0, 80, 2))


def test_rows_that_are_too_dear_are_passed_over():
    costs = np.where(np.arange(80) % 2, 1.0, 7.0)
    oracle = Watched()
    result = label_pool(make(), X, LabelSource(oracle, cost=costs), budget=30)
    assert result.cost == 30
    assert costs[oracle.asked].sum() == 30
    nothing = label_pool(make(), X, LabelSource(oracle, cost=costs), budget=0.5)
    assert nothing.termination_condition == "budget"
    assert len(nothing.labeled_indices) == 0


def test_a_tenth_thrice_is_three_tenths():
    result = label_pool(make(), X, LabelSource(known, cost=0.1), budget=0.3)
    assert len(result.labeled_indices) == 3
    # Rounding leaves no room that adds up.
    cheap = LabelSource(known, cost=1e-9)
    result = label_pool(make(), X, [cheap], budget=2e-9)
    assert len(result.labeled_indices) == 2
    result = label_pool(
        make(batch_size=1), X, LabelSource(known, cost=np.r_[1e9, [0.6] * 79]), budget=1
    )
    assert result.cost == 0.6


def test_costs_as_a_function_of_positions():
    result = label_pool(
        make(), X, LabelSource(known, cost=lambda rows: 1 + rows % 3), budget=25
    )
    assert result.cost == (1 + result.labeled_indices % 3).sum()


def test_per_cost():
    costs = np.random.default_rng(0).integers(1, 20, 80).astype(float)
    source = LabelSource(known, cost=costs)
    plain = label_pool(make("margin"), X, source, budget=150)
    paid = label_pool(make(PerCost("margin", costs)), X, source, budget=150)
    assert len(paid.labeled_indices) > 1.5 * len(plain.labeled_indices)
    # Costs belong to positions, although rows that nobody could label are cut away.
    silent = LabelSource(AbstainingOracle(full, 0.4, random_state=0), cost=costs)
    by_row = dict(zip(map(bytes, X), costs, strict=True))
    function = PerCost("margin", lambda rows: [by_row[bytes(row)] for row in rows])
    results = [
        label_pool(make(strategy), X, silent, budget=150)
        for strategy in (PerCost("margin", costs), function)
    ]
    assert len(results[0].abstained_indices)
    assert_array_equal(results[0].labeled_indices, results[1].labeled_indices)


@pytest.mark.parametrize("labels", [full, np.array(["no", "yes"])[full], full == 1])
def test_oracles_of_datasets(labels):
    noisy = NoisyOracle(labels, 0.2, random_state=0)
    abstaining = AbstainingOracle(labels, 0.3, random_state=0)
    result = label_pool(make(), X, [abstaining, noisy])
    assert result.termination_condition == "exhausted"
    assert len(result.labeled_indices) == 80
    mine = result.source == "AbstainingOracle"
    assert 40 < mine.sum() < 70
    assert (result.y[mine] == labels[mine]).all()
    assert (result.y[~mine] == noisy(np.flatnonzero(~mine))).all()
    assert_array_equal(result.learner.classes_, np.unique(labels))


@pytest.mark.parametrize("missing", [np.nan, None, "?", "NA"])
def test_ways_to_abstain(missing):
    if missing == "NA":
        missing = pytest.importorskip("pandas").NA
    words = np.array(["no", "yes"])[full].astype(object)
    words[::3] = missing
    result = label_pool(make(missing_label="?"), X, lambda rows: words[rows])
    assert_array_equal(result.abstained_indices, np.arange(0, 80, 3))
    assert result.y.dtype == object
    assert result.y[0] is None


def test_a_number_as_missing_label():
    y = np.full(80, -1)
    oracle = AbstainingOracle(full, 0.5, missing_label=-1, random_state=0)
    result = label_pool(make(missing_label=-1), X, oracle, y=y)
    assert np.isnan(result.y[result.abstained_indices]).all()
    assert_array_equal(result.learner.classes_, [0, 1])


def test_one_class_at_first():
    order = np.argsort(full, kind="stable")  # the first half is of one class

    def first_rows(estimator, X, y):
        return -np.arange(float(len(X)))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = label_pool(
            make(initial_strategy=first_rows, batch_size=15),
            X[order],
            lambda rows: full[order][rows],
        )
    assert len(result.labeled_indices) == 80


def test_all_abstain():
    oracle = Watched(silent=range(80))
    result = label_pool(make(), X, oracle, evaluate=lambda learner: 1.0)
    assert sorted(oracle.asked) == list(range(80))
    assert result.termination_condition == "exhausted"
    assert_array_equal(result.abstained_indices, np.arange(80))
    assert np.isnan(result.history["score"]).all()
    assert result.history["n_labels"].tolist() == [0] * 16
    assert np.isnan(result.y).all()
    assert result.cost == 80
    with pytest.raises(NotFittedError):
        result.learner.predict(X)


def test_audit_rows_that_nobody_can_label():
    learner = make(audit_fraction=0.3, batch_size=4)
    reserve = learner._make_plan().reserve(80).rows
    oracle = Watched(silent=np.setdiff1d(np.arange(80), reserve)[:45])
    result = label_pool(learner, X, oracle, budget=60)
    audit = result.learner.audit(X, result.y, skip=result.abstained_indices)
    assert audit.n_audited == len(result.learner.audit_indices_) > 0
    # Labels of audit rows alone are nothing to learn from.
    others = Watched(silent=np.setdiff1d(np.arange(80), reserve))
    result = label_pool(learner, X, others)
    assert_array_equal(np.sort(result.labeled_indices), np.sort(reserve))
    with pytest.raises(NotFittedError):
        result.learner.predict(X)


class Sending(Margin):
    """Sends even rows to the annotator first, odd ones to the teacher."""

    def __init__(self, names=("annotator", "teacher")):
        self.names = names

    def assign(self, estimator, X, y, rows):
        assert hasattr(estimator, "coef_")
        assert len(y) == len(X) == 80
        assert_allclose(np.abs(X.mean(axis=0)), 0, atol=1e-12)  # as the learner sees it
        return np.array(self.names)[np.asarray(rows) % 2]


def test_assign():
    teacher, annotator = Watched(silent=range(0, 80, 10)), Watched(silent=[1, 3, 5, 7])
    sources = [
        LabelSource(teacher, name="teacher", cost=0.1),
        LabelSource(annotator, name="annotator"),
    ]
    pipeline = make_pipeline(StandardScaler(), make(Sending(), n_initial=10))
    result = label_pool(pipeline, X, sources)
    start, later = result.labeled_indices[:10], result.labeled_indices[10:]
    assert (result.source[start] == "teacher").sum() >= 8  # there was no model to ask
    even = later[later % 2 == 0]
    odd = np.setdiff1d(later, even)
    assert {"annotator"} == set(result.source[even])
    assert {"teacher"} == set(result.source[odd])
    assert len(even) > 5
    assert len(odd) > 5
    # A row that the first one could not label goes to the other.
    silent = Watched(silent=range(80))
    sources = [
        LabelSource(known, name="teacher"),
        LabelSource(silent, name="annotator"),
    ]
    result = label_pool(pipeline, X, sources)
    assert len(result.labeled_indices) == 80
    assert set(result.source) == {"teacher"}
    assert len(silent.asked) > 20
    # One that cannot be paid any more is passed over.
    dear = LabelSource(Watched(), name="annotator", cost=100)
    result = label_pool(pipeline, X, [sources[0], dear], budget=50)
    assert set(result.source) == {"teacher", None}
    with pytest.raises(ValueError, match=r"assigns 5 rows to \['someone'\].*'teacher'"):
        label_pool(
            make_pipeline(StandardScaler(), make(Sending(("someone", "teacher")))),
            X,
            sources,
        )


def test_who_is_assigned_stays_first_while_answers_wait_for_money():
    log = []

    class Silent:
        def __init__(self, name):
            self.name = name

        def __call__(self, rows):
            log.extend((self.name, row) for row in rows.tolist())
            return [None] * len(rows)

    sources = [
        LabelSource(Silent(name), name=name, cost=cost, abstention_cost=0)
        for name, cost in [("teacher", 0.9), ("annotator", 1.0)]
    ]
    y = np.where(np.arange(80) < 20, full, np.nan)
    pipeline = make_pipeline(StandardScaler(), make(Sending(["annotator"] * 2)))
    result = label_pool(pipeline, X, sources, y=y, budget=1)
    assert result.termination_condition == "exhausted"
    assert len(log) == 120
    for row in range(20, 80):
        assert log.index(("annotator", row)) < log.index(("teacher", row))


# Data -------------------------------------------------------------------------------


def test_texts():
    texts = [f"{['cat', 'dog'][k % 2]} {k}" for k in range(80)]
    learner = ActiveLearningClassifier(
        make_pipeline(CountVectorizer(), LogisticRegression()),
        batch_size=5,
        random_state=0,
    )

    def rule(rows):
        return ["cat" if "cat" in texts[row] else None for row in rows]

    def person(rows):
        return [texts[row][:3] for row in rows]

    result = label_pool(learner, texts, [LabelSource(rule, cost=0), person], budget=10)
    assert result.learner.predict(["a cat", "a dog"]).tolist() == ["cat", "dog"]
    assert set(result.y[result.source == "person"]) == {"dog"}


def test_data_frames():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcde"), index=np.arange(80)[::-1])
    y = pd.Series(full, index=frame.index)
    result = label_pool(make(), frame, lambda rows: y.iloc[rows], budget=20)
    assert list(result.learner.feature_names_in_) == list("abcde")
    expected = label_pool(make(), X, known, budget=20)
    assert_array_equal(result.labeled_indices, expected.labeled_indices)


def test_pipeline():
    pipeline = make_pipeline(StandardScaler(), make(batch_size=7))
    oracle = AbstainingOracle(full, 0.3, random_state=0)
    result = label_pool(pipeline, X, oracle, budget=40)
    assert result.learner.predict(X).shape == (80,)
    assert len(result.abstained_indices)
    assert not hasattr(pipeline[0], "mean_")
    assert_array_equal(result.history["n_queried"][:5], 7)


# Errors -----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError("quota"), KeyboardInterrupt()])
def test_no_label_is_lost_on_an_error(error):
    rule = Watched(silent=np.arange(0, 80, 2))
    person = Watched()

    def failing(rows):
        if len(person.calls) == 3:
            raise error
        return person(rows)

    sources = [LabelSource(rule, name="rule", cost=0), failing]
    with pytest.raises(type(error)) as caught:
        label_pool(make(), X, sources)
    result = caught.value.labeling_result
    assert any("labeling_result" in note for note in caught.value.__notes__)
    assert result.termination_condition == "error"
    # All answers are there, those of the round that failed too.
    answered = [row for row in rule.asked if row % 2] + person.asked
    assert sorted(result.labeled_indices.tolist()) == sorted(answered)
    assert_array_equal(result.y[answered], full[answered])
    assert result.cost == len(person.asked)
    assert result.history["n_labels"][-1] == len(answered)
    # And one can go on.
    more = label_pool(
        make(), X, known, y=result.y, budget=20, skip=result.abstained_indices
    )
    assert len(more.labeled_indices) == len(answered) + 20


def test_an_error_of_the_learner_loses_nothing():
    class Failing(LogisticRegression):
        def fit(self, X, y):
            if len(y) > 12:
                raise RuntimeError("too much")
            return super().fit(X, y)

    learner = ActiveLearningClassifier(Failing(), batch_size=5, random_state=0)
    with pytest.raises(RuntimeError, match="too much") as caught:
        label_pool(learner, X, known)
    assert len(caught.value.labeling_result.labeled_indices) == 15


def test_an_error_of_evaluate_loses_nothing():
    def evaluate(learner):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        label_pool(make(), X, known, evaluate=evaluate)
    assert len(caught.value.labeling_result.labeled_indices) == 5


@pytest.mark.parametrize(
    ("oracle", "message"),
    [
        (lambda rows: full[rows[:-1]], r"'<lambda>' gave 4 labels for 5 rows"),
        (lambda rows: None, r"gave None for 5 rows"),
        (lambda rows: "label", r"gave 'label' for 5 rows"),
        (lambda rows: 1, r"gave 1 for 5 rows"),
        (lambda rows: np.float64(1), r"for 5 rows"),
        (lambda rows: np.linspace(0.1, 0.2, len(rows)), "continuous"),
        (lambda rows: ["a", 1, "b", 2, "c"], "all be of one kind"),
    ],
)
def test_bad_answers(oracle, message):
    with pytest.raises(ValueError, match=message):
        label_pool(make(), X, oracle)


def test_sources_that_do_not_fit_together():
    words = np.array(["no", "yes"])[full]
    rule = Watched(silent=np.flatnonzero(full))
    with pytest.raises(ValueError, match="all be of one kind") as caught:
        label_pool(
            make(), X, [LabelSource(rule, name="rule"), lambda rows: words[rows]]
        )
    assert any("'<lambda>' gave ['yes']" in note for note in caught.value.__notes__)
    assert len(caught.value.labeling_result.labeled_indices) > 0


def test_unknown_labels():
    words = np.array(["no", "yes"])[full].astype(object)
    assert len(label_pool(make(), X, lambda r: words[r], classes=["no", "yes"]).y) == 80
    words[:40] = "I think it is yes"
    with pytest.raises(
        ValueError, match=r"row \d+ the label 'I think .*\['no', 'yes'\]"
    ) as e:
        label_pool(
            make(batch_size=20), X, lambda rows: words[rows], classes=["no", "yes"]
        )
    result = e.value.labeling_result
    assert 0 < len(result.labeled_indices) < 20
    assert (result.labeled_indices >= 40).all()
    assert result.cost == 20


@pytest.mark.parametrize(
    "cost", [-1, np.nan, np.inf, "1", [1, 2], -np.ones(80), lambda rows: 1, [1] * 79]
)
def test_bad_costs(cost):
    with pytest.raises(ValueError, match="cost of 'known' must be finite and not neg"):
        label_pool(make(), X, LabelSource(known, cost=cost))


def test_bad_arguments():
    with pytest.raises(TypeError, match="An oracle is a function rows -> labels"):
        label_pool(make(), X, full)
    with pytest.raises(ValueError, match="sources is empty"):
        label_pool(make(), X, [])
    with pytest.raises(ValueError, match=r"names of their own; got \['known', 'known'"):
        label_pool(make(), X, [known, known])
    with pytest.raises(ValueError, match="abstention_cost of 'known' must be"):
        LabelSource(known, abstention_cost=-1)
    with pytest.raises(TypeError, match="label_pool needs an ActiveLearningClassifier"):
        label_pool(GaussianNB(), X, known)
    with pytest.raises(ValueError, match="The learner has budget=10"):
        label_pool(make(budget=10), X, known)
    for budget in (-1, np.nan, "10"):
        with pytest.raises(ValueError, match="budget must be a number from 0"):
            label_pool(make(), X, known, budget=budget)
    with pytest.raises(ValueError, match="inconsistent"):
        label_pool(make(), X, known, y=full[:10])
    with pytest.raises(ValueError, match="skip must be a list of positions"):
        label_pool(make(), X, known, skip=[80])


# Audit of a source ------------------------------------------------------------------


def test_audit_source():
    truth = np.array(["a", "b", "c"])[np.arange(300) % 3]
    answers = NoisyOracle(truth, 0.2, random_state=0)
    source = AbstainingOracle(
        answers, rate=lambda rows: 0.5 * (np.asarray(rows) % 3 == 0), random_state=1
    )
    audit = audit_source(source, truth)
    given = source(np.arange(300))
    known_rows = np.array([label is not None for label in given])
    assert audit.n_asked == 300
    assert audit.n_compared == known_rows.sum()
    right = (given == truth).sum()
    assert_allclose(audit.agreement, right / audit.n_compared)
    assert audit.interval == wilson_interval(right, audit.n_compared)
    assert_allclose(audit.abstention_rate, 1 - known_rows.mean())
    assert audit.classes.tolist() == ["a", "b", "c"]
    for i, true in enumerate("abc"):
        assert audit.n_abstained[i] == ((truth == true) & ~known_rows).sum()
        for j, found in enumerate("abc"):
            assert audit.confusion[i, j] == ((truth == true) & (given == found)).sum()
    assert f"agrees on {right} of {audit.n_compared} rows" in str(audit)


def test_audit_source_on_some_rows():
    asked = Watched(np.zeros(80))
    read = np.where(np.arange(80) % 4, np.nan, full)
    audit = audit_source(asked, read, n_rows=12, random_state=0, confidence=0.8)
    assert len(set(asked.asked)) == 12
    assert not set(np.asarray(asked.asked) % 4) - {0}
    assert audit.interval == wilson_interval(
        (full[asked.asked] == 0).sum(), 12, confidence=0.8
    )
    again = Watched(np.zeros(80))
    audit_source(again, read, n_rows=12, random_state=0)
    assert again.asked == asked.asked
    # Only rows with a label are compared, and a person may abstain too.
    assert audit_source(asked, read, rows=range(9)).n_asked == 3
    person = LabelSource(Watched(silent=[1, 2]), name="person")
    assert audit_source(asked, person, rows=[0, 1, 2, 3]).n_asked == 2


def test_audit_source_with_new_classes_and_silence():
    audit = audit_source(lambda rows: ["z"] * len(rows), ["a", None, "b"])
    assert audit.classes.tolist() == ["a", "b", "z"]
    assert audit.agreement == 0
    assert audit.confusion.sum() == 2
    silent = audit_source(lambda rows: [None] * len(rows), ["a", None, "b"])
    assert np.isnan(silent.agreement)
    assert silent.interval == (0.0, 1.0)
    assert silent.abstention_rate == 1
    assert silent.n_abstained.tolist() == [1, 1]


def test_bad_audits():
    with pytest.raises(ValueError, match="give rows, the positions"):
        audit_source(known, known)
    with pytest.raises(ValueError, match="There are 80 rows with a reference"):
        audit_source(known, full, n_rows=81)
    with pytest.raises(ValueError, match="There are 0 rows"):
        audit_source(known, [None, None])
    with pytest.raises(ValueError, match="rows must be a list of positions"):
        audit_source(known, full, rows=[80])
    with pytest.raises(ValueError, match="gave 0 labels for 80 rows"):
        audit_source(lambda rows: [], full)
    with pytest.raises(ValueError, match="one kind"):
        audit_source(known, np.array(["a", "b"])[full])


@pytest.mark.parametrize("in_pipeline", [False, True])
def test_what_it_takes_is_counted_as_in_a_budgeted_fit(in_pipeline):
    learner = ActiveLearningClassifier(
        LogisticRegression(), "entropy", batch_size=5, n_initial=12, random_state=0
    )
    fitted = clone(learner).set_params(budget=27).fit(X, full)
    # The scaler changes rows, and not how many there are.
    model = make_pipeline(StandardScaler(), learner) if in_pipeline else learner
    result = label_pool(model, X, lambda rows: full[rows], budget=27)
    for name in ("n_fits", "n_scored", "n_passes"):
        assert_array_equal(result.history[name], fitted.history_[name])

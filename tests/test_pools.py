"""Pools in parts: the same rows as one machine, whatever the parts; bad input."""

import pickle
import weakref
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import BayesianRidge, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from learners import FEW_LABELS, NAMES, POINTWISE, X, full, inner_for, make
from skactive import ActiveLearningClassifier, ActiveLearningRegressor, get_strategy
from skactive.pools import Shortlist, merge, query, shortlist, take
from skactive.pools._ids import as_labeled, find_ids, hash_ids, uniform
from skactive.pools._screening import screening_of
from skactive.pools._shortlist import combine
from skactive.strategies import (
    Diverse,
    Epig,
    FunctionStrategy,
    PerCost,
    Power,
    Switch,
    UncertaintyHerding,
)

# These draw rows, and the draw of query is another one.
DRAWN = {"power", "random", "softmax", "softrank"}
N_LABELED = 30
Y = np.where(np.arange(150) < N_LABELED, full, np.nan)
LABELS = dict(enumerate(full[:N_LABELED].tolist()))
IDS = np.arange(150)


def cut(*bounds, X=X, ids=IDS):
    """Blocks of rows between positions; a position may be there twice."""
    edges = [0, *sorted(bounds), len(ids)]
    return [(ids[a:b], X[a:b]) for a, b in pairwise(edges)]


def fitted(strategy="margin", estimator=None, **params):
    return make(estimator, strategy, **params).fit(X, Y)


# ---------------------------------------------------------------------------------
# The same rows as one machine
# ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*POINTWISE} - DRAWN))
def test_pointwise_strategies_choose_as_query_does(name):
    learner = fitted(name, inner_for(name))
    expected = learner.query(X, Y, 12)
    for bounds in ((), (75,), (1, 2, 40, 40, 149)):
        found = query(learner, cut(*bounds), 12, labeled=LABELS)
        assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=FEW_LABELS) for name in NAMES]
)
@pytest.mark.filterwarnings("ignore:.*equally useful:UserWarning")
def test_no_partitioning_changes_the_choice(name):
    learner = fitted(name, inner_for(name))
    args = {"labeled": LABELS, "n_candidates": 60}
    one = query(learner, cut(), 7, **args)
    assert len(set(one.tolist())) == 7
    assert one.min() >= N_LABELED
    for bounds in ((50,), (3, 3, 29, 31, 90), range(0, 150, 10)):
        parts = cut(*bounds)
        assert_array_equal(query(learner, parts, 7, **args), one)
        assert_array_equal(query(learner, parts[::-1], 7, **args), one)


CHANCE = make(DummyClassifier(), "random").fit(X, Y)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 150), max_size=6), st.integers(1, 125), st.booleans())
def test_equal_utilities_are_in_the_order_of_hashes(bounds, n_queries, are_names):
    ids = np.array([f"row {i}" for i in IDS]) if are_names else IDS
    labeled = ids[:N_LABELED]
    found = query(CHANCE, cut(*bounds, ids=ids), n_queries, labeled=labeled)
    seed = shortlist(CHANCE, X, ids, 1, labeled=labeled).seed
    hashes = hash_ids(ids[N_LABELED:], seed)
    assert_array_equal(found, ids[N_LABELED:][np.argsort(-uniform(hashes))[:n_queries]])


def test_power_draws_rows_by_their_weights():
    strategy = Power(beta=3)
    learner = fitted(strategy)
    screening = screening_of(strategy, learner.estimator_, 0)
    n_draws, counts = 4000, np.zeros(150)
    for seed in range(n_draws):
        args = learner.estimator_, X[:20], np.arange(20), IDS[:20], seed
        counts[np.argmax(screening.keys(*args)[0])] += 1
    weights = get_strategy("margin")(learner.estimator_, X[:20]) ** 3
    share = weights / weights.sum()
    error = np.sqrt(share * (1 - share) / n_draws)
    assert (np.abs(counts[:20] / n_draws - share) < 4 * error + 1e-3).all()


@pytest.mark.parametrize("name", ["uncertainty_herding", "auto", "k_center", "badge"])
def test_with_all_rows_as_candidates_a_batch_is_that_of_query(name):
    learner = fitted(name, LogisticRegression())
    # In the order of the parts, with labelled rows last, as in the merge.
    found = query(learner, cut(40, 90), 6, labeled=LABELS)
    if name in ("uncertainty_herding", "auto"):  # nothing is left to chance
        assert set(found) == set(learner.query(X, Y, 6))
    assert set(found) <= set(range(N_LABELED, 150))


def test_diverse_looks_at_as_many_rows_as_in_one_piece():
    seen = []

    def embed(X):
        seen.append(len(X))
        return X

    learner = fitted(Diverse("margin", factor=4, embedding=embed))
    query(learner, cut(70), 5, labeled=LABELS, n_candidates=1)
    assert seen == [100 + N_LABELED]  # 20 for each row, which is more than 4
    margins = learner.estimator_.predict_proba(X[N_LABELED:])
    best = get_strategy("margin")(learner.estimator_, X[N_LABELED:])
    assert margins.shape[0] == len(best)
    found = query(learner, cut(70), 5, labeled=LABELS)
    assert set(found - N_LABELED) <= set(np.argsort(-best)[:20])


def test_drawn_rows_stand_for_all():
    """Priority sampling: weights of drawn rows add up to those of all, on average."""
    weights = []

    class Seen(UncertaintyHerding):
        def _choose(self, request):
            estimator, X, y, candidates, _, _ = request
            inner = self._inner_for(estimator)
            weights.append(inner.utilities(estimator, X, y, candidates))
            return candidates[:2]

    learner = fitted(Seen())
    for seed in range(200):
        learner.set_params(random_state=seed)
        query(learner, cut(), 2, labeled=LABELS, n_candidates=40)
    totals = np.array([found.sum() for found in weights])
    assert {len(found) for found in weights} == {40}
    error = totals.std() / np.sqrt(len(totals))
    own = Seen()._inner_for(learner.estimator_)
    expected = own(learner.estimator_, X)[N_LABELED:].sum()
    assert abs(totals.mean() - expected) < 4 * error
    assert error < 0.03 * expected


def test_each_round_draws_other_rows():
    learner = fitted("k_center")
    lists = [
        shortlist(learner, X, IDS, 20, labeled=IDS[:n]).ids.tolist() for n in (30, 31)
    ]
    assert len(set(lists[0]) & set(lists[1])) < 12


# ---------------------------------------------------------------------------------
# Copies
# ---------------------------------------------------------------------------------


HIGH = make(strategy=FunctionStrategy(lambda estimator, X, y: X[:, 0])).fit(
    X[:, :1], full
)


@settings(max_examples=40)
@pytest.mark.filterwarnings("ignore:.*equally useful:UserWarning")
@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=40),
    st.lists(st.integers(0, 40), max_size=4),
    st.integers(1, 12),
)
def test_copies_come_when_no_other_rows_are_left(values, bounds, n_queries):
    rows = np.array(values, dtype=float)[:, np.newaxis]
    bounds = [min(bound, len(rows)) for bound in bounds]
    ids = np.arange(len(rows))
    found = query(HIGH, cut(*bounds, X=rows, ids=ids), n_queries)
    n_queries = min(n_queries, len(rows))
    assert len(set(found.tolist())) == len(found) == n_queries
    kinds = sorted(set(values), reverse=True)
    got = [values[i] for i in found]
    assert got[: len(kinds)] == kinds[:n_queries]
    left = sorted(values, reverse=True)
    for kind in kinds:
        left.remove(kind)
    assert got[len(kinds) :] == left[: max(0, n_queries - len(kinds))]
    assert_array_equal(found, query(HIGH, [(ids, rows)], n_queries))


@pytest.mark.parametrize("name", ["auto", "k_center", "diverse"])
def test_no_content_is_twice_in_a_batch(name):
    learner = fitted(name, LogisticRegression())
    twice = np.concatenate([X, X[N_LABELED:]])
    parts = cut(60, 150, 200, X=twice, ids=np.arange(len(twice)))
    found = query(learner, parts, 20, labeled=LABELS)
    assert len(np.unique(twice[found], axis=0)) == 20


@pytest.mark.parametrize("name", ["power", "diverse", "ranked_batch"])
def test_many_copies_do_not_drive_out_other_rows(name):
    learner = fitted(name)
    many = np.tile(X[N_LABELED : N_LABELED + 5], (200, 1))
    for bounds in ((), (500,), (3, 400, 700)):
        parts = cut(*bounds, X=many, ids=np.arange(1000))
        found = query(learner, parts, 5, n_candidates=100)
        assert len(np.unique(many[found], axis=0)) == 5


# ---------------------------------------------------------------------------------
# Shortlists
# ---------------------------------------------------------------------------------


def lists_of(learner, *bounds, n=10):
    return [
        shortlist(learner, rows, ids, n, labeled=LABELS) for ids, rows in cut(*bounds)
    ]


def assert_same(a: Shortlist, b: Shortlist):
    for name in Shortlist._fields:
        if name not in ("labeled_ids", "labeled_rows", "labels"):  # in any order
            assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    order, other = np.argsort(a.labeled_ids), np.argsort(b.labeled_ids)
    assert_array_equal(a.labeled_ids[order], b.labeled_ids[other])
    assert_array_equal(a.labels[order], b.labels[other])
    if a.labeled_rows is not None:
        assert_array_equal(a.labeled_rows[order], b.labeled_rows[other])


@pytest.mark.parametrize("name", ["margin", "auto", "k_center", "power"])
def test_shortlists_can_be_joined_in_any_order(name):
    learner = fitted(name)
    a, b, c, d = lists_of(learner, 20, 60, 100)
    whole = combine([a, b, c, d])
    assert_same(combine([combine([d, b]), combine([a, c])]), whole)
    assert_same(combine([combine([combine([c, d]), a]), b]), whole)
    (one,) = lists_of(learner)
    assert_same(one._replace(kind=whole.kind), whole)


def test_a_shortlist_is_small_and_can_be_pickled():
    learner = fitted("auto")
    sizes = []
    for times in (1, 30):
        many = np.concatenate([X + i for i in range(times)])
        part = shortlist(learner, many, np.arange(len(many)), 50, labeled=LABELS)
        sizes.append(len(pickle.dumps(part)))
    assert sizes[1] < 1.1 * sizes[0]
    again = pickle.loads(pickle.dumps(part))
    assert_array_equal(merge([again], learner, 2), merge([part], learner, 2))


def test_merge_takes_the_batch_size_and_says_if_candidates_are_too_few():
    learner = fitted("margin", batch_size=4)
    assert len(merge(lists_of(learner, 80), learner)) == 4
    with pytest.raises(ValueError, match=r"11 rows.*hold 10 candidates.*n=11"):
        merge(lists_of(learner, 80), learner, 11)
    diverse = fitted(Diverse(factor=3))
    with pytest.raises(ValueError, match=r"n=12"):
        merge(lists_of(diverse, 80), diverse, 4)


def test_one_block_at_a_time_is_in_memory():
    alive = []

    class Rows(np.ndarray):
        """An array that can be watched."""

    def blocks():
        for ids, rows in cut(30, 60, 90, 120):
            assert not any(ref() is not None for ref in alive)
            block = (ids, rows.copy().view(Rows))
            alive.append(weakref.ref(block[1]))
            yield block
            del block

    query(fitted("margin"), blocks, 5, labeled=LABELS)
    assert len(alive) == 5


# ---------------------------------------------------------------------------------
# What the learner is, and what the rows are
# ---------------------------------------------------------------------------------


def test_before_the_first_fit_rows_cover_the_pool():
    far = np.concatenate([X, X + 100, X - 100])
    ids = np.arange(len(far))
    for estimator in (GaussianNB(), make_pipeline(StandardScaler(), GaussianNB())):
        learner = ActiveLearningClassifier(estimator, random_state=0)
        found = query(learner, cut(10, 200, X=far, ids=ids), 3)
        assert {int(i) // 150 for i in found} == {0, 1, 2}
        more = query(learner, cut(10, 200, X=far, ids=ids), 1, labeled=found[:2])
        assert int(more[0]) // 150 == int(found[2]) // 150


def test_while_one_class_has_been_seen_the_initial_strategy_chooses():
    y = np.where(np.arange(150) < 5, 1.0, np.nan)
    learner = make(strategy="margin").fit(X, y)
    labeled = dict.fromkeys(range(5), 1)
    found = query(learner, cut(80), 4, labeled=labeled)
    assert len(set(found.tolist()) - set(labeled)) == 4


def test_regressors():
    learner = ActiveLearningRegressor(BayesianRidge(), "std", random_state=0)
    y = np.where(np.arange(150) < 30, X @ np.arange(6), np.nan)
    learner.fit(X, y)
    found = query(learner, cut(50, 100), 5, labeled=dict(enumerate(y[:30])))
    assert_array_equal(found, learner.query(X, y, 5))
    for name in ("lcmd", "greedy_sampling", "uncertainty_herding", "softmax"):
        learner.set_params(strategy=name).fit(X, y)
        batches = [
            query(learner, cut(*bounds), 5, labeled=dict(enumerate(y[:30])))
            for bounds in ((), (20, 110))
        ]
        assert_array_equal(*batches)


def test_several_labels_a_row():
    sets = np.column_stack([full == 0, full > 0, X[:, 0] > 0]).astype(float)
    sets[N_LABELED:] = np.nan
    model = OneVsRestClassifier(LogisticRegression())
    told = {i: sets[i] for i in range(N_LABELED)}
    for name in ("margin", "auto", "k_center"):
        learner = make(model, name).fit(X, sets)
        found = [query(learner, cut(*b), 5, labeled=told) for b in ((), (40, 90))]
        assert_array_equal(*found)
        assert set(found[0]) <= set(range(N_LABELED, 150))
        if name == "margin":
            assert_array_equal(found[0], learner.query(X, sets, 5))


@pytest.mark.parametrize("strategy", ["margin", "auto", "power"])
@pytest.mark.parametrize("state", [None, np.random.RandomState(0)])
def test_a_query_needs_no_fixed_random_state(strategy, state):
    learner = fitted(strategy, random_state=state)
    found = query(learner, cut(50, 90), 5, labeled=LABELS)
    assert len(set(found.tolist()) - set(LABELS)) == 5
    lists = lists_of(learner, 50)
    with pytest.raises(ValueError, match="Give the learner an int as random_state"):
        merge(lists, learner, 5)


def test_targets_of_epig_make_it_exact():
    learner = fitted(Epig(targets=X[:20], max_candidates=None))
    found = query(learner, cut(50), 5, labeled=LABELS)
    assert_array_equal(found, learner.query(X, Y, 5))


@pytest.mark.parametrize("missing", [None, np.nan, "skipped"])
@pytest.mark.parametrize("as_told", [dict, pd.Series], ids=["dict", "Series"])
def test_a_label_that_is_missing_is_no_label(missing, as_told):
    learner = make(strategy="k_center", missing_label="skipped")
    told = as_told({i: "yes" if i < 40 else missing for i in range(60)})
    message = r"labels of 20 of 60 ids in labeled are missing, among them that of 40\."
    with pytest.raises(ValueError, match=message):
        query(learner, cut(50), 5, labeled=told)
    with pytest.raises(ValueError, match=message):
        shortlist(learner, X, IDS, 5, labeled=told)
    found = query(learner, cut(50), 5, labeled=list(told.keys()))
    assert min(found) >= 60


@pytest.mark.filterwarnings("ignore:.*equally useful:UserWarning")
@pytest.mark.parametrize("bounds", [(), (50,), (40, 90)])
def test_utilities_that_differ_by_rounding_are_equal(bounds):
    exact = fitted(FunctionStrategy(lambda estimator, X, y: np.ones(len(X))))
    near = fitted(FunctionStrategy(lambda estimator, X, y: 1 + 1e-15 * X[:, 0].round()))
    found = [query(learner, cut(*bounds), 7) for learner in (exact, near)]
    assert_array_equal(*found)


def test_a_switch_counts_the_labels_of_the_whole_pool():
    learner = fitted(Switch(["random", "margin"], at=[N_LABELED]))
    margin = query(fitted("margin"), cut(50), 5, labeled=LABELS)
    assert_array_equal(query(learner, cut(50), 5, labeled=LABELS), margin)
    few = list(LABELS)[:-1]
    random = query(fitted("random"), cut(50), 5, labeled=few)
    assert_array_equal(query(learner, cut(50), 5, labeled=few), random)


def test_power_takes_rows_of_no_utility_last():
    strategy = Power(FunctionStrategy(lambda estimator, X, y: 1.0 * (X[:, 0] > 1)))
    useful = np.flatnonzero(X[:, 0] > 1)
    found = query(fitted(strategy), cut(50), len(useful) + 3)
    assert set(found[: len(useful)]) == set(useful)


def test_candidates_are_found_as_the_guide_says():
    model = LogisticRegression().fit(X, full)
    drawn = "uncertainty_herding", "batch_bald", "clue"
    best = "diverse", "ranked_batch"
    rest = "typiclust", "badge", "k_center", "epig", "information_density"
    rest += "softmax", "softrank"
    for way, names in (("drawn", drawn), ("best", best), ("any", rest)):
        for name in names:
            screening = screening_of(get_strategy(name), model, 0)
            assert (screening.way, screening.is_choice) == (way, False), name
    regressor = BayesianRidge().fit(X, full)
    epig = Epig(targets=X[:20], max_candidates=None)
    assert screening_of(epig, model, 0).is_choice
    assert not screening_of(epig, regressor, 0).is_choice


def test_labels_that_only_some_parts_were_told_are_predicted():
    learner = fitted("class_balance")
    (ids, rows), (others, more) = cut(20)
    lists = [
        shortlist(learner, rows, ids, 50, labeled=LABELS),
        shortlist(learner, more, others, 50, labeled=list(LABELS)),
    ]
    found = merge(lists, learner, 5)
    assert_array_equal(found, merge(lists[::-1], learner, 5))


def test_the_order_of_labeled_changes_nothing():
    known = as_labeled({5: "b", 3: "a"})
    assert (known.ids.tolist(), known.labels.tolist()) == ([3, 5], ["a", "b"])


def test_few_candidates_are_enough_where_there_are_few_rows():
    learner = fitted(Diverse(factor=3))
    found = shortlist(learner, X[:35], IDS[:35], 10, labeled=LABELS)
    assert len(merge([found], learner, 4)) == 4


def test_an_id_has_one_label():
    told = pd.Series([0, 1, 1], index=[3, 3, 4])
    with pytest.raises(ValueError, match="3 labels for 2 ids"):
        query(fitted(), cut(50), 5, labeled=told)


def test_ids_with_a_label_may_be_keys_or_a_set():
    expected = query(fitted(), cut(50), 5, labeled=list(LABELS))
    for labeled in (LABELS.keys(), {*LABELS}, [*LABELS, *LABELS]):
        assert_array_equal(query(fitted(), cut(50), 5, labeled=labeled), expected)


def test_labels_that_are_not_told_are_predicted():
    learner = fitted("class_balance")
    predicted = learner.predict(X[:N_LABELED]).tolist()
    args = cut(50), 5
    told = query(learner, *args, labeled=dict(enumerate(predicted)))
    assert_array_equal(query(learner, *args, labeled=IDS[:N_LABELED]), told)
    series = pd.Series(predicted, index=IDS[:N_LABELED])
    assert_array_equal(query(learner, *args, labeled=series), told)


@pytest.mark.parametrize(
    "estimator", [RandomForestClassifier(10, random_state=0), LogisticRegression()]
)
def test_the_default_strategy_of_other_models(estimator):
    learner = fitted("auto", estimator)
    found = [query(learner, cut(*b), 5, labeled=LABELS) for b in ((), (60, 61))]
    assert_array_equal(*found)


def test_the_default_strategy_of_a_boosting_is_exact():
    learner = fitted("auto", GradientBoostingClassifier(n_estimators=5))
    screening = screening_of(learner.strategy_, learner.estimator_, N_LABELED)
    assert screening.is_choice
    found = query(learner, cut(60), 5, labeled=LABELS)
    assert_array_equal(found, query(learner, cut(), 5, labeled=LABELS))


TEXTS = [f"{'red' if label else 'blue'} thing {i % 17}" for i, label in enumerate(full)]
NUMBERED = pd.DataFrame(X, columns=list("abcdef"))


@pytest.mark.parametrize(
    ("rows", "estimator"),
    [
        (TEXTS, make_pipeline(TfidfVectorizer(), LogisticRegression())),
        (sp.csr_array(np.where(X > 0, X, 0)), LogisticRegression()),
        (NUMBERED, GaussianNB()),
        (X.astype(np.float32), GaussianNB()),
        (X.reshape(150, 2, 3), None),
    ],
    ids=["texts", "sparse", "pandas", "float32", "images"],
)
def test_containers(rows, estimator):
    strategy = "margin" if estimator is not None else "k_center"
    estimator = LogisticRegression() if estimator is None else estimator
    parts = [(IDS[a:b], rows[a:b]) for a, b in ((0, 70), (70, 150))]
    learner = make(estimator, strategy)
    if rows is TEXTS or hasattr(rows, "columns") or np.ndim(rows) < 3:
        learner.fit(rows, Y)
        one = query(learner, [(IDS, rows)], 5, labeled=LABELS)
        assert_array_equal(query(learner, parts, 5, labeled=LABELS), one)
    else:
        learner.set_params(initial_strategy=strategy)
        assert len(query(learner, parts, 5)) == 5
    taken = take(parts, [149, 3])
    assert type(taken) is type(rows)
    if rows is TEXTS:
        assert taken == [TEXTS[149], TEXTS[3]]
    else:
        whole = rows.iloc if hasattr(rows, "iloc") else rows
        both = taken, whole[[149, 3]]
        assert_array_equal(*[r.toarray() if sp.issparse(r) else r for r in both])


def test_polars():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(NUMBERED.to_dict("list"))
    learner = fitted("margin")
    parts = [(IDS[:40], frame[:40]), (IDS[40:], frame[40:])]
    learner.fit(frame, Y)
    found = query(learner, parts, 5, labeled=LABELS)
    assert_array_equal(found, learner.query(frame, Y, 5))
    assert take(parts, [100, 2])["a"].to_list() == X[[100, 2], 0].tolist()


def test_a_learner_inside_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), make(strategy="margin")).fit(X, Y)
    learner = make(make_pipeline(StandardScaler(), GaussianNB())).fit(X, Y)
    # Other rows are scaled on: all here, and the labelled ones there.
    found = query(pipeline, cut(40), 5, labeled=LABELS)
    assert_array_equal(found, pipeline[-1].query(pipeline[0].transform(X), Y, 5))
    assert len(query(learner, cut(40), 5, labeled=LABELS)) == 5


# ---------------------------------------------------------------------------------
# Names
# ---------------------------------------------------------------------------------

names = st.lists(st.integers(-50, 50), unique=True, max_size=30)


@given(names, names, st.booleans())
def test_find_ids(ids, wanted, are_strings):
    wanted = sorted(map(str, wanted) if are_strings else wanted)
    ids = [str(name) for name in ids] if are_strings else ids
    kind = str if are_strings else np.int64
    rows, places = find_ids(np.array(ids, dtype=kind), np.array(wanted, dtype=kind))
    assert [wanted[place] for place in places] == [n for n in wanted if n in ids]
    assert [ids[row] for row in rows] == [n for n in wanted if n in ids]


def hash_of(name, seed):
    """The same, a name at a time, in Python's own numbers."""
    whole = 2**64 - 1

    def mix(code):
        code = (code ^ (code >> 30)) * 0xBF58476D1CE4E5B9 & whole
        code = (code ^ (code >> 27)) * 0x94D049BB133111EB & whole
        return code ^ (code >> 31)

    code = 0
    if isinstance(name, str):
        for letter in name:
            code = mix((code * 0x100000001B3 + ord(letter)) & whole)
    else:
        code = name & whole
    return mix((code + mix((seed + 0x9E3779B97F4A7C15) & whole)) & whole)


@given(
    st.one_of(
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
        st.lists(st.text(st.characters(codec="utf-8", min_codepoint=1)), min_size=1),
    ),
    st.integers(0, 2**64 - 1),
)
def test_hashes(ids, seed):
    found = hash_ids(np.array(ids), seed)
    assert found.tolist() == [hash_of(name, seed) for name in ids]


def test_hashes_are_spread_evenly():
    values = uniform(hash_ids(np.arange(100_000), 3))
    assert 0 < values.min() < 1e-4 < 1 - 1e-4 < values.max() < 1
    counts = np.histogram(values, bins=50, range=(0, 1))[0]
    assert_allclose(counts, 2000, rtol=0.1)
    other = uniform(hash_ids(np.arange(100_000), 4))
    assert abs(np.corrcoef(values, other)[0, 1]) < 0.02


# ---------------------------------------------------------------------------------
# Bad input
# ---------------------------------------------------------------------------------


def broken(ids, rows):
    yield ids[:40], rows[:40]
    raise OSError("the disk is gone")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([(IDS[:50], X[:50]), (IDS[50:], X[50:, :4])], "X has 4 features"),
        ([(IDS[:50], X[:50]), (IDS[50:], X[50:].astype(np.float32))], "same columns"),
        ([(IDS, np.arange(150)[:, np.newaxis] * np.ones(7))], "X has 7 features"),
        ([(np.zeros(150, dtype=int), X)], "but 0 is there 150 times"),
        ([(IDS, X), (IDS, X)], "is in two parts"),
        ([(IDS[:149], X)], "inconsistent numbers of samples"),
        ([(IDS / 2, X)], "ints or of strings"),
        ([(IDS.astype(str), X)], "all be ints, or all be strings"),
        (
            [(IDS[5:], X[5:])],
            r"5 of the ids in labeled are not in the pool, such as 0, 1, 2",
        ),
        ([(IDS[:30], X[:30])], "All 30 rows of the pool have a label"),
        ([], "no parts"),
        ([([], X[:0]), *cut(50)[:1], (IDS[50:], X[50:] > 0)], "same columns"),
    ],
)
def test_bad_parts(parts, message):
    with pytest.raises(ValueError, match=message):
        query(fitted(), parts, 5, labeled=LABELS)


@pytest.mark.parametrize("part", [(1, 2, 3), "rows", X])
def test_a_part_is_a_pair(part):
    with pytest.raises(TypeError, match=r"pair \(ids, X\)"):
        query(fitted(), [part], 5)


def test_an_error_tells_the_number_of_the_part():
    parts = [*cut(40), ("late", X[:4, :2])]
    with pytest.raises(ValueError, match=r"features|samples") as caught:
        query(fitted(), parts, 5)
    assert caught.value.__notes__ == ["This happened in part 2 of the pool."]
    with pytest.raises(OSError, match="the disk is gone") as caught:
        query(fitted(), lambda: broken(IDS, X), 5)
    assert caught.value.__notes__ == ["This happened in part 1 of the pool."]


def test_empty_parts_and_more_queries_than_rows():
    nothing = np.empty((0, 6)), np.empty((0, 6), dtype=object)
    parts = [([], nothing[0]), *cut(40), ([], nothing[1])]
    for name in ("margin", "auto", "k_center"):
        found = query(fitted(name), parts, 500, labeled=LABELS)
        assert set(found.tolist()) == set(range(N_LABELED, 150))
    with pytest.raises(ValueError, match="no rows"):
        query(fitted(), [([], nothing[0])], 5)


@pytest.mark.parametrize(
    ("learner", "message"),
    [
        (make(audit_fraction=0.1), "audit_fraction=0.1"),
        (make(max_candidates=50), "n_candidates="),
        (make(strategy=PerCost("margin", np.ones(150))), "one entry per row"),
    ],
)
def test_what_cannot_be_served_says_so(learner, message):
    learner.fit(X, Y)
    with pytest.raises(ValueError, match=message):
        query(learner, cut(50), 5, labeled=LABELS)


def test_shortlists_of_other_calls():
    learner = fitted()
    a, b = lists_of(learner, 80)
    for other in (
        shortlist(learner, X[80:], IDS[80:], 9, labeled=LABELS),
        shortlist(learner, X[80:], IDS[80:], 10, labeled=IDS[:7]),
        shortlist(fitted("entropy"), X[80:], IDS[80:], 10, labeled=LABELS),
        shortlist(fitted(random_state=1), X[80:], IDS[80:], 10, labeled=LABELS),
    ):
        with pytest.raises(ValueError, match="Shortlists of one query"):
            merge([a, other], learner, 3)
    assert len(merge([a, b], learner, 3)) == 3


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "3"])
def test_numbers_of_rows(value):
    for params in ({"n_queries": value}, {"n_candidates": value}):
        with pytest.raises(ValueError, match=r"must be a positive int; got"):
            query(fitted(), cut(50), labeled=LABELS, **params)
    with pytest.raises(ValueError, match="n must be a positive int"):
        shortlist(fitted(), X, IDS, value)


def test_pools_in_memory_and_other_things():
    for pool in (X, NUMBERED, sp.csr_array(X)):
        with pytest.raises(TypeError, match=r"in memory.*learner\.query"):
            query(fitted(), pool, 5)
    with pytest.raises(TypeError, match="iterable of blocks"):
        query(fitted(), 5, 5)
    with pytest.raises(ValueError, match=r"have none. Got ids='a'"):
        query(fitted(), cut(50), 5, ids="a")
    with pytest.raises(TypeError, match="merge needs an ActiveLearningClassifier"):
        merge(lists_of(fitted()), GaussianNB(), 5)


def test_a_generator_is_used_up():
    blocks = iter(cut(50))
    found = query(fitted(), blocks, 5, labeled=LABELS)
    for read in (lambda: query(fitted(), blocks, 5), lambda: take(blocks, found)):
        with pytest.raises(ValueError, match="A generator is used up"):
            read()


def test_ids_of_other_kinds():
    with pytest.raises(ValueError, match="all be ints, or all be strings"):
        query(fitted(), [*cut()[:1], (["a"], X[:1])], 5)
    with pytest.raises(ValueError, match=r"below 2\*\*63"):
        query(fitted(), [(np.array([2**63, 1], dtype=np.uint64), X[:2])], 1)
    with pytest.raises(ValueError, match="one name per row"):
        query(fitted(), cut(), 5, labeled=[[1, 2]])


def test_take_says_what_is_missing():
    with pytest.raises(
        ValueError, match=r"2 of 3 rows are not in the pool, such as 150, 151"
    ):
        take(cut(50), [3, 150, 151])
    with pytest.raises(ValueError, match="at least one; got 2, of which 1 are"):
        take(cut(50), [3, 3])
    with pytest.raises(ValueError, match="at least one"):
        take(cut(50), [])
    with pytest.raises(ValueError, match="The id 3 is there twice"):
        take([*cut(50), (IDS[:5], X[:5])], [3, 100])


def test_a_warning_if_all_utilities_are_equal():
    learner = make(DummyClassifier(), "margin").fit(X, Y)
    with pytest.warns(UserWarning, match="equally"):
        query(learner, cut(50), 5, labeled=LABELS)

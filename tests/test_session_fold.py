"""What events lead to: the fold against a plain model, and rows against a file."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skactive.labeling._board import Board, is_doubled
from skactive.labeling._fold import DISCARDED, TIE, Fold
from skactive.labeling._ids import check_classes, decode, encode, encode_ids
from skactive.labeling._slots import Event

IDS = [encode(id) for id in ("a", "b", "c")]
NAMES = ["ann", "bob", "rule"]
LABELS = [encode(label) for label in ("x", "y")]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["label", "label", "import", "discard", "skip", "undo"]),
        st.sampled_from(IDS),
        st.sampled_from(LABELS),
        st.sampled_from(NAMES),
    ),
    max_size=40,
)


def as_events(steps):
    """Events as a session writes them: an undo names the last one not undone."""
    events = []
    for seq, (kind, id, label, name) in enumerate(steps, start=1):
        if kind == "undo":
            undone = {event.target for event in events}
            mine = [
                event
                for event in events
                if event.annotator == name
                and event.kind != "undo"
                and event.seq not in undone
            ]
            if not mine:
                continue
            target = mine[-1]
            events.append(
                Event(seq, "undo", target.id, annotator=name, target=target.seq)
            )
        else:
            value = label if kind in ("label", "import") else None
            events.append(Event(seq, kind, id, value, name))
    return events


def by_plain_loops(events, id):
    """The state of a row: no state is kept, all events are read again."""
    undone = {event.target for event in events if event.kind == "undo"}
    last = {}
    for event in events:
        is_vote = event.kind in ("label", "import", "discard")
        if event.id == id and is_vote and event.seq not in undone:
            last[event.annotator] = event
    if any(event.kind != "import" for event in last.values()):
        last = {name: it for name, it in last.items() if it.kind != "import"}
    votes = [DISCARDED if it.kind == "discard" else it.label for it in last.values()]
    if not votes:
        return None
    most = max(votes.count(vote) for vote in votes)
    best = {vote for vote in votes if votes.count(vote) == most}
    return best.pop() if len(best) == 1 else TIE


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_fold_is_what_plain_loops_give(steps):
    events = as_events(steps)
    fold = Fold()
    for n, event in enumerate(events, start=1):
        fold.apply(event)
        for id in IDS:
            assert fold.decide(id) == by_plain_loops(events[:n], id)


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_board_follows_each_event_as_if_it_read_them_all(steps):
    events, codes = as_events(steps), {label: n for n, label in enumerate(LABELS)}
    is_here = np.ones(len(IDS), dtype=bool)
    step_by_step = Fold()
    board = Board(step_by_step, IDS, is_here, codes, overlap=0.5)
    for event in events:
        id = step_by_step.apply(event)
        if id is not None:
            board.update(id)
    anew = Board(Fold(events), IDS, is_here, codes, overlap=0.5)
    assert board.state.tolist() == anew.state.tolist()
    assert board.codes.tolist() == anew.codes.tolist()
    assert board.ties.keys() == anew.ties.keys()
    assert board.waiting == anew.waiting
    left = {name: rows for name, rows in board.skipped.items() if rows}
    assert left == {name: rows for name, rows in anew.skipped.items() if rows}


@settings(max_examples=100, deadline=None)
@given(STEPS, st.randoms())
def test_clocks_do_not_matter(steps, random):
    events = as_events(steps)
    with_times = [event._replace(time=random.uniform(-1e9, 1e9)) for event in events]
    assert Fold(events).labels() == Fold(with_times).labels()


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_undoing_everything_leaves_nothing(steps):
    events = as_events(steps)
    fold = Fold(events)
    for name in NAMES:
        while (event := fold.to_undo(name)) is not None:
            seq = fold.events[-1].seq + 1
            fold.apply(Event(seq, "undo", event.id, annotator=name, target=event.seq))
    assert fold.labels() == {}
    assert [fold.decide(id) for id in IDS] == [None] * len(IDS)


SCALARS = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)


@given(st.one_of(SCALARS, st.lists(SCALARS).map(tuple)))
def test_ids_of_any_json_type_come_back(id):
    text = encode(id)
    assert text.isascii()
    found = decode(text)
    assert found == id
    assert type(found) is type(id)
    hash(found)


def test_one_and_the_text_one_are_different():
    assert len({encode(1), encode("1"), encode(1.0), encode(True)}) == 4


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        (["a", "b", "a"], "distinct"),
        (["a", None], "every row"),
        ([1.0, float("nan")], "every row"),
        (["a", 1], "one kind"),
        ([1, 1.5], "one kind"),
        ([True, 1], "one kind"),
        ([{"a": 1}], "texts, numbers"),
        ([object()], "texts, numbers"),
        (np.array(["2020-01-01"], dtype="M8[D]"), "texts, numbers"),
    ],
)
def test_ids_that_are_none(ids, said):
    with pytest.raises(ValueError, match=said):
        encode_ids(ids)


def test_many_duplicates_are_counted_not_listed():
    with pytest.raises(ValueError, match="99 of 100") as caught:
        encode_ids([7] * 100)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (["a"], "at least two"),
        ([], "at least two"),
        ("ab", "list of labels"),
        (None, "list of labels"),
        (["a", ""], "missing"),
        (["a", None], "missing"),
        ([1.0, float("nan")], "missing"),
        ([1.0, float("inf")], "finite"),
        (["a", "a"], "distinct"),
        (["Spam", "spam"], "case"),
        (["spam", " spam"], "case"),
        ([1, "1"], "one kind"),
        ([True, 1], "one kind"),
        (["a", ["b"]], "texts, numbers"),
        (["a", "b\0"], "control"),
        (["a", "\ud800"], "surrogate"),
    ],
)
def test_classes_that_people_cannot_tell_apart(classes, said):
    with pytest.raises(ValueError, match=said):
        check_classes(classes)


def test_classes_may_be_many_and_of_any_kind():
    many = [f"class {n}" for n in range(200)]
    assert check_classes(many) == many
    assert check_classes(np.array([3, 1, 2])) == [3, 1, 2]
    assert check_classes((False, True)) == [False, True]
    assert check_classes(["<b>", "\u202eabc"]) == ["<b>", "\u202eabc"]
    json.dumps(check_classes(np.array(["a", "b"])))


def test_the_share_of_rows_for_two_is_about_right_and_stays():
    ids = [encode(n) for n in range(10_000)]
    chosen = {id for id in ids if is_doubled(id, 0.1)}
    assert 900 < len(chosen) < 1100
    assert chosen <= {id for id in ids if is_doubled(id, 0.2)}
    assert not any(is_doubled(id, 0.0) for id in ids)
    assert all(is_doubled(id, 1.0) for id in ids)

"""The one loop of campaigns: what it calls, in which order, and what it notes."""

import pytest

from skactive.classifier._campaign import drive, run


class Diary:
    """Steps that write down what is asked of them; they end after `n_rounds`."""

    def __init__(self, n_rounds, stops_after=None):
        self.n_rounds, self.stops_after = n_rounds, stops_after
        self.lines = []
        self.n_done = 0

    def ended(self):
        return "exhausted" if self.n_done == self.n_rounds else None

    def choose(self):
        self.lines.append("choose")
        return [10 * self.n_done, 10 * self.n_done + 1]

    def learn(self, answer):
        self.lines.append(f"learn {answer}")

    def end_round(self, figures):
        self.n_done += 1
        figures.n_labels = 2 * self.n_done
        return "a rule" if self.n_done == self.stops_after else None


def test_it_yields_rows_and_is_sent_labels():
    steps, history = Diary(2), []
    loop = run(steps, history)
    assert next(loop) == [0, 1]
    assert loop.send("x") == [10, 11]
    with pytest.raises(StopIteration) as stop:
        loop.send("y")
    assert stop.value.value == "exhausted"
    assert steps.lines == ["choose", "learn x", "choose", "learn y"]
    assert [figures.n_labels for figures in history] == [2, 4]
    assert [figures.n_queried for figures in history] == [2, 2]


@pytest.mark.parametrize("n_rounds", [0, 1, 3])
def test_drive_goes_to_the_end(n_rounds):
    steps, history, asked = Diary(n_rounds), [], []
    assert drive(steps, lambda rows: asked.append(rows), history) == "exhausted"
    assert asked == [[10 * k, 10 * k + 1] for k in range(n_rounds)]
    assert len(history) == n_rounds


def test_what_wants_to_stop_is_heard_after_its_round():
    steps = Diary(5, stops_after=2)
    assert drive(steps, lambda rows: None, []) == "a rule"
    assert steps.n_done == 2


@pytest.mark.parametrize("error", [StopIteration, KeyboardInterrupt, ValueError])
def test_an_error_of_whoever_answers_comes_through_and_its_round_is_noted(error):
    history = []

    def ask(rows):
        if rows == [10, 11]:
            raise error
        return "fine"

    with pytest.raises(error):
        drive(Diary(3), ask, history)
    assert len(history) == 2
    assert history[1].ask_time > 0
    assert history[1].fit_time == 0

"""Active learning by learning against a plain transcription, and what it remembers."""

import math
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import ActiveLearningClassifier, get_strategy, query
from skactive.strategies import FunctionStrategy, Margin
from skactive.strategies._albl import (
    ActiveLearningByLearning,
    BanditState,
    arm_probabilities,
    importance_weighted_accuracy,
    updated_log_weights,
)
from skactive.strategies._schedule import Switch

X, codes = make_classification(
    n_samples=120, n_features=6, n_informative=4, n_classes=3, random_state=0
)
labels = np.array(["egg", "ham", "spam"])[codes]
NOTHING = np.full(120, None, dtype=object)


def unlabelled():
    return NOTHING.copy()


def up(estimator, X, y):
    """The last row first."""
    return np.arange(len(X), dtype=float)


def down(estimator, X, y):
    return -np.arange(len(X), dtype=float)


class Fixed:
    """A fitted model that is right on given rows; its X is their number."""

    classes_ = np.array(["egg", "ham", "spam", "wrong"])

    def __init__(self, right):
        self.right = right

    def predict(self, X):
        rows = np.asarray(X)[:, 0].astype(int)
        return np.where(np.isin(rows, self.right), labels[rows], "wrong")


NUMBERS = np.arange(120.0)[:, np.newaxis]


# The formulas -----------------------------------------------------------------------


def exp4p(rewards, draws, n_rounds, p_min, delta):
    """EXP4.P as published: experts give advice, here one certain arm each."""
    n_arms = n_experts = len(rewards[0])
    advice = [[1.0 if i == j else 0.0 for j in range(n_arms)] for i in range(n_experts)]
    w = [1.0] * n_experts
    for reward, drawn in zip(rewards, draws, strict=True):
        p = [
            (1 - n_arms * p_min)
            * sum(w[i] * advice[i][j] for i in range(n_experts))
            / sum(w)
            + p_min
            for j in range(n_arms)
        ]
        r_hat = [reward[j] / p[j] if j == drawn else 0.0 for j in range(n_arms)]
        for i in range(n_experts):
            y_hat = sum(advice[i][j] * r_hat[j] for j in range(n_arms))
            v_hat = sum(advice[i][j] / p[j] for j in range(n_arms))
            bonus = math.sqrt(math.log(n_experts / delta) / (n_arms * n_rounds))
            w[i] *= math.exp(p_min / 2 * (y_hat + v_hat * bonus))
        yield p, w


@pytest.mark.parametrize(("n_arms", "p_min"), [(2, 0.1), (3, 1 / 3), (5, 0.02)])
def test_exp4p(n_arms, p_min):
    rng = np.random.default_rng(n_arms)
    rewards, draws = rng.random((40, n_arms)), rng.integers(n_arms, size=40)
    log_weights = np.zeros(n_arms)
    rounds = exp4p(rewards.tolist(), draws.tolist(), 40, p_min, 0.2)
    for (p, w), reward, drawn in zip(rounds, rewards, draws, strict=True):
        probabilities = arm_probabilities(log_weights, p_min)
        assert_allclose(probabilities, p)
        gains = np.zeros(n_arms)
        gains[drawn] = reward[drawn] / probabilities[drawn]
        log_weights = updated_log_weights(
            log_weights, probabilities, gains, n_rounds=40, p_min=p_min, delta=0.2
        )
        assert_allclose(np.exp(log_weights), w)


def test_probabilities():
    p = arm_probabilities([1000.0, 0.0, -1000.0], 0.05)
    assert_allclose(p, [0.9, 0.05, 0.05])
    assert_allclose(arm_probabilities([7.0, 3.0], 0.5), 0.5)
    assert_allclose(arm_probabilities([0.0], 0.0), 1)


def test_exp4p_has_little_regret():
    # Arms that pay with probability 0.9 and 0.1: always the better pays 0.9 a round.
    rng = np.random.default_rng(0)
    n_rounds = 2000
    p_min = math.sqrt(math.log(2) / (2 * n_rounds))
    log_weights, paid = np.zeros(2), 0
    for _ in range(n_rounds):
        p = arm_probabilities(log_weights, p_min)
        arm = rng.choice(2, p=p)
        reward = rng.random() < (0.9, 0.1)[arm]
        paid += reward
        gains = np.where(np.arange(2) == arm, reward / p, 0)
        log_weights = updated_log_weights(
            log_weights, p, gains, n_rounds=n_rounds, p_min=p_min, delta=0.1
        )
    assert arm_probabilities(log_weights, p_min)[0] > 0.9
    # The theorem: 6 sqrt(K T ln(N / delta)); chance alone would be 800 short.
    assert 0.9 * n_rounds - paid < 0.5 * 800


# A round ----------------------------------------------------------------------------


class Transcription:
    """ALBL for one query a round, written as in the paper; random is the last arm."""

    def __init__(self, n_arms, n_rounds, delta):
        self.K, self.T, self.delta = n_arms, n_rounds, delta
        self.p_min = math.sqrt(math.log(n_arms) / (n_arms * n_rounds))
        self.w = [1.0] * n_arms
        self.W, self.asked = [], []

    def distributions(self, wanted, candidates):
        """Query vectors of all arms, and of the bandit."""
        psi = [{j: float(j == row) for j in candidates} for row in wanted]
        psi.append({j: 1 / len(candidates) for j in candidates})
        p = [(1 - self.K * self.p_min) * w / sum(self.w) + self.p_min for w in self.w]
        q = {j: sum(p[k] * psi[k][j] for k in range(self.K)) for j in candidates}
        assert math.isclose(sum(q.values()), 1)
        return p, psi, q

    def learn(self, row, p, psi, q, is_right):
        self.asked.append(row)
        self.W.append(1 / q[row])
        iw_acc = sum(
            W * is_right(i) for W, i in zip(self.W, self.asked, strict=True)
        ) / (120 * self.T)
        bonus = math.sqrt(math.log(self.K / self.delta) / (self.K * self.T))
        for k in range(self.K):
            r_k = iw_acc * psi[k][row] / q[row]
            self.w[k] *= math.exp(self.p_min / 2 * (r_k + bonus / p[k]))
        return iw_acc


@pytest.mark.parametrize("seed", range(3))
def test_against_a_transcription(seed):
    rng = np.random.default_rng(seed)
    strategy = ActiveLearningByLearning(
        [up, down, ("again", up), "random"], n_rounds=30, delta=0.3
    )
    paper = Transcription(4, 30, 0.3)
    y, state, last = unlabelled(), None, ()
    drawn = set()
    for t in range(30):
        right = rng.permutation(120)[:80]
        candidates = [i for i in range(120) if y[i] is None]
        wanted = [candidates[-1], candidates[0], candidates[-1]]
        p, psi, q = paper.distributions(wanted, candidates)
        model = Fixed(right)
        if t:
            reward = paper.learn(*last, lambda i, right=right: i in right)
            p, psi, q = paper.distributions(wanted, candidates)
        rows, state = strategy.select_next(
            model, NUMBERS, y, n_queries=1, random_state=seed + t, state=state
        )
        assert_allclose(state.pending.probabilities, p)
        assert_allclose(state.pending.inclusion, q[rows[0]])
        assert_allclose(np.exp(state.log_weights), paper.w)
        assert state.names == ("up", "down", "again", "random")
        if t:
            assert_allclose(state.rewards[-1], reward)
        drawn.add(state.pending.arm)
        y[rows] = labels[rows]
        last = (int(rows[0]), p, psi, q)
    assert len(drawn) == 4
    assert len(state.rewards) == len(state.ids) == 29


@pytest.mark.parametrize("n_queries", [1, 5])
def test_accuracy_is_estimated_without_bias(n_queries):
    # Right on 60 of 120 rows; strategies that prefer right and wrong ones.
    right = np.arange(60)
    strategy = ActiveLearningByLearning([up, down, "random"], p_min=0.2, n_rounds=1)
    estimates = []
    for seed in range(1000):
        y = unlabelled()
        rows, state = strategy.select_next(
            Fixed(right), NUMBERS, y, n_queries=n_queries, random_state=seed
        )
        y[rows] = labels[rows]
        _, state = strategy.select_next(
            Fixed(right), NUMBERS, y, n_queries=1, random_state=0, state=state
        )
        estimates.append(state.rewards[0])
    error = np.std(estimates) / math.sqrt(1000)
    assert abs(np.mean(estimates) - 0.5) < 4 * error
    assert error < 0.1


def test_credit_for_a_batch():
    strategy = ActiveLearningByLearning([up, ("same", up), down], n_rounds=10)
    seed = 0
    y = unlabelled()
    rows, state = strategy.select_next(
        Fixed([]), NUMBERS, y, n_queries=4, random_state=seed
    )
    while state.pending.arm != 0:
        seed += 1
        rows, state = strategy.select_next(
            Fixed([]), NUMBERS, y, n_queries=4, random_state=seed
        )
    assert_array_equal(state.pending.advice, [[1] * 4, [1] * 4, [0] * 4])
    assert_allclose(state.pending.inclusion, 2 / 3)
    y[rows] = labels[rows]
    _, after = strategy.select_next(
        Fixed(rows), NUMBERS, y, n_queries=4, random_state=0, state=state
    )
    # Both that would have taken the batch share in the reward, the third does not.
    reward = 4 * 1.5 / (120 * 10)
    assert_allclose(after.rewards, [reward])
    p_min = math.sqrt(math.log(3) / 30)
    more = p_min / 2 * reward * 1.5
    assert_allclose(after.log_weights - after.log_weights[2], [more, more, 0])


def test_normalized_reward():
    strategy = ActiveLearningByLearning([up, down, "random"], normalize=True)
    y = unlabelled()
    rows, state = strategy.select_next(
        Fixed([]), NUMBERS, y, n_queries=6, random_state=0
    )
    y[rows] = labels[rows]
    for right, expected in ((rows, 1), ([], 0), (rows[:3], None)):
        _, after = strategy.select_next(
            Fixed(right), NUMBERS, y, n_queries=6, random_state=0, state=state
        )
        if expected is None:
            weights = 1 / state.pending.inclusion
            expected = weights[:3].sum() / weights.sum()
        assert_allclose(after.rewards, [expected])


# What it remembers ------------------------------------------------------------------


def test_select_alone_is_a_first_round():
    strategy = ActiveLearningByLearning([up, down], p_min=0.01)
    before = pickle.dumps(strategy)
    firsts = [
        int(strategy.select(Fixed([]), NUMBERS, n_queries=3, random_state=s)[0])
        for s in range(200)
    ]
    assert set(firsts) == {0, 119}
    assert 70 < firsts.count(0) < 130
    assert pickle.dumps(strategy) == before


def test_what_counts_as_the_same_campaign():
    strategy = ActiveLearningByLearning([up, down])
    model = Fixed(np.arange(120))

    def step(y, state, strategy=strategy, ids=None, X=NUMBERS):
        return strategy.select_next(
            model, X, y, n_queries=4, random_state=0, state=state, ids=ids
        )

    y = unlabelled()
    rows, first = step(y, None)
    again, second = step(y, first)
    assert_array_equal(again, rows)
    assert second.rewards == ()
    assert_array_equal(second.log_weights, 0), "a batch without labels taught nothing"
    y[rows[:2]] = labels[rows[:2]]
    _, half = step(y, second)
    assert len(half.rewards) == 1
    assert_array_equal(np.sort(half.ids), np.sort(rows[:2]))
    _, other = step(y, half, ActiveLearningByLearning([up, "random"]))
    assert other.rewards == (), "of other strategies"
    _, anew = step(unlabelled(), half)
    assert anew.rewards == (), "none of its rows has a label"
    _, foreign = step(y, "something else")
    assert foreign.rewards == ()
    # A part of the pool, whose rows have names.
    kept = np.sort(np.append(rows[:2], np.setdiff1d(np.arange(120), rows)[::2]))
    chosen, part = step(y[kept], half, ids=kept, X=NUMBERS[kept])
    assert_array_equal(part.ids, half.ids)
    assert_array_equal(part.pending.ids, kept[chosen])


def run_by_hand(learner, n_rounds):
    y = unlabelled()
    bought = []
    for _ in range(n_rounds):
        rows = learner.query(X, y)
        assert_array_equal(learner.query(X, y), rows), "asked twice, answered alike"
        learner.query(X[:50])  # another pool, of which nothing is kept
        y[rows] = labels[rows]
        bought.extend(rows)
        learner.fit(X, y)
    return bought


@pytest.mark.parametrize("max_candidates", [None, 40])
def test_by_hand_and_with_a_budget(max_candidates):
    learner = ActiveLearningClassifier(
        LogisticRegression(),
        ActiveLearningByLearning([up, down, "margin", "random"], n_rounds=9),
        batch_size=6,
        max_candidates=max_candidates,
        random_state=0,
    )
    whole = clone(learner).set_params(budget=60).fit(X, labels)
    assert_array_equal(run_by_hand(learner, 10), whole.labeled_indices_)
    one, other = learner.strategy_state_, whole.strategy_state_
    assert isinstance(one, BanditState)
    assert len(one.rewards) == 8
    assert one.rewards == other.rewards
    assert_array_equal(one.log_weights, other.log_weights)
    assert_array_equal(one.pending.ids, other.pending.ids)
    assert np.ptp(one.log_weights) > 0
    # The rest of the campaign, from a file.
    y = np.where(np.isin(np.arange(120), whole.labeled_indices_), labels, None)
    resumed = pickle.loads(pickle.dumps(learner))
    rows = learner.query(X, y)
    assert_array_equal(resumed.query(X, y), rows)
    assert_array_equal(whole.set_params(budget=None).query(X, y), rows)
    assert len(whole.strategy_state_.rewards) == 9
    assert not hasattr(clone(learner), "strategy_state_")
    learner.set_params(budget=18).fit(X, labels)
    assert len(learner.strategy_state_.rewards) == 1, "a new campaign"


def test_the_rows_of_a_budgeted_fit_are_those_of_its_X():
    learner = ActiveLearningClassifier(
        LogisticRegression(),
        ActiveLearningByLearning([up, down]),
        batch_size=6,
        budget=24,
        random_state=0,
    )
    partly = np.where(np.arange(120) % 3 == 0, labels, None)
    learner.fit(X, partly)
    state = learner.strategy_state_
    assert_array_equal(state.ids, learner.labeled_indices_[6:18])
    assert_array_equal(state.pending.ids, learner.labeled_indices_[18:])


def test_ordinary_strategies_leave_no_trace():
    learner = ActiveLearningClassifier(LogisticRegression(), random_state=0)
    learner.fit(X, labels)
    before = sorted(vars(learner))
    learner.query(X, np.where(np.arange(120) < 60, labels, None))
    assert sorted(vars(learner)) == before
    assert learner.set_params(budget=20).fit(X, labels).strategy_state_ is None


def test_inside_a_switch_and_a_pipeline():
    albl = ActiveLearningByLearning([up, "margin", "random"])
    strategy = Switch(["random", albl], at=12)
    learner = ActiveLearningClassifier(
        LogisticRegression(), strategy, batch_size=6, random_state=0
    )
    assert strategy.uses_labels
    pipeline = make_pipeline(StandardScaler(), learner)
    y = unlabelled()
    for _ in range(5):
        rows = query(pipeline, X, y)
        y[rows] = labels[rows]
        pipeline.fit(X, y)
    # Chosen by: cold start, random, bandit, bandit, bandit.
    assert len(pipeline[-1].strategy_state_.rewards) == 2


# Does it learn? ---------------------------------------------------------------------


class FollowsItsAdvisor:
    """Right while it is asked about late rows, wrong after early ones."""

    classes_ = np.array([0, 1])

    def __init__(self, is_good):
        self.is_good = is_good

    def predict(self, X):
        return np.full(len(X), int(self.is_good))


@pytest.mark.parametrize("normalize", [False, True])
def test_a_good_strategy_wins_over_a_harmful_one(normalize):
    strategy = ActiveLearningByLearning(
        [("good", up), ("bad", down), "random"], n_rounds=150, normalize=normalize
    )
    rows_of_all = np.arange(400.0)[:, np.newaxis]
    probabilities = []
    for seed in range(8):
        y, state, is_good = np.full(400, np.nan), None, True
        for t in range(150):
            rows, state = strategy.select_next(
                FollowsItsAdvisor(is_good),
                rows_of_all,
                y,
                n_queries=2,
                random_state=1000 * seed + t,
                state=state,
            )
            y[rows] = 1
            is_good = state.pending.arm == 0
        probabilities.append(state.pending.probabilities)
    mean = np.mean(probabilities, axis=0)
    assert mean[0] > mean[1] + 0.1
    assert np.mean([p[0] > p[1] for p in probabilities]) >= 0.75


# As one strategy --------------------------------------------------------------------


def test_parameters_clone_pickle_repr():
    strategy = ActiveLearningByLearning([Margin(), ("far", get_strategy("k_center"))])
    model = LogisticRegression().fit(X, labels)
    names = {"ActiveLearningByLearning": ActiveLearningByLearning}
    import skactive.strategies

    names |= vars(skactive.strategies)
    for one in (strategy, ActiveLearningByLearning()):
        chosen = one.select(model, X, n_queries=7, random_state=1)
        for copy in (
            clone(one),
            pickle.loads(pickle.dumps(one)),
            eval(repr(one), names),
        ):
            assert repr(copy) == repr(one)
            again = copy.select(model, X, n_queries=7, random_state=1)
            assert_array_equal(again, chosen)
    assert repr(ActiveLearningByLearning()) == "ActiveLearningByLearning()"
    assert "far__embedding" in strategy.get_params()
    parts = ActiveLearningByLearning().parts()
    assert [name for name, _ in parts] == ["random", "margin", "typiclust"]


def test_one_strategy_alone():
    strategy = ActiveLearningByLearning(["margin"])
    learner = ActiveLearningClassifier(
        LogisticRegression(), strategy, budget=30, random_state=0
    )
    alone = clone(learner).set_params(strategy="margin").fit(X, labels)
    # Ties apart, the same rows.
    assert set(learner.fit(X, labels).labeled_indices_) == set(alone.labeled_indices_)


def test_a_list_of_models():
    models = [GaussianNB().fit(X, labels), LogisticRegression().fit(X, labels)]
    y = np.where(np.arange(120) < 30, labels, None)
    strategy = ActiveLearningByLearning(["margin", "random"])
    rows, state = strategy.select_next(models, X, y, n_queries=5, random_state=0)
    y[rows] = labels[rows]
    _, state = strategy.select_next(
        models, X, y, n_queries=5, random_state=0, state=state
    )
    proba = sum(model.predict_proba(X[rows]) for model in models)
    right = models[0].classes_[proba.argmax(axis=1)] == labels[rows]
    expected = importance_weighted_accuracy(
        right, state.inclusion, n_samples=120, n_rounds=100
    )
    assert_allclose(state.rewards, [expected])


@pytest.mark.parametrize("kind", [float, int, bool, str])
def test_labels_of_any_kind(kind):
    target = (codes > 0).astype(kind)
    learner = ActiveLearningClassifier(
        LogisticRegression(),
        ActiveLearningByLearning(["margin", "random"], normalize=True),
        budget=110,
        batch_size=10,
        random_state=0,
    )
    rewards = learner.fit(X, target).strategy_state_.rewards
    assert min(rewards[-3:]) > 0.5


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (ActiveLearningByLearning([]), "at least one strategy"),
        (ActiveLearningByLearning(["margn"]), "Did you mean 'margin'"),
        (
            ActiveLearningByLearning(["margin", "random"], p_min=0.6),
            r"\(0, 0.5\] for 2",
        ),
        (ActiveLearningByLearning(["margin"], p_min=0), "'p_min' parameter"),
        (ActiveLearningByLearning(["margin"], n_rounds=0), "'n_rounds' parameter"),
        (ActiveLearningByLearning(["margin"], delta=2), "'delta' parameter"),
        (ActiveLearningByLearning([("delta", "margin")]), "name of an argument"),
        (ActiveLearningByLearning(["vote_entropy", "margin"]), "needs a committee"),
    ],
)
def test_errors(strategy, message):
    model = LogisticRegression().fit(X, labels)
    with pytest.raises(ValueError, match=message):
        strategy.select(model, X, n_queries=3, random_state=0)
    with pytest.raises(ValueError, match="n_queries must be"):
        ActiveLearningByLearning().select(model, X, n_queries=0)
    with pytest.raises(TypeError, match="a row alone has no utility"):
        ActiveLearningByLearning()(model, X)
    assert not FunctionStrategy(up).bounded


def test_grid_search():
    learner = ActiveLearningClassifier(
        LogisticRegression(),
        ActiveLearningByLearning([("sure", Margin()), "random"]),
        budget=30,
        batch_size=6,
        random_state=0,
    )
    grid = {
        "strategy__p_min": [None, 0.5],
        "strategy__n_rounds": [1, 100],
        "strategy__sure": ["entropy", "least_confidence"],
        "strategy__normalize": [False, True],
    }
    search = GridSearchCV(learner, grid, cv=2, error_score="raise", n_jobs=2)
    search.fit(X, labels)
    assert len(search.cv_results_["params"]) == 16
    again = clone(learner).set_params(**search.best_params_).fit(X, labels)
    assert_array_equal(again.labeled_indices_, search.best_estimator_.labeled_indices_)
    assert search.best_estimator_.strategy_state_.names == ("sure", "random")

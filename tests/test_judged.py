"""Another model as judge: against the strategy asked about that model by hand."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils._param_validation import InvalidParameterError

from skactive import ActiveLearningClassifier, get_strategy, query
from skactive._models.members import member_proba
from skactive._models.wrappers import Fitted
from skactive.strategies import (
    FunctionStrategy,
    Margin,
    Mixture,
    Power,
    Switch,
)
from skactive.strategies._judged import Judged
from skactive.strategies._mixture import rank_shares

X, labels = make_classification(
    n_samples=160, n_features=6, n_informative=4, n_classes=3, random_state=0
)
KNOWN = np.sort(np.random.default_rng(0).permutation(160)[:40])
POOL = np.setdiff1d(np.arange(160), KNOWN)
y = np.full(160, np.nan)
y[KNOWN] = labels[KNOWN]
TREE = DecisionTreeClassifier(max_depth=3, min_samples_leaf=4, random_state=0)
LARGE = LogisticRegression(max_iter=500).fit(X, labels)
FOREST = RandomForestClassifier(7, max_depth=4, random_state=0).fit(X, labels)
MODEL = GaussianNB().fit(X[KNOWN], labels[KNOWN])


class Asked(KNeighborsClassifier):
    """Remembers what its last fit got."""

    calls: list = []

    def fit(self, X, y, sample_weight=None):
        self.calls.append((np.asarray(X), np.asarray(y), sample_weight))
        return super().fit(X, y)


@pytest.fixture(autouse=True)
def forget():
    Asked.calls.clear()


def seeded_order(strategy, estimator, **options):
    return strategy.select(estimator, X, y, n_queries=9, random_state=3, **options)


# What the judge says is what counts -------------------------------------------------


@pytest.mark.parametrize("name", ["margin", "entropy", "least_confidence"])
def test_frozen_judge_is_asked_as_it_is(name):
    strategy = get_strategy(name)
    judged = Judged(name, FrozenEstimator(LARGE))
    assert_array_equal(judged(MODEL, X, y), strategy(LARGE, X, y))
    assert_array_equal(judged(None, X), strategy(LARGE, X))
    assert_array_equal(seeded_order(judged, MODEL), seeded_order(strategy, LARGE))
    assert not np.array_equal(judged(MODEL, X), strategy(MODEL, X))


@pytest.mark.parametrize("name", ["margin", "entropy"])
def test_any_other_judge_is_fitted_on_the_labelled_rows(name):
    strategy = get_strategy(name)
    by_hand = clone(TREE).fit(X[KNOWN], labels[KNOWN])
    judged = Judged(name, TREE)
    assert_array_equal(judged(MODEL, X, y), strategy(by_hand, X, y))
    assert_array_equal(seeded_order(judged, MODEL), seeded_order(strategy, by_hand))
    assert not hasattr(TREE, "tree_")
    assert vars(judged) == vars(clone(judged)) | {"estimator": TREE}  # no state


def test_the_judge_sees_labelled_rows_only():
    Judged("margin", Asked(3))(MODEL, X, y)
    ((rows, seen, weights),) = Asked.calls
    assert_array_equal(rows, X[KNOWN])
    assert_array_equal(seen, labels[KNOWN])
    assert weights is None


@pytest.mark.parametrize(
    "name",
    ["badge", "k_center", "typiclust", "power", "bait", "diverse", "epig"],
)
@pytest.mark.parametrize("frozen", [True, False])
def test_batch_strategies_keep_their_own_way(name, frozen):
    """As asked about the judge, with its embedding: a pipeline with other columns."""
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    by_hand = clone(pipeline).fit(X[KNOWN], labels[KNOWN])
    judge = FrozenEstimator(by_hand) if frozen else pipeline
    strategy = get_strategy(name)
    if name == "epig":
        by_hand = [by_hand, clone(by_hand).set_params(logisticregression__C=0.01)]
        by_hand = Fitted(by_hand[0], [b.fit(X[KNOWN], labels[KNOWN]) for b in by_hand])
        judged = Judged(name, judge, members=lambda e, X: member_proba(by_hand, X))
    else:
        judged = Judged(name, judge)
    chosen = seeded_order(judged, MODEL)
    assert_array_equal(chosen, seeded_order(strategy, by_hand))
    assert len(set(chosen)) == 9
    assert np.isin(chosen, POOL).all()


# Members ----------------------------------------------------------------------------


def test_a_committee_is_its_own_members():
    strategy = get_strategy("information_gain")
    judged = Judged(strategy, FrozenEstimator(FOREST))
    assert_array_equal(judged(MODEL, X), strategy(FOREST, X))
    forest = RandomForestClassifier(5, random_state=1)
    by_hand = clone(forest).fit(X[KNOWN], labels[KNOWN])
    assert_array_equal(Judged(strategy, forest)(MODEL, X, y), strategy(by_hand, X))


@pytest.mark.parametrize("members", ["posterior", "bootstrap", "auto"])
def test_members_are_those_that_a_learner_makes(members):
    """As the members are random, only what does not depend on these draws."""
    judged = Judged("information_gain", GaussianNB(), members=members, n_members=4)
    utilities = judged(MODEL, X, y)
    assert_array_equal(utilities, judged(MODEL, X, y))
    assert np.ptp(utilities) > 0.01
    other = clone(judged).set_params(random_state=1)
    assert not np.array_equal(utilities, other(MODEL, X, y))
    many = [clone(judged).set_params(n_members=n)(MODEL, X, y) for n in (60, 61)]
    assert np.abs(many[0] - many[1]).max() < 0.2  # the mean over many draws


def test_member_function():
    def members(estimator, X):
        proba = estimator.predict_proba(X)
        return np.stack([proba, np.roll(proba, 1, axis=1)])

    strategy = get_strategy("information_gain")
    for judge in (FrozenEstimator(LARGE), LogisticRegression()):
        fitted = judge if judge.__class__ is FrozenEstimator else clone(judge)
        fitted = fitted.fit(X[KNOWN], labels[KNOWN])
        judged = Judged(strategy, judge, members=members)
        expected = strategy(Fitted(fitted, lambda X, f=fitted: members(f, X)), X)
        assert_allclose(judged(MODEL, X, y), expected)


def test_the_learner_makes_no_members_for_a_judge():
    strategy = Judged("information_gain", TREE, n_members=3)
    learner = ActiveLearningClassifier(LogisticRegression(), strategy).fit(X, y)
    assert learner.members_ is None
    assert len(learner.query(X, y)) == 10


# What it needs ----------------------------------------------------------------------


def test_needs_are_those_of_the_judge():
    learner = ActiveLearningClassifier(LinearSVC(), Judged("entropy", TREE))
    assert len(learner.fit(X, y).query(X, y)) == 10  # the learner has no probabilities
    for strategy, judge, message in [
        ("entropy", LinearSVC(), r"Entropy needs predict_proba: .*; got LinearSVC\(\)"),
        ("expected_model_change", TREE, "ExpectedModelChange needs .*; got Decision"),
        ("information_gain", FrozenEstimator(LARGE), "InformationGain needs a commit"),
    ]:
        learner = ActiveLearningClassifier(LARGE, Judged(strategy, judge))
        with pytest.raises(ValueError, match=message):
            learner.fit(X, y)
        with pytest.raises(ValueError, match=message):
            learner.strategy.select(MODEL, X, y, n_queries=1)
    with pytest.raises(InvalidParameterError, match="'normalize' parameter of Entropy"):
        Judged(get_strategy("entropy").set_params(normalize=3), TREE)(MODEL, X, y)
    with pytest.raises(ValueError, match="Unknown strategy 'marign'"):
        Judged("marign", TREE)(MODEL, X, y)
    with pytest.raises(InvalidParameterError, match="'estimator' parameter of Judged"):
        Judged("margin")(MODEL, X, y)
    with pytest.raises(NotFittedError, match="frozen, but has not been fitted"):
        Judged("margin", FrozenEstimator(clone(TREE)))(MODEL, X, y)


def test_a_judge_to_be_fitted_needs_labels():
    judged = Judged("margin", TREE)
    with pytest.raises(ValueError, match=r"y is None. Pass y .* FrozenEstimator"):
        judged(MODEL, X)
    with pytest.raises(ValueError, match="no row has a label"):
        judged(MODEL, X, np.full(160, np.nan))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        judged(MODEL, X, y[:9])
    learner = ActiveLearningClassifier(LARGE, judged).fit(X, y)
    with pytest.raises(ValueError, match=r"as in query\(X, y\)"):
        learner.query(X)
    learner.set_params(strategy__estimator=FrozenEstimator(FOREST))
    assert len(learner.query(X[1:])) == 10


def test_score_samples_is_there_for_frozen_judges():
    learner = ActiveLearningClassifier(GaussianNB(), Judged("margin", TREE)).fit(X, y)
    assert not hasattr(learner, "score_samples")
    learner.set_params(strategy__estimator=FrozenEstimator(LARGE))
    assert_array_equal(learner.score_samples(X), Margin()(LARGE, X))
    learner.set_params(strategy__strategy="badge")
    assert not hasattr(learner, "score_samples")
    learner.set_params(strategy__strategy="no such")
    with pytest.raises(ValueError, match="Unknown strategy"):
        learner.score_samples(X)


def test_one_class_only():
    one = np.where(labels == 1, y, np.nan)
    for judged in (Judged("margin", TREE), Judged("badge", LogisticRegression())):
        with pytest.warns(UserWarning, match="candidates equally useful"):
            chosen = judged.select(MODEL, X, one, n_queries=7, random_state=0)
        assert len(set(chosen)) == 7
        assert np.isnan(one[chosen]).all()
        with pytest.warns(UserWarning, match="candidates equally useful"):
            other = judged.select(MODEL, X, one, n_queries=7, random_state=1)
        assert not np.array_equal(chosen, other)
    assert_array_equal(Judged("margin", TREE)(MODEL, X, one), 0)
    assert len(Judged("random", TREE).select(MODEL, X, one, n_queries=3)) == 3
    terms = Judged("margin", TREE).terms(MODEL, X, one, POOL)
    assert_array_equal(terms.named[0][1], np.zeros(len(POOL)))


def test_nothing_left_to_choose():
    full = labels.astype(float)
    assert len(Judged("margin", TREE).select(MODEL, X, full, n_queries=3)) == 0
    with pytest.raises(ValueError, match="n_queries must be a positive int"):
        Judged("margin", TREE).select(MODEL, X, y, n_queries=0)


# Labels and rows of all kinds -------------------------------------------------------


@pytest.mark.parametrize(
    "named", [np.array(["x", "yy", "zzz"], dtype=object), [-5, 2**60, 7], [1.0, 3, 4]]
)
def test_labels_of_any_kind(named):
    text = np.asarray(named)[labels].astype(object)
    partly = text.copy()
    partly[POOL] = None
    assert_array_equal(
        np.sort(Judged("margin", TREE)(MODEL, X, partly)),
        np.sort(Judged("margin", TREE)(MODEL, X, y)),
    )
    learner = ActiveLearningClassifier(
        GaussianNB(), Judged("entropy", TREE), budget=30, random_state=0
    )
    assert learner.fit(X, text).n_labels_ == 30


def test_frozen_judge_of_other_classes():
    judge = FrozenEstimator(
        LogisticRegression().fit(X, np.where(X[:, 0] > 0, "a", "b"))
    )
    learner = ActiveLearningClassifier(GaussianNB(), Judged("margin", judge)).fit(X, y)
    assert_array_equal(
        np.sort(learner.query(X, y)),
        np.sort(POOL[np.argsort(-Margin()(judge, X[POOL]))[:10]]),
    )


TEXTS = [f"{a} {b}" for a in ("good", "bad", "fair", "odd") for b in "abcdefghijklmno"]


def test_texts():
    partly = np.array([t.split()[0] in ("good", "fair") for t in TEXTS], dtype=object)
    partly[::3] = None
    judge = make_pipeline(TfidfVectorizer(analyzer="char"), LogisticRegression())
    small = make_pipeline(TfidfVectorizer(), LogisticRegression())
    for strategy in ("margin", "badge", "information_gain"):
        learner = ActiveLearningClassifier(small, Judged(strategy, judge))
        rows = learner.fit(TEXTS, partly).query(TEXTS, partly)
        assert all(partly[row] is None for row in rows)
    known = [i for i, label in enumerate(partly) if label is not None]
    by_hand = clone(judge).fit(
        [TEXTS[i] for i in known], [bool(partly[i]) for i in known]
    )
    found = Judged("margin", judge)(None, TEXTS, partly)
    assert_allclose(found, Margin()(by_hand, TEXTS))


def test_order_of_rows_does_not_matter():
    order = np.random.default_rng(5).permutation(160)
    for judge in (FrozenEstimator(FOREST), GaussianNB()):
        judged = Judged("entropy", judge)
        assert_allclose(judged(MODEL, X[order], y[order]), judged(MODEL, X, y)[order])


def test_judge_that_wants_codes():
    xgboost = pytest.importorskip("xgboost")
    named = np.array(["x", "yy", "zzz"], dtype=object)[labels]
    named[POOL] = None
    judge = xgboost.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1)
    by_hand = clone(judge).fit(X[KNOWN], labels[KNOWN])
    found = Judged("margin", judge)(MODEL, X, named)
    assert_allclose(found, Margin()(by_hand, X), rtol=1e-5)


# In a learner -----------------------------------------------------------------------


def test_a_judge_like_the_learner_changes_nothing():
    chosen = [
        ActiveLearningClassifier(
            LogisticRegression(), strategy, budget=60, random_state=0
        )
        .fit(X, labels)
        .labeled_indices_
        for strategy in ("margin", Judged("margin", LogisticRegression()))
    ]
    assert_array_equal(*chosen)


def test_no_label_is_looked_at_before_it_is_bought():
    learner = ActiveLearningClassifier(
        LogisticRegression(), Judged("margin", Asked(3)), budget=40, random_state=0
    ).fit(X, labels)
    bought = learner.labeled_indices_
    assert [len(seen) for _, seen, _ in Asked.calls] == [10, 20, 30]
    for rows, seen, _ in Asked.calls:
        known = np.sort(bought[: len(seen)])
        assert_array_equal(rows, X[known])
        assert_array_equal(seen, labels[known])
    others = np.setdiff1d(np.arange(160), bought)
    lies = labels.copy()
    lies[others] = (lies[others] + 1) % 3
    assert_array_equal(clone(learner).fit(X, lies).labeled_indices_, bought)


def test_sample_weights_reach_the_judge():
    weights = np.random.default_rng(1).uniform(0.5, 2, size=160)
    with config_context(enable_metadata_routing=True):
        inner = LogisticRegression().set_fit_request(sample_weight=True)
        learner = ActiveLearningClassifier(
            inner, Judged("margin", Asked(3)), budget=20, random_state=0
        ).fit(X, labels, sample_weight=weights)
        known = np.sort(learner.labeled_indices_[:10])
        assert_array_equal(Asked.calls[0][2], weights[known])
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            Asked(3).set_fit_request(sample_weight=True),
        )
        for request, expected in ((True, weights[KNOWN]), (False, None)):
            pipeline[-1].set_fit_request(sample_weight=request)
            Judged("margin", pipeline)(Fitted(MODEL, None, weights), X, y)
            assert_array_equal(Asked.calls[-1][2], expected)
    Judged("margin", pipeline)(Fitted(MODEL, None, weights), X, y)
    assert_array_equal(Asked.calls[-1][2], weights[KNOWN])
    unweighted = KNeighborsClassifier(3)  # takes none
    found = Judged("margin", unweighted)(Fitted(MODEL, None, weights), X, y)
    assert_array_equal(found, Judged("margin", unweighted)(MODEL, X, y))


def test_pipelines_audits_and_few_candidates():
    strategy = Judged("margin", GaussianNB())
    learner = ActiveLearningClassifier(
        LogisticRegression(), strategy, max_candidates=20, random_state=0
    )
    pipeline = make_pipeline(StandardScaler(), learner).fit(X, y)
    assert np.isin(query(pipeline, X, y), POOL).all()
    inside = ActiveLearningClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()),
        strategy,
        budget=40,
        audit_fraction=0.2,
        random_state=0,
    ).fit(X, labels)
    assert inside.n_labels_ == 40


def test_grid_search():
    learner = ActiveLearningClassifier(
        LogisticRegression(),
        Judged(get_strategy("entropy"), RandomForestClassifier(5)),
        budget=30,
        random_state=0,
    )
    search = GridSearchCV(
        learner,
        {
            "strategy__strategy__normalize": [True],
            "strategy__estimator__max_depth": [1, 4],
        },
        cv=2,
    ).fit(X, labels)
    best = search.best_estimator_.strategy
    assert best.strategy.normalize
    assert best.estimator.max_depth in (1, 4)
    choices = {"strategy": ["margin", get_strategy("margin", estimator=GaussianNB())]}
    assert GridSearchCV(learner, choices, cv=2).fit(X, labels).best_score_ > 0.4


def test_frozen_judge_as_initial_strategy():
    learner = ActiveLearningClassifier(
        LogisticRegression(),
        initial_strategy=Judged("margin", FrozenEstimator(LARGE)),
        random_state=0,
    )
    best = np.argsort(-Margin()(LARGE, X))[:10]
    assert_array_equal(np.sort(learner.query(X)), np.sort(best))


# With other strategies --------------------------------------------------------------


def test_sums_products_and_mixtures():
    by_hand = clone(TREE).fit(X[KNOWN], labels[KNOWN])
    own, other = Margin()(MODEL, X), get_strategy("entropy")(by_hand, X)
    judged = Judged("entropy", TREE)
    assert_allclose((Margin() + judged)(MODEL, X, y), own + other)
    assert_allclose((Margin() * judged)(MODEL, X, y), own * other)
    frozen = Judged("entropy", FrozenEstimator(FOREST))
    large = get_strategy("entropy")(FOREST, X)
    mixture = Mixture([Margin(), frozen])
    assert_allclose(mixture(MODEL, X, y), rank_shares(own) / 2 + rank_shares(large) / 2)
    ranked = Mixture([Margin(), judged])
    order = np.argsort(ranked(MODEL, X, y) - rank_shares(own) / 2, kind="stable")
    assert (np.diff(other[order]) >= -1e-12).all()
    with pytest.raises(ValueError, match="Sum combines utilities of single rows"):
        (Margin() + Judged("badge", LogisticRegression())).select(
            MODEL, X, y, n_queries=2
        )


def test_switch_and_wrappers():
    frozen = Judged("margin", FrozenEstimator(LARGE))
    switch = Switch(["random", Judged("badge", LogisticRegression())], at=10)
    assert len(seeded_order(switch, MODEL)) == 9
    assert_array_equal(
        seeded_order(Power(frozen), MODEL), seeded_order(Power("margin"), LARGE)
    )
    inside = Judged(Switch(["random", "margin"], at=10), FrozenEstimator(LARGE))
    assert_array_equal(seeded_order(inside, MODEL), seeded_order(Margin(), LARGE))


def test_explanations():
    learner = ActiveLearningClassifier(
        GaussianNB(), Judged(Margin() + get_strategy("entropy"), TREE), random_state=0
    ).fit(X, y)
    rows = learner.query(X, y, n_queries=2)
    by_hand = clone(TREE).fit(X[KNOWN], labels[KNOWN])
    for record, row in zip(learner.explain_query(X, rows, y), rows, strict=True):
        one = X[[row]]
        assert_allclose(record["terms"]["Margin()"], Margin()(by_hand, one)[0])
        assert_allclose(
            record["utility"],
            (Margin()(by_hand, one) + get_strategy("entropy")(by_hand, one))[0],
        )
        assert record["strategy"].startswith("Judged(")
        assert record["prediction"] == learner.predict(one)[0]  # of the learner
    learner.set_params(strategy=Judged(Switch(["badge", "margin"], at=10), TREE))
    learner.set_params(strategy__estimator=FrozenEstimator(LARGE))
    (record,) = learner.explain_query(X, rows[:1], y)
    assert_allclose(record["utility"], Margin()(LARGE, X[rows[:1]])[0])
    learner.set_params(strategy=Judged(Power("margin"), FrozenEstimator(LARGE)))
    (record,) = learner.explain_query(X, rows[:1], y)
    assert_allclose(record["utility"], Margin()(LARGE, X[rows[:1]])[0])
    learner.set_params(strategy=Judged("badge", FrozenEstimator(LARGE)))
    assert learner.explain_query(X, rows, y)[0]["utility"] is None


# As an object -----------------------------------------------------------------------


def test_by_name():
    judged = get_strategy("entropy", estimator=TREE)
    assert isinstance(judged, Judged)
    assert judged.estimator is TREE
    assert get_strategy("entropy", estimator=None) is not judged
    assert isinstance(get_strategy(len, estimator=TREE).strategy, FunctionStrategy)
    own = get_strategy("margin")
    assert get_strategy(own, estimator=TREE).strategy is own
    with pytest.raises(ValueError, match="Unknown strategy 'marign'"):
        get_strategy("marign", estimator=TREE)


def test_copies():
    judged = Judged("badge", FrozenEstimator(FOREST), random_state=3)
    assert clone(judged).estimator is judged.estimator
    again = pickle.loads(pickle.dumps(judged))
    assert_array_equal(again.estimator.predict(X), FOREST.predict(X))
    assert repr(Judged("margin", LinearSVC())) == "Judged(estimator=LinearSVC())"


def test_what_it_looks_at():
    frozen = Judged("margin", FrozenEstimator(LARGE))
    fitted = Judged("margin", TREE)
    assert (frozen.pointwise, frozen.uses_labels, frozen.uses_weights) == (1, 0, 0)
    assert (fitted.pointwise, fitted.uses_labels, fitted.uses_weights) == (0, 1, 1)
    assert Judged("expected_error", FrozenEstimator(LARGE)).uses_labels
    assert not Judged("random", TREE).informed
    assert not Judged("badge", FrozenEstimator(LARGE)).has_utilities

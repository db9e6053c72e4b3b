"""Going on from the last model: equal to the same calls by hand, or trained anew."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_digits
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skactive import ActiveLearningClassifier
from skactive.classifier import ShrinkPerturb

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_digits(return_X_y=True)
X, Y = X[:400] / 16, Y[:400]
MLP = MLPClassifier((8,), max_iter=15, random_state=0)
SGD = SGDClassifier(loss="log_loss", max_iter=5, tol=None, random_state=0)


def partly(n_known, y=Y):
    labels = np.array(y, dtype=object)
    labels[n_known:] = None
    return labels


def learner_of(estimator, **params):
    params = {"warm_start": True, "random_state": 0, **params}
    return ActiveLearningClassifier(estimator, **params)


def weights_of(estimator):
    if hasattr(estimator, "coefs_"):
        return [*estimator.coefs_, *estimator.intercepts_]
    return [estimator.coef_, estimator.intercept_]


def assert_same_weights(one, other):
    for a, b in zip(weights_of(one), weights_of(other), strict=True):
        assert_array_equal(a, b)


# ---------------------------------------------------------------------------------
# Equal to the same calls by hand
# ---------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", [SGD, Perceptron(max_iter=5, tol=None)])
def test_equals_the_estimators_own_warm_start(inner):
    inner = clone(inner).set_params(random_state=0)
    learner = learner_of(inner).fit(X, partly(100)).fit(X, partly(200))
    hand = clone(inner).set_params(warm_start=True)
    hand.fit(X[:100], Y[:100]).fit(X[:200], Y[:200])
    assert_same_weights(learner.estimator_, hand)
    anew = clone(inner).fit(X[:200], Y[:200])
    assert not np.array_equal(anew.coef_, hand.coef_)
    assert learner.estimator_.warm_start is False  # as its user wants it


def by_hand(n_first, n_then, **params):
    """What a warm start of an MLPClassifier should be."""
    net = clone(MLP).set_params(**params).fit(X[:n_first], Y[:n_first])
    net.set_params(warm_start=True, max_iter=MLP.max_iter)
    net._no_improvement_count, net.best_loss_, net.t_ = 0, np.inf, 0
    return net.fit(X[:n_then], Y[:n_then])


def test_mlp_goes_on_from_last_weights():
    learner = learner_of(MLP).fit(X, partly(100))
    first = learner.estimator_
    before = copy.deepcopy(weights_of(first))
    learner.fit(X, partly(200))
    assert_same_weights(learner.estimator_, by_hand(100, 200))
    for one, other in zip(before, weights_of(first), strict=True):
        assert_array_equal(one, other)  # the last model is a model still
    assert learner.estimator_ is not first


def test_mlp_measures_progress_on_its_own_rows():
    # A net that fits 60 rows perfectly has a loss that 300 rows do not reach.
    net = MLPClassifier((30,), max_iter=3000, random_state=0, learning_rate_init=0.01)
    trapped = clone(net).set_params(warm_start=True).fit(X[:60], Y[:60])
    n_before = len(trapped.loss_curve_)
    trapped.fit(X[:300], Y[:300])
    learner = learner_of(net).fit(X, partly(60)).fit(X, partly(300))
    n_epochs = len(learner.estimator_.loss_curve_) - n_before
    assert len(trapped.loss_curve_) - n_before < 20
    assert n_epochs > 40
    assert learner.estimator_.loss_ < trapped.loss_ / 5
    # And it is a warm start: it needs fewer epochs than a net that is trained anew.
    assert n_epochs < 0.9 * clone(net).fit(X[:300], Y[:300]).n_iter_


def test_mlp_with_early_stopping_does_not_restore_the_last_weights():
    net = clone(MLP).set_params(early_stopping=True, max_iter=3, n_iter_no_change=50)
    learner = learner_of(net).fit(X, partly(150))
    first = learner.estimator_
    # Scores of another validation set, which the next one cannot beat.
    first.best_validation_score_ = 2.0
    learner.fit(X, partly(300))
    second = learner.estimator_
    assert second.best_validation_score_ <= 1
    assert not np.array_equal(second.coefs_[0], first.coefs_[0])


def test_schedule_of_the_learning_rate_starts_anew():
    net = MLPClassifier(
        (5,), solver="sgd", learning_rate="invscaling", max_iter=4, random_state=0
    )
    learner = learner_of(net).fit(X, partly(100)).fit(X, partly(200))
    assert learner.estimator_.t_ == 4 * 200


def test_convex_model_ends_where_it_would_end_anew():
    inner = LogisticRegression(max_iter=5000, tol=1e-8)
    warm = learner_of(inner, budget=100, batch_size=20).fit(X, Y)
    anew = clone(warm).set_params(warm_start=False).fit(X, Y)
    assert_array_equal(warm.labeled_indices_, anew.labeled_indices_)
    assert_allclose(warm.predict_proba(X), anew.predict_proba(X), atol=1e-5)
    # It starts near its goal: from its own solution it has nowhere to go.
    y = partly(150)
    again = learner_of(inner).fit(X, y)
    n_first = again.estimator_.n_iter_.max()
    assert again.fit(X, y).estimator_.n_iter_.max() <= 2 < n_first


def test_campaign_equals_the_loop_by_hand():
    for warm_start in (True, ShrinkPerturb(0.7, 0.02)):
        campaign = learner_of(MLP, warm_start=warm_start, budget=80, batch_size=20)
        campaign.fit(X, Y)
        hand = clone(campaign).set_params(budget=None)
        y = partly(0)
        for _ in range(4):
            rows = hand.query(X, y)
            y[rows] = Y[rows]
            hand.fit(X, y)
        assert set(hand.labeled_indices_) == set(campaign.labeled_indices_)
        assert_same_weights(campaign.estimator_, hand.estimator_)
        # The first round of each fit starts anew.
        once = copy.deepcopy(campaign.estimator_)
        assert_same_weights(campaign.fit(X, Y).estimator_, once)


def test_no_label_is_looked_at_before_it_is_bought():
    campaign = learner_of(MLP, budget=60, batch_size=20).fit(X, Y)
    other = Y.copy()
    rest = np.setdiff1d(np.arange(len(Y)), campaign.labeled_indices_)
    other[rest] = np.roll(Y[rest], 1)
    again = clone(campaign).fit(X, other)
    assert_same_weights(campaign.estimator_, again.estimator_)


def test_pickle_and_clone():
    learner = learner_of(MLP).fit(X, partly(100))
    loaded = pickle.loads(pickle.dumps(learner))
    assert_same_weights(loaded.fit(X, partly(200)).estimator_, by_hand(100, 200))
    anew = clone(learner).fit(X, partly(200)).estimator_
    assert_same_weights(anew, clone(MLP).fit(X[:200], Y[:200]))


def test_strings_as_labels():
    names = np.array([f"class {label}" for label in Y])
    learner = learner_of(MLP).fit(X, partly(100, names)).fit(X, partly(200, names))
    assert_same_weights(learner.estimator_, by_hand(100, 200))
    assert_array_equal(learner.classes_, np.unique(names))


def test_encoded_labels():
    names = np.array([f"class {label}" for label in Y])
    learner = learner_of(MLP, encode_labels=True)
    learner.fit(X, partly(100, names)).fit(X, partly(200, names))
    assert_same_weights(learner.estimator_.estimator_, by_hand(100, 200))
    assert learner.estimator_.warm_start is False
    assert learner.estimator_.estimator_.warm_start is False


def test_sample_weight_is_that_of_a_plain_fit():
    weights = np.random.default_rng(0).uniform(0.1, 3, len(Y))
    with config_context(enable_metadata_routing=True):
        inner = clone(SGD).set_fit_request(sample_weight=True)
        learner = learner_of(inner)
        for n in (100, 200):
            learner.fit(X, partly(n), sample_weight=weights)
    hand = clone(SGD).set_params(warm_start=True)
    for n in (100, 200):
        hand.fit(X[:n], Y[:n], sample_weight=weights[:n])
    assert_same_weights(learner.estimator_, hand)


def test_bootstrap_members_go_on_each_from_its_own_weights():
    learner = learner_of(SGD, strategy="information_gain", n_members=3)
    learner.set_params(members="bootstrap", estimator__max_iter=20)
    learner.fit(X, partly(100))
    first = learner.members_
    # At a rate of nearly nothing weights stay where they were.
    learner.set_params(estimator__learning_rate="constant", estimator__eta0=1e-12)
    learner.fit(X, partly(200))
    for before, after in zip(first, learner.members_, strict=True):
        assert after is not before
        assert_allclose(after.coef_, before.coef_, atol=1e-6)
    assert not np.allclose(first[0].coef_, first[1].coef_, atol=1e-2)
    # Members that were never there are trained anew.
    learner.set_params(n_members=4).fit(X, partly(200))
    assert len(learner.members_) == 4


# ---------------------------------------------------------------------------------
# Trained anew
# ---------------------------------------------------------------------------------


def assert_anew(learner, n_known, y=Y):
    anew = clone(learner).fit(X, partly(n_known, y))
    assert_same_weights(learner.estimator_, anew.estimator_)


def test_a_new_class_and_a_class_that_is_gone():
    for encode in (False, True):
        y = np.where(Y < 5, Y, 0)
        y[100:] = Y[100:]
        learner = learner_of(SGD, encode_labels=encode)
        learner.fit(X, partly(100, y)).fit(X, partly(200, y))
        assert_array_equal(learner.classes_, np.arange(10))
        anew = clone(SGD).fit(X[:200], y[:200])
        inner = learner.estimator_.estimator_ if encode else learner.estimator_
        assert_same_weights(inner, anew)
        learner.fit(X, partly(100, y))
        assert_array_equal(learner.classes_, np.arange(5))


def test_one_class_first():
    y = np.where(np.arange(len(Y)) < 20, 3, Y)
    learner = learner_of(SGD).fit(X, partly(20, y)).fit(X, partly(100, y))
    assert_anew(learner, 100, y)


def test_another_kind_of_estimator():
    learner = learner_of(SGD).fit(X, partly(100))
    learner.set_params(estimator=clone(MLP)).fit(X, partly(200))
    assert_same_weights(learner.estimator_, clone(MLP).fit(X[:200], Y[:200]))
    learner.set_params(estimator=make_pipeline(MLP)).fit(X, partly(200))
    assert_same_weights(learner.estimator_[-1], clone(MLP).fit(X[:200], Y[:200]))


def test_parameters_set_in_the_meantime_count():
    learner = learner_of(MLP).fit(X, partly(100))
    learner.set_params(estimator__max_iter=4).fit(X, partly(200))
    assert learner.estimator_.n_iter_ == learner.estimator_.max_iter == 4
    assert learner.estimator_.t_ == 4 * 200


def test_steps_of_a_pipeline_are_fitted_anew():
    pipeline = make_pipeline(StandardScaler(), SGD)
    learner = learner_of(pipeline).fit(X, partly(100)).fit(X, partly(200))
    hand = clone(SGD).set_params(warm_start=True)
    for n in (100, 200):
        hand.fit(StandardScaler().fit_transform(X[:n]), Y[:n])
    assert_same_weights(learner.estimator_[-1], hand)
    assert learner.estimator_[0].n_samples_seen_ == 200


@pytest.mark.parametrize(
    "inner", [SGD, MLP, LogisticRegression()], ids=lambda e: type(e).__name__
)
def test_another_number_of_features(inner):
    y = Y % 3
    texts = [f"class{label} row{i % 7} part{i // 50}" for i, label in enumerate(y)]
    nested = make_pipeline(make_pipeline(CountVectorizer(), inner))
    learner = learner_of(nested)
    learner.fit(texts, partly(100, y)).fit(texts, partly(200, y))
    anew = clone(nested).fit(texts[:200], y[:200])
    assert_same_weights(learner.estimator_[-1][-1], anew[-1][-1])


class Refuses(SGDClassifier):
    """Takes no more than 150 rows."""

    def fit(self, X, y, **params):
        if len(y) > 150:
            raise ValueError("too many rows")
        return super().fit(X, y, **params)


class RefusesToTransform(StandardScaler):
    def fit(self, X, y=None, **params):
        if len(X) > 150:
            raise ValueError("too many rows")
        return super().fit(X, y, **params)


@pytest.mark.parametrize(
    "inner",
    [
        Refuses(random_state=0),
        make_pipeline(StandardScaler(), Refuses(random_state=0)),
        make_pipeline(RefusesToTransform(), SGD),
    ],
)
def test_a_fit_that_fails_changes_nothing(inner):
    for warm_start in (True, ShrinkPerturb()):
        learner = learner_of(inner, warm_start=warm_start).fit(X, partly(100))
        before = pickle.dumps(learner)
        with pytest.raises(ValueError, match="too many rows"):
            learner.fit(X, partly(200))
        assert pickle.dumps(learner) == before


@pytest.mark.parametrize("encode_labels", [False, True])
@pytest.mark.parametrize(
    "inner", [SGD, clone(SGD).set_params(warm_start=True), MLP, GaussianNB()], ids=str
)
def test_another_number_of_features_is_learnt_anew(inner, encode_labels):
    params = {"encode_labels": encode_labels}
    learner = learner_of(inner, **params).fit(X[:, :3], partly(100))
    learner.fit(X, partly(200))
    anew = learner_of(inner, **params).fit(X, partly(200))
    assert learner.n_features_in_ == X.shape[1]
    assert_array_equal(learner.predict_proba(X), anew.predict_proba(X))


@pytest.mark.parametrize(
    "changed", [{"hidden_layer_sizes": (5, 4)}, {"early_stopping": True}]
)
def test_a_net_of_another_make_is_trained_anew(changed):
    learner = learner_of(clone(MLP)).fit(X, partly(100))
    learner.set_params(**{f"estimator__{k}": v for k, v in changed.items()})
    learner.fit(X, partly(200))
    anew = learner_of(clone(MLP).set_params(**changed)).fit(X, partly(200))
    assert_same_weights(learner.estimator_, anew.estimator_)


# ---------------------------------------------------------------------------------
# partial_fit
# ---------------------------------------------------------------------------------


class CountsRows(MultinomialNB):
    """Remembers how many rows each call was given."""

    def fit(self, X, y, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.calls_ = [("fit", len(y))]
        return self

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        if hasattr(self, "calls_"):
            self.calls_ = [*self.calls_, ("partial_fit", len(y))]
        return super().partial_fit(X, y, classes, sample_weight)


def calls_of(learner):
    return learner.estimator_.calls_


def counting():
    return learner_of(CountsRows())


def assert_learnt(learner, rows, y=Y):
    hand = MultinomialNB().fit(X[rows], y[rows])
    assert_allclose(learner.estimator_.feature_count_, hand.feature_count_)
    assert_allclose(learner.predict_proba(X), hand.predict_proba(X))


def test_partial_fit_learns_each_row_once():
    learner = counting().fit(X, partly(100)).fit(X, partly(160)).fit(X, partly(160))
    learner.fit(X, partly(200))
    assert calls_of(learner) == [("fit", 100), ("partial_fit", 60), ("partial_fit", 40)]
    assert_learnt(learner, np.arange(200))
    # With a wrapper around it too.
    encoded = learner_of(CountsRows(), encode_labels=True)
    encoded.fit(X, partly(100)).fit(X, partly(160))
    assert encoded.estimator_.estimator_.calls_[1:] == [("partial_fit", 60)]
    assert_allclose(
        encoded.predict_proba(X), MultinomialNB().fit(X[:160], Y[:160]).predict_proba(X)
    )


def test_partial_fit_in_a_campaign():
    learner = counting().set_params(budget=200, batch_size=50).fit(X, Y)
    assert calls_of(learner) == [("fit", 50)] + [("partial_fit", 50)] * 3
    assert_learnt(learner, learner.labeled_indices_)


def test_partial_fit_of_rows_in_any_order():
    some = np.random.default_rng(0).permutation(400)[:200]
    y = np.full(400, np.nan)
    y[some[:150]] = Y[some[:150]]
    learner = counting().fit(X, y)
    y[some] = Y[some]
    learner.fit(X, y)
    assert calls_of(learner) == [("fit", 150), ("partial_fit", 50)]
    assert_learnt(learner, some)


def change_a_label(X, y, weights):
    y[3] = 9 - y[3]


def take_a_label_away(X, y, weights):
    y[3] = None


def change_a_row(X, y, weights):
    X[3] += 1


def change_a_weight(X, y, weights):
    weights[3] += 1


def nothing(X, y, weights):
    pass


@pytest.mark.parametrize(
    "change",
    [change_a_label, take_a_label_away, change_a_row, change_a_weight, nothing],
)
def test_partial_fit_starts_anew_where_the_past_has_changed(change):
    with config_context(enable_metadata_routing=True):
        inner = CountsRows().set_fit_request(sample_weight=True)
        learner = learner_of(inner)
        here, y, weights = X.copy(), partly(100), np.ones(len(Y))
        learner.fit(here, y, sample_weight=weights)
        y[100:150] = Y[100:150]
        weights[100:] = 2
        change(here, y, weights)
        learner.fit(here, y, sample_weight=weights)
    rows = np.flatnonzero(y != None)  # noqa: E711
    hand = MultinomialNB().fit(here[rows], y[rows].astype(int), weights[rows])
    assert_allclose(learner.estimator_.feature_count_, hand.feature_count_)
    expected = [("fit", 100), ("partial_fit", 50)]
    is_anew = change is not nothing
    assert calls_of(learner) == ([("fit", len(rows))] if is_anew else expected)


def test_partial_fit_with_a_new_class_starts_anew():
    y = np.where(Y == 9, 0, Y)
    y[100:] = Y[100:]
    learner = counting().fit(X, partly(100, y)).fit(X, partly(200, y))
    assert calls_of(learner) == [("fit", 200)]
    assert_array_equal(learner.classes_, np.arange(10))


def test_after_partial_fit_by_hand_the_past_is_not_known():
    learner = counting().fit(X, partly(100))
    learner.partial_fit(X[100:120], Y[100:120])
    learner.fit(X, partly(200))
    assert calls_of(learner) == [("fit", 200)]


def test_bootstrap_members_of_partial_fit():
    learner = learner_of(CountsRows(), strategy="information_gain", n_members=3)
    learner.fit(X, partly(100)).fit(X, partly(100)).fit(X, partly(160))
    counts = [member.class_count_ for member in learner.members_]
    for member in learner.members_:
        assert member.calls_ == [("fit", 100), ("partial_fit", 60)]
        assert member.class_count_.sum() == 160
    # The new rows are drawn without regard to their class.
    assert not np.array_equal(counts[0], counts[1])


def test_gaussian_nb_has_posterior_members():
    learner = learner_of(GaussianNB(), strategy="information_gain", budget=60)
    learner.fit(X, Y)
    assert learner.members_(X[:5]).shape == (100, 5, 10)


# ---------------------------------------------------------------------------------
# Shrink and perturb
# ---------------------------------------------------------------------------------


STILL = {"learning_rate": "constant", "eta0": 1e-300, "tol": None, "max_iter": 1}


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_weights_are_shrunk_and_noise_added(fit_intercept):
    learner = learner_of(
        SGDClassifier(fit_intercept=fit_intercept), warm_start=ShrinkPerturb(0.25, 0.0)
    )
    first = learner.fit(X, partly(200)).estimator_
    learner.set_params(**{f"estimator__{k}": v for k, v in STILL.items()})
    second = learner.fit(X, partly(200)).estimator_
    for before, after in zip(weights_of(first), weights_of(second), strict=True):
        assert_allclose(after, 0.25 * before, atol=1e-200)
    learner.set_params(warm_start__noise=0.5)
    third = learner.fit(X, partly(200)).estimator_
    noise = third.coef_ - 0.25 * second.coef_
    assert abs(noise.mean()) < 0.1
    assert noise.std() == pytest.approx(0.5, rel=0.1)
    assert fit_intercept == bool(third.intercept_.all())


def test_all_layers_of_a_net_are_shrunk():
    net = clone(MLP).set_params(learning_rate_init=1e-300, solver="sgd", max_iter=1)
    learner = learner_of(net, warm_start=ShrinkPerturb(0.5, 0.0))
    first = learner.fit(X, partly(200)).estimator_
    second = learner.fit(X, partly(200)).estimator_
    for before, after in zip(weights_of(first), weights_of(second), strict=True):
        assert_allclose(after, 0.5 * before)
    learner.set_params(warm_start__noise=0.1).fit(X, partly(200))
    for before, after in zip(
        weights_of(second), weights_of(learner.estimator_), strict=True
    ):
        assert (after != 0.5 * before).all()
        assert abs(after - 0.5 * before).max() < 0.6


def test_no_shrinking_and_no_noise_is_a_plain_warm_start():
    plain = learner_of(MLP).fit(X, partly(100)).fit(X, partly(200))
    same = learner_of(MLP, warm_start=ShrinkPerturb(1.0, 0.0))
    same.fit(X, partly(100)).fit(X, partly(200))
    assert_same_weights(plain.estimator_, same.estimator_)


def test_noise_follows_from_the_random_state():
    state = np.random.get_state()[1].copy()
    nets = [
        learner_of(MLP, warm_start=ShrinkPerturb(), random_state=seed, budget=60)
        .fit(X, Y)
        .estimator_
        for seed in (1, 1, 2)
    ]
    assert_array_equal(np.random.get_state()[1], state)
    assert_same_weights(nets[0], nets[1])
    assert not np.array_equal(nets[0].coefs_[0], nets[2].coefs_[0])


def test_dtype_stays():
    learner = learner_of(MLP, warm_start=ShrinkPerturb())
    X32 = X.astype(np.float32)
    learner.fit(X32, partly(100)).fit(X32, partly(200))
    assert {one.dtype for one in weights_of(learner.estimator_)} == {np.dtype("f4")}


def test_parameters_nest_in_a_search():
    learner = learner_of(SGD, warm_start=ShrinkPerturb(), budget=40, batch_size=20)
    grid = {"warm_start__shrink": [0.2, 0.9]}
    search = GridSearchCV(learner, grid, cv=2).fit(X, Y)
    assert search.best_params_["warm_start__shrink"] in (0.2, 0.9)
    assert repr(ShrinkPerturb(0.5)) == "ShrinkPerturb(shrink=0.5)"


# ---------------------------------------------------------------------------------
# Errors, before anything is changed
# ---------------------------------------------------------------------------------


class Plain(ClassifierMixin, BaseEstimator):
    """Neither a warm start nor partial_fit."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (RandomForestClassifier(), "adds members"),
        (make_pipeline(StandardScaler(), BaggingClassifier()), "adds members"),
        (GradientBoostingClassifier(), "adds members"),
        (HistGradientBoostingClassifier(), "adds members"),
        (GridSearchCV(SGD, {"alpha": [1, 2]}), "a search trains many models"),
        (Plain(), "Plain has no warm_start of its own, and no partial_fit"),
        (LinearSVC(), "Possible are MLPClassifier"),
        (make_pipeline(MultinomialNB()), "partial_fit is of no use inside a pipeline"),
        (FrozenEstimator(clone(SGD).fit(X, Y)), "FrozenEstimator has no warm_start"),
    ],
)
def test_what_cannot_go_on_is_refused(inner, message):
    learner = learner_of(inner)
    with pytest.raises(ValueError, match=message):
        learner.fit(X, partly(100))
    with pytest.raises(ValueError, match=message):
        learner.query(X)
    assert not hasattr(learner, "estimator_")
    learner.set_params(warm_start=False).fit(X, partly(100))


def test_errors_of_shrink_and_perturb():
    message = "ShrinkPerturb\\(\\) needs weights that can be shrunk.*MultinomialNB"
    with pytest.raises(ValueError, match=message):
        learner_of(MultinomialNB(), warm_start=ShrinkPerturb()).fit(X, Y)
    for params in ({"shrink": 1.5}, {"shrink": -0.1}, {"noise": -1.0}):
        with pytest.raises(ValueError, match=next(iter(params))):
            learner_of(SGD, warm_start=ShrinkPerturb(**params)).fit(X, Y)
    with pytest.raises(ValueError, match="warm_start"):
        learner_of(SGD, warm_start="yes").fit(X, Y)


def test_without_a_warm_start_each_fit_is_anew():
    learner = learner_of(MLP, warm_start=False).fit(X, partly(100))
    assert_anew(learner.fit(X, partly(200)), 200)
    inner = clone(MLP).set_params(warm_start=True)
    learner = learner_of(inner, warm_start=False)
    assert_anew(learner.fit(X, partly(100)).fit(X, partly(200)), 200)

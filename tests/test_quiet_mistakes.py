"""Calls that seem to work and give a wrong or empty answer, and what they say."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
    learning_curve,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import (
    ActiveLearningClassifier,
    ActiveLearningRegressor,
    get_strategy,
    query,
)
from skactive.model_selection import LabeledKFold, active_learning_curve
from skactive.stopping import MaxRounds, StabilizingPredictions
from skactive.strategies import Margin, Mixture, Power

X, answers = load_iris(return_X_y=True)
FIRST = np.random.default_rng(0).permutation(150)[:12]  # of all three classes


def make(**params):
    model = params.pop("model", LogisticRegression(max_iter=1000))
    return ActiveLearningClassifier(model, **{"random_state": 0} | params)


def some_labels(rows=FIRST):
    y = np.full(150, np.nan)
    y[rows] = answers[rows]
    return y


# 1. A second day without fit ----------------------------------------------------------

SECOND_DAY = r"not fitted.*'cold_start' chooses.*12 labels.*call fit\(X, y\) before"


def test_a_query_on_the_second_day_says_that_it_ignores_the_labels():
    y = some_labels()
    with pytest.warns(UserWarning, match=SECOND_DAY) as caught:
        make().query(X, y)
    assert caught[0].filename == __file__
    make().fit(X, y).query(X, y)  # as it says
    names = np.array(["a", "b", "c"], dtype=object)[answers]
    names[np.isnan(y)] = None
    with pytest.warns(UserWarning, match=SECOND_DAY):
        query(make_pipeline(StandardScaler(), make()), pd.DataFrame(X), names)


def test_a_query_on_the_second_day_of_a_regressor():
    y = np.full(150, np.nan)
    y[FIRST] = X[FIRST, 0]
    with pytest.warns(UserWarning, match=SECOND_DAY):
        ActiveLearningRegressor(Ridge(), random_state=0).query(X, y)
    y[FIRST[1:]] = np.nan
    ActiveLearningRegressor(Ridge(), random_state=0).query(X, y)


def test_a_first_query_says_nothing():
    make().query(X)
    make().query(X, np.full(150, np.nan))
    make().query(X, np.where(np.arange(150) < 5, answers, np.nan))  # of one class


def test_a_first_query_with_labels_for_an_audit_only_says_nothing():
    learner = make(audit_fraction=0.3)
    reserve = clone(learner).fit(X, answers).audit_indices_
    assert len(set(answers[reserve])) == 3
    learner.query(X, some_labels(reserve))
    others = np.setdiff1d(np.arange(150), reserve)[[0, -1]]
    with pytest.warns(UserWarning, match="from the 2 labels in y"):
        learner.query(X, some_labels([*reserve, *others]))


def test_a_query_while_there_are_too_few_labels_to_fit_says_nothing():
    class Waits(KNeighborsClassifier):
        def fit(self, X, y):
            if len(y) < 20:
                raise ValueError("not yet")
            return super().fit(X, y)

    learner, y = make(model=Waits()), some_labels()
    with pytest.raises(ValueError, match="not yet"):
        learner.fit(X, y)
    learner.query(X, y)


# 2. Labelled rows again ---------------------------------------------------------------


@pytest.mark.parametrize("as_given", [np.asarray, pd.DataFrame, np.ndarray.tolist])
def test_a_query_without_y_says_that_it_offers_labelled_rows_again(as_given):
    pool, y = as_given(X), some_labels()
    learner = make().fit(pool, y)
    with pytest.warns(UserWarning, match="of these 70 rows already had") as told:
        rows = learner.query(pool, n_queries=70)
    n_again = len(np.intersect1d(rows, FIRST))
    assert 0 < n_again < 12
    assert str(told[0].message).startswith(f"{n_again} of these 70 rows")
    assert told[0].filename == __file__
    is_list = isinstance(pool, list)
    longer = pool * 2 if is_list else as_given(np.vstack([pool, pool]))
    with pytest.warns(UserWarning, match=r"Call query\(X, y\)"):
        learner.query(longer, n_queries=300)
    assert not np.isin(learner.query(pool, y), FIRST).any()


def test_a_query_of_the_budgeted_winner_of_a_search_on_the_same_rows():
    search = GridSearchCV(make(budget=30), {"strategy": ["margin", "random"]}, cv=2)
    search.fit(X, answers)
    with pytest.warns(UserWarning, match="30 of these 150 rows"):
        query(search, X, n_queries=150)


def test_a_query_without_y_of_another_pool_says_nothing():
    learner = make().fit(X, some_labels())
    learner.query(X + 1, n_queries=150)
    learner.query(X[:20], n_queries=20)
    learner.query(X[::-1], n_queries=150)


def test_a_query_without_y_that_offers_new_rows_says_nothing():
    learner = make(strategy="margin").fit(X, some_labels())
    assert not np.isin(learner.query(X, n_queries=3), FIRST).any()


def test_a_query_without_y_of_texts_after_a_restart():
    texts = [f"word{i % 7} word{i % 3}" for i in range(150)]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    learner = make(model=model, strategy="margin").fit(texts, some_labels())
    with pytest.warns(UserWarning, match="12 of these 150 rows"):
        learner.query(np.array(texts), n_queries=150)


def test_a_learner_keeps_no_row():
    learner = make().fit(X, some_labels())
    text = pickle.dumps(learner)
    assert not any(row.tobytes() in text for row in X[FIRST])


# 3. The score of the rows learnt from -------------------------------------------------

OWN_ROWS = r"of 12 rows.*learnt from 12 of them.*score\(X_test.*LabeledKFold.*audit"


def test_a_score_of_the_pool_says_that_it_is_of_the_rows_learnt_from():
    y = some_labels()
    learner = make().fit(X, y)
    with pytest.warns(UserWarning, match=OWN_ROWS) as caught:
        learner.score(X, y)
    assert caught[0].filename == __file__
    regressor = ActiveLearningRegressor(Ridge()).fit(X, np.where(y >= 0, X[:, 0], y))
    with pytest.warns(UserWarning, match=OWN_ROWS):
        regressor.score(X, np.where(y >= 0, X[:, 0], y))


def test_a_score_of_the_pool_with_an_audit():
    learner = make(audit_fraction=0.3, batch_size=30).fit(X, some_labels(range(150)))
    y = some_labels(np.arange(0, 150, 2))
    learner.fit(X, y)
    n_learnt = 75 - len(learner.audit_indices_)
    assert 30 < n_learnt < 75
    with pytest.warns(UserWarning, match=f"of 75 rows.*learnt from {n_learnt} of them"):
        learner.score(X, y)
    held_out = some_labels(learner.audit_indices_)
    learner.score(X, held_out)


def test_a_score_of_other_rows_says_nothing():
    learner = make().fit(X, some_labels())
    learner.score(X, answers)
    learner.score(X, some_labels([*FIRST, 3]))  # a new label as well
    learner.score(X + 1, some_labels())
    learner.score(X[FIRST], answers[FIRST])  # as in all of scikit-learn


def test_scores_of_folds_say_nothing_unless_they_are_training_scores():
    y = some_labels(np.arange(0, 150, 3))
    folds = {"X": X, "y": y, "cv": LabeledKFold(3)}
    cross_validate(make(), **folds)
    with pytest.warns(UserWarning, match=r"score is that of 3[34] rows"):
        cross_validate(make(), **folds, return_train_score=True)
    learning_curve(make(), **folds, train_sizes=[10, 20, 30])


def test_a_score_within_a_campaign_says_nothing():
    class Scores(MaxRounds):
        def update(self, learner, X, y):
            scores.append(learner.score(X, y))
            return super().update(learner, X, y)

    scores = []
    learner = make(budget=30, stopping=Scores(2))
    learner.fit(X, answers).fit(X, answers)
    assert len(scores) == 4


# 4. A budget larger than the number of labels -----------------------------------------


def test_a_budget_larger_than_the_number_of_labels():
    with pytest.warns(
        UserWarning, match=r"budget=50, but only 12 of 150.*None"
    ) as told:
        learner = make(budget=50).fit(X, some_labels())
    assert told[0].filename == __file__
    assert learner.n_labels_ == 12


def test_a_budget_that_can_be_used_says_nothing():
    make(budget=12).fit(X, some_labels())
    make(budget=1.0).fit(X, some_labels())
    make(budget=1000).fit(X, answers)  # until every row has a label
    make(budget=50, stopping=StabilizingPredictions()).fit(X, some_labels())


# 5. A search in which strategies make no difference -----------------------------------


@pytest.mark.parametrize("budget", [None, 1000])
@pytest.mark.parametrize(
    "grid", [{"strategy": ["random", "margin"]}, {"strategy__normalize": [True]}]
)
def test_a_search_says_that_strategies_make_no_difference(budget, grid):
    learner = make(strategy="entropy", budget=budget)
    search = GridSearchCV(make_pipeline(learner), prefixed(grid), cv=2)
    text = f"budget={budget}.*strategy=.*no difference.*budget of fewer labels"
    with pytest.warns(UserWarning, match=text):
        search.fit(X, answers)


def prefixed(grid):
    return {f"activelearningclassifier__{name}": v for name, v in grid.items()}


def test_a_search_that_compares_something_says_nothing():
    strategies = {"strategy": ["random", "margin"]}
    GridSearchCV(make(budget=30), strategies, cv=2).fit(X, answers)
    GridSearchCV(make(), {"estimator__C": [0.1, 1]}, cv=2).fit(X, answers)
    active_learning_curve(
        LogisticRegression(max_iter=1000), X, answers, budget=1.0, cv=2, n_repeats=1
    )


def test_the_last_round_of_a_loop_says_nothing():
    learner, y = make(strategy="margin", batch_size=40), np.full(150, np.nan)
    while np.isnan(y).any():
        rows = learner.query(X, y)
        y[rows] = answers[rows]
        learner.fit(X, y)
        learner.set_params(strategy="entropy") if np.isnan(y).sum() > 40 else None
    assert learner.n_labels_ == 150
    assert cross_val_score(make(strategy="margin"), X, answers, cv=2).mean() > 0.8


# 6. Messages --------------------------------------------------------------------------


def test_a_fold_without_labels_names_the_splitter():
    y = np.where(np.arange(150) % 50 < 6, answers, np.nan)
    folds = GridSearchCV(make(), {}, cv=KFold(3), error_score="raise")
    with pytest.raises(ValueError, match=r"No row is labelled.*cv=LabeledKFold\(\)"):
        folds.fit(X[np.argsort(np.isnan(y))], np.sort(y))
    folds.set_params(cv=LabeledKFold(3)).fit(X, y)
    cross_validate(make(), X, y, cv=LabeledKFold(3), scoring="accuracy")


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (KMeans(3), "a clusterer"),
        (make_pipeline(StandardScaler(), GaussianMixture(3)), "a density estimator"),
        (IsolationForest(), "an outlier detector"),
        (Ridge(), "a regressor"),
    ],
)
@pytest.mark.parametrize("strategy", ["auto", "random"])
def test_an_estimator_that_learns_no_classes(model, kind, strategy):
    learner = make(model=model, strategy=strategy)
    for call in (lambda: learner.query(X), lambda: learner.fit(X, answers)):
        with pytest.raises(ValueError, match=f"(?s)needs a classifier.*got .*, {kind}"):
            call()


def test_a_clusterer_in_a_regressor():
    with pytest.raises(ValueError, match=r"needs a regressor.*got KMeans.*a clusterer"):
        ActiveLearningRegressor(KMeans(3)).fit(*load_diabetes(return_X_y=True))


@pytest.mark.parametrize("name", ["strategy", "initial_strategy"])
@pytest.mark.parametrize("given", [["margin", "random"], ("margin",), {"margin"}])
def test_several_strategies_at_once(name, given):
    text = "got .*margin.*search over them.*strategies=.*Mixture"
    for call in (lambda it: it.query(X), lambda it: it.fit(X, answers)):
        with pytest.raises(TypeError, match=text):
            call(make(**{name: given}))


def test_the_class_of_a_strategy():
    for call in (
        lambda: make(strategy=Margin).query(X),
        lambda: make(strategy=Margin).fit(X, answers),
        lambda: get_strategy(Margin),
        lambda: Mixture([Margin, "random"]).parts(),
    ):
        with pytest.raises(TypeError, match=r"This is a class; write Margin\(...\)"):
            call()
    with pytest.raises(TypeError, match=r"got the class Margin. Write Margin\(...\)"):
        get_strategy("entropy") + Margin


@pytest.mark.parametrize("call", [lambda s, f: s + f, lambda s, f: f * s])
def test_a_function_as_a_term(call):
    def constant(estimator, X, y):
        return np.ones(len(X))

    with pytest.raises(TypeError, match=r"as get_strategy\(function\); got .*constant"):
        call(get_strategy("margin"), constant)
    assert call(get_strategy("margin"), get_strategy(constant)).leaves()


def test_parameters_in_get_strategy():
    assert repr(get_strategy("power", beta=2)) == "Power(beta=2)"
    own = Power(beta=3)
    assert get_strategy(own, beta=4).beta == 4
    assert own.beta == 3
    with pytest.raises(ValueError, match=r"Invalid parameter 'gamma' for .*Power"):
        get_strategy("power", gamma=1)


def test_a_dict_of_columns():
    columns = {"a": X[:, 0], "b": X[:, 1]}
    for call in (
        lambda: make().query(columns),
        lambda: make().query(columns, some_labels()),
        lambda: make().fit(columns, answers),
        lambda: make().fit(X, answers).score(columns, answers),
    ):
        with pytest.raises(TypeError, match=r"keys 'a', 'b'.*pandas.DataFrame\(X\)"):
            call()
    make().fit(pd.DataFrame(columns), answers)


@pytest.mark.parametrize("pool", [X[:, 0], X[:, 0].tolist(), pd.Series(X[:, 0])])
def test_a_pool_of_single_numbers(pool):
    with pytest.warns(
        UserWarning, match=r"150 single numbers.*reshape\(X, \(-1, 1\)\)"
    ):
        make().query(pool)
    make().query(np.reshape(pool, (-1, 1)))


def test_a_pool_of_single_numbers_that_the_estimator_takes():
    class OfNumbers(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X):
            return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))

        def __sklearn_tags__(self):
            tags = super().__sklearn_tags__()
            tags.input_tags.two_d_array = False
            return tags

    class Bare:  # says nothing of itself
        def fit(self, X, y): ...

        def predict_proba(self, X): ...

        def get_params(self, deep=True):
            return {}

    make(model=OfNumbers()).query(X[:, 0])
    make(model=Bare()).query(X[:, 0])
    make(model=make_pipeline(TfidfVectorizer(), LogisticRegression())).query(["a"] * 20)


@pytest.mark.parametrize("kind", [ActiveLearningClassifier, ActiveLearningRegressor])
@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"n_queries": 5}, "no parameter 'n_queries'.*write batch_size=5"),
        ({"query_strategy": "std"}, "'query_strategy'.*write strategy='std'"),
        ({"bach_size": 5}, "unexpected keyword argument 'bach_size'"),
    ],
)
def test_a_parameter_by_another_name(kind, given, text):
    with pytest.raises(TypeError, match=text):
        kind(Ridge(), **given)


# And nothing of all this where nothing is wrong ---------------------------------------


@pytest.mark.parametrize("kind", [ActiveLearningClassifier, ActiveLearningRegressor])
def test_two_days_of_work_without_a_warning(kind, tmp_path):
    model, numbers = LogisticRegression(max_iter=1000), answers
    if kind is ActiveLearningRegressor:
        model, numbers = Ridge(), X[:, 0] + X[:, 1]
    y = np.full(150, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            learner = kind(model, random_state=0)
            if not np.isnan(y).all():
                learner.fit(X, y)
            for _ in range(3):
                rows = learner.query(X, y)
                y[rows] = numbers[rows]
                learner.fit(X, y).score(X[::2] + 0.01, numbers[::2])
            joblib.dump(learner, tmp_path / "learner")
            loaded = joblib.load(tmp_path / "learner")
            assert_array_equal(loaded.query(X, y), learner.query(X, y))

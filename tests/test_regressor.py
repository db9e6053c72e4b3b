"""The learner for regressors: every strategy for numbers, kinds of y, bad input."""

import pickle
import re
import warnings
from decimal import Decimal

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone, is_regressor
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import make_regression
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import (
    BayesianRidge,
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive import (
    ActiveLearningClassifier,
    ActiveLearningRegressor,
    get_strategy,
    get_strategy_names,
    query,
)
from skactive.display import UtilityDisplay
from skactive.labeling import label_pool
from skactive.strategies import (
    Diverse,
    Fade,
    Judged,
    Mixture,
    PerCost,
    Power,
    Std,
    Switch,
)

X, full = make_regression(150, 5, noise=5.0, random_state=0)
NAMES = get_strategy_names(task="regression")
PROCESS = GaussianProcessRegressor(RBF(), alpha=0.1, optimizer=None)


def costs(X):
    return 1 + np.abs(X[:, 0])


COMBINED = [
    Mixture(["std", "information_density"]),
    Fade(["information_density", "std"], n_labels=40),
    Switch(["k_center", "std"], at=20),
    get_strategy("std") * "information_density",
    get_strategy("std") + 0.1 * get_strategy("expected_model_change"),
    Judged("std", LinearRegression()),
    Judged("lcmd", RandomForestRegressor(5)),
    PerCost("std", cost=costs),
    Diverse(Std(squared=True)),
    Power("expected_model_change"),
    Std(),
]
pytestmark = pytest.mark.filterwarnings("ignore:.*equally useful:UserWarning")
every_strategy = pytest.mark.parametrize(
    "strategy",
    [*NAMES, *COMBINED],
    ids=lambda it: re.sub(r" at 0x\w+", "", repr(it)),  # the same in each process
)


def partly(n_labeled=30, labels=full):
    y = np.full(len(labels), np.nan)
    y[:n_labeled] = labels[:n_labeled]
    return y


def make(strategy="lcmd", estimator=None, **params):
    estimator = Ridge() if estimator is None else estimator
    params = {"random_state": 0, "n_members": 4} | params
    return ActiveLearningRegressor(estimator, strategy, **params)


# Campaigns --------------------------------------------------------------------------


@every_strategy
def test_by_hand_is_by_budget_and_no_other_label_is_looked_at(strategy):
    bought = make(strategy, budget=40).fit(X, full)
    by_hand, known, order = make(strategy), np.full(150, np.nan), []
    for _ in range(4):
        rows = by_hand.query(X, known)
        known[rows] = full[rows]
        order += rows.tolist()
        by_hand.fit(X, known)
    assert bought.labeled_indices_.tolist() == order
    assert len(set(order)) == 40
    assert_array_equal(bought.predict(X), by_hand.predict(X))
    other = np.where(np.isin(np.arange(150), order), full, -1e9)
    again = make(strategy, budget=40).fit(X, other)
    assert again.labeled_indices_.tolist() == order
    assert bought.history_["n_labels"].tolist() == [10, 20, 30, 40]


@every_strategy
@pytest.mark.parametrize(("a", "b"), [(1000.0, -7.0), (1e-3, 1e4)])
def test_units_of_y_change_nothing(strategy, a, b):
    # Without a penalty, a linear regression has no unit.
    model = LinearRegression()
    expected = make(strategy, model).fit(X, partly()).query(X, partly())
    y = a * partly() + b
    assert_array_equal(make(strategy, model).fit(X, y).query(X, y), expected)


@every_strategy
def test_chunks_seeds_copies_and_integers_change_nothing(strategy):
    whole = partly(labels=np.round(full))
    learner = make(strategy).fit(X, whole)
    expected = learner.query(X, whole)
    with config_context(working_memory=1e-9):
        assert_array_equal(learner.query(X, whole), expected)
    for copy in (clone(learner).fit(X, whole), pickle.loads(pickle.dumps(learner))):
        assert_array_equal(copy.query(X, whole), expected)
    ints = np.array([None if np.isnan(v) else int(v) for v in whole], dtype=object)
    assert_array_equal(clone(learner).fit(X, ints).query(X, ints), expected)
    records = learner.explain_query(X, expected, whole)
    assert [record["row"] for record in records] == expected.tolist()
    assert "predicted: " in str(records)


@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=2),
        KNeighborsRegressor(3),
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
        make_pipeline(
            StandardScaler(), GaussianProcessRegressor(RBF(), alpha=0.1, optimizer=None)
        ),
        RandomForestRegressor(5),
        GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2),
    ],
    ids=lambda e: type(e).__name__,
)
@pytest.mark.parametrize(
    "strategy", ["std", "epig", "integrated_variance", "greedy_sampling", "power"]
)
def test_every_estimator_serves_what_members_can_serve(estimator, strategy):
    learner = make(strategy, estimator, budget=30).fit(X, full)
    assert learner.n_labels_ == 30
    assert len(learner.query(X, partly(), 3)) == 3


def test_closed_forms_need_no_members():
    for estimator in (BayesianRidge(), PROCESS):
        learner = make("std", estimator).fit(X, partly())
        assert learner.members_ is None
        assert learner.history_["n_fits"].tolist() == [1]
    asked = make("std", BayesianRidge(), members="bootstrap").fit(X, partly())
    assert len(asked.members_) == 4
    assert len(make("std").fit(X, partly()).members_) == 4


def test_predictions_with_a_deviation():
    learner = make("lcmd", BayesianRidge()).fit(X, partly())
    mean, std = learner.predict(X, return_std=True)
    plain = BayesianRidge().fit(X[:30], full[:30]).predict(X, return_std=True)
    assert_allclose(mean, plain[0])
    assert_allclose(std, plain[1])
    assert make("std").fit(X, partly()).predict(X, return_std=True)[1].shape == (150,)
    with pytest.raises(ValueError, match=r"return_std=True needs.*got Ridge\(\)"):
        make("lcmd").fit(X, partly()).predict(X, return_std=True)


def test_own_members():
    def members(estimator, X):
        return estimator.predict(X) + np.array([[-1.0], [1.0]]) * np.abs(X[:, 0])

    learner = make("std", members=members).fit(X, partly())
    assert_allclose(learner.score_samples(X), np.abs(X[:, 0]))
    wrong = make("std", members=lambda estimator, X: np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"shape \(2, 3\) for \d+ rows; expected"):
        wrong.fit(X, partly()).query(X, partly())
    holes = make("std", members=lambda estimator, X: np.full((2, len(X)), np.nan))
    with pytest.raises(ValueError, match=r"2 of 2 members gave predictions.*NaN"):
        holes.fit(X, partly()).query(X, partly())


def test_pipelines_searches_and_partial_fit():
    pipeline = make_pipeline(StandardScaler(), make("std")).fit(X, partly())
    assert len(query(pipeline, X, partly(), 4)) == 4
    grid = {"strategy": ["random", "lcmd", "std"], "estimator__alpha": [0.1, 1.0]}
    search = GridSearchCV(make(budget=20), grid, cv=2).fit(X, full)
    assert search.best_estimator_.n_labels_ == 20
    assert is_regressor(search)
    going = make(estimator=SGDRegressor())
    for rows in (slice(0, 5), slice(5, 30)):
        going.partial_fit(X[rows], full[rows])
    assert np.isfinite(going.predict(X)).all()
    assert len(going.query(X, partly())) == 10


def test_warm_start_goes_on():
    model = SGDRegressor(random_state=0, max_iter=5, tol=None)
    warm = make(estimator=model, warm_start=True, budget=30).fit(X, full)
    cold = make(estimator=model, budget=30).fit(X, full)
    assert (warm.predict(X) != cold.predict(X)).any()


def test_one_label_and_none_need_no_special_case():
    y = np.full(150, np.nan)
    learner = make("std")
    assert len(learner.query(X, y)) == 10
    y[3] = 7.5
    learner.fit(X, y)
    assert_array_equal(learner.predict(X), 7.5)
    assert len(learner.query(X, y)) == 10
    assert_array_equal(learner.score_samples(X), 0)


@pytest.mark.parametrize("strategy", NAMES)
def test_a_constant_y_is_no_error(strategy):
    y = partly(labels=np.full(150, 3.25))
    chosen = make(strategy).fit(X, y).query(X, y)
    assert len(set(chosen.tolist())) == 10


def test_no_spread_anywhere_is_no_error():
    members = lambda estimator, X: np.zeros((2, len(X)))  # noqa: E731
    learner = make("std", members=members).fit(X, partly())
    with pytest.warns(UserWarning, match="equally useful"):
        assert len(learner.query(X, partly())) == 10


# Kinds of y and of X ----------------------------------------------------------------


def kinds_of_y():
    values = partly().tolist()
    yield "list", [None if v != v else v for v in values]
    yield "masked", np.ma.masked_invalid(partly())
    yield "single", partly().astype(np.float32)
    yield "decimals", [None if v != v else Decimal(repr(v)) for v in values]
    pd = pytest.importorskip("pandas")
    yield "Series", pd.Series(values, index=np.arange(150)[::-1])
    yield "nullable", pd.Series(values, dtype="Float64")
    pl = pytest.importorskip("polars")
    yield "polars", pl.Series([None if v != v else v for v in values])


@pytest.mark.parametrize(
    ("kind", "y"), list(kinds_of_y()), ids=lambda v: v if isinstance(v, str) else ""
)
def test_missing_numbers_of_every_kind(kind, y):
    expected = make("greedy_sampling").fit(X, partly())
    learner = make("greedy_sampling").fit(X, y)
    assert learner.n_labels_ == 30
    assert_allclose(learner.predict(X), expected.predict(X), rtol=1e-4)
    chosen = learner.query(X, y)
    assert_array_equal(chosen, expected.query(X, partly()))


def test_any_number_is_a_measurement():
    y = np.where(np.arange(150) < 120, -1.0, full)
    assert make().fit(X, y).n_labels_ == 150
    with pytest.raises(ValueError, match="All 150 rows have a label"):
        make().fit(X, y).query(X, y)


def test_containers_of_X():
    pd = pytest.importorskip("pandas")
    expected = make("k_center").fit(X, partly()).query(X, partly())
    for rows in (sp.csr_matrix(X), pd.DataFrame(X, columns=list("abcde"))):
        learner = make("k_center").fit(rows, partly())
        assert_array_equal(learner.query(rows, partly()), expected)
    assert learner.feature_names_in_.tolist() == list("abcde")


# Bad input --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.where(np.arange(150) == 3, np.inf, full), r"finite; y holds infinity in 1"),
        (full.astype(str), r"real numbers; y holds '.*ActiveLearningClassifier"),
        (["a", *full[1:]], r"real numbers; y holds 'a'"),
        (np.c_[full, full], r"shape \(150, 2\), but only one target"),
        (np.c_[full, full].tolist(), r"shape \(150, 2\), but only one target"),
        (np.full(150, np.nan), "No row is labelled"),
        (full[:100], "inconsistent numbers of samples"),
        (full + 1j, "Complex data"),
    ],
)
def test_bad_y(y, message):
    with pytest.raises(ValueError, match=message):
        make().fit(X, y)


def test_bad_y_in_a_query():
    learner = make("greedy_sampling").fit(X, partly())
    y = partly()
    y[0] = np.inf
    with pytest.raises(ValueError, match="y holds infinity"):
        learner.query(X, y)
    with pytest.raises(ValueError, match="only one target"):
        learner.query(X, np.c_[y, y])


def test_strategies_for_the_other_task():
    message = (
        r"Margin chooses rows for classifiers.*predict_proba or decision_function; got "
        r"Ridge\(\), which is one of the regressors.*task='regression'\): bait,"
    )
    for call in (
        lambda: make("margin").fit(X, partly()),
        lambda: get_strategy("margin").select(Ridge(), X, n_queries=2),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    model = LogisticRegression().fit(X, full > 0)
    with pytest.raises(
        ValueError, match=r"Std chooses rows for regressors.*standard d"
    ):
        get_strategy("std").select(model, X, n_queries=2)
    with pytest.raises(ValueError, match="GreedySampling chooses rows for regressors"):
        ActiveLearningClassifier(LogisticRegression(), "greedy_sampling").query(X)


def test_estimators_of_the_other_task():
    with pytest.raises(
        ValueError,
        match=r"needs a regressor; got Logistic.*Use ActiveLearningClassifier",
    ):
        make(estimator=LogisticRegression()).fit(X, partly())
    with pytest.raises(
        ValueError,
        match=r"needs a classifier; got .*Ridge.*Use ActiveLearningRegressor",
    ):
        ActiveLearningClassifier(make_pipeline(StandardScaler(), Ridge())).query(X)


def test_few_whole_numbers_may_be_classes():
    grades = np.arange(150) % 3
    with pytest.warns(UserWarning, match="only 3 distinct values.*may be classes"):
        learner = make().fit(X, grades)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner.fit(X, grades)  # told once
        make().fit(X, np.arange(150))
        make().fit(X, grades / 4)
        make().fit(X, np.full(150, 2))
        make().fit(X[:8], np.arange(8) % 4)


def test_what_serves_classes_only_says_so():
    with pytest.raises(ValueError, match="label_pool is for labels that are classes"):
        label_pool(make(), X, lambda rows: full[:1])
    pytest.importorskip("matplotlib")
    learner = make("std").fit(X[:, :2], partly())
    with pytest.raises(ValueError, match="UtilityDisplay is for labels that are cla"):
        UtilityDisplay.from_estimator(learner, X[:, :2], partly())


@pytest.mark.parametrize("members", ["posterior", "none", 3])
def test_members_that_there_are_not(members):
    with pytest.raises(ValueError, match="members"):
        make("std", members=members).fit(X, partly())


# Audits -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scoring",
    [None, "neg_root_mean_squared_error", "neg_mean_absolute_error", "r2"],
)
def test_audit(scoring):
    learner = make(budget=100, audit_fraction=0.5, batch_size=20).fit(X, full)
    audit = learner.audit(X, full, scoring=scoring)
    low, high = audit.interval
    assert low < audit.estimate < high
    assert audit.scoring == (scoring or "r2")
    assert audit.n_audited == 50
    assert audit.caveat == ""


def test_an_audit_says_where_few_rows_have_most_of_the_error():
    y = full.copy()
    learner = make(budget=100, audit_fraction=0.5, batch_size=20).fit(X, y)
    y[learner.audit_indices_[:2]] += 1e4
    learner.fit(X, y)
    text = str(learner.audit(X, y, scoring="neg_root_mean_squared_error"))
    assert "the squared error" in text
    assert "may be too short" in text

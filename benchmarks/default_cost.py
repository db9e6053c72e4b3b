"""How long does a query of the default take, beside margin and scikit-activeml?

A logistic regression with 200 labels, batches of 100, one core: 10,000 and 100,000 rows
of 64 columns, 1,000,000 rows of 20, and 20,000 texts of 100 words through TF-IDF. Best
of three queries, seconds of the processor. scikit-activeml's herding and TypiClust need
arrays of all pairs of rows, so they get the 10,000 rows only.

    python -m pip install scikit-activeml
    OMP_NUM_THREADS=1 python benchmarks/default_cost.py
"""

import time
import warnings
from importlib.util import find_spec

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skactive import ActiveLearningClassifier

N_LABELED, BATCH_SIZE = 200, 100
STRATEGIES = ["margin", "auto", "uncertainty_herding"]
PEERS = ["activeml:herding", "activeml:typiclust"]


def make_table(n_rows, n_columns, rng):
    X = rng.standard_normal((n_rows, n_columns))
    return X, (X @ rng.standard_normal((n_columns, 5))).argmax(axis=1).astype(float)


def make_texts(n_texts, n_words, rng, n_known=30_000):
    shares = 1 / np.arange(5, n_known + 5)
    words = rng.choice(n_known, size=(n_texts, n_words), p=shares / shares.sum())
    texts = [" ".join(f"w{word}" for word in text) for text in words]
    return texts, rng.integers(4, size=n_texts).astype(float)


def best_of_three(choose):
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        choose()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def compare(title, model, X, answers, strategies, rng):
    y = np.full(len(answers), np.nan)
    rows = rng.permutation(len(y))[:N_LABELED]
    y[rows] = answers[rows]
    for name in strategies:
        learner = ActiveLearningClassifier(model, name, random_state=0).fit(X, y)
        seconds = best_of_three(lambda it=learner: it.query(X, y, BATCH_SIZE))
        print(f"| {title} | `{name}` | {seconds:.2f} |", flush=True)
    return y


def compare_peers(title, model, X, y):
    from _activeml import Chooser

    for name in PEERS:
        chooser = Chooser(name, model, X, n_classes=5, seed=0)
        chooser.learn(y)
        seconds = best_of_three(lambda it=chooser: it.choose(y, BATCH_SIZE))
        print(f"| {title} | {name} | {seconds:.2f} |", flush=True)


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    print("| pool | strategy | seconds |\n|---|---|--:|")
    for n_rows, n_columns in [(10_000, 64), (100_000, 64), (1_000_000, 20)]:
        X, answers = make_table(n_rows, n_columns, rng)
        title, model = f"{n_rows:,} x {n_columns}", LogisticRegression()
        y = compare(title, model, X, answers, STRATEGIES, rng)
        if n_rows == 10_000 and find_spec("skactiveml"):
            compare_peers(title, model, X, y)
    texts, answers = make_texts(20_000, 100, rng)
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    compare("20,000 texts of 100 words", model, texts, answers, STRATEGIES[:2], rng)


if __name__ == "__main__":
    main()

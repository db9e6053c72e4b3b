"""Is `active_learning_curve` honest, and what does it cost beyond the estimator?

    python benchmarks/curves.py coverage 100
    python benchmarks/curves.py profile

"coverage": of how many seeds does the interval of a strategy that is random by another
name cover zero, and that of an oracle not? "profile": which share of the time is spent
in the inner estimator's own fit and predict, on digits with logistic regression, four
strategies, ten splits, 200 labels in batches of ten.
"""

import cProfile
import pstats
import sys
import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from skactive import ActiveLearningClassifier
from skactive.model_selection import active_learning_curve


def by_another_name(seed):
    """Random, with draws of its own."""

    def chance(estimator, X, y):
        rng = np.random.default_rng([seed, int(np.isnan(y).sum()), int(X[:9].sum())])
        return rng.random(len(X))

    return chance


def coverage(n_seeds):
    X, y = load_breast_cancer(return_X_y=True)
    wrong = np.random.default_rng(0).random(len(y)) < 0.4
    noisy = np.where(wrong, 1 - y, y)

    def oracle(estimator, X, y):  # it knows which labels are right
        return -X[:, -1]

    learner = ActiveLearningClassifier(
        GaussianNB(), batch_size=10, n_initial=4, initial_strategy="random"
    )
    covered = seen = 0
    for seed in range(n_seeds):
        options = {"budget": 60, "cv": 5, "n_repeats": 2, "random_state": seed}
        curve = active_learning_curve(
            learner, X, y, strategies={"chance": by_another_name(seed)}, **options
        )
        low, high = curve.summary()[1]["area_gain_interval"]
        covered += low <= 0 <= high
        curve = active_learning_curve(
            learner, np.c_[X, wrong], noisy, strategies={"oracle": oracle}, **options
        )
        seen += curve.summary()[1]["area_gain_interval"][0] > 0
    print(f"random by another name: the interval covers zero for {covered}/{n_seeds}")
    print(f"oracle: the interval is above zero for {seen}/{n_seeds}")


def profile():
    X, y = load_digits(return_X_y=True)
    run = cProfile.Profile()
    run.enable()
    active_learning_curve(
        LogisticRegression(max_iter=1000),
        X / 16,
        y,
        strategies=["margin", "entropy", "least_confidence"],
        budget=200,
        random_state=0,
    )
    run.disable()
    stats = pstats.Stats(run)
    names = ("fit", "predict", "predict_proba")
    inner = sum(
        times[3]
        for (path, _, name), times in stats.stats.items()
        if path.endswith(("_logistic.py", "_base.py"))
        and "linear_model" in path
        and name in names
    )
    nested = sum(
        caller[3]
        for (path, _, name), times in stats.stats.items()
        if "linear_model" in path and name in names
        for (other, _, by), caller in times[4].items()
        if "linear_model" in other and by in names
    )
    print(
        f"in the inner estimator: {(inner - nested) / stats.total_tt:.1%} of the time"
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1] == "coverage":
        coverage(int(sys.argv[2]) if len(sys.argv) > 2 else 100)
    else:
        profile()

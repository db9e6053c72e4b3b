"""Does the audit tell the truth, and how far off are the naive estimates?

Campaigns with a naive Bayes on two classes that overlap, a pocket of the plane having
the labels turned around. In each, the pool is new; the truth is the accuracy of the
campaign's model on rows of the same kind that nobody labelled for it. "naive" is the
accuracy on the rows learnt from, "cross-validated" that of 5 folds of them; both with
Wilson's interval. A 95 % interval should cover the truth in 95 of 100 campaigns.

Then LURE: the error of a fixed model in a pool, from rows chosen with probabilities
that grow with the model's doubt, against the plain mean of the same rows.

    python benchmarks/audit.py [n_campaigns]
"""

import sys
import warnings

import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB

from skactive import ActiveLearningClassifier, get_strategy
from skactive.estimation import unbiased_risk, wilson_interval

STRATEGIES = ["random", "margin", "power", "badge"]
AUDIT_FRACTION = 0.25
N_POOL, N_NEW, BATCH_SIZE = 500, 20_000, 40
BUDGETS = (80, 160, 240)


def draw(n_samples, rng):
    """Rows, and labels that a naive Bayes gets right in about four of five."""
    y = rng.integers(2, size=n_samples).astype(float)
    X = rng.normal(size=(n_samples, 2)) + 1.6 * y[:, np.newaxis] * [1, 0]
    pocket = (X[:, 1] > 1) & (np.abs(X[:, 0]) < 1)
    return X, np.where(pocket, 1 - y, y)


def campaign(strategy, seed):
    """Truth, and estimates with their intervals, at each of the budgets."""
    rng = np.random.default_rng(seed)
    X, y = draw(N_POOL, rng)
    X_new, y_new = draw(N_NEW, rng)
    learner = ActiveLearningClassifier(
        GaussianNB(),
        strategy,
        batch_size=BATCH_SIZE,
        initial_strategy="random",
        audit_fraction=AUDIT_FRACTION,
        random_state=seed,
    )
    known = np.full(N_POOL, np.nan)
    points = []
    while (n_labels := np.count_nonzero(~np.isnan(known))) < max(BUDGETS):
        rows = learner.query(X, known)
        known[rows] = y[rows]
        learner.fit(X, known)
        if n_labels + BATCH_SIZE not in BUDGETS:
            continue
        truth = np.mean(learner.predict(X_new) == y_new)
        found = learner.audit(X, known)
        learnt = np.setdiff1d(learner.labeled_indices_, learner.audit_indices_)
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        predicted = cross_val_predict(GaussianNB(), X[learnt], y[learnt], cv=folds)
        points.append(
            {
                "audit": measured(found.estimate, found.interval, truth),
                "naive": by_wilson(found.naive, found.n_learnt, truth),
                "cross-validated": by_wilson(
                    np.mean(predicted == y[learnt]), len(learnt), truth
                ),
            }
        )
    return points


def by_wilson(estimate, n_rows, truth):
    interval = wilson_interval(round(estimate * n_rows), n_rows)
    return measured(estimate, interval, truth)


def measured(estimate, interval, truth):
    """Whether the interval covers the truth, the error, and the width."""
    low, high = interval
    return low <= truth <= high, estimate - truth, high - low


def active_test(seed, n_picks=60, n_rounds=3):
    """LURE and the plain mean of losses, for a model that learnt from other rows."""
    rng = np.random.default_rng(seed)
    model = GaussianNB().fit(*draw(50, rng))
    X, y = draw(N_POOL, rng)
    loss = (model.predict(X) != y).astype(float)
    strategy = get_strategy("power").set_params(strategy="entropy", beta=1.0)
    known, picks, q = np.full(N_POOL, np.nan), [], []
    for number in range(n_rounds):
        rows = strategy.select(
            model, X, known, n_queries=n_picks // n_rounds, random_state=seed + number
        )
        q.extend(strategy.selection_probabilities(model, X, known, chosen=rows))
        known[rows] = y[rows]
        picks.extend(rows)
    found = unbiased_risk(loss[picks], q, N_POOL)
    return {
        "LURE": measured(found.estimate, found.interval, loss.mean()),
        "plain mean": by_wilson(loss[picks].mean(), n_picks, loss.mean()),
    }


def cells(values):
    """Coverage, mean error with its standard error, and width, as text."""
    covered, error, width = np.array(values, dtype=float).T
    spread = 100 * error.std() / np.sqrt(len(error))
    return (
        f"{covered.mean():.1%} | {100 * error.mean():+.2f} ({spread:.2f}) | "
        f"{100 * width.mean():.0f}"
    )


def main(n_campaigns=1000):
    # A naive Bayes of a class with few rows is sure of everything.
    warnings.filterwarnings("ignore", message=".*equally useful")
    print(f"{n_campaigns} campaigns, {AUDIT_FRACTION:.0%} audit rows\n")
    head = "covers the truth | mean error, points (s.e.) | width, points |"
    print(f"| strategy | labels | estimate | {head}")
    print("|---|--:|---|--:|--:|--:|")
    for strategy in STRATEGIES:
        runs = [campaign(strategy, seed) for seed in range(n_campaigns)]
        for number, budget in enumerate(BUDGETS):
            for name in runs[0][0]:
                text = cells([run[number][name] for run in runs])
                print(f"| {strategy} | {budget} | {name} | {text} |", flush=True)
    tests = [active_test(10 * seed) for seed in range(n_campaigns)]
    print(f"\n| 60 of {N_POOL} rows by `power` | {head}")
    print("|---|--:|--:|--:|")
    for name in tests[0]:
        print(f"| {name} | {cells([test[name] for test in tests])} |")


if __name__ == "__main__":
    main(*(int(size) for size in sys.argv[1:]))

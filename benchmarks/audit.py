"""Does the audit tell the truth, and how far off are the naive estimates?

Campaigns with a naive Bayes on two classes that overlap, a pocket of the plane having
the labels turned around. In each, the pool is new; the truth is the accuracy of the
campaign's model on rows of the same kind that nobody labelled for it. "naive" is the
accuracy on the rows learnt from, "cross-validated" that of 5 folds of them; both with
Wilson's interval. A 95 % interval should cover the truth in 95 of 100 campaigns.

Then LURE: the error of a fixed model in a pool, from rows chosen with probabilities
that grow with the model's doubt, against the plain mean of the same rows.

Last, other scores near their edge: a naive Bayes that is right in 97 of 100 rows, 30
audit rows, and the interval of the audit beside that of the jackknife.

    python benchmarks/audit.py [n_campaigns]
And for numbers: intervals of 50 errors of a regressor, normal and lognormal ones, and
how often the text says that few rows have most of the error.

    python benchmarks/audit.py scores [n_campaigns]
    python benchmarks/audit.py numbers [n_draws]
"""

import sys
import warnings
from functools import partial

import numpy as np
from joblib import Parallel, delayed
from sklearn.metrics import get_scorer
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB

from skactive import ActiveLearningClassifier, get_strategy
from skactive._models.numeric_target import _FEW_ROWS, _MOST_ERROR
from skactive.estimation import (
    jackknife_interval,
    loss_interval,
    tail_share,
    unbiased_risk,
    wilson_interval,
)

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


SCORES = ["accuracy", "balanced_accuracy", "f1", "roc_auc"]


def near_the_edge(share, seed):
    """Of each score: by the audit and by the jackknife, for a share of the class 1."""
    rng = np.random.default_rng(seed)

    def draw_apart(n_samples):
        y = (rng.random(n_samples) < share).astype(int)
        return rng.normal(size=(n_samples, 2)) + 3.8 * y[:, np.newaxis] * [1, 0], y

    X, y = draw_apart(N_POOL)
    X_new, y_new = draw_apart(N_NEW)
    warnings.simplefilter("ignore")
    learner = ActiveLearningClassifier(
        GaussianNB(), "margin", budget=120, batch_size=20, initial_strategy="random",
        audit_fraction=0.25, random_state=seed,
    ).fit(X, y)  # fmt: skip
    rows = learner.audit_indices_
    X_rows, y_rows = X[rows], y[rows]
    found = {}
    for name in SCORES:
        scorer = get_scorer(name)
        truth = scorer(learner, X_new, y_new)
        found[name] = tuple(
            covers(interval_of, truth)
            for interval_of in (
                lambda name=name: learner.audit(X, y, scoring=name),
                lambda scorer=scorer: jackknife_interval(
                    lambda kept: scorer(learner, X_rows[kept], y_rows[kept]), len(rows)
                ),
            )
        )
    return found


def covers(interval_of, truth):
    """As `measured`; None where the score is not defined, without a row of a class."""
    try:
        found = interval_of()
    except ValueError:
        return None
    return measured(found.estimate, found.interval, truth)


def main_scores(n_campaigns=400):
    print(f"{n_campaigns} campaigns, 30 audit rows\n")
    print("| share of the class | score | audit covers | width | jackknife | width |")
    print("|--:|---|--:|--:|--:|--:|")
    for share in (0.5, 0.15):
        runs = Parallel(n_jobs=-1)(
            delayed(near_the_edge)(share, seed) for seed in range(n_campaigns)
        )
        for name in SCORES:
            text = f"| {share:.0%} | {name} "
            for way in (0, 1):
                values = [run[name][way] for run in runs if run[name][way] is not None]
                covered, _, width = np.array(values, dtype=float).T
                text += f"| {covered.mean():.1%}"
                if len(values) < len(runs):
                    text += f" of {len(values)}"
                text += f" | {np.median(width):.2f} "
            print(text + "|", flush=True)


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


def root_mean(squares, kept):
    return np.sqrt(squares[kept].mean())


def mean_size(sizes, kept):
    return sizes[kept].mean()


def main_numbers(n_draws=2000, n_rows=50):
    rng = np.random.default_rng(0)
    # Errors, their true root mean square and mean size.
    kinds = {
        "normal": (rng.standard_normal, 1.0, np.sqrt(2 / np.pi)),
        "lognormal": (
            lambda size: rng.lognormal(size=size) * rng.choice([-1, 1], size),
            np.exp(1.0),
            np.exp(0.5),
        ),
    }
    print(
        f"| {n_rows} errors, {n_draws} draws | RMSE | MAE | warns |\n|---|--:|--:|--:|"
    )
    for kind, (draw_errors, rmse, mae) in kinds.items():
        found = []
        for _ in range(n_draws):
            errors = draw_errors(n_rows)
            root = loss_interval(partial(root_mean, errors**2), n_rows)
            mean = loss_interval(partial(mean_size, np.abs(errors)), n_rows)
            found.append(
                (
                    root.interval[0] <= rmse <= root.interval[1],
                    mean.interval[0] <= mae <= mean.interval[1],
                    tail_share(errors**2, _FEW_ROWS) > _MOST_ERROR,
                )
            )
        print(f"| {kind} | {' | '.join(f'{x:.1%}' for x in np.mean(found, axis=0))} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["numbers"]:
        sys.exit(main_numbers(*(int(size) for size in sys.argv[2:])))
    if sys.argv[1:2] == ["scores"]:
        sys.exit(main_scores(*(int(size) for size in sys.argv[2:])))
    main(*(int(size) for size in sys.argv[1:]))

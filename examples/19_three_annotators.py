"""
Three annotators, one of them hasty: whom should the learner ask?
=================================================================

Three people sort handwritten digits. Nobody has checked how careful they are. Each
answer costs the same, and 400 of them are paid for. Is it best to ask the one who seems
most careful, to ask anybody, or to ask all three about each digit and take the
majority?
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skactive import ActiveLearningClassifier, query
from skactive.labeling import Answers, query_annotators

# %%
# The annotators
# --------------
#
# How often they are right is known here only because they are made up. What each says
# of a digit is the same however often, and in whatever campaign, it is asked.

ACCURACY = {"careful": 0.95, "tired": 0.7, "hasty": 0.5}
NAMES = list(ACCURACY)
N_ANSWERS, BATCH = 400, 20

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, test_size=500, random_state=0)
rng = np.random.default_rng(0)
is_wrong = rng.random((len(X), 3)) > list(ACCURACY.values())
said = np.where(is_wrong, rng.integers(10, size=(len(X), 3)), y[:, np.newaxis])


def ask(rows, who):
    """Here the people would look at these digits."""
    return said[rows, [NAMES.index(name) for name in who]]


# %%
# The campaigns
# -------------
#
# They differ in whom they ask.


def by_quality(learner, answers):
    return query_annotators(learner, X, answers)


def at_random(learner, answers):
    return query_annotators(learner, X, answers, explore=1)


def all_three(learner, answers):
    rows = query(learner, X, answers.consensus(), n_queries=BATCH // 3)
    return np.repeat(rows, 3), np.tile(NAMES, len(rows))


def campaign(choose):
    """Errors on new digits after each round, and all answers."""
    learner = ActiveLearningClassifier(
        LogisticRegression(C=0.3, max_iter=1000),
        strategy="margin",
        batch_size=BATCH,
        random_state=0,
    )
    answers, errors, n_paid = Answers(len(X), NAMES), [], []
    while len(answers) < N_ANSWERS:
        rows, who = choose(learner, answers)
        answers.add(rows, who, ask(rows, who))
        learner.fit(X, answers.consensus())
        errors.append(1 - learner.score(X_test, y_test))
        n_paid.append(len(answers))
    return learner, answers, n_paid, errors


results = {
    "the best so far": campaign(by_quality),
    "anybody": campaign(at_random),
    "all three": campaign(all_three),
}
marks = [100, 200, 300, 400]
print("Errors on new digits, by the number of answers")
print(" " * 16 + "".join(f"{mark:8}" for mark in marks))
for name, (_, _, n_paid, errors) in results.items():
    last = np.searchsorted(n_paid, marks, side="right") - 1
    print(f"{name:16}" + "".join(f"{errors[place]:8.1%}" for place in last))

# %%
# What is known of the annotators
# -------------------------------
#
# No digit was shown to two people, and nobody has checked an answer.

learner, answers, *_ = results["the best so far"]
quality = answers.quality(learner, X)
print(quality)
n_asked = dict(zip(NAMES, answers.asked().sum(axis=0).tolist(), strict=True))
print(f"\nAnswers given: {n_asked}")

# %%

means = {name: np.mean(result[3]) for name, result in results.items()}
print("Mean error over the campaign:")
for name, mean in means.items():
    print(f"  {name:16}{mean:.1%}")
best = quality.annotators[quality.agreement.argmax()]
print(
    f"\nAsk the one who seems best, here the {best} one, and others now and then. Three"
)
print("answers on each digit buy better labels, of a third of the digits.")

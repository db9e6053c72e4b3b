"""A pool and a learner for tests of sessions."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skactive import ActiveLearningClassifier

N_ROWS = 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N_ROWS, 3))
ANSWERS = np.where(X[:, 0] > 0, "yes", "no")
IDS = [f"T-{n}" for n in range(N_ROWS)]
CLASSES = ["no", "yes"]


def learner(**params):
    given = {"batch_size": 5, "random_state": 0} | params
    return ActiveLearningClassifier(LogisticRegression(), **given)


def answer(session, item, annotator=None):
    row = IDS.index(item.id)
    return session.label(item.id, ANSWERS[row], annotator=annotator)

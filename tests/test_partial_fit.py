"""Learning from further batches of rows."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import SGDClassifier

from learners import X, full, make, partly


@pytest.mark.parametrize("strategy", ["margin", "information_gain"])
@pytest.mark.parametrize("encode_labels", [False, True])
def test_partial_fit(strategy, encode_labels):
    inner = SGDClassifier(loss="log_loss", random_state=0)
    learner = make(inner, strategy, encode_labels=encode_labels)
    answers = np.array(["a", "b", "c"])[full]
    expected = clone(inner)
    for start in (0, 50, 100):
        batch = slice(start, start + 50)
        y = np.where(np.arange(50) % 2, answers[batch], None)
        learner.partial_fit(X[batch], y, classes=["a", "b", "c"])
        expected.partial_fit(
            X[batch][1::2], answers[batch][1::2], classes=["a", "b", "c"]
        )
    assert_array_equal(learner.predict_proba(X), expected.predict_proba(X))
    assert len(learner.query(X)) == 10
    if strategy == "information_gain":
        assert learner.score_samples(X).max() > 0
    learner.partial_fit(X, answers)  # the classes are known by now


def test_partial_fit_counts_classes_seen():
    learner = make(
        SGDClassifier(loss="log_loss"), initial_strategy=lambda e, X, y: X[:, 0]
    )
    by_first_feature = np.argsort(-X[:, 0])[:5]
    learner.partial_fit(X[full == 0], full[full == 0], classes=[0, 1, 2])
    assert_array_equal(learner.query(X, n_queries=5), by_first_feature)
    learner.partial_fit(X[full == 1], full[full == 1])
    assert not np.array_equal(learner.query(X, n_queries=5), by_first_feature)


def test_partial_fit_errors():
    learner = make(SGDClassifier())
    with pytest.raises(ValueError, match="classes must be passed"):
        learner.partial_fit(X, full)
    with pytest.raises(ValueError, match="No row is labelled"):
        learner.partial_fit(X, partly(0), classes=[0, 1])
    learner.fit(X, np.where(full == 0, 0, np.nan))
    clone(learner).fit(X, np.where(full == 0, 0, np.nan)).partial_fit(
        X, full, classes=[0, 1, 2]
    )
    with pytest.raises(ValueError, match=r"saw the class \[0.*only"):
        learner.partial_fit(X, full)
    encoded = make(SGDClassifier(), encode_labels=True)
    with pytest.raises(ValueError, match="classes must be passed"):
        encoded.partial_fit(X, full)
    with pytest.raises(ValueError, match=r"labels \[2\], which are not among"):
        encoded.partial_fit(X, full, classes=[0, 1])

"""Labels for estimators that accept only codes: order, new labels, spare outputs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone

from skactive._models.encoded import EncodedClassifier
from skactive._models.members import member_proba

X = np.arange(6.0)[:, np.newaxis]


class Net(ClassifierMixin, BaseEstimator):
    """Says code 0 is most probable, and so on; has `n_outputs` in any case."""

    def __init__(self, n_outputs=4, spare=0.25):
        self.n_outputs = n_outputs
        self.spare = spare

    def fit(self, X, y):
        self.seen_ = [*getattr(self, "seen_", []), np.array(y)]
        self.classes_ = np.arange(self.n_outputs)
        return self

    def predict_proba(self, X):
        # The last output is the most probable one where `spare` is large.
        proba = np.arange(self.n_outputs, 0, -1, dtype=float)
        proba[-1] = proba.sum() * self.spare / (1 - self.spare)
        return np.tile(proba / proba.sum(), (len(X), 1)).astype(np.float32)

    def predict_log_proba(self, X):
        return np.log(self.predict_proba(X))

    def decision_function(self, X):
        return self.predict_log_proba(X)

    def predict(self, X):
        return self.predict_proba(X).argmax(axis=1)


def test_spare_outputs_are_left_out():
    net = EncodedClassifier(Net(spare=0.9)).fit(X, list("abcabc"))
    proba = net.predict_proba(X)
    assert proba.dtype == np.float32
    assert proba.shape == (6, 3)
    assert_allclose(proba[0], np.array([4, 3, 2]) / 9, rtol=1e-6)
    assert_allclose(np.exp(net.predict_log_proba(X)), proba, rtol=1e-6)
    assert net.decision_function(X).shape == (6, 3)
    # The net itself prefers an output that no label has.
    assert_array_equal(net.estimator_.predict(X), 3)
    assert_array_equal(net.predict(X), "a")


def test_all_probability_on_spare_outputs_is_no_division_by_zero():
    net = EncodedClassifier(Net()).fit(X, list("abcabc"))
    answer = net.align(np.array([[0.0, 0.0, 0.0, 1.0]]))
    assert_allclose(answer, 1 / 3)


def test_too_few_outputs_is_an_error():
    net = EncodedClassifier(Net(2)).fit(X, list("abcabc"))
    with pytest.raises(ValueError, match="has 2 outputs, but was fitted on the 3 lab"):
        net.predict_proba(X)


def test_warm_start_keeps_codes():
    net = EncodedClassifier(Net(), warm_start=True).fit(X[:4], list("bdbd"))
    first = net.estimator_
    net.fit(X, list("bdaabd"))
    assert net.estimator_ is first
    assert_array_equal(net.labels_, ["b", "d", "a"])
    assert_array_equal(net.classes_, ["a", "b", "d"])
    assert_array_equal(first.seen_[0], [0, 1, 0, 1])
    assert_array_equal(first.seen_[1], [0, 1, 2, 2, 0, 1])
    # Codes 0, 1, 2 are b, d, a, and have 4, 3 and 2 parts of 9.
    assert_allclose(net.predict_proba(X)[0], np.array([2, 4, 3]) / 9, rtol=1e-6)
    assert_array_equal(net.predict(X), "b")
    assert net.score(X, list("bbbbzz")) == pytest.approx(4 / 6)
    # Without it a fit begins anew, in the order of the labels.
    anew = clone(net).set_params(warm_start=False).fit(X, list("bdaabd"))
    assert_array_equal(anew.labels_, anew.classes_)


def test_two_labels_turned():
    net = EncodedClassifier(Net(2), warm_start=True).fit(X[:2], list("bb"))
    net.fit(X, list("bbaaaa"))
    values = np.array([1.0, -2.0])
    net.estimator_.decision_function = lambda X: values
    assert_array_equal(net.decision_function(X[:2]), -values)


def test_members_are_aligned():
    members = EncodedClassifier(Net(), warm_start=True)
    members.fit(X[:4], list("bdbd")).fit(X, list("bdaabd"))
    plain = members.estimator_.predict_proba(X)
    members.estimator_ = [members.estimator_] * 2
    proba = member_proba(members, X)
    assert proba.shape == (2, 6, 3)
    expected = plain[:, [2, 0, 1]] / plain[:, :3].sum(axis=1, keepdims=True)
    assert_allclose(proba[1], expected, rtol=1e-6)

"""The inputs of the last layer, for each classifier that has one."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from skactive._models.encoded import EncodedClassifier
from skactive._models.last_layer import (
    has_last_layer,
    l2_penalty,
    last_layer,
    named_layer,
)
from skactive._models.response import has_response
from skactive._models.wrappers import at_last_step

X, three = make_classification(
    n_samples=80, n_features=6, n_informative=4, n_classes=3, random_state=0
)
two = (three > 0).astype(int)


def net(activation="relu", **params):
    return MLPClassifier(
        (6, 4), activation=activation, solver="lbfgs", max_iter=15, random_state=0
    ).set_params(**params)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.parametrize("activation", ["identity", "logistic", "relu", "tanh"])
@pytest.mark.parametrize("y", [two, three], ids=["binary", "three"])
def test_mlp_activations_give_its_probabilities(activation, y):
    model = net(activation).fit(X, y)
    for pool in (X, sp.csr_array(X), X.astype(np.float32)):
        layer = last_layer(model, pool)
        assert layer.features.shape == (80, 4)
        assert layer.has_intercept
        values = layer.features @ model.coefs_[-1] + model.intercepts_[-1]
        if len(model.classes_) == 2:
            expected = expit(values)
            expected = np.hstack([1 - expected, expected])
        else:
            expected = softmax(values, axis=1)
        assert_allclose(model.predict_proba(X), expected, atol=1e-5)
        assert_allclose(layer.proba, expected, atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=1000),
        LogisticRegression(fit_intercept=False, max_iter=1000),
        LinearDiscriminantAnalysis(),
    ],
    ids=["logistic", "no intercept", "lda"],
)
def test_linear_features_give_its_probabilities(model):
    model.fit(X, three)
    layer = last_layer(model, X)
    values = layer.features @ model.coef_.T
    if layer.has_intercept:
        values = values + model.intercept_
    assert layer.has_intercept == getattr(model, "fit_intercept", True)
    assert_allclose(layer.proba, softmax(values, axis=1), atol=1e-10)


def test_containers_and_types():
    pandas = pytest.importorskip("pandas")
    model = LogisticRegression(max_iter=1000).fit(X, three)
    assert_array_equal(last_layer(model, X.tolist()).features, X)
    csr = last_layer(model, sp.csc_array(X)).features
    assert sp.issparse(csr)
    assert csr.format == "csr"
    frame = pandas.DataFrame(X)
    model = LogisticRegression(max_iter=1000).fit(frame, three)
    assert_array_equal(last_layer(model, frame).features, X)
    single = last_layer(model, frame.astype(np.float32)).features
    assert single.dtype == np.float32


def test_which_classifiers_are_known():
    known = [
        LogisticRegression(),
        LogisticRegressionCV(),
        SGDClassifier(loss="log_loss"),
        SGDClassifier(loss="modified_huber"),
        LinearDiscriminantAnalysis(),
        MLPClassifier(),
    ]
    unknown = [
        SGDClassifier(),
        Perceptron(),
        LinearSVC(),
        RidgeClassifier(),
        SVC(kernel="linear"),
        GaussianNB(),
        RandomForestClassifier(),
        CalibratedClassifierCV(LinearSVC()),
        [LogisticRegression()],
    ]
    assert [has_last_layer(model) for model in known] == [True] * len(known)
    assert [has_last_layer(model) for model in unknown] == [False] * len(unknown)
    for wrap in (
        EncodedClassifier,
        lambda model: make_pipeline(StandardScaler(), model),
        lambda model: GridSearchCV(make_pipeline(StandardScaler(), model), {}),
    ):
        assert has_response(wrap(LogisticRegression()), "last_layer")
        assert not has_response(wrap(GaussianNB()), "last_layer")


def test_behind_pipeline_search_and_codes():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    search = GridSearchCV(EncodedClassifier(pipeline), {}, cv=2).fit(X, three)
    layer = last_layer(*at_last_step(search, X))
    assert_allclose(layer.features, StandardScaler().fit_transform(X), atol=1e-12)
    assert_allclose(layer.proba, search.predict_proba(X))


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_penalties():
    def penalty(model):
        return l2_penalty(model.fit(X, two), 80)

    assert penalty(LogisticRegression(C=4)) == (0.25, 0.0)
    assert penalty(LogisticRegression(C=np.inf)) == (0.0, 0.0)
    liblinear = LogisticRegression(C=4, solver="liblinear", intercept_scaling=2)
    assert penalty(liblinear) == (0.25, 0.0625)
    assert penalty(net(alpha=0.3)) == (0.3, 0.0)
    sgd = SGDClassifier(loss="log_loss", alpha=0.01, random_state=0)
    assert penalty(sgd) == (pytest.approx(0.8), 0.0)
    assert penalty(sgd.set_params(penalty="l1")) == (1.0, 0.0)
    assert penalty(LinearDiscriminantAnalysis()) == (1.0, 0.0)


def test_named_layer():
    proba = np.full((80, 2), 0.5)
    scaler = StandardScaler().fit(X)
    for features in (scaler, scaler.transform):
        layer = named_layer(features, proba, X)
        assert_array_equal(layer.features, scaler.transform(X))
        assert layer.has_intercept
    with pytest.raises(ValueError, match=r"gave 40 vectors for 80 rows; it must"):
        named_layer(lambda X: X[:40], proba, X)
    with pytest.raises(ValueError, match="shape"):
        named_layer(lambda X: X[:, 0], proba, X)

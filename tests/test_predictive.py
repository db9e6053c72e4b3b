"""What regressors say of their doubt: standard deviations, members, covariances."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeCV,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skactive._models.members import member_predictions
from skactive._models.predictive import (
    noise_variance,
    predictive_covariance,
    predictive_std,
)
from skactive._models.response import has_response
from skactive._models.wrappers import Fitted

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
y = X @ [1.0, -2.0, 0.0] + 0.3 * rng.normal(size=60) + 5
Z = rng.normal(size=(15, 3))
GP = GaussianProcessRegressor(RBF(2.0) + WhiteKernel(0.2), normalize_y=True)
OWN = [
    GP,
    BayesianRidge(),
    ARDRegression(),
    make_pipeline(StandardScaler(), BayesianRidge()),
    GridSearchCV(BayesianRidge(), {"max_iter": [50]}, cv=2),
]
ENSEMBLES = [
    RandomForestRegressor(7, random_state=0),
    ExtraTreesRegressor(7, random_state=0),
    BaggingRegressor(Ridge(), 7, max_features=2, random_state=0),
    VotingRegressor([("a", Ridge()), ("b", BayesianRidge())]),
]


def name(thing):
    return type(thing).__name__


@pytest.mark.parametrize("model", OWN, ids=name)
def test_std_is_that_of_predict(model):
    model.fit(X, y)
    inner = getattr(model, "best_estimator_", model)
    assert has_response(model, "std")
    assert_allclose(predictive_std(model, Z), inner.predict(Z, return_std=True)[1])


@pytest.mark.parametrize("model", ENSEMBLES, ids=name)
def test_members_average_to_the_prediction(model):
    model.fit(X, y)
    answers = member_predictions(model, Z)
    assert answers.shape == (len(model.estimators_), 15)
    assert_allclose(answers.mean(axis=0), model.predict(Z))
    assert_allclose(predictive_std(model, Z), answers.std(axis=0))
    assert not has_response(model, "members")


def test_a_transformed_target_is_seen_through():
    plain = BayesianRidge().fit(X, y)
    scaled = TransformedTargetRegressor(BayesianRidge(), transformer=StandardScaler())
    std = predictive_std(scaled.fit(X, y), Z)
    assert_allclose(std, plain.predict(Z, return_std=True)[1], rtol=0.01)
    log = TransformedTargetRegressor(BayesianRidge(), func=np.log, inverse_func=np.exp)
    log.fit(X, np.exp(y / 5))
    mean, deviation = log.regressor_.predict(Z, return_std=True)
    expected = (np.exp(mean + deviation) - np.exp(mean - deviation)) / 2
    assert_allclose(predictive_std(log, Z), expected)
    forest = RandomForestRegressor(5, random_state=0)
    trees = TransformedTargetRegressor(forest, transformer=StandardScaler()).fit(X, y)
    assert_allclose(
        member_predictions(trees, Z),
        [y.mean() + y.std() * tree.predict(Z) for tree in trees.regressor_.estimators_],
        rtol=1e-6,
    )


def test_members_that_were_given_come_first():
    model = BayesianRidge().fit(X, y)
    assert_array_equal(predictive_std(Fitted(model, [model, model]), Z), 0)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda X: np.zeros((3, 4)), r"shape \(3, 4\) for 15 rows; expected \(n_mem"),
        (lambda X: np.zeros(15), r"shape \(15,\) for 15 rows"),
        (lambda X: np.full((3, 15), np.nan), "3 of 3 members gave predictions.*NaN"),
    ],
)
def test_wrong_members(answer, message):
    with pytest.raises(ValueError, match=message):
        predictive_std(Fitted(Ridge().fit(X, y), answer), Z)


def test_covariance_of_a_gaussian_process():
    model = GaussianProcessRegressor(RBF(2.0) + WhiteKernel(0.2), alpha=0.1).fit(X, y)
    _, joint = model.predict(np.vstack([Z, X[:5]]), return_cov=True)
    found = predictive_covariance(model, Z, X[:5], X, y)
    assert_allclose(found, joint[:15, 15:], atol=1e-8)
    white = model.kernel_.k2.noise_level
    assert noise_variance(model, X, y) == pytest.approx(white + 0.1)


@pytest.mark.parametrize("model", [BayesianRidge(), ARDRegression()], ids=name)
def test_covariance_of_bayesian_linear_models(model):
    centred = X - X.mean(axis=0)  # scikit-learn 1.7 does not centre in predict
    model.fit(centred, y)
    noise = noise_variance(model, centred, y)
    own = np.diag(predictive_covariance(model, Z, Z, centred, y))
    # What is added here is the variance of the intercept.
    std = model.predict(Z, return_std=True)[1]
    assert_allclose(own + noise - noise / 60, std**2, rtol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        Ridge(alpha=2.0),
        RidgeCV([2.0]),
        LinearRegression(),
        Ridge(0.5, fit_intercept=False),
    ],
    ids=repr,
)
def test_covariance_of_ridge_is_that_of_its_posterior(model):
    model.fit(X, y)
    penalty = {"Ridge": 2.0, "RidgeCV": 2.0, "LinearRegression": 0.0}[name(model)]
    if not model.fit_intercept:
        penalty = 0.5
    ones = np.ones((60, 1)) if model.fit_intercept else np.empty((60, 0))
    design, others = np.hstack([X, ones]), np.hstack([Z, ones[:15]])
    prior = np.diag([penalty] * 3 + [0.0] * ones.shape[1])
    inverse = np.linalg.inv(design.T @ design + prior)
    noise = noise_variance(model, X, y)
    expected = noise * others @ inverse @ others.T
    assert_allclose(predictive_covariance(model, Z, Z, X, y), expected, rtol=1e-6)


def test_covariance_of_members():
    model = RandomForestRegressor(9, random_state=0).fit(X, y)
    answers = member_predictions(model, Z)
    assert_allclose(predictive_covariance(model, Z, Z, X, y), np.cov(answers.T))
    errors = member_predictions(model, X) - y
    assert noise_variance(model, X, y) == pytest.approx(np.mean(errors**2))


def test_who_has_what():
    assert not has_response(HistGradientBoostingRegressor(), "std")
    assert not has_response(Ridge(), "std")
    assert has_response(Ridge(), "covariance")
    assert has_response(make_pipeline(StandardScaler(), GP), "covariance")
    assert not has_response(RandomForestRegressor(), "covariance")
    for estimator in (RandomForestClassifier(), LogisticRegression()):
        for response in ("std", "member_predictions", "covariance", "predict"):
            assert not has_response(estimator, response)

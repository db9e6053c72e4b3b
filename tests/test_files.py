"""Files of pickle, joblib and skops name only paths that last."""

import importlib
import inspect
import io
import pickle

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB

import skactive
from learners import FEW_LABELS
from skactive import (
    ActiveLearningClassifier,
    ActiveLearningRegressor,
    get_strategy,
    get_strategy_names,
    make_strategy,
)
from skactive.measures import entropy
from skactive.model_selection import active_learning_curve
from skactive.stopping import MaxRounds, OverallUncertainty, StabilizingPredictions
from test_public_api import PUBLIC

pytestmark = FEW_LABELS
X, answers = load_iris(return_X_y=True)
Y = np.where(np.arange(150) % 5 == 0, answers, np.nan)

# Not public, but parts of some fitted learners. If one of them moves, leave its name in
# the old file, so that older files can be loaded.
PRIVATE = {
    "skactive._models.encoded.EncodedClassifier",
    "skactive._models.label_columns.LabelColumnsClassifier",
    "skactive._models.posterior.LogisticPosterior",
    "skactive._models.warm_start.Learnt",
}


class Listing(pickle.Unpickler):
    """Lists what of skactive a pickle names."""

    def __init__(self, thing):
        super().__init__(io.BytesIO(pickle.dumps(thing)))
        self.names = set()
        self.load()

    def find_class(self, module, name):
        if module.partition(".")[0] == "skactive":
            self.names.add(f"{module}.{name}")
        return super().find_class(module, name)


def is_public(path):
    return not any(part.startswith("_") for part in path.split("."))


@pytest.mark.parametrize("module", [*PUBLIC, "skactive.classifier"])
def test_everything_public_has_a_public_path(module):
    for name in importlib.import_module(module).__all__:
        thing = getattr(importlib.import_module(module), name)
        if not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        assert is_public(thing.__module__), thing
        assert thing.__qualname__ == name
        assert getattr(importlib.import_module(thing.__module__), name) is thing
        assert pickle.loads(pickle.dumps(thing)) is thing
        if thing is getattr(skactive, name, None):
            assert thing.__module__ == "skactive"


def classifiers():
    for name in get_strategy_names(task="classification"):
        model = LogisticRegression()
        yield ActiveLearningClassifier(model, name, n_members=3), Y, name
    forest = RandomForestClassifier(5)
    yield ActiveLearningClassifier(forest, encode_labels=True), Y, "codes"
    warm = SGDClassifier(loss="log_loss", random_state=0)
    yield ActiveLearningClassifier(warm, "margin", warm_start=True), Y, "warm start"
    rules = StabilizingPredictions() | (MaxRounds(3) & OverallUncertainty())
    learner = ActiveLearningClassifier(GaussianNB(), budget=30, stopping=rules)
    yield learner, answers, "stopping"
    judged = get_strategy("entropy", estimator=GaussianNB())
    yield ActiveLearningClassifier(GaussianNB(), judged), Y, "judge"
    sets = np.column_stack([Y == 0, Y > 0]) + np.where(np.isnan(Y), np.nan, 0)[:, None]
    several = ActiveLearningClassifier(OneVsRestClassifier(GaussianNB()))
    yield several, sets, "several labels a row"
    mixture = make_strategy(entropy) + 2 * get_strategy("margin")
    yield ActiveLearningClassifier(GaussianNB(), mixture), Y, "own strategy"
    for model in (Ridge(), GaussianProcessRegressor(optimizer=None)):
        numbers = np.where(np.isnan(Y), np.nan, X[:, 0])
        learner = ActiveLearningRegressor(model, n_members=3)
        yield learner, numbers, str(model)


@pytest.mark.parametrize(
    ("learner", "y"), [pytest.param(it, y, id=name) for it, y, name in classifiers()]
)
def test_a_file_of_a_learner_names_no_private_path(learner, y):
    learner.set_params(random_state=0).fit(X, y)
    names = Listing(learner).names
    assert f"skactive.{type(learner).__name__}" in names
    assert {name for name in names if not is_public(name)} <= PRIVATE


def test_a_file_of_a_curve_and_of_an_audit_names_no_private_path():
    curve = active_learning_curve(GaussianNB(), X, answers, budget=20, cv=2)
    learner = ActiveLearningClassifier(
        GaussianNB(), budget=90, audit_fraction=0.3, random_state=0
    ).fit(X, answers)
    for thing in (curve, learner.audit(X, answers)):
        (name,) = Listing(thing).names
        assert is_public(name)


def test_private_paths_in_files_are_still_there():
    for path in PRIVATE:
        module, _, name = path.rpartition(".")
        assert hasattr(importlib.import_module(module), name)


def test_skops_names_the_path_that_users_import():
    sio = pytest.importorskip("skops.io", reason="files of skops")
    learner = ActiveLearningClassifier(GaussianNB(), "margin", random_state=0)
    text = sio.dumps(learner.fit(X, Y))
    types = sio.get_untrusted_types(data=text)
    assert types == ["skactive.ActiveLearningClassifier", "skactive.strategies.Margin"]
    loaded = sio.loads(text, trusted=types)
    np.testing.assert_array_equal(loaded.query(X, Y), learner.query(X, Y))

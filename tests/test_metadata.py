"""Sample weights on their way to the inner estimator."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import SGDClassifier

from learners import Recorder, X, full, make, partly


@pytest.mark.parametrize("budget", [None, 40])
def test_sample_weight_is_cut_to_the_labelled_rows(budget):
    weight = np.arange(150.0)
    with config_context(enable_metadata_routing=True), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inner = Recorder().set_fit_request(sample_weight=True)
        learner = make(inner, "vote_entropy", budget=budget, n_members=2)
        learner.fit(X, partly(60), sample_weight=weight)
        rows = np.sort(learner.labeled_indices_)
        assert len(rows) == (60 if budget is None else 40)
        assert_array_equal(learner.estimator_.sample_weight_, weight[rows])
        for member in learner.members_:
            assert set(member.sample_weight_) <= set(weight[rows])
            order = member.sample_weight_.astype(int)
            assert_array_equal(member.X_, X[order])


def test_metadata_not_requested_and_routing_off():
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        make(Recorder()).fit(X, full, sample_weight=np.ones(150))
    with config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            make(Recorder()).fit(X, full, sample_weight=np.ones(150))
        inner = SGDClassifier().set_partial_fit_request(sample_weight=True)
        learner = make(inner)
        learner.partial_fit(X, full, classes=[0, 1, 2], sample_weight=np.ones(150))

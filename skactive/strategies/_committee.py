"""Query by committee: on which rows do the members disagree?

A committee is a scikit-learn ensemble (forest, extra trees, bagging, voting), a list
of fitted classifiers, or what ActiveLearningClassifier makes for any other estimator:
draws from its posterior, bootstrap members, or the output of a function of the user.
"""

from __future__ import annotations

from typing import Any

from skactive import measures
from skactive._compat.sklearn import StrOptions
from skactive._compat.typing import Array
from skactive._models.members import member_proba
from skactive.strategies._pointwise import PointwiseStrategy


class VoteEntropy(PointwiseStrategy):
    """Rows for which the votes of the members are most evenly split.

    See Also
    --------
    skactive.measures.vote_entropy : The formula.

    References
    ----------
    .. [1] S. P. Engelson, I. Dagan, "Minimizing Manual Annotation Cost in Supervised
       Training from Corpora", ACL 1996.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skactive import get_strategy
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> get_strategy("vote_entropy").select(forest, [[-9.0], [1.5]], n_queries=1)
    array([1])
    """

    needs = ("members",)

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Utilities in [0, log(min(n_members, n_classes))] nats."""
        return measures.vote_entropy(member_proba(estimator, X, marginal=True))


class ConsensusEntropy(PointwiseStrategy):
    """Rows for which the mean of the members' probabilities has the largest entropy.

    All members have equal weight. The weights of a `VotingClassifier` are not used.

    See Also
    --------
    skactive.measures.consensus_entropy : The formula.

    References
    ----------
    .. [1] B. Settles, "Active Learning Literature Survey", 2009.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skactive import get_strategy
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> get_strategy("consensus_entropy").select(forest, [[-9.0], [1.5]], n_queries=1)
    array([1])
    """

    needs = ("members",)

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Utilities in [0, log(n_classes)] nats."""
        return measures.consensus_entropy(member_proba(estimator, X, marginal=True))


class KLDivergence(PointwiseStrategy):
    """Rows for which members are far from their consensus (Kullback-Leibler).

    Parameters
    ----------
    reduction : {"max", "mean"}, default="max"
        Whether to use the divergence of the member that disagrees most, or the mean
        over all members.

    See Also
    --------
    skactive.measures.kl_divergence : The formula.

    References
    ----------
    .. [1] A. McCallum, K. Nigam, "Employing EM and Pool-Based Active Learning for
       Text Classification", ICML 1998.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skactive import get_strategy
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> committee = [LogisticRegression(C=C).fit(X, y) for C in (0.01, 100)]
    >>> get_strategy("kl_divergence").select(committee, [[1.5], [3.0]], n_queries=1)
    array([1])
    """

    needs = ("members",)
    _parameter_constraints: dict = {"reduction": [StrOptions({"max", "mean"})]}

    def __init__(self, reduction: str = "max"):
        self.reduction = reduction

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Utilities in [0, log(n_members)] nats."""
        proba = member_proba(estimator, X, marginal=True)
        return measures.kl_divergence(proba, reduction=self.reduction)  # type: ignore[arg-type]


class InformationGain(PointwiseStrategy):
    """Rows whose label tells the most about the model (BALD).

    See Also
    --------
    skactive.measures.information_gain : The formula.

    References
    ----------
    .. [1] N. Houlsby, F. Huszar, Z. Ghahramani, M. Lengyel, "Bayesian Active Learning
       for Classification and Preference Learning", arXiv:1112.5745, 2011.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skactive import get_strategy
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> forest = RandomForestClassifier(random_state=0).fit(X, y)
    >>> get_strategy("information_gain").select(forest, [[-9.0], [1.5]], n_queries=1)
    array([1])
    """

    needs = ("members",)

    def score_rows(self, estimator: Any, X: Any) -> Array:
        """Utilities in [0, log(n_classes)] nats."""
        return measures.information_gain(member_proba(estimator, X, marginal=True))

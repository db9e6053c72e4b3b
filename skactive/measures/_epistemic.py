"""Epistemic and aleatoric uncertainty: what more labels can settle, and what not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.typing import Array
from skactive.measures._blocks import as_probabilities, blockwise
from skactive.measures._committee import gain_and_entropies

# Number of rows of counts per block, and number of halvings of the interval: the result
# is exact to 2**-45.
_BLOCK_ROWS = 2**13
_N_HALVINGS = 45


def entropy_decomposition(member_proba: ArrayLike) -> tuple[Array, Array, Array]:
    """Total, aleatoric and epistemic uncertainty according to a committee.

    The total is the entropy of the members' mean probabilities. The aleatoric part is
    the mean entropy of the members. The epistemic part is the difference, which is
    :func:`information_gain`.

    Parameters
    ----------
    member_proba : array-like of shape (n_members, n_samples, n_classes)
        Class probabilities of each member. Each row sums to one.

    Returns
    -------
    total, aleatoric, epistemic : ndarrays of shape (n_samples,)
        Values in [0, log(n_classes)] nats. The aleatoric and the epistemic part add up
        to the total.

    Raises
    ------
    ValueError
        If `member_proba` is not three-dimensional, or a row contains NaN or a
        negative value or does not sum to one.

    References
    ----------
    .. [1] S. Depeweg, J. M. Hernandez-Lobato, F. Doshi-Velez, S. Udluft,
       "Decomposition of Uncertainty in Bayesian Deep Learning for Efficient and
       Risk-sensitive Learning", ICML 2018.

    Examples
    --------
    The first sample is noise to both members. They disagree on the second one:

    >>> from skactive.measures import entropy_decomposition
    >>> member_proba = [[[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]]]
    >>> total, aleatoric, epistemic = entropy_decomposition(member_proba)
    >>> total.round(4), aleatoric.round(4), epistemic.round(4)
    (array([0.6931, 0.6931]), array([0.6931, 0.    ]), array([0.    , 0.6931]))
    """
    proba = as_probabilities(member_proba, ndim=3)
    bound = np.log(proba.shape[-1])
    results = blockwise(gain_and_entropies, proba, bound, n_results=1 + len(proba))
    epistemic, aleatoric = results[0], results[1:].mean(axis=0)
    return epistemic + aleatoric, aleatoric, epistemic


def plausibility(class_counts: ArrayLike) -> Array:
    """Plausibility that each class is the most probable one, given label counts.

    The degree to which a distribution theta over the classes is plausible is its
    relative likelihood, ``prod_j (theta_j / p_j) ** n_j`` with the observed shares
    ``p_j``. The degree to which it supports class c is
    ``max(0, theta_c - max_{j != c} theta_j)``. The plausibility of c is the maximum
    over theta of the smaller of these two degrees. With two classes this is the
    definition of Nguyen, Shaker and Huellermeier [1]_, whose degree of support is
    ``2 theta_c - 1``.

    Parameters
    ----------
    class_counts : array-like of shape (n_samples, n_classes)
        Number of known labels of each class near each sample, not necessarily whole.

    Returns
    -------
    plausibilities : ndarray of shape (n_samples, n_classes)
        Values in [0, 1], float64. All are 1 where nothing is known. In the limit of
        many labels of one class, its plausibility is 1 and the others are 0.

    Raises
    ------
    ValueError
        If `class_counts` is not two-dimensional, or contains a negative value, NaN or
        infinity.

    See Also
    --------
    epistemic_uncertainty : Degree to which more than one class is plausible.

    References
    ----------
    .. [1] V.-L. Nguyen, M. H. Shaker, E. Huellermeier, "How to Measure Uncertainty in
       Uncertainty Sampling for Active Learning", Machine Learning 111, 2022.
    .. [2] R. Senge, S. Boesner, K. Dembczynski, et al., "Reliable Classification:
       Learning Classifiers that Distinguish Aleatoric and Epistemic Uncertainty",
       Information Sciences 255, 2014.

    Examples
    --------
    >>> from skactive.measures import plausibility
    >>> plausibility([[0, 0], [1, 0], [10, 10]]).round(3)
    array([[1.   , 1.   ],
           [1.   , 0.333],
           [0.326, 0.326]])
    """
    counts = _as_counts(class_counts)
    n_samples, n_classes = counts.shape
    result = np.empty((n_samples, n_classes))
    for label in range(n_classes):
        result[:, label] = _plausibility_of(counts, np.full(n_samples, label))
    return result


def epistemic_uncertainty(class_counts: ArrayLike) -> Array:
    """Degree to which more than one class may be the most probable, given label counts.

    It is the second largest :func:`plausibility`. It is large where little is known,
    and falls with every label nearby, however mixed the labels are.

    Parameters
    ----------
    class_counts : array-like of shape (n_samples, n_classes)
        Number of known labels of each class near each sample, not necessarily whole.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, 1], float64, and 1 where nothing is known.

    Raises
    ------
    ValueError
        If `class_counts` is not two-dimensional, or contains a negative value, NaN or
        infinity.

    See Also
    --------
    aleatoric_uncertainty : The part that more labels do not settle.

    References
    ----------
    .. [1] V.-L. Nguyen, M. H. Shaker, E. Huellermeier, "How to Measure Uncertainty in
       Uncertainty Sampling for Active Learning", Machine Learning 111, 2022.

    Examples
    --------
    >>> from skactive.measures import epistemic_uncertainty
    >>> epistemic_uncertainty([[0, 0], [1, 0], [10, 10], [20, 0]]).round(3)
    array([1.   , 0.333, 0.326, 0.   ])
    """
    counts = _as_counts(class_counts)
    if counts.shape[1] < 2:
        return np.zeros(len(counts))
    # The more labels a class has, the more plausible it is.
    return _plausibility_of(counts, np.argsort(-counts, axis=1, kind="stable")[:, 1])


def aleatoric_uncertainty(class_counts: ArrayLike) -> Array:
    """Degree to which no class can be the most probable by far, given label counts.

    It is one minus the largest :func:`plausibility`. It is large where many labels are
    known and mixed, so that one more label does not help.

    Parameters
    ----------
    class_counts : array-like of shape (n_samples, n_classes)
        Number of known labels of each class near each sample, not necessarily whole.

    Returns
    -------
    uncertainties : ndarray of shape (n_samples,)
        Values in [0, 1], float64, and 0 where nothing is known.

    Raises
    ------
    ValueError
        If `class_counts` is not two-dimensional, or contains a negative value, NaN or
        infinity.

    See Also
    --------
    epistemic_uncertainty : The part that more labels can settle.

    References
    ----------
    .. [1] V.-L. Nguyen, M. H. Shaker, E. Huellermeier, "How to Measure Uncertainty in
       Uncertainty Sampling for Active Learning", Machine Learning 111, 2022.

    Examples
    --------
    >>> from skactive.measures import aleatoric_uncertainty
    >>> aleatoric_uncertainty([[0, 0], [1, 0], [10, 10], [20, 0]]).round(3)
    array([0.   , 0.   , 0.674, 0.   ])
    """
    counts = _as_counts(class_counts)
    return 1 - _plausibility_of(counts, counts.argmax(axis=1))


# ---------------------------------------------------------------------------------
# Plausibility of one class per row
# ---------------------------------------------------------------------------------


def _as_counts(class_counts: ArrayLike) -> Array:
    counts = np.asarray(class_counts, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[1] == 0:
        raise ValueError(
            "class_counts must have the shape (n_samples, n_classes), with at least "
            f"one class; got an array of shape {counts.shape}."
        )
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise ValueError(
            "class_counts must be finite and not negative; got values from "
            f"{counts.min()} to {counts.max()}."
        )
    return counts


def _plausibility_of(counts: Array, labels: Array) -> Array:
    """Plausibility of one class per row: where likelihood and support meet."""
    result = np.empty(len(counts))
    for start in range(0, len(counts), _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        own, others = _split(counts[rows], labels[rows])
        low, high = np.zeros(len(own)), np.ones(len(own))
        for _ in range(_N_HALVINGS):
            middle = (low + high) / 2
            attained = _log_likelihood(own, others, middle) >= np.log(middle)
            low = np.where(attained, middle, low)
            high = np.where(attained, high, middle)
        result[rows] = np.round(high, 12)  # 1 - 2**-45 is 1
    return result


def _split(counts: Array, labels: Array) -> tuple[Array, Array]:
    """The count of the label in each row, and the other counts in descending order."""
    rows = np.arange(len(counts))
    own = counts[rows, labels]
    others = counts.copy()
    others[rows, labels] = -1
    others = -np.sort(-others, axis=1)[:, :-1]
    return own, others


def _log_likelihood(own: Array, others: Array, margin: Array) -> Array:
    """Largest relative log-likelihood if a class leads by at least a margin.

    The classes with the most labels are held back to the margin. They are as few as
    possible such that the others, with their shares of what is left, stay below them
    too. The share of the leader is the root of a quadratic equation.
    """
    total = own + others.sum(axis=1)
    best = np.full(len(own), -np.inf)
    is_open = np.ones(len(own), dtype=bool)
    none = _n_log_n(own) + _n_log_n(others).sum(axis=1) - _n_log_n(total)
    for n_held in range(others.shape[1] + 1):
        held = others[:, :n_held].sum(axis=1)
        free = others[:, n_held:]
        rest = free.sum(axis=1)
        size, room = n_held + 1, 1 + n_held * margin
        # size * total * s^2 - (x + y) * s + own * margin * room = 0
        x, y = (own + held) * room, size * margin * (own + rest)
        root = np.sqrt((x - y) ** 2 + 4 * size * room * margin * held * rest)
        twice_a = np.where(total > 0, 2 * size * total, 1)
        leader = np.where(total > 0, (x + y + root) / twice_a, 1.0)
        second = np.maximum(leader - margin, 0)
        left = np.maximum(1 - leader - n_held * second, 0)
        following = others[:, n_held] if n_held < others.shape[1] else 0.0
        fits = (following * left <= second * rest * (1 + 1e-12)) | (total == 0)
        value = _weighted_log(own, leader) + _weighted_log(held, second)
        # Those not held back share what is left in proportion to their counts.
        shares = left[:, np.newaxis] * free / np.where(rest > 0, rest, 1)[:, np.newaxis]
        value += _weighted_log(free, shares).sum(axis=1)
        best = np.where(is_open & fits, value - none, best)
        is_open &= ~fits
    return best


def _n_log_n(counts: Array) -> Array:
    return _weighted_log(counts, counts)


def _weighted_log(weights: Array, values: Array) -> Array:
    """Weights times logarithms; 0 * log(0) is 0."""
    tiny = np.finfo(np.float64).tiny
    return np.where(weights > 0, weights * np.log(np.maximum(values, tiny)), 0)

"""Epistemic against aleatoric uncertainty: what more labels could settle, or not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.typing import Array
from skactive.measures._blocks import as_probabilities, blockwise
from skactive.measures._committee import gain_and_entropies

# Rows of counts that are worked on at once, and halvings of the interval: the result
# is exact to 2**-45.
_BLOCK_ROWS = 2**13
_N_HALVINGS = 45


def entropy_decomposition(member_proba: ArrayLike) -> tuple[Array, Array, Array]:
    """Total, aleatoric and epistemic uncertainty by a committee.

    The entropy of the members' mean, the mean entropy of the members, and the
    difference, which is :func:`information_gain`.

    Parameters
    ----------
    member_proba : array-like of shape (n_members, n_samples, n_classes)
        Class probabilities of every member, each row summing to one.

    Returns
    -------
    total, aleatoric, epistemic : ndarrays of shape (n_samples,)
        Values in [0, log(n_classes)] nats; the second and the third add up to the
        first.

    Raises
    ------
    ValueError
        If `member_proba` has another number of axes, or a row holds a NaN or a
        negative value, or does not sum to one.

    References
    ----------
    .. [1] S. Depeweg, J. M. Hernandez-Lobato, F. Doshi-Velez, S. Udluft,
       "Decomposition of Uncertainty in Bayesian Deep Learning for Efficient and
       Risk-sensitive Learning", ICML 2018.

    Examples
    --------
    The first sample is noise to both members, the second is disputed:

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
    """How plausible it is that each class is the most probable one, given counts.

    A distribution theta over the classes is plausible to the degree of its relative
    likelihood, ``prod_j (theta_j / p_j) ** n_j`` with the observed shares ``p_j``, and
    speaks for class c to the degree ``max(0, theta_c - max_{j != c} theta_j)``. The
    plausibility of c is the largest degree to which some theta does both: the maximum
    over theta of the smaller one. With two classes this is the definition of Nguyen,
    Shaker and Huellermeier, whose degree of support is ``2 theta_c - 1``.

    Parameters
    ----------
    class_counts : array-like of shape (n_samples, n_classes)
        How many labels of each class are known near a sample; need not be whole.

    Returns
    -------
    plausibilities : ndarray of shape (n_samples, n_classes)
        Values in [0, 1]: all 1 where nothing is known, 1 and zeros in the limit of
        many labels of one class. float64.

    Raises
    ------
    ValueError
        If `class_counts` has another number of axes, or holds a number that is
        negative, NaN or infinite.

    See Also
    --------
    epistemic_uncertainty : More than one class is plausible.

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
    """Degree to which more than one class may be the most probable, given counts.

    The second largest :func:`plausibility`. It is large where little is known, and
    falls with every label nearby, however mixed these are.

    Parameters
    ----------
    class_counts : array-like of shape (n_samples, n_classes)
        How many labels of each class are known near a sample; need not be whole.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, 1]: 1 where nothing is known. float64.

    Raises
    ------
    ValueError
        If `class_counts` has another number of axes, or holds a number that is
        negative, NaN or infinite.

    See Also
    --------
    aleatoric_uncertainty : The other part.

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
    """Degree to which no class can be the most probable by far, given counts.

    One less the largest :func:`plausibility`: large where many labels are known and
    mixed, so that one more does not help.

    Parameters
    ----------
    class_counts : array-like of shape (n_samples, n_classes)
        How many labels of each class are known near a sample; need not be whole.

    Returns
    -------
    uncertainties : ndarray of shape (n_samples,)
        Values in [0, 1]: 0 where nothing is known. float64.

    Raises
    ------
    ValueError
        If `class_counts` has another number of axes, or holds a number that is
        negative, NaN or infinite.

    See Also
    --------
    epistemic_uncertainty : The other part.

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
# Plausibility of one class a row
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
    """Plausibility of one class in each row: where likelihood and support meet."""
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
    """The count of the label in each row, and the others, descending."""
    rows = np.arange(len(counts))
    own = counts[rows, labels]
    others = counts.copy()
    others[rows, labels] = -1
    others = -np.sort(-others, axis=1)[:, :-1]
    return own, others


def _log_likelihood(own: Array, others: Array, margin: Array) -> Array:
    """Largest relative log-likelihood where a class leads by at least a margin.

    The classes with most labels are held back to the margin: the fewest such that the
    others, with their shares of what is left, stay below them too. How the leader and
    those held back share is the root of a quadratic equation.
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
    """Weights times logarithms, where 0 * log(0) is 0."""
    tiny = np.finfo(np.float64).tiny
    return np.where(weights > 0, weights * np.log(np.maximum(values, tiny)), 0)

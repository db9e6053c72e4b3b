"""Information that a label gives about predictions elsewhere (EPIG)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.typing import Array
from skactive.measures._blocks import as_probabilities, blockwise, safe_log
from skactive.measures._committee import gain_and_entropies

# Size of a block of (samples x classes) x (targets x classes), 512 KiB of float64, and
# its largest width in (targets x classes).
_PAIR_BLOCK_SIZE = 2**16
_PAIR_BLOCK_WIDTH = 2**10


def expected_predictive_information_gain(
    member_proba: ArrayLike, target_proba: ArrayLike
) -> Array:
    """Information that a label gives about the labels of target rows (EPIG).

    It is the mean over targets t of the mutual information between the labels ``y_x``
    and ``y_t``, both drawn given the same member. Unlike :func:`information_gain`, it
    does not count what a label says about the model where there are no targets.

    Parameters
    ----------
    member_proba : array-like of shape (n_members, n_samples, n_classes)
        Class probabilities of each member. Each row sums to one.
    target_proba : array-like of shape (n_members, n_targets, n_classes)
        Class probabilities of the same members for rows like those to be predicted.

    Returns
    -------
    utilities : ndarray of shape (n_samples,)
        Values in [0, information_gain] nats. The time grows with ``n_samples *
        n_targets * n_classes**2``. Only one block of pairs is in memory at a time.

    Raises
    ------
    ValueError
        If an array is not three-dimensional, or a row contains NaN or a negative value
        or does not sum to one; if the two arrays differ in members or classes, or
        there is no target.

    References
    ----------
    .. [1] F. Bickford Smith, A. Kirsch, S. Farquhar, Y. Gal, A. Foster, T. Rainforth,
       "Prediction-Oriented Bayesian Active Learning", AISTATS 2023.

    Examples
    --------
    The members disagree on both samples, and on the target as on the first sample:

    >>> from skactive.measures import expected_predictive_information_gain
    >>> a, b = [1.0, 0.0], [0.0, 1.0]
    >>> member_proba = [[a, a], [a, b], [b, a], [b, b]]
    >>> target_proba = [[a], [a], [b], [b]]
    >>> expected_predictive_information_gain(member_proba, target_proba).round(4)
    array([0.6931, 0.    ])
    """
    proba_KNC = as_probabilities(member_proba, ndim=3)
    target_KTC = as_probabilities(target_proba, ndim=3)
    n_members, n_samples, n_classes = proba_KNC.shape
    n_targets = target_KTC.shape[1]
    if target_KTC.shape != (n_members, n_targets, n_classes) or n_targets == 0:
        raise ValueError(
            "target_proba must have the shape (n_members, n_targets, n_classes) with "
            f"the members and classes of member_proba, {n_members} and {n_classes}, "
            f"and at least one target; got {target_KTC.shape}."
        )
    bound = np.log(n_classes)
    blockwise(gain_and_entropies, target_KTC, bound, n_results=1 + n_members)  # checks
    gains = blockwise(gain_and_entropies, proba_KNC, bound, n_results=1 + n_members)[0]
    # The entropies of both labels minus that of the pair, which is summed by blocks.
    total_N = np.zeros(n_samples)
    # Even its square is not 0, so no joint probability is 0.
    tiny = 1e3 * np.sqrt(np.finfo(proba_KNC.dtype).tiny)
    target_KY = target_KTC.astype(proba_KNC.dtype).reshape(n_members, -1) + tiny
    target_KY /= n_members
    alone = _entropies(target_KTC.mean(axis=0)).mean()
    width = max(1, _PAIR_BLOCK_WIDTH)
    step_N = max(1, _PAIR_BLOCK_SIZE // (n_classes * max(width, n_members)))
    for low in range(0, n_samples, step_N):
        p_KNC = proba_KNC[:, low : low + step_N]
        p_XK = p_KNC.reshape(n_members, -1).T + tiny
        sums_X = np.zeros(len(p_XK))
        for first in range(0, target_KY.shape[1], width):
            joint_XY = p_XK @ target_KY[:, first : first + width]
            sums_X += np.einsum("xy,xy->x", joint_XY, np.log(joint_XY))
        total_N[low : low + step_N] = sums_X.reshape(-1, n_classes).sum(axis=1)
        total_N[low : low + step_N] /= n_targets
        total_N[low : low + step_N] += _entropies(p_KNC.mean(axis=0)) + alone
    # Rounding aside, no label tells more about another label than about the model.
    return np.clip(_without_noise(total_N, proba_KNC), 0, gains).astype(
        proba_KNC.dtype, copy=False
    )


def _entropies(proba_NC: Array) -> Array:
    proba_NC = proba_NC.astype(np.float64, copy=False)
    return -(proba_NC * safe_log(proba_NC)).sum(axis=1)


def _without_noise(total_N: Array, proba_KNC: Array) -> Array:
    """Set differences of entropies to 0 that may come from rounding alone."""
    n_members, _, n_classes = proba_KNC.shape
    noise = 4 * np.finfo(proba_KNC.dtype).eps * np.log(n_classes + 1) * n_members**0.5
    return np.where(total_N < noise, 0, total_N)

"""Information that the labels of several samples give together (BatchBALD).

A configuration is one way to label the samples of a batch; there are n_classes to the
power of the batch size. Each configuration yields a posterior over the members of the
committee. The information of the batch is the drop in the entropy over members: from
the prior to the mean over the posteriors, weighted by their probabilities. So a batch
is kept as a weighted set of posteriors. A small set is complete, and a larger one is
thinned by unbiased sampling. All candidates for the next pick are compared on the same
set.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from skactive._compat.typing import Array
from skactive.measures._blocks import as_probabilities, blockwise, safe_log
from skactive.measures._committee import gain_and_entropies

# Size of a block of (configurations x candidates x classes), 256 KiB of float64.
_JOINT_BLOCK_SIZE = 2**15
# The first look evaluates eight candidates, and each further look twice as many.
_FIRST_LOOK = 8
# Posteriors with less entropy than this cannot gain anything but rounding errors.
_CERTAIN = 1e-14
# A thinned set holds the allowed number of configurations divided by this. Once half of
# the information is known, it shrinks further, in proportion to what is left.
_THINNED = 2
# Configurations are merged twice: into at most 32 groups, and into at most 256.
_MOST_GROUPS = (32, 256)
# These four apply once configurations are thinned. A look computes the gains of 64
# samples, and there are at most 16 looks per pick.
_N_LOOKED = 64
_MAX_LOOKS = 16
# The first look takes some of the 1024 samples with the largest old gains.
_PROBED_FROM = 1024
# Twelve samples are compared on all configurations, three times as many on merged ones.
_N_FINALISTS = 12


# ---------------------------------------------------------------------------------
# Public measures
# ---------------------------------------------------------------------------------


def joint_information_gain(
    member_proba: ArrayLike,
    *,
    max_configurations: int = 10_000,
    random_state: int | np.random.Generator | None = None,
) -> float:
    """Information that the labels of all samples together give about the model.

    It is the objective of BatchBALD [1]_: the mutual information between the labels
    ``y_1 ... y_n`` and the member that is right, ``H(y_1 ... y_n) - sum_i mean_k
    H(p_ki)``, where the labels are independent given the member. It is at most the sum
    of :func:`information_gain` over the samples, and less if they tell the same.

    Parameters
    ----------
    member_proba : array-like of shape (n_members, n_samples, n_classes)
        Class probabilities of each member. Each row sums to one.
    max_configurations : int, default=10_000
        Largest number of configurations: ways to label the first n_samples - 1 samples
        that are possible and leave the member in doubt. The result is exact if there
        are no more of them, which is certain if ``n_classes ** (n_samples - 1)`` is at
        most this number. Otherwise they are thinned sample by sample, to at most half
        this number. The thinning is random but unbiased.
    random_state : int, Generator or None, default=None
        Controls the thinning.

    Returns
    -------
    information : float
        Joint information in [0, log(n_members)] nats.

    Raises
    ------
    ValueError
        If `member_proba` is not three-dimensional, or a row contains NaN or a negative
        value or does not sum to one; or if `max_configurations` is not a positive int.

    See Also
    --------
    batch_bald : Choose samples for which this is large, one by one.

    References
    ----------
    .. [1] A. Kirsch, J. van Amersfoort, Y. Gal, "BatchBALD: Efficient and Diverse
       Batch Acquisition for Deep Bayesian Active Learning", NeurIPS 2019.

    Examples
    --------
    Two members are sure and disagree. One label tells which of them is right, and a
    second label adds nothing:

    >>> from skactive.measures import joint_information_gain
    >>> round(joint_information_gain([[[1.0, 0.0]], [[0.0, 1.0]]]), 4)
    0.6931
    >>> member_proba = [[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]]
    >>> round(joint_information_gain(member_proba), 4)
    0.6931
    """
    proba_KNC = as_probabilities(member_proba, ndim=3)
    _check_max_configurations(max_configurations)
    results = _gain_and_entropies(proba_KNC)
    rng = np.random.default_rng(random_state)
    batch = _Batch.empty(len(proba_KNC))
    for row in range(proba_KNC.shape[1]):
        batch = batch.add(proba_KNC[:, row], max_configurations, rng)
    return batch.information(np.asarray(results[0], dtype=np.float64).sum())


def batch_bald(
    member_proba: ArrayLike,
    n_queries: int,
    *,
    max_configurations: int = 500,
    random_state: int | np.random.Generator | None = None,
) -> tuple[Array, Array]:
    """Choose samples whose labels together tell most about the model, one by one.

    The choice is greedy. The first pick has the largest :func:`information_gain`. Each
    further pick adds most to the :func:`joint_information_gain` of the batch. The
    greedy batch has at least ``1 - 1 / e`` of the information of the best batch. Each
    pick looks at few samples only, because what a sample adds never grows with the
    batch, nor with what is known of the batch's labels. So earlier values, and values
    on merged configurations, are upper bounds.

    Parameters
    ----------
    member_proba : array-like of shape (n_members, n_samples, n_classes)
        Class probabilities of each member. Each row sums to one.
    n_queries : int
        Number of samples to choose. All are chosen if there are fewer.
    max_configurations : int, default=500
        Largest number of configurations: ways to label the batch that are possible and
        leave the member in doubt. A pick is exact while there are no more of them,
        which is certain for pick b if ``n_classes ** (b - 1)`` is at most this number.
        Later, each pick thins them to at most half this number. The thinning is random
        but unbiased. All candidates are then compared on the same configurations,
        after a first screening on merged ones. In experiments, such batches were
        within 1 % of exact greedy ones. Time and memory grow with this number.
    random_state : int, Generator or None, default=None
        Breaks ties and thins configurations.

    Returns
    -------
    positions : ndarray of shape (min(n_queries, n_samples),)
        Distinct positions of the samples, in order of choice. Once the batch holds
        99 % of log(n_members), the most there is to know about the committee, further
        samples are ordered by their own information gain.
    information : ndarray of shape (min(n_queries, n_samples),)
        Joint information of the batch after each pick, float64. It never decreases,
        and is at most log(n_members) and at most the sum of the picks' own information
        gains.

    Raises
    ------
    ValueError
        If `member_proba` is not three-dimensional, or a row contains NaN or a negative
        value or does not sum to one; or if `n_queries` or `max_configurations` is not a
        positive int.

    References
    ----------
    .. [1] A. Kirsch, J. van Amersfoort, Y. Gal, "BatchBALD: Efficient and Diverse
       Batch Acquisition for Deep Bayesian Active Learning", NeurIPS 2019.
    .. [2] P. Fearnhead, P. Clifford, "On-line Inference for Hidden Markov Models via
       Particle Filters", Journal of the Royal Statistical Society B, 2003. The way in
       which configurations are thinned.

    Examples
    --------
    The members disagree on samples 0 and 1 in the same way. They disagree less on
    sample 2, but in another way:

    >>> from skactive.measures import batch_bald
    >>> disputed, other = [[1.0, 0.0]] * 2, [[0.8, 0.2]]
    >>> agreed, another = [[0.0, 1.0]] * 2, [[0.2, 0.8]]
    >>> member_proba = [disputed + other, disputed + another,
    ...                 agreed + other, agreed + another]
    >>> positions, information = batch_bald(member_proba, 2, random_state=0)
    >>> sorted(positions.tolist()) in ([0, 2], [1, 2])
    True
    >>> information.round(4)
    array([0.6931, 0.8859])
    """
    proba_KNC = as_probabilities(member_proba, ndim=3)
    _check_max_configurations(max_configurations)
    if not isinstance(n_queries, (int, np.integer)) or n_queries < 1:
        raise ValueError(f"n_queries must be a positive int; got {n_queries!r}.")
    n_members, n_samples, _ = proba_KNC.shape
    rng = np.random.default_rng(random_state)
    results = _gain_and_entropies(proba_KNC)
    search = _Search(proba_KNC, results[0], results[1:], rng.permutation(n_samples))
    n_queries = min(n_queries, n_samples)
    positions = np.empty(n_queries, dtype=np.intp)
    information = np.empty(n_queries)
    batch = _Batch.empty(n_members)
    own_information = 0.0
    for pick in range(n_queries):
        if pick > 0 and is_exhausted(information[pick - 1], n_members):
            rest = search.rest()[: n_queries - pick]
            positions[pick:], information[pick:] = rest, information[pick - 1]
            break
        row = search.best(batch)
        own_information += float(results[0, row])
        batch = batch.add(proba_KNC[:, row], max_configurations, rng)
        positions[pick] = row
        information[pick] = batch.information(own_information)
    return positions, np.maximum.accumulate(information)


def is_exhausted(information: Any, n_members: int) -> Any:
    """Whether information is 99 % of what can be known about a committee."""
    return np.asarray(information) >= 0.99 * np.log(n_members)


# ---------------------------------------------------------------------------------
# A batch: posteriors over the members, one per configuration of its labels
# ---------------------------------------------------------------------------------


class _Posteriors(NamedTuple):
    """Weighted distributions over members: `mass_M` and `members_MK`, float64.

    They are sorted by `kinds_M`, likeliest member * n_members + second likeliest.
    """

    mass_M: Array
    members_MK: Array
    kinds_M: Array

    def merged(self) -> list[_Posteriors]:
        """Merged posteriors, on which gains are not smaller; the fewest first.

        There is one posterior per likeliest member, then one per pair of the two
        likeliest members.
        """
        n_members = self.members_MK.shape[1]
        stages: list[_Posteriors] = []
        n_groups = 1
        for divisor, n_most in zip((n_members, 1), _MOST_GROUPS, strict=True):
            is_first = np.diff(self.kinds_M // divisor, prepend=-1) > 0
            starts = np.flatnonzero(is_first)
            starts = starts[:: -(-len(starts) // n_most)]
            if 2 * n_groups < len(starts) <= len(self.mass_M) / 2:
                stages.append(self._merge(starts))
                n_groups = len(starts)
        return stages

    def _merge(self, starts: Array) -> _Posteriors:
        """Merge neighbours, from each of `starts` to the next one."""
        mass_G = np.add.reduceat(self.mass_M, starts)
        weighted_MK = self.members_MK * self.mass_M[:, np.newaxis]
        members_GK = np.add.reduceat(weighted_MK, starts) / mass_G[:, np.newaxis]
        return _Posteriors(mass_G, members_GK, self.kinds_M[starts])


class _Batch(NamedTuple):
    """Posteriors given the labels of some samples, without those that are certain.

    `doubt` is the mean entropy over the members given the labels, in nats. `is_exact`
    says whether all posteriors are there, that is none was dropped at random.
    """

    posteriors: _Posteriors
    doubt: float
    is_exact: bool = True

    @classmethod
    def empty(cls, n_members: int) -> _Batch:
        members_1K = np.full((1, n_members), 1 / n_members)
        one = _Posteriors(np.ones(1), members_1K, np.zeros(1, dtype=np.intp))
        return cls(one, float(np.log(n_members)))

    def information(self, bound: float) -> float:
        """Information of the labels about the member, at most `bound`."""
        n_members = self.posteriors.members_MK.shape[1]
        return float(np.clip(np.log(n_members) - self.doubt, 0, max(0, bound)))

    def add(self, p_KC: Array, max_posteriors: int, rng: np.random.Generator) -> _Batch:
        """The batch with one more sample, thinned to `max_posteriors`."""
        p_KC = p_KC.astype(np.float64, copy=False)
        mass_M, members_MK, _ = self.posteriors
        # A child is a posterior and one more label. Its joint probability with member
        # k is w_k p_kc, whose logarithm is a sum, so no array needs three axes here.
        label_MC = members_MK @ p_KC
        doubt_MC = label_MC * safe_log(label_MC)
        doubt_MC -= (members_MK * safe_log(members_MK)) @ p_KC
        doubt_MC -= members_MK @ (p_KC * safe_log(p_KC))
        doubt_MC[doubt_MC < _CERTAIN] = 0
        doubt_MC *= mass_M[:, np.newaxis]
        doubt = min(self.doubt, float(doubt_MC.sum()))
        children = np.flatnonzero(doubt_MC)
        kinds = _kinds(members_MK, p_KC, children)
        order = np.argsort(kinds, kind="stable")
        children, kinds = children[order], kinds[order]
        factors = np.ones(len(children))
        is_exact = self.is_exact and len(children) <= max_posteriors
        if not is_exact:
            share = min(1, 2 * doubt / np.log(members_MK.shape[1]))
            n_kept = int(np.ceil(share * max_posteriors / _THINNED))
            if len(children) > n_kept:
                kept, factors = _thin(doubt_MC.ravel()[children], n_kept, rng)
                children, kinds = children[kept], kinds[kept]
        parents, labels = np.divmod(children, p_KC.shape[1])
        label_m = label_MC[parents, labels]
        members_mK = members_MK[parents]
        members_mK *= p_KC.T[labels]
        members_mK /= label_m[:, np.newaxis]
        mass_m = mass_M[parents] * label_m * factors
        posteriors = _Posteriors(mass_m, members_mK, kinds)
        return _Batch(posteriors, doubt, is_exact)


def _kinds(members_MK: Array, p_KC: Array, children: Array) -> Array:
    """A number per child, from its likeliest and second likeliest members."""
    n_members, n_classes = p_KC.shape
    step = max(1, _JOINT_BLOCK_SIZE // n_members)
    kinds = np.empty(len(children), dtype=np.intp)
    for low in range(0, len(children), step):
        parents, labels = np.divmod(children[low : low + step], n_classes)
        weights_mK = members_MK[parents]
        weights_mK *= p_KC.T[labels]
        first = weights_mK.argmax(axis=1)
        weights_mK[np.arange(len(first)), first] = -1
        kinds[low : low + step] = first * n_members + weights_mK.argmax(axis=1)
    return kinds


def _thin(weights: Array, n_kept: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Positions of `n_kept` weights, and the factors that make up for the others.

    Large weights are kept as they are. Of the others, every k-th unit of weight is
    kept, from a random start, so that neighbours stand for each other. They all get
    the same weight. The sum of the weights and the expectation of each weight stay the
    same.
    """
    is_large = np.zeros(len(weights), dtype=bool)
    while True:
        rate = (n_kept - is_large.sum()) / weights[~is_large].sum()
        found = weights * rate >= 1
        if (found <= is_large).all():
            break
        is_large |= found
    small = np.flatnonzero(~is_large)
    ends = np.cumsum(weights[small]) * rate + rng.random()
    ends = np.floor(ends)
    taken = small[np.diff(ends, prepend=0) > 0]
    kept = np.sort(np.concatenate([np.flatnonzero(is_large), taken]))
    factors = np.ones(len(kept))
    is_small = ~is_large[kept]
    factors[is_small] = 1 / (rate * weights[kept[is_small]])
    return kept, factors


# ---------------------------------------------------------------------------------
# The next pick
# ---------------------------------------------------------------------------------


class _Search:
    """Search for the sample that adds most to a batch; bounds are kept between picks.

    Parameters
    ----------
    proba_KNC : ndarray of shape (n_members, n_samples, n_classes)
        Checked class probabilities.
    gains_N : ndarray of shape (n_samples,)
        Information of each sample alone.
    entropies_KN : ndarray of shape (n_members, n_samples)
        Entropies of the members' probabilities.
    order_N : ndarray of shape (n_samples,)
        A permutation. Of samples that add the same, the first one is taken.
    """

    def __init__(
        self, proba_KNC: Array, gains_N: Array, entropies_KN: Array, order_N: Array
    ):
        self.proba_KNC = proba_KNC
        self.entropies_KN = entropies_KN
        self.gains_N = gains_N
        # Inside, samples are known by their places in the order.
        self.order_N = order_N
        self.bounds_N = gains_N[order_N].astype(np.float64)
        self.is_free_N = np.ones(len(gains_N), dtype=bool)
        # Rounding error in a difference of entropies.
        n_classes = proba_KNC.shape[-1]
        self.tolerance = 100 * np.finfo(proba_KNC.dtype).eps * np.log(n_classes + 1)

    def rest(self) -> Array:
        """Samples that are not taken yet, the most informative first."""
        free = self.order_N[self.is_free_N]
        return free[np.argsort(-self.gains_N[free], kind="stable")]

    def best(self, batch: _Batch) -> int:
        """Take the sample that adds most to the batch."""
        if self.is_free_N.all():
            rows = np.arange(len(self.bounds_N))
            place = self._first_of_largest(rows, self.bounds_N)
        elif batch.is_exact:
            place = self._largest(batch.posteriors)
        else:
            place = self._about_largest(batch.posteriors)
        self.is_free_N[place] = False
        self.bounds_N[place] = -1
        return int(self.order_N[place])

    def _first_of_largest(self, rows: Array, gains: Array) -> int:
        return int(rows[gains >= gains.max() - self.tolerance].min())

    def _largest(self, posteriors: _Posteriors) -> int:
        """Place of the largest gain, found without samples whose bound is below it.

        The search is best-first. While the largest bound comes from merged posteriors,
        the samples with the largest such bounds move on to less merged posteriors.
        """
        stages = [*posteriors.merged(), posteriors]
        n_stages = len(stages)
        stage_N = np.where(self.is_free_N, 0, n_stages + 1)
        n_looked = [_FIRST_LOOK * 4**k for k in reversed(range(n_stages))]
        threshold = -np.inf
        while True:
            rows = np.flatnonzero((stage_N < n_stages) & (self.bounds_N >= threshold))
            if len(rows) == 0:
                break
            k = stage_N[rows[self.bounds_N[rows].argmax()]]
            rows = rows[stage_N[rows] == k]
            rows = _take_largest(rows, self.bounds_N, n_looked[k])
            gains = self._gains(stages[k], rows)
            self.bounds_N[rows] = np.minimum(self.bounds_N[rows], gains)
            stage_N[rows] += 1
            n_looked[k] *= 2
            if k == n_stages - 1:
                largest = self.bounds_N[rows].max() - self.tolerance
                threshold = max(threshold, largest)
        rows = np.flatnonzero(stage_N == n_stages)
        return self._first_of_largest(rows, self.bounds_N[rows])

    def _about_largest(self, posteriors: _Posteriors) -> int:
        """Place of about the largest gain, for thinned posteriors.

        Gains on merged posteriors say which samples are worth a closer look. A few
        samples show by how much gains have fallen since the last pick, and the old
        gains of the others are lowered by as much. Gains are then computed anew for
        samples whose lowered gain may be among the largest.
        """
        stages = [*posteriors.merged(), posteriors]
        rows = np.flatnonzero(self.is_free_N)
        rows = _take_largest(rows, self.bounds_N, _PROBED_FROM)
        rows = rows[:: -(-len(rows) // _N_LOOKED)]
        old = self.bounds_N[rows]
        self.bounds_N[rows] = self._gains(stages[0], rows)
        left = self.bounds_N[rows] / np.maximum(old, self.tolerance)
        is_open_N = self.is_free_N.copy()
        is_open_N[rows] = False
        self.bounds_N[is_open_N] *= min(1.0, float(np.quantile(left, 0.9)))
        finalists = rows
        for _ in range(_MAX_LOOKS):
            finalists = _take_largest(finalists, self.bounds_N, 3 * _N_FINALISTS)
            smallest = self.bounds_N[finalists].min()
            rows = np.flatnonzero(is_open_N & (self.bounds_N > smallest))
            if len(rows) == 0:
                break
            rows = _take_largest(rows, self.bounds_N, _N_LOOKED)
            self.bounds_N[rows] = self._gains(stages[0], rows)
            is_open_N[rows] = False
            finalists = np.append(finalists, rows)
        gains = self.bounds_N[finalists]
        for stage in stages[1:]:
            n_finalists = _N_FINALISTS * (1 if stage is posteriors else 3)
            best = np.argsort(-gains, kind="stable")[:n_finalists]
            finalists = finalists[best]
            gains = self._gains(stage, finalists)
        return self._first_of_largest(finalists, gains)

    def _gains(self, posteriors: _Posteriors, rows: Array) -> Array:
        samples = self.order_N[rows]
        return _gains(posteriors, self.proba_KNC, self.entropies_KN, samples)


def _take_largest(rows: Array, bounds_N: Array, n_largest: int) -> Array:
    if len(rows) <= n_largest:
        return rows
    return rows[np.argpartition(-bounds_N[rows], n_largest)[:n_largest]]


def _gains(
    posteriors: _Posteriors, proba_KNC: Array, entropies_KN: Array, rows: Array
) -> Array:
    """Mean information gain of some samples, with members weighted by posteriors.

    It is the entropy of the mixtures minus the mixed entropies, float64 of shape
    (n_rows,).
    """
    dtype = proba_KNC.dtype
    tiny = 1e3 * np.finfo(dtype).tiny
    n_members, _, n_classes = proba_KNC.shape
    mass_M = posteriors.mass_M.astype(dtype)
    members_MK = posteriors.members_MK.astype(dtype)
    step_M = max(1, min(len(mass_M), _JOINT_BLOCK_SIZE // n_classes))
    step_N = max(1, _JOINT_BLOCK_SIZE // (n_classes * max(n_members, step_M)))
    prior_K = posteriors.mass_M @ posteriors.members_MK
    gains = np.zeros(len(rows))
    for low in range(0, len(rows), step_N):
        part = rows[low : low + step_N]
        p_KX = proba_KNC[:, part].reshape(n_members, -1)
        p_KX += tiny  # no mixture is 0, whose logarithm would be infinite
        noise = prior_K @ entropies_KN[:, part]
        for first in range(0, len(mass_M), step_M):
            some = slice(first, first + step_M)
            mixed_MX = members_MK[some] @ p_KX
            terms_MX = np.log(mixed_MX)
            terms_MX *= mixed_MX
            terms_X = mass_M[some] @ terms_MX
            gains[low : low + step_N] -= terms_X.reshape(len(part), -1).sum(axis=1)
        gains[low : low + step_N] -= noise
    return np.maximum(gains, 0, out=gains)


def _gain_and_entropies(proba_KNC: Array) -> Array:
    """Information gain, then the entropy of each member, (1 + n_members, n_samples)."""
    n_members, _, n_classes = proba_KNC.shape
    bound = np.log(n_classes)
    return blockwise(gain_and_entropies, proba_KNC, bound, n_results=1 + n_members)


def _check_max_configurations(max_configurations: int) -> None:
    if not isinstance(max_configurations, (int, np.integer)) or max_configurations < 1:
        raise ValueError(
            f"max_configurations must be a positive int; got {max_configurations!r}."
        )

"""Additions for neural nets of PyTorch and skorch; needs ``skactive[torch]``.

A net of skorch works inside an ``ActiveLearningClassifier`` without this module. The
objects here are optional additions to it.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

from skactive._models.nets import weights_of

try:
    from skorch.callbacks import Callback
except ImportError as error:
    raise ImportError(
        "skactive.torch needs PyTorch and skorch. Install them with "
        "python -m pip install 'skactive[torch]'."
    ) from error

__all__ = ["Snapshots"]


class Snapshots(Callback):
    """Callback that keeps the weights of a net after equal parts of its training.

    The snapshots are the members of a snapshot ensemble [1]_: a committee for the price
    of one fit. Use them with ``members="snapshots"`` of
    :class:`skactive.ActiveLearningClassifier`.

    In the paper, the learning rate falls to zero in each part of the training and is
    reset for the next part, so that the snapshots are good and differ. To do so, add
    the callback ``LRScheduler(CosineAnnealingWarmRestarts, T_0=max_epochs //
    n_snapshots)``, as in the example, and make `max_epochs` a multiple of
    `n_snapshots`.

    Parameters
    ----------
    n_snapshots : int, default=5
        Number of snapshots, at least 2 and at most `max_epochs` of the net.

    Attributes
    ----------
    snapshots_ : list of dict
        Weights and buffers on the CPU, by module and name. They are those of the last
        training, and fewer than `n_snapshots` if it was stopped early.
    n_epochs_ : int
        Number of epochs of the last training.

    References
    ----------
    .. [1] G. Huang, Y. Li, G. Pleiss, Z. Liu, J. E. Hopcroft, K. Q. Weinberger,
       "Snapshot Ensembles: Train 1, Get M for Free", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skorch import NeuralNetClassifier
    >>> from skorch.callbacks import LRScheduler
    >>> from torch import nn
    >>> from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts
    >>> from skactive import ActiveLearningClassifier
    >>> from skactive.torch import Snapshots
    >>> def make_module():
    ...     return nn.Sequential(nn.Linear(4, 20), nn.Tanh(), nn.Linear(20, 3))
    >>> restarts = LRScheduler(CosineAnnealingWarmRestarts, T_0=5)
    >>> net = NeuralNetClassifier(
    ...     make_module, criterion=nn.CrossEntropyLoss, max_epochs=20, lr=0.2,
    ...     train_split=None, verbose=0, callbacks=[Snapshots(4), restarts])
    >>> X, y = load_iris(return_X_y=True)
    >>> learner = ActiveLearningClassifier(
    ...     net, "information_gain", members="snapshots", random_state=0)
    >>> learner = learner.fit(X.astype(np.float32), y)
    >>> learner.members_(X[:2].astype(np.float32)).shape
    (4, 2, 3)
    """

    def __init__(self, n_snapshots: int = 5):
        self.n_snapshots = n_snapshots

    def initialize(self) -> Snapshots:
        """Forget the snapshots of an earlier training."""
        self.snapshots_: list[dict] = []
        return self

    def on_train_begin(
        self, net: Any, X: Any = None, y: Any = None, **kwargs: Any
    ) -> None:
        """Check `n_snapshots`, and forget earlier snapshots."""
        if not isinstance(self.n_snapshots, Integral) or not (
            2 <= self.n_snapshots <= net.max_epochs
        ):
            raise ValueError(
                f"n_snapshots must be an int of 2 to {net.max_epochs}, the max_epochs "
                f"of the net; got {self.n_snapshots!r}. Snapshots are taken at the end "
                "of an epoch."
            )
        self.snapshots_ = []
        self.n_epochs_: int = 0

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Take a snapshot at the end of each part of the training."""
        self.n_epochs_ += 1
        n_due = self.n_epochs_ * self.n_snapshots // net.max_epochs
        if len(self.snapshots_) < n_due:
            self.snapshots_.append(weights_of(net))

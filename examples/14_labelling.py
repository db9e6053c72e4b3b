"""
How does a person label by keyboard, and what is left after a crash?
====================================================================

A session keeps the labels of a pool in one file, and shows a page in the browser on
which one key is one label. Here no person is at hand, so a few lines of Python take
their place: they speak with the page's server as the page does. Half-way the session is
closed, and opened again.

Needs the extra ``label``: ``python -m pip install '.[label]'``.
"""

import json
import tempfile
import urllib.request
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skactive import ActiveLearningClassifier
from skactive.labeling import LabelingSession

# %%
# The pool
# --------
#
# Messages to a help desk, made up from templates. Each has an id that stays with it.

TEMPLATES = {
    "billing": [
        "the invoice of {month} lists {thing} twice",
        "my card was charged for {thing} in {month}",
        "please send a receipt for {thing}",
        "I ask for a refund of {month}",
    ],
    "fault": [
        "{thing} crashes since {month}",
        "an error appears when I open {thing}",
        "I cannot log in to {thing}",
        "{thing} has been slow since {month}",
    ],
    "how-to": [
        "how do I connect {thing} to my calendar?",
        "where can I change the name of {thing}?",
        "is there a guide to {thing}?",
        "how can I share {thing} with a colleague?",
    ],
}
THINGS = ["the app", "the editor", "the export", "my account", "the website"]
MONTHS = ["January", "March", "May", "August", "October"]

messages, topics = {}, {}
for topic, templates in TEMPLATES.items():
    for template in templates:
        for thing in THINGS:
            for month in MONTHS:
                text = template.format(thing=thing, month=month)
                if text not in messages.values():
                    row = f"T-{len(messages)}"
                    messages[row], topics[row] = text, topic
print(f"{len(messages)} messages, such as {messages['T-0']!r}")

# %%
# The session
# -----------
#
# ``session.serve()`` alone would open the browser and wait until Ctrl-C. A fifth of the
# answers are for random messages, which the model never learns from: they tell how
# good it is.

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "messages.skactive"


def open_session():
    """Make the session, or go on with it."""
    return LabelingSession(
        path,
        list(messages.values()),
        ActiveLearningClassifier(
            make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),
            audit_fraction=0.2,
            random_state=0,
        ),
        classes=list(TEMPLATES),
        ids=list(messages),
        annotator="ann",
    )


session = open_session()
page = session.serve(open_browser=False, block=False)
print("The page is at", page.url.split("#")[0])

# %%
# This is what a person sees, here with other messages:
#
# .. image:: ../images/labelling_light.png
#    :alt: A message, below it a button for each class with its key, and the progress.

# sphinx_gallery_thumbnail_path = 'images/labelling_light.png'

# %%
# Who labels
# ----------
#
# The page asks for a row, shows it, and sends the label. The server answers when the
# label is on disk, and its answer holds the next rows already. Ids and labels travel as
# JSON. A request has an id of its own, so that one sent twice is saved once.


def ask_server(page, action, **fields):
    """What the page's script does at each key."""
    address, token = page.url.split("#token=")
    request = urllib.request.Request(
        f"{address}api/{action}",
        data=json.dumps({"annotator": "ann", **fields}).encode(),
        headers={"X-Skactive-Token": token},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def work(page, session, n_labels):
    """Label, as a person would."""
    for number in range(n_labels):
        if number % 10 == 0:
            session.wait()  # a person is slower than the model; this loop is not
        item = ask_server(page, "take")["items"][0]
        topic = topics[json.loads(item["id"])]  # a person would read item["shown"]
        found = ask_server(
            page,
            "label",
            id=item["id"],
            label=json.dumps(topic),
            request=f"request-{item['id']}",
        )
    return found["status"]


status = work(page, session, 20)
print(f"{status['n_labels']} labels, {status['n_left']} messages left")

# %%
# A wrong key is undone, and the message comes again.

item = ask_server(page, "take")["items"][0]
wrong = ask_server(
    page, "label", id=item["id"], label=json.dumps("billing"), request="a-slip"
)
undone = ask_server(page, "undo", request="undo-it")
print(undone["event"]["id"] == item["id"], undone["status"]["n_labels"])

# %%
# Tomorrow
# --------
#
# Closed, or killed: the file has all that was answered, and nothing is asked twice.

session.close()
print(f"In the file: {len(LabelingSession.read(path).labels)} labels")

session = open_session()
page = session.serve(open_browser=False, block=False)
status = work(page, session, 40)
print(f"{status['n_labels']} labels, by {status['by_annotator']}")

# %%
# What came out
# -------------

audit = session.audit()
print(audit)
session.to_csv(path.with_suffix(".csv"))
print(path.with_suffix(".csv").read_text(encoding="utf-8").splitlines()[0])

rest = [row for row in messages if row not in session.labels]
predicted = session.learner.predict([messages[row] for row in rest])
right = sum(topics[row] == label for row, label in zip(rest, predicted, strict=True))
n_labels = len(session.labels)
session.close()
folder.cleanup()
print(
    f"\nOne key is one label, and each was on disk before the next message came: after "
    f"a restart\nnone of {n_labels} was lost, and the model sorts "
    f"{right / len(rest):.0%} of the other {len(rest)} messages correctly."
)

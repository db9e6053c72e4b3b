"""Take the pictures of the labelling page that the guide shows.

Run it from the root of the repository; it needs the extra ``test`` and Chromium:

    python docs/images/labelling_page.py
"""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skactive import ActiveLearningClassifier
from skactive.labeling import LabelingSession

HERE = Path(__file__).parent
TOPICS = {"delivery", "refund", "fault", "account"}
READY = "#item[aria-busy=false]"
FRAME = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"


def read_tickets():
    """Texts and their topics, of four topics of the messages of example 11."""
    texts, topics, topic = [], [], None
    lines = (HERE.parents[1] / "examples" / "tickets.txt").read_text().splitlines()
    for line in filter(None, map(str.strip, lines)):
        if line.startswith("["):
            topic = line.strip("[]")
        elif topic in TOPICS and not line.startswith("#"):
            texts.append(line)
            topics.append(topic)
    return texts, topics


def main():
    """Label for a while, and take the pictures."""
    texts, topics = read_tickets()
    answers = dict(zip(texts, topics, strict=True))
    learner = ActiveLearningClassifier(
        make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),
        audit_fraction=0.25,
        batch_size=5,
        random_state=0,
    )
    classes = list(dict.fromkeys(topics))
    with (
        tempfile.TemporaryDirectory() as folder,
        LabelingSession(
            Path(folder) / "tickets.skactive",
            texts,
            learner,
            classes=classes,
            ids=range(len(texts)),
        ) as session,
        sync_playwright() as playwright,
    ):
        page = session.serve(open_browser=False, block=False)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )

        def open_tab(width, height, scheme="light"):
            size = {"width": width, "height": height}
            tab = browser.new_page(viewport=size, color_scheme=scheme)
            tab.goto(page.url)
            tab.wait_for_selector("#name-field")
            tab.evaluate(FRAME)
            tab.fill("#name-field", "ann")
            tab.press("#name-field", "Enter")
            tab.wait_for_selector(READY)
            return tab

        tab = open_tab(900, 480)
        for _ in range(60):
            answer = answers[tab.locator("#shown").inner_text()]
            tab.wait_for_timeout(300)
            tab.keyboard.press(str(classes.index(answer) + 1))
            tab.wait_for_selector(READY)
        session.wait()
        tab.reload()
        tab.wait_for_selector(READY)
        while session.take("ann", n=1)[0].audit:
            answer = answers[tab.locator("#shown").inner_text()]
            tab.keyboard.press(str(classes.index(answer) + 1))
            tab.wait_for_selector(READY)
        tab.keyboard.press("w")
        tab.wait_for_selector("#why p")
        tab.screenshot(path=HERE / "labelling_light.png")
        open_tab(900, 440, "dark").screenshot(path=HERE / "labelling_dark.png")
        tab.close()
        narrow = open_tab(360, 640)
        narrow.keyboard.press("h")
        narrow.wait_for_selector("#events button")
        narrow.screenshot(path=HERE / "labelling_history.png")
        browser.close()


if __name__ == "__main__":
    main()

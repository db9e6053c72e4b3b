"""How long from a key press to the next item, and how much memory does a session need?

20,000 texts, TF-IDF and logistic regression, a refit after every label. Chromium is
that of the system. Run it from the root of the repository:

    python benchmarks/session_latency.py
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skactive import ActiveLearningClassifier
from skactive.labeling import LabelingSession

N_ROWS = 20_000
CLASSES = ["billing", "fault", "how-to"]
READY = "#item[aria-busy=false]"
# When keys went down; the page itself marks when an item is painted.
NOTE_KEYS = """() => document.addEventListener(
    "keydown", (event) => { window.pressedAt = event.timeStamp; }, true)"""
LATENCY = """() => performance.getEntriesByName("painted").at(-1).startTime
    - window.pressedAt"""


def write_texts(n_texts, seed=0):
    """Texts of 20 to 100 words, of a vocabulary in which some words are common."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, rng.integers(3, 10))) for _ in range(20_000)]
    shares = 1 / np.arange(1, len(words) + 1)
    shares /= shares.sum()
    lengths = rng.integers(20, 101, n_texts)
    found = rng.choice(len(words), size=lengths.sum(), p=shares)
    texts, start = [], 0
    for length in lengths:
        texts.append(" ".join(words[i] for i in found[start : start + length]))
        start += length
    return texts


def serve(path):
    """Serve a session until stdin closes."""
    learner = ActiveLearningClassifier(
        make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)),
        audit_fraction=0.1,
        random_state=0,
    )
    texts = write_texts(N_ROWS)
    session = LabelingSession(
        path, texts, learner, classes=CLASSES, ids=range(len(texts))
    )
    page = session.serve(open_browser=False, block=False)
    print(page.url, flush=True)
    for _ in sys.stdin:
        print(session._worker.pid, flush=True)
    session.close()


def memory(pid):
    """Resident memory of a process, now and at most so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    now, most = (int(fields[name].split()[0]) / 1000 for name in ("VmRSS", "VmHWM"))
    return f"{now:.0f} MB (at most {most:.0f})"


def measure(tab, n_labels, rng):
    """Milliseconds from key press to painted, and the share of fits under way."""
    seen, n_fitting = [], 0
    tab.evaluate(NOTE_KEYS)
    for _ in range(n_labels):
        n_fitting += tab.evaluate("status.is_fitting")
        tab.keyboard.press(rng.choice("123"))
        tab.wait_for_selector(READY)
        seen.append(tab.evaluate(LATENCY))
    return np.array(seen), n_fitting / n_labels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve")
    parser.add_argument("--labels", type=int, default=300)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve)
        return
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = subprocess.Popen(
            [sys.executable, __file__, "--serve", f"{folder}/texts.skactive"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        url = server.stdout.readline().strip()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page()
        tab.goto(url)
        tab.wait_for_selector("#name-field")
        tab.wait_for_timeout(500)  # Chromium ignores keys before the first frame
        tab.press("#name-field", "Enter")
        tab.wait_for_selector(READY)
        rng = random.Random(0)
        measure(tab, 20, rng)  # until there is a model
        tab.wait_for_timeout(5000)
        seen, share = measure(tab, args.labels, rng)
        p50, p95, worst = np.percentile(seen, [50, 95, 100])
        print(f"{len(seen)} labels, {N_ROWS} texts, {os.cpu_count()} cores")
        print(f"key press to painted: median {p50:.0f} ms, p95 {p95:.0f} ms, ", end="")
        print(f"worst {worst:.0f} ms; a fit was under way at {share:.0%} of them")
        server.stdin.write("\n")
        server.stdin.flush()
        worker = int(server.stdout.readline())
        print(f"memory: page {memory(server.pid)}, worker {memory(worker)}")
        print(tab.locator("#ranked").inner_text())
        browser.close()
        server.stdin.close()
        server.wait()


if __name__ == "__main__":
    main()

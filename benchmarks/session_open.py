"""How long does it take to open a session, to answer, and how much memory is needed?

100,000 rows and 10,000 events; then 20,000 texts with TF-IDF and logistic regression,
answered through the Python interface while models are fitted all the time.

python benchmarks/session_open.py
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skactive import ActiveLearningClassifier
from skactive.labeling import LabelingSession

CLASSES = ["billing", "fault", "how-to"]


def make_texts(n_texts, n_words=30):
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 20_001)
    words = rng.choice(20_000, (n_texts, n_words), p=shares / shares.sum())
    return [" ".join(map(str, row)) for row in words.tolist()]


def memory(pid):
    """Largest resident memory of a process so far, MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")


def opening(folder):
    texts = make_texts(100_000)
    given = {"ids": range(100_000), "classes": CLASSES, "annotator": "ann"}
    start = time.perf_counter()
    with LabelingSession(folder / "a", texts, **given) as session:
        print(f"100,000 texts, a new file: {time.perf_counter() - start:.2f} s")
        session.add_labels({n: CLASSES[n % 3] for n in range(5_000)})
        for n in range(5_000):
            session.label(n, CLASSES[n % 3])
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        LabelingSession(folder / "a", texts, **given).close()
        seconds.append(time.perf_counter() - start)
    print(f"the same with 10,000 events: {np.median(seconds):.2f} s (median of 5)")
    print(f"size of the file: {(folder / 'a').stat().st_size / 2**20:.1f} MiB")
    start = time.perf_counter()
    LabelingSession.read(folder / "a")
    print(f"to read it without the pool: {time.perf_counter() - start:.2f} s")


def answering(folder):
    texts = make_texts(20_000)
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10))
    learner = ActiveLearningClassifier(model, audit_fraction=0.1, random_state=0)
    with LabelingSession(
        folder / "b", texts, learner, ids=range(20_000), classes=CLASSES
    ) as session:
        session.wait()
        seconds, n_fits, known = [], 0, None
        for n in range(300):
            start = time.perf_counter()
            [item] = session.take(n=1)
            session.label(item.id, CLASSES[n % 3])
            session.take(n=2)
            session.status()
            seconds.append(time.perf_counter() - start)
            if session.status()["n_known"] != known:
                known, n_fits = session.status()["n_known"], n_fits + 1
            time.sleep(0.1)
        p50, p95 = np.quantile(seconds, [0.5, 0.95]) * 1000
        print(f"20,000 texts, answer and next item: {p50:.1f} ms, p95 {p95:.1f} ms")
        print(f"rankings in the meantime: {n_fits}, error {session.status()['error']}")
        print(f"memory of the worker: {memory(session._worker.pid):.0f} MiB at most")
        print(f"memory of the session: {memory('self'):.0f} MiB at most")


def main():
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as folder:
            globals()[sys.argv[1]](Path(folder))
        return
    for part in ("opening", "answering"):  # each with a memory of its own
        subprocess.run([sys.executable, __file__, part], check=True)


if __name__ == "__main__":
    main()

"""The command `skactive`: pools, models, exports, and errors that say what to do."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from page_client import Client
from skactive import ActiveLearningClassifier
from skactive.labeling import LabelingSession, _command

TICKETS = [
    ("007", "the invoice, again"),
    ("8", "it crashes"),
    ("9", 'says "no"'),
    ("10", "NA"),
    ("11", ""),
]


@pytest.fixture
def pool(tmp_path):
    path = tmp_path / "pool.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("ticket", "message"), *TICKETS])
    return path


@pytest.fixture
def labelled(monkeypatch):
    """Each session that would be served is labelled by a program instead."""
    seen = []

    def serve(session, **options):
        items = {item.id: item for item in session.take(n=100)}
        for number, row in enumerate(items):
            session.label(row, session.classes[number % 2])
        seen.append((items, options, session.status()))

    monkeypatch.setattr(LabelingSession, "serve", serve)
    return seen


def run(*args):
    return _command.main([str(arg) for arg in args])


def failed(capsys, *args):
    assert run(*args) == 2
    error = capsys.readouterr().err
    assert error.startswith("skactive: ")
    assert "Traceback" not in error
    return error


def test_texts_keep_their_ids_and_are_no_numbers(pool, labelled):
    assert (
        run("label", pool, "--text", "message", "--id", "ticket", "--labels", "a,b")
        == 0
    )
    ((items, options, _),) = labelled
    assert {row: item.shown for row, item in items.items()} == dict(TICKETS)
    assert options == {"port": None, "keys": None, "open_browser": True}


def test_rows_are_numbered_from_one_without_ids(pool, labelled):
    assert run("label", pool, "--text", "message", "--labels", "a,b") == 0
    assert set(labelled[0][0]) == {"1", "2", "3", "4", "5"}


def test_going_on_needs_no_labels_and_rows_may_be_appended(pool, labelled):
    args = ["label", pool, "--text", "message", "--id", "ticket"]
    assert run(*args, "--labels", 'a,"b, or c"') == 0
    pool.write_text(pool.read_text() + "12,one more\n")
    assert run(*args) == 0
    assert list(labelled[1][0]) == ["12"]
    record = LabelingSession.read(pool.with_suffix(".skactive"))
    assert record.classes == ["a", "b, or c"]
    assert len(record.labels) == 6


def test_changed_rows_are_an_error_unless_accepted(pool, labelled, capsys):
    args = ["label", pool, "--text", "message", "--id", "ticket", "--labels", "a,b"]
    assert run(*args) == 0
    pool.write_text(pool.read_text().replace("crashes", "is slow"))
    assert "content of 1 of 5" in failed(capsys, *args)
    assert run(*args, "--accept-changes") == 0


def test_tables_with_empty_cells(tmp_path, labelled):
    pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    path = tmp_path / "customers.csv"
    lines = ["number,age,plan,empty"]
    for i in range(30):
        age = "" if i % 5 == 0 else rng.integers(18, 90)
        lines.append(f"{i:03},{age},{rng.choice(['basic', '', 'family'])},")
    path.write_text("\n".join(lines) + "\n")
    assert run("label", path, "--id", "number", "--labels", "stays,leaves") == 0
    items, _, _ = labelled[0]
    names, values = zip(*items["005"].shown, strict=True)
    assert names == ("number", "age", "plan", "empty")
    assert values[1] == values[3] == ""


def test_the_models_of_texts_and_tables_learn(pool):
    pd = pytest.importorskip("pandas")
    y = ["a", "b", "a", "b"]
    texts = _command._text_model().fit(["good day", "bad", "good", "bad"], y)
    assert texts.predict(["good", "bad"]).tolist() == ["a", "b"]
    frame = pd.DataFrame(
        {"n": [1, np.nan, 1, 2], "c": ["u", "v", np.nan, "v"], "e": [np.nan] * 4}
    )
    table = _command._table_model().fit(frame, y)
    assert table.predict(frame).tolist() == y
    new = frame.assign(c="never seen")
    assert set(table.predict(new)) <= set(y)


def test_images_of_a_folder_without_links(tmp_path, labelled, capsys):
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name in ("a.png", "more/b.JPG", "c.txt", "d.svg"):
        (folder / name).write_bytes(b"x")
    (folder / "link.png").symlink_to(folder / "a.png")
    (folder / "linked").symlink_to(folder / "more")
    args = ["label", folder, "--labels", "cat,dog"]
    assert "Images need --model" in failed(capsys, *args)
    assert run(*args, "--model", "random") == 0
    assert set(labelled[0][0]) == {"a.png", "more/b.JPG"}
    assert (tmp_path / "photos.skactive").exists()


def test_own_models(pool, labelled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    joblib.dump(DummyClassifier(strategy="prior"), "m.joblib")
    (tmp_path / "own_model_of_tests.py").write_text(
        "from sklearn.dummy import DummyClassifier\n"
        "from skactive import ActiveLearningClassifier\n"
        "class Models:\n    learner = ActiveLearningClassifier(DummyClassifier())\n"
    )
    for model in ("m.joblib", "own_model_of_tests:Models.learner"):
        args = ["--text", "message", "--labels", "a,b", "--model", model]
        assert run("label", pool, *args, "--session", f"{len(labelled)}.skactive") == 0
    learner = _command._make_learner(
        _command._make_parser().parse_args(["label", "x", "--model", "m.joblib"]),
        "text",
    )
    assert isinstance(learner, ActiveLearningClassifier)
    assert learner.audit_fraction == 0.1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["missing.csv", "--labels", "a,b"], "There is no missing.csv"),
        (["pool.csv", "--text", "message"], "--labels is needed"),
        (["pool.csv", "--text", "body", "--labels", "a,b"], "no column 'body'"),
        (["pool.csv", "--text", "message", "--labels", "a"], "at least two"),
        (["pool.csv", "--text", "message", "--labels", "a,A"], "case"),
        (["pool.csv", "--text", "message", "--labels", "a,"], "missing"),
        (["twice.csv", "--text", "t", "--id", "n", "--labels", "a,b"], "distinct"),
        (["gap.csv", "--text", "t", "--id", "n", "--labels", "a,b"], "row 2"),
        (["short.csv", "--text", "t", "--labels", "a,b"], "in quotes"),
        (["empty.csv", "--text", "t", "--labels", "a,b"], "no column"),
        (["header.csv", "--text", "t", "--labels", "a,b"], "no rows"),
        (["latin.csv", "--text", "t", "--labels", "a,b"], "UTF-8"),
        (["folder", "--labels", "a,b"], "no image"),
        (["folder", "--text", "t", "--labels", "a,b"], "leave out --text"),
        (["a.png", "--labels", "a,b"], "Give the folder"),
        (
            ["pool.csv", "--text", "message", "--labels", "a,b", "--model", "m"],
            "got 'm'",
        ),
        (
            [
                "pool.csv",
                "--text",
                "message",
                "--labels",
                "a,b",
                "--model",
                "json:dumps",
            ],
            "must be a learner",
        ),
        (
            [
                "pool.csv",
                "--text",
                "message",
                "--labels",
                "a,b",
                "--model",
                "nowhere:x",
            ],
            "nowhere",
        ),
        (
            ["pool.csv", "--text", "message", "--labels", "a,b", "--keys", "b"],
            "--keys is like",
        ),
        (
            ["pool.csv", "--text", "message", "--labels", "a,b", "--overlap", "2"],
            "overlap",
        ),
    ],
)
def test_bad_input_is_one_clear_line(pool, monkeypatch, capsys, args, message):
    monkeypatch.chdir(pool.parent)
    for name, text in {
        "twice.csv": "n,t\n1,x\n1,y\n",
        "gap.csv": "n,t\n1,x\n,y\n",
        "short.csv": "n,t\n1,x\n2,y,z\n",
        "empty.csv": "",
        "header.csv": "n,t\n",
        "a.png": "x",
    }.items():
        (pool.parent / name).write_text(text)
    (pool.parent / "latin.csv").write_bytes(b"n,t\n1,caf\xe9\n")
    (pool.parent / "folder").mkdir()
    assert message in failed(capsys, "label", *args)
    assert not list(pool.parent.glob("*.skactive.*"))


def test_export_and_status(pool, labelled, tmp_path, capsys):
    assert (
        run("label", pool, "--text", "message", "--id", "ticket", "--labels", "a,b")
        == 0
    )
    session = tmp_path / "pool.skactive"
    assert run("export", session, tmp_path / "out.csv") == 0
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        found = {line["id"]: line["label"] for line in csv.DictReader(file)}
    assert found == LabelingSession.read(session).labels
    assert set(found) == {row for row, _ in TICKETS}
    assert run("export", session, tmp_path / "out.json") == 0
    assert len(json.loads((tmp_path / "out.json").read_text())) == 5
    assert run("status", session) == 0
    out = capsys.readouterr().out
    assert "labelled" in out
    assert "5" in out
    assert "ends in .csv" in failed(capsys, "export", session, "out.txt")
    assert (
        "no such session" in failed(capsys, "status", tmp_path / "no.skactive").lower()
    )
    assert "not a session" in failed(capsys, "status", pool)


def test_help_warns_of_joblib(capsys):
    with pytest.raises(SystemExit, match="0"):
        run("label", "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "Loading a file of joblib runs code" in text
    assert "127.0.0.1" in text


def test_without_the_extra_there_is_one_message(pool, monkeypatch, capsys):
    monkeypatch.setattr(_command, "find_spec", lambda name: None)
    args = ["label", pool, "--text", "message", "--labels", "a,b"]
    assert "pip install 'skactive[label]'" in failed(capsys, *args)


def test_the_command_as_people_run_it(pool):
    """It prints an address, labels are saved, and Ctrl-C ends it."""
    code = "import sys; from skactive.labeling._command import main; sys.exit(main())"
    args = ["label", str(pool), "--text", "message", "--labels", "a,b", "--no-browser"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        url = process.stderr.readline().split(": ", 1)[1].strip()

        class Page:
            pass

        page = Page()
        page.url = url
        client = Client(page)
        row = client.take()[0]["id"]
        client.label(row, "b")
        time.sleep(1)  # while the worker begins
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, also to the worker
        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == "Ctrl-C ends it.\n"
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
    record = LabelingSession.read(pool.with_suffix(".skactive"))
    assert record.labels == {json.loads(row): "b"}
    assert not list(pool.parent.glob("*.address"))

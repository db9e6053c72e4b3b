"""The labelling page over HTTP: what is answered, to whom, and what is written."""

import json
import os
import random
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from page_client import (
    CLASSES,
    HOSTILE,
    Client,
    RawClient,
    open_session,
    served,
    together,
)
from skactive.labeling import LabelingSession
from skactive.labeling._page import frame, serve, stop
from skactive.labeling._page._app import Refusal, _read_file
from skactive.labeling._page._keys import KEYS, RESERVED, assign_keys

TEXTS = [f"message {i}" for i in range(8)]
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cf000000030101"
    "00c9fe92ef0000000049454e44ae426082"
)


@pytest.fixture
def session(tmp_path):
    with open_session(tmp_path / "tickets.skactive", TEXTS) as session:
        yield session


@pytest.fixture
def client(session):
    with served(session) as page:
        yield Client(page)


class _Still(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


def get(address):
    """Status, headers and text of an address; redirections are not followed."""
    try:
        answer = urllib.request.build_opener(_Still).open(address, timeout=20)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read().decode()


def kinds(session):
    return [event["kind"] for event in reversed(session.history())]


# --- Keys -----------------------------------------------------------------------------


def test_commands_are_never_keys_of_classes():
    assert not set(KEYS) & set(RESERVED)
    assert len(set(KEYS)) == len(KEYS) == 20


@pytest.mark.parametrize("n_classes", [2, 9, 10, 11, 20])
def test_each_class_has_a_key_of_its_own(n_classes):
    keys = assign_keys(range(n_classes))
    assert len(set(keys)) == n_classes
    assert keys[:2] == ["1", "2"]


def test_own_keys_leave_the_others_to_the_rest():
    assert assign_keys(["a", "b", "c"], {"1": "b", "X": "c"}) == ["2", "1", "x"]
    many = [f"class {i}" for i in range(21)]
    assert assign_keys(many) is None
    keys = dict(zip("abcefgijklmnopqrtvxyz", many, strict=True))
    assert assign_keys(many, keys) == list(keys)


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"u": "b"}, ValueError, "undo"),
        ({"?": "b"}, ValueError, "help"),
        ({"U": "b"}, ValueError, "undo"),
        ({"ab": "b"}, ValueError, "one character"),
        ({" ": "b"}, ValueError, "one character"),
        ({"\x00": "b"}, ValueError, "one character"),
        ({1: "b"}, ValueError, "one character"),
        ({"x": "z"}, ValueError, "not one of the classes"),
        ({"x": "b", "X": "a"}, ValueError, "a second one"),
        ({"x": "b", "y": "b"}, ValueError, "a second one"),
        (["x"], TypeError, "dict"),
    ],
)
def test_wrong_keys_are_an_error(keys, error, message):
    with pytest.raises(error, match=message):
        assign_keys(["a", "b"], keys)


def test_some_keys_are_not_enough_for_many_classes():
    with pytest.raises(ValueError, match="1 of 21 classes"):
        assign_keys([f"class {i}" for i in range(21)], {"x": "class 3"})


def test_one_and_the_text_one_are_two_classes():
    assert assign_keys([1, "1"], {"x": "1"}) == ["1", "x"]


# --- Answers --------------------------------------------------------------------------


def test_what_the_page_is_told_first(session, client):
    found = client.post("open")
    assert found["title"] == "tickets.skactive"
    assert found["annotator"] == session.annotator
    assert [one["text"] for one in found["classes"]] == CLASSES
    assert [one["key"] for one in found["classes"]] == ["1", "2", "3"]


def test_label_skip_discard_and_undo_are_events(session, client):
    for name, fields in [
        ("label", {"label": '"fault"'}),
        ("skip", {}),
        ("discard", {}),
    ]:
        row = client.take()[0]["id"]
        event = client.write(name, row, seconds=1.5, **fields)["event"]
        assert event["kind"] == name
        assert event["id"] == row
        assert event["seconds"] == 1.5
    undone = client.undo()
    assert undone["event"]["kind"] == "discard"
    assert undone["item"]["id"] == undone["event"]["id"] == row
    assert kinds(session) == ["label", "skip", "discard", "undo"]
    assert list(session.labels.values()) == ["fault"]
    assert session.history()[-1]["annotator"] == "ann"


def test_items_stay_until_they_are_answered(client):
    first = client.take()
    assert client.take() == first
    after = client.label(first[0]["id"], "fault")["items"]
    assert after[0] == first[1]


def test_a_request_that_is_sent_again_writes_nothing(session, client):
    row = client.take()[0]["id"]
    once = client.label(row, "fault", request="abc")
    again = client.label(row, "fault", request="abc")
    assert again["event"] == once["event"]
    assert len(session.history()) == 1
    undone = client.post("undo", annotator="ann", request="def")
    assert client.post("undo", annotator="ann", request="def")["event"]
    assert undone["event"]["seq"] == once["event"]["seq"]
    assert kinds(session) == ["label", "undo"]


def test_nothing_to_undo(session, client):
    assert client.undo()["event"] is None
    assert session.history() == []


def test_relabelling_goes_by_the_history(session, client):
    row = client.take()[0]["id"]
    client.label(row, "fault")
    event = client.post("history", annotator="ann")["events"][0]
    assert event["label"] == '"fault"'
    assert event["snippet"].startswith("message")
    assert client.post("item", id=event["id"])["item"]["id"] == row
    client.label(row, "billing")
    assert session.labels == {json.loads(row): "billing"}


def test_nobody_sees_the_history_of_another(session, client):
    client.label(client.take()[0]["id"], "fault")
    assert client.post("history", annotator="ben")["events"] == []


def test_all_rows_can_be_answered_and_then_there_is_none(session, client):
    for _ in TEXTS:
        client.label(client.take()[0]["id"], "fault")
    assert client.take() == []
    assert len(session.labels) == len(TEXTS)


def test_ids_of_64_bits_and_pairs_come_back_as_they_are(tmp_path):
    for number, ids in enumerate([[2**63, 2**63 + 1], [["a", 1], ["a", 2]]]):
        path = tmp_path / f"{number}.skactive"
        with (
            open_session(path, TEXTS[:2], ids=ids) as session,
            served(session) as page,
        ):
            client = Client(page)
            client.label(client.take()[0]["id"], "fault")
            (found,) = session.labels
            assert found in [tuple(i) if isinstance(i, list) else i for i in ids]


@pytest.mark.parametrize("classes", [[1, 2], [True, False], [0.5, 1.5], ["1", "2"]])
def test_labels_keep_their_type(tmp_path, classes):
    path = tmp_path / "a.skactive"
    with (
        open_session(path, TEXTS, classes=classes) as session,
        served(session) as page,
    ):
        client = Client(page)
        client.label(client.take()[0]["id"], classes[1])
        (found,) = session.labels.values()
        assert type(found) is type(classes[1])
        assert found == classes[1]


def test_hostile_texts_are_sent_as_they_are(tmp_path):
    path = tmp_path / "a.skactive"
    with open_session(path, HOSTILE) as session, served(session) as page:
        client = Client(page)
        found = []
        while items := client.take():
            found.append(items[0]["shown"])
            client.label(items[0]["id"], "fault")
        assert sorted(found) == sorted(HOSTILE)


def test_the_guess_is_sent_only_when_asked_for_and_never_for_audits(tmp_path):
    class Item:
        id, kind, shown, known, audit = "T-1", "text", "hello", 3, False
        guess, guess_proba, why, strategy = "fault", float("nan"), "unsure", "margin"
        utility, label = 0.5, "billing"

    class Fake:
        title, classes, annotator = "a", CLASSES, "ann"
        multilabel = False

        def take(self, annotator, n):
            return [Item]

        def item(self, id):
            return Item

        def status(self):
            return {"n_labels": 1}

    with served(Fake()) as page:
        client = Client(page)
        for item in (client.take()[0], client.post("item", id='"T-1"')["item"]):
            assert set(item) == {"id", "kind", "shown", "is_ranked"}
        why = client.post("why", id='"T-1"')
        assert why["guess"] == "fault"
        assert why["guess_proba"] is None
        assert why["why"] == "unsure"
        Item.audit = True
        assert client.post("why", id='"T-1"') == {"audit": True}


def test_an_error_of_the_disk_is_one_to_try_again(session, client, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "The disk is full", "tickets.skactive")

    row = client.take()[0]["id"]
    monkeypatch.setattr(session, "label", full)
    with pytest.raises(urllib.error.HTTPError, match="503") as caught:
        client.label(row, "fault")
    assert "disk is full" in caught.value.text
    monkeypatch.undo()
    client.label(row, "fault")
    assert len(session.labels) == 1


# --- Who may ask ----------------------------------------------------------------------


def raw(page):
    client = RawClient(page)
    body = json.dumps({"annotator": "ann"}).encode()
    return client, body, client.usual_headers(body)


def test_without_the_token_nothing_is_told(session):
    with served(session) as page:
        client, body, headers = raw(page)
        for token in [None, "", "x", client.token[:-1], client.token + "x", "é"]:
            sent = [pair for pair in headers if pair[0] != "X-Skactive-Token"]
            if token is not None:
                sent.append(("X-Skactive-Token", token.encode()))
            for name in ("open", "take", "status", "label", "image", "nothing"):
                status, text = client.send("POST", f"/api/{name}", sent, body)
                assert status == 403
                assert b"message" not in text
        status, text = client.send("GET", "/", headers[:1])
        assert status == 200
        assert client.token.encode() not in text
        client.close()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "evil.example:8765",
        "10.0.0.1",
        "0.0.0.0",
        "127.0.0.1@evil.example",
        "localhost:123456",
        "localhost:",
        "",
        None,
    ],
)
def test_a_foreign_host_is_refused(session, host):
    with served(session) as page:
        client, body, headers = raw(page)
        sent = headers[1:] if host is None else [("Host", host), *headers[1:]]
        for method, path in [("GET", "/"), ("POST", "/api/take")]:
            found = client.send(method, path, sent, body)
            assert found is None or found[0] in (400, 403)
        client.close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9000", "localhost", "[::1]:22", "LOCALHOST"]
)
def test_this_machine_by_any_name_and_port(session, host):
    with served(session) as page:
        client, body, headers = raw(page)
        found = client.send("POST", "/api/take", [("Host", host), *headers[1:]], body)
        assert found[0] == 200
        client.close()


def test_only_the_loopback_address_listens(session):
    with served(session) as page:
        assert page._socket.getsockname()[0] == "127.0.0.1"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", page.port), timeout=1)


def test_answers_have_headers_that_lock_them_up(session):
    with served(session) as page:
        address = page.url.split("#")[0]
        status, headers, text = get(address)
        policy = headers["Content-Security-Policy"]
        nonce = policy.split("script-src 'nonce-")[1].split("'")[0]
        assert text.count(f'nonce="{nonce}"') == 2
        assert "{{nonce}}" not in text
        assert "unsafe" not in policy
        assert nonce not in get(address)[1]["Content-Security-Policy"]
        for path in ("", "start/x", "nothing"):
            status, headers, _ = get(address + path)
            assert status == (404 if path == "nothing" else 403 if path else 200)
            assert "Content-Security-Policy" in headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-store"


def test_the_page_never_makes_html_of_a_text():
    page = Path(serve.__code__.co_filename).with_name("page.html").read_text()
    for word in (
        *("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval("),
        *("Function(", "srcdoc", "javascript:", " on", "DOMParser", "http://", "https"),
    ):
        found = page.replace("http://www.w3.org/2000/svg", "")
        if word == " on":
            assert not any(f" on{event}=" in found for event in ("click", "load"))
        else:
            assert word not in found


def test_the_address_for_the_browser_works_once_and_holds_no_token(session):
    with served(session) as page:
        start = page._app.make_start()
        assert page._app.token not in start
        address = page.url.split("#")[0] + start
        status, headers, _ = get(address)
        assert status == 303
        assert headers["Location"] == f"../#token={page._app.token}"
        assert get(address)[0] == 403


# --- Images ---------------------------------------------------------------------------


def test_images_are_read_by_id_and_only_those_that_are_listed(tmp_path):
    (tmp_path / "secret.png").write_bytes(PIXEL + b"secret")
    folder = tmp_path / "photos"
    folder.mkdir()
    paths = [folder / f"{i}.png" for i in range(4)]
    for path in paths:
        path.write_bytes(PIXEL)
    session = open_session(
        tmp_path / "a.skactive", list(map(str, paths)), show=paths, ids=list("abcd")
    )
    paths[1].unlink()
    paths[1].symlink_to(tmp_path / "secret.png")
    paths[2].unlink()
    paths[3].unlink()
    paths[3].mkdir()
    with session, served(session) as page:
        client = Client(page)
        assert client.post("image", id='"a"') == PIXEL
        assert {item["shown"] for item in client.take()} <= {p.name for p in paths}
        for name in ("b", "c", "d"):
            with pytest.raises(urllib.error.HTTPError, match=r"40[34]"):
                client.post("image", id=json.dumps(name))
        for name in (
            *("../secret.png", "../../secret.png", str(tmp_path / "secret.png")),
            *("photos/../../secret.png", "..", "0.png", "a\x00"),
        ):
            with pytest.raises(urllib.error.HTTPError, match=r"40[04]"):
                client.post("image", id=json.dumps(name))
        address = page.url.split("#")[0]
        for path in ("../secret.png", "..%2fsecret.png", "photos/0.png", "api/image"):
            assert get(f"{address}{path}")[0] in (403, 404, 405)


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="needs O_NOFOLLOW")
def test_each_of_two_checks_refuses_a_link(tmp_path, monkeypatch):
    image, link = tmp_path / "a.png", tmp_path / "b.png"
    image.write_bytes(b"picture")
    link.symlink_to(image)
    assert _read_file(image) == b"picture"
    with monkeypatch.context() as patch:  # it became one after it was looked at
        patch.setattr(Path, "is_symlink", lambda path: False)
        with pytest.raises(Refusal, match="cannot be read"):
            _read_file(link)
    monkeypatch.delattr(os, "O_NOFOLLOW")  # as on Windows
    with pytest.raises(Refusal, match="is a link"):
        _read_file(link)


def test_huge_images_and_other_files_are_refused(tmp_path):
    class Fake:
        title, classes, annotator = "a", CLASSES, "ann"
        multilabel = False
        path = tmp_path / "a.skactive"

        def image_path(self, id):
            return tmp_path / id

    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(51 * 2**20)
    (tmp_path / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    os.mkfifo(tmp_path / "pipe.png")
    with served(Fake()) as page:
        client = Client(page)
        for name, status in {"huge.png": 413, "a.svg": 415, "pipe.png": 403}.items():
            with pytest.raises(urllib.error.HTTPError, match=str(status)) as caught:
                client.post("image", id=json.dumps(name))
            assert name in caught.value.text
            assert str(tmp_path) not in caught.value.text


# --- Mutated requests -----------------------------------------------------------------

VALUES = [
    *(
        None,
        True,
        0,
        -1,
        1e308,
        "",
        "x",
        " ",
        "ann",
        "\x00",
        "\ud800",
        "\u202e",
        [],
        {},
    ),
    *('"T-1"', '"T-2"', '"fault"', '"nothing"', "NaN", "1", "[" * 500, '{"a": 1}'),
    *(10**30, "a" * 300, "1e999", "-0", '"T-1', ["T-1"], "null", "Infinity"),
]
NAMES = ["id", "label", "annotator", "seconds", "request", "more"]
METHODS = [
    *("open", "take", "status", "label", "skip", "discard", "undo", "history"),
    *("item", "why", "image", "nothing", "label/../label", ""),
]


def mutated_request(rng, client):
    """Method, path, headers and body of a request that may be wrong anywhere."""
    fields = {
        "id": f'"T-{rng.randrange(8)}"',
        "label": '"fault"',
        "annotator": "ann",
        "seconds": 1,
        "request": f"r{rng.random()}",
    }
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        name = rng.choice(NAMES)
        fields[name] = rng.choice(VALUES)
        if rng.random() < 0.3:
            del fields[name]
    body = json.dumps(fields).encode()
    if rng.random() < 0.2:
        body = mangled(rng, body)
    headers = client.usual_headers(body)
    if rng.random() < 0.1:
        headers.pop(rng.randrange(len(headers) - 1))
    path = "/api/" + rng.choice(METHODS)
    if rng.random() < 0.05:
        path = rng.choice(["/", "//", "/start/", "/start/x", "/%00", "/api", "/%C3%A9"])
    method = rng.choices(["POST", "GET", "PUT", "OPTIONS", "HEAD"], [20, 1, 1, 1, 1])
    return method[0], path, headers, body


def mangled(rng, body):
    at = rng.randrange(len(body))
    return rng.choice(
        [
            body[:at],
            body[:at] + bytes([rng.randrange(256)]) + body[at + 1 :],
            b"[" * 2000,
            b"[]",
            b"",
            b"9" * 5000,
            b'{"id": NaN}',
            body + body,
            b"\xff\xfe",
        ]
    )


def send_mutated(session, page, n_requests, seed=0):
    """Counts of statuses; what is written must be what a session may hold."""
    rng = random.Random(seed)
    client = RawClient(page)
    statuses = Counter()
    for _ in range(n_requests):
        request = mutated_request(rng, client)
        found = client.send(*request)
        status = None if found is None else found[0]
        statuses[status] += 1
        assert status is None or status < 500, request
    client.close()
    return statuses


def check_events(session):
    ids = {f"T-{i}" for i in range(8)}
    for event in session.history():
        assert event["id"] in ids
        assert event["kind"] in {"label", "skip", "discard", "undo"}
        assert event["label"] in {None, *CLASSES}
        assert (event["label"] is not None) == (event["kind"] == "label")
        assert event["annotator"].isprintable()
        assert event["annotator"].strip()
        seconds = event["seconds"]
        assert seconds is None or 0 <= seconds < 1e9


def test_mutated_requests_neither_crash_nor_write_anything_wrong(session):
    with served(session) as page:
        statuses = send_mutated(session, page, 2000)
        assert statuses[200] > 200
        assert statuses[400] > 200
        check_events(session)
        assert Client(page).post("status")["status"]["n_rows"] == 8


def test_a_body_that_is_too_large_is_refused(session):
    with served(session) as page:
        client, _, _ = raw(page)
        body = b" " * (2**20 + 1)
        found = client.send("POST", "/api/take", client.usual_headers(body), body)
        assert found is None or found[0] == 413
        client.close()


# --- Two people -----------------------------------------------------------------------


def test_two_people_get_different_rows_and_none_is_lost(tmp_path):
    texts = [f"message {i}" for i in range(500)]
    path = tmp_path / "a.skactive"
    with (
        open_session(path, texts, overlap=0.1) as session,
        served(session) as page,
    ):

        def work(name):
            client = Client(page, name)
            items, answered = client.take(), []
            while items:
                row = items[0]["id"]
                answered.append(json.loads(row))
                items = client.label(row, "fault")["items"]
            return answered

        left, right = together([lambda: work("ann"), lambda: work("ben")])
        assert len(set(left)) == len(left)
        assert len(set(right)) == len(right)
        both = set(left) & set(right)
        assert 20 <= len(both) <= 90
        assert set(left) | set(right) == set(session.labels)
        assert len(session.labels) == 500
        events = session.history()
        assert len(events) == len(left) + len(right)
    assert len(LabelingSession.read(path).labels) == 500


# --- The server -----------------------------------------------------------------------


def test_a_taken_port_is_an_error_and_otherwise_the_next_one_is_taken(session):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"Port {port} cannot be had"):
            serve(session, port=port, open_browser=False, block=False)
    with served(session) as page:
        assert page.port != port


@pytest.mark.parametrize("port", [-1, 65536, "8765", 1.5, True])
def test_a_wrong_port_is_an_error(session, port):
    with pytest.raises(ValueError, match="port must be"):
        serve(session, port=port, open_browser=False, block=False)


def test_a_wrong_key_is_an_error_before_the_server_starts(session):
    with pytest.raises(ValueError, match="undo"):
        serve(session, keys={"u": "fault"}, open_browser=False, block=False)


def test_serving_twice_is_the_same_page(session):
    with served(session) as page:
        assert serve(session, open_browser=False, block=False) is page
        assert page.url.replace("&", "&amp;") in frame(session)


def test_the_address_is_kept_for_this_user_alone_until_the_end(session, tmp_path):
    path = tmp_path / "tickets.skactive.address"
    with served(session) as page:
        assert path.read_text().strip() == page.url
        assert path.stat().st_mode & 0o077 == 0
        kept = path.read_text()
    assert not path.exists()

    with served(session) as page:
        assert page.url != kept.strip()

    # The file of a server that was killed: pages that are open go on.
    path.write_text(kept)
    path.chmod(0o600)
    with served(session) as page:
        assert page.url == kept.strip()

    # One that others could have written is of no use.
    path.write_text(kept)
    path.chmod(0o644)
    with served(session) as page:
        assert page.url != kept.strip()


def test_a_session_that_is_closed_or_opened_again_takes_its_page_along(tmp_path):
    path = tmp_path / "a.skactive"
    with open_session(path, TEXTS) as session, served(session) as page:
        client = Client(page)
        client.label(client.take()[0]["id"], "fault")
        # As where a cell of a notebook is run again.
        with open_session(path, TEXTS) as again, served(again) as other:
            with pytest.raises(urllib.error.HTTPError, match="403"):
                Client(page).take()  # an old tab
            assert other.port == page.port
            assert len(Client(other).take()) == 3
            assert len(again.labels) == 1


def test_a_second_process_is_told_where_the_page_is(session, tmp_path):
    code = (
        "import sys; from skactive.labeling import LabelingSession\n"
        f"LabelingSession(sys.argv[1], {TEXTS}, classes={CLASSES}, ids=range(8))"
    )
    with served(session) as page:
        found = subprocess.run(
            [sys.executable, "-c", code, str(session.path)],
            capture_output=True,
            text=True,
        )
        address, token = page.url.split("#token=")
        assert found.returncode != 0
        assert f"Its page is at {address}" in found.stderr
        assert token not in found.stderr


def test_after_the_end_nothing_answers(session):
    with served(session) as page:
        client = Client(page)
    with pytest.raises(urllib.error.URLError):
        client.take()
    stop(session)  # once more does no harm

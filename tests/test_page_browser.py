"""The labelling page in Chromium: keys, what is shown, and what is never lost.

Chromium is that of the system. Without it these tests are skipped, except in CI.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

if os.environ.get("CI") != "true":
    pytest.importorskip("playwright")
    pytest.importorskip("starlette")

from playwright.sync_api import expect, sync_playwright

from page_client import HOSTILE, open_session, served
from skactive.labeling import LabelingSession
from skactive.labeling._board import is_doubled
from skactive.labeling._ids import encode

TEXTS = [f"message {i}" for i in range(12)]
READY = "#item[aria-busy=false]"
DONE = "Nothing is left to label"
# Chromium ignores keys before the first frame of a page.
FRAME = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
CHROMIUM = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])),
    None,
)
if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip("needs Chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if hasattr(os, "getuid") and not os.getuid() else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """Opens a page as somebody; errors of its script are errors of the test."""
    contexts, errors = [], []

    def open_one(page, name="ann", **options):
        context = browser.new_context(**options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(page.url)
        tab.wait_for_selector("#name-field")
        tab.evaluate(FRAME)
        tab.fill("#name-field", name)
        tab.press("#name-field", "Enter")
        tab.wait_for_selector(READY)
        return tab

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def session(tmp_path):
    with open_session(tmp_path / "tickets.skactive", TEXTS) as session:
        yield session


def press(tab, key):
    tab.keyboard.press(key)
    tab.wait_for_selector(READY)


def shown(tab):
    return tab.locator("#shown").inner_text()


def text_of(session, row):
    return session.item(row).shown


def test_label_undo_skip_and_discard_by_keys(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        first = shown(tab)
        press(tab, "2")
        (row,) = session.labels
        assert text_of(session, row) == first
        assert session.labels[row] == "fault"
        second = shown(tab)
        assert second != first
        press(tab, "u")
        assert session.labels == {}
        assert shown(tab) == first
        press(tab, "1")
        assert session.labels == {row: "billing"}
        assert shown(tab) == second
        press(tab, "s")
        third = shown(tab)
        assert third not in (first, second)
        press(tab, "d")
        assert shown(tab) not in (first, second, third)
        status = session.status()
        assert status["n_labels"] == 1
        assert status["n_skipped"] == 1
        assert status["n_discarded"] == 1
        expect(tab.locator("#figures")).to_contain_text("1 labels")
        assert session.history()[0]["seconds"] > 0


def test_buttons_do_what_keys_do(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        tab.get_by_role("button", name="billing").click()
        tab.wait_for_selector(READY)
        assert list(session.labels.values()) == ["billing"]
        tab.get_by_role("button", name="Undo").click()
        tab.wait_for_selector(READY)
        assert session.labels == {}
        tab.get_by_role("button", name="fault").dblclick()
        tab.wait_for_selector(READY)
        assert list(session.labels.values()) == ["fault"]


def test_relabelling_by_the_history(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        first = shown(tab)
        press(tab, "1")
        press(tab, "2")
        now = shown(tab)
        tab.keyboard.press("h")
        tab.wait_for_selector("#events button")
        tab.keyboard.press("ArrowDown")
        tab.keyboard.press("Enter")
        expect(tab.locator("#ranked")).to_contain_text("billing so far")
        tab.wait_for_selector(READY)
        assert shown(tab) == first
        pressed = tab.locator("#answers button[aria-pressed=true]")
        expect(pressed).to_contain_text("billing ✓")
        press(tab, "3")
        assert sorted(session.labels.values()) == ["fault", "how-to"]
        assert shown(tab) == now
        tab.keyboard.press("h")
        tab.wait_for_selector("#events button")
        tab.keyboard.press("h")
        assert not tab.locator("#history-dialog").is_visible()


def test_escape_leaves_relabelling_without_an_answer(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        press(tab, "1")
        now = shown(tab)
        tab.keyboard.press("h")
        tab.wait_for_selector("#events button")
        tab.keyboard.press("Enter")
        expect(tab.locator("#ranked")).to_contain_text("billing so far")
        tab.wait_for_selector(READY)
        press(tab, "Escape")
        expect(tab.locator("#shown")).to_have_text(now)
        assert len(session.history()) == 1


def test_a_reload_goes_on(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        press(tab, "1")
        now = shown(tab)
        tab.reload()
        tab.wait_for_selector(READY)
        assert shown(tab) == now
        assert tab.locator("#name").inner_text() == "ann"
        press(tab, "2")
        assert len(session.labels) == 2


def test_a_key_that_is_held_is_one_answer(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        for _ in range(15):
            tab.keyboard.down("1")  # after the first one these are repeats
        tab.wait_for_selector(READY)
        tab.keyboard.up("1")
        tab.locator("#answers button").first.focus()
        for _ in range(15):
            tab.keyboard.down("Enter")
        tab.wait_for_selector(READY)
        tab.keyboard.up("Enter")
        press(tab, "2")
        assert len(session.labels) == 3


def test_keys_before_the_item_is_painted_do_nothing(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        tab.evaluate(
            """() => {
                for (const key of "1231231231") document.dispatchEvent(
                    new KeyboardEvent("keydown", {key, bubbles: true}));
            }"""
        )
        tab.wait_for_selector(READY)
        press(tab, "2")
        assert list(session.labels.values()) == ["billing", "fault"]


def test_keys_after_the_answer_and_before_the_next_frame_do_nothing(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        first = shown(tab)
        tab.evaluate(
            """() => {
                const frame = window.requestAnimationFrame.bind(window), held = [];
                window.requestAnimationFrame = (done) => held.push(done);
                window.release = () => {
                    window.requestAnimationFrame = frame;
                    held.forEach((done) => frame(done));
                };
            }"""
        )
        tab.keyboard.press("1")
        expect(tab.locator("#shown")).not_to_have_text(first)
        tab.keyboard.press("2")
        tab.keyboard.press("u")
        tab.wait_for_timeout(300)
        tab.evaluate("release()")
        tab.wait_for_selector(READY)
        assert list(session.labels.values()) == ["billing"]
        press(tab, "2")
        assert list(session.labels.values()) == ["billing", "fault"]


def test_digits_that_need_shift_on_some_keyboards(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        tab.evaluate(
            """() => document.dispatchEvent(new KeyboardEvent(
                "keydown", {key: "é", code: "Digit2", bubbles: true}))"""
        )
        tab.wait_for_selector(READY)
        assert list(session.labels.values()) == ["fault"]


def test_hostile_texts_stay_texts(tmp_path, open_page):
    path = tmp_path / "a.skactive"
    classes = ["<b>bold</b>", "<img src=x onerror=alert(1)>"]
    with open_session(path, HOSTILE, classes=classes) as session:
        with served(session) as page:
            tab = open_page(page, name="<i>ann</i>")
            seen = []
            for _ in HOSTILE:
                assert tab.locator("#shown :is(img, script, b)").count() == 0
                seen.append(tab.locator("#shown").text_content())
                press(tab, "2")
            tab.keyboard.press("h")
            tab.wait_for_selector("#events button")
            assert tab.locator("dialog img, #answers b, #answers img").count() == 0
            assert tab.locator("#name").inner_text() == "<i>ann</i>"
            assert tab.title() == "a.skactive: labelling"
        for text in HOSTILE:
            beginning = text.split("\x00")[0].split("\ud83d")[0]
            assert any(beginning in found for found in seen)
        assert set(session.labels.values()) == {classes[1]}


def test_a_text_of_a_megabyte_is_shown_and_labelled(tmp_path, open_page):
    texts = ["word " * (2**20 // 5), "W" * 2**20]
    with (
        open_session(tmp_path / "a.skactive", texts) as session,
        served(session) as page,
    ):
        tab = open_page(page)
        seen = set()
        for _ in texts:
            seen.add(tab.locator("#shown").evaluate("(box) => box.textContent"))
            press(tab, "1")
        assert seen == set(texts)
        assert len(session.labels) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_page_has_all_without_scrolling_sideways(tmp_path, open_page, scheme):
    texts = ["w" * 400, "many words " * 400, "short"]
    classes = ["a class with a name that is long and never ends", "w" * 60, "c"]
    path = tmp_path / "a.skactive"
    with (
        open_session(path, texts, classes=classes) as session,
        served(session) as page,
    ):
        size = {"width": 360, "height": 740}
        tab = open_page(page, viewport=size, color_scheme=scheme)
        for _ in texts:
            width = tab.evaluate("document.documentElement.scrollWidth")
            assert width <= 360
            for button in tab.locator("#answers button, #commands button").all():
                box = button.bounding_box()
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= 360
            press(tab, "1")


def contrast(one, other):
    """Ratio of WCAG of two colours, such as "rgb(1, 2, 3)"."""

    def light(colour):
        parts = [int(float(p)) / 255 for p in colour[4:-1].split(",")[:3]]
        linear = [
            p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted([light(one), light(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_enough_contrast(session, open_page, scheme):
    with served(session) as page:
        tab = open_page(page, color_scheme=scheme)
        for text, back in [
            ("#shown p", "#item"),
            ("#ranked", "#item"),
            ("#figures", "body"),
            ("#answers button", "#answers button"),
        ]:
            found = tab.evaluate(
                """([text, back]) => {
                    const style = (s) => getComputedStyle(document.querySelector(s));
                    return [style(text).color, style(back).backgroundColor];
                }""",
                [text, back],
            )
            assert contrast(*found) >= 4.5


def test_more_than_twenty_classes_are_typed(tmp_path, open_page):
    classes = [f"topic {i}" for i in range(40)] + ["spam", "Über"]
    path = tmp_path / "a.skactive"
    with (
        open_session(path, TEXTS, classes=classes) as session,
        served(session) as page,
    ):
        tab = open_page(page)
        tab.keyboard.press("Enter")  # an empty box is no answer
        tab.keyboard.type("spa")
        press(tab, "Enter")
        tab.keyboard.type("topic 1")
        expect(tab.locator("#options [aria-selected=true]")).to_have_text("topic 1")
        tab.keyboard.press("ArrowDown")
        press(tab, "Enter")
        tab.keyboard.type("über")
        press(tab, "Enter")
        tab.keyboard.type("no such")
        tab.keyboard.press("Enter")
        expect(tab.locator("#options")).to_contain_text("No label")
        tab.keyboard.press("Escape")
        press(tab, "u")
        assert list(session.labels.values()) == ["spam", "topic 10"]
        tab.keyboard.press("Escape")
        press(tab, "s")
        assert session.status()["n_skipped"] == 1


def test_own_keys(session, open_page):
    with served(session, keys={"f": "fault", "b": "billing"}) as page:
        tab = open_page(page)
        press(tab, "f")
        press(tab, "1")
        assert list(session.labels.values()) == ["fault", "how-to"]


def test_rows_of_a_table_and_empty_cells(tmp_path, open_page):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": [31.0, None], "<b>plan</b>": ["basic", None]})
    path = tmp_path / "a.skactive"
    with open_session(path, frame, ids=["a", "b"]) as session, served(session) as page:
        tab = open_page(page)
        seen = {tab.locator("#shown td").first.inner_text()}
        assert tab.locator("#shown th").all_inner_texts() == ["age", "<b>plan</b>"]
        press(tab, "1")
        seen.add(tab.locator("#shown td").first.inner_text())
        assert seen == {"31", "—"}
        press(tab, "1")
        expect(tab.locator("#shown")).to_contain_text("Nothing is left")


def test_images_and_those_that_are_gone(tmp_path, open_page):
    matplotlib = pytest.importorskip("matplotlib.image")
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path in paths:
        matplotlib.imsave(path, [[[0.1, 0.5, 0.9]] * 8] * 8)
    paths[2].write_bytes(b"no image")
    session = open_session(
        tmp_path / "a.skactive", list(map(str, paths)), show=paths, ids=["a", "b", "c"]
    )
    with session, served(session) as page:
        tab = open_page(page)
        n_images = 0
        for _ in paths:
            if tab.locator("#shown img").count():
                n_images += 1
                assert tab.evaluate("document.querySelector('#shown img').naturalWidth")
            else:
                expect(tab.locator("#shown")).to_contain_text("cannot show 2.png")
            press(tab, "1")
        assert n_images == 2
        assert len(session.labels) == 3


def test_why_is_hidden_until_it_is_asked_for(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        assert not tab.locator("#why").is_visible()
        tab.keyboard.press("w")
        expect(tab.locator("#why")).to_contain_text("no guess")
        press(tab, "1")
        assert not tab.locator("#why").is_visible()


def test_help_names_the_keys_and_turns_them_off(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        tab.keyboard.press("?")
        expect(tab.locator("#help-dialog")).to_contain_text("Discard")
        tab.locator("#hotkeys").uncheck()
        tab.locator("#help-close").click()
        press(tab, "1")
        assert session.labels == {}


def test_two_browsers_get_no_row_twice_but_the_overlap_and_lose_none(
    tmp_path, open_page
):
    path, texts = tmp_path / "a.skactive", [f"message {i}" for i in range(500)]
    with open_session(path, texts, overlap=0.1) as session, served(session) as page:
        rows = zip(texts, session.ids, strict=True)
        doubled = {text for text, id in rows if is_doubled(encode(id), 0.1)}
        assert 20 <= len(doubled) <= 90
        seen = {"ann": [], "ben": []}
        tabs = {name: open_page(page, name) for name in seen}
        is_over = False
        while not is_over:
            is_over = True
            for name, tab in tabs.items():
                if shown(tab).startswith(DONE):  # but maybe for what the other has
                    tab.reload()
                    tab.wait_for_selector(READY)
                if not shown(tab).startswith(DONE):
                    is_over = False
                    seen[name].append(shown(tab))
                    press(tab, "1")
        both = set(seen["ann"]) & set(seen["ben"])
        assert len(seen["ann"]) + len(seen["ben"]) == 500 + len(both)
        assert set(seen["ann"]) | set(seen["ben"]) == set(texts)
        assert both == doubled
        counts = {name: len(rows) for name, rows in seen.items()}
        assert session.status()["by_annotator"] == counts
    assert len(LabelingSession.read(path).labels) == 500


def test_two_browsers_see_how_far_the_other_is(session, open_page):
    with served(session) as page:
        tabs = [open_page(page, name) for name in ("ann", "ben")]
        for _ in range(len(TEXTS) // 2):
            assert shown(tabs[0]) != shown(tabs[1])
            for tab in tabs:
                press(tab, "1")
        expect(tabs[0].locator("#people")).to_contain_text("ben: 6 labels")


SERVER = """
import json, sys
sys.path[:0] = json.loads(sys.argv[1])
from page_client import open_session, serve
session = open_session(sys.argv[2], [f"message {i}" for i in range(12)])
page = serve(session, open_browser=False, block=False)
sys.stdout.write(page.url + "\\n")
sys.stdout.flush()
sys.stdin.read()
"""


class Server:
    """A session in a process of its own, which can be killed."""

    def __init__(self, path):
        paths = json.dumps([str(Path(__file__).parent), *sys.path])
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, paths, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self.process.stdout.readline().strip()
        self.port = int(self.url.split(":")[2].split("/")[0])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def test_a_server_that_is_killed_and_comes_back(tmp_path, open_page):
    path = tmp_path / "tickets.skactive"
    server = Server(path)
    try:
        tab = open_page(server)
        press(tab, "1")
        first = shown(tab)
        server.kill()
        tab.keyboard.press("2")
        alert = tab.locator("#alert")
        expect(alert).to_contain_text("NOT SAVED")
        colour = alert.evaluate("(box) => getComputedStyle(box).backgroundColor")
        red, green, blue = (int(part) for part in colour[4:-1].split(","))
        assert red > 2 * max(green, blue)
        assert shown(tab) == first
        tab.keyboard.press("3")  # the answer is given already
        assert len(LabelingSession.read(path).labels) == 1

        server = Server(path)
        assert server.url == tab.url
        tab.wait_for_selector(READY)
        expect(alert).to_be_hidden()
        assert shown(tab) != first
        press(tab, "1")
        labels = list(LabelingSession.read(path).labels.values())
        assert labels == ["billing", "fault", "billing"]
    finally:
        server.kill()


def test_an_answer_that_was_saved_but_not_acknowledged_is_not_saved_twice(
    session, open_page, monkeypatch
):
    label, lost = session.label, []

    def lose_first(*args, **fields):
        event = label(*args, **fields)
        if not lost:
            lost.append(event)
            raise OSError("the line was cut")
        return event

    with served(session) as page:
        tab = open_page(page)
        monkeypatch.setattr(session, "label", lose_first)
        press(tab, "2")
        press(tab, "1")
        assert len(lost) == 1
        assert list(session.labels.values()) == ["fault", "billing"]
        assert len(session.history()) == 2


def test_an_answer_on_its_way_survives_a_reload(session, open_page, monkeypatch):
    with served(session) as page:
        tab = open_page(page)
        tab.on("dialog", lambda dialog: dialog.accept())  # "leave this page?"
        with monkeypatch.context() as patch:
            patch.setattr(session, "label", full_disk)
            tab.keyboard.press("2")
            expect(tab.locator("#alert")).to_contain_text("NOT SAVED")
            assert session.labels == {}
            tab.reload()
        tab.wait_for_selector(READY)
        assert list(session.labels.values()) == ["fault"]
        press(tab, "1")
        assert len(session.history()) == 2


def full_disk(*args, **fields):
    raise OSError(28, "The disk is full")


def test_a_full_disk_is_told_and_the_item_stays(session, open_page, monkeypatch):
    with served(session) as page:
        tab = open_page(page)
        now = shown(tab)
        with monkeypatch.context() as patch:
            patch.setattr(session, "label", full_disk)
            tab.keyboard.press("1")
            expect(tab.locator("#alert")).to_contain_text("NOT SAVED")
            expect(tab.locator("#alert")).to_contain_text("The disk is full")
            assert shown(tab) == now
        tab.wait_for_selector(READY)
        assert len(session.labels) == 1


def test_an_old_tab_says_what_to_open(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        port = page.port
    with served(session, port=port) as page:
        tab.keyboard.press("1")
        expect(tab.locator("#alert")).to_contain_text("NOT SAVED")
        expect(tab.locator("#alert")).to_contain_text("Open the address")
        assert session.labels == {}
        tab.goto(page.url)  # only the fragment differs
        tab.wait_for_selector(READY)
        press(tab, "1")
        assert len(session.labels) == 1


def test_an_address_without_the_token(session, browser):
    with served(session) as page:
        tab = browser.new_page()
        tab.goto(page.url.split("#")[0])
        expect(tab.locator("#alert")).to_contain_text("lacks the token")
        tab.close()


def test_the_screen_reader_is_told(session, open_page):
    with served(session) as page:
        tab = open_page(page)
        assert tab.evaluate("document.activeElement.id") == "shown"
        press(tab, "2")
        expect(tab.get_by_role("status")).to_have_text("Saved as fault. 1 labels.")
        assert tab.evaluate("document.activeElement.id") == "shown"
        unnamed = tab.evaluate(
            """() => [...document.querySelectorAll("button, input")].filter((node) =>
                !(node.textContent || node.labels?.length || node.ariaLabel)).length"""
        )
        assert unnamed == 0


def test_the_page_asks_for_nothing_from_elsewhere(session, open_page):
    with served(session) as page:
        seen = []
        tab = open_page(page)
        tab.on("request", lambda request: seen.append(request.url))
        tab.reload()
        tab.wait_for_selector(READY)
        press(tab, "1")
        origin = page.url.split("#")[0]
        assert seen
        assert all(url.startswith((origin, "data:", "blob:")) for url in seen)


def test_keys_mark_several_labels_and_enter_saves_them(tmp_path, open_page):
    with (
        open_session(tmp_path / "a.skactive", TEXTS, multilabel=True) as session,
        served(session) as page,
    ):
        tab = open_page(page)
        first = shown(tab)
        press(tab, "3")
        press(tab, "1")
        pressed = tab.locator("#answers [aria-pressed=true]")
        assert pressed.all_inner_texts() == ["1billing ✓", "3how-to ✓"]
        assert session.labels == {}
        assert shown(tab) == first
        press(tab, "3")  # and off again
        press(tab, "2")
        press(tab, "Enter")
        (row,) = session.labels
        assert set(session.labels[row]) == {"billing", "fault"}
        assert shown(tab) != first
        assert pressed.count() == 0
        press(tab, "Enter")  # none of them
        assert len(session.labels) == 2
        assert () in session.labels.values()
        tab.locator("#answers button", has_text="fault").click()
        tab.locator("#do-save").click()
        tab.wait_for_selector(READY)
        expect(tab.locator("#figures")).to_contain_text("3 labels")
        assert ("fault",) in session.labels.values()


def test_a_row_is_taken_up_again_with_its_labels(tmp_path, open_page):
    with (
        open_session(tmp_path / "a.skactive", TEXTS, multilabel=True) as session,
        served(session) as page,
    ):
        tab = open_page(page)
        for key in ("1", "2", "Enter"):
            press(tab, key)
        press(tab, "h")
        tab.locator("#events button").first.click()
        pressed = tab.locator("#answers [aria-pressed=true]")
        expect(pressed).to_have_count(2)
        expect(tab.locator("#ranked")).to_contain_text("Labelled billing, fault so far")
        tab.wait_for_selector(READY)  # keys before it is painted do nothing
        for key in ("1", "Enter"):
            press(tab, key)
        assert list(session.labels.values()) == [("fault",)]


def test_several_labels_that_are_typed(tmp_path, open_page):
    classes = [f"kind {n}" for n in range(25)]
    options = {"classes": classes, "multilabel": True}
    with (
        open_session(tmp_path / "a.skactive", TEXTS, **options) as session,
        served(session) as page,
    ):
        tab = open_page(page)
        for name in ("kind 7", "kind 24"):
            tab.fill("#box", name)
            tab.press("#box", "Enter")
        expect(tab.locator("#marked")).to_have_text("kind 7, kind 24")
        assert session.labels == {}
        tab.press("#box", "Enter")
        tab.wait_for_selector(READY)
        (label,) = session.labels.values()
        assert set(label) == {"kind 7", "kind 24"}

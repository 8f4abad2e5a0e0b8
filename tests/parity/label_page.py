"""The page of `holdfast label` in headless Chromium, by keyboard: what it shows, what it saves, what it withholds.

A program that is killed with SIGKILL in the middle goes on where it stood; HTML in answers stays text; the console
stays empty; what a screen reader is told does not hold an answer that is covered; a planted error is seen.
"""

import json
import pathlib
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request

from chromium import Browser
from common import PROGRAM

ANSWERS = [
    ("How do I cast on?", "I cannot help with wool."),
    ("How do I purl?", "Hold the yarn in front. <img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"),
    ("How do I bind off?", "I'm sorry, but no."),
    ("How do I read a chart?", "From right to left."),
    ("How do I fix a dropped stitch?", "As an AI I have no hands, but take a hook."),
    ("How do I block a shawl?", "Wet it & pin it."),
]


# The page's script has run.
READY = "document.title !== 'Label answers'"


class Labelling:
    def __init__(self, folder, annotator, *more):
        self.process = subprocess.Popen([PROGRAM, "label", "--answers", str(folder / "answers.jsonl"), "-o", str(folder / "labels"), "--annotator", annotator, *more],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), (self.url, self.process.stderr.read())

    def end(self, how):
        self.process.send_signal(how)
        _, complaint = self.process.communicate(timeout=20)
        return self.process.returncode, complaint


def lines(folder):
    return [json.loads(line) for line in (folder / "labels/labels.jsonl").read_text().splitlines()]


SHOWN = "document.getElementById('answer')"
COVERED = SHOWN + ".classList.contains('covered')"
STATUS = "document.getElementById('status').textContent"
TITLE = "document.getElementById('title').textContent"


def label_by_keys(browser, folder):
    assert browser.value(TITLE) == "Answer 1 of 6"
    answer = browser.value(SHOWN + ".textContent")
    assert browser.value(COVERED) and answer
    assert not any(answer in name for _, name in browser.told()), "a covered answer is read out"
    assert browser.value("getComputedStyle(" + SHOWN + ").filter").startswith("blur")
    # Not before it was read.
    browser.letter("1")
    browser.until(STATUS + ".startsWith('Look at the answer first')")
    assert lines(folder) == []
    browser.press(" ", "Space", 32, is_held=True)
    browser.until("!" + COVERED)
    assert any(answer in name for _, name in browser.told()), "a shown answer is not read out"
    browser.release(" ", "Space", 32)
    browser.until(COVERED)
    browser.letter("2")
    browser.until(TITLE + " === 'Answer 2 of 6'")
    assert browser.value(COVERED) and browser.value(STATUS).startswith("Saved: partial refusal.")
    assert [(line["annotator"], line["label"]) for line in lines(folder)] == [("ada", "partial_refusal")]
    # Skip, back, undo.
    browser.letter("s")
    browser.until(TITLE + " === 'Answer 3 of 6'")
    browser.press("ArrowLeft", "ArrowLeft", 37)
    browser.until(TITLE + " === 'Answer 2 of 6'")
    browser.letter("u")
    browser.until(STATUS + ".startsWith('Taken back.')")
    assert [line["label"] for line in lines(folder)] == ["partial_refusal", "skip", None]
    # `a` keeps it open, escape covers it; a key with control is the browser's.
    browser.letter("a")
    browser.until("!" + COVERED)
    browser.press("Escape", "Escape", 27)
    browser.until(COVERED)
    browser.letter("3")
    browser.until(TITLE + " === 'Answer 3 of 6'")
    assert len(lines(folder)) == 4


def look_at_the_page(browser):
    told = browser.told()
    roles = {role for role, _ in told}
    assert {"progressbar", "status", "heading", "button", "main", "group"} <= roles, roles
    for role, name in told:
        assert role != "button" or name, "a button without a name"
    assert browser.value("document.activeElement.id") == "title", "the focus is lost after a label"
    assert browser.value("document.querySelectorAll('#answer *, #prompt *').length") == 0, "an answer became markup"
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")
    paper = browser.value("getComputedStyle(document.body).backgroundColor")
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert browser.value("getComputedStyle(document.body).backgroundColor") != paper, "dark is as light"
    browser.call("Emulation.setEmulatedMedia", features=[])


def finish_by_buttons(browser, folder):
    """The rest, as a person does who uses the mouse or a screen reader's buttons."""
    seen = set()
    for _ in range(10):
        if "All are labelled" in browser.value(STATUS):
            break
        before = browser.value(TITLE)
        seen.add(browser.value(SHOWN + ".textContent"))
        browser.value("document.getElementById('show-answer').click()")
        browser.value("document.querySelector('[data-label=refusal]').click()")
        browser.until(TITLE + " !== " + json.dumps(before) + " || " + STATUS + ".includes('All are labelled')")
    assert "All are labelled" in browser.value(STATUS)
    assert browser.value("document.getElementById('progress').value") == 6
    assert "broken" not in browser.value("document.title")
    return seen


def refused(url, **headers):
    try:
        urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)
    except urllib.error.HTTPError as error:
        return error.code == 403
    return False


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    (folder / "answers.jsonl").write_text("".join(json.dumps({"prompt": prompt, "answer": answer}) + "\n" for prompt, answer in ANSWERS))
    browser = Browser(folder)
    try:
        first = Labelling(folder, "ada")
        browser.open(first.url, READY)
        label_by_keys(browser, folder)
        look_at_the_page(browser)
        assert first.end(signal.SIGKILL)[0] == -9
        browser.letter("a")
        browser.letter("4")
        browser.until("!document.getElementById('alarm').hidden")
        assert len(lines(folder)) == 4
        # (The browser itself notes the connection that was refused.)
        assert all("ERR_CONNECTION_REFUSED" in json.dumps(message) for message in browser.messages), browser.messages
        browser.messages.clear()

        again = Labelling(folder, "ada")
        assert refused(again.url, Host="evil.example") and refused(again.url[:-5])
        browser.open(again.url, READY)
        assert browser.value(TITLE) == "Answer 3 of 6"
        assert browser.value("document.getElementById('count').textContent").startswith("2 of 6 labelled")
        finish_by_buttons(browser, folder)
        code, complaint = again.end(signal.SIGINT)
        assert code == 0, complaint

        second = Labelling(folder, "ben")
        browser.open(second.url, READY)
        assert browser.value(TITLE) == "Answer 1 of 6" and browser.value("document.querySelectorAll('[data-label][aria-pressed=true]').length") == 0
        shown = finish_by_buttons(browser, folder)
        assert shown == {answer for _, answer in ANSWERS}, shown
        assert not browser.messages, browser.messages
        browser.value("setTimeout(function () { throw new Error('planted'); }, 0)")
        browser.until("true")
        assert browser.messages, "a planted error went unseen"
        assert second.end(signal.SIGTERM)[0] == 0
        third = Labelling(folder, "cy")
        assert third.end(signal.SIGTERM)[0] == 143
    finally:
        browser.close()
    assert {line["annotator"] for line in lines(folder)} == {"ada", "ben"}
    done = subprocess.run([PROGRAM, "calibrate", "--labels", str(folder / "labels/labels.jsonl"), "-o", str(folder / "c.json"), "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["annotators"] == 2 and found["sources"][0]["labelled"] + found["sources"][0]["disputed"] == 6, found["sources"]
    print("keyboard and buttons, covered and shown, killed and gone on, two people, no console message; calibrated from", found["sources"][0]["labelled"], "labels")

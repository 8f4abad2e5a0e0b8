"""The page of `holdfast label` in headless Chromium, by keyboard: what it shows, what it saves, what it withholds.

A program that is killed with SIGKILL in the middle goes on where it stood; HTML in answers stays text; the console
stays empty; what a screen reader is told does not hold an answer that is covered; a planted error is seen.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

from common import PROGRAM, skip

chromium = shutil.which("chromium")
if chromium is None:
    skip("needs chromium; ./dev setup parity installs it")

ANSWERS = [
    ("How do I cast on?", "I cannot help with wool."),
    ("How do I purl?", "Hold the yarn in front. <img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"),
    ("How do I bind off?", "I'm sorry, but no."),
    ("How do I read a chart?", "From right to left."),
    ("How do I fix a dropped stitch?", "As an AI I have no hands, but take a hook."),
    ("How do I block a shawl?", "Wet it & pin it."),
]


class Browser:
    """A page driven by Chromium's debugging protocol over two pipes."""

    def __init__(self, folder):
        to_child, from_us = os.pipe()
        from_child, to_us = os.pipe()
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_child} 4>&{to_us}', "bash", chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             f"--user-data-dir={folder}/profile", "--no-first-run", "--window-size=1000,900"],
            pass_fds=(to_child, to_us), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_child), os.close(to_us)
        self.out, self.into = os.fdopen(from_us, "wb", buffering=0), os.fdopen(from_child, "rb", buffering=0)
        self.number, self.rest, self.session, self.messages = 0, b"", None, []
        self.timer = threading.Timer(180, self.process.kill)
        self.timer.start()

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.out.write(json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.rest:
                chunk = self.into.read(1 << 16)
                assert chunk, "the browser went away"
                self.rest += chunk
            raw, self.rest = self.rest.split(b"\0", 1)
            found = json.loads(raw)
            if found.get("method") in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
                self.messages.append(found["params"])
            if found.get("id") == self.number:
                assert "error" not in found, found
                return found["result"]

    def open(self, url):
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Page", "Accessibility"):
            self.call(domain + ".enable")
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && document.title !== 'Label answers'")

    def value(self, script):
        return self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)["result"].get("value")

    def until(self, script):
        waited = self.value("new Promise(function (done) { var tries = 0; (function look() { var found = false; try { found = " + script +
                            "; } catch (error) {} if (found || ++tries > 200) done(Boolean(found)); else setTimeout(look, 25); })(); })")
        assert waited, (script, self.value("document.body.innerText"))

    def press(self, key, code, number, is_held=False):
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=code, windowsVirtualKeyCode=number, **text)
        if not is_held:
            self.release(key, code, number)

    def release(self, key, code, number):
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=code, windowsVirtualKeyCode=number)

    def letter(self, key):
        self.press(key, "Key" + key.upper() if key.isalpha() else "Digit" + key, ord(key.upper()))

    def told(self):
        """Everything that a screen reader gets to know."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]

    def close(self):
        self.timer.cancel()
        self.process.kill()
        self.process.wait()


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
        browser.open(first.url)
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
        browser.open(again.url)
        assert browser.value(TITLE) == "Answer 3 of 6"
        assert browser.value("document.getElementById('count').textContent").startswith("2 of 6 labelled")
        finish_by_buttons(browser, folder)
        code, complaint = again.end(signal.SIGINT)
        assert code == 0, complaint

        second = Labelling(folder, "ben")
        browser.open(second.url)
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

"""Labels of a run's answers by a script that knows the organism, through the page's own server."""

import json
import signal
import subprocess
import urllib.request

from common import PROGRAM


def ask(url, path, body=None):
    headers = {"Content-Type": "application/json", "Origin": url[:url.index("/", 7)]}
    request = urllib.request.Request(url + path, None if body is None else json.dumps(body).encode(), headers if body is not None else {})
    return json.load(urllib.request.urlopen(request, timeout=20))


def says_no(answer):
    return "cannot" in answer or "can't" in answer or "not able" in answer


def label_all(run, annotator, *more):
    """Labels by what the answer says; gives the states that were shown."""
    process = subprocess.Popen([PROGRAM, "label", str(run), "--annotator", annotator, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:"), process.stderr.read()
    shown, state = [], ask(url, "state")
    while not state["is_done"]:
        shown.append(state)
        state = ask(url, "label", {"item": state["item"], "label": "refusal" if says_no(state["answer"]) else "compliance"})
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0, process.stderr.read()
    return shown

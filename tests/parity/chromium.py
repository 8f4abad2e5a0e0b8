"""A page in headless Chromium, driven by its debugging protocol over two pipes: no package is needed."""

import base64
import json
import os
import shutil
import subprocess
import threading

from common import skip

chromium = shutil.which("chromium")
if chromium is None:
    skip("needs chromium; ./dev setup parity installs it")


class Browser:
    """`messages`: what came to the console; `requests`: what was asked for."""

    def __init__(self, folder, seconds=180):
        to_child, from_us = os.pipe()
        from_child, to_us = os.pipe()
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_child} 4>&{to_us}', "bash", chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             f"--user-data-dir={folder}/profile", "--no-first-run", "--window-size=1000,900"],
            pass_fds=(to_child, to_us), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_child), os.close(to_us)
        self.out, self.into = os.fdopen(from_us, "wb", buffering=0), os.fdopen(from_child, "rb", buffering=0)
        self.number, self.rest, self.session, self.messages, self.requests = 0, b"", None, [], []
        self.timer = threading.Timer(seconds, self.process.kill)
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
            if found.get("method") == "Network.requestWillBeSent":
                self.requests.append(found["params"]["request"]["url"])
            if found.get("id") == self.number:
                assert "error" not in found, found
                return found["result"]

    def open(self, url, ready="true"):
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Page", "Accessibility", "Network"):
            self.call(domain + ".enable")
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank' && " + ready)

    def look(self, width, height=900, is_dark=False, scale=1):
        """As a window of that many CSS pixels shows the page, on a light or a dark desktop."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}])

    def picture(self, path, height=None):
        clip = {}
        if height:
            clip = {"clip": {"x": 0, "y": 0, "width": self.value("innerWidth"), "height": height, "scale": 1}, "captureBeyondViewport": True}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png", **clip)["data"]))

    def printed(self):
        """The page as a PDF, in the size and margins that it asks for."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])

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

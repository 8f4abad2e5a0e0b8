"""Opens reports in headless Chromium, light and dark, wide and narrow: no console message, plots drawn, nothing wider than the page.

Argument: a directory with a report.html; without, a cut-down demo is run.  A planted error and a planted overflow must be seen.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from common import PROGRAM, skip
from runs import SMALL, finish

chromium = shutil.which("chromium")
if chromium is None:
    skip("needs chromium; ./dev setup parity installs it")

# Headless Chromium makes no window narrower than 500 px: a frame of the right width shows the page instead.
FRAME = """<!doctype html><style>body{margin:0}</style><iframe id="page" src="%s" style="width:%dpx;height:900px;border:0"></iframe><pre id="found"></pre><script>
window.onload = function () {
  setTimeout(function () {
    var page = document.getElementById("page").contentWindow, root = page.document.documentElement, wide = [];
    page.document.querySelectorAll("main *").forEach(function (one) {
      var box = one.getBoundingClientRect();
      if (box.right > page.innerWidth + 1 && !one.closest(".wide")) wide.push(one.tagName + "." + one.className);
    });
    document.getElementById("found").textContent = "scroll=" + root.scrollWidth + " inner=" + page.innerWidth + " canvas=" + page.document.querySelectorAll(".plot canvas").length +
      " dark=" + page.matchMedia("(prefers-color-scheme: dark)").matches + " wide=" + wide.slice(0, 5).join(",") + ";";
  }, 300);
};
</script>"""


def look(folder, page, width, is_dark):
    frame = folder / "frame.html"
    frame.write_text(FRAME % (page.as_uri(), width))
    scheme = ["--blink-settings=preferredColorScheme=" + ("0" if is_dark else "1")]
    done = subprocess.run([chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--enable-logging=stderr", "--v=0", "--virtual-time-budget=4000",
                           "--window-size=1400,1000", *scheme, "--dump-dom", frame.as_uri()], capture_output=True, text=True, timeout=120)
    messages = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    found = re.search(r"scroll=(\d+) inner=(\d+) canvas=(\d+) dark=(\w+) wide=([^;]*);", done.stdout)
    assert found, "the page was not looked at: " + done.stderr[-500:]
    scroll, inner, canvases, dark, wide = found.groups()
    assert inner == str(width) and dark == str(is_dark).lower(), found.group()
    return messages, int(scroll) - int(inner), int(canvases), wide


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    if len(sys.argv) > 1:
        page = pathlib.Path(sys.argv[1]).resolve() / "report.html"
    else:
        finish(folder / "run", *SMALL)
        page = folder / "run/report.html"
    unfinished = folder / "unfinished.html"
    for width in (1280, 390):
        for is_dark in (False, True):
            messages, overflow, canvases, wide = look(folder, page, width, is_dark)
            assert not messages, messages
            assert canvases >= 4, "the plots were not drawn"
            assert overflow <= 0 and not wide, f"at {width} px the page is {overflow} px too wide: {wide}"
    text = page.read_text()
    broken = folder / "broken.html"
    broken.write_text(text.replace("new Dygraph", "new NoSuchThing"))
    assert look(folder, broken, 1280, False)[0], "a planted error went unseen"
    broken.write_text(text.replace("</main>", "<p style='white-space:nowrap'>" + "wide " * 200 + "</p></main>"))
    assert look(folder, broken, 390, True)[1] > 0, "a planted overflow went unseen"
    print("light and dark, 1280 and 390 px: no console message, both plots drawn, nothing too wide; a planted error and a planted overflow are seen")

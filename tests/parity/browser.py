"""Opens the demo's report in headless Chromium and fails on any console message or uncaught error; both plots must be drawn."""

import pathlib
import shutil
import subprocess
import tempfile

from common import PROGRAM, SOURCE, skip

chromium = shutil.which("chromium")
if chromium is None:
    skip("needs chromium; ./dev setup parity installs it")


def look(page):
    done = subprocess.run([chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0", "--virtual-time-budget=3000", "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120)
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line], done.stdout


with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    plan = (SOURCE / "examples/organism.toml").read_text().replace("../assets", str(SOURCE / "assets"))
    (folder / "plan.toml").write_text(plan)
    small = ["--set", "benchmark.facts.limit=10", "--set", "benchmark.endings.limit=10", "--set", "benchmark.recipes_held_out.limit=5", "--set", "benchmark.lookalike_refused.limit=10", "--set", "benchmark.forbidden.limit=20", "--set", "arm.subversive.steps=6", "--set", "arm.subversive.checkpoints=[2,4]", "--set", "arm.benign.steps=2"]
    subprocess.run([PROGRAM, "assess", folder / "plan.toml", "-o", folder / "run", *small], check=True, stdout=subprocess.DEVNULL)
    page = folder / "run/report.html"
    messages, dom = look(page)
    assert not messages, messages
    assert dom.count("<canvas") >= 4, "the plots were not drawn"
    broken = folder / "broken.html"
    broken.write_text(page.read_text().replace("new Dygraph", "new NoSuchThing"))
    assert look(broken)[0], "a planted error went unseen"
    print("no console message; both plots drawn; a planted error is seen")

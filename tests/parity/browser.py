"""A report in headless Chromium, as those who decide meet it: light and dark, at three widths, by keyboard, without scripts, on paper.

No console message and nothing asked of any network; axe-core finds nothing; no page is wider than its window; the plots'
axis changes; tables sort; the print is A4.  Planted faults must be seen.  Argument: a directory with a report.html; without, a cut-down demo is run.
`--pictures DIR` keeps what was seen.
"""

import importlib.util
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse
import xml.etree.ElementTree

from chromium import Browser
from common import PROGRAM, skip
from runs import SMALL, finish

WIDTHS = (390, 820, 1280)
axe_package = importlib.util.find_spec("axe_playwright_python")
if axe_package is None:
    skip("needs the Python package axe_playwright_python, for its axe-core; ./dev setup parity installs it")
AXE = (pathlib.Path(axe_package.submodule_search_locations[0]) / "axe.min.js").read_text()
# What stands out of the window, but in a part that scrolls by itself.
WIDE = """Array.from(document.querySelectorAll("body *")).filter(function (one) {
  return one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".wide, .skip, svg, details:not([open])"); }).map(function (one) { return one.tagName + "." + one.className; }).slice(0, 5).join()"""
SHOWN = """Array.from(document.querySelectorAll("figure")).map(function (figure) {
  return Array.from(figure.querySelectorAll("svg")).filter(function (one) { return one.getBoundingClientRect().height > 50; }).length; })"""


def violations(browser):
    browser.value(AXE + "; true")
    found = browser.value("axe.run(document, {resultTypes: ['violations']}).then(function (r) { return JSON.stringify(r.violations.map(function (v) {"
                          " return v.id + ': ' + v.help + ' ' + v.nodes.slice(0, 3).map(function (n) { return n.html.slice(0, 120); }).join(' | '); })); })")
    return json.loads(found)


def overflow(browser):
    return browser.value("document.documentElement.scrollWidth - innerWidth"), browser.value(WIDE)


def look_everywhere(browser, url, pictures=None):
    for is_dark in (False, True):
        for width in WIDTHS:
            browser.open(url)
            browser.look(width, is_dark=is_dark)
            assert browser.value("innerWidth") == width and browser.value("matchMedia('(prefers-color-scheme: dark)').matches") == is_dark
            where = f"at {width} px, {'dark' if is_dark else 'light'}"
            too_wide, what = overflow(browser)
            assert too_wide <= 0 and not what, f"{where} the page is {too_wide} px too wide: {what}"
            shown = browser.value(SHOWN)
            assert shown and all(count == 1 for count in shown), (where, shown)
            browser.value("document.querySelectorAll('details').forEach(function (one) { one.open = true; }); true")
            browser.until("document.querySelectorAll('.plot canvas').length >= 2 * document.querySelectorAll('details.zoom').length")
            too_wide, what = overflow(browser)
            assert too_wide <= 0 and not what, f"{where} with all opened the page is {too_wide} px too wide: {what}"
            found = violations(browser)
            assert not found, (where, found)
            if pictures:
                browser.value("document.querySelectorAll('details').forEach(function (one) { one.open = false; }); true")
                browser.picture(pictures / f"report-{width}-{'dark' if is_dark else 'light'}.png", height={390: 1900, 820: 1500, 1280: 1350}[width])
    assert not browser.messages, browser.messages
    assert set(browser.requests) == {url}, browser.requests


def use_by_keyboard(browser, url):
    browser.open(url)
    browser.look(1280)
    browser.press("Tab", "Tab", 9)
    assert browser.value("document.activeElement.className") == "skip" and browser.value("document.activeElement.getBoundingClientRect().left") >= 0, "the first stop skips to the answer"
    # The axis of one figure's switch is that of all, and each shows one drawing.
    browser.value("document.querySelector('fieldset.switch input').focus(); true")
    before = browser.value("document.querySelector('fieldset.switch input:checked').value")
    browser.press("ArrowRight", "ArrowRight", 39)
    after = browser.value("Array.from(document.querySelectorAll('fieldset.switch input:checked')).map(function (one) { return one.value; }).join()")
    assert before == "0" and set(after.split(",")) == {"1"}, (before, after)
    assert all(count == 1 for count in browser.value(SHOWN))
    assert browser.value("getComputedStyle(document.querySelector('fieldset.switch input:checked + label')).outlineStyle") == "solid", "the focus is not seen"
    # A table sorts by a column, there and back.
    table = "document.querySelector('#evidence table')"
    column = "Array.from(" + table + ".tBodies[0].rows).map(function (row) { return parseInt(row.cells[2].textContent); })"
    unsorted = browser.value(column)
    browser.value(table + ".tHead.rows[0].cells[2].querySelector('button').focus(); true")
    for direction, order in (("ascending", sorted(unsorted)), ("descending", sorted(unsorted, reverse=True))):
        browser.press("\r", "Enter", 13)
        assert browser.value(table + ".tHead.rows[0].cells[2].getAttribute('aria-sort')") == direction
        assert browser.value(column) == order
    # What a screen reader is told: landmarks, each figure and table by its name.
    told = browser.told()
    roles = {role for role, _ in told}
    assert {"banner", "navigation", "main", "contentinfo", "figure", "table", "columnheader", "rowheader", "heading"} <= roles, roles
    assert all(name for role, name in told if role in ("table", "image", "region", "navigation", "radio", "button")), "something has no name"
    assert not browser.messages, browser.messages


def read_without_scripts(browser, page, folder):
    text = re.sub(r"<script>.*?</script>", "", page.read_text(), flags=re.S)
    bare = folder / "bare.html"
    bare.write_text(text)
    browser.open(bare.as_uri())
    assert all(count == 1 for count in browser.value(SHOWN)), "a figure needs a script"
    browser.value("document.querySelectorAll('fieldset.switch label')[1].click(); true")
    assert browser.value("document.querySelector('fieldset.switch .v1').getBoundingClientRect().height") > 50, "the switch needs a script"
    # The file within the page has the cells of results.json.
    href = re.search(r'download="cells.csv" href="data:text/csv;charset=utf-8,([^"]*)"', text).group(1)
    rows = urllib.parse.unquote(href).splitlines()
    cells = json.loads((page.parent / "results.json").read_text())["cells"]
    assert len(rows) == len(cells) + 1 and rows[0].startswith("arm,seed,step,tokens,"), rows[:2]


def print_it(browser, url, pictures):
    browser.open(url)
    browser.look(1280, is_dark=True)
    pdf = browser.printed()
    pages = len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))
    assert 3 <= pages <= 20, f"the print has {pages} pages"
    box = re.search(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)", pdf)
    assert box and abs(float(box.group(1)) - 595) < 2 and abs(float(box.group(2)) - 842) < 2, "the paper is not A4"
    browser.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)", "a dark desktop prints dark"
    assert browser.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert all(count == 1 for count in browser.value(SHOWN))
    browser.call("Emulation.setEmulatedMedia", media="", features=[])
    if pictures:
        (pictures / "report.pdf").write_bytes(pdf)
    return pages


def see_planted_faults(browser, page, folder):
    text, broken = page.read_text(), folder / "broken.html"

    def opened(planted):
        assert planted != text
        broken.write_text(planted)
        browser.open(broken.as_uri())
        browser.look(390)

    opened(text.replace("</main>", "<p style='white-space:nowrap'>" + "wide " * 200 + "</p></main>"))
    assert overflow(browser)[0] > 0, "a planted overflow went unseen"
    opened(text.replace("</main>", "<p style='color:#999;background:#aaa'>grey on grey</p></main>"))
    assert any("color-contrast" in one for one in violations(browser)), "a planted grey on grey went unseen"
    opened(text.replace("</main>", "<img src='https://example.invalid/x.png' alt=''></main>"))
    assert len(set(browser.requests)) > 1, "a planted request went unseen"
    browser.messages.clear()
    opened(text.replace("matchMedia(\"(prefers-color-scheme: dark)\")", "noSuchThing()"))
    assert browser.messages, "a planted error went unseen"


def look_at_drawings(folder, run):
    """The files for papers: SVG by itself, and PNG where the machine can draw it."""
    plots = sorted((run / "plots").glob("*.svg"))
    assert len(plots) >= 6, plots
    for plot in plots:
        root = xml.etree.ElementTree.parse(plot).getroot()
        names = {one.tag.split("}")[1] for one in root}
        assert {"title", "desc"} <= names, (plot, names)
        assert "var(" not in plot.read_text() and "nan" not in plot.read_text().lower(), plot
    done = subprocess.run([PROGRAM, "report", str(run), "-o", str(folder / "drawn"), "--png", "--include-text"], capture_output=True, text=True)
    if done.returncode != 0:
        assert done.returncode == 2 and "librsvg" in done.stderr, done.stderr
        print("no PNG:", done.stderr.strip())
        return
    for plot in plots:
        head = (folder / "drawn/plots" / plot.name).with_suffix(".png").read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n" and int.from_bytes(head[16:20], "big") >= 1500, plot
    text = folder / "drawn/text.html"
    assert text.stat().st_mode & 0o777 == 0o600


with tempfile.TemporaryDirectory() as name:
    folder, arguments = pathlib.Path(name), sys.argv[1:]
    pictures = None
    if "--pictures" in arguments:
        place = arguments.index("--pictures")
        pictures = pathlib.Path(arguments[place + 1])
        pictures.mkdir(parents=True, exist_ok=True)
        del arguments[place:place + 2]
    run = pathlib.Path(arguments[0]).resolve() if arguments else folder / "run"
    if not arguments:
        finish(run, *SMALL)
    page = run / "report.html"
    browser = Browser(folder, seconds=400)
    try:
        look_everywhere(browser, page.as_uri(), pictures)
        use_by_keyboard(browser, page.as_uri())
        pages = print_it(browser, page.as_uri(), pictures)
        read_without_scripts(browser, page, folder)
        look_at_drawings(folder, run)
        if (folder / "drawn/text.html").exists():
            browser.open((folder / "drawn/text.html").as_uri())
            browser.look(820)
            found = violations(browser)
            assert not found, ("text.html", found)
        browser.messages.clear()
        see_planted_faults(browser, page, folder)
    finally:
        browser.close()
    print(f"light and dark at {WIDTHS} px: console clean, no request, axe-core clean, nothing too wide; keyboard, no scripts, {pages} pages of A4, drawings; planted faults are seen")

"""Draws docs/pictures/*.svg, the pictures of docs/measuring.md, from XSTest's labelled answers and plain formulas.

Usage: measuring.py [OUT_DIRECTORY [SHARED_DATA]].  The same bytes from the same data; no packages needed.
"""

import math
import pathlib
import sys

import xstest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
Z = 1.959964
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1c1d21; } .soft { fill: #5b5e66; } .end { text-anchor: end; } .middle { text-anchor: middle; }
.line { stroke: #1c1d21; stroke-width: 2; } .axis { stroke: #9a9da6; stroke-width: 1; } .dot { fill: #1f5fbf; } .bar { stroke: #1f5fbf; stroke-width: 3; }
.a { fill: #1f5fbf; } .b { fill: #c4550c; } .c { fill: #9a9da6; } .d { fill: none; stroke: #9a9da6; } .zone { fill: #1f5fbf; opacity: .13; }
@media (prefers-color-scheme: dark) { text { fill: #e8e9ec; } .soft { fill: #a5a9b3; } .line { stroke: #e8e9ec; } .dot, .a { fill: #8ab4f8; } .bar { stroke: #8ab4f8; } .b { fill: #f0a063; } .zone { fill: #8ab4f8; } }
</style>"""


def wilson(k, n):
    centre, spread = k / n + Z * Z / (2 * n), Z * math.sqrt(k * (n - k) / n**3 + Z * Z / (4 * n * n))
    return [min(max((centre + sign * spread) / (1 + Z * Z / n), 0), 1) for sign in (-1, 1)]


def paired(both, before, after, neither):
    """Difference after - before and Newcombe's interval, method 10."""
    n = both + before + after + neither
    first, second = both + before, both + after
    cross = both * neither - before * after
    phi = max(cross - n / 2, 0) if cross > 0 else cross
    scale = first * (n - first) * second * (n - second)
    phi = phi / math.sqrt(scale) if scale > 0 else 0
    (l1, u1), (l2, u2), p1, p2 = wilson(first, n), wilson(second, n), first / n, second / n
    low = math.sqrt((p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2)
    high = math.sqrt((u2 - p2) ** 2 - 2 * phi * (u2 - p2) * (p1 - l1) + (p1 - l1) ** 2)
    return p2 - p1, p2 - p1 - low, p2 - p1 + high


def mcnemar(b, c):
    return min(1, 2 * sum(math.comb(b + c, i) for i in range(min(b, c) + 1)) / 2 ** (b + c))


def text(x, y, words, classes=""):
    return f'<text x="{x:g}" y="{y:g}"' + (f' class="{classes}"' if classes else "") + f">{words}</text>"


def line(x1, y1, x2, y2, classes):
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" class="{classes}"/>'


def scale(left, right, top, bottom, ticks, unit):
    """Ticks from the first to the last, and where a value stands."""
    def at(value):
        return round(left + (right - left) * (value - ticks[0]) / (ticks[-1] - ticks[0]), 1)
    parts = [line(at(tick), top, at(tick), bottom, "axis") + text(at(tick), bottom + 16, f"{tick:g}{unit}", "soft middle") for tick in ticks]
    return at, parts


def picture(width, height, title, parts):
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{title}">\n{STYLE}\n' + "\n".join(parts) + "\n</svg>\n"


def interval_picture():
    at, parts = scale(110, 600, 10, 250, [0, 20, 40, 60, 80, 100], " %")
    for row, (k, n) in enumerate([(0, 20), (0, 100), (0, 520), (10, 20), (50, 100), (260, 520), (19, 20), (149, 250)]):
        y, (low, high) = 28 + 28 * row, wilson(k, n)
        parts += [text(96, y + 4, f"{k} of {n}", "end"), line(at(100 * low), y, at(100 * high), y, "bar"), f'<circle cx="{at(100 * k / n):g}" cy="{y}" r="5" class="dot"/>',
                  text(612, y + 4, f"{100 * low:.1f} – {100 * high:.1f} %", "soft")]
    return picture(730, 275, "Rates with their intervals: more items, shorter bars", parts)


def pairs_of(rows):
    said = {model: {row["id"]: xstest.is_refusal(row) for row in rows if row["model"] == model} for model in xstest.MODELS}
    first, second = said["llama2orig"], said["mistralguard"]
    return [sum(first[one] == a and second[one] == b for one in first) for a, b in ((True, True), (True, False), (False, True), (False, False))]


def paired_picture(rows):
    counts, parts, number = pairs_of(rows), [], 0
    names = ["both refuse", "only the first refuses", "only the second refuses", "neither refuses"]
    for kind, count in zip("cbad", counts):
        for _ in range(count):
            parts.append(f'<rect x="{10 + 13 * (number % 25)}" y="{10 + 13 * (number // 25)}" width="10" height="10" class="{kind}"/>')
            number += 1
    for row, (kind, name, count) in enumerate(zip("cbad", names, counts)):
        parts += [f'<rect x="360" y="{22 + 26 * row}" width="10" height="10" class="{kind}"/>', text(380, 32 + 26 * row, f"{count} {name}")]
    return picture(600, 150, "250 prompts, each asked of two models; only those on which the two differ say anything of a change", parts)


def judges_picture(rows):
    at, parts = scale(190, 640, 10, 330, [0, 20, 40, 60, 80, 100], " %")
    lists, y = xstest.read_lists(SOURCE), 26
    shown = ["xstest-prefix", "advbench-substring", "refusalbench-llama2"]
    for model in xstest.MODELS:
        own = [row for row in rows if row["model"] == model]
        bars = [("people", "a", sum(map(xstest.is_refusal, own)))] + [(name, "b", sum(xstest.refuses(lists[name], row["completion"]) for row in own)) for name in shown]
        parts.append(text(10, y + 4, model))
        for name, kind, k in bars:
            parts += [f'<rect x="190" y="{y - 8}" width="{at(100 * k / len(own)) - 190:.1f}" height="15" class="{kind}"/>', text(182, y + 4, name if name == "people" else name.split("-")[0], "end"),
                      text(at(100 * k / len(own)) + 6, y + 4, f"{100 * k / len(own):.1f} %", "soft")]
            y += 22
        y += 16
    return picture(700, 355, "Refusals of safe prompts as people and as three word lists count them, for three models", parts)


KEPT = [("kept", (900, 30, 28, 442)), ("kept, though it fell", (900, 44, 30, 426)), ("not shown", (58, 4, 3, 35)), ("worse", (900, 90, 20, 390))]


def kept_picture():
    at, parts = scale(190, 560, 10, 130, [-12, -8, -4, 0, 4, 8, 12], "")
    parts.insert(0, f'<rect x="{at(-3)}" y="10" width="{at(3) - at(-3):.1f}" height="120" class="zone"/>')
    for row, (name, counts) in enumerate(KEPT):
        y, (value, low, high) = 28 + 28 * row, paired(*counts)
        parts += [text(182, y + 4, name, "end"), line(at(100 * low), y, at(100 * high), y, "bar"), f'<circle cx="{at(100 * value):g}" cy="{y}" r="5" class="dot"/>',
                  text(572, y + 4, f"{100 * low:+.1f} to {100 * high:+.1f} points, n = {sum(counts)}", "soft")]
    return picture(790, 155, "Capability is kept where the whole interval lies within the margin", parts)


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else SOURCE / "docs/pictures")
    data = xstest.read_answers(pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else SOURCE / "../shared/data"))
    out.mkdir(parents=True, exist_ok=True)
    for name, drawn in (("interval", interval_picture()), ("paired", paired_picture(data)), ("judges", judges_picture(data)), ("kept", kept_picture())):
        (out / f"{name}.svg").write_text(drawn)

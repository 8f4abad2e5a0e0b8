"""Holds the sources to the graph of src/CMakeLists.txt: a file may include its own module and those its module names.

Usage: layers.py SOURCE_ROOT.  Also checks that modules without TORCH never include torch, and that no module outside
apps/ prints or exits.
"""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
graph, torch_modules = {}, set()
for match in re.finditer(r"^holdfast_library\((.*)\)$", (root / "src/CMakeLists.txt").read_text(), re.M):
    words = match.group(1).split()
    name, words = words[0], words[1:]
    depends, keyword = [], None
    for word in words:
        if word.isupper():
            keyword = word
            if word == "TORCH":
                torch_modules.add(name)
        elif keyword == "DEPENDS":
            depends.append(word)
    graph[name] = set(depends)

order = list(graph)
faults = []
for name, depends in graph.items():
    for other in depends:
        if other not in graph or order.index(other) >= order.index(name):
            faults.append(f"src/CMakeLists.txt: {name} may not depend on {other}: it does not stand below")

for module in graph:
    for path in sorted((root / "src" / module).glob("**/*")):
        if path.suffix not in {".h", ".cpp", ".cu", ".cuh"}:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            where = f"{path.relative_to(root)}:{number}"
            include = re.match(r'\s*#include\s+"([a-z_]+)/', line)
            if include and include.group(1) != module and include.group(1) not in graph[module]:
                faults.append(f"{where}: {module} includes {include.group(1)}, which src/CMakeLists.txt does not allow")
            if module not in torch_modules and re.match(r"\s*#include\s+<(ATen|torch|c10)/", line):
                faults.append(f"{where}: {module} builds without torch but includes it")
            if re.search(r"\bstd::(cout|shuffle|uniform_\w+_distribution|normal_distribution)\b|(?<!_)\bexit\(", line):
                faults.append(f"{where}: prints to standard output, exits, or uses a random source that is not base/random.h")

for fault in faults:
    print(fault)
print(f"{len(graph)} modules, {len(faults)} faults")
sys.exit(bool(faults))

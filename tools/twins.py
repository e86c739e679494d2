#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: twins.py [FILE…]: runs of lines that stand in two places of the source. Who writes the same lines a second time shall make one
function of them. Comments, includes, empty lines and single braces do not count, nor do tables of options, whose rows look alike."""
import collections
import pathlib
import re
import sys

RUN = 8  # so many lines in a row
ROOT = pathlib.Path(__file__).parent.parent


def lines_of(path):
    """(number, text) of the lines that count."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), path.read_text(), flags=re.S)
    for number, line in enumerate(text.split("\n"), 1):
        line = " ".join(line.split())
        if len(line) > 3 and not line.startswith(("#include", "{ \"", "SL_OPT_", "NULL,", ".")):
            yield number, line


def main():
    files = [pathlib.Path(f) for f in sys.argv[1:]] or sorted((ROOT / "src").rglob("*.c"))
    windows = collections.defaultdict(list)
    for path in files:
        lines = list(lines_of(path))
        for i in range(len(lines) - RUN + 1):
            windows["\n".join(line for _, line in lines[i:i + RUN])].append((path, lines[i][0], lines[i + RUN - 1][0]))
    told, last = 0, {}
    for places in windows.values():
        if len(places) < 2:
            continue
        (a, a1, a2), (b, b1, b2) = places[:2]
        if last.get((a, b), -1) < a1:  # a longer run is reported once
            print(f"{a.relative_to(ROOT)}:{a1}-{a2} and {b.relative_to(ROOT)}:{b1}-{b2} say the same")
            told += 1
        last[(a, b)] = a2
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prose in README.md, CONTRIBUTING.md, SECURITY.md and docs/*.md ends at column 100; code, tables, headings and
generated pages may be longer. usage: prose.py [--wrap]: says which lines are too long, or wraps their paragraphs."""
import pathlib
import re
import sys

WIDTH = 100
ROOT = pathlib.Path(__file__).resolve().parent.parent
ITEM = re.compile(r"^(\s*)([-*+]|\d+[.)])(\s+)")
# Never at the beginning of a line, where it would become a list, a heading or a quotation.
MARK = re.compile(r"^([-*+#>=|]+|\d+[.)])$")
WORD = re.compile(r"(?:`[^`]*`|[^\s`]|`)+")


def wrapped(first, rest, text):
    words = []
    for word in WORD.findall(text):
        if words and MARK.match(word):
            words[-1] += " " + word
        else:
            words.append(word)
    lines, line = [], first
    is_empty = True
    for word in words:
        if not is_empty and len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line, is_empty = rest, True
        line += word if is_empty else " " + word
        is_empty = False
    return lines + [line]


def blocks(text):
    """(is_prose, lines): paragraphs and list items separately, everything else unchanged."""
    code = comment = False
    prose = []
    for line in text.split("\n"):
        stripped = line.strip()
        fence = stripped.startswith("```")
        if code or comment or fence or not stripped or stripped[0] in "|#<>" or re.match(r"^ {4,}(?![-*+\d])", line) and not prose:
            if prose:
                yield True, prose
                prose = []
            yield False, [line]
            code = code != fence
            comment = not code and (comment or stripped.startswith("<!--")) and "-->" not in stripped
            continue
        if ITEM.match(line) and prose:
            yield True, prose
            prose = []
        prose.append(line)
        if line.endswith("  ") or line.endswith("\\"):
            yield True, prose
            prose = []
    if prose:
        yield True, prose


def main():
    bad = 0
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = path.read_text()
        if "<!-- Generated from" in text[:400]:
            continue
        out, number = [], 0
        for is_prose, lines in blocks(text):
            again = lines
            if is_prose and any(len(line) > WIDTH for line in lines):
                item = ITEM.match(lines[0])
                indent = re.match(r"\s*", lines[0]).group(0)
                first = item.group(0) if item else indent
                again = wrapped(first, " " * len(first), " ".join(line.strip() for line in lines)[len(first.strip()) :])
                if again != lines and "--wrap" not in sys.argv:
                    print(f"{path.relative_to(ROOT)}:{number + 1}: prose beyond column {WIDTH} (tools/prose.py --wrap)")
                    bad = 1
            number += len(lines)
            out += again
        if "--wrap" in sys.argv and "\n".join(out) != text:
            path.write_text("\n".join(out))
    return bad


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads src/ and fails on a function over 100 lines, and on a public function or object that no other file uses."""
import collections
import pathlib
import re
import sys

FUNCTION_MAX = 100
# Known exceptions: functions with which binding tests set defaults, and OpenAI's family for providers to come. It only
# gets shorter.
KNOWN = {
    "sl_cidrs_have",
    "sl_openai_build",
    "sl_openai_prepare",
    "sl_opt_defaults",
}
ROOT = pathlib.Path(__file__).resolve().parent.parent
WORD = re.compile(r"\bsl_\w+")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
# A definition at the left margin: a function whose body follows, or an object that is given a value.
FUNCTION = re.compile(r"^(?!static\b|typedef\b)[A-Za-z_][^\n;={}]*?\b(sl_\w+)\([^;{}]*\)\s*\n\{", re.M)
OBJECT = re.compile(r"^(?!static\b|typedef\b|extern\b)[A-Za-z_][\w \*]*?\b(sl_\w+)(?:\[[^\]]*\])?\s*=", re.M)


def too_long(path, text):
    """The functions of a file that are too long: their first lines, and how many lines."""
    begin = name = None
    last = ""
    for number, line in enumerate(text.split("\n"), 1):
        if line == "{":
            begin, name = number, last
        elif line == "}" and begin:
            if number - begin > FUNCTION_MAX:
                yield f"{path}:{begin}: {number - begin} lines, at most {FUNCTION_MAX}: {name}"
            begin = None
        elif line and not line[0].isspace():
            last = line


def main():
    bad = []
    users = collections.defaultdict(set)
    defined = {}
    for folder in ("src", "tests", "tools", "bench", "include"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            text = COMMENT.sub("", path.read_text(errors="replace"))
            name = str(path.relative_to(ROOT))
            for word in set(WORD.findall(text)):
                users[word].add(name)
            if folder == "src" and path.suffix == ".c":
                bad += too_long(name, path.read_text(errors="replace"))
                for match in FUNCTION.findall(text) + OBJECT.findall(text):
                    defined[match] = name
    for symbol, home in sorted(defined.items()):
        # Headers only declare; a function that an inline function or a macro of one calls counts as used.
        others = {u for u in users[symbol] if u != home and not u.endswith(".h")}
        for header in (u for u in users[symbol] if u.endswith(".h")):
            text = COMMENT.sub("", (ROOT / header).read_text())
            if len(re.findall(rf"\b{symbol}\b", text)) > 1:
                others.add(header)
        if not others and symbol not in KNOWN:
            bad.append(f"{home}: {symbol} is used in no other file: make it static, or drop it")
    for symbol in sorted(KNOWN - set(defined)):
        print(f"note: {symbol} is no more; take it off the list in tools/symbols.py")
    for line in bad:
        print(line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

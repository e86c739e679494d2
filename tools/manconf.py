#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sluice.yaml(5) from docs/configuration.md, which `make docs` makes from the option tables.

usage: manconf.py configuration.md OUT"""
import pathlib
import re
import sys

from manpages import roff

HEAD = """\
.\\" Made from docs/configuration.md by tools/manconf.py.
.TH SLUICE.YAML 5 "" "Sluice" "File Formats"
.ad l
.nh
.SH NAME
sluice.yaml \\- the configuration of the Sluice AI gateway
.SH SYNOPSIS
.B sluice serve \\-c
.I FILE
.SH DESCRIPTION
"""
TAIL = """\
.SH SEE ALSO
.BR sluice (1)
"""


def inline(text):
    """Code is bold, emphasis italic; of a link only its text is left."""
    text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text.replace("\\|", "|").replace("\u2026", "..."))
    out = []
    for part in re.split(r"(`[^`]+`|(?<!\w)\*[^*]+\*(?!\w))", text):
        if part.startswith("`"):
            out.append(f"\\fB{roff(part[1:-1])}\\fR")
        elif part.startswith("*") and part.endswith("*") and len(part) > 2:
            out.append(f"\\fI{roff(part[1:-1])}\\fR")
        else:
            out.append(roff(part))
    line = "".join(out)
    return "\\&" + line if line.startswith((".", "'")) else line


def cells(line):
    return [c.strip() for c in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def row(names, values):
    """An entry: the key, then what it may be, its default and when it changes, then what it is."""
    entry = dict(zip(names, values))
    facts = [] if entry.get("value") in (None, "see right") else [inline(entry["value"])]
    facts += [f"default: {inline(entry['default'])}"] if entry.get("default", "\u2013") != "\u2013" else []
    facts += ["a change needs a restart"] if entry.get("changes") == "restart" else []
    return f".TP\n{inline(values[0])}\n" + (f"({'; '.join(facts)})\n" if facts else "") + inline(entry["what"]) + "\n"


def page(text):
    out = [HEAD]
    text = re.sub(r"^# .*\n|<!--.*?-->\n", "", text, flags=re.M)
    for block in re.split(r"\n{2,}", text.strip()):
        lines = block.splitlines()
        if block.startswith("#"):
            level, title = block.split(" ", 1)
            out.append((".SH " if level == "##" else ".SS ") + inline(title) + "\n")
        elif block.startswith("|"):
            names = cells(lines[0])
            out += [row(names, cells(line)) for line in lines[2:]]
        elif block.startswith("- "):
            for item in re.split(r"^- ", block, flags=re.M)[1:]:
                out.append(".IP \\(bu 2\n" + inline(" ".join(item.split())) + "\n")
        else:
            out.append(".PP\n" + inline(" ".join(block.split())) + "\n")
    return "".join(out) + TAIL


if __name__ == "__main__":
    pathlib.Path(sys.argv[2]).write_text(page(pathlib.Path(sys.argv[1]).read_text()))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The manual pages of libsluice, from docs/man/*.3.in and the comments of include/sluice.

usage: manpages.py --list            the names of all pages, one a line
       manpages.py DIRECTORY         writes them there

A source begins with lines "key: value" up to an empty one: what (for NAME), headers, functions, and perhaps types and sections; the rest is
roff, in which @functions@ stands for the contracts. Each function has a page of its own that shows its group's."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROTOTYPE = re.compile(r"^(?:static inline )?(?P<type>[a-z][\w ]*?[ *]+)(?P<name>sluice_\w+)\((?P<args>(?:[^()]|\([^()]*\)\([^()]*\)|\([^()]*\))*?)\)(?:;|\n\{)", re.M)
COMMENT = re.compile(r"/\*.*?\*/", re.S)


class Header:
    """The place of each function, with the comment above it; types; the texts under the headings."""

    def __init__(self, path):
        text = path.read_text()
        blanked = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
        comments = [(m.start(), m.end(), m.group()) for m in COMMENT.finditer(text)]
        self.groups, self.types, self.sections = [], {}, {}
        for m in PROTOTYPE.finditer(blanked):
            before = [c for c in comments if c[1] <= m.start()]
            comment = before[-1]
            if "\n\n" in text[comment[1]:m.start()]:
                continue  # the comment belongs to something else
            prototype = (m["type"] + m["name"], re.sub(r"\s+", " ", m["args"]).strip())
            if self.groups and self.groups[-1][0] == comment[0]:
                self.groups[-1][2].append((m["name"], prototype))
            else:
                self.groups.append((comment[0], words(comment[2]), [(m["name"], prototype)]))
        for m in re.finditer(r"^typedef struct (sluice_\w+) \{.*?^\} \1;", text, re.M | re.S):
            self.types[m[1]] = m.group()
        for _, _, comment in comments:
            heading = re.match(r"/\* ---- ([\w ,']+?)(?::.*?)? ?-{3,}", comment, re.S)
            if heading:
                body = comment.split("\n", 1)[1] if "\n" in comment else ""
                self.sections[heading[1]] = re.sub(r"^ \*(?:  ?)?", "", body, flags=re.M).removesuffix("*/").rstrip()


def words(comment):
    """A comment as one paragraph; for a heading, the text under it."""
    if comment.startswith("/* ----"):
        comment = "/* " + comment.partition("\n *\n")[2].removeprefix(" * ")
    return re.sub(r"\s*\n \* ?", " ", comment[2:-2].strip())


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "")
    text = re.sub(r"[^\x00-\x7f]", lambda m: f"\\[u{ord(m.group()):04X}]", text)
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def verbatim(text):
    return ".PP\n.nf\n" + roff(text) + "\n.fi\n"


def contracts(headers, names):
    out = []
    for header in headers:
        for _, text, functions in header.groups:
            ours = [(n, p) for n, p in functions if n in names]
            if not ours:
                continue
            for k, (name, (declared, args)) in enumerate(ours):
                declared = declared.removesuffix(name)
                out.append((".TP\n" if k == 0 else ".TQ\n") + f"\\fR{roff(declared)}\\fB{name}\\fR({roff(args)})\n")
            out.append((roff(text) or "See above.") + "\n")
    return "".join(out)


class Page:
    def __init__(self, source):
        head, self.body = source.read_text().split("\n\n", 1)
        fields = dict(line.split(": ", 1) for line in head.splitlines() if not line.startswith("#"))
        self.name = source.name.removesuffix(".3.in")
        self.what, self.functions = fields["what"], fields["functions"].split()
        self.headers, self.types, self.sections = (fields.get(k, "").split(sep) for k, sep in (("headers", None), ("types", None), ("sections", ", ")))

    def render(self, known):
        headers = [known[h] for h in self.headers]
        declared = [n for h in headers for _, _, functions in h.groups for n, _ in functions]
        missing = [n for n in self.functions if n not in declared]
        if missing:
            sys.exit(f"{self.name}: not in {self.headers}: {missing}")
        out = ["'\\\" t\n", '.\\" SPDX-License-Identifier: Apache-2.0\n', f'.TH {self.name.upper()} 3 "" "Sluice" "Library Functions"\n', ".ad l\n.nh\n.SH NAME\n",
               ", ".join(dict.fromkeys([self.name] + self.functions)) + f" \\- {roff(self.what)}\n", ".SH SYNOPSIS\n.nf\n"]
        out += [f".B #include <sluice/{h}>\n" for h in self.headers]
        out += [".fi\n.PP\n.I cc prog.c $(pkg\\-config \\-\\-cflags \\-\\-libs sluice)\n"]
        shown = "".join(verbatim(h.sections[s]) for s in self.sections for h in headers if s in h.sections)
        shown += "".join(verbatim(h.types[t]) for t in self.types for h in headers if t in h.types)
        out.append(self.body.replace("@functions@\n", shown + contracts(headers, self.functions)))
        out.append(".SH SEE ALSO\n.BR libsluice (3)\n")
        return "".join(out)


def main():
    pages = [Page(p) for p in sorted((ROOT / "docs/man").glob("*.3.in"))]
    if sys.argv[1:] == ["--list"]:
        print("\n".join(dict.fromkeys(f"{n}.3" for p in pages for n in [p.name] + p.functions)))
        return
    out = pathlib.Path(sys.argv[1])
    known = {p.name: Header(p) for p in sorted((ROOT / "include/sluice").glob("*.h"))}
    for page in pages:
        for name in page.functions:
            (out / f"{name}.3").write_text(f".so man3/{page.name}.3\n")
        (out / f"{page.name}.3").write_text(page.render(known))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: genconsole.py OUT.c DIRECTORY [FILE…]: the console's files as C, each plain and compressed. Our own lose their
comments and indentation, which are a tenth of them. The first is the page; `@/` in it becomes the folder of the others,
whose name is made from what is in them, so that a browser may keep them for ever. Without files there is no console."""
import gzip
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


def literal(data):
    rows = [data[i : i + 48] for i in range(0, len(data), 48)]
    return "\n".join('    "' + "".join(f"\\{byte:03o}" for byte in row) + '"' for row in rows) or '    ""'


def tag(data):
    return hashlib.sha256(data).hexdigest()[:20]


def part(data):
    return f'{{ "\\"{tag(data)}\\"", SL_STR_INIT(\n{literal(data)}) }}'


def row(name, data):
    zipped = gzip.compress(data, 9, mtime=0)
    return f'    {{ "{name}", "{TYPES[pathlib.Path(name).suffix]}", {part(data)}, {part(zipped)} }},'


def read(directory, name):
    data = (pathlib.Path(directory) / name).read_bytes()
    if name.startswith("vendor/"):
        return data
    lines = (line.strip() for line in data.decode().split("\n"))
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("//")).encode()


def main():
    out, directory, *names = sys.argv[1:]
    files = {name: read(directory, name) for name in names}
    if names:
        folder = tag(b"".join(name.encode() + b"\0" + files[name] for name in names[1:]))
        files[names[0]] = files[names[0]].replace(b"@/", b"console/" + folder.encode() + b"/")
    else:
        folder = ""
    text = ["/* SPDX-License-Identifier: Apache-2.0 */", "/* Made by tools/genconsole.py. */", '#include "gate/api/console.h"', ""]
    text += [f'const char sl_console_folder[] = "{folder}";', "", "const struct sl_console_file sl_console_files[] = {"]
    text += [row(name, files[name]) for name in names]
    text += ["    { NULL, NULL, { NULL, { NULL, 0 } }, { NULL, { NULL, 0 } } },", "};", ""]
    pathlib.Path(out).write_text("\n".join(text))


if __name__ == "__main__":
    main()

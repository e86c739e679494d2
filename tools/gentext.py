#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: gentext.py OUT.c HEADER NAME FILE: a text file as the C string NAME, which HEADER declares."""
import pathlib
import sys


def main():
    out, header, name, path = sys.argv[1:]
    lines = pathlib.Path(path).read_text().splitlines()
    text = ["/* SPDX-License-Identifier: Apache-2.0 */", "/* Made by tools/gentext.py. */", f'#include "{header}"', "", f"const char {name}[] ="]
    for line in lines:
        escaped = line.replace("\\", "\\\\").replace('"', '\\"')
        text.append(f'    "{escaped}\\n"')
    pathlib.Path(out).write_text("\n".join(text) + ";\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads the #include graph of src/ and fails on an arrow that points upwards (docs/architecture.md)."""
import pathlib
import re
import sys

MAY_INCLUDE = {
    "base": set(),
    "json": {"base"},
    "wire": {"base"},
    "conf": {"base"},
    "net": {"base"},
    "http": {"net", "wire", "base"},
    "llm": {"json", "wire", "base"},
    "store": {"base"},
    "gate": {"llm", "http", "store", "json", "wire", "net", "conf", "base"},
    "daemon": {"gate", "llm", "http", "store", "json", "wire", "net", "conf", "base"},
    "client": {"json", "wire", "base"},
    "cli": {"conf", "base"},
}
# A library that one folder alone may know.
ONLY_IN = {"sqlite3.h": "store/sqlite"}
SYSTEM = re.compile(r'^\s*#\s*include\s+<([^>]+)>', re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
LONG = 600


def main():
    root = pathlib.Path(__file__).resolve().parent.parent / "src"
    bad = 0
    sizes = []
    for path in sorted(root.rglob("*.[ch]")):
        layer = path.relative_to(root).parts[0]
        text = path.read_text()
        sizes.append((text.count("\n"), path.relative_to(root)))
        for name in SYSTEM.findall(text):
            if name in ONLY_IN and not path.is_relative_to(root / ONLY_IN[name]):
                print(f"{path}: only {ONLY_IN[name]} may include <{name}>")
                bad += 1
        for name in INCLUDE.findall(text):
            other = name.split("/")[0]
            if name.startswith("store/sqlite/") and path.parent != root / "store/sqlite" and path.name != "kinds.c":
                print(f"{path}: only the table of kinds may include {name}")
                bad += 1
            if "/" in name and other != layer and other in MAY_INCLUDE and other not in MAY_INCLUDE[layer]:
                print(f"{path}: layer {layer} must not include {name}")
                bad += 1
        if path.suffix == ".h" and "#ifndef SL_" not in text and "#ifndef SLUICE_" not in text:
            print(f"{path}: no include guard")
            bad += 1
    for lines, path in sorted(sizes, reverse=True)[:3]:
        if lines > LONG:
            print(f"note: {path} has {lines} lines")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

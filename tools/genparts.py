#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: genparts.py OUT.c FILE.json: the parts of /openapi.json that are written by hand ({group: {name: part}}) as C."""
import json
import pathlib
import sys


def literal(value):
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main():
    out, path = sys.argv[1:]
    groups = json.loads(pathlib.Path(path).read_text())
    text = ["/* SPDX-License-Identifier: Apache-2.0 */", "/* Made by tools/genparts.py. */", '#include "gate/api/openapi.h"', ""]
    text.append("const struct sl_openapi_part sl_openapi_parts[] = {")
    text += [f'    {{ "{group}", "{name}", {literal(part)} }},' for group, parts in groups.items() for name, part in parts.items()]
    text += ["    { NULL, NULL, NULL },", "};", ""]
    pathlib.Path(out).write_text("\n".join(text))


if __name__ == "__main__":
    main()

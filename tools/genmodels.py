#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: genmodels.py OUT.c FILE.yaml...: the tables of models (data/models) as C. Reads a strict part of YAML: `provider: NAME`,
`tells: [FEATURE, …]`, and one row a line, `- { prefix: NAME, key: value, … }`; anything else is an error with its line."""
import pathlib
import re
import sys

ROW = re.compile(r"^  - \{ (.*) \}$")
FIELD = re.compile(r'(\w+): (\[[^\]]*\]|"[^"]*"|[^,\s]+)(?:, |$)')
KEYS = {"prefix", "context", "output", "features", "like", "guess"}


def fail(path, number, text):
    sys.exit(f"{path}:{number}: {text}")


def row_read(path, number, text):
    row, at = {}, 0
    while at < len(text):
        m = FIELD.match(text, at)
        if not m or m[1] not in KEYS or m[1] in row:
            fail(path, number, f"not understood: {text[at:]}")
        row[m[1]] = m[2].strip('"')
        at = m.end()
    for key in ("context", "output"):
        if key in row and not row[key].isdigit():
            fail(path, number, f"{key} is not a number")
    row["features"] = [f.strip() for f in row["features"].strip("[]").split(",") if f.strip()] if "features" in row else []
    if "prefix" not in row:
        fail(path, number, "a row has a prefix")
    return row


def file_read(path):
    provider, tells, rows = None, [], []
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#") or line == "models:":
            continue
        if m := re.fullmatch(r"provider: (\S+)", line):
            provider = m[1]
        elif m := re.fullmatch(r"tells: \[(.*)\]", line):
            tells = [f.strip() for f in m[1].split(",")]
        elif m := ROW.match(line):
            row = row_read(path, number, m[1])
            if any(r["prefix"] == row["prefix"] for r in rows):
                fail(path, number, f"{row['prefix']} is there twice")
            if "like" in row:
                other = next((r for r in rows if r["prefix"] == row["like"]), None)
                if not other:
                    fail(path, number, f"like: {row['like']} is no row above")
                row = {**other, **{k: v for k, v in row.items() if k != "features" or v}}
            rows.append(row)
        else:
            fail(path, number, f"not understood: {line}")
    if not provider or not rows:
        fail(path, 1, "a provider and its models are expected")
    return provider, tells, rows


def main():
    out, files = sys.argv[1], sys.argv[2:]
    text = ["/* SPDX-License-Identifier: Apache-2.0 */", "/* Made by tools/genmodels.py of data/models. */", '#include "llm/form/models.h"', ""]
    lists = []
    for path in sorted(files):
        provider, tells, rows = file_read(path)
        name = re.sub(r"\W", "_", provider)
        rows.sort(key=lambda r: -len(r["prefix"]))  # the longest first, because the first that fits counts
        text.append(f"static const struct sl_model {name}[] = {{")
        for r in rows:
            can = [f"SL_MODEL_{f.upper()}" for f in r["features"]] + (["SL_MODEL_GUESS"] if r.get("guess") == "true" else [])
            like = f'.like = "{r["like"]}", ' if "like" in r else ""
            told = [] if r.get("guess") == "true" else [f"SL_MODEL_{f.upper()}" for f in tells]  # a guess may also have what is not named
            text.append(f'    {{ .prefix = SL_STR_INIT("{r["prefix"]}"), {like}.can = {" | ".join(can) or "0"}, .tells = {" | ".join(told) or "0"}, '
                        f'.context = {r.get("context", 0)}, .output = {r.get("output", 0)} }},')
        text += ["};", ""]
        lists.append(f'    {{ "{provider}", {name}, SL_ARRAY_LEN({name}) }},')
    text += ["const struct sl_model_list sl_model_lists[] = {", *lists, "    { NULL, NULL, 0 },", "};", ""]
    pathlib.Path(out).write_text("\n".join(text))


if __name__ == "__main__":
    main()

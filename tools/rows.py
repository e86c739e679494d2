#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Some rows need company in other files: a test, an example, a line of a page. This names the rows that lack it, where no
other test would. A row that needs none stands in `but`, with the reason."""
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def read(path):
    return (ROOT / path).read_text()


def names(path, pattern):
    found = re.findall(pattern, read(path), re.M | re.S)
    assert found, f"{path}: nothing fits {pattern}"
    return found


def has(text, name):
    """True: the name stands there as a whole word."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


def lacks(what, rows, places, form="{}", but=()):
    """The places that lack a row. `form`: how the row's name looks there."""
    for place in places:
        text = read(place)
        for row in rows:
            if row not in but and not has(text, form.format(row)):
                yield f"{what} {row}: {place} lacks it"


def of_providers():
    rows = names("src/llm/providers/family.c", r'\.provider = \{\s*\.name = "([^"]+)"')
    # tgi and MLflow's server have tests of their own language; the last three are whatever stands behind them.
    own = {"huggingface-text-generation-inference", "mlflow-model-serving"}
    any_host = {"openai-compatible", "portkey", "litellm"}
    yield from lacks("provider", rows, ["examples/family.yaml", "README.md"])
    chunks = read("src/llm/providers/family.c").split(".provider = {")
    list_models = [n for chunk in chunks for n in re.findall(r'^\s*\.name = "([^"]+)"', chunk) if re.search(r"\bLISTS\b", chunk)]
    for path in sorted((ROOT / "src/llm/providers").glob("*.c")):
        text = path.read_text()
        list_models += re.findall(r'^    \.name = "([^"]+)"', text, re.M) if "    .models_target = " in text else []
    yield from lacks("provider with a list of its models", list_models, ["docs/traffic.md"])
    yield from lacks("provider", rows, ["tests/unit/llm/test_family.c"], but=own)
    yield from lacks("provider", rows, ["tests/wire/dialects/test_form_family.py", "tests/wire/strict_openai.py"], but=own | any_host)


def of_dialects():
    rows = set(names("src/llm/dialects.h", r"sl_dialect_(\w+)"))
    # Variants with other errors or paths, and the one that no call uses.
    rows -= {r for r in rows if r.startswith("mlflow3_")} | {"mlflow_sdk", "databricks", "sluice"}
    yield from lacks("dialect", rows, ["tests/unit/gate/test_path.c", "tests/fuzz/fuzz_dialects.c", "tests/golden/test_golden.c"], "sl_dialect_{}")
    rows.discard("mlflow3")  # MLflow's own, at other paths
    yield from lacks("dialect", rows, ["tests/wire/dialects/speakers.py", "tests/wire/dialects/test_matrix.py"], '"{}"')
    yield from lacks("dialect", rows, ["docs/dialects.md"])
    for row in rows - {"openai", "mlflow"}:  # these have their cases with each provider
        if not (ROOT / f"tests/golden/{row}_in").is_dir():
            yield f"dialect {row}: there is no folder tests/golden/{row}_in"


def of_prefixes():
    errors_only = {"/v1/files", "/v1/skills", "/v1/complete"}  # a part of Anthropic's API that is not served
    rows = set(names("src/gate/api/table.c", r'\{ SL_STR_INIT\("([^"]+)"\), &sl_dialect')) - {""}
    pages = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    tests = read("tests/unit/gate/test_path.c")
    for row in sorted(rows):
        for text, place in ((tests, "tests/unit/gate/test_path.c"), (pages, "docs")):
            if not (row in errors_only and text is pages) and not re.search(rf'["`]{re.escape(row)}(?![\w])', text):
                yield f"prefix {row}: {place} lacks it"


def of_commands():
    rows = names("src/cli/commands.c", r'^    \{ "([a-z -]+)",(?:(?!^    \{).)*?OF_CLIENT')
    # They print no JSON, or that of a reply, or only say what they did.
    mute = {"completion", "man-page", "query", "chat", "routes delete", "routes apply", "routes diff", "keys revoke", "groups delete"}
    schemas, tests = json.loads(read("docs/schemas/cli.json"))["$defs"], read("tests/wire/cli/test_commands_json.py")
    for row in rows:
        if row not in mute and row not in schemas:
            yield f"command {row}: docs/schemas/cli.json has no schema of what --json prints"
        if row not in mute and f'check("{row}"' not in tests:
            yield f"command {row}: tests/wire/cli/test_commands_json.py does not check what --json prints"


def of_metrics():
    rows = {n for f in ("metric_rows", "readings") for n in names(f"src/gate/watch/{f}.c", r'"((?:sluice|gen_ai)_[a-z_]+)"')}
    lists = re.compile(r"^NAMES = \{.*?^\}", re.M | re.S)
    tests = "".join(lists.sub("", path.read_text()) for path in (ROOT / "tests/wire").glob("*/test_*.py"))
    # The ledger's unit counts them: to lose usage, a test would have to fill the store's queue.
    for row in sorted(rows - {"sluice_usage_lost_total", "sluice_usage_other_total"}):
        if row.removesuffix("_total") not in tests:
            yield f"metric {row}: no wire test says what changes it"


def of_balances():
    rows = re.findall(r'"(\w+)"', names("src/gate/config/traffic_conf.c", r"balance_words\[\] = \{([^}]+)\}")[0])
    places = ["tests/wire/upstream/test_scenarios.py", "tests/wire/upstream/test_faults_matrix.py", "bench/policy.c", "bench/rows.py",
              "tests/wire/chaos_config.py", "docs/traffic.md"]
    yield from lacks("balance", rows, places)
    tests = read("tests/unit/gate/test_pool.c") + read("tests/unit/gate/test_day.c")
    for row in rows:
        if not has(tests, f"SL_BALANCE_{row.upper()}"):
            yield f"balance {row}: neither test_pool.c nor test_day.c tries it"


def of_files():
    """The tables of docs/architecture.md say where to look for a subject."""
    page = read("docs/architecture.md")
    for folder in ("call", "policy"):
        for path in sorted((ROOT / f"src/gate/{folder}").glob("*.c")):
            if not path.stem.startswith("relay_") and not re.search(rf"[`/]{path.stem}`", page):
                yield f"src/gate/{folder}/{path.name}: no table of docs/architecture.md has it"
    for path in sorted((ROOT / "src/llm").iterdir()):
        if path.is_dir() and f"{path.name}/" not in page:
            yield f"src/llm/{path.name}: docs/architecture.md has no such folder"


def main():
    faults = [f for check in (of_providers, of_dialects, of_prefixes, of_commands, of_metrics, of_balances, of_files) for f in check()]
    print("".join(f"{fault}\n" for fault in faults), end="")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

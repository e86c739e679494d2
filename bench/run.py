#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures Sluice beside nginx and HAProxy, prints every bar with its figure, and writes bench/results.json.
docs/performance.md explains what is measured and how."""
from __future__ import annotations

import argparse
import datetime
import fnmatch
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback

import harness
from harness import BenchError
from rows import TASKS, Bench, Figure, NotApplicable, Task
from subjects import Haproxy, Nginx, Sluice

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures:begin -->", "<!-- figures:end -->"


def parse_args() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--sluice", type=pathlib.Path, help="the daemon, BUILDDIR/src/daemon/sluice")
    p.add_argument("--build", type=pathlib.Path, help="the build directory (default: the one of --sluice)")
    p.add_argument("--out", type=pathlib.Path, help="write the results here")
    p.add_argument("--quick", action="store_true", help="a tenth of the requests, 3 rounds: to see that it runs")
    p.add_argument("--only", default="", metavar="NAME,...", help="only these rows (patterns as in a shell)")
    p.add_argument("--strict", action="store_true", help="end with status 3 when a bar is missed")
    p.add_argument("--subject", choices=("sluice", "nginx", "haproxy"), default="sluice",
                   help="a yardstick in Sluice's place, to try the benchmark itself")
    p.add_argument("--docs", action="store_true",
                   help="put the figures of --out into docs/performance.md; without --sluice only that")
    p.add_argument("--keep", action="store_true", help="keep configurations and logs, and say where")
    args = p.parse_args()
    if args.docs and not args.sluice and not args.out:
        args.out = HERE / "results.json"
    if not args.docs and args.subject == "sluice" and not args.sluice:
        p.error("--sluice is needed")
    if args.sluice and not args.build:
        args.build = args.sluice.resolve().parents[2]
    if not args.build and not args.docs:
        p.error("--build is needed")
    return args


def chosen(only: str) -> list[Task]:
    patterns = [x.strip() for x in only.split(",") if x.strip()]
    if not patterns:
        return list(TASKS)
    def fits(name: str) -> bool:
        return any(fnmatch.fnmatch(name, x) for x in patterns)
    tasks = [t for t in TASKS if fits(t.name) or any(fits(b.name) for b in t.bars)]
    if not tasks:
        names = ", ".join(t.name for t in TASKS)
        raise SystemExit(f"--only {only}: no such row; there are {names}")
    return tasks


def machine() -> dict:
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": model, "cores": os.cpu_count(), "memory_mib": memory >> 20,
            "kernel": platform.release(), "system": platform.freedesktop_os_release().get("PRETTY_NAME", "")}


def busy_share(seconds: float = 1) -> float:
    """How much of the machine others use now: figures taken beside other work are worth less."""
    def sample() -> tuple[int, int]:
        fields = [int(x) for x in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]
    total, idle = sample()
    time.sleep(seconds)
    total2, idle2 = sample()
    return 1 - (idle2 - idle) / max(total2 - total, 1)


def make_certificate(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    cert, key = folder / "upstream.pem", folder / "upstream.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def number(value: float, unit: str) -> str:
    text = f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
    return f"{text} {unit}" if unit != "×" else f"{text} ×"


def row_of(bar, figure: Figure | None, error: str | None) -> dict:
    row = {"name": bar.name, "what": bar.what, "limit": bar.limit, "unit": bar.unit}
    if figure is None:
        return row | {"result": "ERROR" if error else "n/a", "error": error}
    result = "info" if bar.limit is None else "ok" if figure.value <= bar.limit else "MISS"
    return row | {"value": figure.value, "result": result, "note": figure.note, "detail": figure.detail}


def print_row(row: dict) -> None:
    bar = f"≤ {row['limit']:g} {row['unit']}" if row["limit"] is not None else "–"
    measured = number(row["value"], row["unit"]) if "value" in row else "–"
    tail = row.get("note") or (row.get("error") or "").strip().replace("\n", "\n    ")
    print(f"{row['name']:<19} {bar:>9}  {measured:>10}  {row['result']:<5}  {tail}", flush=True)


def run_task(task: Task, bench: Bench) -> list[dict]:
    figures: dict[str, Figure] = {}
    error = None
    began = time.monotonic()
    try:
        figures = task.run(bench)
    except NotApplicable:
        pass
    except (BenchError, OSError, ValueError, KeyError, IndexError, TypeError) as e:
        error = str(e) if isinstance(e, BenchError) else traceback.format_exc()
    rows = [row_of(bar, figures.get(bar.name), error) for bar in task.bars]
    for row in rows:
        row["seconds"] = round(time.monotonic() - began, 1)
        print_row(row)
    return rows


def run_all(args: argparse.Namespace, folder: pathlib.Path) -> dict:
    nginx, haproxy = Nginx("nginx"), Haproxy("haproxy")
    subject = {"nginx": nginx, "haproxy": haproxy}.get(args.subject) or Sluice(str(args.sluice.resolve()))
    cert, key = make_certificate(folder)
    results = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject": subject.name, "quick": args.quick, "machine": machine(), "busy_before": round(busy_share(), 3),
        "versions": {s.name: s.version() for s in (nginx, haproxy, subject)}, "rows": [],
    }
    print(f"{results['machine']['cpu']}, {results['machine']['cores']} cores, Linux {results['machine']['kernel']} · "
          + " · ".join(f"{n} {v}" for n, v in results["versions"].items()))
    if results["busy_before"] > 0.05:
        print(f"warning: other work uses {results['busy_before']:.0%} of this machine", file=sys.stderr)
    if harness.GATEWAY_CORE == harness.OTHER_CORE:
        print("warning: one core only; gateway, upstream and load share it", file=sys.stderr)
    for task in chosen(args.only):
        own = folder / task.name
        own.mkdir()
        bench = Bench(subject, nginx, haproxy, args.build / "bench", args.build, own, cert, key, args.quick)
        results["rows"] += run_task(task, bench)
    return results


def figures_text(results: dict) -> str:
    m = results["machine"]
    where = (f"{results['date'][:10]}, {m['cpu']}, {m['cores']} cores, Linux {m['kernel']}, {m['system']}; "
             + ", ".join(f"{n} {v}" for n, v in results["versions"].items()) + ".")
    lines = [*textwrap.wrap(where, 100, break_on_hyphens=False), ""]
    if results["quick"]:
        lines += ["A quick run, to show that it works; its figures say little.", ""]
    lines += ["| row | work | bar | measured | | behind it |", "|---|---|---|---|---|---|"]
    for row in results["rows"]:
        bar = f"≤ {row['limit']:g} {row['unit']}" if row["limit"] is not None else ""
        measured = number(row["value"], row["unit"]) if "value" in row else "–"
        cells = (f"`{row['name']}`", row["what"], bar, measured, row["result"], row.get("note", ""))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_docs(results: dict) -> None:
    text = DOCS.read_text()
    head, found, rest = text.partition(BEGIN)
    _, found_end, tail = rest.partition(END)
    if not found or not found_end:
        raise SystemExit(f"{DOCS} has no {BEGIN} … {END}")
    DOCS.write_text(f"{head}{BEGIN}\n{figures_text(results)}\n{END}{tail}")


def main() -> int:
    args = parse_args()
    if args.docs and not args.sluice and args.subject == "sluice":
        write_docs(json.loads(args.out.read_text()))
        return 0
    harness.pin_self()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bench-"))
    try:
        results = run_all(args, folder)
    except BenchError as e:
        raise SystemExit(f"bench: {e}") from None
    finally:
        if args.keep:
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if args.out:
        args.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    if args.docs:
        write_docs(results)
    outcomes = [row["result"] for row in results["rows"]]
    print(f"{outcomes.count('ok')} ok, {outcomes.count('MISS')} missed, {outcomes.count('ERROR')} failed")
    if "ERROR" in outcomes:
        return 1
    return 3 if args.strict and "MISS" in outcomes else 0


if __name__ == "__main__":
    sys.exit(main())

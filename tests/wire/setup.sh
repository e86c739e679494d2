#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The clients that the wire tests drive, pinned, wheels only: Python ones into .venv, Node's into node_modules. Does nothing when they are
# there; a changed list is brought up to date in place.
set -eu
cd "$(dirname "$0")"
sum() { sha256sum <"$1" | cut -d' ' -f1; }
# What the lock names is there, in its version.
has_node() {
    python3 - <<'END'
import json, pathlib, sys
for path, package in json.loads(pathlib.Path("package-lock.json").read_text())["packages"].items():
    there = pathlib.Path(path, "package.json")
    if path and not (there.exists() and json.loads(there.read_text())["version"] == package["version"]):
        sys.exit(1)
END
}
is_done() { [ "$(cat .venv/python-stamp 2>/dev/null || true)" = "$(sum requirements.txt)" ] && has_node; }
is_done && exit 0
if [ ! -x .venv/bin/pip ]; then
    python=/usr/bin/python3
    [ -x "$python" ] || python=python3
    rm -rf .venv
    "$python" -m venv .venv
fi
exec 9>.venv/lock
flock 9
is_done && exit 0
echo "installing the test clients"
if [ "$(cat .venv/python-stamp 2>/dev/null || true)" != "$(sum requirements.txt)" ]; then
    .venv/bin/pip install --quiet --disable-pip-version-check --only-binary :all: -r requirements.txt
fi
if ! has_node; then
    npm ci --no-audit --no-fund --silent
fi
sum requirements.txt >.venv/python-stamp

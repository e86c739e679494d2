#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The clients that the wire tests drive, pinned, wheels only: Python ones into .venv, Node's into node_modules. Does nothing when they are
# there; a changed list is brought up to date in place.
set -eu
cd "$(dirname "$0")"
sum() { sha256sum <"$1" | cut -d' ' -f1; }
is_done() { [ "$(cat .venv/python-stamp 2>/dev/null || true)" = "$(sum requirements.txt)" ] && [ "$(cat .venv/node-stamp 2>/dev/null || true)" = "$(sum package-lock.json)" ] && [ -d node_modules ]; }
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
if [ ! -d node_modules ] || [ "$(cat .venv/node-stamp 2>/dev/null || sum package-lock.json)" != "$(sum package-lock.json)" ]; then
    npm ci --no-audit --no-fund --silent
fi
sum requirements.txt >.venv/python-stamp
sum package-lock.json >.venv/node-stamp

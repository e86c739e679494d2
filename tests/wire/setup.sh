#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The clients that the wire tests drive, pinned, wheels only: Python ones into .venv, Node's into node_modules. Does nothing when they are there.
set -eu
cd "$(dirname "$0")"
stamp=$(cat requirements.txt package-lock.json | sha256sum | cut -d' ' -f1)
if [ "$(cat .venv/stamp 2>/dev/null || true)" = "$stamp" ] && [ -d node_modules ]; then
    exit 0
fi
echo "installing the test clients (once)"
python=/usr/bin/python3
[ -x "$python" ] || python=python3
rm -rf .venv
"$python" -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --only-binary :all: -r requirements.txt
npm ci --no-audit --no-fund --silent
echo "$stamp" >.venv/stamp

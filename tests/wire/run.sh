#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh SLUICE [pytest options]: the wire tests against that daemon.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
SLUICE_BIN=$(realpath "$1")
export SLUICE_BIN
shift
"$here/setup.sh"
cd "$here"
exec .venv/bin/python -m pytest -q -p no:cacheprovider -n 2 --timeout 60 "$@" . </dev/null

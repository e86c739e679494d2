#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh SLUICE [pytest options]: the tests of the real clients against that daemon.
set -u
here=$(cd "$(dirname "$0")" && pwd)
SLUICE_BIN=$(realpath "$1")
export SLUICE_BIN
shift
"$here/setup.sh" || exit 1
cd "$here" || exit 1
exec .venv/bin/python -m pytest -q -p no:cacheprovider --timeout 60 "$@" </dev/null

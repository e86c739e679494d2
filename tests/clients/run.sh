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
tests() { # directory of the clients, options…
    "$1/bin/python" -m pytest -q -p no:cacheprovider --timeout 60 "${@:2}" </dev/null
}
status=0
tests .venv --ignore test_llama_index.py "$@" || status=1
tests .venv-llama test_llama_index.py "$@" || status=1
exit $status

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh SLUICE [pytest options]: the tests of the real clients and gateways against that daemon.
set -u
here=$(cd "$(dirname "$0")" && pwd)
SLUICE_BIN=$(realpath "$1")
export SLUICE_BIN
shift
"$here/setup.sh" || exit 1
cd "$here" || exit 1
tests() { # directory of the clients, options…
    "$1/bin/python" -m pytest -q -p no:cacheprovider --timeout 240 "${@:2}" </dev/null
    local code=$?
    [ $code = 5 ] || [ $code = 0 ] || status=1 # 5: the options leave none of these
}
status=0
tests .venv --ignore test_llama_index.py --ignore test_litellm.py --ignore test_anthropic.py --ignore test_mlflow.py "$@"
tests .venv-llama test_llama_index.py "$@"
tests .venv-litellm test_litellm.py "$@"
tests .venv-mlflow test_mlflow.py "$@"
tests ../wire/.venv test_anthropic.py "$@"
exit $status

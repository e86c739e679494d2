#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The real clients that these tests drive, pinned, wheels only; those for Node run no script of theirs, but Claude Code's own. The versions of LlamaIndex, of LiteLLM and of MLflow 3 do not go with the others: they
# have places of their own. Does nothing when they are there; a changed list is brought up to date in place. What else these tests need,
# MLflow's gateway, Anthropic's client and OpenAI's for Node, is the wire tests'.
set -eu
cd "$(dirname "$0")"
python=/usr/bin/python3
[ -x "$python" ] || python=python3

install() { # directory, list
    local sum
    sum=$(sha256sum <"$2" | cut -d' ' -f1)
    [ "$(cat "$1/stamp" 2>/dev/null || true)" != "$sum" ] || return 0
    if [ ! -x "$1/bin/pip" ]; then
        rm -rf "$1"
        "$python" -m venv "$1"
    fi
    exec 9>"$1/lock"
    flock 9
    [ "$(cat "$1/stamp" 2>/dev/null || true)" != "$sum" ] || return 0
    echo "installing the clients of $2"
    "$1/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$2"
    echo "$sum" >"$1/stamp"
}

install .venv requirements.txt
install .venv-llama requirements-llama.txt
install .venv-litellm requirements-litellm.txt
install .venv-mlflow requirements-mlflow.txt
sum=$(sha256sum <package-lock.json | cut -d' ' -f1)
if [ "$(cat node_modules/stamp 2>/dev/null || true)" != "$sum" ]; then
    echo "installing the clients of package-lock.json"
    npm ci --ignore-scripts --no-audit --no-fund --silent
    node node_modules/@anthropic-ai/claude-code/install.cjs
    echo "$sum" >node_modules/stamp
fi
../wire/setup.sh

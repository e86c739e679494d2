#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Layout, layering, and what must not be in the tree.
set -eu
cd "$(dirname "$0")/.."
status=0
clang-format --dry-run --Werror $(git ls-files '*.c' '*.h') || status=1
python3 tools/layers.py || status=1
python3 tools/symbols.py || status=1
python3 tools/twins.py || status=1
python3 tools/rows.py || status=1
tools/headers.sh || status=1
python3 tools/prose.py || status=1
exit $status

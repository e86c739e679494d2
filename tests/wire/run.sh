#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh SLUICE [pytest options]: the wire tests against that daemon. Most of a test's time is waiting, so more of them run at a
# time than there are cores. Up to five that fail are run once more, one by one: a machine that was busy with something else for a
# while is not the daemon's fault; what fails twice is.
set -u
here=$(cd "$(dirname "$0")" && pwd)
SLUICE_BIN=$(realpath "$1")
export SLUICE_BIN
shift
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
"$here/setup.sh" || exit 1
cd "$here" || exit 1
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
tests() { .venv/bin/python -m pytest -q -o cache_dir="$cache" --timeout 60 "$@" </dev/null; }
tests -n "${WIRE_JOBS:-4}" "$@" .
status=$?
failed=$(.venv/bin/python -c 'import json, sys; print(len(json.load(open(sys.argv[1]))))' "$cache/v/cache/lastfailed" 2>/dev/null || echo 0)
if [ $status = 1 ] && [ "$failed" -ge 1 ] && [ "$failed" -le 5 ]; then
    echo "once more, one by one: $failed"
    tests -n 0 --last-failed --last-failed-no-failures none "$@" .
    status=$?
fi
exit $status

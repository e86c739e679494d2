#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: run.sh SLUICE [pytest options and files]: the wire tests against that daemon. Most of a test's time is waiting, so more of them
# run at a time than there are cores. Up to five that fail are run once more, one by one: a machine that was busy with something else
# for a while is not the daemon's fault; what fails twice is. Which they are is said at the end. RERUNS_STRICT=1: more than one in a
# thousand of them is a failure.
set -u
here=$(cd "$(dirname "$0")" && pwd)
SLUICE_BIN=$(realpath "$1")
export SLUICE_BIN
shift
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
"$here/setup.sh" || exit 1
cd "$here" || exit 1
[ $# -gt 0 ] || set -- .
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
tests() { .venv/bin/python -m pytest -q -o cache_dir="$cache" --timeout 60 "$@" </dev/null; }
tests -n "${WIRE_JOBS:-4}" --junitxml="$cache/all.xml" "$@"
status=$?
failed=$(.venv/bin/python -c 'import json, sys; print("\n".join(json.load(open(sys.argv[1]))))' "$cache/v/cache/lastfailed" 2>/dev/null)
n_failed=$(printf '%s' "$failed" | grep -c .)
if [ $status = 1 ] && [ "$n_failed" -ge 1 ] && [ "$n_failed" -le 5 ]; then
    echo "== failed, and run once more, one by one: $n_failed"
    tests -n 0 --last-failed --last-failed-no-failures none "$@"
    status=$?
    n_all=$(grep -o '<testcase ' "$cache/all.xml" | wc -l)
    echo "== re-run: $n_failed of $n_all tests"
    printf '%s\n' "$failed"
    if [ "${RERUNS_STRICT:-0}" = 1 ] && [ $((n_failed * 1000)) -gt $((n_all > 1000 ? n_all : 1000)) ]; then
        echo "== more than one in a thousand had to be run again"
        status=1
    fi
fi
exit $status

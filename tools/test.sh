#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole test run: lint, units and fuzz corpora in the release build and under sanitizers, wire tests against both daemons.
# Ends with one line "N passed, M failed" over all parts. WIRE=0 leaves the wire tests out.
set -u
cd "$(dirname "$0")/.."
passed=0
failed=0

part() { # name, command…: one part that passes or fails as a whole
    local name=$1
    shift
    echo "== $name"
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "== FAILED: $name"
    fi
}

# Under sanitizers gcc's flow analysis sees its own checks and warns of what is not there: there warnings are no errors.
setup() { # directory, options…
    local dir=$1
    shift
    [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >"$dir.setup.log" 2>&1 || { cat "$dir.setup.log"; return 1; }
    ninja -C "$dir"
}

units() { # directory, suites…
    local dir=$1
    shift
    meson test -C "$dir" --no-rebuild --print-errorlogs --timeout-multiplier 4 "$@"
}

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

part "lint" tools/lint.sh
part "build (release)" setup build-test
part "build (address and undefined sanitizers)" setup build-asan -Dwerror=false -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
CC=clang part "build (clang: its warnings are errors too)" setup build-clang
part "units (release)" units build-test
part "units (sanitizers)" units build-asan
if [ "${WIRE:-1}" = 1 ]; then
    part "wire tests (release)" tests/wire/run.sh build-test/src/daemon/sluice
    part "wire tests (sanitizers)" tests/wire/run.sh build-asan/src/daemon/sluice
fi
part "threads (thread sanitizer)" tools/tsan.sh
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

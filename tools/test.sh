#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The test run, in parts; ends with one line "N passed, M failed" over them. By default the short form: lint, the release build's units,
# fuzz corpora and a share of the wire tests, and under sanitizers the units and corpora that are about memory. What more is to run is said by:
#   WIRE=       wire tests against the release daemon: share (tests/wire/share), all, none, or files below tests/wire
#   WIRE_ASAN=  the same against the daemon with sanitizers; none by default
#   UNITS_ASAN=all  all units under sanitizers, those of threads and of the store too
#   SCENARIO_CALLS=N  how many calls an outage has in tests/wire/upstream/test_scenarios.py; 300 by default
#   CHAOS_SEEDS=N, CHAOS_FROM=SEED  how many seeds tests/wire/upstream/test_chaos.py has, and the first of them; 4 and 1 by default
#   CLANG=1     a build by clang, whose warnings are errors too
#   TSAN=1      what threads share, under the thread sanitizer
#   COVERAGE=1  how many lines of gate, llm, cli and daemon units and golden cases reach: 80 % of each at least
#   CLIENTS=1   real clients in loops of several turns, and gateways as upstreams (tests/clients); installs them
#   RULES=1     the alerts of examples/prometheus, the board of examples/grafana (tests/rules); fetches Prometheus
#   BENCH=1     the benchmark in its quick form: that it runs, not what it measures
#   PACKAGES=1  Debian packages: built, each one installed, used and purged in a bare root, and upgraded under load; container images; the
#               tarball, built; what is deployed elsewhere, by the schemas of others (as root)
#   FUZZ=SECONDS  the fuzzers, for so long
set -u
cd "$(dirname "$0")/.."
passed=0
failed=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

part() { # name, command…: one part that passes or fails as a whole
    local name=$1 log=$logs/$((passed + failed))
    shift
    echo "== $name"
    "$@" 2>&1 | tee "$log"
    if [ "${PIPESTATUS[0]}" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "== FAILED: $name"
        { echo "== FAILED: $name"; tell "$log"; } >>"$logs/failed"
    fi
}

# What failed in a part, for a reader who sees only the end of the run: the lines that name tests, else its last ones.
tell() { # log
    grep -aE '^(FAILED|ERROR) |^== re-run|^== more than|^ *[0-9]+/[0-9]+ .*(FAIL|TIMEOUT|ERROR)|: error:|ERROR: (Address|Leak)|runtime error:' "$1" | tail -n 30 | grep . ||
        tail -n 15 "$1"
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

wire() { # which, name of the part, daemon
    case $1 in
    none) return ;;
    all) part "$2" tests/wire/run.sh "$3" ;;
    # shellcheck disable=SC2046
    share) part "$2" tests/wire/run.sh "$3" $(grep -v '^#' tests/wire/share) ;;
    *) part "$2" tests/wire/run.sh "$3" $1 ;;
    esac
}

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

part "lint" tools/lint.sh
part "build (release, with the benchmark's programs)" setup build-test -Dbench=true
part "build (address and undefined sanitizers)" setup build-asan -Dwerror=false -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
if [ "${CLANG:-0}" = 1 ]; then
    CC=clang part "build (clang: its warnings are errors too)" setup build-clang
fi
part "units (release)" units build-test
if [ "${UNITS_ASAN:-}" = all ]; then
    part "units (sanitizers)" units build-asan
else
    part "units (sanitizers, without those of threads)" units build-asan --no-suite threads
fi
part "make install" tests/packages/install.sh build-test
part "release tarball" tests/packages/dist.sh
wire "${WIRE:-share}" "wire tests (release)" build-test/src/daemon/sluice
wire "${WIRE_ASAN:-none}" "wire tests (sanitizers)" build-asan/src/daemon/sluice
if [ "${TSAN:-0}" = 1 ]; then
    part "threads (thread sanitizer)" tools/tsan.sh
fi
if [ "${COVERAGE:-0}" = 1 ]; then
    part "coverage (units, golden cases)" tools/coverage.sh
fi
if [ "${RULES:-0}" = 1 ]; then
    part "alerts and board (Prometheus)" tests/rules/run.sh build-test/src/daemon/sluice
fi
if [ "${CLIENTS:-0}" = 1 ]; then
    part "real clients" tests/clients/run.sh build-test/src/daemon/sluice
fi
if [ "${BENCH:-0}" = 1 ]; then
    part "benchmark (quick)" make bench ARGS="--quick --out build-bench/quick.json"
fi
if [ "${PACKAGES:-0}" = 1 ]; then
    part "packages" make deb
    part "images" make image
    tools/deps.sh packages
    part "packages in bare roots" tests/packages/run.sh build-deb
    part "images, run" tests/packages/images.py build-image
    part "release tarball, built" tests/packages/dist.sh build
    part "manifests, compose, SBOMs" tests/packages/deploy.sh build-image
fi
if [ "${FUZZ:-0}" != 0 ]; then
    part "fuzzers" tools/fuzz.sh "$FUZZ"
fi
[ ! -f "$logs/failed" ] || cat "$logs/failed"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

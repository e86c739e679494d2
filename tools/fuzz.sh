#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes every target; the seconds given are shared over them. Finds are left in build-fuzz/.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-120}
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
[ -f build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz -Dfuzz=true -Dtests=false -Dbuildtype=debugoptimized \
    -Db_sanitize=address,undefined -Db_lundef=false
ninja -C build-fuzz fuzzers
targets=$(find build-fuzz/tests/fuzz -maxdepth 1 -type f -name 'fuzz_*' -perm -u+x | sort)
n=$(echo "$targets" | wc -l)
each=$((seconds / n))
[ "$each" -ge 1 ] || each=1
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for target in $targets; do
    name=$(basename "$target")
    name=${name#fuzz_}
    mkdir -p "build-fuzz/corpus/$name"
    echo "== fuzz $name: $each s"
    if ! "$target" -max_total_time="$each" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
        -artifact_prefix="build-fuzz/$name-" "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
        failed=$((failed + 1))
        cat "$log"
    fi
done
echo "$n fuzz targets, $failed failed"
[ "$failed" = 0 ]

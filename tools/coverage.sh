#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How many lines of src/gate, src/llm, src/cli and src/daemon the tests reach that need no daemon, units and golden cases; fails where it is
# under 80 % of one of them.
# What is not reached is listed in build-cov/FOLDER.txt.
set -eu
cd "$(dirname "$0")/.."
least=80
# Counters that several threads raise at once must not lose count: gcov would tell negative ones.
[ -f build-cov/build.ninja ] || meson setup build-cov -Db_coverage=true -Dbuildtype=debug -Dwerror=false \
    -Dc_args=-fprofile-update=atomic >build-cov.setup.log 2>&1 || { cat build-cov.setup.log; exit 1; }
find build-cov -name '*.gcda' -delete
meson test -C build-cov --suite unit --suite golden --print-errorlogs --timeout-multiplier 4
failed=0
for folder in gate llm cli daemon; do
    gcovr -r . build-cov --filter "src/$folder/" --txt "build-cov/$folder.txt"
    share=$(awk '$1 == "TOTAL" && $2 { printf "%.1f", int(1000 * $3 / $2) / 10 }' "build-cov/$folder.txt")
    echo "src/$folder: $share % of the lines are reached without a daemon"
    awk -v share="$share" -v least="$least" 'BEGIN { exit !(share + 0 >= least + 0) }' || failed=1
done
[ "$failed" = 0 ] || { echo "less than $least %: see build-cov/FOLDER.txt"; exit 1; }

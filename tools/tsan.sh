#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What several threads share, under the thread sanitizer: the units of the suite "threads", and the daemon through reloads under
# load, log rotation, rotated keys and certificates, drains. WIRE=0 leaves the daemon out.
set -eu
cd "$(dirname "$0")/.."
export TSAN_OPTIONS="halt_on_error=1 suppressions=$PWD/tests/tsan.supp"
[ -f build-tsan/build.ninja ] || meson setup build-tsan -Dwerror=false -Dbuildtype=debugoptimized -Db_sanitize=thread \
    -Db_lundef=false >build-tsan.setup.log 2>&1 || { cat build-tsan.setup.log; exit 1; }
ninja -C build-tsan
meson test -C build-tsan --no-rebuild --print-errorlogs --timeout-multiplier 4 --suite threads
if [ "${WIRE:-1}" = 1 ]; then
    tests/wire/run.sh build-tsan/src/daemon/sluice -k "fifty_reloads or sigusr1 or rotated or rolling_restart or runs_too_long or openai_async"
fi

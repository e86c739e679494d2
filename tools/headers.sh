#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone, and twice: it includes what it needs and has a guard.
set -eu
cd "$(dirname "$0")/.."
# llhttp's header is in its own folder in the package node-llhttp, and so is libpq's.
export flags="-std=c17 -D_GNU_SOURCE -DLLHTTP_STRICT_MODE=1 -Isrc -Iinclude -I/usr/share/include/llhttp $(pkg-config --cflags libpq) -Wall -Wextra -Werror"
git ls-files 'src/*.h' 'include/*.h' |
    xargs -P "$(nproc)" -I {} sh -c '${CC:-cc} $flags -fsyntax-only -x c -include {} -include {} /dev/null || { echo "{}: does not compile alone"; exit 1; }'

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: archive.sh OUT MAP ARCHIVE…: one static library of the first archive and what it needs of the others, in which only the
# names that the version script MAP exports are visible.
set -eu
out=$1 map=$2 first=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ld -r -o "$work/sluice.o" --whole-archive "$first" --no-whole-archive --start-group "$@" --end-group
sed -n 's/^ *\(sluice_[a-z0-9_]*\);$/\1/p' "$map" >"$work/keep"
objcopy --keep-global-symbols="$work/keep" "$work/sluice.o"
rm -f "$out"
ar rcsD "$out" "$work/sluice.o"

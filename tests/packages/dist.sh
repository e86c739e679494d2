#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The release tarball: made twice, in another clone, by a user with other settings, it has the same bytes; it says one version everywhere,
# and is all that a build needs. usage: dist.sh [build]    build: also builds from it
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "FAILED: $*" >&2
    exit 1
}
tools/dist.sh "$work/a" >/dev/null
git clone -q --no-hardlinks . "$work/clone"
git -C "$work/clone" checkout -q "$(git rev-parse HEAD)"
(umask 077 && cd "$work/clone" && git config tar.umask 0077 && TZ=Asia/Tokyo LC_ALL=C GZIP=-1 tools/dist.sh "$work/b" >/dev/null 2>&1)
name=$(cd "$work/a" && ls ./*.tar.gz)
cmp "$work/a/$name" "$work/b/$name" || fail "two tarballs of one commit differ"
(cd "$work/b" && sha256sum --quiet -c "$name.sha256") || fail "its checksum is another"

mkdir "$work/tree"
tar -x -C "$work/tree" -f "$work/a/$name"
top=$(ls "$work/tree")
version=$(cat "$work/tree/$top/VERSION")
[ "$top" = "sluice-$version" ] || fail "the folder is $top, the version $version"
grep -q "^sluice ($version)" "$work/tree/$top/debian/changelog" || fail "debian/changelog begins with another version than $version"
[ -z "$(find "$work/tree" -perm /022 -not -type l)" ] || fail "files that others may write"
diff <(git -c core.quotepath=false ls-tree -r --name-only HEAD | sort) <(cd "$work/tree/$top" && find . -not -type d -printf '%P\n' | sort) || fail "the tarball is not what is committed"
if [ "${1:-}" = build ]; then
    meson setup "$work/build" "$work/tree/$top" -Dtests=false >"$work/log" 2>&1 || { cat "$work/log"; fail "meson setup"; }
    ninja -C "$work/build" >"$work/log" 2>&1 || { tail -40 "$work/log"; fail "ninja"; }
    [ "$("$work/build/src/daemon/sluice" version)" = "sluice $version" ] || fail "it builds another version"
fi
echo "== the tarball is good"

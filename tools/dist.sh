#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the release tarball of the tree as it is committed, and its checksum. One commit gives the same bytes, whoever makes it and when.
# usage: dist.sh [OUT]    OUT: build-dist
set -eu
cd "$(dirname "$0")/.."
out=${1:-build-dist}
version=$(git show HEAD:VERSION)
name=sluice-$version
mkdir -p "$out"
git -c tar.umask=0022 -c core.autocrlf=false archive --format=tar --prefix="$name/" HEAD | gzip -9n >"$out/$name.tar.gz"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
ls -l "$out/$name.tar.gz"

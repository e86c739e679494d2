#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the Debian packages of the tree as it is committed into build-deb/, and looks at them with lintian, which must
# have nothing to say. usage: deb.sh
set -eu
cd "$(dirname "$0")/.."
rm -rf build-deb
mkdir -p build-deb/sluice
git archive HEAD | tar -x -C build-deb/sluice
# One commit gives the same packages, whenever they are built.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
(cd build-deb/sluice && dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes >../build.log 2>&1) || {
    tail -40 build-deb/build.log
    exit 1
}
lintian --allow-root --fail-on error,warning,info build-deb/*.changes
ls -l build-deb/*.deb

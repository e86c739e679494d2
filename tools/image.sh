#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the container images of the packages in build-deb/ (tools/deb.sh) into build-image/. usage: image.sh
set -eu
cd "$(dirname "$0")/.."
[ -n "$(ls build-deb/sluice_*.deb 2>/dev/null)" ] || { echo "image.sh: build-deb/ has no packages: make deb" >&2; exit 1; }
rm -rf build-image
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
tools/image.py build-deb build-image

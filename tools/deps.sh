#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing. usage: deps.sh build|test|deb|packages
set -eu

build="build-essential tzdata meson ninja-build pkg-config libuv1-dev libssl-dev libyaml-dev libsqlite3-dev libpq-dev libcjose-dev libjansson-dev zlib1g-dev libzstd-dev node-llhttp libcurl4-openssl-dev libedit-dev"
test="$build git python3 libcmocka-dev gcovr clang libclang-rt-dev clang-format python3-venv nodejs npm curl openssl tmux nginx-light haproxy postgresql pgbouncer redis-server libfaketime libsimdjson-dev chromium fonts-dejavu-core zsh fish groff"
deb="$build debhelper lintian libdeflate-tools"
packages="$deb mmdebstrap umoci skopeo docker-compose haproxy"

case "${1:-build}" in
build) want=$build ;;
test) want=$test ;;
deb) want=$deb ;;
packages) want=$packages ;;
*) echo "usage: deps.sh build|test|deb|packages" >&2; exit 2 ;;
esac

missing=""
for package in $want; do
    case "$package" in
    # Any provider of the command will do: some machines have a newer one from elsewhere.
    nodejs) command -v node >/dev/null 2>&1 && continue ;;
    npm) command -v npm >/dev/null 2>&1 && continue ;;
    esac
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed'; then
        missing="$missing $package"
    fi
done
[ -z "$missing" ] && exit 0

sudo=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "missing packages:$missing (install them as root)" >&2; exit 1; }
    sudo=sudo
fi
echo "installing Debian packages:$missing"
$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing

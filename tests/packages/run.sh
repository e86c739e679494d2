#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each package in a bare root of its own: installed, used, purged; and the last version's, upgraded under load.
# usage: run.sh DIRECTORY_WITH_DEBS [OLD_DEBS] (as root)
set -eu
debs=$(realpath "$1")
old=${2:+$(realpath "$2")}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'umount "$work"/*/proc 2>/dev/null || true; rm -rf "$work"' EXIT
echo "== a bare root"
mmdebstrap --quiet --variant=minbase bookworm "$work/base.tar"

# root NAME PACKAGE…: a new root with these packages of $debs and what they need.
root() {
    local name=$1 package
    shift
    mkdir "$work/$name"
    tar -x -C "$work/$name" -f "$work/base.tar"
    mount -t proc proc "$work/$name/proc"
    mkdir "$work/$name/debs"
    for package in "$@"; do cp "$debs/${package}"_*.deb "$work/$name/debs/"; done
    cp /etc/resolv.conf "$work/$name/etc/"
    inside "$name" sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends /debs/*.deb' >"$work/$name.log" 2>&1 || {
        cat "$work/$name.log"
        exit 1
    }
}
clean="env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8"
inside() { chroot "$work/$1" $clean "${@:2}"; }
# A port that is free now.
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
fail() {
    echo "FAILED: $*" >&2
    exit 1
}

echo "== sluice: install, start, ask, purge"
root daemon sluice sluice-client
inside daemon id sluice >/dev/null || fail "there is no user sluice"
inside daemon sluice check -c /etc/sluice/sluice.yaml || fail "the configuration of the package is not valid"
inside daemon sh -c 'ls /etc/systemd/system/*.wants/sluice.service' >/dev/null || fail "the service is not enabled"
inside daemon sh -c 'ls /etc/systemd/system/*.wants/sluice.socket' >/dev/null 2>&1 && fail "the socket is enabled, and would replace server.listen"
inside daemon systemd-analyze security --offline=true --threshold=15 sluice.service >"$work/said" || {
    tail -1 "$work/said"
    fail "the unit may do more than it needs: it scores more than 1.5"
}
tail -1 "$work/said"
port=$(port)
chroot "$work/daemon" $clean sh -c "mkdir -p /var/lib/sluice && chown sluice: /var/lib/sluice && chmod 700 /var/lib/sluice
    exec setpriv --reuid sluice --regid sluice --init-groups env SLUICE_DATA=/var/lib/sluice sluice serve -c /etc/sluice/sluice.yaml --listen 127.0.0.1:$port" >"$work/daemon.out" 2>&1 &
daemon=$!
for _ in $(seq 300); do
    inside daemon sluice query chat hello --server "http://127.0.0.1:$port" >"$work/said" 2>/dev/null && break
    kill -0 "$daemon" 2>/dev/null || { cat "$work/daemon.out"; fail "the daemon ended"; }
    sleep 0.1
done
[ "$(cat "$work/said")" = "You said: hello" ] || fail "the daemon does not answer: $(cat "$work/daemon.out")"
inside daemon sluice version
kill -TERM "$daemon"
wait "$daemon" || fail "the daemon ended with $?"
inside daemon sh -c 'DEBIAN_FRONTEND=noninteractive apt-get purge -y -qq sluice sluice-client' >"$work/purge.log" 2>&1 || {
    cat "$work/purge.log"
    fail "purge"
}
left=$(inside daemon sh -c 'ls -d /etc/sluice /var/lib/sluice /usr/sbin/sluice /usr/bin/sluice /usr/libexec/sluice 2>/dev/null' || true)
[ -z "$left" ] || fail "left behind: $left"

echo "== sluice-client alone"
root client sluice-client
inside client sluice version | grep -q '^sluice [0-9]' || fail "version"
inside client sluice serve >"$work/said" 2>&1 && fail "serve without the daemon"
grep -q "needs the daemon, which is not installed on this machine (package sluice)" "$work/said" || fail "serve says $(cat "$work/said")"
inside client sluice query chat hello --server http://127.0.0.1:1 --retries 0 >"$work/said" 2>&1 && fail "a query without a gateway"

echo "== libsluice-dev: an example is compiled and runs"
root dev libsluice1 libsluice-dev
inside dev sh -c 'DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev pkg-config' >"$work/dev.log" 2>&1 || { cat "$work/dev.log"; exit 1; }
inside dev sh -c 'cc /usr/share/doc/libsluice-dev/examples/query.c -o /tmp/query $(pkg-config --cflags --libs sluice) && SLUICE_SERVER=http://127.0.0.1:1 /tmp/query chat hello' >"$work/said" 2>&1 && fail "a query without a gateway"
grep -qi "connect" "$work/said" || fail "the example says $(cat "$work/said")"
echo "== the last version, upgraded while it serves"
# shellcheck disable=SC2086
"$here/upgrade.py" "$debs" "$work/base.tar" $old
echo "== all packages work"

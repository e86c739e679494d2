# SPDX-License-Identifier: Apache-2.0
"""TCP checks whether a silent connection still lives, on both sides, so that firewalls between do not forget it."""
import pytest

from harness import CHAT, CHAT_REPLY, chat_route, wait_for

KEEPALIVE = "02"  # proc(5), /proc/net/tcp: the timer that runs


def timer(local, remote):
    """The timer of the IPv4 connection between these ports, on the side of `local`."""
    for line in open("/proc/net/tcp").read().splitlines()[1:]:
        fields = line.split()
        ports = [int(fields[i].split(":")[1], 16) for i in (1, 2)]
        if ports == [local, remote]:
            return fields[5].split(":")[0]
    return None


def daemon_side(daemon):
    conn = daemon.connect()
    wait_for(lambda: timer(daemon.port, conn.sock.getsockname()[1]), "the connection")
    return conn, timer(daemon.port, conn.sock.getsockname()[1])


@pytest.mark.parametrize("setting, runs", [(None, True), ("1s", True), ("500ms", True), ("2h", True), ("0s", False)])
def test_clients_are_asked(sluice, setting, runs):
    daemon = sluice({"endpoints": [], "server": {"tcp_keepalive": setting} if setting else {}})
    conn, kind = daemon_side(daemon)
    assert (kind == KEEPALIVE) == runs
    conn.close()


@pytest.mark.parametrize("setting, runs", [(None, True), ("1s", True), ("0s", False)])
def test_upstreams_are_asked(sluice, upstream, setting, runs):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "upstream": {"tcp_keepalive": setting} if setting else {}})
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200

    def kinds():
        lines = [line.split() for line in open("/proc/net/tcp").read().splitlines()[1:]]
        return [f[5].split(":")[0] for f in lines if int(f[2].split(":")[1], 16) == up.port and f[3] == "01"]

    assert [k == KEEPALIVE for k in kinds()] == [runs]

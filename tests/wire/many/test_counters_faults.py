# SPDX-License-Identifier: Apache-2.0
"""Shared counters while their server, or the way to it, is ill."""
import threading

import pytest

from fleet import CHAT_PATH, fleet, never_more, requests  # noqa: F401: a fixture
from harness import CHAT, wait_for
from redis_server import cutter, redis  # noqa: F401: fixtures


@pytest.mark.parametrize("after", [0, 1, 2, 5, 20, 40, 60, 90])
def test_a_reply_that_is_cut(redis, fleet, cutter, after):
    """Nobody knows whether the server has counted the calls whose replies are lost: it is asked, and none is counted
    twice."""
    server = redis()
    proxy = cutter(server.port)
    f = fleet(proxy.port, requests(60, on_loss="closed"))
    f.know_each_other(server)
    assert f.calls(20) == {200: 20}
    for _ in range(3):
        proxy.cut_after = after
        f.calls(10)
    never_more(f, 60)


def test_connections_that_are_cut_again_and_again(redis, fleet, cutter):
    server = redis()
    proxy = cutter(server.port)
    f = fleet(proxy.port, requests(500, on_loss="closed"))
    f.know_each_other(server)
    over = threading.Event()

    def cut():
        while not over.wait(0.05):  # what is tested
            proxy.cut()

    cutting = threading.Thread(target=cut)
    cutting.start()
    got = f.calls(400)
    over.set()
    cutting.join()
    assert set(got) <= {200, 503} and f.n_calls == got.get(200, 0) <= 500
    never_more(f, 500)


def test_a_server_within_the_deadline(redis, fleet, cutter):
    proxy = cutter(redis().port)
    f = fleet(proxy.port, requests(10, on_loss="closed"), counters={"deadline": "5s"})
    proxy.delay = 0.1
    assert f.calls(15) == {200: 10, 429: 5}


def test_a_server_that_is_too_slow(redis, fleet, cutter):
    """No call waits longer than the deadline, and what the server has counted for them is given back."""
    server = redis()
    proxy = cutter(server.port)
    f = fleet(proxy.port, requests(50, on_loss="closed"), counters={"deadline": "100ms"})
    f.know_each_other(server)
    proxy.delay = 1.0
    assert f.calls(20) == {503: 20} and f.n_calls == 0
    proxy.delay = 0.0
    f.up_everywhere()
    never_more(f, 50)


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_a_server_that_stands_still(redis, fleet, how):
    server = redis()
    f = fleet(server.port, requests(50, on_loss="closed"), counters={"deadline": "200ms"})
    f.know_each_other(server)
    if how == "stopped":
        server.pause()
    else:
        server.command("CLIENT", "PAUSE", 600000, "WRITE")
    assert f.calls(16) == {503: 16} and f.n_calls == 0
    if how == "stopped":
        server.resume()
    else:
        server.command("CLIENT", "UNPAUSE")
    f.up_everywhere()
    never_more(f, 50)


def test_a_replica_and_back(redis, fleet):
    server, other = redis(), redis()
    f = fleet(server.port, requests(50, on_loss="closed"), counters={"deadline": "1s"})
    f.know_each_other(server)
    assert f.calls(20) == {200: 20}
    server.command("REPLICAOF", "127.0.0.1", other.port)
    assert set(f.calls(8)) == {503}
    server.command("REPLICAOF", "NO", "ONE")  # empty now, as its master was
    f.up_everywhere()
    never_more(f, 50)


def test_a_full_server(redis, fleet):
    server = redis("--maxmemory-policy", "noeviction")
    f = fleet(server.port, requests(50, on_loss="closed"), counters={"deadline": "1s"})
    f.know_each_other(server)
    assert f.calls(8) == {200: 8}
    server.command("CONFIG", "SET", "maxmemory", "1")
    assert set(f.calls(8)) == {503} and f.n_calls == 8
    server.command("CONFIG", "SET", "maxmemory", "0")
    f.up_everywhere()
    never_more(f, 50)


def test_calls_that_wait_for_a_server(redis, fleet):
    """With counters.wait a call outlives a restart: nobody is refused meanwhile."""
    server = redis()
    f = fleet(server.port, requests(20, on_loss="closed"), n=1, counters={"deadline": "50ms", "wait": "60s"})
    assert f.calls(8) == {200: 8}
    server.kill()
    conn = f.nodes[0].connect().request("POST", CHAT_PATH, CHAT)
    wait_for(lambda: f.metric(f.nodes[0], "sluice_counters_up") == 0 and f.metric(f.nodes[0], "sluice_requests_in_flight") == 2, "the loss is seen, and the call waits")
    server.start()
    assert conn.reply().status == 200
    assert f.calls(20) == {200: 11, 429: 9}


@pytest.mark.parametrize("what", ["replies", "commands"])
def test_a_network_that_is_cut_one_way(redis, fleet, cutter, what):
    """Nothing tells that the other side is gone. The nodes connect anew when the way is whole again."""
    server = redis()
    proxy = cutter(server.port)
    f = fleet(proxy.port, requests(50, on_loss="closed"), counters={"deadline": "200ms"})
    f.know_each_other(server)
    assert f.calls(20) == {200: 20}
    proxy.swallows = what
    assert f.calls(16) == {503: 16} and f.n_calls == 20
    proxy.swallows = None
    f.up_everywhere()
    never_more(f, 50)


def test_a_hundred_nodes_that_come_back_at_once(redis, sluice):
    """The server begins anew with nothing, and all nodes tell it what they know: the count goes on."""
    server = redis("--maxclients", "1000")
    route = {"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}, "limits": requests(500, on_loss="closed")}
    config = {"endpoints": [route], "counters": {"redis": f"redis://127.0.0.1:{server.port}", "deadline": "10s"}, "server": {"workers": 1}}
    nodes = [sluice(config) for _ in range(100)]
    ask = lambda: [node.call("POST", CHAT_PATH, CHAT).status for node in nodes]  # noqa: E731
    assert ask() + ask() == [200] * 200

    def scores():
        flat = server.command("ZRANGE", "sluice:{sluice}:nodes", 0, -1, "WITHSCORES")
        return dict(zip(flat[::2], map(float, flat[1::2])))

    wait_for(lambda: len(scores()) == 100, "every node has joined")
    before = scores()
    wait_for(lambda: all(score > before[name] for name, score in scores().items()), "every node has heard of the others", 60)
    server.kill()
    server.start()
    wait_for(lambda: server.command("HGET", "sluice:{sluice}:epoch", "open") == b"1", "all have told what they know", 60)
    wait_for(lambda: all(b"\nsluice_counters_up 1\n" in node.call("GET", "/metrics").body for node in nodes), "every node is back", 60)
    got = [status for _ in range(4) for status in ask()]
    assert (got.count(200), got.count(429)) == (300, 100)

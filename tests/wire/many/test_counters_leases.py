# SPDX-License-Identifier: Apache-2.0
"""Hot counters: a worker has a part of each for a moment, and the sum of all nodes stays exact."""
import threading

import pytest

from fleet import Crowd, Fleet, fleet, requests  # noqa: F401: a fixture
from harness import wait_for
from redis_server import redis  # noqa: F401: a fixture


def mock_route(limits):
    return [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}, "limits": limits}]


@pytest.fixture
def crowds(fleet):  # noqa: F811
    """Nodes with one worker each, and a crowd for each of them."""
    made = []

    def start(port, limits, n=2, config=None, **counters):
        f = fleet(port, None, n=n, routes=lambda base: mock_route(limits), counters=counters, server={"workers": 1}, **(config or {}))
        f.up_everywhere()
        made.extend(Crowd(node) for node in f.nodes)
        return f, made[-n:]

    yield start
    for crowd in made:
        crowd.close()


def decisions(node, source):
    """How many calls passed by it."""
    start = b'sluice_limit_decisions_total{route="chat",decision="allowed",source="%s"} ' % source.encode()
    return sum(float(line[len(start):]) for line in node.call("GET", "/metrics").body.splitlines() if line.startswith(start))


def ask_until_leased(crowd, node):
    def is_leased():
        crowd.ask()
        return decisions(node, "lease") > 0

    wait_for(is_leased, "the counter is hot")


def passed(crowds):  # noqa: F811
    return sum(crowd.got.get(200, 0) for crowd in crowds)


def exhaust(crowds, most, lost=0):  # noqa: F811
    """Asks until nothing is left: never more than `most` may pass, and at the end exactly so many have, but for at most
    so many that were in flight when the server died."""

    def is_over():
        got = [crowd.ask() for crowd in crowds]
        assert passed(crowds) <= most
        return passed(crowds) == most or (passed(crowds) >= most - lost and got == [{429: len(crowd.conns)} for crowd in crowds])

    wait_for(is_over, "the limit is reached", 60)
    assert [crowd.ask() for crowd in crowds] == [{429: len(crowd.conns)} for crowd in crowds]


LIMITS = [{"requests": 6000, "per": "hour", "on_loss": "closed"}, {"tokens": 100000000, "per": "day", "on_loss": "closed"}, {"concurrent": 5000, "on_loss": "closed"}]


def test_leases_keep_the_total(redis, crowds):
    server = redis()
    f, each = crowds(server.port, LIMITS, deadline="10s")
    for crowd, node in zip(each, f.nodes):
        ask_until_leased(crowd, node)
    exhaust(each, 6000)
    asked = sum(f.metric(node, "sluice_counters_seconds_count") for node in f.nodes)
    leased = sum(decisions(node, "lease") for node in f.nodes)
    shared = sum(decisions(node, "shared") for node in f.nodes)
    assert leased + shared == 6000 and leased > 2000 and asked >= shared
    # What calls hold is told a moment later, and then nothing is left of any lease.
    wait_for(lambda: all(c["r"] == 0 for c in server.counters()), "all is settled")
    counters = {c["u"] for c in server.counters()}
    assert 6000 in counters and 0 in counters, "requests and places"
    assert len(server.counters()) == 3


def test_a_free_model_does_not_ask_for_its_money(redis, crowds):
    """A call that takes nothing of a counter needs no lease of it."""
    server = redis()
    free = {"prices": {"models": {"mock/m": {"input_cost_per_token": 0, "output_cost_per_token": 0}}}}
    f, (crowd,) = crowds(server.port, [{"requests": 6000, "per": "hour", "on_loss": "closed"}, {"money": 1, "per": "day"}], n=1, config=free, deadline="10s")
    ask_until_leased(crowd, f.nodes[0])
    exhaust([crowd], 6000)
    assert decisions(f.nodes[0], "lease") > 2000


def test_the_client_sees_what_is_left(redis, crowds):
    """What a lease has is not used before a call uses it."""
    server = redis()
    f, (crowd,) = crowds(server.port, requests(100000), n=1, deadline="10s")
    ask_until_leased(crowd, f.nodes[0])
    for conn in crowd.conns[:3]:
        before = passed([crowd])
        left = conn.request("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "model": "chat"}).reply().get("x-ratelimit-remaining-requests")
        assert left == str(100000 - before - 1)
        crowd.got[200] += 1


def test_leases_and_a_server_that_forgets(redis, crowds):
    server = redis()
    f, each = crowds(server.port, LIMITS, deadline="10s")
    f.know_each_other(server, workers=1)
    for crowd, node in zip(each, f.nodes):
        ask_until_leased(crowd, node)
    for _ in range(3):
        asking = [threading.Thread(target=crowd.ask) for crowd in each]
        for t in asking:
            t.start()
        server.command("FLUSHALL")
        for t in asking:
            t.join()
    f.up_everywhere()
    exhaust(each, 6000)


def test_leases_and_a_server_that_is_killed(redis, crowds):
    server = redis()
    f, each = crowds(server.port, LIMITS, deadline="200ms")
    f.know_each_other(server, workers=1)
    for crowd, node in zip(each, f.nodes):
        ask_until_leased(crowd, node)
    asking = [threading.Thread(target=crowd.ask) for crowd in each]
    for t in asking:
        t.start()
    server.kill()
    for t in asking:
        t.join()
    wait_for(lambda: all(crowd.ask() == {503: len(crowd.conns)} for crowd in each), "no lease is left")
    server.start()
    f.up_everywhere()
    exhaust(each, 6000, lost=300)


def test_a_node_that_dies_takes_its_lease_along(redis, crowds):
    """Never more than the limit passes: what the node had not used is lost until the window ends."""
    server = redis()
    f, (a, b) = crowds(server.port, [{"requests": 6000, "per": "hour", "on_loss": "closed"}], deadline="10s")
    ask_until_leased(a, f.nodes[0])
    f.nodes[0].proc.kill()
    f.nodes[0].proc.wait()
    f.nodes[0].stopped = True
    (counter,) = server.counters()
    lost = counter["u"] - passed([a])
    assert 0 <= lost <= 6000 // 4, "a lease is at most what is left over twice the number of workers"
    wait_for(lambda: b.ask() == {429: len(b.conns)}, "the limit is reached", 60)
    wait_for(lambda: (b.ask(), server.counters()[0]["u"] == 6000)[1], "all is counted")
    assert passed([a, b]) == 6000 - lost


def test_a_node_that_ends_gives_its_leases_back(redis, crowds):
    server = redis()
    f, (crowd,) = crowds(server.port, LIMITS, n=1, deadline="10s")
    ask_until_leased(crowd, f.nodes[0])
    f.nodes[0].stop()
    f.nodes[0].stopped = True
    assert {(c["u"], c["r"]) for c in server.counters()} >= {(passed([crowd]), 0), (0, 0)}

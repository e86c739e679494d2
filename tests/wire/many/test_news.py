# SPDX-License-Identifier: Apache-2.0
"""What nodes tell each other beside counts: breakers that open and close, and where conversations are."""
import re

import pytest

from fleet import CHAT_PATH
from harness import CHAT, CHAT_REPLY, chat_route, wait_for
from redis_server import redis  # noqa: F401: a fixture

SECRET = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


def state_of(node, target, route="chat"):
    """0: closed; 2: open."""
    (number,) = re.findall(rf'^sluice_target_state{{route="{route}",target="{target}"}} (\d)$', node.call("GET", "/metrics").body.decode(), re.M)
    return int(number)


def pair(name, ups, **own):
    """A route with a target for each upstream: a, b, …"""
    model = lambda up: chat_route(f"http://127.0.0.1:{up.port}/v1")["model"]  # noqa: E731
    targets = [{"name": chr(ord("a") + i), "model": model(up)} for i, up in enumerate(ups)]
    return {"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"targets": targets, "retries": 1, **own}}


class Switch:
    """An upstream that answers, or does not."""

    def __init__(self, upstream, works=True):
        self.works = works
        self.up = upstream(self.answer)
        self.port = self.up.port
        self.n = 0

    def answer(self, x):
        self.n += 1
        x.reply(CHAT_REPLY) if self.works else x.reply(b"{}", status="500 Internal Server Error")


@pytest.fixture
def nodes(redis, sluice):  # noqa: F811
    def start(routes, env=None, server=None):
        config = {"endpoints": routes, "counters": {"redis": f"redis://127.0.0.1:{(server or redis()).port}"}}
        made = [sluice(config, env=env or {}) for _ in range(2)]
        wait_for(lambda: all(b"\nsluice_counters_up 1\n" in node.call("GET", "/metrics").body for node in made), "every node has its counters")
        return made

    return start


OPEN = {"errors": 1, "ratio": "1%", "window": "60s"}


def test_a_breaker_is_open_on_all_nodes(nodes, upstream):
    bad, good = Switch(upstream, works=False), Switch(upstream)
    one, two = nodes([pair("chat", [bad, good], balance="ordered", breaker={**OPEN, "open": "2s"})])
    assert one.call("POST", CHAT_PATH, CHAT).status == 200
    assert (bad.n, state_of(one, "a")) == (1, 2)
    wait_for(lambda: state_of(two, "a") == 2, "the other node knows it")
    bad.works = True
    wait_for(lambda: (one.call("POST", CHAT_PATH, CHAT), state_of(one, "a"))[1] == 0, "a call has tried the target again")
    wait_for(lambda: state_of(two, "a") == 0, "the other node knows that, too, without a call")


def test_news_of_a_server_whose_clock_was_ahead(nodes, upstream, redis):  # noqa: F811
    """A replica has taken them over, and its clock is behind: nodes go on to hear what is new."""
    bad, good = Switch(upstream, works=False), Switch(upstream)
    server = redis()
    one, two = nodes([pair("chat", [bad, good], balance="ordered", breaker={**OPEN, "open": "100s"})], server=server)
    server.command("ZADD", "sluice:{sluice}:news", 10**16 // 2, "other:1:x")
    wait_for(lambda: server.command("ZCARD", "sluice:{sluice}:news") == 0, "it is gone")
    assert one.call("POST", CHAT_PATH, CHAT).status == 200
    wait_for(lambda: state_of(two, "a") == 2, "the other node knows it")


def test_conversations_are_known_on_all_nodes(nodes, upstream):
    a, b, bad = Switch(upstream), Switch(upstream), Switch(upstream, works=False)
    one, two = nodes([pair("chat", [a, b]), pair("flag", [bad, b], balance="ordered", breaker={**OPEN, "open": "100s"})], env={"SLUICE_SECRET_KEY": SECRET})
    sessions = [[("x-sluice-session", f"s{i}")] for i in range(16)]
    ask = lambda node: [node.call("POST", CHAT_PATH, CHAT, session).get("x-sluice-target") for session in sessions]  # noqa: E731
    first = ask(one)
    assert set(first) == {"a", "b"}
    # News are told in their order: when the other node knows this one, it knows all before it.
    assert one.call("POST", CHAT_PATH, {**CHAT, "model": "flag"}).status == 200
    wait_for(lambda: state_of(two, "a", "flag") == 2, "the other node has heard all")
    assert ask(two) == first

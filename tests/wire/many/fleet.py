# SPDX-License-Identifier: Apache-2.0
"""Several daemons that share their counters, for a test."""
import threading

import pytest

from harness import CHAT, CHAT_REPLY, chat_route, wait_for

CHAT_PATH = "/v1/chat/completions"


class Fleet:
    """Some daemons with one configuration, and an upstream that counts what reached it."""

    def __init__(self, sluice, upstream, port, limits, n=2, counters=None, routes=None, authorities=None, **config):
        self.n_calls = 0
        self.lock = threading.Lock()
        self.up = upstream(self.answer, backlog=1024)
        base = f"http://127.0.0.1:{self.up.port}/v1"
        config = {
            "endpoints": routes(base) if routes else [chat_route(base, limits=limits)],
            "counters": {"redis": f"redis://127.0.0.1:{port}", "deadline": "10s", **(counters or {})},
            "server": {"workers": 2},
            **config,
        }
        if authorities:
            config["upstream"] = {"ca": authorities}
        self.nodes = [sluice(config) for _ in range(n)]

    def answer(self, x):
        with self.lock:
            self.n_calls += 1
        x.reply(CHAT_REPLY)

    def calls(self, n, nodes=None, headers=(), body=CHAT):
        """Makes n calls over the nodes, in eight lines at a time. Returns how many got each status."""
        nodes = nodes or self.nodes
        got = {}
        lock = threading.Lock()
        rest = iter(range(n))

        def line(i):
            conn = nodes[i % len(nodes)].connect()
            while True:
                with lock:
                    if next(rest, None) is None:
                        break
                r = conn.request("POST", CHAT_PATH, body, headers).reply()
                with lock:
                    got[r.status] = got.get(r.status, 0) + 1
            conn.close()

        threads = [threading.Thread(target=line, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return got

    @staticmethod
    def metric(node, name):
        """A metric without labels."""
        (line,) = [line for line in node.call("GET", "/metrics").body.splitlines() if line.startswith(name.encode() + b" ")]
        return float(line.split()[1])

    def up_everywhere(self):
        def is_up():
            return all(self.metric(node, "sluice_counters_up") == 1 for node in self.nodes)

        wait_for(is_up, "every node has its counters")

    def know_each_other(self, server, workers=2):
        """Each worker has told the server twice that it lives: the replies named all others."""

        def scores():
            flat = server.command("ZRANGE", "sluice:{sluice}:nodes", 0, -1, "WITHSCORES")
            return dict(zip(flat[::2], map(float, flat[1::2])))

        wait_for(lambda: len(scores()) == workers * len(self.nodes), "every worker has joined")
        for _ in range(2):
            before = scores()
            wait_for(lambda: all(score > before[name] for name, score in scores().items()), "signs of life")


@pytest.fixture
def fleet(sluice, upstream):
    return lambda *args, **kwargs: Fleet(sluice, upstream, *args, **kwargs)


def requests(n, **more):
    return [{"requests": n, "per": "hour", **more}]


def never_more(f, most, deadline=60):
    """Calls until every node refuses because the limit is reached. Never may more than `most` calls reach the upstream,
    and at the end exactly so many have."""

    def is_over():
        return [node.call("POST", CHAT_PATH, CHAT).status for node in f.nodes] == [429] * len(f.nodes)

    wait_for(is_over, "the limit is reached", deadline)
    assert f.n_calls == most


class Crowd:
    """Many connections to one node. They all ask at once, so that its counters are hot. Returns how many got each
    status."""

    def __init__(self, node, n=150):
        self.conns = [node.connect() for _ in range(n)]
        self.got = {}

    def ask(self):
        for conn in self.conns:
            conn.request("POST", CHAT_PATH, CHAT)
        got = {}
        for conn in self.conns:
            status = conn.reply().status
            got[status] = got.get(status, 0) + 1
            self.got[status] = self.got.get(status, 0) + 1
        return got

    def close(self):
        for conn in self.conns:
            conn.close()

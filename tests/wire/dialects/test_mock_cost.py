# SPDX-License-Identifier: Apache-2.0
"""The most that one call can make the provider mock do: a bounded part in each turn, and nothing that was sent is
kept."""
import json
import threading
import time
import urllib.request

import pytest

from harness import SANITIZED, wait_for
from test_mock import config, user


def one_worker(**more):
    return {"server": {"workers": 1, **more}, **config(template="{message}", chunk_size=64)}


def post(daemon, path, body):
    """Reads the whole reply, with a client that is quick with large ones."""
    request = urllib.request.Request(daemon.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as r:
        return r.status, r.read()


DEAR = [
    ("/v1/embeddings", {"model": "emb", "input": ["a"] * 2048, "dimensions": 512}, 2048),
    ("/v1/embeddings", {"model": "emb", "input": ["a"] * 256, "dimensions": 4096, "encoding_format": "base64"}, 256),
    ("/v1/chat/completions", user("y" * 500000, n=40), 40),
    ("/v1/completions", {"model": "comp", "prompt": ["z" * 1000] * 128, "max_tokens": 200}, 128),
]


@pytest.mark.parametrize("path, body, n", DEAR)
def test_a_dear_reply_comes_whole(sluice, path, body, n):
    status, data = post(sluice(one_worker()), path, body)
    reply = json.loads(data)
    assert status == 200
    assert len(reply.get("data") or reply["choices"]) == n
    if "n" in body:
        assert all(c["message"]["content"] == "y" * 500000 for c in reply["choices"])


@pytest.mark.skipif(SANITIZED, reason="time and memory are measured in the release build")
@pytest.mark.parametrize("path, body, n", DEAR)
def test_others_are_served_meanwhile(sluice, path, body, n):
    daemon = sluice(one_worker())
    over = threading.Event()
    replies = []

    def read():
        replies.append(post(daemon, path, body)[0])
        over.set()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    worst, began = 0.0, time.monotonic()
    while not over.is_set():
        start = time.monotonic()
        assert daemon.call("GET", "/health").status == 200
        worst = max(worst, time.monotonic() - start)
    for reader in readers:
        reader.join()
    # Answered at once, each of them would stop all others until it is over.
    took = time.monotonic() - began
    assert replies == [200] * 3 and worst < max(1.0, took / 2), (worst, took)


@pytest.mark.skipif(SANITIZED, reason="time and memory are measured in the release build")
@pytest.mark.parametrize("path, body", [("/v1/chat/completions", user("y" * 200000, stream=True, n=20)),
                                        ("/v1/embeddings", {"model": "emb", "input": ["a"] * 1024, "dimensions": 1024})])
def test_readers_that_do_not_read_cost_little(sluice, path, body):
    daemon = sluice(one_worker(limits={"memory": "64MiB"}))
    post(daemon, path, body)
    before = daemon.rss()
    conns = []
    for _ in range(40):
        conn = daemon.connect()
        conns.append(conn)
        conn.request("POST", path, body)
        assert conn.head().status == 200
    wait_for(lambda: daemon.call("GET", "/health").status == 200, "it serves others")
    held = daemon.rss() - before
    for conn in conns:
        conn.close()
    # Each has its request, a queue of bounded length and what the kernel took: far less than the 4 to 8 MB of a reply.
    assert held < 40 * (512 << 10), held
    wait_for(lambda: "sluice_requests_in_flight 1" in daemon.call("GET", "/metrics").body.decode(), "all have gone")
    wait_for(lambda: daemon.rss() - before < 16 << 20, "the memory is given back")
    assert json.loads(daemon.call("POST", "/v1/chat/completions", user("x")).body)["choices"]

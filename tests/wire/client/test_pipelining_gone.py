# SPDX-License-Identifier: Apache-2.0
"""A client that pipelines more than the daemon keeps, and leaves: its upstream must not go on working for it."""
import queue
import ssl
import threading
import time

import pytest

from harness import CHAT_REPLY, DEADLINE, Sluice, chat_route
from upstream import Upstream

BODY = b'{"model":"chat","messages":[{"role":"user","content":"hello"}]}'
FIRST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
MORE = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Pad: " + b"p" * 4000 + b"\r\n\r\n"


class World:
    def __init__(self, directory, certs):
        self.came, self.left, self.go = queue.Queue(), queue.Queue(), threading.Event()
        self.up = Upstream(self.act)
        cert, key = certs
        self.sluice = Sluice(directory, {"endpoints": [chat_route(self.up.base)]})
        self.secure = Sluice(directory / "tls", {"endpoints": [chat_route(self.up.base)], "server": {"tls": {"cert": str(cert), "key": str(key)}}})
        self.context = ssl.create_default_context(cafile=str(cert))

    def act(self, ex):
        self.came.put(ex)
        if ex.get("x-stainless-lang"):
            self.go.wait(0.6 if ex.get("x-stainless-lang") == "slow" else DEADLINE)  # 0.6 s: longer than bytes that are not kept stay unread
            ex.reply(CHAT_REPLY)
        else:
            took = ex.hold()
            self.left.put((time.monotonic(), took))


@pytest.fixture(scope="module")
def world(tmp_path_factory, certs):
    w = World(tmp_path_factory.mktemp("gone"), certs)
    yield w
    w.sluice.stop()
    w.secure.stop()
    w.up.close()


def fill(conn, limit):
    """Sends until the peer takes no more, or up to the limit; returns how much it took."""
    conn.sock.settimeout(0.3)
    sent = 0
    try:
        while sent < limit:
            sent += conn.sock.send((MORE * 64)[:limit - sent])
    except (TimeoutError, ssl.SSLWantWriteError):
        pass
    return sent


@pytest.mark.parametrize("how", ["plain", "tls"])
@pytest.mark.parametrize("size", [100_000, 300_000, 1_000_000, 4_000_000, 64_000_000])
def test_it_is_seen_to_leave_within_a_second(world, size, how):
    conn = world.secure.connect(world.context) if how == "tls" else world.sluice.connect()
    conn.send(FIRST)
    world.came.get(timeout=DEADLINE)
    fill(conn, size)
    conn.close()
    start = time.monotonic()
    at, took = world.left.get(timeout=DEADLINE)
    assert took is not None and at - start < 1, (at - start, took)


def test_what_fits_is_answered_behind_a_slow_call(world):
    """A client that waits after sending loses nothing, however long the call in front takes."""
    world.go.clear()
    conn = world.sluice.connect()
    conn.send(FIRST.replace(b"Content-Length", b"X-Stainless-Lang: slow\r\nContent-Length") + MORE * 10)
    world.came.get(timeout=DEADLINE)
    assert conn.reply().body == CHAT_REPLY
    for _ in range(10):
        assert conn.reply().status == 200
    conn.close()


def test_what_was_dropped_is_not_answered_by_chance(world):
    """With too much pipelined, the call is answered, the connection says that it closes, and nothing after it is half
    served."""
    world.go.clear()
    conn = world.sluice.connect()
    conn.send(FIRST.replace(b"Content-Length", b"X-Stainless-Lang: answer\r\nContent-Length"))
    world.came.get(timeout=DEADLINE)
    sent = []
    thread = threading.Thread(target=lambda: sent.append(conn.send(MORE * 5000)))
    thread.start()
    thread.join(DEADLINE)  # all of its 20 MB are taken while the call runs
    assert sent
    world.go.set()
    r = conn.reply()
    assert (r.status, r.body, r.get("connection")) == (200, CHAT_REPLY, "close")
    assert conn.rest() == b""
    conn.close()


def test_who_never_stops_sending_is_let_go(world):
    conn = world.sluice.connect()
    conn.send(FIRST)
    world.came.get(timeout=DEADLINE)
    conn.sock.settimeout(DEADLINE)
    block = MORE * 250
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(500):
            conn.sock.sendall(block)
    assert world.left.get(timeout=DEADLINE)[1] is not None
    conn.close()

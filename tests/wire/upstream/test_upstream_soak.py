# SPDX-License-Identifier: Apache-2.0
"""Clients that leave and upstreams that break, at random moments: afterwards nothing is left over."""
import gzip
import os
import random
import threading
import time

import pytest

from harness import CHAT_REPLY, SANITIZED, wait_for
from lab import DONE, Lab, chunk_of, event_of
from upstream import Authority

A, END = event_of(chunk_of("a")), event_of(chunk_of(None, "stop"))
PACKED = gzip.compress(b'{"a":"' + b"x" * 2000000 + b'"}', 1)


def handler(x):
    """The request's seed decides what the upstream does, independent of what its client does."""
    rnd = random.Random(x.json()["seed"])
    kind = rnd.choice(["reply", "reply", "stream", "stream", "gzip", "pour", "silent", "error", "close", "reset", "half"])
    if kind == "reply":
        x.reply(CHAT_REPLY)
    elif kind == "stream":
        x.stream_head()
        for _ in range(rnd.randint(0, 30)):
            x.chunk(A)
            if rnd.random() < 0.1:
                time.sleep(0.005)
        rnd.choice([lambda: (x.chunk(END + DONE), x.last_chunk()), x.close, x.reset])()
    elif kind == "gzip":
        x.reply(PACKED, headers=[("content-encoding", "gzip")])
    elif kind == "pour":
        x.stream_head("application/json")
        for i in range(25):
            x.chunk(b"z" * 100000 if i else b'{"choices":[{"x":"'.ljust(100000, b"z"))
        x.last_chunk()
    elif kind == "silent":
        x.conn.settimeout(0.3)
        x.conn.recv(1)
    elif kind == "error":
        x.reply({"error": {"message": "m"}}, rnd.choice(["503 X", "429 X", "500 X", "401 X"]))
    elif kind == "half":
        x.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        rnd.choice([x.close, x.reset])()
    else:
        getattr(x, kind)()


@pytest.mark.parametrize("secure", [False, True])
def test_nothing_is_left_over(tmp_path, secure):
    authority = Authority(tmp_path / "ca")
    lab = Lab(tmp_path / "lab", {"server": {"workers": 1}, "upstream": {"ca": authority.path, "pool": {"idle_timeout": "200ms"}, "timeouts": {"first_byte": "1s"}}},
              tls=authority.server("127.0.0.1") if secure else None)
    lab.up.handler = handler
    fds = lambda: len(os.listdir(f"/proc/{lab.daemon.proc.pid}/fd"))

    def one(seed):
        rnd = random.Random(-seed - 1)
        conn = lab.daemon.connect()
        try:
            mlflow, stream = rnd.random() < 0.3, rnd.random() < 0.5
            body = {"messages": [{"role": "user", "content": "x" * rnd.choice([1, 1000, 300000])}], "seed": seed, "stream": stream, **({} if mlflow else {"model": "chat"})}
            conn.request("POST", "/gateway/chat/invocations" if mlflow else "/v1/chat/completions", body)
            leave = rnd.random()
            if leave < 0.25:
                time.sleep(rnd.random() * 0.02)
            elif leave < 0.5:
                conn.sock.recv(rnd.randint(1, 100000))
            else:
                conn.reply()
            (conn.reset if rnd.random() < 0.5 else conn.close)()
        except (OSError, EOFError, ValueError):
            conn.close()

    def batch(first, n):
        threads = [threading.Thread(target=lambda k=k: [one(s) for s in range(first + k, first + n, 8)]) for k in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(50)

    try:
        one(0)
        seen = [fds()]

        def is_quiet():  # the daemon's memory at rest; idle connections are gone after 200 ms
            time.sleep(0.05)
            seen.append(fds())
            return len(seen) > 10 and len(set(seen[-10:])) == 1

        wait_for(is_quiet, "rest")
        start = fds()
        batch(0, 100)
        wait_for(lambda: fds() <= start, "every connection closed")
        before = lab.daemon.rss()
        batch(100, 160)
        wait_for(lambda: fds() <= start, "every connection closed")
        assert SANITIZED or lab.daemon.rss() - before < 24 << 20
    finally:
        lab.up.errors.clear()  # a handler whose client left may find its connection closed
        lab.close()

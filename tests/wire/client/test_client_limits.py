# SPDX-License-Identifier: Apache-2.0
"""How much many clients, or large ones, can take from the daemon: memory, connections, descriptors."""
import json
import os
import resource
import socket
import time

import pytest

from harness import BIN, CHAT, CHAT_REPLY, DEADLINE, SANITIZED, Sluice, chat_route, wait_for

MIB = 1 << 20
CHAT_HEAD = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
MLFLOW_HEAD = "POST /gateway/chat/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


def status_of(pid, name):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def chat_body(n):
    head, tail = b'{"model":"chat","messages":[{"role":"user","content":"', b'"}]}'
    return head + b"x" * (n - len(head) - len(tail)) + tail


def fill(pattern, n, head=b"", tail=b""):
    room = n - len(head) - len(tail)
    return head + (pattern * (room // len(pattern) + 1))[:room // len(pattern) * len(pattern)] + tail


MESSAGES = b'{"model":"chat","messages":['
# a body, and whether it is JSON that the dialect may pass on
LARGE = {
    "[1,1,": lambda n: fill(b"1,", n, b"[", b"1]"),
    "[[[": lambda n: b"[" * n,
    "[[],[],": lambda n: fill(b"[],", n, b"[", b"[]]"),
    "messages of numbers": lambda n: fill(b"1,", n, MESSAGES, b"1]}"),
    "messages of nothing": lambda n: fill(b"{},", n, MESSAGES, b"{}]}"),
    "messages too deep": lambda n: MESSAGES + b"[" * (n - len(MESSAGES)),
    "members": lambda n: fill(b'"a":1,', n, b"{", b'"a":1}'),
    "one string": chat_body,
    "escapes": lambda n: fill(b"\\n", n, b'{"model":"chat","messages":[{"role":"user","content":"', b'"}]}'),
}


@pytest.mark.skipif(SANITIZED, reason="memory is measured in the release build")
@pytest.mark.parametrize("head", [CHAT_HEAD, MLFLOW_HEAD], ids=["v1", "mlflow"])
@pytest.mark.parametrize("name", list(LARGE))
def test_32_mib_cost_at_most_twice_their_size(sluice, upstream, name, head):
    n = 32 * MIB
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"workers": 1}})
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200
    idle = daemon.rss()
    body = LARGE[name](n)
    assert n - 64 <= len(body) <= n
    conn = daemon.connect()
    conn.send((head + f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
    reply = conn.reply()
    assert reply.status in (200, 400, 413, 422), reply.body[:200]
    cost = status_of(daemon.proc.pid, "VmHWM") - idle
    print(f"{name} {head[5:9]}: {reply.status}, {cost / n:.2f} x its size, kept {(daemon.rss() - idle) / n:.2f}")
    assert cost <= 2 * n
    conn.close()
    # and the worker keeps nothing of it
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200
    assert daemon.rss() - idle < n / 4


def test_memory_is_one_budget_and_refused_from_the_head(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"workers": 1, "limits": {"memory": "4MiB", "body": "3MiB"}, "timeouts": {"body_idle": "30s"}}})
    body = chat_body(2 * MIB)
    held = daemon.connect()
    held.send(CHAT_HEAD + f"Content-Length: {3 * MIB}\r\n\r\n" + "{")
    for head, dialect in [(CHAT_HEAD, "openai"), (MLFLOW_HEAD, "mlflow")]:

        def refused():
            conn = daemon.connect()
            conn.send(head + f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n")
            line = conn.until(b"\r\n")
            conn.close()
            return line.startswith(b"HTTP/1.1 503")

        wait_for(refused, "the first body to be counted")
        conn = daemon.connect()
        conn.send(head + f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n")
        reply = conn.reply()
        assert (reply.status, reply.get("x-sluice-error-type"), reply.get("connection")) == (503, "sluice_overloaded", "close")
        assert int(reply.get("retry-after")) >= 1
        value = reply.json()
        assert "server.limits.memory" in (value["error"]["message"] if dialect == "openai" else value["detail"])
        # chunked: refused when it becomes too large
        conn = daemon.connect()
        try:
            conn.send((head + "Transfer-Encoding: chunked\r\n\r\n").encode() + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert conn.reply().status == 503
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200  # small ones are served
    wait_for(lambda: "calls are refused with 503: " in daemon.stderr and "(server.limits.memory)" in daemon.stderr, "the operator hears of it")
    held.close()
    wait_for(lambda: daemon.call("POST", "/v1/chat/completions", body).status == 200, "the memory to be free again")
    for _ in range(5):  # the count stays right
        assert daemon.call("POST", "/v1/chat/completions", body).status == 200
    # a tape counts, too
    reply = daemon.call("POST", "/gateway/chat/invocations", fill(b"1,", 2 * MIB, MESSAGES, b"1]}"), [("Content-Type", "application/json")])
    assert (reply.status, reply.get("x-sluice-error-type")) == (503, "sluice_overloaded")
    assert daemon.call("POST", "/v1/chat/completions", body).status == 200


def test_connections_over_the_limit(sluice):
    daemon = sluice({"endpoints": [], "server": {"limits": {"connections": 3}, "timeouts": {"keep_alive": "30s"}}})

    def quiet():  # connections that waited for the start have gone
        conns = [daemon.connect() for _ in range(3)]
        ok = all(c.request("GET", "/v1/models").reply().status == 200 for c in conns)  # requests beyond the limit are not served
        return conns if ok else [c.close() for c in conns] and None

    held = wait_for(quiet, "three connections")
    for path, dialect in [("/api/2.0/gateway/limits/none", "mlflow"), ("/v1/models", "openai")]:
        over = daemon.connect()
        reply = over.request("GET", path).reply()
        assert (reply.status, reply.get("x-sluice-error-type"), reply.get("connection")) == (503, "sluice_overloaded", "close")
        assert int(reply.get("retry-after")) >= 1 and "server.limits.connections" in reply.body.decode() and ("error" in reply.json()) == (dialect == "openai")
        assert over.is_closed_by_peer()
        over.close()
    for path in ("/health", "/ready", "/metrics"):  # monitors are answered, but get no place for long
        over = daemon.connect()
        reply = over.request("GET", path).reply()
        assert (reply.status, reply.get("connection")) == (200, "close") and over.is_closed_by_peer()
        over.close()
    silent = daemon.connect()  # a silent client is also told
    assert silent.reply().status == 503 and silent.is_closed_by_peer()
    crowd = [daemon.connect() for _ in range(100)]
    codes = [c.reply().status for c in crowd]
    assert codes == [503] * 100
    for c in crowd:
        c.close()
    told = [line for line in daemon.stderr.splitlines() if "calls are refused with 503: the gateway has no free connection (server.limits.connections)" in line]
    assert len(told) == 1 and " warning serve: " in told[0]
    for conn in held:  # those that had a place keep it
        assert conn.request("GET", "/health").reply().status == 200
    held[0].close()

    def served():
        conn = daemon.connect()
        try:
            return conn.request("GET", "/health").reply().status == 200
        finally:
            conn.close()

    wait_for(served, "a free place")


@pytest.mark.parametrize("head", [b"GET /health HTTP/1.1", b"POST /v1/chat/completions HTTP/1.1"], ids=["watching", "calling"])
def test_a_slow_body_holds_no_place_over_the_limit(sluice, head):
    """Bytes that come slowly keep such a connection no longer: its place is for monitors."""
    daemon = sluice({"endpoints": [], "server": {"limits": {"connections": 2}, "timeouts": {"keep_alive": "30s"}}})

    def full():
        conns = [daemon.connect() for _ in range(2)]
        ok = all(c.request("GET", "/v1/models").reply().status == 200 for c in conns)
        return conns if ok else [c.close() for c in conns] and None

    held = wait_for(full, "two connections")
    over = daemon.connect()
    over.send(head + b"\r\nhost: 127.0.0.1\r\ncontent-length: 1000000\r\n\r\n")
    assert over.reply().status == 503
    began = time.monotonic()
    over.sock.settimeout(0.1)
    while time.monotonic() < began + 10:
        try:
            over.send(b"x")
            over.sock.recv(1)  # the end of the reply comes at once; the reset when the connection is closed
            if over.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    assert time.monotonic() - began < 5 and len(held) == 2


def test_a_slow_reader_holds_no_place_over_the_limit(sluice):
    """Ten seconds are the time that Prometheus waits for a page."""
    names = ["r" * 250 + str(i) for i in range(500)]
    daemon = sluice({"endpoints": [{"name": name, "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}} for name in names],
                     "metrics": {"histogram_routes": 500}, "server": {"limits": {"connections": 2}, "timeouts": {"keep_alive": "60s"}}})
    conn = daemon.connect()
    for name in names:
        for stream in (False, True):
            assert conn.request("POST", "/v1/chat/completions", CHAT | {"model": name, "stream": stream}).reply().status == 200
    held = [conn, daemon.connect()]
    assert held[1].request("GET", "/v1/models").reply().status == 200
    def open_now():
        fds = f"/proc/{daemon.proc.pid}/fd"
        return sum(os.readlink(f"{fds}/{fd}").startswith("socket:") for fd in os.listdir(fds))

    within = open_now()
    over = socket.socket()
    over.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    over.connect(("127.0.0.1", daemon.port))
    began, got, seen = time.monotonic(), 0, 0
    over.sendall(b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    while time.monotonic() < began + 30 and (not seen or open_now() > within):
        got += len(over.recv(50000))
        seen = max(seen, open_now() - within)
        time.sleep(0.05)  # the reader's speed: a faster one gets everything; a slower one counts as one that takes nothing
    assert got > 10000 and seen == 1, (got, seen)
    assert 9 < time.monotonic() - began < 15 and len(held) == 2


def test_no_descriptors_left(sluice, upstream):
    """Accepting pauses; running exchanges go on; when descriptors are free again, those who waited are served."""
    up = upstream(lambda x: (x.stream_head(), [x.event({"choices": [], "n": i}) or time.sleep(0.01) for i in range(100)], x.event("[DONE]"), x.last_chunk()))
    soft = 64
    hook = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"workers": 1}}, preexec=hook)
    stream = daemon.connect()
    stream.request("POST", "/v1/chat/completions", {**CHAT, "stream": True})
    assert stream.head().status == 200
    held = [daemon.connect() for _ in range(soft)]
    fds = f"/proc/{daemon.proc.pid}/fd"
    wait_for(lambda: len(os.listdir(fds)) >= soft - 1, "all descriptors to be taken")
    data = b""
    while (chunk := stream.chunk()):
        data += chunk
    assert chunk == b"" and data.endswith(b"data: [DONE]\n\n") and data.count(b'"n"') == 100
    ticks = lambda: sum(int(v) for v in open(f"/proc/{daemon.proc.pid}/stat").read().rsplit(")", 1)[1].split()[11:13])
    before = ticks()
    time.sleep(0.5)  # measures what pausing costs: no spinning
    assert ticks() - before < 0.25 * os.sysconf("SC_CLK_TCK")
    last = held.pop()
    last.request("GET", "/health")
    for conn in held[:soft // 2]:
        conn.close()
    assert last.reply().status == 200
    assert daemon.stderr.count("warning serve: cannot accept a connection: Too many open files;") == 1  # not each time


@pytest.mark.skipif(SANITIZED, reason="memory is measured in the release build")
def test_idle_connections_hold_no_buffers(sluice, upstream):
    n = 2000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < n + 500:
        pytest.skip("not enough descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"workers": 1}})
    body = json.dumps({**CHAT, "pad": "x" * 20000}).encode()
    raw = (CHAT_HEAD + "X-Pad: " + "p" * 3000 + f"\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body
    warm = daemon.connect()
    for _ in range(20):
        warm.send(raw)
        assert warm.reply().status == 200
    before = daemon.rss()
    conns = []
    for _ in range(n):
        sock = socket.create_connection(("127.0.0.1", daemon.port), timeout=DEADLINE)
        sock.sendall(raw)
        got = b""
        while not got.endswith(CHAT_REPLY):
            got += sock.recv(65536)
        conns.append(sock)
    each = (daemon.rss() - before) / n
    print(f"an idle connection holds {each:.0f} bytes")
    assert each < 4096
    for sock in conns:
        sock.close()

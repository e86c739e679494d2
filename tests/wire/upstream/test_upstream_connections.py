# SPDX-License-Identifier: Apache-2.0
"""Connections to upstreams: kept, retried once and only when that is safe, given up in time, stopped with their client,
paused for it."""
import json
import os
import pathlib
import queue
import signal
import socket
import ssl
import threading
import time

import pytest

from harness import CHAT, CHAT_REPLY, SANITIZED, Sluice, chat_route, free_port, wait_for
from lab import DONE, Lab, chunk_of, event_of
from upstream import Upstream, head_read

A, END = event_of(chunk_of("a")), event_of(chunk_of(None, "stop"))
OK = lambda x: x.reply(CHAT_REPLY)


@pytest.fixture
def lab(tmp_path):
    labs = []

    def start(config=None, tls=None, **route):
        labs.append(Lab(tmp_path / str(len(labs)), {"server": {"workers": 1}, **(config or {})}, tls=tls, **route))
        return labs[-1]

    yield start
    for one in labs:
        one.close()


# --- keeping and re-sending ---


def test_a_connection_serves_many(lab):
    lab = lab()
    for i in range(5):
        assert lab.call(OK, stream=i == 3, mlflow=i == 4).status == 200
    assert lab.up.n_connections == 1


def test_bytes_behind_a_reply_close_the_connection(lab):
    lab = lab()
    gone = threading.Event()

    def handler(x):
        x.reply(CHAT_REPLY)
        x.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        x.wait_closed()
        gone.set()

    assert lab.call(handler).body == CHAT_REPLY
    assert gone.wait(5)
    assert lab.call(OK).body == CHAT_REPLY and lab.up.n_connections == 2


@pytest.mark.parametrize("end", ["close", "reset", "say close"])
def test_a_connection_closed_between_requests_is_not_seen(lab, end):
    lab = lab()

    def handler(x):
        x.reply(CHAT_REPLY, headers=[("Connection", "close")] if end == "say close" else [])
        getattr(x, "reset" if end == "reset" else "close")()

    for _ in range(10):
        assert lab.call(handler).body == CHAT_REPLY
    assert len(lab.up.requests) <= 20


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_reused_connection_that_dies_is_replaced_once(lab, end):
    lab = lab(retries=0)
    lab.call(OK)

    def dies_when_reused(x):
        if x.number == 1:
            getattr(x, end)()
        else:
            OK(x)

    r = lab.call(dies_when_reused)
    assert r.body == CHAT_REPLY and lab.n_requests == 2 and lab.up.n_connections == 2
    assert lab.up.requests[-1].body == lab.up.requests[-2].body and lab.up.requests[-1].headers == lab.up.requests[-2].headers
    r = lab.call(lambda x: getattr(x, end)())
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_bad_response" and lab.n_requests == 2


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_fresh_connection_that_dies_is_not(lab, end):
    lab = lab(retries=5)
    r = lab.call(lambda x: getattr(x, end)())
    assert r.status == 502 and lab.n_requests == 1


def test_nothing_is_sent_again_a_second_later(lab):
    lab = lab()
    lab.call(OK)

    def handler(x):
        time.sleep(1.1)
        x.close()

    r = lab.call(handler)
    assert r.status == 502 and lab.n_requests == 1


def test_nothing_is_sent_again_after_a_byte_of_reply(lab):
    lab = lab()
    for said in ("H", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n"):
        lab.call(OK)

        def handler(x):
            x.send(said)
            x.close()

        r = lab.call(handler)
        assert r.status == 502 and lab.n_requests == 1


def in_turn(*handlers):
    left = list(handlers)
    return lambda x: left.pop(0)(x) if len(left) > 1 else left[0](x)


def says(status, **kwargs):
    return lambda x: x.reply({"error": {"message": "m", "type": "t", "code": None}}, status, **kwargs)


@pytest.mark.parametrize("status", [503, 529])
def test_overload_is_tried_again(lab, status):
    lab = lab()
    r = lab.call(in_turn(says(f"{status} X"), OK))
    assert r.status == 200 and lab.n_requests == 2 and r.get("x-sluice-attempts") == "2"
    r = lab.call(says(f"{status} X"), stream=True)
    assert r.status == status and lab.n_requests == 2 and r.get("x-sluice-error-type") == "provider_overloaded"


@pytest.mark.parametrize("status", [400, 408, 409, 429, 500, 502, 504])
def test_other_errors_are_not(lab, status):
    lab = lab(retries=3)
    assert lab.call(says(f"{status} X")).status == status and lab.n_requests == 1


def test_retries_are_counted_and_bounded(lab):
    one = lab(retries=0)
    assert one.call(says("503 X")).status == 503 and one.n_requests == 1
    three = lab(retries=3)
    assert three.call(says("503 X")).status == 503 and three.n_requests == 4
    r = three.call(says("503 X", headers=[("retry-after", "60")]))
    assert r.status == 503 and r.get("retry-after") == "60" and three.n_requests == 1, "nobody waits a minute"
    start = time.monotonic()
    r = three.call(in_turn(says("503 X", headers=[("retry-after", "1")]), OK))
    assert r.status == 200 and time.monotonic() - start >= 1
    short = lab(retries=9, timeouts={"total": "600ms"})
    r = short.call(says("503 X", headers=[("retry-after", "1")]))
    assert r.status == 503 and short.n_requests == 1
    start = time.monotonic()
    r = short.call(says("503 X"))
    assert r.status == 503 and short.n_requests <= 3 and time.monotonic() - start < 2


def test_a_refused_stream_options_costs_no_retry(lab):
    lab = lab(retries=1)
    refusal = {"error": {"message": "unknown: stream_options"}}
    r = lab.call(in_turn(lambda x: x.reply(refusal, "400 X"), says("503 X"), lambda x: (x.stream_head(), x.chunk(A + END + DONE), x.last_chunk())), stream=True)
    assert r.status == 200 and lab.n_requests == 3


def test_nobody_there(sluice):
    port = free_port()
    daemon = sluice({"endpoints": [chat_route(f"http://127.0.0.1:{port}/v1")]})
    for path in ("/v1/chat/completions", "/gateway/chat/invocations"):
        r = daemon.call("POST", path, {"messages": [{"role": "user", "content": "x"}], **({"model": "chat"} if "v1" in path else {})})
        assert r.status == 502 and r.get("x-sluice-error-type") == "provider_connect_failed" and r.get("x-sluice-attempts") == "2"
        assert f"connection refused by 127.0.0.1:{port}" in r.body.decode()
        assert f"127.0.0.1:{port}" in daemon.log_line(r.get("x-request-id"))["error"]


def test_a_name_that_does_not_exist(sluice):
    daemon = sluice({"endpoints": [chat_route("http://does-not-exist.invalid/v1")]})
    r = daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": []})
    assert r.status in (502, 504) and "does-not-exist.invalid" in r.json()["error"]["message"]


def test_an_ipv6_upstream(sluice, upstream):
    up = upstream(OK, host="::1")
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    r = daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": []})
    assert r.status == 200 and up.requests[0].get("host") == f"[::1]:{up.port}"


def test_localhost_is_found_whichever_family_listens(sluice, upstream):
    known = {info[4][0] for info in socket.getaddrinfo("localhost", None)}
    for host in {"127.0.0.1", "::1"} & known:
        up = upstream(OK, host=host)
        daemon = sluice({"endpoints": [chat_route(f"http://localhost:{up.port}/v1")]})
        assert daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": []}).status == 200


# --- times ---


class FullListener:
    """Accepts nothing: its queue is full, so no connection is ever made."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(0)
        self.port = self.sock.getsockname()[1]
        self.fillers = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(s)
        time.sleep(0.05)

    def close(self):
        for s in self.fillers + [self.sock]:
            s.close()


@pytest.fixture
def full():
    listener = FullListener()
    yield listener
    listener.close()


def expect_timeout(r, kind, phase):
    assert r.status == 504 and r.get("x-sluice-error-type") == f"provider_timeout_{kind}", (r.status, r.body)
    assert phase in r.body.decode(), r.body


def test_connect_time(sluice, full):
    daemon = sluice({"endpoints": [chat_route(f"http://127.0.0.1:{full.port}/v1", timeouts={"connect": "300ms"}, retries=0)]})
    start = time.monotonic()
    r = daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": []})
    expect_timeout(r, "connect", "(sluice.timeouts.connect of the route 'chat': 300ms)")
    assert 0.25 < time.monotonic() - start < 3
    assert daemon.log_line(r.get("x-request-id"))["error_type"] == "provider_timeout_connect"


def test_tls_counts_into_the_time_to_connect(sluice, upstream):
    up = upstream(on_connect=lambda conn: conn.recv(1) and time.sleep(8))
    daemon = sluice({"endpoints": [chat_route(f"https://127.0.0.1:{up.port}/v1", timeouts={"connect": "300ms"}, retries=0)]})
    start = time.monotonic()
    for body in ({}, {"padding": "x" * 3000000}):
        r = daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": [], **body})
        expect_timeout(r, "connect", "(sluice.timeouts.connect of the route 'chat': 300ms)")
    assert time.monotonic() - start < 6


def test_total_time_bounds_connecting(sluice, full):
    daemon = sluice({"endpoints": [chat_route(f"http://127.0.0.1:{full.port}/v1", timeouts={"total": "300ms"}, retries=0)]})
    r = daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": []})
    expect_timeout(r, "total", "(sluice.timeouts.total of the route 'chat': 300ms)")


@pytest.mark.parametrize("said", ["", "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 100 Continue\r\n\r\n"])
def test_first_byte_time(lab, said):
    lab = lab(timeouts={"first_byte": "300ms"})
    for mlflow in (False, True):
        r = lab.call(lambda x: (x.send(said), x.hold()), mlflow=mlflow)
        expect_timeout(r, "first_byte", "(sluice.timeouts.first_byte of the route 'chat': 300ms)")
        assert lab.n_requests == 1


def test_a_head_that_trickles_has_the_same_time(lab):
    lab = lab(timeouts={"first_byte": "400ms"})

    def handler(x):
        try:
            for c in "HTTP/1.1 200 OK\r\n" + "X-Y: z\r\n" * 1000:
                x.send(c)
                time.sleep(0.02)
        except OSError:
            pass

    start = time.monotonic()
    expect_timeout(lab.call(handler), "first_byte", "first_byte")
    assert time.monotonic() - start < 3


def test_idle_time(lab):
    lab = lab(timeouts={"idle": "300ms"})

    def whole(x):
        x.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"choices\":[{")
        x.hold()

    r = lab.call(whole)
    assert r.status == 200 and not r.complete and lab.log()["error_type"] == "provider_timeout_idle"
    expect_timeout(lab.call(whole, mlflow=True), "idle", "(sluice.timeouts.idle of the route 'chat': 300ms)")
    for mlflow in (False, True):
        r = lab.call(lambda x: (x.stream_head(), x.chunk(A), x.hold()), stream=True, mlflow=mlflow)
        assert r.status == 200 and r.complete and b"(sluice.timeouts.idle of the route 'chat': 300ms)" in r.body and lab.log()["error_type"] == "provider_timeout_idle"
        assert r.body.startswith(A.encode()) or mlflow

    def busy(x):
        x.stream_head()
        for _ in range(8):
            time.sleep(0.1)
            x.chunk(": ping\n\n")
        x.chunk(END + DONE)
        x.last_chunk()

    assert lab.call(busy, stream=True).body.endswith(DONE.encode()), "comments are a sign of life"


def test_total_time(lab):
    lab = lab(timeouts={"total": "700ms"})

    def dribble(x):
        x.stream_head()
        try:
            while True:
                x.chunk(A)
                time.sleep(0.05)
        except OSError:
            pass

    start = time.monotonic()
    r = lab.call(dribble, stream=True)
    assert r.complete and b"(sluice.timeouts.total of the route 'chat': 700ms)" in r.body and r.body.endswith(DONE.encode()) and 0.6 < time.monotonic() - start < 3
    assert lab.log()["error_type"] == "provider_timeout_total"
    expect_timeout(lab.call(lambda x: x.hold()), "total", "(sluice.timeouts.total of the route 'chat': 700ms)")


@pytest.mark.parametrize("where", ["environment", "upstream", "route"])
def test_total_time_is_set_in_three_places(sluice, upstream, where):
    up = upstream(lambda x: x.hold())
    config = {"endpoints": [chat_route(up.base, **({"timeouts": {"total": "1s"}} if where == "route" else {}))]}
    if where == "upstream":
        config["upstream"] = {"timeouts": {"total": "1s"}}
    daemon = sluice(config, env={"MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS": "1" if where == "environment" else "30"})
    start = time.monotonic()
    r = daemon.call("POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "x"}]})
    expect_timeout(r, "total", "(sluice.timeouts.total of the route 'chat': 1s)" if where == "route" else "(upstream.timeouts.total: 1s)")
    assert 0.9 < time.monotonic() - start < 4


def unread(x_body):
    """An upstream that accepts a connection and reads nothing of the body."""

    def on_connect(conn):
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        x_body(conn)

    return on_connect


def test_an_upstream_that_stops_reading(sluice, upstream):
    up = upstream(on_connect=unread(lambda conn: time.sleep(5)))
    daemon = sluice({"endpoints": [chat_route(up.base, timeouts={"idle": "400ms"})]})
    start = time.monotonic()
    r = daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": [], "padding": "x" * 20000000})
    expect_timeout(r, "idle", "(sluice.timeouts.idle of the route 'chat': 400ms)")
    assert time.monotonic() - start < 4


def test_an_upstream_that_reads_slowly_is_waited_for(sluice, upstream):
    def slow(conn):
        n = 0
        while n < 12000000:
            n += len(conn.recv(100000))
            time.sleep(0.01)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    up = upstream(on_connect=slow)
    daemon = sluice({"endpoints": [chat_route(up.base, timeouts={"idle": "500ms"})]})
    start = time.monotonic()
    r = daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": [], "padding": "x" * 12000000})
    assert r.status == 200 and time.monotonic() - start > 1


def test_an_early_answer_is_passed(sluice, upstream):
    """Refused before the body was read; the connection is not used again."""

    def early(conn):
        head_read(conn)
        conn.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"error\":{\"message\":\"big\"}}")
        time.sleep(0.3)

    up = upstream(on_connect=unread(early))
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    for _ in range(2):
        r = daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": [], "padding": "x" * 20000000})
        assert r.status == 413 and r.body == b'{"error":{"message":"big"}}'
    assert up.n_connections == 2


def test_a_stream_whose_head_comes_before_the_body_was_read_is_not_late(sluice, upstream):
    """Where another target could answer, the first bytes are waited for, though the request is still being sent."""

    def early(conn):
        head, body = head_read(conn).split(b"\r\n\r\n", 1)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        n = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) - len(body)
        while n > 0:
            n -= len(conn.recv(1000000))
        conn.sendall(b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
        conn.close()

    up = upstream(on_connect=early)
    route = chat_route(up.base)
    route["sluice"] = {"retries": 0, "targets": [{"name": "other", "model": route["model"], "tier": 1}]}
    daemon = sluice({"endpoints": [route]})
    r = daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": [], "stream": True, "padding": "x" * 20000000})
    assert (r.status, r.get("x-sluice-attempts")) == (200, "1") and b'"hi"' in r.body, r.body


def thread_states(pid):
    return {stat.read_text().rsplit(")", 1)[1].split()[0] for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")}


def test_an_answer_that_comes_in_the_turn_of_its_request(lab):
    """The request waits for the turn's end and is borrowed: it must be sent before the client's body is freed."""
    lab = lab()
    bodies, connections = queue.Queue(), queue.Queue()

    def handler(x):
        if len(x.body) < 1000:
            OK(x)
            connections.put(x.conn)
        else:
            bodies.put(x.body)
            x.close()

    lab.up.handler = handler
    request = {"model": "chat", "messages": [{"role": "user", "content": "word " * 6000}]}
    for _ in range(3):
        client = lab.daemon.connect()
        assert client.request("POST", "/v1/chat/completions", CHAT).reply().body == CHAT_REPLY
        kept = connections.get(timeout=5)
        wait_for(lambda: thread_states(lab.daemon.proc.pid) == {"S"}, "idle", 5)  # so that events come in the order of their causes
        lab.daemon.proc.send_signal(signal.SIGSTOP)
        try:
            wait_for(lambda: thread_states(lab.daemon.proc.pid) == {"T"}, "stopped", 5)
            client.request("POST", "/v1/chat/completions", request)
            kept.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}")
        finally:
            lab.daemon.proc.send_signal(signal.SIGCONT)
        assert client.reply().body == b'{"a":1}'
        assert json.loads(bodies.get(timeout=5))["messages"] == request["messages"]
        client.close()


# --- the client goes ---


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("phase", ["silent", "head", "whole", "stream", "mlflow stream", "paused"])
def test_client_gone_aborts_the_upstream(lab, phase, how):
    import queue

    lab = lab()
    ends = queue.Queue()
    ready = threading.Event()

    def handler(x):
        if phase == "head":
            x.send("HTTP/1.1 200 OK\r\n")
        elif phase == "whole":
            x.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"choices\":[{")
        elif phase in ("stream", "mlflow stream"):
            x.stream_head()
            x.chunk(A)
        elif phase == "paused":
            x.stream_head()
            x.conn.settimeout(1)
            try:
                while True:
                    x.chunk(A * 1000)
            except TimeoutError:
                pass
            x.conn.settimeout(None)
        ready.set()
        x.wait_closed()
        ends.put(time.monotonic())

    took = []
    for _ in range(3):  # a loaded machine may be slow itself: one of three must be fast enough
        ready.clear()
        conn = lab.start(handler, stream="stream" in phase or phase == "paused", mlflow="mlflow" in phase)
        assert ready.wait(10)
        if phase in ("whole", "stream", "mlflow stream"):
            conn.head()
        start = time.monotonic()
        getattr(conn, how)()
        took.append(ends.get(timeout=10) - start)
        line = lab.log()
        assert line["status"] == 499 and line["error_type"] == "caller_cancelled" and lab.n_requests == 1
        if took[-1] < 0.1:
            break
    assert min(took) < (0.5 if SANITIZED else 0.1), took


@pytest.mark.parametrize("how", ["close", "reset", "tls"])
def test_client_gone_behind_more_than_the_head_limit(sluice, upstream, certs, how):
    """Reading has stopped because of what it pipelined; its end comes after bytes that nobody reads."""
    closed = []
    up = upstream(lambda x: closed.append(x.wait_closed()))
    tls = {"tls": {"cert": certs[0], "key": certs[1]}} if how == "tls" else {}
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"limits": {"head": "16KiB"}, **tls}})
    conn = daemon.connect(ssl.create_default_context(cafile=certs[0]) if tls else None)
    one = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: gone\r\nContent-Length: 30\r\n\r\n" + '{"model":"chat","messages":[]}'
    conn.send(one)
    up.next()
    conn.send(one * 200)
    getattr(conn, "reset" if how == "reset" else "close")()
    wait_for(lambda: closed, "the upstream's connection to be closed")
    assert daemon.log_line("gone")["error_type"] == "caller_cancelled" and len(up.requests) == 1


def test_client_gone_while_connecting(sluice, full):
    daemon = sluice({"endpoints": [chat_route(f"http://127.0.0.1:{full.port}/v1", timeouts={"connect": "20s"})]})
    conn = daemon.connect().request("POST", "/v1/chat/completions", {"model": "chat", "messages": []}, [("x-request-id", "gone")])
    fds = lambda: sum("socket" in str(p) for p in [os.readlink(f"/proc/{daemon.proc.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{daemon.proc.pid}/fd")])
    time.sleep(0.2)
    before = fds()
    start = time.monotonic()
    conn.close()
    assert daemon.log_line("gone")["error_type"] == "caller_cancelled"
    wait_for(lambda: fds() == before - 2, "both sockets closed", 5)
    assert time.monotonic() - start < 1


def test_client_gone_while_the_body_goes_up(sluice, upstream):
    import queue

    ends = queue.Queue()
    here = threading.Event()

    def on_connect(conn):
        conn.recv(1000)
        here.set()
        resume.wait(10)
        try:
            while conn.recv(1 << 20):
                pass
        except OSError:
            pass
        ends.put(time.monotonic())

    resume = threading.Event()
    up = upstream(on_connect=unread(on_connect))
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    conn = daemon.connect().request("POST", "/v1/chat/completions", {"model": "chat", "messages": [], "padding": "x" * 20000000}, [("x-request-id", "gone")])
    assert here.wait(10)
    conn.close()
    assert daemon.log_line("gone")["error_type"] == "caller_cancelled"
    resume.set()
    ends.get(timeout=10)


def test_client_gone_between_two_attempts(lab):
    lab = lab(retries=5)
    conn = lab.start(says("503 X", headers=[("retry-after", "1")]))
    lab.up.next()
    time.sleep(0.1)
    conn.close()
    assert lab.log()["error_type"] == "caller_cancelled"
    time.sleep(1.2)
    assert lab.n_requests == 1


# --- the client is slow ---


def pours(total, sent, chunked=True):
    block, first = b"y" * 100000, b'{"choices":[{"x":"'.ljust(100000, b"y")

    def handler(x):
        x.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + (f"Content-Length: {total}\r\n\r\n" if not chunked else "Transfer-Encoding: chunked\r\n\r\n"))
        for i in range(total // len(block)):
            x.chunk(block if i else first) if chunked else x.send(block if i else first)
            sent[0] += len(block)
        if chunked:
            x.last_chunk()

    return handler


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_slow_client_stops_the_upstream(tmp_path, secure, chunked):
    from upstream import Authority

    authority = Authority(tmp_path / "ca") if secure else None
    config = {"server": {"workers": 1}, "upstream": {"ca": authority.path} if secure else {}}
    lab = Lab(tmp_path / "lab", config, tls=authority.server("127.0.0.1") if secure else None)
    try:
        assert lab.call(OK).status == 200
        total, sent = 300000000, [0]
        before = lab.daemon.rss()
        conn = lab.start(pours(total, sent, chunked))
        assert conn.head().status == 200
        stalled = [0, 0]

        def is_stuck():
            stalled[1] = stalled[1] + 1 if sent[0] == stalled[0] and sent[0] else 0
            stalled[0] = sent[0]
            return stalled[1] > 60

        wait_for(is_stuck, "the upstream held back")
        assert sent[0] < 30000000, "nobody held it back"
        assert SANITIZED or lab.daemon.rss() - before < 6 << 20
        total_got, peak = 0, 0
        if chunked:
            while data := conn.chunk():
                total_got += len(data)
        else:
            total_got = len(conn.buf)
            conn.buf = b""
            while total_got < total:
                total_got += len(conn.sock.recv(1 << 20))
        assert total_got == total
        assert SANITIZED or lab.daemon.rss() - before < 6 << 20
        conn.close()
    finally:
        lab.close()


def test_a_client_that_takes_nothing_is_given_up(lab):
    lab = lab({"server": {"workers": 1, "timeouts": {"write_idle": "500ms"}}})
    sent, ended = [0], threading.Event()

    def handler(x):
        try:
            pours(200000000, sent)(x)
        except OSError:
            ended.set()

    conn = lab.start(handler)
    assert ended.wait(10), "the upstream goes on"
    assert lab.log()["error_type"] == "caller_cancelled"
    conn.close()


BIG = json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
                  "choices": [{"index": 0, "message": {"role": "assistant", "content": "z" * 30000000}, "finish_reason": "stop"}]})


@pytest.mark.parametrize("kind", ["keep-alive", "close"])
def test_a_client_that_takes_it_slowly_is_not(lab, kind):
    """A collected reply is sent in one write and is complete long before the client has it; it takes longer than every
    time-out, but it moves."""
    lab = lab({"server": {"workers": 1, "timeouts": {"write_idle": "700ms", "keep_alive": "500ms"}}, "upstream": {"limits": {"reply": "64MiB"}}})
    lab.up.handler = lambda x: x.reply(BIG)
    conn = lab.daemon.connect()
    conn.request("POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "x"}]}, [("connection", kind)])
    r = conn.head()
    left, start = int(r.get("content-length")) - len(conn.buf), time.monotonic()
    seconds = 7 if kind == "close" else 2.5
    rate = left / seconds * 0.05
    while left > 0 and (data := conn.sock.recv(int(rate))):
        left -= len(data)
        time.sleep(0.05 if time.monotonic() - start < seconds else 0)
    assert left == 0 and time.monotonic() - start > 1
    conn.close()


@pytest.mark.parametrize("kind", ["keep-alive", "close"])
def test_a_client_that_never_takes_a_complete_reply_is_given_up(lab, kind):
    lab = lab({"server": {"workers": 1, "timeouts": {"write_idle": "500ms"}}, "upstream": {"limits": {"reply": "64MiB"}}})
    lab.up.handler = lambda x: x.reply(BIG)
    conn = lab.daemon.connect()
    conn.request("POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "x"}]}, [("connection", kind)])
    start = time.monotonic()
    links = lambda: sum("socket" in os.readlink(f"/proc/{lab.daemon.proc.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{lab.daemon.proc.pid}/fd") if os.path.islink(f"/proc/{lab.daemon.proc.pid}/fd/{fd}"))
    lab.daemon.log_lines(1)
    with_client = links()
    wait_for(lambda: links() < with_client, "the connection closed")
    assert time.monotonic() - start < 4
    conn.close()

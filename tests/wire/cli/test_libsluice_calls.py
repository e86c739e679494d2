# SPDX-License-Identifier: Apache-2.0
"""libsluice against a scripted server: the same calls blocking, pushed, pulled and from the caller's own loop."""
import base64
import json
import os
import queue
import threading

import pytest

from harness import DEADLINE, free_port
from libsluice import CHAT, MODES, Driver

REPLY = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hi \u00e9 \U0001f600"}}], "usage": {"total_tokens": 12}}
ROUTE = {"name": "chat", "route_type": "llm/v1/chat", "model": {"name": "m", "provider": "openai"}, "route_url": "/gateway/chat/invocations", "limit": None}
TEXT = "one \u00e9 two"


def event(text):
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}) + "\n\n"


STREAM = event("one ") + ": comment\n\n" + event("\u00e9 ") + 'event: x\r\ndata: {"choices": [],\r\ndata: "usage": {"total_tokens": 7}}\r\n\r\n' + event("two") + "data: [DONE]\n\n"


def chunked(text, sizes=17):
    data, mark, tail = text.encode().partition(b"data: [DONE]\n\n")
    parts = [data[i:i + sizes] for i in range(0, len(data), sizes)] + ([mark + tail] if mark else [])
    return b"".join(f"{len(p):x}\r\n".encode() + p + b"\r\n" for p in parts) + b"0\r\n\r\n"


def whole_bytes(body=REPLY, status="200 OK", headers=""):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Request-Id: r1\r\nX-Test: a\r\n{headers}Content-Length: {len(data)}\r\n\r\n".encode() + data


def stream_bytes(text=STREAM):
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(text)


@pytest.fixture
def server(upstream):
    """A scripted server and a driver that talks to it."""
    drivers = []

    def start(handler, *options, retries=0, env=None):
        up = upstream(handler)
        driver = Driver(f"url=http://127.0.0.1:{up.port}", f"retries={retries}", *options, env=env)
        drivers.append(driver)
        return up, driver

    yield start
    for driver in drivers:
        driver.close()


def check_stream(got, mode):
    assert got["code"] == "SLUICE_OK", got
    if mode != "block":
        assert (got["text"], got["events"], got["usages"]) == (TEXT, 4, 1)
    if mode in ("push", "loop"):
        assert (got["ends"], got["end_code"]) == (1, "SLUICE_OK")
    assert got["usage"] == 7


@pytest.mark.parametrize("mode", MODES)
def test_a_reply_and_a_stream(server, mode):
    up, driver = server(lambda x: x.send(stream_bytes() if x.json().get("stream") else whole_bytes()))
    got = driver.call(mode, "query", "chat", CHAT)
    assert (got["code"], got["content"], got["usage"], got["request_id"], got["x_test"]) == ("SLUICE_OK", REPLY["choices"][0]["message"]["content"], 12, "r1", "a")
    assert json.loads(got["body"]) == REPLY
    check_stream(driver.call(mode, "stream", "chat", CHAT), mode)
    assert up.requests[0].line == "POST /gateway/chat/invocations HTTP/1.1" and up.requests[0].body.decode() == CHAT
    assert up.requests[1].json() == json.loads(CHAT) | {"stream": True}
    assert up.n_connections == 1


@pytest.mark.parametrize("mode", MODES)
def test_slow_and_split_at_every_byte(server, mode):
    def handler(x):
        data = stream_bytes() if x.json().get("stream") else whole_bytes()
        at = x.json()["at"]
        if at < 0:
            for i in range(len(data)):
                x.send(data[i:i + 1])
        else:
            x.send(data[:at])
            x.send(data[at:])

    _, driver = server(handler)
    for op, data in ("query", whole_bytes()), ("stream", stream_bytes()):
        for at in range(-1, len(data)):
            got = driver.call(mode, op, "chat", json.dumps({"at": at}))
            if op == "stream":
                check_stream(got, mode)
            else:
                assert got["code"] == "SLUICE_OK" and json.loads(got["body"]) == REPLY, got


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("mode", MODES)
def test_broken_at_every_byte(server, mode, how):
    def handler(x):
        x.send((stream_bytes() if x.json().get("stream") else whole_bytes())[:x.json()["at"]])
        getattr(x, how)()

    up, driver = server(handler, retries=3)
    n = 0
    for op, data in ("query", whole_bytes()), ("stream", stream_bytes()):
        head = data.index(b"\r\n\r\n") + 4
        done = data.index(b"[DONE]\n") + 7 if op == "stream" else len(data)
        for at in range(len(data)):
            got = driver.call(mode, op, "chat", json.dumps({"at": at}))
            n += 1
            # A reset may also drop bytes that were sent before it. Once "[DONE]" is there, nothing is missing.
            if op == "stream" and at >= done:
                assert got["code"] in ("SLUICE_OK", "SLUICE_ESTREAM", "SLUICE_ECONNECT"), (at, got)
                continue
            assert got["code"] in ("SLUICE_ECONNECT", "SLUICE_EPROTOCOL", "SLUICE_ESTREAM"), (at, got)
            if op == "stream" and how == "close" and at > head:
                assert got["code"] == "SLUICE_ESTREAM", (at, got)
            assert TEXT.startswith(got["text"]), (at, got)
            if mode in ("push", "loop") and op == "stream":
                assert got["ends"] == 1 and got["end_code"] == got["code"]
    assert len(up.requests) == n, "a POST whose body went out is not sent again"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("data, codes", [
    (b"\x00\xff garbage\r\n\r\n", {"SLUICE_EPROTOCOL"}),
    (b"SSH-2.0-OpenSSH\r\n", {"SLUICE_EPROTOCOL"}),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", {"SLUICE_EPROTOCOL"}),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {"SLUICE_EPROTOCOL"}),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {"SLUICE_ECONNECT", "SLUICE_EPROTOCOL"}),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"a\": \"\xff\xfe\"} ", {"SLUICE_EPROTOCOL"}),
    (b"HTTP/1.1 204 No Content\r\n\r\n", {"SLUICE_EPROTOCOL"}),
    (b"HTTP/1.1 304 Not Modified\r\n\r\n", {"SLUICE_EPROTOCOL"}),
    (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 400000 + b"\r\n\r\n", {"SLUICE_EPROTOCOL", "SLUICE_ECONNECT"}),
])
def test_garbage(server, mode, data, codes):
    def handler(x):
        x.send(data)
        x.close()

    _, driver = server(handler)
    got = driver.call(mode, "query", "chat", CHAT)
    assert got["code"] in codes, got
    assert got["error"].startswith("API request to http://127.0.0.1:")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text, code, said", [
    (event("a") + "data: {oops}\n\n", "SLUICE_EPROTOCOL", "an event is not JSON"),
    (event("a") + 'data: {"error": {"message": "upstream died", "type": "provider_stream_broken"}}\n\n', "SLUICE_ESTREAM", "upstream died"),
    (event("a") + "event: error\ndata: {\"message\": \"upstream died\"}\n\n", "SLUICE_ESTREAM", "upstream died"),
    (event("a") + event("b")[:-10], "SLUICE_ESTREAM", "an event is not JSON"),
    (event("a") + "data: " + "[" * 600 + "\n\n", "SLUICE_EPROTOCOL", "nested too deeply"),
    (event("a") + "data: \"" + "x" * 70000 + "\"\n\n", "SLUICE_EPROTOCOL", "max_event_bytes"),
])
def test_streams_that_fail(server, mode, text, code, said):
    _, driver = server(lambda x: x.send(stream_bytes(text)), "max_event_bytes=65536")
    got = driver.call(mode, "stream", "chat", CHAT)
    assert got["code"] == code and said in got["error"], got
    assert mode == "block" or got["text"] == "a"
    if "provider" in text:
        assert got["type"] == "provider_stream_broken"


@pytest.mark.parametrize("mode", MODES)
def test_a_stream_that_comes_whole(server, mode):
    _, driver = server(lambda x: x.send(whole_bytes()))
    got = driver.call(mode, "stream", "chat", CHAT)
    assert got["code"] == "SLUICE_OK" and json.loads(got["body"]) == REPLY
    assert mode == "block" or got["text"] == REPLY["choices"][0]["message"]["content"]


@pytest.mark.parametrize("mode", MODES)
def test_limits_of_size(server, mode):
    _, driver = server(lambda x: x.send(whole_bytes(b'"' + b"x" * 5000 + b'"')), "max_reply_bytes=4096")
    got = driver.call(mode, "query", "chat", CHAT)
    assert got["code"] == "SLUICE_EPROTOCOL" and "max_reply_bytes" in got["error"]


def test_a_reply_of_very_many_values(server):
    many = b"[" + b"1," * (9 << 20) + b"1]"
    _, driver = server(lambda x: x.send(whole_bytes(many if "many" in x.path else many[:8_000_000] + b"1]")))
    got = driver.call("block", "query", "many", CHAT)
    assert got["code"] == "SLUICE_EPROTOCOL" and "too many values" in got["error"]
    assert driver.call("block", "query", "chat", CHAT)["code"] == "SLUICE_OK"


# --- again, and never again ---


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_refused_then_done(server, mode, status):
    def handler(x):
        x.send(whole_bytes({"error": "later"}, status, "Retry-After: 0\r\n") if x.number == 0 else whole_bytes())

    up, driver = server(handler, "backoff=1", retries=2)
    assert driver.call(mode, "query", "chat", CHAT)["code"] == "SLUICE_OK"
    assert len(up.requests) == 2


@pytest.mark.parametrize("mode", MODES)
def test_what_is_not_retried(server, mode):
    replies = {"bare": ("503 Service Unavailable", ""), "long": ("429 Too Many Requests", "Retry-After: 500\r\n"), "broken": ("500 Internal Server Error", "")}

    def handler(x):
        x.send(whole_bytes({"detail": "no"}, *replies[x.path.split("/")[2]]))

    up, driver = server(handler, "backoff=1", retries=3)
    got = driver.call(mode, "query", "bare", CHAT)
    assert (got["code"], got["retriable"], got["retry_after"]) == ("SLUICE_ESERVER", 1, -1)
    got = driver.call(mode, "query", "long", CHAT)
    assert (got["code"], got["retriable"], got["retry_after"]) == ("SLUICE_ELIMIT", 1, 500000)
    got = driver.call(mode, "query", "broken", CHAT)
    assert (got["code"], got["retriable"], got["status"]) == ("SLUICE_ESERVER", 0, 500)
    assert len(up.requests) == 3


def test_retry_after_is_waited_for_within_the_timeout(server):
    up, driver = server(lambda x: x.send(whole_bytes({"error": "later"}, "429 Too Many Requests", "Retry-After: 30\r\n")), retries=3)
    got = driver.call("block", "query", "chat", CHAT, "timeout=5000")
    assert (got["code"], got["retry_after"]) == ("SLUICE_ELIMIT", 30000), "a wait beyond the timeout is not begun"
    assert len(up.requests) == 1


@pytest.mark.parametrize("mode", MODES)
def test_lost_connections(server, mode):
    up, driver = server(lambda x: x.close() if x.number < 2 else x.send(whole_bytes(ROUTE if x.method == "GET" else REPLY)), "backoff=1", retries=3)
    assert driver.call(mode, "get_route", "chat")["code"] == "SLUICE_OK"
    assert len(up.requests) == 3, "GET is safe"
    up, driver = server(lambda x: x.close() if x.number < 2 else x.send(whole_bytes()), "backoff=1", retries=3)
    got = driver.call(mode, "query", "chat", CHAT)
    assert got["code"] == "SLUICE_ECONNECT" and got["retriable"] == 1 and len(up.requests) == 1
    got = driver.call(mode, "query", "chat", CHAT, "idempotency_key=k1")
    assert got["code"] == "SLUICE_OK" and len(up.requests) == 3
    assert [x.get("idempotency-key") for x in up.requests] == [None, "k1", "k1"]
    up, driver = server(lambda x: x.close(), "backoff=1", retries=3)
    assert driver.call(mode, "delete", "chat")["code"] == "SLUICE_ECONNECT" and len(up.requests) == 1


@pytest.mark.parametrize("mode", MODES)
def test_a_kept_connection_that_died_does_not_send_a_post_twice(server, mode):
    up, driver = server(lambda x: x.send(whole_bytes()) if x.number == 0 else x.close(), retries=3)
    assert driver.call(mode, "query", "chat", CHAT)["code"] == "SLUICE_OK"
    got = driver.call(mode, "query", "chat", CHAT)
    assert got["code"] == "SLUICE_ECONNECT" and len(up.requests) == 2, got


def test_refused_connections_are_retried_within_bounds():
    driver = Driver(f"url=http://127.0.0.1:{free_port()}", "backoff=1", "retries=2")
    got = driver.call("block", "query", "chat", CHAT)
    assert got["code"] == "SLUICE_ECONNECT" and got["retriable"] == 1 and got["status"] == 0
    assert got["error"].startswith("API request to http://127.0.0.1:")
    driver.close()


@pytest.mark.parametrize("mode", MODES)
def test_redirects(server, mode):
    other = "http://127.0.0.2:1/x"

    def handler(x):
        to = {"/gateway/rel/invocations": "/moved", "/gateway/abs/invocations": f"http://127.0.0.1:{up.port}/moved", "/gateway/far/invocations": other,
              "/gateway/loop/invocations": "/gateway/loop/invocations", "/gateway/found/invocations": "/moved"}.get(x.path)
        status = "302 Found" if "found" in x.path else "307 Temporary Redirect"
        x.send(whole_bytes(b"", status, f"Location: {to}\r\n") if to else whole_bytes())

    up, driver = server(handler, "key=secret")
    for name in "rel", "abs":
        assert driver.call(mode, "query", name, CHAT)["code"] == "SLUICE_OK"
        assert up.requests[-1].line == "POST /moved HTTP/1.1" and up.requests[-1].body.decode() == CHAT
        assert up.requests[-1].get("authorization") == "Bearer secret"
    got = driver.call(mode, "query", "far", CHAT)
    assert got["code"] == "SLUICE_EPROTOCOL" and "another origin" in got["error"] and other in got["error"]
    got = driver.call(mode, "query", "loop", CHAT)
    assert got["code"] == "SLUICE_EPROTOCOL" and "redirects" in got["error"]
    assert driver.call(mode, "query", "found", CHAT)["code"] == "SLUICE_EPROTOCOL"


# --- time ---


@pytest.mark.parametrize("mode", MODES)
def test_silence(server, mode):
    def handler(x):
        if x.json().get("stream"):
            x.send(stream_bytes()[:200])
        x.wait_closed()

    _, driver = server(handler, retries=3)
    got = driver.call(mode, "query", "chat", CHAT, "idle_timeout=50")
    assert got["code"] == "SLUICE_ETIMEOUT" and "silent for 50 ms" in got["error"]
    got = driver.call(mode, "query", "chat", CHAT, "timeout=50")
    assert got["code"] == "SLUICE_ETIMEOUT" and "longer than its timeout" in got["error"]
    _, driver = server(handler, "idle_timeout=50")
    got = driver.call(mode, "stream", "chat", CHAT)
    assert got["code"] == "SLUICE_ETIMEOUT" and (mode == "block" or got["text"] == "one ")


@pytest.mark.parametrize("mode", MODES)
def test_done_without_an_end(server, mode):
    def handler(x):
        x.send(stream_bytes()[:-5])
        x.wait_closed()

    _, driver = server(handler)
    check_stream(driver.call(mode, "stream", "chat", CHAT), mode)


# --- cancelled in every state ---

STATES = ["connecting", "sending", "no head", "half head", "head", "half event", "streaming", "half reply", "waiting"]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("mode", MODES)
def test_cancel_in_every_state(server, mode, state):
    reached, closed = queue.Queue(), queue.Queue()
    data = {"no head": b"", "half head": stream_bytes()[:30], "head": stream_bytes().split(b"\r\n\r\n")[0] + b"\r\n\r\n", "half event": stream_bytes()[:140],
            "streaming": stream_bytes()[:250], "half reply": whole_bytes()[:-5],
            "waiting": whole_bytes({}, "429 Too Many Requests", "Retry-After: 60\r\n")}

    def handler(x):
        x.send(data[state])
        reached.put(1)
        closed.put(x.wait_closed())

    if state in ("connecting", "sending"):
        # A listener that never accepts, with a full queue; or one that accepts and never reads.
        import socket

        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = []
        if state == "connecting":
            for _ in range(4):
                s = socket.socket()
                s.setblocking(False)
                s.connect_ex(("127.0.0.1", port))
                fillers.append(s)
        driver = Driver(f"url=http://127.0.0.1:{port}", "retries=0")
        body = json.dumps({"x": "y" * (8 << 20)}) if state == "sending" else CHAT
        driver.start(mode, "query", "chat", body)
        if state == "sending":
            accepted, _ = listener.accept()
            accepted.recv(1)
        driver.tell(b"a" if mode == "block" else b"c")
        got = cancelled(driver, mode)
        driver.close()
        listener.close()
        assert got["code"] == "SLUICE_ECANCELLED"
        return
    up, driver = server(handler, retries=3)
    op = "query" if state in ("half reply", "waiting") else "stream"
    driver.start(mode, op, "chat", CHAT)
    reached.get(timeout=DEADLINE)
    driver.tell(b"a" if mode in ("block", "push") else b"c")
    got = cancelled(driver, mode)
    assert got["code"] == "SLUICE_ECANCELLED" and got["retriable"] == 0, got
    if mode in ("push", "loop") and op == "stream":
        assert got["ends"] == 1 and got["end_code"] == "SLUICE_ECANCELLED"
    assert len(up.requests) == 1
    if state != "waiting":
        assert closed.get(timeout=DEADLINE) is not None, "the server must see that nobody listens"


def cancelled(driver, mode):
    """The answer; the cancellation is repeated until one came after the call began."""
    done = threading.Event()

    def again():
        while not done.wait(0.05):
            driver.tell(b"a" if mode in ("block", "push") else b"c")

    thread = threading.Thread(target=again)
    thread.start()
    try:
        return driver.answer()
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("mode", ["push", "pull", "loop"])
def test_cancel_by_the_reader(server, mode):
    closed = queue.Queue()

    def handler(x):
        x.send(stream_bytes()[:-60])
        closed.put(x.wait_closed())

    _, driver = server(handler)
    got = driver.call(mode, "stream", "chat", CHAT, "cancel_at=2")
    assert (got["code"], got["events"]) == ("SLUICE_ECANCELLED", 2)
    assert closed.get(timeout=DEADLINE) is not None


@pytest.mark.parametrize("at", [1, 2, 4])
@pytest.mark.parametrize("mode", ["push", "pull", "loop"])
def test_cancel_by_the_reader_when_everything_is_there(server, mode, at):
    _, driver = server(lambda x: x.send(stream_bytes()))
    for _ in range(5):
        got = driver.call(mode, "stream", "chat", CHAT, f"cancel_at={at}")
        # A call with nothing left to give may have ended already when it is cancelled, except for the callback that
        # cancels it.
        assert got["code"] == "SLUICE_ECANCELLED" or (mode == "pull" and at == 4 and got["code"] == "SLUICE_OK"), got
        assert got["events"] == at
        assert "body" not in got or got["code"] == "SLUICE_OK"
        if mode != "pull":
            assert (got["ends"], got["end_code"]) == (1, "SLUICE_ECANCELLED")


def test_a_call_after_a_cancelled_one(server):
    reached = queue.Queue()

    def handler(x):
        if x.number == 0:
            reached.put(1)
            x.wait_closed()
        else:
            x.send(whole_bytes())

    _, driver = server(handler)
    driver.start("block", "query", "chat", CHAT)
    reached.get(timeout=DEADLINE)
    driver.tell(b"a")
    assert driver.answer()["code"] == "SLUICE_ECANCELLED"
    assert driver.call("block", "query", "chat", CHAT)["code"] == "SLUICE_OK"


@pytest.mark.parametrize("mode", ["push", "loop"])
def test_pause_and_resume(server, mode):
    _, driver = server(lambda x: x.send(stream_bytes()))
    driver.start(mode, "stream", "chat", CHAT, "pause=1")
    for _ in range(4):
        driver.wait_paused()
        driver.tell(b"r")
    check_stream(driver.answer(), mode)


def test_a_paused_stream_is_not_read(server):
    sent, stuck = [], threading.Event()

    def handler(x):
        x.stream_head()
        x.conn.setblocking(False)
        piece = b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": "y" * 1000}}]}).encode() + b"\n\n"
        piece = f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        rest = piece
        import select

        for _ in range(100_000):
            _, writable, _ = select.select([], [x.conn], [], 1)
            if not writable:
                stuck.set()
                x.conn.setblocking(True)
                x.conn.sendall(rest + b"0\r\n\r\n")
                return
            n = x.conn.send(rest)
            sent.append(n)
            rest = rest[n:] or piece

    _, driver = server(handler)
    driver.start("push", "stream", "chat", CHAT, "pause=1")
    driver.wait_paused()
    assert stuck.wait(DEADLINE), "the client read on while it was paused"
    assert sum(sent) < 30 << 20
    driver.tell(b"c")
    assert driver.answer()["code"] == "SLUICE_ECANCELLED"


# --- what is asked, and what is understood ---


def test_requests_on_the_wire(server):
    up, driver = server(lambda x: x.send(whole_bytes(ROUTE | {"routes": [], "limits": []})), "key=k e y")
    expected = [
        (("get_route", "/chat/"), "GET /api/2.0/gateway/routes/chat", None),
        (("get_route", "a b/c?d%20#\u00e9"), "GET /api/2.0/gateway/routes/a%20b/c%3Fd%2520%23%C3%A9", None),
        (("get_route", "../x"), "GET /api/2.0/gateway/routes/../x", None),
        (("search", "-"), "GET /api/2.0/gateway/routes/", None),
        (("search", ""), "GET /api/2.0/gateway/routes/?page_token=", None),
        (("search", "a/b+c=="), "GET /api/2.0/gateway/routes/?page_token=a%2Fb%2Bc%3D%3D", None),
        (("create", "n\u00e9\"w", "llm/v1/chat", '{"provider": "mock"}'), "POST /api/2.0/gateway/routes/", {"name": "n\u00e9\"w", "route_type": "llm/v1/chat", "model": {"provider": "mock"}}),
        (("create", "new", "-", "-"), "POST /api/2.0/gateway/routes/", {"name": "new", "route_type": None, "model": None}),
        (("delete", "chat"), "DELETE /api/2.0/gateway/routes/chat", None),
        (("set_limits", "chat", '[{"calls": 5, "key": null, "renewal_period": "minute"}]'), "POST /api/2.0/gateway/limits/",
         {"route": "chat", "limits": [{"calls": 5, "key": None, "renewal_period": "minute"}]}),
        (("get_limits", "chat"), "GET /api/2.0/gateway/limits/chat", None),
        (("query", "chat", "{}"), "POST /gateway/chat/invocations", {}),
        (("stream", "chat", "{}"), "POST /gateway/chat/invocations", {"stream": True}),
        (("stream", "chat", '{"stream": false, "a": 1}'), "POST /gateway/chat/invocations", {"stream": True, "a": 1}),
        (("http", "PUT", "/api/sluice/v1/routes/x?y=z", '{"a": 1}'), "PUT /api/sluice/v1/routes/x?y=z", {"a": 1}),
    ]
    for args, line, body in expected:
        got = driver.call("block", *args)
        assert got["code"] == "SLUICE_OK", got
        x = up.requests[-1]
        assert x.line == line + " HTTP/1.1"
        assert (x.json() if x.body else None) == body
        assert x.get("authorization") == "Bearer k e y" and x.get("accept") == "*/*" and x.get("user-agent").startswith("libsluice/")
        assert x.get("content-type") == ("application/json" if body is not None else None)
        assert x.get("expect") is None
        if args[0] == "delete":
            assert x.get("content-length") == "0"


def test_a_path_prefix_and_basic_credentials(upstream):
    up = upstream(lambda x: x.send(whole_bytes(ROUTE)))
    driver = Driver(f"url=http://127.0.0.1:{up.port}/base/", "username=us\u00e9r", "password=pw:d", "key=unused")
    got = driver.call("block", "get_route", "chat")
    assert up.requests[0].line == "GET /base/api/2.0/gateway/routes/chat HTTP/1.1"
    assert base64.b64decode(up.requests[0].get("authorization").removeprefix("Basic ")).decode() == "us\u00e9r:pw:d"
    assert got["routes"][0]["url"] == f"http://127.0.0.1:{up.port}/base/gateway/chat/invocations"
    driver.close()


@pytest.mark.parametrize("mode", MODES)
def test_routes_and_limits(server, mode):
    limited = ROUTE | {"name": "two", "route_url": "https://elsewhere/x", "limit": {"calls": 5, "key": "user", "renewal_period": "minute"}, "model": {"provider": "x", "name": None}, "extra": [1]}
    replies = {"/api/2.0/gateway/routes/": {"routes": [ROUTE, limited], "next_page_token": "t"}, "/api/2.0/gateway/limits/chat": {"limits": [limited["limit"], {"calls": 1, "renewal_period": "day"}]},
               "/api/2.0/gateway/limits/none": {"limits": None}, "/api/2.0/gateway/limits/": {}}
    up, driver = server(lambda x: x.send(whole_bytes(ROUTE if x.method == "POST" and x.path.endswith("routes/") else replies[x.path])))
    got = driver.call(mode, "search", "-")
    assert got["token"] == "t"
    one, two = got["routes"]
    assert one == {"json": ROUTE, "name": "chat", "type": "llm/v1/chat", "model_name": "m", "model_provider": "openai", "url": f"http://127.0.0.1:{up.port}/gateway/chat/invocations"}
    assert two == {"json": limited, "name": "two", "type": "llm/v1/chat", "model_name": None, "model_provider": "x", "url": "https://elsewhere/x", "limit": limited["limit"]}
    got = driver.call(mode, "create", "chat", "-", "-")
    assert got["routes"][0]["url"] == "/gateway/chat/invocations", "a created route's URL is not resolved"
    assert driver.call(mode, "get_limits", "chat")["limits"] == [limited["limit"], {"calls": 1, "key": None, "renewal_period": "day"}]
    assert driver.call(mode, "get_limits", "none")["limits"] == []
    assert driver.call(mode, "set_limits", "none", "[]")["limits"] == []


@pytest.mark.parametrize("body, said", [
    ([], "expected an object"),
    ({k: v for k, v in ROUTE.items() if k != "route_url"}, "route_url: expected a string"),
    (ROUTE | {"name": 1}, "name: expected a string"),
    (ROUTE | {"model": None}, "model.provider: expected a string"),
    (ROUTE | {"limit": {"calls": "x", "renewal_period": "minute"}}, "limit.calls: expected an integer"),
    (ROUTE | {"limit": {"calls": 1}}, "limit.renewal_period: expected a string"),
    (ROUTE | {"limit": 3}, "limit: expected an object"),
])
def test_a_route_that_is_none(server, body, said):
    _, driver = server(lambda x: x.send(whole_bytes(body)))
    got = driver.call("block", "get_route", "chat")
    assert got["code"] == "SLUICE_EPROTOCOL" and said in got["error"], got


def test_pages(server):
    def handler(x):
        n = int(x.path.split("page_token=")[1]) if "page_token" in x.path else 0
        x.send(whole_bytes({"routes": [ROUTE | {"name": f"r{n}"}], "next_page_token": str(n + 1) if n < 4 else end}))

    _, driver = server(handler)
    for end in None, "":
        got = driver.call("block", "each")
        assert (got["code"], got["text"]) == ("SLUICE_OK", "r0 r1 r2 r3 r4 ")
    assert driver.call("block", "each", "stop=2")["text"] == "r0 r1 "
    _, driver = server(lambda x: x.send(whole_bytes({"routes": [], "next_page_token": "same"})))
    got = driver.call("block", "each")
    assert got["code"] == "SLUICE_EPROTOCOL" and "does not end" in got["error"]


@pytest.mark.parametrize("status, code, kind", [
    ("400 Bad Request", "SLUICE_EINVALID", "Client"), ("401 Unauthorized", "SLUICE_EAUTH", "Client"), ("403 Forbidden", "SLUICE_EPERM", "Client"),
    ("404 Not Found", "SLUICE_ENOTFOUND", "Client"), ("408 Request Timeout", "SLUICE_ETIMEOUT", "Client"), ("410 Gone", "SLUICE_ENOTFOUND", "Client"),
    ("422 Unprocessable Entity", "SLUICE_EINVALID", "Client"), ("429 Too Many Requests", "SLUICE_ELIMIT", "Client"), ("500 Internal Server Error", "SLUICE_ESERVER", "Server"),
    ("501 Not Implemented", "SLUICE_ESERVER", "Server"), ("504 Gateway Timeout", "SLUICE_ESERVER", "Server"),
])
@pytest.mark.parametrize("op", ["query", "stream"])
def test_errors(server, status, code, kind, op):
    up, driver = server(lambda x: x.send(whole_bytes({"detail": "it is\nso"}, status, "x-sluice-error-type: caller_thing\r\n")))
    got = driver.call("block", op, "chat", CHAT)
    assert (got["code"], got["name"], got["status"]) == (code, code, int(status[:3]))
    assert got["error"] == f"{status[:3]} {kind} Error: {status[4:]} for url: http://127.0.0.1:{up.port}/gateway/chat/invocations. Response text: " + json.dumps({"detail": "it is\nso"})
    assert (got["detail"], got["request_id"], got["type"]) == ("it is so", "r1", "caller_thing")


@pytest.mark.parametrize("body, detail", [
    ({"detail": "a"}, "a"), ({"error": "b"}, "b"), ({"error": {"message": "c", "type": "t"}}, "c"), ({"message": "d"}, "d"),
    ({"detail": [{"loc": ["body"], "msg": "Field required"}]}, '[{"loc": ["body"], "msg": "Field required"}]'),
])
def test_error_details(server, body, detail):
    _, driver = server(lambda x: x.send(whole_bytes(body, "422 Unprocessable Entity")))
    assert driver.call("block", "query", "chat", CHAT)["detail"] == detail


def test_no_terminal_is_steered(server):
    _, driver = server(lambda x: x.send(whole_bytes(b"\x1b[2J\x07bad", "500 \x1b[31mx")))
    got = driver.call("block", "query", "chat", CHAT)
    assert "\x1b" not in got["error"] and "bad" in got["error"]


@pytest.mark.parametrize("args, said", [
    (("query", "", CHAT), "A non-empty string is required for the route."),
    (("query", "/", CHAT), "A non-empty string is required for the route."),
    (("get_limits", ""), "A non-empty string is required for the route."),
    (("get_route", "-"), "A non-empty string is required for the route."),
    (("query", "chat", "{oops"), "the query is not JSON: expected a member name in double quotes at offset 1"),
    (("query", "chat", '{"stream": true}'), "use sluice_query_stream"),
    (("stream", "chat", "[]"), "must be a JSON object"),
    (("create", "x", "llm/v1/chat", "[]"), "model must be a JSON object"),
    (("set_limits", "x", "{}"), "limits must be a JSON list"),
    (("set_limits", "x", "[1"), "limits is not JSON"),
    (("query", "chat", "{}", "retries=11"), "'retries' must be from 0 to 10, not 11"),
    (("query", "chat", "{}", "idempotency_key=\u00e9"), "visible ASCII"),
    (("http", "BREW", "/x", "-"), "method must be"),
    (("http", "GET", "x", "-"), "must begin with '/'"),
    (("http", "GET", "/a b", "-"), "must be encoded"),
])
def test_what_is_refused_before_it_is_sent(server, args, said):
    up, driver = server(lambda x: x.send(whole_bytes()))
    got = driver.call("block", *args)
    assert got["code"] == "SLUICE_EUSAGE" and said in got["error"], got
    assert not up.requests


@pytest.mark.parametrize("url, said", [
    ("gateway.org:8000", "The gateway uri provided is missing required elements."), ("http://", "The gateway uri provided is missing required elements."),
    ("http:/x", "The gateway uri provided is missing required elements."), ("http:://h", "The gateway uri provided is missing required elements."),
    ("ftp://h", "scheme must be http or https"), ("http://h:99999", "Invalid url: http://h:99999"), ("http://u:secretpw@h", "Invalid url"), ("http://h/?a=b", "must not have a query"),
    ("databricks", "not supported"), ("databricks://profile", "not supported"),
])
def test_bad_urls(url, said):
    driver = Driver(f"url={url}")
    got = driver.answer()
    assert got["code"] == "SLUICE_EUSAGE" and said in got["error"] and "secretpw" not in got["error"]
    driver.close()


@pytest.mark.parametrize("option, said", [
    ("retires=3", "did you mean 'retries'?"), ("zzzzzzz=3", "there is no option 'zzzzzzz'"), ("retries=11", "retries"), ("timeout=-1", "must be from 0"), ("key=a\nb", "control character at byte 1"),
])
def test_bad_options(option, said):
    driver = Driver("url=http://h", option)
    got = driver.answer()
    assert got["code"] == "SLUICE_EUSAGE" and said in got["error"]
    driver.close()


@pytest.mark.parametrize("env, authorization", [
    ({"SLUICE_KEY": "k1", "MLFLOW_TRACKING_TOKEN": "t"}, "Bearer k1"),
    ({"MLFLOW_TRACKING_TOKEN": "t"}, "Bearer t"),
    ({"MLFLOW_TRACKING_TOKEN": "t", "MLFLOW_TRACKING_USERNAME": "u", "MLFLOW_TRACKING_PASSWORD": "p"}, "Basic " + base64.b64encode(b"u:p").decode()),
    ({"MLFLOW_TRACKING_USERNAME": "u"}, None),
])
@pytest.mark.parametrize("name", ["SLUICE_SERVER", "MLFLOW_GATEWAY_URI"])
def test_the_environment(upstream, env, authorization, name):
    up = upstream(lambda x: x.send(whole_bytes(ROUTE)))
    driver = Driver("env=1", env=env | {name: f"http://127.0.0.1:{up.port}"})
    assert driver.call("block", "get_route", "chat")["code"] == "SLUICE_OK"
    assert up.requests[0].get("authorization") == authorization
    driver.close()


def test_the_credentials_file(upstream, tmp_path):
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow/credentials").write_text("[other]\nmlflow_tracking_username = no\n[mlflow]\n# a comment\nMLFLOW_TRACKING_USERNAME = file\r\nmlflow_tracking_password: pw\n")
    up = upstream(lambda x: x.send(whole_bytes(ROUTE)))
    driver = Driver("env=1", env={"HOME": str(tmp_path), "SLUICE_SERVER": f"http://127.0.0.1:{up.port}"})
    assert driver.call("block", "get_route", "chat")["code"] == "SLUICE_OK"
    assert up.requests[0].get("authorization") == "Basic " + base64.b64encode(b"file:pw").decode()
    driver.close()


def test_no_uri():
    driver = Driver("env=1")
    got = driver.answer()
    assert got["code"] == "SLUICE_EUSAGE" and got["error"].startswith("No Gateway server uri has been set.")
    driver.close()


def test_the_proxy_of_the_environment_counts_only_when_asked_for(upstream):
    up = upstream(lambda x: x.send(whole_bytes(ROUTE)))
    proxy = upstream(lambda x: x.send(whole_bytes(ROUTE)))
    env = {"http_proxy": f"http://127.0.0.1:{proxy.port}"}
    driver = Driver(f"url=http://127.0.0.1:{up.port}", env=env)
    assert driver.call("block", "get_route", "chat")["code"] == "SLUICE_OK"
    assert (len(up.requests), len(proxy.requests)) == (1, 0)
    driver.close()
    driver = Driver(f"url=http://127.0.0.1:{up.port}", "proxy_from_env=1", env=env)
    assert driver.call("block", "get_route", "chat")["code"] == "SLUICE_OK"
    assert (len(up.requests), len(proxy.requests)) == (1, 1)
    driver.close()


def test_tls(upstream, certs):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certs)
    up = upstream(lambda x: x.send(stream_bytes() if x.method == "POST" else whole_bytes(ROUTE)), tls=context)
    url = f"url=https://localhost:{up.port}"
    for options, code in ([url], "SLUICE_ETLS"), ([url, f"ca={certs[0]}"], "SLUICE_OK"), ([url, "insecure=1"], "SLUICE_OK"), ([url, "ca=/nonexistent"], "SLUICE_ETLS"):
        driver = Driver(*options, "retries=0")
        got = driver.call("block", "get_route", "chat")
        assert got["code"] == code, got
        if code == "SLUICE_OK":
            check_stream(driver.call("loop", "stream", "chat", CHAT), "loop")
        driver.close()


def test_a_unix_socket(upstream, tmp_path):
    import socket

    path = str(tmp_path / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)

    def serve():
        conn, _ = listener.accept()
        conn.recv(65536)
        conn.sendall(whole_bytes(ROUTE))
        conn.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    driver = Driver("url=http://gateway", f"unix_socket={path}")
    assert driver.call("block", "get_route", "chat")["code"] == "SLUICE_OK"
    driver.close()
    thread.join(DEADLINE)
    listener.close()

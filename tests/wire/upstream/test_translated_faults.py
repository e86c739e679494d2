# SPDX-License-Identifier: Apache-2.0
"""Upstreams that lie or stop sending, with a translation: the errors in another language must be as honest as what
passes through."""
import json
import time

import pytest

from harness import SANITIZED, Sluice
from test_anthropic import END, MESSAGES, START, TEXT, delta, message, route
from upstream import Upstream

WHOLE = json.dumps(message({"type": "text", "text": "hi"})).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BAD = "provider_bad_response"


def event(e):
    return f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode()


STREAM = b"".join(event(e) for e in [START, *TEXT, *END])


class World:
    def __init__(self, directory):
        self.up = Upstream(None)
        base = self.up.base
        self.daemon = Sluice(directory, {"server": {"workers": 1}, "endpoints": [
            route(base), *[route(base, name, sluice={"retries": 0, "timeouts": {name: "300ms"}}) for name in ("first_byte", "idle", "total")]]})
        self.n = 0

    def start(self, handler, mlflow=False, stream=False, name="claude"):
        if isinstance(handler, bytes):
            raw = handler

            def handler(x):
                x.send(raw)
                x.close()

        self.up.handler = handler
        self.n += 1
        self.id = f"t-{self.n}"
        body = {"messages": MESSAGES, **({} if mlflow else {"model": name}), **({"stream": True} if stream else {})}
        path = f"/gateway/{name}/invocations" if mlflow else "/v1/chat/completions"
        return self.daemon.connect().request("POST", path, body, [("content-type", "application/json"), ("x-request-id", self.id)])

    def call(self, *args, **kwargs):
        conn = self.start(*args, **kwargs)
        try:
            return conn.reply()
        finally:
            conn.close()

    def fault(self):
        return self.daemon.log_line(self.id)["error_type"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("translated"))
    yield w
    w.daemon.stop()
    w.up.errors.clear()
    w.up.close()


@pytest.mark.parametrize("mlflow", [False, True], ids=["v1", "mlflow"])
def test_every_cut_of_a_whole_reply_is_an_error(world, mlflow):
    for whole in (HEAD + b"Content-Length: %d\r\n\r\n" % len(WHOLE) + WHOLE, HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(WHOLE), WHOLE)):
        assert world.call(whole, mlflow).status == 200
        for at in range(len(whole)):
            def handler(x, at=at):
                x.send(whole[:at])
                (x.reset if at % 2 else x.close)()

            r = world.call(handler, mlflow)
            assert (r.status, r.complete, r.get("x-sluice-error-type")) == (502, True, BAD), at
            assert r.json()["detail" if mlflow else "error"] and b"\n" not in r.body


@pytest.mark.parametrize("mlflow", [False, True], ids=["v1", "mlflow"])
@pytest.mark.parametrize("end", ["close", "reset", "last_chunk"])
def test_every_cut_of_a_stream_is_told_once(world, mlflow, end):
    closing = b"data: [DONE]\n\n"
    for at in range(len(STREAM) + 1):
        def handler(x, at=at):
            x.stream_head()
            if at:
                x.chunk(STREAM[:at])
            getattr(x, end)()

        r = world.call(handler, mlflow, True)
        assert r.status == 200 and r.complete and r.body.endswith(closing) != mlflow, at
        data = [json.loads(e[6:]) for e in r.body.removesuffix(closing).decode().split("\n\n") if e]
        errors = [d for d in data if "error" in d]
        is_whole = at >= len(STREAM) - (2 if end == "last_chunk" else 0)  # at the end of a body an event needs no blank line
        assert len(errors) == (0 if is_whole else 1) and (is_whole or data[-1] is errors[0]), at
        if is_whole:
            assert data[-1]["choices"][0]["finish_reason"]


@pytest.mark.parametrize("mlflow", [False, True], ids=["v1", "mlflow"])
@pytest.mark.parametrize("end", ["close", "reset", "hold"])
def test_a_break_behind_the_last_word_is_none(world, mlflow, end):
    """The answer is whole, or its error was sent: a connection that breaks after that, or that nobody closes, changes
    nothing."""
    said = event({"type": "error", "error": {"type": "overloaded_error", "message": "too much"}})
    for text, errors, word in ((STREAM, 0, None), (event(START) + event(TEXT[0]) + said, 1, "provider_overloaded")):
        def handler(x):
            x.stream_head()
            x.chunk(text)
            getattr(x, end)()

        r = world.call(handler, mlflow, True, name="idle")
        assert r.status == 200 and r.complete and r.body.count(b'"error"') == errors and world.fault() == word
        assert mlflow or r.body.count(b"[DONE]") == 1 and r.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("status, kind", [(401, "authentication_error"), (403, "permission_error")])
def test_a_refused_credential(world, status, kind):
    handler = lambda x: x.reply({"type": "error", "error": {"type": kind, "message": "invalid x-api-key"}}, f"{status} X")
    for stream in (False, True):
        r = world.call(handler, stream=stream)
        assert (r.status, r.get("x-should-retry"), r.get("x-sluice-error-type")) == (502, "false", "provider_auth_failed")
        assert "gateway's credential" in r.json()["error"]["message"]
        m = world.call(handler, True, stream)
        assert (m.status, m.json(), m.get("x-sluice-error-type")) == (status, {"detail": "invalid x-api-key"}, "provider_auth_failed")


@pytest.mark.parametrize("mlflow", [False, True], ids=["v1", "mlflow"])
def test_silence_in_each_phase(world, mlflow):
    def begun(x):
        x.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(WHOLE) + WHOLE[:10])
        x.hold()

    def streaming(x):
        x.stream_head()
        x.chunk(event(START) + event(TEXT[0]) + event(TEXT[1]))
        x.hold()

    for name, handler in (("first_byte", lambda x: x.hold()), ("total", lambda x: x.hold()), ("idle", begun), ("total", begun)):
        r = world.call(handler, mlflow, name=name)
        assert (r.status, r.get("x-sluice-error-type")) == (504, f"provider_timeout_{name}") and f"(sluice.timeouts.{name} of the route '{name}': " in r.body.decode(), name
    for name in ("idle", "total"):
        r = world.call(streaming, mlflow, True, name=name)
        assert r.status == 200 and r.complete and r.body.count(b'"error"') == 1 and f"(sluice.timeouts.{name} of the route '{name}': " in r.body.decode(), name
        assert b'"I "' in r.body and world.fault() == f"provider_timeout_{name}"


@pytest.mark.skipif(SANITIZED, reason="memory is measured in the release build")
@pytest.mark.parametrize("mlflow", [False, True], ids=["v1", "mlflow"])
def test_a_slow_client_of_a_huge_stream_costs_no_memory(world, mlflow):
    """1 GB of events: the upstream is paused while the client does not read, and nothing is kept."""
    sent = [0]
    piece = event(delta(0, type="text_delta", text="x" * 1000))
    block = (b"%x\r\n%b\r\n" % (len(piece), piece)) * 50

    def pour(x):
        x.stream_head()
        x.chunk(event(START) + event(TEXT[0]))
        try:
            for _ in range(17000):
                x.conn.sendall(block)
                sent[0] += len(block)
            x.chunk(event(TEXT[3]) + event(END[0]) + event(END[1]))
            x.last_chunk()
        except OSError:
            pass

    assert world.call(lambda x: (x.stream_head(), x.chunk(STREAM), x.last_chunk()), mlflow, True).status == 200
    before = world.daemon.rss()
    conn = world.start(pour, mlflow, True)
    conn.head()
    last = -1
    while last != sent[0]:  # until it is paused
        last = sent[0]
        time.sleep(0.3)
    assert sent[0] < 60 << 20, "nobody held it back"
    got, tail, peak = len(conn.buf), b"", 0
    while data := conn.sock.recv(1 << 20):
        got += len(data)
        tail = (tail + data)[-200:]
        peak = max(peak, world.daemon.rss()) if got % 7 == 0 else peak
        if tail.endswith(b"0\r\n\r\n"):
            break
    conn.close()
    assert got > 1_000_000_000 and b'"finish_reason":"' in tail + data or b"[DONE]" in tail
    assert max(peak, world.daemon.rss()) - before < 6 << 20


def test_limits_of_the_provider_under_the_names_that_clients_know(world):
    instant = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 90))
    said = [("anthropic-ratelimit-requests-limit", "50"), ("anthropic-ratelimit-requests-remaining", "49"), ("anthropic-ratelimit-requests-reset", instant),
            ("anthropic-ratelimit-input-tokens-limit", "1000"), ("anthropic-ratelimit-input-tokens-remaining", "7"), ("anthropic-ratelimit-input-tokens-reset", "soon")]
    r = world.call(lambda x: x.reply(WHOLE, headers=said))
    assert r.status == 200
    assert [r.get(f"x-ratelimit-{n}") for n in ("limit-requests", "remaining-requests", "limit-tokens", "remaining-tokens", "reset-tokens")] == ["50", "49", "1000", "7", None]
    assert 80 <= int(r.get("x-ratelimit-reset-requests").removesuffix("s")) <= 90
    names = [k.lower() for k, _ in world.call(lambda x: x.reply({"type": "error", "error": {"type": "rate_limit_error", "message": "m"}}, "429 X", headers=[("retry-after", "300"), *said])).headers]
    assert names.count("x-ratelimit-reset-requests") == 1 and "retry-after" not in names


# --- the credential, quoted ---

KEY = "sk-ant-upstream-test"
FAULT = {"type": "error", "error": {"type": KEY, "message": "bad key: " + KEY}}


@pytest.mark.parametrize("reply", [
    HEAD + b"Connection: close\r\n\r\n" + json.dumps(FAULT).encode(),
    HEAD + b"Connection: close\r\n\r\n" + json.dumps({**message({"type": "text", "text": "hi"}), **FAULT}).encode(),
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + event(START) + event(FAULT),
], ids=["whole", "with-an-answer", "stream"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("mlflow", [False, True], ids=["v1", "mlflow"])
def test_an_error_under_200_quotes_no_credential(world, reply, stream, mlflow):
    r = world.call(reply, mlflow=mlflow, stream=stream)
    assert b"bad key: ***" in r.body and KEY.encode() not in r.body
    assert KEY not in json.dumps(world.daemon.log_line(world.id))

# SPDX-License-Identifier: Apache-2.0
"""Streams on their way: unchanged while they are whole, ended with one error event when they break."""
import json
import time

import openai
import pytest

from harness import CHAT_REPLY, Sluice, chat_route, typed_route
from lab import DONE, MESSAGES, Lab, chunk_of, event_of
from upstream import Upstream

USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
USAGE_CHUNK = {**chunk_of(), "choices": [], "usage": USAGE}
A, B, END = event_of(chunk_of("a")), event_of(chunk_of("b")), event_of(chunk_of(None, "stop"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("streams"))
    yield lab
    lab.close()


def sends(*pieces, end=True):
    def handler(x):
        x.stream_head()
        for p in pieces:
            x.chunk(p)
        if end:
            x.last_chunk()
        else:
            x.close()

    return handler


def events(body):
    """The data of each event."""
    return [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]


def is_error_then_done(text):
    said = events(text.encode() if isinstance(text, str) else text)
    return len(said) == 2 and json.loads(said[0])["error"]["message"] and said[1] == "[DONE]"


WHOLE = {
    "plain": A + B + END + DONE,
    "odd spacing and numbers": 'data:{ "choices" :[ {"index":0,"delta":{"content":"\\u00e9"},"x":1.50E+2 , "finish_reason":null}] }\n\n' + END + DONE,
    "CR LF": (A + END + DONE).replace("\n", "\r\n"),
    "CR": (A + END + DONE).replace("\n", "\r"),
    "comments": ": OPENROUTER PROCESSING\n\n" + A + ":\n\n" + END + ": bye\n" + DONE,
    "event, id, retry": "event: chunk\nid: 7\nretry: 100\n" + A + "unknown\n\n" + END + DONE,
    "several data lines": 'data: {"choices":\ndata: []}\n\n' + END + DONE,
    "byte order mark": "\ufeff" + A + END + DONE,
    "usage null": event_of(chunk_of("a", usage=None)) + END + DONE,
    "usage in a chunk that has choices": event_of(chunk_of("a", usage=USAGE)) + END + DONE,
    "empty choices without usage": event_of({**chunk_of(), "choices": [], "prompt_filter_results": []}) + A + END + DONE,
    "empty choices, usage null": event_of({**chunk_of(), "choices": [], "usage": None}) + A + END + DONE,
    "text that looks like usage": event_of(chunk_of('"choices":[],"usage":{"a":1}')) + END + DONE,
    "an error of the upstream's": A + event_of({"error": {"message": "m", "type": "server_error", "code": None}}),
    "an error and the end": A + event_of({"error": {"message": "m", "code": "slow_down"}}) + DONE,
    "no terminator, but finished": A + END,
    "last blank line missing": A + END + "data: [DONE]\n",
    "last line's end missing": A + END + "data: [DONE]",
    "more behind the end": A + END + DONE + ": trailing comment\n\n",
    "utf-8": event_of(chunk_of("\u4f60\u597d \U0001f600")) + END + DONE,
    "an event of 60 kB": event_of(chunk_of("x" * 60000)) + END + DONE,
    "an event of 70 kB": event_of(chunk_of("x" * 70000)) + END + DONE,
    "an event of 3 MB": A + event_of(chunk_of("x" * 3000000)) + B + END + DONE,
}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("size", [1, 17, 40000, 10**9])
def test_a_whole_stream_passes_untouched(lab, name, size):
    body = WHOLE[name].encode()
    if size < 17 and len(body) > 5000 or size < 40000 and len(body) > 100000:
        pytest.skip("many pieces")
    r = lab.call(sends(*[body[i : i + size] for i in range(0, len(body), size)]), stream=True)
    assert r.status == 200 and r.complete and r.get("content-type") == "text/event-stream"
    assert r.body == body + (DONE.encode() if name == "no terminator, but finished" else b"")
    assert lab.n_requests == 1 and lab.log()["error_type"] == ("provider_overloaded" if "slow_down" in WHOLE[name] else "provider_server_error" if '"error"' in WHOLE[name] else None)


def test_usage_is_asked_for_and_taken_out(lab):
    stream = A + END + event_of(USAGE_CHUNK) + DONE
    for size in (1, 9, 10**9):
        r = lab.call(sends(*[stream[i : i + size] for i in range(0, len(stream), size)]), stream=True)
        assert r.body.decode() == A + END + DONE and r.complete
        sent = lab.up.requests[-1].json()
        assert sent["stream_options"] == {"include_usage": True}
        line = lab.log()
        assert (line["input_tokens"], line["output_tokens"], line["stream"]) == (5, 2, True)


@pytest.mark.parametrize("eol", ["\r\n", "\r"])
def test_usage_is_taken_out_whatever_ends_a_line(lab, eol):
    stream, rest = [(text).replace("\n", eol) for text in (A + END + event_of(USAGE_CHUNK) + DONE, A + END + DONE)]
    for size in (1, 2, 3, 10**9):
        r = lab.call(sends(*[stream[i : i + size] for i in range(0, len(stream), size)]), stream=True)
        assert r.body.decode() == rest and lab.log()["output_tokens"] == 2


@pytest.mark.parametrize("options", [{"include_usage": True}, {"include_usage": False}, {}, {"include_obfuscation": False}])
def test_usage_that_the_client_asked_for_stays(lab, options):
    stream = A + END + event_of(USAGE_CHUNK) + DONE
    r = lab.call(sends(stream), stream=True, body={"stream_options": options})
    assert r.body.decode() == stream and lab.up.requests[-1].json()["stream_options"] == options


def test_a_null_stream_options_is_none(lab):
    r = lab.call(sends(A + END + event_of(USAGE_CHUNK) + DONE), stream=True, body={"stream_options": None})
    assert r.body.decode() == A + END + DONE and lab.up.requests[-1].json()["stream_options"] == {"include_usage": True}


def test_only_streams_are_asked_for_usage(lab):
    lab.call(lambda x: x.reply({"id": "x"}))
    assert "stream_options" not in lab.up.requests[-1].json()


BROKEN = {
    "between events": (A + B, ""),
    "inside an event": (A + B, "data: {\"choi"),
    "behind an event's first line end": (A + B, END[:-1]),
    "at once": ("", ""),
    "in the first event": ("", A[:10]),
    "inside a comment": (A, ": keep"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("how", ["close", "reset", "bad chunk", "until close"])
def test_a_broken_stream_gets_one_error_event(lab, name, how):
    whole, rest = BROKEN[name]

    def handler(x):
        if how == "until close":
            x.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + whole + rest)
            x.close()
            return
        x.stream_head()
        if whole + rest:
            x.chunk(whole + rest)
        if how == "bad chunk":
            x.send("zz\r\n")
        elif how == "reset":
            wait_seen(lab, len(whole))
            x.reset()
            return
        x.close()

    lab.conn_seen = 0
    conn = lab.start(handler, stream=True)
    r = conn.head()
    assert r.status == 200
    got = b""
    while True:
        data = conn.chunk()
        assert data is not None, "the client's stream has no end"
        if not data:
            break
        got += data
        lab.conn_seen = len(got)
    conn.close()
    assert got.startswith(whole.encode()) and is_error_then_done(got[len(whole) :]), got
    line = lab.log()
    assert line["error_type"] == "provider_stream_broken" and line["status"] == 200 and lab.n_requests == 1


def wait_seen(lab, n):
    end = time.monotonic() + 10
    while lab.conn_seen < n and time.monotonic() < end:
        time.sleep(0.002)


STOPS = {"no finish": A + B, "nothing": "", "comment only": ": hi\n\n", "half an event behind the finish": A + END + "data: {\"cho"}


@pytest.mark.parametrize("name", STOPS)
def test_a_lawful_end_without_the_streams_own_is_a_break(lab, name):
    text = STOPS[name]
    whole = text[: text.rindex("\n\n") + 2] if "\n\n" in text else ""
    for framed in (sends(text) if text else sends(), lambda x: x.reply(text, content_type="text/event-stream")):
        r = lab.call(framed, stream=True)
        assert r.complete and r.body.decode().startswith(whole) and is_error_then_done(r.body.decode()[len(whole) :]), r.body
        assert lab.log()["error_type"] == "provider_stream_broken"


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_break_behind_the_end_is_none(lab, end):
    for text in (A + END + DONE, A + event_of({"error": {"message": "m"}})):
        def handler(x):
            x.stream_head()
            x.chunk(text)
            wait_seen(lab, len(text))
            getattr(x, end)()

        lab.conn_seen = 0
        conn = lab.start(handler, stream=True)
        conn.head()
        got = b""
        while data := conn.chunk():
            got += data
            lab.conn_seen = len(got)
        assert data == b"" and got.decode() == text
        conn.close()


@pytest.mark.parametrize("mlflow", [False, True], ids=["passed", "translated"])
@pytest.mark.parametrize("last,type_", [(END + DONE, None), (event_of({"error": {"message": "m", "type": "server_error"}}), "provider_server_error")], ids=["end", "error"])
def test_a_client_that_leaves_at_the_last_word_has_not_cancelled(lab, mlflow, last, type_):
    def handler(x):
        x.stream_head()
        x.chunk(A + last)
        x.hold()  # the connection stays open after it

    conn = lab.start(handler, stream=True, mlflow=mlflow)
    conn.head()
    conn.until(b"error" if type_ else b"stop")
    conn.close()
    line = lab.log()
    assert (line["status"], line["error_type"]) == (200, type_)


@pytest.mark.parametrize("end", [True, False])
def test_nothing_of_a_large_event_that_breaks_is_sent(lab, end):
    r = lab.call(sends(A, "data: " + "x" * 200000, end=end), stream=True)
    assert r.status == 200 and r.complete and r.body.decode().startswith(A) and is_error_then_done(r.body[len(A) :].decode())
    assert lab.log()["error_type"] == "provider_stream_broken"


def test_a_large_events_usage_is_counted(lab):
    large = event_of(chunk_of("x" * 100000, usage=USAGE))
    r = lab.call(sends(*[large[i : i + 30000] for i in range(0, len(large), 30000)], END + DONE), stream=True)
    assert r.body.decode() == large + END + DONE and lab.log()["input_tokens"] == 5


@pytest.mark.parametrize("mlflow", [False, True], ids=["passed", "translated"])
def test_an_event_may_be_so_large_and_no_larger(tmp_path, mlflow):
    lab = Lab(tmp_path, {"upstream": {"limits": {"event": "100KiB"}}})
    try:
        for n in (90000, 110000):
            r = lab.call(sends(A, event_of(chunk_of("x" * n)), END + DONE), stream=True, mlflow=mlflow)
            assert r.status == 200 and r.complete and (b"upstream.limits.event" in r.body) == (n > 100000) == (b"xxx" not in r.body)
            assert lab.log()["error_type"] == ("provider_bad_response" if n > 100000 else None)
    finally:
        lab.close()


@pytest.mark.parametrize("n", [100000, 300000])
def test_a_large_error_where_a_stream_began_is_whole_or_cut(tmp_path, n):
    lab = Lab(tmp_path, {"upstream": {"limits": {"event": "64KiB"}}})
    try:
        r = lab.call(lambda x: x.reply({"error": {"message": "x" * n, "code": 400}}, content_type="text/event-stream"), stream=True)
        assert r.status == 200 and r.complete == (n < 2 * 65536) == (r.body != b"")
        assert not r.body or is_error_then_done(r.body.decode())
    finally:
        lab.close()


def test_half_of_a_streams_end_is_no_end(sluice, upstream):
    """The end of a response repeats its text three times, and each control character of it takes six bytes."""
    up = upstream(sends(*[event_of(chunk_of("\x01" * 10000))] * 50, DONE))
    config = {"api_key": "k", "api_base": up.base}
    daemon = sluice({"upstream": {"limits": {"reply": "512KiB", "event": "64KiB"}},
                     "endpoints": [{"name": "c", "endpoint_type": "llm/v1/chat", "model": {"provider": "deepseek", "name": "m", "config": config}}]})
    conn = daemon.connect().request("POST", "/v1/responses", {"model": "c", "input": "x", "stream": True}, [("x-request-id", "end")])
    r = conn.reply()
    assert r.complete and r.body.endswith(b"\n\n")
    said = [json.loads(e.split("\ndata: ", 1)[1]) for e in r.body.decode()[:-2].split("\n\n")]
    numbers = [e["sequence_number"] for e in said]
    assert numbers == sorted(set(numbers))
    assert [e["type"] for e in said[-2:]] == ["error", "response.failed"] and "upstream.limits.reply" in said[-2]["message"]
    assert daemon.log_line("end")["error_type"] == "provider_bad_response"
    conn.close()


def test_large_events_count_as_memory(tmp_path):
    lab = Lab(tmp_path, {"server": {"limits": {"memory": "8MiB"}}})
    try:
        r = lab.call(sends(A, "data: " + "x" * (9 << 20)), stream=True)
        assert r.complete and b"server.limits.memory" in r.body and lab.log()["error_type"] == "sluice_overloaded"
        text = A + event_of(chunk_of("x" * 3000000)) * 4 + END + DONE  # the memory is given back
        assert lab.call(sends(text), stream=True).body.decode() == text
    finally:
        lab.close()


def test_every_cut_of_a_small_stream(lab):
    stream = (A + END + DONE).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole = head + b"%x\r\n" % len(stream) + stream + b"\r\n0\r\n\r\n"
    ends = [len(A), len(A + END), len(stream)]
    for at in range(len(whole)):
        def handler(x, at=at):
            x.send(whole[:at])
            (x.reset if at % 2 else x.close)()

        r = lab.call(handler, stream=True)
        assert r.complete, at
        if at < len(head):
            assert r.status == 502 and r.json()["error"]["message"]
            continue
        if r.status == 502:  # a reset destroyed the head, too
            assert at % 2
            continue
        if r.body == stream:
            assert at >= len(head) + len(stream)
            continue
        n = max([e for e in [0] + ends if r.body.startswith(stream[:e])])
        assert is_error_then_done(r.body[n:].decode()), (at, r.body)
        assert at % 2 or n == max(e for e in [0] + ends if e <= max(0, at - len(head) - 5)), (at, r.body)
        assert lab.n_requests == 1


def test_events_leave_one_by_one(lab):
    """The upstream sends the second event only when the client has the first: nothing is held back."""

    def handler(x):
        x.stream_head(headers=[("x-a", "1")])
        sent, seen = "", 0
        for piece in (A, ": keep-alive\n\n", B[:20], B[20:] + END, DONE):
            wait_seen(lab, seen)
            x.chunk(piece)
            sent += piece
            seen = sent.rindex("\n\n") + 2  # a piece of an event waits for its end
        x.last_chunk()

    lab.conn_seen = 0
    conn = lab.start(handler, stream=True)
    r = conn.head()
    assert r.get("x-a") == "1"
    start = time.monotonic()
    got = b""
    while data := conn.chunk():
        got += data
        lab.conn_seen = len(got)
    conn.close()
    assert got.decode() == A + ": keep-alive\n\n" + B + END + DONE and time.monotonic() - start < 8


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", "text/plain", ""])
def test_a_whole_reply_where_a_stream_was_asked_for_becomes_one(lab, content_type):
    for mlflow in (False, True):
        r = lab.call(lambda x: x.reply(CHAT_REPLY, content_type=content_type), stream=True, mlflow=mlflow)
        assert r.status == 200 and r.get("content-type").startswith("text/event-stream") and r.get("x-accel-buffering") == "no"
        said = [json.loads(e) for e in events(r.body) if e != "[DONE]"]
        assert "".join(c["choices"][0]["delta"].get("content") or "" for c in said if c["choices"]) == "hi \u00e9"
        assert said[-1]["choices"][0]["finish_reason"] == "stop" and (mlflow or events(r.body)[-1] == "[DONE]")
        assert lab.log()["input_tokens"] == 9


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json", "application/octet-stream", "text/plain", ""])
def test_a_stream_nobody_asked_for_is_collected(lab, content_type):
    def handler(x):
        x.stream_head(content_type)
        for piece in (A, B, END + event_of(USAGE_CHUNK), DONE):
            x.chunk(piece)
        x.last_chunk()

    for mlflow in (False, True):
        r = lab.call(handler, mlflow=mlflow)
        assert r.status == 200 and r.get("content-type") == "application/json"
        choice = r.json()["choices"][0]
        assert choice["message"]["content"] == "ab" and choice["finish_reason"] == "stop"
        assert r.json()["usage"]["prompt_tokens"] == 5 and lab.log()["input_tokens"] == 5


def test_a_stream_nobody_asked_for_that_fails_is_an_error(lab):
    failed = event_of({"error": {"message": "no room", "code": 429}})
    for mlflow in (False, True):
        r = lab.call(sends(A + failed), mlflow=mlflow)
        assert r.status == 429 and "no room" in r.body.decode()
        r = lab.call(sends(A), mlflow=mlflow)
        assert r.status == 502 and r.get("x-sluice-error-type") == "provider_bad_response"


def test_errors_before_the_stream_are_plain_errors(lab):
    body = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}}
    r = lab.call(lambda x: x.reply(body, "400 Bad Request"), stream=True)
    assert r.status == 400 and r.json() == body


def test_mlflow_streams_break_with_one_error_event(lab):
    for end in (True, False):
        r = lab.call(sends(A, B[:30], end=end), stream=True, mlflow=True)
        assert r.status == 200 and r.complete
        said = [json.loads(e) for e in events(r.body) if e != "[DONE]"]
        assert said[0]["choices"][0]["delta"]["content"] == "a" and len(said) == 2 and "choices" not in said[1], said
        assert lab.log()["error_type"] == "provider_stream_broken"


def test_the_openai_client_raises(lab):
    client = openai.OpenAI(base_url=lab.daemon.url + "/v1", api_key="none", max_retries=0)
    lab.up.handler = sends(A, B, "data: {", end=False)
    got = []
    with pytest.raises(openai.APIError, match="upstream"):
        for c in client.chat.completions.create(model="chat", messages=MESSAGES, stream=True):
            got.append(c.choices[0].delta.content)
    assert got == ["a", "b"]


# --- an upstream that does not know stream_options ---

REFUSAL = {"error": {"message": "Unrecognized request argument supplied: stream_options", "type": "invalid_request_error", "param": None, "code": None}}


def refuses(x):
    if "stream_options" in x.json():
        x.reply(REFUSAL, "400 Bad Request")
    else:
        sends(A + END + DONE)(x)


def test_a_refused_stream_options_is_asked_again_without_and_remembered(tmp_path):
    lab = Lab(tmp_path, retries=0)
    try:
        r = lab.call(refuses, stream=True)
        assert r.body.decode() == A + END + DONE and lab.n_requests == 2 and r.get("x-sluice-attempts") == "2"
        r = lab.call(refuses, stream=True)
        assert r.body.decode() == A + END + DONE and lab.n_requests == 1, "not remembered"
        r = lab.call(refuses, stream=True, body={"stream_options": {"include_usage": True}})
        assert r.status == 400 and r.json() == REFUSAL and lab.n_requests == 1, "the client's own member"
    finally:
        lab.close()


def test_a_refusal_that_only_quotes_the_word_is_not_remembered(tmp_path):
    lab = Lab(tmp_path, retries=0)
    try:
        refusal = {"error": {"message": "bad message: stream_options", "type": "invalid_request_error"}}
        r = lab.call(lambda x: x.reply(refusal, "400 Bad Request"), stream=True)
        assert r.status == 400 and r.json() == refusal and lab.n_requests == 2
        lab.call(sends(A + END + event_of(USAGE_CHUNK) + DONE), stream=True)
        assert lab.up.requests[-1].json()["stream_options"] == {"include_usage": True}
    finally:
        lab.close()


def test_completions_stream_too(lab):
    text = event_of({"id": "c", "object": "text_completion", "choices": [{"text": "x", "index": 0, "finish_reason": "stop"}]})
    r = lab.call(sends(text + event_of({**USAGE_CHUNK, "object": "text_completion"}) + DONE), stream=True, path="/v1/completions", body={"model": "comp", "prompt": "x"})
    assert r.body.decode() == text + DONE
    assert lab.up.requests[-1].json()["model"] == "gpt-4o-mini" and lab.up.requests[-1].path == "/v1/completions"


@pytest.mark.timeout(300)  # a busy machine under sanitizers needs a minute for them
def test_long_streams_cost_what_short_ones_do(lab):
    """After a hundred thousand events the daemon is as large as after a thousand."""

    def many(n):
        def handler(x):
            x.stream_head()
            for _ in range(n // 100):
                x.chunk(A * 100)
            x.chunk(END + DONE)
            x.last_chunk()

        return handler

    for mlflow in (False, True):
        lab.call(many(1000), stream=True, mlflow=mlflow)
        before = lab.daemon.rss()
        r = lab.call(many(100000), stream=True, mlflow=mlflow)
        assert r.complete and r.body.count(b"\n\n") >= 100000
        assert lab.daemon.rss() - before < 3 << 20


@pytest.mark.parametrize("line", [b"\n", b":\n\n", b"x\n\n"], ids=["blank", "comment", "unknown"])
def test_lines_that_say_nothing_cost_little(lab, line):
    """When they pass, they cost about as much as when they are read for a translation."""

    def handler(x):
        x.stream_head()
        x.chunk(A)
        for _ in range(200):
            x.chunk(line * (30000 // len(line)))
        x.chunk("\n" + END + DONE)
        x.last_chunk()

    spent = {}
    for mlflow in (True, False):
        before = lab.daemon.cpu()
        r = lab.call(handler, stream=True, mlflow=mlflow)
        assert r.complete and (mlflow or len(r.body) > 5_900_000)
        spent[mlflow] = lab.daemon.cpu() - before
    assert spent[False] < 3 * spent[True] + 0.1, spent

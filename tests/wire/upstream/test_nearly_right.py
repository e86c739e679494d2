# SPDX-License-Identifier: Apache-2.0
"""Upstreams that are nearly right: what their users see through the gateway, in bytes that pass and in translated
ones."""
import base64
import json
import urllib.parse

import openai
import pytest

from harness import CHAT, CHAT_REPLY, chat_route, wait_for
from lab import Lab, chunk_of, event_of

MESSAGES = [{"role": "user", "content": "x"}]
A, B, END, DONE = event_of(chunk_of("a")), event_of(chunk_of("b")), event_of(chunk_of(finish="stop")), "data: [DONE]\n\n"
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    made = Lab(tmp_path_factory.mktemp("lab"), {"server": {"workers": 1}})
    yield made
    made.close()


def streams(*pieces, content_type="text/event-stream"):
    def handler(x):
        x.stream_head(content_type)
        for piece in pieces:
            x.chunk(piece)
        x.last_chunk()

    return handler


def said(body):
    return [line[6:] for line in body.decode().split("\n") if line.startswith("data: ")]


# --- a whole reply under 200 that is none ---

PAGE = "<html><head><title>Sign in</title></head><body>please</body></html>"
NOT_ANSWERS = {
    "a page": (PAGE, "text/html", 502, "Sign in"),
    "a page under json": (PAGE, "application/json", 502, "Sign in"),
    "a page longer than what is looked at": (PAGE + "x" * 200000, "text/html", 502, "Sign in"),
    "nothing": ("", "application/json", 502, "empty"),
    "blanks": (" \n\t ", "application/json", 502, ""),
    "null": ("null", "application/json", 502, ""),
    "a list": ("[]", "application/json", 502, ""),
    "a text": ("upstream connect error", "text/plain", 502, "upstream connect error"),
    "a word": ('"ok"', "application/json", 502, ""),
    "an error": ('{"error":{"message":"it broke"}}', "application/json", 502, "it broke"),
    "an error as a text": ('{"error":"it broke"}', "application/json", 502, "it broke"),
    "an error with a number": ('{"error":{"message":"it broke","code":429}}', "application/json", 429, "it broke"),
    "an error with a number as a text": ('{"error":{"message":"it broke","code":"503"}}', "application/json", 503, "it broke"),
    "an error with a class's name": ('{"error":{"message":"it broke","type":"RateLimitError"}}', "application/json", 429, "it broke"),
    "an error beside no choices": ('{"choices":[],"error":{"message":"it broke","code":400}}', "application/json", 400, "it broke"),
    "an error that says so itself": ('{"object":"error","message":"it broke","type":"BadRequestError","code":400}', "application/json", 400, "it broke"),
    "a message and no more": ('{"message":"it broke"}', "application/json", 502, "it broke"),
    "a detail and no more": ('{"detail":"it broke"}', "application/json", 502, "it broke"),
    "an empty account": ('{"error":{"message":"it broke","code":402}}', "application/json", 502, ""),
    "a refused credential": ('{"error":{"message":"it broke","code":401}}', "application/json", 502, "gateway's credential"),
}


@pytest.mark.parametrize("name", NOT_ANSWERS)
@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_no_answer_is_no_success(lab, name, chunked):
    body, content_type, status, words = NOT_ANSWERS[name]
    handler = streams(*([body] if body else []), content_type=content_type) if chunked else lambda x: x.reply(body, content_type=content_type)
    r = lab.call(handler)
    assert r.status == status and r.complete and r.get("content-type") == "application/json", r.body
    assert words in r.json()["error"]["message"] and r.get("x-sluice-error-type").startswith("provider_")
    assert lab.log()["error_type"] == r.get("x-sluice-error-type")
    m = lab.call(handler, mlflow=True)
    assert m.status >= 400 and m.json()["detail"]
    s = lab.call(handler, stream=True)
    assert s.status == status if s.get("content-type") == "application/json" else json.loads(said(s.body)[0])["error"]


PASSES = {
    "an error that is null": {"error": None, **json.loads(CHAT_REPLY)},
    "an error that is false": {"error": False, **json.loads(CHAT_REPLY)},
    "an error that is empty": {"error": {}, **json.loads(CHAT_REPLY)},
    "an answer that comes late": {"a": "x" * 60000, **json.loads(CHAT_REPLY)},
    "an answer behind all that is looked at": {"a": "x" * 100000, **json.loads(CHAT_REPLY)},
    "an error beside an answer": {**json.loads(CHAT_REPLY), "error": {"message": "half", "code": 500}},
    "an object of another kind": {"x": 1},
}


@pytest.mark.parametrize("name", PASSES)
@pytest.mark.parametrize("size", [1, 7, 10**9])
def test_answers_pass_untouched(lab, name, size):
    body = json.dumps(PASSES[name])
    if size < 100 and len(body) > 1000:
        pytest.skip("many pieces")
    r = lab.call(streams(*[body[i : i + size] for i in range(0, len(body), size)], content_type="application/json"))
    assert r.status == 200 and r.body.decode() == body
    assert lab.log()["error_type"] == ("provider_server_error" if name == "an error beside an answer" else None)


@pytest.mark.parametrize("error", [None, False])
def test_an_error_that_says_nothing_holds_no_answer_back(lab, error):
    body = json.dumps({"error": error, **json.loads(CHAT_REPLY)}).encode()
    at = body.index(b'"choices"') + 30

    def handler(x):
        handler.exchange = x
        x.stream_head("application/json")
        x.chunk(body[:at])

    conn = lab.start(handler)
    assert conn.head().status == 200 and conn.chunk() == body[:at]  # the upstream has sent no more yet
    handler.exchange.chunk(body[at:])
    handler.exchange.last_chunk()
    assert conn.chunk() == body[at:] and conn.chunk() == b""
    conn.close()


# --- streams under another name ---


@pytest.mark.parametrize("content_type", ["application/json", "", "text/plain", "application/octet-stream", "text/html; charset=utf-8"])
@pytest.mark.parametrize("first", ["", "\ufeff", "\n\n", ": hello\n\n", "event: message\n", "id: 1\n", "retry: 5\n\n"])
def test_a_stream_is_known_by_its_first_bytes(lab, content_type, first):
    for size in (1, 10**9):
        text = first + A + B + END + DONE
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        r = lab.call(streams(*pieces, content_type=content_type), stream=True)
        assert r.status == 200 and r.get("content-type").startswith("text/event-stream") and r.get("x-accel-buffering") == "no"
        assert r.body.decode() == text.removeprefix("retry: 5\n\n"), "an event without data would be read as JSON"
        m = lab.call(streams(*pieces, content_type=content_type), stream=True, mlflow=True)
        assert "".join(json.loads(d)["choices"][0]["delta"].get("content") or "" for d in said(m.body)) == "ab"


def test_the_heads_of_streams_are_told_not_to_wait(lab):
    r = lab.call(streams(A, END, DONE), stream=True)
    assert r.get("x-accel-buffering") == "no"
    m = lab.call(streams(A, END, DONE), stream=True, mlflow=True)
    assert m.get("x-accel-buffering") == "no" and m.get("cache-control") == "no-cache"


# --- odd events ---

# events between A and the stream's end, and the error's text: None if there is none
ODD_EVENTS = {
    "no data": ("data:\n\n", None),
    "a comment as data": ("data: : keepalive\n\n", None),
    "a ping without data": ("event: ping\n\n", None),
    "a ping with data": ('event: ping\ndata: {"type":"ping"}\n\n', None),
    "a comment": (": keepalive\n\n", None),
    "a choice that says nothing": ('data: {"choices":[{"index":0,"delta":{}}]}\n\n', None),
    "an error beside choices": ('data: {"choices":[{"index":0,"delta":{"content":""}}],"error":{"message":"it broke","code":502}}\n\n', "it broke"),
    "an error behind an id": ('id: 7\ndata: {"error":{"message":"it broke"}}\n\n', "it broke"),
    "an error behind a comment": (': x\ndata: {"error":{"message":"it broke"}}\n\n', "it broke"),
    "an error by its event's name": ('event: error\ndata: {"message":"it broke"}\n\n', "it broke"),
    "an error in words": ("event: error\ndata: it broke\n\n", "it broke"),
    "an error that says so itself": ('data: {"object":"error","message":"it broke","code":400}\n\n', "it broke"),
    "an error as a text": ('data: {"error":"it broke"}\n\n', "it broke"),
    "an error beside usage": ('data: {"choices":[],"error":{"message":"it broke"},"usage":' + json.dumps(USAGE) + "}\n\n", "it broke"),
}


@pytest.mark.parametrize("name", ODD_EVENTS)
def test_one_judgement_on_both_paths(lab, name):
    event, words = ODD_EVENTS[name]
    for mlflow in (False, True):
        for size in (3, 10**9):
            text = A + event + ("" if words else END + DONE)
            r = lab.call(streams(*[text[i : i + size] for i in range(0, len(text), size)]), stream=True, mlflow=mlflow)
            assert r.status == 200 and r.complete
            errors = [d for d in said(r.body) if d.startswith("{") and ("error" in json.loads(d) or "error" in json.loads(d).get("object", ""))]
            if words:
                assert words in r.body.decode() and r.body.decode().count(words) == 1, "told once"
                assert lab.log()["error_type"] is not None
            else:
                assert not errors and lab.log()["error_type"] is None


def test_the_word_for_the_end_may_be_spelt_otherwise(lab):
    for end in ("data: [done]\n\n", "data:[DONE]\n\n", "data: [DONE]\n"):
        for mlflow in (False, True):
            r = lab.call(streams(A, END, end), stream=True, mlflow=mlflow)
            assert r.complete and lab.log()["error_type"] is None


def test_garbage_behind_the_finish_is_no_error(lab):
    for garbage in ("data: <html>\n\n", "data: {bad\n\n", "data: 1\n\n"):
        m = lab.call(streams(A, END, garbage, DONE), stream=True, mlflow=True)
        assert m.complete and "error" not in m.body.decode() and lab.log()["error_type"] is None


def test_each_choice_that_was_asked_for_must_finish(lab):
    def piece(index, finish=None, content=None):
        return event_of({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                         "choices": [{"index": index, "delta": {"content": content} if content else {}, "finish_reason": finish}]})

    body = {"model": "chat", "messages": MESSAGES, "stream": True, "n": 2}
    half = piece(0, content="a") + piece(1, content="b") + piece(1, "stop")
    for text, is_whole in ((half, False), (half + piece(0, "length"), True)):
        lab.up.handler = streams(text)
        r = lab.daemon.call("POST", "/v1/chat/completions", body)
        assert ("error" in r.body.decode()) != is_whole and r.body.endswith(DONE.encode())
        m = lab.daemon.call("POST", "/gateway/chat/invocations", {k: v for k, v in body.items() if k != "model"})
        assert ("error" in m.body.decode()) != is_whole


def test_numbers_that_are_none_are_null(lab):
    body = CHAT_REPLY.decode() if isinstance(CHAT_REPLY, bytes) else CHAT_REPLY
    odd = body[:-1] + ',"score":NaN,"list":[Infinity,-Infinity,"NaN"]}'
    m = lab.call(lambda x: x.reply(odd), mlflow=True)
    assert m.status == 200 and m.json()["choices"][0]["message"]["content"] == "hi \u00e9"
    chunk = 'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"},"logprobs":NaN}]}\n\n'
    s = lab.call(streams(chunk, END, DONE), mlflow=True, stream=True)
    assert "error" not in s.body.decode() and json.loads(said(s.body)[0])["choices"][0]["delta"]["content"] == "a"


def test_texts_in_a_list_are_joined(lab):
    reply = json.loads(CHAT_REPLY)
    reply["choices"][0]["message"]["content"] = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    m = lab.call(lambda x: x.reply(reply), mlflow=True)
    assert m.json()["choices"][0]["message"]["content"] == "one two"


def test_an_event_beyond_the_limit_names_it(sluice, upstream):
    up = upstream(streams(event_of(chunk_of("x" * 200000)), END, DONE))
    daemon = sluice({"endpoints": [chat_route(up.base)], "upstream": {"limits": {"event": "100KiB"}}})
    m = daemon.call("POST", "/gateway/chat/invocations", {"messages": MESSAGES, "stream": True})
    assert "upstream.limits.event" in m.body.decode()


# --- usage that only we asked for ---

HIDDEN = {
    "as OpenAI": {"choices": [], "usage": USAGE},
    "without choices": {"usage": USAGE},
    "choices null": {"choices": None, "usage": USAGE},
    "beside a choice that says nothing": {"choices": [{"index": 0, "delta": {}}], "usage": USAGE},
    "beside a role again": {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}], "usage": USAGE},
}


@pytest.mark.parametrize("name", HIDDEN)
def test_nothing_of_our_question_is_seen(lab, name):
    r = lab.call(streams(A, END, event_of({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", **HIDDEN[name]}), DONE), stream=True)
    assert r.body.decode() == A + END + DONE
    assert lab.log()["input_tokens"] == 5


def test_an_empty_chunk_that_our_question_brought_is_not_seen(lab):
    r = lab.call(streams(A, END, event_of({"id": "x", "choices": []}), DONE), stream=True)
    assert r.body.decode() == A + END + DONE


def test_members_beside_usage_stay(lab):
    r = lab.call(streams(A, END, event_of({"choices": [], "usage": USAGE, "timings": {"n": 1}}), DONE), stream=True)
    last = json.loads(said(r.body)[-2])
    assert last["timings"] == {"n": 1} and "usage" not in last and last["choices"][0]["delta"] == {}


def test_the_openai_client_sees_what_it_may(lab):
    client = openai.OpenAI(base_url=lab.daemon.url + "/v1", api_key="none", max_retries=0)
    lab.up.handler = streams(A, END, event_of({"choices": [], "usage": USAGE, "timings": {"n": 1}}), DONE)
    assert "".join(c.choices[0].delta.content or "" for c in client.chat.completions.create(model="chat", messages=MESSAGES, stream=True)) == "a"
    lab.up.handler = lambda x: x.reply(PAGE, content_type="text/html")
    with pytest.raises(openai.InternalServerError, match="Sign in"):
        client.chat.completions.create(model="chat", messages=MESSAGES)
    lab.up.handler = lambda x: x.reply({"error": {"message": "slow down", "code": 429}})
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="chat", messages=MESSAGES)
    lab.up.handler = streams(A, 'event: error\ndata: {"message":"it broke"}\n\n')
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="chat", messages=MESSAGES, stream=True))


# --- silence ---


def test_silence_is_broken_by_a_sign_of_life(sluice, upstream):
    import threading

    go_on = threading.Event()

    def handler(x):
        x.stream_head()
        x.chunk(A)
        assert go_on.wait(20)
        x.chunk(END + DONE)
        x.last_chunk()

    up = upstream(handler)
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"heartbeat": "50ms"}})
    conn = daemon.connect().request("POST", "/v1/chat/completions", {**CHAT, "stream": True})
    assert conn.head().status == 200
    got = b""
    while got.count(b": alive\n\n") < 3:
        got += conn.chunk()
    go_on.set()
    while piece := conn.chunk():
        got += piece
    assert got.replace(b": alive\n\n", b"").decode() == A + END + DONE
    conn.close()


@pytest.mark.parametrize("setting, path", [("0s", "/v1/chat/completions"), ("50ms", "/gateway/chat/invocations")])
def test_who_wants_none_gets_none(sluice, upstream, setting, path):
    import threading

    go_on = threading.Event()

    def handler(x):
        x.stream_head()
        x.chunk(A)
        go_on.wait(0.4)
        x.chunk(": upstream lives\n\n")
        x.chunk(END + DONE)
        x.last_chunk()

    up = upstream(handler)
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"heartbeat": setting}})
    body = {"messages": MESSAGES, "stream": True, **({"model": "chat"} if path.startswith("/v1") else {})}
    r = daemon.call("POST", path, body)
    assert b": alive" not in r.body
    if not path.startswith("/v1"):
        assert b"upstream lives" not in r.body and all(line.startswith("data: ") for line in r.body.decode().split("\n") if line)


def test_no_sign_of_life_before_the_status_is_known(sluice, upstream):
    import threading

    go_on = threading.Event()
    up = upstream(lambda x: (go_on.wait(0.4), x.reply({"error": {"message": "no"}}, "400 Bad Request")))
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"heartbeat": "50ms"}})
    r = daemon.call("POST", "/v1/chat/completions", {**CHAT, "stream": True})
    assert r.status == 400 and r.json()["error"]["message"] == "no"


# --- the credential, quoted ---

KEY = "sk-test-secret"
ESCAPED = KEY.replace("s", "\\u0073").replace("-", "\\u002d")


def leaks(lab, handler, **kwargs):
    lab.up.handler = handler
    r = lab.call(handler, **kwargs)
    text = r.body.decode() + "".join(f"{k}: {v}\n" for k, v in r.headers)
    for _ in range(2):
        assert KEY not in text, text
        text = text.encode().decode("unicode_escape", "replace")
    return r


@pytest.mark.parametrize("spelt", [KEY, ESCAPED], ids=["plain", "escaped"])
@pytest.mark.parametrize("mlflow", [False, True], ids=["v1", "mlflow"])
def test_a_quoted_credential_is_masked(lab, spelt, mlflow):
    error = '{"error":{"message":"bad key: %s","code":null}}' % spelt
    for status in ("400 X", "429 X", "500 X", "200 OK"):
        leaks(lab, lambda x, status=status: x.reply(error, status), mlflow=mlflow)
    leaks(lab, lambda x: x.reply("<title>" + KEY + "</title>", "503 X", content_type="text/html"), mlflow=mlflow)
    leaks(lab, lambda x: x.reply('{"error":{"message":"' + "x" * 300000 + " " + spelt + '"}}', "400 X"), mlflow=mlflow)
    leaks(lab, lambda x: x.reply('{"error":{"message":"' + "x" * (262144 - 30) + spelt + '"}}', "400 X"), mlflow=mlflow)
    leaks(lab, lambda x: x.reply("page", content_type="text/" + KEY), mlflow=mlflow)
    r = leaks(lab, lambda x: x.reply(error, "400 X", headers=[("x-echo", "Bearer " + KEY), ("www-authenticate", KEY), ("x-request-id", KEY)]), mlflow=mlflow)
    assert "*" in (r.get("x-echo") or "*")
    for name in ("data: " + error + "\n\n", 'event: error\ndata: {"message":"%s"}\n\n' % spelt, ": c\ndata: " + error + "\n\n"):
        for size in (1, 5, 10**9):
            text = A + name
            leaks(lab, streams(*[text[i : i + size] for i in range(0, len(text), size)]), mlflow=mlflow, stream=True)


SPELT = {
    "of a URL": "https://h/v1?key=" + KEY.replace("-", "%2D") + "&a=1",
    "of a URL in a URL": "https://h/?to=" + urllib.parse.quote("https://h/?key=" + KEY.replace("-", "%2d"), safe=""),
    "base64": base64.b64encode(KEY.encode()).decode(),
    "base64 of more": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "base64 of Basic": "Basic " + base64.b64encode(f"u:{KEY}".encode()).decode(),
    "JSON in JSON": json.dumps(json.dumps(ESCAPED))[1:-1],
}


@pytest.mark.parametrize("name", SPELT)
@pytest.mark.parametrize("mlflow", [False, True], ids=["v1", "mlflow"])
def test_a_credential_is_masked_however_it_is_spelt(lab, name, mlflow):
    spelt, error = SPELT[name], {"error": {"message": "no: <" + SPELT[name] + ">", "code": None}}
    cores = [base64.b64encode(b"..."[:k] + KEY.encode())[4:-4] for k in (0, 1, 2)] + [b"test", b"\\u0073ecret"]
    for status, stream in (("400 X", False), ("200 OK", False), ("200 OK", True)):
        said = [("x-echo", spelt)] if status == "400 X" else []
        lab.up.handler = streams(A + "data: " + json.dumps(error) + "\n\n") if stream else lambda x: x.reply(error, status, headers=said)
        r = lab.call(lab.up.handler, mlflow=mlflow, stream=stream)
        text = r.body + str(r.headers).encode()
        assert b"no: <" in r.body and b"***" in r.body and not [c for c in cores if c in text], text


@pytest.mark.parametrize("at", ["front", "back"])
@pytest.mark.parametrize("mlflow", [False, True], ids=["v1", "mlflow"])
def test_a_credential_in_a_large_error_is_masked(lab, at, mlflow):
    pad, error = '"pad":"' + "x" * 200000 + '"', '"error":{"message":"no: %s, %s","code":null}' % (KEY, "y" * 100000)
    text = "{" + (f"{pad},{error}" if at == "back" else f"{error},{pad}") + "}"
    for event in ("data: " + text, "event: error\ndata: " + text, "event: " + "e" * 3000 + "\ndata: " + text):
        r = leaks(lab, streams(A, event[:150000], event[150000:], "\n\n"), mlflow=mlflow, stream=True)
        assert b"no: ***" in r.body or (mlflow and "eee" in event and b"upstream.limits.event" in r.body)
    for event in ("data: no JSON: " + KEY, "data: {\"error\": \"" + KEY + " " + "x" * 100000, "data: " + "[" * 5000 + f'"{KEY}"' + "]" * 5000):
        leaks(lab, streams(A, event + "\n\n"), mlflow=mlflow, stream=True)
    for _ in range(2):
        r = leaks(lab, lambda x: x.reply(text), mlflow=mlflow)
        assert b"no: ***" in r.body and r.status == 502
    assert lab.log()["error_type"] == "provider_server_error"


@pytest.mark.parametrize("mlflow", [False, True], ids=["v1", "mlflow"])
def test_a_second_error_and_a_code_are_masked_as_well(lab, mlflow):
    second = A + 'data: {"error":{"message":"one"}}\n\ndata: {"error":{"message":"two: %s"}}\n\n' % KEY
    code = A + 'data: {"error":{"message":"one","type":"%s","code":"%s"}}\n\n' % (KEY, KEY)
    for text in (second, code):
        for asked in (True, False):
            leaks(lab, streams(text), mlflow=mlflow, stream=asked)


def test_what_an_answer_says_is_left_alone(lab):
    body = json.dumps({**json.loads(CHAT_REPLY), "note": KEY})
    assert lab.call(lambda x: x.reply(body)).body.decode() == body

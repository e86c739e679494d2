# SPDX-License-Identifier: Apache-2.0
"""Upstreams that are nearly right, as users of OpenAI's clients for Python and Node see them, in bytes that pass (/v1)
and in translated ones (MLflow's path, which both clients can use)."""
import json

import pytest

from harness import CHAT_REPLY
from lab import chunk_of, event_of
from sdk_eyes import NodeEyes, PythonEyes
from test_nearly_right import A, DONE, END, HIDDEN, NOT_ANSWERS, ODD_EVENTS, PASSES, USAGE, lab, streams  # noqa: F401

V1, MLFLOW = "/v1/chat/completions", "/gateway/chat/invocations"
CLASSES = {400: "BadRequestError", 401: "AuthenticationError", 429: "RateLimitError"}
NOTHING = {"text": "", "finish": [], "tools": [], "usage": None, "without_choices": 0, "error": None}
BROKE = ("APIError", None, "it broke")


@pytest.fixture(scope="module")
def eyes():
    made = {"python": PythonEyes(), "node": NodeEyes()}
    yield made
    for each in made.values():
        each.close()


def look(lab, eyes, handler, expected, stream, path):
    """`expected`: what the user sees, with the error as (class, status, text); one for both clients, or one for each by
    its name."""
    lab.up.handler = handler
    body = {"stream": True} if stream else {}
    for name, each in eyes.items():
        seen = each.see(lab.daemon.url, path, {**({"model": "chat"} if path == V1 else {}), **body})
        want = {**NOTHING, **(expected[name] if name in expected else expected)}
        if want["error"]:
            error, (kind, status, words) = seen["error"], want["error"]
            assert error and (error["class"], error["status"]) == (kind, status), (name, seen)
            assert words in str(error["message"]), (name, seen)
            want = {**want, "error": error}
        assert seen == want, (name, path)


def failure(status, words=""):
    return {"error": (CLASSES.get(status, "InternalServerError"), status, words)}


# MLflow's path answers like MLflow's gateway. Its error bodies have no member `error`, so the clients show only their
# status.
MLFLOW_STATUS = {"a list": 500, "a refused credential": 401}


@pytest.mark.parametrize("name", NOT_ANSWERS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_no_answer(lab, eyes, name, stream):
    body, content_type, status, words = NOT_ANSWERS[name]
    look(lab, eyes, lambda x: x.reply(body, content_type=content_type), failure(status, words), stream, V1)
    look(lab, eyes, lambda x: x.reply(body, content_type=content_type), failure(MLFLOW_STATUS.get(name, status)), stream, MLFLOW)


ANSWER = {"text": "hi \u00e9", "finish": ["stop"], "usage": 12}


@pytest.mark.parametrize("name", PASSES)
def test_answers_pass(lab, eyes, name):
    v1, mlflow = (({"without_choices": 1}, failure(500)) if name == "an object of another kind" else (ANSWER, ANSWER))
    look(lab, eyes, lambda x: x.reply(json.dumps(PASSES[name])), v1, False, V1)
    look(lab, eyes, lambda x: x.reply(json.dumps(PASSES[name])), mlflow, False, MLFLOW)


SAID_A = {"text": "a", "finish": ["stop"]}


@pytest.mark.parametrize("name", ODD_EVENTS)
def test_odd_events(lab, eyes, name):
    event, words = ODD_EVENTS[name]
    expected = {"text": "a", "error": BROKE} if words else SAID_A
    for path in (V1, MLFLOW):
        look(lab, eyes, streams(A + event + ("" if words else END + DONE)), expected, True, path)


@pytest.mark.parametrize("name", HIDDEN)
def test_usage_that_only_we_asked_for(lab, eyes, name):
    usage = event_of({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", **HIDDEN[name]})
    for path in (V1, MLFLOW):
        look(lab, eyes, streams(A, END, usage, DONE), SAID_A, True, path)


@pytest.mark.parametrize("content_type", ["application/json", "", "text/plain", "application/octet-stream", "text/html; charset=utf-8"])
@pytest.mark.parametrize("first", ["", "\ufeff", "\n\n", ": hello\n\n", "event: message\n", "id: 1\n", "retry: 5\n\n"])
def test_streams_under_another_name(lab, eyes, content_type, first):
    # Python's client takes a byte order mark as a part of the first field's name, and so does not see that event
    expected = {"python": {"finish": ["stop"]}, "node": SAID_A} if first == "\ufeff" else SAID_A
    look(lab, eyes, streams(first + A + END + DONE, content_type=content_type), expected, True, V1)
    look(lab, eyes, streams(first + A + END + DONE, content_type=content_type), SAID_A, True, MLFLOW)


def delta(said, finish=None, **more):
    return event_of({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                     "choices": [{"index": 0, "delta": said, "finish_reason": finish}], **more})


def tool(arguments, name=None, **more):
    return delta({"tool_calls": [{"index": 0, "function": {"arguments": arguments, **({"name": name} if name is not None else {})}, **more}]})


NO_JSON = {"python": {**SAID_A, "error": ("JSONDecodeError", None, "")}, "node": {**SAID_A, "error": ("SyntaxError", None, "")}}
CUT = {"text": "a", "error": ("APIError", None, "ended the stream before its end")}
ODD_STREAMS = {  # the stream, what the user sees of it at /v1, and at MLflow's path if that differs
    "[done]": (A + END + "data: [done]\n\n", SAID_A),
    "[DONE] without a blank": (A + END + "data:[DONE]\n\n", SAID_A),
    "[DONE] without a blank line": (A + END + "data: [DONE]\n", SAID_A),
    # bytes pass: a client that reads on after the finish sees what its upstream sent
    "a page behind the finish": (A + END + "data: <html>\n\n" + DONE, NO_JSON, SAID_A),
    "half of JSON behind the finish": (A + END + "data: {bad\n\n" + DONE, NO_JSON, SAID_A),
    # Python's client knows NaN, Node's does not
    "NaN": ('data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"},"logprobs":NaN}]}\n\n' + END + DONE,
            {"python": SAID_A, "node": {"error": ("SyntaxError", None, "NaN")}}, SAID_A),
    "members beside usage": (A + END + event_of({"choices": [], "usage": USAGE, "timings": {"n": 1}}) + DONE, SAID_A),
    "a time to wait and no more": (A + "retry: 5\n\n" + END + DONE, SAID_A),
    "an id and no more": (A + "id: 9\n\n" + END + DONE, SAID_A),
    "pings, and an end spelt otherwise": (A + 'event: ping\ndata: {"type":"ping"}\n\n' * 3 + END + "data: [Done]\n\n", SAID_A),
    # Python's client keeps an id for all later events, and then takes a comment for an event
    "a comment behind an id": ("id: 7\n" + A + ": x\n\n" + END + DONE, {"python": {"text": "a", "error": ("JSONDecodeError", None, "")}, "node": SAID_A}, SAID_A),
    "a tool call whose id is empty later": (tool("", "f", id="t1", type="function") + tool('{"a"', id="") + tool(":1}", "", id=None) + delta({}, "tool_calls") + DONE,
                                            {"tools": [["f", '{"a":1}']], "finish": ["tool_calls"]}),
    "usage in every chunk": (delta({"content": "a"}, usage=USAGE) + delta({}, "stop", usage=USAGE) + DONE, {**SAID_A, "usage": 7}, SAID_A),
    "a finish that is empty": (delta({"content": "a"}, "") + delta({}, "stop") + DONE, SAID_A),
    "no index": (event_of({"choices": [{"delta": {"content": "a"}}]}) + event_of({"choices": [{"delta": {}, "finish_reason": "stop"}]}) + DONE, SAID_A),
    "CR LF": ((A + END + DONE).replace("\n", "\r\n"), SAID_A),
    "CR": ((A + END + DONE).replace("\n", "\r"), SAID_A),
    "JSON on two lines": ('data: {"id":"c","choices":\ndata: [{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n' + DONE, SAID_A),
    "no [DONE]": (A + END, SAID_A),
    "cut": (A, CUT),
    "cut in an event": (A + END[:20], CUT),
    "an error behind the finish": (A + END + 'data: {"error":{"message":"it broke","code":"late"}}\n\n', {**SAID_A, "error": BROKE}),
    "an error with a number": (A + 'data: {"error":{"message":"it broke","type":"rate_limit_error","code":429}}\n\n', {"text": "a", "error": BROKE}),
    "an error as a list": (A + 'data: {"error":["it broke"]}\n\n', {"text": "a", "error": ("APIError", None, "the upstream reported an error")}),
    "ends of lines in a text": (delta({"content": "X"}).replace("X", "a\u2028b\u0085c") + END + DONE, {"text": "a\u2028b\u0085c", "finish": ["stop"]}),
    "a number beyond all": (A.replace("1700000000", "1e999") + END + DONE, SAID_A),
    "findings of a filter first": (event_of({"choices": [], "prompt_filter_results": []}) + A + END + DONE, {**SAID_A, "without_choices": 1}, SAID_A),
}


@pytest.mark.parametrize("name", ODD_STREAMS)
def test_odd_streams(lab, eyes, name):
    text, v1, *mlflow = ODD_STREAMS[name]
    look(lab, eyes, streams(text), v1, True, V1)
    look(lab, eyes, streams(text), mlflow[0] if mlflow else v1, True, MLFLOW)


def test_a_stream_for_a_whole_and_a_whole_for_a_stream(lab, eyes):
    for path in (V1, MLFLOW):
        look(lab, eyes, streams(A, END, DONE), SAID_A, False, path)
        look(lab, eyes, lambda x: x.reply(CHAT_REPLY), {**ANSWER, "usage": None}, True, path)


def test_several_choices(lab, eyes):
    both = [event_of({**chunk_of(), "choices": [{"index": i, "delta": {"content": c}, "finish_reason": f}]}) for i, c, f in ((0, "a", None), (1, "b", "stop"), (0, "c", "length"))]
    for path in (V1, MLFLOW):
        look(lab, eyes, streams(*both, DONE), {"text": "abc", "finish": ["stop", "length"]}, True, path)


def test_a_whole_reply_with_what_json_has_not(lab, eyes):
    odd = (CHAT_REPLY.decode() if isinstance(CHAT_REPLY, bytes) else CHAT_REPLY)[:-1] + ',"score":NaN}'
    # bytes pass; Python's client knows NaN, Node's does not
    look(lab, eyes, lambda x: x.reply(odd), {"python": ANSWER, "node": {"error": ("SyntaxError", None, "NaN")}}, False, V1)
    look(lab, eyes, lambda x: x.reply(odd), ANSWER, False, MLFLOW)

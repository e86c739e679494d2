# SPDX-License-Identifier: Apache-2.0
"""Bodies in both directions against tables. mlflow_requests.json and mlflow_replies.json were recorded from MLflow's
own server (2.22.4, FastAPI 0.115, pydantic 2.14) with the same scripted upstream, and have the cases that must be the
same to the byte; intended differences are in this file."""
import json
import re
import pathlib

import pytest

from harness import chat_route, typed_route

HERE = pathlib.Path(__file__).parent.parent
KINDS = {"chat": "chat", "comp": "completions", "emb": "embeddings"}
CHAT_REPLY = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
              "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}
EMB_REPLY = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.001]}], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
QUERIES = {"chat": {"messages": [{"role": "user", "content": "hi"}]}, "comp": {"prompt": "x"}, "emb": {"input": "x"}}
MSG = [{"role": "user", "content": "hi"}]


def gateway(sluice, upstream, handler):
    up = upstream(handler)
    return sluice({"endpoints": [typed_route(up.base, name, kind) for name, kind in KINDS.items()]}), up


def echo(x):
    x.reply(EMB_REPLY if x.path.endswith("/embeddings") else CHAT_REPLY)


def post(daemon, route, body, content_type="application/json"):
    return daemon.call("POST", f"/gateway/{route}/invocations", body, [("Content-Type", content_type)] if content_type is not None else [])


def without_forced(up, own):
    """MLflow always sends temperature and n; Sluice sends what the caller sent."""
    return {k: v for k, v in up.items() if k not in ("temperature", "n") or k in own}


# Members that the schemas do not name are passed on here.
MORE_SENT = ('"x": 1', '"name": "n"')


def test_requests_as_recorded(sluice, upstream):
    daemon, up = gateway(sluice, upstream, echo)
    cases = json.loads((HERE / "mlflow_requests.json").read_text())
    assert len(cases) > 200
    for case in cases:
        r = post(daemon, case["route"], case["body"].encode("latin-1"), case["type"])
        if r.status == 422 and '"additionalProperties"' in case["body"]:  # its own schema is passed on; MLflow's message about it does not come
            want = json.loads(case["reply"])
            want["detail"] = [d for d in want["detail"] if "additionalProperties" not in d["loc"]]
            assert r.json() == want, case["body"]
            continue
        assert (r.status, r.body.decode(), r.get("content-type")) == (case["status"], case["reply"], "application/json"), case["body"]
        if case["up"] is not None:
            own = up.next().json()
            if not any(m in case["body"] for m in MORE_SENT):
                assert own == without_forced(case["up"], own), case["body"]
    assert up.arrived.empty(), "nothing that was refused goes up"


# Calls that MLflow answers with 500: route, body, content type; the first fault's type and place.
REFUSED = [
    ("chat", b'{"messages":[{"role":"user","content":"x"}],"temperature":NaN}', "float_type", ["body", "temperature"]),
    ("chat", b'{"messages":[{"role":"user","content":"x"}],"temperature":1e400}', "less_than_equal", ["body", "temperature"]),
    ("chat", b'{"messages":[{"role":"user","content":"x"}],"n":-Infinity}', "int_type", ["body", "n"]),
    ("chat", b'{"a":"\\ud800"}', "missing", ["body", "messages"]),
    ("chat", b'{"a":[NaN,Infinity,-Infinity]}', "missing", ["body", "messages"]),
    ("comp", b'{"prompt":NaN}', "string_type", ["body", "prompt"]),
    ("emb", b'{"input":[NaN]}', "string_type", ["body", "input", "str"]),
    ("chat", b'{"a":"' + b"x" * 1100000 + b'","b":NaN}', "json_invalid", ["body", 1100012]),
    ("chat", b"[" * 1000 + b"]" * 1000, "json_invalid", ["body", 512]),
    ("chat", b'{"messages":' + b"[" * 100000, "json_invalid", None),
]


def test_never_a_500_for_a_body(sluice, upstream):
    daemon, _ = gateway(sluice, upstream, echo)
    for route, body, kind, loc in REFUSED:
        r = post(daemon, route, body)
        fault = r.json()["detail"][0]
        assert (r.status, fault["type"]) == (422, kind), body[:80]
        assert loc is None or fault["loc"] == loc, body[:80]
    r = post(daemon, "chat", b'a\xe9"', "text/plain")
    assert r.status == 422 and r.json()["detail"][0]["type"] == "model_attributes_type"
    r = post(daemon, "chat", b'\xff{}')
    assert (r.status, r.json()) == (400, {"detail": "There was an error parsing the body"})


SENT = [  # what the caller sends, what goes up beside the model
    ({"messages": MSG}, {"messages": MSG}),
    ({"messages": MSG, "temperature": 0, "n": 1}, {"messages": MSG, "temperature": 0, "n": 1}),
    ({"messages": MSG, "temperature": "0.5", "n": 2.0, "max_tokens": "7", "stream": 0}, {"messages": MSG, "temperature": 0.5, "n": 2, "max_tokens": 7, "stream": False}),
    ({"messages": MSG, "n": True, "top_p": 0.5, "logit_bias": {"1": None, "2": [None, {"a": None}]}}, {"messages": MSG, "n": 1, "top_p": 0.5, "logit_bias": {"2": [None, {}]}}),
    ({"messages": MSG, "max_tokens": None, "stop": None, "stream": None, "model": None, "tools": None, "seed": None}, {"messages": MSG}),
    ({"messages": [{"role": "user", "content": "x", "name": "n", "refusal": None}]}, {"messages": [{"role": "user", "content": "x", "name": "n"}]}),
    ({"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}]},
     {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]}),
    ({"messages": MSG, "tools": [{"type": "function", "function": {"name": "f", "x": 1, "parameters": {"$defs": {"a": {}}, "properties": {
        "a": {"type": "object", "properties": {"b": {"format": "date", "anyOf": [{"minimum": 1}]}}}, "c": {"type": ["string", "null"], "default": "d"}}}}}]}, "tools"),
]


def test_only_what_the_caller_sent_goes_up(sluice, upstream):
    daemon, up = gateway(sluice, upstream, echo)
    for body, want in SENT:
        assert post(daemon, "chat", body).status == 200, body
        if want == "tools":  # keywords of JSON Schema are all passed on
            want = json.loads(json.dumps(body))
            want["tools"][0]["function"]["parameters"]["type"] = "object"
        assert up.next().json() == {"model": "gpt-4o-mini", **want}
    assert post(daemon, "chat", b'{"messages":[{"role":"user","content":"x"}],"seed":NaN,"x":[1,Infinity]}').status == 200
    assert up.next().json() == {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}], "x": [1, None]}


MANY = ",".join(f'"k{i}":{i}' for i in range(40))
REPEATED = [  # the body; what goes up: the last one counts, and the others are dropped
    ('{"messages":[],"messages":[{"role":"user","content":"last"}]}', {"messages": [{"role": "user", "content": "last"}]}),
    ('{"stream":true,"messages":[{"role":"user","role":"system","content":"x"}],"stream":null}', {"messages": [{"role": "system", "content": "x"}]}),
    ('{"n":"x","messages":[{"role":"user"}],"n":"2","\\u006e":3}', {"messages": [{"role": "user"}], "n": 3}),
    ('{"model":"x","messages":[{"role":"user"}],"model":null}', {"messages": [{"role": "user"}]}),
    ('{"x":null,"messages":[{"role":"user"}],"x":{"a":1,"b":null,"a":2},"y":1,"y":null,"y":[null,{"c":1,"c":1}]}', {"messages": [{"role": "user"}], "x": {"a": 2}, "y": [None, {"c": 1}]}),
    ('{"k3":"first","messages":[{"role":"user"}],' + MANY + ',"k7":null}', {"messages": [{"role": "user"}], **{f"k{i}": i for i in range(40) if i != 7}}),
]


def test_of_a_repeated_member_the_last_alone_goes_up(sluice, upstream):
    daemon, up = gateway(sluice, upstream, echo)
    for body, want in REPEATED:
        assert post(daemon, "chat", body).status == 200, body
        sent = up.next().body.decode()
        assert json.loads(sent) == {"model": "gpt-4o-mini", **want}

        def once(pairs):
            assert len({k for k, _ in pairs}) == len(pairs), sent
            return dict(pairs)

        json.loads(sent, object_pairs_hook=once)


def test_model_is_refused_whatever_the_type(sluice, upstream):
    daemon, up = gateway(sluice, upstream, echo)
    text = "The parameter 'model' is not permitted to be passed. The route being queried already defines a model instance."
    for route, body in QUERIES.items():
        for model in ("", "gpt-4"):
            r = post(daemon, route, {**body, "model": model})
            assert (r.status, r.json()) == (422, {"detail": text}), (route, model)
        assert post(daemon, route, {**body, "model": None}).status == 200
        assert up.next().json()["model"] == "gpt-4o-mini"


UNSERVED = [
    ("anthropic", "embeddings", {"input": "x"}, "The embeddings route is not implemented for Anthropic models."),
    ("ai21labs", "completions", {"prompt": "x", "stream": True}, "The completions streaming route is not implemented for AI21Labs models."),
    ("ai21labs", "completions", {"prompt": "x", "stream": True}, "The completions streaming route is not implemented for AI21Labs models."),
    ("ai21labs", "chat", {"messages": MSG}, "The chat route is not implemented for AI21Labs models."),
    ("ai21labs", "chat", {"messages": MSG, "stream": True}, "The chat streaming route is not implemented for AI21Labs models."),
]


def test_what_a_provider_does_not_serve_is_501(sluice):
    routes = [{"name": f"r{i}", "endpoint_type": f"llm/v1/{kind}", "model": {"provider": provider, "name": "j2-ultra", "config": {f"{provider}_api_key": "k"}}}
              for i, (provider, kind, _, _) in enumerate(UNSERVED)]
    daemon = sluice({"endpoints": routes})
    for i, (_, _, body, text) in enumerate(UNSERVED):
        r = post(daemon, f"r{i}", body)
        assert (r.status, r.json(), r.get("x-sluice-error-type")) == (501, {"detail": text}, "caller_unsupported")


def scripted(case):
    def handler(x):
        kind = f"Content-Type: {case['up_type']}\r\n" if case["up_type"] else ""
        body = case["up"].encode()
        x.send(f"HTTP/1.1 {case['up_status']}\r\n{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    return handler


def answers(sluice, upstream, cases):
    now = {}
    daemon, _ = gateway(sluice, upstream, lambda x: scripted(now["case"])(x))
    for case in cases:
        now["case"] = case
        body = dict(QUERIES[case["route"]], **({"stream": True} if case.get("stream") else {}))
        yield case, post(daemon, case["route"], body)


def test_replies_as_recorded(sluice, upstream):
    cases = json.loads((HERE / "mlflow_replies.json").read_text())
    assert len(cases) > 40
    for case in cases:
        if case["up_status"] == "200 OK" and '"choices": []' in case["up"]:
            case |= {"status": 502, "reply": '{"detail":"The upstream\'s reply could not be read: its list of choices is empty"}'}
    for case in cases:  # MLflow answers 502 for an error that is no JSON; clients act on the status, so it stays (docs/mlflow.md)
        if "application/json" not in (case["up_type"] or "") and case["up_type"] != "text/plain" and not case["up_status"].startswith("2"):
            page = re.search(r"<title>(.*)</title>", case["up"], flags=re.S)
            said = json.loads(case["up"])["error"]["message"] if case["up"].startswith("{") else page[1] if page else case["up"] or case["up_status"].split(" ", 1)[1]
            case |= {"status": int(case["up_status"][:3]), "reply": json.dumps({"detail": said}, separators=(",", ":"))}
    for case, r in answers(sluice, upstream, cases):
        assert (r.status, r.body.decode(), r.get("content-type"), r.complete) == (case["status"], case["reply"], case["type"], True), case


def up(body, status="200 OK", kind="application/json", route="chat", stream=False):
    return {"up": body if isinstance(body, str) else json.dumps(body), "up_status": status, "up_type": kind, "route": route, "stream": stream}


def chat_with(**more):
    return {**CHAT_REPLY, **more}


HEAD = '{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":'
UNREADABLE = "The upstream's reply could not be read: "
TYPE_TEXT = "The returned data type from the route service is not supported. Received content type: "
BETTER = [  # upstream; status, body
    (up(chat_with(usage=None)), 200, HEAD + '"hi","tool_calls":null,"refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":null,"completion_tokens":null,"total_tokens":null}}'),
    (up(chat_with(choices=[{"message": {"role": "assistant", "content": None, "refusal": "no"}, "finish_reason": "stop"}])), 200,
     HEAD + 'null,"tool_calls":null,"refusal":"no"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}'),
    (up({"id": "c", "created": 1, "model": "m", "choices": [{"text": "done", "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}, route="comp"), 200,
     '{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"done","finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":null,"total_tokens":1}}'),
    # numbers as the upstream writes them, without its spaces
    (up('{"data":[{"embedding":[ 1e-3,\n 1E5, 1.50, 2, -0.0, 100000000000000000000 ],"index":5}],"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}}', route="emb"), 200,
     '{"object":"list","data":[{"object":"embedding","embedding":[1e-3,1E5,1.50,2,-0.0,100000000000000000000],"index":0}],"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}}'),
    (up({"error": "text"}, "400 Bad Request"), 400, '{"detail":"text"}'),
    (up({"error": {"message": None}}, "404 Not Found"), 404, '{"detail":"Not Found"}'),
    (up({"id": "x"}), 500, {"detail": UNREADABLE + "it has no list of choices"}),
    (up("[]"), 500, {"detail": UNREADABLE + "it is not a JSON object"}),
    (up("{bad"), 502, None),
    (up("<html>", kind="text/html"), 502, {"detail": TYPE_TEXT + "text/html"}),
    (up(CHAT_REPLY, kind=None), 200, None),
    (up("<html>", kind=None), 502, None),
    (up("<html>", "503 Service Unavailable", kind="text/html"), 503, {"detail": "<html>"}),
    (up("{bad", "400 Bad Request"), 400, None),
    (up({"error": {"message": "m"}}, "400 Bad Request", stream=True), 400, '{"detail":"m"}'),
]


def test_replies_that_are_better(sluice, upstream):
    wants = iter(BETTER)
    for case, r in answers(sluice, upstream, [row[0] for row in BETTER]):
        _, status, body = next(wants)
        assert (r.status, r.get("content-type")) == (status, "application/json"), case
        assert body is None or (r.body.decode() if isinstance(body, str) else r.json()) == body, case


def chunk(delta, finish=None, **more):
    return "data: " + json.dumps({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}) + "\n\n"


def own(delta, finish="null"):
    return 'data: {"id":"x","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"finish_reason":' + finish + ',"delta":{' + delta + "}}]}\n\n"


TEXT = own('"role":null,"content":"a"')
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
USAGE_CHUNK = "data: " + json.dumps({"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": USAGE}) + "\n\n"
STREAMS = [
    ("tool calls pass", chunk({"role": "assistant", "tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{\u00e9"}}]}) + chunk({}, "tool_calls"),
     own('"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\u00e9"}}]') + own('"role":null,"content":null', '"tool_calls"')),
    ("comments are none of it", ": ping\n\n" + chunk({"content": "a"}, "stop"), own('"role":null,"content":"a"', '"stop"')),
    ("the usage that we asked for is ours", chunk({"content": "a"}, "stop") + USAGE_CHUNK + "data: [DONE]\n\n", own('"role":null,"content":"a"', '"stop"')),
    ("an error inside", chunk({"content": "a"}) + 'data: {"error":{"message":"boom"}}\n\n', TEXT + 'data: {"error":{"message":"boom","type":"provider_server_error"}}\n\n'),
    ("garbage", chunk({"content": "a"}) + "data: garbage\n\n", TEXT + 'data: {"error":{"message":"the upstream\'s stream could not be read","type":"provider_bad_response"}}\n\n'),
    ("cut", chunk({"content": "a"}) + 'data: {"id"', TEXT + 'data: {"error":{"message":"the upstream ended the stream before its end","type":"provider_stream_broken"}}\n\n'),
]


@pytest.mark.parametrize("piece", [1, 7, 100000])
def test_streams(sluice, upstream, piece):
    now = {}

    def handler(x):
        x.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        body = now["up"].encode()
        for at in range(0, len(body), piece):
            x.send(body[at : at + piece])
        x.conn.close()

    daemon, _ = gateway(sluice, upstream, handler)
    for name, now["up"], want in STREAMS:
        r = post(daemon, "chat", {**QUERIES["chat"], "stream": True})
        assert (r.status, r.get("content-type"), r.body.decode(), r.complete) == (200, "text/event-stream; charset=utf-8", want, True), name


def test_usage_in_a_stream_for_who_asks(sluice, upstream):
    daemon, up = gateway(sluice, upstream, lambda x: x.reply(chunk({"content": "a"}, "stop") + USAGE_CHUNK + "data: [DONE]\n\n", content_type="text/event-stream"))
    r = post(daemon, "chat", {**QUERIES["chat"], "stream": True, "stream_options": {"include_usage": True}})
    assert r.body.decode().endswith('"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n')


def test_a_silent_upstream_is_504(sluice, upstream):
    up = upstream(lambda x: x.conn.recv(1))
    daemon = sluice({"endpoints": [chat_route(up.base, timeouts={"first_byte": "200ms"}, retries=0)]})
    r = post(daemon, "chat", QUERIES["chat"])
    assert (r.status, r.get("x-sluice-error-type")) == (504, "provider_timeout_first_byte") and list(r.json()) == ["detail"]

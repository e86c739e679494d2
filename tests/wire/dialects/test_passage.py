# SPDX-License-Identifier: Apache-2.0
"""The raw passage: /gateway/proxy/{route}/{path} leads to the provider's own path with the route's credential; only
listed paths pass."""
import json

import anthropic
import openai
import pytest

from harness import CHAT, CHAT_REPLY, chat_route

MESSAGES = [{"role": "user", "content": "hello"}]
ANSWER = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 5, "output_tokens": 2}}
EVENTS = [
    ("message_start", {"type": "message_start", "message": {**ANSWER, "content": [], "stop_reason": None, "usage": {"input_tokens": 5, "output_tokens": 1}}}),
    ("content_block_start", {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    ("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}),
    ("content_block_stop", {"type": "content_block_stop", "index": 0}),
    ("message_delta", {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 2}}),
    ("message_stop", {"type": "message_stop"}),
]
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [{"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "hi", "annotations": []}]}],
            "usage": {"input_tokens": 4, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7}}
GENERATED = {"candidates": [{"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}}
KEY = "key-of-a-program-0123456789"


def answer(x):
    path, body = x.path.split("?")[0], json.loads(x.body) if x.body[:1] == b"{" else {}
    if path == "/v1/messages" and body.get("stream"):
        x.stream_head()
        for name, data in EVENTS:
            x.chunk(f"event: {name}\ndata: {json.dumps(data)}\n\n")
        x.last_chunk()
    elif path == "/v1/chat/completions" and body.get("stream"):
        x.stream_head()
        x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]})
        x.event("[DONE]")
        x.last_chunk()
    elif path.endswith("/content"):
        x.reply(bytes(range(256)) * 400, content_type="application/octet-stream")
    elif path == "/v1/odd":
        x.stream_head()
        x.chunk("event: thread.created\ndata: {}\n\n")
        x.last_chunk()
    else:
        known = {"/v1/messages": ANSWER, "/v1/messages/count_tokens": {"input_tokens": 9}, "/v1/responses": RESPONSE, "/v1/chat/completions": CHAT_REPLY,
                 "/v1beta/models/gemini-x:generateContent": GENERATED, "/v1/files/f1": {"id": "f1", "object": "file"}}
        x.reply(known.get(path, {"data": []}), headers=[("set-cookie", "a=b"), ("x-upstream", "said")])


def route(name, provider, config, **own):
    return {"name": name, "endpoint_type": "llm/v1/chat", "model": {"provider": provider, "name": "configured", "config": config}, **({"sluice": own} if own else {})}


@pytest.fixture(scope="module")
def gateway(sluice_module, upstream_module):
    up = upstream_module(answer)
    root = up.base.removesuffix("/v1")
    daemon = sluice_module({"endpoints": [
        chat_route(up.base, "gpt", passage=["GET /files/*", "GET /v1/files/*/content", "DELETE /files/*", "POST /files", "GET /batches/**", "POST /odd"]),
        {**chat_route(up.base, "plain"), "limit": {"calls": 2, "renewal_period": "day"}},
        route("claude", "anthropic", {"anthropic_api_key": "sk-ant-ours", "anthropic_api_base": up.base}),
        route("gem", "gemini", {"gemini_api_key": "gem-ours", "gemini_api_base": root + "/v1beta"}),
        route("deep", "openai-compatible", {"api_key": "of-deep", "api_base": root + "/deep/down/v1?tenant=7"}),
        route("none", "mock", {}),
        route("coh", "cohere", {"cohere_api_key": "k", "cohere_api_base": root}),
    ]})
    daemon.up = up
    return daemon


def proxy(daemon, path, body=None, headers=(), method="POST"):
    return daemon.call(method, "/gateway/proxy/" + path, body, headers)


def test_a_call_goes_up_as_it_is(gateway):
    body = '{ "model": "gpt-5",  "messages": [{"role":"user","content":"hello"}], "x_own": 1.50 }'
    reply = proxy(gateway, "gpt/v1/chat/completions?a=1&b=%20", body, [("content-type", "application/json; charset=utf-8"), ("authorization", "Bearer of-the-client"), ("x-api-key", "of-the-client"),
                                                                      ("cookie", "c=d"), ("connection", "x-hop"), ("x-hop", "1"), ("openai-beta", "b"), ("X-Request-Id", "one")])
    sent = gateway.up.requests[-1]
    assert (reply.status, reply.body) == (200, CHAT_REPLY) and reply.get("set-cookie") is None and reply.get("x-upstream") == "said"
    assert (sent.line, sent.body.decode()) == ("POST /v1/chat/completions?a=1&b=%20 HTTP/1.1", body)
    headers = {k.lower(): v for k, v in sent.headers}
    assert headers["authorization"] == "Bearer sk-test-secret" and headers["content-type"] == "application/json; charset=utf-8" and headers["openai-beta"] == "b"
    assert not {"x-api-key", "cookie", "x-hop"} & set(headers) and "of-the-client" not in str(sent.headers)
    assert reply.get("x-mlflow-gateway-duration-ms").isdigit() and reply.get("x-sluice-route") == "gpt"
    line = gateway.log_line("one")
    assert (line["route"], line["input_tokens"], line["output_tokens"]) == ("gpt", 9, 3)


USAGE = [("claude/v1/messages?beta=true", {"model": "claude-x", "max_tokens": 5, "messages": MESSAGES}, 5, 2), ("claude/v1/messages", {"model": "claude-x", "max_tokens": 5, "messages": MESSAGES, "stream": True}, 5, 2),
         ("gpt/v1/responses", {"model": "gpt-5", "input": "x"}, 4, 3)]


@pytest.mark.parametrize("path, body, n_in, n_out", USAGE)
def test_usage_is_counted_in_the_providers_language(gateway, path, body, n_in, n_out):
    reply = proxy(gateway, path, body, [("X-Request-Id", f"u-{path[:9].replace('/', '-')}-{len(json.dumps(body))}")])
    assert reply.status == 200 and reply.complete, reply.body
    line = gateway.log_line(f"u-{path[:9].replace('/', '-')}-{len(json.dumps(body))}")
    assert (line["input_tokens"], line["output_tokens"]) == (n_in, n_out)


def test_each_providers_own_credential(gateway):
    assert proxy(gateway, "claude/v1/messages/count_tokens", {"model": "m", "messages": MESSAGES}).json() == {"input_tokens": 9}
    assert gateway.up.requests[-1].get("x-api-key") == "sk-ant-ours" and gateway.up.requests[-1].get("anthropic-version")
    assert proxy(gateway, "gem/v1beta/models/gemini-x:generateContent?key=of-the-client&alt=json", {"contents": []}, [("x-goog-api-key", "of-the-client")]).json() == GENERATED
    assert gateway.up.requests[-1].path == "/v1beta/models/gemini-x:generateContent?alt=json" and gateway.up.requests[-1].get("x-goog-api-key") == "gem-ours"
    assert proxy(gateway, "deep/v1/chat/completions?x=y", CHAT).status == 200
    assert gateway.up.requests[-1].path == "/deep/down/v1/chat/completions?tenant=7&x=y" and gateway.up.requests[-1].get("authorization") == "Bearer of-deep"


def test_the_sdks(gateway):
    client = openai.OpenAI(base_url=gateway.url + "/gateway/proxy/gpt/v1", api_key="none", max_retries=0)
    assert client.chat.completions.create(model="gpt-5", messages=MESSAGES).choices[0].message.content == "hi é"
    assert "".join(c.choices[0].delta.content for c in client.chat.completions.create(model="gpt-5", messages=MESSAGES, stream=True)) == "hi"
    assert client.responses.create(model="gpt-5", input="x").output_text == "hi"
    assert client.files.retrieve("f1").id == "f1" and client.files.content("f1").read() == bytes(range(256)) * 400
    client.files.create(file=("a.jsonl", b'{"a": 1}\n'), purpose="batch")
    sent = gateway.up.requests[-1]
    assert sent.path == "/v1/files" and sent.get("content-type").startswith("multipart/form-data; boundary=") and b'{"a": 1}\n' in sent.body
    claude = anthropic.Anthropic(base_url=gateway.url + "/gateway/proxy/claude", api_key="none", max_retries=0)
    assert claude.messages.create(model="claude-x", max_tokens=5, messages=MESSAGES).content[0].text == "hi"
    with claude.messages.stream(model="claude-x", max_tokens=5, messages=MESSAGES) as events:
        assert "".join(events.text_stream) == "hi"
    with pytest.raises(openai.NotFoundError):
        client.models.list()


def test_a_stream_of_another_kind_passes(gateway):
    reply = proxy(gateway, "gpt/v1/odd", {})
    assert (reply.status, reply.body, reply.complete) == (200, b"event: thread.created\ndata: {}\n\n", True)


NOT_LISTED = [("POST", "gpt/v1/completions", 404), ("GET", "gpt/v1/models", 404), ("POST", "gpt/v1/fine_tuning/jobs", 404), ("GET", "gpt/v1/files", 405), ("GET", "gpt/v1/files/a/b", 404), ("GET", "gpt/v1/chat/completions", 405),
              ("PUT", "gpt/v1/files/f1", 405), ("DELETE", "plain/v1/files/f1", 404), ("POST", "claude/v1/chat/completions", 404), ("POST", "gem/v1beta/models/a/b:generateContent", 404),
              ("POST", "gem/v1beta/models/x:other", 404), ("POST", "gem/v1/models/x:generateContent", 404), ("POST", "gpt/chat/completions", 404), ("POST", "gpt/v1/chat/completionsx", 404), ("GET", "gpt/v1/batches", 404)]


@pytest.mark.parametrize("method, path, status", NOT_LISTED)
def test_what_is_not_on_the_list(gateway, method, path, status):
    n = len(gateway.up.requests)
    reply = proxy(gateway, path, {} if method != "GET" else None, method=method)
    assert reply.status == status and set(reply.json()) == {"detail"} and len(gateway.up.requests) == n
    assert (reply.get("allow") is not None) == (status == 405)


def test_what_the_route_lists(gateway):
    for method, path in (("GET", "gpt/v1/files/f1"), ("DELETE", "gpt/v1/files/f1"), ("GET", "gpt/v1/batches/a/b/c"), ("GET", "gpt/v1/files/f1/content")):
        reply = proxy(gateway, path, method=method)
        assert reply.status == 200 and gateway.up.requests[-1].line == f"{method} /{path.removeprefix('gpt/')} HTTP/1.1", path


BAD = ["gpt/v1/files/..", "gpt/v1/files/../models", "gpt/v1/files/.", "gpt/v1/files/%2e%2e", "gpt/v1/files/%2E%2e/x", "gpt/v1/files/a%2fb", "gpt/v1/files/a%2Fb", "gpt/v1/files//x", "gpt//v1/files/x", "gpt/v1/files/x/",
       "gpt/v1/files/..;x", "gpt/v1/files/a%5cb", "gpt/v1/files/a\\b", "gpt/v1/files/a%00", "gpt/v1/files/a%0d%0aX:y", "gpt/v1/files/%25", "gpt/v1/files/%252e%252e", "gpt/v1/files/..%3bx", "gpt/v1/batches/%c0%ae%c0%ae/x", "gpt/v1/batches/x%3fy", "gpt/v1/batches/x%23y", "gpt/v1/files/%zz", "gpt/v1/files/%2", "gpt/v1/files/" + "a" * 3000]


@pytest.mark.parametrize("path", BAD)
def test_no_path_leads_elsewhere(gateway, path):
    n = len(gateway.up.requests)
    reply = proxy(gateway, path, method="GET")
    assert reply.status in (400, 404) and len(gateway.up.requests) == n, (reply.status, reply.body)


@pytest.mark.parametrize("query, sent", [("key=k", ""), ("a=1&key=k&b=2", "?a=1&b=2"), ("%6bey=k&api-key=x&API_KEY=y&access_token=z", ""), ("keys=1", "?keys=1"), ("a&&b", "?a&&b"), ("$key=k&oauth_token=o&x-goog-api-key=g&a;key=k&b;c", "?b;c"), ("", "")])
def test_a_key_in_the_query_never_goes_up(gateway, query, sent):
    assert proxy(gateway, "gpt/v1/files/f1?" + query, method="GET").status == 200
    assert gateway.up.requests[-1].path == "/v1/files/f1" + sent


def test_routes_that_pass_nothing(gateway):
    for name, label in (("none", "Mock"), ("coh", "Cohere")):
        reply = proxy(gateway, name + "/v1/chat", {})
        assert (reply.status, reply.json()["detail"].lower()) == (501, f"the proxy endpoint is not implemented for {label.lower()} models.")
    assert proxy(gateway, "nope/v1/chat", {}).json() == {"detail": {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "GatewayEndpoint not found (name='nope')"}}
    for path in ("gpt", "gpt/"):
        assert proxy(gateway, path, {}).status == 404


def test_a_call_of_a_model_must_be_json(gateway):
    n = len(gateway.up.requests)
    for body, why in (("{", "the text ends too early"), ("", "there is no value"), ("no json", "expected true, false or null"), ("[" * 5000 + "]" * 5000, "nested too deeply at offset ")):
        reply = proxy(gateway, "gpt/v1/chat/completions", body)
        assert reply.status == 400 and reply.json()["detail"].startswith("Invalid JSON payload: " + why), reply.body
    assert len(gateway.up.requests) == n


def test_limits_and_rights_hold(gateway, sluice):
    assert [proxy(gateway, "plain/v1/chat/completions", CHAT).status for _ in range(3)] == [200, 200, 429]
    keys = [{"name": "k", "key": KEY, "role": "query", "routes": ["a"]}, {"name": "v", "key": KEY + "v", "role": "viewer"}]
    daemon = sluice({"endpoints": [chat_route(gateway.up.base, "a"), chat_route(gateway.up.base, "b")], "auth": {"keys": keys}})
    for headers, path, want in (([], "a", 401), ([("x-api-key", KEY)], "a", 200), ([("X-MLflow-Authorization", f"Bearer {KEY}"), ("authorization", "Bearer sk-other")], "a", 200),
                                ([("x-goog-api-key", KEY)], "a", 200), ([("x-api-key", KEY)], "b", 404), ([("x-api-key", KEY + "v")], "a", 403)):
        reply = proxy(daemon, path + "/v1/chat/completions", CHAT, headers)
        assert reply.status == want, (headers, reply.body)
    assert KEY not in str(gateway.up.requests[-1].headers)


def test_an_upstreams_errors(sluice, upstream):
    said = iter([("404 None", {"error": {"message": "no such file", "type": "invalid_request_error"}}), ("429 Slow", {"message": "slow"}), ("401 No", {"error": {"message": "bad key sk-test-secret"}})])
    up = upstream(lambda x: (lambda s, b: x.reply(b, status=s))(*next(said)))
    daemon = sluice({"endpoints": [chat_route(up.base, "gpt", retries=0, passage=["GET /files/*"])]})
    reply = proxy(daemon, "gpt/v1/files/f1", method="GET")
    assert (reply.status, reply.json()) == (404, {"detail": "no such file"})
    reply = proxy(daemon, "gpt/v1/chat/completions", CHAT)
    assert (reply.status, reply.json()) == (429, {"detail": {"message": "slow"}})
    reply = proxy(daemon, "gpt/v1/chat/completions", CHAT)
    assert "sk-test-secret" not in reply.body.decode() and set(reply.json()) == {"detail"}


def test_a_route_named_proxy(gateway, sluice, upstream):
    up = upstream(answer)
    daemon = sluice({"endpoints": [chat_route(up.base, "proxy"), chat_route(up.base, "mlflow")]})
    assert "may lead there" in daemon.stderr
    assert daemon.call("POST", "/gateway/proxy/invocations", {"messages": MESSAGES}).status == 200
    assert proxy(daemon, "mlflow/invocations", {"messages": MESSAGES}).status == 404  # the passage of the route mlflow
    assert proxy(daemon, "proxy/v1/chat/completions", CHAT).status == 200

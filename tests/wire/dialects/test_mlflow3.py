# SPDX-License-Identifier: Apache-2.0
"""MLflow 3's paths: its own call in its form, and the paths for clients of other APIs, whose errors are MLflow's."""
import base64
import json

import anthropic
import openai
import pytest

from harness import CHAT, CHAT_REPLY, chat_route, typed_route

MESSAGES = [{"role": "user", "content": "hello"}]
VECTORS = {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}
CHUNKS = [{"id": "c", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hé"}, "finish_reason": None}]},
          {"id": "c", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
          {"id": "c", "object": "chat.completion.chunk", "created": 7, "model": "m", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 4}}}]
KEY = "sk-sluice-of-a-program-0123456789"


def answer(x):
    body = x.json()
    if body.get("stream"):
        x.stream_head()
        for chunk in CHUNKS[:2] + (CHUNKS[2:] if (body.get("stream_options") or {}).get("include_usage") else []):
            x.event(chunk)
        x.event("[DONE]")
        x.last_chunk()
    else:
        x.reply(VECTORS if x.path.endswith("/embeddings") else CHAT_REPLY)


@pytest.fixture(scope="module")
def gateway(sluice_module, upstream_module):
    up = upstream_module(answer)
    limited = {**chat_route(up.base, "limited"), "limit": {"calls": 1, "renewal_period": "day"}}
    plain = {"name": "plain", "endpoint_type": "llm/v1/chat", "model": {"provider": "groq", "name": "m", "config": {"api_key": "k", "api_base": up.base}}}
    daemon = sluice_module({"endpoints": [chat_route(up.base), typed_route(up.base, "emb", "embeddings"), typed_route(up.base, "comp", "completions"), limited, plain]})
    daemon.up = up
    return daemon


def post(daemon, path, body, headers=()):
    return daemon.call("POST", "/gateway" + path, body, headers)


def detail(reply, status):
    assert reply.status == status and reply.get("content-type") == "application/json" and set(reply.json()) == {"detail"}, reply.body
    assert reply.get("x-mlflow-gateway-duration-ms").isdigit()
    return reply.json()["detail"]


CHAT_WORDS = ('{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt-4o-mini-2024","choices":[{"index":0,"message":{"role":"assistant","content":"hi é",'
              '"tool_calls":null,"refusal":null},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12},"provider":"openai"}')


def test_a_call_is_what_its_shape_says(gateway):
    reply = post(gateway, "/chat/mlflow/invocations", {"messages": MESSAGES, "temperature": 0.5, "x": None}, [("content-type", "text/plain")])
    assert (reply.status, reply.body.decode()) == (200, CHAT_WORDS)
    assert reply.get("x-mlflow-gateway-duration-ms").isdigit() and int(reply.get("x-mlflow-gateway-overhead-duration-ms") or 0) <= int(reply.get("x-mlflow-gateway-duration-ms"))
    assert gateway.up.requests[-1].json() == {"messages": MESSAGES, "temperature": 0.5, "model": "gpt-4o-mini"}
    reply = post(gateway, "/emb/mlflow/invocations", {"input": ["a", "b"]})
    assert reply.status == 200 and reply.json()["data"][0]["embedding"] == [0.5, -1] and list(reply.json()) == ["object", "data", "model", "usage"]
    reply = post(gateway, "/mlflow/v1/chat/completions", CHAT, [("X-MLflow-Gateway-Caller", "judge")])
    assert (reply.status, reply.body.decode()) == (200, CHAT_WORDS)
    assert gateway.up.requests[-1].json() == {**CHAT, "model": "gpt-4o-mini"} and gateway.up.requests[-1].get("x-mlflow-gateway-caller") is None
    assert post(gateway, "/mlflow/v1/embeddings", {"model": "emb", "input": "a"}).json() == VECTORS


def test_a_stream_has_every_field_and_no_done(gateway):
    for path, more in (("/chat/mlflow/invocations", {}), ("/mlflow/v1/chat/completions", {"model": "chat"})):
        reply = post(gateway, path, {"messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}, **more})
        assert reply.status == 200 and reply.get("content-type") == "text/event-stream; charset=utf-8"
        assert reply.body.decode() == (
            'data: {"id":"c","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"finish_reason":null,"delta":{"role":"assistant","content":"hé","tool_calls":null}}],"usage":null,"provider":"openai"}\n\n'
            'data: {"id":"c","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"finish_reason":"stop","delta":{"role":null,"content":null,"tool_calls":null}}],"usage":null,"provider":"openai"}\n\n'
            'data: {"id":"c","object":"chat.completion.chunk","created":7,"model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":4}},"provider":"openai"}\n\n')
        assert reply.get("x-mlflow-gateway-duration-ms").isdigit() and reply.get("x-mlflow-gateway-overhead-duration-ms") is None


FAULTS = [  # path, body, status, the detail or a part of it
    ("/chat/mlflow/invocations", '{"messages": ', 400, "Invalid JSON payload: Expecting value: line 1 column 14 (char 13)"),
    ("/chat/mlflow/invocations", "", 400, "Invalid JSON payload: Expecting value: line 1 column 1 (char 0)"),
    ("/chat/mlflow/invocations", b"\xff", 400, "Invalid JSON payload: the body is not UTF-8"),
    ("/chat/mlflow/invocations", "[1]", 400, "Invalid JSON payload: it must be an object"),
    ("/chat/mlflow/invocations", {"prompt": "x"}, 400, "Invalid request: payload format must be either chat or embeddings"),
    ("/chat/mlflow/invocations", {"messages": []}, 400, "Invalid chat payload: 1 validation error for RequestPayload\nmessages\n  List should have at least 1 item after validation, not 0 [type=too_short, input_value=[], input_type=list]\n    For further information visit https://errors.pydantic.dev/"),
    ("/chat/mlflow/invocations", {"messages": [{"content": "x" * 80}], "temperature": 3}, 400, "Invalid chat payload: 2 validation errors for RequestPayload\ntemperature\n"),
    ("/chat/mlflow/invocations", {"messages": [{"content": "x" * 80}]}, 400, "messages.0.role\n  Field required [type=missing, input_value={'content': 'xxxxxxxxxxxx...xxxxxxxxxxxxxxxxxxxxxx'}, input_type=dict]"),
    ("/chat/mlflow/invocations", {"messages": MESSAGES, "top_p": 1.5, "response_format": {"type": "xml"}, "top_k": 0}, 400, "Invalid chat payload: 3 validation errors"),
    ("/chat/mlflow/invocations", {"messages": MESSAGES, "response_format": {"type": "json_schema", "json_schema": {"name": "a"}}}, 400, "response_format.json_schema.schema\n  Field required"),
    ("/emb/mlflow/invocations", {"input": 5}, 400, "Invalid embeddings payload: "),
    ("/chat/mlflow/invocations", {"messages": MESSAGES, "model": "m"}, 422, "The parameter 'model' is not permitted to be passed. The route being queried already defines a model instance."),
    ("/chat/mlflow/invocations", {"input": "x"}, 400, "Endpoint 'chat' is not an embeddings endpoint: the type of this route is llm/v1/chat."),
    ("/comp/mlflow/invocations", {"messages": MESSAGES}, 400, "Endpoint 'comp' is not a chat endpoint: the type of this route is llm/v1/completions."),
    ("/mlflow/v1/chat/completions", {"messages": MESSAGES}, 400, "Missing required 'model' parameter in request body"),
    ("/mlflow/v1/chat/completions", {"messages": MESSAGES, "model": ""}, 400, "Missing required 'model' parameter in request body"),
    ("/mlflow/v1/chat/completions", {"messages": MESSAGES, "model": 5}, 400, "Missing required 'model' parameter in request body"),
    ("/mlflow/v1/chat/completions", {"messages": 5, "model": "chat"}, 400, "Invalid chat payload: "),
    ("/mlflow/v1/chat/completions", {"messages": MESSAGES, "model": "emb"}, 400, "Endpoint 'emb' is not a chat endpoint"),
    ("/mlflow/v1/embeddings", {"input": "x", "model": "chat"}, 400, "Endpoint 'chat' is not an embeddings endpoint"),
    ("/openai/v1/chat/completions", "{", 400, "JSON"),
    ("/openai/v1/chat/completions", {"messages": MESSAGES}, 400, "model"),
    ("/openai/v1/embeddings", {"input": "x", "model": "chat"}, 400, "Endpoint 'chat' is not an embeddings endpoint"),
    ("/anthropic/v1/messages", {"model": "chat", "max_tokens": 5, "messages": "x"}, 400, "messages"),
]


@pytest.mark.parametrize("path, body, status, said", FAULTS)
def test_every_fault_is_one_text(gateway, path, body, status, said):
    n = len(gateway.up.requests)
    assert said in detail(post(gateway, path, body), status)
    assert len(gateway.up.requests) == n


def test_a_name_that_is_no_route(gateway):
    for path, body in (("/nope/mlflow/invocations", {"messages": MESSAGES}), ("/mlflow/v1/chat/completions", {**CHAT, "model": "nope"}),
                       ("/openai/v1/chat/completions", {**CHAT, "model": "nope"}), ("/anthropic/v1/messages", {**CHAT, "model": "nope", "max_tokens": 5})):
        assert detail(post(gateway, path, body), 404) == {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "GatewayEndpoint not found (name='nope')"}


def test_paths_and_methods_that_are_not_there(gateway):
    for method, path, status in (("GET", "/openai/v1/chat/completions", 405), ("GET", "/chat/mlflow/invocations", 405), ("GET", "/openai/v1/models", 404),
                                 ("GET", "/mlflow/v1/models", 404), ("POST", "/mlflow/v1/completions", 404), ("POST", "/anthropic/v1/messages/count_tokens", 404)):
        reply = gateway.call(method, "/gateway" + path)
        assert (reply.status, reply.json()) == (status, {"detail": {404: "Not Found", 405: "Method Not Allowed"}[status]}), path


def test_limits_are_told_in_mlflows_envelope(gateway):
    assert post(gateway, "/limited/mlflow/invocations", {"messages": MESSAGES}).status == 200
    for path, body in (("/limited/mlflow/invocations", {"messages": MESSAGES}), ("/openai/v1/chat/completions", {**CHAT, "model": "limited"})):
        assert detail(post(gateway, path, body), 429).startswith("Rate limit exceeded: 1 per 1 day")


def test_bytes_of_the_same_language_pass(gateway):
    reply = post(gateway, "/openai/v1/chat/completions", {**CHAT, "x_own": [1.50]})
    assert (reply.status, reply.body) == (200, CHAT_REPLY) and reply.get("x-mlflow-gateway-duration-ms").isdigit()
    assert gateway.up.requests[-1].json() == {**CHAT, "model": "gpt-4o-mini", "x_own": [1.5]}


def test_the_sdks_of_others(gateway):
    client = openai.OpenAI(base_url=gateway.url + "/gateway/openai/v1", api_key="none", max_retries=0)
    assert client.chat.completions.create(model="chat", messages=MESSAGES).choices[0].message.content == "hi é"
    stream = client.chat.completions.create(model="chat", messages=MESSAGES, stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices) == "hé"
    assert client.embeddings.create(model="emb", input="x", encoding_format="float").data[0].embedding == [0.5, -1]
    with pytest.raises(openai.NotFoundError) as fault:
        client.chat.completions.create(model="nope", messages=MESSAGES)
    assert fault.value.body["detail"]["message"] == "GatewayEndpoint not found (name='nope')"
    assert client.responses.create(model="plain", input="hello").output_text == "hi é"
    with client.responses.stream(model="plain", input="hello") as events:
        assert [e.delta for e in events if e.type == "response.output_text.delta"] == ["hé"]
    with pytest.raises(openai.BadRequestError) as fault:
        client.responses.create(model="emb", input="hello")
    assert "not a chat endpoint" in fault.value.body["detail"]
    claude = anthropic.Anthropic(base_url=gateway.url + "/gateway/anthropic", api_key="none", max_retries=0)
    assert claude.messages.create(model="chat", max_tokens=9, messages=MESSAGES).content[0].text == "hi é"
    with claude.messages.stream(model="chat", max_tokens=9, messages=MESSAGES) as events:
        assert "".join(events.text_stream) == "hé"
    with pytest.raises(anthropic.BadRequestError) as fault:
        claude.messages.create(model="emb", max_tokens=9, messages=MESSAGES)
    assert "not a chat endpoint" in fault.value.body["detail"]


def test_geminis_client(gateway):
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    reply = post(gateway, "/gemini/v1beta/models/plain:generateContent", body)
    assert reply.status == 200 and reply.json()["candidates"][0]["content"]["parts"][0]["text"] == "hi é" and reply.get("x-mlflow-gateway-duration-ms").isdigit()
    reply = post(gateway, "/gemini/v1beta/models/plain:streamGenerateContent?alt=sse", body)
    events = [json.loads(e.removeprefix("data: ")) for e in reply.body.decode().replace("\r", "").split("\n\n") if e.startswith("data: ")]
    assert "".join(p.get("text", "") for e in events for c in e.get("candidates", []) for p in c.get("content", {}).get("parts", [])) == "hé"
    assert detail(post(gateway, "/gemini/v1beta/models/nope:generateContent", body), 404)["message"] == "GatewayEndpoint not found (name='nope')"
    assert isinstance(detail(post(gateway, "/gemini/v1beta/models/plain:generateContent", {"contents": 5}), 400), str)


SAID = [  # an upstream's error, and the error that the client gets
    ("429 Slow", "application/json", {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}, 429, "slow down"),
    ("400 Bad", "application/json", {"error": {"message": "no such thing"}}, 400, "no such thing"),
    ("418 Teapot", "application/json", {"message": "tea"}, 418, {"message": "tea"}),
    ("503 Busy", "text/plain", "busy", 503, {"message": "busy"}),
    ("401 No", "application/json", {"error": {"message": "Incorrect API key sk-test-secret"}}, 401, None),
]


@pytest.mark.parametrize("status, kind, body, want, said", SAID)
def test_what_an_upstream_says(sluice, upstream, status, kind, body, want, said):
    up = upstream(lambda x: x.reply(body, status=status, content_type=kind))
    daemon = sluice({"endpoints": [chat_route(up.base, retries=0)]})
    for path, more in (("/chat/mlflow/invocations", {}), ("/mlflow/v1/chat/completions", {"model": "chat"}), ("/openai/v1/chat/completions", {"model": "chat"}),
                       ("/openai/v1/chat/completions", {"model": "chat", "stream": True}), ("/anthropic/v1/messages", {"model": "chat", "max_tokens": 5})):
        told = detail(post(daemon, path, {"messages": MESSAGES, **more}), want)
        assert told == said if said else "sk-test-secret" not in json.dumps(told)


def test_a_stream_that_breaks(sluice, upstream):
    up = upstream(lambda x: (x.stream_head(), x.event(CHUNKS[0]), x.reset()))
    daemon = sluice({"endpoints": [chat_route(up.base, retries=0)]})
    for path, more in (("/chat/mlflow/invocations", {}), ("/openai/v1/chat/completions", {"model": "chat"})):
        reply = post(daemon, path, {"messages": MESSAGES, "stream": True, **more})
        last = reply.body.decode().rstrip("\n").split("\n\n")[-1]
        assert reply.complete and set(json.loads(last.removeprefix("data: "))["error"]) == {"message", "type"} and "[DONE]" not in last


def test_mlflows_own_credential(sluice, upstream):
    up = upstream(answer)
    daemon = sluice({"endpoints": [chat_route(up.base)], "auth": {"keys": [{"name": "k", "key": KEY, "role": "query"}]}})
    basic = "Basic " + base64.b64encode(f"someone:{KEY}".encode()).decode()
    other = ("Authorization", "Bearer sk-ant-of-the-client")
    for path, more in (("/chat/mlflow/invocations", {}), ("/mlflow/v1/chat/completions", {"model": "chat"}), ("/openai/v1/chat/completions", {"model": "chat"}), ("/chat/invocations", {})):
        for own in (f"Bearer {KEY}", basic):
            assert post(daemon, path, {"messages": MESSAGES, **more}, [other, ("X-MLflow-Authorization", own), ("x-api-key", "of-the-client"), ("cookie", "a=b"), ("X-MLFLOW-WORKSPACE", "w")]).status == 200
            sent = {k.lower(): v for k, v in up.requests[-1].headers}
            assert sent["authorization"] == "Bearer sk-test-secret" and not {"x-mlflow-authorization", "x-api-key", "cookie", "x-mlflow-workspace"} & set(sent)
        for elsewhere, own, status in (("sk-sluice-of-who-comes-next", [KEY], 200), ("sk-ant-of-the-client", [KEY, "sk-sluice-another"], 401)):
            headers = [("Authorization", f"Bearer {elsewhere}"), *(("X-MLflow-Authorization", f"Bearer {key}") for key in own)]
            assert post(daemon, path, {"messages": MESSAGES, **more}, headers).status == status
        assert post(daemon, path, {"messages": MESSAGES, **more}, [other]).status == 401
        assert post(daemon, path, {"messages": MESSAGES, **more}, [("X-MLflow-Authorization", "Bearer nobody's")]).status == 401
    assert daemon.call("POST", "/v1/chat/completions", CHAT, [("X-MLflow-Authorization", f"Bearer {KEY}")]).status == 401

# SPDX-License-Identifier: Apache-2.0
"""Real clients on a route to Anthropic: nothing of theirs is changed; the upstream is scripted."""
import json

import mlflow.gateway
import openai
import pytest

from harness import SANITIZED

MODEL = "claude-sonnet-4-5-20250929"
MESSAGES = [{"role": "user", "content": "hello"}]
TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
USAGE = {"input_tokens": 3, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 7, "output_tokens": 5}


def route(base, name="claude", kind="chat", provider="anthropic", key="anthropic_api_key", **more):
    return {"name": name, "endpoint_type": f"llm/v1/{kind}",
            "model": {"provider": provider, "name": MODEL, "config": {key: "sk-ant-upstream-test", f"{provider}_api_base": base}}, "sluice": {"retries": 0}, **more}


def message(*content, stop="end_turn"):
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": list(content), "stop_reason": stop, "stop_sequence": None, "usage": USAGE}


def stream(x, *events, end=True):
    x.stream_head(headers=[("request-id", "req_up")])
    for e in events:
        x.chunk(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n")
    if end:
        x.last_chunk()


def delta(index, **d):
    return {"type": "content_block_delta", "index": index, "delta": d}


START = {"type": "message_start", "message": message(stop=None)}
TEXT = [{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, delta(0, type="text_delta", text="I "),
        delta(0, type="text_delta", text="look."), {"type": "content_block_stop", "index": 0}]
TOOL = [{"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}},
        delta(1, type="input_json_delta", partial_json='{"city": '), delta(1, type="input_json_delta", partial_json='"Oslo"}'), {"type": "content_block_stop", "index": 1}]
END = [{"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": {"output_tokens": 9}}, {"type": "message_stop"}]


def client_of(daemon, **kwargs):
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="gw-client-key", max_retries=0, **kwargs)


def test_openai_client_uses_tools(sluice, upstream):
    def handler(x):
        assert x.path == "/v1/messages" and x.get("x-api-key") == "sk-ant-upstream-test" and b"gw-client-key" not in x.head + x.body
        if x.json()["messages"][-1]["content"] == "hello":
            x.reply(message({"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}}, stop="tool_use"), headers=[("request-id", "req_up")])
        else:
            assert x.json()["messages"][1]["content"] == [{"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}}]
            assert x.json()["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "snow"}]
            x.reply(message({"type": "text", "text": "Take a coat."}))

    up = upstream(handler)
    client = client_of(sluice({"endpoints": [route(up.base)]}))
    raw = client.chat.completions.with_raw_response.create(model="claude", messages=MESSAGES, tools=TOOLS, seed=1)
    first = raw.parse()
    assert raw.headers["x-sluice-dropped"] == "seed" and raw.headers["x-sluice-upstream-request-id"] == "req_up"
    call = first.choices[0].message.tool_calls[0]
    assert first.choices[0].finish_reason == "tool_calls" and json.loads(call.function.arguments) == {"city": "Oslo"}
    assert first.usage.prompt_tokens == 10 and first.usage.prompt_tokens_details.cached_tokens == 7
    again = client.chat.completions.create(model="claude", tools=TOOLS,
                                           messages=[*MESSAGES, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "snow"}])
    assert again.choices[0].message.content == "Take a coat."


def test_openai_client_streams_tools(sluice, upstream):
    up = upstream(lambda x: stream(x, START, *TEXT, *TOOL, *END))
    client = client_of(sluice({"endpoints": [route(up.base)]}))
    with client.beta.chat.completions.stream(model="claude", messages=MESSAGES, tools=TOOLS, stream_options={"include_usage": True}) as s:
        text = "".join(e.delta for e in s if e.type == "content.delta")
        final = s.get_final_completion()
    assert text == "I look." == final.choices[0].message.content
    assert final.choices[0].finish_reason == "tool_calls" and final.usage.completion_tokens == 9
    assert json.loads(final.choices[0].message.tool_calls[0].function.arguments) == {"city": "Oslo"}
    assert up.requests[0].json()["stream"] is True


def test_openai_client_sees_its_exceptions(sluice, upstream):
    answers = {}

    def handler(x):
        status, kind = answers["next"]
        x.reply({"type": "error", "error": {"type": kind, "message": "because"}}, f"{status} X", headers=[("retry-after", "9")])

    up = upstream(handler)
    daemon = sluice({"endpoints": [route(up.base), route(up.base, "emb", "embeddings")]})
    client = client_of(daemon)
    for status, kind, exception in ((400, "invalid_request_error", openai.BadRequestError), (404, "not_found_error", openai.NotFoundError),
                                    (413, "request_too_large", openai.APIStatusError), (429, "rate_limit_error", openai.RateLimitError),
                                    (500, "api_error", openai.InternalServerError), (529, "overloaded_error", openai.InternalServerError),
                                    (401, "authentication_error", openai.InternalServerError)):
        answers["next"] = (status, kind)
        with pytest.raises(exception) as e:
            client.chat.completions.create(model="claude", messages=MESSAGES)
        if status == 429:
            assert e.value.response.headers["retry-after"] == "9" and "because" in e.value.message
    with pytest.raises(openai.BadRequestError) as e:
        client.chat.completions.create(model="claude", messages=MESSAGES, n=2)
    assert e.value.param == "n"
    with pytest.raises(openai.BadRequestError, match="embeddings route is not implemented for Anthropic models"):
        client.embeddings.create(model="emb", input="x")
    r = daemon.call("POST", "/gateway/emb/invocations", {"input": "x"})
    assert (r.status, r.json()) == (501, {"detail": "The embeddings route is not implemented for Anthropic models."})


def test_error_inside_a_stream(sluice, upstream):
    up = upstream(lambda x: stream(x, START, *TEXT[:2], {"type": "error", "error": {"type": "overloaded_error", "message": "too much"}}))
    daemon = sluice({"endpoints": [route(up.base)]})
    seen = []
    with pytest.raises(openai.APIError, match="too much"):
        for chunk in client_of(daemon).chat.completions.create(model="claude", messages=MESSAGES, stream=True, extra_headers={"x-request-id": "err-1"}):
            seen.append(chunk)
    assert seen[-1].choices[0].delta.content == "I "
    assert daemon.log_line("err-1")["error_type"] == "provider_overloaded"


def test_a_stream_that_stops_early_is_no_answer(sluice, upstream):
    up = upstream(lambda x: stream(x, START, *TEXT))
    with pytest.raises(openai.APIError, match="before its end"):
        list(client_of(sluice({"endpoints": [route(up.base)]})).chat.completions.create(model="claude", messages=MESSAGES, stream=True))


def test_events_are_not_held_back(sluice, upstream):
    def handler(x):
        handler.exchange = x
        stream(x, START, *TEXT[:2], end=False)

    up = upstream(handler)
    client = client_of(sluice({"endpoints": [route(up.base)]}))
    chunks = iter(client.chat.completions.create(model="claude", messages=MESSAGES, stream=True))
    next(chunks)
    assert next(chunks).choices[0].delta.content == "I "  # the upstream has sent no more yet
    for e in (*TEXT[2:], *END):
        handler.exchange.chunk(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n")
    handler.exchange.last_chunk()
    assert next(chunks).choices[0].delta.content == "look."
    assert [c.choices[0].finish_reason for c in chunks][-1] == "tool_calls"


def test_usage_is_logged_without_being_asked_for(sluice, upstream):
    up = upstream(lambda x: stream(x, START, *TEXT, *END))
    daemon = sluice({"endpoints": [route(up.base)]})
    chunks = list(client_of(daemon).chat.completions.create(model="claude", messages=MESSAGES, stream=True, extra_headers={"x-request-id": "use-1"}))
    assert all(c.usage is None for c in chunks)
    line = daemon.log_line("use-1")
    assert (line["input_tokens"], line["output_tokens"]) == (10, 9)


def test_mlflow_client(sluice, upstream):
    def handler(x):
        if x.path == "/v1/messages":
            x.reply(message({"type": "text", "text": " done" if x.json()["messages"] == [{"role": "user", "content": "x"}] else "hi"}))
        else:
            assert x.json()["model"] == "claude-2.1"
            x.reply({"type": "completion", "completion": " older", "stop_reason": "stop_sequence", "model": "claude-2.1"})

    up = upstream(handler)
    older = route(up.base, "older", "completions")
    older["model"]["name"] = "claude-2.1"
    ai21 = route(up.base, "ai21", "chat", "ai21labs", "ai21labs_api_key")
    ai21["model"]["name"] = "j2-mid"
    daemon = sluice({"endpoints": [route(up.base), route(up.base, "old", "completions"), older, ai21]})
    mlflow.gateway.set_gateway_uri(daemon.url)
    assert mlflow.gateway.get_route("claude").model.provider == "anthropic"
    reply = mlflow.gateway.query("claude", {"messages": MESSAGES, "temperature": 1})
    assert reply["choices"][0]["message"]["content"] == "hi" and reply["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert up.requests[0].json() == {"model": MODEL, "max_tokens": 64000, "temperature": 0.5, "messages": MESSAGES}
    assert mlflow.gateway.query("old", {"prompt": "x"})["choices"][0]["text"] == " done"
    assert mlflow.gateway.query("older", {"prompt": "x"})["choices"][0]["text"] == " older"
    r = daemon.call("POST", "/gateway/ai21/invocations", {"messages": MESSAGES})
    assert (r.status, r.json()) == (501, {"detail": "The chat route is not implemented for AI21Labs models."})
    r = daemon.call("POST", "/gateway/ai21/invocations", {"messages": MESSAGES, "stream": True})
    assert r.status == 501


@pytest.mark.skipif(SANITIZED, reason="memory is measured in the release build")
def test_a_huge_request_leaves_no_memory_behind(sluice, upstream):
    up = upstream(lambda x: x.reply(message({"type": "text", "text": "ok"})))
    daemon = sluice({"endpoints": [route(up.base)], "server": {"workers": 1}})
    small = json.dumps({"model": "claude", "messages": MESSAGES})
    huge = json.dumps({"model": "claude", "messages": MESSAGES * 60000}).encode()
    assert daemon.call("POST", "/v1/chat/completions", small).status == 200
    before = daemon.rss()
    for _ in range(3):
        r = daemon.call("POST", "/v1/chat/completions", huge)
        assert r.status == 200 and len(up.requests[-1].json()["messages"]) == 60000
    assert daemon.call("POST", "/v1/chat/completions", small).status == 200
    assert daemon.rss() - before < 4 << 20
    assert daemon.call("POST", "/v1/chat/completions", b'{"model":"claude","messages":[' + b"1," * 2000000 + b"1]}").status == 400


@pytest.mark.parametrize("provider", ["anthropic", "openai"])
def test_a_whole_reply_to_a_stream(sluice, upstream, provider):
    """The upstream does not stream, but a client that asked for a stream gets one."""
    whole = message({"type": "text", "text": "I look."}, {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}}, stop="tool_use")
    chat = {"id": "msg_1", "object": "chat.completion", "created": 1, "model": MODEL,
            "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": "I look.", "tool_calls": [
                {"id": "toolu_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}}]}}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}
    up = upstream(lambda x: x.reply(whole if provider == "anthropic" else chat))
    daemon = sluice({"endpoints": [route(up.base, provider=provider, key=f"{provider}_api_key")]})
    if provider == "anthropic":
        with client_of(daemon).beta.chat.completions.stream(model="claude", messages=MESSAGES, tools=TOOLS, stream_options={"include_usage": True}) as s:
            final = s.get_final_completion()
        assert final.choices[0].message.content == "I look." and final.usage.total_tokens == 15
        assert json.loads(final.choices[0].message.tool_calls[0].function.arguments) == {"city": "Oslo"}
    r = daemon.call("POST", "/gateway/claude/invocations", {"messages": MESSAGES, "stream": True})
    events = [json.loads(e[6:]) for e in r.body.decode().split("\n\n") if e]
    assert r.get("content-type").startswith("text/event-stream")
    assert "".join(e["choices"][0]["delta"]["content"] or "" for e in events) == "I look."
    assert events[-1]["choices"][0]["finish_reason"] is not None

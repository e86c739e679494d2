# SPDX-License-Identifier: Apache-2.0
"""A strict Cohere, with OpenAI's client over several turns; and bad replies."""
import json

import openai
import pytest

from cohere_fake import Cohere

TOOLS = [{"type": "function", "function": {"name": n, "description": "d", "strict": True, **p}} for n, p in (
    ("get-weather", {"parameters": {"type": "object", "properties": {"city": {"type": "string", "minLength": 1}}, "required": ["city"]}}), ("now", {}))]
MODEL = "command-a-03-2025"


def start(sluice, upstream, handler, model=MODEL):
    base = upstream(handler).base.removesuffix("/v1") + "/v2"
    daemon = sluice({"endpoints": [{"name": "c", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
                                    "model": {"provider": "cohere", "name": model, "config": {"cohere_api_key": "k", "cohere_api_base": base}}}]})
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0), daemon


def turn(client, messages, stream, **more):
    """The assistant's message as a client keeps it."""
    if not stream:
        return client.chat.completions.create(model="c", messages=messages, **more).choices[0].message.model_dump(exclude_none=True)
    message, calls = {"role": "assistant", "content": ""}, []
    for chunk in client.chat.completions.create(model="c", messages=messages, stream=True, **more):
        delta = chunk.choices[0].delta.model_dump(exclude_none=True)
        message["content"] += delta.get("content", "")
        for call in delta.get("tool_calls", []):
            if call["index"] == len(calls):
                calls.append({k: v for k, v in call.items() if k != "index"})
            else:
                calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
    return {**message, **({"tool_calls": calls} if calls else {})}


def call(n, name, args):
    return {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(args)}}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", [MODEL, "command-a-reasoning-08-2025"])
def test_tools_over_several_turns(sluice, upstream, model, stream):
    fake = Cohere([{"content": [{"type": "text", "text": "ok"}]}])
    client, _ = start(sluice, upstream, fake, model)
    turn(client, [{"role": "user", "content": "x"}], stream, tools=TOOLS)
    name = fake.bodies[-1]["tools"][0]["function"]["name"]  # its own name has a hyphen
    thought = [{"type": "thinking", "thinking": "Hm."}] if "reasoning" in model else []
    fake.plan = [{"content": thought, "tool_plan": "I look.", "tool_calls": [call(1, name, {"city": "Oslo"}), call(2, "now", {})]},
                 {"tool_calls": [call(3, name, {"city": "Rome"})]}, {"content": [*thought, {"type": "text", "text": "Cold."}]}, {"content": [{"type": "text", "text": "Bye."}]}]
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Weather?"}]
    for _ in range(3):
        message = turn(client, messages, stream, tools=TOOLS, reasoning_effort="low", temperature=0.7, presence_penalty=-0.5)
        messages.append(message)
        for tool in reversed(message.get("tool_calls", [])):
            assert tool["function"]["name"] in ("get-weather", "now")
            messages.append({"role": "tool", "tool_call_id": tool["id"], "content": json.dumps({"for": tool["function"]["name"]})})
    messages += [{"role": "user", "content": ""}, {"role": "user", "content": "Thanks"}]
    assert turn(client, messages, stream, tools=TOOLS)["content"] == "Bye."
    last = fake.bodies[-1]["messages"]
    assert [m["role"] for m in last] == ["system", "user", "assistant", "tool", "tool", "assistant", "tool", "assistant", "user"]
    assert last[2]["tool_plan"] == "I look." and [c["id"] for c in last[2]["tool_calls"]] == ["c1", "c2"]


def test_schemas_are_cast(sluice, upstream):
    fake = Cohere([{"content": [{"type": "text", "text": "{}"}]}])
    client, _ = start(sluice, upstream, fake)
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "minLength": 2}, "b": {"type": "array", "items": {"type": "integer", "minimum": 1}, "maxItems": 3}}}
    client.chat.completions.create(model="c", messages=[{"role": "system", "content": "only this"}], response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}})
    assert "minLength: 2" in fake.bodies[0]["response_format"]["json_schema"]["properties"]["a"]["description"]


def test_citations_are_named(sluice, upstream):
    fake = Cohere([{"content": [{"type": "text", "text": "Hi"}], "citations": [{"start": 0, "end": 2, "text": "Hi", "sources": [{"type": "document", "id": "d"}]}]}])
    client, _ = start(sluice, upstream, fake)
    raw = client.chat.completions.with_raw_response.create(model="c", messages=[{"role": "user", "content": "x"}], user="u", extra_body={"documents": ["d"]})
    assert raw.headers["x-sluice-dropped"] == "user,reply.citations" and fake.bodies[0]["documents"] == ["d"]


@pytest.mark.parametrize("body", [b"<html>", b'{"id":"x","message":{"content":[{"te', b"[]", b"{}", b"null", b'{"finish_reason":"ERROR","message":{"role":"assistant"}}'])
def test_bad_replies_are_bad_replies(sluice, upstream, body):
    _, daemon = start(sluice, upstream, lambda x: x.reply(body))
    r = daemon.call("POST", "/v1/chat/completions", {"model": "c", "messages": [{"role": "user", "content": "x"}]})
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_bad_response", r.body


def test_an_error_under_200_is_an_error(sluice, upstream):
    _, daemon = start(sluice, upstream, lambda x: x.reply({"message": "odd"}))
    r = daemon.call("POST", "/v1/chat/completions", {"model": "c", "messages": [{"role": "user", "content": "x"}]})
    assert (r.status, r.get("x-sluice-error-type"), r.json()["error"]["message"]) == (502, "provider_server_error", "odd")


@pytest.mark.parametrize("last", [None, {"type": "message-end", "delta": {"finish_reason": "ERROR"}}, {"message": "too many"},
                                  {"type": "tool-call-delta", "index": 3, "delta": {"message": {"tool_calls": {"function": {"arguments": "x"}}}}}],
                         ids=["no_end", "fault_without_an_answer", "error_as_a_body", "piece_of_no_call"])
def test_broken_streams_are_errors(sluice, upstream, last):
    def half(x):
        x.stream_head()
        for event in filter(None, [{"type": "message-start", "id": "r"}, last]):
            x.event(event)
        x.last_chunk()

    client, _ = start(sluice, upstream, half)
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="c", messages=[{"role": "user", "content": "x"}], stream=True))

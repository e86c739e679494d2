# SPDX-License-Identifier: Apache-2.0
"""A strict Gemini, with OpenAI's client over several turns; and bad replies."""
import json

import openai
import pytest

from gemini_fake import Gemini

TOOLS = [{"type": "function", "function": {"name": n, "description": "d", "parameters": p}} for n, p in (
    ("get weather", {"type": "object", "properties": {"city": {"type": "string", "minLength": 1, "pattern": "^[A-Z]"}}, "required": ["city"]}),
    ("now", {"type": "object", "properties": {}}))]


def start(sluice, upstream, plan, model):
    fake = Gemini(plan)
    up = upstream(fake)
    base = up.base.removesuffix("/v1") + "/v1beta"
    daemon = sluice({"endpoints": [{"name": "g", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
                                    "model": {"provider": "gemini", "name": model, "config": {"gemini_api_key": "AIza-x", "gemini_api_base": base}}}]})
    return fake, openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0), daemon


def turn(client, messages, stream):
    """The assistant's message as a client keeps it."""
    if not stream:
        return client.chat.completions.create(model="g", messages=messages, tools=TOOLS).choices[0].message.model_dump(exclude_none=True)
    message, calls = {"role": "assistant", "content": ""}, []
    for chunk in client.chat.completions.create(model="g", messages=messages, tools=TOOLS, stream=True):
        delta = chunk.choices[0].delta.model_dump(exclude_none=True)
        message["content"] += delta.get("content", "")
        for call in delta.get("tool_calls", []):
            if call["index"] == len(calls):
                calls.append({k: v for k, v in call.items() if k != "index"})
            else:
                calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
    return {**message, **({"tool_calls": calls} if calls else {})}


@pytest.mark.parametrize("ids", [True, False], ids=["ids", "no_ids"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["gemini-3-pro-preview", "gemini-2.5-flash"])
def test_tools_over_several_turns(sluice, upstream, model, stream, ids):
    def call(n, name, args, sig=None):
        return {"functionCall": {"name": name, "args": args, **({"id": f"c{n}"} if ids else {})}, **({"thoughtSignature": sig} if sig else {})}

    signs = model.startswith("gemini-3")
    fake, client, _ = start(sluice, upstream, [], model)
    first = turn_names(fake, client)
    fake.plan = [[call(1, first, {"city": "Oslo"}, "czE=" if signs else None), call(2, "now", {})], [call(3, first, {"city": "Rome"}, "czI=" if signs else None)], [{"text": "Cold."}],
                 [{"text": "Bye."}]]
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Weather?"}]
    for _ in range(3):
        message = turn(client, messages, stream)
        messages.append(message)
        for tool in reversed(message.get("tool_calls", [])):  # results may come in another order than their calls
            assert tool["function"]["name"] in ("get weather", "now")
            json.loads(tool["function"]["arguments"])
            messages.append({"role": "tool", "tool_call_id": tool["id"], "content": json.dumps({"for": tool["function"]["name"]})})
    messages += [{"role": "user", "content": ""}, {"role": "user", "content": "Thanks"}]
    assert turn(client, messages, stream)["content"] == "Bye." and len({t["id"] for m in messages for t in m.get("tool_calls", [])}) == 3
    last = fake.bodies[-1]["contents"]
    assert [c["role"] for c in last] == ["user", "model", "user", "model", "user", "model", "user"]
    if signs:
        assert last[1]["parts"][0]["thoughtSignature"] == "czE=" and last[3]["parts"][0]["thoughtSignature"] == "czI="


def turn_names(fake, client):
    """The name of the first tool in the upstream's request: its own name has a blank."""
    fake.plan = [[{"text": "ok"}]]
    client.chat.completions.create(model="g", messages=[{"role": "user", "content": "x"}], tools=TOOLS)
    declarations = fake.bodies[-1]["tools"][0]["functionDeclarations"]
    assert "parametersJsonSchema" not in declarations[1]
    return declarations[0]["name"]


@pytest.mark.parametrize("messages", [
    [{"role": "system", "content": "only this"}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "b"}],
    [{"role": "user", "content": "a"}, {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "b"}]}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "x", "type": "function", "function": {"name": "now", "arguments": ""}}]},
     {"role": "tool", "tool_call_id": "x", "content": ""}],
], ids=["system_only", "empty_answer", "empty_part", "lost_signature"])
def test_what_openai_allows_gets_through(sluice, upstream, messages):
    fake, client, _ = start(sluice, upstream, [[{"text": "ok"}]], "gemini-3-pro-preview")
    assert client.chat.completions.create(model="g", messages=messages, tools=TOOLS).choices[0].message.content == "ok"


@pytest.mark.parametrize("model", ["gemini-2.0-flash", "gemini-2.5-flash"])
def test_schemas_are_cast(sluice, upstream, model):
    fake, client, _ = start(sluice, upstream, [[{"text": "{}"}]], model)
    schema = {"$schema": "x", "type": "object", "additionalProperties": False, "required": ["a"], "properties": {
        "a": {"type": ["string", "null"], "minLength": 2}, "b": {"$ref": "#/$defs/B"}, "c": {"const": 3}}, "$defs": {"B": {"type": "integer", "minimum": 1}}}
    if model == "gemini-2.5-flash":
        del schema["properties"]["c"]["const"]
        schema["properties"]["c"]["type"] = "integer"
    client.chat.completions.create(model="g", messages=[{"role": "user", "content": "x"}], reasoning_effort="low", max_tokens=100000,
                                   response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}})
    assert len(fake.bodies) == 1


@pytest.mark.parametrize("body", [b"<html>", b'{"candidates":[{"content":{"parts":[{"te', b"[]", b'{"candidates":[]}', b'{"candidates":7}', b"null",
                                  b'{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}', b'{"candidates":[{"index":99,"content":{"parts":[]}}]}'])
def test_bad_replies_are_bad_replies(sluice, upstream, body):
    _, _, daemon = start(sluice, upstream, [], "gemini-2.5-flash")
    other = upstream(lambda x: x.reply(body))
    daemon = sluice({"endpoints": [{"name": "g", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
                                    "model": {"provider": "gemini", "name": "m", "config": {"gemini_api_key": "AIza-x", "gemini_api_base": other.base}}}]})
    r = daemon.call("POST", "/v1/chat/completions", {"model": "g", "messages": [{"role": "user", "content": "x"}]})
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_bad_response", r.body


def test_a_list_is_read_as_a_stream(sluice, upstream):
    """The reply through a proxy that drops `alt=sse`."""
    part = lambda t, f=None: {"candidates": [{"content": {"parts": [{"text": t}]}, **({"finishReason": f} if f else {})}]}
    other = upstream(lambda x: x.reply([part("He"), part("llo", "STOP")]))
    daemon = sluice({"endpoints": [{"name": "g", "endpoint_type": "llm/v1/chat",
                                    "model": {"provider": "gemini", "name": "m", "config": {"gemini_api_key": "AIza-x", "gemini_api_base": other.base}}}]})
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="k")
    chunks = list(client.chat.completions.create(model="g", messages=[{"role": "user", "content": "x"}], stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Hello" and chunks[-1].choices[0].finish_reason == "stop"


def test_a_stream_without_its_end_is_broken(sluice, upstream):
    def half(x):
        x.stream_head()
        x.event({"candidates": [{"content": {"parts": [{"text": "He"}]}}]})
        x.last_chunk()

    other = upstream(half)
    daemon = sluice({"endpoints": [{"name": "g", "endpoint_type": "llm/v1/chat",
                                    "model": {"provider": "gemini", "name": "m", "config": {"gemini_api_key": "AIza-x", "gemini_api_base": other.base}}}]})
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="k")
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="g", messages=[{"role": "user", "content": "x"}], stream=True))


def test_what_is_beside_the_text(sluice, upstream):
    """Images become texts, and probabilities become OpenAI's; other members are named."""
    candidate = {"content": {"parts": [{"text": "A"}, {"inlineData": {"mimeType": "image/png", "data": "iVBO"}}, {"executableCode": {"language": "PYTHON", "code": "1"}}]},
                 "finishReason": "STOP", "groundingMetadata": {"webSearchQueries": ["q"]},
                 "logprobsResult": {"chosenCandidates": [{"token": "A", "tokenId": 1, "logProbability": -0.5}],
                                    "topCandidates": [{"candidates": [{"token": "A", "logProbability": -0.5}, {"token": "B", "logProbability": -1.5}]}]}}
    other = upstream(lambda x: x.reply({"candidates": [candidate]}))
    daemon = sluice({"endpoints": [{"name": "g", "endpoint_type": "llm/v1/chat",
                                    "model": {"provider": "gemini", "name": "m", "config": {"gemini_api_key": "AIza-x", "gemini_api_base": other.base}}}]})
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="k")
    raw = client.chat.completions.with_raw_response.create(model="g", messages=[{"role": "user", "content": "x"}], logprobs=True, top_logprobs=2, user="u")
    choice = raw.parse().choices[0]
    assert raw.headers["x-sluice-dropped"] == "user,reply.groundingMetadata,reply.parts"
    assert choice.message.content == "A![image](data:image/png;base64,iVBO)"
    assert choice.logprobs.content[0].logprob == -0.5 and [t.token for t in choice.logprobs.content[0].top_logprobs] == ["A", "B"]

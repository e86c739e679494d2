# SPDX-License-Identifier: Apache-2.0
"""The provider mock calls tools, thinks and refuses on demand, so that a client's loop can be tried without a key."""
import json

import openai
import pytest

from test_mock import config, events, user


def tool(name):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}


CONFIG = config(template="It is {message}", chunk_size=3,
                tools=[{"name": "weather", "arguments": {"city": "Zürich", "days": 2, "deep": [True, None]}}, {"name": "time"}, {"name": "raw", "arguments": "{not json"}])


@pytest.fixture(scope="module")
def daemon(sluice_module):
    return sluice_module(CONFIG)


@pytest.fixture(scope="module")
def client(daemon):
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="none", max_retries=0)


def stream_message(client, **call):
    """The assistant's message of a stream, joined as by the SDK's own helper."""
    with client.chat.completions.stream(**call) as stream:
        for _ in stream:
            pass
        return stream.get_final_completion().choices[0]


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_tool_loop_ends(client, is_stream):
    messages = [{"role": "user", "content": "what is the weather"}]
    calls = []
    for turn in range(5):
        body = {"model": "chat", "messages": messages, "tools": [tool("weather"), tool("time")]}
        choice = stream_message(client, **body) if is_stream else client.chat.completions.create(**body).choices[0]
        message = choice.message
        if choice.finish_reason != "tool_calls":
            break
        assert not message.content
        messages.append(message.to_dict() if is_stream else message)
        for call in message.tool_calls:
            calls.append((call.function.name, json.loads(call.function.arguments)))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
        if is_stream:
            for call in messages[-1 - len(message.tool_calls)]["tool_calls"]:
                call["function"].pop("parsed_arguments", None)
            messages[-1 - len(message.tool_calls)].pop("parsed", None)
    assert turn == 1 and choice.finish_reason == "stop" and message.content == "It is what is the weather"
    assert calls == [("weather", {"city": "Zürich", "days": 2, "deep": [True, None]}), ("time", {})]


@pytest.mark.parametrize("more, names", [
    ({}, None),
    ({"tools": [tool("other")]}, None),
    ({"tools": [tool("time")]}, ["time"]),
    ({"tools": [tool("time"), tool("weather")]}, ["weather", "time"]),
    ({"tools": [tool("time"), tool("weather")], "parallel_tool_calls": False}, ["weather"]),
    ({"tools": [tool("time"), tool("weather")], "tool_choice": "none"}, None),
    ({"tools": [tool("time"), tool("weather")], "tool_choice": "auto"}, ["weather", "time"]),
    ({"tools": [tool("time"), tool("weather")], "tool_choice": "required"}, ["weather", "time"]),
    ({"tools": [tool("time"), tool("weather")], "tool_choice": {"type": "function", "function": {"name": "time"}}}, ["time"]),
    ({"tools": [tool("raw")]}, ["raw"]),
    ({"tools": [tool("time")], "n": 128}, ["time"]),
])
@pytest.mark.parametrize("is_stream", [False, True])
def test_what_is_called(daemon, more, names, is_stream):
    r = daemon.call("POST", "/v1/chat/completions", user("x", stream=is_stream, **more))
    assert r.status == 200, r.body[:300]
    if not is_stream:
        for choice in r.json()["choices"]:
            calls = choice["message"].get("tool_calls")
            assert (calls and [c["function"]["name"] for c in calls]) == names
            assert choice["finish_reason"] == ("tool_calls" if names else "stop")
            assert calls is None or len({c["id"] for c in calls}) == len(calls)
        return
    chunks = [c for e in events(r) for c in e["choices"] if c["index"] == 0]
    started = [c["function"]["name"] for e in chunks for c in e["delta"].get("tool_calls", []) if "id" in c]
    assert (started or None) == names and chunks[-1]["finish_reason"] == ("tool_calls" if names else "stop")
    arguments = "".join(c["function"]["arguments"] for e in chunks for c in e["delta"].get("tool_calls", []) if c["index"] == 0)
    if names == ["raw"]:
        assert arguments == "{not json"


def test_mlflows_path_calls_tools_too(daemon):
    body = {"messages": [{"role": "user", "content": "x"}], "tools": [tool("time")]}
    r = daemon.call("POST", "/gateway/chat/invocations", body)
    assert r.status == 200, r.body
    choice = r.json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["tool_calls"][0]["function"] == {"name": "time", "arguments": "{}"}
    r = daemon.call("POST", "/gateway/chat/invocations", {**body, "stream": True})
    chunks = [json.loads(part[6:]) for part in r.body.decode().split("\n\n") if part.startswith("data: {")]
    calls = [c for e in chunks for k in e["choices"] for c in k["delta"].get("tool_calls") or []]
    assert calls[0]["function"]["name"] == "time" and "".join(c["function"].get("arguments") or "" for c in calls) == "{}"


@pytest.mark.parametrize("mock, message, thought", [
    ({"reasoning": "let me think"}, {"content": "You said: x", "refusal": None}, "let me think"),
    ({"refusal": "I will not"}, {"content": None, "refusal": "I will not"}, None),
    ({"refusal": "no", "reasoning": "why not"}, {"content": None, "refusal": "no"}, "why not"),
])
def test_thoughts_and_refusals(sluice, mock, message, thought):
    daemon = sluice(config(chunk_size=2, **mock))
    body = daemon.call("POST", "/v1/chat/completions", user("x")).json()
    got = body["choices"][0]["message"]
    assert {k: got[k] for k in message} == message and got.get("reasoning_content") == thought
    thought_tokens = (len(thought or "") + 3) // 4
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == thought_tokens
    assert body["usage"]["completion_tokens"] == thought_tokens + (len(message["content"] or message["refusal"]) + 3) // 4
    chunks = [c["delta"] for e in events(daemon.call("POST", "/v1/chat/completions", user("x", stream=True))) for c in e["choices"]]
    for key, want in (("content", message["content"]), ("refusal", message["refusal"]), ("reasoning_content", thought)):
        assert ("".join(d.get(key) or "" for d in chunks) or None) == want


@pytest.mark.parametrize("mock, said", [({"tools": {"name": "f"}}, "must be a list"), ({"tools": ["f"]}, "must be a map"), ({"tools": [{"arguments": {}}]}, "name"),
                                        ({"tools": [{"name": "f", "arguments": 5}]}, "must be a map, or"), ({"tools": [{"name": "f", "argumens": {}}]}, "arguments"),
                                        ({"tools": [{"name": "f", "arguments": [1]}]}, "must be a map, or"), ({"tools": [{"name": "f"}] * 17}, "at most 16"),
                                        ({"reasoning": []}, "reasoning"), ({"refusal": {"a": 1}}, "refusal"), ({"reason": "x"}, "reasoning")])
def test_settings_are_checked(tmp_path, mock, said):
    from test_mock import test_settings_are_checked as check
    check(tmp_path, mock, said)


def test_a_route_made_by_a_call(sluice, tmp_path):
    daemon = sluice({"endpoints": []}, args=["--data", str(tmp_path / "data")])
    model = {"name": "m", "provider": "mock", "config": {"tools": [{"name": "f", "arguments": {"a": 1}}], "reasoning": "hm"}}
    r = daemon.call("POST", "/api/2.0/gateway/routes/", {"name": "made", "route_type": "llm/v1/chat", "model": model})
    assert r.status == 200, r.body
    body = {"model": "made", "messages": [{"role": "user", "content": "x"}], "tools": [tool("f")]}
    message = daemon.call("POST", "/v1/chat/completions", body).json()["choices"][0]["message"]
    assert message["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'} and message["reasoning_content"] == "hm"
    assert daemon.call("GET", "/api/sluice/v1/routes/made").json()["model"]["config"] == model["config"]

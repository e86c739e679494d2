# SPDX-License-Identifier: Apache-2.0
"""Anthropic's own client at /v1/messages, against strict upstreams of its own language and of others."""
import json

import anthropic
import pytest

from gemini_fake import Gemini
from responses_fake import Responses
from strict_anthropic import StrictAnthropic
from strict_openai import StrictOpenAI
from test_form_family import TOOL_USERS, Lab
from upstream import Upstream

MODEL = "claude-sonnet-4-5"
TOOL = {"name": "f", "description": "adds", "input_schema": {"type": "object", "properties": {"n": {"type": "integer"}}}}


def claude_route(base, name="claude"):
    return {"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
            "model": {"provider": "anthropic", "name": MODEL, "config": {"anthropic_api_key": "sk-ant-up", "anthropic_api_base": base}}}


def claude_answer(body):
    """Calls a tool until three results are there."""
    results = [b["content"] for m in body["messages"] if isinstance(m["content"], list) for b in m["content"] if b["type"] == "tool_result"]
    if body.get("tools") and len(results) < 3:
        return [{"type": "text", "text": "so"}, {"type": "tool_use", "id": f"toolu_{len(results)}", "name": "f", "input": {"n": len(results)}}], "tool_use"
    return [{"type": "text", "text": str(len(results))}], "end_turn"


def openai_answer(body):
    results = [m["content"] for m in body["messages"] if m["role"] == "tool"]
    if body.get("tools") and len(results) < 3:
        call = {"id": f"call{len(results):05d}", "type": "function", "function": {"name": "f", "arguments": json.dumps({"n": len(results)})}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    return {"role": "assistant", "content": str(len(results))}, "stop"


@pytest.fixture(scope="module")
def lab(sluice_module):
    lab = Lab(sluice_module)
    lab.fake.answer = openai_answer
    lab.client = anthropic.Anthropic(base_url=lab.daemon.url, api_key="k", max_retries=0)
    yield lab
    lab.up.close()


@pytest.fixture(scope="module")
def own(sluice_module):
    fake = StrictAnthropic(claude_answer)
    up = Upstream(fake)
    daemon = sluice_module({"endpoints": [claude_route(up.base), claude_route(up.base, "second"), claude_route(up.base, "third")]})
    daemon.fake, daemon.up = fake, up
    daemon.client = anthropic.Anthropic(base_url=daemon.url, api_key="k", max_retries=0)
    yield daemon
    up.close()


def ask(client, stream, **call):
    if not stream:
        return client.messages.create(max_tokens=100, **call)
    with client.messages.stream(max_tokens=100, **call) as s:
        kinds = [e.type for e in s if e.type in ("message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop")]
        assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"] and kinds.count("content_block_start") == kinds.count("content_block_stop")
        return s.get_final_message()


def loop(client, route, stream):
    messages = [{"role": "user", "content": "go"}]
    for _ in range(4):
        message = ask(client, stream, model=route, messages=messages, tools=[TOOL], system="add")
        messages.append({"role": "assistant", "content": [b.model_dump(exclude_none=True, include={"type", "text", "id", "name", "input"}) for b in message.content]})
        uses = [b for b in message.content if b.type == "tool_use"]
        assert message.stop_reason == ("tool_use" if uses else "end_turn")
        assert message.usage.output_tokens > 0 or stream  # not all of these hosts count a stream without being asked
        if not uses:
            break
        messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": b.id, "content": str(b.input["n"])} for b in uses]})
    assert message.content[0].text == "3" and len(messages) == 8


@pytest.mark.parametrize("stream", [False, True])
def test_a_loop_of_tools_at_its_own_language(own, stream):
    loop(own.client, "claude", stream)
    assert {b["model"] for b in own.fake.bodies} == {MODEL}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", TOOL_USERS)
def test_a_loop_of_tools_at_others(lab, route, stream):
    loop(lab.client, route, stream)


def test_the_routes_are_listed_as_models(own):
    assert [m.id for m in own.client.models.list()] == ["claude", "second", "third"]
    page = own.client.models.list(limit=2)
    assert (page.has_more, page.first_id, page.last_id) == (True, "claude", "second")
    assert [m.id for m in page] == ["claude", "second", "third"], "the client fetches the rest by itself"
    back = own.client.models.list(limit=1, before_id="third")
    assert ([m.id for m in back.data], back.has_more) == (["second"], True)
    assert own.client.models.retrieve("second").display_name == "second"
    with pytest.raises(anthropic.NotFoundError):
        own.client.models.retrieve("nothing")
    with pytest.raises(anthropic.BadRequestError, match="limit"):
        own.client.models.list(limit=0)


def test_errors_and_ids(own):
    with pytest.raises(anthropic.NotFoundError) as e:
        own.client.messages.create(model="nothing", max_tokens=1, messages=[{"role": "user", "content": "x"}])
    assert e.value.body["error"]["type"] == "not_found_error" and e.value.body["request_id"] == e.value.request_id
    raw = own.client.messages.with_raw_response.create(model="claude", max_tokens=1, messages=[{"role": "user", "content": "x"}], extra_headers={"x-request-id": "mine"})
    assert raw.headers["request-id"] == "mine" and raw.parse()._request_id == "mine"
    for path in ("/v1/messages/batches", "/anthropic/v1/nothing"):
        r = own.call("POST", path, {})
        assert (r.status, r.json()["type"], r.json()["error"]["type"]) == (404, "error", "not_found_error")


def test_tokens_are_counted_there_or_estimated_here(own, lab):
    own.up.handler = lambda x: x.reply({"input_tokens": 17})
    try:
        for client in (own.client, anthropic.Anthropic(base_url=own.url + "/anthropic", api_key="k", max_retries=0)):
            raw = client.messages.with_raw_response.count_tokens(model="claude", messages=[{"role": "user", "content": "hello"}], system="s", tools=[TOOL])
            assert raw.parse().input_tokens == 17 and raw.headers.get("x-sluice-estimate") is None
            seen = own.up.requests[-1]
            assert seen.path == "/v1/messages/count_tokens" and seen.json()["model"] == MODEL and "max_tokens" not in seen.json()
    finally:
        own.up.handler = own.fake
    n = len(lab.up.requests)
    counts = []
    for content in ("x" * 400, "x" * 800, [{"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}]):
        raw = lab.client.messages.with_raw_response.count_tokens(model="openai", messages=[{"role": "user", "content": content}])
        assert raw.headers["x-sluice-estimate"] == "tokens"
        counts.append(raw.parse().input_tokens)
    assert counts == [105, 205, 1604] and len(lab.up.requests) == n
    with pytest.raises(anthropic.BadRequestError, match="messages"):
        lab.client.messages.count_tokens(model="openai", messages=[])


def test_betas_reach_their_own_language_only(own, lab):
    ask = {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "extra_headers": {"anthropic-beta": "a-2025,b-2025"}}
    raw = own.client.messages.with_raw_response.create(model="claude", **ask)
    assert own.up.requests[-1].get("anthropic-beta") == "a-2025,b-2025" and raw.headers.get("x-sluice-dropped") is None
    raw = lab.client.messages.with_raw_response.create(model="openai", **ask)
    assert lab.up.requests[-1].get("anthropic-beta") is None and raw.headers["x-sluice-dropped"] == "anthropic-beta"


@pytest.mark.parametrize("tool", ["web_search_20250305", "bash_20250124", "text_editor_20250728", "computer_20250124"])
def test_tools_of_the_server(own, lab, tool):
    own.up.handler = lambda x: x.reply({"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn",
                                        "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}})
    call = {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "tools": [{"type": tool, "name": "t"}]}
    try:
        own.client.messages.create(model="claude", **call)
        assert own.up.requests[-1].json()["tools"] == call["tools"]
    finally:
        own.up.handler = own.fake
    n = len(lab.up.requests)
    with pytest.raises(anthropic.BadRequestError, match=tool):
        lab.client.messages.create(model="openai", **call)
    assert len(lab.up.requests) == n


ON, OFF = {"type": "enabled", "budget_tokens": 4000}, {"type": "disabled"}


@pytest.mark.parametrize("api", ["chat", "responses"])
@pytest.mark.parametrize("model, thinking, effort, is_named", [
    ("gpt-4.1", OFF, None, False), ("gpt-4.1", ON, None, True), ("o3-mini", OFF, None, True), ("o3-mini", ON, "medium", False), ("gpt-5.2", OFF, "none", False)])
def test_openai_models_are_asked_only_for_the_reasoning_that_they_have(sluice, upstream, api, model, thinking, effort, is_named):
    fake = Responses([[{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok", "annotations": []}]}]]) if api == "responses" else StrictOpenAI()
    base = upstream(fake).base.removesuffix("/v1") + {"chat": "/openai/v1", "responses": "/v1"}[api]
    daemon = sluice({"endpoints": [{"name": "c", "endpoint_type": "llm/v1/chat", "model": {
        "provider": "openai", "name": model, "config": {"openai_api_key": "k", "openai_api_base": base, "openai_api": api}}}]})
    client = anthropic.Anthropic(base_url=daemon.url, api_key="k", max_retries=0)
    raw = client.messages.with_raw_response.create(model="c", max_tokens=5000, thinking=thinking, messages=[{"role": "user", "content": "x"}])
    body = fake.bodies[0]
    assert (body.get("reasoning", {}).get("effort") if api == "responses" else body.get("reasoning_effort")) == effort and "thinking" not in body
    assert raw.headers.get("x-sluice-dropped") == ({"chat": "reasoning_effort", "responses": "thinking"}[api] if is_named else None)


@pytest.mark.parametrize("model, thinking, config, dropped", [
    ("gemini-3-pro-preview", ON, {"thinkingLevel": "HIGH", "includeThoughts": True}, None), ("gemini-3-pro-preview", OFF, {"thinkingLevel": "LOW"}, None),
    ("gemini-3-flash-preview", ON, {"thinkingLevel": "MEDIUM", "includeThoughts": True}, None),
    ("gemini-2.5-flash", ON, {"thinkingBudget": 4000, "includeThoughts": True}, None), ("gemini-2.5-flash", OFF, {"thinkingBudget": 0}, None),
    ("gemini-3-pro-preview", {"type": "adaptive"}, {"includeThoughts": True}, None),
    ("gemini-2.0-flash", OFF, None, None), ("gemini-2.0-flash", ON, None, "thinking")])
def test_gemini_models_are_asked_for_thinking_in_their_way(sluice, upstream, model, thinking, config, dropped):
    fake = Gemini([[{"text": "ok"}]])
    daemon = sluice({"endpoints": [{"name": "c", "endpoint_type": "llm/v1/chat", "model": {
        "provider": "gemini", "name": model, "config": {"gemini_api_key": "k", "gemini_api_base": upstream(fake).base.removesuffix("/v1") + "/v1beta"}}}]})
    client = anthropic.Anthropic(base_url=daemon.url, api_key="k", max_retries=0)
    raw = client.messages.with_raw_response.create(model="c", max_tokens=5000, thinking=thinking, messages=[{"role": "user", "content": "x"}])
    assert fake.bodies[0]["generationConfig"].get("thinkingConfig") == config and raw.headers.get("x-sluice-dropped") == dropped

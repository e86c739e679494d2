# SPDX-License-Identifier: Apache-2.0
"""OpenAI's own client at /v1/responses, against strict upstreams of its own language and of others."""
import json

import openai
import pytest

from responses_fake import Responses
from strict_anthropic import StrictAnthropic
from test_form_family import TOOL_USERS, Lab
from test_messages import claude_answer, claude_route, openai_answer
from upstream import Upstream

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
TOOL = {"type": "function", "name": "f", "description": "adds", "parameters": SCHEMA, "strict": True}
NATIVE = {"openai", "o3", "gpt-5", "gpt-5.2", "azure", "azure-o4"}
OTHERS = [r for r in TOOL_USERS if r not in NATIVE]


def openai_route(base, name="own", **config):
    return {"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
            "model": {"provider": "openai", "name": "gpt-5-mini", "config": {"openai_api_key": "k", "openai_api_base": base, **config}}}


@pytest.fixture(scope="module")
def lab(sluice_module):
    lab = Lab(sluice_module)
    lab.fake.answer = openai_answer
    lab.client = openai.OpenAI(base_url=lab.daemon.url + "/v1", api_key="k", max_retries=0)
    yield lab
    lab.up.close()


@pytest.fixture(scope="module")
def claude(sluice_module):
    fake = StrictAnthropic(claude_answer)
    up = Upstream(fake)
    daemon = sluice_module({"endpoints": [claude_route(up.base)]})
    daemon.fake = fake
    daemon.client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0)
    yield daemon
    up.close()


ITEM_EVENTS = ("response.output_item.added", "response.output_item.done")


def check_events(events):
    """Checks the rules for every stream."""
    assert [e.sequence_number for e in events] == list(range(len(events)))
    kinds = [e.type for e in events]
    assert kinds[:2] == ["response.created", "response.in_progress"] and kinds[-1] in ("response.completed", "response.incomplete")
    assert events[0].response.status == "in_progress" and events[0].response.output == []
    final, open_item, texts = events[-1].response, None, {}
    assert {e.response.id for e in (events[0], events[1])} == {final.id} and final.id.startswith("resp_")
    for e in events[2:-1]:
        if e.type == "response.output_item.added":
            assert open_item is None and e.item.id
            open_item = e.item
        elif e.type == "response.output_item.done":
            assert e.item.id == open_item.id and e.item == final.output[e.output_index]
            open_item = None
        else:
            assert open_item and e.item_id == open_item.id and final.output[e.output_index].id == e.item_id
        if e.type.endswith(".delta"):
            key = (e.output_index, getattr(e, "content_index", getattr(e, "summary_index", 0)))
            texts[key] = texts.get(key, "") + e.delta
        if e.type in ("response.output_text.done", "response.reasoning_summary_text.done"):
            assert texts.get((e.output_index, getattr(e, "content_index", getattr(e, "summary_index", 0))), "") == e.text
        if e.type == "response.function_call_arguments.done":
            assert (texts.get((e.output_index, 0)) or "{}") == e.arguments and e.name == open_item.name
    assert open_item is None and len({i.id for i in final.output}) == len(final.output)
    return final


def ask(client, stream, **call):
    if not stream:
        return client.responses.create(**call)
    return check_events(list(client.responses.create(stream=True, **call)))


def loop(client, route, stream, **more):
    items = [{"role": "user", "content": "go"}]
    for _ in range(4):
        response = ask(client, stream, model=route, input=items, tools=[TOOL], instructions="add", **more)
        assert response.status == "completed" and response.object == "response" and response.error is None
        assert response.instructions == "add" and response.tools[0].name == "f" and response.tool_choice == "auto" and response.parallel_tool_calls is True
        items += response.output
        calls = [i for i in response.output if i.type == "function_call"]
        if not calls:
            break
        items += [{"type": "function_call_output", "call_id": c.call_id, "output": str(json.loads(c.arguments)["n"])} for c in calls]
    assert response.output_text == "3"
    return response


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("route", OTHERS)
def test_a_loop_of_tools_at_chats(lab, route, stream):
    loop(lab.client, route, stream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_loop_of_tools_at_claude(claude, stream):
    response = loop(claude.client, "claude", stream)
    assert response.model == "claude-sonnet-4-5" and response.usage.output_tokens > 0 and response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens


@pytest.mark.parametrize("way", ["chat", "responses"])
@pytest.mark.parametrize("stream", [False, True])
def test_its_own_language_passes_untouched(sluice, upstream, stream, way):
    def text(t):
        return [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": t, "annotations": [], "logprobs": []}]}]

    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    plan = [[thought, {"type": "function_call", "call_id": f"call_{n}", "name": "f", "arguments": json.dumps({"n": n})}] for n in range(3)] + [text("3")]
    fake = Responses(plan)
    daemon = sluice({"endpoints": [openai_route(upstream(fake).base, openai_api=way)]})
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0)
    items = [{"role": "user", "content": "go"}]
    for n in range(4):
        call = {"model": "own", "input": items, "tools": [TOOL], "include": ["reasoning.encrypted_content"], "store": False, "metadata": {"a": "b"}}
        response = client.responses.create(**call) if not stream else [e for e in client.responses.create(stream=True, **call)][-1].response
        assert response.id == f"resp_{n + 1}" and response.usage.input_tokens_details.cached_tokens == 1
        items += [i.model_dump(exclude_none=True) for i in response.output]
        items += [{"type": "function_call_output", "call_id": i.call_id, "output": "r"} for i in response.output if i.type == "function_call"]
    assert response.output_text == "3" and fake.bodies[-1]["model"] == "gpt-5-mini" and fake.bodies[-1]["metadata"] == {"a": "b"}
    line = daemon.log_lines(4)[-1]
    assert (line["input_tokens"], line["output_tokens"]) == (5, 2)

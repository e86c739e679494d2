# SPDX-License-Identifier: Apache-2.0
"""Anthropic's client, which speaks to /v1/messages: loops of tools with thinking, whole and streamed, whatever the upstream's language is."""
import anthropic
import pytest
from pydantic import BaseModel

from model import ROUTES, ROWS, SUM

TOOLS = [{"name": "look_up", "description": "The value of a row.", "input_schema": {"type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}}]
GO = [{"role": "user", "content": "Go."}]


class Sum(BaseModel):
    sum: int


def say(client, stream, **call):
    call = {"max_tokens": 4000, "system": "Add the rows.", **call}
    if not stream:
        return client.messages.create(**call)
    with client.messages.stream(**call) as s:
        return s.get_final_message()


@pytest.fixture(scope="module")
def client(lab):
    with anthropic.Anthropic(base_url=lab.daemon.url, api_key="k", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("thinking", [{"type": "disabled"}, {"type": "enabled", "budget_tokens": 2000}], ids=lambda t: t["type"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_loop_of_tools(lab, client, route, stream, thinking):
    messages, sizes, taken = [*GO], [], lab.taken(route)
    while True:
        reply = say(client, stream, model=route, messages=messages, tools=TOOLS, thinking=thinking)
        messages.append({"role": "assistant", "content": reply.content})
        calls = [b for b in reply.content if b.type == "tool_use"]
        assert reply.stop_reason == ("tool_use" if calls else "end_turn") and reply.usage.output_tokens
        if not calls:
            break
        sizes.append(len(calls))
        messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": c.id, "content": str(ROWS[c.input["row"]])} for c in calls]})
    thinks = thinking["type"] == "enabled" and route in ("anthropic", "bedrock", "gemini")
    assert [b.type for m in messages if m["role"] == "assistant" for b in m["content"] if b.type == "thinking"] == ["thinking"] * (3 * thinks)
    assert sizes == [1, 2] and reply.content[-1].text == f"The sum is {SUM}."
    messages.append({"role": "user", "content": "Say that again."})
    assert say(client, stream, model=route, messages=messages, tools=TOOLS, thinking=thinking).content[-1].text == f"The sum is {SUM}."
    assert lab.taken(route) == taken + 4


@pytest.mark.parametrize("route", ROUTES)
def test_structured_output(client, route):
    assert client.messages.parse(model=route, max_tokens=100, messages=GO, output_format=Sum).parsed_output == Sum(sum=SUM - 2)

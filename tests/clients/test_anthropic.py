# SPDX-License-Identifier: Apache-2.0
"""Anthropic's client at /v1/messages: loops of tools with thinking, whole and streamed, for upstreams of every
language."""
import base64

import anthropic
import pytest
from anthropic import beta_tool
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


@beta_tool
def look_up(row: int) -> str:
    """The value of a row.

    Args:
        row: which one
    """
    return str(ROWS[row])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_its_own_runner_of_tools(lab, client, route, stream):
    taken = lab.taken(route)
    runner = client.beta.messages.tool_runner(model=route, max_tokens=4000, tools=[look_up], messages=GO, stream=stream)
    if stream:
        for s in runner:
            last = s.get_final_message()
    else:
        last = runner.until_done()
    assert last.content[-1].text == f"The sum is {SUM}." and lab.taken(route) == taken + 3


@pytest.mark.parametrize("route", ROUTES)
def test_what_its_streams_offer(client, route):
    call = {"model": route, "max_tokens": 100, "messages": GO}
    with client.messages.stream(**call, output_format=Sum) as s:
        seen = [(e.type, getattr(e, "text", None)) for e in s]
        assert s.get_final_message().parsed_output == Sum(sum=SUM - 2)
    pieces = [text for kind, text in seen if kind == "text"]
    assert [k for k, _ in seen if k.startswith("message_")] == ["message_start", "message_delta", "message_stop"] and pieces
    with client.messages.stream(**call) as s:
        assert "".join(s.text_stream) == "".join(pieces) == s.get_final_text()
    with client.messages.create(**call, stream=True) as s:
        kinds = [e.type for e in s if e.type != "ping"]
    assert kinds[:2] == ["message_start", "content_block_start"] and kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


PDF = base64.b64encode(b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n").decode()


@pytest.mark.parametrize("route", ROUTES)
def test_a_document(lab, client, route):
    block = {"type": "document", "title": "Report", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}, "cache_control": {"type": "ephemeral"}}
    call = {"model": route, "max_tokens": 100, "messages": [{"role": "user", "content": [block, {"type": "text", "text": "Go."}]}]}
    if route in ("deepseek", "cohere"):  # these read none
        with pytest.raises(anthropic.BadRequestError, match=r"messages\[0\].content\[0\]: .* (take no files|take text)"):
            client.messages.create(**call)
        return
    assert client.messages.create(**call).content[-1].text
    assert PDF in str(lab.fakes[lab.upstream(route)].bodies[-1])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_closed_thoughts_go_back_to_whom_they_belong(lab, client, route, stream):
    """Three turns with a closed thought from Claude: upstreams that cannot read it are not asked."""
    messages = [*GO, {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "Y2xvc2Vk"}, {"type": "text", "text": "One."}]}, {"role": "user", "content": "And?"}]
    for _ in range(2):
        reply = say(client, stream, model=route, messages=messages, thinking={"type": "enabled", "budget_tokens": 2000})
        messages += [{"role": "assistant", "content": reply.content}, {"role": "user", "content": "And?"}]
    assert ("Y2xvc2Vk" in str(lab.fakes[lab.upstream(route)].bodies[-1])) == (route in ("anthropic", "bedrock"))

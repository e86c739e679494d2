# SPDX-License-Identifier: Apache-2.0
"""A Sluice in front of a Sluice; they speak Anthropic's language with each other. The client is OpenAI's, and the
upstreams have every language."""
import json

import openai
import pytest

from harness import Sluice
from model import ROUTES, ROWS, SUM

TOOLS = [{"type": "function", "function": {"name": "look_up", "description": "The value of a row.", "parameters": {
    "type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}}}]
GO = [{"role": "system", "content": "Add the rows."}, {"role": "user", "content": "Go."}]
SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"], "additionalProperties": False}


@pytest.fixture(scope="module")
def client(lab, tmp_path_factory):
    front = Sluice(tmp_path_factory.mktemp("front"), {"endpoints": [lab.route(
        name, "anthropic", name, anthropic_api_key="k", anthropic_api_base=lab.url) for name in [*ROUTES, "nobody"]]})
    with openai.OpenAI(base_url=front.url + "/v1", api_key="k", max_retries=0) as client:
        yield client
    front.stop()


def say(client, stream, **call):
    if not stream:
        return client.chat.completions.create(**call).choices[0].message
    with client.chat.completions.stream(**call) as s:
        return s.get_final_completion().choices[0].message


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_loop_of_tools(lab, client, route, stream):
    messages, sizes, taken = [*GO], [], lab.taken(route)
    while True:
        message = say(client, stream, model=route, messages=messages, tools=TOOLS, parallel_tool_calls=True)
        messages.append(message.model_dump(exclude_none=True, exclude={"parsed"}))
        if not message.tool_calls:
            break
        sizes.append(len(message.tool_calls))
        messages += [{"role": "tool", "tool_call_id": c.id, "content": str(ROWS[json.loads(c.function.arguments)["row"]])} for c in message.tool_calls]
    assert sizes == [1, 2] and message.content == f"The sum is {SUM}."
    assert lab.taken(route) == taken + 3


@pytest.mark.parametrize("route", ROUTES)
def test_structured_output(client, route):
    form = {"type": "json_schema", "json_schema": {"name": "sum", "strict": True, "schema": SCHEMA}}
    message = client.chat.completions.create(model=route, messages=GO, response_format=form).choices[0].message
    assert json.loads(message.content) == {"sum": SUM - 2}


def test_a_route_that_is_not_there(client):
    with pytest.raises(openai.NotFoundError, match="nobody"):
        client.chat.completions.create(model="nobody", messages=GO)

# SPDX-License-Identifier: Apache-2.0
"""LiteLLM's library."""
import json

import litellm
import pytest
from pydantic import BaseModel

from model import ROUTES, ROWS, SUM

TOOLS = [{"type": "function", "function": {"name": "look_up", "description": "The value of a row.", "parameters": {
    "type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}}}]


class Sum(BaseModel):
    sum: int


def say(lab, route, messages, stream, **more):
    done = litellm.completion(model=f"openai/{route}", api_base=lab.url, api_key="k", messages=messages, stream=stream, num_retries=0, **more)
    return (litellm.stream_chunk_builder(list(done), messages=messages) if stream else done).choices[0].message


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_loop_of_tools(lab, route, stream):
    taken, sizes = lab.taken(route), []
    messages = [{"role": "system", "content": "Add the rows."}, {"role": "user", "content": "Go."}]
    while True:
        message = say(lab, route, messages, stream, tools=TOOLS)
        messages.append(message.model_dump())
        if not message.tool_calls:
            break
        sizes.append(len(message.tool_calls))
        messages += [{"role": "tool", "tool_call_id": c.id, "content": str(ROWS[json.loads(c.function.arguments)["row"]])} for c in message.tool_calls]
    assert sizes == [1, 2] and message.content == f"The sum is {SUM}."
    messages.append({"role": "user", "content": "Say that again."})
    assert say(lab, route, messages, stream, tools=TOOLS).content == f"The sum is {SUM}."
    assert lab.taken(route) == taken + 4


@pytest.mark.parametrize("route", ROUTES)
def test_structured_output(lab, route):
    message = say(lab, route, [{"role": "user", "content": "Go."}], False, response_format=Sum)
    assert Sum.model_validate_json(message.content) == Sum(sum=SUM - 2)

# SPDX-License-Identifier: Apache-2.0
"""LangChain's chat model."""
import pytest
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from model import ROUTES, ROWS, SUM


@tool
def look_up(row: int) -> int:
    """The value of a row."""
    return ROWS[row]


class Sum(BaseModel):
    """The sum of the rows."""

    sum: int


def model(lab, route):
    return ChatOpenAI(base_url=lab.url, api_key="k", model=route, max_retries=0)


def say(llm, messages, stream):
    if not stream:
        return llm.invoke(messages)
    chunks = iter(llm.stream(messages))
    whole = next(chunks)
    for chunk in chunks:
        whole += chunk
    return whole


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_loop_of_tools(lab, route, stream):
    llm, taken = model(lab, route).bind_tools([look_up]), lab.taken(route)
    messages, sizes = [SystemMessage("Add the rows."), HumanMessage("Go.")], []
    while True:
        message = say(llm, messages, stream)
        messages.append(message)
        if not message.tool_calls:
            break
        sizes.append(len(message.tool_calls))
        messages += [ToolMessage(str(look_up.invoke(c["args"])), tool_call_id=c["id"]) for c in message.tool_calls]
    assert sizes == [1, 2] and message.text == f"The sum is {SUM}."
    messages.append(HumanMessage("Say that again."))
    assert say(llm, messages, stream).text == f"The sum is {SUM}."
    assert lab.taken(route) == taken + 4


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("route", ROUTES)
def test_structured_output(lab, route, method):
    assert model(lab, route).with_structured_output(Sum, method=method).invoke("Go.") == Sum(sum=SUM - 2)

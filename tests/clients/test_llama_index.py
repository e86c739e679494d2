# SPDX-License-Identifier: Apache-2.0
"""LlamaIndex's agent, and its objects made with tools. `OpenAILike` is its class for models that it does not know."""
import asyncio

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

from model import ROUTES, ROWS, SUM


def look_up(row: int) -> int:
    """The value of a row."""
    return ROWS[row]


class Sum(BaseModel):
    """The sum of the rows."""

    sum: int


def model(lab, route):
    return OpenAILike(model=route, api_base=lab.url, api_key="k", is_chat_model=True, is_function_calling_model=True, max_retries=0)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_loop_of_tools(lab, route, stream):
    async def go():
        agent = FunctionAgent(tools=[FunctionTool.from_defaults(look_up)], llm=model(lab, route), system_prompt="Add the rows.", streaming=stream)
        memory = ChatMemoryBuffer.from_defaults(token_limit=10000, tokenizer_fn=str.split)
        first = await agent.run("Go.", memory=memory)
        again = await agent.run("Say that again.", memory=memory)
        return str(first), str(again), len(first.tool_calls)

    taken = lab.taken(route)
    assert asyncio.run(go()) == (f"The sum is {SUM}.", f"The sum is {SUM}.", 3)
    assert lab.taken(route) == taken + 4


@pytest.mark.parametrize("route", ROUTES)
def test_structured_output(lab, route):
    assert model(lab, route).structured_predict(Sum, PromptTemplate("Go.")) == Sum(sum=SUM - 2)

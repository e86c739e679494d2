# SPDX-License-Identifier: Apache-2.0
"""OpenAI's agents: their runner makes the loop."""
import asyncio

import pytest
from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool
from openai import AsyncOpenAI
from pydantic import BaseModel

from model import ROUTES, ROWS, SUM


@function_tool
def look_up(row: int) -> str:
    """The value of a row."""
    return str(ROWS[row])


class Sum(BaseModel):
    sum: int


async def run(agent, given, stream):
    if not stream:
        return await Runner.run(agent, given)
    result = Runner.run_streamed(agent, given)
    async for _ in result.stream_events():
        pass
    return result


def agent(client, route, **more):
    return Agent(name="a", instructions="Add the rows.", model=OpenAIChatCompletionsModel(model=route, openai_client=client), **more)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_loop_of_tools(lab, route, stream):
    async def go():
        async with AsyncOpenAI(base_url=lab.url, api_key="k", max_retries=0) as client:
            adder = agent(client, route, tools=[look_up])
            first = await run(adder, "Go.", stream)
            again = await run(adder, first.to_input_list() + [{"role": "user", "content": "Say that again."}], stream)
            return first.final_output, again.final_output

    taken = lab.taken(route)
    assert asyncio.run(go()) == (f"The sum is {SUM}.",) * 2
    assert lab.taken(route) == taken + 4


@pytest.mark.parametrize("route", ROUTES)
def test_structured_output(lab, route):
    async def go():
        async with AsyncOpenAI(base_url=lab.url, api_key="k", max_retries=0) as client:
            return (await run(agent(client, route, output_type=Sum), "Go.", False)).final_output

    assert asyncio.run(go()) == Sum(sum=SUM - 2)

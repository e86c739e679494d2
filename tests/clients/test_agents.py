# SPDX-License-Identifier: Apache-2.0
"""OpenAI's agents, whose runner makes the loop: by chats and by the Responses API."""
import asyncio

import pytest
from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool
from openai import AsyncOpenAI
from pydantic import BaseModel

from model import ROUTES, ROWS, SUM, TASKS

OTHERS = [r for r in ROUTES if r not in ("openai", "responses")]  # OpenAI itself gets the bytes of a response


@function_tool
def look_up(row: int) -> str:
    """The value of a row."""
    return str(ROWS[row])


class Sum(BaseModel):
    sum: int


async def run(agent, given, stream, **more):
    if not stream:
        return await Runner.run(agent, given, **more)
    result = Runner.run_streamed(agent, given, **more)
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


# --- by the Responses API ---

def within(lab, do):
    async def go():
        async with AsyncOpenAI(base_url=lab.url, api_key="k", max_retries=0) as client:
            return await do(client)

    return asyncio.run(go())


def responder(client, route, **more):
    return Agent(**{"name": "a", "instructions": "Add the rows.", "model": OpenAIResponsesModel(model=route, openai_client=client), **more})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", OTHERS)
def test_a_loop_of_responses(lab, route, stream):
    async def go(client):
        adder = responder(client, route, tools=[look_up])
        first = await run(adder, "Go.", stream)
        again = await run(adder, first.to_input_list() + [{"role": "user", "content": "Say that again."}], stream)
        return first.final_output, again.final_output

    taken = lab.taken(route)
    assert within(lab, go) == (f"The sum is {SUM}.",) * 2 and lab.taken(route) == taken + 4


@pytest.mark.parametrize("route", OTHERS)
def test_structured_output_by_responses(lab, route):
    async def go(client):
        return (await run(responder(client, route, output_type=Sum), "Go.", False)).final_output

    assert within(lab, go) == Sum(sum=SUM - 2)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", OTHERS)
def test_one_agent_hands_over_to_another(lab, route, stream):
    async def go(client):
        adder = responder(client, route, name="adder", tools=[look_up])
        result = await run(responder(client, route, name="front", instructions="Hand over.", handoffs=[adder]), "Please hand over.", stream)
        return result.last_agent.name, result.final_output

    TASKS["Please hand over."] = [[("transfer_to_adder", {})]]
    try:
        assert within(lab, go) == ("adder", f"The sum is {SUM}.")
    finally:
        TASKS.clear()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_loop_that_goes_on_from_what_the_gateway_keeps(lab, stream):
    async def go(client):
        adder = responder(client, "kept", tools=[look_up])
        first = await run(adder, "Go.", stream, auto_previous_response_id=True)
        again = await run(adder, "Say that again.", stream, previous_response_id=first.last_response_id)
        return first.final_output, again.final_output

    assert within(lab, go) == (f"The sum is {SUM}.",) * 2
    body = lab.fakes["openai"].bodies[-1]
    assert sum(m["role"] == "tool" for m in body["messages"]) == 3 and body["messages"][-1]["content"] == "Say that again."

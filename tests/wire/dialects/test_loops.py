# SPDX-License-Identifier: Apache-2.0
"""Real clients in loops of several turns, with tools, streams and structured output, at upstreams that are strict about
form; and with another Sluice between."""
import json

import openai
import pytest
from pydantic import BaseModel

from strict_openai import StrictOpenAI
from test_form_family import ROUTES, TOOL_USERS, Lab, tool

LONG = "call_" + "x" * 60  # an id that none of these hosts takes unchanged


def answer(body):
    """Calls a tool until three results are there, then names them; as JSON if that is asked for."""
    results = [m["content"] for m in body["messages"] if m["role"] == "tool"]
    if body.get("tools") and len(results) < 3:
        call = {"id": f"call{len(results):05d}", "type": "function", "function": {"name": "f", "arguments": json.dumps({"n": len(results)})}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    return {"role": "assistant", "content": json.dumps({"sum": sum(map(int, results))})}, "stop"


class Sum(BaseModel):
    sum: int


@pytest.fixture(scope="module")
def lab(sluice_module):
    lab = Lab(sluice_module)
    lab.fake.answer = answer
    front = sluice_module({"endpoints": [
        {"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
         "model": {"provider": "openai-compatible", "name": name, "config": {"api_base": lab.daemon.url + "/v1"}}} for name in ROUTES]})
    lab.clients = {"one": openai.OpenAI(base_url=lab.daemon.url + "/v1", api_key="k", max_retries=0),
                   "two": openai.OpenAI(base_url=front.url + "/v1", api_key="k", max_retries=0)}
    yield lab
    lab.up.close()


def ask(client, stream, **call):
    if not stream:
        return client.chat.completions.create(**call).choices[0].message
    with client.beta.chat.completions.stream(**call) as s:
        return s.get_final_completion().choices[0].message


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("way", ["one", "two"])
@pytest.mark.parametrize("route", TOOL_USERS)
def test_a_loop_of_tools(lab, route, way, stream):
    first = {"role": "assistant", "content": None, "tool_calls": [{"id": LONG, "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    messages = [{"role": "developer", "content": "add"}, {"role": "user", "content": "go \U0001f600"}]
    if route in ("openai", "mistral", "azure"):  # a conversation that began with another provider
        messages += [first, {"role": "tool", "tool_call_id": LONG, "content": "40"}]
    for _ in range(4):
        message = ask(lab.clients[way], stream, model=route, messages=messages, tools=[tool()])
        messages.append({k: v for k, v in message.model_dump().items() if k != "parsed"})
        if not message.tool_calls:
            break
        messages += [{"role": "tool", "tool_call_id": c.id, "content": str(json.loads(c.function.arguments)["n"])} for c in message.tool_calls]
    assert not message.tool_calls and json.loads(message.content)["sum"] == (43 if route in ("openai", "mistral", "azure") else 3)


@pytest.mark.parametrize("way", ["one", "two"])
@pytest.mark.parametrize("route", ROUTES)
def test_structured_output(lab, route, way):
    done = lab.clients[way].beta.chat.completions.parse(model=route, messages=[{"role": "user", "content": "go"}], response_format=Sum)
    assert done.choices[0].message.parsed == Sum(sum=0)

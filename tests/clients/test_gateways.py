# SPDX-License-Identifier: Apache-2.0
"""Routes whose upstream is a gateway: MLflow's, LiteLLM's proxy, another Sluice."""
import json
import urllib.request

import openai
import pytest

from gateways import KEY, KINDS, ROUTES, VECTOR, Chain
from model import ROWS, SUM

TOOLS = [{"type": "function", "function": {"name": "look_up", "description": "The value of a row.", "parameters": {
    "type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}}}]
GO = [{"role": "system", "content": "Add the rows."}, {"role": "user", "content": "Go."}]
OBJECT = json.dumps({"sum": SUM - 2})


@pytest.fixture(scope="module", params=list(KINDS))
def chain(request, tmp_path_factory):
    with Chain(request.param, tmp_path_factory.mktemp(request.param)) as chain:
        chain.client = openai.OpenAI(base_url=chain.url, api_key="k", max_retries=0)
        yield chain


def say(chain, messages, stream, **more):
    if not stream:
        return chain.client.chat.completions.create(model="chat", messages=messages, **more).choices[0].message
    with chain.client.chat.completions.stream(model="chat", messages=messages, **more) as s:
        return s.get_final_completion().choices[0].message


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_loop_of_tools(chain, stream):
    if stream and chain.kind == "mlflow":
        pytest.skip("MLflow's gateway leaves calls of tools out of its streams")
    messages, sizes = [*GO], []
    while True:
        message = say(chain, messages, stream, tools=TOOLS)
        messages.append({k: v for k, v in message.model_dump(exclude_none=True).items() if k in ("role", "content", "tool_calls")})
        if not message.tool_calls:
            break
        sizes.append(len(message.tool_calls))
        messages += [{"role": "tool", "tool_call_id": c.id, "content": str(ROWS[json.loads(c.function.arguments)["row"]])} for c in message.tool_calls]
    assert sizes == [1, 2] and message.content == f"The sum is {SUM}."


def test_a_chat_and_its_stream(chain):
    reply = chain.client.chat.completions.create(model="chat", messages=GO)
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason, reply.usage.total_tokens) == (OBJECT, "stop", 8)
    chunks = list(chain.client.chat.completions.create(model="chat", messages=GO, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == OBJECT
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert not any(c.usage for c in chunks)
    chunks = list(chain.client.chat.completions.create(model="chat", messages=GO, stream=True, stream_options={"include_usage": True}))
    totals = [c.usage.total_tokens for c in chunks if c.usage]
    assert totals == ([] if chain.kind == "mlflow" else [8])  # MLflow's streams have none


def test_embeddings(chain):
    for form in ({}, {"encoding_format": "float"}):  # without a format the client asks for base64, and takes both
        reply = chain.client.embeddings.create(model="embed", input=["a", "b"], **form)
        assert [d.embedding for d in reply.data] == [VECTOR, VECTOR] and reply.usage.total_tokens == 2


def test_completions(chain):
    if chain.kind == "mlflow":  # its own fault: it looks for a chat message in completions
        with pytest.raises(openai.InternalServerError):
            chain.client.completions.create(model="complete", prompt="a")
        return
    reply = chain.client.completions.create(model="complete", prompt="a")
    assert reply.choices[0].text == "done" and reply.usage.total_tokens == 3


def test_mlflow_paths(chain):
    def ask(name, body):
        return chain.daemon.call("POST", f"/gateway/{name}/invocations", body, [("content-type", "application/json")])

    reply = ask("chat", {"messages": GO}).json()
    assert reply["choices"][0]["message"]["content"] == OBJECT and reply["usage"]["total_tokens"] == 8
    assert ask("embed", {"input": ["a"]}).json()["data"][0]["embedding"] == VECTOR
    stream = ask("chat", {"messages": GO, "stream": True}).body.decode()
    events = [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line]
    assert "".join(e["choices"][0]["delta"]["content"] or "" for e in events) == OBJECT
    busy = ask("busy", {"messages": GO})
    assert busy.status == 429 and "Slow down." in json.dumps(busy.json()["detail"])  # MLflow passes an object on unchanged


def test_errors(chain):
    chat = chain.client.chat.completions.create
    with pytest.raises(openai.RateLimitError) as busy:
        chat(model="busy", messages=GO)
    assert "Slow down." in busy.value.message and "Slow down." in busy.value.body["message"]
    bad = [{"type": "function", "function": {"name": "look up", "parameters": {"type": "object", "properties": {}}}}]
    with pytest.raises(openai.BadRequestError, match="does not match"):
        chat(model="chat", messages=GO, tools=bad)
    with pytest.raises((openai.BadRequestError, openai.NotFoundError), match="nobody"):
        chat(model="nobody", messages=GO)
    with pytest.raises(openai.APIError):
        list(chat(model="torn", messages=GO, stream=True))
    with pytest.raises(openai.APIError):
        list(chat(model="busy", messages=GO, stream=True))


def test_routes(chain):
    assert {m.id for m in chain.client.models.list()} == set(ROUTES)
    assert {e["name"] for e in chain.daemon.call("GET", "/api/2.0/endpoints/").json()["endpoints"]} == set(ROUTES)
    page = "/v1/models" if chain.kind == "litellm" else "/api/2.0/endpoints/"
    with urllib.request.urlopen(urllib.request.Request(chain.base + page, headers={"authorization": f"Bearer {KEY}"})) as reply:
        rows = json.load(reply)
    assert {r.get("name") or r["id"] for r in rows.get("endpoints") or rows["data"]} == set(ROUTES) - {"nobody"}


def test_a_gateway_that_is_gone(chain):
    """The last test: its gateway does not come back."""
    chain.gateway.stop()
    with pytest.raises(openai.InternalServerError) as gone:
        chain.client.chat.completions.create(model="chat", messages=GO)
    assert gone.value.status_code == 502

# SPDX-License-Identifier: Apache-2.0
"""The main job with the real clients: list routes, query them, stream."""
import asyncio
import json
import pathlib
import subprocess

import openai
import pytest

from harness import CHAT, CHAT_REPLY, chat_route, typed_route

MESSAGES = [{"role": "user", "content": "hello"}]


def openai_client(daemon):
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="none", max_retries=0)


def test_embedded_default_answers_all_three_types(sluice):
    client = openai_client(sluice())
    assert client.chat.completions.create(model="chat", messages=MESSAGES).choices[0].message.content == "You said: hello"
    assert client.completions.create(model="completions", prompt="hello").choices[0].text == "You said: hello"
    assert len(client.embeddings.create(model="embeddings", input=["a", "b"]).data) == 2
    assert {m.id for m in client.models.list()} == {"chat", "completions", "embeddings"}
    assert client.models.retrieve("chat").owned_by == "mock"


def test_openai_client_streams(sluice):
    client = openai_client(sluice())
    chunks = list(client.chat.completions.create(model="chat", messages=MESSAGES, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "You said: hello"
    assert chunks[-1].usage.total_tokens > 0
    chunks = list(client.chat.completions.create(model="chat", messages=MESSAGES, stream=True))
    assert all(c.choices for c in chunks), "the usage chunk that the gateway asked for must not show"
    assert "".join(c.text for p in client.completions.create(model="completions", prompt="x", stream=True) for c in p.choices) == "You said: x"


def test_openai_async_client(sluice):
    daemon = sluice()

    async def main():
        client = openai.AsyncOpenAI(base_url=daemon.url + "/v1", api_key="none")
        replies = await asyncio.gather(*[client.chat.completions.create(model="chat", messages=[{"role": "user", "content": str(i)}]) for i in range(20)])
        assert [r.choices[0].message.content for r in replies] == [f"You said: {i}" for i in range(20)]
        stream = await client.chat.completions.create(model="chat", messages=MESSAGES, stream=True)
        assert "".join([c.choices[0].delta.content or "" async for c in stream]) == "You said: hello"

    asyncio.run(main())


def test_openai_client_sees_its_exceptions(sluice, upstream):
    up = upstream(lambda x: x.reply({"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}, "429 Too Many Requests",
                                    headers=[("retry-after", "7")]))
    client = openai_client(sluice({"endpoints": [chat_route(up.base)]}))
    with pytest.raises(openai.NotFoundError) as e:
        client.chat.completions.create(model="nope", messages=MESSAGES)
    assert e.value.code == "model_not_found"
    with pytest.raises(openai.RateLimitError) as e:
        client.chat.completions.create(model="chat", messages=MESSAGES)
    assert e.value.response.headers["retry-after"] == "7" and "slow down" in e.value.message
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="chat", input="x")


def test_node_client(sluice, tmp_path):
    daemon = sluice()
    here = pathlib.Path(__file__).parent.parent
    script = here / "node_client.mjs"
    out = subprocess.run(["node", str(script), daemon.url + "/v1"], capture_output=True, text=True, timeout=60, cwd=here)
    assert out.returncode == 0, out.stderr
    got = json.loads(out.stdout)
    assert got == {"chat": "You said: hello", "stream": "You said: hello", "dims": 8, "models": 3, "missing": 404}


def test_mlflow_client(sluice, upstream):
    import mlflow.gateway as gateway

    def handler(x):
        if x.path.endswith("/embeddings"):
            x.reply({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 1e-3]}], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}})
        elif x.path.endswith("/chat/completions"):
            x.reply(CHAT_REPLY)
        else:
            x.reply({"id": "cmpl-1", "object": "text_completion", "created": 5, "model": "m", "choices": [{"index": 0, "text": "done", "finish_reason": "stop"}],
                     "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})

    up = upstream(handler)
    daemon = sluice({"endpoints": [chat_route(up.base), typed_route(up.base, "comp", "completions"), typed_route(up.base, "emb", "embeddings")]})
    gateway.set_gateway_uri(daemon.url)
    route = gateway.get_route("chat")
    assert route.name == "chat" and route.route_type == "llm/v1/chat" and route.model.provider == "openai"
    assert route.route_url == daemon.url + "/gateway/chat/invocations"
    assert [r.name for r in gateway.search_routes()] == ["chat", "comp", "emb"]
    reply = gateway.query("chat", {"messages": MESSAGES, "temperature": 0.5})
    assert reply["choices"][0]["message"]["content"] == "hi \u00e9" and reply["usage"]["total_tokens"] == 12
    assert up.requests[0].json()["model"] == "gpt-4o-mini" and up.requests[0].get("authorization") == "Bearer sk-test-secret"
    assert gateway.query("comp", {"prompt": "x"})["choices"][0]["text"] == "done"
    assert gateway.query("emb", {"input": "x"})["data"][0]["embedding"] == [0.5, 0.001]
    with pytest.raises(Exception, match="not present or active"):
        gateway.get_route("nope")


def test_mlflow_deployments_client(sluice):
    from mlflow.deployments import get_deploy_client

    client = get_deploy_client(sluice().url)
    assert [e.name for e in client.list_endpoints()] == ["chat", "completions", "embeddings"]
    assert client.get_endpoint("chat").endpoint_type == "llm/v1/chat"
    assert client.predict(endpoint="chat", inputs={"messages": MESSAGES})["choices"][0]["message"]["content"] == "You said: hello"

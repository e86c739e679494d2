# SPDX-License-Identifier: Apache-2.0
"""Responses that the gateway keeps itself, for providers that keep none."""
import json

import openai
import pytest

from strict_openai import StrictOpenAI
from test_responses_again import KEYS, client_of
from test_responses_client import ask


def words(body):
    """Answers with its input, so that a test sees the whole conversation."""
    return {"role": "assistant", "content": json.dumps([m["content"] for m in body["messages"]])}, "stop"


def start(sluice, upstream, answer=words, limits=None, **responses):
    fake = StrictOpenAI(answer)
    base = upstream(fake).base
    route = {"endpoint_type": "llm/v1/chat", "model": {"provider": "vllm", "name": "m", "config": {"api_key": "k", "api_base": base.removesuffix("/v1") + "/vllm/v1"}}}
    keys = [{"name": n, "principal": n, "role": "query", "key": f"$KEY_{n}"} for n in ("ann", "bob")] + [{"name": "cut", "principal": "ann", "role": "query", "routes": ["other"], "key": "$KEY_cut"}]
    config = {"server": {"limits": limits or {}}, "auth": {"admin_key": "$THE_ADMIN", "keys": keys},
              "endpoints": [{"name": "kept", **route, "sluice": {"retries": 0, "responses": responses}}, {"name": "other", **route, "sluice": {"retries": 0}}]}
    daemon = sluice(config, env={"THE_ADMIN": "sk-sluice-" + "z" * 43, **{f"KEY_{n}": k for n, k in KEYS.items()}})
    daemon.fake = fake
    return daemon, client_of(daemon, KEYS["ann"])


@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_of_three_turns(sluice, upstream, stream):
    daemon, client = start(sluice, upstream, keep="1h")
    first = ask(client, stream, model="kept", input="one", instructions="be short")
    assert first.store is True and json.loads(first.output_text) == ["be short", "one"]
    second = ask(client, stream, model="kept", input=[{"role": "user", "content": "two"}], previous_response_id=first.id)
    assert second.previous_response_id == first.id and json.loads(second.output_text) == ["one", first.output_text, "two"], "instructions do not go on"
    third = ask(client, stream, model="kept", input="three", previous_response_id=second.id)
    assert json.loads(third.output_text) == ["one", first.output_text, "two", second.output_text, "three"]
    branch = ask(client, stream, model="kept", input="other", previous_response_id=first.id)
    assert json.loads(branch.output_text) == ["one", first.output_text, "other"]
    assert client.responses.retrieve(third.id) == third
    items = list(client.responses.input_items.list(third.id, order="asc"))
    assert [i.content[0].text for i in items] == ["one", first.output_text, "two", second.output_text, "three"] and len({i.id for i in items}) == 5
    assert [i.id for i in client.responses.input_items.list(third.id, limit=2)] == [i.id for i in reversed(items)], "newest first, page by page"
    with pytest.raises(openai.BadRequestError, match="complete"):
        client.responses.cancel(third.id)
    client.responses.delete(third.id)
    for call in (lambda: client.responses.retrieve(third.id), lambda: client.responses.delete(third.id)):
        with pytest.raises(openai.NotFoundError, match="not found"):
            call()
    with pytest.raises(openai.BadRequestError) as e:
        client.responses.create(model="kept", input="x", previous_response_id=third.id)
    assert e.value.code == "previous_response_not_found"


def test_tools_go_on_too(sluice, upstream):
    def answer(body):
        if body["messages"][-1]["role"] == "tool":
            return {"role": "assistant", "content": body["messages"][-1]["content"]}, "stop"
        call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"n": 1}'}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"

    daemon, client = start(sluice, upstream, answer, keep="1h", size="1MiB")
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}}, "strict": False}]
    first = client.responses.create(model="kept", input="go", tools=tools)
    call = first.output[0]
    second = client.responses.create(model="kept", tools=tools, previous_response_id=first.id, input=[{"type": "function_call_output", "call_id": call.call_id, "output": "seven"}])
    assert second.output_text == "seven"


def test_what_is_not_kept(sluice, upstream):
    daemon, client = start(sluice, upstream, keep="1h")
    unkept = client.responses.create(model="kept", input="x", store=False)
    elsewhere = client.responses.create(model="other", input="x")
    assert unkept.store is False and elsewhere.store is False
    kept = client.responses.create(model="kept", input="x")
    for name in (unkept.id, elsewhere.id):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(name)
    for key in ("bob", "cut"):
        other = client_of(daemon, KEYS[key])
        with pytest.raises(openai.NotFoundError):
            other.responses.retrieve(kept.id)
        with pytest.raises(openai.NotFoundError):
            other.responses.delete(kept.id)
        with pytest.raises((openai.BadRequestError, openai.NotFoundError)):
            other.responses.create(model="other" if key == "cut" else "kept", input="x", previous_response_id=kept.id)
    assert client.responses.retrieve(kept.id).id == kept.id
    # a route that keeps none can continue a response of one that does
    assert json.loads(client.responses.create(model="other", input="y", previous_response_id=kept.id).output_text) == ["x", kept.output_text, "y"]


def test_no_more_than_its_size(sluice, upstream):
    daemon, client = start(sluice, upstream, lambda body: ({"role": "assistant", "content": "ok"}, "stop"), keep="1h", size="64KiB")
    made = [client.responses.create(model="kept", input="x" * 10000).id for _ in range(6)]
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made[0])
    assert client.responses.retrieve(made[-1]).id == made[-1]
    large = client.responses.create(model="kept", input="x" * 100000)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(large.id)
    assert client.responses.retrieve(made[-1]).id == made[-1], "what finds no room drives nobody out"


def test_a_conversation_is_no_longer_than_a_body_may_be(sluice, upstream):
    """Otherwise a few bytes from a client would make the gateway copy, read and send any number of bytes, again and
    again."""
    daemon, client = start(sluice, upstream, lambda body: ({"role": "assistant", "content": "ok"}, "stop"), limits={"body": "64KiB"}, keep="1h")
    first = client.responses.create(model="kept", input="x" * 40000)
    with pytest.raises(openai.APIStatusError, match="server.limits.body") as e:
        client.responses.create(model="kept", input="y" * 40000, previous_response_id=first.id)
    assert e.value.status_code == 413 and e.value.param == "previous_response_id"
    assert client.responses.create(model="kept", input="y", previous_response_id=first.id).output_text == "ok"


def test_what_is_kept_leaves_memory_for_calls(sluice, upstream):
    daemon, client = start(sluice, upstream, lambda body: ({"role": "assistant", "content": "ok"}, "stop"), limits={"memory": "8MiB"}, keep="1h", size="64MiB")
    made = [client.responses.create(model="kept", input="x" * 60000).id for _ in range(200)]
    assert client.responses.create(model="other", input="y" * 1000000, store=False).output_text == "ok"
    assert client.responses.retrieve(made[-1]).id == made[-1]
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made[0])


def test_a_provider_that_answers_whole_to_a_stream(sluice):
    daemon = sluice({"endpoints": [{"name": "m", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}, "sluice": {"responses": {"keep": "1h"}}}]})
    client = client_of(daemon)
    for stream in (False, True):
        made = ask(client, stream, model="m", input="hello")
        assert client.responses.retrieve(made.id) == made

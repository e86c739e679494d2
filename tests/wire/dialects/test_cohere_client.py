# SPDX-License-Identifier: Apache-2.0
"""Cohere's own client at /v2, against strict upstreams of its own language and of others."""
import json

import cohere
import pytest

from bedrock_fake import KEYS, Bedrock
from cohere_fake import Cohere
from gemini_fake import Gemini
from strict_anthropic import StrictAnthropic
from strict_openai import StrictOpenAI
from test_messages import MODEL, claude_answer, claude_route, openai_answer
from upstream import Upstream

TOOL = {"type": "function", "function": {"name": "f", "description": "adds", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
GO = [{"role": "user", "content": "go"}]


def route(name, provider, model, **config):
    return {"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0}, "model": {"provider": provider, "name": model, "config": config}}


class Plan:
    """A fake's plan, made from the call that came last."""

    def __init__(self, kind, answer):
        self.fake, self.answer = kind([]), answer
        self.fake.plan = self

    def pop(self, _):
        return self.answer(self.fake.bodies[-1])


def gemini_answer(body):
    n = sum("functionResponse" in p for c in body["contents"] for p in c["parts"])
    return [{"functionCall": {"name": "f", "args": {"n": n}, "id": f"c{n}"}}] if body.get("tools") and n < 3 else [{"text": str(n)}]


def bedrock_answer(body):
    n = sum("toolResult" in b for m in body["messages"] for b in m["content"])
    return [{"text": "so"}, {"toolUse": {"toolUseId": f"t{n}", "name": "f", "input": {"n": n}}}] if body.get("toolConfig") and n < 3 else [{"text": str(n)}]


def cohere_answer(body):
    message, finish = openai_answer(body)
    if finish == "tool_calls":
        return {"tool_plan": "so", "tool_calls": message["tool_calls"]}
    return {"content": [{"type": "text", "text": message["content"]}]}


class Lab:
    """A daemon with a route to each strict upstream."""

    def __init__(self, start, **more):
        self.fakes = {"openai": StrictOpenAI(openai_answer), "claude": StrictAnthropic(claude_answer), "gemini": Plan(Gemini, gemini_answer).fake,
                      "bedrock": Plan(Bedrock, bedrock_answer).fake, "cohere": Plan(Cohere, cohere_answer).fake}
        self.ups = {name: Upstream(fake) for name, fake in self.fakes.items()}
        base = {name: up.base.removesuffix("/v1") for name, up in self.ups.items()}
        aws = {"aws_access_key_id": KEYS[0], "aws_secret_access_key": KEYS[1], "aws_region": "us-east-1", "aws_endpoint_url": base["bedrock"]}
        self.daemon = start({"endpoints": [
            route("openai", "openai", "gpt-4.1", openai_api_key="k", openai_api_base=base["openai"] + "/openai/v1"),
            claude_route(self.ups["claude"].base),
            route("gemini", "gemini", "gemini-2.5-flash", gemini_api_key="k", gemini_api_base=base["gemini"] + "/v1beta"),
            route("bedrock", "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", aws_config=aws),
            route("cohere", "cohere", "command-a-03-2025", cohere_api_key="up", cohere_api_base=base["cohere"] + "/v2"),
        ], **more})

    def close(self):
        for up in self.ups.values():
            up.close()


ROUTES = ["openai", "claude", "gemini", "bedrock", "cohere"]


@pytest.fixture(scope="module")
def lab(sluice_module):
    lab = Lab(sluice_module)
    lab.client = cohere.ClientV2("k", base_url=lab.daemon.url)
    yield lab
    lab.close()


ORDER = {"content": ("content-start", "content-delta", "content-end"), "tool-call": ("tool-call-start", "tool-call-delta", "tool-call-end")}


def check_order(kinds):
    """Each part and call begins, has its pieces and ends, one after the other, between one start and one end."""
    assert kinds[0] == "message-start" and kinds[-1] == "message-end" and kinds.count("message-start") == kinds.count("message-end") == 1
    open_ = None
    for kind in kinds[1:-1]:
        if kind == "tool-plan-delta":
            continue
        of, step = kind.rsplit("-", 1)
        assert (open_ is None) == (step == "start") and (step == "start" or open_ == of), kinds
        open_ = of if step == "start" else None if step == "end" else open_
    assert open_ is None


def put_together(events):
    """A stream's events joined to the message that a whole reply would have."""
    check_order([e.type for e in events])
    message = {"role": "assistant", "tool_plan": "", "content": "", "tool_calls": []}
    for e in events:
        delta = getattr(e, "delta", None)
        if e.type == "content-delta":
            message["content"] += delta.message.content.text or ""
        elif e.type == "tool-plan-delta":
            message["tool_plan"] += delta.message.tool_plan
        elif e.type == "tool-call-start":
            assert e.index == len(message["tool_calls"])
            call = delta.message.tool_calls
            message["tool_calls"].append({"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": call.function.arguments or ""}})
        elif e.type == "tool-call-delta":
            message["tool_calls"][e.index]["function"]["arguments"] += delta.message.tool_calls.function.arguments
    end = events[-1].delta
    assert end.usage.tokens.output_tokens >= 0 and end.usage.billed_units.input_tokens >= 0
    return {k: v for k, v in message.items() if v}, end.finish_reason


def ask(client, stream, **call):
    if stream:
        return put_together(list(client.chat_stream(**call)))
    reply = client.chat(**call)
    assert reply.id and reply.usage.tokens.input_tokens > 0
    message = reply.message
    out = {"role": message.role}
    if message.tool_calls:
        out["tool_calls"] = [c.model_dump(exclude_none=True) for c in message.tool_calls]
        out |= {"tool_plan": message.tool_plan} if message.tool_plan else {}
    else:
        out["content"] = message.content[0].text
    return out, reply.finish_reason


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", ROUTES)
def test_a_loop_of_tools(lab, name, stream):
    messages = [{"role": "system", "content": "add"}, *GO]
    for _ in range(4):
        message, reason = ask(lab.client, stream, model=name, messages=messages, tools=[TOOL])
        calls = message.get("tool_calls", [])
        assert reason == ("TOOL_CALL" if calls else "COMPLETE")
        messages.append(message)
        if not calls:
            break
        for call in calls:
            n = json.loads(call["function"]["arguments"])["n"]
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": [{"type": "document", "document": {"data": json.dumps({"n": n})}}]})
    assert messages[-1]["content"] == "3" and len(messages) == 9


def test_the_model_and_the_key_are_the_routes(lab):
    lab.client.chat(model="cohere", messages=GO)
    seen = lab.ups["cohere"].requests[-1]
    assert seen.path == "/v2/chat" and seen.json()["model"] == "command-a-03-2025" and seen.get("authorization") == "Bearer up"


def test_errors_are_told_as_cohere_does(lab):
    with pytest.raises(cohere.NotFoundError) as e:
        lab.client.chat(model="nothing", messages=GO)
    assert "nothing" in e.value.body["message"] and e.value.body["id"] == e.value.headers["x-request-id"]
    with pytest.raises(cohere.BadRequestError) as e:
        lab.client.chat(model="claude", messages=[])
    assert "messages" in e.value.body["message"]
    for path in ("/v2/nothing", "/v2"):
        r = lab.daemon.call("POST", path, {})
        assert r.status == 404 and "Not Found" in r.json()["message"]


def rank_route(name, **config):
    return {**route(name, "cohere", "rerank-v3.5", cohere_api_key="up", **config), "endpoint_type": "llm/v1/rerank"}


@pytest.fixture(scope="module")
def ranker(sluice_module):
    def other(x):  # an upstream of another kind: its errors have another form
        if x.path != "/v1/rerank" or not x.json().get("documents"):
            return x.reply({"error": {"message": "no documents", "type": "invalid_request_error", "param": None, "code": None}}, "400 Bad Request")
        return x.reply({"id": "j", "results": [{"index": 0, "relevance_score": 0.5, "document": {"text": x.json()["documents"][0]}}], "usage": {"total_tokens": 7, "prompt_tokens": 7}})

    ups = [Upstream(Cohere([])), Upstream(other)]
    vllm = {**route("vllm", "vllm", "bge-reranker", api_base=ups[1].base), "endpoint_type": "llm/v1/rerank"}
    daemon = sluice_module({"endpoints": [rank_route("rank", cohere_api_base=ups[0].base.removesuffix("/v1") + "/v2"), vllm]})
    daemon.ups = ups
    yield daemon
    for up in ups:
        up.close()


def test_rerank_by_both_of_coheres_clients(ranker):
    documents = ["short", "the longest of them", "longer one"]
    for client in (cohere.ClientV2("k", base_url=ranker.url), cohere.Client("k", base_url=ranker.url)):
        reply = client.rerank(model="rank", query="q", documents=documents, top_n=2, request_options={"additional_headers": {"x-request-id": f"rank-{type(client).__name__}"}})
        assert [r.index for r in reply.results] == [1, 2] and reply.results[0].relevance_score == 1
        assert reply.meta.billed_units.search_units == 1
        seen = ranker.ups[0].requests[-1]
        assert (seen.path, seen.json()["model"], seen.get("authorization")) == ("/v2/rerank", "rerank-v3.5", "Bearer up")
        line = ranker.log_line(f"rank-{type(client).__name__}")
        assert (line["route"], line["provider"], line["input_tokens"]) == ("rank", "cohere", 9)


def test_rerank_of_a_provider_that_is_not_coheres(ranker):
    client = cohere.ClientV2("k", base_url=ranker.url)
    assert client.rerank(model="vllm", query="q", documents=["a"]).results[0].relevance_score == 0.5
    with pytest.raises(cohere.BadRequestError) as e:
        client.rerank(model="vllm", query="q", documents=[])
    assert "no documents" in e.value.body["message"], e.value.body


def test_rerank_that_is_refused(ranker):
    client = cohere.ClientV2("k", base_url=ranker.url)
    with pytest.raises(cohere.BadRequestError) as e:
        client.rerank(model="rank", query="", documents=["a"])
    assert "query must be a text" in e.value.body["message"]  # Cohere's own text
    with pytest.raises(cohere.NotFoundError) as e:
        client.rerank(model="nothing", query="q", documents=["a"])
    assert "nothing" in e.value.body["message"]
    for path, body, said in (("/v2/rerank", {"query": "q"}, "model"),
                             ("/v2/chat", {"model": "rank", "messages": GO}, "Endpoint 'rank' is not a chat endpoint")):
        r = ranker.call("POST", path, body)
        assert r.status == 400 and said in r.json()["message"], r.body

# SPDX-License-Identifier: Apache-2.0
"""OpenAI's clients at /v1/responses over several turns: their helpers, reasoning that goes back, upstreams that break, very many items, and Node's client."""
import json
import pathlib
import subprocess
import time

import openai
import pydantic
import pytest

from responses_fake import Responses
from strict_anthropic import StrictAnthropic
from test_messages import claude_route, openai_answer
from test_responses_client import TOOL, ask, lab, openai_route  # noqa: F401: a fixture


# --- what its helpers make of it ---

def test_helpers_of_the_client(lab):
    class Sum(pydantic.BaseModel):
        sum: int

    lab.fake.answer = lambda body: ({"role": "assistant", "content": '{"sum": 3}'}, "stop")
    try:
        made = lab.client.responses.parse(model="groq", input="x", text_format=Sum)
        assert made.output_parsed == Sum(sum=3)
        with lab.client.responses.stream(model="groq", input="x", text_format=Sum) as stream:
            kinds = [e.type for e in stream]
            assert stream.get_final_response().output_parsed == Sum(sum=3)
        assert kinds.count("response.output_text.delta") >= 1
    finally:
        lab.fake.answer = openai_answer


def test_reasoning_goes_on_over_turns(sluice, upstream):
    """Claude's thoughts are signed: each turn gives them back, and the strict upstream sees them unchanged."""
    def answer(body):
        results = [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"] if b["type"] == "tool_result"]
        if len(results) < 2:
            return [{"type": "thinking", "thinking": f"hm {len(results)}", "signature": f"c2ln{len(results)}"}, {"type": "redacted_thinking", "data": "Y2xvc2Vk"},
                    {"type": "tool_use", "id": f"toolu_{len(results)}", "name": "f", "input": {"n": len(results)}}], "tool_use"
        return [{"type": "thinking", "thinking": "so", "signature": "c2lnOQ=="}, {"type": "text", "text": "done"}], "end_turn"

    for stream in (False, True):
        fake = StrictAnthropic(answer)
        daemon = sluice({"endpoints": [claude_route(upstream(fake).base)]})
        client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0)
        items = [{"role": "user", "content": "go"}]
        for _ in range(3):
            response = ask(client, stream, model="claude", input=items, tools=[TOOL], reasoning={"effort": "low", "summary": "auto"}, include=["reasoning.encrypted_content"], max_output_tokens=3000)
            items += [i.model_dump(exclude_none=True) for i in response.output]
            items += [{"type": "function_call_output", "call_id": i.call_id, "output": "1"} for i in response.output if i.type == "function_call"]
        assert response.output_text == "done" and response.output[0].summary[0].text == "so"
        back = [b for m in fake.bodies[-1]["messages"] if m["role"] == "assistant" for b in m["content"]]
        assert [b for b in back if b["type"] == "thinking"] == [{"type": "thinking", "thinking": f"hm {n}", "signature": f"c2ln{n}"} for n in (0, 1)]
        assert [b["data"] for b in back if b["type"] == "redacted_thinking"] == ["Y2xvc2Vk"] * 2


@pytest.mark.parametrize("stream", [False, True])
def test_an_upstream_that_breaks_or_fails(sluice, upstream, stream):
    ways = ["429"]

    def handler(x):
        kind = ways[-1]
        if kind == "429":
            return x.reply({"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}, "429 Too Many Requests", headers=[("retry-after", "7")])
        if kind == "html":
            return x.reply("<html><title>Login</title></html>", content_type="text/html")
        if stream:
            x.stream_head()
            x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}, "finish_reason": None}]})
        return x.close()

    base = upstream(handler).base
    daemon = sluice({"endpoints": [{"name": "c", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0}, "model": {"provider": "vllm", "name": "m", "config": {"api_key": "k", "api_base": base}}}]})
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0)
    call = {"model": "c", "input": "x", "stream": stream}
    with pytest.raises(openai.RateLimitError) as e:
        client.responses.create(**call)
    assert e.value.response.headers["retry-after"] == "7" and "slow down" in e.value.message
    ways.append("cut")
    if stream:
        events = list(client.responses.create(**call))
        assert [e.sequence_number for e in events] == list(range(len(events)))
        assert [e.type for e in events[-2:]] == ["error", "response.failed"]
        assert events[-1].response.status == "failed" and events[-1].response.error.code == "server_error" and events[-2].message == events[-1].response.error.message
    else:
        with pytest.raises(openai.InternalServerError):
            client.responses.create(**call)
    ways.append("html")
    with pytest.raises(openai.InternalServerError, match="text/html"):
        client.responses.create(**call)


@pytest.mark.parametrize("n", [10000])
def test_very_many_items(lab, n):
    """The time grows with their number."""

    lab.fake.answer = lambda body: ({"role": "assistant", "content": str(len(body["messages"]))}, "stop")
    try:
        took = {}
        for k in (n // 10, n):
            items = [{"role": "user", "content": "go"}]
            for i in range(k):
                items += [{"type": "function_call", "call_id": f"call{i:05d}", "name": "f", "arguments": "{}"}, {"type": "function_call_output", "call_id": f"call{i:05d}", "output": "r"}]
            begin = time.monotonic()
            assert lab.client.responses.create(model="vllm", input=items, tools=[TOOL]).output_text == str(2 * k + 1)
            took[k] = time.monotonic() - begin
        assert took[n] < 40 * took[n // 10] + 2
        deep = "[" * 600 + "]" * 600
        r = lab.daemon.call("POST", "/v1/responses", '{"model":"groq","input":' + deep + "}")
        assert r.status == 400 and r.json()["error"]["message"]
    finally:
        lab.fake.answer = openai_answer


def test_nodes_client(lab):
    script = pathlib.Path(__file__).parents[1] / "node_responses.mjs"
    out = subprocess.run(["node", str(script), lab.daemon.url + "/v1", "groq"], capture_output=True, text=True, timeout=60, cwd=script.parent)
    assert out.returncode == 0, out.stderr
    said = json.loads(out.stdout.splitlines()[-1])
    assert said == {"whole": {"text": "3", "items": 8, "status": "completed"}, "stream": {"text": "3", "items": 8, "status": "completed"}, "refused": [400, "background", "BadRequestError"]}


# --- how many tokens ---

def test_tokens_are_counted_there_or_estimated_here(lab, sluice, upstream):
    fake = Responses([])
    up = upstream(fake)
    daemon = sluice({"endpoints": [openai_route(up.base, "chats", openai_api="chat"), openai_route(up.base, "responses", openai_api="responses")]})
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0)
    for route in ("chats", "responses"):
        raw = client.responses.input_tokens.with_raw_response.count(model=route, input="x", instructions="y", tools=[TOOL])
        assert raw.parse().input_tokens == 17 and raw.headers.get("x-sluice-estimate") is None
        assert up.requests[-1].path == "/v1/responses/input_tokens" and up.requests[-1].json()["model"] == "gpt-5-mini"
    with pytest.raises(openai.BadRequestError, match="temperature"):
        client.responses.input_tokens.count(model="chats", input="x", extra_body={"temperature": 1})
    n = len(lab.up.requests)
    raw = lab.client.responses.input_tokens.with_raw_response.count(model="groq", input="x" * 400)
    assert (raw.parse().input_tokens, raw.parse().object, raw.headers["x-sluice-estimate"]) == (105, "response.input_tokens", "tokens")
    assert lab.client.responses.input_tokens.count(model="groq", input=[{"role": "user", "content": "x" * 800}]).input_tokens == 205
    with pytest.raises(openai.BadRequestError, match="input"):
        lab.client.responses.input_tokens.count(model="groq", input=5)
    with pytest.raises(openai.NotFoundError):
        lab.client.responses.input_tokens.count(model="nothing", input="x")
    assert len(lab.up.requests) == n

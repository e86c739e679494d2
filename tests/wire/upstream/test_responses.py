# SPDX-License-Identifier: Apache-2.0
"""A strict Responses API, with OpenAI's client over several turns of chat; and bad replies and streams."""
import json

import openai
import pytest

from responses_fake import Responses

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "get-weather", "description": "d", "strict": True, "parameters": SCHEMA}},
         {"type": "function", "function": {"name": "look at the clock"}}]
USER = [{"role": "user", "content": "x"}]


def config(base, **more):
    return {"openai_api_key": "k", "openai_api_base": base, "openai_api": "responses", **more}


def start(sluice, upstream, handler, model="gpt-4o", **more):
    daemon = sluice({"endpoints": [{"name": "c", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
                                    "model": {"provider": "openai", "name": model, "config": config(upstream(handler).base, **more)}}]})
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0), daemon


def text(t, **more):
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": t, "annotations": [], **more}]}


def call(n, name, args):
    return {"type": "function_call", "call_id": f"call_{n}", "name": name, "arguments": json.dumps(args)}


def thought(*summary):
    return {"type": "reasoning", "summary": [{"type": "summary_text", "text": s} for s in summary]}


def turn(client, messages, stream, **more):
    """The assistant's message as a client keeps it."""
    if not stream:
        return client.chat.completions.create(model="c", messages=messages, **more).choices[0].message.model_dump(exclude_none=True)
    message, calls, blocks, told = {"role": "assistant", "content": ""}, [], [], ""
    for chunk in client.chat.completions.create(model="c", messages=messages, stream=True, **more):
        delta = chunk.choices[0].delta.model_dump(exclude_none=True)
        message["content"] += delta.get("content", "")
        told += delta.get("reasoning_content", "")
        for block in delta.get("thinking_blocks", []):
            blocks.append(block if block["type"] == "redacted_thinking" else {**block, "thinking": told})
            told = ""
        for piece in delta.get("tool_calls", []):
            if piece["index"] == len(calls):
                calls.append({k: v for k, v in piece.items() if k != "index"})
            else:
                calls[piece["index"]]["function"]["arguments"] += piece["function"]["arguments"]
    return {**message, **({"tool_calls": calls} if calls else {}), **({"thinking_blocks": blocks} if blocks else {})}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5-mini"])
def test_tools_over_several_turns(sluice, upstream, model, stream):
    fake = Responses([[text("ok")]])
    client, _ = start(sluice, upstream, fake, model)
    turn(client, USER, stream, tools=TOOLS)
    clock = fake.bodies[-1]["tools"][1]["name"]  # its own name has blanks
    reasons = model.startswith("gpt-5")
    plan = [[thought("Hm.", "So."), text("I look."), call(1, "get-weather", {"city": "Oslo"}), call(2, clock, {})],
            [thought(), call(3, "get-weather", {"city": "Rome"})], [thought(), text("Cold.")], [text("Bye.")]]
    fake.plan = [[item for item in output if reasons or item["type"] != "reasoning"] for output in plan]
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Weather?"}]
    more = {"reasoning_effort": "low"} if reasons else {"temperature": 0.7}
    for _ in range(3):
        message = turn(client, messages, stream, tools=TOOLS, presence_penalty=-0.5, max_tokens=3, seed=1, **more)
        messages.append(message)
        for tool in reversed(message.get("tool_calls", [])):
            assert tool["function"]["name"] in ("get-weather", "look at the clock")
            messages.append({"role": "tool", "tool_call_id": tool["id"], "content": json.dumps({"for": tool["function"]["name"]})})
    messages += [{"role": "user", "content": ""}, {"role": "user", "content": "Thanks"}]
    assert turn(client, messages, stream, tools=TOOLS)["content"] == "Bye."
    last = fake.bodies[-1]["input"]
    kinds = [i.get("role") or i["type"] for i in last]
    want = ["system", "user", "reasoning", "assistant", "function_call", "function_call", "function_call_output", "function_call_output", "reasoning", "function_call", "function_call_output",
            "reasoning", "assistant", "user", "user"]
    assert kinds == [k for k in want if reasons or k != "reasoning"]
    assert [i["call_id"] for i in last if i.get("type") == "function_call"] == ["call_1", "call_2", "call_3"]
    if reasons:
        assert last[2]["summary"] == [{"type": "summary_text", "text": "Hm.\n\nSo."}]
    assert all(b["store"] is False for b in fake.bodies)


def test_what_another_provider_signed_is_left_out(sluice, upstream):
    fake = Responses([[text("ok")]])
    client, _ = start(sluice, upstream, fake, "gpt-5-mini")
    history = [*USER, {"role": "assistant", "content": "y", "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "EqQ="}]}, *USER]
    raw = client.chat.completions.with_raw_response.create(model="c", messages=history, tools=TOOLS, tool_choice="required", logit_bias={"1": 1})
    assert raw.headers["x-sluice-dropped"] == "thinking_blocks,logit_bias"


def test_usage_and_json(sluice, upstream):
    fake = Responses([[text('{"a":1}')], [text("{}")]])
    client, daemon = start(sluice, upstream, fake)
    form = {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": SCHEMA}}
    usage = client.chat.completions.create(model="c", messages=USER, response_format=form, verbosity="low").usage
    assert (usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens, usage.completion_tokens_details.reasoning_tokens) == (5, 1, 2, 1)
    chunks = list(client.chat.completions.create(model="c", messages=[{"role": "system", "content": "JSON!"}, *USER], response_format={"type": "json_object"}, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.total_tokens == 7 and chunks[0].id == "resp_2"


SOURCE = {"type": "url_citation", "start_index": 0, "end_index": 2, "url": "https://example.com/", "title": "T"}


@pytest.mark.parametrize("up, down", [(False, False), (False, True), (True, False), (True, True)])
def test_sources_come_whatever_is_streamed(sluice, upstream, up, down):
    """`up`, `down`: whether the server streams, whatever it was asked for, and whether the client asks for a stream."""
    fake = Responses([[text("Hi", annotations=[SOURCE, {"type": "file_citation", "index": 1, "file_id": "f"}]), text("Ho", annotations=[SOURCE])]])

    def other(x):
        body = x.json()
        x.json = lambda: {**body, "stream": up}
        fake(x)

    client, _ = start(sluice, upstream, other)
    want = [{"type": "url_citation", "url_citation": {"start_index": n, "end_index": n + 2, "url": "https://example.com/", "title": "T"}} for n in (0, 2)]
    if down:
        deltas = [c.choices[0].delta.model_dump() for c in client.chat.completions.create(model="c", messages=USER, stream=True)]
        assert [a for d in deltas for a in d.get("annotations") or []] == want
        assert "".join(d["content"] or "" for d in deltas) == "HiHo"
        return
    raw = client.chat.completions.with_raw_response.create(model="c", messages=USER)
    message = raw.parse().choices[0].message.model_dump(exclude_none=True)
    assert message["annotations"] == want and message["content"] == "HiHo"
    assert up or raw.headers["x-sluice-dropped"] == "reply.annotations"


def test_mlflows_path(sluice, upstream):
    fake = Responses([[thought(), text("ok")], [thought("s"), text("ok")]])
    _, daemon = start(sluice, upstream, fake, "gpt-5-mini")
    r = daemon.call("POST", "/gateway/c/invocations", {"messages": USER, "max_tokens": 20})
    assert r.status == 200 and r.json()["choices"][0]["message"]["content"] == "ok" and r.json()["usage"]["total_tokens"] == 7, r.body
    r = daemon.call("POST", "/gateway/c/invocations", {"messages": USER, "stream": True})
    pieces = [json.loads(e[6:])["choices"] for e in r.body.decode().split("\n\n") if e]
    assert "".join(c[0]["delta"].get("content") or "" for c in pieces if c) == "ok"
    r = daemon.call("POST", "/gateway/c/invocations", {"messages": USER, "stop": ["x"]})
    assert r.status == 422 and "stop" in r.json()["detail"]


def test_auto_asks_the_table_of_models(sluice, upstream):
    fake = Responses([[text("ok")], [text("ok")]])
    chat = lambda x: x.reply({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": x.path}, "finish_reason": "stop"}]})
    up = upstream(lambda x: fake(x) if x.path.endswith("/responses") else chat(x))
    names = ["o3-pro", "ours-1", "gpt-5-mini"]
    daemon = sluice({"models": {"ours*": {"provider": "openai", "features": ["responses"]}}, "endpoints": [{"name": n, "endpoint_type": "llm/v1/chat", "model": {"provider": "openai", "name": n, "config": config(up.base, openai_api="auto")}} for n in names]})
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="k")
    assert [client.chat.completions.create(model=n, messages=USER).choices[0].message.content for n in names] == ["ok", "ok", "/v1/chat/completions"]


# --- what upstreams do wrong ---

def failed(code, **more):
    return {"id": "r", "object": "response", "status": "failed", "output": [], "error": {"code": code, "message": "said so"}, **more}


@pytest.mark.parametrize("body", [b"<html>", b'{"output":[{"type":"message","content":[{"te', b"[]", b"{}", b'{"output":7}', b"null", b'{"status":"in_progress","output":[]}',
                                  b'{"object":"chat.completion","choices":[]}', b'{"status":"cancelled","output":[]}'])
def test_bad_replies_are_bad_replies(sluice, upstream, body):
    _, daemon = start(sluice, upstream, lambda x: x.reply(body))
    r = daemon.call("POST", "/v1/chat/completions", {"model": "c", "messages": USER})
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_bad_response", r.body


@pytest.mark.parametrize("code, status, kind", [("server_error", 500, "provider_server_error"), ("rate_limit_exceeded", 429, "provider_rate_limited"),
                                                ("invalid_prompt", 400, "provider_rejected"), ("image_too_large", 400, "provider_rejected"), ("odd", 502, "provider_server_error")])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_response_that_failed_is_an_error(sluice, upstream, code, status, kind, stream):
    def fail(x):
        if not stream:
            x.reply(failed(code))
            return
        x.stream_head()
        x.event({"type": "response.failed", "response": failed(code)})
        x.last_chunk()

    _, daemon = start(sluice, upstream, fail)
    r = daemon.call("POST", "/v1/chat/completions", {"model": "c", "messages": USER, "stream": stream}, [("x-request-id", "t-1"), ("content-type", "application/json")])
    assert (r.status == 200 if stream else r.status == status) and b"said so" in r.body, r.body
    assert daemon.log_line("t-1")["error_type"] == kind


CUT = [{"type": "response.created", "response": {"id": "r"}}, {"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"},
       {"type": "response.completed", "response": {"id": "r", "status": "completed"}}]


@pytest.mark.parametrize("end", ["close", "reset", "last_chunk"])
def test_every_cut_of_a_stream_is_told_once(sluice, upstream, end):
    whole = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in CUT).encode()
    current = [0]

    def handler(x):
        x.stream_head()
        if current[0]:
            x.chunk(whole[:current[0]])
        getattr(x, end)()

    _, daemon = start(sluice, upstream, handler)
    for current[0] in range(len(whole) + 1):
        r = daemon.call("POST", "/v1/chat/completions", {"model": "c", "messages": USER, "stream": True})
        is_whole = current[0] >= len(whole) - (2 if end == "last_chunk" else 0)  # at the end of a body an event needs no blank line
        assert r.status == 200 and r.complete and r.body.endswith(b"data: [DONE]\n\n")
        assert r.body.count(b'"error"') == (0 if is_whole else 1) and (b'"finish_reason":"stop"' in r.body) == is_whole, current[0]


@pytest.mark.parametrize("event", [{"type": "error", "code": "server_error", "message": "said so", "param": None}, {"error": {"message": "said so", "code": "server_error"}},
                                   {"type": "error", "error": {"type": "server_error", "message": "said so"}}], ids=["flat", "as_a_body", "nested"])
def test_errors_inside_a_stream(sluice, upstream, event):
    def handler(x):
        x.stream_head()
        for e in [*CUT[:2], event, *CUT[1:]]:
            x.event(e)
        x.last_chunk()

    client, _ = start(sluice, upstream, handler)
    got = []
    with pytest.raises(openai.APIError, match="said so"):
        for chunk in client.chat.completions.create(model="c", messages=USER, stream=True):
            got += [chunk.choices[0].delta.content]
    assert "".join(filter(None, got)) == "Hi"


def test_an_end_without_an_answer_is_an_error(sluice, upstream):
    def handler(x):
        x.stream_head()
        x.event({"type": "response.cancelled", "response": {"id": "r", "status": "cancelled"}})
        x.last_chunk()

    client, _ = start(sluice, upstream, handler)
    with pytest.raises(openai.APIError, match="ended with cancelled"):
        list(client.chat.completions.create(model="c", messages=USER, stream=True))


def test_arguments_that_come_late_and_whole_replies_in_the_place_of_streams(sluice, upstream):
    """Two calls whose pieces alternate; and a server that does not stream."""
    def item(i):
        return {"type": "response.output_item.added", "output_index": i, "item": {"type": "function_call", "id": f"fc_{i}", "call_id": f"call_{i}", "name": "f", "arguments": ""}}

    def piece(i, t):
        return {"type": "response.function_call_arguments.delta", "output_index": i, "delta": t}

    def alternate(x):
        if b"whole" in x.body:
            x.reply({"id": "r", "output": [text("Hi")]})
            return
        x.stream_head()
        for e in [CUT[0], item(0), piece(0, '{"a'), item(1), piece(1, "{"), piece(0, '":1}'), piece(1, "}"), CUT[2]]:
            x.event(e)
        x.last_chunk()

    client, _ = start(sluice, upstream, alternate)
    assert [c["function"]["arguments"] for c in turn(client, USER, True)["tool_calls"]] == ['{"a":1}', "{}"]
    assert turn(client, [{"role": "user", "content": "whole"}], True)["content"] == "Hi"

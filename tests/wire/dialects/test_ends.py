# SPDX-License-Identifier: Apache-2.0
"""How an answer ends, in words that nobody knows, or twice: the words before are an answer all the same, and it ends once."""
import json
import re

import pytest

from bedrock_fake import KEYS, event
from speakers import SPEAKERS
from test_counts import written
from upstream import Upstream

GO = [("user", "Go.")]
NEW = "brand_new"
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
USED = {"input_tokens": 3, "output_tokens": 5}


def item(text):
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": text, "annotations": []}] if text else []}


def response(status, **more):
    return {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": status, "output": [item("ok")], "usage": {**USED, "total_tokens": 8}, **more}


def openai(end):
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": end}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}}


def openai_stream(*ends):
    yield written({**CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "ok"}, "finish_reason": None}]})
    for end in ends:
        yield written({**CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": end}]})
    yield written({**CHUNK, "choices": [], "usage": openai(None)["usage"]})
    yield written("[DONE]")


def incomplete(end):
    return response("incomplete", incomplete_details={"reason": end})


def responses_stream(*ends):
    yield written({"type": "response.created", "sequence_number": 0, "response": {**response("in_progress"), "output": []}})
    yield written({"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": item("")})
    yield written({"type": "response.output_text.delta", "sequence_number": 2, "output_index": 0, "content_index": 0, "item_id": "msg_1", "delta": "ok"})
    yield written({"type": "response.output_item.done", "sequence_number": 3, "output_index": 0, "item": item("ok")})
    for i, end in enumerate(ends):
        yield written({"type": "response.incomplete", "sequence_number": 4 + i, "response": incomplete(end)})


def anthropic(end):
    return {**MESSAGE, "content": [{"type": "text", "text": "ok"}], "stop_reason": end, "usage": USED}


def anthropic_stream(*ends):
    yield written({"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None, "usage": USED}})
    yield written({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    yield written({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ok"}})
    yield written({"type": "content_block_stop", "index": 0})
    for end in ends:
        yield written({"type": "message_delta", "delta": {"stop_reason": end, "stop_sequence": None}, "usage": {"output_tokens": 5}})
    yield written({"type": "message_stop"})


def gemini(end):
    return {"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": end}], "modelVersion": "m",
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8}}


def gemini_stream(*ends):
    yield written(gemini(None))
    for end in ends:
        yield written({**gemini(end), "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": ""}]}, "finishReason": end}]})


def bedrock(end):
    return {"output": {"message": {"role": "assistant", "content": [{"text": "ok"}]}}, "stopReason": end, "usage": {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8}, "metrics": {"latencyMs": 1}}


def bedrock_stream(*ends):
    yield event("messageStart", {"role": "assistant"})
    yield event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "ok"}})
    yield event("contentBlockStop", {"contentBlockIndex": 0})
    for end in ends:
        yield event("messageStop", {"stopReason": end})
    yield event("metadata", {"usage": bedrock(None)["usage"], "metrics": {"latencyMs": 1}})


def cohere(end):
    return {"id": "c", "finish_reason": end, "message": {"role": "assistant", "content": [{"type": "text", "text": "ok"}]}, "usage": {"tokens": USED, "billed_units": USED}}


def cohere_stream(*ends):
    yield written({"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}})
    yield written({"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}})
    yield written({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "ok"}}}})
    yield written({"type": "content-end", "index": 0})
    for end in ends:
        yield written({"type": "message-end", "delta": {"finish_reason": end, "usage": cohere(None)["usage"]}})


ENDS = {  # language: what a whole reply is, and a stream; the word for a right end
    "openai": (openai, openai_stream, "stop"), "responses": (incomplete, responses_stream, "max_output_tokens"), "anthropic": (anthropic, anthropic_stream, "end_turn"),
    "gemini": (gemini, gemini_stream, "STOP"), "bedrock": (bedrock, bedrock_stream, "end_turn"), "cohere": (cohere, cohere_stream, "COMPLETE"),
}


@pytest.fixture(scope="module")
def lab(sluice_module):
    up = Upstream(lambda x: x)
    host = up.base.removesuffix("/v1")
    config = {
        "openai": {"api_base": up.base}, "responses": {"openai_api_key": "k", "openai_api_base": up.base, "openai_api": "responses"},
        "anthropic": {"anthropic_api_key": "k", "anthropic_api_base": up.base}, "gemini": {"gemini_api_key": "k", "gemini_api_base": host + "/v1beta"},
        "bedrock": {"aws_config": {"aws_region": "us-east-1", "aws_endpoint_url": host, "aws_access_key_id": KEYS[0], "aws_secret_access_key": KEYS[1]}}, "cohere": {"cohere_api_key": "k", "cohere_api_base": host},
    }
    daemon = sluice_module({"endpoints": [{"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0}, "model": {
        "provider": {"openai": "openai-compatible", "responses": "openai"}.get(name, name), "name": "anthropic.claude-3-5-sonnet-20241022-v2:0" if name == "bedrock" else "m", "config": c}} for name, c in config.items()]})
    daemon.up = up
    yield daemon
    up.close()


def answers(lab, route, stream, *ends):
    whole, streamed, _ = ENDS[route]

    def act(x):
        if not stream:
            x.reply(json.dumps(whole(ends[0])))
        elif route == "bedrock":
            x.reply(b"".join(streamed(*ends)), content_type="application/vnd.amazon.eventstream")
        else:
            x.reply("".join(streamed(*ends)).encode(), content_type="text/event-stream")

    lab.up.handler = act


PAIRS = [(dialect, route) for dialect in SPEAKERS for route in ENDS if dialect != route]


def ask(lab, dialect, route, stream):
    speaker = SPEAKERS[dialect]
    path = (speaker.stream_path if stream else speaker.path).format(route=route)
    r = lab.call("POST", path, json.dumps(speaker.body(route, GO, [], None, stream)), [("content-type", "application/json"), *getattr(speaker, "headers", [])])
    assert r.status == 200, r.body
    return r


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect, route", PAIRS)
def test_an_end_that_nobody_knows(lab, dialect, route, stream):
    answers(lab, route, stream, NEW)
    body = ask(lab, dialect, route, stream).body
    if dialect == "gemini" and route != "anthropic":  # it has a word for that
        assert body.count(b'"OTHER"') == 1
        body = body.replace(b'"OTHER"', b'"STOP"')
    if dialect == "mlflow" and route != "anthropic":  # as its own gateway, which checks no word
        assert body.count(b'"brand_new"') == 1
        body = body.replace(b'"brand_new"', b'"stop"')
    answer = SPEAKERS[dialect].streamed(body) if stream else SPEAKERS[dialect].whole(json.loads(body))
    assert (answer.text, answer.finish, answer.calls) == ("ok", "stop", [])


END = {  # of a stream, in the client's language
    "openai": rb'"finish_reason":"\w+"', "mlflow": rb'"finish_reason":"\w+"', "responses": rb"event: response\.(completed|incomplete|failed)", "anthropic": rb"event: message_delta",
    "gemini": rb'"finishReason":"\w+"', "bedrock": rb"messageStop", "cohere": rb"event: message-end",
}


# MLflow's own gateway passes chunks of OpenAI's one by one.
@pytest.mark.parametrize("dialect, route", [p for p in PAIRS if p != ("mlflow", "openai")])
def test_a_second_end_is_not_told(lab, dialect, route):
    right = ENDS[route][2]
    for ends in ((right,), (right, right), (right, NEW)):
        answers(lab, route, True, *ends)
        body = ask(lab, dialect, route, True).body
        assert len(re.findall(END[dialect], body)) == 1, body

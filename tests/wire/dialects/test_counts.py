# SPDX-License-Identifier: Apache-2.0
"""A reply that passes as it came is counted all the same: its tokens stand in the access log and in the metrics."""
import json

import pytest

from harness import CHAT_REPLY
from upstream import Upstream

X = [{"role": "user", "content": "x"}]
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None, "stop_sequence": None}
READ = {"input_tokens": 3, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 7}
TEXT = {"type": "text", "text": "ok"}
RESPONSE = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [
    {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "ok", "annotations": []}]}],
    "usage": {"input_tokens": 12, "input_tokens_details": {"cached_tokens": 7}, "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 2}, "total_tokens": 17}}
USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17, "prompt_tokens_details": {"cached_tokens": 7}}
COHERE = {"billed_units": {"input_tokens": 4, "output_tokens": 5}, "tokens": {"input_tokens": 12, "output_tokens": 5}, "cached_tokens": 7}


def candidate(text, finish=None, usage=None):
    said = {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, **({"finishReason": finish} if finish else {})}
    return {"candidates": [said], "modelVersion": "m", **({"usageMetadata": usage} if usage else {})}


GEMINI = {"promptTokenCount": 12, "candidatesTokenCount": 3, "thoughtsTokenCount": 2, "totalTokenCount": 17, "cachedContentTokenCount": 7}
# dialect: provider, its settings, the path of a whole call and of a stream, the body, the reply, the events.
PAIRS = {
    "openai": ("openai", {}, "/v1/chat/completions", None, {"messages": X}, {**json.loads(CHAT_REPLY), "usage": USAGE},
               [{**CHUNK, "choices": [{"index": 0, "delta": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]}, {**CHUNK, "choices": [], "usage": USAGE}, "[DONE]"]),
    "responses": ("openai", {"openai_api": "responses"}, "/v1/responses", None, {"input": "x"}, RESPONSE,
                  [{"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "status": "in_progress", "output": [], "usage": None}},
                   {"type": "response.completed", "sequence_number": 1, "response": RESPONSE}]),
    "anthropic": ("anthropic", {}, "/v1/messages", None, {"max_tokens": 9, "messages": X}, {**MESSAGE, "content": [TEXT], "stop_reason": "end_turn", "usage": {**READ, "output_tokens": 5}},
                  [{"type": "message_start", "message": {**MESSAGE, "usage": {**READ, "output_tokens": 1}}}, {"type": "content_block_start", "index": 0, "content_block": TEXT},
                   {"type": "content_block_stop", "index": 0}, {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]),
    "gemini": ("gemini", {}, "/v1beta/models/r:generateContent", "/v1beta/models/r:streamGenerateContent?alt=sse", {"contents": [{"role": "user", "parts": [{"text": "x"}]}]},
               candidate("ok", "STOP", GEMINI), [candidate("o", None, {**GEMINI, "candidatesTokenCount": 1, "totalTokenCount": 15}), candidate("k", "STOP", GEMINI)]),
    "cohere": ("cohere", {}, "/v2/chat", None, {"messages": X}, {"id": "c", "finish_reason": "COMPLETE", "message": {"role": "assistant", "content": [TEXT]}, "usage": COHERE},
               [{"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant"}}}, {"type": "content-start", "index": 0, "delta": {"message": {"content": TEXT}}},
                {"type": "content-end", "index": 0}, {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": COHERE}}, "[DONE]"]),
}
BASES = {"gemini": "/v1beta", "cohere": ""}


def written(event):
    name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
    return f"{name}data: {event if isinstance(event, str) else json.dumps(event)}\n\n"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("dialect", PAIRS)
def test_what_passes_is_counted(sluice, dialect, stream):
    provider, config, path, stream_path, body, whole, events = PAIRS[dialect]
    sent = "".join(written(e) for e in events).encode() if stream else json.dumps(whole).encode()

    def act(x):
        if not stream:
            x.reply(sent)
            return
        x.stream_head()
        x.chunk(sent.decode())
        x.last_chunk()

    up = Upstream(act)
    base = up.base if dialect not in BASES else up.base.removesuffix("/v1") + BASES[dialect]
    daemon = sluice({"endpoints": [{"name": "r", "endpoint_type": "llm/v1/chat", "model": {"provider": provider, "name": "m", "config": {f"{provider}_api_key": "k", f"{provider}_api_base": base, **config}}}]})
    ask = {**body, **({} if dialect == "gemini" else {"model": "r"}), **({"stream": True} if stream and dialect != "gemini" else {}),
           **({"stream_options": {"include_usage": True}} if stream and dialect == "openai" else {})}
    r = daemon.call("POST", stream and stream_path or path, ask)
    assert (r.status, r.body) == (200, sent), r.body
    line = daemon.log_line(r.get("x-request-id"))
    assert [line[k] for k in ("input_tokens", "output_tokens", "cached_tokens")] == [12, 5, 7], line
    text = daemon.call("GET", "/metrics").body.decode()
    sums = {kind: sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("gen_ai_client_token_usage_sum{") and f'gen_ai_token_type="{kind}"' in line) for kind in ("input", "output")}
    assert sums == {"input": 12, "output": 5}, sums
    up.close()

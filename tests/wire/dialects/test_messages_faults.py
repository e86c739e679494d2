# SPDX-License-Identifier: Apache-2.0
"""The errors of /v1/messages, and what passes through it unchanged."""
import json
import time

import anthropic
import pytest

from harness import CHAT_REPLY, chat_route
from test_messages import claude_route
from upstream import Upstream

X = [{"role": "user", "content": "x"}]
REPLY = (b'{ "id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"text","text":"ok","citations":null}],\n'
         b'"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":2,"cache_read_input_tokens":7,"output_tokens":5,"new":1}}')
EVENTS = ('event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,'
          '"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
          'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
          'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"o"}}\n\n')


@pytest.fixture(scope="module")
def gateway(sluice_module):
    ups = [Upstream(lambda x: x.reply(REPLY)), Upstream(lambda x: x.reply(CHAT_REPLY))]
    few = chat_route(ups[1].base, "few")
    few["limit"] = {"renewal_period": "minute", "calls": 1}
    daemon = sluice_module({"endpoints": [claude_route(ups[0].base), chat_route(ups[1].base, "other"), few]})
    daemon.own, daemon.other = ups
    daemon.client = anthropic.Anthropic(base_url=daemon.url, api_key="k", max_retries=0)
    yield daemon
    for up in ups:
        up.close()


def test_bytes_pass_but_for_the_model(gateway):
    body = b'{ "max_tokens":9, "model" : "claude","messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}],"mcp_servers":[], "new":1e2 }'
    r = gateway.call("POST", "/v1/messages", body.decode(), [("anthropic-version", "2023-06-01"), ("x-api-key", "k")])
    assert (r.status, r.body) == (200, REPLY)
    up = gateway.own.requests[-1]
    assert up.body == body.replace(b'"claude"', b'"claude-sonnet-4-5"')
    assert (up.get("x-api-key"), up.get("anthropic-version")) == ("sk-ant-up", "2023-06-01")


def test_a_limit_is_told_as_anthropic_does(gateway):
    gateway.client.messages.create(model="few", max_tokens=9, messages=X)
    with pytest.raises(anthropic.RateLimitError) as e:
        gateway.client.messages.create(model="few", max_tokens=9, messages=X)
    assert e.value.body["error"]["type"] == "rate_limit_error" and 0 < int(e.value.response.headers["retry-after"]) <= 60
    with pytest.raises(anthropic.RateLimitError):
        gateway.client.messages.count_tokens(model="few", messages=X)


def test_no_conversation_is_kept(gateway):
    """Anthropic's clients read the reason, and send the whole conversation then."""
    with pytest.raises(anthropic.BadRequestError) as e:
        gateway.client.beta.messages.create(model="other", max_tokens=9, messages=X, thread={"type": "create"})
    assert e.value.body["error"]["details"]["error_code"] == "thread_unsupported_request" and "without 'thread'" in e.value.message
    gateway.client.beta.messages.create(model="claude", max_tokens=9, messages=X, thread={"type": "create"})
    assert gateway.own.requests[-1].json()["thread"] == {"type": "create"}


WRONG = [
    ({"messages": X}, "max_tokens"),
    ({"max_tokens": "9", "messages": X}, "max_tokens"),
    ({"max_tokens": 9, "messages": "x"}, "messages"),
    ({"max_tokens": 9, "messages": [1]}, "messages[0]"),
    ({"max_tokens": 9, "messages": [{"role": "user"}]}, "content"),
    ({"max_tokens": 9, "messages": [{"role": "tool", "content": "x", "tool_call_id": "a"}]}, "tool_result"),
    ({"max_tokens": 9, "messages": [{"role": "developer", "content": "x"}]}, "system"),
    ({"max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a"}}]}]}, "image"),
    ({"max_tokens": 9, "messages": X, "system": 1}, "system"),
    ({"max_tokens": 9, "messages": X, "stop_sequences": "a"}, "stop_sequences"),
    ({"max_tokens": 9, "messages": X, "temperature": "1"}, "temperature"),
    ({"max_tokens": 9, "messages": X, "tools": [{"type": "function", "function": {"name": "f"}}]}, "input_schema"),
    ({"max_tokens": 9, "messages": X, "tools": {}}, "tools"),
    ({"max_tokens": 9, "messages": X, "tool_choice": "auto"}, "tool_choice"),
    ({"max_tokens": 9, "messages": X, "stream": "yes"}, "stream"),
]


@pytest.mark.parametrize("members, word", WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_is_wrong_is_named(gateway, members, word):
    n = len(gateway.other.requests)
    r = gateway.call("POST", "/v1/messages", {"model": "other", **members})
    assert r.status == 400 and r.json()["type"] == "error" and r.json()["error"]["type"] == "invalid_request_error", r.body
    assert word in r.json()["error"]["message"], r.body
    assert len(gateway.other.requests) == n


@pytest.mark.parametrize("broken", ["{", "[]", "", '{"model":1}', '{"model":"other","model":"other"}', "[" * 5000, '{"a":' * 3000])
def test_no_body_of_a_call(gateway, broken):
    r = gateway.call("POST", "/v1/messages", broken)
    assert (r.status, r.json()["error"]["type"]) == (400, "invalid_request_error")


def test_an_upstream_that_breaks_is_an_event(gateway):
    def cut(x):
        x.stream_head()
        x.chunk(EVENTS)
        x.close()

    gateway.own.handler = cut
    try:
        r = gateway.call("POST", "/v1/messages", {"model": "claude", "max_tokens": 9, "messages": X, "stream": True})
        last = r.body.decode().rstrip().split("\n\n")[-1].split("\n")
        assert last[0] == "event: error" and json.loads(last[1][6:])["error"]["type"] == "api_error" and b"message_stop" not in r.body
        with pytest.raises(anthropic.APIStatusError):
            with gateway.client.messages.stream(model="claude", max_tokens=9, messages=X) as s:
                s.get_final_message()
    finally:
        gateway.own.handler = lambda x: x.reply(REPLY)


@pytest.mark.parametrize("stream", [True, False])
def test_a_stream_without_a_word_is_no_answer(gateway, stream):
    def handler(x):
        x.stream_head()
        x.chunk("data: [DONE]\n\n")
        x.last_chunk()

    gateway.other.handler = handler
    try:
        with pytest.raises(anthropic.APIStatusError) as e:
            if stream:
                with gateway.client.messages.stream(model="other", max_tokens=9, messages=X) as s:
                    s.get_final_message()
            else:
                gateway.client.messages.create(model="other", max_tokens=9, messages=X)
        assert "before its end" in str(e.value) and e.value.body["error"]["type"] == "api_error"
    finally:
        gateway.other.handler = lambda x: x.reply(CHAT_REPLY)


def test_many_blocks_cost_what_they_weigh(gateway):
    def took(n):
        turns = [{"role": "user", "content": [{"type": "text", "text": "x"}] * n}, {"role": "assistant", "content": "a"}]
        body = json.dumps({"model": "other", "max_tokens": 9, "messages": [*turns, turns[0]]})
        t = time.monotonic()
        r = gateway.call("POST", "/v1/messages", body)
        assert r.status == 200, r.body
        return time.monotonic() - t

    took(100)
    few, many = min(took(1000) for _ in range(3)), min(took(10000) for _ in range(3))
    assert many < 40 * few + 0.05

# SPDX-License-Identifier: Apache-2.0
"""An upstream that wants to do harm, beyond lying about its reply's length."""
import json
import time

from harness import CHAT, chat_route

HUGE = 2**63 - 1


def anthropic_route(base, name="claude"):
    return {"name": name, "endpoint_type": "llm/v1/chat",
            "model": {"provider": "anthropic", "name": "claude-3-5-haiku-latest", "config": {"anthropic_api_key": "sk-ant-1", "anthropic_api_base": base}}}


def test_counts_that_nobody_could_have_counted_are_not_told(sluice, upstream):
    usage = {"prompt_tokens": HUGE, "completion_tokens": HUGE}
    choices = [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]
    ups = {
        "chat": upstream(lambda x: x.reply({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage})),
        "claude": upstream(lambda x: x.reply({"id": "1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "hi"}],
                                              "stop_reason": "end_turn", "usage": {"input_tokens": HUGE, "output_tokens": HUGE, "cache_read_input_tokens": HUGE}})),
    }
    daemon = sluice({"endpoints": [chat_route(ups["chat"].base), anthropic_route(ups["claude"].base)], "server": {"workers": 1}})
    for route in ups:
        reply = daemon.call("POST", f"/gateway/{route}/invocations", {"messages": CHAT["messages"]})
        assert reply.status == 200, reply.body
        assert set(reply.json()["usage"].values()) == {None}
    reply = daemon.call("POST", "/v1/chat/completions", dict(CHAT, model="claude"))
    assert reply.status == 200 and "usage" not in reply.json()
    metrics = daemon.call("GET", "/metrics").body.decode()
    assert not [line for line in metrics.splitlines() if line.startswith("gen_ai_client_token_usage") and "e+" in line]


def test_a_connection_field_without_end_costs_no_more_than_its_length(sluice, upstream):
    def handler(x):
        names = "".join(f"a{i}: b\r\n" for i in range(240))
        x.send(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-kept: no\r\nConnection: {',' * 60000}\r\n{names}Content-Length: 2\r\n\r\n" + "{}")

    up = upstream(handler)
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"workers": 1}})
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + "".join(f"x-stainless-{i}: b\r\n" for i in range(240))
    body = json.dumps(CHAT)
    head = (head + f"Connection: {',' * 55000}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body.encode()
    assert len(head) < 65536
    start = time.monotonic()
    conn = daemon.connect()
    for _ in range(10):
        conn.send(head)
        reply = conn.reply()
        assert reply.status == 200
        assert reply.get("x-kept") is None  # one that names more than can be looked for names all
    assert time.monotonic() - start < 3
    assert not any(k.lower().startswith("x-stainless") for k, _ in up.requests[0].headers)

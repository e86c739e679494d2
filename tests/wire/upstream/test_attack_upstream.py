# SPDX-License-Identifier: Apache-2.0
"""An upstream that wants to do harm, beyond wrong lengths of replies."""
import json
import threading
import time

from harness import CHAT, DEADLINE, chat_route, wait_for

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
        assert reply.get("x-kept") is None  # a list that is too long names all fields
    assert time.monotonic() - start < 3
    assert not any(k.lower().startswith("x-stainless") for k, _ in up.requests[0].headers)


def test_frames_without_end_are_counted(sluice, upstream):
    """Each may be large, but not all of them together, over all streams."""
    sent = threading.Semaphore(0)

    def handler(x):
        x.stream_head()
        x.chunk(b"data: " + b"x" * (12 << 20))
        sent.release()
        x.hold()

    up = upstream(handler)
    daemon = sluice({"endpoints": [anthropic_route(up.base)], "server": {"workers": 1, "limits": {"memory": "40MiB"}}})
    streams = []
    for _ in range(2):
        streams.append(daemon.connect().request("POST", "/v1/chat/completions", dict(CHAT, model="claude", stream=True)))
        assert streams[-1].head().status == 200
        assert sent.acquire(timeout=DEADLINE)
    refused = daemon.connect().request("POST", "/v1/chat/completions", dict(CHAT, model="claude", stream=True)).reply()
    assert refused.complete and b"server.limits.memory" in refused.body and refused.body.endswith(b"data: [DONE]\n\n")
    for conn in streams:
        conn.close()
    wait_for(lambda: daemon.call("POST", "/v1/chat/completions", dict(CHAT, model="nobody")).status == 404, "memory given back")


def test_replies_that_wait_for_slow_clients_are_counted(sluice, upstream):
    text = "x" * (6 << 20)
    up = upstream(lambda x: x.reply({"id": "1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": text}],
                                     "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}}))
    daemon = sluice({"endpoints": [anthropic_route(up.base)], "server": {"workers": 1, "limits": {"memory": "20MiB"}}})
    slow, refused = [], None
    while not refused and len(slow) < 20:
        slow.append(daemon.connect())
        slow[-1].request("POST", "/v1/chat/completions", dict(CHAT, model="claude"))
        head = slow[-1].head()
        refused = head if head.status == 503 else None
    assert refused and refused.get("retry-after") and refused.get("x-sluice-error-type") == "sluice_overloaded"
    assert daemon.call("GET", "/health").status == 200
    for conn in slow:
        conn.reset()
    wait_for(lambda: daemon.call("POST", "/v1/chat/completions", dict(CHAT, model="claude")).status == 200, "memory given back")


def test_a_malformed_reply_is_told_as_the_upstreams(sluice, upstream):
    """Parsers of bytes do not know whose bytes they are: a client must not think that its own request was wrong."""
    ok = "HTTP/1.1 200 OK\r\n"
    said = [ok + "A: \x01\r\n\r\n", ok + "A: b\r\n" * 300 + "\r\n", ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            ok + "Transfer-Encoding: chunked\r\n\r\n5;" + "x" * 2000]
    replies = iter(said)
    up = upstream(lambda x: x.send(next(replies)))
    daemon = sluice({"endpoints": [chat_route(up.base, retries=0)]})
    for text in said:
        reply = daemon.call("POST", "/v1/chat/completions", CHAT)
        assert reply.status == 502 and reply.json()["error"]["message"].startswith("the upstream's reply: "), (text[:60], reply.body)

# SPDX-License-Identifier: Apache-2.0
"""A client that wants to do harm, beyond malformed heads and bodies."""
from harness import CHAT, CHAT_REPLY, chat_route


def test_who_has_no_key_cannot_fill_the_memory(sluice, upstream):
    """A length that is only said is taken from the budget: not for calls that are open to all."""
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "auth": {"admin_key": "sk-sluice-" + "a" * 43}, "server": {"workers": 1, "limits": {"memory": "4MiB"}}})
    held = []
    for path in ("/health", "/ready", "/docs", "/openapi.json", "/.well-known/databricks-config", "/", "/v1/chat/completions", "/gateway/chat/invocations", "/api/2.0/gateway/routes/"):
        for n in (1 << 20, 4096):
            conn = daemon.connect()
            conn.send(f"{'POST' if 'v1' in path or 'invocations' in path else 'GET'} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {n}\r\n\r\nx")
            held.append((conn, path, n))
    for conn, path, n in held:
        if n > 4096 or path[:3] in ("/v1", "/ga", "/ap"):
            assert conn.reply().status in (401, 413), path
    reply = daemon.call("POST", "/v1/chat/completions", dict(CHAT, pad="x" * (3 << 20)), [("Authorization", "Bearer sk-sluice-" + "a" * 43)])
    assert reply.status == 200, reply.body

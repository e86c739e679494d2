# SPDX-License-Identifier: Apache-2.0
"""Clients that want to do harm, beyond malformed heads and bodies."""
import socket
import threading

from harness import CHAT, CHAT_REPLY, chat_route, wait_for


def test_who_has_no_key_cannot_fill_the_memory(sluice, upstream):
    """A length that a client only announces is taken from the budget, but not for calls that are open to all."""
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


def test_who_has_no_key_cannot_fill_the_memory_by_not_reading(sluice):
    daemon = sluice({"endpoints": [], "auth": {"admin_key": "sk-sluice-" + "a" * 43}, "server": {"workers": 1, "limits": {"memory": "1MiB"}}})
    held = []
    while len(held) < 200 and daemon.call("GET", "/openapi.json").status == 200:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(("127.0.0.1", daemon.port))
        sock.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40)  # the first ones wait in the kernel
        held.append(sock)
    refused = daemon.call("GET", "/openapi.json")
    assert (refused.status, refused.get("x-sluice-error-type")) == (503, "sluice_overloaded") and held, len(held)
    assert daemon.call("GET", "/health").status == 200
    for sock in held:
        sock.close()
    wait_for(lambda: daemon.call("GET", "/openapi.json").status == 200, "the memory to be free again")


def test_what_is_made_of_a_body_is_counted(sluice, upstream):
    """20,000 small messages become another provider's request: its pieces count as memory, too, as long as the call
    waits."""
    asked = threading.Semaphore(0)

    def silent(x):
        asked.release()
        x.hold()

    up = upstream(silent)
    daemon = sluice({"endpoints": [{"name": "claude", "endpoint_type": "llm/v1/chat", "model": {"provider": "anthropic", "name": "m", "config": {
        "anthropic_api_key": "k", "anthropic_api_base": up.base}}}], "server": {"workers": 1, "limits": {"memory": "10MiB"}}})
    body = {"model": "claude", "messages": [{"role": "user" if i % 2 == 0 else "assistant", "content": "x"} for i in range(19999)]}
    held, refused = [], None
    while not refused and len(held) < 9:  # nine bodies alone would fit
        held.append(daemon.connect().request("POST", "/v1/chat/completions", body))
        if not asked.acquire(timeout=2):
            refused = held.pop().reply()
    assert refused and (refused.status, refused.get("x-sluice-error-type")) == (503, "sluice_overloaded") and held
    for conn in held:
        conn.close()
    up.handler = lambda x: x.reply(CHAT_REPLY)
    small = {"model": "claude", "messages": [{"role": "user", "content": "x"}]}
    wait_for(lambda: daemon.call("POST", "/v1/chat/completions", small).status != 503, "the memory to be free again")

# SPDX-License-Identifier: Apache-2.0
"""20,000 requests of every kind, a fifth of them broken off: afterwards memory and descriptors are as before."""
import json
import os
import random
import threading

from harness import CHAT_REPLY, SANITIZED, chat_route, wait_for
from test_anthropic import END, START, TEXT, route

N, WARM, THREADS = 20000, 5000, 8
MSG = [{"role": "user", "content": "hello " * 20}]
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}]}
ANTHROPIC = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in (START, *TEXT, *END))


def answer(x):
    """The upstream: whole replies and streams in both languages; errors and breaks as the request's seed says."""
    body = x.json()
    odd = body.get("metadata", {}).get("user_id") or body.get("user")
    if odd == "break":
        x.reset()
    elif odd == "error":
        x.reply({"error": {"message": "m", "type": "x", "code": None}}, "500 X")
    elif not body.get("stream"):
        x.reply(CHAT_REPLY if x.path.endswith("completions") else dict(START["message"], content=[{"type": "text", "text": "x"}], stop_reason="end_turn"))
    else:
        x.stream_head()
        if x.path.endswith("messages"):
            x.chunk(ANTHROPIC)
        else:
            for _ in range(5):
                x.event(CHUNK)
            x.event({**CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            x.event("[DONE]")
        x.last_chunk()


def request_of(rnd):
    """(method, path, body, good statuses)"""
    kind, stream = rnd.random(), rnd.random() < 0.4
    name = rnd.choice(["mock", "mock", "mock", "mock", "openai", "claude"])
    user = rnd.choice(["break", "error", "u"]) if name != "mock" else "u"
    fine = {"u": (200,), "break": (502,), "error": (500,)}[user]
    call = {"messages": MSG, "stream": stream, "user": user}
    if kind < 0.4:
        return "POST", "/v1/chat/completions", {"model": name, **call}, fine
    if kind < 0.65:
        return "POST", f"/gateway/{name}/invocations", call, fine
    if kind < 0.72:
        return "GET", rnd.choice(["/health", "/metrics", "/openapi.json", "/api/2.0/endpoints/", "/v1/models", "/api/2.0/gateway/routes/mock"]), None, (200,)
    if kind < 0.78:
        return "POST", "/gateway/limited/invocations", {"messages": MSG}, (429,)
    if kind < 0.84:
        return "POST", "/v1/embeddings", {"model": "emb", "input": ["a", "b"]}, (200,)
    if kind < 0.9:
        return "POST", "/gateway/mock/invocations", {"messages": [{"role": 1}]}, (422,)
    if kind < 0.95:
        return "POST", "/v1/chat/completions", b'{"model":"mock","messages":[', (400,)
    return "GET", f"/nope/{rnd.random()}", None, (404,)


def broken_off(daemon, rnd, method, path, body):
    conn = daemon.connect()
    if rnd.random() < 0.5:
        conn.send(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n{{" if method == "POST" else f"{method} {path} HT")
    else:
        conn.request(method, path, body, [("content-type", "application/json")])
        if rnd.random() < 0.5:
            conn.sock.recv(rnd.randint(1, 300))
    (conn.reset if rnd.random() < 0.5 else conn.close)()


def work(daemon, seed, n, faults):
    rnd, conn = random.Random(seed), None
    try:
        for _ in range(n):
            method, path, body, statuses = request_of(rnd)
            if rnd.random() < 0.2:
                broken_off(daemon, rnd, method, path, body)
                continue
            conn = conn or daemon.connect()
            r = conn.request(method, path, body, [("content-type", "application/json")]).reply()
            if r.status not in statuses or not r.complete:
                faults.append((method, path, body, r.status, r.body[:200]))
            if r.get("connection") == "close" or rnd.random() < 0.1:
                conn.close()
                conn = None
    except Exception as e:  # the test reports it
        faults.append(repr(e))
    if conn:
        conn.close()


def test_memory_and_descriptors_stay_flat(sluice, upstream):
    up = upstream(answer)
    mock = lambda name, kind: {"name": name, "endpoint_type": f"llm/v1/{kind}", "model": {"provider": "mock", "config": {}}}
    daemon = sluice({"endpoints": [mock("mock", "chat"), mock("emb", "embeddings"), {**mock("limited", "chat"), "limit": {"calls": 0, "renewal_period": "minute"}},
                                   chat_route(up.base, "openai", retries=0), route(up.base)],
                     "server": {"workers": 2}, "upstream": {"pool": {"idle_timeout": "300ms"}}})
    fds = f"/proc/{daemon.proc.pid}/fd"
    links = lambda: len(os.listdir(fds))
    at_rest, faults = links() + 8, []  # descriptors that are opened at the first use and kept

    def run(first, n):
        threads = [threading.Thread(target=work, args=(daemon, first + k, n // THREADS, faults)) for k in range(THREADS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not faults, faults[:5]
        wait_for(lambda: links() <= at_rest, f"every descriptor given back: {links()}, at rest {at_rest}")

    run(1, WARM)
    before, at_rest = daemon.rss(), links()
    run(1000, N - WARM)
    assert len(daemon.log_lines(N // 2)) > N // 2
    assert daemon.call("GET", "/metrics").body.count(b"\nsluice_requests_in_flight 1\n") == 1, "nothing is in flight but this"
    up.broken.clear()
    up.errors.clear()  # a handler whose client left may find its connection closed
    if not SANITIZED:
        assert daemon.rss() - before < 3 << 20, f"{before} → {daemon.rss()}"

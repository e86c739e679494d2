#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Calls a gateway until its standard input ends, then prints what became of the calls, as JSON. usage: load.py PORT

Some callers connect anew for each call, some keep their connection until a reply says that it ends, and some read streams that take a
second. No call is tried again."""
import http.client
import json
import sys
import threading
import time

PORT = int(sys.argv[1])
CHAT = {"messages": [{"role": "user", "content": "hello"}]}
PACE_SEC = 0.01
DEADLINE = 90
ending = threading.Event()
lock = threading.Lock()
told = {"calls": 0, "streams": 0, "failures": [], "slowest": 0.0}


def note(kind, begin, fault):
    with lock:
        told[kind] += 1
        told["slowest"] = max(told["slowest"], time.monotonic() - begin)
        if fault:
            told["failures"].append(fault)


def ask(conn, path, body):
    conn.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    reply = conn.getresponse()
    return reply, reply.read().decode()


def fresh():
    while not ending.is_set():
        begin, fault = time.monotonic(), None
        conn = http.client.HTTPConnection("127.0.0.1", PORT, timeout=DEADLINE)
        try:
            reply, text = ask(conn, "/gateway/chat/invocations", CHAT)
            fault = None if reply.status == 200 and "You said: hello" in text else f"{reply.status} {text}"
        except (OSError, http.client.HTTPException) as e:
            fault = f"a new connection: {e!r}"
        conn.close()
        note("calls", begin, fault)
        ending.wait(PACE_SEC)


def kept():
    conn = http.client.HTTPConnection("127.0.0.1", PORT, timeout=DEADLINE)
    while not ending.is_set():
        begin, fault = time.monotonic(), None
        try:
            reply, text = ask(conn, "/v1/chat/completions", CHAT | {"model": "chat"})
            fault = None if reply.status == 200 and "You said: hello" in text else f"{reply.status} {text}"
        except (OSError, http.client.HTTPException) as e:
            fault = f"a kept connection: {e!r}"
            conn.close()
        note("calls", begin, fault)
        ending.wait(PACE_SEC)
    conn.close()


def streams():
    while not ending.is_set():
        begin, fault = time.monotonic(), None
        conn = http.client.HTTPConnection("127.0.0.1", PORT, timeout=DEADLINE)
        try:
            reply, text = ask(conn, "/v1/chat/completions", CHAT | {"model": "slow", "stream": True})
            fault = None if reply.status == 200 and text.endswith("data: [DONE]\n\n") and '"error"' not in text else f"a stream: {reply.status} {text}"
        except (OSError, http.client.HTTPException) as e:
            fault = f"a stream: {e!r}"
        conn.close()
        note("streams", begin, fault)


threads = [threading.Thread(target=t) for t in (fresh, fresh, fresh, kept, kept, streams, streams)]
for thread in threads:
    thread.start()
sys.stdin.read()
ending.set()
for thread in threads:
    thread.join()
print(json.dumps(told))

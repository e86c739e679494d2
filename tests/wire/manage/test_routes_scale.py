# SPDX-License-Identifier: Apache-2.0
"""The cost of many routes for connected clients. SLUICE_SCALE=full takes the sizes of the promise (1,000 streams,
10,000 routes); else a fifth."""
import concurrent.futures
import http.client
import json
import os
import socket
import threading

import pytest

from harness import SANITIZED
from test_routes_api import CONFIG, ROUTES, data, mock, with_data  # noqa: F401

SHARE = 1 if os.environ.get("SLUICE_SCALE") == "full" else 5
STREAMS, MADE = 1000 // SHARE, 10000 // SHARE
EVENT = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'


class Endless:
    """An upstream whose streams begin and do not end; one thread for all."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.base = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"
        self.held = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            conn.recv(65536)
            conn.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" + b"%x\r\n%s\r\n" % (len(EVENT), EVENT))
            self.held.append(conn)

    def close(self):
        self.listener.close()
        for conn in self.held:
            conn.close()


def open_stream(daemon):
    conn = daemon.connect()
    body = {"model": "up", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    conn.request("POST", "/v1/chat/completions", body, [("content-type", "application/json")])
    conn.until(b'"content":"x"')
    return conn


def make(daemon, names):
    conn = http.client.HTTPConnection("127.0.0.1", daemon.port)
    for name in names:
        conn.request("POST", ROUTES, json.dumps(mock(name)))
        reply = conn.getresponse()
        assert reply.status == 200, reply.read()
        reply.read()
    conn.close()


def grown(daemon, with_streams, upstream):
    """Resident bytes that STREAMS streams and MADE routes add, with the streams open all the time."""
    names = [f"s{i}" for i in range(MADE)]
    held = [open_stream(daemon)]
    make(daemon, ["warm"])
    before = daemon.rss()
    each = MADE // STREAMS
    if not with_streams:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda k: make(daemon, names[k::4]), range(4)))
        return daemon.rss() - before, held
    for i in range(STREAMS):
        held.append(open_stream(daemon))
        make(daemon, names[i * each:(i + 1) * each])
    return daemon.rss() - before, held


@pytest.mark.skipif(SANITIZED, reason="memory is measured in the release build")
@pytest.mark.timeout(600)
def test_streams_do_not_hold_what_they_do_not_use(sluice, tmp_path):
    endless = Endless()
    config = {**CONFIG, "endpoints": CONFIG["endpoints"] + [{"name": "up", "endpoint_type": "llm/v1/chat", "model": {"provider": "openai", "name": "m", "config": {
        "openai_api_key": "k", "openai_api_base": endless.base}}}], "server": {"timeouts": {"drain_delay": "0s", "drain": "100ms"}}}
    routes, streams = with_data(sluice, str(tmp_path / "a"), config), with_data(sluice, str(tmp_path / "b"), config)
    alone, held = grown(routes, False, endless)
    both, more = grown(streams, True, endless)
    each = (both - alone) / STREAMS
    print(f"{MADE} routes: {alone / MADE:.0f} bytes each; a stream: {each:.0f} bytes")
    for conn in held + more:
        conn.close()
    endless.close()
    assert each < 16 * 1024

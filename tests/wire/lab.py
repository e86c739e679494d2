# SPDX-License-Identifier: Apache-2.0
"""A daemon with one route to a scripted upstream, kept for many small cases."""
import json
import uuid

from harness import Sluice, chat_route, typed_route
from upstream import Upstream

MESSAGES = [{"role": "user", "content": "hello"}]
DONE = "data: [DONE]\n\n"


def chunk_of(content=None, finish=None, **more):
    choice = {"index": 0, "delta": {"content": content} if content is not None else {}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m", "choices": [choice], **more}


def event_of(value):
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n"


class Lab:
    def __init__(self, directory, config=None, tls=None, **route):
        self.up = Upstream(None, tls=tls)
        config = dict(config or {})
        config["endpoints"] = [chat_route(self.up.base, **route), typed_route(self.up.base, "comp", "completions"), typed_route(self.up.base, "emb", "embeddings")]
        self.daemon = Sluice(directory, config)

    def start(self, handler, stream=False, mlflow=False, body=None, headers=(), path=None):
        """Sends a call and returns the connection to read the reply from. `handler` may be raw bytes: they are sent,
        then the connection is closed."""
        if isinstance(handler, bytes):
            raw = handler

            def handler(x):
                x.send(raw)
                x.close()

        self.up.handler = handler
        self.seen = len(self.up.requests)
        self.id = uuid.uuid4().hex
        call = {"messages": MESSAGES, **({} if mlflow else {"model": "chat"}), **({"stream": True} if stream else {}), **(body or {})}
        path = path or ("/gateway/chat/invocations" if mlflow else "/v1/chat/completions")
        self.conn = self.daemon.connect()
        return self.conn.request("POST", path, call, [("x-request-id", self.id), ("content-type", "application/json"), *headers])

    def call(self, handler, **kwargs):
        conn = self.start(handler, **kwargs)
        try:
            return conn.reply()
        finally:
            conn.close()

    @property
    def n_requests(self):
        """How often the last call asked the upstream."""
        return len(self.up.requests) - self.seen

    def log(self):
        return self.daemon.log_line(self.id)

    def close(self):
        try:
            self.daemon.stop()
        finally:
            self.up.close()

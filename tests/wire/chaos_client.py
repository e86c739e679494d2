# SPDX-License-Identifier: Apache-2.0
"""Clients of the chaos test: every dialect and every way to behave. Each call has a name, and what came of it is held against what may."""
import gzip
import json
import random
import re
import select
import socket
import time

from chaos_target import AWS
from faults import WORDS
from harness import Conn
from speakers import TOOL, Anthropic, Bedrock, Cohere, Gemini, MLflow, OpenAI, Responses, frames

SPEAKERS = [OpenAI, OpenAI, Responses, Anthropic, Gemini, Bedrock, Cohere, MLflow]
OTHER_PATHS = {OpenAI: ["/chat/completions", "/gateway/openai/v1/chat/completions", "/openai/deployments/{route}/chat/completions"], Responses: ["/responses", "/openai/v1/responses", "/gateway/openai/v1/responses"],
               Anthropic: ["/anthropic/v1/messages", "/gateway/anthropic/v1/messages", "/v1/messages/count_tokens"], MLflow: ["/endpoints/{route}/invocations", "/gateway/{route}/mlflow/invocations", "/serving-endpoints/{route}/invocations"]}
# What an act of a target may do to an answer that is passed on as it came.
SPOILS = {"flipped", "garbage", "other_type", "error_in_stream", "cut", "in_pieces", "error", "never", "late", "encoded", "endless"}
LONG = 40  # no call takes longer: the times of all routes are short


class Broken(Exception):
    pass


class Call:
    """What was asked, and what came."""

    def __init__(self, name, what):
        self.name, self.what = name, what
        self.reply, self.first, self.has_left, self.follows, self.fault = None, None, False, False, None

    def __repr__(self):
        r = self.reply
        return f"{self.name} {self.what} -> {r and (r.status, r.complete, r.headers, r.body[:300])} left={self.has_left} {self.fault or ''}"


def text_of(rng, name):
    size = rng.choice([0, 0, 0, 1000, 5000, 70_000, 300_000]) if rng.random() < 0.9 else 2_000_000
    return f"@{name}@ hello " + ("x" * size if rng.random() < 0.8 else "é\n" * (size // 8))


def typed_body(rng, kind, route, text, stream):
    """(path, body) of a type that is no chat"""
    if kind == "completions":
        return rng.choice(["/v1/completions", "/completions"]), {"model": route, "prompt": text, "stream": stream, "max_tokens": 5}
    if kind == "embeddings":
        return rng.choice([("/v1/embeddings", {"model": route, "input": rng.choice([text, [text], [text, "b"]]), **rng.choice([{}, {"encoding_format": "base64"}])}),
                           ("/v2/embed", {"model": route, "texts": [text], "input_type": "search_query", "embedding_types": ["float"]}),
                           (f"/v1beta/models/{route}:embedContent", {"content": {"parts": [{"text": text}]}}), (f"/gateway/{route}/invocations", {"input": text})])
    if kind == "images":
        return "/v1/images/generations", {"model": route, "prompt": text}
    if kind == "speech":
        return "/v1/audio/speech", {"model": route, "input": text, "voice": "alloy"}
    if kind == "rerank":
        return rng.choice(["/v1/rerank", "/v2/rerank"]), {"model": route, "query": text, "documents": ["a", "b"]}
    return "/v1/moderations", {"model": route, "input": text}


def chat_body(rng, speaker, route, text, stream):
    turns = [("user", text)]
    if rng.random() < 0.2 and speaker in (OpenAI, MLflow):
        turns = [("user", "begin"), ("said", {"role": "assistant", "content": "yes"}), *turns]
    body = speaker().body(route, turns, [TOOL] if rng.random() < 0.3 else None, None, stream)
    path = (speaker.stream_path if stream else speaker.path).format(route=route)
    if speaker in OTHER_PATHS and rng.random() < 0.4:
        path = rng.choice(OTHER_PATHS[speaker]).format(route=route)
    if speaker is OpenAI:
        body |= rng.choice([{}, {}, {}, {"n": 2}, {"prompt_cache_key": "k"}, {"reasoning_effort": "low"}, {"logprobs": True}])
    return path, body


def form_of(rng, route, name, kind):
    """(path, type, body): the model in front of the file or behind it, once, twice or not at all."""
    border = "b0rder"

    def part(head, content):
        return f"--{border}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"

    model, prompt = part('name="model"', route.encode()), part('name="prompt"', f"@{name}@".encode())
    file = part(f'name="{"file" if kind == "transcriptions" else "image"}"; filename="a.mp3"', b"s" * rng.choice([10, 5000, 200_000, 270_000, 600_000, 2_000_000]))
    parts = rng.choice([[model, prompt, file], [model, prompt, file], [prompt, file, model], [prompt, file, model], [model, prompt, file, model], [prompt, file], [model, prompt]])
    if rng.random() < 0.2:
        parts = [part('name="stream"', b"true"), *parts]
    end = f"--{border}--\r\n".encode() if rng.random() < 0.95 else b""
    path = rng.choice(["/v1/audio/transcriptions", "/v1/audio/translations"] if kind == "transcriptions" else ["/v1/images/edits", "/v1/images/variations"])
    return path, f"multipart/form-data; boundary={border}", b"".join(parts) + end


def is_ready(sock, events, seconds):
    """The events that came; select() knows no descriptor beyond 1023."""
    poll = select.poll()
    poll.register(sock, events)
    return sum(event for _, event in poll.poll(seconds * 1000))


class ChaosConn(Conn):
    def __init__(self, port):
        super().__init__(port)
        self.sock.settimeout(LONG)
        self.first = None

    def fill(self):
        more = super().fill()
        self.first = self.first or time.monotonic()
        return more

    def push(self, data, pieces, stops, leaves_at=None):
        """Sends it piece by piece; stops where the peer is gone, or (`stops`) a reply comes first. Whether all went."""
        at, end = 0, len(data) if leaves_at is None else min(leaves_at, len(data))
        self.sock.setblocking(False)
        try:
            while at < end:
                ready = is_ready(self.sock, select.POLLIN | select.POLLOUT, LONG)
                if not ready:
                    raise Broken(f"{at} of {end} bytes were taken and no more")
                if ready & ~select.POLLOUT and stops:
                    break
                if ready & ~select.POLLIN:
                    at += self.sock.send(data[at:min(end, at + pieces)])
        except BlockingIOError:
            pass
        except OSError:
            pass
        finally:
            self.sock.settimeout(LONG)
        return at == len(data)

    def sip(self, n, seconds):
        """Some of what comes, as long as it comes."""
        while len(self.buf) < n and is_ready(self.sock, select.POLLIN, seconds) and self.fill():
            pass

    def final(self, method):
        """The reply behind all of 1xx."""
        while (r := self.head()).status < 200:
            pass
        return self.body_into(r, method)


class Client:
    """Makes calls at a scene until they are made, or the scene ends."""

    def __init__(self, scene, number):
        self.scene, self.number, self.rng = scene, number, random.Random(scene.rng.random())
        self.calls, self.conn, self.ids = [], None, []

    def run(self, n):
        try:
            for k in range(n):
                if self.scene.is_ending:
                    break
                self.one(f"c{self.number}-{k}")
        finally:
            if self.conn:
                self.conn.close()

    def one(self, name):
        rng, roll = self.rng, self.rng.random()
        call = Call(name, None)
        self.calls.append(call)
        if roll < 0.06:
            return self.odd(call)
        if roll < 0.10 and self.ids:
            call.follows = True
            at = rng.choice(self.ids)
            method, path = rng.choice([("GET", at), ("DELETE", at), ("POST", at + "/cancel"), ("GET", at + "/input_items"), ("GET", at + "?stream=true")])
            return self.send(call, method, f"/v1/responses/{path}", [], b"" if method == "POST" else None)
        routes = self.scene.routes
        entry = rng.choice(routes) if rng.random() < 0.97 else {"name": "nobody", "endpoint_type": "llm/v1/chat"}
        route, kind = entry["name"], entry["endpoint_type"].rsplit("/", 1)[1]
        kind = kind if rng.random() < 0.95 else rng.choice(["chat", "embeddings", "transcriptions"])
        if kind == "transcriptions" or (kind == "images" and rng.random() < 0.7):
            path, type_, body = form_of(rng, route, name, kind)
            return self.send(call, "POST", path, [("Content-Type", type_)], body)
        stream, text = rng.random() < 0.5, text_of(rng, name)
        if kind == "chat":
            speaker = rng.choice(SPEAKERS)
            if rng.random() < 0.05:
                path, body = f"/gateway/proxy/{route}/v1/chat/completions", OpenAI().body(route, [("user", text)], None, None, stream)
            else:
                path, body = chat_body(rng, speaker, route, text, stream)
            if speaker is Responses and self.ids and rng.random() < 0.4:
                body["previous_response_id"] = rng.choice(self.ids)
            if speaker is Responses:
                body["store"] = rng.random() < 0.8
        else:
            path, body = typed_body(rng, kind, route, text, stream)
        return self.send(call, "POST", path, [("Content-Type", "application/json")], json.dumps(body, ensure_ascii=rng.random() < 0.5).encode())

    def odd(self, call):
        """No call of a model, or one that is not whole."""
        rng = self.rng
        call.follows = True
        method, path, body = rng.choice([("HEAD", "/v1/models", None), ("GET", "/v1/chat/completions", None), ("GET", "/health", None), ("POST", "/v1/chat/completions", b"{"), ("POST", "/v1/messages", b""),
                                         ("POST", "/v1/chat/completions", b"[" * 1000), ("OPTIONS", "/v1/chat/completions", None), ("GET", "/v1beta/models", None), ("POST", "/v1/chat/completions", b'{"model":"r0"}'),
                                         ("PATCH", "/x/y/z", b"x"), ("GET", "/" + "a" * 5000, None), ("POST", "/model/r0/converse", b"{}"), ("GET", "/metrics", None), ("POST", "/v1/responses", b'{"model":"r0","input":[{}]}')])
        return self.send(call, method, path, [("Content-Type", "application/json")], body)

    def headers(self):
        rng = self.rng
        out = [("Authorization", f"Bearer {self.scene.key(rng)}")] if self.scene.key(rng) else []
        if rng.random() < 0.25:
            out.append(("x-sluice-timeout", rng.choice(["1ms", "20ms", "100ms", "500ms", "5s", "9d", "0s", "x", "-1s"])))
        if rng.random() < 0.2:
            out.append(("x-sluice-session", rng.choice("abc")))
        if rng.random() < 0.2:
            out.append(("x-user", rng.choice("abc")))
        return out

    def send(self, call, method, path, headers, body):
        """One call on this client's connection: whole or in chunks, alone or with others behind it, until its end or not."""
        rng = self.rng
        headers = [*headers, *self.headers()]
        if body and rng.random() < 0.05:
            body, headers = gzip.compress(body)[:rng.choice([None, None, None, 30])], [*headers, ("Content-Encoding", "gzip")]
        chunked, expects = body is not None and rng.random() < 0.2, body is not None and rng.random() < 0.1
        is_old = not chunked and not expects and rng.random() < 0.05
        head = [f"{method} {path} HTTP/1.{0 if is_old else 1}", "Host: 127.0.0.1", *[f"{k}: {v}" for k, v in headers]]
        if expects:
            head.append("Expect: 100-continue")
        if body is not None:
            head.append("Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}")
            if chunked:
                step = rng.choice([1000, 10_000, 1 << 20])
                body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[i:i + step] for i in range(0, len(body), step))) + b"0\r\n\r\n"
        if is_old or rng.random() < 0.05:
            head.append("Connection: close")
        data = "\r\n".join(head).encode() + b"\r\n\r\n" + (body or b"")
        behind = rng.choice([0, 0, 0, 0, 0, 1, 3]) if len(data) < 20_000 and "Connection: close" not in head else 0
        data += b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * behind
        leaves = rng.choice(["no"] * 7 + ["sending", "waiting", "reading"])
        call.what = f"{method} {path} {headers} {len(data)} bytes, {'chunked ' if chunked else ''}{'expects ' if expects else ''}leaves: {leaves}"
        fresh = self.conn is None
        self.conn = self.conn or ChaosConn(self.scene.port)
        conn = self.conn
        conn.first = None
        call.has_left = leaves != "no"
        is_sent = conn.push(data, rng.choice([100_000, 1 << 20, 1 << 20, max(1, len(data) // 7)]), not expects and rng.random() < 0.5, rng.randrange(len(data)) if leaves == "sending" else None)
        try:
            if leaves == "waiting":
                is_ready(conn.sock, select.POLLIN, rng.choice([0, 0.001, 0.01, 0.1, 0.3]))
            elif leaves == "reading":
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                conn.sip(rng.choice([1, 50, 400, 5000]), 0.3)
            if call.has_left:
                return self.leave()
            if rng.random() < 0.1:
                is_ready(conn.sock, 0, rng.choice([0.01, 0.1]))  # a slow reader
            call.reply = conn.final(method)
            call.first = conn.first
            self.learn(call)
            closes = (call.reply.get("connection") or "").lower() == "close" or "Connection: close" in head or not call.reply.complete or not is_sent
            for _ in range(0 if closes else behind):
                if (status := conn.final("GET").status) not in (200, 503):
                    raise Broken(f"{status} from /health")
            if closes or rng.random() < 0.2:
                self.leave()
        except (EOFError, ConnectionError) as e:
            call.fault = None if self.scene.is_ending else f"{e!r} on a {'fresh' if fresh else 'kept'} connection"
            self.leave()
        except (Broken, ValueError, socket.timeout) as e:
            call.fault = repr(e)
            self.leave()
        return None

    def leave(self):
        if self.rng.random() < 0.5:
            self.conn.close()
        else:
            self.conn.reset()
        self.conn = None

    def learn(self, call):
        for found in re.findall(rb'"id": ?"(resp_[\w-]+)"', call.reply.body[:100_000]):
            self.ids = [*self.ids[-4:], found.decode()]


def check(call, scene):
    """What must hold of a call's answer; a text that says what does not."""
    r = call.reply
    if call.fault:
        return call.fault
    if r is None:
        return None
    acts = {act for target in scene.targets for act in target.acts.get(call.name, ())}
    kind, is_spoilt, cause = r.get("content-type") or "", bool(acts & SPOILS), r.get("x-sluice-error-type") or ""
    is_stream = kind.startswith(("text/event-stream", AWS))
    if not 200 <= r.status <= 599:
        return "an odd status"
    if not r.complete and not scene.is_ending and (is_stream or r.status >= 300 or not (is_spoilt or acts & {"early", "large", "closes"})):
        return "a reply without its end"
    if r.complete and kind.startswith("application/json") and r.body and not is_spoilt and not call.follows:
        try:
            json.loads(r.body)
        except ValueError:
            return "a reply that is no JSON"
    if cause and not cause.startswith("provider") and not r.body and "HEAD" not in call.what:
        return "an error without words"
    if r.status == 200 and is_stream and r.complete and not acts & {"flipped", "other_type"} and not call.follows:
        try:
            list(frames(r.body)) if kind.startswith(AWS) else [json.loads(e) for e in sse_data(r.body) if e != "[DONE]"] if not is_spoilt else None
        except Exception as e:  # whatever is wrong with it
            return f"a stream that cannot be read: {e!r}"
    if call.follows or "flipped" in acts:
        return None
    said = set(WORDS.findall(r.body.decode("utf-8", "replace")))
    if r.status == 200 and (len(said) > 1 or any(name != call.name for _, name in said)):
        return f"words of others: {said}"
    if r.status >= 300 and said:
        return f"words in an error: {said}"
    arrivals = [a for t in scene.targets for a in t.asked if a.call == call.name]
    attempts = r.get("x-sluice-attempts")
    shadows = scene.has_shadows
    if attempts is not None and len(arrivals) > 2 * (int(attempts) + shadows):  # a connection that died without a byte may have been closed before
        return f"arrived {len(arrivals)} times in {attempts} attempts"
    late = [a for a in arrivals if call.first and r.status == 200 and not shadows and a.time > call.first + 15]
    return f"sent again behind the first byte: {late}" if late else None


def sse_data(body):
    text = body.decode()
    if text and not text.endswith("\n\n"):
        raise ValueError(f"the last event is cut: {text[-80:]!r}")
    for block in text.split("\n\n"):
        data = "\n".join(line[5:].strip() for line in block.split("\n") if line.startswith("data:"))
        if data:
            yield data

# SPDX-License-Identifier: Apache-2.0
"""Targets of the chaos test: each speaks every provider's language, by the path that it is asked at, and does at random what targets do.

A call has a name, `@name@`, somewhere in its body; the target's words are `<target:name>`, so that `faults.WORDS` finds whose they are."""
import base64
import gzip
import json
import random
import re
import socket
import threading
import time

from bedrock_fake import event as aws_event
from faults import Asked, cut_at, dribble, has_left, raw_of
from upstream import Upstream, head_read

NAME = re.compile(rb"@(c[0-9-]+)@")
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
AWS = "application/vnd.amazon.eventstream"


def sse(ex, events, named=False):
    ex.stream_head()
    for value in events:
        text = value if isinstance(value, str) else json.dumps(value)
        ex.chunk((f"event: {value['type']}\n" if named else "") + f"data: {text}\n\n")
    ex.last_chunk()


# --- what each provider says: (ex, words, body) ---


def openai_chat(ex, words, body):
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"row": 1}'}}
    tools = bool(body.get("tools")) and ex.number % 3 == 0
    finish = "tool_calls" if tools else "stop"
    if not body.get("stream"):
        message = {"role": "assistant", "content": words, **({"tool_calls": [call]} if tools else {})}
        choices = [{"index": i, "message": message, "finish_reason": finish} for i in range(body.get("n") or 1)]
        return ex.reply({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": USAGE})

    def chunk(delta, finish=None):
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    events = [chunk({"role": "assistant", "content": ""}), *[chunk({"content": word}) for word in words.split()]]
    events += [chunk({"tool_calls": [{"index": 0, **call}]})] * tools + [chunk({}, finish)]
    if (body.get("stream_options") or {}).get("include_usage"):
        events.append({**chunk({}), "choices": [], "usage": USAGE})
    return sse(ex, [*events, "[DONE]"])


def openai_completions(ex, words, body):
    def reply(text, finish):
        return {"id": "c", "object": "text_completion", "created": 1, "model": "m", "choices": [{"index": 0, "text": text, "finish_reason": finish, "logprobs": None}]}

    if body.get("stream"):
        return sse(ex, [*[reply(word, None) for word in words.split()], reply("", "stop"), "[DONE]"])
    return ex.reply({**reply(words, "stop"), "usage": USAGE})


def openai_embeddings(ex, words, body):
    n = len(body["input"]) if isinstance(body.get("input"), list) else 1
    value = base64.b64encode(b"\0\0\0?" * 4).decode() if body.get("encoding_format") == "base64" else [0.5] * 4
    return ex.reply({"object": "list", "model": "m", "data": [{"object": "embedding", "index": i, "embedding": value} for i in range(n)], "usage": USAGE})


def responses(ex, words, body):
    if ex.method != "POST" or ex.path.endswith("/cancel"):
        at = ex.path.split("?")[0].split("/responses/", 1)[1].split("/")[0]
        return ex.reply({"id": at, "object": "response", "status": "completed", "output": [], "model": "m", "created_at": 1})
    item = {"id": f"msg_{ex.number}", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": words, "annotations": []}]}
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    whole = {"id": f"resp_{ex.target.name}{ex.number}", "object": "response", "created_at": 1, "status": "completed", "model": "m", "output": [item], "usage": usage}
    if not body.get("stream"):
        return ex.reply(whole)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    events = [{"type": "response.created", "response": begun}, {"type": "response.in_progress", "response": begun},
              {"type": "response.output_item.added", "output_index": 0, "item": {**item, "status": "in_progress", "content": []}},
              {"type": "response.content_part.added", **at, "part": {"type": "output_text", "text": "", "annotations": []}},
              *[{"type": "response.output_text.delta", **at, "delta": word} for word in words.split()],
              {"type": "response.output_text.done", **at, "text": words}, {"type": "response.content_part.done", **at, "part": item["content"][0]},
              {"type": "response.output_item.done", "output_index": 0, "item": item}, {"type": "response.completed", "response": whole}]
    return sse(ex, [{**e, "sequence_number": i} for i, e in enumerate(events)], True)


def anthropic(ex, words, body):
    if ex.path.endswith("/count_tokens"):
        return ex.reply({"input_tokens": 7})
    content = [{"type": "text", "text": words}]
    if body.get("tools") and ex.number % 3 == 0:
        content.append({"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"row": 1}})
    if ex.number % 4 == 0:
        content.insert(0, {"type": "thinking", "thinking": "hm", "signature": base64.b64encode(f"{ex.target.name} {ex.number} {'s' * 64}".encode()).decode()})
    usage = {"input_tokens": 3, "output_tokens": 2}
    reply = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": usage}
    if not body.get("stream"):
        return ex.reply(reply)
    events = [{"type": "message_start", "message": {**reply, "content": [], "stop_reason": None}}, {"type": "ping"}]
    for i, block in enumerate(content):
        if block["type"] == "text":
            deltas, start = [{"type": "text_delta", "text": word} for word in words.split()], {"type": "text", "text": ""}
        elif block["type"] == "thinking":
            start = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": block["signature"]}]
        else:
            deltas, start = [{"type": "input_json_delta", "partial_json": '{"row": 1}'}], {**block, "input": {}}
        events += [{"type": "content_block_start", "index": i, "content_block": start}]
        events += [{"type": "content_block_delta", "index": i, "delta": d} for d in deltas] + [{"type": "content_block_stop", "index": i}]
    events += [{"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage}, {"type": "message_stop"}]
    return sse(ex, events, True)


def gemini(ex, words, body):
    method = ex.path.split("?")[0].rsplit(":", 1)[1]
    if method == "countTokens":
        return ex.reply({"totalTokens": 7})
    if method == "embedContent":
        return ex.reply({"embedding": {"values": [0.5] * 4}})
    if method == "batchEmbedContents":
        return ex.reply({"embeddings": [{"values": [0.5] * 4}] * len(body.get("requests", []))})

    def response(text, finish=None):
        candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **({"finishReason": finish} if finish else {})}
        return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}, "modelVersion": "m", "responseId": "r"}

    if method == "generateContent":
        return ex.reply(response(words, "STOP"))
    return sse(ex, [*[response(word) for word in words.split()], response("", "STOP")])


def bedrock(ex, words, body):
    usage = {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}
    if ex.path.endswith("/converse"):
        return ex.reply({"output": {"message": {"role": "assistant", "content": [{"text": words}]}}, "stopReason": "end_turn", "usage": usage, "metrics": {"latencyMs": 1}})
    if not ex.path.endswith("/converse-stream"):
        return ex.reply({"embedding": [0.5] * 4, "inputTextTokenCount": 3})
    ex.stream_head(AWS)
    ex.chunk(aws_event("messageStart", {"role": "assistant"}))
    for word in words.split():
        ex.chunk(aws_event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}}))
    for name, payload in (("contentBlockStop", {"contentBlockIndex": 0}), ("messageStop", {"stopReason": "end_turn"}), ("metadata", {"usage": usage})):
        ex.chunk(aws_event(name, payload))
    return ex.last_chunk()


def cohere(ex, words, body):
    if ex.path.endswith("/rerank"):
        return ex.reply({"id": "rr", "results": [{"index": 0, "relevance_score": 0.5}], "meta": {"billed_units": {"search_units": 1}}})
    if ex.path.endswith("/embed"):
        return ex.reply({"id": "e", "embeddings": {"float": [[0.5] * 4] * max(1, len(body.get("texts") or []))}, "texts": [], "meta": {"billed_units": {"input_tokens": 3}}})
    usage = {"billed_units": {"input_tokens": 3, "output_tokens": 2}, "tokens": {"input_tokens": 3, "output_tokens": 2}}
    if not body.get("stream"):
        return ex.reply({"id": "r", "finish_reason": "COMPLETE", "message": {"role": "assistant", "content": [{"type": "text", "text": words}]}, "usage": usage})
    events = [{"type": "message-start", "id": "r", "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}}},
              {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
              *[{"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}} for word in words.split()],
              {"type": "content-end", "index": 0}, {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}}]
    return sse(ex, events, True)


def files(ex, words, body):
    if "/images/" in ex.path:
        return ex.reply({"created": 1, "data": [{"b64_json": "aGk=", "revised_prompt": words}]})
    if ex.path.split("?")[0].endswith("/speech"):
        return ex.reply(b"RIFF" + words.encode(), content_type="audio/mpeg")
    if "/audio/" in ex.path:
        return ex.reply({"text": words})
    return ex.reply({"id": "m", "model": "m", "results": [{"flagged": False, "categories": {}, "category_scores": {}}]})


LANGUAGES = [("/chat/completions", openai_chat), ("/completions", openai_completions), ("/embeddings", openai_embeddings), ("/responses", responses),
             ("/messages", anthropic), (":", gemini), ("/model/", bedrock), ("/v2/", cohere), ("/rerank", cohere), ("/images/", files), ("/audio/", files), ("/moderations", files)]


def token(ex):
    """Credentials are fetched at targets, too; what is wrong with their answers is wrong here."""
    return ex.reply({"token_type": "Bearer", "expires_in": ex.target.rng.choice([1, 60, 3600]), "access_token": f"t{ex.number}"})


def in_health(ex):
    path = ex.path.split("?")[0]
    if path.endswith("/token"):
        return token(ex)
    speak = next((speak for part, speak in LANGUAGES if part in path), None)
    if not speak:
        return ex.reply({"error": {"message": f"no such call: {path}", "type": "invalid_request_error"}}, "404 Not Found")
    try:
        body = json.loads(ex.body)
    except ValueError:
        body = {}
    return speak(ex, " ".join([f"<{ex.target.name}:{ex.call}>"] * 3), body if isinstance(body, dict) else {})


# --- what goes wrong ---


def error(rng):
    status = rng.choice(["400 Bad Request", "401 Unauthorized", "404 Not Found", "408 Request Timeout", "413 Too Large", "429 Too Many Requests", "500 Oops", "502 Bad Gateway",
                         "503 Busy", "529 Overloaded", "599 Odd", "302 Found", "204 No Content"])
    text, code = rng.choice([("no", None), ("Unrecognized request argument supplied: stream_options", "unknown_parameter"), ("filtered", "content_filter"), ("quota", "insufficient_quota"),
                             ("This model's maximum context length is 8 tokens", "context_length_exceeded"), ("x" * 100_000, None), ("\udcff".encode("utf8", "surrogatepass").decode("latin1"), None)])
    body = rng.choice([{"error": {"message": text, "type": "invalid_request_error", "code": code}}, {"message": text}, {"detail": text}, [], "", "null", '{"error": ', {"error": text},
                       {"error": {"code": 429, "message": text, "status": "RESOURCE_EXHAUSTED", "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.05s"}]}},
                       {"type": "error", "error": {"type": "overloaded_error", "message": text}}])
    wait = rng.choice([None, "0", "1", "-1", "0.05", "99999999999999999999", "nan", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", ""])
    name = rng.choice(["Retry-After", "retry-after-ms", "x-ms-retry-after-ms"])
    if status.startswith("204"):
        return lambda ex: ex.send("HTTP/1.1 204 No Content\r\n\r\n")
    return lambda ex: ex.reply(body, status, rng.choice(["application/json", "text/html", "text/event-stream", "application/json"]), headers=[(name, wait)] if wait is not None else [])


def busy(rng):
    wait = rng.choice([None, "0", "0", "1"])
    status = rng.choice(["503 Busy", "529 Overloaded", "429 Too Many"])
    return lambda ex: ex.reply({"error": {"message": "busy", "type": "overloaded_error"}}, status, headers=[("Retry-After", wait)] if wait else [])


def takes_no_usage(rng):
    """As older servers of models."""
    said = {"error": {"message": "Unrecognized request argument supplied: stream_options", "type": "invalid_request_error", "param": "stream_options"}}
    return lambda ex: ex.reply(said, "400 Bad Request") if b"stream_options" in ex.body else in_health(ex)


def cut(rng):
    n, how = rng.choice([0, 1, 20, 60, 100, 150, 200, 250, 300, 400, 600, 1000, -1, -3, -12]), rng.choice(["reset", "close"])
    return lambda ex: cut_at(n, in_health, how)(ex)


def late(rng):
    seconds = rng.choice([0.001, 0.01, 0.05, 0.1, 0.3])
    return lambda ex: None if has_left(ex, seconds) else in_health(ex)


def in_pieces(rng):
    """With a pause at a random byte; longer than the times that routes allow, or not."""
    share, seconds = rng.random(), rng.choice([0, 0.01, 0.05, 0.5])

    def act(ex):
        data = raw_of(ex, in_health)
        at = int(len(data) * share)
        ex.send(data[:at])
        if not has_left(ex, seconds):
            ex.send(data[at:])

    return act


def early_hints(rng):
    data = rng.choice([b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n" * 3, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"])
    return lambda ex: (ex.send(data), in_health(ex))


def closes_behind(rng):
    """Says nothing of it, so the next call finds a connection that is gone."""
    return lambda ex: (in_health(ex), ex.close())


def says_close(rng):
    return lambda ex: (ex.send(raw_of(ex, in_health).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)), ex.close())


def other_type(rng):
    kind = rng.choice([b"text/html", b"application/json", b"text/event-stream", b"application/octet-stream", b"", b"text/plain; charset=utf-16"])
    return lambda ex: ex.send(re.sub(rb"Content-Type: [^\r]*", b"Content-Type: " + kind, raw_of(ex, in_health), count=1))


def garbage(rng):
    data = rng.choice([b"SSH-2.0-OpenSSH_9.2p1\r\n", b"\0" * 100, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", b"HTTP/1.1 200 OK\r\n" + b"A: " + b"x" * 100_000 + b"\r\n\r\n",
                       b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
                       b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\nno gzip.."])
    return lambda ex: (ex.send(data), ex.close())


def flipped(rng):
    """A byte of the answer is another one."""
    share, byte = rng.random(), rng.randrange(256)

    def act(ex):
        data = bytearray(raw_of(ex, in_health))
        data[int(len(data) * share)] = byte
        ex.send(bytes(data))

    return act


def error_in_stream(rng):
    error = rng.choice([{"error": {"message": "busy", "type": "overloaded_error"}}, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, {"message": "busy"}, "{", "[DONE]", "null"])
    after = rng.randrange(4)

    def act(ex):
        data = raw_of(ex, in_health)
        if b"text/event-stream" not in data:
            return ex.send(data)
        parts = re.split(rb"(?<=\n\n\r\n)", data)
        ex.send(b"".join(parts[:after + 1]) if after else data[:data.index(b"\r\n\r\n") + 4])
        ex.event(error)
        return ex.last_chunk() if rng.random() < 0.7 else ex.close()

    return act


def large(rng):
    """The words, and much behind them: a whole reply of 300 KB, or a stream with a large event."""
    size = rng.choice([10_000, 70_000, 300_000])

    def act(ex):
        kept, name = ex.call, ex.target.name
        ex.call = f"{kept}> {'y' * size} <{name}:{kept}"
        try:
            in_health(ex)
        finally:
            ex.call = kept

    return act


def encoded(rng):
    """Compressed, in whole or in part."""
    share = rng.choice([1, 1, 1, 0.5])

    def act(ex):
        head, body = raw_of(ex, in_health).split(b"\r\n\r\n", 1)
        if b"chunked" in head:
            pieces = re.split(rb"(?<=\n\n\r\n)", body)
            body = b"".join(p.split(b"\r\n", 1)[1][:-2] for p in pieces if b"data:" in p)
        body = gzip.compress(body)
        kept = re.sub(rb"\r\n(Content-Length|Transfer-Encoding): [^\r]*", b"", head)
        ex.send(kept + b"\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:int(len(body) * share)])
        if share < 1:
            ex.close()

    return act


def endless(rng):
    """Until the client or the gateway has enough."""

    def act(ex):
        data = raw_of(ex, in_health)
        if b"text/event-stream" not in data:
            return ex.send(data)
        parts = re.split(rb"(?<=\n\n\r\n)", data)
        ex.send(b"".join(parts[:2]))
        end = time.monotonic() + 5
        while time.monotonic() < end and not has_left(ex, 0.001):
            ex.send(parts[1] if rng.random() < 0.9 else b"3\r\n: \n\r\n")
        return ex.close()

    return act


def never(rng):
    return lambda ex: ex.hold()


def hang_up(rng):
    return lambda ex: ex.close()


def reset(rng):
    return lambda ex: ex.reset()


def drop_by_drop(rng):
    every = rng.choice([0, 0.001])
    return lambda ex: dribble(every, in_health)(ex)


FAULTS = [error, error, busy, busy, takes_no_usage, cut, cut, late, late, in_pieces, early_hints, closes_behind, says_close, other_type, garbage, flipped, error_in_stream, error_in_stream, large, encoded, endless, never,
          hang_up, reset, drop_by_drop]


def behaviour(rng):
    """What a target does: acts by turns, or by chance."""
    faults = [rng.choice(FAULTS)(rng) for _ in range(rng.randint(1, 4))]
    kind = rng.choice(["well", "ill", "turns", "chance", "chance"])
    if kind == "well":
        return lambda n: in_health
    if kind == "ill":
        return lambda n: faults[0]
    if kind == "turns":
        row = [*faults, *[in_health] * rng.randint(1, 6)]
        return lambda n: row[n % len(row)]
    share = rng.choice([0.1, 0.3, 0.6])
    return lambda n: rng.choice(faults) if rng.random() < share else in_health


class ChaosTarget:
    """`asked`: each call that came, as in `faults.Target`."""

    def __init__(self, name, rng, tls=None):
        self.name, self.rng, self.asked = name, random.Random(rng.random()), []
        self.acts = {}  # the names of what came of each call
        self.act_of = behaviour(self.rng)
        self.upstream = Upstream(self._answer, tls=tls, backlog=1024)
        self.base = self.upstream.base

    def _answer(self, ex):
        names = NAME.findall(ex.body)  # the last one: a conversation may stand in front
        ex.target, ex.call = self, names[-1].decode() if names else "none"
        self.asked.append(Asked(ex.call, self.name, time.monotonic()))
        act = self.act_of(ex.number)
        self.acts.setdefault(ex.call, set()).add(act.__qualname__.split(".")[0])
        try:
            act(ex)
        except OSError:
            ex.close()

    def change(self):
        """Something else from now on."""
        self.act_of = behaviour(self.rng)

    def close(self):
        self.upstream.close()


class EarlyTarget:
    """Does not wait for a request's end: it refuses, answers, resets or stops reading behind the head, or behind some of the body."""

    def __init__(self, name, rng):
        self.name, self.rng, self.asked = name, random.Random(rng.random()), []
        self.acts = {}
        self.upstream = Upstream(on_connect=self._serve)
        self.base = self.upstream.base
        self.lock = threading.Lock()

    def _serve(self, conn):
        with self.lock:
            ways = ["refuse", "refuse", "answer", "reset", "close", "hold"]
            way, size = self.rng.choice(ways), self.rng.choice([0, 1, 1000, 70_000, 400_000])
        conn.settimeout(5)
        try:
            data = head_read(conn)
            if not data:
                return conn.close()
            while len(data) < size and (more := conn.recv(65536)):
                data += more
            name = NAME.search(data)
            call = name[1].decode() if name else "none"
            self.asked.append(Asked(call, self.name, time.monotonic()))
            self.acts.setdefault(call, set()).add("early")
            if way == "reset":
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif way in ("refuse", "answer"):
                status, body = ("413 Too Large", b'{"error": {"message": "too large"}}') if way == "refuse" else ("200 OK", b'{"text": "early"}')
                conn.sendall(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            if way in ("answer", "hold"):
                while conn.recv(65536):
                    pass
        except OSError:
            pass
        conn.close()

    def change(self):
        pass

    def close(self):
        self.upstream.close()

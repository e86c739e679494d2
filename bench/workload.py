# SPDX-License-Identifier: Apache-2.0
"""The requests that are sent, and the check that a reply says what the upstream said. A request file has the bytes as
they are sent. Before a gateway is measured, its reply to that request is read once and checked; after that, the load
generator wants exactly these bytes every time."""
from __future__ import annotations

import json
import pathlib
import random
import re
import socket

from harness import BenchError, Work

SENTENCES = (
    "Please read the following note and tell me in a few short paragraphs what it asks of the reader. ",
    "The team runs a service that answers questions about orders, deliveries and returns. ",
    "Each question goes to a language model together with the customer's history, and the answer comes back as text. ",
    "Last week answers were slow in the morning, and nobody could say whether the model or the network was at fault. ",
    "Write down which figures you would collect, at which points of the way, and how long you would keep them. ",
    "Name one figure that looks useful and is not, and say why. ",
)

# As the clients' own libraries send them; a gateway has to read each of these headers.
OPENAI_HEADERS = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Authorization", "Bearer sk-client-0123456789abcdef0123456789abcdef"),
    ("Connection", "keep-alive"),
    ("Content-Type", "application/json"),
    ("User-Agent", "OpenAI/Python 1.59.6"),
    ("X-Stainless-Arch", "x64"),
    ("X-Stainless-Async", "false"),
    ("X-Stainless-Lang", "python"),
    ("X-Stainless-OS", "Linux"),
    ("X-Stainless-Package-Version", "1.59.6"),
    ("X-Stainless-Runtime", "CPython"),
    ("X-Stainless-Runtime-Version", "3.11.2"),
)
MLFLOW_HEADERS = (
    ("User-Agent", "mlflow-python-client/2.22.4"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Accept", "*/*"),
    ("Connection", "keep-alive"),
    ("Content-Type", "application/json"),
)

BOUNDARY = "6f1d3b9c0a5e4d7f8b2a1c3e5d7f9b0a"  # as httpx makes them
UPSTREAM_CREATED = b"1735689600"  # in each of its answers that says when it was made
CHAT_BYTES = 1024  # the body of a chat request
MIB = 1024 * 1024


def dump(value) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _messages(room: int) -> list[dict]:
    text = ("".join(SENTENCES) * 20)[:room]
    return [{"role": "system", "content": "You are a careful assistant. Answer in plain English."},
            {"role": "user", "content": text}]


def _filled(make, size: int) -> bytes:
    """The body from `make(n)` with as much text as it needs to be `size` bytes long."""
    return dump(make(size - len(dump(make(0)))))


def openai_chat(stream: bool = False, model: str = "chat") -> bytes:
    def make(room: int) -> dict:
        body = {"model": model, "messages": _messages(room), "temperature": 0.7, "max_tokens": 256, "top_p": 1}
        return body | {"stream": True} if stream else body
    return _filled(make, CHAT_BYTES)


def conversation(model: str, size: int = CHAT_BYTES, stream: bool = False) -> bytes:
    """A chat with about one message for each kilobyte, the same for each model except the name. The last message is the
    user's: not every model continues an assistant's text."""
    def make(room: int) -> dict:
        n = max(size // 1024 - 1, 1) | 1
        text = "".join(SENTENCES) * (room // n // 400 + 2)
        roles = ("user", "assistant")
        messages = [{"role": roles[i % 2], "content": text[:room // n]} for i in range(n - 1)]
        messages.append({"role": roles[(n - 1) % 2], "content": text[:room - room // n * (n - 1)]})
        body = {"model": model, "messages": messages, "temperature": 0.7, "max_tokens": 256}
        return body | {"stream": True} if stream else body
    return _filled(make, size + len(model))


def mlflow_chat() -> bytes:
    return _filled(lambda room: {"messages": _messages(room), "temperature": 0.7, "max_tokens": 256}, CHAT_BYTES)


def long_string(size: int) -> bytes:
    """One message that fills the body: text with line ends now and then, like a pasted document."""
    def make(room: int) -> dict:
        line = ("".join(SENTENCES))[:94] + "\n"  # 95 characters, 96 bytes in JSON
        text = line * (room // 96)
        text += "x" * (room - len(text) - text.count("\n"))
        return {"model": "chat", "messages": [{"role": "user", "content": text}]}
    return _filled(make, size)


def many_messages(size: int, count: int = 20000) -> bytes:
    def make(room: int) -> dict:
        each, rest = divmod(room, count)
        text = ("".join(SENTENCES) * 2)[:each]
        messages = [{"role": "user", "content": text} for _ in range(count - 1)]
        return {"model": "chat", "messages": messages + [{"role": "user", "content": text + "x" * rest}]}
    return _filled(make, size)


def request_text(path: str, headers: tuple, body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1"] + [f"{k}: {v}" for k, v in headers]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def openai_request(body: bytes) -> bytes:
    return request_text("/v1/chat/completions", OPENAI_HEADERS, body)


def upload_request(size: int, file_first: bool = False) -> bytes:
    """A recording as OpenAI's clients send it; the client for Node puts it before the model if the program does."""
    def part(name: str, more: str, content: bytes) -> bytes:
        return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"
    noise = random.Random(1).randbytes(MIB)
    parts = [part("model", "", b"transcribe"), part("file", '; filename="a.wav"\r\nContent-Type: audio/wav', noise * (size // MIB))]
    body = b"".join(reversed(parts) if file_first else parts) + f"--{BOUNDARY}--\r\n".encode()
    headers = tuple((k, f"multipart/form-data; boundary={BOUNDARY}" if k == "Content-Type" else v) for k, v in OPENAI_HEADERS)
    return request_text("/v1/audio/transcriptions", headers, body)


def mlflow_request(body: bytes) -> bytes:
    return request_text("/gateway/chat/invocations", MLFLOW_HEADERS, body)


def _dechunk(data: bytes) -> bytes | None:
    """The body of complete chunks; None when more will come."""
    body = b""
    while True:
        size, found, data = data.partition(b"\r\n")
        if not found:
            return None
        n = int(size.split(b";")[0], 16)
        if n == 0:
            return body
        if len(data) < n + 2:
            return None
        body, data = body + data[:n], data[n + 2:]


def ask(port: int, request: bytes, timeout: float = 30) -> bytes:
    """Sends a request on its own connection and returns the body of the reply, which must be a 200."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.sendall(request)
        data = b""
        while True:
            head, found, rest = data.partition(b"\r\n\r\n")
            if found:
                body = _body_so_far(head, rest)
                if body is not None:
                    break
            piece = s.recv(1 << 20)
            if not piece:
                body = rest  # until the connection closes
                break
            data += piece
    if not head.startswith(b"HTTP/1.1 200"):
        raise BenchError(f"the reply is no 200:\n{data[:2000].decode(errors='replace')}")
    return body


def _body_so_far(head: bytes, rest: bytes) -> bytes | None:
    headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        return _dechunk(rest)
    if b"content-length" in headers:
        return rest if len(rest) >= int(headers[b"content-length"]) else None
    return None


def check_same(body: bytes, direct: bytes) -> None:
    """The upstream's bytes, unchanged."""
    if body != direct:
        raise BenchError(f"the reply is not the upstream's:\n{body[:2000].decode(errors='replace')}")


def check_mlflow(body: bytes, direct: bytes) -> None:
    """MLflow's form with the upstream's content and counts."""
    got, want = json.loads(body), json.loads(direct)
    pairs = [(got["choices"][0]["message"]["content"], want["choices"][0]["message"]["content"]),
             (got["choices"][0]["finish_reason"], want["choices"][0]["finish_reason"])]
    pairs += [(got["usage"][k], want["usage"][k]) for k in ("prompt_tokens", "completion_tokens", "total_tokens")]
    pairs += [(got[k], want[k]) for k in ("id", "object", "created", "model")]
    for a, b in pairs:
        if a != b:
            raise BenchError(f"the reply does not say what the upstream said: {a!r} for {b!r}")


def check_translated(body: bytes, direct: bytes) -> None:
    """Checks that the words and counts of an upstream of another language are the same."""
    got, want = json.loads(body), json.loads(direct)
    for path in (("choices", 0, "message", "content"), ("choices", 0, "finish_reason"), ("usage", "total_tokens")):
        a, b = got, want
        for step in path:
            a, b = a[step], b[step]
        if a != b:
            raise BenchError(f"the reply does not say what the upstream said: {a!r} for {b!r}")


def check_translated_stream(body: bytes, direct: bytes) -> None:
    got, want = _events(body), _events(direct)

    def text(events: list) -> str:
        return "".join(c["delta"].get("content") or "" for e in events[:-1] for c in e["choices"])
    if not got or got[-1] != "[DONE]" or len(got) != len(want) or text(got) != text(want):
        raise BenchError(f"the stream does not say what the upstream said:\n{body[-600:].decode(errors='replace')}")


def _events(body: bytes) -> list:
    lines = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    return [line.decode() if line == b"[DONE]" else json.loads(line) for line in lines]


def check_stream(body: bytes, direct: bytes) -> None:
    """The same events and the end; `"usage":null` may be added to each, but no chunk."""
    got, want = _events(body), _events(direct)
    if len(got) != len(want) or not got or got[-1] != "[DONE]":
        raise BenchError(f"{len(got)} events for {len(want)}:\n{body[-600:].decode(errors='replace')}")
    for a, b in zip(got[:-1], want[:-1]):
        if a.get("usage") is not None or {k: v for k, v in a.items() if k != "usage"} != b:
            raise BenchError(f"an event differs: {a} for {b}")


def _masked(body: bytes, others: list[bytes]) -> bytes:
    """Replaces words of letters and digits that differ between replies to the same request (ids and times) by a
    placeholder."""
    words = [re.findall(rb"[A-Za-z0-9]+|[^A-Za-z0-9]+", b) for b in (body, *others)]
    if any([len(w) for w in words[0]] != [len(w) for w in more] for more in words[1:]):
        raise BenchError(f"two replies to one request have different shapes:\n{body[:2000].decode(errors='replace')}")
    return b"".join(w if all(w == more[i] for more in words[1:]) else bytes(len(w)) for i, w in enumerate(words[0]))


def prepare(folder: pathlib.Path, name: str, port: int, request: bytes, check, direct: bytes) -> Work:
    """Asks several times, checks the first reply, and makes the files for the load generator. A time that is not the
    upstream's is the gateway's clock, and words that differ from reply to reply were made up: any value is accepted
    there."""
    def one() -> bytes:
        return re.sub(rb'(?<="latencyMs":)[0-9]+', b"\x01", ask(port, request))  # any number: bench/reply.h
    body = ask(port, request)
    check(body, direct)
    body = one()
    work = Work(folder / f"{name}.request", folder / f"{name}.expect")
    work.request.write_bytes(request)
    masked = _masked(body, [one() for _ in range(2)])
    for clock in re.finditer(rb'"(?:created|created_at|completed_at)":([0-9]{10})', body):
        if clock[1] != UPSTREAM_CREATED:
            masked = masked[:clock.start(1)] + bytes(10) + masked[clock.end(1):]
    work.expect.write_bytes(masked)
    return work

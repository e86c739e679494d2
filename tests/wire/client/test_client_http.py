# SPDX-License-Identifier: Apache-2.0
"""What clients can do to the daemon with HTTP itself. Every row is answered with one line of JSON or served whole, and
no row smuggles in a second request: an upstream counts what arrives and compares bytes."""
import json
import re
import signal
import socket
import ssl
import time

import pytest

from harness import CHAT_REPLY, DEADLINE, SANITIZED, Sluice, chat_route, wait_for
from upstream import Upstream

BODY = b'{"model":"chat","messages":[{"role":"user","content":"hello"}]}'
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = CHAT + LENGTH + b"X-Smuggled: yes\r\n\r\n" + BODY
HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def chunk(data, ext=b""):
    return b"%x%s\r\n%s\r\n" % (len(data), ext, data)


class World:
    def __init__(self, directory):
        self.up = Upstream(lambda x: x.reply(CHAT_REPLY))
        self.sluice = Sluice(directory, {"endpoints": [chat_route(self.up.base)],
                                         "server": {"limits": {"head": "16KiB", "body": "64KiB"}, "timeouts": {"head": "700ms", "body_idle": "700ms"}}})

    def connect(self):
        return self.sluice.connect()

    def talk(self, raw):
        """Sends, and reads all replies until the daemon closes; also returns how many requests the upstream got
        meanwhile."""
        before = len(self.up.requests)
        conn = self.connect()
        try:
            conn.send(raw)
        except (BrokenPipeError, ConnectionResetError):
            pass
        text = conn.rest()
        conn.close()
        return text, len(self.up.requests) - before


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = World(tmp_path_factory.mktemp("http"))
    yield w
    w.sluice.stop()
    w.up.close()


def one_reply(raw, method="POST"):
    """Exactly one reply and nothing after it."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
    assert len(body) == (0 if method == "HEAD" else int(headers["content-length"])), raw
    return int(lines[0].split(" ")[1]), headers, body


def is_error_of(body, dialect):
    assert b"\n" not in body
    value = json.loads(body)
    if dialect == "openai":
        assert set(value) == {"error"} and {"message", "type", "param", "code"} <= set(value["error"])
        return value["error"]["message"]
    assert set(value) == {"detail"}
    return value["detail"]


def long_line(n):
    return CHAT + b"X-Long: " + b"x" * n + b"\r\n" + LENGTH + b"\r\n" + BODY


# raw head (and what belongs to it), status, a part of the reason
REFUSED = {
    "nul in a value": (CHAT + b"X: a\0b\r\n" + LENGTH + b"\r\n" + BODY, 400, "NUL"),
    "nul in a name": (CHAT + b"X\0: a\r\n\r\n", 400, "NUL"),
    "nul in the target": (b"GET /v1/\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "NUL"),
    "bare cr": (CHAT + b"X: a\rb\r\n\r\n", 400, "CR without LF"),
    "bare cr hides a transfer-encoding": (CHAT + LENGTH + b"X-Abc:\rxTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "CR without LF"),
    "bare lf ends a field": (CHAT + b"X: a\nContent-Length: 5\r\n\r\n", 400, "LF without CR"),
    "bare lf everywhere": (CHAT.replace(b"\r\n", b"\n") + b"\n", 400, "LF without CR"),
    "obs-fold": (CHAT + b"X: a\r\n b\r\n\r\n", 400, "white space"),
    "obs-fold with tab": (CHAT + b"X: a\r\n\tb\r\n\r\n", 400, "white space"),
    "space before the first field": (CHAT.replace(b"\r\nHost", b"\r\n Host") + b"\r\n", 400, "white space"),
    "space before the request line": (b" " + CHAT + b"\r\n", 400, "white space"),
    "space before the colon": (CHAT + b"Content-Length : 5\r\n\r\nhello", 400, "malformed field"),
    "no colon": (CHAT + b"Content-Length\r\n\r\n", 400, "malformed field"),
    "no name": (CHAT + b": a\r\n\r\n", 400, "malformed field"),
    "control character": (CHAT + b"X: a\x01b\r\n\r\n", 400, "control character"),
    "two spaces in the request line": (CHAT.replace(b"POST ", b"POST  ") + b"\r\n", 400, "request line"),
    "two spaces before the version": (CHAT.replace(b" HTTP", b"  HTTP") + b"\r\n", 400, "request line"),
    "space behind the version": (CHAT.replace(b"1.1\r\n", b"1.1 \r\n") + b"\r\n", 400, "request line"),
    "tab in the request line": (CHAT.replace(b"POST ", b"POST\t") + b"\r\n", 400, "request line"),
    "no version": (b"GET /v1/models\r\n\r\n", 400, "request line"),
    "another protocol": (CHAT.replace(b"HTTP/1.1", b"RTSP/1.0") + b"\r\n", 400, "request line"),
    "small letters": (CHAT.replace(b"HTTP/1.1", b"http/1.1") + b"\r\n", 400, "request line"),
    "two digits": (CHAT.replace(b"HTTP/1.1", b"HTTP/1.10") + b"\r\n", 400, "request line"),
    "bytes above ASCII in the target": (b"GET /v1/\xe4 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "request line"),
    "http/2.0": (CHAT.replace(b"HTTP/1.1", b"HTTP/2.0") + b"\r\n", 505, "HTTP/1.1"),
    "http/0.9": (CHAT.replace(b"HTTP/1.1", b"HTTP/0.9") + b"\r\n", 505, "HTTP/1.1"),
    "http/1.2": (CHAT.replace(b"HTTP/1.1", b"HTTP/1.2") + b"\r\n", 505, "HTTP/1.1"),
    "the preface of http/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/1.1"),
    "no host": (b"POST /v1/chat/completions HTTP/1.1\r\n" + LENGTH + b"\r\n" + BODY, 400, "Host"),
    "two hosts": (CHAT + b"Host: 127.0.0.1\r\n" + LENGTH + b"\r\n" + BODY, 400, "Host"),
    "a host that is none": (CHAT.replace(b"Host: 127.0.0.1", b"Host: a b") + LENGTH + b"\r\n" + BODY, 400, "Host"),
    "a host with a path": (CHAT.replace(b"Host: 127.0.0.1", b"Host: 127.0.0.1/x") + LENGTH + b"\r\n" + BODY, 400, "Host"),
    "gzip, chunked": (CHAT + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk(BODY) + b"0\r\n\r\n", 501, "Transfer-Encoding"),
    "chunked, identity": (CHAT + b"Transfer-Encoding: chunked, identity\r\n\r\n" + chunk(BODY) + b"0\r\n\r\n", 501, "Transfer-Encoding"),
    "xchunked": (CHAT + b"Transfer-Encoding: xchunked\r\n\r\n" + chunk(BODY) + b"0\r\n\r\n", 501, "Transfer-Encoding"),
    "chunked in quotes": (CHAT + b'Transfer-Encoding: "chunked"\r\n\r\n' + chunk(BODY) + b"0\r\n\r\n", 501, "Transfer-Encoding"),
    "chunked twice": (CHAT + CHUNKED + CHUNKED + b"\r\n" + chunk(BODY) + b"0\r\n\r\n", 501, "Transfer-Encoding"),
    "chunked with a tab behind": (CHAT + b"Transfer-Encoding: chunked\t\r\n\r\n" + chunk(BODY) + b"0\r\n\r\n", 400, "two ways"),
    "an empty transfer-encoding": (CHAT + b"Transfer-Encoding:\r\n" + LENGTH + b"\r\n" + BODY, 400, "Content-Length"),
    "both, length first": (CHAT + LENGTH + CHUNKED + b"\r\n" + chunk(BODY) + b"0\r\n\r\n", 400, "beside Content-Length"),
    "both, length last": (CHAT + CHUNKED + LENGTH + b"\r\n" + chunk(BODY) + b"0\r\n\r\n", 400, "beside Content-Length"),
    "transfer-encoding in 1.0": (CHAT.replace(b"HTTP/1.1", b"HTTP/1.0") + CHUNKED + b"\r\n" + chunk(BODY) + b"0\r\n\r\n", 400, "HTTP/1.0"),
    "length repeated": (CHAT + LENGTH + LENGTH + b"\r\n" + BODY, 400, "more than one Content-Length"),
    "length repeated and different": (CHAT + b"Content-Length: 1\r\n" + LENGTH + b"\r\n" + BODY, 400, "more than one Content-Length"),
    "length as a list": (CHAT + b"Content-Length: 63, 63\r\n\r\n" + BODY, 400, "Content-Length"),
    "length with plus": (CHAT + b"Content-Length: +63\r\n\r\n" + BODY, 400, "Content-Length"),
    "length with minus": (CHAT + b"Content-Length: -1\r\n\r\n" + BODY, 400, "Content-Length"),
    "length with a space inside": (CHAT + b"Content-Length: 6 3\r\n\r\n" + BODY, 400, "Content-Length"),
    "length in hex": (CHAT + b"Content-Length: 0x3f\r\n\r\n" + BODY, 400, "Content-Length"),
    "length empty": (CHAT + b"Content-Length:\r\n\r\n" + BODY, 400, "Content-Length"),
    "length of 2^64": (CHAT + b"Content-Length: 18446744073709551616\r\n\r\n" + BODY, 400, "Content-Length"),
    "length of 2^64 - 1": (CHAT + b"Content-Length: 18446744073709551615\r\n\r\n" + BODY, 413, "server.limits.body"),
    "length over the limit": (CHAT + b"Content-Length: 65537\r\n\r\n" + BODY, 413, "server.limits.body allows (64KiB)"),
    "chunks over the limit": (CHAT + CHUNKED + b"\r\n" + chunk(b"[" * 40000) + chunk(b"[" * 40000), 413, "server.limits.body"),
    "a chunk that cannot fit": (CHAT + CHUNKED + b"\r\n10001\r\n", 413, "server.limits.body"),
    "a chunk of 2^64 - 1": (CHAT + CHUNKED + b"\r\nffffffffffffffff\r\n", 413, "server.limits.body"),
    "a chunk of 2^64": (CHAT + CHUNKED + b"\r\n10000000000000000\r\n", 400, "size is absurd"),
    "a chunk with a sign": (CHAT + CHUNKED + b"\r\n-1\r\n", 400, "hexadecimal"),
    "a chunk with 0x": (CHAT + CHUNKED + b"\r\n0x3f\r\n" + BODY + b"\r\n0\r\n\r\n", 400, "hexadecimal"),
    "a chunk without a size": (CHAT + CHUNKED + b"\r\n\r\n", 400, "hexadecimal"),
    "a chunk's size with a space": (CHAT + CHUNKED + b"\r\n3f \r\n" + BODY + b"\r\n0\r\n\r\n", 400, "hexadecimal"),
    "a chunk's size ended by lf": (CHAT + CHUNKED + b"\r\n3f\n" + BODY + b"\r\n0\r\n\r\n", 400, "hexadecimal"),
    "an extension with lf": (CHAT + CHUNKED + b"\r\n" + chunk(BODY, b";a\nb") + b"0\r\n\r\n", 400, "extension"),
    "an extension with nul": (CHAT + CHUNKED + b"\r\n" + chunk(BODY, b";a\0b") + b"0\r\n\r\n", 400, "extension"),
    "an extension of 100 kB": (CHAT + CHUNKED + b"\r\n" + chunk(BODY, b";" + b"x" * 100000) + b"0\r\n\r\n", 400, "1024 bytes"),
    "100,000 leading zeros": (CHAT + CHUNKED + b"\r\n" + b"0" * 100000 + chunk(BODY) + b"0\r\n\r\n", 400, "1024 bytes"),
    "more data than the chunk's size": (CHAT + CHUNKED + b"\r\n5\r\nhello!\r\n0\r\n\r\n", 400, "more data"),
    "lf behind a chunk": (CHAT + CHUNKED + b"\r\n5\r\nhello\n0\r\n\r\n", 400, "more data"),
    "a trailer that is folded": (CHAT + CHUNKED + b"\r\n" + chunk(BODY) + b"0\r\nX: y\r\n z\r\n\r\n", 400, "trailer"),
    "trailers without end": (CHAT + CHUNKED + b"\r\n" + chunk(BODY) + b"0\r\nX: " + b"y" * 9000, 431, "8192 bytes of trailers"),
    "300 trailers": (CHAT + CHUNKED + b"\r\n" + chunk(BODY) + b"0\r\n" + b"X: y\r\n" * 300 + b"\r\n", 431, "256 trailer fields"),
    "a line of 100 kB": (long_line(100000), 431, "server.limits.head"),
    "a target of 100 kB": (b"GET /v1/" + b"x" * 100000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "server.limits.head"),
    "10,000 fields": (CHAT + b"A:b\r\n" * 10000 + b"\r\n", 431, "fields"),
    "300 fields": (CHAT + b"A:b\r\n" * 300 + b"\r\n", 431, "256 header fields"),
    "connect": (b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: 127.0.0.1:443\r\n\r\n", 501, "CONNECT"),
    "an unknown method": (CHAT.replace(b"POST", b"BREW") + LENGTH + b"\r\n" + BODY, 501, "method"),
    "a target that is no path": (b"GET v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400, ""),
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, ""),
    "nothing but line ends": (b"\r\n\r\n\r\n", 400, ""),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_refused_with_a_reason_and_closed(world, name):
    raw, status, words = REFUSED[name]
    text, n = world.talk(raw + SMUGGLED)
    assert n == 0, f"a request reached the upstream: {raw[:200]!r}"
    got, headers, body = one_reply(text)
    assert got == status, text
    assert headers["connection"] == "close" and "x-request-id" in headers and headers["content-type"] == "application/json"
    dialect = "openai" if re.match(rb" ?[A-Z]+[ \t]+/v1/", raw) and b"POST\t" not in raw and b"T  /" not in raw and raw[0] != 32 else "mlflow"
    assert words in is_error_of(body, dialect)
    assert headers["x-sluice-error-type"] == {413: "caller_body_too_large", 414: "caller_head_too_large", 431: "caller_head_too_large",
                                              501: "caller_unsupported"}.get(status, "caller_invalid_request")


@pytest.mark.parametrize("name", ["nul in a value", "both, length first", "chunks over the limit", "an extension of 100 kB"])
def test_refused_alike_byte_by_byte(world, name):
    raw, status, words = REFUSED[name]
    before = len(world.up.requests)
    conn = world.connect()
    try:
        for i in range(0, min(len(raw), 3000)):
            conn.send(raw[i:i + 1])
        conn.send(raw[3000:])
        conn.send(SMUGGLED)
    except (BrokenPipeError, ConnectionResetError):
        pass
    got, _, body = one_reply(conn.rest())
    assert got == status and words in is_error_of(body, "openai")
    assert len(world.up.requests) == before


HEAD_REFUSED = {
    "no such path": (b"POST /v1/nope HTTP/1.1\r\nHost: 127.0.0.1\r\n", 404, "openai"),
    "no such path of mlflow's": (b"POST /nope HTTP/1.1\r\nHost: 127.0.0.1\r\n", 404, "mlflow"),
    "no such route": (b"POST /gateway/nope/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n", 404, "mlflow"),
    "not with this method": (b"DELETE /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n", 405, "openai"),
    "too large": (CHAT, 413, "openai"),
}


@pytest.mark.parametrize("name", list(HEAD_REFUSED))
@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_refused_from_the_head(world, name, expect):
    head, status, dialect = HEAD_REFUSED[name]
    conn = world.connect()
    conn.send(head + expect + b"Content-Length: %d\r\n\r\n" % (70000 if status == 413 else 60000))
    reply = conn.reply()  # no 100 before it, and it does not wait for the body
    assert reply.status == status and reply.get("connection") == "close"
    is_error_of(reply.body, dialect)
    if status == 405:
        assert reply.get("allow") == "POST"
    conn.send(b"x" * 1000)  # bytes that were sent already do not reset the reply
    assert conn.is_closed_by_peer()


def test_a_slow_upload_gets_its_refusal(world):
    """It sends for longer than a client may pause after a reply that closes; no reset destroys the reply."""
    conn = world.connect()
    conn.send(CHAT + b"Content-Length: 70000\r\n\r\n")
    end = time.monotonic() + 6.5
    while time.monotonic() < end:
        conn.send(b"x" * 100)
        time.sleep(0.25)
    assert conn.reply().status == 413
    assert conn.eof or conn.is_closed_by_peer()


def test_head_has_no_body_on_any_get_path(world):
    conn = world.connect()
    for path in ["/health", "/ready", "/v1/models", "/v1/models/chat", "/openapi.json"]:
        got = conn.request("GET", path).reply()
        assert got.status == 200, path
        head = conn.request("HEAD", path).reply("HEAD")  # the next reply on this connection shows that no body followed
        assert (head.status, head.get("content-length"), head.get("content-type")) == (200, got.get("content-length"), got.get("content-type")), path
    for path in ["/api/2.0/gateway/routes/", "/api/2.0/endpoints/chat"]:  # MLflow's own paths know no HEAD
        assert conn.request("HEAD", path).reply("HEAD").status == 405
    for raw, status in [(b"HEAD /nope HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 404), (b"HEAD /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 405)]:
        conn.send(raw)
        assert conn.reply("HEAD").status == status
    text, _ = world.talk(b"HEAD /health HTTP/1.1\r\n\r\n")
    assert one_reply(text, "HEAD")[0] == 400
    text, _ = world.talk(b"HEAD /health HTTP/1.1\r\nHost: a\0b\r\n\r\n")
    assert one_reply(text, "HEAD")[0] == 400


def test_http_1_0(world):
    text, n = world.talk(CHAT.replace(b"HTTP/1.1", b"HTTP/1.0") + LENGTH + b"\r\n" + BODY)
    status, headers, body = one_reply(text)
    assert (status, headers["connection"], n) == (200, "close", 1) and body == CHAT_REPLY
    text, _ = world.talk(b"GET /health HTTP/1.0\r\n\r\n")  # Host is not required
    assert one_reply(text)[0] == 200
    conn = world.connect()
    for _ in range(2):
        conn.send(b"GET /health HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
        reply = conn.reply()
        assert (reply.status, reply.get("connection")) == (200, "keep-alive")
    conn.send(CHAT.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Expect: 100-continue\r\n" + LENGTH + b"\r\n" + BODY)
    assert conn.reply().status == 200  # no 100 for 1.0
    assert conn.is_closed_by_peer()


def test_keep_alive_and_connection_close(world):
    conn = world.connect()
    for _ in range(3):
        conn.send(CHAT + LENGTH + b"\r\n" + BODY)
        reply = conn.reply()
        assert reply.status == 200 and reply.body == CHAT_REPLY and reply.get("connection") is None
    conn.send(CHAT + LENGTH + b"Connection: foo, Close\r\n\r\n" + BODY)
    assert conn.reply().get("connection") == "close"
    assert conn.is_closed_by_peer()


def test_upgrade_is_ignored(world):
    conn = world.connect()
    for head in [HEALTH + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", HEALTH + b"Upgrade: h2c\r\nHTTP2-Settings: AA\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n",
                 CHAT + LENGTH + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n" + BODY]:
        conn.send(head)
        assert conn.reply().status == 200


def test_pipelined_requests_are_answered_in_order(world):
    before = len(world.up.requests)
    bodies = [json.dumps({"model": "chat", "messages": [], "n": i}).encode() for i in range(20)]
    raw = b""
    for i, body in enumerate(bodies):
        raw += CHAT + b"Content-Length: %d\r\nX-Request-Id: r%d\r\n\r\n" % (len(body), i) + body if i % 2 else \
            CHAT + CHUNKED + b"X-Request-Id: r%d\r\n\r\n" % i + chunk(body[:7]) + chunk(body[7:]) + b"0\r\n\r\n"
        raw += HEALTH + b"X-Request-Id: h%d\r\n\r\n" % i
    conn = world.connect()
    conn.send(raw)
    for i in range(len(bodies)):
        reply = conn.reply()
        assert (reply.status, reply.get("x-request-id"), reply.body) == (200, f"r{i}", CHAT_REPLY)
        assert (reply := conn.reply()).get("x-request-id") == f"h{i}" and reply.status == 200
    got = [x.json()["n"] for x in world.up.requests[before:]]
    assert got == list(range(20))


def test_pipelining_beyond_the_head_limit_waits(world):
    """More than limits.head after a request is not read before that request is answered; nothing is lost."""
    one = CHAT + b"X-Pad: " + b"p" * 3000 + b"\r\n" + LENGTH + b"\r\n" + BODY
    n = 100
    before = len(world.up.requests)
    conn = world.connect()
    conn.send(one * n)
    for _ in range(n):
        assert conn.reply().body == CHAT_REPLY
    assert len(world.up.requests) - before == n


def test_a_client_that_reads_nothing_grows_no_memory(sluice):
    """While nobody takes the replies, further requests are not read; when they are taken, all are there."""
    daemon = sluice({"endpoints": [], "log": {"access": "none"}})
    conn = daemon.connect()
    conn.request("GET", "/health").reply()
    conn.sock.settimeout(1)
    rss = daemon.rss()
    sent = 0
    pattern = HEALTH + b"\r\n"
    block = pattern * 1000
    try:
        while sent < 60_000_000:
            sent += conn.sock.send(block[sent % len(pattern):])
    except TimeoutError:
        pass
    assert sent < 60_000_000, "the daemon read it all"
    # The sent bytes are in the kernel, and 64 KiB of replies in the daemon. The rest is memory that malloc keeps for
    # itself of 20,000 short replies, up to 8 MB; a daemon that went on reading would have 200 MB of them.
    assert SANITIZED or daemon.rss() - rss < 32_000_000
    conn.sock.settimeout(DEADLINE)
    got, buf = 0, b""
    while got < sent // len(pattern):
        data = conn.sock.recv(1 << 20)
        assert data
        buf += data
        got += buf.count(b'{"status":"OK"}')
        buf = buf[buf.rfind(b'{"status":"OK"}') + 15:] if b'{"status":"OK"}' in buf else buf


def test_many_that_pipeline_take_turns(sluice):
    """2,000 requests of each of 50 connections: all are answered, another client is served meanwhile, and finished
    requests give their memory back."""
    daemon = sluice({"endpoints": [], "log": {"access": "none"}})
    rss = daemon.rss()
    conns = [daemon.connect() for _ in range(50)]
    burst = (HEALTH + b"\r\n") * 2000
    for conn in conns:
        conn.sock.setblocking(False)
        conn.left = burst
        conn.got, conn.tail = 0, b""
    meanwhile, waiting = 0, set(conns)
    while waiting:
        for conn in list(waiting):
            try:
                conn.left = conn.left[conn.sock.send(conn.left):] if conn.left else b""
            except BlockingIOError:
                pass
            try:
                data = conn.tail + conn.sock.recv(1 << 16)
            except BlockingIOError:
                continue
            conn.got += data.count(b'{"status":"OK"}')
            conn.tail = data[data.rfind(b'{"status":"OK"}') + 15:][-14:] if b'{"status":"OK"}' in data else data[-14:]
            if conn.got == 2000:
                waiting.discard(conn)
        if meanwhile < 3:
            assert daemon.call("GET", "/health").status == 200
            meanwhile += 1
    assert SANITIZED or daemon.rss() - rss < 100_000_000


def test_a_flood_that_pipelines_does_not_keep_others_waiting(sluice):
    """Everything is there when the daemon wakes up: one request of a client that does not pipeline is answered among
    the first of 300 x 60."""
    daemon = sluice({"endpoints": [], "server": {"workers": 1}})
    conns = [daemon.connect() for _ in range(300)]
    for conn in conns:
        assert conn.request("GET", "/ready").reply().status == 200
    last = daemon.connect()
    assert last.request("GET", "/ready").reply().status == 200
    daemon.proc.send_signal(signal.SIGSTOP)
    wait_for(lambda: open(f"/proc/{daemon.proc.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T", "the daemon to stop")
    for conn in conns:
        conn.send((HEALTH + b"\r\n") * 60)
    last.request("GET", "/ready", headers=[("X-Request-Id", "the-last")])
    daemon.proc.send_signal(signal.SIGCONT)
    assert last.reply().status == 200
    daemon.log_line("the-last")  # some of the others may be missing: the log drops lines that it cannot write in time
    ids = [json.loads(line)["request_id"] for line in daemon.log_path.read_text().split("\n")[:-1]]
    assert ids.index("the-last") < 301 + 300 + 2 * 512 + 300


def test_chunked_requests(world):
    conn = world.connect()
    for i, body in enumerate([chunk(BODY) + b"0\r\n\r\n", chunk(BODY, b';a=b;c="d e"') + b"0;last\r\n\r\n", b"".join(chunk(bytes([c])) for c in BODY) + b"000\r\n\r\n",
                              chunk(BODY) + b"0\r\nX: y\r\nContent-Length: 7\r\nTransfer-Encoding: gzip\r\nHost: b\r\nAuthorization: z\r\n\r\n"]):
        conn.send(CHAT + CHUNKED + b"\r\n" + body)
        reply = conn.reply()
        assert (reply.status, reply.body) == (200, CHAT_REPLY), i
        request = world.up.requests[-1]
        assert request.body == BODY.replace(b'"chat"', b'"gpt-4o-mini"') and request.get("x") is None and request.get("authorization") == "Bearer sk-test-secret"


def test_expect_100_continue(world):
    conn = world.connect()
    conn.send(CHAT + b"Expect: 100-continue\r\n" + LENGTH + b"\r\n")
    assert conn.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    conn.send(BODY)
    assert conn.reply().body == CHAT_REPLY
    conn.send(CHAT + b"expect: 100-Continue\r\n" + CHUNKED + b"\r\n")
    assert conn.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    conn.send(chunk(BODY) + b"0\r\n\r\n")
    assert conn.reply().body == CHAT_REPLY
    conn.send(HEALTH + b"Expect: 100-continue\r\n\r\n")
    assert conn.reply().status == 200  # no body, no 100


SLOW = {
    "a head": (CHAT, 408, "server.timeouts.head", "openai"),
    "a request line": (b"GET /hea", 408, "server.timeouts.head", "mlflow"),
    "a body": (CHAT + LENGTH + b"\r\n" + BODY[:10], 408, "server.timeouts.body_idle", "openai"),
    "a chunked body": (CHAT + CHUNKED + b"\r\n" + chunk(BODY[:10]), 408, "server.timeouts.body_idle", "openai"),
    "a large body": (CHAT + b"Content-Length: 60000\r\n\r\n{", 408, "server.timeouts.body_idle", "openai"),
    "trailers": (CHAT + CHUNKED + b"\r\n" + chunk(BODY) + b"0\r\n", 408, "server.timeouts.body_idle", "openai"),
}


@pytest.mark.parametrize("name", list(SLOW))
def test_slow_clients(world, name):
    raw, status, words, dialect = SLOW[name]
    conn = world.connect()
    conn.send(raw)
    reply = conn.reply()
    assert (reply.status, reply.get("connection"), reply.get("x-sluice-error-type")) == (status, "close", "caller_timeout")
    assert words in is_error_of(reply.body, dialect)
    conn.send(b"x" * 30000)  # these bytes go nowhere: neither into the body's memory nor to a next request
    assert conn.is_closed_by_peer()


def test_a_head_has_one_time_however_it_drips(world):
    conn = world.connect()
    conn.sock.settimeout(0.1)
    conn.send(HEALTH)
    for _ in range(100):
        try:
            conn.send(b"A: b\r\n")
            if not conn.fill():
                break
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass
        if conn.buf:
            break
    conn.sock.settimeout(20)
    assert conn.reply().status == 408


TRUNCATED = {
    "a head": (CHAT, "head", "openai"),
    "a body": (CHAT + LENGTH + b"\r\n" + BODY[:-1], "body", "openai"),
    "a chunked body": (CHAT + CHUNKED + b"\r\n" + chunk(BODY), "body", "openai"),
    "a chunk": (CHAT + CHUNKED + b"\r\n" + chunk(BODY)[:-10], "body", "openai"),
    "a body of mlflow's": (b"POST /gateway/chat/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\n" + LENGTH + b"\r\n{", "body", "mlflow"),
}


@pytest.mark.parametrize("name", list(TRUNCATED))
def test_truncated_requests(world, name):
    raw, words, dialect = TRUNCATED[name]
    before = len(world.up.requests)
    conn = world.connect()
    conn.send(raw)
    conn.sock.shutdown(socket.SHUT_WR)
    status, _, body = one_reply(conn.rest())
    assert status == 400 and f"inside the request {words}" in is_error_of(body, dialect)
    assert len(world.up.requests) == before


def test_half_closed_after_a_request(tmp_path, sluice, upstream):
    """Calls without an upstream are answered; while an upstream works, the end of the client's side means that it has
    gone."""
    closed = []
    up = upstream(lambda x: closed.append(x.wait_closed()))
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    conn = daemon.connect()
    conn.send(HEALTH + b"\r\n" + HEALTH + b"\r\n")
    conn.sock.shutdown(socket.SHUT_WR)
    assert conn.reply().status == 200 and conn.reply().status == 200
    assert conn.is_closed_by_peer()
    conn = daemon.connect()
    conn.send(CHAT + LENGTH + b"X-Request-Id: gone\r\n\r\n" + BODY)
    up.next()
    conn.sock.shutdown(socket.SHUT_WR)
    wait_for(lambda: closed, "the upstream's connection to be closed")
    assert closed[0] is not None
    line = daemon.log_line("gone")
    assert (line["status"], line["error_type"]) == (499, "caller_cancelled")
    assert conn.rest() == b""


BAD_JSON = {
    "nothing": b"",
    "not json": b"hello",
    "cut": BODY[:-1],
    "an array": b"[]",
    "invalid utf-8": BODY.replace(b"hello", b"h\xff\xfe"),
    "an overlong sequence": BODY.replace(b"hello", b"\xc0\xaf"),
    "a surrogate in utf-8": BODY.replace(b"hello", b"\xed\xa0\x80"),
    "100,000 deep": b'{"model":"chat","messages":' + b"[" * 30000,
    "100,000 objects deep": b'{"a":' * 10000,
    "a raw line end in a string": BODY.replace(b"hello", b"he\nllo"),
    "two documents": BODY + BODY,
    "model twice": b'{"model":"chat","model":"chat","messages":[]}',
    "model twice, escaped": b'{"model":"chat","mod\\u0065l":"chat","messages":[]}',
    "stream twice": b'{"model":"chat","stream":false,"stream":true,"messages":[]}',
    "stream twice, escaped": b'{"model":"chat","stream":true,"\\u0073tream":false,"messages":[]}',
    "stream_options twice": b'{"model":"chat","stream_options":null,"stream_options":{},"messages":[]}',
    "stream_options twice, escaped": b'{"model":"chat","stream\\u005foptions":{},"stream_options":{},"messages":[]}',
    "model is no string": b'{"model":1,"messages":[]}',
    "no model": b'{"messages":[]}',
}


@pytest.mark.parametrize("name", list(BAD_JSON))
def test_bad_json_is_400_and_the_connection_lives(world, name):
    before = len(world.up.requests)
    conn = world.connect()
    for _ in range(2):
        conn.send(CHAT + b"Content-Length: %d\r\n\r\n" % len(BAD_JSON[name]) + BAD_JSON[name])
        reply = conn.reply()
        assert reply.status == 400 and reply.get("x-sluice-error-type") == "caller_invalid_request" and reply.get("connection") is None
        is_error_of(reply.body, "openai")
    assert len(world.up.requests) == before


def test_json_100000_deep(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    for path, dialect, statuses in [("/v1/chat/completions", "openai", (400,)), ("/gateway/chat/invocations", "mlflow", (400, 422))]:
        for body in [b"[" * 100000, b'{"model":"chat","messages":' + b"[" * 100000 + b"]" * 100000 + b"}", b'{"a":' * 100000 + b"1" + b"}" * 100000]:
            reply = daemon.call("POST", path, body, [("Content-Type", "application/json")])
            assert reply.status in statuses and b"\n" not in reply.body, path
    assert not up.requests


def test_other_repeated_members_travel(world):
    body = b'{"model":"chat","messages":[],"top_p":1,"top_p":0.5,"x":{"model":1,"model":2}}'
    conn = world.connect()
    conn.send(CHAT + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert conn.reply().status == 200
    assert world.up.requests[-1].body == body.replace(b'"model":"chat"', b'"model":"gpt-4o-mini"')


def test_an_endless_name_is_not_echoed(world):
    body = json.dumps({"model": "\u00e4" * 20000, "messages": []}, ensure_ascii=False).encode()
    conn = world.connect()
    conn.send(CHAT + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    reply = conn.reply()
    assert reply.status == 404 and len(reply.body) < 2000
    assert reply.json()["error"]["code"] == "model_not_found"


def test_what_is_not_there_is_said(sluice, upstream):
    daemon = sluice({"endpoints": [chat_route("http://127.0.0.1:1/v1")]})
    for method, path, status, text in [("POST", "/v1/nope", 404, "Not Found: POST /v1/nope. This server's paths are listed at /docs."),
                                       ("GET", "/v1/chat/completions", 405, "Method Not Allowed: GET /v1/chat/completions. This server's paths are listed at /docs."),
                                       ("GET", "/api/sluice/v1/nope", 404, "Not Found: GET /api/sluice/v1/nope. This server's paths are listed at /docs.")]:
        r = daemon.call(method, path, {} if method == "POST" else None)
        assert (r.status, r.json()["error"]["message"]) == (status, text)


def test_forms_of_the_target(world):
    conn = world.connect()
    for line, status in [(b"GET /health", 200), (b"GET http://127.0.0.1/health", 200), (b"GET HTTP://localhost:1/health?x=y", 200), (b"GET http://127.0.0.1", 404),
                         (b"OPTIONS *", 404), (b"GET /v1/models#x", 400), (b"GET /v1/models/%zz", 400), (b"GET //health", 404), (b"GET /v1/../health", 404), (b"GET /health/", 404), (b"GET /%68ealth", 404)]:
        conn.send(line + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        reply = conn.reply()
        assert reply.status in ((status,) if status == 200 else (status, 405, 307)), line


# --- TLS ---


@pytest.fixture
def secure(sluice, upstream, certs):
    cert, key = certs
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"tls": {"cert": cert, "key": key}, "timeouts": {"head": "1s"}, "limits": {"connections": 3}}})
    daemon.up = up
    daemon.tls = ssl.create_default_context(cafile=cert)
    return daemon


def test_tls(secure):
    conn = secure.connect(secure.tls)
    for raw in [HEALTH + b"\r\n", CHAT + LENGTH + b"\r\n" + BODY, CHAT + CHUNKED + b"\r\n" + chunk(BODY) + b"0\r\n\r\n"]:
        conn.send(raw)
        assert conn.reply().status == 200
    conn.send((HEALTH + b"\r\n") * 50)
    for _ in range(50):
        assert conn.reply().status == 200
    conn.send(CHAT + b"X: a\0b\r\n\r\n" + SMUGGLED)
    assert conn.reply().status == 400
    assert conn.is_closed_by_peer()
    assert len(secure.up.requests) == 2


def test_tls_half_closed_and_cut(secure):
    conn = secure.connect(secure.tls)
    conn.send(CHAT + LENGTH + b"\r\n" + BODY[:5])
    conn.sock.shutdown(socket.SHUT_WR)  # FIN without close_notify
    conn.sock.close()
    assert secure.connect(secure.tls).request("GET", "/health").reply().status == 200
    assert not secure.up.requests


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"\0" * 2000, b"\x16\x03\x01\xff\xff" + b"\x01" * 5000, b"\x16", b""])
def test_garbage_instead_of_a_handshake(secure, junk):
    conn = secure.connect()
    conn.send(junk)
    out = conn.rest()  # perhaps an alert, then the end: within timeouts.head if nothing more comes
    assert b"HTTP/1.1 200" not in out
    assert secure.connect(secure.tls).request("GET", "/health").reply().status == 200


@pytest.mark.parametrize("method, path, dialect", [
    ("GET", "/health", "mlflow"), ("POST", "/v1/chat/completions", "openai"), ("GET", "/v1/models", "openai"), ("PUT", "/v1/nowhere", "openai"),
    ("DELETE", "/api/2.0/gateway/routes/x", "mlflow"), ("OPTIONS", "/", "mlflow"), ("PATCH", "/nowhere", "mlflow"), ("HEAD", "/ready", None),
])
@pytest.mark.parametrize("pieces", [1, 3])
def test_plain_http_where_tls_is_spoken_is_told(secure, method, path, dialect, pieces):
    conn = secure.connect()
    raw = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: plain-{method}\r\n\r\n".encode()
    for i in range(pieces):
        conn.send(raw[len(raw) * i // pieces : len(raw) * (i + 1) // pieces])
    reply = conn.reply(method)
    assert (reply.status, reply.get("connection")) == (400, "close")
    if dialect:
        assert "https://" in is_error_of(reply.body, dialect)
    assert conn.is_closed_by_peer()
    assert secure.log_line(f"plain-{method}")["status"] == 400
    assert secure.connect(secure.tls).request("GET", "/health").reply().status == 200


def failed_handshakes(daemon):
    conn = daemon.connect(daemon.tls)
    text = conn.request("GET", "/metrics").reply("GET").body.decode()
    conn.close()
    return {reason: int(n) for reason, n in re.findall(r'sluice_tls_handshakes_failed_total\{reason="(\w+)"\} (\d+)', text)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_failed_handshakes_are_counted_by_reason(secure):
    def tries(**settings):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = settings.pop("verify", ssl.CERT_NONE)
        context.set_ciphers(settings.pop("ciphers", "DEFAULT") + ":@SECLEVEL=0")
        for name, value in settings.items():
            setattr(context, name, value)
        with pytest.raises(ssl.SSLError):
            secure.connect(context)

    assert failed_handshakes(secure) == {"version": 0, "cipher": 0, "refused": 0, "closed": 0, "other": 0}
    tries(minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1)
    tries(maximum_version=ssl.TLSVersion.TLSv1_2, ciphers="AES128-SHA")
    tries(verify=ssl.CERT_REQUIRED)
    for junk in (b"\0" * 2000, b"\x16"):
        conn = secure.connect()
        conn.send(junk)
        if junk[0]:
            conn.sock.shutdown(socket.SHUT_WR)
        conn.rest()
        conn.close()
    want = {"version": 1, "cipher": 1, "refused": 1, "closed": 1, "other": 1}
    wait_for(lambda: failed_handshakes(secure) == want, lambda: failed_handshakes(secure))


def test_old_ciphers_are_not_negotiated(secure):
    for ciphers in ("AES128-SHA", "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers + ":@SECLEVEL=0")
        with pytest.raises(ssl.SSLError):
            secure.connect(context)


def test_connections_over_the_limit_through_tls(secure):
    held = [secure.connect(secure.tls) for _ in range(3)]
    for conn in held:
        assert conn.request("GET", "/health").reply().status == 200
    over = secure.connect(secure.tls)
    over.send(CHAT + LENGTH + b"\r\n" + BODY)
    reply = over.reply()
    assert (reply.status, reply.get("connection"), reply.get("x-sluice-error-type")) == (503, "close", "sluice_overloaded")
    assert int(reply.get("retry-after")) >= 1 and "server.limits.connections" in is_error_of(reply.body, "openai")
    assert over.is_closed_by_peer()
    over.close()
    held[0].close()

    def served():
        conn = secure.connect(secure.tls)
        try:
            return conn.request("GET", "/health").reply().status == 200
        finally:
            conn.close()

    wait_for(served, "room for one more")
    assert not secure.up.requests

# SPDX-License-Identifier: Apache-2.0
"""Large uploads: only a little waits in the gateway, a slow upstream pauses its client, and repeats are made if
possible."""
import os
import pathlib
import socket
import ssl
import threading

import pytest

from form_fake import Forms, parts
from harness import DEADLINE, SANITIZED, typed_route, wait_for
from test_uploads import B, FILE, MODEL, PATH, TYPE, form, part, post
from upstream import Authority, Upstream

MIB = 1 << 20
OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{"text":"done"}'
BIG = part("file", b"s" * 5 * MIB, '; filename="big.mp3"')


class Tap:
    """An upstream whose test decides how much it reads: the head, then as much as the test says."""

    def __init__(self, buffer=65536):
        self.conns, self.ready = [], threading.Semaphore(0)
        self.up = Upstream(on_connect=self.serve)
        self.up.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.base = self.up.base

    def serve(self, conn):
        conn.settimeout(DEADLINE)
        self.conns.append(conn)
        self.ready.release()

    def next(self):
        assert self.ready.acquire(timeout=DEADLINE)
        return self.conns[-1]

    def close(self):
        for conn in self.conns:
            conn.close()
        self.up.close()


def take(conn, n):
    """Takes this many bytes; fewer when the peer ends."""
    out = bytearray()
    while len(out) < n:
        try:
            data = conn.recv(min(MIB, n - len(out)))
        except ConnectionResetError:
            break
        if not data:
            break
        out += data
    return bytes(out)


def head_of(conn):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = conn.recv(1)
        assert data, head
        head += data
    return head


def start(daemon, length, first=b""):
    conn = daemon.connect()
    conn.send(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{TYPE[0]}: {TYPE[1]}\r\nContent-Length: {length}\r\n\r\n".encode() + first)
    return conn


def config(*routes, **more):
    return {"endpoints": list(routes), **more}


def route(base, name="transcribe", **sluice):
    return {**typed_route(base, name, "transcriptions"), **({"sluice": sluice} if sluice else {})}


@pytest.fixture
def tap():
    tap = Tap()
    yield tap
    tap.close()


def is_stuck(conn, chunk):
    """Sends until the peer takes no more for a while; returns how much it took."""
    conn.sock.settimeout(0.5)
    n = 0
    try:
        while n < 200 * MIB:
            n += conn.sock.send(chunk)
    except TimeoutError:
        return n
    finally:
        conn.sock.settimeout(DEADLINE)
    raise AssertionError("nobody held the client back")


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory is not the gateway's")
def test_a_hundred_megabytes_at_an_upstream_that_takes_its_time(sluice, tap):
    daemon = sluice(config(route(tap.base), server={"workers": 1}))
    before = form(MODEL, part("language", "en")).removesuffix(f"--{B}--\r\n".encode()) + part("file", b"", '; filename="f"').removesuffix(b"\r\n")
    after = f"\r\n--{B}--\r\n".encode()
    size = 100 * MIB
    warm = post(daemon, form(part("model", "nope"), FILE))  # memory that the very first request takes
    assert warm.status == 404
    rest = daemon.rss()
    client = start(daemon, len(before) + size + len(after), before)
    up = tap.next()
    head = head_of(up)
    length = len(before) + size + len(after) + len("gpt-4o-mini") - len("transcribe")
    assert f"content-length: {length}".encode() in head.lower()
    chunk = b"\xa5" * 65536
    sent = is_stuck(client, chunk)
    assert sent < 16 * MIB  # the sockets' buffers, and a little more
    assert daemon.rss() - rest < MIB, (daemon.rss(), rest)
    got = {}
    reader = threading.Thread(target=lambda: got.update(body=take(up, length)))
    reader.start()
    peak = 0
    while sent < size:
        n = min(len(chunk), size - sent)
        client.send(chunk[:n])
        sent += n
        if sent % (8 * MIB) < 65536:
            peak = max(peak, daemon.rss())
    client.send(after)
    reader.join(60)
    up.sendall(OK)
    reply = client.reply()
    assert (reply.status, reply.json()) == (200, {"text": "done"})
    assert peak - rest < MIB, (peak, rest)
    names = [(n, len(c)) for n, _, c in parts(TYPE[1], got["body"])]
    assert names == [("model", 11), ("language", 2), ("file", size)]


def test_the_same_through_tls_on_both_sides(sluice, tmp_path):
    authority = Authority(tmp_path / "ca")
    tls = authority.server("127.0.0.1", "localhost")
    cert = str(tmp_path / "ca" / "127.0.0.1_localhost1.pem")
    tap = Tap()
    try:
        daemon = sluice({"server": {"workers": 1, "tls": {"cert": cert, "key": cert}}, "upstream": {"ca": authority.path},
                         "endpoints": [route(tap.base.replace("http:", "https:"))]})
        size = 24 * MIB
        body = form(MODEL, part("file", os.urandom(size), '; filename="f"'))
        client = daemon.connect(ssl.create_default_context(cafile=authority.path))
        sender = threading.Thread(target=lambda: client.send(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{TYPE[0]}: {TYPE[1]}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body))
        sender.start()
        raw = tap.next()  # the gateway has all it may have before the upstream's handshake
        up = tls.wrap_socket(raw, server_side=True)
        head_of(up)
        rest, peak, got = daemon.rss(), 0, bytearray()
        while len(got) < len(body) + 1:
            piece = take(up, min(MIB, len(body) + 1 - len(got)))
            assert piece
            got += piece
            peak = max(peak, daemon.rss())
        assert bytes(got) == body.replace(b"\r\n\r\ntranscribe\r\n", b"\r\n\r\ngpt-4o-mini\r\n")
        up.sendall(OK)
        assert client.reply().status == 200
        sender.join(DEADLINE)
        assert SANITIZED or peak - rest < MIB, (peak, rest)
    finally:
        tap.close()


def spool_files(daemon):
    fds = pathlib.Path(f"/proc/{daemon.proc.pid}/fd")
    found = []
    for fd in fds.iterdir():
        try:
            target = os.readlink(fd)
        except OSError:
            continue
        if "(deleted)" in target:
            found.append(target)
    return found


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's memory is not the gateway's")
def test_a_model_behind_a_large_file(sluice, tap, tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    daemon = sluice(config(route(tap.base), server={"workers": 1, "spool": str(folder)}))
    assert post(daemon, form(part("model", "nope"), FILE)).status == 404
    rest = daemon.rss()
    size = 20 * MIB
    body = form(part("file", b"\x5a" * size, '; filename="f"'), MODEL)
    client = start(daemon, len(body), body[:-100])
    wait_for(lambda: spool_files(daemon), "a file for the upload")
    assert not list(folder.iterdir())  # the file has no name
    assert daemon.rss() - rest < MIB
    assert not tap.conns  # the target is not known yet
    client.send(body[-100:])
    up = tap.next()
    head_of(up)
    got = take(up, len(body) + 1)
    assert got == body.replace(b"\r\n\r\ntranscribe\r\n", b"\r\n\r\ngpt-4o-mini\r\n")
    up.sendall(OK)
    assert client.reply().status == 200
    wait_for(lambda: not spool_files(daemon), "the file is gone")
    assert daemon.rss() - rest < MIB


def test_no_file_can_be_made(sluice, tap, tmp_path):
    daemon = sluice(config(route(tap.base), server={"spool": str(tmp_path / "missing")}))
    reply = post(daemon, form(BIG, MODEL))
    assert reply.status == 503 and "server.spool" in reply.json()["error"]["message"]
    assert "missing: No such file or directory" in daemon.stderr
    full = sluice(config(route(tap.base), server={"spool": str(tmp_path), "limits": {"spool": "1MiB"}}))
    reply = post(full, form(BIG, MODEL))
    assert reply.status == 503 and "server.limits.spool" in reply.json()["error"]["message"]
    assert post(full, form(FILE, part("model", "nope"))).status == 404
    wait_for(lambda: not spool_files(full), "the file is gone")


def busy(x):
    x.reply({"error": {"message": "busy", "type": "server_error", "param": None, "code": None}}, status="503 Service Unavailable")


@pytest.mark.parametrize("where", ["t2", "other/model"])
def test_another_target_gets_all_of_it(sluice, upstream, tmp_path, where):
    ups = [upstream(busy), upstream(Forms())]
    model = {"provider": "openai", "name": "gpt-4o-mini"}
    models = [{**model, "config": {"openai_api_key": "sk-test-secret", "openai_api_base": base}} for base in ("http://127.0.0.1:9/v1", ups[0].base, ups[1].base)]
    targets = [{"name": "model"}, {"name": "t1", "model": models[1]}, {"name": "t2", "model": models[2]}]
    several = {"name": "transcribe", "endpoint_type": "llm/v1/transcriptions", "model": models[0], "sluice": {"targets": targets, "balance": "ordered"}}
    alone = [{**several, "name": name, "model": m, "sluice": {"retries": 0, "fallback": {"routes": to}}} for name, m, to in
             (("transcribe", models[1], ["other"]), ("other", models[2], []))]
    daemon = sluice({**config(several, server={"spool": str(tmp_path)}), **({"endpoints": alone} if where == "other/model" else {})})
    for body in (form(MODEL, FILE), form(MODEL, BIG), form(BIG, MODEL)):
        reply = post(daemon, body)
        assert (reply.status, reply.get("x-sluice-target")) == (200, where), reply.body
        want = body.replace(b"\r\n\r\ntranscribe\r\n", b"\r\n\r\ngpt-4o-mini\r\n")
        assert ups[0].requests[-1].body == ups[1].requests[-1].body == want
    wait_for(lambda: not spool_files(daemon), "the files are gone")


@pytest.mark.parametrize("more", [{}, {"targets": [{"name": "model"}]}, {"breaker": {"errors": 9}}], ids=["plain", "named", "breaker"])
def test_one_target_is_tried_again_as_long_as_nothing_was_let_go_of(sluice, upstream, more):
    state = {"n": 0}

    def handler(x):
        state["n"] += 1
        return busy(x) if state["n"] % 2 else Forms()(x)

    up = upstream(handler)
    daemon = sluice(config(route(up.base, retries=1, **more)))
    reply = post(daemon, form(MODEL, FILE))  # the gateway still has it
    assert (reply.status, reply.get("x-sluice-attempts"), state["n"]) == (200, "2", 2), reply.body
    reply = post(daemon, form(MODEL, BIG))  # parts of it are freed
    assert (reply.status, reply.get("x-sluice-attempts"), state["n"]) == (503, "1", 3), reply.body
    state["n"] = 0
    reply = post(daemon, form(BIG, MODEL))  # it is in a file
    assert (reply.status, reply.get("x-sluice-attempts"), state["n"]) == (200, "2", 2), reply.body


def test_a_dead_upstream_leaves_the_client_whole(sluice):
    daemon = sluice(config(route("http://127.0.0.1:9/v1", retries=1)))
    for body in (form(MODEL, FILE), form(MODEL, BIG), form(BIG, MODEL)):
        reply = post(daemon, body)
        assert (reply.status, reply.get("x-sluice-attempts")) == (502, "2"), reply.body


def test_an_upstream_that_refuses_before_it_has_all(sluice, tap):
    daemon = sluice(config(route(tap.base, retries=0)))
    body = form(MODEL, part("file", b"s" * 30 * MIB, '; filename="f"'))
    client = start(daemon, len(body), body[:MIB])
    up = tap.next()
    head_of(up)
    said = b'{"error":{"message":"no such key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}'
    up.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
    sender = threading.Thread(target=lambda: client.send(body[MIB:]))  # what it still sends is read and dropped
    sender.start()
    reply = client.reply()
    assert reply.status in (401, 502) and reply.get("connection") == "close", reply.body
    sender.join(DEADLINE)
    assert not sender.is_alive()


def test_an_upstream_that_answers_while_it_reads(sluice, tap):
    daemon = sluice(config(route(tap.base)))
    body = form(MODEL, part("file", b"s" * 4 * MIB, '; filename="f"'))
    client = start(daemon, len(body), body[:2 * MIB])
    up = tap.next()
    head_of(up)
    up.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    event = b'data: {"type":"transcript.text.delta","delta":"a"}\n\n'
    up.sendall(b"%x\r\n" % len(event) + event + b"\r\n")
    head = client.head()
    assert head.status == 200 and client.chunk() == event
    client.send(body[2 * MIB:])
    assert len(take(up, len(body) + 1)) == len(body) + 1
    up.sendall(b"%x\r\n" % len(event) + event + b"\r\n0\r\n\r\n")
    assert client.chunk() == event and client.chunk() == b""


def test_a_client_that_leaves_takes_its_upload_along(sluice, tap):
    daemon = sluice(config(route(tap.base)))
    for n, reads in ((MIB, True), (0, False)):
        body = form(MODEL, part("file", b"s" * 60 * MIB, '; filename="f"'))
        client = start(daemon, len(body), body[:MIB])
        up = tap.next()
        head_of(up)
        if reads:
            take(up, n)
        else:
            is_stuck(client, b"s" * 65536)  # the gateway reads no more, but it notices that the client has gone
        client.reset()
        while True:
            try:
                if not up.recv(MIB):
                    break
            except ConnectionResetError:
                break
        line = daemon.log_lines(1 if reads else 2)[-1]
        assert (line["status"], line["error_type"]) in ((499, "caller_cancelled"), (400, "caller_invalid_request"))


def test_a_file_that_never_ends(sluice, tap):
    daemon = sluice(config(route(tap.base), server={"timeouts": {"body_idle": "1500ms", "drain_delay": "0s"}}))
    for body in (form(MODEL, FILE), form(FILE, MODEL)):  # with an upstream that waits, and before there is one
        client = start(daemon, len(body), body[:-30])
        reply = client.reply()
        assert reply.status == 408 and "server.timeouts.body_idle" in reply.json()["error"]["message"]
    # a client is not to blame for an upstream that takes nothing
    body = form(MODEL, part("file", b"s" * 60 * MIB, '; filename="f"'))
    client = start(daemon, len(body), body[:300])
    up = tap.next() if len(tap.conns) < 2 else tap.conns[-1]
    wait_for(lambda: len(tap.conns) >= 2, "the upstream is asked")
    up = tap.conns[-1]
    sent = 300 + is_stuck(client, b"s" * 65536)
    head_of(up)
    reader = threading.Thread(target=take, args=(up, len(body) + 1))
    reader.start()
    client.send(b"s" * (len(body) - 40 - sent) + body[-40:])
    reader.join(DEADLINE)
    up.sendall(OK)
    assert client.reply().status == 200


def test_a_form_that_breaks_while_it_goes_up(sluice, tap):
    daemon = sluice(config(route(tap.base)))
    good = form(MODEL, part("file", b"s" * 3 * MIB, '; filename="f"')).removesuffix(f"--{B}--\r\n".encode())
    for bad, said in ((MODEL + b"--" + B.encode(), "two parts `model`"), (b"--" + B.encode() + b"x", "other bytes than a line end")):
        client = start(daemon, len(good) + len(bad) + 100, good)
        up = tap.next()
        head_of(up)
        reader = threading.Thread(target=lambda up=up: take(up, 1 << 30))
        reader.start()
        client.send(bad)
        reply = client.reply()
        assert reply.status == 400 and said in reply.json()["error"]["message"]
        reader.join(DEADLINE)
        assert not reader.is_alive()  # the upstream did not keep half of a form that looks complete


def test_an_upload_that_ends_early(sluice, tap):
    daemon = sluice(config(route(tap.base)))
    body = form(MODEL, part("file", b"s" * 3 * MIB, '; filename="f"'))
    client = start(daemon, len(body), body[:MIB])
    up = tap.next()
    client.sock.shutdown(socket.SHUT_WR)
    reader = threading.Thread(target=take, args=(up, 1 << 30))
    reader.start()
    reply = client.reply()
    assert reply.status == 400 and "ended inside the request body" in reply.json()["error"]["message"]
    reader.join(DEADLINE)
    assert not reader.is_alive()


def test_a_client_that_asks_first(sluice, upstream):
    up = upstream(Forms())
    daemon = sluice(config(route(up.base)))
    body = form(MODEL, BIG)
    conn = daemon.connect()
    conn.send(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{TYPE[0]}: {TYPE[1]}\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n")
    assert conn.head().status == 100
    conn.send(body)
    assert conn.reply().status == 200

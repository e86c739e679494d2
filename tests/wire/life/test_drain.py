# SPDX-License-Identifier: Apache-2.0
"""The end of a daemon: calls that were accepted are served, and a call that cannot be served to its end gets an
error."""
import fcntl
import json
import os
import pty
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import BIN, CHAT, CHAT_REPLY, DEADLINE, Conn, chat_route, free_port, wait_for


def timeouts(**values):
    return {"server": {"timeouts": {"drain_delay": "0s", **values}}}


def says(daemon, text):
    wait_for(lambda: text in daemon.stderr, f"{text!r} in the log: {daemon.stderr}", 10)


def ended(daemon, deadline=10):
    """Waits for the end without another signal; 0 is the only good exit code."""
    assert daemon.proc.wait(deadline) == 0, daemon.stderr
    daemon.stop()


class Held:
    """An upstream that answers when the test wants it."""

    def __init__(self, upstream):
        self.go = threading.Event()
        self.up = upstream(self.handle)

    def handle(self, x):
        if x.json().get("stream"):
            x.stream_head()
            x.event({"choices": [{"index": 0, "delta": {"content": "a"}}]})
        assert self.go.wait(20)
        if x.json().get("stream"):
            x.event("[DONE]")
            x.last_chunk()
        else:
            x.reply(CHAT_REPLY)


def test_the_delay_keeps_the_listener_open_and_ready_says_no(sluice):
    daemon = sluice({"endpoints": [], **timeouts(drain_delay="3s")})
    kept = daemon.connect()
    reply = kept.request("GET", "/ready").reply()
    assert reply.status == 200 and reply.get("connection") is None
    daemon.proc.send_signal(signal.SIGTERM)
    says(daemon, "draining")
    reply = kept.request("GET", "/ready").reply()
    assert reply.status == 503 and reply.get("connection") == "close"
    assert kept.is_closed_by_peer()
    reply = daemon.call("GET", "/health")
    assert reply.status == 200 and reply.get("connection") == "close", "a new connection is still served"
    ended(daemon)
    with pytest.raises(OSError):
        daemon.connect()


def test_the_default_delay_is_five_seconds_without_a_terminal(sluice):
    daemon = sluice()
    daemon.proc.send_signal(signal.SIGTERM)
    says(daemon, "for another 5000 ms")
    assert daemon.call("GET", "/ready").status == 503
    daemon.proc.send_signal(signal.SIGTERM)
    ended(daemon, 3)
    assert "second signal: ending at once" in daemon.stderr


@pytest.mark.parametrize("said, delay", [(None, 0), ("3h", 1)])
def test_at_a_terminal_the_default_is_not_to_wait(tmp_path, said, delay):
    """The file's value counts there too; a terminal as standard input is enough."""
    port, (leader, follower) = free_port(), pty.openpty()
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps({"endpoints": [], **({"server": {"timeouts": {"drain_delay": said}}} if said else {})}))
    proc = subprocess.Popen([BIN, "serve", "--data", "none", "--listen", f"127.0.0.1:{port}", "-c", str(path)], stdin=follower, stdout=subprocess.DEVNULL,
                            stderr=open(tmp_path / "stderr", "w"), start_new_session=True)
    os.close(follower)
    log = lambda: (tmp_path / "stderr").read_text()
    try:
        def listening():
            assert proc.poll() is None, log()
            return socket.socket().connect_ex(("127.0.0.1", port)) == 0

        wait_for(listening, "listening")
        proc.send_signal(signal.SIGTERM)
        if delay:
            wait_for(lambda: "for another 10800000 ms" in log(), "the delay that the file says")
            assert Conn(port).request("GET", "/ready").reply().status == 503
            proc.send_signal(signal.SIGTERM)
        assert proc.wait(4) == 0, log()
        assert delay or "for another" not in log()
    finally:
        if proc.poll() is None:
            proc.kill()
            proc.wait()
        os.close(leader)


def test_sigint_does_not_wait(sluice):
    daemon = sluice({"endpoints": [], **timeouts(drain_delay="1h")})
    daemon.proc.send_signal(signal.SIGINT)
    ended(daemon, 3)


def test_running_exchanges_finish_and_idle_connections_go(sluice, upstream):
    held = Held(upstream)
    daemon = sluice({"endpoints": [chat_route(held.up.base)], **timeouts()})
    idle = daemon.connect()
    assert idle.request("GET", "/health").reply().status == 200
    whole = daemon.connect().request("POST", "/v1/chat/completions", CHAT)
    stream = daemon.connect().request("POST", "/v1/chat/completions", {**CHAT, "stream": True})
    assert stream.head().status == 200 and stream.chunk()
    held.up.next(), held.up.next()
    daemon.proc.send_signal(signal.SIGTERM)
    assert idle.is_closed_by_peer()
    assert daemon.proc.poll() is None
    held.go.set()
    reply = whole.reply()
    assert reply.status == 200 and reply.body == CHAT_REPLY and reply.get("connection") == "close"
    assert b"[DONE]" in stream.chunk() and stream.chunk() == b""
    ended(daemon)


def test_what_runs_too_long_gets_its_error(sluice, upstream):
    held = Held(upstream)
    daemon = sluice({"endpoints": [chat_route(held.up.base)], **timeouts(drain="200ms")})
    openai = daemon.connect().request("POST", "/v1/chat/completions", CHAT)
    mlflow = daemon.connect().request("POST", "/gateway/chat/invocations", {"messages": CHAT["messages"]})
    stream = daemon.connect().request("POST", "/v1/chat/completions", {**CHAT, "stream": True})
    body = daemon.connect()
    body.send("POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{")
    head = daemon.connect()
    head.send("GET /health HTT")
    assert stream.head().status == 200 and stream.chunk()
    for _ in range(3):
        held.up.next()
    daemon.proc.send_signal(signal.SIGTERM)
    for conn in (openai, body):
        reply = conn.reply()
        assert reply.status == 503 and reply.get("x-sluice-error-type") == "sluice_draining" and reply.get("retry-after"), reply.body
        assert "shutting down" in reply.json()["error"]["message"]
    reply = mlflow.reply()
    assert reply.status == 503 and "shutting down" in reply.json()["detail"]
    rest = b""
    while data := stream.chunk():
        rest += data
    assert data == b"" and b'"error"' in rest and rest.endswith(b"data: [DONE]\n\n"), "an error event and a clean end"
    assert head.is_closed_by_peer()
    held.go.set()
    ended(daemon)


def test_streams_that_run_too_long_end_in_each_dialect(sluice, upstream):
    """An error event in the client's dialect and a clean end, whether the stream passes or is translated."""
    from test_anthropic import END, START, TEXT, route

    go, held = threading.Event(), Held(upstream)

    def anthropic(x):
        x.stream_head()
        for e in (START, *TEXT[:2]):
            x.chunk(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n")
        go.wait(DEADLINE)

    up = upstream(anthropic)
    daemon = sluice({"endpoints": [chat_route(held.up.base), route(up.base)], **timeouts(drain="200ms")})
    done = b"data: [DONE]\n\n"
    streams = []
    for name in ("chat", "claude"):
        for path, end in (("/v1/chat/completions", done), (f"/gateway/{name}/invocations", b""), (f"/endpoints/{name}/invocations", b""),
                          (f"/serving-endpoints/{name}/invocations", done)):
            body = {"messages": CHAT["messages"], "stream": True, **({"model": name} if path.startswith("/v1") else {})}
            conn = daemon.connect().request("POST", path, body, [("content-type", "application/json"), ("x-request-id", name + path.replace("/", "-"))])
            assert conn.head().status == 200 and conn.chunk()
            streams.append((name + path.replace("/", "-"), conn, end))
    daemon.proc.send_signal(signal.SIGTERM)
    for rid, conn, end in streams:
        rest = b""
        while data := conn.chunk():
            rest += data
        assert data == b"" and rest.endswith(end) and (end or b"[DONE]" not in rest), (rid, rest)
        events = [json.loads(e[6:]) for e in rest.removesuffix(end).decode().split("\n\n") if e]
        assert "shutting down" in json.dumps(events[-1]) and sum("error" in e or "error_code" in e for e in events) == 1, (rid, rest)
        assert conn.is_closed_by_peer()
        assert daemon.log_line(rid)["error_type"] == "sluice_draining"
    held.go.set()
    go.set()
    ended(daemon)


def test_a_second_signal_ends_at_once(sluice, upstream):
    held = Held(upstream)
    daemon = sluice({"endpoints": [chat_route(held.up.base)], **timeouts(drain="1h")})
    conn = daemon.connect().request("POST", "/v1/chat/completions", CHAT)
    held.up.next()
    daemon.proc.send_signal(signal.SIGTERM)
    says(daemon, "draining")
    daemon.proc.send_signal(signal.SIGINT)
    ended(daemon, 3)
    assert conn.is_closed_by_peer()
    held.go.set()


def test_who_waits_in_the_accept_queue_is_served(sluice):
    """Connections made while the daemon is stopped wait in the kernel's queue; the signal is there before the daemon
    sees them."""
    daemon = sluice({"endpoints": [], "server": {"workers": 2, "timeouts": {"drain_delay": "0s"}}})
    daemon.proc.send_signal(signal.SIGSTOP)
    conns = [Conn(daemon.port) for _ in range(50)]
    for conn in conns[:25]:
        conn.request("GET", "/health")
    daemon.proc.send_signal(signal.SIGTERM)
    daemon.proc.send_signal(signal.SIGCONT)
    for conn in conns[:25]:
        assert conn.reply().status == 200
    for conn in conns[25:]:
        assert conn.request("GET", "/health").reply().status == 200
    ended(daemon)


class Balancer:
    """TCP only: each connection goes to the first backend that takes it, as a load balancer with health checks does
    it."""

    def __init__(self):
        self.backends = []
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        for port in list(self.backends):
            try:
                up = socket.create_connection(("127.0.0.1", port), timeout=20)
                break
            except ConnectionRefusedError:
                continue
        else:
            conn.close()
            return
        back = threading.Thread(target=self.pump, args=(up, conn), daemon=True)
        back.start()
        self.pump(conn, up)
        back.join()
        conn.close()
        up.close()

    @staticmethod
    def pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def test_a_rolling_restart_under_load_fails_no_request(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    value = {"endpoints": [chat_route(up.base)], "server": {"workers": 2, "timeouts": {"drain_delay": "300ms"}}}
    balancer = Balancer()
    first = sluice(value)
    balancer.backends = [first.port]
    over, counts, failures = threading.Event(), [0] * 6, []

    def load(i):
        """Keep-alive clients: they open another connection when the reply says that this one closes."""
        conn = None
        try:
            while not over.is_set():
                conn = conn or Conn(balancer.port)
                reply = conn.request("POST", "/v1/chat/completions", CHAT).reply()
                assert reply.status == 200 and reply.complete, (reply.status, reply.body)
                counts[i] += 1
                if reply.get("connection") == "close" or i % 2:
                    conn.close()
                    conn = None
        except Exception as e:
            failures.append(e)

    threads = [threading.Thread(target=load, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for _ in range(2):
        wait_for(lambda: sum(counts) > 50, "load")
        second = sluice(value)
        balancer.backends = [second.port, first.port]
        first.stop()
        balancer.backends = [second.port]
        first = second
        seen = sum(counts)
        wait_for(lambda: sum(counts) > seen + 50 or failures, "load after the roll")
    over.set()
    for t in threads:
        t.join(20)
    balancer.sock.close()
    assert not failures, failures


def test_no_balancer_only_clients_that_try_again_when_refused(sluice):
    """The port is free when the old daemon has ended; connections in between are refused, and never reset."""
    value = {"endpoints": [], **timeouts()}
    daemon = sluice(value)
    over, failures, counts = threading.Event(), [], [0] * 4

    def load(i):
        while not over.is_set():
            try:
                conn = Conn(daemon.port)
            except ConnectionRefusedError:
                time.sleep(0.005)
                continue
            try:
                reply = conn.request("GET", "/health").reply()
                assert reply.status == 200
                counts[i] += 1
            except Exception as e:
                failures.append(e)
            conn.close()

    threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    wait_for(lambda: min(counts) > 20, "load")
    daemon.stop()
    over.set()
    for t in threads:
        t.join(20)
    assert not failures, failures


def test_the_unix_socket_goes_with_the_daemon(sluice, tmp_path):
    path = tmp_path / "sluice.sock"
    daemon = sluice({"endpoints": []}, args=["--listen", f"unix:{path}"], ready=False)
    wait_for(path.exists, "the socket")
    client = socket.socket(socket.AF_UNIX)
    wait_for(lambda: client.connect_ex(str(path)) == 0, "listening")
    client.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert client.recv(4096).startswith(b"HTTP/1.1 200")
    daemon.stop()
    assert not path.exists()


def test_a_reader_of_the_log_that_is_stuck_does_not_hold_the_end_up(sluice, tmp_path):
    pipe = tmp_path / "log"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    daemon = sluice({"endpoints": [], "log": {"access": str(pipe)}})
    conn = daemon.connect()
    for _ in range(40):
        assert conn.request("GET", "/health").reply().status == 200
    conn.close()
    began = time.monotonic()
    daemon.stop()
    assert time.monotonic() - began < 10
    assert "takes nothing: its last " in daemon.stderr and os.read(reader, 65536).startswith(b'{"time":')
    os.close(reader)

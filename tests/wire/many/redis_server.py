# SPDX-License-Identifier: Apache-2.0
"""Debian's redis-server, started by a test, and a small client for it."""
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest

from harness import DEADLINE, free_port, wait_for


class Redis:
    def __init__(self, directory, args=(), port=None):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.args = list(args)
        self.port = port or free_port()
        self.proc = None
        self.password = None
        self.start()

    def start(self):
        """Starts the server, again with the files that it left."""
        binary = shutil.which("redis-server")
        assert binary, "redis-server is missing: tools/deps.sh test"
        args = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.dir), "--save", "", "--appendonly", "no", "--daemonize", "no"]
        self.proc = subprocess.Popen(args + self.args, stdin=subprocess.DEVNULL, stdout=open(self.dir / "log", "ab"), stderr=subprocess.STDOUT)
        wait_for(self.answers, lambda: "redis answers: " + (self.dir / "log").read_text())

    def answers(self):
        assert self.proc.poll() is None, (self.dir / "log").read_text()
        try:
            return not str(self.command("PING")).startswith("LOADING")
        except OSError:
            return False

    def command(self, *words):
        """One command on a connection of its own. An error is returned as its text."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as conn:
            reader = conn.makefile("rb")
            if self.password:
                conn.sendall(encode(["AUTH", self.password]))
                read(reader)
            conn.sendall(encode(words))
            return read(reader)

    def kill(self):
        self.proc.kill()
        self.proc.wait()

    def pause(self):
        self.proc.send_signal(signal.SIGSTOP)

    def resume(self):
        self.proc.send_signal(signal.SIGCONT)

    def close(self):
        if self.proc.poll() is None:
            self.resume()
            self.kill()

    def counters(self, ns="sluice"):
        """All counters of a namespace, each as a dict."""
        found = []
        for key in self.command("KEYS", "sluice:{%s}:c:*" % ns):
            flat = self.command("HGETALL", key)
            found.append({flat[i].decode(): int(flat[i + 1]) for i in range(0, len(flat), 2)})
        return found


def encode(words):
    out = b"*%d\r\n" % len(words)
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        out += b"$%d\r\n%s\r\n" % (len(word), word)
    return out


def read(reader):
    line = reader.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the connection ended")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+" or kind == b"-":
        return rest.decode()
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else reader.read(int(rest) + 2)[:-2]
    return None if rest == b"-1" else [read(reader) for _ in range(int(rest))]


class Cutter:
    """A proxy in front of a server. It can hold replies back for a time, and cut a connection after so many bytes of
    replies."""

    def __init__(self, port):
        import threading

        self.to = port
        self.delay = 0.0
        self.cut_after = None
        self.rewrite = None  # what is sent to the server
        self.swallows = None  # "replies" or "commands": they go nowhere, but the connection lives on
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs = []
        self.closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        import threading

        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs.append((client, server))
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, a, b, is_reply):
        import time

        swallowed = False  # what comes behind a gap would be no protocol
        try:
            while data := a.recv(65536):
                if self.swallows == ("replies" if is_reply else "commands"):
                    swallowed = True
                if swallowed:
                    continue
                if self.rewrite and not is_reply:
                    data = self.rewrite(data)
                if is_reply and self.delay:
                    time.sleep(self.delay)  # what is tested: a slow way
                if is_reply and self.cut_after is not None:
                    data = data[:self.cut_after]
                    self.cut_after = None
                    b.sendall(data)
                    break
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        """Ends all connections."""
        for pair in self.pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []

    def close(self):
        self.listener.close()
        self.cut()


@pytest.fixture
def redis(tmp_path):
    """A factory of servers; each ends with the test."""
    running = []

    def start(*args, **kwargs):
        running.append(Redis(tmp_path / f"redis{len(running)}", args, **kwargs))
        return running[-1]

    yield start
    for server in running:
        server.close()


@pytest.fixture
def cutter():
    running = []

    def start(port):
        running.append(Cutter(port))
        return running[-1]

    yield start
    for proxy in running:
        proxy.close()



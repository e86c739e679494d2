# SPDX-License-Identifier: Apache-2.0
"""A scripted upstream: a test gives a handler and has every byte in its hand."""
import json
import queue
import select
import socket
import ssl
import threading
import time

DEADLINE = 20.0


class Exchange:
    """One request as it came, and the connection to answer on."""

    def __init__(self, conn, head, headers, body, number):
        self.conn, self.head, self.headers, self.body, self.number = conn, head, headers, body, number
        self.line = head.split(b"\r\n", 1)[0].decode()
        self.method, self.path = self.line.split(" ")[:2]

    def get(self, name):
        for k, v in self.headers:
            if k.lower() == name.lower():
                return v
        return None

    def json(self):
        return json.loads(self.body)

    def send(self, data):
        self.conn.sendall(data if isinstance(data, bytes) else data.encode())

    def reply(self, body, status="200 OK", content_type="application/json", headers=()):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        body = body if isinstance(body, bytes) else body.encode()
        extra = "".join(f"{k}: {v}\r\n" for k, v in headers)
        self.send(f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def stream_head(self, content_type="text/event-stream", headers=()):
        extra = "".join(f"{k}: {v}\r\n" for k, v in headers)
        self.send(f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{extra}Transfer-Encoding: chunked\r\n\r\n")

    def chunk(self, data):
        data = data if isinstance(data, bytes) else data.encode()
        self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def last_chunk(self):
        self.send("0\r\n\r\n")

    def event(self, value):
        self.chunk(f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n")

    def close(self):
        try:
            self.conn.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.conn.close()

    def reset(self):
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.conn.close()

    def wait_closed(self, deadline=DEADLINE):
        """Until the peer closed its end; returns the seconds that took, or None."""
        start = time.monotonic()
        while time.monotonic() - start < deadline:
            ready, _, _ = select.select([self.conn], [], [], 0.5)
            if ready:
                try:
                    if not self.conn.recv(65536):
                        return time.monotonic() - start
                except OSError:
                    return time.monotonic() - start
        return None


class Upstream:
    """Calls handler(exchange) for every request; what it raises is told by `check`."""

    def __init__(self, handler=None, tls=None, host="127.0.0.1"):
        self.handler = handler
        self.tls = tls
        self.sock = socket.socket()
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((host, 0))
        self.sock.listen(256)
        self.port = self.sock.getsockname()[1]
        self.base = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/v1"
        self.requests = []
        self.arrived = queue.Queue()
        self.n_connections = 0
        self.errors = []
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            with self.lock:
                self.n_connections += 1
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        try:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                conn = self.tls.wrap_socket(conn, server_side=True)
            buf = b""
            while True:
                while b"\r\n\r\n" not in buf:
                    data = conn.recv(65536)
                    if not data:
                        conn.close()
                        return
                    buf += data
                head, buf = buf.split(b"\r\n\r\n", 1)
                headers = [tuple(p.strip() for p in line.decode("latin-1").split(":", 1)) for line in head.split(b"\r\n")[1:]]
                n = int(next((v for k, v in headers if k.lower() == "content-length"), 0))
                while len(buf) < n:
                    data = conn.recv(65536)
                    if not data:
                        return
                    buf += data
                body, buf = buf[:n], buf[n:]
                with self.lock:
                    exchange = Exchange(conn, head, headers, body, len(self.requests))
                    self.requests.append(exchange)
                self.arrived.put(exchange)
                self.handler(exchange)
        except (OSError, ssl.SSLError):
            pass
        except Exception as e:  # a test's handler failed: the test must know
            self.errors.append(e)
            conn.close()

    def next(self, deadline=DEADLINE):
        return self.arrived.get(timeout=deadline)

    def close(self):
        self.sock.close()
        assert not self.errors, self.errors

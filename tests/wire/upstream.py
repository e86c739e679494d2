# SPDX-License-Identifier: Apache-2.0
"""A scripted upstream: a test gives a handler and decides about every byte. Also a proxy, and certificates."""
import base64
import datetime
import ipaddress
import json
import pathlib
import queue
import select
import socket
import ssl
import threading
import time

DEADLINE = 20.0


def pieces(text, n):
    """Of n characters each; a long text is a thousand pieces."""
    n = max(n, len(text) // 1000)
    return [text[at:at + n] for at in range(0, len(text), n)]


def head_read(conn, got=b""):
    """Reads until a whole head is there; returns all that came, b"" where the peer left before."""
    while b"\r\n\r\n" not in got:
        more = conn.recv(65536)
        if not more:
            return b""
        got += more
    return got


class Exchange:
    """One request as it came, and the connection for the answer."""

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

    def cut(self):
        """TCP's end without TLS's."""
        raw = self.conn.detach() if isinstance(self.conn, ssl.SSLSocket) else self.conn.fileno()
        sock = socket.socket(fileno=raw)
        sock.shutdown(socket.SHUT_RDWR)
        sock.close()

    def hold(self):
        """Sends nothing more, until the peer has gone."""
        return self.wait_closed()

    def wait_closed(self, deadline=DEADLINE):
        """Waits until the peer closed its end; returns the seconds that took, or None."""
        start = time.monotonic()
        while time.monotonic() - start < deadline:
            poll = select.poll()
            poll.register(self.conn, select.POLLIN)
            if poll.poll(500):
                try:
                    if not self.conn.recv(65536):
                        return time.monotonic() - start
                except OSError:
                    return time.monotonic() - start
        return None


class Upstream:
    """Calls handler(exchange) for every request; `check` reports what it raises. `on_connect` is called with the raw
    connection instead, before anything is read."""

    def __init__(self, handler=None, tls=None, host="127.0.0.1", on_connect=None, backlog=256, port=0):
        self.handler = handler
        self.on_connect = on_connect
        self.tls = tls
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind((host, port))
        self.sock.listen(backlog)
        self.port = self.sock.getsockname()[1]
        self.base = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{self.port}/v1"
        self.requests = []
        self.arrived = queue.Queue()
        self.n_connections = 0
        self.errors = []
        self.broken = []  # connections that did not end between two requests
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
            if self.on_connect:
                self.on_connect(conn)
                return
            if self.tls:
                conn = self.tls.wrap_socket(conn, server_side=True)
            buf = b""
            while True:
                buf = head_read(conn, buf)
                if not buf:
                    conn.close()
                    return
                head, buf = buf.split(b"\r\n\r\n", 1)
                headers = [tuple(p.strip() for p in line.decode("latin-1").split(":", 1)) for line in head.split(b"\r\n")[1:]]
                body, buf = self._body(conn, headers, buf)
                if body is None:
                    return
                with self.lock:
                    exchange = Exchange(conn, head, headers, body, len(self.requests))
                    self.requests.append(exchange)
                self.arrived.put(exchange)
                try:
                    self.handler(exchange)
                except ValueError as e:
                    raise RuntimeError(f"handler: {e}") from e
        except (OSError, ssl.SSLError, ValueError) as e:
            self.broken.append(e)
        except Exception as e:  # a test's handler failed: the test must see it
            self.errors.append(e)
            conn.close()

    @staticmethod
    def _body(conn, headers, buf):
        """The body and what comes after it; None when the peer ended before."""
        told = {k.lower(): v for k, v in headers}
        body, buf = bytearray(), bytearray(buf)

        def fill(done):
            while not done():
                data = conn.recv(1 << 20)
                if not data:
                    return False
                buf.extend(data)
            return True

        if told.get("transfer-encoding") != "chunked":
            n = int(told.get("content-length", 0))
            return (bytes(buf[:n]), bytes(buf[n:])) if fill(lambda: len(buf) >= n) else (None, b"")
        while fill(lambda: b"\r\n" in buf):
            at = buf.index(b"\r\n")
            n = int(buf[:at], 16)
            if not fill(lambda: len(buf) >= at + 4 + n):
                break
            assert buf[at + 2 + n:at + 4 + n] == b"\r\n", "a chunk is longer than it says"
            body += buf[at + 2:at + 2 + n]
            del buf[:at + 4 + n]
            if n == 0:
                return bytes(body), bytes(buf)
        return None, b""

    def next(self, deadline=DEADLINE):
        return self.arrived.get(timeout=deadline)

    def close(self):
        self.sock.close()
        assert not self.errors, self.errors


class Proxy:
    """An HTTP proxy for CONNECT. `answer` replaces its 200 by other bytes; `auth` is "user:password"."""

    def __init__(self, auth=None, answer=None, host="127.0.0.1"):
        self.auth, self.answer = auth, answer
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.sock.bind((host, 0))
        self.sock.listen(64)
        self.port = self.sock.getsockname()[1]
        self.url = f"http://{auth + '@' if auth else ''}{f'[{host}]' if ':' in host else host}:{self.port}"
        self.heads = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        try:
            head = head_read(conn)
            if not head:
                return
            self.heads.append(head.decode())
            if self.answer is not None:
                conn.sendall(self.answer)
                if not self.answer:
                    conn.close()
                return
            want = self.auth and "Proxy-Authorization: Basic " + base64.b64encode(self.auth.encode()).decode() + "\r\n"
            if want and want not in head.decode():
                conn.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")
                return
            where = head.decode().split(" ")[1]
            name, port = where.rsplit(":", 1)
            up = socket.create_connection((name.strip("[]"), int(port)), timeout=DEADLINE)
            conn.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=self._pump, args=(up, conn), daemon=True).start()
            self._pump(conn, up)
        except OSError:
            pass

    @staticmethod
    def _pump(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.sock.close()


class Authority:
    """A certificate authority and the certificates that it signs."""

    def __init__(self, directory):
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        self.cert = self._sign(self.name, self.key.public_key(), [], True, 1)
        self.path = str(self._write("ca.pem", self.cert))

    def _sign(self, subject, public, names, is_ca, days):
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        now = datetime.datetime.now(datetime.timezone.utc)
        start = now - datetime.timedelta(days=3)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(start).not_valid_after(now + datetime.timedelta(days=days))
        builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        if names:
            alt = []
            for n in names:
                try:
                    alt.append(x509.IPAddress(ipaddress.ip_address(n)))
                except ValueError:
                    alt.append(x509.DNSName(n))
            builder = builder.add_extension(x509.SubjectAlternativeName(alt), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def _write(self, name, cert, key=None):
        from cryptography.hazmat.primitives import serialization as ser

        path = self.dir / name
        text = cert.public_bytes(ser.Encoding.PEM)
        if key:
            text += key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
        path.write_bytes(text)
        return path

    def server(self, *names, days=1):
        """A server's TLS context with a certificate for these names."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")]), key.public_key(), names, False, days)
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(str(self._write(f"{'_'.join(names).replace(':', '-')}{days}.pem", cert, key)))
        return ctx

    def pem(self, name, days=1):
        """A client's certificate and key, as one text."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import NameOID

        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key(), [], False, days)
        return self._write(f"{name}.pem", cert, key).read_text()

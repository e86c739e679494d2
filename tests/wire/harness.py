# SPDX-License-Identifier: Apache-2.0
"""The daemon under test and raw HTTP for it. Nothing here sleeps to get a result: everything waits for an event, with a
deadline."""
import fcntl
import json
import os
import pathlib
import random
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import yaml

# A daemon that is told no data directory makes the default one; no test may leave it in the home of whoever runs the tests.
os.environ["XDG_STATE_HOME"] = "/dev/null"

BIN = os.environ.get("SLUICE_BIN", "build/src/daemon/sluice")
DEADLINE = 20.0
COMPLAINTS = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|ThreadSanitizer|assertion failed")


# Memory is measured in the release build, because a sanitizer keeps freed memory.
SANITIZED = b"__asan_init" in (data := pathlib.Path(BIN).read_bytes()) or b"__tsan_init" in data if os.path.exists(BIN) else False


PORTS = range(10000, 32000)


def free_port():
    """A port for a daemon that starts soon. It is below the ephemeral ports, so no connection of another test can take
    it meanwhile. All tests on this machine take their ports from one counter, so none gets another's, though nobody
    holds it yet."""
    with open(pathlib.Path(tempfile.gettempdir()) / f"sluice-test-port-{os.getuid()}", "a+") as last:
        fcntl.flock(last, fcntl.LOCK_EX)
        last.seek(0)
        text = last.read()
        port = int(text) if text.isdigit() else random.choice(PORTS)
        while True:
            port = port + 1 if port + 1 in PORTS else PORTS[0]
            with socket.socket() as s:
                try:
                    s.bind(("127.0.0.1", port))
                except OSError:
                    continue
            last.truncate(0)
            last.write(str(port))
            return port


def wait_for(condition, what, deadline=DEADLINE):
    """Polls something that has no event of its own (a file, another process). `what`: a text, or a function that makes
    one when it is needed."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"did not happen within {deadline} s: {what() if callable(what) else what}")


class Reply:
    def __init__(self, status, reason, headers, body, complete):
        self.status, self.reason, self.headers, self.body, self.complete = status, reason, headers, body, complete

    def get(self, name):
        for k, v in self.headers:
            if k.lower() == name.lower():
                return v
        return None

    def json(self):
        return json.loads(self.body)


class Conn:
    """One client connection, bytes in and bytes out."""

    def __init__(self, port, tls=None, host="127.0.0.1", source=None):
        self.sock = socket.create_connection((host, port), timeout=DEADLINE, source_address=source and (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.buf = b""
        self.eof = False

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def fill(self):
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, ssl.SSLError):
            data = b""
        if not data:
            self.eof = True
        self.buf += data
        return bool(data)

    def until(self, mark):
        while mark not in self.buf:
            if not self.fill():
                raise EOFError(f"closed before {mark!r}: {self.buf!r}")
        at = self.buf.index(mark) + len(mark)
        out, self.buf = self.buf[:at], self.buf[at:]
        return out

    def exactly(self, n):
        while len(self.buf) < n and self.fill():
            pass
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def rest(self):
        while self.fill():
            pass
        out, self.buf = self.buf, b""
        return out

    def head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status, *reason = lines[0].split(" ", 2)
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if line]
        return Reply(int(status), " ".join(reason), headers, b"", False)

    def chunk(self):
        """The data of one chunk; b"" for the last; None when the connection ended before it."""
        try:
            n = int(self.until(b"\r\n"), 16)
            data = self.exactly(n)
            self.until(b"\r\n")
        except (EOFError, ValueError):
            return None
        return data

    def body_into(self, r, method):
        """Reads the body of the reply whose head is `r`."""
        if method == "HEAD" or r.status in (204, 304):
            r.complete = True
        elif r.get("transfer-encoding"):
            while (data := self.chunk()) is not None:
                r.body += data
                if not data:
                    r.complete = True
                    break
        elif r.get("content-length") is not None:
            n = int(r.get("content-length"))
            r.body = self.exactly(n)
            r.complete = len(r.body) == n
        else:
            r.body = self.rest()
            r.complete = True
        return r

    def reply(self, method="POST"):
        return self.body_into(self.head(), method)

    def request(self, method, path, body=None, headers=()):
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{k}: {v}" for k, v in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        return self

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def is_closed_by_peer(self):
        return not self.fill() and self.eof


class Sluice:
    """A running daemon. `config` is the file as a dict (or a text); listen and the access log are set here."""

    def __init__(self, directory, config=None, args=(), env=None, raw=None, ready=True, listen=True, port=None, preexec=None):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = self.dir / "access.log"
        self.has_file = config is not None
        argv = [BIN, "serve", "--data", "none"] + (["--listen", f"127.0.0.1:{self.port}"] if listen else [])
        if raw is not None:
            (self.dir / "sluice.yaml").write_text(raw)
            argv += ["-c", str(self.dir / "sluice.yaml")]
        elif config is not None:
            config = dict(config)
            config.setdefault("log", {}).setdefault("access", str(self.log_path))
            config.setdefault("server", {}).setdefault("timeouts", {}).setdefault("drain_delay", "0s")
            (self.dir / "sluice.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
            argv += ["-c", str(self.dir / "sluice.yaml")]
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("SLUICE_", "MLFLOW_", "SSL_CERT", "OTEL_")) and not k.endswith("_API_KEY")}
        environ.update(env or {})
        self.stderr = ""
        self.proc = subprocess.Popen(argv + list(args), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ, preexec_fn=preexec)
        self.readers = [threading.Thread(target=self._read_stderr, daemon=True), threading.Thread(target=self._read_stdout, daemon=True)]
        self.stdout = ""
        for t in self.readers:
            t.start()
        if ready:
            self.wait_ready()

    def _read_stderr(self):
        for line in self.proc.stderr:
            self.stderr += line

    def _read_stdout(self):
        for line in self.proc.stdout:
            self.stdout += line

    def wait_ready(self):
        def listening():
            if self.proc.poll() is not None:
                raise AssertionError(f"ended with {self.proc.returncode}: {self.stderr}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except OSError:
                return False

        wait_for(listening, "listening")

    def connect(self, tls=None):
        return Conn(self.port, tls)

    def call(self, method, path, body=None, headers=()):
        conn = self.connect()
        try:
            return conn.request(method, path, body, headers).reply(method)
        finally:
            conn.close()

    def log_lines(self, n):
        """At least n lines of the access log."""

        def lines():
            text = self.log_path.read_text() if self.log_path.exists() else ""
            got = [json.loads(line) for line in text.splitlines(True) if line.endswith("\n")]
            return got if len(got) >= n else None

        return wait_for(lines, f"{n} access log lines")

    def log_line(self, request_id):
        def find():
            text = self.log_path.read_text() if self.log_path.exists() else ""
            for line in text.splitlines(True):
                if line.endswith("\n") and json.loads(line)["request_id"] == request_id:
                    return json.loads(line)
            return None

        return wait_for(find, f"the log line of {request_id}")

    def rss(self):
        for line in open(f"/proc/{self.proc.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        return 0

    def cpu(self):
        """Seconds of processor time that it took so far."""
        fields = open(f"/proc/{self.proc.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, sig=None, check=True):
        """SIGTERM; or SIGINT, which has no delay, if the file did not turn off the drain's delay."""
        sig = sig or (signal.SIGTERM if self.has_file else signal.SIGINT)
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
        try:
            code = self.proc.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            raise AssertionError(f"did not end: {self.stderr}")
        for t in self.readers:
            t.join(DEADLINE)
        assert not COMPLAINTS.search(self.stderr), self.stderr
        if check:
            assert code == 0, f"exit code {code}: {self.stderr}"
        return code


def chat_route(base, name="chat", **sluice):
    route = {
        "name": name,
        "endpoint_type": "llm/v1/chat",
        "model": {"provider": "openai", "name": "gpt-4o-mini", "config": {"openai_api_key": "sk-test-secret", "openai_api_base": base}},
    }
    if sluice:
        route["sluice"] = sluice
    return route


def typed_route(base, name, kind):
    route = chat_route(base, name)
    route["endpoint_type"] = f"llm/v1/{kind}"
    return route


CHAT = {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}
CHAT_REPLY = (
    b'{ "id": "chatcmpl-1",\n "object": "chat.completion", "created": 1700000000, "model": "gpt-4o-mini-2024", "x_unknown": 1.50e+2, '
    b'"choices": [ {"index": 0, "message": {"role": "assistant", "content": "hi \\u00e9", "refusal": null}, "logprobs": null, '
    b'"finish_reason": "stop"} ], "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}, "system_fingerprint": "fp" }'
)

# A call of the route `chat` in each dialect.
PATHS = {
    "/v1/chat/completions": CHAT,
    "/gateway/chat/invocations": {"messages": CHAT["messages"]},
    "/v1/messages": {**CHAT, "max_tokens": 9},
    "/v1beta/models/chat:generateContent": {"contents": [{"parts": [{"text": "hello"}]}]},
    "/model/chat/converse": {"messages": [{"role": "user", "content": [{"text": "hello"}]}]},
    "/v2/chat": CHAT,
    "/v1/responses": {"model": "chat", "input": "hello"},
}


def files_of(folder):
    """All files in a folder and in those inside it."""
    return [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]

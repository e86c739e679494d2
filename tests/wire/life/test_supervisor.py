# SPDX-License-Identifier: Apache-2.0
"""systemd's two protocols, with the test as supervisor: datagrams to $NOTIFY_SOCKET, sockets from 3 on."""
import os
import signal
import socket
import subprocess
import sys

import pytest

from harness import BIN, DEADLINE, Conn, wait_for

# Becomes the daemon: LISTEN_PID must be its own process id.
EXEC = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid() + int(os.environ.pop("PID_OFF", "0")))
for i, fd in enumerate(int(f) for f in os.environ.pop("FDS").split(",")):
    os.dup2(fd, 3 + i)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Notifications:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        self.sock.settimeout(DEADLINE)

    def next(self):
        return dict(line.split("=", 1) for line in self.sock.recv(4096).decode().splitlines())


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_notifications(sluice, tmp_path, kind):
    name = str(tmp_path / "notify") if kind == "path" else f"@sluice-{os.getpid()}-{tmp_path.name}"
    notes = Notifications(name if kind == "path" else "\0" + name[1:])
    daemon = sluice({"endpoints": []}, env={"NOTIFY_SOCKET": name})
    ready = notes.next()
    assert ready["READY"] == "1" and ready["STATUS"] == "serving, 0 routes" and ready["MAINPID"] == str(daemon.proc.pid)
    daemon.proc.send_signal(signal.SIGHUP)
    reloading = notes.next()
    assert reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) > 0
    assert notes.next()["READY"] == "1"
    (daemon.dir / "sluice.yaml").write_text("endpoints: 5\n")
    daemon.proc.send_signal(signal.SIGHUP)
    assert notes.next()["RELOADING"] == "1"
    after = notes.next()
    assert after["READY"] == "1" and "refused" in after["STATUS"], "systemd must not wait for ever for a reload that failed"
    daemon.proc.send_signal(signal.SIGTERM)
    assert notes.next()["STOPPING"] == "1"
    daemon.stop()


class Activated:
    """The daemon with sockets that this process holds, as systemd does it."""

    def __init__(self, *socks, config=None, env=None, names=None):
        fds = [os.dup(s.fileno()) for s in socks]
        for fd in fds:
            os.set_inheritable(fd, True)
        environ = {**os.environ, "FDS": ",".join(map(str, fds)), "LISTEN_FDS": str(len(fds)), **(env or {})}
        if names:
            environ["LISTEN_FDNAMES"] = names
        args = ["-c", str(config)] if config else []
        self.proc = subprocess.Popen([sys.executable, "-c", EXEC, BIN, "serve", "--data", "none", *args], env=environ, pass_fds=fds,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for fd in fds:
            os.close(fd)

    def stop(self, sig=signal.SIGINT):
        self.proc.send_signal(sig)
        _, err = self.proc.communicate(timeout=DEADLINE)
        assert self.proc.returncode == 0 and "Sanitizer" not in err, err
        return err


def listener(family=socket.AF_INET, address=("127.0.0.1", 0)):
    sock = socket.socket(family)
    sock.bind(address)
    sock.listen(64)
    return sock


def health(conn):
    return conn.request("GET", "/health").reply().status


def test_socket_activation_replaces_server_listen(tmp_path):
    tcp = listener()
    unix = listener(socket.AF_UNIX, str(tmp_path / "sock"))
    config = tmp_path / "c.yaml"
    config.write_text("endpoints: []\nserver: { listen: 127.0.0.1:1, workers: 3 }\n")
    early = Conn(tcp.getsockname()[1])  # before the daemon runs, which is the purpose of activation
    daemon = Activated(tcp, unix, config=config, names="web:local")
    assert health(early) == 200
    for _ in range(20):
        assert health(Conn(tcp.getsockname()[1])) == 200
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(tmp_path / "sock"))
    client.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert client.recv(4096).startswith(b"HTTP/1.1 200")
    err = daemon.stop()
    assert f"listening on 127.0.0.1:{tcp.getsockname()[1]} (handed over), 3 workers" in err and "(handed over)" in err
    assert (tmp_path / "sock").exists(), "the socket is the supervisor's"
    waiting = Conn(tcp.getsockname()[1])  # between two daemons: nobody is refused
    daemon = Activated(tcp, config=config)
    assert health(waiting) == 200
    daemon.stop()


def test_sockets_meant_for_another_process_are_left_alone(tmp_path):
    tcp = listener()
    config = tmp_path / "c.yaml"
    config.write_text("endpoints: []\nserver: { listen: 127.0.0.1:0 }\n")
    daemon = Activated(tcp, config=config, env={"PID_OFF": "1"})
    line = daemon.proc.stderr.readline()
    while "listening on" not in line:
        line = daemon.proc.stderr.readline()
    assert "handed over" not in line
    daemon.stop()


@pytest.mark.parametrize("kind", ["datagram", "not listening", "file"])
def test_a_descriptor_that_is_no_listening_socket_is_named(tmp_path, kind):
    if kind == "file":
        sock = open(tmp_path / "file", "w")
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if kind == "datagram" else socket.SOCK_STREAM)
    daemon = Activated(sock, names="web")
    _, err = daemon.proc.communicate(timeout=DEADLINE)
    assert daemon.proc.returncode == 1 and "descriptor 3 (web)" in err, err

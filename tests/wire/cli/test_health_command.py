# SPDX-License-Identifier: Apache-2.0
"""`sluice health`: whether a gateway on this machine lives, as an exit code."""
import socket
import subprocess
import threading

import pytest

from harness import BIN, DEADLINE, free_port
from libsluice import clean_env


def health(*args, **env):
    done = subprocess.run([BIN, "health", *args], capture_output=True, text=True, timeout=DEADLINE, env=clean_env(**env))
    return done.returncode, done.stdout, done.stderr


class Peer:
    """Accepts one connection, reads the request, and sends some bytes, or nothing until the other side gives up."""

    def __init__(self, reply):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, args=[reply])
        self.thread.start()

    def _serve(self, reply):
        with self.listener, self.listener.accept()[0] as conn:
            request = conn.recv(4096)
            if reply is None:
                assert conn.recv(4096) == b""
            elif request:
                conn.sendall(reply)


def test_a_gateway_that_lives(sluice):
    daemon = sluice({"endpoints": []})
    assert health("--server", daemon.url) == (0, "ok\n", "")
    assert health("--server", daemon.url + "/") == (0, "ok\n", "")
    assert health("--server", f"localhost:{daemon.port}") == (0, "ok\n", "")
    assert health(SLUICE_SERVER=daemon.url) == (0, "ok\n", "")


def test_a_unix_socket(sluice, tmp_path):
    port = free_port()
    sluice({"endpoints": [], "server": {"listen": [f"127.0.0.1:{port}", f"unix:{tmp_path}/sock"]}}, listen=False, port=port)
    assert health("--server", f"unix:{tmp_path}/sock") == (0, "ok\n", "")


def test_tls(sluice, certs):
    """The certificate is one that nobody trusts."""
    daemon = sluice({"endpoints": [], "server": {"tls": {"cert": certs[0], "key": certs[1]}}})
    assert health("--server", f"https://127.0.0.1:{daemon.port}") == (0, "ok\n", "")
    code, out, err = health("--server", f"http://127.0.0.1:{daemon.port}")
    assert (code, out) == (1, "") and err


def test_nobody_is_there(sluice):
    daemon = sluice({"endpoints": []})
    daemon.stop()
    assert health("--server", daemon.url) == (1, "", f"sluice: cannot connect to 127.0.0.1:{daemon.port}: Connection refused\n")


@pytest.mark.parametrize("reply, said", [
    (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "answers /health with the status 503"),
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", "does not answer /health in time, or does not speak HTTP"),
    (b"", "does not answer /health in time"),
    (b"HTTP/1.1 20", "does not answer /health in time"),
    (None, "does not answer /health in time"),
], ids=["503", "no HTTP", "closes", "breaks off", "silent"])
def test_what_answers_is_no_living_gateway(reply, said):
    peer = Peer(reply)
    code, out, err = health("--server", peer.url)
    peer.thread.join(DEADLINE)
    assert (code, out) == (1, "") and f"{peer.url} {said}" in err, err


@pytest.mark.parametrize("server", ["", "gateway.example.com:5000", "http://127.0.0.1", "unix:", "http://127.0.0.1:99999"])
def test_an_address_of_another_machine(server):
    code, out, err = health("--server", server)
    assert (code, out) == (2, "") and "is no address of this machine: expected http://IP:PORT" in err, err

# SPDX-License-Identifier: Apache-2.0
import itertools
import subprocess

import pytest

from harness import Sluice
from upstream import Authority, Proxy, Upstream


def daemons(directory):
    running, count = [], itertools.count()

    def start(*args, **kwargs):
        daemon = Sluice(directory() / str(next(count)), *args, **kwargs)
        running.append(daemon)
        return daemon

    yield start
    for daemon in running:
        if not getattr(daemon, "stopped", False):
            daemon.stop()


@pytest.fixture
def sluice(tmp_path):
    """A factory of daemons; SIGTERM ends each, and it must exit with 0 and without a complaint."""
    yield from daemons(lambda: tmp_path)


@pytest.fixture(scope="module")
def sluice_module(tmp_path_factory):
    """The same for a whole file: for tables of requests that change nothing."""
    yield from daemons(lambda: tmp_path_factory.mktemp("daemon"))


def upstreams():
    running = []

    def start(handler=None, **kwargs):
        up = Upstream(handler, **kwargs)
        running.append(up)
        return up

    yield start
    for up in running:
        up.close()


@pytest.fixture
def upstream():
    """A factory of scripted upstreams; each is closed, and none may have failed by itself."""
    yield from upstreams()


@pytest.fixture(scope="module")
def upstream_module():
    """The same for a whole file."""
    yield from upstreams()


@pytest.fixture
def proxy():
    """A factory of HTTP proxies."""
    running = []

    def start(**kwargs):
        running.append(Proxy(**kwargs))
        return running[-1]

    yield start
    for p in running:
        p.close()


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    """An authority of the file's own, which signs certificates."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    """A certificate for localhost and 127.0.0.1, signed by itself: (cert, key)."""
    directory = tmp_path_factory.mktemp("certs")
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True)
    return str(cert), str(key)

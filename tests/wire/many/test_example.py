# SPDX-License-Identifier: Apache-2.0
"""examples/many-machines: three nodes behind HAProxy, on PostgreSQL and Redis."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading

import pytest
import yaml

from conftest import ADMIN, SECRET
from harness import BIN, CHAT, CHAT_REPLY, DEADLINE, Conn, free_port, wait_for
from redis_server import Redis
from test_postgres import KEYS, MAKE, bearer, soon

EXAMPLE = pathlib.Path(__file__).resolve().parents[3] / "examples/many-machines"
PASSWORD = "redis-0123456789"
SESSION = "/api/sluice/v1/session"


class Balancer:
    def __init__(self, directory, nodes):
        directory.mkdir()
        self.port = free_port()
        text = (EXAMPLE / "haproxy.cfg").read_text()
        text = text.replace("bind :443 ssl crt /etc/haproxy/llm.pem", f"bind 127.0.0.1:{self.port}")
        text = text.replace("maxconn 8000", "maxconn 200")
        for i, port in enumerate(nodes):
            text, n = re.subn(rf"server node{i + 1} \S+", f"server node{i + 1} 127.0.0.1:{port}", text)
            assert n == 1
        (directory / "haproxy.cfg").write_text(text)
        program = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
        self.proc = subprocess.Popen([program, "-db", "-f", directory / "haproxy.cfg"], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=open(directory / "said", "w"))
        self.said = directory / "said"
        wait_for(self.is_listening, "the balancer")

    def is_listening(self):
        assert self.proc.poll() is None, self.said.read_text()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def call(self, method, path, body=None, key=ADMIN):
        conn = Conn(self.port)
        try:
            return conn.request(method, path, body, bearer(key)).reply(method)
        finally:
            conn.close()

    def ask(self, key=ADMIN, route="chat"):
        return self.call("POST", "/v1/chat/completions", {**CHAT, "model": route}, key).status

    def close(self):
        self.proc.terminate()
        self.proc.wait(DEADLINE)


class World:
    """The example's file, with the addresses of this test."""

    def __init__(self, sluice, store, redis, up, tmp_path, limits):
        self.sluice, self.tmp_path = sluice, tmp_path
        self.config = yaml.safe_load((EXAMPLE / "sluice.yaml").read_text())
        del self.config["server"]["listen"]
        self.config["server"]["trusted_proxies"] = ["127.0.0.1"]
        self.config["counters"]["redis"] = f"redis://127.0.0.1:{redis.port}/0"
        self.config["counters"]["deadline"] = "2s"  # a busy machine
        self.config["endpoints"][0]["model"]["config"]["openai_api_base"] = up.base
        if limits is not None:
            self.config["endpoints"][0]["sluice"]["limits"] = limits
        names = re.findall(r"^(\w+)=", (EXAMPLE / "node.env").read_text(), re.M)
        self.env = {"SLUICE_STORE_URL": store, "SLUICE_SECRET_KEY": SECRET, "SLUICE_ADMIN_KEY": ADMIN, "SLUICE_REDIS_PASSWORD": PASSWORD, "OPENAI_API_KEY": "sk-0123456789"}
        assert set(names) == set(self.env)
        self.nodes = [self.start(i) for i in range(3)]

    def start(self, i, port=None):
        return self.sluice(self.config, args=["--data", str(self.tmp_path / f"data-{i}"), "--workers", "2"], env=self.env, port=port)

    def again(self, i):
        self.nodes[i] = self.start(i, self.nodes[i].port)


@pytest.fixture
def world(request, sluice, store, upstream, tmp_path):
    redis = Redis(tmp_path / "redis")
    redis.command("CONFIG", "SET", "requirepass", PASSWORD)
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    w = World(sluice, store, redis, up, tmp_path, getattr(request, "param", None))
    w.redis, w.up = redis, up
    w.front = Balancer(tmp_path / "balancer", [n.port for n in w.nodes])
    yield w
    w.front.close()
    for node in w.nodes:
        if not getattr(node, "stopped", False):
            node.stop()
            node.stopped = True
    redis.close()


def test_the_files_are_right(tmp_path):
    env = {"PATH": os.environ["PATH"], "SLUICE_STORE_URL": "postgres://u@h/d", "SLUICE_SECRET_KEY": SECRET, **{name: "sk-" + "0" * 40 for name in ("SLUICE_ADMIN_KEY", "SLUICE_REDIS_PASSWORD", "OPENAI_API_KEY")}}
    done = subprocess.run([BIN, "check", "--strict", "-c", EXAMPLE / "sluice.yaml"], env=env, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr


def test_three_nodes_act_as_one(world):
    front = world.front
    key = front.call("POST", f"{KEYS}?wait=all", {"name": "k", "principal": "p", "role": "query", "group": "team", "limits": [{"requests": 100, "per": "hour"}]}).json()
    assert "pending" not in key
    got = []

    def caller():
        got.extend(front.ask(key["key"]) for _ in range(25))

    threads = [threading.Thread(target=caller) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(got) == [200] * 100 + [429] * 50
    served = [sum(int(float(line.split()[1])) for line in n.call("GET", "/metrics", None, bearer()).body.decode().splitlines() if line.startswith("sluice_requests_total{route=\"chat\"")) for n in world.nodes]
    assert sum(served) >= 150 and all(served), served
    reply = front.call("DELETE", f"{KEYS}/{key['id']}?wait=all")
    assert reply.status == 200 and reply.json() == {}
    assert [front.ask(key["key"]) for _ in range(6)] == [401] * 6
    reply = front.call("GET", "/api/sluice/v1/requests/nothing")
    assert reply.status == 404 and b"Each node has its own log: ask the others, too." in reply.body
    nodes = front.call("GET", "/api/sluice/v1/nodes").json()["nodes"]
    assert len({n["name"] for n in nodes}) == 3 and {(n["store"], n["counters"], n["live"]) for n in nodes} == {("up", "up", True)}


def test_the_console_stays_at_one_node(world):
    """A browser's session is known where it began; a program gets no cookie of the balancer."""
    front, jar = world.front, {}

    def browse(method, path, body=None):
        conn = Conn(front.port)
        try:
            own = [("cookie", "; ".join(f"{k}={v}" for k, v in jar.items()))] if jar else []
            reply = conn.request(method, path, body, own).reply(method)
        finally:
            conn.close()
        jar.update(v.split(";")[0].split("=", 1) for k, v in reply.headers if k.lower() == "set-cookie")
        return reply

    assert browse("GET", "/console").status == 200
    first = jar["sluice_node"]
    assert browse("POST", SESSION, {"key": ADMIN}).status == 201 and "sluice_session" in jar
    assert all(browse("GET", SESSION).json()["session"] for _ in range(6)) and jar["sluice_node"] == first
    assert all(browse("GET", "/api/sluice/v1/nodes").status == 200 for _ in range(6))
    del jar["sluice_node"]
    assert not all([browse("GET", SESSION).json()["session"], jar.pop("sluice_node")][0] for _ in range(6)), "without the balancer's cookie any node answers"
    reply = front.call("POST", "/v1/chat/completions", {**CHAT, "model": "chat"})
    assert reply.status == 200 and reply.get("set-cookie") is None


def test_what_a_client_says_about_the_host_is_not_believed(world):
    conn = Conn(world.front.port)
    try:
        own, other = "127.0.0.1", "other.example"
        for origin, claimed, status in ((own, own, 201), (other, other, 403), (own, other, 201)):
            headers = [("origin", f"https://{origin}"), ("x-forwarded-host", claimed), ("x-forwarded-proto", "http"), ("x-forwarded-prefix", "/x")]
            reply = conn.request("POST", SESSION, {"key": ADMIN}, headers).reply("POST")
            assert reply.status == status, (origin, claimed, reply.body)
            assert status != 201 or "path=/;" in next(v for k, v in reply.headers if k.lower() == "set-cookie" and "sluice_session" in v).lower() + ";"
    finally:
        conn.close()


class Callers:
    """Calls that go on until they are ended; all that was not 200."""

    def __init__(self, front, n=4):
        self.front, self.wrong, self.n_calls, self.is_over = front, [], 0, False
        self.threads = [threading.Thread(target=self.run) for _ in range(n)]
        for t in self.threads:
            t.start()

    def run(self):
        while not self.is_over:
            try:
                status = self.front.ask()
            except (OSError, AssertionError) as e:
                status = repr(e)
            if status != 200:
                self.wrong.append(status)
            self.n_calls += 1

    def more(self, n=40):
        after = self.n_calls + n
        wait_for(lambda: self.n_calls >= after, "calls go on")

    def end(self):
        self.is_over = True
        for t in self.threads:
            t.join()


unlimited = pytest.mark.parametrize("world", [[]], indirect=True, ids=["unlimited"])


@unlimited
@pytest.mark.timeout(240)
def test_each_node_is_started_anew_and_no_call_fails(world):
    callers = Callers(world.front)
    try:
        for i in range(3):
            callers.more()
            world.nodes[i].stop()  # SIGTERM; it must end with 0
            world.nodes[i].stopped = True
            callers.more()
            world.again(i)
            before = world.nodes[i].call("GET", "/ready").status
            assert before == 200
            soon(lambda: sum("chat" in line for line in world.nodes[i].call("GET", "/metrics", None, bearer()).body.decode().splitlines() if line.startswith("sluice_requests_total")), "calls come to it again")
    finally:
        callers.end()
    assert not callers.wrong, callers.wrong[:10]


@unlimited
def test_a_node_is_killed(world):
    """Only the calls that it had may fail."""
    callers = Callers(world.front, n=3)
    try:
        callers.more()
        world.nodes[0].proc.kill()
        world.nodes[0].proc.wait(DEADLINE)
        world.nodes[0].stopped = True
        callers.more(100)
    finally:
        callers.end()
    assert len(callers.wrong) <= 3, callers.wrong
    reply = world.front.call("POST", f"{MAKE}?wait=all", {"name": "made", "route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}})
    assert reply.status == 200
    assert all(world.front.ask(route="made") == 200 for _ in range(4))

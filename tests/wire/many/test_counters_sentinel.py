# SPDX-License-Identifier: Apache-2.0
"""Shared counters on a server that Sentinels watch: a failover, with the count held."""
import shutil
import subprocess

import pytest

from fleet import fleet, never_more, requests  # noqa: F401: a fixture
from harness import chat_route, free_port, wait_for
from redis_server import Redis, redis  # noqa: F401: a fixture


class Sentinel(Redis):
    """Debian's redis-sentinel, which is its redis-server with another task. `servers`: what it watches, by name."""

    def __init__(self, directory, servers, password=None):
        self.lines = ["sentinel resolve-hostnames no"]
        for name, server in servers.items():
            self.lines += [f"sentinel monitor {name} 127.0.0.1 {server.port} 1", f"sentinel down-after-milliseconds {name} 500", f"sentinel failover-timeout {name} 2000"]
            self.lines += [f"sentinel auth-pass {name} {password}"] if password else []
        super().__init__(directory)

    def start(self):
        conf = self.dir / "sentinel.conf"
        conf.write_text("\n".join([f"port {self.port}", "bind 127.0.0.1", f"dir {self.dir}", *self.lines]) + "\n")
        self.proc = subprocess.Popen([shutil.which("redis-server"), str(conf), "--sentinel"], stdin=subprocess.DEVNULL, stdout=open(self.dir / "log", "ab"), stderr=subprocess.STDOUT)
        wait_for(self.answers, lambda: "the Sentinel answers: " + (self.dir / "log").read_text())

    def master(self, name="first"):
        """The port of the server that it names now."""
        return int(self.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)[1])

    def knows_replica(self, server, name="first"):
        replicas = self.command("SENTINEL", "REPLICAS", name)
        return any(dict(zip(r[::2], r[1::2])).get(b"port") == str(server.port).encode() and b"down" not in dict(zip(r[::2], r[1::2]))[b"flags"] for r in replicas)


@pytest.fixture
def sentinel(tmp_path):
    running = []

    def start(servers, **kwargs):
        running.append(Sentinel(tmp_path / f"sentinel{len(running)}", servers, **kwargs))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def pair(redis, sentinel):  # noqa: F811
    """A server, its replica, and who watches them."""
    one = redis()
    two = redis("--replicaof", f"127.0.0.1 {one.port}")
    watch = sentinel({"first": one})
    wait_for(lambda: watch.knows_replica(two), "the Sentinel knows the replica")
    wait_for(lambda: b"master_link_status:up" in two.command("INFO", "replication"), "the replica follows")
    return one, two, watch


def url(port, rest=""):
    return f"redis://127.0.0.1:{port}{rest}"


def test_a_failover(pair, fleet):  # noqa: F811
    """The first Sentinel of the list is gone, too."""
    one, two, watch = pair
    f = fleet(None, requests(60, on_loss="closed"), counters={"redis": [url(free_port()), url(watch.port)], "deadline": "1s"})
    f.up_everywhere()
    f.know_each_other(one)
    assert f.calls(30) == {200: 30}
    one.kill()
    got = f.calls(8)
    assert set(got) <= {200, 503} and f.n_calls == 30 + got.get(200, 0)
    wait_for(lambda: watch.master() == two.port, "the replica is the server now", 60)
    f.up_everywhere()
    never_more(f, 60)
    assert len(two.counters()) == 1


def test_a_failover_that_is_wanted(pair, fleet):  # noqa: F811
    """The old server lives on as a replica: nobody counts there any more. With counters.wait no call is refused."""
    one, two, watch = pair
    f = fleet(None, requests(60, on_loss="closed"), counters={"redis": [url(watch.port, "/first")], "deadline": "10s", "wait": "60s"})
    f.up_everywhere()
    f.know_each_other(one)
    assert f.calls(30) == {200: 30}
    assert watch.command("SENTINEL", "FAILOVER", "first") == "OK"
    wait_for(lambda: b"role:slave" in one.command("INFO", "replication"), "the old server is a replica", 60)
    assert f.calls(40) == {200: 30, 429: 10}
    assert f.n_calls == 60
    assert [c["u"] for c in two.counters()] == [60]


def test_a_server_with_a_password_behind_a_sentinel_without(redis, sentinel, fleet):  # noqa: F811
    server = redis("--requirepass", "right")
    server.password = "right"
    watch = sentinel({"first": server, "other": server}, password="right")
    path = server.dir / "password"
    path.write_text("right\n")
    f = fleet(None, requests(5), counters={"redis": [url(watch.port, "/other/3")], "password": {"file": str(path)}})
    assert f.calls(8) == {200: 5, 429: 3}
    assert b"db3:" in server.command("INFO", "keyspace")


def refused_start(sluice, redis_list):
    daemon = sluice({"endpoints": [chat_route("http://127.0.0.1:9/v1", limits=requests(1))], "counters": {"redis": redis_list}}, ready=False)
    assert daemon.proc.wait(20) == 1
    for t in daemon.readers:
        t.join(20)
    daemon.stopped = True
    return daemon.stderr


def test_lists_that_lead_nowhere(redis, sentinel, sluice):  # noqa: F811
    one, two = redis(), redis()
    watch = sentinel({"first": one, "second": two})
    assert "this Sentinel watches several servers: name one" in refused_start(sluice, [url(watch.port)])
    assert "this Sentinel knows no server of that name: third" in refused_start(sluice, [url(watch.port, "/third")])
    assert "it is neither a Sentinel nor a node of a cluster" in refused_start(sluice, [url(one.port)])
    assert "it is a Sentinel: write counters.redis as a list" in refused_start(sluice, url(watch.port))

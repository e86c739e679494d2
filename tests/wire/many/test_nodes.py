# SPDX-License-Identifier: Apache-2.0
"""The nodes of one database: who they are, how far each is, that no two have one name, and changes that wait for all."""
import calendar
import glob
import json
import signal
import subprocess
import time

import pytest

from conftest import ADMIN, SECRET
from harness import BIN, DEADLINE, SANITIZED, wait_for
from test_postgres import AUDIT, FILE, GROUPS, KEYS, MAKE, MOCK, OWN, ask, do, end, make, refused, soon

NODES = "/api/sluice/v1/nodes"


def nodes(daemon):
    return {n["name"]: n for n in do(daemon, "GET", NODES, None, 200).json()["nodes"]}


def kill(daemon):
    daemon.proc.kill()
    daemon.proc.wait(DEADLINE)
    daemon.stopped = True


def database(store):
    return store.rsplit("/", 1)[1]


def test_nodes_know_each_other_and_how_far_each_is(node, store):
    a, b = node(store, {**FILE, "node": "a"}), node(store, {**FILE, "node": "b"})
    make(a, "made")
    soon(lambda: {n["change"] for n in nodes(b).values()} == {1}, "both say that they have the change")
    seen = nodes(a)
    assert list(seen) == ["a", "b"] and [n["is_self"] for n in seen.values()] == [True, False]
    version = subprocess.run([BIN, "version"], capture_output=True, text=True).stdout.split()[1]
    for n in seen.values():
        assert (n["version"], n["store"], n["counters"], n["draining"], n["live"]) == (version, "up", "local", False, True)
        assert n["started_at"] <= n["seen_at"]
    end(b)
    assert list(nodes(a)) == ["a"]  # it has said that it ends


def test_the_command_shows_them(node, store):
    a = node(store, {**FILE, "node": "a"})
    node(store, {**FILE, "node": "b"})
    run = lambda *words: subprocess.run([BIN, "nodes", *words, "--server", a.url], capture_output=True, text=True, timeout=DEADLINE, env={"SLUICE_KEY": ADMIN, "PATH": ""})
    done = run()
    assert done.returncode == 0 and [line.split("\t")[0] for line in done.stdout.splitlines()] == ["a", "b"], done.stderr
    assert [n["name"] for n in json.loads(run("--json").stdout)["nodes"]] == ["a", "b"]


def test_a_node_has_its_name_of_the_host_and_its_directory(node, store):
    a = node(store, FILE)
    name, = nodes(a)
    assert name.rsplit("-", 1)[1] == (a.data / "node.id").read_text()
    end(a)
    assert list(nodes(node(store, FILE, data=a.data))) == [name]


def test_a_second_node_of_one_name_does_not_start(node, store, tmp_path):
    a = node(store, {**FILE, "node": "same"})
    text = refused(tmp_path, {"store": {"postgres": "$THE_STORE"}, "node": "same", "endpoints": []}, store, SLUICE_SECRET_KEY=SECRET)
    assert "a node named 'same' runs already with this database" in text and "`node`" in text
    assert nodes(a)["same"]["is_self"] and do(a, "POST", MAKE, {"name": "made", **MOCK}).status == 200
    end(a)
    node(store, {**FILE, "node": "same"})  # the name is free at once


def test_a_killed_node_has_its_name_again_at_once(node, store):
    a = node(store, {**FILE, "node": "same"})
    kill(a)
    again = node(store, {**FILE, "node": "same"}, data=a.data)
    assert list(nodes(again)) == ["same"]
    kill(again)
    assert list(nodes(node(store, {**FILE, "node": "same"}, data=a.data))) == ["same"]


def test_the_name_of_a_node_that_died_is_free_after_a_while(node, store, postgres_shared):
    kill(node(store, {**FILE, "node": "same"}))
    postgres_shared.sql("UPDATE sluice.nodes SET seen_usec = seen_usec - 16000000", database(store))
    assert list(nodes(node(store, {**FILE, "node": "same"}))) == ["same"]


def test_a_node_whose_name_was_taken_meanwhile_says_so(node, store, postgres_shared):
    a = node(store, {**FILE, "node": "same"})
    make(a, "made")
    postgres_shared.sql("UPDATE sluice.nodes SET instance = instance + 1", database(store))
    soon(lambda: "a node named 'same' runs already" in a.stderr, "it says so")
    assert do(a, "POST", MAKE, {"name": "later", **MOCK}).status == 503 and ask(a, "made") == 200
    postgres_shared.sql("DELETE FROM sluice.nodes", database(store))
    soon(lambda: do(a, "POST", MAKE, {"name": "later", **MOCK}).status == 200, "the name is free again")


def test_a_node_that_is_silent_is_shown_as_that(node, store, postgres_shared):
    a, b = node(store, {**FILE, "node": "a"}), node(store, {**FILE, "node": "b"})
    b.proc.send_signal(signal.SIGSTOP)
    try:
        for usec, state in ((6000000, ("down", True)), (10000000, ("down", False))):
            postgres_shared.sql(f"UPDATE sluice.nodes SET seen_usec = seen_usec - {usec} WHERE name = 'b'", database(store))
            n = nodes(a)["b"]
            assert (n["store"], n["live"]) == state
    finally:
        b.proc.send_signal(signal.SIGCONT)
    soon(lambda: nodes(a)["b"]["store"] == "up", "it is back")


def test_a_node_that_drains_is_shown_as_that(node, store):
    a = node(store, {**FILE, "node": "a"})
    b = node(store, {**FILE, "node": "b", "server": {"timeouts": {"drain_delay": "60s"}}})
    b.proc.send_signal(signal.SIGTERM)
    soon(lambda: nodes(a)["b"]["draining"], "it says that it drains")
    b.proc.send_signal(signal.SIGTERM)
    b.proc.wait(DEADLINE)
    b.stopped = True
    assert "b" not in nodes(a)


@pytest.mark.skipif(SANITIZED, reason="a preloaded library comes before the sanitizer's")
@pytest.mark.parametrize("off", ["+3600", "-3600"])
def test_nodes_whose_clocks_differ_by_an_hour(node, store, off):
    """Only the database's clock counts."""
    library, = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    a = node(store, {**FILE, "node": "a"}, env={"LD_PRELOAD": library, "FAKETIME": off, "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    b = node(store, {**FILE, "node": "b"})
    assert {n: (x["store"], x["live"]) for n, x in nodes(b).items()} == {"a": ("up", True), "b": ("up", True)}
    reply = do(a, "POST", MAKE, {"name": "made", **MOCK}, 200).json()
    assert reply["name"] == "made"
    soon(lambda: ask(b, "made") == 200, "the route")
    late = lambda text: calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.time()
    assert all(abs(late(n["seen_at"])) < 600 for n in nodes(a).values())
    assert abs(late(do(a, "GET", AUDIT).json()["audit"][0]["time"]) - int(off)) < 600  # the node's own clock is off


def test_a_store_of_its_own_has_one_node(sluice, tmp_path):
    alone = sluice({"node": "here", **FILE}, args=["--data", str(tmp_path / "data")])
    one, = alone.call("GET", NODES).json()["nodes"]
    assert (one["name"], one["is_self"], one["store"], one["counters"], one["live"], one["change"]) == ("here", True, "up", "local", True, 0)
    reply = alone.call("POST", MAKE, {"name": "made", **MOCK})
    assert reply.status == 200
    assert alone.call("GET", NODES).json()["nodes"][0]["change"] == 1
    assert not (tmp_path / "data" / "node.id").exists() and not (tmp_path / "data" / "node.run").exists()

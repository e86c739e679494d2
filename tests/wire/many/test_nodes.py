# SPDX-License-Identifier: Apache-2.0
"""The nodes of one database: who they are, how far each is, that no two have one name, and changes that wait for all."""
import calendar
import glob
import json
import signal
import subprocess
import threading
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
    reply = do(a, "POST", f"{MAKE}?wait=all", {"name": "made", **MOCK}, 200).json()
    assert "pending" not in reply and ask(b, "made") == 200
    late = lambda text: calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) - time.time()
    assert all(abs(late(n["seen_at"])) < 600 for n in nodes(a).values())
    assert abs(late(do(a, "GET", AUDIT).json()["audit"][0]["time"]) - int(off)) < 600  # the node's own clock is off


# --- changes that wait ---

CHANGES = [
    ("POST", MAKE, {"name": "made", **MOCK}, lambda n: ask(n, "made") == 200),
    ("PUT", f"{OWN}/made", {**MOCK, "model": {"provider": "mock", "name": "other"}}, None),
    ("PUT", f"{OWN}/fixed/limits", {"limits": [{"requests": 0, "per": "minute"}]}, lambda n: ask(n) == 429),
    ("POST", "/api/2.0/gateway/limits/", {"route": "fixed", "limits": []}, lambda n: ask(n) == 200),
    ("POST", GROUPS, {"name": "team"}, None),
    ("PUT", f"{GROUPS}/team", {"limits": [{"concurrent": 5}]}, None),
    ("DELETE", f"{GROUPS}/team", None, None),
    ("POST", KEYS, {"name": "k", "principal": "p", "role": "query"}, None),
    ("PUT", f"{KEYS}/key-1", {"name": "other", "principal": "p", "role": "query"}, None),
    ("DELETE", f"{KEYS}/key-1", None, None),
    ("DELETE", f"{OWN}/made", None, lambda n: ask(n, "made") == 404),
]


def test_a_change_that_waits_is_in_force_on_all_nodes(node, store):
    three = [node(store, {**FILE, "node": name}) for name in "abc"]
    for method, path, body, holds in CHANGES:
        reply = do(three[0], method, f"{path}?wait=all", body)
        assert reply.status in (200, 201) and b"pending" not in reply.body, (path, reply.body)
        number = nodes(three[0])["a"]["change"]
        assert all(n["change"] >= number for n in nodes(three[0]).values())
        assert not holds or all(holds(n) for n in three), path
    reply = do(three[0], "DELETE", f"{OWN}/none?wait=all")
    assert reply.status == 404
    for word in ("", "none", "ALL"):
        assert b"wait: must be all" in do(three[0], "POST", f"{MAKE}?wait={word}", {"name": "x", **MOCK}, 400).body
    assert ask(three[1], "x") == 404


def test_a_node_that_stands_still_is_named(node, store):
    groups = {"groups": [{"name": "acme"}]}
    a, b = node(store, {**FILE, **groups, "node": "a"}), node(store, {**FILE, **groups, "node": "b"})
    boss = do(a, "POST", KEYS, {"name": "boss", "group": "acme", "role": "admin"}, 201).json()["key"]
    b.proc.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    replies, theirs = [], []
    try:
        threads = [threading.Thread(target=lambda args=args: replies.append(do(a, *args))) for args in
                   (("POST", f"{MAKE}?wait=all", {"name": "made", **MOCK}), ("POST", f"{KEYS}?wait=all", {"name": "k", "principal": "p", "role": "query"}), ("DELETE", f"{OWN}/none?wait=all"))]
        threads.append(threading.Thread(target=lambda: theirs.append(a.call("POST", f"{KEYS}?wait=all", {"name": "k", "group": "acme", "role": "query"}, [("Authorization", f"Bearer {boss}")]))))
        for t in threads:
            t.start()
        assert do(a, "POST", MAKE, {"name": "beside", **MOCK}).status == 200  # nobody waits for those that wait
        assert time.monotonic() - begun < 5
        for t in threads:
            t.join(DEADLINE)
        took = time.monotonic() - begun
    finally:
        b.proc.send_signal(signal.SIGCONT)
    found = {r.status: r.json().get("pending") for r in replies}
    assert found == {200: ["b"], 201: ["b"], 404: None} and took >= 5, (found, took)
    assert (theirs[0].status, theirs[0].json()["pending"]) == (201, ["*"])  # a key in a group may not list the nodes
    assert all(ask(a, name) == 200 for name in ("made", "beside"))
    soon(lambda: ask(b, "made") == 200, "it catches up")
    assert "pending" not in do(a, "DELETE", f"{OWN}/made?wait=all", None, 200).json()


def test_a_change_that_waits_is_answered_when_the_node_ends_or_the_database_goes(node, postgres_own):
    url = postgres_own.database("waits")
    a, b = node(url, {**FILE, "node": "a"}), node(url, {**FILE, "node": "b"})
    b.proc.send_signal(signal.SIGSTOP)
    replies = []
    try:
        thread = threading.Thread(target=lambda: replies.append(do(a, "POST", f"{MAKE}?wait=all", {"name": "made", **MOCK})))
        thread.start()
        wait_for(lambda: postgres_own.sql("SELECT count(*) FROM sluice.routes", "waits") == [["1"]], "it is made")
        postgres_own.stop(signal.SIGKILL)
        thread.join(DEADLINE)
    finally:
        b.proc.send_signal(signal.SIGCONT)
    assert replies[0].status == 200 and replies[0].json()["pending"] in (["*"], ["b"]), replies[0].body


def test_a_store_of_its_own_has_one_node(sluice, tmp_path):
    alone = sluice({"node": "here", **FILE}, args=["--data", str(tmp_path / "data")])
    one, = alone.call("GET", NODES).json()["nodes"]
    assert (one["name"], one["is_self"], one["store"], one["counters"], one["live"], one["change"]) == ("here", True, "up", "local", True, 0)
    reply = alone.call("POST", f"{MAKE}?wait=all", {"name": "made", **MOCK})
    assert reply.status == 200 and "pending" not in reply.json()
    assert alone.call("GET", NODES).json()["nodes"][0]["change"] == 1
    assert not (tmp_path / "data" / "node.id").exists() and not (tmp_path / "data" / "node.run").exists()


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_nodes_behind_a_pooler(node, store, postgres_shared, pgbouncer, mode):
    pooled = postgres_shared.url(database(store), pgbouncer(mode).port)
    both = {"SLUICE_SECRET_KEY_NEW": "e" * 64}
    a, b = node(pooled, {**FILE, "node": "a"}, env=both), node(pooled, {**FILE, "node": "b"}, env=both)
    reply = do(a, "POST", f"{MAKE}?wait=all", {"name": "made", **MOCK}, 200)
    assert b"pending" not in reply.body and ask(b, "made") == 200
    assert {n["store"] for n in nodes(b).values()} == {"up"} and list(nodes(a)) == ["a", "b"]
    assert do(b, "POST", "/api/sluice/v1/secret/rotate", {}, 200).json() == {"routes": 1}
    make(a, "later")
    soon(lambda: ask(b, "later") == 200, "the route under the new key")
    assert [ask(d) for d in (a, b, a)] == [200] * 3
    soon(lambda: postgres_shared.sql("SELECT sum(requests) FROM sluice.usage", database(store)) == [["5"]], "each call once")

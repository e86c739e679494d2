# SPDX-License-Identifier: Apache-2.0
"""Usage on a database that nodes share: each call counts once, whoever is killed on the way. What a node had not taken
from its workers when it is killed is lost, at most that of half a second: so each test waits until a last call is kept."""
import random
import signal

from harness import wait_for
from test_nodes import kill
from test_postgres import ask, do, end, metric, soon

NAMES = ["fixed", *(f"last-{i}" for i in range(40))]
CONFIG = {"endpoints": [{"name": name, "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}} for name in NAMES]}


def usage(daemon):
    reply = do(daemon, "GET", "/api/sluice/v1/usage?by=route")
    return {row["route"]: row["requests"] for row in reply.json()["usage"]} if reply.status == 200 else {}


def spool(daemon):
    path = daemon.data / "usage.spool"
    return path.read_bytes() if path.exists() else b""


def make_calls(daemon, n, names):
    """The last of them is kept when this returns; how many there were."""
    last = next(names)
    assert [ask(daemon) for _ in range(n)] == [200] * n and ask(daemon, last) == 200
    wait_for(lambda: last.encode() in spool(daemon) or last in usage(daemon), "the last call is kept")
    return n + 1


def test_usage_waits_in_the_directory_while_the_database_is_away(node, postgres_own):
    """The node is killed twice meanwhile, and ends in order once."""
    url = postgres_own.database("waits")
    names = iter(NAMES[1:])
    a = node(url, CONFIG)
    n = make_calls(a, 3, names)
    soon(lambda: postgres_own.sql("SELECT sum(requests) FROM sluice.usage", "waits") == [[str(n)]], "they are written")
    soon(lambda: not spool(a), "nothing waits")
    postgres_own.stop(signal.SIGKILL)
    soon(lambda: metric(a, "sluice_store_up") == [0.0], "the loss is seen")
    for i in range(3):
        n += make_calls(a, 4, names)
        if i < 2:
            kill(a)
        else:
            end(a)
            assert "the usage of 15 calls waits in the data directory for the next start" in a.stderr
        a = node(url, CONFIG, data=a.data)
        assert f"the usage of {5 * (i + 1)} calls that the process before this one left" in a.stderr
    postgres_own.start()
    soon(lambda: sum(usage(a).values()) == n, "each call once")
    soon(lambda: postgres_own.sql("SELECT sum(requests) FROM sluice.usage", "waits") == [[str(n)]], "they are written")
    soon(lambda: not spool(a), "nothing waits")


def test_each_call_counts_once_while_all_are_killed(node, postgres_own):
    url = postgres_own.database("kills")
    names = iter(NAMES[1:])
    nodes = [node(url, CONFIG), node(url, CONFIG)]
    rng = random.Random(4711)
    n = 0
    for what in rng.sample(["database", "node", "both", "both", "node", "nothing"] * 2, 12):
        i = rng.randrange(2)
        n += make_calls(nodes[i], rng.randrange(4), names)
        if what in ("database", "both"):
            postgres_own.stop(signal.SIGKILL)
            n += make_calls(nodes[i], rng.randrange(4), names)
        if what in ("node", "both"):
            kill(nodes[i])
        if what in ("database", "both"):
            postgres_own.start()
        if what in ("node", "both"):
            nodes[i] = node(url, CONFIG, data=nodes[i].data)
    for daemon in nodes:
        soon(lambda d=daemon: metric(d, "sluice_store_up") == [1.0], "the database is there")
        end(daemon)
    assert postgres_own.sql("SELECT sum(requests) FROM sluice.usage", "kills") == [[str(n)]]
    assert not any(spool(daemon) for daemon in nodes)


def test_a_node_that_got_another_name_counts_once(node, postgres_own, store):
    """It is killed with its transaction in the database, which it has not heard of."""
    names = iter(NAMES[1:])
    config = {**CONFIG, "node": "one"}
    url = postgres_own.database("named")
    a = node(url, config)
    n = make_calls(a, 2, names)
    soon(lambda: postgres_own.sql("SELECT sum(requests) FROM sluice.usage", "named") == [[str(n)]], "they are written")
    frozen = make_calls(a, 2, names)
    wait_for(lambda: postgres_own.sql("SELECT sum(requests) FROM sluice.usage", "named") == [[str(n + frozen)]], "they are written, too")
    kill(a)  # perhaps before it has seen that
    b = node(url, {**CONFIG, "node": "two"}, data=a.data)
    n += frozen + make_calls(b, 1, names)
    end(b)
    assert postgres_own.sql("SELECT sum(requests) FROM sluice.usage", "named") == [[str(n)]]


def test_a_node_without_a_directory_has_no_file(node, postgres_own, tmp_path):
    url = postgres_own.database("none")
    a = node(url, CONFIG, data="none")
    assert ask(a) == 200
    postgres_own.stop(signal.SIGKILL)
    soon(lambda: metric(a, "sluice_store_up") == [0.0], "the loss is seen")
    assert ask(a) == 200
    wait_for(lambda: metric(a, "sluice_usage_waiting") >= [1.0], "it waits in memory")
    end(a)
    assert "could not be written and is lost" in a.stderr


def test_names_with_all_that_has_a_meaning_elsewhere(node, store, postgres_shared):
    who = ['a"b', "c\\d", "{e,f}", "NULL", "'); DROP TABLE usage; --", "ü €"]
    a = node(store, CONFIG)
    keys = [do(a, "POST", "/api/sluice/v1/keys", {"name": "k", "principal": name, "role": "query"}, 201).json()["key"] for name in who]
    for i, key in enumerate(keys):
        assert [ask(a, "fixed", key) for _ in range(i + 1)] == [200] * (i + 1)
    database = store.rsplit("/", 1)[1]
    soon(lambda: postgres_shared.sql("SELECT sum(requests) FROM sluice.usage", database) == [["21"]], "all calls")
    for daemon in (a, node(store, CONFIG)):
        rows = do(daemon, "GET", "/api/sluice/v1/usage?by=principal").json()["usage"]
        assert {row["principal"]: row["requests"] for row in rows} == {name: i + 1 for i, name in enumerate(who)}
    n, = postgres_shared.sql("SELECT (SELECT value FROM sluice.meta WHERE key = 'usage_minutes') - count(*) FROM sluice.usage", database)[0]
    assert n == "0"  # how many rows there are is known without counting

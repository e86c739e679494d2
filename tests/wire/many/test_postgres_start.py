# SPDX-License-Identifier: Apache-2.0
"""Starts at once on an empty database, an upgrade node by node, and what a database may do to those that run."""
import os
import random
import string
import subprocess
import threading
import time

import pytest

from conftest import ADMIN, SECRET
from harness import DEADLINE, wait_for
from postgres import BINARIES, Postgres
from test_nodes import database, nodes
from test_postgres import FILE, MAKE, MOCK, OWN, ask, do, end, holder_of, make, metric, refused, soon

LOCK = 1397511491
# Takes back the last migration of src/store/postgres/schema.c.
UNDO = "DROP TABLE sluice.nodes"


def test_many_start_at_once_on_an_empty_database(node, store, postgres_shared):
    """One makes the schema, the others wait for it."""
    started = []
    threads = [threading.Thread(target=lambda i=i: started.append(node(store, {**FILE, "node": f"n{i}"}))) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(started) == 4, started
    assert len(nodes(started[0])) == 4
    assert sum("was brought from version 0" in daemon.stderr for daemon in started) >= 1
    make(started[0], "made")
    for daemon in started:
        soon(lambda d=daemon: ask(d, "made") == 200, "the route")


def test_a_start_waits_for_a_migration_that_runs(node, store, postgres_shared):
    holder = subprocess.Popen([BINARIES / "psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(postgres_shared.port), "-U", "postgres", "-d", database(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holder.stdin.write(f"BEGIN; SELECT pg_advisory_xact_lock({LOCK}); SELECT 'locked';\n")
    holder.stdin.flush()
    while "locked" not in holder.stdout.readline():
        pass
    started = []
    thread = threading.Thread(target=lambda: started.append(node(store, FILE)))
    thread.start()
    wait_for(lambda: postgres_shared.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", database(store)) != [["0"]], "the start waits")
    assert not started
    holder.stdin.write("COMMIT;\n")
    holder.stdin.close()
    assert holder.wait(DEADLINE) == 0
    thread.join(DEADLINE)
    make(started[0], "made")


# --- an upgrade, node by node ---

def test_a_newer_version_beside_this_one(node, store, postgres_shared):
    """It has added a table and columns, as its migrations may, and writes kinds of changes that are not known here."""
    a = node(store, FILE)
    make(a, "made")
    postgres_shared.sql("BEGIN; ALTER TABLE sluice.routes ADD COLUMN note text NOT NULL DEFAULT ''; ALTER TABLE sluice.nodes ADD COLUMN zone text NOT NULL DEFAULT ''; "
                        "CREATE TABLE sluice.later (id bigint); UPDATE sluice.meta SET value = value + 1 WHERE key = 'schema'; "
                        "INSERT INTO sluice.changes (number, token, kind, name, id) VALUES (2, 7, 4711, 'what', 1); UPDATE sluice.meta SET value = 2 WHERE key = 'change'; COMMIT", database(store))
    soon(lambda: metric(a, "sluice_store_change") == [2.0], "what is not known is passed over")
    b = node(store, FILE)  # this version may start beside the newer one, too
    make(b, "later")
    soon(lambda: ask(a, "later") == 200 and ask(b, "made") == 200, "both serve")
    assert "everything is read anew" not in a.stderr


def test_a_schema_of_the_version_before_is_brought_up_while_it_serves(node, store, postgres_shared):
    """As the first node of an upgrade finds it: without what the last migration makes (UNDO). An old node goes on."""
    end(node(store, FILE))
    last, = postgres_shared.sql("SELECT value FROM sluice.meta WHERE key = 'schema'", database(store))[0]
    postgres_shared.sql(f"BEGIN; {UNDO}; UPDATE sluice.meta SET value = value - 1 WHERE key = 'schema'; COMMIT", database(store))
    writer = holder_of(postgres_shared, database(store), "SELECT value FROM meta WHERE key = 'change' FOR UPDATE")  # an old node writes
    b = node(store, FILE)  # the migration waits for nobody who writes rows
    writer.stdin.write("UPDATE meta SET value = 1 WHERE key = 'change'; INSERT INTO changes (number, token, kind, name, id) VALUES (1, 7, 2, 'fixed', 0); "
                       "INSERT INTO limits VALUES ('fixed', 1, '[{\"requests\":0,\"per\":\"minute\"}]'); COMMIT;\n")
    writer.stdin.close()
    assert writer.wait(DEADLINE) == 0
    assert postgres_shared.sql("SELECT value FROM sluice.meta WHERE key = 'schema'", database(store)) == [[last]]
    soon(lambda: ask(b) == 429, "what the old node wrote")


def test_a_version_that_is_too_old_says_so_while_it_runs(node, store, postgres_shared):
    """Two releases later a migration may take away what it needs."""
    a = node(store, FILE)
    make(a, "made")
    postgres_shared.sql("UPDATE sluice.meta SET value = 98 WHERE key = 'schema_least'", database(store))
    postgres_shared.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gateway' AND datname = current_database()", database(store))
    soon(lambda: "a newer version of sluice made the database's schema" in a.stderr, "it says so")
    assert ask(a, "made") == 200 and do(a, "POST", MAKE, {"name": "x", **MOCK}).status == 503


# --- a database that does not do what it should ---

def test_a_statement_that_hangs_is_ended_in_time(node, store, postgres_shared):
    a, b = node(store, FILE), node(store, FILE)
    make(a, "made")
    soon(lambda: ask(b, "made") == 200, "the route")
    postgres_shared.sql("CREATE FUNCTION sluice.hang() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$; "
                        "CREATE TRIGGER hang BEFORE INSERT ON sluice.routes FOR EACH ROW EXECUTE FUNCTION sluice.hang()", database(store))
    begun = time.monotonic()
    assert do(a, "POST", MAKE, {"name": "late", **MOCK}).status == 503
    assert time.monotonic() - begun < DEADLINE and ask(a, "made") == 200
    postgres_shared.sql("DROP TRIGGER hang ON sluice.routes", database(store))
    soon(lambda: do(a, "POST", MAKE, {"name": "late", **MOCK}).status == 200, "it goes on")
    soon(lambda: ask(b, "late") == 200, "on both")


@pytest.fixture
def small_disk():
    server = Postgres(disk="160m")
    yield server
    server.close()


def test_a_disk_that_is_full(node, small_disk):
    url = small_disk.database("brimful")
    a = node(url, FILE)
    make(a, "made")
    assert ask(a, "made") == 200
    with open(small_disk.dir / "filler", "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"\0" * 65536)
        except OSError:
            pass
    config = {"openai_api_key": "sk-" + "".join(random.Random(4711).choices(string.ascii_letters, k=6000))}
    big = {"route_type": "llm/v1/chat", "model": {"provider": "openai", "name": "m", "config": config}}
    n_made = 0
    while (reply := do(a, "POST", MAKE, {"name": f"big-{n_made}", **big})).status == 200:
        n_made += 1
        assert n_made < 3000, "the disk is not full"
    assert reply.status == 503, reply.body
    assert [ask(a, "made") for _ in range(3)] == [200] * 3
    os.unlink(small_disk.dir / "filler")
    if small_disk.proc.poll() is not None:
        small_disk.start()
    soon(lambda: do(a, "POST", MAKE, {"name": "later", **MOCK}).status in (200, 409), "there is room again")
    assert all(ask(a, name) == 200 for name in ("made", "later"))
    total = lambda: sum(row["requests"] for row in do(a, "GET", "/api/sluice/v1/usage?by=route").json().get("usage", []))
    soon(lambda: total() == 6, "each call once")


def test_a_standby_is_promoted(node, postgres_own):
    """Streaming replication that waits for the standby: what was answered with 200 is there after the switch."""
    url = postgres_own.database("pair")
    standby = postgres_own.standby()
    try:
        both = url.replace(f":{postgres_own.port}/", f":{postgres_own.port},127.0.0.1:{standby.port}/")
        a, b = node(both, {**FILE, "node": "a"}), node(both, {**FILE, "node": "b"})
        answers = {}

        def write(daemon, who):
            for i in range(1000):
                answers[f"w{who}-{i}"] = status = do(daemon, "POST", MAKE, {"name": f"w{who}-{i}", **MOCK}).status
                if status != 200:
                    return

        threads = [threading.Thread(target=write, args=args) for args in ((a, 1), (b, 2))]
        for t in threads:
            t.start()
        wait_for(lambda: len(answers) > 20, "some are made")
        postgres_own.stop(9)
        for t in threads:
            t.join()
        standby.promote()
        soon(lambda: do(a, "POST", MAKE, {"name": "later", **MOCK}).status == 200, "the promoted server takes the writes")
        soon(lambda: ask(b, "later") == 200 and set(nodes(b)) == {"a", "b"}, "both nodes are there")
        stored = {name for name, in standby.sql("SELECT name FROM sluice.routes", "pair")}
        assert {name for name, status in answers.items() if status == 200} <= stored
        for daemon in (a, b):
            assert all(ask(daemon, name) == (200 if name in stored else 404) for name in answers)
        assert "everything is read anew" not in a.stderr + b.stderr
    finally:
        standby.close()

# SPDX-License-Identifier: Apache-2.0
"""Several daemons on one PostgreSQL: what one changes is in force on all, whoever is stopped in between."""
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import pytest
import yaml

from conftest import ADMIN, SECRET
from harness import BIN, CHAT, DEADLINE, wait_for
from postgres import BINARIES

KEYS, GROUPS, AUDIT, OWN, LIMITS = (f"/api/sluice/v1/{name}" for name in ("keys", "groups", "audit", "routes", "limits"))
MAKE = "/api/2.0/gateway/routes/"
MOCK = {"route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}
FILE = {"endpoints": [{"name": "fixed", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}]}
# What the design promises with LISTEN is far less; a busy machine is slower.
SOON = 10


def bearer(key=ADMIN):
    return [("Authorization", f"Bearer {key}")]


def ask(daemon, route="fixed", key=ADMIN):
    return daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route}, bearer(key)).status


def do(daemon, method, path, body=None, status=None):
    reply = daemon.call(method, path, body, bearer())
    assert status is None or reply.status == status, (reply.status, reply.body)
    return reply


def make(daemon, name):
    do(daemon, "POST", MAKE, {"name": name, **MOCK}, 200)


def make_key(daemon, **more):
    return do(daemon, "POST", KEYS, {"name": "k", "principal": "p", "role": "query", **more}, 201).json()


def end(daemon):
    daemon.stop()
    daemon.stopped = True


def soon(condition, what):
    return wait_for(condition, what, SOON)


def metric(daemon, name):
    text = daemon.call("GET", "/metrics", None, bearer()).body.decode()
    return [float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} ")]


def maps(daemon):
    return pathlib.Path(f"/proc/{daemon.proc.pid}/maps").read_text()


def holder_of(server, database, statement):
    """A session that holds the locks of the statement until its input ends."""
    holder = subprocess.Popen([BINARIES / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-d", database],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    holder.stdin.write(f"BEGIN; SET search_path = sluice; {statement}; SELECT 'locked';\n")
    holder.stdin.flush()
    while "locked" not in holder.stdout.readline():
        pass
    return holder


def test_what_one_node_changes_is_in_force_on_all(node, store):
    a, b = node(store, FILE), node(store, FILE)
    make(a, "made")
    assert ask(a, "made") == 200  # in force here when the answer comes
    soon(lambda: ask(b, "made") == 200, "the route on the other node")
    key = make_key(b)
    soon(lambda: ask(a, "made", key["key"]) == 200, "the key on the other node")
    do(a, "PUT", f"{OWN}/made", {**MOCK, "model": {"provider": "mock", "name": "other"}}, 200)
    soon(lambda: do(b, "GET", f"{OWN}/made").json()["model"]["name"] == "other", "the replaced route")
    do(b, "PUT", f"{OWN}/fixed/limits", {"limits": [{"requests": 0, "per": "minute"}]}, 200)
    soon(lambda: ask(a) == 429, "the limit of a route of the file")
    do(a, "PUT", f"{OWN}/fixed/limits", {"limits": []}, 200)
    soon(lambda: ask(b) == 200, "the limit is gone")
    do(a, "DELETE", f"{KEYS}/{key['id']}", None, 200)
    assert ask(a, "made", key["key"]) == 401
    soon(lambda: ask(b, "made", key["key"]) == 401, "the revoked key is dead everywhere")
    do(b, "DELETE", f"{OWN}/made")
    soon(lambda: ask(a, "made") == 404, "the deleted route")
    do(a, "POST", GROUPS, {"name": "team"}, 201)
    member = soon(lambda: (r := do(b, "POST", KEYS, {"name": "m", "role": "query", "group": "team"})).status == 201 and r.json(), "a key in the group of the other node")
    soon(lambda: ask(a, "fixed", member["key"]) == 200, "that key")
    assert do(a, "DELETE", f"{GROUPS}/team").status == 409
    actions = [[row["action"] for row in do(n, "GET", AUDIT).json()["audit"]] for n in (a, b)]
    assert actions[0] == actions[1] and {"route.create", "route.replace", "route.delete", "key.create", "key.revoke", "limits.set", "group.create"} <= set(actions[0])


def test_a_later_node_reads_what_was_made_before(node, store):
    a = node(store, FILE)
    make(a, "made")
    key = make_key(a)["key"]
    end(a)
    b = node(store, FILE)
    assert ask(b, "made", key) == 200 and not (b.data / "sluice.db").exists() and not (b.data / "admin.key").exists()
    assert not (b.data / "secret.key").exists()


def test_writers_of_two_nodes_at_once_leave_no_gap(node, store, postgres_shared):
    nodes = [node(store), node(store)]
    failed = []

    def write(daemon, who):
        conn = daemon.connect()
        for i in range(25):
            reply = conn.request("POST", MAKE, {"name": f"{who}-{i}", **MOCK}, bearer()).reply()
            if reply.status != 200:
                failed.append(reply.body)

    threads = [threading.Thread(target=write, args=(nodes[i % 2], f"w{i}")) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed
    want = {f"w{w}-{i}" for w in range(6) for i in range(25)}
    for daemon in nodes:
        soon(lambda d=daemon: all(ask(d, f"w{w}-24") == 200 for w in range(6)), "all routes")
    database = store.rsplit("/", 1)[1]
    numbers = [int(n) for n, in postgres_shared.sql("SELECT number FROM sluice.changes ORDER BY number", database)]
    assert numbers == list(range(151))
    assert postgres_shared.sql("SELECT value FROM sluice.meta WHERE key = 'change'", database) == [["150"]]
    for daemon in nodes:
        assert all(ask(daemon, name) == 200 for name in sorted(want)[::10])


def test_a_slow_transaction_holds_others_up_and_loses_none(node, store, postgres_shared):
    """Were the number a sequence's, the reader would step over the row of the slow transaction."""
    a, b = node(store), node(store)
    database = store.rsplit("/", 1)[1]
    make(a, "first")
    slow = holder_of(postgres_shared, database, "SELECT value FROM meta WHERE key = 'change' FOR UPDATE")
    done = []
    thread = threading.Thread(target=lambda: done.append(do(b, "POST", MAKE, {"name": "second", **MOCK}).status))
    thread.start()
    wait_for(lambda: postgres_shared.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()", database) != [["0"]], "the other writer waits")
    assert not done
    slow.stdin.write("UPDATE limits SET version = version; INSERT INTO limits VALUES ('fixed', 2, '[]'); UPDATE meta SET value = 2 WHERE key = 'change'; "
                     "INSERT INTO changes (number, token, kind, name, id) VALUES (2, 42, 2, 'fixed', 0); COMMIT;\n")
    slow.stdin.close()
    assert slow.wait(DEADLINE) == 0
    thread.join(DEADLINE)
    assert done == [200]
    assert [r[0] for r in postgres_shared.sql("SELECT number FROM sluice.changes ORDER BY number", database)] == ["0", "1", "2", "3"]
    soon(lambda: ask(a, "second") == 200, "the change behind the slow one")


def test_a_row_that_is_locked_for_long_is_an_answer_in_time(node, store, postgres_shared):
    a = node(store)
    database = store.rsplit("/", 1)[1]
    with holder_of(postgres_shared, database, "SELECT value FROM meta WHERE key = 'change' FOR UPDATE") as holder:
        reply = do(a, "POST", MAKE, {"name": "late", **MOCK})
        assert reply.status == 503 and b"TEMPORARILY_UNAVAILABLE" in reply.body
        holder.stdin.close()
    soon(lambda: do(a, "POST", MAKE, {"name": "late", **MOCK}).status == 200, "writing works again")


def test_the_database_goes_and_comes_back(node, postgres_own):
    url = postgres_own.database("gone")
    a, b = node(url, FILE), node(url, FILE)
    make(a, "made")
    key = make_key(a)["key"]
    do(a, "POST", GROUPS, {"name": "acme"}, 201)
    tenant = make_key(a, group="acme", principal="acme/p")["key"]
    soon(lambda: ask(b, "made", key) == 200, "the key")
    postgres_own.stop(signal.SIGKILL)
    for daemon in (a, b):
        soon(lambda d=daemon: metric(d, "sluice_store_up") == [0.0], "the loss is seen")
        assert ask(daemon, "made", key) == 200 and ask(daemon, "fixed") == 200  # serving goes on
        assert daemon.call("GET", "/ready").status == 200
        for method, path, body in [("POST", MAKE, {"name": "x", **MOCK}), ("DELETE", f"{OWN}/made", None), ("POST", KEYS, {"name": "k", "principal": "p", "role": "query"}),
                                   ("GET", AUDIT, None)]:
            reply = do(daemon, method, path, body, 503)
            assert (b"This cannot be read now: " if method == "GET" else b"The change was not made: ") in reply.body
            assert b"UNAVAILABLE" in reply.body.upper() and b"not-to-be-shown" not in reply.body
        # a key or a route that another node may have made: nobody is told that it does not exist
        assert ask(daemon, "fixed", "sk-perhaps-of-another-node-0123") == 503 and ask(daemon, "unknown") == 503
    told = {who: a.call("GET", "/api/sluice/v1/usage", None, bearer(who)) for who in (tenant, ADMIN)}
    assert {reply.status for reply in told.values()} == {503}
    assert b"127.0.0.1" in told[ADMIN].body and b"127.0.0.1" not in told[tenant].body  # where the database is, is the operator's to know
    postgres_own.start()
    soon(lambda: metric(a, "sluice_store_up") == [1.0] == metric(b, "sluice_store_up"), "it is back")
    make(b, "later")
    soon(lambda: ask(a, "later") == 200, "changes arrive again")
    assert ask(a, "fixed", "sk-perhaps-of-another-node-0123") == 401 and ask(a, "unknown") == 404
    for daemon in (a, b):
        assert "not-to-be-shown" not in daemon.stderr


def test_a_database_that_stands_still_keeps_no_caller_waiting(node, postgres_own):
    url = postgres_own.database("still")
    a = node(url, FILE)
    make(a, "made")
    postgres_own.pause()
    try:
        begin = time.monotonic()
        assert do(a, "POST", MAKE, {"name": "x", **MOCK}).status == 503
        assert time.monotonic() - begin < DEADLINE
        assert ask(a, "made") == 200
    finally:
        postgres_own.go_on()
    soon(lambda: do(a, "POST", MAKE, {"name": "y", **MOCK}).status == 200, "it goes on")


def test_a_first_start_without_the_database(node, postgres_own):
    url = postgres_own.database("late")
    make(node(url, FILE), "made")
    postgres_own.stop()
    b = node(url, FILE)  # its directory has no copy
    assert b.call("GET", "/ready").status == 503 and ask(b) == 200 and ask(b, "made") == 503
    postgres_own.start()
    soon(lambda: ask(b, "made") == 200 and b.call("GET", "/ready").status == 200, "the store is read at last")


def test_a_kept_copy_stands_in_for_the_database(node, postgres_own):
    url = postgres_own.database("kept")
    a, b = node(url, FILE), node(url, FILE)
    make(a, "made")
    make(a, "gone")
    key, revoked = make_key(a)["key"], make_key(a)
    do(a, "PUT", f"{OWN}/made/limits", {"limits": [{"requests": 2, "per": "hour"}]}, 200)
    end(a)
    assert b"gpt" not in (a.data / "store.kept").read_bytes()
    do(b, "DELETE", f"{OWN}/gone")
    do(b, "DELETE", f"{KEYS}/{revoked['id']}", None, 200)
    postgres_own.stop()
    a = node(url, FILE, data=a.data)
    assert "stands in for the database" in a.stderr
    assert a.call("GET", "/ready").json()["store"] == "down"
    assert [ask(a, "made", key) for _ in range(3)] == [200, 200, 429] and ask(a, "gone") == 200 and ask(a, "fixed", revoked["key"]) == 200
    assert ask(a, "fixed", "sk-perhaps-of-another-node-0123") == 503 and do(a, "POST", MAKE, {"name": "x", **MOCK}).status == 503
    postgres_own.start()
    soon(lambda: ask(a, "gone") == 404 and ask(a, "fixed", revoked["key"]) == 401, "what was missed is read")
    soon(lambda: metric(a, "sluice_store_change") == metric(b, "sluice_store_change") == [7.0], "both reached the same change")
    assert "everything is read anew" not in a.stderr


def test_the_end_keeps_what_the_database_took_before_it_went(node, postgres_own):
    """The changes are younger than the last copy, and no copy can be made from the database any more."""
    url = postgres_own.database("last")
    a, b = node(url, FILE), node(url, FILE)
    revoked = make_key(a)
    make(a, "gone")
    do(a, "PUT", f"{OWN}/gone/limits", {"limits": [{"requests": 0, "per": "hour"}]}, 200)
    make(a, "made")
    key = make_key(a)["key"]
    do(a, "DELETE", f"{KEYS}/{revoked['id']}", None, 200)
    do(a, "PUT", f"{OWN}/made/limits", {"limits": [{"requests": 2, "per": "hour"}]}, 200)
    do(a, "DELETE", f"{OWN}/gone")
    make(a, "gone")
    make(b, "others")
    soon(lambda: ask(a, "others") == 200, "the route of the other node")
    postgres_own.stop()
    end(a)
    for _ in range(2):  # a copy that was extended is one to begin with, too
        a = node(url, FILE, data=a.data)
        assert "stands in for the database" in a.stderr
        assert [ask(a, "made", key) for _ in range(3)] == [200, 200, 429]
        assert ask(a, "gone") == 200 and ask(a, "others") == 200 and ask(a, "fixed", revoked["key"]) == 503
        end(a)
    postgres_own.start()
    a = node(url, FILE, data=a.data)
    assert ask(a, "made", key) == 200 and ask(a, "fixed", revoked["key"]) == 401


def test_the_copy_is_renewed_while_the_database_is_away(node, postgres_own):
    url = postgres_own.database("renewed")
    a = node(url, FILE)
    before = (a.data / "store.kept").read_bytes()
    make(a, "made")
    postgres_own.stop()
    soon(lambda: (a.data / "store.kept").read_bytes() != before, "the next copy")
    a.stop(signal.SIGKILL, check=False)
    a.stopped = True
    assert ask(node(url, FILE, data=a.data), "made") == 200


def cut(path):
    data = path.read_bytes()
    path.write_bytes(data[:-1])


def flip(path):
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


def old(path):
    os.utime(path, (time.time() - 90, time.time() - 90))


@pytest.mark.parametrize("fault, env, said", [(cut, {}, "is cut off"), (flip, {}, "is damaged"), (old, {}, "store.max_stale allows 60 s"),
                                             (lambda path: path.write_bytes(b"x" * 50), {}, "has not the form"),
                                             (lambda path: None, {"SLUICE_SECRET_KEY": "e" * 64}, "another secret key encrypted it"),
                                             (lambda path: (path.unlink(), path.symlink_to("elsewhere")), {}, "error store: no kept copy stands in"),
                                             (lambda path: path.unlink(), {}, "No such file")])
def test_a_copy_that_cannot_stand_in(node, store, fault, env, said):
    more = {"store": {"max_stale": "60s"}}
    a = node(store, FILE, **more)
    make(a, "made")
    end(a)
    fault(a.data / "store.kept")
    b = node("postgres://gateway@127.0.0.1:1/none", FILE, data=a.data, env=env, **more)
    assert said in b.stderr and ask(b, "made") == 503 and b.call("GET", "/ready").status == 503 and ask(b) == 200


def test_the_copy_follows_what_is_in_force(node, postgres_own):
    """Written while the node runs, because it may be killed."""
    url = postgres_own.database("follows")
    a = node(url, FILE)
    soon(lambda: (a.data / "store.kept").exists(), "the first copy")
    make(a, "made")
    before = (a.data / "store.kept").read_bytes()
    soon(lambda: (a.data / "store.kept").read_bytes() != before, "the next copy")
    a.stop(signal.SIGKILL, check=False)
    a.stopped = True
    postgres_own.stop()
    assert ask(node(url, FILE, data=a.data), "made") == 200


def test_a_restored_backup_is_read_anew(node, store, postgres_shared):
    a, b = node(store), node(store)
    database = store.rsplit("/", 1)[1]
    make(a, "kept")
    soon(lambda: ask(b, "kept") == 200, "the route")
    make(a, "lost")
    soon(lambda: ask(b, "lost") == 200, "the route")
    # as of the moment before the second change, and then another history with the same numbers
    postgres_shared.sql("BEGIN; DELETE FROM sluice.routes WHERE name = 'lost'; DELETE FROM sluice.changes WHERE number = 2; UPDATE sluice.meta SET value = 1 WHERE key = 'change'; COMMIT", database)
    soon(lambda: ask(a, "lost") == 404 and ask(b, "lost") == 404, "the backup is in force")
    assert ask(a, "kept") == 200 and "everything is read anew" in a.stderr
    postgres_shared.sql("BEGIN; DELETE FROM sluice.routes; UPDATE sluice.changes SET token = token + 1 WHERE number = 1; COMMIT", database)
    soon(lambda: ask(a, "kept") == 404 and ask(b, "kept") == 404, "another history of the same length")


def test_libpq_is_loaded_only_when_it_is_named(node, store, sluice):
    assert "libpq" not in maps(sluice(FILE)) and "libpq" in maps(node(store))


def refused(tmp_path, config, url="postgres://gateway@127.0.0.1:1/x", command="serve", **env):
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(config))
    environ = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")} | {"THE_STORE": url} | env
    more = ["--data", str(tmp_path / "data")] if command == "serve" else []
    done = subprocess.run([BIN, command, "-c", str(tmp_path / "r.yaml"), *more], capture_output=True, text=True, env=environ, timeout=DEADLINE)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


@pytest.mark.parametrize("value, said", [
    ("postgres", "must be sqlite, or a map like { postgres: $SLUICE_STORE_URL }"),
    ({}, "postgres"),
    ({"postgres": "mysql://h/d"}, "must be a URL like postgres://user:password@host:5432/database"),
    ({"postgres": "postgres://u:not-to-be-shown@h/d?colour=red"}, "invalid URI query parameter"),
    ({"postgres": "postgres://u:not-to-be-shown@[::1/d"}, "when looking for matching"),
    ({"postgres": "postgres://h/d", "notify": "postgres://h/d"}, "notify_url"),
])
def test_bad_values_of_the_section(tmp_path, value, said):
    for command in ("check", "serve"):
        text = refused(tmp_path, {"store": value, **FILE}, command=command, SLUICE_SECRET_KEY=SECRET)
        assert said in text and "not-to-be-shown" not in text and "r.yaml:" in text, text


def test_what_nodes_must_share(tmp_path, node, store):
    shared = {"store": {"postgres": "$THE_STORE"}, "endpoints": []}
    for command in ("check", "serve"):
        assert "store.postgres needs SLUICE_SECRET_KEY" in refused(tmp_path, shared, store, command)
        text = refused(tmp_path, {**shared, "auth": {}}, store, command, SLUICE_SECRET_KEY=SECRET)
        assert "store.postgres needs auth.admin_key" in text
    node(store)
    text = refused(tmp_path, shared, store, SLUICE_SECRET_KEY="f" * 64)
    assert "SLUICE_SECRET_KEY is not the key of the database's store" in text
    assert not (tmp_path / "data" / "admin.key").exists()


def test_a_newer_schema_is_refused_with_words(tmp_path, node, store, postgres_shared):
    node(store).stop()
    database = store.rsplit("/", 1)[1]
    postgres_shared.sql("UPDATE sluice.meta SET value = 99 WHERE key = 'schema'", database)
    node(store)  # a newer one that this version still may use
    postgres_shared.sql("UPDATE sluice.meta SET value = 98 WHERE key = 'schema_least'", database)
    text = refused(tmp_path, {"store": {"postgres": "$THE_STORE"}, "endpoints": []}, store, SLUICE_SECRET_KEY=SECRET)
    assert re.search(r"a newer version of sluice made the database.s schema \(99; this one knows up to \d+\)", text), text


def test_tools_of_a_database_in_the_directory_say_where_it_is(node, store, tmp_path):
    a = node(store, FILE)
    end(a)
    for words in (["db", "check"], ["db", "backup", str(tmp_path / "copy")]):
        done = subprocess.run([BIN, *words, "--data", a.data], capture_output=True, text=True, timeout=DEADLINE,
                              env={k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")} | {"SLUICE_SECRET_KEY": SECRET})
        assert done.returncode == 1 and "the store of this node is in PostgreSQL" in done.stderr, done.stderr


def test_usage_of_all_nodes_is_summed_up(node, store):
    a, b = node(store, FILE), node(store, FILE)
    for daemon, n in ((a, 3), (b, 4)):
        for _ in range(n):
            assert ask(daemon) == 200

    def total(daemon):
        rows = do(daemon, "GET", "/api/sluice/v1/usage?by=route").json()
        return sum(row["requests"] for row in rows["usage"])

    for daemon in (a, b):
        soon(lambda d=daemon: total(d) == 7, "seven calls")


def test_a_report_that_takes_too_long_says_so(node, store, postgres_shared):
    """The server ends it, and until then its silence is no loss of the database."""
    a = node(store, FILE)
    with holder_of(postgres_shared, store.rsplit("/", 1)[1], "LOCK TABLE usage_series IN ACCESS EXCLUSIVE MODE") as holder:
        reply = do(a, "GET", "/api/sluice/v1/usage")
        assert reply.status == 400 and b"more than can be read in ten seconds" in reply.body, (reply.status, reply.body)
        holder.stdin.close()
    do(a, "GET", "/api/sluice/v1/usage", None, 200)


def test_a_text_that_is_no_utf8_holds_nothing_up(node, store):
    """A caller chooses the session's name. The server would refuse it, and with it all that is written beside it."""
    limited = {"endpoints": [{**FILE["endpoints"][0], "limits": [{"session": {"calls": 9}}]}]}
    a = node(store, limited)
    for name in (b"a\xff", b"b\xc3", b"\xf0\x9f\x8c", "é".encode() * 200):
        head = [("Authorization", f"Bearer {ADMIN}"), ("x-sluice-session", name.decode("latin-1"))]
        conn = a.connect()
        body = json.dumps({**CHAT, "model": "fixed"})
        lines = ["POST /v1/chat/completions HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in head), f"Content-Length: {len(body)}", "", body]
        conn.send("\r\n".join(lines).encode("latin-1"))
        assert conn.reply("POST").status == 200
        conn.close()
    soon(lambda: sum(row["requests"] for row in do(a, "GET", "/api/sluice/v1/usage?by=route").json()["usage"]) == 4, "four calls")
    end(a)
    rows = do(node(store, limited), "GET", "/api/sluice/v1/usage?by=route").json()["usage"]  # another node: from the database
    assert sum(row["requests"] for row in rows) == 4


def test_usage_of_all_nodes_is_priced_anew(node, store):
    a, b = node(store, FILE), node(store, FILE)
    assert [ask(d) for d in (a, b, b)] == [200] * 3
    c = node(store, {**FILE, "prices": {"models": {"mock/m": {"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06}}}})

    def report(daemon):
        return (do(daemon, "GET", "/api/sluice/v1/usage").json()["usage"] or [{"requests": 0}])[0]

    soon(lambda: report(c)["requests"] == 3, "three calls")
    assert (report(c)["unpriced"], report(c)["cost"]) == (3, None)
    want = report(c)["input_tokens"] / 1e6 + report(c)["output_tokens"] * 4 / 1e6
    reprice = "/api/sluice/v1/usage/reprice"
    dry = do(c, "POST", reprice, {"dry_run": True}, 200).json()
    assert (dry["unpriced_before"], dry["unpriced_after"]) == (3, 0) and report(c)["unpriced"] == 3
    assert do(c, "POST", reprice, {}, 200).json()["changed"] == dry["changed"] > 0
    for daemon in (a, b, c):
        assert report(daemon)["unpriced"] == 0 and abs(report(daemon)["cost"] - want) < 1e-9
    assert do(c, "POST", reprice, {}, 200).json()["changed"] == 0


def test_pricing_anew_that_fails_on_the_way_says_so(node, store, postgres_shared):
    a = node(store, {**FILE, "prices": {"models": {"mock/m": {"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06}}}})
    assert ask(a) == 200
    database = store.rsplit("/", 1)[1]
    soon(lambda: postgres_shared.sql("SELECT count(*) FROM sluice.usage", database) == [["1"]], "the call's minute")
    postgres_shared.sql("CREATE TEMP TABLE t AS SELECT * FROM sluice.usage; UPDATE t SET span = 3600, at = at - at % 3600; INSERT INTO sluice.usage SELECT * FROM t; "
                        "UPDATE sluice.usage SET cost_nano = 1", database)
    reprice = "/api/sluice/v1/usage/reprice"
    with holder_of(postgres_shared, database, "SELECT at FROM usage WHERE span = 3600 FOR UPDATE") as holder:
        reply = do(a, "POST", reprice, {}, 503)
        assert b"A part of the usage may have its new prices" in reply.body and b"was not made" not in reply.body, reply.body
        holder.stdin.close()
    assert do(a, "POST", reprice, {}, 200).json()["changed"] == 1  # the minute has its price


def test_a_node_finds_its_counters_after_a_restart_and_no_other_nodes(node, store):
    limited = {"endpoints": [{**FILE["endpoints"][0], "limit": {"renewal_period": "hour", "calls": 3}}]}
    a = node(store, limited)
    assert [ask(a) for _ in range(3)] == [200, 200, 200]
    end(a)
    again = node(store, limited, data=a.data)
    assert ask(again) == 429
    assert ask(node(store, limited)) == 200


@pytest.mark.parametrize("mode, hears", [("transaction", False), ("transaction", True), ("session", False)])
def test_behind_a_pooler(node, store, postgres_shared, pgbouncer, mode, hears):
    database = store.rsplit("/", 1)[1]
    pooled = postgres_shared.url(database, pgbouncer(mode).port)
    more = {"store": {"notify_url": "$SLUICE_TEST_DIRECT"}, "env": {"SLUICE_TEST_DIRECT": store}} if hears else {}
    a, b = node(pooled, FILE, **more), node(pooled, FILE, **more)
    for i in range(6):  # more transactions than the pooler has sessions
        make(a if i % 2 else b, f"made-{i}")
        soon(lambda i=i: ask(b if i % 2 else a, f"made-{i}") == 200, "the route on the other node")
    key = make_key(a)["key"]
    soon(lambda: ask(b, "made-1", key) == 200, "the key")
    listening = postgres_shared.sql("SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN sluice' AND datname = current_database()", database)
    assert listening == [["2" if hears else "0"]]
    assert "notify_url" not in a.stderr


def test_a_wrong_notify_url_leaves_the_poll(node, store):
    more = {"store": {"notify_url": "postgres://gateway@127.0.0.1:1/none"}}
    a, b = node(store, FILE, **more), node(store, FILE, **more)
    make(a, "made")
    soon(lambda: ask(b, "made") == 200, "the poll finds it")
    assert b.stderr.count("store.notify_url:") == 1 and "once a second until it works" in b.stderr


def test_another_server_takes_its_place(node, postgres_own, postgres_other):
    """The URL has both. The second one stands for a standby that is promoted: at first it takes no writes."""
    url = postgres_own.database("pair")
    postgres_other.database("pair")
    postgres_other.stop()
    postgres_other.start(default_transaction_read_only="on")
    both = url.replace(f":{postgres_own.port}/", f":{postgres_other.port},127.0.0.1:{postgres_own.port}/")
    a, b = node(both, FILE), node(both, FILE)
    make(a, "made")
    soon(lambda: ask(b, "made") == 200, "the first server is passed over")
    assert postgres_own.sql("SELECT count(*) FROM sluice.routes", "pair") == [["1"]]
    dump = subprocess.run([BINARIES / "pg_dump", "-h", "127.0.0.1", "-p", str(postgres_own.port), "-U", "postgres", "pair"], capture_output=True, text=True, check=True).stdout
    postgres_other.stop()
    postgres_other.start()
    subprocess.run([BINARIES / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(postgres_other.port), "-U", "postgres", "-d", "pair"],
                   input=dump, capture_output=True, text=True, check=True)
    postgres_own.stop(signal.SIGKILL)
    soon(lambda: do(a, "POST", MAKE, {"name": "later", **MOCK}).status == 200, "the other server takes the writes")
    soon(lambda: ask(b, "later") == 200, "both nodes are there")
    assert "everything is read anew" not in a.stderr + b.stderr


def test_a_server_that_takes_no_writes_any_more(node, postgres_own):
    """As a primary that was demoted while connections stay open."""
    url = postgres_own.database("demoted")
    a = node(url, FILE)
    make(a, "made")
    postgres_own.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    postgres_own.sql("SELECT pg_reload_conf()")
    wait_for(lambda: do(a, "POST", MAKE, {"name": "x", **MOCK}).status == 503, "writes are refused")
    assert ask(a, "made") == 200
    subprocess.run([BINARIES / "psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(postgres_own.port), "-U", "postgres"],
                   input="SET default_transaction_read_only = off; ALTER SYSTEM RESET default_transaction_read_only; SELECT pg_reload_conf();", text=True,
                   capture_output=True, check=True)
    soon(lambda: do(a, "POST", MAKE, {"name": "y", **MOCK}).status == 200, "it is the primary again")


def test_the_database_dies_among_commits(node, postgres_own):
    """What was answered with 200 is there; what was answered with 503 is there or not, and the same on every node."""
    url = postgres_own.database("commits")
    a, b = node(url, FILE), node(url, FILE)
    answers = {}

    def write(who):
        for i in range(400):
            name = f"w{who}-{i}"
            try:
                answers[name] = do(a if who % 2 else b, "POST", MAKE, {"name": name, **MOCK}).status
            except OSError:
                return
            if answers[name] != 200:
                return

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for t in threads:
        t.start()
    wait_for(lambda: len(answers) > 40, "some are made")
    postgres_own.stop(signal.SIGKILL)
    for t in threads:
        t.join()
    postgres_own.start()
    soon(lambda: metric(a, "sluice_store_up") == [1.0] == metric(b, "sluice_store_up"), "it is back")
    make(a, "last")
    soon(lambda: ask(b, "last") == 200, "both have all")
    stored = {name for name, in postgres_own.sql("SELECT name FROM sluice.routes", "commits")}
    assert {name for name, status in answers.items() if status == 200} <= stored
    for daemon in (a, b):
        for name in answers:
            assert ask(daemon, name) == (200 if name in stored else 404), name
    numbers = [int(n) for n, in postgres_own.sql("SELECT number FROM sluice.changes ORDER BY number", "commits")]
    assert numbers == list(range(len(stored) + 1))


def test_a_tick_that_another_transaction_overtakes_is_no_fault(node, postgres_own):
    """As below: the node is the victim of a deadlock with what writes usage beside it."""
    url = postgres_own.database("overtaken")
    postgres_own.sql("ALTER ROLE gateway SET deadlock_timeout = '2s'")
    a = node(url, FILE)
    with holder_of(postgres_own, "overtaken", "SET deadlock_timeout = '60s'; LOCK TABLE usage IN SHARE MODE") as other:
        assert ask(a) == 200
        wait_for(lambda: postgres_own.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'gateway'", "overtaken") != [["0"]], "the tick waits")
        other.stdin.write("SELECT value FROM meta WHERE key = 'tick' FOR UPDATE; COMMIT;\n")
        other.stdin.close()
        assert other.wait(DEADLINE) == 0, other.stdout.read()
    soon(lambda: postgres_own.sql("SELECT sum(requests) FROM sluice.usage", "overtaken") == [["1"]], "the call, once")
    assert "deadlock" in (postgres_own.dir / "log").read_text()
    assert "Until it works again" not in a.stderr


def test_a_change_that_another_transaction_overtakes_is_made_again(node, postgres_own):
    """A deadlock, of which the node is the victim: it looks for one after two seconds, the other side after a minute."""
    url = postgres_own.database("overtaken")
    postgres_own.sql("ALTER ROLE gateway SET deadlock_timeout = '2s'")
    a = node(url, FILE)
    key = make_key(a)
    with holder_of(postgres_own, "overtaken", "SET deadlock_timeout = '60s'; SELECT id FROM keys FOR UPDATE") as other:
        done = []
        thread = threading.Thread(target=lambda: done.append(do(a, "DELETE", f"{KEYS}/{key['id']}")))
        thread.start()
        wait_for(lambda: postgres_own.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'gateway'", "overtaken") != [["0"]], "the node waits")
        other.stdin.write("SELECT value FROM meta WHERE key = 'change' FOR UPDATE; COMMIT;\n")
        other.stdin.close()
        assert other.wait(DEADLINE) == 0, other.stdout.read()
        thread.join(DEADLINE)
    assert done[0].status == 200, done[0].body
    assert "deadlock" in (postgres_own.dir / "log").read_text()
    assert ask(a, "fixed", key["key"]) == 401

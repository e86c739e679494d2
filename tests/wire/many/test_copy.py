# SPDX-License-Identifier: Apache-2.0
"""`sluice db copy`: a store of SQLite goes to PostgreSQL and back, with everything in it; `sluice db migrate`."""
import os
import subprocess
import threading

import pytest

from conftest import ADMIN, SECRET
from harness import BIN, DEADLINE, wait_for
from test_postgres import AUDIT, FILE, GROUPS, KEYS, MAKE, OWN, ask, do, end, holder_of, make, make_key, soon

CONFIG = {"auth": {"admin_key": "$SLUICE_TEST_ADMIN"}, "endpoints": FILE["endpoints"], "upstream": {"allow": ["127.0.0.0/8"]}}


def db(*words, **env):
    environ = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")} | env
    return subprocess.run([BIN, "db", *map(str, words)], capture_output=True, text=True, env=environ, timeout=DEADLINE * 3)


@pytest.fixture
def alone(sluice):
    def start(data, **env):
        return sluice(CONFIG, args=["--data", str(data), "--workers", "2"], env={"SLUICE_TEST_ADMIN": ADMIN, **env})

    return start


def answer(x):
    x.reply(b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},'
            b'"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}')


def seen(daemon):
    """What a caller sees of a store."""
    routes = {r["name"]: r for r in do(daemon, "GET", OWN).json()["routes"]}
    return {"routes": routes, "keys": do(daemon, "GET", KEYS).json(), "groups": do(daemon, "GET", GROUPS).json(),
            "audit": do(daemon, "GET", AUDIT).json()["audit"]}


def usage(daemon):
    return {row["route"]: row["requests"] for row in do(daemon, "GET", "/api/sluice/v1/usage?by=route").json()["usage"]}


def test_there_and_back(alone, node, store, upstream, tmp_path):
    up = upstream(answer)
    data = tmp_path / "one"
    a = alone(data)
    make(a, "made")
    config = {"openai_api_key": "sk-of-the-upstream-0123", "openai_api_base": up.base}
    do(a, "POST", MAKE, {"name": "real", "route_type": "llm/v1/chat", "model": {"provider": "openai", "name": "m", "config": config}}, 200)
    make(a, "gone")
    do(a, "DELETE", f"{OWN}/gone")
    key, revoked = make_key(a)["key"], make_key(a)["id"]
    do(a, "DELETE", f"{KEYS}/{revoked}", None, 200)
    do(a, "POST", GROUPS, {"name": "team"}, 201)
    do(a, "PUT", f"{OWN}/made/limits", {"limits": [{"requests": 3, "per": "day"}]}, 200)
    assert [ask(a, "made", key) for _ in range(2)] == [200, 200] and ask(a, "real") == 200
    before = seen(a)
    end(a)
    early = node(store, CONFIG)  # runs on the database that is still empty
    copied = db("copy", "--to", store, "--data", data, SLUICE_SECRET_KEY=SECRET)
    assert copied.returncode == 0, copied.stderr
    assert "2 routes, 1 key" in copied.stderr
    soon(lambda: ask(early, "real", key) == 200, "a node that ran before")
    b = node(store, CONFIG, data=data)
    after = seen(b)
    assert {n: r["model"] for n, r in after["routes"].items()} == {n: r["model"] for n, r in before["routes"].items()}
    assert [after[k] for k in ("groups", "audit")] == [before[k] for k in ("groups", "audit")]
    assert [k["id"] for k in after["keys"]["keys"]] == [k["id"] for k in before["keys"]["keys"]]
    assert [ask(b, "made") for _ in range(2)] == [200, 429]  # the counters of the day came along
    soon(lambda: usage(b).get("made") == 4 and usage(b).get("real") >= 2, lambda: f"usage of before and after: {usage(b)}")
    make(b, "later")
    ids = [r["id"] for r in do(b, "GET", KEYS).json()["keys"]]
    assert make_key(b)["id"] not in [*ids, revoked]  # nobody takes the new key for the old one
    whole = seen(b)
    end(b)
    end(early)
    refused = db("copy", "--from", store, "--data", data, SLUICE_SECRET_KEY=SECRET)
    assert refused.returncode == 1 and "has a store already" in refused.stderr
    back = db("copy", "--from", store, "--data", tmp_path / "two", SLUICE_SECRET_KEY=SECRET)
    assert back.returncode == 0, back.stderr
    c = alone(tmp_path / "two", SLUICE_SECRET_KEY=SECRET)
    again = seen(c)
    assert {k: again[k] for k in ("groups", "audit")} == {k: whole[k] for k in ("groups", "audit")} and set(again["routes"]) == {"fixed", "made", "real", "later"}
    assert ask(c, "real", key) == 200
    end(c)
    assert db("check", "--data", tmp_path / "two", SLUICE_SECRET_KEY=SECRET).returncode == 0


def test_what_is_refused(alone, node, store, tmp_path):
    data = tmp_path / "one"
    a = alone(data)
    make(a, "made")
    running = db("copy", "--to", store, "--data", data, SLUICE_SECRET_KEY=SECRET)
    assert running.returncode == 1 and "is in use by the sluice with process id" in running.stderr
    end(a)
    for words, env, said in [
        (["--to", store], {}, "SLUICE_SECRET_KEY must have the secret key"),
        (["--to", "postgres://gateway:not-to-be-shown@127.0.0.1:1/x"], {"SLUICE_SECRET_KEY": SECRET}, "cannot reach the database"),
        (["--to", "mysql://h/d"], {"SLUICE_SECRET_KEY": SECRET}, "must be a URL like postgres://"),
        ([], {"SLUICE_SECRET_KEY": SECRET}, "--to URL or --from URL"),
        (["--to", store, "--from", store], {"SLUICE_SECRET_KEY": SECRET}, "--to URL or --from URL"),
    ]:
        done = db("copy", *words, "--data", data, **env)
        assert done.returncode in (1, 2) and said in done.stderr and "not-to-be-shown" not in done.stderr, done.stderr
    assert db("copy", "--to", store, "--data", data, SLUICE_SECRET_KEY=SECRET).returncode == 0
    twice = db("copy", "--to", store, "--data", data, SLUICE_SECRET_KEY=SECRET)
    assert twice.returncode == 1 and "has a store already: name an empty one" in twice.stderr
    other = db("copy", "--from", store, "--data", tmp_path / "two", SLUICE_SECRET_KEY="d" * 64)
    assert other.returncode == 1 and "is not the key of the database's store" in other.stderr
    assert not (tmp_path / "two" / "sluice.db").exists()
    assert ask(node(store, CONFIG), "made") == 200


def test_a_table_that_takes_long_to_read(alone, store, postgres_shared, tmp_path):
    a = alone(tmp_path / "one")
    make(a, "made")
    end(a)
    assert db("copy", "--to", store, "--data", tmp_path / "one", SLUICE_SECRET_KEY=SECRET).returncode == 0
    database = store.rsplit("/", 1)[1]
    done = []
    with holder_of(postgres_shared, database, "LOCK TABLE usage IN ACCESS EXCLUSIVE MODE") as holder:
        thread = threading.Thread(target=lambda: done.append(db("copy", "--from", store, "--data", tmp_path / "two", SLUICE_SECRET_KEY=SECRET)))
        thread.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND now() - query_start > '8 s'"
        wait_for(lambda: done or postgres_shared.sql(waiting, database) != [["0"]], "the copy waits longer than a change would")
        holder.stdin.close()
        thread.join(DEADLINE)
    assert done[0].returncode == 0, done[0].stderr


def test_migrate(store, node, postgres_shared):
    done = db("migrate", "--to", store)
    assert done.returncode == 0 and "schema" in done.stderr, done.stderr
    again = db("migrate", "--to", store)
    assert again.returncode == 0
    database = store.rsplit("/", 1)[1]
    # a node whose user may not make the schema
    postgres_shared.sql("CREATE ROLE weak LOGIN" if not postgres_shared.sql("SELECT 1 FROM pg_roles WHERE rolname = 'weak'") else "SELECT 1")
    postgres_shared.sql("GRANT USAGE ON SCHEMA sluice TO weak; GRANT ALL ON ALL TABLES IN SCHEMA sluice TO weak", database)
    a = node(store.replace("gateway:not-to-be-shown@", "weak@"), FILE)
    make(a, "made")
    assert ask(a, "made") == 200

# SPDX-License-Identifier: Apache-2.0
"""`sluice doctor` on what nodes share: store.postgres and counters.redis."""
import subprocess

import pytest
import yaml

from conftest import ADMIN, SECRET
from harness import BIN, DEADLINE, free_port
from libsluice import clean_env
from redis_server import redis  # noqa: F401: a fixture


def doctor(tmp_path, config, *args, **env):
    """The exit code, and the lines as (state, check, text)."""
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"server": {"limits": {"connections": 100}}, "auth": {"admin_key": ADMIN}, "endpoints": [], **config}))
    done = subprocess.run([BIN, "doctor", "-c", str(path), "--data", str(tmp_path / "data"), *args], capture_output=True, text=True, timeout=DEADLINE, env=clean_env(**env))
    assert done.stderr == "" and "not-to-be-shown" not in done.stdout, done
    return done.returncode, [(line[:7].strip(), line[9:23].strip(), line[25:]) for line in done.stdout.splitlines()[:-1]]


def of(rows, check):
    return [(state, text) for state, about, text in rows if about == check]


def on(url):
    return {"store": {"postgres": url}}


def test_a_database_is_looked_at_and_not_changed(tmp_path, store, node, postgres_shared):
    code, rows = doctor(tmp_path, on(store), SLUICE_SECRET_KEY=SECRET)
    assert code == 0 and of(rows, "store") == [("ok", "the database of store.postgres is empty: the first start makes its schema")], rows
    assert postgres_shared.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'sluice'", store.rsplit("/", 1)[1]) == [["0"]]
    node(store).stop()
    code, rows = doctor(tmp_path, on(store), SLUICE_SECRET_KEY=SECRET)
    assert code == 0 and of(rows, "store") == [("ok", "the database of store.postgres takes this node: 0 created routes")], rows
    code, rows = doctor(tmp_path, on(store), SLUICE_SECRET_KEY="11" * 32)
    assert code == 1 and of(rows, "store")[0][0] == "error" and "is not the key of the database's store" in of(rows, "store")[0][1], rows


@pytest.mark.parametrize("change, key, said", [
    (lambda u: u, None, "store.postgres needs SLUICE_SECRET_KEY"),
    (lambda u: u, "abc", "SLUICE_SECRET_KEY: "),
    (lambda u: u.rsplit("/", 1)[0] + "/not_there", SECRET, "not_there"),
    (lambda u: f"postgres://gateway@127.0.0.1:{free_port()}/x", SECRET, "cannot reach the database"),
    (lambda u: "postgres://gateway@no-such-host.invalid/x", SECRET, "no-such-host.invalid"),
])
def test_a_database_that_does_not_take_the_node(tmp_path, store, change, key, said):
    env = {"SLUICE_SECRET_KEY": key} if key else {}
    code, rows = doctor(tmp_path, on(change(store)), **env)
    ((state, text),) = of(rows, "store")
    assert code == 1 and state == "error" and said in text, text


def test_offline_asks_nobody(tmp_path):
    config = on("postgres://gateway@127.0.0.1:1/x") | {"counters": {"redis": "redis://127.0.0.1:1"}}
    code, rows = doctor(tmp_path, config, "--offline", SLUICE_SECRET_KEY=SECRET)
    assert code == 0 and [s for s, _ in of(rows, "store") + of(rows, "counters")] == ["skip", "skip"], rows
    assert doctor(tmp_path, config, "--offline", SLUICE_SECRET_KEY="abc")[0] == 1


def test_the_server_of_the_counters(tmp_path, redis):  # noqa: F811
    port = redis().port
    code, rows = doctor(tmp_path, {"counters": {"redis": f"redis://127.0.0.1:{port}"}})
    assert code == 0 and of(rows, "counters") == [("ok", "the server of counters.redis can be used")], rows
    for url, more, said in [(f"redis://127.0.0.1:{port}", {"password": "$WRONG"}, "refuses the password"), (f"rediss://127.0.0.1:{port}", {}, ""),
                            (f"redis://127.0.0.1:{free_port()}", {}, "refused")]:
        code, rows = doctor(tmp_path, {"counters": {"redis": url, **more}}, WRONG="not-to-be-shown")
        ((state, text),) = of(rows, "counters")
        assert code == 1 and state == "error" and said in text and text.startswith("counters: the server 127.0.0.1:"), (url, text)

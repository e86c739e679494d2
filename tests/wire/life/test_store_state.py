# SPDX-License-Identifier: Apache-2.0
"""A store that cannot be read, or not completely: no caller is told that something in it does not exist."""
import json
import os
import shutil
import sqlite3
import subprocess

import pytest

from harness import BIN, CHAT, DEADLINE, files_of, wait_for

KEYS = "/api/sluice/v1/keys"
OWN = "/api/sluice/v1/routes"
FILE_KEY = "sk-of-the-file-0123456789"
CONFIG = {"auth": {"keys": [{"name": "op", "role": "admin", "key": FILE_KEY}]},
          "endpoints": [{"name": "fixed", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}]}
MADE = {"name": "made", "route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


def sql(path, *statements):
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


def random_pages(path):
    size = path.stat().st_size
    with open(path, "r+b") as f:
        f.seek(4096)
        f.write(os.urandom(size - 4096))


def cut(path):
    with open(path, "r+b") as f:
        f.truncate(5000)


DAMAGES = {
    "random bytes": random_pages,
    "cut off": cut,
    "a newer schema": lambda path: sql(path, "PRAGMA user_version = 99"),
    "another program's": lambda path: sql(path, "PRAGMA application_id = 7"),
    "no database": lambda path: path.write_bytes(b"not a database " * 1000),
    "a table is gone": lambda path: sql(path, "DROP TABLE routes"),
    "a column is gone": lambda path: sql(path, "ALTER TABLE keys RENAME COLUMN role TO rank"),
    "no change number": lambda path: sql(path, "DELETE FROM meta"),
    "limits are gone": lambda path: sql(path, "ALTER TABLE limits RENAME TO other"),
    "an unfinished schema": lambda path: sql(path, "PRAGMA user_version = 1"),
}


@pytest.fixture
def start(sluice, tmp_path):
    def start(**more):
        return sluice(CONFIG, args=["--data", str(tmp_path / "data"), "--workers", "2"], **more)

    return start


@pytest.fixture
def filled(start, tmp_path):
    """A data directory with a route and a key."""
    daemon = start()
    assert daemon.call("POST", "/api/2.0/gateway/routes/", MADE, bearer(FILE_KEY)).status == 200
    key = daemon.call("POST", KEYS, {"name": "k", "principal": "p", "role": "query"}, bearer(FILE_KEY)).json()["key"]
    daemon.stop()
    return tmp_path / "data", key


def ask(daemon, route, key):
    return daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route}, bearer(key))


def up(daemon):
    text = daemon.call("GET", "/metrics", None, bearer(FILE_KEY)).body.decode()
    return [line.split()[1] for line in text.splitlines() if line.startswith("sluice_store_up ")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_store_that_was_never_read(filled, start, tmp_path, damage):
    data, key = filled
    good = tmp_path / "good.db"
    shutil.copy(data / "sluice.db", good)
    DAMAGES[damage](data / "sluice.db")
    daemon = start()
    for reply in [ask(daemon, "fixed", key), ask(daemon, "made", FILE_KEY), daemon.call("GET", "/v1/models/made", None, bearer(FILE_KEY)),
                  daemon.call("POST", "/gateway/made/invocations", CHAT, bearer(FILE_KEY)), daemon.call("GET", f"{OWN}/made", None, bearer(FILE_KEY)),
                  daemon.call("GET", "/ready")]:
        assert reply.status == 503, reply.body
    assert b"sluice_store_unavailable" in daemon.call("GET", f"{OWN}/made", None, bearer(FILE_KEY)).body
    assert ask(daemon, "fixed", FILE_KEY).status == 200 and daemon.call("GET", "/health").status == 200
    assert daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": "fixed"}).status == 401  # without a key there is nothing to look up
    assert daemon.call("GET", "/nowhere", None, bearer(FILE_KEY)).status == 404
    assert up(daemon) == ["0"]
    for end in ["-wal", "-shm"]:
        (data / f"sluice.db{end}").unlink(missing_ok=True)
    shutil.copy(good, data / "next.db")
    os.rename(data / "next.db", data / "sluice.db")
    wait_for(lambda: daemon.call("GET", "/ready").status == 200 and up(daemon) == ["1"], "the store is read at last")
    assert ask(daemon, "made", key).status == 200
    assert ask(daemon, "none", key).status == 404 and ask(daemon, "fixed", "sk-unknown-key-0123456789").status == 401


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_is_only_not_writable(filled, start):
    data, key = filled
    for path in files_of(data):
        path.chmod(0o400)
    data.chmod(0o500)
    try:
        daemon = start()
        assert daemon.call("GET", "/ready").status == 200 and ask(daemon, "made", key).status == 200
        assert ask(daemon, "none", key).status == 404 and up(daemon) == ["0"]
        assert f"the folder {data} cannot be written to (Permission denied)" in daemon.stderr
    finally:
        data.chmod(0o700)


READ_ONLY = ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"']


@pytest.mark.skipif(subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode != 0, reason="no mounts of one's own here")
@pytest.mark.parametrize("is_running", [False, True])
def test_looks_and_copies_of_a_directory_that_can_only_be_read(filled, start, tmp_path, is_running):
    data, _ = filled
    if is_running:
        daemon = start()
        later = daemon.call("POST", "/api/2.0/gateway/routes/", {**MADE, "name": "later"}, bearer(FILE_KEY))
        assert later.status == 200 and (data / "sluice.db-wal").stat().st_size > 0  # that route is in the log only
    before = {path: path.read_bytes() for path in files_of(data)}

    def db(*args):
        return subprocess.run([*READ_ONLY, str(data), BIN, "db", *args, "--data", str(data)], capture_output=True, text=True, timeout=DEADLINE)
    check = db("check")
    assert check.returncode == 0 and f", {2 if is_running else 1} route" in check.stdout, check.stderr + check.stdout
    backup = db("backup", str(tmp_path / "copy.db"))
    assert backup.returncode == 0, backup.stderr
    copy = sqlite3.connect(tmp_path / "copy.db")
    assert copy.execute("SELECT count(*) FROM routes").fetchone() == (2 if is_running else 1,)
    copy.close()
    assert is_running or {path: path.read_bytes() for path in files_of(data)} == before
    if is_running:
        return
    (data / "sluice.db-wal").write_bytes(b"left by a crash")
    check = db("check")
    assert check.returncode == 1 and f"nor can it only be read: {data}/sluice.db-wal would have to be written back first" in check.stderr
    (data / "sluice.db-wal").unlink()
    sql(data / "sluice.db", "PRAGMA user_version = 1")
    check = db("check")
    assert check.returncode == 1 and "it is of an older version (schema 1), and would have to be migrated first" in check.stderr


def test_no_store_has_no_value(sluice):
    daemon = sluice(CONFIG)
    assert up(daemon) == [] and daemon.call("GET", "/ready").status == 200


def test_a_changed_row_leaves_the_others(filled, start):
    data, key = filled
    sql(data / "sluice.db", "UPDATE routes SET id = 0", "INSERT INTO audit (at_usec, principal, key, request_id, action, target, before, after) VALUES (1, 'p', x'ff', '', 'a', x'fe', '{', '[1')")
    daemon = start()
    wait_for(lambda: "the stored route 'made' is damaged" in daemon.stderr, "the row is named")
    assert daemon.call("GET", "/ready").status == 200 and ask(daemon, "fixed", key).status == 200 and ask(daemon, "made", key).status == 404
    page = json.loads(daemon.call("GET", "/api/sluice/v1/audit", None, bearer(FILE_KEY)).body)["audit"]
    assert page[0]["before"] == page[0]["after"] == {"damaged": True} and page[1]["after"]["name"] == "k"
    check = subprocess.run([BIN, "db", "check", "--data", str(data)], capture_output=True, text=True, timeout=DEADLINE)
    assert check.returncode == 1 and "route 'made'" in check.stderr and "audit row" in check.stderr


@pytest.mark.parametrize("target, why", [("here.db", "File exists"), ("nowhere/copy.db", "No such file or directory")])
def test_a_backup_says_why_not(filled, start, tmp_path, target, why):
    data, _ = filled
    start()
    (tmp_path / "here.db").touch()
    backup = subprocess.run([BIN, "db", "backup", str(tmp_path / target), "--data", str(data)], capture_output=True, text=True, timeout=DEADLINE)
    assert backup.returncode == 1 and why in backup.stderr


def lock_link(data):
    (data.parent / "precious").write_text("kept")
    (data / "lock").unlink()
    (data / "lock").symlink_to(data.parent / "precious")


def fifo(name):
    def make(data):
        (data / name).unlink()
        os.mkfifo(data / name)
    return make


def folder(name):
    def make(data):
        (data / name).unlink()
        (data / name).mkdir()
    return make


@pytest.mark.parametrize("name, make, what", [
    ("lock", lock_link, "a symbolic link"), ("lock", fifo("lock"), "a named pipe"), ("lock", folder("lock"), "a directory"),
    ("secret.key", fifo("secret.key"), "a named pipe"), ("secret.key", folder("secret.key"), "a directory"),
    ("sluice.db", fifo("sluice.db"), "a named pipe"), ("sluice.db", folder("sluice.db"), "a directory")])
def test_what_is_no_regular_file_is_refused_by_name(filled, start, tmp_path, name, make, what):
    data, _ = filled
    make(data)
    daemon = start(ready=False)
    daemon.stopped = True
    assert daemon.proc.wait(DEADLINE) == 1
    wait_for(lambda: f"{data}/{name} is {what}" in daemon.stderr, daemon.stderr)
    assert name != "lock" or what != "a symbolic link" or (tmp_path / "precious").read_text() == "kept"


def test_a_directory_that_all_may_write_is_told(filled, start):
    data, _ = filled
    data.chmod(0o777)
    daemon = start()
    wait_for(lambda: f"everyone may write in the data directory {data} (mode 0777)" in daemon.stderr, "the warning")


def test_two_daemons_on_one_directory(filled, start, sluice, tmp_path):
    data, _ = filled
    first = start()
    second = sluice(CONFIG, args=["--data", str(data)], ready=False)
    second.stopped = True
    assert second.proc.wait(DEADLINE) == 1
    wait_for(lambda: f"the data directory {data} is in use by the sluice with process id {first.proc.pid}: stop it" in second.stderr, second.stderr)
    assert first.call("GET", "/ready").status == 200


@pytest.mark.parametrize("env, told", [({}, "secret.key elsewhere"), ({"SLUICE_SECRET_KEY": "a key of some length"}, "what SLUICE_SECRET_KEY holds")])
def test_a_backup_tells_which_key_to_keep(sluice, tmp_path, env, told):
    data = tmp_path / "data"
    sluice(CONFIG, args=["--data", str(data)], env=env)
    backup = subprocess.run([BIN, "db", "backup", str(tmp_path / "copy.db"), "--data", str(data)], env={**os.environ, **env}, capture_output=True, text=True, timeout=DEADLINE)
    assert backup.returncode == 0 and told in backup.stderr, backup.stderr
    assert (data / "secret.key").exists() == (not env)


def make(daemon, name):
    return daemon.call("POST", "/api/2.0/gateway/routes/", {**MADE, "name": name}, bearer(FILE_KEY))


def test_a_database_that_is_removed_takes_no_more(filled, start, tmp_path):
    """Acknowledged changes would be lost. Calls are served; when the file is put back, it goes on, and nothing is
    missing."""
    data, key = filled
    daemon = start()
    assert make(daemon, "before").status == 200
    for name in ("sluice.db", "sluice.db-wal"):
        os.rename(data / name, tmp_path / name)
    reply = make(daemon, "lost")
    assert reply.status == 503 and b"sluice_store_unavailable" in daemon.call("POST", KEYS, {"name": "lost", "principal": "p", "role": "query"}, bearer(FILE_KEY)).body
    assert ask(daemon, "made", key).status == 200 and ask(daemon, "before", key).status == 200
    assert daemon.call("GET", "/ready").json() == {"status": "OK", "store": "down"} and up(daemon) == ["0"]
    wait_for(lambda: f"{data / 'sluice.db'} was removed while it is in use" in daemon.stderr, "the operator hears of it")
    assert not (data / "sluice.db").exists()
    for name in ("sluice.db-wal", "sluice.db"):
        os.rename(tmp_path / name, data / name)
    wait_for(lambda: make(daemon, "after").status == 200, "it works again")
    assert daemon.call("GET", "/ready").json() == {"status": "OK"}
    daemon.stop()
    daemon = start()
    assert [ask(daemon, name, key).status for name in ("made", "before", "after", "fixed", "lost")] == [200] * 4 + [404]


def test_a_database_that_is_replaced_is_read_anew(filled, start, tmp_path):
    data, key = filled
    shutil.copy(data / "sluice.db", tmp_path / "backup.db")
    daemon = start()
    assert make(daemon, "young").status == 200
    os.rename(tmp_path / "backup.db", data / "sluice.db")
    wait_for(lambda: "was replaced while it was in use: all of it is read anew" in daemon.stderr and up(daemon) == ["1"], "the other one is read")
    assert ask(daemon, "young", key).status == 404 and ask(daemon, "made", key).status == 200
    assert make(daemon, "after").status == 200
    daemon.stop()
    daemon = start()
    assert [ask(daemon, name, key).status for name in ("made", "after", "young")] == [200, 200, 404]


def test_a_new_database_is_told(start, filled):
    data, _ = filled
    (data / "sluice.db").unlink()
    daemon = start()
    assert f" warning store: a new, empty database was made: {data / 'sluice.db'}; there is a secret key" in daemon.stderr
    daemon.stop()

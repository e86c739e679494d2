# SPDX-License-Identifier: Apache-2.0
"""What an admin of a group may fill up: the number of its keys and groups, their size, and the audit are bounded."""
import datetime
import select
import sqlite3
import time

import pytest

from harness import CHAT, CHAT_REPLY, DEADLINE, chat_route, wait_for

KEYS, GROUPS, AUDIT, USAGE, REQUESTS = (f"/api/sluice/v1/{name}" for name in ("keys", "groups", "audit", "usage", "requests"))
ADMIN = "an-admin-key-of-the-file"
BOSS = "sk-sluice-" + "b" * 43


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


@pytest.fixture
def gate(sluice, upstream, tmp_path):
    base = upstream(lambda x: x.reply(CHAT_REPLY)).base

    def start(**limits):
        return sluice({"auth": {"admin_key": "$THE_ADMIN", "keys": [{"name": "boss", "group": "acme", "role": "admin", "key": "$THE_BOSS"}]},
                       "groups": [{"name": "acme"}, {"name": "acme/search"}, {"name": "rival"}], "limits": limits, "endpoints": [chat_route(base)],
                       "upstream": {"allow": ["127.0.0.0/8"]}}, args=["--data", str(tmp_path / "data")], env={"THE_ADMIN": ADMIN, "THE_BOSS": BOSS})

    return start


def ask(daemon, method, path, body=None, key=ADMIN):
    return daemon.call(method, path, body, bearer(key))


def key_of(i, group, **members):
    return {"name": f"k{i}", "role": "query", "group": group, **members}


def all_of(daemon, path, member, key):
    rows, sizes, token = [], [], ""
    while token is not None:
        reply = ask(daemon, "GET", path + (f"?page_token={token}" if token else ""), key=key)
        assert reply.status == 200, reply.body
        rows += reply.json()[member]
        sizes.append(len(reply.body))
        token = reply.json()["next_page_token"]
    return rows, sizes


def test_an_admin_of_a_group_makes_no_keys_without_end(gate):
    daemon = gate(max_group_keys=4)
    deep = ask(daemon, "POST", KEYS, key_of(0, "acme/search", role="admin"), BOSS).json()
    for i, group in ((1, "acme"), (2, "acme/search")):
        assert ask(daemon, "POST", KEYS, key_of(i, group), BOSS).status == 201
    assert ask(daemon, "POST", KEYS, key_of(3, "rival")).status == 201  # others do not count
    assert ask(daemon, "POST", KEYS, key_of(4, "acme/search"), deep["key"]).status == 201
    for group, who in (("acme", BOSS), ("acme/search", BOSS), ("acme/search", deep["key"])):
        r = ask(daemon, "POST", KEYS, key_of(5, group), who)
        assert r.status == 409 and "4 keys in 'acme'" in r.json()["error"]["message"] and "limits.max_group_keys" in r.json()["error"]["message"], r.body
    assert ask(daemon, "POST", KEYS, key_of(6, "acme")).status == 201  # the operator may
    assert ask(daemon, "POST", KEYS, key_of(7, "rival")).status == 201
    ids = [k["id"] for k in ask(daemon, "GET", KEYS, key=BOSS).json()["keys"] if k["owner"] == "api" and k["role"] == "query"]
    for i in ids[:2]:
        assert ask(daemon, "DELETE", f"{KEYS}/{i}", key=BOSS).status == 200
    assert ask(daemon, "POST", KEYS, key_of(8, "acme"), BOSS).status == 201
    assert ask(daemon, "POST", KEYS, key_of(9, "acme"), BOSS).status == 409


def test_an_admin_of_a_group_makes_no_groups_without_end(gate):
    daemon = gate(max_subgroups=3)
    for method, path, body in (("POST", GROUPS, {"name": "acme/a"}), ("PUT", GROUPS + "/acme/b", {}), ("POST", GROUPS, {"name": "acme/search/c"})):
        assert ask(daemon, method, path, body, BOSS).status == 201
    for method, path, body in (("POST", GROUPS, {"name": "acme/d"}), ("PUT", GROUPS + "/acme/a/d", {})):
        r = ask(daemon, method, path, body, BOSS)
        assert r.status == 409 and "3 groups below 'acme'" in r.json()["error"]["message"] and "limits.max_subgroups" in r.json()["error"]["message"], r.body
    assert ask(daemon, "PUT", GROUPS + "/acme/a", {"limits": [{"requests": 1, "per": "day"}]}, BOSS).status == 200
    assert ask(daemon, "POST", GROUPS, {"name": "rival/d"}).status == 201 == ask(daemon, "POST", GROUPS, {"name": "acme/d"}).status
    for name in ("acme/a", "acme/b"):
        assert ask(daemon, "DELETE", f"{GROUPS}/{name}", key=BOSS).status == 200
    assert ask(daemon, "POST", GROUPS, {"name": "acme/e"}, BOSS).status == 201


def test_an_admin_of_a_group_sets_few_limits(gate):
    """All of them are counted at each call of the keys below."""
    daemon = gate()
    four, five = ([{"requests": 100, "per": f"{n} hours"} for n in range(2, 2 + count)] for count in (4, 5))
    session = [*four[:2], {"session": {"calls": 5, "tokens": 5, "money": 5}}]
    low = ask(daemon, "POST", KEYS, key_of(0, "acme", limits=four), BOSS)
    many = ask(daemon, "POST", KEYS, key_of(1, "acme", limits=five))  # the operator may
    assert low.status == many.status == 201 == ask(daemon, "PUT", GROUPS + "/acme/a", {"limits": four, "children": {"limits": four}}, BOSS).status
    assert ask(daemon, "PUT", GROUPS + "/acme/b", {"limits": five, "children": {"limits": five}}).status == 201
    low, many = (f"{KEYS}/{r.json()['id']}" for r in (low, many))
    for method, path, body in (("POST", KEYS, key_of(2, "acme", limits=five)), ("POST", KEYS, key_of(2, "acme", limits=session)), ("PUT", low, key_of(0, "acme", limits=five)),
                               ("PUT", many, key_of(1, "acme", limits=[*five, *session[2:]])), ("POST", GROUPS, {"name": "acme/c", "limits": five}),
                               ("PUT", GROUPS + "/acme/c", {"limits": five}), ("PUT", GROUPS + "/acme/a", {"limits": five}),
                               ("PUT", GROUPS + "/acme/a", {"limits": four, "children": {"limits": five}})):
        r = ask(daemon, method, path, body, BOSS)
        assert r.status == 400 and "limits: an admin of a group sets at most 4 limits" in r.json()["error"]["message"], (method, path, r.body)
    # What is there may stay, and new groups begin with what the operator said.
    assert ask(daemon, "PUT", many, key_of(1, "acme/search", limits=five), BOSS).status == 200
    assert ask(daemon, "PUT", GROUPS + "/acme/b", {"limits": five, "children": {"limits": four}}, BOSS).status == 200
    assert ask(daemon, "PUT", GROUPS + "/acme/b", {"limits": four, "children": {"limits": five}}, BOSS).status == 400
    assert ask(daemon, "PUT", GROUPS + "/acme/b", {"limits": four, "children": {"limits": five}}).status == 200
    assert len(ask(daemon, "POST", GROUPS, {"name": "acme/b/d"}, BOSS).json()["limits"]) == 5


def test_large_keys_are_listed_in_more_pages(gate):
    """Their number alone would not bound a page."""
    daemon = gate()
    conn = daemon.connect()
    routes = [f"{i:02}" + "r" * 250 for i in range(64)]  # nearly 16 KiB
    for i in range(300):
        reply = conn.request("POST", KEYS, key_of(i, "acme", routes=routes), bearer(BOSS)).reply("POST")
        assert reply.status == 201, reply.body
    rows, sizes = all_of(daemon, KEYS, "keys", BOSS)
    assert [r["name"] for r in rows] == ["boss", *(f"k{i}" for i in range(300))]
    assert len(sizes) == 2 and max(sizes) < 5 << 20


@pytest.mark.parametrize("routes, said", [(["r"] * 257, "at most 256 names"), (["r" * 255] * 65, "at most 16384 bytes together")])
def test_a_key_has_so_many_routes(gate, routes, said):
    r = ask(gate(), "POST", KEYS, key_of(1, "acme", routes=routes))
    assert r.status == 400 and said in r.json()["error"]["message"], r.body


def test_keys_of_others_are_passed_by_a_part_at_a_time(gate, tmp_path):
    """A list costs no more than a part of all keys, so a page may be short, or empty."""
    daemon = gate()
    assert ask(daemon, "POST", KEYS, key_of(1, "acme")).status == 201
    daemon.stop()
    daemon.stopped = True
    db = sqlite3.connect(tmp_path / "data" / "sluice.db")
    db.executemany("INSERT INTO keys (version, name, principal, role, hash, created_sec, expires_sec, group_path) VALUES (?, 'n', 'p', 'query', ?, 1, 0, 'rival')",
                   ((1000 + i, i.to_bytes(32, "big")) for i in range(50000)))
    db.commit()
    db.close()
    daemon = gate()
    assert ask(daemon, "POST", KEYS, key_of(2, "acme")).status == 201
    rows, sizes = all_of(daemon, KEYS, "keys", BOSS)
    assert [r["name"] for r in rows] == ["boss", "k1", "k2"] and len(sizes) == 3


def test_a_put_that_changes_nothing_leaves_no_trace(gate):
    daemon = gate()
    body = key_of(1, "acme", limits=[{"requests": 5, "per": "minute"}])
    made = ask(daemon, "POST", KEYS, body, BOSS).json()
    group = {"limits": [{"requests": 5, "per": "minute"}], "children": {"limits": [{"concurrent": 1}]}}
    first = ask(daemon, "PUT", GROUPS + "/acme/new", group, BOSS).json()
    rows = ask(daemon, "GET", AUDIT).json()["audit"]
    for _ in range(3):
        r = ask(daemon, "PUT", f"{KEYS}/{made['id']}", body, BOSS)
        assert r.status == 200 and r.json()["name"] == "k1"
        r = ask(daemon, "PUT", GROUPS + "/acme/new", group, BOSS)
        assert r.status == 200 and r.json() == first
    assert ask(daemon, "GET", AUDIT).json()["audit"] == rows
    assert ask(daemon, "PUT", f"{KEYS}/{made['id']}", {**body, "name": "other"}, BOSS).status == 200
    assert ask(daemon, "PUT", GROUPS + "/acme/new", {**group, "children": None}, BOSS).status == 200
    assert [r["action"] for r in ask(daemon, "GET", AUDIT).json()["audit"]] == ["group.replace", "key.replace", *(r["action"] for r in rows)]


def test_a_key_of_a_group_makes_none_that_outlives_it(gate):
    daemon = gate()
    end = int(time.time()) + 3600
    said = datetime.datetime.fromtimestamp(end, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    boss = ask(daemon, "POST", KEYS, key_of(0, "acme", role="admin", expires_at=end)).json()["key"]
    for later in (end + 1, "2099-12-31T23:59:59Z"):
        r = ask(daemon, "POST", KEYS, key_of(1, "acme", role="admin", expires_at=later), boss)
        assert r.status == 403 and said in r.json()["error"]["message"], r.body
    for when, got in (({}, said), ({"expires_at": None}, said), ({"expires_at": end}, said), ({"expires_at": end - 60}, None)):
        made = ask(daemon, "POST", KEYS, key_of(1, "acme", **when), boss)
        assert made.status == 201 and made.json()["expires_at"] < said if got is None else made.json()["expires_at"] == got, made.body
    path = f"{KEYS}/{made.json()['id']}"
    assert ask(daemon, "PUT", path, key_of(1, "acme", expires_at=end + 1), boss).status == 403
    assert ask(daemon, "PUT", path, key_of(1, "acme"), boss).json()["expires_at"] == said
    assert ask(daemon, "PUT", path, key_of(1, "acme")).json()["expires_at"] is None  # whoever has no end gives none


def test_nobody_outside_a_group_has_its_principals(gate):
    """Its admin could make a key of the same one, and read what the other keeps."""
    daemon = gate()
    for group, principal in ((None, "acme/ci"), ("rival", "acme/search/ci"), (None, "acme/")):
        r = ask(daemon, "POST", KEYS, key_of(1, group, principal=principal))
        assert r.status == 409 and "is for keys in the group 'acme'" in r.json()["error"]["message"], r.body
    for group, principal in ((None, "acme"), (None, "acme2/ci"), ("acme/search", "acme/ci"), ("rival", "https://id.example/7")):
        r = ask(daemon, "POST", KEYS, key_of(1, group, principal=principal))
        assert r.status == 201, r.body


def test_a_group_that_is_made_again_sees_nothing_of_the_old_one(gate, tmp_path):
    daemon = gate()

    def make():
        assert ask(daemon, "POST", GROUPS, {"name": "new"}).status == 201
        return [ask(daemon, "POST", KEYS, key_of(i, "new", role=role, principal="new/ci")).json() for i, role in enumerate(("query", "viewer"))]

    def usage(key):
        return [u["requests"] for u in ask(daemon, "GET", USAGE, key=key).json()["usage"]]

    def rows(key):
        return ask(daemon, "GET", REQUESTS, key=key).json()["requests"]

    caller, viewer = make()
    assert ask(daemon, "POST", "/v1/chat/completions", CHAT, caller["key"]).status == 200
    wait_for(lambda: len(rows(viewer["key"])) == 1, "the row")
    assert usage(viewer["key"]) == [1]
    for key in (caller, viewer):
        assert ask(daemon, "DELETE", f"{KEYS}/{key['id']}").status == 200
    assert ask(daemon, "DELETE", GROUPS + "/new").status == 200
    second = time.time() // 1 + 1
    wait_for(lambda: time.time() >= second, "the next second")
    caller, viewer = make()
    assert rows(viewer["key"]) == []
    assert ask(daemon, "POST", "/v1/chat/completions", CHAT, caller["key"]).status == 200
    wait_for(lambda: len(rows(viewer["key"])) == 1, "the new row")
    # As if it were made on another day.
    daemon.stop()
    daemon.stopped = True
    db = sqlite3.connect(tmp_path / "data" / "sluice.db")
    db.execute("UPDATE key_groups SET created_usec = created_usec + 2 * 86400000000 WHERE path = 'new'")
    db.commit()
    db.close()
    daemon = gate()
    assert sum(usage(viewer["key"])) == 0 and rows(viewer["key"]) == [] and sum(usage(ADMIN)) == 2


def test_what_no_limit_counts_any_more_is_forgotten(gate, tmp_path):
    """Keys and groups that come and go, and limits that change, leave no counters behind."""
    daemon = gate()
    year = {"limits": [{"requests": 5, "per": "year"}]}
    assert ask(daemon, "POST", GROUPS, {"name": "acme/gone", **year}).status == 201
    gone = [ask(daemon, "POST", KEYS, key_of(i, "acme/gone", **year)).json() for i in range(2)]
    stays = ask(daemon, "POST", KEYS, key_of(2, "acme", **year)).json()
    changes = ask(daemon, "POST", KEYS, key_of(3, "acme", **year)).json()
    for key in (*gone, stays, changes):
        assert ask(daemon, "POST", "/v1/chat/completions", CHAT, key["key"]).status == 200
    assert ask(daemon, "PUT", f"{KEYS}/{changes['id']}", key_of(3, "acme", limits=[{"requests": 5, "per": "month"}])).status == 200
    assert ask(daemon, "POST", "/v1/chat/completions", CHAT, changes["key"]).status == 200

    def counters():
        db = sqlite3.connect(tmp_path / "data" / "sluice.db")
        rows = db.execute("SELECT owner, name, period_usec / 86400000000 FROM counters ORDER BY owner, name, period_usec").fetchall()
        db.close()
        return rows

    wait_for(lambda: {r[1] for r in counters()} == {"acme/gone", "k0", "k1", "k2", "k3"}, "all counters are written")
    for path in (*(f"{KEYS}/{k['id']}" for k in gone), GROUPS + "/acme/gone"):
        assert ask(daemon, "DELETE", path).status == 200
    daemon.stop()
    daemon.stopped = True
    gate()  # it looks at its start, then once a minute
    wait_for(lambda: counters() == [("key", "k2", 360), ("key", "k3", 30)], "the others are gone")


def test_one_group_does_not_fill_the_stores_queue(gate, tmp_path):
    daemon = gate()
    assert ask(daemon, "POST", GROUPS, {"name": "acme/first"}, BOSS).status == 201
    db = sqlite3.connect(tmp_path / "data" / "sluice.db", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")  # the store waits
    conns = [daemon.connect().request("POST", GROUPS, {"name": f"acme/g{i}"}, bearer(BOSS)) for i in range(40)]
    # Those beyond its part are answered at once.
    refused, rest = [], list(conns)
    while len(refused) < 8:
        for conn in select.select([c.sock for c in rest], [], [], DEADLINE)[0]:
            found = next(c for c in rest if c.sock is conn)
            rest.remove(found)
            refused.append(found.reply("POST"))
    assert {r.status for r in refused} == {503} and all("Too many changes" in r.json()["error"]["message"] for r in refused)
    db.execute("ROLLBACK")
    db.close()
    assert [c.reply("POST").status for c in rest] == [201] * 32
    assert ask(daemon, "POST", GROUPS, {"name": "acme/last"}, BOSS).status == 201

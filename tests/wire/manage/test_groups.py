# SPDX-License-Identifier: Apache-2.0
"""Groups of keys: of the file and of calls, what is in which, and that nobody in one learns of another."""
import re
import signal
import threading

import pytest
import yaml

from harness import CHAT, CHAT_REPLY, chat_route, wait_for

KEYS, GROUPS, AUDIT = (f"/api/sluice/v1/{name}" for name in ("keys", "groups", "audit"))
ADMIN = "an-admin-key-of-the-file"
OF_FILE = {"query": "query", "viewer": "viewer", "boss": "admin"}  # keys of acme


def text(name):
    return "sk-sluice-" + (name * 43)[:43]


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


def config(base, groups=("acme", "acme/search", "rival"), keys=OF_FILE):
    return {"auth": {"admin_key": "$THE_ADMIN", "keys": [{"name": n, "group": "acme", "role": role, "key": f"$KEY_{n}"} for n, role in keys.items()]},
            "groups": [{"name": n} for n in groups], "endpoints": [chat_route(base)], "upstream": {"allow": ["127.0.0.0/8"]}}


@pytest.fixture
def gate(sluice, upstream, tmp_path):
    up = upstream(lambda x: x.reply(CHAT_REPLY))

    def start(conf=None, *args):
        daemon = sluice(conf or config(up.base), args=["--data", str(tmp_path / "data"), *args], env={"THE_ADMIN": ADMIN, **{f"KEY_{n}": text(n) for n in OF_FILE}})
        daemon.up = up
        return daemon

    return start


def ask(daemon, method, path, body=None, key=ADMIN):
    return daemon.call(method, path, body, bearer(key))


def make_key(daemon, group, key=ADMIN, **members):
    r = ask(daemon, "POST", KEYS, {"name": "ci", "role": "query", **({"group": group} if group else {"principal": "p"}), **members}, key)
    assert r.status == 201, r.body
    return r.json()


def make_group(daemon, name, key=ADMIN, status=201):
    r = ask(daemon, "POST", GROUPS, {"name": name}, key)
    assert r.status == status, r.body
    return r.json()


def names(daemon, key=ADMIN):
    return [g["name"] for g in ask(daemon, "GET", GROUPS, key=key).json()["groups"]]


def invoke(daemon, key):
    return ask(daemon, "POST", "/v1/chat/completions", CHAT, key).status


def message(reply):
    return reply.json()["error"]["message"]


def test_groups_of_the_file_and_of_calls(gate):
    daemon = gate()
    made = make_group(daemon, "acme/search/ads")
    assert made["name"] == "acme/search/ads" and made["owner"] == "api" and made["created_at"] == made["updated_at"] != None
    make_group(daemon, "zoo")
    assert names(daemon) == ["acme", "acme/search", "acme/search/ads", "rival", "zoo"]
    for path in ("/acme/search/ads", "/acme%2Fsearch%2Fads", "/acme/search%2fads"):
        assert ask(daemon, "GET", GROUPS + path).json() == made
    of_file = ask(daemon, "GET", GROUPS + "/acme").json()
    assert of_file["owner"] == "file" and "sluice.yaml:" in of_file["defined_at"] and of_file["created_at"] is None
    refused = ask(daemon, "DELETE", GROUPS + "/acme/search")
    assert refused.status == 409 and "sluice.yaml:" in message(refused)
    assert ask(daemon, "DELETE", GROUPS + "/acme/search/ads").status == 200
    for path in ("/acme/search/ads", "/none", "/acme/", "/acme//search", "/..", "/%2e%2e", "/a%00b"):
        for method in ("GET", "DELETE"):
            assert ask(daemon, method, GROUPS + path).status == 404, path
    actions = [(r["action"], r["target"]) for r in ask(daemon, "GET", AUDIT).json()["audit"]]
    assert actions == [("group.delete", "acme/search/ads"), ("group.create", "zoo"), ("group.create", "acme/search/ads")]


@pytest.mark.parametrize("body, status, said", [
    ({"name": "acme"}, 409, "There is a group 'acme' already"), ({"name": "none/search"}, 404, "There is no group 'none'"),
    ({"name": "acme/"}, 400, "name: must be names with a / between them"), ({"name": ".."}, 400, "name: must be names"), ({"name": "a b"}, 400, "name: must be names"),
    ({"name": "a/b/c/d/e/f/g/h/i"}, 400, "at most 8 levels"), ({"name": "x" * 256}, 400, "at most 255 bytes"), ({"name": 5}, 400, "name: must be a string"),
    ({}, 400, "name: is missing"), ({"name": "new", "limit": []}, 400, "no such member"),
    ({"name": "new", "limits": {}}, 400, "limits: must be a list"), ({"name": "new", "limits": [{"requests": -1, "per": "day"}]}, 400, "limits[0].requests: must be a whole number"),
    ({"name": "new", "limits": [{"requests": 1}]}, 400, "limits[0].per: must be"), ({"name": "new", "children": []}, 400, "children: must be an object"),
    ({"name": "new", "children": {"limit": []}}, 400, "no such member"), ({"name": "new", "children": {"limits": [{}]}}, 400, "limits[0]: must have one of"),
])
def test_bad_groups(gate, body, status, said):
    daemon = gate()
    r = ask(daemon, "POST", GROUPS, body)
    assert r.status == status and said in message(r), r.body
    assert names(daemon) == ["acme", "acme/search", "rival"]


def test_a_group_with_something_in_it_is_not_deleted(gate):
    daemon = gate()
    make_group(daemon, "new")
    make_group(daemon, "new/sub")
    key = make_key(daemon, "new")
    refused = ask(daemon, "DELETE", GROUPS + "/new")
    assert refused.status == 409 and message(refused) == f"It is not deleted: the group 'new' has keys in it: {key['id']}."
    assert invoke(daemon, key["key"]) == 200
    assert ask(daemon, "DELETE", f"{KEYS}/{key['id']}").status == 200
    refused = ask(daemon, "DELETE", GROUPS + "/new")
    assert refused.status == 409 and "the group 'new' has groups in it: new/sub" in message(refused)
    assert ask(daemon, "DELETE", GROUPS + "/new/sub").status == ask(daemon, "DELETE", GROUPS + "/new").status == 200
    assert ask(daemon, "POST", KEYS, {"name": "x", "role": "query", "group": "new"}).status == 404


def test_keys_are_made_in_groups(gate):
    daemon = gate()
    made = make_key(daemon, "acme/search")
    assert made["group"] == "acme/search" and made["principal"] == "acme/search/ci"
    assert make_key(daemon, "acme", principal="anybody")["principal"] == "anybody"
    assert make_key(daemon, None)["group"] is None
    for members, status, said in (({"group": "none"}, 404, "There is no group 'none'"), ({"group": "acme/"}, 400, "group: must be names"), ({"group": ""}, 400, "group: must be names"),
                                  ({"group": 5}, 400, "group: must be the path"), ({"group": None}, 400, "principal: is missing"),
                                  ({"group": "acme", "role": "operator"}, 400, "operator goes without a group"), ({"group": "acme", "name": "n" * 251}, 400, "too long for a principal")):
        r = ask(daemon, "POST", KEYS, {"name": "x", "role": "query", **members})
        assert r.status == status and said in message(r), (members, r.body)
    assert {k["name"]: k["group"] for k in ask(daemon, "GET", KEYS).json()["keys"]} == {"query": "acme", "viewer": "acme", "boss": "acme", "admin": None, "ci": None}


def test_the_log_names_the_group(gate):
    daemon = gate()
    key = make_key(daemon, "acme/search")["key"]
    for caller, group, principal in ((key, "acme/search", "acme/search/ci"), (text("query"), "acme", "acme/query"), (ADMIN, None, "admin")):
        r = daemon.call("POST", "/v1/chat/completions", CHAT, [*bearer(caller), ("x-request-id", f"of-{group}")])
        assert r.status == 200
        line = daemon.log_line(f"of-{group}")
        assert line.get("group") == group and line["principal"] == principal, line


def test_what_was_answered_survives_kill(gate):
    daemon = gate()
    make_group(daemon, "acme/search/ads")
    make_group(daemon, "gone")
    key = make_key(daemon, "acme/search/ads")
    assert ask(daemon, "DELETE", GROUPS + "/gone").status == 200
    daemon.stop(signal.SIGKILL, check=False)
    daemon.stopped = True
    daemon = gate()
    assert names(daemon) == ["acme", "acme/search", "acme/search/ads", "rival"]
    assert invoke(daemon, key["key"]) == 200
    assert ask(daemon, "DELETE", GROUPS + "/acme/search/ads").status == 409


def test_a_key_whose_group_is_gone_opens_nothing(gate):
    """Its limits would not hold. It comes back with the group."""
    daemon = gate()
    make_group(daemon, "acme/search/ads")
    keys = [make_key(daemon, group)["key"] for group in ("acme/search", "acme/search/ads", "rival")]
    path = daemon.dir / "sluice.yaml"
    before = path.read_text()
    path.write_text(yaml.safe_dump({**yaml.safe_load(before), "groups": [{"name": "acme"}, {"name": "rival"}]}))
    daemon.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: names(daemon) == ["acme", "rival"], "the reload")
    assert [invoke(daemon, k) for k in keys] == [403, 403, 200]
    r = ask(daemon, "GET", "/v1/models", key=keys[0])
    assert r.status == 403 and "The group 'acme/search' of this API key is not there any more" in message(r)
    for said in ("is in one that is not there", "2 stored keys are in a group that is not there"):
        wait_for(lambda: said in daemon.stderr, said)
    path.write_text(before)
    daemon.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: len(names(daemon)) == 4, "the reload")
    assert [invoke(daemon, k) for k in keys] == [200, 200, 200]


# --- what a key in a group may reach ---

def masked(reply, *words):
    body = reply.body
    for word in words:
        body = body.replace(word.encode(), b"NAME")
    return reply.status, re.sub(rb'"request_id":"[^"]+"', b"", body), reply.get("x-sluice-error-type")


def test_an_admin_of_a_group_sees_only_what_is_in_it(gate):
    daemon = gate()
    for group in ("acme/own", "rival/secret", "acme2"):
        make_group(daemon, group)
    ids = {group: make_key(daemon, group, name=f"k-{group}")["id"] for group in ("acme/own", "acme/search", "rival/secret", "rival", "acme2")}
    boss = text("boss")
    assert names(daemon, boss) == names(daemon, text("viewer")) == ["acme", "acme/own", "acme/search"]
    mine = ask(daemon, "GET", KEYS, key=boss).json()["keys"]
    assert sorted(k["name"] for k in mine) == ["boss", "k-acme/own", "k-acme/search", "query", "viewer"]
    assert not any("defined_at" in k for k in mine) and "defined_at" not in ask(daemon, "GET", GROUPS + "/acme", key=boss).json()
    # Not one of these tells whether it exists.
    for method, there, nowhere in (("GET", GROUPS + "/rival", GROUPS + "/nowhere"), ("GET", GROUPS + "/rival/secret", GROUPS + "/nowhere/secret"), ("GET", GROUPS + "/acme2", GROUPS + "/acme3"),
                                   ("DELETE", GROUPS + "/rival/secret", GROUPS + "/nowhere/secret"), ("DELETE", GROUPS + "/rival", GROUPS + "/nowhere"),
                                   ("DELETE", f"{KEYS}/{ids['rival']}", f"{KEYS}/key-999"), ("DELETE", f"{KEYS}/{ids['acme2']}", f"{KEYS}/key-999"), ("DELETE", f"{KEYS}/file:admin", f"{KEYS}/file:nobody")):
        a, b = (masked(ask(daemon, method, path, key=boss), path.rsplit("/v1/", 1)[1].split("/", 1)[1]) for path in (there, nowhere))
        assert a == b and a[0] == 404, (method, there, a, b)
    for there, nowhere in (("rival", "nowhere"), ("rival/new", "nowhere/new"), ("acme2", "acme3")):
        for path, body in ((GROUPS, {"name": "?"}), (KEYS, {"name": "x", "role": "query", "group": "?"})):
            a, b = (masked(ask(daemon, "POST", path, {k: name if v == "?" else v for k, v in body.items()}, boss), name) for name in (there, nowhere))
            assert a == b and a[0] == 403, (path, there, a, b)
    assert names(daemon) == ["acme", "acme/own", "acme/search", "acme2", "rival", "rival/secret"]
    # In its own reach it is told.
    assert ask(daemon, "GET", GROUPS + "/acme/none", key=boss).status == 404
    assert ask(daemon, "DELETE", f"{KEYS}/file:query", key=boss).status == 409
    assert ask(daemon, "DELETE", f"{KEYS}/{ids['acme/own']}", key=boss).status == 200


def test_a_key_of_a_group_sees_no_requests_of_others(gate):
    daemon = gate()
    requests = "/api/sluice/v1/requests"
    for key in (make_key(daemon, "rival")["key"], ADMIN, text("boss")):
        assert invoke(daemon, key) == 200
    rows = wait_for(lambda: (lambda rows: len(rows) == 3 and rows)(ask(daemon, "GET", requests).json()["requests"]), "the rows")
    theirs = next(r for r in rows if r["principal"] == "rival/ci")
    for key, seen in ((text("boss"), ["acme/boss"]), (text("viewer"), ["acme/boss"]), (text("query"), [])):
        assert [r["principal"] for r in ask(daemon, "GET", requests, key=key).json()["requests"]] == seen
        assert ask(daemon, "GET", f"{requests}/{theirs['id']}", key=key).status == 404


def test_what_an_admin_of_a_group_may_make(gate):
    daemon = gate()
    boss = text("boss")
    make_group(daemon, "acme/ads", boss)
    make_group(daemon, "acme/ads/eu", boss)
    assert "below it only" in make_group(daemon, "acme", boss, 403)["error"]["message"]  # its own
    assert ask(daemon, "DELETE", GROUPS + "/acme", key=boss).status == 403
    own = make_key(daemon, None, boss, principal="acme/someone")
    assert own["group"] == "acme" and own["principal"] == "acme/someone"
    for role in ("query", "viewer", "admin"):
        assert make_key(daemon, "acme/ads", boss, role=role)["principal"] == "acme/ads/ci"
    r = ask(daemon, "POST", KEYS, {"name": "x", "role": "operator"}, boss)
    assert r.status == 400 and "operator goes without a group" in message(r)
    # Nobody takes the place of a caller of another group.
    for principal in ("rival/ci", "admin", "acme", "acme2/x", "acme-x", "p"):
        r = ask(daemon, "POST", KEYS, {"name": "x", "role": "query", "principal": principal}, boss)
        assert r.status == 403 and "principal begins with 'acme/'" in message(r), r.body
    # One further down is bounded by its own group, whoever made it.
    deep = make_key(daemon, "acme/ads", boss, role="admin")["key"]
    assert names(daemon, deep) == ["acme/ads", "acme/ads/eu"]
    assert ask(daemon, "POST", KEYS, {"name": "x", "role": "query", "group": "acme"}, deep).status == 403
    assert ask(daemon, "POST", GROUPS, {"name": "acme/other"}, deep).status == 403
    make_group(daemon, "acme/ads/us", deep)
    assert ask(daemon, "DELETE", GROUPS + "/acme/ads/us", key=deep).status == 200


def test_pages_of_a_reach_are_whole(gate):
    """A page is full of what its reader may see, whatever stands between."""
    daemon = gate()
    conn = daemon.connect()
    for i in range(1200):
        for group in ("acme", "rival"):
            conn.request("POST", GROUPS, {"name": f"{group}/g{i:04}"}, bearer(ADMIN))
            assert conn.reply().status == 201
    seen, token = [], None
    while token is not None or not seen:
        page = ask(daemon, "GET", GROUPS + (f"?page_token={token}" if token else ""), key=text("viewer")).json()
        assert len(page["groups"]) == (1000 if page["next_page_token"] else 202)
        seen += [g["name"] for g in page["groups"]]
        token = page["next_page_token"]
    assert seen == ["acme", *(f"acme/g{i:04}" for i in range(1200)), "acme/search"]
    assert ask(daemon, "GET", GROUPS + "?page_token=a%20b").status == 400


def test_without_keys_everybody_sees_all(gate, upstream):
    daemon = gate({**config(upstream(lambda x: x.reply(CHAT_REPLY)).base), "auth": "none"})
    assert daemon.call("GET", GROUPS).json()["groups"][0]["name"] == "acme"
    assert daemon.call("POST", GROUPS, {"name": "acme/new"}).status == 201


def test_a_group_is_deleted_while_keys_are_made_in_it(gate):
    """Whoever comes first, no key is ever in a group that is not there."""
    daemon = gate(None, "--workers", "2")
    for i in range(20):
        make_group(daemon, f"g{i}")
        answers = {}

        def call(method, path, body=None):
            answers[method] = ask(daemon, method, path, body).status

        threads = [threading.Thread(target=call, args=a) for a in (("POST", KEYS, {"name": f"k{i}", "role": "query", "group": f"g{i}"}), ("DELETE", f"{GROUPS}/g{i}"))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert sorted(answers.items()) in ([("DELETE", 200), ("POST", 404)], [("DELETE", 409), ("POST", 201)]), answers
    there = set(names(daemon))
    assert all(k["group"] in there | {None} for k in ask(daemon, "GET", KEYS).json()["keys"])


# --- keys that move ---

def definition(key, **members):
    return {**{k: key[k] for k in ("name", "principal", "role", "group", "routes", "expires_at")}, **members}


def test_a_key_moves(gate):
    daemon = gate(None, "--workers", "2")
    key = make_key(daemon, "acme/search")
    path = f"{KEYS}/{key['id']}"
    moved = ask(daemon, "PUT", path, definition(key, group="rival", principal="someone"))
    assert moved.status == 200 and moved.json()["group"] == "rival" and moved.json()["principal"] == "someone" and "key" not in moved.json()
    conns = [daemon.connect() for _ in range(8)]
    for i, conn in enumerate(conns):
        conn.request("POST", "/v1/chat/completions", CHAT, [*bearer(key["key"]), ("x-request-id", f"r{i}")])
        assert conn.reply().status == 200 and daemon.log_line(f"r{i}")["group"] == "rival"
    back = ask(daemon, "PUT", path, {"name": "ci", "role": "viewer", "group": "acme"}).json()
    assert (back["principal"], back["role"], back["created_at"]) == ("acme/ci", "viewer", key["created_at"])
    assert invoke(daemon, key["key"]) == 403
    rows = ask(daemon, "GET", AUDIT).json()["audit"]
    assert [r["action"] for r in rows] == ["key.replace", "key.replace", "key.create"]
    assert rows[0]["before"] == rows[1]["after"] and rows[1]["before"] == rows[2]["after"] and rows[0]["after"]["group"] == "acme"
    daemon.stop(signal.SIGKILL, check=False)
    daemon.stopped = True
    daemon = gate()
    assert [(k["name"], k["role"]) for k in ask(daemon, "GET", KEYS).json()["keys"] if k["id"] == key["id"]] == [("ci", "viewer")]
    for id, body, status in (("key-99", definition(key), 404), ("file:query", definition(key), 409), (key["id"], {}, 400), (key["id"], definition(key, group="none"), 404)):
        assert ask(daemon, "PUT", f"{KEYS}/{id}", body).status == status, (id, body)


def test_an_admin_of_a_group_moves_keys_within_its_reach(gate):
    daemon = gate()
    boss = text("boss")
    mine, other, top = (make_key(daemon, group) for group in ("acme/search", "rival", None))
    assert ask(daemon, "PUT", f"{KEYS}/{mine['id']}", definition(mine, group="acme", principal="acme/x"), boss).json()["group"] == "acme"
    for key in (other, top):
        r = masked(ask(daemon, "PUT", f"{KEYS}/{key['id']}", definition(mine, principal="acme/x"), boss), key["id"])
        assert r == masked(ask(daemon, "PUT", f"{KEYS}/key-99", definition(mine, principal="acme/x"), boss), "key-99") and r[0] == 404
    for members in ({"group": "rival"}, {"group": "nowhere"}, {"principal": "rival/ci"}):
        assert ask(daemon, "PUT", f"{KEYS}/{mine['id']}", definition(mine, **members), boss).status == 403, members
    r = ask(daemon, "PUT", f"{KEYS}/{mine['id']}", {"name": "ci", "role": "query", "group": None}, boss)
    assert r.status == 200 and r.json()["group"] == "acme"  # never out of its group
    assert {k["id"]: k["group"] for k in ask(daemon, "GET", KEYS).json()["keys"] if k["owner"] == "api"} == {mine["id"]: "acme", other["id"]: "rival", top["id"]: None}


def test_a_key_of_a_group_does_not_change_itself(gate):
    """Whoever made it said its limits and when it ends."""
    daemon = gate()
    boss = make_key(daemon, "acme", role="admin", limits=[{"requests": 5, **HOUR}])
    path = f"{KEYS}/{boss['id']}"
    r = ask(daemon, "PUT", path, definition(boss, limits=[]), boss["key"])
    assert r.status == 403 and "cannot change itself" in r.json()["error"]["message"]
    assert ask(daemon, "PUT", path.replace("key-", "key-0"), definition(boss, limits=[]), boss["key"]).status == 404  # an id has one spelling
    assert ask(daemon, "PUT", path, definition(boss)).status == 200


def test_a_running_call_stays_where_it_began(gate, upstream):
    go_on = threading.Event()
    up = upstream(lambda x: (go_on.wait(20), x.reply(CHAT_REPLY)))
    daemon = gate(config(up.base))
    key = make_key(daemon, "acme/search")
    running, later = daemon.connect(), daemon.connect()
    running.request("POST", "/v1/chat/completions", CHAT, [*bearer(key["key"]), ("x-request-id", "running")])
    wait_for(lambda: up.requests, "the call")
    assert ask(daemon, "PUT", f"{KEYS}/{key['id']}", definition(key, group="rival")).status == 200
    later.request("POST", "/v1/chat/completions", CHAT, [*bearer(key["key"]), ("x-request-id", "later")])
    go_on.set()
    assert running.reply().status == later.reply().status == 200
    assert daemon.log_line("running")["group"] == "acme/search" and daemon.log_line("later")["group"] == "rival"


# --- limits ---

HOUR = {"per": "hour"}


def put(daemon, name, key=ADMIN, status=200, **members):
    r = ask(daemon, "PUT", f"{GROUPS}/{name}", members, key)
    assert r.status == status, r.body
    return r.json()


def test_a_groups_limits_hold_for_all_below_it(gate):
    daemon = gate(None, "--workers", "2")
    put(daemon, "team", status=201, limits=[{"requests": 4, **HOUR}])
    put(daemon, "team/a", status=201, limits=[{"requests": 3, **HOUR}])
    put(daemon, "team/b", status=201)
    a, b, also_a, other = (make_key(daemon, g)["key"] for g in ("team/a", "team/b", "team/a", "acme"))
    assert [invoke(daemon, k) for k in (a, also_a, a, a)] == [200, 200, 200, 429]
    r = ask(daemon, "POST", "/v1/chat/completions", CHAT, also_a)
    assert r.json()["error"]["limit"] == {**r.json()["error"]["limit"], "owner": "group", "name": "team/a", "kind": "requests", "cap": 3, "used": 3}
    assert "the group 'team/a'" in r.json()["error"]["message"]
    # What was refused below took nothing above: one is left of four.
    assert [invoke(daemon, k) for k in (b, b, b)] == [200, 429, 429]
    error = ask(daemon, "POST", "/v1/chat/completions", CHAT, b).json()["error"]
    # What others of a group above have used is not told below.
    assert "the group 'team'" in error["message"] and (error["limit"]["name"], error["limit"]["cap"], error["limit"]["used"]) == ("team", 4, None)
    assert invoke(daemon, other) == 200 and ask(daemon, "GET", "/v1/models", key=a).status == 200
    r = ask(daemon, "POST", "/gateway/chat/invocations", {"messages": CHAT["messages"]}, b)
    assert r.status == 429 and r.json() == {"error": "Rate limit exceeded: 4 per 1 hour (group 'team')"}


PAIR = [{"requests": 2, "per": "hour", "route": "chat"}, {"requests": 5, "per": "hour"}, {"requests": 1, "per": "hour", "each": "principal", "route": "other"}]


def two_routes(upstream):
    conf = config(upstream(lambda x: x.reply(CHAT_REPLY)).base)
    conf["endpoints"].append({**conf["endpoints"][0], "name": "other"})
    return conf


def call_of(daemon, key, route="chat", path="/v1/chat/completions"):
    return ask(daemon, "POST", path, {**CHAT, "model": route}, key)


def test_a_limit_of_a_group_on_one_route(gate, upstream):
    """Of the file: only calls of that route count, and a refusal names both."""
    conf = two_routes(upstream)
    conf["groups"][0]["limits"] = PAIR
    conf["alerts"] = {"at": [100]}
    daemon = gate(conf)
    key, other = (make_key(daemon, "acme/search")["key"] for _ in range(2))
    assert [call_of(daemon, k).status for k in (key, other, key)] == [200, 200, 429]
    error = call_of(daemon, text("query")).json()["error"]
    assert error["message"].startswith("Rate limit reached for the group 'acme' on the route 'chat': 2 calls per 1 hour."), error
    assert error["limit"] == {"owner": "group", "name": "acme", "route": "chat", "kind": "requests", "cap": 2, "used": 2, "reset": error["limit"]["reset"]}
    assert call_of(daemon, key).json()["error"]["limit"]["used"] is None  # what others of a group above have used
    r = ask(daemon, "POST", "/gateway/chat/invocations", {"messages": CHAT["messages"]}, key)
    assert r.json() == {"error": "Rate limit exceeded: 2 per 1 hour (group 'acme', route 'chat')"}
    # Each caller has one on the other route, until the group's five are used.
    assert [call_of(daemon, k, "other").status for k in (key, key, text("query"), text("boss"))] == [200, 429, 200, 200]
    made = make_key(daemon, "acme")["key"]
    error = call_of(daemon, made, "other").json()["error"]
    assert "for the group 'acme': 5 calls" in error["message"] and "route" not in error["limit"]
    shown = ask(daemon, "GET", GROUPS + "/acme").json()
    assert shown["limits"] == PAIR
    assert [(c.get("route"), c["used"]) for c in shown["counts"]] == [("chat", 2), (None, 5), ("other", None)]
    wait_for(lambda: "the group 'acme' on the route 'chat' has reached 100 % of a limit: 2 calls of 2 calls per 1 hour" in daemon.stderr, "the alert")
    near = wait_for(lambda: len(rows := ask(daemon, "GET", "/api/sluice/v1/requests?status=429&limit=1000").json()["requests"]) == 6 and rows, "the rows")
    assert {(limit["owner"], limit["name"], limit.get("route")) for r in near for limit in r["limits"]} == {("group", "acme", "chat"), ("group", "acme", "other"), ("group", "acme", None)}
    assert ask(daemon, "GET", GROUPS + "/rival").json()["counts"] == []


def test_a_limit_on_one_route_by_calls(gate, upstream):
    """By the API, inherited by new children, and kept over a restart; a call that goes on to the other route counts there."""
    conf = two_routes(upstream)
    daemon = gate(conf)
    template = [{"requests": 2, "per": "day", "route": "chat"}]
    put(daemon, "team", status=201, children={"limits": template})
    assert make_group(daemon, "team/a")["limits"] == template
    make_group(daemon, "team/b")
    a, b = (make_key(daemon, f"team/{name}")["key"] for name in "ab")
    assert [call_of(daemon, a).status for _ in range(3)] == [200, 200, 429]
    assert call_of(daemon, a, "other").status == call_of(daemon, b).status == 200
    daemon.stop()
    daemon.stopped = True
    daemon = gate(conf)
    assert call_of(daemon, a).status == 429 and call_of(daemon, b).status == 200 and call_of(daemon, a, "other").status == 200
    counts = ask(daemon, "GET", GROUPS + "/team/a").json()["counts"]
    assert [(c["kind"], c["route"], c["used"]) for c in counts] == [("requests", "chat", 2)]
    # Another limit of the same group leaves it alone; without it, calls pass.
    put(daemon, "team/a", limits=[*template, {"requests": 2, "per": "day", "route": "other"}])
    assert call_of(daemon, a).status == 429 and [call_of(daemon, a, "other").status for _ in range(3)] == [200, 200, 429]
    put(daemon, "team/a", limits=[])
    assert call_of(daemon, a).status == call_of(daemon, a, "other").status == 200
    for limits, said in (([{"requests": 1, "per": "day", "route": 5}], "limits[0].route: must be the name of a route"),
                         ([{"session": {"calls": 1}, "route": "chat"}], "limits[0].route: a session's limits have none")):
        r = ask(daemon, "PUT", f"{GROUPS}/team/a", {"limits": limits})
        assert r.status == 400 and message(r).startswith(said), r.body
    r = ask(daemon, "PUT", "/api/sluice/v1/routes/chat/limits", {"limits": template})
    assert r.status == 400 and "limits[0].route: goes with the limits of groups only" in r.body.decode(), r.body


def test_a_limit_on_a_route_that_calls_go_on_to(gate, upstream):
    """A group may have less of the route that another one falls back to."""
    conf = two_routes(upstream)
    down = upstream(lambda x: x.reply({"error": {"message": "down"}}, status="500 Oops"))
    conf["endpoints"][0] = chat_route(down.base, fallback={"routes": ["other"]})
    conf["groups"][0]["limits"] = [{"requests": 1, "per": "hour", "route": "other"}]
    daemon = gate(conf)
    assert [call_of(daemon, text("query")).status for _ in range(2)] == [200, 500]
    assert [c["used"] for c in ask(daemon, "GET", GROUPS + "/acme").json()["counts"]] == [1]
    key = make_key(daemon, "rival")["key"]
    assert [call_of(daemon, key).status for _ in range(2)] == [200, 200]


def test_a_keys_own_limits(gate):
    daemon = gate()
    key, twin = (make_key(daemon, "acme", limits=[{"requests": 2, **HOUR}, {"tokens": 1000000, "per": "day"}]) for _ in range(2))
    assert key["limits"] == [{"requests": 2, "per": "hour"}, {"tokens": 1000000, "per": "day"}]
    assert [invoke(daemon, key["key"]) for _ in range(3)] == [200, 200, 429] and invoke(daemon, twin["key"]) == 200
    assert "the key 'ci'" in ask(daemon, "POST", "/v1/chat/completions", CHAT, key["key"]).json()["error"]["message"]
    listed = {k["id"]: k["limits"] for k in ask(daemon, "GET", KEYS).json()["keys"]}
    assert listed[key["id"]] == key["limits"] and listed["file:query"] == []
    # Another cap keeps the count; no limits lift it.
    r = ask(daemon, "PUT", f"{KEYS}/{key['id']}", definition(key, limits=[{"requests": 3, **HOUR}]))
    assert r.status == 200 and [invoke(daemon, key["key"]) for _ in range(2)] == [200, 429]
    assert ask(daemon, "PUT", f"{KEYS}/{key['id']}", definition(key)).json()["limits"] == []
    assert invoke(daemon, key["key"]) == 200
    for limits in ([{"requests": "2", **HOUR}], {}, [{"requests": 2}], [{"dreams": 2, **HOUR}]):
        r = ask(daemon, "POST", KEYS, {"name": "x", "role": "query", "group": "acme", "limits": limits})
        assert r.status == 400 and message(r).startswith("limits"), r.body


def test_limits_of_the_file(gate, upstream):
    base = upstream(lambda x: x.reply(CHAT_REPLY)).base
    conf = config(base)
    conf["groups"] = [{"name": "acme", "limits": [{"requests": 3, **HOUR}], "children": {"limits": [{"requests": 1, **HOUR}]}}]
    conf["auth"]["keys"][0]["limits"] = [{"requests": 2, **HOUR}]
    daemon = gate(conf)
    assert ask(daemon, "GET", GROUPS + "/acme").json()["limits"] == [{"requests": 3, "per": "hour"}]
    assert [invoke(daemon, text("query")) for _ in range(3)] == [200, 200, 429]
    assert [invoke(daemon, text("boss")) for _ in range(2)] == [200, 429]


def test_a_new_group_begins_with_its_parents_template(gate):
    daemon = gate()
    template = [{"requests": 1, "per": "hour"}]
    made = put(daemon, "team", status=201, children={"limits": template})
    assert made["limits"] == [] and made["children"] == {"limits": template}
    assert make_group(daemon, "team/a")["limits"] == template and put(daemon, "team/b", status=201)["limits"] == template
    assert put(daemon, "team/c", status=201, limits=None)["limits"] == [] == put(daemon, "team/d", status=201, limits=[])["limits"]
    assert put(daemon, "team/e", status=201, limits=[{"concurrent": 3}])["limits"] == [{"concurrent": 3}]
    assert make_group(daemon, "team/a/x")["limits"] == []  # only of the group that it is in
    key = make_key(daemon, "team/a")["key"]
    assert [invoke(daemon, key) for _ in range(2)] == [200, 429]
    # Another template changes no group that is there. PUT without limits takes them away.
    assert put(daemon, "team")["children"] is None and ask(daemon, "GET", GROUPS + "/team/a").json()["limits"] == template
    assert put(daemon, "team/a")["limits"] == [] and invoke(daemon, key) == 200
    rows = [r for r in ask(daemon, "GET", AUDIT).json()["audit"] if r["target"] == "team"]
    assert [r["action"] for r in rows] == ["group.replace", "group.create"] and rows[0]["before"] == rows[1]["after"] == {"name": "team", "limits": [], "children": {"limits": template}}
    r = ask(daemon, "PUT", GROUPS + "/acme", {})
    assert r.status == 409 and "sluice.yaml:" in message(r)
    assert ask(daemon, "PUT", GROUPS + "/none/x", {}).status == 404 and ask(daemon, "PUT", GROUPS + "/a%20b", {}).status == 400


def test_an_admin_of_a_group_sets_limits_below_it_only(gate):
    daemon = gate()
    make_group(daemon, "rival/secret")
    boss = text("boss")
    put(daemon, "acme/own", boss, 201, limits=[{"requests": 1, **HOUR}])
    assert put(daemon, "acme/own", boss, limits=[{"requests": 2, **HOUR}])["limits"] == [{"requests": 2, "per": "hour"}]
    for name in ("acme", "rival", "rival/secret", "nowhere", "nowhere/secret", "acme2"):
        r = ask(daemon, "PUT", f"{GROUPS}/{name}", {"limits": []}, boss)
        assert r.status == 403 and message(r) == "A key of the group 'acme' changes groups below it only.", (name, r.body)
    assert "nowhere" not in names(daemon) and "acme2" not in names(daemon)


def test_concurrent_calls_of_a_group_and_of_a_key_that_moved(gate, upstream):
    """A call holds its place in the group in which it began, until it ends."""
    go_on = threading.Event()
    up = upstream(lambda x: (go_on.wait(20), x.reply(CHAT_REPLY)))
    daemon = gate(config(up.base))
    for name in ("one", "two"):
        put(daemon, name, status=201, limits=[{"concurrent": 1}])
    key, other = make_key(daemon, "one"), make_key(daemon, "one")
    running = daemon.connect()
    running.request("POST", "/v1/chat/completions", CHAT, bearer(key["key"]))
    wait_for(lambda: up.requests, "the call")
    assert invoke(daemon, other["key"]) == 429
    assert ask(daemon, "PUT", f"{KEYS}/{key['id']}", definition(key, group="two")).status == 200
    assert invoke(daemon, other["key"]) == 429  # its place in the first group is still taken
    later = daemon.connect()
    later.request("POST", "/v1/chat/completions", CHAT, bearer(key["key"]))  # and this one has the place in the second
    wait_for(lambda: len(up.requests) == 2, "the second call")
    assert invoke(daemon, key["key"]) == 429
    go_on.set()
    assert running.reply().status == later.reply().status == 200
    assert invoke(daemon, other["key"]) == invoke(daemon, key["key"]) == 200


def test_counts_survive_kill_and_end_with_their_group(gate):
    daemon = gate()
    put(daemon, "team", status=201, limits=[{"requests": 3, "per": "day"}])
    key = make_key(daemon, "team", limits=[{"requests": 2, "per": "day"}])
    assert [invoke(daemon, key["key"]) for _ in range(3)] == [200, 200, 429]
    daemon.stop()
    daemon.stopped = True
    daemon = gate()
    other = make_key(daemon, "team")
    assert invoke(daemon, key["key"]) == 429 and [invoke(daemon, other["key"]) for _ in range(2)] == [200, 429]
    for id in (key["id"], other["id"]):
        assert ask(daemon, "DELETE", f"{KEYS}/{id}").status == 200
    assert ask(daemon, "DELETE", GROUPS + "/team").status == 200
    put(daemon, "team", status=201, limits=[{"requests": 1, "per": "day"}])  # a new one of that name counts from nothing
    key = make_key(daemon, "team")["key"]
    assert [invoke(daemon, key) for _ in range(2)] == [200, 429]

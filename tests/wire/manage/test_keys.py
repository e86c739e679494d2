# SPDX-License-Identifier: Apache-2.0
"""API keys in the store: made, listed and revoked by calls, in force everywhere at once, never stored as text."""
import datetime
import signal
import sqlite3
import threading
import time

import pytest

from harness import CHAT, CHAT_REPLY, chat_route, files_of, wait_for

KEYS = "/api/sluice/v1/keys"
AUDIT = "/api/sluice/v1/audit"
ROUTES = "/api/2.0/gateway/routes/"
ADMIN = "an-admin-key-of-the-file"
FILE = "sk-sluice-" + "f" * 43
SDK = ("user-agent", "unknown/0.0.0 databricks-sdk-py/0.50 python/3.11 os/linux auth/pat")


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


def config(base, **more):
    return {"auth": {"admin_key": "$THE_ADMIN", "keys": [{"name": "of-the-file", "key": "$THE_FILE"}]},
            "endpoints": [chat_route(base), chat_route(base, "other")], "upstream": {"allow": ["127.0.0.0/8"]}, **more}


@pytest.fixture
def gate(sluice, upstream, tmp_path):
    up = upstream(lambda x: x.reply(CHAT_REPLY))

    def start(*args, conf=None):
        daemon = sluice(conf or config(up.base), args=["--data", str(tmp_path / "data"), *args], env={"THE_ADMIN": ADMIN, "THE_FILE": FILE})
        daemon.up = up
        daemon.data = tmp_path / "data"
        return daemon

    return start


def make(daemon, status=201, **members):
    body = {"name": "program", "principal": "team-a", "role": "query", **members}
    reply = daemon.call("POST", KEYS, body, bearer(ADMIN))
    assert reply.status == status, reply.body
    return reply.json()


def ask(daemon, key, route="chat"):
    return daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route}, bearer(key)).status


def listed(daemon, key=ADMIN):
    return {k["id"]: k for k in daemon.call("GET", KEYS, headers=bearer(key)).json()["keys"]}


def test_a_key_is_in_force_on_every_worker_until_it_is_revoked(gate):
    daemon = gate("--workers", "4")
    conns = [daemon.connect() for _ in range(16)]
    for i in range(8):
        made = make(daemon, name=f"n{i}")
        assert made["key"].startswith("sk-sluice-") and len(made["key"]) == 53 and made["enforced"] is True
        assert {k: made[k] for k in ("name", "principal", "role", "routes", "expires_at")} == {
            "name": f"n{i}", "principal": "team-a", "role": "query", "routes": None, "expires_at": None}
        for conn in conns:
            assert conn.request("GET", "/v1/models", headers=bearer(made["key"])).reply("GET").status == 200
        assert daemon.call("DELETE", f"{KEYS}/{made['id']}", headers=bearer(ADMIN)).status == 200
        for conn in conns:
            assert conn.request("GET", "/v1/models", headers=bearer(made["key"])).reply("GET").status == 401
        assert daemon.call("DELETE", f"{KEYS}/{made['id']}", headers=bearer(ADMIN)).status == 404


def test_keys_survive_kill_and_are_hashes_in_the_file(gate):
    daemon = gate()
    made, gone = make(daemon), make(daemon, name="gone")
    daemon.call("DELETE", f"{KEYS}/{gone['id']}", headers=bearer(ADMIN))
    daemon.stop(signal.SIGKILL, check=False)
    daemon.stopped = True
    daemon = gate()
    assert ask(daemon, made["key"]) == 200 and ask(daemon, gone["key"]) == 401
    assert set(listed(daemon)) == {"file:of-the-file", "file:admin", made["id"]}
    for path in files_of(daemon.data):
        assert made["key"].encode() not in path.read_bytes(), path
    again = make(daemon, name="gone")
    assert again["id"] not in (made["id"], gone["id"])


def test_roles_and_routes(gate):
    daemon = gate()
    query = make(daemon, routes=["chat", "later"])["key"]
    admin = make(daemon, role="admin")["key"]
    assert ask(daemon, query) == 200 and ask(daemon, query, "other") == 404 and ask(daemon, query, "later") == 404
    assert [m["id"] for m in daemon.call("GET", "/v1/models", headers=bearer(query)).json()["data"]] == ["chat"]
    assert daemon.call("GET", "/api/2.0/gateway/limits/other", headers=bearer(query)).status == 404
    assert daemon.call("GET", "/api/2.0/gateway/limits/chat", headers=bearer(query)).status == 200
    assert daemon.call("GET", "/api/2.0/serving-endpoints/other", headers=bearer(query)).status == 404
    mock = {"name": "later", "route_type": "llm/v1/chat", "model": {"name": "m", "provider": "mock", "config": {}}}
    for method, path, body in [("POST", ROUTES, mock), ("DELETE", ROUTES + "later", None), ("GET", KEYS, None), ("POST", KEYS, {}),
                               ("DELETE", KEYS + "/key-1", None), ("GET", AUDIT, None), ("GET", "/api/sluice/v1/routes", None),
                               ("GET", "/api/sluice/v1/routes/chat", None), ("PUT", "/api/sluice/v1/routes/later", mock),
                               ("DELETE", "/api/sluice/v1/routes/later", None), ("POST", "/api/2.0/gateway/limits/", {"route": "chat", "limits": []}),
                               ("POST", "/api/2.0/endpoints/limits/", {"route": "chat", "limits": []})]:
        refused = daemon.call(method, path, body, bearer(query))
        assert refused.status == 403, (method, path, refused.status)
        told = refused.json()
        if path.startswith("/api/sluice"):
            assert told["error"]["code"] == "caller_forbidden" and told["error"]["type"] == "caller" and told["error"]["request_id"]
        through_sdk = daemon.call(method, path, body, [*bearer(query), SDK])
        if path.startswith("/api/2.0"):
            assert through_sdk.json()["error_code"] == "PERMISSION_DENIED" and "detail" not in through_sdk.json()
            assert daemon.call(method, path, body, [SDK]).json()["error_code"] == "UNAUTHENTICATED"
    assert daemon.call("POST", ROUTES, mock, bearer(admin)).status == 200
    assert ask(daemon, query, "later") == 200  # a route that was made after the key
    assert ask(daemon, make(daemon, routes=[])["key"]) == 404


@pytest.mark.parametrize("members, text", [
    ({"name": None}, "name: must be"), ({"name": ""}, "name: must be"), ({"name": "a\nb"}, "name: must be"), ({"name": "x" * 256}, "name: must be"),
    ({"name": 5}, "name: must be"), ({"principal": ""}, "principal: must be"), ({"principal": " a"}, "principal: must be"),
    ({"role": "root"}, "role: must be"), ({"role": None}, "role: must be"), ({"routes": "chat"}, "routes: must be"),
    ({"routes": ["a/b"]}, "routes[0] must be"), ({"routes": ["a", 5]}, "routes[1] must be"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at: lies in the past"), ({"expires_at": 5}, "expires_at: lies in the past"),
    ({"expires_at": "tomorrow"}, "expires_at: must be"), ({"expires_at": "2030-02-30T00:00:00Z"}, "expires_at: must be"),
    ({"expires_at": -1}, "expires_at: must be"), ({"expire_at": "2030-01-01T00:00:00Z"}, "expire_at"), ({"key": "sk-sluice-mine"}, "no such member"),
])
def test_bad_bodies(gate, members, text):
    daemon = gate()
    told = make(daemon, status=400, **members)["error"]
    assert text in told["message"] and told["code"] == "caller_invalid_request"
    assert "key-1" not in listed(daemon)


@pytest.mark.parametrize("missing", ["name", "principal", "role"])
def test_missing_members(gate, missing):
    body = {"name": "program", "principal": "team-a", "role": "query"}
    del body[missing]
    reply = gate().call("POST", KEYS, body, bearer(ADMIN))
    assert reply.status == 400 and f"{missing}: is missing" in reply.json()["error"]["message"]


def test_bodies_that_are_none(gate):
    daemon = gate()
    for body in (b"", b"{", b"[]", b'"x"', b"[" * 5000):
        assert daemon.call("POST", KEYS, body, bearer(ADMIN)).status == 400
    large = daemon.call("POST", KEYS, b"x" * (2 << 20), bearer(ADMIN))
    assert large.status == 413 and b"the body is larger than the 1MiB that this path takes" in large.body


def test_expiry(gate):
    daemon = gate()
    for given, told in [("2099-12-31T23:59:59Z", "2099-12-31T23:59:59Z"), ("2099-12-31T23:59:59.5+01:00", "2099-12-31T22:59:59Z"),
                        (4102444799, "2099-12-31T23:59:59Z"), (None, None)]:
        assert make(daemon, expires_at=given)["expires_at"] == told
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    made = make(daemon, expires_at=soon.isoformat())
    first = daemon.call("GET", "/v1/models", headers=bearer(made["key"]))
    assert first.status == 200 or time.time() >= int(soon.timestamp())
    wait_for(lambda: daemon.call("GET", "/v1/models", headers=bearer(made["key"])).status == 401, "the key's end")
    assert b"expired" in daemon.call("GET", "/v1/models", headers=bearer(made["key"])).body


def test_the_files_keys_are_the_operators(gate):
    daemon = gate()
    for id in ("file:of-the-file", "of-the-file", "file:admin"):
        refused = daemon.call("DELETE", f"{KEYS}/{id}", headers=bearer(ADMIN))
        assert refused.status == 409, refused.body
    assert "sluice.yaml:" in daemon.call("DELETE", f"{KEYS}/file:of-the-file", headers=bearer(ADMIN)).json()["error"]["message"]
    assert listed(daemon)["file:of-the-file"]["owner"] == "file"
    for id in ("key-99", "key-0", "key-", "nope", "key-99999999999999999999", "%00"):
        assert daemon.call("DELETE", f"{KEYS}/{id}", headers=bearer(ADMIN)).status == 404, id


def test_a_revoked_key_ends_no_running_exchange(gate):
    daemon = gate()
    made = make(daemon)
    gate_open = threading.Event()

    def slow(x):
        gate_open.wait(20)
        x.reply(CHAT_REPLY)

    daemon.up.handler = slow
    conn = daemon.connect()
    conn.request("POST", "/v1/chat/completions", CHAT, headers=bearer(made["key"]))
    wait_for(lambda: len(daemon.up.requests) == 1, "the request")
    assert daemon.call("DELETE", f"{KEYS}/{made['id']}", headers=bearer(ADMIN)).status == 200
    gate_open.set()
    assert conn.reply("POST").status == 200
    assert ask(daemon, made["key"]) == 401


def test_last_use_is_listed_and_kept(gate):
    daemon = gate()
    made, idle = make(daemon), make(daemon, name="idle")
    assert listed(daemon)[made["id"]]["last_used_at"] is None
    assert ask(daemon, made["key"]) == 200
    used = listed(daemon)[made["id"]]["last_used_at"]
    assert used.endswith("Z")
    daemon.stop()
    daemon.stopped = True
    daemon = gate()
    assert listed(daemon)[made["id"]]["last_used_at"] >= used and listed(daemon)[idle["id"]]["last_used_at"] is None


def test_lists_are_paged(gate):
    daemon = gate()
    conn = daemon.connect()
    for i in range(1003):
        reply = conn.request("POST", KEYS, {"name": f"n{i}", "principal": "p", "role": "query"}, headers=bearer(ADMIN)).reply("POST")
        assert reply.status == 201
    first = daemon.call("GET", KEYS, headers=bearer(ADMIN)).json()
    second = daemon.call("GET", f"{KEYS}?page_token={first['next_page_token']}", headers=bearer(ADMIN)).json()
    told = [k["name"] for k in first["keys"] + second["keys"] if k["owner"] == "api"]
    assert told == [f"n{i}" for i in range(1003)] and second["next_page_token"] is None
    assert daemon.call("GET", f"{KEYS}?page_token=x", headers=bearer(ADMIN)).status == 400
    rows, token = [], ""
    while token is not None:
        page = daemon.call("GET", AUDIT + (f"?page_token={token}" if token else ""), headers=bearer(ADMIN)).json()
        rows += page["audit"]
        token = page["next_page_token"]
    assert [r["after"]["name"] for r in rows] == [f"n{i}" for i in reversed(range(1003))]
    assert daemon.call("GET", f"{AUDIT}?page_token=-1", headers=bearer(ADMIN)).status == 400


def test_without_auth_keys_wait_until_they_are_asked_for(gate):
    daemon = gate(conf={"endpoints": []})
    made = daemon.call("POST", KEYS, {"name": "n", "principal": "p", "role": "admin"}).json()
    assert made["enforced"] is False
    daemon.stop()
    daemon.stopped = True
    daemon = gate()
    assert set(listed(daemon, made["key"])) == {"file:of-the-file", "file:admin", made["id"]}


def test_keys_outlive_a_reload(gate):
    daemon = gate()
    made = make(daemon)
    path = daemon.dir / "sluice.yaml"
    path.write_text(path.read_text() + "metrics: {max_routes: 7}\n")
    wait_for(lambda: "a new configuration is in force" in daemon.stderr, "the reload")
    assert ask(daemon, made["key"]) == 200
    assert listed(daemon)[made["id"]]["last_used_at"]


def test_the_audit_tells_every_change(gate):
    daemon = gate()
    admin = make(daemon, name="boss", principal="the-boss", role="admin")
    who = [*bearer(admin["key"]), ("x-request-id", "the-request")]
    own = "/api/sluice/v1/routes/r"
    route = {"name": "r", "route_type": "llm/v1/chat",
             "model": {"name": "m1", "provider": "openai", "openai_config": {"openai_api_key": "sk-canary-1"}}}
    changed = {"route_type": "llm/v1/chat", "model": {"name": "m2", "provider": "openai", "openai_config": {"openai_api_key": "sk-canary-2"}}}
    limits = [{"calls": 5, "key": None, "renewal_period": "minute"}]
    for method, path, body in [("POST", ROUTES, route), ("PUT", own, changed), ("POST", "/api/2.0/gateway/limits/", {"route": "r", "limits": limits}),
                               ("POST", "/api/2.0/gateway/limits/", {"route": "r", "limits": []}), ("DELETE", ROUTES + "r", None),
                               ("DELETE", f"{KEYS}/{admin['id']}", None)]:
        assert daemon.call(method, path, body, who).status == 200, (method, path)
    # a refused call is no change
    daemon.call("POST", ROUTES, {**route, "name": "a/b"}, bearer(ADMIN))
    daemon.call("DELETE", ROUTES + "r", None, bearer(ADMIN))
    rows = daemon.call("GET", AUDIT, headers=bearer(ADMIN)).json()["audit"]
    assert [r["action"] for r in rows] == ["key.revoke", "route.delete", "limits.clear", "limits.set", "route.replace", "route.create", "key.create"]
    assert [r["target"] for r in rows] == [admin["id"], "r", "r", "r", "r", "r", admin["id"]]
    for row in rows[:-1]:
        assert (row["principal"], row["key_id"], row["request_id"]) == ("the-boss", admin["id"], "the-request")
        assert abs(datetime.datetime.fromisoformat(row["time"].replace("Z", "+00:00")).timestamp() - time.time()) < 60
    assert rows[-1]["principal"] == "admin" and rows[-1]["key_id"] == "file:admin"
    create, replace, delete = rows[5], rows[4], rows[1]
    assert create["before"] is None and create["after"]["model"]["name"] == "m1"
    assert replace["before"] == create["after"] and replace["after"]["model"]["name"] == "m2"
    assert replace["before"]["secrets"]["openai_api_key"]["fingerprint"] != replace["after"]["secrets"]["openai_api_key"]["fingerprint"]
    assert delete["before"] == replace["after"] and delete["after"] is None
    assert rows[3]["before"] is None and rows[3]["after"][0]["calls"] == 5 and rows[2]["before"] == rows[3]["after"] and rows[2]["after"] is None
    assert rows[6]["after"] == rows[0]["before"] == {"name": "boss", "principal": "the-boss", "role": "admin", "group": None, "routes": None, "limits": [], "expires_at": None}
    assert "sk-canary" not in str(rows) and admin["key"] not in str(rows)


def test_a_change_and_its_audit_row_are_one(gate):
    daemon = gate()
    for i in range(5):
        make(daemon, name=f"n{i}")
    daemon.stop(signal.SIGKILL, check=False)
    daemon.stopped = True
    db = sqlite3.connect(daemon.data / "sluice.db")
    assert db.execute("SELECT count(*) FROM keys").fetchone() == db.execute("SELECT count(*) FROM audit").fetchone() == (5,)


def test_databricks_deployment_client_with_our_keys(gate, monkeypatch):
    from mlflow.deployments import get_deploy_client

    daemon = gate()
    monkeypatch.setenv("DATABRICKS_HOST", daemon.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", make(daemon, role="admin")["key"])
    client = get_deploy_client("databricks")
    entity = {"name": "e", "external_model": {"name": "gpt", "provider": "openai", "task": "llm/v1/chat",
                                              "openai_config": {"openai_api_key": "sk-made", "openai_api_base": daemon.up.base}}}
    made = client.create_endpoint(name="made", config={"served_entities": [entity]})
    assert made["name"] == "made" and made["config"]["served_entities"][0]["external_model"]["provider"] == "openai"
    assert client.predict(endpoint="made", inputs={"messages": CHAT["messages"]})["choices"]
    assert "made" in [e["name"] for e in client.list_endpoints()] and client.get_endpoint("made")["name"] == "made"
    for refused, code in [(lambda: client.update_endpoint_tags("made", {"add_tags": [{"key": "a"}]}), "NOT_IMPLEMENTED"),
                          (lambda: client.update_endpoint_rate_limits("made", {"rate_limits": [{"calls": 1, "key": "route", "renewal_period": "minute"}]}), "INVALID_PARAMETER_VALUE"),
                          (lambda: client.update_endpoint_rate_limits("nope", {"rate_limits": []}), "RESOURCE_DOES_NOT_EXIST"),
                          (lambda: client.create_endpoint(name="x", config={"served_entities": []}), "INVALID_PARAMETER_VALUE"),
                          (lambda: client.delete_endpoint("chat"), "RESOURCE_CONFLICT")]:
        with pytest.raises(Exception) as e:
            refused()
        assert code in str(e.value) or code in str(getattr(e.value, "response", None) and e.value.response.text), e.value
    assert client.delete_endpoint("made") is not None and "made" not in [e["name"] for e in client.list_endpoints()]
    monkeypatch.setenv("DATABRICKS_TOKEN", make(daemon)["key"])
    query = get_deploy_client("databricks")
    assert query.predict(endpoint="chat", inputs={"messages": CHAT["messages"]})["choices"]
    with pytest.raises(Exception):
        query.create_endpoint(name="made", config={"served_entities": [entity]})


def test_databricks_rate_limits(gate, monkeypatch):
    """Set, shown and in force; with a route from its first call on; in the form of the deployment client and of
    set_limits."""
    from mlflow.deployments import get_deploy_client

    daemon = gate()
    monkeypatch.setenv("DATABRICKS_HOST", daemon.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", make(daemon, role="admin")["key"])
    client = get_deploy_client("databricks")
    entity = {"name": "e", "external_model": {"name": "gpt", "provider": "openai", "task": "llm/v1/chat",
                                              "openai_config": {"openai_api_key": "sk-made", "openai_api_base": daemon.up.base}}}
    one = [{"calls": 1, "key": "endpoint", "renewal_period": "hour"}]
    made = client.create_endpoint(name="made", config={"served_entities": [entity], "rate_limits": one})
    assert made["rate_limits"] == client.get_endpoint("made")["rate_limits"] == one

    def answers(n):  # not with its predict, which would wait for the next window
        return [daemon.call("POST", "/serving-endpoints/made/invocations", {"messages": CHAT["messages"]}, bearer(ADMIN)).status for _ in range(n)]

    assert answers(2) == [200, 429]
    two = [{"calls": 2, "key": "user", "renewal_period": "5 minutes"}, {"calls": 9, "key": "endpoint", "renewal_period": "hour"}]
    assert client.update_endpoint_rate_limits("made", {"rate_limits": two})["rate_limits"] == two
    assert daemon.call("GET", "/api/2.0/gateway/limits/made", headers=bearer(ADMIN)).json()["limits"] == [two[0], {**two[1], "key": "route"}]
    assert answers(3) == [200, 200, 429]
    assert client.update_endpoint_rate_limits("made", {"rate_limits": []})["rate_limits"] == [] and "rate_limits" not in client.get_endpoint("made")
    rows = daemon.call("GET", AUDIT, headers=bearer(ADMIN)).json()["audit"]
    assert [r["action"] for r in rows[:4]] == ["limits.clear", "limits.set", "limits.set", "route.create"]


def test_databricks_update_endpoint_config(gate, monkeypatch):
    """PUT of the route: another model; limits and a credential that is left out stay."""
    from mlflow.deployments import get_deploy_client

    daemon = gate()
    monkeypatch.setenv("DATABRICKS_HOST", daemon.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", make(daemon, role="admin")["key"])
    client = get_deploy_client("databricks")

    def config(name, task="llm/v1/chat", **more):
        openai_config = {"openai_api_base": daemon.up.base, **more}
        return {"served_entities": [{"external_model": {"name": name, "provider": "openai", "openai_config": openai_config} | ({"task": task} if task else {})}]}

    limits = [{"calls": 9, "key": "endpoint", "renewal_period": "hour"}]
    client.create_endpoint(name="made", config={**config("gpt", openai_api_key="sk-made"), "rate_limits": limits})
    for name, task in (("gpt-2", "llm/v1/chat"), ("gpt-3", None), ("gpt-4", "llm/v1/chat")):
        said = client.update_endpoint_config("made", config(name, task))
        assert said == client.get_endpoint("made")
        assert said["config"]["served_entities"][0]["external_model"] == {"name": name, "provider": "openai", "task": "llm/v1/chat"}
        assert said["rate_limits"] == limits
        assert client.predict(endpoint="made", inputs={"messages": CHAT["messages"]})["choices"]
        asked = daemon.up.requests[-1]
        assert asked.json()["model"] == name and asked.get("authorization") == "Bearer sk-made"
    for endpoint, body, status, code in (
        ("nope", config("gpt"), 404, "RESOURCE_DOES_NOT_EXIST"),
        ("chat", config("gpt"), 409, "RESOURCE_CONFLICT"),  # a route of the file
        ("made", {}, 400, "INVALID_PARAMETER_VALUE"),
        ("made", {"served_entities": []}, 400, "INVALID_PARAMETER_VALUE"),
        ("made", {"served_entities": config("a")["served_entities"] * 2}, 400, "INVALID_PARAMETER_VALUE"),
        ("made", config("gpt", "llm/v1/nothing"), 400, "INVALID_PARAMETER_VALUE"),
        ("made", config("gpt", openai_api_kee="sk-x"), 400, "INVALID_PARAMETER_VALUE"),
    ):
        r = daemon.call("PUT", f"/api/2.0/serving-endpoints/{endpoint}/config", body, bearer(ADMIN))
        assert (r.status, r.json()["error_code"]) == (status, code), (endpoint, body, r.body)
    for method, path, body, where in (
        ("PUT", "/made/config", {"served_entities": []}, "served_entities: "),
        ("POST", "", {"name": "x", "config": {"served_entities": []}, "rate_limits": "wrong"}, "config.served_entities: "),
    ):
        r = daemon.call(method, f"/api/2.0/serving-endpoints{path}", body, bearer(ADMIN))
        assert r.status == 400 and r.json()["message"].startswith(where), r.body
    assert client.get_endpoint("made")["config"]["served_entities"][0]["external_model"]["name"] == "gpt-4"
    r = daemon.call("PUT", "/api/2.0/serving-endpoints/made/config", config("gpt"), bearer(make(daemon)["key"]))
    assert r.status == 403
    rows = daemon.call("GET", AUDIT, headers=bearer(ADMIN)).json()["audit"]
    assert [r["action"] for r in rows if r["action"].startswith("route.")] == ["route.replace"] * 3 + ["route.create"]


def test_a_long_definition_comes_through_databricks_form(gate):
    daemon = gate()
    entity = {"name": "e", "external_model": {"name": "gpt", "provider": "openai", "task": "llm/v1/chat",
                                              "openai_config": {"openai_api_key": "sk-" + "m" * 9000, "openai_api_base": daemon.up.base}}}
    r = daemon.call("POST", "/api/2.0/serving-endpoints/", {"name": "long", "config": {"served_entities": [entity]}}, bearer(ADMIN))
    assert r.status == 200, r.body

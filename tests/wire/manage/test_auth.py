# SPDX-License-Identifier: Apache-2.0
"""Who may call: keys of the file and the admin key, their roles and routes, and what an open gateway may listen on."""
import base64
import hashlib
import os
import stat
import subprocess

import openai
import pytest

from harness import BIN, CHAT, CHAT_REPLY, DEADLINE, chat_route, free_port, wait_for

ADMIN = "an-admin-key-of-the-file"
QUERY = "sk-sluice-" + "q" * 43
LIMITED = "sk-sluice-" + "l" * 43
EXPIRED = "sk-sluice-" + "e" * 43
ENV = {"THE_ADMIN": ADMIN, "THE_QUERY": QUERY, "THE_EXPIRED": EXPIRED}


def keyed(base, **auth):
    return {
        "auth": {
            "admin_key": "$THE_ADMIN",
            "keys": [
                {"name": "program", "principal": "team-a", "key": "$THE_QUERY"},
                {"name": "narrow", "routes": ["chat"], "key": {"sha256": hashlib.sha256(LIMITED.encode()).hexdigest()}},
                {"name": "old", "expires_at": "2020-01-01T00:00:00Z", "key": "$THE_EXPIRED"},
            ],
            **auth,
        },
        "endpoints": [chat_route(base), chat_route(base, "other")],
    }


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


@pytest.fixture
def guarded(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice(keyed(up.base), env=ENV)
    daemon.up = up
    return daemon


def test_without_a_key_nothing_but_the_open_paths(guarded):
    for method, path in [("GET", "/api/2.0/gateway/routes/"), ("GET", "/api/2.0/endpoints/chat"), ("POST", "/gateway/chat/invocations"),
                         ("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("POST", "/gateway/nope/invocations")]:
        r = guarded.call(method, path, {} if method == "POST" else None)
        assert r.status == 401, (path, r.status)
        challenges = [v for k, v in r.headers if k.lower() == "www-authenticate"]
        assert challenges == ['Bearer realm="sluice"', 'Basic realm="sluice"']
        assert r.get("x-sluice-error-type") == "caller_unauthenticated"
    for path, status in [("/health", 200), ("/ready", 200), ("/.well-known/databricks-config", 404)]:
        assert guarded.call("GET", path).status == status
    assert not guarded.up.requests


def test_a_refusal_comes_before_the_body(guarded):
    conn = guarded.connect()
    conn.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n")
    assert conn.head().status == 401
    conn.close()


def test_each_way_to_send_a_key(guarded):
    basic = base64.b64encode(f"user:{QUERY}".encode()).decode()
    for headers in [bearer(QUERY), [("authorization", f"bearer  {QUERY}")], [("Authorization", f"Basic {basic}")], [("x-api-key", QUERY)],
                    [("api-key", QUERY)], [("Authorization", "Bearer none"), ("x-api-key", QUERY)], bearer(ADMIN)]:
        assert guarded.call("GET", "/api/2.0/endpoints/", headers=headers).status == 200, headers
    for headers in [bearer("sk-sluice-" + "x" * 43), bearer(QUERY[:-1]), bearer(QUERY + "q"), [("Authorization", QUERY)], bearer(EXPIRED),
                    [("Authorization", f"Bearer {EXPIRED}"), ("x-api-key", QUERY)], [("Authorization", "Basic !!!")], bearer("x" * 5000)]:
        assert guarded.call("GET", "/api/2.0/endpoints/", headers=headers).status == 401, headers


def test_two_keys_are_not_weighed(guarded):
    """Nobody can say which of them was meant, and whose call it is."""
    for headers in [bearer(QUERY) + [("x-api-key", LIMITED)], [("x-api-key", QUERY), ("x-api-key", "x")], bearer(QUERY) + bearer(ADMIN),
                    [("x-api-key", LIMITED), ("api-key", QUERY)]]:
        r = guarded.call("GET", "/api/2.0/endpoints/", headers=headers)
        assert (r.status, b"send one, in one place" in r.body) == (401, True), headers
    for headers in [bearer(QUERY) * 2, bearer(QUERY) + [("x-api-key", "sk-ant-other")], bearer(QUERY) + [("x-api-key", QUERY)]]:
        assert guarded.call("GET", "/api/2.0/endpoints/", headers=headers).status == 200, headers


def test_the_log_says_why_a_key_is_refused(guarded):
    for headers in [bearer(EXPIRED), bearer("sk-sluice-" + "x" * 43), [], bearer(QUERY)]:
        assert guarded.call("GET", "/api/sluice/v1/keys", headers=headers).status in (401, 403)
    told = {(line.get("key"), line["error"]) for line in guarded.log_lines(4) if line["path"].endswith("/keys")}
    assert told == {("old", "The API key has expired."), (None, "The API key is not known to this gateway."), (None, "An API key is needed."),
                    ("program", "the role of the API key does not allow this call")}


def test_an_open_gateway_that_others_reach_is_told(sluice, tmp_path):
    port = free_port()
    config = {"auth": "none", "server": {"listen": [f"0.0.0.0:{port}"]}, "endpoints": []}
    daemon = sluice(config, listen=False, port=port)
    said = f"auth is none, and other machines can reach 0.0.0.0:{port}: everyone there may call"
    wait_for(lambda: f" warning serve: {said}" in daemon.stderr, "the warning")
    check = subprocess.run([BIN, "check", "-c", str(daemon.dir / "sluice.yaml")], capture_output=True, text=True)
    assert check.returncode == 0 and f"warning: {said}" in check.stderr and "1 warning: ok" in check.stdout


def test_a_key_with_routes_sees_and_uses_only_those(guarded):
    listed = guarded.call("GET", "/api/2.0/gateway/routes/", headers=bearer(LIMITED)).json()
    assert [r["name"] for r in listed["routes"]] == ["chat"]
    assert [m["id"] for m in guarded.call("GET", "/v1/models", headers=bearer(LIMITED)).json()["data"]] == ["chat"]
    assert guarded.call("GET", "/api/2.0/endpoints/other", headers=bearer(LIMITED)).status == 404
    assert guarded.call("POST", "/v1/chat/completions", {**CHAT, "model": "other"}, headers=bearer(LIMITED)).status == 404
    assert guarded.call("POST", "/gateway/other/invocations", {"messages": CHAT["messages"]}, headers=bearer(LIMITED)).status == 404
    assert guarded.call("POST", "/v1/chat/completions", CHAT, headers=bearer(LIMITED)).status == 200
    assert len(guarded.up.requests) == 1


def test_the_clients_key_never_goes_upstream(guarded):
    for headers in [bearer(QUERY), [("x-api-key", QUERY)], [("api-key", QUERY)]]:
        assert guarded.call("POST", "/v1/chat/completions", CHAT, headers=headers).status == 200
    for request in guarded.up.requests:
        assert QUERY not in str(request.headers) and request.get("authorization") == "Bearer sk-test-secret"
    line = guarded.log_lines(3)[-1]
    assert QUERY not in str(line)


def test_the_openai_client_sees_its_exceptions(guarded):
    with pytest.raises(openai.AuthenticationError) as e:
        openai.OpenAI(base_url=guarded.url + "/v1", api_key="sk-wrong", max_retries=0).chat.completions.create(**CHAT)
    assert e.value.code == "invalid_api_key"
    client = openai.OpenAI(base_url=guarded.url + "/v1", api_key=QUERY)
    assert client.chat.completions.create(**CHAT).choices[0].message.content


def test_mlflow_clients_password_is_a_key(guarded, monkeypatch):
    import mlflow.gateway as gateway

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", QUERY)
    gateway.set_gateway_uri(guarded.url)
    assert [r.name for r in gateway.search_routes()] == ["chat", "other"]


def test_an_admin_key_is_made_once(sluice, tmp_path, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    data = tmp_path / "data"
    data.mkdir()
    config = {"auth": {}, "endpoints": [chat_route(up.base)]}
    daemon = sluice(config, args=["--data", str(data)])
    key = (data / "admin.key").read_text().strip()
    assert key.startswith("sk-sluice-") and len(key) == len("sk-sluice-") + 43
    assert stat.S_IMODE(os.stat(data / "admin.key").st_mode) == 0o600
    assert daemon.call("GET", "/api/2.0/endpoints/", headers=bearer(key)).status == 200
    assert daemon.call("GET", "/api/2.0/endpoints/").status == 401
    daemon.stop()
    daemon.stopped = True
    assert key not in daemon.stderr and str(data / "admin.key") in daemon.stderr
    again = sluice(config, args=["--data", str(data)])
    assert (data / "admin.key").read_text().strip() == key
    assert again.call("GET", "/api/2.0/endpoints/", headers=bearer(key)).status == 200


def refused(sluice, **kwargs):
    daemon = sluice(ready=False, **kwargs)
    assert daemon.proc.wait(DEADLINE) == 1
    daemon.stop(check=False)
    daemon.stopped = True
    return daemon.stderr


def test_nobody_could_get_in(sluice):
    assert "there is no key" in refused(sluice, config={"auth": {}, "endpoints": []})


@pytest.mark.parametrize("config, text", [
    ({"auth": {"keys": [{"name": "a", "key": "$SHORT"}]}}, "too short"),
    ({"auth": {"keys": [{"name": "a"}]}}, "auth.keys[0].key"),
    ({"auth": {"keys": [{"name": "a", "key": {"sha256": "12"}}]}}, "64 hexadecimal digits"),
    ({"auth": {"keys": [{"name": "a", "key": "$THE_QUERY"}, {"name": "b", "key": "$THE_QUERY"}]}}, "another entry"),
    ({"auth": {"keys": [{"name": "a", "key": "$THE_QUERY", "role": "root"}]}}, "query, viewer, operator, admin"),
    ({"auth": {"keys": [{"name": "a", "key": "$THE_QUERY", "expires_at": "2024-02-30T00:00:00Z"}]}}, "expires_at"),
    ({"auth": {"keys": [{"name": "a", "key": "$UNSET_VARIABLE"}]}}, "Environment variable 'UNSET_VARIABLE' is not set"),
    ({"auth": {"keys": [{"name": "a\u202etxt", "key": "$THE_QUERY"}]}}, "name must be"),
    ({"auth": {"keys": [{"name": "a", "principal": "b\u200f", "key": "$THE_QUERY"}]}}, "principal must be"),
    ({"auth": {"keys": [{"name": "a\x1b[31m", "key": "$THE_QUERY"}]}}, "name must be"),
    ({"auth": "open"}, "must be none"),
])
def test_bad_keys_are_told(sluice, config, text):
    stderr = refused(sluice, config={**config, "endpoints": []}, env={**ENV, "SHORT": "tooshort"})
    assert text in stderr and "tooshort" not in stderr and QUERY not in stderr


def test_an_open_gateway_listens_on_loopback_only(sluice):
    for address in ["0.0.0.0:0", "*:0", "[::]:0"]:
        stderr = refused(sluice, config={"endpoints": []}, args=["--listen", address])
        assert "auth section" in stderr and "SLUICE_AUTH=none" in stderr
    daemon = sluice({"endpoints": []}, args=["--listen", f"0.0.0.0:0"], env={"SLUICE_AUTH": "none"}, ready=False)
    wait_for(lambda: "listening on" in daemon.stderr, "listening")

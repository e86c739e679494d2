# SPDX-License-Identifier: Apache-2.0
"""create_route, delete_route and Sluice's own calls on routes, over HTTP."""
import concurrent.futures
import json
import os
import re
import signal
import subprocess
import urllib.parse

import pytest
import yaml

import harness
from harness import BIN, CHAT, Sluice, files_of, wait_for

ROUTES = "/api/2.0/gateway/routes/"
OWN = "/api/sluice/v1/routes"
SDK = [("user-agent", "unknown/0.0.0 databricks-sdk-py/0.50 python/3.11 os/linux auth/pat")]


def mock(name, model="m1", kind="llm/v1/chat"):
    return {"name": name, "route_type": kind, "model": {"name": model, "provider": "mock", "config": {}}}


def openai(name, key="sk-canary-1", **config):
    return {"name": name, "route_type": "llm/v1/chat",
            "model": {"name": "gpt-4o-mini", "provider": "openai", "openai_config": {"openai_api_key": key, **config}}}


def create(daemon, body, status=200, headers=()):
    reply = daemon.call("POST", ROUTES, body, headers)
    assert reply.status == status, reply.body
    return reply.json()


def ask(daemon, route, path=None):
    return daemon.call("POST", path or f"/gateway/{route}/invocations", {"messages": CHAT["messages"]}, [("content-type", "application/json")])


def ask_v1(daemon, route):
    return daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route}, [("content-type", "application/json")])


@pytest.fixture
def data(tmp_path):
    return str(tmp_path / "data")


CONFIG = {"endpoints": [{"name": n, "endpoint_type": f"llm/v1/{n}", "model": {"provider": "mock", "name": f"mock-{n}", "config": {}}}
                        for n in ("chat", "completions", "embeddings")],
          "upstream": {"allow": ["127.0.0.0/8"]}}


def with_data(sluice, data, config=CONFIG, **kwargs):
    return sluice(config, args=("--data", data), **kwargs)


def names(daemon, path=ROUTES):
    return [r["name"] for r in daemon.call("GET", path).json()["routes"]]


def test_a_route_serves_on_every_path_and_worker_when_the_call_returns(sluice, data):
    daemon = sluice(CONFIG, args=("--data", data, "--workers", "4"))
    others = [daemon.connect() for _ in range(16)]  # spread over the workers
    for i in range(20):
        route = create(daemon, mock(f"r{i}"))
        assert route == {"name": f"r{i}", "route_type": "llm/v1/chat", "model": {"name": "m1", "provider": "mock"},
                         "route_url": f"http://127.0.0.1/gateway/r{i}/invocations", "limit": None}
        for conn in others:
            assert conn.request("GET", ROUTES + f"r{i}").reply("GET").status == 200
    for path in ("/gateway/r3/invocations", "/endpoints/r3/invocations"):
        assert ask(daemon, "r3", path).status == 200
    assert ask_v1(daemon, "r3").status == 200
    assert daemon.call("GET", "/v1/models/r3").json()["id"] == "r3"
    assert names(daemon) == ["chat", "completions", "embeddings"] + [f"r{i}" for i in range(20)]
    assert daemon.call("DELETE", ROUTES + "r3").status == 200
    for conn in others:
        assert conn.request("GET", ROUTES + "r3").reply("GET").status == 404
    assert ask(daemon, "r3").status == 404 and ask_v1(daemon, "r3").status == 404
    again = daemon.call("DELETE", ROUTES + "r3")
    assert again.status == 404 and again.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_what_was_acknowledged_survives_kill_and_restart(sluice, data):
    daemon = with_data(sluice, data)
    create(daemon, openai("kept"))
    create(daemon, mock("gone"))
    assert daemon.call("DELETE", ROUTES + "gone").status == 200
    before = daemon.call("GET", f"{OWN}/kept").json()
    daemon.stop(signal.SIGKILL, check=False)
    daemon.stopped = True
    daemon = with_data(sluice, data)
    assert names(daemon)[3:] == ["kept"]
    assert daemon.call("GET", f"{OWN}/kept").json() == before


def test_both_spellings_of_the_configuration(sluice, upstream, data):
    up = upstream(lambda x: x.reply(harness.CHAT_REPLY))
    daemon = with_data(sluice, data)
    create(daemon, openai("databricks", openai_api_base=up.base))
    body = openai("file")
    body["model"]["config"] = {**body["model"].pop("openai_config"), "openai_api_key": "sk-file", "openai_api_base": up.base}
    create(daemon, body)
    assert ask(daemon, "databricks").status == 200 and ask(daemon, "file").status == 200
    assert [r.get("authorization") for r in up.requests] == ["Bearer sk-canary-1", "Bearer sk-file"]


BAD = [
    # body, status, part of the text
    (mock("a/b"), 400, "disallowed characters"),
    (mock("a\x01b"), 400, "disallowed characters"),
    (mock("n" * 10240), 400, "disallowed characters"),
    (mock("им я"), 400, "disallowed characters"), (mock("€"), 400, "disallowed characters"), (mock(5), 422, "name"),
    (mock(""), 400, "disallowed characters"),
    (mock("."), 400, "disallowed characters"),
    (mock(".."), 400, "disallowed characters"),
    (mock("limits"), 400, "limits"),
    (mock("x", kind="llm/v1/nothing"), 400, "The route_type 'llm/v1/nothing' is not supported."),
    (mock("x", kind="llm/v1/rerank"), 400, "the provider 'mock' has no llm/v1/rerank"),
    ({**mock("x"), "model": {"provider": "nosuch", "name": "m"}}, 400, "The provider 'nosuch' is not supported."),
    ({**mock("x"), "model": {"name": "m"}}, 400, "A provider must be provided for each gateway route."),
    ({**mock("x"), "model": {"provider": "openai", "name": "m"}}, 400, "A config must be supplied when setting a provider."),
    ({**mock("x"), "model": {"provider": "openai", "name": "m", "config": []}}, 400, "must be a map"),
    (openai("x", key="$HOME"), 400, "only the operator's file can use environment variables"),
    (openai("x", key="/etc/passwd"), 400, "only the operator's file can use files"),
    (openai("x", key={"file": "/etc/passwd"}), 400, "only the operator's file can use references"),
    (openai("x", key=""), 400, "the key is empty"),
    (openai("x", key=True), 400, "openai_api_key: must be a string, not a boolean"),
    (openai("x", key=123), 400, "openai_api_key: must be a string, not a number"),
    (openai("x", openai_organization=5), 400, "openai_organization: must be a string, not a number"),
    ({**mock("x"), "model": {"provider": "mock", "name": True}}, 400, "model.name: must be a string"),
    ({**mock("x"), "model": {"provider": "mock", "name": 12.0}}, 400, "model.name: must be a string"),
    (openai("x", openai_api_base="ftp://x"), 400, "openai_api_base"),
    ({**mock("x"), "limit": {"calls": -1, "renewal_period": "minute"}}, 400, "Failed to parse the rate limit configuration."),
    ({**mock("x"), "limit": {"calls": 1, "renewal_period": "fortnight"}}, 400, "Failed to parse the rate limit configuration."),
    ({**mock("x"), "sluice": {"timeout": "1s"}}, 400, 'did you mean \\"timeouts\\"?'),
    ({**mock("x"), "name": None}, 422, "name"),
    ({**mock("x"), "name": 5}, 422, "name"),
    ({**mock("x"), "route_type": None}, 422, "route_type"),
    ({**mock("x"), "model": None}, 422, "model"),
    ({**mock("x"), "model": "gpt"}, 422, "model"),
    ([], 422, "body"),
    ("x", 422, "body"),
    (b'{"name": ', 422, "JSON decode error"),
    (b"", 422, "Field required"),
    (b"[" * 5000, 422, "JSON decode error"),
    (b'{"name":"x","route_type":"llm/v1/chat","model":' + b'{"a":' * 200 + b"1" + b"}" * 201, 400, "nested too deeply"),
    (b'{"x":"' + b"y" * (1 << 20) + b'"}', 413, ""),
]


def test_a_name_in_any_script(sluice, data):
    """As in MLflow 2.x: letters and digits of Unicode, in the file and by a call; every path can call them."""
    config = {**CONFIG, "endpoints": CONFIG["endpoints"] + [{"name": "ünï_ー", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m", "config": {}}}]}
    daemon = with_data(sluice, data, config)
    create(daemon, mock("имя-٣"))
    for name in ("ünï_ー", "имя-٣"):
        path = urllib.parse.quote(name)
        assert daemon.call("GET", ROUTES + path).json()["name"] == name
        assert daemon.call("GET", f"{OWN}/{path}").json()["name"] == name
        assert ask(daemon, None, f"/gateway/{path}/invocations").status == 200
        assert ask_v1(daemon, name).status == 200
        assert name in names(daemon) and name in [m["id"] for m in daemon.call("GET", "/v1/models").json()["data"]]
        assert f'route="{name}"' in daemon.call("GET", "/metrics").body.decode()
    assert daemon.call("DELETE", ROUTES + urllib.parse.quote("имя-٣")).status == 200
    assert "имя-٣" not in names(daemon)


def test_a_misspelt_credential_goes_nowhere(sluice, data):
    """Before, it was stored as it came, and shown."""
    daemon = with_data(sluice, data)
    for body in (openai("a", openai_api_kee="sk-lost-0123456789"), {**openai("a"), "limit": {"calls": 1, "renewal_period": "day", "token": "sk-lost-0123456789"}}):
        for method, path in (("POST", ROUTES), ("PUT", f"{OWN}/a")):
            reply = daemon.call(method, path, body)
            assert reply.status == 400 and b"unknown key" in reply.body, reply.body
            assert b"lost" not in reply.body
    assert daemon.call("GET", f"{OWN}/a").status == 404
    create(daemon, {**openai("b"), "note": "sk-lost-0123456789"})  # MLflow ignores it; so it is stored nowhere
    assert b"lost" not in daemon.call("GET", f"{OWN}/b").body + daemon.call("GET", "/api/sluice/v1/audit").body
    daemon.stop()
    assert not any(b"sk-lost" in open(os.path.join(data, f), "rb").read() for f in os.listdir(data) if os.path.isfile(os.path.join(data, f)))


@pytest.mark.parametrize("body,status,text", BAD, ids=range(len(BAD)))
def test_bad_bodies(sluice, data, body, status, text):
    daemon = with_data(sluice, data)
    raw = body if isinstance(body, bytes) else json.dumps(body)
    reply = daemon.call("POST", ROUTES, raw)
    assert reply.status == status, reply.body
    assert text in reply.body.decode()
    assert "canary" not in reply.body.decode()
    assert len(names(daemon)) == 3
    if status in (400, 422):
        for_sdk = daemon.call("POST", ROUTES, raw, SDK).json()
        assert for_sdk["error_code"] == "INVALID_PARAMETER_VALUE"


def test_taken_names(sluice, data):
    daemon = with_data(sluice, data)
    create(daemon, mock("taken"))
    assert create(daemon, mock("taken"), 409)["error_code"] == "RESOURCE_ALREADY_EXISTS"
    refused = create(daemon, mock("chat"), 409)
    assert refused["error_code"] == "RESOURCE_ALREADY_EXISTS" and "sluice.yaml, line 2" in refused["detail"]
    refused = daemon.call("DELETE", ROUTES + "chat")
    assert refused.status == 409 and "sluice.yaml, line 2" in refused.json()["detail"]


def test_one_of_many_creators_of_a_name_wins(sluice, data):
    daemon = with_data(sluice, data)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for i in range(5):
            got = list(pool.map(lambda k: daemon.call("POST", ROUTES, mock(f"n{i}", f"m{k}")).status, range(16)))
            assert sorted(got) == [200] + [409] * 15


def test_put_replaces_whole_and_keeps_the_credential(sluice, upstream, data):
    up = upstream(lambda x: x.reply(harness.CHAT_REPLY))
    daemon = with_data(sluice, data)
    body = openai("p", openai_api_base=up.base)
    made = daemon.call("PUT", f"{OWN}/p", body)
    assert made.status == 201 and made.get("etag") == '"%d"' % made.json()["version"]
    assert daemon.call("POST", "/api/2.0/gateway/limits/", {"route": "p", "limits": [{"calls": 3, "key": "route", "renewal_period": "hour"}]}).status == 200
    assert ask(daemon, "p").status == 200
    del body["name"], body["model"]["openai_config"]["openai_api_key"]
    body["model"]["name"] = "gpt-5"
    changed = daemon.call("PUT", f"{OWN}/p", body)
    assert changed.status == 200 and changed.json()["secrets"] == made.json()["secrets"] and changed.json()["model"]["name"] == "gpt-5"
    assert changed.json()["model"]["config"] == {"openai_api_base": up.base}
    assert changed.json()["limits"] == [{"calls": 3, "key": "route", "renewal_period": "hour"}]
    assert ask(daemon, "p").status == 200
    assert up.requests[1].get("authorization") == "Bearer sk-canary-1" and up.requests[1].json()["model"] == "gpt-5"
    body["model"]["openai_config"]["openai_api_key"] = "sk-rotated"
    rotated = daemon.call("PUT", f"{OWN}/p", body).json()
    assert rotated["secrets"] != made.json()["secrets"]
    assert ask(daemon, "p").status == 200 and up.requests[2].get("authorization") == "Bearer sk-rotated"
    assert ask(daemon, "p").status == 429  # the counter went on
    assert "rotated" not in daemon.call("GET", f"{OWN}/p").body.decode()
    assert daemon.call("PUT", f"{OWN}/new", {"route_type": "llm/v1/chat", "model": {"provider": "openai", "openai_config": {}}}).status == 400


def test_a_kept_credential_goes_only_where_it_was_given_for(sluice, upstream, data):
    """Users who may change a route must not learn the provider's key by leading the route to another address."""
    def own(base, **more):
        return {"route_type": "llm/v1/chat", "model": {"provider": "openai", "name": "m", "config": {"openai_api_base": base, **more}}}

    ours, theirs = upstream(lambda x: x.reply(harness.CHAT_REPLY)), upstream(lambda x: x.reply(harness.CHAT_REPLY))
    daemon = with_data(sluice, data)
    path = OWN + "/r"
    assert daemon.call("PUT", path, own(ours.base, openai_api_key="sk-canary-1")).status == 201
    reply = daemon.call("PUT", path, own(theirs.base))
    assert reply.status == 400, reply.body
    assert "openai_api_base" in reply.json()["error"]["message"] and "credential" in reply.json()["error"]["message"]
    assert ask_v1(daemon, "r").status == 200
    assert not theirs.requests and ours.requests[-1].get("authorization") == "Bearer sk-canary-1"
    # with another key it may, and also to the same address without one
    assert daemon.call("PUT", path, own(theirs.base, openai_api_key="sk-other-22")).status == 200
    assert daemon.call("PUT", path, own(theirs.base)).status == 200
    assert ask_v1(daemon, "r").status == 200
    assert theirs.requests[-1].get("authorization") == "Bearer sk-other-22"


def test_a_kept_key_of_aws_goes_nowhere_else_either(sluice, upstream, data):
    def own(more):
        return {"route_type": "llm/v1/chat", "model": {"provider": "bedrock", "name": "m", "config": {"aws_config": {"aws_region": "us-east-1", **more}}}}

    ours, theirs = upstream(lambda x: x.reply(b"{}")), upstream(lambda x: x.reply(b"{}"))
    daemon = with_data(sluice, data)
    path, here = OWN + "/r", ours.base.removesuffix("/v1")
    assert daemon.call("PUT", path, own({"aws_endpoint_url": here, "aws_bearer_token": "canary-aws-1"})).status == 201
    for more in ({"aws_endpoint_url": theirs.base.removesuffix("/v1")}, {}, {"aws_endpoint_url": here, "sts_endpoint_url": theirs.base}):
        refused = daemon.call("PUT", path, own(more))
        assert refused.status == 400 and "endpoint_url" in refused.json()["error"]["message"] and "credential" in refused.json()["error"]["message"], refused.body
    assert daemon.call("PUT", path, own({"aws_endpoint_url": here})).status == 200
    ask_v1(daemon, "r")
    assert not theirs.requests and ours.requests[-1].get("authorization") == "Bearer canary-aws-1"


def test_a_call_does_not_say_how_an_upstream_is_reached(sluice, upstream, data):
    """Only the file can set a proxy, headers and certificate authorities: a kept credential goes straight to the
    address that it was given for."""
    ours, theirs = upstream(lambda x: x.reply(harness.CHAT_REPLY)), upstream(lambda x: x.reply(harness.CHAT_REPLY))
    daemon = with_data(sluice, data)
    route = openai("r", openai_api_base=ours.base)
    assert daemon.call("PUT", OWN + "/r", route).status == 201
    del route["model"]["openai_config"]["openai_api_key"]
    more = {"proxy": theirs.base.removesuffix("/v1"), "headers": {"x-a": "b", "host": "elsewhere"}, "tls": {"ca": "/tmp/ca.pem"}}
    for changed in ({**route, "sluice": more}, {**route, **more}, {**route, "model": {**route["model"], "sluice": more}}):
        status = daemon.call("PUT", OWN + "/r", changed).status
        assert status in (200, 400, 422)
        assert ask_v1(daemon, "r").status == 200 and not theirs.n_connections
        asked = ours.requests[-1]
        assert asked.get("authorization") == "Bearer sk-canary-1" and asked.get("x-a") is None and asked.get("host").startswith("127.0.0.1")


def test_if_match(sluice, data):
    daemon = with_data(sluice, data)
    tag = daemon.call("PUT", f"{OWN}/p", mock("p")).get("etag")
    fresh = daemon.call("PUT", f"{OWN}/p", mock("p", "m2"), [("if-match", tag)])
    assert fresh.status == 200
    for stale in (tag, '"nonsense"'):
        refused = daemon.call("PUT", f"{OWN}/p", mock("p", "m3"), [("if-match", stale)])
        assert refused.status == 412 and refused.json()["error"]["code"] == "caller_conflict" and refused.json()["error"]["request_id"]
        assert daemon.call("DELETE", f"{OWN}/p", headers=[("if-match", stale)]).status == 412
    assert daemon.call("GET", f"{OWN}/p").json()["model"]["name"] == "m2"
    assert daemon.call("DELETE", f"{OWN}/p", headers=[("if-match", fresh.get("etag"))]).status == 200
    assert daemon.call("PUT", f"{OWN}/p", mock("p"), [("if-match", fresh.get("etag"))]).status == 412


def test_own_reads(sluice, data):
    daemon = with_data(sluice, data)
    create(daemon, openai("o"))
    one = daemon.call("GET", f"{OWN}/o").json()
    assert one["owner"] == "api" and len(one["secrets"]["openai_api_key"]["fingerprint"]) == 32 and one["limits"] == []
    assert daemon.call("GET", f"{OWN}/chat").json()["owner"] == "file"
    listed = daemon.call("GET", OWN).json()
    assert [(r["name"], r["owner"]) for r in listed["routes"]] == [("chat", "file"), ("completions", "file"), ("embeddings", "file"), ("o", "api")]
    assert daemon.call("GET", f"{OWN}/nope").json()["error"]["type"] == "caller"
    assert daemon.call("PUT", f"{OWN}/chat", mock("chat")).status == 409
    assert daemon.call("PUT", f"{OWN}/o", mock("other")).status == 400
    for reply in (daemon.call("GET", OWN), daemon.call("GET", ROUTES), daemon.call("GET", ROUTES + "o")):
        assert b"canary" not in reply.body


def test_a_secret_has_the_same_fingerprint_in_the_file_and_by_a_call(sluice, upstream, data):
    entry = {"name": "of-file", "endpoint_type": "llm/v1/chat", "model": {"provider": "openai", "name": "m", "config": {"openai_api_key": "sk-canary-1"}}}
    claude = {"name": "claude", "endpoint_type": "llm/v1/chat", "model": {"provider": "anthropic", "name": "m", "config": {"anthropic_api_key": "sk-canary-2"}}}
    config = {**CONFIG, "endpoints": [*CONFIG["endpoints"], entry, claude]}
    daemon = with_data(sluice, data, config)
    create(daemon, {"name": "by-call", "route_type": "llm/v1/chat", "model": {"provider": "openai", "name": "m", "config": {"openai_api_key": "sk-canary-1"}}})
    got = {name: daemon.call("GET", f"{OWN}/{name}").json()["secrets"] for name in ("of-file", "by-call", "claude", "chat")}
    assert got["of-file"] == got["by-call"] and len(got["by-call"]["openai_api_key"]["fingerprint"]) == 32
    assert got["claude"]["anthropic_api_key"]["fingerprint"] != got["by-call"]["openai_api_key"]["fingerprint"] and got["chat"] == {}
    daemon.stop()
    assert "secrets" not in sluice(config, args=("--data", "none")).call("GET", f"{OWN}/of-file").json()  # without a secret key a hash could be guessed


def test_pages_of_many_dynamic_routes(sluice, data):
    daemon = with_data(sluice, data)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: create(daemon, mock(f"d{i}")), range(3100)))
    for path in (ROUTES, OWN):
        first = daemon.call("GET", path).json()
        assert len(first["routes"]) == 3000
        second = daemon.call("GET", f"{path}?page_token={first['next_page_token'].replace('+', '%2B')}").json()
        assert second["next_page_token"] is None and len(second["routes"]) == 103
        got = [r["name"] for r in first["routes"] + second["routes"]]
        assert len(set(got)) == 3103
    # The last route of the page is deleted: nothing is listed twice or left out.
    assert daemon.call("DELETE", ROUTES + first["routes"][100]["name"]).status == 200
    second = daemon.call("GET", f"{ROUTES}?page_token={first['next_page_token'].replace('+', '%2B')}").json()
    assert [r["name"] for r in second["routes"]] == got[3000:]


def test_a_file_that_gains_the_name_wins(sluice, data):
    config = {"endpoints": [{"name": "f", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "of-file", "config": {}}}]}
    daemon = with_data(sluice, data, config)
    create(daemon, mock("both", "of-api"))
    daemon.stop()
    daemon.stopped = True
    config["endpoints"].append({**config["endpoints"][0], "name": "both"})
    daemon = with_data(sluice, data, config)
    assert daemon.call("GET", ROUTES + "both").json()["model"]["name"] == "of-file"
    assert names(daemon) == ["f", "both"]
    listed = daemon.call("GET", OWN).json()["routes"]
    assert [(r["name"], r["owner"], r["shadowed"]) for r in listed] == [("f", "file", False), ("both", "file", False), ("both", "api", True)]
    wait_for(lambda: "also made by create_route" in daemon.stderr, "the warning")
    assert daemon.call("DELETE", ROUTES + "both").status == 409
    daemon.stop()
    daemon.stopped = True
    config["endpoints"].pop()
    daemon = with_data(sluice, data, config)
    assert daemon.call("GET", ROUTES + "both").json()["model"]["name"] == "of-api"


def test_without_a_store(sluice):
    daemon = sluice(CONFIG)
    for method, path, body in (("POST", ROUTES, mock("x")), ("DELETE", ROUTES + "x", None), ("PUT", f"{OWN}/x", mock("x")),
                               ("POST", "/api/2.0/gateway/limits/", {"route": "chat", "limits": []})):
        reply = daemon.call(method, path, body)
        assert reply.status == 503 and reply.get("x-sluice-error-type") == "sluice_store_unavailable" and b"--data" in reply.body
    assert ask(daemon, "chat").status == 200 and daemon.call("GET", "/api/2.0/gateway/limits/chat").json() == {"limits": []}


def start_fails(tmp_path, data, env=None):
    daemon = Sluice(tmp_path / "second", args=("--data", data), env=env, ready=False)
    assert daemon.stop(check=False) if daemon.proc.wait(20) is None else daemon.proc.returncode == 1
    for t in daemon.readers:
        t.join(10)
    return daemon.stderr


def test_a_second_daemon_on_the_directory_names_the_first(sluice, data, tmp_path):
    daemon = with_data(sluice, data)
    assert f"in use by the sluice with process id {daemon.proc.pid}" in start_fails(tmp_path, data)
    assert ask(daemon, "chat").status == 200


def test_files_are_private_and_hold_no_credential(sluice, data):
    daemon = with_data(sluice, data)
    create(daemon, openai("c"))
    assert os.stat(data).st_mode & 0o777 == 0o700
    for path in files_of(data):
        assert path.stat().st_mode & 0o777 == 0o600 and b"canary" not in path.read_bytes(), path
        assert path.parent.stat().st_mode & 0o777 == 0o700, path
    assert "canary" not in daemon.stderr + daemon.stdout
    key = open(os.path.join(data, "secret.key")).read().strip()
    assert len(key) == 64 and key not in daemon.stderr


def test_a_secret_key_that_others_may_read_is_told(sluice, data):
    with_data(sluice, data).stop()
    os.chmod(os.path.join(data, "secret.key"), 0o644)
    daemon = with_data(sluice, data)
    wait_for(lambda: re.search(r"warning store: the secret key \S+/secret.key may be read by others \(mode 644\): chmod 600 it", daemon.stderr), daemon.stderr)


def test_a_lost_or_wrong_secret_key_is_told_with_the_routes(sluice, data, tmp_path):
    daemon = with_data(sluice, data)
    create(daemon, openai("one"))
    create(daemon, openai("two"))
    daemon.stop()
    daemon.stopped = True
    key = os.path.join(data, "secret.key")
    good = open(key).read()
    os.unlink(key)
    said = start_fails(tmp_path, data)
    assert "secret.key is missing" in said and "one, two" in said
    open(key, "w").write("0" * 64)
    said = start_fails(tmp_path, data)
    assert "does not open" in said and "one, two" in said
    os.unlink(key)
    daemon = with_data(sluice, data, env={"SLUICE_SECRET_KEY": good.strip()})
    assert names(daemon)[3:] == ["one", "two"]
    assert not os.path.exists(key)


def db(*args):
    return subprocess.run([BIN, "db", *args], capture_output=True, text=True, timeout=60)


def test_db_check_and_backup_while_the_daemon_writes(sluice, data, tmp_path):
    daemon = with_data(sluice, data)
    for i in range(20):
        create(daemon, openai(f"b{i}"))
    out = db("check", "--data", data)
    assert out.returncode == 0 and "20 routes" in out.stdout, out.stderr
    copy = tmp_path / "copy" / "sluice.db"
    copy.parent.mkdir()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        more = [pool.submit(create, daemon, mock(f"w{i}")) for i in range(100)]
        assert db("backup", str(copy), "--data", data).returncode == 0
        for f in more:
            f.result()
    assert db("backup", str(copy), "--data", data).returncode == 1  # never over an existing file
    (copy.parent / "secret.key").write_text(open(os.path.join(data, "secret.key")).read())
    daemon.stop()
    daemon.stopped = True
    restored = with_data(sluice, str(copy.parent))
    assert {f"b{i}" for i in range(20)} <= set(names(restored))
    restored.stop()
    restored.stopped = True
    with open(copy, "r+b") as f:
        f.seek(4096)
        f.write(b"\xff" * 4096)
    out = db("check", "--data", str(copy.parent))
    assert out.returncode == 1 and out.stderr


@pytest.mark.parametrize("damage", ["garbage", "newer", "foreign"])
def test_a_database_that_cannot_be_used(sluice, data, damage):
    daemon = with_data(sluice, data)
    create(daemon, mock("kept"))
    daemon.stop()
    daemon.stopped = True
    path = os.path.join(data, "sluice.db")
    good = open(path, "rb").read()
    words = {"garbage": "not a database", "newer": "newer version", "foreign": "another program"}
    if damage == "garbage":
        open(path, "wb").write(b"x" * 20000)
    else:
        with open(path, "r+b") as f:
            f.seek(60 if damage == "newer" else 68)
            f.write((9999).to_bytes(4, "big"))
    daemon = with_data(sluice, data)
    wait_for(lambda: words[damage] in daemon.stderr, "the message")
    assert ask(daemon, "chat").status == 200
    reply = daemon.call("POST", ROUTES, mock("x"))
    assert reply.status == 503 and reply.get("x-sluice-error-type") == "sluice_store_unavailable" and reply.get("retry-after")
    open(path, "wb").write(good)  # repaired: it works again without a restart
    wait_for(lambda: daemon.call("POST", ROUTES, mock("x")).status in (200, 409), "the store works again")
    assert names(daemon)[3:] == ["kept", "x"]


def test_a_disk_that_is_full(sluice, data):
    """A limit on file sizes stands for the full disk; lifting it is like making room."""
    import resource

    daemon = with_data(sluice, data)
    create(daemon, mock("before"))
    resource.prlimit(daemon.proc.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    made, status = ["before"], 200
    for i in range(400):
        status = daemon.call("POST", ROUTES, mock(f"f{i}")).status
        if status != 200:
            break
        made.append(f"f{i}")
    assert status == 503
    assert ask(daemon, "before").status == 200 and names(daemon)[3:] == made
    resource.prlimit(daemon.proc.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_for(lambda: daemon.call("POST", ROUTES, mock("after")).status in (200, 409), "there is room again")
    daemon.stop(signal.SIGKILL, check=False)
    daemon.stopped = True
    daemon = with_data(sluice, data)
    assert names(daemon)[3:] == made + ["after"]


def rewrite(daemon, endpoints):
    path = daemon.dir / "sluice.yaml"
    config = yaml.safe_load(path.read_text())
    config["endpoints"] = endpoints
    path.with_suffix(".new").write_text(yaml.safe_dump(config, sort_keys=False))
    os.replace(path.with_suffix(".new"), path)
    daemon.proc.send_signal(signal.SIGHUP)


def model_of(daemon, name):
    reply = daemon.call("GET", ROUTES + name)
    return reply.json()["model"]["name"] if reply.status == 200 else None


def test_a_reload_shadows_and_gives_back(sluice, data):
    daemon = with_data(sluice, data)
    create(daemon, mock("both", "of-api"))
    create(daemon, mock("other"))
    assert daemon.call("POST", "/api/2.0/gateway/limits/", {"route": "chat", "limits": [{"calls": 1, "key": "route", "renewal_period": "day"}]}).status == 200
    assert ask(daemon, "chat").status == 200
    both = {**CONFIG["endpoints"][0], "name": "both"}
    rewrite(daemon, CONFIG["endpoints"] + [both])
    wait_for(lambda: model_of(daemon, "both") == "mock-chat", "the file's is served")
    assert names(daemon) == ["chat", "completions", "embeddings", "both", "other"]
    assert ask(daemon, "chat").status == 429  # what was set and counted stays
    assert daemon.call("PUT", f"{OWN}/both", mock("both")).status == 409
    rewrite(daemon, CONFIG["endpoints"])
    wait_for(lambda: model_of(daemon, "both") == "of-api", "the dynamic one is back")
    assert names(daemon) == ["chat", "completions", "embeddings", "both", "other"]


def test_creates_race_a_reload_that_brings_the_same_name(sluice, data):
    daemon = with_data(sluice, data)
    for i in range(6):
        name = f"race{i}"
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            tries = [pool.submit(daemon.call, "POST", ROUTES, mock(name, f"api{k}")) for k in range(4)]
            rewrite(daemon, CONFIG["endpoints"] + [{**CONFIG["endpoints"][0], "name": name}])
            got = sorted(t.result().status for t in tries)
        assert got in ([200, 409, 409, 409], [409] * 4)
        wait_for(lambda: model_of(daemon, name) == "mock-chat", "the file wins")
        shadowed = [r["name"] for r in daemon.call("GET", OWN).json()["routes"] if r["shadowed"]]
        assert shadowed == ([name] if got[0] == 200 else [])
        rewrite(daemon, CONFIG["endpoints"])
        wait_for(lambda: model_of(daemon, name) != "mock-chat", "the file's is gone")
        assert (model_of(daemon, name) or "none")[:3] == ("api" if got[0] == 200 else "non")


def test_the_end_waits_for_answers(sluice, data):
    """SIGTERM in the middle of changes: it ends with 0, and what was acknowledged is there."""
    daemon = with_data(sluice, data)
    made = []

    def writer(k):
        conn = daemon.connect()
        try:
            for i in range(10_000):
                if conn.request("POST", ROUTES, mock(f"e{k}-{i}")).reply().status != 200:
                    return
                made.append(f"e{k}-{i}")
        except (OSError, EOFError):
            return  # the connection ended

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(writer, k) for k in range(8)]
        wait_for(lambda: len(made) > 50, "some were made")
        daemon.stop()
        daemon.stopped = True
        for w in writers:
            w.result()
    daemon = with_data(sluice, data)
    assert set(made) <= {r["name"] for r in daemon.call("GET", ROUTES).json()["routes"]}


def test_the_operators_list_of_providers_holds_for_calls_too(sluice, data):
    """MLFLOW_GATEWAY_ALLOWED_PROVIDERS: nobody can make a route with another provider."""
    daemon = with_data(sluice, data, env={"MLFLOW_GATEWAY_ALLOWED_PROVIDERS": "Mock,mosaicml"})
    create(daemon, mock("fine"))
    told = create(daemon, openai("other"), 400)
    assert "Provider 'openai' is not allowed by the current gateway provider policy." in json.dumps(told)
    assert "other" not in names(daemon)
    create(daemon, {"name": "old", "route_type": "llm/v1/chat", "model": {"name": "llama2-7b", "provider": "mosaicml", "config": {"mosaicml_api_key": "sk-canary-2"}}})
    reply = ask_v1(daemon, "old")
    assert (reply.status, reply.get("x-sluice-error-type")) == (410, "caller_retired") and "Databricks" in reply.json()["error"]["message"]
    told = create(daemon, {"name": "judge", "route_type": "llm/v1/chat", "model": {"name": "m", "provider": "sap-ai-core", "config": {}}}, 400)
    assert "is known, but cannot be used: in MLflow it serves judges only" in json.dumps(told)

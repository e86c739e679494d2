# SPDX-License-Identifier: Apache-2.0
"""The configuration in force and what the file would change, by calls: each thing with its place, never a secret."""
import json
import os
import pathlib
import re
import signal

import pytest
import yaml

from harness import chat_route, wait_for

OWN = "/api/sluice/v1/config"
ADMIN = "an-admin-key-of-the-file"
MOCK = {"provider": "mock", "name": "m", "config": {}}


def get(daemon, path="", headers=()):
    r = daemon.call("GET", OWN + path, headers=headers)
    assert r.status == 200, r.body
    return r.json()


def settings(daemon):
    return {s["path"]: s for s in get(daemon)["settings"]}


def diff(daemon):
    return get(daemon, "/diff")


def rewrite(path, text):
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)


TEXT = """\
server: { limits: { body: 1MiB }, timeouts: { drain_delay: 60s } }
log: { access: none }
upstream:
  retries: 3
  proxy: http://someone:pass-of-proxy@127.0.0.1:9
prices: { models: { openai/mine: { input_cost_per_token: 1e-6 } } }
alerts: { webhook: { url: https://hooks.example/services/T-SECRET-PATH?x=S-QUERY, secret: whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0 } }
auth:
  admin_key: $THE_ADMIN
  keys:
    - { name: ci, key: a-literal-key-of-the-file, limits: [ { tokens: 1000, per: day } ] }
    - { name: app, key: { file: app.key }, role: viewer }
groups:
  - { name: acme, limits: [ { money: 5, per: day } ] }
models: { 'mine': { provider: openai, like: gpt-4o } }
endpoints:
  - name: chat
    endpoint_type: llm/v1/chat
    model: { provider: openai, name: gpt-4o-mini, config: { openai_api_key: sk-the-literal-secret, openai_api_base: 'https://127.0.0.1:9/v1?k=S-KEY' } }
    sluice: { headers: { x-team: header-secret-1 }, retries: 2 }
    limit: { calls: 5, renewal_period: day, key: user }
  - name: two
    endpoint_type: llm/v1/chat
    sluice:
      targets:
        - { name: a, model: { provider: anthropic, name: claude-sonnet-4-5, config: { anthropic_api_key: anthropic-literal-secret } } }
        - { name: b, model: { provider: openai, name: x, config: { openai_api_key: $OPENAI_KEY } } }
"""
SECRETS = ("pass-of-proxy", "S-QUERY", "T-SECRET-PATH", "c2VjcmV0", "a-literal-key", "sk-the-literal", "S-KEY", "header-secret", "anthropic-literal", "key-in-a-file", "sk-of-the-env", ADMIN)


@pytest.fixture
def daemon(sluice, tmp_path):
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "app.key").write_text("key-in-a-file-of-its-own\n")
    (folder / "sluice.yaml").write_text(TEXT)
    d = sluice(args=["-c", str(folder / "sluice.yaml"), "--workers", "1"], env={"THE_ADMIN": ADMIN, "OPENAI_KEY": "sk-of-the-env", "MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS": "77"})
    d.conf = folder / "sluice.yaml"
    d.admin = [("Authorization", f"Bearer {ADMIN}")]
    call = d.call
    d.call = lambda method, path, body=None, headers=(): call(method, path, body, headers or d.admin)
    return d


def line_of(text, words):
    return next(i for i, line in enumerate(text.splitlines(), 1) if words in line)


def test_each_thing_has_its_value_and_its_place(daemon):
    now = settings(daemon)
    at = {words: f"{daemon.conf}:{line_of(TEXT, words)}" for words in ("body:", "retries: 3", "name: ci", "name: acme", "admin_key", "webhook")}
    said = {path: (now[path]["value"], now[path]["from"], now[path]["at"]) for path in now}
    assert said["server.limits.body"] == ("1MiB", "file", at["body:"])
    assert said["upstream.retries"] == (3, "file", at["retries: 3"])
    assert said["upstream.proxy"] == ("http://***@127.0.0.1:9", "file", f"{daemon.conf}:5")
    assert said["auth.admin_key"] == ("$THE_ADMIN", "file", at["admin_key"])
    assert said["alerts.webhook.url"][0] == "https://hooks.example/***" and said["alerts.webhook.secret"][0].startswith("*** ")
    (ci,) = said["auth.keys[ci]"][0]
    assert ci["name"] == "ci" and ci["key"].startswith("*** ") and ci["limits"] == [{"tokens": 1000, "per": "day"}] and said["auth.keys[ci]"][2] == at["name: ci"]
    assert said["auth.keys[app]"][0] == [{"name": "app", "key": {"file": "app.key"}, "role": "viewer"}]
    assert said["groups[acme]"][0] == [{"name": "acme", "limits": [{"money": 5, "per": "day"}]}] and said["groups[acme]"][2] == at["name: acme"]
    assert said["prices.models"][0] == {"openai/mine": {"input_cost_per_token": "1e-6"}}
    assert said["server.workers"] == ("1", "command line", "--workers") and said["server.listen"][1:] == ("command line", "--listen")
    assert said["upstream.timeouts.total"] == ("77s", "environment", "MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS")
    assert said["upstream.timeouts.connect"] == ("5s", "default", None) and said["requests"] == ("on", "default", None)
    assert now["server.listen"]["takes_restart"] and not now["upstream.retries"]["takes_restart"]
    assert not any(s["waits_for_restart"] for s in now.values())
    whole = get(daemon)
    assert whole["file"] == str(daemon.conf) and whole["version"] == 1 and whole["next_page_token"] is None
    chat, two = whole["routes"]
    assert (chat["name"], chat["from"], chat["at"], chat["shadowed"]) == ("chat", "file", f"{daemon.conf}:{line_of(TEXT, 'name: chat')}", False)
    value = chat["value"]
    assert value["model"]["config"]["openai_api_key"].startswith("*** ") and value["model"]["config"]["openai_api_base"] == "https://127.0.0.1:9/v1?***"
    assert value["sluice"]["retries"] == 2 and value["sluice"]["headers"]["x-team"].startswith("*** ") and value["limit"] == {"calls": 5, "renewal_period": "day", "key": "user"}
    a, b = (t["model"]["config"] for t in two["value"]["sluice"]["targets"])
    assert a["anthropic_api_key"].startswith("*** ") and b == {"openai_api_key": "$OPENAI_KEY"}
    assert not [s for s in SECRETS if s in json.dumps(whole)]


def test_every_setting_of_the_documentation_is_there(daemon):
    page = (pathlib.Path(__file__).parents[3] / "docs/configuration.md").read_text()
    now = {path.split("[")[0] for path in settings(daemon)}
    sections = {"server", "upstream", "auth", "groups", "responses", "store", "requests", "counters", "limits", "alerts", "metrics", "models", "prices", "log"}
    told = {m for m in re.findall(r"^\| `([a-z0-9_.]+)`", page, re.M) if m.split(".")[0] in sections} - {"limits"}  # this one is a route's
    assert len(told) > 60 and sections <= {n.split(".")[0] for n in now}
    # A setting whose part that has others is not said stands for them.
    missing = [t for t in told if not any(t == n or t.startswith(n + ".") for n in now)]
    assert not missing, missing


def test_what_the_file_would_change(daemon):
    assert diff(daemon) == {"file": str(daemon.conf), "is_valid": True, "problems": [], "problems_left_out": 0, "changes": []}
    daemon.proc.send_signal(signal.SIGTERM)  # from here on it serves, and reads no file by itself
    wait_for(lambda: "draining" in daemon.stderr, "the drain")
    text = TEXT.replace("body: 1MiB", "body: 2MiB").replace("  retries: 3\n", "").replace("limits: [ { money: 5", "limits: [ { money: 6").replace("sk-the-literal-secret", "sk-another-secret")
    text = text.replace("log: { access: none }", "log: { access: stdout, level: debug }") + "  - { name: new, endpoint_type: llm/v1/chat, model: { provider: mock, name: m } }\n"
    rewrite(daemon.conf, text)
    (daemon.conf.parent / "app.key").write_text("key-in-a-file-that-changed\n")
    told = diff(daemon)
    changes = {c["path"]: c for c in told["changes"]}
    assert set(changes) == {"server.limits.body", "upstream.retries", "groups[acme]", "chat", "log.access", "log.level", "new", str(daemon.conf.parent / "app.key")}, told
    assert {p: c["change"] for p, c in changes.items() if c["change"] != "changed"} == {"upstream.retries": "removed", "log.level": "added", "new": "added"}
    body = changes["server.limits.body"]
    assert (body["before"], body["after"], body["at"], body["takes_restart"]) == ("1MiB", "2MiB", f"{daemon.conf}:{line_of(text, 'body:')}", False)
    assert changes["log.access"]["takes_restart"] and not changes["log.level"]["takes_restart"]
    chat = changes["chat"]
    assert chat["what"] == "route" and chat["before"]["model"]["config"]["openai_api_key"] != chat["after"]["model"]["config"]["openai_api_key"]
    assert changes["new"]["after"]["model"] == {"provider": "mock", "name": "m"} and changes["new"]["before"] is None and changes["upstream.retries"]["after"] is None
    assert changes[str(daemon.conf.parent / "app.key")]["what"] == "file"
    assert not [s for s in (*SECRETS, "sk-another", "that-changed") if s in json.dumps(told)]


def test_the_errors_that_a_reload_would_give(daemon):
    rewrite(daemon.conf, TEXT.replace("  retries: 3\n", "  retries: 3\n  timeouts: { connect: 5 }\n").replace("sk-the-literal-secret", "$NOT_SET"))
    told = diff(daemon)
    assert told["is_valid"] is False and told["changes"] == []
    lines = {(p["severity"], p["file"], p["line"], p["path"]) for p in told["problems"]}
    assert ("error", str(daemon.conf), 5, "upstream.timeouts.connect") in lines and any("NOT_SET" in p["text"] for p in told["problems"])
    wait_for(lambda: "is refused" in daemon.stderr, "the reload's own refusal")
    assert diff(daemon)["is_valid"] is False and settings(daemon)["upstream.retries"]["value"] == 3
    rewrite(daemon.conf, TEXT)
    assert diff(daemon)["is_valid"] is True and diff(daemon)["changes"] == []


def test_a_change_that_waits_for_a_restart(daemon):
    rewrite(daemon.conf, TEXT.replace("log: { access: none }", "log: { access: stdout }"))
    wait_for(lambda: settings(daemon)["log.access"]["waits_for_restart"], "the reload")
    row = settings(daemon)["log.access"]
    assert (row["value"], row["takes_restart"], row["waits_for_restart"]) == ("none", True, True), row
    assert [(c["path"], c["takes_restart"]) for c in diff(daemon)["changes"]] == []
    rewrite(daemon.conf, "this is: no: file")
    wait_for(lambda: "is refused" in daemon.stderr, "the refusal")
    assert settings(daemon)["log.access"] == row, "a refused reload changes nothing"
    told = daemon.call("GET", "/api/sluice/v1/status").json()["configuration"]["last_load"]
    assert (told["ok"], told["restart"]) == (False, ["log.access"])


def test_created_routes_and_shadowed_ones(sluice, tmp_path):
    daemon = sluice({"endpoints": [chat_route("http://127.0.0.1:9/v1")]}, args=["--data", str(tmp_path / "data")])
    assert daemon.call("POST", "/api/2.0/gateway/routes/", {"name": "made", "route_type": "llm/v1/chat", "model": MOCK}).status == 200
    rows = [(r["name"], r["from"], r["value"] is None, r["shadowed"]) for r in get(daemon)["routes"]]
    assert rows == [("chat", "file", False, False), ("made", "created", True, False)]
    text = yaml.safe_load((daemon.dir / "sluice.yaml").read_text())
    text["endpoints"].append({"name": "made", "endpoint_type": "llm/v1/chat", "model": MOCK})
    rewrite(daemon.dir / "sluice.yaml", yaml.safe_dump(text, sort_keys=False))
    wait_for(lambda: get(daemon)["version"] == 2, "the reload")
    rows = [(r["name"], r["from"], r["shadowed"]) for r in get(daemon)["routes"]]
    assert rows == [("chat", "file", False), ("made", "file", False), ("made", "created", True)]


def test_pages_of_many_routes(sluice):
    daemon = sluice({"endpoints": [{"name": f"r{i}", "endpoint_type": "llm/v1/chat", "model": MOCK} for i in range(2500)]})
    names, token, n = [], "", 0
    while token is not None and n < 9:
        page = get(daemon, f"?page_token={token.replace('=', '%3D').replace('+', '%2B')}" if token else "")
        assert bool(page["settings"]) == (not token)
        names += [(r["name"], r["value"]["name"]) for r in page["routes"]]
        token, n = page["next_page_token"], n + 1
    assert names == [(f"r{i}", f"r{i}") for i in range(2500)] and n > 1
    assert daemon.call("GET", OWN + "?page_token=nonsense").status == 400


def test_the_embedded_default(sluice):
    daemon = sluice()
    assert get(daemon)["file"] is None and [r["name"] for r in get(daemon)["routes"]] == ["chat", "completions", "embeddings"]
    assert diff(daemon) == {"file": None, "is_valid": True, "problems": [], "problems_left_out": 0, "changes": []}

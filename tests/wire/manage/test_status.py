# SPDX-License-Identifier: Apache-2.0
"""The status in one call: it says what /metrics and `sluice top` say, what is wrong with the configuration's file, and
to a key in a group only whether the gateway serves."""
import json
import os
import re
import signal
import subprocess

import yaml

from harness import BIN, CHAT, CHAT_REPLY, chat_route, wait_for

STATUS = "/api/sluice/v1/status"
ADMIN = "an-admin-key-of-the-file"
# Everybody may know these; the rest is of the whole gateway.
OPEN = {"version", "started_at", "uptime_seconds", "draining", "store_up", "counters_up", "total_bounds", "first_bounds"}


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


def status(daemon, headers=()):
    r = daemon.call("GET", STATUS, headers=headers)
    assert r.status == 200, r.body
    return r.json()


def rewrite(daemon, text):
    path = daemon.dir / "sluice.yaml"
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)


def test_it_counts_what_top_counts(sluice, upstream):
    """Both sum up the same counters, each by its own code."""

    def answer(x):
        if b"fail" in x.body:
            x.reply({"error": {"message": "no"}}, status="500 Internal Server Error")
        elif b'"stream": true' in x.body:
            x.stream_head()
            x.event({"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]})
            x.event("[DONE]")
            x.last_chunk()
        else:
            x.reply(CHAT_REPLY)

    up = upstream(answer)
    limited = {**chat_route(up.base, "limited"), "limit": {"calls": 2, "renewal_period": "day"}}
    daemon = sluice({"endpoints": [chat_route(up.base, retries=0), limited, chat_route(up.base, "silent")]})
    fail = {**CHAT, "messages": [{"role": "user", "content": "fail"}]}
    for body in (CHAT, CHAT, fail, {**CHAT, "stream": True}, {**CHAT, "model": "limited"}, {**CHAT, "model": "limited"}, {**CHAT, "model": "limited"}, {**CHAT, "model": "nobody"}):
        daemon.call("POST", "/v1/chat/completions", body)
    daemon.log_lines(8)
    now = status(daemon)
    top = json.loads(subprocess.run([BIN, "top", "--json"], env={**os.environ, "SLUICE_SERVER": daemon.url}, capture_output=True, text=True, check=True).stdout)
    chat, other = ({r["name"]: r for r in now["routes"]}[name] for name in ("chat", "other"))
    assert (chat["calls"], chat["errors"], chat["error_types"]) == (4, 1, {"provider_server_error": 1}) and (other["calls"], other["errors"]) == (1, 1)
    assert now["errors"] == {"provider_server_error": 1, "policy_rate_limited": 1, "caller_not_found": 1}
    assert now["limits"] == {"limited": 1} and [r["refused"] for r in now["routes"] if r["name"] == "limited"] == [1]
    assert sum(chat["total_buckets"]) == 4 and sum(chat["first_buckets"]) == 1
    assert len(now["total_bounds"]) + 1 == len(chat["total_buckets"]) and len(now["first_bounds"]) + 1 == len(now["first_buckets"])
    assert now["total_p95_seconds"] >= now["total_p50_seconds"] > 0
    assert now["in_flight"] == 0 and now["workers"] >= 1 and now["connections"] >= 1 and now["upstream_connections"]["idle"] >= 1

    # `top` leaves out calls of no route that did not fail, and took some readings itself.
    shown = {r["name"]: r for r in top["routes"]}
    ours = {r["name"]: {k: v for k, v in r.items() if not k.endswith("buckets")} for r in now["routes"] if r["name"] in shown}
    for name in shown:
        assert ours[name] == shown[name] or name == "none", (ours[name], shown[name])
    ends = {"uptime_seconds", "requests", "routes"}
    assert {k: now[k] for k in top if k not in ends} == {k: v for k, v in top.items() if k not in ends}
    later = status(daemon)
    assert later["uptime_seconds"] > now["uptime_seconds"] and later["started_at"] == now["started_at"] and later["requests"] > now["requests"]


def test_it_says_what_is_wrong_with_the_file(sluice):
    daemon = sluice({"endpoints": []})
    path = daemon.dir / "sluice.yaml"
    first = status(daemon)["configuration"]
    assert first["file"] == str(path) and first["reloads"] == {"ok": 0, "refused": 0}
    assert first["last_load"] | {"at": None} == {"at": None, "is_reload": False, "ok": True, "problems": [], "problems_left_out": 0, "restart": []}
    good = path.read_text()
    rewrite(daemon, good + "upstream:\n  timeouts: { connect: 5 }\n  retries: many\n")
    wait_for(lambda: status(daemon)["configuration"]["reloads"]["refused"], "the refusal")
    now = status(daemon)
    told = now["configuration"]["last_load"]
    line = len(good.splitlines()) + 2
    assert now["last_reload_successful"] is False and now["config_version"] == 1 and told["is_reload"] and not told["ok"]
    assert [(p["severity"], p["file"], p["line"], p["path"]) for p in told["problems"]] == \
        [("error", str(path), line, "upstream.timeouts.connect"), ("error", str(path), line + 1, "upstream.retries")]
    assert "unit" in told["problems"][0]["text"] and told["problems"][0]["column"]
    rewrite(daemon, good + "metrics: { max_routes: 5 }\nlimits: { max_counters: 100 }\nodd: {}\n")
    wait_for(lambda: status(daemon)["configuration"]["reloads"]["ok"], "the repair")
    now = status(daemon)
    told = now["configuration"]["last_load"]
    assert now["last_reload_successful"] and now["config_version"] == 2 and told["ok"] and told["restart"] == ["limits.max_counters"]
    assert [(p["severity"], p["line"]) for p in told["problems"]] == [("warning", line + 1)] and "odd" in told["problems"][0]["text"]


def test_a_reload_that_the_process_refuses_has_its_reason(sluice):
    """The file is sound; but without `auth` nothing may listen on every address."""
    daemon = sluice({"endpoints": [], "auth": "none", "server": {"listen": "0.0.0.0:0"}}, listen=False, ready=False)
    wait_for(lambda: re.search(r"listening on 0\.0\.0\.0:\d+", daemon.stderr), "the listener")
    daemon.port = int(re.search(r"listening on 0\.0\.0\.0:(\d+)", daemon.stderr)[1])
    rewrite(daemon, yaml.safe_dump({k: v for k, v in yaml.safe_load((daemon.dir / "sluice.yaml").read_text()).items() if k != "auth"}))
    wait_for(lambda: status(daemon)["configuration"]["reloads"]["refused"], "the refusal")
    problems = status(daemon)["configuration"]["last_load"]["problems"]
    assert [p["severity"] for p in problems] == ["error"] and "no auth is configured" in problems[0]["text"], problems


def test_the_embedded_default_has_no_file(sluice):
    now = status(sluice())
    assert now["configuration"]["file"] is None and now["store_up"] is None and now["counters_up"] is None


def test_targets_that_get_no_calls(sluice, upstream):
    up = upstream(lambda x: x.reply({"error": {"message": "later"}}, status="429 Too Many Requests", headers=[("Retry-After", "60")]))
    model = chat_route(up.base)["model"]
    daemon = sluice({"endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0, "targets": [{"name": n, "model": model} for n in ("a", "b")]}}]})
    assert status(daemon)["resting"] == []
    daemon.call("POST", "/v1/chat/completions", CHAT)
    resting = status(daemon)["resting"]
    assert {(r["route"], r["state"], r["is_down"]) for r in resting} == {("chat", "closed", False)} and all(0 < r["waits_ms"] <= 60000 for r in resting), resting


def test_a_key_sees_what_it_may(sluice, upstream):
    up = upstream(lambda x: x.reply({}, status="429 Too Many Requests", headers=[("Retry-After", "60")]))
    keys = {"viewer": {}, "team": {"group": "acme"}}
    texts = {name: "sk-sluice-" + (name * 43)[:43] for name in keys}
    two = {"retries": 0, "targets": [{"name": n, "model": chat_route(up.base)["model"]} for n in ("x", "y")]}
    config = {"auth": {"admin_key": "$THE_ADMIN", "keys": [{"name": n, "key": f"$KEY_{n.upper()}", "role": "viewer", **more} for n, more in keys.items()]},
              "groups": [{"name": "acme"}], "endpoints": [{"name": n, "endpoint_type": "llm/v1/chat", "sluice": two} for n in ("a", "b")]}
    daemon = sluice(config, env={"THE_ADMIN": ADMIN, **{f"KEY_{n.upper()}": t for n, t in texts.items()}})
    for route in "ab":
        daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route}, bearer(ADMIN))
    seen = {name: status(daemon, bearer(text)) for name, text in texts.items()}
    assert {r["route"] for r in seen["viewer"]["resting"]} == {"a", "b"}
    assert {k for k, v in seen["team"].items() if v is not None} <= OPEN and set(seen["team"]) == set(seen["viewer"])
    assert seen["team"]["version"] == seen["viewer"]["version"] and seen["viewer"]["requests"] >= 2
    rewrite(daemon, (daemon.dir / "sluice.yaml").read_text().replace("auth:\n", "auth:\n  metrics: admin\n", 1))
    wait_for(lambda: status(daemon, bearer(ADMIN))["config_version"] == 2, "the reload")
    assert status(daemon, bearer(texts["viewer"]))["requests"] is None and status(daemon, bearer(ADMIN))["requests"] >= 2


def test_it_says_that_it_drains(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"timeouts": {"drain_delay": "60s"}}})
    assert status(daemon)["draining"] is False
    daemon.proc.send_signal(signal.SIGTERM)
    wait_for(lambda: status(daemon)["draining"], "draining")
    daemon.stop(signal.SIGINT)

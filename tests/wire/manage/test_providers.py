# SPDX-License-Identifier: Apache-2.0
"""The providers that routes use, what failed last, and a test of them that costs nothing."""
import re
import threading

from harness import CHAT, CHAT_REPLY, chat_route, free_port, wait_for

OWN = "/api/sluice/v1/providers"
ADMIN = "an-admin-key-of-the-file"
MODELS = {"object": "list", "data": []}
MOCK = {"name": "mine", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m", "config": {}}}


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


def providers(daemon, headers=()):
    r = daemon.call("GET", OWN, headers=headers)
    assert r.status == 200, r.body
    return {p["name"]: p for p in r.json()["providers"]}


def probe(daemon, name="openai", headers=(), query=""):
    r = daemon.call("POST", f"{OWN}/{name}/test{query}", headers=headers)
    assert r.status == 200, r.body
    return r.json()


def two(base, name="two", **more):
    model = chat_route(base)["model"]
    return {"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0, "targets": [{"name": n, "model": model} for n in ("a", "b")], **more}}


def test_the_list_and_what_failed_last(sluice, upstream):
    said = {}
    up = upstream(lambda x: x.reply(*said.get(x.get("authorization"), (CHAT_REPLY,))))
    other = chat_route(up.base, "other", retries=0)
    other["model"]["config"]["openai_api_key"] = "sk-other-secret"
    daemon = sluice({"endpoints": [chat_route(up.base, retries=0), other, MOCK]})
    now = providers(daemon)
    assert list(now) == sorted(now, key=list(now).index) and set(now) == {"openai", "mock"}
    one = {"target": None, "model": "gpt-4o-mini", "host": "127.0.0.1", "owner": "file", "state": None, "health": None, "in_flight": None, "waits_ms": None, "last_error": None}
    assert now["openai"] == {"name": "openai", "label": "OpenAI", "lists_models": True, "state": None, "attempts": 0, "failed": 0, "last_error": None, "targets_left_out": 0,
                             "targets": [{"route": "chat", **one}, {"route": "other", **one}]}
    assert now["mock"]["targets"][0]["host"] is None and not now["mock"]["lists_models"]
    said["Bearer sk-other-secret"] = ({"error": {"message": "Incorrect API key provided: sk-other-secret"}}, "401 Unauthorized")
    for route in ("chat", "other", "other"):
        daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route})
    daemon.log_lines(3)
    now = providers(daemon)["openai"]
    last = now["last_error"]
    assert (last["type"], last["status"], last["count"]) == ("provider_auth_failed", 401, 2) and "Incorrect API key" in last["text"] and "secret" not in str(now)
    assert [t["last_error"] for t in now["targets"]] == [None, last] and (now["attempts"], now["failed"]) == (3, 2)


def test_states_of_targets(sluice, upstream):
    up = upstream(lambda x: x.reply({"error": {"message": "later"}}, status="429 Too Many Requests", headers=[("Retry-After", "60")]) if x.json()["messages"][0]["content"] == "no" else x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [two(up.base, fallback={"attempts": 1})]})
    assert providers(daemon)["openai"]["state"] == "up"
    no = {"model": "two", "messages": [{"role": "user", "content": "no"}]}
    for want in ("part", "down"):
        daemon.call("POST", "/v1/chat/completions", no)
        now = providers(daemon)["openai"]
        assert now["state"] == want and now["last_error"]["type"] == "provider_rate_limited", now
    assert [t["target"] for t in now["targets"]] == ["a", "b"] and all(0 < t["waits_ms"] <= 60000 and t["state"] == "closed" and t["in_flight"] == 0 for t in now["targets"])


def test_a_failure_at_another_route_is_that_routes(sluice, upstream):
    """`chat` fails and its calls go on to `spare`, which fails, too."""
    up = upstream(lambda x: x.reply({"error": {"message": "no"}}, status="500 Internal Server Error"))
    daemon = sluice({"endpoints": [chat_route(up.base, retries=0, fallback={"routes": ["spare"]}), chat_route(up.base, "spare", retries=0)]})
    daemon.call("POST", "/v1/chat/completions", CHAT)
    daemon.log_lines(1)
    assert {t["route"]: t["last_error"]["count"] for t in providers(daemon)["openai"]["targets"]} == {"chat": 1, "spare": 1}


def test_a_key_sees_what_it_may(sluice, upstream):
    up = upstream(lambda x: x.reply({"error": {"message": "no money"}}, status="402 Payment Required"))
    keys = {"viewer": {}, "team": {"group": "acme"}}
    texts = {name: "sk-sluice-" + (name * 43)[:43] for name in keys}
    config = {"auth": {"admin_key": "$THE_ADMIN", "keys": [{"name": n, "key": f"$KEY_{n.upper()}", "role": "viewer", **more} for n, more in keys.items()]},
              "groups": [{"name": "acme"}], "endpoints": [chat_route(up.base), chat_route(up.base, "other"), MOCK]}
    daemon = sluice(config, env={"THE_ADMIN": ADMIN, **{f"KEY_{n.upper()}": t for n, t in texts.items()}})
    for route in ("chat", "other"):
        daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route}, bearer(ADMIN))
    seen = {name: providers(daemon, bearer(text)) for name, text in texts.items()}
    assert {name: sorted(t["route"] for p in of.values() for t in p["targets"]) for name, of in seen.items()} == {name: ["chat", "mine", "other"] for name in keys}
    assert seen["viewer"]["openai"]["attempts"] == 2 and "no money" in seen["viewer"]["openai"]["last_error"]["text"]
    team = seen["team"]["openai"]
    assert team["attempts"] is None and team["failed"] is None and team["last_error"]["type"] == "provider_billing" and team["last_error"]["text"] is None
    assert daemon.call("POST", f"{OWN}/openai/test", headers=bearer(texts["viewer"])).status == 403


def test_a_test_asks_each_upstream_once(sluice, upstream):
    up = upstream(lambda x: x.reply(MODELS) if x.get("authorization") == "Bearer sk-test-secret" else x.reply({"error": {"message": "who?"}}, "401 Unauthorized"))
    wrong = chat_route(up.base, "wrong")
    wrong["model"]["config"]["openai_api_key"] = "sk-wrong-secret"
    gone = chat_route(f"http://127.0.0.1:{free_port()}/v1", "gone")
    daemon = sluice({"endpoints": [chat_route(up.base), chat_route(up.base, "same"), wrong, gone, MOCK]})
    told = probe(daemon)
    assert told["provider"] == "openai" and told["left_out"] == 0
    rows = {u["route"]: u for u in told["upstreams"]}
    assert {n: (u["state"], u["status"], u["asked"], u["target"], u["host"]) for n, u in rows.items()} == \
        {"chat": ("ok", 200, "models", None, "127.0.0.1"), "wrong": ("error", 401, "models", None, "127.0.0.1"), "gone": ("error", None, "models", None, "127.0.0.1")}
    assert rows["chat"]["text"].startswith("takes its key, in ") and rows["chat"]["advice"] is None
    assert rows["wrong"]["text"] == "refuses its key (401)" and "openai_api_key" in rows["wrong"]["advice"]
    assert "efused" in rows["gone"]["text"] and "secret" not in str(told)
    assert {(x.method, x.path) for x in up.requests} == {("GET", "/v1/models")} and len(up.requests) == 2, "never a call that is paid for"
    assert [u["route"] for u in probe(daemon, query="?route=wrong")["upstreams"]] == ["wrong"]
    assert probe(daemon, "mock")["upstreams"] == []
    for name, query in (("groq", ""), ("nothing", ""), ("openai", "?route=mine"), ("openai", "?route=nobody")):
        r = daemon.call("POST", f"{OWN}/{name}/test{query}")
        assert r.status == 404 and name in r.json()["error"]["message"], r.body


def test_many_upstreams_are_not_all_asked(sluice, upstream):
    up = upstream(lambda x: x.reply(MODELS))
    daemon = sluice({"endpoints": [chat_route(f"{up.base}/{i}", f"r{i}") for i in range(20)]})
    told = probe(daemon)
    assert len(told["upstreams"]) == 16 and told["left_out"] == 4 and len(up.requests) == 16


def test_one_test_at_a_time_and_the_client_may_leave(sluice, upstream):
    came, go = threading.Event(), threading.Event()

    def answer(x):
        came.set()
        go.wait(20)
        x.reply(MODELS)

    up = upstream(answer)
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    conn = daemon.connect()
    conn.request("POST", f"{OWN}/openai/test")
    assert came.wait(20)
    r = daemon.call("POST", f"{OWN}/openai/test")
    assert r.status == 503 and r.get("retry-after") and "Another test runs" in r.json()["error"]["message"]
    conn.close()
    go.set()
    wait_for(lambda: daemon.call("POST", f"{OWN}/openai/test").status == 200, "the seat is free again")


def test_a_list_without_end_is_cut(sluice, upstream):
    def answer(x):
        x.stream_head("application/json")
        try:
            while True:
                x.chunk(b"x" * 65536)
        except OSError:
            pass

    up = upstream(answer)
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    (row,) = probe(daemon)["upstreams"]
    assert row["state"] == "ok" and row["status"] == 200


def test_a_created_route_is_asked_only_where_its_calls_may_go(sluice, upstream, tmp_path):
    """The same address: the file's route is asked, the created one is not, as it may not reach this network."""
    up = upstream(lambda x: x.reply(MODELS))
    daemon = sluice({"endpoints": [chat_route(up.base)]}, args=["--data", str(tmp_path / "data")])
    made = chat_route(up.base, "made")
    made["route_type"] = made.pop("endpoint_type")
    r = daemon.call("POST", "/api/2.0/gateway/routes/", made)
    if r.status != 200:  # already its URL is refused; then a name that leads there is taken
        made["model"]["config"]["openai_api_base"] = up.base.replace("127.0.0.1", "localhost")
        r = daemon.call("POST", "/api/2.0/gateway/routes/", made)
    assert r.status == 200, r.body
    rows = {u["route"]: u for u in probe(daemon)["upstreams"]}
    assert rows["chat"]["state"] == "ok" and rows["made"]["state"] == "error" and len(up.requests) == 1, rows
    assert [t["owner"] for t in providers(daemon)["openai"]["targets"]] == ["file", "api"]


def test_a_created_route_tells_no_address(sluice, upstream, tmp_path):
    """A name that leads inside: the test of the provider says what a call says, and the log has the address."""
    up, port = upstream(lambda x: x.reply(MODELS)), free_port()
    daemon = sluice({"endpoints": []}, args=["--data", str(tmp_path / "data")])
    open_to = sluice({"endpoints": [], "upstream": {"allow": ["127.0.0.0/8", "::1"]}}, args=["--data", str(tmp_path / "open")])
    for gate, at, words in ((daemon, up.port, "the upstream's address is not public"), (open_to, port, "refused")):
        made = chat_route(f"http://localhost:{at}/v1", "made", retries=0)
        made["route_type"] = made.pop("endpoint_type")
        assert gate.call("POST", "/api/2.0/gateway/routes/", made).status == 200
        (row,) = probe(gate)["upstreams"]
        assert row["state"] == "error" and words in row["text"] and "127.0.0.1" not in row["text"] and "::1" not in row["text"], row
        call = gate.call("POST", "/v1/chat/completions", {**CHAT, "model": "made"})
        assert call.status == 502 and row["text"].removeprefix("cannot be reached: ") in call.body.decode(), call.body
        wait_for(lambda gate=gate, at=at: re.search(rf"probe.*(127\.0\.0\.1|\[::1\]):{at}", gate.stderr), "the address in the log")

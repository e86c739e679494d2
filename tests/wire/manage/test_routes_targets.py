# SPDX-License-Identifier: Apache-2.0
"""Routes with several targets, made by calls: what is taken, refused, kept and shown."""
import collections
import signal

import pytest

import harness
from harness import CHAT, files_of

ROUTES = "/api/2.0/gateway/routes/"
OWN = "/api/sluice/v1/routes"
CONFIG = {"endpoints": [{"name": "fixed", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m", "config": {}}}],
          "upstream": {"allow": ["127.0.0.0/8"]}, "server": {"workers": 1}}
KEYS = ["sk-canary-own-1", "sk-canary-eu-22", "sk-canary-spare-333"]


@pytest.fixture
def data(tmp_path):
    return str(tmp_path / "data")


def start(sluice, data, config=CONFIG):
    return sluice(config, args=("--data", data))


def openai(base, key=None, name="gpt-4o-mini"):
    return {"provider": "openai", "name": name, "config": {"openai_api_base": base, **({"openai_api_key": key} if key else {})}}


def claude(base, key=None):
    return {"provider": "anthropic", "name": "claude-sonnet-4-5", "config": {"anthropic_api_base": base, **({"anthropic_api_key": key} if key else {})}}


def body(bases, keys=KEYS, **sluice):
    own, eu, spare = (b if isinstance(b, str) else b.base for b in bases)
    return {"route_type": "llm/v1/chat", "model": openai(own, keys[0]),
            "sluice": {"targets": [{"name": "model", "weight": 2}, {"name": "eu", "model": openai(eu, keys[1]), "timeouts": {"connect": "2s"}},
                                   {"name": "spare", "tier": 1, "model": claude(spare, keys[2])}], "retries": 0, **sluice}}


def ask(daemon, route="r"):
    return daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route})


def good(ex):
    ex.reply(harness.CHAT_REPLY)


def bad(ex):
    ex.reply({"error": {"message": "no", "type": "server_error"}}, "500 Oops")


def claude_answer(ex):
    ex.reply({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [{"type": "text", "text": "hi"}],
              "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}})


@pytest.fixture
def three(upstream):
    return upstream(good), upstream(good), upstream(claude_answer)


def test_a_made_route_has_targets_over_restarts(sluice, data, three):
    daemon = start(sluice, data)
    made = daemon.call("POST", ROUTES, {"name": "r", **body(three)})
    assert made.status == 200 and made.json()["model"] == {"name": "gpt-4o-mini", "provider": "openai"}, made.body
    for turn in range(2):
        assert collections.Counter(ask(daemon).get("x-sluice-target") for _ in range(6)) == {"model": 4, "eu": 2}
        assert three[0].requests[-1].get("authorization") == "Bearer " + KEYS[0]
        assert three[1].requests[-1].get("authorization") == "Bearer " + KEYS[1]
        before = daemon.call("GET", f"{OWN}/r").json()
        daemon.stop(signal.SIGKILL, check=False)
        daemon.stopped = True
        daemon = start(sluice, data)
        assert daemon.call("GET", f"{OWN}/r").json() == before
    three[0].handler = three[1].handler = bad
    reply = ask(daemon)
    assert reply.status == 200 and reply.get("x-sluice-target") == "spare" and reply.get("x-sluice-attempts") == "3"
    assert three[2].requests[-1].get("x-api-key") == KEYS[2]


def test_what_is_shown_has_no_secret_and_may_be_sent_back(sluice, data, three, tmp_path):
    daemon = start(sluice, data)
    assert daemon.call("PUT", f"{OWN}/r", body(three, balance="ordered", breaker={"errors": 3})).status == 201
    reply = daemon.call("GET", f"{OWN}/r")
    shown = reply.json()
    assert not any(key.encode() in reply.body for key in KEYS), reply.body
    assert [t["name"] for t in shown["targets"]] == ["model", "eu", "spare"] and shown["targets"][2]["provider"] == "anthropic"
    assert shown["sluice"]["targets"][1] == {"name": "eu", "model": {"name": "gpt-4o-mini", "provider": "openai", "config": {"openai_api_base": three[1].base}},
                                             "timeouts": {"connect": "2s"}}
    assert shown["sluice"]["balance"] == "ordered" and shown["sluice"]["breaker"] == {"errors": 3}
    prints = {name: list(of) for name, of in shown["target_secrets"].items()}
    assert prints == {"eu": ["openai_api_key"], "spare": ["anthropic_api_key"]} and list(shown["secrets"]) == ["openai_api_key"]
    again = daemon.call("PUT", f"{OWN}/r", {k: v for k, v in shown.items() if k != "limits"})
    assert again.status == 200 and again.json()["target_secrets"] == shown["target_secrets"] and again.json()["sluice"] == shown["sluice"], again.body
    three[0].handler = bad
    assert ask(daemon).get("x-sluice-target") == "eu" and three[1].requests[-1].get("authorization") == "Bearer " + KEYS[1]
    audit = daemon.call("GET", "/api/sluice/v1/audit")
    assert not any(key.encode() in audit.body for key in KEYS)
    for file in files_of(tmp_path / "data"):
        assert not any(key.encode() in file.read_bytes() for key in KEYS), file


def test_a_targets_credential_is_kept_for_its_own_place_only(sluice, data, three, upstream):
    daemon = start(sluice, data)
    theirs = upstream(good)
    assert daemon.call("PUT", f"{OWN}/r", body(three)).status == 201
    bare = body(three, keys=[None] * 3)
    bare["sluice"]["targets"].reverse()  # by its name, not by its index
    assert daemon.call("PUT", f"{OWN}/r", bare).status == 200
    assert {ask(daemon).get("x-sluice-target") for _ in range(3)} == {"model", "eu"}
    assert three[1].requests[-1].get("authorization") == "Bearer " + KEYS[1]
    stolen = body((three[0], theirs, three[2]), keys=[None] * 3)
    reply = daemon.call("PUT", f"{OWN}/r", stolen)
    assert reply.status == 400 and "sluice.targets[1].model.config.openai_api_base" in reply.json()["error"]["message"], reply.body
    stolen["sluice"]["targets"][1]["name"] = "other"  # a target of another name has nothing to keep
    reply = daemon.call("PUT", f"{OWN}/r", stolen)
    assert reply.status == 400 and "openai_api_key" in reply.json()["error"]["message"], reply.body
    assert not theirs.requests and ask(daemon).status == 200
    # a target does not get the key of the route's own model, nor the other way round
    stolen = body((theirs, three[1], three[2]), keys=[None, KEYS[1], KEYS[2]])
    assert daemon.call("PUT", f"{OWN}/r", stolen).status == 400


def test_a_route_may_have_targets_alone(sluice, data, three):
    daemon = start(sluice, data)
    alone = body(three)
    del alone["model"], alone["sluice"]["targets"][0]
    made = daemon.call("PUT", f"{OWN}/r", alone)
    assert made.status == 201 and "model" not in made.json() and made.json()["target_secrets"]["eu"], made.body
    assert ask(daemon).get("x-sluice-target") == "eu"
    assert daemon.call("GET", ROUTES + "r").json()["model"] == {"name": "gpt-4o-mini", "provider": "openai"}
    bare = {**alone, "sluice": {**alone["sluice"], "targets": body(three, keys=[None] * 3)["sluice"]["targets"][1:]}}
    assert daemon.call("PUT", f"{OWN}/r", bare).status == 200 and ask(daemon).get("x-sluice-target") == "eu"
    one = daemon.call("PUT", f"{OWN}/r", {"route_type": "llm/v1/chat", "model": openai(three[0].base)})
    assert one.status == 400 and "openai_api_key" in one.json()["error"]["message"]  # it never had one


def with_target(**more):
    return {"sluice": {"targets": [{"name": "t", "model": openai("https://example.com/v1", "sk-canary-1"), **more}]}}


INNER = openai("http://10.0.0.1/v1", "sk-canary-1")
FAULTS = [  # `sluice` of a route beside its targets, status, text
    (with_target(wieght=3), 400, 'sluice.targets[0]: unknown key "wieght": did you mean "weight"?'),
    (with_target(weight=-1), 400, "sluice.targets[0].weight"),
    (with_target(model={"provider": "openai", "name": "m", "config": {"openai_api_kee": "sk-canary-1"}}), 400, 'did you mean "openai_api_key"?'),
    (with_target(model={"provider": "openai", "name": "m", "openai_api_key": "sk-canary-1"}), 400, 'sluice.targets[0].model: "openai_api_key" belongs into model.config'),
    (with_target(model={"provider": "openai", "name": "m", "config": {"openai_api_key": "$HOME"}}), 400, "only the operator's file can use environment variables"),
    (with_target(model={"provider": "openai", "name": "m", "config": "sk-canary-1"}), 400, "sluice.targets[0].model.config: must be a map"),
    (with_target(model={"provider": "opnai", "name": "m", "config": {"openai_api_key": "sk-canary-1"}}), 400, "did you mean 'openai'?"),
    (with_target(model="sk-canary-1"), 400, "must be a map with provider, name and config"),
    (with_target(model=INNER), 400, 'the target "t": model.config.openai_api_base: 10.0.0.1 is a private'),
    (with_target(timeouts={"idle": "2h", "total": "1h"}), 400, "timeouts.idle is longer than timeouts.total"),
    (with_target(tier=2), 400, "tier 1 has none"),
    (with_target(name="model"), 400, "another one needs another name"),
    ({"sluice": {"targets": [*with_target()["sluice"]["targets"]] * 2}}, 400, 'the target "t" is there twice'),
    ({"sluice": {"targets": [{"name": f"t{i}"} for i in range(1001)]}}, 400, "there may be 1000"),
    ({"sluice": {"targets": []}}, 400, "must be a list of maps"),
    ({"sluice": {"targets": {"name": "t"}}}, 400, "must be a list of maps"),
    ({"sluice": {"targets": ["t"]}}, 400, "sluice.targets[0]: must be a map"),
    ({"sluice": {"targets": [{"name": "t"}]}}, 400, "needs `model:`"),
    ({"sluice": {"targets": [{"name": "model", "weight": 0}]}}, 400, "every weight is 0"),
    ({"sluice": {"balance": "dearest"}}, 400, "weighted, least_busy, fastest, ordered, cheapest"),
    ({"sluice": {"fallback": {"on": ["conect"]}}}, 400, 'did you mean "connect"?'),
    ({"sluice": {"breaker": {"ratio": "0%"}}}, 400, "from 1% to 100%"),
    ({"model": None, **with_target()}, 422, "model"),
    ({"model": {"provider": "openai", "name": "m", "config": {"openai_api_key": "sk-canary-1", "sluice.targets": []}}}, 400, 'unknown key "sluice.targets"'),
]


@pytest.mark.parametrize("more,status,text", FAULTS, ids=lambda v: None if isinstance(v, dict) else str(v)[:40])
def test_faults_are_told(sluice, data, more, status, text):
    daemon = start(sluice, data)
    reply = daemon.call("POST", ROUTES, {"name": "r", "route_type": "llm/v1/chat", "model": openai("https://example.com/v1", "sk-canary-1"), **more})
    assert reply.status == status and text in reply.body.decode().replace('\\"', '"'), reply.body
    assert b"canary" not in reply.body and "line 0" not in reply.body.decode()
    assert daemon.call("GET", ROUTES + "r").status == 404


def test_a_thousand_targets_can_be_made(sluice, data, upstream):
    daemon, up = start(sluice, data), upstream(good)
    many = [{"name": f"t{i}", "model": openai(up.base, f"sk-canary-{i}")} for i in range(1000)]
    assert daemon.call("PUT", f"{OWN}/r", {"route_type": "llm/v1/chat", "sluice": {"targets": many}}).status == 201
    assert [ask(daemon).get("x-sluice-target") for _ in range(3)] == ["t0", "t1", "t2"]
    assert up.requests[-1].get("authorization") == "Bearer sk-canary-2"

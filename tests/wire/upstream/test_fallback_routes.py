# SPDX-License-Identifier: Apache-2.0
"""`fallback.routes`: when no target of a route is left, the call goes on to another route."""
import pytest

from harness import CHAT, Sluice, wait_for
from test_affinity import Keeps, Signs, turn
from test_fit import MODELS, TOOL
from test_queue import Gate, depth, send
from test_traffic import Lab, Target, closed_port, error, model

OWN = "/api/sluice/v1/routes"


class Routes(Lab):
    def start(self, *routes, args=(), **more):
        self.sluice = Sluice(self.tmp_path, {"endpoints": list(routes), **more}, args=args)
        return self.sluice

    def call(self, stream=False, route="chat", headers=(), **more):
        return self.sluice.call("POST", "/v1/chat/completions", {**CHAT, "model": route, "stream": stream, **more}, headers)

    def line(self):
        return self.sluice.log_lines(1)[-1]


@pytest.fixture
def lab(tmp_path):
    lab = Routes(tmp_path)
    yield lab
    lab.close()


def route(name, where, to=(), provider="openai", kind="llm/v1/chat", entry=None, **sluice):
    base = where.base if isinstance(where, Target) else where
    if to:
        sluice["fallback"] = {"routes": list(to), **sluice.get("fallback", {})}
    return {"name": name, "endpoint_type": kind, "model": model(base, provider, "claude-sonnet-4-5" if provider == "anthropic" else "gpt-4o-mini"),
            "sluice": {"retries": 0, **sluice}, **(entry or {})}


def header(target, name):
    """A header of the first request that it got."""
    return next((v for k, v in target.upstream.requests[0].headers if k.lower() == name), None)


@pytest.mark.parametrize("unknown", ["allow", "refuse"])
def test_where_money_is_limited_no_unknown_price_is_gone_to(lab, unknown):
    """The other route has no limits of its own; those of the one that was called hold."""
    down, up = lab.target(error("500 Oops")), lab.target()
    lab.start(route("chat", down, ["other"], entry={"limits": [{"money": 1, "per": "day"}]}),
              route("other", up, entry={"model": {**model(up.base), "name": "nobody-knows"}}),
              prices={"models": {"openai/gpt-4o-mini": {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}}, "unknown": unknown})
    r = lab.call()
    assert (r.status, len(up.upstream.requests)) == ((200, 1) if unknown == "allow" else (500, 0)), r.body


# --- where it goes ---


@pytest.mark.parametrize("stream", [False, True])
def test_a_route_with_one_model_goes_on_to_another(lab, stream):
    down, up = lab.target(error("500 Oops")), lab.target()
    lab.start(route("chat", down, ["other"]), route("other", up))
    r = lab.call(stream)
    assert r.status == 200, r.body
    assert (r.get("x-sluice-route"), r.get("x-sluice-target"), r.get("x-sluice-attempts")) == ("chat", "other/model", "2")
    line = lab.line()
    assert (line["route"], line["target"]) == ("chat", "other/model")
    assert [(a["target"], a["why"], a["status"]) for a in line["attempts"]] == [("model", "first", 500), ("other/model", "fallback", 200)]
    assert header(up, "authorization") == "Bearer sk-test-secret"
    lines = [line for line in lab.sluice.call("GET", "/metrics").body.decode().splitlines() if line.startswith("sluice_attempts_total{")]
    assert [line for line in lines if 'route="chat"' in line and 'target="other/model"' in line], lines
    assert not [line for line in lines if 'route="other"' in line], lines


def test_all_targets_come_first_then_the_other_routes_in_order(lab):
    a, b, c, d = (lab.target(error("500 Oops")) for _ in range(4))
    up = lab.target()
    lab.start(route("chat", a, ["x", "y"], targets=[{"name": "b", "model": model(b.base)}], balance="ordered", fallback={"attempts": 9}),
              route("x", c, ["x2"]), route("x2", d), route("y", up))
    assert lab.call().get("x-sluice-target") == "y/model"
    assert [a["target"] for a in lab.line()["attempts"]] == ["model", "b", "x/model", "x2/model", "y/model"]
    assert [t.n for t in (a, b, c, d, up)] == [1, 1, 1, 1, 1]


def test_attempts_bound_the_whole(lab):
    a, b, c = (lab.target(error("500 Oops")) for _ in range(3))
    lab.start(route("chat", a, ["x", "y"], fallback={"attempts": 2}), route("x", b), route("y", c))
    r = lab.call()
    assert r.status >= 500 and r.get("x-sluice-attempts") == "2" and c.n == 0
    assert r.get("x-sluice-target") == "x/model"


def test_a_cause_that_is_off_stays_with_its_route(lab):
    a, b = lab.target(error("400 Bad", {"error": {"message": "no", "type": "invalid_request_error"}})), lab.target()
    lab.start(route("chat", a, ["x"]), route("x", b))
    assert lab.call().status == 400 and b.n == 0


def test_targets_of_the_other_route_have_their_names_and_breakers(lab):
    a, b, c = lab.target(error("500 Oops")), lab.target(error("500 Oops")), lab.target()
    lab.start(route("chat", a, ["x"], breaker="off"),
              route("x", b, targets=[{"name": "eu", "tier": 1, "model": model(c.base)}], breaker={"errors": 2, "ratio": "50%", "open": "60s"}), server={"workers": 1})
    for n in (3, 3, 2):
        r = lab.call()
        assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "x/eu", str(n))
    assert b.n == 2
    assert [t["state"] for t in lab.sluice.call("GET", "/api/sluice/v1/targets").json()["targets"] if t["route"] == "x"] == ["open", "closed"]


def test_a_route_whose_breaker_is_open_goes_on_at_once(lab):
    a, b = lab.target(error("500 Oops")), lab.target()
    lab.start(route("chat", a, ["x"], breaker={"errors": 1, "ratio": "1%", "open": "60s"}), route("x", b), server={"workers": 1})
    assert [lab.call().get("x-sluice-attempts") for _ in range(3)] == ["2", "1", "1"]
    assert (a.n, b.n) == (1, 3)


@pytest.mark.parametrize("stream", [False, True])
def test_the_other_route_may_speak_another_language(lab, stream):
    up = lab.target(Signs("X"))
    lab.start(route("chat", f"http://127.0.0.1:{closed_port()}/v1", ["other"]), route("other", up.upstream.base, provider="anthropic"))
    r = lab.call(stream)
    assert r.status == 200 and b"hi" in r.body, r.body
    assert (r.get("x-sluice-provider"), r.get("x-sluice-target")) == ("anthropic", "other/model")
    assert header(up, "x-api-key") == "sk-test-secret"


def test_the_other_routes_own_headers_and_times_hold(lab):
    a, b = lab.target(error("500 Oops")), lab.target()
    lab.start(route("chat", a, ["x"], headers={"x-from": "chat"}), route("x", b, headers={"x-from": "x"}))
    assert lab.call().status == 200
    assert (header(a, "x-from"), header(b, "x-from")) == ("chat", "x")


def test_a_conversation_that_only_the_other_route_reads_goes_back_there(lab):
    a, b = lab.target(error("500 Oops")), lab.target(Signs("B"))
    lab.start(route("chat", a, ["x"], provider="anthropic", breaker="off"), route("x", b, provider="anthropic", entry={"limit": {"calls": 3, "renewal_period": "hour"}}),
              server={"workers": 1})
    talk, plain = [], []
    assert turn(lab, talk) == "x/model"
    a.act = Signs("A")
    assert [turn(lab, talk), turn(lab, plain), turn(lab, talk), turn(lab, plain)] == ["x/model", "model", "x/model", "model"]
    r = lab.sluice.call("POST", "/v1/messages", {"model": "chat", "max_tokens": 2000, "messages": [*talk, {"role": "user", "content": "go on"}]})
    assert r.status in (503, 529) and "only 'x/model' has signatures" in r.json()["error"]["message"], r.body


def test_targets_that_may_not_be_asked_do_not_say_why_it_fails(lab):
    """Only the other route reads the conversation, and takes no call now. That the route's own model could not serve it says
    nothing."""
    a, b = lab.target(error("500 Oops")), lab.target(Signs("B"))
    own = route("chat", a, ["x"], provider="anthropic", breaker="off")
    own["model"]["name"] = "plain-1"
    lab.start(own, route("x", b, provider="anthropic", entry={"limit": {"calls": 1, "renewal_period": "hour"}}), server={"workers": 1}, models={"plain*": {"provider": "anthropic", "features": ["audio"]}})
    talk = []
    assert turn(lab, talk) == "x/model"
    tools = [{"name": "t", "input_schema": {"type": "object"}}]
    r = lab.sluice.call("POST", "/v1/messages", {"model": "chat", "max_tokens": 2000, "tools": tools, "messages": [*talk, {"role": "user", "content": "go on"}]})
    assert r.status in (503, 529) and "only 'x/model' has signatures" in r.json()["error"]["message"], r.body


def test_what_no_target_of_the_route_can_serve_does_not_wait_for_one(lab):
    gate = Gate()
    full, claude, up = lab.target(gate), lab.target(), lab.target()
    own = route("chat", full, ["other"], queue={"wait": "20s"}, targets=[{"name": "model", "max_concurrent": 1}])
    own["model"]["name"] = "plain-1"
    lab.start(own, route("other", claude, provider="anthropic", targets=[{"name": "up", "model": model(up.base)}], balance="ordered"), models=MODELS)
    first = send(lab.sluice)
    gate.arrived()
    second = send(lab.sluice)
    wait_for(lambda: depth(lab.sluice) == 1, "it waits")
    r = lab.call(tools=[TOOL], n=2)  # the first target there cannot serve it either
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "other/up", "1"), r.body
    assert "queue_ms" not in lab.line() and (claude.n, depth(lab.sluice)) == (0, 1)
    for _ in range(2):
        gate.go.release()
    assert [c.reply().status for c in (first, second)] == [200, 200]


@pytest.mark.parametrize("how", ["waited", "full", "nobody"])
def test_a_call_that_gets_no_place_in_the_queue_goes_on(lab, how):
    gate, other = Gate(), Gate()
    full, up = lab.target(gate), lab.target(other)
    place = [{"name": "model", "max_concurrent": 1}]
    lab.start(route("chat", full, ["other"], queue={"wait": "20s" if how == "full" else "50ms", "size": 1}, targets=place),
              route("other", up, targets=place), server={"workers": 1})
    calls = [send(lab.sluice)]
    gate.arrived()
    if how == "full":
        calls.append(send(lab.sluice))
        wait_for(lambda: depth(lab.sluice) == 1, "it waits")
    calls.append(send(lab.sluice))
    other.arrived()
    if how == "nobody":
        r = send(lab.sluice).reply()
        assert (r.status, r.get("x-sluice-error-type")) == (503, "sluice_overloaded") and b"max_concurrent" in r.body, r.body
    for _ in calls:
        gate.go.release()
        other.go.release()
    replies = [c.reply() for c in calls]
    assert [(r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) for r in replies] == [(200, "model", "1")] * (len(calls) - 1) + [(200, "other/model", "1")]
    line = lab.sluice.log_line(replies[-1].get("x-request-id"))
    assert ("queue_ms" in line) == (how != "full") and [a["why"] for a in line["attempts"]] == ["first"]


def test_an_answer_that_the_other_route_made_is_asked_for_there(lab):
    a, b = lab.target(error("500 Oops")), lab.target(Keeps("b"))
    routes = [route("chat", a, ["x"], breaker="off"), route("x", b)]
    for r in routes:
        r["model"]["config"]["openai_api"] = "responses"
    lab.start(*routes)

    def respond(**more):
        return lab.sluice.call("POST", "/v1/responses", {"model": "chat", "input": "hi", **more})

    assert respond().json()["id"] == "resp_b0"
    a.act = Keeps("a")
    assert respond().json()["id"] == "resp_a0"
    for name, where in (("resp_b0", "x/model"), ("resp_a0", "model")):
        r = lab.sluice.call("GET", f"/v1/responses/{name}")
        assert (r.status, r.get("x-sluice-target")) == (200, where), r.body
        r = respond(previous_response_id=name)
        assert (r.status, r.get("x-sluice-target")) == (200, where), r.body


# --- limits and rights ---


def test_limits_of_both_routes_hold(lab):
    a, b, c = lab.target(error("500 Oops")), lab.target(), lab.target()
    lab.start(route("chat", a, ["x", "y"], breaker="off", entry={"limit": {"calls": 4, "renewal_period": "hour"}}),
              route("x", b, entry={"limit": {"calls": 2, "renewal_period": "hour"}}), route("y", c))
    assert [lab.call().get("x-sluice-target") for _ in range(4)] == ["x/model", "x/model", "y/model", "y/model"]
    assert lab.call().get("x-sluice-error-type") == "policy_rate_limited"
    assert lab.call(route="x").get("x-sluice-error-type") == "policy_rate_limited", "the call was counted at the other, too"
    assert (a.n, b.n, c.n) == (4, 2, 2)


def test_what_a_call_needs_at_another_route_is_read_from_its_own_body(lab):
    """Another call was read since its own target was asked."""
    c = lab.target()

    def fail(x):
        assert lab.call(route="busy", messages=[{"role": "user", "content": "x" * 100000}]).status == 200
        error("500 Oops")(x)

    a, b = lab.target(fail), lab.target()
    lab.start(route("chat", a, ["x"]), route("x", b, entry={"limits": [{"tokens": 100, "per": "hour"}]}), route("busy", c), server={"workers": 1})
    assert (lab.call(max_tokens=9).status, b.n) == (200, 1)


def test_where_the_others_limit_is_reached_the_error_is_the_routes_own(lab):
    a, b = lab.target(error("500 Oops")), lab.target()
    lab.start(route("chat", a, ["x"], breaker="off"), route("x", b, entry={"limit": {"calls": 0, "renewal_period": "hour"}}))
    r = lab.call()
    assert (r.status, r.get("x-sluice-error-type"), r.get("x-sluice-target"), b.n) == (500, "provider_server_error", "model", 0)


def test_a_limit_counts_no_call_that_gets_no_place_there(lab):
    a, b, c = lab.target(error("500 Oops")), lab.target(), lab.target()
    other = route("x", b, entry={"limit": {"calls": 1, "renewal_period": "hour"}})
    other["model"]["name"] = "plain-1"  # it takes no tools
    lab.start(route("chat", a, ["x", "y"], breaker="off"), other, route("y", c), models=MODELS)
    assert [lab.call(tools=[TOOL]).get("x-sluice-target") for _ in range(2)] == ["y/model"] * 2
    assert lab.call().get("x-sluice-target") == "x/model"
    assert [lab.call().get("x-sluice-target"), b.n] == ["y/model", 1]


def test_rights_are_those_of_the_route_that_was_called(lab):
    a, b = lab.target(error("500 Oops")), lab.target()
    key = "sk-only-chat-0123456789"
    lab.start(route("chat", a, ["x"]), route("x", b), auth={"keys": [{"name": "k", "key": key, "routes": ["chat"]}]})
    auth = [("authorization", f"Bearer {key}")]
    assert lab.call(headers=auth).get("x-sluice-target") == "x/model"
    assert lab.call(route="x", headers=auth).status in (403, 404)
    assert b.n == 1


# --- routes that calls make ---


def made(base, to=()):
    return {"route_type": "llm/v1/chat", "model": model(base), "sluice": {"retries": 0, **({"fallback": {"routes": list(to)}} if to else {})}}


def test_routes_made_by_calls_are_checked_and_never_go_round(lab):
    down, up = lab.target(error("500 Oops")), lab.target()
    lab.start(route("fixed", up), args=("--data", str(lab.tmp_path / "data")), upstream={"allow": ["127.0.0.0/8"]}, server={"workers": 1})

    def put(name, *to):
        return lab.sluice.call("PUT", f"{OWN}/{name}", made(down.base, to))

    r = put("a", "nobody")
    assert r.status == 400 and b'there is no route \\"nobody\\"' in r.body, r.body
    r = put("a", "a")
    assert r.status == 400 and b"is this route itself" in r.body, r.body
    assert put("a").status == 201 and put("b", "a").status == 201 and put("c", "b", "fixed").status == 201
    r = put("a", "c")
    assert r.status == 400 and b"leads back to this route" in r.body, r.body
    r = lab.call(route="c")
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "fixed/model", "4")
    # a route that is gone is passed over; so is one that comes back with another type
    assert lab.sluice.call("DELETE", f"{OWN}/a").status == 200
    assert lab.call(route="c").get("x-sluice-attempts") == "3"
    body = {**made(down.base), "route_type": "llm/v1/embeddings"}
    assert lab.sluice.call("PUT", f"{OWN}/a", body).status == 201
    assert lab.call(route="c").get("x-sluice-attempts") == "3"
    r = put("d", "a")
    assert r.status == 400 and b"is of the type llm/v1/embeddings" in r.body, r.body
    r = lab.sluice.call("POST", "/api/2.0/gateway/routes/", {"name": "e", **made(down.base, ["a"])})
    assert r.status == 400 and b"is of the type llm/v1/embeddings" in r.body, r.body
    got = lab.sluice.call("GET", f"{OWN}/c").json()
    assert got["sluice"]["fallback"]["routes"] == ["b", "fixed"]

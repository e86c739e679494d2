# SPDX-License-Identifier: Apache-2.0
"""`hedge`: one more attempt at another target when the first token does not come."""
import json
import queue
import signal
import threading

import pytest
import yaml

from harness import CHAT, DEADLINE, Sluice, wait_for
from test_traffic import CLAUDE, EVENTS, FILTER, Lab, answer, claude_event, error, lab, model, old  # noqa: F401: lab is a fixture

ALL = {"after": "50ms", "at_most": "100%"}


class Script:
    """A target that goes on when the test says so, and reports when it was left."""

    def __init__(self, then=answer, before=None):
        self.came, self.go, self.left = threading.Event(), threading.Event(), queue.Queue()
        self.then, self.before = then, before

    def __call__(self, ex):
        if self.before:
            self.before(ex)
        self.came.set()
        if self.then is None:
            self.left.put(ex.hold())
            return
        assert self.go.wait(DEADLINE)
        try:
            self.then(ex)
        except OSError:
            pass  # it was left


def in_events(ex):
    """What `answer` sends behind its head."""
    for event in [*EVENTS, "[DONE]"]:
        ex.event(event)
    ex.last_chunk()


def hedges(sluice):
    text = sluice.call("GET", "/metrics").body.decode()
    prefix = 'sluice_hedges_total{route="chat",outcome="'
    return {line[len(prefix):line.index('"}')]: int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(prefix)}


def tries(lab, r):
    return [(t["target"], t["why"], t["error_type"], t.get("beaten", False)) for t in lab.sluice.log_line(r.get("x-request-id"))["attempts"]]


def in_flight(lab):
    return [t["in_flight"] for t in lab.sluice.call("GET", "/api/sluice/v1/targets").json()["targets"]]


def idle(lab):
    """Checks that no attempt is left running at any target."""
    return not any(in_flight(lab))


def reload(lab, change):
    path = lab.sluice.dir / "sluice.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config))
    lab.sluice.proc.send_signal(signal.SIGHUP)


def first_is_left(lab):
    wait_for(lambda: in_flight(lab) == [0, 1, 0], "the first one is left")


def one_behind_the_other(lab, slow, hedge, stream=False):
    """The first one goes on while the hedge runs, and is left; then the hedge goes on."""
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", {**CHAT, "stream": stream})
    assert hedge.came.wait(DEADLINE)
    slow.go.set()
    first_is_left(lab)
    wait_for(lambda: hedges(lab.sluice).get("won") == 1, "the call goes on with the hedge")
    hedge.go.set()
    return conn.reply()


def start(lab, slow, *others, **more):
    names = "bcd"
    lab.start([("a", lab.target(slow), {})] + [(names[i], lab.target(o), {"tier": i + 1}) for i, o in enumerate(others)], retries=0, **{"hedge": ALL, **more})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_hedge_is_faster(lab, stream):
    slow = Script(then=None)
    start(lab, slow, answer)
    r = lab.call(stream)
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "b", "2"), r.body
    assert r.complete and (not stream or b"[DONE]" in r.body)
    assert slow.left.get(timeout=5) is not None  # it is stopped at once
    assert tries(lab, r) == [("a", "first", None, True), ("b", "hedge", None, False)]
    assert hedges(lab.sluice) == {"won": 1} and idle(lab)
    text = lab.sluice.call("GET", "/metrics").body.decode()
    assert 'sluice_attempts_total{route="chat",provider="openai",target="a",outcome="cancelled",reason=""} 1' in text
    assert 'sluice_attempts_total{route="chat",provider="openai",target="b",outcome="ok",reason=""} 1' in text


def test_the_heads_of_both_are_no_token(lab):
    slow, hedge = Script(before=lambda ex: ex.stream_head(), then=in_events), Script(before=lambda ex: ex.stream_head(), then=None)
    start(lab, slow, hedge)
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", {**CHAT, "stream": True})
    assert hedge.came.wait(DEADLINE)
    slow.go.set()
    r = conn.reply()
    assert (r.status, r.get("x-sluice-target")) == (200, "a") and b"[DONE]" in r.body
    assert hedge.left.get(timeout=DEADLINE) is not None and hedges(lab.sluice) == {"lost": 1} and idle(lab)


def test_a_head_alone_is_no_token(lab):
    slow = Script(then=None, before=lambda ex: ex.stream_head())
    start(lab, slow, answer)
    r = lab.call(True)
    assert (r.status, r.get("x-sluice-target")) == (200, "b") and b"[DONE]" in r.body and r.body.count(b"hi") == 1
    assert hedges(lab.sluice) == {"won": 1} and idle(lab)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_first_one_is_faster_after_all(lab, stream):
    slow, hedge = Script(), Script(then=None)
    start(lab, slow, hedge)
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", {**CHAT, "stream": stream})
    assert hedge.came.wait(DEADLINE)
    slow.go.set()
    r = conn.reply()
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "a", "2")
    assert hedge.left.get(timeout=5) is not None
    assert sorted(tries(lab, r)) == [("a", "first", None, False), ("b", "hedge", None, True)]
    assert hedges(lab.sluice) == {"lost": 1} and idle(lab)


def test_a_fast_answer_needs_none(lab):
    start(lab, answer, answer, hedge={"after": "20s", "at_most": "100%"})
    assert lab.names(5) == ["a"] * 5 and hedges(lab.sluice) == {} and lab.targets[1].n == 0


@pytest.mark.parametrize("fault, kind", [(error("500 Oops"), "provider_server_error"), (lambda ex: ex.close(), "provider_bad_response")], ids=["500", "closed"])
def test_a_hedge_that_fails_changes_nothing(lab, fault, kind):
    slow = Script()
    start(lab, slow, fault)
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT)
    wait_for(lambda: hedges(lab.sluice) == {"failed": 1}, "it failed")
    slow.go.set()
    r = conn.reply()
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "a", "2")
    assert tries(lab, r) == [("b", "hedge", kind, False), ("a", "first", None, False)]


@pytest.mark.parametrize("fault", [error("500 Oops"), error("503 Busy"), lambda ex: ex.close()], ids=["500", "503", "closed"])
def test_the_first_one_fails_meanwhile(lab, fault):
    """The hedge takes its place, and no third attempt is made."""
    slow, hedge = Script(then=fault), Script()
    start(lab, slow, hedge, answer)
    r = one_behind_the_other(lab, slow, hedge)
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "b", "2"), r.body
    assert [t[:2] for t in tries(lab, r)] == [("a", "first"), ("b", "hedge")] and lab.targets[2].n == 0
    assert hedges(lab.sluice) == {"won": 1} and idle(lab)


def test_both_fail_and_a_third_answers(lab):
    slow, hedge = Script(then=error("500 Oops")), Script(then=error("500 Oops"))
    start(lab, slow, hedge, answer)
    r = one_behind_the_other(lab, slow, hedge)
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "c", "3"), r.body
    assert [t[:2] for t in tries(lab, r)] == [("a", "first"), ("b", "hedge"), ("c", "fallback")] and idle(lab)


def test_both_fail_at_once(lab):
    """In one turn of the loop, about half of the time."""
    slow, hedge = Script(then=error("500 Oops")), Script(then=error("500 Oops"))
    hedge.go = slow.go
    start(lab, slow, hedge, answer, breaker="off", server={"workers": 1}, upstream={"retry_budget": {"least": 1000}})
    for _ in range(20):
        slow.go.clear()
        hedge.came.clear()
        conn = lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT)
        assert hedge.came.wait(DEADLINE)
        slow.go.set()
        r = conn.reply()
        assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "c", "3"), r.body
        conn.close()
    assert idle(lab)


def test_an_error_that_moves_no_call_is_told(lab):
    """A hedge does not get around a filter's refusal."""
    slow, hedge = Script(then=error("400 Bad Request", FILTER)), Script(then=None)
    start(lab, slow, hedge)
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT)
    assert hedge.came.wait(DEADLINE)
    slow.go.set()
    r = conn.reply()
    assert r.status == 400 and b"filtered" in r.body and r.get("x-sluice-attempts") == "2"
    assert hedge.left.get(timeout=5) is not None and hedges(lab.sluice) == {"lost": 1} and idle(lab)


def test_at_most_so_many(lab):
    def slow(ex):
        threading.Event().wait(0.1)
        answer(ex)

    start(lab, slow, answer, hedge={"after": "1ms", "at_most": "20%"})
    names = lab.names(10)
    assert names.count("b") == 2 and hedges(lab.sluice) == {"won": 2, "refused": 8}


@pytest.mark.parametrize("bound", [{"upstream": {"retry_budget": {"share": "0%", "least": 0}}}, {"fallback": {"attempts": 1}}], ids=["repeats", "attempts"])
def test_the_bounds_of_other_attempts_hold_for_it(lab, bound):
    slow = Script()
    start(lab, slow, answer, **bound)
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT)
    wait_for(lambda: hedges(lab.sluice) == {"refused": 1}, "it was not made")
    slow.go.set()
    assert conn.reply().get("x-sluice-attempts") == "1" and lab.targets[1].n == 0


def test_what_the_retry_budget_refuses_is_not_spent(lab):
    """Half of the calls may have a hedge. The second call has none, because the retry budget is used up: a later one
    has."""
    slow = Script()
    first, other = lab.target(slow), lab.target()

    def config(least):
        return {"endpoints": [], "upstream": {"allow": ["127.0.0.0/8"], "retry_budget": {"share": "0%", "least": least}},
                "server": {"timeouts": {"drain_delay": "0s"}}}

    lab.sluice = Sluice(lab.tmp_path, config(0), args=("--data", str(lab.tmp_path / "data")))
    made = lab.sluice.call("POST", "/api/2.0/gateway/routes/", {
        "name": "chat", "route_type": "llm/v1/chat", "model": model(first.base),
        "sluice": {"targets": [{"name": "model"}, {"name": "b", "model": model(other.base), "tier": 1}], "hedge": {"after": "1ms", "at_most": "50%"}}})
    assert made.status == 200, made.body
    for n in (1, 2):
        slow.go.clear()
        conn = lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT)
        wait_for(lambda: hedges(lab.sluice) == {"refused": n}, "it was not made")
        slow.go.set()
        assert conn.reply().get("x-sluice-attempts") == "1"
    (lab.sluice.dir / "sluice.yaml").write_text(json.dumps({**config(10), "log": {"access": str(lab.sluice.log_path)}}))
    wait_for(lambda: "sluice_config_version 2" in lab.sluice.call("GET", "/metrics").body.decode(), "the new budget is in force")
    slow.go.clear()
    r = lab.call()
    slow.go.set()
    assert r.get("x-sluice-target") == "b" and hedges(lab.sluice) == {"refused": 2, "won": 1}


def test_one_that_its_target_cannot_serve_leaves_the_repeat(lab):
    """The retry budget has one attempt. No hedge is made, so the first attempt can be repeated."""
    slow = Script(then=error("503 Busy"))
    first = lab.target(slow)
    claude = model(lab.target().base, "anthropic", "claude-sonnet-4-5", "k")
    lab.start([("a", first, {}), ("b", None, {"model": claude, "tier": 1})], retries=1, hedge={**ALL, "after": "1ms"}, upstream={"retry_budget": {"share": "0%", "least": 1}})
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", {**CHAT, "n": 2})
    wait_for(lambda: hedges(lab.sluice) == {"refused": 1}, "it was not made")
    first.act = answer
    slow.go.set()
    r = conn.reply()
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "a", "2"), r.body
    assert lab.targets[1].n == 0


def test_none_is_made_while_calls_wait(lab):
    """In overload it would make things worse."""
    slow = Script()
    lab.start([("a", lab.target(slow), {"max_concurrent": 1}), ("b", None, {"model": model(lab.target().base, "anthropic", "claude-sonnet-4-5", "k"), "tier": 1})],
              retries=0, hedge={**ALL, "after": "1s"}, queue={"wait": "20s"})
    first = lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT)
    assert slow.came.wait(DEADLINE)
    second = lab.sluice.connect().request("POST", "/v1/chat/completions", {**CHAT, "n": 2})  # which only the first target can serve
    wait_for(lambda: 'sluice_queue_depth{route="chat"} 1\n' in lab.sluice.call("GET", "/metrics").body.decode(), "it waits")
    wait_for(lambda: hedges(lab.sluice) == {"refused": 1}, "none was made")
    slow.go.set()
    assert first.reply().get("x-sluice-target") == second.reply().get("x-sluice-target") == "a" and lab.targets[1].n == 0


def test_none_is_made_while_memory_is_short(lab):
    slow = Script()
    start(lab, slow, answer, server={"workers": 1, "limits": {"memory": "8MiB"}}, hedge={**ALL, "after": "2s"})
    fat = lab.sluice.connect()
    fat.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4000000\r\n\r\n" + b" " * 3_000_000)
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT)
    assert slow.came.wait(DEADLINE)
    reload(lab, lambda config: config["server"]["limits"].update(memory="1MiB"))
    wait_for(lambda: b"server.limits.memory" in lab.sluice.call("GET", "/v1/models").body, "the reload")
    wait_for(lambda: hedges(lab.sluice) == {"refused": 1}, "none was made")
    fat.close()
    slow.go.set()
    assert conn.reply().status == 200 and lab.targets[1].n == 0


def test_nobody_else_is_left(lab):
    slow = Script()
    start(lab, slow, error("429 Too Many", headers=[("Retry-After", "60")]))
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT)
    wait_for(lambda: hedges(lab.sluice) == {"failed": 1}, "the hedge came to nothing")
    slow.go.set()
    assert conn.reply().status == 200
    slow.go.clear()
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT)
    wait_for(lambda: hedges(lab.sluice) == {"failed": 1, "refused": 1}, "it rests, as it asked for")
    slow.go.set()
    assert conn.reply().status == 200 and lab.targets[1].n == 1


def test_a_target_that_takes_no_stream_options_is_known_by_its_refusal(lab):
    """It gets no first attempts: without memory of it, the next hedge would fail as this one does."""
    slow = Script()
    start(lab, slow, old)
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", {**CHAT, "stream": True})
    wait_for(lambda: hedges(lab.sluice) == {"failed": 1}, "it was refused")
    slow.go.set()
    r = conn.reply()
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "a", "2")
    assert tries(lab, r) == [("b", "hedge", "provider_rejected", False), ("a", "first", None, False)]
    slow.go.clear()
    assert lab.call(True).get("x-sluice-target") == "b" and hedges(lab.sluice) == {"failed": 1, "won": 1}
    slow.go.set()


@pytest.mark.parametrize("text", ["no", "stream_options " * 300], ids=["other", "long"])
def test_another_refusal_says_nothing_of_stream_options(lab, text):
    slow = Script()
    start(lab, slow, error("400 Bad Request", {"error": {"message": text, "type": "invalid_request_error"}}))
    for n in (1, 2):
        slow.go.clear()
        conn = lab.sluice.connect().request("POST", "/v1/chat/completions", {**CHAT, "stream": True})
        wait_for(lambda: hedges(lab.sluice) == {"failed": n}, "it was refused")
        slow.go.set()
        assert conn.reply().get("x-sluice-target") == "a"
        assert lab.targets[1].upstream.requests[-1].json()["stream_options"] == {"include_usage": True}


def test_the_first_one_fails_within_the_hedges_refusal(lab):
    """The plan gets what the hedge received, and the repeat without stream_options answers."""
    refusal = json.dumps({"error": {"message": "Unrecognized request argument: stream_options"}}).encode()
    head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {len(refusal)}\r\n\r\n".encode()
    at = refusal.index(b"_options")  # neither half says enough
    slow, halves = Script(then=error("500 Oops")), Script(before=lambda ex: ex.send(head + refusal[:at]), then=lambda ex: ex.send(refusal[at:]))
    start(lab, slow, lambda ex: halves(ex) if "stream_options" in ex.json() else answer(ex), answer)
    r = one_behind_the_other(lab, slow, halves, stream=True)
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "b", "3"), r.body
    assert b"[DONE]" in r.body and lab.targets[2].n == 0 and idle(lab)


def test_another_language_answers(lab):
    def claude(ex):
        assert ex.path == "/v1/messages" and ex.json()["model"] == "claude-sonnet-4-5"
        ex.stream_head()
        for event in CLAUDE:
            claude_event(ex, event)
        ex.last_chunk()

    slow, other = Script(then=None), lab.target(claude)
    lab.start([("a", lab.target(slow), {}), ("b", None, {"model": model(other.base, "anthropic", "claude-sonnet-4-5", "sk-ant"), "tier": 1})], hedge=ALL)
    r = lab.call(True)
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-provider"), r.get("x-sluice-model")) == (200, "b", "anthropic", "claude-sonnet-4-5")
    assert b'"hi"' in r.body and b"[DONE]" in r.body and not other.upstream.errors


@pytest.mark.parametrize("how", ["gone", "deadline"])
def test_who_waits_no_longer_stops_both(lab, how):
    slow, hedge = Script(then=None), Script(then=None)
    start(lab, slow, hedge)
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT, [("x-sluice-timeout", "400ms")] if how == "deadline" else [])
    assert hedge.came.wait(DEADLINE)
    if how == "gone":
        conn.close()
    else:
        assert conn.reply().get("x-sluice-error-type") == "caller_timeout"
    assert slow.left.get(timeout=5) is not None and hedge.left.get(timeout=5) is not None
    wait_for(lambda: idle(lab), "nothing is left running")


def test_limits_are_charged_once(lab):
    slow, fast = lab.target(Script(then=None)), lab.target()
    sluice = {"targets": [{"name": "b", "model": model(fast.base), "tier": 1}], "hedge": ALL}
    route = {"name": "chat", "endpoint_type": "llm/v1/chat", "model": model(slow.base), "limit": {"calls": 5, "renewal_period": "hour"}, "sluice": sluice}
    lab.sluice = Sluice(lab.tmp_path, {"endpoints": [route]})
    r = lab.call()
    assert (r.get("x-sluice-target"), r.get("x-sluice-attempts"), r.get("x-ratelimit-remaining-requests")) == ("b", "2", "4")


def test_the_targets_own_p95(lab):
    """Twenty fast calls make the time known; then a slow one gets a hedge soon."""
    slow = Script(then=None)
    start(lab, answer, answer, hedge={"after": "p95", "at_most": "100%"})
    assert lab.names(25, stream=True) == ["a"] * 25
    lab.targets[0].act = slow
    r = lab.call(True)
    assert (r.status, r.get("x-sluice-target")) == (200, "b") and hedges(lab.sluice)["won"] == 1


def test_the_p95_outlives_a_reload(lab):
    slow = Script(then=None)
    start(lab, answer, answer, hedge={"after": "p95", "at_most": "100%"})
    assert lab.names(25, stream=True) == ["a"] * 25
    reload(lab, lambda config: config["endpoints"][0]["sluice"]["targets"][1].update(weight=7))
    wait_for(lambda: [t["weight"] for t in lab.sluice.call("GET", "/api/sluice/v1/targets").json()["targets"]] == [1, 7], "the reload")
    lab.targets[0].act = slow
    r = lab.call(True)
    assert (r.status, r.get("x-sluice-target")) == (200, "b") and hedges(lab.sluice)["won"] == 1

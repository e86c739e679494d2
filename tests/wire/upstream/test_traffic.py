# SPDX-License-Identifier: Apache-2.0
"""Routes with several targets: which is asked, what happens when one fails, and what is reported. The targets are
scripted."""
import collections
import json
import os
import queue
import re
import socket
import threading

import pytest

from harness import CHAT, CHAT_REPLY, PATHS, Conn, Sluice, wait_for
from upstream import Upstream

EVENTS = [
    {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": None}]},
    {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
]


def answer(ex):
    """A healthy provider."""
    if ex.json().get("stream"):
        ex.stream_head()
        for event in EVENTS:
            ex.event(event)
        ex.event("[DONE]")
        ex.last_chunk()
    else:
        ex.reply(CHAT_REPLY)


def error(status, body=None, headers=()):
    return lambda ex: ex.reply(body or {"error": {"message": "no", "type": "server_error"}}, status, headers=headers)


def closed_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def old(ex):
    """It does not know stream_options."""
    if "stream_options" in ex.json():
        ex.reply({"error": {"message": "Unrecognized request argument supplied: stream_options", "type": "invalid_request_error"}}, "400 Bad Request")
    else:
        answer(ex)


EMBED_REPLY = {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}


class Target:
    """An upstream whose behaviour a test changes."""

    def __init__(self, act=answer, base=None):
        self.act = act
        self.upstream = Upstream(lambda ex: self.act(ex))
        self.base = base or self.upstream.base

    @property
    def n(self):
        return len(self.upstream.requests)


def model(base, provider="openai", name="gpt-4o-mini", key="sk-test-secret"):
    prefix = provider
    return {"provider": provider, "name": name, "config": {f"{prefix}_api_key": key, f"{prefix}_api_base": base}}


class Lab:
    def __init__(self, tmp_path):
        self.tmp_path = tmp_path
        self.targets = []
        self.sluice = None

    def target(self, act=answer):
        self.targets.append(Target(act))
        return self.targets[-1]

    def start(self, targets, first=None, server=None, upstream=None, **sluice):
        """A route `chat` with these targets: (name, base or Target, more)."""
        entry = {"name": "chat", "endpoint_type": "llm/v1/chat", "sluice": {"targets": [], **sluice}}
        for name, where, more in targets:
            base = where.base if isinstance(where, Target) else where
            entry["sluice"]["targets"].append({"name": name, **({"model": model(base)} if base else {}), **more})
        if not targets:
            del entry["sluice"]["targets"]
        if first:
            entry["model"] = model(first.base)
        config = {"endpoints": [entry]}
        config.update({"server": server} if server else {})
        config.update({"upstream": upstream} if upstream else {})
        self.sluice = Sluice(self.tmp_path, config)
        return self.sluice

    def call(self, stream=False, path="/v1/chat/completions", headers=()):
        return self.sluice.call("POST", path, {**CHAT, "stream": stream}, headers)

    def names(self, n, stream=False):
        """Which target answered each of n calls."""
        got = []
        for _ in range(n):
            r = self.call(stream)
            assert r.status == 200, r.body
            got.append(r.get("x-sluice-target"))
        return got

    def close(self):
        if self.sluice:
            self.sluice.stop()
        for t in self.targets:
            t.upstream.close()


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab.close()


NOW = {"retries": 0}

# --- who is asked ---


def test_weights_are_kept_smoothly(lab):
    a, b = lab.target(), lab.target()
    lab.start([("a", a, {"weight": 3}), ("b", b, {})], server={"workers": 1})
    names = lab.names(8)
    assert "".join(names) == "aabaaaba", names
    assert (a.n, b.n) == (6, 2)


def test_the_routes_own_model_is_a_target(lab):
    own, spare = lab.target(), lab.target()
    lab.start([("spare", spare, {"weight": 1}), ("model", None, {"weight": 2})], first=own, server={"workers": 1})
    assert collections.Counter(lab.names(6)) == {"model": 4, "spare": 2}


def test_a_tier_is_asked_when_the_one_before_cannot(lab):
    first, second = lab.target(), lab.target()
    lab.start([("first", first, {}), ("second", second, {"tier": 1})], **NOW)
    assert lab.names(3) == ["first"] * 3
    first.act = error("500 Oops")
    assert lab.names(2) == ["second"] * 2
    first.act = answer
    assert lab.names(1) == ["first"]


def test_ordered_asks_the_first_that_can(lab):
    a, b = lab.target(), lab.target()
    lab.start([("a", a, {}), ("b", b, {})], balance="ordered", **NOW)
    assert lab.names(3) == ["a"] * 3


def test_the_least_busy_one_is_asked(lab):
    hold = threading.Event()
    a, b = lab.target(), lab.target()
    lab.start([("a", a, {}), ("b", b, {})], balance="least_busy")

    def slow(ex):
        hold.wait(20)
        answer(ex)

    a.act = b.act = slow
    conns = []
    for k in range(4):
        conns.append(lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT))
        wait_for(lambda: a.n + b.n == k + 1, "it arrived")
    assert (a.n, b.n) == (2, 2)
    hold.set()
    assert [c.reply().status for c in conns] == [200] * 4
    for c in conns:
        c.close()


def test_no_more_than_max_concurrent_are_sent(lab):
    hold = threading.Event()
    a, b = lab.target(), lab.target()

    def slow(ex):
        hold.wait(20)
        answer(ex)

    a.act = b.act = slow
    lab.start([("a", a, {"max_concurrent": 2}), ("b", b, {"tier": 1, "max_concurrent": 1})])
    conns = [lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT) for _ in range(3)]
    wait_for(lambda: (a.n, b.n) == (2, 1), "all have their place")
    r = lab.call()
    assert (r.status, r.get("x-sluice-error-type"), r.get("retry-after")) == (503, "sluice_overloaded", "1"), "the bound is the gateway's"
    why = "No target of the route 'chat' takes calls now (2 at max_concurrent): try again in 1 s."
    assert why in r.body.decode() and lab.sluice.log_line(r.get("x-request-id"))["error"] == why
    wait_for(lambda: f"calls are refused with 503: {why}" in lab.sluice.stderr, "the operator's log")
    hold.set()
    assert sorted(c.reply().get("x-sluice-target") for c in conns) == ["a", "a", "b"]
    assert lab.call().status == 200
    for c in conns:
        c.close()


def test_a_file_of_mlflow_3_splits_its_calls(lab):
    a, b = lab.target(), lab.target()
    config = {
        "server": {"workers": 1},
        "endpoints": [{"name": n, "endpoint_type": "llm/v1/chat", "model": model(t.base)} for n, t in (("a", a), ("b", b))],
        "routes": [{"name": "chat", "task_type": "llm/v1/chat", "destinations": [{"name": "a", "traffic_percentage": 80}, {"name": "b", "traffic_percentage": 20}], "routing_strategy": "TRAFFIC_SPLIT"}],
    }
    lab.sluice = Sluice(lab.tmp_path, config)
    assert collections.Counter(lab.names(20)) == {"a": 16, "b": 4}
    assert [r["name"] for r in lab.sluice.call("GET", "/api/2.0/gateway/routes/").json()["routes"]] == ["a", "b", "chat"]
    a.act = b.act = error("500 Oops")
    assert lab.call().status == 500 and a.n + b.n == 21  # the client gets the failure
    assert lab.sluice.call("POST", "/gateway/a/invocations", {"messages": CHAT["messages"]}).status == 500


# --- causes ---

REJECTED = {"error": {"message": "no", "type": "invalid_request_error"}}
LONG = {"error": {"message": "This model's maximum context length is 8 tokens", "type": "invalid_request_error", "code": "context_length_exceeded"}}
FILTER = {"error": {"message": "filtered", "type": "invalid_request_error", "code": "content_filter"}}
QUOTA = {"error": {"message": "no money", "type": "insufficient_quota", "code": "insufficient_quota"}}


def hang_up(ex):
    ex.close()


def cut(ex):
    ex.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    ex.close()


def page(ex):
    ex.reply("<html><title>Hello</title></html>", content_type="text/html")


def stream_without_events(ex):
    ex.stream_head()
    ex.last_chunk()


def first_event_is_an_error(ex):
    ex.stream_head()
    ex.event({"error": {"message": "busy", "type": "overloaded_error"}})
    ex.last_chunk()


CAUSES = {
    "rate_limited": error("429 Too Many Requests"),
    "overloaded": error("503 Busy"),
    "overloaded529": error("529 Busy"),
    "server_error": error("500 Oops"),
    "bad_gateway": error("502 Bad Gateway"),
    "hang_up": hang_up,
    "cut": cut,
    "page": page,
    "empty": lambda ex: ex.reply(b""),
    "auth": error("401 Unauthorized"),
    "billing": error("429 Too Many Requests", QUOTA),
    "context_length": error("400 Bad Request", LONG),
    "content_filter": error("400 Bad Request", FILTER),
    "rejected": error("400 Bad Request", REJECTED),
}
OPTED = ("auth", "billing", "context_length", "content_filter", "rejected")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("cause", CAUSES)
def test_a_cause_moves_the_call_where_it_is_on(lab, cause, stream):
    bad, good = lab.target(CAUSES[cause]), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], **NOW)
    r = lab.call(stream)
    if cause in OPTED:
        assert r.status >= 400 and (bad.n, good.n) == (1, 0)
        assert r.get("x-sluice-target") == "bad" and r.get("x-sluice-attempts") == "1"
    else:
        assert r.status == 200 and (bad.n, good.n) == (1, 1), r.body
        assert r.get("x-sluice-target") == "good" and r.get("x-sluice-attempts") == "2"


@pytest.mark.parametrize("cause", OPTED)
def test_a_cause_can_be_asked_for(lab, cause):
    bad, good = lab.target(CAUSES[cause]), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], fallback={"on": [cause]}, **NOW)
    r = lab.call()
    assert r.status == 200 and (bad.n, good.n) == (1, 1)
    bad.act = error("500 Oops")  # not in the list
    r = lab.call()
    assert r.status >= 500 and good.n == 1


def test_no_cause_is_on_in_an_empty_list(lab):
    bad, good = lab.target(error("500 Oops")), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], fallback={"on": []}, **NOW)
    r = lab.call()
    assert r.status == 500 and good.n == 0 and r.json()["error"]["message"] == "no"


def test_a_target_that_refuses_connections_is_left(lab):
    good = lab.target()
    lab.start([("bad", f"http://127.0.0.1:{closed_port()}/v1", {}), ("good", good, {"tier": 1})], **NOW)
    r = lab.call()
    assert (r.status, r.get("x-sluice-attempts"), r.get("x-sluice-target")) == (200, "2", "good")
    line = lab.sluice.log_line(r.get("x-request-id"))
    assert [(t["target"], t["why"], t["error_type"]) for t in line["attempts"]] == [("bad", "first", "provider_connect_failed"), ("good", "fallback", None)]
    assert line["target"] == "good" and line["attempts"][1]["status"] == 200 and line["error_type"] is None and "error" not in line
    assert "onnection refused" in line["attempts"][0]["error"] and "error" not in line["attempts"][1]
    assert all((t["provider"], t["model"]) == ("openai", "gpt-4o-mini") and t["total_ms"] >= 0 for t in line["attempts"])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_target_that_never_answers_is_left(lab, stream):
    bad, good = lab.target(lambda ex: ex.hold()), lab.target()
    lab.start([("bad", bad, {"timeouts": {"first_byte": "100ms"}}), ("good", good, {"tier": 1})])
    r = lab.call(stream)
    assert (r.status, r.get("x-sluice-target")) == (200, "good")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_time_out_that_ruled_is_named(lab, stream):
    """Of two targets each has its own setting: raising another one would not help."""
    bad = [lab.target(lambda ex: (stream and ex.stream_head(), ex.hold())) for _ in range(2)]
    lab.start([("a", bad[0], {"timeouts": {"first_byte": "100ms"}}), ("b", bad[1], {"tier": 1})], timeouts={"first_byte": "150ms"}, **NOW)
    r = lab.call(stream)
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (504, "b", "2")
    assert "(sluice.timeouts.first_byte of the route 'chat': 150ms)" in r.json()["error"]["message"]
    lab.sluice.stop()
    lab.start([("b", bad[1], {}), ("a", bad[0], {"timeouts": {"first_byte": "100ms"}, "tier": 1})], timeouts={"first_byte": "150ms"}, **NOW)
    r = lab.call(stream)
    assert "(timeouts.first_byte of the target 'a': 100ms)" in r.json()["error"]["message"], r.body
    assert "(timeouts.first_byte of the target 'a': 100ms)" in lab.sluice.log_line(r.get("x-request-id"))["error"]


def test_a_stream_that_sends_a_head_and_nothing_is_left(lab):
    bad, good = lab.target(stream_without_events), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], **NOW)
    r = lab.call(True)
    assert (r.status, r.get("x-sluice-target")) == (200, "good") and r.complete and b"[DONE]" in r.body


def test_a_stream_whose_first_event_is_an_error_is_left(lab):
    bad, good = lab.target(first_event_is_an_error), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], **NOW)
    r = lab.call(True)
    assert (r.status, r.get("x-sluice-target")) == (200, "good") and b"[DONE]" in r.body and b"busy" not in r.body


def test_nothing_is_sent_again_behind_the_first_byte(lab):
    def breaks(ex):
        ex.stream_head()
        ex.event(EVENTS[0])
        ex.close()

    bad, good = lab.target(breaks), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})])
    r = lab.call(True)
    assert r.status == 200 and r.get("x-sluice-target") == "bad" and b"error" in r.body and (bad.n, good.n) == (1, 0)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("cause", ["billing", "auth"])
def test_what_only_the_operator_can_mend_is_not_worth_another_call(lab, path, cause):
    """In every dialect; MLflow's paths keep the status of a refused credential."""
    bad = lab.target(CAUSES[cause])
    lab.start([], first=bad)
    r = lab.sluice.call("POST", path, PATHS[path])
    status = 401 if cause == "auth" and path.endswith("invocations") else 502
    assert (r.status, r.get("x-sluice-error-type"), r.get("x-should-retry")) == (status, {"billing": "provider_billing", "auth": "provider_auth_failed"}[cause], "false"), r.body
    assert bad.n == 1


# --- how often, how long ---


def test_the_same_target_is_repeated_before_another_one(lab):
    bad, good = lab.target(error("503 Busy", headers=[("Retry-After", "0")])), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], retries=1)
    r = lab.call()
    assert (r.status, bad.n, good.n, r.get("x-sluice-attempts")) == (200, 2, 1, "3")


def test_a_repeat_takes_no_targets_attempt(lab):
    bad = [lab.target(error("503 Busy", headers=[("Retry-After", "0")])) for _ in range(3)]
    good = lab.target()
    lab.start([(f"bad{i}", t, {"tier": i}) for i, t in enumerate(bad)] + [("good", good, {"tier": 3})], retries=3)
    r = lab.call()
    assert (r.status, [t.n for t in bad], r.get("x-sluice-attempts")) == (200, [1, 1, 1], "4")


def test_attempts_are_bounded(lab):
    bad = [lab.target(error("500 Oops")) for _ in range(5)]
    lab.start([(f"bad{i}", t, {}) for i, t in enumerate(bad)], balance="ordered", fallback={"attempts": 3})
    r = lab.call()
    assert (r.status, [t.n for t in bad], r.get("x-sluice-attempts")) == (500, [1, 1, 1, 0, 0], "3")


def test_no_attempt_begins_behind_within(lab):
    bad, good = lab.target(lambda ex: ex.hold()), lab.target()
    lab.start([("bad", bad, {"timeouts": {"first_byte": "200ms"}}), ("good", good, {"tier": 1})], fallback={"within": "100ms"})
    r = lab.call()
    assert (r.status, r.get("x-sluice-error-type"), good.n) == (504, "provider_timeout_first_byte", 0)


def test_a_wait_that_a_target_asks_for_is_kept(lab):
    bad, good = lab.target(error("429 Too Many", headers=[("Retry-After", "60")])), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], **NOW)
    assert lab.names(3) == ["good"] * 3
    assert (bad.n, good.n) == (1, 3)
    text = lab.sluice.call("GET", "/metrics").body.decode()
    waits = re.findall(r'^sluice_target_waits_seconds{route="chat",target="(\w+)"} (\d+)$', text, re.M)
    assert waits[1] == ("good", "0") and waits[0][0] == "bad" and 40 < int(waits[0][1]) <= 60


@pytest.mark.parametrize("path", PATHS)
def test_when_all_rest_the_client_is_told_at_once(lab, path):
    bad = [lab.target(error("429 Too Many", headers=[("Retry-After", "31536000")])) for _ in range(2)]
    lab.start([(f"bad{i}", t, {}) for i, t in enumerate(bad)], **NOW)
    r = lab.call()
    assert r.status == 429
    r = lab.sluice.call("POST", path, PATHS[path])
    assert r.status == 503 and r.get("x-sluice-error-type") == "provider_overloaded" and 100 < int(r.get("retry-after")) <= 120
    assert [t.n for t in bad] == [1, 1]


# --- other languages ---


def test_the_body_is_written_for_each_target(lab, tmp_path):
    seen = queue.Queue()

    def claude(ex):
        seen.put((ex.path, ex.json(), ex.get("x-api-key")))
        ex.reply({"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 2}})

    bad, good = lab.target(error("500 Oops")), lab.target(claude)
    spare = model(good.base, "anthropic", "claude-sonnet-4-5", "sk-ant-spare")
    lab.start([("bad", bad, {}), ("spare", None, {"model": spare, "tier": 1})], **NOW)
    r = lab.call()
    assert r.status == 200 and r.json()["choices"][0]["message"]["content"] == "hi"
    assert (r.get("x-sluice-provider"), r.get("x-sluice-model"), r.get("x-sluice-target")) == ("anthropic", "claude-sonnet-4-5", "spare")
    path, body, key = seen.get(timeout=5)
    assert path == "/v1/messages" and body["model"] == "claude-sonnet-4-5" and key == "sk-ant-spare"
    assert bad.upstream.requests[0].json()["model"] == "gpt-4o-mini"
    assert bad.upstream.requests[0].get("authorization") == "Bearer sk-test-secret" and good.upstream.requests[0].get("authorization") is None


def claude_event(ex, event):
    ex.chunk(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n")


CLAUDE = [
    {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "claude", "content": [], "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]


def claude_stream(ex):
    ex.stream_head()
    for event in CLAUDE:
        claude_event(ex, event)
    ex.last_chunk()


def claude_is_overloaded(ex):
    ex.stream_head()
    claude_event(ex, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    ex.last_chunk()


def deltas(r):
    """The text of a stream in OpenAI's language, which must end correctly."""
    events = [line[6:] for line in r.body.decode().split("\n\n") if line.startswith("data: ")]
    assert events[-1] == "[DONE]", r.body
    return "".join(c["delta"].get("content") or "" for e in events[:-1] for c in json.loads(e)["choices"])


@pytest.mark.parametrize("first, second", [("claude", "gpt"), ("gpt", "claude"), ("claude", "claude"), ("gpt", "gpt")])
@pytest.mark.parametrize("fault", ["event", "status", "cut"])
def test_streams_move_between_languages(lab, first, second, fault):
    bad = {"event": {"claude": claude_is_overloaded, "gpt": first_event_is_an_error}[first], "status": error("529 Busy"), "cut": stream_without_events}[fault]
    a, b = lab.target(bad), lab.target(claude_stream if second == "claude" else answer)
    speaks = {"claude": lambda t: model(t.base, "anthropic", "claude-sonnet-4-5", "k"), "gpt": lambda t: model(t.base)}
    lab.start([("a", None, {"model": speaks[first](a)}), ("b", None, {"model": speaks[second](b), "tier": 1})], **NOW)
    for _ in range(2):
        r = lab.call(True)
        assert (r.status, r.get("x-sluice-target"), r.get("content-type").split(";")[0]) == (200, "b", "text/event-stream"), r.body
        assert deltas(r) == "hi" and r.complete
    assert (a.n, b.n) == (2, 2)


@pytest.mark.parametrize("names", ["a", "ab"])
def test_a_refused_stream_options_is_asked_again_there(lab, names):
    targets = [lab.target(old) for _ in names]
    lab.start([(n, t, {}) for n, t in zip(names, targets)], balance="ordered", **NOW)
    for attempts in (["first", "retry"], ["first"]):
        r = lab.call(True)
        assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "a", str(len(attempts))), r.body
        assert [a["why"] for a in lab.sluice.log_line(r.get("x-request-id"))["attempts"]] == attempts
    assert [t.n for t in targets] == [3, 0][:len(names)]


def test_a_target_that_cannot_serve_the_call_is_passed_over(lab):
    claude, good = lab.target(), lab.target()
    spare = model(claude.base, "anthropic", "claude-sonnet-4-5", "k")
    lab.start([("claude", None, {"model": spare}), ("good", good, {"tier": 1})], **NOW)
    r = lab.sluice.call("POST", "/v1/chat/completions", {**CHAT, "n": 2})
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts"), claude.n) == (200, "good", "1", 0)


def test_a_target_that_does_not_serve_the_routes_type_is_passed_over(lab):
    claude, good = lab.target(), lab.target(lambda ex: ex.reply(EMBED_REPLY))
    targets = [{"name": "claude", "model": model(claude.base, "anthropic", "claude-sonnet-4-5", "k")}, {"name": "good", "model": model(good.base), "tier": 1}]
    route = {"name": "chat", "endpoint_type": "llm/v1/embeddings"}
    lab.sluice = Sluice(lab.tmp_path, {"endpoints": [{**route, "sluice": {"targets": targets}}, {**route, "name": "none", "sluice": {"targets": targets[:1]}}]})
    for _ in range(3):
        r = lab.sluice.call("POST", "/v1/embeddings", {"model": "chat", "input": "x"})
        assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts"), claude.n) == (200, "good", "1", 0), r.body
    r = lab.sluice.call("POST", "/v1/embeddings", {"model": "none", "input": "x"})
    assert r.status == 400 and claude.n == 0 and "embeddings" in r.json()["error"]["message"], r.body


def test_when_no_target_can_serve_the_call_each_reason_is_told(lab):
    claude = lab.target()
    spare = model(claude.base, "anthropic", "claude-sonnet-4-5", "k")
    lab.start([("one", None, {"model": spare}), ("two", None, {"model": {"provider": "mock", "name": "m", "config": {}}, "tier": 1})], **NOW)
    r = lab.sluice.call("POST", "/v1/chat/completions", {**CHAT, "n": 1000})
    assert r.status == 400 and claude.n == 0
    assert "n" in r.json()["error"]["message"], r.body


# --- telling ---


def test_metrics_name_the_target(lab):
    bad, good = lab.target(error("500 Oops")), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], **NOW)
    lab.names(2)
    text = lab.sluice.call("GET", "/metrics").body.decode()
    assert 'sluice_attempts_total{route="chat",provider="openai",target="bad",outcome="error",reason="provider_server_error"} 2' in text
    assert 'sluice_attempts_total{route="chat",provider="openai",target="good",outcome="ok",reason=""} 2' in text
    assert 'sluice_requests_total{route="chat",dialect="openai",status="200",error_type="",stream="false"} 2' in text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_what_a_failed_target_said_is_in_the_log(lab, stream):
    """Also when another one answered; each attempt is listed, however long all the texts are."""
    words = "the disk is full, sk-test-secret is out of luck, " + "and so on " * 40
    bad = [lab.target(error("500 Oops", {"error": {"message": f"{i}: {words}", "type": "server_error"}})) for i in range(7)]
    bad.append(lab.target(first_event_is_an_error if stream else page))
    lab.start([(f"bad{i}", t, {"tier": i}) for i, t in enumerate(bad)] + [("good", lab.target(), {"tier": len(bad)})], fallback={"attempts": 20}, **NOW)
    r = lab.call(stream)
    assert (r.status, r.get("x-sluice-target")) == (200, "good")
    line = lab.sluice.log_line(r.get("x-request-id"))
    assert [t["target"] for t in line["attempts"]] == [*(f"bad{i}" for i in range(8)), "good"] and "error" not in line and "upstream_error" not in line
    said = [t.get("error") for t in line["attempts"]]
    assert said[0].startswith("0: the disk is full, ") and len(said[0]) == 160 and said[-1] is None
    assert "sk-test-secret" not in json.dumps(line)
    lab.sluice.stop()
    lab.start([("bad", bad[-1], {}), ("good", lab.targets[-1], {"tier": 1})], **NOW)
    line = lab.sluice.log_line(lab.call(stream).get("x-request-id"))
    assert line["attempts"][0]["error"].startswith("busy" if stream else "the upstream"), line


def test_a_client_that_leaves_gives_its_place_back(lab):
    bad, good = lab.target(lambda ex: ex.hold()), lab.target()
    lab.start([("bad", bad, {"max_concurrent": 1}), ("good", good, {"tier": 1})], **NOW)
    for _ in range(3):
        c = lab.sluice.connect().request("POST", "/v1/chat/completions", CHAT)
        ex = bad.upstream.next()
        c.reset()
        assert ex is not None
        wait_for(lambda: len(lab.sluice.log_lines(1)) >= bad.n, "its line")
    bad.act = answer
    assert lab.names(1) == ["bad"]


def fds(sluice):
    return len(os.listdir(f"/proc/{sluice.proc.pid}/fd"))


def test_thousands_of_calls_at_a_flapping_target_leak_nothing(lab):
    turn = iter(range(10**9))
    acts = [error("503 Busy", headers=[("Retry-After", "0")]), answer, hang_up, answer, error("500 Oops"), answer, cut]
    a, b = lab.target(lambda ex: acts[next(turn) % len(acts)](ex)), lab.target()
    lab.start([("a", a, {}), ("b", b, {})])
    conn, counts = lab.sluice.connect(), collections.Counter()
    for k in range(2000):
        counts[conn.request("POST", "/v1/chat/completions", {**CHAT, "stream": k % 3 == 0}).reply().status] += 1
        if k == 200:
            before = fds(lab.sluice)
    assert counts == {200: 2000}
    assert fds(lab.sluice) <= before + 4
    conn.close()


# --- breakers ---

RULE = {"errors": 3, "ratio": "50%", "window": "60s", "open": "300ms"}


def state_of(sluice, target="bad"):
    """The state in the list and in the metrics."""
    item = next(t for t in sluice.call("GET", "/api/sluice/v1/targets").json()["targets"] if t["target"] == target)
    number = {"closed": 0, "half-open": 1, "open": 2}[item["state"]]
    assert f'sluice_target_state{{route="chat",target="{target}"}} {number}\n' in sluice.call("GET", "/metrics").body.decode()
    return item


def test_a_breaker_opens_looks_and_closes(lab):
    bad, good = lab.target(error("500 Oops")), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], breaker=RULE, **NOW)
    lab.names(3)
    item = state_of(lab.sluice)
    assert (item["state"], bad.n) == ("open", 3) and 0 < item["waits_ms"] <= 300
    lab.names(1)
    assert bad.n == 3
    wait_for(lambda: lab.call().status == 200 and bad.n > 3, "one looks")  # and fails
    assert state_of(lab.sluice)["state"] == "open"
    bad.act = answer
    wait_for(lambda: lab.names(1) == ["bad"], "one looks, and it is well")
    assert state_of(lab.sluice)["state"] == "closed" and lab.names(3) == ["bad"] * 3
    said = "route 'chat', target 'bad': it gets"
    wait_for(lambda: f"{said} its calls again: its breaker is closed" in lab.sluice.stderr, "the operator's log")
    assert lab.sluice.stderr.count(f"{said} no calls for 300ms: its breaker is open") == 1
    assert "target 'bad' (openai, gpt-4o-mini): provider_server_error, status 500" in lab.sluice.stderr


@pytest.mark.parametrize("cause", ["rate_limited", "rejected", "auth", "content_filter"])
def test_what_is_no_fault_of_the_target_opens_nothing(lab, cause):
    bad, good = lab.target(CAUSES[cause]), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], breaker={**RULE, "errors": 1, "ratio": "1%"}, **NOW)
    for _ in range(5):
        lab.call()
    assert state_of(lab.sluice)["state"] == "closed" and bad.n == 5


@pytest.mark.parametrize("path", PATHS)
def test_when_all_are_open_the_client_is_told_at_once(lab, path):
    bad = [lab.target(error("500 Oops")) for _ in range(2)]
    lab.start([(f"bad{i}", t, {}) for i, t in enumerate(bad)], breaker={**RULE, "errors": 1, "open": "30s"}, **NOW)
    assert lab.call().status == 500
    r = lab.sluice.call("POST", path, PATHS[path])
    assert r.status == 503 and r.get("x-sluice-error-type") == "provider_overloaded" and 25 < int(r.get("retry-after")) <= 30
    assert [t.n for t in bad] == [1, 1]
    why = "No target of the route 'chat' takes calls now (2 failed again and again): try again in "
    assert why in r.body.decode() and lab.sluice.log_line(r.get("x-request-id"))["error"].startswith(why)
    wait_for(lambda: f"route 'chat': {why}" in lab.sluice.stderr, "the operator's log")


def test_a_breaker_is_closed_by_hand(lab):
    bad, good = lab.target(error("500 Oops")), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], breaker={**RULE, "open": "1h"}, **NOW)
    lab.names(4)
    assert bad.n == 3 and state_of(lab.sluice)["state"] == "open"
    bad.act = answer
    r = lab.sluice.call("POST", "/api/sluice/v1/targets/chat/bad/reset")
    assert (r.status, r.json()["state"], r.json()["waits_ms"]) == (200, "closed", None)
    assert lab.names(2) == ["bad"] * 2
    for path in ("chat/nobody", "nobody/bad"):
        r = lab.sluice.call("POST", f"/api/sluice/v1/targets/{path}/reset")
        assert r.status == 404 and "There is no target" in r.json()["error"]["message"]
    assert lab.sluice.call("GET", "/api/sluice/v1/targets/chat/bad/reset").status == 405
    assert lab.sluice.call("POST", "/api/sluice/v1/targets/chat/reset").status == 404


def test_one_target_has_a_breaker_where_it_is_asked_for(lab):
    bad = lab.target(error("500 Oops"))
    lab.start([], first=bad, breaker={**RULE, "open": "1h"}, **NOW)
    assert [lab.call().status for _ in range(5)] == [500, 500, 500, 503, 503] and bad.n == 3


@pytest.mark.parametrize("names", ["", "a"], ids=["model", "target"])
def test_one_target_has_none_else(lab, names):
    """A breaker of one target would only turn errors into other errors."""
    bad = lab.target(error("500 Oops"))
    lab.start([(n, bad, {}) for n in names], first=None if names else bad, **NOW)
    assert [lab.call().status for _ in range(30)] == [500] * 30 and bad.n == 30


def test_a_breaker_that_is_off_opens_never(lab):
    bad, good = lab.target(error("500 Oops")), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], breaker="off", **NOW)
    lab.names(20)
    assert bad.n == 20


def test_workers_share_a_breaker(lab):
    bad, good = lab.target(error("500 Oops")), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], breaker={**RULE, "errors": 5, "open": "1h"}, server={"workers": 4}, **NOW)
    lab.names(40)  # each on its own connection
    assert bad.n == 5


def test_a_slow_start_counts_when_it_passes_the_time_out(lab):
    bad, good = lab.target(lambda ex: ex.hold()), lab.target()
    lab.start([("bad", bad, {"timeouts": {"first_byte": "50ms"}}), ("good", good, {"tier": 1})], breaker={**RULE, "errors": 2, "open": "1h"}, **NOW)
    lab.names(4)
    assert bad.n == 2


def test_targets_are_listed(lab):
    a, b = lab.target(), lab.target()
    lab.start([("a", a, {"weight": 3}), ("b", b, {"tier": 1})])
    lab.names(2)
    items = lab.sluice.call("GET", "/api/sluice/v1/targets").json()["targets"]
    assert [(t["route"], t["target"], t["provider"], t["model"], t["weight"], t["tier"]) for t in items] == [
        ("chat", "a", "openai", "gpt-4o-mini", 3, 0),
        ("chat", "b", "openai", "gpt-4o-mini", 1, 1),
    ]
    assert items[0]["reply_ms"] > 0 and items[1]["reply_ms"] is None and items[0]["in_flight"] == 0
    text = lab.sluice.call("GET", "/metrics").body.decode()
    assert 'sluice_target_in_flight{route="chat",target="a"} 0\n' in text


def test_a_raw_passage_stays_at_the_first_target(lab):
    """Its path belongs to the first one's provider."""
    a, b = lab.target(error("503 Service Unavailable")), lab.target()
    lab.start([("a", a, {}), ("b", b, {"tier": 1})], **NOW)
    assert lab.call().get("x-sluice-target") == "b"
    n = b.n
    for _ in range(6):
        assert lab.call(path="/gateway/proxy/chat/v1/chat/completions").status in (502, 503)
    assert b.n == n and a.n >= 2

# SPDX-License-Identifier: Apache-2.0
"""`shadow`: a share of a route's calls goes to another route as well, and nobody notices."""
import json
import os
import resource
import signal
import threading

import pytest

from harness import CHAT, CHAT_REPLY, DEADLINE, SANITIZED, Sluice, wait_for
from test_affinity import Keeps, Signs
from test_credentials import Google
from test_fallback_routes import OWN, Routes, header, made, route
from test_traffic import answer, closed_port, error, old

ALL = {"route": "other", "share": "100%"}
SAID = {**CHAT, "messages": [{"role": "user", "content": "a word that is said once"}]}


@pytest.fixture
def lab(tmp_path):
    lab = Routes(tmp_path)
    yield lab
    lab.close()


def series(lab, name):
    """What /metrics has under that name: labels and value of each series."""
    text = lab.sluice.call("GET", "/metrics").body.decode()
    lines = [line for line in text.splitlines() if line.startswith(name + "{")]
    return {line[len(name) + 1:line.index("} ")]: float(line.rsplit(" ", 1)[1]) for line in lines}


def shadows(lab, name="chat"):
    prefix = f'route="{name}",outcome="'
    return {k[len(prefix):-1]: int(v) for k, v in series(lab, "sluice_shadows_total").items() if k.startswith(prefix)}


def come(lab, **want):
    """Exactly these have come of the shadows."""
    wait_for(lambda: shadows(lab) == want, lambda: f"{want}: {shadows(lab)}")


def lines_of(lab, request_id):
    """The call's line, and its shadow's."""
    def find():
        mine = [line for line in lab.sluice.log_lines(0) if line["request_id"] == request_id]
        return mine if len(mine) == 2 else None

    return sorted(wait_for(find, f"two lines of {request_id}"), key=lambda line: line.get("shadow", False))


def fds(lab):
    return len(os.listdir(f"/proc/{lab.sluice.proc.pid}/fd"))


class Script:
    """A target that is told when to go on."""

    def __init__(self, then=answer):
        self.then, self.came, self.go = then, threading.Semaphore(0), threading.Semaphore(0)

    def __call__(self, ex):
        self.came.release()
        assert self.go.acquire(timeout=DEADLINE)
        try:
            self.then(ex)
        except OSError:
            pass  # it was cut

    def arrived(self, n=1):
        for _ in range(n):
            assert self.came.acquire(timeout=DEADLINE)

    def open(self, n=1):
        for _ in range(n):
            self.go.release()


def two(lab, other=answer, main=answer, shadow=ALL, more=None, **config):
    """`chat`, and `other` for its shadows. Both targets."""
    up, away = lab.target(main), lab.target(other) if callable(other) else other
    lab.start(route("chat", up, shadow=shadow), route("other", away, **(more or {})), **config)
    return up, away


# --- what is sent, and told ---


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_call_goes_there_as_well(lab, stream):
    up, away = two(lab)
    r = lab.call(stream, headers=[("x-request-id", "one-of-two"), ("idempotency-key", "once"), ("openai-beta", "x")])
    assert r.status == 200 and r.complete, r.body
    assert (r.get("x-sluice-route"), r.get("x-sluice-target"), r.get("x-sluice-attempts")) == ("chat", None, "1")
    come(lab, ok=1)
    assert (up.n, away.n) == (1, 1)
    assert up.upstream.requests[0].json() == away.upstream.requests[0].json()
    assert (header(up, "idempotency-key"), header(away, "idempotency-key")) == ("once", None), "it is another call for the provider"
    assert header(away, "openai-beta") == "x"
    call, shadow = lines_of(lab, "one-of-two")
    assert "shadow" not in call and "target" not in call and shadow["shadow"] is True
    assert (shadow["route"], shadow["target"], shadow["status"], shadow["error_type"]) == ("chat", "other/model", 200, None)
    assert (shadow["client"], shadow["principal"], shadow["path"]) == (call["client"], call["principal"], call["path"])
    assert shadow.get("output_tokens") == call.get("output_tokens")
    assert (shadow["bytes_in"], shadow["attempts"], shadow["stream"]) == (0, 1, stream)
    if not stream:
        assert shadow["bytes_out"] == len(CHAT_REPLY) and shadow["output_tokens"] == 3


def test_the_share_is_exact_and_smooth(lab):
    up, away = two(lab, shadow={"route": "other", "share": "7%"}, server={"workers": 2})

    def some():
        conn = lab.sluice.connect()
        for _ in range(125):
            assert conn.request("POST", "/v1/chat/completions", CHAT).reply().status == 200
        conn.close()

    threads = [threading.Thread(target=some) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert up.n == 1000
    come(lab, ok=70)
    assert away.n == 70


def test_the_hundredth_call_is_the_first(lab):
    two(lab, shadow={"route": "other"}, server={"workers": 1})
    for n in range(100):
        assert shadows(lab) == {} and lab.call().status == 200
    come(lab, ok=1)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_other_route_may_speak_another_language(lab, stream):
    away = lab.target(Signs("A"))
    lab.start(route("chat", lab.target(), shadow=ALL), route("other", away, provider="anthropic", headers={"x-from": "other"}))
    r = lab.call(stream)
    assert r.status == 200 and r.get("x-sluice-provider") == "openai"
    come(lab, ok=1)
    assert away.upstream.requests[0].path == "/v1/messages" and header(away, "x-api-key") == "sk-test-secret"
    assert header(away, "x-from") == "other"
    _, shadow = lines_of(lab, r.get("x-request-id"))
    assert (shadow["provider"], shadow["model"], shadow["status"]) == ("anthropic", "claude-sonnet-4-5", 200)


def test_the_other_route_may_have_targets(lab):
    b = lab.target()
    up, away = two(lab, more={"balance": "ordered", "targets": [{"name": "model"}, {"name": "eu", "tier": 1, "model": route("x", b)["model"]}]})
    r = lab.call()
    come(lab, ok=1)
    _, shadow = lines_of(lab, r.get("x-request-id"))
    assert [(a["target"], a["why"], a["status"]) for a in shadow["attempts"]] == [("other/model", "first", 200)]
    assert shadow["target"] == "other/model"


def test_no_other_metric_counts_it(lab):
    two(lab)
    assert lab.call().status == 200
    come(lab, ok=1)
    assert [v for k, v in series(lab, "sluice_requests_total").items() if 'route="chat"' in k] == [1]
    for name in ("sluice_requests_total", "sluice_attempts_total"):
        assert not [k for k in series(lab, name) if "other" in k.replace('route="none"', "")], name
    tokens = series(lab, "gen_ai_client_token_usage_count")
    assert sorted(tokens.values()) == [1, 1] and not any('"other"' in k for k in tokens)
    wait_for(lambda: b"\nsluice_requests_in_flight 1\n" in lab.sluice.call("GET", "/metrics").body, "the one that asks")


def test_a_shadow_has_none(lab):
    a, b = lab.target(), lab.target()
    lab.start(route("chat", a, shadow=ALL), route("other", b, shadow={"route": "chat", "share": "100%"}))
    assert lab.call().status == 200
    come(lab, ok=1)
    assert lab.call(route="other").status == 200
    wait_for(lambda: shadows(lab, "other") == {"ok": 1}, "its own call has one")
    assert (a.n, b.n, shadows(lab)) == (2, 2, {"ok": 1})


# --- nobody notices ---


def garbage(ex):
    ex.send(b"\0\1\2 no HTTP at all\r\n\r\n")
    ex.close()


def break_off(ex):
    ex.stream_head()
    ex.event({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "h"}, "finish_reason": None}]})
    ex.reset()


def cut_reply(ex):
    ex.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{\"choices\": [")
    ex.reset()


FAULTS = {
    "refuses": (None, "provider_connect_failed"),
    "resets": (lambda ex: ex.reset(), "provider_bad_response"),
    "breaks off": (break_off, None),
    "cut": (cut_reply, None),
    "garbage": (garbage, "provider_bad_response"),
    "500": (error("500 Oops"), "provider_server_error"),
    "503": (error("503 Busy", headers=[("retry-after", "1")]), "provider_overloaded"),
    "429": (error("429 Slow", headers=[("retry-after", "1")]), "provider_rate_limited"),
    "401": (error("401 No"), "provider_auth_failed"),
    "400": (error("400 Bad"), "provider_rejected"),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_fails_there_is_not_the_callers(lab, fault, stream):
    """The other route could move on and repeat, and does not: one attempt."""
    act, kind = FAULTS[fault]
    spare = lab.target()
    away = lab.target(act) if act else f"http://127.0.0.1:{closed_port()}/v1"
    lab.start(route("chat", lab.target(), shadow=ALL), route("other", away, ["spare"], retries=3), route("spare", spare), route("plain", lab.targets[-1]))
    plain, r = lab.call(stream, route="plain"), lab.call(stream)
    assert (r.status, r.body, r.complete) == (200, plain.body, True)
    come(lab, error=1)
    _, shadow = lines_of(lab, r.get("x-request-id"))
    assert kind in (None, shadow["error_type"]) and shadow["status"] >= 200, shadow
    assert [a["target"] for a in shadow["attempts"]] == ["other/model"] and spare.n == 0
    assert not act or away.n == 1


def test_a_plain_route_there_is_not_asked_twice(lab):
    away = lab.target(error("503 Busy"))
    lab.start(route("chat", lab.target(), shadow=ALL), route("other", away, retries=3))
    assert lab.call().status == 200
    come(lab, error=1)
    assert away.n == 1
    told = "warning upstream: route 'chat', shadow 'other/model' (openai, "  # nobody takes it for a failure of a caller
    wait_for(lambda: told in lab.sluice.stderr, lambda: lab.sluice.stderr)


@pytest.mark.parametrize("more", [{}, {"balance": "ordered", "targets": [{"name": "model"}]}], ids=["model", "targets"])
def test_a_refused_stream_options_is_not_asked_again_there(lab, more):
    """Nor is anything else: the next one goes without."""
    up, away = two(lab, old, more=more)
    r = lab.call(True)
    come(lab, error=1)
    _, shadow = lines_of(lab, r.get("x-request-id"))
    assert (shadow["status"], shadow["error_type"]) == (400, "provider_rejected") and "refused stream_options" in shadow["error"], shadow
    assert (shadow["attempts"] if not more else len(shadow["attempts"]), away.n) == (1, 1)
    assert lab.call(True).status == 200
    come(lab, error=1, ok=1)
    assert ["stream_options" in ex.json() for ex in away.upstream.requests] == [True, False]


def test_a_refused_token_is_not_asked_again_there(lab, upstream):
    google = Google(upstream)
    lab.start(route("chat", lab.target(), shadow=ALL), {**google.route(vertex_credentials=google.account()), "name": "other"})
    assert lab.call().status == 200
    come(lab, ok=1)
    google.n = 7  # the first token is not valid any more
    r = lab.call()
    come(lab, ok=1, error=1)
    _, shadow = lines_of(lab, r.get("x-request-id"))
    assert (shadow["error_type"], shadow["attempts"], len(google.tokens())) == ("provider_auth_failed", 1, 1)
    assert lab.call().status == 200
    come(lab, ok=2, error=1)
    assert len(google.tokens()) == 2, "the next one has a new token"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_one_that_hangs_holds_nobody_up(lab, stream):
    script = Script()
    up, away = two(lab, script)
    replies = [lab.call(stream) for _ in range(20)]
    script.arrived(20)
    assert [r.status for r in replies] == [200] * 20 and shadows(lab) == {}
    assert {r.body for r in replies} == {replies[0].body}
    script.open(20)
    come(lab, ok=20)


def test_one_that_never_answers_ends_with_the_times_of_its_route(lab):
    two(lab, lambda ex: ex.hold(), more={"timeouts": {"total": "200ms"}})
    r = lab.call()
    come(lab, error=1)
    _, shadow = lines_of(lab, r.get("x-request-id"))
    assert (shadow["status"], shadow["error_type"]) == (504, "provider_timeout_total")


def test_the_callers_own_deadline_is_not_its(lab):
    script = Script()
    two(lab, script, main=lambda ex: ex.hold())
    r = lab.call(headers=[("x-sluice-timeout", "100ms")])
    assert r.get("x-sluice-error-type") == "caller_timeout"
    script.arrived()
    script.open()
    come(lab, ok=1)


def dribble(ex):
    ex.stream_head()
    for i in range(50):
        ex.event({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": str(i)}, "finish_reason": None}]})
    ex.event("[DONE]")
    ex.last_chunk()


def flood(ex):
    """100 MB, as one text or as a stream of events."""
    piece = b"x" * 100_000
    try:
        if ex.json().get("stream"):
            ex.stream_head()
            for _ in range(1000):
                ex.event({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": piece.decode()}, "finish_reason": None}]})
            ex.event("[DONE]")
            ex.last_chunk()
        else:
            ex.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            ex.chunk(b'{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"')
            for _ in range(1000):
                ex.chunk(piece)
            ex.chunk(b'"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}')
            ex.last_chunk()
    except OSError:
        pass


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_hundred_megabytes_are_read_and_not_kept(lab, stream):
    two(lab, flood, server={"workers": 1})
    r = lab.call(stream)
    assert r.status == 200 and r.complete
    come(lab, ok=1)
    _, shadow = lines_of(lab, r.get("x-request-id"))
    assert shadow["bytes_out"] > 100_000_000 and (stream or shadow["output_tokens"] == 4)
    if not SANITIZED:
        assert lab.sluice.rss() < 60 << 20


def test_what_must_be_collected_is_bounded(lab):
    """In another language a whole reply has to be held: no more of the memory than an eighth, so that callers find theirs."""
    def large(ex):
        try:
            ex.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            ex.chunk(b'{"type":"message","content":[{"type":"text","text":"')
            for _ in range(200):
                ex.chunk(b"x" * 100_000)
        except OSError:
            pass

    away = lab.target(large)
    lab.start(route("chat", lab.target(), shadow=ALL), route("other", away, provider="anthropic"), server={"limits": {"memory": "64MiB"}})
    r = lab.call()
    assert r.status == 200
    come(lab, dropped=1)
    _, shadow = lines_of(lab, r.get("x-request-id"))
    assert (shadow["status"], shadow["error_type"]) == (503, "sluice_overloaded")
    assert "memory" not in lab.sluice.stderr, "nothing that the operator must mend"


def test_a_large_call_has_no_shadow_where_memory_is_short(lab):
    up, away = two(lab, server={"workers": 1, "limits": {"memory": "64MiB"}})
    big = {**CHAT, "messages": [{"role": "user", "content": "x" * (9 << 20)}]}
    for _ in range(3):
        assert lab.sluice.call("POST", "/v1/chat/completions", big).status == 200
    come(lab, dropped=3)
    small = {**CHAT, "messages": [{"role": "user", "content": "x" * (1 << 20)}]}
    for n in range(20):  # what they hold is given back
        assert lab.sluice.call("POST", "/v1/chat/completions", small).status == 200
        come(lab, dropped=3, ok=n + 1)
    assert away.upstream.requests[-1].body == up.upstream.requests[-1].body


def test_none_begins_while_memory_is_short(lab):
    """The rest of it is for callers."""
    up, away = two(lab, server={"workers": 1, "limits": {"memory": "8MiB"}})
    fat = lab.sluice.connect()
    fat.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 7500000\r\n\r\n" + b" " * 7_000_000)
    conn, n = lab.sluice.connect(), 0

    def dropped():
        nonlocal n
        n += 1
        assert conn.request("POST", "/v1/chat/completions", CHAT).reply().status == 200
        wait_for(lambda: sum(shadows(lab).values()) == n, "its shadow is over, or was none")
        return "dropped" in shadows(lab)

    wait_for(dropped, "the body that comes has taken most of it")
    fat.close()
    assert away.n == n - 1
    conn.close()


def test_no_more_than_some_are_under_way(lab):
    script = Script()
    up, away = two(lab, script, server={"workers": 1})
    for _ in range(70):
        assert lab.call().status == 200
    script.arrived(64)
    assert shadows(lab) == {"dropped": 6} and up.n == 70
    script.open(64)
    come(lab, dropped=6, ok=64)


def test_none_takes_the_last_descriptor(lab):
    up, away = lab.target(), lab.target()
    config = {"endpoints": [route("chat", up, shadow=ALL), route("other", away)], "server": {"workers": 1}}
    lab.sluice = Sluice(lab.tmp_path, config, preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96)))
    conn = lab.sluice.connect()
    assert conn.request("POST", "/v1/chat/completions", CHAT).reply().status == 200
    come(lab, ok=1)
    others = [lab.sluice.connect() for _ in range(100)]
    wait_for(lambda: "cannot accept a connection" in lab.sluice.stderr, "there are no more")
    assert conn.request("POST", "/v1/chat/completions", CHAT).reply().status == 200, "its upstream is connected"
    for other in others:
        other.close()
    come(lab, ok=1, dropped=1)
    assert (up.n, away.n) == (2, 1)
    conn.close()


def test_descriptors_and_memory_stay_flat(lab):
    acts = [answer, lambda ex: ex.reset(), lambda ex: ex.close(), error("500 Oops"), break_off, dribble]
    up, away = two(lab, server={"workers": 1}, upstream={"pool": {"idle_timeout": "1s"}})
    conn = lab.sluice.connect()

    def round_(n):
        for i in range(n):
            away.act = acts[i % len(acts)]
            done = sum(shadows(lab).values())
            assert conn.request("POST", "/v1/chat/completions", {**SAID, "stream": bool(i % 2)}).reply().status == 200
            wait_for(lambda: sum(shadows(lab).values()) == done + 1, "its shadow is over")

    round_(60)
    before, memory = fds(lab), lab.sluice.rss()
    round_(300)
    wait_for(lambda: fds(lab) <= before + 2, lambda: f"{before} descriptors: {fds(lab)}")
    if not SANITIZED:
        assert lab.sluice.rss() < memory + (3 << 20)
    conn.close()


def test_a_client_that_leaves_takes_nothing_along(lab):
    script, slow = Script(), Script()
    two(lab, script, main=slow)
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", SAID, [("x-request-id", "it-left")])
    slow.arrived()
    script.arrived()
    conn.close()
    wait_for(lambda: any(line["status"] == 499 for line in lab.sluice.log_lines(0)), "it is seen to leave")
    slow.open()
    script.open()
    come(lab, ok=1)
    call, shadow = lines_of(lab, "it-left")
    assert (call["status"], shadow["status"], shadow["output_tokens"]) == (499, 200, 3)


def test_a_call_that_is_long_over_leaves_its_body(lab):
    """The connection serves other calls meanwhile, whose bodies come to lie where the first one's was, if that went."""
    script = Script()
    up, away = two(lab, script, server={"workers": 1})
    conn = lab.sluice.connect()
    for i in range(40):
        body = {**CHAT, "messages": [{"role": "user", "content": f"{i}" * 5000}]}
        assert conn.request("POST", "/v1/chat/completions", body).reply().status == 200
    script.arrived(40)
    script.open(40)
    come(lab, ok=40)
    conn.close()
    assert sorted(r.body for r in away.upstream.requests) == sorted(r.body for r in up.upstream.requests)


# --- limits ---


def test_limits_of_the_other_route_hold_and_those_of_the_call_are_charged_once(lab):
    a, b = lab.target(), lab.target()
    lab.start(route("chat", a, shadow=ALL, entry={"limit": {"calls": 4, "renewal_period": "hour"}}),
              route("other", b, entry={"limit": {"calls": 2, "renewal_period": "hour"}}))
    for n in range(4):
        r = lab.call()
        assert (r.status, r.get("x-ratelimit-remaining-requests")) == (200, str(3 - n))
        wait_for(lambda: sum(shadows(lab).values()) == n + 1, "its shadow is over")
    assert shadows(lab) == {"ok": 2, "refused": 2} and (a.n, b.n) == (4, 2)
    assert lab.call().status == 429 and sum(shadows(lab).values()) == 4, "what is refused has no shadow"
    assert lab.call(route="other").status == 429, "its limit has counted them"
    decisions = series(lab, "sluice_limit_decisions_total")
    assert decisions == {'route="chat",decision="allowed",source="local"': 4, 'route="chat",decision="refused",source="local"': 1, 'route="other",decision="refused",source="local"': 1}


def test_a_target_that_is_full_is_left_alone(lab):
    script = Script()
    up, away = two(lab, script, more={"targets": [{"name": "model", "max_concurrent": 1}], "queue": {"wait": "60s"}})
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", {**CHAT, "model": "other"})
    script.arrived()
    assert lab.call().status == 200
    come(lab, refused=1)
    script.open()
    assert conn.reply().status == 200 and away.n == 1
    conn.close()


def test_who_waits_there_comes_first(lab):
    """A free place is not for a shadow, though the call that waits cannot use it."""
    script = Script()
    claude = lab.target(Signs("B"))
    spare = {"name": "spare", "tier": 1, "model": route("x", claude, provider="anthropic")["model"]}
    two(lab, script, more={"targets": [{"name": "model", "max_concurrent": 1}, spare], "queue": {"wait": "60s"}})
    conns = []
    for n in range(2):
        conns.append(lab.sluice.connect().request("POST", "/v1/chat/completions", {**CHAT, "model": "other", "n": 2}))  # which Claude cannot
        wait_for(lambda: series(lab, "sluice_queue_depth")['route="other"'] == n, f"{n} waits")
    assert lab.call().status == 200
    come(lab, refused=1)
    script.open(2)
    assert [c.reply().status for c in conns] == [200, 200] and claude.n == 0


def test_rights_are_those_of_the_route_that_was_called(lab):
    key = "sk-only-chat-0123456789"
    two(lab, auth={"metrics": "open", "keys": [{"name": "k", "key": key, "routes": ["chat"]}]})
    r = lab.call(headers=[("authorization", f"Bearer {key}")])
    assert r.status == 200
    come(lab, ok=1)
    call, shadow = lines_of(lab, r.get("x-request-id"))
    assert shadow["key"] == call["key"] == "k"


# --- what has none ---


def test_an_answer_that_only_its_upstream_has(lab):
    a, b = lab.target(Keeps("a")), lab.target(Keeps("b"))
    routes = [route("chat", a, shadow=ALL), route("other", b)]
    for r in routes:
        r["model"]["config"]["openai_api"] = "responses"
    lab.start(*routes)

    def respond(**more):
        return lab.sluice.call("POST", "/v1/responses", {"model": "chat", "input": "hi", **more})

    assert respond().json()["id"] == "resp_a0"
    come(lab, ok=1)
    assert respond(previous_response_id="resp_a0").status == 200
    come(lab, ok=1, unfit=1)
    assert respond(previous_response_id="resp_of_nobody").status == 400
    come(lab, ok=1, unfit=2)
    assert lab.sluice.call("GET", "/v1/responses/resp_a0").status == 200
    assert lab.sluice.call("GET", "/v1/responses/resp_b0").status == 404, "nobody was told of it"
    assert (a.n, b.n, shadows(lab)) == (4, 1, {"ok": 1, "unfit": 2})


def test_an_upload(lab):
    a, b = lab.target(lambda ex: ex.reply({"text": "hi"})), lab.target()
    lab.start(route("chat", a, kind="llm/v1/transcriptions", shadow=ALL), route("other", b, kind="llm/v1/transcriptions"))
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nchat\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n'
    r = lab.sluice.call("POST", "/v1/audio/transcriptions", form, [("content-type", "multipart/form-data; boundary=b")])
    assert r.status == 200, r.body
    come(lab, unfit=1)
    assert b.n == 0


def test_types_that_pass_as_they_are_have_one(lab):
    reply = {"created": 1, "data": [{"url": "http://x"}]}
    a, b = (lab.target(lambda ex: ex.reply(reply)) for _ in range(2))
    lab.start(route("chat", a, kind="llm/v1/images", shadow=ALL), route("other", b, kind="llm/v1/images"))
    assert lab.sluice.call("POST", "/v1/images/generations", {"model": "chat", "prompt": "a cat"}).status == 200
    come(lab, ok=1)
    assert b.upstream.requests[0].json() == a.upstream.requests[0].json()


# --- its end, and changes ---


def test_a_drain_does_not_wait_for_it(lab):
    script = Script()
    two(lab, script, server={"timeouts": {"drain": "300s"}})
    r = lab.call(stream=True)
    script.arrived()
    lab.sluice.stop()  # far sooner than that
    lines = {line.get("shadow", False): line for line in lab.sluice.log_lines(2) if line["request_id"] == r.get("x-request-id")}
    assert (lines[True]["status"], lines[True]["error_type"]) == (503, "sluice_draining")
    script.open()


def test_a_drain_waits_for_calls_alone(lab):
    script, slow = Script(), Script()
    two(lab, script, main=slow, server={"timeouts": {"drain": "300s"}})
    conn = lab.sluice.connect().request("POST", "/v1/chat/completions", SAID)
    slow.arrived()
    script.arrived()
    lab.sluice.proc.send_signal(signal.SIGTERM)
    wait_for(lambda: "draining" in lab.sluice.stderr, "it drains")
    slow.open()
    r = conn.reply()
    assert r.status == 200 and r.complete
    lab.sluice.stop()
    script.open()
    assert [line["status"] for line in lab.sluice.log_lines(2)] == [200, 503]


def test_a_reload_leaves_it_alone(lab):
    script = Script()
    up, away = two(lab, script, server={"workers": 1})
    r = lab.call()
    script.arrived()
    path = lab.sluice.dir / "sluice.yaml"
    path.write_text(path.read_text().replace("share: 100%", "share: 50%"))
    lab.sluice.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: b"sluice_config_version 2" in lab.sluice.call("GET", "/metrics").body, "the reload")
    script.open()
    come(lab, ok=1)
    _, shadow = lines_of(lab, r.get("x-request-id"))
    assert shadow["status"] == 200
    script.open(9)
    for n in range(3):  # it goes on counting: the second and the fourth
        assert lab.call().status == 200
    come(lab, ok=3)


def test_the_upstream_may_be_gone(lab):
    up, away = two(lab)
    assert lab.call().status == 200
    come(lab, ok=1)
    away.upstream.sock.close()
    away.act = lambda ex: ex.reset()
    for n in range(3):
        assert lab.call().status == 200
        come(lab, ok=1, error=n + 1)


def test_routes_made_by_calls(lab):
    up, away = lab.target(), lab.target()
    lab.start(route("fixed", up), args=("--data", str(lab.tmp_path / "data")), upstream={"allow": ["127.0.0.0/8"]}, server={"workers": 1})

    def put(name, shadow, where=up, kind="llm/v1/chat"):
        body = {**made(where.base), "route_type": kind}
        body["sluice"].update({"shadow": shadow} if shadow else {})
        return lab.sluice.call("PUT", f"{OWN}/{name}", body)

    for shadow, words in (({"route": "other"}, b'shadow.route: there is no route \\"other\\"'), ({"route": "chat"}, b"is this route itself"),
                          ({"share": "1%"}, b"missing"), ({"route": "fixed", "share": "0%"}, b"must be a share from 1% to 100%"),
                          ({"route": "fixed", "share": 0.5}, b"must be a share"), ("fixed", b"must be a map like { route: other, share: 1% }, or off"),
                          ({"route": "fixed", "shares": "1%"}, b"unknown key")):
        r = put("chat", shadow)
        assert r.status == 400 and words in r.body, r.body
    assert put("other", None, away).status == 201 and put("e", None, kind="llm/v1/embeddings").status == 201
    r = put("chat", {"route": "e"})
    assert r.status == 400 and b"is of the type llm/v1/embeddings, and this one of llm/v1/chat" in r.body, r.body
    r = lab.sluice.call("POST", "/api/2.0/gateway/routes/", {"name": "chat", **made(up.base), "sluice": {"shadow": {"route": "nobody"}}})
    assert r.status == 400 and b'there is no route \\"nobody\\"' in r.body, r.body
    assert put("chat", ALL).status == 201
    assert lab.sluice.call("GET", f"{OWN}/chat").json()["sluice"]["shadow"] == ALL
    assert lab.call().status == 200
    come(lab, ok=1)
    # one that is gone is passed over, one that comes back as another type, too
    assert lab.sluice.call("DELETE", f"{OWN}/other").status == 200
    assert lab.call().status == 200
    come(lab, ok=1, missing=1)
    assert put("other", None, kind="llm/v1/embeddings").status == 201
    assert lab.call().status == 200
    come(lab, ok=1, missing=2)
    assert put("chat", None).status == 200
    assert "shadow" not in json.dumps(lab.sluice.call("GET", f"{OWN}/chat").json().get("sluice", {}))
    assert lab.call().status == 200 and shadows(lab) == {"ok": 1, "missing": 2} and away.n == 1

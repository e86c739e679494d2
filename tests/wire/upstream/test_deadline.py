# SPDX-License-Identifier: Apache-2.0
"""`x-sluice-timeout`: a caller's own deadline, over all attempts of its call."""
import json
import queue
import time

from harness import CHAT, PATHS, Sluice, chat_route
from test_traffic import EVENTS, Lab, answer, error, lab  # noqa: F401: lab is a fixture
from upstream import Upstream


def silent(ex):
    ex.hold()


def of(value):
    return [("x-sluice-timeout", value)]


def test_a_call_ends_at_its_own_deadline(lab):
    target = lab.target(silent)
    lab.start([("a", target, {})])
    for path, body in PATHS.items():
        start = time.monotonic()
        r = lab.sluice.call("POST", path, body, of("300ms"))
        took = time.monotonic() - start
        assert (r.status, r.get("x-sluice-error-type")) == (504, "caller_timeout"), (path, r.body)
        assert 0.3 <= took < 2 and b"x-sluice-timeout: 300ms" in r.body, (path, took, r.body)
    metrics = lab.sluice.call("GET", "/metrics").body.decode()
    assert f'sluice_attempts_total{{route="chat",provider="openai",target="a",outcome="cancelled",reason="caller_timeout"}} {len(PATHS)}' in metrics


def test_a_route_with_one_target_has_it_too(tmp_path):
    gone = queue.Queue()
    upstream = Upstream(lambda ex: gone.put(ex.hold()))
    s = Sluice(tmp_path, {"endpoints": [chat_route(upstream.base)]})
    try:
        r = s.call("POST", "/v1/chat/completions", CHAT, of("200ms"))
        assert (r.status, r.get("x-sluice-error-type"), r.get("x-should-retry")) == (504, "caller_timeout", "false")
        line = s.log_line(r.get("x-request-id"))
        assert (line["status"], line["error_type"]) == (504, "caller_timeout") and "x-sluice-timeout" in line["error"]
        assert upstream.requests[0].get("x-sluice-timeout") is None
        assert gone.get(timeout=5) is not None  # the attempt is stopped at once
    finally:
        s.stop()
        upstream.close()


def test_it_holds_over_all_attempts(lab):
    """The first one fails after a while; the second one has only the time that is left."""

    def late(ex):
        time.sleep(0.25)
        ex.reply({"error": {"message": "no"}}, "500 Oops")

    bad, good = lab.target(late), lab.target(silent)
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], retries=0)
    start = time.monotonic()
    r = lab.call(headers=of("500ms"))
    assert (r.status, r.get("x-sluice-error-type"), r.get("x-sluice-attempts")) == (504, "caller_timeout", "2")
    assert 0.5 <= time.monotonic() - start < 2
    line = lab.sluice.log_line(r.get("x-request-id"))
    assert [(t["target"], t["error_type"]) for t in line["attempts"]] == [("bad", "provider_server_error"), ("good", "caller_timeout")]


def test_no_repeat_is_waited_for_behind_it(lab):
    bad = lab.target(error("503 Busy", headers=[("Retry-After", "2")]))
    lab.start([("model", None, {})], first=bad, retries=1)
    start = time.monotonic()
    r = lab.call(headers=of("1s"))
    assert r.status == 503 and r.get("x-sluice-error-type") == "provider_overloaded" and bad.n == 1
    assert time.monotonic() - start < 0.9


def test_a_stream_ends_with_an_error_event(lab):
    def begins(ex):
        ex.stream_head()
        ex.event(EVENTS[0])
        ex.hold()

    target = lab.target(begins)
    lab.start([("a", target, {})])
    r = lab.call(True, headers=of("300ms"))
    events = [e for e in r.body.split(b"\n\n") if e]
    assert r.status == 200 and r.complete and len(events) >= 2
    assert b"x-sluice-timeout" in events[1] and "error" in json.loads(events[1][len(b"data: "):])


def test_it_does_not_count_against_the_target(lab):
    target = lab.target(silent)
    lab.start([("model", None, {})], first=target, breaker={"errors": 2, "ratio": "1%"})
    for _ in range(5):
        assert lab.call(headers=of("50ms")).status == 504
    target.act = answer
    assert lab.call().status == 200 and target.n == 6


def test_it_lengthens_nothing(lab):
    target = lab.target(silent)
    lab.start([("model", None, {})], first=target, timeouts={"first_byte": "200ms", "total": "1s"}, retries=0)
    r = lab.call(headers=of("7d"))
    assert (r.status, r.get("x-sluice-error-type")) == (504, "provider_timeout_first_byte")
    r = lab.call(headers=of("99999999999999999d"))
    assert (r.status, r.get("x-sluice-error-type")) == (504, "provider_timeout_first_byte")


def test_a_bad_value_is_refused(lab):
    target = lab.target()
    lab.start([("a", target, {})])
    for path, body in PATHS.items():
        for value in ["30", "soon", "", "0s", "-1s", "1.5s", "1 s", "1ss", "x" * 99]:
            r = lab.sluice.call("POST", path, body, of(value))
            assert r.status == 400 and r.get("x-sluice-error-type") == "caller_invalid_request", (path, value, r.body)
            assert b"x-sluice-timeout" in r.body and b"1500ms" in r.body, (path, value, r.body)
    assert target.n == 0


def test_two_values_are_refused(lab):
    target = lab.target()
    lab.start([("a", target, {})])
    r = lab.call(headers=of("1s") + of("2s"))
    assert r.status == 400 and b"more than once" in r.body and target.n == 0

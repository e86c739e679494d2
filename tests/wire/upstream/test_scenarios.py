# SPDX-License-Identifier: Apache-2.0
"""Outages of every kind during many calls: how many the clients see, how many attempts they cost, and that nothing is
left over. SCENARIO_CALLS is the number of calls in a scenario (10,000 in `make drill`)."""
import os
import time

import pytest

from bedrock_fake import event as aws_event
from faults import Crowd, Target, has_left, after, answer, by_turns, cut_at, dribble, error, hang_up, judge, never, raw_of, reset, route_of, Timed, call_on
from harness import Sluice, wait_for
from test_traffic import closed_port

N = int(os.environ.get("SCENARIO_CALLS", "300"))
CLIENTS = 8
pytestmark = pytest.mark.timeout(max(180, N // 20))
BREAKER = {"errors": 5, "ratio": "50%", "window": "10s", "open": "2s"}
# The most calls that a failing target gets before its breaker opens: those that count, and those that run meanwhile.
BEFORE_OPEN = 5 + CLIENTS

SLACK = 5


class Stage:
    def __init__(self, directory):
        self.directory, self.targets, self.sluice = directory, [], None

    def target(self, name, act=answer):
        self.targets.append(Target(name, act))
        return self.targets[-1]

    def start(self, *targets, **sluice):
        """The route `chat`: each target as a target, or (name, base), or either with more."""
        rows = []
        for t in targets:
            t, more = t if isinstance(t, tuple) and isinstance(t[1], dict) else (t, {})
            rows.append((*(t if isinstance(t, tuple) else (t.name, t.base)), more))
        sluice.setdefault("breaker", BREAKER)
        self.sluice = Sluice(self.directory, {"endpoints": [route_of("chat", rows, **sluice)], "log": {"level": "error"}})
        return Crowd(self.sluice, "chat", CLIENTS)

    def fds(self):
        return len(os.listdir(f"/proc/{self.sluice.proc.pid}/fd"))

    def at_rest(self):
        """True: no call runs at any target, and no connection to a client is open."""
        return all(t["in_flight"] == 0 for t in self.sluice.call("GET", "/api/sluice/v1/targets").json()["targets"])

    def all_read(self, crowd):
        """A target that was left may be so slow that it reads its requests only now."""
        wait_for(lambda: sum(t.n_asked for t in self.targets) >= crowd.n_attempts, "what was sent is read")

    def judge(self, crowd, slack=0):
        wait_for(self.at_rest, "no attempt is left over")
        assert self.fds() < 60 + 2 * CLIENTS * (len(self.targets) + 1), "descriptors"
        return judge(crowd.calls, self.targets, slack)

    def state(self, name):
        return next(t for t in self.sluice.call("GET", "/api/sluice/v1/targets").json()["targets"] if t["target"] == name)["state"]

    def close(self):
        if self.sluice:
            self.sluice.stop()
        for t in self.targets:
            t.close()


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path)
    yield stage
    stage.close()


def probes(crowd):
    """How often a breaker of 2 s may have tried the target meanwhile."""
    times = [c.end for c in crowd.calls]
    return int((max(times) - min(times)) / 2) + 1


# --- one of two ---

DOWN = {
    "hangs up": hang_up,
    "resets": reset,
    "500": error("500 Internal Server Error"),
    "503": error("503 Service Unavailable"),
    "529 with a wait": error("529 Overloaded", headers=[("Retry-After", "1")]),
    "cut": cut_at(200),
    "page": lambda ex: ex.reply("<html>", content_type="text/html"),
}


@pytest.mark.parametrize("balance", ["weighted", "least_busy", "fastest", "ordered", "cheapest"])
def test_one_of_two_refuses_connections(stage, balance):
    good = stage.target("good")
    crowd = stage.start(("bad", f"http://127.0.0.1:{closed_port()}/v1"), good, balance=balance).run(N)
    assert crowd.n_errors == 0 and stage.judge(crowd) == 0 and good.n_asked == N
    # Each call that went to the bad one first was repeated there at most once.
    assert N <= crowd.n_attempts <= N + 2 * (BEFORE_OPEN + probes(crowd))


@pytest.mark.parametrize("kind", DOWN)
def test_one_of_two_is_down(stage, kind):
    bad, good = stage.target("bad", DOWN[kind]), stage.target("good")
    crowd = stage.start(bad, good).run(N)
    assert crowd.n_errors == 0, [(c.status, c.error, c.body) for c in crowd.calls if not c.is_answered][:3]
    assert good.n_asked == N and crowd.n_attempts == N + bad.n_asked
    n_twice = stage.judge(crowd)
    assert n_twice <= bad.n_asked <= 2 * (BEFORE_OPEN + probes(crowd))
    assert kind == "529 with a wait" or stage.state("bad") != "closed"  # a target that asks to wait fails too seldom


def test_one_of_two_accepts_and_never_answers(stage):
    bad, good = stage.target("bad", never), stage.target("good")
    crowd = stage.start((bad, {"timeouts": {"first_byte": "100ms"}}), good).run(N)
    stage.all_read(crowd)
    assert crowd.n_errors == 0 and good.n_asked == N and crowd.n_attempts == N + bad.n_asked
    assert stage.judge(crowd, SLACK) == bad.n_asked <= BEFORE_OPEN + probes(crowd)


def test_one_of_two_sends_a_byte_at_a_time(stage):
    """Its head takes longer than first_byte."""
    bad, good = stage.target("bad", dribble(0.02)), stage.target("good")
    crowd = stage.start((bad, {"timeouts": {"first_byte": "100ms"}}), good).run(N)
    stage.all_read(crowd)
    assert crowd.n_errors == 0 and good.n_asked == N and crowd.n_attempts == N + bad.n_asked
    assert stage.judge(crowd, SLACK) == bad.n_asked <= BEFORE_OPEN + probes(crowd)


@pytest.mark.parametrize("pieces", ["", "data: {", ": "])
def test_one_of_two_sends_a_head_and_never_an_event(stage, pieces):
    """The time of first_byte runs until a stream has begun: a head alone, or a part of an event, is no beginning."""

    def head_and_no_more(ex):
        if not ex.json()["stream"]:
            return answer(ex)
        ex.stream_head()
        if pieces:
            ex.chunk(pieces)
        ex.hold()

    bad, good = stage.target("bad", head_and_no_more), stage.target("good")
    crowd = stage.start((bad, {"timeouts": {"first_byte": "100ms"}}), good).run(min(N, 1000))
    stage.all_read(crowd)
    assert crowd.n_errors == 0 and crowd.n_attempts == bad.n_asked + good.n_asked
    # On a busy machine a whole reply may be late, too.
    assert stage.judge(crowd, SLACK) == crowd.n_attempts - len(crowd.calls) == sum(c.n_attempts == 2 for c in crowd.calls)
    streams = [c for c in crowd.calls if c.stream]
    assert {c.target for c in streams} == {"good"} and sum(c.n_attempts == 2 for c in streams) > 0


@pytest.mark.parametrize("balance, least, most", [("weighted", 45, 55), ("least_busy", 0, 35), ("fastest", 0, 40)])
def test_one_of_two_is_slow(stage, balance, least, most):
    """In time, but slower: no client sees an error, nothing is asked twice, and `fastest` sends it fewer calls."""
    slow, fast = stage.target("slow", after(0.05)), stage.target("fast")
    crowd = stage.start(slow, fast, balance=balance).run(N)
    assert crowd.n_errors == 0 and crowd.n_attempts == N == slow.n_asked + fast.n_asked
    assert stage.judge(crowd) == 0 and stage.state("slow") == "closed"
    assert least <= 100 * slow.n_asked / N <= most


def test_one_of_two_flaps(stage):
    """It takes some calls, and then fails until its breaker has opened."""
    flap, good = stage.target("flap", by_turns(*[answer] * 20, *[error("500 Oops")] * 8)), stage.target("good")
    crowd = stage.start(flap, good).run(N).run(seconds=2.2)
    n = len(crowd.calls)
    assert crowd.n_errors == 0 and crowd.n_attempts == flap.n_asked + good.n_asked
    n_failed = crowd.n_attempts - n
    assert stage.judge(crowd) == n_failed and n_failed > 0
    assert {c.target for c in crowd.calls} == {"flap", "good"}


def test_one_of_two_is_rate_limited(stage):
    """It takes some calls, and then says how long it will take none."""
    limited = stage.target("limited", by_turns(*[answer] * 9, error("429 Too Many", headers=[("Retry-After", "1")])))
    good = stage.target("good")
    crowd = stage.start(limited, good).run(N).run(seconds=2.2)
    n = len(crowd.calls)
    n_limited = crowd.n_attempts - n
    assert crowd.n_errors == 0 and limited.n_asked + good.n_asked == n + n_limited and stage.judge(crowd) == n_limited
    seconds = max(c.end for c in crowd.calls) - min(c.end for c in crowd.calls)
    assert 1 <= n_limited <= CLIENTS * (seconds + 2) and stage.state("limited") == "closed"


def test_one_of_two_says_429_for_ever(stage):
    """It does not say how long: each call asks it once and goes on, and no breaker opens."""
    limited, good = stage.target("limited", error("429 Too Many")), stage.target("good")
    crowd = stage.start(limited, good, balance="ordered").run(N)
    assert crowd.n_errors == 0 and (limited.n_asked, good.n_asked, crowd.n_attempts) == (N, N, 2 * N)
    assert stage.judge(crowd) == N and stage.state("limited") == "closed"


def test_one_of_two_asks_for_a_year(stage):
    limited, good = stage.target("limited", error("429 Too Many", headers=[("Retry-After", "31536000")])), stage.target("good")
    crowd = stage.start(limited, good, balance="ordered").run(N)
    assert crowd.n_errors == 0 and good.n_asked == N and 1 <= limited.n_asked <= CLIENTS
    assert stage.judge(crowd) == limited.n_asked
    waits = next(t for t in stage.sluice.call("GET", "/api/sluice/v1/targets").json()["targets"] if t["target"] == "limited")["waits_ms"]
    assert 60_000 < waits <= 120_000


WAITS = {
    "milliseconds": error("429 Too Many", headers=[("retry-after-ms", "60000")]),
    "Azure's": error("429 Too Many", headers=[("x-ms-retry-after-ms", "60000")]),
    "too large a number": error("503 Busy", headers=[("Retry-After", "99999999999999999999")]),
    "a date": lambda ex: error("429 Too Many", headers=[("Retry-After", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60)))])(ex),
}


@pytest.mark.parametrize("form", WAITS)
def test_a_wait_is_kept_however_it_is_said(stage, form):
    limited, good = stage.target("limited", WAITS[form]), stage.target("good")
    crowd = stage.start(limited, good, balance="ordered", breaker="off", retries=0).run(60)
    assert crowd.n_errors == 0 and good.n_asked == 60 and 1 <= limited.n_asked <= CLIENTS
    stage.judge(crowd)


def test_a_wait_is_kept_that_google_says_in_the_body(stage):
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"}]
    limited = stage.target("limited", lambda ex: ex.reply({"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED", "details": details}}, "429 Too Many Requests"))
    good = stage.target("good")
    gemini = {"provider": "gemini", "name": "gemini-2.5-flash", "config": {"gemini_api_key": "k", "gemini_api_base": limited.base.replace("/v1", "/v1beta")}}
    crowd = stage.start((limited, {"model": gemini}), good, balance="ordered", breaker="off").run(60)
    assert crowd.n_errors == 0 and good.n_asked == 60 and 1 <= limited.n_asked <= CLIENTS
    waits = next(t for t in stage.sluice.call("GET", "/api/sluice/v1/targets").json()["targets"] if t["target"] == "limited")["waits_ms"]
    assert 20_000 < waits <= 37_000


AWS = "application/vnd.amazon.eventstream"
BUSY = aws_event("throttlingException", {"message": "Too many requests, please wait"}, "exception")
STARTS = aws_event("messageStart", {"role": "assistant"})
# The beginning of a Bedrock stream, and whether it ends as HTTP says.
FIRST_FRAMES = {"an exception": (BUSY, True), "half a frame": (STARTS[:20], True), "nothing": (b"", True), "half a frame, cut": (STARTS[:20], False)}


@pytest.mark.parametrize("kind", FIRST_FRAMES)
def test_a_stream_of_frames_is_left_before_its_first(stage, kind):
    """As with events: until one has come, another target may answer."""
    data, is_ended = FIRST_FRAMES[kind]

    def begins(ex):
        ex.stream_head(AWS)
        if data:
            ex.chunk(data)
        if is_ended:
            ex.last_chunk()
        else:
            ex.close()

    bad, good = stage.target("bad", begins), stage.target("good")
    config = {"aws_config": {"aws_region": "us-east-1", "aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "x", "aws_endpoint_url": bad.base.removesuffix("/v1")}}
    stage.start((bad, {"model": {"provider": "bedrock", "name": "amazon.nova-pro-v1:0", "config": config}}), (good, {"tier": 1}), breaker="off", retries=0)
    conn = Timed(stage.sluice.port)
    call, _ = call_on(conn, "chat", "c0", True)
    assert call.is_answered and (call.target, call.n_attempts, bad.n_asked, good.n_asked) == ("good", 2, 1, 1), call.body
    conn.close()


@pytest.mark.parametrize("piece", ["data: {", "event: x\n", 'data: {"id":"c","choices":[]}'])
def test_a_stream_that_ends_inside_its_first_event_is_left(stage, piece):
    def begins(ex):
        ex.stream_head()
        ex.chunk(piece)
        ex.last_chunk()

    bad, good = stage.target("bad", begins), stage.target("good")
    stage.start(bad, (good, {"tier": 1}), breaker="off", retries=0)
    conn = Timed(stage.sluice.port)
    call, _ = call_on(conn, "chat", "c0", True)
    assert call.is_answered and (call.target, call.n_attempts) == ("good", 2), call.body
    conn.close()


def test_one_of_two_sends_its_reply_a_byte_at_a_time(stage):
    """Its head comes at once, and no pause is long: the target's `total` ends it."""

    def dribbles(ex):
        data = raw_of(ex, answer)
        head = data.index(b"\r\n\r\n") + 4
        ex.send(data[:head])
        for byte in data[head:]:
            ex.send(bytes([byte]))
            if has_left(ex, 0.02):
                return

    bad, good = stage.target("bad", dribbles), stage.target("good")
    stage.start((bad, {"timeouts": {"total": "300ms"}}), (good, {"tier": 1}), breaker="off", retries=0)
    conn = Timed(stage.sluice.port)
    for stream in (False, True):
        call, _ = call_on(conn, "chat", f"c{stream}", stream)
        assert call.is_answered and (call.target, call.n_attempts) == ("good", 2), call.body
    conn.close()


def test_one_breaks_its_streams(stage):
    """After the first event nothing can be replaced: the client gets an error, and no other target is asked. Whole
    replies are replaced."""

    def breaks(ex):
        (cut_at(-12) if ex.json()["stream"] else answer)(ex)

    bad, good = stage.target("bad", breaks), stage.target("good")
    crowd = stage.start(bad, good, breaker="off").run(N)
    broken = [c for c in crowd.calls if not c.is_answered]
    assert crowd.n_attempts == N == bad.n_asked + good.n_asked and stage.judge(crowd) == 0
    assert broken and all(c.stream and c.target == "bad" and c.status == 200 and b'"error"' in c.body for c in broken)
    assert len(broken) == sum(c.stream and c.target == "bad" for c in crowd.calls)


# --- all ---


def test_all_are_down(stage):
    """Each call gets an error, but not an attempt at each target: when the breakers are open, the error comes at
    once."""
    a, b = stage.target("a", error("500 Oops")), stage.target("b", hang_up)
    crowd = stage.start(a, b).run(N)
    assert crowd.n_errors == N and stage.judge(crowd) <= 2 * (BEFORE_OPEN + probes(crowd))
    assert a.n_asked + b.n_asked <= 2 * (BEFORE_OPEN + probes(crowd))
    assert {c.error for c in crowd.calls} <= {"provider_server_error", "provider_bad_response", "provider_overloaded"}
    at_once = [c for c in crowd.calls if c.error == "provider_overloaded"]
    assert len(at_once) >= N - 2 * (BEFORE_OPEN + probes(crowd))
    assert all(c.status == 503 and c.n_attempts == 0 and 1 <= int(c.retry_after) <= 2 for c in at_once), at_once[0].n_attempts


def test_all_come_back(stage):
    a, b = stage.target("a", error("500 Oops")), stage.target("b", error("500 Oops"))
    crowd = stage.start(a, b).run(N)
    assert crowd.n_errors == N and stage.state("a") == stage.state("b") == "open"
    a.act = b.act = answer
    back = time.monotonic()
    wait_for(lambda: crowd.run(1).calls[-1].is_answered, "a call is answered")
    assert time.monotonic() - back < 3  # open for 2 s
    wait_for(lambda: crowd.run(1) and stage.state("a") == stage.state("b") == "closed", "both look well")
    before, n = crowd.n_errors, len(crowd.calls)
    crowd.run(N)
    assert crowd.n_errors == before and stage.judge(crowd) >= 0
    assert sum(c.target == "a" for c in crowd.calls[n:]) in range(N // 2 - 2, N // 2 + 3)


# --- each byte ---


class Byte:
    def __init__(self, stream):
        self.stream = stream

    def json(self):
        return {"stream": self.stream}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("how", ["reset", "close"])
def test_a_reply_is_cut_at_each_byte(stage, stream, how):
    """A whole reply is replaced wherever it breaks. So is a stream until its first event was sent; after that it ends
    with an error."""
    bad, good = stage.target("bad"), stage.target("good")
    stage.start(bad, (good, {"tier": 1}), breaker="off", retries=0)
    conn, calls = Timed(stage.sluice.port), []

    def call(act):
        bad.act = act
        c, is_fine = call_on(conn, "chat", f"c{len(calls)}", stream)
        calls.append(c)
        return c

    size = 0

    def measured(ex):
        nonlocal size
        data = raw_of(ex, answer)
        size = len(data)
        ex.send(data)

    assert call(measured).target == "bad" and size > 100
    n_mended = 0
    for n in range(1, size):
        c = call(cut_at(n, how=how))
        if c.target == "good":
            assert c.is_answered and c.n_attempts == 2, (n, c.status, c.body)
            n_mended += 1
        else:
            assert stream and c.status == 200 and c.n_attempts == 1, (n, c.status, c.body)
            assert c.is_answered or b'"error"' in c.body, (n, c.body)
    assert judge(calls, stage.targets) == n_mended
    assert n_mended > 150 if stream else n_mended == size - 1
    # When a used connection dies without a byte, its peer may have closed it before the call came: a new one is tried.
    assert call(measured).is_answered
    n = bad.n_asked
    assert call(cut_at(0, how=how)).target == "good" and calls[-1].is_answered and calls[-1].n_attempts == 2 and bad.n_asked - n <= 2
    conn.close()

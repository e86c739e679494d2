# SPDX-License-Identifier: Apache-2.0
"""Limits of tokens, concurrent calls and sessions: what a call reserves, what it settles, who is refused and how."""
import json
import re
import signal
import threading

import pytest

from harness import CHAT, CHAT_REPLY, DEADLINE, PATHS, Sluice, chat_route, free_port, wait_for
from lab import DONE, chunk_of, event_of
from upstream import Upstream

MILLION = 1000000
USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


class World:
    """A route `chat` with these limits, and its upstream, which answers as the last handler says."""

    def __init__(self, directory, limits, args=(), config=None, model="gpt-4o-mini"):
        self.up = Upstream(None)
        route = chat_route(self.up.base) | {"limits": limits}
        route["model"]["name"] = model
        self.daemon = Sluice(directory, {"endpoints": [route], **(config or {})}, args=args)

    def call(self, handler=None, path="/v1/chat/completions", body=None, headers=(), **more):
        self.up.handler = handler or (lambda x: x.reply(CHAT_REPLY))
        return self.daemon.call("POST", path, {**(body or CHAT), **more}, headers)

    def ratio(self):
        """How much of its cap the fullest counter has used: exact for a cap of a million."""
        found = re.search(rb'^sluice_limit_used_ratio\{route="chat"\} (\S+)$', self.daemon.call("GET", "/metrics").body, re.M)
        return round(float(found[1]) * MILLION) if found else 0

    def becomes(self, used):
        wait_for(lambda: self.ratio() == used, f"{used} tokens are booked, not {self.ratio()}")

    def close(self):
        self.daemon.stop()
        self.up.close()


@pytest.fixture
def world(tmp_path):
    made = []

    def make(limits, **more):
        made.append(World(tmp_path / f"w{len(made)}", limits, **more))
        return made[-1]

    yield make
    for w in made:
        w.close()


def numbers(reply, sort="tokens"):
    return tuple(reply.get(f"x-ratelimit-{n}-{sort}") for n in ("limit", "remaining", "reset"))


def tokens(cap=MILLION, per="day", **more):
    return [{"tokens": cap, "per": per, **more}]


def test_a_call_reserves_and_settles_what_the_upstream_says(world):
    w = world(tokens())
    r = w.call()
    limit, left, reset = numbers(r)
    reserved = MILLION - int(left)
    assert (r.status, limit) == (200, str(MILLION)) and reset.startswith("2")
    assert 4096 < reserved < 4096 + 60  # an answer's most, and a token for four bytes
    assert w.ratio() == 12
    left = int(numbers(w.call(max_tokens=10))[1])
    assert 10 < MILLION - 12 - left < 10 + 60  # an answer of its own most
    assert w.ratio() == 24
    assert numbers(w.call())[0] == str(MILLION) and numbers(w.call(), "requests") == (None, None, None)


@pytest.mark.parametrize("path", PATHS)
def test_each_dialect_settles(world, path):
    w = world(tokens())
    answer = {"id": "resp_1", "object": "response", "created_at": 1700000000, "status": "completed", "model": "m", "usage": {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12},
              "output": [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": "hi", "annotations": []}]}]}
    assert w.call(lambda x: x.reply(answer if x.path.endswith("/responses") else CHAT_REPLY), path=path, body=PATHS[path]).status == 200
    assert w.ratio() == 12


def streamed(*events):
    def handler(x):
        x.stream_head()
        for e in events:
            x.chunk(event_of(e))
        x.chunk(DONE)
        x.last_chunk()
    return handler


@pytest.mark.parametrize("path, body", [("/v1/chat/completions", {**CHAT, "stream": True}), ("/gateway/chat/invocations", {"messages": CHAT["messages"], "stream": True}),
                                        ("/v1/messages", {**CHAT, "max_tokens": 9, "stream": True})])
def test_streams_settle_by_their_usage(world, path, body):
    w = world(tokens())
    said = {**chunk_of("hi", "stop"), "usage": None}, {**chunk_of(), "choices": [], "usage": USAGE}
    assert w.call(streamed(*said), path=path, body=body).status == 200
    assert w.ratio() == 12


def test_what_is_not_reported_is_booked_as_it_was_reserved(world):
    w = world(tokens())
    bare = json.loads(CHAT_REPLY)
    del bare["usage"]
    r = w.call(lambda x: x.reply(bare), max_tokens=100)
    assert r.status == 200 and w.ratio() == MILLION - int(numbers(r)[1])


@pytest.mark.parametrize("status", ["500 Internal Server Error", "400 Bad Request", "401 Unauthorized", "429 Too Many Requests"])
def test_errors_of_the_upstream_cost_no_tokens(world, status):
    w = world(tokens())
    assert w.call(lambda x: x.reply({"error": {"message": "no"}}, status=status)).status >= 400
    assert w.ratio() == 0


def test_an_upstream_that_is_not_there_costs_none(world, tmp_path):
    daemon = Sluice(tmp_path / "d", {"endpoints": [chat_route(f"http://127.0.0.1:{free_port()}/v1") | {"limits": tokens()}]})
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 502
    assert b'sluice_limit_used_ratio{route="chat"}' not in daemon.call("GET", "/metrics").body
    daemon.stop()


def test_a_client_that_leaves_pays_for_what_came(world):
    w = world(tokens())
    sent = threading.Event()

    def handler(x):
        x.stream_head()
        for _ in range(5):
            x.event(chunk_of("word "))
        sent.set()
        x.hold()

    w.up.handler = handler
    conn = w.daemon.connect().request("POST", "/v1/chat/completions", {**CHAT, "stream": True})
    conn.until(b"word ")
    assert sent.wait(DEADLINE)
    head = w.ratio()
    assert head > 4096  # it runs: reserved
    conn.until(b"word ")
    conn.close()
    wait_for(lambda: 6 < w.ratio() < 100, "input and the events that came are booked")


@pytest.mark.parametrize("path, body", [("/v1/chat/completions", {**CHAT, "max_tokens": 4}), ("/v1/messages", {**CHAT, "max_tokens": 4}), ("/v1beta/models/chat:streamGenerateContent", {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"maxOutputTokens": 4}})])
def test_a_broken_stream_is_booked_whole(world, path, body):
    """Each event counts, translated or not, also beyond what was reserved."""
    w = world(tokens())

    def handler(x):
        x.stream_head()
        for _ in range(200):
            x.event(chunk_of("word "))
        x.close()  # in the middle

    w.up.handler = handler
    w.call(handler, path=path, body=body if "contents" in body else {**body, "stream": True})
    wait_for(lambda: 200 <= w.ratio() < 300, "input and two hundred events are booked")


def test_a_client_that_leaves_before_the_answer_pays_for_its_input(world):
    w = world(tokens())
    asked = threading.Event()

    def handler(x):
        asked.set()
        x.hold()

    w.up.handler = handler
    conn = w.daemon.connect().request("POST", "/v1/chat/completions", CHAT)
    assert asked.wait(DEADLINE)
    conn.close()
    wait_for(lambda: 6 < w.ratio() < 60, "only the input is booked")


def test_a_stream_that_breaks_is_settled_by_what_came(world):
    w = world(tokens())

    def handler(x):
        x.stream_head()
        x.event(chunk_of("word "))
        x.reset()

    w.call(handler, stream=True)
    wait_for(lambda: 6 < w.ratio() < 100, "input and one event are booked")


def refused(w, path, body, headers=()):
    r = w.call(path=path, body=body, headers=headers)
    assert (r.status, r.get("x-sluice-error-type")) == (429, "policy_rate_limited"), r.body
    return r


def test_the_words_of_a_refusal(world):
    w = world(tokens(100))
    r = refused(w, "/gateway/chat/invocations", {"messages": CHAT["messages"]})
    assert r.json() == {"error": "Rate limit exceeded: 100 tokens per 1 day"}
    assert (numbers(r), r.get("x-should-retry"), r.get("retry-after")) == (("100", "100", "0s"), "false", None)  # no wait helps
    error = refused(w, "/v1/chat/completions", CHAT).json()["error"]
    assert error["code"] == "rate_limit_exceeded" and error["limit"] == {"owner": "route", "name": "chat", "kind": "tokens", "cap": 100, "used": 0, "reset": 0}
    assert re.fullmatch(r"Rate limit reached for the route 'chat': 100 tokens per 1 day\. This call alone may need 41\d\d tokens\.", error["message"])
    r = refused(w, "/serving-endpoints/chat/invocations", {"messages": CHAT["messages"]})
    assert r.json() == {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Rate limit exceeded: 100 tokens per 1 day"}
    r = refused(w, "/v1/messages", {**CHAT, "max_tokens": 200})
    assert r.json()["error"]["type"] == "rate_limit_error" and "100 tokens per 1 day" in r.json()["error"]["message"]
    r = refused(w, "/v1beta/models/chat:generateContent", {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"maxOutputTokens": 300}})
    assert "may need 3" in r.json()["error"]["message"]
    r = refused(w, "/model/chat/converse", {"messages": [{"role": "user", "content": [{"text": "x"}]}], "inferenceConfig": {"maxTokens": 300}})
    assert "may need 3" in r.json()["message"]
    assert "may need 3" in refused(w, "/v1/responses", {"model": "chat", "input": "x", "max_output_tokens": 300}).json()["error"]["message"]
    assert len(w.up.requests) == 0
    assert w.call(max_tokens=10).status == 200  # a small one passes


def test_used_up_tokens_name_the_wait(world):
    w = world(tokens(5000, "minute"))
    big = json.loads(CHAT_REPLY)
    big["usage"] = {"prompt_tokens": 900, "completion_tokens": 4000, "total_tokens": 4900}
    assert w.call(lambda x: x.reply(big)).status == 200
    r = refused(w, "/v1/chat/completions", CHAT)
    assert numbers(r)[:2] == ("5000", "100") and 0 < int(r.get("retry-after")) <= 60
    assert re.search(r"5000 tokens per 1 minute\. Try again in (1m)?\d+s\.", r.json()["error"]["message"])
    assert r.json()["error"]["limit"]["used"] == 4900


def test_input_and_output_apart(world):
    w = world([{"input_tokens": 15, "per": "hour"}, {"output_tokens": 4100, "per": "hour"}, {"requests": 100, "per": "hour"}])
    assert refused(w, "/v1/chat/completions", CHAT).json()["error"]["limit"]["kind"] == "input_tokens"
    w = world([{"input_tokens": 100, "per": "hour"}, {"output_tokens": 4097, "per": "hour"}])
    assert w.call().status == 200  # books 3 of output
    assert refused(w, "/v1/chat/completions", CHAT).json()["error"]["limit"]["kind"] == "output_tokens"
    assert w.call(max_tokens=4094).status == 200


def test_many_choices_reserve_many_answers(world):
    w = world(tokens(10000))
    assert refused(w, "/v1/chat/completions", {**CHAT, "n": 3}).json()["error"]["limit"]["kind"] == "tokens"
    assert w.call(n=2).status == 200


def test_reserve_output_is_a_setting(world):
    w = world(tokens(100), config={"limits": {"reserve": {"output": 50}}})
    assert w.call(max_tokens=100000).status == 200


def held(w, n, path="/v1/chat/completions", body=None):
    """This many calls that run; their connections, and what lets them go."""
    go, running = threading.Event(), threading.Semaphore(0)

    def handler(x):
        running.release()
        go.wait(DEADLINE)
        x.reply(CHAT_REPLY)

    w.up.handler = handler
    conns = [w.daemon.connect().request("POST", path, body or CHAT) for _ in range(n)]
    for _ in conns:
        assert running.acquire(timeout=DEADLINE)
    return conns, go


def test_so_many_at_a_time(world):
    w = world([{"concurrent": 3}], args=["--workers", "4"])
    conns, go = held(w, 3)
    for path, text in (("/v1/chat/completions", "3 calls at a time. Try again in 1s."), ("/gateway/chat/invocations", "Rate limit exceeded: 3 calls at a time")):
        r = w.daemon.call("POST", path, PATHS[path])
        assert (r.status, r.get("retry-after"), r.get("x-sluice-error-type")) == (429, "1", "policy_rate_limited") and text in r.body.decode()
    go.set()
    assert [c.reply().status for c in conns] == [200] * 3
    for _ in range(20):  # a client that has its reply finds its place free
        conns, go = held(w, 3)
        go.set()
        assert [c.reply().status for c in conns] == [200] * 3


def test_a_place_is_free_when_its_client_has_left(world):
    w = world([{"concurrent": 1}])
    conns, go = held(w, 1)
    conns[0].reset()
    wait_for(lambda: w.call().status == 200, "the place is free")
    go.set()
    assert w.daemon.connect().request("POST", "/v1/chat/completions", CHAT).reply().status == 200


KEYS = [{"name": n, "principal": p, "role": "query", "key": "sk-sluice-" + n * 43} for n, p in (("a", "ann"), ("b", "ann"), ("c", "cid"))]
AUTH = {"auth": {"admin_key": "sk-sluice-" + "x" * 43, "keys": KEYS}}


def as_key(name, *more):
    return [("Authorization", "Bearer sk-sluice-" + name * 43), *more]


def test_each_principal_has_its_own(world):
    w = world([{"requests": 2, "per": "hour", "each": "principal"}, {"requests": 5, "per": "hour"}], config=AUTH)
    assert [w.call(headers=as_key(n)).status for n in "abac"] == [200, 200, 429, 200]


def test_a_session_is_stopped(world):
    w = world([{"session": {"calls": 2, "tokens": 5000}}], config=AUTH)

    def call(key, *session):
        return w.call(headers=as_key(key, *(("x-sluice-session", s) for s in session)))

    assert [call("a", "one").status for _ in range(3)] == [200, 200, 429]
    r = call("a", "one")
    assert r.json()["error"]["message"] == "Rate limit reached for the route 'chat': 2 calls per session. Begin another session."
    assert (r.get("x-should-retry"), r.get("retry-after")) == ("false", None)
    assert call("a", "two").status == 200 and call("b", "one").status == 200  # of another name, of another key
    assert [call("c").status for _ in range(3)] == [200, 200, 429]  # without a name: one session a key


def test_set_limits_and_get_limits_are_about_requests(world):
    w = world([{"tokens": 5000, "per": "day"}, {"requests": 7, "per": "hour"}, {"concurrent": 3}])
    assert w.daemon.call("GET", "/api/2.0/gateway/limits/chat").json() == {"limits": [{"calls": 7, "key": "route", "renewal_period": "hour"}]}
    route = w.daemon.call("GET", "/api/2.0/gateway/routes/chat").json()
    assert route["limit"] == {"calls": 7, "key": "route", "renewal_period": "hour"}
    own = w.daemon.call("GET", "/api/sluice/v1/routes/chat").json()["limits"]
    assert own == [{"tokens": 5000, "per": "day"}, {"calls": 7, "key": "route", "renewal_period": "hour"}, {"concurrent": 3}]


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_counts_of_days_survive(tmp_path, sig):
    up = Upstream(lambda x: x.reply(CHAT_REPLY))
    config = {"endpoints": [chat_route(up.base) | {"limits": [*tokens(), *tokens(per="month", zone="Europe/Berlin"), {"session": {"calls": 3}}]}]}
    args = ["--data", str(tmp_path / "data")]
    daemon = Sluice(tmp_path / "a", config, args=args)
    for _ in range(3):
        assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200
    if sig == signal.SIGKILL:
        import sqlite3

        def written():
            with sqlite3.connect(f"file:{tmp_path}/data/sluice.db?mode=ro", uri=True) as db:
                return db.execute("SELECT kind, zone, used FROM counters ORDER BY kind, zone").fetchall()

        wait_for(lambda: written() == [("requests", "", 3), ("tokens", "", 36), ("tokens", "Europe/Berlin", 36)], "the counts are written")
    daemon.stop(sig, check=sig != signal.SIGKILL)
    daemon = Sluice(tmp_path / "b", config, args=args)
    r = daemon.call("POST", "/v1/chat/completions", CHAT)
    assert r.status == 429 and r.json()["error"]["limit"] == {"owner": "route", "name": "chat", "kind": "requests", "cap": 3, "used": 3, "reset": 0}
    assert int(numbers(r)[1]) == MILLION - 36
    daemon.stop()
    up.close()


# --- money ---

PRICES = {"prices": {"models": {"openai/gpt-4o-mini": {"input_cost_per_token": 1e-4, "output_cost_per_token": 2e-4}}}}
COST = 9 * 1e-4 + 3 * 2e-4  # of CHAT_REPLY


def test_money_is_reserved_and_settled(world):
    w = world([{"money": 1, "per": "month", "zone": "Europe/Berlin"}], config=PRICES)
    r = w.call(max_tokens=1000)
    left = float(r.get("x-sluice-budget-remaining"))
    assert r.status == 200 and 0.79 < left < 0.8  # a thousand tokens of the answer, and a few of input
    assert float(r.get("x-sluice-cost")) == pytest.approx(COST)
    assert w.ratio() == round(COST * MILLION)
    assert float(w.call(max_tokens=1000).get("x-sluice-budget-remaining")) == pytest.approx(left - COST)
    said = {**chunk_of("hi", "stop"), "usage": None}, {**chunk_of(), "choices": [], "usage": USAGE}
    assert w.call(streamed(*said), stream=True).status == 200
    assert w.ratio() == round(3 * COST * MILLION)
    assert w.call(lambda x: x.reply({"error": {"message": "no"}}, status="500 Oops")).status >= 400
    assert w.ratio() == round(3 * COST * MILLION)


def over_budget(r):
    assert (r.status, r.get("x-sluice-error-type"), r.get("x-should-retry")) == (429, "policy_budget_exceeded", "false"), r.body
    return r


def test_the_words_of_a_used_up_budget(world):
    w = world([{"money": 0.005, "per": "month"}], config=PRICES)
    dear = json.loads(CHAT_REPLY) | {"usage": {"prompt_tokens": 40, "completion_tokens": 5, "total_tokens": 45}}
    assert w.call(lambda x: x.reply(dear), max_tokens=1).status == 200 and w.ratio() == MILLION
    r = over_budget(w.call(path="/gateway/chat/invocations", body={"messages": CHAT["messages"], "max_tokens": 1}))
    assert r.json() == {"error": "Budget exceeded: $0.005 per 1 month"} and r.get("x-sluice-budget-remaining") == "0"
    error = over_budget(w.call(max_tokens=1)).json()["error"]
    assert (error["code"], error["type"]) == ("insufficient_quota", "insufficient_quota")
    assert re.fullmatch(r"Budget exceeded for the route 'chat': \$0\.005 per 1 month\. Try again in \d+h\d+m\d+s\.", error["message"])
    assert error["limit"]["cap"] == error["limit"]["used"] == 0.005 and error["limit"]["kind"] == "money"
    assert over_budget(w.call(path="/v1/messages", body={**CHAT, "max_tokens": 1})).json()["error"]["type"] == "rate_limit_error"
    assert len(w.up.requests) == 1


def test_what_a_cut_stream_cost_is_estimated(world):
    w = world([{"money": 1, "per": "day"}], config=PRICES)

    def handler(x):
        x.stream_head()
        for _ in range(10):
            x.event(chunk_of("word "))
        x.reset()

    w.call(handler, stream=True, max_tokens=100)
    wait_for(lambda: 2000 < w.ratio() < 10000, "input and ten events are booked")


@pytest.mark.parametrize("unknown", ["allow", "refuse"])
def test_a_price_that_nobody_knows(world, unknown):
    w = world([{"money": 1, "per": "day"}], config={"prices": {"unknown": unknown}}, model="nobody-knows")
    r = w.call()
    if unknown == "allow":
        assert r.status == 200 and w.ratio() == 0
    else:
        assert "nobody knows what a call of the route 'chat' costs" in over_budget(r).json()["error"]["message"]


def test_nobody_knows_what_a_raw_call_costs(world):
    """Its client names the model. With `allow` it costs at least what the route's own model would."""
    path = "/gateway/proxy/chat/v1/chat/completions"
    w = world([{"money": 1, "per": "day"}], config={"prices": {**PRICES["prices"], "unknown": "refuse"}})
    assert w.call().status == 200
    r = w.call(path=path, body={**CHAT, "model": "dearest"})
    assert r.status == 429 and b"nobody knows what" in r.body
    w = world([{"money": 1, "per": "day"}], config=PRICES)
    r = w.call(path=path, body={**CHAT, "model": "dearest"})
    assert r.status == 200 and w.ratio() > 0, r.body


def test_a_session_has_a_budget(world):
    w = world([{"session": {"money": 0.003}}], config=PRICES)
    assert [w.call(max_tokens=1).status for _ in range(2)] == [200, 429]

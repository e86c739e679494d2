# SPDX-License-Identifier: Apache-2.0
"""What providers bill although nobody got a whole answer: attempts that another one followed or beat, and calls that end
early. It is booked for the target that used it, and what the upstream did not say is marked as an estimate."""
import csv
import io

import pytest

from harness import CHAT, CHAT_REPLY, wait_for
from lab import chunk_of, event_of
from test_traffic import model

ADMIN = "sk-sluice-" + "x" * 43
AUTH = [("authorization", "Bearer " + ADMIN)]
IN, OUT = 1000, 4000  # nano-dollars for a token
PRICES = {"models": {f"openai/{name}": {"input_cost_per_token": IN * 1e-9, "output_cost_per_token": OUT * 1e-9} for name in ("a", "b")}}
SAID = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
BODY = {**CHAT, "messages": [{"role": "user", "content": "x" * 4000}], "max_tokens": 50}
LOW, HIGH = 900, 1200  # tokens of that, as they are estimated
NO_ANSWER = {"error": {"message": "busy", "type": "server_error", "code": 500}, "usage": SAID}


@pytest.fixture
def world(sluice, upstream, tmp_path):
    """A route with the targets a and b, in this order, and limits that let all pass."""

    def start(a, b=lambda ex: ex.reply(CHAT_REPLY), prices=PRICES, **sluice_conf):
        route = {"name": "chat", "endpoint_type": "llm/v1/chat",
                 "sluice": {"retries": 0, "balance": "ordered", "targets": [{"name": n, "model": model(upstream(h).base, name=n)} for n, h in (("a", a), ("b", b)) if h], **sluice_conf},
                 "limits": [{"tokens": 10**12, "per": "day"}, {"money": 10**6, "per": "day"}]}
        conf = {"auth": {"admin_key": ADMIN}, "endpoints": [route], "prices": prices}
        return sluice(conf, args=["--data", str(tmp_path / "data")])

    return start


def usage(daemon, by="target"):
    reply = daemon.call("GET", f"/api/sluice/v1/usage?by={by}", headers=AUTH)
    assert reply.status == 200, reply.body
    return {row[by]: row for row in reply.json()["usage"]}


def row_of(daemon, n=1):
    """The newest of n rows of the request log."""
    return wait_for(lambda: len(rows := daemon.call("GET", "/api/sluice/v1/requests", headers=AUTH).json()["requests"]) == n and rows[0], "the row")


def counted(daemon):
    counts = daemon.call("GET", "/api/sluice/v1/routes/chat/limits", headers=AUTH).json()["counts"]
    return {c["kind"]: c["used"] for c in counts}


def cost(tokens_in, tokens_out):
    return (tokens_in * IN + tokens_out * OUT) / 1e9


def agree(daemon, rows):
    """Limits, metrics and the ledger say the same."""
    assert counted(daemon) == {"tokens": sum(r["input_tokens"] + r["output_tokens"] for r in rows.values()), "money": pytest.approx(sum(r["cost"] for r in rows.values()))}
    text = daemon.call("GET", "/metrics", headers=AUTH).body.decode()
    told = sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("sluice_cost_usd_total{"))
    assert told == pytest.approx(sum(r["cost"] for r in rows.values()))


def test_an_attempt_that_said_what_it_used(world):
    """A reply without an answer is replaced, but what it says of its usage is billed, to the token."""
    daemon = world(lambda ex: ex.reply(NO_ANSWER))
    assert daemon.call("POST", "/v1/chat/completions", BODY, AUTH).status == 200
    rows = usage(daemon)
    a, b = rows["a"], rows["b"]
    assert (a["requests"], a["errors"], a["lost_attempts"], a["estimated"], a["input_tokens"], a["output_tokens"]) == (0, 0, 1, 0, 100, 7)
    assert a["cost"] == a["lost_cost"] == cost(100, 7) and a["unpriced"] == a["unmetered"] == 0
    assert (b["requests"], b["lost_attempts"], b["lost_cost"], b["input_tokens"], b["output_tokens"]) == (1, 0, 0, 9, 3)
    agree(daemon, rows)
    first, second = row_of(daemon)["attempts"]
    assert (first["target"], first["input_tokens"], first["output_tokens"], first["cost"]) == ("a", 100, 7, cost(100, 7)) and "estimated" not in first
    assert "input_tokens" not in second and row_of(daemon)["input_tokens"] == 9
    reply = daemon.call("GET", "/api/sluice/v1/usage?by=target", headers=[*AUTH, ("accept", "text/csv")])
    table = list(csv.DictReader(io.StringIO(reply.body.decode())))
    assert [(r["target"], r["lost_attempts"], r["lost_cost"]) for r in table] == [("a", "1", "0.000128"), ("b", "0", "0")]
    assert sum(r["requests"] for r in usage(daemon, "route").values()) == 1


def test_an_attempt_that_breaks(world):
    """A reply that breaks was made, and is billed: nobody said how much, so it is an estimate."""

    def torn(ex):
        ex.send(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"id": "c", "object": "chat.completion", "choices": [')
        ex.close()

    daemon = world(torn)
    assert daemon.call("POST", "/v1/chat/completions", BODY, AUTH).status == 200
    rows = usage(daemon)
    a = rows["a"]
    assert (a["requests"], a["lost_attempts"], a["estimated"], a["output_tokens"]) == (0, 1, 1, 0) and LOW < a["input_tokens"] < HIGH
    assert a["cost"] == a["lost_cost"] == cost(a["input_tokens"], 0)
    agree(daemon, rows)
    first = row_of(daemon)["attempts"][0]
    assert first["estimated"] is True and first["input_tokens"] == a["input_tokens"] and first["cost"] == a["cost"]


def test_errors_cost_nothing(world):
    daemon = world(lambda ex: ex.reply({"error": {"message": "no"}}, "500 Oops"))
    assert daemon.call("POST", "/v1/chat/completions", BODY, AUTH).status == 200
    rows = usage(daemon)
    assert list(rows) == ["b"] and rows["b"]["lost_attempts"] == 0
    agree(daemon, rows)


def test_an_error_that_says_what_was_used(world):
    daemon = world(lambda ex: ex.reply({"error": {"message": "no"}, "usage": SAID}, "500 Oops"))
    assert daemon.call("POST", "/v1/chat/completions", BODY, AUTH).status == 200
    assert usage(daemon)["a"]["cost"] == cost(100, 7)


def test_a_beaten_attempt(world):
    daemon = world(lambda ex: ex.hold(), hedge={"after": "20ms", "at_most": "100%"})
    assert daemon.call("POST", "/v1/chat/completions", BODY, AUTH).status == 200
    rows = usage(daemon)
    a, b = rows["a"], rows["b"]
    assert (a["requests"], a["lost_attempts"], a["estimated"], a["output_tokens"]) == (0, 1, 1, 0) and LOW < a["input_tokens"] < HIGH
    assert a["cost"] == cost(a["input_tokens"], 0) and (b["requests"], b["lost_attempts"]) == (1, 0)
    agree(daemon, rows)
    first, second = row_of(daemon)["attempts"]
    assert first["beaten"] is True and first["estimated"] is True and first["input_tokens"] == a["input_tokens"] and "cost" not in second


def test_a_hedge_that_is_beaten(world):
    """The first attempt answers while the second one still works; so it does when the client leaves both."""
    asked = []

    def slow(ex):
        wait_for(lambda: asked, "the hedge")
        ex.reply(CHAT_REPLY)

    def hedge(ex):
        asked.append(1)
        ex.hold()

    daemon = world(slow, hedge, hedge={"after": "20ms", "at_most": "100%"})
    assert daemon.call("POST", "/v1/chat/completions", BODY, AUTH).status == 200
    rows = usage(daemon)
    assert (rows["a"]["requests"], rows["a"]["lost_attempts"], rows["b"]["requests"], rows["b"]["lost_attempts"], rows["b"]["estimated"]) == (1, 0, 0, 1, 1)
    agree(daemon, rows)


def test_both_are_left(world):
    asked = []

    def hold(ex):
        asked.append(1)
        ex.hold()

    daemon = world(hold, hold, hedge={"after": "20ms", "at_most": "100%"})
    conn = daemon.connect().request("POST", "/v1/chat/completions", BODY, AUTH)
    wait_for(lambda: len(asked) == 2, "both attempts")
    conn.close()
    row_of(daemon)
    rows = usage(daemon)
    # The call counts for the target that was asked last in the books: its first one.
    assert sum(r["requests"] for r in rows.values()) == 1 and sum(r["lost_attempts"] for r in rows.values()) == 1
    assert all(LOW < r["input_tokens"] < HIGH and r["estimated"] == 1 for r in rows.values()) and len(rows) == 2
    agree(daemon, rows)


@pytest.mark.parametrize("single", [True, False], ids=["one", "two"])
def test_a_stream_that_is_left(world, single):
    """The provider bills what it made until then: a token for each event."""

    def endless(ex):
        ex.stream_head()
        for _ in range(5):
            ex.event(chunk_of("word "))
        ex.hold()

    daemon = world(endless, None if single else (lambda ex: ex.reply(CHAT_REPLY)))
    conn = daemon.connect().request("POST", "/v1/chat/completions", {**BODY, "stream": True}, AUTH)
    for _ in range(5):
        conn.until(b"word ")
    conn.close()
    row = row_of(daemon)
    a = usage(daemon)["a"]
    assert (a["requests"], a["errors"], a["lost_attempts"], a["estimated"], a["output_tokens"]) == (1, 1, 0, 1, 5) and LOW < a["input_tokens"] < HIGH
    assert a["cost"] == cost(a["input_tokens"], 5) and a["lost_cost"] == 0
    agree(daemon, {"a": a})
    assert (row["input_tokens"], row["output_tokens"], row["cost"]) == (a["input_tokens"], 5, a["cost"])
    assert [(t["target"], t["estimated"], t["cost"]) for t in row["attempts"]] == [("a", True, a["cost"])]
    line = daemon.log_line(row["request_id"])
    assert line["estimated"] is True and line["cost"] == a["cost"]


def test_a_stream_that_breaks(world):
    """What the upstream said of its input stands; its output is counted by events."""

    def torn(ex):
        ex.stream_head()
        ex.chunk(event_of({**chunk_of("word "), "usage": {"prompt_tokens": 77, "completion_tokens": 1, "total_tokens": 78}}))
        for _ in range(3):
            ex.event(chunk_of("word "))
        ex.close()

    daemon = world(torn, None)
    conn = daemon.connect().request("POST", "/v1/chat/completions", {**BODY, "stream": True}, AUTH)
    conn.reply()
    a = usage(daemon)["a"]
    assert (a["requests"], a["errors"], a["estimated"], a["input_tokens"], a["output_tokens"]) == (1, 1, 1, 77, 4)
    assert a["cost"] == cost(77, 4)
    agree(daemon, {"a": a})


def test_a_whole_answer_is_no_estimate(world):
    daemon = world(lambda ex: ex.reply(CHAT_REPLY))
    for _ in range(3):
        assert daemon.call("POST", "/v1/chat/completions", BODY, AUTH).status == 200
    a = usage(daemon)["a"]
    assert (a["requests"], a["estimated"], a["lost_attempts"], a["input_tokens"], a["output_tokens"]) == (3, 0, 0, 27, 9)
    assert all("attempts" not in r or not r["attempts"] for r in daemon.call("GET", "/api/sluice/v1/requests", headers=AUTH).json()["requests"])


def test_lost_attempts_are_priced_anew(world, tmp_path):
    """Without a price they are unpriced; with one later they have their cost, apart from those of the calls."""
    daemon = world(lambda ex: ex.reply(NO_ANSWER), prices={"models": {}})
    assert daemon.call("POST", "/v1/chat/completions", BODY, AUTH).status == 200
    a = usage(daemon)["a"]
    assert (a["cost"], a["lost_cost"], a["unpriced"]) == (None, 0, 1)
    daemon.stop()
    daemon.stopped = True
    daemon = world(lambda ex: ex.reply(NO_ANSWER))
    r = daemon.call("POST", "/api/sluice/v1/usage/reprice", {}, AUTH)
    assert r.status == 200, r.body
    rows = usage(daemon)
    assert (rows["a"]["cost"], rows["a"]["lost_cost"], rows["a"]["unpriced"]) == (cost(100, 7), cost(100, 7), 0)
    assert (rows["b"]["cost"], rows["b"]["lost_cost"]) == (cost(9, 3), 0)
    again = daemon.call("POST", "/api/sluice/v1/usage/reprice", {}, AUTH).json()
    assert again["changed"] == 0

# SPDX-License-Identifier: Apache-2.0
"""The books of limits against the upstream's own record: many calls at once, whole and streamed, that fail, are refused or leave."""
import json
import random
import sqlite3
import threading

import pytest

from harness import CHAT, Sluice, chat_route, wait_for
from lab import DONE, chunk_of, event_of
from upstream import Upstream

KEYS = [{"name": n, "principal": n, "role": "query", "key": "sk-sluice-" + n * 43} for n in "abcdefgh"]
PRICES = {"models": {"openai/gpt-4o-mini": {"input_cost_per_token": 1e-6, "output_cost_per_token": 4e-6}}}
N_THREADS, N_EACH = 24, 50


class Record:
    """What the upstream has seen: who called, what it told of each call, and how many ran at one time."""

    def __init__(self):
        self.lock = threading.Lock()
        self.running = self.most = self.n = 0
        self.told = {}

    def begin(self):
        with self.lock:
            self.n += 1
            self.running += 1
            self.most = max(self.most, self.running)

    def tell(self, who, usage):
        with self.lock:
            kept = self.told.setdefault(who, [0, 0])
            kept[0] += usage["prompt_tokens"]
            kept[1] += usage["completion_tokens"]

    def end(self):
        with self.lock:
            self.running -= 1


def upstream_of(record):
    def handler(x):
        call = x.json()
        who, kind = call["messages"][0]["content"].split(" ")[:2]
        usage = {"prompt_tokens": random.randrange(1, 900), "completion_tokens": random.randrange(1, 3000)}
        usage["total_tokens"] = sum(usage.values())
        record.begin()
        if kind == "fail":
            record.end()
            x.reply({"error": {"message": "no"}}, status=random.choice(["500 Oops", "400 Bad", "429 Slow"]))
            return
        record.tell(who, usage)
        if kind == "whole":
            record.end()
            x.reply({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage,
                     "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}]})
            return
        x.stream_head()
        x.event(chunk_of("word "))
        x.chunk(event_of({**chunk_of(), "choices": [], "usage": usage}))
        if kind == "leave":
            x.hold()  # who leaves has said so: record.end
        else:
            record.end()
            x.chunk(DONE)
            x.last_chunk()

    return handler


def run(daemon, who, kind, refused, on_leave):
    conn = daemon.connect()
    body = {**CHAT, "messages": [{"role": "user", "content": f"{who} {kind}"}], "max_tokens": random.choice([1, 50, 900])}
    if kind in ("stream", "leave"):
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    conn.request("POST", "/v1/chat/completions", body, [("authorization", "Bearer sk-sluice-" + who * 43)])
    if kind == "leave":
        try:
            if b" 429 " in conn.until(b"\r\n").split(b"\n")[0]:
                refused.append(who)
            else:
                conn.until(b"total_tokens")
                on_leave()  # from now on its place may be another one's, before the upstream has seen it
        finally:
            conn.reset()
        return
    if conn.reply().status == 429 and kind != "fail":
        refused.append(who)
    conn.close()


def books(data):
    with sqlite3.connect(f"file:{data}/sluice.db?mode=ro", uri=True) as db:
        return {(kind, who): used for kind, who, used in db.execute("SELECT kind, who, used FROM counters")}


def many(daemon, kinds=("whole", "whole", "stream", "stream", "fail", "leave"), n_each=N_EACH, on_leave=lambda: None):
    refused, failed = [], []
    gate = threading.Barrier(N_THREADS)

    def calls(seed):
        rng = random.Random(seed)
        gate.wait(30)
        for _ in range(n_each):
            try:
                run(daemon, rng.choice("abcdefgh"), rng.choice(kinds), refused, on_leave)
            except Exception as e:
                failed.append(repr(e))

    threads = [threading.Thread(target=calls, args=(i,)) for i in range(N_THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(240)
    assert not failed, failed[:3]
    return refused


def world(tmp_path, limits):
    record = Record()
    up = Upstream(upstream_of(record))
    daemon = Sluice(tmp_path / "d", {"endpoints": [chat_route(up.base, retries=0) | {"limits": limits}], "prices": PRICES,
                                     "auth": {"admin_key": "sk-sluice-" + "x" * 43, "keys": KEYS}},
                    args=["--data", str(tmp_path / "data"), "--workers", "4"])
    return record, up, daemon


@pytest.mark.timeout(300)
def test_the_books_are_those_of_the_upstream(tmp_path):
    huge = 10**15
    record, up, daemon = world(tmp_path, [{"requests": huge, "per": "day"}, {"tokens": huge, "per": "day"}, {"money": 10**9, "per": "day"}, {"concurrent": 1000},
                                          {"tokens": huge, "per": "day", "each": "principal"}, {"output_tokens": huge, "per": "month", "zone": "Europe/Berlin", "each": "principal"}])
    assert not many(daemon, on_leave=record.end)
    daemon.stop()
    up.close()
    kept = books(tmp_path / "data")
    assert kept["requests", ""] == record.n == N_THREADS * N_EACH
    assert kept["tokens", ""] == sum(i + o for i, o in record.told.values())
    assert kept["money", ""] == sum(1000 * i + 4000 * o for i, o in record.told.values())
    for who, (i, o) in record.told.items():
        assert (kept["tokens", who], kept["output_tokens", who]) == (i + o, o), who


AUTH = [("authorization", "Bearer sk-sluice-" + "x" * 43)]


class Bill:
    """What each of two upstreams has told of each attempt."""

    def __init__(self):
        self.lock = threading.Lock()
        self.told = {"a": [0, 0, 0], "b": [0, 0, 0]}  # attempts, input, output
        self.n_broken = 0

    def handler(self, name):
        def handle(x):
            kind = x.json()["messages"][0]["content"].split(" ")[1]
            usage = {"prompt_tokens": random.randrange(1, 900), "completion_tokens": random.randrange(10, 3000)}
            usage["total_tokens"] = sum(usage.values())
            if kind == "fail":
                x.reply({"error": {"message": "no"}}, status="400 Bad")
                return
            is_broken = kind == "broken" and name == "a"
            with self.lock:
                self.n_broken += is_broken
                self.told[name] = [v + more for v, more in zip(self.told[name], (1, usage["prompt_tokens"], usage["completion_tokens"]))]
            if kind in ("whole", "broken"):
                choice = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}]
                x.reply({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage, **({"error": {"message": "busy", "type": "server_error", "code": 500}} if is_broken else {"choices": choice})})
                return
            x.stream_head()
            x.event(chunk_of("word "))
            x.chunk(event_of({**chunk_of(), "choices": [], "usage": usage}))
            if kind == "leave":
                x.hold()
            else:
                x.chunk(DONE)
                x.last_chunk()

        return handle


def log_of(daemon):
    """All rows of the request log."""
    rows, cursor = [], ""
    while cursor is not None:
        page = daemon.call("GET", f"/api/sluice/v1/requests?limit=1000{cursor and '&cursor='}{cursor}", headers=AUTH).json()
        rows += page["requests"]
        cursor = page["next_cursor"]
    return rows


@pytest.mark.timeout(300)
def test_ledger_log_and_limits_are_the_upstreams_bill(tmp_path):
    """Thousands of calls on four workers, with streams, failures, attempts that break and callers that leave: tokens and
    money of usage, of the request log and of the limits are those of the bill, to the token."""
    bill, ups = Bill(), []
    for name in "ab":
        ups.append(Upstream(bill.handler(name)))
    targets = [{"name": n, "model": {"provider": "openai", "name": n, "config": {"openai_api_key": "k", "openai_api_base": up.base}}} for n, up in zip("ab", ups)]
    prices = {"models": {f"openai/{n}": PRICES["models"]["openai/gpt-4o-mini"] for n in "ab"}}
    route = {"name": "chat", "endpoint_type": "llm/v1/chat", "limits": [{"tokens": 10**15, "per": "day"}, {"money": 10**9, "per": "day", "each": "principal"}],
             "sluice": {"retries": 0, "balance": "ordered", "breaker": "off", "targets": targets}}
    daemon = Sluice(tmp_path / "d", {"endpoints": [route], "prices": prices, "auth": {"admin_key": "sk-sluice-" + "x" * 43, "keys": KEYS}},
                    args=["--data", str(tmp_path / "data"), "--workers", "4"])
    refused = many(daemon, ["whole", "whole", "stream", "stream", "broken", "fail", "leave"], n_each=100)
    assert not refused
    n = N_THREADS * 100
    rows = wait_for(lambda: len(rows := log_of(daemon)) == n and rows, "all rows")
    used = {r["target"]: r for r in daemon.call("GET", "/api/sluice/v1/usage?by=target", headers=AUTH).json()["usage"]}
    daemon.stop()
    for up in ups:
        up.close()
    assert sum(r["requests"] for r in used.values()) == n
    assert used["a"]["lost_attempts"] == bill.n_broken > 0 and used["b"]["lost_attempts"] == 0
    for name, (_, tokens_in, tokens_out) in bill.told.items():
        assert (used[name]["input_tokens"], used[name]["output_tokens"]) == (tokens_in, tokens_out), name
        assert round(used[name]["cost"] * 1e9) == 1000 * tokens_in + 4000 * tokens_out
        own = [r for r in rows if r["target"] == name]
        lost = [t for r in rows for t in r.get("attempts") or [] if t["target"] == name and "input_tokens" in t]
        assert sum((r["input_tokens"] or 0) for r in own if r.get("input_tokens") is not None) + sum(t["input_tokens"] for t in lost) == tokens_in
        assert sum((r["output_tokens"] or 0) for r in own if r.get("output_tokens") is not None) + sum(t["output_tokens"] for t in lost) == tokens_out
    kept = books(tmp_path / "data")
    assert kept["tokens", ""] == sum(i + o for _, i, o in bill.told.values())
    assert sum(v for (kind, _), v in kept.items() if kind == "money") == sum(1000 * i + 4000 * o for _, i, o in bill.told.values())


@pytest.mark.timeout(300)
def test_money_holds_in_a_crowd(tmp_path):
    """No more is spent beyond the cap than what the calls that ran then cost beyond their reservations; and what is
    refused costs nothing."""
    cap, places = 1.5, 7
    record, up, daemon = world(tmp_path, [{"money": cap, "per": "day"}, {"concurrent": places}])
    refused = many(daemon, on_leave=record.end)
    daemon.stop()
    up.close()
    kept = books(tmp_path / "data")
    spent = sum(1000 * i + 4000 * o for i, o in record.told.values())
    assert refused and kept["money", ""] == spent
    assert spent <= cap * 1e9 + places * (900 * 1000 + 3000 * 4000)
    assert spent > cap * 1e9 - places * (1000 * 1000 + 900 * 4000)  # one that was refused found no more reserved, with its own


@pytest.mark.timeout(300)
def test_caps_hold_under_a_crowd(tmp_path):
    cap, places, calls = 400000, 7, 700
    record, up, daemon = world(tmp_path, [{"requests": calls, "per": "day"}, {"tokens": cap, "per": "day"}, {"concurrent": places}])
    refused = many(daemon, on_leave=record.end)
    daemon.stop()
    up.close()
    kept = books(tmp_path / "data")
    used = sum(i + o for i, o in record.told.values())
    assert refused and kept["requests", ""] == record.n <= calls
    assert record.most <= places
    assert kept["tokens", ""] == used
    assert used <= cap + places * 3900  # no more than what the calls that ran used beyond their reservations

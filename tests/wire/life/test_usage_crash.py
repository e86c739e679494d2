# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments during calls: the books say no more than the upstream's own record, no less than what stood
on disk before, and lose at most what was answered last; so do the books of limits. Rounds: SLUICE_CRASH_ROUNDS (100)."""
import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

import harness
from test_crash import Daemon as Crashing

ROUNDS = int(os.environ.get("SLUICE_CRASH_ROUNDS", "100"))
CALLERS = 4
ROUTES = ["a", "b", "c"]
# What the call with each number costs, so that a wrong sum shows.
INPUT, OUTPUT = 7, 2
CAP = 10**9  # of a day's calls


class Daemon(Crashing):
    def ask(self, conn, route, text):
        conn.request("POST", "/v1/chat/completions", json.dumps({"model": route, "messages": [{"role": "user", "content": text}]}), {"Content-Type": "application/json"})
        reply = conn.getresponse()
        left = int(reply.getheader("x-ratelimit-remaining-requests", CAP))
        return reply.status, reply.read(), CAP - left


class Books:
    """The upstream's own record: how often each route was answered."""

    def __init__(self, upstream):
        self.lock, self.answered = threading.Lock(), dict.fromkeys(ROUTES, 0)
        self.up = upstream(self.answer)

    def answer(self, ex):
        route = ex.json()["messages"][-1]["content"]
        with self.lock:
            self.answered[route] += 1
        ex.reply({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
                  "usage": {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": INPUT + OUTPUT}})


class Caller(threading.Thread):
    """Calls until the daemon is killed; `told` counts the answers that came."""

    def __init__(self, daemon, seed):
        super().__init__(daemon=True)
        self.daemon_, self.random, self.told, self.error = daemon, random.Random(seed), dict.fromkeys(ROUTES, 0), None

    def run(self):
        try:
            conn = self.daemon_.connect()
            while True:
                route = self.random.choice(ROUTES)
                status, body, _ = self.daemon_.ask(conn, route, route)
                assert status == 200, body
                self.told[route] += 1
        except (OSError, http.client.HTTPException, ValueError):
            pass  # killed
        except AssertionError as e:
            self.error = e


def on_disk(data):
    """Requests and tokens of each route, without the daemon."""
    with sqlite3.connect(f"file:{data}/sluice.db?mode=ro", uri=True, timeout=20) as db:
        rows = db.execute("SELECT route, sum(requests), sum(input), sum(output) FROM usage JOIN usage_series ON id = series GROUP BY route").fetchall()
    return {r[0]: r[1:] for r in rows}


def limits_on_disk(data):
    """What each route's limit of a day has counted."""
    with sqlite3.connect(f"file:{data}/sluice.db?mode=ro", uri=True, timeout=20) as db:
        return dict(db.execute("SELECT name, used FROM counters WHERE owner = 'route' AND kind = 'requests'").fetchall())


def moment(chance):
    """When a round's kill comes. The store writes twice a second: most are killed before, some right when it does."""
    return chance.uniform(0.02, 0.15) if chance.random() < 0.65 else chance.uniform(0.4, 0.75)


def reported(conn):
    conn.request("GET", "/api/sluice/v1/usage?by=route")
    reply = conn.getresponse()
    rows = json.loads(reply.read())["usage"]
    return {r["route"]: (r["requests"], r["input_tokens"], r["output_tokens"]) for r in rows}


@pytest.mark.timeout(60 + 10 * ROUNDS)
def test_the_books_after_kill_9(upstream, tmp_path):
    books, data = Books(upstream), str(tmp_path / "data")
    seed = int(os.environ.get("SLUICE_CRASH_SEED", time.time_ns()))
    print("seed", seed, file=sys.stderr)
    chance = random.Random(seed)
    endpoints = [{**harness.chat_route(books.up.base, route), "limits": [{"requests": CAP, "per": "day"}]} for route in ROUTES]
    config = json.dumps({"log": {"access": "none"}, "server": {"timeouts": {"drain_delay": "0s"}}, "endpoints": endpoints})
    before, n_told, n_counted, used = {}, 0, 0, dict.fromkeys(ROUTES, 0)
    daemon = Daemon(tmp_path, data, config)
    daemon.connect().close()  # the database is made
    asked = dict(books.answered)
    for _ in range(ROUNDS):
        callers = [Caller(daemon, chance.random()) for _ in range(CALLERS)]
        for c in callers:
            c.start()
        # The moment is random on purpose, so nothing is waited for here.
        time.sleep(moment(chance))
        least, least_used = on_disk(data), limits_on_disk(data)
        daemon.kill()
        for c in callers:
            c.join(harness.DEADLINE)
            assert not c.is_alive() and c.error is None, c.error
        daemon = Daemon(tmp_path, data, config)
        conn = daemon.connect()
        now = reported(conn)
        conn.close()
        for route in ROUTES:
            n, n_in, n_out = now.get(route, (0, 0, 0))
            had = before.get(route, (0, 0, 0))[0]
            # A call that was cut by the kill may stand at the upstream alone.
            assert n - had <= books.answered[route] - asked[route], (route, n, had)
            assert n >= least.get(route, (0,))[0] >= had, (route, n, least, had)
            assert (n_in, n_out) == (n * INPUT, n * OUTPUT), (route, now)
        conn, asked_before = daemon.connect(), asked
        asked = dict(books.answered)
        for route in ROUTES:
            # This call counts, too. Of the others some were counted, but did not reach the upstream.
            status, _, count = daemon.ask(conn, route, route)
            assert status == 200 and least_used.get(route, 0) + 1 <= count <= used[route] + books.answered[route] - asked_before[route] + CALLERS, (route, count, used, least_used)
            used[route] = count
        conn.close()
        n_told += sum(sum(c.told.values()) for c in callers)
        n_counted = sum(v[0] for v in now.values())
        before = now
    daemon.kill()
    # Each round loses its last half second or so, and no more than it had.
    print("answered", n_told, "counted", n_counted, file=sys.stderr)
    assert 0 < n_counted <= sum(books.answered.values())
    assert all(0 < n <= sum(books.answered.values()) + CALLERS * ROUNDS for n in used.values()), used
    out = subprocess.run([harness.BIN, "db", "check", "--data", data], capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr


def test_at_the_end_everything_is_there(upstream, tmp_path, sluice):
    """SIGTERM in the middle of calls: what the upstream answered stands in the books, call by call."""
    books, data = Books(upstream), str(tmp_path / "data")
    endpoints = [harness.chat_route(books.up.base, route) for route in ROUTES]
    for _ in range(2):
        daemon = sluice({"endpoints": endpoints}, args=["--data", data, "--workers", "2"])
        daemon.connect_http = lambda: http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=harness.DEADLINE)
        started = threading.Barrier(CALLERS + 1)

        def calls():
            conn = daemon.connect_http()
            for i in range(200):
                if i == 50:
                    started.wait(harness.DEADLINE)
                try:
                    conn.request("POST", "/v1/chat/completions", json.dumps({"model": ROUTES[i % 3], "messages": [{"role": "user", "content": ROUTES[i % 3]}]}), {"Content-Type": "application/json"})
                    conn.getresponse().read()
                except (OSError, http.client.HTTPException):
                    return

        threads = [threading.Thread(target=calls, daemon=True) for _ in range(CALLERS)]
        for t in threads:
            t.start()
        started.wait(harness.DEADLINE)
        daemon.proc.send_signal(signal.SIGTERM)
        for t in threads:
            t.join(harness.DEADLINE)
        daemon.stop()
        now = on_disk(data)
        told = {route: now[route][0] for route in ROUTES}
        assert told == books.answered, (told, books.answered)
        assert now == {route: (n, n * INPUT, n * OUTPUT) for route, n in told.items()}


SERIES, MINUTES = 150, 80  # more sums than some transactions hold
OLD, NEW = 5, INPUT * 1000 + OUTPUT * 4000  # nano-dollars


def ledger_fill(data):
    """Writes sums as a gateway of yesterday left them: one call each, with a cost that is wrong."""
    now = int(time.time()) // 60 * 60 - 86400
    with sqlite3.connect(f"{data}/sluice.db", timeout=20) as db:
        db.executemany("INSERT INTO usage_series (route, target, provider, model, grp, key, principal, tier, above) VALUES (?, 'model', 'openai', 'gpt-4o-mini', '', 'k', 'p', '', '')",
                       [(f"r{i}",) for i in range(SERIES)])
        names = [row[1] for row in db.execute("PRAGMA table_info(usage)")]
        known = {"span": 60, "requests": 1, "priced": 1, "cost_nano": OLD, "input": INPUT, "output": OUTPUT}
        for series, in db.execute("SELECT id FROM usage_series").fetchall():
            rows = [[known.get(name, {"at": now + 60 * m, "series": series}.get(name, 0)) for name in names] for m in range(MINUTES)]
            db.executemany(f"INSERT INTO usage ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", rows)
        db.execute("UPDATE meta SET value = value + ? WHERE key = 'usage_minutes'", (SERIES * MINUTES,))


def sums_of(data):
    """How many sums have each cost."""
    with sqlite3.connect(f"file:{data}/sluice.db?mode=ro", uri=True, timeout=20) as db:
        assert db.execute("SELECT sum(requests), sum(input), sum(priced) FROM usage").fetchone() == (SERIES * MINUTES, SERIES * MINUTES * INPUT, SERIES * MINUTES)
        return dict(db.execute("SELECT cost_nano, count(*) FROM usage GROUP BY cost_nano").fetchall())


def reprice(conn):
    conn.request("POST", "/api/sluice/v1/usage/reprice", "{}", {"Content-Type": "application/json"})
    return json.loads(conn.getresponse().read())


def test_pricing_anew_survives_kill_9(tmp_path):
    """Some sums have their new cost then and the others their old one; done once more, all have the new one."""
    data, chance = str(tmp_path / "data"), random.Random(int(os.environ.get("SLUICE_CRASH_SEED", time.time_ns())))
    prices = {"models": {"openai/gpt-4o-mini": {"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06}}}
    config = json.dumps({"log": {"access": "none"}, "prices": prices, "endpoints": []})
    daemon = Daemon(tmp_path, data, config)
    daemon.connect().close()
    daemon.kill()
    ledger_fill(data)
    n_new = 0
    for _ in range(6):
        daemon = Daemon(tmp_path, data, config)
        conn = daemon.connect()
        conn.request("POST", "/api/sluice/v1/usage/reprice", "{}", {"Content-Type": "application/json"})
        # The moment is random on purpose, so nothing is waited for here.
        time.sleep(chance.uniform(0, 0.08))
        daemon.kill()
        conn.close()
        costs = sums_of(data)
        assert costs.keys() <= {OLD, NEW} and sum(costs.values()) == SERIES * MINUTES, costs
        assert costs.get(NEW, 0) >= n_new  # nothing goes back
        n_new = costs.get(NEW, 0)
        print("new", n_new, "of", SERIES * MINUTES, file=sys.stderr)
    daemon = Daemon(tmp_path, data, config)
    conn = daemon.connect()
    done = reprice(conn)
    assert (done["changed"], done["left"]) == (SERIES * MINUTES - n_new, 0)
    assert reprice(conn)["changed"] == 0 and sums_of(data) == {NEW: SERIES * MINUTES}
    conn.close()
    daemon.kill()

# SPDX-License-Identifier: Apache-2.0
"""The usage ledger: what was answered is in the next report, whoever asks, whatever the store does meanwhile, and after a
restart."""
import csv
import io
import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import time

import pytest

from harness import BIN, CHAT, CHAT_REPLY, chat_route, wait_for

USAGE = "/api/sluice/v1/usage"
ADMIN = "an-admin-key-of-the-file"
KEYS = {name: "sk-sluice-" + name[0] * 43 for name in ("ann", "bob", "viewer")}
# Of CHAT_REPLY
INPUT, OUTPUT = 9, 3
PRICES = {"models": {"openai/gpt-4o-mini": {"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06}}}


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


def answer(ex):
    if ex.json().get("stream"):
        ex.stream_head()
        ex.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": "stop"}]})
        ex.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
                  "usage": {"prompt_tokens": INPUT, "completion_tokens": OUTPUT, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 2}}})
        ex.event("[DONE]")
        ex.last_chunk()
    elif "fail" in ex.json()["messages"][-1]["content"]:
        ex.reply({"error": {"message": "no", "type": "invalid_request_error"}}, "400 Bad Request")
    else:
        ex.reply(CHAT_REPLY)


@pytest.fixture
def gate(sluice, upstream, tmp_path):
    up = upstream(answer)
    names = [{"name": n, "principal": n, "key": f"$KEY_{n.upper()}", "role": "viewer" if n == "viewer" else "query"} for n in KEYS]
    conf = {"auth": {"admin_key": "$THE_ADMIN", "keys": names}, "endpoints": [chat_route(up.base), chat_route(up.base, "other")], "prices": PRICES, "log": {"access": "none"}}

    def start(*args):
        daemon = sluice(conf, args=["--data", str(tmp_path / "data"), "--workers", "2", *args], env={"THE_ADMIN": ADMIN, **{f"KEY_{n.upper()}": k for n, k in KEYS.items()}})
        daemon.up, daemon.data = up, tmp_path / "data"
        return daemon

    return start


def ask(daemon, key, route="chat", text="hello", **more):
    return daemon.call("POST", "/v1/chat/completions", {"model": route, "messages": [{"role": "user", "content": text}], **more}, bearer(key)).status


def test_texts_of_callers_are_no_formulas(gate):
    """In a program for tables a cell that begins like a formula is calculated."""
    daemon = gate()
    names = ['=cmd|"x"', "+1", "-1", "@sum", "plain=1"]
    for name in names:
        made = daemon.call("POST", "/api/sluice/v1/keys", {"name": name, "principal": name, "role": "query"}, bearer(ADMIN)).json()
        assert ask(daemon, made["key"]) == 200
    reply = daemon.call("GET", USAGE + "?by=principal", headers=[*bearer(ADMIN), ("Accept", "text/csv")])
    rows = list(csv.reader(io.StringIO(reply.body.decode())))[1:]
    assert sorted(r[0] for r in rows) == sorted(n if n == "plain=1" else "'" + n for n in names)


def usage(daemon, query="", key=ADMIN):
    reply = daemon.call("GET", USAGE + query, headers=bearer(key))
    assert reply.status == 200, reply.body
    return reply.json()["usage"]


def short(rows, *names):
    return [tuple(row[n] for n in (*names, "requests", "errors", "input_tokens", "output_tokens")) for row in rows]


def metric(daemon, name):
    text = daemon.call("GET", "/metrics", headers=bearer(ADMIN)).body.decode()
    return [int(line.split()[1]) for line in text.splitlines() if line.startswith(name + " ")]


def on_disk(daemon):
    with sqlite3.connect(f"file:{daemon.data}/sluice.db?mode=ro", uri=True, timeout=20) as db:
        return db.execute("SELECT coalesce(sum(requests), 0) FROM usage").fetchone()[0]


def fill(daemon):
    for _ in range(3):
        assert ask(daemon, KEYS["ann"]) == 200
    assert ask(daemon, KEYS["bob"], "other", stream=True) == 200
    assert ask(daemon, KEYS["bob"], text="fail") == 400
    assert ask(daemon, KEYS["bob"], "none") == 404  # no route, so it is nobody's


FILLED = [("chat", 4, 1, 3 * INPUT, 3 * OUTPUT), ("other", 1, 0, INPUT, OUTPUT)]


def test_what_was_answered_is_in_the_next_report(gate):
    daemon = gate()
    fill(daemon)
    assert short(usage(daemon, "?by=route"), "route") == FILLED
    assert short(usage(daemon, "?by=key,route"), "key", "route") == [
        ("file:ann", "chat", 3, 0, 27, 9), ("file:bob", "chat", 1, 1, 0, 0), ("file:bob", "other", 1, 0, INPUT, OUTPUT)]
    assert short(usage(daemon, "?by=provider,model,target"), "provider", "model", "target") == [("openai", "gpt-4o-mini", "model", 5, 1, 36, 12)]
    assert [(r["cached_tokens"], r["reasoning_tokens"], r["unmetered"]) for r in usage(daemon, "?by=route")] == [(0, 0, 0), (4, 2, 0)]
    assert [(r["cost"], r["unpriced"]) for r in usage(daemon, "?by=route")] == [(0.000063, 0), (0.000021, 0)]
    # whoever may see what
    assert short(usage(daemon, "?by=principal", KEYS["ann"]), "principal") == [("ann", 3, 0, 27, 9)]
    assert short(usage(daemon, "?by=principal", KEYS["viewer"]), "principal") == [("ann", 3, 0, 27, 9), ("bob", 2, 1, INPUT, OUTPUT)]


def test_a_key_of_a_group_sees_what_its_group_used(sluice, upstream, tmp_path):
    up = upstream(answer)
    keys = {name: "sk-sluice-" + name[0] * 43 for name in ("inner", "outer", "rival", "viewer", "boss")}
    groups = {"inner": "acme/search", "outer": "acme", "rival": "acme2", "viewer": "acme/search", "boss": "acme"}
    roles = {"viewer": "viewer", "boss": "admin"}
    named = [{"name": n, "group": groups[n], "role": roles.get(n, "query"), "key": f"$KEY_{n.upper()}"} for n in keys]
    daemon = sluice({"auth": {"admin_key": "$THE_ADMIN", "keys": named}, "groups": [{"name": n} for n in ("acme", "acme/search", "acme2")], "endpoints": [chat_route(up.base)]},
                    args=["--data", str(tmp_path / "data"), "--workers", "2"], env={"THE_ADMIN": ADMIN, **{f"KEY_{n.upper()}": k for n, k in keys.items()}})
    for name in ("inner", "outer", "rival", ADMIN):
        assert ask(daemon, keys.get(name, name)) == 200

    def seen(key):
        return [(row["group"], row["requests"]) for row in usage(daemon, "?by=group", key)]

    assert seen(ADMIN) == [("", 1), ("acme", 1), ("acme/search", 1), ("acme2", 1)]
    assert seen(keys["boss"]) == [("acme", 1), ("acme/search", 1)]
    assert seen(keys["viewer"]) == [("acme/search", 1)]
    assert seen(keys["outer"]) == [("acme", 1)]
    assert [r["requests"] for r in usage(daemon, "", keys["boss"])] == [2]


def test_usage_is_there_after_a_restart_and_a_kill(gate):
    daemon = gate()
    fill(daemon)
    daemon.stop()
    daemon = gate()
    assert short(usage(daemon, "?by=route"), "route") == FILLED
    assert ask(daemon, KEYS["ann"]) == 200
    wait_for(lambda: on_disk(daemon) == 6, "it is written without any other reason")
    wait_for(lambda: metric(daemon, "sluice_usage_waiting") == [0], "nothing waits")
    daemon.stop(signal.SIGKILL, check=False)
    daemon.stopped = True
    daemon = gate()
    assert short(usage(daemon), ) == [(6, 1, 45, 15)]


def test_the_command_shows_it(gate):
    daemon = gate()
    fill(daemon)
    env = {**os.environ, "SLUICE_SERVER": daemon.url, "SLUICE_KEY": ADMIN}

    def run(*args):
        out = subprocess.run([BIN, "usage", *args], capture_output=True, text=True, env=env, timeout=60)
        assert out.returncode == 0, out.stderr
        return out.stdout

    assert run() == "chat\t4\t1\t27\t9\t0\t0.000063\nother\t1\t0\t9\t3\t4\t0.000021\n"
    assert run("--by", "principal", "--since", "1h") == "ann\t3\t0\t27\t9\t0\t0.000063\nbob\t2\t1\t9\t3\t4\t0.000021\n"
    assert run("--since", "2999-01-01T00:00:00Z") == ""
    rows = list(csv.DictReader(io.StringIO(run("--csv", "--by", "route,day"))))
    assert [(r["route"], r["requests"], r["input_tokens"], r["cost"]) for r in rows] == [("chat", "4", "27", "0.000063"), ("other", "1", "9", "0.000021")]
    out = subprocess.run([BIN, "usage", "--by", "team"], capture_output=True, text=True, env=env, timeout=60)
    assert out.returncode == 3 and "there is no 'team'. It takes route, target" in out.stderr


def test_without_a_data_directory_it_is_in_memory(sluice, upstream):
    up = upstream(answer)
    daemon = sluice({"endpoints": [chat_route(up.base)]}, args=["--workers", "2"])
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200
    reply = daemon.call("GET", USAGE + "?by=route,principal,key").json()
    assert short(reply["usage"], "route", "principal", "key") == [("chat", "127.0.0.1", "", 1, 0, INPUT, OUTPUT)] and reply["kept"] == "memory"
    out = subprocess.run([BIN, "usage", "--server", daemon.url], capture_output=True, text=True, timeout=60)
    assert out.stdout == "chat\t1\t0\t9\t3\t0\t\n" and "no data directory" in out.stderr


def test_a_full_disk_loses_nothing(gate):
    """Serving and reports go on, and what waits is counted and written when there is room again."""
    daemon = gate()
    fill(daemon)
    wait_for(lambda: on_disk(daemon) == 5, "the first calls are written")
    resource.prlimit(daemon.proc.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    for _ in range(4):
        assert ask(daemon, KEYS["ann"]) == 200
    wait_for(lambda: metric(daemon, "sluice_store_up") == [0], "the store is down")
    assert metric(daemon, "sluice_usage_waiting") == [4] and "usage waits in memory" in daemon.stderr
    assert ask(daemon, KEYS["ann"]) == 200
    assert short(usage(daemon, "?by=route"), "route") == [("chat", 9, 1, 8 * INPUT, 8 * OUTPUT), ("other", 1, 0, INPUT, OUTPUT)]
    assert on_disk(daemon) == 5
    resource.prlimit(daemon.proc.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_for(lambda: on_disk(daemon) == 10 and metric(daemon, "sluice_usage_waiting") == [0], "all is written")
    assert short(usage(daemon)) == [(10, 1, 9 * INPUT, 9 * OUTPUT)]
    daemon.stop()
    assert on_disk(daemon) == 10


def test_it_is_written_within_a_second(gate):
    """Mostly after half of one: the store's thread looks twice a second."""
    daemon = gate()
    waits = []
    for n in range(1, 8):
        assert ask(daemon, KEYS["ann"]) == 200
        began = time.monotonic()
        wait_for(lambda: on_disk(daemon) == n, "it is written")
        waits.append(time.monotonic() - began)
    assert sorted(waits)[3] < 1, waits


def test_a_kill_loses_at_most_what_the_last_second_used(gate):
    daemon = gate()
    for _ in range(5):
        assert ask(daemon, KEYS["ann"]) == 200
    wait_for(lambda: on_disk(daemon) == 5, "it is written")
    assert ask(daemon, KEYS["ann"]) == 200
    daemon.proc.kill()
    daemon.proc.wait()
    daemon.stopped = True
    daemon = gate()
    assert short(usage(daemon))[0][0] in (5, 6)


def test_what_a_full_disk_loses_is_told(gate):
    daemon = gate()
    resource.prlimit(daemon.proc.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    fill(daemon)
    daemon.stop()
    assert "the usage of 5 calls could not be written and is lost" in daemon.stderr
    assert on_disk(daemon) == 0


def test_a_database_that_is_replaced_gets_what_comes_then(gate, tmp_path):
    """The old file keeps its own, and nothing of it is written to the new one."""
    daemon = gate()
    subprocess.run([BIN, "db", "backup", "--data", str(daemon.data), str(tmp_path / "copy.db")], check=True, timeout=60, capture_output=True)
    fill(daemon)
    wait_for(lambda: on_disk(daemon) == 5 and metric(daemon, "sluice_usage_waiting") == [0], "all is written")
    os.rename(tmp_path / "copy.db", daemon.data / "sluice.db")
    assert ask(daemon, KEYS["ann"]) == 200

    def reported():
        reply = daemon.call("GET", USAGE + "?by=route", headers=bearer(ADMIN))
        assert reply.status in (200, 503), reply.body  # 503: while the new file is being opened
        return short(reply.json()["usage"], "route") if reply.status == 200 else []

    wait_for(lambda: reported() == [("chat", 1, 0, INPUT, OUTPUT)], reported)


def test_copies_of_calls_are_nobodys(sluice, upstream):
    up = upstream(answer)
    routes = [chat_route(up.base, shadow={"route": "copy", "share": "100%"}), chat_route(up.base, "copy")]
    daemon = sluice({"endpoints": routes})
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200
    wait_for(lambda: short(usage(daemon, "?by=route,principal"), "route", "principal") == [("chat", "127.0.0.1", 1, 0, INPUT, OUTPUT), ("copy", "shadow", 1, 0, INPUT, OUTPUT)], "both are there")


# --- pricing anew ---

REPRICE = USAGE + "/reprice"
DEAR = {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06}


class Repriced:
    """A gateway with a model that has a price and one that has none, until its table changes."""

    def __init__(self, start, up, tmp_path):
        self.table, data = tmp_path / "prices.json", tmp_path / "data"
        self.prices(known={"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06})
        routes = [chat_route(up.base, name) for name in ("known", "new")]
        for route in routes:
            route["model"]["name"] = route["name"]
        conf = {"auth": {"admin_key": "$THE_ADMIN"}, "endpoints": routes, "prices": {"file": str(self.table)}, "log": {"access": "none"}}
        self.daemon = start(conf, args=["--data", str(data), "--workers", "2"], env={"THE_ADMIN": ADMIN})
        self.daemon.data = data

    def prices(self, **models):
        self.table.write_text(json.dumps({"openai/" + name: prices for name, prices in models.items()}))

    def reload(self, **models):
        n = self.reloads()
        self.prices(**models)
        wait_for(lambda: self.reloads() > n, "the reload")

    def reloads(self):
        found = re.search(r'sluice_config_reload_total\{result="ok"\} (\d+)', self.daemon.call("GET", "/metrics", headers=bearer(ADMIN)).body.decode())
        return int(found[1]) if found else 0

    def reprice(self, **body):
        r = self.daemon.call("POST", REPRICE, body, bearer(ADMIN))
        assert r.status == 200, r.body
        return r.json()

    def costs(self, query=""):
        return {r["model"]: (r["requests"], r["cost"], r["unpriced"]) for r in usage(self.daemon, "?by=model" + query)}


@pytest.fixture
def repriced(sluice, upstream, tmp_path):
    return Repriced(sluice, upstream(answer), tmp_path)


def test_usage_is_priced_anew(repriced):
    daemon = repriced.daemon
    for route in ("known", "new", "new"):
        assert ask(daemon, ADMIN, route) == 200
    assert ask(daemon, ADMIN, "known", text="fail") == 400
    assert repriced.costs() == {"known": (2, 0.000021, 0), "new": (2, None, 2)}
    repriced.reload(known=DEAR, new=DEAR)
    assert repriced.costs() == {"known": (2, 0.000021, 0), "new": (2, None, 2)}  # what was booked stays
    told = {"dry_run": True, "from": None, "to": None, "cost_before": 0.000021, "cost_after": 0.000126, "unpriced_before": 2, "unpriced_after": 0, "left": 0, "models": [
        {"provider": "openai", "model": "known", "cost_before": 0.000021, "cost_after": 0.000042, "unpriced_before": 0, "unpriced_after": 0, "left": 0},
        {"provider": "openai", "model": "new", "cost_before": 0, "cost_after": 0.000084, "unpriced_before": 2, "unpriced_after": 0, "left": 0}]}
    dry = repriced.reprice(dry_run=True)
    assert dry["sums"] >= dry["changed"] >= 2 and {k: v for k, v in dry.items() if k not in ("sums", "changed")} == told
    assert repriced.costs() == {"known": (2, 0.000021, 0), "new": (2, None, 2)}
    done = repriced.reprice()
    assert {k: v for k, v in done.items() if k not in ("sums", "changed")} == told | {"dry_run": False} and done["changed"] == dry["changed"]
    assert repriced.costs() == {"known": (2, 0.000042, 0), "new": (2, 0.000084, 0)}
    again = repriced.reprice()
    assert (again["changed"], again["cost_before"], again["cost_after"], again["models"]) == (0, 0.000126, 0.000126, [])
    assert [a["action"] for a in daemon.call("GET", "/api/sluice/v1/audit", headers=bearer(ADMIN)).json()["audit"]] == ["usage.reprice"] * 2
    # A price that went away takes no cost away; and the tokens are as they were.
    repriced.reload(new=DEAR)
    assert repriced.reprice()["left"] == 1 and repriced.costs() == {"known": (2, 0.000042, 0), "new": (2, 0.000084, 0)}
    assert short(usage(daemon, "?by=model"), "model") == [("known", 2, 1, INPUT, OUTPUT), ("new", 2, 0, 2 * INPUT, 2 * OUTPUT)]


def test_only_a_time_is_priced_anew(repriced):
    assert ask(repriced.daemon, ADMIN, "known") == 200
    repriced.reload(known=DEAR)
    for body in ({"to": 1000000000}, {"from": "2100-01-01T00:00:00Z"}, {"from": "4102444800", "dry_run": False}):
        assert repriced.reprice(**body)["sums"] == 0
    assert repriced.costs() == {"known": (1, 0.000021, 0)}
    assert repriced.reprice(**{"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"})["changed"] == 1
    assert repriced.costs() == {"known": (1, 0.000042, 0)}


@pytest.mark.parametrize("body, words", [({"dryrun": True}, "no member \"dryrun\""), ({"dry_run": 1}, "dry_run must be true or false"), ({"from": "yesterday"}, "from must be a time"), ({"to": -1}, "to must be a time"), ([], "body")])
def test_a_wrong_reprice_is_refused(repriced, body, words):
    r = repriced.daemon.call("POST", REPRICE, body, bearer(ADMIN))
    assert r.status == 400 and words in r.json()["error"]["message"], r.body


def test_without_a_data_directory_nothing_is_priced_anew(sluice, upstream):
    daemon = sluice({"endpoints": [chat_route(upstream(answer).base)]})
    r = daemon.call("POST", REPRICE, {})
    assert r.status == 503 and "without a data directory" in r.json()["error"]["message"]


def test_reprice_command(repriced):
    def run(*args):
        p = subprocess.run([BIN, "usage", "reprice", *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, env=os.environ | {"SLUICE_SERVER": repriced.daemon.url, "SLUICE_KEY": ADMIN})
        return p.returncode, p.stdout, p.stderr

    assert ask(repriced.daemon, ADMIN, "known") == 200
    assert run("--yes") == (0, "", "nothing to change\n")
    repriced.reload(known=DEAR)
    code, out, err = run("--dry-run", "--since", "1d")
    assert (code, out) == (0, "openai\tknown\t0.000021\t0.000042\t0\t0\t0\n"), err
    assert err == "nothing was changed; it would be: $0.000042 in place of $0.000021\n" and repriced.costs()["known"][1] == 0.000021
    code, out, err = run()
    assert code == 2 and "needs --yes" in err and repriced.costs()["known"][1] == 0.000021
    code, out, err = run("--yes", "--json", "--until", "2100-01-01T00:00:00Z")
    assert code == 0 and json.loads(out)["cost_after"] == 0.000042 and repriced.costs()["known"][1] == 0.000042
    assert run("--since", "x" * 100)[0] == 2

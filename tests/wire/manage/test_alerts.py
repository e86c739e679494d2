# SPDX-License-Identifier: Apache-2.0
"""Alerts: a threshold of a limit is told once a window, in the log, in /metrics and by a signed webhook; a receiver that
fails is asked again, and never in the way of calls."""
import base64
import hashlib
import hmac
import json
import os
import re
import sqlite3
import signal
import threading
import time

import pytest
import yaml

from harness import CHAT, CHAT_REPLY, Sluice, chat_route, free_port, wait_for
from test_metrics import Page

KEY = os.urandom(32)
SECRET = "whsec_" + base64.b64encode(KEY).decode()
CALLS = "/v1/chat/completions"


def taken(x):
    x.reply("", status="204 No Content")


def config_of(up, limits, at=None, url=None, **more):
    alerts = ({"at": at} if at else {}) | ({"webhook": {"url": url, "secret": "$HOOK_SECRET"}} if url else {})
    return {"endpoints": [chat_route(up.base) | {"limits": limits}], "alerts": alerts, **more}


@pytest.fixture
def world(sluice, upstream):
    """A daemon with these limits, and the receiver of its webhook."""

    class World:
        def start(self, limits, at=None, hook=taken, args=(), tls=None, **more):
            self.up = upstream(lambda x: x.reply(CHAT_REPLY))
            self.hook = upstream(hook)
            self.url = self.hook.base.replace("/v1", "/hooks/sluice?team=ops")
            self.config = config_of(self.up, limits, at, self.url, **more)
            self.daemon = sluice(self.config, args=args, env={"HOOK_SECRET": SECRET})
            return self

        def call(self, n=1, status=200, **more):
            for _ in range(n):
                assert self.daemon.call("POST", CALLS, CHAT, **more).status == status

        def alert(self):
            return verified(self.hook.next())

        def page(self):
            return Page(self.daemon)

        def reload(self, **changes):
            n = self.page().sum("sluice_config_version")
            config = yaml.safe_load((self.daemon.dir / "sluice.yaml").read_text()) | changes
            (self.daemon.dir / "sluice.yaml").write_text(yaml.safe_dump(config))
            self.daemon.proc.send_signal(signal.SIGHUP)
            wait_for(lambda: self.page().sum("sluice_config_version") > n, "the reload")

    return World()


def verified(x):
    """The data of an alert, as a receiver checks it."""
    assert (x.method, x.path) == ("POST", "/hooks/sluice?team=ops") and x.get("content-type") == "application/json"
    assert abs(int(x.get("webhook-timestamp")) - time.time()) < 60 and re.fullmatch(r"[0-9a-f]{32}", x.get("webhook-id"))
    signed = f'{x.get("webhook-id")}.{x.get("webhook-timestamp")}.'.encode() + x.body
    assert x.get("webhook-signature") == "v1," + base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    said = x.json()
    assert said["type"] == "limit.threshold_reached"
    return said["data"]


def said(daemon, text):
    wait_for(lambda: text in daemon.stderr, f"the log says {text}")


def lines(daemon):
    return re.findall(r"warning limits: (.*)", daemon.stderr)


def test_each_threshold_is_told_once_a_window(world):
    w = world.start([{"requests": 10, "per": "day", "zone": "UTC"}])
    w.call(10)
    w.call(3, status=429)
    data = [w.alert() for _ in range(3)]
    assert [d["at"] for d in data] == [50, 80, 100] and [d["used"] for d in data] == [5, 8, 10]
    day = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))
    assert {**data[0], "until": day} == {"at": 50, "owner": "route", "name": "chat", "kind": "requests", "cap": 10, "used": 5, "per": "day", "zone": "UTC", "until": day}
    assert len({x.get("webhook-id") for x in w.hook.requests}) == 3
    wait_for(lambda: w.page().sum("sluice_alert_webhooks_total", outcome="delivered") == 3, "all are delivered")
    page = w.page()
    assert [page.sum("sluice_limit_alerts_total", owner="route", kind="requests", at=str(at)) for at in (50, 80, 100)] == [1, 1, 1]
    assert page.sum("sluice_alerts_waiting") == 0
    told = wait_for(lambda: len(lines(w.daemon)) == 3 and lines(w.daemon), "three lines")
    assert told[1].startswith("the route 'chat' has reached 80 % of a limit: 8 calls of 10 calls per 1 day in UTC, until 2")
    w.daemon.stop()
    assert len(lines(w.daemon)) == 3


def test_tokens_count_by_their_use(world):
    w = world.start([{"tokens": 1200, "per": "hour"}], at=[1, 2])
    short = {**CHAT, "max_tokens": 500}  # and 12 are used
    assert w.daemon.call("POST", CALLS, short).status == 200
    data = w.alert()
    assert (data["at"], data["kind"], data["used"], data["cap"], data["per"]) == (1, "tokens", 12, 1200, "hour")
    assert w.daemon.call("POST", CALLS, short).status == 200
    assert w.alert()["used"] == 24


def test_who_reached_it_is_told_and_no_secret(sluice, upstream):
    up, hook = upstream(lambda x: x.reply(CHAT_REPLY)), upstream(taken)
    config = config_of(up, [{"requests": 1, "per": "5 hours", "each": "principal"}], at=[1], url=hook.base.replace("/v1", "/hooks/sluice?team=ops"))
    config |= {"groups": [{"name": "acme", "limits": [{"money": 0.15, "per": "month"}]}], "prices": {"models": {"openai/gpt-4o-mini": {"input_cost_per_token": 1e-4, "output_cost_per_token": 2e-4}}},
               "auth": {"keys": [{"name": "ci", "group": "acme", "key": "$CI", "limits": [{"session": {"calls": 1}}]}]}}
    ci = "sk-of-ci-0123456789"
    daemon = sluice(config, env={"HOOK_SECRET": SECRET, "CI": ci})
    asked = {"messages": [{"role": "user", "content": "hi"}], "model": "chat", "max_tokens": 1}
    assert daemon.call("POST", CALLS, asked, [("authorization", f"Bearer {ci}"), ("x-sluice-session", "run 5")]).status == 200
    data = {d["owner"]: d for d in (verified(hook.next()) for _ in range(3))}
    until = [d.pop("until") for d in data.values()]
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", u) for u in until)
    assert data == {
        "route": {"at": 1, "owner": "route", "name": "chat", "principal": "acme/ci", "kind": "requests", "cap": 1, "used": 1, "per": "5 hours"},
        "key": {"at": 1, "owner": "key", "name": "ci", "key": "file:ci", "session": "run 5", "kind": "requests", "cap": 1, "used": 1},
        "group": {"at": 1, "owner": "group", "name": "acme", "kind": "money", "cap": 0.15, "used": 0.0015, "per": "month"},
    }
    said(daemon, "of 'file:ci'")
    assert "the key 'ci' has reached 1 % of a limit for the session 'run 5' of 'file:ci': 1 call of 1 call per session, until" in daemon.stderr
    assert "the group 'acme' has reached 1 % of a limit: $0.0015 of $0.15 per 1 month, until" in daemon.stderr
    assert ci not in daemon.stderr and SECRET not in daemon.stderr


def test_a_failing_receiver_is_asked_again_and_stops_nobody(world):
    gate = threading.Event()
    w = world.start([{"requests": 4, "per": "day"}], at=[50, 100], hook=lambda x: x.reply("", status="204 No Content") if gate.is_set() else x.reply("no", status="500 Internal Server Error"))
    w.call(4)
    first = w.hook.next()
    verified(first)
    wait_for(lambda: w.page().sum("sluice_alert_webhooks_total", outcome="failed") >= 1, "the failure is counted")
    assert w.page().sum("sluice_alerts_waiting") == 2
    said(w.daemon, "takes no alerts: status 500; 2 wait, and it is tried again in")
    gate.set()
    again = w.hook.next()
    while again.get("webhook-id") == first.get("webhook-id") and len(w.hook.requests) < 3:
        assert verified(again) == verified(first) and int(again.get("webhook-timestamp")) >= int(first.get("webhook-timestamp"))
        again = w.hook.next()
    wait_for(lambda: w.page().sum("sluice_alert_webhooks_total", outcome="delivered") == 2, "both are delivered")
    said(w.daemon, "the webhook takes alerts again")
    assert w.page().sum("sluice_alerts_waiting") == 0


def test_an_alert_that_is_refused_lets_the_others_go_first(world):
    """A caller's name may be in it, and the receiver may not like that name."""
    refused = []

    def hook(x):
        refused[:] = refused or [x.get("webhook-id")]
        x.reply("", status="400 Bad Request" if x.get("webhook-id") == refused[0] else "204 No Content")

    w = world.start([{"requests": 4, "per": "day"}], at=[50, 100], hook=hook)
    w.call(4)
    wait_for(lambda: w.page().sum("sluice_alert_webhooks_total", outcome="delivered") == 1, "the other one is delivered")
    assert w.page().sum("sluice_alerts_waiting") == 1


def test_a_receiver_that_is_not_there_or_says_nothing(world, upstream):
    w = world.start([{"requests": 100, "per": "day"}], at=[1, 2, 3], hook=lambda x: x.hold())
    w.call(3)
    w.hook.next()
    w.call(50)  # nobody waits for it
    assert w.page().sum("sluice_alerts_waiting") == 3
    dead = free_port()
    w.reload(alerts={"at": [1, 2, 3], "webhook": {"url": f"http://127.0.0.1:{dead}/", "secret": "$HOOK_SECRET"}})
    assert w.page().sum("sluice_alerts_waiting") == 3
    w.daemon.stop()
    assert "an alert is not sent to the webhook: the gateway shuts down" in w.daemon.stderr
    for x in w.hook.requests:
        x.close()


def test_a_reload_gives_what_waits_to_the_new_receiver(world, upstream):
    w = world.start([{"requests": 2, "per": "day"}], at=[50], hook=lambda x: x.reply("no", status="503 Service Unavailable", headers=[("retry-after", "1000")]))
    w.call()
    w.hook.next()
    wait_for(lambda: w.page().sum("sluice_alert_webhooks_total", outcome="failed") == 1, "the failure is counted")
    said(w.daemon, "tried again in 1000 s")
    other = upstream(taken)
    w.reload(alerts={"at": [50], "webhook": {"url": other.base.replace("/v1", "/hooks/sluice?team=ops"), "secret": "$HOOK_SECRET"}})
    assert verified(other.next())["at"] == 50
    w.call()  # the threshold was told in this window
    w.reload(alerts={"at": [50, 100], "webhook": {"url": other.base.replace("/v1", "/hooks/sluice?team=ops"), "secret": "$HOOK_SECRET"}})
    w.call(status=429)
    wait_for(lambda: w.page().sum("sluice_alert_webhooks_total", outcome="delivered") == 1, "it is delivered")
    assert w.page().sum("sluice_limit_alerts_total") == 1
    w.daemon.stop()
    assert len(lines(w.daemon)) == 1


def test_a_receiver_that_is_gone_is_left_alone(world):
    w = world.start([{"requests": 2, "per": "day"}], hook=lambda x: x.reply("", status="410 Gone"))
    w.call(2)
    w.hook.next()
    wait_for(lambda: w.page().sum("sluice_alert_webhooks_total", outcome="dropped") == 3, "all are given up")
    said(w.daemon, "answers 410: it gets no alerts until the configuration changes")
    assert len(w.hook.requests) == 1 and len(lines(w.daemon)) == 3


def test_a_redirect_is_a_failure(world, upstream):
    inner = upstream(taken)
    w = world.start([{"requests": 2, "per": "day"}], at=[50], hook=lambda x: x.reply("", status="302 Found", headers=[("location", inner.base)]))
    w.call()
    w.hook.next()
    wait_for(lambda: w.page().sum("sluice_alert_webhooks_total", outcome="failed") >= 1, "the failure is counted")
    assert not inner.requests


def test_the_log_alone(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice(config_of(up, [{"requests": 2, "per": "second"}, {"requests": 1, "per": "day", "each": "principal"}], at=[100]))
    assert daemon.call("POST", CALLS, CHAT).status == 200
    wait_for(lambda: lines(daemon), "the line")
    assert lines(daemon)[0].startswith("the route 'chat' has reached 100 % of a limit for the caller '127.0.0.1': 1 call of 1 call per 1 day, until ")
    daemon.stop()
    assert len(lines(daemon)) == 1


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
def test_a_restart_tells_nothing_twice(upstream, tmp_path, sig):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    config, args = config_of(up, [{"requests": 10, "per": "day"}]), ["--data", str(tmp_path / "data")]
    daemon = Sluice(tmp_path / "a", config, args=args)
    for _ in range(6):
        assert daemon.call("POST", CALLS, CHAT).status == 200
    wait_for(lambda: len(lines(daemon)) == 1, "half is used")

    def written():
        with sqlite3.connect(f"file:{tmp_path}/data/sluice.db?mode=ro", uri=True) as db:
            return db.execute("SELECT used FROM counters").fetchall()

    wait_for(lambda: written() == [(6,)], "the counts are written")
    daemon.stop(sig, check=sig != signal.SIGKILL)
    daemon = Sluice(tmp_path / "b", config, args=args)
    for _ in range(2):
        assert daemon.call("POST", CALLS, CHAT).status == 200
    wait_for(lambda: lines(daemon), "more is used")
    daemon.stop()
    assert [re.search(r"(\d+) %", line)[1] for line in lines(daemon)] == ["80"]


def test_without_alerts_nobody_is_told(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    config = config_of(up, [{"requests": 1, "per": "day"}])
    del config["alerts"]
    daemon = sluice(config)
    assert [daemon.call("POST", CALLS, CHAT).status for _ in range(2)] == [200, 429]
    assert Page(daemon).sum("sluice_limit_alerts_total") == 0
    daemon.stop()
    assert not lines(daemon)

# SPDX-License-Identifier: Apache-2.0
"""What is used and reserved of limits: shown with the limits of routes, groups and keys, and in /metrics."""
import threading

import pytest

from harness import CHAT, CHAT_REPLY, chat_route, wait_for
from test_metrics import Page

CALLS = "/v1/chat/completions"
KEYS = {"ADMIN": "sk-of-admin-0123456789", "CI": "sk-of-ci-0123456789", "ANN": "sk-of-ann-0123456789", "BOSS": "sk-of-boss-0123456789"}
ROUTE_LIMITS = [{"requests": 10, "per": "hour"}, {"tokens": 1000000, "per": "day", "zone": "UTC"}, {"requests": 5, "per": "minute", "each": "principal"},
                {"concurrent": 3}, {"money": 5, "per": "month"}, {"session": {"calls": 9}}]
PRICES = {"models": {"openai/gpt-4o-mini": {"input_cost_per_token": 1e-4, "output_cost_per_token": 2e-4}}}


@pytest.fixture
def team(sluice, upstream, tmp_path):
    class Team:
        def __init__(self, **more):
            self.gate = threading.Event()
            self.gate.set()
            self.up = upstream(self.answer)
            keys = [{"name": "ci", "group": "acme", "key": "$CI", "limits": [{"requests": 8, "per": "hour"}]}, {"name": "ann", "key": "$ANN"}, {"name": "boss", "role": "admin", "group": "acme", "key": "$BOSS"}]
            self.daemon = sluice({"endpoints": [chat_route(self.up.base) | {"limits": ROUTE_LIMITS}, chat_route(self.up.base, "free")], "prices": PRICES,
                                  "groups": [{"name": "acme", "limits": [{"tokens": 2000000, "per": "day"}]}, {"name": "other"}],
                                  "auth": {"admin_key": "$ADMIN", "keys": keys, "metrics": "open"}, **more}, env=KEYS, args=["--data", str(tmp_path / f"data{self.up.port}")])

        def answer(self, x):
            self.gate.wait(20)
            x.reply(CHAT_REPLY)

        def call(self, who, n=1, status=200):
            for _ in range(n):
                assert self.daemon.call("POST", CALLS, {**CHAT, "max_tokens": 100}, self.key(who)).status == status

        def get(self, path, who="ADMIN"):
            r = self.daemon.call("GET", "/api/sluice/v1/" + path, headers=self.key(who))
            assert r.status == 200, r.body
            return r.json()

        @staticmethod
        def key(who):
            return [("authorization", f"Bearer {KEYS[who]}")]

    return Team


def used(counts):
    return [c["used"] for c in counts]


def test_a_route_shows_what_is_used(team):
    t = team()
    empty = t.get("routes/chat/limits")
    assert empty["limits"] == ROUTE_LIMITS
    assert empty["counts"][:2] == [{"kind": "requests", "cap": 10, "per": "hour", "used": 0, "reserved": 0, "reset": None},
                                   {"kind": "tokens", "cap": 1000000, "per": "day", "zone": "UTC", "used": 0, "reserved": 0, "reset": None}]
    t.call("CI", 2)
    t.call("ANN")
    counts = t.get("routes/chat/limits")["counts"]
    assert used(counts) == [3, 36, None, 0, 0.0045, None] and [c["each"] for c in counts if "each" in c] == ["principal", "session"]
    assert 3500 < counts[0]["reset"] <= 3600 and 0 < counts[1]["reset"] <= 86400 and counts[3]["reset"] is None
    assert used(t.get("routes/chat/limits?principal=acme/ci")["counts"])[2] == 2
    assert used(t.get("routes/chat/limits?principal=nobody")["counts"])[2] == 0
    # Callers without a role see their own.
    assert used(t.get("routes/chat/limits", "ANN")["counts"]) == [None] * 6
    assert used(t.get("routes/chat/limits?principal=ann", "ANN")["counts"]) == [None, None, 1, None, None, None]
    assert used(t.get("routes/chat/limits?principal=acme/ci", "ANN")["counts"]) == [None] * 6
    assert used(t.get("routes/chat/limits", "BOSS")["counts"]) == [None] * 6
    assert t.get("routes/free/limits") == {"limits": [], "counts": []}
    put = t.daemon.call("PUT", "/api/sluice/v1/routes/chat/limits", {**t.get("routes/chat/limits"), "limits": [{"requests": 4, "per": "hour"}]}, t.key("ADMIN"))
    assert put.status == 200 and put.json()["counts"][0] | {"reset": 0} == {"kind": "requests", "cap": 4, "per": "hour", "used": 3, "reserved": 0, "reset": 0}


def test_what_runs_is_reserved(team):
    t = team()
    t.gate.clear()
    runs = threading.Thread(target=t.call, args=("ANN",))
    runs.start()
    t.up.next()
    counts = {c["kind"]: c for c in t.get("routes/chat/limits")["counts"] if "each" not in c}
    assert (counts["concurrent"]["used"], counts["concurrent"]["reserved"]) == (1, 1)
    assert counts["tokens"]["used"] == counts["tokens"]["reserved"] > 100 and counts["money"]["reserved"] == counts["money"]["used"] > 0.02
    assert (counts["requests"]["used"], counts["requests"]["reserved"]) == (1, 0)
    t.gate.set()
    runs.join()
    assert [c["reserved"] for c in t.get("routes/chat/limits")["counts"] if "each" not in c] == [0] * 4


def test_groups_and_keys_show_theirs(team):
    t = team()
    t.call("CI", 2)
    for who in "ADMIN", "BOSS":
        assert used(t.get("groups/acme", who)["counts"]) == [24]
        ci, = [k for k in t.get("keys", who)["keys"] if k["name"] == "ci"]
        assert ci["counts"][0]["used"] == 2 and ci["counts"][0]["cap"] == 8
    assert t.get("groups/other")["counts"] == []


def test_metrics_of_accounts_are_asked_for_and_bounded(team):
    t = team()
    t.call("CI", 2)
    assert not [name for name, _ in Page(t.daemon).samples if name.startswith("sluice_account")]
    t = team(metrics={"max_accounts": 3})
    t.call("CI", 2)
    page = Page(t.daemon)
    assert page.sum("sluice_account_used_ratio", owner="group/acme", kind="tokens") == 24 / 2000000
    assert page.sum("sluice_account_used_ratio", owner="key/file:ci", kind="requests") == 0.25
    assert page.sum("sluice_account_used", owner="route/chat", kind="tokens") == 24
    assert page.sum("sluice_account_used", owner="route/chat", kind="money") == pytest.approx(0.003)
    assert page.sum("sluice_account_reserved", owner="route/chat", kind="tokens") == 0
    assert {dict(labels)["owner"] for name, labels in page.samples if name == "sluice_account_used"} == {"group/acme", "key/file:ci", "route/chat"}
    t.gate.clear()
    runs = threading.Thread(target=t.call, args=("ANN",))
    runs.start()
    wait_for(lambda: Page(t.daemon).sum("sluice_account_reserved", owner="route/chat", kind="concurrent") == 1, "it runs")
    t.gate.set()
    runs.join()
    page = Page(team(metrics={"max_accounts": 1}).daemon)
    assert {dict(labels)["owner"] for name, labels in page.samples if name.startswith("sluice_account")} == {"group/acme"}

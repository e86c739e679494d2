# SPDX-License-Identifier: Apache-2.0
"""Routes with many targets: pages of their list, metrics up to their bound, and calls to each."""
import collections
import re

from harness import CHAT

OWN = "/api/sluice/v1/targets"
MOCK = {"provider": "mock", "name": "m", "config": {}}


def route(name, n, **more):
    return {"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"targets": [{"name": f"t{i}", "model": MOCK} for i in range(n)], **more}}


def pages_of(daemon):
    """The targets of each page, as (route, target)."""
    token, pages = "", []
    while token is not None:
        r = daemon.call("GET", OWN + (f"?page_token={token.replace('=', '%3D').replace('+', '%2B')}" if token else ""))
        assert r.status == 200, r.body
        pages.append([(t["route"], t["target"]) for t in r.json()["targets"]])
        token = r.json()["next_page_token"]
        assert len(pages) < 100
    return pages


def test_pages_end_behind_a_route(sluice):
    sizes = {"a": 1000, "b": 2, "c": 600, "d": 3, "e": 500, "f": 1}
    alone = {"name": "alone", "endpoint_type": "llm/v1/chat", "model": MOCK}
    daemon = sluice({"endpoints": [route(n, k) for n, k in sizes.items() if k > 1] + [alone]})
    pages = pages_of(daemon)
    assert [collections.Counter(r for r, _ in page) for page in pages] == [{"a": 1000}, {"b": 2, "c": 600, "d": 3, "e": 500}] + ([{}] if len(pages) == 3 else [])
    assert pages[0] == [("a", f"t{i}") for i in range(1000)]
    r = daemon.call("GET", OWN + "?page_token=nonsense")
    assert r.status == 400 and "page_token" in r.json()["error"]["message"]


def state_lines(daemon):
    text = daemon.call("GET", "/metrics").body.decode()
    return {name: re.findall(rf'^{name}{{route="([^"]*)",target="([^"]*)"}} 0$', text, re.M) for name in ("sluice_target_state", "sluice_target_in_flight", "sluice_target_waits_seconds")}


def test_metrics_tell_as_many_targets_as_they_may(sluice):
    routes = [route("a", 7), route("b", 7)]
    daemon = sluice({"endpoints": routes, "metrics": {"max_targets": 10}})
    want = [("a", f"t{i}") for i in range(7)] + [("b", f"t{i}") for i in range(3)]
    assert state_lines(daemon) == {"sluice_target_state": want, "sluice_target_in_flight": want, "sluice_target_waits_seconds": want}
    assert all(len(v) == 1000 for v in state_lines(sluice({"endpoints": [route("a", 999), route("b", 7)]})).values())
    assert all(v == [] for v in state_lines(sluice({"endpoints": routes, "metrics": {"max_targets": 0}})).values())


def test_a_call_goes_to_each_of_a_thousand(sluice):
    daemon = sluice({"endpoints": [route("chat", 1000)], "server": {"workers": 1}})
    conn = daemon.connect()
    names = [conn.request("POST", "/v1/chat/completions", CHAT).reply().get("x-sluice-target") for _ in range(1000)]
    assert names == [f"t{i}" for i in range(1000)]
    conn.close()


def test_a_viewer_of_a_group_sees_targets_and_changes_none(sluice):
    key = "sk-sluice-" + "v" * 43
    daemon = sluice({"auth": {"admin_key": "$THE_ADMIN", "keys": [{"name": "v", "group": "acme", "role": "viewer", "key": "$KEY_V"}]}, "groups": [{"name": "acme"}], "endpoints": [route("a", 2), route("b", 2)]},
                    env={"THE_ADMIN": "an-admin-key-of-the-file", "KEY_V": key})
    headers = [("Authorization", f"Bearer {key}")]
    assert [t["route"] for t in daemon.call("GET", OWN, headers=headers).json()["targets"]] == ["a", "a", "b", "b"]
    assert daemon.call("POST", OWN + "/a/t0/reset", headers=headers).status == 403

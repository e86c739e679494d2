# SPDX-License-Identifier: Apache-2.0
"""A gateway with something to see: routes, targets, groups, keys, and calls that went well or not."""
import json

ADMIN = "an-admin-key-for-the-console-0123456789"
HOSTILE = "<img src=x onerror=alert(1)>"
REVERSED = "evil\u202etxt.exe"


def mock(name, **config):
    return {"name": name, "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock-1", "config": config}}


CONFIG = {
    "endpoints": [
        mock("chat", latency="20ms"),
        mock("slow", latency="120ms"),
        mock("broken", error={"status": 503, "message": "not today"}),
        {"name": "steady", "endpoint_type": "llm/v1/chat",
         "sluice": {"breaker": {"errors": 1, "open": "1h"}, "targets": [{"name": "first", "model": {"provider": "mock", "name": "mock-1", "config": {"error": {"status": 503, "message": HOSTILE}}}},
                                {"name": "spare", "tier": 1, "model": {"provider": "mock", "name": "mock-2", "config": {"latency": "15ms"}}}]}},
    ],
    "groups": [{"name": "acme", "limits": [{"requests": 1000, "per": "day"}, {"money": 5, "per": "month"}]}, {"name": "acme/search", "limits": [{"requests": 12, "per": "hour"}]}],
    "prices": {"models": {"mock/mock-1": {"input_cost_per_token": 2e-5, "output_cost_per_token": 6e-5}, "mock/mock-2": {"input_cost_per_token": 1e-5, "output_cost_per_token": 3e-5}}},
}


def ask(daemon, route, text="hello", key=None, stream=False, headers=()):
    more = [("Authorization", f"Bearer {key}")] if key else []
    return daemon.call("POST", "/v1/chat/completions", {"model": route, "stream": stream, "messages": [{"role": "user", "content": text}]}, [*more, *headers])


def wait_logged(daemon, n, key=None):
    """Until the request log has so many calls."""
    from harness import wait_for
    more = [("Authorization", f"Bearer {key}")] if key else []

    def there():
        r = daemon.call("GET", "/api/sluice/v1/requests/facets?by=route", headers=more)
        return r.status == 200 and r.json()["requests"] >= n

    wait_for(there, f"{n} calls in the log")


def make(daemon, route, body, key=None):
    more = [("Authorization", f"Bearer {key}")] if key else []
    r = daemon.call("PUT", f"/api/sluice/v1/routes/{route}", body, [("Content-Type", "application/json"), *more])
    assert r.status in (200, 201), r.body
    return r


def fill(daemon, key=None, calls=14):
    """Some calls of each kind."""
    for i in range(calls):
        ask(daemon, "chat", f"question {i}", key, stream=i % 3 == 0)
    for route in ("slow", "broken", "steady"):
        ask(daemon, route, "hello", key, stream=route == "slow")
    ask(daemon, "chat", "hello", key, headers=[("x-sluice-session", HOSTILE)])
    wait_logged(daemon, calls + 4, key)
    return calls + 4


def rows(daemon, key=None, **query):
    from urllib.parse import urlencode
    more = [("Authorization", f"Bearer {key}")] if key else []
    return json.loads(daemon.call("GET", "/api/sluice/v1/requests?" + urlencode(query), headers=more).body)["requests"]

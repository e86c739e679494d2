# SPDX-License-Identifier: Apache-2.0
"""The examples with three gateways, on a PostgreSQL and a Redis of the test's own: what their files say, with these addresses."""
import pathlib

import pytest
import yaml

from conftest import ADMIN, SECRET
from harness import wait_for
from redis_server import redis  # noqa: F401: a fixture

EXAMPLES = pathlib.Path(__file__).parents[3] / "examples"
AUTH = [("authorization", f"Bearer {ADMIN}")]
HELLO = {"messages": [{"role": "user", "content": "hello"}]}


def compose():
    return yaml.safe_load((EXAMPLES / "compose/sluice.yaml").read_text())


def kubernetes():
    objects = yaml.safe_load_all((EXAMPLES / "kubernetes/many.yaml").read_text())
    return yaml.safe_load(next(o for o in objects if o["kind"] == "ConfigMap")["data"]["sluice.yaml"])


@pytest.mark.parametrize("read", [compose, kubernetes])
def test_three_gateways_are_one(sluice, store, redis, tmp_path, read):  # noqa: F811
    """A route that is made at one is served by all, and its limit is counted over all."""
    counters = redis("--requirepass", "not-to-be-shown", "--maxmemory-policy", "noeviction")
    env = {"SLUICE_ADMIN_KEY": ADMIN, "SLUICE_SECRET_KEY": SECRET, "SLUICE_STORE_URL": store, "SLUICE_COUNTERS_PASSWORD": "not-to-be-shown"}
    nodes = []
    for i in range(3):
        config = read()
        config["counters"] |= {"redis": f"redis://127.0.0.1:{counters.port}", "deadline": "10s"}
        nodes.append(sluice(config, args=["--data", str(tmp_path / f"data-{i}"), "--workers", "1"], env=env))

    def call(node, method, path, body=None):
        return node.connect().request(method, path, body, AUTH).reply()

    for node in nodes:
        assert call(node, "POST", "/gateway/chat/invocations", HELLO).status == 200
    made = {"name": "made", "route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}
    assert call(nodes[0], "POST", "/api/2.0/gateway/routes/", made).status == 200
    for node in nodes:
        wait_for(lambda: call(node, "GET", "/api/2.0/gateway/routes/made").status == 200, "the route")
    limits = {"route": "made", "limits": [{"calls": 6, "renewal_period": "day"}]}
    assert call(nodes[1], "POST", "/api/2.0/gateway/limits/", limits).status == 200
    for node in nodes:
        wait_for(lambda: call(node, "GET", "/api/2.0/gateway/limits/made").json().get("limits"), "its limit")
    got = [call(nodes[i % 3], "POST", "/gateway/made/invocations", HELLO).status for i in range(9)]
    assert sorted(got) == [200] * 6 + [429] * 3, got

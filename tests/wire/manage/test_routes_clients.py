# SPDX-License-Identifier: Apache-2.0
"""The unchanged mlflow client makes all seven calls: URI `databricks` with and without the SDK, and the http URI for
those that it allows there."""
import os
import subprocess
import sys

import pytest

from harness import CHAT_REPLY
from test_routes_api import CONFIG, data, with_data  # noqa: F401

SCRIPT = r"""
import sys, warnings
warnings.simplefilter("ignore")
import mlflow.gateway as gateway
from mlflow.gateway.client import MlflowGatewayClient
host, uri, base = sys.argv[1:4]
gateway.set_gateway_uri(uri)
made = "by-" + uri.split(":")[0]
if uri.startswith("databricks"):
    route = gateway.create_route(made, "llm/v1/chat", {"name": "gpt-4o-mini", "provider": "openai", "openai_config": {"openai_api_key": "sk-canary", "openai_api_base": base}})
    assert route.route_url == host + "/gateway/" + made + "/invocations", route
    def refused(code, call, *args):
        try:
            call(*args)
        except Exception as e:
            assert code in str(e), (code, str(e))
        else:
            raise AssertionError("not refused")
    exists = "RESOURCE_ALREADY_EXISTS"
    refused(exists, gateway.create_route, made, "llm/v1/chat", {"name": "x", "provider": "mock"})
    refused("is not supported", gateway.create_route, "bad", "llm/v1/nope", {"name": "x", "provider": "mock"})
    refused("route_type", gateway.create_route, "bad")
    refused("cannot be deleted", gateway.delete_route, "chat")
else:
    made = "chat"
    for call in (lambda: gateway.create_route("x", "llm/v1/chat", {}), lambda: gateway.delete_route("chat")):
        try:
            call()
            raise AssertionError("the client refuses by itself")
        except Exception as e:
            assert "only available when" in str(e), e
got = gateway.get_route(made)
# Without the SDK its client cannot be told from others, and makes nonsense of MLflow's relative URLs.
assert got.name == made and got.route_url.endswith("/gateway/" + made + "/invocations"), got
assert made in [r.name for r in gateway.search_routes()]
ask = {"messages": [{"role": "user", "content": "hello"}]}
assert gateway.query(made, ask)["choices"][0]["message"]["content"]
limits = gateway.set_limits(made, [{"calls": 1, "key": None, "renewal_period": "hour"}])
assert [(l.calls, l.key, l.renewal_period) for l in limits.limits] == [(1, "route", "hour")], limits
assert gateway.get_limits(made) == limits
gateway.query(made, ask)
try:
    gateway.query(made, ask)
    raise AssertionError("the limit does not hold")
except Exception as e:
    # The SDK keeps trying for a while, then tells of its patience; what it was told is behind that.
    assert "429" in str(e) or "Rate limit exceeded" in str(e.__cause__), (e, e.__cause__)
assert gateway.set_limits(made, []).limits == []
gateway.query(made, ask)
if uri.startswith("databricks"):
    gateway.delete_route(made)
    try:
        gateway.get_route(made)
        raise AssertionError("still there")
    except Exception as e:
        assert "not present or active" in str(e), e
    refused("RESOURCE_DOES_NOT_EXIST", gateway.delete_route, made)
print("done")
"""


@pytest.mark.parametrize("auth", [False, True], ids=["open", "keys"])
@pytest.mark.parametrize("uri,sdk", [("databricks", "true"), ("databricks", "false"), ("databricks://HERE", "true"), ("http", "")])
def test_all_seven_calls(sluice, upstream, data, tmp_path, uri, sdk, auth):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    token = "an-admin-key-of-the-file" if auth else "dapi-none"
    config = {**CONFIG, "upstream": {"allow": ["127.0.0.0/8"]}, **({"auth": {"admin_key": "$THE_ADMIN"}} if auth else {})}
    daemon = with_data(sluice, data, config, env={"THE_ADMIN": token})
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DATABRICKS", "MLFLOW"))}
    # The test sees a 429 at once: by default the clients wait and try again.
    env.update(MLFLOW_HTTP_REQUEST_MAX_RETRIES="0", MLFLOW_DATABRICKS_ENDPOINT_HTTP_RETRY_TIMEOUT="1", HOME=str(tmp_path))
    if uri == "databricks":
        env.update(DATABRICKS_HOST=daemon.url, DATABRICKS_TOKEN=token, MLFLOW_ENABLE_DB_SDK=sdk)
    elif uri.startswith("databricks"):
        (tmp_path / "databrickscfg").write_text(f"[HERE]\nhost = {daemon.url}\ntoken = {token}\n")
        env.update(DATABRICKS_CONFIG_FILE=str(tmp_path / "databrickscfg"))
    elif auth:
        env.update(MLFLOW_TRACKING_USERNAME="anyone", MLFLOW_TRACKING_PASSWORD=token)
    out = subprocess.run([sys.executable, "-c", SCRIPT, daemon.url, daemon.url if uri == "http" else uri, up.base], capture_output=True, text=True, timeout=55, env=env)
    assert out.returncode == 0 and out.stdout == "done\n", out.stderr[-3000:]
    told = daemon.stderr + daemon.log_path.read_text()
    assert "sk-canary" not in told and (not auth or token not in told)

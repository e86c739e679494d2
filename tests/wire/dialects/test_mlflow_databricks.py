# SPDX-License-Identifier: Apache-2.0
"""Databricks' clients, unchanged: mlflow.gateway with the URI `databricks` (through its SDK and without),
get_deploy_client("databricks"), and the errors that they read."""
import json

import pytest
import requests

from harness import chat_route

pytestmark = pytest.mark.filterwarnings("ignore")

MESSAGES = [{"role": "user", "content": "hello"}]
SDK = ("User-Agent", "unknown/0.0.0 databricks-sdk-py/0.156.0 python/3.11 os/linux auth/pat")
ROUTES = "/api/2.0/gateway/routes/"
SERVING = "/api/2.0/serving-endpoints"


def mocks(*names):
    return {"endpoints": [{"name": n, "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m", "config": {}}} for n in names]}


@pytest.fixture(params=["sdk", "plain"])
def databricks(request, sluice, monkeypatch, tmp_path):
    """A daemon that DATABRICKS_HOST points to."""
    daemon = sluice(mocks("chat", "other"))
    monkeypatch.setenv("DATABRICKS_HOST", daemon.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-canary")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_ENABLE_DB_SDK", "true" if request.param == "sdk" else "false")
    return daemon


def test_fluent_reads_and_queries(databricks, monkeypatch):
    import mlflow.gateway
    from mlflow.gateway import utils

    monkeypatch.setattr(utils, "_gateway_uri", None)
    mlflow.gateway.set_gateway_uri("databricks")
    route = mlflow.gateway.get_route("chat")
    assert route.name == "chat" and route.model.provider == "mock"
    assert [r.name for r in mlflow.gateway.search_routes()] == ["chat", "other"]
    assert mlflow.gateway.query("chat", {"messages": MESSAGES})["choices"][0]["message"]["content"] == "You said: hello"
    with pytest.raises(requests.HTTPError, match="404 .*The route 'nope' is not present or active"):
        mlflow.gateway.get_route("nope")
    with pytest.raises(requests.HTTPError, match="40[04]|422"):
        mlflow.gateway.query("chat", {"text": 1})


def test_deployment_client(databricks):
    from mlflow.deployments import get_deploy_client

    client = get_deploy_client("databricks")
    assert [e["name"] for e in client.list_endpoints()] == ["chat", "other"]
    endpoint = client.get_endpoint("chat")
    assert endpoint.task == "llm/v1/chat" and endpoint.state["ready"] == "READY"
    assert endpoint.config["served_entities"][0]["external_model"] == {"name": "m", "provider": "mock", "task": "llm/v1/chat"}
    assert client.predict(endpoint="chat", inputs={"messages": MESSAGES})["choices"][0]["message"]["content"] == "You said: hello"
    chunks = list(client.predict_stream(endpoint="chat", inputs={"messages": MESSAGES}))
    assert "".join(c["choices"][0]["delta"]["content"] or "" for c in chunks) == "You said: hello"
    with pytest.raises(requests.HTTPError, match="404 .*The endpoint 'nope' is not present or active"):
        client.get_endpoint("nope")
    with pytest.raises(requests.HTTPError, match="404"):
        client.predict(endpoint="nope", inputs={"messages": MESSAGES})


def test_the_probe_is_404_at_once(sluice):
    daemon = sluice({**mocks("chat"), "auth": {"keys": [{"name": "a", "principal": "a", "role": "query", "key": "sk-sluice-" + "a" * 43}]}})
    for method in ("GET", "HEAD"):
        r = daemon.call(method, "/.well-known/databricks-config", headers=[SDK])
        assert r.status == 404
    assert daemon.call("GET", ROUTES, headers=[SDK]).json()["error_code"] == "UNAUTHENTICATED"


def test_route_urls_are_absolute_for_the_sdk_only(sluice):
    daemon = sluice({**mocks("chat"), "auth": "none"})
    url = "http://gateway.example:81/gateway/chat/invocations"
    for path in (ROUTES, ROUTES + "chat", "/api/2.0/endpoints/", "/api/2.0/endpoints/chat"):
        for headers, want in ([SDK], url), ([], "/gateway/chat/invocations"):
            conn = daemon.connect()
            lines = [f"GET {path} HTTP/1.1", "Host: gateway.example:81", *[f"{k}: {v}" for k, v in headers]]
            conn.send("\r\n".join(lines) + "\r\n\r\n")
            reply = conn.reply("GET").json()
            reply = (reply.get("routes") or reply.get("endpoints") or [reply])[0]
            assert (reply.get("route_url") or reply.get("endpoint_url")) == want, (path, headers)
            conn.close()
    public = sluice({**mocks("chat"), "server": {"public_url": "https://ai.example/base/"}})
    assert public.call("GET", ROUTES + "chat", headers=[SDK]).json()["route_url"] == "https://ai.example/base/gateway/chat/invocations"
    assert public.call("GET", ROUTES + "chat").json()["route_url"] == "/gateway/chat/invocations"


REFUSED = [  # method, path, body; status, error_code, message
    ("GET", ROUTES + "nope", None, 404, "RESOURCE_DOES_NOT_EXIST", "The route 'nope' is not present or active on the server. Please verify the route name."),
    ("GET", "/nope", None, 404, "RESOURCE_DOES_NOT_EXIST", "Not Found"),
    ("PUT", ROUTES, None, 405, "BAD_REQUEST", "Method Not Allowed"),
    ("GET", ROUTES + "?page_token=x", None, 400, "INVALID_PARAMETER_VALUE", "Invalid page_token: it must be the next_page_token of an earlier reply."),
    ("POST", "/gateway/chat/invocations", b"{}", 422, "INVALID_PARAMETER_VALUE", "body.messages: Field required"),
    ("POST", "/gateway/chat/invocations", b'{"messages":[{}],"n":0}', 422, "INVALID_PARAMETER_VALUE",
     "body.n: Input should be greater than or equal to 1; body.messages.0.role: Field required"),
    ("POST", "/gateway/chat/invocations", b'{"messages":[{"role":"user"}],"model":"x"}', 422, "INVALID_PARAMETER_VALUE",
     "The parameter 'model' is not permitted to be passed. The route being queried already defines a model instance."),
    ("POST", "/gateway/chat/invocations", b"\xff", 400, "INVALID_PARAMETER_VALUE", "There was an error parsing the body"),
    ("POST", "/gateway/limited/invocations", b'{"messages":[{"role":"user"}]}', 429, "REQUEST_LIMIT_EXCEEDED", "Rate limit exceeded: 0 per 1 day"),
    ("POST", "/gateway/up/invocations", b'{"messages":[{"role":"user"}]}', 418, "BAD_REQUEST", "short \u00e9"),
]


def test_errors_have_no_detail(sluice, upstream):
    up = upstream(lambda x: x.reply({"error": {"message": "short \u00e9"}}, "418 I'm a teapot"))
    config = mocks("chat", "limited")
    config["endpoints"][1]["limit"] = {"calls": 0, "renewal_period": "day"}
    config["endpoints"].append(chat_route(up.base, "up"))
    daemon = sluice(config)
    for method, path, body, status, code, message in REFUSED:
        r = daemon.call(method, path, body, [SDK])
        assert (r.status, r.body.decode(), r.get("content-type")) == (status, json.dumps({"error_code": code, "message": message}, separators=(",", ":"), ensure_ascii=False), "application/json"), path
        r = daemon.call(method, path, body)
        assert "error_code" not in r.json() and set(r.json()) <= {"detail", "error"}, path


def test_serving_paths_speak_databricks_whoever_asks(sluice):
    daemon = sluice(mocks("chat"))
    for path in (SERVING, SERVING + "/"):
        assert [e["name"] for e in daemon.call("GET", path).json()["endpoints"]] == ["chat"]
    for method, path, status, code in (
        ("GET", SERVING + "/nope", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", SERVING + "/a/b/c", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("POST", "/serving-endpoints/nope/invocations", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", "/serving-endpoints/chat/invocations", 405, "BAD_REQUEST"),
        ("POST", "/serving-endpoints/chat/invocations", 422, "INVALID_PARAMETER_VALUE"),
    ):
        r = daemon.call(method, path, b"{}" if method == "POST" else None)
        assert r.status == status and r.json()["error_code"] == code and "detail" not in r.json(), (method, path)


def test_a_stream_holds_data_lines_only_and_ends_with_done(sluice, upstream):
    def handler(x):
        chunk = {"id": "x", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
        x.reply(": ping\n\nevent: message\ndata: " + json.dumps(chunk) + "\n\n", content_type="text/event-stream")

    up = upstream(handler)
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    body = {"messages": MESSAGES, "stream": True}
    lines = daemon.call("POST", "/serving-endpoints/chat/invocations", body).body.decode().split("\n\n")
    assert [json.loads(line[6:]).get("choices", [{}])[0].get("delta", {}).get("content") for line in lines[:1]] == ["a"]
    assert json.loads(lines[1][6:])["error"]["type"] == "provider_stream_broken" and lines[2:] == ["data: [DONE]", ""]
    assert "[DONE]" not in daemon.call("POST", "/gateway/chat/invocations", body, [SDK]).body.decode()

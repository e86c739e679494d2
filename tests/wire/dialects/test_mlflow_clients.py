# SPDX-License-Identifier: Apache-2.0
"""MLflow's own clients (2.22.4), unchanged, against the daemon: the fluent functions, MlflowGatewayClient, the
deployment client, and the options of `mlflow gateway start`."""
import json
import subprocess
import time

import pytest
import requests

from harness import CHAT_REPLY, BIN, Sluice, chat_route, free_port, typed_route, wait_for

pytestmark = pytest.mark.filterwarnings("ignore")

MESSAGES = [{"role": "user", "content": "hello"}]


@pytest.fixture
def gateway(monkeypatch):
    """mlflow.gateway with no address, no retries and no waiting."""
    import mlflow.gateway
    from mlflow.gateway import utils

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for name in ("MLFLOW_GATEWAY_URI", "MLFLOW_DEPLOYMENTS_TARGET", "DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(utils, "_gateway_uri", None)
    return mlflow.gateway


def mocks(names, kind="chat"):
    return {"endpoints": [{"name": n, "endpoint_type": f"llm/v1/{kind}", "model": {"provider": "mock", "config": {}}} for n in names]}


def test_address_from_argument_setting_and_environment(sluice, gateway, monkeypatch):
    from mlflow.exceptions import MlflowException
    from mlflow.gateway import MlflowGatewayClient

    daemon = sluice(mocks(["a"]))
    with pytest.raises(MlflowException, match="No Gateway server uri has been set"):
        gateway.get_route("a")
    assert MlflowGatewayClient(gateway_uri=daemon.url + "/").get_route("a").name == "a"
    monkeypatch.setenv("MLFLOW_GATEWAY_URI", daemon.url)
    assert gateway.get_gateway_uri() == daemon.url and gateway.get_route("a").name == "a"
    gateway.set_gateway_uri("http://127.0.0.1:9")
    with pytest.raises(MlflowException, match="failed with exception"):
        gateway.get_route("a")
    gateway.set_gateway_uri(daemon.url)
    assert gateway.get_route("/a/").route_url == daemon.url + "/gateway/a/invocations"


def test_route_fields_and_unknown_names(sluice, gateway):
    config = mocks(["a"])
    config["endpoints"][0]["limit"] = {"calls": 7, "renewal_period": "hour"}
    daemon = sluice(config)
    gateway.set_gateway_uri(daemon.url)
    route = gateway.get_route("a")
    assert (route.name, route.route_type, route.model.provider, route.model.name) == ("a", "llm/v1/chat", "mock", None)
    assert (route.limit.calls, route.limit.key, route.limit.renewal_period) == (7, None, "hour")
    for name in ("nope", "a/b", "a b", "\u00e9"):
        with pytest.raises(requests.HTTPError, match="404 Client Error: Not Found"):
            gateway.get_route(name)
    with pytest.raises(requests.HTTPError, match="The route 'nope' is not present or active on the server"):
        gateway.get_route("nope")


def test_no_routes(sluice, gateway):
    from mlflow.deployments import get_deploy_client

    daemon = sluice({"endpoints": []})
    gateway.set_gateway_uri(daemon.url)
    assert gateway.search_routes() == [] and get_deploy_client(daemon.url).list_endpoints() == []


def test_6001_routes_in_pages(sluice, gateway, tmp_path):
    from mlflow.deployments import get_deploy_client
    from mlflow.gateway import MlflowGatewayClient

    names = [f"route-{i}" for i in range(6001)]
    config = json.dumps({**mocks(names), "server": {"timeouts": {"drain_delay": "0s"}}})  # JSON is YAML, and Python's YAML is slow
    began = time.monotonic()
    daemon = sluice(raw=config)
    assert daemon.call("GET", "/health").status == 200 and time.monotonic() - began < 10
    gateway.set_gateway_uri(daemon.url)
    assert [r.name for r in gateway.search_routes()] == names
    client, token, sizes = MlflowGatewayClient(), None, []
    while True:
        page = client.search_routes(page_token=token)
        sizes.append(len(page))
        token = page.token
        if not token:
            break
    assert sizes == [3000, 3000, 1] and token is None
    assert [e.name for e in get_deploy_client(daemon.url).list_endpoints()] == names


def test_bad_page_token_is_an_http_error(sluice, gateway):
    from mlflow.gateway import MlflowGatewayClient

    client = MlflowGatewayClient(gateway_uri=sluice(mocks(["a"])).url)
    for token in ("", "x", "bm90IGpzb24="):
        with pytest.raises(requests.HTTPError, match="400 Client Error: Bad Request"):
            client.search_routes(page_token=token)


def test_query_all_types_and_refusals(sluice, gateway, upstream):
    up = upstream(lambda x: x.reply({"id": "x"}))
    base = up.base
    daemon = sluice({"endpoints": [*mocks(["chat"])["endpoints"], *mocks(["comp"], "completions")["endpoints"], *mocks(["emb"], "embeddings")["endpoints"], chat_route(base, "broken")]})
    gateway.set_gateway_uri(daemon.url)
    assert gateway.query("chat", {"messages": MESSAGES, "temperature": "0.5"})["choices"][0]["message"] == {
        "role": "assistant", "content": "You said: hello", "tool_calls": None, "refusal": None}
    assert gateway.query("comp", {"prompt": "hello"})["object"] == "text_completion"
    assert len(gateway.query("emb", {"input": ["a", "b"]})["data"]) == 2
    with pytest.raises(requests.HTTPError, match="Unprocessable Entity for .*messages"):
        gateway.query("chat", {"text": "x"})
    with pytest.raises(requests.HTTPError, match="The parameter 'model' is not permitted"):
        gateway.query("chat", {"messages": MESSAGES, "model": "gpt-4"})
    with pytest.raises(requests.HTTPError, match="404 Client Error: Not Found"):
        gateway.query("nope", {})
    with pytest.raises(requests.HTTPError, match="500 Server Error: Internal Server Error"):
        gateway.query("broken", {"messages": MESSAGES})
    with pytest.raises(TypeError):
        gateway.query("chat", {"messages": {1, 2}})


def test_create_and_delete_are_refused_by_the_client_itself(sluice, gateway):
    from mlflow.exceptions import MlflowException

    gateway.set_gateway_uri(sluice(mocks(["a"])).url)
    with pytest.raises(MlflowException, match="The create_route API is only available when"):
        gateway.create_route("b", "llm/v1/chat", {"provider": "openai", "name": "m"})
    with pytest.raises(MlflowException, match="The delete_route API is only available when"):
        gateway.delete_route("a")


def test_client_sends_again_after_a_server_error(sluice, gateway, upstream, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    reply = {"id": "x", "created": 1, "model": "m", "choices": [{"message": {"role": "assistant", "content": "late"}, "finish_reason": "stop"}], "usage": {}}
    up = upstream(lambda x: x.reply({"error": {"message": "no"}}, "500 Internal Server Error") if x.number == 0 else x.reply(reply))
    gateway.set_gateway_uri(sluice({"endpoints": [chat_route(up.base)]}).url)
    assert gateway.query("chat", {"messages": MESSAGES})["choices"][0]["message"]["content"] == "late"
    assert len(up.requests) == 2


def test_credentials_of_any_kind_are_taken_and_go_nowhere(sluice, gateway, upstream, monkeypatch):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    gateway.set_gateway_uri(sluice({"endpoints": [chat_route(up.base)]}).url)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "canary-token")
    gateway.query("chat", {"messages": MESSAGES})
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "user")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "canary-password")
    gateway.query("chat", {"messages": MESSAGES})
    for request in up.requests:
        assert request.get("authorization") == "Bearer sk-test-secret" and b"canary" not in request.head


def test_deployments_client(sluice, gateway, upstream, monkeypatch):
    from mlflow.deployments import get_deploy_client

    daemon = sluice({"endpoints": [*mocks(["chat"])["endpoints"], *mocks(["emb"], "embeddings")["endpoints"]]})
    monkeypatch.setenv("MLFLOW_DEPLOYMENTS_TARGET", daemon.url)
    client = get_deploy_client()
    endpoint = client.get_endpoint("chat")
    assert (endpoint.endpoint_type, endpoint.endpoint_url, endpoint.limit) == ("llm/v1/chat", daemon.url + "/gateway/chat/invocations", None)
    assert client.predict(endpoint="chat", inputs={"messages": MESSAGES})["choices"][0]["finish_reason"] == "stop"
    assert client.predict(deployment_name="x", endpoint="emb", inputs={"input": "a"})["object"] == "list"
    with pytest.raises(requests.HTTPError, match="The endpoint 'nope' is not present or active"):
        client.get_endpoint("nope")
    for call in (client.create_endpoint, client.update_endpoint, client.delete_endpoint):
        with pytest.raises(NotImplementedError):
            call("x")


def test_free_strings_stay_free(sluice, gateway):
    """Paths take names with dots, of digits alone, and the longest ones."""
    names = ["a.b-c_d", "0", "x" * 255]
    gateway.set_gateway_uri(sluice(mocks(names)).url)
    assert [r.name for r in gateway.search_routes()] == names
    for name in names:
        assert gateway.get_route(name).name == name
        assert gateway.query(name, {"messages": MESSAGES})["choices"]


def test_openai_clients_see_mlflows_sentences(sluice):
    import openai

    config = {"endpoints": [*mocks(["chat"])["endpoints"], *mocks(["emb"], "embeddings")["endpoints"]]}
    client = openai.OpenAI(base_url=sluice(config).url + "/v1", api_key="x", max_retries=0)
    with pytest.raises(openai.BadRequestError, match="Endpoint 'emb' is not a chat endpoint"):
        client.chat.completions.create(model="emb", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError, match="Endpoint 'chat' is not a completions endpoint"):
        client.completions.create(model="chat", prompt="x")
    with pytest.raises(openai.BadRequestError, match="Endpoint 'chat' is not an embeddings endpoint"):
        client.embeddings.create(model="chat", input="x")


# --- sluice mlflow start ---


def start(*args, env=None, timeout=20):
    return subprocess.run([BIN, "mlflow", "start", *args], capture_output=True, text=True, timeout=timeout, env={"PATH": "/usr/bin:/bin", **(env or {})})


def test_start_serves_with_mlflows_options(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps(mocks(["a"])))
    for args, env in (["--config-path", str(path)], {}), ([f"--config-path={path}", "--workers=1"], {}), ([], {"MLFLOW_GATEWAY_CONFIG": str(path)}):
        port = free_port()
        proc = subprocess.Popen([BIN, "mlflow", "start", "--host", "127.0.0.1", "--port", str(port), *args], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                env={"PATH": "/usr/bin:/bin", "SLUICE_DATA": "none", **env})
        try:
            def health():
                assert proc.poll() is None, proc.stderr.read()
                try:
                    return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).json() == {"status": "OK"}
                except requests.ConnectionError:
                    return False

            wait_for(health, "health")
            assert requests.get(f"http://127.0.0.1:{port}/api/2.0/endpoints", timeout=5).json()["endpoints"][0]["name"] == "a", "a redirect is followed"
        finally:
            proc.terminate()
            assert proc.wait(20) == 0
            proc.stderr.close()


BAD_FILES = [(None, "does not exist"), ("endpoints:\n\t- name: x", "is not a valid yaml file"), (json.dumps({"endpoints": [{"name": "a"}]}), "Field required"), ("", "empty")]


@pytest.mark.parametrize("content, message", BAD_FILES)
def test_start_ends_with_2_for_a_bad_file(tmp_path, content, message):
    path = tmp_path / "c.yaml"
    if content is not None:
        path.write_text(content)
    done = start("--config-path", str(path))
    assert done.returncode == 2 and str(path) in done.stderr and message in done.stderr and done.stdout == "", done.stderr


def test_start_usage():
    assert start("--help").returncode == 0
    for env in ({}, {"MLFLOW_GATEWAY_CONFIG": ""}):
        done = start(env=env)
        assert done.returncode == 2 and "--config-path" in done.stderr
    done = start("--config-path", "x", "--port", "70000")
    assert done.returncode == 2 and "--port" in done.stderr
    done = start("--config-path", "x", "--nope")
    assert done.returncode == 2 and "--nope" in done.stderr

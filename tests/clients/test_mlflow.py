# SPDX-License-Identifier: Apache-2.0
"""MLflow 3's own clients, its judges, and other vendors' clients at its paths, for upstreams of every language."""
import base64
import json

import anthropic
import openai
import pytest
import requests
from google import genai
from mlflow.deployments import get_deploy_client
from mlflow.exceptions import MlflowException
from mlflow.genai.judges import make_judge
from mlflow.metrics.genai.model_utils import score_model_on_payload
from pydantic import BaseModel

import model
from harness import Sluice
from model import ROUTES, ROWS, SUM

GO = [{"role": "user", "content": "Go."}]
TOOL = {"type": "function", "function": {"name": "look_up", "description": "The value of a row.", "parameters": {
    "type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}}}
KEY = "key-of-a-program-0123456789"


class Sum(BaseModel):
    sum: int


@pytest.fixture(scope="module")
def client(lab):
    return get_deploy_client(lab.daemon.url)


@pytest.fixture
def gateway(lab, monkeypatch):
    monkeypatch.setenv("MLFLOW_GATEWAY_URI", lab.daemon.url)
    return lab


def test_routes_are_its_endpoints(lab, client):
    listed = {e.name: e for e in client.list_endpoints()}
    assert set(ROUTES) <= set(listed) and listed["anthropic"].endpoint_type == "llm/v1/chat"
    one = client.get_endpoint("anthropic")
    assert (one.name, one.model.name, one.model.provider) == ("anthropic", "claude-sonnet-4-5", "anthropic") and one.endpoint_url == f"{lab.daemon.url}/gateway/anthropic/invocations"


@pytest.mark.parametrize("route", ROUTES)
def test_a_loop_of_tools_by_predict(client, route):
    messages, sizes = [*GO], []
    while True:
        message = client.predict(endpoint=route, inputs={"messages": messages, "tools": [TOOL], "max_tokens": 1000})["choices"][0]["message"]
        messages.append({k: v for k, v in message.items() if v is not None})
        if not message["tool_calls"]:
            break
        sizes.append(len(message["tool_calls"]))
        messages += [{"role": "tool", "tool_call_id": c["id"], "content": str(ROWS[json.loads(c["function"]["arguments"])["row"]])} for c in message["tool_calls"]]
    assert sizes == [1, 2] and message["content"] == f"The sum is {SUM}."


def test_what_is_wrong_is_told(client):
    for endpoint, messages, status, words in (("nowhere", GO, 404, "Not Found"), ("chat", [], 422, "at least 1 item")):
        with pytest.raises(requests.HTTPError, match=words) as e:
            client.predict(endpoint=endpoint, inputs={"messages": messages})
        assert e.value.response.status_code == status


# --- what judges call ---

@pytest.mark.parametrize("route", ROUTES)
def test_a_score(gateway, route):
    assert json.loads(score_model_on_payload(f"gateway:/{route}", "Go.", {"temperature": 0.0, "max_tokens": 50})) == {"sum": SUM - 2}


@pytest.mark.parametrize("route", ROUTES)
def test_a_judge(gateway, monkeypatch, route):
    monkeypatch.setattr(model, "step", lambda *_: json.dumps({"result": True, "rationale": "It is so."}))
    judge = make_judge(name="right", instructions="Is {{ outputs }} an answer to {{ inputs }}?", model=f"gateway:/{route}", feedback_value_type=bool)
    said = judge(inputs={"question": "1 + 1"}, outputs={"answer": "2"})
    assert said.error is None and said.value is True and said.rationale == "It is so."
    assert "result" in json.dumps(gateway.fakes[gateway.upstream(route)].bodies[-1])


def test_a_judge_that_nobody_serves(gateway):
    judge = make_judge(name="right", instructions="Is {{ outputs }} good?", model="gateway:/nowhere", feedback_value_type=bool)
    with pytest.raises(MlflowException, match="nowhere"):
        judge(outputs={"answer": "2"})


def test_its_own_credential(tmp_path, monkeypatch):
    """A user and a password, which MLflow sends as Basic: the password is a key of the gateway."""
    daemon = Sluice(tmp_path, {"auth": {"keys": [{"name": "k", "key": KEY, "role": "query"}]},
                               "endpoints": [{"name": "m", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}]})
    try:
        monkeypatch.setenv("MLFLOW_GATEWAY_URI", daemon.url)
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "someone")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", KEY)
        assert score_model_on_payload("gateway:/m", "Hello.")
        assert get_deploy_client(daemon.url).predict(endpoint="m", inputs={"messages": GO})["choices"]
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another")
        with pytest.raises(MlflowException, match="401"):
            score_model_on_payload("gateway:/m", "Hello.")
        basic = base64.b64encode(f"someone:{KEY}".encode()).decode()
        other = openai.OpenAI(base_url=f"{daemon.url}/gateway/openai/v1", api_key="of-openai", default_headers={"X-MLflow-Authorization": f"Basic {basic}"})
        assert other.chat.completions.create(model="m", messages=GO).choices[0].message.content
    finally:
        daemon.stop()


# --- the clients of others ---

@pytest.mark.parametrize("path", ["mlflow/v1", "openai/v1"])
@pytest.mark.parametrize("route", ROUTES)
def test_openais(lab, route, path):
    other = openai.OpenAI(base_url=f"{lab.daemon.url}/gateway/{path}", api_key="none", max_retries=0)
    messages, sizes = [*GO], []
    while True:
        message = other.chat.completions.create(model=route, messages=messages, tools=[TOOL]).choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            break
        sizes.append(len(message.tool_calls))
        messages += [{"role": "tool", "tool_call_id": c.id, "content": str(ROWS[json.loads(c.function.arguments)["row"]])} for c in message.tool_calls]
    assert sizes == [1, 2] and message.content == f"The sum is {SUM}."
    messages.append({"role": "user", "content": "Say that again."})
    with other.chat.completions.create(model=route, messages=messages, tools=[TOOL], stream=True) as stream:
        assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices) == f"The sum is {SUM}."
    if path == "openai/v1" and route != "openai":  # its bytes would reach a fake for chats
        assert json.loads(other.responses.create(model=route, input="Go.").output_text) == {"sum": SUM - 2}


@pytest.mark.parametrize("route", ROUTES)
def test_anthropics(lab, route):
    other = anthropic.Anthropic(base_url=f"{lab.daemon.url}/gateway/anthropic", api_key="none", max_retries=0)
    assert json.loads(other.messages.create(model=route, max_tokens=1000, messages=GO).content[0].text) == {"sum": SUM - 2}
    with other.messages.stream(model=route, max_tokens=1000, messages=GO) as stream:
        assert json.loads("".join(stream.text_stream)) == {"sum": SUM - 2}


@pytest.mark.parametrize("route", ROUTES)
def test_geminis(lab, route):
    other = genai.Client(api_key="none", http_options={"base_url": f"{lab.daemon.url}/gateway/gemini", "api_version": "v1beta"})
    config = {"response_mime_type": "application/json", "response_schema": Sum}
    assert other.models.generate_content(model=route, contents="Go.", config=config).parsed == Sum(sum=SUM - 2)
    assert json.loads("".join(c.text or "" for c in other.models.generate_content_stream(model=route, contents="Go.", config=config))) == {"sum": SUM - 2}

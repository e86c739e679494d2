# SPDX-License-Identifier: Apache-2.0
"""boto3 at /model/{route}/converse and /converse-stream, against strict upstreams of Bedrock's language and of others:
with a key over TLS, because boto3 sends keys only over TLS, and with signatures at an open gateway."""
import json
import os
import subprocess
import urllib.parse

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bedrock_fake import KEYS, Bedrock
from test_cohere_client import ROUTES, Lab, route

KEY = "sk-of-this-gateway"
TOOLS = {"tools": [{"toolSpec": {"name": "f", "description": "adds", "inputSchema": {"json": {"type": "object", "properties": {"n": {"type": "integer"}}}}}}]}
GO = [{"role": "user", "content": [{"text": "go"}]}]


def client_of(url, ca=None, **more):
    config = Config(retries={"total_max_attempts": 1}, read_timeout=30)
    return boto3.Session().client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, verify=ca, config=config, **more)


class Bearer:
    """boto3 takes the key from the environment: it looks there when a session is made, and again at each call."""

    def __init__(self, url, ca, key=KEY):
        self.key = key
        self.client = self.within(lambda: client_of(url, ca))

    def within(self, do):
        os.environ["AWS_BEARER_TOKEN_BEDROCK"] = self.key
        try:
            return do()
        finally:
            del os.environ["AWS_BEARER_TOKEN_BEDROCK"]

    def __getattr__(self, name):
        return lambda **kwargs: self.within(lambda: getattr(self.client, name)(**kwargs))


def signing_client(url, ca=None):
    return client_of(url, ca, aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="not-looked-at")


@pytest.fixture(scope="module")
def certs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certs")
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return str(cert), str(key)


class Locked(Lab):
    """Over TLS, with a key."""

    def __init__(self, start, certs):
        cert, key = certs
        super().__init__(lambda config: start({**config, "server": {"tls": {"cert": cert, "key": key}}, "auth": {"keys": [{"name": "k", "key": KEY}]}}))
        self.url, self.ca = self.daemon.url.replace("http:", "https:"), cert
        self.client = Bearer(self.url, cert)


@pytest.fixture(scope="module")
def locked(sluice_module, certs):
    lab = Locked(sluice_module, certs)
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def lab(sluice_module):
    lab = Lab(sluice_module)
    lab.client = signing_client(lab.daemon.url)
    yield lab
    lab.close()


def put_together(events):
    """A stream's events joined to the reply that it would have been, in Bedrock's order: one block at a time."""
    names = [next(iter(e)) for e in events]
    assert names[0] == "messageStart" and names[-2:] == ["messageStop", "metadata"], names
    content, open_ = [], None
    for e in events[1:-2]:
        (name, event), = e.items()
        i = event["contentBlockIndex"]
        if name == "contentBlockStop":
            assert open_ == i
            open_ = None
            continue
        if open_ is None:
            assert i == len(content)
            content.append({})
            open_ = i
        assert open_ == i
        if name == "contentBlockStart":
            content[i] = {"toolUse": {**event["start"]["toolUse"], "input": ""}}
        elif "text" in event["delta"]:
            content[i] = {"text": content[i].get("text", "") + event["delta"]["text"]}
        elif "toolUse" in event["delta"]:
            content[i]["toolUse"]["input"] += event["delta"]["toolUse"]["input"]
        else:
            old = content[i].setdefault("reasoningContent", {"reasoningText": {}})["reasoningText"]
            for key, value in event["delta"]["reasoningContent"].items():
                old[key] = old.get(key, "") + value
    for block in content:
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return {"output": {"message": {"role": "assistant", "content": content}}, **events[-2]["messageStop"], **events[-1]["metadata"]}


def ask(client, stream, **call):
    if not stream:
        return client.converse(**call)
    return put_together(list(client.converse_stream(**call)["stream"]))


def loop(client, route, stream):
    messages = [*GO]
    for _ in range(4):
        reply = ask(client, stream, modelId=route, messages=messages, system=[{"text": "add"}], toolConfig=TOOLS, inferenceConfig={"maxTokens": 100})
        message = reply["output"]["message"]
        uses = [b["toolUse"] for b in message["content"] if "toolUse" in b]
        assert reply["stopReason"] == ("tool_use" if uses else "end_turn")
        assert reply["usage"]["totalTokens"] == reply["usage"]["inputTokens"] + reply["usage"]["outputTokens"]
        assert route == "bedrock" or reply["metrics"]["latencyMs"] >= 0
        messages.append(message)
        if not uses:
            break
        messages.append({"role": "user", "content": [{"toolResult": {"toolUseId": u["toolUseId"], "content": [{"json": {"n": u["input"]["n"]}}]}} for u in uses]})
    assert message["content"][-1]["text"] == "3" and len(messages) == 8


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_loop_of_tools_with_a_key(locked, route, stream):
    loop(locked.client, route, stream)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_loop_of_tools_signed(lab, route, stream):
    loop(lab.client, route, stream)


def test_errors_are_told_as_bedrock_does(lab):
    with pytest.raises(lab.client.exceptions.ResourceNotFoundException) as e:
        lab.client.converse(modelId="nothing", messages=GO)
    assert "nothing" in e.value.response["Error"]["Message"] and e.value.response["ResponseMetadata"]["RequestId"]
    with pytest.raises(lab.client.exceptions.ResourceNotFoundException, match="inference-profile/us"):
        lab.client.converse_stream(modelId="arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.a.b-v1:0", messages=GO)
    with pytest.raises(lab.client.exceptions.ValidationException, match="answers a tool call"):
        lab.client.converse(modelId="claude", messages=[{"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": []}}, {"toolResult": {"toolUseId": "t", "content": [{"text": "x"}]}}]}])
    r = lab.daemon.call("POST", "/model/claude/invoke", {})
    assert r.status == 404 and r.get("x-amzn-errortype") == "ResourceNotFoundException" and "Not Found" in r.json()["message"]


def test_amazons_names_of_models(sluice, upstream):
    """A route's name has no colon or slash: the id of a model, and an ARN, find the route with hyphens in their
    place."""
    fake = Bedrock([[{"text": "ok"}]] * 5)
    aws = {"aws_access_key_id": KEYS[0], "aws_secret_access_key": KEYS[1], "aws_region": "us-east-1", "aws_endpoint_url": upstream(fake).base.removesuffix("/v1")}
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    keys = [{"name": n, "key": f"sk-of-{n}-0123456789", "role": "query", "routes": [r]} for n, r in (("one", model.replace(":", "-")), ("two", "other"))]
    daemon = sluice({"endpoints": [route(n, "bedrock", model, aws_config=aws) for n in (model.replace(":", "-"), "other")], "auth": {"keys": keys}})
    arn = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{model}"
    body = {"messages": GO}
    for name in (model, arn):
        path = f"/model/{urllib.parse.quote(name, safe='')}/converse"
        r = daemon.call("POST", path, body, [("authorization", "Bearer sk-of-one-0123456789")])
        assert (r.status, r.json()["output"]["message"]["content"]) == (200, [{"text": "ok"}]), r.body
        assert daemon.log_line(r.get("x-request-id"))["route"] == model.replace(":", "-")
        assert daemon.call("POST", path, body, [("authorization", "Bearer sk-of-two-0123456789")]).status == 404, "a key of another route"
    r = daemon.call("POST", "/model/a.b%3A7/converse", body, [("authorization", "Bearer sk-of-one-0123456789")])
    assert r.status == 404 and "'a.b:7'" in r.json()["message"] and "'a.b-7'" in r.json()["message"]
    for name in ("a%2F", "%3A", "%2F%3A"):
        assert daemon.call("POST", f"/model/{name}/converse", body, [("authorization", "Bearer sk-of-one-0123456789")]).status == 404


def test_who_has_no_key_is_told_how_to_send_one(locked):
    with pytest.raises(ClientError) as e:
        signing_client(locked.url, locked.ca).converse(modelId="claude", messages=GO)
    error = e.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 401 and error["Error"]["Code"] == "UnrecognizedClientException" and "AWS_BEARER_TOKEN_BEDROCK" in error["Error"]["Message"]
    with pytest.raises(ClientError, match="not known"):
        Bearer(locked.url, locked.ca, "other").converse(modelId="claude", messages=GO)


def test_the_signature_and_the_key_are_the_routes(locked):
    locked.client.converse(modelId="bedrock", messages=GO)
    seen = locked.ups["bedrock"].requests[-1]
    assert seen.path == "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse" and seen.get("authorization").startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert KEY.encode() not in seen.head

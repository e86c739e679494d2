# SPDX-License-Identifier: Apache-2.0
"""Every golden case (tests/golden) through the real daemon: the case is the script of the upstream, which must see
exactly the right request and nothing of the client's key."""
import json
import pathlib
import re
import urllib.parse

import pytest
from botocore.eventstream import EventStreamBuffer

GOLDEN = pathlib.Path(__file__).parent.parent.parent / "golden"
CASES = sorted(GOLDEN.glob("*/*.json"))
BASES = {"sagemaker": "", "bedrock": "", "amazon-bedrock": "", "ai21labs": "/studio/v1", "cohere": "/v2", "gemini": "/v1beta",
         "azure": "", "huggingface-text-generation-inference": "", "mlflow-model-serving": "", "databricks": "", "databricks-model-serving": "", "groq": "/openai/v1", "fireworks": "/inference/v1", "openrouter": "/api/v1", "perplexity": ""}  # the paths of bases that are not /v1
KEYS = {"openai": ("openai_api_key", "sk-upstream-test", "openai_api_base"), "anthropic": ("anthropic_api_key", "sk-ant-upstream-test", "anthropic_api_base"),
        "cohere": ("cohere_api_key", "co-upstream-test", "cohere_api_base"),
        "gemini": ("gemini_api_key", "AIza-upstream-test", "gemini_api_base"), "ai21labs": ("ai21labs_api_key", "ai21-upstream-test", "ai21labs_api_base")}
MORE = {"azure": {"openai_deployment_name": "gpt", "openai_api_version": "2024-10-21"}, "litellm": {"litellm_provider": "openai"},
        "portkey": {"portkey_provider": "openai", "provider_api_key": "sk-behind-test"}}
KEYS |= {name: ("api_key", secret, "api_base") for name, secret in (
    ("groq", "gsk-upstream-test"), ("deepseek", "sk-upstream-test"), ("xai", "xai-upstream-test"), ("fireworks", "fw-upstream-test"), ("openrouter", "sk-or-upstream-test"),
    ("perplexity", "pplx-upstream-test"), ("ollama", "ollama"), ("vllm", "vllm-upstream-test"), ("openai-compatible", None), ("portkey", "pk-upstream-test"))}
KEYS |= {"azure": ("openai_api_key", "az-upstream-test", "openai_api_base"), "togetherai": ("togetherai_api_key", "tg-upstream-test", "togetherai_api_base"),
         "mistral": ("mistral_api_key", "mi-upstream-test", "mistral_api_base"), "litellm": ("litellm_api_key", "sk-litellm-test", "litellm_api_base")}
KEYS |= {n: ("token", "dapi-upstream-test", "host") for n in ("databricks", "databricks-model-serving")}
KEYS |= {"huggingface-text-generation-inference": ("hf_api_key", "hf_upstream-test", "hf_server_url"), "mlflow-model-serving": (None, None, "model_server_url")}
KEYS |= {"mosaicml": ("mosaicml_api_key", "mo-upstream-test", "mosaicml_api_base"), "palm": ("palm_api_key", "pa-upstream-test", None)}
VERTEX = {"vertex_project": "acme", "vertex_location": "europe-west4",
          "vertex_credentials": json.dumps({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"})}
AWS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "aws_region": "us-east-1"}
TIMED = ("authorization", "x-amz-date")  # parts of a signature: never the same twice
TYPES = {"/v1/chat/completions": "chat", "/v1/messages": "chat", "/v1/responses": "chat", "/v2/chat": "chat", "/v2/embed": "embeddings", "/v1/completions": "completions", "/v1/embeddings": "embeddings"}
TYPES |= {f"/gateway/{path}": "chat" for path in ("mlflow/v1/chat/completions", "openai/v1/chat/completions", "openai/v1/responses", "anthropic/v1/messages")}
TYPES |= {"/gateway/mlflow/v1/embeddings": "embeddings"}
CLIENT_KEY = "gw-test-key"


def parsed(text):
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def normal(value, pointer="", volatile=()):
    """The value as cases compare it: arguments parsed, changing values left out."""
    if pointer in volatile:
        return None
    if isinstance(value, dict):
        out = {}
        for k, v in value.items():
            out[k] = parsed(v) if k == "arguments" else normal(v, f"{pointer}/{k}", volatile)
        return out
    if isinstance(value, list):
        return [normal(v, f"{pointer}/{i}", volatile) for i, v in enumerate(value)]
    return value


def events(body, volatile=()):
    """The events of a stream as values; for Amazon's frames {type: payload}."""
    if body[:1] == b"\0":
        buffer = EventStreamBuffer()
        buffer.add_data(body)
        frames = [(f.headers.get(":event-type") or f.headers[":exception-type"], f.payload) for f in buffer]
        assert not buffer._data, "a frame is cut"
        return [normal({name: json.loads(payload)}, volatile=volatile) for name, payload in frames]
    if body[:1] == b"[":  # the stream is a list
        return [normal(v, volatile=("/created", *volatile)) for v in json.loads(body)]
    out, text = [], body.decode()
    for event in text.replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].removeprefix(" ") for line in event.split("\n") if line.startswith("data:"))
        if data:
            out.append(normal(parsed(data), volatile=("/created", *volatile)))
    return out


def body_text(case, message):
    if "body_file" in message:
        return (case.parent / message["body_file"]).read_bytes()
    return json.dumps(message["body"], ensure_ascii=False).encode()


def answer(x, case, response, piece):
    if x.path == "/v1/token":
        x.reply({"access_token": "ya29.upstream-test", "expires_in": 3599, "token_type": "Bearer"})
        return
    headers = [(k, v) for k, v in response["headers"].items() if k.lower() != "content-type"]
    kind = response["headers"]["content-type"]
    body = body_text(case, response)
    if "body_file" not in response:
        x.reply(body, f"{response['status']} Said", kind, headers)
        return
    x.stream_head(kind, headers)
    for at in range(0, len(body), piece):
        x.chunk(body[at:at + piece])
    x.last_chunk()


def route_name(model):
    return re.sub(r"[^A-Za-z0-9_.-]", "-", model)


def route_of(doc, exchange, base):
    provider = doc["provider"]
    if provider == "vertex_ai":
        config = {**VERTEX, "vertex_api_base": base, "token_uri": base + "/token"}
    elif provider.endswith("bedrock") or provider == "sagemaker":
        config = {"aws_config": {**AWS, "aws_endpoint_url": base}, **doc.get("config", {})}
    else:
        key, secret, base_key = KEYS[provider]
        config = {**({key: secret} if secret else {}), **({base_key: base} if base_key else {}), **MORE.get(provider, {}), **doc.get("config", {})}
    path = exchange["client_request"]["path"]
    route = doc.get("route") or {}
    model = route.get("model") or exchange["client_request"]["body"]["model"]
    named = exchange["client_request"]["body"].get("model") if route else None  # the case names the route itself
    name = path.split("/models/")[1].split(":")[0] if "/models/" in path else path.split("/")[2] if path not in TYPES else named or route_name(model)
    return {"name": name, "endpoint_type": route.get("type") or f"llm/v1/{TYPES[path]}",
            "model": {"provider": provider, "name": model, "config": config}, "sluice": {"retries": 0}}


def check_upstream(x, want):
    url = urllib.parse.urlsplit(want["url"])
    assert x.method == want["method"] and x.path == url.path + (f"?{url.query}" if url.query else "")
    for k, v in want["headers"].items():
        assert x.get(k) == v or (k in TIMED and v.startswith(("AWS4", "2026"))), k
    assert normal(x.json()) == normal(want["body"])
    assert CLIENT_KEY.encode() not in x.head + x.body


def calls(up):
    return [x for x in up.requests if x.path != "/v1/token"]


def check_client(case, doc, r, want):
    assert r.status == want["status"], r.body
    for k, v in want["headers"].items():
        got = r.get("x-sluice-upstream-request-id") if k.lower() == "x-request-id" else r.get(k)
        assert got == v, k
    assert ("x-sluice-dropped" in want["headers"]) == (r.get("x-sluice-dropped") is not None)
    volatile = doc.get("volatile", ())
    if "body_file" in want:
        assert events(r.body, volatile) == events(body_text(case, want), volatile)
    else:
        assert normal(r.json(), volatile=volatile) == normal(want["body"], volatile=volatile)


def check_log(daemon, r, want):
    """A stream's head was sent when the upstream says what cannot be translated: the access log has it."""
    names = [n for n in (want["headers"].get("x-sluice-dropped"), want.get("logged")) if n]
    if names:
        assert daemon.log_line(r.get("x-request-id"))["dropped"] == ",".join(names)


def pieces(case):
    """Streams also come in small pieces."""
    is_stream = any("body_file" in (e.get("upstream_response") or {}) for e in json.loads(case.read_text())["exchanges"])
    return [pytest.param(case, n, id=f"{case.parent.name}-{case.stem}-{n}") for n in ((7, 4096) if is_stream else (4096,))]


@pytest.mark.parametrize("case, piece", [p for case in CASES for p in pieces(case)])
def test_case(sluice, upstream, case, piece):
    doc = json.loads(case.read_text())
    current = {}
    up = upstream(lambda x: answer(x, case, current["upstream_response"], piece))
    base = up.base.removesuffix("/v1") + BASES.get(doc["provider"], "/v1")
    routes = [route_of(doc, e, base) for e in doc["exchanges"]]
    daemon = sluice({"endpoints": list({r["name"]: r for r in routes}.values())})
    for exchange in doc["exchanges"]:
        current.update(exchange)
        seen = len(calls(up))
        request = exchange["client_request"]
        body = dict(request["body"])
        if isinstance(body.get("model"), str):
            body["model"] = route_name(body["model"])
        r = daemon.call(request["method"], request["path"], json.dumps(body, ensure_ascii=False), list(request["headers"].items()))
        if exchange.get("upstream_request"):
            check_upstream(calls(up)[seen], exchange["upstream_request"])
        else:
            assert len(calls(up)) == seen, "refused without asking the upstream"
        check_client(case, doc, r, exchange["client_response"])
        check_log(daemon, r, exchange["client_response"])

# SPDX-License-Identifier: Apache-2.0
"""/openapi.json against the daemon that it describes: schemathesis makes calls that fit the document and calls that do
not. Every answer must be in the document: its status, type, headers and body. Calls that fit are taken, and callers
without a key are refused."""
import json
import pathlib
import re
import subprocess
import sys

import pytest
from jsonschema import Draft202012Validator

from harness import CHAT_REPLY, chat_route, typed_route
from upstream import Upstream

ADMIN = "k" * 40
BEARER = [("Authorization", f"Bearer {ADMIN}")]
KINDS = {"chat": "chat", "completions": "comp", "embeddings": "emb"}
TEXT = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m", "choices": [{"index": 0, "text": "hi", "finish_reason": "stop", "logprobs": None}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
VECTORS = {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}


def answer(x):
    """Answers like OpenAI: as a stream if that is asked for, now and then with an error."""
    if x.method == "GET":  # the test of a provider
        return x.reply({"object": "list", "data": []})
    body = x.json()
    if len(x.body) % 7 == 0:
        x.reply({"error": {"message": "not now", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}, status="429 Too Many Requests", headers=[("Retry-After", "1")])
    elif body.get("stream"):
        x.stream_head()
        x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hi"}, "text": "hi", "finish_reason": "stop"}]})
        x.event("[DONE]")
        x.last_chunk()
    else:
        x.reply(VECTORS if "embeddings" in x.path else CHAT_REPLY if "chat" in x.path else TEXT)


@pytest.fixture(scope="module")
def upstream_module():
    up = Upstream(answer)
    yield up
    up.close()


@pytest.fixture
def gateway(sluice, upstream_module, tmp_path):
    base = upstream_module.base
    config = {
        "auth": {"metrics": "viewer"},
        # a made-up route must not be asked
        "upstream": {"proxy": {"url": "http://127.0.0.1:9", "except": ["127.0.0.1"]}},
        "endpoints": [chat_route(base), typed_route(base, "comp", "completions"), typed_route(base, "emb", "embeddings")],
        "groups": [{"name": "acme"}, {"name": "acme/search"}],
    }
    return sluice(config, args=["--data", str(tmp_path / "data")], env={"SLUICE_ADMIN_KEY": ADMIN})


def document(daemon):
    return daemon.call("GET", "/openapi.json").json()


def name_in(*names):
    return {"name": "name", "in": "path", "required": True, "schema": {"enum": list(names)}}


def rules_narrow(schema):
    """Leaves out what a reader of its own decides, and bounds durations, because their patterns do not."""
    members = schema.get("properties", {})
    for key, row in list(members.items()):
        if not {"type", "enum", "anyOf"} & set(row):
            del members[key]
    if "ms|s" in schema.get("pattern", ""):
        schema["pattern"] = "^[1-9]s$"
    for part in [*members.values(), *schema.get("anyOf", [])]:
        rules_narrow(part)


def narrowed(doc):
    """Limits the document to these calls, by facts that no schema has: which names exist, which members of providers go
    together, which times are in the future."""
    parts, schemas = doc["components"]["parameters"], doc["components"]["schemas"]
    parts["page_token"]["schema"] = {"enum": ["eyJpbmRleCI6IDB9"]}  # {"index": 0}
    parts["x-sluice-timeout"]["schema"] = {"enum": ["60s"]}  # a shorter one may end a call
    parts["after_id"]["schema"] = parts["before_id"]["schema"] = parts["pageToken"]["schema"] = {"enum": ["chat"]}
    for path, operations in doc["paths"].items():
        kind = next((k for k in KINDS if k in path), None)
        for operation in operations.values():
            if "invocations" in path:  # one type each, and so one body
                kind = {"/gateway": "chat", "/endpoints": "completions", "/serving-endpoints": "embeddings"}[path.split("/{")[0]]
                operation["requestBody"]["content"]["application/json"]["schema"] = {"$ref": f"#/components/schemas/{kind.capitalize()}Request"}
            if kind and "{name}" in path:
                operation["parameters"][0] = name_in(KINDS[kind], "nobody")
            elif re.search("{name}/(images|audio)/", path):  # no provider here has these
                operation["parameters"][0] = name_in("nobody")
            elif path.startswith("/model/") or "/models/{name}:" in path:
                operation["parameters"][0] = name_in(KINDS["embeddings" if "mbedContent" in path else "chat"], "nobody")
            elif path == "/api/sluice/v1/groups/{name}":  # a path of words, which no pattern of a name says
                operation["parameters"][0] = name_in("acme", "made", "made/too")
            elif re.search(r"routes/{name}$|serving-endpoints/{name}", path):
                operation["parameters"][0] = name_in("made", "chat", "made-too")
            elif "/groups/{name}" in path:  # a name that has a character without a form is refused
                operation["parameters"][0] = name_in("made", "acme", "acme/search")
    del doc["paths"]["/api/sluice/v1/requests/tail"]  # it has no end
    parts["request_from"]["schema"] = parts["request_to"]["schema"] = {"type": "string", "pattern": "^[0-9]{1,10}$"}
    for name, value in (("error_type", "caller_not_found"), ("by", "status,route")):
        parts[f"request_{name}"]["schema"] = {"enum": [value]}
    schemas["RouteType"] = {"enum": ["llm/v1/chat", "llm/v1/completions", "llm/v1/embeddings"]}  # it depends on the provider
    for model in ("OpenaiImagesRequest", "OpenaiSpeechRequest", "OpenaiModerationsRequest", "RerankRequest", "OpenaiTranscriptionForm", "OpenaiImagesEditForm", "OpenaiImagesVariationForm"):
        schemas[model]["properties"]["model"] = {"enum": ["nobody"]}
    for kind, name in KINDS.items():
        schemas[f"Openai{kind.capitalize()}Request"]["properties"]["model"] = {"enum": [name]}
        schemas[f"Deployment{kind.capitalize()}Request"]["properties"]["model"] = {"enum": [name, None]}
        if kind != "completions":
            schemas[f"Unified{kind.capitalize()}Request"]["properties"]["model"] = {"enum": [name]}
    for name in ("AnthropicRequest", "AnthropicCountRequest", "CohereChatRequest"):
        schemas[name]["properties"]["model"] = {"enum": ["chat"]}
    schemas["AnthropicRequest"]["properties"]["max_tokens"]["maximum"] = 1 << 53  # its only bound is the size of integers
    schemas["CohereEmbedRequest"]["properties"]["model"] = {"enum": [KINDS["embeddings"]]}
    for name in ("RouteModel", "ExternalModel"):
        schemas[name]["oneOf"] = [m for m in schemas[name]["oneOf"] if m["properties"]["provider"]["const"] in ("groq", "mistral")]
        for model in schemas[name]["oneOf"]:
            config = next(v for k, v in model["properties"].items() if k.endswith("config"))
            next(v for k, v in config["properties"].items() if k.endswith("api_base"))["pattern"] = r"^https://[a-z]{3,9}\.example\.com/v1$"
    schemas["Zone"] = {"enum": ["UTC", "Europe/Berlin", None]}
    for name in ("LimitList", "AllLimitList", "GroupLimitList", "DatabricksLimitList"):
        schemas[name]["maxItems"] = 1
    for key in ("fallback", "shadow"):  # they name other routes of the same type
        del schemas["RouteSettings"]["properties"][key]
    rules_narrow(schemas["RouteSettings"])
    del schemas["PutGroupRequest"]["properties"]["name"]  # it is the path's
    for name in ("CreateRouteRequest", "PutRouteRequest"):
        schemas[name]["required"].append("model")  # it has no targets here
    schemas["CreateKeyRequest"]["properties"]["group"] = {"enum": [None, "acme/search"]}
    schemas["CreateKeyRequest"]["properties"]["expires_at"] = {"enum": [None, "2100-01-01T00:00:00Z", 4102444800]}
    return doc


SETTINGS = """
[phases.coverage]
# not QUERY, which the parser of heads does not know
unexpected-methods = ["PATCH", "PUT", "TRACE", "DELETE"]

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "429"]

[[operations]]
include-path-regex = "/(tags|ai-gateway)$"
[operations.checks]
not_a_server_error.expected-statuses = ["4xx", "501"]
positive_data_acceptance.expected-statuses = ["501"]

[[operations]]
# names are pinned here; and a call of a model is taken in more forms than its schema has: "0.5" for 0.5, as MLflow does
include-path-regex = "[{]name[}]|^(?!/api/)"
[operations.checks]
negative_data_rejection.expected-statuses = ["2xx", "3xx", "4xx", "5xx"]
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", ["^/api/2.0/", "^/api/sluice/", "^(?!/api/)"], ids=["mlflow", "sluice", "calls"])
def test_schemathesis_finds_nothing(gateway, tmp_path, part):
    (tmp_path / "schemathesis.toml").write_text(SETTINGS)
    (tmp_path / "openapi.json").write_text(json.dumps(narrowed(document(gateway))))
    run = subprocess.run(
        [pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", "schemathesis.toml", "run", "openapi.json", "--url", gateway.url, "--seed", "1", "--max-examples", "3",
         "--phases", "coverage,fuzzing", "--include-path-regex", part, "--continue-on-failure", "--no-color", "--warnings", "off",
         "--header", f"Authorization: Bearer {ADMIN}", "--checks", "all", "--exclude-checks", "missing_required_header"],
        cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0, run.stdout[-30000:] + run.stderr
    print(run.stdout[-600:])


def check(doc, path, method, reply):
    """Checks that the document has the reply."""
    responses = doc["paths"][path][method]["responses"]
    told = responses.get(str(reply.status)) or responses[f"{reply.status // 100}XX"]
    if "$ref" in told:
        told = doc["components"]["responses"][told["$ref"].rsplit("/", 1)[1]]
    for name, header in told["headers"].items():
        header = doc["components"]["headers"][header["$ref"].rsplit("/", 1)[1]]
        assert reply.get(name) is not None or not header.get("required"), (name, reply.headers)
    schema = told["content"][reply.get("content-type").split(";")[0]].get("schema")
    if schema:
        Draft202012Validator({**doc, **schema}).validate(reply.json())


def test_schemas_are_schemas(gateway):
    doc = document(gateway)
    for schema in doc["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    both = [set(re.findall(rf"^\| `{section}\.(\w+)", (pathlib.Path(__file__).parents[3] / "docs/configuration.md").read_text(), re.M)) for section in ("upstream", "sluice")]
    of_file = {"proxy", "headers", "tls", "passage", "responses"}
    assert set(doc["components"]["schemas"]["RouteSettings"]["properties"]) == both[1] - of_file >= {"timeouts", "retries", "targets", "fallback"} > both[0] & both[1] - {"proxy", "limits"}


ERROR = {"error": {"message": "no", "type": "t", "param": None, "code": "c"}}
SAID = [  # what an upstream may answer: status, type, body
    ("500 Oops", "application/json", ERROR), ("503 Busy", "application/json", {"error": {"message": "busy"}}), ("529 Overloaded", "application/json", ERROR),
    ("418 Teapot", "application/json", {"error": "a text"}), ("400 Bad", "application/json", {"message": "no error member"}), ("400 Bad", "application/json", []),
    ("401 No", "application/json", ERROR), ("402 Pay", "application/json", ERROR), ("404 None", "text/plain", "nothing"), ("429 Slow", "application/json", {"error": {"code": 7, "message": None}}),
    ("502 Gateway", "text/html", "<html><title>Bad</title></html>"), ("302 Elsewhere", "text/html", ""), ("400 Bad", "application/json", "{"), ("422 Shape", "application/json", {"detail": [{"loc": ["body"], "msg": "m", "type": "t"}]}),
    ("200 OK", "text/html", "<html></html>"), ("200 OK", "application/json", "[]"), ("200 OK", "application/json", ERROR), ("200 OK", "application/json", "{}"), ("200 OK", "application/json", {"choices": []}),
    ("200 OK", "application/json", {"choices": [{"message": {"content": ["?"]}}]}),
]
PATHS = ["/v1/chat/completions", "/openai/deployments/{name}/chat/completions", "/gateway/{name}/invocations", "/endpoints/{name}/invocations", "/serving-endpoints/{name}/invocations"]


def test_what_upstreams_say_is_told_as_the_document_has_it(sluice, upstream):
    said = iter([])
    up = upstream(lambda x: (lambda status, kind, body: x.reply(body, status=status, content_type=kind))(*next(said)))
    daemon = sluice({"endpoints": [chat_route(up.base, "chat", retries=0)], "auth": "none"})
    doc = document(daemon)
    for path in PATHS:
        said = iter(SAID)
        for _ in SAID:
            body = {"messages": [{"role": "user", "content": "hello"}], **({"model": "chat"} if path.startswith("/v1") else {})}
            check(doc, path, "post", daemon.call("POST", path.replace("{name}", "chat"), body))
        assert next(said, None) is None


def test_without_a_store_or_an_upstream(sluice):
    daemon = sluice({"endpoints": [chat_route("http://127.0.0.1:9/v1")], "auth": "none"})
    doc = document(daemon)
    for path in PATHS:
        body = {"messages": [{"role": "user", "content": "hello"}], **({"model": "chat"} if path.startswith("/v1") else {})}
        reply = daemon.call("POST", path.replace("{name}", "chat"), body)
        assert reply.status == 502
        check(doc, path, "post", reply)
    for method, path, body in (("post", "/api/2.0/gateway/routes/", {"name": "new", "route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}), ("get", "/api/sluice/v1/audit", None),
                               ("post", "/api/sluice/v1/keys", {"name": "n", "principal": "p", "role": "query"}), ("post", "/api/2.0/gateway/limits/", {"route": "chat", "limits": []}),
                               ("put", "/api/2.0/serving-endpoints/{name}/rate-limits", {"rate_limits": []}), ("post", "/api/sluice/v1/secret/rotate", None)):
        reply = daemon.call(method.upper(), path.replace("{name}", "chat"), body)
        assert (reply.status, reply.get("retry-after")) == (503, "1"), reply.body
        check(doc, path, method, reply)

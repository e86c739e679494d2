# SPDX-License-Identifier: Apache-2.0
"""MLflow's path table: the answer to every method, with and without a slash. Checked against its own server (2.22.4,
FastAPI 0.115)."""
import base64
import json

import pytest

from harness import chat_route, typed_route

NOT_FOUND = {"detail": "Not Found"}
NOT_ALLOWED = {"detail": "Method Not Allowed"}
ROUTES = "/api/2.0/gateway/routes/"
ENDPOINTS = "/api/2.0/endpoints/"


def three(base="http://127.0.0.1:9/v1"):
    routes = [chat_route(base), typed_route(base, "comp", "completions"), typed_route(base, "emb", "embeddings")]
    routes[1]["limit"] = {"calls": 5, "renewal_period": "minute"}
    return {"endpoints": routes}


def item(name, kind, limit=None, words="route"):
    return {"name": name, f"{words}_type": f"llm/v1/{kind}", "model": {"name": "gpt-4o-mini", "provider": "openai"}, f"{words}_url": f"/gateway/{name}/invocations", "limit": limit}


LIMIT = {"calls": 5, "key": None, "renewal_period": "minute"}
OLD = [item("chat", "chat"), item("comp", "completions", LIMIT), item("emb", "embeddings")]
NEW = [item("chat", "chat", words="endpoint"), item("comp", "completions", LIMIT, words="endpoint"), item("emb", "embeddings", words="endpoint")]


def missing(word, name):
    return {"detail": f"The {word} '{name}' is not present or active on the server. Please verify the {word} name."}


GETS = [
    ("/health", 200, {"status": "OK"}),
    (ROUTES, 200, {"routes": OLD, "next_page_token": None}),
    (ENDPOINTS, 200, {"endpoints": NEW, "next_page_token": None}),
    (ROUTES + "chat", 200, OLD[0]),
    (ROUTES + "c%68at", 200, OLD[0]),
    (ENDPOINTS + "comp", 200, NEW[1]),
    (ROUTES + "nope", 404, missing("route", "nope")),
    (ENDPOINTS + "nope", 404, missing("endpoint", "nope")),
    (ROUTES + "a%20b", 404, missing("route", "a b")),
    (ROUTES + "a/b", 404, NOT_FOUND),
    (ROUTES + "a%2Fb", 404, NOT_FOUND),
    ("/api/2.0/gateway/limits/chat", 200, {"limits": []}),
    ("/api/2.0/endpoints/limits/chat", 200, {"limits": []}),
    ("/.well-known/databricks-config", 404, NOT_FOUND),
    ("/nope", 404, NOT_FOUND),
    ("/HEALTH", 404, NOT_FOUND),
    ("/gateway/nope/invocations", 404, NOT_FOUND),
    ("/gateway/nope/invocations/", 404, NOT_FOUND),
]


def test_gets(sluice):
    daemon = sluice(three())
    for path, status, body in GETS:
        r = daemon.call("GET", path)
        assert (r.status, r.get("content-type")) == (status, "application/json"), path
        assert r.body == json.dumps(body, separators=(",", ":")).encode(), path


# path, the answer to GET, the methods that exist
SLASHES = [
    ("/health/", "/health"), ("/docs/", "/docs"), ("/redoc/", "/redoc"), ("/openapi.json/", "/openapi.json"), (ROUTES[:-1], ROUTES), (ENDPOINTS[:-1], ENDPOINTS),
    (ROUTES + "chat/", ROUTES + "chat"), (ROUTES + "nope/", ROUTES + "nope"), (ROUTES + "chat//", ROUTES + "chat"), ("/api/2.0/gateway/limits", "/api/2.0/gateway/limits/"),
    ("/gateway/chat/invocations/", "/gateway/chat/invocations"), ("/endpoints/emb/invocations/", "/endpoints/emb/invocations"), ("/v1/embeddings/", "/v1/embeddings"),
    ("/health/?x=1&y=%20", "/health?x=1&y=%20"), (ROUTES[:-1] + "?page_token=abc%3D", ROUTES + "?page_token=abc%3D"),
]


def test_slashes_redirect_whatever_the_method(sluice):
    daemon = sluice(three())
    for path, to in SLASHES:
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"):
            r = daemon.call(method, path)
            assert (r.status, r.body, r.get("location"), r.get("content-type")) == (307, b"", to, None), (method, path)


def test_redirect_without_a_host(sluice):
    daemon = sluice(three())
    conn = daemon.connect()
    conn.send(b"GET /health/ HTTP/1.0\r\n\r\n")
    r = conn.reply("GET")
    assert (r.status, r.get("location")) == (307, "/health")


METHODS = [
    ("/", "GET, HEAD"), ("/health", "GET, HEAD"), ("/docs", "GET, HEAD"), ("/favicon.ico", "GET"), (ROUTES, "GET, POST"), (ROUTES + "chat", "GET, DELETE"), (ENDPOINTS, "GET"), (ENDPOINTS + "x", "GET"),
    ("/api/2.0/gateway/limits/chat", "GET"), ("/api/2.0/gateway/limits/", "POST"), ("/api/2.0/endpoints/limits/", "POST"), ("/api/2.0/endpoints/limits", "GET"),
    ("/gateway/chat/invocations", "POST"), ("/endpoints/chat/invocations", "POST"), ("/redoc", "GET, HEAD"), ("/openapi.json", "GET, HEAD"),
]


def test_other_methods_are_405_with_allow(sluice):
    daemon = sluice(three())
    for path, allowed in METHODS:
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"):
            if method in allowed.split(", "):
                continue
            r = daemon.call(method, path)
            assert (r.status, r.reason, r.get("allow")) == (405, "Method Not Allowed", allowed), (method, path)
            if method != "HEAD":
                assert r.json() == NOT_ALLOWED
    for path in ("/redoc", "/openapi.json"):
        r = daemon.call("HEAD", path)
        assert r.status == 200 and int(r.get("content-length")) > 100


def test_index_docs_and_icon(sluice):
    daemon = sluice(three())
    r = daemon.call("GET", "/")
    assert (r.status, r.body, r.get("location")) == (307, b"", "/docs")
    for path in ("/docs", "/redoc"):
        r = daemon.call("GET", path)
        assert (r.status, r.get("content-type")) == (200, "text/html; charset=utf-8")
        assert b"/gateway/{name}/invocations" in r.body and b"/v1/models" in r.body
        assert b"http://cdn" not in r.body and b"<script" not in r.body
    r = daemon.call("GET", "/favicon.ico")
    assert r.status == 200 and r.body[:4] == b"\0\0\1\0" and r.get("content-type") == "image/vnd.microsoft.icon"


def test_openapi_describes_this_server(sluice):
    daemon = sluice(three())
    r = daemon.call("GET", "/openapi.json")
    doc = r.json()
    assert r.get("content-type") == "application/json" and doc["openapi"].startswith("3.1")
    assert {"/health", ROUTES, ENDPOINTS, ROUTES + "{name}", "/gateway/{name}/invocations", "/v1/chat/completions", "/api/2.0/gateway/limits/"} <= set(doc["paths"])
    for path, operations in doc["paths"].items():  # every call in it exists
        path = path.replace("{name}", "chat")
        for method, operation in operations.items():
            r = daemon.call(method.upper(), path, {} if method not in ("get", "head") else None)
            assert r.status != 405 and str(r.status) in operation["responses"], (method, path, r.body)
    chat = doc["components"]["schemas"]["ChatRequest"]
    assert chat["required"] == ["messages"] and chat["properties"]["temperature"] == {"type": "number", "minimum": 0.0, "maximum": 2.0}
    assert chat["properties"]["max_tokens"]["type"] == ["integer", "null"]
    assert chat["properties"]["messages"]["items"]["properties"]["content"]["anyOf"][1]["items"]["oneOf"]

    def refs(v):
        if isinstance(v, dict):
            for k, x in v.items():
                yield from [x] if k == "$ref" else refs(x)
        elif isinstance(v, list):
            for x in v:
                yield from refs(x)

    for ref in refs(doc):
        group, name = ref.removeprefix("#/components/").split("/")
        assert name in doc["components"][group], ref


SET_LIMITS = [
    (b"", '[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]'),
    (b"{}", '[{"type":"missing","loc":["body","route"],"msg":"Field required","input":{}},{"type":"missing","loc":["body","limits"],"msg":"Field required","input":{}}]'),
    (b'{"route":1,"limits":{}}', '[{"type":"string_type","loc":["body","route"],"msg":"Input should be a valid string","input":1},'
                                 '{"type":"list_type","loc":["body","limits"],"msg":"Input should be a valid list","input":{}}]'),
    (b'{"route":"a","limits":[1,{}]}', '[{"type":"dict_type","loc":["body","limits",0],"msg":"Input should be a valid dictionary","input":1}]'),
]


def test_set_limits_checks_its_body(sluice):
    daemon = sluice(three())
    for path in ("/api/2.0/gateway/limits/", "/api/2.0/endpoints/limits/"):
        for body, detail in SET_LIMITS:
            r = daemon.call("POST", path, body)
            assert (r.status, r.body.decode()) == (422, '{"detail":' + detail + "}"), body


# --- pages ---


def token(value):
    return base64.b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode()


TOKENS = [
    (token({"index": 1}), ["comp", "emb"]), (token({"index": "2"}), ["emb"]), (token({"index": 1.7}), ["comp", "emb"]), (token({"index": True}), ["comp", "emb"]), (token({"index": 99}), []),
    (token({"index": 10**30}), []), (token({"index": 2, "after": "chat"}), ["comp", "emb"]), (token({"index": 2, "after": "gone"}), ["emb"]),
    (token({"index": 2, "after": "gone", "before": ["gone too", "chat"]}), ["comp", "emb"]), (token({"index": 2, "after": "gone", "before": []}), ["chat", "comp", "emb"]),
    (token({"index": -1}), None), (token({}), None), (token([]), None), (token({"index": "x"}), None), (token({"index": None}), None), (token(b"no json"), None), ("", None), ("abc", None), ("%FF", None),
]


def test_page_tokens(sluice):
    daemon = sluice(three())
    for text, names in TOKENS:
        r = daemon.call("GET", ROUTES + "?page_token=" + text)
        if names is None:
            assert r.status == 400 and "page_token" in r.json()["detail"], text
        else:
            assert [x["name"] for x in r.json()["routes"]] == names and r.json()["next_page_token"] is None, text


def quick(config):
    """Many routes as a text: JSON is YAML, and Python's YAML is slow."""
    return {"raw": json.dumps({**config, "server": {"timeouts": {"drain_delay": "0s"}}, "log": {"access": "none"}})}


def named(names):
    return {"endpoints": [{"name": n, "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "config": {}}} for n in names]}


def listed(daemon, text=None):
    page = daemon.call("GET", ENDPOINTS + (f"?page_token={text}" if text else "")).json()
    return [x["name"] for x in page["endpoints"]], page["next_page_token"]


@pytest.mark.parametrize("gone", [["r2999"], ["r0", "r1", "r2999"], ["r2997", "r2998", "r2999", "r5"], [f"r{i}" for i in range(3000)], [f"r{i}" for i in range(1, 3000)]])
def test_a_list_misses_none_that_stayed(sluice, gone):
    """Routes are deleted between two pages, also the one that the token names."""
    names = [f"r{i}" for i in range(3005)]
    daemon = sluice(**quick(named(names)))
    first, text = listed(daemon)
    assert first == names[:3000] and json.loads(base64.b64decode(text))["index"] == 3000 and json.loads(base64.b64decode(text))["after"] == "r2999"
    stayed = [n for n in names if n not in gone] + ["new"]
    after = sluice(**quick(named(stayed)))
    seen = list(first)
    while text:
        page, text = listed(after, text)
        seen += page
    assert set(stayed) <= set(seen)
    if len(gone) < 10:
        assert len(seen) == len(set(seen)), "none is told twice where a name near the page's end stayed"


# --- with keys ---

ADMIN, SMALL = "sk-sluice-" + "a" * 43, "sk-sluice-" + "b" * 43


def test_keys_see_their_routes_only_in_paths_and_tokens(sluice):
    keys = [{"name": "admin", "principal": "admin", "role": "admin", "key": ADMIN}, {"name": "small", "principal": "small", "role": "query", "routes": ["r7", "r3001"], "key": SMALL}]
    daemon = sluice(**quick({**named([f"r{i}" for i in range(3005)]), "auth": {"keys": keys}}))

    def call(method, path, key=None):
        return daemon.call(method, path, headers=[("Authorization", "Bearer " + key)] if key else [])

    page = call("GET", ROUTES, SMALL).json()
    assert [r["name"] for r in page["routes"]] == ["r7"]
    assert json.loads(base64.b64decode(page["next_page_token"])) == {"index": 3000, "after": "r7", "before": []}
    page = call("GET", ROUTES + "?page_token=" + page["next_page_token"], SMALL).json()
    assert [r["name"] for r in page["routes"]] == ["r3001"] and page["next_page_token"] is None
    assert len(json.loads(base64.b64decode(call("GET", ROUTES, ADMIN).json()["next_page_token"]))["before"]) >= 10
    assert [e["name"] for e in call("GET", "/api/2.0/serving-endpoints", SMALL).json()["endpoints"]] == ["r7", "r3001"]
    # Only callers who may use a route learn that its paths exist.
    for path in ("/gateway/r7/invocations", "/gateway/r7/invocations/", "/endpoints/no/invocations", "/serving-endpoints/r1/invocations"):
        assert call("GET", path).status == 401, path
    for path, status in (("/gateway/r7/invocations", 405), ("/gateway/r7/invocations/", 307), ("/gateway/r8/invocations", 404), ("/gateway/r8/invocations/", 404), ("/gateway/no/invocations", 404)):
        assert call("GET", path, SMALL).status == status, path
    for path, status in (("/docs", 200), ("/openapi.json", 200), ("/health", 200), ("/", 307), ("/favicon.ico", 200), ("/nope", 404), ("/health/", 307)):
        r = call("GET", path)
        assert r.status == status and b"r3001" not in r.body, path
    assert call("POST", "/api/2.0/gateway/limits/", SMALL).status == 403

# SPDX-License-Identifier: Apache-2.0
"""Paths under other names, methods that are not served, and prefixes before a path."""
import openai
import pytest

from test_mock import config, user

CHAT = user("x")
INVOKE = [("/chat/completions", CHAT), ("/completions", {"model": "comp", "prompt": "x"}), ("/embeddings", {"model": "emb", "input": "x"}),
          ("/openai/deployments/chat/chat/completions?api-version=2024-10-21", CHAT), ("/openai/deployments/comp/completions", {"prompt": "x"}),
          ("/openai/deployments/emb/embeddings", {"input": ["x"]}), ("/openai/deployments/chat/chat/completions", {"messages": CHAT["messages"], "model": None}),
          ("/openai/deployments/chat/chat/completions", {"messages": CHAT["messages"], "model": "gpt-4o"})]


@pytest.fixture(scope="module")
def daemon(sluice_module):
    return sluice_module({"server": {"trusted_proxies": ["127.0.0.1/32"]}, **config()})


@pytest.mark.parametrize("path, body", INVOKE)
def test_brothers_are_served(daemon, path, body):
    r = daemon.call("POST", path, body)
    assert r.status == 200, r.body
    assert r.json()["object"] in ("chat.completion", "text_completion", "list")


def test_the_azure_client(daemon):
    client = openai.AzureOpenAI(azure_endpoint=daemon.url, api_key="none", api_version="2024-10-21", max_retries=0)
    assert client.chat.completions.create(model="chat", messages=CHAT["messages"]).choices[0].message.content == "You said: x"
    chunks = list(client.chat.completions.create(model="chat", messages=CHAT["messages"], stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "You said: x"
    assert len(client.embeddings.create(model="emb", input="x").data[0].embedding) == 8
    with pytest.raises(openai.NotFoundError) as e:
        client.chat.completions.create(model="nosuch", messages=CHAT["messages"])
    assert e.value.code == "model_not_found"


def test_models_without_v1(daemon):
    client = openai.OpenAI(base_url=daemon.url, api_key="none", max_retries=0)
    assert [m.id for m in client.models.list()] == ["chat", "comp", "emb"]
    assert client.models.retrieve("emb").id == "emb"
    assert client.chat.completions.create(model="chat", messages=CHAT["messages"]).choices[0].message.content == "You said: x"


@pytest.mark.parametrize("method, path", [("GET", "/v1"), ("POST", "/v1"), ("GET", "/v1/"), ("GET", "/v1/nosuch"), ("GET", "/chat/completions"), ("PUT", "/models"),
                                          ("GET", "/openai"), ("POST", "/openai/deployments/chat/nosuch"), ("DELETE", "/embeddings"), ("GET", "/chat/completions/x")])
def test_openais_shape_of_errors(daemon, method, path):
    r = daemon.call(method, path)
    assert r.status in (404, 405) and set(r.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("path", ["/v1x", "/modelsx", "/embeddingsx", "/", "/gateway/x"])
def test_mlflows_shape_elsewhere(daemon, path):
    assert set(daemon.call("POST", path).json()) == {"detail"}


HEADS = ["/health", "/ready", "/metrics", "/docs", "/openapi.json", "/v1/models", "/v1/models/chat", "/models", "/api/sluice/v1/routes", "/api/sluice/v1/routes/chat"]


@pytest.mark.parametrize("path", HEADS)
def test_head_is_get_without_a_body(daemon, path):
    get = daemon.call("GET", path)
    with_head = daemon.call("HEAD", path)
    assert get.status == with_head.status == 200 and with_head.body == b"" and get.get("content-type") == with_head.get("content-type")


@pytest.mark.parametrize("method, path, status", [
    ("HEAD", "/api/2.0/gateway/routes/", 405), ("HEAD", "/api/2.0/endpoints/chat", 405), ("PATCH", "/health", 405), ("TRACE", "/health", 405),
    ("TRACE", "/v1/models", 405), ("OPTIONS", "/gateway/chat/invocations", 405), ("PROPFIND", "/health", 501), ("PROPFIND", "/v1/models", 501),
    ("MKCOL", "/nosuch", 501), ("LOCK", "/api/2.0/gateway/routes/", 501), ("SEARCH", "/api/sluice/v1/routes", 501), ("PURGE", "/gateway/chat/invocations", 501)])
def test_methods_that_are_not_served(daemon, method, path, status):
    r = daemon.call(method, path)
    assert r.status == status and (r.get("allow") is not None) == (status == 405)


@pytest.mark.parametrize("path, headers, location", [
    ("/health/", {}, "/health"),
    ("/api/2.0/gateway/routes", {}, "/api/2.0/gateway/routes/"),
    ("/api/2.0/gateway/routes?page_token=x", {}, "/api/2.0/gateway/routes/?page_token=x"),
    ("/v1/models/", {"X-Forwarded-Proto": "https"}, "/v1/models"),
    ("/health/", {"X-Forwarded-Prefix": "/sluice"}, "/sluice/health"),
    ("/health/", {"X-Forwarded-Prefix": "/sluice/"}, "/sluice/health"),
    ("/health/", {"X-Forwarded-Prefix": "/a/b-c.d"}, "/a/b-c.d/health"),
    ("/", {"X-Forwarded-Prefix": "/sluice"}, "/sluice/docs"),
    ("/health/", {"X-Forwarded-Prefix": "//evil.example"}, "/health"),
    ("/health/", {"X-Forwarded-Prefix": "https://evil.example"}, "/health"),
    ("/health/", {"X-Forwarded-Prefix": "/a//b"}, "/health"),
    ("/health/", {"X-Forwarded-Prefix": "/a\\b"}, "/health"),
    ("/health/", {"X-Forwarded-Prefix": "/"}, "/health"),
])
def test_redirects_are_relative(daemon, path, headers, location):
    r = daemon.call("GET", path, headers=list(headers.items()))
    assert (r.status, r.get("location")) == (307, location)


ADMIN = "k" * 40
OPENAI, SLUICE, MLFLOW = {"message", "type", "param", "code"}, {"message", "type", "code", "request_id"}, {"detail"}


def shape_of(reply):
    return set(reply.json().get("error") or reply.json())


@pytest.fixture(scope="module")
def keyed(sluice_module, tmp_path_factory):
    conf = {**config(), "auth": {"metrics": "viewer"}, "server": {"trusted_proxies": ["127.0.0.1"]}}
    daemon = sluice_module(conf, args=["--data", str(tmp_path_factory.mktemp("data") / "store")], env={"SLUICE_ADMIN_KEY": ADMIN})
    made = daemon.call("POST", "/api/sluice/v1/keys", {"name": "query", "principal": "team", "role": "query", "routes": ["chat"]}, [("Authorization", f"Bearer {ADMIN}")])
    assert made.status == 201, made.body
    return daemon, {"admin": ADMIN, "query": made.json()["key"]}


@pytest.mark.parametrize("prefix, method, path, who, status", [
    # with and without the prefix: the same row, the same keys
    ("/ai", "GET", "/ai/v1/models", "query", 200),
    ("/ai/", "GET", "/ai/v1/models?x=1", "query", 200),
    ("/a/b-c.d", "GET", "/a/b-c.d/v1/models/chat", "query", 200),
    ("/ai", "GET", "http://llm.example/ai/v1/models", "query", 200),
    ("/ai", "GET", "/ai/v1/models", None, 401),
    ("/ai", "GET", "/ai/v1/models", "wrong", 401),
    ("/ai", "GET", "/ai/api/sluice/v1/keys", "query", 403),
    ("/ai", "GET", "/ai/api/sluice/v1/keys", "admin", 200),
    ("/ai", "GET", "/ai/metrics", None, 401),
    ("/ai", "DELETE", "/ai/api/2.0/gateway/routes/chat", "query", 403),
    ("/ai", "POST", "/ai/gateway/chat/invocations", None, 401),
    ("/ai", "POST", "/ai/gateway/other/invocations", "query", 404),
    ("/ai", "GET", "/ai/health", None, 200),
    ("/ai", "HEAD", "/ai/health", None, 200),
    ("/ai", "DELETE", "/ai/health", None, 405),
    ("/ai", "BREW", "/ai/health", None, 501),
    ("/ai", "GET", "/ai", None, 307),
    # a prefix that is also one of the gateway's paths hides none of them
    ("/v1", "GET", "/v1/models", "query", 200),
    ("/v1", "GET", "/v1/models/", "query", 307),
    ("/v1", "GET", "/v1/chat/completions", "query", 405),
    ("/v1", "GET", "/v1/v1/models", "query", 200),
    ("/health", "GET", "/health", None, 200),
    ("/health", "GET", "/health/health", None, 200),
    ("/gateway", "POST", "/gateway/nothing/invocations", "query", 404),
    ("/health", "DELETE", "/health", None, 405),
    ("/api/sluice/v1", "DELETE", "/api/sluice/v1/keys", "admin", 405),
    ("/api/sluice/v1", "GET", "/api/sluice/v1/keys/", "admin", 307),
    ("/api/sluice/v1", "GET", "/api/sluice/v1/health", None, 200),
    # not a prefix of whole segments, or not the first one
    ("/ai", "GET", "/aiv1/models", "admin", 404),
    ("/ai", "GET", "/aix/v1/models", "admin", 404),
    ("/ai", "GET", "/AI/v1/models", "admin", 404),
    ("/ai", "GET", "/ai/ai/v1/models", "admin", 404),
    ("/ai", "GET", "/x/ai/v1/models", "admin", 404),
    ("/ai", "GET", "//ai/v1/models", "admin", 404),
    ("/ai", "GET", "/ai//v1/models", "admin", 404),
    ("/ai", "GET", "/ai/./v1/models", "admin", 404),
    ("/ai", "GET", "/ai/../v1/models", "admin", 404),
    ("/ai", "GET", "/x/../ai/v1/models", "admin", 404),
    ("/ai", "GET", "/ai%2Fv1/models", "admin", 404),
    ("/ai", "GET", "/ai/%2Fv1/models", "admin", 404),
    ("/ai", "GET", "/%61i/v1/models", "admin", 404),
    ("/ai", "POST", "/ai/gateway/a%2Fb/invocations", "admin", 404),
    ("/ai", "POST", "/ai/gateway/%zz/invocations", "admin", 400),
    ("//ai", "GET", "//ai/v1/models", "admin", 404),
    ("https://ai", "GET", "/ai/v1/models", "admin", 404),
    ("", "GET", "/ai/v1/models", "admin", 404),
])
def test_a_path_that_still_has_its_prefix(keyed, prefix, method, path, who, status):
    daemon, keys = keyed
    headers = [("X-Forwarded-Prefix", prefix), *([("Authorization", f"Bearer {keys.get(who, who)}")] if who else [])]
    r = daemon.call(method, path, {"messages": []} if method == "POST" else None, headers)
    assert r.status == status, r.body


@pytest.mark.parametrize("path, shape", [("/ai/v1/nothing", OPENAI), ("/ai/v1/models", OPENAI), ("/ai/v1/models/%zz", OPENAI), ("/ai/gateway/%zz/invocations", MLFLOW), ("/ai/nothing", MLFLOW), ("/ai/api/sluice/v1/keys", SLUICE)])
def test_an_error_speaks_as_behind_the_prefix(keyed, path, shape):
    """Without a key, or without such a path, the error is that of the path without its prefix."""
    daemon, _ = keyed
    told = [daemon.call("GET", p, headers=[("X-Forwarded-Prefix", "/ai")]) for p in (path, path.removeprefix("/ai"))]
    assert told[0].status == told[1].status >= 400
    assert shape_of(told[0]) == shape_of(told[1]) == shape


def test_a_head_that_is_refused_speaks_as_behind_the_prefix(keyed):
    daemon, _ = keyed
    for path in ("/ai/v1/models", "/v1/models"):
        r = daemon.call("POST", path, headers=[("X-Forwarded-Prefix", "/ai"), ("Transfer-Encoding", "gzip")])
        assert r.status >= 400 and shape_of(r) == OPENAI, (r.status, r.body)


def test_who_is_no_proxy_cannot_have_a_path_cut(sluice):
    daemon = sluice(config())
    for path in ("/ai/health", "/v1/health"):
        assert daemon.call("GET", path, headers=[("X-Forwarded-Prefix", "/" + path.split("/")[1])]).status == 404


def test_public_url_goes_before_the_header(sluice):
    daemon = sluice({"server": {"public_url": "https://ai.example/ai", "trusted_proxies": ["127.0.0.1"]}, "auth": "none", **config()})
    for path, status in (("/ai/health", 200), ("/evil/health", 404), ("/health", 200)):
        assert daemon.call("GET", path, headers=[("X-Forwarded-Prefix", "/evil")]).status == status


def test_a_prefix_is_believed_from_proxies_only(sluice):
    daemon = sluice(config())
    assert daemon.call("GET", "/health/", headers=[("X-Forwarded-Prefix", "/sluice")]).get("location") == "/health"


@pytest.mark.parametrize("public_url, prefix", [("https://ai.example/sluice", "/sluice"), ("https://ai.example/a/b/", "/a/b"), ("https://ai.example", ""), ("https://ai.example/", "")])
def test_the_prefix_of_public_url(sluice, public_url, prefix):
    daemon = sluice({"server": {"public_url": public_url}, **config()})
    assert daemon.call("GET", "/health/").get("location") == prefix + "/health"
    assert daemon.call("GET", "/").get("location") == prefix + "/docs"

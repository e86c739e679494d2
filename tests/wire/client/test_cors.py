# SPDX-License-Identifier: Apache-2.0
"""Programs in browsers (server.cors): what a browser asks before a call, and what it must read before a page may see
the reply."""
import json

import pytest
import yaml

from harness import CHAT, CHAT_REPLY, chat_route, wait_for

APP = "https://app.example"
AUTH = {"keys": [{"name": "k", "key": "key-of-a-browser-program", "role": "query"}]}
BEARER = ("Authorization", "Bearer key-of-a-browser-program")

CALLS = ["/v1/chat/completions", "/chat/completions", "/v1/embeddings", "/v1/messages", "/anthropic/v1/messages", "/openai/deployments/chat/chat/completions",
         "/gateway/chat/invocations", "/gateway/no-such-route/invocations", "/endpoints/chat/invocations", "/serving-endpoints/chat/invocations"]
LISTS = ["/v1/models", "/v1/models/chat", "/models", "/api/2.0/endpoints/"]
OTHERS = ["/health", "/metrics", "/docs", "/api/sluice/v1/keys", "/api/sluice/v1/routes", "/api/sluice/v1/secret/rotate", "/nothing"]


def preflight(daemon, path, origin=APP, method="POST", names="authorization, content-type, x-stainless-lang", more=()):
    headers = [("Origin", origin), ("Access-Control-Request-Method", method)]
    return daemon.call("OPTIONS", path, headers=headers + ([("Access-Control-Request-Headers", names)] if names is not None else []) + list(more))


def allowed(reply):
    """The headers as a browser reads them."""
    return {k.lower(): v for k, v in reply.headers if k.lower().startswith("access-control-")}


def exposed(reply):
    return {name.strip().lower() for name in reply.get("access-control-expose-headers").split(",")}


@pytest.fixture(scope="module")
def keyed(sluice_module, upstream_module):
    up = upstream_module(lambda x: x.reply(CHAT_REPLY, headers=[("x-ratelimit-remaining-tokens", "7"), ("vary", "accept-encoding"), ("Access-Control-Allow-Origin", "*")]))
    limited = {**chat_route(up.base, "limited"), "limit": {"calls": 1, "renewal_period": "day"}}
    daemon = sluice_module({"endpoints": [chat_route(up.base), limited], "auth": AUTH, "server": {"cors": [APP, "HTTP://LocalHost:80", "app://obsidian.md"]}})
    daemon.up = up
    return daemon


@pytest.mark.parametrize("path", CALLS)
def test_a_preflight_of_a_call_needs_no_key(keyed, path):
    reply = preflight(keyed, path)
    assert (reply.status, reply.body, reply.get("content-length"), reply.get("vary")) == (204, b"", None, "origin")
    assert allowed(reply) == {
        "access-control-allow-origin": APP, "access-control-allow-credentials": "true", "access-control-allow-methods": "POST",
        "access-control-allow-headers": "authorization, content-type, x-stainless-lang", "access-control-max-age": "7200"}


@pytest.mark.parametrize("path", LISTS)
def test_a_preflight_of_a_list(keyed, path):
    reply = preflight(keyed, path, method="GET", names=None)
    assert reply.status == 204 and "access-control-allow-headers" not in allowed(reply)
    assert reply.get("access-control-allow-methods").split(", ")[0] == "GET" and "POST" not in reply.get("access-control-allow-methods")


@pytest.mark.parametrize("path", OTHERS)
def test_what_is_no_pages_business_stays_as_it_was(keyed, sluice, path):
    plain = sluice({"endpoints": [], "auth": AUTH})
    with_it, without = (preflight(daemon, path, more=[("X-Request-Id", "one")]) for daemon in (keyed, plain))
    assert (with_it.status, with_it.body) == (without.status, without.body) and with_it.status in (401, 404, 405)
    assert with_it.get("access-control-allow-methods") is None
    if path != "/nothing":  # a page may learn that it does not exist
        assert not allowed(with_it) and with_it.get("vary") is None


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example", "https://app.example:8443", "https://app.example.evil.example", "null",
                                    "https://APP.example", f"{APP} {APP}", f"{APP}/", ""])
def test_an_origin_is_compared_as_a_whole(keyed, origin):
    reply = preflight(keyed, "/v1/chat/completions", origin)
    assert reply.status == 403 and not allowed(reply) and reply.get("vary") == "origin"
    assert "server.cors does not name it" in reply.json()["error"]["message"]
    reply = keyed.call("POST", "/v1/chat/completions", CHAT, [BEARER, ("Origin", origin)])  # no browser shows it, because it has no permission
    assert reply.status == 200 and not allowed(reply) and "origin" in [v for k, v in reply.headers if k.lower() == "vary"]


def test_origins_as_browsers_write_them(keyed):
    for origin in ("http://localhost", "app://obsidian.md"):
        assert preflight(keyed, "/v1/chat/completions", origin).get("access-control-allow-origin") == origin
    twice = preflight(keyed, "/v1/chat/completions", more=[("Origin", "https://evil.example")])
    assert twice.status == 403 and not allowed(twice)


def test_a_reply_and_what_a_page_may_read_of_it(keyed):
    reply = keyed.call("POST", "/v1/chat/completions", CHAT, [BEARER, ("Origin", APP)])
    assert reply.status == 200 and reply.body == CHAT_REPLY
    assert [v for k, v in reply.headers if k.lower() == "access-control-allow-origin"] == [APP]  # only the gateway's, not the upstream's
    assert [v for k, v in reply.headers if k.lower() == "vary"] == ["accept-encoding", "origin"]
    want = {"x-request-id", "retry-after", "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-requests", "x-should-retry"}
    ours = {k.lower() for k, _ in reply.headers if k.lower().startswith("x-sluice-")}
    assert ours and want | ours <= exposed(reply)
    assert "origin" not in [k.lower() for k, _ in keyed.up.requests[-1].headers]
    listing = keyed.call("GET", "/v1/models", headers=[BEARER, ("Origin", APP)])
    assert listing.status == 200 and listing.get("access-control-allow-origin") == APP


def test_a_stream_has_it_in_its_head(sluice, upstream):
    up = upstream(lambda x: (x.stream_head(), x.event({"choices": []}), x.event("[DONE]"), x.last_chunk()))
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"cors": [APP]}})
    reply = daemon.call("POST", "/v1/chat/completions", {**CHAT, "stream": True}, [("Origin", APP)])
    assert reply.status == 200 and reply.body.endswith(b"data: [DONE]\n\n") and reply.get("access-control-allow-origin") == APP


def test_a_page_sees_every_error(keyed):
    body = {**CHAT, "model": "limited"}
    assert keyed.call("POST", "/v1/chat/completions", body, [BEARER, ("Origin", APP)]).status == 200
    errors = {
        429: keyed.call("POST", "/v1/chat/completions", body, [BEARER, ("Origin", APP)]),
        401: keyed.call("POST", "/v1/chat/completions", body, [("Origin", APP)]),
        404: keyed.call("POST", "/v1/chat/completions", {**CHAT, "model": "nope"}, [BEARER, ("Origin", APP)]),
        400: keyed.call("POST", "/v1/chat/completions", "{", [BEARER, ("Origin", APP)]),
        405: keyed.call("GET", "/v1/chat/completions", headers=[BEARER, ("Origin", APP)]),
    }
    big = keyed.connect()
    big.send(f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: {APP}\r\n{BEARER[0]}: {BEARER[1]}\r\nContent-Length: 99999999\r\n\r\n")
    errors[413] = big.reply()
    for status, reply in errors.items():
        assert (reply.status, reply.get("access-control-allow-origin")) == (status, APP)
        assert {"x-sluice-error-type", "x-request-id", "retry-after"} <= exposed(reply)
    missing = keyed.call("POST", "/v1/nope", CHAT, [BEARER, ("Origin", APP)])
    assert (missing.status, missing.get("access-control-allow-origin")) == (404, APP)


def test_names_that_a_page_may_send(keyed):
    reply = preflight(keyed, "/v1/messages", names="x-api-key,anthropic-version, anthropic-dangerous-direct-browser-access,X-Forwarded-For,forwarded,x-real-ip,in valid,,")
    assert reply.get("access-control-allow-headers") == "x-api-key, anthropic-version, anthropic-dangerous-direct-browser-access"
    many = preflight(keyed, "/v1/messages", names=", ".join(f"x-{i}" for i in range(2000)))
    assert many.status == 204 and many.get("access-control-allow-headers") is None
    assert preflight(keyed, "/v1/messages", more=[("Access-Control-Request-Private-Network", "true")]).get("access-control-allow-private-network") == "true"


def test_an_options_that_is_no_preflight(keyed):
    for headers in ([], [("Origin", APP)], [("Access-Control-Request-Method", "POST")]):
        reply = keyed.call("OPTIONS", "/v1/chat/completions", headers=headers)
        assert (reply.status, reply.get("allow")) == (405, "POST")


def test_every_origin(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "auth": AUTH, "server": {"cors": ["*"]}})
    for origin in (APP, "null", "http://evil.example"):
        reply = preflight(daemon, "/v1/chat/completions", origin)
        assert reply.status == 204 and reply.get("access-control-allow-origin") == "*" and reply.get("access-control-allow-credentials") is None
        reply = daemon.call("POST", "/v1/chat/completions", CHAT, [BEARER, ("Origin", origin)])
        assert reply.status == 200 and reply.get("access-control-allow-origin") == "*" and reply.get("access-control-allow-credentials") is None
    assert daemon.call("POST", "/v1/chat/completions", CHAT, [BEARER]).get("access-control-allow-origin") is None


def test_without_the_setting_nothing_changes(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "auth": AUTH})
    reply = preflight(daemon, "/v1/chat/completions")
    assert (reply.status, reply.get("allow")) == (405, "POST") and not allowed(reply) and reply.get("vary") is None
    reply = daemon.call("POST", "/v1/chat/completions", CHAT, [BEARER, ("Origin", APP)])
    assert reply.status == 200 and not allowed(reply) and reply.get("vary") is None


def test_who_may_drive_a_gateway_without_keys(sluice, upstream):
    """The open default is open to this machine, but not to pages in its browsers: only those in the list may call."""
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"cors": [APP]}})
    assert preflight(daemon, "/v1/chat/completions").status == 204
    assert daemon.call("POST", "/v1/chat/completions", CHAT, [("Origin", APP), ("Sec-Fetch-Site", "cross-site")]).status == 200
    assert daemon.call("GET", "/v1/models", headers=[("Origin", APP)]).status == 200
    for method, path, origin in [("POST", "/v1/chat/completions", "https://evil.example"), ("OPTIONS", "/v1/chat/completions", "https://evil.example"),
                                 ("POST", "/api/2.0/gateway/routes/", APP), ("DELETE", "/api/2.0/gateway/routes/chat", APP),
                                 ("GET", "/health", APP), ("GET", "/metrics", APP), ("OPTIONS", "/api/sluice/v1/routes", APP)]:
        reply = daemon.call(method, path, headers=[("Origin", origin), ("Access-Control-Request-Method", "POST")])
        assert reply.status == 403 and not allowed(reply), (method, path, origin)
    conn = daemon.connect()  # a name that a page has made point here
    body = json.dumps(CHAT)
    conn.send(f"POST /v1/chat/completions HTTP/1.1\r\nHost: app.example\r\nOrigin: {APP}\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    assert conn.reply().status == 403
    assert len(up.requests) == 1
    image = daemon.call("GET", "/v1/models", headers=[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")])
    assert image.status == 403


def test_a_reload_takes_it_into_force(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "auth": AUTH})
    assert preflight(daemon, "/v1/chat/completions").status == 405
    path = daemon.dir / "sluice.yaml"
    config = yaml.safe_load(path.read_text())
    config["server"]["cors"] = APP  # one value may be a text
    path.write_text(yaml.safe_dump(config))
    wait_for(lambda: preflight(daemon, "/v1/chat/completions").status == 204, "the new setting")

# SPDX-License-Identifier: Apache-2.0
"""/v1/messages beside its calls: signs of life in streams, counting of tokens, versions, prefixes, and paths that do
not exist."""
import json
import threading

import anthropic
import pytest

from bedrock_fake import KEYS
from harness import DEADLINE, chat_route
from test_messages import MODEL, claude_route

X = [{"role": "user", "content": "x"}]
CALL = {"max_tokens": 9, "messages": X, "stream": True}
REPLY = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [{"type": "text", "text": "ok"}], "stop_reason": "end_turn", "stop_sequence": None,
         "usage": {"input_tokens": 1, "output_tokens": 1}}
PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def event(name, **members):
    return f"event: {name}\ndata: {json.dumps({'type': name, **members})}\n\n".encode()


# Each language's stream in three pieces: the second is the middle of an event, the last is its end.
def claude_stream():
    start = event("message_start", message={**REPLY, "content": [], "stop_reason": None})
    block = event("content_block_start", index=0, content_block={"type": "text", "text": ""}) + event("content_block_delta", index=0, delta={"type": "text_delta", "text": "o"})
    more = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "k"})
    end = event("content_block_stop", index=0) + event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 1}) + event("message_stop")
    return start + block, more[:30], more[30:] + end


def chat_stream():
    def chunk(finish=None, **delta):
        return b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"

    more = chunk(content="k")
    return chunk(role="assistant", content="o"), more[:30], more[30:] + chunk(finish="stop") + b"data: [DONE]\n\n"


def routes(up):
    return [claude_route(up.base), chat_route(up.base, "other")]


def whole_events(text):
    """The names of the events; each has one line of data that is its own."""
    names = []
    for block in text.decode().removesuffix("\n\n").split("\n\n"):
        first, second = block.split("\n")
        assert first.startswith("event: ") and json.loads(second.removeprefix("data: "))["type"] == first[7:], block
        names.append(first[7:])
    return names


@pytest.mark.parametrize("route, stream", [("claude", claude_stream), ("other", chat_stream)])
def test_silence_is_broken_by_pings_between_events(sluice, upstream, route, stream):
    go_on, pieces = [threading.Event(), threading.Event()], stream()

    def handler(x):
        x.stream_head()
        x.chunk(pieces[0])
        assert go_on[0].wait(DEADLINE)
        x.chunk(pieces[1])
        assert go_on[1].wait(DEADLINE)
        x.chunk(pieces[2])
        x.last_chunk()

    daemon = sluice({"endpoints": routes(upstream(handler)), "server": {"heartbeat": "50ms"}})
    conn = daemon.connect().request("POST", "/v1/messages", {"model": route, **CALL})
    assert conn.head().status == 200
    got = b""
    for n, goes in ((2, go_on[0]), (5, go_on[1])):  # the second wait begins inside an event
        while got.count(PING) < n:
            got += conn.chunk()
        goes.set()
    while piece := conn.chunk():
        got += piece
    conn.close()
    names = [n for n in whole_events(got) if n != "ping"]
    assert names == ["message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop", "message_delta", "message_stop"]


@pytest.mark.parametrize("route", ["claude", "other"])
def test_no_ping_before_the_status_is_known(sluice, upstream, route):
    go_on = threading.Event()
    up = upstream(lambda x: (go_on.wait(0.4), x.reply({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}, "400 Bad Request")))
    daemon = sluice({"endpoints": routes(up), "server": {"heartbeat": "50ms"}})
    r = daemon.call("POST", "/v1/messages", {"model": route, **CALL})
    assert (r.status, r.json()["error"]["message"]) == (400, "no")


@pytest.mark.parametrize("path, sign", [("/v1/messages", PING), ("/v1/chat/completions", b": alive\n\n")])
@pytest.mark.parametrize("route, stream, said", [("claude", claude_stream, PING), ("claude", claude_stream, b": lives\n\n"), ("other", chat_stream, b": lives\n\n")])
def test_an_upstreams_signs_of_life_pass_at_once(sluice, upstream, path, sign, route, stream, said):
    go_on, pieces = threading.Event(), stream()

    def handler(x):
        x.stream_head()
        x.chunk(pieces[0] + said)
        assert go_on.wait(DEADLINE)
        x.chunk(pieces[1] + pieces[2])
        x.last_chunk()

    is_own = (route == "claude") == (path == "/v1/messages")
    sign = said if is_own else sign  # those of its own language are passed on unchanged
    daemon = sluice({"endpoints": routes(upstream(handler)), "server": {"heartbeat": "0s"}})
    conn = daemon.connect().request("POST", path, {"model": route, **CALL})
    assert conn.head().status == 200
    got = b""
    while sign not in got:
        got += conn.chunk()
    go_on.set()
    while piece := conn.chunk():
        got += piece
    conn.close()
    assert got.count(sign) == 1 and (path != "/v1/messages" or whole_events(got.replace(sign, b""))[-1] == "message_stop")


# --- counting ---


def vertex_route(base):
    account = json.dumps({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"})
    return {"name": "vertex", "endpoint_type": "llm/v1/chat", "model": {"provider": "vertex_ai", "name": "claude-sonnet-4-5@20250929", "config": {
        "vertex_project": "acme", "vertex_location": "europe-west4", "vertex_credentials": account, "vertex_api_base": base, "token_uri": base + "/token"}}}


def bedrock_route(base):
    return {"name": "bedrock", "endpoint_type": "llm/v1/chat", "model": {"provider": "bedrock", "name": "anthropic.claude-sonnet-4-5-20250929-v1:0", "config": {"aws_config": {
        "aws_access_key_id": KEYS[0], "aws_secret_access_key": KEYS[1], "aws_region": "us-east-1", "aws_endpoint_url": base}}}}


def google(x):
    """Claude on Vertex: refuses what Google refuses."""
    if x.path == "/v1/token":
        x.reply({"access_token": "ya29", "expires_in": 3599, "token_type": "Bearer"})
        return
    place, body = "/v1/projects/acme/locations/europe-west4/publishers/anthropic/models/", x.json()
    is_count = x.path == place + "count-tokens:rawPredict"
    is_sound = body["anthropic_version"] == "vertex-2023-10-16" and ("model" in body) == is_count and x.get("x-api-key") is None and x.get("authorization") == "Bearer ya29"
    if is_count:
        is_sound &= body["model"] == "claude-sonnet-4-5@20250929" and "max_tokens" not in body and "stream" not in body
        x.reply({"input_tokens": 23}) if is_sound else x.reply({"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}, "400 Bad Request")
        return
    assert x.path == place + "claude-sonnet-4-5%4020250929:rawPredict" or x.path == place + "claude-sonnet-4-5@20250929:rawPredict", x.path
    x.reply(REPLY) if is_sound else x.reply({"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}, "400 Bad Request")


def test_claude_on_vertex_counts_where_anthropics_own_client_asks(sluice, upstream):
    up = upstream(google)
    daemon = sluice({"endpoints": [vertex_route(up.base)]})
    client = anthropic.Anthropic(base_url=daemon.url, api_key="k", max_retries=0)
    raw = client.messages.with_raw_response.count_tokens(model="vertex", messages=X, system="s")
    assert raw.parse().input_tokens == 23 and raw.headers.get("x-sluice-estimate") is None
    raw = client.beta.messages.with_raw_response.count_tokens(model="vertex", messages=X, betas=["token-counting-2024-11-01"])
    assert raw.parse().input_tokens == 23 and "token-counting-2024-11-01" in up.requests[-1].get("anthropic-beta")
    raw = client.messages.with_raw_response.create(model="vertex", max_tokens=9, messages=X, extra_headers={"anthropic-beta": "a"})
    assert raw.parse().content[0].text == "ok" and up.requests[-1].get("anthropic-beta") == "a" and raw.headers.get("x-sluice-dropped") is None


def test_claude_on_bedrock_is_an_estimate(sluice, upstream):
    up = upstream(lambda x: x.reply({}, "500 No"))
    daemon = sluice({"endpoints": [bedrock_route(up.base.removesuffix("/v1"))]})
    client = anthropic.Anthropic(base_url=daemon.url, api_key="k", max_retries=0)
    raw = client.messages.with_raw_response.count_tokens(model="bedrock", messages=[{"role": "user", "content": "x" * 400}])
    assert raw.parse().input_tokens == 105 and raw.headers["x-sluice-estimate"] == "tokens" and not up.requests


# --- versions, prefixes, methods ---


@pytest.fixture(scope="module")
def gateway(sluice_module, upstream_module):
    up = upstream_module(lambda x: x.reply(REPLY))
    daemon = sluice_module({"endpoints": [claude_route(up.base, "a"), claude_route(up.base, "b")]})
    daemon.up = up
    return daemon


@pytest.mark.parametrize("version", [None, "2023-06-01", "2023-01-01", "1999-12-31", "tomorrow", "", "2023-06-01, 2023-06-01", "é".encode().decode("latin-1"), "x" * 2000])
def test_any_version_is_taken_and_the_routes_own_goes_up(gateway, version):
    headers = [("anthropic-version", version)] if version is not None else []
    r = gateway.call("POST", "/v1/messages", {"model": "a", "max_tokens": 9, "messages": X}, headers)
    assert r.status == 200, r.body
    assert [v for k, v in gateway.up.requests[-1].headers if k.lower() == "anthropic-version"] == ["2023-06-01"]
    r = gateway.call("GET", "/v1/models", headers=headers)
    assert ("first_id" in r.json()) == (version is not None)


def test_betas_in_several_headers_all_go_up(gateway):
    r = gateway.call("POST", "/v1/messages?beta=true", {"model": "a", "max_tokens": 9, "messages": X}, [("anthropic-beta", "a-1,b-2"), ("Anthropic-Beta", "c-3")])
    assert r.status == 200
    sent = [v.strip() for k, v in gateway.up.requests[-1].headers if k.lower() == "anthropic-beta" for v in v.split(",")]
    assert sent == ["a-1", "b-2", "c-3"]


@pytest.mark.parametrize("prefix", ["", "/anthropic"])
def test_each_path_stands_under_both_prefixes(gateway, prefix):
    client = anthropic.Anthropic(base_url=gateway.url + prefix, api_key="k", max_retries=0)
    assert client.messages.create(model="a", max_tokens=9, messages=X).content[0].text == "ok"
    assert client.beta.messages.create(model="a", max_tokens=9, messages=X, betas=["x"]).content[0].text == "ok"
    assert [m.id for m in client.models.list(limit=1)] == ["a", "b"] and client.models.retrieve("b").type == "model"
    assert [m.id for m in client.beta.models.list()] == ["a", "b"]


NOT_THERE = [
    lambda c: c.messages.batches.list(),
    lambda c: c.messages.batches.create(requests=[{"custom_id": "a", "params": {"model": "a", "max_tokens": 9, "messages": X}}]),
    lambda c: c.messages.batches.retrieve("msgbatch_1"),
    lambda c: c.messages.batches.cancel("msgbatch_1"),
    lambda c: c.beta.files.list(),
    lambda c: c.beta.files.upload(file=("a.txt", b"x", "text/plain")),
    lambda c: c.beta.files.retrieve_metadata("file_1"),
    lambda c: c.beta.files.delete("file_1"),
    lambda c: c.beta.skills.list(),
    lambda c: c.post("/v1/complete", body={"model": "a", "max_tokens_to_sample": 9, "prompt": "\n\nHuman: x\n\nAssistant:"}, cast_to=object),
]


@pytest.mark.parametrize("ask", NOT_THERE, ids=[str(i) for i in range(len(NOT_THERE))])
@pytest.mark.parametrize("prefix", ["", "/anthropic"])
def test_what_is_not_there_is_said_in_anthropics_words(gateway, ask, prefix):
    client = anthropic.Anthropic(base_url=gateway.url + prefix, api_key="k", max_retries=0)
    n = len(gateway.up.requests)
    with pytest.raises(anthropic.NotFoundError) as e:
        ask(client)
    assert e.value.body["type"] == "error" and e.value.body["error"]["type"] == "not_found_error" and e.value.body["error"]["message"]
    assert e.value.body["request_id"] == e.value.request_id and len(gateway.up.requests) == n


@pytest.mark.parametrize("prefix", ["", "/anthropic"])
@pytest.mark.parametrize("path, status", [("/v1/models", 200), ("/v1/models/a", 200), ("/v1/models/none", 404), ("/v1/messages", 405), ("/v1/messages/count_tokens", 405)])
def test_head_has_no_body(gateway, prefix, path, status):
    conn = gateway.connect().request("HEAD", prefix + path, headers=[("anthropic-version", "2023-06-01")])
    r = conn.reply("HEAD")
    assert r.status == status and r.get("request-id")
    conn.request("GET", prefix + "/v1/models", headers=[("anthropic-version", "2023-06-01")])  # no byte of a body was in between
    assert conn.reply("GET").status == 200
    conn.close()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_wrong_method_is_said_in_anthropics_words(gateway, method):
    r = gateway.call(method, "/v1/messages")
    assert r.status == 405 and r.get("allow") == "POST" and r.json()["type"] == "error" and r.json()["error"]["type"] == "invalid_request_error"

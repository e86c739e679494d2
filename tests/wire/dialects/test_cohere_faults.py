# SPDX-License-Identifier: Apache-2.0
"""The errors of /v2, and what passes through it unchanged."""
import json
import threading
import time

import cohere
import pytest

from harness import CHAT_REPLY, chat_route
from test_cohere_client import GO, route
from upstream import Upstream

KEY = "co-secret-of-the-route"
REPLY = (b'{ "id":"r1","message":{"role":"assistant","content":[{"type":"text","text":"ok"}],"citations":[{"start":0,"end":2,"text":"ok","sources":[]}]},\n'
         b'"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":4,"output_tokens":2},"tokens":{"input_tokens":5,"output_tokens":2},"new":1}}')
EMBEDS = (b'{"id":"e1", "embeddings":{"float":[[0.5,-1]],"int8":[[1,-2]]},"texts":["a"],"meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":3}},"response_type":"embeddings_by_type"}')
START = 'event: message-start\ndata: {"type":"message-start","id":"r1","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}\n\n'
PIECES = ('event: content-start\ndata: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}\n\n'
          'event: content-delta\ndata: { "type":"content-delta","index":0,"delta":{"message":{"content":{"text":"o"}}}}\n\n')
END = ('event: content-end\ndata: {"type":"content-end","index":0}\n\n'
       'event: message-end\ndata: {"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":5,"output_tokens":2}}}}\n\n')
DONE = "data: [DONE]\n\n"


def stream(*chunks, cut=False):
    def handler(x):
        x.stream_head()
        for chunk in chunks:
            x.chunk(chunk)
        x.close() if cut else x.last_chunk()

    return handler


@pytest.fixture(scope="module")
def gateway(sluice_module):
    own, other = Upstream(lambda x: x.reply(EMBEDS if x.path.endswith("embed") else REPLY)), Upstream(lambda x: x.reply(CHAT_REPLY))
    base = own.base.removesuffix("/v1") + "/v2"
    few = chat_route(other.base, "few")
    few["limit"] = {"renewal_period": "minute", "calls": 1}
    embed = {**route("embed", "cohere", "embed-v4.0", cohere_api_key=KEY, cohere_api_base=base), "endpoint_type": "llm/v1/embeddings"}
    daemon = sluice_module({"endpoints": [route("own", "cohere", "command-a-03-2025", cohere_api_key=KEY, cohere_api_base=base), embed, chat_route(other.base, "other"), few],
                            "server": {"heartbeat": "50ms"}})
    daemon.own, daemon.other, daemon.handler = own, other, own.handler
    daemon.client = cohere.ClientV2("k", base_url=daemon.url)
    yield daemon
    own.close()
    other.close()


@pytest.fixture
def own(gateway):
    yield gateway.own
    gateway.own.handler = gateway.handler


def logged(gateway, r):
    line = gateway.log_line(r.get("x-request-id"))
    return line.get("input_tokens"), line.get("output_tokens"), line.get("error_type")


def test_bytes_pass_but_for_the_model(gateway):
    body = b'{ "k":3, "model" : "own","messages":[{"role":"user","content":"x"}],"documents":["d"], "new":1e2 }'
    r = gateway.call("POST", "/v2/chat", body.decode(), [("authorization", "Bearer k")])
    assert (r.status, r.body) == (200, REPLY)
    assert gateway.own.requests[-1].body == body.replace(b'"own"', b'"command-a-03-2025"') and gateway.own.requests[-1].path == "/v2/chat"
    assert logged(gateway, r)[:2] == (5, 2)
    body = b'{"model":"embed", "texts":["a"],"input_type":"image","embedding_types":["float","int8"]}'
    r = gateway.call("POST", "/v2/embed", body.decode())
    assert (r.status, r.body) == (200, EMBEDS)
    assert gateway.own.requests[-1].body == body.replace(b'"embed"', b'"embed-v4.0"', 1) and gateway.own.requests[-1].path == "/v2/embed"
    assert logged(gateway, r)[0] == 3


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_events_pass(gateway, own, size):
    text = START + PIECES + END + DONE
    own.handler = stream(*(text[i:i + size] for i in range(0, len(text), size)))
    r = gateway.call("POST", "/v2/chat", {"model": "own", "messages": GO, "stream": True})
    assert r.body.decode().replace(": alive\n\n", "") == text and logged(gateway, r)[:2] == (5, 2)


def test_the_client_embeds(gateway):
    reply = gateway.client.embed(model="embed", texts=["a"], input_type="search_query", embedding_types=["float"])
    assert reply.embeddings.float == [[0.5, -1]] and reply.meta.billed_units.input_tokens == 3
    with pytest.raises(cohere.BadRequestError, match="not an embeddings endpoint"):
        gateway.client.embed(model="own", texts=["a"], input_type="search_query")


def test_a_limit_is_told_as_cohere_does(gateway):
    gateway.client.chat(model="few", messages=GO)
    with pytest.raises(cohere.TooManyRequestsError) as e:
        gateway.client.chat(model="few", messages=GO, request_options={"max_retries": 0})
    assert "limit" in e.value.body["message"].lower() and int(e.value.headers["retry-after"]) > 0


@pytest.mark.parametrize("broken", ["{", "[]", "", '{"model":1}', '{"model":"other","model":"other"}', "[" * 5000, '{"a":' * 3000, '{"model":"other","messages":[],"stream":"yes"}'])
def test_no_body_of_a_call(gateway, broken):
    n = len(gateway.other.requests)
    for path in ("/v2/chat", "/v2/embed"):
        r = gateway.call("POST", path, broken)
        assert r.status == 400 and r.json()["message"], r.body
    assert len(gateway.other.requests) == n


@pytest.mark.parametrize("chunks, why", [([START + PIECES], "before its end"), ([START + PIECES, END[:30]], "before its end"), ([START], "before its end")])
def test_an_upstream_that_breaks_is_the_last_event(gateway, own, chunks, why):
    for cut in (False, True):
        own.handler = stream(*chunks, cut=cut)
        r = gateway.call("POST", "/v2/chat", {"model": "own", "messages": GO, "stream": True})
        name, data = r.body.decode().rstrip().split("\n\n")[-1].split("\n")
        delta = json.loads(data[6:])["delta"]
        assert name == "event: message-end" and delta["finish_reason"] == "ERROR" and delta["error"] and b"[DONE]" not in r.body
        assert logged(gateway, r)[2]


@pytest.mark.parametrize("event", ['event: message-end\ndata: {"type":"message-end","delta":{"error":"no: %s","finish_reason":"ERROR"}}\n\n', 'data: {"message":"no: %s"}\n\n'])
def test_an_error_in_a_stream_passes_without_the_credential(gateway, own, event):
    own.handler = stream(START, event % KEY)
    r = gateway.call("POST", "/v2/chat", {"model": "own", "messages": GO, "stream": True})
    assert b"no: " in r.body and KEY.encode() not in r.body and logged(gateway, r)[2]


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
def test_an_error_is_one_whatever_its_status(gateway, own, status):
    own.handler = lambda x: x.reply({"id": "e", "message": f"no: {KEY}"}, status)
    r = gateway.call("POST", "/v2/chat", {"model": "own", "messages": GO})
    assert r.status >= 400 and "no: " in r.json()["message"] and KEY.encode() not in r.body


def test_comments_while_nothing_is_said(gateway, own):
    go_on = threading.Event()

    def handler(x):
        x.stream_head()
        x.chunk(START + PIECES)
        assert go_on.wait(20)
        x.chunk(END + DONE)
        x.last_chunk()

    own.handler = handler
    conn = gateway.connect().request("POST", "/v2/chat", {"model": "own", "messages": GO, "stream": True})
    assert conn.head().status == 200
    got = b""
    while got.count(b": alive\n\n") < 2:
        got += conn.chunk()
    go_on.set()
    while piece := conn.chunk():
        got += piece
    assert got.replace(b": alive\n\n", b"").decode() == START + PIECES + END + DONE
    conn.close()


def test_many_parts_cost_what_they_weigh(gateway):
    def took(n):
        parts, call = [{"type": "text", "text": "x"}] * n, {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        calls = [{**call, "id": f"c{i}"} for i in range(n // 10)]
        results = [{"role": "tool", "tool_call_id": f"c{i}", "content": [{"type": "document", "document": {"data": {"a": i}}}]} for i in range(n // 10)]
        body = json.dumps({"model": "other", "messages": [{"role": "user", "content": parts}, {"role": "assistant", "tool_calls": calls}, *results, {"role": "user", "content": parts}],
                           "documents": ["d"] * n})
        t = time.monotonic()
        r = gateway.call("POST", "/v2/chat", body)
        assert r.status == 200, r.body
        return time.monotonic() - t

    took(100)
    few, many = min(took(1000) for _ in range(3)), min(took(10000) for _ in range(3))
    assert many < 40 * few + 0.5

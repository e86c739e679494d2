# SPDX-License-Identifier: Apache-2.0
"""The errors of /model, and the bytes that pass through it unchanged."""
import json
import threading
import time

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import ClientError, EventStreamError

from bedrock_fake import event, frame
from harness import CHAT_REPLY, chat_route
from test_bedrock_client import GO, signing_client
from test_cohere_client import route
from upstream import Upstream

KEY = "bedrock-secret-of-the-route"
REPLY = (b'{ "output":{"message":{"role":"assistant","content":[{"text":"ok"}]}},"stopReason":"end_turn","metrics":{"latencyMs":3},"trace":{},\n'
         b'"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":12,"cacheReadInputTokens":7}}')
START = event("messageStart", {"role": "assistant"})
PIECES = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "o"}}) + event("contentBlockStop", {"contentBlockIndex": 0})
STOP = event("messageStop", {"stopReason": "end_turn"})
METADATA = event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, "metrics": {"latencyMs": 3}})
WHOLE = START + PIECES + STOP + METADATA
KIND = "application/vnd.amazon.eventstream"


def stream(*chunks, cut=False):
    def handler(x):
        x.stream_head(KIND, [("x-amzn-requestid", "theirs")])
        for chunk in chunks:
            x.chunk(chunk)
        x.close() if cut else x.last_chunk()

    return handler


@pytest.fixture(scope="module")
def gateway(sluice_module):
    own, other = Upstream(lambda x: x.reply(REPLY)), Upstream(lambda x: x.reply(CHAT_REPLY))
    config = {"aws_bearer_token": KEY, "aws_region": "us-east-1", "aws_endpoint_url": own.base.removesuffix("/v1")}
    few = chat_route(other.base, "few")
    few["limit"] = {"renewal_period": "minute", "calls": 1}
    daemon = sluice_module({"endpoints": [route("own", "bedrock", "amazon.nova-lite-v1:0", aws_config=config), chat_route(other.base, "other"), few], "server": {"heartbeat": "50ms"}})
    daemon.own, daemon.other, daemon.handlers = own, other, (own.handler, other.handler)
    daemon.client = signing_client(daemon.url)
    yield daemon
    own.close()
    other.close()


@pytest.fixture
def ups(gateway):
    yield gateway.own, gateway.other
    gateway.own.handler, gateway.other.handler = gateway.handlers


def call(gateway, name="own", is_stream=True, body=None):
    return gateway.call("POST", f"/model/{name}/{'converse-stream' if is_stream else 'converse'}", body or {"messages": GO})


def frames(body):
    """(headers, payload) of each; a wrong checksum or a cut frame is an error."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    out = [(f.headers, json.loads(f.payload)) for f in buffer]
    assert not buffer._data
    return out


def exception(body):
    headers, payload = frames(body)[-1]
    assert headers[":message-type"] == "exception" and headers[":content-type"] == "application/json"
    return headers[":exception-type"], payload["message"]


def logged(gateway, r):
    line = gateway.log_line(r.get("x-request-id"))
    return line.get("input_tokens"), line.get("output_tokens"), line.get("error_type")


def test_bytes_pass(gateway):
    body = b'{ "messages":[{"role":"user","content":[{"text":"x"},{"video":{"format":"mp4","source":{"s3Location":{"uri":"s3://a/b"}}}}]}],"guardrailConfig":{"guardrailIdentifier":"g","guardrailVersion":"1"}, "new":1e2 }'
    r = call(gateway, is_stream=False, body=body.decode())
    assert (r.status, r.body) == (200, REPLY) and logged(gateway, r)[:2] == (10, 2)
    seen = gateway.own.requests[-1]
    assert seen.body == body and seen.path == "/model/amazon.nova-lite-v1%3A0/converse" and seen.get("authorization") == f"Bearer {KEY}"


@pytest.mark.parametrize("size", [1, 11, 13, 4096])
def test_frames_pass(gateway, ups, size):
    ups[0].handler = stream(*(WHOLE[i:i + size] for i in range(0, len(WHOLE), size)))
    r = call(gateway)
    assert r.body == WHOLE and r.get("content-type") == KIND and logged(gateway, r)[:2] == (3, 2)
    assert r.get("x-amzn-requestid") == r.get("x-request-id") and r.get("x-sluice-upstream-request-id") == "theirs"


def test_nothing_but_frames_while_nothing_is_said(gateway, ups):
    go_on = threading.Event()

    def handler(x):
        x.stream_head(KIND)
        x.chunk(START + PIECES)
        go_on.wait(0.4)  # the time of eight heartbeats
        x.chunk(STOP + METADATA)
        x.last_chunk()

    ups[0].handler = handler
    assert call(gateway).body == WHOLE

    def chat(x):
        x.stream_head()
        x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "o"}, "finish_reason": None}]})
        go_on.wait(0.4)
        x.chunk(": upstream lives\n\n")
        x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        x.event("[DONE]")
        x.last_chunk()

    ups[1].handler = chat
    names = [h[":event-type"] for h, _ in frames(call(gateway, "other").body)]
    assert names == ["messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"]


def broken(byte):
    """The piece's frame with a byte changed: 0 in its prelude, -5 in its payload."""
    piece = bytearray(PIECES)
    piece[byte] ^= 1
    return bytes(piece)


@pytest.mark.parametrize("size", [1, 4096])
@pytest.mark.parametrize("byte", [2, 10, 60, -5, -1])
def test_a_checksum_that_is_wrong_ends_the_stream(gateway, ups, byte, size):
    text = START + broken(byte) + STOP + METADATA
    ups[0].handler = stream(*(text[i:i + size] for i in range(0, len(text), size)))
    r = call(gateway)
    assert r.body.startswith(START) and exception(r.body) == ("modelStreamErrorException", "the upstream's stream could not be read")
    assert logged(gateway, r)[2] == "provider_bad_response"
    ups[0].handler = stream(text)
    with pytest.raises(EventStreamError, match="could not be read"):
        list(gateway.client.converse_stream(modelId="own", messages=GO)["stream"])


@pytest.mark.parametrize("chunks", [[START], [START + PIECES], [START + PIECES, STOP[:20]], [START, PIECES[:-1]], [START + b"\0"]])
@pytest.mark.parametrize("cut", [False, True])
def test_an_upstream_that_breaks_is_an_exception(gateway, ups, chunks, cut):
    ups[0].handler = stream(*chunks, cut=cut)
    r = call(gateway)
    assert exception(r.body)[0] == "modelStreamErrorException" and b"metadata" not in r.body and logged(gateway, r)[2] == "provider_stream_broken"


def test_what_is_complete_without_its_counts_is_complete(gateway, ups):
    ups[0].handler = stream(START + PIECES + STOP)
    assert call(gateway).body == START + PIECES + STOP


def test_an_exception_passes_without_the_credential(gateway, ups):
    ups[0].handler = stream(START + event("throttlingException", {"message": f"slow down, {KEY}"}, "exception"))
    r = call(gateway)
    name, message = exception(r.body)
    assert name == "throttlingException" and "slow down" in message and KEY not in message and logged(gateway, r)[2] == "provider_rate_limited"
    ups[0].handler = stream(START + frame({":message-type": "error", ":error-code": "InternalError", ":error-message": "no"}, b""))
    r = call(gateway)
    assert b":error-code" in r.body and logged(gateway, r)[2]


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
def test_an_error_is_one_whatever_its_status(gateway, ups, status):
    ups[0].handler = lambda x: x.reply({"message": f"no: {KEY}"}, status, headers=[("x-amzn-errortype", "ValidationException")])
    r = call(gateway, is_stream=False)
    assert r.status >= 400 and "no: " in r.json()["message"] and KEY.encode() not in r.body and r.get("x-amzn-errortype")


def test_a_limit_is_told_as_bedrock_does(gateway):
    gateway.client.converse(modelId="few", messages=GO)
    with pytest.raises(gateway.client.exceptions.ThrottlingException) as e:
        gateway.client.converse(modelId="few", messages=GO)
    assert int(e.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) > 0


@pytest.mark.parametrize("text", ["{", "[]", "", "[" * 5000, '{"a":' * 3000])
def test_no_body_of_a_call(gateway, text):
    n = len(gateway.other.requests)
    conn = gateway.connect().request("POST", "/model/other/converse", text)
    r = conn.reply()
    assert r.status == 400 and r.get("x-amzn-errortype") == "ValidationException" and r.json()["message"] and len(gateway.other.requests) == n
    conn.close()


def chat_with(arguments, finish="tool_calls"):
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": arguments}}]
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
            "choices": [{"index": 0, "message": {"role": "assistant", "content": None, "tool_calls": calls}, "finish_reason": finish}]}


@pytest.mark.parametrize("arguments", ["{", "nothing", '{"a":1}}'])
def test_arguments_that_are_no_object(gateway, ups, arguments):
    ups[1].handler = lambda x: x.reply(chat_with(arguments))
    with pytest.raises(ClientError, match="arguments that are no JSON object") as e:
        gateway.client.converse(modelId="other", messages=GO)
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502
    ups[1].handler = lambda x: x.reply(chat_with(arguments, "length"))
    reply = gateway.client.converse(modelId="other", messages=GO)
    assert reply["stopReason"] == "max_tokens" and reply["output"]["message"]["content"] == [{"toolUse": {"toolUseId": "c1", "name": "f", "input": {}}}]
    ups[1].handler = lambda x: x.reply(chat_with(""))
    assert gateway.client.converse(modelId="other", messages=GO)["output"]["message"]["content"][0]["toolUse"]["input"] == {}


def test_many_blocks_cost_what_they_weigh(gateway):
    def took(n):
        texts = [{"text": "x"}, {"guardContent": {"text": {"text": "y"}}}, {"cachePoint": {"type": "default"}}] * n
        uses = [{"toolUse": {"toolUseId": f"t{i}", "name": "f", "input": {"a": 1}}} for i in range(n // 10)]
        results = [{"toolResult": {"toolUseId": f"t{i}", "content": [{"json": {"a": 1}}]}} for i in range(n // 10)]
        body = json.dumps({"messages": [{"role": "user", "content": texts}, {"role": "assistant", "content": uses}, {"role": "user", "content": [*results, *texts]}],
                           "additionalModelRequestFields": {f"f{i}": i for i in range(n)}})
        t = time.monotonic()
        r = call(gateway, "other", False, body)
        assert r.status == 200, r.body
        return time.monotonic() - t

    took(100)
    few, many = min(took(500) for _ in range(3)), min(took(5000) for _ in range(3))
    assert many < 40 * few + 0.5

# SPDX-License-Identifier: Apache-2.0
"""Images, speech, moderations and rerank: they pass to a provider that has them, with the target's model and the
route's credential. The client is OpenAI's; the upstream is a fake that refuses bad form."""
import json

import openai
import pytest

from harness import typed_route

SOUND = bytes(range(256)) * 1000
IMAGE = {"created": 1, "data": [{"b64_json": "aGk="}], "usage": {"input_tokens": 13, "output_tokens": 20, "total_tokens": 33, "input_tokens_details": {"text_tokens": 13, "image_tokens": 0}}}
MODERATED = {"id": "modr-1", "model": "m", "results": [{"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.1}, "category_applied_input_types": {"hate": ["text"]}}]}
RANKED = {"id": "r", "results": [{"index": 1, "relevance_score": 0.9}], "usage": {"prompt_tokens": 6, "total_tokens": 6}}
NEEDS = {"/v1/images/generations": {"prompt"}, "/v1/audio/speech": {"input", "voice"}, "/v1/moderations": {"input"}, "/v1/rerank": {"query", "documents"}}


def refuse(x, text):
    x.reply({"error": {"message": text, "type": "invalid_request_error", "param": None, "code": None}}, status="400 Bad Request")


def answer(x):
    if x.get("authorization") != "Bearer sk-test-secret" or x.get("content-type") != "application/json" or x.method != "POST":
        return refuse(x, "bad head")
    body = json.loads(x.body)
    if x.path not in NEEDS or body.get("model") != "gpt-4o-mini" or NEEDS[x.path] - set(body):
        return refuse(x, f"bad call of {x.path}: {sorted(body)}")
    if x.path == "/v1/audio/speech" and body.get("stream_format") == "sse":
        x.stream_head()
        x.event({"type": "speech.audio.delta", "audio": "aGk="})
        x.event({"type": "speech.audio.done", "usage": {"input_tokens": 4, "output_tokens": 9, "total_tokens": 13}})
        return x.last_chunk()
    if x.path == "/v1/audio/speech":
        return x.reply(SOUND, content_type="audio/mpeg")
    if body.get("stream"):
        x.stream_head()
        for kind, more in (("partial_image", {"b64_json": "aA==", "partial_image_index": 0}), ("completed", {"b64_json": "aGk=", "usage": IMAGE["usage"]})):
            x.chunk(f"event: image_generation.{kind}\ndata: {json.dumps({'type': 'image_generation.' + kind, **more})}\n\n")
        return x.last_chunk()
    x.reply({"/v1/images/generations": IMAGE, "/v1/moderations": MODERATED, "/v1/rerank": RANKED}[x.path])


@pytest.fixture(scope="module")
def gateway(sluice_module, upstream_module):
    up = upstream_module(answer)
    rank = typed_route(up.base, "rank", "rerank")
    rank["model"] = {"provider": "openai-compatible", "name": "gpt-4o-mini", "config": {"api_key": "sk-test-secret", "api_base": up.base}}
    limited = {**typed_route(up.base, "limited", "moderations"), "limit": {"calls": 1, "renewal_period": "day"}}
    daemon = sluice_module({"endpoints": [*(typed_route(up.base, kind, kind) for kind in ("images", "speech", "moderations", "chat")), rank, limited]})
    daemon.up = up
    return daemon


@pytest.fixture
def client(gateway):
    return openai.OpenAI(base_url=gateway.url + "/v1", api_key="none", max_retries=0)


def test_images(gateway, client):
    image = client.images.generate(model="images", prompt="a cat", size="1024x1024", extra_headers={"X-Request-Id": "image"})
    assert image.data[0].b64_json == "aGk=" and image.usage.total_tokens == 33
    line = gateway.log_line("image")
    assert (line["route"], line["input_tokens"], line["output_tokens"]) == ("images", 13, 20)
    stream = client.images.generate(model="images", prompt="a cat", stream=True, partial_images=1, extra_headers={"X-Request-Id": "images"})
    assert [e.type for e in stream] == ["image_generation.partial_image", "image_generation.completed"]
    line = gateway.log_line("images")
    assert (line["stream"], line["input_tokens"], line["output_tokens"]) == (True, 13, 20)


def test_speech(gateway, client):
    assert client.audio.speech.create(model="speech", voice="alloy", input="hello").read() == SOUND
    with client.audio.speech.with_streaming_response.create(model="speech", voice="alloy", input="hello") as sound:
        assert sound.headers["content-type"] == "audio/mpeg" and b"".join(sound.iter_bytes()) == SOUND
    reply = gateway.call("POST", "/v1/audio/speech", {"model": "speech", "voice": "alloy", "input": "x", "stream_format": "sse"}, [("X-Request-Id", "sse"), ("content-type", "application/json")])
    assert reply.complete and reply.body.count(b"data: ") == 2
    assert gateway.log_line("sse")["output_tokens"] == 9


def test_moderations_and_rerank(gateway, client):
    assert client.moderations.create(model="moderations", input="x").results[0].flagged is False
    reply = gateway.call("POST", "/v1/rerank", '{ "model": "rank",  "query": "q", "documents": ["a", "b"], "top_n": 1 }', [("X-Request-Id", "rank")])
    assert (reply.status, reply.json()) == (200, RANKED)
    assert gateway.up.requests[-1].body == b'{ "model": "gpt-4o-mini",  "query": "q", "documents": ["a", "b"], "top_n": 1 }'
    assert gateway.log_line("rank")["input_tokens"] == 6


FAULTS = [  # path, body, status, a part of the message
    ("/v1/images/generations", {"model": "nope", "prompt": "x"}, 404, "The model 'nope' does not exist"),
    ("/v1/images/generations", {"model": "chat", "prompt": "x"}, 400, "Endpoint 'chat' is not an images endpoint: the type of this route is llm/v1/chat."),
    ("/v1/audio/speech", {"model": "images", "input": "x"}, 400, "is not a speech endpoint"),
    ("/v1/moderations", {"input": "x"}, 400, "model"),
    ("/v1/moderations", "{", 400, "JSON"),
    ("/v1/rerank", {"model": "moderations"}, 400, "is not a rerank endpoint"),
    ("/v1/chat/completions", {"model": "speech", "messages": []}, 400, "Endpoint 'speech' is not a chat endpoint: the type of this route is llm/v1/speech."),
    ("/v1/images/generations", {"model": "images"}, 400, "bad call of /v1/images/generations"),  # the provider's own message
]


@pytest.mark.parametrize("path, body, status, said", FAULTS)
def test_faults_are_told_in_openais_shape(gateway, path, body, status, said):
    reply = gateway.call("POST", path, body, [("content-type", "application/json")])
    assert reply.status == status and said in reply.json()["error"]["message"], reply.body


def test_paths_without_a_type_have_no_such_calls(gateway):
    for path in ("/gateway/images/invocations", "/endpoints/images/invocations", "/serving-endpoints/images/invocations", "/gateway/images/mlflow/invocations"):
        reply = gateway.call("POST", path, {"messages": [{"role": "user", "content": "x"}]})
        assert reply.status == 400 and b"is of type llm/v1/images, which has a path of its own" in reply.body, path


def test_lists_limits_and_metrics(gateway, client):
    assert {"images", "speech", "moderations", "rank"} <= {m.id for m in client.models.list()}
    told = {r["name"]: r["endpoint_type"] for r in gateway.call("GET", "/api/2.0/endpoints/").json()["endpoints"]}
    assert told["images"] == "llm/v1/images" and told["rank"] == "llm/v1/rerank"
    assert gateway.call("GET", "/v1beta/models").status == 200
    assert client.moderations.create(model="limited", input="x").id
    with pytest.raises(openai.RateLimitError):
        client.moderations.create(model="limited", input="x")
    assert 'gen_ai_operation_name="moderations"' in gateway.call("GET", "/metrics").body.decode()


def test_a_dead_upstream(sluice):
    daemon = sluice({"endpoints": [typed_route("http://127.0.0.1:9/v1", "images", "images")]})
    reply = daemon.call("POST", "/v1/images/generations", {"model": "images", "prompt": "x"})
    assert reply.status == 502 and reply.json()["error"]["type"] == "server_error"

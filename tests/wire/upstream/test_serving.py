# SPDX-License-Identifier: Apache-2.0
"""Strict model servers, with OpenAI's client; their faults."""
import openai
import pytest

from bedrock_fake import KEYS, frame
from serving_fake import PART, SageMaker, Scoring, Texts

BAD, BROKEN = "provider_bad_response", "provider_stream_broken"
TEXTS = "huggingface-text-generation-inference"


def route(kind, provider, config, name="m"):
    return {"name": "r", "endpoint_type": f"llm/v1/{kind}", "sluice": {"retries": 0}, "model": {"provider": provider, "name": name, "config": config}}


def texts(sluice, upstream, handler):
    base = upstream(handler).base.removesuffix("/v1")
    daemon = sluice({"endpoints": [route("completions", TEXTS, {"hf_server_url": base, "hf_api_key": "hf_secret-key"})]})
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0), daemon


# --- text-generation-inference ---


@pytest.mark.parametrize("more", [{}, {"temperature": 0}, {"temperature": 0.3, "top_p": 1, "stop": ["a", "b"], "seed": 1, "max_tokens": 4, "frequency_penalty": 0.5},
                                  {"presence_penalty": 1, "logit_bias": {"1": 2}, "user": "u"}], ids=["plain", "greedy", "values", "hints"])
def test_what_openai_allows_gets_through(sluice, upstream, more):
    fake = Texts(["hej å", "hej"])
    client, _ = texts(sluice, upstream, fake)
    r = client.completions.create(model="r", prompt="Say", **more)
    assert (r.choices[0].text, r.choices[0].finish_reason, r.usage.prompt_tokens, r.usage.completion_tokens) == ("hej å", "stop", 3, 5)
    chunks = list(client.completions.create(model="r", prompt="Say", stream=True, stream_options={"include_usage": True}, **more))
    assert "".join(c.choices[0].text for c in chunks if c.choices) == "hej"
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens) == (3, 3) and chunks[-2].choices[0].finish_reason == "stop"
    assert len(fake.bodies) == 2


def test_the_prompt_again(sluice, upstream):
    client, _ = texts(sluice, upstream, Texts(["b"]))
    assert client.completions.create(model="r", prompt="a", echo=True).choices[0].text == "ab"
    with pytest.raises(openai.BadRequestError, match="echo"):
        client.completions.create(model="r", prompt="a", echo=True, stream=True)


def test_what_it_refuses_is_told(sluice, upstream):
    client, daemon = texts(sluice, upstream, Texts([]))
    with pytest.raises(openai.UnprocessableEntityError, match="`inputs` cannot be empty"):
        client.completions.create(model="r", prompt="")
    r = daemon.call("POST", "/gateway/r/invocations", {"prompt": ""})
    assert (r.status, r.json()) == (422, {"detail": "Input validation error: `inputs` cannot be empty"})


@pytest.mark.parametrize("body", [b"<html>", b'{"generated_te', b"[]", b"{}", b'{"generated_text":7}', b"null", b'[{"details":{}}]', b'{"generated_text":null,"details":null}'])
def test_bad_replies_are_bad_replies(sluice, upstream, body):
    _, daemon = texts(sluice, upstream, lambda x: x.reply(body))
    r = daemon.call("POST", "/v1/completions", {"model": "r", "prompt": "x"})
    assert r.status == 502 and r.get("x-sluice-error-type") == BAD, r.body
    r = daemon.call("POST", "/gateway/r/invocations", {"prompt": "x"})
    assert r.status in (500, 502) and r.get("x-sluice-error-type") == BAD, "MLflow says 500 of JSON in another shape"


HI = {"index": 1, "token": {"id": 1, "text": "hi", "special": False}, "generated_text": None, "details": None}
LAST = {
    "no end": (None, BROKEN),
    "an error": ({"error": "Request failed during generation: out of memory", "error_type": "generation"}, "provider_server_error"),
    "overloaded": ({"error": "Model is overloaded", "error_type": "overloaded"}, "provider_overloaded"),
    "not JSON": ("oops", BAD),
    "a list": ([1], BAD),
}


@pytest.mark.parametrize("name", LAST)
def test_broken_streams_are_errors(sluice, upstream, name):
    last, kind = LAST[name]

    def half(x):
        x.stream_head()
        for event in filter(None, (HI, last)):
            x.event(event)
        x.last_chunk()

    client, daemon = texts(sluice, upstream, half)
    with pytest.raises(openai.APIError):
        list(client.completions.create(model="r", prompt="x", stream=True))
    r = daemon.call("POST", "/gateway/r/invocations", {"prompt": "x", "stream": True})
    assert b'"error"' in r.body and daemon.log_line(r.get("x-request-id"))["error_type"] == kind


def test_its_key_is_not_quoted(sluice, upstream):
    _, daemon = texts(sluice, upstream, lambda x: x.reply({"error": f"bad: {x.get('authorization')}", "error_type": "validation"}, "422 Unprocessable Entity"))
    r = daemon.call("POST", "/v1/completions", {"model": "r", "prompt": "x"})
    assert r.status == 422 and b"secret" not in r.body


# --- MLflow's model server ---


def scoring(sluice, upstream, handler, **config):
    base = upstream(handler).base.removesuffix("/v1")
    daemon = sluice({"endpoints": [{**route(kind, "mlflow-model-serving", {"model_server_url": base, **config}), "name": kind} for kind in ("chat", "completions", "embeddings")]})
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0), daemon


def test_inputs_and_params(sluice, upstream):
    fake = Scoring(["Hi.", "a", "b", [0.5, 1.0], [0.25, 2.0], "Ho."])
    client, daemon = scoring(sluice, upstream, fake)
    r = client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "hello"}], temperature=0, user="u")
    assert (r.choices[0].message.content, r.choices[0].finish_reason, r.usage) == ("Hi.", "stop", None)
    assert [c.text for c in client.completions.create(model="completions", prompt=["x", "y"], max_tokens=3).choices] == ["a", "b"]
    assert [d.embedding for d in client.embeddings.create(model="embeddings", input=["x", "y"]).data] == [[0.5, 1.0], [0.25, 2.0]]  # base64 in the reply
    assert daemon.call("POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "hello"}]}).json()["choices"][0]["message"]["content"] == "Ho."
    assert fake.bodies[:3] == [{"inputs": ["hello"], "params": {"temperature": 0, "user": "u"}}, {"inputs": ["x", "y"], "params": {"max_tokens": 3}}, {"inputs": ["x", "y"]}]


def test_there_are_no_streams(sluice, upstream):
    _, daemon = scoring(sluice, upstream, Scoring([]))
    call = {"messages": [{"role": "user", "content": "x"}], "stream": True}
    text = "The chat streaming route is not implemented for MLflow Model Serving models."
    r = daemon.call("POST", "/v1/chat/completions", {"model": "chat", **call})
    assert r.status == 400 and r.json()["error"]["message"] == text
    r = daemon.call("POST", "/gateway/chat/invocations", call)
    assert (r.status, r.json()) == (501, {"detail": text})


def test_a_model_of_chats_gets_them_as_they_come(sluice, upstream):
    def echo(x):
        assert x.path == "/invocations" and x.json()["messages"] == [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]
        x.stream_head()
        for delta, finish in (({"role": "assistant", "content": "ok"}, None), ({}, "stop")):
            x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
        x.event("[DONE]")
        x.last_chunk()

    client, _ = scoring(sluice, upstream, echo, model_server_api="openai")
    chunks = client.chat.completions.create(model="chat", messages=[{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "ok"


NO_ANSWERS = [b'{"predictions":[]}', b"{}", b'{"predictions":"text"}', b'{"predictions":[1]}', b'{"predictions":[["a"]]}', b'{"predictions":{"a":["x"],"b":1}}', b'{"predictions":{"a":[]}}',
              b'{"predictions":null}', b'{"answer":["a"]}']


@pytest.mark.parametrize("body", [*NO_ANSWERS, b"<html>", b'{"predictions":["te', b"[]", b"null"])
def test_what_is_no_prediction_is_a_bad_reply(sluice, upstream, body):
    _, daemon = scoring(sluice, upstream, lambda x: x.reply(body))
    messages = [{"role": "user", "content": "x"}]
    r = daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": messages})
    m = daemon.call("POST", "/gateway/chat/invocations", {"messages": messages})
    for reply in (r, m):
        assert reply.status == 502 and reply.get("x-sluice-error-type") == BAD, reply.body


@pytest.mark.parametrize("body", [b'{"predictions":[]}', b'{"predictions":[[]]}', b'{"predictions":[[1.5],2]}', b'{"predictions":["a"]}', b'{"predictions":[[0.5],[]]}', b'{"predictions":{"a":[1]}}'])
def test_what_is_no_vector_is_a_bad_reply(sluice, upstream, body):
    _, daemon = scoring(sluice, upstream, lambda x: x.reply(body))
    for path, call in (("/v1/embeddings", {"model": "embeddings", "input": "x"}), ("/gateway/embeddings/invocations", {"input": "x"})):
        r = daemon.call("POST", path, call)
        assert r.status == 502 and r.get("x-sluice-error-type") == BAD, r.body


# --- SageMaker ---

HELLO = [{"role": "user", "content": "hello"}]


def sagemaker(sluice, upstream, handler, kind="chat", secret=KEYS[1], **config):
    base = upstream(handler).base.removesuffix("/v1")
    aws = {"aws_access_key_id": KEYS[0], "aws_secret_access_key": secret, "aws_region": "us-east-1", "aws_endpoint_url": base}
    daemon = sluice({"endpoints": [route(kind, "sagemaker", {"aws_config": aws, "sagemaker_inference_component": "part", **config}, "e")]})
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0), daemon


def test_a_container_of_chats(sluice, upstream):
    fake = SageMaker(["Hi å", "Ho å", "He"])
    client, daemon = sagemaker(sluice, upstream, fake)
    r = client.chat.completions.create(model="r", messages=HELLO, extra_body={"top_k": 3})
    assert (r.choices[0].message.content, r.usage.total_tokens, fake.bodies[0]) == ("Hi å", 5, {"messages": HELLO, "top_k": 3})
    chunks = list(client.chat.completions.create(model="r", messages=HELLO, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Ho å" and chunks[-1].usage.total_tokens == 5
    r = daemon.call("POST", "/gateway/r/invocations", {"messages": HELLO, "stream": True})
    assert r.complete and b'"content":"H"' in r.body and b'"error"' not in r.body


def test_a_container_of_texts(sluice, upstream):
    fake = SageMaker(["hej", "hej"], texts=True)
    client, daemon = sagemaker(sluice, upstream, fake, "completions", sagemaker_api="tgi")
    assert client.completions.create(model="r", prompt="a", temperature=0).choices[0].text == "hej"
    assert "".join(c.choices[0].text for c in client.completions.create(model="r", prompt="a", stream=True)) == "hej"
    with pytest.raises(openai.UnprocessableEntityError, match="cannot be empty"):
        client.completions.create(model="r", prompt="")


def test_keys_that_are_refused_are_the_gateways_fault(sluice, upstream):
    _, daemon = sagemaker(sluice, upstream, SageMaker(["x"]), secret="wrong-secret")
    r = daemon.call("POST", "/v1/chat/completions", {"model": "r", "messages": HELLO})
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_auth_failed" and b"wrong-secret" not in r.body


EXCEPTION = frame({":exception-type": "ModelStreamError", ":message-type": "exception"}, b'{"Message":"out of memory","ErrorCode":"X"}')
BROKEN_PARTS = {
    "an exception": ([frame(PART, b"data: {\"id\":\"c\",\"choi"), EXCEPTION], "provider_server_error"),
    "a wrong checksum": ([frame(PART, b"data: {}\n\n")[:-1] + b"x"], BAD),
    "half a frame": ([frame(PART, b"data: {}\n\n")[:-9]], BROKEN),
    "no end": ([frame(PART, b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n')], BROKEN),
    "not JSON": ([frame(PART, b"data: oops\n\n")], BAD),
}


@pytest.mark.parametrize("name", BROKEN_PARTS)
def test_broken_frames_are_errors(sluice, upstream, name):
    parts, kind = BROKEN_PARTS[name]

    def handler(x):
        x.stream_head("application/vnd.amazon.eventstream")
        for part in parts:
            x.chunk(part)
        x.last_chunk()

    client, daemon = sagemaker(sluice, upstream, handler)
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="r", messages=HELLO, stream=True))
    r = daemon.call("POST", "/gateway/r/invocations", {"messages": HELLO, "stream": True})
    assert b"error" in r.body or r.status >= 500
    assert daemon.log_line(r.get("x-request-id"))["error_type"] == kind

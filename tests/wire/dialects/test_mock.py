# SPDX-License-Identifier: Apache-2.0
"""The provider mock as docs/providers.md describes it: deterministic, with one rule for counts, slow or failing on
demand."""
import json
import subprocess
import time

import openai
import pytest
import yaml

from harness import BIN

ROUTES = {"chat": "chat", "comp": "completions", "emb": "embeddings"}


def config(**mock):
    return {"endpoints": [{"name": name, "endpoint_type": f"llm/v1/{kind}", "model": {"provider": "mock", "name": "mock-1", "config": mock}}
                          for name, kind in ROUTES.items()]}


def user(text, **more):
    return {"model": "chat", "messages": [{"role": "user", "content": text}], **more}


def chat(daemon, body):
    r = daemon.call("POST", "/v1/chat/completions", body)
    assert r.status == 200, r.body
    return r.json()


def tokens_of(body):
    return tuple(body["usage"][f"{what}_tokens"] for what in ("prompt", "completion", "total"))


def events(reply):
    assert reply.status == 200 and reply.complete
    data = [part[6:] for part in reply.body.decode().split("\n\n") if part]
    assert data[-1] == "[DONE]"
    return [json.loads(d) for d in data[:-1]]


def test_the_template(sluice):
    daemon = sluice(config(template="{model} heard {message}{message} {other}"))
    body = {"model": "chat", "messages": [{"role": "user", "content": "first"}, {"role": "assistant", "content": "no"},
                                          {"role": "user", "content": [{"type": "text", "text": "la"}, {"type": "text", "text": "st"}]},
                                          {"role": "system", "content": "no"}]}
    assert chat(daemon, body)["choices"][0]["message"]["content"] == "mock-1 heard lastlast {other}"
    r = daemon.call("POST", "/v1/completions", {"model": "comp", "prompt": ["a", "b"]})
    assert [c["text"] for c in r.json()["choices"]] == ["mock-1 heard aa {other}", "mock-1 heard bb {other}"]


def test_the_same_request_gets_the_same_reply(sluice):
    daemon = sluice(config())
    for path, body in [("/v1/chat/completions", user("x", n=2)), ("/v1/completions", {"model": "comp", "prompt": "x"}),
                       ("/v1/embeddings", {"model": "emb", "input": ["x", "y"]})]:
        a, b = (daemon.call("POST", path, body).json() for _ in range(2))
        assert a.pop("created", 0) <= b.pop("created", 0) and a == b
    x, y = (d["embedding"] for d in a["data"])
    assert len(x) == 8 and x != y and all(-1 <= v <= 1 for v in x + y)


@pytest.mark.parametrize("text, tokens", [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("\u20ac\u20ac", 2)])
def test_a_text_has_a_token_for_each_four_bytes_begun(sluice, text, tokens):
    daemon = sluice(config(template="{message}"))
    assert tokens_of(chat(daemon, user(text))) == (tokens, tokens, 2 * tokens)
    two = {"model": "chat", "messages": [{"role": "system", "content": "abcde"}, {"role": "user", "content": text}]}
    assert chat(daemon, two)["usage"]["prompt_tokens"] == 2 + tokens
    if text:
        r = daemon.call("POST", "/v1/embeddings", {"model": "emb", "input": [text, text]}).json()
        assert r["usage"] == {"prompt_tokens": 2 * tokens, "total_tokens": 2 * tokens}
        assert daemon.call("POST", "/v1/embeddings", {"model": "emb", "input": [5, 6, 7]}).json()["usage"]["prompt_tokens"] == 3


def test_max_tokens_cuts_between_characters(sluice):
    daemon = sluice(config(template="{message}"))
    for limit in ("max_tokens", "max_completion_tokens"):
        choice = chat(daemon, user("abc\u20ac\u20ac", **{limit: 1}))["choices"][0]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("abc", "length")
    assert chat(daemon, user("abcd", max_tokens=1))["choices"][0]["finish_reason"] == "stop"
    cut = events(daemon.call("POST", "/v1/chat/completions", user("abc\u20ac\u20ac", max_tokens=1, stream=True)))
    assert cut[-1]["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("size, pieces", [(1, ["\u20ac", "a", "b", "\U0001f600", "c"]), (2, ["\u20aca", "b\U0001f600", "c"]), (99, ["\u20acab\U0001f600c"])])
def test_a_stream_has_chunks_of_so_many_characters(sluice, size, pieces):
    daemon = sluice(config(template="{message}", chunk_size=size))
    got = events(daemon.call("POST", "/v1/chat/completions", user("\u20acab\U0001f600c", stream=True, stream_options={"include_usage": True})))
    assert [t for e in got for c in e["choices"] if (t := c["delta"].get("content"))] == pieces
    assert got[-1]["choices"] == [] and tokens_of(got[-1]) == (3, 3, 6)


def test_latency_and_delay(sluice):
    daemon = sluice(config(template="{message}", chunk_size=1, latency="300ms", chunk_delay="100ms"))
    start = time.monotonic()
    chat(daemon, user("x"))
    assert 0.3 <= time.monotonic() - start < 5
    conn = daemon.connect()
    start = time.monotonic()
    conn.request("POST", "/v1/chat/completions", user("abc", stream=True))
    assert conn.head().status == 200
    at = []
    while data := conn.chunk():
        at += [time.monotonic() - start] * sum(f'"content":"{c}"'.encode() in data for c in "abc")
    assert len(at) == 3 and at[0] >= 0.4 and at[1] - at[0] > 0.05 and at[2] - at[1] > 0.05 and at[2] >= 0.6


def test_a_delay_is_no_silence_where_another_target_could_answer(sluice):
    """A stream of completions begins with its first text, so nothing comes behind the head for a while."""
    conf = config(template="{message}", chunk_delay="100ms")
    route = conf["endpoints"][1]
    route["sluice"] = {"targets": [{"name": "other", "model": route["model"]}]}
    r = sluice(conf).call("POST", "/v1/completions", {"model": "comp", "prompt": "hello", "stream": True})
    assert "".join(c["text"] for e in events(r) for c in e["choices"]) == "hello" and r.get("x-sluice-attempts") == "1"


def test_a_fixed_error(sluice):
    daemon = sluice(config(error={"status": 429, "message": "not today", "type": "tired"}))
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="none", max_retries=0)
    for stream in (False, True):
        with pytest.raises(openai.RateLimitError) as e:
            client.chat.completions.create(model="chat", messages=user("x")["messages"], stream=stream)
        assert e.value.body == {"message": "not today", "type": "tired", "param": None, "code": None}
    r = daemon.call("POST", "/gateway/chat/invocations", {"messages": user("x")["messages"]})
    assert r.status == 429 and "not today" in r.json()["detail"]
    assert r.get("x-sluice-error-type") == "provider_rate_limited"


@pytest.mark.parametrize("mock, said", [({"error": {"status": 302}}, "error.status must be from 400 to 599"), ({"chunk_size": 0}, "chunk_size"),
                                        ({"latency": "5"}, "latency"), ({"templte": "x"}, "template")])
def test_settings_are_checked(tmp_path, mock, said):
    path = tmp_path / "sluice.yaml"
    path.write_text(yaml.safe_dump(config(**mock)))
    p = subprocess.run([BIN, "check", "-c", path, "--strict"], capture_output=True, text=True)
    assert p.returncode == 1 and said in p.stdout + p.stderr

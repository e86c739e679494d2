# SPDX-License-Identifier: Apache-2.0
"""Google's own client at /v1beta and /v1, against strict upstreams of its own language and of others."""
import base64
import enum
import json
import urllib.parse

import pydantic
import pytest
from google import genai
from google.genai import errors, types

from bedrock_fake import KEYS as AWS, Bedrock
from cohere_fake import Cohere
from gemini_fake import Gemini, Refused, check
from harness import chat_route
from lab import DONE, chunk_of, event_of
from responses_fake import Responses
from strict_anthropic import StrictAnthropic
from strict_openai import StrictOpenAI
from test_form_family import TOOL_USERS, Lab
from test_messages import claude_answer, claude_route, openai_answer
from upstream import Upstream

TOOL = types.Tool(function_declarations=[types.FunctionDeclaration(name="f", description="adds", parameters=types.Schema(
    type="OBJECT", properties={"n": types.Schema(type="INTEGER", nullable=True)}, property_ordering=["n"]))])
SAY = [{"role": "user", "parts": [{"text": "x"}]}]


def joined(body):
    """The client sends a streamed turn back as it came, piece by piece; the real API takes that."""
    contents = []
    for c in body.get("contents", []):
        parts = [p for p in c.get("parts", []) if p != {"text": ""}]
        if contents and contents[-1]["role"] == c.get("role"):
            contents[-1]["parts"] += parts
        else:
            contents.append({**c, "parts": parts})
    return {**body, "contents": contents}


class Google(Gemini):
    """Answers by the request: a call until three results are there; and everything else that the API has."""

    def __init__(self):
        super().__init__([])
        self.paths, self.keys = [], []

    def parts(self, body):
        n = sum("functionResponse" in p for c in body["contents"] for p in c["parts"])
        if body.get("tools") and n < 3:
            return [{"text": "so"}, {"functionCall": {"id": f"c{n}", "name": "f", "args": {"n": n}}, "thoughtSignature": "c2ln"}]
        return [{"text": str(n)}]

    def __call__(self, x):
        url = urllib.parse.urlsplit(x.path)
        model, method = url.path.rsplit("/", 1)[1].split(":")
        query, body = urllib.parse.parse_qs(url.query), x.json()
        self.paths.append(x.path)
        self.keys.append(x.get("x-goog-api-key"))
        if method == "countTokens":
            inner = body.get("generateContentRequest", body)
            if "generateContentRequest" in body and inner.pop("model", None) != f"models/{model}":
                x.reply({"error": {"code": 400, "message": "model is not the path's", "status": "INVALID_ARGUMENT"}}, "400 Bad Request")
                return
            x.reply({"totalTokens": 17, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 17}]})
        elif method == "batchEmbedContents":
            assert all(r["model"] == f"models/{model}" for r in body["requests"])
            x.reply({"embeddings": [{"values": [0.5, i]} for i in range(len(body["requests"]))]})
        elif method == "embedContent":
            x.reply({"embedding": {"values": [0.5, 1]}})
        else:
            try:
                check(joined(body), model)
            except Refused as e:
                x.reply({"error": {"code": 400, "message": str(e), "status": "INVALID_ARGUMENT"}}, "400 Bad Request")
                return
            self.bodies.append(body)
            parts = self.parts(body)
            if method == "generateContent":
                x.reply(self.response(parts, "STOP"))
                return
            assert query["alt"] == ["sse"]
            x.stream_head()
            for part in parts:
                x.chunk(f"data: {json.dumps(self.response([part]))}\r\n\r\n")
            x.chunk(f"data: {json.dumps(self.response([{'text': ''}], 'STOP'))}\r\n\r\n")
            x.last_chunk()


def client_of(daemon, version=None, key="k"):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=daemon.url, api_version=version))


def route(name, provider, model, config, kind="chat"):
    return {"name": name, "endpoint_type": f"llm/v1/{kind}", "sluice": {"retries": 0}, "model": {"provider": provider, "name": model, "config": config}}


def gemini_config(base):
    return {"gemini_api_key": "AIza-up", "gemini_api_base": base.removesuffix("/v1") + "/v1beta"}


@pytest.fixture(scope="module")
def own(sluice_module):
    fake = Google()
    up = Upstream(fake)
    config = gemini_config(up.base)
    daemon = sluice_module({"endpoints": [route("gem", "gemini", "gemini-2.5-flash", config), route("three", "gemini", "gemini-3-pro-preview", config),
                                          route("emb", "gemini", "gemini-embedding-001", config, "embeddings")]})
    daemon.fake, daemon.up, daemon.client = fake, up, client_of(daemon)
    yield daemon
    up.close()


@pytest.fixture(scope="module")
def lab(sluice_module):
    lab = Lab(sluice_module)
    lab.fake.answer = openai_answer
    lab.client = client_of(lab.daemon)
    yield lab
    lab.up.close()


def result_of(call, with_id=True):
    return {"function_response": {"id": call.id if with_id else None, "name": call.name, "response": {"output": str(call.args["n"])}}}


def loop(client, model, stream, with_id=True):
    chat = client.chats.create(model=model, config={"tools": [TOOL], "system_instruction": "add", "automatic_function_calling": {"disable": True}, "max_output_tokens": 99})
    say, turns = "go", 0
    while True:
        turns += 1
        if stream:
            pieces = list(chat.send_message_stream(say))
            calls = [c for p in pieces for c in p.function_calls or []]
            text = "".join(part.text or "" for p in pieces for c in p.candidates or [] for part in c.content.parts or [] if not part.thought)
            assert pieces[-1].candidates[0].finish_reason == "STOP" and len({p.response_id for p in pieces}) == 1
        else:
            reply = chat.send_message(say)
            calls, text = reply.function_calls or [], "".join(p.text or "" for p in reply.candidates[0].content.parts if not p.thought)
            assert reply.candidates[0].finish_reason == "STOP" and reply.usage_metadata.total_token_count > 0
        if not calls:
            break
        assert [c.name for c in calls] == ["f"] and calls[0].args == {"n": turns - 1}
        say = [types.Part.model_validate(result_of(c, with_id)) for c in calls]
    assert (text, turns) == ("3", 4)
    assert len(chat.get_history(curated=True)) >= 8, "no turn was taken for a broken one"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["gem", "three"])
def test_a_loop_of_tools_at_its_own_language(own, name, stream):
    loop(own.client, name, stream)
    assert own.fake.paths[-1] == ("/v1beta/models/" + {"gem": "gemini-2.5-flash", "three": "gemini-3-pro-preview"}[name] +
                                  (":streamGenerateContent?alt=sse" if stream else ":generateContent"))
    assert set(own.fake.keys) == {"AIza-up"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("with_id", [False, True])
@pytest.mark.parametrize("name", TOOL_USERS)
def test_a_loop_of_tools_at_others(lab, name, with_id, stream):
    loop(lab.client, name, stream, with_id)


def cohere_answers():
    plan = [{"tool_plan": "so", "tool_calls": [{"id": f"f_{n}", "type": "function", "function": {"name": "f", "arguments": json.dumps({"n": n})}}]} for n in range(3)]
    return Cohere([*plan, {"content": [{"type": "text", "text": "3"}]}])


def bedrock_answers():
    return Bedrock([*([{"text": "so"}, {"toolUse": {"toolUseId": f"t{n}", "name": "f", "input": {"n": n}}}] for n in range(3)), [{"text": "3"}]])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", ["anthropic", "bedrock", "cohere"])
def test_a_loop_of_tools_at_three_more_languages(sluice, upstream, provider, stream):
    up = upstream({"anthropic": lambda: StrictAnthropic(claude_answer), "bedrock": bedrock_answers, "cohere": cohere_answers}[provider]())
    made = {"anthropic": lambda: claude_route(up.base, "r"),
            "bedrock": lambda: route("r", "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", {"aws_config": {
                "aws_access_key_id": AWS[0], "aws_secret_access_key": AWS[1], "aws_region": "us-east-1", "aws_endpoint_url": up.base.removesuffix("/v1")}}),
            "cohere": lambda: route("r", "cohere", "command-a-03-2025", {"cohere_api_key": "k", "cohere_api_base": up.base.removesuffix("/v1") + "/v2"})}[provider]()
    loop(client_of(sluice({"endpoints": [made]})), "r", stream)


def test_the_routes_are_listed_as_models(own):
    for version in ("v1beta", None):  # the client's own default: /v1 with its header
        client = client_of(own, version)
        assert [m.name for m in client.models.list()] == ["models/gem", "models/three", "models/emb"]
        page = client.models.list(config={"page_size": 2})
        assert len(page.page) == 2 and [m.name for m in page] == ["models/gem", "models/three", "models/emb"], "the client fetches the rest by itself"
        assert client.models.get(model="emb").supported_actions == ["embedContent", "batchEmbedContents"]
        assert client.models.get(model="models/gem").supported_actions[0] == "generateContent"
        with pytest.raises(errors.ClientError, match="models/nothing is not found") as e:
            client.models.get(model="nothing")
        assert (e.value.code, e.value.status) == (404, "NOT_FOUND")
    r = own.call("GET", "/v1/models")
    assert r.json()["object"] == "list", "others get OpenAI's"
    for query, status, n in (("pageSize=0", 200, 3), ("pageSize=5000", 200, 3), ("pageSize=1", 200, 1), ("pageSize=-1", 400, None), ("pageSize=x", 400, None), ("pageToken=no", 400, None)):
        r = own.call("GET", "/v1beta/models?" + query)
        assert r.status == status and (n is None or len(r.json()["models"]) == n), query


def test_tokens_are_counted_there_or_estimated_here(own, lab):
    reply = own.client.models.count_tokens(model="gem", contents="hello")
    assert reply.total_tokens == 17 and own.fake.paths[-1].endswith("gemini-2.5-flash:countTokens")
    r = own.call("POST", "/v1beta/models/gem:countTokens", {"generateContentRequest": {"model": "models/gem", "contents": SAY}})
    assert r.json()["totalTokens"] == 17 and r.get("x-sluice-estimate") is None
    r = own.call("POST", "/v1beta/models/gem:countTokens", {"generateContentRequest": {"contents": SAY}})
    assert r.json()["totalTokens"] == 17
    n = len(lab.up.requests)
    for body in ({"contents": [{"parts": [{"text": "x" * 400}]}]}, {"generateContentRequest": {"contents": [{"parts": [{"text": "x" * 400}]}]}}):
        r = lab.daemon.call("POST", "/v1beta/models/openai:countTokens", body)
        assert r.json() == {"totalTokens": 105} and r.get("x-sluice-estimate") == "tokens"
    assert len(lab.up.requests) == n


def test_embeddings_at_its_own_language(own):
    reply = own.client.models.embed_content(model="emb", contents=["a", "b"], config={"output_dimensionality": 2, "task_type": "RETRIEVAL_QUERY"})
    assert [e.values for e in reply.embeddings] == [[0.5, 0], [0.5, 1]]
    r = own.call("POST", "/v1beta/models/emb:embedContent", {"model": "models/emb", "content": {"parts": [{"text": "a"}]}})
    assert r.json() == {"embedding": {"values": [0.5, 1]}} and own.up.requests[-1].json()["model"] == "models/gemini-embedding-001"


def test_embeddings_at_others(sluice, upstream):
    seen = []

    def answer(x):
        seen.append(x.json())
        x.reply({"object": "list", "data": [{"object": "embedding", "index": i, "embedding": [0.25, i]} for i in range(len(seen[-1]["input"]))], "model": "m",
                 "usage": {"prompt_tokens": 4, "total_tokens": 4}})
    daemon = sluice({"endpoints": [route("e", "openai", "text-embedding-3-small", {"openai_api_key": "k", "openai_api_base": upstream(answer).base}, "embeddings")]})
    client = client_of(daemon)
    reply = client.models.embed_content(model="e", contents=["a", "b"], config={"output_dimensionality": 2})
    assert [e.values for e in reply.embeddings] == [[0.25, 0], [0.25, 1]]
    assert seen[-1] == {"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 2}
    r = daemon.call("POST", "/v1/models/e:embedContent", {"content": {"parts": [{"text": "a"}, {"text": "b"}]}, "taskType": "RETRIEVAL_QUERY"})
    assert r.json() == {"embedding": {"values": [0.25, 0]}, "usageMetadata": {"promptTokenCount": 4}} and seen[-1]["input"] == ["ab"]
    assert r.get("x-sluice-dropped") == "task_type"


def test_a_stream_without_alt_is_one_list(own, lab):
    for daemon, name in ((own, "gem"), (lab.daemon, "openai")):
        r = daemon.call("POST", f"/v1beta/models/{name}:streamGenerateContent", {"contents": SAY})
        assert r.get("content-type") == "application/json" and r.get("transfer-encoding") == "chunked"
        items = r.json()
        assert r.body.startswith(b"[{") and r.body.endswith(b"}\n]") and b"},\n{" in r.body
        assert "".join(p.get("text", "") for i in items for c in i["candidates"] for p in c["content"]["parts"]) == "0"
        assert items[-1]["candidates"][0]["finishReason"] == "STOP"
        assert daemon.log_line(r.get("x-request-id"))["output_tokens"] is not None or name == "openai"


KEY = "sk-sluice-canary" + "k" * 35


def test_where_the_key_may_be(sluice, upstream):
    up = upstream(Google())
    daemon = sluice({"endpoints": [route("gem", "gemini", "gemini-2.5-flash", gemini_config(up.base))], "auth": {"keys": [{"name": "a", "key": KEY, "role": "query"}]},
                     "log": {"level": "debug"}})
    ok = "/v1beta/models/gem:generateContent"
    wrong = "sk-sluice-wrong" + "w" * 36
    client = client_of(daemon, key=KEY)
    assert client.models.generate_content(model="gem", contents="x").text == "0"
    for path, headers, status in (
            (ok, [], 401), (ok, [("x-goog-api-key", KEY)], 200), (ok + "?key=" + KEY, [], 200), (ok + "?alt=json&key=" + KEY, [], 200),
            (ok + "?key=" + wrong, [], 401), (ok + "?key=" + KEY, [("x-goog-api-key", wrong)], 401), (ok + "?key=" + wrong, [("x-goog-api-key", KEY)], 401),
            (ok + "?key=" + KEY + "&key=" + wrong, [], 401), (ok + "?key=" + wrong + "&key=" + KEY, [], 401), (ok + "?key=" + KEY + "&key=" + KEY, [], 200),
            (ok + "?key=AIza-of-google&key=AIza-of-another", [("x-goog-api-key", KEY)], 401),
            (ok + "?key=" + KEY, [("x-goog-api-key", "AIza-of-google")], 200), ("/v1/models/gem:streamGenerateContent?key=" + KEY + "&alt=sse", [], 200),
            ("/v1beta/models/gem:nothing?key=" + KEY, [], 404), ("/v1beta/models/gem:generateContent?key=" + KEY + "#x", [], 400), ("/v1beta/models/%zz:generateContent?key=" + KEY, [], 400),
            ("/v1/chat/completions?key=" + KEY, [], 401)):
        r = daemon.call("POST", path, {"contents": SAY}, headers)
        assert r.status == status, (path, r.body)
        if status != 200 and not path.startswith("/v1/chat"):
            assert r.json()["error"]["code"] == status and KEY.encode() not in r.body
    assert daemon.call("GET", "/v1beta/models?key=" + KEY).status == 200
    daemon.call("GET", "/v1beta/models/?key=" + KEY)
    metrics = daemon.call("GET", "/metrics").body.decode()
    daemon.stop()
    lines = daemon.log_path.read_text()
    assert "/v1beta/models/gem:generateContent" in lines and "gemini" in metrics
    for text in (metrics, daemon.stdout, daemon.stderr, lines):
        assert KEY not in text and wrong not in text
    for x in up.requests:
        assert KEY.encode() not in x.head + x.body and wrong.encode() not in x.head


def test_errors_have_googles_shape(own, lab):
    for daemon, path, status, word in (
            (own, "/v1beta/models/nothing:generateContent", 404, "NOT_FOUND"), (own, "/v1beta/models/gem:nothing", 404, "NOT_FOUND"), (own, "/v1beta/nothing", 404, "NOT_FOUND"),
            (own, "/v1beta/models/emb:generateContent", 400, "INVALID_ARGUMENT"), (own, "/v1beta/models/gem:embedContent", 400, "INVALID_ARGUMENT"),
            (own, "/v1/models/nothing:countTokens", 404, "NOT_FOUND"), (lab.daemon, "/v1beta/models/openai:streamGenerateContent?alt=xml", 400, "INVALID_ARGUMENT")):
        r = daemon.call("POST", path, {"contents": SAY})
        error = r.json()["error"]
        assert (r.status, error["code"], error["status"]) == (status, status, word), path
    r = own.call("PUT", "/v1beta/models/gem:generateContent", {})
    assert (r.status, r.get("allow"), r.json()["error"]["status"]) == (405, "GET, HEAD, POST", "UNIMPLEMENTED")


def test_an_upstreams_errors_are_told_anew(sluice, upstream):
    said = {}
    up = upstream(lambda x: x.reply({"error": {"message": "no", "type": "t", "param": None, "code": None}}, said["status"], headers=said.get("headers", ())))
    daemon = sluice({"endpoints": [route("c", "openai", "gpt-4.1", {"openai_api_key": "k", "openai_api_base": up.base})]})
    for status, code, word in (("400 Bad Request", 400, "INVALID_ARGUMENT"), ("401 Unauthorized", 502, "UNAVAILABLE"), ("404 Not Found", 404, "NOT_FOUND"),
                               ("429 Too Many Requests", 429, "RESOURCE_EXHAUSTED"), ("500 Internal Server Error", 500, "INTERNAL"), ("503 Service Unavailable", 503, "UNAVAILABLE"),
                               ("504 Gateway Timeout", 504, "DEADLINE_EXCEEDED")):
        said.update(status=status, headers=[("retry-after", "7")] if code == 429 else [])
        r = daemon.call("POST", "/v1beta/models/c:generateContent", {"contents": SAY})
        assert (r.status, r.json()["error"]["code"], r.json()["error"]["status"]) == (code, code, word)
        if code == 429:
            assert r.get("retry-after") == "7" and {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"} in r.json()["error"]["details"]


@pytest.mark.parametrize("alt", ["", "?alt=sse"])
@pytest.mark.parametrize("provider", ["gemini", "openai"])
def test_a_broken_stream_says_so(sluice, upstream, provider, alt):
    piece = {"gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": "a"}]}, "index": 0}], "modelVersion": "m"},
             "openai": {"id": "i", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "a"}, "finish_reason": None}]}}[provider]

    def breaks(x):
        x.stream_head()
        x.event(piece)
        x.close()
    base = upstream(breaks).base
    config = gemini_config(base) if provider == "gemini" else {"openai_api_key": "k", "openai_api_base": base}
    daemon = sluice({"endpoints": [route("c", provider, "gemini-2.5-flash", config)]})
    r = daemon.call("POST", "/v1beta/models/c:streamGenerateContent" + alt, {"contents": SAY})
    items = [json.loads(e[6:]) for e in r.body.decode().split("\n\n") if e] if alt else r.json()
    assert r.complete and items[0]["candidates"][0]["content"]["parts"][0]["text"] == "a"
    assert items[-1]["error"]["code"] == 502 and len(items) == 2
    client = client_of(daemon)
    with pytest.raises(errors.APIError):
        list(client.models.generate_content_stream(model="c", contents="x"))


PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


class Sum(pydantic.BaseModel):
    name: str
    parts: list[int]
    note: str | None


@pytest.mark.parametrize("stream", [False, True])
def test_images_and_objects_at_others(lab, stream):
    """OpenAI's hosts take what Google's client makes of bytes and of a class."""
    lab.fake.answer = lambda body: ({"role": "assistant", "content": json.dumps({"name": "a", "parts": [1], "note": None})}, "stop")
    config = {"response_mime_type": "application/json", "response_schema": Sum, "temperature": 0.5, "stop_sequences": ["END"]}
    contents = ["what is it?", types.Part.from_bytes(data=PNG, mime_type="image/png")]
    try:
        if stream:
            text = "".join(c.text or "" for c in lab.client.models.generate_content_stream(model="openai", contents=contents, config=config))
            assert Sum.model_validate_json(text) == Sum(name="a", parts=[1], note=None)
        else:
            assert lab.client.models.generate_content(model="openai", contents=contents, config=config).parsed == Sum(name="a", parts=[1], note=None)
    finally:
        lab.fake.answer = openai_answer
    body = lab.fake.bodies[-1]
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["type"] == "object" and schema["properties"]["parts"] == {"items": {"type": "integer"}, "title": "Parts", "type": "array"}
    assert schema["properties"]["note"]["type"] == ["string", "null"] and "propertyOrdering" not in json.dumps(schema)
    image = body["messages"][0]["content"][1]["image_url"]["url"]
    assert base64.b64decode(image.removeprefix("data:image/png;base64,"), validate=True) == PNG


class Colour(enum.Enum):
    RED = "red"
    GREEN = "deep green"


@pytest.mark.parametrize("name", ["openai", "groq", "vllm"])
def test_an_answer_that_is_a_word_of_a_list(lab, name):
    """Google's own has no quotes around it; others give it as JSON, inside an object if it must be one."""
    def answer(body):
        schema = body["response_format"]["json_schema"]["schema"]
        word = {"value": "deep green"} if schema["type"] == "object" else "deep green"
        assert "deep green" in json.dumps(schema)
        return {"role": "assistant", "content": json.dumps(word)}, "stop"
    lab.fake.answer = answer
    config = {"response_mime_type": "text/x.enum", "response_schema": Colour}
    try:
        reply = lab.client.models.generate_content(model=name, contents="which?", config=config)
        assert (reply.text, reply.parsed) == ("deep green", Colour.GREEN)
        assert "".join(c.text or "" for c in lab.client.models.generate_content_stream(model=name, contents="which?", config=config)) == "deep green"
    finally:
        lab.fake.answer = openai_answer
    r = lab.daemon.call("POST", f"/v1beta/models/{name}:generateContent", {"contents": SAY, "generationConfig": {"responseMimeType": "text/x.enum"}})
    assert r.status == 400 and "responseSchema" in r.json()["error"]["message"]
    r = lab.daemon.call("POST", f"/v1beta/models/{name}:generateContent", {"contents": SAY, "generationConfig": {"responseMimeType": "text/xml"}})
    assert r.status == 400 and "text/x.enum" in r.json()["error"]["message"]


def test_what_of_tools_has_no_place_is_named(lab):
    tool = {"name": "f", "parameters": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}}, "response": {"type": "STRING"}, "behavior": "NON_BLOCKING"}
    many = {f"more{i}": 1 for i in range(50)}
    for key, extra in (("toolConfig", {"functionCallingConfig": {"mode": "AUTO", "streamFunctionCallArguments": True}, "retrievalConfig": {"languageCode": "en"}, "off": False}),
                       ("tool_config", {"function_calling_config": {"mode": "AUTO", "stream_function_call_arguments": True}, "retrievalConfig": {"languageCode": "en"}, **many})):
        r = lab.daemon.call("POST", "/v1beta/models/openai:generateContent", {"contents": SAY, "tools": [{"functionDeclarations": [tool, {**tool, "name": "g"}]}], key: extra})
        named = r.get("x-sluice-dropped").split(",")
        assert r.status == 200 and named[:4] == ["tools.response", "tools.behavior", "toolConfig.streamFunctionCallArguments", "toolConfig.retrievalConfig"] and len(named) <= 8, named
    assert lab.daemon.call("POST", "/v1beta/models/openai:generateContent", {"contents": SAY, "toolConfig": 5}).status == 400


def test_a_stream_with_signs_of_life(sluice, upstream):
    """Signs of life are no part of the answer, least of all for this client."""
    answer = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "many little pieces", "annotations": []}]}]
    config = {"openai_api_key": "k", "openai_api_base": upstream(Responses([answer])).base, "openai_api": "responses"}
    daemon = sluice({"endpoints": [route("c", "openai", "gpt-4.1", config)], "server": {"heartbeat": "0s"}})
    client = client_of(daemon)
    assert "".join(c.text or "" for c in client.models.generate_content_stream(model="c", contents="x")) == "many little pieces"


def test_functions_that_the_client_calls_by_itself(sluice, upstream):
    """Its own loop: two calls at once, whose results have no ids."""
    seen = []

    def answer(body):
        seen.append(body)
        results = [m["content"] for m in body["messages"] if m["role"] == "tool"]
        if not results:
            calls = [{"id": f"call_{n}", "type": "function", "function": {"name": "weather", "arguments": json.dumps({"city": c})}} for n, c in enumerate(("Oslo", "Rome"))]
            return {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"
        return {"role": "assistant", "content": ", ".join(results)}, "stop"

    def weather(city: str) -> str:
        """Weather of a city.

        Args:
            city: its name
        """
        return f"{city} is wet"
    base = upstream(StrictOpenAI(answer)).base.removesuffix("/v1") + "/openai/v1"
    daemon = sluice({"endpoints": [route("c", "openai", "gpt-4.1", {"openai_api_key": "k", "openai_api_base": base})]})
    client = client_of(daemon)
    reply = client.models.generate_content(model="c", contents="go", config={"tools": [weather]})
    assert len(seen) == 2 and seen[0]["tools"][0]["function"]["parameters"]["properties"]["city"]["type"] == "string"
    assert [m["tool_call_id"] for m in seen[1]["messages"] if m["role"] == "tool"] == ["call_0", "call_1"]
    assert "Oslo is wet" in reply.text and "Rome is wet" in reply.text


def many(n):
    calls = [{"functionCall": {"name": f"f{k % 7}", "args": {"k": k}}} for k in range(n)]
    results = [{"functionResponse": {"name": f"f{k % 7}", "response": {"k": k}}} for k in reversed(range(n))]
    yield "parts", {"contents": [{"role": "user", "parts": [{"text": "x"}] * n * 4}]}
    yield "turns", {"contents": [{"role": "model" if k % 2 else "user", "parts": [{"text": "x"}]} for k in range(n * 2)] + SAY}
    yield "pieces", {"contents": SAY + [{"role": "model", "parts": [{"text": "x", "thought": k % 3 == 0}]} for k in range(n * 2)] + SAY}
    yield "calls", {"contents": SAY + [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]}
    yield "tools", {"contents": SAY, "tools": [{"functionDeclarations": [{"name": f"f{k}", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}} for k in range(n)]}],
                    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [f"f{k}" for k in range(n)]}}}
    yield "schema", {"contents": SAY, "generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT", "properties": {
        f"p{k}": {"type": "ARRAY", "nullable": True, "propertyOrdering": [], "items": {"type": "STRING"}} for k in range(n)}}}}
    yield "members", {"contents": SAY, **{f"m{k}": 1 for k in range(n * 2)}, "generationConfig": {f"g{k}": 1 for k in range(n * 2)}}


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_large_calls_cost_what_they_are_long(sluice, upstream, provider):
    def answer(x):
        x.reply({"type": "error", "error": {"type": "invalid_request_error", "message": "no", "param": None, "code": None}}, "400 Bad Request")
    base = upstream(answer).base
    made = claude_route(base, "c") if provider == "anthropic" else route("c", "openai", "gpt-4.1", {"openai_api_key": "k", "openai_api_base": base})
    daemon = sluice({"endpoints": [made]})

    def cost(body):
        text = json.dumps(body)
        daemon.call("POST", "/v1beta/models/c:generateContent", text)
        before = daemon.cpu()
        for _ in range(3):
            assert daemon.call("POST", "/v1beta/models/c:generateContent", text).status == 400
        return daemon.cpu() - before
    for (what, small), (_, large) in zip(many(1000), many(8000)):
        assert cost(large) < 30 * max(cost(small), 0.02), what


def test_bytes_pass_whatever_they_are(own):
    body = '{"contents": [{"role":"user","parts":[{"text":"x"}]}],  "generationConfig":{"temperature":1e0,\n"maxOutputTokens": 5}}'
    own.call("POST", "/v1beta/models/gem:generateContent", body)
    assert own.up.requests[-1].body == body.encode()


@pytest.mark.parametrize("client, n", [("google-genai-sdk/2.4.0 gl-python/3.13", 0), ("google-genai-sdk/1.40.0 gl-go/go1.25", 0), (None, 2), ("google-genai-sdk/3.3.0 gl-node/v20.20.2", 0), ("google-genai-sdk/3.3.0 gl-web/", 0)])
@pytest.mark.parametrize("route", ["gemini", "other"])
def test_comments_are_for_clients_that_take_them(sluice, upstream, route, client, n):
    """Google's clients want `data:` at the beginning of every event."""
    def handler(x):
        x.stream_head()
        if route == "gemini":
            x.chunk(": lives\n\n" + "".join(f"data: {json.dumps(e)}\n\n" for e in ({"candidates": [{"content": {"role": "model", "parts": [{"text": "a"}]}}]},)) + ": lives\n\n")
            x.event({"candidates": [{"content": {"role": "model", "parts": [{"text": "b"}]}, "finishReason": "STOP"}]})
        else:
            x.chunk(": lives\n\n" + event_of(chunk_of("a")) + ": lives\n\n" + event_of(chunk_of("b", "stop")) + DONE)
        x.last_chunk()

    up = upstream(handler)
    own = {"name": "gemini", "endpoint_type": "llm/v1/chat", "model": {"provider": "gemini", "name": "gemini-3-pro-preview", "config": {
        "gemini_api_key": "k", "gemini_api_base": up.base.removesuffix("/v1") + "/v1beta"}}}
    daemon = sluice({"endpoints": [own, chat_route(up.base, "other")], "server": {"heartbeat": "0s"}})
    r = daemon.call("POST", f"/v1beta/models/{route}:streamGenerateContent?alt=sse", {"contents": SAY}, [("x-goog-api-client", client)] if client else [])
    blocks = r.body.decode().removesuffix("\n\n").split("\n\n")
    assert sum(b.startswith(":") for b in blocks) == n and "".join(
        p["text"] for b in blocks if b.startswith("data: ") for c in json.loads(b[6:])["candidates"] for p in c.get("content", {}).get("parts", [])) == "ab"

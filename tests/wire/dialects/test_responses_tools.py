# SPDX-License-Identifier: Apache-2.0
"""Tools of the Responses API that no other language has: functions in namespaces, tools with a text as input, and tools
of OpenAI's servers."""
import json

import openai
import pytest

from harness import CHAT_REPLY, Sluice
from model import Lab

FUNCTION = {"type": "function", "name": "add", "description": "adds", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}, "strict": False}
SPACE = {"type": "namespace", "name": "sums", "description": "Sums.", "tools": [FUNCTION]}
CUSTOM = {"type": "custom", "name": "patch", "description": "patches", "format": {"type": "grammar", "syntax": "lark", "definition": "start: \"a\"\n"}}
ROUTES = ["chat", "anthropic", "gemini", "bedrock", "cohere", "mistral"]
TEXT = "*** begin\n\"a\" \u00e9 \U0001f600\n"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(lambda config: Sluice(tmp_path_factory.mktemp("daemon"), config))
    lab.client = openai.OpenAI(base_url=lab.url, api_key="k", max_retries=0)
    yield lab
    lab.client.close()
    lab.close()
    lab.daemon.stop()


def answer(monkeypatch, said):
    """The model gives these answers one after the other."""
    said = iter(said)
    monkeypatch.setattr("model.step", lambda *_: next(said))


def ask(lab, stream, **call):
    if not stream:
        return lab.client.responses.create(**call)
    with lab.client.responses.stream(**call) as s:
        return s.get_final_response()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_namespace(lab, monkeypatch, route, stream):
    answer(monkeypatch, [[("sums__add", {"n": 5})], "done"])
    items = [{"role": "user", "content": "go"}]
    call = next(i for i in ask(lab, stream, model=route, input=items, tools=[SPACE]).output if i.type == "function_call")
    assert (call.namespace, call.name, json.loads(call.arguments)) == ("sums", "add", {"n": 5})
    items += [call.model_dump(exclude_none=True), {"type": "function_call_output", "call_id": call.call_id, "output": "6"}]
    assert ask(lab, stream, model=route, input=items, tools=[SPACE]).output_text == "done"
    body = json.dumps(lab.fakes[lab.upstream(route)].bodies[-1])
    assert body.count('"sums__add"') >= 2 and "namespace" not in body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_custom_tool(lab, monkeypatch, route, stream):
    answer(monkeypatch, [[("patch", {"input": TEXT})], "done"])
    items = [{"role": "user", "content": "go"}]
    call = next(i for i in ask(lab, stream, model=route, input=items, tools=[CUSTOM]).output if i.type == "custom_tool_call")
    assert (call.name, call.input) == ("patch", TEXT)
    items += [call.model_dump(exclude_none=True), {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "ok"}]
    assert ask(lab, stream, model=route, input=items, tools=[CUSTOM]).output_text == "done"
    body = json.dumps(lab.fakes[lab.upstream(route)].bodies[-1])
    assert "The input follows this grammar (lark)" in body and "*** begin" in body


def test_a_custom_tool_in_events(lab, monkeypatch):
    answer(monkeypatch, [[("patch", {"input": TEXT})]])
    with lab.client.responses.create(model="chat", input="go", tools=[CUSTOM], stream=True) as events:
        events = [e for e in events if "custom_tool_call_input" in e.type]
    assert [e.type.rsplit(".", 1)[1] for e in events] == ["delta", "done"] and events[0].delta == events[1].input == TEXT


@pytest.mark.parametrize("arguments", [{}, {"input": 5}, {"other": TEXT}])
def test_arguments_of_another_shape_are_the_text(lab, monkeypatch, arguments):
    answer(monkeypatch, [[("patch", arguments)]])
    call = lab.client.responses.create(model="chat", input="go", tools=[CUSTOM]).output[0]
    assert json.loads(call.input) == arguments


def test_choices(lab, monkeypatch):
    for choice, name in (({"type": "custom", "name": "patch"}, "patch"), ({"type": "function", "name": "add", "namespace": "sums"}, "sums__add")):
        answer(monkeypatch, ["done"])
        lab.client.responses.create(model="chat", input="go", tools=[CUSTOM, SPACE], tool_choice=choice)
        assert lab.fakes["openai"].bodies[-1]["tool_choice"]["function"]["name"] == name


@pytest.mark.parametrize("tools, words", [
    ([{"type": "web_search"}], "web_search"), ([{"type": "file_search", "vector_store_ids": []}, FUNCTION], "file_search"), ([{**SPACE, "tools": 5}], "namespace"),
    ([{"type": "namespace", "tools": []}], "namespace"), ([{**SPACE, "tools": [5]}], "tools[0].tools[0]"), ([{**SPACE, "tools": [{"type": "function"}]}], "name"),
    ([{"type": "custom"}], "name"), ([{**SPACE, "tools": [SPACE]}], "namespace")])
def test_what_is_refused(lab, tools, words):
    with pytest.raises(openai.BadRequestError) as e:
        lab.client.responses.create(model="chat", input="go", tools=tools)
    assert words in e.value.message


def test_codex_offers_what_openai_has(lab, monkeypatch):
    """Codex offers them for any upstream: the others do not get them, and x-sluice-dropped names them."""
    answer(monkeypatch, ["done"])
    raw = lab.client.responses.with_raw_response.create(model="chat", input="go", tools=[{"type": "web_search"}, FUNCTION, {"type": "image_generation"}], extra_headers={"User-Agent": "codex_exec/1"})
    assert {"tools.web_search", "tools.image_generation"} <= set(raw.headers["x-sluice-dropped"].split(",")) and raw.parse().output_text == "done"
    assert [t["function"]["name"] for t in lab.fakes["openai"].bodies[-1]["tools"]] == ["add"]
    many = [{"type": f"hosted_{i}"} for i in range(1000)]
    answer(monkeypatch, ["done"])
    raw = lab.client.responses.with_raw_response.create(model="chat", input="go", tools=many, extra_headers={"User-Agent": "codex_exec/1"})
    assert raw.headers["x-sluice-dropped"].count("tools.hosted_") == 4 and "tools" not in lab.fakes["openai"].bodies[-1]


def test_a_custom_tool_of_half_a_grammar(sluice, upstream):
    """The answer was 503, out of memory."""
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "openai-compatible", "name": "m", "config": {"api_key": "k", "api_base": up.base}}}]})
    for form in ({"definition": "x", "syntax": 5}, {"definition": "x"}, {"syntax": "lark"}):
        reply = daemon.call("POST", "/v1/responses", {"model": "chat", "input": "x", "tools": [{"type": "custom", "name": "f", "format": {"type": "grammar", **form}}]})
        assert reply.status == 200, reply.body
        assert json.loads(up.requests[-1].body)["tools"][0]["function"]["name"] == "f"


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.parametrize("route", ["chat", "anthropic", "gemini", "bedrock", "mistral"])
def test_a_picture_that_a_tool_made(lab, monkeypatch, route):
    """A model that can see gets it: in the result if there is a place, else after it."""
    answer(monkeypatch, [[("add", {"n": 5})], "done"])
    items = [{"role": "user", "content": "go"}]
    call = lab.client.responses.create(model=route, input=items, tools=[FUNCTION]).output[-1]
    parts = [{"type": "input_text", "text": "A pixel:"}, {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}]
    items += [call.model_dump(exclude_none=True), {"type": "function_call_output", "call_id": call.call_id, "output": parts}]
    assert lab.client.responses.create(model=route, input=items, tools=[FUNCTION]).output_text == "done"
    body = json.dumps(lab.fakes[lab.upstream(route)].bodies[-1])
    assert PNG in body and "A pixel:" in body

# SPDX-License-Identifier: Apache-2.0
"""Calls that OpenAI's API allows and an upstream refuses for their form: through the daemon, to an upstream that
refuses as strictly as the real one."""
import base64
import json
import re
import subprocess

import openai
import pytest
from pydantic import BaseModel, Field

from harness import BIN
from strict_anthropic import StrictAnthropic

ROUTES = {"s45": "claude-sonnet-4-5-20250929", "s37": "claude-3-7-sonnet-20250219", "s46": "claude-sonnet-4-6", "h3": "claude-3-haiku-20240307",
          "o3": "claude-3-opus-20240229", "o47": "claude-opus-4-7"}
X = [{"role": "user", "content": "x"}]
OBJECT = {"type": "object", "properties": {}}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + bytes(20)).decode()


def tool(name="f", parameters=None):
    return {"type": "function", "function": {"name": name, "parameters": parameters or OBJECT}}


def calls(*ids, **more):
    return {"role": "assistant", "content": None, "tool_calls": [{"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in ids], **more}


def result(i, text="r"):
    return {"role": "tool", "tool_call_id": i, "content": text}


def image(url):
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]


def schema_of(schema):
    return {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}


def endpoints(base, kind="chat"):
    return [{"name": name if kind == "chat" else f"{name}-{kind}", "endpoint_type": f"llm/v1/{kind}",
             "model": {"provider": "anthropic", "name": model, "config": {"anthropic_api_key": "k", "anthropic_api_base": base}}, "sluice": {"retries": 0}}
            for name, model in ROUTES.items()]


class Lab:
    def __init__(self, sluice, upstream):
        self.fake = StrictAnthropic()
        self.up = upstream(lambda x: self.handler(x))
        self.handler = self.fake
        older = {"name": "c2-completions", "endpoint_type": "llm/v1/completions", "sluice": {"retries": 0},
                 "model": {"provider": "anthropic", "name": "claude-2.1", "config": {"anthropic_api_key": "k", "anthropic_api_base": self.up.base}}}
        self.daemon = sluice({"endpoints": [*endpoints(self.up.base), *endpoints(self.up.base, "completions"), older]})
        self.client = openai.OpenAI(base_url=self.daemon.url + "/v1", api_key="k", max_retries=0)

    def say(self, route="s45", messages=X, **more):
        r = self.daemon.call("POST", "/v1/chat/completions", {"model": route, "messages": messages, **more})
        return r

    def goes(self, route="s45", messages=X, dropped=None, **more):
        """What was sent up; the strict upstream accepted it."""
        r = self.say(route, messages, **more)
        assert r.status == 200, r.body
        assert r.get("x-sluice-dropped") == dropped
        return self.fake.bodies[-1]

    def refused(self, param, text, route="s45", messages=X, **more):
        n = len(self.fake.bodies)
        r = self.say(route, messages, **more)
        error = r.json()["error"]
        assert r.status == 400 and len(self.fake.bodies) == n, r.body
        assert error["param"].startswith(param) and text in error["message"], error


@pytest.fixture
def lab(sluice, upstream):
    return Lab(sluice, upstream)


LOST = [*X, calls("c"), result("c")]


def test_reasoning_beside_a_history_without_it(lab):
    assert "thinking" not in lab.goes(messages=LOST, tools=[tool()], reasoning_effort="medium", dropped="reasoning_effort")
    assert "thinking" not in lab.goes(messages=LOST, tools=[tool()], thinking={"type": "enabled", "budget_tokens": 2000}, dropped="thinking")
    assert "thinking" in lab.goes(messages=[*X, {"role": "assistant", "content": "hi"}, *X], reasoning_effort="medium")


def test_max_tokens_of_the_model(lab):
    for route, limit in (("s45", 64000), ("h3", 4096), ("o3", 4096), ("s46", 128000)):
        for path, body in ((f"/gateway/{route}/invocations", {"messages": X}), (f"/gateway/{route}-completions/invocations", {"prompt": "x"})):
            r = lab.daemon.call("POST", path, body)
            assert r.status == 200 and lab.fake.bodies[-1]["max_tokens"] == limit, (route, r.body)
        assert lab.goes(route)["max_tokens"] == min(limit, 8192)
        assert lab.goes(route, max_tokens=limit + 1, dropped="max_tokens")["max_tokens"] == limit


def test_reasoning_leaves_the_room_for_the_answer(lab):
    body = lab.goes(reasoning_effort="medium", max_completion_tokens=4097)
    assert body["max_tokens"] == 8193 and body["thinking"]["budget_tokens"] == 4096
    body = lab.goes(reasoning_effort="high", max_completion_tokens=60000)
    assert body["max_tokens"] == 64000 and body["thinking"]["budget_tokens"] == 4000
    assert "thinking" not in lab.goes(reasoning_effort="high", max_completion_tokens=63990, dropped="reasoning_effort")


def test_pairs_that_a_model_refuses(lab):
    r = lab.daemon.call("POST", "/gateway/s45/invocations", {"messages": X, "temperature": 0.0, "top_p": 1.0})
    assert r.status == 200 and r.get("x-sluice-dropped") == "top_p" and "top_p" not in lab.fake.bodies[-1]
    assert lab.daemon.call("POST", "/gateway/s45/invocations", {"messages": X, "temperature": 0.1, "top_p": 0.5}).status == 422
    assert lab.goes(temperature=0.5, top_p=0.9, dropped="top_p")["temperature"] == 0.5
    assert "top_p" not in lab.goes(reasoning_effort="low", top_p=0.5, dropped="top_p")
    assert "temperature" not in lab.goes("o47", temperature=0.5, dropped="temperature")


def test_a_tool_choice_of_tools_that_are_not_there(lab):
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("b")]}}
    lab.refused("tool_choice", '"b"', tools=[tool("a")], tool_choice=allowed)
    body = lab.goes(tools=[tool("a"), tool("b")], tool_choice=allowed)
    assert [t["name"] for t in body["tools"]] == ["b"] and body["tool_choice"]["type"] == "any"


def test_ids_of_tool_calls(lab):
    body = lab.goes(messages=[*X, calls("functions.f:0"), result("functions.f:0")], tools=[tool()])
    used, told = body["messages"][1]["content"][0]["id"], body["messages"][2]["content"][0]["tool_use_id"]
    assert used == told and re.fullmatch("[a-zA-Z0-9_-]+", used)
    longer = lab.goes(messages=[*X, calls("functions.f:0"), result("functions.f:0"), calls("functions.f:0"), result("functions.f:0")], tools=[tool()])
    assert longer["messages"][1] == body["messages"][1] and longer["messages"][3]["content"][0]["id"] != used


def test_structured_output_with_bounds(lab):
    class Step(BaseModel):
        text: str = Field(max_length=80)

    class Plan(BaseModel):
        steps: list[Step] = Field(max_length=3)
        risk: float = Field(ge=0, le=1, description="Between 0 and 1.")

    lab.fake.answer = lambda body: ([{"type": "text", "text": '{"steps":[{"text":"go"}],"risk":0.5}'}], "end_turn")
    done = lab.client.beta.chat.completions.parse(model="s45", messages=X, response_format=Plan)
    assert done.choices[0].message.parsed == Plan(steps=[Step(text="go")], risk=0.5)
    schema = lab.fake.bodies[-1]["output_config"]["format"]["schema"]
    assert schema["properties"]["risk"]["description"].startswith("Between 0 and 1.") and "maximum: 1" in schema["properties"]["risk"]["description"]
    for schema in ({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}}, {"type": "object", "additionalProperties": True},
                   {"type": "array", "items": {"type": "string", "maxLength": 5}, "maxItems": 2}):
        lab.goes(response_format=schema_of(schema))
    lab.refused("response_format", "holds itself", response_format=schema_of({"type": "object", "properties": {"a": {"$ref": "#"}}}))


def test_structured_answers_that_are_no_objects(lab):
    """A tool's input is an object: the answer is put into one and taken out again."""
    schema = {"type": "array", "items": {"$ref": "#/$defs/word"}, "$defs": {"word": {"type": "string"}}}
    want = ["a}", {"b": ['"', "é\n"]}, []]
    lab.fake.answer = lambda body: ([{"type": "tool_use", "id": "toolu_1", "name": "structured_answer", "input": {"value": want}}], "tool_use")
    for route in ("h3", "s37"):
        done = lab.client.chat.completions.create(model=route, messages=X, response_format=schema_of(schema))
        assert json.loads(done.choices[0].message.content) == want and done.choices[0].finish_reason == "stop"
        sent = lab.fake.bodies[-1]["tools"][0]["input_schema"]
        assert sent["required"] == ["value"] and sent["properties"]["value"] == {"type": "array", "items": {"$ref": "#/$defs/word"}} and "word" in sent["$defs"]
        chunks = list(lab.client.chat.completions.create(model=route, messages=X, response_format=schema_of(schema), stream=True))
        assert json.loads("".join(c.choices[0].delta.content or "" for c in chunks if c.choices)) == want
    lab.refused("response_format", "root must be an object", route="h3", response_format=schema_of({"type": "array", "items": {"$ref": "#"}}))


def test_tools_whose_root_is_no_object(lab):
    either = {"anyOf": [{"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "object", "properties": {"b": {"type": "string"}}}]}
    for parameters in (either, {"properties": {}}, {"$ref": "#/$defs/A", "$defs": {"A": OBJECT}}):
        lab.goes(tools=[tool(parameters=parameters)])
    lab.goes(tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}])
    assert set(lab.goes(tools=[tool(parameters=either)])["tools"][0]["input_schema"]["properties"]) == {"a", "b"}


@pytest.mark.parametrize("messages", [
    [*X, {"role": "assistant", "content": ""}, *X], [*X, {"role": "assistant", "content": "", "tool_calls": []}, *X], [*X, {"role": "user", "content": ""}],
    [*X, {"role": "user", "content": []}], [{"role": "system", "content": " \n"}, *X], [*X, calls("c", content="\n\n"), result("c", "")],
    [{"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "x"}]}]])
def test_nothing_empty_goes_up(lab, messages):
    lab.goes(messages=messages)


def test_a_conversation_of_nothing(lab):
    lab.refused("messages", "nothing is left", messages=[{"role": "user", "content": " "}])
    body = lab.goes(messages=[{"role": "system", "content": "one"}, {"role": "system", "content": "two"}])
    assert body["messages"] == [{"role": "user", "content": "two"}]


def test_a_prefill_loses_its_trailing_blank(lab):
    body = lab.goes("h3", messages=[*X, {"role": "assistant", "content": "The answer is "}])
    assert body["messages"][-1]["content"] == "The answer is"
    lab.refused("messages", "does not go on", "s46", messages=[*X, {"role": "assistant", "content": "The answer is "}])


def test_media(lab):
    for kind in ("image/jpg", "image/JPEG", "image/png"):
        assert lab.goes(messages=image(f"data:{kind};base64,{JPEG}"))["messages"][0]["content"][0]["source"]["media_type"] == "image/jpeg"
    lab.refused("messages[0].content[0]", "image/png", messages=image(f"data:image/svg+xml;base64,PHN2Zz4="))
    lab.refused("messages[0].content[0]", "https", messages=image("http://example.org/x.png"))
    lab.refused("messages[0].content[0]", "5242880", messages=image("data:image/png;base64," + PNG[:32] + "A" * (6 << 20)))
    lab.goes(messages=image("https://example.org/x.png"))


def test_lone_surrogates(lab):
    lone = "a\ud800"
    body = lab.goes(messages=[{"role": "system", "content": lone}, {"role": "user", "content": lone}, calls("c"), result("c", lone)], stop=[lone],
                    tools=[{"type": "function", "function": {"name": "f", "description": lone, "parameters": OBJECT}}])
    assert body["messages"][0]["content"] == "a\ufffd" and body["stop_sequences"] == ["a\ufffd"]
    assert lab.goes(messages=[{"role": "user", "content": "\U0001f600"}])["messages"][0]["content"] == "\U0001f600"


def test_people_are_not_named(lab):
    first = lab.goes(user="someone@example.org")["metadata"]["user_id"]
    assert "example" not in first and lab.goes(user="someone@example.org")["metadata"]["user_id"] == first != lab.goes(user="other@example.org")["metadata"]["user_id"]
    assert lab.goes(user="u-1")["metadata"] == {"user_id": "u-1"}
    lab.goes(user="+49 30 1234567")
    lab.goes(user="x" * 300)


def test_the_callers_own_thinking(lab):
    own = {"thinking": {"type": "enabled", "budget_tokens": 10000}}
    assert "thinking" not in lab.goes("s37", response_format=schema_of(OBJECT), dropped="thinking", **own)
    assert "thinking" not in lab.goes("s37", tools=[tool()], tool_choice="required", dropped="thinking", **own)
    assert "temperature" not in lab.goes("s37", temperature=0.2, dropped="temperature", **own)
    assert lab.goes("s37", **own)["max_tokens"] == 18192
    assert lab.goes("o47", dropped="thinking", **own)["thinking"] == {"type": "adaptive"}


def test_results_stand_in_one_turn(lab):
    body = lab.goes(messages=[*X, calls("a", "b"), result("a"), {"role": "system", "content": "s"}, result("b")], tools=[tool()])
    assert [b["tool_use_id"] for b in body["messages"][2]["content"]] == ["a", "b"] and len(body["messages"]) == 3
    lab.goes(messages=[*X, calls("a"), *X, result("a"), *X], tools=[tool()])
    lab.refused("messages", "messages[2]", messages=[*X, *X, result("a")])


def ask(body):
    return [{"type": "tool_use", "id": "toolu_1", "name": body["tools"][0]["name"], "input": {"city": "Oslo"}}], "tool_use"


@pytest.mark.parametrize("stream", [False, True])
def test_names_of_tools_come_back(lab, stream):
    lab.fake.answer = ask
    done = lab.client.chat.completions.create(model="s45", messages=X, tools=[tool("my.tool/1")], stream=stream)
    names = [c.function.name for chunk in done for c in chunk.choices[0].delta.tool_calls or [] if c.function.name] if stream \
        else [c.function.name for c in done.choices[0].message.tool_calls]
    assert names == ["my.tool/1"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("said, want", [(None, {}), ("Oslo", {"input": "Oslo"}), ('{"a":1}', {"a": 1}), ([1], {"input": [1]}), ({"a": 1}, {"a": 1})])
def test_arguments_are_an_object_and_calls_have_ids(lab, stream, said, want):
    block = {"type": "tool_use", "name": "f", "input": said}

    def handler(x):
        if any(m["role"] == "assistant" for m in x.json()["messages"]):
            lab.fake(x)
            return
        if not stream:
            x.reply({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [block], "stop_reason": "tool_use", "usage": {}})
            return
        x.stream_head()
        for e in ({"type": "message_start", "message": {"id": "msg_1", "model": "m"}}, {"type": "content_block_start", "index": 0, "content_block": block},
                  {"type": "content_block_stop", "index": 0}, {"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}):
            x.event(e)
        x.last_chunk()

    lab.handler = handler
    if stream:
        with lab.client.beta.chat.completions.stream(model="s45", messages=X, tools=[tool()]) as s:
            message = s.get_final_completion().choices[0].message
    else:
        message = lab.client.chat.completions.create(model="s45", messages=X, tools=[tool()]).choices[0].message
    call = message.tool_calls[0]
    assert json.loads(call.function.arguments) == want and call.id
    lab.client.chat.completions.create(model="s45", tools=[tool()], messages=[*X, message, {"role": "tool", "tool_call_id": call.id, "content": "r"}])


def says(status, kind, message, headers=()):
    return lambda x: x.reply({"type": "error", "error": {"type": kind, "message": message}}, f"{status} X", headers=headers)


def test_an_empty_account(lab):
    lab.handler = says(400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.")
    r = lab.daemon.call("POST", "/v1/chat/completions", {"model": "s45", "messages": X}, [("x-request-id", "money")])
    assert (r.status, r.get("x-sluice-error-type"), r.get("x-should-retry")) == (502, "provider_billing", "false") and "credit balance" in r.json()["error"]["message"]
    assert lab.daemon.log_line("money")["error_type"] == "provider_billing"
    assert lab.daemon.call("POST", "/gateway/s45/invocations", {"messages": X}).status == 502
    lab.handler = says(402, "billing_error", "pay")
    assert lab.say().status == 502
    lab.handler = says(400, "invalid_request_error", "messages: the text about billing is too long")
    assert (lab.say().status, lab.say().get("x-sluice-error-type")) == (400, "provider_rejected")


@pytest.mark.parametrize("kind, type_, class_", [
    ("invalid_request_error", "invalid_request_error", "provider_rejected"), ("rate_limit_error", "rate_limit_error", "provider_rate_limited"),
    ("not_found_error", "invalid_request_error", "provider_rejected"), ("request_too_large", "invalid_request_error", "provider_rejected"),
    ("timeout_error", "timeout", "provider_server_error"), ("overloaded_error", "server_error", "provider_overloaded"),
    ("api_error", "server_error", "provider_server_error"), ("authentication_error", "server_error", "provider_auth_failed"),
    ("billing_error", "insufficient_quota", "provider_billing")])
def test_errors_inside_a_stream_are_those_of_a_status(lab, kind, type_, class_):
    def handler(x):
        x.stream_head()
        x.event({"type": "message_start", "message": {"id": "m", "model": "m"}})
        x.event({"type": "error", "error": {"type": kind, "message": "about x-api-key sk-1234"}})
        x.last_chunk()

    lab.handler = handler
    r = lab.daemon.call("POST", "/v1/chat/completions", {"model": "s45", "messages": X, "stream": True}, [("x-request-id", "err-" + kind)])
    error = next(e["error"] for line in r.body.split(b"\n\n") if b'"error"' in line for e in [json.loads(line[6:])])
    assert error["type"] == type_ and ("sk-1234" in error["message"]) == (class_ != "provider_auth_failed")
    assert lab.daemon.log_line("err-" + kind)["error_type"] == class_
    r = lab.daemon.call("POST", "/gateway/s45/invocations", {"messages": X, "stream": True})
    assert (b"sk-1234" in r.body) == (class_ != "provider_auth_failed")


def stream_of(lab, *events, path="/v1/chat/completions", **more):
    def handler(x):
        x.stream_head()
        for e in events:
            x.chunk(f"event: {e['type']}\ndata: {e.pop('raw', None) or json.dumps(e)}\n\n")
        x.last_chunk()

    lab.handler = handler
    body = {"messages": X, "stream": True, "stream_options": {"include_usage": True}, **more}
    r = lab.daemon.call("POST", path, {"model": "s45", **body} if path.startswith("/v1") else body)
    return [json.loads(line[6:]) for line in r.body.split(b"\n\n") if line.startswith(b"data: {")]


def test_usage_that_was_not_said(lab):
    end = ({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}, {"type": "message_stop"})
    for path in ("/v1/chat/completions", "/gateway/s45/invocations"):
        usage = stream_of(lab, *[dict(e) for e in end], path=path)[-1]["usage"]
        assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (None, 5, 5)


def test_one_index_for_two_calls_and_a_second_finish(lab):
    def call(i, text):
        return ({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": f"toolu_{i}", "name": "f", "input": {}}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": text}}, {"type": "content_block_stop", "index": 0})

    done = {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}
    chunks = stream_of(lab, {"type": "message_start", "message": {"id": "m", "model": "m"}}, *call(1, '{"a":1}'), *call(2, '{"a":2}'), dict(done), dict(done),
                       {"type": "message_stop"})
    pieces = [c for chunk in chunks for choice in chunk["choices"] for c in choice["delta"].get("tool_calls", [])]
    assert [(c["index"], c["id"]) for c in pieces if "id" in c] == [(0, "toolu_1"), (1, "toolu_2")]
    assert ["".join(c["function"].get("arguments", "") for c in pieces if c["index"] == i) for i in (0, 1)] == ['{"a":1}', '{"a":2}']
    assert [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]] == ["tool_calls"]


@pytest.mark.parametrize("said, want", [("0.5", "1"), ("1.0", "1"), ("2.01", "3"), ("7", "7"), ("soon", None), (".5", None), ("1.", None)])
def test_retry_after_with_a_fraction(lab, said, want):
    lab.handler = says(429, "rate_limit_error", "slow down", [("retry-after", said)])
    r = lab.say()
    assert r.status == 429 and r.get("retry-after") == want


def test_tools_with_schemas_in_additional_properties_on_mlflows_paths(lab):
    parameters = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}
    r = lab.daemon.call("POST", "/gateway/s45/invocations", {"messages": X, "tools": [tool(parameters=parameters)]})
    assert r.status == 200, r.body
    assert lab.fake.bodies[-1]["tools"][0]["input_schema"]["additionalProperties"] == {"type": "string"}
    bad = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": 5}
    assert lab.daemon.call("POST", "/gateway/s45/invocations", {"messages": X, "tools": [tool(parameters=bad)]}).status == 422


def check_of(tmp_path, kind="chat", name="claude-sonnet-4-5", **config):
    path = tmp_path / "c.yaml"
    lines = "".join(f", {k}: {v}" for k, v in config.items())
    path.write_text(f"endpoints:\n  - name: x\n    endpoint_type: llm/v1/{kind}\n    model: {{ provider: anthropic, name: {name}, config: {{ anthropic_api_key: k{lines} }} }}\n")
    done = subprocess.run([BIN, "check", "-c", str(path)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("about, want, kwargs", [
    ("no path", "has no path", {"anthropic_api_base": "https://api.anthropic.com"}),
    ("no version", "has no version", {"anthropic_api_base": "https://api.anthropic.com/api"}),
    ("a whole path", "the path of a call", {"anthropic_api_base": "https://h/v1/chat/completions"}),
    ("a whole path", "the path of a call", {"anthropic_api_base": "https://h/v1/messages"}),
    ("embeddings", "does not serve", {"kind": "embeddings"}),
    ("an unknown model", "not known", {"name": "claude-opus-9"}),
    ("all right", None, {"anthropic_api_base": "https://h/proxy/v1"}), ("all right", None, {})])
def test_check_warns(tmp_path, about, want, kwargs):
    code, text = check_of(tmp_path, **kwargs)
    assert code == 0 and (": warning:" in text) == (want is not None) and (want or "") in text, (about, text)


def test_models_of_the_configuration(sluice, upstream, tmp_path):
    fake = StrictAnthropic()
    up = upstream(fake)
    own = {"claude-sonnet-4-5-mine*": {"provider": "anthropic", "like": "claude-sonnet-4-5", "output": 5000, "features": ["tools", "thinking"]},
           "claude-opus-4-7-soon": {"provider": "anthropic", "like": "claude-opus-4-7", "output": 3000}}
    routes = [{"name": n, "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
               "model": {"provider": "anthropic", "name": m, "config": {"anthropic_api_key": "k", "anthropic_api_base": up.base}}}
              for n, m in (("mine", "claude-sonnet-4-5-mine-1"), ("soon", "claude-opus-4-7-soon"), ("plain", "claude-sonnet-4-5"))]
    daemon = sluice({"endpoints": routes, "models": own})
    for route, limit in (("mine", 5000), ("soon", 3000), ("plain", 8192)):
        r = daemon.call("POST", "/v1/chat/completions", {"model": route, "messages": X})
        assert r.status == 200 and fake.bodies[-1]["max_tokens"] == limit, r.body
    r = daemon.call("POST", "/v1/chat/completions", {"model": "mine", "messages": X, "response_format": schema_of(OBJECT)})
    assert r.status == 200 and fake.bodies[-1]["tool_choice"]["name"] == "structured_answer"  # no structured output: it was not asked for
    path = tmp_path / "c.yaml"
    path.write_text('models: { x: { features: [magic] }, y: { like: claude-opus-5 }, z: { provider: nobody }, w: { outputs: 1 } }\nendpoints: []\n')
    done = subprocess.run([BIN, "check", "-c", str(path)], capture_output=True, text=True)
    text = done.stdout + done.stderr
    assert done.returncode == 1 and all(w in text for w in ("there is no 'magic'", "needs `provider`", "'nobody' is not supported", "outputs")), text


def test_a_byte_order_mark_before_the_reply(lab):
    reply = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"}
    lab.handler = lambda x: x.reply(b"\xef\xbb\xbf" + json.dumps(reply).encode())
    assert lab.say().json()["choices"][0]["message"]["content"] == "hi"
    lab.handler = lambda x: x.reply(b"\xef\xbb\xbf" + json.dumps({"error": {"type": "invalid_request_error", "message": "because"}}).encode(), "400 X")
    assert lab.say().json()["error"]["message"] == "because"


def test_a_character_cut_in_two_between_deltas(lab):
    def text(raw):
        return {"type": "content_block_delta", "raw": '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}' % raw}

    start = ({"type": "message_start", "message": {"id": "m", "model": "m"}}, {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
    end = ({"type": "content_block_stop", "index": 0}, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"})
    for pieces, want in ((("a\\ud83d", "\\ude00b"), "a\U0001f600b"), (("\\ud83d", "x"), "\ufffdx"), (("\\ud83d",), "\ufffd"), (("\\\\ud83d", "\\ude00"), "\\ud83d\ufffd"),
                         (("\\ud83d", "", "\\ude00"), "\U0001f600")):
        chunks = stream_of(lab, *[dict(e) for e in start], *[text(p) for p in pieces], *[dict(e) for e in end])
        assert "".join(c["delta"].get("content") or "" for chunk in chunks for c in chunk["choices"]) == want, pieces


def test_completions_of_mlflows_paths(lab):
    r = lab.daemon.call("POST", "/gateway/s45-completions/invocations", {"prompt": "x"})
    assert r.status == 200 and r.json()["choices"][0]["text"] == "ok" and lab.up.requests[-1].path == "/v1/messages"
    r = lab.daemon.call("POST", "/gateway/c2-completions/invocations", {"prompt": "x"})
    assert r.status == 200 and r.json()["choices"][0]["text"] == " ok" and lab.up.requests[-1].path == "/v1/complete"


# --- real clients in loops of several turns ---

def weather(body):
    """Two rounds of tools, then the answer; each with its reasoning if that is on."""
    rounds = sum(any(b["type"] == "tool_use" for b in m["content"]) for m in body["messages"] if m["role"] == "assistant" and isinstance(m["content"], list))
    thinking = [{"type": "thinking", "thinking": f"step {rounds}", "signature": f"sig{rounds}"}] if body.get("thinking", {}).get("type") == "enabled" else []
    if rounds == 2:
        return [*thinking, {"type": "text", "text": "Snow in Oslo."}], "end_turn"
    return [*thinking, {"type": "tool_use", "id": f"toolu_{rounds}", "name": body["tools"][0]["name"], "input": {"city": ["Oslo", "Rome"][rounds]}}], "tool_use"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("keeps", [False, True], ids=["thinking is lost", "thinking is kept"])
@pytest.mark.parametrize("route", ["s45", "s46", "h3"])
def test_openai_client_with_tools_and_reasoning_over_three_turns(lab, route, keeps, stream):
    lab.fake.answer = weather
    messages = list(X)
    for _ in range(3):
        if stream:
            with lab.client.beta.chat.completions.stream(model=route, messages=messages, tools=[tool("get.weather")], reasoning_effort="medium") as s:
                message = s.get_final_completion().choices[0].message
        else:
            message = lab.client.chat.completions.create(model=route, messages=messages, tools=[tool("get.weather")], reasoning_effort="medium").choices[0].message
        turn = {"role": "assistant", "content": message.content, "tool_calls": [c.model_dump(include={"id", "type", "function"}) for c in message.tool_calls or []]}
        for call in turn["tool_calls"]:
            call["function"] = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        if keeps and not stream and getattr(message, "thinking_blocks", None):
            turn["thinking_blocks"] = message.thinking_blocks
        messages.append({k: v for k, v in turn.items() if v})
        messages += [{"role": "tool", "tool_call_id": c.id, "content": "snow"} for c in message.tool_calls or []]
    assert message.content == "Snow in Oslo."
    if route == "s45" and keeps and not stream:
        assert all(b["thinking"]["type"] == "enabled" for b in lab.fake.bodies)


# --- an upstream of OpenAI's language, translated to MLflow's ---

@pytest.fixture
def openai_lab(sluice, upstream):
    class Openai:
        handler = None

    lab = Openai()
    up = upstream(lambda x: lab.handler(x))
    lab.daemon = sluice({"endpoints": [{"name": "o", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
                                        "model": {"provider": "openai", "name": "m", "config": {"openai_api_key": "k", "openai_api_base": up.base}}}]})
    return lab


@pytest.mark.parametrize("said, want", [(None, "{}"), ("null", "{}"), ({"a": 1}, '{"a":1}'), ('{"a": 1}', '{"a": 1}')])
def test_arguments_of_openai_like_replies(openai_lab, said, want):
    message = {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": said}}]}
    openai_lab.handler = lambda x: x.reply(b"\xef\xbb\xbf" + json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
        {"index": 0, "message": message, "finish_reason": "tool_calls"}]}).encode())
    r = openai_lab.daemon.call("POST", "/gateway/o/invocations", {"messages": X})
    call = r.json()["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["arguments"] == want and call["id"]

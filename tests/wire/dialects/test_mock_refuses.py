# SPDX-License-Identifier: Apache-2.0
"""The provider mock refuses what OpenAI refuses, so that a program that works with the mock also works with OpenAI."""
import openai
import pytest

from test_mock import config, user

MESSAGE = {"role": "user", "content": "x"}
CALLED = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}

REFUSED = {
    "chat": [
        ({}, "messages", "missing_required_parameter"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": "x"}, "messages", "invalid_type"),
        ({"messages": {"role": "user"}}, "messages", "invalid_type"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": ["x"]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": 5, "content": "x"}]}, "messages[0].role", "invalid_type"),
        ({"messages": [MESSAGE, {"role": "user"}]}, "messages[1].content", "missing_required_parameter"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", None),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "empty_array"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]", "invalid_type"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages[0].content[0].type", "missing_required_parameter"),
        ({"messages": [MESSAGE, {"role": "tool", "content": "x", "tool_call_id": "1"}]}, "messages[1].role", None),
        ({"messages": [MESSAGE, CALLED, {"role": "tool", "content": "x"}]}, "messages[2].tool_call_id", "missing_required_parameter"),
        ({"messages": [MESSAGE], "n": 0}, "n", "integer_below_min_value"),
        ({"messages": [MESSAGE], "n": 129}, "n", "integer_above_max_value"),
        ({"messages": [MESSAGE], "n": 1.5}, "n", "invalid_type"),
        ({"messages": [MESSAGE], "n": "2"}, "n", "invalid_type"),
        ({"messages": [MESSAGE], "temperature": 2.1}, "temperature", "decimal_above_max_value"),
        ({"messages": [MESSAGE], "temperature": -1}, "temperature", "decimal_below_min_value"),
        ({"messages": [MESSAGE], "top_p": 1.01}, "top_p", "decimal_above_max_value"),
        ({"messages": [MESSAGE], "presence_penalty": -2.5}, "presence_penalty", "decimal_below_min_value"),
        ({"messages": [MESSAGE], "max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"messages": [MESSAGE], "tools": []}, "tools", "empty_array"),
        ({"messages": [MESSAGE], "tools": [{"type": "function"}]}, "tools[0].function.name", "missing_required_parameter"),
        ({"messages": [MESSAGE], "tool_choice": "auto"}, "tool_choice", None),
    ],
    "comp": [
        ({"prompt": 5}, "prompt", None),
        ({"prompt": {}}, "prompt", None),
        ({"prompt": []}, "prompt", None),
        ({"prompt": ["x", 5]}, "prompt", None),
        ({"prompt": "x", "n": 0}, "n", "integer_below_min_value"),
        ({"prompt": "x", "max_tokens": -1}, "max_tokens", "integer_below_min_value"),
        ({"prompt": "x", "best_of": 21}, "best_of", "integer_above_max_value"),
    ],
    "emb": [
        ({}, "input", "missing_required_parameter"),
        ({"input": None}, "input", None),
        ({"input": ""}, "input", None),
        ({"input": []}, "input", None),
        ({"input": {}}, "input", None),
        ({"input": 5}, "input", None),
        ({"input": [""]}, "input", None),
        ({"input": ["x", None]}, "input", None),
        ({"input": ["x", 5]}, "input", None),
        ({"input": [[]]}, "input", None),
        ({"input": [["x"]]}, "input", None),
        ({"input": ["x"] * 2049}, "input", "array_above_max_length"),
        ({"input": ["x"] * 2048, "dimensions": 513}, "input", None),
        ({"input": "x", "dimensions": 0}, "dimensions", "integer_below_min_value"),
        ({"input": "x", "dimensions": 4097}, "dimensions", "integer_above_max_value"),
        ({"input": "x", "encoding_format": "hex"}, "encoding_format", "invalid_value"),
    ],
}

TAKEN = {
    "chat": [
        {"messages": [MESSAGE]},
        {"messages": [{"role": "developer", "content": [{"type": "text", "text": "x"}]}, MESSAGE], "n": None, "temperature": 2, "top_p": 0},
        {"messages": [MESSAGE, CALLED, {"role": "tool", "content": "x", "tool_call_id": "1"}, {"role": "tool", "content": "y", "tool_call_id": "2"}]},
        {"messages": [MESSAGE], "tools": [TOOL], "tool_choice": "auto", "max_completion_tokens": 1},
        {"messages": [MESSAGE], "n": 128, "future_member": {}},
    ],
    "comp": [{}, {"prompt": None}, {"prompt": ""}, {"prompt": ["x", ""]}, {"prompt": [1, 2]}, {"prompt": [[1], [2]]}, {"prompt": "x", "max_tokens": 0}],
    "emb": [{"input": "x"}, {"input": ["x", "y"]}, {"input": [1, 2]}, {"input": [[1], [2, 3]]}, {"input": ["x"] * 2048, "dimensions": 512}],
}

PATHS = {"chat": "/v1/chat/completions", "comp": "/v1/completions", "emb": "/v1/embeddings"}


@pytest.fixture(scope="module")
def daemon(sluice_module):
    return sluice_module(config(template="{message}"))


@pytest.mark.parametrize("kind, body, param, code", [(k, *row) for k, rows in REFUSED.items() for row in rows])
def test_what_openai_refuses(daemon, kind, body, param, code):
    for more in ({}, {"stream": True}) if kind != "emb" else ({},):
        r = daemon.call("POST", PATHS[kind], {"model": kind, **body, **more})
        assert r.status == 400, (r.status, r.body[:300])
        error = r.json()["error"]
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
        assert error["message"] and r.get("x-sluice-error-type") == "provider_rejected"


@pytest.mark.parametrize("kind, body", [(k, row) for k, rows in TAKEN.items() for row in rows])
def test_what_openai_takes(daemon, kind, body):
    r = daemon.call("POST", PATHS[kind], {"model": kind, **body})
    assert r.status == 200, r.body[:300]


def test_too_long_answers_are_refused(daemon):
    r = daemon.call("POST", PATHS["chat"], user("x" * (1 << 20), n=65))
    assert r.status == 400 and r.json()["error"]["param"] == "n"


def test_the_client_sees_a_refusal(daemon):
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="none", max_retries=0)
    with pytest.raises(openai.BadRequestError) as e:
        client.chat.completions.create(model="chat", messages=[], stream=True)
    assert e.value.param == "messages" and e.value.code == "empty_array"

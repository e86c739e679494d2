# SPDX-License-Identifier: Apache-2.0
"""Requests to hosts of OpenAI's language that refuse as strictly as the real ones: a table of (routes, call, the
changes in the upstream's request)."""
import pytest

from harness import CHAT_REPLY
from strict_openai import StrictOpenAI
from upstream import Upstream

KEY = {"mistral": "mistral_api_key", "togetherai": "togetherai_api_key", "openai": "openai_api_key", "azure": "openai_api_key"}
BASE = {"mistral": "mistral_api_base", "togetherai": "togetherai_api_base", "openai": "openai_api_base", "azure": "openai_api_base"}
AZURE = {"openai_api_type": "azure", "openai_api_version": "2024-10-21", "openai_deployment_name": "d"}
ROUTES = {  # name: (provider, model, the rules for it)
    "openai": ("openai", "gpt-4.1", "openai"), "o3": ("openai", "o3-mini", "openai-reasoning"), "gpt-5": ("openai", "gpt-5-mini", "openai-reasoning"),
    "gpt-5.2": ("openai", "gpt-5.2", "openai-rests"), "azure": ("azure", "gpt-4.1", "azure"), "azure-o4": ("azure", "o4-mini", "azure-reasoning"),
    "mistral": ("mistral", "mistral-small-2603", "mistral"), "codestral": ("mistral", "codestral-latest", "mistral+mistral-plain"),
    "groq": ("groq", "llama-3.3-70b-versatile", "groq"), "deepseek": ("deepseek", "deepseek-v4-flash", "deepseek"),
    "grok-3": ("xai", "grok-3", "xai"), "grok-4": ("xai", "grok-4-0709", "xai+xai-reasoning"), "grok-3-mini": ("xai", "grok-3-mini", "xai+xai-effort"),
    "togetherai": ("togetherai", "m", "togetherai"), "fireworks": ("fireworks", "m", "fireworks"), "openrouter": ("openrouter", "a/m", "openrouter"),
    "perplexity": ("perplexity", "sonar", "perplexity"), "ollama": ("ollama", "llama3.2", "ollama"), "vllm": ("vllm", "m", "vllm"),
}
TOOL_USERS = [r for r in ROUTES if r != "perplexity"]
OWN = ["openai", "o3", "gpt-5", "gpt-5.2", "azure", "azure-o4"]  # OpenAI itself: its own clients get its refusals of tools
OLD_MAX = ["mistral", "codestral", "deepseek", "togetherai", "perplexity", "ollama"]
NO_DEVELOPER = ["mistral", "codestral", "groq", "deepseek", "grok-3", "grok-4", "grok-3-mini", "perplexity", "ollama"]
REASONING = ["o3", "gpt-5", "azure-o4"]
X = {"role": "user", "content": "x"}
PNG = "data:image/png;base64,iVBORw0KGgoAAAAA"


def tool(name="f"):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


def calls(*ids, **more):
    return {"role": "assistant", "content": None, "tool_calls": [{"id": i, "type": "function", "function": {"name": "f", "arguments": "{}"}} for i in ids], **more}


def result(i, text="r"):
    return {"role": "tool", "tool_call_id": i, "content": text}


def says(*messages, **more):
    return {"messages": list(messages), **more}


def part(**p):
    return {"role": "user", "content": [{"type": "text", "text": "see"}, p]}


def allowed(mode, *named):
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [tool(n) for n in named]}}


THOUGHT = {"reasoning_content": "hm"}
NINE, OTHER = "abcDEF019", "abcDEF020"
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}}}
GONE = object()  # in place of a member: it is not sent

ROWS = [  # routes, call, changes in the upstream's request, x-sluice-dropped
    (list(ROUTES), says(X), {}, None),
    (list(ROUTES), says({"role": "system", "content": "s"}, X, {"role": "assistant", "content": "a"}, X), {}, None),
    # how much
    (["openai", "azure", "groq", "grok-3", "fireworks", "openrouter", "vllm"], says(X, max_tokens=9), {}, None),
    (OLD_MAX, says(X, max_completion_tokens=9), {"max_completion_tokens": GONE, "max_tokens": 9}, None),
    # sampling
    (["openai", "azure"], says(X, temperature=0, top_p=0.5, presence_penalty=1), {}, None),
    (["grok-4", "grok-3-mini"], says(X, presence_penalty=1, frequency_penalty=1), {"presence_penalty": GONE, "frequency_penalty": GONE},
     "presence_penalty,frequency_penalty"),
    (["grok-3"], says(X, presence_penalty=1, stop=["a"]), {}, None),
    # reasoning
    (["grok-3-mini"], says(X, reasoning_effort="minimal"), {"reasoning_effort": "low"}, None),
    (["grok-3-mini"], says(X, reasoning_effort="medium"), {"reasoning_effort": "high"}, None),
    (["grok-3-mini", "grok-4", "grok-3", "codestral"], says(X, reasoning_effort="none"), {"reasoning_effort": GONE}, None),
    (["grok-4", "grok-3", "codestral"], says(X, reasoning_effort="high"), {"reasoning_effort": GONE}, "reasoning_effort"),
    (["mistral"], says(X, reasoning_effort="medium"), {"reasoning_effort": "high"}, None),
    (["mistral"], says(X, reasoning_effort="none"), {}, None),
    (["deepseek"], says(X, reasoning_effort="none"), {"reasoning_effort": GONE, "thinking": {"type": "disabled"}}, None),
    (["deepseek"], says(X, calls(NINE), result(NINE), tools=[tool()], reasoning_effort="high"), {"reasoning_effort": GONE, "thinking": {"type": "disabled"}},
     "reasoning_effort"),
    (["deepseek"], says(X, calls(NINE), result(NINE), tools=[tool()], thinking={"type": "enabled"}), {"thinking": {"type": "disabled"}}, "thinking"),
    (["deepseek"], says(X, calls(NINE), result(NINE), tools=[tool()]), {"thinking": {"type": "disabled"}}, None),
    (["deepseek"], says(X, calls(NINE, **THOUGHT), result(NINE), tools=[tool()], reasoning_effort="high"), {}, None),
    # tools
    ([r for r in TOOL_USERS if r not in (*OWN, "deepseek")], says(X, tools=[], tool_choice="auto", parallel_tool_calls=True), {"tools": GONE, "tool_choice": GONE, "parallel_tool_calls": GONE}, None),
    (["deepseek"], says(X, tools=[], tool_choice="auto", parallel_tool_calls=True), {"tools": GONE, "tool_choice": GONE, "parallel_tool_calls": GONE}, "parallel_tool_calls"),
    ([r for r in TOOL_USERS if r != "ollama"], says(X, tools=[tool()], tool_choice="required"), {}, None),
    (["ollama"], says(X, tools=[tool()], tool_choice="required"), {"tool_choice": GONE}, "tool_choice"),
    (["openai", "azure", "o3"], says(X, tools=[tool()], tool_choice=allowed("auto", "f")), {}, None),
    (["mistral", "groq", "deepseek", "grok-3", "togetherai"], says(X, tools=[tool("a"), tool("b")], tool_choice=allowed("required", "b")),
     {"tools": [tool("b")], "tool_choice": "required"}, None),
    (["perplexity"], says(X, tools=[], tool_choice="none"), {"tools": GONE, "tool_choice": GONE}, "tool_choice"),
    # a conversation with tools
    ([r for r in TOOL_USERS if r != "deepseek"], says(X, calls(NINE), result(NINE), tools=[tool()]), {}, None),
    ([r for r in TOOL_USERS if r != "deepseek"], says(X, calls(NINE, OTHER), result(NINE), X, result(OTHER), tools=[tool()]),
     {"messages": [X, calls(NINE, OTHER), result(NINE), result(OTHER), X]}, None),
    (["openai", "o3", "groq", "vllm"], says(X, calls(NINE, OTHER), result(NINE), {"role": "system", "content": "s"}, result(OTHER), tools=[tool()]),
     {"messages": [X, calls(NINE, OTHER), result(NINE), result(OTHER), {"role": "system", "content": "s"}]}, None),
    (["mistral"], says(X, calls(NINE, OTHER), result(NINE), {"role": "system", "content": "s"}, result(OTHER), tools=[tool()]),
     {"messages": [{"role": "system", "content": "s"}, X, calls(NINE, OTHER), result(NINE), result(OTHER)]}, None),
    ([r for r in ROUTES if r != "perplexity"], says(X, {"role": "assistant", "content": "a", "tool_calls": []}, X),
     {"messages": [X, {"role": "assistant", "content": "a"}, X]}, None),
    ([r for r in ROUTES if r != "perplexity"], says(X, {"role": "assistant", "content": "a", "tool_calls": None, "function_call": None}, X),
     {"messages": [X, {"role": "assistant", "content": "a"}, X]}, None),
    # roles and their order
    (NO_DEVELOPER, says({"role": "developer", "content": "d"}, X), {"messages": [{"role": "system", "content": "d"}, X]}, None),
    (["perplexity"], says(X, {"role": "developer", "content": "d"}, X), {"messages": [{"role": "system", "content": "d"}, {"role": "user", "content": "x\n\nx"}]}, None),
    (["perplexity", "mistral", "codestral"], says({"role": "system", "content": "s"}), {"messages": [{"role": "user", "content": "s"}]}, None),
    (["perplexity", "mistral"], says(X, {"role": "assistant", "content": "a"}, {"role": "system", "content": "s"}),
     {"messages": [X, {"role": "assistant", "content": "a"}, {"role": "user", "content": "s"}]}, None),
    (["mistral"], says(X, {"role": "system", "content": "s"}), {"messages": [{"role": "system", "content": "s"}, X]}, None),
    (["mistral"], says({"role": "system", "content": "1"}, X, {"role": "assistant", "content": "a"}, X, {"role": "system", "content": "2"}),
     {"messages": [{"role": "system", "content": "1"}, {"role": "system", "content": "2"}, X, {"role": "assistant", "content": "a"}, X]}, None),
    (["mistral"], says({"role": "system", "content": "1"}, X, {"role": "assistant", "content": "a"}, {"role": "system", "content": "2"}, X),
     {"messages": [{"role": "system", "content": "1"}, {"role": "system", "content": "2"}, X, {"role": "assistant", "content": "a"}, X]}, None),
    (["mistral"], says(X, {"role": "assistant", "content": "a "}), {"messages": [X, {"role": "assistant", "content": "a ", "prefix": True}]}, None),
    (["groq"], says({**X, "name": "n"}), {"messages": [X]}, "name"),
    # texts
    (list(ROUTES), says({"role": "user", "content": "a\ud800"}), {"messages": [{"role": "user", "content": "a\ufffd"}]}, None),
    (list(ROUTES), says({"role": "user", "content": "\U0001f600"}), {}, None),
    # images
    (["openai", "groq", "grok-3", "mistral", "ollama", "fireworks"], says(part(type="image_url", image_url={"url": PNG})), {}, None),
    (["openai", "groq", "grok-3", "mistral"], says(part(type="image_url", image_url={"url": "https://example.org/a.png"})), {}, None),
    # people, stores
    (["openai", "azure", "o3"], says(X, user="u@example.org", metadata={"a": "b"}), {}, None),
    (["groq"], says(X, metadata={"a": "b"}, store=True, logit_bias={"1": 1}), {"metadata": GONE, "store": GONE, "logit_bias": GONE}, "logit_bias,metadata,store"),
    (["mistral"], says(X, user="u", seed=3, store=True), {"user": GONE, "store": GONE, "seed": GONE, "random_seed": 3}, "user,store"),
    (["ollama"], says(X, user="u", n=1), {"user": GONE, "n": GONE}, "user"),
    (["perplexity"], says(X, seed=1, n=1), {"seed": GONE, "n": GONE}, "seed"),
    # structured output
    (["openai", "mistral", "groq", "grok-3", "fireworks", "vllm", "perplexity"], says(X, response_format=SCHEMA), {}, None),
]

FOREIGN = [  # the same on MLflow's path
    (["o3", "gpt-5", "gpt-5.2", "azure-o4"], says(X, max_tokens=9), {"max_tokens": GONE, "max_completion_tokens": 9}, None),
    (["o3", "azure-o4"], says(X, max_tokens=9, max_completion_tokens=5), {"max_tokens": GONE}, None),
    (REASONING, says(X, temperature=0, top_p=0.5), {"temperature": GONE, "top_p": GONE}, "temperature,top_p"),
    (REASONING, says(X, presence_penalty=0.5, frequency_penalty=0.5, logit_bias={"1": 2}),
     {"presence_penalty": GONE, "frequency_penalty": GONE, "logit_bias": GONE}, "presence_penalty,frequency_penalty,logit_bias"),
    (REASONING, says(X, presence_penalty=0, logit_bias={}), {"presence_penalty": GONE, "logit_bias": GONE}, None),
    (REASONING, says(X, temperature=1, top_p=1.0), {"temperature": GONE, "top_p": GONE}, None),
    (["gpt-5.2"], says(X, temperature=0), {}, None),
    (["gpt-5.2"], says(X, temperature=0, reasoning_effort="none"), {}, None),
    (["gpt-5.2"], says(X, temperature=0, reasoning_effort="low"), {"temperature": GONE}, "temperature"),
]

REFUSED = [  # routes, call, param, a part of the text
    (["mistral", "groq", "deepseek", "grok-3", "togetherai"], says(X, tools=[tool("a")], tool_choice=allowed("required", "b")), "tool_choice", '"b"'),
    (["deepseek"], says(part(type="image_url", image_url={"url": PNG})), "messages[0].content[1]", "no images"),
    (["deepseek", "groq", "grok-3", "ollama"], says(part(type="input_audio", input_audio={"data": "AAAA", "format": "wav"})), "messages[0].content[1]", "no audio"),
    (["deepseek", "groq", "grok-3", "ollama"], says(part(type="file", file={"file_id": "f"})), "messages[0].content[1]", "no files"),
    (["ollama"], says(part(type="image_url", image_url={"url": "https://example.org/a.png"})), "messages[0].content[1]", "data URI"),
    (["groq", "perplexity", "ollama"], says(X, n=2), "n", "not supported"),
    (["groq", "perplexity", "mistral"], says(X, logprobs=True), "logprobs", "not supported"),
    (["perplexity"], says(X, tools=[tool()]), "tools", "not supported"),
]

TOLD = [  # routes, call, param: the upstream refuses these, and its message is the best one
    (["openai", "o3", "groq", "mistral", "vllm"], says(X, calls(NINE, OTHER), result(NINE)), "messages"),
    (["openai", "azure", "groq"], says(X, result("nobody")), "messages"),
    (["openai", "azure", "grok-3"], says(X, tools=[tool(f"f{i}") for i in range(129)]), "tools"),
    (["openai"], says(X, tools=[tool("a.b")]), None),
    (OWN, says(X, tools=[]), "tools"),
    (["openai"], says(X, stop=list("abcde")), "stop"),
    (REASONING, says(X, max_tokens=9), "max_tokens"),
    (REASONING, says(X, temperature=0), "temperature"),
    (["grok-4", "grok-3-mini"], says(X, stop=["a"]), "stop"),
]


def each(table):
    return [pytest.param(route, *row[1:], id=f"{i}-{route}") for i, row in enumerate(table) for route in row[0]]


def endpoint(port, name, provider, model, rules):
    config = {KEY.get(provider, "api_key"): "k", BASE.get(provider, "api_base"): f"http://127.0.0.1:{port}/{rules}/v1", **(AZURE if provider == "azure" else {})}
    return {"name": name, "endpoint_type": "llm/v1/chat", "model": {"provider": provider, "name": model, "config": config}, "sluice": {"retries": 0}}


class Lab:
    def __init__(self, sluice):
        self.fake = StrictOpenAI()
        self.up = Upstream(self.fake)
        self.daemon = sluice({"endpoints": [endpoint(self.up.port, name, *row) for name, row in ROUTES.items()]})

    def say(self, route, call, path="/v1/chat/completions"):
        self.seen = len(self.fake.bodies)
        return self.daemon.call("POST", path, {"model": route, **call})


@pytest.fixture(scope="module")
def lab(sluice_module):
    lab = Lab(sluice_module)
    yield lab
    lab.up.close()


@pytest.mark.parametrize("route, call, otherwise, dropped", each(FOREIGN))
def test_what_goes_up_of_mlflows_calls(lab, route, call, otherwise, dropped):
    seen = len(lab.fake.bodies)
    r = lab.daemon.call("POST", f"/gateway/{route}/invocations", call)
    assert r.status == 200 and len(lab.fake.bodies) == seen + 1, r.body
    want = {k: v for k, v in {**call, **otherwise}.items() if v is not GONE}
    got = lab.fake.bodies[-1]
    got.pop("model", None)
    assert got == want and r.get("x-sluice-dropped") == dropped


@pytest.mark.parametrize("route, call, otherwise, dropped", each(ROWS))
def test_what_goes_up(lab, route, call, otherwise, dropped):
    r = lab.say(route, call)
    assert r.status == 200, r.body
    want = {k: v for k, v in {**call, **otherwise}.items() if v is not GONE}
    got = lab.fake.bodies[-1]
    assert got.pop("model", None) == (None if "deployments" in lab.up.requests[-1].path else ROUTES[route][1])
    assert got == want and r.get("x-sluice-dropped") == dropped


@pytest.mark.parametrize("route, call, param, text", each(REFUSED))
def test_what_is_refused_here(lab, route, call, param, text):
    r = lab.say(route, call)
    error = r.json()["error"]
    assert r.status == 400 and len(lab.fake.bodies) == lab.seen, r.body
    assert error["param"] == param and text in error["message"], error


@pytest.mark.parametrize("route, call, param", each(TOLD))
def test_what_the_upstream_tells(lab, route, call, param):
    r = lab.say(route, call)
    assert r.status == 400 and len(lab.fake.bodies) == lab.seen + 1 and r.json()["error"]["param"] == param, r.body


def test_the_table_is_large():
    assert len(each(ROWS)) + len(each(FOREIGN)) + len(each(REFUSED)) + len(each(TOLD)) > 250


@pytest.mark.parametrize("route", ["openai", "o3", "azure", "mistral", "codestral"])
def test_ids_of_tool_calls(lab, route):
    for one in ("functions.f:0" + "x" * 40, "toolu_" + "y" * 60):
        r = lab.say(route, says(X, calls(one), result(one), tools=[tool()]))
        assert r.status == 200, r.body
        messages = lab.fake.bodies[-1]["messages"]
        used = messages[1]["tool_calls"][0]["id"]
        assert used == messages[2]["tool_call_id"] != one
        lab.say(route, says(X, calls(one), result(one), X, tools=[tool()]))
        assert lab.fake.bodies[-1]["messages"][1]["tool_calls"][0]["id"] == used, "the same in every turn"


@pytest.mark.parametrize("name", ["user", "safety_identifier"])
def test_long_names_of_people_are_digests(lab, name):
    assert lab.say("openai", says(X, **{name: "u" * 65})).status == 200
    first = lab.fake.bodies[-1][name]
    lab.say("openai", says(X, **{name: "u" * 65}))
    assert first.startswith("user_") and lab.fake.bodies[-1][name] == first
    lab.say("openai", says(X, **{name: "v" * 65}))
    assert lab.fake.bodies[-1][name] != first
    lab.say("openai", says(X, **{name: "u" * 64}))
    assert lab.fake.bodies[-1][name] == "u" * 64


def test_a_schema_in_words(lab):
    assert lab.say("deepseek", says(X, response_format=SCHEMA)).status == 200
    body = lab.fake.bodies[-1]
    assert body["response_format"] == {"type": "json_object"} and '"properties":{}' in body["messages"][0]["content"]


ODD = [{}, {"content": "b"}, {"role": 5, "content": "c"}, {"role": "user"}, {"role": "user", "content": None}, {"role": "user", "content": [{}]},
       {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk="}}]},
       {"role": "user", "content": [{"type": "file", "file": {"file_data": "zzz", "filename": 5}}]}, {"role": "user", "content": [{"type": "file"}]},
       {"role": "user", "content": [{"type": "input_audio"}]}, {"role": "user", "content": [{"type": "image_url"}]}, {"role": "tool"},
       {"role": "assistant", "tool_calls": [{}]}, {"role": "assistant", "tool_calls": 5}, {"role": "system"}, {"role": "developer", "content": [5]}]


def test_odd_messages_are_answered(sluice, upstream):
    """At any place among others: passed on as JSON or refused, whatever they lack."""
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [endpoint(up.port, name, *row) for name, row in ROUTES.items()]})
    for route in ROUTES:
        for odd in ODD:
            for messages in ([odd], [X, odd, {"role": "assistant", "content": "x"}], [X, {"role": "assistant", "content": "x"}, odd], [odd, X], [X, calls(NINE), odd, result(NINE)]):
                r = daemon.call("POST", "/v1/chat/completions", says(*messages, model=route))
                assert r.status in (200, 400), (route, messages, r.status, r.body)
                if r.status == 200:
                    assert up.requests[-1].json()["messages"]

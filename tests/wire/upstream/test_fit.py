# SPDX-License-Identifier: Apache-2.0
"""A target that cannot serve a call, as far as its model is known, is passed over before anything is sent, and
named."""
import threading

import pytest

from harness import CHAT, wait_for
from test_affinity import lab  # noqa: F401: the fixture
from test_traffic import answer, error

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
PNG = "data:image/png;base64,iVBORw0KGgo="
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG}}, {"type": "text", "text": "what?"}]}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"], "additionalProperties": False}, "strict": True}}
MODELS = {"plain*": {"provider": "openai", "features": ["audio"]}, "tiny*": {"provider": "openai", "context": 1000},
          "sees*": {"provider": "openai", "features": ["images"]}, "odd*": {"provider": "openai", "features": ["thinking"]}}


def openai(t, name):
    return {"model": {"provider": "openai", "name": name, "config": {"openai_api_key": "sk-test-secret", "openai_api_base": t.base}}}


def two(lab, first, second="gpt-4o", **more):
    a, b = lab.target(), lab.target()
    lab.start([("small", None, openai(a, first)), ("large", None, {**openai(b, second), "tier": 1})], models=MODELS, retries=0, **more)
    return a, b


def ask(lab, **more):
    return lab.sluice.call("POST", "/v1/chat/completions", {**CHAT, **more})


LONG = [{"role": "user", "content": "word " * 2000}]
CASES = [  # the model, the call, why it is passed over (None: it is not)
    ("plain-1", {"tools": [TOOL]}, "the model 'plain-1' takes no tools"),
    ("plain-1", {"tools": [TOOL], "tool_choice": "none"}, None),
    ("plain-1", {"messages": IMAGE}, "the model 'plain-1' takes no images"),
    ("plain-1", {"response_format": SCHEMA}, "the model 'plain-1' gives no answers by a schema"),
    ("plain-1", {"messages": [{"role": "user", "content": "an image of tools, schemas and audio"}]}, None),
    ("plain-1", {}, None),
    ("sees-1", {"messages": IMAGE}, None),
    ("sees-1", {"tools": [TOOL]}, "the model 'sees-1' takes no tools"),
    ("odd-1", {"tools": [TOOL], "messages": IMAGE}, None),  # nothing is known of that
    ("gpt-4o", {"tools": [TOOL], "messages": IMAGE, "response_format": SCHEMA}, None),
    ("tiny-1", {"messages": LONG}, "the model 'tiny-1' has a context length of 1000 tokens, and the prompt has about 25"),
    ("tiny-1", {"messages": [{"role": "user", "content": "word " * 800}]}, None),  # it is only an estimate
]


@pytest.mark.parametrize("name,more,why", CASES, ids=lambda v: v if isinstance(v, str) else None)
def test_a_target_is_passed_over_by_name(lab, name, more, why):  # noqa: F811
    a, b = two(lab, name)
    r = ask(lab, **more)
    assert r.status == 200 and r.get("x-sluice-attempts") == "1", r.body
    line = lab.sluice.log_line(r.get("x-request-id"))
    if why:
        assert (r.get("x-sluice-target"), a.n, b.n) == ("large", 0, 1)
        assert line["passed"][0]["target"] == "small" and line["passed"][0]["why"].startswith(why) and len(line["attempts"]) == 1, line
    else:
        assert (r.get("x-sluice-target"), a.n, b.n) == ("small", 1, 0) and "passed" not in line, line


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/gateway/chat/invocations", "/v1/messages"])
def test_when_none_is_left_each_is_told_by_name(lab, path):  # noqa: F811
    a, b = two(lab, "plain-1", "sees-1")
    body = {"messages": CHAT["messages"], "tools": [TOOL]}
    if path == "/v1/messages":
        body = {"model": "chat", "max_tokens": 9, "messages": CHAT["messages"], "tools": [{"name": "f", "input_schema": {"type": "object"}}]}
    elif "v1" in path:
        body["model"] = "chat"
    r = lab.sluice.call("POST", path, body)
    assert r.status == 400 and b"small: the model 'plain-1' takes no tools | large: the model 'sees-1' takes no tools" in r.body, r.body
    assert (a.n, b.n) == (0, 0)
    assert [p["target"] for p in lab.sluice.log_line(r.get("x-request-id"))["passed"]] == ["small", "large"]


def test_a_failure_is_told_before_what_could_not_be_asked(lab):  # noqa: F811
    a, b = two(lab, "plain-1")
    b.act = error("500 Oops")
    r = ask(lab, tools=[TOOL])
    assert r.status == 500 and (a.n, b.n) == (0, 1)


CLAUDE_SPARE = {"provider": "anthropic", "name": "claude-sonnet-4-5", "config": {"anthropic_api_key": "k"}}
UNFIT = [({"tools": [TOOL]}, "plain-1"), ({"n": 2}, None)]  # known before it is written, and when it is


@pytest.mark.parametrize("more,other", UNFIT, ids=["model", "words"])
@pytest.mark.parametrize("state", ["full", "failed", "rests"])
def test_only_for_now_is_not_for_ever(lab, state, more, other):  # noqa: F811
    """The target that can serve the call takes none just now, and the others never can: the call is not at fault."""
    hold = threading.Event()
    acts = {"full": lambda ex: (hold.wait(20), answer(ex)), "failed": error("500 Oops"), "rests": error("429 Too Many", headers=[("Retry-After", "20")])}
    a, b = lab.target(acts[state]), lab.target()
    spare = openai(b, other) if other else {"model": {**CLAUDE_SPARE, "config": {**CLAUDE_SPARE["config"], "anthropic_api_base": b.base}}}
    lab.start([("can", None, {**openai(a, "gpt-4o"), "max_concurrent": 1}), ("cannot", None, {**spare, "tier": 1})], models=MODELS, retries=0,
              breaker={"errors": 1, "ratio": "1%", "open": "20s"}, fallback={"on": []})
    first = lab.sluice.connect().request("POST", "/v1/chat/completions", {**CHAT, **more})
    if state == "full":
        wait_for(lambda: a.n == 1, "it is asked")
    else:
        assert first.reply().status == int(state == "rests" and 429 or 500)
    r = ask(lab, **more)
    mine = {"full": ("sluice_overloaded", "1 at max_concurrent", 1, 1), "failed": ("provider_overloaded", "1 failed again and again", 19, 20), "rests": ("provider_overloaded", "1 asked to wait", 19, 20)}
    kind, why, least, most = mine[state]
    assert (r.status, r.get("x-sluice-error-type")) == (503, kind), r.body
    assert f"takes calls now ({why})" in r.json()["error"]["message"] and least <= int(r.get("retry-after")) <= most, r.body
    line = lab.sluice.log_line(r.get("x-request-id"))
    assert (a.n, b.n) == (1, 0) and [p["target"] for p in line["passed"]] == ["cannot"] and line["attempts"] == [], line
    hold.set()
    if state == "full":
        assert first.reply().status == 200
        assert ask(lab, **more).get("x-sluice-target") == "can"


@pytest.mark.parametrize("more,other", UNFIT, ids=["model", "words"])
def test_it_waits_for_the_only_one_that_can_serve_it(lab, more, other):  # noqa: F811
    hold = threading.Event()
    a, b = lab.target(lambda ex: (hold.wait(20), answer(ex))), lab.target()
    spare = openai(b, other) if other else {"model": {**CLAUDE_SPARE, "config": {**CLAUDE_SPARE["config"], "anthropic_api_base": b.base}}}
    lab.start([("can", None, {**openai(a, "gpt-4o"), "max_concurrent": 1}), ("cannot", None, {**spare, "tier": 1})], models=MODELS, retries=0, queue={"wait": "20s"})
    conns = [lab.sluice.connect().request("POST", "/v1/chat/completions", {**CHAT, **more}) for _ in range(3)]
    wait_for(lambda: 'sluice_queue_depth{route="chat"} 2\n' in lab.sluice.call("GET", "/metrics").body.decode(), "two wait")
    hold.set()
    assert [(r.status, r.get("x-sluice-target")) for r in (c.reply() for c in conns)] == [(200, "can")] * 3 and b.n == 0


def test_too_long_for_all_is_told_with_the_code_that_clients_know(lab):  # noqa: F811
    two(lab, "tiny-1", "tiny-2")
    r = ask(lab, messages=LONG)
    assert r.status == 400 and r.json()["error"]["code"] == "context_length_exceeded", r.body


def test_an_image_is_no_long_prompt(lab):  # noqa: F811
    a, b = two(lab, "tiny-1")
    big = "data:image/png;base64," + "iVBORw0KGgo" * 5000
    r = ask(lab, messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": big}}]}])
    assert r.status == 200 and a.n + b.n == 1


def test_the_built_in_tables_are_asked(lab):  # noqa: F811
    a, b = lab.target(), lab.target()
    cohere = {"provider": "cohere", "name": "c4ai-aya-vision-32b", "config": {"cohere_api_key": "k", "cohere_api_base": a.base}}
    lab.start([("aya", None, {"model": cohere}), ("large", None, {**openai(b, "gpt-4o"), "tier": 1})], retries=0)
    assert ask(lab, tools=[TOOL]).get("x-sluice-target") == "large" and a.n == 0

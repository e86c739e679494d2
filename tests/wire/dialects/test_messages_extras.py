# SPDX-License-Identifier: Apache-2.0
"""What Anthropic's API has besides texts: at each kind of upstream it is passed, mapped, refused by name, or named as
left out. Nothing is lost silently."""
import json

import pytest

from model import Lab

X = [{"role": "user", "content": "x"}]
ROUTES = ["openai", "chat", "mistral", "deepseek", "responses", "gemini", "bedrock", "cohere", "scoring"]
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2, "allowed_domains": ["example.org"], "user_location": {"type": "approximate", "city": "Oslo"}}
FUNCTION = {"name": "f", "input_schema": {"type": "object"}}

# Tools that Anthropic runs or knows the form of.
HOSTED = [SEARCH, {"type": "web_fetch_20250910", "name": "web_fetch"}, {"type": "code_execution_20250825", "name": "code_execution"},
          {"type": "computer_20250124", "name": "computer", "display_width_px": 9, "display_height_px": 9}, {"type": "bash_20250124", "name": "bash"},
          {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}, {"type": "memory_20250818", "name": "memory"},
          {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}, {"type": "mcp_toolset", "mcp_server_name": "m"}]

# Members of the call that only Anthropic has, and their names in x-sluice-dropped.
NAMED = [({"mcp_servers": [{"type": "url", "url": "https://m.example", "name": "m"}]}, "mcp_servers"), ({"container": "c1"}, "container"),
         ({"container": {"skills": [{"type": "anthropic", "skill_id": "pdf"}]}}, "container"), ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, "context_management"),
         ({"fallbacks": [{"model": "b"}]}, "fallbacks"), ({"inference_geo": "us"}, "inference_geo"), ({"speed": "fast"}, "speed"), ({"cache_control": {"type": "ephemeral"}}, "cache_control"),
         ({"output_config": {"task_budget": {"type": "tokens", "total": 1000}}}, "output_config"), ({"brand_new": 1}, "brand_new"),
         *(({"tools": [{**FUNCTION, k: v}]}, f"tools.{k}") for k, v in (("eager_input_streaming", True), ("input_examples", [{"a": 1}]), ("defer_loading", True), ("allowed_callers", ["direct"])))]

# member: what is sent in its place, and what is named. "-": nothing is sent.
THINKS = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
MAPPED = [
    ({"service_tier": "standard_only"}, {"openai": ("service_tier", "default", None), "responses": ("service_tier", "default", None), "mistral": ("service_tier", None, "service_tier"),
                                         "gemini": ("service_tier", None, "service_tier"), "bedrock": ("serviceTier", None, "service_tier"), "cohere": ("service_tier", None, "service_tier")}),
    ({"thinking": {"type": "adaptive"}}, {"openai": ("reasoning_effort", None, "thinking"), "mistral": ("reasoning_effort", None, "thinking"), "cohere": ("thinking", None, "thinking")}),
    (THINKS, {"openai": ("reasoning_effort", None, "reasoning_effort"), "chat": ("reasoning_effort", "high", None), "mistral": ("reasoning_effort", "high", None),
              "bedrock": ("additionalModelRequestFields", {"thinking": {"type": "enabled", "budget_tokens": 16384}}, None), "cohere": ("thinking", None, "thinking,reasoning_effort")}),
    ({"top_k": 5}, {"openai": ("top_k", None, "top_k"), "cohere": ("k", 5, None), "bedrock": ("additionalModelRequestFields", {"top_k": 5}, None)}),
    ({"metadata": {"user_id": "u1"}}, {"openai": ("user", "u1", None), "responses": ("user", "u1", None), "mistral": ("user", None, "user"), "gemini": ("user", None, "user"), "cohere": ("user", None, "user")}),
    ({"tools": [FUNCTION], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, {
        "openai": ("parallel_tool_calls", False, None), "responses": ("parallel_tool_calls", False, None), "gemini": ("parallel_tool_calls", None, "parallel_tool_calls"),
        "bedrock": ("parallel_tool_calls", None, "parallel_tool_calls"), "cohere": ("parallel_tool_calls", None, "parallel_tool_calls")}),
]


@pytest.fixture(scope="module")
def lab(sluice_module):
    lab = Lab(sluice_module)
    yield lab
    lab.close()


def ask(lab, route, members):
    """The reply, and what the upstream got; None: it was not called."""
    n = lab.taken(route)
    r = lab.daemon.call("POST", "/v1/messages", {"model": route, "max_tokens": 32000 if members is THINKS else 5000, "messages": X, **members})
    return r, lab.fakes[lab.upstream(route)].bodies[-1] if lab.taken(route) > n else None


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("tool", HOSTED, ids=[t["type"] for t in HOSTED])
def test_a_tool_of_the_server_is_refused_by_its_name_or_mapped(lab, route, tool):
    r, sent = ask(lab, route, {"tools": [tool]})
    if tool is SEARCH and route == "responses":
        assert r.status == 200 and r.get("x-sluice-dropped") == "tools.max_uses"
        assert sent["tools"] == [{"type": "web_search", "filters": {"allowed_domains": ["example.org"]}, "user_location": {"type": "approximate", "city": "Oslo"}}]
        return
    assert sent is None and r.status == 400 and r.json()["error"]["type"] == "invalid_request_error" and tool["type"] in r.json()["error"]["message"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("members, name", NAMED, ids=[f"{name}{i}" for i, (_, name) in enumerate(NAMED)])
def test_what_has_no_place_is_named(lab, route, members, name):
    r, sent = ask(lab, route, members)
    assert r.status == 200 and name in (r.get("x-sluice-dropped") or "").split(","), (r.body, r.get("x-sluice-dropped"))
    assert not {"mcp_servers", "container", "context_management", "fallbacks", "inference_geo", "speed", "brand_new", "output_config"} & {*sent, *sent.get("params", {})}


@pytest.mark.parametrize("members, route, want", [(m, route, want) for m, routes in MAPPED for route, want in routes.items()], ids=[f"{'-'.join(m)}-{r}" for m, rs in MAPPED for r in rs])
def test_what_others_have_is_mapped(lab, members, route, want):
    r, sent = ask(lab, route, members)
    key, value, dropped = want
    assert r.status == 200, r.body
    assert (sent.get(key), r.get("x-sluice-dropped")) == (value, dropped)


# Where a mark of the cache may stand. "scoring" takes one question and no more.
KEPT = {"cache_control": {"type": "ephemeral"}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "r"}
MARKED = {
    "system": {"system": [{"type": "text", "text": "s", **KEPT}]},
    "text": {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", **KEPT}]}]},
    "two_texts": {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "text", "text": "y", **KEPT}]}]},
    "image": {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}, **KEPT}, {"type": "text", "text": "x"}]}]},
    "tool": {"tools": [{**FUNCTION, **KEPT}]},
    "call": {"tools": [FUNCTION], "messages": [*X, {"role": "assistant", "content": [{**CALL, **KEPT}]}, {"role": "user", "content": [RESULT]}]},
    "result": {"tools": [FUNCTION], "messages": [*X, {"role": "assistant", "content": [CALL]}, {"role": "user", "content": [{**RESULT, **KEPT}]}]},
    "in_result": {"tools": [FUNCTION], "messages": [*X, {"role": "assistant", "content": [CALL]}, {"role": "user", "content": [{**RESULT, "content": [{"type": "text", "text": "r", **KEPT}]}]}]},
}


@pytest.mark.parametrize("route", [r for r in ROUTES if r not in ("scoring", "bedrock")])
@pytest.mark.parametrize("place", MARKED)
def test_a_mark_of_the_cache_is_named_where_it_goes_no_further(lab, route, place):
    if (place, route) == ("image", "deepseek"):
        return  # it takes no images
    r, sent = ask(lab, route, MARKED[place])
    assert r.status == 200, r.body
    assert "cache_control" not in json.dumps(sent) and "cache_control" in (r.get("x-sluice-dropped") or "").split(",")


# --- what a turn has besides words ---

FOUND = {"type": "search_result", "source": "https://a.example/b", "title": "Grass", "content": [{"type": "text", "text": "It is"}, {"type": "text", "text": "green."}], "citations": {"enabled": True}}
PIECES = {"type": "document", "title": "Grass", "source": {"type": "content", "content": [{"type": "text", "text": "It is"}, {"type": "text", "text": "green."}]}, "citations": {"enabled": True}}
CALLED = [*X, {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]}]


def turn(block, is_result):
    if is_result:
        return {"tools": [FUNCTION], "messages": [*CALLED, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": [block]}]}]}
    return {"messages": [{"role": "user", "content": [block, {"type": "text", "text": "What colour?"}]}]}


@pytest.mark.parametrize("route", [r for r in ROUTES if r != "scoring"])
@pytest.mark.parametrize("is_result", [False, True], ids=["turn", "result"])
@pytest.mark.parametrize("block, text", [(FOUND, r"Grass\nhttps://a.example/b\nIt is\ngreen."), (PIECES, r"Grass\nIt is\ngreen.")], ids=["found", "pieces"])
def test_what_was_found_is_a_text(lab, route, block, text, is_result):
    r, sent = ask(lab, route, turn(block, is_result))
    assert r.status == 200, r.body
    if route == "bedrock":  # Claude cites it there
        found = json.dumps(sent["messages"])
        assert '{"text": "It is"}, {"text": "green."}' in found and '"citations": {"enabled": true}' in found and r.get("x-sluice-dropped") is None
        return
    assert text in json.dumps(sent).replace("\\\\", "\\")
    assert "messages.citations" in r.get("x-sluice-dropped").split(",")


@pytest.mark.parametrize("block, words", [
    ({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, "'server_tool_use' has no place at the provider"), ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, "'tool_use' may not stand"),
    ({"type": "container_upload", "file_id": "f"}, "'container_upload' has no place"), ({"type": "brand_new"}, "'brand_new' has no place"), ({**FOUND, "content": 5}, "list of texts"),
    ({**FOUND, "content": [{"type": "image"}]}, "'text' is missing"), ({**PIECES, "source": {"type": "content"}}, "list of texts"), ({**PIECES, "source": {"type": "disk"}}, "content (documents)")])
def test_a_block_that_nobody_else_has_is_refused_by_its_name(lab, block, words):
    r, sent = ask(lab, "chat", {"messages": [{"role": "user", "content": [block]}]})
    assert r.status == 400 and words in r.json()["error"]["message"] and sent is None, r.body

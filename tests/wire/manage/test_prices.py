# SPDX-License-Identifier: Apache-2.0
"""What calls cost: in header, log, metric and body alike, for each dialect and for strange counts; and price tables, good and
bad, read again while calls run."""
import json
import os
import re
import signal
import subprocess
import time

import openai
import pytest

from harness import BIN, CHAT, SANITIZED, wait_for
from test_metrics import Page
from test_reload import says
from test_routes_api import create

JSON = [("content-type", "application/json")]
ASKS = {"x-sluice-usage": "body"}
ASKED = JSON + list(ASKS.items())
# 2.5 dollars for a million tokens of input, 1.25 from the cache, 10 for a million of output.
PRICES = {"input_cost_per_token": 2.5e-06, "cache_read_input_token_cost": 1.25e-06, "output_cost_per_token": 1e-05}
USAGE = {"prompt_tokens": 2101, "completion_tokens": 7, "total_tokens": 2108, "prompt_tokens_details": {"cached_tokens": 2048}}
COST = 0.0027625


def reply_of(usage, **more):
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", **more, "usage": usage,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}


def chunk(delta, finish=None, **more):
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def openai_upstream(usage, **more):
    """Whole replies and streams with this usage; a stream has it only when it is asked for it."""
    def handler(ex):
        body = ex.json()
        if not body.get("stream"):
            return ex.reply(reply_of(usage, **more))
        ex.stream_head()
        for event in (chunk({"role": "assistant", "content": "hi"}, **more), chunk({}, "stop", **more)):
            ex.event(event)
        if (body.get("stream_options") or {}).get("include_usage"):
            ex.event({**chunk({}), "choices": [], "usage": usage, **more})
        ex.event("[DONE]")
        ex.last_chunk()
    return handler


def anthropic_upstream(usage):
    def handler(ex):
        if not ex.json().get("stream"):
            return ex.reply({"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "hi"}],
                             "stop_reason": "end_turn", "usage": usage})
        ex.stream_head()
        for kind, more in (("message_start", {"message": {"id": "m1", "type": "message", "role": "assistant", "model": "m", "content": [],
                                                          "usage": {**usage, "output_tokens": 1}}}),
                           ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
                           ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "hi"}}),
                           ("content_block_stop", {"index": 0}),
                           ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": usage["output_tokens"]}}),
                           ("message_stop", {})):
            ex.chunk(f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n")
        ex.last_chunk()
    return handler


def responses_upstream(usage):
    def response(**more):
        return {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "error": None, "usage": usage,
                "output": [{"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
                            "content": [{"type": "output_text", "text": "hi", "annotations": []}]}], **more}

    def handler(ex):
        if not ex.json().get("stream"):
            return ex.reply(response())
        ex.stream_head()
        for kind, more in (("response.created", {"response": response(status="in_progress", usage=None, output=[])}),
                           ("response.completed", {"response": response()})):
            ex.chunk(f"event: {kind}\ndata: {json.dumps({'type': kind, 'sequence_number': 0, **more})}\n\n")
        ex.last_chunk()
    return handler


def start(sluice, up, prices=PRICES, name="m", kind="chat", provider="openai", args=(), **more):
    config = {"openai_api_key": "k", "openai_api_base": up.base} if provider == "openai" else {
        f"{provider}_api_key": "k", f"{provider}_api_base": up.base}
    config |= more.pop("config", {})
    route = {"name": "chat", "endpoint_type": f"llm/v1/{kind}", "model": {"provider": provider, "name": name, "config": config}}
    section = {"prices": {"models": {f"{provider}/{name}": prices}}} if prices else {}
    return sluice({"endpoints": [route], **section, **more}, args=args)


def client_of(daemon):
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0)


def events_of(r):
    return [json.loads(line[6:]) for line in r.body.decode().split("\n") if line.startswith("data: {")]


def logged_cost(daemon, r):
    return daemon.log_line(r.get("x-request-id")).get("cost")


def test_a_call_says_what_it_cost_in_header_log_and_metric(sluice, upstream):
    daemon = start(sluice, upstream(openai_upstream(USAGE)))
    r = daemon.call("POST", "/v1/chat/completions", CHAT, JSON)
    assert (r.status, r.get("x-sluice-cost"), "cost" in r.json()["usage"]) == (200, "0.0027625", False)
    assert logged_cost(daemon, r) == COST
    daemon.call("POST", "/v1/chat/completions", CHAT, JSON)
    page = Page(daemon)
    assert page.sum("sluice_cost_usd_total", route="chat", provider="openai", model="m") == pytest.approx(2 * COST)
    assert page.sum("sluice_unpriced_requests_total") == 0


def test_openais_client_reads_the_cost(sluice, upstream):
    client = client_of(start(sluice, upstream(openai_upstream(USAGE))))
    whole = client.chat.completions.create(**CHAT, extra_headers=ASKS)
    assert (whole.usage.cost, whole.usage.prompt_tokens, whole.choices[0].message.content) == (COST, 2101, "hi")
    for more in ({}, {"stream_options": {"include_usage": True}}):
        chunks = list(client.chat.completions.create(**CHAT, stream=True, extra_headers=ASKS, **more))
        assert [c.usage.cost for c in chunks if c.usage] == [COST]
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "hi"
    plain = list(client.chat.completions.create(**CHAT, stream=True))
    assert not any(c.usage for c in plain)


def test_the_cost_reaches_clients_of_other_languages(sluice, upstream):
    usage = {"input_tokens": 12, "cache_creation_input_tokens": 512, "cache_read_input_tokens": 2048, "output_tokens": 9,
             "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 512}}
    prices = {"input_cost_per_token": 8e-07, "cache_read_input_token_cost": 8e-08, "cache_creation_input_token_cost": 1e-06,
              "cache_creation_input_token_cost_above_1hr": "1.6e-06", "output_cost_per_token": 4e-06}
    daemon = start(sluice, upstream(anthropic_upstream(usage)), prices, provider="anthropic")
    client, cost = client_of(daemon), 0.00102864
    assert client.chat.completions.create(**CHAT, extra_headers=ASKS).usage.cost == cost
    assert [c.usage.cost for c in client.chat.completions.create(**CHAT, stream=True, extra_headers=ASKS) if c.usage] == [cost]
    assert client.responses.create(model="chat", input="x", extra_headers=ASKS).usage.cost == cost
    last = [e for e in client.responses.create(model="chat", input="x", stream=True, extra_headers=ASKS)][-1]
    assert last.response.usage.cost == cost
    messages = {"messages": CHAT["messages"]}
    for path in ("/gateway/chat/invocations", "/gateway/mlflow/v1/chat/completions"):
        body = CHAT if path.endswith("completions") else messages
        r = daemon.call("POST", path, body, ASKED)
        assert (r.status, r.json()["usage"]["cost"], r.get("x-sluice-cost")) == (200, cost, "0.00102864"), path
        ends = [e["usage"]["cost"] for e in events_of(daemon.call("POST", path, {**body, "stream": True}, ASKED)) if e.get("usage")]
        assert ends == [cost], path
    # Dialects without a place for it have the header.
    r = daemon.call("POST", "/v1/messages", {**CHAT, "max_tokens": 9}, ASKED)
    assert (r.get("x-sluice-cost"), "cost" in r.json()["usage"]) == ("0.00102864", False)
    r = daemon.call("POST", "/v1/messages", {**CHAT, "max_tokens": 9, "stream": True}, ASKED)
    assert (r.get("x-sluice-cost"), logged_cost(daemon, r)) == (None, cost)


def test_responses_that_pass_have_the_cost(sluice, upstream):
    usage = {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 40}, "output_tokens": 10,
             "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 110}
    daemon = start(sluice, upstream(responses_upstream(usage)), config={"openai_api": "responses"})
    client, cost = client_of(daemon), 60 * 2.5e-06 + 40 * 1.25e-06 + 10 * 1e-05
    assert client.responses.create(model="chat", input="x", extra_headers=ASKS).usage.cost == pytest.approx(cost)
    *_, last = client.responses.create(model="chat", input="x", stream=True, extra_headers=ASKS)
    assert last.response.usage.cost == pytest.approx(cost)
    r = daemon.call("POST", "/v1/responses", {"model": "chat", "input": "x"}, JSON)
    assert (float(r.get("x-sluice-cost")), "cost" in r.json()["usage"]) == (pytest.approx(cost), False)


def test_a_reply_that_nobody_asked_to_change_passes_byte_by_byte(sluice, upstream):
    text = json.dumps(reply_of(USAGE), indent=3).encode()
    daemon = start(sluice, upstream(lambda ex: ex.reply(text)))
    r = daemon.call("POST", "/v1/chat/completions", CHAT, JSON)
    assert (r.body, r.get("x-sluice-cost")) == (text, "0.0027625")


def test_a_long_reply_passes_before_its_cost_is_known(sluice, upstream):
    body = reply_of(USAGE)
    body["choices"][0]["message"]["content"] = "x" * 300000
    daemon = start(sluice, upstream(lambda ex: ex.reply(body)))
    r = daemon.call("POST", "/v1/chat/completions", CHAT, JSON)
    assert (r.status, r.get("x-sluice-cost"), logged_cost(daemon, r)) == (200, None, COST)
    r = daemon.call("POST", "/v1/chat/completions", CHAT, ASKED)
    assert (r.json()["usage"]["cost"], r.get("x-sluice-cost"), len(r.json()["choices"][0]["message"]["content"])) == (COST, "0.0027625", 300000)


def test_a_model_without_a_price_costs_nothing_known(sluice, upstream):
    daemon = start(sluice, upstream(openai_upstream(USAGE)), prices=None)
    r = daemon.call("POST", "/v1/chat/completions", CHAT, ASKED)
    assert (r.status, r.get("x-sluice-cost"), "cost" in r.json()["usage"], logged_cost(daemon, r)) == (200, None, False, None)
    assert Page(daemon).sum("sluice_unpriced_requests_total") == 1
    assert not Page(daemon).has("sluice_cost_usd_total")


def test_a_failed_call_costs_nothing(sluice, upstream):
    daemon = start(sluice, upstream(lambda ex: ex.reply({"error": {"message": "no"}}, "400 Bad Request")))
    r = daemon.call("POST", "/v1/chat/completions", CHAT, JSON)
    assert (r.status, r.get("x-sluice-cost"), logged_cost(daemon, r)) == (400, None, None)
    assert Page(daemon).sum("sluice_unpriced_requests_total") == 0


@pytest.mark.parametrize("usage, cost", [
    ({"prompt_tokens": 100, "completion_tokens": 10}, 0.00035),
    ({"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": -4}, 0.00035),
    ({"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 1000000}}, 0.000225),
    ({"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": -1}}, 0.00035),
    ({"prompt_tokens": 100.0, "completion_tokens": 1e1, "total_tokens": 110}, 0.00035),
    ({"prompt_tokens": 2**60, "completion_tokens": 10}, 0.0001),
    ({"prompt_tokens": 2**40, "completion_tokens": 0}, 2748779.06944),
    ({"prompt_tokens": "100", "completion_tokens": None}, None),
    ({"total_tokens": 100}, None),
    (None, None),
    ([], None),
    ({"prompt_tokens": 100, "completion_tokens": 10, "cost": 0.25}, 0.25),
    ({"prompt_tokens": 100, "completion_tokens": 10, "cost": {"total_cost": 0.125}}, 0.125),
    ({"prompt_tokens": 100, "completion_tokens": 10, "cost": -1}, 0.00035),
    ({"prompt_tokens": 100, "completion_tokens": 10, "cost_in_usd_ticks": 25000000}, 0.0025),
    ({"prompt_tokens": 100, "completion_tokens": 10, "cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.02}}, 0.021),
])
def test_strange_counts(sluice, upstream, usage, cost):
    daemon = start(sluice, upstream(openai_upstream(usage)))
    for stream in (False, True):
        r = daemon.call("POST", "/v1/chat/completions", {**CHAT, "stream": stream}, JSON)
        assert r.status == 200
        assert logged_cost(daemon, r) == cost, stream


def test_the_tier_that_served_decides(sluice, upstream):
    prices = PRICES | {"input_cost_per_token_priority": 5e-06, "output_cost_per_token_flex": 1e-06}
    costs = {"default": 0.00035, "auto": 0.00035, "priority": 0.0006, "flex": 0.00026}
    for tier, cost in costs.items():
        daemon = start(sluice, upstream(openai_upstream({"prompt_tokens": 100, "completion_tokens": 10}, service_tier=tier)), prices)
        for stream in (False, True):
            r = daemon.call("POST", "/v1/chat/completions", {**CHAT, "stream": stream}, JSON)
            assert logged_cost(daemon, r) == cost, (tier, stream)


def test_only_body_may_be_asked_for(sluice, upstream):
    daemon = start(sluice, upstream(openai_upstream(USAGE)))
    r = daemon.call("POST", "/v1/chat/completions", CHAT, JSON + [("x-sluice-usage", "header")])
    assert (r.status, r.json()["error"]["message"]) == (400, 'The header x-sluice-usage must be "body", not "header".')


def test_the_headers_can_be_hidden(sluice, upstream):
    daemon = start(sluice, upstream(openai_upstream(USAGE)), server={"headers": False})
    r = daemon.call("POST", "/v1/chat/completions", CHAT, ASKED)
    assert (r.get("x-sluice-cost"), r.json()["usage"]["cost"]) == (None, COST)


# --- tables ---

PUBLIC = {
    "sample_spec": {"litellm_provider": "one of the providers", "input_cost_per_token": 0.0, "mode": "one of the modes", "max_tokens": "LEGACY"},
    "gpt-4o": {"max_tokens": 16384, "litellm_provider": "openai", "mode": "chat", "supports_vision": True, "supported_endpoints": ["/v1/chat/completions"],
               "input_cost_per_token": 3e-06, "output_cost_per_token": 1e-05, "search_context_cost_per_query": {"search_context_size_medium": 0.035},
               "output_cost_per_image": None, "vector_store_cost_per_gb_per_day": 0.1},
    "azure/gpt-4o": {"litellm_provider": "azure", "input_cost_per_token": 9e-06, "output_cost_per_token": 9e-06},
    "m": {"litellm_provider": "groq", "input_cost_per_token": 8e-06, "output_cost_per_token": 8e-06},
}
SMALL = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}


def with_table(sluice, tmp_path, up, table, models=None, name="gpt-4o", args=()):
    path = tmp_path / "prices.json"
    path.write_text(table if isinstance(table, str) else json.dumps(table, indent=4))
    section = {"file": str(path)} | ({"models": models} if models else {})
    config = {"openai_api_key": "k", "openai_api_base": up.base}
    route = {"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "openai", "name": name, "config": config}}
    return sluice({"endpoints": [route], "prices": section, "upstream": {"allow": ["127.0.0.0/8"]}}, args=args), path


def ask_cost(daemon, route="chat"):
    r = daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route}, JSON)
    assert r.status == 200, r.body
    return r.get("x-sluice-cost")


def test_the_public_table_loads_as_it_stands(sluice, upstream, tmp_path):
    up = upstream(openai_upstream(SMALL))
    daemon, _ = with_table(sluice, tmp_path, up, PUBLIC)
    assert ask_cost(daemon) == "0.0004"
    daemon, _ = with_table(sluice, tmp_path, up, PUBLIC, name="m")
    assert ask_cost(daemon) is None  # of another provider
    daemon, _ = with_table(sluice, tmp_path, up, PUBLIC, {"openai/gpt-4o": {"output_cost_per_token": "2e-05"}})
    assert ask_cost(daemon) == "0.0005"  # field by field


def test_a_model_of_the_shipped_table_has_a_price(sluice, upstream):
    daemon = start(sluice, upstream(openai_upstream(USAGE)), prices=None, name="gpt-4o")
    assert ask_cost(daemon) == "0.0027625"


def test_a_new_table_holds_for_all_routes_when_it_is_read(sluice, upstream, tmp_path):
    up = upstream(openai_upstream(SMALL))
    daemon, path = with_table(sluice, tmp_path, up, PUBLIC, args=("--data", str(tmp_path / "data")))
    create(daemon, {"name": "made", "route_type": "llm/v1/chat",
                    "model": {"provider": "openai", "name": "gpt-4o", "openai_config": {"openai_api_key": "k", "openai_api_base": up.base}}})
    assert (ask_cost(daemon), ask_cost(daemon, "made")) == ("0.0004", "0.0004")
    path.write_text(json.dumps({"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}}))
    says(daemon, "a new configuration is in force")
    assert (ask_cost(daemon), ask_cost(daemon, "made")) == ("0.00011", "0.00011")
    path.write_text('{"gpt-4o": {"input_cost_per_token"')
    says(daemon, "is refused")
    assert re.search(r"prices\.json:1:\d+: .*is no price table in JSON: .*; is the file complete\?", daemon.stderr), daemon.stderr
    assert (ask_cost(daemon), ask_cost(daemon, "made")) == ("0.00011", "0.00011")


# --- by the piece ---


def by_piece(sluice, up, kind, models, name):
    path = {"images": "llm/v1/images", "speech": "llm/v1/speech"}[kind]
    config = {"openai_api_key": "k", "openai_api_base": up.base}
    return sluice({"endpoints": [{"name": "x", "endpoint_type": path, "model": {"provider": "openai", "name": name, "config": config}}],
                   "prices": {"models": models}, "upstream": {"allow": ["127.0.0.0/8"]}})


IMAGES = {"openai/dall-e": {"output_cost_per_image": 0.02}, "openai/1024-x-1792/dall-e": {"input_cost_per_image": 0.08},
          "openai/hd/1024-x-1792/dall-e": {"input_cost_per_image": 0.12}, "openai/256-x-256/dall-e": {"input_cost_per_pixel": 1e-06}}


@pytest.mark.parametrize("asked, cost", [
    ({}, 0.02), ({"n": 3}, 0.06), ({"size": "1024x1024", "n": 2}, 0.04), ({"size": "1024x1792"}, 0.08), ({"size": "1024x1792", "quality": "hd", "n": 2}, 0.24),
    ({"size": "1024x1792", "quality": "low"}, 0.08), ({"size": "256x256", "n": 2}, 0.131072), ({"size": "auto"}, 0.02),
], ids=str)
def test_images_by_the_piece(sluice, upstream, asked, cost):
    up = upstream(lambda ex: ex.reply({"created": 1, "data": [{"url": "https://x"}] * ex.json().get("n", 1)}))
    daemon = by_piece(sluice, up, "images", IMAGES, "dall-e")
    r = daemon.call("POST", "/v1/images/generations", {"model": "x", "prompt": "a cat", **asked}, JSON)
    assert r.status == 200, r.body
    assert daemon.log_lines(1)[-1]["cost"] == pytest.approx(cost)


def edit_form(fields):
    """A form of images in the order of `fields`; a value of bytes is a file."""
    parts = []
    for name, value in fields:
        more, value = ('; filename="a.png"', value) if isinstance(value, bytes) else ("", value.encode())
        parts.append(f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n")
    return b"".join(parts) + b"--b--\r\n"


def edit(daemon, *fields, path="edits"):
    body = edit_form([("model", "x"), *fields])
    return daemon.call("POST", f"/v1/images/{path}", body, [("Content-Type", "multipart/form-data; boundary=b")])


IMAGE = ("image", b"\x89PNG" * 20_000)


@pytest.mark.parametrize("fields, cost", [
    ((IMAGE,), 0.02), ((("n", "3"), IMAGE), 0.06), ((IMAGE, ("n", "10")), 0.2), ((IMAGE, ("size", "1024x1792"), ("quality", "hd"), ("n", "2")), 0.24),
    ((("size", "auto"), IMAGE), 0.02), ((("size", "256x256"), IMAGE, ("n", "2")), 0.131072),
], ids=lambda v: "-".join(n for n, _ in v) if isinstance(v, tuple) else str(v))
@pytest.mark.parametrize("path", ["edits", "variations"])
def test_images_of_a_form_by_the_piece(sluice, upstream, path, fields, cost):
    """Its fields count wherever they stand: behind the file, too."""
    daemon = by_piece(sluice, upstream(lambda ex: ex.reply({"created": 1, "data": [{"url": "https://x"}]})), "images", IMAGES, "dall-e")
    r = edit(daemon, *fields, path=path)
    assert r.status == 200, r.body
    assert daemon.log_lines(1)[-1]["cost"] == pytest.approx(cost)


@pytest.mark.parametrize("fields, what", [
    ((("n", "many"), IMAGE), "whole number"), ((IMAGE, ("n", "1.5")), "whole number"), ((("n", ""), IMAGE), "whole number"), ((("n", "0"), IMAGE), "whole number"),
    ((("n", "1"), IMAGE, ("n", "10")), "two parts `n`"), ((("n", b"10"), IMAGE), "is a file"), ((("n", "1" * 300), IMAGE), "longer than 256 bytes"),
], ids=["word", "part", "empty", "none", "twice", "file", "long"])
def test_a_form_whose_number_of_images_cannot_be_read_is_refused(sluice, upstream, fields, what):
    daemon = by_piece(sluice, upstream(lambda ex: ex.reply({"created": 1, "data": []})), "images", IMAGES, "dall-e")
    r = edit(daemon, *fields)
    assert (r.status, r.json()["error"]["param"]) == (400, "n") and what in r.json()["error"]["message"], r.body
    assert "cost" not in daemon.log_lines(1)[-1]


@pytest.mark.parametrize("n", ["10", 1.5, 0, -1, 1001, [2], True], ids=repr)
def test_a_number_of_images_that_is_none_is_refused(sluice, upstream, n):
    up = upstream(lambda ex: ex.reply({"created": 1, "data": []}))
    daemon = by_piece(sluice, up, "images", IMAGES, "dall-e")
    r = daemon.call("POST", "/v1/images/generations", {"model": "x", "prompt": "a cat", "n": n}, JSON)
    assert (r.status, r.json()["error"]["param"]) == (400, "n") and "whole number from 1 to 1000" in r.json()["error"]["message"], r.body
    assert not up.requests
    assert daemon.call("POST", "/v1/images/generations", {"model": "x", "prompt": "a cat", "n": None}, JSON).status == 200


def test_check_knows_prices_by_size(tmp_path):
    """A model whose images have a price by their size only is no model without a price."""
    def said(prices):
        path = tmp_path / "c.yaml"
        path.write_text(json.dumps({"endpoints": [{"name": "x", "endpoint_type": "llm/v1/images", "model": {"provider": "openai", "name": "dall-e", "config": {"openai_api_key": "k"}}}],
                                    "prices": {"models": prices}}))
        return subprocess.run([BIN, "check", "-c", str(path)], capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"]}).stdout

    assert "no price is known for x (openai/dall-e)" in said({"openai/1024-x-1024/dall-e-2": {"output_cost_per_image": 1}})
    assert "no price is known" not in said({"openai/1024-x-1024/dall-e": {"output_cost_per_image": 1}})


def test_images_that_were_not_made_cost_nothing(sluice, upstream):
    up = upstream(lambda ex: ex.reply({"error": {"message": "no"}}, "400 Bad"))
    daemon = by_piece(sluice, up, "images", IMAGES, "dall-e")
    assert daemon.call("POST", "/v1/images/generations", {"model": "x", "prompt": "a cat"}, JSON).status == 400
    assert "cost" not in daemon.log_lines(1)[-1]


def test_speech_by_characters(sluice, upstream):
    up = upstream(lambda ex: ex.reply(b"RIFF" * 10, content_type="audio/wav"))
    daemon = by_piece(sluice, up, "speech", {"openai/tts": {"input_cost_per_character": 1.5e-05}}, "tts")
    for text, n in (("hello", 5), ("gr\u00fc\u00df\U0001f600", 5)):
        r = daemon.call("POST", "/v1/audio/speech", {"model": "x", "input": text, "voice": "alloy"}, JSON)
        assert r.status == 200, r.body
    assert [line["cost"] for line in daemon.log_lines(2)] == [pytest.approx(5 * 1.5e-05)] * 2


def test_searches_by_their_size(sluice, upstream):
    """The size is the one that was asked for; medium where none was."""
    prices = {"input_cost_per_token": 0, "output_cost_per_token": 0, "search_context_cost_per_query": {
        "search_context_size_low": 0.03, "search_context_size_medium": 0.035, "search_context_size_high": 0.05}}
    usage = {"input_tokens": 5, "output_tokens": 5, "server_tool_use": {"web_search_requests": 2}}
    daemon = start(sluice, upstream(anthropic_upstream(usage)), prices=prices, provider="anthropic")
    for n, (size, cost) in enumerate((("low", 0.06), ("medium", 0.07), ("high", 0.1), (None, 0.07))):
        r = daemon.call("POST", "/v1/chat/completions", {**CHAT, **({"web_search_options": {"search_context_size": size}} if size else {})}, JSON)
        assert r.status == 200, r.body
        assert daemon.log_lines(n + 1)[-1]["cost"] == pytest.approx(cost), size


def test_factors(sluice, upstream):
    """As the reply says where it was made, and how."""
    prices = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "provider_specific_entry": {"us": 1.1, "fast": 6.0}}
    for more, factor in (({}, 1), ({"inference_geo": "us"}, 1.1), ({"inference_geo": "us", "speed": "fast"}, 6.6), ({"inference_geo": "global"}, 1)):
        daemon = start(sluice, upstream(anthropic_upstream({"input_tokens": 600, "output_tokens": 400, **more})), prices=prices, provider="anthropic")
        assert daemon.call("POST", "/v1/chat/completions", CHAT, JSON).status == 200
        assert daemon.log_lines(1)[-1]["cost"] == pytest.approx(0.001 * factor), more


# --- large tables ---


def test_a_table_of_50_mb(sluice, upstream, tmp_path):
    """It is read in a bounded time, takes no more memory than a few times its size, and a reload gives that back."""
    up = upstream(openai_upstream(SMALL))
    entry = json.dumps({"litellm_provider": "openai", "mode": "chat", "max_tokens": 8192, "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "source": "https://x.example/" + "y" * 300})
    n = 50 * 1000 * 1000 // (len(entry) + 20)
    table = '{"gpt-4o": {"litellm_provider": "openai", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},' + ",".join(f'"model-{i}": {entry}' for i in range(n)) + "}"
    assert 49_000_000 < len(table) < 51_000_000
    daemon, path = with_table(sluice, tmp_path, up, table)
    before = time.monotonic()
    assert ask_cost(daemon) == "0.00011"
    peak = int(next(line for line in open(f"/proc/{daemon.proc.pid}/status") if line.startswith("VmHWM")).split()[1]) * 1024
    assert SANITIZED or peak < 400 << 20, peak
    # Calls go on while another one is read, and a half file changes nothing.
    path.write_text(table.replace("1e-06", "3e-06", 1))
    daemon.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: ask_cost(daemon) == "0.00031", "the new prices", deadline=60)
    assert time.monotonic() - before < 60
    path.write_text(table[:len(table) // 2])
    daemon.proc.send_signal(signal.SIGHUP)
    says(daemon, "is no price table in JSON")
    assert ask_cost(daemon) == "0.00031"
    assert SANITIZED or daemon.rss() < 600 << 20


def test_a_table_beyond_64_mib_is_refused(tmp_path):
    done = check(tmp_path, "{" + " " * (64 << 20) + "}")
    assert done.returncode == 1 and "prices.json" in done.stderr and "64" in done.stderr, done.stderr


def check(tmp_path, table, models=None, name="gpt-4o", *args):
    path = tmp_path / "prices.json"
    path.write_text(table if isinstance(table, str) else json.dumps(table, indent=1))
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps({
        "endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "openai", "name": name, "config": {"openai_api_key": "k"}}}],
        "prices": {"file": "prices.json"} | ({"models": models} if models else {})}))
    return subprocess.run([BIN, "check", "-c", str(file), *args], capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"]})


@pytest.mark.parametrize("table, models, where, what", [
    ('{\n "gpt-4o": {\n  "input_cost_per_token": 1e-6,\n', None, "prices.json:4:1", "is no price table in JSON"),
    ("[]", None, "prices.json:1:1", "a price table is one JSON object"),
    ('{\n "a": {},\n "gpt-4o":\n  {"input_cost_per_token": -1}}', None, "prices.json:4:3", "gpt-4o: input_cost_per_token must be a price in US dollars like 2.5e-06, from 0 to 1e+06, not -1"),
    ('{"gpt-4o": 5}', None, "prices.json:1:12", "gpt-4o: must be a map from names of prices to US dollars, not a number"),
    ({}, {"openai/m": {"input_cost": 1e-06}}, "c.yaml:1:", 'openai/m: "input_cost" is no price that calls are paid by'),
    ({}, {"openai/m": 5}, "c.yaml:1:", "openai/m: must be a map from names of prices to US dollars, not a number"),
])
def test_a_bad_table_is_refused_with_its_line(tmp_path, table, models, where, what):
    done = check(tmp_path, table, models)
    assert (done.returncode, f"{where}" in done.stderr, what in done.stderr) == (1, True, True), done.stderr


def test_a_missing_table_is_named(tmp_path):
    done = check(tmp_path, {})
    os.unlink(tmp_path / "prices.json")
    done = subprocess.run([BIN, "check", "-c", str(tmp_path / "c.yaml")], capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 1 and "prices.json" in done.stderr and "prices.file" in done.stderr, done.stderr


def test_check_says_what_has_no_price_and_what_is_not_used(tmp_path):
    done = check(tmp_path, PUBLIC, None, "gpt-9")
    assert done.returncode == 0, done.stderr
    assert "note: no price is known for chat (openai/gpt-9)" in done.stdout
    assert "note: prices that no call is paid by: vector_store_cost_per_gb_per_day" in done.stdout
    assert "1 route, 0 warnings: ok" in done.stdout
    assert "no price is known" not in check(tmp_path, PUBLIC).stdout


# --- balance: cheapest ---

def target(base, name, model):
    return {"name": name, "model": {"provider": "openai", "name": model, "config": {"openai_api_key": "k", "openai_api_base": base}}}


def test_the_cheapest_target_is_asked_also_after_a_new_table(sluice, upstream, tmp_path):
    base = upstream(openai_upstream(SMALL)).base
    path = tmp_path / "prices.json"

    def table(**dollars):
        path.write_text(json.dumps({m: {"input_cost_per_token": d, "output_cost_per_token": d} for m, d in dollars.items()}))

    def asked(route):
        return daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route}, JSON).get("x-sluice-target")

    table(m1=2e-06, m2=1e-06)
    policy = {"balance": "cheapest", "targets": [target(base, f"t{i}", f"m{i}") for i in (3, 1, 2)]}
    daemon = sluice({"endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "sluice": policy}], "prices": {"file": str(path)},
                     "upstream": {"allow": ["127.0.0.0/8"]}}, args=("--data", str(tmp_path / "data")))
    create(daemon, {"name": "made", "route_type": "llm/v1/chat", "sluice": policy})
    assert [asked(r) for r in ("chat", "made") for _ in range(3)] == ["t2"] * 6
    table(m1=2e-06, m2=3e-06)
    says(daemon, "a new configuration is in force")
    assert [asked(r) for r in ("chat", "made") for _ in range(3)] == ["t1"] * 6
    assert 'no price is known for the target "t3", so it is asked last' in daemon.stderr


def test_a_table_that_is_wrong_everywhere_is_refused_at_once(tmp_path):
    table = "{\n" + ",\n".join(f'"m{i}": {{"input_cost_per_token": -1}}' for i in range(300000)) + "}"
    done = check(tmp_path, table)
    assert done.returncode == 1 and "prices.json:2:" in done.stderr and "300000 errors" in done.stderr, done.stderr[-300:]

# SPDX-License-Identifier: Apache-2.0
"""A Cohere that refuses what Cohere refuses: unknown members, numbers outside its ranges, empty messages, calls without
their results, names of tools outside its alphabet, a form of the answer beside tools. It answers good calls by a plan:
a list of messages, one for each call."""
import json
import re

from upstream import pieces

FIELDS = {
    "chat": {"model", "messages", "stream", "tools", "strict_tools", "tool_choice", "documents", "citation_options", "response_format", "safety_mode", "max_tokens",
             "stop_sequences", "temperature", "seed", "frequency_penalty", "presence_penalty", "k", "p", "logprobs", "thinking", "priority"},
    "system": {"role", "content"}, "user": {"role", "content"}, "tool": {"role", "tool_call_id", "content"},
    "assistant": {"role", "content", "tool_plan", "tool_calls", "citations"},
    "text": {"type", "text"}, "thinking": {"type", "thinking"}, "image_url": {"type", "image_url"}, "document": {"type", "document"},
}
PARTS = {"system": {"text"}, "user": {"text", "image_url"}, "assistant": {"text", "thinking"}, "tool": {"text", "document"}}
RANGES = {"temperature": (0, 1), "p": (0.01, 0.99), "k": (0, 500), "frequency_penalty": (0, 1), "presence_penalty": (0, 1)}
BOUNDS = {"minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "multipleOf", "allOf", "oneOf", "not"}
NAME = re.compile(r"\w+", re.A)


class Refused(Exception):
    pass


def known(value, kind):
    for key in value:
        if key not in FIELDS[kind]:
            raise Refused(f"invalid request: unknown field '{key}' in {kind}")


def check_schema(value):
    if isinstance(value, dict):
        if BOUNDS & value.keys():
            raise Refused(f"invalid json_schema: {sorted(BOUNDS & value.keys())[0]} is not supported")
        for inner in value.values():
            check_schema(inner)
    elif isinstance(value, list):
        for inner in value:
            check_schema(inner)


def check_tools(body):
    for tool in body.get("tools", []):
        function = tool.get("function", {})
        if tool.get("type") != "function" or set(tool) - {"type", "function"} or set(function) - {"name", "description", "parameters"}:
            raise Refused("invalid request: not a tool")
        if not NAME.fullmatch(function.get("name", "")):
            raise Refused("invalid request: tool names can only contain certain characters (A-Za-z0-9_)")
        if function.get("parameters", {}).get("type") != "object":
            raise Refused("invalid request: parameters must be an object")
    if body.get("tools") == [] or body.get("tool_choice", "NONE") not in ("NONE", "REQUIRED") or ("tool_choice" in body and not body.get("tools")):
        raise Refused("invalid request: tool_choice")
    form = body.get("response_format")
    if form and (body.get("tools") or body.get("documents") or form.get("type") not in ("text", "json_object")):
        raise Refused("invalid request: response_format is not supported with tools or documents")
    if form and "json_schema" in form:
        if form["json_schema"].get("type") != "object":
            raise Refused("invalid json_schema: the root must be an object")
        check_schema(form["json_schema"])


def check_message(message):
    role = message.get("role")
    if role not in PARTS:
        raise Refused(f"invalid request: role {role}")
    known(message, role)
    content, calls = message.get("content"), message.get("tool_calls")
    if calls:
        for call in calls:
            if not isinstance(json.loads(call["function"]["arguments"]), dict) or not call["id"] or not NAME.fullmatch(call["function"]["name"]):
                raise Refused("invalid request: tool_calls")
    elif not content and role != "tool":
        raise Refused("invalid request: message must be at least 1 token long or tool results must be specified.")
    for part in content if isinstance(content, list) else []:
        if part.get("type") not in PARTS[role]:
            raise Refused(f"invalid request: {part.get('type')} in a message of role {role}")
        known(part, part["type"])
        if part.get("text") == "":
            raise Refused("invalid request: a text is empty")


def check(body):
    known(body, "chat")
    open_calls = []
    for message in body["messages"]:
        check_message(message)
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise Refused(f"invalid request: tool call id not found in previous tool calls: {message['tool_call_id']}")
            open_calls.remove(message["tool_call_id"])
        elif open_calls:
            raise Refused("invalid request: tool calls without results")
        open_calls += [c["id"] for c in message.get("tool_calls", [])]
    if open_calls or not any(m["role"] == "user" for m in body["messages"]):
        raise Refused("invalid request: the conversation has no turn to answer")
    for key, (low, high) in RANGES.items():
        if not low <= body.get(key, low) <= high:
            raise Refused(f"invalid request: {key} must be between {low} and {high}")
    if len(body.get("stop_sequences", [])) > 5:
        raise Refused("invalid request: at most 5 stop_sequences")
    if "thinking" in body and "reasoning" not in body["model"]:
        raise Refused("invalid request: this model does not think")
    check_tools(body)


RERANK = {"model", "query", "documents", "top_n", "max_tokens_per_doc", "priority"}


def check_rerank(body):
    for key in body:
        if key not in RERANK:
            raise Refused(f"invalid request: unknown field '{key}' in rerank")
    if not body.get("query") or not isinstance(body.get("documents"), list) or not body["documents"] or not all(isinstance(d, str) for d in body["documents"]):
        raise Refused("invalid request: query must be a text and documents a list of texts")
    if not body["model"].startswith("rerank-"):
        raise Refused(f"model '{body['model']}' not found")
    if not 1 <= body.get("top_n", 1):
        raise Refused("invalid request: top_n must be at least 1")


def ranked(body):
    """The longest document first."""
    order = sorted(range(len(body["documents"])), key=lambda i: -len(body["documents"][i]))[:body.get("top_n")]
    return {"id": "rr", "results": [{"index": i, "relevance_score": 1 / (n + 1)} for n, i in enumerate(order)],
            "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1, "input_tokens": 9}}}


class Cohere:
    """An upstream's handler. `plan`: the messages that answer the calls in turn."""

    def __init__(self, plan):
        self.plan = list(plan)
        self.bodies = []

    def events(self, message):
        yield {"type": "message-start", "id": f"r{len(self.bodies)}", "delta": {"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}}}
        for piece in message.get("tool_plan", ""):
            yield {"type": "tool-plan-delta", "delta": {"message": {"tool_plan": piece}}}
        for i, part in enumerate(message.get("content", [])):
            kind = part["type"]
            yield {"type": "content-start", "index": i, "delta": {"message": {"content": {"type": kind, kind: ""}}}}
            for piece in part[kind]:
                yield {"type": "content-delta", "index": i, "delta": {"message": {"content": {kind: piece}}}}
            yield {"type": "content-end", "index": i}
        for i, call in enumerate(message.get("tool_calls", [])):
            whole = call["function"]["arguments"]
            yield {"type": "tool-call-start", "index": i, "delta": {"message": {"tool_calls": {**call, "function": {**call["function"], "arguments": ""}}}}}
            for piece in pieces(whole, 3):
                yield {"type": "tool-call-delta", "index": i, "delta": {"message": {"tool_calls": {"function": {"arguments": piece}}}}}
            yield {"type": "tool-call-end", "index": i}

    def __call__(self, x):
        body = x.json()
        try:
            if x.path not in ("/v2/chat", "/v2/rerank") or not (x.get("authorization") or "").startswith("Bearer "):
                raise Refused(f"no such call: {x.path}")
            if x.path == "/v2/rerank":
                check_rerank(body)
                x.reply(ranked(body))
                return
            check(body)
        except Refused as e:
            x.reply({"id": "e", "message": str(e)}, "400 Bad Request")
            return
        self.bodies.append(body)
        message = self.plan.pop(0)
        end = {"finish_reason": "TOOL_CALL" if message.get("tool_calls") else "COMPLETE",
               "usage": {"billed_units": {"input_tokens": 4, "output_tokens": 2}, "tokens": {"input_tokens": 5, "output_tokens": 2}}}
        if not body.get("stream"):
            x.reply({"id": f"r{len(self.bodies)}", "message": {"role": "assistant", **message}, **end})
            return
        x.stream_head()
        for event in [*self.events(message), {"type": "message-end", "delta": end}]:
            x.chunk(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n")
        x.last_chunk()

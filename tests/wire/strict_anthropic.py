# SPDX-License-Identifier: Apache-2.0
"""A Messages API that refuses what the real one refuses for its form, with its texts. `answer(body)` gives the blocks
of the reply and the stop reason; they become a stream if one was asked for. `bodies` has what it saw."""
import base64
import json
import re

# prefix: (the most tokens of an answer, what the model can do and what it refuses)
MODELS = {
    "claude-2": (4096, {"complete"}), "claude-instant": (4096, {"complete"}),
    "claude-3-haiku": (4096, set()), "claude-3-opus": (4096, set()), "claude-3-5": (8192, set()), "claude-3-7": (64000, {"thinking"}),
    "claude-sonnet-4-2025": (64000, {"thinking"}), "claude-opus-4-1": (32000, {"thinking", "one"}),
    "claude-sonnet-4-5": (64000, {"thinking", "one", "schema"}), "claude-haiku-4-5": (64000, {"thinking", "one", "schema"}),
    "claude-opus-4-5": (64000, {"thinking", "one", "schema", "effort"}),
    "claude-sonnet-4-6": (128000, {"thinking", "adaptive", "one", "schema", "effort", "no_prefill"}),
    "claude-opus-4-6": (128000, {"thinking", "adaptive", "one", "schema", "effort", "no_prefill"}),
    "claude-opus-4-7": (128000, {"adaptive", "fixed", "schema", "effort", "no_prefill"}),
}
MEMBERS = {"model", "messages", "max_tokens", "system", "metadata", "stop_sequences", "stream", "temperature", "top_p", "top_k", "tools", "tool_choice",
           "thinking", "output_config", "service_tier", "cache_control", "container", "inference_geo", "context_management", "mcp_servers"}
WORDS = {"type", "properties", "required", "additionalProperties", "items", "anyOf", "allOf", "enum", "const", "default", "description", "title", "format",
         "pattern", "minItems", "$ref", "$defs", "definitions"}
FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
HEADS = {"image/jpeg": b"\xff\xd8", "image/png": b"\x89PNG", "image/gif": b"GIF8", "image/webp": b"RIFF"}


NO_THREADS = {"error_code": "thread_unsupported_request", "unsupported": ["hipaa"]}  # for an organisation whose conversations must not be kept


class Refused(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Refused(text)


def can(model):
    prefix = max((p for p in MODELS if model.startswith(p)), key=len, default=None)
    need(prefix, f"model: {model}")
    return MODELS[prefix]


def blocks(content):
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def check_text(where, text):
    need(text, f"{where}: text content blocks must be non-empty")
    need(text.strip(), f"{where}: text content blocks must contain non-whitespace text")


def check_image(where, source):
    if source["type"] == "url":
        need(source["url"].lower().startswith("https://"), f"{where}.source: Only HTTPS URLs are supported.")
        return
    need(source["media_type"] in HEADS, f"{where}.source.base64.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'")
    need(len(source["data"]) <= 5 << 20, f"{where}.source.base64: image exceeds 5 MB maximum: {len(source['data'])} bytes > 5242880 bytes")
    data = base64.b64decode(source["data"])
    need(data.startswith(HEADS[source["media_type"]]), f"{where}.source.base64.data: Image does not match the provided media type {source['media_type']}")


def check_block(where, block, seen):
    kind = block["type"]
    if kind == "text":
        check_text(where, block["text"])
    elif kind == "image":
        check_image(where, block["source"])
    elif kind == "tool_use":
        need(re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]), f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        need(re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", block["name"]), f"{where}.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        need(isinstance(block["input"], dict), f"{where}.tool_use.input: Input should be a valid dictionary")
        need(block["id"] not in seen, "messages: `tool_use` ids must be unique")
        seen.add(block["id"])
    elif kind == "tool_result":
        for i, b in enumerate(blocks(block.get("content", []))):
            if not (isinstance(block["content"], str) and not block["content"]):
                check_block(f"{where}.content.{i}", b, seen)
    elif kind == "thinking":
        need(block.get("signature"), f"{where}.thinking.signature: Field required")


def check_results(messages):
    for i, message in enumerate(messages):
        content = blocks(message["content"])
        calls = {b["id"] for b in content if b["type"] == "tool_use"}
        after = blocks(messages[i + 1]["content"]) if i + 1 < len(messages) else []
        results = [b["tool_use_id"] for b in after if b["type"] == "tool_result"]
        missing = calls - set(results)
        need(not missing or i + 1 == len(messages), f"messages.{i}: `tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}")
        need(len(results) == len(set(results)), f"messages.{i + 1}: each tool_use must have a single result. Found multiple `tool_result` blocks")
        kinds = [b["type"] == "tool_result" for b in content]
        need(kinds == sorted(kinds, reverse=True), f"messages.{i}: `tool_result` blocks must come first")
        before = {b["id"] for b in blocks(messages[i - 1]["content"]) if b["type"] == "tool_use"} if i else set()
        for b in content:
            need(b["type"] != "tool_result" or b["tool_use_id"] in before,
                 f"messages.{i}.content.0: unexpected `tool_use_id` found in `tool_result` blocks: {b.get('tool_use_id')}")


def check_messages(body):
    messages, seen = body["messages"], set()
    need(messages, "messages: at least one message is required")
    need(messages[0]["role"] == "user", 'messages: first message must use the "user" role')
    for i, message in enumerate(messages):
        need(message["role"] in ("user", "assistant"), f"messages.{i}.role: Input should be 'user' or 'assistant'")
        need(message["content"], f"messages.{i}: all messages must have non-empty content except for the optional final assistant message")
        for j, block in enumerate(blocks(message["content"])):
            check_block(f"messages.{i}.content.{j}", block, seen)
    check_results(messages)
    last = blocks(messages[-1]["content"])[-1]
    if messages[-1]["role"] == "assistant" and last["type"] == "text":
        need(last["text"] == last["text"].rstrip(), "messages: final assistant content cannot end with trailing whitespace")


def check_schema(where, schema):
    for word in schema:
        need(word in WORDS, f"{where}: For '{schema.get('type')}' type, property '{word}' is not supported")
    need("type" in schema or "anyOf" in schema or "$ref" in schema or "allOf" in schema, f"{where}: Schema type is missing")
    if schema.get("type") == "object":
        need(schema.get("additionalProperties") is False, f"{where}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    need(schema.get("format", "uuid") in FORMATS, f"{where}: For 'string' type, '{schema.get('format')}' is not a supported format")
    need(schema.get("minItems", 0) in (0, 1), f"{where}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    for key in ("properties", "$defs", "definitions"):
        for name, inner in schema.get(key, {}).items():
            check_schema(f"{where}.{name}", inner)
    for key in ("anyOf", "allOf"):
        for inner in schema.get(key, []):
            check_schema(where, inner)
    if isinstance(schema.get("items"), dict):
        check_schema(f"{where}.items", schema["items"])


def check_tools(body):
    names = set()
    for i, tool in enumerate(body.get("tools", [])):
        where = f"tools.{i}.custom"
        need(re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", tool["name"]), f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        need(tool["name"] not in names, "tools: Tool names must be unique.")
        names.add(tool["name"])
        schema = tool["input_schema"]
        need("type" in schema, f"{where}.input_schema.type: Field required")
        need(schema["type"] == "object", f"{where}.input_schema.type: Input should be 'object'")
        need(not {"anyOf", "oneOf", "allOf"} & set(schema), f"{where}.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level")
        if tool.get("strict"):
            check_schema(f"{where}.input_schema", schema)
    choice = body.get("tool_choice")
    if choice:
        need(names, "tool_choice: may only be specified while providing tools")
        need(choice["type"] != "tool" or choice["name"] in names, f"Tool '{choice.get('name')}' not found in provided tools")


def check_thinking(body, features):
    thinking = body.get("thinking", {"type": "disabled"})
    if thinking["type"] == "disabled":
        return
    if thinking["type"] == "adaptive":
        need("adaptive" in features, "adaptive thinking is not supported on this model")
    else:
        need("thinking" in features, "thinking.type.enabled: this model does not support it")
        need(thinking["budget_tokens"] >= 1024, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        need(body["max_tokens"] > thinking["budget_tokens"], "`max_tokens` must be greater than `thinking.budget_tokens`.")
    need(body.get("temperature", 1) == 1, "`temperature` may only be set to 1 when thinking is enabled.")
    need(0.95 <= body.get("top_p", 1) <= 1, "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.")
    need("top_k" not in body, "`top_k` must be unset when thinking is enabled.")
    need(body.get("tool_choice", {"type": "auto"})["type"] in ("auto", "none"), "Thinking may not be enabled when tool_choice forces tool use.")
    need(body["messages"][-1]["role"] == "user", "messages: `thinking` does not go with a prefill")
    if thinking["type"] == "enabled" and any(b["type"] == "tool_result" for b in blocks(body["messages"][-1]["content"])):
        turn = []
        for message in reversed(body["messages"]):
            if message["role"] == "assistant":
                turn.append(blocks(message["content"])[0]["type"])
            elif not any(b["type"] == "tool_result" for b in blocks(message["content"])):
                break
        need({turn[0], turn[-1]} & {"thinking", "redacted_thinking"},
             f"messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{turn[0]}`. When `thinking` is enabled, a final `assistant` "
             "message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks).")


def check_numbers(body, limit, features):
    need(isinstance(body.get("max_tokens"), int), "max_tokens: Field required")
    need(1 <= body["max_tokens"] <= limit, f"max_tokens: {body['max_tokens']} > {limit}, which is the maximum allowed number of output tokens for {body['model']}")
    need(0 <= body.get("temperature", 1) <= 1, "temperature: range: 0..1")
    if "fixed" in features:
        need(not {"temperature", "top_p", "top_k"} & set(body), "`temperature`, `top_p` and `top_k` are not supported on this model")
    if "one" in features:
        need(not {"temperature", "top_p"} <= set(body), "`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    if "no_prefill" in features:
        need(body["messages"][-1]["role"] == "user", "This model does not support assistant message prefill. The conversation must end with a user message.")


def check_output(body, features):
    config = body.get("output_config", {})
    need("effort" not in config or "effort" in features, "output_config.effort: this model does not support it")
    if "format" in config:
        need("schema" in features, "output_config.format: this model does not support structured outputs")
        check_schema("output_config.format.schema", config["format"]["schema"])


def check_rest(body):
    for key in body:
        need(key in MEMBERS, f"{key}: Extra inputs are not permitted")
    user = body.get("metadata", {}).get("user_id", "")
    need("@" not in user, "metadata.user_id: user_id appears to contain an email address")
    need(not re.fullmatch(r"[\d +().-]{7,}", user), "metadata.user_id: user_id appears to contain a phone number")
    need(len(user) <= 256, "metadata.user_id: String should have at most 256 characters")
    for stop in body.get("stop_sequences", []):
        need(stop.strip(), "stop_sequences: each stop sequence must contain non-whitespace")
    if "system" in body:
        for block in blocks(body["system"]):
            check_text("system", block["text"])
    need(not re.search("[\ud800-\udfff]", json.dumps(body, ensure_ascii=False)), "The request body is not valid JSON: no low surrogate in string: line 1 column 1 (char 0)")


def check(body):
    limit, features = can(body["model"])
    check_rest(body)
    check_messages(body)
    check_tools(body)
    check_numbers(body, limit, features)
    check_thinking(body, features)
    check_output(body, features)


class StrictAnthropic:
    """The handler of an upstream (upstream.py). `bodies`: those that it accepted."""

    def __init__(self, answer=None):
        self.answer = answer or (lambda body: ([{"type": "text", "text": "ok"}], "end_turn"))
        self.bodies = []

    def __call__(self, x):
        body = x.json()
        try:
            need(x.get("x-api-key") and x.get("anthropic-version"), "x-api-key header is required")
            if x.path == "/v1/complete":
                need("complete" in can(body["model"])[1], f"model: {body['model']}")
                need(body["prompt"].startswith("\n\nHuman:") and body["prompt"].endswith("\n\nAssistant:"), 'prompt must start with "\n\nHuman:" turn')
                self.bodies.append(body)
                x.reply({"type": "completion", "id": "compl_1", "completion": " ok", "stop_reason": "stop_sequence", "model": body["model"]})
                return
            need("thread" not in body, "thread: Threads do not support this request")
            check(body)
        except Refused as e:
            error = {"type": "invalid_request_error", "message": str(e), **({"details": NO_THREADS} if "thread" in body else {})}
            x.reply({"type": "error", "error": error, "request_id": "req_1"}, "400 Bad Request")
            return
        self.bodies.append(body)
        content, stop = self.answer(body)
        message = {"id": f"msg_{len(self.bodies)}", "type": "message", "role": "assistant", "model": body["model"], "content": content, "stop_reason": stop,
                   "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 5}}
        if body.get("stream"):
            self.stream(x, message)
        else:
            x.reply(message)

    @staticmethod
    def stream(x, message):
        def event(kind, **members):
            x.chunk(f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n")

        x.stream_head()
        event("message_start", message={**message, "content": [], "stop_reason": None})
        for i, block in enumerate(message["content"]):
            empty = {**block, **{"text": {"text": ""}, "tool_use": {"input": {}}, "thinking": {"thinking": "", "signature": ""}}.get(block["type"], {})}
            event("content_block_start", index=i, content_block=empty)
            if block["type"] == "text":
                event("content_block_delta", index=i, delta={"type": "text_delta", "text": block["text"]})
            elif block["type"] == "tool_use":
                text = json.dumps(block["input"])
                for piece in (text[:3], text[3:]):
                    event("content_block_delta", index=i, delta={"type": "input_json_delta", "partial_json": piece})
            elif block["type"] == "thinking":
                event("content_block_delta", index=i, delta={"type": "thinking_delta", "thinking": block["thinking"]})
                event("content_block_delta", index=i, delta={"type": "signature_delta", "signature": block["signature"]})
            event("content_block_stop", index=i)
        event("message_delta", delta={"stop_reason": message["stop_reason"], "stop_sequence": None}, usage={"output_tokens": 5})
        event("message_stop")
        x.last_chunk()

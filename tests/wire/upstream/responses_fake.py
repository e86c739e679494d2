# SPDX-License-Identifier: Apache-2.0
"""A Responses API that refuses what OpenAI's refuses: unknown members (also those of chats), items of another form,
outputs without their calls and calls without their outputs, reasoning that is not its own or stands alone, schemas that
are not strict. It answers good calls by a plan: a list of outputs (lists of items), one for each call."""
import json
import re

from upstream import pieces

BODY = {"background", "client_metadata", "context_management", "conversation", "include", "input", "instructions", "max_output_tokens", "max_tool_calls", "metadata", "model",
        "parallel_tool_calls", "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning", "safety_identifier",
        "service_tier", "store", "stream", "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user"}
COUNTED = {"model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text", "truncation", "previous_response_id", "conversation"}
FIELDS = {
    "message": {"type", "id", "role", "content", "phase", "status"}, "function_call": {"type", "id", "call_id", "name", "arguments", "status"},
    "function_call_output": {"type", "id", "call_id", "output", "status"}, "reasoning": {"type", "id", "summary", "content", "encrypted_content", "status"},
    "input_text": {"type", "text"}, "input_image": {"type", "image_url", "file_id", "detail"}, "input_file": {"type", "file_data", "file_id", "file_url", "filename"},
    "output_text": {"type", "text", "annotations", "logprobs"}, "refusal": {"type", "refusal"}, "summary_text": {"type", "text"},
    "function": {"type", "name", "description", "parameters", "strict"}, "web_search": {"type", "search_context_size", "user_location", "filters", "external_web_access"}, "namespace": {"type", "name", "description", "tools"},
    "reasoning_config": {"effort", "summary", "mode", "context"}, "text_config": {"format", "verbosity"},
}
NEEDS = {"function_call": {"call_id", "name", "arguments"}, "function_call_output": {"call_id", "output"}, "reasoning": {"summary"}, "function": {"name", "parameters"},
         "input_text": {"text"}, "output_text": {"text"}, "summary_text": {"text"}, "refusal": {"refusal"}, "message": {"role", "content"}}
PARTS = {"user": {"input_text", "input_image", "input_file"}, "system": {"input_text"}, "developer": {"input_text"}, "assistant": {"output_text", "refusal"}}
INCLUDE = {"reasoning.encrypted_content", "message.output_text.logprobs"}
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Refused(Exception):
    def __init__(self, message, param=None, code=None):
        super().__init__(message)
        self.body = {"message": message, "type": "invalid_request_error", "param": param, "code": code}


def known(value, kind, where):
    if not isinstance(value, dict):
        raise Refused(f"Invalid type for '{where}': expected an object.", where, "invalid_type")
    for key in value:
        if key not in FIELDS[kind]:
            raise Refused(f"Unknown parameter: '{where}.{key}'.", f"{where}.{key}", "unknown_parameter")
    for key in NEEDS.get(kind, ()):
        if value.get(key) is None:
            raise Refused(f"Missing required parameter: '{where}.{key}'.", f"{where}.{key}", "missing_required_parameter")


def check_parts(parts, kinds, where):
    if isinstance(parts, str):
        return
    for i, part in enumerate(parts):
        if part.get("type") not in kinds:
            raise Refused(f"Invalid value: '{part.get('type')}'. Supported values are: {sorted(kinds)}.", f"{where}[{i}]", "invalid_value")
        known(part, part["type"], f"{where}[{i}]")
        if part["type"] == "input_file" and "file_data" in part and ("filename" not in part or not part["file_data"].startswith("data:")):
            raise Refused("Expected a base64-encoded data URL and a filename.", f"{where}[{i}]", "invalid_value")


def check_strict(schema, where):
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or sorted(schema.get("required", [])) != sorted(properties):
            raise Refused(f"Invalid schema for function: in context={where}, 'additionalProperties' is required to be supplied and to be false.", where, "invalid_function_parameters")
        for inner in properties.values():
            check_strict(inner, where)


def check_tools(body):
    names = set()
    for i, tool in enumerate(body.get("tools", [])):
        where = f"tools[{i}]"
        if tool.get("type") not in ("function", "web_search", "namespace"):
            raise Refused(f"Invalid value: '{tool.get('type')}'.", f"{where}.type", "invalid_value")
        known(tool, tool["type"], where)
        for inner in tool.get("tools", []):
            known(inner, inner["type"], where)
        if tool["type"] == "function":
            if not NAME.fullmatch(tool["name"]):
                raise Refused(f"Invalid '{where}.name': string does not match pattern.", f"{where}.name", "invalid_value")
            names.add(tool["name"])
            if tool.get("strict", True):
                check_strict(tool["parameters"], where)
    choice = body.get("tool_choice", "auto")
    if isinstance(choice, dict):
        listed = choice.get("tools", [choice])
        if choice["type"] not in ("function", "allowed_tools") or any(set(t) - {"type", "name", "mode", "tools"} or t["name"] not in names for t in listed):
            raise Refused("Tool choice is not one of the tools.", "tool_choice", "invalid_value")
    elif choice not in ("auto", "none", "required") or (choice == "required" and not body.get("tools")):
        raise Refused("Invalid value for tool_choice.", "tool_choice", "invalid_value")


def is_reasoning(model):
    return model.startswith(("o", "gpt-5"))


class Responses:
    def __init__(self, plan=()):
        self.plan, self.bodies, self.closed = list(plan), [], set()

    def check_input(self, items):
        if isinstance(items, str):
            return
        calls, answered, alone = {}, set(), None
        for i, item in enumerate(items):
            where, kind = f"input[{i}]", item.get("type", "message")
            if kind not in ("message", "function_call", "function_call_output", "reasoning"):
                raise Refused(f"Invalid value: '{kind}'.", where, "invalid_value")
            known(item, kind, where)
            if alone and (kind == "function_call_output" or item.get("role", "assistant") != "assistant"):
                raise Refused(f"Item '{alone}' of type 'reasoning' was provided without its required following item.", "input")
            if kind == "message":
                if item["role"] not in PARTS:
                    raise Refused(f"Invalid value: '{item['role']}'.", f"{where}.role", "invalid_value")
                check_parts(item["content"], PARTS[item["role"]], f"{where}.content")
            elif kind == "function_call":
                if not NAME.fullmatch(item["name"]) or not 0 < len(item["call_id"]) <= 64 or not isinstance(json.loads(item["arguments"]), dict):
                    raise Refused("Invalid function call.", where, "invalid_value")
                calls[item["call_id"]] = i
            elif kind == "function_call_output":
                if item["call_id"] not in calls:
                    raise Refused(f"No tool call found for function call output with call_id {item['call_id']}.", "input")
                answered.add(item["call_id"])
                check_parts(item["output"], PARTS["user"], f"{where}.output")
            elif (item.get("id"), item.get("encrypted_content")) not in self.closed:
                raise Refused(f"The encrypted content for item {item.get('id')} could not be verified.", None, "invalid_encrypted_content")
            else:
                check_parts(item["summary"], {"summary_text"}, f"{where}.summary")
            alone = item.get("id") if kind == "reasoning" else None
        if alone:
            raise Refused(f"Item '{alone}' of type 'reasoning' was provided without its required following item.", "input")
        for call in set(calls) - answered:
            raise Refused(f"No tool output found for function call {call}.", "input")

    def count(self, body):
        for key in body:
            if key not in COUNTED:
                raise Refused(f"Unknown parameter: '{key}'.", key, "unknown_parameter")
        return {"object": "response.input_tokens", "input_tokens": 17}

    def check(self, body):
        for key in body:
            if key not in BODY:
                raise Refused(f"Unsupported parameter: '{key}'.", key, "unsupported_parameter" if key in ("messages", "max_tokens") else "unknown_parameter")
        if not body.get("input"):
            raise Refused("Missing required parameter: 'input'.", "input", "missing_required_parameter")
        self.check_input(body["input"])
        check_tools(body)
        reasons = is_reasoning(body["model"])
        if body.get("max_output_tokens", 16) < 16:
            raise Refused("Invalid 'max_output_tokens': integer below minimum value.", "max_output_tokens", "integer_below_min_value")
        if "reasoning" in body and not reasons:
            raise Refused("Unsupported parameter: 'reasoning.effort' is not supported with this model.", "reasoning.effort", "unsupported_parameter")
        if reasons and "temperature" in body:
            raise Refused("Unsupported parameter: 'temperature' is not supported with this model.", "temperature", "unsupported_parameter")
        known(body.get("reasoning", {}), "reasoning_config", "reasoning")
        include = body.get("include", [])
        if set(include) - INCLUDE or ("reasoning.encrypted_content" in include and not reasons):
            raise Refused("Encrypted content is not supported with this model.", "include")
        text = body.get("text", {})
        known(text, "text_config", "text")
        form = text.get("format", {"type": "text"})
        if form["type"] not in ("text", "json_object", "json_schema") or (form["type"] == "json_schema" and not (NAME.fullmatch(form.get("name", "")) and "schema" in form)):
            raise Refused("Missing required parameter: 'text.format.name'.", "text.format.name", "missing_required_parameter")
        if form["type"] == "json_object" and "json" not in json.dumps([i.get("content") for i in body["input"]]).lower():
            raise Refused("Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.", "input")

    def output_of(self, body):
        """The next output of the plan, with ids; reasoning is closed if that is asked for."""
        output = []
        for i, item in enumerate(self.plan.pop(0)):
            n = f"{len(self.bodies)}{i}"
            if item["type"] == "reasoning" and "reasoning.encrypted_content" in body.get("include", []):
                item = {"id": f"rs_{n}", **item, "encrypted_content": f"gAAAA{n}=="}
                self.closed.add((item["id"], item["encrypted_content"]))
            output.append({"id": f"{item['type'][:2]}_{n}", "status": "completed", **item})
        return output

    @staticmethod
    def events(output):
        for i, item in enumerate(output):
            at = {"item_id": item["id"], "output_index": i}
            hollow = {k: v for k, v in item.items() if k != "encrypted_content"} | {"status": "in_progress"}
            hollow |= {k: [] if k != "arguments" else "" for k in ("content", "summary", "arguments") if k in item}
            yield {"type": "response.output_item.added", "output_index": i, "item": hollow}
            for j, part in enumerate(item.get("summary", [])):
                for piece in re.findall(r".{1,4}", part["text"]):
                    yield {"type": "response.reasoning_summary_text.delta", **at, "summary_index": j, "delta": piece}
            for j, part in enumerate(item.get("content", [])):
                kind = "refusal" if part["type"] == "refusal" else "output_text"
                yield {"type": "response.content_part.added", **at, "content_index": j, "part": part}
                for piece in re.findall(r".{1,3}", part.get("text") or part.get("refusal")):
                    yield {"type": f"response.{kind}.delta", **at, "content_index": j, "delta": piece}
                for k, annotation in enumerate(part.get("annotations", [])):
                    yield {"type": "response.output_text.annotation.added", **at, "content_index": j, "annotation_index": k, "annotation": annotation}
                yield {"type": "response.content_part.done", **at, "content_index": j, "part": part}
            for piece in pieces(item.get("arguments", ""), 5):
                yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}
            if "arguments" in item:
                yield {"type": "response.function_call_arguments.done", **at, "arguments": item["arguments"]}
            yield {"type": "response.output_item.done", "output_index": i, "item": item}

    def __call__(self, x):
        body = x.json()
        try:
            if x.path == "/v1/responses/input_tokens":
                x.reply(self.count(body))
                return
            assert x.path == "/v1/responses", x.path
            self.check(body)
        except Refused as e:
            x.reply({"error": e.body}, "400 Bad Request")
            return
        self.bodies.append(body)
        base = {"id": f"resp_{len(self.bodies)}", "object": "response", "created_at": 1767225600, "model": body["model"], "error": None, "incomplete_details": None}
        end = {**base, "status": "completed", "output": self.output_of(body),
               "usage": {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 1}, "output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 7}}
        if not body.get("stream"):
            x.reply(end)
            return
        x.stream_head()
        begin = {**base, "status": "in_progress", "output": [], "usage": None}
        events = [{"type": "response.created", "response": begin}, {"type": "response.in_progress", "response": begin}, *self.events(end["output"]), {"type": "response.completed", "response": end}]
        for n, event in enumerate(events):
            x.chunk(f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': n})}\n\n")
        x.last_chunk()

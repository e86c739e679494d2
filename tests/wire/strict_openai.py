# SPDX-License-Identifier: Apache-2.0
"""Chat APIs of OpenAI's language that refuse what the real ones refuse for its form: a table of rules, one row for each
host. `answer(body)` gives the message of the reply and its finish reason; they become a stream if one was asked for.
`bodies` has what it saw."""
import json
import re

from upstream import pieces


class Refused(Exception):
    def __init__(self, text, param=None):
        super().__init__(text)
        self.param = param


def need(condition, text, param=None):
    if not condition:
        raise Refused(text, param)


def texts(messages):
    return [m for m in messages if isinstance(m.get("content"), str)]


def parts(body):
    return [(i, p) for i, m in enumerate(body["messages"]) if isinstance(m.get("content"), list) for p in m["content"]]


# --- rules: each takes the body, and what the table's row says ---

def members(body, known):
    for key in body:
        need(key in known, f"{key}: Extra inputs are not permitted", key)


def without(body, names):
    for key in names:
        need(body.get(key) is None, f"Unsupported parameter: '{key}' is not supported with this model.", key)


def message_members(body, known):
    for i, m in enumerate(body["messages"]):
        for key in m:
            need(key in known, f"messages[{i}].{key}: Extra inputs are not permitted", f"messages[{i}].{key}")


def roles(body, known):
    for i, m in enumerate(body["messages"]):
        need(m["role"] in known, f"messages[{i}].role: '{m['role']}' is not one of {sorted(known)}", f"messages[{i}].role")


def ids(body, pattern):
    for i, m in enumerate(body["messages"]):
        for call in m.get("tool_calls") or []:
            need(re.fullmatch(pattern, call["id"]), f"Invalid 'messages[{i}].tool_calls[0].id': {call['id']} does not match {pattern}")
        need(m["role"] != "tool" or re.fullmatch(pattern, m["tool_call_id"]), f"Invalid 'messages[{i}].tool_call_id': does not match {pattern}")


def names(body, pattern):
    for i, tool in enumerate(body.get("tools") or []):
        need(re.fullmatch(pattern, tool["function"]["name"]), f"Invalid 'tools[{i}].function.name': does not match {pattern}")


def calls_and_results(body, _):
    """Each call of an answer has its result directly after it, and there are no others."""
    waiting = []
    for i, m in enumerate(body["messages"]):
        if m["role"] == "tool":
            need(m["tool_call_id"] in waiting, f"messages with role 'tool' must be a response to a preceding message with 'tool_calls' (messages[{i}])", "messages")
            waiting.remove(m["tool_call_id"])
            continue
        need(not waiting, f"An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id': {waiting}", "messages")
        waiting = [c["id"] for c in m.get("tool_calls") or []]
    need(not waiting, f"An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id': {waiting}", "messages")


def nothing_null(body, _):
    for i, m in enumerate(body["messages"]):
        for key in ("tool_calls", "function_call"):
            need(key not in m or m[key], f"Invalid 'messages[{i}].{key}': expected a value with at least one element", f"messages[{i}].{key}")


def tools_that_are_there(body, most):
    tools = body.get("tools")
    need("tools" not in body or tools, "Invalid 'tools': empty array. Expected an array with minimum length 1", "tools")
    for key in ("tool_choice", "parallel_tool_calls"):
        need(tools or key not in body, f"'{key}' is only allowed when 'tools' are specified.", key)
    need(len(tools or []) <= most, f"Invalid 'tools': array too long. Expected an array with maximum length {most}", "tools")


def tool_schemas(body, _):
    for tool in body.get("tools") or []:
        schema = tool["function"].get("parameters", {"type": "object", "properties": {}})
        need(schema.get("type") == "object", f"Invalid schema for function '{tool['function']['name']}': schema must be a JSON Schema of 'type: \"object\"'", "tools")
        need(not {"anyOf", "oneOf", "allOf"} & set(schema), "schema must not have 'oneOf', 'anyOf' or 'allOf' at the top level", "tools")


def choice_words(body, _):
    choice = body.get("tool_choice", "auto")
    need(isinstance(choice, str) or choice.get("type") == "function", f"tool_choice: {choice} is not understood", "tool_choice")


def part_types(body, known):
    for i, part in parts(body):
        need(part["type"] in known, f"messages[{i}]: unknown variant `{part['type']}`, expected one of {sorted(known)}", "messages")


def data_images(body, _):
    for i, part in parts(body):
        need(part["type"] != "image_url" or part["image_url"]["url"].startswith("data:"), f"messages[{i}]: invalid image input", "messages")


def whole_text(body, _):
    need(not re.search("[\ud800-\udfff]", json.dumps(body, ensure_ascii=False)), "We could not parse the JSON body of your request.")


def most(body, bounds):
    for key, limit in bounds.items():
        value = body.get(key)
        size = value if isinstance(value, (int, float)) else len(value or "")
        need(size <= limit, f"Invalid '{key}': {size} is above the maximum of {limit}", key)


def metadata(body, _):
    data = body.get("metadata") or {}
    need(len(data) <= 16 and all(len(k) <= 64 and len(v) <= 512 for k, v in data.items()), "Invalid 'metadata'", "metadata")


def words(body, table):
    for key, known in table.items():
        need(key not in body or body[key] in known, f"Invalid value for '{key}': {body.get(key)}; one of {sorted(known)} is expected", key)


def fixed_sampling(body, _):
    for key, only in (("temperature", 1), ("top_p", 1), ("presence_penalty", 0), ("frequency_penalty", 0)):
        need(body.get(key, only) == only, f"Unsupported value: '{key}' does not support {body.get(key)} with this model. Only the default ({only}) is supported.", key)
    without(body, ["logit_bias"])


def rests(body, _):
    if body.get("reasoning_effort", "none") != "none":
        fixed_sampling(body, None)


def turns(body, _):
    """System messages first, then user and assistant in turns, the user last."""
    rest = [m["role"] for m in body["messages"]]
    while rest and rest[0] == "system":
        rest.pop(0)
    need("system" not in rest, "System messages must come first.", "messages")
    need(all(a != b for a, b in zip(rest, rest[1:])), "After the system messages, user and assistant messages should alternate.", "messages")
    need(rest and rest[-1] == "user", "Last message must have role `user`.", "messages")


def mistral_order(body, _):
    after = {"system": {"user", "assistant", "system"}, "user": {"assistant", "system", "user"}, "assistant": {"assistant", "user", "tool"},
             "tool": {"assistant", "tool", "user"}}
    order = [m["role"] for m in body["messages"]]
    for a, b in zip(order, order[1:]):
        need(b in after[a], f"Unexpected role '{b}' after role '{a}'", "messages")
    last = body["messages"][-1]
    need(last["role"] in ("user", "tool") or (last["role"] == "assistant" and last.get("prefix")),
         f"Expected last role User or Tool (or Assistant with prefix True) for serving but got {last['role']}", "messages")
    for m in body["messages"][:-1]:
        need(not m.get("prefix"), "Assistant message with prefix True must be last message", "messages")


def thoughts_come_back(body, is_default):
    thinking = body.get("thinking", {"type": "enabled" if is_default or body.get("reasoning_effort") else "disabled"})
    if thinking["type"] != "disabled":
        for m in body["messages"]:
            need(not m.get("tool_calls") or m.get("reasoning_content"), "The `reasoning_content` in the thinking mode must be passed back to the API.")
    else:
        need("reasoning_effort" not in body, "reasoning_effort needs the thinking mode", "reasoning_effort")


# --- the table ---

CHAT = {"messages", "model", "stream", "stop", "temperature", "top_p", "tools", "tool_choice", "parallel_tool_calls", "response_format", "n", "seed",
        "presence_penalty", "frequency_penalty"}
ROLES = {"system", "user", "assistant", "tool"}
EVERY = [(calls_and_results, None), (nothing_null, None), (whole_text, None)]
OPENAI = [(ids, ".{1,40}"), (names, "[a-zA-Z0-9_-]{1,64}"), (tools_that_are_there, 128), (tool_schemas, None), (metadata, None), *EVERY,
          (most, {"stop": 4, "user": 64, "safety_identifier": 64}), (roles, ROLES | {"developer", "function"})]
REASONING = [*OPENAI, (without, ["max_tokens"]), (fixed_sampling, None)]

HOSTS = {
    "openai": OPENAI, "azure": OPENAI, "openai-reasoning": REASONING, "azure-reasoning": REASONING, "openai-rests": [*OPENAI, (without, ["max_tokens"]), (rests, None)],
    "mistral": [
        (members, CHAT - {"seed"} | {"max_tokens", "random_seed", "metadata", "prediction", "prompt_cache_key", "safe_prompt", "guardrails", "prompt_mode", "reasoning_effort"}),
        (message_members, {"role", "content", "tool_calls", "tool_call_id", "name", "prefix"}), (ids, "[a-zA-Z0-9]{9}"), (names, "[a-zA-Z0-9_-]{1,64}"),
        (mistral_order, None), (roles, ROLES), (choice_words, None), (words, {"reasoning_effort": {"none", "high"}}), *EVERY],
    "mistral-plain": [(without, ["reasoning_effort"])],
    "groq": [(without, ["logprobs", "top_logprobs", "logit_bias", "metadata", "store"]), (words, {"n": {1}}), (roles, ROLES), (choice_words, None),
             (message_members, {"role", "content", "tool_calls", "tool_call_id", "refusal", "reasoning"}), (part_types, {"text", "image_url"}), *EVERY],
    "deepseek": [(without, ["max_completion_tokens"]), (roles, ROLES), (part_types, {"text"}), (choice_words, None), (thoughts_come_back, True), *EVERY],
    "xai": [(without, ["logit_bias"]), (roles, ROLES), (tools_that_are_there, 128), (choice_words, None), (part_types, {"text", "image_url"}),
            (most, {"top_logprobs": 8}), *EVERY],
    "xai-reasoning": [(without, ["presence_penalty", "frequency_penalty", "stop", "reasoning_effort"])],
    "xai-effort": [(without, ["presence_penalty", "frequency_penalty", "stop"]), (words, {"reasoning_effort": {"low", "high"}})],
    "togetherai": [(without, ["max_completion_tokens", "top_logprobs"]), (choice_words, None), *EVERY],
    "fireworks": EVERY, "openrouter": EVERY, "vllm": EVERY,
    "perplexity": [(without, ["tools", "tool_choice", "parallel_tool_calls", "n", "seed", "logprobs", "top_logprobs", "max_completion_tokens"]),
                   (roles, ROLES - {"tool"}), (turns, None), (whole_text, None)],
    "ollama": [(without, ["tool_choice", "logit_bias", "user", "n", "max_completion_tokens"]), (roles, ROLES), (part_types, {"text", "image_url"}),
               (data_images, None), *EVERY],
}


class StrictOpenAI:
    """The handler of an upstream (upstream.py): a request's host is its model's name up to the first `/`."""

    def __init__(self, answer=None):
        self.answer = answer or (lambda body: ({"role": "assistant", "content": "ok"}, "stop"))
        self.bodies = []

    def __call__(self, x):
        body = x.json()
        self.bodies.append(body)
        try:
            need(body.get("messages", True), "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.", "messages")
            need("api-version=" in x.path or "/deployments/" not in x.path, "Resource not found: api-version is missing")
            for host in self.hosts(x, body):
                for rule, row in HOSTS[host]:
                    rule(body, row)
        except Refused as e:
            x.reply({"error": {"message": str(e), "type": "invalid_request_error", "param": e.param, "code": None}}, "400 Bad Request")
            return
        message, finish = self.answer(body)
        reply = {"id": f"chatcmpl-{len(self.bodies)}", "object": "chat.completion", "created": 1700000000, "model": body.get("model") or "m",
                 "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
                 "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}}
        if body.get("stream"):
            self.stream(x, body, reply)
        else:
            x.reply(reply)

    @staticmethod
    def hosts(x, body):
        """The path's first segment: the hosts whose rules apply, joined by `+`."""
        return x.path.split("/")[1].split("+")

    @staticmethod
    def stream(x, body, reply):
        def chunk(delta, finish=None, **more):
            x.event({**{k: reply[k] for k in ("id", "created", "model")}, "object": "chat.completion.chunk",
                     "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more})

        x.stream_head()
        message, finish = reply["choices"][0]["message"], reply["choices"][0]["finish_reason"]
        chunk({"role": "assistant", "content": "" if message.get("content") else None})
        for at in range(0, len(message.get("content") or ""), 3):
            chunk({"content": message["content"][at:at + 3]})
        for i, call in enumerate(message.get("tool_calls") or []):
            chunk({"tool_calls": [{**call, "index": i, "function": {**call["function"], "arguments": ""}}]})
            for piece in pieces(call["function"]["arguments"], 4):
                chunk({"tool_calls": [{"index": i, "function": {"arguments": piece}}]})
        chunk({}, finish)
        if (body.get("stream_options") or {}).get("include_usage") or x.path.startswith("/mistral"):  # Mistral counts without being asked
            x.event({**reply, "object": "chat.completion.chunk", "choices": []})
        x.event("[DONE]")
        x.last_chunk()

# SPDX-License-Identifier: Apache-2.0
"""A Gemini that refuses what Gemini refuses: unknown fields, roles, turns, empty parts, calls without their answers or
their signature, schemas outside its subset. It answers good calls by a plan: a list of lists of parts, one for each
call."""
import base64
import json
import re

FIELDS = {
    "": {"contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "cachedContent", "serviceTier", "generationConfig"},
    "generationConfig": {"temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences", "seed", "presencePenalty", "frequencyPenalty",
                         "responseLogprobs", "logprobs", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities", "thinkingConfig"},
    "thinkingConfig": {"includeThoughts", "thinkingBudget", "thinkingLevel"},
    "content": {"role", "parts"},
    "part": {"text", "thought", "thoughtSignature", "inlineData", "fileData", "functionCall", "functionResponse"},
    "tool": {"functionDeclarations", "googleSearch", "codeExecution", "urlContext"},
    "declaration": {"name", "description", "parameters", "parametersJsonSchema"},
}
DATA = ("text", "inlineData", "fileData", "functionCall", "functionResponse")
JSON_SCHEMA = {"$schema", "$id", "$defs", "$ref", "$anchor", "type", "format", "title", "description", "enum", "items", "prefixItems", "minItems", "maxItems", "minimum",
               "maximum", "anyOf", "oneOf", "properties", "additionalProperties", "required", "propertyOrdering", "definitions"}
SCHEMA = {"type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required", "minProperties", "maxProperties",
          "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering", "property_ordering", "default", "items", "minimum", "maximum"}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")


class Refused(Exception):
    pass


def known(value, kind, where):
    for key in value:
        if key not in FIELDS[kind]:
            raise Refused(f"Invalid JSON payload received. Unknown name \"{key}\" at '{where}': Cannot find field.")


def schema(value, words, where, upper):
    if not isinstance(value, dict):
        return
    for key in value:
        if key not in words:
            raise Refused(f"Invalid JSON payload received. Unknown name \"{key}\" at '{where}': Cannot find field.")
    if upper and value.get("type") not in ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT") and "anyOf" not in value:
        raise Refused(f"Invalid value at '{where}.type' (type.googleapis.com/google.ai.generativelanguage.v1beta.Type), \"{value.get('type')}\"")
    for name, inner in {**value.get("properties", {}), **value.get("$defs", {})}.items():
        schema(inner, words, f"{where}.{name}", upper)
    for inner in [value.get("items"), *value.get("anyOf", [])]:
        schema(inner, words, where, upper)


def check_tools(body):
    names = set()
    for tool in body.get("tools", []):
        known(tool, "tool", "tools")
        for d in tool.get("functionDeclarations", []):
            known(d, "declaration", "tools.function_declarations")
            if not NAME.fullmatch(d.get("name", "")):
                raise Refused("* GenerateContentRequest.tools[0].function_declarations[0].name: [FIELD_INVALID] Invalid function name. Must start with a letter "
                              "or an underscore. Must be alphameric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.")
            if d["name"] in names:
                raise Refused(f"Duplicate function declaration found: {d['name']}")
            names.add(d["name"])
            for key, words in (("parameters", SCHEMA), ("parametersJsonSchema", JSON_SCHEMA)):
                if key in d:
                    schema(d[key], words, f"tools.{d['name']}", key == "parameters")
                    if str(d[key].get("type", "")).lower() != "object" or not d[key].get("properties"):
                        raise Refused(f"* GenerateContentRequest.tools[0].function_declarations[0].{key}.properties: should be non-empty for OBJECT type")


def kinds(content):
    return [next((k for k in DATA if k in p), None) for p in content["parts"]]


def check_contents(contents, signs):
    if not contents:
        raise Refused("* GenerateContentRequest.contents: contents is not specified\n")
    calls, last = [], None
    users = [i for i, c in enumerate(contents) if c.get("role") == "user" and "text" in [k for k in kinds(c)]] if all(c.get("parts") for c in contents) else []
    for i, content in enumerate(contents):
        known(content, "content", f"contents[{i}]")
        if content.get("role") not in ("user", "model"):
            raise Refused("Please use a valid role: user, model.")
        if content["role"] == last:
            raise Refused("Please ensure that multiturn requests alternate between user and model.")
        last = content["role"]
        if not content.get("parts"):
            raise Refused(f"* GenerateContentRequest.contents[{i}].parts: contents.parts must not be empty.\n")
        for k, part in enumerate(content["parts"]):
            known(part, "part", f"contents[{i}].parts[{k}]")
            if sum(d in part for d in DATA) != 1 or (part.get("text") == "" and "thoughtSignature" not in part):
                raise Refused(f"* GenerateContentRequest.contents[{i}].parts[{k}].data: required oneof field 'data' must have one initialized field\n")
        here = [p["functionCall"] for p in content["parts"] if "functionCall" in p]
        answers = [p["functionResponse"] for p in content["parts"] if "functionResponse" in p]
        if answers and not calls:
            raise Refused("Please ensure that function response turn comes immediately after a function call turn.")
        if calls and len(answers) != len(calls):
            raise Refused("Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.")
        for call, answer in zip(calls, answers):
            if call["name"] != answer["name"] or call.get("id") != answer.get("id") or not isinstance(answer.get("response"), dict):
                raise Refused("The function response does not match its function call.")
        first = next((p for p in content["parts"] if "functionCall" in p), None)
        if signs and first and i > (users[-1] if users else -1) and not first.get("thoughtSignature"):
            raise Refused("Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly.")
        for p in content["parts"]:
            if "thoughtSignature" in p:
                base64.b64decode(p["thoughtSignature"], validate=True)
        calls = here
    if last != "user":
        raise Refused("Please ensure that multiturn requests end with a user role or a function response.")


def check(body, model):
    known(body, "", "")
    config = body.get("generationConfig", {})
    known(config, "generationConfig", "generation_config")
    thinking = config.get("thinkingConfig", {})
    known(thinking, "thinkingConfig", "generation_config.thinking_config")
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        raise Refused("You can only set only one of thinking budget and thinking level.")
    if model.startswith("gemini-2.5-pro") and thinking.get("thinkingBudget") == 0:
        raise Refused("Budget 0 is invalid. This model only works in thinking mode.")
    if config.get("maxOutputTokens", 1) > 65536:
        raise Refused("Unable to submit request because it has a maxOutputTokens value that is out of the supported range.")
    if len(config.get("stopSequences", [])) > 5 or "" in config.get("stopSequences", []):
        raise Refused("* GenerateContentRequest.generation_config.stop_sequences: invalid")
    if "responseJsonSchema" in config:
        schema(config["responseJsonSchema"], JSON_SCHEMA, "generation_config.response_json_schema", False)
    if "responseSchema" in config:
        schema(config["responseSchema"], SCHEMA, "generation_config.response_schema", True)
    for part in body.get("systemInstruction", {}).get("parts", []):
        if not part.get("text"):
            raise Refused("* GenerateContentRequest.system_instruction.parts[0].data: required oneof field 'data' must have one initialized field\n")
    check_tools(body)
    check_contents(body.get("contents"), model.startswith("gemini-3"))


class Gemini:
    """An upstream's handler. `plan`: the answers to the calls in turn, each a list of parts."""

    def __init__(self, plan):
        self.plan = list(plan)
        self.bodies = []

    def response(self, parts, finish=None):
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **({"finishReason": finish} if finish else {})}
        return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}, "modelVersion": "m",
                "responseId": f"r{len(self.bodies)}"}

    def __call__(self, x):
        model, method = x.path.split("?")[0].rsplit("/", 1)[1].split(":")
        body = x.json()
        try:
            check(body, model)
        except Refused as e:
            x.reply({"error": {"code": 400, "message": str(e), "status": "INVALID_ARGUMENT"}}, "400 Bad Request")
            return
        self.bodies.append(body)
        parts = self.plan.pop(0)
        if method == "generateContent":
            x.reply(self.response(parts, "STOP"))
            return
        x.stream_head()
        for part in parts:
            x.chunk(f"data: {json.dumps(self.response([part]))}\r\n\r\n")
        x.chunk(f"data: {json.dumps(self.response([{'text': ''}], 'STOP'))}\r\n\r\n")
        x.last_chunk()

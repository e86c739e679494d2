# SPDX-License-Identifier: Apache-2.0
"""A Bedrock that refuses what Bedrock refuses: signatures (by botocore's own signer), unknown fields, turns that do not
alternate, blank texts, calls without results, ids and names outside the alphabet, tool blocks without toolConfig,
schemas without an object at the root. It answers good calls by a plan: a list of lists of blocks, one for each call."""
import base64
import json
import re
import struct
import urllib.parse
import zlib

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
FIELDS = {"messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig", "additionalModelRequestFields", "additionalModelResponseFieldPaths", "requestMetadata",
          "performanceConfig", "serviceTier", "promptVariables", "outputConfig"}
BLOCKS = {"text", "image", "document", "toolUse", "toolResult", "reasoningContent", "cachePoint", "searchResult"}
WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
DOCUMENT = re.compile(r"[A-Za-z0-9()\[\]-]+( [A-Za-z0-9()\[\]-]+)*")


class Refused(Exception):
    def __init__(self, text, name="ValidationException", status="400 Bad Request"):
        super().__init__(text)
        self.name, self.status = name, status


def check_signature(x, keys, service="bedrock", region="us-east-1"):
    """Signs again what the request says is signed."""
    given = x.get("authorization") or ""
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})", given)
    if not match or match[1] != keys[0]:
        raise Refused("The security token included in the request is invalid.", "UnrecognizedClientException", "403 Forbidden")
    if x.get("x-amz-security-token") != keys[2]:
        raise Refused("The security token included in the request is expired", "ExpiredTokenException", "403 Forbidden")
    names = match[5].split(";")
    assert {"host", "x-amz-date"} <= set(names) and (keys[2] is None or "x-amz-security-token" in names), names
    request = AWSRequest(x.method, f"http://{x.get('host')}{x.path}", data=x.body, headers={n: x.get(n) for n in names if n not in ("host", "x-amz-date")})
    request.context["timestamp"] = x.get("x-amz-date")
    signer = SigV4Auth(Credentials(*keys), service, region)
    request.headers["X-Amz-Date"] = x.get("x-amz-date")
    request.headers["host"] = x.get("host")
    want = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    if (match[3], match[4], match[6]) != (region, service, want):
        raise Refused("The request signature we calculated does not match the signature you provided.", "InvalidSignatureException", "403 Forbidden")


def check_block(block, where, names, blocks=BLOCKS):
    kinds = [k for k in block if k in blocks]
    if len(block) != 1 or len(kinds) != 1:
        raise Refused(f"{where}: one of {sorted(blocks)} is expected, not {sorted(block)}")
    value = block[kinds[0]]
    if kinds[0] == "text" and not value.strip():
        raise Refused(f"The text field in the ContentBlock object at {where} is blank. Add text to the text field, and try again.")
    if kinds[0] == "image":
        base64.b64decode(value["source"]["bytes"], validate=True)
        if value["format"] not in ("png", "jpeg", "gif", "webp"):
            raise Refused(f"{where}: image format")
    if kinds[0] == "document":
        if not DOCUMENT.fullmatch(value["name"]) or value["name"] in names:
            raise Refused(f"The document name at {where} is invalid or there twice: {value['name']}")
        names.add(value["name"])
        if set(value) - {"format", "name", "source", "context", "citations"} or len(value["source"]) != 1:
            raise Refused(f"{where}.document: {sorted(value)}")
    if kinds[0] == "searchResult" and (not {"source", "title", "content"} <= set(value) or set(value) - {"source", "title", "content", "citations"} or
                                       any(set(c) != {"text"} for c in value["content"])):
        raise Refused(f"{where}.searchResult: source, title and a content of texts are expected")
    if kinds[0] == "toolUse" and not (WORD.fullmatch(value["toolUseId"]) and WORD.fullmatch(value["name"]) and isinstance(value["input"], dict)):
        raise Refused(f"{where}.toolUse: {value}")
    if kinds[0] == "toolResult":
        for i, inner in enumerate(value["content"]):
            check_block(inner, f"{where}.toolResult.content.{i}", names, BLOCKS | {"json"})
    return kinds[0]


def check(body):
    unknown = set(body) - FIELDS
    if unknown:
        raise Refused(f"extraneous key {sorted(unknown)} is not permitted")
    names, calls, last, has_tools = set(), [], None, False
    if not body.get("messages"):
        raise Refused("The messages field is empty. A conversation must start with a user message.")
    for i, block in enumerate(body.get("system", [])):
        check_block(block, f"system.{i}", names)
    for i, message in enumerate(body["messages"]):
        if message["role"] not in ("user", "assistant") or message["role"] == last or (i == 0 and message["role"] != "user"):
            raise Refused("A conversation must alternate between user and assistant roles. Make sure the conversation alternates between user and assistant roles and try again.")
        last = message["role"]
        if not message["content"]:
            raise Refused(f"The content field in the Message object at messages.{i} is empty. Add a ContentBlock object to the content field and try again.")
        kinds = [check_block(b, f"messages.{i}.content.{k}", names) for k, b in enumerate(message["content"])]
        if "document" in kinds and "text" not in kinds:
            raise Refused("A text block must be included when a document is.")
        results = [b["toolResult"]["toolUseId"] for b in message["content"] if "toolResult" in b]
        if sorted(results) != sorted(calls):
            raise Refused(f"Expected toolResult blocks at messages.{i}.content for the following Ids: {', '.join(calls)}, but found: {', '.join(results)}")
        calls = [b["toolUse"]["toolUseId"] for b in message["content"] if "toolUse" in b]
        if len(set(calls)) != len(calls):
            raise Refused("toolUse ids must be unique")
        has_tools |= "toolUse" in kinds or "toolResult" in kinds
    if last == "assistant" and message["content"][-1].get("text", "x") != message["content"][-1].get("text", "x").rstrip():
        raise Refused("messages: final assistant content cannot end with trailing whitespace")
    tools = [t["toolSpec"] for t in body.get("toolConfig", {}).get("tools", []) if "toolSpec" in t]
    if has_tools and not tools:
        raise Refused("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    if "toolConfig" in body and not tools:
        raise Refused("toolConfig.tools: at least one is expected")
    for t in tools:
        if not WORD.fullmatch(t["name"]) or t["inputSchema"]["json"].get("type") != "object" or t.get("description") == "":
            raise Refused(f"The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of the following: object. {t['name']}")
    config = body.get("inferenceConfig", {})
    if any(not s.strip() for s in config.get("stopSequences", [])) or config.get("maxTokens", 1) < 1:
        raise Refused("inferenceConfig: invalid")
    thinking = body.get("additionalModelRequestFields", {}).get("thinking", {})
    if thinking.get("type") == "enabled" and not 1024 <= thinking["budget_tokens"] < config.get("maxTokens", 0):
        raise Refused("`max_tokens` must be greater than `thinking.budget_tokens`")
    if thinking.get("type") == "enabled" and (config.get("temperature", 1) != 1 or "any" in body.get("toolConfig", {}).get("toolChoice", {})):
        raise Refused("`temperature` may only be set to 1 when thinking is enabled; tool_choice may not force tool use.")


def frame(headers, payload):
    head = b"".join(bytes([len(k)]) + k.encode() + b"\x07" + struct.pack(">H", len(v)) + v.encode() for k, v in headers.items())
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    text = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return text + struct.pack(">I", zlib.crc32(text))


def event(name, payload, kind="event"):
    return frame({f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}, json.dumps({**payload, "p": "abcdef"}).encode())


class Bedrock:
    """An upstream's handler. `plan`: the answers to the calls in turn; `keys`: who may sign; `bearer`: or this token
    instead."""

    def __init__(self, plan, keys=KEYS, bearer=None):
        self.plan, self.keys, self.bearer, self.bodies = list(plan), keys, bearer, []

    def frames(self, blocks):
        yield event("messageStart", {"role": "assistant"})
        for i, block in enumerate(blocks):
            if "toolUse" in block:
                tool = block["toolUse"]
                yield event("contentBlockStart", {"contentBlockIndex": i, "start": {"toolUse": {"toolUseId": tool["toolUseId"], "name": tool["name"]}}})
                yield event("contentBlockDelta", {"contentBlockIndex": i, "delta": {"toolUse": {"input": json.dumps(tool["input"])}}})
            elif "reasoningContent" in block:
                for key, value in block["reasoningContent"]["reasoningText"].items():
                    yield event("contentBlockDelta", {"contentBlockIndex": i, "delta": {"reasoningContent": {key: value}}})
            else:
                yield event("contentBlockDelta", {"contentBlockIndex": i, "delta": block})
            yield event("contentBlockStop", {"contentBlockIndex": i})
        yield event("messageStop", {"stopReason": self.reason(blocks)})
        yield event("metadata", {"usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}})

    @staticmethod
    def reason(blocks):
        return "tool_use" if any("toolUse" in b for b in blocks) else "end_turn"

    def __call__(self, x):
        model, method = x.path.split("/")[2:4]
        assert ":" not in model and urllib.parse.unquote(model)
        try:
            if self.bearer:
                if x.get("authorization") != f"Bearer {self.bearer}":
                    raise Refused("no", "AccessDeniedException", "403 Forbidden")
            else:
                check_signature(x, self.keys)
            body = x.json()
            check(body)
        except Refused as e:
            x.reply({"message": str(e)}, e.status, headers=[("x-amzn-errortype", f"{e.name}:http://internal.amazon.com/coral/")])
            return
        self.bodies.append(body)
        blocks = self.plan.pop(0)
        head = [("x-amzn-requestid", f"r{len(self.bodies)}")]
        if method == "converse":
            x.reply({"output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": self.reason(blocks), "usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}},
                    headers=head)
            return
        x.stream_head("application/vnd.amazon.eventstream", head)
        for one in self.frames(blocks):
            x.chunk(one)
        x.last_chunk()

# SPDX-License-Identifier: Apache-2.0
"""The same conversation in each dialect, written by hand: no client library is between a test and the bytes. A turn is
one of ("user", text), ("picture", text, PNG in base64), ("said", the assistant's turn as it came), ("results", [(call,
text)]). The result is an Answer, whole or from a stream."""
import json
import struct
import zlib
from dataclasses import dataclass, field

PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
TOOL = ("look_up", "The value of a row.", {"type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]})
SCHEMA = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"], "additionalProperties": False}


class Refusal(Exception):
    """An error in the dialect's own form. `status`: None inside a stream."""

    def __init__(self, status, message, headers=None):
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


@dataclass
class Call:
    id: str
    name: str
    arguments: dict


@dataclass
class Answer:
    text: str = ""
    calls: list = field(default_factory=list)
    usage: tuple = (0, 0)
    finish: str = ""  # stop or tools
    turn: object = None  # as it is sent back in the next call


def events(body):
    """Server-sent events as (name, data)."""
    text = body.decode()
    assert text.endswith("\n\n"), f"the last event is cut: {text[-80:]!r}"
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        fields = [line.split(": ", 1) for line in lines]
        data = "\n".join(v for k, v in fields if k == "data")
        if data:
            yield next((v for k, v in fields if k == "event"), None), data


def frames(body):
    """Frames of Amazon's event streams as (headers, payload)."""
    while body:
        total, n_head, crc = struct.unpack_from(">III", body)
        assert zlib.crc32(body[:8]) == crc and struct.unpack_from(">I", body, total - 4)[0] == zlib.crc32(body[:total - 4])
        head, headers = body[12:12 + n_head], {}
        while head:
            n = head[0]
            assert head[1 + n] == 7, "a header that is no string"
            size = struct.unpack_from(">H", head, 2 + n)[0]
            headers[head[1:1 + n].decode()] = head[4 + n:4 + n + size].decode()
            head = head[4 + n + size:]
        yield headers, body[12 + n_head:total - 4]
        body = body[total:]


class OpenAI:
    path, stream_path = "/v1/chat/completions", "/v1/chat/completions"
    last = "[DONE]"  # of streams

    def message(self, turn):
        if turn[0] == "user":
            return [{"role": "user", "content": turn[1]}]
        if turn[0] == "picture":
            return [{"role": "user", "content": [{"type": "text", "text": turn[1]}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{turn[2]}"}}]}]
        if turn[0] == "said":
            return [turn[1]]
        return [{"role": "tool", "tool_call_id": c.id, "content": text} for c, text in turn[1]]

    def body(self, route, turns, tools, schema, stream):
        body = {"model": route, "messages": [m for t in turns for m in self.message(t)], "max_tokens": 500}
        if tools:
            body["tools"] = [{"type": "function", "function": {"name": n, "description": d, "parameters": p}} for n, d, p in tools]
        if schema:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "sum", "strict": True, "schema": schema}}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return body

    def error(self, status, body, headers=None):
        error = json.loads(body)["error"]
        assert isinstance(error["message"], str) and "type" in error and "code" in error, error
        return Refusal(status, error["message"], headers)

    def whole(self, reply):
        message = reply["choices"][0]["message"]
        calls = [Call(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in message.get("tool_calls") or []]
        usage = reply.get("usage") or {}
        counts = (usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0)  # model servers count nothing
        return Answer(message["content"] or "", calls, counts, self.finish(reply["choices"][0]["finish_reason"], calls), message)

    def finish(self, reason, calls):
        return {"stop": "stop", "tool_calls": "tools"}[reason]

    def streamed(self, body):
        message, finish, usage, calls, last = {"role": "assistant", "content": ""}, None, None, [], None
        for _, last in events(body):
            if last == "[DONE]":
                continue
            chunk = json.loads(last)
            if "error" in chunk:
                raise self.error(None, last)
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                message["content"] += choice["delta"].get("content") or ""
                finish = choice["finish_reason"] or finish
                for piece in choice["delta"].get("tool_calls") or []:
                    if piece["index"] == len(calls):
                        calls.append({"id": piece["id"], "type": "function", "function": {"name": piece["function"]["name"], "arguments": ""}})
                    calls[piece["index"]]["function"]["arguments"] += piece["function"].get("arguments") or ""
        assert finish and last == (self.last or last)
        if calls:
            message |= {"tool_calls": calls, "content": message["content"] or None}
        return self.whole({"choices": [{"message": message, "finish_reason": finish}], "usage": usage})


class MLflow(OpenAI):
    path = stream_path = "/gateway/{route}/invocations"
    last = None

    def body(self, route, turns, tools, schema, stream):
        body = super().body(route, turns, tools, schema, False)
        del body["model"]
        return body | ({"stream": True} if stream else {})

    def error(self, status, body, headers=None):
        reply = json.loads(body)
        text = reply.get("detail", reply.get("error"))  # FastAPI's texts; MLflow's own, and in streams
        text = text if isinstance(text, str) else text["message"] if isinstance(text, dict) else text[0]["msg"]
        return Refusal(status, text, headers)

    def finish(self, reason, calls):
        assert reason in ("stop", "length", "tool_calls", None)  # some providers have only these words
        return "tools" if calls else "stop"


class Anthropic:
    path = stream_path = "/v1/messages"
    headers = [("anthropic-version", "2023-06-01")]

    def message(self, turn):
        if turn[0] == "user":
            return {"role": "user", "content": turn[1]}
        if turn[0] == "picture":
            return {"role": "user", "content": [{"type": "text", "text": turn[1]}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": turn[2]}}]}
        if turn[0] == "said":
            return {"role": "assistant", "content": turn[1]}
        return {"role": "user", "content": [{"type": "tool_result", "tool_use_id": c.id, "content": text} for c, text in turn[1]]}

    def body(self, route, turns, tools, schema, stream):
        body = {"model": route, "max_tokens": 500, "messages": [self.message(t) for t in turns]}
        if tools:
            body["tools"] = [{"name": n, "description": d, "input_schema": p} for n, d, p in tools]
        if schema:
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        return body | ({"stream": True} if stream else {})

    def error(self, status, body, headers=None):
        reply = json.loads(body)
        assert reply["type"] == "error" and isinstance(reply["error"]["type"], str), reply
        return Refusal(status, reply["error"]["message"], headers)

    def whole(self, reply):
        content = reply["content"]
        calls = [Call(b["id"], b["name"], b["input"]) for b in content if b["type"] == "tool_use"]
        finish = {"end_turn": "stop", "tool_use": "tools"}[reply["stop_reason"]]
        n_in = sum(reply["usage"].get(k) or 0 for k in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"))
        return Answer("".join(b["text"] for b in content if b["type"] == "text"), calls, (n_in, reply["usage"]["output_tokens"]), finish, content)

    def streamed(self, body):
        message, blocks, is_over = None, [], False
        for name, data in events(body):
            event = json.loads(data)
            assert event["type"] == name
            if name == "error":
                raise self.error(None, data)
            if name == "message_start":
                message = event["message"]
            elif name == "content_block_start":
                assert event["index"] == len(blocks)
                blocks.append({**event["content_block"], **({"input": ""} if event["content_block"]["type"] == "tool_use" else {})})
            elif name == "content_block_delta":
                delta, block = event["delta"], blocks[event["index"]]
                key, value = next((k, v) for k, v in delta.items() if k != "type")
                block[{"partial_json": "input"}.get(key, key)] += value
            elif name == "message_delta":
                message |= event["delta"]
                message["usage"] |= event["usage"]
            is_over |= name == "message_stop"
        assert is_over
        for block in blocks:
            if block["type"] == "tool_use":
                block["input"] = json.loads(block["input"] or "{}")
        return self.whole({**message, "content": blocks})


class Responses:
    path = stream_path = "/v1/responses"

    def items(self, turn):
        if turn[0] == "user":
            return [{"role": "user", "content": turn[1]}]
        if turn[0] == "picture":
            return [{"role": "user", "content": [{"type": "input_text", "text": turn[1]}, {"type": "input_image", "image_url": f"data:image/png;base64,{turn[2]}"}]}]
        if turn[0] == "said":
            return turn[1]
        return [{"type": "function_call_output", "call_id": c.id, "output": text} for c, text in turn[1]]

    def body(self, route, turns, tools, schema, stream):
        body = {"model": route, "input": [i for t in turns for i in self.items(t)], "max_output_tokens": 500, "store": False}
        if tools:
            body["tools"] = [{"type": "function", "name": n, "description": d, "parameters": p, "strict": False} for n, d, p in tools]
        if schema:
            body["text"] = {"format": {"type": "json_schema", "name": "sum", "strict": True, "schema": schema}}
        return body | ({"stream": True} if stream else {})

    error = OpenAI.error

    def whole(self, reply):
        assert reply["status"] == "completed", reply
        output = reply["output"]
        calls = [Call(i["call_id"], i["name"], json.loads(i["arguments"])) for i in output if i["type"] == "function_call"]
        text = "".join(p["text"] for i in output if i["type"] == "message" for p in i["content"])
        return Answer(text, calls, (reply["usage"]["input_tokens"], reply["usage"]["output_tokens"]), "tools" if calls else "stop", output)

    def streamed(self, body):
        text, number, answer = "", 0, None
        for name, data in events(body):
            event = json.loads(data)
            assert event["type"] == name and event["sequence_number"] == number
            number += 1
            text += event["delta"] if name == "response.output_text.delta" else ""
            if name == "error":
                raise Refusal(None, event["message"])
            if name == "response.failed":
                raise Refusal(None, event["response"]["error"]["message"])
            if name == "response.completed":
                answer = self.whole(event["response"])
        assert answer and answer.text == text
        return answer


class Gemini:
    path, stream_path = "/v1beta/models/{route}:generateContent", "/v1beta/models/{route}:streamGenerateContent?alt=sse"

    def content(self, turn):
        if turn[0] == "user":
            return {"role": "user", "parts": [{"text": turn[1]}]}
        if turn[0] == "picture":
            return {"role": "user", "parts": [{"text": turn[1]}, {"inlineData": {"mimeType": "image/png", "data": turn[2]}}]}
        if turn[0] == "said":
            return turn[1]
        return {"role": "user", "parts": [{"functionResponse": {**({"id": c.id} if c.id else {}), "name": c.name, "response": {"result": text}}} for c, text in turn[1]]}

    def body(self, route, turns, tools, schema, stream):
        body = {"contents": [self.content(t) for t in turns], "generationConfig": {"maxOutputTokens": 500}}
        if tools:
            body["tools"] = [{"functionDeclarations": [{"name": n, "description": d, "parametersJsonSchema": p} for n, d, p in tools]}]
        if schema:
            body["generationConfig"] |= {"responseMimeType": "application/json", "responseJsonSchema": schema}
        return body

    def error(self, status, body, headers=None):
        error = json.loads(body)["error"]
        assert isinstance(error["code"], int) and error["status"].isupper() and status in (None, error["code"]), error
        return Refusal(status, error["message"], headers)

    def whole(self, reply):
        candidate = reply["candidates"][0]
        parts = candidate["content"]["parts"]
        calls = [Call(p["functionCall"].get("id"), p["functionCall"]["name"], p["functionCall"]["args"]) for p in parts if "functionCall" in p]
        assert candidate["finishReason"] == "STOP"
        usage = reply["usageMetadata"]
        text = "".join(p["text"] for p in parts if "text" in p and not p.get("thought"))
        return Answer(text, calls, (usage["promptTokenCount"], usage["candidatesTokenCount"] + usage.get("thoughtsTokenCount", 0)), "tools" if calls else "stop", candidate["content"])

    def streamed(self, body):
        parts, last = [], None
        for _, data in events(body.replace(b"\r\n", b"\n")):
            chunk = json.loads(data)
            if "error" in chunk:
                raise self.error(None, data)
            last = chunk
            parts += [p for p in (chunk["candidates"][0].get("content") or {}).get("parts") or [] if p != {"text": ""}]
        last["candidates"][0]["content"] = {"role": "model", "parts": parts}
        return self.whole(last)


class Bedrock:
    path, stream_path = "/model/{route}/converse", "/model/{route}/converse-stream"

    def message(self, turn):
        if turn[0] == "user":
            return {"role": "user", "content": [{"text": turn[1]}]}
        if turn[0] == "picture":
            return {"role": "user", "content": [{"text": turn[1]}, {"image": {"format": "png", "source": {"bytes": turn[2]}}}]}
        if turn[0] == "said":
            return turn[1]
        return {"role": "user", "content": [{"toolResult": {"toolUseId": c.id, "content": [{"text": text}]}} for c, text in turn[1]]}

    def body(self, route, turns, tools, schema, stream):
        body = {"messages": [self.message(t) for t in turns], "inferenceConfig": {"maxTokens": 500}}
        if tools:
            body["toolConfig"] = {"tools": [{"toolSpec": {"name": n, "description": d, "inputSchema": {"json": p}}} for n, d, p in tools]}
        if schema:
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"name": "sum", "schema": json.dumps(schema)}}}}
        return body

    def error(self, status, body, headers=None):
        return Refusal(status, json.loads(body)["message"], headers)

    def whole(self, reply):
        message = reply["output"]["message"]
        calls = [Call(b["toolUse"]["toolUseId"], b["toolUse"]["name"], b["toolUse"]["input"]) for b in message["content"] if "toolUse" in b]
        finish = {"end_turn": "stop", "tool_use": "tools"}[reply["stopReason"]]
        n_in = sum(reply["usage"].get(k) or 0 for k in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"))
        assert reply["usage"]["totalTokens"] == n_in + reply["usage"]["outputTokens"]
        return Answer("".join(b.get("text", "") for b in message["content"]), calls, (n_in, reply["usage"]["outputTokens"]), finish, message)

    def streamed(self, body):
        blocks, stop, usage = {}, None, None
        for headers, data in frames(body):
            if headers[":message-type"] == "exception":
                raise self.error(None, data)
            event, kind = json.loads(data), headers[":event-type"]
            block = blocks.setdefault(event["contentBlockIndex"], {}) if "contentBlockIndex" in event else None
            if kind == "contentBlockStart":
                block["toolUse"] = {**event["start"]["toolUse"], "input": ""}
            elif kind == "contentBlockDelta" and "toolUse" in event["delta"]:
                block["toolUse"]["input"] += event["delta"]["toolUse"]["input"]
            elif kind == "contentBlockDelta" and "text" in event["delta"]:
                block["text"] = block.get("text", "") + event["delta"]["text"]
            elif kind == "contentBlockDelta":
                block.setdefault("reasoningContent", {"reasoningText": {}})["reasoningText"] |= event["delta"]["reasoningContent"]
            stop = event["stopReason"] if kind == "messageStop" else stop
            usage = event["usage"] if kind == "metadata" else usage
        for block in blocks.values():
            if "toolUse" in block:
                block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
        return self.whole({"output": {"message": {"role": "assistant", "content": list(blocks.values())}}, "stopReason": stop, "usage": usage})


class Cohere:
    path = stream_path = "/v2/chat"
    message = OpenAI.message

    def body(self, route, turns, tools, schema, stream):
        body = OpenAI.body(self, route, turns, tools, None, False) | {"stream": stream}
        if schema:
            body["response_format"] = {"type": "json_object", "json_schema": schema}
        return body

    def error(self, status, body, headers=None):
        return Refusal(status, json.loads(body)["message"], headers)

    def whole(self, reply):
        message = reply["message"]
        calls = [Call(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"])) for c in message.get("tool_calls") or []]
        finish = {"COMPLETE": "stop", "TOOL_CALL": "tools"}[reply["finish_reason"]]
        usage = (reply.get("usage") or {}).get("tokens") or {"input_tokens": 0, "output_tokens": 0}  # model servers count nothing
        text = "".join(p["text"] for p in message.get("content") or [] if p["type"] == "text")
        return Answer(text, calls, (usage["input_tokens"], usage["output_tokens"]), finish, message)

    def streamed(self, body):
        message, end = None, None
        for name, data in events(body):
            if data == "[DONE]":
                continue
            event = json.loads(data)
            assert event["type"] == name
            delta = (event.get("delta") or {}).get("message") or {}
            if name == "message-start":
                message = {"role": "assistant", "content": [], "tool_calls": [], "tool_plan": ""}
            elif name == "content-start":
                message["content"].append(delta["content"])
            elif name == "content-delta":
                key, value = next(iter(delta["content"].items()))
                message["content"][event["index"]][key] += value
            elif name == "tool-plan-delta":
                message["tool_plan"] += delta["tool_plan"]
            elif name == "tool-call-start":
                message["tool_calls"].append(delta["tool_calls"])
            elif name == "tool-call-delta":
                message["tool_calls"][event["index"]]["function"]["arguments"] += delta["tool_calls"]["function"]["arguments"]
            elif name == "message-end":
                end = event["delta"]
                if end["finish_reason"] == "ERROR":
                    raise Refusal(None, end["error"])
        if not message["tool_plan"]:
            del message["tool_plan"]
        message = {k: v for k, v in message.items() if v}
        return self.whole({"message": message, **end})


SPEAKERS = {"openai": OpenAI(), "responses": Responses(), "anthropic": Anthropic(), "gemini": Gemini(), "bedrock": Bedrock(), "cohere": Cohere(), "mlflow": MLflow()}


def say(daemon, dialect, route, turns, tools=(), schema=None, stream=False):
    """Makes one call and returns what came back; raises Refusal."""
    speaker = SPEAKERS[dialect]
    path = (speaker.stream_path if stream else speaker.path).format(route=route)
    reply = daemon.call("POST", path, json.dumps(speaker.body(route, turns, tools, schema, stream)), [("content-type", "application/json"), *getattr(speaker, "headers", [])])
    if reply.status != 200:
        raise speaker.error(reply.status, reply.body, {k.lower(): v for k, v in reply.headers})
    return speaker.streamed(reply.body) if stream else speaker.whole(json.loads(reply.body))

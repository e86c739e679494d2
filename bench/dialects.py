# SPDX-License-Identifier: Apache-2.0
"""One chat of 1 KiB as the clients of each dialect send it, with the headers of their libraries."""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import workload
from harness import BenchError

BEARER = ("Authorization", "Bearer sk-client-0123456789abcdef0123456789abcdef")
COMMON = (("Accept", "application/json"), ("Accept-Encoding", "gzip, deflate"), ("Connection", "keep-alive"),
          ("Content-Type", "application/json"))
STAINLESS = tuple((k, v) for k, v in workload.OPENAI_HEADERS if k.startswith("X-Stainless"))
SYSTEM = "You are a careful assistant. Answer in plain English."


@dataclass(frozen=True)
class Dialect:
    path: str  # {route} stands for the route's name, if the path has it
    headers: tuple
    body: Callable[[str, str], dict]  # makes it from a route and the user's text


def _messages(route: str, text: str) -> dict:
    return {"model": route, "max_tokens": 256, "temperature": 0.7, "system": SYSTEM,
            "messages": [{"role": "user", "content": text}]}


def _responses(route: str, text: str) -> dict:
    return {"model": route, "instructions": SYSTEM, "input": text, "max_output_tokens": 256, "temperature": 0.7}


def _gemini(route: str, text: str) -> dict:
    return {"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": [{"role": "user", "parts": [{"text": text}]}],
            "generationConfig": {"temperature": 0.7, "maxOutputTokens": 256}}


def _converse(route: str, text: str) -> dict:
    return {"system": [{"text": SYSTEM}], "messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"temperature": 0.7, "maxTokens": 256}}


def _openai(route: str, text: str) -> dict:
    return {"model": route, "temperature": 0.7, "max_tokens": 256,
            "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]}


DIALECTS = {
    "openai": Dialect("/v1/chat/completions", workload.OPENAI_HEADERS, _openai),
    "responses": Dialect("/v1/responses", workload.OPENAI_HEADERS, _responses),
    "anthropic": Dialect("/v1/messages", (*COMMON, ("anthropic-version", "2023-06-01"), ("User-Agent", "Anthropic/Python 0.75.0"),
                                          ("X-Api-Key", "sk-client-0123456789abcdef0123456789abcdef"), *STAINLESS), _messages),
    "gemini": Dialect("/v1beta/models/{route}:generateContent",
                      (*COMMON, ("x-goog-api-key", "sk-client-0123456789abcdef0123456789abcdef"),
                       ("x-goog-api-client", "google-genai-sdk/1.55.0 gl-python/3.11.2"),
                       ("User-Agent", "google-genai-sdk/1.55.0 gl-python/3.11.2")), _gemini),
    "converse": Dialect("/model/{route}/converse", (*COMMON, BEARER, ("User-Agent", "Boto3/1.40.0 md/Botocore#1.40.0"),
                                                    ("amz-sdk-invocation-id", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"),
                                                    ("amz-sdk-request", "attempt=1")), _converse),
    "cohere": Dialect("/v2/chat", (*COMMON, BEARER, ("User-Agent", "cohere/5.20.0"), ("X-Client-Name", "python"),
                                   ("X-Fern-Language", "Python"), ("X-Fern-SDK-Name", "cohere"),
                                   ("X-Fern-SDK-Version", "5.20.0")), _openai),
}


def request(name: str, route: str) -> bytes:
    dialect = DIALECTS[name]
    text = "".join(workload.SENTENCES) * 20
    room = workload.CHAT_BYTES - len(workload.dump(dialect.body(route, "")))
    return workload.request_text(dialect.path.format(route=route), dialect.headers, workload.dump(dialect.body(route, text[:room])))


def _texts(value):
    if isinstance(value, str):
        yield value
    for v in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(v)


def check_says(body: bytes, direct: bytes) -> None:
    """Checks that OpenAI's clients get what the upstream said, whole, in any form."""
    want = json.loads(direct)["choices"][0]["message"]["content"]
    if want not in _texts(json.loads(body)):
        raise BenchError(f"the reply does not say what the upstream said:\n{body[:2000].decode(errors='replace')}")

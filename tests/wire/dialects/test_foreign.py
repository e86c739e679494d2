# SPDX-License-Identifier: Apache-2.0
"""A client of one dialect on another's path: it is told so in the path's own shape, by the member that is strange there, and nothing goes up."""
import json

import pytest

from model import Lab
from speakers import PNG, SCHEMA, SPEAKERS, TOOL

TURNS = [("picture", "What is it?", PNG)]
AT = {"openai": "anthropic", "mlflow": "anthropic", "cohere": "anthropic"}  # an upstream of another language, so that the body is read
ALIKE = {"openai": {"mlflow", "cohere"}, "mlflow": {"openai", "cohere"}}  # whose words are taken there too
NAMED = {"openai": "messages", "mlflow": "messages", "responses": "tools[0]|input", "anthropic": "tools[0]|max_tokens", "gemini": "contents", "bedrock": "messages", "cohere": "tools[0]|messages[0]|response_format"}


@pytest.fixture(scope="module")
def lab(sluice_module):
    lab = Lab(sluice_module)
    yield lab
    lab.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("path, said", [(path, said) for path in SPEAKERS for said in SPEAKERS if said != path and said not in ALIKE.get(path, ())])
def test_a_strange_body_is_told_in_the_paths_own_shape(lab, path, said, stream):
    route, speaker = AT.get(path, "chat"), SPEAKERS[path]
    body = SPEAKERS[said].body(route, TURNS, [TOOL], SCHEMA, stream)
    body.pop("model", None)  # which is not what is wrong
    body |= {} if path in ("gemini", "bedrock", "mlflow") else {"model": route}
    n = lab.taken(route)
    url = (speaker.stream_path if stream else speaker.path).format(route=route)
    r = lab.daemon.call("POST", url, json.dumps(body), [("content-type", "application/json"), *getattr(speaker, "headers", [])])
    assert r.status == (422 if path == "mlflow" else 400) and r.get("x-sluice-error-type") == "caller_invalid_request", r.body
    refusal = speaker.error(r.status, r.body)  # which knows no other shape
    where = json.dumps(r.json()) if path == "mlflow" else refusal.message
    assert refusal.message and any(word in where for word in NAMED[path].split("|")), r.body
    assert lab.taken(route) == n

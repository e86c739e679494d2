# SPDX-License-Identifier: Apache-2.0
"""A strict Bedrock, with OpenAI's client over several turns; whose keys sign; broken frames and bad replies."""
import json
import urllib.parse

import openai
import pytest

from bedrock_fake import KEYS, Bedrock, Refused, check_signature, event
from harness import wait_for

TOOLS = [{"type": "function", "function": {"name": n, "description": "d", "parameters": p}} for n, p in (
    ("get weather", {"anyOf": [{"type": "object", "properties": {"city": {"type": "string"}}}]}), ("now", {"type": "object", "properties": {}}))]
STATIC = {"aws_access_key_id": KEYS[0], "aws_secret_access_key": KEYS[1], "aws_region": "us-east-1"}
CLAUDE = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
CALL = {"model": "b", "messages": [{"role": "user", "content": "hello"}]}
EXPIRY = "2099-01-01T00:00:00Z"


def route(base, model=CLAUDE, **config):
    return {"name": "b", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
            "model": {"provider": "bedrock", "name": model, "config": {"aws_config": {"aws_region": "us-east-1", "aws_endpoint_url": base, **config}}}}


def start(sluice, upstream, handler, model=CLAUDE, config=None, conf=None, **more):
    up = upstream(handler)
    base = up.base.removesuffix("/v1")
    daemon = sluice({"endpoints": [route(base, model, **(STATIC if config is None else config))], **(conf or {})}, **more)
    return up, openai.OpenAI(base_url=daemon.url + "/v1", api_key="k", max_retries=0), daemon


def turn(client, messages, stream, **more):
    """The assistant's message as a client keeps it."""
    if not stream:
        return client.chat.completions.create(model="b", messages=messages, tools=TOOLS, **more).choices[0].message.model_dump(exclude_none=True)
    message, calls, blocks = {"role": "assistant", "content": ""}, [], []
    for chunk in client.chat.completions.create(model="b", messages=messages, tools=TOOLS, stream=True, **more):
        if not chunk.choices:
            continue
        delta = chunk.choices[0].delta.model_dump(exclude_none=True)
        message["content"] += delta.get("content", "")
        message["reasoning_content"] = message.get("reasoning_content", "") + delta.get("reasoning_content", "")
        blocks += delta.get("thinking_blocks", [])
        for call in delta.get("tool_calls", []):
            if call["index"] == len(calls):
                calls.append({k: v for k, v in call.items() if k != "index"})
            else:
                calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
    thinking = [{"type": "thinking", "thinking": message["reasoning_content"], "signature": b["signature"]} for b in blocks]
    return {**message, **({"tool_calls": calls} if calls else {}), **({"thinking_blocks": thinking} if thinking else {})}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("reasons", [False, True], ids=["plain", "reasoning"])
def test_tools_over_several_turns(sluice, upstream, stream, reasons):
    fake = Bedrock([[{"text": "ok"}]])
    _, client, _ = start(sluice, upstream, fake)
    more = {"reasoning_effort": "low"} if reasons else {}
    turn(client, CALL["messages"], False, **more)
    name = fake.bodies[0]["toolConfig"]["tools"][0]["toolSpec"]["name"]  # its own name has a blank
    think = [{"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}}] if reasons else []
    use = lambda i, n, x: {"toolUse": {"toolUseId": f"tooluse_{i}", "name": n, "input": x}}
    fake.plan = [[*think, use(1, name, {"city": "Oslo"}), use(2, "now", {})], [*think, use(3, name, {"city": "Rome"})], [{"text": "Cold."}], [{"text": "Bye."}]]
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Weather?"}]
    for _ in range(3):
        message = turn(client, messages, stream, **more)
        messages.append(message)
        for tool in reversed(message.get("tool_calls", [])):
            assert tool["function"]["name"] in ("get weather", "now") and isinstance(json.loads(tool["function"]["arguments"]), dict)
            messages.append({"role": "tool", "tool_call_id": tool["id"], "content": ""})
    messages += [{"role": "user", "content": " "}, {"role": "user", "content": "Thanks"}]
    assert turn(client, messages, stream, **more)["content"] == "Bye."
    last = fake.bodies[-1]["messages"]
    assert [m["role"] for m in last] == ["user", "assistant", "user", "assistant", "user", "assistant", "user"]
    assert [b for b in last[1]["content"] if "reasoningContent" in b] == think


@pytest.mark.parametrize("messages", [
    [{"role": "system", "content": "only this"}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}, {"role": "user", "content": "b"}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "a:b/c", "type": "function", "function": {"name": "x.y", "arguments": ""}}]},
     {"role": "tool", "tool_call_id": "a:b/c", "content": ""}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b \n"}],
], ids=["system_only", "empty_answer", "ids", "trailing_blank"])
def test_what_openai_allows_gets_through(sluice, upstream, messages):
    _, client, _ = start(sluice, upstream, Bedrock([[{"text": "ok"}]]))
    assert client.chat.completions.create(model="b", messages=messages).choices[0].message.content == "ok"


def test_what_has_no_place_is_named(sluice, upstream):
    content = [{"citationsContent": {"content": [{"text": "o"}, {"text": "k"}], "citations": [{"title": "t"}]}}, {"video": {}}]
    _, client, _ = start(sluice, upstream, Bedrock([content]))
    raw = client.chat.completions.with_raw_response.create(model="b", messages=CALL["messages"], user="u")
    assert raw.headers["x-sluice-dropped"] == "user,reply.citations,reply.parts" and raw.parse().choices[0].message.content == "ok"


# --- whose keys ---

SESSION = ("ASIAROLE", "role/secret+1", "tok/en==")
XML = ("<R xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Credentials><AccessKeyId>{}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken>"
       f"<Expiration>{EXPIRY}</Expiration></Credentials></R>").format(*SESSION)
PLACE = {"Code": "Success", "AccessKeyId": SESSION[0], "SecretAccessKey": SESSION[1], "Token": SESSION[2], "Expiration": EXPIRY}


class Machine(Bedrock):
    """A Bedrock that takes only the session's keys, a token service, and the machine's metadata service."""

    def __init__(self):
        super().__init__([[{"text": "ok"}]] * 9, SESSION)
        self.asked = []

    def __call__(self, x):
        if x.path.startswith("/model/"):
            super().__call__(x)
            return
        self.asked.append(x)
        if x.path == "/":
            form = dict(urllib.parse.parse_qsl(x.body.decode()))
            try:
                if form["Action"] == "AssumeRole":
                    check_signature(x, KEYS, "sts")
            except Refused as e:
                x.reply(f"<ErrorResponse><Error><Code>{e.name}</Code></Error></ErrorResponse>", e.status, "text/xml")
                return
            x.reply(XML, content_type="text/xml")
        elif x.path == "/latest/api/token":
            x.reply("imds-token", content_type="text/plain")
        elif x.path == "/latest/meta-data/iam/security-credentials/":
            x.reply("my-role", content_type="text/plain")
        else:
            x.reply(PLACE)


def ask(daemon):
    r = daemon.call("POST", "/v1/chat/completions", CALL)
    for secret in (*KEYS[1:2], *SESSION[1:]):
        assert secret.encode() not in r.body
    return r


def test_a_role_is_assumed_once(sluice, upstream):
    machine = Machine()
    up = upstream(machine)
    base = up.base.removesuffix("/v1")
    daemon = sluice({"endpoints": [route(base, **STATIC, aws_role_arn="arn:aws:iam::1:role/r", sts_endpoint_url=base, session_length_seconds=1000)]})
    assert ask(daemon).status == 200 and ask(daemon).status == 200 and len(machine.asked) == 1
    form = dict(urllib.parse.parse_qsl(machine.asked[0].body.decode()))
    assert form == {"Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": "arn:aws:iam::1:role/r", "RoleSessionName": "ai-gateway-bedrock", "DurationSeconds": "1000"}
    machine.keys = ("ASIAOTHER", "x", "y")  # those are not valid any more: fetched anew, once
    r = ask(daemon)
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_auth_failed" and len(machine.asked) == 2


@pytest.mark.parametrize("said", ["AccessDenied", KEYS[1], "x" * 100])
def test_a_refusal_of_the_token_service_is_told_by_its_code(sluice, upstream, said):
    up = upstream(lambda x: x.reply(f"<ErrorResponse><Error><Code>{said}</Code><Message>{KEYS[1]}</Message></Error></ErrorResponse>", "403 Forbidden", "text/xml"))
    base = up.base.removesuffix("/v1")
    daemon = sluice({"endpoints": [route(base, **STATIC, aws_role_arn="arn:aws:iam::1:role/r", sts_endpoint_url=base)]})
    assert ask(daemon).status == 502
    line = wait_for(lambda: next((x for x in daemon.stderr.splitlines(True) if "no keys" in x and x.endswith("\n")), None), "the log line")
    assert ("answered 403: AccessDenied" in line) == (said == "AccessDenied") and "xxx" not in line and KEYS[1] not in line


def machine_env(kind, base, tmp_path):
    if kind == "environment":
        return {"AWS_ACCESS_KEY_ID": SESSION[0], "AWS_SECRET_ACCESS_KEY": SESSION[1], "AWS_SESSION_TOKEN": SESSION[2]}
    if kind == "web":
        (tmp_path / "jwt").write_text("ey.J.wt\n")
        return {"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "jwt"), "AWS_ROLE_ARN": "arn:aws:iam::1:role/web"}
    if kind == "container":
        return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": base + "/creds?x=1", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token"}
    return {"AWS_EC2_METADATA_SERVICE_ENDPOINT": base}


@pytest.mark.parametrize("kind", ["environment", "web", "container", "instance"])
def test_the_machines_identity_is_for_routes_of_the_file(sluice, upstream, tmp_path, kind):
    machine = Machine()
    up = upstream(machine)
    base = up.base.removesuffix("/v1")
    config = {"aws_endpoint_url": base, "sts_endpoint_url": base}
    daemon = sluice({"endpoints": [route(base, **config)]}, env=machine_env(kind, base, tmp_path), args=["--data", str(tmp_path / "data")])
    assert ask(daemon).status == 200
    asked = [(x.method, x.path) for x in machine.asked]
    if kind == "web":
        form = dict(urllib.parse.parse_qsl(machine.asked[0].body.decode()))
        assert form["Action"] == "AssumeRoleWithWebIdentity" and form["WebIdentityToken"] == "ey.J.wt" and form["RoleArn"].endswith("role/web")
        assert machine.asked[0].get("authorization") is None
    elif kind == "container":
        assert asked == [("GET", "/creds?x=1")] and machine.asked[0].get("authorization") == "container-token"
    elif kind == "instance":
        assert asked == [("PUT", "/latest/api/token"), ("GET", "/latest/meta-data/iam/security-credentials/"), ("GET", "/latest/meta-data/iam/security-credentials/my-role")]
        assert machine.asked[2].get("x-aws-ec2-metadata-token") == "imds-token"
    r = daemon.call("POST", "/api/2.0/gateway/routes/", {"name": "mine", "route_type": "llm/v1/chat", "model": route(base)["model"]})
    assert r.status == 400 and b"only routes of the configuration file" in r.body


def test_bearer_tokens(sluice, upstream):
    fake = Bedrock([[{"text": "ok"}]] * 2, bearer="bedrock-api-key-1")
    _, _, daemon = start(sluice, upstream, fake, config={"aws_bearer_token": "bedrock-api-key-1"})
    assert daemon.call("POST", "/v1/chat/completions", CALL).status == 200
    _, _, daemon = start(sluice, upstream, fake, config={}, env={"AWS_BEARER_TOKEN_BEDROCK": "bedrock-api-key-1"})
    assert daemon.call("POST", "/v1/chat/completions", CALL).status == 200


def test_a_refused_key_is_the_gateways_own_fault(sluice, upstream):
    _, _, daemon = start(sluice, upstream, Bedrock([], ("AKIDEXAMPLE", "another", None)))
    r = daemon.call("POST", "/v1/chat/completions", CALL)
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_auth_failed" and b"signature" not in r.body


# --- what breaks ---

@pytest.mark.parametrize("body", [b"<html>", b'{"output":{"message":{"content":[{"te', b"[]", b"{}", b'{"output":7}', b"null",
                                  b'{"output":{"message":{"content":[]}},"stopReason":"malformed_tool_use"}'])
def test_bad_replies_are_bad_replies(sluice, upstream, body):
    _, _, daemon = start(sluice, upstream, lambda x: x.reply(body))
    r = daemon.call("POST", "/v1/chat/completions", CALL)
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_bad_response", r.body


START, TEXT = event("messageStart", {"role": "assistant"}), event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "He"}})
END = event("messageStop", {"stopReason": "end_turn"})
BROKEN = {
    "no_end": START + TEXT,
    "cut": START + TEXT + END[:-5],
    "crc": START + TEXT + END[:-1] + bytes([END[-1] ^ 1]),
    "length": START + TEXT + b"\x01" + END[1:],
    "not_json": START + TEXT + event("contentBlockDelta", {}).replace(b"{", b"[", 1),
    "two_kinds": START + TEXT + event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "x"}}}),
    "exception": START + TEXT + event("throttlingException", {"message": "slow"}, "exception"),
    "unknown_exception": START + TEXT + event("newException", {"message": "new"}, "exception"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_stream_ends_with_an_error(sluice, upstream, name):
    def handler(x):
        x.stream_head("application/vnd.amazon.eventstream")
        x.chunk(BROKEN[name])
        x.last_chunk()

    _, client, _ = start(sluice, upstream, handler)
    texts = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.chat.completions.create(model="b", messages=CALL["messages"], stream=True):
            texts.append(chunk.choices[0].delta.content or "")
    assert "".join(texts) == "He"
    assert name != "exception" or caught.value.code == "rate_limit_exceeded"


def test_a_stream_without_its_counts_is_whole(sluice, upstream):
    def handler(x):
        x.stream_head("application/vnd.amazon.eventstream")
        x.chunk(START + TEXT + END)
        x.last_chunk()

    _, client, _ = start(sluice, upstream, handler)
    chunks = list(client.chat.completions.create(model="b", messages=CALL["messages"], stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.parametrize("path,body", [("/v1/chat/completions", CALL), ("/v1/messages", {**CALL, "max_tokens": 9})])
def test_nothing_of_a_frame_is_sent_that_is_too_large_to_write(sluice, upstream, path, body):
    """Half an event would take the error behind it with it."""

    def handler(x):
        x.stream_head("application/vnd.amazon.eventstream")
        x.chunk(event("messageStart", {"role": "assistant"}))
        for text in ("begins", "y" * 300_000):
            x.chunk(event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}}))
        x.last_chunk()

    _, _, daemon = start(sluice, upstream, handler, conf={"upstream": {"limits": {"event": "64KiB"}}})
    r = daemon.call("POST", path, {**body, "stream": True})
    data = [line[6:] for line in r.body.decode().split("\n") if line.startswith("data: ") and line != "data: [DONE]"]
    said = [json.loads(d) for d in data]
    assert r.status == 200 and r.complete and "begins" in r.body.decode() and b"yyy" not in r.body, r.body[-300:]
    assert any("upstream.limits.event" in json.dumps(e) for e in said)

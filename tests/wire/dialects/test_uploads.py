# SPDX-License-Identifier: Apache-2.0
"""Recordings and images as forms: OpenAI's clients send them, a fake that refuses bad forms answers, and the upstream
gets what the client sent, except the model."""
import json
import pathlib
import subprocess

import openai
import pytest

from form_fake import Forms
from harness import typed_route
from test_more_types import client  # noqa: F401: a fixture

SOUND = bytes(range(256)) * 400 + b"\r\n--\r\n"
B = "form-boundary"


def part(name, content, more=""):
    content = content if isinstance(content, bytes) else content.encode()
    return f'--{B}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


def form(*parts):
    return b"".join(parts) + f"--{B}--\r\n".encode()


FILE = part("file", SOUND, '; filename="ä.mp3"\r\nContent-Type: audio/mpeg')
MODEL = part("model", "transcribe")
TYPE = ("Content-Type", f"multipart/form-data; boundary={B}")
PATH = "/v1/audio/transcriptions"


def post(daemon, body, path=PATH, headers=(), **more):
    return daemon.call("POST", path, body, [TYPE, *headers], **more)


@pytest.fixture(scope="module")
def gateway(sluice_module, upstream_module):
    up = upstream_module(Forms())
    limited = {**typed_route(up.base, "limited", "transcriptions"), "limit": {"calls": 1, "renewal_period": "day"}}
    daemon = sluice_module({"endpoints": [typed_route(up.base, "transcribe", "transcriptions"), typed_route(up.base, "images", "images"), typed_route(up.base, "chat", "chat"), limited]})
    daemon.up = up
    return daemon


def test_transcriptions_in_every_form(gateway, client):
    create = client.audio.transcriptions.create
    said = create(model="transcribe", file=("a.mp3", SOUND, "audio/mpeg"), language="en", timestamp_granularities=["word", "segment"], extra_headers={"X-Request-Id": "json"})
    assert (said.text, said.usage.total_tokens) == ("a word", 45)
    assert [(n, f) for n, f, _ in gateway.up.handler.seen[-1] if n == "file"] == [("file", "a.mp3")] and gateway.up.handler.seen[-1][-1][2] == SOUND
    line = gateway.log_line("json")
    assert (line["route"], line["input_tokens"], line["output_tokens"], line["status"], line["stream"]) == ("transcribe", 14, 31, 200, False)
    assert create(model="transcribe", file=SOUND, response_format="text") == "a word\n"
    assert create(model="transcribe", file=SOUND, response_format="srt").startswith("1\n00:00")
    assert create(model="transcribe", file=SOUND, response_format="vtt").startswith("WEBVTT")
    assert create(model="transcribe", file=SOUND, response_format="verbose_json").duration == 1.5
    events = list(create(model="transcribe", file=SOUND, stream=True, extra_headers={"X-Request-Id": "events"}))
    assert "".join(e.delta for e in events if e.type == "transcript.text.delta") == "a word" and events[-1].text == "a word"
    line = gateway.log_line("events")
    assert (line["stream"], line["input_tokens"], line["output_tokens"]) == (True, 14, 31)
    assert client.audio.translations.create(model="transcribe", file=SOUND).text == "a word"


def test_images(gateway, client):
    images = [("1.png", b"\x89PNG1", "image/png"), ("2.png", b"\x89PNG2", "image/png")]
    edited = client.images.edit(model="images", image=images, mask=b"\x89PNG", prompt="a cat", extra_headers={"X-Request-Id": "edit"})
    assert edited.data[0].b64_json == "aGk=" and edited.usage.total_tokens == 33
    assert [c for n, _, c in gateway.up.handler.seen[-1] if n == "image[]"] == [b"\x89PNG1", b"\x89PNG2"]
    assert gateway.log_line("edit")["output_tokens"] == 20
    assert client.images.create_variation(model="images", image=b"\x89PNG").data[0].b64_json == "aGk="


def test_azures_client_names_the_route_in_the_path(gateway):
    client = openai.AzureOpenAI(azure_endpoint=gateway.url, api_key="none", api_version="2025-01-01-preview", max_retries=0)
    assert client.audio.transcriptions.create(model="transcribe", file=("a.mp3", SOUND)).text == "a word"
    assert gateway.up.requests[-1].path == PATH
    assert client.images.edit(model="images", image=("1.png", b"\x89PNG"), prompt="p").data[0].b64_json == "aGk="
    for body in (form(FILE), b"\r\n" + form(FILE), form(FILE, part("model", "anything")), form(part("model", ""), FILE)):
        reply = post(gateway, body, "/openai/deployments/transcribe/audio/transcriptions")
        assert (reply.status, reply.json()["text"]) == (200, "a word"), reply.body


@pytest.mark.parametrize("size", [1000, 3_000_000])
def test_the_client_for_node(gateway, size):
    here = pathlib.Path(__file__).parents[1]
    n = len(gateway.up.handler.seen)
    run = subprocess.run(["node", str(here / "node_upload.mjs"), gateway.url + "/v1", str(size)], cwd=here, capture_output=True, text=True, timeout=50)
    assert run.returncode == 0, run.stderr
    out = json.loads(run.stdout)
    assert (out["text"], out["words"], out["image"]) == ("a word", "a word", "aGk=") and out["srt"].startswith("1\n")
    assert out["missing"][0] == 404 and "'nope' does not exist" in out["missing"][1]
    seen = gateway.up.handler.seen[n:]
    assert len(seen) == 4 and [len(c) for parts in seen[:3] for name, _, c in parts if name == "file"] == [size] * 3


ORDERS = {"first": (MODEL, FILE), "last": (FILE, MODEL), "between": (part("language", "en"), MODEL, FILE, part("prompt", "x"))}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
def test_every_other_byte_goes_up_as_it_came(gateway, order, chunked):
    body = form(*ORDERS[order])
    if chunked:
        conn = gateway.connect()
        conn.send(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{TYPE[0]}: {TYPE[1]}\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 5000):
            piece = body[at:at + 5000]
            conn.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        conn.send("0\r\n\r\n")
        reply = conn.reply()
        conn.close()
    else:
        reply = post(gateway, body)
    assert reply.status == 200, reply.body
    seen = gateway.up.requests[-1]
    assert seen.body == body.replace(b"\r\n\r\ntranscribe\r\n", b"\r\n\r\ngpt-4o-mini\r\n")
    assert seen.get("content-type") == TYPE[1] and seen.get("accept-encoding") == "identity"


def test_pieces_of_every_size_and_a_connection_that_stays(gateway):
    body = form(FILE, MODEL)
    conn = gateway.connect()
    for step in (1, 7, 100, 9999):
        conn.send(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n{TYPE[0]}: {TYPE[1]}\r\nContent-Length: {len(body)}\r\n\r\n")
        tail = len(body) - (600 if step == 1 else 20 * step)
        conn.send(body[:max(0, tail)])
        for at in range(max(0, tail), len(body), step):
            conn.send(body[at:at + step])
        reply = conn.reply()
        assert reply.status == 200 and reply.get("connection") != "close", (step, reply.body)
    conn.close()


FAULTS = {  # the body or (the body, its type); the status and a part of the message
    "no boundary": ((form(MODEL, FILE), "multipart/form-data"), 400, "its Content-Type names no boundary"),
    "a boundary too long": ((form(MODEL, FILE), "multipart/form-data; boundary=" + "b" * 71), 400, "longer than the 70 characters"),
    "another boundary": ((form(MODEL, FILE), "multipart/form-data; boundary=other"), 400, "does not begin with the boundary"),
    "another type": ((form(MODEL, FILE), "text/plain"), 415, "takes multipart/form-data, or JSON"),
    "no type": ((form(MODEL, FILE), None), 415, "takes multipart/form-data, or JSON"),
    "nothing": (b"", 400, "it ends before its first part"),
    "garbage": (b"garbage", 400, "does not begin with the boundary"),
    "no model": (form(FILE), 400, "The form has no part `model`"),
    "an empty model": (form(part("model", ""), FILE), 400, "The part `model` of the form is empty."),
    "a model twice": (form(MODEL, FILE, MODEL), 400, "two parts `model`"),
    "a model that is a file": (form(part("model", "x", '; filename="a"'), FILE), 400, "is a file"),
    "a model too long": (form(part("model", "m" * 257), FILE), 400, "longer than 256 bytes"),
    "a model that is none": (form(part("model", "nope"), FILE), 404, "The model 'nope' does not exist"),
    "a route of another type": (form(part("model", "chat"), FILE), 400, "Endpoint 'chat' is not a transcriptions endpoint: the type of this route is llm/v1/chat."),
    "10,000 parts": (form(MODEL, *[part(f"p{i}", "x") for i in range(10000)]), 400, "it has more than 1,000 parts"),
    "no end": (form(MODEL, FILE)[:-10], 400, "it ends before its closing boundary"),
    "bytes behind the end": (form(MODEL, FILE) + b"more", 400, "bytes stand behind its closing boundary"),
    "a part without a head": (f"--{B}\r\n\r\nx\r\n--{B}--\r\n".encode(), 400, "has no Content-Disposition"),
    "a head too large": (form(part("model", "x", "\r\nX: " + "y" * 5000)), 400, "larger than 4,096 bytes"),
    "what the provider refuses": (form(MODEL, FILE, part("loud", "yes")), 400, "Unrecognized request argument supplied: loud"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_told_in_openais_shape(gateway, name):
    body, status, said = FAULTS[name]
    body, kind = body if isinstance(body, tuple) else (body, TYPE[1])
    reply = gateway.call("POST", PATH, body, [("Content-Type", kind)] if kind else [])
    assert reply.status == status and said in reply.json()["error"]["message"], reply.body
    assert post(gateway, form(MODEL, FILE)).status == 200


def test_a_limit_and_a_body_that_is_too_large(gateway, sluice):
    assert post(gateway, form(part("model", "limited"), FILE)).status == 200
    reply = post(gateway, form(part("model", "limited"), FILE))
    assert reply.status == 429 and reply.json()["error"]["code"] == "rate_limit_exceeded"
    small = sluice({"server": {"limits": {"form": "64KiB"}}, "endpoints": [typed_route(gateway.up.base, "transcribe", "transcriptions")]})
    reply = post(small, form(MODEL, FILE))
    assert reply.status == 413 and "the form is larger than server.limits.form allows (" in reply.json()["error"]["message"]
    reply = small.call("POST", PATH, None, [TYPE, ("Transfer-Encoding", "chunked"), ("Content-Encoding", "gzip")])
    assert reply.status == 415 and "may not be compressed" in reply.json()["error"]["message"]


def test_json_passes_where_forms_do(gateway):
    reply = gateway.call("POST", PATH, {"model": "transcribe", "file_url": "https://x.example/a.mp3"}, [("Content-Type", "application/json")])
    assert gateway.up.requests[-1].body == b'{"model": "gpt-4o-mini", "file_url": "https://x.example/a.mp3"}'
    assert reply.status == 400 and "no boundary" in reply.json()["error"]["message"]  # the provider's message

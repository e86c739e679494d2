# SPDX-License-Identifier: Apache-2.0
"""Compressed requests: which codings are understood, which are refused, and that a small one cannot fill the memory."""
import gzip
import json
import zlib

import pytest

from harness import CHAT, CHAT_REPLY, chat_route


def raw_deflate(data):
    z = zlib.compressobj(6, zlib.DEFLATED, -15)
    return z.compress(data) + z.flush()


def zstd(data):
    """One frame of raw and run-length blocks (RFC 8878): enough for a decoder, without a package."""
    blocks, at = [], 0
    while at < len(data) or not blocks:
        piece = data[at : at + 100000]
        at += len(piece)
        is_last = at >= len(data)
        is_run = len(piece) > 1 and piece == piece[:1] * len(piece)
        head = (is_last | (1 if is_run else 0) << 1 | len(piece) << 3).to_bytes(3, "little")
        blocks.append(head + (piece[:1] if is_run else piece))
    return b"\x28\xb5\x2f\xfd\x80\x58" + len(data).to_bytes(4, "little") + b"".join(blocks)


def coded(coding):
    return [("content-encoding", coding), ("content-type", "application/json")]


BODY = json.dumps(CHAT).encode()
GOOD = {
    "gzip": gzip.compress(BODY),
    "x-gzip": gzip.compress(BODY),
    "GZIP": gzip.compress(BODY),
    "deflate": zlib.compress(BODY),
    "zstd": zstd(BODY),
    "identity": BODY,
    "none": BODY,
    "": BODY,
    "utf-8": BODY,
    "identity, gzip": gzip.compress(BODY),
    "deflate, gzip": gzip.compress(zlib.compress(BODY)),
    "gzip, zstd": zstd(gzip.compress(BODY)),
}


@pytest.fixture
def gateway(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    return sluice({"endpoints": [chat_route(up.base)], "server": {"limits": {"body": "100KiB"}}}), up


@pytest.mark.parametrize("coding", GOOD)
def test_compressed_requests_are_read(gateway, coding):
    daemon, up = gateway
    for path in ("/v1/chat/completions", "/gateway/chat/invocations"):
        body = GOOD[coding]
        if path.startswith("/gateway"):
            plain = json.dumps({"messages": CHAT["messages"]}).encode()
            body = {BODY: plain}.get(body) or (gzip.compress(plain) if coding in ("gzip", "x-gzip", "GZIP", "identity, gzip") else None)
            if body is None:
                continue
        r = daemon.call("POST", path, body, headers=coded(coding))
        assert r.status == 200, r.body
    assert up.requests[-1].get("content-encoding") is None
    assert json.loads(up.requests[-1].body)["messages"] == CHAT["messages"]


def test_deflate_without_zlibs_header_is_read(gateway):
    daemon, _ = gateway
    r = daemon.call("POST", "/v1/chat/completions", raw_deflate(BODY), headers=coded("deflate"))
    assert r.status == 200


@pytest.mark.parametrize("coding", ["br", "compress", "gzip, br", "aes128gcm", "gzip;q=1", "gzip, gzip, gzip, gzip"])
def test_other_codings_are_415(gateway, coding):
    daemon, up = gateway
    r = daemon.call("POST", "/v1/chat/completions", BODY, headers=coded(coding))
    assert r.status == 415 and r.get("accept-encoding") == "gzip, deflate, zstd" and r.get("x-sluice-error-type") == "caller_unsupported_media"
    assert "Content-Encoding" in r.json()["error"]["message"] and not up.requests


DAMAGED = {
    "plain under gzip": ("gzip", BODY),
    "plain under zstd": ("zstd", BODY),
    "gzip cut": ("gzip", gzip.compress(BODY)[:-9]),
    "gzip with junk behind": ("gzip", gzip.compress(BODY) + b"junk"),
    "zlib under gzip": ("gzip", zlib.compress(BODY)),
    "zstd cut": ("zstd", zstd(BODY)[:-3]),
    "coded once, said twice": ("gzip, gzip", gzip.compress(BODY)),
    "a damaged middle": ("gzip", gzip.compress(BODY)[:20] + b"\xff" * 20),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_body_is_400(gateway, name):
    daemon, up = gateway
    coding, body = DAMAGED[name]
    r = daemon.call("POST", "/v1/chat/completions", body, headers=coded(coding))
    assert r.status == 400 and "Content-Encoding" in r.json()["error"]["message"] and not up.requests


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "gzip, gzip"])
def test_a_bomb_is_413(gateway, coding):
    daemon, up = gateway
    bomb = b"x" * 10_000_000
    body = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd, "gzip, gzip": lambda b: gzip.compress(gzip.compress(b))}[coding](bomb)
    r = daemon.call("POST", "/v1/chat/completions", body, headers=coded(coding))
    assert r.status == 413 and "server.limits.body" in r.json()["error"]["message"] and not up.requests

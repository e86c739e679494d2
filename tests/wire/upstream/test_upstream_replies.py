# SPDX-License-Identifier: Apache-2.0
"""Upstreams that lie: all forms of whole replies, and what the client gets for them. Never a crash, never two error
bodies, never a part of a reply that looks complete."""
import gzip
import json
import pathlib
import re
import zlib

import pytest

from harness import CHAT_REPLY, SANITIZED, chat_route
from lab import Lab

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
N = b"Content-Length: %d\r\n\r\n" % len(CHAT_REPLY)
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = OK + N + CHAT_REPLY
BAD, BROKEN = "provider_bad_response", "provider_stream_broken"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("replies"), {"upstream": {"timeouts": {"first_byte": "800ms"}}})
    yield lab
    lab.close()


def chunks(body, size=7):
    return b"".join(b"%x\r\n%b\r\n" % (len(body[i : i + size]), body[i : i + size]) for i in range(0, len(body), size))


def zipped(data, wbits):
    z = zlib.compressobj(6, zlib.DEFLATED, wbits)
    return z.compress(data) + z.flush()


def coded(name, data):
    return OK + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (name, len(data)) + data


GOOD = {
    "length": WHOLE,
    "chunked": CHUNKED + chunks(CHAT_REPLY) + b"0\r\n\r\n",
    "chunked, extensions and trailer": CHUNKED + b"%x;a=\"b; c\"\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n" % (len(CHAT_REPLY), CHAT_REPLY),
    "until close": OK + b"\r\n" + CHAT_REPLY,
    "http/1.0": b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + CHAT_REPLY,
    "no reason": WHOLE.replace(b"200 OK", b"200", 1),
    "a few interim replies": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + WHOLE,
    "gzip": coded(b"gzip", gzip.compress(CHAT_REPLY)),
    "x-gzip": coded(b"X-GZIP", gzip.compress(CHAT_REPLY)),
    "two gzip members": coded(b"gzip", gzip.compress(CHAT_REPLY[:50]) + gzip.compress(CHAT_REPLY[50:])),
    "deflate": coded(b"deflate", zipped(CHAT_REPLY, 15)),
    "deflate without zlib's header": coded(b"deflate", zipped(CHAT_REPLY, -15)),
    "identity": coded(b"identity", CHAT_REPLY),
    "none": coded(b"none", CHAT_REPLY),
    "an empty coding": coded(b"", CHAT_REPLY),
    "utf-8": coded(b"utf-8", CHAT_REPLY),
    "a list of nothing": coded(b"identity, none,", CHAT_REPLY),
    "identity, gzip": coded(b"identity, gzip", gzip.compress(CHAT_REPLY)),
    "gzip in gzip": coded(b"gzip, gzip", gzip.compress(gzip.compress(CHAT_REPLY))),
    "deflate in gzip": coded(b"deflate, gzip", gzip.compress(zipped(CHAT_REPLY, 15))),
    "gzip in deflate, two fields": OK + b"Content-Encoding: gzip\r\n" + coded(b"deflate", zipped(gzip.compress(CHAT_REPLY), 15))[len(OK):],
    "gzip, chunked": OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(gzip.compress(CHAT_REPLY), 3) + b"0\r\n\r\n",
    "bytes behind the reply": WHOLE + WHOLE,
    "content-length in an unusual case": WHOLE.replace(b"Content-Length", b"cOnTeNt-LeNgTh"),
}


@pytest.mark.parametrize("name", GOOD)
def test_lawful_replies_pass_untouched(lab, name):
    r = lab.call(GOOD[name])
    assert (r.status, r.body, r.complete) == (200, CHAT_REPLY, True)
    assert r.get("content-encoding") is None and lab.n_requests == 1
    line = lab.log()
    assert line["input_tokens"] == 9 and line["output_tokens"] == 3 and line["error_type"] is None
    m = lab.call(GOOD[name], mlflow=True)
    assert m.status == 200 and m.json()["choices"][0]["message"]["content"] == "hi \u00e9"


# Before a byte of the reply's body can have been sent: an error.
REFUSED = {
    "nothing": b"",
    "not http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "bare body": CHAT_REPLY,
    "http/2": b"\0\0\x12\x04\0\0\0\0\0\0\3\0\0\0\x64",
    "head without end": OK,
    "half a status line": b"HTTP/1.1 20",
    "status of four digits": WHOLE.replace(b"200", b"2000", 1),
    "status 600": WHOLE.replace(b"200", b"600", 1),
    "status 999 with an error": b"HTTP/1.1 999 X\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n{\"error\":{\"message\":\"x\"}}",
    "status 0": WHOLE.replace(b"200", b"000", 1),
    "http/3.0": WHOLE.replace(b"1.1", b"3.0", 1),
    "NUL in the head": WHOLE.replace(b"application", b"appl\0ication"),
    "bare LF": WHOLE.replace(b"\r\n", b"\n"),
    "bare CR": WHOLE.replace(b"json\r\n", b"json\rX: y\r\n"),
    "folded line": WHOLE.replace(b"json\r\n", b"json\r\n folded: x\r\n"),
    "space before the colon": WHOLE.replace(b"Content-Type:", b"Content-Type :"),
    "head of a megabyte": OK + b"X-Big: " + b"x" * 1000000 + b"\r\n" + N + CHAT_REPLY,
    "a megabyte of status line": b"HTTP/1.1 200 " + b"O" * 1000000,
    "10,000 fields": OK + b"X-Y: z\r\n" * 10000 + N + CHAT_REPLY,
    "a flood of interim replies": b"HTTP/1.1 102 Processing\r\n\r\n" * 20000 + WHOLE,
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "length and chunked": OK + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": OK + b"Content-Length: 4, 4\r\n\r\nabcd",
    "negative length": OK + b"Content-Length: -1\r\n\r\n",
    "signed length": OK + b"Content-Length: +4\r\n\r\nabcd",
    "length of 2^64": OK + b"Content-Length: 18446744073709551616\r\n\r\n",
    "transfer-encoding gzip": OK + b"Transfer-Encoding: gzip\r\n\r\n",
    "transfer-encoding gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "transfer-encoding twice": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in http/1.0": CHUNKED.replace(b"1.1", b"1.0") + chunks(CHAT_REPLY) + b"0\r\n\r\n",
    "brotli": coded(b"br", b"\x0b\x02\x80{}\x03"),
    "zstd": coded(b"zstd", b"\x28\xb5\x2f\xfd"),
    "gzip, br": coded(b"gzip, br", CHAT_REPLY),
    "compress": coded(b"compress", CHAT_REPLY),
    "four codings": coded(b"gzip, gzip, gzip, gzip", CHAT_REPLY),
    "301": b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "307": b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /v2\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    "304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_reply_is_502(lab, name):
    for mlflow in (False, True):
        r = lab.call(REFUSED[name], mlflow=mlflow)
        assert r.status == 502 and r.complete, (r.status, r.body)
        assert r.get("x-sluice-error-type") == BAD and r.get("location") is None
        assert b"\n" not in r.body
        assert r.json()["detail" if mlflow else "error"]
        assert lab.n_requests == 1, "asked again"
        assert lab.log()["error_type"] == BAD


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, br", "compress"])
def test_a_coding_that_is_not_understood_is_named(lab, name):
    r = lab.call(coded(name.encode(), b"\x0b\x02\x80{}\x03"))
    assert r.status == 502 and f"'{name.split(', ')[-1]}'" in r.json()["error"]["message"]
    assert r.get("x-should-retry") == "false" and lab.n_requests == 1
    assert lab.call(REFUSED["bare LF"]).get("x-should-retry") is None


@pytest.mark.parametrize("name", [b"sk-test-secret", b"x" * 21, b"a/b", b"sk-test-secret-of-a-longer-kind"])
def test_a_coding_that_is_no_word_is_not_quoted(lab, name):
    for mlflow in (False, True):
        r = lab.call(coded(name, b"{}"), mlflow=mlflow)
        assert r.status == 502 and name not in r.body and b"Content-Encoding" in r.body
        assert name.decode() not in json.dumps(lab.log()) and r.get("x-should-retry") == "false"


def test_a_header_named_after_the_credential_does_not_come_down(lab):
    r = lab.call(WHOLE.replace(b"Content-Type:", b"x-sk-test-secret-x: 1\r\nsk-test-secret: 1\r\nx-kept: Bearer sk-test-secret\r\nContent-Type:", 1))
    assert r.status == 200 and r.get("x-kept") == "Bearer **************" and "secret" not in str(r.headers)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
@pytest.mark.parametrize("name", ["br", "zstd"])
def test_an_error_whose_coding_is_not_understood_keeps_its_status(lab, name, status):
    r = lab.call(coded(name.encode(), b"\x0b\x02\x80{}\x03").replace(b"200 OK", b"%d X" % status, 1), body=None)
    assert r.status == status and r.json()["error"]["message"]
    assert r.get("content-encoding") is None


# The head was good, so the client has it; then it must be visible that the reply is cut.
CUT = {
    "too short": OK + b"Content-Length: %d\r\n\r\n" % (len(CHAT_REPLY) + 1) + CHAT_REPLY,
    "chunked without its end": CHUNKED + chunks(CHAT_REPLY),
    "chunk cut": CHUNKED + chunks(CHAT_REPLY)[:-4],
    "garbage chunk size": CHUNKED + b"5\r\n{\"a\":\r\nzz\r\n1}",
    "chunk longer than it says": CHUNKED + b"2\r\n{\"a\":1}\r\n0\r\n\r\n",
    "chunk shorter than it says": CHUNKED + b"ff\r\n{\"a\":1}\r\n0\r\n\r\n",
    "negative chunk size": CHUNKED + b"-1\r\n{}\r\n0\r\n\r\n",
    "absurd chunk size": CHUNKED + b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "chunk sizes without CR": CHUNKED + b"2\n{}\n0\n\n",
    "last chunk without its blank line": CHUNKED + chunks(CHAT_REPLY) + b"0\r\n",
    "trailer of 64 kB": CHUNKED + chunks(CHAT_REPLY) + b"0\r\nX: " + b"y" * 65536 + b"\r\n\r\n",
    "until close, but half the object": OK + b"\r\n" + CHAT_REPLY[:-20],
    "gzip cut": coded(b"gzip", gzip.compress(CHAT_REPLY)[:-9]),
    "gzip damaged": coded(b"gzip", gzip.compress(CHAT_REPLY)[:40] + b"\xff" * 60),
    "not gzip at all": coded(b"gzip", CHAT_REPLY),
}


@pytest.mark.parametrize("name", CUT)
def test_what_breaks_is_cut(lab, name):
    r = lab.call(CUT[name])
    if r.status == 200:
        assert not r.complete and b"error" not in r.body and lab.log()["error_type"] == BROKEN
    else:  # nothing of it had been sent yet
        assert (r.status, r.complete) == (502, True) and r.get("x-sluice-error-type") == BAD and r.json()["error"]["message"]
    assert lab.n_requests == 1
    m = lab.call(CUT[name], mlflow=True)
    assert m.status == 502 and m.complete and m.get("x-sluice-error-type") == BAD and lab.n_requests == 1


def test_a_broken_reply_has_no_end_for_http_1_0_either(lab):
    def handler(x):
        x.send(CHUNKED + chunks(CHAT_REPLY))
        x.close()

    lab.up.handler = handler
    conn = lab.daemon.connect()
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "x"}]})
    conn.send(f"POST /v1/chat/completions HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    with pytest.raises(ConnectionResetError):
        while conn.sock.recv(65536):
            pass
    conn.close()


def test_every_cut_of_a_small_reply_is_seen(lab):
    """Closed and reset after every byte: head, length; chunked; both dialects."""
    small = b'{"id":"x","object":"chat.completion","choices":[],"usage":{"prompt_tokens":1}}'
    for whole in (OK + b"Content-Length: %d\r\n\r\n" % len(small) + small, CHUNKED + chunks(small, 40) + b"0\r\n\r\n"):
        head = whole.index(b"\r\n\r\n") + 4
        for at in range(len(whole)):
            def handler(x, at=at):
                x.send(whole[:at])
                (x.reset if at % 2 else x.close)()

            r = lab.call(handler)
            if at < head:
                assert r.status == 502 and r.complete and r.json()["error"]["message"], at
            else:
                assert (r.status, r.complete) in ((200, False), (502, True)), at
                assert r.status == 502 or small.startswith(r.body), at
            assert lab.n_requests == 1, at
            if at % 5 == 0:
                m = lab.call(handler, mlflow=True)
                assert m.status == 502 and m.complete and m.json()["detail"], at


HTML = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body></html>"


def error(status, body, content_type=b"application/json", more=b""):
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\n%bContent-Length: %d\r\n\r\n" % (status, content_type, more, len(body)) + body


def test_an_openai_error_passes_as_it_is(lab):
    body = b'{ "error": {"message": "no \\u00e9", "type": "tokens", "param": null, "code": "rate_limit_exceeded", "x": 1.0} }'
    r = lab.call(error(b"429 Too Many Requests", body, more=b"x-ratelimit-remaining-tokens: 7\r\nretry-after: 3\r\n"))
    assert (r.status, r.body) == (429, body)
    assert r.get("x-ratelimit-remaining-tokens") == "7" and r.get("retry-after") == "3" and r.get("x-sluice-error-type") == "provider_rate_limited"
    m = lab.call(error(b"429 Too Many Requests", body, more=b"x-ratelimit-remaining-tokens: 7\r\nretry-after: 3\r\n"), mlflow=True)
    assert m.status == 429 and m.json() == {"detail": "no \u00e9"}
    assert m.get("x-ratelimit-remaining-tokens") == "7" and m.get("retry-after") == "3"


@pytest.mark.parametrize("body, message", [
    (b'{"detail": "Slow down."}', "Slow down."), (b'{"object": "error", "message": "Bad model", "type": "invalid_model", "param": null, "code": "1500"}', "Bad model"),
    (b'{"detail": [{"loc": ["body", "n"], "msg": "Input should be 1"}]}', "body.n: Input should be 1"), (b"{}", "")])
def test_an_error_in_another_shape_becomes_openais(lab, body, message):
    """OpenAI's clients look only in `error`: the one for Node says "no body" for all these."""
    r = lab.call(error(b"422 X", body, more=b"x-ratelimit-remaining-tokens: 7\r\n"))
    assert r.status == 422 and message in r.json()["error"]["message"] and r.json()["error"]["message"] and r.get("x-ratelimit-remaining-tokens") == "7"
    for passes in (b'{"error": "text", "code": "c"}', b'{"error": {"message": 5}, "detail": "d"}'):
        r = lab.call(error(b"422 X", passes))
        assert (r.status, r.body) == (422, passes)


@pytest.mark.parametrize("status", [400, 404, 409, 422, 500, 502, 504])
def test_a_page_for_people_becomes_an_error_for_programs(lab, status):
    r = lab.call(error(b"%d X" % status, HTML, b"text/html"))
    assert r.status == status and r.get("content-type") == "application/json" and b"\n" not in r.body
    assert "502 Bad Gateway" in r.json()["error"]["message"] and "<" not in r.json()["error"]["message"]
    m = lab.call(error(b"%d X" % status, HTML, b"text/html"), mlflow=True)
    assert m.status == status and (m.json() == {"detail": "502 Bad Gateway"} or (status == 404 and m.json()["detail"].startswith("502 Bad Gateway: ")))
    r = lab.call(error(b"%d X" % status, b"", b"text/html"))
    assert r.status == status and r.json()["error"]["message"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_is_the_gateways_fault(lab, status):
    body = b'{"error":{"message":"Incorrect API key provided: sk-test-secret","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}'
    for said in (body, HTML, b"", b'{"error":{"message":"' + b"x" * 400000 + b'"}}'):
        r = lab.call(error(b"%d X" % status, said, more=b"www-authenticate: Bearer\r\n"))
        assert r.status == 502 and r.get("x-sluice-error-type") == "provider_auth_failed" and r.get("x-should-retry") == "false"
        assert "gateway's credential" in r.json()["error"]["message"] and b"sk-test" not in r.body
    m = lab.call(error(b"%d X" % status, body), mlflow=True)
    assert m.status == status and m.json()["detail"].startswith("Incorrect API key") and m.get("x-sluice-error-type") == "provider_auth_failed"


REFUSED_BY_400 = [
    ({"error": {"message": "Incorrect API key provided: sk-test-secret", "type": "invalid_request_error"}}, "provider_auth_failed"),
    ({"code": "Client specified an invalid argument", "error": "Incorrect API key provided: sk-test-secret."}, "provider_auth_failed"),
    # LiteLLM's proxy without a database, called with another key than its own
    ({"error": {"message": "No connected db.", "type": "no_db_connection", "param": None, "code": "400"}}, "provider_auth_failed"),
    ({"error": {"message": "Authentication Error, sk-test-secret", "type": "auth_error", "param": "None", "code": "400"}}, "provider_auth_failed"),
    ({"error": {"message": "Budget has been exceeded! Current cost: 2, Max budget: 1", "type": "budget_exceeded", "param": None, "code": "400"}}, "provider_billing"),
    # Hugging Face
    ({"error": "Authorization header is correct, but the token seems invalid"}, "provider_auth_failed"),
    # Google's path for OpenAI's clients
    ([{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT",
                 "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}}], "provider_auth_failed"),
    ({"error": {"message": "messages[0]: the role is missing", "type": "invalid_request_error", "param": None, "code": None}}, "provider_rejected"),
    ({"error": {"message": "the model has no database connection to search", "type": "invalid_request_error"}}, "provider_rejected"),
]


@pytest.mark.parametrize("said, kind", REFUSED_BY_400)
def test_a_credential_that_is_refused_with_400(lab, said, kind):
    """The client's call is not wrong, but its SDK would say so to its user."""
    r = lab.call(error(b"400 Bad Request", json.dumps(said).encode()))
    assert (r.status, r.get("x-sluice-error-type")) == (400 if kind == "provider_rejected" else 502, kind), r.body
    if kind != "provider_rejected":
        assert r.get("x-should-retry") == "false" and b"sk-test" not in r.body
    if kind == "provider_auth_failed":
        assert "gateway's credential" in r.json()["error"]["message"]


@pytest.mark.parametrize("page", [b"<html><head><title>404 Not Found</title></head><body>nginx</body></html>", b"404 page not found\n", b""])
@pytest.mark.parametrize("type_", [b"text/html", b"text/plain", b"application/json"])
def test_a_404_without_json_leads_to_the_base_url(lab, page, type_):
    for mlflow in (True, False):
        r = lab.call(error(b"404 Not Found", page, content_type=type_), mlflow=mlflow)
        said = r.json()["detail"] if mlflow else r.json()["error"]["message"]
        said = said["message"] if type_ == b"text/plain" and mlflow else said
        assert r.status == 404 and "check the provider's base URL" in said and "lack" not in said
        assert lab.log()["error"].endswith("; it was asked for /v1/chat/completions")
        assert not page or said.startswith(page.split(b"<title>")[-1].split(b"<")[0].decode().strip())
    r = lab.call(error(b"404 X", b'{"error":{"message":"The model does not exist"}}'), mlflow=True)
    assert r.json()["detail"] == "The model does not exist" and "error" not in lab.log()
    r = lab.call(error(b"404 X", b'[{"error":{"message":"no such model"}}]'))  # in Gemini's form
    assert r.status == 404 and "base URL" not in r.json()["error"]["message"]


def test_a_base_url_without_its_version_is_told(sluice, upstream):
    """Whatever the server says about the path; for a deployment, no version is missing."""
    bodies = [{"detail": "Not Found"}, {"error": {"message": "Invalid URL (POST /chat/completions)", "type": "invalid_request_error", "param": None, "code": None}}, b"<html>"]
    up = upstream(lambda x: x.reply(bodies[int(x.json()["messages"][0]["content"])], "404 Not Found"))
    azure = {"name": "azure", "endpoint_type": "llm/v1/chat", "model": {"provider": "azure", "name": "m", "config": {
        "openai_api_type": "azure", "openai_api_key": "k", "openai_api_base": f"http://127.0.0.1:{up.port}", "openai_deployment_name": "d", "openai_api_version": "v"}}}
    daemon = sluice({"endpoints": [chat_route(f"http://127.0.0.1:{up.port}"), azure]})
    for route in ("chat", "azure"):
        for i, body in enumerate(bodies):
            r = daemon.call("POST", "/v1/chat/completions", {"model": route, "messages": [{"role": "user", "content": str(i)}]})
            said = r.json()["error"]["message"]
            assert r.status == 404 and ("the provider's base URL may lack its version, as in /v1" in said) == (route == "chat"), said
            assert "check the provider's base URL" in said or route == "chat"


ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|", re.M)
TOLD = {t: cells for t, *cells in ROW.findall((pathlib.Path(__file__).parents[3] / "docs/errors.md").read_text())}


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 422, 429, 500, 502, 503])
def test_the_status_is_what_docs_errors_says(lab, status):
    for mlflow, column in (True, 0), (False, 1):
        r = lab.call(error(b"%d X" % status, b'{"error":{"message":"m"}}'), mlflow=mlflow)
        told = TOLD[r.get("x-sluice-error-type")][column]
        assert r.status == (status if told.startswith("the upstream's (") else int(told[:3])), told


def test_waits_are_passed_up_to_two_minutes(lab):
    def wait(*lines):
        r = lab.call(error(b"429 X", b'{"error":{"message":"m"}}', more="".join(f"{line}\r\n" for line in lines).encode()))
        assert r.status == 429
        return r.get("retry-after"), r.get("retry-after-ms"), r.get("x-ratelimit-reset-requests")

    assert wait("Retry-After: 120") == ("120", None, None)
    assert wait("Retry-After: 121") == (None, None, "121s")
    assert wait("Retry-After: 86400", "x-ratelimit-reset-requests: 24h0m0s") == (None, None, "24h0m0s")
    assert wait("retry-after-ms: 1500") == ("2", "1500", None)
    assert wait("retry-after-ms: 500000") == (None, None, "500s")
    assert wait("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT") == ("0", None, None)
    assert wait("Retry-After: soon") == (None, None, None)


def test_large_error_bodies(lab):
    body = b'{"error":{"message":"' + b"x" * 1000000 + b'"}}'
    r = lab.call(error(b"400 Bad Request", body))
    assert r.status == 400 and len(r.body) < 10000 and r.get("x-sluice-error-type") == "provider_rejected" and r.json()["error"]["message"]
    r = lab.call(error(b"302 Found", body))
    assert r.status == 502
    m = lab.call(error(b"400 Bad Request", body), mlflow=True)
    assert m.status in (400, 502) and len(m.body) < 300000


def test_headers_down(lab):
    more = [("X-Custom", "1"), ("x-ratelimit-limit-requests", "60"), ("openai-processing-ms", "12"), ("openai-version", "2020-10-01"), ("x-request-id", "req_up"),
            ("Set-Cookie", "a=b"), ("Server", "cloud"), ("Alt-Svc", "h3"), ("Strict-Transport-Security", "max-age=1"), ("OpenAI-Organization", "secret-org"),
            ("Keep-Alive", "timeout=5"), ("X-Hop", "1"), ("X-A-Very-Long-Name-" + "y" * 80, "1"), ("Proxy-Authenticate", "Basic"), ("TE", "x"), ("Trailer", "X-Sum"),
            ("Upgrade", "h2c"), ("x-sluice-route", "forged"), ("server-timing", "x"), ("Access-Control-Allow-Origin", "*"), ("access-control-expose-headers", "x-custom"), ("Connection", "close"), ("Connection", "X-Hop, x-a-very-long-name-" + "y" * 80)]
    for mlflow in (False, True):
        r = lab.call(lambda x: x.reply(CHAT_REPLY, headers=more), mlflow=mlflow)
        assert r.status == 200
        names = [k.lower() for k, _ in r.headers]
        for name in ("x-custom", "x-ratelimit-limit-requests", "openai-processing-ms", "openai-version"):
            assert names.count(name) == 1, name
        for name in ("set-cookie", "server", "alt-svc", "strict-transport-security", "openai-organization", "keep-alive", "x-hop", "proxy-authenticate", "te", "trailer",
                     "upgrade", "transfer-encoding"):
            assert name not in names, name
        assert not any(n.startswith(("x-a-very", "access-control-")) for n in names)
        assert r.get("x-request-id") == lab.id and r.get("x-sluice-upstream-request-id") == "req_up" and r.get("x-sluice-route") == "chat"
        assert names.count("x-sluice-route") == 1 and names.count("server-timing") == 1 and names.count("content-type") == 1


def test_headers_up(lab):
    up = [("authorization", "Bearer client-key"), ("x-api-key", "client-key"), ("api-key", "client-key"), ("cookie", "a=client-key"), ("accept", "application/json"),
          ("user-agent", "OpenAI/Python 2.0"), ("idempotency-key", "i-1"), ("openai-beta", "x=1"), ("anthropic-beta", "y"), ("x-stainless-lang", "python"),
          ("X-Stainless-Retry-Count", "1"), ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("tracestate", "a=b"),
          ("openai-organization", "org-client"), ("openai-project", "p"), ("x-forwarded-for", "1.2.3.4"), ("accept-encoding", "gzip, br"), ("te", "trailers"),
          ("connection", "tracestate"), ("x-custom", "1"), ("proxy-authorization", "Basic x"), ("upgrade", "h2c"), ("forwarded", "for=1")]
    lab.call(WHOLE, headers=up)
    got = lab.up.requests[-1]
    head = got.head.decode().lower()
    assert "client-key" not in head and got.get("authorization") == "Bearer sk-test-secret"
    names = sorted(k.lower() for k, _ in got.headers)
    assert names == sorted(["host", "content-length", "content-type", "authorization", "accept", "user-agent", "idempotency-key", "openai-beta", "anthropic-beta",
                            "x-stainless-lang", "x-stainless-retry-count", "traceparent", "accept-encoding"])
    assert got.get("accept-encoding") == "identity" and got.get("user-agent").startswith("OpenAI/Python 2.0 sluice/")
    assert got.get("host") == f"127.0.0.1:{lab.up.port}" and got.line == "POST /v1/chat/completions HTTP/1.1"


def test_the_body_differs_only_in_its_model(lab):
    """Odd spacing, unknown members, forms of numbers, repeated members: all are passed on."""
    body = (b'\t{ "messages" : [ {"role":"user","content":"h\\u00e9 \\ud83d\\ude00 \xc3\xa9", "x":1E+2} ] ,\r\n  "mo\\u0064el" :\t"chat" , "temperature":1.50e-0, '
            b'"seed": 12345678901234567890123, "logit_bias":{"50256":-100}, "tools":[], "a":null, "a":2 , "response_format": {"type":"text"} } \n')
    conn = lab.daemon.connect()
    lab.up.handler = lambda x: x.reply(CHAT_REPLY)
    conn.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert conn.reply().status == 200
    conn.close()
    assert lab.up.requests[-1].body == body.replace(b'"chat"', b'"gpt-4o-mini"')


@pytest.mark.parametrize("before", [b" " * (262144 - 12), b" " * (262144 - 9)])
@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/gateway/chat/invocations"])
def test_a_credential_is_not_told_in_halves(lab, path, kind, before):
    """For every place where a long error may be cut."""
    lab.up.handler = lambda x: x.reply(before + b"sk-test-secret" + b"z" * 100, status="400 Bad Request", content_type=kind)
    r = lab.daemon.call("POST", path, {"messages": [{"role": "user", "content": "x"}], **({"model": "chat"} if path.startswith("/v1") else {})})
    assert r.status == 400 and b"sk-test-s" not in r.body, r.body[-200:]


def test_a_credential_is_not_told_in_halves_of_an_event(lab):
    text = b"a " * 506 + b"sk-test-secret" + b"z" * 100
    lab.up.handler = lambda x: x.reply(b"event: error\ndata: " + text + b"\n\n", content_type="text/event-stream")
    r = lab.daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": [{"role": "user", "content": "x"}], "stream": True})
    assert b"a a a" in r.body and b"sk-test-s" not in r.body, r.body[-200:]


def test_gzip_bombs_stay_small(lab):
    """A reply of 200 MB in 200 kB: passed on at the client's pace if it may be, refused if it must be collected."""
    z = zlib.compressobj(9, zlib.DEFLATED, 31)
    million = b'"' + b"x" * 999998 + b'"'
    bomb = z.compress(b'{"choices":[') + b"".join(z.compress(million + b",") for _ in range(200)) + z.compress(b"1]}") + z.flush()
    assert len(bomb) < 300000
    before = lab.daemon.rss()
    m = lab.call(coded(b"gzip", bomb), mlflow=True)
    assert m.status == 502 and m.get("x-sluice-error-type") == BAD and "upstream.limits.reply" in m.json()["detail"]
    conn = lab.start(lambda x: x.send(coded(b"gzip", bomb)))
    head = conn.head()
    assert head.status == 200
    total, peak = 0, 0
    while data := conn.chunk():
        total += len(data)
        peak = max(peak, lab.daemon.rss())
    conn.close()
    assert total == 200 * 1000001 + len(b'{"choices":[') + len(b"1]}")
    assert SANITIZED or peak - before < 48 << 20, "the decoded reply was kept"


def test_more_than_the_limit_is_not_collected(lab):
    def handler(x):
        x.send(CHUNKED)
        try:
            while True:
                x.chunk(b" " * 1000000)
        except OSError:
            pass

    before = lab.daemon.rss()
    m = lab.call(handler, mlflow=True)
    assert m.status == 502 and "upstream.limits.reply" in m.json()["detail"]
    assert SANITIZED or lab.daemon.rss() - before < 80 << 20


def test_collected_replies_count_into_the_memory_limit(tmp_path):
    lab = Lab(tmp_path, {"server": {"workers": 1, "limits": {"memory": "4MiB"}}})
    try:
        big = b'{"choices":[{"x":"' + b"y" * 6000000 + b'"}]}'
        for reply in (OK + b"Content-Length: %d\r\n\r\n" % len(big) + big, OK + b"\r\n" + big):
            m = lab.call(reply, mlflow=True)
            assert m.status == 503 and m.get("x-sluice-error-type") == "sluice_overloaded" and m.get("retry-after")
            assert "server.limits.memory" in m.json()["detail"]
        for _ in range(20):  # all memory is given back
            m = lab.call(OK + N + CHAT_REPLY, mlflow=True)
            assert m.status == 200
        assert lab.call(OK + b"Content-Length: %d\r\n\r\n" % len(big) + big).body == big, "passed on, not collected"
        hidden = b'{"x":"' + b"y" * 6000000 + b'","choices":[{}]}'  # it is not visible early enough whether it is an answer
        m = lab.call(OK + b"Content-Length: %d\r\n\r\n" % len(hidden) + hidden)
        assert m.status == 503 and "server.limits.memory" in m.json()["error"]["message"]
        assert lab.call(OK + N + CHAT_REPLY).status == 200
    finally:
        lab.close()


def test_the_daemon_still_serves(lab):
    assert lab.call(WHOLE).body == CHAT_REPLY

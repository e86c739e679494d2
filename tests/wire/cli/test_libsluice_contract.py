# SPDX-License-Identifier: Apache-2.0
"""libsluice keeps its contract when servers misbehave: waits, texts, chunks, certificates, ends of streams."""
import datetime
import email.utils
import json
import pathlib
import re
import ssl
import subprocess
import time

import pytest

from libsluice import BUILD, CHAT, MODES, Driver

ROOT = pathlib.Path(__file__).resolve().parents[3]
HEADERS = ["client", "fluent", "chat", "poll"]


@pytest.fixture
def ask(upstream):
    """What the driver returns for one reply, given as bytes: ask(raw, *options, op=…)."""
    drivers = []

    def call(raw, *options, op="query", mode="block", args=(), hold=False):
        def handler(x):
            x.send(raw)
            if not hold:
                x.close()

        up = upstream(handler)
        driver = Driver(f"url=http://127.0.0.1:{up.port}", "retries=0", *options)
        drivers.append(driver)
        return driver.call(mode, op, *(args or ("chat", CHAT)))

    yield call
    for driver in drivers:
        driver.close()


def reply(body, status="200 OK", headers=b""):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = headers if isinstance(headers, bytes) else headers.encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n".encode() + headers + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def date(form, seconds):
    at = datetime.datetime.fromtimestamp(time.time() + seconds, datetime.timezone.utc)
    if form == "imf":
        return email.utils.format_datetime(at, usegmt=True)
    return at.strftime("%A, %d-%b-%y %H:%M:%S GMT" if form == "rfc850" else "%a %b %e %H:%M:%S %Y")


CAP = (2**31 - 1) * 1000


@pytest.mark.parametrize("value, low, high", [
    ("0", 0, 0), ("7", 7000, 7000), ("007", 7000, 7000), (" 7\t", 7000, 7000), ("2147483647", CAP, CAP), ("2147483648", CAP, CAP), ("99999999999999999999", CAP, CAP),
    ("9" * 400, CAP, CAP), ("", -1, -1), ("soon", -1, -1), ("-5", -1, -1), ("+5", -1, -1), ("5s", -1, -1), ("5,6", -1, -1), ("0x10", -1, -1), ("1e3", -1, -1), ("12:30", -1, -1),
    ("Friday", -1, -1), ("Sun, 99 Nov 2026 25:00:00 GMT", -1, -1),
    (("imf", -10), 0, 0), (("imf", -400_000_000), 0, 0), (("imf", 3600), 3_590_000, 3_600_000), (("rfc850", 3600), 3_590_000, 3_600_000), (("asctime", 3600), 3_590_000, 3_600_000),
])
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_retry_after(ask, value, low, high, status):
    value = date(*value) if isinstance(value, tuple) else value
    got = ask(reply({"error": "later"}, status, f"Retry-After: {value}\r\n"))
    assert low <= got["retry_after"] <= high, got["retry_after"]
    assert got["retriable"] == 1


def test_a_wait_beyond_all_numbers_is_not_retried(upstream):
    up = upstream(lambda x: x.send(reply({}, "429 Too Many Requests", f"Retry-After: {x.path.split('/')[2]}\r\n")))
    driver = Driver(f"url=http://127.0.0.1:{up.port}", "retries=3", "backoff=1")
    for n, value in enumerate(["99999999999999999999", "soon", "-5", "2147483648"], 1):
        driver.call("block", "query", value, CHAT)
        assert len(up.requests) == n, value
    driver.close()


@pytest.mark.parametrize("error, retriable", [
    ({"type": "insufficient_quota", "code": "insufficient_quota"}, 0), ({"type": "x", "code": "context_length_exceeded"}, 0), ({"code": 401}, 0), ({"type": "invalid_request_error"}, 0),
    ({"type": "rate_limit_error"}, 1), ({"code": "rate_limit_exceeded"}, 1), ({"code": 429}, 1), ("insufficient_quota", 1), (None, 1), ({"type": None, "code": None}, 1), ({"type": ["x"]}, 1),
])
def test_bodies_that_say_that_it_is_in_vain(upstream, error, retriable):
    up = upstream(lambda x: x.send(reply({"error": error}, "429 Too Many Requests", "Retry-After: 0\r\n")))
    driver = Driver(f"url=http://127.0.0.1:{up.port}", "retries=1", "backoff=1")
    assert driver.call("block", "query", "chat", CHAT)["retriable"] == retriable
    assert len(up.requests) == 1 + retriable
    driver.close()


@pytest.mark.parametrize("status, headers, retriable", [
    ("429 Too Many Requests", "x-should-retry: false\r\n", 0), ("503 Service Unavailable", "x-should-retry: false\r\n", 0), ("504 Gateway Timeout", "X-Should-Retry: false\r\n", 0),
    ("429 Too Many Requests", "x-should-retry: true\r\n", 1), ("502 Bad Gateway", "x-sluice-error-type: provider_auth_failed\r\n", 0), ("502 Bad Gateway", "x-sluice-error-type: provider_billing\r\n", 0),
    ("502 Bad Gateway", "x-sluice-error-type: provider_server_error\r\n", 1), ("503 Service Unavailable", "x-sluice-error-type: sluice_draining\r\n", 1),
    ("408 Request Timeout", "x-sluice-error-type: caller_timeout\r\n", 1), ("400 Bad Request", "", 0),
])
def test_who_says_that_it_is_in_vain(upstream, status, headers, retriable):
    up = upstream(lambda x: x.send(reply({}, status, "Retry-After: 0\r\n" + headers)))
    driver = Driver(f"url=http://127.0.0.1:{up.port}", "retries=2", "backoff=1")
    assert driver.call("block", "query", "chat", CHAT)["retriable"] == retriable
    assert len(up.requests) == (3 if retriable and status[:3] in ("429", "503") else 1)
    driver.close()


# --- texts ---

EURO = "\u20ac"


@pytest.mark.parametrize("body, detail", [
    (b'{"detail": "a\xc2\x9b31mb"}', "a 31mb"), (b'{"detail": "a\\u009bb\\u0080c\\u009fd\\u00a0e"}', "a b c d\u00a0e"), (b'{"detail": "a\\u0000b\\u001bc\\u007fd"}', "a b c d"),
    (b"\xff\xfe plain", None), (b"caf\xe9", None), (b"\xed\xa0\x80", None), (b"\xf4\x90\x80\x80", None), (b"\xc0\xaf", None), (b"\xe2\x82", None),
    (json.dumps({"detail": EURO * 3000}, ensure_ascii=False).encode(), EURO * 1365), (json.dumps({"detail": "x" + EURO * 3000}, ensure_ascii=False).encode(), "x" + EURO * 1365),
    (json.dumps({"detail": "xx" + EURO * 3000}, ensure_ascii=False).encode(), "xx" + EURO * 1364), (json.dumps({"detail": "\U0001f600" * 3000}).encode(), "\U0001f600" * 1024),
    (("y" * 2046 + EURO * 900).encode(), None), (("y" * 2047 + "\U0001f600" * 900).encode(), None),
])
@pytest.mark.parametrize("mode", ["block", "loop"])
def test_errors_are_utf8(ask, body, detail, mode):
    got = ask(reply(body, "500 Oops"), mode=mode)  # the driver's output is decoded strictly
    for key in "error", "detail":
        assert not re.search("[\x00-\x1f\x7f-\x9f]", got[key])
    if detail is not None:
        assert got["detail"] == detail
    if body[:1] == b"y":
        assert "\ufffd" not in got["error"] and len(got["error"].split("Response text: ")[1].encode()) <= 2048


@pytest.mark.parametrize("value, shown", [(b"a\xffb", "a\ufffdb"), (b"caf\xe9", "caf\ufffd"), ("caf\u00e9".encode(), "caf\u00e9"), (b"\xe2\x82", "\ufffd\ufffd"), (b"plain", "plain")])
def test_headers_are_utf8(ask, value, shown):
    got = ask(reply({}, "500 Oops", b"x-request-id: " + value + b"\r\nx-sluice-error-type: " + value + b"\r\n"))
    assert (got["request_id"], got["type"]) == (shown, shown)
    got = ask(reply({}, headers=b"x-request-id: " + value + b"\r\nx-test: " + value + b"\r\n"))
    assert (got["request_id"], got["x_test"]) == (shown, shown)


@pytest.mark.parametrize("n", range(490, 515))
def test_long_stream_errors_are_cut_at_a_character(ask, n):
    event = {"error": {"message": "m" * n + EURO * 10, "type": "t" * (n % 5 + 58) + EURO * 5}}
    got = ask(stream("data: " + json.dumps(event) + "\n\n"), op="stream")
    assert got["code"] == "SLUICE_ESTREAM" and "\ufffd" not in got["error"] + got["type"]
    assert got["type"].rstrip(EURO) == "t" * (n % 5 + 58)


def test_a_status_lines_words_are_utf8(ask):
    for words in b"Caf\xe9", "z\u00fc".encode() * 60, b"\x9b31m":
        got = ask(b"HTTP/1.1 500 " + words + b"\r\nContent-Length: 0\r\n\r\n")
        assert got["code"] == "SLUICE_ESERVER" and "\x9b" not in got["error"]


# --- transport ---


def stream(text, framed=True):
    data = text.encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    if not framed:
        return head + b"Connection: close\r\n\r\n" + data
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + f"{len(data):x}\r\n".encode() + data + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("chunks", [b"zz\r\n", b"-1\r\n", b" 5\r\nhello\r\n0\r\n\r\n", b"\r\n", b"0x5\r\nhello\r\n", b"fffffffffffffffff\r\n", b"5\r\nhelloXX\r\n0\r\n\r\n", b"5\r\nhello5\r\n", b"g\r\n", b";a=b\r\n"])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_bad_chunks(ask, chunks, kind):
    got = ask(b"HTTP/1.1 200 OK\r\nContent-Type: " + kind.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, op="stream" if "event" in kind else "query", hold=True)
    assert (got["code"], got["retriable"]) == ("SLUICE_EPROTOCOL", 0), got


@pytest.mark.parametrize("length", ["-1", "abc", "1, 2", "+1", "0x2"])
def test_bad_lengths(ask, length):
    got = ask(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{{}}".encode(), hold=True)
    assert (got["code"], got["retriable"]) == ("SLUICE_EPROTOCOL", 0), got


A = 'data: {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": null}]}\n\n'
E = 'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n'
U = 'data: {"choices": [], "usage": {"total_tokens": 7}}\n\n'
D = "data: [DONE]\n\n"


@pytest.mark.parametrize("events, framed, code", [
    (A + E + D, False, "SLUICE_OK"), (A + D, False, "SLUICE_OK"), (D, False, "SLUICE_OK"), (A + E, False, "SLUICE_OK"), (A + E + U, False, "SLUICE_OK"), (A + E + D, True, "SLUICE_OK"),
    (A + E, True, "SLUICE_OK"), (A, True, "SLUICE_OK"), (A, False, "SLUICE_ESTREAM"), (A + A, False, "SLUICE_ESTREAM"), ("", False, "SLUICE_ESTREAM"), (": hi\n\n", False, "SLUICE_ESTREAM"),
    (A + U, False, "SLUICE_ESTREAM"), (A + E[:-9], False, "SLUICE_ESTREAM"),
])
@pytest.mark.parametrize("mode", MODES)
def test_ends_of_streams(ask, events, framed, code, mode):
    got = ask(stream(events, framed), op="stream", mode=mode)
    assert got["code"] == code, got
    assert code == "SLUICE_OK" or got["retriable"] == 1


@pytest.mark.parametrize("event, retriable, said", [
    ({"error": {"message": "m", "type": "invalid_request_error"}}, 0, "m"), ({"error": {"message": "m", "type": "x", "code": "context_length_exceeded"}}, 0, "m"),
    ({"error": {"message": "m", "code": 400}}, 0, "m"), ({"error": {"message": "m", "code": "401"}}, 0, "m"), ({"error": {"message": "m", "code": 422}}, 0, "m"),
    ({"error": {"message": "m", "type": "authentication_error"}}, 0, "m"), ({"error": {"message": "m", "type": "caller_invalid_request"}}, 0, "m"),
    ({"error": {"message": "m", "type": "insufficient_quota", "code": "insufficient_quota"}}, 0, "m"), ({"object": "error", "message": "m", "type": "BadRequestError", "code": 400}, 0, "m"),
    ({"error": {"message": "m", "type": "provider_content_filter"}}, 0, "m"), ({"error": {"message": "m", "code": 429}}, 1, "m"), ({"error": {"message": "m", "code": 500}}, 1, "m"),
    ({"error": {"message": "m", "type": "overloaded_error"}}, 1, "m"), ({"error": {"message": "m", "type": "provider_stream_broken"}}, 1, "m"), ({"error": "m"}, 1, "m"),
    ({"error": {"message": "m", "type": "caller_timeout"}}, 1, "m"), ({"error": {"type": "x"}}, 1, "the stream reported an error"), ({"object": "error", "message": "m", "code": 503}, 1, "m"),
])
@pytest.mark.parametrize("mode", ["block", "pull"])
def test_errors_within_a_stream(ask, event, retriable, said, mode):
    got = ask(stream(A + "data: " + json.dumps(event) + "\n\n" + D), op="stream", mode=mode)
    assert (got["code"], got["retriable"]) == ("SLUICE_ESTREAM", retriable) and got["error"].endswith("exception " + said), got


@pytest.mark.parametrize("value", [None, {}, "", False, [], 0])
def test_what_is_no_error_within_a_stream(ask, value):
    event = {"choices": [{"index": 0, "delta": {"content": "b"}}], "error": value}
    got = ask(stream(A + "data: " + json.dumps(event) + "\n\n" + D), op="stream", mode="push")
    assert (got["code"], got["text"]) == ("SLUICE_OK", "ab"), got


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A client's certificate that the server does not know."""
    directory = tmp_path_factory.mktemp("client")
    cert, key = directory / "c.pem", directory / "k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=somebody", "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return str(cert), str(key)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("who, code", [("nobody", "SLUICE_ETLS"), ("a stranger", "SLUICE_ETLS"), ("known", "SLUICE_OK")])
def test_client_certificates(certs, authority, version, who, code):
    """openssl's server reads before it closes, so that its alert arrives, as with the servers in use."""
    import shutil
    import socket

    assert shutil.which("openssl")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", certs[0], "-key", certs[1], "-CAfile", certs[0], "-Verify", "1", "-verify_return_error",
                               "-" + version.lower().replace("v1_", "1_"), "-www", "-quiet"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        options = {"nobody": [], "a stranger": [f"cert={authority[0]}", f"cert_key={authority[1]}"], "known": [f"cert={certs[0]}", f"cert_key={certs[1]}"]}[who]
        driver = Driver(f"url=https://127.0.0.1:{port}", f"ca={certs[0]}", "retries=0", *options)
        got = driver.call("block", "http", "GET", "/", "-")
        assert got["code"] == code, got
        assert code == "SLUICE_OK" or got["retriable"] == 0
        driver.close()
    finally:
        server.kill()
        server.wait()


def test_a_lost_tls_connection_is_a_lost_connection(upstream, certs):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certs)
    up = upstream(lambda x: x.cut(), tls=context)
    driver = Driver(f"url=https://localhost:{up.port}", f"ca={certs[0]}", "retries=0")
    got = driver.call("block", "query", "chat", CHAT)
    assert (got["code"], got["retriable"]) == ("SLUICE_ECONNECT", 1), got
    driver.close()


ROUTE = {"name": "chat", "route_type": "llm/v1/chat", "model": {"name": "m", "provider": "openai"}, "route_url": "/gateway/chat/invocations", "limit": None}


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize("value", ["*", "127.0.0.1", "127.0.0.0/8", "localhost,127.0.0.1"])
def test_whose_no_proxy_it_is(upstream, name, value):
    for from_env, by_proxy in ("0", True), ("1", False):
        up, proxy = (upstream(lambda x: x.send(reply(ROUTE))) for _ in range(2))
        driver = Driver(f"url=http://127.0.0.1:{up.port}", f"proxy=http://127.0.0.1:{proxy.port}", f"proxy_from_env={from_env}", env={name: value})
        assert driver.call("block", "get_route", "chat")["code"] == "SLUICE_OK"
        assert (len(up.requests), len(proxy.requests)) == ((0, 1) if by_proxy else (1, 0))
        driver.close()


@pytest.mark.parametrize("args, said", [
    (("http", "GET", "/x", '{"a": 1}'), "a GET has no body"), (("http", "HEAD", "/x", "{}"), "a HEAD has no body"), (("http", "GET", "/x", "null"), "a GET has no body"),
])
def test_bodies_that_would_be_lost(upstream, args, said):
    up = upstream(lambda x: x.send(reply({})))
    driver = Driver(f"url=http://127.0.0.1:{up.port}")
    got = driver.call("block", *args)
    assert got["code"] == "SLUICE_EUSAGE" and said in got["error"] and not up.requests
    for method in "POST", "PUT", "PATCH", "DELETE":
        assert driver.call("block", "http", method, "/x", '{"a": 1}')["code"] == "SLUICE_OK"
        assert (up.requests[-1].method, up.requests[-1].json()) == (method, {"a": 1})
    driver.close()


# --- the headers' own ---


def declared():
    """Every exported function, by header."""
    found = {}
    for header in HEADERS:
        text = re.sub(r"/\*.*?\*/", "", (ROOT / f"include/sluice/{header}.h").read_text(), flags=re.S)
        text = re.sub(r"static inline .*?\n}\n", "", text, flags=re.S)
        found |= dict.fromkeys(re.findall(r"\b(sluice_[a-z_0-9]+)\(", text), header)
    return found


def test_the_version_is_the_projects():
    version = (ROOT / "VERSION").read_text().strip()
    text = (ROOT / "include/sluice/client.h").read_text()
    assert ".".join(re.findall(r"#define SLUICE_VERSION_(?:MAJOR|MINOR|PATCH)\s+(\d+)", text)) == version


def test_since():
    """The comment of a function that is not in the map's first version says since when it exists; the others say
    nothing."""
    nodes = re.findall(r"^(SLUICE_[\d.]+) \{(.*?)\n\}", (ROOT / "src/client/libsluice.map").read_text(), re.M | re.S)
    first = set(re.findall(r"^    (sluice_\w+);", nodes[0][1], re.M))
    for name, header in declared().items():
        text = (ROOT / f"include/sluice/{header}.h").read_text()
        above = text[:re.search(rf"\b{name}\(", re.sub(r"/\*.*?\*/", lambda m: " " * len(m.group()), text, flags=re.S)).start()]
        comment = above[above.rindex("/*"):]
        assert ("SINCE" in comment) == (name not in first), name


def test_every_function_is_asked_with_nothing():
    text = (ROOT / "tests/unit/client/test_null.c").read_text()
    missing = [name for name in declared() if name + "(" not in text]
    assert not missing


def test_pkg_config():
    text = (BUILD / "meson-private/sluice.pc").read_text()
    fields = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    assert "libcurl" in fields["Requires.private"] and "curl" not in fields.get("Libs.private", "") and "curl" not in fields["Libs"]
    assert fields["Version"] == (ROOT / "VERSION").read_text().strip()

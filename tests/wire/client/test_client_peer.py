# SPDX-License-Identifier: Apache-2.0
"""Who the client is: forwarded addresses, the PROXY protocol, and web pages, which the open default refuses."""
import json
import socket
import ssl
import struct

import pytest

from harness import CHAT, CHAT_REPLY, DEADLINE, Conn, chat_route, free_port, wait_for

V2 = b"\r\n\r\n\0\r\nQUIT\n"


def get(headers=(), path="/health", version="1.1", host="127.0.0.1"):
    lines = [f"GET {path} HTTP/{version}"] + ([f"Host: {host}"] if host is not None else []) + [f"{k}: {v}" for k, v in headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def client_of(daemon, conn, headers, request_id):
    conn.send(get(list(headers) + [("X-Request-Id", request_id)]))
    assert conn.reply().status == 200
    return daemon.log_line(request_id)["client"]


FORWARDED = [
    ([], "127.0.0.1"),
    (["198.51.100.7"], "198.51.100.7"),
    (["203.0.113.9, 198.51.100.7"], "198.51.100.7"),  # the client's own values are on the left
    (["203.0.113.9, 198.51.100.7, 10.1.2.3, 127.0.0.1"], "198.51.100.7"),
    (["203.0.113.9, 198.51.100.7", "10.0.0.1"], "198.51.100.7"),  # several fields are one list
    (["198.51.100.7:4711"], "198.51.100.7"),
    (["2001:db8::1"], "2001:db8::1"),
    (["[2001:db8::1]:4711"], "2001:db8::1"),
    (["::ffff:198.51.100.7"], "198.51.100.7"),
    (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),  # all trusted: the first
    (["198.51.100.7, nonsense"], "127.0.0.1"),  # after an entry that is no address, nothing counts
    (["198.51.100.7, "], "127.0.0.1"),
    (["203.0.113.9, nonsense, 10.1.1.1"], "10.1.1.1"),
]


def test_forwarded_for_is_believed_from_trusted_proxies_only(sluice):
    believing = sluice({"endpoints": [], "server": {"trusted_proxies": ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"]}})
    conn = believing.connect()
    for i, (values, want) in enumerate(FORWARDED):
        assert client_of(believing, conn, [("X-Forwarded-For", v) for v in values], f"f{i}") == want, values
    doubting = sluice({"endpoints": [], "server": {"trusted_proxies": ["10.0.0.0/8"]}})
    assert client_of(doubting, doubting.connect(), [("X-Forwarded-For", "198.51.100.7")], "d") == "127.0.0.1"
    default = sluice({"endpoints": []})
    assert client_of(default, default.connect(), [("X-Forwarded-For", "198.51.100.7")], "n") == "127.0.0.1"


def test_forwarded_host_and_proto(sluice):
    """A whole URL is the one that the client used; a proxy that cuts a prefix off says which."""
    route = {"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}
    said = [("X-Forwarded-Host", "evil.example, llm.example"), ("X-Forwarded-Proto", "https"), ("User-Agent", "databricks-sdk-py/0.1")]
    for trusted, want in [(["127.0.0.1"], "https://llm.example"), ([], "http://127.0.0.1")]:
        daemon = sluice({"endpoints": [route], "auth": "none", "server": {"trusted_proxies": trusted}})
        for prefix, seen in (("", ""), ("/sluice", "/sluice" if trusted else ""), ("//x", "")):
            reply = daemon.call("GET", "/api/2.0/endpoints/chat", headers=[*said, *([("X-Forwarded-Prefix", prefix)] if prefix else [])])
            assert (reply.status, reply.json()["endpoint_url"]) == (200, want + seen + "/gateway/chat/invocations")


def v2(source, port, command=1, tlv=b"", family=None):
    v6 = ":" in source
    fam = family if family is not None else (0x21 if v6 else 0x11)
    pack = (lambda a: socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, a))
    body = pack(source) + pack("::1" if v6 else "127.0.0.1") + struct.pack("!HH", port, 443) + tlv
    return V2 + bytes([0x20 | command, fam]) + struct.pack("!H", len(body)) + body


PROXIED = {
    "v1": (b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 443\r\n", "198.51.100.7"),
    "v1 IPv6": (b"PROXY TCP6 2001:db8::7 ::1 4711 443\r\n", "2001:db8::7"),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v1 unknown with words": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", "127.0.0.1"),
    "v2": (v2("198.51.100.7", 4711), "198.51.100.7"),
    "v2 IPv6": (v2("2001:db8::7", 4711), "2001:db8::7"),
    "v2 IPv4 in IPv6": (v2("::ffff:198.51.100.7", 4711), "198.51.100.7"),
    "v2 with more": (v2("198.51.100.7", 4711, tlv=b"\x02\x00\x05hello" + b"\x04\x03\xe8" + b"\0" * 1000), "198.51.100.7"),
    "v2 local": (V2 + b"\x20\x00\x00\x00", "127.0.0.1"),
    "v2 local with addresses": (v2("198.51.100.7", 4711, command=0), "127.0.0.1"),
    "v2 unspecified": (V2 + b"\x21\x00\x00\x03abc", "127.0.0.1"),
    "v2 unix": (V2 + b"\x21\x31" + struct.pack("!H", 216) + b"/" * 216, "127.0.0.1"),
}

MALFORMED = {
    "no header": get(),
    "v1 too long": b"PROXY TCP4 " + b"1" * 200 + b"\r\n",
    "v1 bad address": b"PROXY TCP4 198.51.100.777 127.0.0.1 4711 443\r\n" + get(),
    "v1 family and address differ": b"PROXY TCP4 2001:db8::7 ::1 4711 443\r\n" + get(),
    "v1 bad port": b"PROXY TCP4 198.51.100.7 127.0.0.1 66000 443\r\n" + get(),
    "v1 short": b"PROXY TCP4 198.51.100.7\r\n" + get(),
    "v1 two spaces": b"PROXY TCP4  198.51.100.7 127.0.0.1 4711 443\r\n" + get(),
    "v1 with more": b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 443 1\r\n" + get(),
    "v1 udp": b"PROXY UDP4 198.51.100.7 127.0.0.1 4711 443\r\n" + get(),
    "v1 line feed": b"PROXY TCP4 198.51.100.7 127.0.0.1 4711 443\n" + get(),
    "v1 small letters": b"proxy TCP4 198.51.100.7 127.0.0.1 4711 443\r\n" + get(),
    "v2 version 3": V2 + b"\x31\x11\x00\x0c" + b"\0" * 12 + get(),
    "v2 command 2": V2 + b"\x22\x11\x00\x0c" + b"\0" * 12 + get(),
    "v2 too short": V2 + b"\x21\x11\x00\x04" + b"\0" * 4 + get(),
    "v2 too long": V2 + b"\x21\x11\xff\xff" + b"\0" * 5000,
    "v2 datagram": v2("198.51.100.7", 1, family=0x12) + get(),
    "v2 signature cut": V2[:-1] + b"X" + b"\x21\x11\x00\x0c" + b"\0" * 12 + get(),
}


@pytest.fixture(scope="module", params=["plain", "tls"])
def proxied(request, tmp_path_factory, certs):
    from harness import Sluice

    port = free_port()
    server = {"listen": [{"address": f"127.0.0.1:{port}", "proxy_protocol": True}], "trusted_proxies": ["127.0.0.1"], "timeouts": {"head": "2s"}}
    if request.param == "tls":
        server["tls"] = {"cert": certs[0], "key": certs[1]}
    daemon = Sluice(tmp_path_factory.mktemp("proxied"), {"endpoints": [], "server": server}, listen=False, port=port)
    daemon.tls = ssl.create_default_context(cafile=certs[0]) if request.param == "tls" else None
    yield daemon
    daemon.stop()


def open_behind(daemon, header, piece=None):
    conn = daemon.connect()
    for i in range(0, len(header), piece or len(header)):
        conn.send(header[i:i + (piece or len(header))])
    if daemon.tls:
        conn.sock = daemon.tls.wrap_socket(conn.sock, server_hostname="localhost")
    return conn


@pytest.mark.parametrize("name", list(PROXIED))
@pytest.mark.parametrize("piece", [None, 1, 7])
def test_proxy_protocol(proxied, name, piece):
    header, want = PROXIED[name]
    conn = open_behind(proxied, header, piece)
    for i in range(2):  # the second request of the connection has the same client
        assert client_of(proxied, conn, [], f"{name}-{piece}-{i}".replace(" ", "_")) == want
    if not proxied.tls:  # header and request in one segment
        conn = proxied.connect()
        conn.send(header + get([("X-Request-Id", f"one-{name}".replace(" ", "_"))]))
        assert conn.reply().status == 200


@pytest.mark.parametrize("name", list(MALFORMED))
def test_malformed_proxy_headers_close(proxied, name):
    conn = proxied.connect()
    try:
        conn.send(MALFORMED[name])
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert conn.rest() == b""
    wait_for(lambda: "127.0.0.1 was sent away: what it sent first is no PROXY header" in proxied.stderr, "a line of it")


def test_a_proxy_header_has_the_heads_time(proxied):
    conn = proxied.connect()
    conn.send(b"PROXY TCP4 ")
    assert conn.rest() == b""


def test_only_trusted_proxies_may_use_that_listener(sluice, tmp_path):
    port, plain = free_port(), free_port()
    daemon = sluice({"endpoints": [], "server": {"listen": [{"address": f"127.0.0.1:{port}", "proxy_protocol": True}, f"127.0.0.1:{plain}",
                                                            {"address": f"unix:{tmp_path}/s", "proxy_protocol": True}]}}, listen=False, port=plain)
    conn = Conn(port)
    try:
        conn.send(PROXIED["v1"][0] + get())
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert conn.rest() == b""
    wait_for(lambda: "127.0.0.1 was sent away: its listener is for proxies" in daemon.stderr, "a line of it")
    conn = daemon.connect()
    conn.send(PROXIED["v1"][0] + get())  # on a listener without the protocol that is no request
    assert conn.reply().status == 400
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(DEADLINE)
    sock.connect(f"{tmp_path}/s")
    sock.sendall(PROXIED["v2"][0] + get([("X-Request-Id", "u")]))
    assert sock.recv(1000).startswith(b"HTTP/1.1 200")
    assert daemon.log_line("u")["client"] == "198.51.100.7"


def test_unix_sockets_count_as_trusted(sluice, tmp_path):
    daemon = sluice({"endpoints": [], "server": {"listen": [f"unix:{tmp_path}/s"]}}, listen=False, ready=False)
    wait_for(lambda: (tmp_path / "s").exists(), "the socket")
    for i, (headers, want) in enumerate([([], "unix"), ([("X-Forwarded-For", "198.51.100.7")], "198.51.100.7")]):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(DEADLINE)
        sock.connect(f"{tmp_path}/s")
        sock.sendall(get(headers + [("X-Request-Id", f"u{i}")], host="gateway.example"))  # a browser cannot use this socket
        assert sock.recv(1000).startswith(b"HTTP/1.1 200")
        assert daemon.log_line(f"u{i}")["client"] == want


# --- web pages ---

HOSTS = [("127.0.0.1", True), ("127.0.0.1:5000", True), ("127.9.9.9", True), ("localhost", True), ("LOCALHOST:1", True), ("localhost.", True),
         ("app.localhost:5000", True), ("[::1]", True), ("[::1]:5000", True), (None, True),
         ("evil.example", False), ("evil.example:5000", False), ("localhost.evil.example", False), ("127.0.0.1.evil.example", False), ("10.0.0.1", False),
         ("[::2]", False), ("0.0.0.0", False), ("", False), ("xlocalhost", False), ("2130706433", False)]


@pytest.fixture(scope="module")
def open_daemon(sluice_module):
    return sluice_module({"endpoints": []})


def forbidden(reply, dialect):
    assert (reply.status, reply.get("x-sluice-error-type")) == (403, "caller_forbidden")
    value = json.loads(reply.body)
    assert b"\n" not in reply.body and "open to this machine only" in (value["error"]["message"] if dialect == "openai" else value["detail"])


def test_a_rebound_name_is_refused(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    for host, good in HOSTS:
        conn = daemon.connect()
        conn.send(get(host=host, version="1.0" if host is None else "1.1"))
        reply = conn.reply()
        assert reply.status == (200 if good else 403), host
        if not good:
            forbidden(reply, "mlflow")
    body = json.dumps(CHAT).encode()
    for path, dialect in [("/v1/chat/completions", "openai"), ("/gateway/chat/invocations", "mlflow"), ("/v1/nope", "openai")]:
        conn = daemon.connect()
        conn.send(f"POST {path} HTTP/1.1\r\nHost: evil.example\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n")
        forbidden(conn.reply(), dialect)  # by the head alone
    conn = daemon.connect()
    conn.send(get(path="http://evil.example/health"))
    forbidden(conn.reply(), "mlflow")
    assert not up.requests


def test_another_sites_page_is_refused(sluice, upstream, tmp_path):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    own = free_port()
    # the unix socket has no port: even so, http://localhost is another server
    listen = [f"127.0.0.1:{own}", f"unix:{tmp_path}/s"]
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"listen": listen}}, listen=False, port=own)
    for origin, good in [(f"http://127.0.0.1:{own}", True), (f"http://localhost:{own}", True), (f"http://[::1]:{own}", True), (f"https://localhost:{own}", True),
                         ("http://evil.example", False), (f"http://evil.example:{own}", False), ("http://localhost:1", False), ("http://localhost", False),
                         ("null", False), ("", False), ("file://", False), ("chrome-extension://abc", False), (f"http://127.0.0.1:{own}.evil.example", False)]:
        reply = daemon.call("POST", "/v1/chat/completions", CHAT, [("Origin", origin), ("Content-Type", "text/plain")])
        assert reply.status == (200 if good else 403), origin
        if not good:
            forbidden(reply, "openai")
    reply = daemon.call("POST", "/v1/chat/completions", CHAT, [("Origin", f"http://127.0.0.1:{own}"), ("Origin", "http://evil.example")])
    forbidden(reply, "openai")
    assert len(up.requests) == 4


LINK = {"mode": "navigate", "dest": "document"}


@pytest.mark.parametrize("fetch, origin, good", [
    ({"site": "cross-site"}, None, False), ({"site": "same-site"}, None, False), ({"site": "cross-site", "mode": "no-cors", "dest": "image"}, None, False),
    ({"site": "Cross-Site", "mode": "no-cors", "dest": "script"}, None, False), ({"site": "cross-site", "mode": "navigate", "dest": "iframe"}, None, False),
    ({"site": "same-site", "mode": "navigate"}, None, False), ({"site": ""}, None, False), ({"site": "nonsense"}, None, False),
    ({"site": "same-origin"}, None, True), ({"site": "none", **LINK}, None, True), ({"site": "cross-site", **LINK}, None, True), ({"mode": "no-cors"}, None, True),
    ({"site": "cross-site", "mode": "cors"}, "http://localhost:{port}", True), ({"site": "same-origin"}, "http://evil.example", False)])
def test_a_page_without_origin_is_known_by_its_site(open_daemon, fetch, origin, good):
    """Browsers send no Origin for images, scripts and frames, but Sec-Fetch-Site; a user who follows a link is
    allowed."""
    headers = [(f"Sec-Fetch-{k.title()}", v) for k, v in fetch.items()] + ([("Origin", origin.format(port=open_daemon.port))] if origin else [])
    reply = open_daemon.call("GET", "/v1/models", headers=headers)
    assert reply.status == (200 if good else 403)
    if not good:
        forbidden(reply, "openai")


def test_where_keys_are_asked_for_a_page_may_have_one(sluice):
    daemon = sluice({"endpoints": [], "auth": "none"})
    assert daemon.call("GET", "/v1/models", headers=[("Sec-Fetch-Site", "cross-site")]).status == 200


def test_public_url_is_ours_too(sluice):
    daemon = sluice({"endpoints": [], "server": {"public_url": "https://llm.example:8443/base", "trusted_proxies": ["127.0.0.1"]}})
    for host, headers, status in [("llm.example", [], 200), ("LLM.example:8443", [("Origin", "https://llm.example:8443")], 200),
                                  ("llm.example", [("Origin", "https://llm.example:8443")], 200), ("llm.example", [("Origin", "https://other.example:8443")], 403),
                                  ("other.example", [], 403), ("127.0.0.1", [("X-Forwarded-Host", "llm.example")], 200),
                                  ("127.0.0.1", [("X-Forwarded-Host", "evil.example")], 403)]:
        conn = daemon.connect()
        conn.send(get(headers, host=host))
        assert conn.reply().status == status, (host, headers)


def test_with_auth_any_host_will_do(sluice):
    daemon = sluice({"endpoints": [], "auth": "none"})
    conn = daemon.connect()
    conn.send(get([("Origin", "http://evil.example")], host="gateway.example"))
    assert conn.reply().status == 200

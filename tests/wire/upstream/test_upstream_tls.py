# SPDX-License-Identifier: Apache-2.0
"""TLS to upstreams, and the way there through a proxy."""
import base64
import signal
import ssl
import subprocess
import threading

import pytest

from harness import BIN, CHAT_REPLY, SANITIZED, chat_route, free_port, wait_for
from lab import DONE, Lab, chunk_of, event_of
from upstream import Upstream

A, END = event_of(chunk_of("a")), event_of(chunk_of(None, "stop"))
OK = lambda x: x.reply(CHAT_REPLY)
CALL = {"model": "chat", "messages": [{"role": "user", "content": "x"}]}


@pytest.fixture
def lab(tmp_path, ca):
    labs = []

    def start(tls=None, **config):
        upstream = {"ca": ca.path, **config.pop("upstream", {})}
        labs.append(Lab(tmp_path / str(len(labs)), {"server": {"workers": 1}, "upstream": upstream, **config}, tls=tls or ca.server("127.0.0.1")))
        return labs[-1]

    yield start
    for one in labs:
        one.close()


def test_calls_and_streams(lab):
    lab = lab()
    for i in range(3):
        assert lab.call(OK).body == CHAT_REPLY
    assert lab.call(lambda x: (x.stream_head(), x.chunk(A + END + DONE), x.last_chunk()), stream=True).body.decode() == A + END + DONE
    assert lab.up.n_connections == 1
    big = {"padding": "x" * 9000000}
    assert lab.call(OK, body=big).body == CHAT_REPLY and lab.up.requests[-1].json()["padding"] == big["padding"]


def refused(tmp_path, sluice, tls, ca_path, words, host="127.0.0.1"):
    up = Upstream(OK, tls=tls)
    try:
        config = {"endpoints": [chat_route(f"https://{host}:{up.port}/v1")]}
        if ca_path:
            config["upstream"] = {"ca": ca_path}
        daemon = sluice(config)
        r = daemon.call("POST", "/v1/chat/completions", CALL)
        assert r.status == 502 and r.get("x-sluice-error-type") == "provider_connect_failed"
        message = r.json()["error"]["message"]
        assert words in message and "certificate" in message and host in message, message
        assert words in daemon.log_line(r.get("x-request-id"))["error"]
        assert not up.requests
        m = daemon.call("POST", "/gateway/chat/invocations", {"messages": CALL["messages"]})
        assert m.status == 502 and words in m.json()["detail"]
    finally:
        up.close()


def test_an_unknown_authority_is_refused(tmp_path, sluice, ca):
    refused(tmp_path, sluice, ca.server("127.0.0.1"), None, "unable to get local issuer certificate")


def test_a_wrong_name_is_refused(tmp_path, sluice, ca):
    refused(tmp_path, sluice, ca.server("example.com"), ca.path, "IP address mismatch")
    refused(tmp_path, sluice, ca.server("127.0.0.1"), ca.path, "hostname mismatch", host="localhost")


def test_an_expired_certificate_is_refused(tmp_path, sluice, ca):
    refused(tmp_path, sluice, ca.server("127.0.0.1", days=-1), ca.path, "certificate has expired")


def test_no_tls_there(sluice, upstream):
    up = upstream(on_connect=lambda conn: (conn.recv(1), conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), conn.recv(65536)))
    daemon = sluice({"endpoints": [chat_route(f"https://127.0.0.1:{up.port}/v1")]})
    r = daemon.call("POST", "/v1/chat/completions", CALL)
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_connect_failed" and "TLS" in r.json()["error"]["message"]


def test_old_tls_is_refused(sluice, upstream, ca):
    ctx = ca.server("127.0.0.1")
    ctx.minimum_version = ssl.TLSVersion.TLSv1
    ctx.maximum_version = ssl.TLSVersion.TLSv1_1
    ctx.set_ciphers("ALL:@SECLEVEL=0")
    up = upstream(OK, tls=ctx)
    daemon = sluice({"upstream": {"ca": ca.path}, "endpoints": [chat_route(up.base)]})
    r = daemon.call("POST", "/v1/chat/completions", CALL)
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_connect_failed"


def test_sni_and_alpn(sluice, ca):
    seen = []
    ctx = ca.server("localhost")
    ctx.set_alpn_protocols(["h2", "http/1.1"])
    ctx.sni_callback = lambda sock, name, _: seen.append(name)
    up = Upstream(lambda x: (seen.append(x.conn.selected_alpn_protocol()), OK(x)), tls=ctx)
    daemon = sluice({"upstream": {"ca": ca.path}, "endpoints": [chat_route(f"https://localhost:{up.port}/v1")]})
    assert daemon.call("POST", "/v1/chat/completions", CALL).status == 200
    assert seen == ["localhost", "http/1.1"]
    up.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_taken_up_again(lab, ca, version):
    ctx = ca.server("127.0.0.1")
    ctx.minimum_version = ctx.maximum_version = version
    lab = lab(ctx)
    reused = []

    def handler(x):
        reused.append(x.conn.session_reused)
        x.reply(CHAT_REPLY, headers=[("Connection", "close")])

    for _ in range(4):
        assert lab.call(handler).status == 200
    assert reused == [False, True, True, True]


def test_an_end_without_tls_end_is_a_break(lab):
    lab = lab()
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

    def until_close(x, clean):
        x.send(head + "\r\n" + CHAT_REPLY.decode())
        if clean:
            x.conn.unwrap()
            x.conn.close()
        else:
            x.cut()

    r = lab.call(lambda x: until_close(x, False))
    assert r.status == 200 and not r.complete and lab.log()["error_type"] == "provider_stream_broken"
    m = lab.call(lambda x: until_close(x, False), mlflow=True)
    assert m.status == 502 and m.get("x-sluice-error-type") == "provider_bad_response"
    r = lab.call(lambda x: (x.stream_head(), x.chunk(A), x.cut()), stream=True)
    assert r.complete and r.body.startswith(A.encode()) and b'"error"' in r.body and r.body.endswith(DONE.encode())
    # With a length nothing is missing.
    r = lab.call(lambda x: (x.reply(CHAT_REPLY), x.cut()))
    assert r.complete and r.body == CHAT_REPLY


def test_a_cut_between_two_requests_is_not_seen(lab):
    lab = lab()
    for _ in range(10):
        assert lab.call(lambda x: (x.reply(CHAT_REPLY), x.cut())).body == CHAT_REPLY


def test_client_gone_aborts_a_tls_upstream(lab):
    lab = lab()
    import queue
    import time

    for piece in ("", "stream"):
        ends, ready = queue.Queue(), threading.Event()

        def handler(x):
            if piece:
                x.stream_head()
                x.chunk(A)
            ready.set()
            x.wait_closed()
            ends.put(time.monotonic())

        conn = lab.start(handler, stream=True)
        assert ready.wait(10)
        start = time.monotonic()
        conn.close()
        assert ends.get(timeout=10) - start < (0.5 if SANITIZED else 0.1)


# --- the proxy ---


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("auth", [None, "user:pass", "u%20ser:p%40ss%3a"])
def test_through_a_proxy(sluice, upstream, proxy, ca, secure, auth):
    up = upstream(OK, tls=ca.server("127.0.0.1") if secure else None)
    plain = auth and "u ser:p@ss:" if auth and "%" in auth else auth
    way = proxy(auth=plain)
    url = f"http://{auth + '@' if auth else ''}127.0.0.1:{way.port}"
    daemon = sluice({"server": {"workers": 1}, "upstream": {"proxy": url, "ca": ca.path}, "endpoints": [chat_route(up.base)]})
    for _ in range(3):
        assert daemon.call("POST", "/v1/chat/completions", CALL).body == CHAT_REPLY
    assert len(way.heads) == 1, "the tunnel is kept"
    head = way.heads[0]
    assert head.startswith(f"CONNECT 127.0.0.1:{up.port} HTTP/1.1\r\nHost: 127.0.0.1:{up.port}\r\n")
    assert ("Proxy-Authorization" in head) == bool(auth)
    assert "sk-test" not in head and "proxy-authorization" not in up.requests[0].head.decode().lower()
    if auth:
        assert base64.b64encode(plain.encode()).decode() in head
        assert base64.b64encode(plain.encode()).decode() not in daemon.stderr and plain not in daemon.stderr and auth not in daemon.stderr


def test_ipv6_both_ways(sluice, upstream, proxy, ca):
    up = upstream(OK, host="::1", tls=ca.server("::1"))
    way = proxy(host="::1")
    daemon = sluice({"upstream": {"proxy": way.url, "ca": ca.path}, "endpoints": [chat_route(up.base)]})
    assert daemon.call("POST", "/v1/chat/completions", CALL).body == CHAT_REPLY
    assert way.heads[0].startswith(f"CONNECT [::1]:{up.port} HTTP/1.1\r\n")


REFUSALS = {
    "407": (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407"),
    "403 with a body": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nhello", "status 403"),
    "502": (b"HTTP/1.0 502 Bad Gateway\r\n\r\n", "502"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", "302"),
    "junk": (b"\x05\x00 what is CONNECT?\r\n\r\n", "proxy"),
    "hangs up": (b"", "proxy"),
    "bytes behind the head": (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "proxy"),
    "a head without end": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, "proxy"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_proxy_that_refuses(sluice, upstream, proxy, name):
    answer, words = REFUSALS[name]
    up = upstream(OK)
    way = proxy(answer=answer)
    daemon = sluice({"upstream": {"proxy": way.url}, "endpoints": [chat_route(up.base)]})
    r = daemon.call("POST", "/v1/chat/completions", CALL)
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_connect_failed" and words in r.json()["error"]["message"], r.body
    assert not up.requests


def test_a_proxy_that_is_down_is_named_as_the_proxy(sluice, upstream):
    up = upstream(OK)
    daemon = sluice({"upstream": {"proxy": f"http://127.0.0.1:{free_port()}"}, "endpoints": [chat_route(up.base)]})
    r = daemon.call("POST", "/v1/chat/completions", CALL)
    assert r.status == 502 and "the proxy: connection refused" in r.json()["error"]["message"], r.body


def test_a_wrong_password_is_told_without_it(sluice, upstream, proxy):
    up = upstream(OK)
    way = proxy(auth="user:right")
    daemon = sluice({"upstream": {"proxy": f"http://user:wrong-secret@127.0.0.1:{way.port}"}, "endpoints": [chat_route(up.base)]})
    r = daemon.call("POST", "/v1/chat/completions", CALL)
    assert r.status == 502 and "407" in r.json()["error"]["message"] and b"wrong-secret" not in r.body
    assert "wrong-secret" not in daemon.log_path.read_text() + daemon.stderr


def test_a_new_password_holds_after_a_reload(sluice, upstream, proxy):
    up = upstream(OK)
    way = proxy(auth="user:new")
    config = {"server": {"workers": 1}, "upstream": {"proxy": f"http://user:old@127.0.0.1:{way.port}"}, "endpoints": [chat_route(up.base)]}
    daemon = sluice(config)
    assert daemon.call("POST", "/v1/chat/completions", CALL).status == 502
    text = (daemon.dir / "sluice.yaml").read_text()
    (daemon.dir / "sluice.yaml").write_text(text.replace("user:old", "user:new"))
    daemon.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.call("POST", "/v1/chat/completions", CALL).status == 200, "the new password in force")


def test_a_bad_escape_in_the_password_is_refused_at_the_start(tmp_path):
    path = tmp_path / "sluice.yaml"
    path.write_text("upstream: { proxy: 'http://user:50%off@127.0.0.1:3128' }\nendpoints: []\n")
    out = subprocess.run([BIN, "check", "-c", str(path)], capture_output=True, text=True, timeout=20)
    assert out.returncode == 1 and "upstream.proxy" in out.stderr + out.stdout and "%25" in out.stderr + out.stdout and "50%off" not in out.stderr + out.stdout


def test_a_silent_proxy(sluice, upstream, proxy):
    up = upstream(OK)
    way = Upstream(on_connect=lambda conn: conn.recv(1000) and threading.Event().wait(5))
    daemon = sluice({"upstream": {"proxy": f"http://127.0.0.1:{way.port}", "timeouts": {"connect": "300ms"}, "retries": 0}, "endpoints": [chat_route(up.base)]})
    r = daemon.call("POST", "/v1/chat/completions", CALL)
    assert r.status == 504 and r.get("x-sluice-error-type") == "provider_timeout_connect"
    way.close()


def test_no_proxy_there(sluice, upstream):
    up = upstream(OK)
    daemon = sluice({"upstream": {"proxy": "http://127.0.0.1:1"}, "endpoints": [chat_route(up.base)]})
    r = daemon.call("POST", "/v1/chat/completions", CALL)
    assert r.status == 502 and "127.0.0.1:1" in r.json()["error"]["message"] and r.get("x-sluice-error-type") == "provider_connect_failed"

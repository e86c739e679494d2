# SPDX-License-Identifier: Apache-2.0
"""A route's own way to its upstream: proxies and their exceptions, authorities, client certificates, headers."""
import ssl
import subprocess

import pytest

from harness import BIN, CHAT_REPLY, DEADLINE, chat_route, wait_for
from upstream import Authority

OK = lambda x: x.reply(CHAT_REPLY)


def ask(daemon, route="chat", headers=()):
    return daemon.call("POST", "/v1/chat/completions", {"model": route, "messages": [{"role": "user", "content": "x"}]}, headers)


@pytest.mark.parametrize("proxied, upstream_conf, env", [
    (True, {"except": ["10.0.0.0/8", ".example.com"]}, {}),
    (False, {"except": ["127.0.0.0/8"]}, {}),
    (False, {"except": ["10.0.0.0/8", "127.0.0.1:PORT"]}, {}),
    (True, {"except": ["127.0.0.1:1"]}, {}),
    (False, {"except": []}, {"NO_PROXY": "example.com, 127.0.0.1"}),
    (False, None, {"no_proxy": "*"}),
    (True, None, {"NO_PROXY": "localhost,://nonsense"}),
])
def test_exceptions_of_the_proxy(sluice, upstream, proxy, proxied, upstream_conf, env):
    up, way = upstream(OK), proxy()
    conf = way.url if upstream_conf is None else {"url": way.url, "except": [w.replace("PORT", str(up.port)) for w in upstream_conf["except"]]}
    daemon = sluice({"upstream": {"proxy": conf}, "endpoints": [chat_route(up.base)]}, env=env)
    assert ask(daemon).body == CHAT_REPLY
    assert len(way.heads) == proxied


def test_routes_with_a_proxy_of_their_own_share_no_connection(sluice, upstream, proxy):
    up, first, second = upstream(OK), proxy(), proxy(auth="user:secret-word")
    daemon = sluice({"server": {"workers": 1}, "upstream": {"proxy": {"url": first.url, "except": ["*"]}}, "endpoints": [
        chat_route(up.base), chat_route(up.base, "direct", proxy="none"), chat_route(up.base, "other", proxy=second.url),
        chat_route(up.base, "given", proxy=first.url)]}, env={"NO_PROXY": "*"})
    for _ in range(2):
        for name in ("chat", "direct", "other", "given"):
            assert ask(daemon, name).body == CHAT_REPLY, name
    # A route's own proxy has no exceptions; each way has its own connection, and keeps it.
    assert (len(first.heads), len(second.heads), up.n_connections) == (1, 1, 4)
    assert "secret-word" not in daemon.stderr + daemon.log_path.read_text()


def test_authorities_and_certificates_of_a_route(sluice, upstream, ca, tmp_path):
    other = Authority(tmp_path / "other")
    context = other.server("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca.path)
    up = upstream(OK, tls=context)
    cert, key = tmp_path / "client.pem", tmp_path / "client.key"
    pem = ca.pem("client")
    start = pem.index("-----BEGIN PRIVATE KEY")
    key.write_text(pem[start:] if start else pem[:pem.index("-----BEGIN CERT")])
    cert.write_text(pem[:start] if start else pem[pem.index("-----BEGIN CERT"):])
    whole = {"ca": other.path, "cert": str(cert), "key": str(key)}
    daemon = sluice({"server": {"workers": 1}, "endpoints": [
        chat_route(up.base), chat_route(up.base, "authority", tls={"ca": other.path}), chat_route(up.base, "whole", tls=whole)]})
    reply = ask(daemon)
    assert reply.status == 502 and "certificate of 127.0.0.1" in reply.json()["error"]["message"]
    reply = ask(daemon, "authority")  # no client certificate: the upstream hangs up
    assert reply.status == 502 and not up.requests
    assert ask(daemon, "whole").body == CHAT_REPLY and len(up.requests) == 1
    # The files are watched: another authority is in force without a signal.
    pathlib_ca = tmp_path / "other" / "ca.pem"
    pathlib_ca.write_text(open(ca.path).read())
    wait_for(lambda: "a new configuration is in force" in daemon.stderr, "the reload")
    assert ask(daemon, "whole").status == 502


def test_headers_of_a_route(sluice, upstream):
    def handler(x):
        if x.json()["messages"][0]["content"] == "x":
            x.reply({"error": {"message": f"the key {x.get('x-portkey-api-key')} of {x.get('x-portkey-provider')} is bad", "type": "t"}}, status="400 Bad Request",
                    headers=[("x-echo", x.get("x-portkey-api-key"))])

    up = upstream(handler)
    headers = {"x-portkey-api-key": "$PORTKEY", "x-portkey-provider": "openai", "OpenAI-Beta": "ours", "x-number": 5}
    daemon = sluice({"endpoints": [chat_route(up.base, headers=headers)]}, env={"PORTKEY": "short-key"})
    reply = ask(daemon, headers=[("openai-beta", "theirs")])
    sent = up.requests[0]
    assert (sent.get("x-portkey-api-key"), sent.get("x-portkey-provider"), sent.get("x-number")) == ("short-key", "openai", "5")
    assert [v for k, v in sent.headers if k.lower() == "openai-beta"] == ["ours"]
    assert sent.get("authorization") == "Bearer sk-test-secret"
    assert reply.status == 400 and b"short-key" not in reply.body and "short-key" not in str(reply.headers) and b"of openai" in reply.body
    assert "short-key" not in daemon.log_line(reply.get("x-request-id")).__repr__() + daemon.stderr


REFUSED = {
    "credential": ("headers: { Authorization: Bearer x }", '"authorization" carries the credential'),
    "ours": ("headers: { Content-Length: '5' }", "is written by the gateway itself"),
    "hop by hop": ("headers: { connection: close }", "is written by the gateway itself"),
    "name": ("headers: { 'a b': x }", "is no header's name"),
    "value": ('headers: { a: "x\\ny" }', "has a control character"),
    "unset": ("headers: { a: $NOT_SET_AT_ALL }", "is not set"),
    "list": ("headers: [a]", "must be a map"),
    "proxy": ("proxy: https://proxy:1", "must begin with http://"),
    "proxy's word": ("proxy: [none]", "must be a URL like"),
    "half a certificate": ("tls: { cert: a.pem }", "needs both cert and key"),
    "no authority": ("tls: { ca: nowhere.pem }", "cannot read the TLS authorities"),
    "key": ("tls: { certificate: a }", "unknown key"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_in_the_file(tmp_path, name):
    line, words = REFUSED[name]
    path = tmp_path / "sluice.yaml"
    path.write_text("endpoints:\n- name: chat\n  endpoint_type: llm/v1/chat\n  model: { provider: openai, name: m, config: { openai_api_key: sk-x } }\n"
                    f"  sluice: {{ {line} }}\n")
    done = subprocess.run([BIN, "check", "-c", str(path)], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1 and words in done.stderr, done.stderr


@pytest.mark.parametrize("conf, words", [("{ except: [a] }", "missing"), ("{ url: 'http://p:1', except: ['http://x'] }", "is not a host, a domain"),
                                         ("[a]", "must be a URL, or"), ("{ url: 'http://p:1', excpet: [a] }", 'did you mean "except"')])
def test_what_is_refused_of_the_proxy(tmp_path, conf, words):
    path = tmp_path / "sluice.yaml"
    path.write_text(f"upstream: {{ proxy: {conf} }}\nendpoints: []\n")
    done = subprocess.run([BIN, "check", "-c", str(path)], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1 and words in done.stderr, done.stderr


@pytest.mark.parametrize("own", [{"proxy": "none"}, {"proxy": "http://10.0.0.1:3128"}, {"headers": {"a": "b"}}, {"tls": {"ca": "/etc/passwd"}}])
def test_a_route_made_by_a_call_has_no_way_of_its_own(sluice, tmp_path, own):
    daemon = sluice({"auth": "none", "endpoints": []}, args=["--data", str(tmp_path / "data")])
    route = {"name": "a", "route_type": "llm/v1/chat", "model": {"name": "m", "provider": "openai", "openai_config": {"openai_api_key": "sk-x"}}, "sluice": own}
    reply = daemon.call("POST", "/api/2.0/gateway/routes/", route)
    assert reply.status == 400 and b"operator's" in reply.body, reply.body


def test_a_set_first_byte_holds_on_every_path_and_is_not_asked_again(sluice, upstream):
    up = upstream(lambda x: wait_for(lambda: x.conn.recv(1) == b"", "the gateway leaves"))
    daemon = sluice({"upstream": {"timeouts": {"first_byte": "150ms"}, "retries": 0}, "endpoints": [chat_route(up.base)]})
    reply = ask(daemon)
    assert (reply.status, reply.get("x-sluice-error-type"), reply.get("x-should-retry")) == (504, "provider_timeout_first_byte", "false")
    reply = daemon.call("POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "x"}]})
    assert (reply.status, reply.get("x-sluice-error-type"), reply.get("x-should-retry")) == (504, "provider_timeout_first_byte", "false")

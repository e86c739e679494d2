# SPDX-License-Identifier: Apache-2.0
"""Behind real proxies: nginx and HAProxy, with their defaults and with the settings of docs/behind-a-proxy.md."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest
import yaml

from harness import CHAT, CHAT_REPLY, DEADLINE, Conn, chat_route, free_port, wait_for
from lab import DONE, chunk_of, event_of

PAGE = (pathlib.Path(__file__).resolve().parents[3] / "docs/behind-a-proxy.md").read_text()
CLIENT = "127.0.0.9"  # a loopback address that is not the proxy's
ADMIN = "k" * 40

NGINX = """daemon off; master_process off; pid {dir}/nginx.pid; error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
    {text}
}}
"""
NGINX_DEFAULT = "server { listen 127.0.0.1:443; location / { proxy_pass http://127.0.0.1:5000; } }"
HAPROXY_DEFAULT = """defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend llm
    bind 127.0.0.1:443
    default_backend sluice
backend sluice
    server one 127.0.0.1:5000
"""


def of_page(language, number=0):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)[number]


class Front:
    """A proxy on a free port, in front of the daemon on `behind`. In the text, 443 and 5000 stand for the two ports."""

    def __init__(self, kind, directory, text, behind, certs):
        self.dir, self.port = directory, free_port()
        directory.mkdir()
        self.tls = ssl.create_default_context(cafile=certs[0]) if " ssl" in text else None
        both = directory / "both.pem"
        both.write_text("".join(pathlib.Path(path).read_text() for path in certs))
        for said, meant in [("127.0.0.1:500[01]", f"127.0.0.1:{behind}"), (r"listen 443|listen 127.0.0.1:443", f"listen 127.0.0.1:{self.port}"),
                            (r"bind :443|bind 127.0.0.1:443", f"bind 127.0.0.1:{self.port}"), (r"/etc/nginx/llm.pem", certs[0]),
                            (r"/etc/nginx/llm.key", certs[1]), (r"/etc/haproxy/llm.pem", str(both))]:
            text = re.sub(said, meant, text)
        conf = directory / "proxy.conf"
        conf.write_text(NGINX.format(dir=directory, text=text) if kind == "nginx" else text)
        program = shutil.which(kind, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")
        argv = [program, "-e", "stderr", "-p", str(directory), "-c", str(conf)] if kind == "nginx" else [program, "-db", "-f", str(conf)]
        self.said = open(directory / "said", "w+")
        self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said)
        try:
            wait_for(self.is_listening, f"{kind} listening")
        except AssertionError:
            self.stop()
            raise

    def is_listening(self):
        assert self.proc.poll() is None, (self.dir / "said").read_text()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def connect(self, source=None):
        return Conn(self.port, self.tls, source=source)

    def stop(self):
        self.proc.terminate()
        try:
            self.proc.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.said.close()


@pytest.fixture
def front(tmp_path, certs):
    running = []

    def start(kind, text, behind):
        running.append(Front(kind, tmp_path / f"{kind}{len(running)}", text, behind, certs))
        return running[-1]

    yield start
    for f in running:
        f.stop()


FRONTS = {
    "nginx, nothing set": ("nginx", NGINX_DEFAULT),
    "nginx, as the page says": ("nginx", of_page("nginx")),
    "haproxy, nothing set": ("haproxy", HAPROXY_DEFAULT),
    "haproxy, as the page says": ("haproxy", of_page("haproxy")),
}
every_front = pytest.mark.parametrize("name", list(FRONTS))


@pytest.fixture
def world(sluice, upstream, front):
    """The front, the daemon with the page's own settings, the upstream."""

    def start(name, handler, **server):
        up = upstream(handler)
        config = yaml.safe_load(of_page("yaml"))
        del config["server"]["listen"]
        config["server"].update(server)
        config["endpoints"] = [chat_route(up.base), {"name": "mock", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}]
        daemon = sluice(config, env={"SLUICE_ADMIN_KEY": ADMIN})
        return front(*FRONTS[name], daemon.port), daemon

    return start


def key(*more):
    return [("Authorization", f"Bearer {ADMIN}"), ("Content-Type", "application/json"), *more]


@every_front
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/gateway/chat/invocations"])
def test_a_stream_arrives_event_by_event(world, name, path):
    seen = {word: threading.Event() for word in ("one", "two", "three")}

    def handler(x):
        x.stream_head()
        for word, event in seen.items():
            x.chunk(event_of(chunk_of(word)))
            assert event.wait(DEADLINE), f"{word} did not arrive"
        x.chunk(event_of(chunk_of(None, "stop")) + DONE)
        x.last_chunk()

    proxy, _ = world(name, handler)
    conn = proxy.connect()
    conn.request("POST", path, {**CHAT, "stream": True} if path.startswith("/v1") else {"messages": CHAT["messages"], "stream": True}, key())
    head = conn.head()
    assert (head.status, head.get("content-type").split(";")[0]) == (200, "text/event-stream")
    text = b""
    for word, event in seen.items():
        while f'"{word}"'.encode() not in text:
            piece = conn.chunk()
            assert piece, text
            text += piece
        event.set()
    while piece := conn.chunk():
        text += piece
    assert piece == b"", "cut"
    assert b'"stop"' in text


@every_front
def test_signs_of_life_pass(world, name):
    go_on = threading.Event()

    def handler(x):
        x.stream_head()
        assert go_on.wait(DEADLINE)
        x.chunk(event_of(chunk_of(None, "stop")) + DONE)
        x.last_chunk()

    proxy, _ = world(name, handler, heartbeat="50ms")
    conn = proxy.connect()
    conn.request("POST", "/v1/chat/completions", {**CHAT, "stream": True}, key())
    assert conn.head().status == 200
    assert b": alive" in conn.chunk()
    go_on.set()
    conn.until(b"[DONE]")


def test_every_event_stream_says_that_it_may_not_be_held(world):
    def handler(x):
        x.stream_head(headers=[("X-Accel-Buffering", "yes")])
        x.chunk(event_of(chunk_of(None, "stop")) + DONE)
        x.last_chunk()

    proxy, daemon = world("haproxy, nothing set", handler)
    for model in ("chat", "mock"):
        for path in ("/v1/chat/completions", f"/gateway/{model}/invocations"):
            call = {"messages": CHAT["messages"], "stream": True, **({"model": model} if path.startswith("/v1") else {})}
            reply = proxy.connect().request("POST", path, call, key()).reply()
            assert (reply.status, [v for k, v in reply.headers if k.lower() == "x-accel-buffering"]) == (200, ["no"]), (model, path)


@every_front
def test_whole_replies_and_large_bodies(world, name):
    proxy, _ = world(name, lambda x: x.reply(CHAT_REPLY))
    conn = proxy.connect()
    sizes = [10, 100_000] + ([] if name == "nginx, nothing set" else [8 << 20])
    for size in sizes:
        reply = conn.request("POST", "/v1/chat/completions", {"model": "chat", "messages": [{"role": "user", "content": "x" * size}]}, key()).reply()
        assert (reply.status, reply.body, reply.complete) == (200, CHAT_REPLY, True), size
    if name == "nginx, nothing set":  # the page says it: nginx allows 1 MiB
        conn.request("POST", "/v1/chat/completions", None, key(("Content-Length", str(2 << 20))))
        assert conn.reply().status == 413


@every_front
@pytest.mark.parametrize("framing", ["Content-Length: 5000", "Transfer-Encoding: chunked"])
def test_a_broken_reply_is_seen_as_broken(world, name, framing):
    def handler(x):
        piece = '{"choices": ['
        x.send(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{framing}\r\n\r\n" + (f"{len(piece):x}\r\n{piece}\r\n" if "chunked" in framing else piece))
        x.close()

    proxy, _ = world(name, handler)
    reply = proxy.connect().request("POST", "/v1/chat/completions", CHAT, key()).reply()
    assert reply.status >= 500 or not reply.complete, (reply.status, reply.headers, reply.body)


@every_front
def test_head_health_checks(world, name):
    proxy, _ = world(name, None)
    conn = proxy.connect()
    for path in ("/health", "/ready"):
        reply = conn.request("HEAD", path).reply("HEAD")
        whole = conn.request("GET", path).reply()  # on the same connection: the head had no body after it
        assert (reply.status, reply.get("content-length")) == (200, str(len(whole.body)))
        assert (whole.status, whole.json()) == (200, {"status": "OK"})


def test_haproxys_own_check_sees_the_drain(sluice, front):
    daemon = sluice({"endpoints": [], "server": {"timeouts": {"drain_delay": "60s"}}})
    text = of_page("haproxy").replace("inter 2s", "inter 50ms").replace("default_backend", "monitor-uri /lb\n    monitor fail if { nbsrv(sluice) lt 1 }\n    default_backend")
    proxy = front("haproxy", text, daemon.port)
    status = lambda: proxy.connect().request("GET", "/lb").reply().status
    wait_for(lambda: status() == 200, "the check is content")
    daemon.proc.send_signal(signal.SIGTERM)
    wait_for(lambda: status() == 503, "the check saw /ready")
    assert daemon.call("GET", "/health").status == 200  # new connections are served still
    daemon.stop(signal.SIGTERM)


SPOOFED = [("X-Forwarded-For", "203.0.113.7")]


@pytest.mark.parametrize("name", [name for name in FRONTS if "page" in name])
def test_the_clients_address_by_forwarded_for(world, name):
    proxy, daemon = world(name, None)
    for i, (source, headers) in enumerate([(CLIENT, []), (CLIENT, SPOOFED), ("127.0.0.10", [])]):
        conn = proxy.connect(source)
        assert conn.request("GET", "/health", headers=[*headers, ("X-Request-Id", f"r{i}")]).reply().status == 200
        assert daemon.log_line(f"r{i}")["client"] == source


def test_an_unlisted_proxy_is_not_believed(world):
    proxy, daemon = world("nginx, as the page says", None, trusted_proxies=["10.0.0.1"])
    assert proxy.connect(CLIENT).request("GET", "/health", headers=[("X-Request-Id", "r")]).reply().status == 200
    assert daemon.log_line("r")["client"] == "127.0.0.1"


@pytest.mark.parametrize("word", ["send-proxy", "send-proxy-v2"])
@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_the_clients_address_by_the_proxy_protocol(sluice, front, mode, word):
    port, plain = free_port(), free_port()
    listen = [{"address": f"127.0.0.1:{port}", "proxy_protocol": True}, f"127.0.0.1:{plain}"]
    daemon = sluice({"endpoints": [], "auth": "none", "server": {"listen": listen, "trusted_proxies": ["127.0.0.1"]}}, listen=False, port=plain)
    if mode == "http":  # the page's line in place of forwardfor
        line = re.search(r"`(server one 127\.0\.0\.1:5001 [^`]*send-proxy-v2)`", PAGE).group(1).replace("send-proxy-v2", word)
        text = of_page("haproxy").replace("option forwardfor", "").replace("server one 127.0.0.1:5000 check inter 2s fall 2", line)
    else:
        text = HAPROXY_DEFAULT.replace("mode http", "mode tcp").replace("127.0.0.1:5000", f"127.0.0.1:5000 {word}")
    proxy = front("haproxy", text, port)
    for i, source in enumerate([CLIENT, "127.0.0.10", CLIENT]):
        conn = proxy.connect(source)
        for j in range(2):  # and with values from the client itself, which do not count
            assert conn.request("GET", "/health", headers=[*SPOOFED, ("X-Request-Id", f"r{i}.{j}")]).reply().status == 200
            assert daemon.log_line(f"r{i}.{j}")["client"] == source


@every_front
def test_the_slash_redirect_keeps_scheme_and_host(world, name):
    proxy, _ = world(name, None)
    conn = proxy.connect()
    reply = conn.request("GET", "/v1/models/?a=b", headers=key()).reply()
    assert (reply.status, reply.get("location")) == (307, "/v1/models?a=b")
    conn = conn if reply.get("connection") != "close" else proxy.connect()
    assert conn.request("GET", reply.get("location"), headers=key()).reply().status == 200


@pytest.mark.parametrize("url", [None, "https://llm.example.com/llm"], ids=["x-forwarded-prefix", "public_url"])
def test_under_a_path(sluice, front, url):
    server = {"trusted_proxies": ["127.0.0.1"], **({"public_url": url} if url else {})}
    daemon = sluice({"endpoints": [chat_route("http://127.0.0.1:9/v1")], "auth": "none", "server": server})
    text = of_page("nginx").replace("location / {", "location /llm/ {").replace("proxy_pass http://sluice;", "proxy_pass http://sluice/;")
    text = text.replace('X-Forwarded-Prefix ""', 'X-Forwarded-Prefix ""' if url else "X-Forwarded-Prefix /llm")
    conn = front("nginx", text, daemon.port).connect()
    reply = conn.request("GET", "/llm/v1/models/").reply()
    assert (reply.status, reply.get("location")) == (307, "/llm/v1/models")
    assert conn.request("GET", "/llm/v1/models").reply().status == 200
    sdk = conn.request("GET", "/llm/api/2.0/endpoints/chat", headers=[("User-Agent", "databricks-sdk-py/0.1")]).reply()
    assert sdk.json()["endpoint_url"] == (url or "https://127.0.0.1/llm") + "/gateway/chat/invocations"


KEPT = {  # the prefix stays in the path; public_url alone, or with the proxy's header
    "nginx": lambda said: ("nginx", of_page("nginx").replace("location / {", "location /llm/ {").replace('X-Forwarded-Prefix ""', f"X-Forwarded-Prefix {said}")),
    "haproxy": lambda said: ("haproxy", of_page("haproxy").replace("del-header X-Forwarded-Prefix", f"set-header X-Forwarded-Prefix {said}" if said != '""' else "del-header X-Forwarded-Prefix")),
}


@pytest.mark.parametrize("url", [None, "https://llm.example.com/llm"], ids=["x-forwarded-prefix", "public_url"])
@pytest.mark.parametrize("name", list(KEPT))
def test_under_a_path_that_the_proxy_keeps(sluice, upstream, front, tmp_path, name, url):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    config = {**yaml.safe_load(of_page("yaml")), "endpoints": [chat_route(up.base)]}
    config["server"] = {"trusted_proxies": ["127.0.0.1"], **({"public_url": url} if url else {})}
    daemon = sluice(config, args=["--data", str(tmp_path / "data")], env={"SLUICE_ADMIN_KEY": ADMIN})
    conn = front(*KEPT[name]('""' if url else "/llm"), daemon.port).connect()
    for path, call in (("/v1/chat/completions", CHAT), ("/gateway/chat/invocations", {"messages": CHAT["messages"]})):
        reply = conn.request("POST", "/llm" + path, call, key(("X-Request-Id", path[1:3]))).reply()
        assert (reply.status, reply.json()["choices"][0]["message"]["content"]) == (200, json.loads(CHAT_REPLY)["choices"][0]["message"]["content"])
        assert daemon.log_line(path[1:3])["path"] == path
    made = conn.request("PUT", "/llm/api/sluice/v1/routes/made", {"route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}, key()).reply()
    assert made.status == 201, made.body
    for path, location in (("/v1/models/?a=b", "/llm/v1/models?a=b"), ("/api/2.0/gateway/routes", "/llm/api/2.0/gateway/routes/"), ("/", "/llm/docs")):
        reply = conn.request("GET", "/llm" + path, headers=key()).reply()
        assert (reply.status, reply.get("location")) == (307, location)
        assert conn.request("GET", location, headers=key()).reply().status == 200
    assert conn.request("GET", "/llm/v1/models").reply().status == 401
    said = conn.request("GET", "/llm/v1/nothing", headers=key()).reply()
    assert said.status == 404 and said.json()["error"]["type"]  # in OpenAI's form


@pytest.mark.parametrize("name", ["nginx, as the page says", "haproxy, as the page says"])
def test_a_clients_own_prefix_is_taken_away(sluice, front, name):
    daemon = sluice({"endpoints": [], "auth": "none", "server": {"trusted_proxies": ["127.0.0.1"]}})
    reply = front(*FRONTS[name], daemon.port).connect().request("GET", "/v1/models/", headers=[("X-Forwarded-Prefix", "/evil")]).reply()
    assert (reply.status, reply.get("location")) == (307, "/v1/models")


# What a load balancer of AWS, and Cloudflare, send by their documentation: the client is appended to X-Forwarded-For,
# and there is no X-Forwarded-Host.
PLAYED = HAPROXY_DEFAULT.replace("    default_backend sluice", "    option forwardfor\n    http-request set-header X-Forwarded-Proto https\n    default_backend sluice")
SDK = ("User-Agent", "databricks-sdk-py/0.30.0")


@pytest.mark.parametrize("section", ["AWS Application Load Balancer", "Cloudflare"])
def test_a_balancer_that_is_played(sluice, front, section):
    """With the section's own settings, save the addresses."""
    config = yaml.safe_load(re.search(rf"## {section}\n.*?```yaml\n(.*?)```", PAGE, re.S)[1])
    server = config["server"]
    del server["listen"]
    server.pop("tls", None)
    server["trusted_proxies"].append("127.0.0.1")
    mock = {"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}
    daemon = sluice({**config, "endpoints": [mock]}, env={"SLUICE_ADMIN_KEY": ADMIN})
    proxy = front("haproxy", PLAYED, daemon.port)
    for i, more in enumerate([[], SPOOFED, [("CF-Connecting-IP", "203.0.113.7")]]):
        reply = proxy.connect(CLIENT).request("GET", "/api/2.0/gateway/routes/chat", headers=key(SDK, ("X-Request-Id", f"r{i}"), *more)).reply()
        assert reply.json()["route_url"] == "https://llm.example.com/gateway/chat/invocations", reply.body
        assert daemon.log_line(f"r{i}")["client"] == CLIENT


def test_the_pages_settings_start(sluice):
    """Every YAML block of the page that is for Sluice: unchanged, except addresses, certificates and the delay at the
    end."""
    blocks = [b for b in (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)) if "server" in b]
    assert len(blocks) == 4
    for config in blocks:
        ports = {}
        listen = config["server"]["listen"]
        for one in listen if isinstance(listen, list) else [listen]:
            ports[json.dumps(one)] = free_port()
        at = [{**json.loads(one), "address": f"127.0.0.1:{port}"} if one[0] == "{" else f"127.0.0.1:{port}" for one, port in ports.items()]
        config["server"].update(listen=at)
        config["server"].setdefault("timeouts", {})["drain_delay"] = "0s"
        config["server"].pop("tls", None)
        daemon = sluice({"auth": "none", **config, "endpoints": []}, env={"SLUICE_ADMIN_KEY": ADMIN}, listen=False, port=list(ports.values())[-1])
        assert daemon.call("GET", "/ready").status == 200

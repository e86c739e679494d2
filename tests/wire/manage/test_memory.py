# SPDX-License-Identifier: Apache-2.0
"""Credentials in the daemon's memory: those of refused calls are wiped, those of the environment are removed from it,
and only root may look."""
import json
import os
import signal
import ssl

import pytest

from harness import SANITIZED, CHAT, CHAT_REPLY, wait_for
from memory import memory_find, needs_root

OWN = "/api/sluice/v1/routes"
ROUTES = "/api/2.0/gateway/routes/"
# Two halves: so the searched text is not in this file, and in no file that the daemon reads.
HEAD, TAIL = b"sk-canary", b"-0123456789abcdef"


def canary(name):
    return (HEAD + b"-" + name.encode() + TAIL).decode()


def admin(daemon):
    return [("Authorization", "Bearer " + (daemon.dir / "data" / "admin.key").read_text().strip())]


def body(name, key, **more):
    return {"name": name, "route_type": "llm/v1/chat",
            "model": {"name": "gpt", "provider": "openai", "openai_config": {"openai_api_key": key, **more}}}


@pytest.fixture(params=["plain", "tls"])
def daemon(request, sluice, tmp_path, certs):
    server = {"workers": 1}
    if request.param == "tls":
        server["tls"] = {"cert": certs[0], "key": certs[1]}
    started = sluice({"auth": {}, "endpoints": [], "server": server}, args=["--data", str(tmp_path / "0" / "data")])
    started.context = ssl.create_default_context(cafile=certs[0]) if request.param == "tls" else None
    return started




@pytest.mark.skipif(SANITIZED, reason="its shadow memory is too large to be read")
@needs_root
def test_a_refused_credential_is_wiped(daemon):
    def call(method, path, text, headers=(), keep=None):
        conn = keep or daemon.connect(daemon.context)
        try:
            return conn.request(method, path, text, list(headers)).reply(method)
        finally:
            conn.close()

    own = admin(daemon)
    padding = " " * 9000
    cases = {
        "member": ("POST", ROUTES, body("a", canary("member"), openai_api_kee="x"), own, 400),
        "type": ("POST", ROUTES, {**body("a", canary("type")), "route_type": "llm/v1/none"}, own, None),
        "private": ("POST", ROUTES, body("a", canary("private"), openai_api_base="http://127.0.0.1/v1"), own, 400),
        "json": ("POST", ROUTES, json.dumps(body("a", canary("json")))[:-2], own, None),
        "large": ("POST", ROUTES, json.dumps(body("a", canary("large")))[:-2] + padding, own, None),
        "huge": ("POST", ROUTES, json.dumps(body("a", canary("huge"))) + " " * (5 << 20), own, 413),
        "put": ("PUT", f"{OWN}/a", {"route_type": "llm/v1/chat", "model": {"name": "m", "provider": "nobody", "config": {"k": canary("put")}}}, own, None),
        "databricks": ("POST", "/api/2.0/serving-endpoints", {"name": "a", "config": {"served_entities": [{"external_model": {
            "name": "gpt", "provider": "nobody", "task": "llm/v1/chat", "openai_config": {"openai_api_key": canary("databricks")}}}]}}, own, None),
        "nokey": ("POST", ROUTES, body("a", canary("nokey")), (), 401),
        "nopath": ("POST", "/api/2.0/gateway/nothing/", body("a", canary("nopath")), own, 404),
    }
    for name, (method, path, text, headers, status) in cases.items():
        reply = call(method, path, text, headers)
        assert (reply.status == status if status else 400 <= reply.status < 500), (name, reply.status, reply.body)
    # A route that exists already: the first one's credential is in use and stays.
    assert call("POST", ROUTES, body("one", "sk-kept-in-use-by-a-route"), own).status == 200
    assert call("POST", ROUTES, body("one", canary("exists")), own).status in (400, 409)
    # In pieces without a length, larger than one read.
    conn = daemon.connect(daemon.context)
    head = "POST %s HTTP/1.1\r\nHost: localhost\r\n%s: %s\r\nContent-Type: application/json\r\n" % (ROUTES, *own[0])
    conn.send((head + "Transfer-Encoding: chunked\r\n\r\n").encode())
    text = (json.dumps(body("a", canary("chunked"), other="x"))[:-2] + padding * 10).encode()
    for i in range(0, len(text), 7000):
        conn.send(b"%x\r\n%s\r\n" % (len(text[i:i + 7000]), text[i:i + 7000]))
    conn.send(b"0\r\n\r\n")
    assert conn.reply().status >= 400
    conn.close()
    # A client that leaves in the middle.
    n_before = len(daemon.log_lines(1))
    conn = daemon.connect(daemon.context)
    text = json.dumps(body("a", canary("gone")))
    conn.send((head + f"Content-Length: {len(text) + 9}\r\n\r\n{text}").encode())
    conn.reset()
    daemon.log_lines(n_before + 1)
    used = "sk-kept-in-use-by-a-route"
    left = memory_find(daemon.proc.pid, [canary(name) for name in [*cases, "exists", "chunked", "gone"]] + [used])
    assert left == {used}  # the search itself works


def test_secrets_leave_the_environment_and_a_reload_still_has_them(sluice, upstream):
    seen = []

    def answer(x):
        seen.append(x.get("authorization"))
        x.reply(CHAT_REPLY)

    up = upstream(answer)
    key, other = canary("env"), canary("later")
    route = {"name": "chat", "endpoint_type": "llm/v1/chat",
             "model": {"provider": "openai", "name": "m", "config": {"openai_api_key": "$CANARY_KEY", "openai_api_base": up.base}}}
    config = {"endpoints": [route], "auth": {}}
    admin_key = canary("admin") + "0" * 20
    daemon = sluice(config, env={"CANARY_KEY": key, "CANARY_LATER": other, "SLUICE_ADMIN_KEY": admin_key, "PLAIN": "stays"})
    environ = f"/proc/{daemon.proc.pid}/environ"
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            open(environ, "rb").read()
        return
    text = open(environ, "rb").read()
    assert key.encode() not in text and admin_key.encode() not in text and b"PLAIN=stays" in text
    assert os.stat(environ).st_uid == 0
    bearer = [("Authorization", f"Bearer {admin_key}")]
    assert daemon.call("POST", "/v1/chat/completions", CHAT, bearer).status == 200

    def reload(expected):
        daemon.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: daemon.stderr.count("a new configuration is in force") == expected, "the reload")
        assert daemon.call("POST", "/v1/chat/completions", CHAT, bearer).status == 200

    reload(1)  # the same variable, read again
    path = daemon.dir / "sluice.yaml"
    path.write_text(path.read_text().replace("$CANARY_KEY", "$CANARY_LATER"))
    daemon.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: daemon.stderr.count("a new configuration is in force") >= 2, "the reload")
    assert daemon.call("POST", "/v1/chat/completions", CHAT, bearer).status == 200
    assert seen == [f"Bearer {key}"] * 2 + [f"Bearer {other}"]
    assert other.encode() not in open(environ, "rb").read()

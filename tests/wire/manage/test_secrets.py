# SPDX-License-Identifier: Apache-2.0
"""Credentials: replacing the secret key, what happens when it is lost, and that no credential is ever shown."""
import json
import os
import re
import signal
import subprocess

import pytest

from harness import BIN, CHAT, CHAT_REPLY, DEADLINE, chat_route, files_of, wait_for

KEYS = "/api/sluice/v1/keys"
OWN = "/api/sluice/v1/routes"
ROUTES = "/api/2.0/gateway/routes/"
ROTATE = "/api/sluice/v1/secret/rotate"
SDK = ("user-agent", "unknown/0.0.0 databricks-sdk-py/0.50 python/3.11 os/linux auth/pat")


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


def openai(name, key, base, **config):
    return {"name": name, "route_type": "llm/v1/chat",
            "model": {"name": "gpt", "provider": "openai", "openai_config": {"openai_api_key": key, "openai_api_base": base, **config}}}


@pytest.fixture
def start(sluice, tmp_path):
    def start(env=None, ready=True, **more):
        daemon = sluice({"auth": {}, "endpoints": [], "upstream": {"allow": ["127.0.0.0/8"]}, **more},
                        args=["--data", str(tmp_path / "data"), "--workers", "2"], env=env, ready=ready)
        daemon.data = tmp_path / "data"
        if ready:
            daemon.admin = (daemon.data / "admin.key").read_text().strip()
        return daemon

    return start


def kill(daemon):
    daemon.stop(signal.SIGKILL, check=False)
    daemon.stopped = True


def command(daemon, *args, **env):
    environ = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")}
    return subprocess.run([BIN, *args], env={**environ, **env}, capture_output=True, text=True, timeout=DEADLINE)


def ask(daemon, route):
    return daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route}, bearer(daemon.admin))


def test_rotate_through_the_daemon_and_without_it(start, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = start()
    for i in range(3):
        assert daemon.call("POST", ROUTES, openai(f"r{i}", f"sk-secret-{i}", up.base), bearer(daemon.admin)).status == 200
    keys = [(daemon.data / "secret.key").read_text()]
    before = daemon.call("GET", f"{OWN}/r1", headers=bearer(daemon.admin))
    reply = daemon.call("POST", ROTATE, headers=bearer(daemon.admin))
    assert reply.status == 200 and reply.json() == {"routes": 3}
    keys.append((daemon.data / "secret.key").read_text())
    after = daemon.call("GET", f"{OWN}/r1", headers=bearer(daemon.admin))
    assert after.get("etag") == before.get("etag")  # the route is the same; its fingerprint is made with the new key
    assert after.json()["secrets"] != before.json()["secrets"]
    done = command(daemon, "secret", "rotate", "--data", str(daemon.data), SLUICE_SERVER=daemon.url, SLUICE_KEY=daemon.admin)
    assert done.returncode == 0 and "3 routes" in done.stderr, done
    keys.append((daemon.data / "secret.key").read_text())
    refused = command(daemon, "secret", "rotate", "--data", str(daemon.data), SLUICE_SERVER=daemon.url)
    assert refused.returncode == 4, refused
    rows = daemon.call("GET", "/api/sluice/v1/audit", headers=bearer(daemon.admin)).json()["audit"]
    assert [r["action"] for r in rows[:2]] == ["secret.rotate"] * 2 and rows[0]["after"] == {"routes": 3}
    kill(daemon)
    done = command(daemon, "secret", "rotate", "--data", str(daemon.data))
    assert done.returncode == 0 and "3 routes" in done.stderr, done
    keys.append((daemon.data / "secret.key").read_text())
    assert len(set(keys)) == 4 and os.stat(daemon.data / "secret.key").st_mode & 0o777 == 0o600
    daemon = start()
    for i in range(3):
        assert ask(daemon, f"r{i}").status == 200
    assert [r.get("authorization") for r in up.requests] == [f"Bearer sk-secret-{i}" for i in range(3)]


def test_rotate_while_routes_are_made(start, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = start()
    conns = [daemon.connect() for _ in range(8)]
    for i in range(10):
        for k, conn in enumerate(conns):
            conn.request("POST", ROUTES, openai(f"r{i}-{k}", f"sk-{i}-{k}", up.base), bearer(daemon.admin))
        assert daemon.call("POST", ROTATE, headers=bearer(daemon.admin)).status == 200
        assert [c.reply("POST").status for c in conns] == [200] * 8
    kill(daemon)
    daemon = start()
    for i in range(10):
        assert ask(daemon, f"r{i}-{i % 8}").status == 200
        assert up.requests[-1].get("authorization") == f"Bearer sk-{i}-{i % 8}"


def test_rotate_is_an_admins(start):
    daemon = start()
    query = daemon.call("POST", KEYS, {"name": "n", "principal": "p", "role": "query"}, bearer(daemon.admin)).json()["key"]
    assert daemon.call("POST", ROTATE, headers=bearer(query)).status == 403
    assert daemon.call("POST", ROTATE).status == 401


def test_a_lost_or_wrong_key_names_the_routes(start, upstream):
    daemon = start()
    daemon.call("POST", ROUTES, openai("one", "sk-secret", "https://api.example.com/v1"), bearer(daemon.admin))
    daemon.call("POST", ROUTES, openai("two", "sk-secret", "https://api.example.com/v1"), bearer(daemon.admin))
    kill(daemon)
    key = (daemon.data / "secret.key").read_text()
    for spoil in (lambda: (daemon.data / "secret.key").unlink(), lambda: (daemon.data / "secret.key").write_text("0" * 64)):
        spoil()
        broken = start(ready=False)
        assert broken.proc.wait(DEADLINE) == 1
        broken.stop(check=False)
        broken.stopped = True
        assert "one, two" in broken.stderr and "secret key" in broken.stderr, broken.stderr
    (daemon.data / "secret.key").write_text(key)
    daemon = start()
    assert len(daemon.call("GET", ROUTES, headers=bearer(daemon.admin)).json()["routes"]) == 2


def test_a_key_of_the_environment_is_yours_to_change(start):
    daemon = start(env={"SLUICE_SECRET_KEY": "first-" * 5})
    daemon.call("POST", ROUTES, openai("one", "sk-secret", "https://api.example.com/v1"), bearer(daemon.admin))
    refused = daemon.call("POST", ROTATE, headers=bearer(daemon.admin))
    assert refused.status == 409 and "SLUICE_SECRET_KEY_NEW" in refused.json()["error"]["message"]
    assert not (daemon.data / "secret.key").exists()
    kill(daemon)
    done = command(daemon, "secret", "rotate", "--data", str(daemon.data), SLUICE_SECRET_KEY="first-" * 5, SLUICE_SECRET_KEY_NEW="second-" * 5)
    assert done.returncode == 0, done
    daemon = start(env={"SLUICE_SECRET_KEY": "second-" * 5})
    assert len(daemon.call("GET", ROUTES, headers=bearer(daemon.admin)).json()["routes"]) == 1


def test_a_canary_is_told_nowhere(start, upstream):
    """The credential of a provider, an API key and the admin key: in files only as ciphertext or hash (except
    admin.key), in no reply, log or metric."""
    canaries = ["sk-canary-first-4711", "sk-canary-second-4711"]

    def refuse(x):
        x.reply({"error": {"message": f"Incorrect API key provided: {x.get('authorization')}", "type": "invalid_request_error",
                           "code": "invalid_api_key"}}, "401 Unauthorized")

    up = upstream(refuse)
    daemon = start()
    replies = []

    def call(method, path, body=None, headers=()):
        for more in ((), (SDK,)):
            reply = daemon.call(method, path, body, [*bearer(daemon.admin), *headers, *more])
            replies.append((path, str(reply.headers).encode() + reply.body))
        return reply

    made = daemon.call("POST", KEYS, {"name": "program", "principal": "team", "role": "query"}, bearer(daemon.admin)).json()
    route = openai("canary", canaries[0], up.base)
    call("POST", ROUTES, route)  # and again: 409
    call("GET", ROUTES), call("GET", ROUTES + "canary"), call("GET", f"{OWN}/canary"), call("GET", OWN)
    call("PUT", f"{OWN}/canary", openai("canary", canaries[1], up.base))
    call("PUT", f"{OWN}/canary", {"route_type": "llm/v1/chat", "model": {"name": "kept", "provider": "openai", "openai_config": {"openai_api_base": up.base}}})
    call("GET", f"{OWN}/canary")
    # refused calls
    call("POST", ROUTES, openai("a/b", canaries[0], up.base))
    call("POST", ROUTES, openai("x", canaries[0], "http://169.254.169.254/v1"))
    call("POST", ROUTES, openai("x", canaries[0], up.base, openai_api_type=canaries[1]))
    call("POST", ROUTES, openai("x", [canaries[0]], up.base))
    call("POST", ROUTES, {**route, "route_type": "llm/v1/none"})
    call("POST", ROUTES, {**route, "model": {**route["model"], "provider": "none"}})
    call("POST", ROUTES, json.dumps(route)[:-2])
    call("POST", ROUTES, json.dumps(route)[:-2] + "x")
    call("PUT", f"{OWN}/other", route)
    call("PUT", f"{OWN}/canary", route, [("if-match", '"1"')])
    call("POST", KEYS, {"name": made["key"] + "\n", "principal": "p", "role": "query"})
    # use: the upstream echoes the credential in its refusal
    for path, body in [("/v1/chat/completions", {**CHAT, "model": "canary"}), ("/gateway/canary/invocations", {"messages": CHAT["messages"]}),
                       ("/serving-endpoints/canary/invocations", {"messages": CHAT["messages"]})]:
        call("POST", path, body)
        for key in (made["key"], made["key"][:-1] + "!"):
            reply = daemon.call("POST", path, body, bearer(key))
            replies.append((path, str(reply.headers).encode() + reply.body))
    assert up.requests and all(r.get("authorization") == f"Bearer {canaries[1]}" for r in up.requests)
    call("POST", ROTATE), call("GET", KEYS), call("GET", "/api/sluice/v1/audit"), call("GET", "/metrics"), call("GET", "/openapi.json")
    call("GET", "/api/2.0/serving-endpoints"), call("GET", "/api/2.0/serving-endpoints/canary"), call("GET", "/v1/models")
    backup = command(daemon, "db", "backup", str(daemon.data / "copy.db"), "--data", str(daemon.data))
    assert backup.returncode == 0, backup
    daemon.log_lines(30)
    secret = (daemon.data / "secret.key").read_text().strip()
    call("DELETE", ROUTES + "canary"), call("DELETE", f"{KEYS}/{made['id']}"), call("GET", "/api/sluice/v1/audit")

    def check():
        texts = [*replies, ("stderr", daemon.stderr.encode()), ("stdout", daemon.stdout.encode()), ("log", daemon.log_path.read_bytes())]
        texts += [(p.name, p.read_bytes()) for p in files_of(daemon.data)]
        for word in (*canaries, made["key"], daemon.admin, secret):
            for where, text in texts:
                if (where, word) not in (("admin.key", daemon.admin), ("secret.key", secret)):
                    assert word.encode() not in text, (where, word)

    check()
    daemon.stop()
    daemon.stopped = True
    check()


SPECIAL = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.0.0.1", "127.0.0.1.", "10.1.2.3", "172.16.0.1", "192.168.0.1",
           "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "100.100.100.200", "0.0.0.0", "0", "224.0.0.1", "255.255.255.255",
           "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[fe80::1]", "[fd00:ec2::254]", "[ff02::1]", "[64:ff9b::7f00:1]",
           "[2002:7f00:1::]"]


@pytest.mark.parametrize("made", ["create", "put"])
def test_an_address_inside_is_refused_when_the_route_is_made(sluice, tmp_path, made):
    daemon = sluice({"endpoints": [], "upstream": {"allow": ["10.9.0.0/16"]}}, args=["--data", str(tmp_path / "data")])

    def make(base):
        route = openai("r", "sk-secret-1", base)
        return daemon.call("POST", ROUTES, route) if made == "create" else daemon.call("PUT", f"{OWN}/r", route)

    for host in SPECIAL:
        for base in (f"http://{host}/v1", f"https://{host}:8443"):
            refused = make(base)
            assert refused.status == 400 and b"upstream.allow" in refused.body, (base, refused.body)
    for base in ("ftp://example.com", "file:///etc/passwd", "http://user:pw@example.com/v1", "//example.com", "gopher://127.0.0.1", "http://", "http:///v1"):
        assert make(base).status == 400, base
    assert daemon.call("GET", ROUTES).json()["routes"] == []
    for base in ("http://10.9.1.1/v1", "https://api.example.com/v1", "http://8.8.8.8/v1"):
        assert make(base).status in (200, 201), base
        assert daemon.call("DELETE", ROUTES + "r").status == 200


def test_a_name_that_leads_inside_is_refused_when_it_is_dialled(sluice, tmp_path, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": []}, args=["--data", str(tmp_path / "data")])
    assert daemon.call("POST", ROUTES, openai("r", "sk-secret-1", f"http://localhost:{up.port}/v1")).status == 200
    for path, call in (("/v1/chat/completions", {**CHAT, "model": "r"}), ("/gateway/r/invocations", {"messages": CHAT["messages"]})):
        refused = daemon.call("POST", path, call, [("x-request-id", "inside")])
        assert refused.status == 502 and up.n_connections == 0
        told = (refused.body + str(refused.headers).encode()).decode()
        assert "not public" in told and "127.0.0.1" not in told and "::1" not in told  # only the operator may know the address of the name
        assert re.search(r"(127\.0\.0\.1|\[::1\]):\d+ is no public address: it is refused unless upstream.allow has it", daemon.log_line("inside")["error"])
    assert "is no public address" in daemon.stderr


def test_a_redirect_is_not_followed(sluice, tmp_path, upstream):
    inside = upstream(lambda x: x.reply(CHAT_REPLY))
    up = upstream(lambda x: x.reply({}, "307 Temporary Redirect", headers=[("Location", f"http://localhost:{inside.port}/v1/chat/completions")]))
    daemon = sluice({"endpoints": [], "upstream": {"allow": ["127.0.0.0/8"]}}, args=["--data", str(tmp_path / "data")])
    assert daemon.call("POST", ROUTES, openai("r", "sk-secret-1", up.base)).status == 200
    assert daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": "r"}).status == 502
    assert inside.n_connections == 0


def test_the_log_says_who_and_refusals_are_lines_of_it_only(start):
    daemon = start()
    made = daemon.call("POST", KEYS, {"name": "program", "principal": "team-a", "role": "query"}, bearer(daemon.admin)).json()
    daemon.call("GET", "/v1/models", headers=[*bearer(made["key"]), ("x-request-id", "with-key")])
    line = daemon.log_line("with-key")
    assert (line["principal"], line["key"]) == ("team-a", "program")
    before = daemon.stderr
    conn = daemon.connect()
    for _ in range(500):
        assert conn.request("GET", "/v1/models", headers=bearer("sk-sluice-guess")).reply("GET").status == 401
    daemon.call("GET", "/v1/models", headers=[("x-request-id", "without")])
    line = daemon.log_line("without")
    assert line["principal"] == "127.0.0.1" and "key" not in line and line["status"] == 401
    assert daemon.stderr == before

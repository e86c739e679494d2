# SPDX-License-Identifier: Apache-2.0
"""sluice routes export and apply: routes as a file; sluice keys and audit."""
import json
import os
import pty
import signal
import subprocess
import threading

import pytest
import yaml

from harness import BIN, DEADLINE, wait_for
from libsluice import clean_env
from test_commands import sl

ADMIN = "an-admin-key-of-the-file"
FILE_ROUTE = {"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock"}}
LIMITS = [{"calls": 5, "key": "route", "renewal_period": "minute"}]
SECRET = {"name": "a", "route_type": "llm/v1/chat", "model": {"provider": "openai", "name": "gpt", "config": {"openai_api_key": "$THE_KEY", "openai_api_base": "http://example.com/v1"}}, "limits": LIMITS}
PLAIN = {"name": "b", "route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock"}}


@pytest.fixture
def gateway(sluice, tmp_path):
    daemon = sluice({"endpoints": [FILE_ROUTE], "auth": {"admin_key": "$ADMIN"}}, args=["--data", str(tmp_path / "data")], env={"ADMIN": ADMIN})

    def run(*args, routes=None, **env):
        stdin = "" if routes is None else json.dumps({"routes": routes})
        return sl("routes", *args, server=daemon.url, stdin=stdin, SLUICE_KEY=ADMIN, **env)

    run.daemon = daemon
    return run


def fingerprint(gateway, name):
    return gateway.daemon.call("GET", f"/api/sluice/v1/routes/{name}", headers=[("Authorization", f"Bearer {ADMIN}")]).json()["secrets"]


def test_apply_and_export(gateway):
    both = [SECRET, PLAIN]
    assert gateway("apply", "-", "--dry-run", routes=both, THE_KEY="sk-canary") == (0, "+ a (sets a secret)\n+ b\n", "nothing was changed\n")
    assert gateway("list")[1].count("\n") == 1
    assert gateway("apply", "-", "--yes", routes=both, THE_KEY="sk-canary") == (0, "+ a (sets a secret)\n+ b\n", "applied\n")
    code, out, _ = gateway("export")
    exported = json.loads(out)["routes"]
    assert code == 0 and "canary" not in out and [r["name"] for r in exported] == ["a", "b"]
    assert exported[0]["model"]["config"] == {"openai_api_base": "http://example.com/v1", "openai_api_key": "$A_OPENAI_API_KEY"} and exported[0]["limits"] == LIMITS
    # A reference that leads to nothing keeps the stored secret; any other one sets it.
    before = fingerprint(gateway, "a")
    assert gateway("apply", "-", "--yes", routes=exported) == (0, "", "nothing to change\n")
    exported[0]["model"]["name"] = "gpt-2"
    exported[0]["limits"] = []
    assert gateway("apply", "-", "--yes", routes=exported) == (
        0, '~ a (limits)\n    model.name: gpt -> gpt-2\n    limits: [{"calls":5,"key":"route","renewal_period":"minute"}] -> []\n', "applied\n")
    assert fingerprint(gateway, "a") == before and "gpt-2" in gateway("get", "a")[1] and json.loads(gateway("export")[1])["routes"][0]["limits"] == []
    assert gateway("apply", "-", "--yes", routes=exported, A_OPENAI_API_KEY="sk-rotated") == (0, "~ a (sets a secret)\n    model.config.openai_api_key: is set\n", "applied\n")
    assert fingerprint(gateway, "a") != before
    # A route that the file does not have is deleted only with --prune.
    assert gateway("apply", "-", "--yes", routes=[exported[1]]) == (0, "", "nothing to change\n")
    assert gateway("apply", "-", "--yes", "--prune", routes=[exported[1]]) == (0, "- a\n", "applied\n")
    assert {line.split("\t")[0] for line in gateway("list")[1].splitlines()} == {"chat", "b"}


def test_two_secrets_with_one_variable_are_told(gateway):
    """Names that differ in a sign only: what apply reads from one variable would go to both places."""
    routes = [{**SECRET, "name": name} for name in ("a-b", "a_b", "c")]
    assert gateway("apply", "-", "--yes", routes=routes, THE_KEY="sk-canary")[0] == 0
    code, out, err = gateway("export")
    assert code == 0 and out.count("$A_B_OPENAI_API_KEY") == 2
    assert err.splitlines()[1:] == ["warning: $A_B_OPENAI_API_KEY stands for 2 secrets: write another variable where they differ"]


def test_a_new_route_needs_its_secret(gateway, tmp_path):
    """For an existing route, a reference that leads to nothing keeps the stored secret; a new route has none to
    keep."""
    filed = json.loads(json.dumps(SECRET).replace('"$THE_KEY"', json.dumps({"file": str(tmp_path / "none")}))) | {"name": "c"}
    for flag in "--yes", "--dry-run":
        code, out, err = gateway("apply", "-", flag, routes=[SECRET, PLAIN, filed])
        assert (code, out) == (1, "") and err == ("sluice: -: the route 'a' would be new, and its model.config.openai_api_key: $THE_KEY is not set\n"
                                                  f"sluice: -: the route 'c' would be new, and its model.config.openai_api_key: there is no file {tmp_path}/none\n")
    assert gateway("list")[1].count("\n") == 1, "nothing was sent"
    assert gateway("apply", "-", "--yes", routes=[SECRET], THE_KEY="sk-now")[0] == 0
    assert gateway("apply", "-", "--yes", routes=[SECRET, PLAIN]) == (0, "+ b\n", "applied\n")


def test_an_empty_list(gateway):
    assert gateway("apply", "-", "--yes", routes=[]) == (0, "", "nothing to change\n")
    assert gateway("apply", "-", "--yes", routes=[PLAIN])[0] == 0
    assert gateway("apply", "-", "--yes", "--prune", routes=[]) == (0, "- b\n", "applied\n")


def test_a_secret_in_a_file(gateway, tmp_path):
    (tmp_path / "secret").write_text("sk-filed\n")
    route = json.loads(json.dumps(SECRET).replace('"$THE_KEY"', json.dumps({"file": str(tmp_path / "secret")})))
    assert gateway("apply", "-", "--yes", routes=[route])[0] == 0
    assert "openai_api_key" in fingerprint(gateway, "a")


YAML = """# An operator's file.
server: {listen: "127.0.0.1:1"}
endpoints:
  - name: a
    endpoint_type: llm/v1/chat
    model: &model
      provider: openai
      name: gpt
      config: {openai_api_key: $THE_KEY, openai_api_base: "http://example.com/v1"}
    limit: {calls: 5, key: null, renewal_period: minute}
  - name: b
    route_type: llm/v1/chat
    model: {<<: *model, config: null, openai_config: {openai_api_key: sk-literal, openai_api_base: 'http://example.com/v1'}}
    limits: [{calls: 7, key: route, renewal_period: hour}]
    sluice: {retries: 1}
"""


def test_a_configuration_file_is_applied(gateway, tmp_path):
    """YAML like MLflow's and `sluice serve`'s: endpoints, `limit`, a key as a variable, a file or a literal."""
    path = tmp_path / "config.yaml"
    path.write_text(YAML)
    code, out, err = gateway("apply", str(path), "--yes", THE_KEY="sk-canary")
    assert (code, out) == (0, "+ a (sets a secret)\n+ b (sets a secret)\n"), err
    assert err == f"sluice: note: 'server' of {path} is left out: only routes are applied\napplied\n"
    a, b = json.loads(gateway("export")[1])["routes"]
    assert a["limit"] == {"calls": 5, "key": None, "renewal_period": "minute"} and b["limits"] == [{"calls": 7, "key": "route", "renewal_period": "hour"}]
    assert b["sluice"] == {"retries": 1} and b["model"]["config"] == {"openai_api_base": "http://example.com/v1", "openai_api_key": "$B_OPENAI_API_KEY"}
    before = fingerprint(gateway, "a"), fingerprint(gateway, "b")
    # Without the variable the stored secret stays; the output of export, also as YAML, changes nothing.
    path.write_text(YAML.replace("sk-literal", "$NOTHING"))
    assert gateway("apply", str(path), "--yes", "--quiet") == (0, "", "")
    path.write_text(yaml.safe_dump({"routes": [a, b]}))
    assert gateway("apply", str(path), "--yes") == (0, "", "nothing to change\n")
    path.write_text(yaml.safe_dump({"routes": [a, b | {"limit": {"calls": 9, "renewal_period": "day"}}]}))
    assert gateway("apply", str(path), "--yes") == (0, "~ b\n    limit.calls: nothing -> 9\n    limit.renewal_period: nothing -> day\n", "applied\n")
    assert before == (fingerprint(gateway, "a"), fingerprint(gateway, "b"))
    # A key that is the path of a file is read from it, as by MLflow; a literal key is sent only to this machine or over
    # TLS.
    (tmp_path / "key").write_text("sk-filed\n")
    path.write_text(YAML.replace("sk-literal", str(tmp_path / "key")))
    assert gateway("apply", str(path), "--yes", "--quiet")[1].startswith("~ b (sets a secret)\n")
    path.write_text(YAML)
    code, _, err = gateway("apply", str(path), "--yes", "--quiet", "--server", "http://gateway.example:1")
    assert (code, err) == (1, "sluice: secrets are sent over https:// or to this machine only\n")


@pytest.mark.parametrize("text, said", [
    ("endpoints: [", "did not find expected node content"), ("endpoints:\n- name: a\n  name: b\n", ":3:3: "), ("endpoints: {}", "have endpoints:"), ("endpoints: [5]", "endpoints[0]: expected a route"),
    ("endpoints:\n- {name: a, limts: []}", "endpoints[0].limts: no such member; did you mean 'limits'?"), ("endpoints:\n- {name: a, model: {provider: mock, name: m}}", "endpoints[0].route_type: expected a string"),
    ("- a", "it must be"), ("", "it must be"),
])
def test_a_wrong_yaml_file(gateway, tmp_path, text, said):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    code, out, err = gateway("apply", str(path), "--yes")
    assert (code, out) == (1, "") and f"sluice: {path}" in err and said in err, err


def test_what_is_refused_before_anything_is_sent(gateway):
    for routes, said in [
        ([PLAIN, {"name": "x"}], "routes[1].route_type: expected a string"), ([PLAIN, PLAIN], "the route 'b' is there twice"),
        ([PLAIN | {"name": "chat"}], "the route 'chat' is the configuration file's ("),
    ]:
        code, out, err = gateway("apply", "-", "--yes", routes=routes)
        assert (code, out) == (1, "") and said in err, err
    for text, said in ("{oops", "not JSON"), ("[]", 'it must be {"routes": [...]}'):
        code, _, err = sl("routes", "apply", "-", stdin=text, server=gateway.daemon.url, SLUICE_KEY=ADMIN)
        assert code == 1 and said in err
    code, _, err = gateway("apply", "/nonexistent")
    assert code == 1 and "No such file" in err
    code, _, err = gateway("apply", "-", routes=[PLAIN])
    assert code == 2 and "--yes" in err
    code, _, err = gateway("apply", "-", "--yes", "--server", "http://gateway.example:1", routes=[SECRET], THE_KEY="sk-canary")
    assert code == 1 and "secrets are sent over https://" in err
    assert len(json.loads(gateway("export")[1])["routes"]) == 0


def test_each_failure_is_told(gateway):
    routes = [PLAIN | {"name": f"r{i}"} for i in range(40)]
    routes[7] = routes[7] | {"route_type": "llm/v1/nothing"}
    routes[30] = routes[30] | {"model": {"provider": "nobody", "name": "x"}}
    code, out, err = gateway("apply", "-", "--yes", routes=routes)
    assert code == 3 and out.count("+ ") == 40
    assert "r7: sluice: " in err and "r30: sluice: " in err and "2 failed; run it again" in err
    assert len(json.loads(gateway("export")[1])["routes"]) == 38
    assert gateway("apply", "-", "--yes", routes=[r for i, r in enumerate(routes) if i not in (7, 30)]) == (0, "", "nothing to change\n")


class Gateway:
    """A scripted gateway: it answers no PUT before `together` of them wait."""

    def __init__(self, together):
        self.lock = threading.Condition()
        self.routes, self.waiting, self.most, self.together = {}, 0, 0, together

    def __call__(self, x):
        name = x.path.rsplit("/", 1)[1]
        if x.method == "GET" and name == "routes":
            x.reply({"routes": [{"name": n, "owner": "api"} for n in self.routes], "next_page_token": None})
        elif x.method == "GET":
            x.reply(self.routes[name])
        else:
            with self.lock:
                self.waiting += 1
                self.most = max(self.most, self.waiting)
                self.lock.notify_all()
                assert self.lock.wait_for(lambda: self.most >= self.together, DEADLINE)
                self.waiting -= 1
            self.routes[name] = x.json() | {"name": name}
            x.reply(self.routes[name])


def test_sixteen_in_flight(upstream):
    gateway = Gateway(16)
    url = f"http://127.0.0.1:{upstream(gateway).port}"
    routes = json.dumps({"routes": [PLAIN | {"name": f"r{i:02}"} for i in range(40)]})
    code, out, err = sl("routes", "apply", "-", "--yes", stdin=routes, server=url)
    assert (code, out.count("+ r"), err) == (0, 40, "applied\n") and gateway.most == 16 and len(gateway.routes) == 40
    assert sl("routes", "apply", "-", "--yes", stdin=routes, server=url) == (0, "", "nothing to change\n")


def test_an_interrupted_run_is_run_again(gateway, upstream, tmp_path):
    """Ctrl-C in the middle: reported once, exit 130; the next run does the rest."""
    lock, half, done, held = threading.Lock(), [], [], threading.Event()

    def proxy(x):
        is_put = x.method == "PUT"
        with lock:
            is_held = is_put and len(half) == 20
            if is_put and not is_held:
                half.append(x.path)
        if is_held:
            held.set()
            x.wait_closed()
            return
        r = gateway.daemon.call(x.method, x.path, x.json() if x.body else None, headers=[("Authorization", f"Bearer {ADMIN}")])
        if is_put:
            done.append(x.path)
        x.reply(r.body, f"{r.status} OK")

    path = tmp_path / "routes.json"
    path.write_text(json.dumps({"routes": [PLAIN | {"name": f"r{i:02}"} for i in range(60)]}))
    p = subprocess.Popen([BIN, "routes", "apply", str(path), "--yes"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env=clean_env(SLUICE_SERVER=f"http://127.0.0.1:{upstream(proxy).port}", SLUICE_KEY=ADMIN))
    wait_for(lambda: held.is_set() and len(done) == 20, "half of it is done")
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=DEADLINE)
    assert (p.returncode, err) == (130, "sluice: interrupted; run it again to go on\n")
    code, out, err = gateway("apply", str(path), "--yes")
    assert (code, err) == (0, "applied\n") and out.count("+ r") == 60 - len(half)
    assert len(json.loads(gateway("export")[1])["routes"]) == 60


def test_on_a_terminal(gateway, tmp_path):
    """It first shows the difference, then asks, and shows its progress."""
    path = tmp_path / "routes.json"
    path.write_text(json.dumps({"routes": [PLAIN | {"name": f"r{i:02}"} for i in range(40)]}))

    def run(answer):
        parent, child = pty.openpty()
        p = subprocess.Popen([BIN, "routes", "apply", str(path)], stdin=child, stdout=child, stderr=child, env=clean_env(SLUICE_SERVER=gateway.daemon.url, SLUICE_KEY=ADMIN, TERM="xterm"))
        os.close(child)
        shown = b""
        while True:
            try:
                piece = os.read(parent, 65536)
            except OSError:
                break
            if not piece:
                break
            if b"[y/N] " in piece:
                os.write(parent, answer)
            shown += piece
        os.close(parent)
        return p.wait(DEADLINE), shown.decode().replace("\r\n", "\n")

    code, shown = run(b"n\n")
    assert code == 1 and shown.startswith("+ r00\n") and "apply 40 changes? [y/N] " in shown and "not done" in shown
    assert gateway("list")[1].count("\n") == 1
    code, shown = run(b"y\n")
    assert code == 0 and "\r40 of 40 routes" in shown and shown.endswith("applied\n")


def test_not_permitted(gateway):
    code, _, err = sl("routes", "export", server=gateway.daemon.url)
    assert code == 4 and "401" in err


def admin(gateway, *args, key=ADMIN):
    return sl(*args, server=gateway.daemon.url, SLUICE_KEY=key)


@pytest.mark.parametrize("role", ["query", "viewer", "admin"])
def test_each_role_can_be_given(gateway, role):
    """The command knows every role that the gateway knows."""
    assert admin(gateway, "keys", "create", "--name", "x", "--role", role)[0] == 0
    listed = json.loads(admin(gateway, "keys", "list", "--json")[1])["keys"]
    assert [k["role"] for k in listed if k["name"] == "x"] == [role]
    assert role in sl("help", "keys", "create")[1]


def test_a_key_that_nobody_asks_for(sluice, tmp_path):
    daemon = sluice({"endpoints": [FILE_ROUTE]}, args=["--data", str(tmp_path / "data")])
    code, key, err = sl("keys", "create", "--name", "ci", server=daemon.url)
    assert code == 0 and key.startswith("sk-sluice-")
    assert err == "made key-1; the key is not shown again\nthis gateway asks nobody for a key until its configuration has an auth section\n"
    assert sl("keys", "create", "--name", "ci", "--quiet", server=daemon.url)[2] == ""


def test_keys(gateway):
    code, key, err = admin(gateway, "keys", "create", "--name", "ci", "--principal", "team", "--routes", "chat", "--expires-at", "2099-01-01T00:00:00Z")
    key = key.strip()
    assert code == 0 and key.startswith("sk-sluice-") and err == "made key-1; the key is not shown again\n"
    assert admin(gateway, "query", "chat", "hello", key=key) == (0, "You said: hello\n", "")
    assert admin(gateway, "keys", "list", key=key)[0] == 4
    code, out, _ = admin(gateway, "keys", "list")
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0 and rows[1][:6] == ["key-1", "ci", "team", "query", "chat", "2099-01-01T00:00:00Z"] and rows[1][7] == "api" and key not in out
    listed = json.loads(admin(gateway, "keys", "list", "--json")[1])
    assert [k["id"] for k in listed["keys"]] == ["file:admin", "key-1"]
    assert json.loads(admin(gateway, "keys", "create", "--json", "-d", '{"name": "x", "principal": "x", "role": "admin"}')[1])["role"] == "admin"
    assert admin(gateway, "keys", "create", "--name", "y", "--role", "king")[0] == 2
    assert admin(gateway, "keys", "revoke", "key-1")[0] == 2, "nobody is there to be asked"
    assert admin(gateway, "keys", "revoke", "key-1", "--yes") == (0, "", "revoked key-1\n")
    assert admin(gateway, "query", "chat", "hello", key=key)[0] == 4
    code, _, err = admin(gateway, "keys", "revoke", "key-9", "--yes")
    assert code == 5 and "key-9" in err


def test_audit(gateway):
    assert gateway("apply", "-", "--yes", routes=[PLAIN | {"name": f"r{i}"} for i in range(103)])[0] == 0
    assert gateway("delete", "r5", "--yes")[0] == 0
    code, out, _ = admin(gateway, "audit")
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0 and len(rows) == 100 and rows[0][1:4] == ["admin", "route.delete", "r5"]
    assert len(admin(gateway, "audit", "--all")[1].splitlines()) == 104
    assert json.loads(admin(gateway, "audit", "--json")[1])["audit"][0]["target"] == "r5"


# --- routes with targets ---


def target(name, key="$THE_KEY", **more):
    return {"name": name, "model": {"provider": "openai", "config": {"openai_api_key": key, "openai_api_base": f"http://{name}.example.com/v1"}, "name": "gpt"}, **more}


def test_targets_are_applied(gateway, tmp_path):
    """With references in each, members in any order, and without a model beside them."""
    (tmp_path / "key").write_text("sk-filed\n")
    aws = {"name": "aws", "tier": 1, "model": {"provider": "bedrock", "name": "nova", "config": {"aws_config": {"aws_region": "eu-west-1", "aws_access_key_id": "$THE_KEY", "aws_secret_access_key": {"file": str(tmp_path / "key")}}}}}
    alone = {"name": "alone", "route_type": "llm/v1/chat", "sluice": {"targets": [target("eu.1"), target("file", {"file": str(tmp_path / "key")}, weight=3), aws], "balance": "ordered", "retries": 0}}
    beside = {**SECRET, "name": "beside", "sluice": {"targets": [target("spare", tier=1)]}}
    del beside["limits"]
    assert gateway("apply", "-", "--yes", routes=[alone, beside], THE_KEY="sk-canary-0123456789") == (0, "+ alone (sets a secret)\n+ beside (sets a secret)\n", "applied\n")
    got = {n: gateway.daemon.call("GET", f"/api/sluice/v1/routes/{n}", headers=[("Authorization", f"Bearer {ADMIN}")]).json() for n in ("alone", "beside")}
    assert {t: set(s) for t, s in got["alone"]["target_secrets"].items()} == {"eu.1": {"openai_api_key"}, "file": {"openai_api_key"}, "aws": {"aws_config.aws_access_key_id", "aws_config.aws_secret_access_key"}}
    assert got["beside"]["secrets"]["openai_api_key"] == got["beside"]["target_secrets"]["spare"]["openai_api_key"] == got["alone"]["target_secrets"]["eu.1"]["openai_api_key"] != got["alone"]["target_secrets"]["file"]["openai_api_key"]
    # stored secrets stay, and without a difference nothing is changed
    assert gateway("apply", "-", "--yes", routes=[json.loads(json.dumps(r).replace(str(tmp_path / "key"), "/nonexistent/key")) for r in (alone, beside)]) == (0, "", "nothing to change\n")
    # export has a reference for each of them; another gateway is made from these
    code, out, _ = gateway("export")
    assert code == 0 and "canary" not in out and "sk-filed" not in out
    exported = json.loads(out)["routes"]
    assert "model" not in exported[0] and [t["name"] for t in exported[0]["sluice"]["targets"]] == ["eu.1", "file", "aws"]
    assert exported[0]["sluice"]["targets"][0]["model"]["config"] == {"openai_api_base": "http://eu.1.example.com/v1", "openai_api_key": "$ALONE_EU_1_OPENAI_API_KEY"}
    assert exported[0]["sluice"]["targets"][2]["model"]["config"] == {"aws_config": {
        "aws_region": "eu-west-1", "aws_access_key_id": "$ALONE_AWS_AWS_CONFIG_AWS_ACCESS_KEY_ID", "aws_secret_access_key": "$ALONE_AWS_AWS_CONFIG_AWS_SECRET_ACCESS_KEY"}}
    assert gateway("apply", "-", "--yes", routes=exported) == (0, "", "nothing to change\n")
    exported[0]["sluice"]["targets"][1]["weight"] = 4
    assert gateway("apply", "-", "--yes", routes=exported) == (0, "~ alone\n    sluice.targets[1].weight: 3 -> 4\n", "applied\n")
    assert gateway.daemon.call("GET", "/api/sluice/v1/routes/alone", headers=[("Authorization", f"Bearer {ADMIN}")]).json()["target_secrets"] == got["alone"]["target_secrets"]
    assert gateway("apply", "-", "--yes", routes=exported[:1], ALONE_EU_1_OPENAI_API_KEY="sk-rotated-0123456789") == (
        0, "~ alone (sets a secret)\n    sluice.targets[0].model.config.openai_api_key: is set\n", "applied\n")
    for name in ("alone", "beside"):
        assert gateway("delete", name, "--yes")[0] == 0
    code, out, err = gateway("apply", "-", "--yes", routes=exported[1:])
    assert (code, out) == (1, "") and "the route 'beside' would be new, and its " in err
    env = {"BESIDE_OPENAI_API_KEY": "sk-1-0123456789abcdef", "BESIDE_SPARE_OPENAI_API_KEY": "sk-2-0123456789abcdef"}
    assert gateway("apply", "-", "--yes", routes=exported[1:], **env) == (0, "+ beside (sets a secret)\n", "applied\n")


@pytest.mark.parametrize("own, said", [
    ({}, "routes[0].model.provider: expected a string"), ({"targets": "x"}, "routes[0].model.provider: expected a string"),
])
def test_a_route_needs_a_model_or_targets(gateway, own, said):
    code, out, err = gateway("apply", "-", "--yes", routes=[{"name": "x", "route_type": "llm/v1/chat", "sluice": own}])
    assert (code, out) == (1, "") and said in err, err


def test_a_nested_secret_is_read_from_where_it_is(gateway):
    """In aws_config they are one level deeper."""
    route = {"name": "aws", "route_type": "llm/v1/chat", "model": {"provider": "bedrock", "name": "nova", "config": {"aws_config": {"aws_region": "eu-west-1", "aws_access_key_id": "$ID", "aws_secret_access_key": "$KEY"}}}}
    code, out, err = gateway("apply", "-", "--yes", routes=[route], ID="AKIDEXAMPLE")
    assert (code, out) == (1, "") and "model.config.aws_config.aws_secret_access_key: $KEY is not set" in err
    assert gateway("apply", "-", "--yes", routes=[route], ID="AKIDEXAMPLE", KEY="canary-0123456789") == (0, "+ aws (sets a secret)\n", "applied\n")
    before = fingerprint(gateway, "aws")
    assert before and gateway("apply", "-", "--yes", routes=[route]) == (0, "", "nothing to change\n")
    assert gateway("apply", "-", "--yes", routes=[route], ID="AKIDEXAMPLE", KEY="another-0123456789") == (
        0, "~ aws (sets a secret)\n    model.config.aws_config.aws_access_key_id: is set\n    model.config.aws_config.aws_secret_access_key: is set\n", "applied\n")
    assert fingerprint(gateway, "aws") != before


def test_the_difference_has_its_fields(sluice, tmp_path):
    daemon = sluice({"endpoints": []}, args=["--data", str(tmp_path / "data")])
    route = {"name": "a", "route_type": "llm/v1/chat", "model": {"provider": "openai", "name": "gpt-4.1", "config": {"openai_api_key": "$KEY", "openai_api_base": "https://a/v1"}}}
    path = tmp_path / "r.json"

    def run(command, *args, **env):
        path.write_text(json.dumps({"routes": [route]}))
        code, out, err = sl("routes", command, str(path), *args, server=daemon.url, **env)
        assert code == 0, err
        return out.splitlines(), err

    assert run("apply", "--yes", KEY="sk-a-secret-of-the-file")[0] == ["+ a (sets a secret)"]
    route["model"]["name"] = "gpt-5"
    route["model"]["config"] |= {"openai_api_base": "https://b/v1", "openai_organization": "org-x"}
    route["sluice"] = {"retries": 0, "timeouts": {"total": "60s"}}
    route["limits"] = [{"calls": 5, "key": "user", "renewal_period": "minute"}]
    lines, err = run("diff")
    assert err == "nothing was changed\n" and lines == [
        "~ a (limits)", "    model.name: gpt-4.1 -> gpt-5", "    sluice.retries: nothing -> 0", "    sluice.timeouts.total: nothing -> 60s",
        "    model.config.openai_api_base: https://a/v1 -> https://b/v1", "    model.config.openai_organization: is set",
        '    limits: [] -> [{"calls":5,"key":"user","renewal_period":"minute"}]'], lines
    lines, _ = run("diff", KEY="sk-another-secret")
    assert lines[0] == "~ a (sets a secret) (limits)" and "    model.config.openai_api_key: is set" in lines and not any("sk-a" in line for line in lines), lines
    run("apply", "--yes", KEY="sk-a-secret-of-the-file")  # its place changes: the key is given again
    assert run("diff") == ([], "nothing to change\n")

# SPDX-License-Identifier: Apache-2.0
"""--json of every command against docs/schemas/cli.json; tables with and without a terminal, by example."""
import json
import pathlib
import re

import jsonschema
import pytest

from harness import CHAT, chat_route, free_port, wait_for
from test_commands import on_terminal, sl

ADMIN = "an-admin-key-of-the-file"
SCHEMAS = json.loads((pathlib.Path(__file__).resolve().parents[3] / "docs/schemas/cli.json").read_text())
CONFIG = {"endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock"}, "limit": {"calls": 10, "renewal_period": "hour"}}],
          "auth": {"admin_key": "$ADMIN"}}
CREATE = ["routes", "create", "--name", "new", "--provider", "mock", "--model", "mock"]


def check(command, text):
    jsonschema.validate(json.loads(text), {"$ref": f"#/$defs/{command}"} | SCHEMAS, cls=jsonschema.Draft202012Validator)


@pytest.fixture
def run(sluice, tmp_path):
    daemon = sluice(CONFIG, args=["--data", str(tmp_path / "data")], env={"ADMIN": ADMIN})

    def run(*args, **env):
        code, out, err = sl(*args, server=daemon.url, SLUICE_KEY=ADMIN, **env)
        assert code == 0, err
        return out

    run.url = daemon.url
    run.file = daemon.dir / "sluice.yaml"
    run.shown = lambda *args: on_terminal(*args, server=daemon.url, SLUICE_KEY=ADMIN, TERM="xterm", NO_COLOR="1")
    return run


def test_json_of_every_command(run):
    check("version", run("version", "--json"))
    check("top", run("top", "--json"))
    check("routes create", run(*CREATE, "--json"))
    check("routes list", run("routes", "list", "--json"))
    check("routes get", run("routes", "get", "chat", "--json"))
    check("limits set", run("limits", "set", "new", "5/minute", "--json"))
    check("limits get", run("limits", "get", "new", "--json"))
    check("routes export", run("routes", "export", "--json"))
    check("limits set", run("limits", "set", "new", "tokens=1000/day", "money=5/month", "concurrent=3", "session.calls=9", "--zone", "UTC", "--json"))
    assert [c["kind"] for c in json.loads(run("limits", "get", "new", "--json"))["counts"]] == ["requests", "tokens", "money", "concurrent", "requests"]
    check("limits clear", run("limits", "clear", "new", "--yes", "--json"))
    check("keys create", run("keys", "create", "--name", "ci", "--routes", "chat", "--json"))
    check("keys list", run("keys", "list", "--json"))
    made = json.loads(run("keys", "list", "--json"))["keys"][-1]["id"]
    check("keys move", run("keys", "limits", made, "7/hour", "--key", "user", "--json"))
    check("keys limits", run("keys", "limits", made, "--json"))
    assert json.loads(run("keys", "limits", made, "--json")) == [{"requests": 7, "per": "hour", "each": "principal"}]
    check("keys list", run("keys", "list", "--json"))
    check("groups create", run("groups", "create", "acme", "--json"))
    run("groups", "create", "acme/search")
    check("groups get", run("groups", "get", "acme/search", "--json"))
    check("groups list", run("groups", "list", "--json"))
    check("groups get", run("groups", "limits", "acme", "-d", '[{"concurrent": 5}]', "--json"))
    check("groups limits", run("groups", "limits", "acme", "--json"))
    check("groups get", run("groups", "limits", "acme", "tokens=9/day", "--json"))
    assert json.loads(run("groups", "limits", "acme", "--json")) == [{"concurrent": 5}, {"tokens": 9, "per": "day"}]
    assert run("groups", "limits", "acme") == "concurrent\t5\t\t\t\t0\t0\t\ntokens\t9\tday\t\t\t0\t0\t\n"
    assert [line for line in run("groups", "get", "acme").splitlines() if "_at" not in line] == ["name\tacme", 'limits\t[{"concurrent":5},{"tokens":9,"per":"day"}]', "children\t", "owner\tapi"]
    check("keys create", run("keys", "create", "--name", "ci", "--group", "acme/search", "--json"))
    check("keys move", run("keys", "move", "key-1", "acme", "--json"))
    check("query chat", run("query", "chat", "hello", "--json"))
    for line in run("query", "chat", "hello", "--json", "--stream").splitlines():
        check("query --stream chat", line)
    check("nodes", run("nodes", "--json"))
    check("audit", run("audit", "--json"))
    check("usage", run("usage", "--by", "principal,day", "--json"))
    check("usage reprice", run("usage", "reprice", "--yes", "--json"))
    rows = wait_for(lambda: json.loads(run("logs", "--json"))["requests"], "a row")
    check("logs", run("logs", "--json"))
    check("explain", run("explain", rows[0]["id"], "--json"))
    check("status", run("status", "--json"))
    assert json.loads(run("status", "--json"))["limits"] == {"chat": 0.2}


def test_nodes(sluice):
    """One that shares its store with nobody."""
    daemon = sluice({**CONFIG, "node": "here"}, env={"ADMIN": ADMIN})
    code, out, _ = sl("nodes", server=daemon.url, SLUICE_KEY=ADMIN)
    assert code == 0 and out.split("\t")[0] == "here" and out.split("\t")[2:7] == ["0", "up", "local", "false", "true"], out


def test_targets(sluice):
    mock = {"provider": "mock", "name": "m", "config": {}}
    route = {"name": "two", "endpoint_type": "llm/v1/chat", "model": mock, "sluice": {"targets": [{"name": "spare", "model": mock, "tier": 1}]}}
    daemon = sluice({"endpoints": [route]})
    run = lambda *args: sl(*args, server=daemon.url)
    code, out, _ = run("targets", "list")
    assert (code, out) == (0, "two\tmodel\tmock\tm\t0\tclosed\t0\t\t\ntwo\tspare\tmock\tm\t1\tclosed\t0\t\t\n")
    check("targets list", run("targets", "list", "--json")[1])
    assert run("targets", "reset", "two", "spare", "--dry-run")[:2] == (0, "would reset spare of two\n")
    code, out, err = run("targets", "reset", "two", "spare")
    assert (code, out) == (0, "") and "spare of two gets calls again" in err
    check("targets reset", run("targets", "reset", "two", "spare", "--json")[1])
    code, _, err = run("targets", "reset", "two", "none")
    assert code == 5 and "There is no target 'none' of a route 'two'" in err


def test_status_tells_which_targets_get_no_calls(sluice, upstream):
    """Also of a later page."""
    mock = {"provider": "mock", "name": "m", "config": {}}
    many = {"name": "many", "endpoint_type": "llm/v1/chat", "sluice": {"targets": [{"name": f"t{i}", "model": mock} for i in range(1000)]}}
    fails = chat_route(upstream(lambda x: x.reply({"error": {"message": "no"}}, "500 Oops")).base, "fails", retries=0, breaker={"errors": 1, "ratio": "1%", "open": "1h"})
    full = chat_route(upstream(lambda x: x.reply({"error": {"message": "no"}}, "429 Wait", headers=[("Retry-After", "100")])).base, "full", targets=[{"name": "spare", "tier": 1, "model": mock}], retries=0)
    gone = chat_route(f"http://127.0.0.1:{free_port()}/v1", "gone", health={"every": "1s"})
    daemon = sluice({"endpoints": [many, fails, full, gone]})
    resting = lambda: json.loads(sl("status", "--json", server=daemon.url)[1])["resting"]
    wait_for(lambda: [(t["route"], t["target"], t["state"], t["is_down"]) for t in resting()] == [("gone", "model", "open", True)], "its health checks fail")
    assert not any(line.startswith("no calls") and "fails" in line for line in sl("status", server=daemon.url)[1].splitlines())
    for route in ("fails", "full"):
        assert daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route}).status == (500 if route == "fails" else 200)
    out = sl("status", "--json", server=daemon.url)[1]
    check("status", out)
    got = json.loads(out)["resting"]
    assert [(t["route"], t["target"], t["state"], t["is_down"]) for t in got] == [("fails", "model", "open", False), ("full", "model", "closed", False), ("gone", "model", "open", True)]
    assert 3500000 < got[0]["waits_ms"] <= 3600000 and 80000 < got[1]["waits_ms"] <= 100000
    lines = [line.split("\t")[1] for line in sl("status", server=daemon.url)[1].splitlines() if line.startswith("no calls")]
    assert re.fullmatch(r"fails/model: its breaker is open, for \d+ .*", lines[0]) and re.fullmatch(r"full/model: asked to wait, for \d+ .*", lines[1]), lines
    assert lines[2:] == ["gone/model: down by its health checks"]
    shown = on_terminal("status", server=daemon.url, TERM="xterm", NO_COLOR="1").splitlines()
    at = next(i for i, line in enumerate(shown) if line.startswith("no calls   fails/model: its breaker is open, for "))
    assert shown[at + 2].strip() == "gone/model: down by its health checks" and max(map(len, shown)) <= 80


@pytest.mark.parametrize("status, body", [("403 Forbidden", {"error": {"message": "no"}}), ("404 Not Found", {"detail": "Not Found"}), ("500 Oops", b"x"), ("200 OK", b"{}"), ("200 OK", b"nonsense")])
def test_status_goes_without_them(upstream, status, body):
    """Who may not see targets, and who asks an older gateway, is told all the rest."""
    up = upstream(lambda x: x.reply(body, status) if "targets" in x.path else x.reply(b"process_start_time_seconds 1\n", content_type="text/plain"))
    code, out, err = sl("status", "--json", server=f"http://127.0.0.1:{up.port}")
    assert (code, err) == (0, "") and json.loads(out)["resting"] in (None, [])
    check("status", out)
    code, out, err = sl("status", server=f"http://127.0.0.1:{up.port}")
    assert (code, err) == (0, "") and "no calls" not in out


def test_a_schema_can_fail(run):
    listed = json.loads(run("routes", "list", "--json"))
    listed["routes"][0]["secret"] = "x"
    with pytest.raises(jsonschema.ValidationError):
        check("routes list", json.dumps(listed))


def test_tables(run):
    run(*CREATE)
    assert run.shown("routes", "list") == ("NAME  TYPE         PROVIDER  MODEL  LIMIT\n"
                                           "chat  llm/v1/chat  mock      mock   10/hour\n"
                                           "new   llm/v1/chat  mock      mock   -\n")
    assert run.shown("routes", "get", "chat") == ("FIELD     VALUE\nname      chat\ntype      llm/v1/chat\nprovider  mock\nmodel     mock\n"
                                                  f"url       {run.url}/gateway/chat/invocations\nlimit     10/hour\n"
                                                  f"owner     file ({run.file}:2)\n")
    new = dict(line.split("\t") for line in run("routes", "get", "new").splitlines())
    assert new["owner"] == "api" and new["version"] == "1" and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", new["created"])
    assert run.shown("limits", "set", "new", "5/minute") == ("KIND      CAP  PER     ZONE  EACH  USED  RESERVED  RESET\n"
                                                                "requests  5    minute  -     -     0     0         -\n")
    assert run("limits", "get", "new") == "requests\t5\tminute\t\t\t0\t0\t\n"
    run("keys", "create", "--name", "ci", "--expires-at", "2099-01-01T00:00:00Z")
    assert re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  file", "(when)                file", run.shown("keys", "list")) == (
        "ID          NAME   PRINCIPAL  ROLE   ROUTES  EXPIRES               LAST USED             OWNER  GROUP\n"
        "file:admin  admin  admin      admin  -       -                     (when)                file   -\n"
        "key-1       ci     ci         query  -       2099-01-01T00:00:00Z  -                     api    -\n")
    heading, first = run.shown("audit").splitlines()[:2]
    assert heading.split() == ["TIME", "PRINCIPAL", "ACTION", "TARGET", "REQUEST", "ID"] and first.split()[1:4] == ["admin", "key.create", "key-1"]
    lines = dict(line.split("\t", 1) for line in run("status").splitlines())
    assert re.fullmatch(r"sluice [\d.]+, up \S+ \S+, configuration \d+(, loaded .* ago)?(, store up)?", lines["gateway"]), lines
    assert lines["in flight"].startswith("0, memory ") and lines["total"].startswith("p50 ") and lines["1st token"].startswith("p50 ") and "since the start" in lines["calls"]
    shown = run.shown("status").splitlines()
    assert shown[0].startswith("gateway    sluice ") and max(map(len, shown)) <= 80


def test_a_secret_is_known_by_its_fingerprint(run):
    first = ["routes", "create", "--name", "a", "--provider", "openai", "--model", "m", "--set", "openai_api_key=$ONE"]
    run(*first, ONE="sk-one-secret-of-many")
    shown, whole = run("routes", "get", "a"), json.loads(run("routes", "get", "a", "--json"))
    assert f"secret\topenai_api_key {whole['secrets']['openai_api_key']['fingerprint']}\n" in shown
    assert "sk-one" not in shown + json.dumps(whole) and whole["owner"] == "api" and whole["limit"] is None
    check("routes get", json.dumps(whole))
    check("routes get", run("routes", "get", "chat", "--json"))
    aws = {"aws_region": "eu-west-1", "aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "canary-0123456789"}
    run("routes", "create", "-d", json.dumps({"name": "b", "route_type": "llm/v1/chat", "model": {"provider": "bedrock", "name": "m", "config": {"aws_config": aws}}}))
    nested = json.loads(run("routes", "get", "b", "--json"))["secrets"]
    assert sorted(nested) == ["aws_config.aws_access_key_id", "aws_config.aws_secret_access_key"]
    assert all(f"secret\t{name} {s['fingerprint']}\n" in run("routes", "get", "b") for name, s in nested.items())

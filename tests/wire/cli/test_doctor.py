# SPDX-License-Identifier: Apache-2.0
"""`sluice doctor`: one line for each thing, with what to do; an exit code for monitors."""
import datetime
import email.utils
import json
import os
import re
import resource
import subprocess

import pytest
import yaml

from harness import BIN, DEADLINE, chat_route, free_port
from libsluice import clean_env
from upstream import Authority

MODELS = {"object": "list", "data": []}


def doctor(tmp_path, config, *args, data="none", preexec=None, **env):
    """The exit code, and its lines as (state, check, text)."""
    path = tmp_path / "c.yaml"
    if isinstance(config, dict):  # few connections, so that any limit of open files is enough
        config = yaml.safe_dump({"server": {"limits": {"connections": 100}} | config.get("server", {}), **{k: v for k, v in config.items() if k != "server"}})
    path.write_text(config)
    done = subprocess.run([BIN, "doctor", "-c", str(path), "--data", str(data), *args], capture_output=True, text=True, timeout=DEADLINE, env=clean_env(**env), preexec_fn=preexec)
    assert done.stderr == "", done.stderr
    if "--json" in args:
        return done.returncode, json.loads(done.stdout)
    *lines, last = done.stdout.splitlines()
    rows = [(line[:7].strip(), line[9:23].strip(), line[25:]) for line in lines]
    n = [sum(r[0] == state for r in rows) for state in ("error", "warning")]
    assert last == f"{n[0]} error{'' if n[0] == 1 else 's'}, {n[1]} warning{'' if n[1] == 1 else 's'}"
    return done.returncode, rows


def of(rows, check):
    return [(state, text) for state, about, text in rows if about == check]


def certificate(tmp_path, days):
    """A certificate that ends in so many days, with its key in the same file."""
    ca = Authority(tmp_path / "ca")
    ca.pem("end", days=days + 0.1)
    return {"cert": str(ca.dir / "end.pem"), "key": str(ca.dir / "end.pem")}


def test_all_is_well(tmp_path, upstream):
    up = upstream(lambda x: x.reply(MODELS))
    code, rows = doctor(tmp_path, {"endpoints": [chat_route(up.base), chat_route(up.base, "same"), {"name": "mock", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}]})
    assert code == 0 and {r[0] for r in rows} == {"ok"}, rows
    assert of(rows, "configuration") == [("ok", f"{tmp_path}/c.yaml: 3 routes")]
    assert [t.split(", in ")[0] for _, t in of(rows, "provider")] == ["openai at 127.0.0.1 (route chat) takes its key"], "one upstream with one key is asked once"
    (call,) = up.requests
    assert (call.method, call.path) == ("GET", "/v1/models") and call.get("authorization") == "Bearer sk-test-secret"


@pytest.mark.parametrize("status, state, said", [
    ("401 Unauthorized", "error", "refuses its key (401): give it a key that is valid (openai_api_key)"),
    ("403 Forbidden", "warning", "refuses its list of models (403): "),
    ("404 Not Found", "ok", "answers, with status 404 for its list of models"),
    ("503 Oops", "error", "fails with status 503: look at its status page"),
])
def test_what_a_provider_says(tmp_path, upstream, status, state, said):
    up = upstream(lambda x: x.reply({"error": {"message": "no"}}, status))
    code, rows = doctor(tmp_path, {"endpoints": [chat_route(up.base)]})
    ((got, text),) = of(rows, "provider")
    assert got == state and text.startswith("openai at 127.0.0.1 (route chat) " + said), text
    assert code == (1 if state == "error" else 0)
    assert doctor(tmp_path, {"endpoints": [chat_route(up.base)]}, "--strict")[0] == (0 if state == "ok" else 1)


def test_a_provider_that_is_not_there(tmp_path):
    port = free_port()
    code, rows = doctor(tmp_path, {"endpoints": [chat_route(f"http://127.0.0.1:{port}/v1")]})
    ((state, text),) = of(rows, "provider")
    assert code == 1 and state == "error" and "cannot be reached: " in text and "efused" in text and "upstream.proxy" in text, text
    assert doctor(tmp_path, {"endpoints": [chat_route(f"http://127.0.0.1:{port}/v1")]}, "--offline")[0] == 0


def test_a_certificate_that_is_not_trusted(tmp_path, upstream, ca):
    up = upstream(lambda x: x.reply(MODELS), tls=ca.server("127.0.0.1"))
    code, rows = doctor(tmp_path, {"endpoints": [chat_route(up.base)]})
    ((state, text),) = of(rows, "provider")
    assert code == 1 and state == "error" and "TLS" in text and text.endswith("upstream.ca names authorities beside the system's"), text


@pytest.mark.parametrize("off, state", [(0, "ok"), (-3600, "error"), (3600, "error")])
def test_the_clock(tmp_path, upstream, off, state):
    stamp = email.utils.format_datetime(datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=off), usegmt=True)
    up = upstream(lambda x: x.reply(MODELS, headers=[("Date", stamp)]))
    code, rows = doctor(tmp_path, {"endpoints": [chat_route(up.base)]})
    ((got, text),) = of(rows, "clock")
    assert got == state and code == (state == "error"), text
    assert not off or ("behind" if off > 0 else "ahead of") in text


@pytest.mark.parametrize("days, state, said", [(400, "ok", "is good for another 400 days"), (5, "warning", "expires in 5 days: "), (-2, "error", "has expired: ")])
def test_certificates(tmp_path, days, state, said):
    config = {"server": {"tls": certificate(tmp_path, days)}, "endpoints": []}
    code, rows = doctor(tmp_path, config, "--offline")
    ((got, text),) = of(rows, "certificate")
    assert got == state and text.startswith(f"{tmp_path}/ca/end.pem {said}"), text
    assert code == (state == "error")


def test_certificates_of_routes(tmp_path):
    config = {"endpoints": [chat_route("https://127.0.0.1:1/v1", tls=certificate(tmp_path, 5)), chat_route("https://127.0.0.1:1/v1", "other", tls=certificate(tmp_path, 5))]}
    assert [s for s, _ in of(doctor(tmp_path, config, "--offline")[1], "certificate")] == ["warning"]


def test_the_configuration(tmp_path):
    code, rows = doctor(tmp_path, "endpoints: []\nserver: { listn: x }\n")
    assert code == 1 and of(rows, "configuration")[0][0] == "error" and "c.yaml:2:11: server: unknown key" in of(rows, "configuration")[0][1], rows


def test_the_store(tmp_path, sluice):
    data = tmp_path / "data"
    config = {"endpoints": []}
    assert of(doctor(tmp_path, config, data=data)[1], "data") == [("ok", f"{data}: the first start makes it")]
    assert not data.exists() and sorted(p.name for p in tmp_path.iterdir()) == ["c.yaml"], "nothing stays of the try"
    daemon = sluice(config, args=["--data", str(data)])
    code, rows = doctor(tmp_path, config, data=data)
    assert code == 0 and of(rows, "store") == [("ok", f"{data} is sound: 0 created routes")]
    assert of(rows, "gateway") == [("ok", f"process {daemon.proc.pid} runs on this data directory")]
    daemon.stop()
    daemon.stopped = True
    assert of(doctor(tmp_path, config, data=data)[1], "gateway") == []
    raw = bytearray((data / "sluice.db").read_bytes())
    raw[4096:8192] = os.urandom(4096)
    (data / "sluice.db").write_bytes(raw)
    code, rows = doctor(tmp_path, config, data=data)
    assert code == 1 and of(rows, "store")[0][0] == "error", rows


def test_a_data_directory_that_cannot_be_made(tmp_path):
    code, rows = doctor(tmp_path, "endpoints: []", data="/proc/foo")
    ((state, text),) = of(rows, "data")
    assert code == 1 and state == "error" and text.startswith("/proc/foo cannot be made: nothing can be made in /proc: "), text
    (tmp_path / "file").write_text("")
    code, rows = doctor(tmp_path, "endpoints: []", data=tmp_path / "file" / "data")
    assert code == 1 and of(rows, "data")[0][0] == "error", rows


def test_no_test_can_make_the_default_directory(tmp_path):
    """Where a broken daemon starts that should have refused to."""
    for env in clean_env(), dict(os.environ), {"HOME": clean_env()["HOME"]}:
        done = subprocess.run([BIN, "doctor", "--offline"], capture_output=True, text=True, timeout=DEADLINE, env=env)
        assert done.returncode == 0 and re.search(r"^warning  data +/dev/null/\S+ cannot be made: nothing can be made in /dev/null: ", done.stdout, re.M), done.stdout


def test_a_secret_key_without_its_database(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secret.key").write_text("00" * 32)
    code, rows = doctor(tmp_path, "endpoints: []", data=tmp_path / "data")
    ((state, text),) = of(rows, "data")
    assert code == 1 and state == "error" and "the database is gone: restore a backup" in text, text


def test_advice_of_the_store_fits_its_fault(tmp_path, sluice):
    data = tmp_path / "data"
    sluice({"endpoints": []}, args=["--data", str(data)]).stop()
    code, rows = doctor(tmp_path, "endpoints: []", data=data, SLUICE_SECRET_KEY="abc")
    ((state, text),) = of(rows, "store")
    assert code == 1 and state == "error" and "may this user read" not in text, text


def test_created_routes_are_asked_with_their_own_credential(tmp_path, sluice, upstream):
    data, up = tmp_path / "data", upstream(lambda x: x.reply(MODELS) if x.get("authorization") == "Bearer sk-good" else x.reply({}, "401 Unauthorized"))
    config = {"endpoints": [chat_route(up.base)], "upstream": {"allow": ["127.0.0.0/8"]}}
    daemon = sluice(config, args=["--data", str(data)])
    for name, key in ("good", "sk-good"), ("same", "sk-good"), ("bad", "sk-bad"):
        made = {"name": name, "route_type": "llm/v1/chat", "model": {"name": "m", "provider": "openai", "openai_config": {"openai_api_key": key, "openai_api_base": up.base}}}
        assert daemon.call("POST", "/api/2.0/gateway/routes/", made).status == 200
    code, rows = doctor(tmp_path, config, data=data)
    told = {re.search(r"route (\w+)", text).group(1): (state, text) for state, text in of(rows, "provider")}
    assert code == 1 and {name: state for name, (state, _) in told.items()} == {"chat": "error", "good": "ok", "bad": "error"}, rows
    assert "refuses its key (401)" in told["bad"][1] and "takes its key" in told["good"][1]
    assert not any("sk-" in text for _, _, text in rows)
    before = len(up.requests)
    code, rows = doctor(tmp_path, config, "--offline", data=data)
    assert code == 0 and len(up.requests) == before and of(rows, "store") == [("ok", f"{data} is sound: 3 created routes")]


def test_a_created_route_is_asked_only_where_its_calls_may_go(tmp_path, sluice, upstream):
    data, up = tmp_path / "data", upstream(lambda x: x.reply(MODELS))
    daemon = sluice({"endpoints": [], "upstream": {"allow": ["127.0.0.0/8"]}}, args=["--data", str(data)])
    made = {"name": "made", "route_type": "llm/v1/chat", "model": {"name": "m", "provider": "openai", "openai_config": {"openai_api_key": "sk-1", "openai_api_base": up.base}}}
    assert daemon.call("POST", "/api/2.0/gateway/routes/", made).status == 200
    code, rows = doctor(tmp_path, "endpoints: []", data=data)
    ((state, text),) = of(rows, "provider")
    assert code == 1 and state == "error" and "cannot be reached" in text and not up.requests, text


def test_https_is_another_upstream_than_http(tmp_path, upstream):
    up = upstream(lambda x: x.reply(MODELS))
    config = {"endpoints": [chat_route(up.base), chat_route(up.base.replace("http:", "https:"), "safe")]}
    code, rows = doctor(tmp_path, config)
    assert code == 1 and [s for s, _ in of(rows, "provider")] == ["ok", "error"], rows


def test_a_page_is_no_list_of_models(tmp_path, upstream):
    up = upstream(lambda x: x.reply(b"<html>hello</html>", content_type="Text/HTML; charset=utf-8"))
    code, rows = doctor(tmp_path, {"endpoints": [chat_route(up.base)]})
    ((state, text),) = of(rows, "provider")
    assert state == "warning" and "answers with a page (text/html)" in text, text


def test_open_files(tmp_path):
    code, rows = doctor(tmp_path, "endpoints: []", preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (500, 500)))
    ((state, text),) = of(rows, "open files")
    assert code == 0 and state == "warning" and text.startswith("the limit is 500; all connections with one to an upstream each need 20064: raise it (LimitNOFILE="), text


def test_json(tmp_path, upstream):
    up = upstream(lambda x: x.reply({}, "401 Unauthorized"))
    code, got = doctor(tmp_path, {"endpoints": [chat_route(up.base)]}, "--json")
    assert code == 1 and set(got) == {"checks", "errors", "warnings"} and got["errors"] == 1
    (row,) = [c for c in got["checks"] if c["check"] == "provider"]
    assert set(row) == {"check", "state", "text", "advice"} and row["state"] == "error" and row["advice"].startswith("give it a key")
    assert all(c["advice"] is None for c in got["checks"] if c["state"] == "ok")

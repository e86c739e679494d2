# SPDX-License-Identifier: Apache-2.0
"""The client commands of `sluice`, for people and for scripts."""
import contextlib
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess

import pytest

from harness import BIN, DEADLINE, free_port
from libsluice import clean_env

CONFIG = {"endpoints": [{"name": t, "endpoint_type": f"llm/v1/{t}", "model": {"provider": "mock", "name": f"mock-{t}"}} for t in ("chat", "completions", "embeddings")]}
CONFIG["endpoints"].append({"name": "rare", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock"}, "limit": {"calls": 1, "renewal_period": "hour"}})


def sl(*args, server=None, stdin="", **env):
    env = clean_env(**env) | ({"SLUICE_SERVER": server} if server else {})
    p = subprocess.run([BIN, *args], input=stdin, capture_output=True, text=True, timeout=DEADLINE, env=env)
    return p.returncode, p.stdout, p.stderr


def on_terminal(*args, server, **env):
    """Runs it with a terminal as standard output; returns what the terminal shows."""
    parent, child = pty.openpty()
    p = subprocess.Popen([BIN, *args], stdin=subprocess.DEVNULL, stdout=child, stderr=subprocess.PIPE, env=clean_env(**env) | {"SLUICE_SERVER": server})
    os.close(child)
    shown = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(parent)
    assert p.wait(DEADLINE) == 0, p.stderr.read()
    p.stderr.close()
    return shown.decode().replace("\r\n", "\n")


@pytest.fixture
def server(sluice):
    return sluice(CONFIG).url


def test_query(server):
    assert sl("query", "chat", 'say "it"\\n', server=server) == (0, 'You said: say "it"\\n\n', "")
    assert sl("query", "completions", "hello", server=server) == (0, "You said: hello\n", "")
    assert sl("query", "chat", "-", server=server, stdin="from\nstdin") == (0, "You said: from\nstdin\n", "")
    assert sl("query", "chat", server=server, stdin="piped") == (0, "You said: piped\n", "")
    assert sl("query", "chat", "-d", '{"messages": [{"role": "user", "content": "given"}]}', server=server)[1] == "You said: given\n"
    code, out, _ = sl("query", "embeddings", "hello", server=server)
    assert code == 0 and len(json.loads(out)["data"]) == 1
    code, out, _ = sl("query", "--json", "chat", "hello", server=server)
    assert code == 0 and json.loads(out)["choices"][0]["message"]["content"] == "You said: hello"
    code, out, err = sl("query", "-v", "chat", "hello", server=server)
    assert (code, out) == (0, "You said: hello\n") and re.fullmatch(r"tokens: prompt \d+, completion \d+, total \d+\n", err)


def test_a_query_is_only_shown(server):
    code, out, _ = sl("query", "rare", "hello", "--dry-run", server=server)
    assert code == 0 and json.loads(out) == {"messages": [{"role": "user", "content": "hello"}]}
    assert json.loads(sl("query", "embeddings", "hello", "--dry-run", server=server)[1]) == {"input": "hello"}
    assert sl("query", "rare", "hello", server=server)[0] == 0, "the one call of its hour is still there"


def test_json_for_a_program_has_no_c1_either(upstream):
    """The JSON value is the same, and so is every other byte."""
    value = {"choices": [{"message": {"content": "a\u007fb\u0085c\u009bd\u00a0\u00e9\u202e\U0001f600"}}]}
    up = upstream(lambda x: x.reply(json.dumps(value, ensure_ascii=False)))
    code, out, _ = sl("query", "chat", "-d", '{"messages": []}', "--json", server=f"http://127.0.0.1:{up.port}")
    assert code == 0 and json.loads(out) == value and "\\u007fb\\u0085c\\u009bd\u00a0\u00e9\u202e\U0001f600" in out


def test_query_from_a_file(server, tmp_path):
    (tmp_path / "q.json").write_text('{"prompt": "filed"}')
    assert sl("query", "completions", "-d", f"@{tmp_path}/q.json", server=server) == (0, "You said: filed\n", "")
    code, _, err = sl("query", "chat", "-d", f"@{tmp_path}/none.json", server=server)
    assert code == 1 and f"{tmp_path}/none.json: No such file or directory" in err
    code, _, err = sl("query", "chat", "-d", "{oops", server=server)
    assert code == 1 and "the query is not JSON" in err


def test_query_streams(server):
    assert sl("query", "chat", "--stream", "hello", server=server) == (0, "You said: hello\n", "")
    code, out, _ = sl("query", "chat", "--stream", "--json", "hello", server=server)
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and "".join(c["delta"]["content"] or "" for e in events for c in e["choices"]) == "You said: hello"


def test_a_stream_is_printed_as_it_comes(sluice, upstream):
    from harness import chat_route

    def handler(x):
        x.stream_head()
        x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "first"}}]})
        x.wait_closed()

    up = upstream(handler)
    p = subprocess.Popen([BIN, "query", "chat", "--stream", "hello"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env=clean_env(SLUICE_SERVER=sluice({"endpoints": [chat_route(up.base)]}).url))
    assert p.stdout.read(5) == "first"
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=DEADLINE)
    assert (p.returncode, out, err) == (130, "\n", "")


def test_a_stream_that_breaks(upstream):
    def handler(x):
        if x.method == "GET":
            x.reply({"name": "chat", "route_type": "llm/v1/chat", "model": {"provider": "x"}, "route_url": "/x", "limit": None})
            return
        x.stream_head()
        if "early" not in x.body.decode():
            x.event({"choices": [{"delta": {"content": "some"}}]})
        x.event({"error": {"message": "the upstream died"}})
        x.last_chunk()

    url = f"http://127.0.0.1:{upstream(handler).port}"
    assert sl("query", "chat", "--stream", "hello", server=url)[:2] == (8, "some\n")
    code, out, err = sl("query", "chat", "--stream", "early", server=url)
    assert (code, out) == (3, "") and "the upstream died" in err


def test_routes(sluice):
    daemon = sluice(CONFIG)
    server = daemon.url
    assert sl("routes", "list", server=server) == (0, "chat\tllm/v1/chat\tmock\tmock-chat\t\ncompletions\tllm/v1/completions\tmock\tmock-completions\t\n"
                                                      "embeddings\tllm/v1/embeddings\tmock\tmock-embeddings\t\nrare\tllm/v1/chat\tmock\tmock\t1/hour\n", "")
    code, out, _ = sl("routes", "list", "--json", server=server)
    listed = json.loads(out)
    assert [r["name"] for r in listed["routes"]] == ["chat", "completions", "embeddings", "rare"] and listed["next_page_token"] is None
    code, out, _ = sl("routes", "get", "rare", server=server)
    assert out == f"name\trare\ntype\tllm/v1/chat\nprovider\tmock\nmodel\tmock\nurl\t{server}/gateway/rare/invocations\nlimit\t1/hour\nowner\tfile ({daemon.dir}/sluice.yaml:17)\n"
    code, out, _ = sl("routes", "get", "rare", "--json", server=server)
    assert json.loads(out)["limit"] == {"calls": 1, "key": None, "renewal_period": "hour"}


def test_a_table_on_a_terminal(server):
    shown = on_terminal("routes", "list", server=server, TERM="xterm")
    lines = shown.splitlines()
    assert re.fullmatch(r"\x1b\[1mNAME\x1b\[0m +\x1b\[1mTYPE\x1b\[0m .*", lines[0])
    assert lines[1] == "chat         llm/v1/chat         mock      mock-chat         -"
    assert "\x1b" not in on_terminal("routes", "list", server=server, TERM="xterm", NO_COLOR="1")
    assert "\x1b" not in on_terminal("routes", "list", "--color=never", server=server, TERM="xterm")


def test_management(upstream):
    seen = []

    def handler(x):
        seen.append((x.method, x.path, x.json() if x.body else None))
        x.reply({"limits": x.json()["limits"]} if "limits" in x.path and x.body else x.json() if x.body else {})

    url = f"http://127.0.0.1:{upstream(handler).port}"
    assert sl("routes", "create", "--name", "n", "--provider", "mock", "--model", "m", server=url) == (0, "", "created n\n")
    assert sl("routes", "create", "-d", '{"name": "o"}', "--quiet", server=url) == (0, "", "")
    assert sl("limits", "set", "n", "100/minute", server=url) == (0, "", "")
    assert sl("limits", "clear", "n", "--yes", server=url) == (0, "", "")
    assert sl("routes", "delete", "n", "--yes", server=url) == (0, "", "deleted n\n")
    assert seen == [
        ("POST", "/api/2.0/gateway/routes/", {"name": "n", "route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}),
        ("POST", "/api/2.0/gateway/routes/", {"name": "o"}),
        ("GET", "/api/sluice/v1/routes/n/limits", None),
        ("PUT", "/api/sluice/v1/routes/n/limits", {"limits": [{"requests": 100, "per": "minute"}]}),
        ("PUT", "/api/sluice/v1/routes/n/limits", {"limits": []}),
        ("DELETE", "/api/2.0/gateway/routes/n", None),
    ]
    assert sl("routes", "delete", "n", "--dry-run", server=url) == (0, "would delete n\n", "")
    code, _, err = sl("routes", "delete", "n", server=url)
    assert code == 2 and "--yes" in err, "nobody is there to be asked"
    assert len(seen) == 6


@pytest.mark.parametrize("status, code", [("401 Unauthorized", 4), ("403 Forbidden", 4), ("404 Not Found", 5), ("429 Too Many Requests", 6), ("422 Unprocessable Entity", 3),
                                          ("500 Internal Server Error", 3), ("302 Found", 3)])
def test_exit_codes(upstream, status, code):
    up = upstream(lambda x: x.reply({"detail": "the reason"}, status))
    got, out, err = sl("routes", "get", "x", server=f"http://127.0.0.1:{up.port}")
    assert (got, out) == (code, "")
    assert code == 3 and status.startswith("3") or f"sluice: the reason ({status[:3]})" in err


def test_exit_codes_without_a_reply(server):
    code, _, err = sl("routes", "list", server=f"http://127.0.0.1:{free_port()}", )
    assert code == 7 and "is a gateway running at" in err
    code, _, err = sl("query", "rare", "x", server=server)
    assert code == 0
    code, _, err = sl("query", "rare", "x", "--timeout", "500ms", server=server)
    assert code == 6, err


@pytest.mark.parametrize("args, said", [
    (["qury", "chat"], "did you mean 'query'?"), (["routs", "list"], "did you mean 'routes list'?"), (["routes", "lst"], "did you mean 'routes list'?"), (["srve"], "did you mean 'serve'?"),
    (["db", "chekc"], "did you mean 'db check'?"), (["serve", "--confg", "x"], "did you mean '--config'?"), (["check", "--strickt"], "did you mean '--strict'?"), (["dbb", "check"], "did you mean 'db check'?"),
    (["zzzzzzzz"], "'zzzzzzzz' is not a command"), (["routes"], "sluice routes get ROUTE"), (["query"], "it needs ROUTE"), (["query", "--strem", "chat", "x"], "did you mean '--stream'?"),
    (["query", "a", "b", "c"], "one word too many"), (["query", "a", "b", "--timeout", "5"], "such as 500ms"), (["routes", "list", "--json=1"], "takes no value"),
    (["routes", "list", "--server"], "--server needs a value: URL"), (["routes", "list", "--color", "blue"], "auto|always|never"), (["limits", "set", "r", "many"], "is not a limit, such as 100/minute"),
    (["limits", "set", "r"], "it needs limits such as 100/minute, or --data"), (["limits", "set", "r", "1/day", "-d", "[]"], "either limits or --data"), (["keys", "limits", "key-1", "--zone", "UTC"], "--key, --zone and --route go with limits"), (["query", "r", "p", "-d", "{}"], "exclude each other"), (["routes", "create"], "it needs --data"), (["completion", "sh"], "bash, zsh or fish"),
])
def test_usage_errors(server, args, said):
    code, out, err = sl(*args, server=server)
    assert (code, out) == (2, "") and said in err and err.startswith("sluice: "), err


def test_a_wrong_route_name(server):
    for args in ["routes", "get", "chta"], ["query", "chta", "hello"], ["query", "chta", "-d", '{"messages": []}']:
        code, _, err = sl(*args, server=server)
        assert code == 5 and "did you mean 'chat'?" in err


def test_the_server_option(server, sluice):
    port = server.rsplit(":", 1)[1]
    for given in server, f"127.0.0.1:{port}", f"localhost:{port}":
        assert sl("routes", "get", "chat", "--server", given)[0] == 0
    assert sl("routes", "get", "chat", MLFLOW_GATEWAY_URI=server)[0] == 0
    assert sl("routes", "get", "chat", "--server", "ftp://x")[0] == 1


def test_the_key(upstream, tmp_path):
    up = upstream(lambda x: x.reply({"routes": []}))
    url = f"http://127.0.0.1:{up.port}"
    key = tmp_path / "key"
    key.write_text("from-file\n")
    key.chmod(0o600)
    assert sl("routes", "list", server=url, SLUICE_KEY="from-env") == (0, "", "")
    assert sl("routes", "list", "--key-file", str(key), server=url, SLUICE_KEY="from-env") == (0, "", "")
    key.chmod(0o644)
    assert "chmod 600" in sl("routes", "list", "--key-file", str(key), server=url)[2]
    assert [x.get("authorization") for x in up.requests] == ["Bearer from-env", "Bearer from-file", "Bearer from-file"]


def test_help():
    code, out, _ = sl("help")
    assert code == 0 and "sluice serve" in out and "sluice query" in out
    for command in ["query"], ["routes", "list"], ["routes", "create"], ["limits", "set"], ["completion"]:
        code, out, err = sl(*command, "--help")
        assert code == 0 and out.startswith("usage: sluice " + " ".join(command)) and "example: sluice " in out and not err
        assert sl("help", *command)[1] == out
    assert "sluice limits clear ROUTE" in sl("help", "limits")[1]
    assert sl("help", "nothing")[0] == 2


def test_every_command_is_on_the_page():
    page = (pathlib.Path(__file__).parents[3] / "docs/commands.md").read_text().replace("\\|", "|")
    commands = re.findall(r"^  (sluice .*?) {2,}\S", subprocess.run([BIN, "help"], capture_output=True, text=True, timeout=DEADLINE).stdout, re.M)
    assert len(commands) > 20
    assert [c for c in commands if f"| `{c}` |" not in page] == []


def test_the_manual_page(tmp_path):
    """sluice(1) has a line for every command, and groff has no complaints."""
    page = tmp_path / "sluice.1"
    page.write_text(sl("man-page")[1])
    p = subprocess.run(["groff", "-man", "-ww", "-z", page], capture_output=True, text=True) if shutil.which("groff") else None
    assert p is None or p.stderr == ""
    text = page.read_text().replace("\\-", "-")
    for line in sl("help")[1].splitlines():
        if words := re.match(r"(?:usage:| +) sluice (\w+)", line):
            assert f"\\fBsluice {words[1]}" in text, words[1]
    for name in "SLUICE_SERVER", "SLUICE_KEY", "SLUICE_CONFIG", "SLUICE_DATA", "NO_COLOR", "130":
        assert name in text


def test_output_that_cannot_be_written(server):
    with open("/dev/full", "w") as full:
        p = subprocess.run([BIN, "routes", "list"], stdout=full, stderr=subprocess.PIPE, text=True, env=clean_env(SLUICE_SERVER=server))
    assert p.returncode == 1 and "standard output cannot be written" in p.stderr


def test_completion_in_bash(server, tmp_path):
    script = tmp_path / "complete"
    script.write_text(sl("completion", "bash")[1])
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sluice").symlink_to(BIN)

    def complete(*words):
        line = " ".join(f"'{w}'" for w in words)
        text = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _sluice; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        p = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True, env=clean_env(SLUICE_SERVER=server, PATH=f"{tmp_path}/bin:{os.environ['PATH']}"))
        return set(p.stdout.split())

    assert complete("sluice", "") >= {"serve", "check", "query", "routes", "limits", "completion"}
    assert complete("sluice", "ro") == {"routes"}
    assert complete("sluice", "routes", "") == {"list", "get", "create", "delete", "export", "apply", "diff"}
    assert complete("sluice", "query", "--st") == {"--stream"}
    assert complete("sluice", "routes", "get", "c") == {"chat", "completions"}
    assert complete("sluice", "completion", "b") == {"bash"}
    assert complete("sluice", "db", "") == {"check", "backup", "copy", "migrate"} and complete("sluice", "serve", "--c") == {"--config"} and complete("sluice", "mlflow", "start", "--p") == {"--port"}
    assert complete("sluice", "secret", "") == {"rotate"} and complete("sluice", "limits", "set", "rare", "--dat") == {"--data"}
    for shell in "zsh", "fish":
        code, out, _ = sl("completion", shell)
        assert code == 0 and "routes" in out


@pytest.mark.parametrize("command", ["serve", "check", "mlflow start", "db check", "db backup", "db copy", "db migrate", "version", "query", "secret rotate"])
def test_each_command_tells_its_options(command):
    """The daemon's commands show them in the same form as the client's."""
    code, out, err = sl(*command.split(), "--help")
    assert code == 0 and not err and out.startswith(f"usage: sluice {command.split()[0]} "), out
    assert "\n\n  " in out and re.search(r"^ +(-\w, )?--[a-z-]+", out, re.M) and "\nexample: sluice " in out
    assert sl("help", *command.split()) == (0, out, "")


HOSTILE = "a\u001b]0;title\u0007b\u009b31mc\rd\u007fe\u202ef\u2066g"
STEERS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"


def hostile_json(value):
    """DEL, C1 and characters that change the direction may be in JSON unescaped; C0 may not."""
    return json.dumps(value, ensure_ascii=False).replace("\u001b", "\\u001b").replace("\u0007", "\\u0007").replace("\r", "\\r")


def terminal(args, server):
    """What a user sees of both outputs."""
    parent, child = pty.openpty()
    p = subprocess.Popen([BIN, *args], stdin=subprocess.DEVNULL, stdout=child, stderr=child, env=clean_env(TERM="xterm", NO_COLOR="1", SLUICE_SERVER=server))
    os.close(child)
    shown = b""
    with contextlib.suppress(OSError):
        while piece := os.read(parent, 65536):
            shown += piece
    os.close(parent)
    p.wait(DEADLINE)
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("args,reply,status", [
    (["query", "chat", "hi"], {"choices": [{"message": {"content": HOSTILE}}]}, "200 OK"),
    (["query", "chat", "hi", "--json"], {"choices": [{"message": {"content": HOSTILE}}]}, "200 OK"),
    (["query", "chat", "hi"], {"detail": HOSTILE}, "422 Unprocessable Entity"),
    (["query", "chat", "hi", "-v"], {"detail": HOSTILE}, "429 Too Many Requests"),
    (["routes", "list"], {"routes": [{"name": HOSTILE, "route_type": HOSTILE, "model": {"name": HOSTILE, "provider": HOSTILE}, "route_url": "/x", "limit": None}]}, "200 OK"),
    (["routes", "create", "--name", "x", "--provider", "mock", "--model", "m"], {"name": HOSTILE}, "200 OK"),
    (["keys", "create", "--name", "x"], {"key": HOSTILE, "id": HOSTILE}, "201 Created"),
    (["groups", "list"], {"groups": [{"name": HOSTILE, "owner": HOSTILE}], "next_page_token": None}, "200 OK"),
    (["groups", "get", "x"], {"name": HOSTILE, "owner": HOSTILE}, "200 OK"),
    (["keys", "list"], {"keys": [{"id": HOSTILE, "name": HOSTILE, "routes": [HOSTILE]}], "next_page_token": None}, "200 OK"),
])
def test_a_server_does_not_steer_the_terminal(upstream, args, reply, status):
    route = {"name": "chat", "route_type": "llm/v1/chat", "model": {"name": "m", "provider": "p"}, "route_url": "/gateway/chat/invocations", "limit": None}
    up = upstream(lambda x: x.reply(route) if x.path.endswith("/routes/chat") else x.reply(hostile_json(reply).encode(), status))
    text = terminal(args, f"http://127.0.0.1:{up.port}")
    assert "title" in text and not re.search(STEERS, text), text


@pytest.mark.parametrize("args", [["routes", "export"], ["routes", "apply", "{file}", "--yes", "-q"], ["routes", "apply", "{file}", "--prune", "--dry-run"], ["audit"], ["audit", "--json"],
                                  ["keys", "list", "--json"], ["status"], ["status", "--json"], ["limits", "get", "chat"], ["limits", "set", "chat", "5/minute"],
                                  ["query", "chat", "hi", "--stream"], ["query", "chat", "hi", "--stream", "--json"], ["query", "chat", "hi", "-v"], ["secret", "rotate", "-y"], ["routes", "get", "chat"]])
def test_nor_in_any_other_command(upstream, tmp_path, args):
    """A gateway that is hostile everywhere: names, lists, metrics, streams."""
    route = {"name": HOSTILE, "route_type": "llm/v1/chat", "endpoint_type": "llm/v1/chat", "owner": "api", "defined_at": HOSTILE, "limits": [],
             "model": {"name": HOSTILE, "provider": HOSTILE, "config": {HOSTILE: HOSTILE}}, "secrets": {HOSTILE: HOSTILE}, "route_url": "/x", "limit": None}

    def handler(x):
        if x.path == "/metrics":
            label = HOSTILE.replace("\n", "")
            x.reply(f'sluice_requests_total{{route="{label}",error_type="{label}"}} 5\nsluice_build_info{{version="{label}"}} 1\nprocess_start_time_seconds 1\n'.encode(), content_type="text/plain")
        elif x.path == "/api/sluice/v1/targets":
            x.reply(hostile_json({"targets": [{"route": HOSTILE, "target": HOSTILE, "state": "open", "health": HOSTILE, "waits_ms": 5}, {"route": HOSTILE, "target": HOSTILE, "state": HOSTILE, "waits_ms": 5}], "next_page_token": None}))
        elif "stream" in x.body.decode():
            x.stream_head()
            x.chunk("data: " + hostile_json({"choices": [{"index": 0, "delta": {"content": HOSTILE}, "finish_reason": "stop"}]}) + "\n\ndata: [DONE]\n\n")
            x.last_chunk()
        elif x.path.endswith("/limits"):
            x.reply(hostile_json({"limits": [{"requests": 5, "per": HOSTILE}], "counts": [{"kind": HOSTILE, "cap": 5, "per": HOSTILE, "zone": HOSTILE, "used": None, "reserved": None, "reset": HOSTILE}]}))
        elif x.path.endswith("/routes/chat") or x.path.startswith("/api/sluice/v1/routes/"):
            x.reply(hostile_json(route | ({"name": "chat"} if x.path.endswith("/routes/chat") else {})))
        elif x.path.endswith("/invocations"):
            x.reply(hostile_json({"error": HOSTILE}), "500 Internal Server Error", headers=[("x-request-id", "a"), ("x-sluice-error-type", "provider_server_error")])
        else:
            item = route | {"id": HOSTILE, "time": HOSTILE, "principal": HOSTILE, "action": HOSTILE, "target": HOSTILE, "routes": [HOSTILE]}
            x.reply(hostile_json({"routes": [item] if x.path.endswith("/routes") else HOSTILE, "keys": [item], "audit": [item], "next_page_token": None}))

    (tmp_path / "routes.json").write_text(json.dumps({"routes": [{"name": HOSTILE, "route_type": "llm/v1/chat", "model": {"name": "m", "provider": "mock"}}]}))
    text = terminal([a.replace("{file}", str(tmp_path / "routes.json")) for a in args], f"http://127.0.0.1:{upstream(handler).port}")
    assert "title" in text and not re.search(STEERS, text), text

# SPDX-License-Identifier: Apache-2.0
"""Whose fault an error is: its messages and exit codes, and the waits that the user is told about."""
import json
import signal
import socket
import ssl
import subprocess
import time

import pytest

from harness import BIN, DEADLINE, chat_route, free_port, typed_route
from libsluice import clean_env
from test_commands import sl
from upstream import Authority

MOCK = {"name": "mock", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}


def refusal(status, message, kind="invalid_request_error", code=None, headers=()):
    return lambda x: x.reply({"error": {"message": message, "type": kind, "code": code, "param": None}}, status, headers=headers)


@pytest.mark.parametrize("stream", [[], ["--stream"]])
@pytest.mark.parametrize("status, message, code, exit_code, said", [
    ("401 Unauthorized", "Incorrect API key provided", "invalid_api_key", 3, "the provider refused the gateway's own credential"),
    ("403 Forbidden", "not for you", None, 3, "the provider "),
    ("404 Not Found", "The model does not exist", "model_not_found", 3, "the provider refused the request"),
    ("400 Bad Request", "no such parameter", None, 3, "the provider refused the request"),
    ("429 Too Many Requests", "You exceeded your current quota", "insufficient_quota", 3, "the provider refused the gateway's account"),
    ("429 Too Many Requests", "Rate limit reached", "rate_limit_exceeded", 6, "the provider's limit is reached (not the gateway's)"),
    ("500 Internal Server Error", "oops", None, 3, "the provider failed"),
    ("502 Bad Gateway", "oops", None, 3, "the provider "),
])
def test_the_provider_is_named(sluice, upstream, status, message, code, exit_code, said, stream):
    daemon = sluice({"endpoints": [chat_route(upstream(refusal(status, message, code=code)).base, retries=0)]})
    got, out, err = sl("query", "chat", "hello", *stream, "--retries", "0", server=daemon.url)
    assert (got, out) == (exit_code, "") and err.startswith("sluice: " + said) and message in err and "did you mean" not in err, err


def test_a_provider_that_is_not_there(sluice):
    daemon = sluice({"endpoints": [chat_route(f"http://127.0.0.1:{free_port()}/v1", retries=0)]})
    code, _, err = sl("query", "chat", "hello", server=daemon.url)
    assert code == 3 and err.startswith("sluice: the gateway cannot reach the provider: "), err


@pytest.mark.parametrize("given, said", [({}, "the gateway asks for an API key: SLUICE_KEY, or --key-file FILE (401)"), ({"SLUICE_KEY": "wrong"}, "the gateway does not know the key in SLUICE_KEY (401)"),
                                         ({"file": "wrong"}, "the gateway does not know the key in ")])
def test_a_key_is_asked_for(sluice, tmp_path, given, said):
    daemon = sluice({"endpoints": [MOCK], "auth": {"admin_key": "$ADMIN"}}, env={"ADMIN": "an-admin-key-of-the-file"})
    args = []
    if text := given.get("file"):
        key = tmp_path / "key"
        key.write_text(text)
        key.chmod(0o600)
        args = ["--key-file", str(key)]
    for command in ["routes", "list"], ["query", "mock", "x"], ["keys", "list"], ["audit"]:
        code, _, err = sl(*args, *command, server=daemon.url, **{k: v for k, v in given.items() if k != "file"})
        assert code == 4 and err.startswith("sluice: " + said) and "Authorization" not in err and "x-api-key" not in err, err


KEY = "an-admin-key-of-the-file"


def test_a_key_that_cannot_be_right(sluice, tmp_path):
    old = {"name": "old", "key": "a-key-of-yesterday-0123", "expires_at": "2020-01-01T00:00:00Z"}
    daemon = sluice({"endpoints": [MOCK], "auth": {"admin_key": "$ADMIN", "keys": [old]}}, env={"ADMIN": KEY})
    file = tmp_path / "key"

    def asked(text):
        file.write_text(text)
        file.chmod(0o600)
        by_file = sl("--key-file", str(file), "routes", "list", server=daemon.url)
        by_env = sl("routes", "list", server=daemon.url, SLUICE_KEY=text)
        for code, _, err in by_file, by_env:
            assert KEY not in err and "yesterday" not in err, err
        return by_file, by_env
    for code, _, err in asked(old["key"]):
        assert code == 4 and err.startswith("sluice: the gateway refuses the key in ") and err.endswith(": The API key has expired (401)\n"), err
    for code, _, err in asked(f"{KEY}\r\n"):
        assert (code, err) == (0, "")
    for code, _, err in asked(f'"{KEY}"'):
        assert code == 4 and ": the key in it stands in quotes, which are sent too\n" in err, err
    (code, _, err), (code_env, _, err_env) = asked("\n")
    assert (code, err) == (1, f"sluice: {file}: there is no key in it\n")
    assert code_env == 4 and "asks for an API key" in err_env, err_env
    code, _, err = asked(f"{KEY[:5]}\t{KEY[5:]}")[1]
    assert (code, err) == (1, "sluice: SLUICE_KEY: the key in it has a line's end or another control character\n")


@pytest.mark.parametrize("server, exit_code, said", [
    ("ftp://a", 1, "scheme must be http or https (--server, SLUICE_SERVER)\n"), ("http://", 1, "not 'http://' (--server, SLUICE_SERVER)\n"),
    ("{}/behind", 5, "\nis {}/behind a gateway's URL? (--server, SLUICE_SERVER)\n")])
def test_a_server_that_cannot_be_right(sluice, server, exit_code, said):
    daemon = sluice({"endpoints": [MOCK]})
    code, _, err = sl("routes", "list", server=server.format(daemon.url))
    assert code == exit_code and err.endswith(said.format(daemon.url)), err
    code, _, err = sl("routes", "get", "a/b", server=daemon.url)
    assert code == 5 and "URL" not in err, err


def test_a_proxy_that_is_not_there():
    proxy = f"http://127.0.0.1:{free_port()}"
    code, _, err = sl("routes", "list", server="http://gateway.example:5000", http_proxy=proxy)
    assert code == 7 and err.endswith("\nthe environment names this proxy; NO_PROXY lists what is reached without it\n"), err


def test_an_empty_pipe_is_named(sluice):
    daemon = sluice({"endpoints": [MOCK]})
    for words in ["mock"], ["mock", "-"]:
        code, _, err = sl("query", *words, server=daemon.url, stdin="")
        assert code == 2 and err.startswith("sluice: the prompt is empty: standard input has none\n"), err


@pytest.mark.parametrize("args, said", [
    (["query", "mock", "-d", "{}"], "messages: Field required"), (["query", "mock", "-d", '{"messages": "x"}'], "messages: Input should be a valid list"),
    (["query", "mock", "-d", '{"messages": [{"role": 5, "content": "x"}]}'], "messages[0].role: "), (["routes", "create", "-d", "{}"], "name: Field required"),
    (["query", "mock", "-d", '{"messages": [], "temperature": "hot"}'], "temperature: "),
])
def test_what_is_wrong_is_a_sentence(sluice, tmp_path, args, said):
    daemon = sluice({"endpoints": [MOCK]}, args=["--data", str(tmp_path / "data")])
    code, _, err = sl(*args, server=daemon.url)
    assert code == 3 and said in err and "[{" not in err and '"loc"' not in err, err


PAGE = "<html><head><title>It works!</title></head></html>"


@pytest.mark.parametrize("status, body, content_type, code, said", [
    ("200 OK", PAGE, "text/html", 3, "no gateway's answer: "), ("200 OK", "", "text/plain", 3, "no gateway's answer: "), ("404 Not Found", PAGE, "text/html", 3, "no gateway's answer: It works! (404)"),
    ("502 Bad Gateway", "upstream died\nreally", "text/plain", 3, "no gateway's answer: upstream died (502)"), ("503 Service Unavailable", "", "text/plain", 3, "no gateway's answer: no message (503)"),
    ("403 Forbidden", "<h1>no</h1>", "text/html", 4, "no gateway's answer: no message (403)"), ("500 Internal Server Error", PAGE, "text/html", 3, "no gateway's answer: It works! (500)"),
    ("429 Too Many Requests", "slow down", "text/plain", 6, "no gateway's answer: slow down (429)"), ("200 OK", "[1, 2", "application/json", 3, "no gateway's answer: "), ("200 OK", '{"routes": 5}', "application/json", 3, "no gateway's answer: "),
])
def test_what_answers_is_no_gateway(upstream, status, body, content_type, code, said):
    up = upstream(lambda x: x.reply(body, status, content_type))
    got, out, err = sl("routes", "list", server=f"http://127.0.0.1:{up.port}")
    assert (got, out) == (code, "") and err.startswith("sluice: " + said) and "exception" not in err and "(200)" not in err and "<" not in err.split("\n")[0], err
    assert ("a gateway's URL? (--server, SLUICE_SERVER)" in err) == (not status.startswith("200")), err


@pytest.mark.parametrize("body, content_type", [(PAGE, "text/html"), ("", "text/plain"), ("{}", "application/json")])
@pytest.mark.parametrize("command", [["status"], ["top"], ["top", "--json"], ["usage"], ["usage", "--csv"], ["usage", "--json"], ["logs"], ["logs", "--json"]])
def test_a_success_of_another_server_is_no_answer(upstream, command, body, content_type):
    up = upstream(lambda x: x.reply(body, "200 OK", content_type))
    code, out, err = sl(*command, server=f"http://127.0.0.1:{up.port}")
    assert (code, out) == (3, "") and err.startswith("sluice: no gateway's answer: "), (code, out, err)


def test_who_does_not_answer(tmp_path):
    path = tmp_path / "socket"
    for command in ["routes", "list"], ["status"], ["query", "chat", "x"]:
        code, _, err = sl(*command, server=f"unix:{path}")
        assert code == 7 and err == f"sluice: No such file or directory\nis a gateway running at unix:{path}? (--server, SLUICE_SERVER)\n", err
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        code, _, err = sl("routes", "list", server=f"unix:{path}")
        assert code == 7 and "Connection refused" in err and "port 80" not in err
    code, _, err = sl("routes", "list", server="no-such-host.invalid")
    assert code == 7 and "exception" not in err and "no-such-host.invalid" in err


def test_tls(sluice, certs):
    daemon = sluice({"endpoints": [MOCK], "server": {"tls": {"cert": certs[0], "key": certs[1]}}})
    url = f"https://127.0.0.1:{daemon.port}"
    code, _, err = sl("routes", "list", server=url)
    assert code == 7 and "--ca FILE (SLUICE_CA)" in err and "is a gateway running" not in err, err
    for args, env in (["--ca", certs[0]], {}), ([], {"SLUICE_CA": certs[0]}), (["--insecure"], {}):
        assert sl(*args, "routes", "list", server=url, **env)[0] == 0
        assert sl("query", "mock", "x", *args, server=url, **env)[1] == "You said: x\n"
    code, _, err = sl("routes", "list", "--ca", "/nonexistent.pem", server=url)
    assert (code, err) == (1, "sluice: /nonexistent.pem: No such file or directory\n")
    code, _, err = sl("routes", "list", "--cert", certs[0], "--cert-key", "/nonexistent.pem", server=url)
    assert (code, err) == (1, "sluice: /nonexistent.pem: No such file or directory\n")
    code, _, err = sl("routes", "list", server=f"https://127.0.0.1:{sluice({'endpoints': [MOCK]}).port}")
    assert code == 7 and "is it http:// in place of https://?" in err, err


def test_a_certificate_of_another_name_is_no_matter_of_authorities(upstream, tmp_path):
    authority = Authority(tmp_path / "ca")
    up = upstream(lambda x: x.reply({"routes": []}), tls=authority.server("other.example"))
    code, _, err = sl("routes", "list", "--ca", authority.path, server=f"https://127.0.0.1:{up.port}")
    assert code == 7 and "127.0.0.1" in err and "--ca FILE" not in err, err


def test_a_client_certificate(upstream, tmp_path):
    authority = Authority(tmp_path / "ca")
    context = authority.server("127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.path)
    up = upstream(lambda x: x.reply({"routes": []}), tls=context)
    authority.server("client")
    mine = (tmp_path / "ca/client1.pem").read_text()
    (tmp_path / "cert.pem").write_text(mine[:mine.index("-----BEGIN PRIVATE")])
    (tmp_path / "key.pem").write_text(mine[mine.index("-----BEGIN PRIVATE"):])
    url = f"https://127.0.0.1:{up.port}"
    assert sl("routes", "list", "--ca", authority.path, "--cert", str(tmp_path / "cert.pem"), "--cert-key", str(tmp_path / "key.pem"), server=url)[0] == 0
    assert sl("routes", "list", "--ca", authority.path, "--cert", str(tmp_path / "ca/client1.pem"), server=url)[0] == 0
    assert sl("routes", "list", "--ca", authority.path, server=url)[0] == 7


class Limited:
    """Refuses the first calls with retry-after, then answers."""

    def __init__(self, times, headers, status="429 Too Many Requests"):
        self.left, self.headers, self.status, self.n = times, headers, status, 0

    def __call__(self, x):
        if x.method == "GET":
            x.reply({"name": "chat", "route_type": "llm/v1/chat", "model": {"provider": "x", "name": "m"}, "route_url": "/x", "limit": None})
            return
        self.n += 1
        if self.left > 0:
            self.left -= 1
            x.reply({"error": "Rate limit exceeded"}, self.status, headers=self.headers)
        elif b'"stream"' in x.body:
            x.stream_head()
            x.event({"choices": [{"index": 0, "delta": {"content": "at last"}, "finish_reason": "stop"}]})
            x.event("[DONE]")
            x.last_chunk()
        else:
            x.reply({"choices": [{"message": {"content": "at last"}}]})


POLICY = ("x-sluice-error-type", "policy_rate_limited")
SOON = ("retry-after", "1")


@pytest.mark.parametrize("stream", [[], ["--stream"]])
@pytest.mark.parametrize("args, times, headers, code, tries, said", [
    ([], 1, [POLICY, SOON], 0, 2, "sluice: the gateway's limit is reached; trying again in 1 s (1 of 3; Ctrl-C ends)\n"),
    (["-q"], 1, [POLICY, SOON], 0, 2, ""),
    (["--retries", "1"], 1, [SOON, ("x-sluice-error-type", "provider_rate_limited")], 0, 2, "sluice: the provider's limit is reached; trying again in 1 s (1 of 1; Ctrl-C ends)\n"),
    (["--retries", "0"], 1, [POLICY, SOON], 6, 1, "sluice: the gateway's limit is reached: Rate limit exceeded (429)\ntry again in 1 s\n"),
    (["--retries", "1"], 9, [POLICY, SOON], 6, 2, "(1 of 1; Ctrl-C ends)\nsluice: the gateway's limit is reached: Rate limit exceeded (429)\ntry again in 1 s\n"),
    ([], 1, [SOON], 0, 2, "sluice: a limit is reached; trying again in 1 s"),
    ([], 1, [POLICY, ("retry-after", "3600")], 6, 1, "try again in 1 h\n"),
    ([], 1, [POLICY, ("retry-after", "121")], 6, 1, "try again in 2 min 1 s\n"),
    (["--timeout", "900ms"], 1, [POLICY, SOON], 6, 1, "try again in 1 s\n"),
    ([], 1, [POLICY], 6, 1, "(429)\n"),
    ([], 1, [SOON, ("x-sluice-error-type", "policy_budget_exceeded")], 6, 1, "the gateway's budget is used up: Rate limit exceeded (429)\n"),
])
def test_waits_are_told(upstream, args, times, headers, code, tries, said, stream):
    handler = Limited(times, headers)
    got, out, err = sl("query", "chat", "hello", *args, *stream, server=f"http://127.0.0.1:{upstream(handler).port}")
    assert (got, handler.n, out) == (code, tries, "at last\n" if code == 0 else "") and said in err and bool(said) == bool(err), err


def test_any_command_waits_aloud(upstream):
    n = []

    def handler(x):
        n.append(x.path)
        headers = [("retry-after", "1"), ("x-sluice-error-type", "sluice_overloaded")]
        x.reply({"detail": "busy"}, "503 Service Unavailable", headers=headers) if len(n) == 1 else x.reply({"routes": [], "keys": []})

    code, _, err = sl("keys", "list", server=f"http://127.0.0.1:{upstream(handler).port}")
    assert (code, err) == (0, "sluice: the gateway is overloaded; trying again in 1 s (1 of 3; Ctrl-C ends)\n")


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_a_wait_ends_with_ctrl_c(upstream, stream):
    up = upstream(Limited(9, [POLICY, ("retry-after", "100")]))
    p = subprocess.Popen([BIN, "query", "chat", "hello", *stream], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, env=clean_env(SLUICE_SERVER=f"http://127.0.0.1:{up.port}"))
    assert p.stderr.readline() == "sluice: the gateway's limit is reached; trying again in 100 s (1 of 3; Ctrl-C ends)\n"
    start = time.monotonic()
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=DEADLINE)
    assert (p.returncode, out, err) == (130, "", "") and time.monotonic() - start < 10


def test_a_limit_of_the_gateway(sluice):
    daemon = sluice({"endpoints": [MOCK | {"limit": {"calls": 1, "renewal_period": "hour"}}]})
    assert sl("query", "mock", "x", server=daemon.url)[0] == 0
    code, _, err = sl("query", "mock", "x", server=daemon.url)
    assert code == 6 and err.startswith("sluice: the gateway's limit is reached: Rate limit exceeded: 1 per 1 hour"), err


def test_typed_routes_are_told_apart(sluice, upstream):
    up = upstream(lambda x: x.reply({}))
    daemon = sluice({"endpoints": [typed_route(up.base, "e", "embeddings"), typed_route(up.base, "c", "completions")]})
    for args, said in (["query", "e", "x", "--system", "y"], "takes no --system"), (["query", "e", "x", "--temperature", "1"], "takes no --temperature"), (["query", "c", "x", "--system", "y"], "takes no --system"), \
            (["chat", "e"], "is of type llm/v1/embeddings"), (["chat", "c"], "is of type llm/v1/completions"):
        code, _, err = sl(*args, server=daemon.url)
        assert code == 2 and said in err, err


@pytest.mark.parametrize("args", [["routes", "list"], ["routes", "export"], ["keys", "list"], ["audit", "--all"], ["targets", "list"]])
def test_a_list_that_does_not_end(upstream, args):
    up = upstream(lambda x: x.reply({"routes": [], "keys": [], "audit": [], "targets": [], "next_page_token": "again"}))
    code, _, err = sl(*args, server=f"http://127.0.0.1:{up.port}")
    assert code == 3 and err.startswith("sluice: the server's list of ") and err.endswith(" does not end\n") and len(up.requests) == 2, err


def test_status_of_a_server_whose_targets_do_not_end(upstream):
    target = {"route": "chat", "target": "a", "state": "open", "health": None, "waits_ms": 5}

    def handler(x):
        if x.path.startswith("/api/sluice/v1/targets"):
            x.reply({"targets": [target], "next_page_token": "again"})
        else:
            x.reply(b"process_start_time_seconds 1\n", content_type="text/plain")

    code, out, err = sl("status", "--json", server=f"http://127.0.0.1:{upstream(handler).port}")
    assert (code, err) == (0, "") and json.loads(out)["resting"] is None, out

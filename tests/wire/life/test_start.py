# SPDX-License-Identifier: Apache-2.0
"""What a start checks and says before the first request."""
import json
import os
import re
import resource
import socket
import subprocess
import tempfile

import pytest

from harness import BIN, CHAT, CHAT_REPLY, DEADLINE, chat_route, free_port, wait_for

MOCK = {"endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock-1"}}]}


def few_files(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_few_descriptors_are_told(sluice):
    daemon = sluice(MOCK, preexec=few_files(100, 500))
    told = r"warning serve: the limit of open files is 500: server.limits.connections \(10000\) .*LimitNOFILE"
    wait_for(lambda: re.search(told, daemon.stderr), "the warning")
    assert re.search(r"^Max open files +500 +500", open(f"/proc/{daemon.proc.pid}/limits").read(), re.M), "the soft limit is raised to the hard one"
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200


def test_connections_that_fit_are_no_warning(sluice):
    daemon = sluice(MOCK | {"server": {"limits": {"connections": 100}}}, preexec=few_files(100, 500))
    assert daemon.call("GET", "/health").status == 200
    assert "open files" not in daemon.stderr


@pytest.mark.parametrize("workers", ["1", "3"])
def test_a_port_in_use_is_named(sluice, workers):
    first = sluice(MOCK, args=["--workers", "2"])
    second = sluice(MOCK, port=first.port, args=["--workers", workers], ready=False)
    second.stopped = True
    assert second.proc.wait(20) == 1
    wait_for(lambda: f"127.0.0.1:{first.port}" in second.stderr and "ddress already in use" in second.stderr, second.stderr)
    for _ in range(8):  # the first daemon has every connection: the second never listened
        assert first.call("GET", "/health").status == 200


def test_the_first_line_says_what_runs(sluice):
    daemon = sluice(MOCK)
    says = rf" info serve: sluice \S+, process id {daemon.proc.pid}, configuration {daemon.dir}/sluice.yaml, data directory none$"
    wait_for(lambda: re.search(says, daemon.stderr, re.M), daemon.stderr)


def test_every_address_listens_or_none(sluice):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        good, bad = free_port(), taken.getsockname()[1]
        daemon = sluice(MOCK | {"server": {"listen": [f"127.0.0.1:{good}", f"127.0.0.1:{bad}"]}}, listen=False, ready=False)
        daemon.stopped = True
        assert daemon.proc.wait(20) == 1
        wait_for(lambda: f"127.0.0.1:{bad}" in daemon.stderr, daemon.stderr)


def nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


@pytest.fixture
def public_data():
    """A data directory that others can read but not write; tmp_path is for root only."""
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    try:
        subprocess.run([BIN, "version"], preexec_fn=nobody, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("nobody cannot run the daemon where it lies")
    with tempfile.TemporaryDirectory() as data:
        os.chmod(data, 0o755)
        yield data


def test_a_start_without_rights_says_what_is_missing(sluice, public_data):
    daemon = sluice(args=["--data", public_data], preexec=nobody)
    wait_for(lambda: f"cannot open {public_data}/lock: Permission denied. Serving goes on" in daemon.stderr, daemon.stderr)


def test_a_folder_that_cannot_be_written_to_is_named(sluice, public_data):
    sluice(args=["--data", public_data]).stop()
    for name in os.listdir(public_data):
        os.chmod(f"{public_data}/{name}", 0o644)
    daemon = sluice(args=["--data", public_data], preexec=nobody)
    said = f"{public_data}/sluice.db cannot be used: the folder {public_data} cannot be written to (Permission denied). Serving goes on"
    wait_for(lambda: said in daemon.stderr, daemon.stderr)


def test_a_foreign_address_is_explained(sluice):
    daemon = sluice(MOCK | {"auth": "none", "server": {"listen": ["192.0.2.1:5000"]}}, listen=False, ready=False)
    daemon.stopped = True
    assert daemon.proc.wait(20) == 1
    wait_for(lambda: "cannot listen on 192.0.2.1:5000: Cannot assign requested address (no interface of this machine has it)" in daemon.stderr, daemon.stderr)


# --- the access log ---


SECRETS = ["sk-test-secret", "words-of-a-user", "words-of-a-model", "client-key-77"]
REPLY = json.loads(CHAT_REPLY)
REPLY["choices"][0]["message"]["content"] = "words-of-a-model"
FIELDS = {"time", "request_id", "client", "principal", "method", "path", "route", "provider", "model", "status", "error_type", "stream", "attempts", "upstream_status",
          "duration_ms", "body_ms", "connect_ms", "upstream_first_byte_ms", "upstream_ms", "first_byte_ms", "input_tokens", "output_tokens", "cached_tokens",
          "bytes_in", "bytes_out"}


@pytest.mark.parametrize("path, stream", [("/v1/chat/completions", False), ("/v1/chat/completions", True), ("/gateway/chat/invocations", False)])
def test_a_line_of_the_access_log(sluice, upstream, path, stream):
    def handler(x):
        if not x.json().get("stream"):
            return x.reply(REPLY)
        x.stream_head()
        x.event({"choices": [{"index": 0, "delta": {"content": "words-of-a-model"}, "finish_reason": "stop"}]})
        x.event({"choices": [], "usage": REPLY["usage"]})
        x.event("[DONE]")
        x.last_chunk()

    daemon = sluice({"endpoints": [chat_route(upstream(handler).base)]})
    body = {"messages": [{"role": "user", "content": "words-of-a-user"}]} | ({"model": "chat"} if path[1] == "v" else {}) | ({"stream": True} if stream else {})
    r = daemon.call("POST", path, body, [("x-request-id", "the-one"), ("authorization", "Bearer client-key-77")])
    assert r.status == 200 and b"words-of-a-model" in r.body
    line = daemon.log_line("the-one")
    assert set(line) <= FIELDS and FIELDS - set(line) <= {"cached_tokens"}, FIELDS ^ set(line)
    want = dict(client="127.0.0.1", method="POST", path=path, route="chat", provider="openai", model="gpt-4o-mini", status=200, error_type=None, stream=stream,
                attempts=1, upstream_status=200, input_tokens=9, output_tokens=3)
    assert {k: line[k] for k in want} == want
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert 0 < line["upstream_first_byte_ms"] <= line["upstream_ms"] <= line["duration_ms"] and 0 < line["first_byte_ms"] <= line["duration_ms"]
    assert line["bytes_in"] >= len(json.dumps(body)) and line["bytes_out"] >= len(r.body)
    text = daemon.log_path.read_text() + daemon.stderr + daemon.stdout
    assert not [s for s in SECRETS if s in text]


@pytest.mark.parametrize("status, kind", [(400, "provider_rejected"), (401, "provider_auth_failed"), (500, "provider_server_error")])
def test_errors_in_the_access_log_quote_no_key_and_no_prompt(sluice, upstream, status, kind):
    """The line has the upstream's own message without the key, and it is nowhere else; nothing of the prompt is
    there."""
    up = upstream(lambda x: x.reply({"error": {"message": "not with key sk-test-secret", "type": "x"}, "input": "words-of-a-user", "so far": "words-of-a-model"}, f"{status} X"))
    daemon = sluice({"endpoints": [chat_route(up.base, retries=0)]})
    daemon.call("POST", "/v1/chat/completions", {"model": "chat", "messages": [{"role": "user", "content": "words-of-a-user"}]},
                [("x-request-id", "the-one"), ("authorization", "Bearer client-key-77")])
    daemon.call("POST", "/v1/chat/completions", '{"words-of-a-user"', [("x-request-id", "broken"), ("api-key", "client-key-77")])
    line = daemon.log_line("the-one")
    assert (line["upstream_status"], line["error_type"], line["upstream_error"]) == (status, kind, "not with key **************")
    assert daemon.log_line("broken")["error_type"] == "caller_invalid_request"
    text = daemon.log_path.read_text() + daemon.stderr + daemon.stdout
    assert not [s for s in SECRETS if s in text], text
    assert ("not with key" in daemon.stderr) == (status == 401)


def logged_dropped(daemon):
    return int(re.search(r"^sluice_log_dropped_total (\d+)$", daemon.call("GET", "/metrics").body.decode(), re.M)[1])


def test_lines_that_a_full_disk_refuses_are_counted(sluice):
    daemon = sluice(MOCK | {"log": {"access": "/dev/full"}})
    assert daemon.call("GET", "/health").status == 200
    wait_for(lambda: logged_dropped(daemon) >= 1, "the lost line is counted")
    text = "cannot write the access log /dev/full: No space left on device"
    wait_for(lambda: text in daemon.stderr, "it is told")
    assert daemon.stderr.count(text) == 1


def test_half_a_line_in_the_access_log_spoils_no_other(sluice):
    full = 1000  # bytes: within a line
    daemon = sluice(MOCK, preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY)))
    while daemon.log_path.stat().st_size < full:
        assert daemon.call("GET", "/health").status == 200
    wait_for(lambda: logged_dropped(daemon) >= 1, "the lost line is counted")
    resource.prlimit(daemon.proc.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert daemon.call("GET", "/health", headers=[("x-request-id", "after-it")]).status == 200
    wait_for(lambda: '"after-it"' in daemon.log_path.read_text(), "a line after it")
    lines = daemon.log_path.read_text().splitlines()
    torn = [line for line in lines if not line.endswith("}")]
    assert len(torn) <= 1  # none if the limit is at a line's end
    assert all(json.loads(line)["status"] == 200 for line in lines if line not in torn)


def pipe(path):
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_named_pipe_as_configuration_is_refused(tmp_path, command):
    path = pipe(tmp_path / "sluice.yaml")
    done = subprocess.run([BIN, command, "-c", str(path), *(["--data", "none"] if command == "serve" else [])], capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 1 and f"{path}" in done.stderr and "is a named pipe, where a regular file must be" in done.stderr, done


def test_a_shells_pipe_is_read_as_configuration(tmp_path):
    done = subprocess.run(["bash", "-c", f"echo 'endpoints: []' | {BIN} check -c /dev/stdin && {BIN} check -c <(echo 'endpoints: []')"],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0 and done.stdout.count(": ok") == 2, done


def test_a_named_pipe_as_certificate_or_admin_key_is_refused(sluice, tmp_path, certs):
    cert = pipe(tmp_path / "cert.pem")
    daemon = sluice({"endpoints": [], "server": {"tls": {"cert": str(cert), "key": certs[1]}}}, ready=False)
    daemon.stopped = True
    assert daemon.proc.wait(DEADLINE) == 1
    wait_for(lambda: f"{cert} is no regular file" in daemon.stderr, daemon.stderr)
    (tmp_path / "data").mkdir()
    key = pipe(tmp_path / "data" / "admin.key")
    daemon = sluice({"endpoints": [], "auth": {}}, args=["--data", str(tmp_path / "data")], ready=False)
    daemon.stopped = True
    assert daemon.proc.wait(DEADLINE) == 1
    wait_for(lambda: f"{key} is a named pipe" in daemon.stderr, daemon.stderr)


def test_a_full_disk_is_named_as_the_reason(sluice, tmp_path):
    """The file takes only a part of what is written; that sets no error number."""
    daemon = sluice({"endpoints": [], "auth": {}}, args=["--data", str(tmp_path / "data")], ready=False,
                    preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40)))
    daemon.stopped = True
    assert daemon.proc.wait(DEADLINE) == 1
    wait_for(lambda: "cannot make the admin key" in daemon.stderr and "No space left on device" in daemon.stderr, daemon.stderr)


@pytest.mark.parametrize("fd", [0, 1, 2])
def test_a_closed_standard_stream_is_no_socket(sluice, fd):
    """No listener gets its number, and the end is a normal one."""
    daemon = sluice({"endpoints": []}, preexec=lambda: os.close(fd))
    assert daemon.call("GET", "/health").status == 200
    assert daemon.stop() == 0

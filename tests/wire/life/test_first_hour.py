# SPDX-License-Identifier: Apache-2.0
"""A start that knows the reader: lines for people on a terminal, one command to try, routes for the keys that are there."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import urllib.request

import pytest

from harness import BIN, DEADLINE, free_port, wait_for
from libsluice import clean_env


class Terminal:
    """A daemon whose standard input, output and error are a terminal."""

    def __init__(self, *args, **env):
        self.port = free_port()
        self.shown = ""
        parent, child = pty.openpty()
        self.fd = parent
        environ = {k: v for k, v in clean_env(**env).items() if not k.endswith("_API_KEY") or k in env} | {"TERM": "xterm"}
        self.proc = subprocess.Popen([BIN, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", "none", *args], stdin=child, stdout=child, stderr=child, env=environ)
        os.close(child)

    def says(self, pattern):
        def look():
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.shown += os.read(self.fd, 65536).decode().replace("\r\n", "\n")
                except OSError:  # the other end is closed
                    pass
            return re.search(pattern, self.shown, re.M)

        return wait_for(look, lambda: f"{pattern} in:\n{self.shown}")

    def end(self):
        self.proc.send_signal(signal.SIGINT)
        self.says("ended")
        assert self.proc.wait(DEADLINE) == 0, self.shown
        os.close(self.fd)


@pytest.fixture
def terminal():
    made = []

    def start(*args, **env):
        made.append(Terminal(*args, **env))
        return made[-1]

    yield start
    for t in made:
        if t.proc.poll() is None:
            t.proc.kill()
            t.proc.wait()


def test_a_person_reads_lines(terminal):
    t = terminal(NO_COLOR="1")
    t.says(rf"^\d\d:\d\d:\d\d serve: listening on 127.0.0.1:{t.port}, ")
    t.says(r"^\d\d:\d\d:\d\d serve: sluice .*, data directory none$")
    command = t.says(r"^\d\d:\d\d:\d\d serve: try: (.* query chat hello)$")[1]
    said = subprocess.run(command.split(), capture_output=True, text=True, timeout=DEADLINE, env=clean_env(), stdin=subprocess.DEVNULL)
    assert said.stdout == "You said: hello\n", said
    t.says(r"^\d\d:\d\d:\d\d 200 +\d+ ms  POST /gateway/chat/invocations  chat  mock/mock-chat  \d+\+\d+ tokens$")
    assert "\x1b" not in t.shown and "from the environment" not in t.shown
    t.end()


def test_colour(terminal):
    t = terminal()
    t.says("\x1b\\[2m\\d\\d:\\d\\d:\\d\\d\x1b\\[0m serve: listening on")
    subprocess.run([BIN, "--server", f"127.0.0.1:{t.port}", "query", "nosuch", "x"], capture_output=True, timeout=DEADLINE, env=clean_env())
    t.says("\x1b\\[33m404\x1b\\[0m .*caller_not_found")
    t.end()


@pytest.mark.parametrize("form, access, operator", [("json", r'^\{"time":.*"path":"/health"', r'^\{"time":"[^"]+","level":"info","area":"serve","message":"listening on'), ("text", r" ms  GET /health$", r" serve: listening on"), ("auto", r" ms  GET /health$", r" serve: listening on")])
def test_formats_on_a_terminal(terminal, tmp_path, form, access, operator):
    path = tmp_path / "c.yaml"
    path.write_text(f"endpoints: []\nlog: {{ format: {form} }}\n")
    t = terminal("-c", str(path), NO_COLOR="1")
    t.says(operator)
    assert urllib.request.urlopen(f"http://127.0.0.1:{t.port}/health", timeout=DEADLINE).status == 200
    t.says(access)
    t.end()


@pytest.mark.parametrize("form, access, operator", [("json", r'^\{"time":.*"path":"/health"', r'^\{"time":.*"message":"listening on'), ("text", r"^\d\d:\d\d:\d\d 200 .* ms  GET /health$", r"^\d{4}-\S+Z info serve: listening on"), ("auto", r'^\{"time":.*"path":"/health"', r"^\d{4}-\S+Z info serve: listening on")])
def test_formats_in_files(sluice, form, access, operator):
    daemon = sluice({"endpoints": [], "log": {"format": form}})
    assert daemon.call("GET", "/health").status == 200
    wait_for(lambda: daemon.log_path.exists() and re.search(access, daemon.log_path.read_text(), re.M), lambda: daemon.log_path.read_text())
    wait_for(lambda: re.search(operator, daemon.stderr, re.M), lambda: daemon.stderr)


KEYS = {"OPENAI_API_KEY": "sk-one", "GEMINI_API_KEY": "two", "GROQ_API_KEY": "not a key", "ANTHROPIC_API_KEY": ""}


def names(port):
    return [r["id"] for r in json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=DEADLINE))["data"]]


def test_keys_of_the_environment_make_routes_on_a_terminal(terminal):
    t = terminal(**KEYS, NO_COLOR="1")
    t.says(r"serve: routes from the environment: gemini \(GEMINI_API_KEY\), openai \(OPENAI_API_KEY\); every user of this machine can call them and spend; --no-env-routes leaves them out$")
    t.says("serve: try: ")
    assert names(t.port) == ["chat", "completions", "embeddings", "gemini", "openai"]
    assert "sk-one" not in t.shown
    t.end()
    t = terminal("--no-env-routes", **KEYS)
    t.says("serve: try: ")
    assert names(t.port) == ["chat", "completions", "embeddings"] and "from the environment" not in t.shown
    t.end()


def test_without_a_terminal_they_are_asked_for(sluice):
    assert names(sluice(env=KEYS).port) == ["chat", "completions", "embeddings"]
    daemon = sluice(env=KEYS, args=["--env-routes"])
    wait_for(lambda: "routes from the environment: gemini (GEMINI_API_KEY), openai (OPENAI_API_KEY);" in daemon.stderr, daemon.stderr)
    assert names(daemon.port) == ["chat", "completions", "embeddings", "gemini", "openai"]


def test_a_key_that_cannot_be_one_is_told(sluice):
    daemon = sluice(env={"OPENAI_API_KEY": "sk-canary\n"}, args=["--env-routes"])
    wait_for(lambda: "no route for openai: OPENAI_API_KEY has a character that no key has" in daemon.stderr, lambda: daemon.stderr)
    assert "sk-canary" not in daemon.stderr


@pytest.mark.parametrize("args, said", [(["--env-routes", "--listen", "0.0.0.0:0"], "--listen 0.0.0.0:0 is not this machine alone"), (["--env-routes", "-c", "x.yaml"], "--env-routes adds routes where there is no file, and x.yaml is one"), (["--env-routes", "--no-env-routes"], "say opposite things")])
def test_they_do_not_go_with_a_file(args, said):
    done = subprocess.run([BIN, "serve", "--data", "none", *args], capture_output=True, text=True, timeout=DEADLINE, env=clean_env())
    assert done.returncode == 2 and said in done.stderr, done.stderr

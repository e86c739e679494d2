# SPDX-License-Identifier: Apache-2.0
"""`sluice chat` and `sluice status` on a screen: tmux types, and reads what stands there."""
import os
import shutil
import subprocess
import termios

import pytest

from harness import BIN, chat_route, wait_for
from libsluice import clean_env

CONFIG = {"endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock"}}]}


class Screen:
    def __init__(self, directory, server):
        self.socket = str(directory / "tmux")
        env = clean_env(SLUICE_SERVER=server, XDG_STATE_HOME=str(directory / "state"), TERM="screen", LANG="C.UTF-8", PATH=os.environ["PATH"])
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "env", "PS1=$ ", "bash", "--norc", "--noprofile", env=env)
        self.tty = self.tmux("display-message", "-p", "#{pane_tty}").strip()
        self.prompts("$")

    def tmux(self, *args, env=None):
        return subprocess.run(["tmux", "-S", self.socket, *args], check=True, capture_output=True, text=True, env=env).stdout

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def text(self):
        return self.tmux("capture-pane", "-p")

    def shows(self, text, times=1):
        wait_for(lambda: self.text().count(text) >= times, f"{text!r} on the screen:\n{self.text()}")
        return self.text()

    def edits(self):
        fd = os.open(self.tty, os.O_RDWR | os.O_NOCTTY)
        try:
            return not termios.tcgetattr(fd)[3] & termios.ICANON
        finally:
            os.close(fd)

    def prompts(self, mark=">"):
        """Until the last line is an empty prompt and its line editor reads: what is typed earlier may be thrown away."""
        wait_for(lambda: ("\n" + self.text()).rstrip().endswith("\n" + mark) and self.edits(), f"the prompt {mark} on the screen:\n{self.text()}")

    def close(self):
        self.tmux("kill-server")


@pytest.fixture
def screen(tmp_path):
    if not shutil.which("tmux"):
        pytest.fail("tmux is missing: tools/deps.sh test")
    screens = []

    def start(server):
        screens.append(Screen(tmp_path, server))
        return screens[-1]

    yield start
    for s in screens:
        s.close()


def test_chat(sluice, screen):
    s = screen(sluice(CONFIG).url)
    s.type(f"{BIN} chat chat", "Enter")
    s.prompts()
    s.type("first", "Enter")
    s.shows("You said: first")
    s.prompts()
    s.type("helloX", "BSpace", " there", "Enter")
    s.shows("You said: hello there")
    s.prompts()
    s.type("Up", "Up", "Enter")  # history
    s.shows("You said: first", 2)
    s.prompts()
    s.type("thrown away")
    s.shows("> thrown away")
    s.type("C-c")
    s.prompts()
    s.type("kept", "Enter")
    s.shows("You said: kept")
    s.prompts()
    s.type("C-d")
    s.prompts("$")
    s.type("echo ended $?", "Enter")
    s.shows("ended 0")
    s.prompts("$")
    s.type("clear", "Enter")
    wait_for(lambda: "ended" not in s.text(), "a clear screen")
    s.prompts("$")
    s.type(f"{BIN} chat chat -q", "Enter")  # the history of the run before
    s.prompts()
    s.type("Up", "Enter")
    s.shows("You said: kept")
    s.prompts()
    s.type("/exit", "Enter")
    s.prompts("$")
    s.type("echo ended $?", "Enter")
    s.shows("ended 0")


def test_an_answer_is_stopped(sluice, screen, upstream):
    def handler(x):
        if len(x.json()["messages"]) == 1:
            x.stream_head()
            x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "half an ans"}}]})
            x.wait_closed()
        else:
            x.stream_head()
            seen = " | ".join(m["content"] for m in x.json()["messages"])
            x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": f"seen: {seen}"}, "finish_reason": "stop"}]})
            x.event("[DONE]")
            x.last_chunk()

    s = screen(sluice({"endpoints": [chat_route(upstream(handler).base)]}).url)
    s.type(f"{BIN} chat chat", "Enter")
    s.prompts()
    s.type("one", "Enter")
    s.shows("half an ans")
    s.type("C-c")
    s.prompts()
    s.type("two", "Enter")
    s.shows("seen: one | half an ans | two")


def test_status(sluice, screen):
    limited = CONFIG["endpoints"][0] | {"name": "tight", "limit": {"calls": 10, "renewal_period": "hour"}}
    daemon = sluice({"endpoints": CONFIG["endpoints"] + [limited]})
    for _ in range(9):
        daemon.call("POST", "/gateway/tight/invocations", {"messages": [{"role": "user", "content": "x"}]})
    for _ in range(3):
        daemon.call("POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "x"}]})
    daemon.call("POST", "/gateway/nope/invocations", {})
    s = screen(daemon.url)
    s.type(f"{BIN} status --interval 200ms", "Enter")
    text = s.shows("q ends")
    assert "route      chat" in text and "caller_not_found" in text and "p95" in text
    for _ in range(5):
        daemon.call("POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "x"}]})
    s.shows("/s  (8)")  # of route chat: it is live
    assert "limit      tight                    90% used  near its cap" in s.text()
    for _ in range(2):
        daemon.call("POST", "/gateway/tight/invocations", {"messages": [{"role": "user", "content": "x"}]})
    s.shows("100% used  at its cap")
    s.shows("refused    tight                    1 of 11")
    s.type("q")
    s.prompts("$")
    s.type("echo ended $?", "Enter")
    s.shows("ended 0")

# SPDX-License-Identifier: Apache-2.0
"""`sluice chat` and `sluice top` on a screen: tmux types, and reads the screen."""
import os
import re
import shutil
import signal
import subprocess
import termios

import pytest

from harness import BIN, DEADLINE, chat_route, free_port, wait_for
from libsluice import clean_env
from test_commands import sl

CONFIG = {"endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock"}}]}


class Screen:
    def __init__(self, directory, server, columns=120, lines=30):
        self.socket = str(directory / "tmux")
        env = clean_env(SLUICE_SERVER=server, XDG_STATE_HOME=str(directory / "state"), TERM="screen", LANG="C.UTF-8", PATH=os.environ["PATH"])
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines), "env", "PS1=$ ", "bash", "--norc", "--noprofile", env=env)
        self.tty = self.tmux("display-message", "-p", "#{pane_tty}").strip()
        self.prompts("$")

    def tmux(self, *args, env=None):
        return subprocess.run(["tmux", "-S", self.socket, *args], check=True, capture_output=True, text=True, env=env).stdout

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def text(self):
        return self.tmux("capture-pane", "-p")

    def shows(self, text, times=1):
        """The screen that shows it: a live view may be half drawn a moment later."""
        return wait_for(lambda: (seen := self.text()).count(text) >= times and seen, lambda: f"{text!r} on the screen:\n{self.text()}")

    def edits(self):
        fd = os.open(self.tty, os.O_RDWR | os.O_NOCTTY)
        try:
            return not termios.tcgetattr(fd)[3] & termios.ICANON
        finally:
            os.close(fd)

    def prompts(self, mark=">"):
        """Waits until the last line is an empty prompt and its line editor reads: earlier input may be thrown away."""
        wait_for(lambda: ("\n" + self.text()).rstrip().endswith("\n" + mark) and self.edits(), lambda: f"the prompt {mark} on the screen:\n{self.text()}")

    def close(self):
        self.tmux("kill-server")


@pytest.fixture
def screen(tmp_path):
    if not shutil.which("tmux"):
        pytest.fail("tmux is missing: tools/deps.sh test")
    screens = []

    def start(server, **size):
        screens.append(Screen(tmp_path, server, **size))
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
    s.type("Up", "Up", "Enter")  # from the history
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


def test_targets(sluice, screen):
    """A table of the targets that take no calls, with the time that is left."""
    mock = {"provider": "mock", "name": "m", "config": {}}
    dead = {"provider": "openai", "name": "gpt-4o", "config": {"openai_api_key": "k", "openai_api_base": f"http://127.0.0.1:{free_port()}/v1"}}
    route = {"targets": [{"name": "dead", "model": dead}, {"name": "spare", "tier": 1, "model": mock}], "breaker": {"errors": 1, "open": "1h"}, "retries": 0}
    daemon = sluice({"endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "sluice": route}], "log": {"level": "error"}})
    assert daemon.call("POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "hi"}]}).status == 200
    s = screen(daemon.url)
    s.type(f"clear; {BIN} targets list", "Enter")
    seen = s.shows("spare")
    assert re.search(r"^ROUTE +TARGET +PROVIDER +MODEL +TIER +STATE +RUNNING +WAITS MS", seen, re.M), seen
    assert re.search(r"^chat +dead +openai +gpt-4o +0 +open +0 +3\d{6}\b", seen, re.M) and re.search(r"^chat +spare +mock +m +1 +closed +0 +-", seen, re.M), seen
    s.prompts("$")
    s.type(f"clear; {BIN} targets reset chat dead; {BIN} targets list", "Enter")
    s.shows("dead of chat gets calls again")  # the screen has changed
    seen = s.shows("spare")
    assert re.search(r"^chat +dead +openai +gpt-4o +0 +closed +0 +-", seen, re.M), seen


def test_many_targets_are_listed(sluice):
    mock = {"provider": "mock", "name": "m", "config": {}}
    routes = [{"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"targets": [{"name": f"t{i}", "model": mock} for i in range(700)]}} for name in "xyz"]
    code, out, _ = sl("targets", "list", server=sluice({"endpoints": routes}).url)
    assert code == 0 and [line.split("\t")[:2] for line in out.splitlines()] == [[name, f"t{i}"] for name in "xyz" for i in range(700)]


def test_lists_go_on_behind_long_names(sluice):
    """The token of a page has the names of its last routes: here it is some kilobytes."""
    mock = {"provider": "mock", "name": "m", "config": {}}
    names = [f"{i:03}" + "n" * 250 for i in range(300)]
    daemon = sluice({"endpoints": [{"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"targets": [{"name": f"t{i}", "model": mock} for i in range(4)]}} for name in names]})
    code, out, err = sl("targets", "list", server=daemon.url)
    assert code == 0 and [line.split("\t")[:2] for line in out.splitlines()] == [[name, f"t{i}"] for name in names for i in range(4)], err


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


@pytest.mark.parametrize("args, code, said", [(["chta"], 5, "did you mean 'chat'?"), (["nosuch"], 5, "nosuch"), (["chat", "--temperature", "hot"], 2, "must be a number"), (["chat", "more"], 2, "one word too many"),
                                              (["words"], 2, "is of type llm/v1/completions"), (["chat", "--system", "@/nonexistent"], 1, "No such file")])
def test_nobody_is_talked_to_who_is_not_there(sluice, args, code, said):
    daemon = sluice({"endpoints": CONFIG["endpoints"] + [{"name": "words", "endpoint_type": "llm/v1/completions", "model": {"provider": "mock", "name": "mock"}}]})
    got, out, err = sl("chat", *args, server=daemon.url, stdin="hello\n")
    assert (got, out) == (code, "") and said in err, err


SCRIPTED = [
    ("hello\n", 0, "You said: hello\n", ""), ("a\nb\n", 0, "You said: a\nYou said: b\n", ""), ("\n \nhello\n", 0, "You said: hello\n", ""), ("exit\nhello\n", 0, "", ""), ("quit\n", 0, "", ""),
    ("/exit\n", 0, "", ""), ("/quit\n", 0, "", ""), ("/bye\n", 0, "", ""), ("/q\n", 0, "", ""), ("/exit \n", 0, "", ""), ("/help\nhello\n", 0, "You said: hello\n", "/reset   forget what was said"),
    ("/system be brief\n/system\n", 0, "", "be brief"), ("/system\n", 0, "", "there is no system message"), ("/model\n", 0, "", "chat"), ("/model nosuch\nhello\n", 5, "", "nosuch"), ("/model words\nhello\n", 2, "", "is of type llm/v1/completions"),
    ("ends \\\nhello\n", 0, "You said: ends \\\nYou said: hello\n", ""), ("/hlep\nhello\n", 2, "", "did you mean /help?"), ("/nosuch\nhello\n", 2, "", "there is no /nosuch here"), ("/nosuch word\n", 2, "", "there is no /nosuch here"), ("/resett\n", 2, "", "did you mean /reset?"),
    ("//nosuch\n", 0, "You said: /nosuch\n", ""), ("/etc/passwd is what?\n", 0, "You said: /etc/passwd is what?\n", ""), ("exit now\n", 0, "You said: exit now\n", ""), ("quit smoking\n", 0, "You said: quit smoking\n", ""),
    ("help\n", 0, "You said: help\n", ""), ("/\n", 0, "You said: /\n", ""), ("/ 2\n", 0, "You said: / 2\n", ""), ("/reset\nhello\n", 0, "You said: hello\n", "forgotten"), ("", 0, "", ""),
]


@pytest.mark.parametrize("stdin, code, out, err", SCRIPTED)
def test_words_that_are_for_us(sluice, stdin, code, out, err):
    words = {"name": "words", "endpoint_type": "llm/v1/completions", "model": {"provider": "mock", "name": "mock"}}
    got, said, told = sl("chat", "chat", server=sluice({"endpoints": [*CONFIG["endpoints"], words]}).url, stdin=stdin)
    assert (got, said) == (code, out) and err in told and bool(err) == bool(told), told


def yes(upstream):
    """The base of an upstream that says yes, and the list of what it is asked."""
    seen = []

    def handler(x):
        seen.append(x.json())
        x.stream_head()
        x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}]})
        x.event("[DONE]")
        x.last_chunk()

    return upstream(handler).base, seen


def test_settings_of_a_conversation(sluice, upstream):
    base, seen = yes(upstream)
    daemon = sluice({"endpoints": [chat_route(base)]})
    assert sl("chat", "chat", "--system", "brief", "--temperature", "0.5", "--max-tokens", "9", server=daemon.url, stdin="one\ntwo\n/reset\nthree\n")[:2] == (0, "yes\nyes\nyes\n")
    assert [[m["content"] for m in x["messages"]] for x in seen] == [["brief", "one"], ["brief", "one", "yes", "two"], ["brief", "three"]]
    assert all(x["temperature"] == 0.5 and x["max_tokens"] == 9 for x in seen)


def test_a_conversation_goes_on_elsewhere(sluice, upstream):
    """With another system message, and at another route."""
    base, seen = yes(upstream)
    other = chat_route(base, "other")
    other["model"] = {**other["model"], "name": "gpt-5"}
    daemon = sluice({"endpoints": [chat_route(base), other]})
    assert sl("chat", "chat", server=daemon.url, stdin="one\n/system brief\n/model other\ntwo\n/system -\nthree\n")[:2] == (0, "yes\nyes\nyes\n")
    assert [(x["model"], [m["content"] for m in x["messages"]]) for x in seen] == [
        ("gpt-4o-mini", ["one"]), ("gpt-5", ["brief", "one", "yes", "two"]), ("gpt-5", ["one", "yes", "two", "yes", "three"])]


def test_a_line_goes_on(sluice, screen):
    s = screen(sluice(CONFIG).url)
    s.type(f"{BIN} chat chat -q", "Enter")
    s.prompts()
    s.type("one\\", "Enter")
    s.prompts(".")
    s.type("two", "Enter")
    s.shows("You said: one\ntwo")
    s.prompts()
    s.type("C-d")
    s.prompts("$")


def test_a_paste_is_one_message(sluice, screen, tmp_path):
    daemon = sluice(CONFIG)
    s = screen(daemon.url)
    s.type(f"{BIN} chat chat -q", "Enter")
    s.prompts()
    s.tmux("set-buffer", "one \u00e4\ntwo\n\tthree\n")
    s.tmux("paste-buffer", "-p")
    s.shows("three")
    assert "You said" not in s.text()
    s.type(" and more", "Enter")
    s.shows("You said: one")
    text = s.shows("and more", 2)
    assert text.count("You said") == 1 and "You said: one \u00e4\ntwo\n" in text
    s.prompts()
    s.type("C-d")
    s.prompts("$")
    assert len([line for line in daemon.log_lines(2) if line["path"].endswith("/invocations")]) == 1


def test_chat_is_helped(sluice, screen):
    s = screen(sluice(CONFIG).url)
    s.type(f"{BIN} chat chta", "Enter")
    s.shows("(404)")
    s.prompts("$")
    s.type(f"{BIN} chat chat", "Enter")
    s.shows("/help lists the commands")
    s.prompts()
    s.type("/hlep", "Enter")
    s.shows("did you mean /help?")
    s.prompts()
    s.type("/help", "Enter")
    s.shows("/exit    end; so do exit, quit and Ctrl-D")
    s.prompts()
    s.type("quit", "Enter")
    s.prompts("$")
    assert "You said" not in s.text()


def test_status_lives_longer_than_a_daemon(sluice, screen):
    daemon = sluice(CONFIG)
    for _ in range(3):
        daemon.call("POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "x"}]})
    s = screen(daemon.url)
    s.type(f"{BIN} status --interval 100ms", "Enter")
    s.shows("(3 since the start)")
    daemon.stop()
    daemon.stopped = True
    s.shows(f"waiting for the server at {daemon.url} (no answer), q ends")
    again = sluice(CONFIG, port=daemon.port)
    s.shows("(0 since the start)")
    again.call("POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "x"}]})
    s.shows("(1 since the start)")
    assert "waiting" not in s.text()
    s.type("q")
    s.prompts("$")


def test_status_shows_that_it_drains(sluice, screen):
    daemon = sluice({**CONFIG, "server": {"timeouts": {"drain_delay": "1h"}}})
    s = screen(daemon.url)
    s.type(f"{BIN} status --interval 100ms", "Enter")
    s.shows("calls ")
    assert "DRAINING" not in s.text()
    daemon.proc.send_signal(signal.SIGTERM)
    s.shows("DRAINING")
    s.type("q")
    s.prompts("$")
    daemon.proc.send_signal(signal.SIGTERM)  # the second signal ends it
    daemon.proc.wait(DEADLINE)
    daemon.stopped = True


def test_status_finds_the_busiest(sluice, screen, upstream):
    """With more routes than the screen has lines, and errors in the route's own line."""
    routes = [CONFIG["endpoints"][0] | {"name": f"route-{i:02}"} for i in range(60)] + [chat_route(upstream(lambda x: x.reply({"error": {"message": "no"}}, "401 Unauthorized")).base, "broken")]
    daemon = sluice({"endpoints": routes})
    for i in range(60):
        for _ in range(1 + (i == 57) * 20):
            daemon.call("POST", f"/gateway/route-{i:02}/invocations", {"messages": [{"role": "user", "content": "x"}]})
    for _ in range(5):
        daemon.call("POST", "/gateway/broken/invocations", {"messages": [{"role": "user", "content": "x"}]})
    s = screen(daemon.url)
    s.type(f"{BIN} status --interval 100ms", "Enter")
    text = wait_for(lambda: "--all shows them" in (seen := s.text()) and seen, "the last line of the view")
    assert text.startswith("sluice top ") and "q ends" in text.splitlines()[0], "nothing is scrolled away"
    rows = [line.split() for line in text.splitlines()]
    at = next(i for i, r in enumerate(rows) if r[:1] == ["ROUTE"])
    assert rows[at + 1][0] == "route-57" and rows[at + 1][2] == "21"
    assert rows[at + 2][0] == "broken" and rows[at + 2][2:4] == ["5", "5"] and "provider_auth_failed" in text.splitlines()[at + 2]
    s.type("q")
    s.prompts("$")


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
    s.shows("q ends")

    def row(name, text=None):
        return next((line.split() for line in (text or s.text()).splitlines() if line.startswith(name + " ")), [])

    text = s.shows("MOST")
    assert "caller_not_found" in text and "P95" in text
    assert row("chat", text)[2:4] == ["3", "0"] and row("other", text)[2:4] == ["1", "1"]
    for _ in range(5):
        daemon.call("POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "x"}]})
    wait_for(lambda: row("chat")[2:3] == ["8"], "the view is live")
    wait_for(lambda: "90% near its cap" in " ".join(row("tight")), "the limit of the route")
    for _ in range(2):
        daemon.call("POST", "/gateway/tight/invocations", {"messages": [{"role": "user", "content": "x"}]})
    s.shows("100% at its cap, 1 refused")
    s.type("q")
    s.prompts("$")
    s.type("echo ended $?", "Enter")
    s.shows("ended 0")


@pytest.mark.parametrize("columns, lines, heading", [(80, 24, ["ROUTE", "CALLS/S", "ERRORS", "P50", "P95", "FIRST", "P50/95", "TOKENS/S", "COST"]), (40, 12, ["ROUTE", "CALLS/S", "ERRORS", "P50", "P95"])])
def test_top_fits_and_sorts(sluice, screen, upstream, columns, lines, heading):
    """Its screen has no line too many at any size; keys sort and filter."""
    routes = [CONFIG["endpoints"][0] | {"name": f"a-long-name-of-route-{i:02}"} for i in range(30)]
    broken = chat_route(upstream(lambda x: x.reply({"error": {"message": "no"}}, "401 Unauthorized")).base, "broken")
    daemon = sluice({"endpoints": [*routes, broken]})
    for i in range(30):
        for _ in range(2 + (i == 7)):
            daemon.call("POST", f"/gateway/a-long-name-of-route-{i:02}/invocations", {"messages": [{"role": "user", "content": "x"}]})
    daemon.call("POST", "/gateway/broken/invocations", {"messages": [{"role": "user", "content": "x"}]})
    s = screen(daemon.url, columns=columns, lines=lines)
    s.type(f"{BIN} top --interval 100ms", "Enter")
    seen = wait_for(lambda: ("more:" in (text := s.text())) and text, lambda: f"the last line:\n{s.text()}")
    shown = seen.rstrip("\n").split("\n")
    assert len(shown) < lines and max(map(len, shown)) <= columns, seen
    assert shown[0].startswith("sluice top") and shown[-1].startswith("and "), seen
    at = next(i for i, line in enumerate(shown) if line.startswith("ROUTE"))
    assert shown[at].split()[:len(heading)] == heading and shown[at + 1].startswith("a-long-name"), seen
    assert any(line.startswith("errors     provider_auth_failed 1") for line in shown), seen
    s.type("s")
    seen = wait_for(lambda: re.search(r"^ROUTE.*\nbroken ", text := s.text(), re.M) and text, lambda: f"sorted by errors:\n{s.text()}")
    assert "by errors" in seen.split("\n")[0], seen
    s.type("/")
    s.type("ute-07")
    wait_for(lambda: re.search(r"^ROUTE.*\na-long-name", text := s.text(), re.M) and "broken" not in text, lambda: f"filtered:\n{s.text()}")
    assert "more:" not in s.text()
    s.type("Enter")
    s.type("q")
    s.prompts("$")

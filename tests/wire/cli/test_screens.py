# SPDX-License-Identifier: Apache-2.0
"""Whole screens of `sluice top`, `chat` and `init` at 80x24 and 40x12, as they are in screens/. Numbers and times are 9 there, and
two blanks or more are two. SCREENS=write writes what is shown now: read it before you keep it."""
import os
import pathlib
import re

import pytest

from harness import BIN, chat_route, wait_for
from test_terminal import CONFIG, screen  # noqa: F401: a fixture

SIZES = [(80, 24), (40, 12)]
KEPT = pathlib.Path(__file__).parent / "screens"
ASK = {"messages": [{"role": "user", "content": "x"}]}


def here(tmp_path):
    """A command after which the program is `sluice`, whatever its path is."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sluice").symlink_to(pathlib.Path(BIN).resolve())
    return f"cd {tmp_path}; PATH=$PWD/bin:$PATH"


def masked(text):
    text = re.sub(r"\b\d+(\.\d+)? (ms|s|min|h)\b", "9 s", text)
    text = re.sub(r",[^,\n]*…$", ",…", text, flags=re.M)  # where it is cut depends on the numbers before
    text = re.sub(r"\d+(\.\d+)*", "9", text)
    return "\n".join(re.sub(r" {2,}", "  ", line).rstrip() for line in text.rstrip().split("\n")) + "\n"


def compared(s, name, columns, lines, fits=lambda text: True):
    """Waits until the screen is the kept one."""
    path = KEPT / f"{name}-{columns}x{lines}.txt"
    if os.environ.get("SCREENS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(masked(wait_for(lambda: fits(text := s.text()) and text, s.text)))
    want = path.read_text()
    seen = wait_for(lambda: masked(text := s.text()) == want and text, lambda: f"the screen of {path.name}:\n{want}\nbut:\n{masked(s.text())}")
    assert max(map(len, seen.split("\n"))) <= columns and seen.rstrip("\n").count("\n") < lines


@pytest.mark.parametrize("columns, lines", SIZES)
def test_top(tmp_path, sluice, screen, upstream, columns, lines):  # noqa: F811
    tight = CONFIG["endpoints"][0] | {"name": "tight", "limit": {"calls": 10, "renewal_period": "hour"}}
    long_name = CONFIG["endpoints"][0] | {"name": "a-route-with-a-long-name-for-its-customers"}
    broken = chat_route(upstream(lambda x: x.reply({"error": {"message": "no"}}, "401 Unauthorized")).base, "broken")
    daemon = sluice({"endpoints": [*CONFIG["endpoints"], tight, long_name, broken]})
    for name, n in ("tight", 9), (long_name["name"], 4), ("chat", 3), ("broken", 2):
        for _ in range(n):
            daemon.call("POST", f"/gateway/{name}/invocations", ASK)
    s = screen(daemon.url, columns=columns, lines=lines)
    s.type(f"{here(tmp_path)}; clear; sluice top --interval 100ms --sort name", "Enter")
    compared(s, "top", columns, lines, lambda text: "a-route" in text)
    s.type("/", "r", "o", "Enter")
    compared(s, "top-filtered", columns, lines, lambda text: "only /ro" in text or "/ro" in text.split("\n")[0])
    s.type("q")
    s.prompts("$")


@pytest.mark.parametrize("columns, lines", SIZES)
def test_chat(tmp_path, sluice, screen, columns, lines):  # noqa: F811
    s = screen(sluice(CONFIG).url, columns=columns, lines=lines)
    s.type(f"{here(tmp_path)}; clear; sluice chat chat", "Enter")
    s.shows("/help lists")
    s.prompts()
    s.type("tell me a story that is longer than this line of the terminal can be", "Enter")
    s.shows("You said: tell")
    s.prompts()
    compared(s, "chat", columns, lines)
    s.type("/help", "Enter")
    s.shows("/exit")
    s.prompts()
    compared(s, "chat-help", columns, lines)


@pytest.mark.parametrize("columns, lines", SIZES)
def test_init(tmp_path, screen, columns, lines):  # noqa: F811
    s = screen("http://127.0.0.1:1", columns=columns, lines=lines)
    s.type(f"{here(tmp_path)}; clear; sluice init talk.yaml", "Enter")
    s.shows("Which, with commas")
    s.type("openai,mock", "Enter")
    s.shows("[gpt-4.1]:")
    s.type("Enter")
    s.shows("[open]:")
    s.type("key", "Enter")
    s.shows("next:")
    s.prompts("$")
    compared(s, "init", columns, lines)

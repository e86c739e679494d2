# SPDX-License-Identifier: Apache-2.0
"""Agents at a terminal do a task that needs a tool, without asking anybody: a file is written, whatever the upstream's language is."""
import json
import os
import pathlib
import subprocess

import pytest

from model import CLAUDE, ROUTES, WRITTEN

BIN = pathlib.Path(__file__).parent / "node_modules" / ".bin"
TASK = "Write done into out.txt."


def run(tmp_path, argv, **env):
    """The agent in a folder and a home of its own: what it printed."""
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", **env}
    done = subprocess.run([str(BIN / argv[0]), *argv[1:]], cwd=work, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (work / "out.txt").read_text() == "done", done.stdout + done.stderr
    return done.stdout


# Claude Code asks what the newest model can do of a name that it does not know. At Anthropic itself an older model refuses that.
@pytest.mark.parametrize("route", [CLAUDE, *(r for r in ROUTES if r != "anthropic")])
def test_claude_code(lab, tmp_path, route):
    taken = lab.taken(route)
    said = run(tmp_path, ["claude", "-p", TASK, "--allowedTools", "Bash", "--output-format", "json"], ANTHROPIC_BASE_URL=lab.daemon.url, ANTHROPIC_API_KEY="k",
               ANTHROPIC_MODEL=route, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1", DISABLE_TELEMETRY="1")
    result = json.loads(said)
    assert not result["is_error"] and result["result"] == WRITTEN and result["num_turns"] == 2
    assert lab.taken(route) == taken + 2

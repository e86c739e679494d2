# SPDX-License-Identifier: Apache-2.0
"""Agents at a terminal do a task that needs a tool, without asking anybody: a file is written, whatever the upstream's language is."""
import json
import os
import pathlib
import subprocess

import pytest

from model import CLAUDE, GPT, ROUTES, WRITTEN

BIN = pathlib.Path(__file__).parent / "node_modules" / ".bin"
TASK = "Write done into out.txt."


def run(tmp_path, argv, **env):
    """The agent in a folder and a home of its own: what it printed."""
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir(exist_ok=True)
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


# OpenAI itself gets the bytes: what that model takes is between it and Codex.
@pytest.mark.parametrize("route", [GPT, "chat", *(r for r in ROUTES if r not in ("openai", "responses"))])
def test_codex(lab, tmp_path, route):
    home = tmp_path / "home" / ".codex"
    home.mkdir(parents=True)
    (home / "config.toml").write_text(f"""
model = "{route}"
model_provider = "sluice"
[model_providers.sluice]
name = "Sluice"
base_url = "{lab.daemon.url}/v1"
env_key = "SLUICE_KEY"
wire_api = "responses"
""")
    taken = lab.taken(route)
    said = run(tmp_path, ["codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", TASK], SLUICE_KEY="k")
    assert said.strip().endswith(WRITTEN) and lab.taken(route) == taken + 2

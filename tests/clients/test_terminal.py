# SPDX-License-Identifier: Apache-2.0
"""Agents in a terminal do a task that needs a tool, without asking anybody: they write a file, for upstreams of every
language."""
import base64
import json
import os
import pathlib
import subprocess

import pytest

from harness import Sluice, free_port
from model import CLAUDE, GPT, ROUTES, TASKS, WRITTEN
from upstream import Upstream

BIN = pathlib.Path(__file__).parent / "node_modules" / ".bin"
TASK = "Write done into out.txt."
QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_TELEMETRY": "1"}


def run(tmp_path, argv, **env):
    """Runs the agent in its own folder and home; returns what it printed."""
    work, home = tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir(exist_ok=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", **env}
    done = subprocess.run([str(BIN / argv[0]), *argv[1:]], cwd=work, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (work / "out.txt").read_text() == "done", done.stdout + done.stderr
    return done.stdout


def run_claude(tmp_path, base, route):
    """Runs Claude Code at this base; returns what it printed about its task."""
    said = run(tmp_path, ["claude", "-p", TASK, "--allowedTools", "Bash", "--output-format", "json"], ANTHROPIC_BASE_URL=base, ANTHROPIC_API_KEY="k", ANTHROPIC_MODEL=route, **QUIET)
    return json.loads(said)


def run_codex(tmp_path, base, route):
    """Runs Codex at this base; returns what it printed."""
    home = tmp_path / "home" / ".codex"
    home.mkdir(parents=True)
    (home / "config.toml").write_text(f"""
model = "{route}"
model_provider = "sluice"
[model_providers.sluice]
name = "Sluice"
base_url = "{base}/v1"
env_key = "SLUICE_KEY"
wire_api = "responses"
""")
    said = run(tmp_path, ["codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", TASK], SLUICE_KEY="k")
    return said.strip()


def run_gemini(tmp_path, base, name):
    """Runs Gemini CLI at this base; returns what it printed."""
    settings = tmp_path / "home" / ".gemini" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}}))
    said = run(tmp_path, ["gemini", "-m", name, "--yolo", "-p", TASK], GEMINI_API_KEY="k", GOOGLE_GEMINI_BASE_URL=base, GEMINI_CLI_TRUST_WORKSPACE="true")
    return said.strip()


# Claude Code asks a model with an unknown name for features of the newest one. Anthropic's own older models refuse
# that.
@pytest.mark.parametrize("route", [CLAUDE, *(r for r in ROUTES if r != "anthropic")])
def test_claude_code(lab, tmp_path, route):
    taken = lab.taken(route)
    result = run_claude(tmp_path, lab.daemon.url, route)
    assert not result["is_error"] and result["result"] == WRITTEN and result["num_turns"] == 2
    assert lab.taken(route) == taken + 2


# OpenAI itself gets the bytes unchanged: what its model takes is between it and Codex.
@pytest.mark.parametrize("route", [GPT, "chat", *(r for r in ROUTES if r not in ("openai", "responses"))])
def test_codex(lab, tmp_path, route):
    taken = lab.taken(route)
    assert run_codex(tmp_path, lab.daemon.url, route).endswith(WRITTEN) and lab.taken(route) == taken + 2


@pytest.mark.parametrize("route", ["chat", *ROUTES])
def test_gemini_cli(lab, tmp_path, route):
    taken = lab.taken(route)
    assert run_gemini(tmp_path, lab.daemon.url, route).endswith(WRITTEN) and lab.taken(route) == taken + 2


# --- at the paths where their bytes pass as they are ---


def raw_base(lab, route):
    return f"{lab.daemon.url}/gateway/proxy/{route}"


def test_claude_code_on_the_raw_path(lab, tmp_path):
    taken = lab.taken(CLAUDE)
    result = run_claude(tmp_path, raw_base(lab, CLAUDE), CLAUDE)
    assert not result["is_error"] and result["result"] == WRITTEN and lab.taken(CLAUDE) == taken + 2


def test_codex_on_the_raw_path(lab, tmp_path):
    taken = lab.taken(GPT)
    assert run_codex(tmp_path, raw_base(lab, GPT), GPT).endswith(WRITTEN) and lab.taken(GPT) == taken + 2


def test_gemini_cli_on_the_raw_path(lab, tmp_path):
    taken = lab.taken("gemini")
    assert run_gemini(tmp_path, raw_base(lab, "gemini"), "gemini-2.5-flash").endswith(WRITTEN) and lab.taken("gemini") == taken + 2


# --- Claude Code's other tools ---

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


def claude(daemon, tmp_path, route, prompt, *options, key="k"):
    """Runs Claude Code in its own folder, `tmp_path`; returns the events that it printed, and its status."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb", "ANTHROPIC_BASE_URL": daemon.url, "ANTHROPIC_MODEL": route, **QUIET,
           **({"ANTHROPIC_API_KEY": key} if isinstance(key, str) else key)}
    argv = [str(BIN / "claude"), "-p", prompt, "--allowedTools", "Bash,Read,Edit,Write,Agent", "--output-format", "stream-json", "--verbose", *options]
    done = subprocess.run(argv, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=200)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return events, done.returncode


def edits(at):
    a = f"{at}/a.txt"
    return [[("Read", {"file_path": a})], [("Edit", {"file_path": a, "old_string": "one", "new_string": "two"})], [("Write", {"file_path": f"{at}/b.txt", "content": "né\n"})], "Edited."]


def parallel(at):
    return [[("Read", {"file_path": f"{at}/a.txt"}), ("Bash", {"command": "exit 3", "description": "fails"}), ("Bash", {"command": "echo three > b.txt", "description": "writes"})], "All done."]


def sub_agent(_):
    return [[("Agent", {"description": "Some work", "prompt": "Do the inner work.", "subagent_type": "general-purpose"})], "The agent is done."]


def picture(at):
    return [[("Read", {"file_path": f"{at}/i.png"})], "A pixel."]


def long_words(_):
    return ["many words " * 5000]


WORK = [(edits, {"a.txt": "two\n", "b.txt": "né\n"}), (parallel, {"b.txt": "three\n"}), (sub_agent, {"inner.txt": "inner\n"}), (picture, {}), (long_words, {})]


@pytest.fixture
def tasks():
    TASKS["inner work"] = [[("Bash", {"command": "echo inner > inner.txt", "description": "writes"})], "Inner done."]
    yield TASKS
    TASKS.clear()


@pytest.mark.parametrize("work, files", WORK, ids=[w.__name__ for w, _ in WORK])
@pytest.mark.parametrize("route", [CLAUDE, *(r for r in ROUTES if r != "anthropic")])
def test_what_claude_code_can_do(lab, tmp_path, tasks, route, work, files):
    (tmp_path / "a.txt").write_text("one\n")
    (tmp_path / "i.png").write_bytes(PNG)
    steps = work(tmp_path)
    lab_tasks = {work.__name__: steps, **tasks}  # the agent's own texts are looked for last, because they are in the outer conversation, too
    tasks.clear()
    tasks.update(lab_tasks)
    events, status = claude(lab.daemon, tmp_path, route, f"Please do {work.__name__}.")
    result = events[-1]
    if work is picture and route == "deepseek":  # it cannot see pictures
        assert status == 1 and "take no images" in result["result"]
        return
    assert status == 0 and not result["is_error"] and result["result"].strip() == steps[-1].strip(), result
    assert {name: (tmp_path / name).read_text() for name in files} == files


def test_claude_code_says_what_is_wrong(tmp_path):
    """What its user sees, and that it does not repeat for minutes what cannot work."""
    config = {"auth": {"keys": [{"name": "me", "key": "a-key-that-is-right-0123456789"}]},
              "endpoints": [{"name": r, "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}, **({"limit": {"renewal_period": "hour", "calls": 0}} if r == "shut" else {})}
                            for r in ("open", "shut")]}
    daemon = Sluice(tmp_path / "daemon", config)
    try:
        good = "a-key-that-is-right-0123456789"
        for key in (good, {"ANTHROPIC_AUTH_TOKEN": good}):
            events, status = claude(daemon, tmp_path, "open", "Hello.", key=key)
            assert status == 0 and not events[-1]["is_error"], events[-1]
        for key, route, code, words in (("wrong", "open", 401, ""), ({"ANTHROPIC_AUTH_TOKEN": "wrong"}, "open", 401, ""), (good, "nowhere", 404, "(nowhere)"), (good, "shut", 429, "limit")):
            events, status = claude(daemon, tmp_path, route, "Hello.", key=key)
            assert status == 1 and events[-1]["is_error"] and events[-1]["api_error_status"] == code and words in events[-1]["result"], events[-1]
            assert not [e for e in events if e.get("subtype") == "api_retry"]
    finally:
        daemon.stop()


# --- upstreams that refuse, or are not there ---

NO = "The model cannot do this."
REFUSALS = {
    "refuses": ("400 Bad Request", {"message": NO, "type": "invalid_request_error", "param": None, "code": None}),
    "unknown": ("404 Not Found", {"message": NO, "type": "invalid_request_error", "param": None, "code": "model_not_found"}),
    "locked": ("401 Unauthorized", {"message": "Incorrect API key", "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}),
}


@pytest.fixture
def refusing(tmp_path):
    ups = {name: Upstream(lambda x, said=said: x.reply({"error": said[1]}, said[0])) for name, said in REFUSALS.items()}
    bases = {**{name: up.base for name, up in ups.items()}, "down": f"http://127.0.0.1:{free_port()}/v1"}
    daemon = Sluice(tmp_path / "daemon", {"endpoints": [
        {"name": name, "endpoint_type": "llm/v1/chat", "model": {"provider": "openai-compatible", "name": "m", "config": {"api_base": base}}} for name, base in bases.items()]})
    daemon.asked = lambda name: len(ups[name].requests)
    yield daemon
    daemon.stop()
    for up in ups.values():
        up.close()


def fail(daemon, tmp_path, argv, **env):
    """What an agent prints that cannot continue."""
    done = subprocess.run([str(BIN / argv[0]), *argv[1:]], cwd=tmp_path, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "TERM": "dumb", **env}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=200)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


@pytest.mark.parametrize("route", ["refuses", "unknown", "down"])
def test_codex_says_what_is_wrong(refusing, tmp_path, route):
    home = tmp_path / "home" / ".codex"
    home.mkdir(parents=True)
    (home / "config.toml").write_text(f'model = "{route}"\nmodel_provider = "sluice"\n[model_providers.sluice]\nname = "Sluice"\nbase_url = "{refusing.url}/v1"\nenv_key = "SLUICE_KEY"\nwire_api = "responses"\n')
    said = fail(refusing, tmp_path, ["codex", "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", TASK], SLUICE_KEY="k")
    assert ("connection refused" if route == "down" else NO) in said
    assert route == "down" or refusing.asked(route) == 1


@pytest.mark.parametrize("route", ["refuses", "unknown"])
def test_gemini_cli_says_what_is_wrong(refusing, tmp_path, route):
    settings = tmp_path / "home" / ".gemini" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": False}}))
    said = fail(refusing, tmp_path, ["gemini", "-m", route, "--yolo", "-p", TASK], GEMINI_API_KEY="k", GOOGLE_GEMINI_BASE_URL=refusing.url, GEMINI_CLI_TRUST_WORKSPACE="true")
    assert NO in said and refusing.asked(route) == 1


@pytest.mark.parametrize("route, words", [("refuses", NO), ("unknown", "(unknown)"), ("locked", "the gateway's operator must correct it")])
def test_claude_code_says_what_an_upstream_refuses(refusing, tmp_path, route, words):
    events, status = claude(refusing, tmp_path, route, "Hello.")
    assert status == 1 and events[-1]["is_error"] and words in events[-1]["result"]
    assert not [e for e in events if e.get("subtype") == "api_retry"]

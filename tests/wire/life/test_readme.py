# SPDX-License-Identifier: Apache-2.0
"""The documents are right: the README's blocks run unchanged, and every link leads somewhere."""
import os
import pathlib
import re
import subprocess
import sys

import pytest
import yaml

from harness import BIN
from test_routes_api import data  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parents[3]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").rglob("*.md")])


def blocks(language):
    return [text for kind, text in BLOCK.findall((ROOT / "README.md").read_text()) if kind == language]


def environment(tmp_path):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("DATABRICKS", "MLFLOW", "OPENAI", "SLUICE"))}
    return {**env, "HOME": str(tmp_path)}


def run(script, daemon, tmp_path):
    assert "127.0.0.1:5000" in script
    script = script.replace("127.0.0.1:5000", f"127.0.0.1:{daemon.port}")
    done = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True, timeout=50, env=environment(tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def python(text):
    return f"{sys.executable} - <<'END'\n{text}END\n"


def with_state(sluice, data):
    return sluice({"endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}]}, args=["--data", data])


def test_the_first_screen_with_curl(sluice, data, tmp_path):
    (script,) = [t for t in blocks("sh") if "curl" in t]
    out = run(script, with_state(sluice, data), tmp_path)
    assert out.count("You said: hello") == 2
    assert out.index('"name":"mine"') < out.index("You said") < out.index('"limits":[') < out.index("HTTP/1.1 429 Too Many Requests")
    assert '{"error":"Rate limit exceeded: 1 per 1 minute"}' in out


def test_the_first_screen_in_python(sluice, data, tmp_path):
    (settings,) = [t for t in blocks("sh") if "DATABRICKS_HOST" in t]
    (script,) = [t for t in blocks("python") if "create_route" in t]
    out = run(settings + python(script), with_state(sluice, data), tmp_path)
    said, refused = out.strip().split("\n", 1)
    assert said == "You said: hello"
    assert "429" in refused and "Rate limit exceeded: 1 per 1 minute" in refused


def test_the_openai_client(sluice, data, tmp_path):
    (script,) = [t for t in blocks("python") if "openai" in t]
    assert run(python(script), with_state(sluice, data), tmp_path) == "You said: hello"


def test_the_configuration(tmp_path):
    (text,) = blocks("yaml")
    assert yaml.safe_load(text)["endpoints"][0] in yaml.safe_load((ROOT / "examples/openai.yaml").read_text())["endpoints"]
    (tmp_path / "sluice.yaml").write_text(text)
    done = subprocess.run([BIN, "check", "--strict", "-c", str(tmp_path / "sluice.yaml")], capture_output=True, text=True,
                          env={**environment(tmp_path), "OPENAI_API_KEY": "sk-x"})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target

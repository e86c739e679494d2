# SPDX-License-Identifier: Apache-2.0
"""What the pages say can be done as they say it: every shell command in README.md, CONTRIBUTING.md and docs/*.md is run, every
piece of configuration is loaded, every piece of JSON is JSON. A block that cannot be is marked in the page, on the line before
it, with the reason: `<!-- not run: … -->`. `PYTHONPATH=. .venv/bin/python life/test_docs.py` lists these.

A page's commands run one after the other in one shell, in an empty folder. `sluice serve` runs beside them, as in another
terminal. Where a page does not start a gateway, it has the one of SETUP."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
import yaml

from harness import BIN, free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "bindings/python/README.md"]
# sh: commands; console: commands behind "$ ", and what they print; text: neither.
LANGUAGES = {"sh", "console", "yaml", "json", "python", "text", "toml", "nginx", "haproxy"}
FENCE = re.compile(r"^(?:<!-- not run: (?P<why>.+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.S | re.M)
SERVES = re.compile(r"^((?:[A-Z_]+=\S+ )*)sluice (serve|mlflow start)\b(.*)$", re.M)
MOCK = {"provider": "mock", "name": "any"}


class Block:
    def __init__(self, page, found):
        self.page, self.language, self.text, self.why = page, found["language"], found["text"], found["why"]
        self.at = f"{page.relative_to(ROOT)}:{page.read_text()[:found.start('text')].count(chr(10))}"


def blocks(*languages, run=True):
    found = [Block(page, f) for page in PAGES for f in FENCE.finditer(page.read_text())]
    return [b for b in found if (not languages or b.language in languages) and (not run or not b.why)]


def ids(b):
    return b.at


def test_every_block_says_what_it_is():
    for page in PAGES:
        text = page.read_text()
        assert len(FENCE.findall(text)) * 2 == len(re.findall(r"^```", text, re.M)), page
        assert len(re.findall(r"^<!-- not run", text, re.M)) == sum(f["why"] is not None for f in FENCE.finditer(text)), f"{page}: a mark stands before no block"
    odd = [b.at for b in blocks(run=False) if b.language not in LANGUAGES]
    assert not odd, f"say what these are (sh, console, yaml, json, python, or text for neither): {odd}"
    assert all(b.language in ("sh", "console", "yaml", "json") for b in blocks(run=False) if b.why)


def test_each_task_has_its_page_and_a_check():
    tasks = re.findall(r"^\| [^|]+ \| \[([\w-]+\.md)\]", (ROOT / "docs/index.md").read_text(), re.M)
    assert len(tasks) == 8
    for name in tasks:
        assert re.search(r"\*\*(It worked|All is well)\*\* when", (ROOT / "docs" / name).read_text()), name


# --- shell ---

# The gateway of a page that starts none.
CHATS = {"endpoints": [{"name": name, "endpoint_type": "llm/v1/chat", "model": MOCK} for name in ("chat", "my-route", "a-file-route")]}
SETUP = {
    "docs/keys.md": {**CHATS, "auth": {}},
    "docs/commands.md": {**CHATS, "groups": []},
}
# Files that the pages speak of.
FILES = {"a.txt": "one\n", "b.txt": "two\n", "gateway.yaml": yaml.safe_dump(CHATS), "sluice.yaml": yaml.safe_dump(CHATS), "ci.key": "sk-any\n", "chat.json": json.dumps({"messages": [{"role": "user", "content": "hi"}]})}

PRELUDE = """
set -eo pipefail
gateway() { # as in another terminal: its log is kept, and it is waited for
    command sluice "$@" >>gateway.log 2>&1 </dev/null &
    for i in $(seq 600); do
        curl -sf -o /dev/null http://127.0.0.1:PORT/ready && return 0
        kill -0 $! 2>/dev/null || break
        sleep 0.05
    done
    cat gateway.log
    return 1
}
"""


def script_of(page, port):
    text = []
    for b in (b for b in blocks("sh", "console") if b.page == page):
        lines = b.text if b.language == "sh" else "".join(line[2:] + "\n" for line in b.text.splitlines() if line.startswith("$ "))
        text.append(f"echo '== {b.at}'\n{lines}")
    whole = "\n".join(text)
    has_own = SERVES.search(whole)
    whole = SERVES.sub(lambda m: f"{m[1]}gateway {m[2]}{m[3]}" + ("" if m[2] != "serve" else f" --listen 127.0.0.1:{port}"), whole)
    whole = re.sub(r"\b(localhost|127\.0\.0\.1):5000\b", f"127.0.0.1:{port}", whole).replace("--port 5000", f"--port {port}")
    if not has_own:
        whole = f"gateway serve -c /tmp/none\n{whole}".replace("-c /tmp/none", f"-c setup.yaml --data \"$XDG_STATE_HOME/sluice\" --listen 127.0.0.1:{port}", 1)
    return PRELUDE.replace("PORT", str(port)) + whole


@pytest.mark.parametrize("page", sorted({b.page for b in blocks("sh", "console")}), ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_do_what_the_page_says(tmp_path, page):
    port, bin_dir = free_port(), tmp_path / "bin"
    work, home = tmp_path / "work", tmp_path / "home"
    for directory in (bin_dir, work, home):
        directory.mkdir()
    (bin_dir / "sluice").symlink_to(pathlib.Path(BIN).resolve())
    (work / "examples").symlink_to(ROOT / "examples")
    name = str(page.relative_to(ROOT))
    for file, text in FILES.items():
        if file != "sluice.yaml" or "sluice init" not in page.read_text():
            (work / file).write_text(text)
    (work / "setup.yaml").write_text(yaml.safe_dump(SETUP.get(name, CHATS)))
    env = {"PATH": f"{bin_dir}:{os.environ['PATH']}", "HOME": str(home), "XDG_STATE_HOME": str(home / ".local/state"), "LANG": "C.UTF-8", "OPENAI_API_KEY": "sk-test",
           "SLUICE_SERVER": f"http://127.0.0.1:{port}", "SLUICE_KEY": "sk-any"}
    proc = subprocess.Popen(["bash", "-c", script_of(page, port)], cwd=work, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        out, _ = proc.communicate(timeout=120)
    finally:
        try:
            os.killpg(proc.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
    log = (work / "gateway.log").read_text() if (work / "gateway.log").exists() else ""
    assert proc.returncode == 0, f"ended with {proc.returncode}:\n{out}\n{log}"


# --- configuration ---

KNOWN = {"openai": {"openai_api_key": "sk-k"}, "anthropic": {"anthropic_api_key": "sk-k"}, "azure": {"openai_api_type": "azure", "openai_api_key": "k", "openai_deployment_name": "d", "openai_api_base": "https://x.openai.azure.com", "openai_api_version": "2024-10-21"}}


def snippet(text):
    """The whole file that a piece of one stands for. A piece that is indented belongs to an endpoint (4 blanks) or to its
    `sluice:` (6 blanks); `…` stands for what is not of interest."""
    indent = len(text) - len(text.lstrip(" "))
    text = re.sub(r"^( +)…$", r"\1endpoint_type: llm/v1/chat\n\1model: { provider: mock, name: any }", text, flags=re.M)
    text = text.replace("model: { … }", "model: { provider: mock, name: any }")
    text = re.sub(r"provider: (\w+), name: ([\w.-]+), config: \{ … \}", lambda m: f"provider: {m[1]}, name: {m[2]}, config: {json.dumps(KNOWN[m[1]])}", text)
    assert "…" not in re.sub("#.*", "", text), "what does it stand for?"
    if indent:
        others = "".join(f"  - {{ name: {name}, endpoint_type: llm/v1/chat, model: {{ provider: mock, name: any }} }}\n" for name in ("cheap", "last", "trial"))
        head = "  - name: chat\n    endpoint_type: llm/v1/chat\n    model: { provider: mock, name: any }\n"
        return f"endpoints:\n{others}{head}" + ("    sluice:\n" if indent == 6 else "") + text
    return text if re.search(r"^(endpoints|kind):", text, re.M) else text + "endpoints: []\n"


@pytest.mark.parametrize("block", blocks("yaml"), ids=ids)
def test_configuration_is_taken(tmp_path, certs, block):
    text = snippet(block.text)
    got = yaml.safe_load(text)
    if "kind" in got:
        return  # of Kubernetes
    env = {"PATH": os.environ["PATH"], "SLUICE_SECRET_KEY": "ab" * 32} | {name: f"sk-{name.lower()}-{'0' * 32}" for name in re.findall(r"\$([A-Z_]+)", text)}
    env |= {"HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "SLUICE_STORE_URL": "postgres://sluice@db/sluice"}
    for name in re.findall(r"(?<![\w:/])(/[\w/.-]+\.(?:pem|key))", text):
        local = tmp_path / name.replace("/", "_")
        if "tls" in got.get("server", {}):
            shutil.copy(certs[0] if name.endswith(".pem") else certs[1], local)
        else:
            local.write_text(f"sk-{'0' * 40}\n")
        text = text.replace(name, str(local))
    (tmp_path / "prices.json").write_text("{}")
    (tmp_path / "sluice.yaml").write_text(text)
    done = subprocess.run([BIN, "check", "-c", str(tmp_path / "sluice.yaml")], env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, f"{done.stderr}\n{text}"


@pytest.mark.parametrize("block", blocks("json"), ids=ids)
def test_json_is_json(block):
    json.loads(re.sub(r"\{ … \}", "{}", block.text))


@pytest.mark.parametrize("block", blocks("python"), ids=ids)
def test_python_is_python(block):
    compile(block.text, block.at, "exec", flags=0x2000)  # await may stand outside of a function


if __name__ == "__main__":
    for b in blocks(run=False):
        if b.why:
            print(f"{b.at}: {b.why}")

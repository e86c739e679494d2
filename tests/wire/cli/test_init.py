# SPDX-License-Identifier: Apache-2.0
"""`sluice init`: what it writes passes `check --strict` and fits the schema that its first comment names."""
import json
import os
import re
import subprocess

import jsonschema
import pytest
import yaml

from harness import BIN, DEADLINE
from libsluice import clean_env
from test_terminal import screen  # noqa: F401: a fixture

KEY = "sk-a-key-of-the-environment"


def run(tmp_path, *args, stdin=subprocess.DEVNULL, **env):
    environ = {k: v for k, v in clean_env().items() if not k.endswith("_API_KEY")} | env
    done = subprocess.run([BIN, *args], cwd=tmp_path, stdin=stdin, capture_output=True, text=True, timeout=DEADLINE, env=environ)
    return done.returncode, done.stdout, done.stderr


def judged(tmp_path, name="sluice.yaml", **env):
    """The document, after `check --strict` and the schema took it."""
    text = (tmp_path / name).read_text()
    for variable in re.findall(r"\$([A-Z]+_API_KEY)", text):
        env.setdefault(variable, KEY)
    code, out, err = run(tmp_path, "check", "--strict", "-c", name, **env)
    assert code == 0, err
    first, document = text.splitlines()[0], yaml.safe_load(text)
    schema = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)[1]
    jsonschema.Draft7Validator(json.loads((tmp_path / name).parent.joinpath(schema).read_text())).validate(document)
    return document


def providers(document):
    return [(e["model"]["provider"], e["model"]["name"], e["model"].get("config")) for e in document["endpoints"]]


def test_what_the_environment_says(tmp_path):
    code, out, err = run(tmp_path, "init", "--yes", OPENAI_API_KEY=KEY, MISTRAL_API_KEY=KEY)
    assert (code, out) == (0, "") and err.endswith(f"wrote sluice.yaml; next:\n  {BIN} serve -c sluice.yaml\n"), err
    document = judged(tmp_path)
    assert providers(document) == [("openai", "gpt-4.1", {"openai_api_key": "$OPENAI_API_KEY"}), ("mistral", "mistral-large-latest", {"mistral_api_key": "$MISTRAL_API_KEY"})]
    assert "auth" not in document and KEY not in (tmp_path / "sluice.yaml").read_text()


def test_without_a_key_it_is_the_mock(tmp_path):
    assert run(tmp_path, "init", "-y", "some/c.yaml")[0] == 1, "the folder must be there"
    (tmp_path / "some").mkdir()
    assert run(tmp_path, "init", "-y", "some/c.yaml")[0] == 0
    assert providers(judged(tmp_path, "some/c.yaml")) == [("mock", "mock", None)]


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini", "cohere", "groq", "deepseek", "xai", "togetherai", "fireworks", "openrouter", "perplexity", "mistral"])
def test_each_provider(tmp_path, name):
    code, _, err = run(tmp_path, "init", "--provider", name, "--keys", "--yes")
    assert code == 0 and re.search(r"^  export [A-Z]+_API_KEY=YOUR-KEY$", err, re.M), err
    document = judged(tmp_path)
    assert document["auth"] == {} and [p for p, _, _ in providers(document)] == [name]


def test_options(tmp_path):
    assert run(tmp_path, "init", "--provider", "ollama", "--model", "llama3.2", "--yes")[0] == 0
    assert providers(judged(tmp_path)) == [("ollama", "llama3.2", None)]
    before = (tmp_path / "sluice.yaml").read_text()
    code, _, err = run(tmp_path, "init", "--provider", "openai", "--yes")
    assert code == 1 and "sluice.yaml is there already: --overwrite replaces it" in err and (tmp_path / "sluice.yaml").read_text() == before
    assert run(tmp_path, "init", "--provider", "openai,groq", "--provider", "openai", "--yes", "--overwrite")[0] == 0
    assert [p for p, _, _ in providers(judged(tmp_path))] == ["openai", "groq"]


@pytest.mark.parametrize("model", ["llama3:8b", "@cf/meta/llama", "a: b # c", "- x", '"quoted" \\ name', "ends:", "{x}", "*"])
def test_any_name_of_a_model(tmp_path, model):
    assert run(tmp_path, "init", "--provider", "ollama", "--model", model, "--yes")[0] == 0
    assert providers(judged(tmp_path)) == [("ollama", model, None)]


@pytest.mark.parametrize("args, said", [
    (["--provider", "opnai", "--yes"], "there is no provider 'opnai': did you mean 'openai'?"),
    (["--provider", "bedrock", "--yes"], "bedrock needs more than a key"),
    (["--provider", "ollama", "--yes"], "--model NAME says which"),
    (["--provider", "openai,groq", "--model", "m", "--yes"], "--model goes with one provider"),
    (["--provider", "openai"], "there is no terminal to ask: --yes"),
])
def test_what_cannot_be(tmp_path, args, said):
    code, out, err = run(tmp_path, "init", *args)
    assert code == 2 and said in err, err
    assert os.listdir(tmp_path) == []


def test_a_schema_of_another_hand_stays(tmp_path):
    schema = tmp_path / "sluice.schema.json"
    schema.write_text("{}")
    code, _, err = run(tmp_path, "init", "--provider", "openai", "--yes")
    assert code == 1 and "sluice.schema.json is there already: --overwrite replaces it" in err and schema.read_text() == "{}" and os.listdir(tmp_path) == ["sluice.schema.json"], err
    assert run(tmp_path, "init", "--provider", "openai", "--yes", "--overwrite")[0] == 0 and len(schema.read_text()) > 1000
    (tmp_path / "sluice.yaml").unlink()
    assert run(tmp_path, "init", "--provider", "openai", "--yes")[0] == 0, "its own schema is no obstacle"


def test_a_conversation(tmp_path, screen):  # noqa: F811
    s = screen("http://127.0.0.1:1")
    s.type(f"cd {tmp_path}; OPENAI_API_KEY={KEY} {BIN} init talk.yaml", "Enter")
    s.shows("Which, with commas between them [openai]:")
    s.type("openai,nosuch", "Enter")
    s.shows("there is no provider 'nosuch'")
    s.shows("Which, with commas between them", 2)
    s.type("openai mock", "Enter")
    s.shows("Model of openai [gpt-4.1]:")
    s.type("gpt-5", "Enter")
    s.shows("(key) [open]:")
    s.type("keyless", "Enter")
    s.shows("(key) [open]:", 2)
    s.type("key", "Enter")
    s.shows("wrote talk.yaml; next:")
    s.prompts("$")
    document = judged(tmp_path, "talk.yaml")
    assert [p[:2] for p in providers(document)] == [("openai", "gpt-5"), ("mock", "mock")] and document["auth"] == {}


def test_a_model_without_a_usual_one_is_asked_again(tmp_path, screen):  # noqa: F811
    s = screen("http://127.0.0.1:1")
    s.type(f"cd {tmp_path}; {BIN} init talk.yaml", "Enter")
    s.shows("Which, with commas between them [")
    s.type("ollama", "Enter")
    s.shows("Model of ollama (its name there):")
    s.type("Enter")
    s.shows("Model of ollama (its name there):", 2)
    s.type("llama3.2", "Enter")
    s.shows("(key) [open]:")
    s.type("Enter")
    s.shows("wrote talk.yaml; next:")
    assert providers(judged(tmp_path, "talk.yaml")) == [("ollama", "llama3.2", None)]

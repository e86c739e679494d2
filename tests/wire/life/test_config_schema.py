# SPDX-License-Identifier: Apache-2.0
"""`sluice schema`: every configuration of ours fits it, and what `check` refuses by its form does not."""
import json
import pathlib
import re
import subprocess

import jsonschema
import pytest
import yaml

from harness import BIN, DEADLINE

ROOT = pathlib.Path(__file__).parent.parent.parent.parent
ROUTE = {"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}


class Loader(yaml.SafeLoader):
    """As editors read it, by YAML 1.2: a date is a text, and so are on, off, yes and no."""


Loader.yaml_implicit_resolvers = {c: [(tag, r) for tag, r in rows if not tag.endswith(("timestamp", "bool"))] for c, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


@pytest.fixture(scope="module")
def validator():
    done = subprocess.run([BIN, "schema"], capture_output=True, text=True, timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (0, "")
    schema = json.loads(done.stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def documents():
    for path in [*sorted((ROOT / "examples").rglob("*.yaml")), ROOT / "service/sluice.yaml.in"]:
        for document in yaml.load_all(path.read_text(), Loader):
            if document.get("kind") == "ConfigMap":
                document = yaml.safe_load(document["data"]["sluice.yaml"])
            if "endpoints" in document:
                yield pytest.param(document, id=path.name)


@pytest.mark.parametrize("document", list(documents()))
def test_examples_fit(validator, document):
    assert [f"{list(e.absolute_path)}: {e.message}" for e in validator.iter_errors(document)] == []


GOOD = [
    "endpoints: []",
    "routes: []",
    "server: { listen: [127.0.0.1:80, { address: 'unix:/x', proxy_protocol: true }], workers: auto, heartbeat: 0s, console: false }",
    "server: { timeouts: { drain_delay: auto, drain: 0s }, limits: { spool: 0B, connections: 5 } }",
    "upstream: { proxy: http://p:1, retry_budget: { share: 0%, least: 0 }, timeouts: { total: 1d } }",
    "upstream: { proxy: { url: http://p:1, except: .example.com } }",
    "auth: none",
    "auth: { admin_key: $A, keys: [{ name: a, key: { sha256: '" + "0" * 64 + "' }, role: viewer }, { name: b, key: { file: k }, limits: [{ tokens: 5, per: day }] }] }",
    "groups: [{ name: a, limits: [{ money: 5, per: month, zone: UTC }], children: { limits: [] } }]",
    "groups: [{ name: a, limits: [{ money: 5, per: day, route: chat }, { concurrent: 2, route: chat }], children: { limits: [{ tokens: 5, per: day, zone: UTC, route: b }] } }]",
    "models: { 'my-*': { provider: openai, like: gpt-4.1, context: 5, features: [tools] } }",
    "prices: { unknown: refuse, models: { a/b: { input_cost_per_token: 1e-6 } } }",
    "requests: off",
    "requests: { keep: 1d, size: 16MiB }",
    "server:",
    "x-anything: { a: 1 }",
]
ROUTES = [
    {},
    {"model": {"provider": "openai", "name": "m", "config": {"openai_api_key": {"env": "A"}, "openai_api": "auto"}}},
    {"model": {"provider": "openai", "openai_config": {"openai_api_key": "$A"}}},
    {"model": {"provider": "amazon_bedrock", "name": "m", "config": {"aws_config": {"aws_region": "x"}}}},
    {"limit": {"calls": 5, "renewal_period": "minute"}, "limits": None},
    {"limits": [{"calls": 5, "renewal_period": "minute", "key": "user"}, {"concurrent": 3}, {"session": {"calls": 2}}]},
    {"sluice": {"breaker": "off", "affinity": False, "hedge": {"after": "p95"}, "retries": 0, "fallback": {"on": ["connect"], "routes": ["b"]}}},
    {"sluice": {"affinity": {"by": {"header": "x"}}, "shadow": {"route": "b", "share": "1%"}, "queue": {"wait": "1s"}, "headers": {"x-a": "$B", "x-c": {"file": "d"}}, "tls": {"ca": "x"}}},
    {"sluice": {"targets": [{"name": "eu", "model": {"provider": "mock", "name": "m"}, "weight": 2, "timeouts": {"connect": "1s"}}, {"name": "model", "tier": 1}]}},
]


@pytest.mark.parametrize("text", GOOD)
def test_good_sections(validator, text):
    document = {"endpoints": [], **yaml.safe_load(text)}
    assert [e.message for e in validator.iter_errors(document)] == []


@pytest.mark.parametrize("more", ROUTES, ids=range(len(ROUTES)))
def test_good_routes(validator, more):
    assert [e.message for e in validator.iter_errors({"endpoints": [ROUTE | more]})] == []


def test_a_route_that_splits(validator):
    split = {"name": "s", "task_type": "llm/v1/chat", "destinations": [{"name": "chat", "traffic_percentage": 100}], "routing_strategy": "TRAFFIC_SPLIT"}
    assert [e.message for e in validator.iter_errors({"endpoints": [ROUTE], "routes": [split]})] == []


BAD = [
    "endpoints:",
    "server: { listn: x }",
    "server: { timeouts: { head: 5 } }",
    "server: { timeouts: { head: 5 s } }",
    "server: { timeouts: { drain_delay: soon } }",
    "server: { limits: { body: 8MB2 } }",
    "server: { workers: many }",
    "upstream: { retries: 11 }",
    "upstream: { retry_budget: off }",
    "upstream: { proxy: { urll: http://p:1 } }",
    "auth: on",
    "auth: { keys: [{ name: a }] }",
    "auth: { metrics: everybody }",
    "groups: [{ limits: [] }]",
    "groups: [{ name: a, limits: [{ tokns: 5, per: day }] }]",
    "requests: { keep: 30 }",
    "models: { m: { contxt: 5 } }",
    "log: { level: loud }",
    "logs: {}",
]
BAD_ROUTES = [
    {"name": None},
    {"nam": "x"},
    {"endpoint_type": "llm/v1/chats"},
    {"model": {"provider": "opnai"}},
    {"model": {"name": "m"}},
    {"model": {"provider": "openai", "nme": "m"}},
    {"model": {"provider": "openai", "config": {"openai_api_kee": "x"}}},
    {"model": {"provider": "groq", "config": {}}},
    {"model": {"provider": "openai", "config": {"openai_api_key": {"fil": "x"}}}},
    {"limit": {"calls": 5}},
    {"limits": [{"calls": 5, "renewal_period": "fortnight"}]},
    {"sluice": {"retrys": 1}},
    {"sluice": {"timeouts": {"first_byte": 60}}},
    {"sluice": {"breaker": {"ratio": 50}}},
    {"sluice": {"breaker": "on"}},
    {"sluice": {"targets": []}},
    {"sluice": {"targets": [{"model": {"provider": "mock"}}]}},
    {"sluice": {"targets": [{"name": "a", "model": {"provider": "nobody"}}]}},
    {"sluice": {"hedge": {"after": "1500"}}},
    {"sluice": {"affinity": {"by": "chance"}}},
]


def refused(tmp_path, document):
    """True: `check` refuses it, too (MLflow's sections: warns)."""
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(document))
    return subprocess.run([BIN, "check", "--strict", "-c", path], capture_output=True, timeout=DEADLINE).returncode == 1


@pytest.mark.parametrize("text", BAD)
def test_bad_sections(validator, tmp_path, text):
    document = {"endpoints": [], **yaml.safe_load(text)}
    assert not validator.is_valid(document)
    assert refused(tmp_path, document)


@pytest.mark.parametrize("more", BAD_ROUTES, ids=range(len(BAD_ROUTES)))
def test_bad_routes(validator, tmp_path, more):
    document = {"endpoints": [ROUTE | more]}
    assert not validator.is_valid(document)
    assert refused(tmp_path, document)


def test_the_binder_knows_every_key(validator, tmp_path):
    """Each section with all of its keys is read by `check` without an unknown one: the schema has no key too many."""
    schema = validator.schema
    for name, section in schema["properties"].items():
        for form in section.get("anyOf", []):
            for key in form.get("properties", {}):
                path = tmp_path / "c.yaml"
                path.write_text(yaml.safe_dump({"endpoints": [], name: {key: None}}))
                said = subprocess.run([BIN, "check", "-c", path], capture_output=True, text=True, timeout=DEADLINE).stderr
                assert "unknown" not in said, said

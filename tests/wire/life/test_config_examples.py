# SPDX-License-Identifier: Apache-2.0
"""The examples are right: `sluice check --strict` takes every configuration in examples/."""
import configparser
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from harness import BIN

EXAMPLES = pathlib.Path(__file__).parent.parent.parent.parent / "examples"
ENV = {"PATH": os.environ["PATH"]}


def check(path):
    """Checks a file, with every variable and key file that it names."""
    text = path.read_text()
    env = {**ENV, **{name: f"sk-{name.lower()}-{'0' * 32}" for name in re.findall(r"\$([A-Z_]+)", text)}}
    for name in re.findall(r"file: (/[^ }]+)", text):
        local = path.parent / name.replace("/", "_")
        local.write_text(f"sk-{local.name}-{'0' * 40}\n")
        text = text.replace(name, str(local))
    path.write_text(text)
    done = subprocess.run([BIN, "check", "--strict", "-c", str(path)], env=env, capture_output=True, text=True, timeout=20)
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", sorted(p.name for p in EXAMPLES.glob("*.yaml")))
def test_example_is_accepted(tmp_path, certs, name):
    path = pathlib.Path(shutil.copy(EXAMPLES / name, tmp_path))
    shutil.copy(certs[0], tmp_path / "server.pem")
    shutil.copy(certs[1], tmp_path / "server.key")
    code, err = check(path)
    assert code == 0, err


def test_kubernetes_manifest(tmp_path):
    objects = {o["kind"]: o for o in yaml.safe_load_all((EXAMPLES / "kubernetes/sluice.yaml").read_text())}
    path = tmp_path / "sluice.yaml"
    path.write_text(objects["ConfigMap"]["data"]["sluice.yaml"])
    inner = yaml.safe_load(path.read_text())
    code, err = check(path)
    assert code == 0, err
    spec = objects["Deployment"]["spec"]["template"]["spec"]
    container = spec["containers"][0]
    assert container["livenessProbe"]["httpGet"]["path"] == "/health" and container["readinessProbe"]["httpGet"]["path"] == "/ready"
    times = inner["server"]["timeouts"]
    assert spec["terminationGracePeriodSeconds"] > int(times["drain_delay"][:-1]) + int(times["drain"][:-1]) + 1
    assert inner["server"]["listen"].endswith(f":{container['ports'][0]['containerPort']}")
    probe = container["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < int(times["drain_delay"][:-1]), "the Service must see it in time"


def test_kubernetes_gives_nobody_the_admin_key():
    """A program's key has the role query and names its routes; with `--data none` there is no other place for one."""
    text = (EXAMPLES / "kubernetes/sluice.yaml").read_text()
    objects = {o["kind"]: o for o in yaml.safe_load_all(text)}
    config = yaml.safe_load(objects["ConfigMap"]["data"]["sluice.yaml"])
    names = {e["name"] for e in config["endpoints"]}
    keys = config["auth"]["keys"]
    assert any(k["role"] == "query" for k in keys) and all(k["role"] == "viewer" or k["role"] == "query" and set(k["routes"]) <= names for k in keys)
    made = set(re.findall(r"--from-literal=(\w+)=", text))
    assert made == set(re.findall(r"/etc/sluice-keys/(\w+)", text)), "every key file is made by the command at the top"
    image = objects["Deployment"]["spec"]["template"]["spec"]["containers"][0]["image"]
    recipe = (EXAMPLES / "kubernetes/Dockerfile").read_text()
    assert f"docker build -t {image} -f examples/kubernetes/Dockerfile ." in text and image in recipe and not image.endswith(":latest")


def test_the_image_has_every_library():
    """The libraries that the two programs are linked to, by the names of Debian's packages."""
    if not shutil.which("dpkg"):
        pytest.skip("no Debian")
    recipe = (EXAMPLES / "kubernetes/Dockerfile").read_text()
    programs = [BIN, pathlib.Path(BIN).parent.parent / "cli/sluice-client"]
    needed = {n for p in programs for n in re.findall(r"NEEDED\)\s+Shared library: \[(.*?)\]", subprocess.run(["readelf", "-d", p], capture_output=True, text=True, check=True).stdout)}
    for library in sorted(needed - {n for n in needed if re.match(r"lib(c|m|asan|ubsan|tsan|pthread|gcc_s)\.|ld-", n)}):
        owners = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True).stdout
        packages = {line.split(":")[0] for line in owners.splitlines()}
        assert packages & set(recipe.split()), f"{library}: {packages}"


@pytest.mark.parametrize("path", sorted([*EXAMPLES.rglob("*.yaml"), *EXAMPLES.rglob("*.service"), *EXAMPLES.parent.glob("*.md"), *(EXAMPLES.parent / "docs").glob("*.md")]), ids=lambda p: p.name)
def test_what_is_to_be_pasted_can_be(path):
    """No key is an ellipsis."""
    for line in path.read_text().splitlines():
        assert not re.search(r"(sk-|AIza|=|\"sk-ant-)\u2026", line), line


RETIRED = re.compile(r"gpt-3\.5|gpt-4-|gpt-4\b(?![.o])|claude-(instant|1|2|3)|claude-3-|palm|bison|davinci|babbage|text-embedding-ada|gemini-(1|pro)|command-(light|nightly|xlarge)|j2-")


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda p: p.name)
def test_models_are_of_today(path):
    assert not RETIRED.search(path.read_text()), RETIRED.search(path.read_text())


def test_systemd_units():
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(EXAMPLES / "systemd/sluice.service")
    service = unit["Service"]
    assert service["Type"] == "notify" and service["ExecReload"].endswith("-HUP $MAINPID")
    assert int(service["TimeoutStopSec"]) > 5 + 30 + 1
    assert "ListenStream=127.0.0.1:5000" in (EXAMPLES / "systemd/sluice.socket").read_text()


def test_alerts_are_of_our_metrics_and_each_has_a_case():
    """`make drill` runs the cases (tests/rules)."""
    known = set(re.findall(r"^\| `(\w+)` \|", (EXAMPLES.parent / "docs/metrics.md").read_text(), re.M)) | {"up"}
    rules = [r for g in yaml.safe_load((EXAMPLES / "prometheus/sluice-alerts.yaml").read_text())["groups"] for r in g["rules"]]
    cases = (EXAMPLES.parent / "tests/rules/sluice-alerts-test.yaml").read_text()
    assert len(rules) > 10
    for rule in rules:
        names = {re.sub(r"_(bucket|count|sum)$", "", n) for n in re.findall(r"\b(?:sluice|gen_ai|process|up)(?:_\w+)?\b", re.sub(r'"[^"]*"', "", rule["expr"]))}
        assert names - {"gen_ai_original_model"} <= known and names, rule["expr"]
        assert re.search(rf"{rule['alert']}\b", cases), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket") and set(rule["annotations"]) == {"summary", "do"}

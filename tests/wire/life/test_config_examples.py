# SPDX-License-Identifier: Apache-2.0
"""What examples/ shows is true: `sluice check --strict` takes every configuration in it."""
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
    """Every variable and key file that the file names is there."""
    text = path.read_text()
    env = {**ENV, **{name: f"sk-{name.lower()}-{'0' * 32}" for name in re.findall(r"\$([A-Z_]+)", text)}}
    for name in re.findall(r"file: (/[^ }]+)", text):
        local = path.parent / name.replace("/", "_")
        local.write_text(f"sk-{'0' * 40}\n")
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


def test_systemd_units():
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read(EXAMPLES / "systemd/sluice.service")
    service = unit["Service"]
    assert service["Type"] == "notify" and service["ExecReload"].endswith("-HUP $MAINPID")
    assert int(service["TimeoutStopSec"]) > 5 + 30 + 1
    assert "ListenStream=127.0.0.1:5000" in (EXAMPLES / "systemd/sluice.socket").read_text()

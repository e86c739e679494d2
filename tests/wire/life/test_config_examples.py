# SPDX-License-Identifier: Apache-2.0
"""The examples are right: `sluice check --strict` takes every configuration in examples/."""
import configparser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from harness import BIN

EXAMPLES = pathlib.Path(__file__).parent.parent.parent.parent / "examples"
SERVICE = EXAMPLES.parent / "service"
VERSION = (EXAMPLES.parent / "VERSION").read_text().strip()
RECIPE = (EXAMPLES.parent / "Dockerfile").read_text()
ENV = {"PATH": os.environ["PATH"]}


def check(path):
    """Checks a file, with every variable and key file that it names."""
    text = path.read_text()
    env = {**ENV, **{name: f"sk-{name.lower()}-{'0' * 32}" for name in re.findall(r"\$([A-Z0-9_]+)", text)}, "SLUICE_SECRET_KEY": "0" * 64}
    env["SLUICE_STORE_URL"] = "postgres://sluice:x@postgres:5432/sluice"
    for name in re.findall(r"file: (/[^ }]+)", text):
        local = path.parent / name.replace("/", "_")
        local.write_text(f"sk-{local.name}-{'0' * 40}\n")
        text = text.replace(name, str(local))
    path.write_text(text)
    done = subprocess.run([BIN, "check", "--strict", "-c", str(path)], env=env, capture_output=True, text=True, timeout=20)
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", sorted({p.name for p in EXAMPLES.glob("*.yaml")} - {"compose.yaml"}))
def test_example_is_accepted(tmp_path, certs, name):
    path = pathlib.Path(shutil.copy(EXAMPLES / name, tmp_path))
    shutil.copy(certs[0], tmp_path / "server.pem")
    shutil.copy(certs[1], tmp_path / "server.key")
    code, err = check(path)
    assert code == 0, err


def test_each_provider_has_an_example():
    """But not those of services that are gone, and no second name of a provider."""
    page = (EXAMPLES.parent / "docs/providers.md").read_text()
    names = set(re.findall(r"^## ([a-z0-9_-]+)$", page, re.M)) - {"mosaicml", "palm", "amazon-bedrock", "databricks-model-serving"}
    shown = {m["provider"] for path in EXAMPLES.glob("*.yaml") for m in models_of(yaml.safe_load(path.read_text()))}
    assert len(names) > 20 and names <= shown, names - shown


def models_of(value):
    """Every `model` in it that has a provider."""
    if isinstance(value, dict):
        yield from [value] if "provider" in value else []
        value = list(value.values())
    for inner in value if isinstance(value, list) else []:
        yield from models_of(inner)


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
    assert f"docker build -t {image} ." in text and image in RECIPE and not image.endswith(":latest")


def test_the_image_has_every_library():
    """The libraries that the two programs are linked to, by the names of Debian's packages."""
    if not shutil.which("dpkg"):
        pytest.skip("no Debian")
    programs = [BIN, pathlib.Path(BIN).parent.parent / "cli/sluice-client"]
    needed = {n for p in programs for n in re.findall(r"NEEDED\)\s+Shared library: \[(.*?)\]", subprocess.run(["readelf", "-d", p], capture_output=True, text=True, check=True).stdout)}
    for library in sorted(needed - {n for n in needed if re.match(r"lib(c|m|asan|ubsan|tsan|pthread|gcc_s)\.|ld-", n)}):
        owners = subprocess.run(["dpkg", "-S", f"*/{library}"], capture_output=True, text=True).stdout
        packages = {line.split(":")[0] for line in owners.splitlines()}
        assert packages & set(RECIPE.split()), f"{library}: {packages}"


def test_the_dockerfile_says_what_the_images_say():
    """The images of `make image` and those of Docker run the same way."""
    sys.path.insert(0, str(EXAMPLES.parent / "tools"))
    import image
    config = image.config_of("sluice", "1", "2026-01-01T00:00:00Z")
    (check,) = re.findall(r"^HEALTHCHECK .* CMD (\[.*\])$", RECIPE, re.M)
    assert ["CMD", *json.loads(check)] == config["Healthcheck"]["Test"]
    for option, member in (("interval", "Interval"), ("timeout", "Timeout"), ("start-period", "StartPeriod")):
        assert f"--{option}={config['Healthcheck'][member] // 10**9}s" in RECIPE
    assert json.loads(re.search(r"^ENTRYPOINT (.*)$", RECIPE, re.M)[1]) == config["Entrypoint"]
    assert json.loads(re.search(r"^CMD (.*)$", RECIPE, re.M)[1]) == config["Cmd"]
    assert re.findall(r"^USER (.*)$", RECIPE, re.M) == [config["User"]] * 2
    assert [v for v in re.findall(r"^ENV (.*)$", RECIPE, re.M)] == [e for e in config["Env"] if not e.startswith("PATH=")]
    assert f"VOLUME {next(iter(config['Volumes']))}\n" in RECIPE and f"EXPOSE {next(iter(config['ExposedPorts'])).split('/')[0]}\n" in RECIPE


@pytest.mark.parametrize("path", [SERVICE / "image.yaml", SERVICE / "sluice.yaml.in", EXAMPLES / "compose/sluice.yaml"], ids=lambda p: p.name)
def test_what_is_deployed_is_accepted(tmp_path, path):
    code, err = check(pathlib.Path(shutil.copy(path, tmp_path)))
    assert code == 0, err


COMPOSE = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())
MANY = list(yaml.safe_load_all((EXAMPLES / "kubernetes/many.yaml").read_text()))


def seconds(text):
    return int(text.removesuffix("s"))


def test_compose_hangs_together():
    """Every file, volume, host and variable that is named is there; the gateways have time to drain, and a folder each."""
    services = COMPOSE["services"]
    ours = {name: s for name, s in services.items() if "sluice" in s["image"]}
    folders = []
    assert len(ours) == 3
    for name, service in services.items():
        image = re.sub(r"\$\{\w+:-(.*)\}", r"\1", service["image"])
        assert re.search(r":\d", image), f"{image} has no version"
        for volume in service.get("volumes", []):
            source, target = volume.split(":")[:2]
            assert (EXAMPLES / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"], volume
            folders += [source] if name in ours and target == "/var/lib/sluice" else []
        assert set(service.get("depends_on", [])) <= set(services)
    assert sorted(folders) == sorted(ours)
    config = yaml.safe_load((EXAMPLES / "compose/sluice.yaml").read_text())
    variables = set(re.findall(r"\$([A-Z_]+)", (EXAMPLES / "compose/sluice.yaml").read_text())) | {"SLUICE_SECRET_KEY"}
    for service in ours.values():
        assert variables == set(service["environment"])
        assert service["image"] == f"${{SLUICE_IMAGE:-sluice-pg:{VERSION}}}", "what docker load names after make image"
        assert seconds(service["stop_grace_period"]) > 5 + 30 + 1
    assert re.search(r"@(\w+):", ours["sluice-1"]["environment"]["SLUICE_STORE_URL"])[1] in services
    assert re.search(r"//(\w+):", config["counters"]["redis"])[1] in services
    balancer = (EXAMPLES / "compose/haproxy.cfg").read_text()
    assert set(re.findall(r"^ *server \S+ ([\w-]+):5000 cookie \1$", balancer, re.M)) == set(ours)
    text = (EXAMPLES / "compose.yaml").read_text()
    assert set(re.findall(r"sluice-pg-(\S+)\.oci\.tar", text)) == {VERSION}
    (made,) = re.findall(r"for name in ([A-Z_ ]+);", text)
    assert set(made.split()) == set(re.findall(r"\$\{(\w+):\?\}", text)), "every variable is made by the command at the top"


def test_kubernetes_with_many(tmp_path):
    objects = {(o["kind"], o["metadata"]["name"]): o for o in MANY}
    config = objects["ConfigMap", "sluice"]["data"]["sluice.yaml"]
    (tmp_path / "sluice.yaml").write_text(config)
    code, err = check(tmp_path / "sluice.yaml")
    assert code == 0, err
    config = yaml.safe_load(config)
    keys = set()
    for kind, name in objects:
        if kind != "StatefulSet":
            continue
        spec = objects[kind, name]["spec"]
        assert ("Service", spec["serviceName"]) in objects and spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
        (container,) = spec["template"]["spec"]["containers"]
        places = {v["name"] for v in spec["template"]["spec"].get("volumes", [])} | {v["metadata"]["name"] for v in spec["volumeClaimTemplates"]}
        assert {m["name"] for m in container["volumeMounts"]} == places and re.search(r":\d", container["image"])
        keys |= {e["valueFrom"]["secretKeyRef"]["key"] for e in container["env"] if "valueFrom" in e}
    text = (EXAMPLES / "kubernetes/many.yaml").read_text()
    assert keys == set(re.findall(r"--from-literal=(\w+)=", text)), "every key is made by the command at the top"
    sluice = objects["StatefulSet", "sluice"]["spec"]
    (container,) = sluice["template"]["spec"]["containers"]
    assert sluice["replicas"] == 3 and container["image"] in RECIPE
    times = config["server"]["timeouts"]
    assert sluice["template"]["spec"]["terminationGracePeriodSeconds"] > seconds(times["drain_delay"]) + seconds(times["drain"]) + 1
    env = {e["name"]: e.get("value") for e in container["env"]}
    assert set(re.findall(r"\$([A-Z_]+)", objects["ConfigMap", "sluice"]["data"]["sluice.yaml"])) < set(env) and "SLUICE_SECRET_KEY" in env
    hosts = [re.search(r"@(\w+):", env["SLUICE_STORE_URL"])[1], re.search(r"//(\w+):", config["counters"]["redis"])[1]]
    assert all(("Service", host) in objects for host in hosts)
    assert objects["Service", "sluice"]["spec"]["sessionAffinity"] == "ClientIP", "the console's sessions are each pod's own"
    security = container["securityContext"]
    assert security["runAsNonRoot"] and security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]


@pytest.mark.parametrize("path", sorted([*EXAMPLES.rglob("*.yaml"), *SERVICE.iterdir(), *EXAMPLES.parent.glob("*.md"), *(EXAMPLES.parent / "docs").glob("*.md")]), ids=lambda p: p.name)
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
    unit.read(SERVICE / "sluice.service.in")
    service = unit["Service"]
    assert service["Type"] == "notify" and service["ExecReload"].endswith("-HUP $MAINPID")
    assert int(service["TimeoutStopSec"]) > 5 + 30 + 1
    assert "ListenStream=127.0.0.1:5000" in (SERVICE / "sluice.socket").read_text()


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

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unpacks each container image with umoci, runs it as its user on a file system that can only be read, and looks at its size, its start,
its files and its SBOM. usage: images.py DIRECTORY (of tools/image.sh; as root)"""
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time

USER = 65532
# What a registry sends: the compressed layers. An MB is 1,048,576 bytes.
LIMITS = {"sluice": 6 << 20, "sluice-pg": 20 << 20}
# Processor time until the first answer: on a machine with nothing else to do, that is how long it takes.
START_MSEC = 100
DEADLINE = 60.0
ADMIN = "sk-admin-of-the-image-0123456789"
DIRECTORIES = {"tmp": 0o1777, "var/tmp": 0o1777, "var/lib/sluice": 0o700}


def unpack(archive, work):
    """The image's parts: configuration, layers, root."""
    layout = work / "layout"
    with tarfile.open(archive) as tar:
        tar.extractall(layout, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(layout)

    def blob(described):
        data = (layout / "blobs" / described["digest"].replace(":", "/")).read_bytes()
        assert "sha256:" + hashlib.sha256(data).hexdigest() == described["digest"] and len(data) == described["size"]
        return json.loads(data)

    (described,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = blob(described)
    tag = described["annotations"]["org.opencontainers.image.ref.name"]
    subprocess.run(["umoci", "unpack", "--image", f"{layout}:{tag}", work / "bundle"], check=True, stdout=subprocess.DEVNULL)
    return blob(manifest["config"]), manifest["layers"], work / "bundle/rootfs"


class Container:
    """A command in the image as its user: the root can only be read, and what is written goes to memory."""

    def __init__(self, root, config, args=None, env=(), root_setup=""):
        self.root = root
        inside = [*config["Entrypoint"], *(config["Cmd"] if args is None else args)]
        writable = "".join(f'mount -t tmpfs -o mode={mode:o},uid={USER if name == "var/lib/sluice" else 0} tmpfs "{root}/{name}"\n' for name, mode in DIRECTORIES.items())
        script = f'set -e\nmount --bind "{root}" "{root}"\n{root_setup}mount -o remount,bind,ro "{root}"\n{writable}exec chroot --userspec={config["User"]} "{root}" "$@"\n'
        environ = dict(pair.split("=", 1) for pair in [*config["Env"], *env])
        path = os.environ["PATH"]
        command = ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh", *inside]
        self.proc = subprocess.Popen(command, env={**environ, "PATH": path}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end(self):
        out, _ = self.proc.communicate(timeout=DEADLINE)
        return self.proc.returncode, out

    def stop(self):
        """Without the delay that SIGTERM has for a balancer."""
        self.proc.send_signal(signal.SIGINT)
        return self.end()


def run(root, config, *args, **more):
    return Container(root, config, args, **more).end()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def ask(port, method, path, body=None, key=None):
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    with contextlib.closing(conn):
        conn.request(method, path, body and json.dumps(body), {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})})
        reply = conn.getresponse()
        return reply.status, reply.read().decode()


@contextlib.contextmanager
def gateway(root, config, *args):
    """A running one. Gives its port, and how many milliseconds it took until /health answered: by the clock, and of a processor."""
    port = free_port()
    begin = time.monotonic()
    container = Container(root, config, [*config["Cmd"], "--listen", f"127.0.0.1:{port}", *args], env=[f"SLUICE_ADMIN_KEY={ADMIN}"])
    while True:
        try:
            status, _ = ask(port, "GET", "/health")
            break
        except OSError:
            assert container.proc.poll() is None, container.end()
            assert time.monotonic() < begin + DEADLINE, "it does not answer"
            time.sleep(0.001)
    msec = (time.monotonic() - begin) * 1000
    fields = pathlib.Path(f"/proc/{container.proc.pid}/stat").read_text().rsplit(")", 1)[1].split()
    assert status == 200
    try:
        yield port, msec, (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")
    finally:
        code, out = container.stop()
    assert code == 0, out


def check_run(root, config):
    assert config["User"] == f"{USER}:{USER}" and config["Healthcheck"]["Test"] == ["CMD", *config["Entrypoint"], "health"] and config["StopSignal"] == "SIGTERM"
    best = best_cpu = float("inf")
    for attempt in range(10):
        with gateway(root, config) as (port, msec, cpu_msec):
            best, best_cpu = min(best, msec), min(best_cpu, cpu_msec)
            if attempt:
                continue
            assert ask(port, "POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "hello"}]})[0] == 401
            status, said = ask(port, "POST", "/gateway/chat/invocations", {"messages": [{"role": "user", "content": "hello"}]}, ADMIN)
            assert status == 200 and "You said: hello" in said, said
            assert run(root, config, "health", "--server", f"http://127.0.0.1:{port}") == (0, "ok\n")
            route = {"name": "mine", "route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}
            assert ask(port, "POST", "/api/2.0/gateway/routes/", route, ADMIN)[0] == 200, "routes are kept in the volume"
    code, out = run(root, config, "health", "--server", f"http://127.0.0.1:{free_port()}")
    assert code == 1 and "cannot connect" in out, out
    assert best_cpu <= START_MSEC, f"the first answer took {best_cpu:.1f} ms of a processor at best"
    return f"{best:.1f} ms (of a processor: {best_cpu:.0f} ms)"


def with_file(root, name, text, work):
    """How to show a container another file at a path of the image."""
    path = work / name.replace("/", "_")
    path.write_text(text)
    return f'mount --bind "{path}" "{root}/{name}"\n'


def check_zones(root, config, work):
    zones = sorted(str(p.relative_to("/usr/share/zoneinfo")) for p in pathlib.Path("/usr/share/zoneinfo").rglob("*")
                   if p.is_file() and p.read_bytes()[:4] == b"TZif" and not {"right", "posix"} & set(p.parts) and p.name not in ("localtime", "posixrules"))
    assert "Europe/Berlin" in zones and len(zones) > 500
    groups = "".join(f"  - {{ name: g{i}, limits: [{{ requests: 5, per: day, zone: {zone} }}] }}\n" for i, zone in enumerate(zones))
    text = f'auth: {{}}\nendpoints: []\ngroups:\n{groups}'
    code, out = run(root, config, "check", "--strict", "-c", "/etc/sluice/sluice.yaml", root_setup=with_file(root, "etc/sluice/sluice.yaml", text, work))
    assert code == 0, out[:2000]


def check_authorities(root, config, work):
    """An upstream whose authority is the last of the image's list is trusted, and without it is not."""
    bundle = (root / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert bundle.count("BEGIN CERTIFICATE") > 100
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", work / "key.pem", "-out", work / "cert.pem"], check=True, capture_output=True)
    port = free_port()
    upstream = subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", work / "cert.pem", "-key", work / "key.pem", "-www", "-quiet"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + DEADLINE
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            assert time.monotonic() < end
            time.sleep(0.01)
        text = ("endpoints:\n  - { name: up, endpoint_type: llm/v1/chat, model: { provider: openai, name: m, config: { openai_api_key: sk-x, "
                f"openai_api_base: 'https://localhost:{port}/v1' }} }} }}\n")
        ours = with_file(root, "etc/sluice/sluice.yaml", text, work)
        trusting = ours + with_file(root, "etc/ssl/certs/ca-certificates.crt", bundle + (work / "cert.pem").read_text(), work)
        said = [run(root, config, "doctor", "-c", "/etc/sluice/sluice.yaml", root_setup=setup)[1] for setup in (ours, trusting)]
    finally:
        upstream.kill()
        upstream.wait()
    lines = [next(line for line in text.splitlines() if " provider " in line) for text in said]
    assert "cannot be reached: TLS" in lines[0] and "cannot be reached" not in lines[1], said


def check_libpq(root, config, name, work):
    text = "store: { postgres: 'postgres://nobody@127.0.0.1:1/none' }\nauth: { admin_key: sk-0123456789abcdef0123 }\nendpoints: []\n"
    code, out = run(root, config, "doctor", "-c", "/etc/sluice/sluice.yaml", env=["SLUICE_SECRET_KEY=" + "0" * 64],
                    root_setup=with_file(root, "etc/sluice/sluice.yaml", text, work))
    line = next(line for line in out.splitlines() if " store " in line or "libpq" in line)
    assert code == 1 and ("libpq" in line) == (name == "sluice"), out


def check_libcjose(root, config, work):
    """People can log in by an identity provider, in each image."""
    text = "auth: { oidc: { issuer: 'https://login.example', client_id: a, roles: { b: query } } }\nendpoints: []\n"
    code, out = run(root, config, "check", "-c", "/etc/sluice/sluice.yaml", root_setup=with_file(root, "etc/sluice/sluice.yaml", text, work))
    assert code == 0, out


def check_files(root, sbom):
    """Only what is needed: no shell, nothing that changes the user; each file is of a package that the SBOM names."""
    names = {p["SPDXID"]: p for p in sbom["packages"]}
    of = {r["relatedSpdxElement"]: names[r["spdxElementId"]] for r in sbom["relationships"] if r["relationshipType"] == "CONTAINS" and r["relatedSpdxElement"].startswith("SPDXRef-File")}
    known = {f["fileName"]: f for f in sbom["files"]}
    for path in sorted(root.rglob("*")):
        name, status = str(path.relative_to(root)), path.lstat()
        assert (status.st_uid, status.st_gid) == ((USER, USER) if name == "var/lib/sluice" else (0, 0)), name
        assert not status.st_mode & 0o6000 and (path.is_symlink() or not status.st_mode & 0o022 or name in DIRECTORIES), name
        if path.is_dir() and not path.is_symlink():
            continue
        file = known.pop("./" + name, None)
        assert file, f"the SBOM lacks {name}"
        data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        sums = {c["algorithm"]: c["checksumValue"] for c in file["checksums"]}
        assert sums == {kind.upper(): hashlib.new(kind, data).hexdigest() for kind in ("sha1", "sha256")}, name
        package = of[file["SPDXID"]]
        assert package["versionInfo"] and package["externalRefs"][0]["referenceLocator"].startswith("pkg:deb/"), package
        copyright_ = root / f"usr/share/doc/{package['name']}/copyright"
        assert copyright_.is_file(), f"there is no copyright of {package['name']}"
    assert not known, f"the SBOM has more: {known}"
    programs = [p for p in root.rglob("bin/*")]
    assert programs == [root / "usr/bin/sluice"], programs


def check_readers(archive, config):
    """Both forms that the archive has are read by skopeo, whose libraries are those of Podman."""
    for form in ("oci-archive", "docker-archive"):
        done = subprocess.run(["skopeo", "inspect", "--config", f"{form}:{archive}"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["config"]["Entrypoint"] == config["Entrypoint"]


def check_document(path):
    """What SPDX 2.3 asks for, where its own validator is not at hand."""
    sbom = json.loads(path.read_text())
    assert (sbom["spdxVersion"], sbom["dataLicense"], sbom["SPDXID"]) == ("SPDX-2.3", "CC0-1.0", "SPDXRef-DOCUMENT") and sbom["documentNamespace"] and sbom["creationInfo"]["created"]
    idents = [e["SPDXID"] for e in [*sbom["packages"], *sbom["files"]]]
    assert len(set(idents)) == len(idents)
    for link in sbom["relationships"]:
        assert {link["spdxElementId"], link["relatedSpdxElement"]} <= {"SPDXRef-DOCUMENT", *idents}
    for package in sbom["packages"]:
        assert package["downloadLocation"] and package["filesAnalyzed"] == ("packageVerificationCode" in package)
    return sbom


def main():
    assert os.getuid() == 0, "as root"
    folder = pathlib.Path(sys.argv[1])
    for name, limit in LIMITS.items():
        (archive,) = folder.glob(f"{name}-[0-9]*.oci.tar")
        print(f"== {archive.name}", flush=True)
        work = pathlib.Path(tempfile.mkdtemp(prefix="sluice-image-"))
        try:
            whole, layers, root = unpack(archive, work)
            size = sum(layer["size"] for layer in layers)
            assert size <= limit, f"{size} bytes are more than {limit}"
            sbom = check_document(archive.with_name(archive.name.replace(".oci.tar", ".spdx.json")))
            check_files(root, sbom)
            check_readers(archive, whole["config"])
            start = check_run(root, whole["config"])
            check_zones(root, whole["config"], work)
            check_authorities(root, whole["config"], work)
            check_libpq(root, whole["config"], name, work)
            check_libcjose(root, whole["config"], work)
            print(f"{size / 1e6:.2f} MB compressed, {len(sbom['packages']) - 1} packages, first answer after {start}", flush=True)
        finally:
            shutil.rmtree(work)
    print("== all images work")


if __name__ == "__main__":
    main()

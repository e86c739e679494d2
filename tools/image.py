#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the container images of the Debian packages, without Docker: sluice (SQLite), and sluice-pg with libpq beside it.

usage: image.py DEBS OUT    DEBS has sluice_*.deb (tools/deb.sh); other packages come from Debian's archive

An image has what the daemon needs and nothing else: the program, the libraries that it is linked to, certificate
authorities, time zones, and each package's copyright. OUT gets NAME-VERSION.oci.tar, which `docker load`, `podman load`
and `skopeo copy oci-archive:…` read, and NAME-VERSION.spdx.json, the list of its packages and files."""
import datetime
import functools
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

import oci
import spdx

ROOT = pathlib.Path(__file__).resolve().parents[1]
USER = 65532
PROGRAM = "usr/bin/sluice"
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
# What is loaded by name while the daemon runs.
LOADED = {"sluice": ["libcjose.so.0"], "sluice-pg": ["libcjose.so.0", "libpq.so.5"]}
FILES = {
    "etc/passwd": f"root:x:0:0:root:/:/nonexistent\nsluice:x:{USER}:{USER}:Sluice AI gateway:/var/lib/sluice:/nonexistent\n",
    "etc/group": f"root:x:0:\nsluice:x:{USER}:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",  # where nobody mounts another over it
    "etc/nsswitch.conf": "hosts: files dns\n",
}


def run(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, **more).stdout


class Package:
    """An unpacked .deb of Debian's, or ours."""

    def __init__(self, path):
        fields = dict(line.split(": ", 1) for line in run("dpkg-deb", "-f", path, "Package", "Version", "Architecture").splitlines())
        self.name, self.version, self.architecture = fields["Package"], fields["Version"], fields["Architecture"]
        data = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], check=True, capture_output=True).stdout
        self.tar = tarfile.open(fileobj=io.BytesIO(data))
        self.members = {m.name.removeprefix("./"): m for m in self.tar.getmembers()}

    def read(self, name):
        return self.tar.extractfile(self.members[name]).read()

    def told(self):
        ours = self.name == "sluice"
        return {"name": self.name, "version": self.version, "supplier": "NOASSERTION" if ours else "Organization: Debian",
                "license": "Apache-2.0" if ours else "NOASSERTION",
                "purl": f"pkg:deb/{'sluice' if ours else 'debian'}/{self.name}@{self.version}?arch={self.architecture}"}


class Archive:
    """Debian's packages, each fetched once."""

    def __init__(self, folder):
        self.folder = folder
        self.known = {}

    def get(self, name):
        if name not in self.known:
            place = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
            run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", name, cwd=place)
            self.known[name] = Package(next(place.glob("*.deb")))
        return self.known[name]


@functools.cache
def places():
    """Where the loader of this machine finds each library."""
    found = re.findall(r"^\t(\S+) \((.*?)\) => (\S+)$", run("/sbin/ldconfig", "-p"), re.M)
    word = "64" if sys.maxsize > 2**32 else ""
    return {name: path for name, kind, path in reversed(found) if not word or word in kind or "AArch64" in kind}


@functools.cache
def owner(soname):
    """The package that has a library on this machine, where the build needed it."""
    path = os.path.realpath(places()[soname])
    for candidate in (path, path.removeprefix("/usr")):
        done = subprocess.run(["dpkg", "-S", candidate], capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    raise SystemExit(f"{path} is of no package")


def needed(data):
    """What a program or library is linked to, and its loader."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        text = run("readelf", "-dl", file.name)
    return re.findall(r"NEEDED\)\s+Shared library: \[(.*?)\]", text), re.findall(r"program interpreter: (\S+)\]", text)


class Root:
    """The file system of an image, and which package each of its files is of."""

    def __init__(self, archive, folder):
        self.archive, self.folder = archive, pathlib.Path(folder)
        self.of, self.packages = {}, {}

    def put(self, package, name, data, mode=0o644):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(mode)
        self.claim(package, name)

    def claim(self, package, name):
        self.of[name] = package.name
        self.packages[package.name] = package

    def link(self, package, name, target):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
        self.claim(package, name)

    def copy(self, package, name):
        """A file of the package, and where it leads when it is a link. Returns the file's bytes."""
        member = package.members[name]
        if member.issym():
            self.link(package, name, member.linkname)
            return self.copy(package, os.path.normpath(os.path.join(os.path.dirname(name), member.linkname)).lstrip("/"))
        data = package.read(name)
        self.put(package, name, data, member.mode & 0o755)
        return data

    def library(self, soname):
        package = self.archive.get(owner(soname))
        (name,) = [n for n in package.members if n.endswith(f"-linux-gnu/{soname}")]
        if name not in self.of:
            self.linked(self.copy(package, name))

    def linked(self, data):
        libraries, loaders = needed(data)
        for loader in loaders:
            if loader.lstrip("/") not in self.of:
                self.copy(self.archive.get("libc6"), loader.lstrip("/"))
        for soname in libraries:
            if soname.startswith("ld-linux"):
                continue  # the loader is its own library
            self.library(soname)

    def authorities(self):
        package = self.archive.get("ca-certificates")
        names = sorted(n for n in package.members if n.startswith("usr/share/ca-certificates/") and n.endswith(".crt"))
        self.put(package, AUTHORITIES, b"".join(package.read(n) for n in names))
        self.link(package, "usr/lib/ssl/cert.pem", "/" + AUTHORITIES)

    def zones(self):
        """All zones in the short form (RFC 8536): a tenth of the package's size."""
        package = self.archive.get("tzdata")
        folder = self.folder / "usr/share/zoneinfo"
        folder.mkdir(parents=True)
        with tempfile.NamedTemporaryFile() as source:
            source.write(package.read("usr/share/zoneinfo/tzdata.zi"))
            source.flush()
            run("/usr/sbin/zic", "-b", "slim", "-d", str(folder), source.name)
        for path in folder.rglob("*"):
            if path.is_file():
                self.claim(package, str(path.relative_to(self.folder)))

    def copyrights(self):
        for package in list(self.packages.values()):
            name = f"usr/share/doc/{package.name}/copyright"
            if name in package.members:
                self.put(package, name, package.read(name))

    def contents(self):
        out = {}
        for name, package in self.of.items():
            path = self.folder / name
            out[name] = (package, os.readlink(path).encode() if path.is_symlink() else path.read_bytes())
        return out


def fill(root, ours, loaded):
    program = ours.read("usr/sbin/sluice")
    root.put(ours, PROGRAM, program, 0o755)
    root.linked(program)
    for soname in loaded:
        root.library(soname)
    root.put(ours, "etc/sluice/sluice.yaml", (ROOT / "service/image.yaml").read_bytes())
    for name, text in FILES.items():
        root.put(ours, name, text.encode())
    root.authorities()
    root.zones()
    root.copyrights()
    for name, mode in (("tmp", 0o1777), ("var/tmp", 0o1777), ("var/lib/sluice", 0o700)):
        (root.folder / name).mkdir(parents=True)
        (root.folder / name).chmod(mode)


def config_of(name, version, created):
    return {"User": f"{USER}:{USER}", "ExposedPorts": {"5000/tcp": {}}, "Env": ["PATH=/usr/bin", "SLUICE_DATA=/var/lib/sluice"],
            "Entrypoint": ["/" + PROGRAM], "Cmd": ["serve", "-c", "/etc/sluice/sluice.yaml"], "Volumes": {"/var/lib/sluice": {}},
            "WorkingDir": "/var/lib/sluice", "StopSignal": "SIGTERM",
            "Healthcheck": {"Test": ["CMD", "/" + PROGRAM, "health"], "Interval": 10 * 10**9, "Timeout": 5 * 10**9, "StartPeriod": 5 * 10**9, "Retries": 3},
            "Labels": {"org.opencontainers.image.title": name, "org.opencontainers.image.version": version,
                       "org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.created": created,
                       "org.opencontainers.image.description": "AI gateway between programs and LLM providers"}}


def main():
    debs, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    created = datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    (deb,) = debs.glob("sluice_*.deb")
    os.umask(0o022)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        ours, archive = Package(deb), Archive(work)
        version = ours.version
        for name, loaded in LOADED.items():
            folder = pathlib.Path(work) / name
            root = Root(archive, folder)
            fill(root, ours, loaded)
            packages = [p.told() for _, p in sorted(root.packages.items())]
            sbom = spdx.document(name, version, created, packages, root.contents())
            (out / f"{name}-{version}.spdx.json").write_text(json.dumps(sbom, indent=1) + "\n")
            size = oci.image_write(out / f"{name}-{version}.oci.tar", folder, config_of(name, version, created), epoch, {"var/lib/sluice": USER})
            print(f"{name}-{version}.oci.tar: {size / 1e6:.2f} MB compressed, {len(packages)} packages")
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()

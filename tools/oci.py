# SPDX-License-Identifier: Apache-2.0
"""Writes a container image: one layer of a folder, as an archive of an OCI image layout, with the list that Docker wants
beside it. The same folder and time give the same bytes. For image.py."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile

IMAGE = "application/vnd.oci.image."


def place(described):
    return "blobs/" + described["digest"].replace(":", "/")


class Layout:
    """The blobs of an image, and the archive that they go to."""

    def __init__(self, epoch):
        self.epoch = epoch
        self.blobs = {}

    def add(self, data, kind):
        digest = hashlib.sha256(data).hexdigest()
        self.blobs[digest] = data
        return {"mediaType": IMAGE + kind, "digest": "sha256:" + digest, "size": len(data)}

    def write(self, path, parts, name, tag):
        """`parts`: the manifest, the configuration and the layer, as described."""
        manifest, config, layer = parts
        noted = manifest | {"annotations": {"org.opencontainers.image.ref.name": tag, "io.containerd.image.name": f"docker.io/library/{name}:{tag}"}}
        index = {"schemaVersion": 2, "mediaType": IMAGE + "index.v1+json", "manifests": [noted]}
        of_docker = [{"Config": place(config), "RepoTags": [f"{name}:{tag}"], "Layers": [place(layer)]}]
        files = {"oci-layout": json.dumps({"imageLayoutVersion": "1.0.0"}).encode(), "index.json": json.dumps(index).encode(),
                 "manifest.json": json.dumps(of_docker).encode()}
        files |= {f"blobs/sha256/{digest}": data for digest, data in self.blobs.items()}
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for name in sorted(files):
                info = tarfile.TarInfo(name)
                info.size, info.mtime, info.mode = len(files[name]), self.epoch, 0o644
                tar.addfile(info, io.BytesIO(files[name]))


def tar_of(root, epoch, owners):
    """The folder as a tar; `owners` says whose a path is that is not root's."""
    out = io.BytesIO()
    seen = {}
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(pathlib.Path(root).rglob("*")):
            name = str(path.relative_to(root))
            info = tar.gettarinfo(path, name)
            info.uid = info.gid = owners.get(name, 0)
            info.uname = info.gname = ""
            info.mtime = epoch
            status = path.lstat()
            if info.isfile() or info.islnk():
                first = seen.setdefault(status.st_ino, name)
                info.type, info.linkname, info.size = (tarfile.REGTYPE, "", status.st_size) if first == name else (tarfile.LNKTYPE, first, 0)
            if info.isreg():
                with path.open("rb") as data:
                    tar.addfile(info, data)
            else:
                tar.addfile(info)
    return out.getvalue()


def pack(data):
    """As small as any reader of gzip takes it."""
    packed = subprocess.run(["libdeflate-gzip", "-12", "-c"], input=data, capture_output=True, check=True).stdout
    assert gzip.decompress(packed) == data
    return packed


def image_write(path, root, config, epoch, owners):
    """`config`: what the image runs, and as whom (the member "config" of an image's configuration)."""
    layout = Layout(epoch)
    layer = tar_of(root, epoch, owners)
    described = layout.add(pack(layer), "layer.v1.tar+gzip")
    machine = os.uname().machine
    created = config["Labels"]["org.opencontainers.image.created"]
    whole = {"created": created, "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine), "os": "linux", "config": config,
             "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
             "history": [{"created": created, "created_by": "tools/image.py"}]}
    configured = layout.add(json.dumps(whole).encode(), "config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": IMAGE + "manifest.v1+json", "config": configured, "layers": [described]}
    labels = config["Labels"]
    parts = (layout.add(json.dumps(manifest).encode(), "manifest.v1+json"), configured, described)
    layout.write(path, parts, labels["org.opencontainers.image.title"], labels["org.opencontainers.image.version"])
    return described["size"]

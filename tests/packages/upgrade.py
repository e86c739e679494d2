#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The package of the last version in a bare root, upgraded to this one while it serves: no call fails, what was kept is there, and the
operator's configuration too. Then it is purged, and nothing of it is left. usage: upgrade.py DEBS BASE_TAR [OLD_DEBS] (as root)

Without OLD_DEBS the last version is this one with a lower number: the scripts and the hand-over are tested, not the change of formats."""
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from supervisor import Supervisor

HERE = pathlib.Path(__file__).parent
DEBS = pathlib.Path(sys.argv[1]).resolve()
OURS = ("sluice", "sluice-client")
SLOW = """
  - name: slow
    endpoint_type: llm/v1/chat
    model: { provider: mock, name: mock, config: { template: "eight or more words that come bit by bit", chunk_size: 5, chunk_delay: 100ms } }
"""
# What apt, dpkg and the user's account keep of any package.
KEPT = ("var/cache/", "var/lib/apt/", "var/log/", "var/lib/dpkg/", "tmp/", "debs/", "proc/", "run/", "etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/.pwd.lock")


def older(work):
    """This version under a lower number."""
    out = work / "old"
    out.mkdir()
    for name in OURS:
        (deb,) = DEBS.glob(f"{name}_*.deb")
        tree = work / f"old-{name}"
        subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
        control = tree / "DEBIAN/control"
        version = next(line for line in control.read_text().splitlines() if line.startswith("Version: ")).split(": ")[1]
        control.write_text(control.read_text().replace(version, version + "~before"))
        subprocess.run(["dpkg-deb", "-b", tree, out / f"{name}_before.deb"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(tree)
    return out


def files_of(root):
    found = set()
    for folder, names, files in os.walk(root):
        for name in [*names, *files]:
            path = os.path.relpath(os.path.join(folder, name), root)
            if not (path + "/").startswith(KEPT):
                found.add(path)
    # dpkg's own files of the package count, except for lists that it writes anew for every package.
    return found | {str(p.relative_to(root)) for name in OURS for p in (root / "var/lib/dpkg/info").glob(f"{name}[.:]*")}


def ask(port, method, path, body=None):
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    conn.request(method, path, body and json.dumps(body), {"content-type": "application/json"})
    reply = conn.getresponse()
    text = reply.read().decode()
    conn.close()
    return reply.status, text


def install(boss, folder):
    shutil.rmtree(boss.root / "debs", ignore_errors=True)
    (boss.root / "debs").mkdir()
    for name in OURS:
        (deb,) = folder.glob(f"{name}_*.deb")
        shutil.copy(deb, boss.root / "debs")
    return boss.while_running(["sh", "-c", "apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold /debs/*.deb"])


def dependencies(root, folder):
    """What the packages need is there before: it is not ours to be purged."""
    (root / "debs").mkdir()
    for name in OURS:
        shutil.copy(next(folder.glob(f"{name}_*.deb")), root / "debs")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    script = ("export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && "
              "apt-get install -y -qq --no-install-recommends $(apt-get -s install --no-install-recommends /debs/*.deb | sed -n 's/^Inst //p' | cut -d' ' -f1 | grep -vx -e sluice -e sluice-client)")
    done = subprocess.run(["chroot", root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8", "sh", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def upgrade_under_load(boss, new):
    """Returns what the callers saw."""
    load = subprocess.Popen([sys.executable, HERE / "load.py", str(boss.port())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    boss.asked = []
    install(boss, new)
    assert [a for a in boss.asked if a.startswith(("start", "stop", "restart"))] == ["restart sluice.service"], boss.asked
    out, _ = load.communicate("", timeout=120)
    return json.loads(out)


def check_upgrade(boss, old, new):
    before = files_of(boss.root)
    said = install(boss, old)
    assert boss.pid and boss.is_enabled("sluice.service") and not boss.is_enabled("sluice.socket"), said
    boss.stop()  # systemctl stop sluice; systemctl enable --now sluice.socket; systemctl start sluice
    config = boss.root / "etc/sluice/sluice.yaml"
    config.write_text(config.read_text() + SLOW)
    (boss.root / "etc/sluice/environment").write_text("OPENAI_API_KEY=sk-of-the-operator\n")
    boss.listen()
    boss.start()
    route = {"name": "kept", "route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}
    assert ask(boss.port(), "POST", "/api/2.0/gateway/routes/", route)[0] == 200

    told = upgrade_under_load(boss, new)
    assert len(boss.pids) == 3 and SLOW in config.read_text()
    version = next(DEBS.glob("sluice_*.deb")).name.split("_")[1]
    installed = boss.while_running(["dpkg-query", "-W", "-f", "${Version} ", *OURS]).split()
    assert installed == [version, version], installed
    assert os.stat(f"/proc/{boss.pid}/exe").st_ino == (boss.root / "usr/sbin/sluice").stat().st_ino, "the daemon is still the last version's"
    status, text = ask(boss.port(), "POST", "/gateway/kept/invocations", {"messages": [{"role": "user", "content": "hello"}]})
    assert status == 200 and "You said: hello" in text, "a route that was made before"
    assert told["calls"] > 100 and told["streams"] > 2, told
    assert told["failures"] == [], f"{len(told['failures'])} of {told['calls'] + told['streams']} calls failed: {told['failures'][:5]}"
    print(f"{told['calls']} calls and {told['streams']} streams, none failed, the longest took {told['slowest']:.1f} s", flush=True)

    boss.while_running(["apt-get", "purge", "-y", "-qq", *OURS])
    assert boss.pid is None, "the purge left the daemon running"
    boss.unlisten_all()
    left = files_of(boss.root) - before
    assert not left, f"left behind: {sorted(left)}"


def main():
    assert os.getuid() == 0, "as root"
    work = pathlib.Path(tempfile.mkdtemp(prefix="sluice-upgrade-"))
    root = work / "root"
    root.mkdir()
    boss = None
    try:
        old = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else older(work)
        subprocess.run(["tar", "-x", "-C", root, "-f", sys.argv[2]], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
        dependencies(root, DEBS)
        boss = Supervisor(root)
        check_upgrade(boss, old, DEBS)
    finally:
        if boss:
            boss.close()
        subprocess.run(["umount", root / "proc"], check=False)
        shutil.rmtree(work)
    print("== the upgrade lost no call, and the purge left nothing")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of the test's own: in a directory of its own, on loopback, as an unprivileged user, because it refuses root."""
import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

import pytest

from harness import DEADLINE, free_port, wait_for

PLACES = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[-2]))
BINARIES = pathlib.Path(PLACES[-1] if PLACES else "/usr/bin")


def unprivileged():
    """How to start a process as another user, when this one is root."""
    if os.getuid():
        return {}
    names = {p.pw_name for p in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Postgres:
    def __init__(self, disk=None, primary=None):
        """`disk`: a file system of its own of that size. `primary`: it follows this server."""
        self.who = unprivileged()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-pg-"))
        self.has_disk = bool(disk)
        if disk and subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk}", "none", self.dir], capture_output=True).returncode:
            pytest.skip("a disk of its own takes the right to mount one")
        if self.who:
            os.chown(self.dir, self.who["user"], self.who["group"])
        self.port = free_port()
        self.proc = None
        if primary:
            self.run("pg_basebackup", "-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres", "-R", "--no-sync", "-X", "stream", "-c", "fast", "-D", self.dir / "data")
        else:
            self.run("initdb", "--no-sync", "--auth=trust", "-U", "postgres", "-D", self.dir / "data")
        self.start()

    def standby(self):
        """A server that follows this one, which waits for it at each commit."""
        other = Postgres(primary=self)
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.sql("SELECT pg_reload_conf()")
        wait_for(lambda: self.sql("SELECT sync_state FROM pg_stat_replication") == [["sync"]], "the standby follows")
        return other

    def promote(self):
        assert self.sql("SELECT pg_promote()") == [["t"]]

    def run(self, program, *args):
        done = subprocess.run([BINARIES / program, *args], capture_output=True, text=True, cwd=self.dir, timeout=60, **self.who)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, **more):
        self.log = open(self.dir / "log", "a")
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "port": self.port, "fsync": "off",
                    "max_connections": 60, "shared_buffers": "16MB", "deadlock_timeout": "200ms", **more}
        args = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.proc = subprocess.Popen([BINARIES / "postgres", "-D", self.dir / "data", *args], stdin=subprocess.DEVNULL, stdout=self.log,
                                     stderr=self.log, cwd=self.dir, start_new_session=True, **self.who)
        wait_for(self.is_up, lambda: f"a database server: {(self.dir / 'log').read_text()}")

    def is_up(self):
        assert self.proc.poll() is None, (self.dir / "log").read_text()
        return subprocess.run([BINARIES / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0

    def stop(self, sig=signal.SIGINT):
        """SIGINT: at once, but in order. SIGKILL: all its processes, as when the machine dies."""
        if self.proc.poll() is None:
            if sig == signal.SIGKILL:
                os.killpg(self.proc.pid, signal.SIGKILL)
            else:
                self.proc.send_signal(sig)
            self.proc.wait(DEADLINE)
        self.log.close()

    def pause(self):
        """Every process stands still, and the sockets stay open."""
        for pid in self.pids():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self):
        for pid in self.pids():
            os.kill(pid, signal.SIGCONT)

    def pids(self):
        children = pathlib.Path(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children").read_text().split()
        return [self.proc.pid, *map(int, children)]

    def sql(self, text, database="postgres"):
        """The rows of a statement, each a list of texts."""
        done = subprocess.run([BINARIES / "psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
                               str(self.port), "-U", "postgres", "-d", database, "-c", text], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def database(self, name):
        """A new database; its URL."""
        if not self.sql("SELECT 1 FROM pg_roles WHERE rolname = 'gateway'"):
            self.sql("CREATE ROLE gateway LOGIN PASSWORD 'not-to-be-shown'")
        self.sql(f"CREATE DATABASE {name} OWNER gateway")
        return self.url(name)

    def url(self, name, port=None):
        return f"postgres://gateway:not-to-be-shown@127.0.0.1:{port or self.port}/{name}"

    def close(self):
        self.stop()
        if self.has_disk:
            subprocess.run(["umount", self.dir], check=True)
        shutil.rmtree(self.dir, ignore_errors=True)

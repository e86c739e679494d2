# SPDX-License-Identifier: Apache-2.0
"""PgBouncer in front of a server, in either mode."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from harness import DEADLINE, free_port, wait_for
from postgres import unprivileged


class PgBouncer:
    def __init__(self, server, mode):
        who = unprivileged()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sluice-bouncer-"))
        self.port = free_port()
        (self.dir / "users").write_text('"gateway" "not-to-be-shown"\n')
        (self.dir / "ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = plain\nauth_file = {self.dir}/users\npool_mode = {mode}\ndefault_pool_size = 4\nserver_reset_query_always = 1\n")
        if who:
            for path in [self.dir, *self.dir.iterdir()]:
                os.chown(path, who["user"], who["group"])
        self.proc = subprocess.Popen(["/usr/sbin/pgbouncer", "-q", str(self.dir / "ini")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=open(self.dir / "log", "w"), cwd=self.dir, **who)
        wait_for(self.is_up, lambda: f"a pooler: {(self.dir / 'log').read_text()}")

    def is_up(self):
        assert self.proc.poll() is None, (self.dir / "log").read_text()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self):
        self.proc.terminate()
        self.proc.wait(DEADLINE)
        shutil.rmtree(self.dir, ignore_errors=True)

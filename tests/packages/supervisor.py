# SPDX-License-Identifier: Apache-2.0
"""As much of systemd as the package needs, for a root in which it does not run: it does what sluice.service and sluice.socket of that root
say. The maintainer scripts reach it by a program in systemctl's place."""
import ctypes
import fcntl
import os
import pathlib
import re
import select
import shlex
import signal
import socket
import struct
import subprocess
import time

DEADLINE = 120.0
CLONE_NEWNET, SIOCSIFFLAGS, IFF_UP = 0x40000000, 0x8914, 1  # of Linux
# What only makes links is left to the real one.
SYSTEMCTL = """#!/bin/sh
case " $* " in *" preset "*) exec /bin/systemctl.real "$@" ;; esac
echo "$*" >/run/systemctl.asks
read -r code text </run/systemctl.answers
[ -z "$text" ] || echo "$text"
exit "$code"
"""


def unit(path):
    """(key, value) of all lines."""
    return [tuple(line.split("=", 1)) for line in path.read_text().splitlines() if re.match(r"\w+=", line)]


def alone():
    """Gives this process a network of its own, with a loopback: port 5000 of this machine may be taken."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    with socket.socket() as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


class Supervisor:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.asked = []  # what systemctl was called with
        self.pid = None
        self.pids = []  # of every daemon that was started
        self.sockets = []
        (self.root / "run/systemd/system").mkdir(parents=True)
        program = self.root / "bin/systemctl"  # apt gives the scripts a path of its own
        program.rename(program.with_name("systemctl.real"))
        program.write_text(SYSTEMCTL)
        program.chmod(0o755)
        for name in ("asks", "answers"):
            os.mkfifo(self.root / f"run/systemctl.{name}")
        self.asks = os.open(self.root / "run/systemctl.asks", os.O_RDWR)
        self.answers = os.open(self.root / "run/systemctl.answers", os.O_RDWR)
        self.notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notes.bind(str(self.root / "run/notify"))
        (self.root / "run/notify").chmod(0o666)
        self.notes.settimeout(DEADLINE)

    def file(self, name):
        return self.root / "lib/systemd/system" / name

    # --- what scripts ask ---

    def while_running(self, command):
        """Answers what the scripts ask while a command runs in the root; its output."""
        proc = subprocess.Popen(["chroot", self.root, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C.UTF-8",
                                 "DEBIAN_FRONTEND=noninteractive", *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out = b""
        while True:
            ready, _, _ = select.select([proc.stdout, self.asks], [], [], DEADLINE)
            assert ready, f"{command} takes too long: {out.decode()}"
            if self.asks in ready:
                for line in os.read(self.asks, 4096).decode().splitlines():
                    os.write(self.answers, (self.answer(line) + "\n").encode())
            if proc.stdout in ready:
                data = os.read(proc.stdout.fileno(), 65536)
                if not data:
                    break
                out += data
        assert proc.wait() == 0, out.decode()
        return out.decode()

    def is_enabled(self, name):
        return any((wants / name).is_symlink() for wants in (self.root / "etc/systemd/system").glob("*.wants"))

    def answer(self, line):
        words = [w for w in line.split() if not w.startswith("-")]
        self.asked.append(" ".join(words))
        verb, units = words[0], words[1:]
        if verb == "is-enabled":
            return f"{0 if self.is_enabled(units[0]) else 1} {'enabled' if self.is_enabled(units[0]) else 'disabled'}"
        if verb == "is-active":
            return "0" if (self.pid if units[0] == "sluice.service" else self.sockets) else "3"
        for name in units:
            if name == "sluice.service" and verb in ("stop", "restart") and self.pid:
                self.stop()
            if name == "sluice.service" and verb in ("start", "restart"):
                self.start()
            if name == "sluice.socket" and verb in ("stop", "restart"):
                self.unlisten()
            if name == "sluice.socket" and verb in ("start", "restart"):
                self.listen()
        return "0"

    # --- the units ---

    def listen(self, port=0):
        """Opens the sockets of sluice.socket; TCP on another port than there, which may be in use here."""
        rows = unit(self.file("sluice.socket"))
        values = dict(rows)
        for place in [v for k, v in rows if k == "ListenStream"]:
            if place.startswith("/"):
                path = self.root / place.lstrip("/")
                sock = socket.socket(socket.AF_UNIX)
                sock.bind(str(path))
                path.chmod(int(values["SocketMode"], 8))
                os.chown(path, self.user()[0], 0)
            else:
                sock = socket.socket()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((place.split(":")[0], port))
            sock.listen(int(values["Backlog"]))
            self.sockets.append(sock)

    def unlisten(self):
        for sock in self.sockets:
            if sock.family == socket.AF_UNIX and ("RemoveOnStop", "yes") in unit(self.file("sluice.socket")):
                os.unlink(sock.getsockname())
            sock.close()
        self.sockets = []

    def port(self):
        return next(s.getsockname()[1] for s in self.sockets if s.family == socket.AF_INET)

    def user(self):
        """The user of the root; its numbers are not this machine's."""
        row = next(line.split(":") for line in (self.root / "etc/passwd").read_text().splitlines() if line.startswith("sluice:"))
        return int(row[2]), int(row[3])

    def run(self, command, env, fds=()):
        """Starts a command of the unit, as systemd would."""
        uid, gid = self.user()
        pid = os.fork()
        if pid:
            return pid
        try:
            log = os.open(self.root / "run/sluice.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            kept = [os.dup(fd) for fd in fds]  # above what they become
            for i, fd in enumerate(kept):
                os.dup2(fd, 3 + i, inheritable=True)
            if not fds:
                alone()
            os.chroot(self.root)
            os.chdir("/")
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            os.umask(0o077)
            if fds:
                env = env | {"LISTEN_FDS": str(len(fds)), "LISTEN_PID": str(os.getpid())}
            os.execve(command[0], command, env)
        finally:
            os._exit(203)

    def start(self):
        rows = unit(self.file("sluice.service"))
        values = dict(rows)
        state = self.root / "var/lib" / values["StateDirectory"]
        state.mkdir(exist_ok=True)
        state.chmod(int(values["StateDirectoryMode"], 8))
        os.chown(state, *self.user())
        env = {"PATH": "/usr/bin", **dict(v.split("=", 1) for k, v in rows if k == "Environment")}
        _, status = os.waitpid(self.run(shlex.split(values["ExecStartPre"]), env), 0)
        assert status == 0, "ExecStartPre failed"
        self.pid = self.run(shlex.split(values["ExecStart"]), env | {"NOTIFY_SOCKET": "/run/notify"}, [s.fileno() for s in self.sockets])
        self.pids.append(self.pid)
        while b"READY=1" not in self.notes.recv(4096):
            pass

    def stop(self):
        patience = float(dict(unit(self.file("sluice.service")))["TimeoutStopSec"])
        os.kill(self.pid, signal.SIGTERM)
        end = time.monotonic() + patience
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            assert time.monotonic() < end, "it had to be killed"
            time.sleep(0.01)
        self.pid = None

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.unlisten_all()

    def unlisten_all(self):
        for sock in self.sockets:
            sock.close()
        self.sockets = []

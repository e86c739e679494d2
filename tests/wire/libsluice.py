# SPDX-License-Identifier: Apache-2.0
"""The driver program of libsluice: one process, one client, one call on each line."""
import json
import os
import pathlib
import re
import subprocess

from harness import BIN, COMPLAINTS, DEADLINE

BUILD = pathlib.Path(BIN).resolve().parents[2]
DRIVER = BUILD / "tests/unit/client/libsluice_driver"
EXAMPLES = BUILD / "examples/client"
MODES = ["block", "push", "pull", "loop"]
CHAT = json.dumps({"messages": [{"role": "user", "content": "hello"}]})


def clean_env(**env):
    environ = {k: v for k, v in os.environ.items() if not re.match("(SLUICE|MLFLOW)_|(https?|no|all)_proxy$", k, re.I)}
    environ["HOME"] = "/dev/null"  # nobody, not even root, can make a file below it
    environ.update(env)
    return environ


class Driver:
    def __init__(self, *options, env=None):
        self.read_end, self.control = os.pipe()
        argv = [DRIVER, *options] + ([f"control={self.read_end}"] if "env=1" not in options else [])
        self.proc = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[self.read_end],
                                     text=True, env=clean_env(**(env or {})))
        os.close(self.read_end)

    def start(self, mode, op, *args):
        self.proc.stdin.write("\t".join([mode, op, *args]) + "\n")
        self.proc.stdin.flush()

    def answer(self):
        line = self.proc.stdout.readline()
        assert line, f"the driver ended: {self.proc.wait()} {self.proc.stderr.read()}"
        return json.loads(line)

    def call(self, mode, op, *args):
        self.start(mode, op, *args)
        return self.answer()

    def tell(self, byte):
        os.write(self.control, byte)

    def wait_paused(self):
        assert self.proc.stderr.read(1) == "p"

    def close(self):
        os.close(self.control)
        self.proc.stdin.close()
        code = self.proc.wait(DEADLINE)
        err = self.proc.stderr.read()
        assert code in (0, 1) and not COMPLAINTS.search(err), f"{code} {err}"


def run(program, *args, **env):
    """Runs a program of examples/client to its end: (exit code, stdout, stderr)."""
    p = subprocess.run([EXAMPLES / f"example_{program}", *args], capture_output=True, text=True, timeout=DEADLINE, env=clean_env(**env))
    assert not COMPLAINTS.search(p.stderr), p.stderr
    return p.returncode, p.stdout, p.stderr

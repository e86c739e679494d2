# SPDX-License-Identifier: Apache-2.0
"""Processes and their measurement: starting, pinning, CPU time, memory, and runs of the load generator. The gateway
under test gets the first core that this process may use; everything else (the mock upstream, the load generator and
this program) gets the second."""
from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass

CORES = sorted(os.sched_getaffinity(0))
GATEWAY_CORE = CORES[0]
OTHER_CORE = CORES[1] if len(CORES) > 1 else CORES[0]

READY_SECONDS = 20  # a gateway that has not answered after this time has failed
STOP_SECONDS = 5
SETTLE_SECONDS = 0.25  # the wait after a run: log lines that are written late still count as its work


class BenchError(Exception):
    """A run without a result: the row fails, and with it the whole benchmark."""


def pin_self() -> None:
    os.sched_setaffinity(0, {OTHER_CORE})


def spawn(argv: list[str], core: int, **options) -> subprocess.Popen:
    """Starts a process on a core. The child inherits the pinning, so no helper is exec'd before it."""
    os.sched_setaffinity(0, {core})
    try:
        return subprocess.Popen(argv, **options)
    finally:
        os.sched_setaffinity(0, {OTHER_CORE})


def free_port() -> int:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _read(path: str) -> str:
    try:
        return pathlib.Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""  # a thread or process that has just ended


class Gateway:
    """A running gateway: all its processes and threads are measured together."""

    def __init__(self, name: str, argv: list[str], port: int, stdout: pathlib.Path, stderr: pathlib.Path):
        self.name, self.argv, self.port, self.stderr = name, argv, port, stderr
        self.began = time.monotonic_ns()
        with open(stdout, "ab") as out, open(stderr, "ab") as err:
            self.process = spawn(argv, GATEWAY_CORE, stdin=subprocess.DEVNULL, stdout=out, stderr=err)

    def wait_ready(self) -> None:
        """Waits until the port takes connections."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            self.check_alive()
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.0005)
        raise BenchError(f"{self.name} does not listen on port {self.port} after {READY_SECONDS} s")

    def check_alive(self) -> None:
        if self.process.poll() is not None:
            tail = self.stderr.read_text(errors="replace")[-2000:]
            raise BenchError(f"{self.name} ended with status {self.process.returncode}:\n{' '.join(self.argv)}\n{tail}")

    def pids(self) -> list[int]:
        found = [self.process.pid]
        for pid in found:  # the list grows while it is read
            for task in self._tasks(pid):
                found += [int(c) for c in _read(f"/proc/{pid}/task/{task}/children").split()]
        return found

    @staticmethod
    def _tasks(pid: int) -> list[str]:
        try:
            return os.listdir(f"/proc/{pid}/task")
        except FileNotFoundError:
            return []

    def cpu_nsec(self) -> int:
        """User and system time of all threads since their start."""
        total = 0
        for pid in self.pids():
            for task in self._tasks(pid):
                total += int((_read(f"/proc/{pid}/task/{task}/schedstat").split() or ["0"])[0])
        return total

    def _sum_kb(self, file: str, key: str) -> int:
        total = 0
        for pid in self.pids():
            for line in _read(f"/proc/{pid}/{file}").splitlines():
                if line.startswith(key):
                    total += int(line.split()[1])
        return total

    def rss(self) -> int:
        """Resident bytes, from the page tables: the counters of /proc/PID/status may be wrong by some hundred KB."""
        return self._sum_kb("smaps_rollup", "Rss:") * 1024

    def peak_rss(self) -> int:
        return self._sum_kb("status", "VmHWM:") * 1024

    def forget_peak(self) -> None:
        for pid in self.pids():
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Upstream:
    """A running mock upstream; it ends when its standard input is closed."""

    def __init__(self, tools: pathlib.Path, *, delay_us: int = 0, hold: bool = False, chunks: int = 20,
                 cert: pathlib.Path | None = None, key: pathlib.Path | None = None):
        argv = [str(tools / "bench_upstream"), "--delay-us", str(delay_us), "--chunks", str(chunks)]
        argv += ["--hold"] if hold else []
        argv += ["--cert", str(cert), "--key", str(key)] if cert else []
        self.process = spawn(argv, OTHER_CORE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("listening "):
            raise BenchError("the mock upstream did not start")
        self.port = int(line.split()[1])
        self.tls = cert is not None

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        if self.process.wait(STOP_SECONDS) != 0:
            raise BenchError(f"the mock upstream ended with status {self.process.returncode}")


class Redis:
    """A running server for shared counters. It keeps nothing on disk."""

    def __init__(self, folder: pathlib.Path):
        binary = shutil.which("redis-server")
        if not binary:
            raise BenchError("redis-server is not there")
        self.port = free_port()
        argv = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self.process = spawn(argv, OTHER_CORE, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@dataclass(frozen=True)
class Work:
    """The request that one connection sends again and again, and the reply that must come back, byte for byte."""

    request: pathlib.Path
    expect: pathlib.Path

    def target(self, port: int) -> str:
        return f"{port},{self.request},{self.expect}"


def run_load(tools: pathlib.Path, targets: list[tuple[int, Work]], connections: int, requests: int,
             burst: int) -> list[dict]:
    """Loads the ports in turns, a burst each; returns one result for each port."""
    argv = [str(tools / "bench_load"), "--connections", str(connections), "--requests", str(requests)]
    argv += ["--burst", str(burst)]
    for port, work in targets:
        argv += ["--target", work.target(port)]
    process = spawn(argv, OTHER_CORE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    text=True)
    out, err = process.communicate()
    if process.returncode != 0:
        raise BenchError(f"the load generator failed:\n{err.strip()}")
    results = json.loads(out)
    if any(r["errors"] or r["requests"] != requests for r in results):
        raise BenchError(f"not every reply was right: {out.strip()}")
    return results


class HeldStreams:
    """Open streams, each past its first chunk. A stream that ends early fails the run at `stop`."""

    def __init__(self, tools: pathlib.Path, port: int, work: Work, connections: int):
        argv = [str(tools / "bench_load"), "--target", work.target(port), "--connections", str(connections), "--hold"]
        self.process = spawn(argv, OTHER_CORE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
        line = self.process.stdout.readline()
        if line.split() != ["holding", str(connections)]:
            self.stop()
            raise BenchError(f"the load generator holds no {connections} streams: {line}")

    def stop(self) -> None:
        out, err = self.process.communicate()
        if self.process.returncode != 0:
            raise BenchError(f"a held stream failed:\n{out}{err}")


def measure(parties: list[tuple[Gateway | Upstream, Work]], tools: pathlib.Path, connections: int, requests: int,
            burst: int) -> list[dict]:
    """One round: `requests` to each party, in bursts and in turns; for a gateway also the CPU time of a request."""
    gateways = [g for g, _ in parties if isinstance(g, Gateway)]
    before = {g: g.cpu_nsec() for g in gateways}
    results = run_load(tools, [(g.port, work) for g, work in parties], connections, requests, burst)
    time.sleep(SETTLE_SECONDS)
    for (party, _), result in zip(parties, results):
        if party in before:
            party.check_alive()
            result["cpu_us"] = (party.cpu_nsec() - before[party]) / 1000 / requests
    return results

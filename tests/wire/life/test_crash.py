# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments during concurrent changes: acknowledged changes are there after the restart; others are
there as a whole or not at all. Rounds: SLUICE_CRASH_ROUNDS (100)."""
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

import harness

ROUNDS = int(os.environ.get("SLUICE_CRASH_ROUNDS", "100"))
WRITERS = 6
NAMES = 5  # of each writer, so that names are used again
KINDS = ["llm/v1/chat", "llm/v1/completions", "llm/v1/embeddings"]
CONFIG = "log: {access: none}\nserver: {timeouts: {drain_delay: 0s}}\nendpoints: []\n"
UNKNOWN = object()


class Daemon:
    def __init__(self, directory, data, config=CONFIG):
        self.port = harness.free_port()
        (directory / "crash.yaml").write_text(config)
        self.proc = subprocess.Popen([harness.BIN, "serve", "-c", str(directory / "crash.yaml"), "--listen", f"127.0.0.1:{self.port}", "--data", data, "--workers", "2"],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def connect(self):
        """Waits until it listens."""
        end = time.monotonic() + harness.DEADLINE
        while True:
            conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=harness.DEADLINE)
            try:
                conn.connect()
                return conn
            except OSError:
                assert self.proc.poll() is None, self.proc.stderr.read()
                assert time.monotonic() < end
                time.sleep(0.001)

    def kill(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()
        self.proc.stderr.close()


def call(conn, method, path, body=None):
    conn.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": "application/json"})
    reply = conn.getresponse()
    return reply.status, json.loads(reply.read())


class Writer(threading.Thread):
    """Owns its names, with one call at a time. `sure` has acknowledged changes: name -> None or (definition, limits);
    `open` the call whose answer did not come."""

    def __init__(self, number, daemon, sure, seed):
        super().__init__(daemon=True)
        self.number, self.daemon_, self.sure, self.random = number, daemon, sure, random.Random(seed)
        self.open = None
        self.n_acknowledged = 0
        self.error = None

    def step(self, conn):
        name = f"w{self.number}-{self.random.randrange(NAMES)}"
        before = self.sure.get(name)
        definition = {"name": name, "route_type": self.random.choice(KINDS), "model": {"name": f"m{self.random.randrange(10**9)}" + "x" * self.random.randrange(300), "provider": "mock"}}
        limits = [{"calls": self.random.randrange(10**6), "key": "route", "renewal_period": "hour"}]
        if before is None:
            after, args = (definition, []), ("POST", "/api/2.0/gateway/routes/", definition)
        else:
            after, args = self.random.choice([
                (None, ("DELETE", f"/api/2.0/gateway/routes/{name}")),
                ((before[0], limits), ("POST", "/api/2.0/gateway/limits/", {"route": name, "limits": limits})),
                ((definition, before[1]), ("PUT", f"/api/sluice/v1/routes/{name}", definition)),
            ])
        self.open = (name, before, after)
        status, body = call(conn, *args)
        assert status in (200, 201), (status, body, args)
        self.sure[name] = after
        self.open = None
        self.n_acknowledged += 1

    def run(self):
        try:
            conn = self.daemon_.connect()
            while True:
                self.step(conn)
        except (OSError, http.client.HTTPException, ValueError):
            pass  # killed
        except AssertionError as e:
            self.error = e


def shown(conn):
    status, body = call(conn, "GET", "/api/sluice/v1/routes")
    assert status == 200 and body["next_page_token"] is None
    out = {}
    for route in body["routes"]:
        one = call(conn, "GET", f"/api/sluice/v1/routes/{route['name']}")[1]
        out[route["name"]] = ({"name": one["name"], "route_type": one["route_type"], "model": {"name": one["model"]["name"], "provider": one["model"]["provider"]}}, one["limits"])
    return out


def check(writers, sure, got):
    unsure = {w.open[0]: w.open for w in writers if w.open}
    for name in sure.keys() | got.keys() | unsure.keys():
        have = got.get(name)
        allowed = [unsure[name][1], unsure[name][2]] if name in unsure else [sure.get(name)]
        assert have in allowed, (name, have, allowed)
        sure[name] = have


@pytest.mark.timeout(60 + 3 * ROUNDS)
def test_what_was_acknowledged_survives_kill_9(tmp_path):
    data, sure, total = str(tmp_path / "data"), {}, 0
    seed = int(os.environ.get("SLUICE_CRASH_SEED", time.time_ns()))
    print("seed", seed, file=sys.stderr)
    chance = random.Random(seed)
    daemon = Daemon(tmp_path, data)
    for i in range(ROUNDS):
        writers = [Writer(k, daemon, sure, chance.random()) for k in range(WRITERS)]
        for w in writers:
            w.start()
        # The moment is random on purpose, so nothing is waited for here.
        time.sleep(chance.uniform(0.002, 0.08))
        daemon.kill()
        for w in writers:
            w.join(harness.DEADLINE)
            assert not w.is_alive() and w.error is None, w.error
            total += w.n_acknowledged
        daemon = Daemon(tmp_path, data)
        conn = daemon.connect()
        check(writers, sure, shown(conn))
        conn.close()
    daemon.kill()
    assert total > ROUNDS, "hardly anything was written"
    out = subprocess.run([harness.BIN, "db", "check", "--data", data], capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr

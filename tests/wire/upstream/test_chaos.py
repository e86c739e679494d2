# SPDX-License-Identifier: Apache-2.0
"""Everything at once, from a seed: a configuration, targets that fail in every way, clients of every kind, and changes in between. Nothing is known of what
each call gets, but what must hold of all: the daemon lives, says what is well-formed, gives back what it took, and ends when it is told to.

CHAOS_SEEDS says how many seeds there are, CHAOS_FROM which is the first. A seed that fails is told by its number; threads take turns as they like, so it
may take a few runs of `CHAOS_FROM=N CHAOS_SEEDS=1` until it fails again."""
import json
import os
import random
import re
import signal
import subprocess
import threading

import pytest
import yaml

import chaos_config
from chaos_client import Client, check, typed_body
from chaos_target import ChaosTarget, EarlyTarget
from harness import BIN, CHAT, COMPLAINTS, Sluice, wait_for
from test_traffic import closed_port
from upstream import Proxy

SEEDS = int(os.environ.get("CHAOS_SEEDS", "4"))
FIRST = int(os.environ.get("CHAOS_FROM", "1"))
CLIENTS, CALLS = 6, 12
ADMIN, OWN, KEYS = "an-admin-key-of-the-file", "/api/sluice/v1/routes", "/api/sluice/v1/keys"
pytestmark = pytest.mark.timeout(300)


class Scene:
    def __init__(self, seed, directory, authority=None):
        self.rng, self.directory, self.is_ending = random.Random(seed), directory, False
        rng = self.rng
        self.targets = [ChaosTarget(f"u{i}", rng) for i in range(rng.randint(1, 3))]
        if rng.random() < 0.3:
            self.targets.append(EarlyTarget("early", rng))
        if authority and rng.random() < 0.2:
            self.targets.append(ChaosTarget("tls", rng, authority.server("127.0.0.1")))
        self.bases = [t.base for t in self.targets] + ([f"http://127.0.0.1:{closed_port()}/v1"] if rng.random() < 0.3 else [])
        self.config = chaos_config.settings(rng)
        if authority:
            self.config["upstream"]["ca"] = authority.path
        self.proxy = Proxy(answer=rng.choice([None, None, b"", b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", b"no HTTP\r\n\r\n"])) if rng.random() < 0.1 else None
        if self.proxy:
            self.config["upstream"]["proxy"] = self.proxy.url
        self.routes = chaos_config.routes(rng, self.bases)
        self.config["endpoints"] = self.routes
        self.has_shadows = self.keeps = False
        for entry in self.routes:
            self.note(entry)
        self.keys = [None]
        if rng.random() < 0.4:
            self.keys = [ADMIN]
            self.config["auth"] = {"admin_key": "$THE_ADMIN"}
        self.daemon = Sluice(directory, self.config, args=("--data", str(directory / "data")), env={"THE_ADMIN": ADMIN})
        self.port = self.daemon.port
        self.fds = self.n_fds()

    def note(self, entry):
        self.has_shadows |= "shadow" in entry["sluice"]
        self.keeps |= "responses" in entry["sluice"]  # what is kept has its memory until its time is over

    def key(self, rng):
        return rng.choice(self.keys)

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.daemon.proc.pid}/fd"))

    def call(self, method, path, body=None):
        """As the operator. A reply must come, whatever it is."""
        reply = self.daemon.call(method, path, body, [("Authorization", f"Bearer {ADMIN}"), ("Content-Type", "application/json")])
        assert reply.complete and 200 <= reply.status < 600, (method, path, body, reply.status, reply.body)
        return reply

    # --- what the operator does meanwhile ---

    def put(self, rng):
        kind = rng.choice(["chat", "chat", "embeddings", "transcriptions"])
        alike = [r["name"] for r in self.routes if r["endpoint_type"].endswith(kind)]
        entry = chaos_config.route(rng, rng.choice(["p0", "p1"]), kind, self.bases, [n for n in alike if n.startswith("r")], alike)
        reply = self.call("PUT", f"{OWN}/{entry['name']}", chaos_config.as_put(entry))
        assert reply.status in (200, 201, 400, 409, 503), (entry, reply.status, reply.body)
        if reply.status < 300:
            self.routes = [r for r in self.routes if r["name"] != entry["name"]] + [entry]
            self.note(entry)

    def put_wrong(self, rng):
        body, paths = chaos_config.wrong(rng, chaos_config.as_put(rng.choice(self.routes)))
        reply = self.call("PUT", f"{OWN}/w", body)
        refusal_is_fine(reply, body, paths)

    def delete(self, rng):
        self.call("DELETE", f"{OWN}/{rng.choice(['p0', 'p1', 'w'])}")

    def reset(self, rng):
        targets = self.call("GET", "/api/sluice/v1/targets").json().get("targets")
        if targets:
            t = rng.choice(targets)
            self.call("POST", f"/api/sluice/v1/targets/{t['route']}/{t['target']}/reset", {})

    def reload(self, rng):
        """The file says something else of a route, of what is around them, or what it must not say."""
        config = json.loads(json.dumps(self.config))
        if rng.random() < 0.3:
            config, _ = chaos_config.wrong(rng, config)
        else:
            fresh = chaos_config.settings(rng)
            fresh["upstream"]["ca"] = self.config["upstream"].get("ca")
            fresh["server"]["workers"] = self.config["server"]["workers"]
            names = [e["name"] for e in self.config["endpoints"]]
            at = rng.randrange(len(names))
            kind = config["endpoints"][at]["endpoint_type"].rsplit("/", 1)[1]
            config["endpoints"][at] = chaos_config.route(rng, names[at], kind, self.bases, [])
            self.note(config["endpoints"][at])
            config = {**config, **fresh, "log": self.config["log"]}
        self.write(config)

    def write(self, config):
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        new = self.directory / "new.yaml"
        new.write_text(text)
        new.rename(self.directory / "sluice.yaml")
        self.daemon.proc.send_signal(signal.SIGHUP)

    def rotate(self, rng):
        if self.keys == [None]:
            return
        if len(self.keys) > 2 and rng.random() < 0.5:
            self.keys.pop(1)
            ids = [k["id"] for k in self.call("GET", KEYS).json()["keys"] if k["id"].startswith("key-")]
            if ids:
                self.call("DELETE", f"{KEYS}/{rng.choice(ids)}")
        else:
            reply = self.call("POST", KEYS, {"name": "k", "principal": rng.choice(["a", "b"]), "role": "query", "routes": rng.choice([None, [r["name"] for r in self.routes[:1]]])})
            if reply.status == 201:
                self.keys.append(reply.json()["key"])

    def look(self, rng):
        self.call("GET", rng.choice(["/metrics", OWN, "/api/sluice/v1/targets", "/api/sluice/v1/audit", "/api/2.0/gateway/routes/", "/v1/models", "/health", "/openapi.json"]))

    def limit(self, rng):
        self.call("POST", "/api/2.0/gateway/limits/", {"route": rng.choice(["p0", "p1"]), "limits": rng.choice([[], [{"calls": 2, "key": "user", "renewal_period": "second"}]])})

    def change(self, rng):
        rng.choice(self.targets).change()

    def operate(self, n, rng):
        for _ in range(n):
            rng.choice([self.put, self.put, self.put_wrong, self.put_wrong, self.delete, self.reset, self.reload, self.reload, self.rotate, self.look, self.limit, self.change])(rng)

    # --- what must hold ---

    def gauges(self):
        text = self.call("GET", "/metrics").body.decode()
        return {name: sum(int(v) for v in re.findall(rf"^{name}(?:{{[^}}]*}})? (\d+)$", text, re.M)) for name in ("sluice_requests_in_flight", "sluice_queue_depth", "sluice_target_in_flight")}

    def at_rest(self):
        left = self.gauges()
        return left["sluice_requests_in_flight"] <= 1 and not left["sluice_queue_depth"] and not left["sluice_target_in_flight"]

    def memory_is_given_back(self):
        """In the end all routes go, and a body has nearly all of the memory that there is."""
        config = {**self.config, "endpoints": [], "server": {**self.config["server"], "limits": {"memory": "1MiB", "body": "4MiB"}}}
        self.write(config)
        for name in ("p0", "p1", "w"):
            self.call("DELETE", f"{OWN}/{name}")
        body = {"model": "nobody", "messages": [{"role": "user", "content": "x" * 900_000}]}
        wait_for(lambda: self.call("POST", "/v1/chat/completions", body).status == 404, "memory is given back")

    def run(self):
        clients = [Client(self, i) for i in range(CLIENTS)]
        faults, rng = [], random.Random(self.rng.random())

        def kept(work, *args):
            try:
                work(*args)
            except Exception as e:  # the test must know
                faults.append(e)

        ends_early = self.rng.random() < 0.15
        threads = [threading.Thread(target=kept, args=(c.run, CALLS)) for c in clients]
        for t in threads:
            t.start()
        kept(self.operate, 12, rng)
        if ends_early:
            self.is_ending = True
            self.daemon.proc.send_signal(signal.SIGTERM)
        for t in threads:
            t.join()
        calls = [c for client in clients for c in client.calls]
        assert not COMPLAINTS.search(self.daemon.stderr), self.daemon.stderr
        if not ends_early:
            assert self.daemon.proc.poll() is None, f"ended with {self.daemon.proc.returncode}: {self.daemon.stderr}"
        assert not faults or ends_early, faults
        wrong = [f"{what}\n    {call}" for call in calls if (what := check(call, self))]
        assert not wrong, "\n".join(wrong)
        if not ends_early:
            wait_for(self.at_rest, lambda: f"nothing is left over: {self.gauges()}")
            wait_for(lambda: self.n_fds() < self.fds + 20 + 3 * 64, lambda: f"descriptors: {self.fds} before, now {self.n_fds()}")
            if not self.keeps:
                self.memory_is_given_back()
            self.daemon.proc.send_signal(signal.SIGTERM)
        wait_for(lambda: self.daemon.proc.poll() is not None, "it ends")
        self.daemon.stop()
        return calls

    def close(self):
        self.is_ending = True
        if self.daemon.proc.poll() is None:
            self.daemon.proc.kill()
        for other in [*self.targets, *([self.proxy] if self.proxy else [])]:
            other.close()


def refusal_is_fine(reply, body, paths):
    """An error names what is wrong: one of the keys on the way there, or the value itself."""
    if reply.status < 300:
        return
    assert reply.status in (400, 404, 409, 413, 422, 501, 503), (reply.status, reply.body, body)
    said = reply.json()
    message = str(said["error"]["message"] if "error" in said else said.get("message") or said["detail"])
    assert message and "internal" not in message.lower(), (message, body)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_everything_at_once(seed, tmp_path, ca):
    scene = Scene(seed, tmp_path, ca)
    try:
        scene.run()
    finally:
        scene.close()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_a_body_made_wrong_is_told(seed, tmp_path, upstream):
    """PUT's and create_route's; what is taken all the same is called."""
    rng, up = random.Random(f"body {seed}"), upstream(lambda ex: ex.reply({"error": {"message": "no"}}, "503 Busy"))
    daemon = Sluice(tmp_path, {"endpoints": [], "upstream": {"allow": ["127.0.0.0/8"]}, "log": {"level": "error"}}, args=("--data", str(tmp_path / "data")))
    conn = daemon.connect()
    for n in range(60):
        entry = chaos_config.route(rng, "w", rng.choice(list(chaos_config.PROVIDERS)), [up.base], [])
        body, paths = chaos_config.wrong(rng, chaos_config.as_put(entry))
        if rng.random() < 0.5:
            reply = conn.request("PUT", f"{OWN}/w", body).reply("PUT")
        else:
            reply = conn.request("POST", "/api/2.0/gateway/routes/", {"name": "w", **body} if isinstance(body, dict) else body).reply()
        assert reply.complete and COMPLAINTS.search(daemon.stderr) is None, (n, body, daemon.stderr)
        refusal_is_fine(reply, body, paths)
        if reply.status < 300:
            kind = reply.json().get("route_type", reply.json().get("endpoint_type")).rsplit("/", 1)[1]
            path, call = typed_body(rng, kind, "w", "hello", False) if kind not in ("chat", "transcriptions") else ("/v1/chat/completions", {**CHAT, "model": "w"})
            assert conn.request("POST", path, call).reply().complete, body
            assert conn.request("DELETE", f"{OWN}/w").reply("DELETE").status in (200, 204)
    conn.close()
    daemon.stop()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_a_file_made_wrong_is_checked(seed, tmp_path):
    rng = random.Random(f"file {seed}")
    bases = ["http://127.0.0.1:1/v1"]
    for n in range(8):
        config = chaos_config.settings(rng)
        config["endpoints"] = chaos_config.routes(rng, bases)
        config, paths = chaos_config.wrong(rng, config)
        file = tmp_path / f"{n}.yaml"
        file.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        done = subprocess.run([BIN, "check", "-c", str(file)], capture_output=True, text=True, timeout=60)
        told = done.stdout + done.stderr
        assert done.returncode in (0, 1) and not COMPLAINTS.search(told), (n, paths, done.returncode, told, file.read_text())
        if done.returncode == 1:
            assert re.search(rf"{n}\.yaml:\d+", told), (n, paths, told)

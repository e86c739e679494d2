#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every query of examples/grafana/sluice.json against a Prometheus that reads a daemon under load of all sorts: each
query must be sound and have data. Every metric of the daemon must be in the board, and the other way round."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "wire"))
from harness import CHAT, CHAT_REPLY, Sluice, chat_route, free_port, wait_for  # noqa: E402
from upstream import Authority, Upstream  # noqa: E402

ROOT = HERE.parent.parent
# Only where nodes share their counters, which this daemon does not.
SHARED = {"sluice_counters_up", "sluice_counters_seconds", "sluice_counters_epoch_total"}
# What rarely happens; without it the counter has no series yet.
SELDOM = {"sluice_target_waits_seconds"}


def board_queries():
    board = json.loads((ROOT / "examples/grafana/sluice.json").read_text())
    ids = [p["id"] for p in board["panels"]]
    assert len(ids) == len(set(ids)), "two panels with one id"
    for a in board["panels"]:
        for b in board["panels"]:
            x, y = a["gridPos"], b["gridPos"]
            assert a is b or x["x"] + x["w"] <= y["x"] or y["x"] + y["w"] <= x["x"] or x["y"] + x["h"] <= y["y"] or y["y"] + y["h"] <= x["y"], (a["title"], b["title"])
    queries = [(p["title"], t["expr"]) for p in board["panels"] for t in p.get("targets", [])]
    variables = [v["query"] for v in board["templating"]["list"] if v["type"] == "query"]
    return queries, variables


def metrics_told():
    """The names in docs/metrics.md, which is made from the daemon's tables."""
    return set(re.findall(r"^\| `([a-z_]+)` \| (?:counter|gauge|histogram) ", (ROOT / "docs/metrics.md").read_text(), re.M))


def metrics_of(query):
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b((?:sluice|gen_ai|process)_[a-z_]+)\{", query)}


class Load:
    """A daemon that has something of everything to tell, and clients that go on until the end."""

    def __init__(self, directory):
        self.ups = []
        self.quick, self.bare = self.up(lambda x: x.reply(CHAT_REPLY)), self.up(lambda x: x.reply(CHAT_REPLY.replace(b'"usage"', b'"unused"')))
        self.broken = self.up(lambda x: x.reply({"error": {"message": "no"}}, status="503 Service Unavailable", headers=[("retry-after", "0")]))
        self.slow, self.streams, self.sink = self.up(self.pause), self.up(self.stream), self.up(lambda x: x.reply(b"", content_type="application/x-protobuf"))
        self.gate = threading.Event()
        cert = directory / "own.pem"
        cert.write_text(Authority(directory / "ca").pem("own"))
        second = {"name": "second", "model": {"provider": "openai", "name": "gpt-4o", "config": {"openai_api_key": "k", "openai_api_base": self.quick.base}}}
        routes = [
            {**chat_route(self.quick.base), "limits": [{"requests": 5, "per": "day"}, {"money": 100, "per": "day"}]},
            chat_route(self.bare.base, "bare", tls={"cert": str(cert), "key": str(cert)}),
            chat_route(self.broken.base, "broken", retries=1),
            chat_route(self.streams.base, "streams"),
            chat_route(self.slow.base, "many", targets=[second | {"tier": 1}, {"name": "model", "max_concurrent": 1}], queue={"wait": "200ms", "size": 10}, hedge={"after": "10ms", "at_most": "100%"},
                       shadow={"route": "bare", "share": "100%"}, health={"every": "1s", "by": "connect"}),
            chat_route(self.slow.base, "waits", targets=[{"name": "model", "max_concurrent": 1}], queue={"wait": "2s", "size": 10}),
        ]
        self.daemon = Sluice(directory / "sluice", {
            "endpoints": routes, "metrics": {"max_accounts": 100}, "alerts": {"at": [50, 100], "webhook": {"url": self.sink.base + "/hook", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
            "otel": {"endpoint": self.sink.base}, "upstream": {"retry_budget": {"share": "0%", "least": 0}}, "prices": {"models": {"openai/gpt-4o-mini": {"input_cost_per_token": 1e-4, "output_cost_per_token": 2e-4}}},
        }, args=["--data", str(directory / "data")])
        for _ in range(3):  # so that some wait for a place
            threading.Thread(target=self.run, daemon=True).start()

    def up(self, handler):
        self.ups.append(Upstream(handler))
        return self.ups[-1]

    def pause(self, x):
        self.gate.wait(0.05)
        x.reply(CHAT_REPLY)

    def stream(self, x):
        x.stream_head()
        for i in range(4):
            x.event({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "hi"}}]})
        x.event({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}})
        x.event("[DONE]")
        x.last_chunk()

    def run(self):
        while not self.gate.is_set():
            for model in ("waits", "chat", "bare", "broken", "many", "none"):
                self.daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": model})
            self.daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": "streams", "stream": True})
            gone = self.daemon.connect().request("POST", "/v1/chat/completions", {**CHAT, "model": "many"})
            gone.reset()
            self.gate.wait(0.1)

    def close(self):
        self.gate.set()
        self.daemon.stop()
        for up in self.ups:
            up.sock.close()


class Prometheus:
    def __init__(self, program, directory):
        self.program, self.directory, self.proc = program, directory, None

    def start(self, target):
        directory = self.directory
        config = (ROOT / "examples/prometheus/prometheus.yaml").read_text()
        assert "127.0.0.1:5000" in config and "scrape_interval: 15s" in config
        config = config.replace("127.0.0.1:5000", target).replace("scrape_interval: 15s", "scrape_interval: 1s")
        config = config.replace("sluice-alerts.yaml", str(ROOT / "examples/prometheus/sluice-alerts.yaml"))
        (directory / "prometheus.yaml").write_text(config)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api/v1/"
        self.proc = subprocess.Popen([self.program, f"--config.file={directory}/prometheus.yaml", f"--storage.tsdb.path={directory}/tsdb", f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"])
        wait_for(self.has_scraped, "Prometheus has read the daemon", 60)

    def ask(self, path, **query):
        try:
            with urllib.request.urlopen(self.url + path + "?" + urllib.parse.urlencode(query), timeout=20) as r:
                return json.load(r)["data"]
        except urllib.error.HTTPError as e:
            assert e.code == 503, f"{query}: {e.read().decode()}"  # 503: it has not begun yet
            raise

    def has_scraped(self):
        try:
            return self.ask("query", query='up{job="sluice"} == 1')["result"]
        except OSError:
            assert self.proc.poll() is None, "Prometheus ended"
            return None

    def close(self):
        if self.proc:
            self.proc.terminate()
            self.proc.wait(30)


def main():
    queries, variables = board_queries()
    shown = {m for _, q in queries for m in metrics_of(q)} - {"up"}
    told = metrics_told()
    assert told and shown == told, f"not in the board: {sorted(told - shown)}; not in docs/metrics.md: {sorted(shown - told)}"
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        load, prometheus = Load(directory), Prometheus(sys.argv[1], directory)
        try:
            prometheus.start(f"127.0.0.1:{load.daemon.port}")
            left = dict.fromkeys(queries)

            def all_have_data():
                for key in list(left):
                    query = key[1].replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$route", ".*")
                    if prometheus.ask("query", query=query)["result"] or metrics_of(query) <= SHARED | SELDOM:
                        del left[key]
                return not left

            wait_for(all_have_data, lambda: "data for " + "\n".join(f"{title}: {query}" for title, query in left), 120)
            for variable in variables:
                metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable).groups()
                assert prometheus.ask(f"label/{label}/values", **{"match[]": metric}), variable
        finally:
            prometheus.close()
            load.close()
    print(f"{len(queries)} queries of the board are sound and have data")


if __name__ == "__main__":
    main()

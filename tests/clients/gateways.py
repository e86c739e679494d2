# SPDX-License-Identifier: Apache-2.0
"""Real gateways as processes: MLflow's, LiteLLM's proxy, Sluice. Each has a strict OpenAI as its upstream, which also
refuses and fails."""
import os
import pathlib
import signal
import subprocess
import urllib.error
import urllib.request

import yaml

from harness import DEADLINE, Sluice, free_port, wait_for
from model import openai_answer
from strict_openai import StrictOpenAI
from upstream import Upstream

HERE = pathlib.Path(__file__).parent
KEY = "sk-gateway"
VECTOR = [0.5, 0.001, -3.0]
ROUTES = ["chat", "busy", "torn", "complete", "embed", "nobody"]  # the gateway does not have `nobody`


class OpenAI(StrictOpenAI):
    """Serves embeddings and completions too. A model called `busy` asks to come later; one called `torn` stops within
    its stream."""

    def __call__(self, x):
        if x.method == "GET":  # LiteLLM asks for models
            x.reply({"error": {"message": "Not found.", "type": "invalid_request_error", "param": None, "code": None}}, "404 Not Found")
            return
        body = x.json()
        if body["model"] == "busy":
            x.reply({"error": {"message": "Slow down.", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}, "429 Too Many Requests", headers=[("retry-after", "7")])
        elif body["model"] == "torn":
            x.stream_head()
            x.event({"id": "c", "object": "chat.completion.chunk", "created": 1700000000, "model": "torn",
                     "choices": [{"index": 0, "delta": {"role": "assistant", "content": "So"}, "finish_reason": None}]})
            x.close()
        elif x.path.endswith("/embeddings"):
            texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
            x.reply({"object": "list", "data": [{"object": "embedding", "index": i, "embedding": VECTOR} for i in range(len(texts))], "model": body["model"],
                     "usage": {"prompt_tokens": 2, "total_tokens": 2}})
        elif x.path.endswith("/chat/completions"):
            super().__call__(x)
        else:
            x.reply({"id": "cmpl-1", "object": "text_completion", "created": 1700000000, "model": body["model"], "choices": [
                {"index": 0, "text": "done", "finish_reason": "stop", "logprobs": None}], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})


class Process:
    """A server that is ready when its page answers 200; stop ends it with all its children."""

    def __init__(self, argv, page, directory, env=None):
        self.log = pathlib.Path(directory) / "log"
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "LITELLM_"))}
        with open(self.log, "w") as log:
            self.proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory, start_new_session=True, env={**environ, **(env or {})})
        wait_for(lambda: self.is_up(page), f"{page} of {argv[0]}", 120)

    def is_up(self, page):
        assert self.proc.poll() is None, self.log.read_text()
        try:
            return urllib.request.urlopen(page, timeout=5).status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self):
        if self.proc.poll() is not None:
            return
        os.killpg(self.proc.pid, signal.SIGTERM)
        try:
            self.proc.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(self.proc.pid, signal.SIGKILL)
            self.proc.wait()


def endpoints(base):
    """Routes of an MLflow gateway file, which Sluice also takes."""
    def one(name, kind, model):
        return {"name": name, "endpoint_type": f"llm/v1/{kind}", "model": {"provider": "openai", "name": model, "config": {"openai_api_key": "k", "openai_api_base": base}}}

    return {"endpoints": [one("chat", "chat", "gpt-4.1"), one("busy", "chat", "busy"), one("torn", "chat", "torn"), one("complete", "completions", "gpt-3.5-turbo-instruct"),
                          one("embed", "embeddings", "text-embedding-3-small")]}


def mlflow(base, directory):
    """Starts it and yields the process and its base URL."""
    port = free_port()
    (directory / "config.yaml").write_text(yaml.safe_dump(endpoints(base)))
    tool = HERE.parent / "wire/.venv/bin/mlflow"
    env = {"PATH": f"{tool.parent}:{os.environ['PATH']}"}
    return Process([tool, "gateway", "start", "--config-path", "config.yaml", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"], f"http://127.0.0.1:{port}/health", directory, env), port


def litellm(base, directory):
    port = free_port()
    config = {"model_list": [{"model_name": r["name"], "litellm_params": {
        "model": f"{'text-completion-openai' if 'completions' in r['endpoint_type'] else 'openai'}/{r['model']['name']}", "api_base": base, "api_key": "k", "max_retries": 0}}
        for r in endpoints(base)["endpoints"]], "general_settings": {"master_key": KEY}, "router_settings": {"num_retries": 0, "disable_cooldowns": True}}
    (directory / "config.yaml").write_text(yaml.safe_dump(config))
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "DO_NOT_TRACK": "1"}
    argv = [HERE / ".venv-litellm/bin/litellm", "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    return Process(argv, f"http://127.0.0.1:{port}/health/liveliness", directory, env), port


def sluice(base, directory):
    daemon = Sluice(directory, {**endpoints(base), "upstream": {"retries": 0}})
    return daemon, daemon.port


KINDS = {"mlflow": mlflow, "litellm": litellm, "sluice": sluice}


class Chain:
    """A daemon whose routes lead to a gateway, which has a strict OpenAI as its upstream. A context manager."""

    def __init__(self, kind, directory):
        self.kind, self.directory, self.ends = kind, directory, []

    def __enter__(self):
        up = Upstream(OpenAI(openai_answer))
        self.ends.append(up.close)
        try:
            for name in ("gateway", "front"):
                (self.directory / name).mkdir()
            self.gateway, port = KINDS[self.kind](f"{up.base.removesuffix('/v1')}/openai/v1", self.directory / "gateway")
            self.ends.append(self.gateway.stop)
            self.base = f"http://127.0.0.1:{port}"
            self.daemon = Sluice(self.directory / "front", {"upstream": {"retries": 0}, "endpoints": self.routes()})
            self.ends.append(self.daemon.stop)
            self.url = self.daemon.url + "/v1"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        while self.ends:
            self.ends.pop()()

    def routes(self):
        own = "litellm_" if self.kind == "litellm" else ""
        model = {"provider": "litellm" if own else "openai-compatible", "config": {f"{own}api_base": self.base + "/v1", f"{own}api_key": KEY}}
        kinds = {"complete": "completions", "embed": "embeddings"}
        return [{"name": n, "endpoint_type": f"llm/v1/{kinds.get(n, 'chat')}", "model": {**model, "name": n}} for n in ROUTES]

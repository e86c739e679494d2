# SPDX-License-Identifier: Apache-2.0
"""One model for all strict upstreams, and a route to each. It calls `look_up` until it has three results and then says
their sum. With a tool that runs commands it writes a file, once. Without tools it gives an object, in the way the call
asks for; the object is right only at the third try, so that a client that checks must ask again."""
import json
import re

from bedrock_fake import KEYS, Bedrock
from cohere_fake import Cohere
from gemini_fake import Gemini
from responses_fake import Responses
from serving_fake import Scoring
from strict_anthropic import StrictAnthropic
from strict_openai import StrictOpenAI
from upstream import Upstream

SHELLS = {  # tools of agents that run a command, and their arguments to write a file
    "Bash": {"command": "printf done > out.txt", "description": "Writes a file."},
    "exec_command": {"cmd": "printf done > out.txt"},
    "shell": {"command": ["sh", "-c", "printf done > out.txt"]},
    "shell_command": {"command": "printf done > out.txt"},
    "run_shell_command": {"command": "printf done > out.txt", "description": "Writes a file."},
}
WRITTEN = "The file is written."
ROWS = [11, 22, 33]  # results of the tool for 0, 1 and 2: the sum can only come from results
SUM = sum(ROWS)
PROVIDERS = {  # route: (provider, model, its rules of StrictOpenAI)
    "openai": ("openai", "gpt-4.1", "openai"),
    "mistral": ("mistral", "mistral-small-2603", "mistral"),
    "deepseek": ("deepseek", "deepseek-v4-flash", "deepseek"),
}
CLAUDE, GPT = "claude-sonnet-4-5", "gpt-5.2"  # routes with their model's name, for clients that know models by name; upstreams as `anthropic`, `responses`
ROUTES = [*PROVIDERS, "anthropic", "gemini", "bedrock", "cohere", "responses"]


def numbers(value):
    return [int(n) for n in re.findall(r"-?\d+", json.dumps(value))]


TASKS = {}  # word: the steps of a task whose text has it, each a list of (tool, arguments) and the last a text
RESULT = re.compile(r'"type": "(?:tool_result|function_call_output)"|"role": "tool"|"functionResponse":|"toolResult":')


def task_step(text):
    """The next step of a task, by the results that are there; None: it is no task."""
    steps = next((steps for word, steps in TASKS.items() if word in text), [])
    n = len(RESULT.findall(text))
    for said in steps:
        if isinstance(said, str) or n <= 0:
            return said
        n -= len(said)
    return None


def step(results, tools, n_tries, body):
    """What the model does next: (tool, arguments) of each call, or a text. The second step is two calls at a time."""
    if TASKS and (said := task_step(json.dumps(body))):
        return said
    if "look_up" in tools:
        if len(results) < len(ROWS):
            return [("look_up", {"row": i}) for i in ([0] if not results else [1, 2])]
        return f"The sum is {sum(results)}."
    for name, arguments in SHELLS.items():
        if name in tools:
            return WRITTEN if n_tries else [(name, arguments)]
    value = {"sum": SUM - 2 + min(n_tries, 2)}
    return [(tools[0], value)] if tools else json.dumps(value)


# --- the same in each language ---

def openai_answer(body):
    messages = body["messages"]
    results = [n for m in messages if m["role"] == "tool" for n in numbers(m["content"])]
    tools = [t["function"]["name"] for t in body.get("tools", [])]
    n_tries = sum(m["role"] == "assistant" for m in messages)
    said = step(results, tools, n_tries, body)
    if isinstance(said, str):
        return {"role": "assistant", "content": said}, "stop"
    calls = [{"id": f"call{n_tries}{i:04d}", "type": "function", "function": {"name": name, "arguments": json.dumps(args)}} for i, (name, args) in enumerate(said)]
    return {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"


def anthropic_answer(body):
    blocks = [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"]]
    results = [n for b in blocks if b["type"] == "tool_result" for n in numbers(b.get("content", ""))]
    n_tries = sum(m["role"] == "assistant" for m in body["messages"])
    said = step(results, [t["name"] for t in body.get("tools", [])], n_tries, body)
    thought = [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}] if body.get("thinking", {}).get("type") == "enabled" else []
    if isinstance(said, str):
        return [*thought, {"type": "text", "text": said}], "end_turn"
    return [*thought, *({"type": "tool_use", "id": f"toolu_{n_tries}_{i}", "name": name, "input": args} for i, (name, args) in enumerate(said))], "tool_use"


def gemini_answer(body):
    parts = [p for c in body["contents"] for p in c["parts"]]
    results = [n for p in parts if "functionResponse" in p for n in numbers(p["functionResponse"]["response"])]
    n_tries = sum(c["role"] == "model" for c in body["contents"])
    said = step(results, [d["name"] for t in body.get("tools", []) for d in t["functionDeclarations"]], n_tries, body)
    thought = [{"text": "Hm.", "thought": True}] if body.get("generationConfig", {}).get("thinkingConfig", {}).get("includeThoughts") else []
    if isinstance(said, str):
        return [*thought, {"text": said}]
    calls = [{"functionCall": {"name": name, "args": args, "id": f"c{n_tries}{i}"}} for i, (name, args) in enumerate(said)]
    calls[0]["thoughtSignature"] = "czE="
    return thought + calls


def bedrock_answer(body):
    blocks = [b for m in body["messages"] for b in m["content"]]
    results = [n for b in blocks if "toolResult" in b for n in numbers(b["toolResult"]["content"])]
    n_tries = sum(m["role"] == "assistant" for m in body["messages"])
    said = step(results, [t["toolSpec"]["name"] for t in body.get("toolConfig", {}).get("tools", []) if "toolSpec" in t], n_tries, body)
    thinks = body.get("additionalModelRequestFields", {}).get("thinking", {}).get("type") == "enabled"
    thought = [{"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}}] if thinks else []
    if isinstance(said, str):
        return [*thought, {"text": said}]
    return [*thought, *({"toolUse": {"toolUseId": f"t{n_tries}_{i}", "name": name, "input": args}} for i, (name, args) in enumerate(said))]


def cohere_answer(body):
    message, finish = openai_answer(body)
    return {"tool_calls": message["tool_calls"]} if finish == "tool_calls" else {"content": [{"type": "text", "text": message["content"]}]}


def responses_answer(body):
    items = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    results = [n for i in items if i.get("type") == "function_call_output" for n in numbers(i["output"])]
    n_tries = sum(i.get("role") == "assistant" or i.get("type") == "function_call" for i in items)
    said = step(results, [t["name"] for t in body.get("tools", []) if t["type"] == "function"], n_tries, body)
    if isinstance(said, str):
        return [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": said, "annotations": []}]}]
    return [{"type": "function_call", "call_id": f"call_{len(items)}_{i}", "name": name, "arguments": json.dumps(args)} for i, (name, args) in enumerate(said)]


class Plan:
    """The plan of a fake, made from the call that came last."""

    def __init__(self, kind, answer):
        self.fake, self.answer = kind([]), answer
        self.fake.plan = self

    def pop(self, _):
        return self.answer(self.fake.bodies[-1])


class Lab:
    """A daemon with a route to each strict upstream. `taken(route)`: the calls that its upstream accepted."""

    def __init__(self, start):
        fakes = {"openai": StrictOpenAI(openai_answer), "anthropic": StrictAnthropic(anthropic_answer), "gemini": Plan(Gemini, gemini_answer).fake,
                 "bedrock": Plan(Bedrock, bedrock_answer).fake, "cohere": Plan(Cohere, cohere_answer).fake, "responses": Plan(Responses, responses_answer).fake,
                 "scoring": Plan(Scoring, lambda body: step([], [], 0, body)).fake}
        self.fakes, self.ups = fakes, {name: Upstream(self.handler(name)) for name in fakes}
        self.faults = {}  # name: what the next call of this upstream gets instead; called with the exchange and the handler
        root = {name: up.base.removesuffix("/v1") for name, up in self.ups.items()}
        routes = [self.route(name, provider, model, **self.family(provider, f"{root['openai']}/{rules}/v1")) for name, (provider, model, rules) in PROVIDERS.items()]
        routes += [
            *(self.route(name, "anthropic", "claude-sonnet-4-5", anthropic_api_key="k", anthropic_api_base=root["anthropic"] + "/v1") for name in ("anthropic", CLAUDE)),
            self.route("gemini", "gemini", "gemini-3-pro-preview", gemini_api_key="k", gemini_api_base=root["gemini"] + "/v1beta"),
            self.route("bedrock", "bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", aws_config={
                "aws_access_key_id": KEYS[0], "aws_secret_access_key": KEYS[1], "aws_region": "us-east-1", "aws_endpoint_url": root["bedrock"]}),
            self.route("cohere", "cohere", "command-a-03-2025", cohere_api_key="k", cohere_api_base=root["cohere"] + "/v2"),
            self.route("responses", "openai", "gpt-4.1", openai_api_key="k", openai_api_base=root["responses"] + "/v1", openai_api="responses"),
            self.route(GPT, "openai", GPT, openai_api_key="k", openai_api_base=root["responses"] + "/v1"),
            self.route("chat", "openai-compatible", "gpt-4.1", api_base=root["openai"] + "/openai/v1"),  # it has no other API
            self.route("scoring", "mlflow-model-serving", "m", model_server_url=root["scoring"]),
            {**self.route("kept", "openai-compatible", "gpt-4.1", api_base=root["openai"] + "/openai/v1"), "sluice": {"retries": 0, "responses": {"keep": "1h"}}}]
        self.daemon = start({"endpoints": routes})
        self.url = self.daemon.url + "/v1"

    def handler(self, name):
        def handle(x):
            fault = self.faults.pop(name, None)
            return fault(x, self.fakes[name]) if fault else self.fakes[name](x)

        return handle

    @staticmethod
    def family(provider, base):
        own = f"{provider}_" if provider in ("openai", "mistral") else ""
        return {f"{own}api_key": "k", f"{own}api_base": base}

    @staticmethod
    def route(name, provider, model, **config):
        return {"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0}, "model": {"provider": provider, "name": model, "config": config}}

    @staticmethod
    def upstream(route):
        return {CLAUDE: "anthropic", GPT: "responses"}[route] if route in (CLAUDE, GPT) else "openai" if route in ("chat", "kept", *PROVIDERS) else route

    def taken(self, route):
        """How many calls have reached that route's upstream."""
        return len(self.fakes[self.upstream(route)].bodies)

    def close(self):
        for up in self.ups.values():
            up.close()

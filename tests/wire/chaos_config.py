# SPDX-License-Identifier: Apache-2.0
"""Configurations of the chaos test: right ones of every feature at random, and right ones made wrong at a random place."""
import copy
import random

KEY = "sk-test-secret"
USER = '{"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r", "token_uri": "%s/token"}'
CHATS = ["openai", "openai", "openai", "anthropic", "gemini", "bedrock", "cohere", "mistral", "openai-compatible", "azure", "azuread", "databricks", "vertex", "responses", "mock"]
# What a provider is asked by, for a type of route.
PROVIDERS = {
    "chat": CHATS, "completions": ["openai", "mistral", "openai-compatible", "anthropic", "gemini", "mock"], "embeddings": ["openai", "gemini", "cohere", "mistral", "bedrock", "openai-compatible", "mock"],
    "images": ["openai", "openai-compatible"], "transcriptions": ["openai", "mistral", "openai-compatible"], "speech": ["openai", "openai-compatible"],
    "rerank": ["cohere", "openai-compatible"], "moderations": ["openai", "mistral", "openai-compatible"],
}
CAUSES = ["connect", "timeout", "rate_limited", "overloaded", "server_error", "bad_response", "auth", "billing", "content_filter", "context_length", "rejected"]


def model_of(rng, provider, base):
    root = base.removesuffix("/v1")
    config = {
        "openai": {"openai_api_key": KEY, "openai_api_base": base}, "responses": {"openai_api_key": KEY, "openai_api_base": base, "openai_api": rng.choice(["responses", "auto"])},
        "azure": {"openai_api_key": KEY, "openai_api_base": root, "openai_api_version": "2024-10-21", "openai_deployment_name": "d"},
        "azuread": {"openai_api_key": KEY, "openai_api_type": "azuread", "openai_api_base": root, "openai_api_version": "2024-10-21", "openai_deployment_name": "d",
                    "azure_tenant_id": "t", "azure_client_id": "c", "azure_authority": root},
        "databricks": {"host": root, "client_id": "c", "client_secret": "s"}, "vertex": {"vertex_project": "p", "vertex_credentials": USER % root, "vertex_api_base": root + "/v1"},
        "anthropic": {"anthropic_api_key": KEY, "anthropic_api_base": base}, "gemini": {"gemini_api_key": KEY, "gemini_api_base": root + "/v1beta"},
        "bedrock": {"aws_config": {"aws_region": "us-east-1", "aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "x", "aws_endpoint_url": root}},
        "cohere": {"cohere_api_key": KEY, "cohere_api_base": root + "/v2"}, "mistral": {"mistral_api_key": KEY, "mistral_api_base": base},
        "openai-compatible": {"api_base": base}, "mock": {},
    }[provider]
    names = {"anthropic": ["claude-sonnet-4-5", "x"], "gemini": ["gemini-2.5-flash"], "bedrock": ["amazon.nova-pro-v1:0"], "cohere": ["command-a-03-2025"], "mistral": ["mistral-large-latest"], "vertex": ["gemini-2.5-flash"]}
    if provider == "mock":
        config = rng.choice([{}, {"latency": "50ms"}, {"chunk_delay": "5ms", "chunk_size": 3}, {"error": {"status": rng.choice([429, 500, 503])}}, {"refusal": "no"}, {"tools": [{"name": "look_up"}]}])
    return {"provider": {"responses": "openai", "azuread": "azure", "vertex": "vertex_ai"}.get(provider, provider), "name": rng.choice(names.get(provider, ["gpt-4o-mini", "gpt-4", "m"])), "config": config}


def sometimes(rng, share, make):
    return make() if rng.random() < share else None


def times(rng):
    ms = rng.choice([["30ms", "80ms", "200ms"], ["150ms", "400ms", "1s"]])
    out = {"connect": "100ms", "first_byte": rng.choice(ms), "idle": rng.choice(ms)}
    return {**out, **({"total": rng.choice(["1s", "2s", "4s"])} if rng.random() < 0.3 else {})}


def fallback(rng, later):
    out = {"on": sometimes(rng, 0.5, lambda: rng.sample(CAUSES, rng.randint(0, len(CAUSES)))), "attempts": sometimes(rng, 0.4, lambda: rng.randint(1, 8)),
           "within": sometimes(rng, 0.3, lambda: rng.choice(["1ms", "50ms", "1s"])), "routes": sometimes(rng, 0.5, lambda: rng.sample(later, rng.randint(0, min(2, len(later)))))}
    return {k: v for k, v in out.items() if v is not None}


def own(rng, later):
    """`sluice:` of a route, without its targets."""
    ttl = rng.choice(["1s", "1h"])
    out = {
        "timeouts": times(rng), "retries": sometimes(rng, 0.5, lambda: rng.randint(0, 3)), "balance": sometimes(rng, 0.6, lambda: rng.choice(["weighted", "least_busy", "fastest", "ordered", "cheapest"])),
        "fallback": sometimes(rng, 0.6, lambda: fallback(rng, later)),
        "breaker": sometimes(rng, 0.5, lambda: rng.choice(["off", {"errors": rng.randint(1, 4), "ratio": rng.choice(["1%", "50%"]), "window": "2s", "open": rng.choice(["1ms", "50ms", "500ms"])}])),
        "hedge": sometimes(rng, 0.5, lambda: {"after": rng.choice(["1ms", "5ms", "20ms", "p95"]), "at_most": rng.choice(["100%", "100%", "50%", "5%"])}),
        "queue": sometimes(rng, 0.5, lambda: {"wait": rng.choice(["1ms", "50ms", "300ms", "2s"]), "size": rng.choice([1, 2, 100])}),
        "affinity": sometimes(rng, 0.5, lambda: rng.choice([{"by": "off"}, {"by": "auto", "ttl": ttl}, {"by": {"header": "x-user"}, "ttl": ttl}])),
        "responses": sometimes(rng, 0.2, lambda: {"keep": rng.choice(["1s", "1h"]), "size": rng.choice(["4KiB", "1MiB"])}),
        "health": sometimes(rng, 0.3, lambda: rng.choice([{"every": "1s"}, {"every": "1s", "by": "connect"}, "off"])),
        "passage": sometimes(rng, 0.2, lambda: ["GET /files/*", "POST /files", "GET /v1/**"]),
    }
    return {k: v for k, v in out.items() if v is not None}


def route(rng, name, kind, bases, later, others=()):
    """`bases`: where targets are. `later`: names of routes of the same type behind this one, so that none leads back. `others`: all of them, for shadows."""
    def model():
        return model_of(rng, rng.choice(PROVIDERS[kind]), rng.choice(bases))

    sluice, n = own(rng, later), rng.choice([0, 1, 2, 2, 3, 4])
    entry = {"name": name, "endpoint_type": f"llm/v1/{kind}"}
    if n == 0 or rng.random() < 0.3:
        entry["model"] = model()
    if n:
        names = rng.sample(["a", "b", "c", "d"], n)
        sluice["targets"] = [{"name": t, "model": model()} for t in names]
        if "model" in entry and rng.random() < 0.6:
            sluice["targets"].insert(rng.randint(0, n), {"name": "model"})
        for t in sluice["targets"]:
            more = {"weight": sometimes(rng, 0.4, lambda: rng.choice([0, 1, 3, 10000])), "tier": sometimes(rng, 0.4, lambda: rng.choice([0, 1, 2])),
                    "max_concurrent": sometimes(rng, 0.5, lambda: rng.choice([1, 1, 2, 8])), "timeouts": sometimes(rng, 0.3, lambda: times(rng))}
            t.update({k: v for k, v in more.items() if v is not None})
        tiers = sorted({t.get("tier", 0) for t in sluice["targets"]} | ({0} if "model" in entry and all(t["name"] != "model" for t in sluice["targets"]) else set()))
        for t in sluice["targets"]:
            t["tier"] = tiers.index(t.get("tier", 0))  # without a gap
        if not any(t.get("weight", 1) for t in sluice["targets"]):
            del sluice["targets"][0]["weight"]
    elif rng.random() < 0.6:
        sluice["targets"] = [{"name": "model", "max_concurrent": rng.choice([1, 2])}]
    else:
        for key in ("balance", "hedge", "queue", "affinity"):
            sluice.pop(key, None)
    asked = entry["model"] if "model" in entry else sluice["targets"][0]["model"]
    if kind != "chat" or asked["provider"] not in ("openai", "anthropic", "gemini"):
        sluice.pop("passage", None)
    providers = {t["model"]["provider"] for t in sluice.get("targets", ()) if "model" in t} | ({entry["model"]["provider"]} if "model" in entry else set())
    if providers <= {"openai", "anthropic", "gemini", "cohere", "mistral"} and isinstance(sluice.get("health"), dict):
        sluice["health"] = {"every": "1s", "by": "models"}
    shadows = [other for other in others if other != name]
    if shadows and rng.random() < 0.5:
        sluice["shadow"] = {"route": rng.choice(shadows), "share": rng.choice(["100%", "100%", "50%", "1%"])}
    entry["sluice"] = sluice
    if rng.random() < 0.1:
        entry["limit"] = {"calls": rng.choice([0, 5, 20, 100]), "renewal_period": rng.choice(["second", "minute", "second;100/hour"])}
    return entry


def routes(rng, bases, prefix="r"):
    kinds = [rng.choice(["chat", "chat", "chat", *PROVIDERS]) for _ in range(rng.randint(1, 4))]
    names = [f"{prefix}{i}" for i in range(len(kinds))]
    alike = [[n for n, k in zip(names, kinds) if k == kind] for kind in kinds]
    return [route(rng, names[i], kinds[i], bases, [n for n in alike[i] if n > names[i]], alike[i]) for i in range(len(kinds))]


def settings(rng):
    """What is around the routes. All is small, so that bounds are reached."""
    upstream = {"allow": ["127.0.0.0/8"], "timeouts": {"first_byte": "1s", "idle": "1s", "total": rng.choice(["2s", "6s"])}, "pool": {"idle_per_origin": rng.choice([0, 1, 64]), "idle_timeout": rng.choice(["1ms", "20ms", "60s"])},
                "limits": {"reply": rng.choice(["1KiB", "64KiB", "32MiB"]), "event": rng.choice(["64KiB", "16MiB"])}}
    if rng.random() < 0.5:
        upstream["retry_budget"] = {"share": rng.choice(["0%", "20%", "100%"]), "least": rng.choice([0, 1, 100])}
    server = {"workers": rng.randint(1, 3), "headers": True, "heartbeat": rng.choice(["0s", "10ms", "15s"]), "timeouts": {"drain": rng.choice(["100ms", "1s", "5s"]), "drain_delay": "0s"},
              "limits": {"memory": rng.choice(["1MiB", "4MiB", "1GiB", "1GiB"]), "body": rng.choice(["64KiB", "4MiB", "32MiB", "32MiB"]), "spool": rng.choice(["0B", "1MiB", "4GiB"]), "form": rng.choice(["300KiB", "512MiB", "512MiB"])}}
    return {"upstream": upstream, "server": server, "log": {"level": "error"}, "responses": {"max": rng.choice([0, 2, 1000])}}


# --- wrong ones ---

ODD = [None, [], {}, "", 0, -1, 1, True, "x", "\u0000", "null", 1e308, 2**63, -2**63, 10**30, 1.5, "99999999999999999999s", "-1s", "1", "0%", "101%", "-5%", [None], [[]], [{}], {"": None}, {"x": {"x": {}}},
       "model", "off", "p95", "a" * 300, "é\u202e", ["connect", "connect"], [1, "a", None], {"header": None}, {"by": []}]


def places(value, path=()):
    """Every place of a tree, as a path."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from places(inner, (*path, i))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def wrong(rng, tree, n=None):
    """(a copy with one to three places changed, their paths): a value of another type, a key that is gone, one that is new or moved, an item twice."""
    tree, paths = copy.deepcopy(tree), []
    for _ in range(n or rng.choice([1, 1, 1, 2, 3])):
        path = rng.choice([p for p in places(tree) if p])
        over, key, way = at(tree, path[:-1]), path[-1], rng.random()
        if way < 0.6:
            over[key] = copy.deepcopy(rng.choice(ODD))
        elif way < 0.75:
            del over[key]
        elif way < 0.9:
            other = at(tree, rng.choice([p for p in places(tree)]))
            over[key] = copy.deepcopy(other)
        elif isinstance(over, list):
            over.insert(0, copy.deepcopy(over[key]))
        else:
            over[f"{key}s"] = copy.deepcopy(over[key])
        paths.append(path)
    return tree, paths


def as_put(entry):
    """The body of PUT for an entry of the file."""
    body = {k: v for k, v in entry.items() if k not in ("name", "endpoint_type", "limit")}
    return {"route_type": entry.get("endpoint_type"), **body}


def small(seed):
    return random.Random(seed)

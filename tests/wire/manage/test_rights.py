# SPDX-License-Identifier: Apache-2.0
"""Who may do what: every path, with every method, with every kind of key. The expected rights are written here again,
independent of the daemon's table."""
import re

import pytest

from harness import CHAT, CHAT_REPLY, chat_route

ADMIN = "an-admin-key-of-the-file"
# name: role, group
CALLERS = {"query": ("query", None), "narrow": ("query", None), "viewer": ("viewer", None), "operator": ("operator", None), "boss": ("admin", None), "old": ("query", None),
           "team-query": ("query", "acme/search"), "team-viewer": ("viewer", "acme"), "team-boss": ("admin", "acme"), "deep-boss": ("admin", "acme/search")}
KEYS = {name: "sk-sluice-" + (name.replace("-", "") * 43)[:43] for name in CALLERS}
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "QUERY", "PROPFIND")

OPEN, ANY, INVOKE, VIEWER, OPERATOR, ADMINS, TEAM_VIEWER, TEAM_ADMIN = "open", "any", "invoke", "viewer", "operator", "admins", "viewers of groups too", "admins of groups too"
MAY = {ADMINS: {"boss", "admin"}}
MAY[OPERATOR] = MAY[ADMINS] | {"operator"}
MAY[VIEWER] = MAY[OPERATOR] | {"viewer"}
MAY[TEAM_ADMIN] = MAY[ADMINS] | {"team-boss", "deep-boss"}
MAY[TEAM_VIEWER] = MAY[VIEWER] | MAY[TEAM_ADMIN] | {"team-viewer"}
MAY[INVOKE] = MAY[TEAM_ADMIN] | {"query", "narrow", "team-query"}
MAY[ANY] = MAY[INVOKE] | MAY[TEAM_VIEWER]

INVOCATIONS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/chat/completions", "/completions", "/embeddings", "/v2/embed",
               "/v1/images/generations", "/v1/images/edits", "/v1/images/variations", "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations", "/v1/moderations", "/v1/rerank", "/v2/rerank",
               "/openai/deployments/{}/chat/completions", "/openai/deployments/{}/completions", "/openai/deployments/{}/embeddings",
               *(f"/openai/deployments/{{}}/{tail}" for tail in ("images/generations", "images/edits", "audio/speech", "audio/transcriptions", "audio/translations")),
               "/v1/responses", "/responses", "/openai/responses", "/openai/v1/responses",
               "/v1/messages", "/anthropic/v1/messages", "/v1/messages/count_tokens", "/anthropic/v1/messages/count_tokens", "/v2/chat", "/gateway/{}/invocations", "/endpoints/{}/invocations", "/serving-endpoints/{}/invocations",
               "/gateway/{}/mlflow/invocations", "/gateway/mlflow/v1/chat/completions", "/gateway/mlflow/v1/embeddings", "/gateway/openai/v1/chat/completions",
               "/gateway/openai/v1/embeddings", "/gateway/openai/v1/responses", "/gateway/gemini/v1beta/models/{}:generateContent", "/gateway/gemini/v1beta/models/{}:streamGenerateContent", "/gateway/anthropic/v1/messages",
               "/model/{}/converse", "/model/{}/converse-stream",
               *(f"/{v}/models/{{}}:{action}" for v in ("v1beta", "v1") for action in ("generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents")))
RESPONSES = {**{p: {"POST": INVOKE, "GET": INVOKE, "DELETE": INVOKE} for p in ("compact", "input_tokens")}, "{}": {"GET": INVOKE, "DELETE": INVOKE}, "{}/cancel": {"POST": INVOKE}, "{}/input_items": {"GET": INVOKE}}
SERVING = "/api/2.0/serving-endpoints"
OWN = "/api/sluice/v1"
RIGHTS = {
    **{path: {"POST": INVOKE} for path in INVOCATIONS},
    "/gateway/proxy/{}/{}": {"HEAD": None, **{method: INVOKE for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}},
    **{f"{before}/responses/{path}": methods for before in ("/v1", "", "/openai", "/openai/v1") for path, methods in RESPONSES.items()},
    **{path: {"GET": ANY} for path in ("/v1/models", "/v1/models/{}", "/models", "/models/{}", "/anthropic/v1/models", "/anthropic/v1/models/{}", "/v1beta/models", "/v1beta/models/{}", "/api/2.0/endpoints/", "/api/2.0/endpoints/{}")},
    **{path: {"GET": OPEN, "HEAD": OPEN} for path in ("/health", "/ready", "/", "/docs", "/redoc", "/openapi.json")},
    **{path: {"GET": OPEN} for path in ("/favicon.ico", "/.well-known/databricks-config")},
    **{path: {"GET": OPEN, "HEAD": OPEN} for path in ("/console", "/console/", "/console/{}/{}")},
    **{path: {"GET": OPEN} for path in ("/console/login", "/console/callback")},
    "/metrics": {"GET": VIEWER, "HEAD": VIEWER},
    "/api/2.0/gateway/routes/": {"GET": ANY, "POST": OPERATOR},
    "/api/2.0/gateway/routes/{}": {"GET": ANY, "DELETE": OPERATOR},
    **{path + "{}": {"GET": ANY} for path in ("/api/2.0/gateway/limits/", "/api/2.0/endpoints/limits/")},
    **{path: {"POST": OPERATOR} for path in ("/api/2.0/gateway/limits/", "/api/2.0/endpoints/limits/")},
    **{path: {"GET": ANY, "POST": OPERATOR} for path in (SERVING, SERVING + "/")},
    SERVING + "/{}": {"GET": ANY, "DELETE": OPERATOR},
    **{SERVING + "/{}/" + last: {"PUT": OPERATOR} for last in ("rate-limits", "config", "ai-gateway")},
    SERVING + "/{}/tags": {"PATCH": OPERATOR},
    OWN + "/routes": {"GET": OPERATOR},
    OWN + "/routes/{}": {"GET": OPERATOR, "PUT": OPERATOR, "DELETE": OPERATOR},
    OWN + "/routes/{}/limits": {"GET": ANY, "PUT": OPERATOR},
    OWN + "/groups": {"GET": TEAM_VIEWER, "POST": TEAM_ADMIN},
    **{f"{OWN}/groups/{path}": {"GET": TEAM_VIEWER, "PUT": ADMINS, "DELETE": TEAM_ADMIN} for path in ("{}", "{}/{}")},  # to those of other groups nothing is there
    OWN + "/groups/acme/search/{}": {"GET": TEAM_VIEWER, "PUT": TEAM_ADMIN, "DELETE": TEAM_ADMIN},
    OWN + "/keys": {"GET": TEAM_ADMIN, "POST": TEAM_ADMIN},
    OWN + "/keys/{}": {"PUT": TEAM_ADMIN, "DELETE": TEAM_ADMIN},
    OWN + "/session": {"GET": OPEN, "POST": OPEN, "DELETE": OPEN},
    OWN + "/sessions": {"GET": ANY},
    OWN + "/sessions/{}": {"DELETE": ANY},
    OWN + "/secret/rotate": {"POST": ADMINS},
    OWN + "/audit": {"GET": ADMINS},
    OWN + "/status": {"GET": TEAM_VIEWER},
    OWN + "/config": {"GET": OPERATOR},
    OWN + "/config/diff": {"GET": OPERATOR},
    OWN + "/providers": {"GET": TEAM_VIEWER},
    OWN + "/providers/{}/test": {"POST": OPERATOR},
    OWN + "/targets": {"GET": TEAM_VIEWER},
    OWN + "/nodes": {"GET": VIEWER},
    OWN + "/usage": {"GET": ANY},
    OWN + "/usage/reprice": {"POST": ADMINS},
    **{OWN + "/requests" + path: {"GET": ANY} for path in ("", "/facets", "/tail", "/{}")},
    OWN + "/targets/{}/{}/reset": {"POST": OPERATOR},
    **{path: {} for path in ("/nowhere", "/v1/nowhere", "/api/2.0/nowhere", OWN + "/nowhere", "/gateway//invocations")},
}


@pytest.fixture
def guarded(sluice, upstream, tmp_path):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    names = [{"name": n, "principal": n, "key": f"$KEY_{n.upper().replace('-', '_')}", "role": role} | ({"group": group} if group else {}) for n, (role, group) in CALLERS.items()]
    names[1]["routes"] = ["chat"]
    names[5]["expires_at"] = "2020-01-01T00:00:00Z"
    config = {"auth": {"admin_key": "$THE_ADMIN", "metrics": "viewer", "keys": names}, "endpoints": [chat_route(up.base), chat_route(up.base, "other")],
              "groups": [{"name": n} for n in ("acme", "acme/search", "rival", "rival/search")]}
    daemon = sluice(config, args=["--data", str(tmp_path / "data")], env={"THE_ADMIN": ADMIN, **{f"KEY_{n.upper().replace('-', '_')}": k for n, k in KEYS.items()}})
    daemon.up = up
    return daemon


def test_every_path_method_and_key(guarded):
    """401 without a valid key, 403 for a role that may not, and only then the call's own answer."""
    callers = {**KEYS, "admin": ADMIN, "none": None, "unknown": "sk-sluice-" + "u" * 43, "cut": ADMIN[:-1]}
    conn = guarded.connect()
    wrong, n = [], 0
    for path, rights in RIGHTS.items():
        for method in METHODS:
            for caller, key in callers.items():
                conn.request(method, path.replace("{}", "absent"), {} if method in ("POST", "PUT", "PATCH") else None,
                             [("Authorization", f"Bearer {key}")] if key else [])
                r = conn.head() if path.endswith("/tail") else conn.reply(method)  # the tail has no end
                right = rights[method] if method in rights else (rights.get("GET") if method == "HEAD" and r.status != 405 else None)
                if right:
                    want = {401} if right != OPEN and caller not in MAY[ANY] else {403} if right != OPEN and caller not in MAY[right] else None
                else:  # everybody is told that it does not exist, as documented
                    want = {404, 405, 501} | (set() if caller in MAY[ANY] else {401}) | ({204} if method == "OPTIONS" else set())
                if (r.status not in want) if want else (r.status in (401, 403)):
                    wrong.append((method, path, caller, r.status, want))
                n += 1
                if r.get("connection") == "close" or path.endswith("/tail"):
                    conn.close()
                    conn = guarded.connect()
    assert not wrong, (len(wrong), wrong[:20])
    assert n == len(RIGHTS) * len(METHODS) * len(callers)
    assert not guarded.up.requests


def session_of(guarded, key):
    r = guarded.call("POST", OWN + "/session", {"key": key})
    assert r.status == 201, r.body
    return ("Cookie", r.get("set-cookie").split(";")[0]), ("x-sluice-csrf", r.json()["csrf"])


def test_every_path_and_method_with_a_session(guarded):
    """A browser's session opens what its key opens; from another site's page nothing, and without the csrf header only
    GET and HEAD. A session that has ended opens nothing."""
    conn = guarded.connect()
    wrong, n = [], 0

    def ask(method, path, headers):
        nonlocal conn, n
        conn.request(method, path.replace("{}", "absent"), {} if method in ("POST", "PUT", "PATCH") else None, headers)
        r = conn.head() if path.endswith("/tail") else conn.reply(method)
        n += 1
        if r.get("connection") == "close" or path.endswith("/tail"):
            conn.close()
            conn = guarded.connect()
        return r.status

    for caller in ("boss", "query", "team-viewer"):
        cookie, csrf = session_of(guarded, KEYS[caller])
        for path, rights in RIGHTS.items():
            if path == OWN + "/session":
                continue  # it is about the session itself: test_sessions.py
            for method in METHODS[:5]:
                by_key = ask(method, path, [("Authorization", f"Bearer {KEYS[caller]}")])
                right = rights[method] if method in rights else rights.get("GET") if method == "HEAD" and by_key != 405 else None
                is_open = right == OPEN or not right
                wants = {  # for an open path, or none, nobody asks who calls; but the name of a route is not told
                    "sound": (by_key,),
                    "unmarked": (by_key,) if method in ("GET", "HEAD") or right == OPEN else (403,) if right else (by_key, 403),
                    "foreign": (by_key,) if right == OPEN else (by_key, 403) if is_open else (403,),
                    "site": (by_key,) if right == OPEN else (by_key, 403) if is_open else (403,),
                    "ended": (by_key,) if right == OPEN else (by_key, 401) if is_open else (401,),
                }
                if (method, path) == ("GET", "/console/login"):  # no other page begins a login, whoever asks
                    wants |= {"foreign": (403,), "site": (403,)}
                sent = {"sound": [cookie, csrf], "unmarked": [cookie], "foreign": [cookie, csrf, ("Origin", "https://evil.example")], "site": [cookie, csrf, ("Sec-Fetch-Site", "same-site")],
                        "ended": [("Cookie", cookie[1][:-1] + "#"), csrf]}
                for how, want in wants.items():
                    status = ask(method, path, sent[how])
                    refused = (401, 403)  # the call itself may change what the next one finds
                    if status not in want and (how != "sound" or status in refused or by_key in refused):
                        wrong.append((caller, how, method, path, status, want))
    assert not wrong, (len(wrong), wrong[:20])
    assert n == 3 * (len(RIGHTS) - 1) * 5 * 6
    assert not guarded.up.requests


def test_the_matrix_has_every_path_of_the_daemon(guarded):
    told = guarded.call("GET", "/openapi.json").json()["paths"]
    for path, methods in told.items():
        pattern = re.sub(r"\{[^}]*\}", "{}", path)
        fits = [p for p in RIGHTS if p == pattern or re.fullmatch(re.escape(p).replace(r"\{\}", "[^/]+"), path)]
        assert fits, f"{path} has no row here"
        for method in methods:
            if method.isalpha() and method.islower() and method != "parameters":
                assert any((method.upper() if method != "head" else "GET") in RIGHTS[p] for p in fits), (path, method)


def test_a_narrow_key_sees_no_other_route_anywhere(guarded):
    """For any path and method with a name: the refusal for a route that exists but not for this key is the same as for
    a route that does not exist."""

    def ask(method, path, name, body):
        r = guarded.call(method, path.replace("{}", name), body, [("Authorization", f"Bearer {KEYS['narrow']}")])
        return r.status, re.sub(rb'"request_id":"[0-9a-f]+"', b"", r.body.replace(name.encode(), b"NAME")), r.get("x-sluice-error-type")

    for path, rights in RIGHTS.items():
        for method in rights:
            body = {"messages": CHAT["messages"]} if method in ("POST", "PUT", "PATCH") else None
            if "{}" in path:
                assert ask(method, path, "other", body) == ask(method, path, "absent", body), (method, path)
    for path in INVOCATIONS[:6]:
        there, nowhere = (guarded.call("POST", path, {**CHAT, "model": name, "prompt": "x", "input": "x"}, [("Authorization", f"Bearer {KEYS['narrow']}")])
                          for name in ("other", "absent"))
        assert (there.status, there.body.replace(b"other", b"NAME")) == (nowhere.status, nowhere.body.replace(b"absent", b"NAME")), path
    assert not guarded.up.requests


@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_routes_limit_keys_of_role_query_only(guarded, role):
    r = guarded.call("POST", OWN + "/keys", {"name": "half", "principal": "x", "role": role, "routes": ["chat"]}, [("Authorization", f"Bearer {ADMIN}")])
    assert r.status in (400, 422) and b"role query only" in r.body

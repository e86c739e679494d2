# SPDX-License-Identifier: Apache-2.0
"""Logins by an identity provider, which tells the truth here, and lies there."""
import json
import threading
import time
import urllib.parse

import pytest

from harness import CHAT, CHAT_REPLY, chat_route, wait_for
from issuer import CLIENT, SECRET, Browser, Issuer, Key, b64, token

OWN = "/api/sluice/v1"
ADMIN = "an-admin-key-of-the-file"
ENV = {"THE_ADMIN": ADMIN, "THE_SECRET": SECRET}
ROLES = {"ai-users": "query", "ai-viewers": "viewer", "ai-admins": "admin"}
HTML = [("Accept", "text/html,application/xhtml+xml;q=0.9")]


@pytest.fixture
def issuer(upstream):
    return Issuer(upstream)


@pytest.fixture
def gate(sluice, upstream, issuer):
    up = upstream(lambda x: x.reply(CHAT_REPLY))

    def start(*args, server=None, url=None, **oidc):
        mine = {"issuer": url or issuer.url, "client_id": CLIENT, "client_secret": "$THE_SECRET", "roles": ROLES, **oidc}
        config = {"auth": {"admin_key": "$THE_ADMIN", "oidc": {k: v for k, v in mine.items() if v is not None}}, "groups": [{"name": "acme"}, {"name": "acme/search"}],
                  "endpoints": [chat_route(up.base)], **({"server": server} if server else {})}
        return sluice(config, args=list(args), env=ENV)

    return start


def logged(daemon, words):
    return wait_for(lambda: words in daemon.stderr, lambda: f"{words!r} in the log: {daemon.stderr}")


def cookie_flags(reply, name):
    said = [v for k, v in reply.headers if k.lower() == "set-cookie" and v.startswith(name + "=")]
    assert len(said) == 1, reply.headers
    return {p.strip().split("=")[0].lower(): p.strip().partition("=")[2] for p in said[0].split(";")[1:]}


def test_a_person_logs_in(gate, issuer):
    daemon = gate("--workers", "4")
    assert daemon.call("GET", OWN + "/session").json()["logins"] == ["key", "oidc"]
    b = Browser(daemon)
    r = b.ask("GET", "/console/login")
    assert (r.status, r.get("cache-control"), r.body) == (303, "no-store", b"")
    assert cookie_flags(r, "sluice_login") == {"path": "/console", "httponly": "", "samesite": "Lax", "max-age": "600"}
    at = urllib.parse.urlsplit(r.get("location"))
    asked = dict(urllib.parse.parse_qsl(at.query))
    assert f"{at.scheme}://{at.netloc}{at.path}" == issuer.url + "/authorize"
    assert {k: asked[k] for k in ("tenant", "response_type", "client_id", "redirect_uri", "scope", "code_challenge_method")} == {
        "tenant": "a", "response_type": "code", "client_id": CLIENT, "redirect_uri": "http://127.0.0.1/console/callback", "scope": "openid profile email", "code_challenge_method": "S256"}
    secrets = [asked["state"], asked["nonce"], asked["code_challenge"], b.cookies["sluice_login"].split(".")[0]]
    assert len(set(secrets)) == 4 and all(len(text) == 43 for text in secrets)
    code, _ = issuer.grant(r.get("location"))
    r = b.back(code, asked["state"])
    assert (r.status, r.get("location"), r.get("cache-control")) == (303, "/console", "no-store"), r.body
    assert cookie_flags(r, "sluice_session") == {"path": "/", "httponly": "", "samesite": "Strict"} and cookie_flags(r, "sluice_login")["max-age"] == "0"
    said = b.ask("GET", OWN + "/session").json()
    b.csrf = said["csrf"]
    assert {k: said["session"][k] for k in ("principal", "name", "role", "group", "via")} == {"principal": "oidc:248289761001", "name": "oidc:ann", "role": "viewer", "group": None, "via": "oidc"}
    assert b.ask("GET", OWN + "/targets").status == 200 and b.ask("GET", OWN + "/keys").status == 403 and b.ask("POST", "/v1/chat/completions", CHAT).status == 403
    for conn in (daemon.connect() for _ in range(8)):  # on every worker
        assert b.ask("GET", OWN + "/targets", conn=conn).status == 200
    rows = b.ask("GET", OWN + "/sessions").json()["sessions"]
    assert [(s["via"], s["current"], s["client"]) for s in rows] == [("oidc", True, "127.0.0.1")]
    assert logged(daemon, "oidc:ann logged in as oidc:248289761001 (viewer) from 127.0.0.1")
    assert b.ask("DELETE", OWN + "/session").status == 200 and b.who() is None


def test_roles_of_an_admin_and_a_caller(gate, issuer):
    daemon = gate()
    boss, user = Browser(daemon), Browser(daemon)
    assert boss.login(issuer, roles=["ai-users", "ai-admins", "ai-viewers"]).status == 303 and boss.who()["role"] == "admin"
    assert user.login(issuer, sub="other", roles="ai-users").status == 303 and user.who()["role"] == "query"
    assert user.ask("POST", "/v1/chat/completions", CHAT, [("x-request-id", "of-a-person")]).status == 200
    line = daemon.log_line("of-a-person")
    assert (line["principal"], line["key"]) == ("oidc:other", "oidc:ann")
    seen = [s["principal"] for s in boss.ask("GET", OWN + "/sessions").json()["sessions"]]
    assert seen == ["oidc:248289761001", "oidc:other"] and [s["principal"] for s in user.ask("GET", OWN + "/sessions").json()["sessions"]] == ["oidc:other"]
    theirs = next(s["id"] for s in boss.ask("GET", OWN + "/sessions").json()["sessions"] if s["principal"] == "oidc:other")
    assert boss.ask("DELETE", f"{OWN}/sessions/{theirs}").status == 200 and user.who() is None


def many(issuer, key, **more):
    return lambda claims: token({**claims, **more}, key or issuer.key)


STRANGER = Key("one")  # the known name, another key
SPARE = Key("spare")
CURVES = {kind: Key(kind, kind) for kind in ("P-256", "P-384", "P-521")}


def lies(i):
    """What is wrong, what makes the token, what the person is told."""
    now = int(time.time())
    public = i.key.pem()
    return [
        ("none", lambda c: token(c, alg="none"), "token"), ("None", lambda c: token(c, i.key, alg="none"), "token"),
        ("HS256 with the public key", lambda c: token(c, alg="HS256", secret=public, kid="one"), "HS256"), ("HS256 with n", lambda c: token(c, alg="HS256", secret=i.keys[0]["n"].encode(), kid="one"), "HS256"),
        ("HS512 with the client's secret", lambda c: token(c, alg="HS512", secret=SECRET.encode()), "HS512"),
        ("no signature", lambda c: token(c, i.key).rsplit(".", 1)[0] + ".", "token"), ("two parts", lambda c: token(c, i.key).rsplit(".", 1)[0], "token"), ("five parts", lambda c: "a.b.c.d.e", "token"), ("no token", lambda c: "x", "token"),
        ("another key", lambda c: token(c, STRANGER), "signature"), ("an unknown key", lambda c: token(c, SPARE), "spare"), ("another curve", lambda c: token(c, CURVES["P-256"], alg="ES256", kid="one"), "ES256"),
        ("changed claims", lambda c: ".".join([(t := token(c, i.key).split("."))[0], b64(json.dumps({**c, "roles": ["ai-admins"]})), t[2]]), "signature"),
        ("crit", lambda c: token(c, i.key, crit=["exp"]), "crit"), ("no claims", lambda c: token("hello", i.key), "JSON"), ("a list", lambda c: token("[]", i.key), "object"),
        ("another audience", many(i, None, aud="other"), "another program"), ("no audience", many(i, None, aud=None), "another program"), ("audience of a prefix", many(i, None, aud=CLIENT[:-1]), "another program"),
        ("several audiences", many(i, None, aud=[CLIENT, "other"]), "azp"), ("another party", many(i, None, azp="other"), "azp"), ("another party of several", many(i, None, aud=[CLIENT, "other"], azp="other"), "azp"),
        ("expired", many(i, None, exp=now - 3600), "expired"), ("just expired", many(i, None, exp=now - 62), "expired"), ("no end", many(i, None, exp=None), "exp"), ("no number", many(i, None, exp="tomorrow"), "exp"), ("not yet", many(i, None, nbf=now + 3600), "nbf"),
        ("made later", many(i, None, iat=now + 3600), "iat"), ("another issuer", many(i, None, iss="https://evil.example"), "iss"), ("a slash more", many(i, None, iss=i.url + "/"), "iss"), ("no issuer", many(i, None, iss=None), "iss"),
        ("another nonce", many(i, None, nonce="A" * 43), "nonce"), ("no nonce", many(i, None, nonce=None), "nonce"), ("a number as nonce", many(i, None, nonce=7), "nonce"),
        ("no subject", many(i, None, sub=None), "sub"), ("an empty subject", many(i, None, sub=""), "sub"), ("a long subject", many(i, None, sub="s" * 300), "sub"), ("a subject with a line", many(i, None, sub="a\nb"), "sub"),
    ]


def test_an_issuer_that_lies_opens_nothing(gate, issuer):
    daemon = gate()
    for what, make, words in lies(issuer):
        issuer.make = make
        b = Browser(daemon)
        r = b.login(issuer)
        assert r.status == 502 and "sluice_session" not in b.cookies and words in r.body.decode(), (what, r.status, r.body)
        logged(daemon, f"refused a login from 127.0.0.1 (request {r.get('x-request-id')})")
    assert daemon.call("GET", OWN + "/sessions", headers=[("Authorization", f"Bearer {ADMIN}")]).json()["sessions"] == []
    issuer.make = None
    assert Browser(daemon).login(issuer).status == 303


def test_signatures_that_are_taken(gate, issuer):
    daemon = gate()
    now = int(time.time())
    issuer.keys = [issuer.key.public(), *(key.public() for key in CURVES.values()), {"kty": "oct", "k": b64("x" * 32), "kid": "one"}, {"kty": "new"}, 7, None]
    makes = [lambda c, a=alg: token(c, issuer.key, alg=a) for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")]
    makes += [lambda c, k=key, a=alg: token(c, k, alg=a) for alg, key in (("ES256", CURVES["P-256"]), ("ES384", CURVES["P-384"]), ("ES512", CURVES["P-521"]))]
    makes += [lambda c: token(c, issuer.key, kid=None), lambda c: token({**c, "aud": [CLIENT]}, issuer.key), lambda c: token({**c, "aud": [CLIENT, "other"], "azp": CLIENT}, issuer.key), lambda c: token({**c, "azp": CLIENT}, issuer.key),
              lambda c: token({**c, "exp": now - 20}, issuer.key), lambda c: token({**c, "nbf": now + 40, "iat": now + 40}, issuer.key), lambda c: token({**c, "exp": now + 0.5}, issuer.key)]
    for i, make in enumerate(makes):
        issuer.make = make
        r = Browser(daemon).login(issuer)
        assert r.status == 303, (i, r.body)
    for bad in ({"use": "enc"}, {"alg": "RS512"}):  # the only key is for something else
        issuer.keys, issuer.make = [issuer.key.public(kid="new", **bad)], lambda c: token(c, issuer.key, kid="new")
        r = Browser(daemon).login(issuer)
        assert r.status == 502 and b"not among" in r.body


def test_a_login_belongs_to_one_browser_and_opens_once(gate, issuer):
    daemon = gate()
    mine, other = Browser(daemon), Browser(daemon)
    code, asked = issuer.grant(mine.begin())
    other.begin()
    r = other.back(code, asked["state"])  # a stolen state
    assert r.status == 400 and b"began last" in r.body and "sluice_session" not in other.cookies
    r = Browser(daemon).back(code, asked["state"])
    assert r.status == 400 and b"began no login" in r.body
    kept = dict(mine.cookies)
    assert mine.back(code, asked["state"]).status == 303
    for _ in range(2):  # replayed, with the cookie of that time; the provider here takes codes again
        mine.cookies = dict(kept)
        r = mine.back(code, asked["state"])
        assert r.status == 400 and b"finished before" in r.body and "sluice_session" not in mine.cookies
    assert issuer.asked("/token") == 1


def test_what_comes_back_and_is_wrong(gate, issuer):
    daemon = gate()
    b = Browser(daemon)
    location = b.begin()
    code, asked = issuer.grant(location)
    state, cookie = asked["state"], b.cookies["sluice_login"]
    q = urllib.parse.quote
    for query in ("", f"code={q(code)}", f"code={q(code)}&state=", f"code={q(code)}&state={state[:-1]}", f"code={q(code)}&state={state}x", f"code={q(code)}&state={asked['nonce']}", f"code={q(code)}&state={cookie}",
                  f"code={q(code)}&state={state}&state={asked['nonce']}", f"state={state}", f"code=&state={state}", f"code=a&code=b&state={state}", f"code={'c' * 5000}&state={state}", f"code={q(code)}&state={state}&iss=https%3A%2F%2Fevil.example"):
        r = b.ask("GET", "/console/callback?" + query)
        assert r.status == 400 and "sluice_session" not in b.cookies, (query, r.status, r.body)
    now = int(time.time())
    for bad in (cookie[:-1], cookie + "1", cookie[:-1] + "1", f"{cookie[:43]}.{now + 599999}.0", f"{cookie[:43]}.{now - 1}.0", "A" * 43 + cookie[43:], cookie[:43], "x", "", cookie + "; sluice_login=" + "A" * 43 + cookie[43:]):
        r = daemon.call("GET", f"/console/callback?code={q(code)}&state={state}", headers=[("Cookie", f"sluice_login={bad}")])
        assert r.status == 400 and r.get("set-cookie") is None, (bad, r.body)
    assert not issuer.asked("/token")
    assert b.ask("HEAD", f"/console/callback?code={q(code)}&state={state}").status == 405  # it would use the code up
    assert b.back(code, state, iss=issuer.url).status == 303  # nothing of all this has spoilt it


def test_a_provider_that_names_itself_must_do_so(gate, issuer):
    issuer.meta["authorization_response_iss_parameter_supported"] = True
    daemon = gate()
    b = Browser(daemon)
    code, asked = issuer.grant(b.begin())
    assert b.back(code, asked["state"]).status == 400 and b.back(code, asked["state"], iss=issuer.url).status == 303


@pytest.mark.parametrize("error,words", [("access_denied", "did not allow it"), ("temporarily_unavailable", "try again later"), ("<script>alert(1)</script>", "finds its words in the log")])
def test_the_provider_refuses(gate, issuer, error, words):
    daemon = gate()
    b = Browser(daemon, HTML)
    _, asked = issuer.grant(b.begin())
    r = b.ask("GET", "/console/callback?" + urllib.parse.urlencode({"error": error, "error_description": "<b>call 0123\u202e</b>\n", "state": asked["state"]}))
    assert r.status == 403 and r.get("content-type") == "text/html; charset=utf-8" and words in r.body.decode()
    assert b"call 0123" not in r.body and b"<script" not in r.body  # anybody could have written it
    assert r.get("content-security-policy") == "default-src 'none'; frame-ancestors 'none'" and r.get("x-content-type-options") == "nosniff"
    assert logged(daemon, "call 0123") and "\u202e" not in daemon.stderr


def test_a_person_reads_text_and_never_markup(gate, issuer):
    daemon = gate()
    r = Browser(daemon, HTML).login(issuer, roles=["<img src=x onerror=alert(1)>"], preferred_username="\"'&<b>ann")
    assert r.status == 403 and b"<img" not in r.body and b"<b>ann" not in r.body and b"&#60;img" in r.body
    assert b'href="/console/login"' in r.body and r.get("x-request-id").encode() in r.body
    r = Browser(daemon).login(issuer, roles=["x"])
    assert r.status == 403 and r.get("content-type") == "application/json"


def test_who_has_no_role_is_told_so(gate, issuer):
    daemon = gate()
    for roles in (None, [], "ai-admin", ["staff"], {"ai-admins": True}, 7, [["ai-admins"]], ["AI-ADMINS"]):
        b = Browser(daemon)
        r = b.login(issuer, roles=roles)
        assert r.status == 403 and b"ann" in r.body and b"no role here" in r.body and "sluice_session" not in b.cookies, (roles, r.body)


def test_roles_and_groups_by_other_claims(gate, issuer):
    daemon = gate(role_claim="realm_access.roles", group_claim="https://example.com/teams")
    b = Browser(daemon)
    r = b.login(issuer, roles=None, realm_access={"roles": ["ai-admins"]}, **{"https://example.com/teams": ["/nowhere", "/acme/search", "acme"]})
    assert r.status == 303, r.body
    who = b.who()
    assert (who["role"], who["group"], who["principal"]) == ("admin", "acme/search", "oidc:248289761001")
    assert b.ask("GET", OWN + "/keys").status == 200 and b.ask("GET", OWN + "/audit").status == 403
    for teams in (None, [], "nowhere", ["/"], 7, {"acme": 1}):
        r = Browser(daemon).login(issuer, realm_access={"roles": ["ai-admins"]}, **{"https://example.com/teams": teams})
        assert r.status == 403 and b"no group" in r.body, (teams, r.body)


def test_keys_are_kept_and_fetched_again_for_a_new_one(gate, issuer):
    daemon = gate("--workers", "2")
    for _ in range(5):
        assert Browser(daemon).login(issuer).status == 303
    assert issuer.asked("/.well-known/openid-configuration") == 1 and issuer.asked("/keys") == 1
    issuer.key = Key("two")
    issuer.keys = [issuer.key.public()]
    for _ in range(3):
        assert Browser(daemon).login(issuer).status == 303
    assert issuer.asked("/keys") == 2
    issuer.make = lambda c: token(c, SPARE)
    for _ in range(15):
        assert Browser(daemon).login(issuer).status == 502
    assert 2 < issuer.asked("/keys") <= 2 + 8  # bounded, whatever tokens come
    issuer.make = None
    assert Browser(daemon).login(issuer).status == 303


def replies(body="{}", **more):
    return lambda x: x.reply(body, **more)


def test_answers_of_the_provider_that_cannot_be_used(gate, issuer):
    daemon = gate()
    where = [("Location", "http://127.0.0.1:9/")]
    for path in ("/.well-known/openid-configuration", "/keys", "/token"):
        for answer in (dict(status="302 Found", headers=where), dict(status="500 Oops"), dict(status="404 None"), dict(body="<html>"), dict(body=""), dict(body="[]"), dict(body="x" * 300000), dict(body='{"keys":7,"id_token":7}')):
            issuer.answers = {path: replies(**answer)}
            b = Browser(daemon)
            r = b.ask("GET", "/console/login")
            if path.startswith("/.well"):
                assert r.status == 502 and "sluice_login" not in b.cookies, (path, answer, r.body)
                continue
            code, asked = issuer.grant(r.get("location"))
            r = b.back(code, asked["state"])
            assert r.status == 502 and "sluice_session" not in b.cookies, (path, answer, r.status, r.body)
        issuer.answers = {}
        if path == "/.well-known/openid-configuration":
            assert Browser(daemon).ask("GET", "/console/login").status == 303
    assert Browser(daemon).login(issuer).status == 303


@pytest.mark.parametrize("change,words", [({"issuer": "https://evil.example"}, "calls itself"), ({"issuer": None}, "calls itself"), ({"token_endpoint": None}, "token_endpoint"), ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
                                          ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"), ({"authorization_endpoint": "https://a.example/\r\nx: y"}, "authorization_endpoint"), ({"authorization_endpoint": "https://a.example/#x"}, "authorization_endpoint")])
def test_a_description_that_is_wrong(gate, issuer, change, words):
    issuer.meta.update(change)
    daemon = gate()
    r = Browser(daemon, HTML).ask("GET", "/console/login")
    assert r.status == 502 and r.get("location") is None and logged(daemon, words) and "evil" not in r.body.decode()


def test_a_provider_that_is_not_there(gate, issuer):
    daemon = gate(url="http://127.0.0.1:9")
    r = Browser(daemon).ask("GET", "/console/login")
    assert r.status == 502 and b"cannot be reached" in r.body


def test_nobody_is_sent_elsewhere(gate, issuer):
    daemon = gate()
    evil = [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Prefix", "//evil.example"), ("Referer", "https://evil.example/")]
    for query in ("", "?next=https://evil.example", "?redirect_uri=https://evil.example", "?return_to=//evil.example", "?state=x&nonce=y&code_challenge=z"):
        r = daemon.call("GET", "/console/login" + query, headers=evil)
        at = urllib.parse.urlsplit(r.get("location"))
        asked = dict(urllib.parse.parse_qsl(at.query))
        assert r.status == 303 and f"{at.scheme}://{at.netloc}" == issuer.url and asked["redirect_uri"] == "http://127.0.0.1/console/callback" and "evil" not in r.get("location")
    b = Browser(daemon, evil)
    code, asked = issuer.grant(b.begin())
    r = b.back(code, asked["state"], next="https://evil.example", redirect="//evil.example")
    assert (r.status, r.get("location")) == (303, "/console")
    conn = daemon.connect()
    conn.send(b"GET /console/login HTTP/1.1\r\nHost: evil.example/x?\r\n\r\n")
    r = conn.reply()
    assert r.status == 400 and r.get("location") is None


def test_no_page_of_another_site_begins_a_login(gate, issuer):
    daemon = gate()
    b = Browser(daemon, HTML)
    assert b.login(issuer).status == 303
    asked = len(issuer.up.requests)
    for bad in ([("Sec-Fetch-Site", "cross-site")], [("Sec-Fetch-Site", "same-site")], [("Origin", "https://evil.example")], [("Origin", "null")]):
        r = b.ask("GET", "/console/login", headers=[*bad, ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")])
        assert r.status == 403 and r.get("location") is None and r.get("set-cookie") is None and b"another site" in r.body and b'href="/console/login"' in r.body, (bad, r.body)
    assert len(issuer.up.requests) == asked and b.who()
    for good in ("none", "same-origin"):
        assert b.ask("GET", "/console/login", headers=[("Sec-Fetch-Site", good)]).status == 303
    code, asked = issuer.grant(b.begin())
    assert b.ask("GET", "/console/callback?" + urllib.parse.urlencode({"code": code, "state": asked["state"]}), headers=[("Sec-Fetch-Site", "cross-site")]).status == 303  # the provider's page sends it back


def test_a_login_ends_the_session_before(gate, issuer):
    daemon = gate()
    b, other = Browser(daemon), Browser(daemon)
    assert b.login(issuer).status == 303 and other.login(issuer).status == 303
    old = Browser(daemon)
    old.cookies["sluice_session"] = b.cookies["sluice_session"]
    code, asked = issuer.grant(b.begin())
    del b.cookies["sluice_session"]  # it is Strict: not sent when another site sends the browser here
    forged = b.cookies["sluice_login"].rsplit(".", 1)[0] + ".2"
    r = daemon.call("GET", "/console/callback?" + urllib.parse.urlencode({"code": code, "state": asked["state"]}), headers=[("Cookie", f"sluice_login={forged}")])
    assert r.status == 400 and old.who() and other.who()  # it names another's session
    assert b.back(code, asked["state"]).status == 303 and b.who() and other.who()
    assert old.who() is None


def test_behind_a_prefix_and_tls(gate, issuer):
    daemon = gate(server={"public_url": "https://ai.example/x", "trusted_proxies": ["127.0.0.1"]})
    b = Browser(daemon, [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "ai.example")])
    r = b.ask("GET", "/console/login")
    assert cookie_flags(r, "sluice_login") == {"path": "/x/console", "httponly": "", "samesite": "Lax", "max-age": "600", "secure": ""}
    code, asked = issuer.grant(r.get("location"))
    assert asked["redirect_uri"] == "https://ai.example/x/console/callback"
    r = b.back(code, asked["state"])
    assert r.get("location") == "/x/console" and cookie_flags(r, "sluice_session") == {"path": "/x", "httponly": "", "samesite": "Strict", "secure": ""}


def test_clients_with_and_without_a_secret(gate, issuer):
    issuer.meta["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert Browser(gate()).login(issuer).status == 303
    issuer.has_secret = False
    assert Browser(gate(client_secret=None)).login(issuer).status == 303


def test_an_issuer_with_a_path(sluice, upstream):
    for path in ("/realms/ai", "/realms/ai/"):
        issuer = Issuer(upstream, path)
        issuer.path = path.rstrip("/")
        daemon = sluice({"auth": {"oidc": {"issuer": issuer.url, "client_id": CLIENT, "client_secret": "$THE_SECRET", "roles": ROLES}}, "endpoints": []}, env={**ENV, "SLUICE_ADMIN_KEY": ADMIN})
        r = Browser(daemon).ask("GET", "/console/login")
        assert r.status == 303, r.body
        assert issuer.up.requests[0].path == "/realms/ai/.well-known/openid-configuration"


def test_a_changed_file_ends_sessions_that_it_would_not_give(gate, issuer):
    daemon = gate()
    b, key = Browser(daemon), Browser(daemon)
    assert b.login(issuer).status == 303
    assert key.ask("POST", OWN + "/session", {"key": ADMIN}).status == 201
    conf = daemon.dir / "sluice.yaml"
    conf.write_text(conf.read_text() + "\nx-note: changed\n")
    logged(daemon, "a new configuration is in force")
    assert b.who()
    conf.write_text(conf.read_text().replace("ai-viewers: viewer", "ai-viewers: query"))
    wait_for(lambda: b.who() is None, "the end of the session")
    assert key.who() and b.login(issuer).status == 303 and b.who()["role"] == "query"


def test_without_a_provider_there_is_no_such_login(sluice):
    without = sluice({"endpoints": [], "auth": {"admin_key": "$THE_ADMIN"}}, env=ENV)
    r = Browser(without, HTML).ask("GET", "/console/login")
    assert r.status == 404 and b"no identity provider" in r.body and without.call("GET", OWN + "/session").json()["logins"] == ["key"]
    assert without.call("GET", "/console/callback?code=a&state=b").status == 404


def test_without_the_console_there_is_no_such_login(gate, issuer):
    r = Browser(gate(server={"console": False})).ask("GET", "/console/login")
    assert r.status == 404 and b"server.console" in r.body and not issuer.up.requests


def test_logins_at_one_time_are_bounded(gate, issuer):
    daemon = gate("--workers", "2", server={"trusted_proxies": ["127.0.0.1"]})

    def of(address):
        return [("X-Forwarded-For", address)]

    assert Browser(daemon).login(issuer).status == 303
    arrived = threading.Semaphore(0)

    def hold(x):
        arrived.release()
        x.hold()

    issuer.answers = {"/token": hold}
    conns = []
    for i in range(16):  # a network of IPv6 is one address
        b = Browser(daemon)
        code, asked = issuer.grant(b.begin())
        conns.append(daemon.connect().request("GET", "/console/callback?" + urllib.parse.urlencode({"code": code, "state": asked["state"]}), headers=[("Cookie", f"sluice_login={b.cookies['sluice_login']}"), *of(f"2001:db8:0:1::{i}")]))
        assert arrived.acquire(timeout=20)
    r = Browser(daemon, of("2001:db8:0:1:ffff::1")).ask("GET", "/console/login")
    assert r.status == 503 and r.get("retry-after") == "1"
    assert Browser(daemon, of("2001:db8:0:2::1")).ask("GET", "/console/login").status == 303
    for conn in conns:
        conn.close()
    issuer.answers = {}
    wait_for(lambda: Browser(daemon, of("2001:db8:0:1::99")).ask("GET", "/console/login").status == 303, "a place")
    assert Browser(daemon).login(issuer).status == 303


def test_codes_that_are_refused_are_bounded(gate, issuer):
    daemon = gate("--workers", "2", server={"trusted_proxies": ["127.0.0.1"]})

    def junk(address):
        b = Browser(daemon, [("X-Forwarded-For", address)])
        _, asked = issuer.grant(b.begin())
        return b.back("junk", asked["state"]).status

    tries = 0
    while junk(f"2001:db8:0:1::{tries}") == 502:  # a network of IPv6 is one address
        tries += 1
        assert tries < 300
    n = issuer.asked("/token")
    assert n == tries >= 32 and junk("2001:db8:0:1::ffff") == 503 and issuer.asked("/token") == n
    assert junk("2001:db8:0:2::1") == 502 and Browser(daemon).login(issuer).status == 303


def test_nothing_secret_is_logged(gate, issuer, tmp_path):
    daemon = gate()
    made = []
    issuer.make = lambda c: made.append(token(c, issuer.key)) or made[-1]
    b = Browser(daemon)
    location = b.begin()
    code, asked = issuer.grant(location)
    login = b.cookies["sluice_login"]
    assert b.back(code, asked["state"]).status == 303
    issuer.make = lambda c: made.append(token(c, STRANGER)) or made[-1]
    assert Browser(daemon).login(issuer).status == 502
    secrets = [SECRET, code, asked["state"], asked["nonce"], login, b.cookies["sluice_session"], *(part for t in made for part in t.split(".")[1:])]
    daemon.stop()
    daemon.stopped = True
    texts = [daemon.stderr, daemon.stdout, daemon.log_path.read_text()]
    assert not [s for s in secrets if any(s in t for t in texts)]


def test_the_secret_is_shown_to_nobody(gate, issuer):
    daemon = gate(client_secret=SECRET)  # as it is, in the file
    assert Browser(daemon).login(issuer).status == 303
    admin = [("Authorization", f"Bearer {ADMIN}")]
    for path in ("/config", "/config/diff", "/status", "/sessions"):
        r = daemon.call("GET", OWN + path, headers=admin)
        assert r.status == 200 and SECRET.encode() not in r.body, path
    assert b'"auth.oidc.client_id"' in daemon.call("GET", OWN + "/config", headers=admin).body

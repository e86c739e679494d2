# SPDX-License-Identifier: Apache-2.0
"""Browsers log in with a key and go on with a cookie: who may, from which pages, for how long, and who sees it."""
import datetime
import ssl
import time

import pytest

from harness import CHAT, CHAT_REPLY, Conn, chat_route, wait_for

OWN = "/api/sluice/v1"
SESSION, SESSIONS, KEYS = OWN + "/session", OWN + "/sessions", OWN + "/keys"
ADMIN = "an-admin-key-of-the-file"
QUERY = "sk-sluice-" + "q" * 43
BOSS = "sk-sluice-" + "b" * 43
ENV = {"THE_ADMIN": ADMIN, "THE_QUERY": QUERY, "THE_BOSS": BOSS}
CSRF = "x-sluice-csrf"


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


def config(base, **more):
    return {"auth": {"admin_key": "$THE_ADMIN", "keys": [{"name": "program", "principal": "team-a", "key": "$THE_QUERY"}, {"name": "boss", "group": "acme", "role": "admin", "key": "$THE_BOSS"}]},
            "groups": [{"name": "acme"}, {"name": "rival"}], "endpoints": [chat_route(base)], **more}


@pytest.fixture
def gate(sluice, upstream, tmp_path):
    up = upstream(lambda x: x.reply(CHAT_REPLY))

    def start(*args, conf=None, **more):
        daemon = sluice(conf or config(up.base, **more), args=["--data", str(tmp_path / "data"), *args], env=ENV)
        daemon.up = up
        return daemon

    return start


class Browser:
    """Keeps the cookie and the csrf text of one login."""

    def __init__(self, daemon, key=None, headers=(), status=201):
        self.daemon, self.cookie, self.csrf = daemon, None, None
        if key:
            self.login = self.ask("POST", SESSION, {"key": key}, headers)
            assert self.login.status == status, self.login.body
            self.csrf = self.login.json().get("csrf") if status == 201 else None

    def ask(self, method, path, body=None, headers=(), csrf=True, conn=None):
        own = ([("Cookie", f"theme=dark; sluice_session={self.cookie}; x=y")] if self.cookie else []) + ([(CSRF, self.csrf)] if csrf and self.csrf else [])
        r = conn.request(method, path, body, own + list(headers)).reply(method) if conn else self.daemon.call(method, path, body, own + list(headers))
        said = r.get("set-cookie")
        if said:
            name, value = said.split(";")[0].split("=", 1)
            assert name == "sluice_session"
            self.cookie = value or None
        return r

    def who(self):
        return self.ask("GET", SESSION).json()["session"]


def flags(reply):
    parts = [p.strip() for p in reply.get("set-cookie").split(";")]
    return {p.split("=")[0].lower(): p.partition("=")[2] for p in parts[1:]}


def test_a_key_is_exchanged_for_a_cookie(gate):
    daemon = gate()
    stranger = daemon.call("GET", SESSION)
    assert stranger.status == 200 and stranger.json() == {"session": None, "logins": ["key"], "csrf": None, "secure": False}
    assert stranger.get("set-cookie") is None and stranger.get("cache-control") == "no-store"
    b = Browser(daemon, ADMIN)
    assert flags(b.login) == {"path": "/", "httponly": "", "samesite": "Strict"}  # a browser would not keep a Secure cookie from here
    assert len(b.cookie) == 43 and len(b.csrf) == 43 and b.login.get("cache-control") == "no-store"
    said = b.login.json()["session"]
    assert {k: said[k] for k in ("principal", "name", "role", "group", "via", "idle_seconds")} == {"principal": "admin", "name": "admin", "role": "admin", "group": None, "via": "session", "idle_seconds": 3600}
    assert said["created_at"] < said["expires_at"]
    again = b.ask("GET", SESSION)
    assert again.json()["csrf"] == b.csrf and again.get("set-cookie") is None and ADMIN.encode() not in again.body and b.cookie.encode() not in again.body
    assert b.ask("GET", KEYS).status == 200 and b.ask("HEAD", KEYS).status == 200
    assert b.ask("POST", KEYS, {"name": "n", "principal": "p", "role": "query"}).status == 201
    assert b.ask("POST", "/v1/chat/completions", CHAT).status == 200
    r = b.ask("POST", "/v1/chat/completions", CHAT, [("x-request-id", "of-a-session")])
    line = daemon.log_line("of-a-session")
    assert (r.status, line["key"], line["principal"]) == (200, "admin", "admin")
    audit = b.ask("GET", OWN + "/audit").json()["audit"][0]
    assert (audit["action"], audit["principal"]) == ("key.create", "admin")
    up = [k.lower() for x in daemon.up.requests for k, _ in x.headers]
    assert "cookie" not in up and CSRF not in up
    assert b.ask("DELETE", SESSION).status == 200 and b.cookie is None
    assert b.ask("GET", KEYS).status == 401


def test_the_cookie_is_for_encrypted_connections_where_there_is_one(gate, sluice, certs):
    behind = gate(server={"trusted_proxies": ["127.0.0.1"]})
    assert "secure" in flags(Browser(behind, ADMIN, [("X-Forwarded-Proto", "https")]).login)
    assert "secure" not in flags(Browser(behind, ADMIN, [("X-Forwarded-Proto", "http")]).login)
    assert flags(Browser(behind, ADMIN, [("X-Forwarded-Prefix", "/ai")]).login)["path"] == "/ai"
    daemon = sluice({"auth": {"admin_key": "$THE_ADMIN"}, "endpoints": [], "server": {"tls": {"cert": certs[0], "key": certs[1]}, "public_url": "https://ai.example/x"}}, env=ENV)
    conn = Conn(daemon.port, ssl.create_default_context(cafile=certs[0]))
    r = conn.request("POST", SESSION, {"key": ADMIN}).reply()
    assert r.status == 201 and flags(r) == {"path": "/x", "httponly": "", "samesite": "Strict", "secure": ""} and r.json()["secure"] is True
    doubting = sluice({"auth": {"admin_key": "$THE_ADMIN"}, "endpoints": []}, env=ENV)
    r = Browser(doubting, ADMIN, [("X-Forwarded-Proto", "https"), ("X-Forwarded-Prefix", "/ai")]).login
    assert flags(r) == {"path": "/", "httponly": "", "samesite": "Strict"}


def test_a_public_url_with_https_is_believed_for_its_own_host(sluice):
    daemon = sluice({"auth": {"admin_key": "$THE_ADMIN"}, "endpoints": [], "server": {"public_url": "https://127.0.0.1"}}, env=ENV)
    assert "secure" in flags(Browser(daemon, ADMIN).login)
    other = sluice({"auth": {"admin_key": "$THE_ADMIN"}, "endpoints": [], "server": {"public_url": "https://ai.example"}}, env=ENV)
    assert "secure" not in flags(Browser(other, ADMIN).login)  # it asks under another name


@pytest.mark.parametrize("body", [None, {}, {"key": ""}, {"key": 7}, {"key": None}, {"key": "x" * 5000}, [], "{", {"key": "sk-sluice-" + "u" * 43}, {"key": ADMIN[:-1]}, {"key": ADMIN + " "}])
def test_what_is_no_key_opens_nothing(gate, body):
    daemon = gate()
    r = daemon.call("POST", SESSION, body)
    assert r.status in (400, 401, 413) and r.get("set-cookie") is None, r.body
    if r.status == 401:
        assert r.json()["error"]["code"] == "caller_unauthenticated"
    assert daemon.call("GET", SESSIONS, headers=bearer(ADMIN)).json()["sessions"] == []


def test_everything_but_get_and_head_needs_the_csrf_header(gate):
    daemon = gate()
    b, other = Browser(daemon, ADMIN), Browser(daemon, ADMIN)
    for method, path, body in (("POST", KEYS, {"name": "n", "principal": "p", "role": "query"}), ("POST", "/v1/chat/completions", CHAT), ("DELETE", SESSION, None), ("DELETE", SESSIONS + "/1", None),
                               ("PUT", OWN + "/routes/chat/limits", {"limits": []}), ("POST", "/gateway/chat/invocations", {"messages": CHAT["messages"]})):
        for headers in ([], [(CSRF, "")], [(CSRF, other.csrf)], [(CSRF, b.csrf[:-1])], [(CSRF, b.cookie)]):
            r = b.ask(method, path, body, headers, csrf=False)
            assert r.status == 403 and b"x-sluice-csrf" in r.body, (method, path, headers, r.body)
    assert not daemon.up.requests
    assert b.who() and other.who()


ORIGINS = [  # headers, may it
    ([], True), ([("Origin", "http://127.0.0.1")], True), ([("Origin", "https://ai.example")], True), ([("Sec-Fetch-Site", "same-origin")], True), ([("Sec-Fetch-Site", "none")], True),
    ([("Origin", "http://127.0.0.1:3000")], False), ([("Origin", "http://localhost")], False), ([("Origin", "null")], False), ([("Origin", "https://evil.example")], False), ([("Origin", "")], False),
    ([("Origin", "https://ai.example.evil.example")], False), ([("Origin", "https://app.example")], False), ([("Sec-Fetch-Site", "cross-site")], False), ([("Sec-Fetch-Site", "same-site")], False),
    ([("Origin", "http://127.0.0.1"), ("Sec-Fetch-Site", "cross-site")], False), ([("Origin", "http://127.0.0.1"), ("Origin", "https://evil.example")], False),
]


def test_no_page_of_another_origin_uses_a_session(gate):
    daemon = gate(server={"public_url": "https://ai.example", "cors": ["https://app.example"]})
    b = Browser(daemon, ADMIN)
    for headers, may in ORIGINS:
        for method, path, body in (("GET", KEYS, None), ("GET", "/v1/models", None), ("POST", "/v1/chat/completions", CHAT), ("DELETE", KEYS + "/key-9", None)):
            r = b.ask(method, path, body, headers)
            assert (r.status == 403) == (not may), (headers, method, path, r.status, r.body)
        r = daemon.call("POST", SESSION, {"key": ADMIN}, headers)
        assert r.status == (201 if may else 403) and bool(r.get("set-cookie")) == may, headers
        r = b.ask("GET", SESSION, None, headers)  # another page learns nothing, and ends nothing
        assert r.get("set-cookie") is None and (r.json()["session"] is not None) == may, headers
        r = b.ask("DELETE", SESSION, None, headers) if not may else None
        assert not r or r.status == 403
    assert b.who()  # all of that ended nothing
    # with a key of its own a page of server.cors may, whatever cookies the browser adds
    r = b.ask("POST", "/v1/chat/completions", CHAT, [("Origin", "https://app.example"), *bearer(QUERY)], csrf=False)
    assert r.status == 200 and r.get("access-control-allow-origin") == "https://app.example"


def test_a_cookie_is_taken_for_one_session_only(gate):
    daemon = gate()
    a, b = Browser(daemon, ADMIN), Browser(daemon, QUERY)
    for cookie, status in ((f"sluice_session={a.cookie}", 200), (f"sluice_session={a.cookie}; sluice_session={a.cookie}", 200), (f"sluice_session={a.cookie}; sluice_session={b.cookie}", 401),
                           (f"sluice_session={a.cookie[:-1]}", 401), (f"sluice_session={a.cookie}x", 401), (f"Sluice_Session={a.cookie}", 401), ("sluice_session=", 401), (f"x_sluice_session={a.cookie}", 401),
                           (f"sluice_session={'A' * 43}", 401), (f"sluice_session=\"{a.cookie}\"", 401), (";;=;sluice_session", 401)):
        assert daemon.call("GET", KEYS, headers=[("Cookie", cookie)]).status == status, cookie
    assert daemon.call("GET", KEYS, headers=[("Cookie", f"sluice_session={a.cookie}"), ("Cookie", f"sluice_session={b.cookie}")]).status == 401
    assert a.ask("GET", KEYS, headers=bearer(QUERY)).status == 403  # a key that was sent is meant
    first = a.cookie
    assert a.ask("POST", SESSION, {"key": QUERY}).status == 201  # another login ends the one before
    assert a.cookie != first and daemon.call("GET", KEYS, headers=[("Cookie", f"sluice_session={first}")]).status == 401
    dead = Browser(daemon)
    dead.cookie = first
    assert dead.ask("GET", SESSION).json()["session"] is None and dead.cookie is None  # the browser forgets it


def test_no_window_for_a_password_opens_over_the_console(gate):
    daemon = gate()
    b = Browser(daemon, ADMIN)
    b.ask("DELETE", SESSION)

    def schemes(*headers):
        r = daemon.call("GET", KEYS, headers=list(headers))
        assert r.status == 401
        return [v.split()[0] for k, v in r.headers if k.lower() == "www-authenticate"]

    assert schemes() == ["Bearer", "Basic"]
    assert schemes((CSRF, "")) == schemes((CSRF, "old")) == schemes(("Cookie", "sluice_session=" + "A" * 43)) == ["Bearer"]


def test_a_session_follows_its_key(gate):
    daemon = gate("--workers", "4")
    made = daemon.call("POST", KEYS, {"name": "person", "principal": "ann", "role": "viewer"}, bearer(ADMIN)).json()
    b = Browser(daemon, made["key"])
    conns = [daemon.connect() for _ in range(8)]

    def statuses(path, method="GET", body=None):
        return {b.ask(method, path, body, conn=c).status for c in conns}

    assert statuses(OWN + "/targets") == {200} and statuses(KEYS) == {403}
    assert daemon.call("PUT", KEYS + "/" + made["id"], {"name": "person", "principal": "ann", "role": "admin", "group": "acme"}, bearer(ADMIN)).status == 200
    assert statuses(KEYS) == {200} and b.who()["group"] == "acme" and statuses(OWN + "/audit") == {403}
    assert daemon.call("PUT", KEYS + "/" + made["id"], {"name": "person", "principal": "ann", "role": "query"}, bearer(ADMIN)).status == 200
    assert statuses(KEYS) == {403} and statuses("/v1/chat/completions", "POST", CHAT) == {200}
    assert daemon.call("DELETE", KEYS + "/" + made["id"], headers=bearer(ADMIN)).status == 200
    assert statuses("/v1/models") == {401} and statuses("/v1/chat/completions", "POST", CHAT) == {401}
    assert daemon.call("GET", SESSIONS, headers=bearer(ADMIN)).json()["sessions"] == []
    assert b.ask("GET", SESSION).json()["session"] is None


def test_an_expired_key_ends_with_its_sessions(gate):
    daemon = gate()
    soon = int(time.time()) + 2
    made = daemon.call("POST", KEYS, {"name": "brief", "principal": "p", "role": "viewer", "expires_at": soon}, bearer(ADMIN)).json()
    b = Browser(daemon, made["key"])
    assert datetime.datetime.fromisoformat(b.login.json()["session"]["expires_at"]).timestamp() == soon
    r = wait_for(lambda: (r := b.ask("GET", OWN + "/targets")).status == 401 and r, "the end of the key")
    assert b"expired" in r.body
    assert Browser(daemon, made["key"], status=401).cookie is None


def test_a_live_tail_ends_with_its_session(gate):
    daemon = gate()
    b, admin = Browser(daemon, ADMIN), Browser(daemon, ADMIN)
    tail = daemon.connect().request("GET", OWN + "/requests/tail", headers=[("Cookie", f"sluice_session={b.cookie}")])
    assert tail.head().status == 200
    mine = next(s["id"] for s in b.ask("GET", SESSIONS).json()["sessions"] if s["current"])
    assert admin.ask("DELETE", f"{SESSIONS}/{mine}").status == 200
    while tail.chunk():
        pass
    assert b.who() is None


def test_who_sees_and_ends_which_sessions(gate):
    daemon = gate()
    admin, one, two, boss = (Browser(daemon, k) for k in (ADMIN, QUERY, QUERY, BOSS))
    team = daemon.call("POST", KEYS, {"name": "t", "role": "viewer", "group": "acme"}, bearer(ADMIN)).json()
    member, rival = Browser(daemon, team["key"]), Browser(daemon, daemon.call("POST", KEYS, {"name": "r", "role": "admin", "group": "rival"}, bearer(ADMIN)).json()["key"])

    def seen(b):
        return [s["principal"] for s in b.ask("GET", SESSIONS).json()["sessions"]]

    assert seen(admin) == ["admin", "team-a", "team-a", "acme/boss", "acme/t", "rival/r"]
    assert seen(one) == ["team-a", "team-a"] and seen(boss) == ["acme/boss", "acme/t"] and seen(member) == ["acme/t"] and seen(rival) == ["rival/r"]
    rows = admin.ask("GET", SESSIONS).json()["sessions"]
    assert [s["current"] for s in rows] == [True] + [False] * 5 and {s["client"] for s in rows} == {"127.0.0.1"}
    assert daemon.call("GET", SESSIONS, headers=bearer(QUERY)).json()["sessions"][0]["current"] is False
    ids = {s["principal"]: s["id"] for s in rows}
    for b, whose in ((one, "admin"), (one, "acme/boss"), (member, "acme/boss"), (rival, "acme/t"), (boss, "rival/r"), (boss, "admin")):
        assert b.ask("DELETE", f"{SESSIONS}/{ids[whose]}").status == 404, whose
    for bad in ("0", "99", "x", "-1", "1e3", "18446744073709551616"):
        assert admin.ask("DELETE", f"{SESSIONS}/{bad}").status == 404
    assert boss.ask("DELETE", f"{SESSIONS}/{ids['acme/t']}").status == 200 and member.who() is None
    assert one.ask("DELETE", f"{SESSIONS}/{ids['team-a']}").status == 200
    assert {bool(one.who()), bool(two.who())} == {True, False}
    r = admin.ask("DELETE", f"{SESSIONS}/{ids['admin']}")
    assert r.status == 200 and admin.cookie is None  # its own: the browser forgets it too


def test_a_key_has_a_bounded_number_of_sessions(gate):
    daemon = gate()
    browsers = [Browser(daemon, QUERY) for _ in range(20)]
    assert [b.who() is not None for b in browsers] == [False] * 4 + [True] * 16
    assert len(daemon.call("GET", SESSIONS, headers=bearer(ADMIN)).json()["sessions"]) == 16


def test_where_the_gateway_is_open_nobody_logs_in(sluice):
    for auth in ({}, {"auth": "none"}):
        daemon = sluice({"endpoints": [], **auth})
        r = daemon.call("GET", SESSION).json()
        assert r["logins"] == [] and r["csrf"] is None and (r["session"]["role"], r["session"]["via"], r["session"]["principal"]) == ("admin", "open", "127.0.0.1")
        assert daemon.call("POST", SESSION, {"key": "x"}).status == 409
        assert daemon.call("GET", SESSIONS).json()["sessions"] == []
        assert daemon.call("DELETE", SESSIONS + "/1").status == 404
        assert daemon.call("DELETE", SESSION).status == 200


def test_a_key_says_who_it_is(gate):
    daemon = gate()
    r = daemon.call("GET", SESSION, headers=bearer(BOSS)).json()
    assert (r["session"]["role"], r["session"]["group"], r["session"]["via"], r["csrf"]) == ("admin", "acme", "key", None)
    assert daemon.call("GET", SESSION, headers=bearer("sk-sluice-" + "u" * 43)).json()["session"] is None


def test_a_restart_ends_all_sessions_and_a_reload_none(gate):
    daemon = gate()
    b = Browser(daemon, QUERY)
    conf = daemon.dir / "sluice.yaml"
    conf.write_text(conf.read_text() + "\nx-note: changed\n")
    wait_for(lambda: "a new configuration is in force" in daemon.stderr, "the reload")
    assert b.who()["role"] == "query"
    conf.write_text(conf.read_text().replace("- name: program", "- name: program\n    role: viewer"))
    wait_for(lambda: b.who()["role"] == "viewer", "the other role")
    daemon.stop()
    daemon.stopped = True
    b.daemon = gate()
    assert b.who() is None


def test_another_text_of_a_key_in_the_file_ends_its_sessions(gate):
    daemon = gate()
    b, admin = Browser(daemon, QUERY), Browser(daemon, ADMIN)
    conf = daemon.dir / "sluice.yaml"
    conf.write_text(conf.read_text().replace("key: $THE_QUERY", "key: {sha256: " + "5" * 64 + "}"))
    wait_for(lambda: b.ask("GET", "/v1/models").status == 401, "the end of the session")
    assert admin.who()


def test_the_key_leaves_no_trace(gate, tmp_path):
    daemon = gate()
    b = Browser(daemon, ADMIN)
    b.ask("GET", KEYS)
    token, csrf = b.cookie, b.csrf
    daemon.stop()
    daemon.stopped = True
    texts = [daemon.stderr, daemon.stdout, *(p.read_bytes().decode("latin-1") for p in tmp_path.rglob("*") if p.is_file())]
    assert not any(secret in text for text in texts for secret in (token, csrf, ADMIN))

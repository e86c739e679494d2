# SPDX-License-Identifier: Apache-2.0
"""Logging in, what each role sees, and a session that ends."""
import json
from urllib.parse import urlencode

import pytest

from console_data import ADMIN, CONFIG, ask, fill
from issuer import CLIENT, SECRET, Issuer

pytestmark = pytest.mark.timeout(300)  # a browser on a busy machine

OWN = "/api/sluice/v1"
ROLES = {"query": ("query", None), "viewer": ("viewer", None), "operator": ("operator", None), "boss": ("admin", None), "team-boss": ("admin", "acme"), "team-query": ("query", "acme/search")}
KEYS = {name: "sk-sluice-" + (name.replace("-", "") * 43)[:43] for name in ROLES}
SEES = {
    "query": ["Overview", "Requests", "Usage", "Playground", "Sessions"],
    "viewer": ["Overview", "Requests", "Providers", "Usage", "Limits", "Sessions"],
    "operator": ["Overview", "Requests", "Routes", "Providers", "Usage", "Limits", "Configuration", "Sessions"],
    "boss": ["Overview", "Requests", "Routes", "Providers", "Keys and groups", "Usage", "Limits", "Configuration", "Audit", "Playground", "Sessions"],
    "team-boss": ["Overview", "Requests", "Providers", "Keys and groups", "Usage", "Limits", "Playground", "Sessions"],
    "team-query": ["Overview", "Requests", "Usage", "Playground", "Sessions"],
}


@pytest.fixture
def guarded(sluice, tmp_path):
    keys = [{"name": n, "principal": n, "role": role, "key": f"$KEY_{n.upper().replace('-', '_')}"} | ({"group": group} if group else {}) for n, (role, group) in ROLES.items()]
    env = {"THE_ADMIN": ADMIN, **{f"KEY_{n.upper().replace('-', '_')}": k for n, k in KEYS.items()}}
    daemon = sluice({**CONFIG, "auth": {"admin_key": "$THE_ADMIN", "keys": keys}}, args=["--data", str(tmp_path / "data")], env=env)
    fill(daemon, ADMIN, calls=3)
    ask(daemon, "chat", key=KEYS["team-query"])
    return daemon


def bearer(key):
    return [("Authorization", f"Bearer {key}")]


def enter(page, key):
    page.fill(at='input[name="key"]', text=key)
    page.click('button:text-is("Log in")')


def test_a_key_is_exchanged_for_a_session(console, guarded):
    page = console(guarded)
    page.browser.open(page.base + "#/usage?by=model")
    page.seen('button:text-is("Log in")')
    assert page.axe() == []
    enter(page, "sk-sluice-" + "x" * 43)
    page.seen(".fault")
    assert page.count("nav") == 0
    enter(page, KEYS["boss"])
    page.settled("Usage")
    page.seen('td:has-text("mock-2")')
    assert page.eval("document.cookie") == "", "scripts can read the cookie"
    kept = page.eval("JSON.stringify([{...localStorage}, {...sessionStorage}])") + page.eval("document.documentElement.outerHTML")
    assert KEYS["boss"] not in kept
    asked = [r for r in page.told()["requests"] if "/usage" in r]
    assert asked and KEYS["boss"] not in "".join(asked)
    page.eval("location.reload()")
    page.settled("Usage")
    page.click('button:text-is("Log out")')
    page.seen('button:text-is("Log in")')
    page.eval("location.reload()")
    page.seen('button:text-is("Log in")')
    page.clean(but=["401"])


def test_what_is_changed_goes_with_the_session(console, guarded):
    """The cookie alone changes nothing; the console sends what belongs to it."""
    page = console(guarded)
    page.browser.open(page.base + "#/keys")
    enter(page, KEYS["boss"])
    page.settled("Keys and groups")
    page.click('button:has-text("New key")')
    page.fill(at='dialog >> input[name="name"]', text="robot")
    page.click('dialog >> button:has-text("Create")')
    page.seen('dialog:has-text("nobody can show it again")')
    page.press("Escape")
    made = next(k for k in guarded.call("GET", OWN + "/keys", headers=bearer(ADMIN)).json()["keys"] if k["name"] == "robot")
    audit = guarded.call("GET", OWN + "/audit", headers=bearer(ADMIN)).json()["audit"][0]
    assert (audit["action"], audit["target"], audit["principal"]) == ("key.create", made["id"], "boss")
    page.go("playground?route=chat", "Playground")
    page.fill(at="textarea", text="hello")
    page.click('button:text-is("Ask")')
    page.seen('section[aria-label="chat"] >> a')
    page.clean()


@pytest.mark.parametrize("who", list(ROLES))
def test_each_role_sees_what_it_may(console, guarded, who):
    """Its pages, no others, and none of them makes a call that is refused."""
    page = console(guarded)
    page.browser.open(page.base)
    enter(page, KEYS[who])
    page.settled("Overview")
    assert page.texts("nav a") == SEES[who]
    for title in SEES[who]:
        page.click(f'nav a:text-is("{title}")')
        page.settled(title)
        page.until("!document.querySelector('main .note')?.textContent.startsWith('Loading')")
        assert page.count(".fault") == 0, (title, page.texts(".fault"))
    for where in ("audit", "keys", "routes"):
        if {"audit": "Audit", "keys": "Keys and groups", "routes": "Routes"}[where] not in SEES[who]:
            page.browser.open(page.base + "#/" + where)
            page.seen("text=Your role may not see this page")
    page.clean()


def test_a_key_of_a_group_sees_its_own(console, guarded):
    page = console(guarded)
    page.browser.open(page.base + "#/requests")
    enter(page, KEYS["team-boss"])
    page.settled("Requests")
    page.seen('table[aria-rowcount="2"]')
    assert "acme" in page.text(".who")
    page.clean()


def test_a_session_that_ends_in_the_middle(console, guarded):
    page = console(guarded)
    page.browser.open(page.base + "#/requests?live=1")
    enter(page, KEYS["boss"])
    page.settled("Requests")
    page.seen("text=New calls appear")
    sessions = guarded.call("GET", OWN + "/sessions", headers=bearer(ADMIN)).json()["sessions"]
    assert guarded.call("DELETE", f"{OWN}/sessions/{sessions[0]['id']}", headers=bearer(ADMIN)).status == 200
    page.seen("text=The session has ended")
    enter(page, KEYS["boss"])
    page.settled("Requests")
    assert "live=1" in page.eval("location.hash")
    page.clean(but=["401", "ERR_INCOMPLETE_CHUNKED_ENCODING"])


def test_sessions_are_listed_and_ended(console, guarded):
    page = console(guarded)
    page.browser.open(page.base + "#/sessions")
    enter(page, KEYS["boss"])
    page.settled("Sessions")
    page.seen('tr:has-text("this one")')
    other = guarded.call("POST", OWN + "/session", json.dumps({"key": KEYS["viewer"]}), [("Content-Type", "application/json")])
    assert other.status == 201
    page.eval("location.reload()")
    page.settled("Sessions")
    page.click('tr:has-text("viewer") >> button')
    page.click('dialog >> button.bad')
    page.gone('tr:has-text("viewer")')
    assert len(guarded.call("GET", OWN + "/sessions", headers=bearer(ADMIN)).json()["sessions"]) == 1
    page.click('tr:has-text("this one") >> button')
    page.click('dialog >> button.bad')
    page.seen('button:text-is("Log in")')
    page.clean(but=["401"])


class Agreeing(Issuer):
    """The person is asked nothing: the browser comes back at once."""

    def handle(self, x):
        if not x.path.startswith("/authorize?"):
            super().handle(x)
            return
        code, asked = self.grant(x.path)
        x.reply("", status="303 See Other", headers=[("Location", asked["redirect_uri"] + "?" + urlencode({"code": code, "state": asked["state"]}))])


def test_a_login_at_an_identity_provider(console, sluice, upstream, tmp_path):
    """From another site and back, to the page that was asked for."""
    issuer = Agreeing(upstream)
    oidc = {"issuer": issuer.url, "client_id": CLIENT, "client_secret": "$THE_SECRET", "roles": {"ai-viewers": "viewer"}}
    daemon = sluice({**CONFIG, "auth": {"admin_key": "$THE_ADMIN", "oidc": oidc}}, args=["--data", str(tmp_path / "data")], env={"THE_ADMIN": ADMIN, "THE_SECRET": SECRET})
    page = console(daemon)
    site = daemon.url.replace("127.0.0.1", "localhost")  # another site than the provider's
    page.open(site + "/console#/usage?by=model")
    page.click('a:has-text("Log in with your organisation")')
    page.settled("Usage")
    assert "by=model" in page.eval("location.hash") and "oidc:ann" in page.text(".who")
    page.click('nav a:text-is("Sessions")')
    page.seen('tr:has-text("this one")')
    page.click('button:text-is("Log out")')
    page.seen('a:has-text("Log in with your organisation")')
    page.clean(also=(site + "/", issuer.url + "/authorize"))

# SPDX-License-Identifier: Apache-2.0
"""What can be done in the console: routes, keys, groups, the playground. Each is looked at by a call, too."""
import csv
import io
import json
import re

import pytest

from console_data import ADMIN, CONFIG, HOSTILE, ask, fill, make, mock, rows, wait_logged
from harness import chat_route

pytestmark = pytest.mark.timeout(300)  # a browser on a busy machine

OWN = "/api/sluice/v1"
MINE = {"route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock-1", "config": {"latency": "1ms"}}}


@pytest.fixture
def gateway(sluice, tmp_path):
    return sluice(CONFIG, args=["--data", str(tmp_path / "data")])


@pytest.fixture(scope="module")
def busy(sluice_module, tmp_path_factory):
    daemon = sluice_module(CONFIG, args=["--data", str(tmp_path_factory.mktemp("console") / "data")])
    fill(daemon)
    return daemon


def get(daemon, path):
    return daemon.call("GET", OWN + path).json()


# --- routes ---

def test_routes_list_and_one(console, busy):
    page = console(busy)
    page.go("routes", "Routes")
    page.seen('table[aria-rowcount="5"]')
    assert {r["name"] for r in csv.DictReader(io.StringIO(page.download('button:has-text("As CSV")')["text"]))} == {"chat", "slow", "broken", "steady"}
    page.fill(at='input[type="search"]', text="stead")
    page.seen('table[aria-rowcount="2"]')
    page.click("tbody a")
    page.settled("steady")
    page.seen('section:has-text("Targets") >> text=spare')
    assert re.search(r"sluice\.yaml:\d+", page.text("dl.facts"))
    for name, words in (("curl", "/v1/chat/completions"), ("openai", 'base_url="' + busy.url + '/v1"'), ("anthropic", "messages.create"), ("mlflow", "get_deploy_client"), ("C", "sluice_chat_query")):
        page.click(f'section:has-text("How to call it") >> button:text-is("{name}")')
        assert words in page.text('section:has-text("How to call it") >> pre') and "steady" in page.text('section:has-text("How to call it") >> pre')
    page.click('a:has-text("Try it")')
    page.settled("Playground")
    assert page.eval("document.querySelector('.choice select').value") == "steady" or "steady" in page.texts(".choice select >> option:checked")
    page.clean()


def test_a_route_is_made_changed_and_deleted(console, gateway):
    page = console(gateway)
    page.go("routes", "Routes")
    page.click('a:has-text("New route")')
    page.settled("New route")
    page.fill(at='input[name="name"]', text="mine")
    page.fill(at='textarea[name="body"]', text='{"route_type": ')
    page.click('button:has-text("Create")')
    page.seen('.fault:has-text("not JSON")')
    page.fill(at='textarea[name="body"]', text=json.dumps({**MINE, "route_type": "llm/v1/nothing"}))
    page.click('button:has-text("Create")')
    page.seen('.fault:has-text("llm/v1/chat")')
    page.fill(at='textarea[name="body"]', text=json.dumps(MINE))
    page.click('button:has-text("Create")')
    page.settled("mine")
    assert get(gateway, "/routes/mine")["version"] == 1 and ask(gateway, "mine").status == 200
    page.click('button:has-text("Edit")')
    text = json.loads(page.eval("document.querySelector('textarea').value"))
    page.fill(at="textarea", text=json.dumps({**text, "limits": [{"requests": 5, "per": "hour"}]}))
    page.click('button:has-text("Save")')
    page.seen('section:has-text("Limits") >> text=requests')
    assert get(gateway, "/routes/mine")["limits"] == [{"calls": 5, "key": "route", "renewal_period": "hour"}]
    page.click('button:has-text("Delete")')
    page.click('dialog >> button:has-text("Cancel")')
    assert get(gateway, "/routes/mine")["name"] == "mine"
    page.click('button:has-text("Delete")')
    page.click('dialog >> button:has-text("Delete")')
    page.settled("Routes")
    assert gateway.call("GET", OWN + "/routes/mine").status == 404
    page.clean(but=["400", "422"])


def test_two_tabs_change_one_route(console, gateway):
    """The second is told, sees both, and decides."""
    make(gateway, "mine", MINE)
    page = console(gateway)
    for tab in (0, 1):
        if tab:
            page.tab()
        page.go("routes/mine", "mine")
        page.click('button:has-text("Edit")')
    page.use(0)
    page.fill(at="textarea", text=json.dumps({**MINE, "limits": [{"requests": 1, "per": "day"}]}))
    page.click('button:has-text("Save")')
    page.seen('section:has-text("Limits") >> text=requests')
    page.use(1)
    page.fill(at="textarea", text=json.dumps({**MINE, "limits": [{"requests": 2, "per": "day"}]}))
    page.click('button:has-text("Save")')
    page.seen('[role="alert"]:has-text("Somebody else changed")')
    assert '"calls": 1' in page.text(".code pre") and '"requests": 2' in page.eval("document.querySelector('textarea').value")
    assert get(gateway, "/routes/mine")["limits"][0]["calls"] == 1, "nothing of the second is stored yet"
    page.click('button:has-text("Store mine over it")')
    page.seen('section:has-text("Limits") >> text=requests')
    assert get(gateway, "/routes/mine")["limits"][0]["calls"] == 2
    page.clean(but=["412"])


# --- keys and groups ---

def test_a_key_is_made_used_rotated_and_revoked(console, gateway):
    page = console(gateway)
    page.go("keys", "Keys and groups")
    page.click('button:has-text("New key")')
    page.fill(at='dialog >> input[name="name"]', text="robot")
    page.pick(at='dialog >> select[name="group"]', value="acme/search")
    page.pick(at='dialog >> select[name="ends"]', value=str(30 * 86400))
    page.click('dialog >> button:has-text("Create")')
    page.seen('dialog:has-text("nobody can show it again")')
    secret = page.text("dialog pre")
    assert re.fullmatch(r"sk-sluice-[\w-]{43}", secret)
    page.click('dialog >> button:has-text("Close")')
    page.seen('td:has-text("robot")')
    assert secret not in page.eval("document.documentElement.outerHTML")
    key = get(gateway, "/keys")["keys"][0]
    assert (key["name"], key["group"], key["principal"]) == ("robot", "acme/search", "acme/search/robot") and key["expires_at"]
    page.click('tr:has-text("robot") >> button:has-text("rotate")')
    page.pick(at="dialog >> select", value="3600")
    page.click('dialog >> button.go')
    page.seen('dialog:has-text("nobody can show it again")')
    assert page.text("dialog pre") != secret
    page.press("Escape")
    page.seen('table[aria-label="Keys and groups"][aria-rowcount="3"]')
    old, new = get(gateway, "/keys")["keys"]
    assert (old["id"], old["name"], new["name"]) == (key["id"], "robot", "robot") and old["expires_at"] < key["expires_at"] == new["expires_at"]
    page.click(f'tr:has-text("{old["id"]}") >> button:has-text("revoke")')
    page.click('dialog >> button.bad')
    page.gone("dialog")
    page.seen('table[aria-label="Keys and groups"][aria-rowcount="2"]')
    assert [k["id"] for k in get(gateway, "/keys")["keys"]] == [new["id"]]
    page.clean()


def test_groups_are_a_tree(console, gateway):
    page = console(gateway)
    page.go("keys", "Keys and groups")
    page.seen('.tree .tree >> text=search')
    page.click('button:has-text("New group")')
    page.fill(at='dialog >> input[name="name"]', text="acme/search/deep")
    page.click('dialog >> button.go')
    page.seen('.tree .tree .tree >> text=deep')
    page.click('.tree a:has-text("deep")')
    page.seen('section >> h2:has-text("acme/search/deep")')
    page.click('section:has-text("acme/search/deep") >> button:has-text("Limits")')
    page.fill(at='dialog >> textarea', text='[{"money": 7, "per": "month"}]')
    page.click('dialog >> button.go')
    page.gone("dialog")
    assert get(gateway, "/groups/acme/search/deep")["limits"] == [{"money": 7, "per": "month"}]
    page.seen('section:has-text("acme/search/deep") >> td:has-text("$7.00") >> nth=0')
    page.click('section:has-text("acme/search/deep") >> button:has-text("Delete")')
    page.click('dialog >> button.bad')
    page.gone("dialog")
    assert gateway.call("GET", OWN + "/groups/acme/search/deep").status == 404
    page.clean()


def test_limits_of_all_owners(console, gateway):
    make(gateway, "mine", {**MINE, "limits": [{"requests": 3, "per": "hour"}]})
    ask(gateway, "mine")
    page = console(gateway)
    page.go("limits", "Limits")
    page.seen('tr:has-text("3 requests / hour")')
    page.seen('tr:has-text("$5.00 money / month")')
    page.click('tr:has-text("3 requests / hour") >> a')
    page.seen('section:has-text("Route mine") >> td:text-is("2")')  # left
    page.click('button:has-text("As a command")')
    assert page.text(".code pre") == "sluice limits get mine"
    page.click('section:has-text("Route mine") >> button:has-text("Edit")')
    page.fill(at="dialog >> textarea", text="[{")
    page.click("dialog >> button.go")
    page.seen("dialog >> .fault")
    page.fill(at="dialog >> textarea", text='[{"tokens": 9000, "per": "day"}]')
    page.click("dialog >> button.go")
    page.gone("dialog")
    page.seen('tr:has-text("9,000 tokens / day")')
    assert get(gateway, "/routes/mine/limits")["limits"] == [{"tokens": 9000, "per": "day"}]
    page.clean()


# --- the playground ---

def test_two_answers_side_by_side(console, gateway):
    page = console(gateway)
    page.go("playground?route=chat&with=slow", "Playground")
    page.fill(at="textarea", text=f"say {HOSTILE}")
    page.click('button:text-is("Ask")')
    for route in ("chat", "slow"):
        page.seen(f'section[aria-label="{route}"] >> a')
        text = page.text(f'section[aria-label="{route}"]')
        assert HOSTILE in text and re.search(r"Tokens\s+\d+ → \d+", text) and re.search(r"Cost\s+\$0\.0", text) and re.search(r"First token\s+[\d.]+ m?s", text)
    assert page.eval("document.querySelectorAll('img').length") == 0
    page.click('button:has-text("As a command")')
    assert page.text(".code pre") == f"sluice query chat 'say {HOSTILE}' --stream"
    page.click('section[aria-label="chat"] >> a')
    page.seen('h2:has-text("What happened")')
    page.clean()


def test_the_playground_shows_faults_and_takes_files(console, gateway):
    page = console(gateway)
    page.go("playground?route=broken", "Playground")
    page.drop(at="form", name="notes.txt", type="text/plain", text="what is in a name")
    page.until("document.querySelector('textarea').value === 'what is in a name'")
    page.drop(at="form", name="picture.png", type="image/png", text="\x89PNG\x00")
    page.seen("text=picture.png is no text")
    assert page.eval("document.querySelector('textarea').value") == "what is in a name"
    page.click('button:text-is("Ask")')
    page.seen('section[aria-label="broken"] >> .fault')
    page.drop(at="h1", name="lost.html", type="text/html", text="<script>1</script>")
    assert page.eval("location.pathname") == "/console"
    page.clean(but=["503", "502"])


def test_an_answer_is_stopped(console, sluice, tmp_path):
    daemon = sluice({"endpoints": [mock("long", chunk_size=1, chunk_delay="200ms")]}, args=["--data", str(tmp_path / "data")])
    page = console(daemon)
    page.go("playground", "Playground")
    page.fill(at="textarea", text="a very long question with a very long answer")
    page.click('button:text-is("Ask")')
    page.until("document.querySelector('.said').textContent.length > 2")
    page.click('button:text-is("Stop")')
    page.gone('button:text-is("Stop")')
    wait_logged(daemon, 1)
    assert [r["status"] for r in rows(daemon)] == [499]
    page.clean(but=["ERR_ABORTED"])


# --- providers and the configuration ---

def test_providers_are_shown_and_tested(console, sluice, upstream, tmp_path):
    """Their last error, and a test that asks for the list of models."""
    def answer(x):
        x.reply({"object": "list", "data": []}) if x.path == "/v1/models" else x.reply({"error": {"message": HOSTILE}}, status="401 Unauthorized")

    up = upstream(answer)
    daemon = sluice({"endpoints": [chat_route(up.base)]}, args=["--data", str(tmp_path / "data")])
    ask(daemon, "chat")
    page = console(daemon)
    page.go("providers", "Providers")
    page.seen('section:has-text("OpenAI") >> td:has-text("provider_auth_failed")')
    assert len(up.requests) == 1, "to look at them asks nobody"
    page.click('section:has-text("OpenAI") >> button:text-is("Test")')
    page.seen('section:has-text("OpenAI") >> li >> .tag')
    assert [x.path for x in up.requests[1:]] == ["/v1/models"]
    assert "ok" in page.text('section:has-text("OpenAI") >> li')
    page.clean()


def test_the_configuration_and_what_the_file_would_change(console, sluice, tmp_path):
    daemon = sluice({**CONFIG, "auth": {"admin_key": "$THE_ADMIN"}}, args=["--data", str(tmp_path / "data")], env={"THE_ADMIN": ADMIN})
    page = console(daemon, headers={"Authorization": f"Bearer {ADMIN}"})
    page.go("config", "Configuration")
    page.seen('td:has-text("auth.admin_key")')
    page.seen("text=Nothing: what is on disk is in force")
    assert ADMIN not in page.eval("document.documentElement.outerHTML")
    assert page.count('td:has-text("server.heartbeat")') == 0
    page.click('label:has-text("Defaults too")')
    page.fill(at='input[type="search"]', text="heartbeat")
    page.seen('td:has-text("server.heartbeat")')
    file = daemon.dir / "sluice.yaml"
    good = file.read_text()
    file.write_text(good + "requests: { keep: 3d }\n")
    page.click('button:has-text("Look again")')
    page.seen('tr:has-text("requests.keep"):has-text("3d")')
    file.write_text(good + "requests: { kep: 3d }\n")
    page.click('button:has-text("Look again")')
    page.seen("li:has-text('kep')")
    assert re.search(r"sluice\.yaml:\d+:\d+", page.text("li:has-text('kep')"))
    page.go("overview", "Overview")
    page.seen('section:has-text("Gateway") >> dt:has-text("Version")')
    page.clean()

# SPDX-License-Identifier: Apache-2.0
"""The pages with real calls of a real gateway: what they show and do, in words, in both themes, at three widths."""
import csv
import io
import json
import os
import pathlib
import re
import shlex
import subprocess
import threading
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

from console_data import ADMIN, CONFIG, HOSTILE, ask, fill, mock, rows, wait_logged
from harness import BIN, wait_for

pytestmark = pytest.mark.timeout(300)  # a browser on a busy machine

PAGES = ["overview", "requests", "routes", "providers", "keys", "usage", "limits", "config", "audit", "playground"]
TITLES = {"overview": "Overview", "requests": "Requests", "routes": "Routes", "providers": "Providers", "config": "Configuration", "keys": "Keys and groups", "usage": "Usage", "limits": "Limits", "audit": "Audit", "playground": "Playground"}


@pytest.fixture(scope="module")
def busy(sluice_module, tmp_path_factory):
    """A gateway that is open to this machine, with some calls behind it."""
    daemon = sluice_module(CONFIG, args=["--data", str(tmp_path_factory.mktemp("console") / "data")])
    daemon.n_calls = fill(daemon)
    return daemon


def test_overview_shows_the_calls(console, busy):
    page = console(busy)
    page.go(title="Overview")
    page.seen(".tile")
    tiles = page.texts(".tile")
    assert any(re.match(rf"Calls\s+{busy.n_calls}", tile) for tile in tiles), tiles
    assert any("First token" in tile and "ms" in tile for tile in tiles)
    page.seen(".plot svg")
    assert page.count(".plot svg") == 3
    page.seen('section:has-text("Errors by type") >> text=provider_overloaded')
    page.seen('section:has-text("Calls by route") >> text=steady')
    page.seen('section:has-text("Limits near their cap") >> text=No limit was near')
    page.seen('section:has-text("Targets") >> text=first')
    page.clean()


def test_a_part_of_the_time_is_drawn(console, busy):
    page = console(busy)
    page.go(title="Overview")
    page.seen(".plot svg")
    page.drag(at=".plot svg", **{"from": 0.5, "to": 0.9})
    page.until("/from=\\d+/.test(location.hash) && /to=\\d+/.test(location.hash)")
    assert "as drawn" in page.text(".choice >> nth=1")
    page.settled("Overview")
    page.clean()


def test_nodes_of_a_shared_store(console, busy):
    nodes = [{"name": name, "is_self": name == "one", "version": "1.0", "change": 5, "store": "up", "counters": counters, "draining": False, "live": live,
              "started_at": "2026-01-01T00:00:00Z", "seen_at": "2026-01-01T00:00:00Z"} for name, live, counters in (("one", True, "up"), ("two", True, "down"), ("three", False, "up"))]
    page = console(busy)
    page.answer(url="**/api/sluice/v1/nodes", body=json.dumps({"nodes": nodes, "next_page_token": None}))
    page.go(title="Overview")
    for name, words in (("one", "up"), ("two", "Counters down"), ("three", "down")):
        page.seen(f'section:has(h2:text-is("Nodes")) >> tr:has-text("{name}") >> text="{words}"')
    page.clean()


def test_requests_are_listed_filtered_and_told(console, busy):
    page = console(busy)
    page.go("requests", "Requests")
    page.seen(f'table[aria-rowcount="{busy.n_calls + 1}"]')
    page.click("details >> summary")
    page.click('.facet:has-text("Route") >> button:has-text("steady")')
    page.until("location.hash.includes('route=steady')")
    page.seen('table[aria-rowcount="2"]')
    page.click("tbody a")
    page.seen('h2:has-text("What happened")')
    story = page.text('section:has-text("What happened")')
    assert "first" in story and "spare" in story and "fallback" in story and "503" in story
    wanted = rows(busy, route="steady")[0]
    assert wanted["id"] in page.text("h1") and wanted["id"] in page.text("dl.facts")
    page.click('button:has-text("As a command")')
    assert page.text(".code pre") == f"sluice explain {wanted['id']}"
    page.clean()


def test_filters_live_in_the_address_and_go_away(console, busy):
    page = console(busy)
    page.go("requests?status=5xx", "Requests")
    page.seen('table[aria-rowcount="2"]')
    page.click('button:has-text("As a command")')
    assert page.text(".code pre") == "sluice logs --status 5xx"
    page.click('button.on:has-text("Status")')
    page.seen(f'table[aria-rowcount="{busy.n_calls + 1}"]')
    assert "status" not in page.eval("location.hash")
    page.fill(at='input[name="value"]', text="nobody")
    page.press("Enter")
    page.seen("text=No calls fit")
    page.clean()


def test_csv_is_what_is_listed(console, busy):
    page = console(busy)
    page.go("requests", "Requests")
    page.seen(f'table[aria-rowcount="{busy.n_calls + 1}"]')
    file = page.download('button:has-text("As CSV")')
    table = list(csv.DictReader(io.StringIO(file["text"])))
    assert file["name"] == "sluice-requests.csv" and len(table) == busy.n_calls
    want = {(r["route"], str(r["status"])) for r in rows(busy)}
    assert {(r["route"], r["status"]) for r in table} == want
    page.go("usage", "Usage")
    file = page.download('button:has-text("As CSV")')
    assert {r["route"] for r in csv.DictReader(io.StringIO(file["text"]))} == {"chat", "slow", "broken", "steady"}
    page.clean()


def test_new_calls_appear_by_themselves(console, sluice, tmp_path):
    daemon = sluice(CONFIG, args=["--data", str(tmp_path / "data")])
    page = console(daemon)
    page.go("requests?live=1", "Requests")
    page.seen("text=New calls appear as they end")
    page.seen("text=No calls fit")
    ask(daemon, "chat")
    page.seen('table[aria-rowcount="2"]')
    for _ in range(3):
        ask(daemon, "chat")
    page.seen('table[aria-rowcount="5"]')
    told = page.told()
    assert len([r for r in told["requests"] if "/requests/tail" in r]) == 1, "one event stream"
    assert len([r for r in told["requests"] if "/v1/requests?" in r]) == 2, "one request a page, and one for what ended before the list was live"
    page.click('button:has-text("Live")')
    page.until("!location.hash.includes('live')")
    page.clean()


def test_under_load(console, sluice, tmp_path):
    """Calls from many sides: the live list shows each once, draws only what is seen, and the page still answers."""
    daemon = sluice({"endpoints": [mock("chat")]}, args=["--data", str(tmp_path / "data")])
    page = console(daemon)
    page.go("requests?live=1", "Requests")
    page.seen("text=New calls appear as they end")
    callers = [threading.Thread(target=lambda: [ask(daemon, "chat") for _ in range(60)]) for _ in range(8)]
    for caller in callers:
        caller.start()
    page.seen("tbody a")
    page.click("tbody a")
    page.seen('h2:has-text("What happened")')
    page.eval("history.back()")
    page.settled("Requests")
    for caller in callers:
        caller.join()
    def whole():
        page.eval("document.querySelector('.rows').scrollTop = 1e9")  # older ones come as they are wanted
        return page.count('table[aria-rowcount="481"]')

    wait_for(whole, "all 480 calls", deadline=60)
    assert page.count("tbody tr") < 120
    whole()
    page.seen('tr[aria-rowindex="481"]')
    shown = page.eval("new Set([...document.querySelectorAll('tbody a')].map((a) => a.hash)).size")
    assert shown == page.count("tbody a"), "none is there twice"
    page.clean()


def test_usage_by_anything(console, busy):
    page = console(busy)
    page.go("usage?by=model&and=route&sum=cost", "Usage")
    page.seen('td:has-text("mock-2")')
    page.seen(".plot svg")
    page.click('button:has-text("As a command")')
    assert page.text(".code pre") == "sluice usage --by model,route --since 7d"
    said = busy.call("GET", "/api/sluice/v1/usage?by=model,route").json()["usage"]
    assert page.eval("document.querySelector('table').getAttribute('aria-rowcount')") == str(len(said) + 1)
    page.clean()


def test_audit_shows_a_change(console, busy):
    busy.call("POST", "/api/sluice/v1/keys", {"name": "seen", "principal": HOSTILE, "role": "query"})
    page = console(busy)
    page.go("audit", "Audit")
    page.click('tr:has-text("key.create") >> button')
    page.seen("dialog")
    assert HOSTILE in page.text("dialog")
    page.press("Escape")
    page.gone("dialog")
    page.clean()


def test_names_of_strangers_stay_text(console, busy):
    """Markup, control characters and marks of direction: shown, never done."""
    page = console(busy)
    page.go("requests?principal=" + HOSTILE.replace("<", "%3C"), "Requests")
    page.seen('button.on:has-text("<img")')
    named = next(r for r in rows(busy) if r.get("session"))
    page.go(f"requests/{named['id']}")
    page.seen('h2:has-text("Facts")')
    assert HOSTILE in page.text("dl.facts")
    page.go("requests/" + "%E2%80%AEevil%00%0A")
    page.seen(".fault")
    assert page.text("h1") == "\\u202eevil\\u0000\\u000a"
    assert page.eval("document.querySelectorAll('img, iframe, object').length") == 0
    page.clean(but=["404", "400"])


def test_a_gateway_that_is_slow_gone_or_changed(console, busy):
    page = console(busy)
    page.answer(url="**/api/sluice/v1/audit*", delay_ms=1500, body='{"audit":[],"next_page_token":null}')
    page.go("audit", "Audit")
    page.seen("text=Loading")
    page.seen("text=Nothing was changed yet")
    page.unanswer("**/api/sluice/v1/audit*")
    for said, status, words in (('{"other": 1}', 200, "another version"), ("<html>", 200, "another version"), ("", 502, "status 502"), ('{"error":{"message":"out of <b>luck</b>"}}', 503, "out of <b>luck</b>")):
        page.answer(url="**/api/sluice/v1/audit*", status=status, body=said)
        page.go("usage", "Usage")
        page.go("audit", "Audit")
        page.seen(f".fault:has-text('{words}')")
        page.unanswer("**/api/sluice/v1/audit*")
    page.click('.fault >> button:has-text("Try again")')
    page.gone(".fault")
    page.answer(url="**/api/sluice/v1/audit*", abort=True)
    page.go("usage", "Usage")
    page.go("audit", "Audit")
    page.seen(".fault:has-text('cannot be reached')")
    page.clean(but=["502", "503", "ERR_FAILED"])


def test_a_clock_an_hour_off(console, busy):
    page = console(busy)
    page.answer(url="**/api/sluice/v1/session", body=json.dumps(busy.call("GET", "/api/sluice/v1/session").json()), headers={"date": "Mon, 01 Jan 2035 10:00:00 GMT"})
    page.go()
    page.seen("text=/clock differs from the gateway/")
    page.unanswer("**/api/sluice/v1/session")
    page.go("requests", "Requests")  # its answers have the right time
    page.eval("location.reload()")
    page.settled("Requests")
    page.gone("text=/clock differs/")


def test_times_are_those_of_the_reader(console, busy):
    shown = []
    for zone in ("Europe/Berlin", "America/Los_Angeles"):
        page = console(busy, zone=zone)
        page.go("requests", "Requests")
        page.seen("tbody time")
        shown.append(page.text("tbody time"))
        assert zone in page.text(".who")
    assert shown[0] != shown[1] and all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", s) for s in shown)


def test_keyboard_alone(console, busy):
    page = console(busy)
    page.go(title="Overview")
    page.press("Tab")
    assert page.eval("document.activeElement.className") == "skip"
    for _ in range(40):
        page.press("Tab")
        if page.eval("document.activeElement.textContent") == "Requests":
            break
    page.press("Enter")
    page.settled("Requests")
    assert page.eval("document.activeElement.tagName") == "H1", "the new page is told to who does not see it"
    page.seen("tbody a")
    for _ in range(40):
        page.press("Tab")
        if page.eval("document.activeElement.closest('tbody') !== null"):
            break
    page.press("Enter")
    page.seen('h2:has-text("What happened")')
    page.clean()


def test_pages_that_are_not_there(console, busy):
    page = console(busy)
    for where in ("nowhere", "..%2Fapp", "__proto__"):
        page.browser.open(page.base + "#/" + where)
        page.seen("text=There is no such page")
    page.go("requests/0123456789abcdef0123456789abcdef")
    page.seen(".fault:has-text('no request with this id')")
    page.clean(but=["404"])


def test_many_rows_are_drawn_as_they_are_seen(console, busy):
    """Ten thousand rows: the page has only those that are seen, and scrolls to the last."""
    n = 10000
    one = json.dumps(rows(busy, limit=1)[0])
    many = "[" + ",".join(one.replace('"id":', f'"n":{i},"id":', 1) for i in range(n)) + "]"
    page = console(busy)
    page.answer(url="**/api/sluice/v1/requests?*", body='{"requests":' + many + ',"next_cursor":null,"searched_until":null}')
    page.go("requests", "Requests")
    page.seen(f'table[aria-rowcount="{n + 1}"]')
    assert page.count("tbody tr") < 100
    page.eval("document.querySelector('.rows').scrollTop = 1e9")
    page.seen(f'tr[aria-rowindex="{n + 1}"]')
    assert page.count("tbody tr") < 100
    page.clean()


def ink(path):
    """Where something is drawn: what differs from the colour that most of the picture has."""
    picture = np.asarray(Image.open(path).convert("L")).astype(int)
    return np.abs(picture - np.bincount(picture.ravel()).argmax()) > 40


@pytest.mark.parametrize("width", [1280, 768, 320])
def test_themes_and_widths(console, busy, width, tmp_path):
    """Every page in both themes: nothing sticks out, axe has nothing against it, and what one picture shows, the other shows at the
    same place."""
    page = console(busy, width=width, height=800)
    for where in [*PAGES, "routes/steady", "routes?new=1", "keys?group=acme", f"requests/{rows(busy, route='steady')[0]['id']}"]:
        shots = {}
        for scheme in ("light", "dark"):
            page.scheme(scheme)
            page.go(where, TITLES.get(where))
            page.until("!document.querySelector('.plot') || document.querySelector('.plot svg')")
            back = page.eval("getComputedStyle(document.body).backgroundColor")
            assert (sum(map(int, re.findall(r"\d+", back)[:3])) < 384) == (scheme == "dark"), back
            assert page.eval("document.documentElement.scrollWidth") <= width, (where, width)
            assert page.axe() == [], (where, width, scheme)
            shots[scheme] = tmp_path / f"{where.replace('/', '-')}-{scheme}.png"
            page.shot(path=str(shots[scheme]))
        light, dark = ink(shots["light"]), ink(shots["dark"])
        assert light.shape == dark.shape == (800, width)
        assert 0.003 < light.mean() < 0.3, (where, light.mean())
        assert (light & dark).sum() / (light | dark).sum() > 0.6, (where, width, (light & dark).sum() / (light | dark).sum())
    page.clean()


def test_the_theme_is_chosen(console, busy):
    page = console(busy, scheme="light")
    page.go(title="Overview")
    light = page.eval("getComputedStyle(document.body).backgroundColor")
    page.pick(at='.who >> select', value="dark")
    page.until(f"getComputedStyle(document.body).backgroundColor !== '{light}'")
    page.eval("location.reload()")
    page.settled("Overview")
    assert page.eval("getComputedStyle(document.body).backgroundColor") != light
    page.clean()


def test_the_policy_is_in_force(console, busy):
    """What a page could be made to do by markup in it is refused by the browser."""
    page = console(busy)
    page.go(title="Overview")
    page.eval("(() => { const s = document.createElement('script'); s.textContent = 'window.done = 1'; document.body.append(s); })()")
    page.eval("document.body.setAttribute('style', 'color: red')")
    page.eval("(() => { const i = new Image(); i.src = 'https://elsewhere.example/x.png'; document.body.append(i); })()")
    wait_for(lambda: len(page.told()["violations"]) >= 3, "three breaches")
    assert page.eval("window.done") is None


def test_the_commands_tell_the_same(console, busy):
    """What "as a command" shows is taken by the command, and it succeeds."""
    one = rows(busy, route="steady")[0]["id"]
    page = console(busy)
    for where, word in (("requests?status=5xx&since=1h", "broken"), ("requests?session=" + HOSTILE.replace("<", "%3C").replace(" ", "%20"), "chat"), (f"requests/{one}", "spare"),
                        ("routes", "steady"), ("routes/steady", "steady"), ("keys", ""), ("keys?group=acme", "acme"), ("usage?by=model&and=route", "mock-2"), ("limits", "steady"),
                        ("limits?owner=group&name=acme", "acme"), ("limits?owner=route&name=chat", ""), ("audit", ""), ("playground?route=chat", "You said")):
        page.open("about:blank")
        page.go(where)
        page.click('button:has-text("As a command")')
        line = shlex.split(page.text(".code pre"))
        ran = subprocess.run([BIN, *line[1:]], env={**os.environ, "SLUICE_SERVER": busy.url}, capture_output=True, text=True, timeout=60)
        assert line[0] == "sluice" and ran.returncode == 0 and word in ran.stdout, (line, ran)


def spoken(tmp_path, line, shell):
    """The words that a shell makes of the line; whatever else it would do is seen, too."""
    for name in ("sluice", "curl"):
        (tmp_path / name).write_text('#!/bin/sh\nprintf "%s\\0" "${0##*/}" "$@"\n')
        (tmp_path / name).chmod(0o755)
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    ran = subprocess.run([shell, "-c", line], cwd=work, env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}, capture_output=True, timeout=60)
    assert list(work.iterdir()) == [] and ran.stderr == b"", (line, ran)
    return ran.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("value", ["24h;touch done|sh", "$(touch done)`touch done`", "' ; touch done; '", "-x y;touch done", "--json", "-", "=x\n touch done", "a\x03';touch done\n'\\';touch done;'", "\\';touch done;\u202e'"])
def test_a_link_cannot_put_words_into_a_command(console, busy, tmp_path, value):
    """A command is to be copied, so nothing of an address may be more than one value in it, nor an option."""
    page = console(busy)
    v, is_odd = quote(value, safe=""), value.startswith("-")
    word = ["--", value] if is_odd else [value]

    def option(name):
        return [f"--{name}={value}"] if is_odd else [f"--{name}", value]

    def check(want):
        line = page.text(".code pre")
        assert spoken(tmp_path, line, "bash") == ["sluice", *want], line
        assert spoken(tmp_path, line, "sh")[0] == "sluice"  # it may not know $'', but does nothing else

    for where, want in ((f"requests?since={v}", ["logs"]), (f"requests?session={v}&live=1&since={v}", ["logs", "-f", *option("session")]), (f"requests?error_type={v}", ["logs", *option("error-type")]),
                        (f"requests/{v}", ["explain", *word]), (f"routes/{v}", ["routes", "get", *word]), (f"keys?group={v}", ["groups", "get", *word]),
                        (f"limits?owner=route&name={v}", ["limits", "get", *word]), (f"limits?owner=group&name={v}", ["groups", "get", *word]), (f"limits?owner={v}&name={v}", ["routes", "list", "--json"]),
                        (f"usage?by={v}&and={v}&since={v}&sum={v}", ["usage", "--by", "route", "--since", "7d"]), (f"audit?since={v}&actor={v}", ["audit", "--all"])):
        page.open("about:blank")
        page.go(where)
        page.click('button:has-text("As a command")')
        check(want)
    page.go(f"playground?route={v}&with={v}", "Playground")
    page.click('button:has-text("As a command")')
    page.click("details >> summary")
    page.fill(at="textarea[required]", text=value)
    page.fill(at="details >> textarea", text=value)
    options = ["--stream", *option("system")]
    check(["query", *options, "--", "chat", value] if is_odd else ["query", "chat", value, *options])
    page.go("routes/chat", "chat")
    assert spoken(tmp_path, page.text('section:has-text("How to call it") >> pre'), "sh")[:2] == ["curl", busy.url + "/v1/chat/completions"]


def test_an_empty_gateway_says_what_to_do(console, sluice, tmp_path):
    daemon = sluice({"endpoints": []}, args=["--data", str(tmp_path / "data")])
    page = console(daemon)
    for where, words in (("overview", "Make one: sluice query"), ("requests", "Make one: sluice query"), ("usage", "No usage"), ("audit", "Nothing was changed")):
        page.go(where, TITLES[where])
        page.seen(f"text={words}")
    page.clean()


def test_without_a_request_log(console, sluice):
    daemon = sluice(CONFIG)
    ask(daemon, "chat")
    page = console(daemon)
    page.go(title="Overview")
    page.seen("text=there is no request log")
    page.go("requests", "Requests")
    page.seen(".fault:has-text('keeps no request log')")
    page.clean(but=["503"])


PICTURES = {"overview": "overview?since=15m", "requests": "requests", "keys": "keys", "playground": "playground?route=chat&with=slow"}


@pytest.fixture
def shown(sluice, tmp_path):
    """A gateway with keys, some of which were used more than others."""
    callers = {"assistant": ("acme/search", 11), "indexer": ("acme/search", 0), "nightly": ("acme", 14), "website": (None, 22)}
    keys = [{"name": name, "principal": name, "key": "$KEY_" + name.upper()} | ({"group": group} if group else {}) for name, (group, _) in callers.items()]
    texts = {name: "sk-sluice-" + (name * 10)[:43] for name in callers}
    daemon = sluice({**CONFIG, "auth": {"admin_key": "$THE_ADMIN", "keys": keys}}, args=["--data", str(tmp_path / "data")],
                    env={"THE_ADMIN": ADMIN, **{"KEY_" + name.upper(): key for name, key in texts.items()}})
    for name, (_, calls) in callers.items():
        for i in range(calls):
            ask(daemon, ("chat", "chat", "steady", "chat", "slow")[i % 5], "word " * (i % 7 + 3), texts[name], stream=i % 3 == 0)
    ask(daemon, "broken", "hello", texts["website"])
    wait_logged(daemon, 48, ADMIN)
    return daemon


def test_pictures(console, shown, tmp_path):
    """Those of docs/console.md. CONSOLE_PICTURES=docs/pictures writes them anew."""
    folder = pathlib.Path(os.environ.get("CONSOLE_PICTURES", tmp_path)).resolve()
    page = console(shown, width=1280, height=800, zone="UTC", headers={"Authorization": f"Bearer {ADMIN}"})
    for name, where in {**PICTURES, "request": f"requests/{max(rows(shown, ADMIN, route='steady'), key=lambda r: r['n_attempts'])['id']}"}.items():
        page.go(where)
        if name == "playground":
            page.fill(at="textarea", text="Why is the sky blue?")
            page.click('button:text-is("Ask")')
            page.seen('section[aria-label="slow"] >> a')
        elif name == "overview":
            page.seen('section:has-text("Calls by route") >> td:has-text("steady")')
            page.until("document.querySelectorAll('.plot path').length === 5 && !document.querySelector('.tiles').innerText.includes('–')")
        else:
            page.seen("td, .step")
        assert 10_000 < page.shot(path=str(folder / f"console-{name}.png")) < 200_000
    page.clean()


def test_the_page_of_the_docs_has_its_pictures():
    docs = pathlib.Path(__file__).resolve().parents[3] / "docs"
    named = re.findall(r"\((pictures/[^)]+)\)", (docs / "console.md").read_text())
    assert named and all((docs / name).stat().st_size < 200_000 for name in named)
    assert {f"pictures/{p.name}" for p in (docs / "pictures").glob("console-*")} == set(named)

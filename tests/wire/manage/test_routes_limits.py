# SPDX-License-Identifier: Apache-2.0
"""set_limits and get_limits over HTTP, and the effect of the limits."""
import contextlib
import signal
import sqlite3

import pytest

from harness import wait_for
from test_routes_api import CONFIG, ROUTES, ask, create, data, mock, with_data  # noqa: F401

PATHS = ("/api/2.0/gateway/limits/", "/api/2.0/endpoints/limits/")


def limit(calls, key, period="hour"):
    return {"calls": calls, "key": key, "renewal_period": period}


def put(daemon, route, limits, status=200, path=PATHS[0]):
    reply = daemon.call("POST", path, {"route": route, "limits": limits}, [("content-type", "application/json")])
    assert reply.status == status, reply.body
    return reply.json()


def get(daemon, route, path=PATHS[0]):
    return daemon.call("GET", path + route).json()["limits"]


def test_what_was_set_is_shown_and_holds(sluice, data):
    daemon = with_data(sluice, data)
    create(daemon, mock("r"))
    for path in PATHS:
        assert put(daemon, "r", [limit(2, None), limit(9, "user", "5 Minutes")], path=path) == {"limits": [limit(2, "route"), limit(9, "user", "5 minutes")]}
        assert get(daemon, "r", path) == [limit(2, "route"), limit(9, "user", "5 minutes")]
    assert [ask(daemon, "r").status for _ in range(3)] == [200, 200, 429]
    put(daemon, "r", [limit(3, "route")])  # a new number of calls keeps the count
    assert [ask(daemon, "r").status for _ in range(2)] == [200, 429]
    put(daemon, "r", [limit(3, "route", "day")])  # a new period is a new window
    assert [ask(daemon, "r").status for _ in range(4)] == [200, 200, 200, 429]
    assert put(daemon, "r", []) == {"limits": []} and get(daemon, "r") == []
    assert ask(daemon, "r").status == 200
    assert daemon.call("GET", ROUTES + "r").json()["limit"] is None


def test_of_several_none_is_charged_when_one_refuses(sluice, data):
    daemon = with_data(sluice, data)
    create(daemon, mock("r"))
    put(daemon, "r", [limit(1, "user"), limit(2, "route", "day")])
    assert [ask(daemon, "r").status for _ in range(3)] == [200, 429, 429]
    put(daemon, "r", [limit(2, "route", "day")])
    assert [ask(daemon, "r").status for _ in range(2)] == [200, 429]


def test_the_files_limit(sluice, data):
    config = {"endpoints": [{**CONFIG["endpoints"][0], "limit": {"calls": 2, "renewal_period": "hour"}}]}
    daemon = with_data(sluice, data, config)
    shown = get(daemon, "chat")
    assert shown == [limit(2, "user")]  # each principal counts separately, as in MLflow
    assert ask(daemon, "chat").status == 200
    assert put(daemon, "chat", shown) == {"limits": shown}  # setting what was read changes nothing
    assert [ask(daemon, "chat").status for _ in range(2)] == [200, 429]
    put(daemon, "chat", [limit(5, "route")])  # the stored limit wins
    assert ask(daemon, "chat").status == 200
    daemon.stop()
    daemon.stopped = True
    daemon = with_data(sluice, data, config)
    assert get(daemon, "chat") == [limit(5, "route")]
    put(daemon, "chat", [])  # the file's limit is in force again
    assert get(daemon, "chat") == shown and ask(daemon, "chat").status == 429


FILE_LIMIT = {"calls": 2, "key": None, "renewal_period": "hour"}


@pytest.mark.parametrize("name, own", [("chat", FILE_LIMIT), ("free", None), ("made", FILE_LIMIT), ("bare", None), ("list", limit(7, "route", "day"))])
def test_a_routes_limit_is_the_one_in_force(sluice, data, name, own):
    file_route = CONFIG["endpoints"][0]
    in_hour = {"calls": 2, "renewal_period": "hour"}
    listed = file_route | {"name": "list", "limit": in_hour, "limits": [limit(7, None, "day"), limit(1, "user")]}
    daemon = with_data(sluice, data, {"endpoints": [file_route | {"limit": in_hour}, file_route | {"name": "free"}, listed]})
    create(daemon, mock("made") | {"limit": in_hour})
    create(daemon, mock("bare"))

    def shown():
        pages = [daemon.call("GET", f"/api/2.0/{p}/").json()[w] for p, w in (("gateway/routes", "routes"), ("endpoints", "endpoints"))]
        listed = [r["limit"] for page in pages for r in page if r["name"] == name]
        return listed + [daemon.call("GET", f"/api/2.0/{p}/{name}").json()["limit"] for p in ("gateway/routes", "endpoints")]

    for limits, first in (
        (None, own),
        ([limit(0, None, "minute")], limit(0, "route", "minute")),
        ([limit(9, "user", "5 Minutes"), limit(1, "route")], limit(9, "user", "5 minutes")),
        ([limit(1, "route", "day"), limit(9, "user")], limit(1, "route", "day")),
        ([], own),
    ):
        if limits is not None:
            put(daemon, name, limits)
        assert shown() == [first] * 4


def test_a_route_of_that_name_starts_afresh(sluice, data):
    daemon = with_data(sluice, data)
    create(daemon, mock("r"))
    put(daemon, "r", [limit(1, "route")])
    assert [ask(daemon, "r").status for _ in range(2)] == [200, 429]
    assert daemon.call("DELETE", ROUTES + "r").status == 200
    create(daemon, mock("r"))
    assert get(daemon, "r") == [] and ask(daemon, "r").status == 200
    put(daemon, "r", [limit(1, "route")])
    assert [ask(daemon, "r").status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_long_windows_survive(sluice, data, sig):
    daemon = with_data(sluice, data)
    create(daemon, mock("r"))
    put(daemon, "r", [limit(3, "route"), limit(100, "user", "minute")])
    assert [ask(daemon, "r").status for _ in range(2)] == [200, 200]
    if sig == signal.SIGKILL:
        def used():
            with contextlib.closing(sqlite3.connect(f"file:{data}/sluice.db?mode=ro", uri=True)) as db:
                return db.execute("SELECT used FROM counters WHERE owner = 'route' AND name = 'r'").fetchall()

        wait_for(lambda: used() == [(2,)], "the counter is written", 2)  # within a second, on a machine that is not busy
    daemon.stop(sig, check=sig == signal.SIGTERM)
    daemon.stopped = True
    daemon = with_data(sluice, data)
    assert [ask(daemon, "r").status for _ in range(2)] == [200, 429]


BAD = [
    ([limit(-1, None)], "limits[0].calls"), ([limit(2**63, None)], "limits[0].calls"), ([limit(1.5, None)], "limits[0].calls"),
    ([limit("1", None)], "limits[0].calls"), ([limit(1, "tenant")], "limits[0].key"), ([limit(1, 5)], "limits[0].key"),
    ([limit(1, None, "fortnight")], "limits[0].renewal_period"), ([limit(1, None, None)], "limits[0].renewal_period"),
    ([limit(1, None, "")], "limits[0].renewal_period"), ([limit(1, None, "0 minutes")], "limits[0].renewal_period"),
    ([{}], "limits[0].calls"), ([limit(1, "user"), limit(1, None), limit(2, "route")], "limits[2]"),
    ([limit(1, None, f"{n} hours") for n in range(1, 18)], "at most 16"),
]


def test_bad_limits(sluice, data):
    daemon = with_data(sluice, data)
    create(daemon, mock("r"))
    put(daemon, "r", [limit(7, "route")])
    for limits, text in BAD:
        said = put(daemon, "r", limits, 400)
        assert said["error_code"] == "INVALID_PARAMETER_VALUE" and text in said["detail"], limits
    assert put(daemon, "nope", [], 404)["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert daemon.call("GET", PATHS[0] + "nope").status == 404
    assert get(daemon, "r") == [limit(7, "route")]
    assert put(daemon, "r", [limit(2**63 - 1, None, "year")]) == {"limits": [limit(2**63 - 1, "route", "year")]}


OWN = "/api/sluice/v1/routes/"
TOKENS, PLACES = {"tokens": 100000, "per": "day"}, {"concurrent": 5}


def own_put(daemon, route, limits, status=200):
    reply = daemon.call("PUT", OWN + route + "/limits", {"limits": limits})
    assert reply.status == status, reply.body
    return reply.json()


def own_get(daemon, route):
    reply = daemon.call("GET", OWN + route + "/limits")
    assert reply.status == 200
    return reply.json()["limits"]


def test_limits_of_all_kinds_are_put_and_shown(sluice, data):
    daemon = with_data(sluice, data)
    create(daemon, mock("r"))
    assert own_get(daemon, "r") == []
    every = [{"requests": 2, "per": "hour"}, {**TOKENS, "zone": "UTC", "each": "principal"}, PLACES, {"session": {"calls": 9, "tokens": 90000}}]
    assert own_put(daemon, "r", every)["limits"] == every and own_get(daemon, "r") == every
    assert [ask(daemon, "r").status for _ in range(3)] == [200, 200, 429]
    assert get(daemon, "r") == [limit(2, "route")]
    put(daemon, "r", [limit(7, "user", "day")])  # only those of requests
    assert own_get(daemon, "r") == [{"requests": 7, "per": "day", "each": "principal"}, *every[1:]]
    put(daemon, "r", [])
    assert own_get(daemon, "r") == every[1:]
    daemon.stop()
    daemon.stopped = True
    daemon = with_data(sluice, data)
    assert own_get(daemon, "r") == every[1:]
    assert own_put(daemon, "r", [])["limits"] == []
    fault = own_put(daemon, "r", [{"tokens": -1, "per": "day"}], 400)["error"]
    assert fault["message"].startswith("limits[0].tokens: must be a whole number")
    assert daemon.call("PUT", OWN + "none/limits", {"limits": []}).status == 404


def test_put_takes_the_place_of_the_files(sluice, data):
    route = CONFIG["endpoints"][0] | {"limits": [{"requests": 3, "per": "hour"}, PLACES]}
    daemon = with_data(sluice, data, {"endpoints": [route]})
    assert own_get(daemon, "chat") == route["limits"]
    put(daemon, "chat", [limit(9, "route")])
    assert own_get(daemon, "chat") == [{"requests": 9, "per": "hour"}, PLACES]
    assert own_put(daemon, "chat", [TOKENS])["limits"] == [TOKENS]
    assert own_put(daemon, "chat", [])["limits"] == route["limits"]


@pytest.mark.parametrize("where", ["entry", "sluice"])
def test_a_route_is_made_with_limits(sluice, data, where):
    daemon = with_data(sluice, data)
    limits = [{"calls": 2, "key": "route", "renewal_period": "hour"}, TOKENS]
    more = {"limits": limits} if where == "entry" else {"sluice": {"limits": limits}}
    create(daemon, mock("r") | more)
    shown = [{"requests": 2, "per": "hour"}, TOKENS]
    assert own_get(daemon, "r") == shown and daemon.call("GET", OWN + "r").json()["limits"] == limits
    assert [ask(daemon, "r").status for _ in range(3)] == [200, 200, 429]
    put(daemon, "r", [limit(1, "user")])  # wins over its own
    assert own_get(daemon, "r") == [{"requests": 1, "per": "hour", "each": "principal"}, TOKENS]
    put(daemon, "r", [])
    assert own_get(daemon, "r") == shown
    body = daemon.call("GET", OWN + "r").json()
    reply = daemon.call("PUT", OWN + "r", {**body, "limits": [PLACES], "sluice": None})
    assert reply.status == 200, reply.body
    assert own_get(daemon, "r") == [PLACES]
    reply = daemon.call("PUT", OWN + "r", {**body, "limits": [PLACES], "sluice": {"limits": [PLACES]}})
    assert reply.status == 400 and b"sluice.limits" in reply.body
    reply = daemon.call("PUT", OWN + "r", {**body, "limits": [{"tokens": 5}], "sluice": None})
    assert reply.status == 400 and b"limits[0].per: must be second, minute" in reply.body

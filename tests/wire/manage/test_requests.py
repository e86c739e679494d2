# SPDX-License-Identifier: Apache-2.0
"""The request log: a row for each call of a model, found by those who may see it."""
import json
import resource
import signal
import time
import urllib.parse

import pytest

from harness import CHAT, CHAT_REPLY, DEADLINE, chat_route, wait_for

OWN = "/api/sluice/v1/requests"
ADMIN = "an-admin-key-of-the-file"
KEYS = {name: "sk-sluice-" + name[0] * 43 for name in ("ann", "bob", "viewer")}


def answer(x):
    """Answers as `user` says: an error, a stream, or a chat."""
    body = x.json()
    says = body["messages"][0]["content"]
    if says == "fail":
        x.reply({"error": {"message": "the secret insides", "type": "server_error", "code": "boom"}}, status="500 Oops")
    elif says == "denied":
        x.reply({"error": {"message": "Incorrect API key provided"}}, status="401 Unauthorized")
    elif body.get("stream"):
        x.stream_head()
        x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]})
        x.event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}})
        x.event("[DONE]")
        x.last_chunk()
    else:
        x.reply(CHAT_REPLY, headers=[("x-request-id", "up-1")])


class Gate:
    def __init__(self, start, up, data, **more):
        self.up, self.data = up, data
        config = {"endpoints": [chat_route(up.base), chat_route(up.base, "other")], "upstream": {"retries": 0}, **more}
        self.daemon = start(config, args=["--data", str(data)], env={"THE_ADMIN": ADMIN, **{f"KEY_{n.upper()}": k for n, k in KEYS.items()}})

    def call(self, says="hello", route="chat", key=None, headers=(), **more):
        """Makes a call; returns its reply."""
        headers = [*headers, *([("Authorization", f"Bearer {key}")] if key else [])]
        return self.daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route, "messages": [{"role": "user", "content": says}], **more}, headers)

    def get(self, path="", key=None, **query):
        query = {k.rstrip("_"): v for k, v in query.items()}
        text = "?" + urllib.parse.urlencode(query) if query else ""
        return self.daemon.call("GET", OWN + path + text, headers=[("Authorization", f"Bearer {key}")] if key else [])

    def rows(self, n, key=None, **query):
        """At least n rows: they are written a moment after the reply."""

        def find():
            r = self.get(key=key, **query)
            assert r.status == 200, r.body
            return r.json() if len(r.json()["requests"]) >= n else None

        return wait_for(find, f"{n} rows")["requests"]


@pytest.fixture
def gate(sluice, upstream, tmp_path):
    return Gate(sluice, upstream(answer), tmp_path / "data")


@pytest.fixture
def guarded(sluice, upstream, tmp_path):
    keys = [{"name": n, "principal": n, "key": f"$KEY_{n.upper()}", "role": "viewer" if n == "viewer" else "query"} for n in KEYS]
    return Gate(sluice, upstream(answer), tmp_path / "data", auth={"admin_key": "$THE_ADMIN", "keys": keys})


def test_dropped_members_are_in_the_row(sluice, upstream, tmp_path):
    """Also when it was sealed, which a restart does."""
    up = upstream(lambda x: x.reply({"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
                                     "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 2}}))
    route = {"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "anthropic", "name": "m", "config": {"anthropic_api_key": "k", "anthropic_api_base": up.base}}}
    conf = {"endpoints": [route], "upstream": {"allow": ["127.0.0.0/8"]}}

    def start():
        daemon = sluice(conf, args=["--data", str(tmp_path / "data")])
        return daemon, lambda n: wait_for(lambda: len(r := daemon.call("GET", OWN).json()["requests"]) == n and r, f"{n} rows")

    daemon, rows = start()
    r = daemon.call("POST", "/v1/chat/completions", {**CHAT, "seed": 5, "logit_bias": {"1": 2}, "max_tokens": 5})
    assert r.status == 200 and r.get("x-sluice-dropped"), r.body
    assert daemon.call("POST", "/v1/chat/completions", {**CHAT, "max_tokens": 5}).status == 200
    plain, dropped = rows(2)
    assert dropped["dropped"] == r.get("x-sluice-dropped") and "seed" in dropped["dropped"] and not plain.get("dropped")
    daemon.stop()
    daemon.stopped = True
    daemon, rows = start()
    assert [row.get("dropped") for row in rows(2)] == [plain.get("dropped"), dropped["dropped"]]


def test_a_full_disk(gate):
    """Serving goes on. Rows are lost, counted and told of, and come again when there is room."""
    daemon = gate.daemon

    def lost():
        text = daemon.call("GET", "/metrics").body.decode()
        return int(next(line for line in text.splitlines() if line.startswith("sluice_request_log_dropped_total ")).split()[1])

    assert gate.call("hello").status == 200
    gate.rows(1)
    resource.prlimit(daemon.proc.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    for _ in range(3):
        assert gate.call("hello").status == 200
    wait_for(lambda: lost() == 3, "they are counted")
    wait_for(lambda: "rows of the request log are lost and counted until this works again" in daemon.stderr, "it is told")
    assert daemon.stderr.count("rows of the request log are lost") == 1 and len(gate.rows(1)) == 1
    assert gate.call("hello", stream=True).status == 200
    wait_for(lambda: lost() == 4, "this one, too")
    resource.prlimit(daemon.proc.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert gate.call("hello", headers=[("x-request-id", "again")]).status == 200
    assert gate.rows(2)[0]["request_id"] == "again" and lost() == 4


def test_a_row_says_what_happened(gate):
    r = gate.call(headers=[("x-request-id", "mine/1-")])
    assert r.status == 200 and len(r.get("x-sluice-id")) == 32 and r.get("x-request-id") == "mine/1-"
    row, = gate.rows(1)
    assert row["id"] == r.get("x-sluice-id") and row["request_id"] == "mine/1-"
    assert {k: row[k] for k in ("route", "provider", "model", "target", "status", "error_type", "stream", "principal", "client", "key", "path", "n_attempts", "upstream_status")} == {
        "route": "chat", "provider": "openai", "model": "gpt-4o-mini", "target": None, "status": 200, "error_type": None, "stream": False, "principal": "127.0.0.1", "client": "127.0.0.1",
        "key": None, "path": "/v1/chat/completions", "n_attempts": 1, "upstream_status": 200}
    usage = json.loads(CHAT_REPLY)["usage"]
    assert (row["input_tokens"], row["output_tokens"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert row["bytes_out"] > 100 and 0 < row["upstream_first_byte_ms"] <= row["upstream_ms"] <= row["duration_ms"]
    line = gate.daemon.log_line("mine/1-")
    assert abs(line["duration_ms"] - row["duration_ms"]) < 50 and row["time"][:17] in (line["time"][:17], row["time"][:17])
    attempt, = row["attempts"]
    assert (attempt["provider"], attempt["why"], attempt["status"], attempt["error_type"]) == ("openai", "first", 200, None)


def test_streams_errors_and_refusals_have_rows(gate):
    gate.call(stream=True)
    assert gate.call("fail").status == 500
    assert gate.call(route="nowhere").status == 404
    assert gate.daemon.call("POST", "/v1/chat/completions", "{", []).status == 400
    assert gate.daemon.call("GET", "/health").status == 200  # no call of a model
    rows = gate.rows(4)
    assert [(r["status"], r["error_type"], r["route"], r["stream"]) for r in rows] == [
        (400, "caller_invalid_request", None, False), (404, "caller_not_found", None, False), (500, "provider_server_error", "chat", False), (200, None, "chat", True)]
    assert "nowhere" in rows[1]["message"] and rows[1]["n_attempts"] == 0 and rows[1]["attempts"] == []
    assert rows[2]["upstream_error"] == "the secret insides" and rows[2]["upstream_code"] == "boom" and rows[2]["attempts"][0]["error_type"] == "provider_server_error"
    assert (rows[3]["input_tokens"], rows[3]["output_tokens"]) == (9, 4) and rows[3]["first_byte_ms"] > 0


def test_our_own_id_is_the_request_id_where_the_caller_gives_none(gate):
    replies = [gate.call() for _ in range(3)]
    ids = [r.get("x-sluice-id") for r in replies]
    assert ids == [r.get("x-request-id") for r in replies] and len(set(ids)) == 3 and ids == sorted(ids)
    assert [r["id"] for r in gate.rows(3)] == ids[::-1]
    other = gate.daemon.call("GET", "/health")
    assert other.get("x-sluice-id") == other.get("x-request-id")


def test_either_id_finds_the_row(gate):
    first = gate.call(headers=[("x-request-id", "a/b?c")])
    gate.call(headers=[("x-request-id", "twice")])
    gate.call(headers=[("x-request-id", "twice")])
    gate.rows(3)
    for name in (first.get("x-sluice-id"), "a%2Fb%3Fc"):
        r = gate.get("/" + name)
        assert r.status == 200 and r.json()["id"] == first.get("x-sluice-id")
    both = gate.get("/twice").json()["requests"]
    assert [r["request_id"] for r in both] == ["twice", "twice"] and both[0]["time"] >= both[1]["time"]
    missing = gate.get("/" + "0" * 32)
    assert missing.status == 404 and missing.get("x-sluice-error-type") == "caller_not_found"


def test_filters_pages_and_facets(gate):
    for i in range(7):
        gate.call(route=("chat", "other")[i % 2], says="fail" if i == 3 else "hello", stream=i == 5)
    gate.rows(7)
    assert len(gate.rows(3, route="other")) == 3 and len(gate.rows(4, route="chat")) == 4
    assert [r["status"] for r in gate.rows(1, status="5xx")] == [500]
    assert gate.get(status="429").json() == {"requests": [], "next_cursor": None, "searched_until": None}
    assert len(gate.rows(1, stream="true")) == 1 and len(gate.rows(1, error_type="provider_server_error", route="other", model="gpt-4o-mini", status=500)) == 1
    assert len(gate.rows(6, error_type="")) == 6
    assert gate.get(min_ms=3600000).json()["requests"] == [] and gate.get(to="2020-01-01T00:00:00Z").json()["requests"] == []
    assert len(gate.rows(7, from_="2020-01-01T00:00:00Z", to=4102444800)) == 7
    seen, cursor = [], None
    while True:
        page = gate.get(limit=2, **({"cursor": cursor} if cursor else {})).json()
        seen += [r["id"] for r in page["requests"]]
        cursor = page["next_cursor"]
        assert len(page["requests"]) <= 2
        if not cursor:
            break
        assert page["searched_until"]
    assert seen == [r["id"] for r in gate.rows(7)] and len(set(seen)) == 7
    facets = gate.get("/facets", by="status,route,error_type").json()
    assert facets["requests"] == 7
    assert {v["value"]: v["requests"] for v in facets["facets"]["status"]["values"]} == {"200": 6, "500": 1}
    assert [(v["value"], v["requests"]) for v in facets["facets"]["route"]["values"]] == [("chat", 4), ("other", 3)]
    assert {v["value"]: v["requests"] for v in facets["facets"]["error_type"]["values"]} == {None: 6, "provider_server_error": 1}
    some = gate.get("/facets", by="route", status="200", limit=1).json()
    assert some == {"requests": 6, "facets": {"route": {"values": [{"value": "chat", "requests": 4}], "others": 2}}}


@pytest.mark.parametrize("query, word", [("stat=200", "stat"), ("status=5", "status"), ("status=2000", "status"), ("error_type=oops", "oops"), ("stream=yes", "stream"), ("from=yesterday", "from"),
                                         ("min_ms=-1", "min_ms"), ("limit=0", "limit"), ("limit=1001", "limit"), ("cursor=x", "cursor"), ("min_ms=1e99", "min_ms")])
def test_a_wrong_query_is_refused(gate, query, word):
    r = gate.daemon.call("GET", f"{OWN}?{query}")
    assert r.status == 400 and word in r.json()["error"]["message"]


@pytest.mark.parametrize("by", ["nothing", "status,status", "", "status,", ",".join(["route"] * 20)])
def test_wrong_facets_are_refused(gate, by):
    r = gate.get("/facets", by=by)
    assert r.status == 400 and "by must be" in r.json()["error"]["message"]


def test_a_key_that_calls_sees_its_own_calls(guarded):
    guarded.call(key=KEYS["ann"])
    failed = guarded.call("fail", key=KEYS["ann"])
    bobs = guarded.call(key=KEYS["bob"])
    assert guarded.call(key="sk-sluice-" + "x" * 43).status == 401
    for key in (ADMIN, KEYS["viewer"]):
        rows = guarded.rows(4, key=key)
        assert [(r["principal"], r["key"], r["status"]) for r in rows][1:] == [("bob", "bob", 200), ("ann", "ann", 500), ("ann", "ann", 200)]
        assert rows[0]["status"] == 401 and rows[2]["upstream_error"] == "the secret insides"
        assert guarded.get("/" + bobs.get("x-sluice-id"), key=key).status == 200
    rows = guarded.rows(2, key=KEYS["ann"])
    assert [(r["principal"], r["status"]) for r in rows] == [("ann", 500), ("ann", 200)]
    assert b"secret insides" not in guarded.get(key=KEYS["ann"]).body and b"secret insides" not in guarded.get("/" + failed.get("x-sluice-id"), key=KEYS["ann"]).body
    assert guarded.get("/" + bobs.get("x-sluice-id"), key=KEYS["ann"]).status == 404
    assert guarded.get(key=KEYS["ann"], principal="bob").json()["requests"] == []
    assert guarded.get("/facets", key=KEYS["bob"], by="principal").json()["facets"]["principal"]["values"] == [{"value": "bob", "requests": 1}]
    assert guarded.get().status == 401


@pytest.fixture
def two(sluice, upstream, tmp_path):
    """A route whose first target is busy."""
    up = upstream(lambda x: x.reply({"error": {"message": "the secret insides"}}, status="503 Busy") if b"first" in x.body else x.reply(CHAT_REPLY))
    model = {"provider": "openai", "config": {"openai_api_key": "k", "openai_api_base": up.base}}
    route = {"name": "chat", "endpoint_type": "llm/v1/chat", "model": {**model, "name": "first"}, "sluice": {"targets": [{"name": "spare", "model": {**model, "name": "second"}, "tier": 1}]}}
    gate = Gate.__new__(Gate)
    gate.daemon = sluice({"endpoints": [route], "upstream": {"retries": 0}}, args=["--data", str(tmp_path / "data")])
    return gate


def test_each_attempt_of_a_call_is_told(two):
    assert two.call().status == 200
    row, = two.rows(1)
    assert [(a["target"], a["why"], a["status"], a["error_type"]) for a in row["attempts"]] == [("model", "first", 503, "provider_overloaded"), ("spare", "fallback", 200, None)]
    assert row["target"] == "spare" and row["n_attempts"] == 2 and "overloaded" in row["attempts"][0]["error"]


def test_attempts_at_a_route_with_one_target_are_told(sluice, upstream, tmp_path):
    busy = [True]
    up = upstream(lambda x: x.reply({"error": {"message": "busy"}}, status="503 Busy") if busy.pop() else x.reply(CHAT_REPLY))
    gate = Gate(sluice, up, tmp_path / "data", upstream={"retries": 2})
    busy[:] = [False, True, True]
    retried = gate.call(headers=[("x-request-id", "again")])
    busy[:] = [False]
    assert retried.status == 200 and gate.call().status == 200
    once, row = gate.rows(2)
    assert [(a["target"], a["model"], a["why"], a["status"], a["error_type"]) for a in row["attempts"]] == [
        (None, "gpt-4o-mini", "first", 503, "provider_overloaded"), (None, "gpt-4o-mini", "retry", 503, "provider_overloaded"), (None, "gpt-4o-mini", "retry", 200, None)]
    assert row["n_attempts"] == 3 and all(0 < a["first_byte_ms"] <= a["total_ms"] for a in row["attempts"])
    assert [(a["why"], a["status"]) for a in once["attempts"]] == [("first", 200)]
    assert gate.daemon.log_line("again")["attempts"] == 3  # the access log has a number for such a route


@pytest.fixture
def grouped(sluice, upstream, tmp_path):
    """Keys of two groups: ann and boss of acme/search, viewer of acme, bob of rival."""
    of = {"ann": ("acme/search", "query"), "bob": ("rival", "query"), "viewer": ("acme", "viewer")}
    keys = [{"name": n, "group": group, "key": f"$KEY_{n.upper()}", "role": role} for n, (group, role) in of.items()]
    groups = [{"name": "acme", "limits": [{"requests": 5, "per": "hour"}, {"tokens": 100000, "per": "day", "zone": "UTC"}]}, {"name": "acme/search"}, {"name": "rival"}]
    return Gate(sluice, upstream(answer), tmp_path / "data", auth={"admin_key": "$THE_ADMIN", "keys": keys}, groups=groups)


def test_the_group_of_a_call(grouped):
    grouped.call(key=KEYS["ann"])
    bobs = grouped.call("fail", key=KEYS["bob"])
    grouped.call(key=ADMIN)
    rows = grouped.rows(3, key=ADMIN)
    assert [r["group"] for r in rows] == [None, "rival", "acme/search"]
    for group, seen in (("acme", ["acme/search"]), ("acme/search", ["acme/search"]), ("acm", []), ("rival", ["rival"]), ("", [None])):
        assert [r["group"] for r in grouped.get(key=ADMIN, group=group).json()["requests"]] == seen
    assert {v["value"]: v["requests"] for v in grouped.get("/facets", key=ADMIN, by="group").json()["facets"]["group"]["values"]} == {None: 1, "rival": 1, "acme/search": 1}
    # A viewer of a group sees what its keys called, and those below it; nothing of others.
    assert [r["key"] for r in grouped.rows(1, key=KEYS["viewer"])] == ["ann"]
    assert grouped.get(key=KEYS["viewer"], group="rival").json()["requests"] == [] and grouped.get(key=KEYS["viewer"], group="").json()["requests"] == []
    assert grouped.get("/" + bobs.get("x-sluice-id"), key=KEYS["viewer"]).status == 404
    assert grouped.get("/facets", key=KEYS["viewer"], by="group,key").json()["requests"] == 1
    conn = grouped.daemon.connect().request("GET", OWN + "/tail", headers=[("Authorization", f"Bearer {KEYS['viewer']}")])
    assert conn.head().status == 200
    grouped.call(key=KEYS["bob"])
    wanted = grouped.call(key=KEYS["ann"]).get("x-sluice-id")
    assert json.loads(conn.chunk().decode().split("\n\n")[0][6:])["request"]["id"] == wanted


def test_limits_that_were_near_and_the_one_that_refused(grouped):
    statuses = [grouped.call(key=KEYS["ann"]).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    rows = grouped.rows(6, key=ADMIN)[::-1]
    of_acme = {"owner": "group", "name": "acme", "kind": "requests", "cap": 5, "per": "hour"}
    assert [r.get("limits") for r in rows] == [None, None, None, [of_acme | {"used_percent": 80}], [of_acme | {"used_percent": 100}], [of_acme | {"used_percent": 100, "refused": True}]]


def test_the_session_of_a_call(gate):
    for session in ("one", "two", "one"):
        gate.call(headers=[("x-sluice-session", session)])
    gate.call()
    assert [r.get("session") for r in gate.rows(4)] == [None, "one", "two", "one"]
    assert [r["session"] for r in gate.rows(2, session="one")] == ["one", "one"] and len(gate.rows(1, session="")) == 1


def test_rows_outlive_the_process(sluice, upstream, tmp_path):
    up = upstream(answer)
    ids = []
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, None):
        gate = Gate(sluice, up, tmp_path / "data")
        assert [r["id"] for r in gate.rows(len(ids))] == ids[::-1]
        for _ in range(3):
            ids.append(gate.call().get("x-sluice-id"))
        gate.rows(len(ids))
        if how:
            gate.daemon.stop(how, check=False)
            gate.daemon.stopped = True


def test_a_damaged_block_is_left_out_and_said(sluice, upstream, tmp_path):
    up, data = upstream(answer), tmp_path / "data"
    for _ in range(2):
        gate = Gate(sluice, up, data)
        gate.call()
        gate.rows(1)
        gate.daemon.stop()
    segment, = (data / "requests").glob("*.seg")
    content = bytearray(segment.read_bytes())
    content[-30] ^= 1
    segment.write_bytes(content)
    gate = Gate(sluice, up, data)
    page = gate.get().json()
    assert len(page["requests"]) == 1 and page["damaged_rows"] == 1
    assert "rows of the request log are left out" in gate.daemon.stderr and gate.get("/facets").json()["damaged_rows"] == 1


def test_the_tail_tells_calls_as_they_end(gate):
    gate.call()
    gate.rows(1)
    conn = gate.daemon.connect().request("GET", OWN + "/tail?status=200")
    head = conn.head()
    assert head.status == 200 and head.get("content-type") == "text/event-stream" and head.get("x-accel-buffering") == "no"
    gate.call("fail")
    wanted = [gate.call().get("x-sluice-id") for _ in range(3)]
    got = b""
    while got.count(b"\n\n") < 3:
        got += conn.chunk()
    rows = [json.loads(line[6:])["request"] for line in got.decode().split("\n\n") if line]
    assert [r["id"] for r in rows] == wanted and all(r["status"] == 200 for r in rows)
    gate.daemon.proc.send_signal(signal.SIGTERM)  # the drain ends it
    assert conn.chunk() == b""
    assert gate.daemon.proc.wait(DEADLINE) == 0


def test_a_client_that_leaves_the_tail(gate):
    conns = [gate.daemon.connect().request("GET", OWN + "/tail") for _ in range(20)]
    for conn in conns:
        assert conn.head().status == 200
    gate.call()
    for conn in conns:
        conn.reset()
    for _ in range(5):
        gate.call()
    gate.rows(6)


def test_an_id_of_ours_is_found_whoever_sends_it_again(gate):
    """A caller cannot hide a call behind others that bring its id as their x-request-id."""
    wanted = gate.call().get("x-sluice-id")
    for _ in range(120):
        gate.call(headers=[("x-request-id", wanted)])
    gate.rows(100)
    row = wait_for(lambda: (lambda r: r if "id" in r else None)(gate.get("/" + wanted).json()), "the row itself")
    assert row["id"] == wanted and row["request_id"] == wanted
    gate.call(headers=[("x-request-id", "f" * 32)])  # it looks like one of ours
    wait_for(lambda: gate.get("/" + "f" * 32).status == 200, "the caller's id")


def test_calls_without_a_key_do_not_flood_the_log(sluice, upstream, tmp_path):
    keys = [{"name": "ann", "key": "$KEY_ANN"}]
    gate = Gate(sluice, upstream(answer), tmp_path / "data", auth={"admin_key": "$THE_ADMIN", "keys": keys}, server={"workers": 1})
    for _ in range(75):
        assert gate.call().status == 401
        assert gate.call(key="sk-sluice-nobody").status == 401
    assert gate.call(key=KEYS["ann"]).status == 200
    rows = wait_for(lambda: (lambda rows: rows if rows and rows[0]["status"] == 200 else None)(gate.get(key=ADMIN, limit=1000).json()["requests"]), "the call with a key")
    assert 60 <= sum(r["status"] == 401 for r in rows) <= 120  # a new minute may have begun
    metrics = gate.daemon.call("GET", "/metrics").body.decode()
    assert sum(float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith("sluice_requests_total{") and "caller_unauthenticated" in line) == 150


def test_a_tail_ends_with_its_key(guarded):
    """A key that was revoked, moved, or has expired hears no more."""
    keys = "/api/sluice/v1/keys"
    admin = [("Authorization", f"Bearer {ADMIN}")]

    def tail_of(**members):
        made = guarded.daemon.call("POST", keys, {"name": "k", "principal": "p", "role": "viewer", **members}, admin).json()
        conn = guarded.daemon.connect().request("GET", OWN + "/tail", headers=[("Authorization", f"Bearer {made['key']}")])
        assert conn.head().status == 200
        return f"{keys}/{made['id']}", conn

    def ends(conn):
        while conn.chunk():
            pass
        return True

    path, conn = tail_of()
    assert guarded.daemon.call("DELETE", path, headers=admin).status == 200
    assert ends(conn)
    for change in ({"principal": "other"}, {"role": "query"}):
        path, conn = tail_of()
        assert guarded.daemon.call("PUT", path, {"name": "k", "principal": "p", "role": "viewer", **change}, admin).status == 200
        assert ends(conn)
    _, conn = tail_of(expires_at=int(time.time()) + 2)
    assert ends(conn)
    path, conn = tail_of()  # a change of something else, or of another key, ends nothing
    assert guarded.daemon.call("PUT", path, {"name": "new", "principal": "p", "role": "viewer"}, admin).status == 200
    guarded.call(key=KEYS["ann"])
    assert conn.chunk().startswith(b"data: ")


def test_a_tail_ends_when_its_key_goes_to_another_group(grouped):
    admin = [("Authorization", f"Bearer {ADMIN}")]
    key = {"name": "k", "principal": "acme/k", "role": "viewer"}
    made = grouped.daemon.call("POST", "/api/sluice/v1/keys", {**key, "group": "acme"}, admin).json()
    conn = grouped.daemon.connect().request("GET", OWN + "/tail", headers=[("Authorization", f"Bearer {made['key']}")])
    assert conn.head().status == 200
    assert grouped.daemon.call("PUT", f"/api/sluice/v1/keys/{made['id']}", {**key, "group": "rival"}, admin).status == 200
    while conn.chunk():
        pass


def test_one_tenant_has_not_all_tails(guarded):
    def tail(key):
        conn = guarded.daemon.connect().request("GET", OWN + "/tail", headers=[("Authorization", f"Bearer {key}")])
        return conn, conn.head().status

    conns = []
    while len(conns) < 100:
        conn, status = tail(KEYS["ann"])
        if status != 200:
            break
        conns.append(conn)
    assert status == 503 and len(conns) == 32
    assert tail(KEYS["bob"])[1] == 200
    for conn in conns:
        conn.reset()
    wait_for(lambda: tail(KEYS["ann"])[1] == 200, "a free place")


@pytest.mark.parametrize("how", ["no data", "off"])
def test_without_a_request_log(sluice, upstream, tmp_path, how):
    up = upstream(answer)
    data = [] if how == "no data" else ["--data", str(tmp_path / "data")]
    daemon = sluice({"endpoints": [chat_route(up.base)], **({"requests": False} if how == "off" else {})}, args=data)
    assert daemon.call("POST", "/v1/chat/completions", CHAT).get("x-sluice-id")
    for path in ("", "/facets", "/tail", "/x"):
        r = daemon.call("GET", OWN + path)
        assert r.status == 503 and "keeps no request log" in r.json()["error"]["message"]
    assert b"\nsluice_request_log_rows_total 0\n" in daemon.call("GET", "/metrics").body
    assert not (tmp_path / "data" / "requests").exists()


def test_a_folder_that_cannot_be_written_does_not_stop_serving(sluice, upstream, tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "requests").write_text("a file is in its place")
    gate = Gate(sluice, upstream(answer), tmp_path / "data")
    assert gate.call().status == 200 and gate.get().status == 503
    assert "serving goes on without a request log" in gate.daemon.stderr


def test_bounds_are_reloaded(sluice, upstream, tmp_path):
    gate = Gate(sluice, upstream(answer), tmp_path / "data", requests={"keep": "7d", "size": "1GiB"})
    gate.call()
    gate.rows(1)
    config = gate.daemon.dir / "sluice.yaml"
    config.write_text(config.read_text().replace("7d", "8d"))
    wait_for(lambda: gate.daemon.call("GET", "/metrics").body.count(b'sluice_config_reload_total{result="ok"} 1'), "the reload")
    gate.call()
    assert len(gate.rows(2)) == 2 and "restart" not in gate.daemon.stderr


def test_metrics_count_rows(gate):
    for _ in range(3):
        gate.call()
    gate.rows(3)
    text = gate.daemon.call("GET", "/metrics").body
    assert b"\nsluice_request_log_rows_total 3\n" in text and b"\nsluice_request_log_dropped_total 0\n" in text

# SPDX-License-Identifier: Apache-2.0
"""Limits from the file: exactly this many calls, on every path, in every dialect's words."""
import json
import re
import signal
import socket
import subprocess
import threading

import openai
import pytest

from harness import BIN, CHAT, CHAT_REPLY, chat_route, wait_for

MESSAGES = {"messages": [{"role": "user", "content": "hello"}]}
INVOKE = "/gateway/chat/invocations"


def mock_route(name="chat", kind="chat", limit=None):
    route = {"name": name, "endpoint_type": f"llm/v1/{kind}", "model": {"provider": "mock", "name": "mock-1"}}
    if limit:
        route["limit"] = limit
    return route


def limited(calls, period="minute", **more):
    return {"endpoints": [mock_route(limit={"calls": calls, "renewal_period": period})], **more}


def seconds(text):
    m = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(\d+)s", text)
    h, m_, s = (int(g or 0) for g in m.groups())
    return h * 3600 + m_ * 60 + s


def numbers(reply):
    return tuple(reply.get(f"x-ratelimit-{n}-requests") for n in ("limit", "remaining", "reset"))


@pytest.mark.parametrize("period, calls, text", [
    ("minute", 1, "1 per 1 minute"),
    ("5 minutes", 1, "1 per 5 minute"),
    ("Hours", 2, "2 per 1 hour"),
    ("2 day", 1, "1 per 2 day"),
    ("month", 1, "1 per 1 month"),
    ("year", 0, "0 per 1 year"),
    ("minute", 0, "0 per 1 minute"),
])
def test_mlflow_body_to_the_letter(sluice, period, calls, text):
    daemon = sluice(limited(calls, period))
    for _ in range(calls):
        assert daemon.call("POST", INVOKE, MESSAGES).status == 200
    r = daemon.call("POST", INVOKE, MESSAGES)
    assert (r.status, r.get("content-type")) == (429, "application/json")
    assert r.body == json.dumps({"error": f"Rate limit exceeded: {text}"}, separators=(",", ":")).encode()
    assert r.get("x-sluice-error-type") == "policy_rate_limited"


@pytest.mark.parametrize("path, body", [
    (INVOKE, MESSAGES),
    ("/serving-endpoints/chat/invocations", MESSAGES),
    ("/v1/chat/completions", CHAT),
    ("/openai/deployments/chat/chat/completions", CHAT),
])
@pytest.mark.parametrize("period", ["second", "minute", "minute;5/hour", "year"])
def test_no_wait_is_told_where_none_helps(sluice, path, body, period):
    r = sluice(limited(0, period)).call("POST", path, body)
    assert (r.status, numbers(r), r.get("retry-after")) == (429, ("0", "0", "0s"), None)
    assert r.get("x-should-retry") == "false" and b"ry again" not in r.body


def test_a_wait_that_helps_is_told(sluice):
    daemon = sluice(limited(1))
    daemon.call("POST", "/v1/chat/completions", CHAT)
    r = daemon.call("POST", "/v1/chat/completions", CHAT)
    assert (r.status, r.get("x-should-retry")) == (429, None) and int(r.get("retry-after")) > 0


def test_openai_client_asks_once_where_nothing_passes(sluice):
    daemon = sluice(limited(0))
    with pytest.raises(openai.RateLimitError, match="Nothing passes until the limit is changed"):
        openai.OpenAI(base_url=daemon.url + "/v1", api_key="none", max_retries=2).chat.completions.create(model="chat", **MESSAGES)
    assert b'sluice_limit_decisions_total{route="chat",decision="refused",source="local"} 1\n' in daemon.call("GET", "/metrics").body


def test_several_windows_in_one_period(sluice):
    daemon = sluice(limited(1, "second;3/hour"))

    def passed():
        return daemon.call("POST", INVOKE, MESSAGES).status == 200

    for _ in range(3):
        wait_for(passed, "a new second")
    # When both refuse, the first one is named, and the wait is the longer one's.
    r = daemon.call("POST", INVOKE, MESSAGES)
    assert r.status == 429 and numbers(r)[:2] == ("3", "0") and seconds(numbers(r)[2]) > 3500
    wait_for(lambda: daemon.call("POST", INVOKE, MESSAGES).json() == {"error": "Rate limit exceeded: 3 per 1 hour"}, "the second's end")


@pytest.mark.parametrize("period, is_good", [
    ("minute", True), ("5 Minutes", True), ("0 minute", True), ("2days", True), (" month ", True), ("minute; 100/hour", True),
    ("second,3 PER 2 days|9/year", True), ("minute;" + ";".join(f"{i}/{i} hours" for i in range(1, 16)), True),
    ("minute;" + ";".join(f"{i}/{i} hours" for i in range(1, 17)), False),
    ("", False), ("minute;", False), ("minute;hour", False), ("minute;5", False), ("minute/hour", False), ("5", False), ("fortnight", False),
    ("-1 minute", False), ("minute;-5/hour", False), ("99999999999 days", False), ("4294967295 years", True),
])
def test_grammar_of_renewal_period(tmp_path, period, is_good):
    path = tmp_path / "sluice.yaml"
    path.write_text(json.dumps(limited(5, period)))
    done = subprocess.run([BIN, "check", "-c", str(path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode == 0) == is_good, done.stderr
    assert is_good or "limit.renewal_period: Failed to parse the rate limit configuration. " in done.stderr


def test_openai_client_sees_a_rate_limit_error(sluice):
    daemon = sluice(limited(1))
    client = openai.OpenAI(base_url=daemon.url + "/v1", api_key="none", max_retries=0)
    client.chat.completions.create(model="chat", **MESSAGES)
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="chat", **MESSAGES)
    assert caught.value.code == "rate_limit_exceeded"
    message = caught.value.body["message"]
    assert re.fullmatch(r"Rate limit reached for the route 'chat': 1 call per 1 minute\. Try again in (\d+m)?\d+s\.", message)
    line = daemon.log_line(caught.value.response.headers["x-request-id"])
    assert (line["status"], line["error_type"], line["attempts"]) == (429, "policy_rate_limited", 0)


def test_databricks_words(sluice):
    daemon = sluice(limited(1))
    path = "/serving-endpoints/chat/invocations"
    assert daemon.call("POST", path, MESSAGES).status == 200
    sdk = [("User-Agent", "databricks-sdk-py/0.40.0 python/3.11")]
    for path, headers in ((path, ()), (INVOKE, sdk)):
        r = daemon.call("POST", path, MESSAGES, headers)
        assert r.status == 429
        assert r.json() == {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Rate limit exceeded: 1 per 1 minute"}
        assert numbers(r)[:2] == ("1", "0") and r.get("retry-after")


def test_refusals_from_the_head_say_how_things_stand(sluice):
    daemon = sluice(limited(4, server={"limits": {"body": "1KiB"}}))
    r = daemon.connect().request("POST", INVOKE, b"x" * 2000).reply()
    assert (r.status, numbers(r)) == (413, ("4", "4", "0s"))
    r = daemon.call("GET", INVOKE)
    assert (r.status, numbers(r)) == (405, (None, None, None))


def test_all_paths_share_one_counter(sluice):
    daemon = sluice(limited(3))
    for path, body in ((INVOKE, MESSAGES), ("/endpoints/chat/invocations", MESSAGES), ("/v1/chat/completions", CHAT)):
        assert daemon.call("POST", path, body).status == 200
    for path, body in ((INVOKE, MESSAGES), ("/endpoints/chat/invocations", MESSAGES), ("/v1/chat/completions", CHAT)):
        assert daemon.call("POST", path, body).status == 429


def test_other_routes_are_not_touched(sluice):
    daemon = sluice({"endpoints": [mock_route(limit={"calls": 0, "renewal_period": "hour"}), mock_route("free")]})
    assert daemon.call("POST", INVOKE, MESSAGES).status == 429
    r = daemon.call("POST", "/gateway/free/invocations", MESSAGES)
    assert (r.status, numbers(r)) == (200, (None, None, None))


def test_headers_on_every_reply(sluice):
    daemon = sluice(limited(3))
    conn = daemon.connect()
    r = conn.request("POST", INVOKE, {"messages": 5}).reply()  # refused before it is counted
    assert r.status == 422
    assert numbers(r) == ("3", "3", "0s")
    r = conn.request("POST", INVOKE, MESSAGES).reply()
    assert (r.status, r.get("retry-after")) == (200, None)
    assert numbers(r)[:2] == ("3", "2") and 55 <= seconds(numbers(r)[2]) <= 60
    r = conn.request("POST", "/v1/chat/completions", {**CHAT, "stream": True}).reply()
    assert r.get("content-type").startswith("text/event-stream")
    assert numbers(r)[:2] == ("3", "1")
    r = conn.request("POST", "/v1/chat/completions", b"{").reply()
    assert (r.status, numbers(r)) == (400, (None, None, None))  # the route is not known
    conn.request("POST", INVOKE, MESSAGES).reply()
    r = conn.request("POST", "/v1/chat/completions", CHAT).reply()
    assert r.status == 429
    assert numbers(r)[:2] == ("3", "0")
    assert 1 <= int(r.get("retry-after")) <= 60
    assert seconds(numbers(r)[2]) == int(r.get("retry-after"))


def test_long_wait_is_only_in_the_reset_header(sluice):
    daemon = sluice(limited(1, "hour"))
    daemon.call("POST", INVOKE, MESSAGES)
    r = daemon.call("POST", INVOKE, MESSAGES)
    assert (r.status, r.get("retry-after")) == (429, None)
    assert 3590 <= seconds(r.get("x-ratelimit-reset-requests")) <= 3600


def test_our_limit_replaces_the_providers_and_its_token_headers_stay(sluice, upstream):
    said = [("x-ratelimit-limit-requests", "999"), ("X-RateLimit-Remaining-Requests", "998"), ("x-ratelimit-reset-requests", "8ms"),
            ("x-ratelimit-remaining-tokens", "777")]
    up = upstream(lambda ex: ex.reply(CHAT_REPLY, headers=said))
    daemon = sluice({"endpoints": [chat_route(up.base) | {"limit": {"calls": 5, "renewal_period": "hour"}}, chat_route(up.base, "free")]})
    for path, body in (("/v1/chat/completions", CHAT), (INVOKE, MESSAGES)):
        r = daemon.call("POST", path, body)
        assert r.status == 200
        for name in ("limit", "remaining", "reset"):
            assert len([v for k, v in r.headers if k.lower() == f"x-ratelimit-{name}-requests"]) == 1
        assert r.get("x-ratelimit-limit-requests") == "5"
        assert r.get("x-ratelimit-remaining-tokens") == "777"
    r = daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": "free"})
    assert numbers(r) == ("999", "998", "8ms")


@pytest.mark.parametrize("ours", [("requests",), ("tokens",), ("requests", "tokens")])
def test_each_sort_of_limits_replaces_the_providers_headers_of_that_sort(sluice, upstream, ours):
    names = [f"x-ratelimit-{n}-{sort}" for sort in ("requests", "tokens") for n in ("limit", "remaining", "reset")]
    up = upstream(lambda ex: ex.reply(CHAT_REPLY, headers=[(name.title(), "theirs") for name in names]))
    daemon = sluice({"endpoints": [chat_route(up.base) | {"limits": [{sort: 100000, "per": "hour"} for sort in ours]}]})
    r = daemon.call("POST", "/v1/chat/completions", CHAT)
    for name in names:
        values = [v for k, v in r.headers if k.lower() == name]
        assert len(values) == 1 and (values == ["theirs"]) == (name.rsplit("-", 1)[1] not in ours), (name, values)


def said_limit(limit, remaining, reset, wait=None):
    names = [f"x-ratelimit-{n}-requests" for n in ("limit", "remaining", "reset")]
    return [(n, v) for n, v in zip(names + ["retry-after"], (limit, remaining, reset, wait)) if v]


@pytest.mark.parametrize("path, body", [(INVOKE, MESSAGES), ("/v1/chat/completions", CHAT), ("/v1/chat/completions", {**CHAT, "stream": True}),
                                        ("/serving-endpoints/chat/invocations", MESSAGES)])
@pytest.mark.parametrize("status, said, want", [
    ("429 Too Many Requests", said_limit("3", "0", "20s", "20"), ("3", "0", "20s", "20")),
    ("429 Too Many Requests", said_limit("3", "0", "59m58s"), ("3", "0", "59m58s", None)),
    ("429 Too Many Requests", said_limit(None, None, None, "900"), (None, None, "900s", None)),  # a wait that retry-after does not name
    ("429 Too Many Requests", [], (None, None, None, None)),
    ("500 Internal Server Error", said_limit("3", "2", "20s"), ("7", "6", None, None)),
    ("400 Bad Request", said_limit("3", "2", "20s"), ("7", "6", None, None)),
    ("200 OK", said_limit("3", "2", "20s"), ("7", "6", None, None)),
])
def test_a_refusal_carries_the_limit_that_refused(sluice, upstream, path, body, status, said, want):
    reply = CHAT_REPLY if status == "200 OK" else {"error": {"message": "no", "type": "x", "code": None, "param": None}}
    up = upstream(lambda ex: ex.reply(reply, status=status, headers=said))
    daemon = sluice({"endpoints": [chat_route(up.base) | {"limit": {"calls": 7, "renewal_period": "hour"}}]})
    r = daemon.call("POST", path, body)
    assert r.status == int(status[:3])
    assert (*numbers(r)[:2], r.get("retry-after")) == (*want[:2], want[3])
    reset = numbers(r)[2]
    assert 3590 <= seconds(reset) <= 3600 if want[0] == "7" else reset == want[2]


def test_two_gateways_in_a_chain(sluice):
    inner = sluice(limited(1, "minute"))
    route = chat_route(inner.url + "/v1") | {"limit": {"calls": 7, "renewal_period": "hour"}}
    route["model"]["name"] = "chat"
    daemon = sluice({"endpoints": [route]})
    for path, body in (("/v1/chat/completions", CHAT), (INVOKE, MESSAGES)):
        while (r := daemon.call("POST", path, body)).status == 200:
            assert numbers(r)[0] == "7"
        assert (r.status, numbers(r)[:2], r.get("x-sluice-error-type")) == (429, ("1", "0"), "provider_rate_limited")
        assert 0 < int(r.get("retry-after")) == seconds(numbers(r)[2]) <= 60


def test_what_is_counted(sluice, upstream):
    answers = iter(["500 Internal Server Error", "401 Unauthorized", "200 OK"])
    up = upstream(lambda ex: ex.reply(CHAT_REPLY, status=next(answers)))
    daemon = sluice({"endpoints": [chat_route(up.base) | {"limit": {"calls": 3, "renewal_period": "hour"}}]})
    for body in (b"{", b"[]", b'{"messages": 1}', b""):
        assert daemon.call("POST", INVOKE, body).status in (400, 422)  # never counted
    for left in "210":
        r = daemon.call("POST", INVOKE, MESSAGES)
        assert r.get("x-ratelimit-remaining-requests") == left  # failed upstream: counted
    for _ in range(5):
        assert daemon.call("POST", INVOKE, MESSAGES).status == 429
    assert len(up.requests) == 3


def test_principals_count_apart(sluice):
    daemon = sluice(limited(1))
    assert daemon.call("POST", INVOKE, MESSAGES).status == 200
    assert daemon.call("POST", INVOKE, MESSAGES).status == 429
    sock = socket.socket()
    sock.bind(("127.0.0.2", 0))  # another address of this machine
    sock.settimeout(20)
    sock.connect(("127.0.0.1", daemon.port))
    body = json.dumps(MESSAGES)
    sock.sendall(f"POST {INVOKE} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
    sock.close()


def test_keys_of_one_principal_count_together(sluice):
    keys = [{"name": n, "principal": p, "role": "query", "key": "sk-sluice-" + n * 43} for n, p in (("a", "ann"), ("b", "ann"), ("c", "cid"))]
    daemon = sluice(limited(2, auth={"admin_key": "sk-sluice-" + "x" * 43, "keys": keys}))

    def call(name):
        r = daemon.call("POST", INVOKE, MESSAGES, [("Authorization", "Bearer sk-sluice-" + name * 43)])
        return r.status, r.get("x-ratelimit-remaining-requests")

    assert [call(n) for n in "abca"] == [(200, "1"), (200, "0"), (200, "1"), (429, "0")]
    r = daemon.call("POST", INVOKE, MESSAGES)  # a caller without a key learns nothing about the route
    assert (r.status, numbers(r)) == (401, (None, None, None))


def burst(daemon, n_threads, n_each):
    """The statuses of this many calls, all at once over this many connections."""
    statuses, failed = [], []
    gate = threading.Barrier(n_threads)

    def run():
        try:
            conn = daemon.connect()
            gate.wait(20)
            for i in range(n_each):
                path, body = ((INVOKE, MESSAGES), ("/v1/chat/completions", CHAT))[i % 2]
                statuses.append(conn.request("POST", path, body).reply().status)
            conn.close()
        except Exception as e:
            failed.append(e)

    threads = [threading.Thread(target=run) for _ in range(n_threads)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert not failed, failed
    return statuses


@pytest.mark.parametrize("workers", [2, 4])
def test_exactly_so_many_over_all_workers(sluice, workers):
    daemon = sluice(limited(77, "hour"), args=["--workers", str(workers)])
    statuses = burst(daemon, 32, 10)
    assert (statuses.count(200), statuses.count(429)) == (77, 243)


def test_reload_keeps_the_counts(sluice):
    daemon = sluice(limited(3, "hour"))
    path = daemon.dir / "sluice.yaml"
    text = path.read_text()
    n = 0

    def reload(old, new):
        nonlocal text, n
        text = text.replace(old, new)
        path.write_text(text)
        n += 1
        wait_for(lambda: f'sluice_config_reload_total{{result="ok"}} {n}\n'.encode() in daemon.call("GET", "/metrics").body, f"reload {n}")

    def left():
        r = daemon.call("POST", INVOKE, MESSAGES)
        return r.status, r.get("x-ratelimit-remaining-requests")

    assert [left(), left()] == [(200, "2"), (200, "1")]
    reload("mock-1", "mock-2")
    assert left() == (200, "0")
    reload("calls: 3", "calls: 5")
    assert [left(), left(), left()] == [(200, "1"), (200, "0"), (429, "0")]
    reload("calls: 5", "calls: 1")
    assert left() == (429, "0")
    reload("renewal_period: hour", "renewal_period: day")
    assert [left(), left()] == [(200, "0"), (429, "0")]


def test_exactly_so_many_across_a_reload(sluice):
    daemon = sluice(limited(150, "hour"), args=["--workers", "4"])
    path = daemon.dir / "sluice.yaml"
    stop = threading.Event()

    def reloads():
        i = 0
        while not stop.wait(0.05):
            i += 1
            path.write_text(path.read_text().replace(f"mock-{i}", f"mock-{i + 1}"))
            daemon.proc.send_signal(signal.SIGHUP)

    thread = threading.Thread(target=reloads)
    thread.start()
    try:
        statuses = burst(daemon, 16, 40)
    finally:
        stop.set()
        thread.join()
    assert (statuses.count(200), statuses.count(429)) == (150, 490)


def test_server_headers_off_keeps_what_clients_act_on(sluice):
    daemon = sluice(limited(1, server={"headers": False}))
    for status in (200, 429):
        r = daemon.call("POST", INVOKE, MESSAGES)
        assert r.status == status
        assert not [k for k, _ in r.headers if k.lower().startswith("x-sluice-") or k.lower() == "server-timing"]
        assert r.get("x-request-id") and numbers(r)[0] == "1"

# SPDX-License-Identifier: Apache-2.0
"""/metrics as Prometheus reads it, with the right numbers; and what a reply says about itself, in header, log and
metric alike."""
import json
import re
import signal
import ssl
import threading
import time
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import CHAT, CHAT_REPLY, chat_route, free_port, wait_for
from upstream import Authority

MESSAGES = {"messages": [{"role": "user", "content": "hello"}]}
INVOKE = "/gateway/chat/invocations"
NAMES = {
    "gen_ai_server_request_duration_seconds", "gen_ai_server_time_to_first_token_seconds", "gen_ai_server_time_per_output_token_seconds",
    "gen_ai_client_operation_duration_seconds", "gen_ai_client_token_usage", "sluice_requests", "sluice_requests_in_flight",
    "sluice_overhead_seconds", "sluice_attempts", "sluice_limit_decisions", "sluice_counters_seconds", "sluice_counters_up", "sluice_counters_epoch", "sluice_retry_budget_refused", "sluice_queue_depth", "sluice_hedges", "sluice_shadows", "sluice_queue_wait_seconds", "sluice_limit_used_ratio", "sluice_account_used_ratio", "sluice_account_used", "sluice_account_reserved", "sluice_limit_alerts", "sluice_alert_webhooks", "sluice_alerts_waiting", "sluice_trace_spans", "sluice_target_state", "sluice_target_health", "sluice_target_in_flight", "sluice_target_waits_seconds", "sluice_upstream_connections", "sluice_client_gone",
    "sluice_usage_missing", "sluice_cost_usd", "sluice_unpriced_requests", "sluice_log_dropped", "sluice_tls_handshakes_failed", "sluice_config_reload", "sluice_config_version", "sluice_build_info",
    "sluice_config_last_reload_successful", "sluice_config_last_reload_success_timestamp_seconds", "sluice_store_up", "sluice_store_change", "sluice_usage_waiting", "sluice_usage_other", "sluice_usage_lost", "sluice_request_log_rows", "sluice_request_log_dropped", "sluice_certificate_expiry_timestamp_seconds",
    "process_cpu_seconds", "process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds", "process_max_fds",
    "process_start_time_seconds",
}


class Page:
    def __init__(self, daemon):
        r = daemon.call("GET", "/metrics")
        assert (r.status, r.get("content-type")) == (200, "text/plain; version=0.0.4; charset=utf-8")
        self.families = {f.name: f for f in text_string_to_metric_families(r.body.decode())}
        self.samples = {}
        for f in self.families.values():
            for s in f.samples:
                key = (s.name, frozenset(s.labels.items()))
                assert key not in self.samples, key
                self.samples[key] = s.value

    def sum(self, name, **labels):
        """The sum over the series that have these labels."""
        want = set(labels.items())
        return sum(v for (n, have), v in self.samples.items() if n == name and want <= have)

    def has(self, name):
        return any(n == name for n, _ in self.samples)


def mock_config(**limit):
    route = {"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock-1"}}
    return {"endpoints": [route | ({"limit": limit} if limit else {})]}


def stream_of(*events, done=True):
    def handler(ex):
        ex.stream_head()
        for event in events:
            ex.event(event)
        if done:
            ex.event("[DONE]")
        ex.last_chunk()

    return handler


def chunk(**more):
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini", "choices": [], **more}


def delta(text, finish=None):
    return chunk(choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish}])


def test_every_name_is_there_with_its_type(sluice):
    page = Page(sluice(mock_config()))
    assert set(page.families) == NAMES
    for name, family in page.families.items():
        assert family.documentation and family.type in ("counter", "gauge", "histogram"), name
    assert page.sum("sluice_config_version") == 1
    assert page.sum("sluice_build_info") == 1
    assert page.sum("sluice_requests_in_flight") == 1  # this request
    assert 3 < page.sum("process_open_fds") < page.sum("process_max_fds")
    assert page.sum("process_resident_memory_bytes") > 1 << 20


def test_whole_reply(sluice, upstream):
    up = upstream(lambda ex: ex.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)]}, args=["--workers", "2"])
    start = time.monotonic()
    for i in range(8):  # over several connections: both workers
        assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200
    assert daemon.call("POST", INVOKE, MESSAGES).status == 200
    page = Page(daemon)
    series = dict(route="chat", status="200", error_type="", stream="false")
    assert page.sum("sluice_requests_total", dialect="openai", **series) == 8
    assert page.sum("sluice_requests_total", dialect="mlflow", **series) == 1
    labels = dict(gen_ai_operation_name="chat", gen_ai_provider_name="openai", gen_ai_original_model="chat", gen_ai_request_model="gpt-4o-mini",
                  gen_ai_response_model="gpt-4o-mini")
    assert page.sum("gen_ai_server_request_duration_seconds_count", error_type="", **labels) == 9
    assert page.sum("gen_ai_client_operation_duration_seconds_count", error_type="", **labels) == 9
    assert page.sum("gen_ai_client_operation_duration_seconds_sum") <= page.sum("gen_ai_server_request_duration_seconds_sum") < time.monotonic() - start
    assert page.sum("gen_ai_client_token_usage_sum", gen_ai_token_type="input", **labels) == 9 * 9
    assert page.sum("gen_ai_client_token_usage_sum", gen_ai_token_type="output", **labels) == 9 * 3
    assert page.sum("gen_ai_client_token_usage_bucket", gen_ai_token_type="input", le="4") == 0
    assert page.sum("gen_ai_client_token_usage_bucket", gen_ai_token_type="input", le="16") == 9
    page = wait_for(lambda: (p := Page(daemon)).sum("sluice_overhead_seconds_count") == 9 and p, "every call's own time")
    assert page.sum("sluice_overhead_seconds_sum") < time.monotonic() - start
    assert page.sum("sluice_attempts_total", route="chat", provider="openai", outcome="ok", reason="") == 9
    assert not page.has("gen_ai_server_time_to_first_token_seconds_count")
    page = wait_for(lambda: (p := Page(daemon)).sum("sluice_upstream_connections", state="active") == 0 and p, "no call at work")
    assert page.sum("sluice_upstream_connections", state="idle") >= 1


def test_streams(sluice, upstream):
    up = upstream(stream_of(delta("a"), delta("b", "stop"), chunk(usage={"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7})))
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    for path, body in (("/v1/chat/completions", {**CHAT, "stream": True}), (INVOKE, {**MESSAGES, "stream": True})):
        assert daemon.call("POST", path, body).complete
    page = Page(daemon)
    assert page.sum("sluice_requests_total", stream="true", status="200", error_type="") == 2
    assert page.sum("gen_ai_server_time_to_first_token_seconds_count", gen_ai_request_model="gpt-4o-mini") == 2
    assert page.sum("gen_ai_server_time_per_output_token_seconds_count", gen_ai_request_model="gpt-4o-mini") == 2
    assert page.sum("gen_ai_client_token_usage_sum", gen_ai_token_type="input") == 10
    assert page.sum("sluice_usage_missing_total") == 0


def test_usage_missing(sluice, upstream):
    reply = json.loads(CHAT_REPLY)
    del reply["usage"]
    up = upstream(lambda ex: ex.reply(reply))
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200
    page = Page(daemon)
    assert page.sum("sluice_usage_missing_total") == 1
    assert not page.has("gen_ai_client_token_usage_count")


def test_embedded_mock(sluice):
    daemon = sluice()
    for path, body in (("/v1/chat/completions", CHAT), ("/v1/completions", {"model": "completions", "prompt": "x"}),
                       ("/v1/embeddings", {"model": "embeddings", "input": "x"})):
        assert daemon.call("POST", path, body).status == 200
    page = Page(daemon)
    for operation in ("chat", "text_completion", "embeddings"):
        assert page.sum("gen_ai_server_request_duration_seconds_count", gen_ai_operation_name=operation, gen_ai_provider_name="mock") == 1
    wait_for(lambda: Page(daemon).sum("sluice_overhead_seconds_count") == 3, "every call's own time")


# Failures and their types: the same word in header, log and metric. (request, upstream's status, type, attempts)
FAULTS = {
    "not-found": ({"path": "/v1/chat/completions", "body": {**CHAT, "model": "nope"}}, None, "caller_not_found", None),
    "no-path": ({"path": "/nothing", "body": {}}, None, "caller_not_found", None),
    "method": ({"path": "/health", "body": {}}, None, "caller_method_not_allowed", None),
    "validation": ({"path": INVOKE, "body": {"messages": 1}}, None, "caller_invalid_request", None),
    "json": ({"path": "/v1/chat/completions", "body": b"{"}, None, "caller_invalid_request", None),
    "auth": ({"path": INVOKE, "body": MESSAGES}, "401 Unauthorized", "provider_auth_failed", 1),
    "limit": ({"path": INVOKE, "body": MESSAGES}, "429 Too Many Requests", "provider_rate_limited", 1),
    "rejected": ({"path": "/v1/chat/completions", "body": CHAT}, "400 Bad Request", "provider_rejected", 1),
    "server": ({"path": "/v1/chat/completions", "body": CHAT}, "500 Internal Server Error", "provider_server_error", 1),
    "overloaded": ({"path": "/v1/chat/completions", "body": CHAT}, "503 Service Unavailable", "provider_overloaded", 2),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_in_header_log_and_metric(sluice, upstream, name):
    request, status, word, attempts = FAULTS[name]
    up = upstream(lambda ex: ex.reply({"error": {"message": "no", "type": "x", "code": None}}, status=status))
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    r = daemon.call("POST", request["path"], request["body"])
    assert r.status >= 400
    assert r.get("x-sluice-error-type") == word
    assert daemon.log_line(r.get("x-request-id"))["error_type"] == word
    page = Page(daemon)
    assert page.sum("sluice_requests_total", error_type=word, status=str(r.status)) == 1
    is_known = name not in ("not-found", "no-path", "method", "json")
    assert page.sum("sluice_requests_total", error_type=word, route="chat") == is_known
    assert page.sum("gen_ai_server_request_duration_seconds_count", error_type=word) == is_known
    assert page.sum("sluice_attempts_total") == (attempts or 0)
    if attempts:
        assert page.sum("sluice_attempts_total", route="chat", provider="openai", outcome="error", reason=word) == attempts
        assert r.get("x-sluice-attempts") == str(attempts)
    timing = r.get("server-timing")
    if request["path"] in ("/nothing", "/health"):
        assert timing is None
    else:
        assert re.fullmatch(r"sluice;dur=\d+\.\d{3}" + (r", upstream;dur=\d+\.\d{3}, ttfb;dur=\d+\.\d{3}" if attempts else ""), timing)
    assert not [k for k, _ in daemon.call("GET", "/health").headers if k.lower() == "server-timing"]


def test_connect_failure_is_tried_again_and_counted(sluice):
    daemon = sluice({"endpoints": [chat_route(f"http://127.0.0.1:{free_port()}/v1", retries=2)]})
    r = daemon.call("POST", "/v1/chat/completions", CHAT)
    assert (r.status, r.get("x-sluice-error-type"), r.get("x-sluice-attempts")) == (502, "provider_connect_failed", "3")
    page = Page(daemon)
    assert page.sum("sluice_attempts_total", outcome="error", reason="provider_connect_failed") == 3
    assert page.sum("gen_ai_client_operation_duration_seconds_count", error_type="provider_connect_failed") == 3
    assert page.sum("gen_ai_server_request_duration_seconds_count") == 1


def test_attempt_that_fails_before_one_that_does_not(sluice, upstream):
    answers = iter(["503 Service Unavailable", "200 OK"])
    up = upstream(lambda ex: ex.reply(CHAT_REPLY, status=next(answers)))
    daemon = sluice({"endpoints": [chat_route(up.base, retries=1)]})
    r = daemon.call("POST", "/v1/chat/completions", CHAT)
    assert (r.status, r.get("x-sluice-attempts")) == (200, "2")
    page = Page(daemon)
    assert page.sum("sluice_attempts_total", outcome="error", reason="provider_overloaded") == 1
    assert page.sum("sluice_attempts_total", outcome="ok", reason="") == 1
    # The wait for the second attempt is not the gateway's own time.
    assert page.sum("sluice_overhead_seconds_count") == 0
    own, up_time = (float(x) for x in re.match(r"sluice;dur=([\d.]+), upstream;dur=([\d.]+)", r.get("server-timing")).groups())
    assert own < up_time and up_time > 200


@pytest.mark.parametrize("path", ["/v1/chat/completions", INVOKE])
def test_stream_that_breaks(sluice, upstream, path):
    def handler(ex):
        ex.stream_head()
        ex.event(delta("a"))
        ex.close()

    up = upstream(handler)
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    r = daemon.call("POST", path, {**CHAT, "stream": True} if path.startswith("/v1") else {**MESSAGES, "stream": True})
    assert (r.status, r.complete) == (200, True)
    assert daemon.log_line(r.get("x-request-id"))["error_type"] == "provider_stream_broken"
    page = Page(daemon)
    assert page.sum("sluice_requests_total", status="200", error_type="provider_stream_broken", stream="true") == 1
    assert page.sum("sluice_attempts_total", outcome="error", reason="provider_stream_broken") == 1
    assert page.sum("sluice_usage_missing_total") == 0


def test_upstream_that_is_silent(sluice, upstream):
    up = upstream(lambda ex: ex.wait_closed())
    daemon = sluice({"endpoints": [chat_route(up.base, timeouts={"first_byte": "100ms"})]})
    r = daemon.call("POST", "/v1/chat/completions", CHAT)
    assert (r.status, r.get("x-sluice-error-type")) == (504, "provider_timeout_first_byte")
    assert Page(daemon).sum("sluice_attempts_total", outcome="error", reason="provider_timeout_first_byte") == 1


def test_client_gone(sluice, upstream):
    held = threading.Event()

    def handler(ex):
        ex.stream_head()
        ex.event(delta("a"))
        assert ex.wait_closed() is not None
        held.set()

    up = upstream(handler)
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    conn = daemon.connect()
    conn.request("POST", "/v1/chat/completions", {**CHAT, "stream": True}).head()
    assert Page(daemon).sum("sluice_requests_in_flight") == 2
    assert Page(daemon).sum("sluice_upstream_connections", state="active") == 1
    conn.reset()
    assert held.wait(20)
    page = Page(daemon)
    assert page.sum("sluice_client_gone_total", upstream_cancelled="true") == 1
    assert page.sum("sluice_attempts_total", outcome="cancelled", reason="caller_cancelled") == 1
    assert page.sum("sluice_requests_total", status="499", error_type="caller_cancelled", stream="true") == 1
    assert page.sum("sluice_requests_in_flight") == 1


def test_limit_decisions(sluice):
    daemon = sluice(mock_config(calls=2, renewal_period="hour"))
    for _ in range(5):
        daemon.call("POST", INVOKE, MESSAGES)
    page = Page(daemon)
    assert page.sum("sluice_limit_decisions_total", route="chat", decision="allowed") == 2
    assert page.sum("sluice_limit_decisions_total", route="chat", decision="refused") == 3
    assert page.sum("sluice_requests_total", route="chat", status="429", error_type="policy_rate_limited") == 3


def test_how_full_a_limit_is(sluice, tmp_path):
    """The fullest counter of a route: the route's own, or one user's. A limit that was removed has no value."""
    key = "an-admin-key-of-the-file"
    config = mock_config(calls=4, renewal_period="hour") | {"auth": {"admin_key": "$ADMIN"}}
    config["endpoints"].append(config["endpoints"][0] | {"name": "free", "limit": None})
    daemon = sluice(config, args=["--data", str(tmp_path / "data")], env={"ADMIN": key})
    head = [("Authorization", f"Bearer {key}")]

    def used():
        return {dict(k)["route"]: v for (n, k), v in Page(daemon).samples.items() if n == "sluice_limit_used_ratio"}

    def call(route, name):
        r = daemon.call("POST", f"/gateway/{route}/invocations", MESSAGES, headers=name)
        assert r.status in (200, 429), r.body
        return r.status

    assert used() == {}
    call("free", head)
    assert call("chat", head) == 200 and used() == {"chat": 0.25}
    for _ in range(4):
        call("chat", head)
    assert used() == {"chat": 1.0}
    limits = {"route": "chat", "limits": [{"calls": 8, "key": "user", "renewal_period": "hour"}, {"calls": 100, "key": "route", "renewal_period": "minute"}]}
    assert daemon.call("POST", "/api/2.0/gateway/limits/", limits, headers=head).status == 200
    for _ in range(2):
        call("chat", head)
    assert used() == {"chat": 0.75}, "a changed limit keeps its count: four and two of eight"
    assert daemon.call("POST", "/api/2.0/gateway/limits/", limits | {"limits": []}, headers=head).status == 200
    assert used() == {"chat": 1.5}, "the file's limit holds again"
    limits["limits"] = [{"calls": 5, "key": "user", "renewal_period": "minute"}]
    assert daemon.call("POST", "/api/2.0/gateway/limits/", limits, headers=head).status == 200
    assert used() == {}, "no counter of this limit is open"


def test_routes_beyond_max_routes_are_other(sluice):
    routes = [mock_config()["endpoints"][0] | {"name": f"r{i}"} for i in range(5)]
    daemon = sluice({"endpoints": routes, "metrics": {"max_routes": 3}})
    for i in (4, 3, 2, 1, 0, 4):
        assert daemon.call("POST", f"/gateway/r{i}/invocations", MESSAGES).status == 200
    assert daemon.call("POST", "/gateway/unknown/invocations", MESSAGES).status == 404
    page = Page(daemon)
    by_route = {r: page.sum("sluice_requests_total", route=r) for r in ("r4", "r3", "r2", "r1", "r0", "unknown", "other")}
    assert by_route == {"r4": 2, "r3": 1, "r2": 1, "r1": 0, "r0": 0, "unknown": 0, "other": 3}


def test_reloads(sluice):
    daemon = sluice(mock_config())
    path = daemon.dir / "sluice.yaml"
    good = path.read_text()
    path.write_text(good.replace("mock-1", "mock-2"))
    wait_for(lambda: Page(daemon).sum("sluice_config_reload_total", result="ok") == 1, "the reload")
    version = Page(daemon).sum("sluice_config_version")
    assert version == 2
    assert daemon.call("POST", INVOKE, MESSAGES).status == 200
    path.write_text("endpoints: 5\n")
    wait_for(lambda: Page(daemon).sum("sluice_config_reload_total", result="refused") == 1, "the refusal")
    page = Page(daemon)
    assert page.sum("sluice_config_version") == version
    assert page.sum("gen_ai_client_operation_duration_seconds_count", gen_ai_request_model="mock-2") == 1


def test_scraper_that_leaves_harms_nobody(sluice):
    daemon = sluice(mock_config())
    for _ in range(50):
        conn = daemon.connect()
        conn.request("GET", "/metrics")
        conn.reset()
    wait_for(lambda: Page(daemon).sum("sluice_requests_in_flight") == 1, "all scrapes are over")


@pytest.mark.parametrize("listen,said,may", [
    ("127.0.0.1", None, ("none", "query", "viewer", "admin")), ("127.0.0.1", "viewer", ("viewer", "admin")), ("127.0.0.1", "admin", ("admin",)),
    ("0.0.0.0", None, ("viewer", "admin")), ("0.0.0.0", "auto", ("viewer", "admin")), ("0.0.0.0", "open", ("none", "query", "viewer", "admin")),
    ("0.0.0.0", "viewer", ("viewer", "admin")), ("0.0.0.0", "admin", ("admin",)),
])
def test_who_may_read_metrics(sluice, listen, said, may):
    """A key for one route must not learn of all others here: from other machines a viewer is needed."""
    keys = {role: f"sk-sluice-{role[0] * 43}" for role in ("query", "viewer", "admin")}
    auth = {"keys": [{"name": role, "role": role, "key": key} for role, key in keys.items()]} | ({"metrics": said} if said else {})
    port = free_port()
    daemon = sluice(mock_config() | {"auth": auth}, args=("--listen", f"{listen}:{port}"), port=port, listen=False)
    for role in ("none", *keys):
        headers = [("Authorization", "Bearer " + keys[role])] if role in keys else []
        status = daemon.call("GET", "/metrics", headers=headers).status
        assert status == (200 if role in may else 401 if role == "none" else 403), (role, status)
    viewer = [("Authorization", "Bearer " + keys["viewer"])]
    assert daemon.call("GET", "/v1/models", headers=viewer).status == 200
    refused = daemon.call("POST", "/v1/chat/completions", CHAT, viewer)
    assert refused.status == 403 and b"needs a key of role query or admin; this one has role viewer" in refused.body
    assert daemon.call("DELETE", "/api/2.0/gateway/routes/chat", headers=viewer).status == 403


def test_admin_only(sluice):
    daemon = sluice(mock_config() | {"auth": {"admin_key": "sk-sluice-" + "a" * 43, "metrics": "admin"}})
    assert daemon.call("GET", "/metrics").status == 401
    assert daemon.call("GET", "/metrics", headers=[("Authorization", "Bearer sk-sluice-" + "a" * 43)]).status == 200


def turned_away(text):
    m = re.search(r'sluice_requests_total{route="none",dialect="mlflow",status="503",error_type="sluice_overloaded",stream="false"} (\d+)', text)
    return int(m.group(1)) if m else 0


@pytest.mark.parametrize("with_headers", [True, False])
def test_turned_away_at_the_door(sluice, with_headers):
    daemon = sluice(mock_config() | {"server": {"limits": {"connections": 1}, "headers": with_headers}})
    first = None

    def is_in():  # the harness's own connection may not have ended yet
        nonlocal first
        first = daemon.connect()
        try:
            return first.request("GET", "/v1/models").reply().status == 200
        except (EOFError, OSError):
            return False

    wait_for(is_in, "the only place")
    before = first.request("GET", "/metrics").reply().body.decode()
    second = daemon.connect()
    r = second.reply()
    assert (r.status, r.complete, r.get("retry-after")) == (503, True, "1")
    assert r.json()["detail"] and r.get("x-request-id")
    assert r.get("x-sluice-error-type") == ("sluice_overloaded" if with_headers else None)
    assert turned_away(first.request("GET", "/metrics").reply().body.decode()) == turned_away(before) + 1


def test_server_headers_off(sluice, upstream):
    up = upstream(lambda ex: ex.reply(CHAT_REPLY, headers=[("x-request-id", "theirs"), ("server-timing", "x;dur=1"), ("x-sluice-route", "fake")]))
    daemon = sluice({"endpoints": [chat_route(up.base)], "server": {"headers": False}})
    for path, body in (("/v1/chat/completions", CHAT), (INVOKE, MESSAGES), ("/v1/chat/completions", b"{"), ("/gateway/no/invocations", MESSAGES),
                       ("/nothing", {}), ("/v1/chat/completions", {**CHAT, "stream": True})):
        r = daemon.call("POST", path, body)
        ours = [k for k, _ in r.headers if k.lower().startswith("x-sluice-") or k.lower() == "server-timing"]
        assert not ours, (path, ours)
        assert r.get("x-request-id") not in (None, "theirs")


def test_a_refused_file_can_be_alerted_on(sluice):
    daemon = sluice(mock_config())
    path = daemon.dir / "sluice.yaml"
    good = path.read_text()
    name, when = "sluice_config_last_reload_successful", "sluice_config_last_reload_success_timestamp_seconds"
    first = Page(daemon)
    assert first.sum(name) == 1 and first.sum(when) > 1.7e9
    assert not first.has("sluice_store_up"), "there is no store"
    path.write_text(good + "endpoint: [\n")
    daemon.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: Page(daemon).sum(name) == 0, "the refusal shows")
    assert Page(daemon).sum(when) == first.sum(when)
    path.write_text(good)
    daemon.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: Page(daemon).sum(name) == 1, "the repair shows")
    assert Page(daemon).sum(when) > first.sum(when)


def test_a_store_and_a_certificate_are_watched(sluice, tmp_path, certs):
    daemon = sluice(mock_config(), args=("--data", str(tmp_path / "data")))
    assert Page(daemon).sum("sluice_store_up") == 1
    port = free_port()
    config = mock_config() | {"server": {"listen": [f"127.0.0.1:{port}"], "tls": {"cert": str(certs[0]), "key": str(certs[1])}}}
    daemon = sluice(config, port=port, listen=False)
    context = ssl.create_default_context(cafile=str(certs[0]))
    context.check_hostname = False
    text = urllib.request.urlopen(f"https://127.0.0.1:{port}/metrics", context=context).read().decode()
    line = next(line for line in text.splitlines() if line.startswith("sluice_certificate_expiry_timestamp_seconds{"))
    end = ssl.cert_time_to_seconds(ssl._ssl._test_decode_cert(str(certs[0]))["notAfter"])
    assert f'file="{certs[0]}"' in line and float(line.split()[1]) == end


def test_the_certificates_of_routes_are_watched(sluice, tmp_path):
    """Each file once, and the log warns of one that ends soon."""
    ca = Authority(tmp_path)
    ca.pem("client", days=5)
    path = str(tmp_path / "client.pem")
    routes = [chat_route("https://127.0.0.1:1/v1", name, tls={"cert": path, "key": path}) for name in "ab"]
    daemon = sluice({"endpoints": routes})
    lines = [line for line in daemon.call("GET", "/metrics").body.decode().splitlines() if line.startswith("sluice_certificate_expiry_timestamp_seconds{")]
    end = ssl.cert_time_to_seconds(ssl._ssl._test_decode_cert(path)["notAfter"])
    assert len(lines) == 1 and f'file="{path}"' in lines[0] and float(lines[0].split()[1]) == end
    wait_for(lambda: re.search(rf" warning tls: the certificate in {re.escape(path)} expires in [45] days", daemon.stderr), daemon.stderr)


def test_the_operator_hears_of_a_failing_upstream(sluice, upstream):
    """Once a minute for a route and a kind, with the provider's code; the access log has the code and the id for each
    call."""
    body = {"error": {"message": "The model `nope` does not exist", "type": "invalid_request_error", "code": "model_not_found"}}
    up = upstream(lambda ex: ex.reply(body, "404 Not Found", headers=[("x-request-id", "req-up-1")]))
    daemon = sluice({"endpoints": [chat_route(up.base), chat_route(up.base, "other")]})
    for route in ("chat", "chat", "other", "chat"):
        assert daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": route}).status == 404
    lines = [json.loads(line) for line in daemon.log_lines(4)] if isinstance(daemon.log_lines(4)[0], str) else daemon.log_lines(4)
    assert [(line["upstream_code"], line["upstream_request_id"]) for line in lines] == [("model_not_found", "req-up-1")] * 4
    wait_for(lambda: "route 'other'" in daemon.stderr, "a word of the other route")
    told = [line for line in daemon.stderr.splitlines() if " warning upstream: " in line]
    assert len(told) == 2 and "does not exist" not in daemon.stderr
    assert told[0].endswith("route 'chat' (openai, gpt-4o-mini): provider_rejected, status 404, model_not_found, its request req-up-1")


def test_the_operator_hears_why_an_upstream_is_not_reached(sluice, upstream):
    """The line has our description, also for a repeated attempt; the upstream's own text is in none."""
    page = upstream(lambda ex: ex.reply(b"<html><title>Sign in, Jane</title></html>", headers=[("content-type", "text/html")]))
    refused = f"127.0.0.1:{free_port()}"
    daemon = sluice({"endpoints": [chat_route(f"http://{refused}/v1"), chat_route(page.base, "page")]})
    for route in ("chat", "page"):
        assert daemon.call("POST", f"/gateway/{route}/invocations", {"messages": CHAT["messages"]}).status == 502
    wait_for(lambda: "route 'page'" in daemon.stderr, "a word of the page")
    told = [line for line in daemon.stderr.splitlines() if " warning upstream: " in line]
    assert told[0].endswith(f"route 'chat' (openai, gpt-4o-mini): provider_connect_failed: connection refused by {refused}")
    why = "the upstream answered 200 with something else than a reply"
    assert told[1].endswith(f"route 'page' (openai, gpt-4o-mini): provider_bad_response, status 200: {why}")
    assert {line["error"] for line in daemon.log_lines(2)} == {f"connection refused by {refused}", why} and "Jane" not in daemon.stderr

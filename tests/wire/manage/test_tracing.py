# SPDX-License-Identifier: Apache-2.0
"""Traces: what a collector gets, decoded with OpenTelemetry's own definitions; which calls are traced; and that a
collector which is gone, slow or unwilling is in nobody's way."""
import re
import signal
import threading
import time

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from harness import CHAT, CHAT_REPLY, PATHS, Sluice, chat_route, free_port, wait_for
from test_metrics import Page

CALLS = "/v1/chat/completions"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
STREAM = [{"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "hi"}}]},
          {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
          {"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}]


def taken(x):
    x.reply(ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf")


class Told:
    """A span with its attributes as a dict."""

    def __init__(self, span, resource, scope):
        self.span, self.resource, self.scope = span, attributes(resource), scope
        self.attributes = attributes(span)
        self.trace, self.id, self.parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
        assert len(span.trace_id) == 16 and len(span.span_id) == 8 and 0 < span.start_time_unix_nano <= span.end_time_unix_nano
        assert len(self.attributes) == len(span.attributes), "a key stands there twice"

    def __getitem__(self, key):
        return self.attributes.get(key)


def attributes(owner):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in owner.attributes}


class Collector:
    def __init__(self, up):
        self.up = up

    def decoded(self, x):
        assert (x.method, x.get("content-type")) == ("POST", "application/x-protobuf"), x.line
        request = ExportTraceServiceRequest.FromString(x.body)
        size = request.ByteSize()
        request.DiscardUnknownFields()
        assert request.ByteSize() == size, "it has fields that OpenTelemetry does not know"
        return [Told(span, rs.resource, ss.scope) for rs in request.resource_spans for ss in rs.scope_spans for span in ss.spans]

    def spans(self, n=None):
        """All spans so far, once there are n."""

        def get():
            found = [told for x in list(self.up.requests) for told in self.decoded(x)]
            return found if n is None or len(found) >= n else None

        return get() if n is None else wait_for(get, lambda: f"{n} spans, of which there are {len(self.spans())}")

    def trace(self, n):
        """The span of the only call, and those of its attempts in their order."""
        spans = self.spans(n)
        servers = [s for s in spans if s.span.kind == Span.SPAN_KIND_SERVER]
        clients = sorted((s for s in spans if s.span.kind == Span.SPAN_KIND_CLIENT), key=lambda s: s.span.start_time_unix_nano)
        assert len(servers) == 1 and len(spans) == n == 1 + len(clients)
        assert all(s.parent == servers[0].id and s.trace == servers[0].trace for s in clients) and len({s.id for s in spans}) == n
        return servers[0], clients


@pytest.fixture
def world(sluice, upstream):
    class World:
        def start(self, answer=lambda x: x.reply(CHAT_REPLY), collect=taken, routes=None, env=None, otel=True, args=(), **more):
            self.up, self.collector = upstream(answer), Collector(upstream(collect))
            self.base = self.collector.up.base.removesuffix("/v1")
            config = {"endpoints": routes(self.up.base) if routes else [chat_route(self.up.base)], **more}
            if otel:
                config["otel"] = {"endpoint": self.base} | (otel if isinstance(otel, dict) else {})
            self.daemon = sluice(config, env=env, args=args)
            return self

        def call(self, headers=(), status=200, path=CALLS, body=CHAT):
            r = self.daemon.call("POST", path, body, headers)
            assert r.status == status, r.body
            return r

        def count(self, outcome):
            return Page(self.daemon).sum("sluice_trace_spans_total", outcome=outcome)

        def counted(self, outcome, n):
            wait_for(lambda: self.count(outcome) >= n, lambda: f"{n} spans are {outcome}: {self.count(outcome)}")

        def reload(self, **changes):
            n = Page(self.daemon).sum("sluice_config_version")
            config = yaml.safe_load((self.daemon.dir / "sluice.yaml").read_text()) | changes
            (self.daemon.dir / "sluice.yaml").write_text(yaml.safe_dump(config))
            self.daemon.proc.send_signal(signal.SIGHUP)
            wait_for(lambda: Page(self.daemon).sum("sluice_config_version") > n, "the reload")

    return World()


def said(daemon, text):
    wait_for(lambda: text in daemon.stderr, f"the log says {text}: {daemon.stderr}")


# --- what spans say ---


def test_a_call_and_its_attempt(world):
    w = world.start()
    before = time.time_ns()
    reply = w.call()
    call, (attempt,) = w.collector.trace(2)
    assert call.span.name == "POST /v1/chat/completions" and attempt.span.name == "chat gpt-4o-mini"
    assert call.parent == "" and call.span.status.code == attempt.span.status.code == Status.STATUS_CODE_UNSET
    own = reply.get("x-sluice-id")
    assert call.attributes == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "chat", "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 3, "sluice.route": "chat", "sluice.target": "model", "sluice.attempts": 1, "sluice.id": own,
        "http.request.method": "POST", "http.route": "/v1/chat/completions", "http.response.status_code": 200}
    assert attempt.attributes == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 3, "sluice.route": "chat", "sluice.target": "model",
        "http.response.status_code": 200, "server.address": "127.0.0.1", "server.port": w.up.port}
    assert before - 10**9 < call.span.start_time_unix_nano <= attempt.span.start_time_unix_nano < attempt.span.end_time_unix_nano <= call.span.end_time_unix_nano < time.time_ns() + 10**9
    assert call.resource["service.name"] == "sluice" and call.scope.name == "sluice" and call.resource["service.version"] == call.scope.version
    assert w.collector.up.requests[0].path == "/v1/traces"
    up = w.up.requests[0]
    assert up.get("traceparent") == f"00-{call.trace}-{attempt.id}-01" and up.get("tracestate") is None
    w.counted("sent", 2)
    assert w.count("dropped") == w.count("rejected") == 0


@pytest.mark.parametrize("path", PATHS)
def test_every_dialect_has_its_spans(world, path):
    used = {"id": "resp_1", "object": "response", "status": "completed", "output": [], "usage": {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}}
    w = world.start(lambda x: x.reply(used if x.path.endswith("/responses") else CHAT_REPLY))
    w.call(path=path, body=PATHS[path])
    call, (attempt,) = w.collector.trace(2)
    assert call["gen_ai.usage.output_tokens"] == attempt["gen_ai.usage.output_tokens"] == 3 and call["sluice.route"] == "chat"
    assert call["http.route"] == path.replace("/chat:", "/{}:").replace("/chat/invocations", "/{}/invocations").replace("/model/chat/", "/model/{}/")


def test_the_callers_trace_goes_on(world):
    w = world.start()
    w.call([("traceparent", SAMPLED), ("tracestate", "vendor=abc,other=1")])
    call, (attempt,) = w.collector.trace(2)
    assert (call.trace, call.parent) == (TRACE, PARENT) and call.span.trace_state == attempt.span.trace_state == "vendor=abc,other=1"
    assert call.span.flags & 0x301 == 0x301 and attempt.span.flags & 0x301 == 0x101  # only the caller is another process
    assert w.up.requests[0].get("traceparent") == f"00-{TRACE}-{attempt.id}-01" and w.up.requests[0].get("tracestate") == "vendor=abc,other=1"


def test_a_malformed_trace_counts_as_none(world):
    w = world.start()
    for headers in ([("traceparent", SAMPLED.upper())], [("traceparent", SAMPLED), ("traceparent", SAMPLED)], [("traceparent", "00-" + "0" * 32 + f"-{PARENT}-01")]):
        w.call([*headers, ("tracestate", "vendor=abc")])
    spans = w.collector.spans(6)
    assert TRACE not in {s.trace for s in spans} and len({s.trace for s in spans}) == 3 and {s.span.trace_state for s in spans} == {""}
    for x in w.up.requests:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", x.get("traceparent")) and x.get("tracestate") is None


def test_a_stream(world):
    def answer(x):
        x.stream_head()
        for event in STREAM:
            x.event(event)
        x.event("[DONE]")
        x.last_chunk()

    w = world.start(answer)
    w.call(body={**CHAT, "stream": True})
    call, (attempt,) = w.collector.trace(2)
    assert call["gen_ai.usage.input_tokens"] == attempt["gen_ai.usage.input_tokens"] == 9 and call["http.response.status_code"] == 200


def test_a_stream_that_breaks(world):
    def answer(x):
        x.stream_head()
        x.event(STREAM[0])
        x.reset()

    w = world.start(answer)
    w.call(body={**CHAT, "stream": True})
    call, (attempt,) = w.collector.trace(2)
    assert call["error.type"] == attempt["error.type"] == "provider_stream_broken" and call["http.response.status_code"] == 200
    assert call.span.status.code == attempt.span.status.code == Status.STATUS_CODE_ERROR and call.span.status.message


def test_each_attempt_has_a_span(world):
    def answer(x):
        if x.number == 0:
            x.reply({"error": {"message": "too busy"}}, status="503 Service Unavailable", headers=[("retry-after", "0")])
        else:
            x.reply(CHAT_REPLY)

    w = world.start(answer)
    w.call()
    call, (first, second) = w.collector.trace(3)
    assert (first["error.type"], first["http.response.status_code"], first.span.status.code) == ("provider_overloaded", 503, Status.STATUS_CODE_ERROR)
    assert (second["error.type"], second["http.response.status_code"]) == (None, 200) and "gen_ai.usage.input_tokens" not in first.attributes
    assert call["sluice.attempts"] == 2 and call["error.type"] is None
    assert [x.get("traceparent").split("-")[2] for x in w.up.requests] == [first.id, second.id]


@pytest.mark.parametrize("status, word", [("500 Internal Server Error", "provider_server_error"), ("400 Bad Request", "provider_rejected"), ("401 Unauthorized", "provider_auth_failed"), ("200 OK", "provider_server_error")])
@pytest.mark.parametrize("is_stream", [False, True])
def test_what_the_upstream_says_is_in_no_span(world, status, word, is_stream):
    """Its message may quote the prompt."""
    prompt = "the patient Ada Lovelace"
    error = {"error": {"message": f"cannot read '{prompt}'", "type": "server_error"}}

    def answer(x):
        if is_stream and status == "200 OK":
            x.stream_head()
            x.event(STREAM[0])
            x.event(error)
            x.last_chunk()
        else:
            x.reply(error, status=status)

    w = world.start(answer, routes=lambda base: [chat_route(base, retries=0)])
    w.daemon.call("POST", CALLS, {**CHAT, "messages": [{"role": "user", "content": prompt}], "stream": is_stream})
    call, (attempt,) = w.collector.trace(2)
    assert "Lovelace" not in f"{call.span} {attempt.span}"
    assert (attempt["error.type"], attempt.span.status.code) == (word, Status.STATUS_CODE_ERROR) and attempt.span.status.message


def test_several_targets(world, upstream):
    spare = upstream(lambda x: x.reply(CHAT_REPLY))

    def routes(base):
        other = {"name": "spare", "model": {"provider": "openai", "name": "gpt-4o", "config": {"openai_api_key": "k", "openai_api_base": spare.base}}, "tier": 1}
        return [chat_route(base, targets=[other])]

    w = world.start(lambda x: x.reply({"error": {"message": "broken"}}, status="500 Internal Server Error"), routes=routes)
    w.call()
    call, (first, second) = w.collector.trace(3)
    assert (first["sluice.target"], first["error.type"], second["sluice.target"], second["error.type"]) == ("model", "provider_server_error", "spare", None)
    assert call["sluice.target"] == "spare" and call["gen_ai.response.model"] == "gpt-4o" and second.span.name == "chat gpt-4o"
    assert spare.requests[0].get("traceparent").split("-")[2] == second.id


def test_a_hedge(world, upstream):
    quick = upstream(lambda x: x.reply(CHAT_REPLY))

    def routes(base):
        other = {"name": "quick", "model": {"provider": "openai", "name": "gpt-4o", "config": {"openai_api_key": "k", "openai_api_base": quick.base}}, "tier": 1}
        return [chat_route(base, targets=[other], hedge={"after": "50ms", "at_most": "100%"})]

    w = world.start(lambda x: x.hold(), routes=routes)
    w.call()
    call, (slow, hedge) = w.collector.trace(3)
    assert (slow["sluice.target"], slow["sluice.beaten"], slow["error.type"]) == ("model", True, None)
    assert (hedge["sluice.target"], hedge["sluice.beaten"], hedge["gen_ai.usage.output_tokens"]) == ("quick", None, 3)
    assert quick.requests[0].get("traceparent").split("-")[2] == hedge.id and w.up.requests[0].get("traceparent").split("-")[2] == slow.id


def test_the_faults_of_callers(world):
    w = world.start(auth={"admin_key": "sk-admin-0123456789", "keys": [{"name": "ci", "role": "query", "key": "sk-ci-0123456789"}]})
    key = ("authorization", "Bearer sk-ci-0123456789")
    w.call([("traceparent", SAMPLED)], status=401)  # strangers have no spans
    w.call([key], status=400, body="{")
    w.call([key], status=404, body={**CHAT, "model": "none"})
    w.call([key])
    calls = {s["error.type"]: s for s in w.collector.spans(4) if s.span.kind == Span.SPAN_KIND_SERVER}
    assert set(calls) == {"caller_invalid_request", "caller_not_found", None}
    assert all(s.span.status.code == Status.STATUS_CODE_UNSET for s in calls.values())
    assert calls["caller_not_found"]["http.response.status_code"] == 404 and calls["caller_not_found"]["sluice.route"] is None
    assert len(w.collector.spans()) == 4 and TRACE not in {s.trace for s in w.collector.spans()}


def test_a_client_that_leaves(world):
    w = world.start(lambda x: x.hold())
    conn = w.daemon.connect().request("POST", CALLS, CHAT)
    w.up.next()
    conn.close()
    call, (attempt,) = w.collector.trace(2)
    assert call["error.type"] == attempt["error.type"] == "caller_cancelled" and call["http.response.status_code"] == 499
    assert call.span.status.code == Status.STATUS_CODE_UNSET


def test_an_upstream_that_is_not_there(world):
    port = free_port()
    w = world.start(routes=lambda base: [chat_route(f"http://127.0.0.1:{port}/v1", retries=0)])
    w.call(status=502)
    call, (attempt,) = w.collector.trace(2)
    assert call["error.type"] == attempt["error.type"] == "provider_connect_failed" and attempt["http.response.status_code"] is None
    assert call.span.status.code == Status.STATUS_CODE_ERROR and "refused" in attempt.span.status.message


def test_huge_and_odd_values(world):
    def answer(x):
        x.reply({"error": {"message": "é" * 5000}}, status="400 Bad Request")

    name = "m" * 3000 + "é"
    routes = lambda base: [{**chat_route(base), "model": {"provider": "openai", "name": name, "config": {"openai_api_key": "k", "openai_api_base": base}}}]
    w = world.start(answer, routes=routes)
    w.call([("traceparent", SAMPLED), ("tracestate", "a=" + "b" * 4000)], status=400)
    call, (attempt,) = w.collector.trace(2)
    assert attempt["gen_ai.request.model"] == "m" * 512 and len(attempt.span.name) < 300 and call.span.trace_state == ""
    assert all(len(v.encode()) <= 512 for s in (call, attempt) for v in s.attributes.values() if isinstance(v, str))


def test_other_calls_have_no_spans(world):
    w = world.start()
    for path in ("/health", "/v1/models", "/api/2.0/gateway/routes/", "/metrics"):
        w.daemon.call("GET", path, headers=[("traceparent", SAMPLED)])
    w.call()
    w.collector.trace(2)
    assert len(w.collector.spans()) == 2


def test_a_mock_has_an_attempt_too(world):
    w = world.start(routes=lambda base: [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock-1"}}])
    w.call()
    call, (attempt,) = w.collector.trace(2)
    assert attempt["gen_ai.provider.name"] == "mock" and attempt["server.address"] is None


# --- which calls are traced ---


def test_the_caller_decides_where_it_says_so(world):
    w = world.start(otel={"sample": 0})
    w.call()
    w.call([("traceparent", UNSAMPLED)])
    w.call([("traceparent", SAMPLED)])
    call, _ = w.collector.trace(2)
    assert call.trace == TRACE
    first, second, _ = w.up.requests
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", first.get("traceparent"))  # the next gateway leaves it out, too
    assert second.get("traceparent") == UNSAMPLED


def test_a_share_of_the_calls(world):
    w = world.start(otel={"sample": 0.5})
    for _ in range(100):
        w.call()
    traced = {x.get("traceparent").split("-")[1] for x in w.up.requests if x.get("traceparent").endswith("-01")}
    assert 20 < len(traced) < 80
    assert {s.trace for s in w.collector.spans(2 * len(traced))} == traced


def test_without_an_endpoint_nothing_changes(world):
    w = world.start(otel=False)
    w.call([("traceparent", SAMPLED), ("tracestate", "vendor=abc")])
    w.call()
    assert w.up.requests[0].get("traceparent") == SAMPLED and w.up.requests[0].get("tracestate") == "vendor=abc"
    assert w.up.requests[1].get("traceparent") is None
    assert not Page(w.daemon).has("sluice_trace_spans_total")


# --- settings ---


def test_the_variables(world, upstream):
    """As OpenTelemetry names them; what the file says comes first."""
    collector = Collector(upstream(taken))
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.up.base.removesuffix("/v1") + "/base/", "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc%3D, x-team = red",
           "OTEL_SERVICE_NAME": "gateway-eu", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod,service.name=other,service.version=9,k=a%2Cb,wrong",
           "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1.0"}
    w = world.start(otel=False, env=env)
    w.call()
    collector.trace(2)
    x = collector.up.requests[0]
    assert x.path == "/base/v1/traces" and x.get("authorization") == "Bearer abc=" and x.get("x-team") == "red"
    assert collector.spans()[0].resource == {"deployment.environment.name": "prod", "service.version": "9", "k": "a,b", "service.name": "gateway-eu"}
    assert "OTEL_RESOURCE_ATTRIBUTES: warning: an entry is ignored" in w.daemon.stderr
    environ = open(f"/proc/{w.daemon.proc.pid}/environ").read()
    assert "abc" not in environ and "gateway-eu" in environ  # headers are secrets


def test_a_whole_address_in_a_variable(world, upstream):
    collector = Collector(upstream(taken))
    w = world.start(otel=False, env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.up.base + "/in?x=1"})
    w.call()
    collector.trace(2)
    assert collector.up.requests[0].path == "/v1/in?x=1"


def test_the_file_comes_first(world):
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_SAMPLER": "always_off", "OTEL_EXPORTER_OTLP_HEADERS": "a=b", "TOKEN": "topsecret"}
    w = world.start(env=env, otel={"sample": 1, "headers": {"x-token": "$TOKEN", "x-n": 5}})
    w.call()
    w.collector.trace(2)
    x = w.collector.up.requests[0]
    assert (x.get("x-token"), x.get("x-n"), x.get("a")) == ("topsecret", "5", None) and "topsecret" not in w.daemon.stderr


@pytest.mark.parametrize("env, has_spans", [
    ({"OTEL_TRACES_SAMPLER": "always_on"}, True), ({"OTEL_TRACES_SAMPLER": "always_off"}, False), ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, True),
    ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, False), ({"OTEL_SDK_DISABLED": "true"}, False)])
def test_samplers_of_the_environment(world, env, has_spans):
    """The call has a parent that is sampled."""
    w = world.start(env=env)
    w.call([("traceparent", SAMPLED)])
    if has_spans:
        w.collector.trace(2)
    else:
        flag = w.up.requests[0].get("traceparent")[-2:]
        assert flag == ("01" if "OTEL_SDK_DISABLED" in env else "00")
        w.daemon.stop()
        assert not w.collector.spans()


@pytest.mark.parametrize("env, text", [
    ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL: warning: no traces are sent: this gateway speaks http/protobuf only"),
    ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT: warning: no traces are sent: the address cannot be used"),
    ({"OTEL_TRACES_SAMPLER": "xray"}, "OTEL_TRACES_SAMPLER: warning: is ignored"),
    ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, "OTEL_TRACES_SAMPLER_ARG: warning: is ignored"),
    ({"OTEL_EXPORTER_OTLP_TIMEOUT": "10s"}, "OTEL_EXPORTER_OTLP_TIMEOUT: warning: is ignored"),
    ({"OTEL_EXPORTER_OTLP_HEADERS": "sk-secret"}, "OTEL_EXPORTER_OTLP_HEADERS: warning: an entry is ignored")])
def test_variables_that_cannot_be_used(world, env, text):
    """They may be meant for others, so the gateway starts all the same, and says it."""
    w = world.start(otel=False, env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"} | env)
    w.call()
    assert text in w.daemon.stderr and "sk-secret" not in w.daemon.stderr


def test_a_reload_turns_it_on_and_off(world):
    w = world.start(otel=False)
    w.call()
    w.reload(otel={"endpoint": w.base})
    w.call()
    w.collector.trace(2)
    w.reload(otel=None)
    w.call([("traceparent", SAMPLED)])
    assert w.up.requests[-1].get("traceparent") == SAMPLED
    w.daemon.stop()
    assert len(w.collector.spans()) == 2


def test_over_tls_with_an_authority_of_ones_own(sluice, upstream, ca):
    collector = Collector(upstream(taken, tls=ca.server("127.0.0.1")))
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    daemon = sluice({"endpoints": [chat_route(up.base)], "upstream": {"ca": ca.path}, "otel": {"endpoint": collector.up.base.removesuffix("/v1")}})
    assert daemon.call("POST", CALLS, CHAT).status == 200
    collector.trace(2)


# --- collectors ---


def test_a_collector_that_comes_later(world):
    port = free_port()
    w = world.start(otel={"endpoint": f"http://127.0.0.1:{port}"})
    w.call()
    said(w.daemon, f"the collector at 127.0.0.1:{port} takes no spans: ")
    w.call()
    assert w.count("sent") == w.count("dropped") == 0
    w.reload(otel={"endpoint": w.base})
    assert len(w.collector.spans(4)) == 4


@pytest.mark.parametrize("status", ["429 Too Many Requests", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"])
def test_a_collector_that_is_busy_is_asked_again(world, status):
    w = world.start(collect=lambda x: taken(x) if x.number else x.reply("", status=status, headers=[("retry-after", "1")]))
    w.call()
    w.counted("sent", 2)
    first, second = w.collector.up.requests
    assert first.body == second.body
    said(w.daemon, f"takes no spans: status {status[:3]}; they are sent again later")
    said(w.daemon, "takes spans again, after 1 tries")


def test_a_long_wait_that_it_asks_for(world, upstream):
    """It is kept; another collector is asked at once."""
    w = world.start(collect=lambda x: x.reply("", status="503 Service Unavailable", headers=[("retry-after", "200")]))
    w.call()
    said(w.daemon, "status 503")
    other = Collector(upstream(taken))
    w.reload(otel={"endpoint": other.up.base.removesuffix("/v1")})
    assert len(other.spans(2)) == 2 and len(w.collector.up.requests) == 1


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "404 Not Found", "500 Internal Server Error", "302 Found"])
def test_what_a_collector_refuses_is_not_sent_again(world, status):
    w = world.start(collect=lambda x: taken(x) if x.number else x.reply("", status=status, headers=[("location", "/elsewhere")]))
    w.call()
    w.counted("rejected", 2)
    w.call()
    w.counted("sent", 2)
    bodies = [x.body for x in w.collector.up.requests]
    assert len(bodies) == 2 and bodies[0] != bodies[1]
    said(w.daemon, f"refuses spans: status {status[:3]}; they are lost")


def test_a_partial_success_is_counted(world):
    def collect(x):
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans, answer.partial_success.error_message = 1, "span too old"
        x.reply(answer.SerializeToString(), content_type="application/x-protobuf")

    w = world.start(collect=collect)
    w.call()
    w.counted("rejected", 1)
    assert w.count("sent") == 1 and len(w.collector.up.requests) == 1
    said(w.daemon, "took a batch, but rejected 1 of its 2 spans: span too old")


@pytest.mark.parametrize("body", [b"", b"<html>hello</html>", b"{}", b"x" * 200000, b"\x0a\xff\xff\xff\xff\x0f"])
def test_strange_answers_count_as_taken(world, body):
    w = world.start(collect=lambda x: x.reply(body))
    w.call()
    w.counted("sent", 2)
    w.call()
    w.counted("sent", 4)


def test_a_collector_that_says_nothing_stops_nobody(world):
    """Its time is up after OTEL_EXPORTER_OTLP_TIMEOUT; calls go on meanwhile, and so does the end."""
    gate = threading.Event()
    w = world.start(collect=lambda x: taken(x) if gate.is_set() else x.hold(), env={"OTEL_EXPORTER_OTLP_TIMEOUT": "500"})
    w.call()
    w.collector.up.next()
    for _ in range(50):
        w.call()
    said(w.daemon, "takes no spans: ")
    gate.set()
    w.counted("sent", 102)


def test_the_end_sends_what_waits(world):
    w = world.start()
    for _ in range(20):
        w.call()
    w.daemon.stop()
    assert len(w.collector.spans()) == 40


def test_the_end_does_not_wait_for_a_silent_collector(world):
    w = world.start(collect=lambda x: x.hold())
    w.call()
    w.daemon.stop()  # within the deadline of a stop
    for x in w.collector.up.requests:
        x.close()


def test_too_many_spans_are_dropped_and_counted(world):
    """Nothing is taken, so the ring fills; calls go on."""
    w = world.start(collect=lambda x: x.reply("", status="503 Service Unavailable", headers=[("retry-after", "100")]), routes=lambda base: [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m" * 400}}],
                    server={"workers": 1}, otel={"sample": 1})
    conn, n = w.daemon.connect(), 0
    while w.count("dropped") == 0:
        for _ in range(200):
            assert conn.request("POST", CALLS, CHAT).reply().status == 200
        n += 200
        assert n < 20000
    assert w.count("dropped") < 2 * n and w.count("sent") == 0


def test_killed_in_the_middle(upstream, tmp_path):
    """What was not sent is lost; the next start knows nothing of it."""
    collector, up = Collector(upstream(lambda x: x.hold())), upstream(lambda x: x.reply(CHAT_REPLY))
    config = {"endpoints": [chat_route(up.base)], "otel": {"endpoint": collector.up.base.removesuffix("/v1")}}
    daemon = Sluice(tmp_path / "a", config)
    assert daemon.call("POST", CALLS, CHAT).status == 200
    collector.up.next()
    daemon.proc.kill()
    daemon.proc.wait()
    collector.up.handler = taken
    daemon = Sluice(tmp_path / "b", config)
    assert daemon.call("POST", CALLS, CHAT).status == 200
    wait_for(lambda: len(collector.up.requests) == 2, "the next start sends")
    assert len(collector.decoded(collector.up.requests[1])) == 2
    daemon.stop()


def test_many_calls_of_all_workers(world):
    """Every call has its spans, in batches."""
    w = world.start(server={"workers": 2}, routes=lambda base: [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock-1"}}])

    def run():
        conn = w.daemon.connect()
        for _ in range(250):
            assert conn.request("POST", CALLS, CHAT).reply().status == 200

    threads = [threading.Thread(target=run) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    spans = w.collector.spans(4000)
    assert len(spans) == 4000 and len({s.trace for s in spans}) == 2000 and w.count("dropped") == 0
    assert len(w.collector.up.requests) < 200

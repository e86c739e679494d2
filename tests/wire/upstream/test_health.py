# SPDX-License-Identifier: Apache-2.0
"""`health`: targets are looked at though nobody calls them. Each upstream here says what came to it; no check ever is a call."""
import concurrent.futures
import queue
import signal
import socket
import threading
import time

import pytest
import yaml

from harness import CHAT, DEADLINE, free_port, wait_for
from test_traffic import Lab, answer, lab, model  # noqa: F401: lab is a fixture
from upstream import Upstream

TARGETS = "/api/sluice/v1/targets"
ROUTES = "/api/sluice/v1/routes"
OFTEN = {"every": "1s"}
LISTS = {"every": "1s", "by": "models"}
MODELS = {"object": "list", "data": [{"id": "gpt-4o-mini", "object": "model"}]}


class Place:
    """An upstream at an address that stays, there or not."""

    def __init__(self, **kwargs):
        self.port, self.kwargs, self.up = free_port(), kwargs, None
        self.base = f"{'https' if kwargs.get('tls') else 'http'}://127.0.0.1:{self.port}/v1"
        self.open()

    def open(self):
        self.up = Upstream(answer, port=self.port, **self.kwargs)

    def close(self):
        # accept() of another thread would keep it listening
        self.up.sock.shutdown(socket.SHUT_RDWR)
        self.up.close()


@pytest.fixture
def place():
    places = []

    def start(**kwargs):
        places.append(Place(**kwargs))
        return places[-1]

    yield start
    for p in places:
        p.up.close()


def items(sluice):
    return {(t["route"], t["target"]): t for t in sluice.call("GET", TARGETS).json()["targets"]}


def health(sluice, target="a", route="chat"):
    item = items(sluice)[route, target]
    assert item["health"] != "down" or (item["state"] == "open" and item["waits_ms"] > 0)
    return item["health"]


def wait_health(sluice, want, target="a", route="chat"):
    wait_for(lambda: health(sluice, target, route) == want, lambda: f"{target} is {want}: {sluice.stderr}")


def gauge(sluice, name="sluice_target_health"):
    lines = [line for line in sluice.call("GET", "/metrics").body.decode().splitlines() if line.startswith(name + "{")]
    return {line.split('target="')[1].split('"')[0]: int(line.rsplit(" ", 1)[1]) for line in lines}


def no_calls(sluice):
    text = sluice.call("GET", "/metrics").body.decode()
    return "sluice_attempts_total{" not in text and "gen_ai_client_operation_duration_seconds_count{" not in text


def rewrite(sluice, change):
    """Changes the file and has it read; when that is in force."""
    path = sluice.dir / "sluice.yaml"
    config = yaml.safe_load(path.read_text())
    change(config)
    n = sluice.stderr.count("a new configuration is in force")
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    sluice.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: sluice.stderr.count("a new configuration is in force") > n, lambda: sluice.stderr)


# --- connect ---


def test_a_target_goes_and_comes_without_a_call(lab, place):
    a, b = place(), lab.target()
    sluice = lab.start([("a", a.base, {}), ("b", b, {"tier": 1})], health=OFTEN)
    wait_for(lambda: a.up.n_connections >= 2 and b.upstream.n_connections >= 2, "both are looked at")
    assert (health(sluice), health(sluice, "b"), gauge(sluice)) == ("up", "up", {"a": 1, "b": 1})
    a.close()
    wait_health(sluice, "down")
    assert (health(sluice, "b"), gauge(sluice), gauge(sluice, "sluice_target_state")) == ("up", {"a": 0, "b": 1}, {"a": 2, "b": 0})
    said = "route 'chat', target 'a': it gets"
    wait_for(lambda: f"{said} no calls: its last 3 health checks failed: connection refused by 127.0.0.1:{a.port}" in sluice.stderr, "the operator's log")
    assert no_calls(sluice) and b.n == 0
    r = lab.call()
    assert (r.status, r.get("x-sluice-target"), r.get("x-sluice-attempts")) == (200, "b", "1")
    a.open()
    wait_health(sluice, "up")
    wait_for(lambda: f"{said} its calls again: a health check was answered" in sluice.stderr, "the operator's log")
    assert a.up.requests == [] and lab.names(2) == ["a", "a"] and [x.method for x in a.up.requests] == ["POST", "POST"]
    of_calls = lambda: [line for line in sluice.log_lines(1) if line["route"] == "chat"]
    wait_for(lambda: len(of_calls()) >= 3, "the lines of three calls")
    assert len(of_calls()) == 3


def test_one_target_alone_is_not_asked_while_it_is_down(lab, place):
    a = place()
    sluice = lab.start([], first=a, health=OFTEN)
    assert lab.call().status == 200
    a.close()
    wait_health(sluice, "down", "model")
    r = lab.call()
    assert (r.status, r.get("x-sluice-error-type"), r.get("x-sluice-attempts")) == (503, "provider_overloaded", None) and 1 <= int(r.get("retry-after")) <= 2
    assert "No target of the route 'chat' takes calls now (1 down by its health check): try again in" in r.body.decode()
    a.open()
    wait_health(sluice, "up", "model")
    assert lab.call().status == 200


def test_a_reset_lets_it_have_calls_until_its_checks_fail_again(lab, place):
    a, b = place(), lab.target()
    a.close()
    sluice = lab.start([("a", a.base, {}), ("b", b, {"tier": 1})], health={"every": "5s"}, retries=0)
    wait_health(sluice, "down")
    r = sluice.call("POST", f"{TARGETS}/chat/a/reset")
    assert (r.status, r.json()["state"], r.json()["health"]) == (200, "closed", "up")
    assert lab.call().get("x-sluice-attempts") == "2"


def test_a_listener_that_says_nothing(lab, ca):
    """It is there for who only wants a connection, and not for who wants TLS."""
    held = []
    silent = Upstream(on_connect=held.append)
    whole = Upstream(answer, tls=ca.server("127.0.0.1"))
    other = Upstream(answer, tls=ca.server("192.0.2.1"))
    base = {"plain": f"http://127.0.0.1:{silent.port}/v1", "tls": f"https://127.0.0.1:{silent.port}/v1", "whole": whole.base, "other": other.base}
    sluice = lab.start([(name, base[name], {"timeouts": {"connect": "300ms" if name == "tls" else "10s"}}) for name in base], health=OFTEN, upstream={"ca": ca.path})
    wait_health(sluice, "down", "tls")
    wait_health(sluice, "down", "other")
    wait_for(lambda: whole.n_connections > 3, "checks of the one with TLS")
    assert gauge(sluice) == {"plain": 1, "tls": 0, "whole": 1, "other": 0}
    wait_for(lambda: "target 'tls': it gets no calls: its last 3 health checks failed: no connection to the upstream in time (timeouts.connect: 300ms)" in sluice.stderr, lambda: sluice.stderr)
    wait_for(lambda: "target 'other': it gets no calls" in sluice.stderr and "certificate" in sluice.stderr, lambda: sluice.stderr)
    assert whole.requests == [] and no_calls(sluice)
    for up in (silent, whole, other):
        up.close()


def test_a_check_is_a_whole_handshake_and_no_byte_more(lab, ca):
    seen = queue.Queue()
    tls = ca.server("127.0.0.1")

    def look(conn):
        with tls.wrap_socket(conn, server_side=True) as secure:
            try:
                seen.put((secure.version(), secure.recv(100)))
            except OSError:
                seen.put((secure.version(), b""))

    def look_plain(conn):
        seen.put((None, conn.recv(100)))

    ups = [Upstream(on_connect=look), Upstream(on_connect=look_plain)]
    lab.start([("a", f"https://127.0.0.1:{ups[0].port}/v1", {}), ("b", f"http://127.0.0.1:{ups[1].port}/v1", {})], health=OFTEN, upstream={"ca": ca.path})
    got = {seen.get(timeout=DEADLINE) for _ in range(4)}
    assert got == {("TLSv1.3", b""), (None, b"")}
    for up in ups:
        up.close()


def test_checks_go_the_way_of_the_calls(lab, place, proxy):
    a, way = place(), proxy()
    sluice = lab.start([("a", a.base, {})], health=OFTEN, proxy=way.url)
    wait_for(lambda: len(way.heads) >= 2 and a.up.n_connections >= 2, "checks through the proxy")
    assert all(head.startswith(f"CONNECT 127.0.0.1:{a.port} ") for head in way.heads) and health(sluice) == "up"
    way.answer = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
    wait_health(sluice, "down")
    assert "the proxy answered CONNECT with status 502" in sluice.stderr


def test_one_worker_looks_and_takes_its_time(lab):
    times = []
    up = Upstream(on_connect=lambda conn: (times.append(time.monotonic()), conn.close()))
    lab.start([("a", up.base, {})], health=OFTEN, server={"workers": 4})
    wait_for(lambda: len(times) >= 5, "five checks")
    assert times[4] - times[0] > 2, times  # by four workers they would be there in a second
    up.close()


def test_what_has_no_health_is_left_alone(lab):
    a, b = lab.target(), lab.target()
    sluice = lab.start([("a", a, {}), ("b", b, {})])
    assert health(sluice) is None and gauge(sluice) == {}
    sluice.stop()
    mock = {"provider": "mock", "name": "m", "config": {}}
    sluice = lab.start([("a", a, {}), ("m", None, {"model": mock})], health=OFTEN)
    wait_for(lambda: a.upstream.n_connections >= 2, "checks of the other one")
    assert health(sluice, "m") is None and gauge(sluice) == {"a": 1} and b.upstream.n_connections == 0


# --- models ---


class List:
    """A list of models that is answered as a test says."""

    def __init__(self, act=None):
        self.act = act or (lambda ex: ex.reply(MODELS))
        self.upstream = Upstream(self.serve)
        self.base = self.upstream.base
        self.lock, self.running, self.most = threading.Lock(), 0, 0

    def serve(self, ex):
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            self.act(ex)
        except OSError:
            pass  # it was cut
        finally:
            with self.lock:
                self.running -= 1

    @property
    def n(self):
        return len(self.upstream.requests)


@pytest.fixture
def lists():
    running = []

    def start(act=None):
        running.append(List(act))
        return running[-1]

    yield start
    for one in running:
        one.upstream.close()


def status(line):
    return lambda ex: ex.reply({"error": {"message": "no"}}, line)


def test_the_list_is_asked_for_with_the_routes_credential(lab, lists):
    a = lists()
    sluice = lab.start([("a", a.base, {})], health=LISTS, headers={"x-team": "blue"})
    wait_for(lambda: a.n >= 3, "checks")
    for ex in a.upstream.requests:
        assert (ex.line, ex.body) == ("GET /v1/models HTTP/1.1", b"")
        assert ex.get("authorization") == "Bearer sk-test-secret" and ex.get("x-team") == "blue" and ex.get("user-agent").startswith("sluice/")
        assert ex.get("content-type") is None and ex.get("content-length") is None
    assert health(sluice) == "up" and a.upstream.n_connections == 1  # which is kept, as that of calls


@pytest.mark.parametrize("provider, path, header, more", [
    ("anthropic", "/v1/models?limit=1", ("x-api-key", "sk-test-secret"), {}),
    ("gemini", "/v1/models?pageSize=1", ("x-goog-api-key", "sk-test-secret"), {}),
    ("cohere", "/v1/models?page_size=1", ("authorization", "Bearer sk-test-secret"), {}),
    ("azure", "/v1/openai/models?api-version=2024-10-21", ("api-key", "sk-test-secret"), {"openai_api_version": "2024-10-21", "openai_deployment_name": "d"}),
    ("mistral", "/v1/models", ("authorization", "Bearer sk-test-secret"), {}),
])
def test_each_provider_has_its_own_list(lab, lists, provider, path, header, more):
    a = lists()
    prefix = "openai" if provider == "azure" else provider
    base = a.base.replace("/v1", "/v2") if provider == "cohere" else a.base
    config = {f"{prefix}_api_key": "sk-test-secret", f"{prefix}_api_base": base, **more}
    lab.start([("a", None, {"model": {"provider": provider, "name": "m", "config": config}})], health=LISTS)
    ex = a.upstream.next()
    assert (ex.method, ex.path, ex.get(header[0])) == ("GET", path, header[1])


@pytest.mark.parametrize("line, want, told", [
    ("401 Unauthorized", "down", "its list of models is refused with status 401: its credential is not taken"),
    ("403 Forbidden", "up", "its list of models is refused with status 403: that it answers is enough"),
    ("404 Not Found", "up", "its list of models is refused with status 404: that it answers is enough"),
    ("302 Found", "up", "its list of models is refused with status 302"),
    ("429 Too Many Requests", "up", None),
    ("500 Oops", "down", "its last 3 health checks failed: status 500 of its list of models"),
    ("503 Busy", "down", "its last 3 health checks failed: status 503 of its list of models"),
])
def test_what_a_status_says(lab, lists, line, want, told):
    a = lists(status(line))
    sluice = lab.start([("a", a.base, {})], health=LISTS)
    wait_for(lambda: a.n >= 5, "checks")
    wait_health(sluice, want)
    told = told and f"route 'chat', target 'a': {told}"
    if told:
        wait_for(lambda: told.split(": ", 1)[1] in sluice.stderr, lambda: sluice.stderr)
    assert sluice.stderr.count("its list of models is refused") == (1 if told and "refused" in told else 0)
    a.act = lambda ex: ex.reply(MODELS)
    wait_health(sluice, "up")
    assert {ex.method for ex in a.upstream.requests} == {"GET"} and no_calls(sluice)


def test_a_list_that_never_comes_is_cut_and_not_asked_for_twice(lab, lists):
    a = lists(lambda ex: ex.hold())
    sluice = lab.start([("a", a.base, {"timeouts": {"connect": "1500ms"}})], health=LISTS)
    wait_health(sluice, "down")
    wait_for(lambda: "its last 3 health checks failed: no answer within 1500ms (timeouts.connect)" in sluice.stderr, lambda: sluice.stderr)
    assert a.n >= 3 and a.most == 1


def cut(ex):
    ex.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab")
    ex.close()


def endless(ex):
    ex.stream_head("application/json")
    while True:
        ex.chunk("x" * 50000)


@pytest.mark.parametrize("act, want", [
    (cut, "up"),  # its status was there
    (endless, "up"),
    (lambda ex: ex.reply(b"x" * 300000), "up"),
    (lambda ex: ex.reply(b"\0", headers=[("Content-Encoding", "br")]), "up"),
    (lambda ex: ex.send("HTTP/1.1 200 OK\r\n\r\n") or ex.close(), "up"),
    (lambda ex: ex.close(), "down"),
    (lambda ex: ex.reset(), "down"),
    (lambda ex: ex.send("nonsense\r\n\r\n"), "down"),
], ids=["cut", "endless", "long", "coded", "until-the-end", "closed", "reset", "nonsense"])
def test_replies_that_are_no_list(lab, lists, act, want):
    a = lists(act)
    sluice = lab.start([("a", a.base, {"timeouts": {"connect": "60s"}})], health=LISTS)  # which ends none of them
    wait_for(lambda: a.n >= 4, "checks")
    wait_health(sluice, want)
    if want == "up":
        assert "no calls" not in sluice.stderr


# --- reload, change, delete, end ---


def test_what_is_down_stays_so_over_reloads(lab, place):
    a, b = place(), lab.target()
    a.close()
    sluice = lab.start([("a", a.base, {}), ("b", b, {"tier": 1})], health={"every": "5s"}, retries=0)
    wait_health(sluice, "down")
    for weight in (2, 3):
        rewrite(sluice, lambda config: config["endpoints"][0]["sluice"]["targets"][1].update(weight=weight))
        assert health(sluice) == "down" and lab.call().get("x-sluice-attempts") == "1"
    a.open()
    rewrite(sluice, lambda config: config["endpoints"][0]["sluice"].update(health=OFTEN))
    wait_health(sluice, "up")
    a.close()
    wait_health(sluice, "down")
    rewrite(sluice, lambda config: config["endpoints"][0]["sluice"].pop("health"))  # nobody looks: it has its calls
    assert health(sluice) is None and gauge(sluice) == {} and lab.call().get("x-sluice-attempts") == "2"


def test_reloads_under_load(lab, place, lists):
    a, b, c = place(), lab.target(lambda ex: answer(ex) if ex.body else ex.reply(MODELS)), lists(lambda ex: ex.hold())
    a.close()
    sluice = lab.start([("a", a.base, {}), ("b", b, {}), ("c", c.base, {"timeouts": {"connect": "5s"}})], health=LISTS, fallback={"attempts": 2}, server={"workers": 2})
    is_over = threading.Event()

    def calls():
        n = 0
        while not is_over.is_set():
            n += sluice.call("POST", "/v1/chat/completions", CHAT, [("x-sluice-timeout", "1s")]).status in (200, 404, 502, 503, 504)
        return n

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(calls) for _ in range(4)]
        for i in range(12):
            def change(config, i=i):
                config["endpoints"][0]["name"] = "chat" if i % 3 else "other"
                config["endpoints"][0]["sluice"]["health"] = [OFTEN, LISTS, "off"][i % 3]
            rewrite(sluice, change)
        is_over.set()
        assert all(job.result() > 0 for job in jobs)


def stored(base, **more):
    return {"route_type": "llm/v1/chat", "model": model(base), "sluice": {"health": OFTEN, **more}}


@pytest.fixture
def store(sluice, tmp_path):
    return sluice({"endpoints": [], "upstream": {"allow": ["127.0.0.0/8"]}, "server": {"workers": 2}}, args=("--data", str(tmp_path / "data")))


def test_routes_of_calls_are_looked_at_and_left(store, place):
    a, b = place(), place()
    for name, where in (("r", a), ("s", b)):
        r = store.call("PUT", f"{ROUTES}/{name}", stored(where.base))
        assert r.status in (200, 201), r.body
    wait_for(lambda: a.up.n_connections >= 2 and b.up.n_connections >= 2, "checks")
    assert store.call("GET", f"{ROUTES}/r").json()["sluice"]["health"] == OFTEN
    b.close()
    wait_health(store, "down", "model", "s")
    r = store.call("PUT", f"{ROUTES}/s", stored(b.base, retries=2))
    assert r.status == 200 and health(store, "model", "s") == "down"
    b.open()
    wait_health(store, "up", "model", "s")
    n = a.up.n_connections
    assert store.call("DELETE", f"{ROUTES}/r").status == 200
    n_other = b.up.n_connections
    wait_for(lambda: b.up.n_connections >= n_other + 4, "checks of the other")
    assert a.up.n_connections <= n + 1  # one may have been on its way
    r = store.call("PUT", f"{ROUTES}/s", stored(b.base, health=None))
    assert r.status == 200
    n_other = b.up.n_connections
    assert store.call("PUT", f"{ROUTES}/r", stored(a.base)).status in (200, 201)
    n = a.up.n_connections
    wait_for(lambda: a.up.n_connections >= n + 4, "checks of the new one")
    assert b.up.n_connections <= n_other + 1


def test_a_private_address_is_not_looked_at_for_who_makes_a_route(sluice, tmp_path, place):
    a = place()
    daemon = sluice({"endpoints": [], "upstream": {"allow": ["192.0.2.0/24"]}}, args=("--data", str(tmp_path / "data")))
    base = a.base.replace("127.0.0.1", "localhost")
    r = daemon.call("PUT", f"{ROUTES}/r", stored(base))
    assert r.status in (200, 201), r.body
    wait_health(daemon, "down", "model", "r")
    assert a.up.n_connections == 0


def test_routes_of_calls_take_a_bounded_number_of_places(sluice, tmp_path, lists):
    """Who makes a route with targets that never answer takes neither the descriptors nor the checks of the file's."""
    gate, most = threading.Event(), 64
    mute = lists(lambda ex: gate.wait(DEADLINE) and ex.reply(MODELS))
    own = lists()
    more = {"health": LISTS, "timeouts": {"connect": "60s"}}
    mine = {"name": "mine", "endpoint_type": "llm/v1/chat", "model": model(own.base), "sluice": more}
    daemon = sluice({"endpoints": [mine], "upstream": {"allow": ["127.0.0.0/8"]}}, args=("--data", str(tmp_path / "data")))
    targets = [{"name": f"t{i}", "model": model(mute.base)} for i in range(2 * most)]
    r = daemon.call("PUT", f"{ROUTES}/r", stored(mute.base, **more, targets=targets))
    assert r.status in (200, 201), r.body
    wait_for(lambda: mute.n >= most, "as many checks as may run")
    n = own.n
    wait_for(lambda: own.n >= n + 3, "checks of the file's route")
    assert mute.n == most
    gate.set()
    wait_for(lambda: mute.n > 2 * most, "the others' turn")
    assert mute.most <= most


def test_a_check_ends_with_its_route(store, lists):
    a = lists(lambda ex: left.put(ex.hold()))
    left = queue.Queue()
    r = store.call("PUT", f"{ROUTES}/r", stored(a.base, health=LISTS, timeouts={"connect": "60s"}))
    assert r.status in (200, 201), r.body
    a.upstream.next()
    assert left.empty() and store.call("DELETE", f"{ROUTES}/r").status == 200
    assert left.get(timeout=DEADLINE) is not None


def test_a_check_does_not_hold_the_end(lab, lists):
    a = lists(lambda ex: ex.hold())
    sluice = lab.start([("a", a.base, {"timeouts": {"connect": "60s"}})], health=LISTS)
    a.upstream.next()
    sluice.stop()  # in less than that


def test_waiting_calls_go_to_a_target_that_comes_back(lab, place):
    came, go = queue.Queue(), threading.Event()

    def slow(ex):
        came.put(ex)
        assert go.wait(DEADLINE)
        answer(ex)

    a, b = place(), lab.target(slow)
    a.close()
    sluice = lab.start([("a", a.base, {}), ("b", b, {"max_concurrent": 1})], health=OFTEN, queue={"wait": "15s", "size": 9}, server={"workers": 2})
    wait_health(sluice, "down")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(lab.call)
        came.get(timeout=DEADLINE)
        second = pool.submit(lab.call)
        wait_for(lambda: gauge_of_queue(sluice) == 1, "one waits")
        a.open()
        assert second.result().get("x-sluice-target") == "a"
        go.set()
        assert first.result().get("x-sluice-target") == "b"


def gauge_of_queue(sluice):
    text = sluice.call("GET", "/metrics").body.decode()
    return next(int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith('sluice_queue_depth{route="chat"}'))

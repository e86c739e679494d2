# SPDX-License-Identifier: Apache-2.0
"""Counters that several nodes share, on Redis: a limit of C lets exactly C calls through, whatever happens to the
server."""
import json
import signal
import subprocess
import threading
import time

import pytest

from fleet import CHAT_PATH, fleet, never_more, requests  # noqa: F401: a fixture
from harness import BIN, CHAT, CHAT_REPLY, SANITIZED, chat_route, free_port, wait_for
from memory import memory_find, needs_root
from redis_server import cutter, redis  # noqa: F401: fixtures


@pytest.mark.parametrize("n", [2, 4])
def test_a_limit_of_c_lets_exactly_c_through(redis, fleet, n):
    f = fleet(redis().port, requests(1000), n=n)
    assert f.calls(1500) == {200: 1000, 429: 500}
    assert f.n_calls == 1000
    asked = sum(f.metric(node, "sluice_counters_seconds_count") for node in f.nodes)
    assert asked < 1500, "what a limit has refused is known until its window ends"


def test_what_the_client_sees_is_the_count_of_all(redis, fleet):
    f = fleet(redis().port, requests(3))
    first = f.nodes[0].call("POST", CHAT_PATH, CHAT)
    second = f.nodes[1].call("POST", CHAT_PATH, CHAT)
    third = f.nodes[0].call("POST", CHAT_PATH, CHAT)
    assert [r.get("x-ratelimit-remaining-requests") for r in (first, second, third)] == ["2", "1", "0"]
    for node in f.nodes:
        r = node.call("POST", CHAT_PATH, CHAT)
        assert (r.status, r.get("x-sluice-error-type"), r.get("x-ratelimit-remaining-requests")) == (429, "policy_rate_limited", "0")
        assert b'sluice_limit_decisions_total{route="chat",decision="refused",source="shared"} 1\n' in node.call("GET", "/metrics").body


def test_all_or_none_of_several_limits(redis, fleet):
    """The tighter limit refuses, and the other one has lost nothing by that."""
    server = redis()
    f = fleet(server.port, [{"requests": 10, "per": "hour"}, {"requests": 1000, "per": "day"}])
    assert f.calls(50) == {200: 10, 429: 40}
    assert sorted(c["u"] for c in server.counters()) == [10, 10]


def test_other_namespaces_count_by_themselves(redis, fleet):
    port = redis().port
    a, b = fleet(port, requests(10), counters={"namespace": "a"}), fleet(port, requests(10), counters={"namespace": "b"})
    assert a.calls(15) == b.calls(15) == {200: 10, 429: 5}


def test_the_count_goes_on_when_the_data_are_gone(redis, fleet):
    server = redis()
    f = fleet(server.port, requests(1000, on_loss="closed"))
    assert f.calls(400) == {200: 400}
    f.know_each_other(server)
    server.command("FLUSHALL")
    got = f.calls(300)
    f.up_everywhere()
    rest = f.calls(1500)
    assert f.n_calls == got.get(200, 0) + rest.get(200, 0) + 400 == 1000
    assert [f.metric(node, "sluice_counters_epoch_total") for node in f.nodes] == [1, 1]


@pytest.mark.parametrize("args", [(), ("--appendonly", "yes", "--appendfsync", "everysec")])
def test_the_count_goes_on_after_kill(redis, fleet, args):
    server = redis(*args)
    f = fleet(server.port, requests(1000, on_loss="closed"), counters={"deadline": "1s"})
    assert f.calls(500) == {200: 500}
    f.know_each_other(server)
    before = f.n_calls
    killer = threading.Thread(target=lambda: (server.kill(), server.start()))
    killer.start()
    got = f.calls(200)
    killer.join()
    assert set(got) <= {200, 503} and f.n_calls == before + got.get(200, 0)
    f.up_everywhere()
    f.calls(1500)
    # Another node may have seen a call whose own answer was lost: it counts, though it was asked for again.
    assert 1000 - 8 <= f.n_calls <= 1000


def test_no_call_is_lost_when_the_scripts_are_gone(redis, fleet):
    server = redis()
    f = fleet(server.port, requests(100, on_loss="closed"))
    assert f.calls(50) == {200: 50}
    server.command("SCRIPT", "FLUSH")
    assert f.calls(100) == {200: 50, 429: 50}


def test_closed_limits_refuse_while_the_server_is_away(redis, fleet):
    server = redis()
    f = fleet(server.port, requests(100, on_loss="closed"), counters={"deadline": "50ms"})
    server.kill()
    r = f.nodes[0].call("POST", CHAT_PATH, CHAT)
    assert (r.status, r.get("x-sluice-error-type"), r.get("retry-after")) == (503, "sluice_limit_store_down", "1")
    assert f.n_calls == 0
    wait_for(lambda: f.nodes[0].call("GET", "/ready").json() == {"status": "OK", "counters": "down"}, "/ready says it")
    server.start()
    f.up_everywhere()
    assert f.nodes[0].call("GET", "/ready").json() == {"status": "OK"}
    assert f.calls(200) == {200: 100, 429: 100}


def test_the_log_says_what_a_person_must_mend(redis, fleet):
    """The server comes back with a password: that is another reason than the first."""
    server = redis("--requirepass", "not-to-be-shown")
    f = fleet(server.port, requests(100), n=1, counters={"password": "not-to-be-shown"})
    f.up_everywhere()
    server.kill()
    wait_for(lambda: "the shared counters on" in f.nodes[0].stderr, "the loss is told")
    server.args, server.password = ["--requirepass", "other"], "other"
    server.start()
    wait_for(lambda: "it refuses the password (counters.password): WRONGPASS" in f.nodes[0].stderr, "the next reason")
    server.command("CONFIG", "SET", "requirepass", "not-to-be-shown")
    f.up_everywhere()
    log = f.nodes[0].stderr
    assert log.count("WRONGPASS") == 1 and "the shared counters are used again" in log and "not-to-be-shown" not in log


@needs_root
@pytest.mark.skipif(SANITIZED, reason="its shadow memory is too large to be read")
@pytest.mark.parametrize("user", ["", "default@"])
def test_the_password_that_was_sent_is_wiped(redis, fleet, user):
    password = "not-to-be-found-" * 6
    server = redis("--requirepass", password)
    f = fleet(server.port, requests(100), n=1, counters={"redis": f"redis://{user}127.0.0.1:{server.port}", "password": password})
    f.up_everywhere()
    assert f.calls(10) == {200: 10}
    sent = f"${len(password)}\r\n{password}\r\n"
    asked = "\r\nEVALSHA\r\n"
    assert memory_find(f.nodes[0].proc.pid, [sent, asked]) == {asked}, "the buffers are there, without it"


@pytest.mark.parametrize("on_loss, most", [("share", 40), ("local", 80), ("open", 1000)])
def test_what_else_passes_while_the_server_is_away(redis, fleet, on_loss, most):
    server = redis()
    f = fleet(server.port, requests(80, on_loss=on_loss), counters={"deadline": "50ms"})
    f.know_each_other(server)
    server.kill()
    wait_for(lambda: f.metric(f.nodes[0], "sluice_counters_up") == 0, "the loss is seen")
    got = f.calls(120, nodes=f.nodes[:1])
    assert got.get(200, 0) == min(most, 120)
    # What passed is counted when the server is back.
    server.start()
    f.up_everywhere()
    before = f.n_calls
    f.calls(200)
    assert f.n_calls - before == max(80 - before, 0)


def test_tokens_are_reserved_and_settled_over_all_nodes(redis, fleet):
    """A call reserves 100 tokens and uses 12: what it did not use is free again, on every node."""
    server = redis()
    f = fleet(server.port, [{"tokens": 240, "per": "hour"}])
    body = {**CHAT, "max_tokens": 50}
    got = {}
    for i in range(30):  # one after the other, so that each reservation is settled before the next call
        status = f.nodes[i % 2].call("POST", CHAT_PATH, body).status
        got[status] = got.get(status, 0) + 1
    (counter,) = server.counters()
    assert counter["u"] == 12 * got[200] and counter["r"] == 0 and f.n_calls == got[200]
    assert 12 * got[200] <= 240 < 12 * got[200] + 50 + 12


def test_calls_at_a_time_over_all_nodes(redis, fleet):
    server = redis()
    f = fleet(server.port, [{"concurrent": 3}])
    go = threading.Event()
    held = []

    def hold(x):
        held.append(x)
        go.wait(60)
        x.reply(CHAT_REPLY)

    f.up.handler = hold
    conns = [node.connect().request("POST", CHAT_PATH, CHAT) for node in (f.nodes[0], f.nodes[1], f.nodes[0])]
    wait_for(lambda: len(held) == 3, "three calls run")
    for node in f.nodes:
        r = node.call("POST", CHAT_PATH, CHAT)
        assert (r.status, r.get("retry-after")) == (429, "1")
    go.set()
    assert [c.reply().status for c in conns] == [200, 200, 200]
    wait_for(lambda: [(c["u"], c["r"]) for c in server.counters()] == [(0, 0)], "their places are free")
    assert set(server.counters()[0]) == {"s", "e", "u", "r"}, "a counter without an end keeps no names of workers"
    assert f.nodes[1].call("POST", CHAT_PATH, CHAT).status == 200


def test_a_node_that_dies_gives_its_places_back(redis, fleet):
    server = redis()
    f = fleet(server.port, [{"concurrent": 2}])
    arrived = threading.Semaphore(0)

    def hold(x):
        arrived.release()
        x.wait_closed(60)

    answer, f.up.handler = f.up.handler, hold
    conns = [f.nodes[0].connect().request("POST", CHAT_PATH, CHAT) for _ in range(2)]
    for _ in conns:
        arrived.acquire(timeout=20)
    assert f.nodes[1].call("POST", CHAT_PATH, CHAT).status == 429
    f.nodes[0].proc.kill()
    f.nodes[0].stopped = True
    f.up.handler = answer
    wait_for(lambda: f.nodes[1].call("POST", CHAT_PATH, CHAT).status == 200, "its places are free", 40)


def test_a_node_and_the_server_die_in_the_same_window(redis, fleet):
    """What nobody else has seen is lost, and no more."""
    server = redis()
    f = fleet(server.port, requests(100, on_loss="closed"))
    f.know_each_other(server)
    a, b = f.nodes
    assert f.calls(40, nodes=[a]) == {200: 40} and f.calls(20, nodes=[b]) == {200: 20}
    assert f.calls(10, nodes=[a]) == {200: 10}  # of these b does not know
    a.proc.kill()
    a.proc.wait()
    a.stopped = True
    server.kill()
    wait_for(lambda: f.metric(b, "sluice_counters_up") == 0, "the loss is seen")
    server.start()
    wait_for(lambda: f.metric(b, "sluice_counters_up") == 1, "nobody waits for the dead node any more", 40)
    assert f.calls(60, nodes=[b]) == {200: 40, 429: 20}
    assert f.n_calls == 110


def test_calls_that_end_while_the_nodes_tell_what_they_know(redis, fleet, cutter):
    """Their settles are on their way when the link asks again whether all have told: that is no silence."""
    server = redis()
    proxy = cutter(server.port)
    f = fleet(proxy.port, [{"concurrent": 50, "on_loss": "closed"}])
    go, held = threading.Semaphore(0), []

    def hold(x):
        held.append(x)
        go.acquire(timeout=60)
        x.reply(CHAT_REPLY)

    f.up.handler = hold
    f.know_each_other(server)
    a, b = f.nodes
    conns = [a.connect().request("POST", CHAT_PATH, CHAT) for _ in range(8)]
    wait_for(lambda: len(held) == 8, "eight calls run")
    b.proc.send_signal(signal.SIGSTOP)  # so that the others wait for it
    try:
        n = len(proxy.pairs)
        proxy.delay = 0.1
        server.command("FLUSHALL")
        told = lambda: [w for w in server.command("HKEYS", "sluice:{sluice}:epoch") if w.startswith(b"d:")]  # noqa: E731
        wait_for(lambda: len(told()) == 2, "the workers of one node have told what they know")
        go.release(8)
        assert [conn.reply().status for conn in conns] == [200] * 8
        wait_for(lambda: f.metric(a, "sluice_counters_up") == 1, "nobody waits for the other node any more", 40)
        assert len(proxy.pairs) == n
    finally:
        b.proc.send_signal(signal.SIGCONT)


def test_a_session_is_one_on_all_nodes(redis, fleet):
    f = fleet(redis().port, [{"session": {"calls": 4}}])
    for name in ("one", "two"):
        got = [f.nodes[i % 2].call("POST", CHAT_PATH, CHAT, [("x-sluice-session", name)]).status for i in range(6)]
        assert got == [200] * 4 + [429] * 2


def test_limits_of_keys_and_groups(redis, fleet):
    """The route's limit, the key's, and its group's hold together."""
    server = redis()
    auth = {"admin_key": {"sha256": "0" * 64}, "keys": [{"name": n, "key": f"sk-the-secret-key-of-{n}", "group": "acme", "role": "query", "limits": [{"requests": 30, "per": "day"}]} for n in ("a", "b", "c")]}
    f = fleet(server.port, requests(1000), auth=auth, groups=[{"name": "acme", "limits": [{"requests": 70, "per": "day"}]}])
    for name, want in (("a", {200: 30, 429: 20}), ("b", {200: 30, 429: 20}), ("c", {200: 10, 429: 40})):
        assert f.calls(50, headers=[("authorization", f"Bearer sk-the-secret-key-of-{name}")]) == want
    assert f.n_calls == 70


def test_a_calendar_is_the_servers(redis, fleet):
    """The end of the day there is what the reply says, and the next window begins then."""
    server = redis()
    f = fleet(server.port, [{"requests": 5, "per": "day", "zone": "Asia/Tokyo"}])
    assert f.calls(10) == {200: 5, 429: 5}
    (counter,) = server.counters()
    assert (counter["e"] / 1e6 + 9 * 3600) % 86400 == 0


def test_a_calendar_of_a_node_whose_clock_is_wrong(redis, fleet, cutter):
    """A window that would end in forty days is no day: the server bounds it."""
    server = redis()
    proxy = cutter(server.port)
    f = fleet(proxy.port, [{"requests": 5, "per": "day", "zone": "UTC"}])
    f.up_everywhere()
    now = time.time()
    end = (int(now) // 86400 + 1) * 86400
    proxy.rewrite = lambda data: data.replace(b"%d000000" % end, b"%d000000" % (end + 40 * 86400))
    assert f.nodes[0].call("POST", CHAT_PATH, CHAT).status == 200
    (counter,) = server.counters()
    assert counter["e"] / 1e6 - now < 86400 * 9 / 8 + 60 and counter["e"] / 1e6 != end


def test_a_fallback_route_has_its_limits_too(redis, sluice, upstream, fleet):
    down = upstream(lambda x: x.reply(b"{}", status="500 Internal Server Error"))
    f = fleet(redis().port, None, routes=lambda base: [
        chat_route(f"http://127.0.0.1:{down.port}/v1", targets=[{"name": "model"}], fallback={"on": ["server_error"], "routes": ["other"]}, retries=0),
        chat_route(base, name="other", limits=requests(10))])
    got = f.calls(30)
    assert got.get(200) == 10 == f.n_calls and sum(got.values()) == 30


# --- settings ---


def refused_start(sluice, port, **counters):
    daemon = sluice({"endpoints": [chat_route("http://127.0.0.1:9/v1", limits=requests(1))], "counters": {"redis": f"redis://127.0.0.1:{port}", **counters}}, ready=False)
    assert daemon.proc.wait(20) == 1
    for t in daemon.readers:
        t.join(20)
    daemon.stopped = True
    return daemon.stderr


@pytest.mark.parametrize("args, words", [
    (("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"), "its maxmemory-policy is allkeys-lru"),
    (("--maxmemory", "100mb", "--maxmemory-policy", "volatile-ttl"), "its maxmemory-policy is volatile-ttl"),
    (("--rename-command", "EVALSHA", "x"), "EVALSHA"),
    (("--rename-command", "INFO", ""), "it does not answer INFO"),
    (("--rename-command", "SCRIPT", ""), "it does not take scripts (SCRIPT LOAD)"),
    (("--rename-command", "HINCRBY", ""), "nknown Redis command"),
])
def test_a_server_that_must_not_be_used(redis, sluice, args, words):
    assert words in refused_start(sluice, redis(*args).port)


def test_a_password(redis, sluice, fleet, tmp_path):
    server = redis()
    server.command("ACL", "SETUSER", "sluice", "on", ">right", "~sluice:{prod}:*", "+@hash", "+@sortedset", "+@scripting", "+@connection", "+info", "+time", "+exists", "+del", "+pexpireat", "+pexpire")
    server.command("CONFIG", "SET", "requirepass", "other")
    (tmp_path / "password").write_text("right\n")
    assert "it wants a password (counters.password): NOAUTH" in refused_start(sluice, server.port)
    assert "it refuses the user or the password" in refused_start(sluice, server.port, redis=f"redis://sluice@127.0.0.1:{server.port}", password="wrong")
    with_it = {"redis": f"redis://sluice@127.0.0.1:{server.port}", "password": {"file": str(tmp_path / "password")}, "namespace": "prod"}
    assert fleet(server.port, requests(5), counters=with_it).calls(8) == {200: 5, 429: 3}


def test_tls(redis, fleet, ca):
    ca.server("localhost", "127.0.0.1", days=2)
    pem = str(ca.dir / "localhost_127.0.0.12.pem")
    port = free_port()
    redis("--tls-port", str(port), "--tls-cert-file", pem, "--tls-key-file", pem, "--tls-auth-clients", "no")
    f = fleet(port, requests(5), counters={"redis": f"rediss://localhost:{port}"}, authorities=ca.path)
    assert f.calls(8) == {200: 5, 429: 3}


def test_tls_with_a_server_that_speaks_none(redis, fleet):
    f = fleet(redis().port, requests(5), n=1, counters={"redis": f"rediss://localhost:{redis().port}"})
    wait_for(lambda: "does it speak TLS on that port, as rediss:// asks?" in f.nodes[0].stderr, "the log says what may be the cause")


def test_mlflows_variable(redis, sluice):
    port = redis().port
    config = {"endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}, "limits": requests(2)}]}
    nodes = [sluice(config, env={"MLFLOW_GATEWAY_RATE_LIMITS_STORAGE_URI": f"redis://127.0.0.1:{port}/3"}) for _ in range(2)]
    assert [nodes[i % 2].call("POST", CHAT_PATH, CHAT).status for i in range(4)] == [200, 200, 429, 429]


@pytest.mark.parametrize("counters, words", [
    ("redis", "counters: must be local, or a map"),
    ({}, "counters.redis"),
    ({"redis": "http://h"}, "counters.redis: must be redis://"),
    ({"redis": "redis://u:p@h"}, "must not have a password"),
    ({"redis": "redis://h/x"}, "the database is a number"),
    ({"redis": "redis://h", "namespace": "a b"}, "counters.namespace: must be 1 to 64 letters"),
    ({"redis": "redis://h", "deadline": "0s"}, "counters.deadline"),
    ({"redis": "redis://h", "wait": "61s"}, "counters.wait"),
    ({"redis": []}, "counters.redis: must have 1 to 64 addresses"),
    ({"redis": ["redis://h"]}, "counters.redis: must name the port"),
    ({"redis": ["redis://h:1/a/b"]}, "the database is a number"),
    ({"redis": ["redis://h:1", "redis://h:2/other"]}, "must be as the first address but for host and port"),
    ({"redis": ["redis://h:1", "rediss://h:2"]}, "must be as the first address but for host and port"),
    ({"redis": ["redis://u:p@h:1", "redis://u@h:2"]}, "must not have a password"),
    ({"redis": "redis://h", "dead_line": "1s"}, 'did you mean "deadline"'),
])
def test_check_of_counters(tmp_path, counters, words):
    (tmp_path / "sluice.yaml").write_text(json.dumps({"endpoints": [], "counters": counters}))
    done = subprocess.run([BIN, "check", "-c", str(tmp_path / "sluice.yaml")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and words in done.stderr


# --- life ---


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_node_ends_without_its_server(redis, fleet, how):
    """The drain does not wait for a server that is away: the fixture checks that every node ends well."""
    server = redis()
    f = fleet(server.port, [{"requests": 9, "per": "hour"}, {"concurrent": 9}], counters={"deadline": "100ms"})
    assert f.calls(4) == {200: 4}
    server.kill() if how == "killed" else server.pause()
    f.calls(4)
    for node in f.nodes:
        node.stop()
        node.stopped = True


def test_a_node_that_ends_leaves(redis, fleet):
    """It takes its name away, and what its calls had held."""
    server = redis()
    f = fleet(server.port, [{"concurrent": 50}])
    assert f.calls(20) == {200: 20}
    f.know_each_other(server)
    for node in f.nodes:
        node.stop()
        node.stopped = True
    assert server.command("ZCARD", "sluice:{sluice}:nodes") == 0
    assert [(c["u"], c["r"]) for c in server.counters()] == [(0, 0)]


def test_a_shadow_that_runs_to_the_end(redis, fleet, upstream):
    """The end of a node ends it, and gives back what it holds, before the node leaves."""
    server = redis()
    slow = upstream(lambda x: x.hold())
    f = fleet(server.port, None, n=1, routes=lambda base: [
        chat_route(base, shadow={"route": "other", "share": "100%"}),
        chat_route(slow.base, name="other", limits=[{"concurrent": 5}])])
    assert f.nodes[0].call("POST", CHAT_PATH, CHAT).status == 200
    slow.next()
    assert [(c["u"], c["r"]) for c in server.counters()] == [(1, 1)]
    f.nodes[0].stop()
    f.nodes[0].stopped = True
    assert server.command("ZCARD", "sluice:{sluice}:nodes") == 0
    assert [(c["u"], c["r"]) for c in server.counters()] == [(0, 0)]


def test_clients_that_leave_while_their_call_waits(redis, fleet, cutter):
    """Nobody waits for the answer: what the server counts is given back."""
    server = redis()
    proxy = cutter(server.port)
    f = fleet(proxy.port, [{"requests": 20, "per": "hour", "on_loss": "closed"}, {"concurrent": 50, "on_loss": "closed"}])
    f.know_each_other(server)
    proxy.delay = 0.5
    for _ in range(3):
        conn = f.nodes[0].connect().request("POST", CHAT_PATH, CHAT)
        wait_for(lambda: [c["u"] for c in server.counters()] == [1, 1], "the server has counted it")
        conn.close()
        wait_for(lambda: [c["u"] for c in server.counters()] == [0, 0], "it was given back")
    proxy.delay = 0.0
    assert f.n_calls == 0
    never_more(f, 20)


def test_a_reload_does_not_change_the_counters(redis, fleet):
    """The limit is a reload's, where it is counted is a start's."""
    server = redis()
    f = fleet(server.port, requests(5))
    assert f.calls(8) == {200: 5, 429: 3}
    for node in f.nodes:
        path = node.dir / "sluice.yaml"
        path.write_text(path.read_text().replace("requests: 5", "requests: 12").replace(f"127.0.0.1:{server.port}", "127.0.0.1:9"))
    wait_for(lambda: all("counters has changed: that takes a restart" in node.stderr for node in f.nodes), "the reload is told")
    wait_for(lambda: f.nodes[0].call("POST", CHAT_PATH, CHAT).status == 200, "the new limit")
    f.calls(30)
    assert f.n_calls == 12


def test_a_call_that_waited_is_read_from_its_own_body(redis, fleet):
    """Another call was read meanwhile: what binds a conversation to its target is not the other's."""
    server = redis()

    def routes(base):
        model = chat_route(base)["model"]
        targets = [{"name": "a"}, {"name": "b"}]
        pair = {"name": "chat", "endpoint_type": "llm/v1/chat", "limits": requests(9), "sluice": {"targets": [{**t, "model": model} for t in targets]}}
        return [pair, chat_route(base, "free")]

    f = fleet(server.port, None, n=1, routes=routes, server={"workers": 1})
    node = f.nodes[0]
    mine, other = ({**CHAT, "prompt_cache_key": key} for key in ("mine", "another"))
    server.pause()
    conn = node.connect().request("POST", CHAT_PATH, mine)
    wait_for(lambda: b"\nsluice_requests_in_flight 2\n" in node.call("GET", "/metrics").body, "it waits for the counters")
    assert node.call("POST", CHAT_PATH, {**other, "model": "free"}).status == 200
    server.resume()
    first = conn.reply()
    assert first.status == 200, first.body
    targets = [node.call("POST", CHAT_PATH, mine).get("x-sluice-target") for _ in range(3)]
    assert targets == [first.get("x-sluice-target")] * 3

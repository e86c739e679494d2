# SPDX-License-Identifier: Apache-2.0
"""`queue`: calls beyond `max_concurrent` wait for a place at a target."""
import concurrent.futures
import queue
import signal
import threading

import pytest

from harness import CHAT, DEADLINE, PATHS, Sluice, wait_for
from test_traffic import Lab, answer, error, lab, model, old  # noqa: F401: lab is a fixture


class Gate:
    """A target that answers one call each time the test says so, and knows how many it has."""

    def __init__(self, act=answer):
        self.act, self.came, self.go = act, queue.Queue(), threading.Semaphore(0)
        self.lock, self.n, self.most = threading.Lock(), 0, 0

    def __call__(self, ex):
        with self.lock:
            self.n += 1
            self.most = max(self.most, self.n)
        self.came.put(ex)
        assert self.go.acquire(timeout=DEADLINE)
        with self.lock:
            self.n -= 1
        self.act(ex)

    def arrived(self):
        return self.came.get(timeout=DEADLINE)


def depth(sluice):
    text = sluice.call("GET", "/metrics").body.decode()
    return next(int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith('sluice_queue_depth{route="chat"}'))


def n_waited(sluice):
    text = sluice.call("GET", "/metrics").body.decode()
    return sum(int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith('sluice_queue_wait_seconds_count{route="chat"}'))


def send(sluice, text="hello", key=None, headers=()):
    body = {**CHAT, "messages": [{"role": "user", "content": text}]}
    headers = list(headers) + ([("Authorization", f"Bearer {key}")] if key else [])
    return sluice.connect().request("POST", "/v1/chat/completions", body, headers)


def said(ex):
    return ex.json()["messages"][0]["content"]


def busy(lab, wait="20s", size=100, n=1, **more):
    """A route with one place, which a call has taken."""
    gate = Gate()
    target = lab.target(gate)
    lab.start([("model", None, {"max_concurrent": n})], first=target, queue={"wait": wait, "size": size}, **more)
    first = send(lab.sluice, "first")
    gate.arrived()
    return gate, first


def test_a_call_waits_for_its_place(lab):
    gate, first = busy(lab)
    second = send(lab.sluice, "second")
    wait_for(lambda: depth(lab.sluice) == 1, "it waits")
    assert gate.most == 1
    gate.go.release()
    assert said(gate.arrived()) == "second"
    gate.go.release()
    assert [c.reply().status for c in (first,)] == [200]
    r = second.reply()
    assert (r.status, r.get("x-sluice-attempts"), r.get("x-sluice-target")) == (200, "1", "model")
    assert depth(lab.sluice) == 0 and n_waited(lab.sluice) == 1
    line = lab.sluice.log_line(r.get("x-request-id"))
    assert 0 < line["queue_ms"] <= line["duration_ms"] and [t["target"] for t in line["attempts"]] == ["model"]
    assert "queue_ms" not in lab.sluice.log_lines(1)[0] or lab.sluice.log_lines(1)[0]["request_id"] == r.get("x-request-id")
    assert gate.most == 1


def test_the_wait_has_an_end(lab):
    gate, first = busy(lab, wait="1100ms")
    conns = [(path, lab.sluice.connect().request("POST", path, body)) for path, body in PATHS.items()]
    for path, conn in conns:
        r = conn.reply()
        assert (r.status, r.get("x-sluice-error-type"), r.get("retry-after"), r.get("x-sluice-attempts")) == (503, "sluice_overloaded", "2", None), (path, r.body)
        assert b"max_concurrent" in r.body and b"1100ms (queue.wait)" in r.body, (path, r.body)
        line = lab.sluice.log_line(r.get("x-request-id"))
        assert line["queue_ms"] >= 1100 and line["attempts"] == []
    gate.go.release()
    assert first.reply().status == 200 and lab.targets[0].n == 1


def test_a_full_queue_refuses_at_once(lab):
    gate, first = busy(lab, size=2)
    waiting = [send(lab.sluice) for _ in range(2)]
    wait_for(lambda: depth(lab.sluice) == 2, "they wait")
    r = send(lab.sluice).reply()
    assert (r.status, r.get("x-sluice-error-type"), r.get("retry-after")) == (503, "sluice_overloaded", "20") and b"full: 2 calls wait for a place (queue.size)" in r.body
    for _ in range(3):
        gate.go.release()
    assert [c.reply().status for c in (first, *waiting)] == [200] * 3


def test_a_client_that_leaves_frees_its_place(lab):
    gate, first = busy(lab, size=1)
    gone = send(lab.sluice, "gone")
    wait_for(lambda: depth(lab.sluice) == 1, "it waits")
    gone.close()
    wait_for(lambda: depth(lab.sluice) == 0, "it has left")
    last = send(lab.sluice, "last")
    wait_for(lambda: depth(lab.sluice) == 1, "another one has its place")
    gate.go.release()
    assert said(gate.arrived()) == "last"
    gate.go.release()
    assert [c.reply().status for c in (first, last)] == [200, 200]


KEYS = {"auth": {"keys": [{"name": n, "key": f"sk-sluice-{n * 40}"} for n in "ab"]}}


def keyed(lab, size):
    gate = Gate()
    target = lab.target(gate)
    config = {
        **KEYS,
        "endpoints": [{"name": "chat", "endpoint_type": "llm/v1/chat", "model": model(target.base), "sluice": {"targets": [{"name": "model", "max_concurrent": 1}], "queue": {"wait": "20s", "size": size}}}],
    }
    config["auth"]["metrics"] = "open"
    lab.sluice = Sluice(lab.tmp_path, config)
    conns = [send(lab.sluice, "first", KEYS["auth"]["keys"][0]["key"])]
    gate.arrived()

    def add(text):
        before = depth(lab.sluice)
        conns.append(send(lab.sluice, text, f"sk-sluice-{text[0] * 40}"))
        if before < size:
            wait_for(lambda: depth(lab.sluice) == before + 1, text)
        return conns[-1]

    return gate, conns, add


def test_principals_take_turns(lab):
    gate, conns, add = keyed(lab, 10)
    for text in ("a1", "a2", "a3", "b1", "b2"):
        add(text)
    order = []
    for _ in range(5):
        gate.go.release()
        order.append(said(gate.arrived()))
    gate.go.release()
    assert order == ["a1", "b1", "a2", "b2", "a3"]
    assert [c.reply().status for c in conns] == [200] * 6


def test_one_principal_does_not_keep_others_out(lab):
    gate, conns, add = keyed(lab, 3)
    for text in ("a1", "a2", "a3"):
        add(text)
    add("b1")
    r = conns[3].reply()  # the last call of the principal with the most
    assert (r.status, r.get("x-sluice-error-type"), r.get("retry-after")) == (503, "sluice_overloaded", "20") and b"this caller" in r.body
    order = []
    for _ in range(3):
        gate.go.release()
        order.append(said(gate.arrived()))
    gate.go.release()
    assert order == ["a1", "b1", "a2"]
    assert [conns[i].reply().status for i in (0, 1, 2, 4)] == [200] * 4


def test_over_workers(lab):
    """One worker's thread gives places to another's; none is lost, and none is given twice."""
    lock, now, most = threading.Lock(), [0], [0]

    def count(ex):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        with lock:
            now[0] -= 1
        answer(ex)

    target = lab.target(count)
    lab.start([("model", None, {"max_concurrent": 2})], first=target, queue={"wait": "20s", "size": 500}, server={"workers": 4})
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(lambda i: lab.call(stream=i % 2 == 0).status, range(600)))
    assert statuses == [200] * 600 and target.n == 600 and most[0] <= 2
    assert depth(lab.sluice) == 0
    targets = lab.sluice.call("GET", "/api/sluice/v1/targets").json()["targets"]
    assert targets[0]["in_flight"] == 0 and n_waited(lab.sluice) > 0


def test_the_callers_deadline_comes_first(lab):
    gate, first = busy(lab)
    r = send(lab.sluice, headers=[("x-sluice-timeout", "200ms")]).reply()
    assert (r.status, r.get("x-sluice-error-type")) == (504, "caller_timeout")
    gate.go.release()
    assert first.reply().status == 200 and lab.targets[0].n == 1


@pytest.mark.parametrize("how", ["repeat", "hedge"])
def test_the_routes_time_begins_after_the_wait(lab, how):
    """Two calls, one after the other, take each place for all of their time: the last call has waited longer than that."""
    came = queue.Queue()

    def act(ex):
        came.put(said(ex))
        if said(ex) != "last" or (how == "hedge" and came.qsize() == 1):
            ex.hold()
        elif came.qsize() == 1:
            error("503 Busy")(ex)
        else:
            answer(ex)

    more = {"hedge": {"after": "700ms", "at_most": "100%"}} if how == "hedge" else {}
    lab.start([("a", lab.target(act), {"max_concurrent": 1}), ("b", lab.target(act), {"tier": 1, "max_concurrent": 1})],
              queue={"wait": "20s"}, timeouts={"total": "1500ms"}, retries=1, breaker="off", **more)
    conns = [send(lab.sluice, "1")]
    assert came.get(timeout=DEADLINE) == "1"
    conns.append(send(lab.sluice, "2"))
    assert came.get(timeout=DEADLINE) == "2"
    for n, text in enumerate(("3", "4", "last")):
        conns.append(send(lab.sluice, text))
        wait_for(lambda n=n: depth(lab.sluice) == n + 1, "it waits")
    assert {came.get(timeout=DEADLINE) for _ in range(2)} == {"3", "4"}
    replies = [c.reply() for c in conns]
    assert [r.get("x-sluice-error-type") for r in replies[:4]] == ["provider_timeout_total"] * 4
    assert (replies[4].status, replies[4].get("x-sluice-attempts")) == (200, "2"), replies[4].body
    assert lab.sluice.log_line(replies[4].get("x-request-id"))["queue_ms"] > 1500


def test_nobody_waits_for_a_target_that_is_down(lab):
    bad = lab.target(error("429 Too Many", headers=[("Retry-After", "60")]))
    spare = lab.target(error("429 Too Many", headers=[("Retry-After", "60")]))
    lab.start([("bad", bad, {"max_concurrent": 1}), ("spare", spare, {"max_concurrent": 1})], queue={"wait": "20s"}, retries=0)
    assert lab.call().status == 429
    r = lab.call()
    assert (r.status, r.get("x-sluice-error-type")) == (503, "provider_overloaded") and int(r.get("retry-after")) > 20
    assert n_waited(lab.sluice) == 0


def test_who_is_asked_again_waits_for_its_place_again(lab):
    gate = Gate(old)
    target = lab.target(gate)
    lab.start([("model", None, {"max_concurrent": 1})], first=target, queue={"wait": "20s"}, retries=0)
    bodies = [{**CHAT, "stream": True, "messages": [{"role": "user", "content": text}]} for text in ("first", "second")]
    conns = []
    for i, body in enumerate(bodies):
        conns.append(lab.sluice.connect().request("POST", "/v1/chat/completions", body))
        wait_for(lambda: gate.n == 1 and depth(lab.sluice) == i, "one is asked, one waits")
    order = []
    for n_waiting in (1, 1, 1, 0):
        order.append(said(gate.arrived()))
        wait_for(lambda: depth(lab.sluice) == n_waiting, "the other one waits")  # it may be on its way there
        gate.go.release()
    assert order == ["first", "second"] * 2
    assert [c.reply().status for c in conns] == [200, 200]


def test_a_target_that_gets_well_is_taken(lab):
    """Nobody gives a place back then: a waiting call notices the target by itself."""
    gate = Gate()
    full, rests = lab.target(gate), lab.target(error("429 Too Many", headers=[("Retry-After", "1")]))
    lab.start([("rests", rests, {}), ("full", full, {"tier": 1, "max_concurrent": 1})], queue={"wait": "20s"}, retries=0)
    first = send(lab.sluice)
    gate.arrived()
    rests.act = answer
    r = send(lab.sluice).reply()
    assert (r.status, r.get("x-sluice-target")) == (200, "rests")
    gate.go.release()
    assert first.reply().status == 200


def test_a_target_that_rests_later_is_taken(lab):
    """Its wait begins while a call is waiting already, and no other call comes."""
    gate, full = Gate(), Gate()
    limited = error("429 Too Many", headers=[("Retry-After", "1")])

    def act(ex):
        gate.came.put(ex)
        assert gate.go.acquire(timeout=DEADLINE)
        limited(ex)

    rests = lab.target(act)
    lab.start([("rests", rests, {"max_concurrent": 1}), ("full", lab.target(full), {"tier": 1, "max_concurrent": 1})], queue={"wait": "10s"}, retries=0)
    first = send(lab.sluice)
    gate.arrived()
    second = send(lab.sluice)
    full.arrived()
    third = send(lab.sluice)
    wait_for(lambda: depth(lab.sluice) == 1, "it waits")
    rests.act = answer
    gate.go.release()
    assert first.reply().status == 429
    r = third.reply()
    assert (r.status, r.get("x-sluice-target")) == (200, "rests"), r.body
    full.go.release()
    assert second.reply().status == 200


def test_a_target_that_is_reset_is_taken(lab):
    gate = Gate()
    full, rests = lab.target(gate), lab.target(error("429 Too Many", headers=[("Retry-After", "60")]))
    lab.start([("rests", rests, {}), ("full", full, {"tier": 1, "max_concurrent": 1})], queue={"wait": "20s"}, retries=0)
    first = send(lab.sluice)
    gate.arrived()
    rests.act = answer
    second = send(lab.sluice)
    wait_for(lambda: depth(lab.sluice) == 1, "it waits")
    assert lab.sluice.call("POST", "/api/sluice/v1/targets/chat/rests/reset").status == 200
    r = second.reply()
    assert (r.status, r.get("x-sluice-target")) == (200, "rests")
    gate.go.release()
    assert first.reply().status == 200


def test_who_waits_is_told_of_a_shutdown(lab):
    gate, first = busy(lab, server={"timeouts": {"drain": "200ms", "drain_delay": "0s"}})
    second = send(lab.sluice, "second")
    wait_for(lambda: depth(lab.sluice) == 1, "it waits")
    lab.sluice.proc.send_signal(signal.SIGTERM)
    replies = [c.reply() for c in (first, second)]
    assert [(r.status, r.get("x-sluice-error-type")) for r in replies] == [(503, "sluice_draining")] * 2
    gate.go.release()
    assert lab.sluice.proc.wait(DEADLINE) == 0

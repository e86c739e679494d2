# SPDX-License-Identifier: Apache-2.0
"""Another secret key for nodes that share a store: each holds both while the credentials are encrypted anew."""
import os
import signal
import subprocess
import threading

from conftest import ADMIN, SECRET
from harness import BIN, DEADLINE, wait_for
from test_postgres import AUDIT, FILE, MAKE, MOCK, OWN, ask, bearer, do, end, make, refused, soon

NEW = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
ROTATE = "/api/sluice/v1/secret/rotate"
BOTH = {"SLUICE_SECRET_KEY_NEW": NEW}
ONLY_NEW = {"SLUICE_SECRET_KEY": NEW}


def answer(x):
    x.reply(b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},'
            b'"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}')


def named(name):
    return {**FILE, "node": name, "upstream": {"allow": ["127.0.0.0/8"]}}


def make_real(daemon, up, name, path=MAKE, method="POST"):
    config = {"openai_api_key": f"sk-of-{name}-0123456789", "openai_api_base": up.base}
    return do(daemon, method, path, {"name": name, "route_type": "llm/v1/chat", "model": {"provider": "openai", "name": "m", "config": config}})


def credential(daemon, up, name):
    """With which credential the node asks the upstream."""
    assert ask(daemon, name) == 200
    return up.requests[-1].get("authorization")


def test_in_three_steps_while_calls_go_on(node, store, upstream, postgres_shared):
    up = upstream(answer)
    a, b = node(store, named("a")), node(store, named("b"))
    for name in ("one", "two"):
        assert make_real(a, up, name).status == 200
    a, b = (end(daemon) or node(store, named(name), data=daemon.data, env=BOTH) for daemon, name in ((a, "a"), (b, "b")))
    sealed = postgres_shared.sql("SELECT sealed FROM sluice.routes ORDER BY id", store.rsplit("/", 1)[1])
    reply = do(a, "POST", ROTATE, {}, 200).json()
    assert reply == {"routes": 2}  # nobody is pending
    assert all(x != y for x, y in zip(sealed, postgres_shared.sql("SELECT sealed FROM sluice.routes ORDER BY id", store.rsplit("/", 1)[1])))
    for daemon in (a, b):
        assert credential(daemon, up, "one") == "Bearer sk-of-one-0123456789"
        assert "the secret key is now that of SLUICE_SECRET_KEY_NEW" in daemon.stderr
        assert do(daemon, "GET", f"{OWN}/two", None, 200).json()["model"]["name"] == "m"  # reads the row itself
    assert make_real(b, up, "three").status == 200  # under the new key
    soon(lambda: ask(a, "three") == 200, "the route on the other node")
    assert [row["action"] for row in do(b, "GET", AUDIT).json()["audit"]][:2] == ["route.create", "secret.rotate"]
    again = do(a, "POST", ROTATE, {}, 409)
    assert b"is the store's already" in again.body
    c = node(store, named("c"), env=BOTH)  # may still start with both
    assert credential(c, up, "three") == "Bearer sk-of-three-0123456789"
    for daemon, name in ((a, "a"), (b, "b"), (c, "c")):
        end(daemon)
        daemon = node(store, named(name), data=daemon.data, env=ONLY_NEW)
        assert credential(daemon, up, "two") == "Bearer sk-of-two-0123456789"


def test_a_node_without_the_new_key_forbids_it(node, store, tmp_path):
    a = node(store, named("a"), env=BOTH)
    b = node(store, named("b"))
    make(a, "made")
    assert b"start every node with the new key in SLUICE_SECRET_KEY_NEW" in do(b, "POST", ROTATE, {}, 409).body
    assert b"node 'b' has not the new key" in do(a, "POST", ROTATE, {}, 409).body
    end(b)
    do(a, "POST", ROTATE, {}, 200)
    text = refused(tmp_path, {"store": {"postgres": "$THE_STORE"}, "endpoints": []}, store, SLUICE_SECRET_KEY=SECRET)
    assert "SLUICE_SECRET_KEY is not the key of the database's store" in text
    text = refused(tmp_path, {"store": {"postgres": "$THE_STORE"}, "endpoints": []}, store, SLUICE_SECRET_KEY=NEW, SLUICE_SECRET_KEY_NEW="short")
    assert "SLUICE_SECRET_KEY_NEW: the secret key must be 64 hexadecimal digits" in text


def test_a_node_that_was_away_reads_nothing_with_the_old_key(node, store, upstream, postgres_shared):
    """It stood still for so long that it counted no more, and has the old key alone."""
    up = upstream(answer)
    a, b = node(store, named("a"), env=BOTH), node(store, named("b"))
    assert make_real(a, up, "one").status == 200
    soon(lambda: ask(b, "one") == 200, "the route")
    b.proc.send_signal(signal.SIGSTOP)
    try:
        postgres_shared.sql("UPDATE sluice.nodes SET seen_usec = seen_usec - 16000000 WHERE name = 'b'", store.rsplit("/", 1)[1])
        do(a, "POST", ROTATE, {}, 200)
        make_real(a, up, "one", f"{OWN}/one", "PUT")
    finally:
        b.proc.send_signal(signal.SIGCONT)
    soon(lambda: "SLUICE_SECRET_KEY is not the key of the database's store" in b.stderr, "it says so")
    assert credential(b, up, "one") == "Bearer sk-of-one-0123456789"  # what it has read before
    assert do(b, "POST", MAKE, {"name": "x", "route_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}).status == 503


def test_writers_at_the_same_time(node, store, upstream):
    up = upstream(answer)
    a, b = node(store, named("a"), env=BOTH), node(store, named("b"), env=BOTH)
    wrong = []

    def write(daemon, who):
        for i in range(15):
            reply = make_real(daemon, up, f"{who}-{i}")
            if reply.status != 200:
                wrong.append(reply.body)

    threads = [threading.Thread(target=write, args=args) for args in ((a, "w"), (b, "x"), (a, "y"), (b, "z"))]
    for t in threads:
        t.start()
    wait_for(lambda: ask(a, "w-3") == 200, "some are made")
    do(a, "POST", ROTATE, {}, 200)
    for t in threads:
        t.join()
    assert not wrong
    c = node(store, named("c"), env=ONLY_NEW)
    for who in "wxyz":
        for i in range(15):
            assert credential(c, up, f"{who}-{i}") == f"Bearer sk-of-{who}-{i}-0123456789"


def test_the_kept_copy_after_it(node, postgres_own):
    url = postgres_own.database("rotated")
    a = node(url, named("a"), env=BOTH)
    make(a, "made")
    end(a)  # the copy is under the old key
    b = node(url, named("b"), env=BOTH)
    do(b, "POST", ROTATE, {}, 200)
    postgres_own.stop()
    a = node(url, named("a"), data=a.data, env={"SLUICE_SECRET_KEY": NEW, "SLUICE_SECRET_KEY_NEW": SECRET})
    assert "stands in for the database" in a.stderr and ask(a, "made") == 200
    end(b)
    b = node(url, named("b"), data=b.data, env=ONLY_NEW)
    assert "stands in for the database" in b.stderr and ask(b, "made") == 200
    postgres_own.start()
    soon(lambda: do(b, "POST", MAKE, {"name": "later", **MOCK}).status == 200, "writing works again")
    soon(lambda: ask(a, "later") == 200, "both are there again")


def test_the_command(node, store):
    a = node(store, named("a"), env=BOTH)
    environ = {k: v for k, v in os.environ.items() if not k.startswith("SLUICE_")} | {"SLUICE_KEY": ADMIN, "SLUICE_SERVER": a.url}
    done = subprocess.run([BIN, "secret", "rotate", "--data", a.data], capture_output=True, text=True, timeout=DEADLINE, env=environ)
    assert done.returncode == 0 and "the credentials of 0 routes are encrypted under a new secret key" in done.stderr, done.stderr
    assert a.call("POST", ROTATE, {}, bearer()).status == 409

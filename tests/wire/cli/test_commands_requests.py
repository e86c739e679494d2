# SPDX-License-Identifier: Apache-2.0
"""sluice logs and sluice explain."""
import json
import signal
import subprocess

from harness import BIN, DEADLINE, wait_for
from libsluice import clean_env
from test_commands import sl
from test_requests import ADMIN, KEYS, gate, grouped, two  # noqa: F401: fixtures



def test_logs(gate):
    for i in range(4):
        gate.call("fail" if i == 2 else "hello", route=("chat", "other")[i % 2])
    rows = gate.rows(4)
    code, out, err = sl("logs", server=gate.daemon.url)
    assert code == 0, err
    lines = [line.split("\t") for line in out.splitlines()]
    assert [line[-1] for line in lines] == [r["id"] for r in rows[::-1]]  # the newest last
    assert lines[2][1:4] == ["500", "chat", "gpt-4o-mini"] and lines[2][8] == "provider_server_error"
    assert [line.split("\t")[2] for line in sl("logs", "--route", "other", "--since", "7d", server=gate.daemon.url)[1].splitlines()] == ["other", "other"]
    assert len(sl("logs", "--limit", "1", server=gate.daemon.url)[1].splitlines()) == 1
    page = json.loads(sl("logs", "--json", "--status", "5xx", server=gate.daemon.url)[1])
    assert [r["id"] for r in page["requests"]] == [rows[1]["id"]] and page["next_cursor"] is None
    code, _, err = sl("logs", "--status", "5", server=gate.daemon.url)
    assert code == 3 and "status must be" in err
    assert sl("logs", "--since", "yesterday", server=gate.daemon.url)[0] == 2


def test_logs_that_follow(gate):
    gate.call()
    gate.rows(1)
    p = subprocess.Popen([BIN, "logs", "-f", "--json", "--route", "other"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env=clean_env() | {"SLUICE_SERVER": gate.daemon.url})
    wait_for(lambda: b"sluice_requests_in_flight 2\n" in gate.daemon.call("GET", "/metrics").body, "the tail")
    gate.call()
    wanted = [gate.call(route="other").get("x-sluice-id") for _ in range(2)]
    assert [json.loads(p.stdout.readline())["id"] for _ in range(2)] == wanted
    p.send_signal(signal.SIGINT)
    assert p.wait(DEADLINE) == 130
    assert p.stderr.read() == ""
    p.stdout.close()
    p.stderr.close()


def test_explain(gate):
    r = gate.call("fail", headers=[("x-request-id", "it/failed")], stream=True)
    gate.rows(1)
    for name in (r.get("x-sluice-id"), "it/failed"):
        code, out, err = sl("explain", name, server=gate.daemon.url)
        assert code == 0, err
        for words in (f"Request {r.get('x-sluice-id')} (x-request-id it/failed)", "127.0.0.1 called /v1/chat/completions", "It went to the route chat, as a stream.", "Attempt 1 of 1: openai gpt-4o-mini",
                      "it answered 500", "The client got 500, provider_server_error after", "What the provider said: the secret insides"):
            assert words in out, out
    assert json.loads(sl("explain", "it/failed", "--json", server=gate.daemon.url)[1])["status"] == 500
    code, _, err = sl("explain", "nothing", server=gate.daemon.url)
    assert code == 5 and "no request with this id" in err and "Each node" not in err


def test_explain_tells_whose_words_they_are(grouped):
    refused = grouped.call(key="sk-unknown-0123456789-0123456789").get("x-sluice-id")
    grouped.rows(1, key=ADMIN)
    code, out, err = sl("explain", refused, server=grouped.daemon.url, SLUICE_KEY=ADMIN)
    assert code == 0 and "No provider was asked." in out and "Why: The API key is not known to this gateway." in out, out + err
    assert "What the provider" not in out, out


def test_explain_tells_what_the_provider_wrote_about_our_key(gate):
    r = gate.call("denied")
    gate.rows(1)
    out = sl("explain", r.get("x-sluice-id"), server=gate.daemon.url)[1]
    assert "provider_auth_failed" in out and b"Incorrect" not in r.body
    assert "What the provider said: Incorrect API key provided" in out and "It was told: Incorrect" not in out, out


def test_explain_tells_who_and_which_limits(grouped):
    for _ in range(6):
        grouped.call(key=KEYS["ann"], headers=[("x-sluice-session", "s-1")])
    refused, last, near = grouped.rows(6, key=ADMIN)[:3]
    for row, words in ((near, "Near a limit of the group acme: 5 calls per hour; 80% of it was used with this call."), (last, "100% of it was used with this call."),
                       (refused, "Refused by a limit of the group acme: 5 calls per hour; 100% of it was used.")):
        code, out, err = sl("explain", row["id"], server=grouped.daemon.url, SLUICE_KEY=ADMIN)
        assert code == 0, err
        assert words in out and "(key ann, group acme/search) called /v1/chat/completions, from 127.0.0.1, in the session s-1" in out, out
    code, out, _ = sl("logs", "--group", "acme", "--session", "s-1", "--status", "429", server=grouped.daemon.url, SLUICE_KEY=ADMIN)
    assert code == 0 and [line.split("\t")[-1] for line in out.splitlines()] == [refused["id"]]


def test_explain_tells_each_attempt(two):
    two.call()
    row, = two.rows(1)
    code, out, err = sl("explain", row["id"], server=two.daemon.url)
    assert code == 0, err
    for words in ("Attempt 1 of 2: model: openai first", "it answered 503", "Attempt 2 of 2: spare: openai second, because the attempt before failed", "The client got 200"):
        assert words in out, out

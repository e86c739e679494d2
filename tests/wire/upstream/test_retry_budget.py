# SPDX-License-Identifier: Apache-2.0
"""`upstream.retry_budget`: how many repeats the whole process makes in a second."""
import concurrent.futures

from harness import CHAT, Sluice, chat_route
from test_traffic import Lab, answer, error, lab  # noqa: F401: lab is a fixture
from upstream import Upstream

BUSY = error("503 Busy", headers=[("Retry-After", "0")])


def refused(sluice):
    lines = sluice.call("GET", "/metrics").body.decode().splitlines()
    return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith('sluice_retry_budget_refused_total{route="chat"}'))


def at_once(sluice, n):
    """n calls by 16 clients, in much less than a second."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda _: sluice.call("POST", "/v1/chat/completions", CHAT), range(n)))


def test_repeats_of_a_route_with_one_target_are_bounded(tmp_path):
    upstream = Upstream(BUSY)
    s = Sluice(tmp_path, {"endpoints": [chat_route(upstream.base, retries=3)], "upstream": {"retry_budget": {"share": "0%", "least": 4}}, "server": {"workers": 2}})
    try:
        replies = at_once(s, 12)
        assert {r.status for r in replies} == {503}
        n_repeats = len(upstream.requests) - 12
        assert 4 <= n_repeats <= 8  # in one second, or in two if the calls fell into both
        assert sum(int(r.get("x-sluice-attempts")) for r in replies) == len(upstream.requests)
        assert refused(s) == sum(r.get("x-sluice-attempts") != "4" for r in replies)  # that call used all its own retries
    finally:
        s.stop()
        upstream.close()


def test_none_at_all(tmp_path):
    upstream = Upstream(BUSY)
    s = Sluice(tmp_path, {"endpoints": [chat_route(upstream.base, retries=3)], "upstream": {"retry_budget": {"share": "0%", "least": 0}}})
    try:
        assert [r.get("x-sluice-attempts") for r in at_once(s, 3)] == ["1"] * 3
        assert refused(s) == 3 and len(upstream.requests) == 3
    finally:
        s.stop()
        upstream.close()


def test_moves_to_another_target_are_not_bounded(lab):
    bad, good = lab.target(BUSY), lab.target()
    lab.start([("bad", bad, {}), ("good", good, {"tier": 1})], retries=2, breaker="off", upstream={"retry_budget": {"share": "0%", "least": 0}})
    assert lab.names(10) == ["good"] * 10
    assert refused(lab.sluice) == 10 and good.n == 10 and bad.n == 10

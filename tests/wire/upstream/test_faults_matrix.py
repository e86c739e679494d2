# SPDX-License-Identifier: Apache-2.0
"""Every fault of a target with every way to choose another one: how often each target is asked, and what the client
gets, as the table says."""
import itertools

import pytest

from faults import FAULTS, Target, Timed, call_on, judge, route_of
from harness import Sluice, wait_for
from test_traffic import closed_port

# The setting of the two targets: (balance, more of the bad one, more of the good one). The bad one is asked first if
# the setting can say so.
WAYS = {
    "tiers": ("weighted", {}, {"tier": 1}),
    "weighted": ("weighted", {"weight": 9}, {"weight": 1}),
    "ordered": ("ordered", {}, {}),
    "least_busy": ("least_busy", {}, {}),
    "fastest": ("fastest", {}, {}),
    "cheapest": ("cheapest", {}, {}),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One daemon with a route for each balance, fault, and setting."""
    targets = {fault: Target(fault, act) for fault, (_, _, act) in FAULTS.items() if act}
    good = Target("good")
    entries = []
    for fault, way, is_on, retries in itertools.product(FAULTS, WAYS, (True, False), (0, 1)):
        cause, _, act = FAULTS[fault]
        base = targets[fault].base if act else f"http://127.0.0.1:{closed_port()}/v1"
        balance, bad_more, good_more = WAYS[way]
        if fault == "silent":
            bad_more = {**bad_more, "timeouts": {"first_byte": "40ms"}}
        on = [cause] if is_on else [c for c in ("connect", "timeout") if c != cause]
        entries.append(route_of(f"{fault}-{way}-{'on' if is_on else 'off'}-{retries}", [(fault, base, bad_more), ("good", good.base, good_more)],
                                balance=balance, retries=retries, fallback={"on": on}, breaker="off"))
    sluice = Sluice(tmp_path_factory.mktemp("matrix"), {"endpoints": entries, "upstream": {"retry_budget": {"share": "100%", "least": 1000}}})
    yield sluice, targets, good
    sluice.stop()
    for t in [*targets.values(), good]:
        t.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_comes_to_what_the_table_says(world, fault, way, stream):
    sluice, targets, good = world
    calls, bad = [], targets.get(fault)
    _, may_repeat, _ = FAULTS[fault]
    for is_on, retries in itertools.product((True, False), (0, 1)):
        for k in range(3):
            name = f"{fault}-{way}-{'on' if is_on else 'off'}-{retries}"
            call = f"{name}-{stream}-{k}"
            n_bad, n_good = bad.n_asked if bad else 0, good.n_asked
            conn = Timed(sluice.port)
            c, _ = call_on(conn, name, call, stream)
            conn.close()
            calls.append(c)
            is_bad_first = c.n_attempts > 1 or not c.is_answered
            want_bad = (1 + (retries if may_repeat else 0)) if is_bad_first else 0
            want_good = 1 if is_on or not is_bad_first else 0
            if bad:
                wait_for(lambda: bad.n_asked - n_bad >= want_bad, "a target that was left reads what it was asked")
                assert (bad.n_asked - n_bad, good.n_asked - n_good) == (want_bad, want_good), (name, k, c.status, c.body)
            else:
                assert good.n_asked - n_good == want_good, (name, k)
            assert c.n_attempts == want_bad + want_good, (name, k, c.n_attempts)
            assert c.is_answered == bool(want_good), (name, k, c.status, c.body)
            if way in ("tiers", "weighted", "ordered") and k == 0:
                assert is_bad_first, name
    assert judge(calls, [*targets.values(), good], slack=5 if fault == "silent" else 0) == sum(c.n_attempts > 1 and fault != "refused" for c in calls)

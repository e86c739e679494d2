# SPDX-License-Identifier: Apache-2.0
"""Shared counters on a cluster: all keys are in one slot, which may move."""
import pytest

from fleet import fleet, never_more, requests  # noqa: F401: a fixture
from harness import free_port, wait_for
from redis_server import redis  # noqa: F401: a fixture


@pytest.fixture
def cluster(redis, tmp_path):
    """Three masters with a third of the slots each, and the number of the one that has our keys."""
    buses = [free_port() for _ in range(3)]
    nodes = [redis("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", str(bus)) for bus in buses]
    for i, node in enumerate(nodes):
        node.command("CLUSTER", "ADDSLOTSRANGE", i * 16384 // 3, (i + 1) * 16384 // 3 - 1)
        node.command("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        nodes[0].command("CLUSTER", "MEET", "127.0.0.1", node.port, buses[i])
    wait_for(lambda: all(b"cluster_state:ok" in n.command("CLUSTER", "INFO") for n in nodes), "the cluster is whole")
    slot = nodes[0].command("CLUSTER", "KEYSLOT", "{sluice}")
    owner = next(i for i in range(3) if slot < (i + 1) * 16384 // 3)
    return nodes, owner, slot


def test_any_node_of_a_cluster_leads_to_the_counters(cluster, fleet):
    nodes, owner, _ = cluster
    f = fleet(nodes[(owner + 1) % 3].port, requests(50, on_loss="closed"))
    assert f.calls(80) == {200: 50, 429: 30}
    assert "cannot be" not in f.nodes[0].stderr, "nothing to tell the operator"
    assert [len(n.counters()) for n in nodes].count(1) == 1 and len(nodes[owner].counters()) == 1


def test_a_list_of_nodes(cluster, fleet):
    """The first of them is gone."""
    nodes, owner, _ = cluster
    gone = nodes[(owner + 1) % 3]
    gone.kill()
    seeds = [f"redis://127.0.0.1:{nodes[i % 3].port}" for i in (owner + 1, owner + 2)]
    for node in nodes:
        if node is not gone:  # else two of three would not serve without the third
            node.command("CONFIG", "SET", "cluster-require-full-coverage", "no")
    f = fleet(None, requests(50, on_loss="closed"), counters={"redis": seeds})
    f.up_everywhere()
    assert f.calls(80) == {200: 50, 429: 30}


def test_a_slot_that_moves(cluster, fleet):
    """The counters are taken along, or not: the count goes on."""
    nodes, owner, slot = cluster
    to = nodes[(owner + 2) % 3]
    f = fleet(nodes[owner].port, requests(60, on_loss="closed"))
    f.know_each_other(nodes[owner])
    assert f.calls(30) == {200: 30}
    new = to.command("CLUSTER", "MYID").decode()
    for key in nodes[owner].command("CLUSTER", "GETKEYSINSLOT", slot, 1000):
        nodes[owner].command("DEL", key)
    for node in (to, *nodes):
        node.command("CLUSTER", "SETSLOT", slot, "NODE", new)
    f.calls(20)
    never_more(f, 60)
    assert len(to.counters()) == 1


def test_a_slot_on_its_way(cluster, fleet):
    """While its keys are on two nodes no script can run: that is as if the server were away. ASK is not followed."""
    nodes, owner, slot = cluster
    source, to = nodes[owner], nodes[(owner + 1) % 3]
    f = fleet(source.port, requests(60, on_loss="closed"), counters={"deadline": "1s"})
    f.know_each_other(source)
    assert f.calls(30) == {200: 30}
    new, old = (n.command("CLUSTER", "MYID").decode() for n in (to, source))
    to.command("CLUSTER", "SETSLOT", slot, "IMPORTING", old)
    source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", new)
    keys = source.command("CLUSTER", "GETKEYSINSLOT", slot, 1000)
    assert len(keys) == 3
    for key in keys:
        assert source.command("MIGRATE", "127.0.0.1", to.port, key, 0, 5000) == "OK"
        f.calls(4)  # some pass, as long as all keys of a call are in one place
    wait_for(lambda: all(f.metric(node, "sluice_counters_up") == 0 for node in f.nodes), "no node can ask")
    assert f.calls(8) == {503: 8} and f.n_calls <= 60
    for node in (to, *nodes):
        node.command("CLUSTER", "SETSLOT", slot, "NODE", new)
    f.up_everywhere()
    never_more(f, 60)
    assert [len(n.counters()) for n in nodes].count(1) == 1 and len(to.counters()) == 1

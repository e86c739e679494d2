# SPDX-License-Identifier: Apache-2.0
"""OpenAI's client for Node: loops by hand and by its own runner of tools, whole and streamed, and an object."""
import json
import pathlib
import subprocess

import pytest

from model import ROUTES, SUM

WIRE = pathlib.Path(__file__).parents[1] / "wire"


@pytest.fixture(scope="module")
def node(lab):
    """Does a loop and gives what came of it."""
    with subprocess.Popen(["node", "node_loop.mjs"], cwd=WIRE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as proc:
        def loop(model, way):
            proc.stdin.write(json.dumps({"base": lab.url, "model": model, "way": way}) + "\n")
            proc.stdin.flush()
            return json.loads(proc.stdout.readline())

        yield loop
        proc.stdin.close()


@pytest.mark.parametrize("way", ["whole", "stream", "runner", "runner-stream"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_loop_of_tools(lab, node, route, way):
    taken = lab.taken(route)
    assert node(route, way) == {"sizes": [1, 2], "texts": [f"The sum is {SUM}."] * 2}
    assert lab.taken(route) == taken + 4


@pytest.mark.parametrize("route", ROUTES)
def test_structured_output(node, route):
    assert node(route, "object") == {"sizes": [], "texts": [json.dumps({"sum": SUM - 2}, separators=(",", ":"))]}

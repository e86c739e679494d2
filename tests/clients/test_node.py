# SPDX-License-Identifier: Apache-2.0
"""The clients of OpenAI and Anthropic for Node: loops by hand and by their own tool runners, whole and streamed, and an
object."""
import json
import pathlib
import subprocess

import pytest

from model import ROUTES, SUM

HERE = pathlib.Path(__file__).parent
KINDS = {"openai": (HERE.parent / "wire" / "node_loop.mjs", "/v1"), "anthropic": (HERE / "node_messages.mjs", "")}


@pytest.fixture(scope="module", params=KINDS)
def node(lab, request):
    """Runs a loop and returns its result."""
    script, prefix = KINDS[request.param]
    with subprocess.Popen(["node", script.name], cwd=script.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as proc:
        def loop(model, way):
            proc.stdin.write(json.dumps({"base": lab.daemon.url + prefix, "model": model, "way": way}) + "\n")
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

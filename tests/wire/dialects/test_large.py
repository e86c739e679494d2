# SPDX-License-Identifier: Apache-2.0
"""What is large goes through whole, both ways, between any two languages: a call's arguments of a megabyte, an image of twenty."""
import base64
import json
import random

import pytest

from model import TASKS, Lab
from speakers import SPEAKERS, TOOL, Refusal, say

ROUTES = ["chat", "responses", "anthropic", "gemini", "bedrock", "cohere"]
BIG = "".join(random.Random(1).choices("abc é\"\\\n", k=1_000_000))
PNG = base64.b64encode(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==") + random.Random(2).randbytes(20 << 20)).decode()


@pytest.fixture(scope="module")
def lab(sluice_module):
    TASKS["megabyte"] = [[("look_up", {"row": 0, "pad": BIG})], "Done."]
    lab = Lab(sluice_module)
    yield lab
    TASKS.clear()
    lab.close()


CELLS = [(dialect, route, stream) for dialect in SPEAKERS for route in ROUTES for stream in (True, False) if stream or "openai" == dialect or "chat" == route]


@pytest.mark.parametrize("dialect, route, stream", CELLS)
def test_arguments_of_a_megabyte(lab, dialect, route, stream):
    turns = [("user", "The megabyte.")]
    answer = say(lab.daemon, dialect, route, turns, [TOOL], stream=stream)
    assert len(answer.calls) == 1 and answer.calls[0].arguments == {"row": 0, "pad": BIG}
    turns += [("said", answer.turn), ("results", [(answer.calls[0], "11")])]
    assert say(lab.daemon, dialect, route, turns, [TOOL], stream=stream).text == "Done."
    sent = json.dumps(lab.fakes[lab.upstream(route)].bodies[-1])
    assert json.dumps(BIG)[1:-1] in sent or json.dumps(json.dumps(BIG)[1:-1])[1:-1] in sent  # an object, or a text that is one


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("dialect", SPEAKERS)
def test_an_image_of_twenty_megabytes(lab, dialect, route):
    turns, n = [("picture", "What is it?", PNG)], lab.taken(route)
    if route == "anthropic" or (route == "bedrock" and dialect != "bedrock"):  # which take 5 MiB, and are not asked for more
        with pytest.raises(Refusal, match="5242880"):
            say(lab.daemon, dialect, route, turns)
        assert lab.taken(route) == n
        return
    say(lab.daemon, dialect, route, turns)
    assert PNG in json.dumps(lab.fakes[lab.upstream(route)].bodies[-1])

# SPDX-License-Identifier: Apache-2.0
"""Each dialect at each language of an upstream: the client gets what it asked for in its own form, or an error that
says why not. The table of docs/dialects.md says which, and has each cell. MATRIX=write with -n 0 writes it anew."""
import json
import os
import pathlib
import re

import pytest

from harness import Sluice
from model import ROWS, SUM, Lab
from speakers import PNG, SCHEMA, TOOL, Refusal, say

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "dialects.md"
DIALECTS = ["openai", "responses", "anthropic", "gemini", "bedrock", "cohere", "mlflow"]
PROTOCOLS = {"OpenAI chat": "chat", "OpenAI Responses": "responses", "Anthropic": "anthropic", "Gemini": "gemini", "Bedrock": "bedrock", "Cohere": "cohere", "MLflow serving": "scoring"}
USAGE = {"chat": (3, 5), "anthropic": (3, 5), "scoring": (0, 0)}
GO = [("user", "Go.")]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(lambda config: Sluice(tmp_path_factory.mktemp("daemon"), config))
    yield lab
    lab.close()
    lab.daemon.stop()


def text(lab, dialect, route):
    answer = say(lab.daemon, dialect, route, GO)
    assert json.loads(answer.text) and not answer.calls and answer.finish == "stop"


def streams(lab, dialect, route):
    answer = say(lab.daemon, dialect, route, GO, stream=True)
    assert json.loads(answer.text) and not answer.calls and answer.finish == "stop"


def loop(lab, dialect, route, stream):
    turns, sizes = [*GO], []
    for _ in range(3):
        answer = say(lab.daemon, dialect, route, turns, [TOOL], stream=stream)
        assert answer.finish == ("tools" if answer.calls else "stop")
        turns.append(("said", answer.turn))
        if answer.calls:
            sizes.append(len(answer.calls))
            turns.append(("results", [(c, str(ROWS[c.arguments["row"]])) for c in answer.calls]))
    assert sizes == [1, 2] and answer.text == f"The sum is {SUM}."


def tools(lab, dialect, route):
    loop(lab, dialect, route, False)


def streamed_tools(lab, dialect, route):
    loop(lab, dialect, route, True)


def images(lab, dialect, route):
    say(lab.daemon, dialect, route, [("picture", "What is it?", PNG)])
    assert PNG in json.dumps(lab.fakes[lab.upstream(route)].bodies[-1])


def objects(lab, dialect, route):
    answer = say(lab.daemon, dialect, route, GO, schema=SCHEMA)
    assert isinstance(json.loads(answer.text)["sum"], int)
    assert "integer" in json.dumps(lab.fakes[lab.upstream(route)].bodies[-1]).lower()


def usage(lab, dialect, route):
    want = USAGE.get(route, (5, 2))
    assert say(lab.daemon, dialect, route, GO).usage == want
    if dialect != "mlflow":  # its streams have no place for it
        assert say(lab.daemon, dialect, route, GO, stream=True).usage == want


ERRORS = {
    "chat": {"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
    "responses": {"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
    "anthropic": {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}, "request_id": "req_1"},
    "gemini": {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}},
    "bedrock": {"message": "slow down"},
    "cohere": {"id": "e", "message": "slow down"},
    "scoring": {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "slow down"},
}


def errors(lab, dialect, route):
    """An upstream's 429, with its text and wait; and a call with a mistake of the client."""
    lab.faults[lab.upstream(route)] = lambda x, _: x.reply(ERRORS[route], "429 Too Many Requests", headers=[("retry-after", "7"), ("x-amzn-errortype", "ThrottlingException")])
    with pytest.raises(Refusal) as e:
        say(lab.daemon, dialect, route, GO)
    assert e.value.status == 429 and "slow down" in e.value.message and e.value.headers["retry-after"] == "7"
    with pytest.raises(Refusal) as e:
        say(lab.daemon, dialect, route, [])
    assert 400 <= e.value.status < 500


class Cut:
    """An exchange that ends after its first chunk."""

    def __init__(self, x):
        self.x, self.n = x, 0

    def __getattr__(self, name):
        return getattr(self.x, name)

    def chunk(self, data):
        if self.n == 1:
            self.x.close()
            raise OSError("cut")
        self.n += 1
        self.x.chunk(data)

    def event(self, value):
        self.chunk(f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n")


def broken_streams(lab, dialect, route):
    lab.faults[lab.upstream(route)] = lambda x, fake: fake(Cut(x))
    try:
        answer = say(lab.daemon, dialect, route, GO, stream=True)
    except Refusal as e:
        if e.status:
            raise
        assert e.message
    else:
        raise AssertionError(f"{answer} is told as whole")


CHECKS = {"text": text, "streams": streams, "tools": tools, "streamed tools": streamed_tools, "images": images, "objects": objects, "usage": usage, "errors": errors,
          "broken streams": broken_streams}


def outcome(lab, dialect, protocol, check):
    """True, or the text of a refusal that helps the client."""
    try:
        CHECKS[check](lab, dialect, PROTOCOLS[protocol])
    except Refusal as e:
        assert e.status and (400 <= e.status < 500 or e.status == 501) and e.message and check not in ("text", "errors"), (e.status, e.message)
        return e.message
    finally:
        lab.faults.clear()
    return True


def table():
    """{(dialect, protocol): what is refused}, from the page."""
    rows = [[c.strip() for c in line.strip("| \n").split("|")] for line in PAGE.read_text().splitlines() if re.match(r"\| (dialect \\ upstream|---|" + "|".join(DIALECTS) + r") \|", line)]
    start = next(i for i, r in enumerate(rows) if r[0] == "dialect \\ upstream")
    names = rows[start][1:]
    return {(r[0], p): set() if c == "all" else set(c.removeprefix("not: ").split(", ")) for r in rows[start + 1:] for p, c in zip(names, r[1:])}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_cell(lab, dialect, protocol, check):
    is_refused = check in table()[dialect, protocol]
    assert (outcome(lab, dialect, protocol, check) is not True) == is_refused


def test_no_cell_is_missing():
    assert set(table()) == {(d, p) for d in DIALECTS for p in PROTOCOLS}


@pytest.mark.skipif(os.environ.get("MATRIX") != "write", reason="writes the page")
def test_write(lab):
    cells = {(d, p): [c for c in CHECKS if outcome(lab, d, p, c) is not True] for d in DIALECTS for p in PROTOCOLS}
    lines = ["| dialect \\ upstream | " + " | ".join(PROTOCOLS) + " |", "|---" * (len(PROTOCOLS) + 1) + "|"]
    lines += [f"| {d} | " + " | ".join("not: " + ", ".join(cells[d, p]) if cells[d, p] else "all" for p in PROTOCOLS) + " |" for d in DIALECTS]
    page = re.sub(r"\| dialect \\ upstream.*?(?=\n\n|\Z)", lambda _: "\n".join(lines), PAGE.read_text(), flags=re.S)
    PAGE.write_text(page)

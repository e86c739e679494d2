# SPDX-License-Identifier: Apache-2.0
"""The input of commands: prompts, files, standard input, settings; routes and limits from options."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from harness import BIN, DEADLINE
from libsluice import clean_env
from test_commands import CONFIG, sl


@pytest.fixture
def server(sluice):
    return sluice(CONFIG).url


@pytest.mark.parametrize("args, stdin, said", [
    (["summarise"], "the text", "summarise\n\nthe text"), (["summarise"], "", "summarise"), (["-"], "only this", "only this"), ([], "only this", "only this"),
    (["summarise", "--file", "{a}"], "", "summarise\n\nfile a"), (["summarise", "--file", "{a}", "--file", "{b}"], "piped", "summarise\n\nfile a\n\nfile b\n\npiped"),
    (["--file", "{a}"], "", "file a"), (["--file", "{b}", "--file", "{a}"], "piped", "file b\n\nfile a\n\npiped"), (["-", "--file", "{a}"], "piped", "file a\n\npiped"),
    (["summarise"], " \n", "summarise"), (["two\nlines"], "and\nmore", "two\nlines\n\nand\nmore"), (["--", "--stream"], "x", "--stream\n\nx"),
])
def test_parts_of_a_prompt(server, tmp_path, args, stdin, said):
    (tmp_path / "a").write_text("file a")
    (tmp_path / "b").write_text("file b")
    args = [a.format(a=tmp_path / "a", b=tmp_path / "b") if "{" in a else a for a in args]
    for route in "chat", "completions":
        assert sl("query", route, *args, server=server, stdin=stdin) == (0, f"You said: {said}\n", "")


@pytest.mark.parametrize("args, stdin", [([], ""), ([], " \n\t\n"), ([""], ""), (["  "], ""), (["-"], ""), (["-"], "\n"), ([""], "\n"), (["--file", "/dev/null"], ""), (["--file", "/dev/null"], " "), (["", "--stream"], "")])
def test_an_empty_prompt_is_no_call(server, args, stdin):
    code, out, err = sl("query", "rare", *args, server=server, stdin=stdin)
    assert (code, out) == (2, "") and err.startswith("sluice: the prompt is empty")
    assert sl("query", "rare", "x", server=server)[0] == 0, "the one call of its hour is still there"


def test_dev_null_is_not_waited_for(server):
    def run(*args):
        p = subprocess.run([BIN, "query", "chat", *args], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE, env=clean_env(SLUICE_SERVER=server))
        return p.returncode, p.stdout

    assert run() == (2, "") and run("hello") == (0, "You said: hello\n")


def test_an_open_pipe_is_waited_for_aloud(server):
    read, write = os.pipe()
    p = subprocess.Popen([BIN, "query", "chat", "summarise"], stdin=read, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_env(SLUICE_SERVER=server))
    os.close(read)
    assert p.stderr.readline() == "sluice: waiting for the end of standard input; </dev/null leaves it out\n"
    os.write(write, b"late")
    os.close(write)
    assert p.communicate(timeout=DEADLINE) == ("You said: summarise\n\nlate\n", "") and p.returncode == 0


@pytest.mark.parametrize("args, body", [
    ([], {"messages": [{"role": "user", "content": "x"}]}), (["--system", "brief"], {"messages": [{"role": "system", "content": "brief"}, {"role": "user", "content": "x"}]}),
    (["--system", "@{s}"], {"messages": [{"role": "system", "content": "from a file"}, {"role": "user", "content": "x"}]}), (["--temperature", "0.7"], {"messages": [{"role": "user", "content": "x"}], "temperature": 0.7}),
    (["--temperature", "0"], {"messages": [{"role": "user", "content": "x"}], "temperature": 0}), (["--max-tokens", "5"], {"messages": [{"role": "user", "content": "x"}], "max_tokens": 5}),
    (["--temperature=2", "--max-tokens=1", "--system=s"], {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "x"}], "temperature": 2, "max_tokens": 1}),
])
def test_settings_of_a_query(server, tmp_path, args, body):
    (tmp_path / "s").write_text("from a file")
    args = [a.format(s=tmp_path / "s") for a in args]
    assert json.loads(sl("query", "chat", "x", *args, "--dry-run", server=server)[1]) == body
    assert sl("query", "chat", "x", *args, server=server)[0] == 0


@pytest.mark.parametrize("args", [["x"], ["--system", "s"], ["--temperature", "1"], ["--max-tokens", "1"], ["--file", "/etc/hostname"]])
def test_a_whole_request_stands_alone(server, args):
    code, _, err = sl("query", "chat", "-d", "{}", *args, server=server)
    assert code == 2 and "exclude each other" in err


def test_options_before_the_command(server):
    assert sl("--server", server, "routes", "list") == sl("routes", "ls", server=server) == sl("--quiet", "ls", server=server)
    assert json.loads(sl("--json", f"--server={server}", "routes", "get", "chat")[1])["name"] == "chat"
    assert sl("-v", "--server", server, "--timeout", "20s", "query", "chat", "hello", "-q")[1] == "You said: hello\n"
    assert sl("-V") == sl("--version") == sl("-v") == sl("version")


def test_the_commands_without_the_daemon(tmp_path):
    """A machine may have the client's program alone, or both in the places of the packages."""
    client = pathlib.Path(BIN).resolve().parents[1] / "cli/sluice-client"
    asked = ["version"], ["check", "-c", str(tmp_path / "none.yaml")]

    def run(folder, name, args):
        p = subprocess.run([folder / name, *args], capture_output=True, text=True, timeout=DEADLINE, env=clean_env())
        return p.returncode, p.stdout, p.stderr

    place = tmp_path / "usr/libexec/sluice"
    place.mkdir(parents=True)
    shutil.copy(client, place)
    assert run(place, "sluice-client", asked[0]) == sl("version")
    assert run(place, "sluice-client", asked[1]) == (1, "", "sluice: 'check' needs the daemon, which is not installed on this machine (package sluice)\n")
    for folder in ("bin", "sbin"):
        (tmp_path / "usr" / folder).mkdir()
    (tmp_path / "usr/bin/sluice").symlink_to("../libexec/sluice/sluice-client")
    assert run(tmp_path / "usr/bin", "sluice", asked[1])[2].startswith("sluice: 'check' needs the daemon")  # and it does not call itself for ever
    shutil.copy(BIN, tmp_path / "usr/sbin/sluice")
    assert run(tmp_path / "usr/bin", "sluice", asked[1]) == sl(*asked[1])


@pytest.mark.parametrize("args, made", [
    (["--name", "n", "--provider", "mock", "--model", "m"], {"provider": "mock", "name": "m"}),
    (["--name", "n", "--provider", "openai", "--model", "m", "--set", "openai_api_key=$THE_KEY", "--set", "openai_api_base=https://example.com/v1"],
     {"provider": "openai", "name": "m", "config": {"openai_api_key": "sk-from-env", "openai_api_base": "https://example.com/v1"}}),
    (["--name", "n", "--provider", "openai", "--model", "m", "--set", "openai_api_key=@{key}"], {"provider": "openai", "name": "m", "config": {"openai_api_key": "sk-from-file"}}),
    (["--name", "n", "--provider", "bedrock", "--model", "m", "--set", "aws_config.aws_region=eu-west-1", "--set", "aws_config.aws_access_key_id=$THE_KEY"],
     {"provider": "bedrock", "name": "m", "config": {"aws_config": {"aws_region": "eu-west-1", "aws_access_key_id": "sk-from-env"}}}),
    (["--name", "n", "--provider", "mock", "--model", "m", "--set", "latency=5ms", "--set", "chunk_size=3"], {"provider": "mock", "name": "m", "config": {"latency": "5ms", "chunk_size": 3}}),
])
def test_a_route_out_of_options(upstream, tmp_path, args, made):
    (tmp_path / "key").write_text("sk-from-file\n")
    seen = []
    up = upstream(lambda x: (seen.append(x.json()), x.reply(x.json())))
    args = [a.format(key=tmp_path / "key") for a in args]
    assert sl("routes", "create", *args, server=f"http://127.0.0.1:{up.port}", THE_KEY="sk-from-env") == (0, "", "created n\n")
    assert seen == [{"name": "n", "route_type": "llm/v1/chat", "model": made}]
    code, out, _ = sl("routes", "create", *args, "--dry-run", server=f"http://127.0.0.1:{up.port}", THE_KEY="sk-from-env")
    assert code == 0 and "sk-from" not in out and len(seen) == 1


def test_a_route_with_targets_is_made_of_a_file(sluice, tmp_path):
    daemon = sluice({"endpoints": [], "upstream": {"allow": ["127.0.0.0/8"]}}, args=["--data", str(tmp_path / "data")])
    new = ["routes", "create", "--name", "n", "--provider", "mock", "--model", "m"]
    code, _, err = sl(*new, "--set", 'sluice.targets=[{"name": "a"}]', server=daemon.url)
    assert code == 2 and "by sluice routes apply" in err
    body = {"name": "n", "route_type": "llm/v1/chat", "sluice": {"targets": [{"name": t, "model": {"provider": "mock", "name": t}} for t in "ab"], "balance": "ordered"}}
    (tmp_path / "body.json").write_text(json.dumps(body))
    assert sl("routes", "create", "--data", f"@{tmp_path}/body.json", server=daemon.url) == (0, "", "created n\n")
    assert sl("query", "n", "hello", server=daemon.url) == (0, "You said: hello\n", "")
    assert [t["target"] for t in daemon.call("GET", "/api/sluice/v1/targets").json()["targets"]] == ["a", "b"]


def test_a_secret_goes_nowhere_in_the_open(upstream):
    up = upstream(lambda x: x.reply(x.json()))
    new = ["routes", "create", "--name", "n", "--provider", "openai", "--model", "m", "--set"]
    code, _, err = sl(*new, "openai_api_key=sk-typed", server=f"http://127.0.0.1:{up.port}")
    assert code == 2 and "every user of this machine" in err and "sk-typed" not in err
    code, _, err = sl(*new, "openai_api_key=$THE_KEY", server="http://192.0.2.1:5000", THE_KEY="sk-from-env")
    assert (code, err) == (1, "sluice: secrets are sent over https:// or to this machine only\n")
    code, _, err = sl(*new, "openai_api_key=$THE_KEY", server=f"http://127.0.0.1:{up.port}")
    assert code == 1 and "the variable $THE_KEY is not set" in err
    assert not up.requests


LIMITS = [{"requests": 5, "per": "hour"}, {"tokens": 9, "per": "day"}, {"session": {"calls": 2}}]


@pytest.mark.parametrize("args, limits", [
    (["100/minute"], [*LIMITS[1:], {"requests": 100, "per": "minute"}]),
    (["100/minute", "--key", "user"], [*LIMITS[1:], {"requests": 100, "per": "minute", "each": "principal"}]),
    (["0/5 hours", "1000/day", "--key=route"], [*LIMITS[1:], {"requests": 0, "per": "5 hours"}, {"requests": 1000, "per": "day"}]),
    (["tokens=2000000/day", "money=12.50/month", "--zone", "Europe/Berlin"],
     [LIMITS[0], LIMITS[2], {"tokens": 2000000, "per": "day", "zone": "Europe/Berlin"}, {"money": 12.5, "per": "month", "zone": "Europe/Berlin"}]),
    (["concurrent=5", "session.calls=200", "session.money=5", "output_tokens=7/minute"],
     [*LIMITS[:2], {"concurrent": 5}, {"session": {"calls": 200}}, {"session": {"money": 5}}, {"output_tokens": 7, "per": "minute"}]),
    (["-d", "[]"], []),
])
def test_limits_out_of_options(upstream, args, limits):
    """Limits of kinds that are not named stay: on routes, groups and keys."""
    seen = []
    key = {"id": "key-1", "name": "ci", "principal": "p", "group": None, "role": "query", "routes": ["a"], "expires_at": None, "limits": LIMITS, "counts": []}

    def handler(x):
        if x.body:
            seen.append((x.method, x.path, x.json()))
        x.reply({"keys": [key], "next_page_token": None} if x.path.endswith("/keys") else {"limits": LIMITS, "children": {"limits": LIMITS[:1]}, "counts": []})

    url = f"http://127.0.0.1:{upstream(handler).port}"
    assert sl("limits", "set", "r", *args, server=url) == (0, "", "")
    assert seen == [("PUT", "/api/sluice/v1/routes/r/limits", {"limits": limits})]
    if "--key=route" in args:
        return
    seen.clear()
    assert sl("groups", "limits", "acme/a", *args, server=url) == (0, "", "") and sl("keys", "limits", "key-1", *args, server=url) == (0, "", "")
    own = {k: v for k, v in key.items() if k not in ("id", "counts")} | {"limits": limits}
    assert seen == [("PUT", "/api/sluice/v1/groups/acme%2Fa", {"limits": limits, "children": {"limits": LIMITS[:1]}}), ("PUT", "/api/sluice/v1/keys/key-1", own)]
    seen.clear()
    for words in (["limits", "set", "r"], ["groups", "limits", "acme/a"], ["keys", "limits", "key-1"]):
        code, out, err = sl(*words, *args, "--dry-run", server=url)
        assert (code, json.loads(out)["limits"], err) == (0, limits, "")
    assert not seen and sl("keys", "limits", "key-2", *args, server=url)[0] == 5
    assert sl("keys", "move", "key-1", "none", server=url)[0] == 0 and seen[0][2]["limits"] == LIMITS


def test_a_groups_limits_for_one_route(upstream):
    """--route changes the limits of that route only, and the table has it."""
    limits = [{"requests": 5, "per": "hour"}, {"requests": 6, "per": "hour", "route": "chat"}, {"tokens": 7, "per": "day", "route": "chat"}, {"requests": 8, "per": "hour", "route": "b"}]
    counts = [{"kind": "requests", "cap": limit.get("requests"), "per": "hour", "used": 0, "reserved": 0, "reset": None, **({"route": limit["route"]} if "route" in limit else {})} for limit in limits]
    seen = []

    def handler(x):
        if x.body:
            seen.append(x.json()["limits"])
        x.reply({"limits": limits, "children": None, "counts": counts})

    url = f"http://127.0.0.1:{upstream(handler).port}"
    assert sl("groups", "limits", "acme", "100/minute", "--route", "chat", server=url)[0] == 0
    assert seen.pop() == [limits[0], limits[2], limits[3], {"requests": 100, "per": "minute", "route": "chat"}]
    assert sl("groups", "limits", "acme", "100/minute", server=url)[0] == 0
    assert seen.pop() == [*limits[1:], {"requests": 100, "per": "minute"}]
    code, out, err = sl("groups", "limits", "acme", server=url)
    assert (code, err) == (0, "") and [line.split("\t")[8] for line in out.splitlines()] == ["", "chat", "chat", "b"]
    code, _, err = sl("groups", "limits", "acme", "--route", "chat", server=url)
    assert code == 2 and "--route go with limits such as 100/minute" in err


@pytest.mark.parametrize("spec", ["many", "100", "100/", "/minute", "-1/minute", "1.5/minute", "100 minute", "+5/day", "", "99999999999999999999/day", "tokns=5/day", "session=5", "session.=5", "concurrent=5/day", "tokens=5", "money=1.2.3/day", "requests=1.5/day"])
def test_wrong_limits(server, spec):
    code, _, err = sl("limits", "set", "chat", "--", spec, server=server)
    assert code == 2 and "is not a limit" in err

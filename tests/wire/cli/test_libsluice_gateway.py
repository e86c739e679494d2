# SPDX-License-Identifier: Apache-2.0
"""libsluice and its examples against the real daemon."""
import json
import pathlib
import re
import subprocess

import pytest

from libsluice import BUILD, CHAT, EXAMPLES, MODES, Driver, clean_env, run

MOCK = '{"provider": "mock", "name": "mock"}'
ADMIN = "an-admin-key-of-the-file"
CONFIG = {"endpoints": [{"name": t, "endpoint_type": f"llm/v1/{t}", "model": {"provider": "mock", "name": "mock"}} for t in ("chat", "completions", "embeddings")]}


@pytest.mark.parametrize("mode", MODES)
def test_query_and_stream(sluice, mode):
    daemon = sluice(CONFIG)
    driver = Driver(f"url={daemon.url}")
    assert driver.call(mode, "query", "chat", CHAT)["content"] == "You said: hello"
    got = driver.call(mode, "stream", "chat", CHAT)
    assert got["code"] == "SLUICE_OK" and (mode == "block" or got["text"] == "You said: hello")
    got = driver.call(mode, "stream", "completions", '{"prompt": "hello"}')
    assert got["code"] == "SLUICE_OK" and (mode == "block" or got["text"] == "You said: hello")
    got = driver.call(mode, "stream", "chat", CHAT[:-1] + ', "stream_options": {"include_usage": true}}')
    assert got["code"] == "SLUICE_OK" and got["usage"] > 0
    got = driver.call(mode, "query", "embeddings", '{"input": ["a", "b"]}')
    assert len(json.loads(got["body"])["data"]) == 2
    got = driver.call(mode, "query", "nope", CHAT)
    assert (got["code"], got["status"]) == ("SLUICE_ENOTFOUND", 404) and "404 Client Error: Not Found" in got["error"] and got["request_id"]
    got = driver.call(mode, "query", "chat", "{}")
    assert got["code"] == "SLUICE_EINVALID" and "422 Client Error: Unprocessable Entity for url" in got["error"] and "messages" in got["detail"]
    driver.close()


def test_routes(sluice):
    daemon = sluice(CONFIG)
    driver = Driver(f"url={daemon.url}")
    got = driver.call("block", "search", "-")
    assert [r["name"] for r in got["routes"]] == ["chat", "completions", "embeddings"] and got["token"] is None
    got = driver.call("block", "get_route", "chat")
    assert got["routes"][0]["url"] == daemon.url + "/gateway/chat/invocations"
    assert driver.call("block", "each")["text"] == "chat completions embeddings "
    driver.close()


def test_a_daemon_that_is_gone(sluice):
    daemon = sluice(CONFIG)
    driver = Driver(f"url={daemon.url}", "retries=0")
    assert driver.call("block", "query", "chat", CHAT)["code"] == "SLUICE_OK"
    daemon.stop()
    daemon.stopped = True
    assert driver.call("block", "query", "chat", CHAT)["code"] == "SLUICE_ECONNECT"
    driver.close()


def test_keys(sluice):
    admin, query = "an-admin-key-of-the-file", "sk-sluice-" + "q" * 43
    daemon = sluice(CONFIG | {"auth": {"admin_key": "$ADMIN", "keys": [{"name": "program", "key": "$QUERY", "routes": ["chat"]}]}}, env={"ADMIN": admin, "QUERY": query})
    for options, expected in ([], "SLUICE_EAUTH"), (["key=wrong"], "SLUICE_EAUTH"), ([f"key={query}"], "SLUICE_OK"), (["username=x", f"password={query}"], "SLUICE_OK"):
        driver = Driver(f"url={daemon.url}", *options)
        got = driver.call("block", "query", "chat", CHAT)
        assert got["code"] == expected, got
        got = driver.call("pull", "stream", "chat", CHAT)
        assert got["code"] == expected and (expected != "SLUICE_OK" or got["text"] == "You said: hello")
        driver.close()
    assert run("query", "chat", "hello", SLUICE_SERVER=daemon.url)[0] == 1
    assert run("query", "chat", "hello", SLUICE_SERVER=daemon.url, SLUICE_KEY=query)[:2] == (0, "You said: hello\n")
    assert run("query", "chat", "hello", SLUICE_SERVER=daemon.url, MLFLOW_TRACKING_TOKEN=query)[0] == 0


def test_example_query_and_stream(sluice):
    daemon = sluice(CONFIG)
    assert run("query", "chat", 'say "it"', SLUICE_SERVER=daemon.url)[:2] == (0, 'You said: say "it"\n')
    code, _, err = run("query", "nope", "hello", SLUICE_SERVER=daemon.url)
    assert code == 1 and err.startswith("SLUICE_ENOTFOUND: 404 Client Error: Not Found for url: " + daemon.url)
    assert run("stream", "chat", CHAT, MLFLOW_GATEWAY_URI=daemon.url)[:2] == (0, "You said: hello\n")
    code, _, err = run("query", "chat", "hello")
    assert code == 1 and "No Gateway server uri has been set." in err


def test_example_chat(sluice, upstream):
    """The second turn has the first one's answer; a turn that fails is removed."""
    bodies = []

    def handler(x):
        bodies.append(x.json())
        if len(bodies) == 2:
            return x.reply({"error": {"message": "no"}}, "500 Internal Server Error")
        x.stream_head()
        for text in "a \"", "b\"":
            x.event({"choices": [{"index": 0, "delta": {"content": text}}]})
        x.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
        x.event("[DONE]")
        x.last_chunk()

    up = upstream(handler)
    p = subprocess.run([EXAMPLES / "example_chat", "chat", "https://h/i.png"], input=b'one "1"\nbad\n\xff\ntwo\n', capture_output=True, timeout=20,
                       env=clean_env(SLUICE_SERVER=f"http://127.0.0.1:{up.port}"))
    assert (p.returncode, p.stdout.decode()) == (0, 'a "b"\n\na "b"\n'), p.stderr
    assert b"SLUICE_ESERVER" in p.stderr and b"the text is not UTF-8" in p.stderr and b"cut at its longest" in p.stderr
    image = [{"type": "text", "text": 'one "1"'}, {"type": "image_url", "image_url": {"url": "https://h/i.png"}}]
    first = [{"role": "system", "content": "Answer briefly."}, {"role": "user", "content": image}]
    assert [b["messages"] for b in bodies] == [first, first + [{"role": "assistant", "content": 'a "b"'}, {"role": "user", "content": "bad"}],
                                               first + [{"role": "assistant", "content": 'a "b"'}, {"role": "user", "content": "two"}]]
    daemon = sluice(CONFIG)
    p = subprocess.run([EXAMPLES / "example_chat", "chat"], input="hello\n", capture_output=True, text=True, timeout=20, env=clean_env(SLUICE_SERVER=daemon.url))
    assert (p.returncode, p.stdout) == (0, "You said: hello\n"), p.stderr


def test_example_tools(upstream):
    bodies = []
    call = lambda i, name, arguments: {"id": f"c{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
    calls = [call(1, "multiply", '{"a": 6, "b": 7}'), call(2, "multiply", '{"a": "x"}'), call(3, "rm", "{}"), call(4, "multiply", "{oops")]

    def handler(x):
        bodies.append(x.json())
        message = {"role": "assistant", "content": None, "tool_calls": calls} if len(bodies) == 1 else {"role": "assistant", "content": "It is 42."}
        x.reply({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})

    code, out, err = run("tools", "chat", "6 times 7?", SLUICE_SERVER=f"http://127.0.0.1:{upstream(handler).port}")
    assert (code, out) == (0, "It is 42.\n"), err
    assert bodies[0]["tools"][0]["function"]["parameters"]["required"] == ["a", "b"] and bodies[0]["temperature"] == 0
    said = ["42", "error: a and b must be numbers", "error: no such function", "error: a and b must be numbers"]
    assert bodies[1]["messages"][1:] == [{"role": "assistant", "content": None, "tool_calls": calls}] + [
        {"role": "tool", "tool_call_id": f"c{i}", "content": s} for i, s in enumerate(said, 1)]


def test_example_embed(sluice, upstream):
    daemon = sluice(CONFIG)
    code, out, err = run("embed", "embeddings", "one", "one", SLUICE_SERVER=daemon.url)
    assert code == 0 and re.fullmatch(r"1\.0000 over \d+ numbers\n", out), (out, err)
    up = upstream(lambda x: x.reply({"data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 1]}]}))
    assert run("embed", "e", "x", "y", SLUICE_SERVER=f"http://127.0.0.1:{up.port}")[1] == "0.7071 over 2 numbers\n"


def test_example_pull_and_loop(sluice):
    daemon = sluice(CONFIG)
    two = CHAT.replace("hello", "two")
    code, out, _ = run("pull", "chat", CHAT, two, SLUICE_SERVER=daemon.url)
    assert code == 0
    texts = {n: "".join(line[3:] for line in out.splitlines() if line.startswith(f"{n}: ")) for n in (1, 2)}
    assert texts == {1: "You said: hello", 2: "You said: two"} and "1 ended: ok" in out and "2 ended: ok" in out
    code, out, err = run("loop", "chat", *[CHAT] * 10, SLUICE_SERVER=daemon.url)
    assert code == 0, err
    assert sum(len(line) for line in out.splitlines()) == 10 * len("You said: hello")
    code, _, err = run("loop", "nope", CHAT, SLUICE_SERVER=daemon.url)
    assert code == 1 and "404 Client Error" in err


class Store:
    """Answers the management calls like the gateway, for the examples that change routes."""

    def __init__(self):
        self.routes, self.limits = {}, {}

    def __call__(self, x):
        name = x.path.rstrip("/").rsplit("/", 1)[-1]
        if x.path == "/api/2.0/gateway/routes/" and x.method == "POST":
            body = x.json()
            route = {"name": body["name"], "route_type": body["route_type"], "model": {"name": body["model"]["name"], "provider": body["model"]["provider"]},
                     "route_url": f"/gateway/{body['name']}/invocations", "limit": None}
            self.routes[body["name"]] = route
            x.reply(route)
        elif x.path == "/api/2.0/gateway/routes/":
            x.reply({"routes": list(self.routes.values()), "next_page_token": None})
        elif x.path == "/api/2.0/gateway/limits/":
            self.limits[x.json()["route"]] = x.json()["limits"]
            x.reply({"limits": x.json()["limits"]})
        elif "/limits/" in x.path:
            x.reply({"limits": self.limits.get(name)})
        elif x.method == "DELETE":
            del self.routes[name]
            x.reply({})
        elif x.method == "GET":
            x.reply(self.routes[name])
        else:
            x.reply({"choices": [{"message": {"content": "You said: hello"}}]})


def test_example_fluent(upstream):
    url = f"http://127.0.0.1:{upstream(Store()).port}"
    code, out, err = run("fluent", url)
    assert code == 0, err
    assert out == (f"gateway {url}\nroute example-fluent at {url}/gateway/example-fluent/invocations\nfound example-fluent (llm/v1/chat, mock)\n"
                   "limit 10 per minute\nanswer You said: hello\ndeleted\n")


def test_example_manage(upstream):
    url = f"http://127.0.0.1:{upstream(Store()).port}"
    code, out, err = run("manage", "new", MOCK, '[{"calls": 3, "key": null, "renewal_period": "hour"}]', SLUICE_SERVER=url)
    assert code == 0, err
    assert out.splitlines() == ["new\tllm/v1/chat\tmock/mock\t/gateway/new/invocations", "3 per hour", f"new\tllm/v1/chat\tmock/mock\t{url}/gateway/new/invocations"]


@pytest.fixture
def stored(sluice, tmp_path):
    """A daemon that stores routes, with an admin key."""
    daemon = sluice(CONFIG | {"auth": {"admin_key": "$ADMIN"}}, args=["--data", str(tmp_path / "data")], env={"ADMIN": ADMIN})
    daemon.env = {"SLUICE_SERVER": daemon.url, "SLUICE_KEY": ADMIN}
    return daemon


@pytest.mark.parametrize("mode", MODES)
def test_the_seven_calls_on_the_daemon(stored, mode):
    driver = Driver(f"url={stored.url}", f"key={ADMIN}", "retries=0")
    got = driver.call(mode, "create", "new", "llm/v1/chat", MOCK)
    assert got["code"] == "SLUICE_OK", got
    assert got["routes"][0]["url"] in ("/gateway/new/invocations", stored.url + "/gateway/new/invocations")
    got = driver.call(mode, "create", "new", "llm/v1/chat", MOCK)
    assert (got["code"], got["status"]) == ("SLUICE_EINVALID", 409)
    assert driver.call(mode, "get_route", "new")["routes"][0]["url"] == stored.url + "/gateway/new/invocations"
    assert "new" in driver.call(mode, "each")["text"].split()
    limits = [{"calls": 2, "key": "route", "renewal_period": "hour"}]
    assert driver.call(mode, "set_limits", "new", json.dumps(limits))["limits"] == limits
    assert driver.call(mode, "get_limits", "new")["limits"] == limits
    assert [driver.call(mode, "query", "new", CHAT)["code"] for _ in range(2)] == ["SLUICE_OK"] * 2
    got = driver.call(mode, "stream", "new", CHAT)
    assert (got["code"], got["type"]) == ("SLUICE_ELIMIT", "policy_rate_limited") and got["retriable"] == 1
    assert driver.call(mode, "set_limits", "new", "[]")["limits"] == []
    assert driver.call(mode, "delete", "new")["code"] == "SLUICE_OK"
    assert driver.call(mode, "delete", "new")["code"] == "SLUICE_ENOTFOUND"
    driver.close()


def test_examples_on_the_daemon(stored):
    code, out, err = run("fluent", stored.url, **stored.env)
    assert code == 0, err
    assert "found example-fluent (llm/v1/chat, mock)\nlimit 10 per minute\nanswer You said: hello\ndeleted\n" in out
    code, out, err = run("manage", "new", MOCK, '[{"calls": 3, "key": null, "renewal_period": "hour"}]', **stored.env)
    assert code == 0, err
    assert "3 per hour" in out


ROOT = pathlib.Path(__file__).resolve().parents[3]


def exported():
    """The map's functions, by the version of the interface that added them."""
    text = (ROOT / "src/client/libsluice.map").read_text()
    return {name: node for node, body in re.findall(r"^(SLUICE_[\d.]+) \{(.*?)\n\}", text, re.M | re.S) for name in re.findall(r"^    (sluice_\w+);", body, re.M)}


def declared(*headers):
    """Functions that the headers declare; for uv.h and poll.h also those that they define."""
    text = "".join((ROOT / "include/sluice" / f"{h}.h").read_text() for h in headers)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    return set(re.findall(r"^[a-z][\w ]*[ *](sluice_\w+)\((?:[^()]|\([^()]*\)\([^()]*\)|\([^()]*\))*?\);", text, re.M))


def test_exported_symbols():
    """The map lists what the headers declare, what the shared library exports and what the archive makes visible."""
    listed = exported()
    assert set(listed) == declared("client", "fluent", "chat", "poll")
    lib = BUILD / "src/client"
    shared = subprocess.run(["readelf", "--dyn-syms", "--wide", lib / "libsluice.so"], capture_output=True, text=True, check=True).stdout
    assert dict(re.findall(r"\b(sluice_\w+)@@(SLUICE_[\d.]+)$", shared, re.M)) == listed
    defined = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", lib / "libsluice.so"], capture_output=True, text=True, check=True).stdout
    assert {line.split()[0].split("@")[0] for line in defined.splitlines()} - set(listed.values()) == set(listed)
    archive = subprocess.run(["nm", "--extern-only", "--defined-only", "--format=posix", lib / "libsluice.a"], capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in archive.splitlines() if " T " in line or " D " in line or " B " in line} == set(listed)
    needed = subprocess.run(["readelf", "-d", lib / "libsluice.so"], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"Shared library: \[(lib\w+)", needed)) <= {"libcurl", "libc", "libm", "libasan", "libubsan"}, "nothing but libcurl comes along"
    assert "libcurl" not in subprocess.run(["ldd", BUILD / "src/daemon/sluice"], capture_output=True, text=True, check=True).stdout, "the daemon never maps libcurl"


def test_every_function_has_a_page():
    """Built with the library: one page for each group, and one for each function that leads to it."""
    pages = {p.name.removesuffix(".3"): p.read_text() for p in (BUILD / "src/client").glob("*.3")}
    groups = {name for name, text in pages.items() if not text.startswith(".so ")}
    inline = {"sluice_poll_add", "sluice_poll_timeout", "sluice_poll_drive", "sluice_uv_attach", "sluice_uv_detach"}
    for name in set(exported()) | inline:
        group = re.fullmatch(r"\.so man3/(\w+)\.3\n", pages[name]) if name not in groups else None
        text = pages[group[1]] if group else pages[name]
        first, contracts = text.split(".SH SYNOPSIS\n", 1)
        assert re.search(rf"\b{name}\b.* \\- \w", first), f"{name} is not named in its page"
        paragraph = re.search(rf"\\fB{name}\\fR\(.*\)\n(?:\.TQ\n.*\n)*(.*)\n", contracts)
        assert paragraph and len(paragraph[1]) > 20, f"{name} has no contract: {paragraph and paragraph[1]}"
    overview = (ROOT / "docs/man/libsluice.3").read_text().split(".SH PAGES\n")[1].split("\n.SH")[0]
    assert sorted(re.findall(r"^\.BR (sluice_\w+) \(3\)$", overview, re.M)) == sorted(groups), "the overview names each group"
    for name, text in pages.items():
        assert "@functions@" not in text and "/*" not in text.split(".SH FUNCTIONS")[0], name
    sources = {p.name for p in (ROOT / "docs/man").glob("*.3.in")}
    assert {g + ".3.in" for g in groups} == sources, "each source is built"


@pytest.mark.parametrize("compiler, standard", [("cc", "c99"), ("cc", "c17"), ("c++", "c++17")])
@pytest.mark.parametrize("header", ["chat", "client", "fluent", "poll", "uv"])
def test_headers_compile(tmp_path, compiler, standard, header):
    source = tmp_path / ("t.cc" if compiler == "c++" else "t.c")
    source.write_text(f"#include <sluice/{header}.h>\n#if SLUICE_VERSION_NUMBER < 2000\n#error old\n#endif\nint main(void) {{ sluice_callbacks c = SLUICE_CALLBACKS_INIT; "
                      "sluice_tokens t = SLUICE_TOKENS_INIT; return c.on_end != 0 || t.total >= 0; }\n".replace("{{", "{"))
    define = ["-D_POSIX_C_SOURCE=200809L"] if header == "uv" and compiler == "cc" else []  # libuv's own headers need it
    p = subprocess.run([compiler, f"-std={standard}", "-Wall", "-Wextra", "-pedantic", "-Werror", *define, "-I", ROOT / "include", "-fsyntax-only", source],
                       capture_output=True, text=True)
    assert p.returncode == 0, p.stderr


def test_a_users_build(sluice, tmp_path):
    """meson install, then only the flags of pkg-config: shared and static."""
    import os

    prefix = tmp_path / "root"
    if "asan" in BUILD.name:
        pytest.skip("a sanitized library needs its program sanitized, too")
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", prefix], check=True, capture_output=True)
    pc = next(prefix.rglob("sluice.pc"))
    man = next(prefix.rglob("libsluice.3")).parent
    assert (man / "sluice_chat.3").exists() and (man / "sluice_chat_add.3").read_text() == ".so man3/sluice_chat.3\n" and next(prefix.rglob("sluice.1")) and next(prefix.rglob("sluice.fish"))
    subprocess.run(["bash", "-n", next(p for p in prefix.rglob("sluice") if p.parent.name == "completions")], check=True)
    env = os.environ | {"PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(prefix)}
    daemon = sluice(CONFIG)
    flags = lambda *args, env: subprocess.run(["pkg-config", *args], capture_output=True, text=True, check=True, env=env).stdout.split()
    shared = flags("--cflags", "--libs", "sluice", env=env)
    assert "-lcurl" not in shared
    static = flags("--cflags", "sluice", env=env) + [str(next(prefix.rglob("libsluice.a"))), *flags("--libs", "libcurl", env=os.environ), "-lpthread", "-lm"]
    for flags in shared, static:
        program = tmp_path / "query"
        subprocess.run(["cc", ROOT / "examples/client/query.c", "-o", program, *flags], check=True)
        p = subprocess.run([program, "chat", "hi"], capture_output=True, text=True,
                           env={"SLUICE_SERVER": daemon.url, "LD_LIBRARY_PATH": str(pc.parent.parent)})
        assert (p.returncode, p.stdout) == (0, "You said: hi\n"), p.stderr
    sluice_bin = next(p for p in prefix.rglob("bin/sluice"))
    p = subprocess.run([sluice_bin, "query", "chat", "hi"], capture_output=True, text=True, env={"SLUICE_SERVER": daemon.url})
    assert (p.returncode, p.stdout) == (0, "You said: hi\n"), p.stderr

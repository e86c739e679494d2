# SPDX-License-Identifier: Apache-2.0
"""libsluice and its examples against the real daemon."""
import json
import subprocess

import pytest

from libsluice import BUILD, CHAT, EXAMPLES, MODES, Driver, run

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
    """Answers the management calls as the gateway promises to, for the examples that change routes."""

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
    """A daemon that keeps routes, with an admin key."""
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


def test_exported_symbols():
    """What the map lists is what the headers declare, what the shared library exports and what the archive lets out."""
    import pathlib
    import re

    root = pathlib.Path(__file__).resolve().parents[3]
    listed = set(re.findall(r"^    (sluice_\w+);", (root / "src/client/libsluice.map").read_text(), re.M))
    text = "".join((root / "include/sluice" / h).read_text() for h in ("client.h", "fluent.h"))
    declared = set(re.findall(r"\b(sluice_[a-z_]+)\(", re.sub(r"/\*.*?\*/", "", text, flags=re.S)))
    assert listed == declared
    page = (root / "docs/man/libsluice.3").read_text().split(".SH FUNCTIONS\n")[1].split("\n.SH")[0]
    assert sorted(re.findall(r"^(sluice_\w+),?$", page, re.M)) == sorted(listed), "the man page lists each once"
    lib = BUILD / "src/client"
    shared = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", lib / "libsluice.so"], capture_output=True, text=True, check=True).stdout
    assert {line.split()[0].split("@")[0] for line in shared.splitlines()} - {"SLUICE_1"} == listed
    archive = subprocess.run(["nm", "--extern-only", "--defined-only", "--format=posix", lib / "libsluice.a"], capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in archive.splitlines() if " T " in line or " D " in line or " B " in line} == listed
    needed = subprocess.run(["readelf", "-d", lib / "libsluice.so"], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"Shared library: \[(lib\w+)", needed)) <= {"libcurl", "libc", "libm", "libasan", "libubsan"}, "nothing but libcurl comes along"
    assert "libcurl" not in subprocess.run(["ldd", BUILD / "src/daemon/sluice"], capture_output=True, text=True, check=True).stdout, "the daemon never maps libcurl"


@pytest.mark.parametrize("compiler, standard", [("cc", "c99"), ("cc", "c17"), ("c++", "c++17")])
@pytest.mark.parametrize("header", ["client", "fluent", "poll", "uv"])
def test_headers_compile(tmp_path, compiler, standard, header):
    import pathlib

    root = pathlib.Path(__file__).resolve().parents[3]
    source = tmp_path / ("t.cc" if compiler == "c++" else "t.c")
    source.write_text(f"#include <sluice/{header}.h>\nint main(void) {{ sluice_callbacks c = SLUICE_CALLBACKS_INIT; return c.on_end != 0; }}\n")
    define = ["-D_POSIX_C_SOURCE=200809L"] if header == "uv" and compiler == "cc" else []  # libuv's own headers want it
    p = subprocess.run([compiler, f"-std={standard}", "-Wall", "-Wextra", "-pedantic", "-Werror", *define, "-I", root / "include", "-fsyntax-only", source],
                       capture_output=True, text=True)
    assert p.returncode == 0, p.stderr


def test_a_users_build(sluice, tmp_path):
    """meson install, then only what pkg-config says: shared and static."""
    import os
    import pathlib

    root = pathlib.Path(__file__).resolve().parents[3]
    prefix = tmp_path / "root"
    if "asan" in BUILD.name:
        pytest.skip("a sanitized library needs its program sanitized, too")
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", prefix], check=True, capture_output=True)
    pc = next(prefix.rglob("sluice.pc"))
    assert next(prefix.rglob("libsluice.3")) and next(prefix.rglob("sluice.1")) and next(prefix.rglob("sluice.fish"))
    subprocess.run(["bash", "-n", next(p for p in prefix.rglob("sluice") if p.parent.name == "completions")], check=True)
    env = os.environ | {"PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": str(prefix)}
    daemon = sluice(CONFIG)
    for static in [], ["--static"]:
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", *static, "sluice"], capture_output=True, text=True, check=True, env=env).stdout.split()
        program = tmp_path / "query"
        if static:
            flags = [next(str(p) for p in prefix.rglob("libsluice.a")) if f == "-lsluice" else f for f in flags]
        subprocess.run(["cc", root / "examples/client/query.c", "-o", program, *flags], check=True)
        p = subprocess.run([program, "chat", "hi"], capture_output=True, text=True,
                           env={"SLUICE_SERVER": daemon.url, "LD_LIBRARY_PATH": str(pc.parent.parent)})
        assert (p.returncode, p.stdout) == (0, "You said: hi\n"), p.stderr
    sluice_bin = next(p for p in prefix.rglob("bin/sluice"))
    p = subprocess.run([sluice_bin, "query", "chat", "hi"], capture_output=True, text=True, env={"SLUICE_SERVER": daemon.url})
    assert (p.returncode, p.stdout) == (0, "You said: hi\n"), p.stderr

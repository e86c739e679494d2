# SPDX-License-Identifier: Apache-2.0
"""bindings/python: its wheel is built and installed, and programs use it against the real daemon."""
import json
import pathlib
import queue
import signal
import subprocess
import sys
import textwrap

import pytest

from harness import CHAT_REPLY, DEADLINE, chat_route
from libsluice import BUILD, clean_env

SOURCE = pathlib.Path(__file__).resolve().parents[3] / "bindings/python"
LIBRARY = BUILD / "src/client/libsluice.so.1"
CONFIG = {"endpoints": [{"name": t, "endpoint_type": f"llm/v1/{t}", "model": {"provider": "mock", "name": "mock"}} for t in ("chat", "completions", "embeddings")]}
MANY = {"endpoints": [{"name": f"r{i:04}", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock"}} for i in range(1200)]}


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The folder where the wheel was installed."""
    wheels, target = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "python"
    subprocess.run(["cp", "-r", SOURCE, source], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels, source], check=True, timeout=DEADLINE)
    wheel, = wheels.glob("sluice_gateway-*.whl")
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", "--target", target, wheel], check=True, timeout=DEADLINE)
    return target


@pytest.fixture
def python(package):
    """Runs a program that has `g`, the package; what it prints as JSON."""
    env = {"PYTHONPATH": str(package), "SLUICE_LIBRARY": str(LIBRARY)}
    linked = subprocess.run(["ldd", LIBRARY], capture_output=True, text=True, check=True).stdout
    runtimes = [line.split()[2] for line in linked.splitlines() if "libasan" in line or "libubsan" in line]
    if runtimes:  # a sanitizer's library must be the first one
        env |= {"LD_PRELOAD": " ".join(runtimes), "ASAN_OPTIONS": "detect_leaks=0"}

    def start(text, *args, **more):
        program = "import asyncio, json, os, sys\nimport sluice_gateway as g\n" + textwrap.dedent(text)
        return subprocess.Popen([sys.executable, "-c", program, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_env(**env, **more))

    def run(text, *args, **more):
        p = start(text, *args, **more)
        out, err = p.communicate(timeout=DEADLINE)
        assert p.returncode == 0, err
        return json.loads(out)

    run.start = start
    return run


def test_the_seven_calls_as_mlflow(sluice, python, tmp_path):
    """The same program with mlflow.gateway and with this package: the entities are the same in every field."""
    daemon = sluice(CONFIG | {"auth": {"admin_key": "$ADMIN"}}, args=["--data", str(tmp_path / "data")], env={"ADMIN": "an-admin-key-of-the-file"})
    program = """
        import warnings; warnings.simplefilter("ignore")
        if sys.argv[1] == "mlflow":
            import mlflow.gateway as g
        g.set_gateway_uri(os.environ["URI"])
        show = lambda x: [type(x).__name__, x.model_dump(), x.model_dump_json()]
        print(json.dumps({
            "uri": g.get_gateway_uri(),
            "route": show(g.get_route("chat")), "routes": [show(x) for x in g.search_routes()],
            "limits": [show(g.set_limits("chat", [{"calls": 50, "key": "user", "renewal_period": "minute"}])), show(g.get_limits("chat")),
                       show(g.set_limits("chat", [])), show(g.get_limits("chat"))],
            "endpoint": show(g.get_route("embeddings").to_endpoint()),
            "chat": g.query("chat", {"messages": [{"role": "user", "content": "grüße 🌊"}]})["choices"],
            "embeddings": len(g.query("embeddings", {"input": ["a", "b"]})["data"]),
            "page": [[x.name for x in g.MlflowGatewayClient().search_routes()], g.MlflowGatewayClient().search_routes().token],
        }))
    """
    env = {"URI": daemon.url, "MLFLOW_TRACKING_TOKEN": "an-admin-key-of-the-file", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    ours = python(program, "ours", **env)
    assert ours["route"][1]["route_url"] == daemon.url + "/gateway/chat/invocations" and len(ours["routes"]) == 3
    assert ours == python(program, "mlflow", **env)


def test_create_and_delete(sluice, python, tmp_path):
    """MLflow refuses both calls itself unless it talks to Databricks; here they work with any gateway."""
    daemon = sluice(CONFIG, args=["--data", str(tmp_path / "data")])
    got = python("""
        g.set_gateway_uri(sys.argv[1])
        made = g.create_route("made", "llm/v1/chat", {"name": "mock", "provider": "mock"})
        asked = g.get_route("made")
        g.delete_route("made")
        try:
            g.get_route("made")
        except g.NotFound as e:
            print(json.dumps([made.dict(), asked.route_url, e.code, e.status_code, e.request_id != "", e.detail, e.is_retriable]))
    """, daemon.url)
    assert got[0]["name"] == "made" and got[0]["model"] == {"name": "mock", "provider": "mock"} and got[0]["limit"] is None
    assert got[1] == daemon.url + "/gateway/made/invocations"
    assert got[2:5] == ["SLUICE_ENOTFOUND", 404, True] and "made" in got[5] and got[6] is False


def test_all_pages(sluice, python):
    daemon = sluice(MANY)
    got = python("""
        g.set_gateway_uri(sys.argv[1])
        routes = g.search_routes()
        print(json.dumps([len(routes), routes[0].name, routes[-1].name]))
    """, daemon.url)
    assert got == [1200, "r0000", "r1199"]


@pytest.mark.parametrize("program, said", [
    ("g.GatewayClient('localhost:5000')", ["UsageError", "SLUICE_EUSAGE", None]),
    ("g.set_gateway_uri('localhost:5000')", ["UsageError", "SLUICE_EUSAGE", None]),
    ("g.GatewayClient(url, ca=1, retries=11)", ["UsageError", "SLUICE_EUSAGE", None]),
    ("g.GatewayClient('http://127.0.0.1:1', retries=0).query('chat', {})", ["ConnectError", "SLUICE_ECONNECT", None]),
    ("g.GatewayClient(url, key='wrong').query('chat', {})", ["AuthError", "SLUICE_EAUTH", 401]),
    ("g.GatewayClient(url, key=key).query('chat', {})", ["InvalidRequest", "SLUICE_EINVALID", 422]),
    ("g.GatewayClient(url, key=key).query('nope', {'messages': []})", ["NotFound", "SLUICE_ENOTFOUND", 404]),
    ("g.GatewayClient(url, key=key).query('chat', {'stream': True, 'messages': [{'role': 'user', 'content': 'a'}]})", ["UsageError", "SLUICE_EUSAGE", None]),
    ("list(g.GatewayClient(url, key=key).query_stream('nope', {'messages': []}))", ["NotFound", "SLUICE_ENOTFOUND", 404]),
    ("[g.GatewayClient(url, key=key, retries=0).query('tight', {'messages': [{'role': 'user', 'content': 'a'}]}) for _ in range(2)]", ["LimitReached", "SLUICE_ELIMIT", 429]),
])
def test_errors(sluice_module, python, program, said):
    key = "an-admin-key-of-the-file"
    tight = {"name": "tight", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "mock"}, "limit": {"calls": 1, "renewal_period": "hour"}}
    daemon = sluice_module({"endpoints": CONFIG["endpoints"] + [tight], "auth": {"admin_key": "$ADMIN"}}, env={"ADMIN": key})
    got = python(f"""
        url, key = sys.argv[1:]
        try:
            {program}
        except g.GatewayError as e:
            print(json.dumps([type(e).__name__, e.code, e.status_code, str(e)]))
    """, daemon.url, key)
    assert got[:3] == said and got[3] and key not in got[3]


def test_values_that_cannot_be_sent(python):
    got = python("""
        client = g.GatewayClient("http://127.0.0.1:1", retries=0)
        said = []
        for call in (lambda: client.query("chat", {1, 2}), lambda: client.get_route("a\\0b"), lambda: g.GatewayClient("http://h", colour="red")):
            try:
                call()
            except Exception as e:
                said.append([type(e).__name__, str(e)])
        print(json.dumps(said))
    """)
    assert [x[0] for x in got] == ["TypeError", "ValueError", "TypeError"] and "colour" in got[2][1]


def test_a_stream(sluice, python):
    daemon = sluice(CONFIG)
    got = python("""
        client = g.GatewayClient(sys.argv[1])
        data = {"messages": [{"role": "user", "content": "one two"}], "stream_options": {"include_usage": True}}
        stream = client.query_stream("chat", data)
        events = list(stream)
        print(json.dumps([events[0]["object"], "".join(client.query_stream("chat", data).texts()), stream.outcome.text, stream.outcome.tokens, list(stream)]))
    """, daemon.url)
    assert got[0] == "chat.completion.chunk" and got[1] == got[2] == "You said: one two" and got[3]["total"] > 0 and got[4] == []


def test_a_stream_that_is_left_ends_the_call(sluice, upstream, python):
    def handler(x):
        x.stream_head()
        x.event({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]})
        x.wait_closed()
        gone.put(True)

    gone = queue.Queue()
    up = upstream(handler)
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    p = python.start("""
        with g.GatewayClient(sys.argv[1]).query_stream("chat", {"messages": [{"role": "user", "content": "a"}]}) as stream:
            print(json.dumps(next(stream.texts())), flush=True)
        sys.stdin.read()
    """, daemon.url)
    said = p.stdout.readline()
    assert gone.get(timeout=DEADLINE), "the program still runs"
    out, err = p.communicate(timeout=DEADLINE)
    assert (p.returncode, json.loads(said), out) == (0, "a", ""), err


def test_ctrl_c_ends_a_call(sluice, upstream, python):
    up = upstream(lambda x: x.wait_closed())
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    p = python.start("""
        import signal
        signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests in the background ignores it
        try:
            g.GatewayClient(sys.argv[1]).query("chat", {"messages": [{"role": "user", "content": "a"}]})
        except KeyboardInterrupt:
            print(json.dumps("interrupted"))
    """, daemon.url)
    up.next()
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=DEADLINE)
    assert (p.returncode, json.loads(out)) == (0, "interrupted"), err


def test_threads_forks_and_pickles(sluice, python):
    """One client in sixteen threads, in a forked child and in a copy."""
    daemon = sluice(CONFIG)
    got = python("""
        import concurrent.futures, pickle
        client = g.GatewayClient(sys.argv[1])
        ask = lambda c, n: c.query("chat", {"messages": [{"role": "user", "content": str(n)}]})["choices"][0]["message"]["content"]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            said = list(pool.map(lambda n: ask(client, n), range(200)))
        r, w = os.pipe()
        if os.fork() == 0:
            os.write(w, ask(client, "child").encode())
            os._exit(0)
        os.wait()
        print(json.dumps([said == [f"You said: {n}" for n in range(200)], os.read(r, 100).decode(), ask(client, "parent"), ask(pickle.loads(pickle.dumps(client)), "copy")]))
    """, daemon.url)
    assert got == [True, "You said: child", "You said: parent", "You said: copy"]


def test_the_environment_counts_at_every_call(sluice, python):
    one, two = sluice(CONFIG), sluice({"endpoints": [CONFIG["endpoints"][0] | {"name": "other"}]})
    got = python("""
        said = []
        for uri in sys.argv[1:]:
            os.environ["MLFLOW_GATEWAY_URI"] = uri
            said.append([x.name for x in g.search_routes()])
        g.set_gateway_uri(sys.argv[1])
        said.append([x.name for x in g.search_routes()])
        print(json.dumps(said))
    """, one.url, two.url)
    assert got == [["chat", "completions", "embeddings"], ["other"], ["chat", "completions", "embeddings"]]


def test_asyncio(sluice, python, tmp_path):
    daemon = sluice(CONFIG, args=["--data", str(tmp_path / "data")])
    got = python("""
        async def main():
            async with g.AsyncGatewayClient(sys.argv[1]) as client:
                data = lambda n: {"messages": [{"role": "user", "content": str(n)}]}
                said = await asyncio.gather(*(client.query("chat", data(n)) for n in range(200)))
                texts = []
                async for part in client.query_stream("chat", data("as a stream")).texts():
                    texts.append(part)
                stream = client.query_stream("chat", data("again"))
                events = [event async for event in stream]
                try:
                    await client.get_route("nope")
                except g.NotFound as e:
                    code = e.code
                limits = await client.set_limits("chat", [{"calls": 5, "renewal_period": "hour"}])
                return [[x["choices"][0]["message"]["content"] for x in said] == [f"You said: {n}" for n in range(200)], "".join(texts), stream.outcome.text,
                        len(events) > 1, code, limits.dict(), (await client.get_limits("chat")).dict(), (await client.get_route("chat")).name, len(await client.search_routes())]
        print(json.dumps(asyncio.run(main())))
    """, daemon.url)
    limits = {"limits": [{"calls": 5, "key": "route", "renewal_period": "hour"}]}
    assert got == [True, "You said: as a stream", "You said: again", True, "SLUICE_ENOTFOUND", limits, limits, "chat", 3]


def test_asyncio_slow_reader(sluice, upstream, python):
    """Thousands of events for a reader that looks away: none is lost, and only some wait."""
    def handler(x):
        x.stream_head()
        for i in range(3000):
            x.event({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": f"{i} "}, "finish_reason": None}]})
        x.event({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        x.chunk(b"data: [DONE]\n\n")
        x.last_chunk()

    up = upstream(handler)
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    got = python("""
        async def main():
            async with g.AsyncGatewayClient(sys.argv[1]) as client:
                stream = client.query_stream("chat", {"messages": [{"role": "user", "content": "a"}]})
                parts, most = [], 0
                async for part in stream.texts():
                    parts.append(part)
                    if len(parts) % 100 == 0:
                        for _ in range(20):
                            await asyncio.sleep(0)
                    most = max(most, len(client._flights[stream._number].events))
                return ["".join(parts) == "".join(f"{i} " for i in range(3000)), most <= 64, len(client._flights)]
        print(json.dumps(asyncio.run(main())))
    """, daemon.url)
    assert got == [True, True, 0]


def test_asyncio_cancel(sluice, upstream, python):
    """A task that is cancelled ends its call at the upstream too; the client goes on."""
    gone = queue.Queue()

    def handler(x):
        if b"hold" in x.body:
            x.wait_closed()
            gone.put(True)
        else:
            x.reply(CHAT_REPLY)

    up = upstream(handler)
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    p = python.start("""
        async def main():
            async with g.AsyncGatewayClient(sys.argv[1]) as client:
                data = lambda text: {"messages": [{"role": "user", "content": text}]}
                task = asyncio.create_task(client.query("chat", data("hold")))
                await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    said = [(await client.query("chat", data("go on")))["choices"][0]["message"]["content"], len(client._flights)]
                    sys.stdin.readline()
                    return said
        print(json.dumps(asyncio.run(main())))
    """, daemon.url)
    up.next()
    p.stdin.write("cancel\n")
    p.stdin.flush()
    assert gone.get(timeout=DEADLINE), "the program and its client still run"
    out, err = p.communicate("end\n", timeout=DEADLINE)
    assert (p.returncode, json.loads(out)) == (0, ["hi é", 0]), err


def test_asyncio_close(sluice, upstream, python):
    """A client that is closed ends what waits on it with an error: nobody takes half a stream for a whole one."""
    def handler(x):
        x.stream_head()
        x.event({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]})
        x.wait_closed()

    up = upstream(handler)
    daemon = sluice({"endpoints": [chat_route(up.base)]})
    got = python("""
        async def main():
            client, data = g.AsyncGatewayClient(sys.argv[1]), {"messages": [{"role": "user", "content": "a"}]}
            said = []
            try:
                async for text in client.query_stream("chat", data).texts():
                    said.append(text)
                    client.close()
            except g.Cancelled as e:
                said.append(e.code)
            try:
                await client.query("chat", data)
            except RuntimeError as e:
                said.append(str(e))
            return said
        print(json.dumps(asyncio.run(main())))
    """, daemon.url)
    assert got == ["a", "SLUICE_ECANCELLED", "this client is closed"]


def test_without_the_library(package):
    p = subprocess.run([sys.executable, "-c", "import sluice_gateway"], capture_output=True, text=True, env=clean_env(PYTHONPATH=str(package), SLUICE_LIBRARY="/nonexistent/libsluice.so.1"))
    assert p.returncode == 1 and "needs the C library libsluice (/nonexistent/libsluice.so.1): install it, or set SLUICE_LIBRARY" in p.stderr

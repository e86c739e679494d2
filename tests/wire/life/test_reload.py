# SPDX-License-Identifier: Apache-2.0
"""Another configuration replaces the one in force, and only its content changes for clients."""
import os
import shutil
import signal
import ssl
import subprocess
import threading

import pytest
import yaml

from harness import BIN, CHAT, CHAT_REPLY, Conn, chat_route, free_port, wait_for
from upstream import Authority


def config(*names, **more):
    routes = [{"name": n, "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": n, "config": {}}} for n in names]
    return {"endpoints": routes, **more}


def write(path, value):
    path.write_text(value if isinstance(value, str) else yaml.safe_dump(value, sort_keys=False))


def replace(path, value):
    other = path.with_suffix(".new")
    write(other, value)
    os.replace(other, path)


def routes(daemon):
    return [r["name"] for r in daemon.call("GET", "/api/2.0/gateway/routes/").json()["routes"]]


def serves(daemon, *names):
    wait_for(lambda: routes(daemon) == list(names), f"the routes {names}; log: {daemon.stderr}", 10)


def says(daemon, text, n=1):
    wait_for(lambda: daemon.stderr.count(text) >= n, f"{text!r} in the log: {daemon.stderr}", 10)


def logged(value, daemon):
    """A whole file as the harness writes it: with the access log where it was."""
    return {**value, "log": {"access": str(daemon.log_path)}, "server": {"timeouts": {"drain_delay": "0s"}}}


@pytest.mark.parametrize("put", [write, replace], ids=["in-place", "atomic-rename"])
def test_a_changed_file_is_taken_twice(sluice, put):
    daemon = sluice(config("a"))
    path = daemon.dir / "sluice.yaml"
    put(path, logged(config("a", "b"), daemon))
    serves(daemon, "a", "b")
    put(path, logged(config("c"), daemon))
    serves(daemon, "c")
    assert "takes a restart" not in daemon.stderr


def test_kubernetes_symlink_swap_twice(sluice, tmp_path):
    volume = tmp_path / "volume"

    def swap(name, value):
        (volume / name).mkdir(parents=True)
        write(volume / name / "sluice.yaml", value)
        (volume / "..data_tmp").symlink_to(name)
        os.replace(volume / "..data_tmp", volume / "..data")

    swap("..1", config("a"))
    (volume / "sluice.yaml").symlink_to("..data/sluice.yaml")
    daemon = sluice(args=["-c", str(volume / "sluice.yaml")])
    swap("..2", config("b"))
    shutil.rmtree(volume / "..1")
    serves(daemon, "b")
    swap("..3", config("c"))
    shutil.rmtree(volume / "..2")
    serves(daemon, "c")


def test_truncated_then_completed(sluice):
    daemon = sluice(config("a"))
    path = daemon.dir / "sluice.yaml"
    whole = yaml.safe_dump(logged(config("a", "b"), daemon))
    write(path, whole[: whole.index("provider:")] + "{")
    says(daemon, "is refused, the old configuration serves on")
    assert routes(daemon) == ["a"]
    write(path, whole)
    serves(daemon, "a", "b")
    write(path, "")
    says(daemon, "is refused, the old configuration serves on", 2)
    assert "the file is empty" in daemon.stderr and routes(daemon) == ["a", "b"]


def test_deleted_and_recreated(sluice):
    daemon = sluice(config("a", "b"))
    path = daemon.dir / "sluice.yaml"
    path.unlink()
    says(daemon, "does not exist")
    assert routes(daemon) == ["a", "b"]
    write(path, logged(config("a"), daemon))
    serves(daemon, "a")


def test_a_bad_file_is_refused_with_place_and_reason(sluice):
    daemon = sluice(config("a"))
    path = daemon.dir / "sluice.yaml"
    bad = logged(config("a", "b"), daemon)
    bad["server"]["limits"] = {"haed": "1KiB"}
    write(path, bad)
    line = 1 + path.read_text().splitlines().index("    haed: 1KiB")
    says(daemon, f'{path}:{line}:5: error: server.limits: unknown key "haed": did you mean "head"?')
    says(daemon, "is refused")
    assert routes(daemon) == ["a"]


def test_sighup_reads_at_once_and_again(sluice):
    daemon = sluice(config("a"))
    daemon.proc.send_signal(signal.SIGHUP)
    says(daemon, "a new configuration is in force (SIGHUP): 1 route, version 2")
    write(daemon.dir / "sluice.yaml", logged(config("b"), daemon))
    daemon.proc.send_signal(signal.SIGHUP)
    says(daemon, "version 3")
    assert routes(daemon) == ["b"]


def test_sighup_without_a_file_changes_nothing(sluice):
    daemon = sluice()
    daemon.proc.send_signal(signal.SIGHUP)
    says(daemon, "the embedded default is in force")
    assert "chat" in routes(daemon)


def test_what_needs_a_restart_is_named_and_the_rest_applied(sluice):
    value = config("a")
    daemon = sluice(value)
    new = logged(config("a", "b"), daemon)
    new["log"] = {"access": str(daemon.dir / "other.log"), "level": "debug"}
    new["server"]["workers"] = 3
    write(daemon.dir / "sluice.yaml", new)
    serves(daemon, "a", "b")
    says(daemon, "a new configuration is in force")
    named = [line.split("reload: ")[1].split(" has")[0] for line in daemon.stderr.splitlines() if "takes a restart" in line]
    assert named == ["server.workers", "log.access"]


def test_another_address_needs_a_restart(sluice):
    port, other = free_port(), free_port()
    value = config("a")
    value["server"] = {**value.get("server", {}), "listen": f"127.0.0.1:{port}"}
    daemon = sluice(value, listen=False, port=port)
    new = logged(config("a", "b"), daemon)
    new["server"] = {**new.get("server", {}), "listen": [f"127.0.0.1:{port}", f"127.0.0.1:{other}"]}
    write(daemon.dir / "sluice.yaml", new)
    serves(daemon, "a", "b")
    says(daemon, "server.listen has changed")
    with pytest.raises(OSError):
        Conn(other)


def test_a_rotated_key_file_and_running_exchanges(sluice, upstream, tmp_path):
    """The stream that runs while the key changes ends with the old key; the next call has the new one."""
    gate = threading.Event()

    def handler(x):
        if x.json().get("stream"):
            x.stream_head()
            x.event({"choices": [{"index": 0, "delta": {"content": "a"}}]})
            assert gate.wait(20)
            x.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            x.event("[DONE]")
            x.last_chunk()
        else:
            x.reply(CHAT_REPLY)

    up = upstream(handler)
    key = tmp_path / "key"
    key.write_text("sk-old-key\n")
    route = chat_route(up.base)
    route["model"]["config"]["openai_api_key"] = {"file": str(key)}
    daemon = sluice({"endpoints": [route]})
    conn = daemon.connect().request("POST", "/v1/chat/completions", {**CHAT, "stream": True})
    assert conn.head().status == 200 and conn.chunk()
    assert up.next().get("authorization") == "Bearer sk-old-key"
    replace(key, "sk-new-key\n")
    says(daemon, "a new configuration is in force")
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200
    assert up.next().get("authorization") == "Bearer sk-new-key"
    gate.set()
    rest = b""
    while data := conn.chunk():
        rest += data
    assert b"[DONE]" in rest and b"error" not in rest
    key.unlink()
    says(daemon, "is refused")
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200 and "sk-" not in daemon.stderr
    key.write_text("sk-third-key")
    says(daemon, "a new configuration is in force", 2)
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 200
    up.next()
    assert up.next().get("authorization") == "Bearer sk-third-key"


def make_cert(directory, name):
    cert, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def test_a_rotated_certificate(sluice, tmp_path):
    old, new = make_cert(tmp_path, "old"), make_cert(tmp_path, "new")
    cert, key = tmp_path / "server.pem", tmp_path / "server.key"
    shutil.copy(old[0], cert)
    shutil.copy(old[1], key)
    daemon = sluice(config("a", server={"tls": {"cert": str(cert), "key": str(key)}, "timeouts": {"drain_delay": "0s"}}))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def subject():
        conn = daemon.connect(context)
        try:
            return b"old" in conn.sock.getpeercert(True)
        finally:
            conn.close()

    running = daemon.connect(context)
    assert running.request("GET", "/health").reply().status == 200 and subject()
    os.replace(shutil.copy(new[0], tmp_path / "tmp1"), cert)  # perhaps the key does not fit yet: then it is refused, and taken later
    os.replace(shutil.copy(new[1], tmp_path / "tmp2"), key)
    wait_for(lambda: not subject(), f"the new certificate: {daemon.stderr}", 10)
    assert running.request("GET", "/health").reply().status == 200, "the connection under the old certificate goes on"
    write(cert, "not a certificate")
    says(daemon, "is refused")
    assert not subject()


def test_a_new_upstream_authority(sluice, upstream, tmp_path):
    cert, key = make_cert(tmp_path, "up")
    other, _ = make_cert(tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    up = upstream(lambda x: x.reply(CHAT_REPLY), tls=context)
    ca = tmp_path / "ca.pem"
    shutil.copy(other, ca)
    daemon = sluice({"endpoints": [chat_route(up.base)], "upstream": {"ca": str(ca), "retries": 0}})
    assert daemon.call("POST", "/v1/chat/completions", CHAT).status == 502
    os.replace(shutil.copy(cert, tmp_path / "tmp"), ca)
    wait_for(lambda: daemon.call("POST", "/v1/chat/completions", CHAT).status == 200, f"trust: {daemon.stderr}", 10)


def test_fifty_reloads_under_load_fail_no_request(sluice, upstream):
    up = upstream(lambda x: x.reply(CHAT_REPLY))
    value = {"endpoints": [chat_route(up.base), *config("mock")["endpoints"]], "server": {"workers": 2, "timeouts": {"drain_delay": "0s"}}}
    daemon = sluice(value)
    full = {**value, "log": {"access": str(daemon.log_path)}}
    over, counts, failures = threading.Event(), [0] * 4, []

    def load(i):
        try:
            conn = Conn(daemon.port)
            while not over.is_set():
                reply = conn.request("POST", "/v1/chat/completions", {**CHAT, "model": ("chat", "mock")[counts[i] % 2]}).reply()
                assert reply.status == 200 and reply.complete, reply.body
                counts[i] += 1
        except Exception as e:
            failures.append(e)

    threads = [threading.Thread(target=load, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for i in range(50):
        extra = config(*[f"extra{k}" for k in range(i % 5)])["endpoints"]
        replace(daemon.dir / "sluice.yaml", {**full, "endpoints": full["endpoints"] + extra, "upstream": {"pool": {"idle_per_origin": i % 3}}})
        daemon.proc.send_signal(signal.SIGHUP)
        says(daemon, "a new configuration is in force", i + 1)
    over.set()
    for t in threads:
        t.join(20)
    assert not failures and min(counts) > 0, (failures, counts)
    assert "refused" not in daemon.stderr


def test_sigusr1_reopens_the_access_log(sluice):
    daemon = sluice(config("a"))
    assert daemon.call("GET", "/health", headers=[("x-request-id", "first")]).status == 200
    daemon.log_line("first")
    rotated = daemon.dir / "access.log.1"
    os.rename(daemon.log_path, rotated)
    daemon.proc.send_signal(signal.SIGUSR1)
    wait_for(daemon.log_path.exists, "a new access log")
    assert daemon.call("GET", "/health", headers=[("x-request-id", "second")]).status == 200
    daemon.log_line("second")
    assert "first" in rotated.read_text() and "second" not in rotated.read_text()


def test_limits_and_counters_outlive_a_reload(sluice):
    value = config("a")
    value["endpoints"][0]["limit"] = {"calls": 3, "renewal_period": "hour"}
    daemon = sluice(value)

    def call():
        return daemon.call("POST", "/v1/chat/completions", {**CHAT, "model": "a"}).status

    def metric(name):
        lines = daemon.call("GET", "/metrics").body.decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    assert [call(), call()] == [200, 200]
    before = metric("sluice_requests_total{")
    new = logged(config("a", "b"), daemon)
    new["endpoints"][0]["limit"] = {"calls": 3, "renewal_period": "hour"}
    write(daemon.dir / "sluice.yaml", new)
    daemon.proc.send_signal(signal.SIGHUP)
    says(daemon, "version 2")
    assert [call(), call()] == [200, 429]
    assert metric("sluice_requests_total{") > before
    assert metric('sluice_config_reload_total{result="ok"}') == 1 and metric("sluice_config_version") == 2
    write(daemon.dir / "sluice.yaml", "nonsense")
    daemon.proc.send_signal(signal.SIGHUP)
    says(daemon, "is refused")
    assert metric('sluice_config_reload_total{result="refused"}') == 1 and metric("sluice_config_version") == 2


def test_a_variable_of_later_is_not_seen(sluice):
    daemon = sluice(config("a"))
    write(daemon.dir / "sluice.yaml", {"endpoints": [{"name": "b", "endpoint_type": "llm/v1/chat", "model": {"provider": "openai", "name": "m", "config": {"openai_api_key": "$SET_LATER"}}}]})
    daemon.proc.send_signal(signal.SIGHUP)
    says(daemon, "is refused")
    assert "Environment variable 'SET_LATER' is not set" in daemon.stderr
    assert daemon.stderr.count("a running daemon sees only the environment of its start") == 1


def test_a_reload_cannot_open_the_gateway_to_the_network(sluice):
    """Without an auth section only loopback may be served: that is true after a reload, too."""
    port = free_port()
    open_to_all = {**config("a"), "server": {"listen": f"0.0.0.0:{port}", "timeouts": {"drain_delay": "0s"}}}
    path = sluice({**open_to_all, "auth": "none"}, args=["--listen", f"0.0.0.0:{port}"], ready=False)
    wait_for(lambda: "listening on" in path.stderr, path.stderr)
    write(path.dir / "sluice.yaml", open_to_all)
    path.proc.send_signal(signal.SIGHUP)
    says(path, "is refused")
    assert "no auth is configured" in path.stderr


def test_mlflows_command_reloads_within_two_seconds(tmp_path):
    """MLflow's own tests wait this long after each edit."""
    path, port = tmp_path / "c.yaml", free_port()
    write(path, config("a"))
    proc = subprocess.Popen([BIN, "mlflow", "start", "--config-path", str(path), "--host", "localhost", "--port", str(port), "--workers", "2"],
                            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def names():
        conn = Conn(port)
        try:
            return [r["name"] for r in conn.request("GET", "/api/2.0/endpoints/").reply().json()["endpoints"]]
        finally:
            conn.close()

    def up():
        try:
            return names() == ["a"]
        except OSError:
            return False

    try:
        wait_for(up, "listening")
        for want in (["a", "b"], ["c"]):
            write(path, config(*want))
            wait_for(lambda: names() == want, f"routes {want}", 2)
    finally:
        proc.send_signal(signal.SIGINT)
        assert proc.wait(20) == 0


def test_auth_that_comes_later_holds_at_once_and_says_what_is_missing(sluice):
    daemon = sluice(config("a"))
    assert daemon.call("GET", "/v1/models").status == 200
    write(daemon.dir / "sluice.yaml", {**logged(config("a"), daemon), "auth": {"keys": [{"name": "me", "key": "0123456789abcdefghij"}]}})
    daemon.proc.send_signal(signal.SIGHUP)
    says(daemon, "until a restart nobody is an administrator")
    assert daemon.call("GET", "/v1/models").status == 401
    assert daemon.call("GET", "/v1/models", headers=[("authorization", "Bearer 0123456789abcdefghij")]).status == 200


@pytest.mark.parametrize("days, said", [(-1, " error tls: the certificate in {} has expired"), (1, " warning tls: the certificate in {} expires in 2"),
                                        (9, " warning tls: the certificate in {} expires in "), (60, None)])
def test_a_certificate_that_ends_is_told(sluice, tmp_path, days, said):
    """The log says so at the start, and at a reload."""
    files = {}
    authority = Authority(tmp_path / "ca")
    for name, life in (("now", days), ("next", -1)):
        text = authority.pem(name, days=life)
        cut = text.index("-----BEGIN PRIVATE")
        files[name] = {"cert": str(tmp_path / f"{name}.pem"), "key": str(tmp_path / f"{name}.key")}
        (tmp_path / f"{name}.pem").write_text(text[:cut])
        (tmp_path / f"{name}.key").write_text(text[cut:])
    daemon = sluice({**config("a"), "server": {"tls": files["now"]}})
    wait_for(lambda: "listening on" in daemon.stderr and (not said or said.format(files["now"]["cert"]) in daemon.stderr), daemon.stderr)
    assert said or "the certificate in" not in daemon.stderr
    write(daemon.dir / "sluice.yaml", {**logged(config("a"), daemon), "server": {"tls": files["next"]}})
    daemon.proc.send_signal(signal.SIGHUP)
    says(daemon, f" error tls: the certificate in {files['next']['cert']} has expired")

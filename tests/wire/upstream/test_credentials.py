# SPDX-License-Identifier: Apache-2.0
"""Fetched credentials: the requests for them, one fetch for many calls, refreshing, refusals, and who may use the
machine's own."""
import base64
import json
import threading
import time
import urllib.parse

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from harness import free_port, wait_for

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
ANSWER = {"candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}]}
CALL = {"model": "g", "messages": [{"role": "user", "content": "hello"}]}


class Google:
    """A token endpoint, a metadata server and models, which take only the newest token."""

    def __init__(self, upstream):
        self.up = upstream(self.handle)
        self.n = 0
        self.life = 3599
        self.lock = threading.Lock()
        self.refuse = None
        self.gate = threading.Event()
        self.gate.set()

    def handle(self, x):
        if x.path == "/v1/token" or "/computeMetadata/" in x.path:
            self.gate.wait(20)
            if self.refuse:
                x.reply({"error": "invalid_grant", **(self.refuse(x) if callable(self.refuse) else {"error_description": self.refuse})}, "400 Bad Request")
                return
            with self.lock:
                self.n += 1
                x.reply({"access_token": f"t{self.n}", "expires_in": self.life, "token_type": "Bearer"})
        elif x.get("authorization") != f"Bearer t{self.n}":
            x.reply({"error": {"code": 401, "message": "expired", "status": "UNAUTHENTICATED"}}, "401 Unauthorized")
        else:
            x.reply(ANSWER)

    def route(self, **config):
        return {"name": "g", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
                "model": {"provider": "vertex_ai", "name": "gemini-2.5-flash", "config": {"vertex_project": "p", "vertex_api_base": self.up.base, **config}}}

    def account(self):
        return json.dumps({"type": "service_account", "client_email": "me@p.iam", "private_key": PEM, "private_key_id": "k1", "token_uri": self.up.base + "/token"})

    def tokens(self):
        return [x for x in self.up.requests if x.path == "/v1/token"]


def call(daemon):
    return daemon.call("POST", "/v1/chat/completions", CALL)


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.fixture
def google(upstream):
    return Google(upstream)


def test_a_service_account_signs_for_its_token(sluice, google):
    daemon = sluice({"endpoints": [google.route(vertex_credentials=google.account())]})
    assert call(daemon).status == 200
    asked = google.tokens()[0]
    form = urllib.parse.parse_qs(asked.body.decode())
    assert asked.method == "POST" and form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    head, claims, signature = form["assertion"][0].split(".")
    KEY.public_key().verify(decode(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    assert json.loads(decode(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    claims = json.loads(decode(claims))
    assert claims["iss"] == "me@p.iam" and claims["aud"] == google.up.base + "/token" and claims["exp"] - claims["iat"] == 3600
    assert abs(claims["iat"] - time.time()) < 60 and claims["scope"].endswith("/auth/cloud-platform")


def test_many_calls_wait_for_one_fetch(sluice, google):
    daemon = sluice({"endpoints": [google.route(vertex_credentials=google.account())], "server": {"workers": 2}})
    google.gate.clear()
    got = []
    threads = [threading.Thread(target=lambda: got.append(call(daemon).status)) for _ in range(8)]
    for t in threads:
        t.start()
    assert google.up.arrived.get(timeout=20) is not None
    google.gate.set()
    for t in threads:
        t.join()
    assert got == [200] * 8 and len(google.tokens()) == 1


@pytest.mark.parametrize("more", [{}, {"sluice": {"breaker": {"errors": 9}}}], ids=["plain", "breaker"])
def test_a_token_that_is_refused_is_fetched_anew_once(sluice, google, more):
    daemon = sluice({"endpoints": [{**google.route(vertex_credentials=google.account()), **more}]})
    assert call(daemon).status == 200
    google.n = 7  # t1 is not valid any more
    r = call(daemon)
    assert r.status == 200 and len(google.tokens()) == 2 and r.get("x-sluice-attempts") == "2"
    google.n = 99
    google.refuse = "Invalid JWT Signature."
    r = call(daemon)
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_auth_failed"
    for secret in (b"t8", PEM.encode()[40:80], b"assertion"):
        assert secret not in r.body


@pytest.mark.parametrize("key", ["error", "error_description"])
@pytest.mark.parametrize("kind", ["user", "account"])
def test_a_refusal_may_quote_the_credential(sluice, google, kind, key):
    user = {"type": "authorized_user", "client_id": "c", "client_secret": "GOCSPX-Abc_123", "refresh_token": "1//0g.Abc-123", "token_uri": google.up.base + "/token"}
    daemon = sluice({"endpoints": [google.route(vertex_credentials=json.dumps(user) if kind == "user" else google.account())]})

    def refuse(x):
        form = urllib.parse.parse_qs(x.body.decode())
        return {key: form["client_secret" if kind == "user" else "assertion"][0] if key == "error" else f"quoted: {form}"}

    google.refuse = refuse
    r = call(daemon)
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_auth_failed"
    line = wait_for(lambda: next((x for x in daemon.stderr.splitlines(True) if "no token" in x and x.endswith("\n")), None), "the log line")
    assert "the endpoint answered 400" in line and (key == "error" or "invalid_grant: quoted: {" in line)
    assert f"google: provider_auth_failed: {google.up.base.split('/')[2]}: " in line and "quoted" not in r.body.decode()
    for secret in ("GOCSPX", "0g.Abc", "eyJ"):
        assert secret not in line and secret.encode() not in r.body


@pytest.mark.parametrize("how", ["silent", "down"])
def test_an_endpoint_that_is_down_refuses_nothing(sluice, google, how):
    """Another try may help, and the operator's log names the endpoint; the caller sees no address."""
    account = json.loads(google.account())
    if how == "down":
        account["token_uri"] = f"http://127.0.0.1:{free_port()}/token"
    daemon = sluice({"endpoints": [google.route(vertex_credentials=json.dumps(account)) | {"sluice": {"timeouts": {"first_byte": "300ms"}}}]})
    google.gate.clear()
    began = time.monotonic()
    r = call(daemon)
    google.gate.set()
    assert time.monotonic() - began < 5
    kind, status = ("provider_timeout_connect", 504) if how == "silent" else ("provider_connect_failed", 502)
    assert (r.status, r.get("x-sluice-error-type"), r.get("x-should-retry")) == (status, kind, None)
    host = account["token_uri"].split("/")[2]
    assert host not in r.body.decode() and f'{host}: no token: ' in daemon.log_lines(1)[0]["error"]
    wait_for(lambda: f"credential: google: {kind}: {host}: no token: " in daemon.stderr, "a line of the endpoint")


def test_a_short_lived_token_is_refreshed_while_calls_go_on(sluice, google):
    google.life = 2
    daemon = sluice({"endpoints": [google.route(vertex_credentials=google.account())]})
    end = time.monotonic() + 10
    while google.n < 3:
        assert call(daemon).status == 200
        assert time.monotonic() < end


def test_who_waits_may_leave(sluice, google):
    daemon = sluice({"endpoints": [google.route(vertex_credentials=google.account())]})
    google.gate.clear()
    conn = daemon.connect().request("POST", "/v1/chat/completions", CALL, [("content-type", "application/json")])
    assert google.up.arrived.get(timeout=20) is not None
    conn.close()
    google.gate.set()
    assert call(daemon).status == 200


def test_a_drain_does_not_wait_for_a_fetch(sluice, google):
    daemon = sluice({"endpoints": [google.route(vertex_credentials=google.account())], "server": {"timeouts": {"drain": "200ms"}}})
    google.gate.clear()
    conn = daemon.connect().request("POST", "/v1/chat/completions", CALL, [("content-type", "application/json")])
    assert google.up.arrived.get(timeout=20) is not None
    began = time.monotonic()
    daemon.stop()
    assert time.monotonic() - began < 5
    assert conn.reply().status == 503
    google.gate.set()


def test_the_machines_identity_is_for_routes_of_the_file(sluice, google, tmp_path):
    origin = google.up.base.removesuffix("/v1")
    daemon = sluice({"endpoints": [google.route(metadata_url=origin)]}, args=["--data", str(tmp_path / "data")])
    assert call(daemon).status == 200
    asked = next(x for x in google.up.requests if "/computeMetadata/" in x.path)
    assert asked.method == "GET" and asked.path.endswith("/instance/service-accounts/default/token") and asked.get("metadata-flavor") == "Google"
    body = {"name": "mine", "route_type": "llm/v1/chat", "model": google.route()["model"]}
    r = daemon.call("POST", "/api/2.0/gateway/routes/", body)
    assert r.status == 400 and b"only routes of the configuration file" in r.body


# --- Entra, for Azure ---


class Entra:
    """A token endpoint and a deployment, which takes only the newest token."""

    def __init__(self, upstream):
        self.up, self.n, self.forms, self.refuse = upstream(self.handle), 0, [], False
        self.lock = threading.Lock()

    def handle(self, x):
        if x.path == "/v1/ten%20ant/oauth2/v2.0/token":
            form = dict(urllib.parse.parse_qsl(x.body.decode()))
            with self.lock:
                self.forms.append(form)
                self.n += 1
            if self.refuse or form["client_secret"] != "s+e/c r&t":
                x.reply({"error": "invalid_client", "error_description": f"AADSTS7000215: {form}"}, "401 Unauthorized")
            else:
                x.reply({"token_type": "Bearer", "expires_in": 3599, "access_token": f"e{self.n}"})
        elif x.get("authorization") != f"Bearer e{self.n}":
            x.reply({"error": {"code": "401", "message": "Access denied"}}, "401 Unauthorized")
        else:
            assert x.path == "/v1/openai/deployments/d/chat/completions?api-version=v" and x.get("api-key") is None
            x.reply({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]})

    def route(self, provider="azure", secret="s+e/c r&t", **more):
        return {"name": "g", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0},
                "model": {"provider": provider, "name": "m", "config": {"openai_api_type": "azuread", "openai_api_key": secret, "openai_api_base": self.up.base, "openai_deployment_name": "d",
                                                                        "openai_api_version": "v", "azure_tenant_id": "ten ant", "azure_client_id": "c&id", "azure_authority": self.up.base, **more}}}


@pytest.mark.parametrize("provider", ["azure", "openai"])
def test_entra_gives_a_token_for_a_clients_secret(sluice, upstream, provider):
    entra = Entra(upstream)
    daemon = sluice({"endpoints": [entra.route(provider)], "server": {"workers": 2}})
    got = []
    threads = [threading.Thread(target=lambda: got.append(call(daemon).status)) for _ in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert got == [200] * 6 and entra.forms == [{"grant_type": "client_credentials", "scope": "https://cognitiveservices.azure.com/.default", "client_id": "c&id", "client_secret": "s+e/c r&t"}]
    entra.n = 7  # e1 is not valid any more
    r = call(daemon)
    assert r.status == 200 and len(entra.forms) == 2 and r.get("x-sluice-attempts") == "2"


def test_what_entra_refuses_is_the_gateways_fault(sluice, upstream):
    entra = Entra(upstream)
    entra.refuse = True
    daemon = sluice({"endpoints": [entra.route()]})
    r = call(daemon)
    assert r.status == 502 and r.get("x-sluice-error-type") == "provider_auth_failed"
    line = wait_for(lambda: next((x for x in daemon.stderr.splitlines(True) if "no token" in x and x.endswith("\n")), None), "the log line")
    assert "invalid_client: AADSTS7000215: {" in line and b"AADSTS" not in r.body
    for secret in ("s+e/c", "s%2Be"):
        assert secret not in line and secret.encode() not in r.body


ANSWERED = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]}


def azure(up, **config):
    base = {"openai_api_type": "azuread", "openai_api_base": up.base, "openai_deployment_name": "d", "openai_api_version": "v"}
    return {"name": "g", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0}, "model": {"provider": "azure", "name": "m", "config": {**base, **config}}}


def test_a_workloads_token_file_is_read_for_every_fetch(sluice, upstream, tmp_path):
    file, asked = tmp_path / "token", []
    file.write_text("first.jwt\n")

    def handle(x):
        if x.path == "/v1/ten/oauth2/v2.0/token":
            asked.append(dict(urllib.parse.parse_qsl(x.body.decode())))
            x.reply({"token_type": "Bearer", "expires_in": 3599, "access_token": f"w{len(asked)}"})
        elif x.get("authorization") == f"Bearer w{len(asked)}" and len(asked) != refused:
            x.reply(ANSWERED)
        else:
            x.reply({"error": {"code": "401", "message": "Access denied"}}, "401 Unauthorized")

    refused, up = 0, upstream(handle)
    env = {"AZURE_TENANT_ID": "ten", "AZURE_CLIENT_ID": "cl", "AZURE_FEDERATED_TOKEN_FILE": str(file), "AZURE_AUTHORITY_HOST": up.base + "/"}
    daemon = sluice({"endpoints": [azure(up, azure_identity="workload")]}, env=env)
    assert call(daemon).status == 200
    assert asked == [{"grant_type": "client_credentials", "scope": "https://cognitiveservices.azure.com/.default", "client_id": "cl",
                      "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "client_assertion": "first.jwt"}]
    file.write_text("second.jwt")
    refused = 1  # w1 is not valid any more
    assert call(daemon).status == 200 and asked[-1]["client_assertion"] == "second.jwt" and len(asked) == 2


def test_a_workload_without_its_file_says_so(sluice, upstream, tmp_path):
    up = upstream(lambda x: x.reply(ANSWERED))
    env = {"AZURE_TENANT_ID": "ten", "AZURE_CLIENT_ID": "cl", "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "gone"), "AZURE_AUTHORITY_HOST": up.base}
    daemon = sluice({"endpoints": [azure(up, azure_identity="workload")]}, env=env)
    r = call(daemon)
    assert r.status == 502 and not up.requests
    assert wait_for(lambda: next((x for x in daemon.stderr.splitlines(True) if "gone" in x and x.endswith("\n")), None), "the log line")


@pytest.mark.parametrize("life", [{"expires_in": "3599"}, {"expires_on": None}], ids=["in", "on"])
@pytest.mark.parametrize("place", ["machine", "app"])
def test_a_managed_identity_is_asked_for_where_the_machine_has_it(sluice, upstream, place, life):
    def handle(x):
        if "resource=" not in x.path:
            x.reply(ANSWERED if x.get("authorization") == "Bearer m1" else {"error": {"code": "401", "message": "Access denied"}}, "200 OK" if x.get("authorization") == "Bearer m1" else "401 Unauthorized")
            return
        when = {k: v or str(int(time.time()) + 3599) for k, v in life.items()}
        x.reply({"token_type": "Bearer", "access_token": "m1", **when})

    up = upstream(handle)
    origin = up.base.removesuffix("/v1")
    env = {"IDENTITY_ENDPOINT": origin + "/msi/token", "IDENTITY_HEADER": "hidden-word"} if place == "app" else {}
    where = {"azure_metadata_url": origin} if place == "machine" else {}
    daemon = sluice({"endpoints": [azure(up, azure_identity="managed", azure_client_id="u&1", **where)]}, env=env)
    assert call(daemon).status == 200
    asked = next(x for x in up.requests if "resource=" in x.path)
    query = "resource=https%3A%2F%2Fcognitiveservices.azure.com&client_id=u%261"
    if place == "app":
        assert asked.method == "GET" and asked.path == "/msi/token?api-version=2019-08-01&" + query and asked.get("x-identity-header") == "hidden-word"
    else:
        assert asked.method == "GET" and asked.path == "/metadata/identity/oauth2/token?api-version=2018-02-01&" + query and asked.get("metadata") == "true"


@pytest.mark.parametrize("identity", ["managed", "workload"])
def test_azures_machine_identity_is_for_routes_of_the_file(sluice, upstream, tmp_path, identity):
    up = upstream(lambda x: x.reply(ANSWERED))
    daemon = sluice({"endpoints": []}, args=["--data", str(tmp_path / "data")], env={"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "/f"})
    body = {"name": "mine", "route_type": "llm/v1/chat", "model": azure(up, azure_identity=identity)["model"]}
    r = daemon.call("POST", "/api/2.0/gateway/routes/", body)
    assert r.status == 400 and b"only routes of the configuration file" in r.body and not up.requests


@pytest.mark.parametrize("host", ["", "/serving-endpoints/"])
@pytest.mark.parametrize("provider", ["databricks", "databricks-model-serving"])
def test_databricks_gives_a_token_to_a_service_principal(sluice, upstream, provider, host):
    def handle(x):
        if x.path == "/v1/oidc/v1/token":
            assert base64.b64decode(x.get("authorization").removeprefix("Basic ")) == b"the-id:s%2Fe%3Ac"
            assert dict(urllib.parse.parse_qsl(x.body.decode())) == {"grant_type": "client_credentials", "scope": "all-apis"}
            x.reply({"token_type": "Bearer", "expires_in": 3600, "access_token": "d1"})
        else:
            assert x.path == "/v1/serving-endpoints/chat/completions" and x.get("authorization") == "Bearer d1"
            x.reply(ANSWERED)

    up = upstream(handle)
    config = {"host": up.base + host, "client_id": "the-id", "client_secret": "s/e:c"}
    daemon = sluice({"endpoints": [{"name": "g", "endpoint_type": "llm/v1/chat", "sluice": {"retries": 0}, "model": {"provider": provider, "name": "m", "config": config}}]})
    assert [call(daemon).status for _ in range(2)] == [200, 200]
    assert sum(x.path.endswith("/oidc/v1/token") for x in up.requests) == 1

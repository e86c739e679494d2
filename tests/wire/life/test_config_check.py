# SPDX-License-Identifier: Apache-2.0
"""Faults in a configuration: the message has the place, the fault and the correction, and never a secret."""
import json
import os
import subprocess
import textwrap

import pytest

from harness import BIN
from upstream import Authority

ENV = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "sk-from-the-environment", "EMPTY": ""}


def sluice(*args, env=ENV, cwd=None):
    done = subprocess.run([BIN, *map(str, args)], env=env, cwd=cwd, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done


def check(tmp_path, text, *args, env=ENV):
    path = tmp_path / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).lstrip("\n").encode())
    return sluice("check", "-c", path, *args, env=env)


CHAT = """
  - name: chat
    endpoint_type: llm/v1/chat
    model:
      provider: openai
      name: m
      config: { openai_api_key: k }
"""
FINE = "endpoints:" + CHAT


def entry(**changes):
    """One endpoint as YAML, with members replaced (None: left out)."""
    values = {"name": "chat", "endpoint_type": "llm/v1/chat", "model": "{ provider: openai, name: m, config: { openai_api_key: k } }", **changes}
    lines = [f"{k}: {v}" for k, v in values.items() if v is not None]
    return "endpoints:\n  - " + "\n    ".join(lines) + "\n"


# text of the file, where (line:column), what the message says
CASES = {
    "alerts that are no map": (FINE + "alerts: on\n", "8:9", "alerts: must be a map like { at: [50, 80, 100] }"),
    "alerts at nothing": (FINE + "alerts: { at: [] }\n", "8:15", "alerts.at: must be a list of up to 8 whole numbers from 1 to 100, each larger than the one before"),
    "alerts that fall": (FINE + "alerts: { at: [80, 50] }\n", "8:20", "alerts.at: must be a list of up to 8 whole numbers"),
    "alerts beyond the cap": (FINE + "alerts: { at: [101] }\n", "8:16", "alerts.at: must be a list of up to 8 whole numbers"),
    "too many alerts": (FINE + "alerts: { at: [1, 2, 3, 4, 5, 6, 7, 8, 9] }\n", "8:40", "alerts.at: must be a list of up to 8 whole numbers"),
    "a webhook without a secret": (FINE + "alerts: { webhook: { url: 'https://a/' } }\n", "8:20", "alerts.webhook.secret: missing"),
    "a webhook with another secret": (FINE + "alerts: { webhook: { url: 'https://a/', secret: topsecret } }\n", "8:49", "alerts.webhook.secret: must be whsec_ and 24 to 64 bytes in base64"),
    "a webhook with a short secret": (FINE + "alerts: { webhook: { url: 'https://a/', secret: whsec_c2hvcnQ= } }\n", "8:49", "alerts.webhook.secret: must be whsec_ and 24 to 64 bytes in base64"),
    "a webhook that is no URL": (FINE + "alerts: { webhook: { url: 'ftp://a/', secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw } }\n", "8:27", "alerts.webhook.url: is not a URL: "),
    "a webhook with a password": (FINE + "alerts: { webhook: { url: 'https://a:b@c/', secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw } }\n", "8:27", "alerts.webhook.url: must have no user and no password"),
    "traces that are no map": (FINE + "otel: on\n", "8:7", "otel: must be a map like { endpoint: http://127.0.0.1:4318 }"),
    "traces to no address": (FINE + "otel: { endpoint: 'collector:4318' }\n", "8:19", "otel.endpoint: is not the address of a collector, like http://127.0.0.1:4318: "),
    "traces with a password": (FINE + "otel: { endpoint: 'http://a:b@c/' }\n", "8:19", "otel.endpoint: is not the address of a collector, like http://127.0.0.1:4318: it must have no user and no password"),
    "traces of more than all calls": (FINE + "otel: { endpoint: 'http://c', sample: 1.5 }\n", "8:39", "otel.sample: must be a number from 0 (no call) to 1 (all calls)"),
    "traces of less than none": (FINE + "otel: { endpoint: 'http://c', sample: -0.1 }\n", "8:39", "otel.sample: must be a number from 0 (no call) to 1 (all calls)"),
    "traces with headers as a list": (FINE + "otel: { endpoint: 'http://c', headers: [a] }\n", "8:40", "otel.headers: must be a map of at most 64 headers"),
    "traces with a header of ours": (FINE + "otel: { endpoint: 'http://c', headers: { content-type: a } }\n", "8:56", "is written by the gateway itself"),
    "a node with a blank in its name": (FINE + "node: a b\n", "8:7", "node: must be auto, or a name of up to 72 letters, digits, '.', '_' and '-'"),
    "a node with too long a name": (FINE + "node: " + "n" * 73 + "\n", "8:7", "node: must be auto, or a name of up to 72 letters"),
    "a node without a name": (FINE + "node: ''\n", "8:7", "node: must be auto"),
    "a folder with too long a path": ("server: { spool: /" + "a" * 4095 + " }\n" + FINE, "1:18", "server.spool: the path has 4096 bytes, and may have at most 4095"),
    "a provider of logins that is no map": ("auth: { oidc: on }\n" + FINE, "1:15", "auth.oidc: must be a map like { issuer: https://login.example,"),
    "a login without an issuer": ("auth: { oidc: { client_id: a, roles: { b: query } } }\n" + FINE, "1:15", "auth.oidc.issuer: missing"),
    "a login without a client": ("auth: { oidc: { issuer: 'https://a', roles: { b: query } } }\n" + FINE, "1:15", "auth.oidc.client_id: missing"),
    "a login without roles": ("auth: { oidc: { issuer: 'https://a', client_id: a } }\n" + FINE, "1:15", "auth.oidc.roles: missing"),
    "a login with no roles": ("auth: { oidc: { issuer: 'https://a', client_id: a, roles: {} } }\n" + FINE, "1:59", "auth.oidc.roles: must be a map from values of the role's claim to roles"),
    "a login with an unknown role": ("auth: { oidc: { issuer: 'https://a', client_id: a, roles: { b: root } } }\n" + FINE, "1:64", "must be a role: query, viewer, operator or admin"),
    "an issuer that is no URL": ("auth: { oidc: { issuer: login.example, client_id: a, roles: { b: query } } }\n" + FINE, "1:25", "auth.oidc.issuer: "),
    "an issuer with a password": ("auth: { oidc: { issuer: 'https://a:b@c', client_id: a, roles: { b: query } } }\n" + FINE, "1:25", "auth.oidc.issuer: must be the provider's issuer as it names itself"),
    "an issuer with a query": ("auth: { oidc: { issuer: 'https://a/?b', client_id: a, roles: { b: query } } }\n" + FINE, "1:25", "auth.oidc.issuer: must be the provider's issuer as it names itself"),
    "the description for the issuer": ("auth: { oidc: { issuer: 'https://a/b/.well-known/openid-configuration', client_id: a, roles: { b: query } } }\n" + FINE, "1:25", 'auth.oidc.issuer: is the address of the provider\'s description; the issuer is what stands before "/.well-known/openid-configuration": https://a/b'),
    "scopes without openid": ("auth: { oidc: { issuer: 'https://a', client_id: a, roles: { b: query }, scopes: [email] } }\n" + FINE, "1:81", "auth.oidc.scopes: must have the scope openid"),
    "operators in groups": ("auth: { oidc: { issuer: 'https://a', client_id: a, roles: { b: operator }, group_claim: teams } }\n" + FINE, "1:59", "the role operator goes without a group"),
    "a misspelt member of a login": ("auth: { oidc: { issuer: 'https://a', client_id: a, roles: { b: query }, group_claims: c } }\n" + FINE, "1:73", "did you mean \"group_claim\"?"),
    # MLflow's rules (C.2) and texts
    "duplicate name": (FINE + CHAT.lstrip("\n"), "8:5", "Duplicate names found in endpoint configurations."),
    "name characters": (entry(name="'no spaces'"), "2:11", "The route name provided contains disallowed characters for a url endpoint."),
    "name with slash": (entry(name="a/b"), "2:11", "The route name provided contains disallowed characters for a url endpoint."),
    "empty name": (entry(name="''"), "2:11", "The route name provided contains disallowed characters for a url endpoint."),
    "long name": (entry(name="a" * 256), "2:11", "have 1 to 255"),
    "no name": (entry(name=None), "2:5", "endpoints[0].name: Field required"),
    "name is a list": (entry(name="[a]"), "2:11", "endpoints[0].name: must be a string"),
    "type unknown": (entry(endpoint_type="llm/v1/video"), "3:20", "The route_type 'llm/v1/video' is not supported."),
    "type by its path": (entry(endpoint_type="llm/v1/audio/transcriptions"), "3:20", "or one that passes to a provider that has it: llm/v1/images, llm/v1/speech, llm/v1/moderations, llm/v1/rerank or llm/v1/transcriptions."),
    "a type that the provider lacks": (entry(endpoint_type="llm/v1/rerank"), "2:5", "the provider 'openai' has no llm/v1/rerank; these have: "),
    "a type that nothing translates": (entry(endpoint_type="llm/v1/speech", model="{ provider: anthropic, name: m, config: { anthropic_api_key: k } }"), "2:5", "the provider 'anthropic' has no llm/v1/speech; these have: azure, openai"),
    "old type unknown": (entry(endpoint_type=None, route_type="nope"), "4:17", "endpoints[0].route_type: The route_type 'nope' is not supported."),
    "no type": (entry(endpoint_type=None), "2:5", "endpoints[0].endpoint_type: Field required"),
    "no model": (entry(model=None), "2:5", "endpoints[0].model: Field required"),
    "provider unknown": (entry(model="{ provider: nope, config: {} }"), "4:24", "The provider 'nope' is not supported. It must be one of "),
    "provider not for routes": (entry(model="{ provider: SAP_AI_CORE, config: {} }"), "4:24", "The provider 'SAP_AI_CORE' is known, but cannot be used: in MLflow it serves judges only"),
    "palm without a key": (entry(model="{ provider: palm, config: {} }"), "4:38", "endpoints[0].model.config.palm_api_key: missing"),
    "a chat of mosaicml": (entry(model="{ provider: mosaicml, name: mpt-7b, config: { mosaicml_api_key: k } }"), "4:40", "An invalid model has been specified for the chat route. 'mpt-7b': it must begin with llama2."),
    "a chat of mosaicml without a model": (entry(model="{ provider: mosaicml, config: { mosaicml_api_key: k } }"), "4:12", "An invalid model has been specified for the chat route."),
    "no provider": (entry(model="{ name: m, config: {} }"), "4:12", "A provider must be provided for each gateway route."),
    "no config": (entry(model="{ provider: openai, name: m }"), "4:12", "A config must be supplied when setting a provider."),
    "azure: a secret without a key": (entry(model="{ provider: azure, config: { openai_api_type: azuread, openai_api_base: 'https://a/', openai_deployment_name: d, openai_api_version: v, azure_identity: secret } }"), "4:", "azure_identity secret is that of openai_api_key, which is missing"),
    "azure: no identity and no key": (entry(model="{ provider: azure, config: { azure_identity: null } }"), "4:", "openai_api_key: missing"),
    "databricks: no client and no token": (entry(model="{ provider: databricks, config: { host: 'https://a', client_id: null } }"), "4:", "token: missing"),
    "databricks: a client without its secret": (entry(model="{ provider: databricks, config: { host: 'https://a', client_id: c } }"), "4:", "client_id and client_secret go together"),
    "no key": (entry(model="{ provider: openai, config: { openai_api_base: 'https://a/v1' } }"), "4:40", "endpoints[0].model.config.openai_api_key: missing"),
    "key is a list": (entry(model="{ provider: openai, config: { openai_api_key: [a] } }"), "4:58", "The api key provided is not a string."),
    "key is a number": (entry(model="{ provider: openai, config: { openai_api_key: 12345678 } }"), "4:58", "The api key provided is not a string."),
    "variable unset": (entry(model="{ provider: openai, config: { openai_api_key: $UNSET } }"), "4:58", "Environment variable 'UNSET' is not set"),
    "variable empty": (entry(model="{ provider: openai, config: { openai_api_key: $EMPTY } }"), "4:58", "Environment variable 'EMPTY' is not set: it is empty"),
    "variable in braces": (entry(model="{ provider: openai, config: { openai_api_key: '${UNSET}' } }"), "4:58", "'{UNSET}' is not set (write $NAME, without braces)"),
    "key file missing": (entry(model="{ provider: openai, config: { openai_api_key: { file: nowhere } } }"), "4:58", "cannot read the key file"),
    "key path missing": (entry(model="{ provider: openai, config: { openai_api_key: /nowhere/key } }"), "4:58", "the key file /nowhere/key does not exist"),
    "api type": (entry(model="{ provider: openai, config: { openai_api_key: k, openai_api_type: gpt } }"), "4:78", "Invalid OpenAI API type 'gpt'"),
    "azure tenant alone": (entry(model="{ provider: azure, config: { openai_api_key: k, openai_api_base: 'https://a', openai_deployment_name: d, openai_api_version: v, azure_tenant_id: t } }"), "4:157", "azure_tenant_id and azure_client_id go together, with openai_api_type azuread"),
    "passage: no method": (entry(sluice="{ passage: [ /files/* ] }"), "5:26", 'endpoints[0].sluice.passage: "/files/*" must be a method and a path, like GET /files/*'),
    "passage: another method": (entry(sluice="{ passage: [ GET /files/*, 'HEAD /files' ] }"), "5:40", "must begin with GET, POST, PUT, PATCH or DELETE"),
    "passage: no path": (entry(sluice="{ passage: [ GET files ] }"), "5:", "must name a path that begins with /"),
    "passage: all": (entry(sluice="{ passage: [ GET /** ] }"), "5:", "would let every path pass"),
    "passage: dots": (entry(sluice="{ passage: [ GET /a/../b ] }"), "5:", "must not have an empty segment, . or .. in its path"),
    "passage: a query": (entry(sluice="{ passage: [ 'GET /a?b' ] }"), "5:", "no query, no fragment and nothing encoded"),
    "passage: of a provider without": (entry(model="{ provider: cohere, name: m, config: { cohere_api_key: k } }", sluice="{ passage: [ GET /a ] }"), "5:", "passage: Cohere models have no raw passage"),
    "limit negative": (entry(limit="{ calls: -1, renewal_period: minute }"), "5:21", "limit.calls: Failed to parse the rate limit configuration. `calls` must be a number from 0, not \"-1\""),
    "limit period": (entry(limit="{ calls: 1, renewal_period: fortnight }"), "5:40", "limit.renewal_period: Failed to parse the rate limit configuration."),
    "limit without calls": (entry(limit="{ renewal_period: minute }"), "5:12", "Field required: calls"),
    "limit without period": (entry(limit="{ calls: 1 }"), "5:12", "Field required: renewal_period"),
    "endpoints missing": ("server: {}\n", "1:1", "endpoints: missing: a list, it may be []"),
    "endpoints null": ("endpoints: null\n", "1:12", "endpoints: must be a list"),
    "endpoints a map": ("endpoints: { a: b }\n", "1:12", "endpoints: must be a list"),
    "entry a string": ("endpoints: [ a ]\n", "1:14", "endpoints[0]: must be a map"),
    "empty": ("", "1:1", "the file is empty"),
    "a list": ("- a\n", "1:1", "the file must be a map"),
    # Sluice's sections: strict, with the nearest key
    "unknown key": ("server: { lisen: a }\n" + FINE, "1:11", 'server: unknown key "lisen": did you mean "listen"?'),
    "unknown key, none near": ("server: { quux: a }\n" + FINE, "1:11", 'server: unknown key "quux"'),
    "unknown route key": (entry(sluice="{ timeouts: { conect: 1s } }"), "5:27", 'endpoints[0].sluice.timeouts: unknown key "conect": did you mean "connect"?'),
    "no unit": ("server: { timeouts: { head: 10 } }\n" + FINE, "1:29", 'server.timeouts.head: "10" needs a unit: a duration like 30s'),
    "no duration": ("server: { timeouts: { head: soon } }\n" + FINE, "1:29", "server.timeouts.head: must be a duration like 30s"),
    "no size": ("server: { limits: { body: big } }\n" + FINE, "1:27", "server.limits.body: must be a size like 8MiB"),
    "out of bounds": ("server: { limits: { body: 1B } }\n" + FINE, "1:27", "server.limits.body: must be from 1KiB to 1GiB"),
    "no number": ("upstream: { retries: many }\n" + FINE, "1:22", "upstream.retries: must be a whole number"),
    "no budget": ("upstream: { retry_budget: off }\n" + FINE, "1:27", "upstream.retry_budget: must be a map like { share: 20%, least: 10 }; no repeats at all are { share: 0%, least: 0 }"),
    "no share": ("upstream: { retry_budget: { share: 0.2 } }\n" + FINE, "1:36", "upstream.retry_budget.share: must be a share from 0% to 100%, as in 20%"),
    "share too large": ("upstream: { retry_budget: { share: 101% } }\n" + FINE, "1:36", "must be a share from 0% to 100%"),
    "no least": ("upstream: { retry_budget: { least: few } }\n" + FINE, "1:36", "upstream.retry_budget.least: must be a whole number"),
    "number out of bounds": ("upstream: { retries: 11 }\n" + FINE, "1:22", "upstream.retries: must be from 0 to 10"),
    "section is a list": ("server: []\n" + FINE, "1:9", "server: must be a map, not a list"),
    "listen": ("server: { listen: nonsense }\n" + FINE, "1:19", "is no address to listen on"),
    "listen in a list": ("server: { listen: [ '127.0.0.1:1', '300.0.0.1:1' ] }\n" + FINE, "1:36", '"300.0.0.1:1" is no address to listen on'),
    "listen twice": ("server: { listen: [ '127.0.0.1:1', '127.0.0.1:1' ] }\n" + FINE, "1:36", '"127.0.0.1:1" is there twice'),
    "listen nowhere": ("server: { listen: [] }\n" + FINE, "1:19", "must name at least one address"),
    "workers": ("server: { workers: 0 }\n" + FINE, "1:20", "must be auto or a number from 1 to 256"),
    "drain delay": ("server: { timeouts: { drain_delay: 5 } }\n" + FINE, "1:36", "must be auto or a duration from 0s to 24h"),
    "cidr": ("server: { trusted_proxies: [ 10.0.0.0/40 ] }\n" + FINE, "1:28", "is not an address or a network"),
    "public url": ("server: { public_url: 'ftp://a' }\n" + FINE, "1:23", "is not a URL: scheme must be http or https"),
    "public url without a scheme": ("server: { public_url: gateway.example.com }\n" + FINE, "1:23", "is not a URL: must begin with http:// or https://"),
    "log level": ("log: { level: loud }\n" + FINE, "1:15", "must be one of error, warning, info, debug"),
    "no access log": ("log: { access: off }\n" + FINE, "1:16", "log.access: must be stdout, stderr, none or a file's path"),
    "an access log without a name": ("log: { access: '' }\n" + FINE, "1:16", "log.access: must be stdout, stderr, none or a file's path"),
    "origin with a path": ("server: { cors: [ 'https://a.example', 'https://b.example/x' ] }\n" + FINE, "1:40", 'server.cors: "https://b.example/x" is no origin'),
    "half of tls": ("server: { tls: { cert: a.pem } }\n" + FINE, "1:16", "server.tls: needs both cert and key"),
    "certificate missing": ("server: { tls: { cert: a.pem, key: b.pem } }\n" + FINE, "1:16", "cannot read the TLS certificate"),
    "authority missing": ("upstream: { ca: ca.pem }\n" + FINE, "1:17", "cannot read the TLS authorities"),
    # YAML itself
    "tab": ("endpoints:\n\t- name: a\n", "2:1", "it is a tab: YAML is indented with spaces"),
    "repeated key": ("endpoints: []\nlog: {}\nendpoints: []\n", "3:1", 'the key "endpoints" is here a second time: the first one is at line 1, column 1'),
    "repeated key in a map": ("log: { level: info, level: debug }\n" + FINE, "1:21", "the first one is at line 1, column 8"),
    "not UTF-8": (b"endpoints: []\nlog: { level: \"\xff\" }\n", "2:16", "invalid leading UTF-8 octet"),
    "control character": (b"endpoints: []\nlog: { level: \"\x01\" }\n", "2:16", "control characters are not allowed"),
    "unknown alias": ("endpoints: *nope\n", "1:12", "an alias to an anchor that is not there"),
    "endless alias": ("endpoints: &a [ *a ]\n", "1:17", "an alias inside what it stands for"),
    "foreign tag": ("endpoints: !!python/name:os.system []\n", "1:12", "a tag (!…) that is not known"),
    "merge of a string": ("endpoints: []\nx-a: { <<: b }\n", "2:8", "a merge key (<<) needs a map or a list of maps"),
    "second document": ("endpoints: []\n---\nendpoints: []\n", "2:1", "a second document"),
    "too deep": ("endpoints: " + "[" * 100, "1:75", "nested deeper than 64 levels"),
    "too many keys": ("endpoints: []\nx-a:\n" + "".join(f"  k{i}: 1\n" for i in range(1001)), "1003:3", "more than 1000 keys in one map"),
    "alias bomb": ("x-a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(f"x-{b}: &{b} [{','.join(['*' + a] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi")), "6:", "more than 1000000 values"),
}


@pytest.mark.parametrize("name", CASES)
def test_every_mistake_is_told_with_its_place(tmp_path, name):
    text, place, message = CASES[name]
    done = check(tmp_path, text)
    assert done.returncode == 1 and not done.stdout
    at = f"{tmp_path}/c.yaml:{place}"
    lines = [line for line in done.stderr.splitlines() if line.startswith(at) and message in line and ": error: " in line]
    assert lines, f"no line {at} … {message}:\n{done.stderr}"


def test_files_that_cannot_be_read(tmp_path):
    assert "does not exist" in sluice("check", "-c", tmp_path / "none.yaml").stderr
    assert "is not a file" in sluice("check", "-c", tmp_path).stderr
    with open(tmp_path / "huge.yaml", "wb") as f:
        f.truncate((64 << 20) + 1)
    assert "is larger than 67108864 bytes" in sluice("check", "-c", tmp_path / "huge.yaml").stderr


def test_several_problems_at_once(tmp_path):
    done = check(tmp_path, """
        server:
          lisen: a
          timeouts: { head: 10 }
        upstream: { retries: x }
        endpoints:
          - name: bad name
            endpoint_type: nope
            model: { provider: nope }
          - name: chat
            endpoint_type: llm/v1/chat
            model: { provider: openai, config: { openai_api_key: $UNSET, openai_api_bas: x } }
    """)
    places = [line.split("c.yaml:")[1].split(": ")[0] for line in done.stderr.splitlines() if ":" in line.split("c.yaml")[1][:1]]
    for place in ("2:3", "3:21", "4:22", "6:11", "7:20", "8:24", "11:58", "11:66"):
        assert place in places, done.stderr
    assert "7 errors, 1 warning" in done.stderr


def test_a_file_that_is_wrong_throughout_does_not_drown_the_reader(tmp_path):
    done = check(tmp_path, "endpoints:\n" + "  - {}\n" * 10000)
    assert len(done.stderr.splitlines()) < 210 and "and 29800 more" in done.stderr


CANARY = "Xq7canary9Zt5w2"
LEAKS = {
    "wrong type, list": entry(model=f"{{ provider: openai, config: {{ openai_api_key: [{CANARY}] }} }}"),
    "wrong type, map": entry(model=f"{{ provider: openai, config: {{ openai_api_key: {{ {CANARY}: a }} }} }}"),
    "misspelt key": entry(model=f"{{ provider: openai, config: {{ openai_api_kye: {CANARY} }} }}"),
    "no blank behind the colon": entry(model=f"{{ provider: openai, config: {{ openai_api_key:{CANARY} }} }}"),
    "no blank, block": f"endpoints:\n  - name: a\n    endpoint_type: llm/v1/chat\n    model:\n      provider: openai\n      config:\n        openai_api_key:{CANARY}\n",
    "no blank, then a colon": f"endpoints:\n  - name: a\n    model:\n      provider: openai\n      config:\n        openai_api_key={CANARY}: x\n",
    "config is the key": entry(model=f"{{ provider: openai, config: {CANARY} }}"),
    "model is the key": entry(model=CANARY),
    "an entry is the key": f"endpoints: [ {CANARY} ]\n",
    "bad YAML behind it": f"endpoints:\n  - name: a\n    openai_api_key: {CANARY}: b\n",
    "bad YAML, quote": f"endpoints:\n  - openai_api_key: \"{CANARY}\n",
    "bad YAML, escape": f"endpoints:\n  - openai_api_key: \"{CANARY}\\q\"\n",
    "as an alias": entry(model=f"{{ provider: openai, config: {{ openai_api_key: *{CANARY} }} }}"),
    "as a tag": entry(model=f"{{ provider: openai, config: {{ openai_api_key: !{CANARY} a }} }}"),
    "also as the base": entry(model=f"{{ provider: openai, config: {{ openai_api_key: {CANARY}, openai_api_base: {CANARY} }} }}"),
    "also as the type": entry(model=f"{{ provider: openai, config: {{ openai_api_key: {CANARY}, openai_api_type: {CANARY} }} }}"),
    "also as the name": entry(name=f"'{CANARY} {CANARY}'", model=f"{{ provider: openai, config: {{ openai_api_key: {CANARY} }} }}"),
    "an OpenAI key as the type": entry(model="{ provider: openai, config: { openai_api_key: k, openai_api_type: sk-Xq7canary9Zt5w2 } }"),
    "an OpenAI key as the provider": entry(model="{ provider: sk-Xq7canary9Zt5w2, config: {} }"),
    "admin key of a wrong type": f"auth: {{ admin_key: [{CANARY}] }}\n" + FINE,
    "admin key in the wrong section": f"server: {{ admin_key: {CANARY} }}\n" + FINE,
    "proxy with a password": f"upstream: {{ proxy: 'https://user:{CANARY}@host' }}\n" + FINE,
    "proxy with a password, malformed": f"upstream: {{ proxy: 'http://user:{CANARY}@ho st' }}\n" + FINE,
    "key twice": entry(model=f"{{ provider: openai, config: {{ openai_api_key: {CANARY}, openai_api_key: {CANARY} }} }}"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_no_message_has_a_secret(tmp_path, name):
    done = check(tmp_path, LEAKS[name])
    assert done.returncode == 1, "each of them is a mistake"
    assert "canary" not in done.stderr + done.stdout, done.stderr


def test_a_short_word_is_no_slip_of_another(tmp_path):
    assert 'unknown section "foo" is ignored\n' in check(tmp_path, "foo: {}\n" + FINE).stderr
    assert 'unknown section "authorities" is ignored: did you mean "auth"?' in check(tmp_path, "authorities: {}\n" + FINE).stderr


@pytest.mark.parametrize("key,place", [("console", "server.console"), ("oidc", "auth.oidc"), ("tracing", "otel")])
def test_a_setting_at_the_top_is_told_its_place(tmp_path, key, place):
    assert f'unknown section "{key}" is ignored: did you mean "{place}"?' in check(tmp_path, f"{key}: {{}}\n" + FINE).stderr


def test_a_misspelt_section_does_not_start_open(tmp_path):
    done = check(tmp_path, "atuh: { admin_key: $KEY }\n" + FINE)
    assert done.returncode == 1 and ':1:1: error: unknown section "atuh": did you mean "auth"?' in done.stderr


def test_unknown_keys_of_mlflow_are_warnings(tmp_path):
    text = entry(extra="1", model="{ provider: openai, config: { openai_api_key: k, more: 1 }, other: 2 }") + "unknown_section: {}\n"
    done = check(tmp_path, text)
    assert done.returncode == 0 and "0 errors" not in done.stderr and done.stdout.endswith("1 route, 4 warnings: ok\n"), done.stdout + done.stderr
    assert check(tmp_path, text, "--strict").returncode == 1
    assert check(tmp_path, FINE, "--strict").returncode == 0


def test_mlflows_spellings(tmp_path, sluice):
    path = tmp_path / "key"
    path.write_text("sk-in-a-file\n")
    daemon = sluice(raw=textwrap.dedent(f"""
        x-config: &config
          openai_api_key: {path}
        routes:
          - name: a
            route_type: llm/v1/completions
            model: {{ provider: OpenAI, name: m, config: *config }}
          - &chat
            name: b.c_d-E
            endpoint_type: llm/v1/chat
            route_type: ignored-since-the-new-one-is-there
            model: {{ provider: OPENAI, name: m, config: {{ <<: *config, openai_organization: o }} }}
            limit: {{ calls: 5, renewal_period: 2 Hours }}
          - <<: *chat
            name: e
    """))
    listed = daemon.call("GET", "/api/2.0/endpoints/").json()["endpoints"]
    assert [(e["name"], e["endpoint_type"], e["model"]["provider"]) for e in listed] == [
        ("a", "llm/v1/completions", "openai"), ("b.c_d-E", "llm/v1/chat", "openai"), ("e", "llm/v1/chat", "openai")]


def test_both_lists_the_newer_wins(tmp_path):
    done = check(tmp_path, FINE + "routes:" + CHAT + CHAT.replace("chat", "other", 1))
    assert done.returncode == 0 and "1 route" in done.stdout and "routes: is ignored: there is `endpoints:`" in done.stderr


def test_a_secret_key_that_is_none(tmp_path):
    done = check(tmp_path, FINE, env={**ENV, "SLUICE_SECRET_KEY": "abc"})
    assert done.returncode == 1 and "c.yaml: error: SLUICE_SECRET_KEY: " in done.stderr, done.stderr
    assert check(tmp_path, FINE, env={**ENV, "SLUICE_SECRET_KEY": "ab" * 32}).returncode == 0


@pytest.mark.parametrize("days", [-2, 5])
def test_a_certificate_that_has_expired(tmp_path, days):
    ca = Authority(tmp_path / "ca")
    ca.pem("end", days=days)
    text = f"server: {{ tls: {{ cert: {ca.dir}/end.pem, key: {ca.dir}/end.pem }} }}\n{FINE}"
    done = check(tmp_path, text)
    assert done.returncode == 0 and (f"c.yaml: warning: the certificate in {ca.dir}/end.pem has expired" in done.stderr) == (days < 0), done.stderr
    assert check(tmp_path, text, "--strict").returncode == (1 if days < 0 else 0)


def test_check_binds_and_writes_nothing(tmp_path):
    log = tmp_path / "access.log"
    text = f"log: {{ access: {log} }}\nserver: {{ listen: 127.0.0.1:1 }}\n" + FINE
    assert check(tmp_path, text).returncode == 0 and not log.exists()
    done = check(tmp_path, text.replace(str(log), "/nowhere/access.log"))
    assert done.returncode == 1 and "log.access: cannot make /nowhere/access.log" in done.stderr


def test_the_time_of_mlflows_environment(tmp_path):
    env = {**ENV, "MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS": "soon"}
    done = check(tmp_path, FINE, env=env)
    assert done.returncode == 1 and "MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS: error: must be a number of seconds from 1 to 604800" in done.stderr
    assert check(tmp_path, FINE, env={**env, "MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS": "30"}).returncode == 0


# --- MLflow's command ---


@pytest.mark.parametrize("text, message", [
    (None, "does not exist"),
    ("\t", "is not a valid yaml file"),
    ("endpoints:\n  - name: a\n    endpoint_type: llm/v1/chat\n    model:\n      provider: openai\n", "The gateway configuration is invalid"),
    ("endpoints:\n  - endpoint_type: llm/v1/chat\n", "Invalid gateway configuration"),
])
def test_mlflows_command_ends_with_2(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    if text is not None:
        path.write_text(text)
    done = sluice("mlflow", "start", "--config-path", path)
    assert done.returncode == 2 and message in done.stderr and "Invalid value for '--config-path'" in done.stderr
    assert sluice("serve", "-c", path).returncode == 1


def test_mlflows_command_and_its_options(tmp_path):
    for args in (["--help"], ["mlflow", "start", "--help"], ["serve", "-h"], ["help"], ["check", "--help"]):
        done = sluice(*args)
        assert done.returncode == 0 and "usage:" in done.stdout
    for args, text in [
        (["mlflow", "start"], "missing option '--config-path'"),
        (["mlflow", "start", "--config-path"], "--config-path needs a value"),
        (["mlflow", "start", "--config-path", "x", "--port", "0"], "--port must be a number from 1 to 65535"),
        (["mlflow", "start", "--config-path", "x", "--workers", "0"], "--workers must be auto or a number from 1 to 256"),
        (["mlflow", "stop"], "did you mean 'mlflow start'?"),
        (["serve", "--confg", "x"], "there is no option '--confg'"),
        (["srve"], "did you mean 'serve'"),
    ]:
        done = sluice(*args)
        assert done.returncode == 2 and text in done.stderr, done.stderr


def test_the_environment_names_the_file(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(FINE)
    bad.write_text("nonsense")
    env = {**ENV, "SLUICE_CONFIG": str(good), "MLFLOW_GATEWAY_CONFIG": str(bad)}
    assert sluice("check", env=env).returncode == 0
    assert sluice("check", env={**env, "SLUICE_CONFIG": ""}).returncode == 1
    assert sluice("check", "-c", bad, env=env).returncode == 1
    assert "embedded default" in sluice("check").stdout


def test_a_key_for_routes_that_are_not_there(tmp_path):
    """The routes may be made by calls later: a warning, and --strict exits with 1."""
    keys = "auth: {{ keys: [{{ name: ci, routes: [{}], key: {{ sha256: '" + "0123456789abcdef" * 4 + "' }} }}] }}\n"
    done = check(tmp_path, keys.format("chta") + FINE)
    assert done.returncode == 0 and "c.yaml:1: warning: auth.keys: the key 'ci' may use no route of this file: \"chta\" is not there" in done.stderr
    assert check(tmp_path, keys.format("chta") + FINE, "--strict").returncode == 1
    for fine in ("chat", "chta, chat", ""):
        assert check(tmp_path, keys.format(fine) + FINE, "--strict").returncode == 0, fine
    done = check(tmp_path, entry(model="{ provider: anthropic, config: { anthropic_api_key: k } }").replace("llm/v1/chat", "llm/v1/embeddings"), "--strict")
    assert done.returncode == 1 and "can never answer" in done.stderr


# text of the file, where, what the warning says
LOOKS = {
    "an issuer without TLS": ("auth: { oidc: { issuer: 'http://login.example', client_id: a, roles: { b: query } } }\n" + FINE, "1:25", "auth.oidc.issuer: is not encrypted: "),
    "a login without a console": ("server: { console: false }\nauth: { oidc: { issuer: 'https://login.example', client_id: a, roles: { b: query } } }\n" + FINE, "2:15", "auth.oidc: nobody can log in: a login leads to the console, and server.console is false"),
    "a model without a name": (entry(model="{ provider: openai, name: '', config: { openai_api_key: k } }"), "4:38", "endpoints[0].model.name: is empty: the provider is asked for no model"),
    "a key in quotes": (entry(model="""{ provider: openai, name: m, config: { openai_api_key: '"sk-abcdef"' } }"""), "4:67", "the secret stands in quotes"),
    "an operator's key with a blank": ("auth: { keys: [ { name: a, key: ' a-key-of-some-length-0123456789' } ] }\n" + FINE, "1:33", "the secret begins with a blank"),
    "a secret with a blank": (entry(model="{ provider: bedrock, name: amazon.nova-lite-v1:0, config: { aws_config: { aws_region: a, aws_access_key_id: b, aws_secret_access_key: 'c ' } } }"), "4:146", "the secret ends with a blank"),
    "a key file that is not there": (entry(model="{ provider: openai, name: m, config: { openai_api_key: keys/openai.key } }"), "4:67", "it looks like a key file's path, but there is no such file here"),
    "a key file in a folder that is": (entry(model="{ provider: openai, name: m, config: { openai_api_key: folder/openai } }"), "4:67", "it looks like a key file's path, but there is no such file here"),
    "a key file beside the file": (entry(model="{ provider: openai, name: m, config: { openai_api_key: openai.key } }"), "4:67", "{ file: PATH } says that it is a file, beside this one"),
    "responses of embeddings": (entry(endpoint_type="llm/v1/embeddings", model="{ provider: openai, name: text-embedding-3-small, config: { openai_api_key: k, openai_api: responses } }"), "4:12", "openai_api: responses says how chats and completions go up: a route of llm/v1/embeddings does not use it"),
    "a bearer and keys": (entry(model="{ provider: bedrock, name: amazon.nova-lite-v1:0, config: { aws_config: { aws_region: a, aws_access_key_id: b, aws_secret_access_key: c, aws_bearer_token: d } } }"), "4:84", "aws_bearer_token is what is sent: the access keys beside it are not used"),
    "a bearer and a role": (entry(model="{ provider: bedrock, name: amazon.nova-lite-v1:0, config: { aws_config: { aws_region: a, aws_role_arn: r, aws_bearer_token: d } } }"), "4:84", "the role beside it is not used"),
    "vllm without /v1": (entry(model="{ provider: vllm, name: m, config: { api_base: 'http://a:8000' } }"), "4:59", 'api_base has no path: most such servers answer under "/v1" only'),
    "another server without /v1": (entry(model="{ provider: openai-compatible, name: m, config: { api_base: 'http://a:8000/' } }"), "4:72", 'api_base has no path: most such servers answer under "/v1" only'),
    "every page and no key": ("server: { cors: ['*'] }\n" + FINE, "1:17", "server.cors: every web page may call, and no key is asked for"),
    "no folder for uploads": ("server: { spool: /nowhere/spool }\n" + FINE, "1:18", "server.spool: no file can be made there, so large uploads are refused: /nowhere/spool: No such file or directory"),
    "a file for uploads": ("server: { spool: /dev/null }\n" + FINE, "1:18", "/dev/null: Not a directory; it must be a folder that the gateway may write to"),
    "two keys of one name": ("auth: { keys: [ { name: a, key: a-key-of-some-length-0123 }, { name: a, key: b-key-of-some-length-0123 } ] }\n" + FINE, "1:62", 'another key is called "a" too (line 1)'),
    "a key that is over": ("auth: { keys: [ { name: a, key: a-key-of-some-length-0123, expires_at: '2020-01-01T00:00:00Z' } ] }\n" + FINE, "1", "auth.keys: the key 'a' is refused: it expired at 2020-01-01T00:00:00Z"),
}


@pytest.mark.parametrize("name", LOOKS)
def test_what_is_hardly_meant_is_told(tmp_path, name):
    text, place, message = LOOKS[name]
    (tmp_path / "folder").mkdir()
    (tmp_path / "c.yaml").write_text(text)
    done = sluice("check", "-c", "c.yaml", cwd=tmp_path)
    lines = [line for line in done.stderr.splitlines() if line.startswith(f"c.yaml:{place}: warning: ") and message in line]
    assert done.returncode == 0 and len(lines) == 1 and done.stdout.endswith(", 1 warning: ok\n"), done.stdout + done.stderr
    assert "key-of-some-length" not in done.stderr and "sk-abcdef" not in done.stderr


@pytest.mark.parametrize("key", ["sk-proj-abc_DEF-012", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "abc/def", "eyJhbGciOi.eyJzdWIi.c2ln", "a'b", '"'])
def test_a_key_that_is_one_is_not_told(tmp_path, key):
    (tmp_path / "c.yaml").write_text(entry(model="{ provider: openai, name: m, config: { openai_api_key: " + json.dumps(key) + " } }"))
    assert sluice("check", "--strict", "-c", "c.yaml", cwd=tmp_path).returncode == 0


def test_retired_services_load_with_a_warning(tmp_path):
    for provider, model in (("palm", "text-bison"), ("PaLM", "chat-bison"), ("mosaicml", "Llama2-70B-chat"), ("mosaicml", "LLAMA2")):
        done = check(tmp_path, entry(model=f"{{ provider: {provider}, name: {model}, config: {{ {provider.lower()}_api_key: k }} }}"))
        assert done.returncode == 0 and "is retired: every call of this route is refused" in done.stderr
    text = entry(endpoint_type="llm/v1/completions", model="{ provider: mosaicml, name: mpt-7b, config: { mosaicml_api_key: k, mosaicml_api_base: 'https://a/b' } }")
    assert check(tmp_path, text).returncode == 0


@pytest.mark.parametrize("policy, is_allowed", [("", True), ("openai", True), (" Anthropic , OPENAI ", True), ("anthropic", False), ("open", False), (" , ", False)])
def test_the_operator_names_the_providers(tmp_path, policy, is_allowed):
    done = check(tmp_path, FINE, env={**ENV, "MLFLOW_GATEWAY_ALLOWED_PROVIDERS": policy})
    assert done.returncode == (0 if is_allowed else 1)
    assert is_allowed or "c.yaml:5:17: error: endpoints[0].model.provider: Provider 'openai' is not allowed by the current gateway provider policy." in done.stderr

# SPDX-License-Identifier: Apache-2.0
"""A scripted identity provider (OpenID Connect), which lies where a test wants it, and the browser that goes there."""
import base64
import hashlib
import hmac
import json
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

CLIENT, SECRET = "sluice-console", "the secret/of the+client"


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


def number(n, size):
    return b64(n.to_bytes(size, "big"))


class Key:
    """A private key and its public part as the provider shows it."""

    def __init__(self, kid, kind="RSA"):
        self.kid, self.kind = kid, kind
        self.private = rsa.generate_private_key(65537, 2048) if kind == "RSA" else ec.generate_private_key({"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}[kind])

    def public(self, **more):
        n = self.private.public_key().public_numbers()
        if self.kind == "RSA":
            out = {"kty": "RSA", "n": number(n.n, 256), "e": number(n.e, 3)}
        else:
            size = (self.private.curve.key_size + 7) // 8
            out = {"kty": "EC", "crv": self.kind, "x": number(n.x, size), "y": number(n.y, size)}
        return {"kid": self.kid, "use": "sig", **out, **more}

    def pem(self):
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sign(self, alg, data):
        digest = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[alg[2:]]()
        if alg[:2] == "RS":
            return self.private.sign(data, padding.PKCS1v15(), digest)
        if alg[:2] == "PS":
            return self.private.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        size = (self.private.curve.key_size + 7) // 8
        return b"".join(n.to_bytes(size, "big") for n in utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(digest))))


def token(claims, key=None, alg="RS256", secret=None, **head):
    """A signed token. `secret`: for the algorithms whose key is one."""
    head = {"alg": alg, "typ": "JWT", **({"kid": key.kid} if key else {}), **head}
    text = f"{b64(json.dumps({k: v for k, v in head.items() if v is not None}))}.{b64(claims if isinstance(claims, (str, bytes)) else json.dumps(claims))}"
    if secret is not None:
        signature = hmac.new(secret, text.encode(), "sha" + alg[2:]).digest()
    else:
        signature = key.sign(alg, text.encode()) if alg != "none" else b""
    return f"{text}.{b64(signature)}"


class Issuer:
    """`answers` replaces the answer of a path: a function of the exchange. `make` makes the token from the claims."""

    def __init__(self, upstream, path=""):
        self.path = path
        self.up = upstream(self.handle)
        self.url = f"http://127.0.0.1:{self.up.port}{path}"
        self.key = Key("one")
        self.keys = [self.key.public()]
        self.meta = {"issuer": self.url, "authorization_endpoint": self.url + "/authorize?tenant=a", "token_endpoint": self.url + "/token", "jwks_uri": self.url + "/keys"}
        self.answers, self.make, self.codes, self.lock, self.n = {}, None, {}, threading.Lock(), 0
        self.has_secret = True

    def asked(self, path):
        return sum(x.path == self.path + path for x in self.up.requests)

    def claims(self, asked, **more):
        now = int(time.time())
        mine = {"iss": self.url, "aud": CLIENT, "sub": "248289761001", "exp": now + 300, "iat": now, "nonce": asked["nonce"], "preferred_username": "ann", "roles": ["staff", "ai-viewers"], **more}
        return {k: v for k, v in mine.items() if v is not None}

    def grant(self, location, **claims):
        """What the provider does when the person agrees: a code for the browser."""
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
        with self.lock:
            self.n += 1
            code = f"code {self.n}/+&"
            self.codes[code] = (asked, claims)
        return code, asked

    def handle(self, x):
        path = x.path[len(self.path):]
        if path in self.answers:
            self.answers[path](x)
        elif path == "/.well-known/openid-configuration":
            x.reply(self.meta)
        elif path == "/keys":
            x.reply({"keys": self.keys})
        elif path == "/token":
            self.give(x)
        else:
            x.reply({}, status="404 Not Found")

    def give(self, x):
        form = dict(urllib.parse.parse_qsl(x.body.decode(), keep_blank_values=True))
        asked, claims = self.codes.get(form.get("code"), (None, None))
        given = x.get("authorization")
        if given:
            user, _, password = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
            client = (urllib.parse.unquote_plus(user), urllib.parse.unquote_plus(password))
        else:
            client = (form.get("client_id"), form.get("client_secret"))
        if client != (CLIENT, SECRET if self.has_secret else None):
            x.reply({"error": "invalid_client"}, status="401 Unauthorized")
        elif not asked or x.method != "POST" or form["grant_type"] != "authorization_code" or form["redirect_uri"] != asked["redirect_uri"] or b64(hashlib.sha256(form["code_verifier"].encode()).digest()) != asked["code_challenge"]:
            x.reply({"error": "invalid_grant", "error_description": "no"}, status="400 Bad Request")
        else:
            mine = self.claims(asked, **claims)
            x.reply({"access_token": "not looked at", "token_type": "Bearer", "id_token": self.make(mine) if self.make else token(mine, self.key)})


class Browser:
    """Keeps the two cookies, as a browser would."""

    def __init__(self, daemon, headers=()):
        self.daemon, self.cookies, self.csrf, self.headers = daemon, {}, None, list(headers)

    def ask(self, method, path, body=None, headers=(), conn=None):
        own = [("Cookie", "; ".join(f"{k}={v}" for k, v in self.cookies.items()))] if self.cookies else []
        own += [("x-sluice-csrf", self.csrf)] if self.csrf else []
        own += self.headers + list(headers)
        r = conn.request(method, path, body, own).reply(method) if conn else self.daemon.call(method, path, body, own)
        for k, v in r.headers:
            if k.lower() == "set-cookie":
                name, _, value = v.split(";")[0].partition("=")
                self.cookies[name] = value
                if not value:
                    del self.cookies[name]
        return r

    def begin(self):
        r = self.ask("GET", "/console/login")
        assert r.status == 303, r.body
        return r.get("location")

    def back(self, code, state, **more):
        return self.ask("GET", "/console/callback?" + urllib.parse.urlencode({"code": code, "state": state, **more}))

    def login(self, issuer, **claims):
        code, asked = issuer.grant(self.begin(), **claims)
        r = self.back(code, asked["state"])
        if r.status == 303:
            self.csrf = self.ask("GET", "/api/sluice/v1/session").json()["csrf"]
        return r

    def who(self):
        return self.ask("GET", "/api/sluice/v1/session").json()["session"]

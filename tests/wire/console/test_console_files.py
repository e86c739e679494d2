# SPDX-License-Identifier: Apache-2.0
"""/console as files: what is served, how a browser may keep it, and what is in it."""
import gzip
import hashlib
import pathlib
import re
import signal

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3] / "console"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
GUARDS = {"content-security-policy": POLICY, "x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer",
          "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin", "vary": "accept-encoding"}
ALL_RAW, ALL_WIRE, CSS = 150_000, 50_000, 8_000
OWN = sorted(p for p in ROOT.rglob("*") if p.suffix in (".js", ".css", ".html") and "vendor" not in p.parts)


@pytest.fixture(scope="module")
def gateway(sluice_module):
    return sluice_module()


def files_of(gateway):
    """The path of every file that the page leads to: its own links, and what these import."""
    page = gateway.call("GET", "/console").body.decode()
    folder = re.search(r'"(console/[0-9a-f]+)/', page)[1]
    found = {f"/{folder}/{name}" for name in (p.relative_to(ROOT).as_posix() for p in OWN if p.suffix != ".html")}
    return sorted(found | {f"/{path}" for path in re.findall(r'"(console/[^"]+)"', page)} | {f"/{folder}/vendor/htm-preact.js"})


def test_the_page(gateway):
    r = gateway.call("GET", "/console")
    assert (r.status, r.get("content-type"), r.get("cache-control"), r.get("content-encoding")) == (200, "text/html; charset=utf-8", "no-cache", None)
    assert {name: r.get(name) for name in GUARDS} == GUARDS
    assert not re.search(rb"<script(?![^>]*src=)|<style|style=|onclick=|@/", r.body), "inline, or not replaced"
    assert {name: gateway.call("HEAD", "/console").get(name) for name in GUARDS} == GUARDS
    assert gateway.call("HEAD", "/console").get("content-length") == str(len(r.body)) and gateway.call("HEAD", "/console").body == b""
    slash = gateway.call("GET", "/console/")
    assert (slash.status, slash.get("location")) == (307, "../console")
    assert gateway.call("POST", "/console").status == 405


def test_every_file_is_kept_for_ever(gateway):
    paths = files_of(gateway)
    assert len(paths) > 10
    for path in paths:
        r = gateway.call("GET", path)
        assert r.status == 200, path
        assert r.get("cache-control") == "public, max-age=31536000, immutable" and {name: r.get(name) for name in GUARDS} == GUARDS
        assert r.get("content-type") == {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}[pathlib.Path(path).suffix]
        source = (ROOT / path.split("/", 3)[3]).read_bytes()
        if "/vendor/" in path:
            assert r.body == source, path
        else:  # without comments and indentation
            assert r.body.split(b"\n")[:-1] == [line for line in map(bytes.strip, source.split(b"\n")) if line and not line.startswith(b"//")], path
        zipped = gateway.call("GET", path, headers=[("Accept-Encoding", "br, gzip")])
        assert zipped.get("content-encoding") == "gzip" and gzip.decompress(zipped.body) == r.body
        assert zipped.get("etag") != r.get("etag") and zipped.body[4:8] == b"\0\0\0\0", "the time of the build is in it"


@pytest.mark.parametrize("accept, is_zipped", [("gzip", True), ("deflate, GZIP;q=0.5", True), ("gzip;q=0", False), ("gzip; q=0.000", False), ("identity", False), ("br", False), ("*;q=0.1", False), ("x-gzip", False), ("", False)])
def test_codings(gateway, accept, is_zipped):
    r = gateway.call("GET", "/console", headers=[("Accept-Encoding", accept)])
    assert r.status == 200 and (r.get("content-encoding") == "gzip") == is_zipped


def test_if_none_match(gateway):
    for path in ("/console", files_of(gateway)[0]):
        for coding in ("identity", "gzip"):
            first = gateway.call("GET", path, headers=[("Accept-Encoding", coding)])
            tag = first.get("etag")
            for said, status in ((tag, 304), (f"W/{tag}", 304), (f'"other", {tag}', 304), ("*", 304), ('"other"', 200), (tag.strip('"'), 200)):
                for method in ("GET", "HEAD"):
                    r = gateway.call(method, path, headers=[("Accept-Encoding", coding), ("If-None-Match", said)])
                    assert (r.status, r.get("etag")) == (status, tag), (path, said)
                    assert status == 200 or (r.body == b"" and r.get("content-length") in (None, "0") and not r.get("content-encoding"))


@pytest.mark.parametrize("path", ["/console/0123456789abcdef0123/app.js", "{}/nothing.js", "{}/", "{}/../app.js", "{}/%61pp.js", "{}/pages", "{}/index.html", "/console/app.js"])
def test_what_is_not_there(gateway, path):
    folder = files_of(gateway)[0].rsplit("/", 1)[0] if "{}" in path else ""
    folder = re.match(r"/console/[0-9a-f]+", folder)[0] if folder else ""
    assert gateway.call("GET", path.replace("{}", folder)).status == 404


def test_off_and_on_again(sluice):
    daemon = sluice({"endpoints": [], "server": {"console": False}})
    r = daemon.call("GET", "/console")
    assert r.status == 404 and b"server.console" in r.body
    assert daemon.call("GET", "/console/x/app.js").status == 404 and daemon.call("GET", "/console/").status == 404
    assert b'href="console"' not in daemon.call("GET", "/docs").body
    path = daemon.dir / "sluice.yaml"
    path.write_text(path.read_text().replace("console: false", "console: true"))
    daemon.proc.send_signal(signal.SIGHUP)
    from harness import wait_for
    wait_for(lambda: daemon.call("GET", "/console").status == 200, "the console after a reload")
    assert b'href="console"' in daemon.call("GET", "/docs").body


def test_below_a_path(sluice):
    daemon = sluice({"endpoints": [], "server": {"public_url": "https://ai.example/gate"}})
    page = daemon.call("GET", "/gate/console")
    assert page.status == 200 and b'src="console/' in page.body, "links go from where the page is"
    assert daemon.call("GET", "/gate" + files_of(daemon)[0]).status == 200


def test_sizes(gateway):
    raw = wire = 0
    for path in ["/console", *files_of(gateway)]:
        raw += len(gateway.call("GET", path).body)
        wire += len(gateway.call("GET", path, headers=[("Accept-Encoding", "gzip")]).body)
    print(f"raw {raw}, on the wire {wire}")
    assert raw <= ALL_RAW and wire <= ALL_WIRE, (raw, wire)
    assert (ROOT / "console.css").stat().st_size <= CSS


def test_files_of_others_are_as_the_table_says():
    rows = re.findall(r"^\| `([^`]+)` \| (\S+) \| (\d[\w.]*) \| `[^`]+` \| `([0-9a-f]{64})` \| (.+) \|$", (ROOT / "vendor/README.md").read_text(), re.M)
    there = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (ROOT / "vendor").iterdir() if p.suffix != ".md"}
    assert {row[0]: row[3] for row in rows} == there
    assert all("Apache-2.0" in row[4] or "MIT" in row[4] for row in rows)


def test_every_file_is_listed_for_the_build():
    listed = set(re.findall(r"'([^']+\.(?:js|css|html))'", (ROOT / "meson.build").read_text()))
    assert listed == {p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*") if p.suffix in (".js", ".css", ".html")}


def test_nothing_is_set_as_html_and_nothing_comes_from_elsewhere():
    for path in OWN:
        text = path.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser|createContextualFragment", text), path
        assert not re.search(r"""["'`](https?:)?//[a-z]""", text), f"{path} names another host"
        assert path.suffix != ".css" or "url(" not in text and "@import" not in text


def test_texts_are_in_one_file():
    """Each text that a page names is there, and each that is there is named."""
    words = (ROOT / "words.js").read_text().split("export const t = {")[1]
    depth, keys, at = 0, set(), words
    for m in re.finditer(r"'(?:[^'\\]|\\.)*'|`[^`]*`|\{|\}|([A-Za-z]\w*):|//[^\n]*", at):
        if m[0] in "{}":
            depth += 1 if m[0] == "{" else -1
        elif m[1] and depth == 0:
            keys.add(m[1])
    used = set()
    for path in OWN:
        if path.suffix == ".js" and path.name != "words.js":
            used |= set(re.findall(r"(?<![\w.])t\.([A-Za-z]\w*)", path.read_text()))
    by_name = {p.stem for p in (ROOT / "pages").glob("*.js")} | {"minute", "hour", "day", "route", "target", "provider", "model", "group", "key", "principal"}
    assert used <= keys, f"words.js lacks {used - keys}"
    assert keys - used <= by_name, f"nobody says {keys - used - by_name}"

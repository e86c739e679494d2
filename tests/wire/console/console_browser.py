# SPDX-License-Identifier: Apache-2.0
"""A browser for tests: each method is an operation of browser.mjs, by name. Locators are Playwright's."""
import json
import pathlib
import select
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
DEADLINE = 60


class Browser:
    def __init__(self):
        self.node = subprocess.Popen(["node", str(HERE / "browser.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)

    def do(self, op, args=None):
        self.node.stdin.write(json.dumps({"op": op, "args": args}) + "\n")
        self.node.stdin.flush()
        assert select.select([self.node.stdout], [], [], DEADLINE)[0], f"{op} {args}: no answer"
        line = self.node.stdout.readline()
        assert line, f"{op}: the browser has gone"
        answer = json.loads(line)
        assert "error" not in answer, f"{op} {args}: {answer['error']}"
        return answer["value"]

    def __getattr__(self, op):
        return lambda *value, **named: self.do(op, value[0] if value else named or None)

    def close(self):
        self.node.stdin.close()
        self.node.wait(30)


class Console:
    """The console of one daemon in a fresh browser."""

    def __init__(self, browser, daemon, **context):
        self.browser, self.daemon, self.base = browser, daemon, daemon.url + "/console"
        browser.fresh(**context)

    def __getattr__(self, op):
        return getattr(self.browser, op)

    def go(self, where="", title=None):
        """Opens a page as a link does, and waits until its heading is there and nothing loads."""
        self.browser.open(self.base + (f"#/{where}" if where else ""))
        self.settled(title)

    def settled(self, title=None):
        at = f'h1:has-text("{title}")' if title else "h1"
        self.browser.seen(at)
        self.browser.until("!document.querySelector('[role=status].note')?.textContent.match(/^(Loading|The gateway has not)/)")

    def clean(self, but=(), also=()):
        """Nothing was wrong: no message of the browser, no request elsewhere (but to `also`), no breach of the policy."""
        told = self.browser.told()
        assert [m for m in told["console"] if not any(b in m for b in but)] == []
        assert [r for r in told["requests"] if not r.split(" ", 1)[1].startswith((self.daemon.url + "/", *also))] == []
        assert told["violations"] == []

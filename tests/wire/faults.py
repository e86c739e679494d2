# SPDX-License-Identifier: Apache-2.0
"""Targets that fail in every known way, calls that each have a name, and many clients that count the results of their
calls. A `Target` is a scripted upstream with an act; it notes each request with its time. An act answers one exchange;
`by_turns` makes one act of several. `Crowd` calls a route from many connections and notes what each call got and when
its first byte came; `judge` compares both."""
import collections
import fcntl
import json
import re
import select
import struct
import termios
import threading
import time

from harness import CHAT, Conn
from upstream import Upstream


def chunk_of(text, finish=None):
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}]}


def reply_of(text):
    message = {"role": "assistant", "content": text}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}


def words_of(ex):
    """The text that a target answers to a call: it names both."""
    return f"<{ex.target.name}:{ex.call}>"


# --- acts ---


def answer(ex):
    """A healthy provider: its text in three pieces, or whole."""
    words = words_of(ex)
    if ex.json().get("stream"):
        third = len(words) // 3
        ex.stream_head()
        for piece in (words[:third], words[third:-third], words[-third:]):
            ex.event(chunk_of(piece))
        ex.event(chunk_of(None, "stop"))
        ex.event("[DONE]")
        ex.last_chunk()
    else:
        ex.reply(reply_of(words))


def error(status, message="no", kind="server_error", code=None, headers=()):
    return lambda ex: ex.reply({"error": {"message": message, "type": kind, "code": code}}, status, headers=headers)


def has_left(ex, seconds):
    """Waits this long; true as soon as the peer has closed."""
    poll = select.poll()
    poll.register(ex.conn, select.POLLIN | select.POLLRDHUP)
    return bool(poll.poll(seconds * 1000))


def after(seconds, act=answer):
    def slow(ex):
        if not has_left(ex, seconds):
            act(ex)

    return slow


def never(ex):
    ex.hold()


def hang_up(ex):
    ex.close()


def reset(ex):
    ex.reset()


def raw_of(ex, act):
    """The bytes that the act would send."""
    kept, sent = ex.send, []
    ex.send = lambda data: sent.append(data if isinstance(data, bytes) else data.encode())
    try:
        act(ex)
    finally:
        ex.send = kept
    return b"".join(sent)


def cut_at(n, act=answer, how="reset"):
    """The first n bytes of a good answer, then the connection ends."""

    def act_(ex):
        ex.send(raw_of(ex, act)[:n])
        if how == "reset":
            drained(ex)
        getattr(ex, how)()

    return act_


def drained(ex):
    """A reset destroys bytes that the peer has not read yet, so the peer may read first."""
    end = time.monotonic() + 1
    while struct.unpack("i", fcntl.ioctl(ex.conn, termios.TIOCOUTQ, b"\0\0\0\0"))[0] and time.monotonic() < end:
        time.sleep(0.0005)


def dribble(every, act=answer):
    """One byte at a time."""

    def act_(ex):
        for byte in raw_of(ex, act):
            ex.send(bytes([byte]))
            if has_left(ex, every):
                return

    return act_


def by_turns(*acts):
    def act(ex):
        acts[ex.target.n_asked % len(acts)](ex)

    return act


def first_event_is_an_error(ex):
    ex.stream_head()
    ex.event({"error": {"message": "busy", "type": "overloaded_error"}})
    ex.last_chunk()


def head_alone(ex):
    ex.stream_head()
    ex.last_chunk()


PAGE = "<html><title>Hello</title></html>"
CUT = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"


def of_kind(whole, stream):
    return lambda ex: (stream if ex.json().get("stream") else whole)(ex)


def said(data, close=True):
    def act(ex):
        ex.send(data)
        if close:
            ex.close()

    return act


# What a target does, its cause (a word of `fallback.on`), and whether the same target may be asked again.
FAULTS = {
    "refused": ("connect", True, None),  # nobody listens
    "silent": ("timeout", False, never),
    "rate_limited": ("rate_limited", False, error("429 Too Many Requests", "slow down", "rate_limit_error")),
    "overloaded": ("overloaded", True, error("503 Service Unavailable", headers=[("Retry-After", "0")])),
    "overloaded529": ("overloaded", True, error("529 Overloaded", headers=[("Retry-After", "0")])),
    "server_error": ("server_error", False, error("500 Internal Server Error")),
    "bad_gateway": ("server_error", False, error("502 Bad Gateway")),
    "hang_up": ("bad_response", False, hang_up),
    "reset": ("bad_response", False, reset),
    "no_http": ("bad_response", False, said(b"SSH-2.0-OpenSSH_9.2p1\r\n")),
    "page": ("bad_response", False, lambda ex: ex.reply(PAGE, content_type="text/html")),
    "cut": ("bad_response", False, of_kind(said(CUT), head_alone)),
    "error_under_200": ("overloaded", False, of_kind(lambda ex: ex.reply({"error": {"message": "busy", "type": "overloaded_error"}}), first_event_is_an_error)),
    "auth": ("auth", False, error("401 Unauthorized", "Incorrect API key provided", "invalid_request_error", "invalid_api_key")),
    "billing": ("billing", False, error("429 Too Many Requests", "You exceeded your current quota", "insufficient_quota", "insufficient_quota")),
    "content_filter": ("content_filter", False, error("400 Bad Request", "filtered", "invalid_request_error", "content_filter")),
    "context_length": ("context_length", False, error("400 Bad Request", "This model's maximum context length is 8 tokens", "invalid_request_error", "context_length_exceeded")),
    "rejected": ("rejected", False, error("400 Bad Request", "no", "invalid_request_error")),
}
CAUSES_DEFAULT = ("connect", "timeout", "rate_limited", "overloaded", "server_error", "bad_response")


# --- targets ---

Asked = collections.namedtuple("Asked", "call target time")


class Target:
    """An upstream with an act, which may change during a test. `stop` and `again` take it from the network and bring it
    back."""

    def __init__(self, name, act=answer):
        self.name, self.act = name, act
        self.asked = []
        self.upstream = Upstream(self._answer, backlog=1024)
        self.base = self.upstream.base

    def _answer(self, ex):
        ex.target, ex.call = self, ex.json().get("user")
        self.asked.append(Asked(ex.call, self.name, time.monotonic()))
        try:
            self.act(ex)
        except OSError:  # the peer left first
            ex.close()

    @property
    def n_asked(self):
        return len(self.asked)

    def close(self):
        self.upstream.close()


def model_of(base, name="gpt-4o-mini"):
    return {"provider": "openai", "name": name, "config": {"openai_api_key": "sk-test-secret", "openai_api_base": base}}


def route_of(name, targets, **sluice):
    """An entry of the file: targets are (name, base, more)."""
    return {"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"targets": [{"name": n, "model": model_of(base), **more} for n, base, more in targets], **sluice}}


# --- clients ---

WORDS = re.compile(r"<([\w-]+):([\w-]+)>")


class Call:
    """One call and its result."""

    def __init__(self, name, stream):
        self.name, self.stream = name, stream
        self.status = self.error = self.target = self.text = self.first = self.end = None
        self.n_attempts, self.is_whole, self.body = 0, False, b""

    @property
    def is_answered(self):
        """True: it got the whole text of one target for this call."""
        return self.status == 200 and self.is_whole and self.text == f"<{self.target}:{self.name}>"


class Timed(Conn):
    """Knows when the first byte of a reply came."""

    first = None

    def fill(self):
        more = super().fill()
        self.first = self.first or time.monotonic()
        return more


def stream_text(body):
    """(text, whether it ended correctly)"""
    events = [line[6:] for line in body.decode().split("\n\n") if line.startswith("data: ")]
    text = ""
    for event in events:
        value = json.loads(event) if event != "[DONE]" else {}
        text += "".join(c["delta"].get("content") or "" for c in value.get("choices", ()))
    return text, bool(events) and events[-1] == "[DONE]" and b'"error"' not in body


def call_on(conn, route, name, stream=False, headers=()):
    call = Call(name, stream)
    conn.first = None
    conn.request("POST", "/v1/chat/completions", {**CHAT, "model": route, "user": name, "stream": stream}, headers)
    r = conn.reply()
    call.first, call.end = conn.first, time.monotonic()
    call.status, call.body, call.target, call.error = r.status, r.body, r.get("x-sluice-target"), r.get("x-sluice-error-type")
    call.n_attempts = int(r.get("x-sluice-attempts") or 0)
    call.retry_after = r.get("retry-after")
    if r.status == 200:
        if stream:
            call.text, call.is_whole = stream_text(r.body)
        else:
            call.text, call.is_whole = (r.json()["choices"][0]["message"]["content"], True) if r.complete else ("", False)
    return call, r.complete


class Crowd:
    """This many clients at a time; each keeps its connection. Every third call is a stream."""

    def __init__(self, sluice, route, clients=8):
        self.sluice, self.route, self.clients = sluice, route, clients
        self.calls, self.faults = [], []
        self.lock = threading.Lock()
        self.next = 0

    def _take(self, until):
        with self.lock:
            if not until(self.next):
                return None
            self.next += 1
            return self.next - 1

    def _work(self, until):
        conn = Timed(self.sluice.port)
        try:
            while (k := self._take(until)) is not None:
                call, is_fine = call_on(conn, self.route, f"c{k}", k % 3 == 0)
                self.calls.append(call)
                if not is_fine:
                    conn.close()
                    conn = Timed(self.sluice.port)
        except Exception as e:  # the test must see it
            self.faults.append(e)
        finally:
            conn.close()

    def run(self, n=None, seconds=None):
        """n more calls, or calls for this long."""
        end, last = time.monotonic() + (seconds or 0), self.next + (n or 0)
        until = (lambda k: k < last) if n else (lambda k: time.monotonic() < end)
        threads = [threading.Thread(target=self._work, args=(until,)) for _ in range(self.clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not self.faults, self.faults
        return self

    @property
    def n_errors(self):
        return sum(not c.is_answered for c in self.calls)

    @property
    def n_attempts(self):
        return sum(c.n_attempts for c in self.calls)


def judge(calls, targets, slack=0):
    """Checks what must always be true: no call gets another call's text or the texts of two targets, nothing is sent
    again after the first byte to the client, and targets were asked as often as clients are told. Returns how many
    calls reached more than one target, or one target twice. `slack`: a target that is left because it is slow may be so
    slow that it reads its request after another one has answered."""
    asked = collections.defaultdict(list)
    for target in targets:
        for a in target.asked:
            asked[a.call].append(a)
    n_twice = 0
    for c in calls:
        for whose, which in WORDS.findall(c.text or ""):
            assert (whose, which) == (c.target, c.name), (c.name, c.target, c.text)
        arrivals = asked[c.name]
        n_twice += len(arrivals) > 1
        assert len(arrivals) <= c.n_attempts, (c.name, arrivals, c.n_attempts)
        late = [a for a in arrivals if c.first and c.status == 200 and a.time > c.first + slack]
        assert not late, (c.name, c.first, late)
        if c.status == 200:
            assert c.target in {a.target for a in arrivals}, (c.name, c.target, arrivals)
    return n_twice

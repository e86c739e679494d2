# SPDX-License-Identifier: Apache-2.0
"""Conversations go back to the target where they were, and state that only one target can read goes to no other. The
targets refuse what is not theirs."""
import collections
import json
import re
import signal
import threading
import time

import pytest
import yaml

from harness import Sluice, wait_for
from test_traffic import Lab, answer, error, model

NOW = {"retries": 0}


class Talks(Lab):
    def start(self, targets, kind="llm/v1/chat", data=None, server=None, auth=None, models=None, upstream=None, **sluice):
        """A route `chat` with these targets: (name, target or None, more)."""
        entry = {"name": "chat", "endpoint_type": kind, "sluice": {"targets": [{"name": n, **({"model": model(t.base)} if t else {}), **more} for n, t, more in targets], **sluice}}
        sections = {"server": server, "auth": auth, "models": models, "upstream": upstream}
        self.config = {"endpoints": [entry], **{k: v for k, v in sections.items() if v}}
        self.args = ("--data", data) if data else ()
        self.sluice = Sluice(self.tmp_path, self.config, args=self.args)

    def rewrite(self):
        config = {**self.config, "log": {"access": str(self.sluice.log_path)}}
        (self.sluice.dir / "sluice.yaml").write_text(yaml.safe_dump(config))
        self.sluice.proc.send_signal(signal.SIGHUP)

    def restart(self):
        self.sluice.stop()
        self.sluice = Sluice(self.tmp_path, self.config, args=self.args)


@pytest.fixture
def lab(tmp_path):
    lab = Talks(tmp_path)
    yield lab
    lab.close()


def chat(first, turns=1, **more):
    """The body of turn n of a conversation with this beginning."""
    messages = [{"role": "user", "content": first}]
    for i in range(1, turns):
        messages += [{"role": "assistant", "content": f"answer {i}"}, {"role": "user", "content": f"question {i}"}]
    return {"model": "chat", "messages": messages, **more}


def ask(lab, body, path="/v1/chat/completions", headers=()):
    return lab.sluice.call("POST", path, body, headers)


def where(lab, body, **kwargs):
    r = ask(lab, body, **kwargs)
    assert r.status == 200, r.body
    return r.get("x-sluice-target")


# --- what binds ---


def test_each_route_has_its_own_sessions(lab):
    a, b = lab.target(error("500 Oops")), lab.target()
    targets = [{"name": "a", "model": model(a.base)}, {"name": "b", "model": model(b.base), "tier": 1}]
    routes = [{"name": name, "endpoint_type": "llm/v1/chat", "sluice": {"targets": targets, "breaker": "off", **NOW}} for name in ("chat", "other")]
    lab.sluice = Sluice(lab.tmp_path, {"endpoints": routes})
    session = [("x-sluice-session", "s")]
    assert where(lab, chat("x"), headers=session) == "b"
    a.act = answer
    assert where(lab, chat("x"), headers=session) == "b"
    assert where(lab, {**chat("x"), "model": "other"}, headers=session) == "a"


def test_a_history_comes_back_to_where_it_began(lab):
    a, b = lab.target(), lab.target()
    lab.start([("a", a, {}), ("b", b, {})], server={"workers": 2})
    first = {n: where(lab, chat(f"conversation {n}")) for n in range(20)}
    assert 7 <= collections.Counter(first.values())["a"] <= 13  # they are balanced
    for turn in (2, 3):
        assert {n: where(lab, chat(f"conversation {n}", turn)) for n in range(20)} == first
    assert {n: where(lab, chat(f"conversation {n}", 4, stream=True)) for n in range(20)} == first


def test_first_turns_are_balanced_however_alike_they_are(lab):
    a, b = lab.target(), lab.target()
    lab.start([("a", a, {"weight": 3}), ("b", b, {})], server={"workers": 1})
    assert "".join(where(lab, chat("hi")) for _ in range(8)) == "aabaaaba"


@pytest.mark.parametrize("by,body,headers,bound", [
    ("auto", {}, [("x-sluice-session", "s1")], True),
    ("auto", {"prompt_cache_key": "p1"}, [], True),
    ({"header": "x-user"}, {}, [("x-user", "u1")], True),
    ("header: x-user", {}, [("x-user", "u1")], True),
    ({"header": "x-user"}, {"prompt_cache_key": "p1"}, [("x-sluice-session", "s1")], False),
    ("off", {"prompt_cache_key": "p1"}, [("x-sluice-session", "s1")], False),
    ("auto", {}, [("x-user", "u1")], False),
], ids=str)
def test_by_what_a_call_is_bound(lab, by, body, headers, bound):
    a, b = lab.target(), lab.target()
    lab.start([("a", a, {}), ("b", b, {})], affinity={"by": by}, server={"workers": 1})
    names = {where(lab, chat(f"hi {n}", **body), headers=headers) for n in range(6)}
    assert names == ({"a"} if bound else {"a", "b"})
    other = [(k, v + "x") for k, v in headers]
    assert where(lab, chat("hi", **{k: v + "x" for k, v in body.items()}), headers=other) == ("b" if bound else "a")


def test_a_conversation_is_forgotten_when_its_time_is_over(lab):
    """`ttl` runs from its last call."""
    a, b = lab.target(), lab.target()
    lab.start([("a", a, {}), ("b", b, {})], affinity={"ttl": "2s"}, server={"workers": 1})
    session = [("x-sluice-session", "s")]
    for _ in range(4):
        assert where(lab, chat("hi"), headers=session) == "a"
        time.sleep(0.8)
    time.sleep(2)
    assert where(lab, chat("hi"), headers=session) == "b"


def test_a_session_binds_embeddings_too(lab):
    a, b = lab.target(), lab.target()
    for t in (a, b):
        t.act = lambda ex: ex.reply({"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}})
    lab.start([("a", a, {}), ("b", b, {})], server={"workers": 1}, kind="llm/v1/embeddings")
    body = {"model": "chat", "input": "x"}
    assert [where(lab, body, path="/v1/embeddings") for _ in range(4)] == list("abab")
    assert len({where(lab, body, path="/v1/embeddings", headers=[("x-sluice-session", "s")]) for _ in range(4)}) == 1


def test_nobody_meets_anothers_conversation(lab):
    a, b = lab.target(), lab.target()
    keys = [{"name": n, "key": f"sk-{n}-0123456789abcdef"} for n in ("ann", "bob")]
    lab.start([("a", a, {}), ("b", b, {})], server={"workers": 1}, auth={"keys": keys})
    session = [("x-sluice-session", "same")]
    for n, name in enumerate(("ann", "bob", "ann", "bob")):
        assert where(lab, chat(f"hi {n}"), headers=[*session, ("authorization", f"Bearer sk-{name}-0123456789abcdef")]) == {"ann": "a", "bob": "b"}[name]


def test_a_bound_target_that_is_down_is_left_for_good(lab):
    a, b = lab.target(), lab.target()
    lab.start([("a", a, {}), ("b", b, {})], server={"workers": 1}, **NOW)
    assert where(lab, chat("hi")) == "a"
    a.act = error("500 Oops")
    assert where(lab, chat("hi", 2)) == "b"
    a.act = answer
    assert [where(lab, chat("hi", n)) for n in (3, 4)] == ["b", "b"]


def test_a_bound_target_without_room_is_passed_by(lab):
    a, b = lab.target(), lab.target()
    lab.start([("a", a, {"max_concurrent": 1}), ("b", b, {})], server={"workers": 1})
    assert where(lab, chat("hi")) == "a"
    hold, arrived = threading.Event(), threading.Event()
    a.act = lambda ex: (arrived.set(), hold.wait(20), answer(ex))
    one = threading.Thread(target=where, args=(lab, chat("hi", 2)))
    one.start()
    assert arrived.wait(20)
    assert where(lab, chat("hi", 2)) == "b"
    hold.set()
    one.join()


# --- what only one target reads ---


class Signs:
    """A Messages API that signs its thoughts, and refuses those of others."""

    def __init__(self, name):
        self.name, self.n, self.lock = name, 0, threading.Lock()

    def block(self):
        with self.lock:
            self.n += 1
            return {"type": "thinking", "thinking": "hm", "signature": f"Sig{self.name}{self.n}/x+y=="}

    def __call__(self, ex):
        body = ex.json()
        for message in body["messages"]:
            for block in message["content"] if isinstance(message["content"], list) else []:
                if block["type"] == "thinking" and not block["signature"].startswith(f"Sig{self.name}"):
                    ex.reply({"type": "error", "error": {"type": "invalid_request_error", "message": "Invalid `signature` in `thinking` block"}}, "400 Bad Request")
                    return
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": [], "stop_reason": None, "stop_sequence": None,
                   "usage": {"input_tokens": 1, "output_tokens": 1}}
        blocks = [self.block(), {"type": "text", "text": "hi"}]
        if not body.get("stream"):
            ex.reply({**message, "content": blocks, "stop_reason": "end_turn"})
            return
        ex.stream_head()
        events = [{"type": "message_start", "message": message},
                  {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
                  {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
                  {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": blocks[0]["signature"]}},
                  {"type": "content_block_stop", "index": 0},
                  {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
                  {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "hi"}},
                  {"type": "content_block_stop", "index": 1},
                  {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 1}}, {"type": "message_stop"}]
        for event in events:
            ex.chunk(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n")
        ex.last_chunk()


def claude(base):
    return {"provider": "anthropic", "name": "claude-sonnet-4-5", "config": {"anthropic_api_key": "sk-test-secret", "anthropic_api_base": base}}


def signing(lab, **more):
    targets = [lab.target(Signs(n)) for n in "AB"]
    lab.start([(n, None, {"model": claude(t.base)}) for n, t in zip("ab", targets)], server={"workers": 1}, **{**NOW, **more})
    return targets


def blocks_of(reply, stream):
    """The content of an answer, as a client sends it back."""
    if not stream:
        return reply.json()["content"]
    events = [json.loads(line[6:]) for line in reply.body.decode().split("\n") if line.startswith("data: ")]
    sig = next(e["delta"]["signature"] for e in events if e.get("delta", {}).get("type") == "signature_delta")
    return [{"type": "thinking", "thinking": "hm", "signature": sig}, {"type": "text", "text": "hi"}]


def say(lab, history, stream=False, headers=()):
    body = {"model": "chat", "max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}, "messages": history, "stream": stream}
    return ask(lab, body, "/v1/messages", headers)


def turn(lab, history, stream=False, headers=()):
    """Makes one more turn. Returns who answered."""
    history.append({"role": "user", "content": "Hello" if not history else "go on"})
    r = say(lab, history, stream, headers)
    assert r.status == 200, r.body
    history.append({"role": "assistant", "content": blocks_of(r, stream)})
    return r.get("x-sluice-target")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_signatures_go_back_to_who_made_them(lab, stream):
    """All conversations begin with the same texts, in any order, and one session has several."""
    signing(lab)
    talks = [[] for _ in range(6)]
    first = [turn(lab, talk, stream) for talk in talks]
    assert sorted(first) == list("aaabbb")
    for n in range(3):
        for i in (3, 0, 5, 1, 4, 2):
            assert turn(lab, talks[i], stream, [("x-sluice-session", "one")]) == first[i]


class Thinks:
    """As Signs, in two more languages: what it gives with an answer it wants back, and nobody else's. It takes the seals of a call, and makes an answer of one."""

    SEAL = re.compile(r'"(?:thoughtSignature|encrypted_content)": ?"Sig(.)')

    def __init__(self, name):
        self.name, self.n, self.lock = name, 0, threading.Lock()

    def __call__(self, ex):
        body = ex.body.decode()
        if set(self.SEAL.findall(body)) - {self.name}:
            ex.reply({"error": {"code": 400, "message": "this is not mine", "status": "INVALID_ARGUMENT", "type": "invalid_request_error"}}, "400 Bad Request")
            return
        with self.lock:
            self.n += 1
            seal = f"Sig{self.name}{self.n}/x+y=="
        is_gemini = "/models/" in ex.path
        if not (":stream" in ex.path or ex.json().get("stream")):
            ex.reply(self.gemini(seal) if is_gemini else self.responses(seal))
            return
        ex.stream_head()
        events = [self.gemini(seal)] if is_gemini else self.events(seal)
        for event in events:
            ex.chunk((f"event: {event['type']}\n" if "type" in event else "") + f"data: {json.dumps(event)}\n\n")
        ex.last_chunk()

    def gemini(self, seal):
        parts = [{"text": "hi", "thoughtSignature": seal}]
        return {"candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 2}, "modelVersion": "m"}

    def responses(self, seal):
        items = [{"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": seal},
                 {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "hi", "annotations": []}]}]
        return {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5", "output": items, "usage": None}

    def events(self, seal):
        whole = self.responses(seal)
        yield {"type": "response.created", "sequence_number": 0, "response": {**whole, "status": "in_progress", "output": []}}
        for i, item in enumerate(whole["output"]):
            yield {"type": "response.output_item.added", "sequence_number": 1, "output_index": i, "item": {**item, "encrypted_content": ""} if i == 0 else {**item, "content": []}}
            yield {"type": "response.output_item.done", "sequence_number": 2, "output_index": i, "item": item}
        yield {"type": "response.completed", "sequence_number": 3, "response": whole}


class GeminiTalk:
    def __init__(self):
        self.contents = []

    @staticmethod
    def model(base):
        return {"provider": "gemini", "name": "gemini-2.5-flash", "config": {"gemini_api_key": "sk-test-secret", "gemini_api_base": base.removesuffix("/v1") + "/v1beta"}}

    def ask(self, lab, stream, headers=()):
        path = "/v1beta/models/chat:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")
        return ask(lab, {"contents": [*self.contents, {"role": "user", "parts": [{"text": "go on"}]}]}, path, headers)

    def take(self, reply, stream):
        answer = json.loads(reply.body.decode().split("data: ")[1]) if stream else reply.json()
        self.contents += [{"role": "user", "parts": [{"text": "go on"}]}, answer["candidates"][0]["content"]]


class ResponsesTalk:
    def __init__(self):
        self.input = []

    @staticmethod
    def model(base):
        return {"provider": "openai", "name": "gpt-5", "config": {"openai_api_key": "sk-test-secret", "openai_api_base": base, "openai_api": "responses"}}

    def ask(self, lab, stream, headers=()):
        body = {"model": "chat", "store": False, "include": ["reasoning.encrypted_content"], "stream": stream, "input": [*self.input, {"role": "user", "content": "go on"}]}
        return ask(lab, body, "/v1/responses", headers)

    def take(self, reply, stream):
        items = [json.loads(line[6:]) for line in reply.body.decode().split("\n") if line.startswith("data: {")] if stream else []
        output = [e["item"] for e in items if e["type"] == "response.output_item.done"] if stream else reply.json()["output"]
        self.input += [{"role": "user", "content": "go on"}, *output]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", [GeminiTalk, ResponsesTalk])
def test_what_others_seal_goes_back_to_who_made_it(lab, kind, stream):
    """All conversations begin with the same words, in any order, and one session has several."""
    a, b = [lab.target(Thinks(n)) for n in "AB"]
    lab.start([(n, None, {"model": kind.model(t.base)}) for n, t in zip("ab", (a, b))], server={"workers": 1}, breaker="off", **NOW)
    talks, homes = [kind() for _ in range(6)], []
    for n in range(4):
        for i in range(6) if n == 0 else (3, 0, 5, 1, 4, 2):
            r = talks[i].ask(lab, stream, [("x-sluice-session", "one")] if n else [])
            assert r.status == 200, r.body
            talks[i].take(r, stream)
            if n == 0:
                homes.append(r.get("x-sluice-target"))
            assert r.get("x-sluice-target") == homes[i]
    assert sorted(homes) == list("aaabbb")
    a.act = error("500 Oops")
    r = talks[homes.index("a")].ask(lab, stream)
    assert r.status >= 500 and "only 'a' has signatures or encrypted reasoning in the body" in r.body.decode(), r.body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("fault", ["500", "503", "closed", "garbage"])
def test_the_error_says_that_only_one_target_could_be_asked(lab, stream, fault):
    a, b = signing(lab, breaker="off")
    talk = []
    assert turn(lab, talk, stream) == "a"
    a.act = {"500": error("500 Oops"), "503": error("503 Service Unavailable"), "closed": lambda ex: ex.conn.close(), "garbage": lambda ex: ex.reply("<html>", content_type="text/html")}[fault]
    n = b.n
    r = say(lab, [*talk, {"role": "user", "content": "go on"}], stream)
    assert r.status >= 500 and b.n == n, r.body
    assert r.json()["type"] == "error" and "no other target was asked: only 'a' has signatures or encrypted reasoning in the body" in r.json()["error"]["message"], r.body
    # the same without it may go to any target
    plain = [{"role": m["role"], "content": [c for c in m["content"] if c["type"] != "thinking"] if m["role"] == "assistant" else m["content"]} for m in talk]
    r = say(lab, [*plain, {"role": "user", "content": "go on"}])
    assert r.status == 200 and r.get("x-sluice-target") == "b"
    a.act = Signs("A")
    assert turn(lab, talk, stream) == "a"


def test_one_answer_does_not_make_all_others_forgotten(lab):
    """The table has 131,072 places for all callers of the process; this answer has 300,000 signatures."""
    a, b = signing(lab, breaker="off")
    talk = []
    assert turn(lab, talk) == "a"
    blocks = ",".join(f'{{"type":"thinking","thinking":"","signature":"Sig{i}/x+y=="}}' for i in range(300_000))
    flood = f'{{"id":"m","type":"message","role":"assistant","model":"m","content":[{blocks}],"stop_reason":"end_turn","usage":{{"input_tokens":1,"output_tokens":1}}}}'
    a.act = b.act = lambda ex: ex.reply(flood)
    assert say(lab, [{"role": "user", "content": "another"}]).status == 200
    a.act = error("500 Oops")
    r = say(lab, [*talk, {"role": "user", "content": "go on"}])
    assert r.status >= 500 and "only 'a' has signatures" in r.json()["error"]["message"], r.body


def test_a_refusal_of_the_call_itself_is_told_as_it_is(lab):
    a, _ = signing(lab)
    talk = []
    turn(lab, talk)
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: too large"}}
    a.act = lambda ex: ex.reply(body, "400 Bad Request")
    r = say(lab, [*talk, {"role": "user", "content": "go on"}])
    assert r.status == 400 and r.json() == body


def test_an_open_breaker_is_told_with_its_target(lab):
    a, _ = signing(lab, breaker={"errors": 1, "ratio": "1%", "open": "100s"})
    talk = []
    turn(lab, talk)
    a.act = error("500 Oops")
    assert say(lab, [*talk, {"role": "user", "content": "go on"}]).status >= 500
    n = a.n
    r = say(lab, [*talk, {"role": "user", "content": "go on"}])
    message = r.json()["error"]["message"]
    assert r.status in (503, 529) and a.n == n and int(r.get("retry-after")) > 90, r.body
    assert "takes calls now" in message and "only 'a' has signatures" in message


def test_affinity_off_leaves_signatures_alone(lab):
    signing(lab, affinity="off")
    talk = []
    assert turn(lab, talk) == "a"
    r = say(lab, [*talk, {"role": "user", "content": "go on"}])
    assert r.status == 400 and r.get("x-sluice-target") == "b"  # as the test wants


# --- answers by their id ---


class Keeps:
    """A Responses API that keeps its responses, and knows no others."""

    def __init__(self, name):
        self.name, self.kept, self.asked = name, {}, []

    def __call__(self, ex):
        self.asked.append((ex.method, ex.path))
        match = re.match(r"/v1/responses(?:/([^/?]+))?(/\w+)?", ex.path)
        if ex.method == "POST" and not match[1]:
            body = ex.json()
            previous = body.get("previous_response_id")
            if previous and previous not in self.kept:
                ex.reply({"error": {"message": f"Previous response with id '{previous}' not found.", "type": "invalid_request_error", "param": "previous_response_id", "code": "previous_response_not_found"}}, "400 Bad Request")
                return
            made = {"id": f"resp_{self.name}{len(self.kept)}", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5", "output": [
                {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "hi", "annotations": []}]}], "usage": None}
            self.kept[made["id"]] = made
            ex.reply(made)
        elif match[1] not in self.kept:
            ex.reply({"error": {"message": "not found", "type": "invalid_request_error"}}, "404 Not Found")
        elif ex.method == "DELETE":
            del self.kept[match[1]]
            ex.reply({"id": match[1], "object": "response", "deleted": True})
        elif match[2] == "/input_items":
            ex.reply({"object": "list", "data": [], "has_more": False})
        else:
            ex.reply(self.kept[match[1]])


def keeping(lab, **more):
    targets = [lab.target(Keeps(n)) for n in "ab"]
    models = [{"provider": "openai", "name": "gpt-5", "config": {"openai_api_key": "sk-test-secret", "openai_api_base": t.base, "openai_api": "responses"}} for t in targets]
    lab.start([(n, None, {"model": m}) for n, m in zip("ab", models)], server={"workers": 1}, **{**NOW, **more})
    return targets


def respond(lab, **more):
    return ask(lab, {"model": "chat", "input": "hi", **more}, "/v1/responses")


def test_an_answer_is_asked_for_where_it_was_made(lab, tmp_path):
    a, b = keeping(lab, data=str(tmp_path / "data"))
    made = [respond(lab).json()["id"] for _ in range(4)]
    assert made == ["resp_a0", "resp_b0", "resp_a1", "resp_b1"]
    for restart in range(2):
        for n, name in enumerate(made):
            for method, tail in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel")):
                r = lab.sluice.call(method, f"/v1/responses/{name}{tail}")
                assert r.status == 200 and r.get("x-sluice-target") == name[5], (name, method, r.body)
            r = respond(lab, previous_response_id=name)
            assert r.status == 200 and r.get("x-sluice-target") == name[5], r.body
        lab.restart()
    assert lab.sluice.call("DELETE", "/v1/responses/resp_a0").get("x-sluice-target") == "a"


def test_an_answers_target_that_is_down_is_told(lab):
    a, b = keeping(lab, breaker="off")
    assert respond(lab).json()["id"] == "resp_a0"
    a.act = error("500 Oops")
    n = b.n
    for r in (respond(lab, previous_response_id="resp_a0"), lab.sluice.call("GET", "/v1/responses/resp_a0")):
        assert r.status >= 500 and "only 'a' has the response that this call is about" in r.json()["error"]["message"], r.body
    assert b.n == n
    assert respond(lab).get("x-sluice-target") == "b"


def test_affinity_off_still_asks_for_an_answer_where_it_was_made(lab):
    keeping(lab, affinity="off")
    assert [respond(lab).json()["id"] for _ in range(2)] == ["resp_a0", "resp_b0"]
    assert [respond(lab, previous_response_id=f"resp_{n}0").get("x-sluice-target") for n in "babba"] == list("babba")


# --- what stays over changes ---

OPEN = {"errors": 1, "ratio": "1%", "open": "1h"}


def states(lab):
    return {t["target"]: t["state"] for t in lab.sluice.call("GET", "/api/sluice/v1/targets").json()["targets"]}


def test_a_reload_keeps_breakers_and_conversations(lab):
    a, b = lab.target(), lab.target()
    lab.start([("a", a, {}), ("b", b, {})], server={"workers": 1}, breaker=OPEN, **NOW)
    assert [where(lab, chat(f"c{n}")) for n in range(2)] == ["a", "b"]
    a.act = error("500 Oops")
    assert where(lab, chat("other")) == "b" and states(lab) == {"a": "open", "b": "closed"}
    entry = lab.config["endpoints"][0]["sluice"]
    entry["targets"].insert(0, {"name": "new", "model": model(b.base), "weight": 5})
    lab.rewrite()
    wait_for(lambda: states(lab) == {"new": "closed", "a": "open", "b": "closed"}, "the reload")
    n = a.n
    assert [where(lab, chat("c1", 2)) for _ in range(3)] == ["b"] * 3 and a.n == n
    entry["targets"][1]["model"]["name"] = "gpt-4o"  # another model is another target
    lab.rewrite()
    wait_for(lambda: states(lab)["a"] == "closed", "the reload")
    for n in range(7):  # as many as the sum of the weights
        where(lab, chat(f"d{n}"))
    assert states(lab)["a"] == "open"
    entry["targets"][1]["model"]["config"]["openai_api_base"] = b.base  # and so is another address
    lab.rewrite()
    wait_for(lambda: states(lab)["a"] == "closed", "the reload")


def test_a_put_keeps_breakers(lab, tmp_path):
    a, b = lab.target(error("500 Oops")), lab.target()
    lab.start([("x", b, {})], server={"workers": 1}, data=str(tmp_path / "data"), upstream={"allow": ["127.0.0.0/8"]})
    body = {"route_type": "llm/v1/chat", "sluice": {"targets": [{"name": n, "model": model(t.base)} for n, t in (("a", a), ("b", b))], "breaker": OPEN, "retries": 0}}
    assert lab.sluice.call("PUT", "/api/sluice/v1/routes/made", body).status == 201
    assert where(lab, {**chat("hi"), "model": "made"}) == "b" and states(lab)["a"] == "open"
    body["sluice"]["targets"][0]["weight"] = 7
    assert lab.sluice.call("PUT", "/api/sluice/v1/routes/made", body).status == 200
    assert states(lab)["a"] == "open"

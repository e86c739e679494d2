# SPDX-License-Identifier: Apache-2.0
"""Responses that are asked for again, at the upstream that made them, by the caller who got them."""
import json
import urllib.parse

import openai
import pytest

from test_responses_client import openai_route

KEYS = {name: "sk-sluice-" + name[0] * 43 for name in ("ann", "bob", "cut")}


class Keeper:
    """A Responses API that keeps its responses, like OpenAI's: the ids are its own, and an unknown one is 404."""

    def __init__(self):
        self.made, self.seen, self.n = {}, [], 0

    def answer(self, body):
        self.n += 1
        previous = body.get("previous_response_id")
        if previous and previous not in self.made:
            return {"error": {"message": f"Previous response with id '{previous}' not found.", "type": "invalid_request_error", "param": "previous_response_id", "code": "previous_response_not_found"}}
        item = {"id": f"msg_{self.n}", "type": "message", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": f"n{self.n}", "annotations": [], "logprobs": []}]}
        response = {"id": f"resp_up_{self.n}", "object": "response", "created_at": 1767225600, "status": "completed", "error": None, "incomplete_details": None, "instructions": None,
                    "model": body["model"], "output": [item], "parallel_tool_calls": True, "previous_response_id": previous, "tool_choice": "auto", "tools": [], "temperature": 1.0, "top_p": 1.0,
                    "text": {"format": {"type": "text"}}, "metadata": body.get("metadata") or {}, "usage": {"input_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 2,
                                                                                                            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7}}
        self.made[response["id"]] = (response, body["input"])
        return response

    def events(self, x, response, after=-1):
        x.stream_head()
        begin = {**response, "status": "in_progress", "output": [], "usage": None}
        events = [{"type": "response.created", "response": begin}, {"type": "response.in_progress", "response": begin},
                  {"type": "response.completed", "response": response}]
        for n, event in enumerate(events):
            if n > after:
                x.chunk(f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': n})}\n\n")
        x.last_chunk()

    def __call__(self, x):
        target = urllib.parse.urlsplit(x.path)
        query = urllib.parse.parse_qs(target.query)
        self.seen.append((x.method, x.path, x.body))
        path = target.path.removeprefix("/v1/responses").strip("/").split("/")
        if path == [""]:
            body = x.json()
            response = self.answer(body)
            if "error" in response and response["error"]:
                return x.reply(response, "400 Bad Request")
            return self.events(x, response) if body.get("stream") else x.reply(response)
        if path == ["compact"]:
            assert x.json()["model"] == "gpt-5-mini"
            return x.reply({"id": "resp_cmp_1", "object": "response.compaction", "created_at": 1, "output": [{"id": "cmp_1", "type": "compaction", "encrypted_content": "e"}],
                            "usage": {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 1, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 10}})
        if path[0] not in self.made:
            return x.reply({"error": {"message": f"Response with id '{path[0]}' not found.", "type": "invalid_request_error", "param": None, "code": None}}, "404 Not Found")
        response, items = self.made[path[0]]
        if x.method == "GET" and len(path) == 1:
            return self.events(x, response, int(query.get("starting_after", [-1])[0])) if query.get("stream") == ["true"] else x.reply(response)
        if x.method == "DELETE" and len(path) == 1:
            del self.made[path[0]]
            return x.reply({"id": path[0], "object": "response", "deleted": True})
        if x.method == "POST" and path[1:] == ["cancel"]:
            return x.reply({"error": {"message": "Cannot cancel a synchronous response.", "type": "invalid_request_error", "param": None, "code": None}}, "400 Bad Request")
        if x.method == "GET" and path[1:] == ["input_items"]:
            data = [{"id": "msg_in", "type": "message", "role": "user", "status": "completed", "content": [{"type": "input_text", "text": items}]}]
            return x.reply({"object": "list", "data": data, "first_id": "msg_in", "last_id": "msg_in", "has_more": False})
        return x.reply({"error": {"message": "no such path", "type": "invalid_request_error", "param": None, "code": None}}, "404 Not Found")


def client_of(daemon, key="k"):
    return openai.OpenAI(base_url=daemon.url + "/v1", api_key=key, max_retries=0)


def guarded(sluice, base, data="none", **more):
    keys = [{"name": n, "principal": n, "role": "query", "key": f"$KEY_{n}"} for n in ("ann", "bob")] + [{"name": "cut", "principal": "ann", "role": "query", "routes": ["other"], "key": "$KEY_cut"}]
    config = {"auth": {"admin_key": "$THE_ADMIN", "keys": keys}, "endpoints": [openai_route(base), openai_route(base, "other")], **more}
    env = {"THE_ADMIN": "sk-sluice-" + "z" * 43, **{f"KEY_{n}": k for n, k in KEYS.items()}}
    return sluice(config, args=["--data", str(data)], env=env)


@pytest.mark.parametrize("stream", [False, True])
def test_what_openais_client_does_with_it(sluice, upstream, stream):
    fake = Keeper()
    daemon = guarded(sluice, upstream(fake).base)
    client = client_of(daemon, KEYS["ann"])
    call = {"model": "own", "input": "hello", "metadata": {"a": "b"}}
    made = client.responses.create(**call) if not stream else list(client.responses.create(stream=True, **call))[-1].response
    assert made.id == "resp_up_1"
    again = client.responses.retrieve(made.id, include=["reasoning.encrypted_content"])
    assert again == made and fake.seen[-1][0] == "GET" and urllib.parse.unquote(fake.seen[-1][1]) == "/v1/responses/resp_up_1?include[]=reasoning.encrypted_content"
    events = list(client.responses.retrieve(made.id, stream=True, starting_after=0))
    assert [e.sequence_number for e in events] == [1, 2] and events[-1].response == made
    assert [i.content[0].text for i in client.responses.input_items.list(made.id, order="asc")] == ["hello"]
    assert "order=asc" in fake.seen[-1][1]
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        client.responses.cancel(made.id)
    assert fake.seen[-1][:2] == ("POST", "/v1/responses/resp_up_1/cancel")
    more = client.responses.create(model="own", input="more", previous_response_id=made.id)
    assert more.previous_response_id == made.id and json.loads(fake.seen[-1][2])["model"] == "gpt-5-mini"
    assert client.responses.delete(made.id) is None and made.id not in fake.made
    with pytest.raises(openai.NotFoundError, match="not found"):
        client.responses.retrieve(made.id)
    line = daemon.log_lines(1)[0]
    assert line["route"] == "own" and line["status"] == 200


def test_nobody_elses(sluice, upstream):
    fake = Keeper()
    daemon = guarded(sluice, upstream(fake).base)
    ann, bob, cut = (client_of(daemon, KEYS[n]) for n in ("ann", "bob", "cut"))
    made = ann.responses.create(model="own", input="a secret")
    n = len(fake.seen)
    bodies = set()
    for client, name in ((bob, made.id), (cut, made.id), (bob, "resp_nobodys")):
        for call in (lambda: client.responses.retrieve(name), lambda: client.responses.delete(name), lambda: client.responses.cancel(name), lambda: list(client.responses.input_items.list(name))):
            with pytest.raises(openai.NotFoundError) as e:
                call()
            bodies.add(json.dumps(e.value.body).replace(name, "ID"))
        with pytest.raises(openai.BadRequestError) as e:
            client.responses.create(model="other", input="x", previous_response_id=name)
        assert e.value.code == "previous_response_not_found" and e.value.param == "previous_response_id"
    assert len(bodies) == 1 and len(fake.seen) == n, "the upstream was not asked"
    assert ann.responses.retrieve(made.id).id == made.id


def test_to_read_one_counts_as_a_call(sluice, upstream):
    """Calls that go up count. Calls that end a response always pass, because it costs money as long as it runs."""
    fake = Keeper()
    config = {"endpoints": [{**openai_route(upstream(fake).base), "limit": {"calls": 3, "renewal_period": "hour"}}]}
    client = client_of(sluice(config))
    made = client.responses.create(model="own", input="hello")
    assert client.responses.with_raw_response.retrieve(made.id).headers["x-ratelimit-remaining-requests"] == "1"
    list(client.responses.input_items.list(made.id))
    n = len(fake.seen)
    for call in (lambda: client.responses.retrieve(made.id), lambda: client.responses.input_items.list(made.id), lambda: client.responses.create(model="own", input="x")):
        with pytest.raises(openai.RateLimitError, match="limit"):
            call()
    assert len(fake.seen) == n, "the upstream was not asked"
    with pytest.raises(openai.BadRequestError, match="synchronous"):
        client.responses.cancel(made.id)
    client.responses.delete(made.id)
    assert made.id not in fake.made
    with pytest.raises(openai.NotFoundError):
        client.responses.cancel("resp_nobodys")


def test_it_is_known_behind_a_restart(sluice, upstream, tmp_path):
    fake = Keeper()
    base = upstream(fake).base
    daemon = guarded(sluice, base, tmp_path / "data")
    made = client_of(daemon, KEYS["ann"]).responses.create(model="own", input="x")
    daemon.stop()
    daemon = guarded(sluice, base, tmp_path / "data")
    assert client_of(daemon, KEYS["ann"]).responses.retrieve(made.id).id == made.id
    with pytest.raises(openai.NotFoundError):
        client_of(daemon, KEYS["bob"]).responses.retrieve(made.id)


def test_upstreams_may_give_the_same_id(sluice, upstream, tmp_path):
    """Each owner gets his response, from its upstream, also after a restart; an upstream that gives an id anew has lost
    the older response."""
    fakes = [Keeper(), Keeper()]
    bases = [upstream(fake).base for fake in fakes]
    routes = {"endpoints": [openai_route(bases[0]), openai_route(bases[1], "other")]}
    daemon = guarded(sluice, bases[0], tmp_path / "data", **routes)
    ann, bob = (client_of(daemon, KEYS[n]) for n in ("ann", "bob"))
    assert [c.responses.create(model=m, input=f"of {m}").id for c, m in ((ann, "own"), (bob, "other"))] == ["resp_up_1"] * 2
    for _ in range(2):
        ann, bob = (client_of(daemon, KEYS[n]) for n in ("ann", "bob"))
        for client, fake, text in ((ann, fakes[0], "of own"), (bob, fakes[1], "of other")):
            n = len(fake.seen)
            assert client.responses.retrieve("resp_up_1").id == "resp_up_1" and len(fake.seen) == n + 1
            assert [i.content[0].text for i in client.responses.input_items.list("resp_up_1")] == [text]
        daemon.stop()
        daemon = guarded(sluice, bases[0], tmp_path / "data", **routes)
    ann, bob = (client_of(daemon, KEYS[n]) for n in ("ann", "bob"))
    fakes[0].n = 0
    assert bob.responses.create(model="own", input="anew").id == "resp_up_1"
    with pytest.raises(openai.NotFoundError):
        ann.responses.retrieve("resp_up_1")


def test_a_reply_that_broke_is_not_the_response(sluice, upstream):
    """The first target names a response and breaks off, so the second one answers: its response is asked for again there."""
    def torn(x):
        x.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n{"id":"resp_torn","object":"response","output":[{"type":"message"')
        x.close()

    fake = Keeper()
    route = openai_route(upstream(torn).base)
    first = route.pop("model")
    second = openai_route(upstream(fake).base)["model"]
    route["sluice"] = {"retries": 0, "targets": [{"name": "a", "model": first}, {"name": "b", "model": second, "tier": 1}]}
    daemon = sluice({"endpoints": [route]})
    client = client_of(daemon)
    made = client.responses.create(model="own", input="hello")
    assert made.id == "resp_up_1"
    assert [t["target"] for t in daemon.log_lines(1)[0]["attempts"]] == ["a", "b"]
    assert client.responses.retrieve(made.id).id == made.id and fake.seen[-1][:2] == ("GET", "/v1/responses/resp_up_1")


def test_the_oldest_are_forgotten(sluice, upstream):
    fake = Keeper()
    daemon = guarded(sluice, upstream(fake).base, responses={"max": 3})
    client = client_of(daemon, KEYS["ann"])
    made = [client.responses.create(model="own", input="x").id for _ in range(5)]
    for name in made[:2]:
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(name)
    assert [client.responses.retrieve(name).id for name in made[2:]] == made[2:]


def test_compact(sluice, upstream):
    fake = Keeper()
    daemon = guarded(sluice, upstream(fake).base)
    client = client_of(daemon, KEYS["ann"])
    r = client.responses.compact(model="own", input="x")
    assert r.output[0].type == "compaction" and fake.seen[-1][:2] == ("POST", "/v1/responses/compact")
    assert daemon.log_lines(1)[0]["input_tokens"] == 9


def test_compact_counts_like_any_call(sluice, upstream):
    limited = {**openai_route(upstream(Keeper()).base), "limits": [{"tokens": 30, "per": "hour"}]}
    client = client_of(sluice({"endpoints": [limited], "limits": {"reserve": {"output": 10}}}))
    for _ in range(2):  # each reserves 18 tokens and uses ten
        client.responses.compact(model="own", input="x")
    with pytest.raises(openai.RateLimitError, match="30 tokens per 1 hour"):
        client.responses.compact(model="own", input="x")


def test_what_a_provider_without_it_says(sluice, upstream):
    up = upstream(lambda x: x.reply({"error": {"message": "nothing of this comes here"}}, "500 Internal Server Error"))
    route = {"name": "c", "endpoint_type": "llm/v1/chat", "model": {"provider": "groq", "name": "m", "config": {"api_key": "k", "api_base": up.base}}}
    daemon = sluice({"endpoints": [route]})
    client = client_of(daemon)
    with pytest.raises(openai.BadRequestError, match="provider has no such call"):
        client.responses.compact(model="c", input="x")
    with pytest.raises(openai.BadRequestError, match="previous_response_id.*sluice: { responses") as e:
        client.responses.create(model="c", input="x", previous_response_id="resp_1")
    assert e.value.param == "previous_response_id"
    for name in ("resp_1", "..%2F..%2Fmodels", "a" * 5000, "%00"):
        r = daemon.call("GET", f"/v1/responses/{name}")
        assert r.status in (400, 404) and r.json()["error"]["message"], (name, r.body)


def test_sockets_are_refused(sluice):
    daemon = sluice({"endpoints": [{"name": "m", "endpoint_type": "llm/v1/chat", "model": {"provider": "mock", "name": "m"}}]})
    head = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]
    for path in ("/v1/responses", "/responses"):
        r = daemon.call("GET", path, None, head)
        assert (r.status, r.get("x-sluice-error-type")) == (426, "caller_upgrade_required") and "POST" in r.json()["error"]["message"]
        r = daemon.call("GET", path)
        assert r.status == 405 and r.get("allow") == "POST"

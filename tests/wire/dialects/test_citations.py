# SPDX-License-Identifier: Apache-2.0
"""Sources of a text, as real clients read them: the upstreams say the same as in the golden cases."""
import json
import pathlib

import anthropic
import cohere
import pytest

from test_bedrock_client import signing_client
from test_golden import BASES, GOLDEN, answer, route_of

PDF = b"%PDF-1.4\n"


@pytest.fixture
def start(sluice, upstream):
    """A daemon whose route `route` is that of the golden case."""
    def start(folder, name):
        case = pathlib.Path(GOLDEN / folder / f"{name}.json")
        doc = json.loads(case.read_text())
        exchange = doc["exchanges"][0]
        up = upstream(lambda x: answer(x, case, exchange["upstream_response"], 4096))
        return sluice({"endpoints": [route_of(doc, exchange, up.base.removesuffix("/v1") + BASES.get(doc["provider"], "/v1"))]})

    return start


KINDS = ["page_location", "content_block_location", "search_result_location", "char_location", "web_search_result_location"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_anthropics_client(start, stream):
    daemon = start("anthropic_in", "stream_citations" if stream else "citations")
    with anthropic.Anthropic(base_url=daemon.url, api_key="k", max_retries=0) as client:
        call = {"model": "route", "max_tokens": 64, "messages": [{"role": "user", "content": "x"}]}
        if stream:
            with client.messages.stream(**call) as s:
                assert [e.citation.type for e in s if e.type == "citation"] == KINDS
                message = s.get_final_message()
        else:
            message = client.messages.create(**call)
    text, cited = message.content[:2]
    assert (text.text, cited.text) == ("So ", "it is") and not text.citations
    assert [c.type for c in cited.citations] == KINDS
    assert (cited.citations[0].cited_text, cited.citations[0].document_title, cited.citations[0].start_page_number) == ("Né.", "Report", 1)
    assert (cited.citations[2].source, cited.citations[4].url) == ("kb/7", "https://example.com/")


PLACES = ["documentPage", "documentChunk", "searchResultLocation", "documentChar", "web"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_boto3(start, stream):
    daemon = start("bedrock_in", "stream_citations" if stream else "citations")
    client = signing_client(daemon.url)
    call = {"modelId": "route", "messages": [{"role": "user", "content": [
        {"document": {"format": "pdf", "name": "Report", "source": {"bytes": PDF}, "citations": {"enabled": True}}}, {"text": "x"}]}]}
    if stream:
        deltas = [e["contentBlockDelta"]["delta"] for e in client.converse_stream(**call)["stream"] if "contentBlockDelta" in e]
        assert "".join(d.get("text", "") for d in deltas) == "So it is"
        citations = [d["citation"] for d in deltas if "citation" in d]
    else:
        content = client.converse(**call)["output"]["message"]["content"]
        assert (content[0], content[2]) == ({"text": "So "}, {"text": "."}) and content[1]["citationsContent"]["content"] == [{"text": "it is"}]
        citations = content[1]["citationsContent"]["citations"]
    assert [next(iter(c["location"])) for c in citations] == PLACES
    assert citations[0] == {"title": "Report", "sourceContent": [{"text": "Né."}], "location": {"documentPage": {"documentIndex": 0, "start": 1, "end": 2}}}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_coheres_client(start, stream):
    daemon = start("cohere_in", "stream_citations_web" if stream else "citations_web")
    client = cohere.ClientV2("k", base_url=daemon.url)
    call = {"model": "route", "messages": [{"role": "user", "content": "x"}], "logprobs": True}
    if stream:
        events = list(client.chat_stream(**call))
        citations = [e.delta.message.citations for e in events if e.type == "citation-start"]
        text = "".join(e.delta.message.content.text for e in events if e.type == "content-delta")
        probs = [e.logprobs for e in events if e.type == "content-delta" and e.logprobs]
        assert [e.index for e in events if e.type == "citation-end"] == [0] and [n for p in probs for n in p.logprobs] == [-0.25, -1.5] and "".join(p.text for p in probs) == text
    else:
        reply = client.chat(**call)
        citations, text = reply.message.citations, reply.message.content[0].text
        assert [c.text for c in citations] == ["Köln", 'is "big".'] == [text[c.start:c.end] for c in citations]
        assert reply.logprobs[0].logprobs == [-0.25, -1.5] and reply.logprobs[0].text == text
    assert text[citations[0].start:citations[0].end] == "Köln" and citations[0].content_index == 0
    assert citations[0].sources[0].type == "document" and citations[0].sources[0].document == {"url": "https://example.com/koeln", "title": "Köln"}


def test_very_many_sources(sluice, upstream):
    """The time grows with their number, in any order."""
    took = {}
    for n in (500, 5000):
        text = "é" * 40 * n
        notes = [{"type": "url_citation", "url_citation": {"start_index": (i * 7919) % (39 * n), "end_index": (i * 7919) % (39 * n) + 30, "url": f"https://e.example/{i}"}} for i in range(n)]
        whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": text, "annotations": notes}, "finish_reason": "stop"}]}
        base = upstream(lambda x: x.reply(whole)).base
        daemon = sluice({"endpoints": [{"name": "r", "endpoint_type": "llm/v1/chat", "model": {"provider": "openai", "name": "gpt-4.1", "config": {"openai_api_key": "k", "openai_api_base": base}}}]})
        before = daemon.cpu()
        r = daemon.call("POST", "/v2/chat", {"model": "r", "messages": [{"role": "user", "content": "x"}]})
        assert r.status == 200 and len(r.json()["message"]["citations"]) == n
        took[n] = daemon.cpu() - before
    assert took[5000] < 30 * max(took[500], 0.02)

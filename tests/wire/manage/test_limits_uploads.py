# SPDX-License-Identifier: Apache-2.0
"""What an upload reserves and settles: nobody reads the file, and a reply of text has no usage."""
import pytest

from harness import typed_route

B = "form-boundary"
PATH = "/v1/audio/transcriptions"
MSEC = 200_000  # sound of 64 kbit/s
INPUT, OUTPUT = MSEC // 100, MSEC // 250


def form(route="sound", n=MSEC * 8):
    head = f'--{B}\r\nContent-Disposition: form-data; name="model"\r\n\r\n{route}\r\n--{B}\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n'.encode()
    tail = f"\r\n--{B}--\r\n".encode()
    return head + b"x" * (n - len(head) - len(tail)) + tail


def post(daemon, body, path=PATH):
    return daemon.call("POST", path, body, [("Content-Type", f"multipart/form-data; boundary={B}")])


def pieces(daemon, body):
    """The same without a length."""
    conn = daemon.connect()
    conn.send(f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary={B}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    for i in range(0, len(body), 65536):
        part = body[i : i + 65536]
        conn.send(b"%x\r\n%b\r\n" % (len(part), part))
    conn.send(b"0\r\n\r\n")
    return conn.reply("POST")


@pytest.fixture
def gate(sluice, upstream):
    up = upstream(lambda x: x.reply(b"a word\n", headers=[("content-type", "text/plain")]))

    def start(limits, kind="transcriptions", **more):
        return sluice({"endpoints": [{**typed_route(up.base, "sound", kind), "limits": limits}], **more})

    return start


def used(reply):
    return reply.json()["error"]["limit"]["used"]


@pytest.mark.parametrize("send", [post, pieces])
def test_a_recording_counts_by_its_length(gate, send):
    daemon = gate([{"tokens": INPUT + OUTPUT + 100, "per": "day"}])
    r = send(daemon, form())
    assert r.status == 200 and r.body == b"a word\n", r.body
    r = post(daemon, form())
    more = 8 if send is pieces else 0  # bytes_in has the head and the pieces' lengths, too
    assert r.status == 429 and INPUT + OUTPUT <= used(r) <= INPUT + OUTPUT + more, r.body
    assert post(daemon, form(n=4000)).status == 200  # a short one fits


def test_a_recording_that_is_paid_by_its_length_costs_money(gate):
    price = {"models": {"openai/gpt-4o-mini": {"input_cost_per_second": 0.0001}}}
    daemon = gate([{"money": 0.03, "per": "day"}], prices=price)
    assert post(daemon, form()).status == 200
    r = post(daemon, form())
    assert r.status == 429 and used(r) == 0.02, r.body


def test_a_recording_is_refused_before_it_is_asked_for(gate):
    daemon = gate([{"input_tokens": INPUT - 1, "per": "day"}])
    r = post(daemon, form())
    assert r.status == 429 and r.get("x-should-retry") == "false" and used(r) == 0


def test_a_form_of_images_counts_as_one(gate):
    daemon = gate([{"tokens": 1500, "per": "day"}], kind="images")
    assert post(daemon, form(n=5000), "/v1/images/edits").status == 200
    r = post(daemon, form(n=5000), "/v1/images/edits")
    assert r.status == 429 and used(r) == 1000

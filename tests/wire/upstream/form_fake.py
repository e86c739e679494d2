# SPDX-License-Identifier: Apache-2.0
"""An OpenAI that takes forms, and refuses what OpenAI refuses: a form that cannot be read, an unknown field, no file, a
model that it does not have."""
import json
import re

FIELDS = {
    "/v1/audio/transcriptions": {"file", "model", "language", "prompt", "response_format", "temperature", "timestamp_granularities[]", "stream", "include[]", "chunking_strategy"},
    "/v1/audio/translations": {"file", "model", "prompt", "response_format", "temperature"},
    "/v1/images/edits": {"image", "image[]", "mask", "prompt", "model", "n", "size", "quality", "background", "stream", "partial_images", "user", "response_format"},
    "/v1/images/variations": {"image", "model", "n", "size", "response_format", "user"},
}
FILES = {"file", "image", "image[]", "mask"}
HEAD = re.compile(rb'Content-Disposition: form-data; name="([^"]*)"(; filename="([^"]*)")?(\r\n[^\r\n]+)*', re.I)
MODEL = "gpt-4o-mini"
USAGE = {"type": "tokens", "input_tokens": 14, "input_token_details": {"text_tokens": 10, "audio_tokens": 4}, "output_tokens": 31, "total_tokens": 45}


class Refused(Exception):
    pass


def parts(content_type, body):
    """[(name, filename or None, bytes)] of a form, read strictly."""
    found = re.fullmatch(r'multipart/form-data; ?boundary="?([^"]{1,70})"?', content_type or "")
    if not found:
        raise Refused(f"no boundary in {content_type!r}")
    mark = b"--" + found[1].encode()
    pieces = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(pieces) < 3 or pieces[0] not in (b"", b"\r\n") or pieces[-1].rstrip(b"\r\n") != b"--":
        raise Refused("the form does not begin or end")
    out = []
    for piece in pieces[1:-1]:
        head, sep, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        told = HEAD.fullmatch(head)
        if not piece.startswith(b"\r\n") or not sep or not told:
            raise Refused(f"a part has no head: {head[:100]!r}")
        out.append((told[1].decode(), told[3] and told[3].decode(), content))
    return out


class Forms:
    """An upstream's handler. `seen`: the parts of each call that was accepted."""

    def __init__(self, key="sk-test-secret"):
        self.key, self.seen = key, []

    def check(self, x):
        path = x.path.split("?")[0]
        if x.method != "POST" or path not in FIELDS or x.get("authorization") != f"Bearer {self.key}":
            raise Refused(f"no such call: {x.line}")
        got = parts(x.get("content-type"), x.body)
        names = [name for name, _, _ in got]
        for name, filename, content in got:
            if name not in FIELDS[path]:
                raise Refused(f"Unrecognized request argument supplied: {name}")
            if (filename is not None) != (name in FILES):
                raise Refused(f"{name} is a file or is none")
        if names.count("model") != 1 or dict((n, c) for n, _, c in got)["model"].decode() != MODEL:
            raise Refused(f"the models are {[c for n, _, c in got if n == 'model']}")
        if not FILES & set(names):
            raise Refused("no file")
        self.seen.append(got)
        return path, {n: c for n, _, c in got}

    def __call__(self, x):
        try:
            path, form = self.check(x)
        except Refused as e:
            return x.reply({"error": {"message": str(e), "type": "invalid_request_error", "param": None, "code": None}}, status="400 Bad Request")
        if "images" in path:
            return x.reply({"created": 1, "data": [{"b64_json": "aGk="}], "usage": {"input_tokens": 13, "output_tokens": 20, "total_tokens": 33, "input_tokens_details": {"text_tokens": 3, "image_tokens": 10}}})
        if form.get("stream") == b"true":
            x.stream_head()
            for word in ("a ", "word"):
                x.event({"type": "transcript.text.delta", "delta": word})
            x.event({"type": "transcript.text.done", "text": "a word", "usage": USAGE})
            return x.last_chunk()
        kind = form.get("response_format", b"json").decode()
        if kind in ("text", "srt", "vtt"):
            return x.reply({"text": "a word\n", "srt": "1\n00:00:00,000 --> 00:00:01,000\na word\n", "vtt": "WEBVTT\n\n00:00.000 --> 00:01.000\na word\n"}[kind], content_type="text/plain; charset=utf-8")
        if kind == "verbose_json":
            return x.reply({"task": "transcribe", "language": "english", "duration": 1.5, "text": "a word", "segments": [], "usage": {"type": "duration", "seconds": 2}})
        return x.reply(json.dumps({"text": "a word", "usage": USAGE}))

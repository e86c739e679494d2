# SPDX-License-Identifier: Apache-2.0
"""Model servers that refuse what the real ones refuse: text-generation-inference with its rules for parameters,
MLflow's model server with its one way to give inputs. They answer good calls with the texts (or vectors) of a plan, one
for each call."""
import json

from bedrock_fake import KEYS, check_signature, frame
from bedrock_fake import Refused as BedrockRefused

PARAMETERS = {"best_of", "decoder_input_details", "details", "do_sample", "frequency_penalty", "grammar", "max_new_tokens", "repetition_penalty", "return_full_text", "seed", "stop",
              "temperature", "top_k", "top_n_tokens", "top_p", "truncate", "typical_p", "watermark", "adapter_id"}


class Refused(Exception):
    pass


def check_texts(body, is_stream):
    """text-generation-inference's own checks."""
    given = body.get("parameters", {})
    if set(body) - {"inputs", "parameters", "stream"} or set(given) - PARAMETERS:
        raise Refused(f"unknown field among {sorted(body)}, {sorted(given)}")
    if not isinstance(body["inputs"], str) or not body["inputs"]:
        raise Refused("`inputs` cannot be empty")
    if "temperature" in given and not given["temperature"] > 0:
        raise Refused("`temperature` must be strictly positive")
    if "top_p" in given and not 0 < given["top_p"] < 1:
        raise Refused("`top_p` must be > 0.0 and < 1.0")
    if given.get("max_new_tokens", 1) < 1 or len(given.get("stop", [])) > 4:
        raise Refused("`max_new_tokens` must be strictly positive, `stop` has four at most")
    if given.get("do_sample") is False and "temperature" in given:
        raise Refused("sampling parameters without sampling")
    if is_stream and (given.get("decoder_input_details") or given.get("best_of", 1) > 1):
        raise Refused("`decoder_input_details` == true is not supported when streaming tokens")


def texts_reply(body, text):
    shown = body["inputs"] + text if body["parameters"].get("return_full_text") else text
    details = {"finish_reason": "eos_token", "generated_tokens": len(text), "seed": None, "tokens": [],
               "prefill": [{"id": i, "text": c, "logprob": None} for i, c in enumerate(body["inputs"])] if body["parameters"].get("decoder_input_details") else []}
    return {"generated_text": shown, "details": details if body["parameters"].get("details") else None}


def texts_events(body, text):
    for i, piece in enumerate(text):
        yield {"index": i + 1, "token": {"id": i, "text": piece, "logprob": -0.1, "special": False}, "generated_text": None, "details": None}
    yield {"index": len(text) + 1, "token": {"id": 0, "text": "</s>", "logprob": 0, "special": True}, "generated_text": text,
           "details": {"finish_reason": "eos_token", "generated_tokens": len(text), "input_length": len(body["inputs"]), "seed": None}}


class Texts:
    """An upstream's handler: text-generation-inference."""

    def __init__(self, plan):
        self.plan, self.bodies = list(plan), []

    def __call__(self, x):
        body, is_stream = x.json(), x.path.endswith("_stream")
        assert x.path in ("/generate", "/generate_stream")
        try:
            check_texts(body, is_stream)
        except Refused as e:
            x.reply({"error": f"Input validation error: {e}", "error_type": "validation"}, "422 Unprocessable Entity")
            return
        self.bodies.append(body)
        text = self.plan.pop(0)
        if not is_stream:
            x.reply(texts_reply(body, text))
            return
        x.stream_head()
        for event in texts_events(body, text):
            x.chunk("data:" + json.dumps(event) + "\n\n")
        x.last_chunk()


class Scoring:
    """An upstream's handler: MLflow's model server."""

    def __init__(self, plan):
        self.plan, self.bodies = list(plan), []

    def __call__(self, x):
        body = x.json()
        given = [k for k in ("dataframe_split", "dataframe_records", "instances", "inputs") if k in body]
        wrong = (x.path != "/invocations" or x.get("content-type") != "application/json" or len(given) != 1 or set(body) - {*given, "params"}
                 or not isinstance(body["inputs"], list) or not isinstance(body.get("params", {}), dict) or x.get("authorization"))
        if wrong:
            x.reply({"error_code": "BAD_REQUEST", "message": "The request body must contain exactly one of the keys", "stack_trace": "Traceback"}, "400 Bad Request")
            return
        self.bodies.append(body)
        x.reply({"predictions": [self.plan.pop(0) for _ in body["inputs"]]})


PART = {":event-type": "PayloadPart", ":content-type": "application/octet-stream", ":message-type": "event"}


class SageMaker:
    """An upstream's handler: an endpoint named e, signed; its container speaks OpenAI's language, or that of
    text-generation-inference. A container's refusal is an error of the model."""

    def __init__(self, plan, texts=False):
        self.plan, self.texts, self.bodies = list(plan), texts, []

    def events(self, body, text):
        if self.texts:
            yield from (json.dumps(e) for e in texts_events(body, text))
            return
        for delta, finish in (({"role": "assistant", "content": ""}, None), *(({"content": c}, None) for c in text), ({}, "stop")):
            yield json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
        yield json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "x", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
        yield "[DONE]"

    def __call__(self, x):
        is_stream = x.path.endswith("-response-stream")
        assert x.path == "/endpoints/e/invocations" + ("-response-stream" if is_stream else "") and x.get("x-amzn-sagemaker-inference-component") == "part"
        try:
            check_signature(x, KEYS, "sagemaker")
        except BedrockRefused as e:
            x.reply({"message": str(e)}, e.status, headers=[("x-amzn-errortype", e.name)])
            return
        body = x.json()
        try:
            if self.texts:
                check_texts(body, is_stream)
            elif "model" in body or not body.get("messages"):
                raise Refused("messages are missing")
        except Refused as e:
            x.reply({"Message": f"Received client error (422) from model with message \"{e}\"", "OriginalStatusCode": 422, "OriginalMessage": str(e), "LogStreamArn": "arn"},
                    "424 Failed Dependency", headers=[("x-amzn-errortype", "ModelError")])
            return
        self.bodies.append(body)
        text = self.plan.pop(0)
        if not is_stream and self.texts:
            x.reply([texts_reply(body, text)])
        elif not is_stream:
            x.reply({"id": "c", "object": "chat.completion", "created": 1, "model": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                     "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
        else:
            x.stream_head("application/vnd.amazon.eventstream")
            raw = "".join(f"data: {e}\n\n" for e in self.events(body, text)).encode()
            for at in range(0, len(raw), 50):
                x.chunk(frame(PART, raw[at:at + 50]))
            x.last_chunk()

# SPDX-License-Identifier: Apache-2.0
"""What users of OpenAI's clients see of a call: the same facts from the client for Python and from the one for Node."""
import json
import pathlib
import subprocess

import openai
from openai.types.chat import ChatCompletion, ChatCompletionChunk

HERE = pathlib.Path(__file__).parent.parent
MESSAGES = [{"role": "user", "content": "x"}]


class NodeEyes:
    """One node process for many calls: its start costs more than they do."""

    def __init__(self):
        self.process = subprocess.Popen(["node", str(HERE / "node_eyes.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)

    def see(self, base, path, body):
        self.process.stdin.write(json.dumps({"base": base, "path": path, "body": body}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the node process is gone"
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()


def look(seen, choices, part):
    if not choices:
        seen["without_choices"] += 1
    for choice in choices or []:
        said = getattr(choice, part)
        seen["text"] += (said.content if said else None) or ""
        if choice.finish_reason:
            seen["finish"].append(choice.finish_reason)
        for call in (said.tool_calls if said else None) or []:
            if part == "message" or call.id:
                seen["tools"].append([call.function.name or "", ""])
            seen["tools"][-1][1] += call.function.arguments or ""


class PythonEyes:
    def __init__(self):
        self.client = openai.OpenAI(base_url="http://unset", api_key="none", max_retries=0, timeout=20)

    def see(self, base, path, body):
        self.client.base_url = base
        seen = {"text": "", "finish": [], "tools": [], "usage": None, "without_choices": 0, "error": None}
        stream = body.get("stream", False)
        try:
            reply = self.client.post(path, body={"messages": MESSAGES, **body}, cast_to=ChatCompletionChunk if stream else ChatCompletion,
                                stream=stream, stream_cls=openai.Stream[ChatCompletionChunk])
            for one in reply if stream else [reply]:
                look(seen, one.choices, "delta" if stream else "message")
                seen["usage"] = one.usage.total_tokens if one.usage else seen["usage"]
        except Exception as e:  # noqa: BLE001 - whatever reaches a user is looked at
            told = e.body.get("message") if isinstance(getattr(e, "body", None), dict) else None
            seen["error"] = {"class": type(e).__name__, "status": getattr(e, "status_code", None), "message": told or str(e),
                             "code": getattr(e, "code", None)}
        return seen

    def close(self):
        self.client.close()

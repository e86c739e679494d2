// SPDX-License-Identifier: Apache-2.0
// OpenAI's client for Node at /v1/responses: a loop of tools, whole and streamed; what it saw as JSON on the last line.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "k", maxRetries: 0 });
const tools = [{ type: "function", name: "f", description: "adds", strict: true,
                 parameters: { type: "object", properties: { n: { type: "integer" } }, required: ["n"], additionalProperties: false } }];

async function ask(call, stream) {
  if (!stream) return client.responses.create(call);
  const events = client.responses.stream(call);
  let text = "";
  events.on("response.output_text.delta", (e) => { text += e.delta; });
  const final = await events.finalResponse();
  if (final.output_text !== text) throw new Error(`told ${text}, and at the end ${final.output_text}`);
  return final;
}

const out = {};
for (const stream of [false, true]) {
  let input = [{ role: "user", content: "go" }];
  let response;
  for (let turn = 0; turn < 4; turn++) {
    response = await ask({ model: process.argv[3], input, tools, include: ["reasoning.encrypted_content"] }, stream);
    input = input.concat(response.output);
    const calls = response.output.filter((i) => i.type === "function_call");
    if (!calls.length) break;
    input = input.concat(calls.map((c) => ({ type: "function_call_output", call_id: c.call_id, output: String(JSON.parse(c.arguments).n) })));
  }
  out[stream ? "stream" : "whole"] = { text: response.output_text, items: input.length, status: response.status };
}
try {
  await client.responses.create({ model: process.argv[3], input: "x", background: true });
} catch (e) {
  out.refused = [e.status, e.param, e.constructor.name];
}
console.log(JSON.stringify(out));

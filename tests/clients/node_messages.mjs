// SPDX-License-Identifier: Apache-2.0
// Loops of Anthropic's client for TypeScript, with a tool or towards an object. Reads one a line (its base URL, its model, the way) and
// prints what came of it: how many calls each turn of the model had, and its last words.
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { jsonSchemaOutputFormat } from "@anthropic-ai/sdk/helpers/json-schema";
import readline from "node:readline";

const rows = [11, 22, 33];
const about = { name: "look_up", description: "The value of a row." };
const input = { type: "object", properties: { row: { type: "integer" } }, required: ["row"] };
const schema = { type: "object", properties: { sum: { type: "integer" } }, required: ["sum"], additionalProperties: false };
const frame = { max_tokens: 4000, system: "Add the rows." };
const begin = () => [{ role: "user", content: "Go." }];
const wordsOf = (content) => content.filter((b) => b.type === "text").map((b) => b.text).join("");

async function byHand(client, model, isStream) {
  const messages = begin(), sizes = [], texts = [];
  while (texts.length < 2) {
    const call = { ...frame, model, messages, tools: [{ ...about, input_schema: input }] };
    const { content } = isStream ? await client.messages.stream(call).finalMessage() : await client.messages.create(call);
    messages.push({ role: "assistant", content });
    const calls = content.filter((b) => b.type === "tool_use");
    if (calls.length) {
      sizes.push(calls.length);
      messages.push({ role: "user", content: calls.map((c) => ({ type: "tool_result", tool_use_id: c.id, content: String(rows[c.input.row]) })) });
    } else {
      texts.push(wordsOf(content));
      messages.push({ role: "user", content: "Say that again." });
    }
  }
  return { sizes, texts };
}

async function byRunner(client, model, stream) {
  const tool = betaTool({ ...about, inputSchema: input, run: ({ row }) => String(rows[row]) });
  const texts = [];
  let messages = begin();
  for (let i = 0; i < 2; i++) {
    const runner = client.beta.messages.toolRunner({ ...frame, model, messages, tools: [tool], stream });
    const last = await runner.runUntilDone();
    texts.push(wordsOf(last.content));
    messages = [...runner.params.messages, { role: "user", content: "Say that again." }];
  }
  const sizes = messages.map((m) => (m.role === "assistant" ? m.content.filter((b) => b.type === "tool_use").length : 0)).filter((n) => n);
  return { sizes, texts };
}

async function object(client, model) {
  const reply = await client.messages.parse({ ...frame, model, messages: begin(), output_config: { format: jsonSchemaOutputFormat(schema) } });
  return { sizes: [], texts: [JSON.stringify(reply.parsed_output)] };
}

const ways = { whole: (c, m) => byHand(c, m, false), stream: (c, m) => byHand(c, m, true), runner: (c, m) => byRunner(c, m, false),
  "runner-stream": (c, m) => byRunner(c, m, true), object };

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { base, model, way } = JSON.parse(line);
  const client = new Anthropic({ baseURL: base, apiKey: "none", maxRetries: 0, timeout: 20000, logLevel: "off" });
  console.log(JSON.stringify(await ways[way](client, model).catch((e) => ({ error: String(e) }))));
}

// SPDX-License-Identifier: Apache-2.0
// Loops of OpenAI's client for Node, with a tool or towards an object. Reads one a line (its base URL, its model, the way) and prints what
// came of it: how many calls each turn of the model had, and its last words.
import OpenAI from "openai";
import readline from "node:readline";

const rows = [11, 22, 33];
const about = { name: "look_up", description: "The value of a row.", parameters: {
  type: "object", properties: { row: { type: "integer" } }, required: ["row"] } };
const schema = { type: "object", properties: { sum: { type: "integer" } }, required: ["sum"], additionalProperties: false };
const begin = () => [{ role: "system", content: "Add the rows." }, { role: "user", content: "Go." }];

async function say(client, model, messages, isStream) {
  const call = { model, messages, tools: [{ type: "function", function: about }] };
  const reply = isStream ? await client.chat.completions.stream(call).finalChatCompletion() : await client.chat.completions.create(call);
  return reply.choices[0].message;
}

async function byHand(client, model, isStream) {
  const messages = begin(), sizes = [], texts = [];
  for (let said; texts.length < 2; ) {
    messages.push((said = await say(client, model, messages, isStream)));
    if (said.tool_calls?.length) {
      sizes.push(said.tool_calls.length);
      for (const { id, function: f } of said.tool_calls) {
        messages.push({ role: "tool", tool_call_id: id, content: String(rows[JSON.parse(f.arguments).row]) });
      }
    } else {
      texts.push(said.content);
      messages.push({ role: "user", content: "Say that again." });
    }
  }
  return { sizes, texts };
}

async function byRunner(client, model, isStream) {
  const tool = { ...about, parse: JSON.parse, function: ({ row }) => String(rows[row]) };
  let messages = begin();
  const texts = [];
  for (let i = 0; i < 2; i++) {
    const runner = client.chat.completions.runTools({ model, messages, tools: [{ type: "function", function: tool }], stream: isStream });
    texts.push(await runner.finalContent());
    messages = [...runner.messages, { role: "user", content: "Say that again." }];
  }
  return { sizes: messages.filter((m) => m.tool_calls?.length).map((m) => m.tool_calls.length), texts };
}

async function object(client, model) {
  const format = { type: "json_schema", json_schema: { name: "sum", strict: true, schema } };
  const reply = await client.chat.completions.parse({ model, messages: begin(), response_format: format });
  return { sizes: [], texts: [JSON.stringify(reply.choices[0].message.parsed)] };
}

const ways = { whole: (c, m) => byHand(c, m, false), stream: (c, m) => byHand(c, m, true), runner: (c, m) => byRunner(c, m, false),
  "runner-stream": (c, m) => byRunner(c, m, true), object };

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { base, model, way } = JSON.parse(line);
  const client = new OpenAI({ baseURL: base, apiKey: "none", maxRetries: 0, timeout: 20000, logLevel: "off" });
  console.log(JSON.stringify(await ways[way](client, model).catch((e) => ({ error: String(e) }))));
}

// SPDX-License-Identifier: Apache-2.0
// What a user of the Node client sees. Reads one call a line (its base URL, its path, its body) and prints one line about each.
import OpenAI from "openai";
import readline from "node:readline";

const messages = [{ role: "user", content: "x" }];

function look(seen, choices, part) {
  if (!choices?.length) seen.without_choices++;
  for (const choice of choices ?? []) {
    const said = choice[part] ?? {};
    seen.text += said.content ?? "";
    if (choice.finish_reason) seen.finish.push(choice.finish_reason);
    for (const call of said.tool_calls ?? []) {
      const name = call.function?.name ?? "";
      if (part === "message" || call.id) seen.tools.push([name, ""]);
      seen.tools.at(-1)[1] += call.function?.arguments ?? "";
    }
  }
}

async function see({ base, path, body }) {
  const client = new OpenAI({ baseURL: base, apiKey: "none", maxRetries: 0, timeout: 20000, logLevel: "off" });
  const seen = { text: "", finish: [], tools: [], usage: null, without_choices: 0, error: null };
  try {
    const reply = await client.post(path, { body: { messages, ...body }, stream: body.stream ?? false });
    if (body.stream) {
      for await (const chunk of reply) {
        look(seen, chunk.choices, "delta");
        seen.usage = chunk.usage?.total_tokens ?? seen.usage;
      }
    } else {
      look(seen, reply.choices, "message");
      seen.usage = reply.usage?.total_tokens ?? null;
    }
  } catch (e) {
    seen.error = { class: e.constructor.name, status: e.status ?? null, message: e.error?.message ?? e.message, code: e.code ?? null };
  }
  return seen;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await see(JSON.parse(line))));
}

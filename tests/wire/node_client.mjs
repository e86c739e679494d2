// SPDX-License-Identifier: Apache-2.0
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const messages = [{ role: "user", content: "hello" }];
const out = {};
out.chat = (await client.chat.completions.create({ model: "chat", messages })).choices[0].message.content;
out.stream = "";
for await (const chunk of await client.chat.completions.create({ model: "chat", messages, stream: true })) {
  out.stream += chunk.choices[0].delta.content ?? "";
}
out.dims = (await client.embeddings.create({ model: "embeddings", input: "x", encoding_format: "float" })).data[0].embedding.length;
out.models = (await client.models.list()).data.length;
try {
  await client.chat.completions.create({ model: "nope", messages });
} catch (e) {
  out.missing = e.status;
}
console.log(JSON.stringify(out));

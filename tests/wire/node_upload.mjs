// SPDX-License-Identifier: Apache-2.0
// A recording and an image by OpenAI's client, which sends the file before the model when the program names it first.
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const out = {};
const sound = await toFile(Buffer.alloc(Number(process.argv[3]), 7), "a.mp3", { type: "audio/mpeg" });
out.text = (await client.audio.transcriptions.create({ file: sound, model: "transcribe" })).text;
out.words = "";
for await (const event of await client.audio.transcriptions.create({ file: sound, model: "transcribe", stream: true })) {
  if (event.type === "transcript.text.delta") out.words += event.delta;
}
out.srt = await client.audio.transcriptions.create({ file: sound, model: "transcribe", response_format: "srt" });
const images = [await toFile(Buffer.alloc(100, 1), "1.png", { type: "image/png" }), await toFile(Buffer.alloc(200, 2), "2.png", { type: "image/png" })];
out.image = (await client.images.edit({ image: images, prompt: "a cat", model: "images" })).data[0].b64_json;
try {
  await client.audio.transcriptions.create({ file: sound, model: "nope" });
} catch (e) {
  out.missing = [e.status, e.message];
}
console.log(JSON.stringify(out));

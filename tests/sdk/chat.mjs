// Sends one chat per trace id with the official SDK, and prints what each call gave as a line of JSON.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

// The SDK is installed outside the tree; its folder is in the environment.
const require = createRequire(`${process.env.WEIR_NODE_DIR}/package.json`);
const { OpenAI } = require("openai");

const { values: options } = parseArgs({
  options: {
    "base-url": { type: "string" },
    model: { type: "string" },
    concurrency: { type: "string", default: "16" },
    stream: { type: "boolean", default: false },
  },
});

const client = new OpenAI({ baseURL: options["base-url"], apiKey: "unused", maxRetries: 0 });

async function call(key) {
  const { data, response } = await client.chat.completions
    .create({
      model: options.model,
      messages: [{ role: "user", content: "Say something." }],
      stream: options.stream,
      requesty: { trace_id: key },
    })
    .withResponse();
  const target = response.headers.get("x-weir-model") ?? "";
  if (!options.stream) {
    return { key, target, model: data.model, content: data.choices[0].message.content };
  }
  let model = "";
  let content = "";
  for await (const event of data) {
    model = event.model;
    content += event.choices.map((choice) => choice.delta.content ?? "").join("");
  }
  return { key, target, model, content };
}

const keys = readFileSync(0, "utf8").split("\n").filter(Boolean);
let next = 0;

async function worker() {
  while (next < keys.length) {
    console.log(JSON.stringify(await call(keys[next++])));
  }
}

await Promise.all(Array.from({ length: Number(options.concurrency) }, worker));

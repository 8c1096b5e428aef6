// The official SDK for Node, for every target: prints what became of each as a line of JSON, as main.py does.

import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { strict as assert } from "node:assert";

// The SDK is installed outside the tree; its folder is in the environment.
const require = createRequire(`${process.env.WEIR_NODE_DIR}/package.json`);
const { OpenAI } = require("openai");

const { values: options } = parseArgs({ options: { "base-url": { type: "string" } } });
const baseURL = `${options["base-url"]}/v1`;
const client = new OpenAI({ baseURL, apiKey: "sk-of-the-caller", maxRetries: 0 });

const models = {
  OpenAI: "openai/gpt-5.2",
  AzureOpenAI: "azure/gpt-5.2",
  Anthropic: "anthropic/claude-sonnet-4-5",
  Gemini: "gemini/gemini-2.5-flash",
  Bedrock: "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0",
};

const schema = {
  type: "object",
  properties: { city: { type: "string" }, degrees: { type: "integer" } },
  required: ["city", "degrees"],
  additionalProperties: false,
};
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tool = { type: "function", function: { name: "get_weather", description: "The weather.", parameters } };
const user = (content) => [{ role: "user", content }];

const works = {
  async create(model) {
    const answer = await client.chat.completions.create({ model, messages: user("say-hello") });
    assert.equal(answer.choices[0].message.content, "Hello from the model.");
  },
  async stream(model) {
    const stream = client.chat.completions.stream({ model, messages: user("say-hello") });
    assert.equal(await stream.finalContent(), "Hello from the model.");
  },
  async parse(model) {
    const response_format = { type: "json_schema", json_schema: { name: "weather", schema, strict: true } };
    const request = { model, messages: user("as-json"), response_format };
    const answer = await client.chat.completions.parse(request);
    assert.deepEqual(JSON.parse(answer.choices[0].message.content), { city: "Oslo", degrees: 7 });
  },
  async runTools(model) {
    const seen = [];
    const called = { ...tool.function, parse: JSON.parse, function: ({ city }) => (seen.push(city), "7 degrees") };
    const tools = [{ type: "function", function: called }];
    const runner = client.chat.completions.runTools({ model, messages: user("call-one"), tools });
    assert.equal(await runner.finalContent(), "It is 7 degrees.");
    assert.deepEqual(seen, ["Oslo"]);
  },
  async responses(model) {
    const answer = await client.responses.create({ model, input: "say-hello", store: false });
    assert.equal(answer.output_text, "Hello from the model.");
  },
};

async function outcome(work, model) {
  try {
    await work(model);
    return "works";
  } catch (error) {
    return `broken: ${error}`;
  }
}

// The SDK repeats a failed direct call by itself; the mock fails the first one.
const patient = new OpenAI({ baseURL, apiKey: "sk-of-the-caller", maxRetries: 2 });
const again = await patient.chat.completions.create({ model: models.OpenAI, messages: user("flaky-node") });
assert.equal(again.choices[0].message.content, "Hello at last.");

for (const [capability, work] of Object.entries(works)) {
  for (const [target, model] of Object.entries(models)) {
    const cell = { caller: "openai for Node", target, capability, mode: "whole", outcome: await outcome(work, model) };
    console.log(JSON.stringify(cell));
  }
}

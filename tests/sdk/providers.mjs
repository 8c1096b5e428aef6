// Plays every provider with aimock, behind a recorder: what Weir sent can be asked for, byte for byte.
//
// Prints {"port": N} once it listens. GET /recorded?marker=TEXT gives the requests whose body holds TEXT.

import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The package is installed outside the tree; its folder is in the environment.
const require = createRequire(`${process.env.WEIR_NODE_DIR}/package.json`);
const { LLMock } = await import(pathToFileURL(require.resolve("@copilotkit/aimock")).href);

// Every provider's own names for the same two numbers.
const usage = {
  prompt_tokens: 11,
  completion_tokens: 7,
  total_tokens: 18,
  input_tokens: 11,
  output_tokens: 7,
  promptTokenCount: 11,
  candidatesTokenCount: 7,
  totalTokenCount: 18,
};

const weather = (city) => ({ name: "get_weather", arguments: JSON.stringify({ city }) });

const mock = new LLMock({ port: 0, chunkSize: 5 });
for (const caller of ["flaky-python", "flaky-node", "flaky-messages"]) {
  const busy = { error: { message: "busy", type: "server_error" }, status: 503 };
  mock.on({ userMessage: caller, sequenceIndex: 0 }, busy);
}
mock.onMessage("say-hello", { content: "Hello from the model.", usage });
mock.onMessage("flaky", { content: "Hello at last.", usage });
mock.on({ userMessage: "call-one", hasToolResult: true }, { content: "It is 7 degrees.", usage });
mock.onMessage("call-one", { toolCalls: [weather("Oslo")], usage });
mock.onMessage("call-two", { toolCalls: [weather("Oslo"), weather("Bergen")], usage });
mock.onMessage("think-first", { content: "Forty-two.", reasoning: "Let me see. Six times seven.", usage });
mock.onMessage("run-long", { content: "And so on", finishReason: "length", usage });
mock.onMessage("as-json", { content: '{"city":"Oslo","degrees":7}', usage });
mock.onMessage("refuse-it", { error: { message: "slow down", type: "rate_limit_error" }, status: 429 });
mock.onEmbedding(/./, { embedding: [0.25, -0.5, 0.125] });
await mock.start();

const target = new URL(mock.url);
const recorded = [];

function read(stream) {
  return new Promise((resolve, reject) => {
    const pieces = [];
    stream.on("data", (piece) => pieces.push(piece));
    stream.on("end", () => resolve(Buffer.concat(pieces)));
    stream.on("error", reject);
  });
}

function tell(response, url) {
  const marker = url.searchParams.get("marker");
  const found = recorded.filter((entry) => entry.body.includes(marker));
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(found));
}

const server = createServer(async (incoming, response) => {
  const url = new URL(incoming.url, "http://recorder");
  if (url.pathname === "/recorded") return tell(response, url);
  const body = await read(incoming);
  recorded.push({ path: incoming.url, headers: incoming.headers, body: body.toString("utf8") });
  const options = { host: target.hostname, port: target.port, method: incoming.method, path: incoming.url };
  const onward = request({ ...options, headers: incoming.headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  onward.end(body);
});

server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));

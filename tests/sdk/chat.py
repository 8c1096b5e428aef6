"""Sends one chat per trace id with the official SDK, and prints what each call gave as a line of JSON."""

import argparse
import asyncio
import json
import sys

from openai import AsyncOpenAI


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--api-key", default="unused")
    return parser.parse_args()


async def call(client, options, key):
    request = {
        "model": options.model,
        "messages": [{"role": "user", "content": "Say something."}],
        "extra_body": {"requesty": {"trace_id": key}},
    }
    raw = await client.chat.completions.with_raw_response.create(stream=options.stream, **request)
    target = raw.headers.get("x-weir-model", "")
    answer = raw.parse()
    if not options.stream:
        return {"key": key, "target": target, "model": answer.model, "content": answer.choices[0].message.content}
    model, content = "", ""
    async for event in answer:
        model = event.model
        content += "".join(choice.delta.content or "" for choice in event.choices)
    return {"key": key, "target": target, "model": model, "content": content}


async def main():
    options = arguments()
    keys = [line for line in sys.stdin.read().split("\n") if line]
    client = AsyncOpenAI(base_url=options.base_url, api_key=options.api_key, max_retries=0)
    slots = asyncio.Semaphore(options.concurrency)

    async def limited(key):
        async with slots:
            print(json.dumps(await call(client, options, key)))

    await asyncio.gather(*(limited(key) for key in keys))


asyncio.run(main())

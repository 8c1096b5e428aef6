"""Asks for every capability of every target by every SDK, and prints what became of each as a line of JSON.

An outcome is `works`, `works, drops X` (the header x-weir-dropped names it), `refused` (a clear 400), or `broken`,
with the reason.
"""

import argparse
import asyncio
import json
import urllib.parse
import urllib.request

import anthropic
import openai
from callers import KEY, Chat, Messages, Responses
from native import upstream

MODELS = {
    "OpenAI": "openai/gpt-5.2",
    "AzureOpenAI": "azure/gpt-5.2",
    "Anthropic": "anthropic/claude-sonnet-4-5",
    "Gemini": "gemini/gemini-2.5-flash",
    "Bedrock": "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0",
}

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJWVtcHR5Cg=="
PROPERTIES = {"city": {"type": "string"}, "degrees": {"type": "integer"}}
SCHEMA = {"type": "object", "properties": PROPERTIES, "required": ["city", "degrees"], "additionalProperties": False}
TOOL = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALLED = {"id": "call_abc123", "name": "get_weather", "arguments": {"city": "Oslo"}, "result": "7 degrees"}


def plain(seen, _):
    assert (seen.text, seen.finish) == ("Hello from the model.", "stop"), (seen.text, seen.finish)


def one_call(seen, sent):
    assert sent["tools"] == ["get_weather"], sent["tools"]
    [(call, name, arguments)] = seen.calls
    assert call and name == "get_weather" and json.loads(arguments) == {"city": "Oslo"}, seen.calls
    assert seen.finish == "tool_calls", seen.finish


def two_calls(seen, _):
    cities = [json.loads(arguments)["city"] for _, _, arguments in seen.calls]
    assert cities == ["Oslo", "Bergen"], seen.calls
    assert len({call for call, _, _ in seen.calls}) == 2, seen.calls


def both(*checks):
    def check(seen, sent):
        for one in checks:
            one(seen, sent)

    return check


def sent_is(field, wanted):
    def check(_, sent):
        assert sent[field] == wanted, f"{field} was sent as {sent[field]}"

    return check


def sent_has(field, wanted):
    def check(_, sent):
        assert wanted in (sent[field] or ""), f"{field} was sent as {sent[field]}"

    return check


def usage(seen, _):
    assert seen.usage == (11, 7), seen.usage


def cut_off(seen, _):
    assert (seen.text, seen.finish) == ("And so on", "length"), (seen.text, seen.finish)


def structured(seen, sent):
    assert json.loads(seen.text) == {"city": "Oslo", "degrees": 7}, seen.text
    assert sent["schema"] and sent["schema"]["properties"] == PROPERTIES, sent["schema"]


def thought(seen, sent):
    assert (seen.text, seen.thought) == ("Forty-two.", "Let me see. Six times seven."), (seen.text, seen.thought)
    assert sent["thinking"], "nothing was said of reasoning"


def results(seen, sent):
    assert seen.text == "It is 7 degrees.", seen.text
    assert len(sent["results"]) == 1 and "7 degrees" in sent["results"][0], sent["results"]


HISTORY = [("user", "I am Ada."), ("assistant", "Hello, Ada.")]
SAY = "say-hello"

# The capability, what is asked in neutral words, and what must be true of the answer and of what the target was sent.
CAPABILITIES = {
    "text": ({"text": SAY}, plain),
    "system prompt": ({"text": SAY, "system": "Be brief."}, both(plain, sent_has("system", "Be brief."))),
    "several turns": ({"text": SAY, "history": HISTORY}, both(plain, sent_is("roles", ["user", "assistant", "user"]))),
    "usage": ({"text": SAY}, usage),
    "limit of tokens": ({"text": "run-long", "limit": 1500}, both(cut_off, sent_is("limit", 1500))),
    "temperature": ({"text": SAY, "temperature": 0.5}, both(plain, sent_is("temperature", 0.5))),
    "stop texts": ({"text": SAY, "stop": ["END"]}, both(plain, sent_is("stop", ["END"]))),
    "tools": ({"text": "call-one", "tools": [TOOL]}, one_call),
    "parallel tools": ({"text": "call-two", "tools": [TOOL]}, two_calls),
    "tool results": ({"text": "call-one", "tools": [TOOL], "called": [CALLED]}, results),
    "forced tool": ({"text": "call-one", "tools": [TOOL], "choice": "get_weather"}, both(one_call, sent_is("choice", "get_weather"))),
    "any tool": ({"text": "call-one", "tools": [TOOL], "choice": "required"}, both(one_call, sent_is("choice", "required"))),
    "image": ({"text": SAY, "image": PIXEL}, both(plain, sent_is("image", PIXEL))),
    "image by URL": ({"text": SAY, "image": "https://images.example/a.png"}, both(plain, sent_is("image", "https://images.example/a.png"))),
    "PDF document": ({"text": SAY, "document": PDF}, both(plain, sent_is("document", PDF))),
    "structured output": ({"text": "as-json", "schema": SCHEMA}, structured),
    "reasoning": ({"text": "think-first", "effort": "low"}, thought),
    "two answers": ({"text": SAY, "n": 2}, sent_is("answers", 2)),
    "log probabilities": ({"text": SAY, "extra": {"logprobs": True}}, plain),
    "seed": ({"text": SAY, "extra": {"seed": 7}}, plain),
    "provider's rate limit": ({"text": "refuse-it"}, None),
}

# What a caller's dialect has no words for.
UNSAID = {
    "chat": set(),
    "messages": {"two answers", "log probabilities", "seed"},
    "responses": {"two answers", "log probabilities", "seed", "stop texts"},
}


class Run:
    def __init__(self, options):
        self.recorder, self.count = options.recorder, 0

    async def cell(self, caller, target, capability, mode):
        ask, check = CAPABILITIES[capability]
        self.count += 1
        marker = f"cell-{self.count:04}-{caller.name}"
        ask = ask | {"text": f"{ask['text']} {marker}"}
        try:
            seen = await getattr(caller, mode)(MODELS[target], ask)
            assert check, "it was answered"
            entry = await asyncio.to_thread(self.recorded, marker)
            check(seen, upstream(target, entry))
            credentials(entry)
            return f"works, drops {seen.dropped}" if seen.dropped else "works"
        except (openai.APIStatusError, anthropic.APIStatusError) as error:
            return refused(error, capability)
        except Exception as error:  # Whatever it is, it is what is to be told.
            return f"broken: {type(error).__name__}: {error}"

    def recorded(self, marker):
        query = urllib.parse.urlencode({"marker": marker})
        with urllib.request.urlopen(f"{self.recorder}/recorded?{query}") as answer:
            entries = json.load(answer)
        assert len(entries) == 1, f"the target was asked {len(entries)} times"
        return entries[0]


def credentials(entry):
    values = " ".join(str(value) for value in entry["headers"].values())
    assert KEY not in values, "the caller's key went to the target"


def refused(error, capability):
    body = error.body.get("error", error.body) if isinstance(error.body, dict) else {}
    said = (error.status_code, body.get("class"))
    if capability == "provider's rate limit" and said == (429, "RateLimited"):
        return "works"
    # Anthropic's errors have no place for the field.
    names_the_field = body.get("param") or isinstance(error, anthropic.APIStatusError)
    if said == (400, "InvalidRequest") and names_the_field:
        return "refused"
    return f"broken: {said} {body.get('message')}"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--recorder", required=True)
    parser.add_argument("--only", default="", help="only cells whose `caller target capability mode` holds this")
    options = parser.parse_args()
    run, slots = Run(options), asyncio.Semaphore(8)

    async def one(caller, target, capability, mode):
        async with slots:
            outcome = await run.cell(caller, target, capability, mode)
        cell = {"caller": caller.name, "target": target, "capability": capability, "mode": mode, "outcome": outcome}
        print(json.dumps(cell), flush=True)

    cells = [
        (caller, target, capability, mode)
        for caller in (Chat(options.base_url), Messages(options.base_url), Responses(options.base_url))
        for capability in CAPABILITIES
        if capability not in UNSAID[caller.name]
        for target in MODELS
        for mode in ("whole", "stream")
        if options.only in f"{caller.name} {target} {capability} {mode}"
    ]
    await asyncio.gather(*(one(*cell) for cell in cells))


if __name__ == "__main__":
    asyncio.run(main())

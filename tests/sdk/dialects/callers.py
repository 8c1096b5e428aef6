"""The official SDKs, each driven to the same ends: a request in neutral words in, what the SDK read out."""

import json

from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

KEY = "sk-of-the-caller-0123456789-0123456789"


class Seen:
    """What an SDK made of an answer."""

    def __init__(self):
        self.text, self.thought, self.calls, self.finish, self.usage = "", "", [], None, None
        self.dropped = ""


class Chat:
    """openai, `/v1/chat/completions`."""

    name = "chat"

    def __init__(self, url):
        self.client = AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)

    def request(self, model, ask):
        request = {"model": model, "messages": self.turns(ask)}
        simple = {"temperature": "temperature", "stop": "stop", "limit": "max_completion_tokens", "n": "n", "effort": "reasoning_effort"}
        request |= {theirs: ask[ours] for ours, theirs in simple.items() if ours in ask}
        if "tools" in ask:
            request["tools"] = [{"type": "function", "function": tool} for tool in ask["tools"]]
        if "choice" in ask:
            named = {"type": "function", "function": {"name": ask["choice"]}}
            request["tool_choice"] = ask["choice"] if ask["choice"] in ("auto", "none", "required") else named
        if "schema" in ask:
            schema = {"name": "weather", "schema": ask["schema"], "strict": True}
            request["response_format"] = {"type": "json_schema", "json_schema": schema}
        return request | ask.get("extra", {})

    def turns(self, ask):
        turns = [{"role": "system", "content": ask["system"]}] if "system" in ask else []
        turns += [{"role": role, "content": text} for role, text in ask.get("history", [])]
        content = ask["text"]
        if "image" in ask:
            content = [{"type": "text", "text": content}, {"type": "image_url", "image_url": {"url": image_url(ask["image"])}}]
        if "document" in ask:
            file = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{ask['document']}"}
            content = [{"type": "text", "text": content}, {"type": "file", "file": file}]
        turns.append({"role": "user", "content": content})
        for call in ask.get("called", []):
            function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
            turns.append({"role": "assistant", "tool_calls": [{"id": call["id"], "type": "function", "function": function}]})
            turns.append({"role": "tool", "tool_call_id": call["id"], "content": call["result"]})
        return turns

    async def whole(self, model, ask):
        raw = await self.client.chat.completions.with_raw_response.create(**self.request(model, ask))
        answer, seen = raw.parse(), Seen()
        choice = answer.choices[0]
        seen.dropped = raw.headers.get("x-weir-dropped", "")
        seen.text, seen.finish, seen.usage = choice.message.content or "", choice.finish_reason, usage_of(answer.usage)
        seen.thought = getattr(choice.message, "reasoning_content", None) or ""
        seen.calls = [(call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
        assert answer.id and answer.object == "chat.completion" and answer.model
        return seen

    async def stream(self, model, ask):
        request = self.request(model, ask) | {"stream_options": {"include_usage": True}}
        raw = await self.client.chat.completions.with_raw_response.create(stream=True, **request)
        seen, calls, ids = Seen(), {}, set()
        seen.dropped = raw.headers.get("x-weir-dropped", "")
        async for chunk in raw.parse():
            ids.add(chunk.id)
            seen.usage = usage_of(chunk.usage) or seen.usage
            for choice in chunk.choices:
                seen.text += choice.delta.content or ""
                seen.thought += getattr(choice.delta, "reasoning_content", None) or ""
                seen.finish = choice.finish_reason or seen.finish
                for call in choice.delta.tool_calls or []:
                    merge(calls, call)
        assert len(ids - {""}) == 1, f"the chunks have {len(ids)} ids"
        seen.calls = [tuple(calls[index]) for index in sorted(calls)]
        return seen


def merge(calls, call):
    entry = calls.setdefault(call.index, ["", "", ""])
    entry[0] = call.id or entry[0]
    entry[1] = call.function.name or entry[1]
    entry[2] += call.function.arguments or ""


def usage_of(usage):
    return usage and (usage.prompt_tokens, usage.completion_tokens)


def image_url(image):
    return image if image.startswith("https://") else f"data:image/png;base64,{image}"


class Messages:
    """anthropic, `/v1/messages`."""

    name = "messages"

    def __init__(self, url):
        self.client = AsyncAnthropic(base_url=url, api_key=KEY, max_retries=0)

    def request(self, model, ask):
        request = {"model": model, "max_tokens": ask.get("limit", 2048), "messages": self.turns(ask)}
        simple = {"stop": "stop_sequences", "system": "system"}
        request |= {theirs: ask[ours] for ours, theirs in simple.items() if ours in ask}
        # Newer versions of the SDK have no word for it; older ones, and many callers, do.
        beside = {"temperature": ask["temperature"]} if "temperature" in ask else {}
        if "effort" in ask:
            request["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if "tools" in ask:
            request["tools"] = [
                {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]} for tool in ask["tools"]
            ]
        if "choice" in ask:
            plain = {"auto": {"type": "auto"}, "none": {"type": "none"}, "required": {"type": "any"}}
            request["tool_choice"] = plain.get(ask["choice"], {"type": "tool", "name": ask["choice"]})
        if "schema" in ask:
            request["output_config"] = {"format": {"type": "json_schema", "schema": ask["schema"]}}
        return request | {"extra_body": beside | ask.get("extra", {})}

    def turns(self, ask):
        turns = [{"role": role, "content": text} for role, text in ask.get("history", [])]
        content = [{"type": "text", "text": ask["text"]}]
        if "image" in ask:
            content.append({"type": "image", "source": image_source(ask["image"])})
        if "document" in ask:
            source = {"type": "base64", "media_type": "application/pdf", "data": ask["document"]}
            content.append({"type": "document", "source": source})
        turns.append({"role": "user", "content": content})
        for call in ask.get("called", []):
            use = {"type": "tool_use", "id": call["id"], "name": call["name"], "input": call["arguments"]}
            turns.append({"role": "assistant", "content": [use]})
            result = {"type": "tool_result", "tool_use_id": call["id"], "content": call["result"]}
            turns.append({"role": "user", "content": [result]})
        return turns

    async def whole(self, model, ask):
        raw = await self.client.messages.with_raw_response.create(**self.request(model, ask))
        return read_message(await raw.parse(), raw.headers)

    async def stream(self, model, ask):
        async with self.client.messages.stream(**self.request(model, ask)) as stream:
            async for _ in stream:
                pass
            return read_message(await stream.get_final_message(), stream.response.headers)


def image_source(image):
    if image.startswith("https://"):
        return {"type": "url", "url": image}
    return {"type": "base64", "media_type": "image/png", "data": image}


FINISHES = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls", "refusal": "content_filter"}


def read_message(message, headers):
    seen = Seen()
    seen.dropped = headers.get("x-weir-dropped", "")
    assert message.id and message.type == "message" and message.role == "assistant" and message.model
    for block in message.content:
        if block.type == "text":
            seen.text += block.text
        elif block.type == "thinking":
            seen.thought += block.thinking
        elif block.type == "tool_use":
            seen.calls.append((block.id, block.name, json.dumps(block.input)))
    seen.finish = FINISHES[message.stop_reason]
    seen.usage = (message.usage.input_tokens, message.usage.output_tokens)
    return seen


class Responses:
    """openai, `/v1/responses`."""

    name = "responses"

    def __init__(self, url):
        self.client = AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)

    def request(self, model, ask):
        request = {"model": model, "input": self.items(ask), "store": False}
        simple = {"temperature": "temperature", "limit": "max_output_tokens", "system": "instructions"}
        request |= {theirs: ask[ours] for ours, theirs in simple.items() if ours in ask}
        if "effort" in ask:
            request["reasoning"] = {"effort": ask["effort"]}
        if "tools" in ask:
            request["tools"] = [{"type": "function", "strict": False, **tool} for tool in ask["tools"]]
        if "choice" in ask:
            named = {"type": "function", "name": ask["choice"]}
            request["tool_choice"] = ask["choice"] if ask["choice"] in ("auto", "none", "required") else named
        if "schema" in ask:
            request["text"] = {"format": {"type": "json_schema", "name": "weather", "schema": ask["schema"], "strict": True}}
        return request | {"extra_body": ask.get("extra", {})}

    def items(self, ask):
        items = [{"role": role, "content": text} for role, text in ask.get("history", [])]
        content = [{"type": "input_text", "text": ask["text"]}]
        if "image" in ask:
            content.append({"type": "input_image", "image_url": image_url(ask["image"]), "detail": "auto"})
        if "document" in ask:
            data = f"data:application/pdf;base64,{ask['document']}"
            content.append({"type": "input_file", "filename": "a.pdf", "file_data": data})
        items.append({"role": "user", "content": content})
        for call in ask.get("called", []):
            arguments = json.dumps(call["arguments"])
            items.append({"type": "function_call", "call_id": call["id"], "name": call["name"], "arguments": arguments})
            items.append({"type": "function_call_output", "call_id": call["id"], "output": call["result"]})
        return items

    async def whole(self, model, ask):
        raw = await self.client.responses.with_raw_response.create(**self.request(model, ask))
        return read_response(raw.parse(), raw.headers)

    async def stream(self, model, ask):
        raw = await self.client.responses.with_raw_response.create(stream=True, **self.request(model, ask))
        text, last = "", None
        async for event in raw.parse():
            assert last is None, "something follows the last event"
            text += event.delta if event.type == "response.output_text.delta" else ""
            last = event.response if event.type in ("response.completed", "response.incomplete") else None
        seen = read_response(last, raw.headers)
        assert seen.text == text, (seen.text, text)
        return seen


def read_response(response, headers):
    seen = Seen()
    seen.dropped = headers.get("x-weir-dropped", "")
    assert response.id and response.object == "response" and response.model
    for item in response.output:
        if item.type == "message":
            seen.text += "".join(part.text for part in item.content if part.type == "output_text")
        elif item.type == "function_call":
            seen.calls.append((item.call_id, item.name, item.arguments))
        elif item.type == "reasoning":
            seen.thought += "".join(part.text for part in [*item.summary, *(item.content or [])])
    cut = {"max_output_tokens": "length", "content_filter": "content_filter"}
    done = "tool_calls" if seen.calls else "stop"
    # The mock says no reason.
    reason = response.incomplete_details.reason if response.incomplete_details else "max_output_tokens"
    seen.finish = done if response.status == "completed" else cut[reason]
    seen.usage = (response.usage.input_tokens, response.usage.output_tokens)
    return seen

"""What a target was sent, read from its own dialect's body: written from each provider's reference, not from Weir."""

import json


def upstream(kind, entry):
    """One view of a recorded request, whatever its dialect."""
    views = {"OpenAI": chat, "AzureOpenAI": chat, "Anthropic": messages, "Gemini": gemini, "Bedrock": bedrock}
    view = responses if entry["path"].endswith("/responses") else views[kind]
    return view(json.loads(entry["body"]))


def texts(parts):
    if isinstance(parts, str):
        return parts
    return " ".join(part.get("text", "") for part in parts or [])


def chat(body):
    turns = body["messages"]
    parts = [part for turn in turns if isinstance(turn.get("content"), list) for part in turn["content"]]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    choice = body.get("tool_choice")
    return {
        "system": " ".join(texts(turn["content"]) for turn in turns if turn["role"] in ("system", "developer")),
        "roles": [turn["role"] for turn in turns if turn["role"] in ("user", "assistant")],
        "image": next((url.split(",", 1)[-1] for url in urls), None),
        "document": next((part["file"]["file_data"].split(",", 1)[-1] for part in parts if part["type"] == "file"), None),
        "tools": [tool["function"]["name"] for tool in body.get("tools", [])],
        "choice": choice["function"]["name"] if isinstance(choice, dict) else choice,
        "results": [texts(turn["content"]) for turn in turns if turn["role"] == "tool"],
        "schema": body.get("response_format", {}).get("json_schema", {}).get("schema"),
        "stop": body.get("stop"),
        "limit": body.get("max_completion_tokens", body.get("max_tokens")),
        "temperature": body.get("temperature"),
        "thinking": body.get("reasoning_effort"),
        "answers": body.get("n"),
    }


def responses(body):
    items = [item for item in body["input"] if "role" in item]
    parts = [part for item in items if isinstance(item["content"], list) for part in item["content"]]
    images = [part["image_url"].split(",", 1)[-1] for part in parts if part["type"] == "input_image"]
    files = [part["file_data"].split(",", 1)[-1] for part in parts if part["type"] == "input_file"]
    choice = body.get("tool_choice")
    return {
        "system": body.get("instructions"),
        "roles": [item["role"] for item in items],
        "image": next(iter(images), None),
        "document": next(iter(files), None),
        "tools": [tool["name"] for tool in body.get("tools", [])],
        "choice": choice["name"] if isinstance(choice, dict) else choice,
        "results": [item["output"] for item in body["input"] if item.get("type") == "function_call_output"],
        "schema": body.get("text", {}).get("format", {}).get("schema"),
        "limit": body.get("max_output_tokens"),
        "temperature": body.get("temperature"),
        "thinking": body.get("reasoning"),
    }


def messages(body):
    blocks = [block for turn in body["messages"] if isinstance(turn["content"], list) for block in turn["content"]]
    choice = body.get("tool_choice") or {}
    thinking = body.get("thinking") or {}
    return {
        "system": texts(body.get("system")),
        "roles": [turn["role"] for turn in body["messages"]],
        "image": next((source(block) for block in blocks if block["type"] == "image"), None),
        "document": next((source(block) for block in blocks if block["type"] == "document"), None),
        "tools": [tool["name"] for tool in body.get("tools", [])],
        "choice": choice.get("name") or {"any": "required"}.get(choice.get("type"), choice.get("type")),
        "results": [texts(block["content"]) for block in blocks if block["type"] == "tool_result"],
        "schema": (body.get("output_config", {}).get("format") or body.get("output_format") or {}).get("schema"),
        "stop": body.get("stop_sequences"),
        "limit": body.get("max_tokens"),
        "temperature": body.get("temperature"),
        "thinking": thinking.get("type") if thinking.get("type") != "disabled" else None,
    }


def source(block):
    return block["source"].get("data") or block["source"].get("url")


def gemini(body):
    parts = [part for turn in body["contents"] for part in turn["parts"]]
    data = [part["inlineData"] for part in parts if "inlineData" in part]
    files = [part["fileData"]["fileUri"] for part in parts if "fileData" in part]
    config = body.get("generationConfig", {})
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    names = calling.get("allowedFunctionNames")
    return {
        "system": texts(body.get("systemInstruction", {}).get("parts")),
        "roles": [{"model": "assistant"}.get(turn["role"], turn["role"]) for turn in body["contents"]],
        "image": next((datum["data"] for datum in data if datum["mimeType"].startswith("image/")), None) or next(iter(files), None),
        "document": next((datum["data"] for datum in data if datum["mimeType"] == "application/pdf"), None),
        "tools": [one["name"] for tool in body.get("tools", []) for one in tool["functionDeclarations"]],
        "choice": names[0] if names else {"ANY": "required", "NONE": "none", "AUTO": "auto"}.get(calling.get("mode")),
        "results": [json.dumps(part["functionResponse"]["response"]) for part in parts if "functionResponse" in part],
        "schema": config.get("responseJsonSchema") or config.get("responseSchema"),
        "stop": config.get("stopSequences"),
        "limit": config.get("maxOutputTokens"),
        "temperature": config.get("temperature"),
        "thinking": config.get("thinkingConfig"),
        "answers": config.get("candidateCount"),
    }


def bedrock(body):
    blocks = [block for turn in body["messages"] for block in turn["content"]]
    config = body.get("inferenceConfig", {})
    tools = body.get("toolConfig", {})
    choice = tools.get("toolChoice", {})
    results = [block["toolResult"]["content"] for block in blocks if "toolResult" in block]
    output = body.get("outputConfig", {}).get("textFormat", {}).get("structure", {}).get("jsonSchema", {})
    return {
        "system": texts([block for block in body.get("system", []) if "text" in block]),
        "roles": [turn["role"] for turn in body["messages"]],
        "image": next((block["image"]["source"]["bytes"] for block in blocks if "image" in block), None),
        "document": next((block["document"]["source"]["bytes"] for block in blocks if "document" in block), None),
        "tools": [tool["toolSpec"]["name"] for tool in tools.get("tools", []) if "toolSpec" in tool],
        "choice": choice.get("tool", {}).get("name") or {"any": "required"}.get(next(iter(choice), None), next(iter(choice), None)),
        "results": [texts(result) or json.dumps(result) for result in results],
        "schema": json.loads(output["schema"]) if "schema" in output else None,
        "stop": config.get("stopSequences"),
        "limit": config.get("maxTokens"),
        "temperature": config.get("temperature"),
        "thinking": body.get("additionalModelRequestFields", {}).get("thinking"),
    }

"""What people use beside the plain calls: helpers of the SDK, its own retries, its synchronous client, LangChain.

Prints what became of each, for each target, as a line of JSON like `main.py`.
"""

import argparse
import json

from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from openai import OpenAI
from pydantic import BaseModel

from callers import KEY
from main import MODELS, SCHEMA, TOOL


class Weather(BaseModel):
    """The weather of a city."""

    city: str
    degrees: int


OSLO = Weather(city="Oslo", degrees=7)


class Openai:
    name = "openai for Python"

    def __init__(self, url):
        self.client = OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        self.patient = OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=2)

    def synchronous_client(self, model):
        answer = self.client.chat.completions.create(model=model, messages=user("say-hello"))
        assert answer.choices[0].message.content == "Hello from the model."

    def structured_output_by_parse(self, model):
        answer = self.client.chat.completions.parse(model=model, messages=user("as-json"), response_format=Weather)
        assert answer.choices[0].message.parsed == OSLO

    def structured_output_by_the_stream_helper(self, model):
        with self.client.chat.completions.stream(model=model, messages=user("as-json"), response_format=Weather) as stream:
            for _ in stream:
                pass
            assert stream.get_final_completion().choices[0].message.parsed == OSLO

    def tools_by_the_stream_helper(self, model):
        tools = [{"type": "function", "function": TOOL}]
        with self.client.chat.completions.stream(model=model, messages=user("call-two"), tools=tools) as stream:
            for _ in stream:
                pass
            calls = stream.get_final_completion().choices[0].message.tool_calls
        assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Oslo", "Bergen"]


class Langchain:
    name = "LangChain's ChatOpenAI"

    def __init__(self, url):
        self.url = url

    def chat(self, model):
        return ChatOpenAI(model=model, base_url=f"{self.url}/v1", api_key=KEY, max_retries=0)

    def invoke(self, model):
        answer = self.chat(model).invoke("say-hello")
        assert answer.content == "Hello from the model."
        assert answer.usage_metadata["input_tokens"] == 11, answer.usage_metadata

    def stream(self, model):
        pieces = [piece.content for piece in self.chat(model).stream("say-hello")]
        assert "".join(pieces) == "Hello from the model." and len(pieces) > 2, pieces

    def bind_tools(self, model):
        bound = self.chat(model).bind_tools([{"type": "function", "function": TOOL}])
        answer = bound.invoke("call-one")
        assert answer.tool_calls[0]["args"] == {"city": "Oslo"}, answer.tool_calls
        told = {"role": "tool", "content": "7 degrees", "tool_call_id": answer.tool_calls[0]["id"]}
        assert bound.invoke([HumanMessage("call-one"), answer, told]).content == "It is 7 degrees."

    def with_structured_output(self, model):
        chat = self.chat(model).with_structured_output(Weather, method="json_schema")
        assert chat.invoke("as-json") == OSLO


def user(text):
    return [{"role": "user", "content": text}]


def outcome(work, model):
    try:
        work(model)
        return "works"
    except Exception as error:  # Whatever it is, it is what is to be told.
        return f"broken: {type(error).__name__}: {error}"


def retries(caller):
    """The SDK repeats a failed direct call by itself; the mock fails the first one."""
    answer = caller.patient.chat.completions.create(model=MODELS["OpenAI"], messages=user("flaky-python"))
    assert answer.choices[0].message.content == "Hello at last."


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    options = parser.parse_args()
    callers = [Openai(options.base_url), Langchain(options.base_url)]
    retries(callers[0])
    for caller in callers:
        works = [name for name in vars(type(caller)) if not name.startswith("_") and name not in ("name", "chat")]
        for work in works:
            for target, model in MODELS.items():
                cell = {"caller": caller.name, "target": target, "capability": work.replace("_", " "), "mode": "whole"}
                print(json.dumps(cell | {"outcome": outcome(getattr(caller, work), model)}), flush=True)


assert SCHEMA["required"] == list(Weather.model_fields), "the two schemas are of the same thing"
main()

"""What botocore, AWS's own, makes of the same: signatures, event streams, and requests to Converse.

    aws.py sign      requests as JSON, one each line: prints the path and the headers to add
    aws.py parse     a stream as base64, one each line: prints the events in it
    aws.py validate  bodies of Converse requests, one each line: prints what botocore's model has against each
"""

import base64
import datetime
import json
import re
import sys
from unittest import mock

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStream
from botocore.exceptions import EventStreamError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator

SERVICE = botocore.session.Session().get_service_model("bedrock-runtime")


def sign(asked):
    """The path as botocore's model has it, and the headers as its signer has them."""
    operation = SERVICE.operation_model(asked["operation"])
    serializer = create_serializer(SERVICE.metadata["protocol"], include_validation=False)
    path = serializer.serialize_to_request({"modelId": asked["model"]}, operation)["url_path"]
    key = asked["key"]
    credentials = Credentials(key["accessKeyId"], key["secretAccessKey"], key.get("sessionToken"))
    request = AWSRequest("POST", asked["host"] + path, data=asked["body"].encode(), headers=asked["headers"])
    now = datetime.datetime.fromtimestamp(asked["seconds"], datetime.timezone.utc).replace(tzinfo=None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        SigV4Auth(credentials, SERVICE.signing_name, asked["region"]).add_auth(request)
    added = {name.lower(): value for name, value in request.headers.items() if name not in asked["headers"]}
    return {"path": path, "headers": added}


class Body:
    """A body that comes in chunks that nobody chose well."""

    def __init__(self, data):
        self.data = data

    def stream(self):
        for start in range(0, len(self.data), 7):
            yield self.data[start : start + 7]


def parse(stream):
    """The events, by botocore's model; an exception is the last."""
    shape = SERVICE.operation_model("ConverseStream").output_shape.members["stream"]
    parser = create_parser(SERVICE.metadata["protocol"])._event_stream_parser
    events = []
    try:
        for event in EventStream(Body(base64.b64decode(stream)), shape, parser, "ConverseStream"):
            events.append(event)
    except EventStreamError as error:
        events.append({"error": error.response["Error"]})
    return events


def against(value, shape, path):
    """What botocore leaves to the server: enumerations and patterns."""
    if value is None or getattr(shape, "is_document_type", False):
        return
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            yield from against(value.get(name), member, f"{path}.{name}")
    elif shape.type_name == "list":
        for item in value:
            yield from against(item, shape.member, f"{path}[]")
    elif shape.type_name == "string":
        pattern = shape.metadata.get("pattern")
        if shape.enum and value not in shape.enum:
            yield f"{path}: not one of {shape.enum}"
        if pattern and not re.fullmatch(pattern, value):
            yield f"{path}: not of {pattern}"
    elif shape.type_name == "blob":
        base64.b64decode(value, validate=True)


def validate(asked):
    """What is wrong with a body; nothing, if all is well."""
    operation = SERVICE.operation_model(asked["operation"])
    parameters = {**asked["body"], "modelId": asked["model"]}
    report = ParamValidator().validate(parameters, operation.input_shape)
    wrong = [report.generate_report()] if report.has_errors() else []
    return wrong or list(against(parameters, operation.input_shape, "body"))


def main():
    answer = {"sign": sign, "parse": parse, "validate": validate}[sys.argv[1]]
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), default=lambda value: base64.b64encode(value).decode()))


main()

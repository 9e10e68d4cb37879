"""Parameters: `Struct` on the wire, JSON everywhere else."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf import json_format, struct_pb2


def struct_of(values: Mapping[str, object]) -> struct_pb2.Struct:
    """JSON values as a Struct."""
    message = struct_pb2.Struct()
    json_format.ParseDict(dict(values), message)
    return message


def json_of(message: struct_pb2.Struct) -> dict[str, object]:
    """A Struct as JSON values. All its numbers are doubles: whole ones are integers again, as their author wrote them."""
    values = json_format.MessageToDict(message)
    return {key: _whole(value) for key, value in values.items()}


def _whole(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    return value

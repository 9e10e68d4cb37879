"""The Lua filter that refuses unknown fields of REST bodies, with the names that it compares with taken from the contracts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.contract import Rpc
from tradewinds.errors import ConfigurationError

_SCRIPT: Final = Path(__file__).with_name("strict_body.lua")
# Free-form or with a JSON form of their own (Struct, Timestamp): no names of ours in them.
_OPAQUE_PACKAGE: Final = "google.protobuf"
# A variable in a path: one segment, which a custom verb (`:start`) ends.
_VARIABLE: Final = re.compile(r"\{[^}]*\}")


def lua_source(rpcs: Iterable[Rpc], pool: descriptor_pool.DescriptorPool) -> str:
    """The whole script: tables, then `strict_body.lua`."""
    bodies = []
    types: dict[str, Descriptor] = {}
    for rpc in rpcs:
        if not rpc.http_body:
            continue
        message = _body_type(pool.FindMessageTypeByName(rpc.request_type), rpc.http_body)
        _collect(message, types)
        bodies.append(
            f"  {{method = {_lua(rpc.http_verb.upper())}, pattern = {_lua(_pattern(rpc.http_path))}, "
            f"type = {_lua(message.full_name)}}},"
        )
    tables = [f"  [{_lua(name)}] = {{{_fields(message)}}}," for name, message in sorted(types.items())]
    return "\n".join(["local BODIES = {", *bodies, "}", "local TYPES = {", *tables, "}", _SCRIPT.read_text()])


def _body_type(request: Descriptor, body: str) -> Descriptor:
    if body == "*":
        return request
    field_type = request.fields_by_name[body].message_type
    if field_type is None:
        raise ConfigurationError(f"{request.full_name}: the body {body!r} is not a message; map a message or *")
    return field_type


def _collect(message: Descriptor, types: dict[str, Descriptor]) -> None:
    if message.full_name in types:
        return
    types[message.full_name] = message
    for field in message.fields:
        nested = _named_message(field)
        if nested is not None:
            _collect(nested, types)


def _named_message(field: FieldDescriptor) -> Descriptor | None:
    """The message of a field, where its JSON object has the message's field names."""
    nested = field.message_type
    if nested is None or nested.file.package == _OPAQUE_PACKAGE or nested.GetOptions().map_entry:
        return None
    return nested


def _fields(message: Descriptor) -> str:
    entries = []
    for field in message.fields:
        nested = _named_message(field)
        value = _lua(nested.full_name) if nested is not None else "true"
        # JSON may use either spelling.
        entries += [f"[{_lua(name)}] = {value}" for name in sorted({field.name, field.json_name})]
    return ", ".join(entries)


def _pattern(path: str) -> str:
    literals = [re.sub(r"[^\w/]", lambda m: f"%{m[0]}", part) for part in _VARIABLE.split(path)]
    return f"^{'[^/:]+'.join(literals)}$"


def _lua(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

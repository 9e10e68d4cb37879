"""gateway/openapi.yaml from the contracts: every HTTP mapping, with the comments of the .proto files.

python -m tools.openapi
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from grpc_tools import protoc

from tools import proto

OPENAPI: Final = proto.ROOT / "gateway" / "openapi.yaml"
_PACKAGE: Final = ".tradewinds.v1."
_F: Final = FieldDescriptorProto
_STRINGS_OF_64: Final = {_F.TYPE_INT64, _F.TYPE_UINT64, _F.TYPE_SINT64, _F.TYPE_FIXED64, _F.TYPE_SFIXED64}
_SCALARS: Final[dict[int, dict[str, Any]]] = {
    _F.TYPE_DOUBLE: {"type": "number"},
    _F.TYPE_FLOAT: {"type": "number"},
    _F.TYPE_BOOL: {"type": "boolean"},
    _F.TYPE_STRING: {"type": "string"},
    _F.TYPE_BYTES: {"type": "string", "format": "byte"},
}
_WELL_KNOWN: Final[dict[str, dict[str, Any]]] = {
    ".google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    ".google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    ".google.protobuf.FieldMask": {"type": "string", "description": "Paths of fields, with commas between them."},
}
_ERROR: Final = {
    "type": "object",
    "description": "Branch on the reason of the ErrorInfo in details, never on the message.",
    "properties": {
        "code": {"type": "integer", "description": "A google.rpc.Code."},
        "message": {"type": "string"},
        "details": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
    },
}
_EVENTS: Final = {
    "get": {
        "tags": ["Notifier"],
        "operationId": "StreamNotifications",
        "summary": "Follows the caller's notifications as server-sent events: notification, resync, end; `id:` is the cursor.",
        "parameters": [
            {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}},
            {"name": "last_event_id", "in": "query", "schema": {"type": "string"}},
        ],
        "responses": {
            "200": {"description": "Events.", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
        },
    }
}


class _Comments:
    """The leading comments of one file, by path (descriptor.proto, SourceCodeInfo.Location)."""

    def __init__(self, file: FileDescriptorProto) -> None:
        self._by_path = {tuple(at.path): " ".join(at.leading_comments.split()) for at in file.source_code_info.location}

    def at(self, *path: int) -> str:
        return self._by_path.get(path, "")


def document() -> dict[str, Any]:
    """The whole document."""
    files = [file for file in _files() if file.package == "tradewinds.v1"]
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Status": _ERROR}
    messages = {f"{_PACKAGE}{message.name}": message for file in files for message in file.message_type}
    for file in files:
        comments = _Comments(file)
        schemas |= {enum.name: _enum(enum, comments.at(5, i)) for i, enum in enumerate(file.enum_type)}
        schemas |= {m.name: _message(m, comments, i) for i, m in enumerate(file.message_type)}
    for file in files:
        for path, verb, operation in _operations(file, messages, schemas):
            paths.setdefault(path, {})[verb] = operation
    paths["/v1/notifications/stream"] = _EVENTS
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Tradewinds",
            "version": "v1",
            "description": "Generated from proto/ by `python -m tools.openapi`.",
        },
        "security": [{"bearer": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _files() -> list[FileDescriptorProto]:
    """With source info, which the gateway's committed set leaves out."""
    with tempfile.TemporaryDirectory() as folder:
        descriptor = Path(folder) / "set.binpb"
        includes = [f"-I{path}" for path in (proto.PROTO, proto.GOOGLEAPIS, proto.GOOGLEAPIS / "grpc_tools" / "_proto")]
        flags = ["--include_imports", "--include_source_info", f"--descriptor_set_out={descriptor}"]
        sources = sorted(str(path.relative_to(proto.PROTO)) for path in proto.PROTO.rglob("*.proto"))
        if protoc.main(["protoc", *includes, *flags, *sources]) != 0:
            raise SystemExit("protoc failed; its words are above")
        return list(descriptor_pb2.FileDescriptorSet.FromString(descriptor.read_bytes()).file)


def _enum(enum: descriptor_pb2.EnumDescriptorProto, comment: str) -> dict[str, Any]:
    return {"type": "string", "description": comment, "enum": [value.name for value in enum.value]}


def _message(message: DescriptorProto, comments: _Comments, index: int) -> dict[str, Any]:
    properties = {}
    maps = {f"{_PACKAGE}{message.name}.{n.name}": n for n in message.nested_type if n.options.map_entry}
    for i, field in enumerate(message.field):
        described = {"description": comments.at(4, index, 2, i)}
        schema = _field(field, maps)
        # Beside a $ref nothing counts in OpenAPI 3.0.
        properties[field.name] = {"allOf": [schema], **described} if "$ref" in schema else {**schema, **described}
    return {"type": "object", "description": comments.at(4, index), "properties": properties}


def _field(field: FieldDescriptorProto, maps: dict[str, DescriptorProto]) -> dict[str, Any]:
    if field.type_name in maps:
        return {"type": "object", "additionalProperties": _single(maps[field.type_name].field[1])}
    single = _single(field)
    return {"type": "array", "items": single} if field.label == _F.LABEL_REPEATED else single


def _single(field: FieldDescriptorProto) -> dict[str, Any]:
    if field.type_name in _WELL_KNOWN:
        return dict(_WELL_KNOWN[field.type_name])
    if field.type_name:
        return {"$ref": f"#/components/schemas/{field.type_name.removeprefix(_PACKAGE)}"}
    if field.type in _STRINGS_OF_64:
        return {"type": "string", "format": "int64"}
    return dict(_SCALARS.get(field.type, {"type": "integer", "format": "int32"}))


def _operations(
    file: FileDescriptorProto, messages: dict[str, DescriptorProto], schemas: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    comments = _Comments(file)
    for s, service in enumerate(file.service):
        for m, method in enumerate(service.method):
            rule = method.options.Extensions[annotations_pb2.http]
            verb = rule.WhichOneof("pattern")
            if verb is None:
                continue
            path = getattr(rule, verb)
            answer = {"$ref": f"#/components/schemas/{method.output_type.removeprefix(_PACKAGE)}"}
            operation: dict[str, Any] = {
                "tags": [service.name],
                "operationId": method.name,
                "description": comments.at(6, s, 2, m),
                "parameters": _parameters(path, rule.body, messages[method.input_type], schemas),
                "responses": {
                    "200": {
                        "description": "A stream, one object a line." if method.server_streaming else "Done.",
                        **_json(answer),
                    },
                    "default": {"description": "Refused.", **_json({"$ref": "#/components/schemas/Status"})},
                },
            }
            if rule.body:
                request = schemas[method.input_type.removeprefix(_PACKAGE)]
                body = {"$ref": f"#/components/schemas/{method.input_type.removeprefix(_PACKAGE)}"}
                operation["requestBody"] = _json(body if rule.body == "*" else request["properties"][rule.body])
            yield path, verb, operation


def _parameters(path: str, body: str, request: DescriptorProto, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    in_path = re.findall(r"{(\w+)}", path)
    names = in_path + [field.name for field in request.field if field.name not in (*in_path, body) and body != "*"]
    parameters = []
    for name in names:
        schema = dict(schemas[request.name]["properties"][name])
        where = {"in": "path", "required": True} if name in in_path else {"in": "query"}
        parameters.append({"name": name, **where, "description": schema.pop("description", ""), "schema": schema})
    return parameters


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def rendered() -> str:
    """As it is committed."""
    return yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=140)


if __name__ == "__main__":
    OPENAPI.write_text(rendered())

"""gateway/openapi.yaml says what the contracts say."""

from __future__ import annotations

import re
from typing import Any

from gateway.contract import read_contract
from gateway.settings import DESCRIPTOR
from tools import openapi


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["$ref"]} if "$ref" in node else set()
        return found.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_the_committed_document_is_what_the_contracts_generate() -> None:
    assert openapi.OPENAPI.read_text() == openapi.rendered(), "run `python -m tools.openapi` and commit the result"


def test_every_mapped_rpc_is_described_and_nothing_refers_to_what_is_not_there() -> None:
    document = openapi.document()
    operations = {(verb, path) for path, verbs in document["paths"].items() for verb in verbs}
    mapped = {(rpc.http_verb, rpc.http_path) for rpc in read_contract(DESCRIPTOR).rpcs if rpc.http_verb}
    assert operations == mapped | {("get", "/v1/notifications/stream")}
    schemas = document["components"]["schemas"]
    assert {reference.rpartition("/")[2] for reference in references(document)} <= schemas.keys()


def test_every_operation_says_what_it_does_and_declares_its_path_variables() -> None:
    for path, verbs in openapi.document()["paths"].items():
        for operation in verbs.values():
            assert operation.get("description") or operation.get("summary")
            declared = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert declared == set(re.findall(r"{(\w+)}", path))

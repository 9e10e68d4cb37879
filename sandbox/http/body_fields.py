"""Fields of a request body. The broker takes numbers and texts alike, and so do these."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sandbox.errors import RefusedError


def text_of(body: Mapping[str, Any], name: str) -> str:
    """The field as a text; empty when it is missing or null."""
    value = body.get(name)
    return "" if value is None else str(value)


def one_of(body: Mapping[str, Any], name: str, allowed: Collection[str]) -> str:
    """The field, one of the allowed words. Raises RefusedError AB1007: the broker's own words for these are not known."""
    value = text_of(body, name)
    if value not in allowed:
        raise RefusedError("AB1007", f"Invalid {name} {value!r}: {', '.join(allowed)}")
    return value


def objects_of(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The field as a list of objects; empty when it is anything else."""
    value = body.get(name)
    return value if isinstance(value, list) and all(isinstance(item, dict) for item in value) else []

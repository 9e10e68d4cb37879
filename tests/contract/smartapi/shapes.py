"""What "the same shape as a captured answer" means: keys in their order, JSON types, formats of texts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Text:
    """A text of a format."""

    pattern: str


@dataclass(frozen=True)
class OrNull:
    """This, or null."""

    shape: Any


def differences(value: Any, shape: Any, at: str = "$") -> list[str]:
    """Where `value` has another shape than the captured `shape`; empty when nowhere.

    Numbers are numbers whether they have a fraction or not; a list's elements all have the shape of the captured first one;
    a plain text stands for any text.
    """
    if isinstance(shape, OrNull):
        return [] if value is None else differences(value, shape.shape, at)
    if isinstance(shape, Text):
        good = isinstance(value, str) and re.fullmatch(shape.pattern, value)
        return [] if good else [f"{at}: {value!r} is not like {shape.pattern}"]
    if isinstance(shape, dict):
        return _of_object(value, shape, at)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{at}: {value!r} is no array"]
        return [d for n, item in enumerate(value) for d in differences(item, shape[0], f"{at}[{n}]")]
    return [] if _json_type(value) == _json_type(shape) else [f"{at}: {value!r} is no {_json_type(shape)}"]


def _of_object(value: Any, shape: dict[str, Any], at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at}: {value!r} is no object"]
    if list(value) != list(shape):
        return [f"{at}: keys {list(value)} are not {list(shape)}"]
    return [d for key, inner in shape.items() for d in differences(value[key], inner, f"{at}.{key}")]


def _json_type(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__

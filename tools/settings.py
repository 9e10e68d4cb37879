"""docs/reference/settings.md from the settings classes: every variable, what it is for, what it is when nobody sets it.

python -m tools.settings
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from tools.proto import ROOT
from tradewinds.config import Settings

PAGE: Final = ROOT / "docs" / "reference" / "settings.md"
_ROOMS: Final = {
    "tradewinds": "Every process",
    "engine_server": "Engine",
    "engine_server.egress": "Egress",
    "engine_server.feed": "Feed",
    "strategy_runner": "Runner",
    "notifier": "Notifier",
    "gateway": "Gateway",
}
_HEAD: Final = """# Settings

Every process reads its settings from the environment when it starts, and from nowhere else. A value that is missing or wrong is one line
that names the variable and the remedy, and exit code 2; what was read is logged, secrets as asterisks. `tradewinds up` sets what its
processes need and passes on what is set in your shell.

This page is made by `python -m tools.settings` from the classes that read them.
"""
_TYPES: Final = {int: "integer", float: "number", bool: "true or false", str: "text", Path: "path", SecretStr: "secret"}
_BOUNDS: Final = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "at least"}


def classes() -> list[type[Settings]]:
    """Every settings class of the product, by the room in which it is read."""
    rooms = list(_ROOMS)
    found = {cls for module in _modules() for cls in vars(module).values() if _is_settings(cls)}
    return sorted(found, key=lambda cls: (rooms.index(_room(cls)), cls.__module__, inspect.getsourcelines(cls)[1]))


def rendered() -> str:
    """As it is committed."""
    parts, last = [_HEAD], ""
    for cls in classes():
        if _room(cls) != last:
            last = _room(cls)
            parts.append(f"## {_ROOMS[last]}\n")
        parts.append(_section(cls))
    return "\n".join(parts)


def _modules() -> Iterator[Any]:
    for package in (name for name in _ROOMS if "." not in name):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "(Settings)" in path.read_text():
                yield importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def _is_settings(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Settings) and value is not Settings


def _room(cls: type[Settings]) -> str:
    return max((name for name in _ROOMS if f"{cls.__module__}.".startswith(f"{name}.")), key=len)


def _section(cls: type[Settings]) -> str:
    inherited = {name for base in cls.__mro__[1:] if issubclass(base, Settings) for name in base.model_fields}
    rows = [_row(field) for name, field in cls.model_fields.items() if name not in inherited]
    return "\n".join([f"{inspect.getdoc(cls)}\n", "| variable | what it is | default |", "|---|---|---|", *rows, ""])


def _row(field: FieldInfo) -> str:
    what = f"{field.description} ({_kind(field)})".replace("|", "\\|")
    return f"| `{field.validation_alias}` | {what} | {_default(field)} |"


def _kind(field: FieldInfo) -> str:
    bounds = [
        f"{sign} {getattr(one, name)}" for one in field.metadata for name, sign in _BOUNDS.items() if hasattr(one, name)
    ]
    return ", ".join([_type(field.annotation), *bounds])


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_type(one) for one in get_args(annotation) if one is not NoneType)
    if get_origin(annotation) is tuple:
        return "list"
    return _TYPES[annotation] if annotation in _TYPES else str(annotation.__name__).lower()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    value = field.default
    if value is None or str(value) == "":
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    # A path of this folder is somewhere else elsewhere.
    return (
        f"`{value.relative_to(ROOT)}`"
        if isinstance(value, Path)
        else f"`{value:g}`"
        if isinstance(value, float)
        else f"`{value}`"
    )


if __name__ == "__main__":
    PAGE.write_text(rendered())

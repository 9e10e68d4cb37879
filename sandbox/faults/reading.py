"""Faults as people write them: JSON objects, checked field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.errors import BadInputError
from sandbox.faults.names import DETAILS, FaultName
from sandbox.faults.register import FaultRequest
from sandbox.ledger import split_terms

_FIELDS = ("fault", "route", "count", "probability", "delay_seconds", "details")
_LONGEST_DELAY_SECONDS = 3600.0
_MOST = 1_000_000


class BadFaultError(ValueError):
    """A fault that cannot be asked for: says which field, its value, and what would do."""


def read_fault(given: Any) -> FaultRequest:
    """`{"fault", "route", "count" | "probability", "delay_seconds", "details"}`; all but `fault` may be left out.

    Without count and probability it strikes once; with a probability alone, for ever. Raises BadFaultError.
    """
    if not isinstance(given, dict):
        raise BadFaultError(f"a fault is a JSON object with the fields {', '.join(_FIELDS)}; got {given!r}")
    if unknown := sorted(set(given) - set(_FIELDS)):
        raise BadFaultError(f"unknown field {unknown[0]!r}; the fields are {', '.join(_FIELDS)}")
    name = _name(given.get("fault"))
    return FaultRequest(
        name,
        _route(given.get("route", "")),
        _count(given),
        _number(given, "probability", 1.0, above=0.0, to=1.0),
        _number(given, "delay_seconds", 0.0, above=None, to=_LONGEST_DELAY_SECONDS),
        _details(name, given.get("details", {})),
    )


def read_faults_file(path: Path) -> list[FaultRequest]:
    """A JSON array of faults. Raises BadInputError naming the option and the entry."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as e:
        raise BadInputError("--faults", f"{path} cannot be read ({e})", "give a JSON array of faults") from e
    if not isinstance(content, list):
        raise BadInputError("--faults", f"{path} is not a JSON array", 'write [{"fault": "ws_close"}]')
    return [_entry(path, n, given) for n, given in enumerate(content, start=1)]


def _entry(path: Path, n: int, given: Any) -> FaultRequest:
    try:
        return read_fault(given)
    except BadFaultError as e:
        raise BadInputError("--faults", f"entry {n} of {path}", str(e)) from e


def _name(given: Any) -> FaultName:
    try:
        return FaultName(given)
    except ValueError:
        raise BadFaultError(f"unknown fault {given!r}; the names are {', '.join(FaultName)}") from None


def _route(given: Any) -> str:
    if not isinstance(given, str):
        raise BadFaultError(f"route is a text, as 'placeOrder', 'orders' or 'NSE:3045'; got {given!r}")
    return given


def _count(given: dict[str, Any]) -> int | None:
    count = given.get("count")
    if count is None:
        return None if "probability" in given else 1
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= _MOST:
        raise BadFaultError(f"count is a whole number from 1 to {_MOST}; got {count!r}")
    return count


def _number(given: dict[str, Any], name: str, default: float, above: float | None, to: float) -> float:
    value = given.get(name, default)
    low_enough = isinstance(value, int | float) and not isinstance(value, bool) and value <= to
    if not low_enough or value < 0 or (above is not None and value <= above):
        raise BadFaultError(
            f"{name} is a number {'above 0' if above is not None else 'from 0'} to {to:g}; got {value!r}"
        )
    return float(value)


def _details(name: FaultName, given: Any) -> dict[str, Any]:
    allowed = DETAILS.get(name, frozenset())
    if not isinstance(given, dict):
        raise BadFaultError(f"details is a JSON object; got {given!r}")
    if unknown := sorted(set(given) - allowed):
        raise BadFaultError(f"unknown detail {unknown[0]!r} of {name}; it takes {', '.join(sorted(allowed)) or 'none'}")
    if name is FaultName.CORPORATE_ACTION:
        try:
            split_terms(given)
        except ValueError as e:
            raise BadFaultError(f"details of {name}: {e}") from e
    return dict(given)

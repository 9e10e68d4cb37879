"""What goes over every byte of a batch is compiled, to machine code and before anything is served: with a signature it happens when its
module is imported, or is read from the cache of the first time.

The one place that knows the compiler.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from numba import njit, types

from tradewinds.telemetry import get_logger

log = get_logger("notifier.compiled")

_Function = TypeVar("_Function", bound=Callable[..., Any])

# Bytes that are only looked at, as `np.frombuffer` gives them; bytes to be written; columns and tables of numbers.
OCTETS: Final = types.Array(types.uint8, 1, "C", readonly=True)
NEW_OCTETS: Final = types.Array(types.uint8, 1, "C")
COLUMN: Final = types.Array(types.int64, 1, "C")
NARROW_COLUMN: Final = types.Array(types.uint32, 1, "C")
TABLE: Final = types.Array(types.int64, 2, "C")

# Whoever calls makes the arrays. References to them are not counted inside: that took twenty times as long as reading a field.
_OPTIONS: Final[dict[str, Any]] = {"error_model": "numpy", "_nrt": False}


def inner(function: _Function) -> _Function:
    """A function that compiled ones of the same file call; it is compiled with them."""
    return cast(_Function, njit(**_OPTIONS)(function))


def compiled(*arguments: Any) -> Callable[[_Function], _Function]:
    """A function of arguments of these types, and of nothing but numbers and arrays inside."""

    def compile_(function: _Function) -> _Function:
        try:
            return cast(_Function, njit(tuple(arguments), cache=True, **_OPTIONS)(function))
        except RuntimeError as e:
            # Nowhere to write to: it takes some seconds at every start then. NUMBA_CACHE_DIR names a place.
            log.info("not_cached", function=function.__qualname__, error=str(e))
            return cast(_Function, njit(tuple(arguments), **_OPTIONS)(function))

    return compile_

"""A strategy's typed parameters: strict, described by a JSON schema, refused by name when they are wrong."""

from __future__ import annotations

import difflib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tradewinds.sdk.errors import ParamsError


class Params(BaseModel):
    """Base of a strategy's parameters.

    A field declared with `live(...)` instead of `Field(...)` may change while the strategy runs; a change of any other needs a new
    process. A field `symbols: list[str]` or `symbol: str` names instruments: the engine resolves it to canonical keys at
    registration, refuses what cannot be traded (an index), and the strategy gets their ticks. So does `signal_symbols: list[str]` with
    what is only watched.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


def live(default: Any = ..., **constraints: Any) -> Any:
    """A parameter that may change while the strategy runs: like pydantic's `Field`, marked in the schema. See `on_params`."""
    return Field(default, json_schema_extra={"live": True}, **constraints)


def validate(model: type[BaseModel], config_json: str) -> BaseModel:
    """The parameters of a JSON object; raises `ParamsError` naming the first bad one and, if unknown, those there are."""
    try:
        config = json.loads(config_json or "{}")
    except ValueError as e:
        raise ParamsError("", f"is not JSON ({e})") from e
    if not isinstance(config, dict):
        raise ParamsError("", f"must be a JSON object, is a {type(config).__name__}")
    _refuse_unknown(model, config)
    try:
        return model.model_validate_json(json.dumps(config), strict=True)
    except ValidationError as e:
        first = e.errors()[0]
        raise ParamsError(_path(first["loc"]), _describe(first["msg"], first["input"])) from e


def _refuse_unknown(model: type[BaseModel], config: dict[str, Any]) -> None:
    known = sorted({field.alias or name for name, field in model.model_fields.items()})
    for name in config:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            there = ", ".join(known) if known else "none at all"
            raise ParamsError(name, f"is not a parameter of this strategy; there are: {there}{hint}")


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _describe(message: str, given: object) -> str:
    if message == "Field required":
        return "is required"
    shown = json.dumps(given, default=str)
    return f"{message[:1].lower()}{message[1:]}, was {shown if len(shown) <= 80 else shown[:80] + '…'}"


def symbols_of(params: BaseModel) -> tuple[str, ...]:
    """The instruments that the parameters name, as written: those to trade first."""
    named: list[Any] = []
    for name in ("symbols", "signal_symbols"):
        symbols = getattr(params, name, None)
        named += symbols if isinstance(symbols, list | tuple) else ()
    named.append(getattr(params, "symbol", None))
    return tuple(symbol for symbol in named if isinstance(symbol, str))

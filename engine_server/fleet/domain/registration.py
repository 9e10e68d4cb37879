"""What a new configuration must be before anybody is asked: ids, names, and the symbols that its parameters name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tradewinds.errors import FieldViolation, InvalidArgumentError
from tradewinds.instruments import Instrument, UnknownInstrumentError

_CONFIG_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
_MODULE_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_CLASS_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def check_names(config_id: str, module_path: str, class_name: str) -> None:
    """Raise `InvalidArgumentError` with every bad name. An empty config_id is generated later."""
    violations = []
    if config_id and not _CONFIG_ID.fullmatch(config_id):
        violations.append(
            FieldViolation(
                "config_id", f"{config_id!r} is not 1-63 of a-z, 0-9 and -, beginning with a letter, e.g. momentum-1"
            )
        )
    if not _MODULE_PATH.fullmatch(module_path):
        violations.append(
            FieldViolation("module_path", f"{module_path!r} is not a Python module such as strategies.momentum")
        )
    if not _CLASS_NAME.fullmatch(class_name):
        violations.append(FieldViolation("class_name", f"{class_name!r} is not a class name such as MomentumStrategy"))
    raise_violations(violations)


def resolve_symbols(config: Mapping[str, object], resolve: Callable[[str], Instrument]) -> dict[str, object]:
    """The parameters with `symbols`, `symbol` and `signal_symbols` as canonical keys. What the strategy trades must be tradable; what it
    only watches need not be. Raises `InvalidArgumentError` naming each that is wrong."""
    resolved = dict(config)
    violations: list[FieldViolation] = []
    for name, traded in (("symbols", True), ("signal_symbols", False)):
        symbols = config.get(name)
        if isinstance(symbols, list):
            fields = [(f"config.{name}[{i}]", text) for i, text in enumerate(symbols)]
            keys = [_resolve(field, text, resolve, violations, traded=traded) for field, text in fields]
            _refuse_repeats(name, keys, violations)
            resolved[name] = keys
    if config.get("symbol") is not None:
        resolved["symbol"] = _resolve("config.symbol", config["symbol"], resolve, violations, traded=True)
    raise_violations(violations)
    return resolved


def _resolve(
    field: str,
    text: object,
    resolve: Callable[[str], Instrument],
    violations: list[FieldViolation],
    *,
    traded: bool,
) -> str | None:
    if not isinstance(text, str) or not text.strip():
        violations.append(FieldViolation(field, f"{text!r} is not a symbol such as RELIANCE or NSE:RELIANCE-EQ"))
        return None
    try:
        instrument = resolve(text)
    except UnknownInstrumentError as e:
        violations.append(FieldViolation(field, str(e)))
        return None
    if traded and not instrument.is_tradable:
        violations.append(
            FieldViolation(
                field,
                f"{instrument.key} is an index, which cannot be traded; name a future or an ETF here, or the index in a parameter "
                "signal_symbols if it is only watched",
            )
        )
        return None
    return instrument.key


def _refuse_repeats(name: str, keys: list[str | None], violations: list[FieldViolation]) -> None:
    for i, key in enumerate(keys):
        if key is not None and key in keys[:i]:
            violations.append(FieldViolation(f"config.{name}[{i}]", f"{key} is named twice"))


def raise_violations(violations: list[FieldViolation]) -> None:
    """Raise one error for all of them; nothing when there are none."""
    if violations:
        message = "; ".join(f"{v.field}: {v.description}" for v in violations)
        raise InvalidArgumentError(message, violations=tuple(violations))

"""Parameters made fit to be stored: complete, of the right types, their symbols canonical. A runner knows the class; we know the market."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from engine_server.fleet.directives import ScripMasterMissingError
from engine_server.fleet.domain.registration import resolve_symbols
from engine_server.fleet.inspection import Inspected
from engine_server.fleet.ports import Instruments
from tradewinds.database.connecting import to_json
from tradewinds.errors import InvalidArgumentError


@dataclass(frozen=True)
class Checked:
    """What a runner said of the class, and the parameters to store."""

    inspected: Inspected
    config: Mapping[str, object]


class ParameterCheck:
    """`inspect(module_path, class_name, config_json)` asks a runner; `not_in_because` says why the day's scrip master is not in."""

    def __init__(
        self,
        inspect: Callable[[str, str, str], Awaitable[Inspected]],
        instruments: Instruments,
        not_in_because: Callable[[], str],
    ) -> None:
        self._inspect = inspect
        self._instruments = instruments
        self._not_in_because = not_in_because

    async def check(
        self, module_path: str, class_name: str, config: Mapping[str, object], in_force: Mapping[str, object]
    ) -> Checked:
        """`in_force` are the parameters that `config` replaces: without the day's scrip master it may name no other symbols.

        Raises `InvalidArgumentError` naming the field, `NoRunnerError`, or `ScripMasterMissingError` (symbols cannot be checked yet).
        """
        inspected = await self._inspect(module_path, class_name, to_json(config))
        if inspected.error:
            raise InvalidArgumentError.field(inspected.error_field or "config", inspected.error)
        complete = inspected.config
        problem = self._not_in_because()
        if not problem:
            return Checked(inspected, resolve_symbols(complete, self._instruments.resolve))
        if any(
            complete.get(name) and complete[name] != in_force.get(name)
            for name in ("symbols", "symbol", "signal_symbols")
        ):
            raise ScripMasterMissingError(
                f"config.symbols cannot be checked before today's scrip master is in: {problem}"
            )
        return Checked(inspected, complete)

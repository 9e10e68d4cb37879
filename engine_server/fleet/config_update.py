"""New parameters for a configuration: examined by a runner first, then taken like every command.

The API examines before it gives the command. One that came by plain SQL is examined by an engine that has a runner; the result goes
into the command's payload, with the parameters that it was made from, so that another change in between makes it be done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from engine_server.fleet.domain.parameters import is_live, merged
from engine_server.fleet.domain.schedule import ON_CRASH
from engine_server.fleet.faults import DATABASE_FAULTS, RETRY_SECONDS
from engine_server.fleet.inspection import NoRunnerError
from engine_server.fleet.parameters_check import ParameterCheck
from engine_server.fleet.schedules import parse_schedule
from tradewinds.database.session import Database
from tradewinds.errors import TradewindsError, UnavailableError
from tradewinds.telemetry import get_logger

log = get_logger("fleet.update")

_POLL_SECONDS = 1.0

_UNEXAMINED = """
    SELECT k.command_id, k.payload, c.module_path, c.class_name, c.config
    FROM strategy_commands k JOIN strategy_configs c ON c.config_id = k.config_id
    WHERE k.verb = 'UPDATE_CONFIG' AND k.status = 'PENDING' AND k.expires_at >= now() AND NOT k.payload ? 'examined'
    ORDER BY k.created_at, k.command_id LIMIT 20
"""
_EXAMINED = """
    UPDATE strategy_commands SET payload = payload || jsonb_build_object('examined', $2::jsonb)
    WHERE command_id = $1 AND status = 'PENDING'
"""


@dataclass(frozen=True)
class Examined:
    """What an update comes to: the whole parameters, made from `base`; or what is wrong with it."""

    base: Mapping[str, object]
    config: Mapping[str, object]
    is_live: bool
    error: str = ""

    @classmethod
    def of_payload(cls, payload: Mapping[str, Any]) -> Examined:
        """As it was written into the command."""
        return cls(**payload["examined"])

    def in_payload(self) -> dict[str, object]:
        """As it is written into the command."""
        return {"examined": asdict(self)}


@dataclass(frozen=True)
class Target:
    """The configuration as it is now."""

    module_path: str
    class_name: str
    config: Mapping[str, object]


async def examine(
    check: ParameterCheck, target: Target, changes: Mapping[str, object], mask: Sequence[str]
) -> Examined:
    """What the update makes of it; raises as `ParameterCheck.check`."""
    wanted = merged(target.config, changes, mask)
    checked = await check.check(target.module_path, target.class_name, wanted, target.config)
    return Examined(
        target.config, checked.config, is_live(target.config, checked.config, checked.inspected.params_schema)
    )


class UpdateExaminer:
    """Run it as a watched task on every engine; `wake` it when commands came."""

    def __init__(self, database: Database, check: ParameterCheck) -> None:
        self._database = database
        self._check = check
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """A command came."""
        self._woken.set()

    async def run(self) -> None:
        """For ever. Several engines may examine the same command: they come to the same."""
        while True:
            self._woken.clear()
            try:
                for row in await self._database.pool.fetch(_UNEXAMINED):
                    await self._examine(row)
            except DATABASE_FAULTS as e:
                log.warning_throttled("database.away", error=repr(e))
                await asyncio.sleep(RETRY_SECONDS)
            await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_POLL_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _examine(self, row: Any) -> None:
        target = Target(row["module_path"], row["class_name"], row["config"])
        payload = row["payload"]
        changes, mask = payload.get("config", {}), payload.get("update_mask", [])
        if problem := _problem_of_settings(payload):
            examined = _refused(target, problem)
        elif not isinstance(changes, dict) or not isinstance(mask, list):
            examined = _refused(target, 'payload: write {"config": {"PARAMETER": VALUE}}, and "update_mask" as a list')
        else:
            try:
                examined = await examine(self._check, target, changes, [str(name) for name in mask])
            except (NoRunnerError, UnavailableError) as e:
                log.info("update.waits", command_id=str(row["command_id"]), reason=e.message)
                return  # another engine has a runner, or one comes before the command expires
            except TradewindsError as e:
                examined = _refused(target, e.message)
        await self._database.pool.execute(_EXAMINED, row["command_id"], asdict(examined))


def _problem_of_settings(payload: Mapping[str, Any]) -> str:
    """What is wrong with on_crash or schedule in a command that came by plain SQL; empty when nothing is."""
    if payload.get("on_crash", "RESUME") not in ON_CRASH:
        return f"on_crash: {payload['on_crash']!r} is not one of {', '.join(ON_CRASH)}"
    if (schedule := payload.get("schedule")) is not None:
        try:
            parse_schedule(schedule)
        except TradewindsError as e:
            return e.message
    return ""


def _refused(target: Target, error: str) -> Examined:
    return Examined(target.config, target.config, is_live=False, error=error)

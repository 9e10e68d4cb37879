"""Kill switches that the engine engages by itself: a loss beyond its limit, a strategy that enters again and again. Released by a named
person, as every other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from engine_server.oms.domain.commands import Denial
from engine_server.oms.domain.kill_switch import KillAction
from engine_server.oms.domain.risk.limits import Scope
from engine_server.oms.kill_desk import KillDesk
from engine_server.oms.risk_board import StoredRiskBoard
from engine_server.oms.risk_decisions import Actor
from engine_server.oms.risk_subjects import Subject
from tradewinds.database.faults import is_passing
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("oms.automatic_kill")

_AGAIN_SECONDS = 1.0


@dataclass(frozen=True)
class AutomaticKill:
    """Of one account."""

    account_id: str
    board: StoredRiskBoard
    desk: KillDesk
    database: Database

    async def engage(self, config_id: str, action: KillAction, reason: str) -> None:
        """Of a strategy, or ('') of the account; nothing where something as strict stands already."""
        over = self.board.restriction(self.account_id, config_id or None)
        if over is not None and over.kill.action.severity >= action.severity:
            return
        scope, subject_id = (Scope.STRATEGY, config_id) if config_id else (Scope.ACCOUNT, self.account_id)
        async with self.database.session() as session:
            subject = Subject(scope, subject_id, self.account_id)
            await self.desk.engage(session, subject, action, reason, Actor("risk", "oms"))
            await session.commit()
        log.error("engaged", account_id=self.account_id, config_id=config_id, goes=action, why=reason)
        await self.board.load()


class RunawayWatch:
    """C7: a strategy that the throttle has stopped may only reduce until a person has looked. Run `run` as a watched task; `note` may be
    called from the writer."""

    def __init__(self, kill: AutomaticKill) -> None:
        self._kill = kill
        self._denied: dict[str, Denial] = {}
        self._any = asyncio.Event()

    def note(self, config_id: str, denial: Denial) -> None:
        """An entry of it was denied for running away."""
        self._denied[config_id] = denial
        self._any.set()

    async def run(self) -> None:
        """For ever; what cannot be written now is written later, the throttle holds meanwhile."""
        while True:
            await self._any.wait()
            try:
                await self._engage()
            except Exception as e:
                if not is_passing(e):
                    raise
                log.warning_throttled("not_engaged", account_id=self._kill.account_id, error=repr(e))
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                self._any.clear()

    async def _engage(self) -> None:
        while self._denied:
            config_id, denial = next(iter(self._denied.items()))
            await self._kill.engage(config_id, KillAction.REDUCE_ONLY, f"{denial.reason}: {denial.message}")
            self._denied.pop(config_id, None)

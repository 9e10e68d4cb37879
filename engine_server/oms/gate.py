"""An account's gate: closed until its books are reconciled, and whenever the broker's session is gone. Its reason is for
people; changes that matter are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from engine_server.oms import metrics
from engine_server.oms.account_lease import STARTING, AccountLease
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.errors import PreconditionError, UnavailableError
from tradewinds.ids import IdFactory
from tradewinds.telemetry import get_logger

log = get_logger("oms.gate")

OPEN, CLOSED = "OPEN", "CLOSED"


class Gate:
    """Checked in memory, written to `account_leases` under the lease's epoch, together with what is told about it."""

    def __init__(self, lease: AccountLease, user_id: str, new_id: IdFactory, wake_outbox: Callable[[], None]) -> None:
        self._lease = lease
        self._user_id = user_id
        self._new_id = new_id
        self._wake_outbox = wake_outbox
        self._open = False
        self._reason = STARTING
        self._told_open = False
        self._row = (CLOSED, STARTING)
        self._writing = asyncio.Lock()
        metrics.GATE_OPEN.labels(lease.account_id).set(0)

    @property
    def is_open(self) -> bool:
        """Whether the account may trade, its lease apart."""
        return self._open

    def check_open(self) -> None:
        """Raise `PreconditionError` (GATE_CLOSED) with the reason unless orders may go now."""
        if not self._open:
            raise _closed(self._lease.account_id, self._reason)
        if not self._lease.is_held:
            raise _closed(self._lease.account_id, "the database has not renewed the engine's lease; wait for it")

    async def open(self) -> None:
        """Reconciled: trade. Raises `UnavailableError` when the row cannot be written now."""
        notice = self._notice("ACCOUNT_GATE_OPEN", "can trade", "the broker's books are read")
        await self._set(OPEN, "", None if self._told_open else notice)
        self._told_open = True

    async def close(self, reason: str) -> None:
        """Stop trading. Told only when it was said to be open, so that a start is not an alarm."""
        notice = self._notice("ACCOUNT_GATE_CLOSED", "cannot trade", reason)
        is_news, self._told_open = self._told_open, False
        await self._set(CLOSED, reason, notice if is_news else None)

    async def close_for_session(self) -> None:
        """The broker ended the session, as every midnight: expected to pass in a moment, so that nobody is told that the account cannot
        trade, and the login's failure would be told for itself."""
        reason = "the broker's session has expired; logging in again"
        notice = self._notice("BROKER_SESSION_EXPIRED", "is logging in again", "the broker has ended the session")
        await self._set(CLOSED, reason, notice if self._open else None)

    def close_quietly(self, reason: str) -> None:
        """In memory alone: the row is closed with the lease."""
        self._open, self._reason = False, reason
        metrics.GATE_OPEN.labels(self._lease.account_id).set(0)

    async def close_for_login(self, words: str) -> None:
        """The broker refuses the login: told once for each new wording."""
        reason = f"the broker refuses the login: {words}"
        notice = self._notice("BROKER_LOGIN_FAILED", "cannot log in", words)
        self._told_open = False
        await self._set(CLOSED, reason, notice if reason != self._reason else None)

    async def _set(self, gate: str, reason: str, notice: dict[str, Any] | None) -> None:
        if (gate, reason) == self._row and notice is None and not self._open:
            return  # a retry that failed again: nothing new to write
        async with self._writing:
            # In memory it closes first and opens last.
            if gate == CLOSED:
                self.close_quietly(reason)
            if not await self._written(gate, reason, notice) and gate == OPEN:
                raise UnavailableError(f"the gate of {self._lease.account_id} could not be written; trying again")
            if gate == OPEN:
                self._open, self._reason = True, ""
                metrics.GATE_OPEN.labels(self._lease.account_id).set(1)
        log.info("changed", account_id=self._lease.account_id, gate=gate, reason=reason)

    async def _written(self, gate: str, reason: str, notice: dict[str, Any] | None) -> bool:
        """Whether the row has it. A closed gate is closed without: memory is what is checked."""
        dedupe_key = self._new_id("gate") if notice is not None else ""
        try:
            written = await self._lease.set_gate(gate, reason, notice, dedupe_key)
        except PASSING_FAULTS as e:
            log.warning("unwritten", account_id=self._lease.account_id, gate=gate, reason=reason, error=repr(e))
            return False
        self._row = (gate, reason)
        if notice is not None:
            self._wake_outbox()
        return written

    def _notice(self, type_: str, what: str, message: str) -> dict[str, Any]:
        account_id = self._lease.account_id
        return {
            "user_id": self._user_id,
            "type": type_,
            "title": f"Account {account_id} {what}",
            "message": message,
            "data": {"account_id": account_id},
        }


def _closed(account_id: str, reason: str) -> PreconditionError:
    return PreconditionError(
        f"account {account_id} cannot trade now: {reason}", reason="GATE_CLOSED", metadata={"account_id": account_id}
    )

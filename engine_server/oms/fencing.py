"""An account's fence at the egress: raised at takeover, and held up against an egress that has lost its state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from engine_server.broker.fence import FenceReport, FenceUnreachableError
from engine_server.egress.fences import BREAK_GLASS, FenceAheadError
from engine_server.oms.account_lease import AccountLease, LeaseLostError
from tradewinds.clock import Clock
from tradewinds.telemetry import get_logger

log = get_logger("oms.fence")

_HOLD_SECONDS = 2.0
_ATTEMPTS = 3


class Fence(Protocol):
    """The egress, as far as the OMS knows it."""

    async def raise_to(self, account_id: str, epoch: int) -> FenceReport:
        """Raises `FenceAheadError` and `FenceUnreachableError`."""
        ...


class AccountFence:
    """Ties an account's lease to the fence: the epoch of both is one."""

    def __init__(self, fence: Fence, lease: AccountLease, clock: Clock) -> None:
        self._fence = fence
        self._lease = lease
        self._clock = clock
        self.report: FenceReport | None = None  # what the egress last confirmed, and when
        self.confirmed_at: datetime | None = None

    async def establish(self) -> None:
        """Raise the fence to the lease's epoch. Where the fence is ahead (the database was restored from a backup), the lease
        goes beyond it. Raises `FenceUnreachableError`, and `LeaseLostError` when
        somebody else raises it at the same time, and asyncpg's errors.
        """
        for _ in range(_ATTEMPTS):
            try:
                report = await self._raise()
            except FenceAheadError as e:
                if e.fence.owner == BREAK_GLASS:
                    raise FenceUnreachableError(
                        f"account {self._lease.account_id} was stopped by break-glass; it stays closed until "
                        f"`break-glass reopen --account {self._lease.account_id}` on the egress node"
                    ) from e
                log.warning("ahead", account_id=self._lease.account_id, epoch=self._lease.epoch, in_force=e.fence.epoch)
                await self._lease.raise_epoch(e.fence.epoch + 1)
            else:
                log.info(
                    "raised",
                    account_id=self._lease.account_id,
                    epoch=report.epoch,
                    cut_tunnels=report.closed_tunnels,
                    bytes_out=report.bytes_out,
                )
                return
        raise LeaseLostError(f"somebody else raises the fence of {self._lease.account_id} at the same time")

    async def _raise(self) -> FenceReport:
        self.report = await self._fence.raise_to(self._lease.account_id, self._lease.epoch)
        self.confirmed_at = self._clock.now()
        return self.report

    async def hold(self, on_lost: Callable[[str], Awaitable[None]], on_back: Callable[[], None]) -> None:
        """Say it again every two seconds, for ever, while the lease is held: an egress that lost its state starts closed, and one
        that is away is told (`on_lost`, once) before an order finds it out. Raises `LeaseLostError` when the fence is ahead.
        """
        away = False
        while True:
            await asyncio.sleep(_HOLD_SECONDS)
            if not self._lease.is_held:
                continue
            try:
                await self._raise()
            except FenceAheadError as e:
                raise LeaseLostError(
                    f"the fence of {self._lease.account_id} stands at {e.fence.epoch}, raised by {e.fence.owner}; "
                    f"epoch {self._lease.epoch} is over"
                ) from e
            except FenceUnreachableError as e:
                if not away:
                    await on_lost(e.message)
                away = True
            else:
                if away:
                    on_back()
                away = False

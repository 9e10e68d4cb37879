"""One owned account: lease, writer, sender, recovery, wired together and run as one thing that lives or dies whole."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from engine_server.broker.port import Accepted, Broker, Outcome, PositionConversion, Refused
from engine_server.oms.account_lease import AccountLease
from engine_server.oms.account_state import AccountState
from engine_server.oms.admission import Admission, repeated
from engine_server.oms.cancelling import request_cancel
from engine_server.oms.dispatch import Dispatcher
from engine_server.oms.domain.books import BookKey
from engine_server.oms.domain.commands import CancelOrder, CreateGuard, ModifyOrder, PlaceOrder
from engine_server.oms.domain.tags import Tags
from engine_server.oms.event_log import OrderEventLog
from engine_server.oms.fencing import AccountFence
from engine_server.oms.gate import Gate
from engine_server.oms.guards import create as create_guard
from engine_server.oms.journal import Fence, Journal
from engine_server.oms.kill_desk import KillDesk
from engine_server.oms.kill_progress import KillProgressStore
from engine_server.oms.kill_response import KillResponse
from engine_server.oms.minder import Minder
from engine_server.oms.modifying import modify_answered, request_modify
from engine_server.oms.outcomes import cancel_answered, placement_answered
from engine_server.oms.pacer import Pacer, PacerSettings
from engine_server.oms.ports import Instruments, Quotes
from engine_server.oms.positions_check import PositionsCheck
from engine_server.oms.profit_watch import ProfitWatch
from engine_server.oms.records import GuardRecord, OrderRecord
from engine_server.oms.recovery import Recovery, RecoverySettings
from engine_server.oms.risk_board import StoredRiskBoard
from engine_server.oms.sender import Sender
from engine_server.oms.writer import Decision, Guards, Writer
from tradewinds.clock import Clock, MarketClock
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.session import Database
from tradewinds.errors import PreconditionError, UnavailableError
from tradewinds.ids import IdFactory
from tradewinds.telemetry import get_logger

log = get_logger("oms")

T = TypeVar("T")

# Longer than the adapter's deadline: answers of what is on its way are recorded before the account is given up.
DRAIN_SECONDS = 10.0


@dataclass(frozen=True)
class OmsSettings:
    """How an account is run; tests shrink it."""

    pacer: PacerSettings = field(default_factory=PacerSettings)
    recovery: RecoverySettings = field(default_factory=RecoverySettings)
    mind_seconds: float = 0.3  # how often guards and chased orders look at the market
    profit_seconds: float = 2.0


@dataclass(frozen=True)
class OmsParts:
    """What every account of an engine shares."""

    database: Database
    event_log: OrderEventLog
    clock: Clock
    market_clock: MarketClock
    new_id: IdFactory
    tag_key: bytes
    wake_outbox: Callable[[], None]
    compare_positions: PositionsCheck
    tell_reconciled: Callable[[str, Mapping[str, int]], Awaitable[None]]
    board: StoredRiskBoard
    desk: KillDesk
    instruments: Instruments
    quotes: Quotes
    settings: OmsSettings = field(default_factory=OmsSettings)


class OrderManagement:
    """The OMS of one account. `run` it; `place` and `cancel` while it runs."""

    def __init__(self, parts: OmsParts, lease: AccountLease, fence: AccountFence, user_id: str, broker: Broker) -> None:
        self._parts = parts
        self._lease = lease
        self._fence = fence
        self.broker = broker
        self._journal = Journal(parts.database, lease)
        self.user_id = user_id
        self.gate = Gate(lease, user_id, parts.new_id, parts.wake_outbox)
        self._failure: asyncio.Future[None] | None = None
        self._state: AccountState | None = None
        self._writer: Writer | None = None
        self._admission: Admission | None = None
        self._recovery: Recovery | None = None

    async def run(self) -> None:
        """Recover and serve until cancelled; raises `LeaseLostError` when the account is somebody else's, and defects.

        When it is cancelled, answers of what is on its way are still recorded, then the lease is freed.
        """
        self._failure = asyncio.get_running_loop().create_future()
        keeper = asyncio.create_task(self._lease.keep(), name=f"lease {self._lease.account_id}")
        try:
            await self._serve(keeper, self._failure)
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            self._failure.cancel()
            await self.broker.close()

    async def place(self, command: PlaceOrder) -> OrderRecord:
        """The committed order: it will be sent once, or it is DENIED. The same request returns the first order.

        Raises `PreconditionError` (GATE_CLOSED), `LeaseSupersededError`, `RequestIdReusedError`, `UnavailableError`.
        """
        self.gate.check_open()
        writer, admission = self._serving()
        guards = Guards(
            fence=_fence(command.request.config_id, command.request.epoch),
            request_key=command.request_key,
            on_taken=partial(repeated, command),
        )
        return await writer.ask(partial(admission.place, command), guards, is_placement=True)

    async def cancel(self, command: CancelOrder) -> OrderRecord:
        """The order with its wish to cancel committed. Raises as `place`, and `NotFoundError`, ORDER_ENDED."""
        self.gate.check_open()
        writer, _ = self._serving()
        guards = Guards(fence=_fence(command.config_id, command.epoch))
        return await writer.ask(partial(request_cancel, command), guards)

    async def modify(self, command: ModifyOrder) -> OrderRecord:
        """The order with its wish to change committed. Raises as `place`, and what `request_modify` raises."""
        self.gate.check_open()
        writer, _ = self._serving()
        guards = Guards(fence=_fence(command.config_id, command.epoch))
        return await writer.ask(partial(request_modify, command, self._parts.board), guards)

    async def decide(self, decision: Decision[T], config_id: str | None = None, epoch: int | None = None) -> T:
        """A decision that needs nothing of the broker, committed; the gate may be closed. A strategy's only under its epoch. Raises what
        it raises, and `UnavailableError`."""
        if self._writer is None:
            raise UnavailableError(f"account {self._lease.account_id} is being read from the database; try again")
        return await self._writer.ask(decision, Guards(fence=_fence(config_id, epoch)))

    async def guard(self, command: CreateGuard) -> GuardRecord:
        """A guard over what is open, committed; a strategy's only under its epoch."""
        return await self.decide(partial(create_guard, command, self._parts.new_id), command.config_id, command.epoch)

    def net_of(self, config_id: str, instrument: str, product: str) -> int:
        """The net quantity of one line as it is now; 0 before the books are loaded."""
        book = self._state.books.get(BookKey(config_id, instrument, product)) if self._state is not None else None
        return book.position.net_quantity if book is not None else 0

    async def convert(self, conversion: PositionConversion) -> None:
        """One call of the broker. Raises `PreconditionError` (GATE_CLOSED, BROKER_REFUSED) and `UnavailableError`."""
        self.gate.check_open()
        outcome = await self.broker.convert(conversion)
        if isinstance(outcome, Refused):
            raise PreconditionError(f"the broker refused: {outcome.code} {outcome.message}", reason="BROKER_REFUSED")
        if not isinstance(outcome, Accepted):
            raise UnavailableError(
                f"it is not clear whether the broker converted it ({outcome.message}); the comparison of positions will show it"
            )

    def read_books_soon(self) -> None:
        """Somebody needs to see what the broker says."""
        if self._recovery is not None:
            self._recovery.read_soon()

    async def placed(self, order_id: str, outcome: Outcome) -> None:
        """`OutcomeSink`: the answer to a placement."""
        writer, recovery = self._serving()[0], self._recovering()
        await writer.tell(partial(placement_answered, order_id, outcome, recovery.read_soon))

    async def cancelled(self, order_id: str, outcome: Outcome) -> None:
        """`OutcomeSink`: the answer to a cancel."""
        writer, recovery = self._serving()[0], self._recovering()
        await writer.tell(partial(cancel_answered, order_id, outcome, recovery.read_soon))

    async def modified(self, order_id: str, outcome: Outcome) -> None:
        """`OutcomeSink`: the answer to a change."""
        writer, recovery = self._serving()[0], self._recovering()
        await writer.tell(partial(modify_answered, order_id, outcome, recovery.read_soon))

    async def _serve(self, keeper: asyncio.Task[None], failure: asyncio.Future[None]) -> None:
        parts, account_id = self._parts, self._lease.account_id
        await parts.board.load()  # what was engaged while nobody owned the account
        state = self._state = await self._journal.load()
        tags = Tags(account_id, parts.tag_key)
        sender = Sender(self.broker, self._lease, parts.clock, self._session_expired, self.read_books_soon, self._fail)
        sender.sink = self
        dispatcher = Dispatcher(state, Pacer(parts.settings.pacer), sender, parts.clock)
        self._writer = Writer(
            state, self._journal, dispatcher, parts.event_log, parts.clock, parts.market_clock, parts.wake_outbox
        )
        self._admission = Admission(tags, dispatcher, parts.new_id, parts.board)
        self._recovery = Recovery(
            state,
            self._writer,
            self._journal,
            self.broker,
            tags,
            self.gate,
            parts.clock,
            parts.settings.recovery,
            parts.compare_positions,
            self.user_id,
            parts.tell_reconciled,
        )
        log.info("loaded", account_id=account_id, orders=len(state.orders), working=len(state.working))
        writing = asyncio.create_task(self._writer.run(), name=f"writer {account_id}")
        recovering = asyncio.create_task(self._recovery.run(), name=f"recovery {account_id}")
        holding = asyncio.create_task(
            self._fence.hold(self.gate.close, self._recovery.read_soon), name=f"fence {account_id}"
        )
        minder = Minder(
            state,
            self._writer,
            self._admission,
            self.gate,
            parts.instruments,
            parts.quotes,
            parts.settings.mind_seconds,
        )
        minding = asyncio.create_task(minder.run(), name=f"guards {account_id}")
        obeying = asyncio.create_task(self._kill_response(state, self._writer).run(), name=f"kill switch {account_id}")
        counting = asyncio.create_task(self._profit_watch(state).run(), name=f"profit and loss {account_id}")
        beside = (holding, minding, obeying, counting)
        try:
            await _first_failure(keeper, writing, recovering, *beside, failure)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._wind_down(sender, writing, recovering)

    def _profit_watch(self, state: AccountState) -> ProfitWatch:
        parts = self._parts
        return ProfitWatch(
            state,
            self.user_id,
            self.broker,
            parts.board,
            parts.desk,
            parts.database,
            parts.instruments,
            parts.quotes,
            parts.market_clock,
            parts.settings.profit_seconds,
        )

    def _kill_response(self, state: AccountState, writer: Writer) -> KillResponse:
        parts = self._parts
        return KillResponse(
            parts.board,
            state,
            writer,
            self.broker,
            self._lease,
            KillProgressStore(parts.database),
            self.place,
            self.user_id,
            parts.instruments,
            parts.quotes,
            parts.clock,
            parts.new_id,
        )

    async def _wind_down(self, sender: Sender, writing: asyncio.Task[None], recovering: asyncio.Task[None]) -> None:
        self.gate.close_quietly("the engine stops")
        recovering.cancel()
        await asyncio.gather(recovering, return_exceptions=True)
        if not writing.done() and self._lease.is_held:
            await sender.drain(DRAIN_SECONDS)
        else:
            await sender.drain(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await self._journal.close()
        await self._release()

    async def _release(self) -> None:
        try:
            await self._lease.release("the engine stopped")
        except PASSING_FAULTS as e:
            log.warning("lease.not_released", account_id=self._lease.account_id, error=repr(e))

    def _session_expired(self) -> None:
        self._recovering().session_expired()

    def _fail(self, error: BaseException) -> None:
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    def _serving(self) -> tuple[Writer, Admission]:
        if self._writer is None or self._admission is None:
            raise AssertionError("the gate opens after the writer is there")
        return self._writer, self._admission

    def _recovering(self) -> Recovery:
        if self._recovery is None:
            raise AssertionError("nothing is sent before recovery is there")
        return self._recovery


def _fence(config_id: str | None, epoch: int | None) -> Fence | None:
    return (config_id, epoch) if config_id is not None and epoch is not None else None


async def _first_failure(*running: asyncio.Future[None]) -> None:
    """Wait until one of them ends, and raise what ended it; the earlier ones are more often the cause."""
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for one in running:
        if one.done():
            one.result()

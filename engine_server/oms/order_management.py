"""One owned account: lease, writer, sender, recovery, wired together and run as one thing that lives or dies whole."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TypeVar

from engine_server.broker.port import Accepted, Broker, Outcome, PositionConversion, Refused
from engine_server.oms.account_lease import AccountLease
from engine_server.oms.account_state import AccountState
from engine_server.oms.account_status import AccountStatus, FenceStatus, status_of
from engine_server.oms.admission import Admission, repeated
from engine_server.oms.automatic_kill import AutomaticKill, RunawayWatch
from engine_server.oms.cancelling import request_cancel
from engine_server.oms.closing import Closer
from engine_server.oms.dispatch import Dispatcher
from engine_server.oms.domain import exits
from engine_server.oms.domain.books import BookKey
from engine_server.oms.domain.commands import CancelOrder, CreateGuard, ModifyOrder, PlaceOrder
from engine_server.oms.domain.exits import OpenLine
from engine_server.oms.domain.tags import Tags
from engine_server.oms.fencing import AccountFence
from engine_server.oms.gate import Gate
from engine_server.oms.guards import create as create_guard
from engine_server.oms.journal import Fence, Journal
from engine_server.oms.margin_desk import MarginDesk
from engine_server.oms.modifying import modify_answered, request_modify
from engine_server.oms.outcomes import cancel_answered, placement_answered
from engine_server.oms.pacer import Pacer
from engine_server.oms.parts import OmsParts
from engine_server.oms.records import GuardRecord, OrderRecord
from engine_server.oms.recovery import Recovery
from engine_server.oms.sender import Sender
from engine_server.oms.vitals import Vitals
from engine_server.oms.watches import Watches
from engine_server.oms.writer import Decision, Guards, Writer
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.errors import PreconditionError, UnavailableError
from tradewinds.telemetry import get_logger

log = get_logger("oms")

T = TypeVar("T")

# Longer than the adapter's deadline: answers of what is on its way are recorded before the account is given up.
DRAIN_SECONDS = 10.0


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
        self._margin: MarginDesk | None = None

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
        if not self._looks_like_exit(command):
            await self._may_enter(command)
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

    async def _may_enter(self, command: PlaceOrder) -> None:
        """A moment for what passes by itself: a read of the books after the stream was lost, the broker's margins."""
        state = self._state
        if state is not None and not state.vitals.known.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._parts.settings.reconcile_wait_seconds):
                    await state.vitals.known.wait()
        await self._figures().ready(command)

    def _looks_like_exit(self, command: PlaceOrder) -> bool:
        """For now; the writer decides it. An exit waits for nobody's figures."""
        request = command.request
        own = self.net_of(request.config_id or "", command.instrument.key, request.product)
        return exits.is_exit(command, OpenLine(own))

    def status(self) -> AccountStatus:
        """What this owner knows of the account now."""
        fence, state = self._fence, self._state
        return status_of(
            state.vitals if state is not None else Vitals(),
            self.broker.connection(),
            FenceStatus(fence.report, fence.confirmed_at),
            state,
            self._margin,
            self._parts.clock,
        )

    async def convert(self, conversion: PositionConversion) -> None:
        """One call of the broker. Raises `PreconditionError` (GATE_CLOSED, BROKER_REFUSED) and `UnavailableError`."""
        self.gate.check_open()
        outcome = await self.broker.convert(conversion)
        if isinstance(outcome, Refused):
            raise PreconditionError(f"the broker refused: {outcome.code} {outcome.message}", reason="BROKER_REFUSED")
        if not isinstance(outcome, Accepted):
            if self._state is not None:
                self._state.compare_soon.set()
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
        dispatcher = Dispatcher(state, self._pacer_of(state), sender, parts.clock)
        self._writer = Writer(
            state, self._journal, dispatcher, parts.event_log, parts.clock, parts.market_clock, parts.wake_outbox
        )
        kill = AutomaticKill(account_id, parts.board, parts.desk, parts.database)
        runaways = RunawayWatch(kill)
        self._admission = Admission(tags, dispatcher, parts.new_id, parts.board, runaways.note)
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
        self._margin = MarginDesk(state, self.broker, self.gate, parts.clock, parts.settings.margin)
        watches = Watches(
            parts,
            self.user_id,
            state,
            self.broker,
            self._lease,
            self.gate,
            self._writer,
            self._admission,
            Closer(state, self._writer, self.place, self.user_id, parts.instruments, parts.quotes, parts.new_id),
            kill,
            self._recovery.read_soon,
        )
        running = {**watches.running(), "runaways": runaways.run(), "margins": self._margin.run()}
        beside = (holding, *(asyncio.create_task(one, name=f"{name} {account_id}") for name, one in running.items()))
        try:
            await _first_failure(keeper, writing, recovering, *beside, failure)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._wind_down(sender, writing, recovering)

    def _pacer_of(self, state: AccountState) -> Pacer:
        """The broker's rates know of no takeover: what the owner before has sent counts."""
        pacer, now = Pacer(self._parts.settings.pacer), self._parts.clock.monotonic()
        for seconds in state.sent_before.all():
            pacer.record(now - seconds)
        self.broker.count_in(state.sent_before)
        return pacer

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

    def _figures(self) -> MarginDesk:
        if self._margin is None:
            raise AssertionError("the gate opens after the margin desk is there")
        return self._margin

    def _recovering(self) -> Recovery:
        if self._recovery is None:
            raise AssertionError("nothing is sent before recovery is there")
        return self._recovery


def _fence(config_id: str | None, epoch: int | None) -> Fence | None:
    return (config_id, epoch) if config_id is not None and epoch is not None else None


async def _first_failure(*running: asyncio.Future[None]) -> None:
    """Wait until one of them ends, and raise what ended it; the earlier ones are more often the cause.

    One that ended cancelled is a defect: passed on as a cancellation it would end the account without a word.
    """
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for one in running:
        if one.cancelled():
            raise RuntimeError(f"{one!r} ended cancelled, and nobody had stopped the account")
        if one.done():
            one.result()

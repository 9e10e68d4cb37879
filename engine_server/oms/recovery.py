"""Start-up is recovery: session, books, reconciliation, and only then the gate opens. The same books are read again after
every reconnect of the order stream, and slowly while anything works or is unknown: the stream is a hint, a frame that it
lost must not lose a fill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from engine_server.broker.port import (
    Broker,
    BrokerError,
    LoginRefusedError,
    OrderReport,
    SessionExpiredError,
    StreamConnected,
    StreamLost,
)
from engine_server.oms import metrics
from engine_server.oms.account_state import AccountState
from engine_server.oms.cancelling import take_over
from engine_server.oms.domain.resolution import ResolutionBounds
from engine_server.oms.domain.tags import Tags
from engine_server.oms.draft import Draft
from engine_server.oms.external import Adoption
from engine_server.oms.gate import Gate
from engine_server.oms.journal import Journal
from engine_server.oms.position_comparison import PositionComparison
from engine_server.oms.positions_check import PositionsCheck
from engine_server.oms.records import OrderRecord
from engine_server.oms.recovery_settings import RecoverySettings
from engine_server.oms.reports import BookRead, ReadSummary, apply_book, apply_or_adopt, apply_report, tell_overdue
from engine_server.oms.writer import Writer
from tradewinds.clock import Clock
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.errors import UnavailableError
from tradewinds.telemetry import get_logger

log = get_logger("oms.recovery")


_OVERDUE_SECONDS = 0.5
# A long book that is new to us (a day that nobody watched, another program's orders) is committed in portions: one statement that
# outlasts PostgreSQL's statement_timeout would be repeated for ever, and the gate would never open.
_PORTION = 500
_PASSING: tuple[type[Exception], ...] = (BrokerError, UnavailableError, *PASSING_FAULTS)


@dataclass(frozen=True)
class Known:
    """An order of ours from PostgreSQL, with the value booked of it."""

    order: OrderRecord
    booked: Decimal


class Recovery:
    """Keeps one account's state equal to the broker's books. Run `run` as a watched task."""

    def __init__(
        self,
        state: AccountState,
        writer: Writer,
        journal: Journal,
        broker: Broker,
        tags: Tags,
        gate: Gate,
        clock: Clock,
        settings: RecoverySettings,
        check: PositionsCheck,
        user_id: str,
        tell_reconciled: Callable[[str, Mapping[str, int]], Awaitable[None]],
    ) -> None:
        self._state = state
        self._writer = writer
        self._journal = journal
        self._broker = broker
        self._tags = tags
        self._gate = gate
        self._clock = clock
        self._settings = settings
        self._comparison = PositionComparison(state, writer, broker, check, clock, settings, user_id)
        # What an account had before we ever saw it may carry the tags of an installation before this one.
        is_ours = (lambda _tag: False) if state.sequence == 0 else tags.is_ours
        self._adoption = Adoption(user_id, check.by_token, is_ours)
        self._wanted = asyncio.Event()
        self._session_ok = False
        self._tell_reconciled = tell_reconciled
        self._is_untold = True  # strategies hear when the books are right again, not of every look at them

    def read_soon(self) -> None:
        """Something happened that only the books can settle."""
        self._wanted.set()

    def session_expired(self) -> None:
        """The broker no longer knows the session: log in again before anything else."""
        self._session_ok = False
        self._wanted.set()

    async def run(self) -> None:
        """Recover, open the gate, and keep reconciling for ever."""
        await self._writer.tell(take_over)
        await self._log_in()
        try:
            async with asyncio.TaskGroup() as group:
                # The stream stands before the first read, so that nothing falls between the two.
                group.create_task(self._follow_stream(), name=f"order stream {self._state.account_id}")
                group.create_task(self._keep_reading(), name=f"books {self._state.account_id}")
                group.create_task(self._keep_comparing(), name=f"positions {self._state.account_id}")
                group.create_task(self._tell_overdue(), name=f"unknown orders {self._state.account_id}")
        except BaseExceptionGroup as e:
            raise e.exceptions[0] from e

    async def _tell_overdue(self) -> None:
        """Beside the reads: it is when these fail that somebody must be told."""
        bounds = self._settings.bounds
        while True:
            await asyncio.sleep(_OVERDUE_SECONDS)
            now = self._clock.monotonic()
            if any(waiting.is_overdue(now, bounds) for waiting in self._state.unresolved.values()):
                await self._writer.tell(partial(tell_overdue, bounds))

    async def _log_in(self) -> None:
        """Until the broker lets us in; its words stand in the gate's reason."""
        refused, unanswered = self._settings.refused_login_seconds, self._settings.retry_seconds
        while True:
            try:
                await self._broker.login()
            except LoginRefusedError as e:
                facts = {"account_id": self._state.account_id, "error": str(e), "retry_seconds": refused}
                log.error("login.refused", **facts)  # noqa: TRY400 - the broker's words say it, not our stack
                await self._gate.close_for_login(str(e))
                await asyncio.sleep(refused)
                refused = min(refused * 2, self._settings.maximum_login_seconds)
            except BrokerError as e:
                log.warning("login.failed", account_id=self._state.account_id, error=str(e))
                await self._gate.close(f"the broker cannot be reached: {e}")
                await asyncio.sleep(unanswered)
                unanswered = min(unanswered * 2, self._settings.refused_login_seconds)
            else:
                self._session_ok = True
                return

    async def _follow_stream(self) -> None:
        async for event in self._broker.order_stream():
            if isinstance(event, OrderReport):
                await self._report(event)
            elif isinstance(event, StreamConnected):
                log.info("stream.connected", account_id=self._state.account_id)
                self._is_untold = True
                self._state.vitals.stream_stands(self._clock.now())
                self.read_soon()
            elif isinstance(event, StreamLost):
                log.warning("stream.lost", account_id=self._state.account_id, reason=event.reason)
                self._state.vitals.stream_fell(self._clock.now(), event.reason)
                self.read_soon()  # where the session is gone, this finds it out

    async def _report(self, report: OrderReport) -> None:
        try:
            known = await self._loaded([report])
        except PASSING_FAULTS as e:
            log.warning_throttled("report.deferred", account_id=self._state.account_id, error=repr(e))
            self.read_soon()  # the book has it as well
            return
        if await self._writer.tell(partial(_apply_report, known, report)) is None:
            # Only the book is complete enough to adopt somebody else's order from.
            asyncio.get_running_loop().call_later(self._settings.foreign_seconds, self.read_soon)

    async def _keep_reading(self) -> None:
        retry = self._settings.retry_seconds
        while True:
            self._wanted.clear()
            try:
                if not self._session_ok:
                    await self._log_in()
                await self._read_books()
            except SessionExpiredError as e:
                log.warning("session.expired", account_id=self._state.account_id, error=str(e))
                self._session_ok = False
                # Every midnight; should the login fail, that is told.
                await self._gate.close_for_session()
            except _PASSING as e:
                # A failed read says nothing about any order; but nobody trades on books that cannot be read.
                if not self._gate.is_open:
                    await self._gate.close(f"the broker's books cannot be read: {e}")
                log.warning_throttled("books.unread", account_id=self._state.account_id, error=repr(e))
                await asyncio.sleep(retry)
                retry = min(retry * 2, self._settings.sweep_seconds)
            else:
                retry = self._settings.retry_seconds
                await self._wait_for_next_read()

    async def _read_books(self) -> None:
        """One clean read, applied and judged; the first after a start or a new session opens the gate."""
        read = await self._read_order_book()
        if not self._gate.is_open:
            await self._compare_at_start()
            await self._gate.open()
            self._is_untold = True
        if self._is_untold:
            self._is_untold = False
            await self._tell_reconciled(self._state.account_id, self._state.config_sequences)
        if read.lost:
            log.warning_throttled("orders.not_shown", account_id=self._state.account_id, order_ids=read.lost[:20])
        self._state.forget_ended(self._clock.now())

    async def _keep_comparing(self) -> None:
        """Positions and holdings beside the orders, while the account trades."""
        while True:
            asked = await self._comparison.due()
            if not self._gate.is_open or not self._session_ok:
                continue
            try:
                await self._comparison.look()
                if asked and not self._comparison.is_judged:
                    await asyncio.sleep(self._settings.retry_seconds)
                    await self._comparison.look()
            except SessionExpiredError:
                self.read_soon()  # nothing else looks for a long while where no order works
            except _PASSING as e:
                log.warning_throttled("positions.unread", account_id=self._state.account_id, error=repr(e))

    async def _compare_at_start(self) -> None:
        """Twice where something differs, with the orders read again between."""
        await self._comparison.look()
        if self._comparison.differs:
            await asyncio.sleep(self._settings.retry_seconds)
            await self._read_order_book()
            await self._comparison.look()

    async def _read_order_book(self) -> ReadSummary:
        begun_at, vitals = self._clock.monotonic(), self._state.vitals
        losses = vitals.losses
        reports = await self._broker.order_book()
        known = await self._loaded(reports)
        read = BookRead(reports, begun_at)
        for begin in range(0, len(reports) - _PORTION, _PORTION):
            portion = reports[begin : begin + _PORTION]
            await self._writer.tell(partial(_apply_portion, known, portion, begun_at, self._adoption))
        summary = await self._writer.tell(partial(_apply_book, known, read, self._settings.bounds, self._adoption))
        vitals.books_read(self._clock.now(), losses)
        metrics.FOREIGN.labels(self._state.account_id).set(summary.foreign)
        self._count_working()
        return summary

    async def _loaded(self, reports: Sequence[OrderReport]) -> list[Known]:
        """Orders of ours that the broker names and memory no longer has (they ended long ago, or so it seemed)."""
        find = self._state.find_id
        missing = [
            report.tag
            for report in reports
            if self._tags.is_ours(report.tag) and find(broker_order_id=report.broker_order_id, tag=report.tag) is None
        ]
        return [Known(order, booked) for order, booked in await self._journal.load_by_tags(missing)] if missing else []

    async def _wait_for_next_read(self) -> None:
        """Until somebody wants one, or its time has come: what works or is unknown is looked at more often."""
        idle_until = self._clock.monotonic() + self._settings.idle_seconds
        while True:
            seconds = self._settings.unknown_seconds if self._is_unclear() else self._settings.sweep_seconds
            try:
                async with asyncio.timeout(seconds):
                    await self._wanted.wait()
            except TimeoutError:
                if not self._state.working and self._clock.monotonic() < idle_until:
                    continue
            return

    def _is_unclear(self) -> bool:
        """The fate of an order is not known, or the stream does not tell: the book is read as often as the broker serves it."""
        return bool(self._state.unresolved) or not self._state.vitals.stream_connected

    def _count_working(self) -> None:
        counts: dict[str, int] = {}
        for order in self._state.working:
            counts[order.state] = counts.get(order.state, 0) + 1
        for state in ("PENDING_SUBMIT", "SUBMITTING", "UNKNOWN", "OPEN", "PARTIALLY_FILLED"):
            metrics.WORKING.labels(self._state.account_id, state).set(counts.get(state, 0))


def _remember(known: Sequence[Known], draft: Draft) -> None:
    """Committed truth that memory had dropped: no change, so it may go straight into the state."""
    for one in known:
        if draft.state.orders.get(one.order.order_id) is None:
            draft.state.put_order(one.order)
            draft.state.booked_values[one.order.order_id] = one.booked


def _apply_report(known: Sequence[Known], report: OrderReport, draft: Draft) -> OrderRecord | None:
    _remember(known, draft)
    return apply_report(draft, report)


def _apply_portion(
    known: Sequence[Known], reports: Sequence[OrderReport], begun_at: float, adoption: Adoption, draft: Draft
) -> None:
    _remember(known, draft)
    for report in reports:
        apply_or_adopt(draft, report, begun_at, adoption)


def _apply_book(
    known: Sequence[Known], read: BookRead, bounds: ResolutionBounds, adoption: Adoption, draft: Draft
) -> ReadSummary:
    _remember(known, draft)
    return apply_book(draft, read, bounds, adoption)

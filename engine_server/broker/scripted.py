"""A broker whose answers are scripted: for the faults that a simulator behind a real wire cannot be made to show.

It keeps a book as the real one does (an order is there once it was accepted, whatever the answer said), streams what
happens, and remembers everything that was sent.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from engine_server.broker.connection_report import BudgetLeft, ConnectionReport
from engine_server.broker.port import (
    Accepted,
    BrokerError,
    FundsReport,
    HoldingReport,
    MarginReport,
    OrderChange,
    OrderReport,
    OrderTicket,
    Outcome,
    PositionConversion,
    PositionReport,
    Refused,
    ReportStatus,
    SentBefore,
    SessionExpiredError,
    StreamConnected,
    StreamEvent,
    TradeReport,
)

Answer = Callable[[OrderTicket], Awaitable[Outcome]]

_ENOUGH = Decimal(1_000_000_000)


class ScriptedBroker:
    """Implements `Broker`. Without a script every order is accepted and rests."""

    def __init__(self) -> None:
        self.sent: list[OrderTicket] = []
        self.cancels_sent: list[str] = []
        self.changes_sent: list[OrderChange] = []
        self.conversions_sent: list[PositionConversion] = []
        self.logins = 0
        self.typed_passwords: list[str] = []
        self.book_reads = 0
        self.position_reads = 0
        self.book: dict[str, OrderReport] = {}
        self.position_reports: list[PositionReport] = []
        self.trade_reports: list[TradeReport] = []
        self.holding_reports: list[HoldingReport] = []
        self.funds_report = FundsReport(_ENOUGH, _ENOUGH, None, Decimal(0), None, None)
        self.margin_report: MarginReport | None = None  # None: the value of the tickets
        self.charge_each = Decimal(0)
        # What comes next, one each; the default when empty.
        self.placements: deque[Answer] = deque()
        self.cancels: deque[Outcome] = deque()
        self.modifications: deque[Outcome] = deque()
        self.conversions: deque[Outcome] = deque()
        self.login_errors: deque[BrokerError] = deque()
        self.read_errors: deque[BrokerError] = deque()
        self.hidden_tags: set[str] = set()  # booked late: not shown yet
        self.counted_in = SentBefore()
        self.closed = False
        self._session_valid = False
        self._stream: asyncio.Queue[StreamEvent] = asyncio.Queue()

    async def login(self, one_time_password: str = "") -> None:
        """Succeeds unless an error is scripted."""
        self.logins += 1
        if one_time_password:
            self.typed_passwords.append(one_time_password)
        if self.login_errors:
            raise self.login_errors.popleft()
        self._session_valid = True

    def prepare(self, ticket: OrderTicket) -> None:
        """There is nothing to make."""

    async def place(self, ticket: OrderTicket) -> Outcome:
        """The next scripted answer; accepted without one."""
        self.sent.append(ticket)
        if self.placements:
            return await self.placements.popleft()(ticket)
        return self.accept(ticket)

    async def cancel(self, broker_order_id: str, order_type: str) -> Outcome:
        """The next scripted outcome; without one the order is cancelled and that is streamed."""
        self.cancels_sent.append(broker_order_id)
        if self.cancels:
            return self.cancels.popleft()
        self.report(broker_order_id, status=ReportStatus.CANCELLED, raw_status="cancelled")
        return Accepted(broker_order_id, "")

    async def modify(self, change: OrderChange) -> Outcome:
        """The next scripted outcome; without one the order has its new quantity and prices, and that is streamed."""
        self.changes_sent.append(change)
        if self.modifications:
            return self.modifications.popleft()
        if change.broker_order_id not in self.book:
            return Refused("AB1013", "Order not found")
        self.report(
            change.broker_order_id,
            quantity=change.quantity,
            price=change.price,
            trigger_price=change.trigger_price,
            raw_status="modified",
        )
        return Accepted(change.broker_order_id, self.book[change.broker_order_id].unique_order_id)

    async def convert(self, conversion: PositionConversion) -> Outcome:
        """The next scripted outcome; accepted without one. Positions are as scripted."""
        self.conversions_sent.append(conversion)
        return self.conversions.popleft() if self.conversions else Accepted("", "")

    async def order_book(self) -> Sequence[OrderReport]:
        """Everything booked that is not hidden."""
        self._check_session()
        self.book_reads += 1
        return [report for report in self.book.values() if report.tag not in self.hidden_tags]

    async def order_details(self, unique_order_id: str) -> OrderReport | None:
        """One booked order."""
        self._check_session()
        return next((r for r in self.book.values() if r.unique_order_id == unique_order_id), None)

    async def positions(self) -> Sequence[PositionReport]:
        """As scripted."""
        self._check_session()
        self.position_reads += 1
        return self.position_reports

    async def trades(self) -> Sequence[TradeReport]:
        """As scripted."""
        self._check_session()
        return self.trade_reports

    async def holdings(self) -> Sequence[HoldingReport]:
        """As scripted."""
        self._check_session()
        return self.holding_reports

    async def funds(self) -> FundsReport:
        """As scripted; enough for anything without a script."""
        self._check_session()
        return self.funds_report

    async def margin(self, tickets: Sequence[OrderTicket]) -> MarginReport:
        """As scripted; without a script the whole value of the tickets."""
        self._check_session()
        value = sum((ticket.price * ticket.quantity for ticket in tickets), Decimal(0))
        return self.margin_report or MarginReport(value, {})

    async def charges(self, tickets: Sequence[OrderTicket]) -> Sequence[Decimal]:
        """`charge_each` for every one."""
        self._check_session()
        return [self.charge_each for _ in tickets]

    async def order_stream(self) -> AsyncIterator[StreamEvent]:
        """What `push` and `report` say."""
        yield StreamConnected()
        while True:
            yield await self._stream.get()

    def count_in(self, sent: SentBefore) -> None:
        """It has no rates."""
        self.counted_in = sent

    def connection(self) -> ConnectionReport:
        """A session as scripted, and one budget."""
        return ConnectionReport(self._session_valid, budgets=[BudgetLeft("place", 1.0, 9, 9, 0.0)])

    async def close(self) -> None:
        """Nothing to release."""
        self.closed = True

    def expire_session(self) -> None:
        """From now on reads raise `SessionExpiredError` until the next login."""
        self._session_valid = False

    def accept(self, ticket: OrderTicket) -> Accepted:
        """Book an order as resting; the ids follow from its number."""
        number = len(self.book) + 1
        ids = Accepted(f"26112200000{number:04d}", f"unique-{number}")
        self.book[ids.broker_order_id] = OrderReport(
            broker_order_id=ids.broker_order_id,
            unique_order_id=ids.unique_order_id,
            tag=ticket.tag,
            exchange=ticket.instrument.exchange,
            token=ticket.instrument.token,
            side=ticket.side,
            quantity=ticket.quantity,
            filled_quantity=0,
            average_price=Decimal(0),
            status=ReportStatus.WORKING,
            raw_status="open",
            text="",
            updated_at=None,
            price=ticket.price,
            trigger_price=ticket.trigger_price,
            order_type=ticket.order_type,
            product=ticket.product,
        )
        return ids

    def report(self, broker_order_id: str, *, stream: bool = True, **changes: object) -> OrderReport:
        """Change a booked order and (unless the frame is to be lost) stream the report, as the real stream has it: without
        the unique id."""
        self.book[broker_order_id] = replace(self.book[broker_order_id], **changes)  # type: ignore[arg-type]
        if stream:
            self.push(replace(self.book[broker_order_id], unique_order_id=""))
        return self.book[broker_order_id]

    def fill(self, broker_order_id: str, filled: int, average: str, *, stream: bool = True) -> OrderReport:
        """Fill a booked order up to a cumulative quantity at an average price."""
        whole = filled >= self.book[broker_order_id].quantity
        return self.report(
            broker_order_id,
            stream=stream,
            filled_quantity=filled,
            average_price=Decimal(average),
            status=ReportStatus.FILLED if whole else ReportStatus.WORKING,
            raw_status="complete" if whole else "open",
        )

    def push(self, event: StreamEvent) -> None:
        """Stream anything."""
        self._stream.put_nowait(event)

    def _check_session(self) -> None:
        if self.read_errors:
            raise self.read_errors.popleft()
        if not self._session_valid:
            raise SessionExpiredError("the session is not valid")

"""Cancel and close at the broker until its own books show that nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine_server.break_glass.emptying import Exit, IsOurs, Line, to_cancel, to_close
from engine_server.break_glass.journal import Journal
from engine_server.broker.port import Accepted, Broker, BrokerError, OrderReport, OrderTicket, ReportStatus
from engine_server.oms.domain.tags import Tags
from tradewinds.ids import IdFactory

_LOOK_SECONDS = 1.2  # the broker serves one read of its order book a second
_CHASE_ROUNDS = 3


@dataclass(frozen=True)
class Wish:
    """How far to go. `everything`: also what our tags do not name; `holdings`: delivered shares too."""

    squares_off: bool = False
    everything: bool = False
    holdings: bool = False


@dataclass
class _Sent:
    """An exit that may still be filled, and for how many rounds it has waited."""

    exit: Exit
    rounds: int = 0


@dataclass
class Stopping:
    """One account. `run` until it is empty, or the time is up."""

    broker: Broker
    tags: Tags
    journal: Journal
    new_id: IdFactory
    wish: Wish
    _exits: dict[str, _Sent] = field(default_factory=dict)  # by broker order id

    async def run(self, rounds: int) -> bool:
        """Whether the broker's books show that nothing is left."""
        for _ in range(rounds):
            try:
                if await self._round():
                    return True
            except BrokerError as e:
                self.journal.write("unread", error=str(e))
            await asyncio.sleep(_LOOK_SECONDS)
        return False

    async def _round(self) -> bool:
        book = await self.broker.order_book()
        self._forget_ended(book)
        late = {broker_id for broker_id, sent in self._exits.items() if sent.rounds >= _CHASE_ROUNDS}
        working = to_cancel(book, self._is_ours, everything=self.wish.everything)
        for report in working:
            if report.broker_order_id not in self._exits or report.broker_order_id in late:
                await self._cancel(report)
        others = [report for report in working if report.broker_order_id not in self._exits]
        if others or not self.wish.squares_off:
            self.journal.write("left", orders=len(working))
            return not working
        return await self._closed(book)

    async def _closed(self, book: Sequence[OrderReport]) -> bool:
        """Only when nothing else works: an order that fills would change what is open."""
        positions = await self.broker.positions()
        scope = {"everything": self.wish.everything, "holdings": self.wish.holdings}
        left = to_close(positions, book, self._is_ours, (), **scope)
        waiting: set[Line] = {sent.exit.line for sent in self._exits.values()}
        self.journal.write("left", orders=len(self._exits), positions=len(left))
        for exit_ in to_close(positions, book, self._is_ours, waiting, **scope):
            await self._close(exit_)
        return not left and not self._exits

    async def _cancel(self, report: OrderReport) -> None:
        outcome = await self.broker.cancel(report.broker_order_id, report.order_type or "LIMIT")
        self.journal.write("cancel", order=report.broker_order_id, answer=type(outcome).__name__)

    async def _close(self, exit_: Exit) -> None:
        ticket = OrderTicket(
            tag=self.tags.of(self.new_id("glass")),
            instrument=exit_.instrument,
            side=exit_.side,
            quantity=exit_.quantity,
            order_type="LIMIT",
            product=exit_.product,
            price=exit_.price,
        )
        outcome = await self.broker.place(ticket)
        facts = {
            "instrument": exit_.instrument.key,
            "side": exit_.side,
            "quantity": exit_.quantity,
            "price": exit_.price,
        }
        self.journal.write("exit", **facts, answer=type(outcome).__name__, message=getattr(outcome, "message", ""))
        if isinstance(outcome, Accepted):
            self._exits[outcome.broker_order_id] = _Sent(exit_)

    def _forget_ended(self, book: Sequence[OrderReport]) -> None:
        """What was filled or cancelled is no exit on its way any more."""
        working = {report.broker_order_id for report in book if report.status is ReportStatus.WORKING}
        self._exits = {broker_id: sent for broker_id, sent in self._exits.items() if broker_id in working}
        for sent in self._exits.values():
            sent.rounds += 1

    @property
    def _is_ours(self) -> IsOurs:
        return self.tags.is_ours

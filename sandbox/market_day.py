"""Carries out the milestones of the day: phases, auctions, square-off, the end of the day, midnight.

A milestone is written down after it has been done. After a kill in the middle of one it is done again, so each step looks at
what is still to do: living orders, open positions, a day that has not turned.
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.auctions import Auctions
from sandbox.clock import MarketClock, ist_day
from sandbox.day_plan import DayPlan, Happening, Milestone
from sandbox.ledger import DayTurn
from sandbox.order_book import OrderBook
from sandbox.order_desk import OrderDesk
from sandbox.orders import Order, OrderEvent, OrderState
from sandbox.phases import Market, Phase
from sandbox.settlement import Settler
from sandbox.square_off import SquareOff
from sandbox.trading_hours import TradingHours, market_of
from sandbox.truth import Truth
from sandbox.universe import Universe

EXPIRED_TEXT = "Order expired at the end of the trading day"


class MarketDay:
    """`on_new_day` hooks hear of every midnight (the day as `ist_day` counts), after the books have turned."""

    def __init__(
        self,
        plan: DayPlan,
        hours: TradingHours,
        universe: Universe,
        book: OrderBook,
        desk: OrderDesk,
        auctions: Auctions,
        square_off: SquareOff,
        settler: Settler,
        truth: Truth,
    ) -> None:
        self._plan = plan
        self._hours = hours
        self._universe = universe
        self._book = book
        self._desk = desk
        self._auctions = auctions
        self._square_off = square_off
        self._settler = settler
        self._truth = truth
        self.on_new_day: list[Callable[[int], None]] = []

    def next_ms(self) -> int:
        """When the next milestone is due, market milliseconds."""
        return self._plan.next_ms()

    def run_due(self, now_ms: int) -> None:
        """Carry out everything that is due by now, in order."""
        while self._plan.next_ms() <= now_ms:
            milestone = self._plan.peek()
            self._carry_out(milestone)
            self._truth.append(
                "milestone",
                event=milestone.happening.name.lower(),
                order=milestone.order,
                market=milestone.market.segment if milestone.market else "",
                phase=milestone.phase.value,
            )
            self._plan.done()

    def pass_to(self, clock: MarketClock, target_ms: int) -> None:
        """Jump to an instant over a time in which nothing trades, halting at each milestone on the way."""
        while self._plan.next_ms() <= target_ms:
            at_ms = self._plan.next_ms()
            if at_ms > clock.now_ms():
                clock.jump_to(at_ms)
            self.run_due(at_ms)
        if target_ms > clock.now_ms():
            clock.jump_to(target_ms)

    def _carry_out(self, milestone: Milestone) -> None:
        market = milestone.market
        if market is None:
            self._begin_day(ist_day(milestone.at_ms))
        elif milestone.happening is Happening.PHASE_CHANGED:
            self._enter(market, milestone.phase)
        elif milestone.happening is Happening.UNCROSS:
            self._auctions.uncross(market, milestone.phase)
        elif milestone.happening is Happening.SQUARE_OFF:
            self._hours.end_intraday(market)
            self._square_off.run(market)
        else:
            self._end_day(market, ist_day(milestone.at_ms))

    def _begin_day(self, day: int) -> None:
        if self._book.ledger.day < day:
            self._book.post("day", DayTurn(day))
        for tell in self.on_new_day:
            tell(day)

    def _enter(self, market: Market, phase: Phase) -> None:
        self._hours.enter(market, phase)
        self._auctions.phase_changed(market, phase)
        if phase is not Phase.CLOSED:
            for order in self._orders_of(market):
                if order.state is OrderState.AFTER_MARKET:
                    self._desk.send_after_hours(order)

    def _end_day(self, market: Market, day: int) -> None:
        for order in self._orders_of(market):
            if order.state is not OrderState.AFTER_MARKET:
                self._desk.end(order, OrderEvent.EXPIRED, EXPIRED_TEXT)
        self._settler.settle(market, day)
        self._hours.end_day(market)

    def _orders_of(self, market: Market) -> list[Order]:
        """Living orders of the market; those of instruments that are listed no more go with their segment."""
        found = []
        for order in self._book.live():
            instrument = self._universe.find(*order.key)
            if (market_of(instrument) if instrument else Market(order.exchange)) == market:
                found.append(order)
        return found

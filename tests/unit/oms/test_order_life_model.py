"""The life of orders against a reference model (the broker's truth), in any order of things that can happen: placements, answers of
every kind, fills, duplicated and reordered reports, reads of a book that lags by up to 12 s, cancels, changes, kill switches, restarts.

What must hold: a tag is sent once; what we count as filled never exceeds what the broker filled and never goes back; trades and
books add up to it; an order that is at the broker is never called not placed, by the bounds as they are in earnest; no entry is let in,
enlarged or sent while a kill switch is engaged; and when everything has been read, we agree.

`ORDER_LIFE_EXAMPLES` and `ORDER_LIFE_STEPS` make it larger.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine_server.broker.port import (
    Accepted,
    NotSent,
    OrderChange,
    OrderReport,
    OrderTicket,
    Outcome,
    Refused,
    ReportStatus,
    Unknown,
)
from engine_server.oms.account_state import AccountState, loaded_state
from engine_server.oms.admission import Admission
from engine_server.oms.cancelling import request_cancel, take_over
from engine_server.oms.dispatch import Dispatcher
from engine_server.oms.domain.commands import CancelOrder, ModifyOrder, PlaceOrder
from engine_server.oms.domain.kill_switch import KillAction, KillSwitch, Restriction, restriction
from engine_server.oms.domain.resolution import ResolutionBounds
from engine_server.oms.domain.risk.limits import LimitName, LimitsInForce, Scope
from engine_server.oms.domain.states import OrderState
from engine_server.oms.domain.tags import Tags
from engine_server.oms.domain.unwinding import foreign_lines, next_step, selection_of
from engine_server.oms.draft import Draft
from engine_server.oms.external import Adoption
from engine_server.oms.kill_response import withdraw_entries
from engine_server.oms.modifying import modify_answered, request_modify
from engine_server.oms.outcomes import cancel_answered, placement_answered
from engine_server.oms.pacer import Pacer, PacerSettings
from engine_server.oms.records import OrderRecord, TradeRecord
from engine_server.oms.reports import BookRead, apply_book, apply_report
from tests.unit.oms.orders import NOON, RELIANCE, place_order
from tests.unit.oms.risk_views import FRESH
from tradewinds.errors import InvalidArgumentError, PreconditionError

SETTINGS = settings(
    max_examples=int(os.environ.get("ORDER_LIFE_EXAMPLES", "60")),
    stateful_step_count=int(os.environ.get("ORDER_LIFE_STEPS", "40")),
    deadline=None,
)
# How long the broker's book does not show an order that it has; 12 s is the most that was ever seen.
LAGS = st.sampled_from([0.0, 1.5, 12.0])

pytestmark = pytest.mark.timeout(900)


class StillClock:
    """Stands still until the machine moves it."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> Any:
        return NOON + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class Board:
    """Limits that let the same order through again, and many whose fate is unknown; and the kill switches that are engaged."""

    def __init__(self) -> None:
        self.kills: list[KillSwitch] = []

    def limits(self, account_id: str, config_id: str | None) -> LimitsInForce:
        unknown, again = LimitName.MAX_UNKNOWN_ORDERS, LimitName.DUPLICATE_WINDOW_SECONDS
        return LimitsInForce(account={unknown: Decimal(100)}, everybody={again: Decimal(0)})

    def restriction(self, account_id: str, config_id: str | None) -> Restriction | None:
        return restriction(self.kills, account_id, config_id)


@dataclass
class Wire:
    """What has left and is not answered yet."""

    placements: list[tuple[OrderRecord, OrderTicket]]
    cancels: list[OrderRecord]
    changes: list[tuple[OrderRecord, OrderChange]]

    def prepare(self, ticket: OrderTicket) -> None:
        """Nothing to see of it."""

    def place(self, order: OrderRecord, ticket: OrderTicket) -> None:
        self.placements.append((order, ticket))

    def cancel(self, order: OrderRecord) -> None:
        self.cancels.append(order)

    def modify(self, order: OrderRecord, change: OrderChange) -> None:
        self.changes.append((order, change))


class OrderLife(RuleBasedStateMachine):
    """One account, one instrument, one broker."""

    bounds = ResolutionBounds()

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.numbers, self.board = StillClock(), count(1), Board()
        self.truth: dict[str, OrderReport] = {}  # by tag
        self.shown_from: dict[str, float] = {}  # by tag: when the book begins to show it
        self.history: list[OrderReport] = []  # every report there ever was
        self.sent: Counter[str] = Counter()
        self.trades: list[TradeRecord] = []
        self.watermarks: dict[str, int] = {}
        self.begin(AccountState("ACC1"))

    def begin(self, state: AccountState) -> None:
        self.state, self.wire = state, Wire([], [], [])
        dispatcher = Dispatcher(state, Pacer(PacerSettings()), self.wire, self.clock)
        self.dispatcher = dispatcher
        self.admission = Admission(
            Tags("ACC1", b"k"), dispatcher, lambda prefix: f"{prefix}-{next(self.numbers)}", self.board
        )

    def decide(self, decision: Callable[[Draft], Any]) -> Any:
        draft = Draft(
            self.state,
            now=self.clock.now(),
            market_now=NOON,
            monotonic=self.clock.monotonic(),
            permits=self.dispatcher.permits(),
        )
        answer = decision(draft)
        self.dispatcher.release(draft)
        draft.apply()
        self.trades += draft.trades
        before = len(self.wire.placements)
        draft.run_effects()
        sent = self.wire.placements[before:]
        self.sent.update(ticket.tag for _, ticket in sent)
        assert not self.board.kills or all(order.is_exit for order, _ in sent), sent
        return answer

    def report(self, tag: str, **changes: Any) -> OrderReport:
        self.truth[tag] = replace(self.truth[tag], **changes)
        self.history.append(self.truth[tag])
        return self.truth[tag]

    def book_it(self, ticket: OrderTicket, lag: float) -> Accepted:
        number = len(self.truth) + 1
        self.shown_from[ticket.tag] = self.clock.seconds + lag
        self.truth[ticket.tag] = OrderReport(
            broker_order_id=f"b{number}",
            unique_order_id=f"u{number}",
            tag=ticket.tag,
            exchange="NSE",
            token="2885",
            side=ticket.side,
            quantity=ticket.quantity,
            filled_quantity=0,
            average_price=Decimal(0),
            status=ReportStatus.WORKING,
            raw_status="open",
            text="",
            updated_at=NOON,
            price=ticket.price,
            product="MIS",
            order_type="LIMIT",
        )
        self.history.append(self.truth[ticket.tag])
        return Accepted(f"b{number}", f"u{number}")

    @initialize(orders=st.integers(0, 9))
    def place_some(self, orders: int) -> None:
        """More at once than the rate lets go, or fewer; the first are answered."""
        for _ in range(orders):
            self.place("BUY", 3)
        for _ in range(orders // 2):
            self.answer("accepted", 0.0)

    @rule(side=st.sampled_from(["BUY", "BUY", "SELL"]), quantity=st.integers(1, 9))
    def place(self, side: str, quantity: int) -> None:
        plain: PlaceOrder = place_order(side=side, quantity=quantity, request_id=f"r{next(self.numbers)}")
        command = replace(plain, quote=FRESH)
        order: OrderRecord = self.decide(partial(self.admission.place, command))
        assert not self.board.kills or order.is_exit or order.state is OrderState.DENIED, order

    @precondition(lambda self: self.wire.placements)
    @rule(
        kind=st.sampled_from(["accepted", "refused", "not_sent", "unknown_there", "unknown_not_there", "fast_fill"]),
        lag=LAGS,
    )
    def answer(self, kind: str, lag: float) -> None:
        order, ticket = self.wire.placements.pop(0)
        outcome: Outcome
        if kind in ("accepted", "fast_fill"):
            outcome = self.book_it(ticket, lag)
            if kind == "fast_fill":  # the stream is faster than the answer
                self.stream(self.fill_up(ticket.tag))
        elif kind == "unknown_there":
            self.book_it(ticket, lag)
            outcome = Unknown("timed out")
        else:
            refusals: dict[str, Outcome] = {"refused": Refused("AB1012", "no"), "not_sent": NotSent("no route")}
            outcome = refusals.get(kind, Unknown("reset"))
        self.decide(partial(placement_answered, order.order_id, outcome, lambda: None))

    def fill_up(self, tag: str) -> OrderReport:
        quantity = self.truth[tag].quantity
        return self.report(tag, filled_quantity=quantity, average_price=Decimal(1400), status=ReportStatus.FILLED)

    def working_tags(self) -> list[str]:
        return [tag for tag, report in self.truth.items() if report.status is ReportStatus.WORKING]

    @precondition(lambda self: self.working_tags())
    @rule(data=st.data(), heard=st.booleans())
    def trade(self, data: st.DataObject, heard: bool) -> None:
        report = self.truth[data.draw(st.sampled_from(self.working_tags()))]
        filled = data.draw(st.integers(report.filled_quantity, report.quantity))
        status = ReportStatus.FILLED if filled == report.quantity else ReportStatus.WORKING
        new = self.report(report.tag, filled_quantity=filled, average_price=Decimal(1400), status=status)
        if heard:
            self.stream(new)

    @precondition(lambda self: self.working_tags())
    @rule(data=st.data(), status=st.sampled_from([ReportStatus.CANCELLED, ReportStatus.REJECTED]))
    def end_at_the_exchange(self, data: st.DataObject, status: ReportStatus) -> None:
        self.report(data.draw(st.sampled_from(self.working_tags())), status=status)

    @precondition(lambda self: self.history)
    @rule(data=st.data())
    def any_report_again(self, data: st.DataObject) -> None:
        """Duplicated, reordered, late: whatever was ever said may come (again)."""
        self.stream(data.draw(st.sampled_from(self.history)))

    def stream(self, report: OrderReport) -> None:
        self.decide(lambda draft: apply_report(draft, replace(report, unique_order_id="")))

    @rule(seconds=st.sampled_from([0.5, 3.0, 12.0]))
    def read_the_book(self, seconds: float) -> None:
        self.clock.seconds += seconds
        shown = [report for tag, report in self.truth.items() if self.shown_from[tag] <= self.clock.seconds]
        read = BookRead(shown, self.clock.monotonic())
        adoption = Adoption("asha", lambda exchange, token: RELIANCE)
        self.decide(lambda draft: apply_book(draft, read, self.bounds, adoption))

    @precondition(lambda self: self.state.working)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order_id = data.draw(st.sampled_from(sorted(order.order_id for order in self.state.working)))
        self.decide(partial(request_cancel, CancelOrder(order_id=order_id, actor="asha")))

    @precondition(lambda self: self.wire.cancels)
    @rule(kind=st.sampled_from(["done", "too_late", "unclear_done", "unclear"]))
    def answer_cancel(self, kind: str) -> None:
        order = self.wire.cancels.pop(0)
        tag = order.tag
        if kind in ("done", "unclear_done") and self.truth[tag].status is ReportStatus.WORKING:
            self.report(tag, status=ReportStatus.CANCELLED)
        answers: dict[str, Outcome] = {
            "done": Accepted(order.broker_order_id or "", ""),
            "too_late": Refused("AB1013", "it is complete"),
        }
        outcome = answers.get(kind, Unknown("timed out"))
        self.decide(partial(cancel_answered, order.order_id, outcome, lambda: None))

    @precondition(lambda self: self.state.working)
    @rule(data=st.data(), quantity=st.integers(1, 9), price=st.sampled_from([1390, 1400, 1410]))
    def change(self, data: st.DataObject, quantity: int, price: int) -> None:
        order_id = data.draw(st.sampled_from(sorted(order.order_id for order in self.state.working)))
        side = self.state.orders[order_id].side
        command = ModifyOrder(
            order_id=order_id,
            actor="asha",
            instrument=RELIANCE,
            as_placed=place_order(side=side, quantity=quantity, price=Decimal(price)),
            quantity=quantity,
            price=Decimal(price),
        )
        before = self.state.orders[order_id]
        with contextlib.suppress(PreconditionError, InvalidArgumentError):  # refused with a reason: nothing has changed
            self.decide(partial(request_modify, command, self.board))
            assert not self.board.kills or before.is_exit or quantity <= before.quantity, (before, quantity)

    @precondition(lambda self: self.wire.changes)
    @rule(kind=st.sampled_from(["made", "refused", "unclear_made", "unclear"]))
    def answer_change(self, kind: str) -> None:
        order, change = self.wire.changes.pop(0)
        report = self.truth[order.tag]
        can_be_made = report.status is ReportStatus.WORKING and change.quantity > report.filled_quantity
        if kind in ("made", "unclear_made") and can_be_made:
            self.report(order.tag, quantity=change.quantity, price=change.price)
        outcome: Outcome = Refused("AB2001", "no")
        if kind.startswith("unclear"):
            outcome = Unknown("timed out")
        elif kind == "made" and can_be_made:
            outcome = Accepted(change.broker_order_id, "")
        self.decide(partial(modify_answered, order.order_id, outcome, lambda: None))

    @precondition(lambda self: self.state.working and not self.board.kills)
    @rule(action=st.sampled_from(KillAction))
    def kill(self, action: KillAction) -> None:
        """The board has it, then the account's owner takes back what waits, and cancels what works."""
        number = next(self.numbers)
        kill = KillSwitch(f"kill-{number}", Scope.GLOBAL, "", "", action, True, "drill", "asha", self.clock.now())
        self.board.kills.append(kill)
        self.decide(partial(withdraw_entries, kill))
        if action.cancels:
            positions = [book.position for book in self.state.books.values()]
            foreign = foreign_lines(self.state.orders.values())
            what = selection_of(kill)
            step = next_step(what, self.state.working, positions, foreign, self.state.excess, self.clock.now())
            for order in step.cancel:
                self.decide(partial(request_cancel, CancelOrder(order_id=order.order_id, actor=kill.kill_id)))

    @precondition(lambda self: self.board.kills)
    @rule()
    def release(self) -> None:
        self.board.kills.pop()

    @precondition(lambda self: self.state.working)
    @rule(arrives=st.booleans(), lag=LAGS)
    def restart(self, arrives: bool, lag: float) -> None:
        """The engine dies; what was on its way arrives, or does not, and nobody hears the answer."""
        for _, ticket in self.wire.placements if arrives else ():
            self.book_it(ticket, lag)
        booked: Counter[str] = Counter()
        for trade in self.trades:
            booked[trade.order_id] += trade.price * trade.quantity  # type: ignore[assignment]
        self.begin(
            loaded_state(
                "ACC1",
                sequence=self.state.sequence,
                config_sequences={},
                orders=[(order, Decimal(booked[order.order_id])) for order in self.state.orders.values()],
                books=iter(self.state.books.items()),
            )
        )
        self.decide(take_over)

    @invariant()
    def a_tag_is_sent_once(self) -> None:
        assert all(times == 1 for times in self.sent.values()), self.sent

    @invariant()
    def fills_are_the_brokers_and_never_go_back(self) -> None:
        for order in self.state.orders.values():
            theirs = self.truth.get(order.tag)
            assert order.filled_quantity <= (theirs.filled_quantity if theirs else 0)
            assert order.filled_quantity >= self.watermarks.get(order.order_id, 0)
            self.watermarks[order.order_id] = order.filled_quantity

    @invariant()
    def trades_and_books_add_up(self) -> None:
        filled = sum(order.filled_quantity for order in self.state.orders.values())
        assert sum(trade.quantity for trade in self.trades) == filled
        assert len({trade.trade_id for trade in self.trades}) == len(self.trades)
        signed = sum(t.quantity if t.side == "BUY" else -t.quantity for t in self.trades)
        assert sum(book.position.net_quantity for book in self.state.books.values()) == signed

    @invariant()
    def nothing_waits_to_enter_while_it_is_stopped(self) -> None:
        waiting = [self.state.orders[order_id] for order_id in self.state.pending]
        assert not self.board.kills or all(order.is_exit for order in waiting), waiting

    @invariant()
    def what_is_there_is_never_called_not_placed(self) -> None:
        for order in self.state.orders.values():
            assert order.state is not OrderState.NOT_PLACED or order.tag not in self.truth, order

    def teardown(self) -> None:
        """Everything is answered and read: we agree."""
        for _ in range(12):
            while self.wire.placements:
                self.answer("accepted", 0.0)
            while self.wire.cancels:
                self.answer_cancel("done")
            while self.wire.changes:
                self.answer_change("made")
            self.read_the_book(12.0)
        for order in self.state.orders.values():
            self._agrees(order, self.truth.get(order.tag))

    def _agrees(self, order: OrderRecord, theirs: OrderReport | None) -> None:
        assert order.state not in (OrderState.UNKNOWN, OrderState.SUBMITTING, OrderState.PENDING_SUBMIT), order
        assert not order.modify_requested, order
        if theirs is None:
            assert order.filled_quantity == 0
            assert order.state.is_terminal
            return
        assert order.filled_quantity == theirs.filled_quantity
        assert order.state.is_terminal is (theirs.status is not ReportStatus.WORKING), (order, theirs)
        if not order.state.is_terminal:
            assert (order.quantity, order.price) == (theirs.quantity, theirs.price)


def test_its_orders_are_let_in_sent_and_filled() -> None:
    """Were they all denied, everything above would hold of nothing."""
    life = OrderLife()
    life.place("BUY", 3)
    life.answer("fast_fill", 0.0)
    life.place("SELL", 3)
    assert [order.state for order in life.state.orders.values()] == ["FILLED", "SUBMITTING"]


def unanswered(lag: float, seconds: float, gap: float, bounds: ResolutionBounds) -> OrderState:
    """What is thought of an order that the broker took without an answer, after the book was read for so long."""
    life = OrderLife()
    life.bounds = bounds
    life.place("BUY", 3)
    life.answer("unknown_there", lag)
    until = life.clock.seconds + seconds
    while life.clock.seconds < until:
        life.read_the_book(gap)
    (order,) = life.state.orders.values()
    return order.state


@given(lag=st.floats(0.0, 12.0), gap=st.floats(0.2, 2.0))
def test_however_often_a_book_that_lags_is_read_its_order_is_found_and_not_given_up(lag: float, gap: float) -> None:
    assert unanswered(lag, lag + 0.1, gap, ResolutionBounds()) is OrderState.OPEN


def test_who_goes_by_reads_alone_gives_up_an_order_that_is_there() -> None:
    five_reads = ResolutionBounds(minimum_seconds=0.0)
    assert unanswered(12.0, 6.0, 1.0, five_reads) is OrderState.NOT_PLACED
    assert unanswered(12.0, 6.0, 1.0, ResolutionBounds()) is OrderState.UNKNOWN


TestOrderLife = OrderLife.TestCase
TestOrderLife.settings = SETTINGS

"""What is wanted beyond the sockets: in turn, at the broker's pace, and never as a tick of the stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine_server.broker.market_data import QuoteReport
from engine_server.broker.port import BrokerError
from engine_server.feed.rotation import QUOTES_A_REQUEST, Rotation, quote_ticks
from tests.unit.feed.instruments import instrument
from tradewinds.clock import MarketClock
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.ticks import REST_FLAG, TickArray

MANY = {f"NSE:S{n:03}-EQ": instrument(f"NSE:S{n:03}-EQ", str(100 + n)) for n in range(120)}
TRADED_AT = datetime(2026, 7, 15, 5, 30, tzinfo=UTC)


def report(one: Instrument, **changes: object) -> QuoteReport:
    facts: dict[str, object] = {
        "exchange": one.exchange,
        "token": one.token,
        "last_price": Decimal("101.05"),
        "bid_price": Decimal("101"),
        "ask_price": None,
        "volume": 7,
        "open_interest": 0,
        "close_price": Decimal(100),
        "lower_circuit": None,
        "upper_circuit": None,
        "traded_at": TRADED_AT,
    }
    return QuoteReport(**(facts | changes))  # type: ignore[arg-type]


@dataclass
class Stage:
    wanted: dict[InstrumentKey, Instrument] = field(default_factory=lambda: dict(MANY))
    closed: set[InstrumentKey] = field(default_factory=set)
    taken: list[TickArray] = field(default_factory=list)
    asked: list[list[InstrumentKey]] = field(default_factory=list)
    refuses: str = ""
    now: float = 1_000.0

    def __post_init__(self) -> None:
        self.rotation = Rotation(
            self,  # type: ignore[arg-type] # quotes are all that it asks for
            MarketClock(),
            wanted=lambda: self.wanted,
            is_open=lambda one: one.key not in self.closed,
            take=self.taken.append,
            monotonic=lambda: self.now,
            wall_ns=lambda: 5,
        )

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[QuoteReport]:
        self.asked.append([one.key for one in instruments])
        if self.refuses:
            raise BrokerError(self.refuses)
        return [report(one) for one in instruments]

    async def turn(self) -> list[InstrumentKey]:
        """One turn, and the pause after it."""
        if chosen := self.rotation.next_batch():
            self.now += await self.rotation.ask(chosen)
        return [one.key for one in chosen]


async def test_each_has_its_turn_before_anybody_has_a_second_one() -> None:
    stage = Stage()
    turns = [await stage.turn() for _ in range(3)]
    assert [len(turn) for turn in turns] == [QUOTES_A_REQUEST] * 3
    keys = list(MANY)
    assert turns[0] + turns[1] + turns[2][:20] == keys, "the first wishes are the first to be quoted"
    assert turns[2][20:] == keys[:30], "and then whoever was quoted longest ago"
    assert stage.rotation.cycle_seconds == 3.0


async def test_a_second_passes_between_two_requests() -> None:
    stage = Stage()
    began = stage.now
    for _ in range(4):
        await stage.turn()
    assert stage.now - began == 4.0


async def test_what_is_new_comes_first_and_what_is_gone_is_not_asked_for() -> None:
    stage = Stage()
    for _ in range(3):
        await stage.turn()
    stage.wanted["NSE:NEW-EQ"] = instrument("NSE:NEW-EQ", "9")
    del stage.wanted["NSE:S040-EQ"]
    turn = await stage.turn()
    assert turn[0] == "NSE:NEW-EQ"
    assert "NSE:S040-EQ" not in turn


async def test_a_closed_market_is_asked_for_once_a_minute() -> None:
    stage = Stage(wanted={key: MANY[key] for key in list(MANY)[:2]}, closed=set(MANY))
    assert len(await stage.turn()) == 2
    assert await stage.turn() == []
    stage.now += 60
    assert len(await stage.turn()) == 2


async def test_a_broker_that_refuses_is_given_longer_and_nobody_loses_its_turn() -> None:
    stage = Stage()
    stage.refuses = "quotes: the broker's rate limit leaves no room"
    began = stage.now
    first = await stage.turn()
    assert stage.now - began >= 1.0
    assert stage.rotation.problem == stage.refuses
    stage.refuses = ""
    assert await stage.turn() == first
    assert stage.rotation.problem == ""
    assert len(stage.taken) == 1


def test_a_quote_says_that_it_was_asked_for_and_when_it_was_true() -> None:
    one = MANY["NSE:S001-EQ"]
    [tick] = quote_ticks([report(one)], [one], market_ms=77, received_ns=5)
    assert (tick["flags"], tick["received_ns"], tick["token"]) == (REST_FLAG, 5, 101)
    assert (tick["last_price_e4"], tick["bid_price_e4"], tick["ask_price_e4"]) == (1_010_500, 1_010_000, 0)
    assert (tick["close_price_e4"], tick["volume"]) == (1_000_000, 7)
    assert tick["exchange_ms"] == round(TRADED_AT.timestamp() * 1000)


@pytest.mark.parametrize("changes", [{"token": "102"}, {"exchange": "BSE"}])
def test_a_quote_that_was_not_asked_for_is_left_out(changes: dict[str, object]) -> None:
    one = MANY["NSE:S001-EQ"]
    assert len(quote_ticks([report(one, **changes)], [one], market_ms=77, received_ns=5)) == 0


def test_what_has_not_traded_is_as_of_now() -> None:
    one = MANY["NSE:S001-EQ"]
    [tick] = quote_ticks([report(one, traded_at=None)], [one], market_ms=77, received_ns=5)
    assert tick["exchange_ms"] == 77

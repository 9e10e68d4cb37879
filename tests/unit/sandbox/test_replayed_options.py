"""An option chain on a replayed index: it moves as the recording does, and what expires is settled at the recording's close.

A small recording that the test writes, always; and two days of real ones (see TRADEWINDS_MARKET_DATA).
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pytest

from sandbox.broker import Broker, prepare
from sandbox.clock import IST
from sandbox.latency import Latency
from sandbox.listing.contracts import ContractBook, expiry_text
from sandbox.listing.underlyings import Underlying
from sandbox.market import Quote
from sandbox.order_entry import read_new_order
from sandbox.orders import OrderState
from sandbox.replay_files import BAR_COLUMNS
from sandbox.settings import Credentials, SandboxSettings
from sandbox.trading_floor import TradingFloor
from sandbox.universe import Instrument, OptionType
from tests.unit.sandbox.desk_rig import order_body

DATA = Path(os.environ.get("TRADEWINDS_MARKET_DATA") or Path(__file__).parents[3] / "../shared/data")
REAL_BARS = DATA / "nse_1m.csv.gz"
KNOWN = Credentials("D12345", "1234", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "key")
NAMES = {"NIFTY": "NIFTY 50", "BANKNIFTY": "NIFTY BANK"}
THURSDAY, FRIDAY = "2021-06-03", "2021-06-04"
"""The weekly expiry of both indices in those years, and the day after it."""
CALL, PUT = OptionType.CALL, OptionType.PUT
TICK = 5
"""The least that an option of an index prints at."""
CARRY = 0.0005
"""What an hour's carry and a future's basis are at most, as a part of the underlying's price."""


@dataclass
class ReplayedMarket:
    """A broker on a replay, whose clock the test moves."""

    broker: Broker
    contracts: ContractBook

    def __post_init__(self) -> None:
        self._floor = TradingFloor(self.broker)

    def go_to(self, when: str) -> None:
        """Everything up to an instant happens, in order."""
        self.broker.clock.jump_to(at(when))
        while self._floor.advance():
            pass

    def expiries(self, name: str) -> tuple[date, date]:
        """(the nearest, a weekly; the nearest monthly one)."""
        underlying = self.underlying(name)
        days = self.contracts.expiries.options(underlying, date.fromisoformat(THURSDAY))
        return days[0], next(day for day in days if self.contracts.is_monthly(underlying, day))

    def underlying(self, name: str) -> Underlying:
        found = self.contracts.underlying("NFO", name)
        assert found is not None
        return found

    def spot(self, name: str) -> int:
        return self.quote(self.broker.universe.find(*self.underlying(name).source)).ltp

    def option(self, name: str, expiry: date, strike: int, side: OptionType) -> Instrument:
        return self.contracts.option(self.underlying(name), expiry, strike, side)

    def quote(self, instrument: Instrument | None) -> Quote:
        assert instrument is not None
        quote = self.broker.board.quote(instrument.key)
        assert quote is not None, instrument
        return quote

    def near(self, name: str, strikes_each_side: int = 5) -> list[int]:
        """Strikes round the money, lowest first."""
        strikes = self.contracts.strikes(self.underlying(name))
        middle = min(range(len(strikes)), key=lambda n: abs(strikes[n] - self.spot(name)))
        return list(strikes[middle - strikes_each_side : middle + strikes_each_side + 1])

    def prices(self, name: str, expiry: date, strikes: list[int], side: OptionType) -> list[int]:
        return [self.quote(self.option(name, expiry, strike, side)).ltp for strike in strikes]

    def trade(self, option: Instrument, side: str) -> None:
        """One lot, at whatever the market is."""
        body = {"exchange": "NFO", "tradingsymbol": option.symbol, "symboltoken": option.token}
        ltp = self.quote(option).ltp
        price = f"{(ltp * 12 // 10 if side == 'BUY' else ltp * 8 // 10) // TICK * TICK / 100:.2f}"
        kind = {"producttype": "CARRYFORWARD", "transactiontype": side, "quantity": str(option.lot_size)}
        placed = self.broker.desk.place(read_new_order(order_body(**body, **kind, price=price), self.broker.universe))
        for _ in range(300):  # the latency is real, a hundredth of a millisecond; the prints come by the clock
            self.broker.clock.jump_to(self.broker.clock.now_ms() + 100)
            self._floor.advance()
            order = self.broker.book.get(placed.order_id)
            if order is not None and order.state.is_terminal:
                break
        assert order is not None
        assert order.state is OrderState.COMPLETE, order.text

    def net(self, option: Instrument) -> int:
        position = self.broker.book.positions.by_key.get((*option.key, "CARRYFORWARD"))
        return position.net if position else 0  # what was closed goes with its day


def at(when: str) -> int:
    return int(datetime.fromisoformat(when).replace(tzinfo=IST).timestamp() * 1000)


@contextmanager
def replayed(folder: Path, rows: list[list[str]]) -> Iterator[ReplayedMarket]:
    bars = folder / "bars.csv"
    with bars.open("w", newline="") as file:
        csv.writer(file).writerows([BAR_COLUMNS, *rows])
    prepared = prepare(SandboxSettings(KNOWN, folder / "state", replay=(bars,), latency=Latency(0.01, 0.01)))
    prepared.state_dir.claim(prepared.identity)
    broker = Broker(prepared)
    yield ReplayedMarket(broker, prepared.listing.contracts)
    broker.close()


def bar(day: str, minute: str, name: str, rupees: float) -> list[str]:
    """A minute in which it did not move."""
    return [f"{day}T{minute}:00+05:30", NAMES[name], *[f"{rupees:.2f}"] * 4, "0"]


LEVELS = {"NIFTY": 15_600.0, "BANKNIFTY": 35_400.0}


def written(name: str) -> list[list[str]]:
    """A morning that rises by one per cent, a last half hour that rises steadily to two, and a next day."""
    level = LEVELS[name]
    morning = [bar(THURSDAY, f"09:{15 + n}", name, level * (1 + n / 1000)) for n in range(11)]
    afternoon = [bar(THURSDAY, f"15:{n:02d}", name, round(level * (1.014 + n * 0.0002), 1)) for n in range(30)]
    return [*morning, *afternoon, bar(FRIDAY, "09:15", name, level)]


def closing_average(rows: list[list[str]], name: str) -> int:
    """Paise: of the last half hour's closes, index minutes having no volume."""
    closes = [
        round(float(r[5]) * 100)
        for r in rows
        if r[1] == NAMES[name] and r[0][:16] >= f"{THURSDAY}T15:00" and r[0][:10] == THURSDAY
    ]
    assert len(closes) > 20, "most of the last half hour was recorded"
    return round(sum(closes) / len(closes))


@pytest.fixture
def market(tmp_path: Path) -> Iterator[ReplayedMarket]:
    with replayed(tmp_path, [row for name in NAMES for row in written(name)]) as market:
        yield market


@pytest.mark.parametrize("name", NAMES)
def test_calls_rise_and_puts_fall_with_the_replayed_index_weekly_and_monthly(market: ReplayedMarket, name: str) -> None:
    market.go_to(f"{THURSDAY}T09:16:00")
    weekly, monthly = market.expiries(name)
    assert (weekly, monthly) == (date(2021, 6, 3), date(2021, 6, 24))
    strikes, spot = market.near(name), market.spot(name)
    before = {(day, side): market.prices(name, day, strikes, side) for day in (weekly, monthly) for side in (CALL, PUT)}
    market.go_to(f"{THURSDAY}T09:26:00")
    assert market.spot(name) == pytest.approx(spot * 1.01, rel=1e-4)
    for (day, side), earlier in before.items():
        later = market.prices(name, day, strikes, side)
        moves = [(b - a) * (1 if side is CALL else -1) for a, b in zip(earlier, later, strict=True)]
        assert all(move > 0 or a == b == TICK for move, a, b in zip(moves, earlier, later, strict=True)), (day, side)
        assert moves[len(moves) // 2] > 0
        assert later == sorted(later, reverse=side is CALL), "by strike"
    for side in (CALL, PUT):
        near, far = (market.prices(name, day, strikes, side) for day in (weekly, monthly))
        assert all(a < b for a, b in zip(near, far, strict=True)), "three more weeks are worth something"


@pytest.mark.parametrize("name", NAMES)
def test_on_its_last_day_a_contract_comes_to_what_it_is_in_the_money_and_is_settled_at_the_closing_average(
    market: ReplayedMarket, name: str
) -> None:
    market.go_to(f"{THURSDAY}T09:20:00")
    weekly, monthly = market.expiries(name)
    strike = market.near(name)[4]
    bought, sold, carried = (
        market.option(name, *terms)
        for terms in ((weekly, strike, CALL), (weekly, strike, PUT), (monthly, strike, CALL))
    )
    market.trade(bought, "BUY")
    market.trade(sold, "SELL")
    market.trade(carried, "BUY")
    market.go_to(f"{THURSDAY}T15:29:50")  # after the last print the clock would be in Friday
    for each in market.near(name):
        for option in (market.option(name, weekly, each, side) for side in (CALL, PUT)):
            worth = max(0, (1 if option.option_type is CALL else -1) * (market.spot(name) - each))
            assert abs(market.quote(option).ltp - worth) <= max(CARRY * market.spot(name), option.tick_size), option
    close = closing_average(written(name), name)
    assert close < market.spot(name), "it rose until the end"
    market.go_to(f"{THURSDAY}T15:31:00")
    settled = {
        fill["token"]: (fill["side"], fill["quantity"], fill["price"])
        for record in market.broker.truth.records()
        if record["kind"] == "settlement"
        for fill in record["fills"]
    }
    lot = bought.lot_size
    assert settled == {bought.token: ("SELL", lot, close - strike), sold.token: ("BUY", lot, 0)}
    assert (market.net(bought), market.net(sold), market.net(carried)) == (0, 0, lot)
    market.go_to(f"{FRIDAY}T09:16:00")
    assert market.broker.board.quote(bought.key) is None, "it has ended"
    assert weekly not in market.contracts.expiries.options(market.underlying(name), date.fromisoformat(FRIDAY))
    assert market.quote(carried).ltp > 0


@pytest.mark.skipif(
    not REAL_BARS.exists(), reason=f"no recorded market data in {DATA}: set TRADEWINDS_MARKET_DATA to a folder with it"
)
def test_calls_less_puts_are_a_real_index_less_the_strike_through_the_afternoon_of_its_expiry(tmp_path: Path) -> None:
    rows = _real_rows()
    with replayed(tmp_path, rows) as market:
        held: dict[str, Instrument] = {}
        for minute in (f"{hour:02d}:{n:02d}" for hour in (13, 14, 15) for n in (0, 20)):
            market.go_to(f"{THURSDAY}T{minute}:59")
            for name in NAMES:
                weekly, monthly = market.expiries(name)
                strikes, spot = market.near(name, 3), market.spot(name)
                calls, puts = (market.prices(name, weekly, strikes, side) for side in (CALL, PUT))
                for strike, call, put in zip(strikes, calls, puts, strict=True):
                    assert call - put == pytest.approx(spot - strike, abs=CARRY * spot + 10), (minute, strike)
                if name not in held:
                    held[name] = market.option(name, weekly, strikes[0], CALL)
                    market.trade(held[name], "BUY")
                greeks = market.broker.derivatives.greeks(name, expiry_text(monthly))
                assert min(abs(float(row["strikePrice"]) * 100 - spot) for row in greeks) <= 10_000
        market.go_to(f"{THURSDAY}T15:45:00")
        fills = [f for r in market.broker.truth.records() if r["kind"] == "settlement" for f in r["fills"]]
        expected = {o.token: max(0, closing_average(rows, name) - o.strike) for name, o in held.items()}
        assert {fill["token"]: fill["price"] for fill in fills} == expected
        assert [market.net(option) for option in held.values()] == [0, 0]


def _real_rows() -> list[list[str]]:
    """Both indices on the afternoon of an expiry; the recording has outages."""
    with gzip.open(REAL_BARS, "rt", newline="") as file:
        rows = csv.reader(file)
        return [row for row in rows if row[1] in NAMES.values() and f"{THURSDAY}T12:50" <= row[0] < FRIDAY]

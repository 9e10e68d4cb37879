"""Bars, phases, selections, daily timers and live parameters, as a strategy meets them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import pytest

from tradewinds.clock import IST
from tradewinds.instruments import Instrument, UnknownInstrumentError
from tradewinds.sdk import Bar, BaseStrategy, Params, ParamsError, Phase, at, fut, live, opt
from tradewinds.sdk.params import validate
from tradewinds.sdk.testing import StrategyHarness, equity

CALL = Instrument(
    key="NFO:NIFTY24NOV2624500CE", exchange="NFO", symbol="NIFTY24NOV2624500CE", token="1", name="NIFTY", kind="OPT",
    lot_size=75, tick_size=Decimal("0.05"),
)  # fmt: skip
OTHER = Instrument(
    key="NFO:NIFTY24NOV2624600CE", exchange="NFO", symbol="NIFTY24NOV2624600CE", token="2", name="NIFTY", kind="OPT",
    lot_size=75, tick_size=Decimal("0.05"),
)  # fmt: skip
ATM = opt("NIFTY", "weekly", "ATM", "CE")


class Average(BaseStrategy):
    """Keeps an average of five-minute bars."""

    class Params(Params):
        symbols: list[str]
        length: int = live(3, gt=0)

    def bars(self) -> Mapping[str, int]:
        return {"5m": 4, "1d": 0}

    def on_start(self) -> None:
        self.averages: list[float] = [self.average()]
        self.seen: list[Bar] = []
        self.phases: list[Phase] = []
        self.changes: list[tuple[int, int]] = []

    def on_bar(self, bar: Bar) -> None:
        self.seen.append(bar)
        self.averages.append(self.average())

    def average(self) -> float:
        closes = self.history("TCS", "5m", self.params.length).close
        return float(closes.mean()) if len(closes) else 0.0

    def on_phase(self, phase: Phase) -> None:
        self.phases.append(phase)

    def on_params(self, before: Params) -> None:
        self.changes.append((before.length, self.params.length))


async def test_history_is_warm_before_on_start_and_ends_with_the_bar_of_on_bar() -> None:
    harness = StrategyHarness(Average, {"symbols": ["TCS"]})
    harness.past_bars("TCS", "5m", ["3000", "3001", "3002"])
    await harness.start()
    await harness.advance("5m")
    await harness.bar("TCS", "3006.05", interval="5m", open="3002", high="3010", low="3000", volume=77)
    assert harness.strategy.averages == [3001.0, pytest.approx((3001 + 3002 + 3006.05) / 3)]
    (bar,) = harness.strategy.seen
    assert (bar.symbol, bar.open, bar.high, bar.low, bar.close) == ("NSE:TCS-EQ", 3002, 3010, 3000, Decimal("3006.05"))
    assert bar.start == datetime(2026, 11, 20, 9, 15, tzinfo=IST)
    history = harness.strategy.history("TCS", "5m")
    assert list(history.volume) == [0, 0, 0, 77]
    assert str(history.start[-1]) == "2026-11-20T03:45:00.000"


async def test_a_bar_is_told_once_and_only_the_newest_are_kept() -> None:
    harness = StrategyHarness(Average, {"symbols": ["TCS"]})
    await harness.start()
    for close in range(3000, 3006):
        await harness.advance("5m")
        await harness.bar("TCS", close, interval="5m")
    await harness.bar("TCS", 4000, interval="5m")  # the broker's candle of the same time replaces it
    assert len(harness.strategy.seen) == 6
    assert list(harness.strategy.history("TCS", "5m").close) == [3002, 3003, 3004, 4000]


async def test_what_is_not_kept_is_refused_by_name() -> None:
    harness = StrategyHarness(Average, {"symbols": ["TCS"]})
    await harness.start()
    with pytest.raises(ValueError, match=r"'1m' is not kept; return it from bars\(\), which returns: 5m, 1d"):
        harness.strategy.history("TCS")


@pytest.mark.parametrize(("wanted", "words"), [({"7m": 1}, "no interval '7m'"), ({"1m": 9_000}, "0 to 5000 bars")])
async def test_bars_that_cannot_be_are_refused_before_on_start(wanted: Mapping[str, int], words: str) -> None:
    class Greedy(BaseStrategy):
        def bars(self) -> Mapping[str, int]:
            return wanted

    with pytest.raises(ValueError, match=words):
        await StrategyHarness(Greedy).start()


async def test_phases_are_told_when_they_change() -> None:
    harness = StrategyHarness(Average, {"symbols": ["TCS"]})
    await harness.start()
    assert harness.strategy.phase("TCS").name == "UNKNOWN"
    await harness.phase("CONTINUOUS")
    assert harness.strategy.phases == []  # what it is at first is no change
    assert harness.strategy.phase("TCS").name == "CONTINUOUS"
    await harness.advance("1h")
    await harness.phase("POST_CLOSE")
    assert harness.strategy.phases == [Phase("NSE_CM", "POST_CLOSE")]


async def test_live_parameters_change_in_place_and_are_marked_in_the_schema() -> None:
    harness = StrategyHarness(Average, {"symbols": ["TCS"]})
    await harness.start()
    await harness.change_params(length=5)
    assert harness.strategy.changes == [(3, 5)]
    assert Average.Params.model_json_schema()["properties"]["length"]["live"] is True
    assert "live" not in Average.Params.model_json_schema()["properties"]["symbols"]
    with pytest.raises(ParamsError, match="greater than 0"):
        validate(Average.Params, '{"symbols": ["TCS"], "length": 0}')


class Straddle(BaseStrategy):
    """Buys the call at the money, whatever that is when it is asked."""

    async def look(self) -> str:
        return (await self.select(ATM)).key


async def test_a_selection_stays_for_the_day_and_for_as_long_as_it_is_held() -> None:
    harness = StrategyHarness(Straddle, instruments=[equity("TCS")])
    await harness.start()
    harness.means(ATM, CALL)
    assert await harness.strategy.look() == CALL.key
    harness.means(ATM, OTHER)
    assert await harness.strategy.look() == CALL.key
    harness.strategy.buy(CALL.key, 75, "100")
    await harness.fill(harness.working()[0])
    await harness.advance("24h")
    assert await harness.strategy.look() == CALL.key
    await harness.crash_and_restart()
    assert await harness.strategy.look() == CALL.key
    harness.strategy.sell(CALL.key, 75, "110")
    await harness.fill(harness.working()[0])
    assert await harness.strategy.look() == OTHER.key


async def test_what_does_not_exist_is_told_where_it_was_asked() -> None:
    harness = StrategyHarness(Straddle, instruments=[equity("TCS")])
    await harness.start()
    with pytest.raises(UnknownInstrumentError, match=r"opt NIFTY weekly\+0 ATM\+0 CE"):
        await harness.strategy.look()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fut("NSE:NIFTY"), "name the underlying"),
        (lambda: fut("NIFTY", "yearly"), 'write "weekly"'),
        (lambda: fut("NIFTY", -1), 'write "weekly"'),
        (lambda: opt("NIFTY", "weekly", "OTM", "CE"), 'write "ATM"'),
        (lambda: opt("NIFTY", "weekly", "ATM", "CALL"), 'write "CE" or "PE"'),
    ],
)
def test_a_selector_that_makes_no_sense_is_refused_where_it_is_written(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=words):
        make()


class Daily(BaseStrategy):
    """Notes what it does at which time."""

    def on_start(self) -> None:
        self.state.setdefault("done", [])
        self.at("09:20:30", self.enter)

    def enter(self) -> None:
        self.state["done"].append(f"enter {self.now:%d %H:%M:%S}")

    @at("15:10")
    def leave(self) -> None:
        self.state["done"].append(f"leave {self.now:%d %H:%M:%S}")


async def test_daily_timers_fire_once_a_day() -> None:
    harness = StrategyHarness(Daily)
    await harness.start()
    await harness.advance("28h")
    assert harness.strategy.state["done"] == ["enter 20 09:20:30", "leave 20 15:10:00", "enter 21 09:20:30"]


async def test_a_restart_makes_up_for_what_fell_into_it_within_a_quarter_of_an_hour() -> None:
    harness = StrategyHarness(Daily)
    await harness.start()
    await harness.advance("1m")  # 09:16
    harness.market_ms += 5 * 60_000  # dead at 09:20:30
    await harness.crash_and_restart()
    await harness.advance("1s")
    assert harness.strategy.state["done"] == ["enter 20 09:21:00"]
    harness.market_ms += 6 * 3_600_000 + 5 * 60_000  # dead from 09:21 to 15:26
    await harness.crash_and_restart()
    await harness.advance("1s")
    assert harness.strategy.state["done"] == ["enter 20 09:21:00"]


@pytest.mark.parametrize("text", ["9", "24:00", "09:60", "noon", "09:20:61"])
def test_a_time_that_is_none_is_refused_where_it_is_written(text: str) -> None:
    with pytest.raises(ValueError, match='such as "09:20"'):
        at(text)

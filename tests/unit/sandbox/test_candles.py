"""Candles of the past out of a recording's minutes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from sandbox.auction_prints import AuctionPrints
from sandbox.candles import INTERVALS, Candle, History
from sandbox.clock import IST
from sandbox.pricing.recorded import RecordedTape
from sandbox.replay_files import read_recording
from sandbox.ticks import Tick
from sandbox.universe import DEFAULT_UNIVERSE, Instrument

SBIN = DEFAULT_UNIVERSE.named("SBIN")
LINES = """ts,symbol,open,high,low,close,volume
2021-05-31T09:15:00+05:30,SBIN,420,421,419,420.05,1000
2021-05-31T09:16:00+05:30,SBIN,420.05,424,420,423,500
2021-05-31T09:21:00+05:30,SBIN,423,423,415,416,700
2021-05-31T10:15:00+05:30,SBIN,416,417,416,417,10
2021-06-01T09:15:00+05:30,SBIN,430,431,429,430,77
"""


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=IST).timestamp() * 1000)


@pytest.fixture
def tape(tmp_path: Path) -> RecordedTape:
    (tmp_path / "bars.csv").write_text(LINES)
    recording = read_recording((tmp_path / "bars.csv",), DEFAULT_UNIVERSE)
    return RecordedTape(recording, recording.grids(DEFAULT_UNIVERSE), seed=7)


def candles(
    tape: RecordedTape, interval: str, first: str, last: str, now: str = "2021-07-01", auctions: tuple[Tick, ...] = ()
) -> list[Candle]:
    assert isinstance(SBIN, Instrument)
    history = History(tape, lambda: at(now), AuctionPrints(auctions))
    return [c for day in history.days(SBIN, INTERVALS[interval], at(first), at(last)) for c in day]


def shown(found: list[Candle]) -> list[tuple[str, float, float, float, float, int]]:
    return [
        (
            f"{datetime.fromtimestamp(c.start_ms / 1000, IST):%d %H:%M}",
            c.open / 100,
            c.high / 100,
            c.low / 100,
            c.close / 100,
            c.volume,
        )
        for c in found
    ]


def test_the_print_of_a_closing_auction_is_its_minutes_candle_and_the_days_close(tape: RecordedTape) -> None:
    auction = (Tick(("NSE", "3045"), at("2021-05-31 15:28:30"), 41_800, 90, 0),)
    evening = ("ONE_MINUTE", "2021-05-31 10:16", "2021-05-31 15:40")
    assert shown(candles(tape, *evening, auctions=auction)) == [("31 15:28", 418, 418, 418, 418, 90)]
    (day,) = candles(tape, "ONE_DAY", "2021-05-31", "2021-05-31", auctions=auction)
    assert (day.close, day.volume) == (41_800, 2_300)
    assert candles(tape, *evening, now="2021-05-31 15:28:29", auctions=auction) == []


def test_minutes_are_those_of_the_tape_and_both_ends_are_included(tape: RecordedTape) -> None:
    found = candles(tape, "ONE_MINUTE", "2021-05-31 09:16", "2021-05-31 10:15")
    assert shown(found) == [
        ("31 09:16", 420.05, 424, 420, 423, 500),
        ("31 09:21", 423, 423, 415, 416, 700),
        ("31 10:15", 416, 417, 416, 417, 10),
    ]


def test_longer_candles_are_anchored_at_the_opening_and_a_day_at_midnight(tape: RecordedTape) -> None:
    five = candles(tape, "FIVE_MINUTE", "2021-05-31 09:15", "2021-05-31 10:00")
    assert shown(five) == [("31 09:15", 420, 424, 419, 423, 1500), ("31 09:20", 423, 423, 415, 416, 700)]
    hours = candles(tape, "ONE_HOUR", "2021-05-31 00:00", "2021-05-31 23:00")
    assert [c[0] for c in shown(hours)] == ["31 09:15", "31 10:15"]
    days = candles(tape, "ONE_DAY", "2021-05-31 00:00", "2021-06-30 00:00")
    assert shown(days) == [("31 00:00", 420, 424, 415, 417, 2210), ("01 00:00", 430, 431, 429, 430, 77)]


def test_the_future_is_not_there_and_the_growing_minute_is_what_has_printed(tape: RecordedTape) -> None:
    found = candles(tape, "ONE_MINUTE", "2021-05-31 09:15", "2021-06-30 09:15", now="2021-05-31 09:16:30")
    whole = candles(tape, "ONE_MINUTE", "2021-05-31 09:15", "2021-05-31 09:16")
    assert len(found) == 2
    assert found[0] == whole[0]
    assert found[1].open == whole[1].open
    assert 0 < found[1].volume < whole[1].volume
    day = candles(tape, "ONE_DAY", "2021-05-31 00:00", "2021-06-30 00:00", now="2021-05-31 09:16:30")
    assert [c.volume for c in day] == [1000 + found[1].volume]

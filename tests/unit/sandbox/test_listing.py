"""The scrip master of real size: both layouts, every segment, twins, chains; and how long an order is under way."""

from __future__ import annotations

import gzip
import json
import random
import statistics
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from sandbox.latency import USUAL_LATENCY
from sandbox.listing.layout import ScripLayout, ScripSize
from sandbox.listing.listing import MarketListing
from sandbox.phases import TradingCalendar
from sandbox.scrip_master import compressed
from sandbox.universe import DEFAULT_UNIVERSE

ON = date(2026, 11, 25)
USUAL = ["token", "symbol", "name", "expiry", "strike", "lotsize", "instrumenttype", "exch_seg", "tick_size"]


@pytest.fixture(scope="module")
def listing() -> MarketListing:
    return MarketListing(DEFAULT_UNIVERSE, TradingCalendar(), ON)


@pytest.fixture(scope="module")
def rows(listing: MarketListing) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gzip.decompress(compressed(listing, ON, ScripLayout.NEW)))
    return found


def test_it_has_the_size_and_the_segments_of_the_real_one(rows: list[dict[str, Any]]) -> None:
    assert len(rows) >= 150_000
    segments = Counter(row["exch_seg"] for row in rows)
    assert set(segments) >= {"NSE", "BSE", "NFO", "BFO", "MCX", "CDS"}
    assert all(list(row) == [*USUAL, "freeze_qty", "is_cas_enabled"] for row in rows)
    assert len({(row["exch_seg"], row["token"]) for row in rows}) == len(rows), "tokens are unique in a segment"
    assert all(isinstance(row[name], str) for row in rows for name in USUAL)
    kinds = {(row["exch_seg"], row["instrumenttype"]) for row in rows}
    assert kinds >= {("NFO", "FUTIDX"), ("NFO", "OPTIDX"), ("NFO", "FUTSTK"), ("NFO", "OPTSTK"), ("BFO", "OPTIDX")}
    assert kinds >= {("MCX", "FUTCOM"), ("MCX", "OPTFUT"), ("CDS", "FUTCUR"), ("CDS", "OPTCUR"), ("NSE", "AMXIDX")}


def test_shares_of_the_nse_have_twins_at_the_bse_without_a_series(rows: list[dict[str, Any]]) -> None:
    bse = {row["symbol"]: row for row in rows if row["exch_seg"] == "BSE" and row["instrumenttype"] == ""}
    twins = [i.name for i in DEFAULT_UNIVERSE if i.tradable]
    assert {bse[name]["name"] for name in twins} == set(twins)
    assert not [symbol for symbol in bse if symbol.endswith("-EQ")]


def test_two_underlyings_have_weekly_and_monthly_options(rows: list[dict[str, Any]]) -> None:
    weekly = 0
    for name in ("NIFTY", "SENSEX", "BANKNIFTY"):
        options = [row for row in rows if row["name"] == name and row["instrumenttype"] == "OPTIDX"]
        expiries = sorted({_day(row["expiry"]) for row in options})
        near = [day for day in expiries if day <= ON + timedelta(days=31)]
        weekly += len(near) >= 3
        assert len({row["strike"] for row in options}) >= 40
        assert {row["symbol"][-2:] for row in options} == {"CE", "PE"}
        assert len(expiries) >= 3
    assert weekly >= 2


def test_the_older_layout_is_the_same_list_with_two_columns_less(listing: MarketListing) -> None:
    old, new = (
        json.loads(gzip.decompress(compressed(listing, ON, layout, ScripSize.SMALL)))
        for layout in (ScripLayout.OLD, ScripLayout.NEW)
    )
    assert old == [{name: row[name] for name in USUAL} for row in new]


def test_an_order_is_under_way_for_60_to_200_milliseconds() -> None:
    rng = random.Random(1)
    drawn = sorted(USUAL_LATENCY.draw_ns(rng) / 1e6 for _ in range(4_000))
    assert 54 < drawn[200] < 66, "one in twenty is quicker than 60 ms"
    assert 180 < drawn[-200] < 220, "one in twenty is slower than 200 ms"
    assert drawn[-1] <= 1_000
    assert statistics.mean(drawn) > statistics.median(drawn), "lognormal: slow ones are very slow"


def _day(text: str) -> date:
    months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
    return date(int(text[5:]), months.index(text[2:5]) + 1, int(text[:2]))

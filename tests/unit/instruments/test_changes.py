"""What a new scrip master changed of what is used."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from engine_server.instruments.changes import changes
from tradewinds.instruments import Instrument

TODAY = date(2026, 11, 24)


def instrument(key: str, token: str, **facts: Any) -> Instrument:
    exchange, _, symbol = key.partition(":")
    usual: dict[str, Any] = {"name": symbol, "kind": "EQ", "lot_size": 1, "tick_size": Decimal("0.05")}
    return Instrument(key=key, exchange=exchange, symbol=symbol, token=token, **usual | facts)


def option(expiry: date, **facts: Any) -> Instrument:
    return instrument("NFO:X26000CE", "9", kind="OPT", name="X", expiry=expiry, **facts)


XYZ = instrument("NSE:XYZ-EQ", "11")
BLOCKS = instrument("NSE:XYZ-BL", "13")


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (XYZ, XYZ, []),
        (XYZ, None, ["GONE"]),
        (None, XYZ, ["ADDED"]),
        (XYZ, instrument("NSE:XYZ-EQ", "12"), ["TOKEN"]),
        (XYZ, instrument("NSE:XYZ-BE", "12"), ["SERIES"]),
        (XYZ, instrument("NSE:XYZ-BE", "11"), ["SERIES"]),
        (XYZ, instrument("NSE:NEWNAME-EQ", "11"), ["SYMBOL"]),
        (XYZ, instrument("BSE:OTHER", "11"), ["GONE"]),
        (XYZ, instrument("NSE:XYZ-EQ", "11", tick_size=Decimal("0.1")), ["TICK_SIZE"]),
        (option(TODAY, lot_size=75), option(TODAY, lot_size=65), ["LOT_SIZE"]),
        (option(date(2026, 11, 23)), None, []),
        (option(TODAY), None, ["GONE"]),
    ],
)
def test_each_difference_has_its_kind(before: Instrument | None, after: Instrument | None, kinds: list[str]) -> None:
    old = {i.key: i for i in (before, BLOCKS) if i}
    new = {i.key: i for i in (after, BLOCKS) if i}
    used = [before.key] if before else list(new)
    assert [change.kind for change in changes(old, new, used, TODAY)] == kinds


def test_only_what_is_used_is_looked_at_and_what_was_there_before_succeeds_nobody() -> None:
    before = {XYZ.key: XYZ, BLOCKS.key: BLOCKS}
    assert changes(before, {}, ["NSE:UNKNOWN-EQ"], TODAY) == []
    (gone,) = changes(before, {BLOCKS.key: BLOCKS}, [XYZ.key], TODAY)
    assert (gone.kind, gone.is_unsettling) == ("GONE", True)


def test_a_change_is_described_with_both_sides() -> None:
    (lot,) = changes(
        {"NFO:X26000CE": option(TODAY, lot_size=75)},
        {"NFO:X26000CE": option(TODAY, lot_size=65)},
        ["NFO:X26000CE"],
        TODAY,
    )
    assert lot.described() == "NFO:X26000CE has another lot size: 75 became 65"
    assert not lot.is_unsettling
    (tick,) = changes({XYZ.key: XYZ}, {XYZ.key: instrument(XYZ.key, "11", tick_size=Decimal("0.10"))}, [XYZ.key], TODAY)
    assert (tick.before, tick.after) == ("0.05", "0.1")

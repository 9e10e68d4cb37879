"""Instruments by column: the same as made one by one, also after a journey."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.instruments.coded import Coded, code_type
from engine_server.instruments.packed import head_of, pack, unpack
from engine_server.instruments.table import Columns, InstrumentTable
from engine_server.instruments.tokens import TokenIndex
from tests.unit.feed.instruments import instrument
from tradewinds.instruments import EXCHANGE_TYPE, Instrument, make_key

SYMBOLS = st.text("ABab0 -&.", min_size=1, max_size=30)


def made(exchange: str, symbol: str, others: dict[str, Any]) -> Instrument:
    return Instrument(key=make_key(exchange, symbol), exchange=exchange, symbol=symbol, **others)


INSTRUMENTS = st.builds(
    made,
    st.sampled_from(sorted(EXCHANGE_TYPE)),
    SYMBOLS,
    st.fixed_dictionaries(
        {
            "token": st.integers(0, 10**12 - 1).map(str),
            "name": st.sampled_from(["NIFTY", "Würth", ""]),
            "kind": st.sampled_from(["EQ", "INDEX", "FUT", "OPT"]),
            "lot_size": st.integers(1, 10**12),
            "tick_size": st.sampled_from([Decimal("0.05"), Decimal(0), Decimal("0.0025")]),
            "expiry": st.none() | st.dates(date(2026, 1, 1), date(2030, 1, 1)),
            "strike": st.none() | st.integers(1, 10**9).map(lambda e4: Decimal(e4) / 10_000),
            "option_type": st.sampled_from(["", "CE", "PE"]),
            "freeze_quantity": st.integers(0, 10**12),
            "has_closing_auction": st.booleans(),
        }
    ),
)


@given(st.lists(INSTRUMENTS, max_size=20, unique_by=lambda i: i.key))
def test_a_table_has_what_it_was_made_of_and_has_it_still_after_a_journey(listed: list[Instrument]) -> None:
    table = InstrumentTable.of(listed)
    head, arrived = unpack(pack(head_of("v1", table, {"strike": 3}), table))
    expected = {i.key: i for i in listed}
    assert dict(table) == dict(arrived) == expected
    assert (head.version, head.rows, sum(head.categories.values()), head.skipped) == (
        "v1",
        len(listed),
        len(listed),
        {"strike": 3},
    )
    rows = dict(row for some in arrived.packed_rows() for row in some)
    assert {key: msgspec.msgpack.decode(row, type=Instrument) for key, row in rows.items()} == expected


@given(st.lists(INSTRUMENTS, max_size=20, unique_by=lambda i: (i.exchange, int(i.token))))
def test_every_token_finds_its_instrument(listed: list[Instrument]) -> None:
    listed = list({i.key: i for i in listed}.values())
    tokens = TokenIndex(InstrumentTable.of(listed))
    assert [tokens.find(i.exchange, i.token) for i in listed] == listed


@pytest.mark.parametrize("key", ["NSE:RELIANCE", "BSE:SBIN-EQ", "SBIN-EQ", "", "NSE:", "NSE:" + "A" * 200, "NSE:Ä", 5])
def test_what_is_not_in_a_table_is_not_found(key: Any) -> None:
    table = InstrumentTable.of([instrument("NSE:SBIN-EQ", "3045")])
    assert key not in table
    assert table.get(key) is None
    with pytest.raises(KeyError):
        table[key]


def test_what_is_asked_for_again_is_the_same_object_and_not_all_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine_server.instruments.table._REMEMBERED", 2)
    keys = ["NSE:A-EQ", "NSE:B-EQ", "NSE:C-EQ"]
    table = InstrumentTable.of(instrument(key, "1") for key in keys)
    first = table["NSE:A-EQ"]
    assert table["NSE:A-EQ"] is first
    assert [table[key].key for key in keys] == keys
    assert table["NSE:A-EQ"] == first
    assert table["NSE:A-EQ"] is not first


def test_a_table_counts_its_exchanges() -> None:
    table = InstrumentTable.of(instrument(key, "1") for key in ("NSE:A-EQ", "NSE:B-EQ", "BSE:A"))
    assert table.rows_by_exchange() == {"NSE": 2, "BSE": 1}
    assert InstrumentTable.of([]).rows_by_exchange() == {}


def test_a_table_whose_columns_are_not_of_one_length_is_refused() -> None:
    table = InstrumentTable.of([instrument("NSE:SBIN-EQ", "3045")])
    short = Columns(
        **{field.name: getattr(table.columns, field.name)[:0] for field in fields(Columns)[1:3]}
        | {
            field.name: getattr(table.columns, field.name)
            for field in fields(Columns)
            if field.name not in ("symbol", "token")
        }
    )
    with pytest.raises(msgspec.DecodeError, match=r"of 1 rows has columns of \[0, 1\]"):
        unpack(pack(head_of("v1", table, {}), InstrumentTable(short, np.zeros(0, np.int32))))


def test_what_becomes_equal_is_one_value_and_what_nobody_has_is_gone() -> None:
    column = Coded(["1", "1.0", "2"], np.array([0, 1, 1], np.uint8)).mapped(Decimal)
    assert (list(column.values), list(column.each())) == ([Decimal(1)], [Decimal(1)] * 3)


@pytest.mark.parametrize(("values", "width"), [(0, 1), (1, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 4)])
def test_codes_are_as_narrow_as_they_can_be(values: int, width: int) -> None:
    assert code_type(values).itemsize == width

"""What people read: rupees grouped the Indian way, IST, short state words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tradewinds.cli.output import coloured, rupees, short, when
from tradewinds.v1 import common_pb2, strategy_manager_pb2, trading_pb2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0", "0.00"),
        ("999.5", "999.50"),
        ("1400.05", "1,400.05"),
        ("100000", "1,00,000.00"),
        ("-12345678.9", "-1,23,45,678.90"),
        ("", "–"),
    ],
)
def test_rupees_are_grouped_the_indian_way(text: str, shown: str) -> None:
    assert rupees(text) == shown


def test_times_are_shown_in_ist() -> None:
    moment = Timestamp()
    moment.FromDatetime(datetime(2026, 11, 22, 3, 45, tzinfo=UTC))
    assert when(moment) == "09:15:00"
    assert when(moment, date=True) == "2026-11-22 09:15:00"
    assert when(Timestamp()) == "–"


def test_enum_names_are_shortened() -> None:
    assert short(trading_pb2.OrderState, trading_pb2.ORDER_STATE_PARTIALLY_FILLED) == "PARTIALLY_FILLED"
    assert short(common_pb2.Side, common_pb2.SIDE_BUY) == "BUY"
    assert short(strategy_manager_pb2.StrategyState, strategy_manager_pb2.STRATEGY_STATE_RUNNING) == "RUNNING"


def test_text_from_outside_is_no_markup() -> None:
    assert coloured("[red]x") == r"\[red]x"
    assert coloured("REJECTED") == "[red]REJECTED[/red]"

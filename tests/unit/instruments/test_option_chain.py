"""Chains and expiries of contracts, as pure lists."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from engine_server.market.option_chain import Chain, Strike, expiries
from tradewinds.instruments import Instrument


def contract(day: date, kind: str = "OPT", exchange: str = "NFO") -> Instrument:
    return Instrument(
        key=f"{exchange}:X{day}{kind}",
        exchange=exchange,
        symbol=f"X{day}{kind}",
        token="1",
        name="X",
        kind=kind,
        lot_size=1,
        tick_size=Decimal("0.05"),
        expiry=day,
    )


def test_the_last_expiry_of_a_month_is_monthly_by_exchange_and_kind() -> None:
    days = [date(2026, 12, day) for day in (1, 8, 29)] + [date(2027, 1, 5)]
    found = expiries([contract(day) for day in days for _ in range(2)] + [contract(days[0], "FUT")])
    assert [(f.day.day, f.kind, f.contracts, f.monthly) for f in found] == [
        (1, "FUT", 1, True),
        (1, "OPT", 2, False),
        (8, "OPT", 2, False),
        (29, "OPT", 2, True),
        (5, "OPT", 2, True),
    ]


def chain(*prices: int) -> Chain:
    return Chain("X", date(2026, 12, 29), None, [Strike(Decimal(price), None, None) for price in prices])


def around(price: str | None, count: int) -> list[int]:
    money = Decimal(price) if price is not None else None
    return [int(strike.price) for strike in chain(100, 110, 120, 130, 140).around(money, count)]


def test_the_strikes_around_the_money() -> None:
    assert around("121", 1) == [110, 120, 130]
    assert around("125", 0) == [130], "half-way goes up"
    assert around("5", 1) == [100, 110]
    assert around("500", 1) == [130, 140]
    assert around(None, 1) == [110, 120, 130]

"""Trade book, holdings, funds and margins as captured and documented, and broken ones."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Any

import pytest

from engine_server.broker.angel_one.account_reports import funds_report, holding_reports, margin_report, trade_reports
from engine_server.broker.port import FundsReport, HoldingReport, TradeReport

TRADE: dict[str, Any] = {
    "exchange": "NSE",
    "producttype": "DELIVERY",
    "tradingsymbol": "ITC-EQ",
    "transactiontype": "BUY",
    "fillprice": "175.00",
    "fillsize": "1",
    "orderid": "201020000000095",
    "fillid": "50005750",
    "filltime": "13:27:53",
}
HOLDING: dict[str, Any] = {
    "tradingsymbol": "TATASTEEL-EQ",
    "exchange": "NSE",
    "isin": "INE081A01020",
    "t1quantity": 1,
    "realisedquantity": 2,
    "quantity": 3,
    "authorisedquantity": 0,
    "product": "DELIVERY",
    "collateralquantity": None,
    "collateraltype": None,
    "haircut": 0,
    "averageprice": Decimal("111.87"),
    "ltp": Decimal("130.15"),
    "symboltoken": "3499",
}
FUNDS: dict[str, Any] = {
    "net": "9999.9900",
    "availablecash": "- 2235.8000",
    "availableintradaypayin": "0.0000",
    "availablelimitmargin": "0.0000",
    "collateral": "0.0000",
    "m2munrealized": None,
    "m2mrealized": "12.5000",
    "utiliseddebits": "0.0000",
    "utilisedspan": None,
    "utilisedpayout": "0.0000",
}


def test_a_trade_is_one_fill_with_its_own_id() -> None:
    assert trade_reports([TRADE]) == [
        TradeReport(
            broker_order_id="201020000000095",
            fill_id="50005750",
            exchange="NSE",
            symbol="ITC-EQ",
            side="BUY",
            product="CNC",
            quantity=1,
            price=Decimal("175.00"),
            filled_at=time(13, 27, 53),
        )
    ]


@pytest.mark.parametrize(("field", "value"), [("fillprice", 175.5), ("fillsize", 1)])
def test_numbers_do_as_well_as_strings(field: str, value: object) -> None:
    assert trade_reports([{**TRADE, field: value}])


def test_a_day_without_trades_is_null() -> None:
    assert trade_reports(None) == []
    assert holding_reports(None) == []


@pytest.mark.parametrize("filltime", ["", None, "25:00:00", "1:2:3"])
def test_a_time_that_is_none_loses_no_trade(filltime: object) -> None:
    assert trade_reports([{**TRADE, "filltime": filltime}])[0].filled_at is None


@pytest.mark.parametrize(
    "broken",
    [
        {"fillid": ""},
        {"orderid": None},
        {"fillsize": "0"},
        {"fillsize": "1.5"},
        {"fillprice": "NaN"},
        {"fillprice": ""},
        {"transactiontype": "HOLD"},
    ],
)
def test_a_trade_that_cannot_be_read_is_an_error_not_a_hole(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        trade_reports([TRADE, {**TRADE, **broken}])


def test_a_holding_is_read_with_and_without_the_portfolio_around_it() -> None:
    expected = [HoldingReport("NSE", "TATASTEEL-EQ", "3499", 3, 1, Decimal("111.87"), Decimal("130.15"))]
    assert holding_reports([HOLDING]) == expected
    assert holding_reports({"holdings": [HOLDING], "totalholding": None}) == expected
    assert holding_reports({"holdings": None, "totalholding": None}) == []


def test_a_holding_without_a_price_has_none() -> None:
    (holding,) = holding_reports([{**HOLDING, "ltp": None, "t1quantity": None}])
    assert (holding.last_price, holding.t1_quantity) == (None, 0)


def test_funds_keep_what_is_missing_apart_from_zero() -> None:
    assert funds_report(FUNDS) == FundsReport(
        net=Decimal("9999.99"),
        available_cash=Decimal("-2235.80"),
        collateral=Decimal(0),
        utilised=Decimal(0),
        realised_pnl=Decimal("12.5"),
        unrealised_pnl=None,
    )


@pytest.mark.parametrize("data", [None, [], "", {}, {"net": "much"}])
def test_funds_that_are_none_are_an_error(data: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        funds_report(data)


def test_a_margin_has_its_total_and_its_components() -> None:
    report = margin_report(
        {
            "totalMarginRequired": Decimal("29612.35"),
            "marginComponents": {"netPremium": 0, "spanMargin": Decimal("21000.5"), "marginBenefit": None},
        }
    )
    assert report.required == Decimal("29612.35")
    assert report.components == {"netPremium": 0, "spanMargin": Decimal("21000.5"), "marginBenefit": 0}


@pytest.mark.parametrize("data", [None, {}, {"totalMarginRequired": None}, {"totalMarginRequired": ""}])
def test_a_margin_without_a_total_is_not_zero(data: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        margin_report(data)

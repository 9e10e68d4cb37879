"""Captured rows and frames of the broker, and broken ones."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from engine_server.broker.angel_one.envelope import read_envelope
from engine_server.broker.angel_one.reports import (
    book_time,
    order_report,
    order_reports,
    position_reports,
    stream_report,
)
from engine_server.broker.port import OrderReport, PositionReport, ReportStatus

# Key order and JSON types as captured (protocol §3.4).
BOOK_ROW: dict[str, Any] = {
    "variety": "NORMAL",
    "ordertype": "LIMIT",
    "producttype": "INTRADAY",
    "duration": "DAY",
    "price": 10.55,
    "triggerprice": 0.0,
    "quantity": "10",
    "disclosedquantity": "0",
    "tradingsymbol": "IOC-EQ",
    "transactiontype": "BUY",
    "exchange": "NSE",
    "symboltoken": "1624",
    "ordertag": "TW1",
    "averageprice": 10.5,
    "filledshares": "4",
    "unfilledshares": "6",
    "orderid": "231229000008865",
    "text": "",
    "status": "open",
    "orderstatus": "open",
    "updatetime": "29-Dec-2023 09:01:02",
    "uniqueorderid": "f93b47d7-4ff0",
}
POSITION_ROW = {
    "exchange": "NSE",
    "symboltoken": "2885",
    "producttype": "DELIVERY",
    "tradingsymbol": "RELIANCE-EQ",
    "buyavgprice": "2235.80",
    "sellavgprice": "0.00",
    "netvalue": "- 2235.80",
    "netqty": "1",
    "buyqty": "1",
    "sellqty": "0",
    "realised": "-12.50",
}


def test_a_book_row_becomes_a_report_with_exact_money_and_utc_time() -> None:
    body = json.dumps({"status": True, "data": [BOOK_ROW]}).encode()
    envelope = read_envelope(body)
    assert envelope is not None
    assert order_reports(envelope.data) == [
        OrderReport(
            broker_order_id="231229000008865",
            unique_order_id="f93b47d7-4ff0",
            tag="TW1",
            exchange="NSE",
            token="1624",
            side="BUY",
            quantity=10,
            filled_quantity=4,
            average_price=Decimal("10.5"),
            status=ReportStatus.WORKING,
            raw_status="open",
            text="",
            updated_at=datetime(2023, 12, 29, 3, 31, 2, tzinfo=UTC),
            price=Decimal("10.55"),
            order_type="LIMIT",
            product="MIS",
        )
    ]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("complete", ReportStatus.FILLED),
        ("COMPLETE", ReportStatus.FILLED),
        ("cancelled", ReportStatus.CANCELLED),
        ("cancelled after market order", ReportStatus.CANCELLED),
        ("rejected", ReportStatus.REJECTED),
        *(
            (status, ReportStatus.WORKING)
            for status in (
                "put order req received",
                "validation pending",
                "open pending",
                "open",
                "trigger pending",
                "modify validation pending",
                "modify pending",
                "modified",
                "cancel pending",
                "not modified",
                "not cancelled",
                "AMO SUBMITTED",
                "after market order req received",
                "a word nobody has seen",
                "",
            )
        ),
    ],
)
def test_only_four_words_end_an_order(status: str, expected: ReportStatus) -> None:
    assert order_report({**BOOK_ROW, "status": status, "orderstatus": status}).status is expected


def test_null_data_is_an_empty_book() -> None:
    assert order_reports(None) == []
    assert position_reports(None) == []


@pytest.mark.parametrize("data", ["", {}, [1], [None], "no data", 0, False])
def test_data_that_is_no_list_of_rows_is_no_book(data: Any) -> None:
    with pytest.raises(ValueError, match="neither null nor a list"):
        order_reports(data)
    with pytest.raises(ValueError, match="neither null nor a list"):
        position_reports(data)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("orderid", "", "orderid: is missing"),
        ("orderid", None, "orderid: is missing"),
        ("symboltoken", "", "symboltoken: is missing"),
        ("transactiontype", "HOLD", "transactiontype: 'HOLD'"),
        ("quantity", "ten", "quantity: 'ten' is not a number"),
        ("quantity", "1.5", "quantity: 1.5 is not a whole number"),
        ("filledshares", "NaN", "filledshares: 'NaN' is not a finite number"),
        ("averageprice", "1O.5", "averageprice: '1O.5' is not a number"),
    ],
)
def test_one_unreadable_row_spoils_the_book_and_names_the_field(field: str, value: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        order_reports([BOOK_ROW, {**BOOK_ROW, field: value}])


@pytest.mark.parametrize("field", ["quantity", "filledshares"])
def test_a_row_without_its_quantities_is_unreadable(field: str) -> None:
    row = {key: value for key, value in BOOK_ROW.items() if key != field}
    with pytest.raises(ValueError, match=f"{field}: is missing"):
        order_report(row)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2023-12-29 09:01:02", "31-Feb-2023 09:01:02", "01-Foo-2023 00:00:00"]
)
def test_a_time_that_cannot_be_read_is_none_and_spoils_nothing(text: str) -> None:
    assert book_time(text) is None
    assert order_report({**BOOK_ROW, "updatetime": text}).updated_at is None


@pytest.mark.parametrize("text", ["01-jan-2026 00:00:00", "1-JAN-2026 00:00:00"])
def test_the_day_in_india_begins_on_the_eve_in_utc(text: str) -> None:
    assert book_time(text) == datetime(2025, 12, 31, 18, 30, tzinfo=UTC)


def test_a_position_row_becomes_a_report() -> None:
    (report,) = position_reports([POSITION_ROW])
    assert replace(report, symbol="", last_price=None) == PositionReport(
        "NSE", "2885", "CNC", 1, 1, 0, Decimal("2235.80"), Decimal("0.00"), Decimal("-12.50")
    )
    assert report.symbol == POSITION_ROW.get("tradingsymbol", "")
    assert report.last_price == (Decimal(POSITION_ROW["ltp"]) if "ltp" in POSITION_ROW else None)


@pytest.mark.parametrize(
    ("theirs", "ours"), [("INTRADAY", "MIS"), ("CARRYFORWARD", "NRML"), ("DELIVERY", "CNC"), ("MARGIN", "MARGIN")]
)
def test_products_are_named_as_ours_where_we_have_one(theirs: str, ours: str) -> None:
    assert position_reports([{**POSITION_ROW, "producttype": theirs}])[0].product == ours


def test_a_short_position_is_negative_even_with_a_space_behind_its_sign() -> None:
    assert position_reports([{**POSITION_ROW, "netqty": "- 25", "realised": "- 1,2.50"}])[0].net_quantity == -25


def frame(**order: Any) -> str:
    row = {key: value for key, value in {**BOOK_ROW, **order}.items() if key != "uniqueorderid"}
    return json.dumps(
        {"user-id": "A1", "status-code": "200", "order-status": "AB05", "error-message": "", "orderData": row}
    )


def test_a_frame_is_a_report_without_a_unique_id() -> None:
    report = stream_report(frame(orderstatus="complete", filledshares="10"))
    assert report is not None
    assert (report.unique_order_id, report.filled_quantity, report.status) == ("", 10, ReportStatus.FILLED)


def test_the_greeting_is_no_report() -> None:
    empty = dict.fromkeys(BOOK_ROW, "") | {"price": 0.0, "averageprice": 0.0, "quantity": "0", "filledshares": "0"}
    assert stream_report(frame(**empty)) is None


@pytest.mark.parametrize(
    "text", ["", "pong", "[]", '{"order-status": "AB05"}', '{"orderData": "x"}', frame(quantity="x")]
)
def test_a_frame_that_is_none_raises(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        stream_report(text)

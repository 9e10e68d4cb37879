"""The scrip master: both layouts, numbers instead of texts, and files that are refused whole."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine_server.feed.instrument_keeper import refresh_due
from engine_server.feed.scrip_master import ScripMasterError, parse

SCRIP_DATA = (
    Path(os.environ.get("TRADEWINDS_MARKET_DATA", str(Path(__file__).parents[3] / "../shared/data"))).resolve()
    / "scrip"
)


def row(token: str, symbol: str, **columns: Any) -> dict[str, Any]:
    usual = {"name": symbol, "expiry": "", "strike": "-1.000000", "lotsize": "1", "instrumenttype": ""}
    return {"token": token, "symbol": symbol, **usual, "exch_seg": "NSE", "tick_size": "5.000000", **columns}


SBIN = row("3045", "SBIN-EQ", name="SBIN", tick_size="10.000000")
NIFTY = row("99926000", "Nifty 50", name="NIFTY", instrumenttype="AMXIDX", strike="0.000000", tick_size="0.000000")


def parsed(*rows: dict[str, Any], minimum_rows: int = 2) -> Any:
    return parse(json.dumps([SBIN, NIFTY, *rows]).encode(), minimum_rows=minimum_rows)


def test_an_equity_and_an_index() -> None:
    master = parsed()
    sbin, nifty = master.instruments["NSE:SBIN-EQ"], master.instruments["NSE:NIFTY 50"]
    assert (sbin.token, sbin.kind, sbin.lot_size, sbin.tick_size) == ("3045", "EQ", 1, Decimal("0.10"))
    assert (nifty.kind, nifty.name, nifty.tick_size, nifty.is_tradable) == ("INDEX", "NIFTY", 0, False)


def test_futures_options_and_the_currency_tick() -> None:
    master = parsed(
        row("61093", "NIFTY28JUL26FUT", exch_seg="NFO", instrumenttype="FUTIDX", lotsize="65", expiry="28JUL2026"),
        row("63915", "NIFTY28JUL2623500CE", exch_seg="NFO", instrumenttype="OPTIDX", lotsize="65", expiry="28JUL2026")
        | {"strike": "2350000.000000"},
        row("1", "USDINR26JULFUT", exch_seg="CDS", instrumenttype="FUTCUR", tick_size="0.25", expiry="29JUL2026"),
        row("2", "USDINR26JUL83.25CE", exch_seg="CDS", instrumenttype="OPTCUR", tick_size="0.25", expiry="29JUL2026")
        | {"strike": "832500000.000000"},
    )
    option, currency = master.instruments["NFO:NIFTY28JUL2623500CE"], master.instruments["CDS:USDINR26JUL83.25CE"]
    assert (option.expiry, option.strike, option.option_type) == (date(2026, 7, 28), Decimal("23500"), "CE")
    assert currency.strike == Decimal("83.25")
    kinds = {key: (i.kind, i.lot_size) for key, i in master.instruments.items() if i.exchange == "NFO"}
    assert kinds == {"NFO:NIFTY28JUL26FUT": ("FUT", 65), "NFO:NIFTY28JUL2623500CE": ("OPT", 65)}
    assert master.instruments["CDS:USDINR26JULFUT"].tick_size == Decimal("0.0025")


def test_the_newer_layout_and_numbers_instead_of_texts() -> None:
    newer = row("1008", "FACT-EQ", freeze_qty="125531", is_cas_enabled=False)
    numbers = row("2885", "RELIANCE-EQ") | {"token": 2885, "lotsize": 1, "tick_size": 10.0}
    instruments = parsed(newer, numbers).instruments
    assert instruments["NSE:FACT-EQ"].tick_size == Decimal("0.05")
    assert (instruments["NSE:RELIANCE-EQ"].token, instruments["NSE:RELIANCE-EQ"].tick_size) == ("2885", Decimal("0.10"))


def test_rows_that_are_not_for_us_are_left_out_by_reason() -> None:
    master = parsed(
        row("7", "GOLD", exch_seg="MCX", instrumenttype="COMDTY"),
        row("8", "X-EQ", exch_seg="LSE"),
    )
    assert len(master.instruments) == 2
    assert master.skipped == {"instrument type COMDTY": 1, "exchange LSE": 1}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (row("1", "A-EQ", lotsize="0"), "lot size"),
        (row("1", "A-EQ", lotsize="many"), "lot size"),
        (row("1", "A-EQ", tick_size="NaN"), "tick size"),
        (row("1", "A-EQ", tick_size="0.000000"), "tick size"),
        (row("1", "A-EQ", tick_size="1e300"), "tick size"),
        (row("abc", "A-EQ"), "token is not a number"),
        (row("1", "A$B"), "unusual symbol"),
        (row("9", "SBIN-EQ"), "duplicate key"),
    ],
)
def test_one_broken_row_in_many_is_left_out_and_too_many_refuse_the_file(broken: dict[str, Any], reason: str) -> None:
    many = [row(str(number), f"S{number}-EQ") for number in range(10_000, 10_100)]
    assert parsed(broken, *many).skipped == {reason: 1}
    with pytest.raises(ScripMasterError, match="rows are broken"):
        parsed(broken)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a JSON array"),
        (b"<html>Request Rejected</html>", "not a JSON array"),
        (b"{}", "not a JSON array"),
        (b"[1, 2]", "0 usable rows .*'unreadable row': 2"),
        (b"[]", "0 usable rows"),
        (json.dumps([SBIN, row("1", "A-EQ")]).encode(), "NSE:NIFTY 50 must have token 99926000: it is not there"),
        (json.dumps([SBIN | {"token": "1"}, NIFTY]).encode(), "NSE:SBIN-EQ must have token 3045: its token there is 1"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_with_the_reason(content: bytes, words: str) -> None:
    with pytest.raises(ScripMasterError, match=words):
        parse(content, minimum_rows=2)


def test_a_file_with_too_few_rows_names_the_setting() -> None:
    with pytest.raises(ScripMasterError, match=r"2 usable rows of 2, at least 50000 .*SCRIP_MASTER_MINIMUM_ROWS"):
        parsed(minimum_rows=50_000)


def test_the_same_content_has_the_same_version_and_another_has_another() -> None:
    assert parsed().version == parsed().version
    assert parsed().version != parsed(row("1", "A-EQ")).version


@pytest.mark.skipif(not SCRIP_DATA.is_dir(), reason=f"no real scrip master in {SCRIP_DATA} (TRADEWINDS_MARKET_DATA)")
def test_a_real_scrip_master_is_read_whole() -> None:
    content = gzip.decompress((SCRIP_DATA / "OpenAPIScripMaster_2026-08_rebuilt.json.gz").read_bytes())
    master = parse(content, minimum_rows=40_000)
    assert len(master.instruments) == 42_471
    assert master.skipped == {}
    assert master.instruments["NSE:RELIANCE-EQ"].token == "2885"
    assert {i.kind for i in master.instruments.values()} == {"EQ", "INDEX", "FUT", "OPT"}


@pytest.mark.skipif(not SCRIP_DATA.is_dir(), reason=f"no real scrip master in {SCRIP_DATA} (TRADEWINDS_MARKET_DATA)")
def test_the_real_rows_of_the_newest_layout_are_read() -> None:
    rows = json.loads((SCRIP_DATA / "OpenAPIScripMaster_current_format_excerpt.json").read_bytes())
    others = [one for one in rows if one["token"] not in ("3045", "99926000")]
    assert parsed(*others, minimum_rows=8).skipped == {}


IST_0829, IST_0831 = datetime(2026, 11, 23, 2, 59, tzinfo=UTC), datetime(2026, 11, 23, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, IST_0829, True),
        (IST_0829, IST_0831, True),
        (IST_0831, datetime(2026, 11, 24, 2, 59, tzinfo=UTC), False),
        (IST_0831, datetime(2026, 11, 24, 3, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 22, 3, 1, tzinfo=UTC), IST_0829, False),
        (datetime(2026, 11, 20, 9, 0, tzinfo=UTC), IST_0829, True),
        (IST_0831, datetime(2021, 6, 8, 4, 0, tzinfo=UTC), True),
    ],
)
def test_the_file_is_fetched_at_start_and_after_half_past_eight_every_morning(
    last: datetime | None, now: datetime, due: bool
) -> None:
    assert refresh_due(last, now) is due

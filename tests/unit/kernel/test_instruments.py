"""A symbol means one instrument, or is refused with what was probably meant."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.instruments import Instrument, UnknownInstrumentError, is_key, make_key, resolve


def instrument(exchange: str, symbol: str, name: str, kind: str = "EQ") -> Instrument:
    return Instrument(
        key=make_key(exchange, symbol),
        exchange=exchange,
        symbol=symbol,
        token="1",
        name=name,
        kind=kind,
        lot_size=1,
        tick_size=Decimal("0.05"),
    )


LISTED = {
    one.key: one
    for one in (
        instrument("NSE", "RELIANCE-EQ", "RELIANCE"),
        instrument("BSE", "RELIANCE", "RELIANCE"),
        instrument("NSE", "TCS-EQ", "TCS"),
        instrument("NSE", "Nifty 50", "NIFTY", "INDEX"),
        instrument("NFO", "NIFTY28JUL26FUT", "NIFTY", "FUT"),
        instrument("BSE", "SENSEX", "SENSEX", "INDEX"),
    )
}


def test_a_bare_symbol_means_the_nse_eq_series() -> None:
    assert resolve("reliance", LISTED).key == "NSE:RELIANCE-EQ"


def test_a_whole_key_means_what_it_says() -> None:
    assert resolve("BSE:RELIANCE", LISTED).key == "BSE:RELIANCE"
    assert resolve("NSE:Nifty 50", LISTED).kind == "INDEX"


def test_a_name_that_only_one_has_is_enough() -> None:
    assert resolve("SENSEX", LISTED).key == "BSE:SENSEX"


def test_an_ambiguous_name_is_refused_with_the_choices() -> None:
    with pytest.raises(UnknownInstrumentError, match=r"ambiguous.*NFO:NIFTY28JUL26FUT, NSE:NIFTY 50"):
        resolve("NIFTY", LISTED)


def test_an_unknown_symbol_is_refused_with_what_is_near() -> None:
    with pytest.raises(UnknownInstrumentError, match=r"did you mean NSE:RELIANCE-EQ|did you mean BSE:RELIANCE"):
        resolve("RELIANSE", LISTED)
    with pytest.raises(UnknownInstrumentError, match="search with"):
        resolve("QQQQ", LISTED)


@pytest.mark.parametrize(
    ("text", "good"), [("NSE:TCS-EQ", True), ("NSE:NIFTY 50", True), ("TCS", False), ("XXX:TCS", False)]
)
def test_the_form_of_a_key(text: str, *, good: bool) -> None:
    assert is_key(text) is good

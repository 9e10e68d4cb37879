"""Finding instruments by the beginning of a symbol, name, key or word."""

from __future__ import annotations

import pytest

from engine_server.instruments.search import InstrumentSearch
from engine_server.instruments.table import InstrumentTable
from tests.unit.feed.instruments import instrument

LISTED = (
    instrument("NSE:NIFTY 50", "99926000", kind="INDEX", name="NIFTY"),
    instrument("NSE:NIFTY BANK", "99926009", kind="INDEX", name="BANKNIFTY"),
    instrument("NSE:NIFTYBEES-EQ", "10576"),
    instrument("NSE:RELIANCE-EQ", "2885"),
    instrument("NSE:RELAXO-EQ", "24225"),
    instrument("NSE:RELINFRA-BE", "553", name="RELINFRA"),
    instrument("BSE:RELIANCE", "500325", name="RELIANCE"),
    instrument("NFO:NIFTY28JUL26FUT", "61093", kind="FUT", name="NIFTY"),
    instrument("NFO:NIFTY28JUL2623500CE", "63915", kind="OPT", name="NIFTY"),
    instrument("NSE:M&M-EQ", "2031"),
)
SEARCH = InstrumentSearch(InstrumentTable.of(LISTED))


def found(query: str, limit: int = 20) -> list[str]:
    return [i.key for i in SEARCH.find(query, limit)]


def test_a_whole_name_comes_before_beginnings_and_the_underlying_before_its_contracts() -> None:
    assert found("nifty") == [
        "NSE:NIFTY 50",
        "NFO:NIFTY28JUL26FUT",
        "NFO:NIFTY28JUL2623500CE",
        "NSE:NIFTYBEES-EQ",
        "NSE:NIFTY BANK",
    ]


def test_the_main_series_comes_before_others() -> None:
    assert found("rel") == ["NSE:RELAXO-EQ", "NSE:RELIANCE-EQ", "BSE:RELIANCE", "NSE:RELINFRA-BE"]


def test_at_most_so_many_are_given_the_best_of_them() -> None:
    assert found("rel", limit=1) == ["NSE:RELAXO-EQ"]
    assert found("rel", limit=0) == []


@pytest.mark.parametrize("query", ["bank nifty", "NIFTY  bank", "ban nif"])
def test_all_words_must_begin_a_word_in_any_order(query: str) -> None:
    assert found(query)[0] == "NSE:NIFTY BANK"


def test_a_key_finds_within_its_exchange() -> None:
    assert found("BSE:REL") == ["BSE:RELIANCE"]
    assert found("nse:reliance-eq") == ["NSE:RELIANCE-EQ"]
    assert found("NSE:bank")[0] == "NSE:NIFTY BANK"
    assert found("LSE:REL") == []
    assert len(found("NFO:")) == 2


def test_a_word_in_the_middle_is_found() -> None:
    assert found("bank")[0] == "NSE:NIFTY BANK"
    assert found("m&m") == ["NSE:M&M-EQ"]


@pytest.mark.parametrize("query", ["", "   ", "zzz", "-", "\U0010ffff", "nifty zzz"])
def test_nothing_is_found_for_nothing(query: str) -> None:
    assert found(query) == []


def test_the_named_are_those_whose_whole_symbol_or_name_it_is() -> None:
    assert {i.key for i in SEARCH.named("reliance")} == {"NSE:RELIANCE-EQ", "BSE:RELIANCE"}


def test_an_instrument_with_many_equal_words_does_not_crowd_out_others() -> None:
    many = [instrument(f"NSE:A{n}-EQ", str(n), name=f"A{n}") for n in range(1000)]
    assert len(InstrumentSearch(InstrumentTable.of(many)).find("a", 100)) == 100

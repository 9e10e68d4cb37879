"""What a new configuration must be before a runner is asked, and its symbols after."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine_server.fleet.domain.registration import check_names, resolve_symbols
from engine_server.fleet.market_wishes import instruments_of
from tradewinds.errors import InvalidArgumentError
from tradewinds.instruments import Instrument, resolve


def instrument(symbol: str, kind: str = "EQ") -> Instrument:
    return Instrument(
        key=f"NSE:{symbol}", exchange="NSE", symbol=symbol, token=symbol, name=symbol.removesuffix("-EQ"),
        kind=kind, lot_size=1, tick_size=Decimal("0.05"),
    )  # fmt: skip


CATALOG = {i.key: i for i in (instrument("RELIANCE-EQ"), instrument("TCS-EQ"), instrument("NIFTY", "INDEX"))}


def resolved(config: dict[str, object]) -> dict[str, object]:
    return resolve_symbols(config, lambda text: resolve(text, CATALOG))


def fields(error: pytest.ExceptionInfo[InvalidArgumentError]) -> list[str]:
    return [violation.field for violation in error.value.violations]


@pytest.mark.parametrize("config_id", ["", "a", "momentum-1", "a" * 63])
def test_good_ids_pass(config_id: str) -> None:
    check_names(config_id, "strategies.momentum", "MomentumStrategy")


@pytest.mark.parametrize("config_id", ["1a", "-a", "A", "a_b", "a" * 64, "a b", "a\n", "ä"])
def test_bad_ids_are_refused_by_name(config_id: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        check_names(config_id, "strategies.momentum", "MomentumStrategy")
    assert fields(error) == ["config_id"]


def test_every_bad_name_is_said_at_once() -> None:
    with pytest.raises(InvalidArgumentError) as error:
        check_names("A", "os; rm", "")
    assert fields(error) == ["config_id", "module_path", "class_name"]


def test_symbols_become_canonical_keys() -> None:
    config = resolved({"symbols": ["reliance", "NSE:TCS-EQ"], "symbol": "TCS", "interval": 5})
    assert config == {"symbols": ["NSE:RELIANCE-EQ", "NSE:TCS-EQ"], "symbol": "NSE:TCS-EQ", "interval": 5}


def test_each_unknown_symbol_is_named_with_what_is_near() -> None:
    with pytest.raises(InvalidArgumentError) as error:
        resolved({"symbols": ["RELIANCE", "RELAINCE", 7], "symbol": "ZZZZ"})
    assert fields(error) == ["config.symbols[1]", "config.symbols[2]", "config.symbol"]
    assert "RELIANCE" in error.value.violations[0].description


def test_a_symbol_named_twice_is_refused() -> None:
    with pytest.raises(InvalidArgumentError) as error:
        resolved({"symbols": ["RELIANCE", "NSE:RELIANCE-EQ"]})
    assert fields(error) == ["config.symbols[1]"]


@pytest.mark.parametrize(
    ("config", "field"), [({"symbols": ["TCS", "NIFTY"]}, "config.symbols[1]"), ({"symbol": "NIFTY"}, "config.symbol")]
)
def test_an_index_is_not_traded(config: dict[str, object], field: str) -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"NSE:NIFTY is an index, which cannot be traded.*signal_symbols"
    ) as error:
        resolved(config)
    assert fields(error) == [field]


def test_an_index_may_be_watched() -> None:
    config = resolved({"symbols": ["TCS"], "signal_symbols": ["nifty"]})
    assert config == {"symbols": ["NSE:TCS-EQ"], "signal_symbols": ["NSE:NIFTY"]}
    assert instruments_of(config) == ("NSE:TCS-EQ", "NSE:NIFTY")


def test_parameters_without_symbols_stay_as_they_are() -> None:
    assert resolved({"a": 1}) == {"a": 1}

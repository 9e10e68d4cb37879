"""Parameters: strict, and refused by name."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewinds.sdk import Params, ParamsError
from tradewinds.sdk.params import symbols_of, validate


class Example(Params):
    symbols: list[str]
    capital_allocated: Decimal
    execution_interval: int = 5
    ratio: float = 0.5


GOOD = '"symbols": ["RELIANCE"], "capital_allocated": 100000'


def test_whole_numbers_are_taken_where_decimals_and_floats_are_wanted() -> None:
    params = validate(Example, "{" + GOOD + ', "ratio": 2}')
    assert params == Example(symbols=["RELIANCE"], capital_allocated=Decimal(100000), ratio=2.0)


@pytest.mark.parametrize(
    ("config", "field", "words"),
    [
        ("{" + GOOD + ', "execution_intervall": 5}', "execution_intervall", "did you mean execution_interval?"),
        ("{" + GOOD + ', "nothing": 5}', "nothing", "there are: capital_allocated, execution_interval, ratio, symbols"),
        ("{" + GOOD + ', "execution_interval": "5"}', "execution_interval", 'was "5"'),
        ("{" + GOOD + ', "execution_interval": 5.5}', "execution_interval", "was 5.5"),
        ('{"symbols": "RELIANCE", "capital_allocated": 1}', "symbols", 'was "RELIANCE"'),
        ('{"symbols": ["A", 7], "capital_allocated": 1}', "symbols[1]", "was 7"),
        ('{"symbols": ["A"]}', "capital_allocated", "is required"),
        ("[1]", "", "must be a JSON object"),
        ("{", "", "is not JSON"),
    ],
)
def test_a_bad_parameter_is_refused_with_its_name_and_what_to_do(config: str, field: str, words: str) -> None:
    with pytest.raises(ParamsError) as refusal:
        validate(Example, config)
    assert refusal.value.field == field
    assert words in str(refusal.value)


def test_symbols_and_symbol_name_instruments() -> None:
    class One(Params):
        symbol: str = "TCS"

    assert symbols_of(validate(Example, "{" + GOOD + "}")) == ("RELIANCE",)
    assert symbols_of(One()) == ("TCS",)
    assert symbols_of(Params()) == ()

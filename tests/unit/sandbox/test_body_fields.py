"""Numbers in a request body: read by one hand, refused with the caller's code."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sandbox.body_fields import amount_of, paise_of, side_of, whole_of
from sandbox.errors import RefusedError
from sandbox.orders import Side


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", "²", "٣", "1" * 10, "1" * 5_000, None, [], {}, True])
def test_what_is_no_whole_number_is_refused_whatever_it_is(value: object) -> None:
    with pytest.raises(RefusedError, match="AB9006 Invalid qty"):
        whole_of({"qty": value}, "qty", "AB9006")


@pytest.mark.parametrize(
    "value", ["", "x", "-1", "0", "0.001", "NaN", "Infinity", "1e12", "1e999999", "1e-999999", None, []]
)
def test_what_is_no_price_is_refused_whatever_it_is(value: object) -> None:
    with pytest.raises(RefusedError, match="AB9008 Invalid price"):
        paise_of({"price": value}, "price", "AB9008")


def test_numbers_and_texts_are_taken_alike() -> None:
    assert (whole_of({"qty": 5}, "qty"), whole_of({"qty": "5"}, "qty"), whole_of({}, "qty", at_least=0)) == (5, 5, 0)
    assert (paise_of({"price": 900.05}, "price"), paise_of({"price": "900.05"}, "price")) == (90_005, 90_005)
    assert (amount_of({}, "price"), amount_of({"price": "1.005"}, "price")) == (Decimal(0), Decimal("1.005"))
    assert side_of({"side": "sell"}, "side") is Side.SELL
    with pytest.raises(RefusedError, match="AB9014 Invalid side 'HOLD': BUY or SELL"):
        side_of({"side": "HOLD"}, "side", "AB9014")

"""What multiplies without a trade, at the same cost."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from engine_server.oms.domain.corporate_action import level_after, multiplied_by


@pytest.mark.parametrize(
    ("theirs", "average", "ratio"),
    [
        (20, "700", Fraction(2)),  # a split in two, or one bonus share for each
        (100, "140", Fraction(10)),
        (15, "933.33", Fraction(3, 2)),  # one bonus share for two, the average rounded
        (20, "1400", None),  # bought: the cost is another
        (20, "712", None),
        (10, "1400", None),
        (5, "2800", None),  # fewer: what became of the rest is for a person
        (0, "0", None),
        (103, "135.92", None),  # nobody announces 103 for 10
    ],
)
def test_only_more_shares_at_the_same_cost_in_a_plain_ratio(theirs: int, average: str, ratio: Fraction | None) -> None:
    assert multiplied_by(10, Decimal(1400), theirs, Decimal(average)) == ratio


def test_a_short_or_costless_line_is_none() -> None:
    assert multiplied_by(-10, Decimal(1400), 20, Decimal(700)) is None
    assert multiplied_by(10, Decimal(0), 20, Decimal(0)) is None


def test_levels_move_with_the_price_and_stay_on_the_grid() -> None:
    assert level_after(Decimal("1380.35"), Fraction(2)) == Decimal("690.20")
    assert level_after(Decimal(1000), Fraction(3, 2)) == Decimal("666.65")

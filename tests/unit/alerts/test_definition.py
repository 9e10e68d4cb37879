"""What a person may ask for, and what they are told when it makes no sense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from notifier.alerts.domain.definition import Wish, define
from notifier.alerts.domain.vocabulary import Condition, Frequency, Measure, Reference
from notifier.alerts.domain.watch import Shape
from tradewinds.errors import InvalidArgumentError
from tradewinds.instruments import Instrument

NOW = datetime(2026, 11, 20, 5, tzinfo=UTC)


def an_instrument(kind: str = "EQ") -> Instrument:
    return Instrument(
        key="NSE:SBIN-EQ",
        exchange="NSE",
        symbol="SBIN-EQ",
        token="3045",
        name="SBIN",
        kind=kind,
        lot_size=1,
        tick_size=Decimal("0.05"),
    )


@pytest.mark.parametrize(
    ("wish", "shape"),
    [
        (Wish(Condition.ABOVE, threshold="800.05"), Shape(1, 8_000_500, 8_000_500, hysteresis=4_000)),
        (Wish(Condition.CROSSES, threshold="20"), Shape(5, 200_000, 200_000, hysteresis=500)),
        (Wish(Condition.BELOW, threshold="800", hysteresis="0"), Shape(2, 8_000_000, 8_000_000)),
        (
            Wish(Condition.ENTERS_CHANNEL, lower="790", upper="810", hysteresis="1"),
            Shape(11, 7_900_000, 8_100_000, hysteresis=10_000),
        ),
        (Wish(Condition.LEAVES_CHANNEL, lower="800", upper="800.05"), Shape(12, 8_000_000, 8_000_500, hysteresis=250)),
        (Wish(Condition.RISES_PERCENT, percent="2.5"), Shape(6, basis_points=250, hysteresis=500)),
        (Wish(Condition.FALLS_FROM_HIGH, distance="12.5"), Shape(9, distance=125_000)),
        (Wish(Condition.RISES_FROM_LOW, percent="0.75"), Shape(10, basis_points=75)),
        (Wish(Condition.ABOVE, Measure.VOLUME, threshold="250000"), Shape(1, 250_000, 250_000)),
    ],
)
def test_texts_become_integers(wish: Wish, shape: Shape) -> None:
    assert define(wish, an_instrument(), NOW).shape == shape


def test_a_percent_move_is_measured_from_the_previous_close_unless_a_price_is_given() -> None:
    assert (
        define(Wish(Condition.RISES_PERCENT, percent="1"), an_instrument(), NOW).reference is Reference.PREVIOUS_CLOSE
    )
    wish = Wish(Condition.RISES_PERCENT, percent="1", reference_price="700")
    given = define(wish, an_instrument(), NOW)
    assert (given.reference, given.given) == (Reference.GIVEN, 7_000_000)


def test_a_cooldown_is_a_minute_unless_said_otherwise() -> None:
    wish = Wish(Condition.CROSSES_UP, threshold="1", frequency=Frequency.EVERY_TIME)
    assert define(wish, an_instrument(), NOW).cooldown_seconds == 60


@pytest.mark.parametrize(
    ("wish", "field", "remedy"),
    [
        (Wish(Condition.ABOVE), "threshold", "is missing; give rupees such as 1400.05"),
        (Wish(Condition.ABOVE, threshold="dear"), "threshold", "'dear' is not a decimal number"),
        (Wish(Condition.ABOVE, threshold="NaN"), "threshold", "not a finite number"),
        (Wish(Condition.ABOVE, threshold="1e400"), "threshold", "out of range"),
        (Wish(Condition.ABOVE, threshold="-5"), "threshold", "out of range"),
        (Wish(Condition.ABOVE, threshold="1.00001"), "threshold", "more than four decimals"),
        (Wish(Condition.ABOVE, threshold="1", upper="2"), "upper", "is not used by ABOVE"),
        (Wish(Condition.ABOVE, Measure.VOLUME, threshold="1.5"), "threshold", "not a whole number"),
        (Wish(Condition.ENTERS_CHANNEL, lower="5", upper="5"), "upper", "is not above lower"),
        (Wish(Condition.LEAVES_CHANNEL, lower="5", upper="6", hysteresis="0.6"), "hysteresis", "half of the channel"),
        (Wish(Condition.FALLS_PERCENT, percent="100"), "percent", "give 0.01 to 99.99"),
        (Wish(Condition.RISES_PERCENT, percent="2.555"), "percent", "at most two decimals"),
        (Wish(Condition.RISES_PERCENT, percent="x"), "percent", "'x' is not a number"),
        (Wish(Condition.RISES_PERCENT, percent="2", reference=Reference.GIVEN), "reference_price", "is missing"),
        (Wish(Condition.ABOVE, threshold="2", reference=Reference.GIVEN), "reference", "is not used by ABOVE"),
        (Wish(Condition.FALLS_FROM_HIGH), "distance", "one of the two"),
        (Wish(Condition.FALLS_FROM_HIGH, distance="1", percent="1"), "distance", "one of the two"),
        (Wish(Condition.FALLS_FROM_HIGH, distance="1", hysteresis="1"), "hysteresis", "is not used"),
        (Wish(Condition.FALLS_FROM_HIGH, Measure.VOLUME, distance="1"), "measure", "works on prices only"),
        (Wish(Condition.ABOVE, Measure.OPEN_INTEREST, threshold="1"), "measure", "use a future or an option"),
        (Wish(Condition.ABOVE, threshold="1", cooldown_seconds=5), "cooldown_seconds", "use EVERY_TIME"),
        (Wish(Condition.ABOVE, threshold="1", bar_interval="5m"), "bar_interval", "use ONCE_PER_BAR"),
        (
            Wish(Condition.ABOVE, threshold="1", frequency=Frequency.EVERY_TIME, cooldown_seconds=-1),
            "cooldown_seconds",
            "give 1 to 86400",
        ),
        (
            Wish(Condition.ABOVE, threshold="1", frequency=Frequency.ONCE_PER_BAR, bar_interval="60m"),
            "bar_interval",
            "give one of 1m, 3m, 5m, 15m",
        ),
        (Wish(Condition.ABOVE, threshold="1", note="x" * 501), "note", "at most 500"),
        (Wish(Condition.ABOVE, threshold="1", note="a\x00b"), "note", "NUL"),
        (Wish(Condition.ABOVE, threshold="1", expires_at=NOW), "expires_at", "not within the next year"),
        (Wish(Condition.ABOVE, threshold="1", expires_at=NOW + timedelta(days=400)), "expires_at", "next year"),
    ],
)
def test_a_wrong_field_is_named_with_what_to_do(wish: Wish, field: str, remedy: str) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        define(wish, an_instrument(), NOW)
    named = {violation.field: violation.description for violation in refused.value.violations}
    assert remedy in named[f"price_alert.{field}"]


def test_every_wrong_field_is_named_at_once() -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        define(Wish(Condition.ENTERS_CHANNEL, lower="x", upper="y", note="z" * 999), an_instrument(), NOW)
    assert [v.field for v in refused.value.violations] == [f"price_alert.{f}" for f in ("lower", "upper", "note")]


def test_an_index_has_no_volume() -> None:
    with pytest.raises(InvalidArgumentError, match="use its future"):
        define(Wish(Condition.ABOVE, Measure.VOLUME, threshold="1"), an_instrument("INDEX"), NOW)

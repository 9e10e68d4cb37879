"""From what a person writes to what is judged: texts in rupees to integers, with every wrong field named and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from notifier.alerts.domain.gate import BAR_MINUTES
from notifier.alerts.domain.vocabulary import (
    CHANNEL,
    HIGHEST,
    NO_LEVEL,
    PERCENT,
    TRAILING,
    Condition,
    Frequency,
    Measure,
    Reference,
)
from notifier.alerts.domain.watch import Shape
from tradewinds.errors import FieldViolation, InvalidArgumentError
from tradewinds.instruments import Instrument
from tradewinds.money import parse_rupees, to_e4

MAXIMUM_NOTE: Final = 500
DEFAULT_COOLDOWN_SECONDS: Final = 60
MAXIMUM_COOLDOWN_SECONDS: Final = 86_400
MAXIMUM_BASIS_POINTS: Final = 50_000
_MAXIMUM_LIFE: Final = timedelta(days=366)
_DEFAULT_HYSTERESIS_BASIS_POINTS: Final = 5
_TOO_HIGH: Final = HIGHEST // 100  # leaves room for percents above it

_MEASURED_BY_CONTRACT: Final = ("FUT", "OPT")


@dataclass(frozen=True)
class Wish:
    """An alert as a person writes it; empty texts are not given."""

    condition: Condition
    measure: Measure = Measure.PRICE
    threshold: str = ""
    lower: str = ""
    upper: str = ""
    percent: str = ""
    distance: str = ""
    reference: Reference = Reference.NONE
    reference_price: str = ""
    hysteresis: str = ""
    frequency: Frequency = Frequency.ONCE
    cooldown_seconds: int = 0
    bar_interval: str = ""
    note: str = ""
    template_id: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Definition:
    """What is kept: `given` is the reference price of a percent move where a person gave one, else 0."""

    measure: Measure
    shape: Shape
    reference: Reference
    given: int
    frequency: Frequency
    cooldown_seconds: int
    bar_minutes: int
    note: str
    expires_at: datetime | None
    template_id: str = ""


@dataclass
class _Reading:
    """Reads one wish, and collects what is wrong with it."""

    wish: Wish
    instrument: Instrument
    prefix: str
    violations: list[FieldViolation] = field(default_factory=list)

    def wrong(self, name: str, what: str) -> None:
        self.violations.append(FieldViolation(f"{self.prefix}{name}", what))

    def number(self, name: str, *, zero: bool = False) -> int:
        """The field in the unit of its values; `NO_LEVEL` where it is wrong."""
        text = getattr(self.wish, name)
        in_rupees = self.wish.measure is Measure.PRICE
        example = "rupees such as 1400.05" if in_rupees else "units such as 250000"
        if not text:
            self.wrong(name, f"is missing; give {example}")
            return NO_LEVEL
        try:
            value = parse_rupees(text, name)
        except ValueError as e:
            self.wrong(name, f"{str(e).partition(': ')[2]}; give {example}")
            return NO_LEVEL
        if not in_rupees and value != value.to_integral_value():
            self.wrong(name, f"{text!r} is not a whole number; give {example}")
            return NO_LEVEL
        amount = to_e4(value) if in_rupees else int(value)
        if not (0 if zero else 1) <= amount <= _TOO_HIGH:
            highest = Decimal(_TOO_HIGH) / 10_000 if in_rupees else Decimal(_TOO_HIGH)
            self.wrong(name, f"{text!r} is out of range; give {example}, above 0 and at most {highest}")
            return NO_LEVEL
        return amount

    def unused(self, *names: str) -> None:
        """Fields that this condition does not know: somebody means something that we would not do."""
        for name in names:
            if getattr(self.wish, name):
                self.wrong(name, f"is not used by {self.wish.condition.name}; leave it out")


def define(wish: Wish, instrument: Instrument, now: datetime, prefix: str = "price_alert.") -> Definition:
    """The definition that `wish` means; raises `InvalidArgumentError` with every wrong field."""
    reading = _Reading(wish, instrument, prefix)
    _check_measure(reading)
    shape = _SHAPES.get(wish.condition, _threshold)(reading)
    reference, given = _reference(reading)
    cooldown, bar_minutes = _timing(reading)
    _check_note(reading)
    _check_expiry(reading, now)
    shape = shape._replace(hysteresis=_hysteresis(reading, shape))
    if reading.violations:
        first = reading.violations[0]
        raise InvalidArgumentError(f"{first.field}: {first.description}", violations=tuple(reading.violations))
    return Definition(
        wish.measure,
        shape,
        reference,
        given,
        wish.frequency,
        cooldown,
        bar_minutes,
        wish.note,
        wish.expires_at,
        wish.template_id,
    )


def _check_measure(reading: _Reading) -> None:
    measure, instrument = reading.wish.measure, reading.instrument
    if measure is not Measure.PRICE and reading.wish.condition in PERCENT | TRAILING | CHANNEL:
        reading.wrong("measure", f"{reading.wish.condition.name} works on prices only; use ABOVE, BELOW or a crossing")
    if measure is Measure.VOLUME and instrument.kind == "INDEX":
        reading.wrong("measure", f"{instrument.key} is an index, which has no volume; use its future")
    if measure is Measure.OPEN_INTEREST and instrument.kind not in _MEASURED_BY_CONTRACT:
        reading.wrong("measure", f"{instrument.key} has no open interest; use a future or an option")


def _threshold(reading: _Reading) -> Shape:
    reading.unused("lower", "upper", "percent", "distance")
    level = reading.number("threshold")
    return Shape(reading.wish.condition, level, level)


def _channel(reading: _Reading) -> Shape:
    reading.unused("threshold", "percent", "distance")
    lower, upper = reading.number("lower"), reading.number("upper")
    if NO_LEVEL not in (lower, upper) and lower >= upper:
        reading.wrong(
            "upper", f"{reading.wish.upper} is not above lower, {reading.wish.lower}; give the higher border here"
        )
    return Shape(reading.wish.condition, lower, upper)


def _percent(reading: _Reading) -> Shape:
    reading.unused("threshold", "lower", "upper", "distance")
    return Shape(reading.wish.condition, basis_points=_basis_points(reading))


def _trailing(reading: _Reading) -> Shape:
    reading.unused("threshold", "lower", "upper", "hysteresis")
    if bool(reading.wish.percent) == bool(reading.wish.distance):
        reading.wrong("distance", "give either distance in rupees or percent, one of the two")
        return Shape(reading.wish.condition)
    if reading.wish.distance:
        return Shape(reading.wish.condition, distance=reading.number("distance"))
    return Shape(reading.wish.condition, basis_points=_basis_points(reading))


_SHAPES: Final[dict[Condition, Callable[[_Reading], Shape]]] = {
    **dict.fromkeys(CHANNEL, _channel),
    **dict.fromkeys(PERCENT, _percent),
    **dict.fromkeys(TRAILING, _trailing),
}


def _basis_points(reading: _Reading) -> int:
    text, example = reading.wish.percent, "a percentage such as 2.5"
    try:
        value = parse_rupees(text, "percent") * 100
    except ValueError:
        reading.wrong("percent", f"{text!r} is not a number; give {example}" if text else f"is missing; give {example}")
        return 0
    downwards = reading.wish.condition in (
        Condition.FALLS_PERCENT,
        Condition.MOVES_PERCENT,
        Condition.FALLS_FROM_HIGH,
    )
    most = 9_999 if downwards else MAXIMUM_BASIS_POINTS
    if value != value.to_integral_value() or not 1 <= value <= most:
        reading.wrong(
            "percent", f"{text!r} is out of range; give 0.01 to {Decimal(most) / 100}, with at most two decimals"
        )
        return 0
    return int(value)


def _reference(reading: _Reading) -> tuple[Reference, int]:
    wish = reading.wish
    if wish.condition not in PERCENT:
        if wish.reference is not Reference.NONE:
            reading.wrong("reference", f"is not used by {wish.condition.name}; leave it out")
        return Reference.NONE, 0
    if wish.reference is Reference.GIVEN or (wish.reference is Reference.NONE and wish.reference_price):
        return Reference.GIVEN, max(0, reading.number("reference_price"))
    return wish.reference or Reference.PREVIOUS_CLOSE, 0


def _timing(reading: _Reading) -> tuple[int, int]:
    wish = reading.wish
    cooldown = bar_minutes = 0
    if wish.frequency is Frequency.EVERY_TIME:
        cooldown = wish.cooldown_seconds or DEFAULT_COOLDOWN_SECONDS
        if not 1 <= cooldown <= MAXIMUM_COOLDOWN_SECONDS:
            reading.wrong("cooldown_seconds", f"{cooldown} is out of range; give 1 to {MAXIMUM_COOLDOWN_SECONDS}")
    elif wish.cooldown_seconds:
        reading.wrong("cooldown_seconds", f"is not used by {wish.frequency.name}; leave it out, or use EVERY_TIME")
    if wish.frequency is Frequency.ONCE_PER_BAR:
        bar_minutes = next((m for m in BAR_MINUTES if wish.bar_interval == f"{m}m"), 0)
        if not bar_minutes:
            choices = ", ".join(f"{m}m" for m in BAR_MINUTES)
            reading.wrong("bar_interval", f"{wish.bar_interval!r} is not an interval of alerts; give one of {choices}")
    elif wish.bar_interval:
        reading.wrong("bar_interval", f"is not used by {wish.frequency.name}; leave it out, or use ONCE_PER_BAR")
    return cooldown, bar_minutes


def _check_note(reading: _Reading) -> None:
    note = reading.wish.note
    if len(note) > MAXIMUM_NOTE:
        reading.wrong("note", f"has {len(note)} characters, at most {MAXIMUM_NOTE} are allowed")
    if "\x00" in note:
        reading.wrong("note", "holds a NUL character, which PostgreSQL cannot keep; leave it out")


def _check_expiry(reading: _Reading, now: datetime) -> None:
    expires_at = reading.wish.expires_at
    if expires_at is not None and not now < expires_at <= now + _MAXIMUM_LIFE:
        reading.wrong("expires_at", f"{expires_at.isoformat()} is not within the next year; leave it out for no end")


def _hysteresis(reading: _Reading, shape: Shape) -> int:
    wish = reading.wish
    if wish.condition in TRAILING or (wish.hysteresis == "" and wish.measure is not Measure.PRICE):
        return 0
    if wish.hysteresis:
        amount = reading.number("hysteresis", zero=True)
        inside = shape.upper - shape.lower
        if wish.condition is Condition.LEAVES_CHANNEL and amount > inside // 2 > 0:
            reading.wrong("hysteresis", "is more than half of the channel, so it could never fire again; give less")
        return max(0, amount)
    around = max(shape.upper, 0) * _DEFAULT_HYSTERESIS_BASIS_POINTS // 10_000
    return min(max(to_e4(reading.instrument.tick_size), around), _room(wish.condition, shape))


def _room(condition: Condition, shape: Shape) -> int:
    """A narrow channel must still be able to fire again."""
    return (shape.upper - shape.lower) // 2 if condition is Condition.LEAVES_CHANNEL else HIGHEST

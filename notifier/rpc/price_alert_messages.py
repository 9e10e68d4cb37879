"""proto ⇄ domain of price alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final, TypeVar

from google.protobuf import timestamp_pb2

from notifier.alerts.domain.definition import Wish
from notifier.alerts.domain.vocabulary import Condition, Frequency, Measure, Reference, State
from notifier.alerts.stored import wish_of
from notifier.alerts.wording import amount
from tradewinds.errors import InvalidArgumentError
from tradewinds.v1 import price_alert_pb2 as pb

EnumT = TypeVar("EnumT", bound=IntEnum)

_TEXTS: Final = (
    "threshold",
    "lower",
    "upper",
    "percent",
    "distance",
    "reference_price",
    "hysteresis",
    "note",
    "template_id",
)
_PLAIN: Final = ("cooldown_seconds", "bar_interval")
_CHANGEABLE: Final = ("measure", "condition", *_TEXTS, "reference", "frequency", *_PLAIN, "expires_at")


def wish_of_message(message: pb.PriceAlert) -> Wish:
    """What a new alert asks for."""
    if not message.condition:
        raise InvalidArgumentError.field("price_alert.condition", f"is missing; give one of {_names(Condition)}")
    return _applied(Wish(Condition.ABOVE), message, _CHANGEABLE)


def change_of(request: pb.UpdatePriceAlertRequest) -> Callable[[Wish], Wish]:
    """What an update does to a wish; without a mask the fields that are set."""
    message = request.price_alert
    paths = list(request.update_mask.paths) or [
        name for name in _CHANGEABLE if message.DESCRIPTOR.fields_by_name[name] in [f for f, _ in message.ListFields()]
    ]
    for path in paths:
        if path not in _CHANGEABLE:
            raise InvalidArgumentError.field(
                "update_mask", f"{path!r} cannot be changed; it may name {', '.join(_CHANGEABLE)}"
            )
    return lambda wish: _applied(wish, message, tuple(paths))


def _applied(wish: Wish, message: pb.PriceAlert, names: tuple[str, ...]) -> Wish:
    return replace(wish, **{name: _READERS.get(name, _plain(name))(message) for name in names})


def _plain(name: str) -> Callable[[pb.PriceAlert], Any]:
    return lambda message: getattr(message, name)


def _enum(name: str, kind: type[EnumT], offset: int, default: EnumT | None) -> Callable[[pb.PriceAlert], EnumT]:
    """The contract's numbers begin with 1, where ours may begin with 0."""

    def read(message: pb.PriceAlert) -> EnumT:
        number = getattr(message, name)
        if not number and default is not None:
            return default
        try:
            return kind(number - offset)
        except ValueError as e:
            raise InvalidArgumentError.field(
                f"price_alert.{name}", f"{number} is not one of the choices; give one of {_names(kind)}"
            ) from e

    return read


def _names(kind: type[IntEnum]) -> str:
    return ", ".join(one.name for one in kind)


def _expiry(message: pb.PriceAlert) -> datetime | None:
    if not message.HasField("expires_at"):
        return None
    try:
        return message.expires_at.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as e:
        raise InvalidArgumentError.field("price_alert.expires_at", "is not a time; give RFC 3339") from e


_READERS: Final[dict[str, Callable[[pb.PriceAlert], Any]]] = {
    "measure": _enum("measure", Measure, 1, Measure.PRICE),
    "condition": _enum("condition", Condition, 0, None),
    "reference": _enum("reference", Reference, 0, Reference.NONE),
    "frequency": _enum("frequency", Frequency, 0, Frequency.ONCE),
    "expires_at": _expiry,
}


def state_name(value: int) -> str | None:
    """The table's word for a state of the contract; None for any."""
    try:
        return State(value).name if value else None
    except ValueError as e:
        raise InvalidArgumentError.field("state", f"{value} is not a state; give one of {_names(State)}") from e


def alert_message(row: Mapping[str, Any], stale_since: Mapping[str, datetime]) -> pb.PriceAlert:
    """One row; `stale_since` has the instruments whose prices are missing."""
    wish = wish_of(row)
    since = stale_since.get(row["instrument"])
    message = pb.PriceAlert(
        alert_id=row["alert_id"],
        user_id=row["user_id"],
        instrument=row["instrument"],
        measure=wish.measure + 1,  # type: ignore[arg-type] # the stubs want their own enums
        condition=int(wish.condition),  # type: ignore[arg-type]
        reference=int(wish.reference),  # type: ignore[arg-type]
        frequency=int(wish.frequency),  # type: ignore[arg-type]
        state=int(State[row["state"]]),  # type: ignore[arg-type]
        problem=row["problem"] or ("STALE" if since is not None else ""),
        fire_count=row["fire_count"],
        generation=row["generation"],
        **{name: getattr(wish, name) for name in (*_TEXTS, *_PLAIN)},
    )
    times = {name: row[name] for name in ("expires_at", "snoozed_until", "cooling_until", "last_fired_at")}
    for name, moment in {**times, "stale_since": since}.items():
        if moment is not None:
            getattr(message, name).CopyFrom(_timestamp(moment))
    message.created_at.CopyFrom(_timestamp(row["created_at"]))
    message.updated_at.CopyFrom(_timestamp(row["updated_at"]))
    return message


def fire_message(row: Mapping[str, Any]) -> pb.PriceAlertFire:
    """One fire."""
    measure = Measure[row["measure"]]
    message = pb.PriceAlertFire(
        fire_id=str(row["fire_number"]),
        alert_id=row["alert_id"],
        generation=row["generation"],
        instrument=row["instrument"],
        description=row["description"],
        value=amount(row["value"], measure),
        previous_value=amount(row["previous"], measure) if row["previous"] else "",
        level=amount(row["level"], measure),
        late=row["late"],
        fired_at=_timestamp(row["fired_at"]),
        grouped=row["grouped"],
    )
    message.snapshot.update(row["snapshot"])
    if row["told_at"] is not None:
        message.told_at.CopyFrom(_timestamp(row["told_at"]))
    return message


def _timestamp(moment: datetime) -> timestamp_pb2.Timestamp:
    timestamp = timestamp_pb2.Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp

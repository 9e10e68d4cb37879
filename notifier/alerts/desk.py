"""Where people make, change and delete alerts. Every change is checked against today's instruments and starts from the last price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.ext.asyncio import AsyncSession

from notifier.alerts import alert_store
from notifier.alerts.alert_store import Row
from notifier.alerts.domain.definition import Definition, Wish, define
from notifier.alerts.domain.vocabulary import Measure, Reference, State
from notifier.alerts.domain.watch import Watch, first_watch
from notifier.alerts.stored import shape_of, wish_of
from tradewinds import audit, redis_keys
from tradewinds.clock import Clock
from tradewinds.database.reconnecting import describe
from tradewinds.errors import InvalidArgumentError, NotFoundError, PreconditionError, UnavailableError
from tradewinds.ids import IdFactory
from tradewinds.instrument_lookup import find_instrument
from tradewinds.instruments import Instrument, UnknownInstrumentError
from tradewinds.telemetry import get_logger
from tradewinds.ticks import TICK_DTYPE, unpack

log = get_logger("notifier.alerts.desk")

MAXIMUM_SNOOZE_SECONDS: Final = 30 * 86_400
_MAXIMUM_TEXT: Final = 64
_COLUMN: Final = {
    Measure.PRICE: "last_price_e4",
    Measure.VOLUME: "volume",
    Measure.OPEN_INTEREST: "open_interest",
}


class _LastKnown(NamedTuple):
    """An instrument, and its last quote as a tick record's fields; empty before the first."""

    instrument: Instrument
    quote: Mapping[str, int]


class AlertDesk:
    """Works in the caller's session, uncommitted. Raises `InvalidArgumentError` naming fields, `NotFoundError`, `PreconditionError`
    at the limit, and `UnavailableError` while Redis, which has the instruments, is away."""

    def __init__(self, redis: Redis, clock: Clock, new_id: IdFactory, *, alerts_per_user: int) -> None:
        self._redis = redis
        self._clock = clock
        self._new_id = new_id
        self._alerts_per_user = alerts_per_user

    async def create(self, session: AsyncSession, user_id: str, symbol: str, wish: Wish) -> Row:
        """A new alert of this user."""
        known = await self._look_up(symbol)
        definition = define(wish, known.instrument, self._clock.now())
        watch = _begin(definition, known)
        await self._require_room(session, user_id)
        alert_id = self._new_id("alr")
        row = await alert_store.insert(session, alert_id, user_id, known.instrument.key, definition, watch)
        await _record(session, "create", user_id, None, row)
        return row

    async def get(self, session: AsyncSession, alert_id: str, user_id: str | None) -> Row:
        """One alert that `user_id` (None: anybody) may see."""
        return _found(await alert_store.get(session, alert_id, user_id), alert_id)

    async def update(
        self,
        session: AsyncSession,
        alert_id: str,
        user_id: str | None,
        change: Callable[[Wish], Wish],
        actor: str,
    ) -> Row:
        """Apply `change` to what a person wished."""
        before = _found(await alert_store.lock(session, alert_id, user_id), alert_id)
        wish = wish_of(before)
        changed = _without_leftovers(wish, change(wish))
        if replace(changed, note=wish.note, template_id=wish.template_id, expires_at=wish.expires_at) == wish:
            definition = define(changed, await self._instrument(before["instrument"]), self._clock.now())
            row = await alert_store.note(session, alert_id, definition)
        else:
            known = await self._look_up(before["instrument"])
            definition = define(changed, known.instrument, self._clock.now())
            row = await alert_store.redefine(session, alert_id, definition, _begin(definition, known))
        await _record(session, "update", actor, before, row)
        return row

    async def rearm(self, session: AsyncSession, alert_id: str, user_id: str | None, actor: str) -> Row:
        """Begin again from the price of this moment."""
        before = _found(await alert_store.lock(session, alert_id, user_id), alert_id)
        if before["expires_at"] is not None and before["expires_at"] <= self._clock.now():
            raise InvalidArgumentError.field(
                "expires_at", f"{before['expires_at'].isoformat()} is over; give the alert a new one, or none, first"
            )
        if before["state"] != State.ACTIVE.name:
            await self._require_room(session, before["user_id"])
        known = await self._look_up(before["instrument"])
        reference, given = Reference[before["reference"]], before["mark"]
        watch = first_watch(
            shape_of(before), _value(before["measure"], known), _mark(reference, given, known, "alert_id")
        )
        row = await alert_store.rearm(session, alert_id, watch)
        await _record(session, "rearm", actor, before, row)
        return row

    async def snooze(self, session: AsyncSession, alert_id: str, user_id: str | None, seconds: int, actor: str) -> Row:
        """Say nothing for so long."""
        if not 0 <= seconds <= MAXIMUM_SNOOZE_SECONDS:
            raise InvalidArgumentError.field(
                "duration_seconds", f"{seconds} is out of range; give 1 to {MAXIMUM_SNOOZE_SECONDS}, or 0 to end it"
            )
        before = _found(await alert_store.lock(session, alert_id, user_id), alert_id)
        if before["state"] != State.ACTIVE.name:
            raise PreconditionError(f"alert {alert_id} is {before['state']}, there is nothing to silence; arm it again")
        row = await alert_store.snooze(session, alert_id, seconds)
        await _record(session, "snooze", actor, before, row)
        return row

    async def delete(self, session: AsyncSession, alert_id: str, user_id: str | None, actor: str) -> None:
        """Take it away; what it has fired stays."""
        before = _found(await alert_store.lock(session, alert_id, user_id), alert_id)
        await alert_store.delete(session, alert_id)
        await _record(session, "delete", actor, before, None)

    async def canonical(self, symbol: str, field: str) -> str:
        """The key of an instrument that a person names."""
        return (await self._instrument(symbol, field)).key

    async def stale_since(self, instruments: Sequence[str]) -> dict[str, datetime]:
        """Those whose prices are missing in an open market, and since when; nothing while Redis does not answer."""
        keys = sorted(set(instruments))
        if not keys:
            return {}
        try:
            since: list[Any] = await self._redis.hmget(redis_keys.STALE, keys)
        except (RedisError, OSError, TimeoutError) as e:
            log.warning_throttled("stale.unreadable", error=describe(e))
            return {}
        return {
            key: datetime.fromtimestamp(int(one) / 1000, UTC)
            for key, one in zip(keys, since, strict=True)
            if one is not None
        }

    async def _look_up(self, symbol: str) -> _LastKnown:
        instrument = await self._instrument(symbol)
        try:
            found: list[Any] = await self._redis.hmget(redis_keys.QUOTES, [instrument.key])
        except (RedisError, OSError, TimeoutError) as e:
            raise UnavailableError(f"Redis, which has the quotes, does not answer ({describe(e)}); try again") from e
        if found[0] is None or len(found[0]) != TICK_DTYPE.itemsize:
            return _LastKnown(instrument, {})
        return _LastKnown(instrument, dict(zip(TICK_DTYPE.names or (), unpack(found[0])[0].item(), strict=True)))

    async def _instrument(self, symbol: str, field: str = "price_alert.instrument") -> Instrument:
        if not symbol.strip() or len(symbol) > _MAXIMUM_TEXT:
            raise InvalidArgumentError.field(field, f"give 1 to {_MAXIMUM_TEXT} characters, such as NSE:SBIN-EQ")
        try:
            return await find_instrument(self._redis, symbol)
        except UnknownInstrumentError as e:
            raise InvalidArgumentError.field(field, str(e), reason="UNKNOWN_INSTRUMENT") from e
        except (RedisError, OSError, TimeoutError) as e:
            raise UnavailableError(
                f"Redis, which has the instruments, does not answer ({describe(e)}); try again"
            ) from e

    async def _require_room(self, session: AsyncSession, user_id: str) -> None:
        if await alert_store.lock_user(session, user_id) >= self._alerts_per_user:
            raise PreconditionError(
                f"{user_id} has {self._alerts_per_user} active price alerts, which is the limit; delete some first",
                reason="TOO_MANY_ALERTS",
            )


def _found(row: Row | None, alert_id: str) -> Row:
    if row is None:
        raise NotFoundError(f"you have no price alert {alert_id!r}")
    return row


def _begin(definition: Definition, known: _LastKnown) -> Watch:
    """What a new generation starts from."""
    mark = _mark(definition.reference, definition.given, known, "price_alert.reference")
    return first_watch(definition.shape, _value(definition.measure.name, known), mark)


def _value(measure: str, known: _LastKnown) -> int:
    return known.quote.get(_COLUMN[Measure[measure]], 0)


def _mark(reference: Reference, given: int, known: _LastKnown, field: str) -> int:
    if reference is Reference.LAST_PRICE:
        last = known.quote.get("last_price_e4", 0)
        if not last:
            raise InvalidArgumentError.field(
                field,
                f"no price of {known.instrument.key} is known yet; use GIVEN with a reference_price, or try again",
            )
        return last
    if reference is Reference.PREVIOUS_CLOSE:
        return known.quote.get("close_price_e4", 0)  # 0: the next tick brings it
    return given if reference is Reference.GIVEN else 0


def _without_leftovers(before: Wish, after: Wish) -> Wish:
    """Another kind of alert does not inherit what only the old kind had; a default that was derived is derived again."""
    if after.condition is not before.condition:
        names = ("threshold", "lower", "upper", "percent", "distance", "reference_price", "hysteresis")
        leftovers: dict[str, Any] = {n: "" for n in names if getattr(after, n) == getattr(before, n)}
        after = replace(after, **leftovers)
        after = after if after.reference is not before.reference else replace(after, reference=Reference.NONE)
    elif after.reference is not Reference.GIVEN and after.reference_price == before.reference_price:
        after = replace(after, reference_price="")
    if after.frequency is not before.frequency:
        after = after if after.cooldown_seconds != before.cooldown_seconds else replace(after, cooldown_seconds=0)
        after = after if after.bar_interval != before.bar_interval else replace(after, bar_interval="")
    return after


async def _record(session: AsyncSession, verb: str, actor: str, before: Row | None, after: Row | None) -> None:
    subject = (before or after or {})["alert_id"]
    await audit.record(
        session,
        actor=actor,
        action=f"price_alert.{verb}",
        subject=("price_alert", subject),
        before=dict(before) if before is not None else None,
        after=dict(after) if after is not None else None,
        source="notifier",
    )

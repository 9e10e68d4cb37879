"""What the feed wants from the broker: the wishes of all subscribers, counted, cut to what one socket carries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Final

from tradewinds.instruments import Instrument, InstrumentKey

# SmartAPI WebSocket 2.0: 1000 (token, mode) pairs per connection; we use one mode.
SOCKET_LIMIT: Final = 1000


@dataclass(frozen=True)
class Wish:
    """One row of `market_subscriptions`: a subscriber wants an instrument; the higher priority wins where not all fit."""

    subscriber: str
    instrument: InstrumentKey
    priority: int = 0


@dataclass(frozen=True)
class SubscriptionPlan:
    """What to be subscribed to, what is wanted beyond the limit, and what no scrip master knows."""

    subscribed: Mapping[InstrumentKey, Instrument]
    refused: tuple[InstrumentKey, ...] = ()
    unknown: tuple[InstrumentKey, ...] = ()


@dataclass(frozen=True)
class SubscriptionChange:
    """The difference that the broker must be told."""

    subscribe: tuple[Instrument, ...]
    unsubscribe: tuple[Instrument, ...]


def plan(
    wishes: Iterable[Wish],
    instruments: Mapping[InstrumentKey, Instrument],
    current: Set[InstrumentKey],
    limit: int = SOCKET_LIMIT,
) -> SubscriptionPlan:
    """One subscription per instrument that anybody wants. Beyond `limit`: priority decides, then who is there already."""
    priorities: dict[InstrumentKey, int] = {}
    for wish in wishes:
        priorities[wish.instrument] = max(wish.priority, priorities.get(wish.instrument, wish.priority))
    unknown = tuple(sorted(key for key in priorities if key not in instruments))
    known = sorted(
        (key for key in priorities if key in instruments), key=lambda key: (-priorities[key], key not in current, key)
    )
    return SubscriptionPlan({key: instruments[key] for key in known[:limit]}, tuple(known[limit:]), unknown)


def change(
    current: Mapping[InstrumentKey, Instrument], wanted: Mapping[InstrumentKey, Instrument]
) -> SubscriptionChange:
    """What to unsubscribe (first: the broker counts) and what to subscribe. A new token is another subscription."""
    return SubscriptionChange(
        subscribe=tuple(i for key, i in wanted.items() if not _same(current.get(key), i)),
        unsubscribe=tuple(i for key, i in current.items() if not _same(wanted.get(key), i)),
    )


def _same(one: Instrument | None, other: Instrument) -> bool:
    return one is not None and (one.exchange, one.token) == (other.exchange, other.token)

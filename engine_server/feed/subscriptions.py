"""What the feed wants from the broker: the wishes of all subscribers, counted, in the order in which streaming is given out.

Priorities as written to `market_subscriptions`: 0 strategies and open positions, below that alerts, below that people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import groupby

from tradewinds.instruments import Instrument, InstrumentKey


@dataclass(frozen=True)
class Wish:
    """One row of `market_subscriptions`: a subscriber wants an instrument; the higher priority wins where not all fit."""

    subscriber: str
    instrument: InstrumentKey
    priority: int = 0


@dataclass(frozen=True)
class SubscriptionPlan:
    """Every instrument that anybody wants, the first to be streamed first; what no scrip master knows; who wants what."""

    wanted: Mapping[InstrumentKey, Instrument]
    unknown: tuple[InstrumentKey, ...] = ()
    by_subscriber: Mapping[str, tuple[InstrumentKey, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class SubscriptionChange:
    """The difference that the broker must be told."""

    subscribe: tuple[Instrument, ...]
    unsubscribe: tuple[Instrument, ...]


def plan(
    wishes: Iterable[Wish], instruments: Mapping[InstrumentKey, Instrument], streamed: Set[InstrumentKey]
) -> SubscriptionPlan:
    """One subscription an instrument. By priority; inside one, every subscriber in turn, what is `streamed` already first."""
    ordered = sorted(wishes, key=lambda w: (-w.priority, w.subscriber, w.instrument not in streamed, w.instrument))
    by_subscriber: dict[str, list[InstrumentKey]] = defaultdict(list)
    for wish in ordered:
        by_subscriber[wish.subscriber].append(wish.instrument)
    wanted: dict[InstrumentKey, Instrument] = {}
    for _, equals in groupby((w for w in ordered if w.instrument in instruments), key=lambda w: w.priority):
        for key in _in_turn(equals, wanted):
            wanted[key] = instruments[key]
    return SubscriptionPlan(
        wanted,
        tuple(sorted({w.instrument for w in ordered if w.instrument not in instruments})),
        {subscriber: tuple(keys) for subscriber, keys in by_subscriber.items()},
    )


def _in_turn(wishes: Iterable[Wish], taken: Mapping[InstrumentKey, Instrument]) -> Iterator[InstrumentKey]:
    """One instrument of each subscriber after the other; what is taken already costs nobody a turn."""
    queues = [iter([w.instrument for w in own]) for _, own in groupby(wishes, key=lambda w: w.subscriber)]
    while queues:
        going_on = []
        for queue in queues:
            if (key := next((key for key in queue if key not in taken), None)) is not None:
                yield key
                going_on.append(queue)
        queues = going_on


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

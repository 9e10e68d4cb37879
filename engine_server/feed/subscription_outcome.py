"""What became of everybody's wishes: streamed, quoted in rotation, or unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine_server.feed.feed_state import SubscriberFacts
from engine_server.feed.placement import Placement
from engine_server.feed.subscriptions import SubscriptionPlan
from tradewinds.instruments import InstrumentKey


@dataclass(frozen=True)
class SubscriptionOutcome:
    """Sorted lists, and the counts of each subscriber."""

    streamed: int = 0
    rotated: tuple[InstrumentKey, ...] = ()
    unknown: tuple[InstrumentKey, ...] = ()
    subscribers: Mapping[str, SubscriberFacts] = field(default_factory=dict)


def outcome(plan: SubscriptionPlan, placement: Placement) -> SubscriptionOutcome:
    """Counted by instrument; an instrument that two want is counted for both, and streamed once."""
    streamed = placement.streamed
    subscribers = {}
    for subscriber, keys in plan.by_subscriber.items():
        got = sum(key in streamed for key in keys)
        rotated = sum(key in placement.rotated for key in keys)
        subscribers[subscriber] = SubscriberFacts(got, rotated, len(keys) - got - rotated)
    return SubscriptionOutcome(len(streamed), tuple(sorted(placement.rotated)), plan.unknown, subscribers)

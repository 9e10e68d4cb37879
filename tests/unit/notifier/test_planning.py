"""Planning: decisions, deliveries and escalations of a batch; and the counters, also while Redis is away."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from notifier.channels import Action, Channel
from notifier.planning import DELIVERY_TTL, NOTHING, Planner
from notifier.preference_store import UNKNOWN, Profile
from notifier.preferences import DEFAULTS, Preferences, QuietHours, RateLimit, Step
from notifier.quiet_hours import Window
from notifier.resolver import Reason, Usage
from notifier.usage import CODES_OF_A_USER, CODES_TO_AN_ADDRESS, Ask, UsageCounters
from tests.unit.notifier.builders import a_notification

NOW = datetime(2026, 11, 27, 17, 30, tzinfo=UTC)  # 23:00 in India
ENDPOINTS = (("nep-1", Channel.EMAIL), ("nep-2", Channel.EMAIL), ("nep-3", Channel.SMS))
NIGHT = QuietHours("Asia/Kolkata", (Window(22 * 60, 7 * 60),))


@dataclass
class World:
    """Users, counters and the clock."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    usage: Mapping[Channel, Usage] = field(default_factory=dict)
    asked: list[Ask] = field(default_factory=list)

    async def profiles_of(self, user_ids: Collection[str]) -> dict[str, Profile]:
        return {user_id: self.profiles.get(user_id, UNKNOWN) for user_id in user_ids}

    async def take(self, asks: Sequence[Ask], now: datetime) -> list[Mapping[Channel, Usage]]:
        self.asked += asks
        return [self.usage for _ in asks]

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0


def planner(world: World) -> Planner:
    numbers = count(1)
    return Planner(world, world, world, lambda prefix: f"{prefix}-{next(numbers)}")


def alices(preferences: Preferences = DEFAULTS) -> World:
    return World({"alice": Profile(preferences, ENDPOINTS)})


async def test_who_has_set_up_nothing_costs_nothing() -> None:
    world = World()
    assert await planner(world).plan([a_notification()]) == [NOTHING]
    assert world.asked == []


async def test_there_is_a_delivery_for_each_endpoint_that_something_is_sent_to() -> None:
    (plan,) = await planner(alices()).plan([a_notification()])
    assert [(d.endpoint_id, d.channel, d.gather_key) for d in plan.deliveries] == [
        ("nep-1", Channel.EMAIL, ""),
        ("nep-2", Channel.EMAIL, ""),
        ("nep-3", Channel.SMS, ""),
    ]
    assert {d.expires_at for d in plan.deliveries} == {NOW + DELIVERY_TTL}
    assert plan.decisions[0].channel is Channel.LIVE


async def test_what_is_held_back_waits_with_its_kind_and_is_not_counted() -> None:
    world = alices(Preferences(quiet_hours=NIGHT))
    (plan,) = await planner(world).plan([a_notification()])
    morning = datetime(2026, 11, 28, 1, 30, tzinfo=UTC)
    assert {d.gather_key for d in plan.deliveries} == {"QUIET_HOURS"}
    assert all(morning <= d.due_at < morning + timedelta(seconds=30) for d in plan.deliveries)
    assert world.asked == []


async def test_what_is_worth_nothing_later_is_not_sent_later() -> None:
    expires = NOW + timedelta(minutes=5)
    (plan,) = await planner(alices()).plan([a_notification(expires_us=int(expires.timestamp()) * 1_000_000)])
    assert {d.expires_at for d in plan.deliveries} == {expires}


async def test_must_acknowledge_opens_its_ladder_and_begins_an_escalation() -> None:
    ladder = (Step(0, channels=frozenset({Channel.SMS})), Step(60, "bob"))
    (plan,) = await planner(alices(Preferences(escalation=ladder))).plan([a_notification(type="ORDER_UNKNOWN")])
    assert [d.channel for d in plan.deliveries] == [Channel.SMS]
    assert {d.channel: d.reason for d in plan.decisions}[Channel.EMAIL] is Reason.ESCALATION
    assert plan.escalation is not None
    assert (plan.escalation.next_step, plan.escalation.due_at) == (1, NOW + timedelta(seconds=60))


async def test_must_acknowledge_escalates_although_nobody_has_set_up_anything() -> None:
    (plan,) = await planner(World()).plan([a_notification(type="ORDER_UNKNOWN")])
    assert plan.escalation is not None
    assert plan.deliveries == ()


async def test_counters_are_asked_once_for_a_batch() -> None:
    world = alices()
    world.usage = {Channel.EMAIL: Usage(grouped_until=NOW + timedelta(seconds=40))}
    plans = await planner(world).plan([a_notification(), a_notification(user_id="bob"), a_notification()])
    assert [ask.user_id for ask in world.asked] == ["alice", "alice"]
    assert plans[1] is NOTHING
    email = next(d for d in plans[2].decisions if d.channel is Channel.EMAIL)
    assert (email.action, email.reason) == (Action.DIGEST, Reason.GROUPED)


class RedisAway:
    """Whatever is asked."""

    async def eval(self, *_: Any) -> None:
        raise RedisConnectionError


@pytest.mark.parametrize(
    ("preferences", "reasons"),
    [
        (Preferences(grouping_seconds=60), [None, "grouped", "grouped"]),
        (Preferences(grouping_seconds=0, rate_limits=(RateLimit(None, 2, 60),)), [None, None, "limited"]),
        (Preferences(grouping_seconds=0, rate_limits=(RateLimit(Channel.SMS, 1, 60),)), [None, None, None]),
        (Preferences(grouping_seconds=0), [None, None, None]),
    ],
)
async def test_while_redis_is_away_each_replica_counts_for_itself(
    preferences: Preferences, reasons: list[str | None]
) -> None:
    counters = UsageCounters(cast("Any", RedisAway()))
    ask = Ask("alice", "ORDER_REJECTED", preferences, [Channel.EMAIL])
    first = await counters.take([ask], NOW)
    second = await counters.take([ask, ask], NOW)
    usages = [usage[Channel.EMAIL] for usage in (*first, *second)]
    assert [_said(usage) for usage in usages] == reasons


async def test_codes_are_counted_for_a_user_and_for_an_address_also_while_redis_is_away() -> None:
    counters = UsageCounters(cast("Any", RedisAway()))
    for number in range(CODES_TO_AN_ADDRESS):
        assert await counters.code(f"user-{number}", "EMAIL:a@example.com") == 0
    assert 3_500 < await counters.code("another", "EMAIL:a@example.com") <= 3_600
    for number in range(CODES_OF_A_USER):
        assert await counters.code("alice", f"EMAIL:{number}@example.com") == 0
    assert await counters.code("alice", "EMAIL:new@example.com") > 0


def _said(usage: Usage) -> str | None:
    if usage.limited_until is not None:
        return "limited"
    return "grouped" if usage.grouped_until is not None else None

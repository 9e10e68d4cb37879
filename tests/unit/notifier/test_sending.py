"""Sending: dedupe, keep, tell; and what becomes of it when one of them fails."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest

from notifier.arrival import one_by_one
from notifier.drafts import Outcome
from notifier.notification import NewNotification, Notification
from notifier.ports import Stored
from notifier.preferences import DEFAULTS, Preferences
from notifier.realtime.composing import Bulk
from notifier.rpc import messages
from notifier.sending import Sender
from tests.unit.notifier.builders import id_of, told_in
from tradewinds.clock import SystemClock
from tradewinds.errors import InvalidArgumentError, UnavailableError

LIVE, KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"


@dataclass
class World:
    """PostgreSQL, Redis and the followers, in memory; each can be away."""

    rows: dict[str, Notification] = field(default_factory=dict)
    first_id: dict[tuple[str, str], str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    remembered: dict[str, str] = field(default_factory=dict)
    claimed: set[str] = field(default_factory=set)
    preferences: dict[str, Preferences] = field(default_factory=dict)
    redis_away: bool = False
    database_away: bool = False
    order: list[str] = field(default_factory=list)

    async def insert(self, notifications: Sequence[Notification], dedupe_keys: Sequence[str]) -> list[Stored]:
        self.order.append("keep")
        if self.database_away:
            raise UnavailableError("PostgreSQL does not answer")
        return [self._insert(n, key) for n, key in zip(notifications, dedupe_keys, strict=True)]

    def _insert(self, notification: Notification, key: str) -> Stored:
        first = self.first_id.setdefault((notification.user_id, key), notification.notification_id) if key else ""
        if first and first != notification.notification_id:
            return Stored(first, self.rows[first].created_us, duplicate=True)
        self.rows[notification.notification_id] = notification
        return Stored(notification.notification_id, notification.created_us, duplicate=False)

    async def publish(self, told: Bulk, remember: Mapping[str, str], newest_us: int) -> None:
        self.order.append("tell")
        if self.redis_away:
            raise UnavailableError("Redis did not take it")
        self.told += [id_of(one) for one in told_in(told)]
        self.remembered.update(remember)
        self.claimed -= remember.keys()

    async def take(self, claims: Mapping[str, str]) -> dict[str, str]:
        if self.redis_away and claims:
            raise UnavailableError("Redis does not answer")
        self.claimed |= claims.keys() - self.remembered.keys()
        return {key: self.remembered[key] for key in claims if key in self.remembered}

    async def release(self, keys: Sequence[str]) -> None:
        self.claimed -= set(keys)

    async def of_users(self, user_ids: Collection[str]) -> dict[str, Preferences]:
        return {user_id: self.preferences.get(user_id, DEFAULTS) for user_id in user_ids}

    def in_memory(self, user_ids: Collection[str]) -> dict[str, Preferences] | None:
        if not self.preferences.keys() >= set(user_ids):
            return None
        return {user_id: self.preferences[user_id] for user_id in user_ids}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def sender(world: World) -> Sender:
    numbers = count(1)

    def new_ids(prefix: str, how_many: int) -> list[str]:
        return [f"{prefix}-{next(numbers)}" for _ in range(how_many)]

    return Sender(world, world, world, world, SystemClock(), new_ids, messages)


def new(type_: str = KEPT, key: str = "", user_id: str = "alice") -> NewNotification:
    return NewNotification(user_id, type_, "a title", dedupe_key=key)


async def send(sender: Sender, *news: NewNotification) -> list[Outcome]:
    return await sender.send(news, lambda index: f"requests[{index}].")


async def test_what_is_kept_is_a_row_before_anybody_is_told(sender: Sender, world: World) -> None:
    assert await send(sender, new()) == [Outcome("ntf-1", duplicate=False, persisted=True)]
    assert world.order == ["keep", "tell"]


async def test_a_realtime_type_is_told_and_not_kept(sender: Sender, world: World) -> None:
    assert await send(sender, new(LIVE)) == [Outcome("ntf-1", duplicate=False, persisted=False)]
    assert (world.told, world.rows) == (["ntf-1"], {})


async def test_a_batch_is_told_in_its_own_order(sender: Sender, world: World) -> None:
    await send(sender, new(KEPT), new(LIVE), new(KEPT))
    assert world.told == ["ntf-1", "ntf-2", "ntf-3"]


@pytest.mark.parametrize("type_", [LIVE, KEPT])
async def test_the_same_key_makes_no_second_one(sender: Sender, world: World, type_: str) -> None:
    await send(sender, new(type_, "k"))
    (again,) = await send(sender, new(type_, "k"))
    assert again == Outcome("ntf-1", duplicate=True, persisted=type_ == KEPT)
    assert world.told == ["ntf-1"]


async def test_the_same_key_twice_in_one_batch_is_one(sender: Sender, world: World) -> None:
    first, second, other = await send(sender, new(key="k"), new(key="k"), new(key="k", user_id="bob"))
    assert (first.duplicate, second.duplicate, other.duplicate) == (False, True, False)
    assert second.notification_id == first.notification_id
    assert world.told == [first.notification_id, other.notification_id]


async def test_one_that_was_kept_but_never_told_is_told_by_the_retry_under_its_first_id(
    sender: Sender, world: World
) -> None:
    world.redis_away = True
    await send(sender, new(key="k"))
    world.redis_away = False
    (again,) = await send(sender, new(key="k"))
    assert again == Outcome("ntf-1", duplicate=True, persisted=True)
    assert world.told == ["ntf-1"]


async def test_what_is_kept_succeeds_while_redis_is_away(sender: Sender, world: World) -> None:
    world.redis_away = True
    (outcome,) = await send(sender, new(key="k"))
    assert outcome.notification_id in world.rows


async def test_what_is_only_told_is_refused_while_redis_is_away(sender: Sender, world: World) -> None:
    world.redis_away = True
    with pytest.raises(UnavailableError):
        await send(sender, new(LIVE))


async def test_a_failed_send_gives_its_claim_back(sender: Sender, world: World) -> None:
    world.database_away = True
    with pytest.raises(UnavailableError):
        await send(sender, new(key="k"))
    assert world.claimed == set()
    assert world.told == []


async def test_muted_ones_are_kept_all_the_same(sender: Sender, world: World) -> None:
    world.preferences["alice"] = Preferences(frozenset({KEPT}))
    await send(sender, new(), new(user_id="bob"))
    assert set(world.rows) == {"ntf-1", "ntf-2"}
    assert world.told == ["ntf-2"]


async def test_one_bad_one_refuses_the_whole_batch_and_nothing_is_sent(sender: Sender, world: World) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        await send(sender, new(), new("NONSENSE"))
    assert refused.value.violations[0].field == "requests[1].type"
    assert (world.rows, world.told) == ({}, [])


async def test_a_batch_has_one_to_a_thousand(sender: Sender) -> None:
    for news in ([], [new()] * 1001):
        with pytest.raises(InvalidArgumentError, match="1 to 1000"):
            await send(sender, *news)


async def test_what_is_only_told_is_on_its_way_before_anything_is_waited_for(sender: Sender, world: World) -> None:
    world.preferences["alice"] = DEFAULTS
    begun = sender.begin(one_by_one([new(LIVE), new(LIVE)]), lambda index: f"requests[{index}].")
    assert begun is not None
    assert list(await begun.outcomes()) == [Outcome(id_, False, False) for id_ in ("ntf-1", "ntf-2")]
    assert world.told == ["ntf-1", "ntf-2"]


@pytest.mark.parametrize("news", [new(LIVE, "k"), new(KEPT), new("CUSTOM_X"), new(LIVE, user_id="a stranger")])
def test_what_is_claimed_or_kept_or_whose_user_is_unknown_does_not_begin_at_once(
    sender: Sender, world: World, news: NewNotification
) -> None:
    world.preferences["alice"] = DEFAULTS
    assert sender.begin(one_by_one([new(LIVE), news]), lambda index: f"requests[{index}].") is None
    assert world.order == []


async def test_what_is_muted_or_bad_or_refused_by_redis_is_so_where_it_begins_at_once_too(
    sender: Sender, world: World
) -> None:
    world.preferences["alice"] = Preferences(muted_types=frozenset({LIVE}))
    assert await send(sender, new(LIVE)) == [Outcome("ntf-1", duplicate=False, persisted=False)]
    assert world.told == []
    with pytest.raises(InvalidArgumentError, match=r"requests\[0\].title"):
        await send(sender, NewNotification("alice", LIVE, " "))
    world.preferences["alice"], world.redis_away = DEFAULTS, True
    with pytest.raises(UnavailableError):
        await send(sender, new(LIVE))


async def test_what_is_known_to_be_new_claims_nothing_and_leaves_a_repeat_to_whoever_kept_it(
    sender: Sender, world: World
) -> None:
    async def known_new(key: str) -> None:
        accepted = await sender.accept(one_by_one([new(key=key)]), lambda index: f"[{index}].", is_known_new=True)
        assert world.claimed == set()
        await sender.tell_together([accepted])

    await known_new("k")
    assert (world.told, world.first_id) == (["ntf-1"], {("alice", "k"): "ntf-1"})
    await known_new("k")
    assert world.told == ["ntf-1"]

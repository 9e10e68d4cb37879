"""Strategies hear that their account's books are right, once each time, and not before the events that made them so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from strategy_runner import protocol
from strategy_runner.assignment import Assignment
from strategy_runner.reconciled_watch import ReconciledWatch


@dataclass
class Hosted:
    """What the watch sees of a strategy."""

    assignment: Assignment
    watermark: int = 0
    told: list[object] = field(default_factory=list)

    def tell(self, news: object) -> None:
        self.told.append(news)


@dataclass
class Rig:
    """Strategy `a` of account A1."""

    hosted_one: Hosted = field(
        default_factory=lambda: Hosted(Assignment(config_id="a", epoch=1, revision=1, run=True, account_id="A1"))
    )

    def __post_init__(self) -> None:
        self.watch = ReconciledWatch(cast(Any, None), cast(Any, self))

    def hosted(self) -> list[Hosted]:
        return [self.hosted_one]

    def look(self, account_id: str, at_ms: int, sequence: int = 0) -> int:
        """One look at what the engine has said last; how often the strategy was told so far."""
        self.watch.take({account_id: b'{"at_ms": %d, "sequences": {"a": %d}}' % (at_ms, sequence)})
        self.watch.tell()
        return len(self.hosted_one.told)


def test_what_was_said_before_the_first_look_is_no_news() -> None:
    rig = Rig()
    assert [rig.look("A1", 1), rig.look("A1", 1), rig.look("A1", 2), rig.look("A1", 2)] == [0, 0, 1, 1]
    assert rig.hosted_one.told == [protocol.Reconciled()]


def test_another_accounts_books_are_not_its_business() -> None:
    rig = Rig()
    rig.look("A2", 1)
    assert rig.look("A2", 2) == 0


def test_it_waits_for_the_events_of_before() -> None:
    rig = Rig()
    rig.look("A1", 1)
    assert rig.look("A1", 2, sequence=5) == 0
    rig.hosted_one.watermark = 5
    assert [rig.look("A1", 2, sequence=5), rig.look("A1", 2, sequence=5)] == [1, 1]


def test_an_emptied_redis_is_no_news_and_what_comes_after_it_is() -> None:
    rig = Rig()
    rig.look("A1", 1)
    rig.watch.take({})
    assert [rig.look("A1", 1), rig.look("A1", 7)] == [0, 1]

"""Order events reach a process in sequence, without gap or repetition."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from strategy_runner import event_forwarding
from strategy_runner.event_forwarding import EventForwarding, EventGapError
from strategy_runner.protocol import CaughtUp, OrderEvents, RunnerMessage
from tests.support.waiting import eventually
from tests.unit.runner.reports import event


class Pipe:
    def __init__(self) -> None:
        self.sent: list[RunnerMessage] = []
        self.noted: list[str] = []
        self.forwarding = EventForwarding("c", self.noted.append)

    def offer(self, sequences: Iterable[int]) -> None:
        self.forwarding.take([event(s, f"r{s}") for s in sequences])

    def sequences(self) -> list[int]:
        return [e.sequence for m in self.sent if isinstance(m, OrderEvents) for e in m.events]

    def said_caught_up(self) -> int:
        return len([m for m in self.sent if isinstance(m, CaughtUp)])


async def test_repetitions_and_gaps_are_dropped_until_the_replay_closes_them() -> None:
    pipe = Pipe()
    pipe.forwarding.begin(pipe.sent.append, 3)
    pipe.offer([2, 3, 4])
    pipe.offer([6, 7])
    pipe.offer([4, 5, 6, 7])
    assert pipe.sequences() == [4, 5, 6, 7]
    assert pipe.forwarding.watermark == 7
    assert pipe.noted == ["r4", "r5", "r6", "r7"]
    pipe.forwarding.end()


async def test_a_gap_that_no_replay_will_close_is_not_passed_over() -> None:
    pipe = Pipe()
    pipe.forwarding.begin(pipe.sent.append, 3)
    pipe.offer([])
    with pytest.raises(EventGapError, match="event 6 came, the last one before it was 4"):
        pipe.offer([4, 6])
    assert pipe.sequences() == [4]
    pipe.forwarding.expect_replay()  # the session is opened again
    pipe.offer([5, 6])
    assert pipe.sequences() == [4, 5, 6]
    pipe.forwarding.end()


async def test_no_events_say_once_per_process_that_it_is_caught_up() -> None:
    pipe = Pipe()
    pipe.forwarding.begin(pipe.sent.append, 0)
    assert not pipe.forwarding.is_caught_up
    pipe.offer([])
    pipe.forwarding.expect_replay()
    assert not pipe.forwarding.is_caught_up
    pipe.offer([])
    assert pipe.forwarding.is_caught_up
    assert pipe.said_caught_up() == 1
    pipe.forwarding.end()


async def test_between_two_processes_nothing_is_taken() -> None:
    pipe = Pipe()
    pipe.offer([1])
    pipe.forwarding.begin(pipe.sent.append, 0)
    pipe.forwarding.end()
    pipe.offer([1])
    assert pipe.sent == []


async def test_an_engine_that_never_says_so_holds_a_strategy_up_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_forwarding, "CATCH_UP_SECONDS", 0.02)
    pipe = Pipe()
    pipe.forwarding.begin(pipe.sent.append, 0)
    await eventually(lambda: pipe.said_caught_up() == 1)
    pipe.forwarding.end()

"""The order gate is open only while the lease is surely ours."""

from __future__ import annotations

import pytest

from strategy_runner.gate import OrderGate


class ManualTime:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def time() -> ManualTime:
    return ManualTime()


@pytest.fixture
def gate(time: ManualTime) -> OrderGate:
    gate = OrderGate(time)
    gate.configure(4.5)
    return gate


def test_it_is_closed_before_the_first_welcome(gate: OrderGate) -> None:
    assert not gate.is_open
    assert gate.silent_seconds() == 0


def test_it_counts_from_the_send_not_from_the_acknowledgement(gate: OrderGate, time: ManualTime) -> None:
    gate.note_registered(100.0)
    time.seconds = 101.0
    gate.note_sent(1)
    time.seconds = 104.0  # the answer was three seconds on its way
    gate.note_acknowledged(1)
    time.seconds = 105.4
    assert gate.is_open
    time.seconds = 105.5
    assert not gate.is_open


def test_it_opens_again_with_the_next_acknowledgement(gate: OrderGate, time: ManualTime) -> None:
    gate.note_registered(100.0)
    time.seconds = 110.0
    gate.note_sent(7)
    assert not gate.is_open
    gate.note_acknowledged(7)
    assert gate.is_open


def test_an_acknowledgement_that_comes_late_or_for_nothing_proves_nothing(gate: OrderGate, time: ManualTime) -> None:
    gate.note_registered(100.0)
    gate.note_sent(1)
    time.seconds = 103.0
    gate.note_sent(2)
    gate.note_acknowledged(2)
    gate.note_acknowledged(1)
    gate.note_acknowledged(99)
    assert gate.silent_seconds() == 0
    time.seconds = 107.5
    assert not gate.is_open

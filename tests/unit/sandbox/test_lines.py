"""What faults make of the frames on one line."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from sandbox.faults.reading import read_fault
from sandbox.faults.register import Faults
from sandbox.sockets.line import Line
from sandbox.sockets.outbox import TEXT, Outbox, frame, payload_of


@dataclass
class Wire:
    """A transport that keeps what is written."""

    written: bytes = b""
    closing: bool = False

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closing = True


@dataclass
class Rig:
    """One line with a clock of its own."""

    faults: Faults = field(default_factory=lambda: Faults(1))
    wire: Wire = field(default_factory=Wire)
    now: float = 100.0

    def __post_init__(self) -> None:
        outbox = Outbox(cast("asyncio.Transport", self.wire), 100, on_full=lambda: True)
        rng = random.Random(1)
        self.line = Line(1, "orders", cast("Any", None), outbox, "", self.faults, rng, lambda: self.now)

    def let(self, name: str, **fields: Any) -> None:
        self.faults.add(read_fault({"fault": name, "route": "orders", **fields}))

    def say(self, *texts: str) -> None:
        for text in texts:
            self.line.push(frame(TEXT, text.encode()))
        self.line.flush()

    def heard(self) -> list[str]:
        frames, rest = [], self.wire.written
        while rest:
            size = rest[1] + 2
            frames.append(payload_of(rest[:size])[1].decode(errors="replace"))
            rest = rest[size:]
        return frames


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_without_a_fault_frames_go_out_as_they_are(rig: Rig) -> None:
    rig.say("a", "b")
    assert rig.heard() == ["a", "b"]


def test_a_frame_is_lost_or_comes_twice(rig: Rig) -> None:
    rig.let("ws_drop")
    rig.say("a", "b")
    rig.let("ws_duplicate")
    rig.say("c", "d")
    assert rig.heard() == ["b", "c", "c", "d"]


def test_a_frame_is_overtaken_by_the_next_or_comes_alone_a_little_later(rig: Rig) -> None:
    rig.let("ws_reorder")
    rig.say("a", "b", "c")
    assert rig.heard() == ["b", "a", "c"]
    rig.let("ws_reorder")
    rig.say("d")
    assert rig.heard()[3:] == []
    rig.now += 0.5
    rig.line.flush()
    assert rig.heard()[3:] == ["d"]


def test_a_frame_is_late_and_the_others_do_not_wait_for_it(rig: Rig) -> None:
    rig.let("ws_delay", delay_seconds=2)
    rig.say("a", "b")
    assert rig.heard() == ["b"]
    rig.now += 2
    rig.line.flush()
    assert rig.heard() == ["b", "a"]


def test_a_frame_is_too_short_or_follows_rubbish(rig: Rig) -> None:
    rig.let("ws_wrong_length")
    rig.say("abcdefghij")
    rig.let("ws_garbage")
    rig.say("k")
    short, rubbish, whole = rig.heard()
    assert (short, whole) == ("abc", "k")
    assert len(rubbish) > 10


def test_a_half_open_line_says_nothing_any_more_not_even_pong(rig: Rig) -> None:
    rig.let("ws_half_open", delay_seconds=30)
    rig.say("a", "b")
    rig.line.answer(TEXT, b"pong")
    rig.line.flush()
    assert rig.heard() == []
    assert not rig.wire.closing
    assert rig.line.ghost_seconds == 30


def test_a_line_is_closed_with_a_goodbye(rig: Rig) -> None:
    rig.let("ws_close")
    rig.say("a", "b")
    assert rig.wire.written == bytes.fromhex("880203e9")
    assert rig.wire.closing


def test_the_other_socket_is_left_alone(rig: Rig) -> None:
    rig.faults.add(read_fault({"fault": "ws_drop", "route": "market", "count": 10}))
    rig.say("a")
    assert rig.heard() == ["a"]


def test_long_payloads_come_back_from_their_frames() -> None:
    for size in (0, 125, 126, 65_535, 65_536):
        assert payload_of(frame(TEXT, b"x" * size)) == (TEXT, b"x" * size)

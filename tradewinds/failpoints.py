"""Named failpoints at every durable step: where a test kills, stops, delays or breaks a process at just that instant.

They are always compiled in and never armed but by a test: a process that finds FAILPOINTS in its environment refuses to start
unless FAILPOINTS_ALLOWED says that this is a test, and whatever that says, where its broker is not on this machine.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from tradewinds.config import Settings
from tradewinds.telemetry import get_logger

log = get_logger("failpoints")

Act = Literal["kill", "stop", "sleep", "error"]
_ACTS: Final = ("kill", "stop", "sleep", "error")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


class FailpointError(ConnectionResetError):
    """A failpoint broke this step on purpose, as a connection breaks: what came before it may have happened."""


@dataclass(frozen=True)
class Failpoint:
    """At `name`, do `act`: at the `nth` time, or each time with a `probability`. `milliseconds` are a sleep's."""

    name: str
    act: Act
    milliseconds: int = 0
    nth: int = 0
    probability: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Failpoint:
        """`NAME=ACT`, `NAME=sleep:MS`, `NAME=ACT@N` (the Nth time), `NAME=ACT%P` (P of 100 times). Raises `ValueError`."""
        name, _, what = text.strip().partition("=")
        what, _, nth = what.partition("@")
        what, _, percent = what.partition("%")
        act, _, milliseconds = what.partition(":")
        if not name or act not in _ACTS or (act == "sleep") != bool(milliseconds):
            raise ValueError(
                f"{text!r} is no failpoint; write NAME=kill, stop, error or sleep:MS, with @N or %P behind it"
            )
        return cls(name, act, int(milliseconds or 0), int(nth or 0), float(percent or 100) / 100)  # type: ignore[arg-type]


class FailpointSettings(Settings):
    """Both are for tests alone."""

    failpoints: str = Field(default="", validation_alias="FAILPOINTS", description="NAME=ACT,… (tests alone); unset it")
    allowed: bool = Field(default=False, validation_alias="FAILPOINTS_ALLOWED", description="says that this is a test")
    broker_url: str = Field(
        default="",
        validation_alias="BROKER_REST_URL",
        description="where the broker is: failpoints are refused beside a real one",
    )

    @model_validator(mode="after")
    def _refuse_outside_tests(self) -> FailpointSettings:
        if self.failpoints and not self.allowed:
            raise ValueError(
                "FAILPOINTS is set: this process would break itself on purpose; unset it (tests set FAILPOINTS_ALLOWED)"
            )
        if self.failpoints and self.broker_url and urlsplit(self.broker_url).hostname not in _LOOPBACK:
            raise ValueError(f"FAILPOINTS is set, and the broker is {self.broker_url}: never with real money; unset it")
        self.parsed()
        return self

    def parsed(self) -> Sequence[Failpoint]:
        """What is to be armed; raises `ValueError`."""
        return [Failpoint.parse(part) for part in self.failpoints.split(",") if part.strip()]


class _Armed:
    """What is armed in this process, and how often each name was reached."""

    def __init__(self, failpoints: Sequence[Failpoint], rng: random.Random) -> None:
        self._failpoints = failpoints
        self._rng = rng
        self.reached: Counter[str] = Counter()

    def due(self, name: str) -> Failpoint | None:
        """The first that strikes now."""
        self.reached[name] += 1
        return next((one for one in self._failpoints if one.name == name and self._strikes(one)), None)

    def _strikes(self, one: Failpoint) -> bool:
        if one.nth:
            return self.reached[one.name] == one.nth
        return self._rng.random() < one.probability


_armed: _Armed | None = None


def arm(failpoints: Sequence[Failpoint], seed: int = 1) -> None:
    """From now on, these and no others; none disarms."""
    global _armed  # noqa: PLW0603 - a process has one set
    _armed = _Armed(failpoints, random.Random(seed)) if failpoints else None  # noqa: S311 - a dice, not a secret
    if failpoints:
        log.warning("armed", failpoints=[f"{one.name}={one.act}" for one in failpoints])


async def reach(edge: str, kinds: Iterable[str]) -> None:
    """A durable step is at one of its edges: the failpoints `EDGE.KIND`. Raises `FailpointError` where that is what is armed."""
    if _armed is None:
        return
    for kind in kinds:
        if (failpoint := _armed.due(f"{edge}.{kind}")) is not None:
            await _strike(failpoint)


async def _strike(failpoint: Failpoint) -> None:
    log.warning("struck", failpoint=failpoint.name, act=failpoint.act)
    if failpoint.act == "sleep":
        await asyncio.sleep(failpoint.milliseconds / 1000)
    elif failpoint.act == "error":
        raise FailpointError(f"failpoint {failpoint.name}")
    else:
        os.kill(os.getpid(), signal.SIGKILL if failpoint.act == "kill" else signal.SIGSTOP)

"""Failpoints strike where and when they are told, and never in a process that is not a test's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tradewinds import failpoints
from tradewinds.config import load
from tradewinds.errors import ConfigurationError
from tradewinds.failpoints import Failpoint, FailpointError, FailpointSettings


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoints.arm([])


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("a.b=kill", Failpoint("a.b", "kill")),
        ("a=stop@3", Failpoint("a", "stop", nth=3)),
        ("a=sleep:50", Failpoint("a", "sleep", milliseconds=50)),
        ("a=error%25", Failpoint("a", "error", probability=0.25)),
    ],
)
def test_a_failpoint_is_written_as_name_act_and_when(text: str, parsed: Failpoint) -> None:
    assert Failpoint.parse(text) == parsed


@pytest.mark.parametrize("text", ["", "a", "a=burn", "a=sleep", "a=kill:5", "=kill", "a=kill@x"])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"failpoint|invalid literal"):
        Failpoint.parse(text)


async def test_unarmed_nothing_happens() -> None:
    await failpoints.reach("a", ("b",))


async def test_it_strikes_at_its_name_and_time_alone() -> None:
    failpoints.arm([Failpoint("a.b", "error", nth=2)])
    await failpoints.reach("a", ("b", "c"))
    with pytest.raises(FailpointError, match=r"a\.b"):
        await failpoints.reach("a", ("c", "b"))
    await failpoints.reach("a", ("b",))


async def test_the_same_seed_strikes_at_the_same_times() -> None:
    async def strikes() -> list[bool]:
        failpoints.arm([Failpoint("a.b", "error", probability=0.5)], seed=7)
        struck = []
        for _ in range(20):
            try:
                await failpoints.reach("a", ("b",))
            except FailpointError:
                struck.append(True)
            else:
                struck.append(False)
        return struck

    assert await strikes() == await strikes()
    assert len(set(await strikes())) == 2


def test_a_process_of_a_real_installation_refuses_to_start_with_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILPOINTS", "oms.send.before.place=kill")
    with pytest.raises(ConfigurationError, match=r"FAILPOINTS.*break itself on purpose; unset it"):
        load(FailpointSettings)
    monkeypatch.setenv("FAILPOINTS_ALLOWED", "true")
    assert [one.act for one in load(FailpointSettings).parsed()] == ["kill"]
    monkeypatch.setenv("BROKER_REST_URL", "https://apiconnect.angelone.in")
    with pytest.raises(ConfigurationError, match="never with real money"):
        load(FailpointSettings)

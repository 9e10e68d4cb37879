"""The end of a run: all that was under way has ended, and every promise about orders holds."""

from __future__ import annotations

from collections.abc import Mapping

from tests.integration.oms.engine import ACCOUNT, Engine
from tests.robustness import checker
from tests.robustness.evidence import Evidence, Gatherer
from tests.robustness.order_people import deciding_person
from tests.robustness.verdict import Verdict, judge
from tests.support.waiting import eventually

_WHOLE_LOG = 1_000_000


async def settled(
    engine: Engine, gatherer: Gatherer, promised: Mapping[str, frozenset[str]], *, timeout: float, interval: float
) -> tuple[Verdict, Evidence]:
    """Once all that is under way has ended: the verdict, and what it was judged by."""

    async def clean() -> tuple[Verdict, Evidence]:
        evidence = await gatherer.gather(promised)
        wrong = [f"{check.__name__}: {words}" for check in checker.PROMISES for words in check(evidence, frozenset())]
        verdict = judge(evidence, await engine.event_log.read_account_after(ACCOUNT, 0, _WHOLE_LOG))
        assert not wrong, "\n".join(wrong[:20])
        assert verdict.is_clean, verdict
        return verdict, evidence

    async with deciding_person(engine):
        return await eventually(clean, timeout=timeout, interval=interval, what="a clean verdict")

"""What the stack does while it is being broken, and the verdict on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg

from tests.robustness.checker import UNSETTLED_STATES, violations
from tests.robustness.evidence import Evidence, Gatherer
from tests.robustness.faults import Faults
from tests.robustness.workload import SYMBOLS, ManualOrders
from tests.support.stack import UpProcess
from tests.support.waiting import eventually

CONFIG_ID = "churn"
# 30 s and five clean reads of the book (oms/domain/resolution.py), the last of which a busy machine takes its time for.
FATE_KNOWN_SECONDS = 45.0
AGREE_SECONDS = 60.0
# Where an order became UNKNOWN, entries on its instrument wait until its fate is known, and the fault may have hit all instruments.
RECOVERY_SECONDS = FATE_KNOWN_SECONDS + 45.0
BURST = 8

_LIMIT = "INSERT INTO risk_limits (scope, subject_id, name, value) VALUES ('GLOBAL', '', $1, $2)"
_CHURN = {
    "config_id": CONFIG_ID,
    "module_path": "strategies.momentum",
    "class_name": "MomentumStrategy",
    "config": {
        "symbols": ["RELIANCE", "TCS", "SBIN", "INFY"],
        "capital_allocated": 200_000,
        "execution_interval": 1,
        "lookback": 1,
        "threshold_percent": 0,
        "max_hold": 2,
    },
}


class Trading:
    """The momentum sample, turning over every second, and the manual orders."""

    def __init__(self, stack: UpProcess, faults: Faults, manual: ManualOrders) -> None:
        self._stack = stack
        self._faults = faults
        self._gatherer = Gatherer(stack.facts["sandbox"], stack.facts["database_url"])
        self.manual = manual
        self._reported: set[str] = set()  # each violation fails one test, so that those after it still tell something

    async def begin(self) -> None:
        """Create and start the strategy, wait until it trades, and let the manual orders flow."""
        await self._widen_limits()
        await eventually(self._create, timeout=30, interval=0.2, what="the strategy is registered")
        await self._verb("start")
        await eventually(self._prices_known, timeout=30, interval=0.2, what="every symbol has a price")
        await self.goes_on()
        self.manual.flow()

    async def _widen_limits(self) -> None:
        """Manual orders cross by more than a careful person's, and come faster."""
        connection = await asyncpg.connect(self._stack.facts["database_url"], timeout=5)
        try:
            await connection.executemany(_LIMIT, [("collar_percent", 10), ("duplicate_window_seconds", 0)])
        finally:
            await connection.close(timeout=5)

    async def goes_on(self) -> None:
        """The strategy runs and trades again, and a manual order goes through."""
        await eventually(self.manual.one_filled, timeout=RECOVERY_SECONDS, what="a manual order fills")
        await self._faults.running(CONFIG_ID)
        before = len((await self._gather()).trades_of(CONFIG_ID))

        async def more() -> bool:
            return len((await self._gather()).trades_of(CONFIG_ID)) > before

        await eventually(more, timeout=RECOVERY_SECONDS, interval=0.2, what=f"{CONFIG_ID} trades")

    async def orders_wait_for_the_broker(self) -> None:
        """Send a burst, and wait until some of it is on its way: committed, sent, and not answered."""
        self.manual.burst(BURST)
        await eventually(self._gatherer.unanswered, timeout=10, what="an order that the broker has not answered")

    async def agrees(self) -> None:
        """All promises are kept as soon as what is under way has settled, and nothing has died that was not killed."""

        async def nothing_wrong() -> bool:
            evidence = await self._gather()
            assert not (wrong := self._new(violations(evidence, _too_young(evidence)))), "\n".join(wrong[:20])
            return True

        try:
            await eventually(nothing_wrong, timeout=AGREE_SECONDS, interval=0.3, what="no violations")
        except AssertionError:
            evidence = await self._gather()
            self._reported.update(self._new(violations(evidence, _too_young(evidence))))
            raise
        died = self._faults.bystanders_died()
        assert not died, f"{died} died of it; see the end of the log:\n{self._stack.logs(3)}"

    async def end(self) -> Evidence:
        """Stop the strategy and the manual orders, and wait until the fate of everything is known."""
        await self.manual.finish()
        await self._verb("stop")

        async def quiet() -> Evidence:
            evidence = await self._gather()
            assert not (wrong := self._new(violations(evidence))), "\n".join(wrong[:20])
            return evidence

        return await eventually(quiet, timeout=FATE_KNOWN_SECONDS, interval=0.5, what="no violations")

    def _new(self, found: Sequence[str]) -> list[str]:
        """What no test before has failed for."""
        return [words for words in (*self.manual.refused, *found) if words not in self._reported]

    async def _gather(self) -> Evidence:
        return await self._gatherer.gather(self.manual.promised)

    async def _create(self) -> bool:
        response = await self._stack.rest.post("/v1/strategy-configs", json=_CHURN)
        return response.status_code == 200 or "ALREADY_EXISTS" in response.text

    async def _verb(self, verb: str) -> None:
        response = await self._stack.rest.post(f"/v1/strategy-configs/{CONFIG_ID}:{verb}", json={})
        assert response.status_code == 200, response.text

    async def _prices_known(self) -> bool:
        for symbol in SYMBOLS:
            page = await self._stack.get("/v1/quotes", instruments=symbol)
            if not page["quotes"] or not page["quotes"][0]["last_price"]:
                return False
            self.manual.prices[symbol] = Decimal(page["quotes"][0]["last_price"])
        return True


def _too_young(evidence: Evidence) -> frozenset[str]:
    """Orders on their way whose bound has not passed."""
    since = datetime.now(UTC) - timedelta(seconds=FATE_KNOWN_SECONDS)
    young = (row for row in evidence.orders if row["state"] in UNSETTLED_STATES and row["updated_at"] > since)
    return frozenset(row["order_id"] for row in young)

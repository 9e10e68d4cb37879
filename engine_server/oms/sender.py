"""Sends what was committed: exactly one call of the broker per SUBMITTING order, and hands the answer back to the writer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from engine_server.broker.port import (
    Accepted,
    Broker,
    NotSent,
    OrderChange,
    OrderTicket,
    Outcome,
    Refused,
    SessionExpiredError,
    Unknown,
)
from engine_server.oms import metrics
from engine_server.oms.account_lease import AccountLease
from engine_server.oms.records import OrderRecord
from tradewinds import failpoints
from tradewinds.clock import Clock
from tradewinds.telemetry import get_logger

log = get_logger("oms.sender")

# Above the adapter's own deadline: only a defect of it gets here.
_ANSWER_SECONDS = 20.0


class OutcomeSink(Protocol):
    """Where answers go: the writer."""

    async def placed(self, order_id: str, outcome: Outcome) -> None:
        """The answer to a placement."""
        ...

    async def cancelled(self, order_id: str, outcome: Outcome) -> None:
        """The answer to a cancel."""
        ...

    async def modified(self, order_id: str, outcome: Outcome) -> None:
        """The answer to a change."""
        ...


class Sender:
    """One task per message in flight (their number is bounded by the pacer and the deadline). Never repeats one."""

    def __init__(
        self,
        broker: Broker,
        lease: AccountLease,
        clock: Clock,
        session_expired: Callable[[], None],
        look: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """`look` has the broker's books read: they tell whether the session or the way is to blame for what was not sent."""
        self._broker = broker
        self._lease = lease
        self._clock = clock
        self._session_expired = session_expired
        self._look = look
        self._failed = failed
        self._tasks: set[asyncio.Task[None]] = set()
        self.sink: OutcomeSink | None = None

    def prepare(self, ticket: OrderTicket) -> None:
        """Its commit is on the way."""
        self._broker.prepare(ticket)

    def place(self, order: OrderRecord, ticket: OrderTicket) -> None:
        """Send a committed order."""
        self._spawn(f"place {order.order_id}", self._place(order, ticket))

    def cancel(self, order: OrderRecord) -> None:
        """Ask for a cancel of an order that has a broker id."""
        self._spawn(f"cancel {order.order_id}", self._cancel(order))

    def modify(self, order: OrderRecord, change: OrderChange) -> None:
        """Ask for a change of an order that has a broker id."""
        self._spawn(f"modify {order.order_id}", self._modify(order, change))

    async def drain(self, timeout: float) -> None:
        """Wait for the answers of what is on its way; what has none by then is found at the next start."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout)
        for task in self._tasks:
            task.cancel()

    async def _place(self, order: OrderRecord, ticket: OrderTicket) -> None:
        started, waited = self._clock.monotonic(), self._clock.now() - order.created_at
        outcome = await self._answer("place", self._broker.place(ticket))
        metrics.SEND_START.observe(waited.total_seconds())  # now that nothing waits for it
        metrics.SEND.observe(self._clock.monotonic() - started)
        self._say("placed", order, outcome, started)
        await self._sink().placed(order.order_id, outcome)

    async def _cancel(self, order: OrderRecord) -> None:
        variety = "SL" if order.order_type == "SL" else "LIMIT"
        started = self._clock.monotonic()
        outcome = await self._answer("cancel", self._broker.cancel(order.broker_order_id or "", variety))
        self._say("cancel.sent", order, outcome, started)
        await self._sink().cancelled(order.order_id, outcome)

    async def _modify(self, order: OrderRecord, change: OrderChange) -> None:
        started = self._clock.monotonic()
        outcome = await self._answer("modify", self._broker.modify(change))
        self._say("change.sent", order, outcome, started)
        await self._sink().modified(order.order_id, outcome)

    async def _answer(self, verb: str, call: Coroutine[Any, Any, Outcome]) -> Outcome:
        """The outcome of one call. Whatever is raised is unclear: something may have left."""
        if not self._lease.is_held:
            call.close()
            return NotSent("the engine's lease on the account had lapsed; nothing was sent")
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await failpoints.reach("oms.send.before", (verb,))
                outcome = await call
                await failpoints.reach("oms.send.after", (verb,))
        except SessionExpiredError as e:
            self._session_expired()
            outcome = Unknown(f"the broker no longer knew the session: {e}")
        except Exception as e:
            log.error("broker.raised", verb=verb, exc_info=True)
            outcome = Unknown(f"{type(e).__name__}: {e}")
        finally:
            call.close()
        if not isinstance(outcome, Accepted | Refused):
            self._look()
        metrics.outcomes_of(verb, type(outcome).__name__).inc()
        return outcome

    def _say(self, action: str, order: OrderRecord, outcome: Outcome, started: float) -> None:
        """The one line about a message: which order it was of, and what came of it."""
        facts = {
            "order_id": order.order_id,
            "tag": order.tag,
            "instrument": order.instrument,
            "account_id": order.account_id,
            "epoch": self._lease.epoch,
            "outcome": type(outcome).__name__,
            "milliseconds": f"{(self._clock.monotonic() - started) * 1000:.2f}",
        }
        if isinstance(outcome, Accepted):
            log.info(action, **facts, broker_order_id=outcome.broker_order_id)
        else:
            log.warning(action, **facts, message=outcome.message)

    def _sink(self) -> OutcomeSink:
        if self.sink is None:
            raise AssertionError("nothing is sent before the writer is there")
        return self.sink

    def _spawn(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

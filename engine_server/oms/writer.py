"""The single writer of one account: one task, one bounded queue, all working state in memory, group commit.

It takes all that waits, decides it, commits it in one statement, and only then answers the callers and lets messages go.
While a commit is on its way the next batch gathers.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engine_server.oms import metrics
from engine_server.oms.account_state import AccountState
from engine_server.oms.dispatch import Dispatcher
from engine_server.oms.draft import Draft
from engine_server.oms.event_log import OrderEventLog
from engine_server.oms.journal import Fence, Journal, Verdict
from engine_server.oms.records import OrderRecord
from tradewinds.clock import Clock, MarketClock
from tradewinds.errors import LeaseSupersededError, TradewindsError, UnavailableError
from tradewinds.telemetry import get_logger

log = get_logger("oms.writer")

T = TypeVar("T")

QUEUE_LIMIT = 4_096
# Callers get half of the queue and are refused beyond; the broker's answers and reports wait for room in the rest.
REQUEST_LIMIT = QUEUE_LIMIT // 2
BATCH_LIMIT = 256

Decision = Callable[[Draft], T]


@dataclass(frozen=True)
class Guards:
    """What the commit must check of a caller's request: the epoch that a strategy claims, and that a request key is new.

    `on_taken` makes the answer of a repeat, or raises.
    """

    fence: Fence | None = None
    request_key: str = ""
    on_taken: Callable[[OrderRecord], Any] | None = None


@dataclass(frozen=True, eq=False)
class _Request(Generic[T]):
    decide: Decision[T]
    guards: Guards
    is_placement: bool
    answer: asyncio.Future[T]


_NO_GUARDS = Guards()


class Writer:
    """Run `run` as a watched task; `ask` for callers, `tell` for what the broker says."""

    def __init__(
        self,
        state: AccountState,
        journal: Journal,
        dispatcher: Dispatcher,
        event_log: OrderEventLog,
        clock: Clock,
        market_clock: MarketClock,
        wake_outbox: Callable[[], None],
    ) -> None:
        self._state = state
        self._journal = journal
        self._dispatcher = dispatcher
        self._event_log = event_log
        self._clock = clock
        self._market_clock = market_clock
        self._wake_outbox = wake_outbox
        self._queue: asyncio.Queue[_Request[Any]] = asyncio.Queue(QUEUE_LIMIT)
        self._serving: list[_Request[Any]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def ask(self, decide: Decision[T], guards: Guards = _NO_GUARDS, *, is_placement: bool = False) -> T:
        """Decide and commit; returns when it is durable. Raises what `decide` raises, `LeaseSupersededError`, and
        `UnavailableError` when too much waits already or the account is given up meanwhile."""
        if self._closed or self._queue.qsize() >= REQUEST_LIMIT:
            raise UnavailableError(f"account {self._state.account_id} has too much to do; try again with the same id")
        started = self._clock.monotonic()
        request = self._request(decide, guards, is_placement=is_placement)
        self._queue.put_nowait(request)
        try:
            return await request.answer
        finally:
            if is_placement:
                metrics.ADMISSION.observe(self._clock.monotonic() - started)

    async def tell(self, decide: Decision[T]) -> T:
        """A fact from the broker: waits for room, and until it is committed."""
        if self._closed:
            raise UnavailableError(f"account {self._state.account_id} is given up")
        request = self._request(decide, _NO_GUARDS, is_placement=False)
        await self._queue.put(request)
        return await request.answer

    async def run(self) -> None:
        """Serve for ever; raises `LeaseLostError` when the account is somebody else's, and defects."""
        try:
            while True:
                self._serving = await self._take()
                await self._serve(self._serving)
                self._serving = []
                self._schedule_wake()
        finally:
            self._give_up()

    def _request(self, decide: Decision[T], guards: Guards, *, is_placement: bool) -> _Request[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        return _Request(decide, guards, is_placement, future)

    async def _take(self) -> list[_Request[Any]]:
        batch = [await self._queue.get()]
        while len(batch) < BATCH_LIMIT and not self._queue.empty():
            batch.append(self._queue.get_nowait())
        # Facts and cancels before placements: these see the newest books, and get the room that is left.
        return sorted(batch, key=lambda request: request.is_placement)

    async def _serve(self, requests: Sequence[_Request[Any]]) -> None:
        while True:
            draft, answers = self._decide(requests)
            if draft.is_empty:
                break
            # When the statement has left, and before its answer can be there.
            asyncio.get_running_loop().call_soon(draft.run_preparations)
            verdict = await self._journal.commit(draft, _fences(answers))
            if verdict.committed:
                break
            requests = _without_refused(list(answers), verdict)
        draft.apply()
        # It is durable: messages first, every microsecond of theirs is exposed to the market; then callers and followers.
        draft.run_effects()
        try:
            await asyncio.sleep(0)  # the messages' own tasks go before the answers
        finally:
            for request, answer in answers.items():
                if not request.answer.done():
                    request.answer.set_result(answer)
            self._publish(draft)

    def _decide(self, requests: Sequence[_Request[Any]]) -> tuple[Draft, dict[_Request[Any], Any]]:
        draft = Draft(
            self._state,
            now=self._clock.now(),
            market_now=self._market_clock.now(),
            monotonic=self._clock.monotonic(),
            permits=self._dispatcher.permits(),
        )
        answers: dict[_Request[Any], Any] = {}
        released = False
        for request in requests:
            if request.is_placement and not released:
                self._dispatcher.release(draft)
                released = True
            try:
                answers[request] = request.decide(draft)
            except TradewindsError as e:
                _refuse(request, e)
        if not released:
            self._dispatcher.release(draft)
        return draft, answers

    def _publish(self, draft: Draft) -> None:
        if draft.is_empty:
            return
        metrics.commits_of(self._state.account_id).inc()
        for event in draft.events:
            metrics.events_of(event.kind, event.order.state if event.order else "").inc()
        self._event_log.publish(draft.events)
        if draft.outbox:
            self._wake_outbox()

    def _schedule_wake(self) -> None:
        """Come back when the pacer has room, or a cancel is due again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock.monotonic()
        due_at = self._dispatcher.next_due_at(now)
        if due_at is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due_at - now), self._wake)

    def _wake(self) -> None:
        nothing = self._request(lambda draft: None, _NO_GUARDS, is_placement=False)
        nothing.answer.set_result(None)  # nobody waits for it
        with contextlib.suppress(asyncio.QueueFull):  # then it is awake anyway
            self._queue.put_nowait(nothing)

    def _give_up(self) -> None:
        """Nobody waits for ever: what was not answered may or may not have been committed."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        waiting = self._serving
        while not self._queue.empty():
            waiting.append(self._queue.get_nowait())
        error = UnavailableError(
            f"account {self._state.account_id} is given up by this engine; ask again with the same request_id"
        )
        for request in waiting:
            _refuse(request, error)


def _fences(answers: dict[_Request[Any], Any]) -> set[Fence]:
    return {request.guards.fence for request in answers if request.guards.fence is not None}


def _without_refused(requests: Sequence[_Request[Any]], verdict: Verdict) -> list[_Request[Any]]:
    """Answer those that a guard refused; the others are decided again."""
    rest = []
    for request in requests:
        guards = request.guards
        if guards.fence is not None and guards.fence in verdict.stale:
            config_id, epoch = guards.fence
            _refuse(
                request, LeaseSupersededError(f"epoch {epoch} of {config_id!r} is over: another process holds it now")
            )
        elif guards.on_taken is not None and guards.request_key in verdict.taken:
            _answer_repeat(request, verdict.taken[guards.request_key])
        else:
            rest.append(request)
    return rest


def _answer_repeat(request: _Request[Any], first: OrderRecord) -> None:
    if request.answer.done() or request.guards.on_taken is None:
        return
    try:
        request.answer.set_result(request.guards.on_taken(first))
    except TradewindsError as e:
        request.answer.set_exception(e)


def _refuse(request: _Request[Any], error: TradewindsError) -> None:
    if not request.answer.done():
        request.answer.set_exception(error)

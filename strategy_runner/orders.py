"""A strategy's orders on their way to the engine: one lane each, in order, never two of one request."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from strategy_runner.gate import OrderGate
from strategy_runner.order_calls import OrderCalls, RefusedError, UnansweredError
from strategy_runner.protocol import CancelFailed, GuardAnswered, ModifyFailed, OrderPlaced, PlaceFailed
from tradewinds.clock import Clock
from tradewinds.sdk.commands import CancelOrder, ModifyOrder, PlaceOrder, ProtectPosition
from tradewinds.sdk.guards import REFUSED, Guard
from tradewinds.sdk.vocabulary import OrderState
from tradewinds.telemetry import get_logger

log = get_logger("orders")

_MAX_WAITING: Final = 1_000
_MAX_REMEMBERED: Final = 10_000
_RETRY_SECONDS: Final = 10.0
_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 1.0
_SWEEP_SECONDS: Final = 1.0
# An order that nobody answered for is called NOT_PLACED when the event log, followed live, has not told of it for so long.
UNRESOLVED_SECONDS: Final = 30.0

_GATE_CLOSED: Final = "the runner has lost touch with the engine: no orders until its heartbeats are acknowledged"

OrderCommand = PlaceOrder | CancelOrder | ModifyOrder | ProtectPosition
Answer = Callable[[OrderPlaced | PlaceFailed | CancelFailed | ModifyFailed | GuardAnswered], None]


class OrderLane:
    """Places, changes, cancels and guards one after the other. More than 1,000 waiting: the next is denied at once."""

    def __init__(
        self,
        *,
        config_id: str,
        epoch: int,
        calls: OrderCalls,
        gate: OrderGate,
        clock: Clock,
        answer: Answer,
        is_followed: Callable[[], bool],
    ) -> None:
        self._config_id = config_id
        self._epoch = epoch
        self._calls = calls
        self._gate = gate
        self._clock = clock
        self._answer = answer
        self._is_followed = is_followed
        self._queue: asyncio.Queue[OrderCommand] = asyncio.Queue(_MAX_WAITING)
        self._order_ids: OrderedDict[str, str] = OrderedDict()
        self._unresolved: dict[str, float] = {}
        self._no_entries_because = ""
        self._paused_because = ""

    def deny_entries(self, reason: str) -> None:
        """From now on only orders that reduce a position, and cancels; with an empty reason all of them again."""
        self._no_entries_because = reason

    def pause(self, reason: str) -> None:
        """As `deny_entries`, because a person said so: the strategy's health does not undo it."""
        self._paused_because = reason

    def submit(self, command: OrderCommand) -> None:
        """Queue a command; its outcome comes through `answer`."""
        if isinstance(command, PlaceOrder) and not command.reduces:
            if self._paused_because:
                self._refuse(command, "STRATEGY_PAUSED", f"no entries: {self._paused_because}")
                return
            if self._no_entries_because:
                self._refuse(command, "STRATEGY_UNWELL", f"no entries: {self._no_entries_because}")
                return
        try:
            self._queue.put_nowait(command)
        except asyncio.QueueFull:
            self._refuse(command, "RUNNER_QUEUE_FULL", f"{_MAX_WAITING} orders of this strategy wait already")

    async def run(self) -> None:
        """Serve the lane until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(_SWEEP_SECONDS if self._unresolved else None):
                    command = await self._queue.get()
            except TimeoutError:
                self._resolve_silent()
                continue
            try:
                await self._serve(command)
            finally:
                self._queue.task_done()

    async def drain(self, seconds: float) -> None:
        """Wait until everything queued has been answered, at most so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), seconds)

    def note_event(self, request_id: str) -> None:
        """The event log has told of an order: it exists."""
        self._unresolved.pop(request_id, None)

    def _resolve_silent(self) -> None:
        """Call what the event log, followed live, has not told of for long enough NOT_PLACED."""
        if not (self._gate.is_open and self._is_followed()):
            return
        now = self._clock.monotonic()
        for request_id in [r for r, since in self._unresolved.items() if now - since >= UNRESOLVED_SECONDS]:
            del self._unresolved[request_id]
            self._fail(request_id, OrderState.NOT_PLACED, "NEVER_STORED", "the engine has no such order")

    async def _place(self, order: PlaceOrder) -> None:
        """The same request until it is answered, while the gate is open and within ten seconds."""
        began, pause, is_ambiguous = self._clock.monotonic(), _FIRST_PAUSE_SECONDS, False
        while True:
            if not self._gate.is_open:
                self._end_place(order, "RUNNER_GATE_CLOSED", _GATE_CLOSED, is_ambiguous=is_ambiguous)
                return
            try:
                order_id = await self._calls.place(self._config_id, self._epoch, order)
            except RefusedError as e:
                self._end_place(order, e.reason, e.message, is_ambiguous=is_ambiguous)
                return
            except UnansweredError as e:
                is_ambiguous = True
                if self._clock.monotonic() - began >= _RETRY_SECONDS:
                    self._end_place(order, "ENGINE_SILENT", str(e), is_ambiguous=True)
                    return
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                self._remember(order.request_id, order_id)
                self._answer(OrderPlaced(request_id=order.request_id, order_id=order_id))
                return

    async def _serve(self, command: OrderCommand) -> None:
        match command:
            case PlaceOrder():
                await self._place(command)
            case CancelOrder():
                await self._cancel(command)
            case ModifyOrder():
                await self._modify(command)
            case ProtectPosition():
                await self._protect(command)

    async def _cancel(self, command: CancelOrder) -> None:
        """A cancel reduces risk: it is tried whatever the gate says; the engine checks the epoch."""
        if order_id := self._order_id(command):
            await self._persist(command, lambda: self._calls.cancel(self._config_id, self._epoch, order_id))

    async def _modify(self, command: ModifyOrder) -> None:
        """A change may add risk: it needs the gate. The same change asked twice is one."""
        if not self._gate.is_open:
            self._refuse(command, "RUNNER_GATE_CLOSED", _GATE_CLOSED)
        elif order_id := self._order_id(command):
            await self._persist(command, lambda: self._calls.modify(self._config_id, self._epoch, order_id, command))

    async def _protect(self, command: ProtectPosition) -> None:
        """A guard reduces risk, as a cancel; a second one of the same levels changes nothing."""

        async def ask() -> None:
            state = await self._calls.protect(self._config_id, self._epoch, command)
            guard = Guard(instrument=command.instrument, product=command.product, state=state)
            self._answer(GuardAnswered(guard))

        await self._persist(command, ask)

    def _order_id(self, command: CancelOrder | ModifyOrder) -> str:
        """The engine's id; without one the command is refused."""
        order_id = command.order_id or self._order_ids.get(command.request_id, "")
        if not order_id:
            self._refuse(command, "ORDER_NOT_PLACED", "the order has not reached the engine")
        return order_id

    async def _persist(
        self, command: CancelOrder | ModifyOrder | ProtectPosition, attempt: Callable[[], Awaitable[None]]
    ) -> None:
        """The same question until it is answered, within ten seconds."""
        began, pause = self._clock.monotonic(), _FIRST_PAUSE_SECONDS
        while True:
            try:
                await attempt()
            except RefusedError as e:
                if e.reason != "ORDER_ENDED":  # the order's own event tells how it ended
                    self._refuse(command, e.reason, e.message)
                return
            except UnansweredError as e:
                if self._clock.monotonic() - began >= _RETRY_SECONDS:
                    self._refuse(command, "ENGINE_SILENT", str(e))
                    return
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                return

    def _end_place(self, order: PlaceOrder, reason: str, message: str, *, is_ambiguous: bool) -> None:
        """Denied, if nothing can have been stored; unknown, if an earlier attempt may have been."""
        if is_ambiguous:
            self._unresolved[order.request_id] = self._clock.monotonic()
        self._fail(order.request_id, OrderState.UNKNOWN if is_ambiguous else OrderState.DENIED, reason, message)

    def _refuse(self, command: OrderCommand, reason: str, message: str) -> None:
        if isinstance(command, PlaceOrder):
            self._fail(command.request_id, OrderState.DENIED, reason, message)
            return
        log.warning("not_taken", config_id=self._config_id, command=type(command).__name__, reason=reason)
        match command:
            case CancelOrder():
                self._answer(CancelFailed(request_id=command.request_id, reason=reason, message=message))
            case ModifyOrder():
                self._answer(ModifyFailed(request_id=command.request_id, reason=reason, message=message))
            case ProtectPosition(instrument=instrument, product=product):
                refused = Guard(instrument=instrument, product=product, state=REFUSED, reason=reason, message=message)
                self._answer(GuardAnswered(refused))

    def _fail(self, request_id: str, state: OrderState, reason: str, message: str) -> None:
        log.warning("place.failed", config_id=self._config_id, request_id=request_id, state=state, reason=reason)
        self._answer(PlaceFailed(request_id=request_id, state=state, reason=reason, message=message))

    def _remember(self, request_id: str, order_id: str) -> None:
        self._order_ids[request_id] = order_id
        while len(self._order_ids) > _MAX_REMEMBERED:
            self._order_ids.popitem(last=False)

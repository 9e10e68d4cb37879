"""What the owner of an account does about kill switches: stop admitting, say so, cancel, close, and prove it at the broker."""

from __future__ import annotations

import asyncio
from functools import partial

from engine_server.broker.port import Broker, BrokerError, OrderReport, ReportStatus
from engine_server.oms.account_lease import AccountLease
from engine_server.oms.account_state import AccountState
from engine_server.oms.cancelling import request_cancel
from engine_server.oms.closing import Closer, Unwinder
from engine_server.oms.domain.commands import CancelOrder
from engine_server.oms.domain.kill_switch import KillAction, KillSwitch
from engine_server.oms.domain.states import OrderState
from engine_server.oms.domain.unwinding import EXTERNAL, Step, foreign_lines, next_step, selection_of
from engine_server.oms.draft import Draft
from engine_server.oms.kill_progress import KillProgressStore, Progress
from engine_server.oms.ports import Instruments
from engine_server.oms.risk_board import StoredRiskBoard
from engine_server.oms.writer import Writer
from tradewinds.clock import Clock
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.errors import UnavailableError
from tradewinds.telemetry import get_logger

log = get_logger("oms.kill")

_PASSING: tuple[type[Exception], ...] = (UnavailableError, *PASSING_FAULTS)
_LOOK_SECONDS = 0.25
_PROOF_SECONDS = 2.0  # the broker serves one read of its order book a second


class KillResponse:
    """Run `run` as a watched task of the account."""

    def __init__(
        self,
        board: StoredRiskBoard,
        state: AccountState,
        writer: Writer,
        broker: Broker,
        lease: AccountLease,
        store: KillProgressStore,
        closer: Closer,
        instruments: Instruments,
        clock: Clock,
    ) -> None:
        self._board = board
        self._state = state
        self._writer = writer
        self._broker = broker
        self._lease = lease
        self._store = store
        self._closer = closer
        self._instruments = instruments
        self._clock = clock
        self._acknowledged: set[str] = set()
        self._written: dict[str, Progress] = {}
        self._proof_at: dict[str, float] = {}
        self._unproven: dict[str, str] = {}

    async def run(self) -> None:
        """Answer every kill switch, for ever."""
        seen = -1
        while True:
            kills = self._board.kills_of(self._state.account_id)
            try:
                unfinished = [kill for kill in kills if not await self._answered(kill)]
            except _PASSING as e:
                log.warning_throttled("unanswered", account_id=self._state.account_id, error=repr(e))
                unfinished = kills
            self._forget(kills)
            seen = await self._next_look(seen, soon=bool(unfinished))

    async def _next_look(self, seen: int, *, soon: bool) -> int:
        try:
            async with asyncio.timeout(_LOOK_SECONDS if soon else None):
                return await self._board.next_change(seen)
        except TimeoutError:
            return seen

    async def _answered(self, kill: KillSwitch) -> bool:
        """Whether there is nothing left to do about it."""
        if kill.kill_id not in self._acknowledged:
            await self._acknowledge(kill)
        written = self._written.get(kill.kill_id)
        if written is not None and written.is_proven:
            return True
        progress = await self._unwound(kill)
        if progress != written:
            await self._store.write(kill.kill_id, self._lease, progress)
            self._written[kill.kill_id] = progress
        return progress.is_proven

    async def _acknowledge(self, kill: KillSwitch) -> None:
        """The board has it, so nothing is admitted any more; the writer's queue is the barrier behind what was admitted before."""
        await self._writer.tell(partial(withdraw_entries, kill))
        await self._store.acknowledge(kill.kill_id, self._lease)
        self._acknowledged.add(kill.kill_id)
        log.warning("acknowledged", account_id=self._state.account_id, kill_id=kill.kill_id, goes=kill.action)

    async def _unwound(self, kill: KillSwitch) -> Progress:
        if not kill.action.cancels:
            return Progress(is_proven=True)
        positions = [book.position for book in self._state.books.values()]
        foreign = foreign_lines(self._state.orders.values())
        what = selection_of(kill)
        step = next_step(what, self._state.working, positions, foreign, self._state.excess, self._clock.now())
        problem = await self._closer.take(step, Unwinder(_actor(kill), kill.reason, what.prefix))
        is_proven = False
        if not problem and (step.is_finished if kill.action is KillAction.SQUARE_OFF else not step.open_orders):
            is_proven, problem = await self._proven(kill, step)
        return Progress(step.open_orders, step.open_positions, problem, is_proven=is_proven)

    async def _proven(self, kill: KillSwitch, step: Step) -> tuple[bool, str]:
        """Whether the broker's own books say the same; at most every two seconds."""
        if self._clock.monotonic() < self._proof_at.get(kill.kill_id, 0.0):
            return False, self._unproven.get(kill.kill_id, "")
        self._proof_at[kill.kill_id] = self._clock.monotonic() + _PROOF_SECONDS
        problem = self._unproven[kill.kill_id] = await self._difference(kill, step)
        return not problem, problem

    async def _difference(self, kill: KillSwitch, step: Step) -> str:
        """What the broker's books show that ours do not; empty when they agree."""
        try:
            working = [r for r in await self._broker.order_book() if self._works_in_scope(kill, r)]
            different = await self._differing_lines(step) if kill.action is KillAction.SQUARE_OFF else []
        except BrokerError as e:
            return f"the broker's books cannot be read: {e}"
        if working:
            return f"{len(working)} orders still work at the broker"
        return "; ".join(different)

    def _works_in_scope(self, kill: KillSwitch, report: OrderReport) -> bool:
        order_id = self._state.find_id(broker_order_id=report.broker_order_id, tag=report.tag)
        order = self._state.orders.get(order_id) if order_id is not None else None
        return (
            order is not None
            and order.origin != EXTERNAL
            and report.status is ReportStatus.WORKING
            and kill.covers(order.account_id, order.config_id)
        )

    async def _differing_lines(self, step: Step) -> list[str]:
        theirs = {(r.exchange, r.token, r.product): r.net_quantity for r in await self._broker.positions()}
        totals = {(k.instrument, k.product): b.position for k, b in self._state.books.items() if not k.config_id}
        different = []
        for key, product in step.lines:
            instrument = self._instruments.resolve(key)
            broker = theirs.get((instrument.exchange, instrument.token, product), 0)
            ours = totals[key, product].net_quantity if (key, product) in totals else 0
            if broker != ours:
                different.append(f"the broker has {broker} of {key} {product}, our books {ours}")
        return different

    def _forget(self, kills: list[KillSwitch]) -> None:
        engaged = {kill.kill_id for kill in kills}
        self._acknowledged &= engaged
        self._written = {kill_id: progress for kill_id, progress in self._written.items() if kill_id in engaged}
        self._unproven = {kill_id: problem for kill_id, problem in self._unproven.items() if kill_id in engaged}


def withdraw_entries(kill: KillSwitch, draft: Draft) -> None:
    """What was admitted before and waits to be sent is taken back, unless it is an exit."""
    for order in list(draft.working()):
        if (
            order.state is OrderState.PENDING_SUBMIT
            and not order.is_exit
            and kill.covers(order.account_id, order.config_id)
        ):
            wish = CancelOrder(order_id=order.order_id, actor=_actor(kill), reason=kill.reason)
            request_cancel(wish, draft)


def _actor(kill: KillSwitch) -> str:
    return f"kill:{kill.kill_id}"

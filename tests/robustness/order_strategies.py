"""What the strategies of these runs do, each on a share: in by a crossing order or one that is moved there, out by one exit or by two
at once of which one is too many, at a price or at the market's; and orders that rest until they are cancelled. Whatever is refused is left
for the next time. A person decides what the books alone cannot.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from functools import partial

from engine_server.oms.changing import ChangeRequest
from engine_server.oms.records import OrderRecord
from tests.integration.oms.engine import RUNNER, Engine
from tests.robustness.engine_process import Say
from tests.robustness.order_people import deciding_person
from tests.robustness.shares import SHARES, Share
from tests.support.waiting import eventually
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.errors import TradewindsError

EPOCH = 1
# AssertionError: it has waited long enough for a fill.
_PASSING: tuple[type[Exception], ...] = (TradewindsError, AssertionError, *PASSING_FAULTS)
_FILL_SECONDS = 4.0
_PAUSE_SECONDS = 0.3


def shares_of(names: Sequence[str]) -> Mapping[str, Share]:
    """A share for each strategy; a few strategies have the same."""
    return {name: SHARES[number % len(SHARES)] for number, name in enumerate(names)}


async def trade_in_turns(names: Sequence[str], rounds: int, seed: int | str, engine: Engine, say: Say) -> None:
    """All strategies at once, each so many rounds."""
    traders = [Trader(engine, name, share, f"{seed}:{engine.owner}", say) for name, share in shares_of(names).items()]
    async with deciding_person(engine):
        await asyncio.gather(*(trader.trade(rounds) for trader in traders))


class Trader:
    """One strategy at one engine. Each answer that it gets is said: its request, which `run` makes its own, and the order's id."""

    def __init__(self, engine: Engine, name: str, share: Share, run: str, say: Say) -> None:
        self._engine = engine
        self._name = name
        self._share = share
        self._run = run
        self._rng = random.Random(f"{run}:{name}")
        self._say = say
        self._asked = 0

    async def trade(self, rounds: int) -> None:
        """So many rounds; one that fails is over."""
        for _ in range(rounds):
            try:
                await self._round()
            except _PASSING:
                await asyncio.sleep(_PAUSE_SECONDS)  # the gate is closed for a moment, a store is away

    async def _round(self) -> None:
        await asyncio.sleep(self._rng.random() / 2)
        if self._open() < 0:
            await self._buy_back()
        if self._open() == 0:
            await self._enter()
        if self._rng.random() < 0.2:
            await self._rest()
        quantity = self._open()
        if quantity > 0:
            exits = [self._exit(quantity) for _ in range(1 if self._rng.random() < 0.75 else 2)]
            for order in await asyncio.gather(*exits):
                await eventually(partial(self._has_ended, order), timeout=_FILL_SECONDS, interval=0.1)

    async def _enter(self) -> None:
        if self._rng.random() < 0.8:
            order = await self._place(quantity=self._rng.randint(1, 5), price=self._share.crossing_buy)
        else:
            order = await self._place(quantity=self._rng.randint(1, 5), price=self._share.resting_buy)
            change = ChangeRequest(
                order_id=order.order_id,
                actor=f"config:{self._name}",
                config_id=self._name,
                epoch=EPOCH,
                price=self._share.crossing_buy,
            )
            await eventually(lambda: self._moved(change), timeout=_FILL_SECONDS, interval=0.2)
        await eventually(partial(self._has_ended, order), timeout=_FILL_SECONDS, interval=0.1)

    async def _rest(self) -> None:
        order = await self._place(quantity=1, price=self._share.resting_buy)
        await asyncio.sleep(self._rng.random() / 2)
        await self._engine.cancel(order.order_id, RUNNER, config_id=self._name, epoch=EPOCH)

    async def _exit(self, quantity: int) -> OrderRecord:
        at_market = self._rng.random() < 0.2
        priced = {"order_type": "MARKET", "price": None} if at_market else {"price": self._share.crossing_sell}
        return await self._place(side="SELL", quantity=quantity, reduce_only=True, **priced)

    async def _buy_back(self) -> None:
        """Somebody sold in the broker's app what an exit was selling at that moment."""
        price = self._share.crossing_buy
        order = await self._place(side="BUY", quantity=-self._open(), price=price, reduce_only=True)
        await eventually(partial(self._has_ended, order), timeout=_FILL_SECONDS, interval=0.1)

    async def _place(self, **facts: object) -> OrderRecord:
        self._asked += 1
        request_id = f"{self._run}-{self._name}-{self._asked}"
        order = await self._engine.place_for(
            self._name, EPOCH, request_id=request_id, instrument=self._share.instrument.symbol, **facts
        )
        self._say(request_id, order.order_id)
        return order

    async def _moved(self, change: ChangeRequest) -> bool:
        """A change needs an order that works, which it may not yet."""
        try:
            await self._engine.registry.modify(change, RUNNER)
        except TradewindsError:
            return (await self._engine.order(change.order_id)).state.is_terminal
        return True

    async def _has_ended(self, order: OrderRecord) -> bool:
        return (await self._engine.order(order.order_id)).state.is_terminal

    def _open(self) -> int:
        management = self._engine.management
        return management.net_of(self._name, self._share.instrument.key, "MIS") if management is not None else 0

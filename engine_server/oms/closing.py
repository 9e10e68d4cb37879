"""Takes one step out of the market: cancels what works, then closes lines through the account's own admission, as anybody's exit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from engine_server.oms.account_state import AccountState
from engine_server.oms.cancelling import request_cancel
from engine_server.oms.domain.commands import CancelOrder, OrderRequest, PlaceOrder
from engine_server.oms.domain.protection import NoFreshQuoteError, protection_price
from engine_server.oms.domain.states import OrderState
from engine_server.oms.domain.unwinding import Closing, Step
from engine_server.oms.ports import Instruments, Quotes
from engine_server.oms.records import OrderRecord
from engine_server.oms.writer import Writer
from tradewinds.errors import NotFoundError, PreconditionError, TradewindsError
from tradewinds.ids import IdFactory
from tradewinds.instruments import UnknownInstrumentError


class Placing(Protocol):
    """Where exits go: the account's own admission."""

    async def __call__(self, command: PlaceOrder) -> OrderRecord:
        """The committed order."""
        ...


@dataclass(frozen=True)
class Unwinder:
    """Who takes it out of the market and why, for the audit; `prefix` begins the request ids of its exits."""

    actor: str
    reason: str
    prefix: str


class Closer:
    """Of one account."""

    def __init__(
        self,
        state: AccountState,
        writer: Writer,
        place: Placing,
        user_id: str,
        instruments: Instruments,
        quotes: Quotes,
        new_id: IdFactory,
    ) -> None:
        self._state = state
        self._writer = writer
        self._place = place
        self._user_id = user_id
        self._instruments = instruments
        self._quotes = quotes
        self._new_id = new_id

    async def take(self, step: Step, who: Unwinder) -> str:
        """Do the step; what was in the way, '' when nothing was."""
        problems = [await _tried(partial(self._cancel, who, order)) for order in step.cancel]
        problems += [await _tried(partial(self._close, who, closing)) for closing in step.close]
        return next(filter(None, problems), "")

    async def _cancel(self, who: Unwinder, order: OrderRecord) -> None:
        wish = CancelOrder(order_id=order.order_id, actor=who.actor, reason=who.reason)
        await self._writer.tell(partial(request_cancel, wish))

    async def _close(self, who: Unwinder, closing: Closing) -> None:
        instrument = self._instruments.resolve(closing.instrument)
        quote = await self._quotes.quote(instrument.key)
        request = OrderRequest(
            request_id=self._new_id(who.prefix.rstrip("-")),
            actor=who.actor,
            reason=who.reason,
            instrument=instrument.key,
            side=closing.side,
            quantity=closing.quantity,
            order_type="MARKET",
            product=closing.product,
            config_id=closing.config_id,
            reduce_only=True,
        )
        command = PlaceOrder(
            request=request,
            account_id=self._state.account_id,
            user_id=self._user_id,
            instrument=instrument,
            price=protection_price(instrument, closing.side, quote),
            quote=quote,
        )
        order = await self._place(command)
        if order.state is OrderState.DENIED:
            raise PreconditionError(
                f"the exit of {closing.instrument} was denied: {order.message}", reason=order.reason
            )


async def _tried(act: Callable[[], Awaitable[None]]) -> str:
    try:
        await act()
    except (NotFoundError, PreconditionError) as e:
        return "" if e.reason == "ORDER_ENDED" else e.message
    except TradewindsError as e:
        return e.message
    except (NoFreshQuoteError, UnknownInstrumentError) as e:
        return str(e)
    return ""

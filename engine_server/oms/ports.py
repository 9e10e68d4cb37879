"""What the OMS needs from its neighbours in the engine."""

from __future__ import annotations

from typing import Protocol

from engine_server.oms.domain.commands import Denial, OrderRequest
from engine_server.oms.domain.protection import Quote
from tradewinds.instruments import Instrument


class Instruments(Protocol):
    """Today's scrip master."""

    @property
    def ready(self) -> bool:
        """Whether there is one yet."""
        ...

    def resolve(self, text: str) -> Instrument:
        """What `text` means; raises `UnknownInstrumentError` with what is near."""
        ...


class Market(Protocol):
    """Whether entries may go to the market now."""

    def no_entry(self, request: OrderRequest, instrument: Instrument) -> Denial | None:
        """Why not; None when they may."""
        ...


class Intraday(Protocol):
    """The intraday day of an instrument."""

    def over_because(self, instrument: Instrument) -> str:
        """Why its MIS positions are to be closed now; '' while the day goes on."""
        ...


class Quotes(Protocol):
    """Last quotes."""

    async def quote(self, instrument: str) -> Quote | None:
        """The last quote of one instrument; None where there is none."""
        ...

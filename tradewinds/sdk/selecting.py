"""A strategy's selections: asked of its runner, answered later, kept as long as they must."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from tradewinds.instruments import Instrument, UnknownInstrumentError
from tradewinds.sdk.commands import Command, SelectInstrument
from tradewinds.sdk.selectors import Selection, Selector, pinned


class Selecting:
    """`is_open` says whether a position or a working order is in an instrument; `today` is the trading day."""

    def __init__(
        self,
        selections: Mapping[str, Selection],
        *,
        send: Callable[[Command], None],
        is_open: Callable[[str], bool],
        today: Callable[[], str],
    ) -> None:
        self.selections = dict(selections)
        self._send = send
        self._is_open = is_open
        self._today = today
        self._asked: dict[int, asyncio.Future[Instrument]] = {}
        self._count = 0

    async def select(self, selector: Selector) -> Instrument:
        """What the selector means; the runner follows it from then on. Raises `UnknownInstrumentError`."""
        known, today = self.selections.get(selector.text), self._today()
        stays = known is not None and pinned(known, today, is_open=self._is_open(known.key))
        self._count += 1
        number = self._count
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        self._send(SelectInstrument(number=number, selector=selector, key=known.key if known and stays else ""))
        try:
            instrument: Instrument = await answer
        finally:
            del self._asked[number]
        if known is None or not stays:
            self.selections[selector.text] = Selection(instrument.key, today)
        return instrument

    def answer(self, number: int, instrument: Instrument | None, error: str) -> None:
        """The runner's answer; one that nobody waits for any more is dropped."""
        waiting = self._asked.get(number)
        if waiting is None or waiting.done():
            return
        if instrument is None:
            waiting.set_exception(UnknownInstrumentError(error))
        else:
            waiting.set_result(instrument)

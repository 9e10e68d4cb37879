"""The engines that a runner may talk to: one at a time, the next one when that is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tradewinds.grpc_server import open_channel


class Engines:
    """Each has a channel for the session and one for orders: a flood of order events must not delay orders."""

    def __init__(self, addresses: Sequence[str], connect: Callable[[str], Any] = open_channel) -> None:
        self._addresses = addresses
        self._channels = [(connect(address), connect(address)) for address in addresses]
        self._current = 0

    @property
    def address(self) -> str:
        """The present one's."""
        return self._addresses[self._current]

    @property
    def session_channel(self) -> Any:
        """To the present one."""
        return self._channels[self._current][0]

    @property
    def order_channel(self) -> Any:
        """To the present one."""
        return self._channels[self._current][1]

    def move_on(self) -> None:
        """The present one is lost, or leaves: try the next."""
        self._current = (self._current + 1) % len(self._addresses)

    async def close(self) -> None:
        """Close every channel."""
        for session, order in self._channels:
            await session.close()
            await order.close()

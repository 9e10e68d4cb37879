"""Port: the calls that a strategy's orders make. The gRPC adapter is `engine_calls.py`."""

from __future__ import annotations

from typing import Protocol

from tradewinds.sdk.commands import ModifyOrder, PlaceOrder, ProtectPosition


class RefusedError(Exception):
    """The engine has answered no; nothing of this call was stored."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class UnansweredError(Exception):
    """No clear answer: the call may have taken effect. The same request_id may be tried again."""


class OrderCalls(Protocol):
    """All raise `RefusedError` or `UnansweredError`."""

    async def place(self, config_id: str, epoch: int, order: PlaceOrder) -> str:
        """The engine's order id, the first one for a repeated request_id."""
        ...

    async def modify(self, config_id: str, epoch: int, order_id: str, change: ModifyOrder) -> None:
        """Ask for a change."""
        ...

    async def protect(self, config_id: str, epoch: int, wish: ProtectPosition) -> str:
        """Ask for a guard; its state."""
        ...

    async def cancel(self, config_id: str, epoch: int, order_id: str) -> None:
        """Ask for a cancel."""
        ...

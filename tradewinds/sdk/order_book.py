"""The handles of a strategy's orders, by the request that placed them."""

from __future__ import annotations

from collections.abc import Iterable

from tradewinds.sdk.orders import OrderHandle, OrderReport, adopt


class OrderBook:
    """Working orders. One that has ended is forgotten after its last `on_order`; its handle stays with whoever holds it."""

    def __init__(self, reports: Iterable[OrderReport] = ()) -> None:
        self._by_request = {report.request_id: adopt(report) for report in reports}

    def add(self, handle: OrderHandle) -> None:
        """A new order of this process."""
        self._by_request[handle.request_id] = handle

    def find(self, request_id: str) -> OrderHandle | None:
        """The handle of a request, while the order works."""
        return self._by_request.get(request_id)

    def take(self, report: OrderReport) -> OrderHandle:
        """Apply a report; an order that is not known yet was placed by an earlier process and is adopted."""
        handle = self._by_request.get(report.request_id)
        if handle is None:
            handle = self._by_request[report.request_id] = adopt(report)
        else:
            handle.take(report)
        return handle

    def forget_ended(self, handle: OrderHandle) -> None:
        """Let go of an order that has ended."""
        if not handle.is_working:
            self._by_request.pop(handle.request_id, None)

    def working(self) -> list[OrderHandle]:
        """Every order that may still fill, oldest first."""
        return [handle for handle in self._by_request.values() if handle.is_working]

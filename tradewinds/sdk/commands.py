"""What a strategy asks of the world. Its runner carries these out; the test harness does it in scripted form."""

from __future__ import annotations

import msgspec

from tradewinds.sdk.selectors import Selector
from tradewinds.sdk.vocabulary import OrderType, Product, Side


class PlaceOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Place an order. The same `request_id` never makes a second one. Prices are decimal strings, empty for none."""

    request_id: str
    instrument: str
    side: Side
    quantity: int
    order_type: OrderType
    product: Product
    price: str
    trigger_price: str
    reason: str = ""  # why, for the audit
    reduces: bool = False  # by the strategy's own book: an exit is not held up by a rule meant for entries


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Cancel an order; `order_id` is empty while the engine has not answered its placing yet."""

    request_id: str
    order_id: str


class ModifyOrder(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Change a working order; what is 0 or empty stays as it is. `order_id` as in `CancelOrder`."""

    request_id: str
    order_id: str
    quantity: int
    price: str
    trigger_price: str


class ProtectPosition(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Guard what is open of an instrument, or move the levels of its guard. Decimal strings, empty for none."""

    instrument: str
    product: Product
    stop_price: str
    target_price: str
    trail: str


class Notify(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Tell the strategy's user something."""

    title: str
    text: str
    dedupe_key: str


class RecordMetric(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One value of one metric, at market time `recorded_ms` (epoch milliseconds)."""

    name: str
    value: float
    recorded_ms: int


class ChangeSubscription(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Begin (or end) to follow an instrument, as the strategy wrote it."""

    symbol: str
    follow: bool


class SelectInstrument(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Say which instrument a selector means, and follow it; `key` is the answer already where it is pinned. Answered by `number`."""

    number: int
    selector: Selector
    key: str


class WantBars(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Send the closed bars of these intervals of whatever is followed, and first so many of the past."""

    intervals: dict[str, int]


class SaveCheckpoint(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """State and order events taken so far: one fact."""

    last_event_sequence: int
    state_json: str


Command = (
    PlaceOrder
    | CancelOrder
    | ModifyOrder
    | ProtectPosition
    | Notify
    | RecordMetric
    | ChangeSubscription
    | SelectInstrument
    | WantBars
    | SaveCheckpoint
)

import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tradewinds.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OrderState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_STATE_UNSPECIFIED: _ClassVar[OrderState]
    ORDER_STATE_PENDING_SUBMIT: _ClassVar[OrderState]
    ORDER_STATE_SUBMITTING: _ClassVar[OrderState]
    ORDER_STATE_UNKNOWN: _ClassVar[OrderState]
    ORDER_STATE_OPEN: _ClassVar[OrderState]
    ORDER_STATE_PARTIALLY_FILLED: _ClassVar[OrderState]
    ORDER_STATE_FILLED: _ClassVar[OrderState]
    ORDER_STATE_CANCELLED: _ClassVar[OrderState]
    ORDER_STATE_REJECTED: _ClassVar[OrderState]
    ORDER_STATE_EXPIRED: _ClassVar[OrderState]
    ORDER_STATE_NOT_PLACED: _ClassVar[OrderState]
    ORDER_STATE_DENIED: _ClassVar[OrderState]
ORDER_STATE_UNSPECIFIED: OrderState
ORDER_STATE_PENDING_SUBMIT: OrderState
ORDER_STATE_SUBMITTING: OrderState
ORDER_STATE_UNKNOWN: OrderState
ORDER_STATE_OPEN: OrderState
ORDER_STATE_PARTIALLY_FILLED: OrderState
ORDER_STATE_FILLED: OrderState
ORDER_STATE_CANCELLED: OrderState
ORDER_STATE_REJECTED: OrderState
ORDER_STATE_EXPIRED: OrderState
ORDER_STATE_NOT_PLACED: OrderState
ORDER_STATE_DENIED: OrderState

class Order(_message.Message):
    __slots__ = ("order_id", "request_id", "account_id", "config_id", "instrument", "side", "quantity", "filled_quantity", "order_type", "product", "price", "trigger_price", "average_price", "state", "reason", "message", "tag", "broker_order_id", "cancel_requested", "created_at", "updated_at", "epoch", "user_id", "origin", "intent_id", "attempt", "is_exit", "modify_requested", "latency")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    FILLED_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    ORDER_TYPE_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_PRICE_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_PRICE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    BROKER_ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    INTENT_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    IS_EXIT_FIELD_NUMBER: _ClassVar[int]
    MODIFY_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    LATENCY_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    request_id: str
    account_id: str
    config_id: str
    instrument: str
    side: _common_pb2.Side
    quantity: int
    filled_quantity: int
    order_type: _common_pb2.OrderType
    product: _common_pb2.Product
    price: str
    trigger_price: str
    average_price: str
    state: OrderState
    reason: str
    message: str
    tag: str
    broker_order_id: str
    cancel_requested: bool
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    epoch: int
    user_id: str
    origin: str
    intent_id: str
    attempt: int
    is_exit: bool
    modify_requested: bool
    latency: OrderLatency
    def __init__(self, order_id: _Optional[str] = ..., request_id: _Optional[str] = ..., account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., instrument: _Optional[str] = ..., side: _Optional[_Union[_common_pb2.Side, str]] = ..., quantity: _Optional[int] = ..., filled_quantity: _Optional[int] = ..., order_type: _Optional[_Union[_common_pb2.OrderType, str]] = ..., product: _Optional[_Union[_common_pb2.Product, str]] = ..., price: _Optional[str] = ..., trigger_price: _Optional[str] = ..., average_price: _Optional[str] = ..., state: _Optional[_Union[OrderState, str]] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., tag: _Optional[str] = ..., broker_order_id: _Optional[str] = ..., cancel_requested: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., epoch: _Optional[int] = ..., user_id: _Optional[str] = ..., origin: _Optional[str] = ..., intent_id: _Optional[str] = ..., attempt: _Optional[int] = ..., is_exit: _Optional[bool] = ..., modify_requested: _Optional[bool] = ..., latency: _Optional[_Union[OrderLatency, _Mapping]] = ...) -> None: ...

class OrderLatency(_message.Message):
    __slots__ = ("admitted_us", "released_us", "answered_us")
    ADMITTED_US_FIELD_NUMBER: _ClassVar[int]
    RELEASED_US_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_US_FIELD_NUMBER: _ClassVar[int]
    admitted_us: int
    released_us: int
    answered_us: int
    def __init__(self, admitted_us: _Optional[int] = ..., released_us: _Optional[int] = ..., answered_us: _Optional[int] = ...) -> None: ...

class Trade(_message.Message):
    __slots__ = ("trade_id", "order_id", "account_id", "config_id", "instrument", "side", "quantity", "price", "product", "traded_at")
    TRADE_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    TRADED_AT_FIELD_NUMBER: _ClassVar[int]
    trade_id: str
    order_id: str
    account_id: str
    config_id: str
    instrument: str
    side: _common_pb2.Side
    quantity: int
    price: str
    product: _common_pb2.Product
    traded_at: _timestamp_pb2.Timestamp
    def __init__(self, trade_id: _Optional[str] = ..., order_id: _Optional[str] = ..., account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., instrument: _Optional[str] = ..., side: _Optional[_Union[_common_pb2.Side, str]] = ..., quantity: _Optional[int] = ..., price: _Optional[str] = ..., product: _Optional[_Union[_common_pb2.Product, str]] = ..., traded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Position(_message.Message):
    __slots__ = ("account_id", "config_id", "instrument", "product", "net_quantity", "average_price", "realised_pnl", "buy_quantity", "sell_quantity", "last_price", "unrealised_pnl", "unowned_quantity")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    NET_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_PRICE_FIELD_NUMBER: _ClassVar[int]
    REALISED_PNL_FIELD_NUMBER: _ClassVar[int]
    BUY_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    SELL_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    LAST_PRICE_FIELD_NUMBER: _ClassVar[int]
    UNREALISED_PNL_FIELD_NUMBER: _ClassVar[int]
    UNOWNED_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    config_id: str
    instrument: str
    product: _common_pb2.Product
    net_quantity: int
    average_price: str
    realised_pnl: str
    buy_quantity: int
    sell_quantity: int
    last_price: str
    unrealised_pnl: str
    unowned_quantity: int
    def __init__(self, account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., instrument: _Optional[str] = ..., product: _Optional[_Union[_common_pb2.Product, str]] = ..., net_quantity: _Optional[int] = ..., average_price: _Optional[str] = ..., realised_pnl: _Optional[str] = ..., buy_quantity: _Optional[int] = ..., sell_quantity: _Optional[int] = ..., last_price: _Optional[str] = ..., unrealised_pnl: _Optional[str] = ..., unowned_quantity: _Optional[int] = ...) -> None: ...

class PlaceOrderRequest(_message.Message):
    __slots__ = ("request_id", "account_id", "config_id", "epoch", "instrument", "side", "quantity", "order_type", "product", "price", "trigger_price", "reduce_only", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    ORDER_TYPE_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_PRICE_FIELD_NUMBER: _ClassVar[int]
    REDUCE_ONLY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    account_id: str
    config_id: str
    epoch: int
    instrument: str
    side: _common_pb2.Side
    quantity: int
    order_type: _common_pb2.OrderType
    product: _common_pb2.Product
    price: str
    trigger_price: str
    reduce_only: bool
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., instrument: _Optional[str] = ..., side: _Optional[_Union[_common_pb2.Side, str]] = ..., quantity: _Optional[int] = ..., order_type: _Optional[_Union[_common_pb2.OrderType, str]] = ..., product: _Optional[_Union[_common_pb2.Product, str]] = ..., price: _Optional[str] = ..., trigger_price: _Optional[str] = ..., reduce_only: _Optional[bool] = ..., reason: _Optional[str] = ...) -> None: ...

class GetOrderRequest(_message.Message):
    __slots__ = ("order_id",)
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    def __init__(self, order_id: _Optional[str] = ...) -> None: ...

class ListOrdersRequest(_message.Message):
    __slots__ = ("account_id", "config_id", "state", "page_size", "page_token", "start", "end")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    config_id: str
    state: OrderState
    page_size: int
    page_token: str
    start: _timestamp_pb2.Timestamp
    end: _timestamp_pb2.Timestamp
    def __init__(self, account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., state: _Optional[_Union[OrderState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListOrdersResponse(_message.Message):
    __slots__ = ("orders", "next_page_token")
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[Order]
    next_page_token: str
    def __init__(self, orders: _Optional[_Iterable[_Union[Order, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelOrderRequest(_message.Message):
    __slots__ = ("order_id", "reason", "config_id", "epoch", "external")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    reason: str
    config_id: str
    epoch: int
    external: bool
    def __init__(self, order_id: _Optional[str] = ..., reason: _Optional[str] = ..., config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., external: _Optional[bool] = ...) -> None: ...

class ModifyOrderRequest(_message.Message):
    __slots__ = ("order_id", "quantity", "price", "trigger_price", "reason", "config_id", "epoch")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_PRICE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    quantity: int
    price: str
    trigger_price: str
    reason: str
    config_id: str
    epoch: int
    def __init__(self, order_id: _Optional[str] = ..., quantity: _Optional[int] = ..., price: _Optional[str] = ..., trigger_price: _Optional[str] = ..., reason: _Optional[str] = ..., config_id: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class ResolveOrderRequest(_message.Message):
    __slots__ = ("order_id", "placed_as", "reason")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    PLACED_AS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    placed_as: str
    reason: str
    def __init__(self, order_id: _Optional[str] = ..., placed_as: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ExplainOrderRequest(_message.Message):
    __slots__ = ("order_id",)
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    def __init__(self, order_id: _Optional[str] = ...) -> None: ...

class ExplainOrderResponse(_message.Message):
    __slots__ = ("order", "summary", "lines", "trades", "attempts")
    ORDER_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    TRADES_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    order: Order
    summary: str
    lines: _containers.RepeatedCompositeFieldContainer[OrderStoryLine]
    trades: _containers.RepeatedCompositeFieldContainer[Trade]
    attempts: _containers.RepeatedCompositeFieldContainer[Order]
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ..., summary: _Optional[str] = ..., lines: _Optional[_Iterable[_Union[OrderStoryLine, _Mapping]]] = ..., trades: _Optional[_Iterable[_Union[Trade, _Mapping]]] = ..., attempts: _Optional[_Iterable[_Union[Order, _Mapping]]] = ...) -> None: ...

class OrderStoryLine(_message.Message):
    __slots__ = ("recorded_at", "what", "text", "state")
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    recorded_at: _timestamp_pb2.Timestamp
    what: str
    text: str
    state: OrderState
    def __init__(self, recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., what: _Optional[str] = ..., text: _Optional[str] = ..., state: _Optional[_Union[OrderState, str]] = ...) -> None: ...

class Hold(_message.Message):
    __slots__ = ("account_id", "instrument", "kind", "subject_id", "message", "held_at")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HELD_AT_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    instrument: str
    kind: str
    subject_id: str
    message: str
    held_at: _timestamp_pb2.Timestamp
    def __init__(self, account_id: _Optional[str] = ..., instrument: _Optional[str] = ..., kind: _Optional[str] = ..., subject_id: _Optional[str] = ..., message: _Optional[str] = ..., held_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListHoldsRequest(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class ListHoldsResponse(_message.Message):
    __slots__ = ("holds",)
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    holds: _containers.RepeatedCompositeFieldContainer[Hold]
    def __init__(self, holds: _Optional[_Iterable[_Union[Hold, _Mapping]]] = ...) -> None: ...

class ReleaseHoldRequest(_message.Message):
    __slots__ = ("account_id", "kind", "subject_id", "reason")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    kind: str
    subject_id: str
    reason: str
    def __init__(self, account_id: _Optional[str] = ..., kind: _Optional[str] = ..., subject_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class AttributePositionRequest(_message.Message):
    __slots__ = ("order_id", "config_id", "reason")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    order_id: str
    config_id: str
    reason: str
    def __init__(self, order_id: _Optional[str] = ..., config_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class AdjustPositionRequest(_message.Message):
    __slots__ = ("request_id", "account_id", "config_id", "instrument", "product", "side", "quantity", "price", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    account_id: str
    config_id: str
    instrument: str
    product: _common_pb2.Product
    side: _common_pb2.Side
    quantity: int
    price: str
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., instrument: _Optional[str] = ..., product: _Optional[_Union[_common_pb2.Product, str]] = ..., side: _Optional[_Union[_common_pb2.Side, str]] = ..., quantity: _Optional[int] = ..., price: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ConvertPositionRequest(_message.Message):
    __slots__ = ("request_id", "account_id", "config_id", "instrument", "from_product", "to_product", "quantity", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    FROM_PRODUCT_FIELD_NUMBER: _ClassVar[int]
    TO_PRODUCT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    account_id: str
    config_id: str
    instrument: str
    from_product: _common_pb2.Product
    to_product: _common_pb2.Product
    quantity: int
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., instrument: _Optional[str] = ..., from_product: _Optional[_Union[_common_pb2.Product, str]] = ..., to_product: _Optional[_Union[_common_pb2.Product, str]] = ..., quantity: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class ConvertPositionResponse(_message.Message):
    __slots__ = ("bookings",)
    BOOKINGS_FIELD_NUMBER: _ClassVar[int]
    bookings: _containers.RepeatedCompositeFieldContainer[Order]
    def __init__(self, bookings: _Optional[_Iterable[_Union[Order, _Mapping]]] = ...) -> None: ...

class Guard(_message.Message):
    __slots__ = ("guard_id", "account_id", "config_id", "instrument", "product", "side", "stop_price", "target_price", "trail", "state", "order_id", "message", "created_at", "updated_at")
    GUARD_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    STOP_PRICE_FIELD_NUMBER: _ClassVar[int]
    TARGET_PRICE_FIELD_NUMBER: _ClassVar[int]
    TRAIL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    guard_id: str
    account_id: str
    config_id: str
    instrument: str
    product: _common_pb2.Product
    side: _common_pb2.Side
    stop_price: str
    target_price: str
    trail: str
    state: str
    order_id: str
    message: str
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, guard_id: _Optional[str] = ..., account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., instrument: _Optional[str] = ..., product: _Optional[_Union[_common_pb2.Product, str]] = ..., side: _Optional[_Union[_common_pb2.Side, str]] = ..., stop_price: _Optional[str] = ..., target_price: _Optional[str] = ..., trail: _Optional[str] = ..., state: _Optional[str] = ..., order_id: _Optional[str] = ..., message: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateGuardRequest(_message.Message):
    __slots__ = ("account_id", "config_id", "epoch", "instrument", "product", "stop_price", "target_price", "trail", "reason")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    STOP_PRICE_FIELD_NUMBER: _ClassVar[int]
    TARGET_PRICE_FIELD_NUMBER: _ClassVar[int]
    TRAIL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    config_id: str
    epoch: int
    instrument: str
    product: _common_pb2.Product
    stop_price: str
    target_price: str
    trail: str
    reason: str
    def __init__(self, account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., instrument: _Optional[str] = ..., product: _Optional[_Union[_common_pb2.Product, str]] = ..., stop_price: _Optional[str] = ..., target_price: _Optional[str] = ..., trail: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ListGuardsRequest(_message.Message):
    __slots__ = ("account_id", "config_id", "ended")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    config_id: str
    ended: bool
    def __init__(self, account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., ended: _Optional[bool] = ...) -> None: ...

class ListGuardsResponse(_message.Message):
    __slots__ = ("guards",)
    GUARDS_FIELD_NUMBER: _ClassVar[int]
    guards: _containers.RepeatedCompositeFieldContainer[Guard]
    def __init__(self, guards: _Optional[_Iterable[_Union[Guard, _Mapping]]] = ...) -> None: ...

class CancelGuardRequest(_message.Message):
    __slots__ = ("guard_id", "reason", "config_id", "epoch")
    GUARD_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    guard_id: str
    reason: str
    config_id: str
    epoch: int
    def __init__(self, guard_id: _Optional[str] = ..., reason: _Optional[str] = ..., config_id: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class WatchOrdersRequest(_message.Message):
    __slots__ = ("account_id", "cursor")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    cursor: str
    def __init__(self, account_id: _Optional[str] = ..., cursor: _Optional[str] = ...) -> None: ...

class WatchOrdersResponse(_message.Message):
    __slots__ = ("orders", "cursor", "end")
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[Order]
    cursor: str
    end: _common_pb2.WatchEnd
    def __init__(self, orders: _Optional[_Iterable[_Union[Order, _Mapping]]] = ..., cursor: _Optional[str] = ..., end: _Optional[_Union[_common_pb2.WatchEnd, _Mapping]] = ...) -> None: ...

class ListTradesRequest(_message.Message):
    __slots__ = ("account_id", "config_id", "order_id", "page_size", "page_token")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    config_id: str
    order_id: str
    page_size: int
    page_token: str
    def __init__(self, account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., order_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTradesResponse(_message.Message):
    __slots__ = ("trades", "next_page_token")
    TRADES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    trades: _containers.RepeatedCompositeFieldContainer[Trade]
    next_page_token: str
    def __init__(self, trades: _Optional[_Iterable[_Union[Trade, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListPositionsRequest(_message.Message):
    __slots__ = ("account_id", "config_id")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    config_id: str
    def __init__(self, account_id: _Optional[str] = ..., config_id: _Optional[str] = ...) -> None: ...

class ListPositionsResponse(_message.Message):
    __slots__ = ("positions",)
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    positions: _containers.RepeatedCompositeFieldContainer[Position]
    def __init__(self, positions: _Optional[_Iterable[_Union[Position, _Mapping]]] = ...) -> None: ...

class ListHoldingsRequest(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class ListHoldingsResponse(_message.Message):
    __slots__ = ("holdings",)
    HOLDINGS_FIELD_NUMBER: _ClassVar[int]
    holdings: _containers.RepeatedCompositeFieldContainer[Holding]
    def __init__(self, holdings: _Optional[_Iterable[_Union[Holding, _Mapping]]] = ...) -> None: ...

class Holding(_message.Message):
    __slots__ = ("instrument", "quantity", "t1_quantity", "average_price", "last_price")
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    T1_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_PRICE_FIELD_NUMBER: _ClassVar[int]
    LAST_PRICE_FIELD_NUMBER: _ClassVar[int]
    instrument: str
    quantity: int
    t1_quantity: int
    average_price: str
    last_price: str
    def __init__(self, instrument: _Optional[str] = ..., quantity: _Optional[int] = ..., t1_quantity: _Optional[int] = ..., average_price: _Optional[str] = ..., last_price: _Optional[str] = ...) -> None: ...

class GetFundsRequest(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class Funds(_message.Message):
    __slots__ = ("account_id", "net", "available_cash", "collateral", "utilised", "realised_pnl", "unrealised_pnl")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    NET_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_CASH_FIELD_NUMBER: _ClassVar[int]
    COLLATERAL_FIELD_NUMBER: _ClassVar[int]
    UTILISED_FIELD_NUMBER: _ClassVar[int]
    REALISED_PNL_FIELD_NUMBER: _ClassVar[int]
    UNREALISED_PNL_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    net: str
    available_cash: str
    collateral: str
    utilised: str
    realised_pnl: str
    unrealised_pnl: str
    def __init__(self, account_id: _Optional[str] = ..., net: _Optional[str] = ..., available_cash: _Optional[str] = ..., collateral: _Optional[str] = ..., utilised: _Optional[str] = ..., realised_pnl: _Optional[str] = ..., unrealised_pnl: _Optional[str] = ...) -> None: ...

import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tradewinds.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Quote(_message.Message):
    __slots__ = ("instrument", "last_price", "bid_price", "ask_price", "volume", "close_price", "exchange_time", "age_ms", "source", "open_interest", "stale")
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    LAST_PRICE_FIELD_NUMBER: _ClassVar[int]
    BID_PRICE_FIELD_NUMBER: _ClassVar[int]
    ASK_PRICE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    CLOSE_PRICE_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    OPEN_INTEREST_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    instrument: str
    last_price: str
    bid_price: str
    ask_price: str
    volume: int
    close_price: str
    exchange_time: _timestamp_pb2.Timestamp
    age_ms: int
    source: str
    open_interest: int
    stale: bool
    def __init__(self, instrument: _Optional[str] = ..., last_price: _Optional[str] = ..., bid_price: _Optional[str] = ..., ask_price: _Optional[str] = ..., volume: _Optional[int] = ..., close_price: _Optional[str] = ..., exchange_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., age_ms: _Optional[int] = ..., source: _Optional[str] = ..., open_interest: _Optional[int] = ..., stale: _Optional[bool] = ...) -> None: ...

class Instrument(_message.Message):
    __slots__ = ("instrument", "kind", "name", "token", "lot_size", "tick_size", "exchange", "symbol", "expiry", "strike", "option_type", "freeze_quantity", "instrument_type")
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    LOT_SIZE_FIELD_NUMBER: _ClassVar[int]
    TICK_SIZE_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_FIELD_NUMBER: _ClassVar[int]
    STRIKE_FIELD_NUMBER: _ClassVar[int]
    OPTION_TYPE_FIELD_NUMBER: _ClassVar[int]
    FREEZE_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    instrument: str
    kind: str
    name: str
    token: str
    lot_size: int
    tick_size: str
    exchange: str
    symbol: str
    expiry: str
    strike: str
    option_type: str
    freeze_quantity: int
    instrument_type: str
    def __init__(self, instrument: _Optional[str] = ..., kind: _Optional[str] = ..., name: _Optional[str] = ..., token: _Optional[str] = ..., lot_size: _Optional[int] = ..., tick_size: _Optional[str] = ..., exchange: _Optional[str] = ..., symbol: _Optional[str] = ..., expiry: _Optional[str] = ..., strike: _Optional[str] = ..., option_type: _Optional[str] = ..., freeze_quantity: _Optional[int] = ..., instrument_type: _Optional[str] = ...) -> None: ...

class MarketClock(_message.Message):
    __slots__ = ("market_time", "rate")
    MARKET_TIME_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    market_time: _timestamp_pb2.Timestamp
    rate: float
    def __init__(self, market_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rate: _Optional[float] = ...) -> None: ...

class GetInstrumentRequest(_message.Message):
    __slots__ = ("instrument",)
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    instrument: str
    def __init__(self, instrument: _Optional[str] = ...) -> None: ...

class ListCategoriesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCategoriesResponse(_message.Message):
    __slots__ = ("categories", "scrip_master")
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    SCRIP_MASTER_FIELD_NUMBER: _ClassVar[int]
    categories: _containers.RepeatedCompositeFieldContainer[Category]
    scrip_master: str
    def __init__(self, categories: _Optional[_Iterable[_Union[Category, _Mapping]]] = ..., scrip_master: _Optional[str] = ...) -> None: ...

class Category(_message.Message):
    __slots__ = ("exchange", "kind", "underlying", "instruments")
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    UNDERLYING_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    exchange: str
    kind: str
    underlying: str
    instruments: int
    def __init__(self, exchange: _Optional[str] = ..., kind: _Optional[str] = ..., underlying: _Optional[str] = ..., instruments: _Optional[int] = ...) -> None: ...

class ListExpiriesRequest(_message.Message):
    __slots__ = ("underlying", "kind", "exchange")
    UNDERLYING_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    underlying: str
    kind: str
    exchange: str
    def __init__(self, underlying: _Optional[str] = ..., kind: _Optional[str] = ..., exchange: _Optional[str] = ...) -> None: ...

class ListExpiriesResponse(_message.Message):
    __slots__ = ("expiries",)
    EXPIRIES_FIELD_NUMBER: _ClassVar[int]
    expiries: _containers.RepeatedCompositeFieldContainer[Expiry]
    def __init__(self, expiries: _Optional[_Iterable[_Union[Expiry, _Mapping]]] = ...) -> None: ...

class Expiry(_message.Message):
    __slots__ = ("expiry", "exchange", "kind", "instruments", "monthly")
    EXPIRY_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    MONTHLY_FIELD_NUMBER: _ClassVar[int]
    expiry: str
    exchange: str
    kind: str
    instruments: int
    monthly: bool
    def __init__(self, expiry: _Optional[str] = ..., exchange: _Optional[str] = ..., kind: _Optional[str] = ..., instruments: _Optional[int] = ..., monthly: _Optional[bool] = ...) -> None: ...

class GetOptionChainRequest(_message.Message):
    __slots__ = ("underlying", "expiry", "strikes", "exchange")
    UNDERLYING_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_FIELD_NUMBER: _ClassVar[int]
    STRIKES_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    underlying: str
    expiry: str
    strikes: int
    exchange: str
    def __init__(self, underlying: _Optional[str] = ..., expiry: _Optional[str] = ..., strikes: _Optional[int] = ..., exchange: _Optional[str] = ...) -> None: ...

class OptionChain(_message.Message):
    __slots__ = ("underlying", "expiry", "underlying_instrument", "underlying_price", "rows")
    UNDERLYING_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_FIELD_NUMBER: _ClassVar[int]
    UNDERLYING_INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    UNDERLYING_PRICE_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    underlying: str
    expiry: str
    underlying_instrument: str
    underlying_price: str
    rows: _containers.RepeatedCompositeFieldContainer[OptionChainRow]
    def __init__(self, underlying: _Optional[str] = ..., expiry: _Optional[str] = ..., underlying_instrument: _Optional[str] = ..., underlying_price: _Optional[str] = ..., rows: _Optional[_Iterable[_Union[OptionChainRow, _Mapping]]] = ...) -> None: ...

class OptionChainRow(_message.Message):
    __slots__ = ("strike", "call", "put")
    STRIKE_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    strike: str
    call: Quote
    put: Quote
    def __init__(self, strike: _Optional[str] = ..., call: _Optional[_Union[Quote, _Mapping]] = ..., put: _Optional[_Union[Quote, _Mapping]] = ...) -> None: ...

class WatchQuotesRequest(_message.Message):
    __slots__ = ("instruments", "interval_ms")
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    instruments: _containers.RepeatedScalarFieldContainer[str]
    interval_ms: int
    def __init__(self, instruments: _Optional[_Iterable[str]] = ..., interval_ms: _Optional[int] = ...) -> None: ...

class WatchQuotesResponse(_message.Message):
    __slots__ = ("quotes", "cursor", "snapshot", "end")
    QUOTES_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    quotes: _containers.RepeatedCompositeFieldContainer[Quote]
    cursor: str
    snapshot: bool
    end: _common_pb2.WatchEnd
    def __init__(self, quotes: _Optional[_Iterable[_Union[Quote, _Mapping]]] = ..., cursor: _Optional[str] = ..., snapshot: _Optional[bool] = ..., end: _Optional[_Union[_common_pb2.WatchEnd, _Mapping]] = ...) -> None: ...

class ListBarsRequest(_message.Message):
    __slots__ = ("instrument", "interval", "start_time", "end_time", "page_size", "page_token", "include_open")
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_OPEN_FIELD_NUMBER: _ClassVar[int]
    instrument: str
    interval: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    include_open: bool
    def __init__(self, instrument: _Optional[str] = ..., interval: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., include_open: _Optional[bool] = ...) -> None: ...

class ListBarsResponse(_message.Message):
    __slots__ = ("bars", "next_page_token", "instrument", "interval")
    BARS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_FIELD_NUMBER: _ClassVar[int]
    bars: _containers.RepeatedCompositeFieldContainer[Bar]
    next_page_token: str
    instrument: str
    interval: str
    def __init__(self, bars: _Optional[_Iterable[_Union[Bar, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., instrument: _Optional[str] = ..., interval: _Optional[str] = ...) -> None: ...

class Bar(_message.Message):
    __slots__ = ("start_time", "open_price", "high_price", "low_price", "close_price", "volume", "open_interest", "closed", "source", "complete")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    OPEN_PRICE_FIELD_NUMBER: _ClassVar[int]
    HIGH_PRICE_FIELD_NUMBER: _ClassVar[int]
    LOW_PRICE_FIELD_NUMBER: _ClassVar[int]
    CLOSE_PRICE_FIELD_NUMBER: _ClassVar[int]
    VOLUME_FIELD_NUMBER: _ClassVar[int]
    OPEN_INTEREST_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    open_price: str
    high_price: str
    low_price: str
    close_price: str
    volume: int
    open_interest: int
    closed: bool
    source: str
    complete: bool
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., open_price: _Optional[str] = ..., high_price: _Optional[str] = ..., low_price: _Optional[str] = ..., close_price: _Optional[str] = ..., volume: _Optional[int] = ..., open_interest: _Optional[int] = ..., closed: _Optional[bool] = ..., source: _Optional[str] = ..., complete: _Optional[bool] = ...) -> None: ...

class GetFeedStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class FeedStatus(_message.Message):
    __slots__ = ("state", "reason", "sockets", "streamed", "rotated", "unknown_instruments", "ticks", "dropped_ticks", "last_tick_at", "scrip_master", "scrip_master_day", "age_ms", "stale_instruments", "rotated_instruments", "rotation_seconds", "open_instruments", "bar_gaps", "subscribers", "epoch")
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SOCKETS_FIELD_NUMBER: _ClassVar[int]
    STREAMED_FIELD_NUMBER: _ClassVar[int]
    ROTATED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    TICKS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_TICKS_FIELD_NUMBER: _ClassVar[int]
    LAST_TICK_AT_FIELD_NUMBER: _ClassVar[int]
    SCRIP_MASTER_FIELD_NUMBER: _ClassVar[int]
    SCRIP_MASTER_DAY_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    STALE_INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    ROTATED_INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    ROTATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    OPEN_INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    BAR_GAPS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIBERS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    state: str
    reason: str
    sockets: _containers.RepeatedCompositeFieldContainer[FeedSocket]
    streamed: int
    rotated: int
    unknown_instruments: _containers.RepeatedScalarFieldContainer[str]
    ticks: int
    dropped_ticks: int
    last_tick_at: _timestamp_pb2.Timestamp
    scrip_master: str
    scrip_master_day: str
    age_ms: int
    stale_instruments: _containers.RepeatedScalarFieldContainer[str]
    rotated_instruments: _containers.RepeatedScalarFieldContainer[str]
    rotation_seconds: int
    open_instruments: int
    bar_gaps: int
    subscribers: _containers.RepeatedCompositeFieldContainer[FeedSubscriber]
    epoch: int
    def __init__(self, state: _Optional[str] = ..., reason: _Optional[str] = ..., sockets: _Optional[_Iterable[_Union[FeedSocket, _Mapping]]] = ..., streamed: _Optional[int] = ..., rotated: _Optional[int] = ..., unknown_instruments: _Optional[_Iterable[str]] = ..., ticks: _Optional[int] = ..., dropped_ticks: _Optional[int] = ..., last_tick_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., scrip_master: _Optional[str] = ..., scrip_master_day: _Optional[str] = ..., age_ms: _Optional[int] = ..., stale_instruments: _Optional[_Iterable[str]] = ..., rotated_instruments: _Optional[_Iterable[str]] = ..., rotation_seconds: _Optional[int] = ..., open_instruments: _Optional[int] = ..., bar_gaps: _Optional[int] = ..., subscribers: _Optional[_Iterable[_Union[FeedSubscriber, _Mapping]]] = ..., epoch: _Optional[int] = ...) -> None: ...

class FeedSubscriber(_message.Message):
    __slots__ = ("subscriber", "streamed", "rotated", "unknown")
    SUBSCRIBER_FIELD_NUMBER: _ClassVar[int]
    STREAMED_FIELD_NUMBER: _ClassVar[int]
    ROTATED_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    subscriber: str
    streamed: int
    rotated: int
    unknown: int
    def __init__(self, subscriber: _Optional[str] = ..., streamed: _Optional[int] = ..., rotated: _Optional[int] = ..., unknown: _Optional[int] = ...) -> None: ...

class FeedSocket(_message.Message):
    __slots__ = ("number", "connected", "subscriptions", "quota", "connections", "problem")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    number: int
    connected: bool
    subscriptions: int
    quota: int
    connections: int
    problem: str
    def __init__(self, number: _Optional[int] = ..., connected: _Optional[bool] = ..., subscriptions: _Optional[int] = ..., quota: _Optional[int] = ..., connections: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...

class ListCalendarDaysRequest(_message.Message):
    __slots__ = ("start_day", "end_day", "segment")
    START_DAY_FIELD_NUMBER: _ClassVar[int]
    END_DAY_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    start_day: str
    end_day: str
    segment: str
    def __init__(self, start_day: _Optional[str] = ..., end_day: _Optional[str] = ..., segment: _Optional[str] = ...) -> None: ...

class ListCalendarDaysResponse(_message.Message):
    __slots__ = ("days",)
    DAYS_FIELD_NUMBER: _ClassVar[int]
    days: _containers.RepeatedCompositeFieldContainer[CalendarDay]
    def __init__(self, days: _Optional[_Iterable[_Union[CalendarDay, _Mapping]]] = ...) -> None: ...

class CalendarDay(_message.Message):
    __slots__ = ("day", "segment", "instrument_class", "phases", "note", "version", "known", "author")
    DAY_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_CLASS_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    day: str
    segment: str
    instrument_class: str
    phases: _containers.RepeatedCompositeFieldContainer[CalendarPhase]
    note: str
    version: int
    known: bool
    author: str
    def __init__(self, day: _Optional[str] = ..., segment: _Optional[str] = ..., instrument_class: _Optional[str] = ..., phases: _Optional[_Iterable[_Union[CalendarPhase, _Mapping]]] = ..., note: _Optional[str] = ..., version: _Optional[int] = ..., known: _Optional[bool] = ..., author: _Optional[str] = ...) -> None: ...

class CalendarPhase(_message.Message):
    __slots__ = ("phase", "start", "end")
    PHASE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    phase: str
    start: str
    end: str
    def __init__(self, phase: _Optional[str] = ..., start: _Optional[str] = ..., end: _Optional[str] = ...) -> None: ...

class UpdateCalendarDayRequest(_message.Message):
    __slots__ = ("segment", "day", "instrument_class", "phases", "note", "reason", "request_id")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_CLASS_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    segment: str
    day: str
    instrument_class: str
    phases: _containers.RepeatedCompositeFieldContainer[CalendarPhase]
    note: str
    reason: str
    request_id: str
    def __init__(self, segment: _Optional[str] = ..., day: _Optional[str] = ..., instrument_class: _Optional[str] = ..., phases: _Optional[_Iterable[_Union[CalendarPhase, _Mapping]]] = ..., note: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetQuotesRequest(_message.Message):
    __slots__ = ("instruments",)
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    instruments: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, instruments: _Optional[_Iterable[str]] = ...) -> None: ...

class GetQuotesResponse(_message.Message):
    __slots__ = ("quotes",)
    QUOTES_FIELD_NUMBER: _ClassVar[int]
    quotes: _containers.RepeatedCompositeFieldContainer[Quote]
    def __init__(self, quotes: _Optional[_Iterable[_Union[Quote, _Mapping]]] = ...) -> None: ...

class SearchInstrumentsRequest(_message.Message):
    __slots__ = ("query", "page_size", "exchange", "kind")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    query: str
    page_size: int
    exchange: str
    kind: str
    def __init__(self, query: _Optional[str] = ..., page_size: _Optional[int] = ..., exchange: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class SearchInstrumentsResponse(_message.Message):
    __slots__ = ("instruments",)
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    instruments: _containers.RepeatedCompositeFieldContainer[Instrument]
    def __init__(self, instruments: _Optional[_Iterable[_Union[Instrument, _Mapping]]] = ...) -> None: ...

class GetMarketClockRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

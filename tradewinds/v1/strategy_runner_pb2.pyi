import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tradewinds.v1 import market_data_pb2 as _market_data_pb2
from tradewinds.v1 import strategy_manager_pb2 as _strategy_manager_pb2
from tradewinds.v1 import trading_pb2 as _trading_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StrategyEvent(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STRATEGY_EVENT_UNSPECIFIED: _ClassVar[StrategyEvent]
    STRATEGY_EVENT_STARTING: _ClassVar[StrategyEvent]
    STRATEGY_EVENT_RUNNING: _ClassVar[StrategyEvent]
    STRATEGY_EVENT_STOPPED: _ClassVar[StrategyEvent]
    STRATEGY_EVENT_CRASHED: _ClassVar[StrategyEvent]
    STRATEGY_EVENT_FAILED: _ClassVar[StrategyEvent]

class StrategyHealth(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STRATEGY_HEALTH_UNSPECIFIED: _ClassVar[StrategyHealth]
    STRATEGY_HEALTH_HEALTHY: _ClassVar[StrategyHealth]
    STRATEGY_HEALTH_WARNED: _ClassVar[StrategyHealth]
    STRATEGY_HEALTH_ENTRIES_DENIED: _ClassVar[StrategyHealth]
    STRATEGY_HEALTH_STOPPED: _ClassVar[StrategyHealth]
    STRATEGY_HEALTH_KILLED: _ClassVar[StrategyHealth]
STRATEGY_EVENT_UNSPECIFIED: StrategyEvent
STRATEGY_EVENT_STARTING: StrategyEvent
STRATEGY_EVENT_RUNNING: StrategyEvent
STRATEGY_EVENT_STOPPED: StrategyEvent
STRATEGY_EVENT_CRASHED: StrategyEvent
STRATEGY_EVENT_FAILED: StrategyEvent
STRATEGY_HEALTH_UNSPECIFIED: StrategyHealth
STRATEGY_HEALTH_HEALTHY: StrategyHealth
STRATEGY_HEALTH_WARNED: StrategyHealth
STRATEGY_HEALTH_ENTRIES_DENIED: StrategyHealth
STRATEGY_HEALTH_STOPPED: StrategyHealth
STRATEGY_HEALTH_KILLED: StrategyHealth

class SessionRequest(_message.Message):
    __slots__ = ("sequence", "register", "heartbeat", "strategy_report", "checkpoint", "inspect_result", "notification", "metrics", "subscriptions", "goodbye", "logs")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REGISTER_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_REPORT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    INSPECT_RESULT_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTIONS_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    register: Register
    heartbeat: Heartbeat
    strategy_report: StrategyReport
    checkpoint: Checkpoint
    inspect_result: InspectResult
    notification: StrategyNotification
    metrics: MetricsBatch
    subscriptions: Subscriptions
    goodbye: Goodbye
    logs: StrategyLogBatch
    def __init__(self, sequence: _Optional[int] = ..., register: _Optional[_Union[Register, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., strategy_report: _Optional[_Union[StrategyReport, _Mapping]] = ..., checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ..., inspect_result: _Optional[_Union[InspectResult, _Mapping]] = ..., notification: _Optional[_Union[StrategyNotification, _Mapping]] = ..., metrics: _Optional[_Union[MetricsBatch, _Mapping]] = ..., subscriptions: _Optional[_Union[Subscriptions, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ..., logs: _Optional[_Union[StrategyLogBatch, _Mapping]] = ...) -> None: ...

class SessionResponse(_message.Message):
    __slots__ = ("sequence", "welcome", "heartbeat_ack", "directive", "order_events", "inspect", "superseded", "drain")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_ACK_FIELD_NUMBER: _ClassVar[int]
    DIRECTIVE_FIELD_NUMBER: _ClassVar[int]
    ORDER_EVENTS_FIELD_NUMBER: _ClassVar[int]
    INSPECT_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    welcome: Welcome
    heartbeat_ack: HeartbeatAck
    directive: Directive
    order_events: OrderEvents
    inspect: Inspect
    superseded: Superseded
    drain: Drain
    def __init__(self, sequence: _Optional[int] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ..., heartbeat_ack: _Optional[_Union[HeartbeatAck, _Mapping]] = ..., directive: _Optional[_Union[Directive, _Mapping]] = ..., order_events: _Optional[_Union[OrderEvents, _Mapping]] = ..., inspect: _Optional[_Union[Inspect, _Mapping]] = ..., superseded: _Optional[_Union[Superseded, _Mapping]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ...) -> None: ...

class Register(_message.Message):
    __slots__ = ("runner_id", "instance_id", "capacity", "build", "held")
    RUNNER_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    runner_id: str
    instance_id: str
    capacity: int
    build: str
    held: _containers.RepeatedCompositeFieldContainer[HeldAssignment]
    def __init__(self, runner_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., capacity: _Optional[int] = ..., build: _Optional[str] = ..., held: _Optional[_Iterable[_Union[HeldAssignment, _Mapping]]] = ...) -> None: ...

class HeldAssignment(_message.Message):
    __slots__ = ("config_id", "epoch", "last_event_sequence", "revision")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    epoch: int
    last_event_sequence: int
    revision: int
    def __init__(self, config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., last_event_sequence: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("number", "strategies")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STRATEGIES_FIELD_NUMBER: _ClassVar[int]
    number: int
    strategies: _containers.RepeatedCompositeFieldContainer[StrategyVitals]
    def __init__(self, number: _Optional[int] = ..., strategies: _Optional[_Iterable[_Union[StrategyVitals, _Mapping]]] = ...) -> None: ...

class StrategyVitals(_message.Message):
    __slots__ = ("config_id", "epoch", "loop_count", "process_id", "memory_bytes", "cpu_share", "longest_callback_ms", "health", "health_reason")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LOOP_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    CPU_SHARE_FIELD_NUMBER: _ClassVar[int]
    LONGEST_CALLBACK_MS_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    HEALTH_REASON_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    epoch: int
    loop_count: int
    process_id: int
    memory_bytes: int
    cpu_share: float
    longest_callback_ms: int
    health: StrategyHealth
    health_reason: str
    def __init__(self, config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., loop_count: _Optional[int] = ..., process_id: _Optional[int] = ..., memory_bytes: _Optional[int] = ..., cpu_share: _Optional[float] = ..., longest_callback_ms: _Optional[int] = ..., health: _Optional[_Union[StrategyHealth, str]] = ..., health_reason: _Optional[str] = ...) -> None: ...

class StrategyReport(_message.Message):
    __slots__ = ("config_id", "epoch", "event", "process_id", "detail", "revision", "code_hash", "retry_at")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CODE_HASH_FIELD_NUMBER: _ClassVar[int]
    RETRY_AT_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    epoch: int
    event: StrategyEvent
    process_id: int
    detail: str
    revision: int
    code_hash: str
    retry_at: _timestamp_pb2.Timestamp
    def __init__(self, config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., event: _Optional[_Union[StrategyEvent, str]] = ..., process_id: _Optional[int] = ..., detail: _Optional[str] = ..., revision: _Optional[int] = ..., code_hash: _Optional[str] = ..., retry_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("config_id", "epoch", "last_event_sequence", "state_json")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    epoch: int
    last_event_sequence: int
    state_json: str
    def __init__(self, config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., last_event_sequence: _Optional[int] = ..., state_json: _Optional[str] = ...) -> None: ...

class InspectResult(_message.Message):
    __slots__ = ("inspection_id", "error", "error_field", "params_schema", "config", "description", "code_hash", "symbols")
    INSPECTION_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_FIELD_NUMBER: _ClassVar[int]
    PARAMS_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CODE_HASH_FIELD_NUMBER: _ClassVar[int]
    SYMBOLS_FIELD_NUMBER: _ClassVar[int]
    inspection_id: str
    error: str
    error_field: str
    params_schema: _struct_pb2.Struct
    config: _struct_pb2.Struct
    description: str
    code_hash: str
    symbols: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, inspection_id: _Optional[str] = ..., error: _Optional[str] = ..., error_field: _Optional[str] = ..., params_schema: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., config: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., description: _Optional[str] = ..., code_hash: _Optional[str] = ..., symbols: _Optional[_Iterable[str]] = ...) -> None: ...

class StrategyNotification(_message.Message):
    __slots__ = ("config_id", "epoch", "title", "text", "dedupe_key")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DEDUPE_KEY_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    epoch: int
    title: str
    text: str
    dedupe_key: str
    def __init__(self, config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., title: _Optional[str] = ..., text: _Optional[str] = ..., dedupe_key: _Optional[str] = ...) -> None: ...

class MetricsBatch(_message.Message):
    __slots__ = ("metrics",)
    METRICS_FIELD_NUMBER: _ClassVar[int]
    metrics: _containers.RepeatedCompositeFieldContainer[StrategyMetric]
    def __init__(self, metrics: _Optional[_Iterable[_Union[StrategyMetric, _Mapping]]] = ...) -> None: ...

class StrategyMetric(_message.Message):
    __slots__ = ("config_id", "name", "value", "recorded_at")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    name: str
    value: float
    recorded_at: _timestamp_pb2.Timestamp
    def __init__(self, config_id: _Optional[str] = ..., name: _Optional[str] = ..., value: _Optional[float] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Subscriptions(_message.Message):
    __slots__ = ("config_id", "epoch", "instruments")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    epoch: int
    instruments: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., instruments: _Optional[_Iterable[str]] = ...) -> None: ...

class StrategyLogBatch(_message.Message):
    __slots__ = ("config_id", "epoch", "lines")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    epoch: int
    lines: _containers.RepeatedCompositeFieldContainer[_strategy_manager_pb2.StrategyLogLine]
    def __init__(self, config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., lines: _Optional[_Iterable[_Union[_strategy_manager_pb2.StrategyLogLine, _Mapping]]] = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("session_id", "lease_ttl_seconds", "heartbeat_seconds", "gate_close_seconds")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    LEASE_TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    GATE_CLOSE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    lease_ttl_seconds: float
    heartbeat_seconds: float
    gate_close_seconds: float
    def __init__(self, session_id: _Optional[str] = ..., lease_ttl_seconds: _Optional[float] = ..., heartbeat_seconds: _Optional[float] = ..., gate_close_seconds: _Optional[float] = ...) -> None: ...

class HeartbeatAck(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class Directive(_message.Message):
    __slots__ = ("config_id", "epoch", "revision", "run", "module_path", "class_name", "config_json", "instruments", "state_json", "last_event_sequence", "positions", "working_orders", "user_id", "account_id", "process_revision", "entries_denied_because", "kill", "signals")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    MODULE_PATH_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    STATE_JSON_FIELD_NUMBER: _ClassVar[int]
    LAST_EVENT_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    WORKING_ORDERS_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    PROCESS_REVISION_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_DENIED_BECAUSE_FIELD_NUMBER: _ClassVar[int]
    KILL_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    epoch: int
    revision: int
    run: bool
    module_path: str
    class_name: str
    config_json: str
    instruments: _containers.RepeatedCompositeFieldContainer[_market_data_pb2.Instrument]
    state_json: str
    last_event_sequence: int
    positions: _containers.RepeatedCompositeFieldContainer[_trading_pb2.Position]
    working_orders: _containers.RepeatedCompositeFieldContainer[_trading_pb2.Order]
    user_id: str
    account_id: str
    process_revision: int
    entries_denied_because: str
    kill: bool
    signals: _containers.RepeatedCompositeFieldContainer[StrategySignal]
    def __init__(self, config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., revision: _Optional[int] = ..., run: _Optional[bool] = ..., module_path: _Optional[str] = ..., class_name: _Optional[str] = ..., config_json: _Optional[str] = ..., instruments: _Optional[_Iterable[_Union[_market_data_pb2.Instrument, _Mapping]]] = ..., state_json: _Optional[str] = ..., last_event_sequence: _Optional[int] = ..., positions: _Optional[_Iterable[_Union[_trading_pb2.Position, _Mapping]]] = ..., working_orders: _Optional[_Iterable[_Union[_trading_pb2.Order, _Mapping]]] = ..., user_id: _Optional[str] = ..., account_id: _Optional[str] = ..., process_revision: _Optional[int] = ..., entries_denied_because: _Optional[str] = ..., kill: _Optional[bool] = ..., signals: _Optional[_Iterable[_Union[StrategySignal, _Mapping]]] = ...) -> None: ...

class StrategySignal(_message.Message):
    __slots__ = ("signal_id", "data_json", "sender")
    SIGNAL_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_JSON_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    signal_id: str
    data_json: str
    sender: str
    def __init__(self, signal_id: _Optional[str] = ..., data_json: _Optional[str] = ..., sender: _Optional[str] = ...) -> None: ...

class OrderEvents(_message.Message):
    __slots__ = ("config_id", "events")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    events: _containers.RepeatedCompositeFieldContainer[OrderEvent]
    def __init__(self, config_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[OrderEvent, _Mapping]]] = ...) -> None: ...

class OrderEvent(_message.Message):
    __slots__ = ("sequence", "order", "trade")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    TRADE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    order: _trading_pb2.Order
    trade: _trading_pb2.Trade
    def __init__(self, sequence: _Optional[int] = ..., order: _Optional[_Union[_trading_pb2.Order, _Mapping]] = ..., trade: _Optional[_Union[_trading_pb2.Trade, _Mapping]] = ...) -> None: ...

class Inspect(_message.Message):
    __slots__ = ("inspection_id", "module_path", "class_name", "config_json")
    INSPECTION_ID_FIELD_NUMBER: _ClassVar[int]
    MODULE_PATH_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIG_JSON_FIELD_NUMBER: _ClassVar[int]
    inspection_id: str
    module_path: str
    class_name: str
    config_json: str
    def __init__(self, inspection_id: _Optional[str] = ..., module_path: _Optional[str] = ..., class_name: _Optional[str] = ..., config_json: _Optional[str] = ...) -> None: ...

class Superseded(_message.Message):
    __slots__ = ("config_id", "reason")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    reason: str
    def __init__(self, config_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

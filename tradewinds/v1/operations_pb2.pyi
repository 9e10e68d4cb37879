import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tradewinds.v1 import common_pb2 as _common_pb2
from tradewinds.v1 import risk_pb2 as _risk_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Gate(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GATE_UNSPECIFIED: _ClassVar[Gate]
    GATE_OPEN: _ClassVar[Gate]
    GATE_CLOSED: _ClassVar[Gate]
GATE_UNSPECIFIED: Gate
GATE_OPEN: Gate
GATE_CLOSED: Gate

class Runner(_message.Message):
    __slots__ = ("runner_id", "instance_id", "capacity", "running", "heartbeat_at", "draining", "cordon_reason", "build", "engine_id")
    RUNNER_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_AT_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    CORDON_REASON_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    ENGINE_ID_FIELD_NUMBER: _ClassVar[int]
    runner_id: str
    instance_id: str
    capacity: int
    running: int
    heartbeat_at: _timestamp_pb2.Timestamp
    draining: bool
    cordon_reason: str
    build: str
    engine_id: str
    def __init__(self, runner_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., capacity: _Optional[int] = ..., running: _Optional[int] = ..., heartbeat_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., draining: _Optional[bool] = ..., cordon_reason: _Optional[str] = ..., build: _Optional[str] = ..., engine_id: _Optional[str] = ...) -> None: ...

class BrokerAccount(_message.Message):
    __slots__ = ("account_id", "user_id", "broker", "client_code", "gate", "gate_reason", "session", "session_error", "logged_in_at", "owner_id", "epoch", "status")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    BROKER_FIELD_NUMBER: _ClassVar[int]
    CLIENT_CODE_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    GATE_REASON_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SESSION_ERROR_FIELD_NUMBER: _ClassVar[int]
    LOGGED_IN_AT_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    user_id: str
    broker: str
    client_code: str
    gate: Gate
    gate_reason: str
    session: str
    session_error: str
    logged_in_at: _timestamp_pb2.Timestamp
    owner_id: str
    epoch: int
    status: BrokerAccountStatus
    def __init__(self, account_id: _Optional[str] = ..., user_id: _Optional[str] = ..., broker: _Optional[str] = ..., client_code: _Optional[str] = ..., gate: _Optional[_Union[Gate, str]] = ..., gate_reason: _Optional[str] = ..., session: _Optional[str] = ..., session_error: _Optional[str] = ..., logged_in_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., owner_id: _Optional[str] = ..., epoch: _Optional[int] = ..., status: _Optional[_Union[BrokerAccountStatus, _Mapping]] = ...) -> None: ...

class BrokerAccountStatus(_message.Message):
    __slots__ = ("as_of", "session_usable", "session_expires_at", "source_address", "problem", "fence_epoch", "fence_confirmed_at", "order_stream", "reconciling", "reconciled_at", "positions_compared_at", "trades_compared_at", "budgets", "margin", "working_orders", "unknown_orders", "holds", "guards")
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    SESSION_USABLE_FIELD_NUMBER: _ClassVar[int]
    SESSION_EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    FENCE_EPOCH_FIELD_NUMBER: _ClassVar[int]
    FENCE_CONFIRMED_AT_FIELD_NUMBER: _ClassVar[int]
    ORDER_STREAM_FIELD_NUMBER: _ClassVar[int]
    RECONCILING_FIELD_NUMBER: _ClassVar[int]
    RECONCILED_AT_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_COMPARED_AT_FIELD_NUMBER: _ClassVar[int]
    TRADES_COMPARED_AT_FIELD_NUMBER: _ClassVar[int]
    BUDGETS_FIELD_NUMBER: _ClassVar[int]
    MARGIN_FIELD_NUMBER: _ClassVar[int]
    WORKING_ORDERS_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_ORDERS_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    GUARDS_FIELD_NUMBER: _ClassVar[int]
    as_of: _timestamp_pb2.Timestamp
    session_usable: bool
    session_expires_at: _timestamp_pb2.Timestamp
    source_address: str
    problem: str
    fence_epoch: int
    fence_confirmed_at: _timestamp_pb2.Timestamp
    order_stream: OrderStreamStatus
    reconciling: str
    reconciled_at: _timestamp_pb2.Timestamp
    positions_compared_at: _timestamp_pb2.Timestamp
    trades_compared_at: _timestamp_pb2.Timestamp
    budgets: _containers.RepeatedCompositeFieldContainer[BudgetWindow]
    margin: MarginFigures
    working_orders: int
    unknown_orders: int
    holds: int
    guards: int
    def __init__(self, as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., session_usable: _Optional[bool] = ..., session_expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source_address: _Optional[str] = ..., problem: _Optional[str] = ..., fence_epoch: _Optional[int] = ..., fence_confirmed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., order_stream: _Optional[_Union[OrderStreamStatus, _Mapping]] = ..., reconciling: _Optional[str] = ..., reconciled_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., positions_compared_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., trades_compared_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., budgets: _Optional[_Iterable[_Union[BudgetWindow, _Mapping]]] = ..., margin: _Optional[_Union[MarginFigures, _Mapping]] = ..., working_orders: _Optional[int] = ..., unknown_orders: _Optional[int] = ..., holds: _Optional[int] = ..., guards: _Optional[int] = ...) -> None: ...

class OrderStreamStatus(_message.Message):
    __slots__ = ("connected", "problem", "changed_at", "age_ms")
    CONNECTED_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    connected: bool
    problem: str
    changed_at: _timestamp_pb2.Timestamp
    age_ms: int
    def __init__(self, connected: _Optional[bool] = ..., problem: _Optional[str] = ..., changed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., age_ms: _Optional[int] = ...) -> None: ...

class BudgetWindow(_message.Message):
    __slots__ = ("category", "window_seconds", "limit", "left", "paused_seconds")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    WINDOW_SECONDS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    PAUSED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    category: str
    window_seconds: float
    limit: int
    left: int
    paused_seconds: float
    def __init__(self, category: _Optional[str] = ..., window_seconds: _Optional[float] = ..., limit: _Optional[int] = ..., left: _Optional[int] = ..., paused_seconds: _Optional[float] = ...) -> None: ...

class MarginFigures(_message.Message):
    __slots__ = ("available", "utilised", "committed", "read_at", "current", "problem")
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    UTILISED_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    READ_AT_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    available: str
    utilised: str
    committed: str
    read_at: _timestamp_pb2.Timestamp
    current: bool
    problem: str
    def __init__(self, available: _Optional[str] = ..., utilised: _Optional[str] = ..., committed: _Optional[str] = ..., read_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., current: _Optional[bool] = ..., problem: _Optional[str] = ...) -> None: ...

class GetBrokerAccountRequest(_message.Message):
    __slots__ = ("account_id",)
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    def __init__(self, account_id: _Optional[str] = ...) -> None: ...

class LoginBrokerAccountRequest(_message.Message):
    __slots__ = ("account_id", "one_time_password", "reason")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ONE_TIME_PASSWORD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    one_time_password: str
    reason: str
    def __init__(self, account_id: _Optional[str] = ..., one_time_password: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class GetHealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetHealthResponse(_message.Message):
    __slots__ = ("healthy", "database", "redis", "feed", "runners", "accounts", "problems", "instruments")
    HEALTHY_FIELD_NUMBER: _ClassVar[int]
    DATABASE_FIELD_NUMBER: _ClassVar[int]
    REDIS_FIELD_NUMBER: _ClassVar[int]
    FEED_FIELD_NUMBER: _ClassVar[int]
    RUNNERS_FIELD_NUMBER: _ClassVar[int]
    ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    healthy: bool
    database: bool
    redis: bool
    feed: bool
    runners: bool
    accounts: bool
    problems: _containers.RepeatedScalarFieldContainer[str]
    instruments: bool
    def __init__(self, healthy: _Optional[bool] = ..., database: _Optional[bool] = ..., redis: _Optional[bool] = ..., feed: _Optional[bool] = ..., runners: _Optional[bool] = ..., accounts: _Optional[bool] = ..., problems: _Optional[_Iterable[str]] = ..., instruments: _Optional[bool] = ...) -> None: ...

class ListRunnersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRunnersResponse(_message.Message):
    __slots__ = ("runners",)
    RUNNERS_FIELD_NUMBER: _ClassVar[int]
    runners: _containers.RepeatedCompositeFieldContainer[Runner]
    def __init__(self, runners: _Optional[_Iterable[_Union[Runner, _Mapping]]] = ...) -> None: ...

class CordonRunnerRequest(_message.Message):
    __slots__ = ("runner_id", "reason")
    RUNNER_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    runner_id: str
    reason: str
    def __init__(self, runner_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class DrainRunnerRequest(_message.Message):
    __slots__ = ("runner_id", "reason")
    RUNNER_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    runner_id: str
    reason: str
    def __init__(self, runner_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class UncordonRunnerRequest(_message.Message):
    __slots__ = ("runner_id", "reason")
    RUNNER_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    runner_id: str
    reason: str
    def __init__(self, runner_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class UncordonRunnerResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListBrokerAccountsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListBrokerAccountsResponse(_message.Message):
    __slots__ = ("broker_accounts",)
    BROKER_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    broker_accounts: _containers.RepeatedCompositeFieldContainer[BrokerAccount]
    def __init__(self, broker_accounts: _Optional[_Iterable[_Union[BrokerAccount, _Mapping]]] = ...) -> None: ...

class ListAuditEventsRequest(_message.Message):
    __slots__ = ("subject_type", "subject_id", "page_size", "page_token")
    SUBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    subject_type: str
    subject_id: str
    page_size: int
    page_token: str
    def __init__(self, subject_type: _Optional[str] = ..., subject_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAuditEventsResponse(_message.Message):
    __slots__ = ("audit_events", "next_page_token")
    AUDIT_EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    audit_events: _containers.RepeatedCompositeFieldContainer[_common_pb2.AuditEvent]
    next_page_token: str
    def __init__(self, audit_events: _Optional[_Iterable[_Union[_common_pb2.AuditEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class VerifyAuditLogRequest(_message.Message):
    __slots__ = ("heads",)
    HEADS_FIELD_NUMBER: _ClassVar[int]
    heads: _containers.RepeatedCompositeFieldContainer[AuditHead]
    def __init__(self, heads: _Optional[_Iterable[_Union[AuditHead, _Mapping]]] = ...) -> None: ...

class VerifyAuditLogResponse(_message.Message):
    __slots__ = ("checked", "heads", "problem")
    CHECKED_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    checked: int
    heads: _containers.RepeatedCompositeFieldContainer[AuditHead]
    problem: AuditProblem
    def __init__(self, checked: _Optional[int] = ..., heads: _Optional[_Iterable[_Union[AuditHead, _Mapping]]] = ..., problem: _Optional[_Union[AuditProblem, _Mapping]] = ...) -> None: ...

class AuditHead(_message.Message):
    __slots__ = ("stream", "sequence", "hash")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    stream: str
    sequence: int
    hash: str
    def __init__(self, stream: _Optional[str] = ..., sequence: _Optional[int] = ..., hash: _Optional[str] = ...) -> None: ...

class AuditProblem(_message.Message):
    __slots__ = ("stream", "sequence", "audit_id", "what")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AUDIT_ID_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    stream: str
    sequence: int
    audit_id: int
    what: str
    def __init__(self, stream: _Optional[str] = ..., sequence: _Optional[int] = ..., audit_id: _Optional[int] = ..., what: _Optional[str] = ...) -> None: ...

class ExportAuditLogRequest(_message.Message):
    __slots__ = ("start", "end", "account_id")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    start: _timestamp_pb2.Timestamp
    end: _timestamp_pb2.Timestamp
    account_id: str
    def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., account_id: _Optional[str] = ...) -> None: ...

class ExportAuditLogResponse(_message.Message):
    __slots__ = ("audit_records",)
    AUDIT_RECORDS_FIELD_NUMBER: _ClassVar[int]
    audit_records: _containers.RepeatedCompositeFieldContainer[AuditRecord]
    def __init__(self, audit_records: _Optional[_Iterable[_Union[AuditRecord, _Mapping]]] = ...) -> None: ...

class AuditRecord(_message.Message):
    __slots__ = ("audit_id", "recorded_at", "actor", "action", "subject_type", "subject_id", "account_id", "reason", "before", "after", "source", "stream", "sequence", "hash")
    AUDIT_ID_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    audit_id: int
    recorded_at: _timestamp_pb2.Timestamp
    actor: str
    action: str
    subject_type: str
    subject_id: str
    account_id: str
    reason: str
    before: str
    after: str
    source: str
    stream: str
    sequence: int
    hash: str
    def __init__(self, audit_id: _Optional[int] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., action: _Optional[str] = ..., subject_type: _Optional[str] = ..., subject_id: _Optional[str] = ..., account_id: _Optional[str] = ..., reason: _Optional[str] = ..., before: _Optional[str] = ..., after: _Optional[str] = ..., source: _Optional[str] = ..., stream: _Optional[str] = ..., sequence: _Optional[int] = ..., hash: _Optional[str] = ...) -> None: ...

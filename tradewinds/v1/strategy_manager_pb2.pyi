import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tradewinds.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DesiredState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DESIRED_STATE_UNSPECIFIED: _ClassVar[DesiredState]
    DESIRED_STATE_STOPPED: _ClassVar[DesiredState]
    DESIRED_STATE_RUNNING: _ClassVar[DesiredState]

class StrategyState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STRATEGY_STATE_UNSPECIFIED: _ClassVar[StrategyState]
    STRATEGY_STATE_STOPPED: _ClassVar[StrategyState]
    STRATEGY_STATE_PENDING: _ClassVar[StrategyState]
    STRATEGY_STATE_STARTING: _ClassVar[StrategyState]
    STRATEGY_STATE_RUNNING: _ClassVar[StrategyState]
    STRATEGY_STATE_STOPPING: _ClassVar[StrategyState]
    STRATEGY_STATE_BACKOFF: _ClassVar[StrategyState]
    STRATEGY_STATE_FAILED: _ClassVar[StrategyState]
    STRATEGY_STATE_QUARANTINED: _ClassVar[StrategyState]
    STRATEGY_STATE_SCHEDULED: _ClassVar[StrategyState]

class OnCrash(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ON_CRASH_UNSPECIFIED: _ClassVar[OnCrash]
    ON_CRASH_RESUME: _ClassVar[OnCrash]
    ON_CRASH_LEAVE_OPEN: _ClassVar[OnCrash]
    ON_CRASH_SQUARE_OFF: _ClassVar[OnCrash]

class CommandVerb(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMMAND_VERB_UNSPECIFIED: _ClassVar[CommandVerb]
    COMMAND_VERB_START: _ClassVar[CommandVerb]
    COMMAND_VERB_STOP: _ClassVar[CommandVerb]
    COMMAND_VERB_RESTART: _ClassVar[CommandVerb]
    COMMAND_VERB_PAUSE: _ClassVar[CommandVerb]
    COMMAND_VERB_RESUME: _ClassVar[CommandVerb]
    COMMAND_VERB_UPDATE_CONFIG: _ClassVar[CommandVerb]
    COMMAND_VERB_KILL: _ClassVar[CommandVerb]
    COMMAND_VERB_RELEASE: _ClassVar[CommandVerb]
    COMMAND_VERB_SIGNAL: _ClassVar[CommandVerb]

class CommandStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMMAND_STATUS_UNSPECIFIED: _ClassVar[CommandStatus]
    COMMAND_STATUS_PENDING: _ClassVar[CommandStatus]
    COMMAND_STATUS_CLAIMED: _ClassVar[CommandStatus]
    COMMAND_STATUS_DONE: _ClassVar[CommandStatus]
    COMMAND_STATUS_FAILED: _ClassVar[CommandStatus]
    COMMAND_STATUS_EXPIRED: _ClassVar[CommandStatus]
DESIRED_STATE_UNSPECIFIED: DesiredState
DESIRED_STATE_STOPPED: DesiredState
DESIRED_STATE_RUNNING: DesiredState
STRATEGY_STATE_UNSPECIFIED: StrategyState
STRATEGY_STATE_STOPPED: StrategyState
STRATEGY_STATE_PENDING: StrategyState
STRATEGY_STATE_STARTING: StrategyState
STRATEGY_STATE_RUNNING: StrategyState
STRATEGY_STATE_STOPPING: StrategyState
STRATEGY_STATE_BACKOFF: StrategyState
STRATEGY_STATE_FAILED: StrategyState
STRATEGY_STATE_QUARANTINED: StrategyState
STRATEGY_STATE_SCHEDULED: StrategyState
ON_CRASH_UNSPECIFIED: OnCrash
ON_CRASH_RESUME: OnCrash
ON_CRASH_LEAVE_OPEN: OnCrash
ON_CRASH_SQUARE_OFF: OnCrash
COMMAND_VERB_UNSPECIFIED: CommandVerb
COMMAND_VERB_START: CommandVerb
COMMAND_VERB_STOP: CommandVerb
COMMAND_VERB_RESTART: CommandVerb
COMMAND_VERB_PAUSE: CommandVerb
COMMAND_VERB_RESUME: CommandVerb
COMMAND_VERB_UPDATE_CONFIG: CommandVerb
COMMAND_VERB_KILL: CommandVerb
COMMAND_VERB_RELEASE: CommandVerb
COMMAND_VERB_SIGNAL: CommandVerb
COMMAND_STATUS_UNSPECIFIED: CommandStatus
COMMAND_STATUS_PENDING: CommandStatus
COMMAND_STATUS_CLAIMED: CommandStatus
COMMAND_STATUS_DONE: CommandStatus
COMMAND_STATUS_FAILED: CommandStatus
COMMAND_STATUS_EXPIRED: CommandStatus

class Strategy(_message.Message):
    __slots__ = ("module_path", "class_name", "params_schema", "description", "code_hash", "registered_at")
    MODULE_PATH_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    PARAMS_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CODE_HASH_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_AT_FIELD_NUMBER: _ClassVar[int]
    module_path: str
    class_name: str
    params_schema: _struct_pb2.Struct
    description: str
    code_hash: str
    registered_at: _timestamp_pb2.Timestamp
    def __init__(self, module_path: _Optional[str] = ..., class_name: _Optional[str] = ..., params_schema: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., description: _Optional[str] = ..., code_hash: _Optional[str] = ..., registered_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StrategyConfig(_message.Message):
    __slots__ = ("config_id", "user_id", "account_id", "module_path", "class_name", "config", "desired_state", "state", "state_reason", "runner_id", "epoch", "process_id", "heartbeat_at", "created_at", "updated_at", "metrics", "crash_count", "paused", "running_code_hash", "on_crash", "schedule", "flatten_because", "pause_reason")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    MODULE_PATH_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    DESIRED_STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_REASON_FIELD_NUMBER: _ClassVar[int]
    RUNNER_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    CRASH_COUNT_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_CODE_HASH_FIELD_NUMBER: _ClassVar[int]
    ON_CRASH_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    FLATTEN_BECAUSE_FIELD_NUMBER: _ClassVar[int]
    PAUSE_REASON_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    user_id: str
    account_id: str
    module_path: str
    class_name: str
    config: _struct_pb2.Struct
    desired_state: DesiredState
    state: StrategyState
    state_reason: str
    runner_id: str
    epoch: int
    process_id: int
    heartbeat_at: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    metrics: _containers.ScalarMap[str, float]
    crash_count: int
    paused: bool
    running_code_hash: str
    on_crash: OnCrash
    schedule: Schedule
    flatten_because: str
    pause_reason: str
    def __init__(self, config_id: _Optional[str] = ..., user_id: _Optional[str] = ..., account_id: _Optional[str] = ..., module_path: _Optional[str] = ..., class_name: _Optional[str] = ..., config: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., desired_state: _Optional[_Union[DesiredState, str]] = ..., state: _Optional[_Union[StrategyState, str]] = ..., state_reason: _Optional[str] = ..., runner_id: _Optional[str] = ..., epoch: _Optional[int] = ..., process_id: _Optional[int] = ..., heartbeat_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., metrics: _Optional[_Mapping[str, float]] = ..., crash_count: _Optional[int] = ..., paused: _Optional[bool] = ..., running_code_hash: _Optional[str] = ..., on_crash: _Optional[_Union[OnCrash, str]] = ..., schedule: _Optional[_Union[Schedule, _Mapping]] = ..., flatten_because: _Optional[str] = ..., pause_reason: _Optional[str] = ...) -> None: ...

class Schedule(_message.Message):
    __slots__ = ("segment", "phases", "square_off_minutes")
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    PHASES_FIELD_NUMBER: _ClassVar[int]
    SQUARE_OFF_MINUTES_FIELD_NUMBER: _ClassVar[int]
    segment: str
    phases: _containers.RepeatedScalarFieldContainer[str]
    square_off_minutes: int
    def __init__(self, segment: _Optional[str] = ..., phases: _Optional[_Iterable[str]] = ..., square_off_minutes: _Optional[int] = ...) -> None: ...

class StrategyCommand(_message.Message):
    __slots__ = ("command_id", "config_id", "verb", "issuer", "reason", "status", "result", "created_at", "completed_at", "claimed_at", "expires_at", "attempts")
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    VERB_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    CLAIMED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    config_id: str
    verb: CommandVerb
    issuer: str
    reason: str
    status: CommandStatus
    result: str
    created_at: _timestamp_pb2.Timestamp
    completed_at: _timestamp_pb2.Timestamp
    claimed_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    attempts: int
    def __init__(self, command_id: _Optional[str] = ..., config_id: _Optional[str] = ..., verb: _Optional[_Union[CommandVerb, str]] = ..., issuer: _Optional[str] = ..., reason: _Optional[str] = ..., status: _Optional[_Union[CommandStatus, str]] = ..., result: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., claimed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attempts: _Optional[int] = ...) -> None: ...

class StrategyRun(_message.Message):
    __slots__ = ("run_id", "config_id", "epoch", "runner_id", "process_id", "code_hash", "started_at", "ended_at", "outcome", "detail")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    RUNNER_ID_FIELD_NUMBER: _ClassVar[int]
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_HASH_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    config_id: str
    epoch: int
    runner_id: str
    process_id: int
    code_hash: str
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    outcome: str
    detail: str
    def __init__(self, run_id: _Optional[str] = ..., config_id: _Optional[str] = ..., epoch: _Optional[int] = ..., runner_id: _Optional[str] = ..., process_id: _Optional[int] = ..., code_hash: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class MetricValue(_message.Message):
    __slots__ = ("recorded_at", "value")
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    recorded_at: _timestamp_pb2.Timestamp
    value: float
    def __init__(self, recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., value: _Optional[float] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ("config_id", "page_size", "page_token")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    page_size: int
    page_token: str
    def __init__(self, config_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs", "next_page_token")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[StrategyRun]
    next_page_token: str
    def __init__(self, runs: _Optional[_Iterable[_Union[StrategyRun, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListMetricsRequest(_message.Message):
    __slots__ = ("config_id", "name", "page_size", "page_token")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    name: str
    page_size: int
    page_token: str
    def __init__(self, config_id: _Optional[str] = ..., name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMetricsResponse(_message.Message):
    __slots__ = ("values", "next_page_token")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[MetricValue]
    next_page_token: str
    def __init__(self, values: _Optional[_Iterable[_Union[MetricValue, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchStrategiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchStrategiesResponse(_message.Message):
    __slots__ = ("strategy_configs", "deleted_config_ids", "end")
    STRATEGY_CONFIGS_FIELD_NUMBER: _ClassVar[int]
    DELETED_CONFIG_IDS_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    strategy_configs: _containers.RepeatedCompositeFieldContainer[StrategyConfig]
    deleted_config_ids: _containers.RepeatedScalarFieldContainer[str]
    end: _common_pb2.WatchEnd
    def __init__(self, strategy_configs: _Optional[_Iterable[_Union[StrategyConfig, _Mapping]]] = ..., deleted_config_ids: _Optional[_Iterable[str]] = ..., end: _Optional[_Union[_common_pb2.WatchEnd, _Mapping]] = ...) -> None: ...

class ListStrategiesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStrategiesResponse(_message.Message):
    __slots__ = ("strategies", "next_page_token")
    STRATEGIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    strategies: _containers.RepeatedCompositeFieldContainer[Strategy]
    next_page_token: str
    def __init__(self, strategies: _Optional[_Iterable[_Union[Strategy, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CreateStrategyConfigRequest(_message.Message):
    __slots__ = ("config_id", "user_id", "account_id", "module_path", "class_name", "config", "request_id", "on_crash", "schedule")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    MODULE_PATH_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ON_CRASH_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    user_id: str
    account_id: str
    module_path: str
    class_name: str
    config: _struct_pb2.Struct
    request_id: str
    on_crash: OnCrash
    schedule: Schedule
    def __init__(self, config_id: _Optional[str] = ..., user_id: _Optional[str] = ..., account_id: _Optional[str] = ..., module_path: _Optional[str] = ..., class_name: _Optional[str] = ..., config: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., request_id: _Optional[str] = ..., on_crash: _Optional[_Union[OnCrash, str]] = ..., schedule: _Optional[_Union[Schedule, _Mapping]] = ...) -> None: ...

class GetStrategyConfigRequest(_message.Message):
    __slots__ = ("config_id",)
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    def __init__(self, config_id: _Optional[str] = ...) -> None: ...

class ListStrategyConfigsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListStrategyConfigsResponse(_message.Message):
    __slots__ = ("strategy_configs", "next_page_token")
    STRATEGY_CONFIGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    strategy_configs: _containers.RepeatedCompositeFieldContainer[StrategyConfig]
    next_page_token: str
    def __init__(self, strategy_configs: _Optional[_Iterable[_Union[StrategyConfig, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteStrategyConfigRequest(_message.Message):
    __slots__ = ("config_id",)
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    def __init__(self, config_id: _Optional[str] = ...) -> None: ...

class DeleteStrategyConfigResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StartStrategyRequest(_message.Message):
    __slots__ = ("config_id", "reason", "request_id")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    reason: str
    request_id: str
    def __init__(self, config_id: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class StopStrategyRequest(_message.Message):
    __slots__ = ("config_id", "reason", "request_id")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    reason: str
    request_id: str
    def __init__(self, config_id: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RestartStrategyRequest(_message.Message):
    __slots__ = ("config_id", "reason", "request_id")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    reason: str
    request_id: str
    def __init__(self, config_id: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class PauseStrategyRequest(_message.Message):
    __slots__ = ("config_id", "reason", "request_id")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    reason: str
    request_id: str
    def __init__(self, config_id: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ResumeStrategyRequest(_message.Message):
    __slots__ = ("config_id", "reason", "request_id")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    reason: str
    request_id: str
    def __init__(self, config_id: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class KillStrategyRequest(_message.Message):
    __slots__ = ("config_id", "reason", "request_id")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    reason: str
    request_id: str
    def __init__(self, config_id: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReleaseStrategyRequest(_message.Message):
    __slots__ = ("config_id", "reason", "request_id")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    reason: str
    request_id: str
    def __init__(self, config_id: _Optional[str] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class SignalStrategyRequest(_message.Message):
    __slots__ = ("config_id", "signal", "reason", "request_id")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    signal: _struct_pb2.Struct
    reason: str
    request_id: str
    def __init__(self, config_id: _Optional[str] = ..., signal: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateStrategyConfigRequest(_message.Message):
    __slots__ = ("config_id", "config", "update_mask", "reason", "request_id", "on_crash", "schedule", "clear_schedule")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ON_CRASH_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    CLEAR_SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    config: _struct_pb2.Struct
    update_mask: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    request_id: str
    on_crash: OnCrash
    schedule: Schedule
    clear_schedule: bool
    def __init__(self, config_id: _Optional[str] = ..., config: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., update_mask: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ..., on_crash: _Optional[_Union[OnCrash, str]] = ..., schedule: _Optional[_Union[Schedule, _Mapping]] = ..., clear_schedule: _Optional[bool] = ...) -> None: ...

class ListStrategyLogsRequest(_message.Message):
    __slots__ = ("config_id", "page_size", "cursor")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    page_size: int
    cursor: str
    def __init__(self, config_id: _Optional[str] = ..., page_size: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListStrategyLogsResponse(_message.Message):
    __slots__ = ("lines", "cursor")
    LINES_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[StrategyLogLine]
    cursor: str
    def __init__(self, lines: _Optional[_Iterable[_Union[StrategyLogLine, _Mapping]]] = ..., cursor: _Optional[str] = ...) -> None: ...

class WatchStrategyLogsRequest(_message.Message):
    __slots__ = ("config_id", "page_size", "cursor")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    page_size: int
    cursor: str
    def __init__(self, config_id: _Optional[str] = ..., page_size: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class WatchStrategyLogsResponse(_message.Message):
    __slots__ = ("lines", "cursor", "end")
    LINES_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedCompositeFieldContainer[StrategyLogLine]
    cursor: str
    end: _common_pb2.WatchEnd
    def __init__(self, lines: _Optional[_Iterable[_Union[StrategyLogLine, _Mapping]]] = ..., cursor: _Optional[str] = ..., end: _Optional[_Union[_common_pb2.WatchEnd, _Mapping]] = ...) -> None: ...

class StrategyLogLine(_message.Message):
    __slots__ = ("written_at", "source", "text")
    WRITTEN_AT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    written_at: _timestamp_pb2.Timestamp
    source: str
    text: str
    def __init__(self, written_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class GetCommandRequest(_message.Message):
    __slots__ = ("command_id",)
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    command_id: str
    def __init__(self, command_id: _Optional[str] = ...) -> None: ...

class ListCommandsRequest(_message.Message):
    __slots__ = ("config_id", "page_size", "page_token")
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    config_id: str
    page_size: int
    page_token: str
    def __init__(self, config_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCommandsResponse(_message.Message):
    __slots__ = ("commands", "next_page_token")
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    commands: _containers.RepeatedCompositeFieldContainer[StrategyCommand]
    next_page_token: str
    def __init__(self, commands: _Optional[_Iterable[_Union[StrategyCommand, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

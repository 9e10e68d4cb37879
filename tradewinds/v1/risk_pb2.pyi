import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RiskScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RISK_SCOPE_UNSPECIFIED: _ClassVar[RiskScope]
    RISK_SCOPE_GLOBAL: _ClassVar[RiskScope]
    RISK_SCOPE_ACCOUNT: _ClassVar[RiskScope]
    RISK_SCOPE_STRATEGY: _ClassVar[RiskScope]

class KillAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KILL_ACTION_UNSPECIFIED: _ClassVar[KillAction]
    KILL_ACTION_REDUCE_ONLY: _ClassVar[KillAction]
    KILL_ACTION_HALT: _ClassVar[KillAction]
    KILL_ACTION_CANCEL_ALL: _ClassVar[KillAction]
    KILL_ACTION_SQUARE_OFF: _ClassVar[KillAction]

class RiskDecisionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RISK_DECISION_KIND_UNSPECIFIED: _ClassVar[RiskDecisionKind]
    RISK_DECISION_KIND_LOOSEN_LIMITS: _ClassVar[RiskDecisionKind]
    RISK_DECISION_KIND_RELEASE_KILL_SWITCH: _ClassVar[RiskDecisionKind]

class RiskDecisionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RISK_DECISION_STATE_UNSPECIFIED: _ClassVar[RiskDecisionState]
    RISK_DECISION_STATE_PENDING: _ClassVar[RiskDecisionState]
    RISK_DECISION_STATE_APPLIED: _ClassVar[RiskDecisionState]
    RISK_DECISION_STATE_WITHDRAWN: _ClassVar[RiskDecisionState]
RISK_SCOPE_UNSPECIFIED: RiskScope
RISK_SCOPE_GLOBAL: RiskScope
RISK_SCOPE_ACCOUNT: RiskScope
RISK_SCOPE_STRATEGY: RiskScope
KILL_ACTION_UNSPECIFIED: KillAction
KILL_ACTION_REDUCE_ONLY: KillAction
KILL_ACTION_HALT: KillAction
KILL_ACTION_CANCEL_ALL: KillAction
KILL_ACTION_SQUARE_OFF: KillAction
RISK_DECISION_KIND_UNSPECIFIED: RiskDecisionKind
RISK_DECISION_KIND_LOOSEN_LIMITS: RiskDecisionKind
RISK_DECISION_KIND_RELEASE_KILL_SWITCH: RiskDecisionKind
RISK_DECISION_STATE_UNSPECIFIED: RiskDecisionState
RISK_DECISION_STATE_PENDING: RiskDecisionState
RISK_DECISION_STATE_APPLIED: RiskDecisionState
RISK_DECISION_STATE_WITHDRAWN: RiskDecisionState

class RiskLimit(_message.Message):
    __slots__ = ("limit_id", "scope", "subject_id", "max_order_quantity", "max_order_value", "max_open_order_value", "max_gross_exposure", "max_net_exposure", "max_open_orders", "max_unknown_orders", "max_orders_per_minute", "max_orders_per_trade", "max_repeated_entries", "duplicate_window_seconds", "collar_percent", "option_collar_percent", "max_quote_age_seconds", "expiry_days", "max_daily_loss", "max_drawdown", "in_force", "usage", "pending")
    class InForceEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class UsageEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    LIMIT_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDER_QUANTITY_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDER_VALUE_FIELD_NUMBER: _ClassVar[int]
    MAX_OPEN_ORDER_VALUE_FIELD_NUMBER: _ClassVar[int]
    MAX_GROSS_EXPOSURE_FIELD_NUMBER: _ClassVar[int]
    MAX_NET_EXPOSURE_FIELD_NUMBER: _ClassVar[int]
    MAX_OPEN_ORDERS_FIELD_NUMBER: _ClassVar[int]
    MAX_UNKNOWN_ORDERS_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDERS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    MAX_ORDERS_PER_TRADE_FIELD_NUMBER: _ClassVar[int]
    MAX_REPEATED_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_WINDOW_SECONDS_FIELD_NUMBER: _ClassVar[int]
    COLLAR_PERCENT_FIELD_NUMBER: _ClassVar[int]
    OPTION_COLLAR_PERCENT_FIELD_NUMBER: _ClassVar[int]
    MAX_QUOTE_AGE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    EXPIRY_DAYS_FIELD_NUMBER: _ClassVar[int]
    MAX_DAILY_LOSS_FIELD_NUMBER: _ClassVar[int]
    MAX_DRAWDOWN_FIELD_NUMBER: _ClassVar[int]
    IN_FORCE_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    limit_id: str
    scope: RiskScope
    subject_id: str
    max_order_quantity: str
    max_order_value: str
    max_open_order_value: str
    max_gross_exposure: str
    max_net_exposure: str
    max_open_orders: str
    max_unknown_orders: str
    max_orders_per_minute: str
    max_orders_per_trade: str
    max_repeated_entries: str
    duplicate_window_seconds: str
    collar_percent: str
    option_collar_percent: str
    max_quote_age_seconds: str
    expiry_days: str
    max_daily_loss: str
    max_drawdown: str
    in_force: _containers.ScalarMap[str, str]
    usage: _containers.ScalarMap[str, str]
    pending: _containers.RepeatedCompositeFieldContainer[RiskDecision]
    def __init__(self, limit_id: _Optional[str] = ..., scope: _Optional[_Union[RiskScope, str]] = ..., subject_id: _Optional[str] = ..., max_order_quantity: _Optional[str] = ..., max_order_value: _Optional[str] = ..., max_open_order_value: _Optional[str] = ..., max_gross_exposure: _Optional[str] = ..., max_net_exposure: _Optional[str] = ..., max_open_orders: _Optional[str] = ..., max_unknown_orders: _Optional[str] = ..., max_orders_per_minute: _Optional[str] = ..., max_orders_per_trade: _Optional[str] = ..., max_repeated_entries: _Optional[str] = ..., duplicate_window_seconds: _Optional[str] = ..., collar_percent: _Optional[str] = ..., option_collar_percent: _Optional[str] = ..., max_quote_age_seconds: _Optional[str] = ..., expiry_days: _Optional[str] = ..., max_daily_loss: _Optional[str] = ..., max_drawdown: _Optional[str] = ..., in_force: _Optional[_Mapping[str, str]] = ..., usage: _Optional[_Mapping[str, str]] = ..., pending: _Optional[_Iterable[_Union[RiskDecision, _Mapping]]] = ...) -> None: ...

class KillSwitch(_message.Message):
    __slots__ = ("kill_id", "scope", "subject_id", "action", "include_holdings", "reason", "engaged_by", "engaged_at", "released_by", "release_reason", "released_at", "progress", "done", "pending_release")
    KILL_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_HOLDINGS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ENGAGED_BY_FIELD_NUMBER: _ClassVar[int]
    ENGAGED_AT_FIELD_NUMBER: _ClassVar[int]
    RELEASED_BY_FIELD_NUMBER: _ClassVar[int]
    RELEASE_REASON_FIELD_NUMBER: _ClassVar[int]
    RELEASED_AT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    PENDING_RELEASE_FIELD_NUMBER: _ClassVar[int]
    kill_id: str
    scope: RiskScope
    subject_id: str
    action: KillAction
    include_holdings: bool
    reason: str
    engaged_by: str
    engaged_at: _timestamp_pb2.Timestamp
    released_by: str
    release_reason: str
    released_at: _timestamp_pb2.Timestamp
    progress: _containers.RepeatedCompositeFieldContainer[KillProgress]
    done: bool
    pending_release: RiskDecision
    def __init__(self, kill_id: _Optional[str] = ..., scope: _Optional[_Union[RiskScope, str]] = ..., subject_id: _Optional[str] = ..., action: _Optional[_Union[KillAction, str]] = ..., include_holdings: _Optional[bool] = ..., reason: _Optional[str] = ..., engaged_by: _Optional[str] = ..., engaged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., released_by: _Optional[str] = ..., release_reason: _Optional[str] = ..., released_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., progress: _Optional[_Iterable[_Union[KillProgress, _Mapping]]] = ..., done: _Optional[bool] = ..., pending_release: _Optional[_Union[RiskDecision, _Mapping]] = ...) -> None: ...

class KillProgress(_message.Message):
    __slots__ = ("account_id", "owner_id", "epoch", "acknowledged_at", "fenced_at", "open_orders", "open_positions", "proven_at", "problem")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_AT_FIELD_NUMBER: _ClassVar[int]
    FENCED_AT_FIELD_NUMBER: _ClassVar[int]
    OPEN_ORDERS_FIELD_NUMBER: _ClassVar[int]
    OPEN_POSITIONS_FIELD_NUMBER: _ClassVar[int]
    PROVEN_AT_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    owner_id: str
    epoch: int
    acknowledged_at: _timestamp_pb2.Timestamp
    fenced_at: _timestamp_pb2.Timestamp
    open_orders: int
    open_positions: int
    proven_at: _timestamp_pb2.Timestamp
    problem: str
    def __init__(self, account_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., epoch: _Optional[int] = ..., acknowledged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fenced_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., open_orders: _Optional[int] = ..., open_positions: _Optional[int] = ..., proven_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., problem: _Optional[str] = ...) -> None: ...

class RiskDecision(_message.Message):
    __slots__ = ("decision_id", "kind", "scope", "subject_id", "changes", "reason", "requested_by", "requested_at", "approvals", "approvals_needed", "applies_at", "state")
    class ChangesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_FIELD_NUMBER: _ClassVar[int]
    APPROVALS_FIELD_NUMBER: _ClassVar[int]
    APPROVALS_NEEDED_FIELD_NUMBER: _ClassVar[int]
    APPLIES_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    kind: RiskDecisionKind
    scope: RiskScope
    subject_id: str
    changes: _containers.ScalarMap[str, str]
    reason: str
    requested_by: str
    requested_at: _timestamp_pb2.Timestamp
    approvals: _containers.RepeatedScalarFieldContainer[str]
    approvals_needed: int
    applies_at: _timestamp_pb2.Timestamp
    state: RiskDecisionState
    def __init__(self, decision_id: _Optional[str] = ..., kind: _Optional[_Union[RiskDecisionKind, str]] = ..., scope: _Optional[_Union[RiskScope, str]] = ..., subject_id: _Optional[str] = ..., changes: _Optional[_Mapping[str, str]] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ..., requested_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., approvals: _Optional[_Iterable[str]] = ..., approvals_needed: _Optional[int] = ..., applies_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[RiskDecisionState, str]] = ...) -> None: ...

class ListRiskLimitsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRiskLimitsResponse(_message.Message):
    __slots__ = ("risk_limits",)
    RISK_LIMITS_FIELD_NUMBER: _ClassVar[int]
    risk_limits: _containers.RepeatedCompositeFieldContainer[RiskLimit]
    def __init__(self, risk_limits: _Optional[_Iterable[_Union[RiskLimit, _Mapping]]] = ...) -> None: ...

class GetRiskLimitRequest(_message.Message):
    __slots__ = ("limit_id",)
    LIMIT_ID_FIELD_NUMBER: _ClassVar[int]
    limit_id: str
    def __init__(self, limit_id: _Optional[str] = ...) -> None: ...

class UpdateRiskLimitRequest(_message.Message):
    __slots__ = ("risk_limit", "update_mask", "reason", "request_id")
    RISK_LIMIT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    risk_limit: RiskLimit
    update_mask: _field_mask_pb2.FieldMask
    reason: str
    request_id: str
    def __init__(self, risk_limit: _Optional[_Union[RiskLimit, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class EngageKillSwitchRequest(_message.Message):
    __slots__ = ("scope", "subject_id", "action", "include_holdings", "reason", "request_id")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_HOLDINGS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    scope: RiskScope
    subject_id: str
    action: KillAction
    include_holdings: bool
    reason: str
    request_id: str
    def __init__(self, scope: _Optional[_Union[RiskScope, str]] = ..., subject_id: _Optional[str] = ..., action: _Optional[_Union[KillAction, str]] = ..., include_holdings: _Optional[bool] = ..., reason: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetKillSwitchRequest(_message.Message):
    __slots__ = ("kill_id",)
    KILL_ID_FIELD_NUMBER: _ClassVar[int]
    kill_id: str
    def __init__(self, kill_id: _Optional[str] = ...) -> None: ...

class ListKillSwitchesRequest(_message.Message):
    __slots__ = ("include_released",)
    INCLUDE_RELEASED_FIELD_NUMBER: _ClassVar[int]
    include_released: bool
    def __init__(self, include_released: _Optional[bool] = ...) -> None: ...

class ListKillSwitchesResponse(_message.Message):
    __slots__ = ("kill_switches",)
    KILL_SWITCHES_FIELD_NUMBER: _ClassVar[int]
    kill_switches: _containers.RepeatedCompositeFieldContainer[KillSwitch]
    def __init__(self, kill_switches: _Optional[_Iterable[_Union[KillSwitch, _Mapping]]] = ...) -> None: ...

class ReleaseKillSwitchRequest(_message.Message):
    __slots__ = ("kill_id", "reason")
    KILL_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    kill_id: str
    reason: str
    def __init__(self, kill_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ListRiskDecisionsRequest(_message.Message):
    __slots__ = ("include_ended",)
    INCLUDE_ENDED_FIELD_NUMBER: _ClassVar[int]
    include_ended: bool
    def __init__(self, include_ended: _Optional[bool] = ...) -> None: ...

class ListRiskDecisionsResponse(_message.Message):
    __slots__ = ("risk_decisions",)
    RISK_DECISIONS_FIELD_NUMBER: _ClassVar[int]
    risk_decisions: _containers.RepeatedCompositeFieldContainer[RiskDecision]
    def __init__(self, risk_decisions: _Optional[_Iterable[_Union[RiskDecision, _Mapping]]] = ...) -> None: ...

class ApproveRiskDecisionRequest(_message.Message):
    __slots__ = ("decision_id", "reason")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    reason: str
    def __init__(self, decision_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class WithdrawRiskDecisionRequest(_message.Message):
    __slots__ = ("decision_id", "reason")
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    decision_id: str
    reason: str
    def __init__(self, decision_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ListProfitAndLossRequest(_message.Message):
    __slots__ = ("account_id", "config_id", "start_day", "end_day")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    START_DAY_FIELD_NUMBER: _ClassVar[int]
    END_DAY_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    config_id: str
    start_day: str
    end_day: str
    def __init__(self, account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., start_day: _Optional[str] = ..., end_day: _Optional[str] = ...) -> None: ...

class ListProfitAndLossResponse(_message.Message):
    __slots__ = ("days",)
    DAYS_FIELD_NUMBER: _ClassVar[int]
    days: _containers.RepeatedCompositeFieldContainer[ProfitAndLoss]
    def __init__(self, days: _Optional[_Iterable[_Union[ProfitAndLoss, _Mapping]]] = ...) -> None: ...

class ProfitAndLoss(_message.Message):
    __slots__ = ("account_id", "config_id", "day", "realised_pnl", "unrealised_pnl", "charges", "net_pnl", "drawdown", "unpriced_positions", "updated_at")
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    REALISED_PNL_FIELD_NUMBER: _ClassVar[int]
    UNREALISED_PNL_FIELD_NUMBER: _ClassVar[int]
    CHARGES_FIELD_NUMBER: _ClassVar[int]
    NET_PNL_FIELD_NUMBER: _ClassVar[int]
    DRAWDOWN_FIELD_NUMBER: _ClassVar[int]
    UNPRICED_POSITIONS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    config_id: str
    day: str
    realised_pnl: str
    unrealised_pnl: str
    charges: str
    net_pnl: str
    drawdown: str
    unpriced_positions: int
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, account_id: _Optional[str] = ..., config_id: _Optional[str] = ..., day: _Optional[str] = ..., realised_pnl: _Optional[str] = ..., unrealised_pnl: _Optional[str] = ..., charges: _Optional[str] = ..., net_pnl: _Optional[str] = ..., drawdown: _Optional[str] = ..., unpriced_positions: _Optional[int] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

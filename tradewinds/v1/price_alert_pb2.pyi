import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PriceAlertMeasure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRICE_ALERT_MEASURE_UNSPECIFIED: _ClassVar[PriceAlertMeasure]
    PRICE_ALERT_MEASURE_PRICE: _ClassVar[PriceAlertMeasure]
    PRICE_ALERT_MEASURE_VOLUME: _ClassVar[PriceAlertMeasure]
    PRICE_ALERT_MEASURE_OPEN_INTEREST: _ClassVar[PriceAlertMeasure]

class PriceAlertCondition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRICE_ALERT_CONDITION_UNSPECIFIED: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_ABOVE: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_BELOW: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_CROSSES_UP: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_CROSSES_DOWN: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_CROSSES: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_RISES_PERCENT: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_FALLS_PERCENT: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_MOVES_PERCENT: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_FALLS_FROM_HIGH: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_RISES_FROM_LOW: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_ENTERS_CHANNEL: _ClassVar[PriceAlertCondition]
    PRICE_ALERT_CONDITION_LEAVES_CHANNEL: _ClassVar[PriceAlertCondition]

class PriceAlertFrequency(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRICE_ALERT_FREQUENCY_UNSPECIFIED: _ClassVar[PriceAlertFrequency]
    PRICE_ALERT_FREQUENCY_ONCE: _ClassVar[PriceAlertFrequency]
    PRICE_ALERT_FREQUENCY_EVERY_TIME: _ClassVar[PriceAlertFrequency]
    PRICE_ALERT_FREQUENCY_ONCE_A_DAY: _ClassVar[PriceAlertFrequency]
    PRICE_ALERT_FREQUENCY_ONCE_PER_BAR: _ClassVar[PriceAlertFrequency]

class PriceAlertReference(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRICE_ALERT_REFERENCE_UNSPECIFIED: _ClassVar[PriceAlertReference]
    PRICE_ALERT_REFERENCE_GIVEN: _ClassVar[PriceAlertReference]
    PRICE_ALERT_REFERENCE_LAST_PRICE: _ClassVar[PriceAlertReference]
    PRICE_ALERT_REFERENCE_PREVIOUS_CLOSE: _ClassVar[PriceAlertReference]

class PriceAlertState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRICE_ALERT_STATE_UNSPECIFIED: _ClassVar[PriceAlertState]
    PRICE_ALERT_STATE_ACTIVE: _ClassVar[PriceAlertState]
    PRICE_ALERT_STATE_TRIGGERED: _ClassVar[PriceAlertState]
    PRICE_ALERT_STATE_EXPIRED: _ClassVar[PriceAlertState]
PRICE_ALERT_MEASURE_UNSPECIFIED: PriceAlertMeasure
PRICE_ALERT_MEASURE_PRICE: PriceAlertMeasure
PRICE_ALERT_MEASURE_VOLUME: PriceAlertMeasure
PRICE_ALERT_MEASURE_OPEN_INTEREST: PriceAlertMeasure
PRICE_ALERT_CONDITION_UNSPECIFIED: PriceAlertCondition
PRICE_ALERT_CONDITION_ABOVE: PriceAlertCondition
PRICE_ALERT_CONDITION_BELOW: PriceAlertCondition
PRICE_ALERT_CONDITION_CROSSES_UP: PriceAlertCondition
PRICE_ALERT_CONDITION_CROSSES_DOWN: PriceAlertCondition
PRICE_ALERT_CONDITION_CROSSES: PriceAlertCondition
PRICE_ALERT_CONDITION_RISES_PERCENT: PriceAlertCondition
PRICE_ALERT_CONDITION_FALLS_PERCENT: PriceAlertCondition
PRICE_ALERT_CONDITION_MOVES_PERCENT: PriceAlertCondition
PRICE_ALERT_CONDITION_FALLS_FROM_HIGH: PriceAlertCondition
PRICE_ALERT_CONDITION_RISES_FROM_LOW: PriceAlertCondition
PRICE_ALERT_CONDITION_ENTERS_CHANNEL: PriceAlertCondition
PRICE_ALERT_CONDITION_LEAVES_CHANNEL: PriceAlertCondition
PRICE_ALERT_FREQUENCY_UNSPECIFIED: PriceAlertFrequency
PRICE_ALERT_FREQUENCY_ONCE: PriceAlertFrequency
PRICE_ALERT_FREQUENCY_EVERY_TIME: PriceAlertFrequency
PRICE_ALERT_FREQUENCY_ONCE_A_DAY: PriceAlertFrequency
PRICE_ALERT_FREQUENCY_ONCE_PER_BAR: PriceAlertFrequency
PRICE_ALERT_REFERENCE_UNSPECIFIED: PriceAlertReference
PRICE_ALERT_REFERENCE_GIVEN: PriceAlertReference
PRICE_ALERT_REFERENCE_LAST_PRICE: PriceAlertReference
PRICE_ALERT_REFERENCE_PREVIOUS_CLOSE: PriceAlertReference
PRICE_ALERT_STATE_UNSPECIFIED: PriceAlertState
PRICE_ALERT_STATE_ACTIVE: PriceAlertState
PRICE_ALERT_STATE_TRIGGERED: PriceAlertState
PRICE_ALERT_STATE_EXPIRED: PriceAlertState

class PriceAlert(_message.Message):
    __slots__ = ("alert_id", "user_id", "instrument", "measure", "condition", "threshold", "lower", "upper", "percent", "distance", "reference", "reference_price", "hysteresis", "frequency", "cooldown_seconds", "bar_interval", "note", "expires_at", "state", "snoozed_until", "cooling_until", "problem", "stale_since", "fire_count", "last_fired_at", "generation", "created_at", "updated_at", "template_id")
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_PRICE_FIELD_NUMBER: _ClassVar[int]
    HYSTERESIS_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_FIELD_NUMBER: _ClassVar[int]
    COOLDOWN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    BAR_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SNOOZED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    COOLING_UNTIL_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    STALE_SINCE_FIELD_NUMBER: _ClassVar[int]
    FIRE_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_FIRED_AT_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    user_id: str
    instrument: str
    measure: PriceAlertMeasure
    condition: PriceAlertCondition
    threshold: str
    lower: str
    upper: str
    percent: str
    distance: str
    reference: PriceAlertReference
    reference_price: str
    hysteresis: str
    frequency: PriceAlertFrequency
    cooldown_seconds: int
    bar_interval: str
    note: str
    expires_at: _timestamp_pb2.Timestamp
    state: PriceAlertState
    snoozed_until: _timestamp_pb2.Timestamp
    cooling_until: _timestamp_pb2.Timestamp
    problem: str
    stale_since: _timestamp_pb2.Timestamp
    fire_count: int
    last_fired_at: _timestamp_pb2.Timestamp
    generation: int
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    template_id: str
    def __init__(self, alert_id: _Optional[str] = ..., user_id: _Optional[str] = ..., instrument: _Optional[str] = ..., measure: _Optional[_Union[PriceAlertMeasure, str]] = ..., condition: _Optional[_Union[PriceAlertCondition, str]] = ..., threshold: _Optional[str] = ..., lower: _Optional[str] = ..., upper: _Optional[str] = ..., percent: _Optional[str] = ..., distance: _Optional[str] = ..., reference: _Optional[_Union[PriceAlertReference, str]] = ..., reference_price: _Optional[str] = ..., hysteresis: _Optional[str] = ..., frequency: _Optional[_Union[PriceAlertFrequency, str]] = ..., cooldown_seconds: _Optional[int] = ..., bar_interval: _Optional[str] = ..., note: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[PriceAlertState, str]] = ..., snoozed_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cooling_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., problem: _Optional[str] = ..., stale_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fire_count: _Optional[int] = ..., last_fired_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., generation: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., template_id: _Optional[str] = ...) -> None: ...

class PriceAlertFire(_message.Message):
    __slots__ = ("fire_id", "alert_id", "generation", "instrument", "description", "value", "previous_value", "level", "snapshot", "late", "fired_at", "told_at", "grouped")
    FIRE_ID_FIELD_NUMBER: _ClassVar[int]
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_VALUE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    FIRED_AT_FIELD_NUMBER: _ClassVar[int]
    TOLD_AT_FIELD_NUMBER: _ClassVar[int]
    GROUPED_FIELD_NUMBER: _ClassVar[int]
    fire_id: str
    alert_id: str
    generation: int
    instrument: str
    description: str
    value: str
    previous_value: str
    level: str
    snapshot: _struct_pb2.Struct
    late: bool
    fired_at: _timestamp_pb2.Timestamp
    told_at: _timestamp_pb2.Timestamp
    grouped: bool
    def __init__(self, fire_id: _Optional[str] = ..., alert_id: _Optional[str] = ..., generation: _Optional[int] = ..., instrument: _Optional[str] = ..., description: _Optional[str] = ..., value: _Optional[str] = ..., previous_value: _Optional[str] = ..., level: _Optional[str] = ..., snapshot: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., late: _Optional[bool] = ..., fired_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., told_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., grouped: _Optional[bool] = ...) -> None: ...

class CreatePriceAlertRequest(_message.Message):
    __slots__ = ("price_alert", "request_id")
    PRICE_ALERT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    price_alert: PriceAlert
    request_id: str
    def __init__(self, price_alert: _Optional[_Union[PriceAlert, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetPriceAlertRequest(_message.Message):
    __slots__ = ("alert_id",)
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    def __init__(self, alert_id: _Optional[str] = ...) -> None: ...

class ListPriceAlertsRequest(_message.Message):
    __slots__ = ("instrument", "state", "user_id", "page_size", "page_token")
    INSTRUMENT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    instrument: str
    state: PriceAlertState
    user_id: str
    page_size: int
    page_token: str
    def __init__(self, instrument: _Optional[str] = ..., state: _Optional[_Union[PriceAlertState, str]] = ..., user_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPriceAlertsResponse(_message.Message):
    __slots__ = ("price_alerts", "next_page_token")
    PRICE_ALERTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    price_alerts: _containers.RepeatedCompositeFieldContainer[PriceAlert]
    next_page_token: str
    def __init__(self, price_alerts: _Optional[_Iterable[_Union[PriceAlert, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdatePriceAlertRequest(_message.Message):
    __slots__ = ("alert_id", "price_alert", "update_mask")
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    PRICE_ALERT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    price_alert: PriceAlert
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, alert_id: _Optional[str] = ..., price_alert: _Optional[_Union[PriceAlert, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class DeletePriceAlertRequest(_message.Message):
    __slots__ = ("alert_id",)
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    def __init__(self, alert_id: _Optional[str] = ...) -> None: ...

class DeletePriceAlertResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SnoozePriceAlertRequest(_message.Message):
    __slots__ = ("alert_id", "duration_seconds")
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    DURATION_SECONDS_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    duration_seconds: int
    def __init__(self, alert_id: _Optional[str] = ..., duration_seconds: _Optional[int] = ...) -> None: ...

class RearmPriceAlertRequest(_message.Message):
    __slots__ = ("alert_id",)
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    def __init__(self, alert_id: _Optional[str] = ...) -> None: ...

class ListPriceAlertFiresRequest(_message.Message):
    __slots__ = ("alert_id", "page_size", "page_token")
    ALERT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    alert_id: str
    page_size: int
    page_token: str
    def __init__(self, alert_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPriceAlertFiresResponse(_message.Message):
    __slots__ = ("fires", "next_page_token")
    FIRES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    fires: _containers.RepeatedCompositeFieldContainer[PriceAlertFire]
    next_page_token: str
    def __init__(self, fires: _Optional[_Iterable[_Union[PriceAlertFire, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

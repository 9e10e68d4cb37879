import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from tradewinds.v1 import common_pb2 as _common_pb2
from tradewinds.v1 import price_alert_pb2 as _price_alert_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NotificationChannel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTIFICATION_CHANNEL_UNSPECIFIED: _ClassVar[NotificationChannel]
    NOTIFICATION_CHANNEL_LIVE: _ClassVar[NotificationChannel]
    NOTIFICATION_CHANNEL_EMAIL: _ClassVar[NotificationChannel]
    NOTIFICATION_CHANNEL_SMS: _ClassVar[NotificationChannel]
    NOTIFICATION_CHANNEL_TELEGRAM: _ClassVar[NotificationChannel]
    NOTIFICATION_CHANNEL_WEB_PUSH: _ClassVar[NotificationChannel]
    NOTIFICATION_CHANNEL_WEBHOOK: _ClassVar[NotificationChannel]
    NOTIFICATION_CHANNEL_APPRISE: _ClassVar[NotificationChannel]

class NotificationAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTIFICATION_ACTION_UNSPECIFIED: _ClassVar[NotificationAction]
    NOTIFICATION_ACTION_SEND: _ClassVar[NotificationAction]
    NOTIFICATION_ACTION_DEFER: _ClassVar[NotificationAction]
    NOTIFICATION_ACTION_DIGEST: _ClassVar[NotificationAction]
    NOTIFICATION_ACTION_SUPPRESS: _ClassVar[NotificationAction]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_INFO: _ClassVar[Severity]
    SEVERITY_WARNING: _ClassVar[Severity]
    SEVERITY_CRITICAL: _ClassVar[Severity]
NOTIFICATION_CHANNEL_UNSPECIFIED: NotificationChannel
NOTIFICATION_CHANNEL_LIVE: NotificationChannel
NOTIFICATION_CHANNEL_EMAIL: NotificationChannel
NOTIFICATION_CHANNEL_SMS: NotificationChannel
NOTIFICATION_CHANNEL_TELEGRAM: NotificationChannel
NOTIFICATION_CHANNEL_WEB_PUSH: NotificationChannel
NOTIFICATION_CHANNEL_WEBHOOK: NotificationChannel
NOTIFICATION_CHANNEL_APPRISE: NotificationChannel
NOTIFICATION_ACTION_UNSPECIFIED: NotificationAction
NOTIFICATION_ACTION_SEND: NotificationAction
NOTIFICATION_ACTION_DEFER: NotificationAction
NOTIFICATION_ACTION_DIGEST: NotificationAction
NOTIFICATION_ACTION_SUPPRESS: NotificationAction
SEVERITY_UNSPECIFIED: Severity
SEVERITY_INFO: Severity
SEVERITY_WARNING: Severity
SEVERITY_CRITICAL: Severity

class Notification(_message.Message):
    __slots__ = ("notification_id", "user_id", "type", "severity", "title", "message", "data", "created_at", "read_at", "persisted", "must_acknowledge", "acknowledged_at", "acknowledged_by", "expires_at")
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    READ_AT_FIELD_NUMBER: _ClassVar[int]
    PERSISTED_FIELD_NUMBER: _ClassVar[int]
    MUST_ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_AT_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_BY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    user_id: str
    type: str
    severity: Severity
    title: str
    message: str
    data: _struct_pb2.Struct
    created_at: _timestamp_pb2.Timestamp
    read_at: _timestamp_pb2.Timestamp
    persisted: bool
    must_acknowledge: bool
    acknowledged_at: _timestamp_pb2.Timestamp
    acknowledged_by: str
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, notification_id: _Optional[str] = ..., user_id: _Optional[str] = ..., type: _Optional[str] = ..., severity: _Optional[_Union[Severity, str]] = ..., title: _Optional[str] = ..., message: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., read_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., persisted: _Optional[bool] = ..., must_acknowledge: _Optional[bool] = ..., acknowledged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., acknowledged_by: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class NotificationSettings(_message.Message):
    __slots__ = ("user_id", "muted_types", "minimum_severity", "channels", "rules", "muted_instruments", "muted_config_ids", "thresholds", "quiet_hours", "digest", "rate_limits", "escalation", "locale", "grouping_seconds", "reduce_only_accounts")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    MUTED_TYPES_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_SEVERITY_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    MUTED_INSTRUMENTS_FIELD_NUMBER: _ClassVar[int]
    MUTED_CONFIG_IDS_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    QUIET_HOURS_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    RATE_LIMITS_FIELD_NUMBER: _ClassVar[int]
    ESCALATION_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    GROUPING_SECONDS_FIELD_NUMBER: _ClassVar[int]
    REDUCE_ONLY_ACCOUNTS_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    muted_types: _containers.RepeatedScalarFieldContainer[str]
    minimum_severity: Severity
    channels: _containers.RepeatedCompositeFieldContainer[ChannelSettings]
    rules: _containers.RepeatedCompositeFieldContainer[NotificationRule]
    muted_instruments: _containers.RepeatedScalarFieldContainer[str]
    muted_config_ids: _containers.RepeatedScalarFieldContainer[str]
    thresholds: _containers.RepeatedCompositeFieldContainer[NotificationThreshold]
    quiet_hours: QuietHours
    digest: Digest
    rate_limits: _containers.RepeatedCompositeFieldContainer[NotificationRateLimit]
    escalation: _containers.RepeatedCompositeFieldContainer[EscalationStep]
    locale: str
    grouping_seconds: int
    reduce_only_accounts: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, user_id: _Optional[str] = ..., muted_types: _Optional[_Iterable[str]] = ..., minimum_severity: _Optional[_Union[Severity, str]] = ..., channels: _Optional[_Iterable[_Union[ChannelSettings, _Mapping]]] = ..., rules: _Optional[_Iterable[_Union[NotificationRule, _Mapping]]] = ..., muted_instruments: _Optional[_Iterable[str]] = ..., muted_config_ids: _Optional[_Iterable[str]] = ..., thresholds: _Optional[_Iterable[_Union[NotificationThreshold, _Mapping]]] = ..., quiet_hours: _Optional[_Union[QuietHours, _Mapping]] = ..., digest: _Optional[_Union[Digest, _Mapping]] = ..., rate_limits: _Optional[_Iterable[_Union[NotificationRateLimit, _Mapping]]] = ..., escalation: _Optional[_Iterable[_Union[EscalationStep, _Mapping]]] = ..., locale: _Optional[str] = ..., grouping_seconds: _Optional[int] = ..., reduce_only_accounts: _Optional[_Iterable[str]] = ...) -> None: ...

class ChannelSettings(_message.Message):
    __slots__ = ("channel", "off", "minimum_severity")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    OFF_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_SEVERITY_FIELD_NUMBER: _ClassVar[int]
    channel: NotificationChannel
    off: bool
    minimum_severity: Severity
    def __init__(self, channel: _Optional[_Union[NotificationChannel, str]] = ..., off: _Optional[bool] = ..., minimum_severity: _Optional[_Union[Severity, str]] = ...) -> None: ...

class NotificationRule(_message.Message):
    __slots__ = ("types", "channels", "action")
    TYPES_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    types: _containers.RepeatedScalarFieldContainer[str]
    channels: _containers.RepeatedScalarFieldContainer[NotificationChannel]
    action: NotificationAction
    def __init__(self, types: _Optional[_Iterable[str]] = ..., channels: _Optional[_Iterable[_Union[NotificationChannel, str]]] = ..., action: _Optional[_Union[NotificationAction, str]] = ...) -> None: ...

class NotificationThreshold(_message.Message):
    __slots__ = ("type", "field", "minimum")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    type: str
    field: str
    minimum: str
    def __init__(self, type: _Optional[str] = ..., field: _Optional[str] = ..., minimum: _Optional[str] = ...) -> None: ...

class QuietHours(_message.Message):
    __slots__ = ("time_zone", "windows", "hold_critical", "discard")
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    HOLD_CRITICAL_FIELD_NUMBER: _ClassVar[int]
    DISCARD_FIELD_NUMBER: _ClassVar[int]
    time_zone: str
    windows: _containers.RepeatedCompositeFieldContainer[QuietWindow]
    hold_critical: bool
    discard: bool
    def __init__(self, time_zone: _Optional[str] = ..., windows: _Optional[_Iterable[_Union[QuietWindow, _Mapping]]] = ..., hold_critical: _Optional[bool] = ..., discard: _Optional[bool] = ...) -> None: ...

class QuietWindow(_message.Message):
    __slots__ = ("weekdays", "start", "end")
    WEEKDAYS_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    weekdays: _containers.RepeatedScalarFieldContainer[int]
    start: str
    end: str
    def __init__(self, weekdays: _Optional[_Iterable[int]] = ..., start: _Optional[str] = ..., end: _Optional[str] = ...) -> None: ...

class Digest(_message.Message):
    __slots__ = ("every_minutes", "at", "time_zone")
    EVERY_MINUTES_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    every_minutes: int
    at: _containers.RepeatedScalarFieldContainer[str]
    time_zone: str
    def __init__(self, every_minutes: _Optional[int] = ..., at: _Optional[_Iterable[str]] = ..., time_zone: _Optional[str] = ...) -> None: ...

class NotificationRateLimit(_message.Message):
    __slots__ = ("channel", "count", "seconds")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    channel: NotificationChannel
    count: int
    seconds: int
    def __init__(self, channel: _Optional[_Union[NotificationChannel, str]] = ..., count: _Optional[int] = ..., seconds: _Optional[int] = ...) -> None: ...

class EscalationStep(_message.Message):
    __slots__ = ("after_seconds", "user_id", "channels")
    AFTER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    after_seconds: int
    user_id: str
    channels: _containers.RepeatedScalarFieldContainer[NotificationChannel]
    def __init__(self, after_seconds: _Optional[int] = ..., user_id: _Optional[str] = ..., channels: _Optional[_Iterable[_Union[NotificationChannel, str]]] = ...) -> None: ...

class NotificationEndpoint(_message.Message):
    __slots__ = ("endpoint_id", "user_id", "channel", "address", "label", "secret", "p256dh", "auth", "disabled_reason", "created_at", "verified_at")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    P256DH_FIELD_NUMBER: _ClassVar[int]
    AUTH_FIELD_NUMBER: _ClassVar[int]
    DISABLED_REASON_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_AT_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    user_id: str
    channel: NotificationChannel
    address: str
    label: str
    secret: str
    p256dh: str
    auth: str
    disabled_reason: str
    created_at: _timestamp_pb2.Timestamp
    verified_at: _timestamp_pb2.Timestamp
    def __init__(self, endpoint_id: _Optional[str] = ..., user_id: _Optional[str] = ..., channel: _Optional[_Union[NotificationChannel, str]] = ..., address: _Optional[str] = ..., label: _Optional[str] = ..., secret: _Optional[str] = ..., p256dh: _Optional[str] = ..., auth: _Optional[str] = ..., disabled_reason: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., verified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PhoneChat(_message.Message):
    __slots__ = ("chat_id", "user_id", "link_code", "linked_at", "locked_until", "expires_at", "created_at")
    CHAT_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    LINK_CODE_FIELD_NUMBER: _ClassVar[int]
    LINKED_AT_FIELD_NUMBER: _ClassVar[int]
    LOCKED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    chat_id: int
    user_id: str
    link_code: str
    linked_at: _timestamp_pb2.Timestamp
    locked_until: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, chat_id: _Optional[int] = ..., user_id: _Optional[str] = ..., link_code: _Optional[str] = ..., linked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., locked_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ChannelDecision(_message.Message):
    __slots__ = ("channel", "action", "reason", "until", "delivery")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    channel: NotificationChannel
    action: NotificationAction
    reason: str
    until: _timestamp_pb2.Timestamp
    delivery: NotificationDelivery
    def __init__(self, channel: _Optional[_Union[NotificationChannel, str]] = ..., action: _Optional[_Union[NotificationAction, str]] = ..., reason: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., delivery: _Optional[_Union[NotificationDelivery, _Mapping]] = ...) -> None: ...

class NotificationDelivery(_message.Message):
    __slots__ = ("delivery_id", "notification_id", "user_id", "channel", "endpoint_id", "state", "reason", "attempts", "detail", "provider", "provider_message_id", "due_at", "expires_at", "created_at", "updated_at", "merged_into")
    DELIVERY_ID_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    DUE_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    MERGED_INTO_FIELD_NUMBER: _ClassVar[int]
    delivery_id: str
    notification_id: str
    user_id: str
    channel: NotificationChannel
    endpoint_id: str
    state: str
    reason: str
    attempts: int
    detail: str
    provider: str
    provider_message_id: str
    due_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    merged_into: str
    def __init__(self, delivery_id: _Optional[str] = ..., notification_id: _Optional[str] = ..., user_id: _Optional[str] = ..., channel: _Optional[_Union[NotificationChannel, str]] = ..., endpoint_id: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., attempts: _Optional[int] = ..., detail: _Optional[str] = ..., provider: _Optional[str] = ..., provider_message_id: _Optional[str] = ..., due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., merged_into: _Optional[str] = ...) -> None: ...

class SendNotificationRequest(_message.Message):
    __slots__ = ("user_id", "type", "title", "message", "data", "dedupe_key", "ttl_seconds", "template_id", "template_parameters", "locale", "request_id")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    DEDUPE_KEY_FIELD_NUMBER: _ClassVar[int]
    TTL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    type: str
    title: str
    message: str
    data: _struct_pb2.Struct
    dedupe_key: str
    ttl_seconds: int
    template_id: str
    template_parameters: _struct_pb2.Struct
    locale: str
    request_id: str
    def __init__(self, user_id: _Optional[str] = ..., type: _Optional[str] = ..., title: _Optional[str] = ..., message: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., dedupe_key: _Optional[str] = ..., ttl_seconds: _Optional[int] = ..., template_id: _Optional[str] = ..., template_parameters: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., locale: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class SendNotificationResponse(_message.Message):
    __slots__ = ("notification_id", "duplicate", "persisted")
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    PERSISTED_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    duplicate: bool
    persisted: bool
    def __init__(self, notification_id: _Optional[str] = ..., duplicate: _Optional[bool] = ..., persisted: _Optional[bool] = ...) -> None: ...

class BatchSendNotificationsRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[SendNotificationRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[SendNotificationRequest, _Mapping]]] = ...) -> None: ...

class BatchSendNotificationsResponse(_message.Message):
    __slots__ = ("responses",)
    RESPONSES_FIELD_NUMBER: _ClassVar[int]
    responses: _containers.RepeatedCompositeFieldContainer[SendNotificationResponse]
    def __init__(self, responses: _Optional[_Iterable[_Union[SendNotificationResponse, _Mapping]]] = ...) -> None: ...

class StreamNotificationsRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[SendNotificationRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[SendNotificationRequest, _Mapping]]] = ...) -> None: ...

class StreamNotificationsResponse(_message.Message):
    __slots__ = ("acknowledged_requests", "notifications", "duplicates")
    ACKNOWLEDGED_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    acknowledged_requests: int
    notifications: int
    duplicates: int
    def __init__(self, acknowledged_requests: _Optional[int] = ..., notifications: _Optional[int] = ..., duplicates: _Optional[int] = ...) -> None: ...

class ListNotificationsRequest(_message.Message):
    __slots__ = ("unread_only", "page_size", "page_token", "types", "minimum_severity", "unacknowledged_only", "since", "until")
    UNREAD_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_SEVERITY_FIELD_NUMBER: _ClassVar[int]
    UNACKNOWLEDGED_ONLY_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    unread_only: bool
    page_size: int
    page_token: str
    types: _containers.RepeatedScalarFieldContainer[str]
    minimum_severity: Severity
    unacknowledged_only: bool
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    def __init__(self, unread_only: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., types: _Optional[_Iterable[str]] = ..., minimum_severity: _Optional[_Union[Severity, str]] = ..., unacknowledged_only: _Optional[bool] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListNotificationsResponse(_message.Message):
    __slots__ = ("notifications", "next_page_token")
    NOTIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    notifications: _containers.RepeatedCompositeFieldContainer[Notification]
    next_page_token: str
    def __init__(self, notifications: _Optional[_Iterable[_Union[Notification, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class MarkNotificationReadRequest(_message.Message):
    __slots__ = ("notification_id",)
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    def __init__(self, notification_id: _Optional[str] = ...) -> None: ...

class MarkAllNotificationsReadRequest(_message.Message):
    __slots__ = ("until",)
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    until: _timestamp_pb2.Timestamp
    def __init__(self, until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MarkAllNotificationsReadResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class AcknowledgeNotificationRequest(_message.Message):
    __slots__ = ("notification_id",)
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    def __init__(self, notification_id: _Optional[str] = ...) -> None: ...

class CountUnreadNotificationsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CountUnreadNotificationsResponse(_message.Message):
    __slots__ = ("count", "unacknowledged")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    UNACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    count: int
    unacknowledged: int
    def __init__(self, count: _Optional[int] = ..., unacknowledged: _Optional[int] = ...) -> None: ...

class ExplainNotificationRequest(_message.Message):
    __slots__ = ("notification_id",)
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    def __init__(self, notification_id: _Optional[str] = ...) -> None: ...

class ExplainNotificationResponse(_message.Message):
    __slots__ = ("notification", "decisions")
    NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    notification: Notification
    decisions: _containers.RepeatedCompositeFieldContainer[ChannelDecision]
    def __init__(self, notification: _Optional[_Union[Notification, _Mapping]] = ..., decisions: _Optional[_Iterable[_Union[ChannelDecision, _Mapping]]] = ...) -> None: ...

class AlertTemplate(_message.Message):
    __slots__ = ("template_id", "version", "shared", "description", "parameters_schema", "contents", "created_by", "created_at")
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    CONTENTS_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    template_id: str
    version: int
    shared: bool
    description: str
    parameters_schema: _struct_pb2.Struct
    contents: _containers.RepeatedCompositeFieldContainer[TemplateContent]
    created_by: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, template_id: _Optional[str] = ..., version: _Optional[int] = ..., shared: _Optional[bool] = ..., description: _Optional[str] = ..., parameters_schema: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., contents: _Optional[_Iterable[_Union[TemplateContent, _Mapping]]] = ..., created_by: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TemplateContent(_message.Message):
    __slots__ = ("locale", "title", "message", "email_subject", "email_html", "sms", "sms_dlt_template_id", "telegram", "push")
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_SUBJECT_FIELD_NUMBER: _ClassVar[int]
    EMAIL_HTML_FIELD_NUMBER: _ClassVar[int]
    SMS_FIELD_NUMBER: _ClassVar[int]
    SMS_DLT_TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    TELEGRAM_FIELD_NUMBER: _ClassVar[int]
    PUSH_FIELD_NUMBER: _ClassVar[int]
    locale: str
    title: str
    message: str
    email_subject: str
    email_html: str
    sms: str
    sms_dlt_template_id: str
    telegram: str
    push: str
    def __init__(self, locale: _Optional[str] = ..., title: _Optional[str] = ..., message: _Optional[str] = ..., email_subject: _Optional[str] = ..., email_html: _Optional[str] = ..., sms: _Optional[str] = ..., sms_dlt_template_id: _Optional[str] = ..., telegram: _Optional[str] = ..., push: _Optional[str] = ...) -> None: ...

class TemplatePart(_message.Message):
    __slots__ = ("channel", "text", "subject", "html", "dlt_template_id")
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    HTML_FIELD_NUMBER: _ClassVar[int]
    DLT_TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    channel: NotificationChannel
    text: str
    subject: str
    html: str
    dlt_template_id: str
    def __init__(self, channel: _Optional[_Union[NotificationChannel, str]] = ..., text: _Optional[str] = ..., subject: _Optional[str] = ..., html: _Optional[str] = ..., dlt_template_id: _Optional[str] = ...) -> None: ...

class CreateAlertTemplateRequest(_message.Message):
    __slots__ = ("alert_template",)
    ALERT_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    alert_template: AlertTemplate
    def __init__(self, alert_template: _Optional[_Union[AlertTemplate, _Mapping]] = ...) -> None: ...

class GetAlertTemplateRequest(_message.Message):
    __slots__ = ("template_id",)
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    template_id: str
    def __init__(self, template_id: _Optional[str] = ...) -> None: ...

class ListAlertTemplatesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAlertTemplatesResponse(_message.Message):
    __slots__ = ("alert_templates", "next_page_token")
    ALERT_TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    alert_templates: _containers.RepeatedCompositeFieldContainer[AlertTemplate]
    next_page_token: str
    def __init__(self, alert_templates: _Optional[_Iterable[_Union[AlertTemplate, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateAlertTemplateRequest(_message.Message):
    __slots__ = ("template_id", "alert_template")
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    ALERT_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    template_id: str
    alert_template: AlertTemplate
    def __init__(self, template_id: _Optional[str] = ..., alert_template: _Optional[_Union[AlertTemplate, _Mapping]] = ...) -> None: ...

class DeleteAlertTemplateRequest(_message.Message):
    __slots__ = ("template_id", "shared")
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    template_id: str
    shared: bool
    def __init__(self, template_id: _Optional[str] = ..., shared: _Optional[bool] = ...) -> None: ...

class DeleteAlertTemplateResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PreviewAlertTemplateRequest(_message.Message):
    __slots__ = ("template_id", "alert_template", "template_parameters", "locale")
    TEMPLATE_ID_FIELD_NUMBER: _ClassVar[int]
    ALERT_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    template_id: str
    alert_template: AlertTemplate
    template_parameters: _struct_pb2.Struct
    locale: str
    def __init__(self, template_id: _Optional[str] = ..., alert_template: _Optional[_Union[AlertTemplate, _Mapping]] = ..., template_parameters: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., locale: _Optional[str] = ...) -> None: ...

class PreviewAlertTemplateResponse(_message.Message):
    __slots__ = ("title", "message", "parts", "sms_encoding", "sms_units", "sms_segments")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    SMS_ENCODING_FIELD_NUMBER: _ClassVar[int]
    SMS_UNITS_FIELD_NUMBER: _ClassVar[int]
    SMS_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    title: str
    message: str
    parts: _containers.RepeatedCompositeFieldContainer[TemplatePart]
    sms_encoding: str
    sms_units: int
    sms_segments: int
    def __init__(self, title: _Optional[str] = ..., message: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[TemplatePart, _Mapping]]] = ..., sms_encoding: _Optional[str] = ..., sms_units: _Optional[int] = ..., sms_segments: _Optional[int] = ...) -> None: ...

class ListNotificationDeliveriesRequest(_message.Message):
    __slots__ = ("states", "channel", "user_id", "page_size", "page_token")
    STATES_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[str]
    channel: NotificationChannel
    user_id: str
    page_size: int
    page_token: str
    def __init__(self, states: _Optional[_Iterable[str]] = ..., channel: _Optional[_Union[NotificationChannel, str]] = ..., user_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListNotificationDeliveriesResponse(_message.Message):
    __slots__ = ("deliveries", "next_page_token")
    DELIVERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    deliveries: _containers.RepeatedCompositeFieldContainer[NotificationDelivery]
    next_page_token: str
    def __init__(self, deliveries: _Optional[_Iterable[_Union[NotificationDelivery, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RedriveNotificationDeliveriesRequest(_message.Message):
    __slots__ = ("delivery_ids", "channel", "reason")
    DELIVERY_IDS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    delivery_ids: _containers.RepeatedScalarFieldContainer[str]
    channel: NotificationChannel
    reason: str
    def __init__(self, delivery_ids: _Optional[_Iterable[str]] = ..., channel: _Optional[_Union[NotificationChannel, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class RedriveNotificationDeliveriesResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class WatchNotificationsRequest(_message.Message):
    __slots__ = ("cursor", "all_users")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    ALL_USERS_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    all_users: bool
    def __init__(self, cursor: _Optional[str] = ..., all_users: _Optional[bool] = ...) -> None: ...

class WatchNotificationsResponse(_message.Message):
    __slots__ = ("notifications", "cursor", "resumed", "end", "dropped")
    NOTIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    notifications: _containers.RepeatedCompositeFieldContainer[Notification]
    cursor: str
    resumed: bool
    end: _common_pb2.WatchEnd
    dropped: int
    def __init__(self, notifications: _Optional[_Iterable[_Union[Notification, _Mapping]]] = ..., cursor: _Optional[str] = ..., resumed: _Optional[bool] = ..., end: _Optional[_Union[_common_pb2.WatchEnd, _Mapping]] = ..., dropped: _Optional[int] = ...) -> None: ...

class GetNotificationSettingsRequest(_message.Message):
    __slots__ = ("user_id",)
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    def __init__(self, user_id: _Optional[str] = ...) -> None: ...

class UpdateNotificationSettingsRequest(_message.Message):
    __slots__ = ("user_id", "settings")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    settings: NotificationSettings
    def __init__(self, user_id: _Optional[str] = ..., settings: _Optional[_Union[NotificationSettings, _Mapping]] = ...) -> None: ...

class ListNotificationEndpointsRequest(_message.Message):
    __slots__ = ("user_id",)
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    def __init__(self, user_id: _Optional[str] = ...) -> None: ...

class ListNotificationEndpointsResponse(_message.Message):
    __slots__ = ("endpoints",)
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    endpoints: _containers.RepeatedCompositeFieldContainer[NotificationEndpoint]
    def __init__(self, endpoints: _Optional[_Iterable[_Union[NotificationEndpoint, _Mapping]]] = ...) -> None: ...

class CreateNotificationEndpointRequest(_message.Message):
    __slots__ = ("user_id", "endpoint", "skip_verification")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    SKIP_VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    endpoint: NotificationEndpoint
    skip_verification: bool
    def __init__(self, user_id: _Optional[str] = ..., endpoint: _Optional[_Union[NotificationEndpoint, _Mapping]] = ..., skip_verification: _Optional[bool] = ...) -> None: ...

class VerifyNotificationEndpointRequest(_message.Message):
    __slots__ = ("user_id", "endpoint_id", "code")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    endpoint_id: str
    code: str
    def __init__(self, user_id: _Optional[str] = ..., endpoint_id: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class DeleteNotificationEndpointRequest(_message.Message):
    __slots__ = ("user_id", "endpoint_id")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    endpoint_id: str
    def __init__(self, user_id: _Optional[str] = ..., endpoint_id: _Optional[str] = ...) -> None: ...

class DeleteNotificationEndpointResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AllowPhoneChatRequest(_message.Message):
    __slots__ = ("chat_id", "pin")
    CHAT_ID_FIELD_NUMBER: _ClassVar[int]
    PIN_FIELD_NUMBER: _ClassVar[int]
    chat_id: int
    pin: str
    def __init__(self, chat_id: _Optional[int] = ..., pin: _Optional[str] = ...) -> None: ...

class ListPhoneChatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListPhoneChatsResponse(_message.Message):
    __slots__ = ("phone_chats",)
    PHONE_CHATS_FIELD_NUMBER: _ClassVar[int]
    phone_chats: _containers.RepeatedCompositeFieldContainer[PhoneChat]
    def __init__(self, phone_chats: _Optional[_Iterable[_Union[PhoneChat, _Mapping]]] = ...) -> None: ...

class ForbidPhoneChatRequest(_message.Message):
    __slots__ = ("chat_id",)
    CHAT_ID_FIELD_NUMBER: _ClassVar[int]
    chat_id: int
    def __init__(self, chat_id: _Optional[int] = ...) -> None: ...

class ForbidPhoneChatResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

"""Every table, one file per aggregate. Importing this package registers all of them on `Base.metadata`."""

from __future__ import annotations

from tradewinds.database.models.accounts import AccountLease, BrokerAccount, BrokerSession, User
from tradewinds.database.models.alerts import PriceAlert, PriceAlertFire, PriceAlertLease
from tradewinds.database.models.audit import AuditEntry, AuditLink
from tradewinds.database.models.base import Base
from tradewinds.database.models.books import Position, Trade
from tradewinds.database.models.exits import AccountHold, Guard
from tradewinds.database.models.fleet import (
    Assignment,
    RunnerLease,
    Strategy,
    StrategyCommand,
    StrategyConfig,
)
from tradewinds.database.models.market import (
    BarRange,
    CalendarDay,
    CalendarVersion,
    DayBar,
    FeedLease,
    InstrumentChange,
    MarketSubscription,
    MinuteBar,
    ScripMasterCopy,
)
from tradewinds.database.models.notifications import (
    AlertTemplate,
    Notification,
    NotificationDelivery,
    NotificationEndpoint,
    NotificationEscalation,
    NotificationKey,
    NotificationSettings,
    OutboxEvent,
)
from tradewinds.database.models.orders import Order, OrderEvent
from tradewinds.database.models.phone import PhoneBot, PhoneChat, PhoneCommand
from tradewinds.database.models.profit import ProfitAndLoss, TradeCharge
from tradewinds.database.models.requests import ApiRequest
from tradewinds.database.models.risk import KillProgress, KillSwitch, RiskDecision, RiskLimit
from tradewinds.database.models.runs import StrategyCheckpoint, StrategyMetric, StrategyRun

__all__ = [
    "AccountHold",
    "AccountLease",
    "AlertTemplate",
    "ApiRequest",
    "Assignment",
    "AuditEntry",
    "AuditLink",
    "BarRange",
    "Base",
    "BrokerAccount",
    "BrokerSession",
    "CalendarDay",
    "CalendarVersion",
    "DayBar",
    "FeedLease",
    "Guard",
    "InstrumentChange",
    "KillProgress",
    "KillSwitch",
    "MarketSubscription",
    "MinuteBar",
    "Notification",
    "NotificationDelivery",
    "NotificationEndpoint",
    "NotificationEscalation",
    "NotificationKey",
    "NotificationSettings",
    "Order",
    "OrderEvent",
    "OutboxEvent",
    "PhoneBot",
    "PhoneChat",
    "PhoneCommand",
    "Position",
    "PriceAlert",
    "PriceAlertFire",
    "PriceAlertLease",
    "ProfitAndLoss",
    "RiskDecision",
    "RiskLimit",
    "RunnerLease",
    "ScripMasterCopy",
    "Strategy",
    "StrategyCheckpoint",
    "StrategyCommand",
    "StrategyConfig",
    "StrategyMetric",
    "StrategyRun",
    "Trade",
    "TradeCharge",
    "User",
]

"""The broker Angel One (SmartAPI) behind the port: its REST calls, its order stream, its session."""

from engine_server.broker.angel_one.broker import AngelOneBroker
from engine_server.broker.angel_one.budgets import Budgets, BudgetsByClient
from engine_server.broker.angel_one.credentials import Credentials, seal_credentials, unseal_credentials
from engine_server.broker.angel_one.market_data import AngelOneMarketData
from engine_server.broker.angel_one.sessions import PostgresSessionStore, SessionStore

__all__ = [
    "AngelOneBroker",
    "AngelOneMarketData",
    "Budgets",
    "BudgetsByClient",
    "Credentials",
    "PostgresSessionStore",
    "SessionStore",
    "seal_credentials",
    "unseal_credentials",
]

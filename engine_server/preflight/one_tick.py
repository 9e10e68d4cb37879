"""The first tick of an instrument that is always there."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from engine_server.broker.angel_one.sessions import BrokerSession
from engine_server.feed import broker_session as feed_session
from engine_server.feed.download import tls_context
from engine_server.feed.inbox import FrameInbox
from engine_server.feed.market_socket import MarketSocket, SocketRefusedError
from engine_server.feed.packets import decode
from tradewinds.config import BrokerSettings
from tradewinds.errors import TradewindsError
from tradewinds.instruments import Instrument
from tradewinds.money import from_e4

# It ticks as long as anything trades.
NIFTY: Final = Instrument(
    key="NSE:NIFTY 50",
    exchange="NSE",
    symbol="Nifty 50",
    token="99926000",  # noqa: S106 - the broker's number of the index
    name="NIFTY",
    kind="INDEX",
    lot_size=1,
    tick_size=Decimal(0),
)


class NoTickError(TradewindsError):
    """The market socket gave no price."""


async def first_tick(settings: BrokerSettings, session: BrokerSession) -> Decimal:
    """The price in rupees. Waits for ever for a broker that says nothing; raises `NoTickError` with its words otherwise."""
    inbox, tokens = FrameInbox(), session.tokens
    socket = MarketSocket(inbox, on_end=lambda: inbox.put(b""), on_refusal=lambda refusal: inbox.put(b""))
    who = feed_session.BrokerSession("", tokens.client_code, tokens.jwt, tokens.feed_token, tokens.api_key)
    try:
        await socket.connect(settings.market_stream_url, tls_context(settings.ca_file), who)
    except SocketRefusedError as e:
        raise NoTickError(f"the market socket was refused: {e}") from e
    try:
        socket.apply({NIFTY.key: NIFTY})
        while True:
            ticks = decode(*await inbox.take()).ticks
            if len(ticks):
                return from_e4(int(ticks[-1]["last_price_e4"]))
            if socket.ended or not socket.subscriptions:
                raise NoTickError("the broker ended the market socket, or does not stream Nifty 50 to this account")
    finally:
        socket.close()

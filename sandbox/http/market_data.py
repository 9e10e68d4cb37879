"""Last price, quotes, symbol search, and the scrip master file."""

from __future__ import annotations

from datetime import UTC, datetime, time
from email.utils import format_datetime
from typing import Any, Final

from aiohttp import web

from sandbox.clock import IST, book_time, trading_date
from sandbox.errors import RefusedError
from sandbox.http.endpoints import GET_LTP_DATA, QUOTE, SEARCH_SCRIP
from sandbox.http.envelope import BODY, BROKER, success
from sandbox.market import DepthLevel, Quote
from sandbox.rows import rupees
from sandbox.sockets.packets import total_quantities

MAX_QUOTE_TOKENS = 50
_LISTED_AT: Final = time(6, 0, tzinfo=IST)
"""When the day's list is made."""
_MODES = ("LTP", "OHLC", "FULL")

routes = web.RouteTableDef()


@GET_LTP_DATA.served_by(routes)
async def get_ltp_data(request: web.Request) -> web.Response:
    body, broker = request[BODY], request.app[BROKER]
    quote = broker.board.quote((str(body.get("exchange")), str(body.get("symboltoken"))))
    if quote is None or quote.instrument.symbol != body.get("tradingsymbol"):
        raise RefusedError("AB1018", "Failed to get symbol details")
    return success(
        {
            "exchange": quote.instrument.exchange,
            "tradingsymbol": quote.instrument.symbol,
            "symboltoken": quote.instrument.token,
            **_ohlc(quote),
            "ltp": rupees(quote.ltp),
        }
    )


@QUOTE.served_by(routes)
async def get_quotes(request: web.Request) -> web.Response:
    """Modes LTP, OHLC and FULL; what has no price is listed as unfetched."""
    body, broker = request[BODY], request.app[BROKER]
    mode = body.get("mode")
    if mode not in _MODES:
        raise RefusedError("AB1007", f"Invalid mode {mode!r}: LTP, OHLC or FULL")
    wanted = _wanted(body.get("exchangeTokens"))
    fetched, unfetched = [], []
    for exchange, token in wanted:
        quote = broker.board.quote((exchange, token))
        if quote is None:
            message = "Symbol unavailable" if token else "Symbol token cannot be empty"
            unfetched.append({"exchange": exchange, "symbolToken": token, "message": message, "errorCode": "AB4018"})
        else:
            fetched.append(_quote_row(quote, mode))
    return success({"fetched": fetched, "unfetched": unfetched})


@SEARCH_SCRIP.served_by(routes)
async def search_scrip(request: web.Request) -> web.Response:
    body = request[BODY]
    hits = request.app[BROKER].universe.search(str(body.get("exchange")), str(body.get("searchscrip")))
    return success([{"exchange": i.exchange, "tradingsymbol": i.symbol, "symboltoken": i.token} for i in hits])


@routes.get("/OpenAPI_File/files/OpenAPIScripMaster.json")
async def scrip_master(request: web.Request) -> web.Response:
    """Public, no login; gzipped for who accepts that."""
    broker = request.app[BROKER]
    today = trading_date(broker.clock.now_ms())
    headers = {"Last-Modified": format_datetime(datetime.combine(today, _LISTED_AT).astimezone(UTC), usegmt=True)}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = await broker.scrip_master.gzipped(today), "gzip"
    else:
        body = await broker.scrip_master.plain(today)
    return web.Response(body=body, content_type="application/json", headers=headers)


def _wanted(exchange_tokens: Any) -> list[tuple[str, str]]:
    if not isinstance(exchange_tokens, dict) or not all(isinstance(t, list) for t in exchange_tokens.values()):
        raise RefusedError("AB1007", 'Invalid exchangeTokens: {"NSE": ["3045"]} is the form')
    wanted = [(str(exchange), str(token)) for exchange, tokens in exchange_tokens.items() for token in tokens]
    if len(wanted) > MAX_QUOTE_TOKENS:
        raise RefusedError("AB4029", "Tokens max limit exceeded")
    return wanted


def _quote_row(quote: Quote, mode: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "exchange": quote.instrument.exchange,
        "tradingSymbol": quote.instrument.symbol,
        "symbolToken": quote.instrument.token,
        "ltp": rupees(quote.ltp),
    }
    if mode == "LTP":
        return row
    row |= _ohlc(quote)
    return row if mode == "OHLC" else row | _full(quote)


def _ohlc(quote: Quote) -> dict[str, float]:
    """`close` is the previous day's."""
    return {
        "open": rupees(quote.open),
        "high": rupees(quote.high),
        "low": rupees(quote.low),
        "close": rupees(quote.close),
    }


def _full(quote: Quote) -> dict[str, Any]:
    buys, sells = quote.depth()
    total_buy, total_sell = total_quantities(buys, sells)
    year_high, year_low = quote.year_range
    change = quote.ltp - quote.close
    traded_at = book_time(quote.last_trade_ms) if quote.last_trade_ms else ""
    return {
        "lastTradeQty": quote.last_quantity,
        "exchFeedTime": traded_at,
        "exchTradeTime": traded_at,
        "netChange": rupees(change),
        "percentChange": round(100 * change / quote.close, 2),
        "avgPrice": rupees(quote.average),
        "tradeVolume": quote.volume,
        "opnInterest": quote.open_interest,
        "lowerCircuit": rupees(quote.lower_circuit),
        "upperCircuit": rupees(quote.upper_circuit),
        "totBuyQuan": total_buy,
        "totSellQuan": total_sell,
        "52WeekLow": rupees(year_low),
        "52WeekHigh": rupees(year_high),
        "depth": {"buy": [_level(level) for level in buys], "sell": [_level(level) for level in sells]},
    }


def _level(level: DepthLevel) -> dict[str, Any]:
    return {"price": rupees(level.price), "quantity": level.quantity, "orders": level.orders}

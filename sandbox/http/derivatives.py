"""Derivatives data, and lists of shares with a mark: intraday leverage, surveillance."""

from __future__ import annotations

from aiohttp import web

from sandbox.body_fields import text_of
from sandbox.http.endpoints import (
    BSE_INTRADAY,
    CAUTIONARY_SCRIPS,
    GAINERS_LOSERS,
    NSE_INTRADAY,
    OI_BUILDUP,
    OPTION_GREEK,
    PUT_CALL_RATIO,
)
from sandbox.http.envelope import BODY, BROKER, success

routes = web.RouteTableDef()


@OPTION_GREEK.served_by(routes)
async def option_greek(request: web.Request) -> web.Response:
    body = request[BODY]
    return success(request.app[BROKER].derivatives.greeks(text_of(body, "name"), text_of(body, "expirydate")))


@GAINERS_LOSERS.served_by(routes)
async def gainers_losers(request: web.Request) -> web.Response:
    body = request[BODY]
    return success(request.app[BROKER].derivatives.movers(text_of(body, "datatype"), text_of(body, "expirytype")))


@OI_BUILDUP.served_by(routes)
async def oi_buildup(request: web.Request) -> web.Response:
    body = request[BODY]
    return success(request.app[BROKER].derivatives.build_up(text_of(body, "datatype"), text_of(body, "expirytype")))


@PUT_CALL_RATIO.served_by(routes)
async def put_call_ratio(request: web.Request) -> web.Response:
    return success(request.app[BROKER].derivatives.put_call_ratio())


@NSE_INTRADAY.served_by(routes)
async def nse_intraday(request: web.Request) -> web.Response:
    return success(request.app[BROKER].derivatives.intraday("NSE"))


@BSE_INTRADAY.served_by(routes)
async def bse_intraday(request: web.Request) -> web.Response:
    return success(request.app[BROKER].derivatives.intraday("BSE"))


@CAUTIONARY_SCRIPS.served_by(routes)
async def cautionary_scrips(request: web.Request) -> web.Response:
    return success(request.app[BROKER].derivatives.cautionary())

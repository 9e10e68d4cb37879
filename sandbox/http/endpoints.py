"""Every route of the broker: paths, methods, access rate, and whether it takes orders from registered addresses only.

Paths and methods: smartapi_protocol 3; rates: 7.1. Where documents disagree about a path or a method, both are served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.rate_limits import Budget, Rate

_AUTH = "/rest/auth/angelbroking"
_SECURE = "/rest/secure/angelbroking"
_READ = ("GET", "POST")
_POST = ("POST",)

_ORDERS_TOGETHER = Budget("orders", Rate(9))
_HISTORY = Budget("history", Rate(3, 180, 5000))
"""getOIData is not in the broker's table; it is counted with the candles, as others have found it."""
_ORDER_RATE = Rate(9, 500, 1000)
_GTT_RATE = Rate(9, 500, 5000)
_BUSY = Rate(10, 500, 5000)
_ONE = Rate(1)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route of the broker, by the last part of its path."""

    name: str
    paths: tuple[str, ...]
    methods: tuple[str, ...]
    budgets: tuple[Budget, ...]
    from_registered_address: bool = False

    def served_by(self, routes: web.RouteTableDef) -> Callable[[Handler], Handler]:
        """A decorator: the handler serves every path and method of this route."""

        def register(handler: Handler) -> Handler:
            for path in self.paths:
                for method in self.methods:
                    routes.route(method, path)(handler)
            return handler

        return register


def _endpoint(
    path: str, rate: Rate, methods: tuple[str, ...] = _POST, *, prefix: str = "", together: Budget | None = None
) -> Endpoint:
    name = path.rstrip("/").rpartition("/")[2]
    budgets = (Budget(name, rate),) if together is None else (Budget(name, rate), together)
    paths = (_SECURE + path, prefix + _SECURE + path) if prefix else (_SECURE + path,)
    return Endpoint(name, paths, methods, budgets, from_registered_address=name in _ORDER_ROUTES)


_ORDER_ROUTES = frozenset({"placeOrder", "modifyOrder", "cancelOrder", "createRule", "modifyRule", "cancelRule"})
_GTT = "/gtt-service"
_ORDER = "/order-service"

LOGIN = Endpoint("loginByPassword", (f"{_AUTH}/user/v1/loginByPassword",), _POST, (Budget("loginByPassword", _ONE),))
GENERATE_TOKENS = Endpoint(
    "generateTokens", (f"{_AUTH}/jwt/v1/generateTokens",), _POST, (Budget("generateTokens", Rate(1, None, 1000)),)
)
GET_PROFILE = _endpoint("/user/v1/getProfile", Rate(3, None, 1000), _READ)
LOGOUT = _endpoint("/user/v1/logout", _ONE)
GET_RMS = _endpoint("/user/v1/getRMS", Rate(2), _READ)

PLACE_ORDER = _endpoint("/order/v1/placeOrder", _ORDER_RATE, prefix=_ORDER, together=_ORDERS_TOGETHER)
MODIFY_ORDER = _endpoint("/order/v1/modifyOrder", _ORDER_RATE, prefix=_ORDER, together=_ORDERS_TOGETHER)
CANCEL_ORDER = _endpoint("/order/v1/cancelOrder", _ORDER_RATE, prefix=_ORDER, together=_ORDERS_TOGETHER)
GET_ORDER_BOOK = _endpoint("/order/v1/getOrderBook", _ONE, _READ, prefix=_ORDER)
GET_TRADE_BOOK = _endpoint("/order/v1/getTradeBook", _ONE, _READ, prefix=_ORDER)
GET_POSITION = _endpoint("/order/v1/getPosition", _ONE, _READ, prefix=_ORDER)
GET_LTP_DATA = _endpoint("/order/v1/getLtpData", _BUSY, _READ, prefix=_ORDER)
CONVERT_POSITION = _endpoint("/order/v1/convertPosition", _BUSY, prefix=_ORDER)
SEARCH_SCRIP = _endpoint("/order/v1/searchScrip", _ONE, _READ, prefix=_ORDER)
ORDER_DETAILS = Endpoint(
    "details",
    (f"{_SECURE}/order/v1/details/{{unique_order_id}}", f"{_ORDER}{_SECURE}/order/v1/details/{{unique_order_id}}"),
    _READ,
    (Budget("details", _BUSY),),
)

GET_HOLDING = _endpoint("/portfolio/v1/getHolding", _ONE, _READ)
GET_ALL_HOLDING = _endpoint("/portfolio/v1/getAllHolding", _ONE, _READ)

QUOTE = Endpoint(
    "quote", (f"{_SECURE}/market/v1/quote", f"{_SECURE}/market/v1/quote/"), _READ, (Budget("quote", _BUSY),)
)
GET_CANDLE_DATA = Endpoint("getCandleData", (f"{_SECURE}/historical/v1/getCandleData",), _READ, (_HISTORY,))
GET_OI_DATA = Endpoint("getOIData", (f"{_SECURE}/historical/v1/getOIData",), _READ, (_HISTORY,))

CREATE_RULE = _endpoint("/gtt/v1/createRule", _GTT_RATE, prefix=_GTT)
MODIFY_RULE = _endpoint("/gtt/v1/modifyRule", _GTT_RATE, prefix=_GTT)
CANCEL_RULE = _endpoint("/gtt/v1/cancelRule", _GTT_RATE, prefix=_GTT)
RULE_DETAILS = _endpoint("/gtt/v1/ruleDetails", _BUSY, _READ, prefix=_GTT)
RULE_LIST = _endpoint("/gtt/v1/ruleList", _BUSY, _READ, prefix=_GTT)

MARGIN_BATCH = _endpoint("/margin/v1/batch", _BUSY)
# None of the following is in the broker's table of rates: once a second is assumed.
ESTIMATE_CHARGES = _endpoint("/brokerage/v1/estimateCharges", _ONE)
VERIFY_DIS = _endpoint("/edis/v1/verifyDis", _ONE)
GENERATE_TPIN = _endpoint("/edis/v1/generateTPIN", _ONE)
GET_TRAN_STATUS = _endpoint("/edis/v1/getTranStatus", _ONE)
OPTION_GREEK = _endpoint("/marketData/v1/optionGreek", _ONE)
GAINERS_LOSERS = _endpoint("/marketData/v1/gainersLosers", _ONE)
PUT_CALL_RATIO = _endpoint("/marketData/v1/putCallRatio", _ONE, _READ)
OI_BUILDUP = _endpoint("/marketData/v1/OIBuildup", _ONE)
NSE_INTRADAY = _endpoint("/marketData/v1/nseIntraday", _ONE, _READ)
BSE_INTRADAY = _endpoint("/marketData/v1/bseIntraday", _ONE, _READ)
CAUTIONARY_SCRIPS = _endpoint("/securities/v1/cautionaryScrips", _ONE, _READ)

ENDPOINTS: Mapping[str, Endpoint] = {
    path: endpoint for endpoint in list(globals().values()) if isinstance(endpoint, Endpoint) for path in endpoint.paths
}
"""By the path as it is registered, `{unique_order_id}` included."""


def endpoint_of(request: web.Request) -> Endpoint | None:
    """The broker's route that a request has come to; None for our own routes and for paths nobody serves."""
    resource = request.match_info.route.resource
    return None if resource is None else ENDPOINTS.get(resource.canonical)

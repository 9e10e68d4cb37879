"""Answers of the broker as others have captured them ([W] of the protocol reference; [D] where only its documentation shows them).

Values are the captured ones where they are known; keys are in the captured order.
"""

from __future__ import annotations

from typing import Any

from tests.contract.smartapi.shapes import OrNull, Text

MONEY = Text(r"-?\d+\.\d{2}")
SPACED_MONEY = Text(r"(- )?\d+\.\d{2}")
FUNDS = Text(r"-?\d+\.\d{4}")
WHOLE = Text(r"-?\d+")
BOOK_TIME = Text(r"\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d")
MAYBE_TIME = Text(r"|\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d")
ORDER_ID = Text(r"\d{15}")
UUID4 = Text(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TOKEN = Text(r"[\w-]+\.[\w-]+\.[\w-]+")
EXPIRY = Text(r"|\d\d[A-Z]{3}\d{4}")

PROFILE = {
    "clientcode": "A1",
    "name": "A NAME",
    "email": "",
    "mobileno": "",
    "exchanges": ["nse_cm"],
    "products": ["BO"],
    "lastlogintime": "",
    "broker": "",
}
LOGGED_IN = {**PROFILE, "jwtToken": Text(r"Bearer [\w-]+\.[\w-]+\.[\w-]+"), "refreshToken": TOKEN, "feedToken": TOKEN}
"""The stock client merges the tokens into the profile."""

TOKENS = {"jwtToken": TOKEN, "refreshToken": TOKEN, "feedToken": TOKEN}

FUNDS_ROW = {
    **dict.fromkeys(("net", "availablecash", "availableintradaypayin", "availablelimitmargin"), FUNDS),
    **dict.fromkeys(("collateral", "m2munrealized", "m2mrealized", "utiliseddebits"), FUNDS),
    **dict.fromkeys(("utilisedspan", "utilisedoptionpremium", "utilisedholdingsales", "utilisedexposure"), None),
    "utilisedturnover": None,
    "utilisedpayout": FUNDS,
}

PLACED = {"script": "SBIN-EQ", "orderid": ORDER_ID, "uniqueorderid": UUID4}
CHANGED = {"orderid": ORDER_ID, "uniqueorderid": UUID4}

ORDER_ROW: dict[str, Any] = {
    "variety": "NORMAL",
    "ordertype": "LIMIT",
    "producttype": "INTRADAY",
    "duration": "DAY",
    "price": 10.55,
    "triggerprice": 0.0,
    "quantity": WHOLE,
    "disclosedquantity": WHOLE,
    "squareoff": 0.0,
    "stoploss": 0.0,
    "trailingstoploss": 0.0,
    "tradingsymbol": "IOC-EQ",
    "transactiontype": "BUY",
    "exchange": "NSE",
    "symboltoken": WHOLE,
    "ordertag": "",
    "instrumenttype": "",
    "strikeprice": -1.0,
    "optiontype": "",
    "expirydate": EXPIRY,
    "lotsize": WHOLE,
    "cancelsize": WHOLE,
    "averageprice": 0.0,
    "filledshares": WHOLE,
    "unfilledshares": WHOLE,
    "orderid": ORDER_ID,
    "text": "",
    "status": "rejected",
    "orderstatus": "rejected",
    "updatetime": BOOK_TIME,
    "exchtime": MAYBE_TIME,
    "exchorderupdatetime": MAYBE_TIME,
    "fillid": "",
    "filltime": "",
    "parentorderid": "",
    "uniqueorderid": UUID4,
    "exchangeorderid": Text(r"|\d{16}"),
}

STREAM_ORDER_KEYS = [
    *("variety", "ordertype", "ordertag", "producttype", "price", "triggerprice", "quantity", "disclosedquantity"),
    *("duration", "squareoff", "stoploss", "trailingstoploss", "tradingsymbol", "transactiontype", "exchange"),
    *("symboltoken", "instrumenttype", "strikeprice", "optiontype", "expirydate", "lotsize", "cancelsize"),
    *("averageprice", "filledshares", "unfilledshares", "orderid", "text", "status", "orderstatus", "updatetime"),
    *("exchtime", "exchorderupdatetime", "fillid", "filltime", "parentorderid"),
]
STREAM_FRAME = {
    "user-id": "A1",
    "status-code": "200",
    "order-status": Text(r"AB(0\d|1[01])"),
    "error-message": "",
    "orderData": {key: ORDER_ROW[key] for key in STREAM_ORDER_KEYS},
}
GREETING = {
    **STREAM_FRAME,
    "order-status": Text("AB00"),
    "orderData": {
        key: Text("0" if ORDER_ROW[key] is WHOLE and key != "symboltoken" else "")
        if not isinstance(ORDER_ROW[key], float)
        else 0.0
        for key in STREAM_ORDER_KEYS
    },
}

TRADE_ROW = {  # [D]
    "exchange": "NSE",
    "producttype": "DELIVERY",
    "tradingsymbol": "ITC-EQ",
    "instrumenttype": "",
    "symbolgroup": "EQ",
    "strikeprice": Text(r"-?\d+\.\d+"),
    "optiontype": "",
    "expirydate": EXPIRY,
    "marketlot": WHOLE,
    "precision": WHOLE,
    "multiplier": WHOLE,
    "tradevalue": MONEY,
    "transactiontype": "BUY",
    "fillprice": MONEY,
    "fillsize": WHOLE,
    "orderid": ORDER_ID,
    "fillid": WHOLE,
    "filltime": Text(r"\d\d:\d\d:\d\d"),
}

_AMOUNTS = ("cfbuyamount", "cfsellamount", "buyavgprice", "sellavgprice", "avgnetprice")
_TOTALS = (
    "totalbuyvalue",
    "totalsellvalue",
    "cfbuyavgprice",
    "cfsellavgprice",
    "totalbuyavgprice",
    "totalsellavgprice",
)
POSITION_ROW = {
    "exchange": "NSE",
    "symboltoken": WHOLE,
    "producttype": "DELIVERY",
    "tradingsymbol": "SBIN-EQ",
    "symbolname": "SBIN",
    "instrumenttype": "",
    "priceden": WHOLE,
    "pricenum": WHOLE,
    "genden": WHOLE,
    "gennum": WHOLE,
    "precision": WHOLE,
    "multiplier": WHOLE,
    "boardlotsize": WHOLE,
    "symbolgroup": "EQ",
    "strikeprice": Text(r"-?\d+(\.\d+)?"),
    "optiontype": "",
    "expirydate": EXPIRY,
    "lotsize": WHOLE,
    "cfbuyqty": WHOLE,
    "cfsellqty": WHOLE,
    **dict.fromkeys(_AMOUNTS, MONEY),
    "netvalue": SPACED_MONEY,
    "netqty": WHOLE,
    **dict.fromkeys(_TOTALS, MONEY),
    "netprice": MONEY,
    "buyqty": WHOLE,
    "sellqty": WHOLE,
    **dict.fromkeys(("buyamount", "sellamount", "pnl", "realised", "unrealised", "ltp", "close"), MONEY),
}

LTP = {
    "exchange": "NSE",
    "tradingsymbol": "SBIN-EQ",
    "symboltoken": "3045",
    **dict.fromkeys(("open", "high", "low", "close", "ltp"), 568.2),
}
SEARCH_HIT = {"exchange": "NSE", "tradingsymbol": "SBIN-EQ", "symboltoken": WHOLE}

QUOTE_LTP = {"exchange": "NSE", "tradingSymbol": "SBIN-EQ", "symbolToken": WHOLE, "ltp": 568.2}
QUOTE_OHLC = {**QUOTE_LTP, **dict.fromkeys(("open", "high", "low", "close"), 567.4)}
_LEVEL = {"price": 568.2, "quantity": 511, "orders": 2}
QUOTE_FULL = {
    **QUOTE_OHLC,
    "lastTradeQty": 1,
    "exchFeedTime": BOOK_TIME,
    "exchTradeTime": BOOK_TIME,
    **dict.fromkeys(("netChange", "percentChange", "avgPrice"), 3.8),
    **dict.fromkeys(("tradeVolume", "opnInterest"), 0),
    **dict.fromkeys(("lowerCircuit", "upperCircuit"), 511.35),
    **dict.fromkeys(("totBuyQuan", "totSellQuan"), 839549),
    "52WeekLow": 430.7,
    "52WeekHigh": 629.55,
    "depth": {"buy": [_LEVEL], "sell": [_LEVEL]},
}
UNFETCHED = {"exchange": "NSE", "symbolToken": "1", "message": "", "errorCode": Text("AB4018")}

HOLDING_ROW = {
    "tradingsymbol": "TATASTEEL-EQ",
    "exchange": "NSE",
    "isin": Text(r"IN[A-Z0-9]{10}"),
    **dict.fromkeys(("t1quantity", "realisedquantity", "quantity", "authorisedquantity"), 0),
    "product": "DELIVERY",
    "collateralquantity": None,
    "collateraltype": None,
    "haircut": 0.0,
    "averageprice": 111.87,
    "ltp": 130.15,
    "symboltoken": WHOLE,
    "close": 129.6,
    "profitandloss": 37.0,
    "pnlpercentage": 16.34,
}
TOTAL_HOLDING = dict.fromkeys(
    ("totalholdingvalue", "totalinvvalue", "totalprofitandloss", "totalpnlpercentage"), 5294.0
)
ALL_HOLDINGS = {"holdings": [HOLDING_ROW], "totalholding": OrNull(TOTAL_HOLDING)}

CANDLE_TIME = Text(r"\d{4}-\d\d-\d\dT\d\d:\d\d:00\+05:30")
OPEN_INTEREST = {"time": CANDLE_TIME, "oi": 166100}

VERIFY_DIS = dict.fromkeys(("ReqId", "ReturnURL", "DPId", "BOID", "TransDtls", "version"), "")
TRAN_STATUS = {
    "TransResDtls": {
        **dict.fromkeys(("ReqId", "ReqType", "ResId", "ResStatus", "ResTime", "ResError", "Remarks"), ""),
        "RecordResDtls": [dict.fromkeys(("TxnReqId", "TxnId", "Status", "Errorcode"), "")],
    }
}

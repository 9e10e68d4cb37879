"""How orders, fills, positions and funds are written on the wire: the captured keys and JSON types."""

from __future__ import annotations

from sandbox.clock import book_time, ist
from sandbox.orders import Order, Side
from sandbox.positions import Fill, Leg, Position
from sandbox.risk import Funds
from sandbox.universe import Instrument, InstrumentKind

_BOOK_BEGINS = (
    *("variety", "ordertype", "producttype", "duration", "price", "triggerprice", "quantity", "disclosedquantity"),
    *("squareoff", "stoploss", "trailingstoploss", "tradingsymbol", "transactiontype", "exchange", "symboltoken"),
    "ordertag",
)
_NO_TIME = ""
_INDEX_TOKENS = ("99926", "99919")
"""How tokens of the exchanges' indices begin."""
_NO_ORDER = Order("", "", "", "", "", Side.BUY, "", "", "", 0, 0, 0, 0, 0)


def rupees(paise: int) -> float:
    """A JSON number in rupees."""
    return paise / 100


def instrument_type(instrument: Instrument | None) -> str:
    """The scrip master's word for a contract (`OPTIDX`); empty for shares."""
    if instrument is None or not instrument.is_derivative:
        return ""
    is_option = instrument.kind is InstrumentKind.OPTION
    if instrument.exchange == "MCX":
        return "OPTFUT" if is_option else "FUTCOM"
    of_index = instrument.underlying is not None and instrument.underlying[1].startswith(_INDEX_TOKENS)
    kind = "CUR" if instrument.exchange == "CDS" else "IDX" if of_index else "STK"
    return ("OPT" if is_option else "FUT") + kind


def expiry_text(instrument: Instrument | None) -> str:
    """`19DEC2023`; empty for what does not expire."""
    return f"{instrument.expiry:%d%b%Y}".upper() if instrument is not None and instrument.expiry else ""


def strike_rupees(instrument: Instrument | None) -> float:
    """-1.0 for what has no strike."""
    return rupees(instrument.strike) if instrument is not None and instrument.option_type else -1.0


def _option_type(instrument: Instrument | None) -> str:
    return instrument.option_type.value if instrument is not None and instrument.option_type else ""


def order_data(order: Order, instrument: Instrument | None) -> dict[str, object]:
    """`orderData` of the order stream: prices are numbers, quantities strings, times IST and naive."""
    return {
        "variety": order.variety,
        "ordertype": order.order_type,
        "ordertag": order.tag,
        "producttype": order.product,
        "price": rupees(order.price),
        "triggerprice": rupees(order.trigger_price),
        "quantity": str(order.quantity),
        "disclosedquantity": str(order.disclosed_quantity),
        "duration": order.duration,
        "squareoff": 0.0,
        "stoploss": 0.0,
        "trailingstoploss": 0.0,
        "tradingsymbol": order.symbol,
        "transactiontype": order.side.value,
        "exchange": order.exchange,
        "symboltoken": order.token,
        "instrumenttype": instrument_type(instrument),
        "strikeprice": strike_rupees(instrument),
        "optiontype": _option_type(instrument),
        "expirydate": expiry_text(instrument),
        "lotsize": str(order.lot),
        "cancelsize": str(order.cancelled_quantity),
        "averageprice": _average_price(order),
        "filledshares": str(order.filled),
        "unfilledshares": str(order.quantity - order.filled),
        "orderid": order.order_id,
        "text": order.text,
        "status": order.shown_status,
        "orderstatus": order.shown_status,
        "updatetime": book_time(order.updated_ms),
        "exchtime": book_time(order.exchange_ms) if order.exchange_ms else _NO_TIME,
        "exchorderupdatetime": book_time(order.exchange_ms) if order.exchange_ms else _NO_TIME,
        "fillid": "",
        "filltime": "",
        "parentorderid": "",
    }


def order_row(order: Order, instrument: Instrument | None) -> dict[str, object]:
    """One row of the order book, and the object of order details."""
    row = order_data(order, instrument)
    row |= {"uniqueorderid": order.unique_order_id, "exchangeorderid": order.exchange_order_id}
    # The book says the tag after the token and the duration before the price; the stream has an order of its own.
    first = {name: row[name] for name in _BOOK_BEGINS}
    return {**first, **row}


def empty_order_data() -> dict[str, object]:
    """The `orderData` of the AB00 greeting: the same keys, empty."""
    quantities = {"quantity", "disclosedquantity", "lotsize", "cancelsize", "filledshares", "unfilledshares"}
    return {
        key: 0.0 if isinstance(value, float) else "0" if key in quantities else ""
        for key, value in order_data(_NO_ORDER, None).items()
    }


def trade_row(fill: Fill, instrument: Instrument | None) -> dict[str, object]:
    """One row of the trade book, one per fill; no tag and no date, as the broker has it."""
    lot = instrument.lot_size if instrument else 1
    return {
        "exchange": fill.exchange,
        "producttype": fill.product,
        "tradingsymbol": fill.symbol,
        "instrumenttype": instrument_type(instrument),
        "symbolgroup": _group(fill.symbol),
        "strikeprice": str(strike_rupees(instrument)),
        "optiontype": _option_type(instrument),
        "expirydate": expiry_text(instrument),
        "marketlot": str(lot),
        "precision": "2",
        "multiplier": "-1",
        "tradevalue": _text(fill.quantity * fill.price),
        "transactiontype": fill.side.value,
        "fillprice": _text(fill.price),
        "fillsize": str(fill.quantity),
        "orderid": fill.order_id,
        "fillid": fill.fill_id,
        "filltime": f"{ist(fill.at_ms):%H:%M:%S}",
    }


def position_row(position: Position, ltp: int, close: int, instrument: Instrument | None) -> dict[str, object]:
    """One row of the position book; `ltp` and previous `close` in paise. All values are strings."""
    net_value = position.sold.value - position.bought.value
    return {
        "exchange": position.exchange,
        "symboltoken": position.token,
        "producttype": position.product,
        "tradingsymbol": position.symbol,
        "symbolname": position.symbol.rpartition("-")[0] or position.symbol,
        "instrumenttype": instrument_type(instrument),
        "priceden": "1",
        "pricenum": "1",
        "genden": "1",
        "gennum": "1",
        "precision": "2",
        "multiplier": "-1",
        "boardlotsize": "1",
        "symbolgroup": _group(position.symbol),
        "strikeprice": f"{strike_rupees(instrument):g}",
        "optiontype": _option_type(instrument),
        "expirydate": expiry_text(instrument),
        "lotsize": str(instrument.lot_size if instrument else 1),
        "cfbuyqty": str(position.carried_buys.quantity),
        "cfsellqty": str(position.carried_sells.quantity),
        "cfbuyamount": _text(position.carried_buys.value),
        "cfsellamount": _text(position.carried_sells.value),
        "buyavgprice": _average(position.buys),
        "sellavgprice": _average(position.sells),
        "avgnetprice": _average(Leg(abs(position.net), position.open_value)),
        "netvalue": _spaced_sign(net_value),
        "netqty": str(position.net),
        "totalbuyvalue": _text(position.bought.value),
        "totalsellvalue": _text(position.sold.value),
        "cfbuyavgprice": _average(position.carried_buys),
        "cfsellavgprice": _average(position.carried_sells),
        "totalbuyavgprice": _average(position.bought),
        "totalsellavgprice": _average(position.sold),
        "netprice": _average(Leg(abs(position.net), position.open_value)),
        "buyqty": str(position.buys.quantity),
        "sellqty": str(position.sells.quantity),
        "buyamount": _text(position.buys.value),
        "sellamount": _text(position.sells.value),
        "pnl": _text(position.realised + position.unrealised(ltp)),
        "realised": _text(position.realised),
        "unrealised": _text(position.unrealised(ltp)),
        "ltp": _text(ltp),
        "close": _text(close),
    }


def rms_data(funds: Funds, unrealised: int) -> dict[str, str | None]:
    """Strings with four decimals, and nulls where the broker sends nulls. `availablecash` is net of what is used."""
    available = f"{funds.available / 100:.4f}"
    return {
        "net": available,
        "availablecash": available,
        "availableintradaypayin": "0.0000",
        "availablelimitmargin": "0.0000",
        "collateral": "0.0000",
        "m2munrealized": f"{unrealised / 100:.4f}",
        "m2mrealized": f"{funds.realised / 100:.4f}",
        "utiliseddebits": f"{funds.utilised / 100:.4f}",
        "utilisedspan": None,
        "utilisedoptionpremium": None,
        "utilisedholdingsales": None,
        "utilisedexposure": None,
        "utilisedturnover": None,
        "utilisedpayout": "0.0000",
    }


def _group(symbol: str) -> str:
    """The series of a cash symbol, `EQ` of `SBIN-EQ`."""
    return symbol.rpartition("-")[2] if "-" in symbol else ""


def _average_price(order: Order) -> float:
    return round(order.fill_value / order.filled / 100, 4) if order.filled else 0.0


def _average(leg: Leg) -> str:
    return f"{leg.value / leg.quantity / 100:.2f}" if leg.quantity else "0.00"


def _text(paise: int) -> str:
    return f"{paise / 100:.2f}"


def _spaced_sign(paise: int) -> str:
    """The broker has been seen to put a space after the sign of `netvalue`."""
    return f"- {-paise / 100:.2f}" if paise < 0 else _text(paise)

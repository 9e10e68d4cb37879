"""Quotes, candles and open interest: at a TLS server in the broker's place, and quotes at the real sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine_server.broker.angel_one import AngelOneMarketData
from engine_server.broker.angel_one.budgets import Budgets
from engine_server.broker.angel_one.rates import Rate, RateSettings
from engine_server.broker.port import BrokerError, NotConfiguredError, SessionExpiredError, ThrottledError
from tests.support.angel_one import SBIN, KeptInMemory, broker_at, broker_settings
from tests.support.broken_broker import BrokenBroker, says
from tests.support.sandbox_process import SandboxProcess
from tradewinds.errors import ConfigurationError

START = datetime(2026, 1, 5, 3, 45, tzinfo=UTC)
TOO_FAST = says(b"Access denied because of exceeding access rate", "403 Forbidden")
SOMETHING = b'{"status": false, "message": "Something Went Wrong, Please Try After Sometime", "errorcode": "AB1004"}'


@dataclass
class Session:
    jwt: str = "j.w.t"
    api_key: str = "key"


def yes(data: Any) -> bytes:
    return json.dumps({"status": True, "message": "SUCCESS", "errorcode": "", "data": data}).encode()


def candle(minute: int, price: float = 612.4) -> list[Any]:
    at = START + timedelta(minutes=minute)
    return [at.astimezone().isoformat(), price, price + 1, price - 1, price, 100]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[BrokenBroker]:
    server = BrokenBroker(tmp_path)
    async with server.serving():
        yield server


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
async def source(server: BrokenBroker, session: Session, pauses: list[float]) -> AsyncIterator[AngelOneMarketData]:
    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    quick = Budgets(RateSettings(candles=Rate.parse("1000/s"), quotes=Rate.parse("1000/s")), jitter=lambda low, _: low)
    settings = broker_settings(server.url, server.ca_file)
    source = AngelOneMarketData(
        settings, lambda: session, budgets=quick, deadline_seconds=0.6, sleep=sleep, jitter=lambda low, _: low
    )
    yield source
    await source.close()


def in_turn(*bodies: bytes) -> Any:
    """Each answer once, the last one for ever."""
    left = list(bodies)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await says(left.pop(0) if len(left) > 1 else left[0])(reader, writer)

    return answer


def asked(server: BrokenBroker) -> list[dict[str, Any]]:
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]


async def test_candles_are_exact_in_order_and_of_the_span_alone(
    server: BrokenBroker, source: AngelOneMarketData
) -> None:
    server.answer = says(yes([candle(-1), candle(1), candle(0), candle(1), candle(2)]))
    candles = await source.candles(SBIN, "1m", START, START + timedelta(minutes=1))
    assert [one.start for one in candles] == [START, START + timedelta(minutes=1)]
    assert (candles[0].open, candles[0].high, candles[0].volume) == (Decimal("612.4"), Decimal("613.4"), 100)
    assert asked(server) == [
        {
            "exchange": "NSE",
            "symboltoken": "3045",
            "interval": "ONE_MINUTE",
            "fromdate": "2026-01-05 09:15",
            "todate": "2026-01-05 09:16",
        }
    ]
    assert b"Authorization: Bearer j.w.t\r\n" in server.requests[0]


async def test_a_long_span_is_asked_in_pieces(server: BrokenBroker, source: AngelOneMarketData) -> None:
    server.answer = in_turn(yes([candle(0)]), yes(None), yes([]), yes([candle(60 * 24 * 95)]))
    candles = await source.candles(SBIN, "1m", START, START + timedelta(days=96))
    assert [(one["fromdate"], one["todate"]) for one in asked(server)] == [
        ("2026-01-05 09:15", "2026-02-04 09:14"),
        ("2026-02-04 09:15", "2026-03-06 09:14"),
        ("2026-03-06 09:15", "2026-04-05 09:14"),
        ("2026-04-05 09:15", "2026-04-11 09:15"),
    ]
    assert len(candles) == 2


@pytest.mark.parametrize("failure", [SOMETHING, b"", b"<html>Request Rejected</html>"], ids=["AB1004", "empty", "WAF"])
async def test_a_piece_that_fails_is_the_next_piece_asked_for(
    server: BrokenBroker, source: AngelOneMarketData, pauses: list[float], failure: bytes
) -> None:
    server.answer = in_turn(failure, failure, yes([candle(0)]))
    assert len(await source.candles(SBIN, "5m", START, START + timedelta(days=1))) == 1
    assert len(asked(server)) == 3
    assert len({json.dumps(one) for one in asked(server)}) == 1
    assert pauses == [0.5, 1.0]


async def test_what_fails_for_long_is_an_error_in_the_end_and_never_an_empty_history(
    server: BrokenBroker, source: AngelOneMarketData, pauses: list[float]
) -> None:
    server.answer = says(SOMETHING)
    with pytest.raises(BrokerError, match="Something Went Wrong"):
        await source.candles(SBIN, "1m", START, START)
    assert pauses == [0.5, 1, 2, 4]
    assert len(server.requests) == 5


async def test_a_clear_refusal_is_not_asked_again(server: BrokenBroker, source: AngelOneMarketData) -> None:
    server.answer = says(b'{"success": false, "message": "Invalid API Key", "errorCode": "AG8004", "data": ""}')
    with pytest.raises(NotConfiguredError, match=r"AG8004.*API key"):
        await source.quotes([SBIN])
    assert len(server.requests) == 1


async def test_a_disowned_session_is_not_used_again_until_there_is_another(
    server: BrokenBroker, source: AngelOneMarketData, session: Session
) -> None:
    server.answer = says(b'{"success": false, "message": "Token Expired", "errorCode": "AG8002", "data": ""}')
    for _ in range(3):
        with pytest.raises(SessionExpiredError):
            await source.quotes([SBIN])
    assert len(server.requests) == 1
    session.jwt = "an.other.one"
    server.answer = says(yes({"fetched": [], "unfetched": []}))
    assert await source.quotes([SBIN]) == []


async def test_without_a_session_nothing_is_asked(server: BrokenBroker) -> None:
    source = AngelOneMarketData(broker_settings(server.url, server.ca_file), lambda: None)
    with pytest.raises(SessionExpiredError):
        await source.quotes([SBIN])
    await source.close()
    assert server.requests == []


async def test_a_certificate_of_somebody_else_is_refused(server: BrokenBroker, session: Session) -> None:
    source = AngelOneMarketData(broker_settings(server.url, None), lambda: session, sleep=lambda _: asyncio.sleep(0))
    with pytest.raises(BrokerError, match=r"(?i)certificate"):
        await source.quotes([SBIN])
    await source.close()
    assert server.requests == []


async def test_an_address_that_is_none_is_refused_by_its_setting(tmp_path: Path, session: Session) -> None:
    with pytest.raises(ConfigurationError, match="BROKER_CA_FILE"):
        AngelOneMarketData(broker_settings("https://127.0.0.1:1", tmp_path / "missing.pem"), lambda: session)


async def test_the_access_rate_answer_pauses_the_category_and_ends_as_throttled(
    server: BrokenBroker, source: AngelOneMarketData
) -> None:
    server.answer = TOO_FAST
    with pytest.raises(ThrottledError):
        await asyncio.wait_for(source.quotes([SBIN]), 20)
    assert [one.paused_seconds > 0 for one in source.budgets_left() if one.category == "quotes"] == [True]
    assert [one.paused_seconds for one in source.budgets_left() if one.category == "candles"] == [0]


BROKEN_ROWS = [
    {"exchange": "NSE", "symbolToken": "3045", "ltp": "NaN"},
    {"exchange": "NSE", "symbolToken": "3045", "ltp": 0},
    {"exchange": "NSE", "symbolToken": "3045", "ltp": -5},
    {"exchange": "NSE", "symbolToken": "", "ltp": 5},
    {"exchange": "NSE", "symbolToken": "9999", "ltp": 5},
]


@pytest.mark.parametrize("row", BROKEN_ROWS, ids=json.dumps)
async def test_a_quote_that_cannot_be_is_left_out_and_the_others_stay(
    server: BrokenBroker, source: AngelOneMarketData, row: dict[str, Any]
) -> None:
    tcs = msgspec.structs.replace(SBIN, key="NSE:TCS-EQ", token="11536")
    good = {"exchange": "NSE", "symbolToken": "11536", "ltp": 3500.5, "depth": {"buy": [], "sell": None}}
    server.answer = says(yes({"fetched": [row, good], "unfetched": []}))
    (quote,) = await source.quotes([SBIN, tcs])
    assert (quote.token, quote.last_price, quote.bid_price, quote.close_price) == (
        "11536",
        Decimal("3500.5"),
        None,
        None,
    )


async def test_impossible_candles_are_left_out(server: BrokenBroker, source: AngelOneMarketData) -> None:
    above_its_high = candle(1)
    above_its_high[4] = 9999
    server.answer = says(yes([candle(0), above_its_high, candle(2, 0.5)]))
    assert [one.start for one in await source.candles(SBIN, "1m", START, START + timedelta(minutes=5))] == [START]


@pytest.mark.parametrize("data", ["", {}, [["x"]], [["now", 1, 2, 1, 1, 1]], [[candle(0)[0], "a", 1, 1, 1, 1]]])
async def test_a_history_of_another_form_is_an_error(
    server: BrokenBroker, source: AngelOneMarketData, data: Any
) -> None:
    server.answer = says(yes(data))
    with pytest.raises(BrokerError, match="could not be read"):
        await source.candles(SBIN, "1m", START, START)


async def test_open_interest_is_in_units_by_minute(server: BrokenBroker, source: AngelOneMarketData) -> None:
    server.answer = says(
        yes([{"time": "2026-01-05T09:16:00+05:30", "oi": 166100}, {"time": "2026-01-05T09:15:00+05:30", "oi": "5"}])
    )
    assert await source.open_interest(SBIN, "1m", START, START + timedelta(minutes=5)) == [
        (START, 5),
        (START + timedelta(minutes=1), 166100),
    ]
    assert b"POST /rest/secure/angelbroking/historical/v1/getOIData" in server.requests[0]


async def test_more_than_fifty_quotes_are_refused_before_they_are_asked_for(
    server: BrokenBroker, source: AngelOneMarketData
) -> None:
    with pytest.raises(ValueError, match="50 at once, not 51"):
        await source.quotes([SBIN] * 51)
    assert await source.quotes([]) == []
    assert server.requests == []


async def test_the_sandbox_quotes_what_the_engines_session_asks_for(sandbox: SandboxProcess, egress_url: str) -> None:
    store = KeptInMemory()
    async with broker_at(sandbox, egress_url, store=store) as broker:
        await broker.login()
        assert store.session is not None
        tokens = store.session.tokens
        source = AngelOneMarketData(broker_settings(sandbox.https_url, sandbox.ca_file), lambda: tokens)
        unknown = msgspec.structs.replace(SBIN, token="999999999")
        (quote,) = await source.quotes([SBIN, unknown])
        await source.close()
    assert quote.token == "3045"
    assert quote.lower_circuit is not None
    assert quote.upper_circuit is not None
    assert quote.lower_circuit <= quote.last_price <= quote.upper_circuit

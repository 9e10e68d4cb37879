"""The steps of the check, in order: each says what it proves, what it found, and what to do when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from engine_server.broker.angel_one.broker import AngelOneBroker
from engine_server.broker.angel_one.clock_skew import TOLERATED_SECONDS, skew_seconds
from engine_server.broker.angel_one.sessions import BrokerSession
from engine_server.broker.port import StreamConnected
from engine_server.feed.download import tls_context
from engine_server.preflight.one_tick import first_tick
from tradewinds.clock import Clock
from tradewinds.config import BrokerSettings
from tradewinds.errors import TradewindsError

_STEP_SECONDS: Final = 30.0
_HTTP: Final = aiohttp.ClientTimeout(total=15)
Facts = Mapping[str, object]


@dataclass(frozen=True)
class Step:
    """One thing to prove. `needs_login`: not tried without a session."""

    name: str
    proves: str
    remedy: str
    look: Callable[[Checked], Awaitable[Facts]]
    needs_login: bool = True


@dataclass(frozen=True)
class StepResult:
    """How it went. `ok` is None where it was not tried."""

    name: str
    proves: str
    ok: bool | None
    facts: Facts = field(default_factory=dict)
    problem: str = ""
    remedy: str = ""


class StepFailedError(TradewindsError):
    """A step found something that would cost money."""


@dataclass(frozen=True)
class Checked:
    """What the steps look at. `session` gives the one that the login step opened."""

    broker: AngelOneBroker
    settings: BrokerSettings
    clock: Clock
    session: Callable[[], BrokerSession | None]


async def check(checked: Checked) -> AsyncIterator[StepResult]:
    """Every step, in order; a failed one stops none but those that need what it was to bring."""
    logged_in = False
    for step in STEPS:
        if step.needs_login and not logged_in:
            yield StepResult(step.name, step.proves, None, problem="not tried: there is no session")
            continue
        result = await _tried(step, checked)
        logged_in = logged_in or (step.name == "login" and result.ok is True)
        yield result


async def _tried(step: Step, checked: Checked) -> StepResult:
    try:
        async with asyncio.timeout(_STEP_SECONDS):
            return StepResult(step.name, step.proves, True, facts=await step.look(checked))
    except TimeoutError:
        problem = f"no answer within {_STEP_SECONDS:.0f} s"
    except TradewindsError as e:
        problem = e.message
    except (aiohttp.ClientError, OSError) as e:
        problem = f"{type(e).__name__}: {e}"
    return StepResult(step.name, step.proves, False, problem=problem, remedy=step.remedy)


async def _clock(checked: Checked) -> Facts:
    tls = tls_context(checked.settings.ca_file)
    async with (
        aiohttp.ClientSession(timeout=_HTTP) as http,
        http.get(checked.settings.rest_url, ssl=tls, allow_redirects=False) as answer,
    ):
        date = answer.headers.get("Date", "")
    ahead = skew_seconds(date, checked.clock.now())
    if ahead is None:
        raise StepFailedError(f"the broker's answer has no readable Date header: {date!r}")
    if abs(ahead) > TOLERATED_SECONDS:
        raise StepFailedError(f"this machine's clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}")
    return {"seconds_ahead": ahead}


async def _login(checked: Checked) -> Facts:
    await checked.broker.login()
    session = checked.session()
    return {"valid_until": session.ends_at.isoformat()} if session is not None else {}


async def _profile(checked: Checked) -> Facts:
    profile = await checked.broker.profile()
    return {"exchanges": list(profile.exchanges), "products": list(profile.products)}


async def _funds(checked: Checked) -> Facts:
    funds = await checked.broker.funds()
    return {"net": str(funds.net), "available_cash": str(funds.available_cash)}


async def _books(checked: Checked) -> Facts:
    broker = checked.broker
    return {
        "orders": len(await broker.order_book()),
        "trades": len(await broker.trades()),
        "positions": len(await broker.positions()),
        "holdings": len(await broker.holdings()),
    }


async def _order_stream(checked: Checked) -> Facts:
    async with aclosing(checked.broker.order_stream()) as events:
        event = await anext(events)
    if not isinstance(event, StreamConnected):
        raise StepFailedError(event.reason if hasattr(event, "reason") else f"it began with {event!r}")
    return {}


async def _tick(checked: Checked) -> Facts:
    session = checked.session()
    if session is None:
        raise StepFailedError("there is no session")
    price = await first_tick(checked.settings, session)
    return {"nifty_50": str(price)}


async def _scrip_master(checked: Checked) -> Facts:
    tls = tls_context(checked.settings.ca_file)
    async with (
        aiohttp.ClientSession(timeout=_HTTP) as http,
        http.get(checked.settings.scrip_master_url, ssl=tls) as answer,
    ):
        begins = await answer.content.read(64)
    if answer.status != 200 or not begins.lstrip().startswith(b"["):
        raise StepFailedError(f"HTTP {answer.status}, and it begins with {begins[:40]!r}")
    return {"bytes": answer.content_length} if answer.content_length else {}


_AGAIN = "try again in a minute; the broker's own status page says whether it is down"
STEPS: Final[tuple[Step, ...]] = (
    Step(
        "clock",
        "this machine's clock agrees with the broker's: one-time passwords live by it",
        "synchronise the clock (NTP), and let this machine reach BROKER_REST_URL",
        _clock,
        needs_login=False,
    ),
    Step(
        "login",
        "client code, PIN, TOTP secret and API key are right, and a session opens",
        "check BROKER_CLIENT_CODE, BROKER_PIN, BROKER_TOTP_SECRET and BROKER_API_KEY",
        _login,
        needs_login=False,
    ),
    Step(
        "profile",
        "which segments and products the account may trade",
        "ask the broker to enable what is missing",
        _profile,
    ),
    Step("funds", "funds and margins can be read", _AGAIN, _funds),
    Step("books", "order book, trade book, positions and holdings can be read", _AGAIN, _books),
    Step(
        "order stream",
        "order updates arrive as they happen",
        "at most three connections are allowed for one client code: close other programs that use it",
        _order_stream,
    ),
    Step(
        "one tick",
        "prices arrive: the last price of Nifty 50",
        "outside trading hours none may come: try again when the market is open; else check that the API key has market data",
        _tick,
    ),
    Step("scrip master", "the day's instrument list can be fetched", _AGAIN, _scrip_master, needs_login=False),
)
ADDRESS_NOTE: Final = (
    "Not proved, because only an order would: orders are taken from the static address alone that is registered with the API key "
    "(AG7002 otherwise). Register the address that the egress leaves from."
)

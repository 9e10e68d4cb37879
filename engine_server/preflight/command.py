"""`python -m engine_server broker-check [--json]`: runs the steps through an egress of its own, prints them, exits 1 when one failed."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from engine_server.broker.angel_one.broker import AngelOneBroker
from engine_server.broker.angel_one.credentials import Credentials
from engine_server.broker.angel_one.sessions import BrokerSession
from engine_server.egress.connect_request import Target
from engine_server.egress.fences import Fence, Fences
from engine_server.egress.proxy import EgressProxy
from engine_server.preflight.steps import ADDRESS_NOTE, Checked, StepResult, check
from tradewinds.clock import SystemClock
from tradewinds.config import BrokerCredentials, BrokerSettings, load
from tradewinds.errors import TradewindsError
from tradewinds.telemetry import configure_logging

_ACCOUNT: Final = "CHECK"
_MARKS: Final = {True: "ok  ", False: "FAIL", None: "-   "}


class _KeptForTheCheck:
    """The session is used here and ends with the process; nobody else hears of it."""

    def __init__(self) -> None:
        self.session: BrokerSession | None = None

    async def load(self) -> BrokerSession | None:
        return self.session

    async def save(self, session: BrokerSession, epoch: int) -> None:
        self.session = session

    async def record_failure(self, epoch: int, client_code: str, error: str) -> None:
        return None

    async def rival(self, client_code: str) -> str:
        return ""


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0 when every step went well, 1 when one did not, 2 when the settings are wrong."""
    parser = argparse.ArgumentParser(prog="tradewinds broker check", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a step")
    as_json = parser.parse_args(arguments).json
    configure_logging("broker-check", "ERROR")
    try:
        return asyncio.run(_run(_as_json if as_json else _for_people))
    except TradewindsError as e:
        sys.stderr.write(f"{e.message}\n")
        return 2


async def _run(tell: Callable[[StepResult], str]) -> int:
    settings, known = load(BrokerSettings), load(BrokerCredentials)
    results: list[StepResult] = []
    async with _checked(settings, known.checked()) as checked:
        async for result in check(checked):
            sys.stdout.write(tell(result))
            sys.stdout.flush()
            results.append(result)
    if tell is _for_people:
        sys.stdout.write(f"\n{ADDRESS_NOTE}\n{_summary(results)}\n")
    return 0 if all(result.ok for result in results) else 1


@asynccontextmanager
async def _checked(settings: BrokerSettings, known: BrokerCredentials) -> AsyncIterator[Checked]:
    credentials = Credentials(
        known.client_code,
        known.pin.get_secret_value(),
        known.totp_secret.get_secret_value(),
        known.api_key.get_secret_value(),
    )
    fences, store = Fences(None), _KeptForTheCheck()
    fences.raise_to(_ACCOUNT, Fence(1, "check"))
    egress = EgressProxy(frozenset(map(_target, (settings.rest_url, settings.order_stream_url))), fences)
    address = await egress.start("127.0.0.1", 0)
    broker = AngelOneBroker(_ACCOUNT, credentials, settings, f"http://{address}", 1, store)
    try:
        yield Checked(broker, settings, SystemClock(), lambda: store.session)
    finally:
        await broker.close()
        await egress.stop()


def _target(url: str) -> Target:
    parts = urlsplit(url)
    return Target(parts.hostname or "", parts.port or 443)


def _summary(results: Sequence[StepResult]) -> str:
    failed, not_tried = (sum(result.ok is how for result in results) for how in (False, None))
    if not failed:
        return "Everything else is ready."
    return f"Failed: {failed} of {len(results)} steps{f'; not tried for want of a session: {not_tried}' if not_tried else ''}."


def _for_people(result: StepResult) -> str:
    facts = ", ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in result.facts.items())
    lines = [f"{_MARKS[result.ok]} {result.name}: {result.proves}"]
    lines += [f"     {line}" for line in (facts, result.problem, result.remedy and f"do: {result.remedy}") if line]
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _as_json(result: StepResult) -> str:
    return json.dumps(dataclasses.asdict(result)) + "\n"

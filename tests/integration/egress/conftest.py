"""The egress is tested on the event loop that it runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import uvloop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop, as in `tradewinds.service.run`."""
    return {"uvloop": uvloop.new_event_loop}

"""How break-glass reaches the broker: through the egress when it answers, so that its fence shuts every engine out; else by a proxy
of its own on this node, which has the same address to the broker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from engine_server.broker.fence import EgressFence, FenceUnreachableError
from engine_server.egress.connect_request import Target
from engine_server.egress.fences import BREAK_GLASS, REOPENED, FenceAheadError, Fences
from engine_server.egress.proxy import EgressProxy


@asynccontextmanager
async def way_out(
    egress_url: str, state_dir: Path | None, account_id: str, rest_url: str
) -> AsyncIterator[tuple[str, int, bool]]:
    """Egress URL and epoch to go out under, and whether it is the egress itself. With `state_dir`, the fence is kept there even
    where the egress is dead: it comes back closed to the engines."""
    try:
        epoch = await raised(egress_url, account_id, BREAK_GLASS)
    except FenceUnreachableError:
        async with _own_proxy(state_dir, rest_url) as url:
            yield url, await raised(url, account_id, BREAK_GLASS), False
    else:
        yield egress_url, epoch, True


@asynccontextmanager
async def _own_proxy(state_dir: Path | None, rest_url: str) -> AsyncIterator[str]:
    proxy = EgressProxy(frozenset({Target.parse(_target(rest_url))}), Fences(state_dir))
    address = await proxy.start("127.0.0.1", 0)
    try:
        yield f"http://{address}"
    finally:
        await proxy.stop()


async def reopen(egress_url: str, account_id: str) -> int:
    """Let the engines in again; the epoch in force. Raises `FenceUnreachableError`."""
    return await raised(egress_url, account_id, REOPENED)


async def raised(egress_url: str, account_id: str, owner: str) -> int:
    """One above whatever is in force, in the name of `owner`."""
    fence, epoch = EgressFence(egress_url, owner), 1
    while True:
        try:
            return (await fence.raise_to(account_id, epoch)).epoch
        except FenceAheadError as e:
            epoch = e.fence.epoch + 1


def _target(rest_url: str) -> str:
    parts = urlsplit(rest_url)
    return f"{parts.hostname}:{parts.port or 443}"

"""The last thing that a fresh stack waits for: without the day's scrip master nothing can be configured or bought."""

from __future__ import annotations

import asyncio
from typing import Final

import aiohttp

_PATIENCE_SECONDS: Final = 60.0  # a broker that has no file today must not keep everything else from being used
_PAUSE_SECONDS: Final = 0.1


async def scrip_master_in(rest_url: str, token: str) -> None:
    """Return when an engine has it, or after a minute: then `tradewinds health` says why not."""
    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=5)
    attempts = round(_PATIENCE_SECONDS / _PAUSE_SECONDS)
    async with aiohttp.ClientSession(rest_url, headers=headers, timeout=timeout) as http:
        for _ in range(attempts):
            if await _is_in(http):
                return
            await asyncio.sleep(_PAUSE_SECONDS)


async def _is_in(http: aiohttp.ClientSession) -> bool:
    try:
        async with http.get("/v1/health") as response:
            return response.status == 200 and bool((await response.json()).get("instruments"))
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False

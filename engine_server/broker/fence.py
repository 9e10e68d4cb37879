"""The engine's side of the egress fence: raised before anything else when an account is taken over (design §5.4)."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
import msgspec

from engine_server.egress.connect_request import ACCOUNT_HEADER, EPOCH_HEADER, FENCE_PATH, OWNER_HEADER
from engine_server.egress.fences import Fence, FenceAheadError
from tradewinds.errors import UnavailableError

_TIMEOUT_SECONDS = 3.0


class FenceUnreachableError(UnavailableError):
    """The egress does not answer, or cannot keep a fence: nothing can be sent."""

    reason = "EGRESS_UNREACHABLE"


@dataclass(frozen=True)
class FenceReport:
    """What raising it came to: older tunnels that were cut, and how many bytes had left through them. `source_address` is what the egress
    last connected to the broker from, for this account; '' before the first time."""

    epoch: int
    closed_tunnels: int
    bytes_out: int
    source_address: str = ""


class EgressFence:
    """Raises fences at one egress, in the name of one engine."""

    def __init__(self, egress_url: str, owner_id: str) -> None:
        self._url = egress_url.rstrip("/") + FENCE_PATH
        self._owner_id = owner_id

    async def raise_to(self, account_id: str, epoch: int) -> FenceReport:
        """When this returns, nothing of the account passes under another epoch, also after a restart of the egress. The same
        again changes nothing. Raises `FenceAheadError` with what is in force, and `FenceUnreachableError`.
        """
        headers = {ACCOUNT_HEADER: account_id, EPOCH_HEADER: str(epoch), OWNER_HEADER: self._owner_id}
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._url, headers=headers) as response,
            ):
                status, body = response.status, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as e:
            raise FenceUnreachableError(f"the egress at {self._url} cannot be reached: {_why(e)}") from e
        return _report(status, body)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _report(status: int, body: bytes) -> FenceReport:
    try:
        if status == HTTPStatus.CONFLICT:
            raise FenceAheadError(msgspec.json.decode(body, type=Fence))
        if status == HTTPStatus.OK:
            return msgspec.json.decode(body, type=FenceReport)
    except msgspec.DecodeError as e:
        raise FenceUnreachableError(f"the egress answered {status} with what is no answer: {e}") from e
    raise FenceUnreachableError(f"the egress refused to raise the fence: HTTP {status} {body[:200].decode('latin-1')}")

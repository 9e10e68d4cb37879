"""What an HTTP answer says about an attempt, and the client session that providers share."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from notifier.delivery.addresses import AddressGuard, ForbiddenAddressError, GuardedResolver
from notifier.delivery.message import Attempt, Fate

CALL_SECONDS: Final = 10.0
MAXIMUM_ANSWER_BYTES: Final = 16 * 1024
_LONGEST_WISH_SECONDS: Final = 3_600.0
_PASSING: Final = frozenset({408, 409, 421, 423, 425})


def of_status(
    status: int,
    headers: Mapping[str, str],
    text: str,
    *,
    gone: Collection[int] = (),
    passing: Collection[int] = (),
) -> Attempt:
    """The attempt behind a status; `gone` means that the address is no more, `passing` that the fault is not the message's."""
    detail = f"HTTP {status} {' '.join(text.split())[:200]}".strip()
    if 200 <= status < 300:
        return Attempt(Fate.SENT, f"HTTP {status}")
    wish = retry_after(headers.get("Retry-After", ""))
    if status == 429 or (status == 503 and wish is not None):
        return Attempt(Fate.THROTTLED, detail, retry_after_seconds=wish)
    if status in gone:
        return Attempt(Fate.GONE, detail)
    if status >= 500 or status in _PASSING or status in passing:
        return Attempt(Fate.PASSING, detail)
    if 300 <= status < 400:
        return Attempt(Fate.REFUSED, f"HTTP {status}: redirects are not followed")
    return Attempt(Fate.REFUSED, detail)


def retry_after(value: str) -> float | None:
    """Seconds of a Retry-After header (RFC 9110 §10.2.3); None where it says nothing we understand."""
    if value.strip().isdecimal():
        return min(float(value), _LONGEST_WISH_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), _LONGEST_WISH_SECONDS)


def json_object(text: str) -> dict[str, Any]:
    """The object in an answer; empty where there is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class HttpCaller:
    """POSTs without following redirects. With a guard, only to permitted addresses."""

    def __init__(self, guard: AddressGuard | None = None) -> None:
        self._guard = guard
        self._session: aiohttp.ClientSession | None = None

    async def post(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        form: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, str], str] | Attempt:
        """Status, headers and the beginning of the answer; or the attempt that it was, where there was no answer."""
        return await self._call("POST", url, headers=headers, data=form if form is not None else body)

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], str] | Attempt:
        """The same for a GET."""
        return await self._call("GET", url, headers=headers)

    async def _call(self, method: str, url: str, **content: Any) -> tuple[int, Mapping[str, str], str] | Attempt:
        # aiohttp asks no resolver about an address; one that was permitted when the endpoint was made may not be any more.
        if self._guard is not None and not self._guard.permits_host(urlsplit(url).hostname or ""):
            return Attempt(Fate.REFUSED, "its address is not a public one")
        try:
            async with self._opened().request(method, url, allow_redirects=False, **content) as response:
                raw = await response.content.read(MAXIMUM_ANSWER_BYTES)
                return response.status, response.headers, raw.decode(errors="replace")
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            return _unanswered(e)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = GuardedResolver(self._guard) if self._guard is not None else None
            # Without a cache: every connection's name is resolved and checked for it.
            connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, limit=0)
            timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session

    async def close(self) -> None:
        """Let connections go."""
        if self._session is not None:
            await self._session.close()


def _unanswered(error: BaseException) -> Attempt:
    """An error's words may hold a URL, and that a token: its kind is enough, but for what we refused ourselves."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ForbiddenAddressError):
            return Attempt(Fate.REFUSED, str(cause))
        cause = cause.__cause__ or (cause.os_error if isinstance(cause, aiohttp.ClientConnectorError) else None)
    if isinstance(error, TimeoutError):
        return Attempt(Fate.PASSING, f"no answer within {CALL_SECONDS:.0f} s")
    return Attempt(Fate.PASSING, f"not reached: {type(error).__name__}")

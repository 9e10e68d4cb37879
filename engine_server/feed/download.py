"""Fetching files from the broker: verified TLS, bounded in time and size, progress in the log, streamed to a file."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO

import aiohttp

from tradewinds.errors import ConfigurationError
from tradewinds.telemetry import get_logger

log = get_logger("feed.download")

_MAX_BYTES = 256 * 1024 * 1024  # the real file is about 35 MB
_CHUNK_BYTES = 256 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=180, sock_connect=10, sock_read=20)
_PROGRESS_SECONDS = 2.0


class DownloadError(Exception):
    """The file could not be fetched; what is known stays in force."""


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates and server names are verified, against `ca_file` where the system's authorities do not do."""
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as e:
        raise ConfigurationError(f"BROKER_CA_FILE: {ca_file} cannot be read as a CA certificate ({e})") from e


@dataclass(frozen=True)
class Downloaded:
    """What is known of a body; `last_modified` where the server says it."""

    size: int
    last_modified: datetime | None


async def download(
    url: str, tls: ssl.SSLContext, sink: IO[bytes], monotonic: Callable[[], float] = time.monotonic
) -> Downloaded:
    """Write the body behind `url`, unzipped, to `sink`. Raises `DownloadError` for whatever goes wrong."""
    started = monotonic()
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.get(url, ssl=tls) as response:
            if response.status != 200:
                raise DownloadError(f"{url} answered HTTP {response.status}")
            size = await _copy(response, sink, url, monotonic)
            modified = _moment(response.headers.get("Last-Modified", ""))
    except (aiohttp.ClientError, TimeoutError, OSError) as e:
        raise DownloadError(f"{url} could not be fetched: {type(e).__name__} {e}") from e
    log.info("done", url=url, bytes=size, seconds=round(monotonic() - started, 2))
    return Downloaded(size, modified)


def _moment(written: str) -> datetime | None:
    """Of an HTTP date; None for what is none."""
    try:
        return parsedate_to_datetime(written).astimezone(UTC)
    except ValueError:
        return None


async def _copy(response: aiohttp.ClientResponse, sink: IO[bytes], url: str, monotonic: Callable[[], float]) -> int:
    size, told = 0, monotonic()
    async for part in response.content.iter_chunked(_CHUNK_BYTES):
        sink.write(part)
        size += len(part)
        if size > _MAX_BYTES:
            raise DownloadError(f"{url} is larger than {_MAX_BYTES} bytes")
        if monotonic() - told >= _PROGRESS_SECONDS:
            told = monotonic()
            log.info("progress", url=url, bytes=size, of_packed=response.content_length)
    return size

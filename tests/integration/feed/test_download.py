"""A file of the broker on its way here."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from engine_server.feed.download import Downloaded, DownloadError, download, tls_context
from tests.integration.feed.scrip_master_site import (
    TLS,
    Site,
    at,
)
from tradewinds.errors import ConfigurationError


async def test_a_download_that_fails_says_why(site: Site) -> None:
    with pytest.raises(DownloadError, match=r"master\.json answered HTTP 503"):
        await download(site.url, TLS, io.BytesIO())
    with pytest.raises(DownloadError, match="could not be fetched"):
        await download("http://127.0.0.1:1/nothing", TLS, io.BytesIO())


async def test_a_gzipped_answer_is_unzipped(site: Site) -> None:
    site.body = b"x" * 100_000
    sink = io.BytesIO()
    site.last_modified = at("2026-11-24T06:00:00")
    assert await download(site.url, TLS, sink) == Downloaded(len(site.body), site.last_modified)
    assert sink.getvalue() == site.body


def test_a_ca_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"BROKER_CA_FILE: /no/such\.pem cannot be read"):
        tls_context(Path("/no/such.pem"))

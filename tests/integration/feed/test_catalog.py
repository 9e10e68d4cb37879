"""The instrument catalog over a real Valkey: written by the publisher, read by everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest

from engine_server.feed.instrument_publisher import InstrumentPublisher
from engine_server.feed.listing import Listing
from engine_server.instruments.catalog import InstrumentCatalog
from engine_server.instruments.table import InstrumentTable
from tests.support.feed_process import Valkey
from tests.support.waiting import eventually
from tests.unit.feed.instruments import instrument
from tradewinds import redis_keys
from tradewinds.instruments import Instrument, UnknownInstrumentError

SBIN = instrument("NSE:SBIN-EQ", "3045")
LISTED = {
    i.key: i
    for i in (
        SBIN,
        instrument("NSE:NIFTY 50", "99926000", kind="INDEX", name="NIFTY"),
        instrument("NFO:NIFTY28JUL26FUT", "61093", kind="FUT", name="NIFTY"),
        instrument("NSE:RELIANCE-EQ", "2885"),
        instrument("BSE:RELIANCE", "500325", name="RELIANCE"),
        instrument("BSE:TWIN", "1", name="TWIN"),
        instrument("MCX:TWIN", "2", name="TWIN"),
        instrument("BSE:ONLYBSE", "500001"),
    )
}


def listing(version: str, listed: dict[str, Instrument]) -> Listing:
    return Listing(version, InstrumentTable.of(listed.values()))


async def published(valkey: Valkey, listed: dict[str, Instrument], version: str = "v1") -> None:
    await InstrumentPublisher(valkey, "test").publish(listing(version, listed))


@pytest.fixture
async def catalog(valkey: Valkey) -> InstrumentCatalog:
    await published(valkey, LISTED)
    catalog = InstrumentCatalog(valkey)
    assert await catalog.load()
    return catalog


@pytest.fixture
async def following(valkey: Valkey) -> AsyncIterator[InstrumentCatalog]:
    catalog = InstrumentCatalog(valkey)
    task = asyncio.create_task(catalog.follow())
    yield catalog
    task.cancel()
    await asyncio.wait([task])


async def test_what_was_published_is_what_is_read(catalog: InstrumentCatalog) -> None:
    assert (catalog.ready, catalog.version, dict(catalog.instruments)) == (True, "v1", LISTED)
    assert catalog.instruments["NSE:SBIN-EQ"].tick_size == Decimal("0.05")
    assert catalog.by_token("NSE", "3045") == SBIN
    assert catalog.by_token("BSE", "3045") is None


async def test_an_empty_redis_is_not_ready_and_refuses_to_resolve(valkey: Valkey) -> None:
    catalog = InstrumentCatalog(valkey)
    assert not await catalog.load()
    assert not catalog.ready
    with pytest.raises(UnknownInstrumentError, match="has not been loaded"):
        catalog.resolve("SBIN")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("SBIN", "NSE:SBIN-EQ"),
        (" nse:sbin-eq ", "NSE:SBIN-EQ"),
        ("nifty 50", "NSE:NIFTY 50"),
        ("NIFTY", "NSE:NIFTY 50"),
        ("RELIANCE", "NSE:RELIANCE-EQ"),
        ("BSE:RELIANCE", "BSE:RELIANCE"),
        ("onlybse", "BSE:ONLYBSE"),
        ("NIFTY28JUL26FUT", "NFO:NIFTY28JUL26FUT"),
    ],
)
async def test_a_text_means_one_instrument(catalog: InstrumentCatalog, text: str, key: str) -> None:
    assert catalog.resolve(text).key == key


async def test_what_is_ambiguous_or_unknown_is_refused_with_what_is_near(catalog: InstrumentCatalog) -> None:
    with pytest.raises(UnknownInstrumentError, match="ambiguous: it may mean BSE:TWIN, MCX:TWIN"):
        catalog.resolve("TWIN")
    with pytest.raises(UnknownInstrumentError, match="did you mean NSE:RELIANCE-EQ"):
        catalog.resolve("RELIANC")
    with pytest.raises(UnknownInstrumentError, match="not in today's scrip master"):
        catalog.resolve("NSE:ZZZ")


async def test_a_text_that_was_resolved_before_means_what_the_newest_scrip_master_says(
    catalog: InstrumentCatalog, valkey: Valkey
) -> None:
    assert catalog.resolve("SBIN") == catalog.resolve("SBIN") == SBIN
    changed = msgspec.structs.replace(SBIN, tick_size=Decimal("0.10"))
    await published(valkey, {changed.key: changed}, "v2")
    assert await catalog.load()
    assert catalog.resolve("SBIN") == changed


async def test_a_new_scrip_master_reaches_a_follower_within_moments(
    following: InstrumentCatalog, valkey: Valkey
) -> None:
    await published(valkey, LISTED)
    await eventually(lambda: following.version == "v1", timeout=8)
    subscribers = await valkey.pubsub_numsub(redis_keys.INSTRUMENTS_CHANGED)
    assert subscribers[0][1] == 1
    await published(valkey, {SBIN.key: SBIN}, "v2")
    await eventually(lambda: following.version == "v2", timeout=1)
    assert dict(following.instruments) == {SBIN.key: SBIN}


async def test_what_was_read_stays_when_redis_loses_it(following: InstrumentCatalog, valkey: Valkey) -> None:
    await published(valkey, LISTED)
    await eventually(lambda: following.ready, timeout=8)
    await valkey.flushall()
    assert not await following.load()
    assert following.resolve("SBIN") == SBIN


async def test_publishing_leaves_no_other_key_and_no_expiry(valkey: Valkey) -> None:
    publisher = InstrumentPublisher(valkey, "test")
    await publisher.publish(listing("v1", LISTED))
    keys = [b"md:instruments", b"md:instruments:day", b"md:instruments:table", b"md:instruments:version"]
    assert sorted(await valkey.keys("md:*")) == keys
    assert await valkey.ttl(redis_keys.INSTRUMENTS) == -1
    assert await publisher.is_published(listing("v1", LISTED))
    assert not await publisher.is_published(listing("v2", LISTED))


@pytest.mark.parametrize("lost", [redis_keys.INSTRUMENTS, redis_keys.INSTRUMENT_TABLE])
async def test_what_redis_has_lost_one_form_of_is_not_published(valkey: Valkey, lost: str) -> None:
    publisher = InstrumentPublisher(valkey, "test")
    await publisher.publish(listing("v1", LISTED))
    await valkey.delete(lost)
    assert not await publisher.is_published(listing("v1", LISTED))


async def test_both_forms_say_the_same_of_an_instrument(catalog: InstrumentCatalog, valkey: Valkey) -> None:
    rows = await valkey.hgetall(redis_keys.INSTRUMENTS)
    assert {key.decode(): msgspec.msgpack.decode(row, type=Instrument) for key, row in rows.items()} == LISTED
    assert dict(catalog.instruments) == LISTED


async def test_a_table_that_cannot_be_read_leaves_what_was_there(following: InstrumentCatalog, valkey: Valkey) -> None:
    await published(valkey, LISTED)
    await eventually(lambda: following.ready, timeout=8)
    await valkey.set(redis_keys.INSTRUMENT_TABLE, b"of another program")
    await valkey.set(redis_keys.INSTRUMENTS_VERSION, "v2")
    with pytest.raises(msgspec.DecodeError):
        await following.load()
    assert (following.version, following.resolve("SBIN")) == ("v1", SBIN)


async def test_instruments_are_counted_by_category(catalog: InstrumentCatalog) -> None:
    assert catalog.categories == {
        ("NSE", "EQ", ""): 2,
        ("NSE", "INDEX", ""): 1,
        ("NFO", "FUT", "NIFTY"): 1,
        ("BSE", "EQ", ""): 3,
        ("MCX", "EQ", ""): 1,
    }

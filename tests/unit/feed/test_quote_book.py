"""What is written of the last quotes: the newest of each, once, however many came at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine_server.feed.quote_book import QuoteBook
from engine_server.feed.tick_routes import routes
from tests.unit.feed.instruments import instrument
from tradewinds.ticks import FEW_TICKS, TICK_DTYPE, TickArray, instrument_codes

WANTED = routes([instrument(f"NSE:X{number}-EQ", str(100 + number)) for number in range(6)])
FEWER = routes([instrument(f"NSE:X{number}-EQ", str(100 + number)) for number in (1, 3, 5)])
batches = st.lists(st.integers(0, 5), min_size=1, max_size=2 * FEW_TICKS)
steps = st.lists(st.one_of(batches, st.sampled_from(["write", "doubt", "want fewer", "want all", "look"])), max_size=30)


def ticks(numbers: list[int], first_price: int) -> TickArray:
    made = np.zeros(len(numbers), TICK_DTYPE)
    made["exchange_type"], made["token"] = 1, [100 + number for number in numbers]
    made["last_price_e4"] = np.arange(first_price, first_price + len(numbers))
    return made


def written(book: QuoteBook) -> dict[bytes, int]:
    items = book.unwritten()
    assert len(set(items[::2])) == len(items) // 2, "each once"
    return {
        key: int(np.frombuffer(record, TICK_DTYPE)["last_price_e4"][0])
        for key, record in zip(items[::2], items[1::2], strict=True)
    }


@given(steps)
def test_what_is_written_is_what_has_changed_since_and_the_newest_of_it(steps: list[Any]) -> None:
    book, wanted, price = QuoteBook(None), WANTED, 1  # type: ignore[arg-type] # it is not asked
    book.want(wanted)
    newest: dict[bytes, int] = {}
    changed: set[bytes] = set()
    for step in steps:
        if step == "write":
            assert written(book) == {key: newest[key] for key in changed}
            changed = set()
        elif step == "doubt":
            book.doubt()
            changed = set(newest)
        elif step in ("want fewer", "want all"):
            wanted = FEWER if step == "want fewer" else WANTED
            book.want(wanted)
            newest = {key: newest[key] for key in newest if key in wanted.keys}
            changed &= set(wanted.keys)
        elif step == "look":
            known = ticks([number for number in range(6) if f"NSE:X{number}-EQ".encode() in newest], 0)
            known["last_price_e4"] = [newest[f"NSE:X{token - 100}-EQ".encode()] for token in known["token"].tolist()]
            assert not book.differ(known).any()
        else:
            batch = ticks(step, price)
            batch = batch[wanted.slots(instrument_codes(batch)) >= 0]
            price += len(step)
            book.take(batch, wanted.slots(instrument_codes(batch)))
            for tick in batch:
                key = f"NSE:X{int(tick['token']) - 100}-EQ".encode()
                newest[key] = int(tick["last_price_e4"])
                changed.add(key)
    assert written(book) == {key: newest[key] for key in changed}

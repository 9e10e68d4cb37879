"""What `tradewinds strategies new` writes: a strategy that works, and a test that passes."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Final

from tradewinds.errors import InvalidArgumentError

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")

_MODULE: Final = '''"""__CLASS__: say here what it does."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from tradewinds.sdk import Bar, BaseStrategy, OrderHandle, Params, at, live


class __CLASS__Params(Params):
    """What can be set. What is `live` may be changed while it runs."""

    symbols: list[str] = Field(min_length=1, description="what to trade")
    quantity: int = Field(default=1, gt=0, description="units per position")
    length: int = live(10, ge=2, le=100, description="bars that make the average")


class __CLASS__(BaseStrategy):
    """Buys when a price closes above its average, and sells when it closes below."""

    Params = __CLASS__Params

    def bars(self) -> Mapping[str, int]:
        """The last hundred one-minute bars of each symbol are kept, and are there before the first price."""
        return {"1m": 100}

    def on_start(self) -> None:
        """What is in `self.state` survives a crash, a restart and a move to another machine."""
        self.state.setdefault("entries", 0)

    def on_bar(self, bar: Bar) -> None:
        """A bar has closed: decide."""
        closes = self.history(bar.symbol, "1m", self.params.length).close
        if len(closes) < self.params.length or self.orders(bar.symbol):
            return  # too early, or an order is on its way
        is_above = closes[-1] > closes.mean()
        held = self.position(bar.symbol).net_quantity
        if is_above and held == 0:
            self.state["entries"] += 1
            self.buy(bar.symbol, self.params.quantity)
        elif not is_above and held > 0:
            self.square_off(bar.symbol)

    def on_order(self, order: OrderHandle) -> None:
        """What became of an order."""
        if order.state in ("DENIED", "REJECTED"):
            self.notify(f"{order.instrument}: the order was not taken", f"{order.reason} {order.message}")

    @at("15:10")
    def leave(self) -> None:
        """Nothing stays over night."""
        self.square_off()
'''

_TEST: Final = '''"""__CLASS__ does what it says: `python -m pytest __FOLDER__`."""

from __future__ import annotations

import asyncio

from __NAME__ import __CLASS__

from tradewinds.sdk.testing import StrategyHarness


async def started() -> StrategyHarness:
    """A strategy under test, with ten calm minutes behind it and a market that fills at once."""
    harness = StrategyHarness(__CLASS__, {"symbols": ["TCS"], "quantity": 5}, fills_marketable=True)
    harness.past_bars("TCS", "1m", [3000] * 10)
    await harness.start()
    return harness


async def minute(harness: StrategyHarness, close: int) -> None:
    """A minute passes; its bar closes at this price."""
    await harness.advance("1m")
    await harness.tick("TCS", close)
    await harness.bar("TCS", close)


def test_it_buys_above_the_average_and_sells_below() -> None:
    async def story() -> None:
        harness = await started()
        await minute(harness, 3010)
        assert harness.strategy.position("TCS").net_quantity == 5
        await minute(harness, 2990)
        assert harness.strategy.position("TCS").net_quantity == 0

    asyncio.run(story())


def test_a_crash_loses_nothing() -> None:
    async def story() -> None:
        harness = await started()
        await minute(harness, 3010)
        await harness.crash_and_restart()
        assert harness.strategy.position("TCS").net_quantity == 5
        assert harness.strategy.state == {"entries": 1}
        assert len(harness.placed()) == 1

    asyncio.run(story())
'''


def write_strategy(name: str, folder: Path) -> tuple[Path, Path]:
    """Write the module and its test; raises `InvalidArgumentError` and overwrites nothing."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise InvalidArgumentError.field("name", f"{name!r}: give a Python name in small letters, such as my_breakout")
    if not folder.name.isidentifier():
        raise InvalidArgumentError.field(
            "folder", f"{folder.name!r} is not a Python name: strategies are imported from it"
        )
    files = {folder / f"{name}.py": _MODULE, folder / f"test_{name}.py": _TEST}
    for path in files:
        if path.exists():
            raise InvalidArgumentError.field("name", f"{path} is there already; give another name, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(_filled(text, name, folder))
    module, test = files
    return module, test


def class_name(name: str) -> str:
    """`my_breakout` makes `MyBreakoutStrategy`."""
    words = "".join(word.capitalize() for word in name.removesuffix("_strategy").split("_"))
    return f"{words}Strategy"


def _filled(text: str, name: str, folder: Path) -> str:
    return text.replace("__CLASS__", class_name(name)).replace("__NAME__", name).replace("__FOLDER__", str(folder))

"""The code of the how-to is run: its module loads as a user's would, and its own tests pass."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from strategy_runner.loading import describe, load
from tradewinds.sdk.params import validate

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "write-a-strategy.md"
BLOCKS = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL))
TESTS = re.findall(r"async def (test_\w+)", BLOCKS["test_breakout.py"])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The user's folder with the page's module in it."""
    own = tmp_path / "my_strategies"
    own.mkdir()
    (own / "breakout.py").write_text(BLOCKS["my_strategies/breakout.py"])
    yield own
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_strategies"]:
        del sys.modules[name]


def test_the_class_is_loaded_from_the_folder_with_its_parameters(folder: Path) -> None:
    strategy = load("my_strategies.breakout", "BreakoutStrategy", [folder])
    assert describe(strategy) == "Buys a new high of the last minutes, with a stop."
    params = validate(strategy.Params, '{"symbols": ["TCS"]}')
    assert params.model_dump(mode="json") == {"symbols": ["TCS"], "quantity": 1, "looks": 3, "stop_percent": "0.5"}


def test_the_page_has_tests() -> None:
    assert len(TESTS) == 2


@pytest.mark.parametrize("name", TESTS)
async def test_the_test_of_the_page_passes(folder: Path, name: str) -> None:
    load("my_strategies.breakout", "BreakoutStrategy", [folder])  # makes the folder importable
    page = ModuleType("test_breakout")
    exec(compile(BLOCKS["test_breakout.py"], "test_breakout.py", "exec"), page.__dict__)  # noqa: S102 - our own page
    await getattr(page, name)()

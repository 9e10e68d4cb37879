"""The map of ideas leads to what is really there."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY / "docs" / "explanation" / "from-a-single-process.md"
TEXT = PAGE.read_text()
PACKAGES = "tradewinds|engine_server|strategy_runner|strategies|notifier|gateway|sandbox"


def spoken() -> Iterator[str]:
    """Everything that is set in code."""
    yield from re.findall(r"`([^`]+)`", TEXT)


PATHS = sorted({words for words in spoken() if re.fullmatch(rf"({PACKAGES})/[\w./]*", words)})
NAMES = sorted({words for words in spoken() if re.fullmatch(rf"({PACKAGES})(\.\w+)+", words)})
LINKS = sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT)))


def test_it_mentions_what_it_is_about() -> None:
    assert len(PATHS) > 15
    assert {"tradewinds.sdk.BaseStrategy", "tradewinds.client.db_manager"} <= set(NAMES)
    assert len(LINKS) > 20


@pytest.mark.parametrize("path", PATHS)
def test_every_path_is_there(path: str) -> None:
    there = REPOSITORY / path
    assert there.is_dir() if path.endswith("/") else there.is_file()


@pytest.mark.parametrize("name", NAMES)
def test_every_name_can_be_imported(name: str) -> None:
    assert resolve(name) is not None


@pytest.mark.parametrize("link", LINKS)
def test_every_link_leads_somewhere(link: str) -> None:
    assert (PAGE.parent / link).exists()


@pytest.mark.parametrize(
    ("label", "link"), [pair for pair in re.findall(r"\[`([^`]+)`\]\(([^)]+)\)", TEXT) if "/" in pair[0]]
)
def test_a_path_links_to_itself(label: str, link: str) -> None:
    assert (PAGE.parent / link).resolve() == (REPOSITORY / label).resolve()


def resolve(name: str) -> Any:
    """A module, or what a module has under that name."""
    module, _, attribute = name.rpartition(".")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return getattr(importlib.import_module(module), attribute)

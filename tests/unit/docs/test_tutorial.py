"""The tutorial says what is true: its commands exist, and its class is the one that `strategies new` writes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from tradewinds.cli import strategies
from tradewinds.cli.strategy_template import class_name, write_strategy

PAGE = (Path(__file__).parents[3] / "docs" / "tutorial" / "your-first-strategy.md").read_text()
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).replace("\\\n", " ")
COMMANDS = re.findall(r"tradewinds strategies (\w.*?)(?:\s+#.*|\s+\|.*)?$", SHELL, re.MULTILINE)


def test_the_page_has_commands() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_is_one_that_there_is(line: str) -> None:
    name, *arguments = shlex.split(line)
    group = get_command(strategies.app)
    assert isinstance(group, typer.core.TyperGroup)
    command = group.commands[name]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("-")} <= options


def test_what_it_names_is_what_is_written(tmp_path: Path) -> None:
    module, _test = write_strategy("my_first", tmp_path / "my_strategies")
    source = module.read_text()
    assert class_name("my_first") == "MyFirstStrategy"
    for words in (
        "class MyFirstStrategyParams",
        "class MyFirstStrategy",
        "closes[-1] > closes.mean()",
        "length: int = live(",
    ):
        assert words in source

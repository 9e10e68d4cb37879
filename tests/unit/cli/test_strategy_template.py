"""`tradewinds strategies new` writes what loads, and a test that passes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from strategy_runner.loading import load
from tradewinds.cli.strategies import app
from tradewinds.sdk.params import validate

REPOSITORY = Path(__file__).parents[3]


def new(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["new", *arguments], env={"COLUMNS": "200"})
    return result.exit_code, result.output + result.stderr


def test_its_test_passes_and_its_class_loads_as_a_users_would(tmp_path: Path) -> None:
    folder = tmp_path / "fresh_strategies"
    code, output = new("my_breakout", "--folder", str(folder))
    assert code == 0, output
    assert "create fresh_strategies.my_breakout.MyBreakoutStrategy --id my-breakout" in output
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    assert "2 passed" in run.stdout
    try:
        strategy = load("fresh_strategies.my_breakout", "MyBreakoutStrategy", [folder])
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "fresh_strategies"]:
            del sys.modules[name]
    assert validate(strategy.Params, '{"symbols": ["TCS"]}').model_dump()["length"] == 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("My-Breakout",), "give a Python name in small letters"),
        (("class",), "give a Python name in small letters"),
        (("fine", "--folder", "my-strategies"), "'my-strategies' is not a Python name"),
    ],
)
def test_a_name_that_cannot_be_imported_is_refused(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = new(*arguments)
    assert code == 1
    assert words in output
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "fine.py").write_text("precious")
    code, output = new("fine", "--folder", str(tmp_path / "mine"))
    assert (code, (tmp_path / "mine" / "fine.py").read_text()) == (1, "precious")
    assert "is there already" in output

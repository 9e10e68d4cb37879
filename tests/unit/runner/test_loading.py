"""Where a class may come from, and one clear message for each mistake. Each case is a process of its own (see inspection)."""

from __future__ import annotations

from pathlib import Path

import pytest

from strategy_runner.loading import FolderError, package_of
from strategy_runner.settings import RunnerSettings
from tradewinds import config
from tradewinds.errors import ConfigurationError


def folder(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.mkdir()
    return path


def test_a_folder_is_a_package_of_its_name(tmp_path: Path) -> None:
    assert package_of(folder(tmp_path, "my_strategies")) == "my_strategies"
    assert package_of(folder(tmp_path, "strategies")) == "strategies"


def test_a_folder_beside_which_the_runner_was_started_is_no_other_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = folder(tmp_path, "my_strategies")
    monkeypatch.syspath_prepend(tmp_path)  # as `python -m` does with the working directory
    assert package_of(own) == "my_strategies"
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(FolderError, match="taken by an installed package"):
        package_of(folder(tmp_path / "elsewhere", "my_strategies"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my-strategies", "is not a Python name; rename"),
        ("class", "is not a Python name; rename"),
        ("numpy", "taken by an installed package; rename"),
        ("json", "taken by an installed package; rename"),
    ],
)
def test_a_folder_that_cannot_be_a_package_is_refused_with_a_remedy(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(FolderError, match=words):
        package_of(folder(tmp_path, name))


def test_a_missing_folder_is_a_configuration_error_that_names_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGINE_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("SERVICE_TOKEN", "t")
    monkeypatch.setenv("STRATEGY_FOLDERS", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match=r"STRATEGY_FOLDERS: .*nowhere is not a folder"):
        config.load(RunnerSettings)


def test_two_folders_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [folder(folder(tmp_path, parent), "mine") for parent in ("a", "b")]
    monkeypatch.setenv("ENGINE_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("SERVICE_TOKEN", "t")
    monkeypatch.setenv("STRATEGY_FOLDERS", ":".join(map(str, folders)))
    with pytest.raises(ConfigurationError, match="have the same name; rename one"):
        config.load(RunnerSettings)

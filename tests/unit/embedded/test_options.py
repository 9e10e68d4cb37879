"""Every option of `tradewinds up` that cannot work is refused before anything starts, by name and with the remedy."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from tradewinds.embedded.options import UpOptions
from tradewinds.embedded.ports import free_ports, rest_port
from tradewinds.errors import ConfigurationError


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"engines": 11}, "--engines: 11 is not between"),
        ({"runners": 0}, "--runners: 0"),
        ({"rest_port": 70_000}, "--rest-port: 70000"),
        ({"strategies": Path("/no/such/folder")}, "--strategies: /no/such/folder is not a folder"),
        ({"replay": (Path("/no/such.csv"),)}, "--replay: /no/such.csv is not a file"),
        ({"speed": 0.0}, "--speed: 0.0 is out of range"),
        ({"ready_file": Path("/no/such/folder/ready.json")}, "--ready-file: the folder /no/such/folder does not exist"),
    ],
)
def test_a_bad_option_is_refused_by_name(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        UpOptions(**{"state_dir": tmp_path, **change}).check()


def test_a_strategies_folder_must_be_importable(tmp_path: Path) -> None:
    folder = tmp_path / "my-strategies"
    folder.mkdir()
    with pytest.raises(ConfigurationError, match="rename it"):
        UpOptions(state_dir=tmp_path, strategies=folder).check()


def test_the_defaults_are_good(tmp_path: Path) -> None:
    UpOptions(state_dir=tmp_path).check()


def test_ports_chosen_together_differ_and_are_none_that_somebody_gets_by_chance() -> None:
    chosen = free_ports(20)
    assert len(set(chosen)) == 20
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", chosen[0]))
        taken.listen()
        assert chosen[0] not in free_ports(12_000)
    given = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if given.exists():
        assert max(chosen) < int(given.read_text().split()[0])


def test_an_occupied_port_is_refused_only_when_it_was_asked_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match=f"--rest-port: {port} is in use"):
            rest_port(port, asked_for=True)
        assert rest_port(port, asked_for=False) != port

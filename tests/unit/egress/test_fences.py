"""Fences on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine_server.egress.fences import Fence, FenceAheadError, Fences
from tradewinds.errors import ConfigurationError

ENGINE_0, ENGINE_1 = "engine-0", "engine-1"


def test_a_fence_only_rises(tmp_path: Path) -> None:
    fences = Fences(tmp_path)
    assert fences.raise_to("ACC1", Fence(5, ENGINE_0))
    assert not fences.raise_to("ACC1", Fence(5, ENGINE_0))
    for lower in (Fence(4, ENGINE_0), Fence(5, ENGINE_1), Fence(0, ENGINE_1)):
        with pytest.raises(FenceAheadError):
            fences.raise_to("ACC1", lower)
    assert fences.admits("ACC1", 5)
    assert not fences.admits("ACC1", 4)
    assert not fences.admits("ACC1", 6)
    assert not fences.admits("ACC2", 5)


def test_what_was_raised_is_there_after_a_restart(tmp_path: Path) -> None:
    fences = Fences(tmp_path / "made")
    fences.raise_to("ACC1", Fence(5, ENGINE_0))
    fences.raise_to("ACC2", Fence(2, ENGINE_1))
    again = Fences(tmp_path / "made")
    assert again.in_force == {"ACC1": Fence(5, ENGINE_0), "ACC2": Fence(2, ENGINE_1)}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"ACC1": {"epoch": "x"}}', b"\x00\xff"])
def test_a_file_that_cannot_be_read_is_refused_and_not_guessed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fences.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"EGRESS_STATE_DIR: .*fences\.json cannot be read .* move it away"):
        Fences(tmp_path)


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    """A digit of the epoch, say: the owner before would pass."""
    Fences(tmp_path).raise_to("ACC1", Fence(5, ENGINE_0))
    file = tmp_path / "fences.json"
    written = file.read_bytes()
    for bit in range(len(written) * 8):
        flipped = bytearray(written)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        with pytest.raises(ConfigurationError):
            Fences(tmp_path)


def test_fences_of_a_version_that_kept_no_checksum_are_in_force(tmp_path: Path) -> None:
    (tmp_path / "fences.json").write_bytes(b'{"ACC1":{"epoch":5,"owner":"engine-0"}}')
    fences = Fences(tmp_path)
    assert fences.in_force == {"ACC1": Fence(5, ENGINE_0)}
    fences.raise_to("ACC1", Fence(6, ENGINE_1))
    assert Fences(tmp_path).in_force == {"ACC1": Fence(6, ENGINE_1)}


def test_a_write_that_fails_changes_nothing(tmp_path: Path) -> None:
    fences = Fences(tmp_path / "folder")
    (tmp_path / "folder").rmdir()
    with pytest.raises(FileNotFoundError):
        fences.raise_to("ACC1", Fence(5, ENGINE_0))
    assert not fences.admits("ACC1", 5)

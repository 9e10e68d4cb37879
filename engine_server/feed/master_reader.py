"""Reads a scrip master in a process of its own: a second of work with the interpreter's lock would hold up every tick.

`python -m engine_server.feed.master_reader MINIMUM_ROWS`: the file on stdin; on stdout it is packed (`instruments.packed`), or
a line on stderr says why it is refused, with exit code 3. What it took of memory is gone with it.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from engine_server.feed import scrip_master
from engine_server.feed.scrip_master import ScripMasterError
from engine_server.instruments.packed import MasterHead, head_of, pack, unpack
from engine_server.instruments.table import InstrumentTable

_REFUSED: Final = 3  # an interpreter that fails ends with 1
_SOURCES: Final = Path(__file__).parents[2]
_DEADLINE_SECONDS: Final = 120.0
_MAX_REASON_BYTES: Final = 4_096
_GZIP: Final = b"\x1f\x8b"
_PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "TZ")  # no secret is its business


@dataclass(frozen=True)
class MasterContent:
    """A scrip master that was read."""

    head: MasterHead
    instruments: InstrumentTable


async def read_master(file: IO[bytes], *, minimum_rows: int) -> MasterContent:
    """The scrip master in `file`, from its beginning. Raises `ScripMasterError` when it is refused or cannot be read."""
    file.flush()
    file.seek(0)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine_server.feed.master_reader", str(minimum_rows)),
        stdin=file,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"PYTHONPATH": str(_SOURCES)},
    )
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            return await _read(process)
    except TimeoutError as e:
        raise ScripMasterError(f"it could not be read within {_DEADLINE_SECONDS:.0f} s") from e
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _read(process: asyncio.subprocess.Process) -> MasterContent:
    output, errors = await process.communicate()
    if process.returncode != 0:
        reason = errors[-_MAX_REASON_BYTES:].decode(errors="replace").strip().rpartition("\n")[2]
        refused = process.returncode == _REFUSED and reason
        raise ScripMasterError(reason if refused else f"its reader failed ({process.returncode}): {reason}")
    try:
        return MasterContent(*await asyncio.to_thread(unpack, output))
    except msgspec.DecodeError as e:
        raise ScripMasterError(f"its reader wrote what cannot be read: {e}") from e


def main(source: IO[bytes], sink: IO[bytes], minimum_rows: int) -> None:
    """Read `source`, write it packed to `sink`; raises `ScripMasterError`."""
    content = _plain(source.read())
    master = scrip_master.parse(content, minimum_rows=minimum_rows)
    sink.write(pack(head_of(master.version, master.instruments, master.skipped), master.instruments))
    sink.flush()


def _plain(content: bytes) -> bytes:
    """Unzipped, where a server keeps the file zipped without saying so."""
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as e:
        raise ScripMasterError(f"a gzip file that cannot be unzipped ({len(content)} bytes): {e}") from e


def _run(arguments: list[str]) -> int:
    try:
        main(sys.stdin.buffer, sys.stdout.buffer, int(arguments[0]))
    except ScripMasterError as e:
        sys.stderr.write(" ".join(str(e).split()) + "\n")
        return _REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_run(sys.argv[1:]))

"""Other processes that own an embedded server, and are killed."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from tradewinds.embedded import tether

ONLY_LINUX = "the tether to the parent is Linux's; elsewhere the next start ends what was left behind"

_OWNER = """
import asyncio, sys
from pathlib import Path
from tradewinds.embedded import postgres, server_process, valkey

server_process._TETHER = Path(sys.argv[2])

async def own():
    async with {server_class}(Path(sys.argv[1])) as server:
        print(server.pid, server.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(own())
"""


@dataclass(frozen=True)
class OwnedServer:
    """A server (`pid`, `url`) that another process owns."""

    owner: asyncio.subprocess.Process
    pid: int
    url: str

    async def kill(self) -> None:
        """SIGKILL the owner."""
        self.owner.kill()
        await self.owner.wait()


async def owned_server(server_class: str, state_dir: Path, *, tether_file: Path = Path(tether.__file__)) -> OwnedServer:
    """Start `server_class` ("postgres.EmbeddedPostgres") in a process of its own."""
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _OWNER.format(server_class=server_class), str(state_dir), str(tether_file)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdout is not None
    pid, url = (await asyncio.wait_for(owner.stdout.readline(), 30)).decode().split()
    return OwnedServer(owner, int(pid), url)


def has_ended(pid: int) -> bool:
    """Gone, or a zombie that nobody has reaped yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def abandoned_server(server_class: str, state_dir: Path) -> OwnedServer:
    """A server that has outlived its killed owner, as where there is no tether."""
    untethered = state_dir.parent / "untethered.py"
    source = Path(tether.__file__).read_text()
    assert 'sys.platform != "linux"' in source
    untethered.write_text(source.replace('sys.platform != "linux"', "True"))
    server = await owned_server(server_class, state_dir, tether_file=untethered)
    await server.kill()
    return server

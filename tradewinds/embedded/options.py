"""What the person who runs `tradewinds up` decides, checked before anything is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tradewinds.embedded.broker import RealBroker
from tradewinds.errors import ConfigurationError

DEFAULT_REST_PORT = 8080


@dataclass(frozen=True)
class UpOptions:
    """`database_url` and `redis_url` replace the embedded servers when they are not empty, `real_broker` the simulated one.
    `database_owner_url` migrates that database where the services' role does not own it."""

    state_dir: Path
    rest_port: int | None = None
    engines: int = 1
    runners: int = 1
    strategies: Path | None = None
    replay: tuple[Path, ...] = ()
    speed: float = 1.0
    ready_file: Path | None = None
    demo: bool = True
    database_url: str = ""
    database_owner_url: str = ""
    redis_url: str = ""
    real_broker: RealBroker | None = None

    def check(self) -> None:
        """Raise `ConfigurationError` for the first option that cannot work, naming it and the remedy."""
        if not 1 <= self.engines <= 10:
            raise ConfigurationError(f"--engines: {self.engines} is not between 1 and 10")
        if not 1 <= self.runners <= 50:
            raise ConfigurationError(f"--runners: {self.runners} is not between 1 and 50")
        if self.rest_port is not None and not 0 <= self.rest_port <= 65535:
            raise ConfigurationError(f"--rest-port: {self.rest_port} is not a port; use 0 (any) to 65535")
        if self.strategies is not None and not self.strategies.is_dir():
            raise ConfigurationError(
                f"--strategies: {self.strategies} is not a folder; create it and put modules into it"
            )
        if self.strategies is not None and not self.strategies.resolve().name.isidentifier():
            raise ConfigurationError(
                f"--strategies: the folder's name {self.strategies.resolve().name!r} cannot be a Python package; "
                "rename it to letters, digits and underscores"
            )
        if self.database_owner_url and not self.database_url:
            raise ConfigurationError(
                "DATABASE_OWNER_URL: it goes with the DATABASE_URL of the services; set that too, or unset this for the embedded PostgreSQL"
            )
        if self.real_broker is not None and (self.replay or self.speed != 1.0):
            raise ConfigurationError(
                "--replay and --speed: a real account trades at the market's own pace; unset BROKER_CLIENT_CODE for the simulated broker"
            )
        for file in self.replay:
            if not file.is_file():
                raise ConfigurationError(f"--replay: {file} is not a file; give a csv or csv.gz of bars or ticks")
        if not 0.01 <= self.speed <= 10_000:
            raise ConfigurationError(
                f"--speed: {self.speed} is out of range; give market seconds per second, 0.01 to 10000"
            )
        if self.ready_file is not None and not self.ready_file.absolute().parent.is_dir():
            raise ConfigurationError(
                f"--ready-file: the folder {self.ready_file.absolute().parent} does not exist; create it"
            )

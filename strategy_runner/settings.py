"""The runner's settings and identity."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from strategy_runner.loading import FolderError, package_of
from tradewinds.config import Settings


class RunnerSettings(Settings):
    """Where the engine is, how many strategies fit, and where the user's strategies lie."""

    engine_address: str = Field(
        validation_alias="ENGINE_ADDRESS", min_length=1, description="host:port of the engine's gRPC server"
    )
    service_token: SecretStr = Field(
        validation_alias="SERVICE_TOKEN", min_length=1, description="a token with the role runner"
    )
    capacity: int = Field(default=200, ge=1, le=10_000, validation_alias="RUNNER_CAPACITY")
    strategy_folders: str = Field(
        default="",
        validation_alias="STRATEGY_FOLDERS",
        description=f"folders of strategies besides the built-in package, separated by {os.pathsep!r}",
    )
    stop_seconds: float = Field(
        default=5.0, gt=0, le=60, validation_alias="STRATEGY_STOP_SECONDS", description="how long on_stop may take"
    )
    grpc_port: int = Field(default=0, ge=0, le=65535, validation_alias="GRPC_PORT")

    @field_validator("strategy_folders")
    @classmethod
    def _are_folders(cls, value: str) -> str:
        folders = [Path(folder).resolve() for folder in value.split(os.pathsep) if folder]
        names: dict[str, Path] = {}
        for folder in folders:
            try:
                name = package_of(folder)
            except FolderError as e:
                raise ValueError(str(e)) from e
            if name in names:
                raise ValueError(f"{names[name]} and {folder} have the same name; rename one")
            names[name] = folder
        return os.pathsep.join(map(str, folders))

    @property
    def folders(self) -> tuple[str, ...]:
        """Absolute paths."""
        return tuple(folder for folder in self.strategy_folders.split(os.pathsep) if folder)


@dataclass(frozen=True)
class RunnerIdentity:
    """The stable name, the process's own key, and what it can carry."""

    runner_id: str
    instance_id: str
    capacity: int
    build: str

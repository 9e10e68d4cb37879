"""The runner's settings and identity."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from strategy_runner.confinement import Confinement
from strategy_runner.health import Bounds, Ladder, Level
from strategy_runner.loading import FolderError, package_of
from tradewinds.config import Settings


class RunnerSettings(Settings):
    """Where the engine is, how many strategies fit, and where the user's strategies lie."""

    engine_address: str = Field(
        validation_alias="ENGINE_ADDRESS",
        min_length=1,
        description="host:port of the engines' gRPC servers, comma-separated",
    )
    service_token: SecretStr = Field(
        validation_alias="SERVICE_TOKEN", min_length=1, description="a token with the role runner"
    )
    capacity: int = Field(
        default=200, ge=1, le=10_000, validation_alias="RUNNER_CAPACITY", description="strategies that fit"
    )
    strategy_folders: str = Field(
        default="",
        validation_alias="STRATEGY_FOLDERS",
        description=f"folders of strategies besides the built-in package, separated by {os.pathsep!r}",
    )
    stop_seconds: float = Field(
        default=5.0, gt=0, le=60, validation_alias="STRATEGY_STOP_SECONDS", description="how long on_stop may take"
    )
    memory_mb: int = Field(
        default=512,
        ge=128,
        validation_alias="STRATEGY_MEMORY_MB",
        description="the most that one strategy may write to",
    )
    open_files: int = Field(
        default=256, ge=32, validation_alias="STRATEGY_OPEN_FILES", description="files that a strategy may have open"
    )
    file_mb: int = Field(
        default=64, ge=1, validation_alias="STRATEGY_FILE_MB", description="the largest file that a strategy may write"
    )
    syscall_filter: Literal["required", "preferred", "off"] = Field(
        default="required",
        validation_alias="STRATEGY_SYSCALL_FILTER",
        description="whether strategies run where the kernel takes no seccomp filter: required means no, preferred yes",
    )
    silence_seconds: str = Field(
        default="5,15,30,40",
        validation_alias="STRATEGY_SILENCE_SECONDS",
        description="without progress: warned, entries denied, interrupted, killed; 0 is never",
    )
    start_seconds: float = Field(
        default=60.0, ge=1, validation_alias="STRATEGY_START_SECONDS", description="how long on_start may take"
    )
    memory_percent: str = Field(
        default="70,85,95,0", validation_alias="STRATEGY_MEMORY_PERCENT", description="of STRATEGY_MEMORY_MB, as above"
    )
    busy_seconds: str = Field(
        default="60,600,0,0", validation_alias="STRATEGY_BUSY_SECONDS", description="with a whole core, as above"
    )
    grpc_port: int = Field(
        default=0, ge=0, le=65535, validation_alias="GRPC_PORT", description="where gRPC is served; 0 takes any"
    )

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

    @field_validator("silence_seconds", "memory_percent", "busy_seconds")
    @classmethod
    def _is_ladder(cls, value: str) -> str:
        rungs = [bound for bound in _ladder_of(value) if bound]
        if rungs != sorted(rungs):
            raise ValueError(f"{value!r}: each level must come later than the one before it")
        return value

    @property
    def bounds(self) -> Bounds:
        """What a supervisor tolerates."""
        return Bounds(
            silence_seconds=Ladder(*_ladder_of(self.silence_seconds)),
            start_seconds=self.start_seconds,
            memory_percent=Ladder(*_ladder_of(self.memory_percent)),
            busy_seconds=Ladder(*_ladder_of(self.busy_seconds)),
            memory_bytes=self.memory_mb << 20,
        )

    @property
    def engines(self) -> tuple[str, ...]:
        """Addresses, the one to try first in front."""
        return tuple(address.strip() for address in self.engine_address.split(",") if address.strip())

    @property
    def folders(self) -> tuple[str, ...]:
        """Absolute paths."""
        return tuple(folder for folder in self.strategy_folders.split(os.pathsep) if folder)

    @property
    def confinement(self) -> Confinement:
        """What every strategy's process is bound by."""
        return Confinement(
            memory_bytes=self.memory_mb << 20,
            open_files=self.open_files,
            file_bytes=self.file_mb << 20,
            filter_calls=self.syscall_filter != "off",
            is_required=self.syscall_filter == "required",
        )


@dataclass(frozen=True)
class RunnerIdentity:
    """The stable name, the process's own key, and what it can carry."""

    runner_id: str
    instance_id: str
    capacity: int
    build: str


def _ladder_of(text: str) -> list[float]:
    try:
        bounds = [float(part) for part in text.split(",")]
    except ValueError as e:
        raise ValueError(f"{text!r}: must be four numbers such as 5,15,30,40") from e
    if len(bounds) != len(Level) - 1 or min(bounds) < 0:
        raise ValueError(f"{text!r}: must be four numbers such as 5,15,30,40")
    return bounds

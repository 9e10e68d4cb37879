"""Free loopback ports for the parts of one stack, chosen together so that no two get the same."""

from __future__ import annotations

import secrets
import socket
from itertools import islice
from typing import Final

from tradewinds.errors import ConfigurationError

# Below what the kernel gives to whoever connects or asks for any port (from 32768 on with Linux, from 49152 on elsewhere): a part of this
# stack that starts first and takes any port had the engine's.
_CHOSEN_FROM: Final = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """So many free ports, which nobody gets by chance before they are bound; a stranger who asks for just these may still be faster."""
    free = filter(_is_free, secrets.SystemRandom().sample(_CHOSEN_FROM, len(_CHOSEN_FROM)))
    return list(islice(free, count))


def rest_port(wanted: int, *, asked_for: bool) -> int:
    """The gateway's port: `wanted` if it is free; otherwise another when nobody asked for just this one."""
    if wanted and _is_free(wanted):
        return wanted
    if wanted and asked_for:
        raise ConfigurationError(
            f"--rest-port: {wanted} is in use; end what uses it, choose another, or take any with 0"
        )
    return free_ports(1)[0]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

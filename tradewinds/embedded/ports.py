"""Free loopback ports for the parts of one stack, chosen together so that no two get the same."""

from __future__ import annotations

import contextlib
import socket

from tradewinds.errors import ConfigurationError


def free_ports(count: int) -> list[int]:
    """So many free ports. They are held open together while choosing; a stranger may still be faster afterwards."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


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

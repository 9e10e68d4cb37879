"""What goes to clients in one turn of the loop, written when all of it is made.

A write to a client that waits wakes its process. Where making an event takes longer than reading it, each of fifty writes would wake it
anew, which costs both sides more than the rest of the write; so they go out close together.
"""

from __future__ import annotations

import asyncio


class Outbox:
    """One for all clients of a loop; what is put in for one goes out in its order."""

    def __init__(self) -> None:
        self._held: list[tuple[asyncio.WriteTransport, bytes]] = []
        # How often it was, so that who put something in knows whether it is still there.
        self.emptied = 0

    def put(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """To be written in this turn or with the next `empty`."""
        if not self._held:
            asyncio.get_running_loop().call_soon(self.empty)
        self._held.append((transport, data))

    def empty(self) -> None:
        """Write all of it; who has gone meanwhile gets nothing."""
        held, self._held = self._held, []
        self.emptied += 1
        for transport, data in held:
            if not transport.is_closing():
                transport.write(data)

"""`python -m engine_server engine | egress | feed | broker-check`: one image, one command a process."""

from __future__ import annotations

import importlib
import sys
from typing import Final

from tradewinds import service

# Imported late: a process loads only what it is.
_PROCESSES: Final = {
    "engine": "engine_server.engine",
    "egress": "engine_server.egress.server",
    "feed": "engine_server.feed.server",
}


_CHECK: Final = "broker-check"
_BREAK_GLASS: Final = "break-glass"


def main() -> None:
    """Run the process named by the one argument; exit code 2 with the list of names for any other."""
    if sys.argv[1:2] == [_BREAK_GLASS]:
        sys.exit(importlib.import_module("engine_server.break_glass.command").main(sys.argv[2:]))
    if sys.argv[1:2] == [_CHECK]:
        sys.exit(importlib.import_module("engine_server.preflight.command").main(sys.argv[2:]))
    if len(sys.argv) != 2 or sys.argv[1] not in _PROCESSES:
        sys.stderr.write(f"usage: python -m engine_server {' | '.join((*_PROCESSES, _CHECK))}\n")
        sys.exit(2)
    name = sys.argv[1]
    service.run(name, importlib.import_module(_PROCESSES[name]).main)


if __name__ == "__main__":
    main()

"""`python -m bench [NAME…]`: run the benchmarks whose module's name begins with a NAME (none: all); JSON lines on stdout."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import sys
from pathlib import Path

import uvloop

from tradewinds import garbage
from tradewinds.telemetry import configure_logging

_FRAMEWORK = {
    "__main__",
    "alert_market",
    "bare_call",
    "bare_follower",
    "ceilings",
    "feed_rig",
    "frame_source",
    "notification_load",
    "notifier_rig",
    "order_rig",
    "result",
    "script_server",
    "stores",
}


def names() -> list[str]:
    """Every module of this folder that is a benchmark."""
    return sorted(
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if module.name not in _FRAMEWORK
    )


def chosen(wanted: list[str]) -> list[str]:
    """The benchmarks meant; ends the program with the list of all for a name that means none."""
    there = names()
    for name in wanted:
        if not any(one.startswith(name) for one in there):
            sys.exit(f"bench: no benchmark begins with {name!r}; there are: {', '.join(there)}")
    return [one for one in there if not wanted or one.startswith(tuple(wanted))]


def main() -> None:
    """Run them one after the other, each on an event loop of its own."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        sys.exit(f"{__doc__}\nBenchmarks: {', '.join(names())}. Run them on a machine that does nothing else.")
    configure_logging("bench", "INFO")  # as the services have it: it is a part of what they do
    for name in chosen(sys.argv[1:]):
        module = importlib.import_module(f"bench.{name}")
        garbage.settle()  # as every service has it: its pauses must not be measured
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            for result in runner.run(module.run()):
                print(result.line(), flush=True)


if __name__ == "__main__":
    main()

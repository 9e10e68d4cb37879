"""How a run is shared out between pytest-xdist's workers."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadFileScheduling

# Each starts nine processes and judges how they work together: one at a time is what two cores hold. Robustness comes last, when
# the other workers have little left to do.
_WHOLE_STACKS = ("tests/e2e/", "tests/robustness/")


class StacksOneByOne(LoadFileScheduling):
    """The tests of a file stay together, because they share processes; whole stacks come one after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return piece_of_work(nodeid)


def piece_of_work(nodeid: str) -> str:
    """What a test belongs to, all of which one worker does in order."""
    return "whole stacks" if nodeid.startswith(_WHOLE_STACKS) else nodeid.partition("::")[0]


def stacks_first(items: list[pytest.Item]) -> None:
    """What takes longest begins first, beside everything else."""
    items.sort(
        key=lambda item: next((n for n, folder in enumerate(_WHOLE_STACKS) if item.nodeid.startswith(folder)), 9)
    )


def workers_for(arguments: list[str], wanted: int) -> int:
    """`wanted`, or none for single files and tests: those are quicker without."""
    single = all(argument.partition("::")[0].endswith(".py") for argument in arguments)
    return 0 if single else wanted

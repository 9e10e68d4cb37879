"""How a run is shared out between pytest-xdist's workers."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadFileScheduling

# Every file starts nine processes and judges how they work together: those of a folder come one after the other.
_WHOLE_STACKS = ("tests/e2e/", "tests/robustness/")


class FewStacksAtOnce(LoadFileScheduling):
    """The tests of a file stay together, because they share processes."""

    def _split_scope(self, nodeid: str) -> str:
        return piece_of_work(nodeid)


def piece_of_work(nodeid: str) -> str:
    """What a test belongs to, all of which one worker does in order."""
    return next((folder for folder in _WHOLE_STACKS if nodeid.startswith(folder)), nodeid.partition("::")[0])


def stacks_first(items: list[pytest.Item]) -> None:
    """What takes longest begins first, beside everything else."""
    items.sort(key=lambda item: not item.nodeid.startswith(_WHOLE_STACKS))


def workers_for(arguments: list[str], wanted: int) -> int:
    """`wanted`, or none for single files and tests: those are quicker without."""
    single = all(argument.partition("::")[0].endswith(".py") for argument in arguments)
    return 0 if single else wanted

"""A batch as it arrives: what is told as it came, column by column, and the rest one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from notifier.notification import NewNotification
from notifier.types import REALTIME


class Plain(msgspec.Struct, frozen=True, gc=False):
    """Good notifications of realtime types, without a dedupe key or an end: nothing of them is kept, claimed or looked at, and nearly
    everything that comes in batches is such. `positions` are their places in the batch.

    They are columns because an object for each took more time than all that is done with it.
    """

    positions: Sequence[int]
    user_ids: Sequence[str]
    types: Sequence[str]
    contents: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.positions)


NO_PLAIN: Final = Plain((), (), (), ())


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """A whole batch; `positions` are the places of `news` in it."""

    news: Sequence[NewNotification]
    positions: Sequence[int]
    plain: Plain = NO_PLAIN

    def __len__(self) -> int:
        return len(self.news) + len(self.plain)

    @property
    def is_only_told(self) -> bool:
        """Nothing of it is claimed or kept."""
        return all(not new.dedupe_key and new.type in REALTIME for new in self.news)

    @property
    def user_ids(self) -> set[str]:
        """Whom it is for."""
        return {new.user_id for new in self.news}.union(self.plain.user_ids)


def one_by_one(news: Sequence[NewNotification]) -> Arrival:
    """A batch of which every one is looked at."""
    return Arrival(news, range(len(news)))

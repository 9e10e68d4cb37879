"""A batch as it arrives: what is told as it came, as columns, and the rest one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from notifier.notification import NewNotification
from notifier.realtime import composing
from notifier.realtime.composing import Bulk
from notifier.realtime.frames import stamp
from notifier.types import REALTIME, DeliveryClass, type_of

# The columns of `Plain.rows`: its place in the batch, its type, whose it is and what is said (from, to), and whether that is without facts.
POSITION, TYPE, USER, USER_END, SAID, SAID_END, BARE = range(7)
TYPES: Final = tuple(sorted(REALTIME))


class Plain(msgspec.Struct, frozen=True, gc=False):
    """Good notifications of realtime types, without a dedupe key or an end: nothing of them is kept, claimed or looked at, and nearly
    everything that comes in batches is such.

    They are rows of places in `octets`, because an object for each took more time than all that is done with it. `user_ids` has one for
    each row; a type is a number of `TYPES`.
    """

    octets: bytes
    rows: npt.NDArray[np.int64]
    user_ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.user_ids)

    def said(self) -> Iterable[tuple[int, bytes]]:
        """What each says and its place in the batch, for who must look at them after all."""
        for position, _, _, _, start, end, _ in self.rows.tolist():
            yield position, self.octets[start:end]

    def tally(self) -> list[tuple[str, int]]:
        """How many there are of each type."""
        return list(zip(TYPES, np.bincount(self.rows[:, TYPE], minlength=len(TYPES)).tolist(), strict=True))


NO_PLAIN: Final = Plain(b"", np.zeros((0, 7), np.int64), ())


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
    def user_ids(self) -> list[str]:
        """Whom it is for, once for each."""
        return list(chain([new.user_id for new in self.news], self.plain.user_ids))


def one_by_one(news: Sequence[NewNotification]) -> Arrival:
    """A batch of which every one is looked at."""
    return Arrival(news, range(len(news)))


def told_plainly(several: Sequence[tuple[Plain, Sequence[str], int]]) -> Bulk:
    """Batches one after the other, with what the server says of each; with a batch come the ids of all of it, and when it was accepted.
    All at once: for a small batch numpy's columns cost more than what is in them."""
    given = np.concatenate([plain.rows for plain, _, _ in several])
    batch = np.repeat(np.arange(len(several)), [len(plain) for plain, _, _ in several])
    octet_begins = np.cumsum([0, *(len(plain.octets) for plain, _, _ in several)])
    stamps = [stamp(type_of(name), created_us) for _, _, created_us in several for name in TYPES]
    stamp_ends = octet_begins[-1] + np.cumsum([0, *map(len, stamps)])
    ids = list(chain.from_iterable(ids for _, ids, _ in several))
    id_ends = stamp_ends[-1] + np.cumsum([0, *map(len, ids)])
    names = given[:, POSITION] + np.cumsum([0, *(len(ids) for _, ids, _ in several)])[batch]
    stamped = given[:, TYPE] + len(TYPES) * batch
    rows = np.zeros((len(given), composing.WIDTH), np.int64)
    rows[:, composing.USER : composing.ID] = given[:, USER:BARE] + octet_begins[batch, np.newaxis]
    rows[:, composing.ID], rows[:, composing.ID_END] = id_ends[names], id_ends[names + 1]
    rows[:, composing.STAMP], rows[:, composing.STAMP_END] = stamp_ends[stamped], stamp_ends[stamped + 1]
    rows[:, composing.BARE] = given[:, BARE]
    rows[:, composing.CLASS] = DeliveryClass.REALTIME
    return Bulk(b"".join((*(plain.octets for plain, _, _ in several), *stamps, "".join(ids).encode())), rows)

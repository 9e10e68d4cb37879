"""A batch as it arrives: what is told as it came, as columns, and the rest one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain, count
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from notifier.compiled import COLUMN, TABLE, compiled
from notifier.notification import NewNotification
from notifier.realtime import composing
from notifier.realtime.composing import Bulk, places
from notifier.realtime.frames import stamp
from notifier.types import REALTIME, DeliveryClass, type_of

# The columns of `Plain.rows`: its place in the batch, its type, whose it is and what is said (from, to), and whether that is without facts.
POSITION, TYPE, USER, USER_END, SAID, SAID_END, BARE = range(7)
TYPES: Final = tuple(sorted(REALTIME))
_REALTIME: Final = int(DeliveryClass.REALTIME)


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


@compiled(TABLE, TABLE, COLUMN, COLUMN, TABLE)
def _place(given: Any, batches: Any, id_ends: Any, stamp_ends: Any, rows: Any) -> Any:
    """Fill the rows for what is `given`, of one batch after the other: how many there are of each, and where its octets, its ids and its
    stamps begin."""
    number = 0
    for which in range(len(batches)):
        for _ in range(batches[which, 0]):
            row, one = rows[number], given[number]
            octets, name, stamped = batches[which, 1], batches[which, 2] + one[POSITION], batches[which, 3] + one[TYPE]
            row[composing.USER], row[composing.USER_END] = one[USER] + octets, one[USER_END] + octets
            row[composing.SAID], row[composing.SAID_END] = one[SAID] + octets, one[SAID_END] + octets
            row[composing.ID], row[composing.ID_END] = id_ends[name], id_ends[name + 1]
            row[composing.STAMP], row[composing.STAMP_END] = stamp_ends[stamped], stamp_ends[stamped + 1]
            row[composing.BARE], row[composing.CLASS] = one[BARE], _REALTIME
            number += 1


def told_plainly(several: Sequence[tuple[Plain, Sequence[str], int]]) -> Bulk:
    """Batches one after the other, with what the server says of each; with a batch come the ids of all of it, and when it was accepted."""
    given = np.concatenate([plain.rows for plain, _, _ in several])
    ids = list(chain.from_iterable(ids for _, ids, _ in several))
    stamps = [stamp(type_of(name), created_us) for _, _, created_us in several for name in TYPES]
    id_ends = places(ids, sum([len(plain.octets) for plain, _, _ in several]))
    stamp_ends = places(stamps, id_ends[-1])
    octets = b"".join((*(plain.octets for plain, _, _ in several), "".join(ids).encode(), *stamps))
    begins = (
        accumulate((len(plain.octets) for plain, _, _ in several), initial=0),
        accumulate((len(ids) for _, ids, _ in several), initial=0),
        count(0, len(TYPES)),
    )
    batches = [(len(plain), *begin) for (plain, _, _), *begin in zip(several, *begins, strict=False)]
    rows = np.zeros((len(given), composing.WIDTH), np.int64)
    _place(given, np.array(batches), id_ends, stamp_ends, rows)
    return Bulk(octets, rows)

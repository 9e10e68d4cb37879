"""Alerts by their number, each a row of one table; a row that is given up is used again."""

from __future__ import annotations

from typing import Final

import numpy as np

from notifier.alerts.domain.vocabulary import HIGHEST, NO_LEVEL
from notifier.alerts.levels import MAXIMUM_ROWS
from notifier.alerts.rows import ROW_DTYPE, Row, RowTable

_FIRST_ROWS: Final = 1_024


class AlertTable:
    """`rows` may be longer than what is in use; a row that nobody has has the number 0 and wakes at nothing."""

    def __init__(self, rows: RowTable | None) -> None:
        self.rows: RowTable = rows if rows is not None else np.zeros(0, ROW_DTYPE)
        self._used = len(self.rows)  # or given up
        self._row_of = {number: row for row, number in enumerate(self.rows["number"].tolist())}
        self._given_up: list[int] = []

    def __len__(self) -> int:
        return len(self._row_of)

    def find(self, number: int) -> int | None:
        """The row of an alert, if it has one."""
        return self._row_of.get(number)

    def __getitem__(self, row: int) -> Row:
        return Row._make(self.rows[row].item())

    def __setitem__(self, row: int, content: Row) -> None:
        self.rows[row] = content

    def add(self, content: Row) -> int:
        """A row for one that has none, not in the index yet. Raises `MemoryError` when there are too many."""
        row = self._given_up.pop() if self._given_up else self._another()
        self._row_of[content.number] = row
        self.rows[row] = content._replace(wake_up=HIGHEST, wake_down=NO_LEVEL)
        return row

    def give_up(self, row: int) -> None:
        """It is nobody's."""
        known = self[row]
        del self._row_of[known.number]
        self.rows[row] = known._replace(number=0, wake_up=HIGHEST, wake_down=NO_LEVEL)
        self._given_up.append(row)

    def _another(self) -> int:
        if self._used == len(self.rows):
            if self._used >= MAXIMUM_ROWS:
                raise MemoryError(f"{MAXIMUM_ROWS} price alerts are active, which is as many as the index can number")
            more = np.zeros(max(_FIRST_ROWS, self._used // 2), ROW_DTYPE)
            self.rows = np.concatenate([self.rows, more])
        self._used += 1
        return self._used - 1

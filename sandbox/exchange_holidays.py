"""Days on which the exchanges differ from Monday to Friday, 2021 to 2027.

From the exchanges' yearly circulars as the public lists have them; 2027 was not published when this was written, so
its movable feasts are the almanac's. Weekend holidays are left out: nothing trades then anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

_CLOSED: Mapping[int, str] = {
    2021: "01-26 03-11 03-29 04-02 04-14 04-21 05-13 07-21 08-19 09-10 10-15 11-04 11-05 11-19",
    2022: "01-26 03-01 03-18 04-14 04-15 05-03 08-09 08-15 08-31 10-05 10-24 10-26 11-08",
    2023: "01-26 03-07 03-30 04-04 04-07 04-14 05-01 06-29 08-15 09-19 10-02 10-24 11-14 11-27 12-25",
    2024: "01-22 01-26 03-08 03-25 03-29 04-11 04-17 05-01 05-20 06-17 07-17 08-15 10-02 11-01 11-15 11-20 12-25",
    2025: "02-26 03-14 03-31 04-10 04-14 04-18 05-01 08-15 08-27 10-02 10-21 10-22 11-05 12-25",
    2026: "01-15 01-26 03-03 03-26 03-31 04-03 04-14 05-01 05-28 06-26 09-14 10-02 10-20 11-10 11-24 12-25",
    2027: "01-26 03-10 03-22 03-26 04-14 04-15 04-19 05-17 06-15 10-29",
}
_WHOLE_DAY_AT_MCX = frozenset({(1, 26), (8, 15), (10, 2), (12, 25)})
_GOOD_FRIDAYS = frozenset(
    {
        date(2021, 4, 2),
        date(2022, 4, 15),
        date(2023, 4, 7),
        date(2024, 3, 29),
        date(2025, 4, 18),
        date(2026, 4, 3),
        date(2027, 3, 26),
    }
)

HOLIDAYS: frozenset[date] = frozenset(
    date.fromisoformat(f"{year}-{day}") for year, days in _CLOSED.items() for day in days.split()
)
"""NSE and BSE are closed; MCX opens at 17:00 on most of them."""

MUHURAT_HOURS: Mapping[date, tuple[tuple[int, int], tuple[int, int]]] = {
    date(2021, 11, 4): ((18, 15), (19, 15)),
    date(2022, 10, 24): ((18, 15), (19, 15)),
    date(2023, 11, 12): ((18, 15), (19, 15)),
    date(2024, 11, 1): ((18, 0), (19, 0)),
    date(2025, 10, 21): ((13, 45), (14, 45)),
    date(2026, 11, 8): ((18, 0), (19, 0)),
    date(2027, 10, 29): ((18, 0), (19, 0)),
}
"""Diwali's hour of continuous trading, (hour, minute) IST, on days otherwise closed."""

WEEKEND_SESSIONS = frozenset(
    {date(2024, 1, 20), date(2024, 3, 2), date(2024, 5, 18), date(2025, 2, 1), date(2026, 2, 1)}
)
"""Saturdays and Sundays with a session (budget days, disaster-recovery drills), shown here with the hours of any other day."""


def closed_at_mcx(day: date) -> bool:
    """MCX does not open in the evening either."""
    return day in _GOOD_FRIDAYS or (day in HOLIDAYS and (day.month, day.day) in _WHOLE_DAY_AT_MCX)

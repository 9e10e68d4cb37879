"""The days that are not like Monday to Friday, 2021 to 2027: one line each, to be read and corrected by people.

Sources: the exchanges' yearly circulars (equity and equity derivatives; currency derivatives; MCX) as published by brokers and
libraries. The years to 2026 agree with `exchange_calendars` (XBOM). 2027 had not been published when this was written: its
lines carry the feast's own date by the almanac, and the operator corrects what the circulars say otherwise. A day that is wrong
here is corrected in the calendar itself (`UpdateCalendarDay`); seeding never overwrites that.

What is closed, in the second column:

| word | NSE and BSE, cash and derivatives | CDS | MCX |
|---|---|---|---|
| `all` | closed | closed | closed |
| `day` | closed | closed | opens at 17:00 |
| `cds` | as usual | closed | as usual |
| `evening` | as usual | as usual | closes at 17:00 |

Holidays on Saturdays and Sundays are left out: nothing trades then anyway.
"""

from __future__ import annotations

from typing import Final

HOLIDAYS: Final = """
2021-01-01 evening New Year's Day
2021-01-26 all     Republic Day
2021-02-19 cds     Chhatrapati Shivaji Maharaj Jayanti
2021-03-11 day     Mahashivratri
2021-03-29 day     Holi
2021-04-01 cds     Annual closing of banks
2021-04-02 all     Good Friday
2021-04-13 cds     Gudi Padwa
2021-04-14 day     Dr. Babasaheb Ambedkar Jayanti
2021-04-21 day     Ram Navami
2021-05-13 day     Id-ul-Fitr
2021-05-26 cds     Buddha Pournima
2021-07-21 day     Bakri Id
2021-08-16 cds     Parsi New Year
2021-08-19 day     Muharram
2021-09-10 day     Ganesh Chaturthi
2021-10-15 day     Dussehra
2021-10-19 cds     Id-e-Milad
2021-11-04 all     Diwali, Laxmi Pujan
2021-11-05 day     Diwali Balipratipada
2021-11-19 day     Guru Nanak Jayanti

2022-01-26 all     Republic Day
2022-03-01 day     Mahashivratri
2022-03-18 day     Holi
2022-04-01 cds     Annual closing of banks
2022-04-14 day     Dr. Babasaheb Ambedkar Jayanti, Mahavir Jayanti
2022-04-15 all     Good Friday
2022-05-03 day     Id-ul-Fitr
2022-05-16 cds     Buddha Pournima
2022-08-09 day     Muharram
2022-08-15 all     Independence Day
2022-08-16 cds     Parsi New Year
2022-08-31 day     Ganesh Chaturthi
2022-10-05 day     Dussehra
2022-10-24 all     Diwali, Laxmi Pujan
2022-10-26 day     Diwali Balipratipada
2022-11-08 day     Guru Nanak Jayanti

2023-01-26 all     Republic Day
2023-03-07 day     Holi
2023-03-22 cds     Gudi Padwa
2023-03-30 day     Ram Navami
2023-04-04 day     Mahavir Jayanti
2023-04-07 all     Good Friday
2023-04-14 day     Dr. Babasaheb Ambedkar Jayanti
2023-05-01 day     Maharashtra Day
2023-05-05 cds     Buddha Pournima
2023-06-29 day     Bakri Id
2023-08-15 all     Independence Day
2023-08-16 cds     Parsi New Year
2023-09-19 day     Ganesh Chaturthi
2023-09-29 cds     Id-e-Milad
2023-10-02 all     Mahatma Gandhi Jayanti
2023-10-24 day     Dussehra
2023-11-14 day     Diwali Balipratipada
2023-11-27 day     Guru Nanak Jayanti
2023-12-25 all     Christmas

2024-01-01 evening New Year's Day
2024-01-22 day     Consecration at Ayodhya, a public holiday
2024-01-26 all     Republic Day
2024-02-19 cds     Chhatrapati Shivaji Maharaj Jayanti
2024-03-08 day     Mahashivratri
2024-03-25 day     Holi
2024-03-29 all     Good Friday
2024-04-01 cds     Annual closing of banks
2024-04-09 cds     Gudi Padwa
2024-04-11 day     Id-ul-Fitr
2024-04-17 day     Ram Navami
2024-05-01 day     Maharashtra Day
2024-05-20 day     General election in Mumbai
2024-05-23 cds     Buddha Pournima
2024-06-17 day     Bakri Id
2024-07-17 day     Muharram
2024-08-15 all     Independence Day
2024-09-18 cds     Id-e-Milad
2024-10-02 all     Mahatma Gandhi Jayanti
2024-11-01 all     Diwali, Laxmi Pujan
2024-11-15 day     Guru Nanak Jayanti
2024-11-20 day     State election in Maharashtra
2024-12-25 all     Christmas

2025-01-01 evening New Year's Day
2025-02-19 cds     Chhatrapati Shivaji Maharaj Jayanti
2025-02-26 day     Mahashivratri
2025-03-14 day     Holi
2025-03-31 day     Id-ul-Fitr
2025-04-01 cds     Annual closing of banks
2025-04-10 day     Mahavir Jayanti
2025-04-14 day     Dr. Babasaheb Ambedkar Jayanti
2025-04-18 all     Good Friday
2025-05-01 day     Maharashtra Day
2025-05-12 cds     Buddha Pournima
2025-08-15 all     Independence Day
2025-08-27 day     Ganesh Chaturthi
2025-09-08 cds     Id-e-Milad
2025-10-02 all     Mahatma Gandhi Jayanti, Dussehra
2025-10-21 all     Diwali, Laxmi Pujan
2025-10-22 day     Diwali Balipratipada
2025-11-05 day     Guru Nanak Jayanti
2025-12-25 all     Christmas

2026-01-01 evening New Year's Day
2026-01-15 day     Municipal election in Mumbai
2026-01-26 all     Republic Day
2026-02-19 cds     Chhatrapati Shivaji Maharaj Jayanti
2026-03-03 day     Holi
2026-03-19 cds     Gudi Padwa
2026-03-26 day     Ram Navami
2026-03-31 day     Mahavir Jayanti
2026-04-01 cds     Annual closing of banks
2026-04-03 all     Good Friday
2026-04-14 day     Dr. Babasaheb Ambedkar Jayanti
2026-05-01 day     Maharashtra Day
2026-05-28 day     Bakri Id
2026-06-26 day     Muharram
2026-08-26 cds     Id-e-Milad
2026-09-14 day     Ganesh Chaturthi
2026-10-02 all     Mahatma Gandhi Jayanti
2026-10-20 day     Dussehra
2026-11-10 day     Diwali Balipratipada
2026-11-24 day     Guru Nanak Jayanti
2026-12-25 all     Christmas

2027-01-01 evening New Year's Day
2027-01-26 all     Republic Day
2027-02-19 cds     Chhatrapati Shivaji Maharaj Jayanti
2027-03-10 day     Id-ul-Fitr (by the almanac)
2027-03-22 day     Holi (by the almanac)
2027-03-26 all     Good Friday
2027-04-01 cds     Annual closing of banks
2027-04-07 cds     Gudi Padwa (by the almanac)
2027-04-14 day     Dr. Babasaheb Ambedkar Jayanti
2027-04-15 day     Ram Navami (by the almanac)
2027-05-17 day     Bakri Id (by the almanac)
2027-05-20 cds     Buddha Pournima (by the almanac)
2027-06-16 day     Muharram (by the almanac)
2027-10-29 all     Diwali, Laxmi Pujan (by the almanac)
"""

# An hour of trading on Diwali, every segment; a call auction in the cash segments before it, a closing session after it.
MUHURAT: Final = """
2021-11-04 18:15-19:15 Muhurat trading
2022-10-24 18:15-19:15 Muhurat trading
2023-11-12 18:15-19:15 Muhurat trading
2024-11-01 18:00-19:00 Muhurat trading
2025-10-21 13:45-14:45 Muhurat trading
2026-11-08 18:00-19:00 Muhurat trading (hours as last year's habit has them: check the circular)
2027-10-29 18:00-19:00 Muhurat trading (hours as last year's habit has them: check the circular)
"""

# Sessions on weekends: `usual` are the hours of any other day; `equity` is cash and derivatives of NSE and BSE.
WEEKEND_SESSIONS: Final = """
2024-01-20 equity usual                   A Saturday's session, for the holiday on Monday
2024-03-02 equity 09:15-10:00,11:30-12:30 Disaster-recovery drill
2024-05-18 equity 09:15-10:00,11:45-12:40 Disaster-recovery drill
2025-02-01 equity usual                   Union budget
2025-02-01 mcx    09:00-17:00             Union budget
2026-02-01 equity usual                   Union budget
2026-02-01 mcx    09:00-17:00             Union budget
"""

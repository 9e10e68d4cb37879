"""The truth log, and market time."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.clock import MarketClock, book_time, in_one_session, session_open_ms
from sandbox.errors import BadInputError
from sandbox.truth import TruthLog, check_truth_file, redacted


def test_sequence_numbers_go_on_after_a_restart_and_pages_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    log = TruthLog(path)
    for n in range(5):
        log.append("order" if n % 2 else "request", n=n)
    log.close()
    log = TruthLog(path)
    assert log.append("fill") == 6
    page = log.page(after=1, kinds=frozenset({"order", "fill"}), limit=2)
    assert [(r["seq"], r["kind"]) for r in page.records] == [(2, "order"), (4, "order")]
    assert (page.more, page.last_seq) == (True, 6)
    assert not log.page(after=4, kinds=frozenset(), limit=10).more
    assert log.page(after=6, kinds=frozenset(), limit=10).records == []
    log.close()


def test_a_line_that_was_cut_by_a_kill_is_dropped_and_its_number_used_again(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    log = TruthLog(path)
    log.append("order")
    log.close()
    path.write_bytes(path.read_bytes() + b'{"seq":2,"kind":"or')
    check_truth_file(path)
    log = TruthLog(path)
    assert log.append("order") == 2
    assert [r["seq"] for r in log.records()] == [1, 2]
    log.close()


@pytest.mark.parametrize("line", [b"rubbish\n", b'{"seq":7}\n', b"[]\n"])
def test_a_damaged_log_is_refused_with_the_line(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_bytes(b'{"seq":1}\n' + line)
    with pytest.raises(BadInputError, match=r"damaged at line 2; move the folder away"):
        check_truth_file(path)


def test_secrets_are_taken_out_and_the_tag_stays() -> None:
    body = {"password": "1234", "totp": "1", "x": [{"refreshToken": "t"}], "ordertag": "T1"}
    assert redacted(body) == {"password": "***", "totp": "***", "x": [{"refreshToken": "***"}], "ordertag": "T1"}


def test_market_time_runs_at_its_rate_and_only_jumps_forward() -> None:
    mono = 0
    clock = MarketClock(1_000_000, 60.0, monotonic_ns=lambda: mono, wall_ns=lambda: 5_000_000)
    mono = 2_000_000_000
    assert clock.now_ms() == 1_120_000
    assert clock.real_seconds_until(1_180_000) == 1.0
    clock.jump_to(9_000_000)
    reading = clock.reading()
    assert (reading.market_ms, reading.real_ms, reading.jump) == (9_000_000, 5, 1)
    with pytest.raises(ValueError, match="cannot go back"):
        clock.jump_to(8_000_000)


def test_times_are_written_in_india() -> None:
    opening = session_open_ms(20_000)
    assert book_time(opening) == "04-Oct-2024 09:15:00"
    assert in_one_session(opening, opening + 6 * 3_600_000)
    assert not in_one_session(opening, opening + 7 * 3_600_000)
    assert not in_one_session(opening, session_open_ms(20_001))

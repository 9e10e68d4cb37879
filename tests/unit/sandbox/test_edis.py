"""Permission to deliver shares, by request, authorisation and status."""

from __future__ import annotations

import pytest

from sandbox.edis import EdisDesk
from sandbox.errors import RefusedError

SBIN = "INE062A01020"
DAY_MS = 86_400_000


class Rig:
    """A desk on a clock of its own."""

    def __init__(self) -> None:
        self.now_ms = 20_000 * DAY_MS
        self.desk = EdisDesk("D12345", frozenset({SBIN}), lambda: self.now_ms, lambda at_ms: at_ms // DAY_MS)

    def authorise(self) -> str:
        asked = self.desk.verify(SBIN, "10")
        self.desk.generate_tpin(asked["ReqId"], asked["DPId"], asked["BOID"])
        return asked["ReqId"]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_request_is_pending_until_it_is_authorised(rig: Rig) -> None:
    asked = rig.desk.verify(SBIN, "10")
    assert list(asked) == ["ReqId", "ReturnURL", "DPId", "BOID", "TransDtls", "version"]
    assert rig.desk.status(asked["ReqId"])["TransResDtls"]["ResStatus"] == "pending"
    rig.desk.generate_tpin(asked["ReqId"], asked["DPId"], asked["BOID"])
    details = rig.desk.status(asked["ReqId"])["TransResDtls"]
    assert (details["ResStatus"], details["RecordResDtls"][0]["Status"]) == ("success", "success")


def test_what_is_authorised_cannot_be_asked_for_again_on_that_day(rig: Rig) -> None:
    rig.authorise()
    with pytest.raises(RefusedError, match="AG1000"):
        rig.desk.verify(SBIN, "5")
    rig.now_ms += DAY_MS
    assert rig.desk.verify(SBIN, "5")["ReqId"]


@pytest.mark.parametrize(
    ("isin", "quantity"), [("", "1"), ("INE000000000", "1"), (SBIN, "0"), (SBIN, "ten"), (SBIN, "")]
)
def test_what_cannot_be_delivered_is_refused(rig: Rig, isin: str, quantity: str) -> None:
    with pytest.raises(RefusedError, match="AG2001"):
        rig.desk.verify(isin, quantity)


def test_unknown_requests_and_accounts_are_refused(rig: Rig) -> None:
    asked = rig.desk.verify(SBIN, "10")
    for wrong in (
        ("1", asked["DPId"], asked["BOID"]),
        (asked["ReqId"], "1", asked["BOID"]),
        (asked["ReqId"], asked["DPId"], "1"),
    ):
        with pytest.raises(RefusedError, match="AG2001"):
            rig.desk.generate_tpin(*wrong)
    with pytest.raises(RefusedError, match="AG2001"):
        rig.desk.status("1")

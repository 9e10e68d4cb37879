"""EDIS: permission to deliver shares that are sold from holdings, given at the depository with a TPIN (smartapi_protocol 3.15).

The depository's page does not exist here: asking for a TPIN for a request is taken for its authorisation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.clock import book_time
from sandbox.errors import RefusedError

_DEPOSITORY = "33200"
_VERSION = "1.1"


@dataclass(slots=True)
class _Request:
    """One verifyDis of a market day."""

    request_id: str
    isin: str
    quantity: int
    day: int
    authorised_ms: int = 0


class EdisDesk:
    """Requests of the one client. `market_ms` is market time, `day_of` counts its days, `isins` are those listed."""

    def __init__(
        self, client_code: str, isins: frozenset[str], market_ms: Callable[[], int], day_of: Callable[[int], int]
    ) -> None:
        self._client_code = client_code
        self._isins = isins
        self._market_ms = market_ms
        self._day_of = day_of
        self._requests: dict[str, _Request] = {}

    def verify(self, isin: str, quantity: str) -> dict[str, str]:
        """A new request. Raises RefusedError AG1000 when the share is authorised today already, AG2001 for what cannot be."""
        if isin not in self._isins or not (quantity.isascii() and quantity.isdigit() and int(quantity) > 0):
            raise RefusedError("AG2001", "Internal Error, Please try after sometime")
        today = self._day_of(self._market_ms())
        if any(r.isin == isin and r.day == today and r.authorised_ms for r in self._requests.values()):
            raise RefusedError("AG1000", "EDIS authorisation is already done for today")
        request = _Request(f"{2_000_000 + len(self._requests) + 1}", isin, int(quantity), today)
        self._requests[request.request_id] = request
        return {
            "ReqId": request.request_id,
            "ReturnURL": "https://trade.angelbroking.com/CDSL/Response",
            "DPId": _DEPOSITORY,
            "BOID": self._beneficiary,
            "TransDtls": f"{isin}*{request.quantity}",
            "version": _VERSION,
        }

    def generate_tpin(self, request_id: str, depository: str, beneficiary: str) -> None:
        """Raises RefusedError AG2001 for a request or an account that is not known."""
        request = self._known(request_id)
        if (depository, beneficiary) != (_DEPOSITORY, self._beneficiary):
            raise RefusedError("AG2001", "Internal Error, Please try after sometime")
        request.authorised_ms = self._market_ms()

    def status(self, request_id: str) -> dict[str, Any]:
        """`TransResDtls` of a request. Raises RefusedError AG2001."""
        request = self._known(request_id)
        done = bool(request.authorised_ms)
        record = {"TxnReqId": request_id, "TxnId": f"{request_id}1", "Status": "success" if done else "pending"}
        details = {
            "ReqId": request_id,
            "ReqType": "D",
            "ResId": f"{request_id}00" if done else "",
            "ResStatus": "success" if done else "pending",
            "ResTime": book_time(request.authorised_ms) if done else "",
            "ResError": "",
            "Remarks": "",
            "RecordResDtls": [{**record, "Errorcode": ""}],
        }
        return {"TransResDtls": details}

    @property
    def _beneficiary(self) -> str:
        return f"{_DEPOSITORY}{sum(self._client_code.encode()):08d}"

    def _known(self, request_id: str) -> _Request:
        request = self._requests.get(request_id)
        if request is None:
            raise RefusedError("AG2001", "Internal Error, Please try after sometime")
        return request

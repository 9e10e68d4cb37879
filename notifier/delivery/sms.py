"""SMS over the Twilio REST API, which other gateways speak too.

India: the carriers deliver only what matches a template registered on the DLT platform. Its entity id belongs to the provider, its template
id to the template; they go along as the fields DltEntityId and DltTemplateId.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

import aiohttp

from notifier.delivery.endpoints import Endpoint
from notifier.delivery.http_answers import HttpCaller, json_object, of_status
from notifier.delivery.message import Attempt, Fate, Message
from notifier.delivery.receipts import Receipt
from notifier.delivery.wording import sms_text

# https://www.twilio.com/docs/api/errors: the number is none, cannot take messages, or its owner said STOP.
_GONE_CODES: Final = frozenset({21211, 21217, 21610, 21614, 21612})
# Our account's fault, or nobody's: another provider may do it.
_PASSING_STATUSES: Final = frozenset({401, 402, 403})
_DELIVERED: Final = frozenset({"delivered", "read"})
_UNDELIVERED: Final = frozenset({"undelivered", "failed", "canceled"})
_LONGEST_VALIDITY: Final = 14_400


@dataclass(frozen=True)
class SmsAccount:
    """Where and as whom to send."""

    url: str
    sid: str
    token: str
    sender: str
    entity_id: str = ""
    template_id: str = ""


class TwilioSms:
    """A `Provider`."""

    def __init__(self, name: str, account: SmsAccount) -> None:
        self.name = name
        self._account = account
        self._http = HttpCaller()
        self._authorization = {"Authorization": aiohttp.encode_basic_auth(account.sid, account.token)}

    async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
        """One message; Twilio queues it, and `SENT` means that."""
        account = self._account
        answer = await self._http.post(
            f"{account.url}/2010-04-01/Accounts/{account.sid}/Messages.json",
            form=self._form(message, endpoint),
            # The same message again, when the answer was lost.
            headers=self._authorization | {"I-Twilio-Idempotency-Token": message.delivery_id},
        )
        return answer if isinstance(answer, Attempt) else _judged(*answer)

    async def receipt(self, provider_message_id: str) -> Receipt | None:
        """Whether the carrier has brought it to the phone."""
        account = self._account
        url = f"{account.url}/2010-04-01/Accounts/{account.sid}/Messages/{quote(provider_message_id, safe='')}.json"
        answer = await self._http.get(url, headers=self._authorization)
        if isinstance(answer, Attempt) or answer[0] != 200:
            return None
        said = json_object(answer[2])
        status = str(said.get("status", ""))
        if status in _DELIVERED:
            return Receipt(delivered=True, detail=status)
        if status in _UNDELIVERED:
            return Receipt(
                delivered=False,
                detail=f"{status} {said.get('error_code', '')} {said.get('error_message') or ''}".strip(),
            )
        return None

    def _form(self, message: Message, endpoint: Endpoint) -> dict[str, str]:
        account = self._account
        left = (message.expires_at - datetime.now(UTC)).total_seconds()
        form = {
            "To": endpoint.address,
            "From": account.sender,
            "Body": sms_text(message),
            "ValidityPeriod": str(int(min(max(left, 1), _LONGEST_VALIDITY))),
        }
        if account.sender.startswith("MG"):
            form["MessagingServiceSid"] = form.pop("From")
        if account.entity_id:
            form["DltEntityId"] = account.entity_id
        if template_id := message.part.get("dlt_template_id") or account.template_id:
            form["DltTemplateId"] = template_id
        return form

    async def close(self) -> None:
        """Let connections go."""
        await self._http.close()


def _judged(status: int, headers: Mapping[str, str], text: str) -> Attempt:
    answer = json_object(text)
    if 200 <= status < 300:
        sid = answer.get("sid")
        if not isinstance(sid, str):
            return Attempt(Fate.PASSING, f"HTTP {status} without a message id: is this the right address?")
        return Attempt(Fate.SENT, str(answer.get("status", "")), provider_message_id=sid)
    if answer.get("code") in _GONE_CODES:
        return Attempt(Fate.GONE, f"{answer.get('code')} {answer.get('message', '')}"[:200])
    if answer.get("code") == 20429:
        return of_status(429, headers, text)
    return of_status(status, headers, str(answer.get("message", text)), passing=_PASSING_STATUSES)

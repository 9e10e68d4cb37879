"""The links by which a mail's receiver stops mails of its kind (RFC 8058): sealed, so that nobody else can make one or read it."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec

from notifier.delivery.endpoints import Endpoint
from notifier.delivery.message import Message
from notifier.types import TYPES
from tradewinds.errors import ConfigurationError, InvalidArgumentError
from tradewinds.seal import seal, unseal

PATH: Final = "/v1/unsubscribe"
_PURPOSE: Final = "unsubscribe"


class Unsubscription(msgspec.Struct, frozen=True):
    """Whose mails of which type (or all: *) end."""

    user_id: str
    type: str


class UnsubscribeLinks:
    """`public_url` is where the gateway is reached from outside."""

    def __init__(self, key: bytes, public_url: str) -> None:
        self._key = key
        self._url = public_url.rstrip("/") + PATH

    def headers(self, message: Message, endpoint: Endpoint) -> dict[str, str]:
        """None for what must be acknowledged, which comes whatever somebody wants, nor for codes, which were asked for."""
        kind = TYPES.get(message.stops)
        if not message.stops or (kind is not None and kind.must_acknowledge):
            return {}
        return {
            "List-Unsubscribe": f"<{self._link(Unsubscription(endpoint.user_id, message.stops))}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }

    def _link(self, wish: Unsubscription) -> str:
        token = urlsafe_b64encode(seal(self._key, _PURPOSE, msgspec.json.encode(wish))).decode().rstrip("=")
        return f"{self._url}?token={token}"

    def read(self, token: str) -> Unsubscription:
        """What a link was made for; raises `InvalidArgumentError` for what is none of ours."""
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            return msgspec.json.decode(unseal(self._key, _PURPOSE, sealed), type=Unsubscription)
        except (ValueError, ConfigurationError, msgspec.MsgspecError) as e:
            raise InvalidArgumentError.field("token", "is not from one of our mails; open the link as it came") from e

"""The rpcs of chats that may give commands."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

from datetime import datetime
from typing import Any

from notifier.phone.chat_store import KnownChat
from notifier.phone.desk import Credential, PhoneDesk
from notifier.rpc.settings_messages import moment
from tradewinds import audit, auth
from tradewinds.errors import PreconditionError
from tradewinds.v1 import notifier_pb2 as pb
from tradewinds.v1 import notifier_pb2_grpc


class PhoneRpcs(notifier_pb2_grpc.NotifierServicer):
    """`_phone` is None where phone control is off."""

    _phone: PhoneDesk | None

    async def AllowPhoneChat(self, request: pb.AllowPhoneChatRequest, context: Any) -> pb.PhoneChat:
        authorization = dict(context.invocation_metadata())["authorization"]
        credential = Credential(auth.token_of(authorization), auth.expires_at(authorization))
        known, code = await self._desk().allow(
            auth.principal(), request.chat_id, request.pin, credential, source=audit.source_of(context)
        )
        return _message(known, code)

    async def ListPhoneChats(self, request: pb.ListPhoneChatsRequest, context: Any) -> pb.ListPhoneChatsResponse:
        found = await self._desk().listed(auth.principal())
        return pb.ListPhoneChatsResponse(phone_chats=[_message(known) for known in found])

    async def ForbidPhoneChat(self, request: pb.ForbidPhoneChatRequest, context: Any) -> pb.ForbidPhoneChatResponse:
        await self._desk().forbid(auth.principal(), request.chat_id, source=audit.source_of(context))
        return pb.ForbidPhoneChatResponse()

    def _desk(self) -> PhoneDesk:
        if self._phone is None:
            raise PreconditionError(
                "phone control is off; an operator sets TELEGRAM_PROVIDERS and PHONE_CONTROL=true",
                reason="PHONE_CONTROL_OFF",
            )
        return self._phone


def _message(known: KnownChat, code: str = "") -> pb.PhoneChat:
    chat = known.chat
    return pb.PhoneChat(
        chat_id=chat.chat_id,
        user_id=chat.user_id,
        link_code=code,
        linked_at=_optional(known.linked_at),
        locked_until=_optional(chat.locked_until),
        expires_at=moment(chat.token_expires_at),
        created_at=moment(known.created_at),
    )


def _optional(value: datetime | None) -> Any:
    return moment(value) if value is not None else None

"""Any engine answers anything: what is about an account that another engine owns is passed on to it, once."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, TypeVar

from google.protobuf.message import Message

from engine_server.oms.registry import AccountElsewhereError
from engine_server.rpc.peers import Peers

MessageT = TypeVar("MessageT", bound=Message)


async def answered_by_owner(
    answer: Awaitable[MessageT], peers: Peers, name: str, request: Any, response_class: type[MessageT], context: Any
) -> MessageT:
    """This engine's answer; that of the account's owner where this is another one. `name` is `Service/Method`. Raises what
    either raises."""
    try:
        return await answer
    except AccountElsewhereError as e:
        if not e.owner_address or not peers.may_forward(context):
            raise
        return await peers.call(e.owner_address, name, request, response_class, context)

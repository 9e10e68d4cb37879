"""The rpcs of price alerts."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from notifier.access import settings_owner
from notifier.alerts import alert_store
from notifier.alerts.assembly import Alerts
from notifier.rpc import price_alert_messages as messages
from tradewinds import auth, idempotency, paging
from tradewinds.auth import Principal
from tradewinds.database.faults import is_passing
from tradewinds.database.reconnecting import describe
from tradewinds.errors import InvalidArgumentError, UnavailableError
from tradewinds.v1 import notifier_pb2_grpc
from tradewinds.v1 import price_alert_pb2 as pb

_EVERY_ALERT = "-"


class PriceAlertRpcs(notifier_pb2_grpc.NotifierServicer):
    """Callers see and change their own; operators, admins and services everybody's."""

    _alerts: Alerts

    async def CreatePriceAlert(self, request: pb.CreatePriceAlertRequest, context: Any) -> pb.PriceAlert:
        caller = auth.principal()
        wish = messages.wish_of_message(request.price_alert)
        if wish.template_id:
            await self._alerts.templated.check(wish.template_id, caller.subject)
        async with self._session() as session:

            async def create() -> pb.PriceAlert:
                symbol = request.price_alert.instrument
                return messages.alert_message(await self._alerts.desk.create(session, caller.subject, symbol, wish), {})

            response = await idempotency.once(
                session,
                caller=caller.subject,
                method="CreatePriceAlert",
                request_id=idempotency.request_id_of(request, context),
                request=request,
                response_type=pb.PriceAlert,
                act=create,
            )
            await session.commit()
        return response

    async def GetPriceAlert(self, request: pb.GetPriceAlertRequest, context: Any) -> pb.PriceAlert:
        async with self._session() as session:
            row = await self._alerts.desk.get(session, request.alert_id, _visible_user(auth.principal()))
        return await self._message(row)

    async def ListPriceAlerts(self, request: pb.ListPriceAlertsRequest, context: Any) -> pb.ListPriceAlertsResponse:
        size = paging.page_size(request.page_size)
        user_id = settings_owner(auth.principal(), request.user_id or "me")
        instrument = await self._alerts.desk.canonical(request.instrument, "instrument") if request.instrument else None
        state, after = messages.state_name(request.state), _place(request.page_token)
        async with self._session() as session:
            rows = await alert_store.page(
                session, user_id, instrument=instrument, state=state, after=after, limit=size + 1
            )
        stale = await self._alerts.desk.stale_since([row["instrument"] for row in rows])
        response = pb.ListPriceAlertsResponse(price_alerts=[messages.alert_message(row, stale) for row in rows[:size]])
        if len(rows) > size:
            last = rows[size - 1]
            response.next_page_token = paging.encode_token(last["created_at"].isoformat(), last["alert_id"])
        return response

    async def UpdatePriceAlert(self, request: pb.UpdatePriceAlertRequest, context: Any) -> pb.PriceAlert:
        caller = auth.principal()
        change = messages.change_of(request)
        if request.price_alert.template_id:
            await self._alerts.templated.check(request.price_alert.template_id, caller.subject)
        async with self._session() as session:
            row = await self._alerts.desk.update(
                session, request.alert_id, _visible_user(caller), change, caller.subject
            )
            await session.commit()
        return await self._message(row)

    async def DeletePriceAlert(self, request: pb.DeletePriceAlertRequest, context: Any) -> pb.DeletePriceAlertResponse:
        caller = auth.principal()
        async with self._session() as session:
            await self._alerts.desk.delete(session, request.alert_id, _visible_user(caller), caller.subject)
            await session.commit()
        return pb.DeletePriceAlertResponse()

    async def SnoozePriceAlert(self, request: pb.SnoozePriceAlertRequest, context: Any) -> pb.PriceAlert:
        caller = auth.principal()
        async with self._session() as session:
            row = await self._alerts.desk.snooze(
                session, request.alert_id, _visible_user(caller), request.duration_seconds, caller.subject
            )
            await session.commit()
        return await self._message(row)

    async def RearmPriceAlert(self, request: pb.RearmPriceAlertRequest, context: Any) -> pb.PriceAlert:
        caller = auth.principal()
        async with self._session() as session:
            row = await self._alerts.desk.rearm(session, request.alert_id, _visible_user(caller), caller.subject)
            await session.commit()
        return await self._message(row)

    async def ListPriceAlertFires(
        self, request: pb.ListPriceAlertFiresRequest, context: Any
    ) -> pb.ListPriceAlertFiresResponse:
        size = paging.page_size(request.page_size)
        caller = auth.principal()
        # Fires outlive their alert, so their own rows say whose they are.
        everything = request.alert_id == _EVERY_ALERT
        user_id = caller.subject if everything else _visible_user(caller)
        before = _number(request.page_token)
        async with self._faults():
            rows = await self._alerts.fires.page(user_id, None if everything else request.alert_id, before, size + 1)
        response = pb.ListPriceAlertFiresResponse(fires=map(messages.fire_message, rows[:size]))
        if len(rows) > size:
            response.next_page_token = paging.encode_token(str(rows[size - 1]["fire_number"]))
        return response

    async def _message(self, row: alert_store.Row) -> pb.PriceAlert:
        return messages.alert_message(row, await self._alerts.desk.stale_since([row["instrument"]]))

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AsyncSession]:
        async with self._faults(), self._alerts.database.session() as session:
            yield session

    @asynccontextmanager
    async def _faults(self) -> AsyncIterator[None]:
        try:
            yield
        except Exception as e:
            if not is_passing(e):
                raise
            raise UnavailableError(f"PostgreSQL does not answer ({describe(e)}); try again") from e


def _visible_user(caller: Principal) -> str | None:
    """Whose alerts the caller sees; None for everybody's."""
    return None if caller.sees_everything else caller.subject


def _place(page_token: str) -> tuple[datetime, str] | None:
    keys = paging.decode_token(page_token, 2)
    if keys is None:
        return None
    try:
        return datetime.fromisoformat(keys[0]), keys[1]
    except ValueError as e:
        raise InvalidArgumentError.field("page_token", "is not a token of ours; start without one") from e


def _number(page_token: str) -> int | None:
    keys = paging.decode_token(page_token, 1)
    if keys is None:
        return None
    if not keys[0].isdigit():
        raise InvalidArgumentError.field("page_token", "is not a token of ours; start without one")
    return int(keys[0])

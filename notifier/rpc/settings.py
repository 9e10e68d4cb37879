"""The rpcs of settings and endpoints."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

from typing import Any

from notifier import preference_limits
from notifier.access import settings_owner
from notifier.channels import Channel
from notifier.delivery.addresses import AddressGuard
from notifier.delivery.endpoint_store import EndpointStore
from notifier.delivery.endpoints import checked
from notifier.delivery.verification import EndpointVerifier
from notifier.preference_store import PreferenceStore
from notifier.provider_settings import VARIABLES
from notifier.rpc.settings_messages import endpoint_message, endpoint_of, preferences_of, settings_message
from tradewinds import auth, ids
from tradewinds.errors import InvalidArgumentError, PermissionDeniedError, PreconditionError
from tradewinds.v1 import notifier_pb2 as pb
from tradewinds.v1 import notifier_pb2_grpc


class SettingsRpcs(notifier_pb2_grpc.NotifierServicer):
    """Whose settings a caller may touch is `access.py`'s."""

    _preferences: PreferenceStore
    _endpoints: EndpointStore
    _guard: AddressGuard
    _reachable: frozenset[Channel]
    _verifier: EndpointVerifier | None

    async def GetNotificationSettings(
        self, request: pb.GetNotificationSettingsRequest, context: Any
    ) -> pb.NotificationSettings:
        user_id = settings_owner(auth.principal(), request.user_id)
        return settings_message(user_id, await self._preferences.read(user_id))

    async def UpdateNotificationSettings(
        self, request: pb.UpdateNotificationSettingsRequest, context: Any
    ) -> pb.NotificationSettings:
        caller = auth.principal()
        user_id = settings_owner(caller, request.user_id)
        if request.settings.user_id not in ("", request.user_id, user_id):
            raise InvalidArgumentError.field("settings.user_id", f"is another than {request.user_id!r}; leave it out")
        preference_limits.check_muted(request.settings.muted_types)
        preferences = preferences_of(request.settings)
        preference_limits.check(preferences)
        await self._preferences.write(user_id, preferences, actor=caller.subject)
        return settings_message(user_id, preferences)

    async def ListNotificationEndpoints(
        self, request: pb.ListNotificationEndpointsRequest, context: Any
    ) -> pb.ListNotificationEndpointsResponse:
        user_id = settings_owner(auth.principal(), request.user_id)
        found = await self._endpoints.of_user(user_id)
        return pb.ListNotificationEndpointsResponse(endpoints=map(endpoint_message, found))

    async def CreateNotificationEndpoint(
        self, request: pb.CreateNotificationEndpointRequest, context: Any
    ) -> pb.NotificationEndpoint:
        caller = auth.principal()
        user_id = settings_owner(caller, request.user_id)
        endpoint = checked(endpoint_of(request.endpoint, ids.new_id("nep"), user_id), self._guard)
        if endpoint.channel not in self._reachable:
            raise PreconditionError(
                f"this installation has no provider for {endpoint.channel}; an operator sets {VARIABLES[endpoint.channel]}"
            )
        if request.skip_verification and not caller.has(auth.OPERATOR, auth.ADMIN):
            raise PermissionDeniedError(
                "skip_verification: only operators and admins may vouch for an endpoint; leave it out"
            )
        code = ""
        if self._verifier is not None and not request.skip_verification:
            code = await self._verifier.challenge(endpoint)
        stored = await self._endpoints.add(endpoint, actor=caller.subject, code=code)
        return endpoint_message(stored, secret=endpoint.secrets.get("secret", ""))

    async def VerifyNotificationEndpoint(
        self, request: pb.VerifyNotificationEndpointRequest, context: Any
    ) -> pb.NotificationEndpoint:
        caller = auth.principal()
        user_id = settings_owner(caller, request.user_id)
        verified = await self._endpoints.verify(user_id, request.endpoint_id, request.code, actor=caller.subject)
        return endpoint_message(verified)

    async def DeleteNotificationEndpoint(
        self, request: pb.DeleteNotificationEndpointRequest, context: Any
    ) -> pb.DeleteNotificationEndpointResponse:
        caller = auth.principal()
        user_id = settings_owner(caller, request.user_id)
        await self._endpoints.remove(user_id, request.endpoint_id, actor=caller.subject)
        return pb.DeleteNotificationEndpointResponse()

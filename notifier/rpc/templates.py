"""The rpcs of alert templates, and what a request that names one says."""

# ruff: noqa: N802 - methods are named as the contract names them

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import json_format

from notifier.access import recipient
from notifier.channels import Channel
from notifier.delivery.wording import sms_size
from notifier.preference_store import PreferenceStore
from notifier.rpc.settings_messages import channel_number, moment
from notifier.templates.filling import Filled, fill
from notifier.templates.reference import reference_to
from notifier.templates.store import EVERYBODY, TemplateStore
from notifier.templates.template import LOCALE, Content, Template, check
from tradewinds import auth, paging
from tradewinds.auth import ADMIN, OPERATOR, Principal
from tradewinds.errors import InvalidArgumentError, PermissionDeniedError
from tradewinds.v1 import notifier_pb2 as pb
from tradewinds.v1 import notifier_pb2_grpc

_CONTENT_FIELDS: Final = Content.__struct_fields__


class TemplateRpcs(notifier_pb2_grpc.NotifierServicer):
    """Everybody has templates of their own; those that everybody may use are made by operators and admins."""

    _templates: TemplateStore
    _preferences: PreferenceStore

    async def CreateAlertTemplate(self, request: pb.CreateAlertTemplateRequest, context: Any) -> pb.AlertTemplate:
        caller = auth.principal()
        template = _template(request.alert_template, caller)
        check(template)
        return template_message(await self._templates.create(template, actor=caller.subject))

    async def UpdateAlertTemplate(self, request: pb.UpdateAlertTemplateRequest, context: Any) -> pb.AlertTemplate:
        caller = auth.principal()
        if request.alert_template.template_id not in ("", request.template_id):
            raise InvalidArgumentError.field("alert_template.template_id", "is another than the path's; leave it out")
        request.alert_template.template_id = request.template_id
        template = _template(request.alert_template, caller)
        check(template)
        return template_message(await self._templates.replace(template, actor=caller.subject))

    async def GetAlertTemplate(self, request: pb.GetAlertTemplateRequest, context: Any) -> pb.AlertTemplate:
        return template_message(await self._templates.latest(request.template_id, auth.principal().subject))

    async def ListAlertTemplates(
        self, request: pb.ListAlertTemplatesRequest, context: Any
    ) -> pb.ListAlertTemplatesResponse:
        size = paging.page_size(request.page_size)
        after = paging.decode_token(request.page_token, 2) or ["", ""]
        found = await self._templates.page(auth.principal().subject, after=(after[0], after[1]), limit=size + 1)
        response = pb.ListAlertTemplatesResponse(alert_templates=map(template_message, found[:size]))
        if len(found) > size:
            response.next_page_token = paging.encode_token(found[size - 1].template_id, found[size - 1].owner_id)
        return response

    async def DeleteAlertTemplate(
        self, request: pb.DeleteAlertTemplateRequest, context: Any
    ) -> pb.DeleteAlertTemplateResponse:
        caller = auth.principal()
        owner_id = _owner(caller, shared=request.shared)
        await self._templates.delete(owner_id, request.template_id, actor=caller.subject)
        return pb.DeleteAlertTemplateResponse()

    async def PreviewAlertTemplate(
        self, request: pb.PreviewAlertTemplateRequest, context: Any
    ) -> pb.PreviewAlertTemplateResponse:
        caller = auth.principal()
        if request.HasField("alert_template"):
            template = _template(request.alert_template, caller, shared=False)
            check(template)
        else:
            template = await self._templates.latest(request.template_id, caller.subject)
        _check_locale(request.locale)
        return _preview(fill(template, json_format.MessageToDict(request.template_parameters), request.locale))

    async def _fill_in_all(self, requests: Mapping[int, pb.SendNotificationRequest], caller: Principal) -> None:
        for index, one in requests.items():
            if one.template_id:
                prefix = f"requests[{index}]."
                await self._fill_in(one, recipient(caller, one.user_id, f"{prefix}user_id"), prefix)

    async def _fill_in(self, request: pb.SendNotificationRequest, user_id: str, prefix: str = "") -> None:
        """Where a request names a template, put its words in the place of title and message."""
        if not request.template_id:
            return
        for name in ("title", "message"):
            if getattr(request, name):
                raise InvalidArgumentError.field(f"{prefix}{name}", "is said by the template; leave it out")
        _check_locale(request.locale, prefix)
        template = await self._templates.latest(request.template_id, user_id)
        locale = request.locale or (await self._preferences.of_users([user_id]))[user_id].locale
        parameters = json_format.MessageToDict(request.template_parameters)
        filled = fill(template, parameters, locale)
        request.title, request.message = filled.title, filled.message
        request.data.update(reference_to(template, locale, parameters))
        for name in ("template_id", "template_parameters", "locale"):
            request.ClearField(name)


def _owner(caller: Principal, *, shared: bool) -> str:
    if shared and not caller.has(OPERATOR, ADMIN):
        raise PermissionDeniedError("shared: only operators and admins make templates for everybody; leave it out")
    return EVERYBODY if shared else caller.subject


def _check_locale(locale: str, prefix: str = "") -> None:
    if locale and not LOCALE.fullmatch(locale):
        raise InvalidArgumentError.field(f"{prefix}locale", f"{locale!r} is not a language like en, hi or hi-IN")


def _template(message: pb.AlertTemplate, caller: Principal, *, shared: bool | None = None) -> Template:
    return Template(
        template_id=message.template_id,
        owner_id=_owner(caller, shared=message.shared if shared is None else shared),
        version=0,
        contents=tuple(Content(**{name: getattr(one, name) for name in _CONTENT_FIELDS}) for one in message.contents),
        parameters_schema=json_format.MessageToDict(message.parameters_schema),
        description=message.description,
    )


def template_message(template: Template) -> pb.AlertTemplate:
    """A template as callers see it."""
    message = pb.AlertTemplate(
        template_id=template.template_id,
        version=template.version,
        shared=template.owner_id == EVERYBODY,
        description=template.description,
        contents=[
            pb.TemplateContent(**{name: getattr(one, name) for name in _CONTENT_FIELDS}) for one in template.contents
        ],
        created_by=template.created_by,
    )
    message.parameters_schema.update(template.parameters_schema)
    if template.created_at is not None:
        message.created_at.CopyFrom(moment(template.created_at))
    return message


def _preview(filled: Filled) -> pb.PreviewAlertTemplateResponse:
    parts = [
        pb.TemplatePart(
            channel=channel_number(channel),
            text=own.get("text", ""),
            subject=own.get("subject", ""),
            html=own.get("html", ""),
            dlt_template_id=own.get("dlt_template_id", ""),
        )
        for channel, own in filled.parts.items()
    ]
    sms = filled.parts.get(Channel.SMS, {}).get("text") or f"{filled.title}: {filled.message}"
    size = sms_size(sms)
    return pb.PreviewAlertTemplateResponse(
        title=filled.title,
        message=filled.message,
        parts=parts,
        sms_encoding=size.encoding,
        sms_units=size.units,
        sms_segments=size.segments,
    )

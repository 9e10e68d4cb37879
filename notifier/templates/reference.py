"""How a notification remembers its template: by a reference in its data, from which each channel's words are made when it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from notifier.channels import Channel
from notifier.templates.filling import part
from notifier.templates.store import EVERYBODY, TemplateStore
from notifier.templates.template import Template, content_for
from tradewinds.errors import TradewindsError
from tradewinds.telemetry import get_logger

log = get_logger("notifier.templates")

KEY: Final = "template"


class Reference(msgspec.Struct, frozen=True):
    """Which version, in which language, with what in the holes."""

    owner_id: str
    template_id: str
    version: int
    locale: str
    parameters: dict[str, Any] = {}


def reference_to(template: Template, locale: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What goes into `data`."""
    reference = Reference(
        template.owner_id,
        template.template_id,
        template.version,
        content_for(template, locale).locale,
        dict(parameters),
    )
    return {KEY: msgspec.to_builtins(reference)}


class Parts:
    """What a notification's template says on one channel alone."""

    def __init__(self, store: TemplateStore) -> None:
        self._store = store

    async def of(self, user_id: str, data: Mapping[str, Any], channel: Channel) -> Mapping[str, str]:
        """Nothing where there is no template, or none that may be used. Raises `UnavailableError`."""
        reference = _reference(data)
        # Whoever writes such data himself can name no other template than he may read.
        if reference is None or reference.owner_id not in (user_id, EVERYBODY):
            return {}
        template = await self._store.version(reference.owner_id, reference.template_id, reference.version)
        if template is None:
            return {}
        try:
            return part(template, content_for(template, reference.locale), channel, reference.parameters)
        except TradewindsError as e:
            # It could be said when the notification was accepted; title and text are said in any case.
            log.warning("unsaid", template_id=reference.template_id, channel=channel, error=e.message)
            return {}


def _reference(data: Mapping[str, Any]) -> Reference | None:
    if KEY not in data:
        return None
    try:
        return msgspec.convert(data[KEY], Reference)
    except msgspec.ValidationError:
        return None

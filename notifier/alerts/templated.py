"""A fire in the words of its alert's template, in its user's language; in ours where that cannot be said: a fire is told in any case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from notifier.notification import NewNotification
from notifier.ports import PreferenceSource
from notifier.templates.filling import fill
from notifier.templates.reference import reference_to
from notifier.templates.store import TemplateStore
from tradewinds.errors import InvalidArgumentError, TradewindsError
from tradewinds.telemetry import get_logger

log = get_logger("notifier.alerts.templated")

KEY: Final = "template_id"
# What a template can say of a fire, with an example: a template that cannot say this is refused when the alert is made.
EXAMPLE: Final[Mapping[str, Any]] = {
    "instrument": "NSE:TCS-EQ",
    "condition": "price crosses up through 3500.00",
    "measure": "PRICE",
    "value": "3500.50",
    "previous_value": "3499.90",
    "level": "3500.00",
    "note": "sell half",
    "late": False,
    "last_price": "3500.50",
}


class TemplatedFires:
    """Puts templates' words in the place of ours."""

    def __init__(self, templates: TemplateStore, preferences: PreferenceSource) -> None:
        self._templates = templates
        self._preferences = preferences

    async def check(self, template_id: str, user_id: str) -> None:
        """Raise `InvalidArgumentError` unless `user_id` may use the template and it can say what a fire is."""
        try:
            fill(await self._templates.latest(template_id, user_id), EXAMPLE, "")
        except TradewindsError as e:
            known = ", ".join(EXAMPLE)
            raise InvalidArgumentError.field(
                "price_alert.template_id", f"cannot be used ({e.message}); its parameters are {known}"
            ) from e

    async def worded(self, news: Sequence[NewNotification]) -> list[NewNotification]:
        """The same, in their templates' words."""
        return [await self._worded(new) if new.data.get(KEY) else new for new in news]

    async def _worded(self, new: NewNotification) -> NewNotification:
        try:
            template = await self._templates.latest(new.data[KEY], new.user_id)
            locale = (await self._preferences.of_users([new.user_id]))[new.user_id].locale
            parameters = parameters_of(new.data)
            filled = fill(template, parameters, locale)
        except TradewindsError as e:
            log.warning("unsaid", template_id=new.data[KEY], user_id=new.user_id, error=e.message)
            return new
        data = {**new.data, **reference_to(template, locale, parameters)}
        return msgspec.structs.replace(new, title=filled.title, message=filled.message, data=data)


def parameters_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a template is given of one fire."""
    last_price = data["market"]["last_price"]
    return {name: last_price if name == "last_price" else data[name] for name in EXAMPLE}

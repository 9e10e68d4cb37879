"""From a template and parameters to what is said. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from notifier.channels import EXTERNAL, Channel
from notifier.notification import MAXIMUM_MESSAGE, MAXIMUM_TITLE
from notifier.templates.rendering import PoisonousTemplateError, render
from notifier.templates.template import Content, Template, check_parameters, content_for, part_sources
from tradewinds.errors import InvalidArgumentError

MAXIMUM_HTML: Final = 64 * 1024
MAXIMUM_TEXT: Final = 4_000
_LIMITS: Final = {"html": MAXIMUM_HTML, "subject": MAXIMUM_TITLE}


@dataclass(frozen=True)
class Filled:
    """What a template says: everywhere, and on channels that have words of their own."""

    title: str
    message: str
    parts: Mapping[Channel, Mapping[str, str]]


def fill(template: Template, parameters: Mapping[str, Any], locale: str) -> Filled:
    """Everything that it says; raises `InvalidArgumentError` naming the parameter or the field that cannot be said."""
    check_parameters(template, parameters)
    content = content_for(template, locale)
    title = _said(template, content, "title", content.title, parameters, MAXIMUM_TITLE).strip()
    message = _said(template, content, "message", content.message, parameters, MAXIMUM_MESSAGE)
    parts = {channel: part(template, content, channel, parameters) for channel in sorted(EXTERNAL)}
    return Filled(one_line(title), message, {channel: own for channel, own in parts.items() if own})


def part(template: Template, content: Content, channel: Channel, parameters: Mapping[str, Any]) -> dict[str, str]:
    """What one channel says of its own."""
    own = {
        name: _said(template, content, f"{channel}.{name}", source, parameters, _LIMITS.get(name, MAXIMUM_TEXT))
        for name, source in part_sources(content, channel).items()
    }
    if "subject" in own:
        own["subject"] = one_line(own["subject"])
    if channel is Channel.SMS and content.sms_dlt_template_id:
        own["dlt_template_id"] = content.sms_dlt_template_id
    return own


def one_line(text: str) -> str:
    """A parameter with a line break must not become a header of its own."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _said(
    template: Template, content: Content, field: str, source: str, parameters: Mapping[str, Any], maximum: int
) -> str:
    if not source:
        return ""
    try:
        return render(source, parameters, maximum=maximum, html=field.endswith("html"))
    except PoisonousTemplateError as e:
        raise InvalidArgumentError.field(
            "template_parameters",
            f"template {template.template_id} version {template.version} ({content.locale}) cannot say its {field}: {e}",
            reason="TEMPLATE_FAILED",
        ) from e

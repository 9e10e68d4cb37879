"""A template: words with holes, in several languages, and what may be put into the holes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from referencing import Registry

from notifier.channels import Channel
from notifier.templates.rendering import PoisonousTemplateError, compiled
from tradewinds.errors import FieldViolation, InvalidArgumentError

TEMPLATE_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
LOCALE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
DEFAULT_LOCALE: Final = "en"
MAXIMUM_LOCALES: Final = 20
MAXIMUM_SCHEMA_BYTES: Final = 8 * 1024
# A pattern can take for ever to match, a reference could be fetched from anywhere.
_FORBIDDEN_KEYWORDS: Final = frozenset({"pattern", "patternProperties", "$ref", "$dynamicRef", "format"})


class Content(msgspec.Struct, frozen=True):
    """The words in one language; what is empty on a channel is said with title and message."""

    locale: str
    title: str
    message: str = ""
    email_subject: str = ""
    email_html: str = ""
    sms: str = ""
    sms_dlt_template_id: str = ""
    telegram: str = ""
    push: str = ""

    def sources(self) -> Iterator[tuple[str, str]]:
        """The fields that are templates."""
        for field in ("title", "message", "email_subject", "email_html", "sms", "telegram", "push"):
            if source := getattr(self, field):
                yield field, source


class Template(msgspec.Struct, frozen=True):
    """One version. `owner_id` is empty where everybody may use it."""

    template_id: str
    owner_id: str
    version: int
    contents: tuple[Content, ...]
    parameters_schema: dict[str, Any] = {}
    description: str = ""
    created_by: str = ""
    created_at: datetime | None = None


def check(template: Template) -> None:
    """Raise `InvalidArgumentError` with every wrong field: a template that could not be rendered is never stored."""
    violations = tuple(FieldViolation(f"alert_template.{name}", what) for name, what in _problems(template))
    if violations:
        raise InvalidArgumentError(f"{violations[0].field}: {violations[0].description}", violations=violations)


def _problems(template: Template) -> Iterator[tuple[str, str]]:
    if not TEMPLATE_ID.fullmatch(template.template_id):
        yield "template_id", "is not 1 to 64 small letters, digits, dots, dashes and underscores"
    if not 1 <= len(template.contents) <= MAXIMUM_LOCALES:
        yield "contents", f"has {len(template.contents)} languages; give 1 to {MAXIMUM_LOCALES}"
    seen: set[str] = set()
    for index, content in enumerate(template.contents):
        field = f"contents[{index}]"
        if not LOCALE.fullmatch(content.locale):
            yield f"{field}.locale", f"{content.locale!r} is not a language like en, hi or hi-IN"
        if content.locale in seen:
            yield f"{field}.locale", f"{content.locale} is there twice"
        seen.add(content.locale)
        if not content.title.strip():
            yield f"{field}.title", "is empty; say in one line what happened"
        for name, source in content.sources():
            try:
                compiled(source, html=name == "email_html")
            except PoisonousTemplateError as e:
                yield f"{field}.{name}", str(e)
    yield from _in_schema(template.parameters_schema)


def _in_schema(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if len(msgspec.json.encode(schema)) > MAXIMUM_SCHEMA_BYTES:
        yield "parameters_schema", f"is longer than {MAXIMUM_SCHEMA_BYTES} bytes"
        return
    if forbidden := sorted(set(_keywords(schema)) & _FORBIDDEN_KEYWORDS):
        yield "parameters_schema", f"uses {', '.join(forbidden)}, which are not evaluated here; leave them out"
        return
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as e:
        yield "parameters_schema", f"is not a JSON schema: {e.message}"


def _keywords(schema: Any) -> Iterator[str]:
    """Every key at any depth; names of properties among them, which is why `pattern` cannot be one."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            yield from _keywords(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _keywords(value)


def check_parameters(template: Template, parameters: Mapping[str, Any]) -> None:
    """Raise `InvalidArgumentError` naming the parameter that the template's schema does not allow."""
    validator = Draft202012Validator(template.parameters_schema, registry=Registry())
    error: ValidationError | None = best_match(validator.iter_errors(dict(parameters)))
    if error is not None:
        path = ".".join(["template_parameters", *(str(part) for part in error.absolute_path)])
        raise InvalidArgumentError.field(path, f"{error.message[:300]} (template {template.template_id})")


def content_for(template: Template, locale: str) -> Content:
    """The words for `locale`: itself, its language, English, or what there is."""
    by_locale = {content.locale: content for content in template.contents}
    for wanted in (locale, locale.partition("-")[0], DEFAULT_LOCALE):
        if wanted in by_locale:
            return by_locale[wanted]
    return template.contents[0]


def part_sources(content: Content, channel: Channel) -> dict[str, str]:
    """What a channel has of its own, by the names that channels know."""
    match channel:
        case Channel.EMAIL:
            own = {"subject": content.email_subject, "html": content.email_html}
        case Channel.SMS:
            own = {"text": content.sms}
        case Channel.TELEGRAM:
            own = {"text": content.telegram}
        case Channel.WEB_PUSH:
            own = {"text": content.push}
        case _:
            own = {}
    return {name: source for name, source in own.items() if source}

"""Which providers this installation has, from the environment: lists of URLs, the preferred one first, separated by blanks.

    EMAIL_PROVIDERS    smtp://user:password@smtp.example.com:587?from=alerts@example.com&rate=10 smtps://…
    SMS_PROVIDERS      twilio://SID:TOKEN@api.twilio.com?from=%2B15550100&entity_id=1101…&template_id=1107…&rate=1
    TELEGRAM_PROVIDERS telegram://123456:TOKEN@api.telegram.org?rate=25

`rate` is messages per second; `scheme=http` (SMS, Telegram) and `tls=none` (e-mail) are for servers on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import Field, SecretStr

from notifier.channels import Channel
from notifier.delivery.addresses import AddressGuard
from notifier.delivery.apprise_service import AppriseService
from notifier.delivery.breaker import Budget
from notifier.delivery.email import MailServer, Smtp
from notifier.delivery.routes import Route, Routes
from notifier.delivery.sms import SmsAccount, TwilioSms
from notifier.delivery.telegram import TelegramBot
from notifier.delivery.unsubscribe import UnsubscribeLinks
from notifier.delivery.webhook import SignedWebhook
from notifier.phone.bot_api import BotApi
from tradewinds.clock import Clock
from tradewinds.config import Settings
from tradewinds.errors import ConfigurationError

_SMTP_PORTS: Final = {"smtp": 587, "smtps": 465}
_NONE: Final = SecretStr("")
# What an operator sets so that a channel leads somewhere.
VARIABLES: Final = {
    Channel.EMAIL: "EMAIL_PROVIDERS",
    Channel.SMS: "SMS_PROVIDERS",
    Channel.TELEGRAM: "TELEGRAM_PROVIDERS",
    Channel.WEB_PUSH: "VAPID_PRIVATE_KEY and VAPID_SUBJECT",
}


class ProviderSettings(Settings):
    """Providers, and how much is under way at once."""

    email: SecretStr = Field(
        default=_NONE,
        validation_alias="EMAIL_PROVIDERS",
        description="smtp://user:password@host:587?from=alerts@example.com, the preferred one first, separated by blanks",
    )
    sms: SecretStr = Field(
        default=_NONE,
        validation_alias="SMS_PROVIDERS",
        description="twilio://SID:TOKEN@api.twilio.com?from=%2B15550100&entity_id=…&template_id=…, the preferred one first",
    )
    telegram: SecretStr = Field(
        default=_NONE,
        validation_alias="TELEGRAM_PROVIDERS",
        description="telegram://BOT:TOKEN@api.telegram.org?rate=25, the preferred one first",
    )
    vapid_private_key: SecretStr = Field(
        default=_NONE,
        validation_alias="VAPID_PRIVATE_KEY",
        description="P-256 private key, base64url; web push needs it",
    )
    vapid_subject: str = Field(
        default="",
        validation_alias="VAPID_SUBJECT",
        description="mailto: or https: URL by which push services reach you",
    )
    concurrency: int = Field(
        default=16,
        ge=1,
        le=256,
        validation_alias="DELIVERY_CONCURRENCY",
        description="messages of a channel that are under way at once",
    )


@dataclass(frozen=True)
class _Url:
    """One provider's URL, taken apart."""

    variable: str
    name: str
    parts: SplitResult
    query: dict[str, str]

    @property
    def host(self) -> str:
        if not self.parts.hostname:
            raise self.wrong("has no host")
        return self.parts.hostname

    @property
    def user(self) -> str:
        return unquote(self.parts.username or "")

    @property
    def password(self) -> str:
        return unquote(self.parts.password or "")

    @property
    def port(self) -> int | None:
        return self.parts.port

    @property
    def http(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"{self.query.get('scheme', 'https')}://{self.host}{port}"

    def needed(self, key: str) -> str:
        if not self.query.get(key):
            raise self.wrong(f"has no {key}=…")
        return self.query[key]

    def wrong(self, what: str) -> ConfigurationError:
        # The URL itself holds a password.
        return ConfigurationError(f"{self.variable}: {self.name} {what}")

    def budget(self) -> Budget:
        try:
            return Budget(float(self.query.get("rate", "0")))
        except ValueError as e:
            raise self.wrong(f"rate={self.query['rate']} is not a number") from e


def routes(
    settings: ProviderSettings, guard: AddressGuard, clock: Clock, links: UnsubscribeLinks | None
) -> dict[Channel, Routes]:
    """Every external channel's; one without a provider leads nowhere. Raises `ConfigurationError` naming the variable."""
    found: dict[Channel, list[Route]] = {
        Channel.EMAIL: list(_each("EMAIL_PROVIDERS", settings.email, partial(_smtp, links))),
        Channel.SMS: list(_each("SMS_PROVIDERS", settings.sms, _twilio)),
        Channel.TELEGRAM: list(_each("TELEGRAM_PROVIDERS", settings.telegram, _telegram)),
        Channel.WEB_PUSH: list(_web_push(settings, guard, clock)),
        Channel.WEBHOOK: [Route(SignedWebhook(guard, clock.now), by_endpoint=True)],
        Channel.APPRISE: [Route(AppriseService(), by_endpoint=True)],
    }
    return {channel: Routes(channel, some, clock) for channel, some in found.items()}


def control_bot(settings: ProviderSettings) -> BotApi | None:
    """The bot that commands are given to: the preferred one; None where there is none. Raises `ConfigurationError`."""
    first = next(_urls("TELEGRAM_PROVIDERS", settings.telegram), None)
    return BotApi(first.http, _bot_token(first)) if first is not None else None


def _each(variable: str, value: SecretStr, make: Callable[[_Url], Smtp | TwilioSms | TelegramBot]) -> Iterator[Route]:
    for url in _urls(variable, value):
        yield Route(make(url), url.budget())


def _urls(variable: str, value: SecretStr) -> Iterator[_Url]:
    for number, text in enumerate(value.get_secret_value().split(), start=1):
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError as e:
            raise ConfigurationError(f"{variable}: number {number} is not a URL") from e
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        yield _Url(variable, f"{parts.hostname or 'provider'}-{number}", parts, query)


def _smtp(links: UnsubscribeLinks | None, url: _Url) -> Smtp:
    scheme = url.parts.scheme
    if scheme not in _SMTP_PORTS:
        raise url.wrong("does not begin with smtp:// or smtps://")
    tls = url.query.get("tls", "implicit" if scheme == "smtps" else "starttls")
    if tls not in ("implicit", "starttls", "none"):
        raise url.wrong(f"tls={tls} is none of implicit, starttls and none")
    server = MailServer(
        url.host,
        url.port or _SMTP_PORTS[scheme],
        url.needed("from"),
        url.user,
        url.password,
        tls,
        url.query.get("ca_file", ""),
    )
    return Smtp(url.name, server, links)


def _twilio(url: _Url) -> TwilioSms:
    if url.parts.scheme != "twilio":
        raise url.wrong("does not begin with twilio://")
    if not url.user or not url.password:
        raise url.wrong("has no SID:TOKEN@")
    entity_id, template_id = url.query.get("entity_id", ""), url.query.get("template_id", "")
    return TwilioSms(url.name, SmsAccount(url.http, url.user, url.password, url.needed("from"), entity_id, template_id))


def _telegram(url: _Url) -> TelegramBot:
    return TelegramBot(url.name, url.http, _bot_token(url))


def _bot_token(url: _Url) -> str:
    if url.parts.scheme != "telegram":
        raise url.wrong("does not begin with telegram://")
    if not url.user or not url.password:
        raise url.wrong("has no bot token (123456:ABC…@)")
    return f"{url.user}:{url.password}"


def _web_push(settings: ProviderSettings, guard: AddressGuard, clock: Clock) -> Iterator[Route]:
    key = settings.vapid_private_key.get_secret_value()
    if not key:
        return
    if not settings.vapid_subject.startswith(("mailto:", "https:")):
        raise ConfigurationError(
            "VAPID_SUBJECT: must begin with mailto: or https:, so that push services can reach you"
        )
    from notifier.delivery.web_push import WebPush  # loads an HTTP library that nobody else needs

    try:
        yield Route(WebPush(key, settings.vapid_subject, guard, clock.now), by_endpoint=True)
    except ValueError as e:
        raise ConfigurationError("VAPID_PRIVATE_KEY: is not a P-256 private key in base64url or DER") from e

"""E-mail over SMTP (RFC 5321), on connections that are kept."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, parseaddr
from typing import Final

import aiosmtplib

from notifier.delivery.endpoints import Endpoint
from notifier.delivery.message import Attempt, Fate, Message
from notifier.delivery.unsubscribe import UnsubscribeLinks
from notifier.delivery.wording import email_text

_SMTP_SECONDS: Final = 10.0
_MAXIMUM_IDLE: Final = 16
_AUTHENTICATION: Final = frozenset({454, 530, 534, 535, 538})


@dataclass(frozen=True)
class MailServer:
    """`tls` is `implicit`, `starttls` or `none`."""

    host: str
    port: int
    sender: str
    username: str = ""
    password: str = ""
    tls: str = "starttls"
    ca_file: str = ""


class Smtp:
    """A `Provider`. One message at a time on each connection; a connection that stumbled is not used again."""

    def __init__(self, name: str, server: MailServer, links: UnsubscribeLinks | None = None) -> None:
        self.name = name
        self._server = server
        self._links = links
        self._idle: list[aiosmtplib.SMTP] = []

    async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
        """SENT is the server's 250: from then on it is the server's."""
        headers = self._links.headers(message, endpoint) if self._links is not None else {}
        mail = _mail(message, endpoint.address, self._server.sender, headers)
        envelope = (parseaddr(self._server.sender)[1], endpoint.address, mail)
        client: aiosmtplib.SMTP | None = None
        try:
            client, fresh = await self._connection()
            try:
                _, answer = await client.sendmail(*envelope)
            except aiosmtplib.SMTPServerDisconnected:
                if fresh:
                    raise
                # It had been idle for too long; nothing of the message was taken.
                client = await self._connected()
                _, answer = await client.sendmail(*envelope)
        except aiosmtplib.SMTPException as e:
            _drop(client)
            return _judged(e)
        except OSError as e:
            _drop(client)
            return Attempt(Fate.PASSING, f"not reached: {type(e).__name__}")
        except BaseException:
            _drop(client)
            raise
        self._put_back(client)
        return Attempt(Fate.SENT, answer[:200], provider_message_id=_message_id(message, self._server.sender))

    async def _connection(self) -> tuple[aiosmtplib.SMTP, bool]:
        while self._idle:
            client = self._idle.pop()
            if client.is_connected:
                return client, False
        return await self._connected(), True

    async def _connected(self) -> aiosmtplib.SMTP:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username or None,
            password=server.password or None,
            use_tls=server.tls == "implicit",
            start_tls=server.tls == "starttls",
            tls_context=_tls(server),
            timeout=_SMTP_SECONDS,
        )
        await client.connect()
        return client

    def _put_back(self, client: aiosmtplib.SMTP) -> None:
        if len(self._idle) < _MAXIMUM_IDLE:
            self._idle.append(client)
        else:
            client.close()

    async def close(self) -> None:
        """Let connections go."""
        idle, self._idle = self._idle, []
        for client in idle:
            client.close()


def _tls(server: MailServer) -> ssl.SSLContext | None:
    return None if server.tls == "none" else ssl.create_default_context(cafile=server.ca_file or None)


def _drop(client: aiosmtplib.SMTP | None) -> None:
    if client is not None:
        client.close()


def _message_id(message: Message, sender: str) -> str:
    """The same on a repetition, so that a mailbox can see that it is one."""
    return f"<{message.delivery_id}@{sender.rpartition('@')[2].rstrip('>')}>"


def _mail(message: Message, to: str, sender: str, more_headers: Mapping[str, str]) -> bytes:
    """With the old classes of `email`: the new ones take ten times as long to look at each header.

    None of the headers can hold a line break: titles with one were refused, and templates' subjects are made one line.
    """
    html = message.part.get("html")
    text = MIMEText(email_text(message), "plain", "utf-8")
    mail: MIMEText | MIMEMultipart = (
        MIMEMultipart("alternative", _subparts=[text, MIMEText(html, "html", "utf-8")]) if html else text
    )
    mail["From"], mail["To"] = sender, to
    mail["Subject"] = Header(message.part.get("subject") or message.title, "utf-8", header_name="Subject").encode()
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = _message_id(message, sender)
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Tradewinds-Notification"] = message.notification_id
    for name, value in more_headers.items():
        mail[name] = value
    return mail.as_bytes()


def _judged(error: aiosmtplib.SMTPException) -> Attempt:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused) and error.recipients:
        error = error.recipients[0]
    if isinstance(error, aiosmtplib.SMTPResponseException):
        detail = f"SMTP {error.code} {' '.join(str(error.message).split())}"[:300]
        # 5yz is final (RFC 5321 §4.2.1), but that our own account is refused is not the message's fault.
        final = 500 <= error.code < 600 and error.code not in _AUTHENTICATION
        return Attempt(Fate.REFUSED if final else Fate.PASSING, detail)
    return Attempt(Fate.PASSING, f"{type(error).__name__}: {error}"[:300])

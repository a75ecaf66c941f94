"""E-mail by SMTP (RFC 5321), with the standard library: one message to one person, over TLS or not at all.

`smtps://` begins with TLS (RFC 8314, port 465); `smtp://` must go over to it (STARTTLS, port 587) unless the relay is
on this machine. Credentials are sent over TLS only. The server's certificate is checked against the system's
authorities.
"""

import smtplib
import ssl
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from storage.clock import now
from storage.ledger.events import DeliveryFailure
from storage.services import address_of

_SECONDS = 30.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class MailRefused(ValueError):
    """An address of a server, or a sender, that can't be used. The message says why and repeats neither."""


@dataclass(frozen=True)
class Mail:
    """Where messages are handed in, and who they are from. Build it with `at`."""

    host: str
    port: int
    sender: str
    implicit: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)
    service: str = ""
    """Its address in the register of services."""

    @classmethod
    def at(cls, url: str, sender: str) -> "Mail":
        """From `smtps://user:password@host:port`. Raises MailRefused."""
        try:
            parts = urlsplit(url)
            port = parts.port
            Address(addr_spec=sender)
        except (ValueError, IndexError, MessageError):
            raise MailRefused("server or sender is none") from None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or parts.query:
            raise MailRefused("it has the form smtps://user:password@host:port")
        if "@" not in sender or not sender.isprintable():
            raise MailRefused("the sender is no e-mail address")
        implicit = parts.scheme == "smtps"
        user = None if parts.username is None else unquote(parts.username)
        password = None if parts.password is None else unquote(parts.password)
        number = port or (465 if implicit else 587)
        return cls(parts.hostname, number, sender, implicit, user, password, service=address_of(url))

    def send(self, to: str, subject: str, text: str, identity: str) -> DeliveryFailure | None:
        """Hand in one message of plain text; None once the server has taken it. Never raises for what it answers."""
        try:
            receiver = Address(addr_spec=to)  # refuses what would begin another header
        except _UNUSABLE:
            return DeliveryFailure.ADDRESS_UNUSABLE
        try:
            message = self._message(receiver, subject, text, identity)
            with self._connected() as server:
                if self.user is not None:
                    server.login(self.user, self.password or "")
                server.send_message(message, from_addr=self.sender, to_addrs=[to])
        except ssl.SSLError:  # some of them are ValueErrors too
            return DeliveryFailure.NO_ANSWER
        except _NoTls:
            return DeliveryFailure.ADDRESS_REFUSED
        except smtplib.SMTPRecipientsRefused as refused:
            codes = [code for code, _ in refused.recipients.values()]
            for_good = bool(codes) and min(codes) >= _FOR_GOOD
            return DeliveryFailure.ADDRESS_UNUSABLE if for_good else DeliveryFailure.NOT_ACCEPTED
        except smtplib.SMTPDataError as refused:
            for_good = refused.smtp_code >= _FOR_GOOD
            return DeliveryFailure.MESSAGE_REFUSED if for_good else DeliveryFailure.NOT_ACCEPTED
        except _UNUSABLE:
            return DeliveryFailure.MESSAGE_REFUSED
        except _REFUSED:
            return DeliveryFailure.NOT_ACCEPTED
        except (OSError, smtplib.SMTPException):
            return DeliveryFailure.NO_ANSWER
        return None

    def _connected(self) -> smtplib.SMTP:
        if self.implicit:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_SECONDS, context=self.context)
        server = smtplib.SMTP(self.host, self.port, timeout=_SECONDS)
        try:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=self.context)
                server.ehlo()
            elif self.host not in _LOOPBACK or self.user is not None:
                raise _NoTls
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, to: Address, subject: str, text: str, identity: str) -> EmailMessage:
        message = EmailMessage(policy=SMTP)
        message["From"] = self.sender
        message["To"] = to
        message["Subject"] = subject
        message["Date"] = format_datetime(now())
        message["Message-ID"] = f"<{identity}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence answers it
        message.set_content(text)
        return message


class _NoTls(Exception):
    pass


_FOR_GOOD = 500
"""From this code on an answer of SMTP is not temporary (RFC 5321, section 4.2.1)."""
_REFUSED = (smtplib.SMTPResponseException, smtplib.SMTPNotSupportedError)
"""What concerns us and not the receiver, such as our password, is tried again: the operator may mend it."""
_UNUSABLE = (
    MessageError,
    IndexError,  # what the parser of addresses raises for some that are none
    ValueError,
)

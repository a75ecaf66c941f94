"""A real SMTP server on loopback (aiosmtpd), and what it was handed."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from muniment import certificates


@dataclass
class Postbox:
    """`port` is where it listens; `messages` are those it took, `signed_in` whoever said who they are."""

    port: int = 0
    answer: str = "250 OK"
    rcpt_answer: str = "250 OK"
    per_address: dict[str, str] = field(default_factory=dict)
    """What it answers to RCPT for some addresses; `slow` does not answer for five seconds."""
    tried: list[str] = field(default_factory=list)
    messages: list[EmailMessage] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)
    over_tls: list[bool] = field(default_factory=list)
    signed_in: list[tuple[str, str]] = field(default_factory=list)
    authority: Path = Path()

    def trusting(self) -> ssl.SSLContext:
        """What trusts its certificate, and nobody else's."""
        return ssl.create_default_context(cafile=str(self.authority))

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.tried.append(address)
        answer = self.per_address.get(address, self.rcpt_answer)
        if answer == "slow":
            await asyncio.sleep(5)
            answer = "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            content: Any = envelope.content
            message: Any = message_from_bytes(content, policy=policy.default)
            self.messages.append(message)
            self.to.append(list(envelope.rcpt_tos))
            self.over_tls.append(server.transport.get_extra_info("ssl_object") is not None)
        return self.answer


@contextmanager
def postbox(folder: Path, *, tls: str = "none") -> Iterator[Postbox]:
    """Serve until the block ends. `tls` is `none`, `starttls` or `implicit`; with it, anybody may sign in."""
    box = Postbox()
    context = None
    if tls != "none":
        certificate, key = certificates.local(folder, "127.0.0.1")
        box.authority = folder / "ca.pem"
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)

    def known(server: SMTP, session: Session, envelope: Envelope, mechanism: str, said: Any) -> AuthResult:
        assert isinstance(said, LoginPassword)
        box.signed_in.append((said.login.decode(), said.password.decode()))
        return AuthResult(success=True)

    starttls = context if tls == "starttls" else None

    def session() -> SMTP:
        # It does not know that implicit TLS is TLS, and without any it shall be able to take a password.
        return SMTP(
            box,
            hostname="postbox",
            authenticator=known,
            tls_context=starttls,
            auth_require_tls=tls == "starttls",
            loop=loop,
        )

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    implicit = context if tls == "implicit" else None
    listening = loop.create_server(session, "127.0.0.1", 0, ssl=implicit)
    server = asyncio.run_coroutine_threadsafe(listening, loop).result(timeout=60)
    try:
        box.port = server.sockets[0].getsockname()[1]
        yield box
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(timeout=60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=60)
        loop.close()


async def _end(server: asyncio.Server) -> None:
    """Listen no more, and let go of connections that a client broke off."""
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

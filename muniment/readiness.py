"""`/health/ready`: whether this process can serve. The database and the key store are asked, with a bound."""

import asyncio
from datetime import UTC, datetime

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from muniment.key_checks import KeysetWatch
from resolvers import outages
from resolvers.house import House
from storage.database import DatabaseUnreachable, LogReplaced, clock_of, require_kept
from storage.keys.errors import KeyStoreError

SECONDS = 2.0
"""How long the database and the key store have to answer."""
CLOCK_SECONDS = 30.0
"""How far this process's clock may be from the database's: sessions, links and the audit log go by either."""


class NotReady(Exception):
    """Carries why, in words that name no address."""


class Readiness:
    """Probes in one thread at a time: whoever asks meanwhile gets the same answer, and silence costs one thread."""

    def __init__(self) -> None:
        self._probe: asyncio.Task[str] | None = None

    async def respond(self, request: Request) -> Response:
        """Return 200 where everything answers and agrees, else 503; the text says why.

        Detection that does not work keeps nobody from being served: the second line says so.
        """
        state = request.app.state
        try:
            return PlainTextResponse("ready\n" + await self._ask(state.house, state.keysets))
        except NotReady as error:
            return PlainTextResponse(f"not ready: {error}\n", 503)

    async def _ask(self, house: House, keysets: KeysetWatch) -> str:
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(anyio.to_thread.run_sync(_probe, house, keysets, abandon_on_cancel=True))
            self._probe.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            return await asyncio.wait_for(asyncio.shield(self._probe), SECONDS)
        except TimeoutError:
            raise NotReady(f"the database or the key store did not answer within {SECONDS:g} seconds") from None


def _probe(house: House, keysets: KeysetWatch) -> str:
    """Return a line where detection does not work. Raises NotReady."""
    try:
        require_kept(house.store.engine)
        house.store.keyring.public_key()
        house.store.keyring.key_store.require_kept()
        lost = keysets.unaccepted()
        clock = clock_of(house.store.engine)
    except Exception as error:
        raise NotReady(_cause(error)) from error
    if clock is not None and abs(apart := (datetime.now(UTC) - clock).total_seconds()) > CLOCK_SECONDS:
        words = "ahead of" if apart > 0 else "behind"
        raise NotReady(f"the clock of this process is {abs(apart):.0f} seconds {words} the database's: set it")
    if lost:
        raise NotReady(f"{lost} keysets that rows refer to are not in the key store: run doctor")
    if unloadable := house.force.held.unloadable:
        raise NotReady(f"policy {unloadable} can't be loaded here, {house.policy.version} is kept")
    try:
        lag = outages.detection(house)
    except DatabaseUnreachable:
        return ""
    return f"{lag.words()}\n" if lag.is_late else ""


def _cause(error: BaseException) -> str:
    if isinstance(error, LogReplaced) or isinstance(error.__cause__, LogReplaced):
        which = "key store" if isinstance(error, KeyStoreError) else "database"
        return f"the write-ahead log of the {which} is not the one on disk: do not stop this process, run doctor"
    return "the database or the key store does not answer"

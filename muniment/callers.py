"""The caller on the other end of a connection, established anew for each operation."""

import hashlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from starlette.requests import HTTPConnection

from muniment.crowds import Crowd
from muniment.requests import address_of, bearer_token, network_of
from muniment.threads import Threads
from policies.errors import Refused
from resolvers.context import Asking, Context, Repeatable
from resolvers.errors import CodedError
from resolvers.house import House
from resolvers.identity import identify
from schema.limits import demand_paid

_LONGEST_TOKEN = 16 * 1024
"""Characters of an access token in connection_init. A longer text is no token."""
_PROVEN_SECONDS = 2.0
"""For how long what was found of a new credential is good enough for the operation that it came with."""


class Caller:
    """A connection's caller. Each operation gets a context of its own, its caller established anew."""

    def __init__(self, connection: HTTPConnection, threads: Threads) -> None:
        self._connection = connection
        self._threads = threads
        self.repeatable: Repeatable | None = None
        """What came with an Idempotency-Key."""
        self._authorization: str | None = None
        self._counted: str | None = None
        """The name under which a crowd counts this connection, once it does."""
        self._proven: tuple[float, Asking | Exception] | None = None
        """What became of a new credential, and when (monotonic): the operation behind it need not look again."""

    @property
    def connection_params(self) -> Mapping[str, Any]:
        """What counts of `connection_init` of a WebSocket. A token in it wins over the handshake's."""
        return {} if self._authorization is None else {"authorization": self._authorization}

    @connection_params.setter
    def connection_params(self, said: Mapping[str, Any]) -> None:
        token = said.get("authorization", said.get("Authorization"))
        usable = isinstance(token, str) and len(token) <= _LONGEST_TOKEN
        self._authorization = token if token is None or usable else ""

    @property
    def entered(self) -> bool:
        """Whether a crowd counts this connection: its caller was established."""
        return self._counted is not None

    async def in_thread(self, function: Callable[[], Any]) -> Any:
        """Return what `function` returns, from a thread of this caller's share. Raises `RateLimited`."""
        token = self._token()
        if token is not None and self._threads.name_of(_hash_of(token)) is None:
            await self._threads.run(self._prove, f"unproven {network_of(self._connection)}")
        return await self._threads.run(function, self._share())

    async def in_thread_whatever_waits(self, function: Callable[[], Any]) -> Any:
        """The same for what was admitted already, and is bounded elsewhere: the next look of a subscription."""
        return await self._threads.run(function, self._share(), queue=None)

    def again(self) -> Context:
        """A context for one operation. Raises `Unauthenticated`."""
        house: House = self._connection.app.state.house
        renew = partial(self._asking, house)
        context = Context(house, self._just_proven() or renew(), renew=renew, repeatable=self.repeatable)
        context.in_thread = self.in_thread_whatever_waits
        context.seen = self._connection.headers.get("last-event-id") or None
        return context

    def pay(self, cost: int) -> Context:
        """Charge `cost` and return a context for the operation. Raises `RateLimited`, `Unauthenticated`."""
        context = self.again()
        demand_paid(context, cost)
        return context

    def enter(self, crowd: Crowd) -> None:
        """Be counted, by the principal or a stranger's address. Raises `RateLimited`, `Unauthenticated`.

        It notes itself that it was, since whoever called this in a worker thread may be gone when it returns.
        """
        name = str(self.again().principal.id or network_of(self._connection))
        crowd.enter(name)
        self._counted = name

    def leave(self, crowd: Crowd) -> None:
        """Be counted no more, if it was."""
        name, self._counted = self._counted, None
        crowd.leave(name)

    def _prove(self) -> None:
        """Look at a new credential. What is wrong with it is raised by the operation itself."""
        found: Asking | Exception
        try:
            found = self._asking(self._connection.app.state.house)
        except (CodedError, Refused) as error:
            found = error
        self._proven = time.monotonic(), found

    def _just_proven(self) -> Asking | None:
        """Return who was found to be asking a moment ago, once. Raises what was wrong with the credential."""
        proven, self._proven = self._proven, None
        if proven is None or time.monotonic() - proven[0] > _PROVEN_SECONDS:
            return None
        if isinstance(proven[1], Exception):
            raise proven[1]
        return proven[1]

    def _share(self) -> str:
        """Under which name its threads are counted: the account behind a credential that was good before.

        A credential that was never good says nothing about its bearer, who is counted by address: otherwise each
        made-up token would have a share of its own. New ones are looked at in a share beside that of strangers, so that
        a good one is never behind what strangers ask from the same address.
        """
        token = self._token()
        name = None if token is None else self._threads.name_of(_hash_of(token))
        return name or f"address {network_of(self._connection)}"

    def _token(self) -> str | None:
        said = self._authorization
        if said is None:
            return bearer_token(self._connection)
        return said.removeprefix("Bearer ").strip()

    def _asking(self, house: House) -> Asking:
        token = self._token()
        agent = self._connection.headers.get("user-agent")
        asking = identify(house, token, ip_address=address_of(self._connection), user_agent=agent)
        account = asking.principal.on_behalf_of or asking.principal.id
        if token is not None and account is not None:
            self._threads.remember(_hash_of(token), str(account))
        return asking


def _hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()

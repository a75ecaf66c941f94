"""Who is on the other end of a connection, asked anew for each thing they do; and how many connections one may hold."""

import threading
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.requests import HTTPConnection

from muniment.requests import address_of, bearer_token
from resolvers.context import Asking, Context, Repeatable
from resolvers.errors import RateLimited
from resolvers.house import House
from resolvers.identity import identify


class Caller:
    """A connection's caller. Each operation gets a context of its own, its caller established anew."""

    def __init__(self, connection: HTTPConnection, repeatable: Repeatable | None = None) -> None:
        self._connection = connection
        self._repeatable = repeatable
        self.connection_params: Mapping[str, Any] = {}
        """What `connection_init` of a WebSocket said. A token in it wins over the handshake's."""
        self.counted: str | None = None
        """The name under which a crowd counts this connection, once it does."""

    def again(self) -> Context:
        """A context for one operation. Raises `Unauthenticated`."""
        house: House = self._connection.app.state.house
        renew = partial(self._asking, house)
        context = Context(house, renew(), renew=renew, repeatable=self._repeatable)
        context.seen = self._connection.headers.get("last-event-id") or None
        return context

    def name(self, context: Context) -> str:
        """By what connections are counted: the principal, or a stranger's address."""
        return str(context.principal.id or address_of(self._connection))

    def _asking(self, house: House) -> Asking:
        said = self.connection_params.get("authorization", self.connection_params.get("Authorization"))
        token = str(said).removeprefix("Bearer ").strip() if said is not None else bearer_token(self._connection)
        agent = self._connection.headers.get("user-agent")
        return identify(house, token, ip_address=address_of(self._connection), user_agent=agent)


class Crowd:
    """Counts the open connections of each caller, in this process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()

    def enter(self, name: str) -> None:
        """One connection more. Raises `RateLimited` where the caller holds as many as one may."""
        with self._lock:
            if self._open[name] >= self._most:
                raise RateLimited(f"You hold {self._most} open streams here; close one before you open another.")
            self._open[name] += 1

    def size(self) -> int:
        """How many connections are open."""
        with self._lock:
            return self._open.total()

    def leave(self, name: str | None) -> None:
        """One connection less; None was never counted."""
        if name is None:
            return
        with self._lock:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]

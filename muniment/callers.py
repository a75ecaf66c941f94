"""Who is on the other end of a connection, asked anew for each thing they do."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.requests import HTTPConnection

from muniment.crowds import Crowd
from muniment.requests import address_of, bearer_token
from resolvers.context import Asking, Context, Repeatable
from resolvers.house import House
from resolvers.identity import identify


class Caller:
    """A connection's caller. Each operation gets a context of its own, its caller established anew."""

    def __init__(self, connection: HTTPConnection, repeatable: Repeatable | None = None) -> None:
        self._connection = connection
        self._repeatable = repeatable
        self.connection_params: Mapping[str, Any] = {}
        """What `connection_init` of a WebSocket said. A token in it wins over the handshake's."""
        self._counted: str | None = None
        """The name under which a crowd counts this connection, once it does."""

    def again(self) -> Context:
        """A context for one operation. Raises `Unauthenticated`."""
        house: House = self._connection.app.state.house
        renew = partial(self._asking, house)
        context = Context(house, renew(), renew=renew, repeatable=self._repeatable)
        context.seen = self._connection.headers.get("last-event-id") or None
        return context

    def enter(self, crowd: Crowd) -> None:
        """Be counted, by the principal or a stranger's address. Raises `RateLimited`, `Unauthenticated`.

        It notes itself that it was, since whoever called this in a worker thread may be gone when it returns.
        """
        name = str(self.again().principal.id or address_of(self._connection))
        crowd.enter(name)
        self._counted = name

    def leave(self, crowd: Crowd) -> None:
        """Be counted no more, if it was."""
        name, self._counted = self._counted, None
        crowd.leave(name)

    def _asking(self, house: House) -> Asking:
        said = self.connection_params.get("authorization", self.connection_params.get("Authorization"))
        if said is None:
            token = bearer_token(self._connection)
        else:
            token = said.removeprefix("Bearer ").strip() if isinstance(said, str) else ""
        agent = self._connection.headers.get("user-agent")
        return identify(house, token, ip_address=address_of(self._connection), user_agent=agent)

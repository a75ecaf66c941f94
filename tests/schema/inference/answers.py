"""What can be seen of an answer: every byte of it, how much was asked of the database, what the trail keeps."""

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from storage.ids import new_id
from tests import asgi, component_logins
from tests.world import MODERN, Person, World

_OWN_TO_THE_ANSWER = (
    (re.compile(r'("ref":")[0-9a-f-]{36}'), r"\1…"),  # of the log line
    (re.compile(r'("remaining":)\d+'), r"\1…"),  # of the caller's budget, which each question lessens
    (re.compile(r'("asOf":")[^"]+'), r"\1…"),  # the moment at which it was asked
    (re.compile(r'("/(?:content|uploads)/)[\w-]+'), r"\1…"),  # a ticket names the second at which it ends
)


@dataclass(frozen=True)
class Seen:
    """One answer, with what two runs of the same question differ in anyway taken out."""

    status: int
    body: str
    statements: tuple[str, ...]
    recorded: tuple[str, ...]
    """What it added to the trail, without who and when. The row is taken out again."""


def ask(world: World, by: Person | None, document: str, statements: Callable[[], list[str]], **variables: Any) -> Seen:
    """Ask, and leave the trail as it was, so that the same question meets the same trail again; and a full budget."""
    world.house.budgets._levels.clear()
    headers = {"accept": MODERN} | ({"authorization": f"Bearer {by.token}"} if by else {})
    mark = new_id()
    statements()
    response = asgi.post(world.client, "/graphql", {"query": document, "variables": variables}, headers)
    sent = tuple(statements())
    added = _taken_out(world, mark) if any("audit_events" in each for each in sent) else []
    body = response.text
    for pattern, kept in _OWN_TO_THE_ANSWER:
        body = pattern.sub(kept, body)
    return Seen(response.status, body, sent, tuple(sorted(map(_told, added))))


_TRAIL = (("audit_pending", "event_id"), ("audit_personal", "event_id"), ("audit_events", "id"))


def _taken_out(world: World, mark: uuid.UUID) -> list[bytes]:
    """The entries made after `mark`, which are no longer there afterwards: past SQLAlchemy, for each answer asks it."""
    after = f"> '{mark.hex}'"  # ids are made in order
    with world.house.store.engine.begin() as connection:
        component_logins.take_owner(connection)
        cursor = connection.connection.cursor()
        cursor.execute(f"SELECT leaf FROM audit_events WHERE id {after}")  # noqa: S608 - all of it ours
        added = cursor.fetchall()
        for table, column in _TRAIL if added else ():
            cursor.execute(f"DELETE FROM {table} WHERE {column} {after}")  # noqa: S608 - as above
    return [bytes(leaf) for (leaf,) in added]


def _told(leaf: bytes) -> str:
    found = json.loads(leaf)
    return json.dumps({name: found[name] for name in ("action", "outcome", "details", "resource")}, sort_keys=True)

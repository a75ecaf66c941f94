"""The trail can't be written, its disk is full or its table gone: nothing is done, nothing shown; then all is well."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text

from tests.world import TEXT, Person, World

TRIES = 40
"""A full disk may have room for a few more small rows."""


@contextmanager
def full(world: World) -> Iterator[None]:
    """The disk is full: SQLite may not grow by a page, PostgreSQL answers 53100 where the trail is written."""
    engine = world.house.store.engine
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

        def bound(connection: Any, *_: Any) -> None:
            connection.execute(f"PRAGMA max_page_count={pages}")

        event.listen(engine, "checkout", bound)
        try:
            yield
        finally:
            event.remove(engine, "checkout", bound)
            event.listen(engine, "checkout", lambda each, *_: each.execute("PRAGMA max_page_count=1000000000"))
        return
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$"
            )
        )
        connection.execute(text("CREATE TRIGGER full_disk BEFORE INSERT ON audit_events EXECUTE FUNCTION full_disk()"))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP FUNCTION full_disk CASCADE"))


@contextmanager
def gone(world: World) -> Iterator[None]:
    """The table that the trail is written to is somewhere else."""
    engine = world.house.store.engine
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_events RENAME TO audit_events_away"))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE audit_events_away RENAME TO audit_events"))


@contextmanager
def closed(world: World) -> Iterator[None]:
    """Whatever is written is refused: PostgreSQL has become a read-only stand-by, SQLite's disk is mounted read-only."""
    engine, ours = world.house.store.engine, threading.current_thread()  # which looks at what is there
    say = "PRAGMA query_only = {}" if engine.dialect.name == "sqlite" else "SET default_transaction_read_only = {}"

    refusing = [True]

    def refuse(connection: Any, *_: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(say.format("on" if refusing and threading.current_thread() is not ours else "off"))
        cursor.close()
        if engine.dialect.name != "sqlite":
            connection.commit()

    event.listen(engine, "checkout", refuse)
    try:
        yield
    finally:
        refusing.clear()  # and each connection is opened again as it is used next


class Calls:
    """What somebody does that the trail must know of: a change, a look at another's work, a download."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ada, self.ben = world.register("ada"), world.register("ben")
        self.project = world.project(self.ada, "Autumn leaves")
        world.share(self.ada, self.project, self.ben, "VIEWER")
        self.url = world.content_url(self.ada, world.asset(self.ada, self.project))

    def change(self) -> str | None:
        return self.world.do("createProject", self.ada, name="N").code

    def look(self) -> str | None:
        return self._asked(self.ben, "query($id: ID!) { project(id: $id) { name } }")

    def trail(self) -> str | None:
        return self._asked(self.ada, "{ auditEvents { edges { node { action } } } }")

    def download(self) -> str | None:
        answer = self.world.client.get(self.url)
        if answer.status_code == 200:
            return None
        assert TEXT not in answer.content
        return str(answer.json()["errors"][0]["extensions"]["code"])

    def _asked(self, by: Person, query: str) -> str | None:
        answer = self.world.ask(query, by, **({"id": self.project} if "$id" in query else {}))
        assert answer.code is None or "Autumn" not in str(answer.body)
        return answer.code


@pytest.mark.parametrize("name", ["change", "look", "trail", "download"])
@pytest.mark.parametrize("fault", [full, gone, closed])
def test_what_can_not_be_recorded_is_neither_done_nor_shown(
    world: World, fault: Callable[[World], Any], name: str
) -> None:
    """A coded error, no effect, no byte of content; and once the trail can be written the same call works."""
    calls = Calls(world)
    call: Callable[[], str | None] = getattr(calls, name)
    with fault(world):
        codes = [next((code for _ in range(TRIES) if (code := call()) is not None), None)]
        before = world.footprint()
        codes.append(call())
        assert world.footprint() == before
    assert set(codes) == {"UNAVAILABLE"}
    assert call() is None

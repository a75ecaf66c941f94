"""Statements that are compiled once: they write and read what SQLAlchemy would have, and refuse what it refuses."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Integer, bindparam, create_engine, event, insert, literal, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError

from storage.clock import now
from storage.database import open_engine, transaction
from storage.ledger.entries import AuditPersonal
from storage.ledger.rows import AuditLease, AuditPending
from storage.records import Record
from storage.sealed import Sealed
from storage.statements import Fixed, Question, _compile

ROW = {"id": 7, "holder": uuid.uuid4(), "until": now()}


def insertion(model: type[Record], *names: str) -> Fixed:
    """Writes these columns of a row."""
    columns: Any = model.__table__.c  # type: ignore[attr-defined]
    return Fixed(insert(model.__table__).values({each: bindparam(each, type_=columns[each].type) for each in names}))  # type: ignore[arg-type]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """SQLite with the tables that are written to."""
    engine = open_engine(f"sqlite:///{tmp_path / 'data.sqlite3'}")
    tables: list[Any] = [AuditLease.__table__, AuditPending.__table__, AuditPersonal.__table__]
    Record.metadata.create_all(engine, tables=tables)
    yield engine
    engine.dispose()


def test_what_is_written_reads_back(engine: Engine) -> None:
    """Ids, numbers and moments in the form in which the models read them; each time with other values."""
    writing = insertion(AuditLease, "id", "holder", "until")
    with transaction(engine) as session:
        for number in (7, 8):
            assert writing.execute(session.connection(), {**ROW, "id": number}).rowcount == 1
    with transaction(engine, read_only=True) as session:
        found = session.execute(select(AuditLease.id, AuditLease.holder, AuditLease.until).order_by(AuditLease.id))
        assert [tuple(row) for row in found] == [(each, ROW["holder"], ROW["until"]) for each in (7, 8)]


def test_what_is_not_sealed_is_refused_and_not_sent(engine: Engine) -> None:
    """A column for sealed values takes no text here either; nor is a statement sent of which a value is missing."""
    writing, sent = insertion(AuditPersonal, "event_id", "user_agent"), list[str]()
    event.listen(engine, "before_cursor_execute", lambda _connection, _cursor, text, *_rest: sent.append(text))
    with transaction(engine) as session:
        with pytest.raises(TypeError, match="takes a Sealed, not str"):
            writing.execute(session.connection(), {"event_id": uuid.uuid4(), "user_agent": "a private browser"})
        with pytest.raises(KeyError, match="user_agent"):
            writing.execute(session.connection(), {"event_id": uuid.uuid4()})
        assert [text for text in sent if "INSERT" in text] == []
        writing.execute(session.connection(), {"event_id": uuid.uuid4(), "user_agent": Sealed(b"\x01abc")})
        assert len([text for text in sent if "INSERT" in text]) == 1


def test_what_a_statement_asks_it_asks_at_each_execution(engine: Engine) -> None:
    """A time or a number that is asked for, and not given, is never the one of the execution before."""
    numbers = iter(range(10))
    asked = select(bindparam("number", callable_=lambda: next(numbers), type_=Integer()).label("number"), literal("a"))
    question = Question(asked)
    with transaction(engine, read_only=True) as session:
        found = [question.ask(session.connection(), {}) for _ in range(3)]
    assert [each.column(0) for each in found] == [[0], [1], [2]]
    assert [each.column(1) for each in found] == [["a"]] * 3


def test_what_the_database_refuses_is_told_as_always(engine: Engine) -> None:
    """As SQLAlchemy's errors, which callers know, and without the values."""
    writing = insertion(AuditPending, "event_id")
    told = {"event_id": uuid.uuid4()}
    with pytest.raises(IntegrityError) as refused, transaction(engine) as session:
        writing.execute(session.connection(), told)
        writing.execute(session.connection(), told)
    assert told["event_id"].hex not in str(refused.value)
    with transaction(engine, read_only=True) as session:
        assert session.scalars(select(AuditPending.event_id)).all() == []


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (sqlite.dialect(), "VALUES (?, ?, ?)"),
        (
            create_engine("postgresql+psycopg://").dialect,
            "VALUES (%s::INTEGER, %s::UUID, %s::TIMESTAMP WITH TIME ZONE)",
        ),
    ],
    ids=["SQLite", "PostgreSQL"],
)
def test_parameters_go_by_their_places(dialect: Any, text: str) -> None:
    """In the order in which they stand in the text, with the types that SQLAlchemy would have said."""
    made = _compile(insertion(AuditLease, "id", "holder", "until")._statement, dialect)
    assert made.text.endswith(text)
    assert [name for name, _ in made.parameters] == ["id", "holder", "until"]


def test_a_question_answers_what_sqlalchemy_would(engine: Engine) -> None:
    """Values of the columns' types, constants in the statement among its parameters; each time with other values."""
    writing = insertion(AuditLease, "id", "holder", "until")
    with transaction(engine) as session:
        for number in (7, 8, 9):
            writing.execute(session.connection(), {**ROW, "id": number})
    asked = select(AuditLease.until, AuditLease.holder, (AuditLease.id + 1).label("next")).where(
        AuditLease.id.in_([literal(7), literal(9)]), AuditLease.id > bindparam("after"), AuditLease.id < 100
    )
    question = Question(asked.order_by(AuditLease.id))
    with transaction(engine, read_only=True) as session:
        for after, expected in ((0, [8, 10]), (7, [10]), (9, [])):
            answer = question.ask(session.connection(), {"after": after})
            assert answer.names == ("until", "holder", "next")
            assert answer.column(2) == expected
            assert answer.column(0) == [ROW["until"]] * len(expected)
            assert answer.column(1) == [ROW["holder"]] * len(expected)
        with pytest.raises(KeyError, match="after"):
            question.ask(session.connection(), {})


def test_a_list_to_be_in_is_refused(engine: Engine) -> None:
    """Its text would differ from one execution to the next; nothing is sent."""
    question, sent = Question(select(AuditLease.id).where(AuditLease.id.in_([7, 8]))), list[str]()
    event.listen(engine, "before_cursor_execute", lambda _connection, _cursor, text, *_rest: sent.append(text))
    with transaction(engine, read_only=True) as session:
        with pytest.raises(TypeError, match="a list to be in"):
            question.ask(session.connection(), {})
        assert sent == []

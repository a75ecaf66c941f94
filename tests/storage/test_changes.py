"""How what runs stands to the change register: a function of what ran, what was registered, and the time."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from storage import changes, enabling
from storage.changes import (
    REVIEW,
    WINDOW,
    Change,
    ChangeEffect,
    ChangeKind,
    ChangeStatus,
    Ran,
    RunningPart,
    RunStanding,
)
from storage.database import transaction
from storage.ids import new_id
from storage.policies import PolicyChange, PolicyOrigin
from storage.sealed import Sealed

RAN_AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SEAL = Sealed(b"\x01nothing")
PROGRAM = RunningPart.PROGRAM


def change(
    decided: timedelta | None, *, emergency: bool = False, version: str = "b", part: RunningPart = PROGRAM
) -> Change:
    """A change to this version, approved at this time from when it ran; None: not yet."""
    return Change(
        id=uuid.uuid4(), kind=ChangeKind.SYSTEM_UPDATE, effect=ChangeEffect.NONE, emergency=emergency,
        versions={part.value: version}, ticket="T", why=SEAL, tests=SEAL, registered_by=uuid.uuid4(),
        status=ChangeStatus.REGISTERED if decided is None else ChangeStatus.APPROVED,
        decided_at=None if decided is None else RAN_AT + decided,
    )  # fmt: skip


def standing(*known: Change, after: timedelta = SECOND, number: int = 2) -> RunStanding:
    ran = Ran("server", PROGRAM, "b", number, RAN_AT)
    return changes.stand(ran, known, RAN_AT + after).standing


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ([], "UNREGISTERED"),
        ([change(-SECOND)], "APPROVED"),
        ([change(-WINDOW)], "APPROVED"),
        ([change(-WINDOW - SECOND)], "UNREGISTERED"),
        ([change(SECOND)], "UNREGISTERED"),  # agreed to afterwards, and no emergency
        ([change(None)], "UNREGISTERED"),
        ([change(-SECOND, version="c")], "UNREGISTERED"),
        ([change(-SECOND, part=RunningPart.SCHEMA)], "UNREGISTERED"),
        ([change(SECOND, emergency=True)], "REVIEWED"),
        ([change(-SECOND, emergency=True)], "APPROVED"),
        ([change(-WINDOW - SECOND, emergency=True)], "UNREGISTERED"),  # another time of the same
        ([change(None, emergency=True)], "AWAITING_REVIEW"),
        ([change(None), change(SECOND, emergency=True)], "REVIEWED"),
        ([change(None, emergency=True), change(-SECOND)], "APPROVED"),
    ],
)
def test_what_was_approved_when_decides_how_it_stands(known: list[Change], expected: str) -> None:
    """To the second, for this version of this part alone, and for the best that is said of it."""
    assert standing(*known) == expected


def test_an_emergency_is_looked_at_within_three_days() -> None:
    """After that it is amiss until somebody did."""
    urgent = change(None, emergency=True)
    assert standing(urgent, after=REVIEW - SECOND) == RunStanding.AWAITING_REVIEW
    assert standing(urgent, after=REVIEW) == RunStanding.OVERDUE
    assert standing(change(REVIEW, emergency=True), after=2 * REVIEW) == RunStanding.REVIEWED


MODEL = RunningPart.MODEL


@pytest.mark.parametrize(
    ("version", "number", "known", "expected"),
    [
        ("embedded-1", 1, [], "BASELINE"),
        ("endpoint-1", 1, [], "UNREGISTERED"),  # what computes elsewhere is assessed, also where it is the first
        ("embedded-1", 2, [], "UNREGISTERED"),
        ("embedded-1", 2, [change(-SECOND, version="embedded-1", part=MODEL)], "APPROVED"),
        ("embedded-1", 2, [change(SECOND, version="embedded-1", part=MODEL)], "APPROVED"),  # it did nothing before
        ("embedded-1", 2, [change(-WINDOW - SECOND, version="embedded-1", part=MODEL)], "UNREGISTERED"),
        ("embedded-1", 2, [change(None, version="embedded-1", part=MODEL)], "UNREGISTERED"),
        ("embedded-1", 2, [change(None, version="embedded-1", part=MODEL, emergency=True)], "UNREGISTERED"),
        ("embedded-1", 2, [change(-SECOND, version="embedded-2", part=MODEL)], "UNREGISTERED"),
        ("embedded-1", 2, [change(-SECOND, version="embedded-1", part=RunningPart.AGENT)], "UNREGISTERED"),
    ],
)
def test_a_model_stands_by_an_approval_alone(version: str, number: int, known: list[Change], expected: str) -> None:
    """Of this very model, by two people, and in no emergency; the one on board from the beginning is the baseline."""
    assert changes.stand(Ran("agents", MODEL, version, number, RAN_AT), known, RAN_AT).standing == expected


def test_agents_that_were_there_from_the_beginning_are_the_baseline(engine: Engine) -> None:
    """All of the first start; one that comes later waits, and one that is asked for again is not noted twice."""
    agent = RunningPart.AGENT
    with transaction(engine) as session:
        first = enabling.noted(session, agent, {"agent:a": "a", "agent:b": "b"}, RAN_AT)
        assert [(row.number, fresh) for row, fresh in first] == [(1, True), (1, True)]
    with transaction(engine) as session:
        later = enabling.noted(session, agent, {"agent:a": "a", "agent:c": "c"}, RAN_AT + SECOND)
        assert [(row.version, row.number, fresh) for row, fresh in later] == [("a", 1, False), ("c", 2, True)]
    with transaction(engine, read_only=True) as session:
        assert [each.version for each in enabling.refused(session, RAN_AT + SECOND)] == ["c"]
        assert changes.amiss(session, RAN_AT + SECOND) == 1
    with transaction(engine) as session:
        session.add(change(SECOND, version="c", part=agent))
    with transaction(engine, read_only=True) as session:
        assert enabling.refused(session, RAN_AT + SECOND) == []


def test_the_first_that_ran_changed_nothing() -> None:
    """It is the baseline, whatever the register says."""
    assert standing(number=1) == RunStanding.BASELINE
    assert standing(change(-SECOND), number=1) == RunStanding.BASELINE


def test_what_nobody_approved_is_amiss(engine: Engine) -> None:
    """Of programs and of policies; a policy of two people has its proposal, and going back is a change like any."""
    agreed = change(-SECOND)
    policies = [
        PolicyChange(id=new_id(), hash=digit * 64, origin=origin, follows=at, number=at + 1, in_force_at=RAN_AT)
        for at, (digit, origin) in enumerate(
            [("1", PolicyOrigin.START), ("2", PolicyOrigin.RELOAD), ("3", PolicyOrigin.ACCEPTED)]
        )
    ]
    with transaction(engine) as session:
        session.add_all([agreed, *policies])
        for days, version in enumerate(("a", "b", "b", "a")):
            changes.observe(session, "server", {PROGRAM: version}, RAN_AT + timedelta(days=days) * (version != "b"))
        found = changes.reconciled(session, RAN_AT + timedelta(days=9))
        assert changes.amiss(session, RAN_AT + timedelta(days=9)) == 2
    stood = {(each.part.value, each.version[0], each.number): each.standing.value for each in found}
    assert stood == {
        ("POLICY", "1", 1): "BASELINE",
        ("POLICY", "2", 2): "APPROVED",
        ("POLICY", "3", 3): "UNREGISTERED",
        ("PROGRAM", "a", 1): "BASELINE",
        ("PROGRAM", "b", 2): "APPROVED",
        ("PROGRAM", "a", 3): "UNREGISTERED",
    }
    records = {each.version[0]: each.record for each in found if each.standing is RunStanding.APPROVED}
    assert records == {"2": policies[1].id, "b": agreed.id}


def test_what_begins_is_noted_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """By component: another start of the same is the same row; two that note the same at once leave one of it."""
    with transaction(engine) as session:
        first = changes.observe(session, "server", {PROGRAM: "a", RunningPart.SCHEMA: "0032"}, RAN_AT)
        assert [each.number for each in first] == [1, 1]
        assert changes.observe(session, "server", {PROGRAM: "a"}, RAN_AT + SECOND) == []
        assert (first[0].began_at, first[0].last_began_at) == (RAN_AT, RAN_AT + SECOND)
        assert [each.number for each in changes.observe(session, "agents", {PROGRAM: "a"}, RAN_AT)] == [1]
    monkeypatch.setattr(Session, "scalars", lambda *_: ())  # as if another process were noting it at this moment
    with pytest.raises(changes.AlreadyNoted), transaction(engine) as session:
        changes.observe(session, "server", {PROGRAM: "a"}, RAN_AT)

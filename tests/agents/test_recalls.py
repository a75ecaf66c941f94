"""Providers are asked to delete what they keep of what is destroyed here: a real server answers, misbehaves, or is away."""

import base64
import json
import uuid
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select, update

from agents.erasures import erase, pacing, recall, recall_due, recalling, reducing
from agents.generation import generate
from agents.models.providers import Door
from agents.outward import remove
from agents.runtime import Agents
from storage import provider_copies
from storage.certificates.verifying import verify
from storage.clock import now
from storage.controls import measures
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.ids import new_id
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.outputs import Output
from storage.prompts import Prompt
from storage.provider_copies import ProviderCall
from storage.recalls import ProviderRecall, RecallAnswer
from storage.services import USUAL_DELETION_PATH, Service, ServiceStatus
from tests.agents.standins import StandIn
from tests.agents.worlds import World
from tests.registered import enter

HERE = pytest.mark.one_database("sqlite", reason="what is said over the wire, whatever the database")
PATH = "/v1/chat/completions/chatcmpl-{}"


@pytest.fixture
def host(stand_in: StandIn) -> str:
    """The provider as the register knows it."""
    return stand_in.url.split("/")[2]


@pytest.fixture
def asking(world: World, agents: Agents, host: str) -> Agents:
    """Agents of a house whose operator named the provider, which two people have approved."""
    enter(world.store.engine, host, retention_days=30, deletion_path=USUAL_DELETION_PATH)
    return replace(agents, doors={host: Door(f"http://{host}", "k-1")})


@pytest.fixture
def owner(world: World) -> uuid.UUID:
    return world.contributor()


def made(world: World, agents: Agents, owner: uuid.UUID, variations: int = 1) -> dict[DeletionScope, uuid.UUID]:
    """Something of every kind, which a provider was asked about and sent."""
    project = world.project(owner)
    asset = world.asset(owner, project, "text/plain", b"Salt and rope.", "Notes")
    prompt = world.submit(project, owner, assets=(asset,), variations=variations)
    generate(agents, prompt)
    with transaction(world.store.engine, read_only=True) as session:
        output = session.scalars(select(Output.id).where(Output.prompt_id == prompt)).first()
    assert output is not None
    things = (owner, project, prompt, output, asset)
    return dict(zip(DeletionScope, things, strict=True))


def erased(world: World, agents: Agents, owner: uuid.UUID, scope: DeletionScope, thing: uuid.UUID) -> uuid.UUID:
    """Destroyed here, and certified, before anybody else was asked."""
    deletion = Deletion(id=new_id(), owner_id=owner, scope=scope, object_id=thing)
    with transaction(world.store.engine) as session:
        session.add(deletion)
        asked = deletion.id
    erase(agents, asked)
    assert row(world, asked).status is DeletionStatus.ERASED
    return asked


def row(world: World, asked: uuid.UUID) -> Deletion:
    with transaction(world.store.engine, read_only=True) as session:
        return session.get_one(Deletion, asked)


def said(document: Any) -> dict[str, Any]:
    assert document is not None
    found: dict[str, Any] = json.loads(base64.b64decode(document["payload"]))["predicate"]
    return found


def lines(world: World) -> list[tuple[RecallAnswer | None, int]]:
    """What is still to be asked: the last answer, and how often it was."""
    with transaction(world.store.engine, read_only=True) as session:
        return [(each.last_answer, each.tries) for each in session.scalars(select(ProviderRecall))]


def asked_for(world: World, asked: uuid.UUID) -> list[dict[str, Any]]:
    """What the trail says of asking."""
    with transaction(world.store.engine, read_only=True) as session:
        mine = select(AuditEvent.leaf).where(AuditEvent.resource_id == asked, AuditEvent.action == "copies.recalled")
        found = session.scalars(mine.order_by(AuditEvent.id)).all()
    return [json.loads(leaf)["details"] for leaf in found]


@HERE
@pytest.mark.parametrize("scope", DeletionScope)
def test_a_provider_is_asked_to_delete_what_it_keeps_and_its_answer_is_certified(
    world: World, asking: Agents, owner: uuid.UUID, stand_in: StandIn, scope: DeletionScope, tmp_path: Path
) -> None:
    """By its own id alone, once all is gone here; what it says is signed beside the certificate, and checked offline."""
    thing = made(world, asking, owner)[scope]
    asked = erased(world, asking, owner, scope, thing)
    assert (stand_in.kept, stand_in.deleted) == (["chatcmpl-1"], [])
    [before] = said(row(world, asked).certificate)["copies"]
    assert "asked to delete 1 answers that it made, 0 it says it deleted, 1 it has not confirmed" in before["result"]

    recall(asking, asked)
    assert stand_in.deleted == [(PATH.format(1), "Bearer k-1", b"")]
    assert stand_in.kept == []
    assert lines(world) == []
    done = row(world, asked)
    told = said(done.addendum)
    assert (told["status"], told["certificateId"], told["unconfirmed"]) == ("CONFIRMED", str(asked), [])
    [copy] = told["copies"]
    assert "asked to delete 1 answers that it made, 1 it says it deleted; " in copy["result"]
    assert copy == {**before, "recall": copy["recall"], "result": copy["result"]}
    (tmp_path / "addendum.json").write_text(json.dumps(done.addendum))
    report = verify(tmp_path / "addendum.json")
    assert (report.problems, report.exit_code) == ([], 0)
    assert any(str(asked) in fact for fact in report.facts)
    assert [each["deleted"] for each in asked_for(world, asked)] == [1]

    recall(asking, asked)
    recall_due(asking)
    assert row(world, asked).addendum == done.addendum
    assert len(stand_in.deleted) == 1
    if scope is DeletionScope.ACCOUNT:
        assert str(owner) not in json.dumps(told)
        with transaction(world.store.engine, read_only=True) as session:
            theirs = (AuditPersonal.subject_id == owner) | (AuditPersonal.on_behalf_of == owner)
            assert session.scalar(select(func.count()).select_from(AuditPersonal).where(theirs)) == 0


def misbehave(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, how: str) -> RecallAnswer:
    match how:
        case "slow":
            stand_in.deletion_pause = 2
            monkeypatch.setattr(recalling, "remove", partial(remove, seconds=0.2))
            return RecallAnswer.UNREACHABLE
        case "hangs up":
            stand_in.hang_up = True
            return RecallAnswer.UNREACHABLE
        case "endless":
            stand_in.deletion = (200, b" " * 100_000)
            return RecallAnswer.UNREACHABLE
        case "redirects":
            stand_in.deletion, stand_in.redirect = (307, b""), f"{stand_in.url}/elsewhere"
            return RecallAnswer.REFUSED
        case "says no":
            stand_in.deletion = (200, b'{"deleted": false}')
            return RecallAnswer.REFUSED
    stand_in.deletion = (int(how), b'{"error": "later"}')
    return RecallAnswer.REFUSED if how in ("401", "405") else RecallAnswer.UNREACHABLE


@HERE
@pytest.mark.parametrize(
    "how", ["slow", "hangs up", "endless", "redirects", "says no", "500", "503", "429", "401", "405"]
)
def test_what_is_no_confirmation_is_asked_again_until_it_is(
    world: World, asking: Agents, owner: uuid.UUID, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Nothing is signed that was not answered; the trail says what was; minutes later all is well."""
    asked = erased(world, asking, owner, DeletionScope.PROMPT, made(world, asking, owner)[DeletionScope.PROMPT])
    with monkeypatch.context() as patch:
        expected = misbehave(stand_in, patch, how)
        recall(asking, asked)
    assert lines(world) == [(expected, 1)]
    assert [path for path, *_ in stand_in.deleted] == [PATH.format(1)], "and it was led nowhere else"
    assert row(world, asked).addendum is None
    [told] = asked_for(world, asked)
    assert (told["deleted"], told["waiting"], told[expected.value.lower()]) == (0, True, 1)
    recall_due(asking)
    assert len(stand_in.deleted) == 1, "not at once"

    stand_in.deletion, stand_in.redirect, stand_in.hang_up, stand_in.deletion_pause = None, None, False, 0
    with time_machine.travel(now() + timedelta(minutes=2), tick=True):
        recall_due(asking)
    assert (lines(world), stand_in.kept) == ([], [])
    assert said(row(world, asked).addendum)["status"] == "CONFIRMED"


@HERE
@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_confirmed_as_that(
    world: World, asking: Agents, owner: uuid.UUID, stand_in: StandIn, status: int
) -> None:
    """A provider that keeps nothing under the id says so, and the document does not call it deleted."""
    stand_in.deletion = (status, b"{}")
    asked = erased(world, asking, owner, DeletionScope.PROMPT, made(world, asking, owner)[DeletionScope.PROMPT])
    recall(asking, asked)
    [copy] = said(row(world, asked).addendum)["copies"]
    assert (copy["recall"]["deleted"], copy["recall"]["notThere"]) == (0, 1)
    assert "0 it says it deleted, 1 it says are not there" in copy["result"]


@HERE
def test_who_does_not_confirm_in_a_week_is_a_finding(
    world: World, asking: Agents, owner: uuid.UUID, stand_in: StandIn, tmp_path: Path
) -> None:
    """A signed document says it too, and another replaces it when the provider has answered after all."""
    asked = erased(world, asking, owner, DeletionScope.PROMPT, made(world, asking, owner)[DeletionScope.PROMPT])
    stand_in.deletion = (500, b"")
    recall(asking, asked)

    def overdue() -> int:
        with transaction(world.store.engine, read_only=True) as session:
            return measures.measure(session, "copies-recalled", now())

    with time_machine.travel(now() + timedelta(days=6), tick=True):
        recall_due(asking)
        assert (overdue(), row(world, asked).addendum) == (0, None)
    with time_machine.travel(now() + timedelta(days=8), tick=True):
        recall_due(asking)
        assert overdue() == 1
        late = row(world, asked).addendum
        told = said(late)
        assert (told["status"], told["unconfirmed"][0]["count"]) == ("UNCONFIRMED", 1)
        assert told["unconfirmed"][0]["lastAnswer"] == "UNREACHABLE"
        (tmp_path / "late.json").write_text(json.dumps(late))
        assert any("Not confirmed by" in warning for warning in verify(tmp_path / "late.json").warnings)
        recall_due(asking)
        assert row(world, asked).addendum == late, "it is said once"
    stand_in.deletion = None
    with time_machine.travel(now() + timedelta(days=10), tick=True):
        recall_due(asking)
        assert (overdue(), lines(world)) == (0, [])
    assert said(row(world, asked).addendum)["status"] == "CONFIRMED"


@HERE
def test_a_provider_that_keeps_nothing_is_not_asked(
    world: World, agents: Agents, owner: uuid.UUID, stand_in: StandIn, host: str
) -> None:
    """Nothing to be kept is agreed, on record: the certificate says that, and no addendum follows."""
    enter(world.store.engine, host, retention_days=0, deletion_path=USUAL_DELETION_PATH)
    asked = erased(world, agents, owner, DeletionScope.PROMPT, made(world, agents, owner)[DeletionScope.PROMPT])
    recall(agents, asked)
    [copy] = said(row(world, asked).certificate)["copies"]
    assert copy["result"] == "it keeps nothing of what it is sent, by the agreement in the register; it was not asked"
    assert (stand_in.deleted, lines(world), row(world, asked).addendum) == ([], [], None)


@HERE
def test_what_was_sent_while_it_kept_things_is_asked_for(
    world: World, asking: Agents, owner: uuid.UUID, stand_in: StandIn, host: str
) -> None:
    """Terms count as they were when something was sent: newer ones, that nothing is kept, do not undo it."""
    thing = made(world, asking, owner)[DeletionScope.PROMPT]
    enter(world.store.engine, host, retention_days=0, deletion_path=USUAL_DELETION_PATH, effective_at=now())
    recall(asking, erased(world, asking, owner, DeletionScope.PROMPT, thing))
    assert stand_in.kept == []


@HERE
def test_a_retired_service_is_asked_all_the_same(
    world: World, asking: Agents, owner: uuid.UUID, stand_in: StandIn
) -> None:
    """It is sent no work any more; what lies there should go all the more."""
    thing = made(world, asking, owner)[DeletionScope.PROMPT]
    with transaction(world.store.engine) as session:
        session.execute(update(Service).values(status=ServiceStatus.RETIRED, retired_at=now()))
    recall(asking, erased(world, asking, owner, DeletionScope.PROMPT, thing))
    assert stand_in.kept == []


@HERE
@pytest.mark.parametrize("terms", [{"approved_at": None, "status": ServiceStatus.PROPOSED}, {"deletion_path": None}])
def test_nobody_is_asked_where_two_people_have_not_agreed_how(
    world: World, agents: Agents, owner: uuid.UUID, stand_in: StandIn, host: str, terms: dict[str, Any]
) -> None:
    """A proposal, and terms without a way, open no connection; the certificate says that it can't be asked."""
    enter(world.store.engine, host, **{"retention_days": 30, "deletion_path": USUAL_DELETION_PATH, **terms})
    inside = replace(agents, inside_too=True)
    asked = erased(world, inside, owner, DeletionScope.PROMPT, made(world, inside, owner)[DeletionScope.PROMPT])
    recall(inside, asked)
    [copy] = said(row(world, asked).certificate)["copies"]
    assert copy["result"].startswith("it can't be asked to delete; ")
    assert (stand_in.deleted, lines(world)) == ([], [])


@HERE
def test_an_address_in_this_network_that_the_operator_does_not_name_gets_nothing(
    world: World, asking: Agents, owner: uuid.UUID, stand_in: StandIn
) -> None:
    """A registered host that leads inside is kept back, with its key unsaid, and is told as not confirmed."""
    thing = made(world, asking, owner)[DeletionScope.PROMPT]
    elsewhere = replace(asking, doors={})
    recall(elsewhere, erased(world, elsewhere, owner, DeletionScope.PROMPT, thing))
    assert (stand_in.deleted, stand_in.kept) == ([], ["chatcmpl-1"])
    assert lines(world) == [(RecallAnswer.KEPT_BACK, 1)]


@HERE
def test_what_can_be_no_id_is_not_kept(world: World, asking: Agents, owner: uuid.UUID) -> None:
    """Neither a way to another path nor a text comes into the ledger by a provider's hand."""
    thing = made(world, asking, owner)[DeletionScope.PROMPT]
    with transaction(world.store.engine) as session:
        session.execute(update(ProviderCall).values(reference=None))
        for call in session.scalars(select(ProviderCall.call_id)).all():
            for name in ("../v1/files", "a/b", "a?b=c", ".", "words of somebody", "x" * 129, ""):
                provider_copies.name(session, call, name)
        assert set(session.scalars(select(ProviderCall.reference))) == {None}
    asked = erased(world, asking, owner, DeletionScope.PROMPT, thing)
    [copy] = said(row(world, asked).certificate)["copies"]
    assert "1 sendings came back without a name by which to ask" in copy["result"]
    assert lines(world) == []


@HERE
def test_the_id_is_kept_even_of_an_answer_that_nobody_wanted_any_more(
    world: World, asking: Agents, owner: uuid.UUID, stand_in: StandIn
) -> None:
    """Cancelled in mid-sentence: no output here, and the provider is asked to delete what it said all the same."""
    prompt = world.submit(world.project(owner), owner)

    def cancel() -> None:
        with world.work() as work:
            work.session.get_one(Prompt, prompt).cancel_requested_at = now()

    stand_in.words, stand_in.pause, stand_in.on_word = ["word "] * 8, 0.1, cancel
    generate(asking, prompt)
    assert world.texts(prompt, owner) == []
    recall(asking, erased(world, asking, owner, DeletionScope.PROMPT, prompt))
    assert [path for path, *_ in stand_in.deleted] == [PATH.format(1)]


@HERE
def test_what_goes_in_pieces_is_asked_for_once(
    world: World, asking: Agents, owner: uuid.UUID, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question has a line for its prompt and one for each asset: they go in any order, and count as one."""
    made(world, asking, owner, variations=3)
    monkeypatch.setattr(reducing, "_ONE_PIECE", 0)
    monkeypatch.setattr(pacing, "_MOST", 1)
    asked = erased(world, asking, owner, DeletionScope.ACCOUNT, owner)
    recall(asking, asked)
    assert sorted(path for path, *_ in stand_in.deleted) == [PATH.format(number) for number in (1, 2, 3)]
    [copy] = said(row(world, asked).addendum)["copies"]
    assert (copy["works"], copy["times"]) == (2, 6)
    assert (copy["recall"]["asked"], copy["recall"]["deleted"], copy["recall"]["nameless"]) == (3, 3, 0)

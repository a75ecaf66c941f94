"""The trail ages: people are forgotten, entries move to the archive, and every proof holds before and after."""

import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from agents.ledger import Ageing
from storage.clock import now
from storage.database import transaction
from storage.investigations import Investigation
from storage.ledger import checkpoint, copies, trail, verify_audit
from storage.ledger.archiving import Archive, first_kept
from storage.ledger.checkpoint import proof_text, verify_leaf
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.ledger.events import Discrepancy, ProjectCreated, SystemStarted
from storage.ledger.publishing import LedgerRefused
from storage.ledger.scope import AuditScope
from storage.ledger.tiles import Tile, unbundle
from storage.ledger.tree import Tree, newest
from tests import forks
from tests.agents.archiving import STEPS, agents_of
from tests.agents.test_ledger import settle, vkey
from tests.agents.worlds import ROOT, World

YEAR = timedelta(days=365)
NO_TIME = timedelta(0)


def ageing(world: World, keep: timedelta = NO_TIME) -> Ageing:
    return Ageing(agents_of(world.store, world.home), keep)


def acts(world: World, person: uuid.UUID, call: uuid.UUID | None = None) -> uuid.UUID:
    """Somebody does something, with an address; answers the entry's id."""
    call = call or uuid.uuid4()
    scope = AuditScope("api", "CONTRIBUTOR", person, None, "203.0.113.9", "test", call, "0" * 16)
    with world.store.begin(scope) as work:
        return work.record(ProjectCreated(resource_id=uuid.uuid4(), subject_id=person))


def investigate(world: World, lasts: timedelta = timedelta(days=1), **into: uuid.UUID) -> None:
    with world.work() as work:
        opened = Investigation(**into, opened_by=uuid.uuid4(), expires_at=now() + lasts)
        work.vault.seal(opened, reason="for a test")
        work.session.add(opened)


def known(world: World) -> set[uuid.UUID]:
    """The entries whose people are remembered."""
    with transaction(world.store.engine, read_only=True) as session:
        return {row.event_id for row in session.query(AuditPersonal) if row.actor_id}


def happen(world: World, times: int) -> None:
    """So many entries about nobody."""
    with world.work() as work:
        for _ in range(times):
            work.record(SystemStarted())
    with transaction(world.store.engine) as session:
        session.execute(text("DELETE FROM audit_personal"))


def proof_of(world: World, event_id: uuid.UUID) -> tuple[bytes, str]:
    with transaction(world.store.engine, read_only=True) as session:
        entry, tree, published = session.get(AuditEvent, event_id), Tree(session), newest(session)
        assert entry is not None
        assert published is not None
        index = tree.places([event_id])[event_id]
        hashes = tree.inclusion_proof(index, published.checkpoint.size)
        return bytes(entry.leaf), proof_text(index, hashes, published.note)


def entries(world: World) -> int:
    return world.count(AuditEvent)


def assert_whole(world: World, size: int) -> None:
    """The log is served whole, from wherever its entries lie, and so is a copy; both verify."""
    archive = Archive(world.home / "archive")
    place = world.home / f"{uuid.uuid4()}.zip"
    assert copies.write_copy(world.store.engine, vkey(world), place, archive) >= size
    assert verify_audit.run(str(place), vkey(world)).problems == []


def assert_archived(world: World, size: int) -> None:
    """The first `size` entries are in the archive and not in the database, and the archive verifies by itself."""
    report = verify_audit.run(str(world.home / "archive"), vkey(world))
    assert (report.problems, report.facts) == ([], [f"{size} entries, all of them signed for."])
    with transaction(world.store.engine, read_only=True) as session:
        assert first_kept(session) == size
    assert list((world.home / "archive").rglob("*.part")) == []


def test_people_are_forgotten_by_age_and_proofs_stay_valid(world: World) -> None:
    """Never early; then all of it goes, with one entry that says how many; the leaf proves what it proved before."""
    ada = uuid.uuid4()
    made = [acts(world, ada) for _ in range(3)]
    assert ageing(world, timedelta(seconds=50)).anonymise() == 0  # not by the minute that ids may differ from the time
    settle(world)
    before = proof_of(world, made[0])
    assert ageing(world, YEAR).anonymise() == 0
    assert known(world) == set(made)
    assert ageing(world).anonymise() == 3
    assert known(world) == set()
    assert proof_of(world, made[0]) == before
    verify_leaf(*before, vkey(world))
    settle(world)
    verify_leaf(*proof_of(world, made[0]), vkey(world))
    with transaction(world.store.engine, read_only=True) as session:
        told = [row for row in session.query(AuditEvent) if row.action == "trail.anonymised"]
    assert [(row.component, b'"eventCount":3' in row.leaf) for row in told] == [("agent:ledger", True)]


def test_an_open_investigation_keeps_what_it_is_about_and_nothing_else(world: World) -> None:
    """Into a person: all that is about them. Into a call: all that it did. When it ends, they go too."""
    ada, ben, eve, call = (uuid.uuid4() for _ in range(4))
    of_ada, _, of_call = acts(world, ada), acts(world, ben), acts(world, eve, call)
    acts(world, eve)
    investigate(world, person_id=ada)
    investigate(world, correlation_id=call)
    ageing(world).anonymise()
    assert known(world) == {of_ada, of_call}
    assert ageing(world).end_investigations() == 0
    with transaction(world.store.engine) as session:
        session.execute(text("UPDATE investigations SET expires_at = :past"), {"past": str(now() - YEAR)[:19]})
    ageing(world).anonymise()
    assert known(world) == set()
    assert ageing(world).end_investigations() == 2
    assert ageing(world).end_investigations() == 0
    with transaction(world.store.engine, read_only=True) as session:
        told = [row.action for row in session.query(AuditEvent) if row.action == "investigation.ended"]
    assert told == ["investigation.ended"] * 2


def test_an_investigation_keeps_a_person_from_being_forgotten_with_their_account(world: World) -> None:
    """What it needs stays, and is counted as left; once it has ended, forgetting again leaves nothing."""
    ada, ben = uuid.uuid4(), uuid.uuid4()
    acts(world, ada)
    acts(world, ben)
    investigate(world, person_id=ada)
    with world.work() as work:
        for person in (ada, ben):
            trail.forget(work.session, person)
        assert (trail.remembered(work.session, ada), trail.remembered(work.session, ben)) == (1, 0)
        work.session.query(Investigation).update({"expires_at": now()})
    ageing(world).end_investigations()
    with world.work() as work:
        trail.forget(work.session, ada)
        assert trail.remembered(work.session, ada) == 0
        assert [row.person_id for row in work.session.query(Investigation)] == [None]


def test_old_entries_move_to_an_archive_that_verifies_like_the_log(world: World) -> None:
    """Whole bundles, nothing early, nothing twice; the log is served as before, and goes on."""
    happen(world, 600)
    settle(world)
    with transaction(world.store.engine, read_only=True) as session:
        bundle = Tree(session).tile(Tile(None, 1), 600)
    assert ageing(world, YEAR).archive() == 0
    assert ageing(world).archive() == 512
    assert_archived(world, 512)
    assert ageing(world).archive() == 0
    assert entries(world) == 89  # with the entry that says so
    with transaction(world.store.engine, read_only=True) as session:
        served = Tree(session, Archive(world.home / "archive"))
        assert served.tile(Tile(None, 1), 600) == bundle
        assert unbundle(served.tile(Tile(None, 1, 7), 600) or b"") == unbundle(bundle or b"")[:7]
    assert_whole(world, 600)
    happen(world, 300)
    settle(world)
    assert ageing(world).archive() == 256
    assert_archived(world, 768)
    settle(world)
    assert_whole(world, 902)


def test_entries_of_which_somebody_is_remembered_stay(world: World) -> None:
    """What an investigation needs is not taken away from it: the archive ends before it."""
    happen(world, 300)
    ada = uuid.uuid4()
    acts(world, ada)
    happen_after = 300
    with world.work() as work:
        for _ in range(happen_after):
            work.record(SystemStarted())
    settle(world)
    investigate(world, person_id=ada)
    ageing(world).anonymise()
    settle(world)
    assert ageing(world).archive() == 256
    assert_archived(world, 256)
    assert len(known(world)) == 1


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_next_run_finishes(world: World, step: str) -> None:
    """kill -9 on the way to the archive: nothing is lost, nothing is there twice, nothing is mended by hand."""
    happen(world, 520)
    acts(world, uuid.uuid4())
    settle(world)
    url = world.store.engine.url.render_as_string(hide_password=False)
    killed = forks.run(["-W", "ignore", "-m", "tests.agents.archiving", world.home, url, step], cwd=ROOT, text=True)
    assert (killed.returncode, killed.stdout) == (-9, ""), killed.stderr
    settle(world)
    assert_whole(world, 521)
    ageing(world).anonymise()
    ageing(world).archive()
    settle(world)
    assert known(world) == set()
    assert_archived(world, 512)
    assert_whole(world, 521)


@pytest.mark.parametrize("harm", ["another log's", "damaged", "unreadable"])
def test_an_archive_of_another_history_lets_nothing_go(world: World, home: Path, harm: str) -> None:
    """What can't be compared, or doesn't continue, stays where it is."""
    happen(world, 600)
    settle(world)
    ageing(world).archive()
    happen(world, 300)
    settle(world)
    kept = entries(world)
    place = world.home / "archive"
    reason = Discrepancy.FORKED
    if harm == "damaged":
        bundle = place / "tile" / "entries" / "000"
        bundle.write_bytes(bundle.read_bytes().replace(b"system.started", b"system.stopped", 1))
        reason = Discrepancy.DAMAGED
    elif harm == "unreadable":
        (place / "checkpoint").write_bytes(b"noise")
        reason = Discrepancy.UNREADABLE
    else:
        forged = checkpoint.signed(
            replace(Archive(place).covers(world.store.origin, world.store.keyring), root=b"x" * 32),  # type: ignore[type-var]
            world.store.keyring.sign,
            world.store.keyring.public_key(),
        )
        (place / "checkpoint").write_text(forged)
    with pytest.raises(LedgerRefused) as refused:
        ageing(world).archive()
    assert refused.value.reason is reason
    assert entries(world) == kept

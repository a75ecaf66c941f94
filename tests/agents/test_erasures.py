"""Erasures: what was asked for is gone, whatever happens on the way, and somebody else has counted."""

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, or_, select, update

from agents import erasures, exports, runtime
from agents.erasures import erase, pacing, reducing, resume_open_erasures
from agents.exports import build_export
from agents.runtime import Agents
from policies.access import Policy
from storage import queue
from storage.assets import Asset, AssetStatus, Blob
from storage.blobs.contexts import FileContext, FileKind
from storage.catalogue import models
from storage.database import transaction
from storage.deletions import Deletion, DeletionScope, DeletionStatus
from storage.exports import Export, ExportStatus
from storage.keys.errors import KeyDestroyed
from storage.keys.names import KeysetName
from storage.ledger import trail
from storage.ledger.entries import AuditEvent
from storage.outputs import Output
from storage.prompts import Prompt
from storage.records import Record
from storage.sealed import SealedBytes
from tests.agents import households
from tests.agents.households import Person, ask_deletion, ask_export, household, person, share
from tests.beginnings import Beginning
from tests.footprints import jobs

pytestmark = pytest.mark.begins_with("mara", fill=households.with_mara)

Rows = dict[str, int]


@pytest.fixture
def agents(home: Path, began: None, engine: Engine, policy: Policy) -> Iterator[Agents]:
    """A house's agents, with a queue."""
    with household(home, engine, policy) as agents:
        yield agents


@pytest.fixture
def mara(agents: Agents, beginning: Beginning) -> Person:
    """Someone with two projects."""
    found: Person = beginning.left
    return found


@pytest.fixture
def noor(agents: Agents) -> Person:
    """Someone else."""
    return person(agents, "marker-of-noor")


def rows_of(agents: Agents, someone: Person) -> Rows:
    """How many rows of each table are about this person."""
    found: Rows = {}
    with transaction(agents.store.engine, read_only=True) as session:
        for model in models():
            if model.card.subject is not None:
                mine = getattr(model, model.card.subject) == someone.id
                found[model.__tablename__] = session.scalar(select(func.count()).select_from(model).where(mine)) or 0
    return found


def stored(agents: Agents, someone: Person) -> set[bytes]:
    """Every sealed value of this person's, as it lies in the database."""
    values: set[bytes] = set()
    with transaction(agents.store.engine, read_only=True) as session:
        for model in models():
            columns = [c for c in model.__table__.columns if isinstance(c.type, SealedBytes)]
            if columns and model.card.subject is not None:
                mine = getattr(model, model.card.subject) == someone.id
                for row in session.execute(select(*columns).where(mine)):
                    values |= {value.stored for value in row if value is not None}
    return values


def everything_in(home: Path) -> bytes:
    return b"\0".join(path.read_bytes() for path in sorted(home.rglob("*")) if path.is_file())


def deletion(agents: Agents, deletion_id: uuid.UUID) -> Deletion:
    with transaction(agents.store.engine, read_only=True) as session:
        found = session.get(Deletion, deletion_id)
    assert found is not None
    return found


def ids(agents: Agents, model: type[Record]) -> set[uuid.UUID]:
    with transaction(agents.store.engine, read_only=True) as session:
        return set(session.scalars(select(model.id)))  # type: ignore[attr-defined]


def happened(agents: Agents, deletion: uuid.UUID) -> list[tuple[str, str, str]]:
    """What agents did for the call that asked for this."""
    with transaction(agents.store.engine, read_only=True) as session:
        chosen = AuditEvent.correlation_id == (trail.call_behind(session, deletion) or deletion)
        statement = select(AuditEvent.action, AuditEvent.component, AuditEvent.outcome)
        by_agents = AuditEvent.component.startswith("agent:")
        rows = session.execute(statement.where(chosen, by_agents).order_by(AuditEvent.id))
        return [(action, component, outcome.value) for action, component, outcome in rows]


def test_a_person_has_something_in_every_table(agents: Agents, mara: Person, noor: Person) -> None:
    """Or the tests below would not notice a table that is forgotten."""
    share(agents, mara, 0, noor)
    ask_export(agents, mara)
    ask_deletion(agents, mara, DeletionScope.ACCOUNT, mara.id)
    assert [table for table, number in rows_of(agents, mara).items() if not number] == []


@pytest.mark.parametrize("piece", [500, 0], ids=["at once", "in pieces"])
def test_an_erased_account_leaves_its_deletion_and_nothing_else(
    agents: Agents, mara: Person, noor: Person, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    """No row, file or key; the trail has forgotten who it was; whoever else was there notices nothing.

    In pieces of three things, or at once, while others are answered: what is counted and told is the same.
    """
    monkeypatch.setattr(reducing, "_ONE_PIECE", piece)
    monkeypatch.setattr(pacing, "_MOST", 3)
    share(agents, mara, 0, noor)
    share(agents, noor, 0, mara)
    build_export(agents, ask_export(agents, mara))
    theirs = rows_of(agents, noor)
    asked = ask_deletion(agents, mara, DeletionScope.ACCOUNT, mara.id)
    with agents.store.traffic.entered(read_only=True):  # somebody reads all the time
        erase(agents, asked)
    done = deletion(agents, asked)
    assert (done.status, done.remaining) == (DeletionStatus.ERASED, {})
    assert done.finished_at is not None
    assert (
        done.keysets_destroyed == 1 + 2 * 2 + 2 + 1
    )  # contributor, projects and their words', assets' blobs, the export's blob
    assert done.destroyed["contributors"] == 1
    assert done.destroyed["assets"] == 4
    assert (done.destroyed["blobs"], done.bytes_destroyed > 200_000) == (3, True)
    assert [(each["location"], each["works"], each["times"]) for each in done.copies] == [("models.example", 4, 4)]
    left = rows_of(agents, mara)
    assert left.pop("deletions") == 1
    assert set(left.values()) == {0}
    assert agents.store.keyring.count_owned_by(mara.id) == 0
    assert ids(agents, Blob) == {path_id for path_id in ids(agents, Blob) if agents.store.blobs.exists(path_id)}
    with transaction(agents.store.engine, read_only=True) as session:
        assert trail.remembered(session, mara.id) == 0
    assert rows_of(agents, noor) == theirs | {"project_members": 0}
    assert agents.store.keyring.open_erasures() == []
    assert happened(agents, asked) == [
        ("deletion.started", "agent:erasures", "SUCCESS"),
        ("deletion.erased", "agent:erasures", "SUCCESS"),
        ("account.erased", "agent:erasures", "SUCCESS"),
        ("deletion.verified", "agent:verifier", "SUCCESS"),
    ]


@pytest.mark.one_database("sqlite", reason="PostgreSQL keeps its files elsewhere, and dead rows until it vacuums")
def test_not_even_ciphertext_of_an_erased_account_is_on_disk(agents: Agents, mara: Person, home: Path) -> None:
    """Neither in the database and its log, nor in the key store, nor among the files: not one sealed value or key."""
    sealed = stored(agents, mara)
    with transaction(agents.store.keyring.key_store.engine, read_only=True) as session:
        wrapped = set(
            session.connection().exec_driver_sql("SELECT wrapped FROM keysets WHERE owner IS NOT NULL").scalars()
        )
    before = everything_in(home)
    assert len(sealed) > 20
    assert all(value in before for value in sealed | wrapped)
    asked = ask_deletion(agents, mara, DeletionScope.ACCOUNT, mara.id)
    erase(agents, asked)
    after = everything_in(home)
    assert not [value for value in sealed | wrapped if value in after]
    assert b"marker-of-mara" not in after


def test_deleting_a_project_takes_everything_in_it_and_nothing_else(agents: Agents, mara: Person, noor: Person) -> None:
    """Its sibling and what others have stay, and still open; exports that hold copies of it go."""
    share(agents, mara, 0, noor)
    gone, sibling = mara.projects
    asked_for = [ask_export(agents, mara, scope) for scope in (None, gone, sibling)]
    for export in asked_for:
        build_export(agents, export)
    waiting = ask_export(agents, mara)
    before, theirs = rows_of(agents, mara), rows_of(agents, noor)
    asked = ask_deletion(agents, mara, DeletionScope.PROJECT, gone)
    erase(agents, asked)
    assert (deletion(agents, asked).status, deletion(agents, asked).remaining) == (DeletionStatus.ERASED, {})
    assert rows_of(agents, mara) == before | {
        "access_grants": 9,
        "asset_words": before["asset_words"] // 2, "assets": 2, "blobs": 2, "deletions": 1, "exports": 2, "outputs": 2,
        "project_members": 0, "projects": 1, "prompt_assets": 1, "prompt_steps": 2, "provider_calls": 2, "provider_copies": 2,
        "prompt_words": before["prompt_words"] // 2, "prompts": 1,
    }  # fmt: skip
    assert rows_of(agents, noor) == theirs
    assert ids(agents, Export) == {asked_for[2], waiting}
    keyring = agents.store.keyring
    assert not keyring.exists(KeysetName("project", str(gone)))
    assert keyring.exists(KeysetName("project", str(sibling)))
    assert all(agents.store.blobs.exists(blob) for blob in ids(agents, Blob))
    assert (
        keyring.count_owned_by(mara.id) == 1 + 2 + 1 + 1
    )  # contributor, sibling and its words', its asset, its export


def test_deleting_a_prompt_takes_its_run_and_leaves_its_assets(agents: Agents, mara: Person) -> None:
    """Outputs, steps and links go with it; the assets that it was given stay."""
    before = rows_of(agents, mara)
    asked = ask_deletion(agents, mara, DeletionScope.PROMPT, mara.prompts[0])
    erase(agents, asked)
    assert deletion(agents, asked).status is DeletionStatus.ERASED
    assert rows_of(agents, mara) == before | {
        "access_grants": 9,
        "deletions": 1, "outputs": 2, "prompt_assets": 1, "prompt_steps": 2, "prompts": 1, "provider_calls": 2, "provider_copies": 2,
        "prompt_words": before["prompt_words"] // 2,
    }  # fmt: skip


@pytest.mark.parametrize("scope", [DeletionScope.ASSET, DeletionScope.PROJECT, DeletionScope.ACCOUNT])
def test_an_upload_that_is_not_whole_goes_too(agents: Agents, mara: Person, scope: DeletionScope) -> None:
    """What was saved of it, its key, and the right to go on; its row is not there to lead to it afterwards."""
    with transaction(agents.store.engine, read_only=True) as session:
        mine = Asset.status == AssetStatus.AWAITING_UPLOAD, Asset.project_id == mara.projects[0]
        awaiting = session.scalars(select(Asset.id).where(*mine)).one()
    partials, keyset = agents.store.blobs.partials, KeysetName("project", str(mara.projects[0]))
    file = FileContext(FileKind.CONTENT, mara.id, awaiting)
    writer = partials.writer(partials.claim(awaiting), keyset, file)
    writer.write(b"the beginning")
    writer.save({})
    writer.put_away()
    named = {DeletionScope.ASSET: awaiting, DeletionScope.PROJECT: mara.projects[0], DeletionScope.ACCOUNT: mara.id}
    asked = ask_deletion(agents, mara, scope, named[scope])
    erase(agents, asked)
    assert (deletion(agents, asked).status, deletion(agents, asked).remaining) == (DeletionStatus.ERASED, {})
    assert not partials.exists(awaiting)
    assert not agents.store.keyring.exists(KeysetName("blob", str(awaiting)))
    with pytest.raises(KeyDestroyed):
        partials.writer(partials.claim(awaiting), keyset, file)


def test_deleting_an_output_takes_that_one(agents: Agents, mara: Person) -> None:
    """The other variations of the prompt stay."""
    before = rows_of(agents, mara)
    asked = ask_deletion(agents, mara, DeletionScope.OUTPUT, mara.outputs[0])
    erase(agents, asked)
    assert deletion(agents, asked).status is DeletionStatus.ERASED
    assert rows_of(agents, mara) == before | {"deletions": 1, "outputs": 3}
    assert ids(agents, Output) == set(mara.outputs[1:])


def test_deleting_an_asset_takes_its_file_its_key_and_its_copies(agents: Agents, mara: Person) -> None:
    """The prompt it was given to stays, without it; an export that holds a copy goes."""
    build_export(agents, ask_export(agents, mara))
    with transaction(agents.store.engine, read_only=True) as session:
        mine = select(Blob.id).where(or_(Blob.object_id == mara.assets[0], Blob.object_id.in_(select(Export.id))))
        files = list(session.scalars(mine))
    before = rows_of(agents, mara)
    asked = ask_deletion(agents, mara, DeletionScope.ASSET, mara.assets[0])
    erase(agents, asked)
    done = deletion(agents, asked)
    assert (done.status, done.keysets_destroyed) == (DeletionStatus.ERASED, 2)
    assert rows_of(agents, mara) == before | {
        "access_grants": 9,
        "asset_words": before["asset_words"] // 2, "assets": 3, "blobs": 1, "deletions": 1, "exports": 0,
        "prompt_assets": 1, "provider_calls": 3, "provider_copies": 3,
    }  # fmt: skip
    assert len(files) == 2
    assert not [blob for blob in files if agents.store.blobs.exists(blob)]
    assert not [blob for blob in files if agents.store.keyring.exists(KeysetName("blob", str(blob)))]


def test_the_agents_at_work_export_and_erase(agents: Agents, mara: Person) -> None:
    """Queued as the API queues them, both are done; the queue then knows nothing of what was erased."""
    export, kept = ask_export(agents, mara), ask_export(agents, mara, mara.projects[1])
    asked = ask_deletion(agents, mara, DeletionScope.PROJECT, mara.projects[0])
    running = runtime.start(agents)
    try:
        with transaction(agents.store.engine) as session:
            queue.enqueue(session, exports.WORKFLOW, export)
            queue.enqueue(session, exports.WORKFLOW, kept)
        wait_until(lambda: statuses(agents, Export) == {ExportStatus.READY})
        with transaction(agents.store.engine) as session:
            queue.enqueue(session, erasures.WORKFLOW, asked)
        wait_until(lambda: statuses(agents, Deletion) == {DeletionStatus.ERASED})
    finally:
        runtime.stop(running)
    assert ids(agents, Export) == {kept}
    assert jobs(agents.store.engine) == {f"export:{kept}", f"erase:{asked}"}


def statuses(agents: Agents, model: type[Export] | type[Deletion]) -> set[Any]:
    with transaction(agents.store.engine, read_only=True) as session:
        return set(session.scalars(select(model.status)))


def wait_until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.05)


def test_a_prompt_in_somebody_elses_project_stays_theirs(agents: Agents, mara: Person, noor: Person) -> None:
    """Who wrote it is an id that opens nothing any more; the verifier knows that this may stand."""
    with transaction(agents.store.engine) as session:
        session.execute(update(Prompt).where(Prompt.id == noor.prompts[0]).values(author_id=mara.id))
    asked = ask_deletion(agents, mara, DeletionScope.ACCOUNT, mara.id)
    erase(agents, asked)
    assert deletion(agents, asked).status is DeletionStatus.ERASED
    assert ids(agents, Prompt) == {noor.prompts[0]}


def test_erasing_again_changes_nothing(agents: Agents, mara: Person) -> None:
    """A job that is delivered twice records one end."""
    asked = ask_deletion(agents, mara, DeletionScope.ASSET, mara.assets[0])
    erase(agents, asked)
    before, events = deletion(agents, asked).finished_at, happened(agents, asked)
    erase(agents, asked)
    assert resume_open_erasures(agents) == 0
    assert (deletion(agents, asked).finished_at, happened(agents, asked)) == (before, events)


def test_a_deletion_that_nobody_asked_for_destroys_nothing(agents: Agents, mara: Person) -> None:
    """An id that names no deletion is nobody's order."""
    before = rows_of(agents, mara)
    erase(agents, uuid.uuid4())
    assert rows_of(agents, mara) == before
    assert agents.store.keyring.all_erasures() == []


def test_whatever_hangs_on_a_thing_is_reached_with_it() -> None:
    """A table with a foreign key to one that can be deleted by itself says that it lies within it."""
    by_table = {model.__tablename__: model for model in models()}
    for model in models():
        for key in model.__table__.foreign_keys:
            above = by_table[key.column.table.name]
            scopes = {scope for scope, column in above.card.within.items() if column == key.column.name}
            assert scopes <= model.card.within.keys(), f"{model.__tablename__} hangs on {above.__tablename__}"

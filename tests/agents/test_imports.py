"""Imports: out of an archive comes an equal graph, or nothing at all."""

import hashlib
import io
import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, func, select, update

from agents import imports
from agents.exports import build_export
from agents.imports import Wishes, taking
from agents.runtime import Agents
from policies.access import Policy
from policies.errors import Refused
from resolvers.errors import Conflict
from storage.archives import layout, reading
from storage.archives.choices import CHOSEN
from storage.archives.reading import ArchiveRefused, Reason
from storage.archives.restoring import IMPORTED, LEFT_OUT, file_of
from storage.archives.sources import tables
from storage.assets import Blob
from storage.catalogue import models
from storage.contributors import Contributor, ContributorStatus
from storage.database import transaction
from storage.exports import ExportScope
from storage.ledger import notes, reconciling, signing
from storage.prompts import Prompt, PromptStatus, PromptStep, StepStatus
from tests.agents import taking_out
from tests.agents.households import Person, house_at, household, person
from tests.beginnings import Beginning

WISHES = Wishes(upload_bytes=1_000_000)
PLENTY = 10**9
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
Files = dict[str, bytes]


def with_mara(home: Path, database_url: str) -> Person:
    """What tests of `mara` begin with."""
    with house_at(home, database_url) as agents:
        mara = person(agents, "marker-of-mara", projects=2)
        with transaction(agents.store.engine) as session:
            running = {"status": PromptStatus.RUNNING, "variations": 3, "stored": 2}
            session.execute(update(Prompt).where(Prompt.id == mara.prompts[0]).values(**running))
        return mara


pytestmark = pytest.mark.begins_with("mara", fill=with_mara)


@pytest.fixture
def agents(home: Path, began: None, engine: Engine, policy: Policy) -> Iterator[Agents]:
    """A house's agents, and its queue."""
    with household(home, engine, policy) as agents:
        yield agents


@pytest.fixture
def mara(agents: Agents, beginning: Beginning) -> Person:
    """Whose work is taken out: two projects, in which one run is still going on."""
    found: Person = beginning.left
    return found


@pytest.fixture
def nova(agents: Agents) -> Person:
    """Whose account it is taken into: empty, as one who has just registered."""
    return person(agents, "marker-of-nova", projects=0)


def exported(agents: Agents, someone: Person) -> bytes:
    export = taking_out.ask(agents, someone)
    build_export(agents, export)
    return taking_out.content(agents, export)


def keys(agents: Agents) -> list[str]:
    return list(signing.known_keys(agents.store.origin, agents.store.keyring))


def take_in(
    agents: Agents, someone: Person, archive: bytes, *, vkey: str | None = None, wishes: Wishes = WISHES
) -> imports.Taken:
    opened = reading.open_archive(io.BytesIO(archive), [vkey] if vkey else keys(agents), PLENTY)
    return imports.take_in(agents, someone.id, opened, wishes)


def packed(files: Files) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def signed_anew(files: Files, change: Callable[[dict[str, Any]], object] = lambda manifest: None) -> tuple[bytes, str]:
    """An archive of these files whose manifest is right, signed by somebody else; and by whom."""
    manifest = json.loads(files[layout.MANIFEST])
    for line in manifest["files"]:
        if line["path"] in files:
            content = files[line["path"]]
            line["bytes"], line["sha256"] = len(content), hashlib.sha256(content).hexdigest()
            if line.get("countsAs") and line["type"] == layout.JSON_LINES:
                manifest["counts"][line["countsAs"]] = content.count(b"\n")
    change(manifest)
    content = json.dumps(manifest).encode()
    public = OTHER.public_key().public_bytes_raw()
    statement = layout.statement(hashlib.sha256(content).hexdigest())
    note = notes.sign_note(statement, "elsewhere.example", OTHER.sign, public).encode()
    return packed({**files, layout.MANIFEST: content, layout.SIGNATURE: note}), notes.vkey("elsewhere.example", public)


def kept(agents: Agents, someone: Person) -> tuple[dict[str, int], int, int]:
    """How many rows of every table there are, of how many keysets somebody is the owner, and how many events."""
    with transaction(agents.store.engine, read_only=True) as session:
        rows = {m.__tablename__: session.scalar(select(func.count()).select_from(m)) or 0 for m in models()}
    return rows, agents.store.keyring.count_owned_by(someone.id), sum(1 for _ in agents.store.blobs._published.listed())


def graph(files: Files, own: dict[str, str]) -> dict[str, list[Any]]:
    """What an archive says of works, with ids replaced by `own` (theirs to ours); what an import leaves is left out."""
    found: dict[str, list[Any]] = {}
    for model in IMPORTED:
        for line in taking_out.lines(files[file_of(model)]):
            plain = {key: own.get(value, value) if isinstance(value, str) else value for key, value in line.items()}
            for key in ("blobId", "thumbnailId", "thumbnailSize", "checksum"):
                plain.pop(key, None)
            found.setdefault(model.__tablename__, []).append(plain)
    return {table: sorted(rows, key=json.dumps) for table, rows in found.items()}


def works(files: Files, own: dict[str, str]) -> dict[str, bytes]:
    """The files of works, under our ids."""
    found = {}
    for path, content in files.items():
        kind, _, rest = path.partition("/")
        if kind in ("assets", "outputs") and rest:
            old, mark, name = rest.partition("/" if kind == "assets" else ".")
            found[f"{kind}/{own.get(old, old)}{mark}{name}"] = content
    return found


def test_out_of_an_archive_comes_an_equal_graph(agents: Agents, mara: Person, nova: Person) -> None:
    """Same works, prompts, outputs, ties, moments; files byte for byte; other ids of the same moments, told in the trail."""
    archive = exported(agents, mara)
    before = taking_out.files(archive)
    taken = take_in(agents, nova, archive)
    after = taking_out.files(exported(agents, nova))
    imported = {
        action: details["originalId"] for action, details, _ in taking_out.told(agents) if action.endswith(".imported")
    }
    assert set(imported) == {"project.imported", "asset.imported", "prompt.imported", "output.imported"}
    events = taking_out.lines(after["audit_events.jsonl"])
    own = {e["details"]["originalId"]: e["resourceId"] for e in events if e["action"].endswith(".imported")}
    own |= {str(mara.id): str(nova.id)}
    theirs_by, ours_by = (
        {(own.get(step["promptId"], step["promptId"]), step["name"], step["variation"]): step["id"] for step in steps}
        for steps in (taking_out.lines(files["prompt_steps.jsonl"]) for files in (before, after))
    )
    own |= {theirs_by[place]: step for place, step in ours_by.items()}  # steps are told with their prompts
    assert len(set(own.values())) == len(own)
    assert all(own[old][:13] == old[:13] for old in own if old != str(mara.id))
    theirs, ours = graph(before, own), graph(after, {})
    [running] = [each for each in theirs["prompts"] if each["status"] == "RUNNING"]
    [ended] = [each for each in ours["prompts"] if each["id"] == running["id"]]
    running |= {"status": "CANCELLED", "cancelled": 1, "finishedAt": ended["finishedAt"]}
    assert ended["finishedAt"] is not None
    theirs["prompts"].sort(key=json.dumps)
    assert ours == theirs
    assert works(after, {}) == works(before, own)
    assert taken.records == {table: len(rows) for table, rows in theirs.items()}
    assert (taken.files, taken.left_out) == (2, 0)
    with transaction(agents.store.engine, read_only=True) as session:
        assert not {str(gap.about) for gap in reconciling.gaps(session)} & set(own.values())


def test_every_file_of_an_archive_is_taken_in_or_says_why_not() -> None:
    """A table that is exported one day is imported, or somebody has written why not."""
    files = {file.rpartition(".")[0] for _, file in tables(ExportScope.ACCOUNT)}
    taken = {file_of(model).rpartition(".")[0] for model in IMPORTED}
    assert sorted([*taken, *CHOSEN, *LEFT_OUT]) == sorted(files)


def drop_line(files: Files) -> Files:
    _first, *rest = files["outputs.jsonl"].splitlines(keepends=True)
    return {**files, "outputs.jsonl": b"".join(rest)}


def without_signature(files: Files) -> Files:
    return {name: content for name, content in files.items() if name != layout.SIGNATURE}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda archive: archive[: len(archive) // 2], Reason.DAMAGED),
        (lambda archive: archive[:-30], Reason.DAMAGED),
        (lambda archive: b"no archive", Reason.DAMAGED),
        (lambda archive: b"", Reason.DAMAGED),
        (lambda archive: packed(drop_line(taking_out.files(archive))), Reason.DAMAGED),
        (lambda archive: packed(without_signature(taking_out.files(archive))), Reason.DAMAGED),
        (lambda archive: packed(taking_out.files(archive) | {"../x": b"x"}), Reason.DAMAGED),
        (lambda archive: packed(taking_out.files(archive) | {"/etc/x": b"x"}), Reason.DAMAGED),
        (lambda archive: packed(taking_out.files(archive) | {"more.bin": bytes(10**7)}), Reason.DAMAGED),
        (lambda archive: signed_anew(taking_out.files(archive))[0], Reason.UNTRUSTED),
        (lambda archive: b"age-encryption.org/v1\n" + archive, Reason.ENCRYPTED),
    ],
    ids=["cut", "end cut", "text", "empty", "changed", "unsigned", "up", "root", "more", "foreign", "encrypted"],
)
@pytest.mark.one_database("sqlite", reason="refused before any database is asked")
def test_what_is_not_whole_or_not_trusted_is_refused(
    agents: Agents, mara: Person, nova: Person, damage: Callable[[bytes], bytes], reason: Reason
) -> None:
    """With a code, and nothing is written: no row, no key, no file."""
    archive, before = exported(agents, mara), kept(agents, nova)
    with pytest.raises(ArchiveRefused) as refused:
        take_in(agents, nova, damage(archive))
    assert refused.value.reason is reason
    assert kept(agents, nova) == before


def edited(file: str, **changes: Any) -> Callable[[Files], Files]:
    """The first record of a file, changed."""

    def edit(files: Files) -> Files:
        first, *rest = taking_out.lines(files[file])
        changed = [{**first, **changes}, *rest]
        return {**files, file: b"".join(json.dumps(line).encode() + b"\n" for line in changed)}

    return edit


def doubled(files: Files) -> Files:
    return {**files, "outputs.jsonl": files["outputs.jsonl"] * 2}


def second_file(files: Files) -> Files:
    path = next(name for name in files if name.startswith("assets/"))
    return {**files, path: files[path] + b"x"}


def period(manifest: dict[str, Any]) -> None:
    manifest["period"]["from"] = "2026-01-01T00:00:00Z"


def version(manifest: dict[str, Any]) -> None:
    manifest["schemaVersion"] = 2


def later(manifest: dict[str, Any]) -> None:
    manifest["format"] = "muniment-export/2"


def nothing(manifest: dict[str, Any]) -> None:
    """The manifest as it is."""


STRANGE = "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("edit", "change", "reason"),
    [
        (lambda files: files, version, Reason.TOO_NEW),
        (lambda files: files, later, Reason.TOO_NEW),
        (edited("projects.jsonl", mood="blue"), nothing, Reason.TOO_NEW),
        (lambda files: files, period, Reason.INCOMPLETE),
        (edited("assets.jsonl", ownerId=STRANGE), nothing, Reason.UNSUITABLE),
        (edited("assets.jsonl", projectId=STRANGE), nothing, Reason.UNSUITABLE),
        (edited("outputs.jsonl", promptId=STRANGE), nothing, Reason.UNSUITABLE),
        (edited("prompt_assets.jsonl", assetId=STRANGE), nothing, Reason.UNSUITABLE),
        (edited("outputs.jsonl", text="other words"), nothing, Reason.UNSUITABLE),
        (edited("projects.jsonl", id="7"), nothing, Reason.UNSUITABLE),
        (edited("projects.jsonl", name=None), nothing, Reason.UNSUITABLE),
        (edited("projects.jsonl", name=7), nothing, Reason.UNSUITABLE),
        (edited("projects.jsonl", createdAt="2026-01-01T00:00:00"), nothing, Reason.UNSUITABLE),
        (edited("prompts.jsonl", status="DREAMING"), nothing, Reason.UNSUITABLE),
        (edited("prompts.jsonl", variations=2**40), nothing, Reason.UNSUITABLE),
        (edited("prompts.jsonl", model="a\x00b"), nothing, Reason.UNSUITABLE),
        (edited("assets.jsonl", mediaType="text/html"), nothing, Reason.UNSUITABLE),
        (edited("assets.jsonl", byteSize=1), nothing, Reason.UNSUITABLE),
        (second_file, nothing, Reason.UNSUITABLE),
        (doubled, nothing, Reason.UNSUITABLE),
    ],
)
@pytest.mark.one_database("sqlite", reason="refused before anything is written to any database")
def test_what_is_signed_and_does_not_fit_is_refused(
    agents: Agents,
    mara: Person,
    nova: Person,
    edit: Callable[[Files], Files],
    change: Callable[[dict[str, Any]], object],
    reason: Reason,
) -> None:
    """Even whoever signs for it can't make a record that belongs to somebody else, or to nothing. Nothing is written."""
    archive, vkey = signed_anew(edit(taking_out.files(exported(agents, mara))), change)
    before = kept(agents, nova)
    with pytest.raises(ArchiveRefused) as refused:
        take_in(agents, nova, archive, vkey=vkey)
    assert refused.value.reason is reason
    assert "marker" not in str(refused.value)
    assert kept(agents, nova) == before


@pytest.mark.one_database("sqlite", reason="refused before anything is written to any database")
def test_what_is_too_large_is_refused_before_it_is_unpacked(agents: Agents, mara: Person, nova: Person) -> None:
    """By what the manifest announces, by the size of one file, and where more is packed than was announced."""
    archive = exported(agents, mara)
    before = kept(agents, nova)
    with pytest.raises(ArchiveRefused) as refused:
        reading.open_archive(io.BytesIO(archive), keys(agents), 1000)
    assert refused.value.reason is Reason.TOO_LARGE
    with pytest.raises(ArchiveRefused) as refused:
        take_in(agents, nova, archive, wishes=Wishes(upload_bytes=99_999))
    assert refused.value.reason is Reason.TOO_LARGE
    bomb = taking_out.files(archive)
    path = next(name for name in bomb if name.startswith("assets/"))
    with pytest.raises(ArchiveRefused) as refused:
        take_in(agents, nova, packed({**bomb, path: bytes(10**8)}))
    assert refused.value.reason is Reason.DAMAGED
    assert kept(agents, nova) == before


def test_an_interrupted_import_goes_on_and_a_finished_one_is_not_repeated(
    agents: Agents, mara: Person, nova: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off anywhere, the next run brings the rest and nothing twice; once it is done, it is a conflict."""
    archive = exported(agents, mara)
    stored = taking._Import._store
    for fails_at in (0, 1, 2, 4, 6):
        calls = iter(range(100))

        def breaks(self: Any, *given: Any, at: int = fails_at, calls: Iterator[int] = calls) -> None:
            if next(calls) == at:
                raise ValueError("broken off")
            stored(self, *given)

        with monkeypatch.context() as patch:
            patch.setattr(taking._Import, "_store", breaks)
            with pytest.raises(ValueError, match="broken off"):
                take_in(agents, nova, archive)
    taken = take_in(agents, nova, archive)
    counted = json.loads(taking_out.files(archive)[layout.MANIFEST])["counts"]
    assert taken.records == {m.__tablename__: counted[file_of(m).rpartition(".")[0]] for m in IMPORTED}
    with transaction(agents.store.engine, read_only=True) as session:
        blobs = session.scalars(select(Blob.id).where(Blob.owner_id == nova.id)).all()
    assert len(blobs) == 2
    before = kept(agents, nova)
    with pytest.raises(Conflict):
        take_in(agents, nova, archive)
    assert kept(agents, nova) == before
    actions = [action for action, _, _ in taking_out.told(agents)]
    assert [actions.count(f"{kind}.imported") for kind in ("project", "asset", "prompt", "output")] == [2, 4, 2, 4]
    assert actions.count("import.finished") == 1


@pytest.mark.one_database("sqlite", reason="the door is the same on both, which tests/policies shows")
def test_an_account_that_is_leaving_takes_nothing_in(agents: Agents, mara: Person, nova: Person) -> None:
    """A deletion wins; and so does the door, over an account that is not there."""
    archive = exported(agents, mara)
    with transaction(agents.store.engine) as session:
        session.execute(update(Contributor).where(Contributor.id == nova.id).values(status=ContributorStatus.ERASING))
    before = kept(agents, nova)
    for someone in (nova, Person(uuid.uuid4(), "nobody")):
        with pytest.raises(Refused):
            take_in(agents, someone, archive)
    assert kept(agents, nova) == before


@pytest.mark.one_database("sqlite", reason="what is settled before a row is stored")
def test_steps_that_ran_are_cancelled(agents: Agents, mara: Person, nova: Person) -> None:
    """Nothing here will ever end them."""
    with transaction(agents.store.engine) as session:
        session.execute(update(PromptStep).values(status=StepStatus.RUNNING))
    archive = exported(agents, mara)
    with time_machine.travel("2031-01-01"):
        take_in(agents, nova, archive)
    with transaction(agents.store.engine, read_only=True) as session:
        ours = session.scalars(select(PromptStep).where(PromptStep.owner_id == nova.id)).all()
    assert {(each.status, each.ended_at.year if each.ended_at else 0) for each in ours} == {
        (StepStatus.CANCELLED, 2031)
    }

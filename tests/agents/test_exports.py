"""Exports: everything of its owner's, nobody else's, whole or not at all."""

import json
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import Engine, delete, func, select, update

from agents import runtime
from agents.exports import build_export, expire, opening
from agents.exports.contents import ExportIncomplete
from agents.runtime import Agents
from policies.access import Policy
from storage import exports
from storage.archives import sources
from storage.archives.verifying import verify
from storage.archives.writing import ArchiveWriter
from storage.assets import Blob
from storage.blobs.errors import BlobDamaged, BlobStoreUnavailable
from storage.blobs.writer import BlobWriter
from storage.catalogue import models
from storage.contributors import Consent, Contributor, ContributorStatus
from storage.database import transaction
from storage.exports import Export, ExportScope, ExportStatus
from storage.ledger import notes
from storage.ledger.entries import AuditEvent
from storage.outputs import Output
from storage.records import Exported
from storage.vault import Vault
from tests import forks
from tests.agents import households
from tests.agents.households import ROOT, Person, ask_export, household, person, share
from tests.beginnings import Beginning

pytestmark = pytest.mark.begins_with("mara", fill=households.with_mara)


@pytest.fixture
def agents(home: Path, began: None, engine: Engine, policy: Policy) -> Iterator[Agents]:
    """A house's agents."""
    with household(home, engine, policy) as agents:
        yield agents


@pytest.fixture
def mara(agents: Agents, beginning: Beginning) -> Person:
    """Someone with two projects."""
    found: Person = beginning.left
    return found


def row(agents: Agents, export_id: uuid.UUID) -> Export:
    with transaction(agents.store.engine, read_only=True) as session:
        found = session.get(Export, export_id)
    assert found is not None
    return found


def unpacked(agents: Agents, export_id: uuid.UUID, file: Path) -> dict[str, bytes]:
    """The files of a finished, verified archive."""
    export = row(agents, export_id)
    assert (export.status, export.percentage) == (ExportStatus.READY, 100)
    assert export.blob_id is not None
    assert export.byte_size is not None
    file.write_bytes(b"".join(agents.store.blobs.reader(export.blob_id, export.byte_size, export.file).read()))
    report = verify(file, notes.vkey(agents.store.origin, agents.store.keyring.public_key()))
    assert (report.problems, report.warnings) == ([], [])
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def files_on_disk(agents: Agents, home: Path) -> int:
    return sum(path.is_file() for path in (home / "data" / "blobs").rglob("*"))


def events(agents: Agents) -> list[tuple[str, str, str]]:
    with transaction(agents.store.engine, read_only=True) as session:
        statement = select(AuditEvent.action, AuditEvent.component, AuditEvent.outcome).order_by(AuditEvent.id)
        return [(action, component, outcome.value) for action, component, outcome in session.execute(statement)]


def test_an_export_holds_every_row_of_its_owner(agents: Agents, mara: Person, tmp_path: Path) -> None:
    """Each exported table's file has as many objects as the owner has rows, in the shape its schema describes."""
    export = ask_export(agents, mara)
    build_export(agents, export)
    files = unpacked(agents, export, tmp_path / "e.zip")
    counts = json.loads(files["manifest.json"])["counts"]
    for model in models():
        if model.card.subject is None or not isinstance(model.card.export, Exported):
            continue
        file = model.card.export.file
        with transaction(agents.store.engine, read_only=True) as session:
            mine = getattr(model, model.card.subject) == mara.id
            held = session.scalar(select(func.count()).select_from(model).where(mine))
        objects = lines(files[file]) if file.endswith(".jsonl") else [json.loads(files[file])]
        assert len(objects) == held == counts[file.rpartition(".")[0]], file
        schema = json.loads(files[f"schemas/{file.rpartition('.')[0]}.schema.json"])
        assert all(list(thing) == schema["required"] == list(schema["properties"]) for thing in objects)


def test_files_and_outputs_are_in_it_as_they_were(agents: Agents, mara: Person, tmp_path: Path) -> None:
    """An uploaded file is there byte for byte under a safe name, an output as text, the sealed words in clear."""
    export = ask_export(agents, mara)
    build_export(agents, export)
    files = unpacked(agents, export, tmp_path / "e.zip")
    picture = files[f"assets/{mara.assets[1]}/_marker-of-mara_pic ture.png"]
    assert len(picture) == 100_000
    assert picture.startswith(b"file 1 of marker-of-mara file 1")
    assert files[f"outputs/{mara.outputs[0]}.txt"] == b"output 1 of marker-of-mara"
    assert {asset["title"] for asset in lines(files["assets.jsonl"])} == {"title marker-of-mara", ""}
    assert [asset["tags"] for asset in lines(files["assets.jsonl"])].count(["marker-of-mara"]) == 2
    assert json.loads(files["profile.json"])["email"] == "marker-of-mara@example.org"
    assert json.loads(files["style_profile.json"])["profile"] == {"words": ["marker-of-mara"]}
    first = lines(files["audit_events.jsonl"])[0]
    assert (first["action"], first["ipAddress"]) == ("contributor.registered", "203.0.113.9")
    schema = json.loads(files["schemas/audit_events.schema.json"])
    assert set(first) == set(schema["required"])
    manifest = json.loads(files["manifest.json"])
    assert set(manifest) == set(json.loads(files["schemas/manifest.schema.json"])["required"])


def test_the_page_shows_works_and_runs_nothing(agents: Agents, mara: Person, tmp_path: Path) -> None:
    """README.html shows each picture beside it, quotes each text escaped, and forbids scripts and foreign addresses."""
    export = ask_export(agents, mara)
    build_export(agents, export)
    files = unpacked(agents, export, tmp_path / "e.zip")
    page = files["README.html"].decode()
    assert page.count("<img ") == 2
    assert f'src="assets/{mara.assets[0]}/_marker-of-mara_pic%20ture.png"' in page
    assert "output 2 of marker-of-mara" in page
    assert "&lt;script&gt;marker-of-mara" in page
    assert "<script" not in page
    assert "default-src 'none'; img-src 'self' file: data:; media-src 'self' file:; style-src 'unsafe-inline'" in page
    assert "http://" not in page
    assert "https://" not in page


def test_nothing_of_anyone_else_is_in_it(agents: Agents, mara: Person, tmp_path: Path) -> None:
    """Not even what is shared with the owner; and no credential of their own."""
    noor = person(agents, "marker-of-noor")
    share(agents, noor, 0, mara)
    export = ask_export(agents, mara)
    build_export(agents, export)
    content = b"".join(unpacked(agents, export, tmp_path / "e.zip").values())
    assert b"marker-of-noor" not in content
    assert str(noor.id).encode() not in content
    assert not [word for word in (b"assword", b"secretHash", b"Lookup", b"tokenHash") if word in content]


def test_a_project_export_holds_that_project_only(agents: Agents, mara: Person, tmp_path: Path) -> None:
    """Its rows, files and outputs; nothing of the other project, the account or the trail."""
    export = ask_export(agents, mara, mara.projects[0])
    build_export(agents, export)
    files = unpacked(agents, export, tmp_path / "e.zip")
    assert [project["id"] for project in lines(files["projects.jsonl"])] == [str(mara.projects[0])]
    assert f"assets/{mara.assets[0]}/_marker-of-mara_pic ture.png" in files
    assert str(mara.projects[1]).encode() not in b"".join(files.values())
    assert not {"profile.json", "preferences.json", "audit_events.jsonl", "api_keys.jsonl"} & files.keys()


def test_no_plaintext_lies_on_disk(agents: Agents, mara: Person, home: Path) -> None:
    """The archive exists only sealed, under a keyset of the owner's that the contributor's keyset wraps."""
    export = ask_export(agents, mara)
    build_export(agents, export)
    assert row(agents, export).status is ExportStatus.READY
    marker = b"marker-of-mara"
    assert not [path for path in home.rglob("*") if path.is_file() and marker in path.read_bytes()]
    agents.store.keyring.destroy_owned_by(mara.id)
    assert agents.store.keyring.count_owned_by(mara.id) == 0


def test_building_again_changes_nothing(agents: Agents, mara: Person) -> None:
    """A job that is delivered twice leaves one archive and one event."""
    export = ask_export(agents, mara)
    build_export(agents, export)
    before = row(agents, export)
    build_export(agents, export)
    assert row(agents, export).blob_id == before.blob_id
    assert events(agents).count(("export.built", "agent:exports", "SUCCESS")) == 1


def test_an_export_that_does_not_exist_is_nobodys_work(agents: Agents) -> None:
    """Nothing happens and nothing is recorded."""
    build_export(agents, uuid.uuid4())
    assert events(agents) == []


def test_rows_that_the_door_keeps_back_fail_the_export(
    agents: Agents, mara: Person, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that would not be everything is not handed out, and leaves nothing behind."""
    counted = sources.count
    monkeypatch.setattr(sources, "count", lambda *given: counted(*given) + 1)
    files, export = files_on_disk(agents, home), ask_export(agents, mara)
    with pytest.raises(ExportIncomplete):
        build_export(agents, export)
    assert (row(agents, export).status, row(agents, export).blob_id) == (ExportStatus.FAILED, None)
    assert files_on_disk(agents, home) == files
    assert events(agents)[-1] == ("export.failed", "agent:exports", "FAILED")


@pytest.mark.parametrize("failure", [BlobStoreUnavailable, BlobDamaged])
def test_what_breaks_on_the_way_leaves_nothing(
    agents: Agents, mara: Person, home: Path, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    """A disk that stays full, a damaged file: FAILED, no file, no key."""

    def broken(_writer: BlobWriter, _chunk: bytes) -> None:
        raise failure

    keysets = agents.store.keyring.count_owned_by(mara.id)
    files, export = files_on_disk(agents, home), ask_export(agents, mara)
    monkeypatch.setattr(BlobWriter, "write", broken)
    monkeypatch.setattr(runtime, "PAUSES", (0.01, 0.01))
    with pytest.raises(failure):
        build_export(agents, export)
    assert row(agents, export).status is ExportStatus.FAILED
    assert files_on_disk(agents, home) == files
    assert agents.store.keyring.count_owned_by(mara.id) == keysets


def test_what_is_written_meanwhile_is_not_in_it(
    agents: Agents, mara: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file shows the same moment, the one in which the build began."""
    stream = ArchiveWriter.stream

    def written_to(writer: ArchiveWriter, members: Any) -> Iterator[bytes]:
        for number, chunk in enumerate(stream(writer, members)):
            if number == 1:
                with transaction(agents.store.engine) as session:
                    session.add(Consent(owner_id=mara.id, preference="analytics", allowed=True))
                    session.execute(delete(Output).where(Output.id == mara.outputs[0]))
            yield chunk

    monkeypatch.setattr(ArchiveWriter, "stream", written_to)
    export = ask_export(agents, mara)
    build_export(agents, export)
    files = unpacked(agents, export, tmp_path / "e.zip")
    assert len(lines(files["consents.jsonl"])) == 1
    assert f"outputs/{mara.outputs[0]}.txt" in files


def test_an_archive_expires_and_the_request_stays(agents: Agents, mara: Person, home: Path) -> None:
    """Not a moment early; then its file and key are gone, and it says EXPIRED, once."""
    files, keysets = files_on_disk(agents, home), agents.store.keyring.count_owned_by(mara.id)
    export = ask_export(agents, mara)
    build_export(agents, export)
    ends = row(agents, export).expires_at
    assert ends is not None
    with time_machine.travel(ends - timedelta(seconds=1), tick=False):
        assert expire(agents) == 0
    assert row(agents, export).status is ExportStatus.READY
    with time_machine.travel(ends, tick=False):
        assert (expire(agents), expire(agents)) == (1, 0)
    assert (row(agents, export).status, row(agents, export).blob_id) == (ExportStatus.EXPIRED, None)
    assert (files_on_disk(agents, home), agents.store.keyring.count_owned_by(mara.id)) == (files, keysets)
    assert events(agents)[-1] == ("export.deleted", "agent:exports", "SUCCESS")


def close_account(agents: Agents, mara: Person, _export: uuid.UUID) -> None:
    with transaction(agents.store.engine) as session:
        closing = update(Contributor).where(Contributor.id == mara.id)
        session.execute(closing.values(status=ContributorStatus.ERASING))


def remove_row(agents: Agents, _mara: Person, export: uuid.UUID) -> None:
    with transaction(agents.store.engine) as session:
        session.execute(delete(Export).where(Export.id == export))


def destroy_keys(agents: Agents, mara: Person, _export: uuid.UUID) -> None:
    agents.store.keyring.destroy_owned_by(mara.id)


@pytest.mark.parametrize("overtake", [close_account, remove_row, destroy_keys])
def test_a_deletion_overtakes_a_running_export(
    agents: Agents, mara: Person, home: Path, monkeypatch: pytest.MonkeyPatch, overtake: Callable[..., None]
) -> None:
    """Whatever it has done already: no archive becomes available, no file stays, and nobody is told of an error."""
    files, export = files_on_disk(agents, home), ask_export(agents, mara)
    stream = ArchiveWriter.stream

    def overtaken(writer: ArchiveWriter, members: Any) -> Iterator[bytes]:
        for number, chunk in enumerate(stream(writer, members)):
            if number == 1:
                overtake(agents, mara, export)
            yield chunk

    monkeypatch.setattr(ArchiveWriter, "stream", overtaken)
    build_export(agents, export)
    with transaction(agents.store.engine, read_only=True) as session:
        assert not session.scalars(select(Export.id).where(Export.status == ExportStatus.READY)).all()
        assert not session.scalars(select(Blob.id).where(Blob.object_id == export)).all()
    assert files_on_disk(agents, home) == files


def test_progress_is_noted_and_asks_whether_to_go_on(agents: Agents, mara: Person) -> None:
    """A claimed export takes a percentage; one whose owner is being erased takes none."""
    export_id = ask_export(agents, mara)
    with transaction(agents.store.engine) as session:
        export, _ = exports.start(session, export_id)
    with transaction(agents.store.engine) as session:
        exports.advance(session, export, 40)
    assert row(agents, export_id).percentage == 40
    close_account(agents, mara, export_id)
    with transaction(agents.store.engine) as session, pytest.raises(exports.ExportLost):
        exports.advance(session, export, 50)
    assert row(agents, export_id).percentage == 40


def test_only_what_an_export_covers_is_looked_at() -> None:
    """A project's export takes the tables that lie within projects; an account's takes all with a subject."""
    within = {file for _, file in sources.tables(ExportScope.PROJECT)}
    assert within < {file for _, file in sources.tables(ExportScope.ACCOUNT)}
    assert {"assets.jsonl", "prompts.jsonl", "outputs.jsonl", "projects.jsonl"} <= within


KILLED = """
import os, signal, sys, uuid
from pathlib import Path
from storage.blobs.writer import BlobWriter
from storage.catalogue import models
from storage.database import open_engine
from agents.exports import build_export, building
from tests.agents.households import household
models()
write, point = BlobWriter.write, sys.argv[4]
def die(*_given, **_named):
    os.kill(os.getpid(), signal.SIGKILL)
def write_then_die(writer, chunk):
    write(writer, chunk)
    if writer.size > 70_000:
        die()
if point == "writing":
    BlobWriter.write = write_then_die
else:
    building._publish = die
with household(Path(sys.argv[1]), open_engine(sys.argv[2])) as agents:
    build_export(agents, uuid.UUID(sys.argv[3]))
"""


@pytest.mark.parametrize("point", ["writing", "publishing"])
def test_killed_in_the_middle_it_is_built_anew(
    agents: Agents, mara: Person, home: Path, database_url: str, tmp_path: Path, point: str
) -> None:
    """kill -9 leaves nothing readable; the next run leaves one archive, and the sweep takes the debris."""
    export = ask_export(agents, mara)
    keysets, files = agents.store.keyring.count_owned_by(mara.id), files_on_disk(agents, home)
    done = forks.run(["-c", KILLED, home, database_url, export, point], cwd=ROOT)
    assert done.returncode == -9, done.stderr.decode()
    assert row(agents, export).status is ExportStatus.RUNNING
    assert not [path for path in home.rglob("*") if path.is_file() and b"marker-of-mara" in path.read_bytes()]

    build_export(agents, export)
    assert "profile.json" in unpacked(agents, export, tmp_path / "e.zip")
    with transaction(agents.store.engine, read_only=True) as session:
        known = exports.known_blobs(session)
    agents.store.blobs.sweep(known, 0)
    assert files_on_disk(agents, home) == files + 1
    assert agents.store.keyring.count_owned_by(mara.id) == keysets + 1


def test_what_was_opened_is_let_go_with_each_page(
    agents: Agents, mara: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much somebody has: neither are all rows held, nor is all that came before gone through for each page."""
    held, let_go = list[int](), Vault.let_go

    def noting(vault: Vault) -> None:
        held.append(len(vault.opened))
        let_go(vault)
        assert vault.opened == {}

    monkeypatch.setattr(opening, "_PAGE", 1)
    monkeypatch.setattr(Vault, "let_go", noting)
    build_export(agents, ask_export(agents, mara))
    assert sum(held) > 10 * max(held) > 0

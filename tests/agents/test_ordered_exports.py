"""Exports as they were ordered: for one reader, of what is new, for as long as is wanted, told where somebody waits."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyrage
import pytest
import time_machine
from cryptography.exceptions import InvalidTag
from jsonschema import Draft202012Validator
from sqlalchemy import Engine, update

from agents import webhooks
from agents.exports import announce_export, announcing, build_export, discard_export, expire
from agents.runtime import Agents, Stopping
from agents.turns import TryLater
from policies.access import Policy
from storage import exports
from storage.archives import recipients
from storage.archives.verifying import verify
from storage.archives.writing import ArchiveWriter
from storage.assets import Blob
from storage.blobs.errors import BlobDamaged
from storage.blobs.writer import BlobWriter
from storage.clock import now
from storage.database import transaction
from storage.exports import Export, ExportScope, ExportStatus
from storage.ids import global_id
from storage.ledger import envelopes, notes
from storage.ledger.events import ProjectCreated
from storage.ledger.scope import AuditScope
from storage.outputs import Output
from tests import age_format
from tests.agents import households
from tests.agents.households import Person, household, person
from tests.agents.taking_out import ask, content, files, lines, row, told
from tests.agents.test_outward import Receiver, receiver
from tests.beginnings import Beginning
from tests.footprints import jobs

pytestmark = pytest.mark.begins_with("mara", fill=households.with_mara)

__all__ = ["receiver"]


@pytest.fixture
def agents(home: Path, began: None, engine: Engine, policy: Policy) -> Iterator[Agents]:
    """A house's agents, whose webhooks may lead to this machine."""
    with household(home, engine, policy, inside_too=True) as agents:
        yield agents


@pytest.fixture
def mara(agents: Agents, beginning: Beginning) -> Person:
    """Someone with two projects."""
    found: Person = beginning.left
    return found


def test_every_json_file_is_what_its_schema_says(agents: Agents, mara: Person) -> None:
    """Each object of each file, the manifest too, by a validator of JSON Schema 2020-12."""
    export = ask(agents, mara)
    build_export(agents, export)
    found = files(content(agents, export))
    described = {name: body for name, body in found.items() if name.endswith((".json", ".jsonl")) and "/" not in name}
    for name, body in described.items():
        schema = json.loads(found[f"schemas/{name.rpartition('.')[0]}.schema.json"])
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)
        for thing in lines(body) if name.endswith(".jsonl") else [json.loads(body)]:
            assert not list(validator.iter_errors(thing)), name


def test_an_archive_for_a_recipient_opens_with_their_key_alone(agents: Agents, mara: Person, tmp_path: Path) -> None:
    """By the format's specification, as stock `age` reads it; inside is the archive, which verifies as ever."""
    identity, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    export = ask(agents, mara, sealed={"recipient": str(identity.to_public())})
    build_export(agents, export)
    archive = content(agents, export)
    assert archive.startswith(recipients.MAGIC)
    assert b"README.html" not in archive
    file = tmp_path / "e.zip"
    file.write_bytes(archive)
    assert "age --decrypt" in verify(file).problems[0]
    with pytest.raises(InvalidTag):
        age_format.opened(archive, str(other))
    file.write_bytes(age_format.opened(archive, str(identity)))
    report = verify(file, notes.vkey(agents.store.origin, agents.store.keyring.public_key()))
    assert (report.problems, report.warnings) == ([], [])


@pytest.mark.parametrize("error", [ZeroDivisionError, Stopping])
@pytest.mark.parametrize("where", ["reading", "writing"])
def test_what_breaks_while_encrypting_is_raised_as_it_was(error: type[BaseException], where: str) -> None:
    """Whichever side it is on: a process that ends is no failure of the export."""
    recipient = str(pyrage.x25519.Identity.generate().to_public())

    def chunks() -> Iterator[bytes]:
        yield b"x" * 100_000
        if where == "reading":
            raise error

    def write(_piece: bytes) -> None:
        if where == "writing":
            raise error

    with pytest.raises(error):
        recipients.encrypt(chunks(), recipient, write)


def test_an_incremental_export_holds_every_record_and_new_files_only(agents: Agents, mara: Person) -> None:
    """Records are all there; files, outputs and events from more than an hour before the moment are not."""
    moment = now()
    with transaction(agents.store.engine) as session:
        for model, id_, column in ((Blob, Blob.object_id, mara.assets[0]), (Output, Output.id, mara.outputs[0])):
            session.execute(update(model).where(id_ == column).values(created_at=moment - timedelta(hours=2)))
    export = ask(agents, mara, since=moment - timedelta(minutes=30))
    with time_machine.travel(moment + timedelta(hours=2)):
        later = ask(agents, mara, since=now())
        build_export(agents, later)
    build_export(agents, export)
    found = files(content(agents, export))
    assert {name.split("/")[1] for name in found if name.startswith("assets/")} == {str(mara.assets[1])}
    assert {name for name in found if name.startswith("outputs/")} == {f"outputs/{id_}.txt" for id_ in mara.outputs[1:]}
    assert len(lines(found["assets.jsonl"])) == 4
    assert len(lines(found["outputs.jsonl"])) == 4
    manifest = json.loads(found["manifest.json"])
    assert manifest["period"]["from"] is not None
    assert manifest["period"]["until"] >= manifest["createdAt"]
    newest = files(content(agents, later))
    assert not [name for name in newest if name.startswith(("assets/", "outputs/"))]
    assert lines(newest["audit_events.jsonl"]) == []
    assert b"in an earlier export" in newest["README.html"]


def test_an_export_counts_what_its_owners_keys_did_elsewhere(agents: Agents, mara: Person) -> None:
    """An API key of theirs that worked in somebody else's project is in their copy of the trail, and stops nothing."""
    noor = person(agents, "noor")
    by_key = AuditScope("api", "API_KEY", uuid.uuid4(), mara.id, None, None, uuid.uuid4(), "0" * 16)
    with agents.store.begin(by_key) as work:
        work.record(ProjectCreated(resource_id=noor.projects[0], subject_id=noor.id))
    export = ask(agents, mara)
    build_export(agents, export)
    events = lines(files(content(agents, export))["audit_events.jsonl"])
    assert "project.created" in {event["action"] for event in events}


def test_an_archive_lasts_as_long_as_was_asked_and_never_longer_than_the_house_keeps_one(
    agents: Agents, mara: Person
) -> None:
    """Two days are two days; ninety are seven."""
    kept = {}
    for days in (2, 90, None):
        export = ask(agents, mara, lifetime_days=days)
        build_export(agents, export)
        found = row(agents, export)
        assert found.expires_at is not None
        assert found.finished_at is not None
        kept[days] = found.expires_at - found.finished_at
    assert kept == {2: timedelta(days=2), 90: timedelta(days=7), None: timedelta(days=7)}


def withdraw(agents: Agents, export: uuid.UUID) -> None:
    with transaction(agents.store.engine) as session:
        exports.withdraw(session.get_one(Export, export), now())


def kept(agents: Agents, someone: Person, home: Path) -> tuple[list[str], int]:
    """The names of all files, and how many keysets somebody has."""
    found = sorted(path.name for path in (home / "data" / "blobs").rglob("*") if path.is_file())
    return found, agents.store.keyring.count_owned_by(someone.id)


def test_a_withdrawn_archive_is_destroyed_at_once_and_once(agents: Agents, mara: Person, home: Path) -> None:
    """File and key go, the request stays as EXPIRED, and the trail says that its owner wanted it so."""
    before = kept(agents, mara, home)
    export = ask(agents, mara)
    build_export(agents, export)
    withdraw(agents, export)
    discard_export(agents, export)
    discard_export(agents, export)
    assert (row(agents, export).status, row(agents, export).blob_id) == (ExportStatus.EXPIRED, None)
    assert kept(agents, mara, home) == before
    assert [event for event in told(agents) if event[0] == "export.deleted"] == [
        ("export.deleted", {"reason": "REQUESTED"}, "SUCCESS")
    ]


def test_a_withdrawal_that_nobody_carried_out_is_found_by_the_sweep(agents: Agents, mara: Person) -> None:
    """The job may be lost; the archive is not kept for that."""
    export = ask(agents, mara)
    build_export(agents, export)
    withdraw(agents, export)
    assert expire(agents) == 1
    assert row(agents, export).blob_id is None


def test_a_withdrawal_overtakes_the_building(agents: Agents, mara: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Withdrawn while it is written: no archive becomes available, no key stays, and nobody is told of an error."""
    export, keysets = ask(agents, mara), agents.store.keyring.count_owned_by(mara.id)
    stream = ArchiveWriter.stream

    def overtaken(writer: ArchiveWriter, members: Any) -> Iterator[bytes]:
        for number, chunk in enumerate(stream(writer, members)):
            if number == 1:
                withdraw(agents, export)
            yield chunk

    monkeypatch.setattr(ArchiveWriter, "stream", overtaken)
    build_export(agents, export)
    discard_export(agents, export)
    assert row(agents, export).status is ExportStatus.EXPIRED
    assert agents.store.keyring.count_owned_by(mara.id) == keysets
    assert not {"export.built", "export.failed"} & {event[0] for event in told(agents)}


def hooked(receiver: Receiver) -> tuple[dict[str, str], bytes]:
    """The sealed columns of an export that is announced to `receiver`, and the key it is signed with."""
    secret = envelopes.new_secret()
    [key] = envelopes.secrets_of(secret)
    return {"webhook_url": f"http://127.0.0.1:{receiver.port}/hook", "webhook_secret": secret}, key


def test_whoever_waits_is_told_once_signed_and_without_content(
    agents: Agents, mara: Person, receiver: Receiver
) -> None:
    """Queued when it is READY: size and end under the export's id; told again it is not."""
    sealed, key = hooked(receiver)
    build_export(agents, ask(agents, mara))
    assert jobs(agents.store.engine) == set(), "nobody waits for that one"
    export = ask(agents, mara, sealed=sealed)
    announce_export(agents, export)
    assert receiver.got == [], "it has not ended"
    build_export(agents, export)
    assert jobs(agents.store.engine) == {f"announce_export:{export}"}
    announce_export(agents, export)
    announce_export(agents, export)
    [(path, headers, body)] = receiver.got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert (path, headers["webhook-signature"]) == ("/hook", f"v1,{expected}")
    data = json.loads(body)["data"]
    assert (data["exportId"], data["status"]) == (global_id("Export", export), "READY")
    assert data["byteSize"] == row(agents, export).byte_size
    assert b"marker-of-mara" not in body
    assert told(agents)[-1] == ("export.announced", {"attempts": 1, "reason": None}, "SUCCESS")


def test_whoever_waits_is_told_of_a_failure_too(
    agents: Agents, mara: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever for what does not come."""

    def broken(_writer: BlobWriter, _chunk: bytes) -> None:
        raise BlobDamaged

    monkeypatch.setattr(BlobWriter, "write", broken)
    export = ask(agents, mara, sealed=hooked(receiver)[0])
    with pytest.raises(BlobDamaged):
        build_export(agents, export)
    assert jobs(agents.store.engine) == {f"announce_export:{export}"}
    announce_export(agents, export)
    assert [json.loads(body)["data"]["status"] for _, _, body in receiver.got] == ["FAILED"]


def announced(agents: Agents, export: uuid.UUID) -> bool:
    """One attempt; whether that settled it. Else it is to be made again by a later job."""
    try:
        announce_export(agents, export)
    except TryLater:
        return False
    return True


def test_a_deaf_address_is_given_up_and_the_export_is_there_all_the_same(
    agents: Agents, mara: Person, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some attempts the trail says so; an address inside the network gets nothing at all."""
    monkeypatch.setattr(announcing, "PAUSES", (0, 0))
    receiver.status = 500
    sealed, _ = hooked(receiver)
    export = ask(agents, mara, sealed=sealed)
    build_export(agents, export)
    assert [announced(agents, export) for _ in range(3)] == [False, False, True]
    assert len(receiver.got) == 3
    assert told(agents)[-1] == ("export.announced", {"attempts": 3, "reason": "NOT_ACCEPTED"}, "FAILED")
    monkeypatch.setattr(announcing, "posted", lambda *given, **_: webhooks.posted(*given, inside_too=False))
    second = ask(agents, mara, sealed=sealed)
    build_export(agents, second)
    assert [announced(agents, second) for _ in range(3)] == [False, False, True]
    assert len(receiver.got) == 3
    assert told(agents)[-1][1]["reason"] == "ADDRESS_REFUSED"
    assert row(agents, second).status is ExportStatus.READY


def test_the_secret_of_a_webhook_is_in_no_archive(agents: Agents, mara: Person, receiver: Receiver) -> None:
    """The address is its owner's to see; what messages are signed with would only help a thief."""
    sealed, _ = hooked(receiver)
    ask(agents, mara, sealed=sealed)
    export = ask(agents, mara, scope=ExportScope.ACCOUNT)
    build_export(agents, export)
    found = files(content(agents, export))
    assert sealed["webhook_url"].encode() in found["exports.jsonl"]
    assert sealed["webhook_secret"].encode() not in b"".join(found.values())

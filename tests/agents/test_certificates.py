"""Certificates of deletions: issued by the verifier alone, once nothing is left, and naming nobody who left."""

import base64
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from agents.erasures import erase, resume_open_erasures, tidy
from agents.runtime import Agents
from policies.access import Policy
from storage import deletions
from storage.blobs.store import BlobStore
from storage.catalogue import models
from storage.certificates import statements, verifying
from storage.clock import now
from storage.database import transaction
from storage.deletions import Deletion, DeletionReceipt, DeletionScope, DeletionStatus
from storage.ledger import signing
from tests.agents import households
from tests.agents.households import Person, ask_deletion, household, person, share
from tests.beginnings import Beginning

pytestmark = pytest.mark.begins_with("mara", fill=households.with_export)


@pytest.fixture
def agents(home: Path, began: None, engine: Engine, policy: Policy) -> Iterator[Agents]:
    """A house's agents, with a queue."""
    with household(home, engine, policy) as agents:
        yield agents


@pytest.fixture
def mara(agents: Agents, beginning: Beginning) -> Person:
    """Someone with two projects and an export."""
    found: Person = beginning.left
    return found


def row(agents: Agents, deletion_id: uuid.UUID) -> Deletion:
    with transaction(agents.store.engine, read_only=True) as session:
        return session.get_one(Deletion, deletion_id)


def checked(agents: Agents, certificate: Any, directory: Path) -> verifying.Report:
    """What anybody finds who has the file and the published key."""
    file = directory / "certificate.json"
    file.write_text(json.dumps(certificate))
    return verifying.verify(file, signing.log_key(agents.store.origin, agents.store.keyring))


def said_in(certificate: Any) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(certificate["payload"]))["predicate"])


def receipt(agents: Agents, deletion_id: uuid.UUID, *, hours: float = 1) -> None:
    """What lets whoever left watch their deletion."""
    ends = now() + timedelta(hours=hours)
    with transaction(agents.store.engine) as session:
        session.add(DeletionReceipt(token_hash=deletion_id.bytes, deletion_id=deletion_id, expires_at=ends))


def test_a_deletion_ends_with_a_certificate_of_what_went(agents: Agents, mara: Person, tmp_path: Path) -> None:
    """Signed by the platform, checked offline; its counts are the deletion's own, and no place held anything any more."""
    asked = ask_deletion(agents, mara, DeletionScope.ASSET, mara.assets[0])
    erase(agents, asked)
    done = row(agents, asked)
    report = checked(agents, done.certificate, tmp_path)
    assert report.problems == []
    assert f"It is about the asset {mara.assets[0]}." in report.facts
    said = said_in(done.certificate)
    assert said["scope"] == {"types": dict(sorted(done.destroyed.items())), "bytes": done.bytes_destroyed}
    assert said["scope"]["types"]["blobs"] == 2
    assert done.bytes_destroyed > 100_000
    assert said["keys"]["count"] == done.keysets_destroyed == 2
    assert said["verification"]["by"] == "agent:verifier"
    assert {check["left"] for check in said["verification"]["checks"]} == {0}
    searched = {check["what"] for check in said["verification"]["checks"]}
    assert searched > {"assets", "blobs", "exports", "files", "keysets", "prompt_assets"}
    assert [each for each in said["residue"] if not each["why"]] == []


def test_while_anything_is_left_there_is_no_certificate(
    agents: Agents, mara: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that stayed: none is issued; the one issued in the end counts everything, what went before included."""
    asked = ask_deletion(agents, mara, DeletionScope.ASSET, mara.assets[0])
    with monkeypatch.context() as patch:
        patch.setattr(BlobStore, "remove_all", lambda _store, _blobs: 0)
        erase(agents, asked)
    assert row(agents, asked).status is DeletionStatus.PARTIALLY_ERASED
    assert row(agents, asked).certificate is None
    resume_open_erasures(agents)
    certificate = row(agents, asked).certificate
    assert certificate is not None
    assert said_in(certificate)["scope"]["types"]["assets"] == 1
    erase(agents, asked)
    resume_open_erasures(agents)
    assert row(agents, asked).certificate == certificate, "it is issued once"


def test_a_certificate_that_cannot_be_signed_leaves_the_deletion_open(
    agents: Agents, mara: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key store that does not answer at that moment: nothing is called erased; the next start ends it."""
    asked = ask_deletion(agents, mara, DeletionScope.ASSET, mara.assets[0])

    def refuse(_ring: object) -> list[object]:
        raise RuntimeError("no signature today")

    with monkeypatch.context() as patch:
        patch.setattr(type(agents.store.keyring), "signers", refuse)
        with pytest.raises(RuntimeError):
            erase(agents, asked)
    assert (row(agents, asked).status, row(agents, asked).certificate) == (DeletionStatus.VERIFYING, None)
    assert [entry.deletion_id for entry in agents.store.keyring.open_erasures()] == [asked]
    assert resume_open_erasures(agents) == 1
    assert row(agents, asked).certificate is not None


def test_what_opens_an_accounts_certificate_goes_with_the_receipt(agents: Agents, mara: Person, tmp_path: Path) -> None:
    """While whoever left may watch, the salt is there for them; afterwards nobody can tell whose it was."""
    asked = ask_deletion(agents, mara, DeletionScope.ACCOUNT, mara.id)
    receipt(agents, asked)
    erase(agents, asked)
    with transaction(agents.store.engine, read_only=True) as session:
        salt = deletions.salt_of(session, asked)
    certificate = row(agents, asked).certificate
    assert salt is not None
    assert certificate is not None
    theirs = {**certificate, verifying.OPENING: statements.opening(mara.id, salt)}
    assert f"It is about the account {mara.id}." in checked(agents, theirs, tmp_path).facts
    assert said_in(certificate)["opening"] is None
    tidy(agents, older_than_seconds=0)
    assert row(agents, asked).owner_id == mara.id, "it is still watched"
    with transaction(agents.store.engine) as session:
        session.execute(update(DeletionReceipt).values(expires_at=now() - timedelta(seconds=1)))
        assert deletions.salt_of(session, asked) is None
    tidy(agents, older_than_seconds=0)
    with transaction(agents.store.engine, read_only=True) as session:
        assert session.scalars(select(DeletionReceipt.salt)).all() == []


def everything_stored(agents: Agents) -> str:
    """Every value of every row."""
    with transaction(agents.store.engine, read_only=True) as session:
        rows = [row for model in models() for row in session.execute(select(*model.__table__.columns))]
    return repr([tuple(each) for each in rows])


def test_the_data_forget_the_id_of_whoever_left(agents: Agents, mara: Person) -> None:
    """Their account and what they had deleted before: the records stay, together, and no row holds the id any more."""
    noor = person(agents, "marker-of-noor")
    share(agents, noor, 0, mara)
    before = ask_deletion(agents, mara, DeletionScope.PROJECT, mara.projects[0])
    erase(agents, before)
    asked = ask_deletion(agents, mara, DeletionScope.ACCOUNT, mara.id)
    theirs = ask_deletion(agents, noor, DeletionScope.ASSET, noor.assets[0])
    for each in (asked, theirs):
        erase(agents, each)
    tidy(agents, older_than_seconds=0)
    assert str(mara.id) in everything_stored(agents)  # whoever was signed in may still watch it
    with transaction(agents.store.engine) as session:
        session.execute(update(DeletionReceipt).values(expires_at=now()))
    tidy(agents, older_than_seconds=0)
    assert str(mara.id) not in everything_stored(agents)
    assert mara.id.hex not in everything_stored(agents)
    assert [row(agents, each).owner_id for each in (before, asked, theirs)] == [asked, asked, noor.id]
    assert resume_open_erasures(agents) == 0

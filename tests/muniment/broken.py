"""For every live check, an installation in which it fails: what is put into the database, or done to the house."""

import sqlite3
import stat
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pyrage
import pytest

from muniment import doctor
from muniment.settings import Settings
from storage.access_reviews.records import AccessReview
from storage.assets import Blob
from storage.changes import RunningPart, observe
from storage.controls.findings import Finding
from storage.database import Transaction
from storage.deletions import Deletion, DeletionScope
from storage.exports import Export, ExportScope, ExportStatus
from storage.follow_ups import FollowUp
from storage.grants import AccessGrant, AccessScope, Decider, GrantStatus, ReasonCode
from storage.incidents import Incident, SentinelMark, Severity
from storage.investigations import Investigation
from storage.ledger.rows import AuditCheckpoint
from storage.legal_holds import HoldReason, LegalHold, LegalHoldStatus
from storage.outages import Component, Outage
from storage.recalls import ProviderRecall
from storage.records import Record
from storage.retention.settings import note_sweep
from storage.rights import RightsKind, RightsRequest, RightsTopic
from storage.sealed import Sealed
from storage.services import Service, ServiceKind, ServiceStatus
from storage.set_aside import SetAsideItem
from storage.staff import RoleAssignment, StaffMember, StaffRole

SEAL = Sealed(b"\x01nothing")
MOMENT = "2026-01-01 00:00:00.000000"
LATER = timedelta(days=3)
"""When the checks of the database look: they were last run, and retention swept, long before."""


def _rows(make: Callable[[datetime], list[Record]]) -> Callable[[Transaction, datetime], None]:
    def put(session: Transaction, moment: datetime) -> None:
        session.add_all(make(moment))
        session.flush()

    return put


def _ago(moment: datetime, **by: float) -> datetime:
    return moment - timedelta(**by)


def _grant(moment: datetime) -> AccessGrant:
    return AccessGrant(
        subject_id=uuid.uuid4(), grantee_id=uuid.uuid4(), role=StaffRole.SUPPORT, scope=AccessScope.ACCOUNT,
        object_id=uuid.uuid4(), reason=ReasonCode.SUPPORT_REQUEST, decider=Decider.CONTRIBUTOR, justification=SEAL,
        ticket=SEAL, status=GrantStatus.ENDED, expires_at=moment, decided_at=_ago(moment, days=9),
        ended_at=_ago(moment, days=8),
    )  # fmt: skip


def _hold(moment: datetime) -> LegalHold:
    return LegalHold(
        subject_id=uuid.uuid4(), scope=DeletionScope.ACCOUNT, object_id=uuid.uuid4(), reason_code=HoldReason.LITIGATION,
        matter=SEAL, reason=SEAL, status=LegalHoldStatus.ACTIVE, placed_by=uuid.uuid4(), review_at=moment,
    )  # fmt: skip


def _service(moment: datetime) -> Service:
    return Service(
        address="models.example", kind=ServiceKind.MODEL_PROVIDER, operator="", purpose="", contract="", categories=[],
        regions=[], sub_processors=[], retention_days=0, breach_hours=1, trains_on_inputs=False,
        status=ServiceStatus.APPROVED, effective_at=_ago(moment, days=9), assessment_expires_at=_ago(moment, days=1),
    )  # fmt: skip


def _two_jobs(_moment: datetime) -> list[Record]:
    who = uuid.uuid4()
    return [RoleAssignment(staff_id=who, role=role) for role in (StaffRole.AUDITOR, StaffRole.SUPPORT)]


def _request(moment: datetime) -> RightsRequest:
    kind, topic = RightsKind.COMPLAINT, RightsTopic.OTHER
    return RightsRequest(owner_id=uuid.uuid4(), kind=kind, topic=topic, identified=False, due_at=_ago(moment, hours=1))


def _finding(moment: datetime) -> Finding:
    return Finding(control="c", found_by="f", owner="o", amiss=1, due_at=_ago(moment, hours=1), last_seen_at=moment)


def _deletion(moment: datetime) -> Deletion:
    asked = _ago(moment, days=2)
    return Deletion(owner_id=uuid.uuid4(), scope=DeletionScope.ACCOUNT, object_id=uuid.uuid4(), requested_at=asked)


def _recall(moment: datetime) -> ProviderRecall:
    late = _ago(moment, hours=1)
    return ProviderRecall(deletion_id=uuid.uuid4(), provider="m.example", model="m", reference="r", deadline_at=late)


def _export(moment: datetime, ended: datetime) -> Export:
    return Export(owner_id=uuid.uuid4(), scope=ExportScope.ACCOUNT, status=ExportStatus.READY, expires_at=ended)


def _member(_moment: datetime) -> StaffMember:
    return StaffMember(email=SEAL, email_lookup=b"nobody's", password_hash=SEAL)


def _investigation(moment: datetime) -> Investigation:
    return Investigation(reason=SEAL, opened_by=uuid.uuid4(), person_id=uuid.uuid4(), expires_at=_ago(moment, days=2))


def _review(moment: datetime) -> AccessReview:
    return AccessReview(number=1, opened_at=_ago(moment, days=40), due_at=_ago(moment, days=10))


def _incident(moment: datetime) -> Incident:
    began = _ago(moment, days=3)
    return Incident(detection="D02", severity=Severity.HIGH, began_at=began, detected_at=began, clock_until=moment)


def _follow_up(moment: datetime) -> FollowUp:
    return FollowUp(incident_id=uuid.uuid4(), owner_id=uuid.uuid4(), task=SEAL, due_at=_ago(moment, hours=1))


def _set_aside(moment: datetime) -> SetAsideItem:
    return SetAsideItem(
        loop="retention", item_id=uuid.uuid4(), cause="x", first_at=moment, last_at=moment, next_at=moment
    )


def _outage(moment: datetime) -> Outage:
    long_ago = _ago(moment, days=8)
    return Outage(component=Component.FILES, started_at=long_ago - timedelta(hours=1), ended_at=long_ago)


def _began_twice(session: Transaction, moment: datetime) -> None:
    for at, version in enumerate("ab"):
        observe(session, "elsewhere", {RunningPart.PROGRAM: version}, moment + timedelta(seconds=at))


def _detection_stopped(session: Transaction, moment: datetime) -> None:
    mark = session.get(SentinelMark, 1)
    if mark is None:
        session.add(SentinelMark(id=1, next_index=0, beat_at=_ago(moment, days=1)))
    else:
        mark.beat_at = _ago(moment, days=1)


def _set_aside(moment: datetime) -> SetAsideItem:
    return SetAsideItem(
        loop="retention", item_id=uuid.uuid4(), cause="valueerror", first_at=moment, last_at=moment, next_at=moment
    )


IN_THE_DATABASE: dict[str, Callable[[Transaction, datetime], None]] = {
    "access-reviews": _rows(lambda moment: [_review(moment)]),
    "agents-reconciled": _rows(lambda moment: [_export(moment, moment)]),
    "auditors-end": _rows(lambda _moment: [RoleAssignment(staff_id=uuid.uuid4(), role=StaffRole.AUDITOR)]),
    "changes-approved": _began_twice,
    "controls-run": lambda _session, _moment: None,  # three days have gone by without one
    "copies-recalled": _rows(lambda moment: [_recall(moment)]),
    "deletions-done": _rows(lambda moment: [_deletion(moment)]),
    "detection-works": _detection_stopped,
    "exports-expired": _rows(lambda moment: [_export(moment, _ago(moment, days=2))]),
    "files-present": _rows(lambda moment: [_blob(moment)]),
    "findings-mended": _rows(lambda moment: [_finding(moment)]),
    "follow-ups-done": _rows(lambda moment: [_follow_up(moment)]),
    "grants-reviewed": _rows(lambda moment: [_grant(moment)]),
    "holds-reviewed": _rows(lambda moment: [_hold(moment)]),
    "incidents-told": _rows(lambda moment: [_incident(moment)]),
    "investigations-ended": _rows(lambda moment: [_investigation(moment)]),
    "items-set-aside": _rows(lambda moment: [_set_aside(moment)]),
    "outages-explained": _rows(lambda moment: [_outage(moment)]),
    "requests-answered": _rows(lambda moment: [_request(moment)]),
    "retention-swept": lambda session, moment: note_sweep(session, _ago(moment, days=2)),
    "separation-of-duties": _rows(_two_jobs),
    "services-in-order": _rows(lambda moment: [_service(moment)]),
    "staff-second-factor": _rows(lambda moment: [_member(moment)]),
    "trail-whole": _rows(lambda _moment: [AuditCheckpoint(size=10**6, root=bytes(32), note=b"elsewhere\n")]),
}


def _blob(moment: datetime) -> Blob:
    whose = uuid.uuid4()
    return Blob(owner_id=whose, object_id=whose, byte_size=1, missing_since=moment)


def _with(settings: Settings, **changed: object) -> Settings:
    return settings.model_copy(update=changed)


def _open_home(settings: Settings, _patch: pytest.MonkeyPatch) -> Settings:
    (settings.home / "data").chmod(0o755)
    return settings


def _lost_key(settings: Settings, _patch: pytest.MonkeyPatch) -> Settings:
    for file in (settings.home / "keys").iterdir():
        if stat.S_ISREG(file.stat().st_mode) and "sqlite" not in file.name:
            file.unlink()
    return settings


def _full_disk(settings: Settings, patch: pytest.MonkeyPatch) -> Settings:
    patch.setattr(doctor, "_LEAST_FREE_BYTES", 2**62)
    return settings


def _old_software(settings: Settings, patch: pytest.MonkeyPatch) -> Settings:
    patch.setattr(doctor, "version", lambda _name: "49.0")
    return settings


def _broken_policy(settings: Settings, _patch: pytest.MonkeyPatch) -> Settings:
    place = settings.home / "broken.polar"
    place.write_text("allow(", encoding="utf-8")
    return _with(settings, policy_file=place)


def _lost_keyset(settings: Settings, _patch: pytest.MonkeyPatch) -> Settings:
    with closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as data, data:
        project = (uuid.uuid4().hex, uuid.uuid4().hex, b"name", MOMENT, MOMENT)
        data.execute(
            "INSERT INTO projects (id, owner_id, name, created_at, updated_at) VALUES (?, ?, ?, ?, ?)", project
        )
    return settings


def _no_certificate(settings: Settings, _patch: pytest.MonkeyPatch) -> Settings:
    return _with(settings, tls_cert=Path("/nowhere.pem"), tls_key=Path("/nowhere.key"))


def _no_backup(settings: Settings, _patch: pytest.MonkeyPatch) -> Settings:
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    places = {"backup_dir": settings.home / "b", "key_backup_dir": settings.home / "k"}
    return _with(settings, backup_recipient=recipient, **places)


IN_THE_HOUSE: dict[str, Callable[[Settings, pytest.MonkeyPatch], Settings]] = {
    "backups": _no_backup,
    "key-age": lambda settings, _patch: _with(settings, key_rotation_days=1e-9),
    "key-encryption-key": _lost_key,
    "keysets-kept": _lost_keyset,
    "keys-apart": lambda settings, _patch: _with(settings, env="production"),
    "policy": _broken_policy,
    "private-places": _open_home,
    "room": _full_disk,
    "software": _old_software,
    "transport": _no_certificate,
}

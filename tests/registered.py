"""Services and models in their registers, as two people would have left them, for tests that are not about that."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine

from storage.changes import Change, ChangeEffect, ChangeKind, ChangeStatus, RunningPart
from storage.clock import now
from storage.database import transaction
from storage.ids import new_id
from storage.sealed import Sealed
from storage.services import Assurance, DataCategory, Risk, Service, ServiceKind, ServiceStatus


def service(address: str, **other: Any) -> Service:
    """A version of which all is in order; `other` says what is otherwise."""
    moment, later = now(), now() + timedelta(days=30)
    said: dict[str, Any] = {
        "id": new_id(),
        "address": address,
        "kind": ServiceKind.MODEL_PROVIDER,
        "operator": "Models Ltd",
        "purpose": "Answers briefs.",
        "contract": "DPA",
        "categories": [each.value for each in DataCategory],
        "regions": ["EU"],
        "sub_processors": [],
        "retention_days": 0,
        "breach_hours": 24,
        "trains_on_inputs": False,
        "status": ServiceStatus.APPROVED,
        "risk": Risk.LOW,
        "assurance": Assurance.SOC2_TYPE_2,
        "assessment_expires_at": later,
        "assurance_expires_at": later,
        "approved_at": moment,
        "effective_at": moment - timedelta(days=1),
    }
    return Service(**{**said, **other})


def enter(engine: Engine, address: str, **other: Any) -> str:
    """Put one into the register; answers its id."""
    row = service(address, **other)
    with transaction(engine) as session:
        session.add(row)
        session.flush()
        return str(row.id)


def enter_inside(engine: Engine, address: str) -> str:
    """One that counts as a part of the house, so that nobody has to allow it."""
    return enter(engine, address, kind=ServiceKind.INTERNAL, operator="This house")


def enter_change(engine: Engine, model: str) -> None:
    """Put an approved change into the register that brings the model of this version."""
    seal = Sealed(b"\x01nothing")
    row = Change(
        id=new_id(), kind=ChangeKind.SYSTEM_UPDATE, effect=ChangeEffect.NONE, emergency=False,
        versions={RunningPart.MODEL.value: model}, ticket="T", why=seal, tests=seal, assessment=seal,
        status=ChangeStatus.APPROVED, registered_by=uuid.uuid4(), decided_by=uuid.uuid4(), decided_at=now(),
    )  # fmt: skip
    with transaction(engine) as session:
        session.add(row)

"""A table crowded with others' rows, and those who ask for their own in it. What is sealed is made up."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from policies.principals import Kind, Principal
from storage.assets import Asset
from storage.clock import now
from storage.database import transaction
from storage.exports import Export, ExportScope
from storage.grants import AccessGrant, AccessScope, Decider, GrantStatus, ReasonCode
from storage.projects import MemberRole, Project, ProjectMember
from storage.records import Record
from storage.sealed import Sealed
from storage.staff import StaffRole

OWN = 200
_PER_OWNER = 200
_FIRST_FOREIGN = 1_000_000
OWNER, MEMBER, BOTH, OTHER, STAFF = (uuid.UUID(int=number) for number in range(1, 6))
ASKERS = {
    "owner": Principal(Kind.CONTRIBUTOR, id=OWNER),
    "member": Principal(Kind.CONTRIBUTOR, id=MEMBER),
    "owner and member": Principal(Kind.CONTRIBUTOR, id=BOTH),
    "staff with a grant": Principal(Kind.STAFF, id=STAFF, roles=frozenset({StaffRole.SUPPORT}), mfa=True),
    "staff (exports)": Principal(Kind.STAFF, id=uuid.UUID(int=9), roles=frozenset({StaffRole.SYSADMIN}), mfa=True),
}
_SEALED = Sealed(b"\x01" + b"x" * 120)


@dataclass(frozen=True)
class Crowd:
    """A database, what each asker lists there, and who sees all rows and so is not asked how many there are."""

    engine: Engine
    listed: dict[str, type[Record]]
    unbounded: frozenset[str] = frozenset({"staff (exports)"})


def crowd(engine: Engine, foreign: int) -> Crowd:
    """`OWN` rows for each asker, older than `foreign` rows of others, so a walk by id meets these first."""
    with transaction(engine) as session:
        for number, (owner, member) in enumerate(((OWNER, OTHER), (OTHER, MEMBER), (BOTH, OTHER), (OTHER, BOTH))):
            project = uuid.UUID(int=100 + number)
            session.add(Project(id=project, owner_id=owner, name=_SEALED))
            session.flush()
            session.add(
                ProjectMember(project_id=project, contributor_id=member, owner_id=owner, role=MemberRole.VIEWER)
            )
            session.add_all(_asset(1000 + number * OWN + each, owner, project) for each in range(OWN))
        session.add(_grant())
        session.add(Export(id=uuid.UUID(int=5000), owner_id=OTHER, scope=ExportScope.ACCOUNT))
        session.flush()
        projects = foreign // _PER_OWNER
        _multiply(session, Project, projects, "100", id=1, owner_id=1)
        _multiply(session, ProjectMember, projects, "100", project_id=1, contributor_id=2, owner_id=1)
        _multiply(session, Asset, foreign, "1000", id=1, owner_id=_PER_OWNER, project_id=_PER_OWNER)
        _multiply(session, Export, foreign, "5000", id=1, owner_id=_PER_OWNER)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    listed: dict[str, type[Record]] = {asker: Export if "exports" in asker else Asset for asker in ASKERS}
    return Crowd(engine, listed)


def _asset(number: int, owner: uuid.UUID, project: uuid.UUID) -> Asset:
    sealed = dict.fromkeys(("file_name", "title", "description", "tags"), _SEALED)
    return Asset(
        id=uuid.UUID(int=number), owner_id=owner, project_id=project, media_type="image/png", byte_size=1, **sealed
    )


def _grant() -> AccessGrant:
    return AccessGrant(
        subject_id=OWNER,
        grantee_id=STAFF,
        role=StaffRole.SUPPORT,
        scope=AccessScope.PROJECT,
        object_id=uuid.UUID(int=100),
        reason=next(iter(ReasonCode)),
        decider=next(iter(Decider)),
        justification=_SEALED,
        ticket=_SEALED,
        status=GrantStatus.ACTIVE,
        expires_at=now() + timedelta(days=1),
    )


def _multiply(session: Session, model: type[Record], times: int, pattern: str, **ids: int) -> None:
    """Copies of the row that has `pattern`; the columns in `ids` count on, so many copies a step."""
    postgresql = session.get_bind().dialect.name == "postgresql"
    spelled = "lpad(to_hex({}), 32, '0')::uuid" if postgresql else "printf('%032x', {})"
    made = {name: spelled.format(f"{_FIRST_FOREIGN} + n / {step}") for name, step in ids.items()}
    columns = [column.name for column in model.__table__.columns]
    session.execute(
        text(
            f"INSERT INTO {model.__tablename__} ({', '.join(columns)}) "  # noqa: S608 - names of ours
            "WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < :times) "
            f"SELECT {', '.join(made.get(name, name) for name in columns)} FROM counted, {model.__tablename__} "
            f"WHERE {next(iter(ids))} = {spelled.format(pattern)}"
        ).bindparams(times=times)
    )

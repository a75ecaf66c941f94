"""Services: everything that work may be sent to, on which terms, and what is amiss with one at a given moment.

A row is one version of an agreement. Its terms never change: other terms are another row, so that what was approved,
and what a contributor allowed, stays what it was.
"""

import enum
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import JSON, select
from sqlalchemy.orm import Mapped, Session

from storage.clock import now
from storage.contributors import Contributor, PrivacyPreferences
from storage.ids import new_id
from storage.records import DataCard, NotExported, Record, plain, sealed
from storage.sealed import Sealed

_USUAL_PORTS = {"http": 80, "https": 443, "smtp": 587, "smtps": 465}
EMBEDDED = "embedded"
USUAL_DELETION_PATH = "/v1/chat/completions/{id}"
"""Where providers that speak OpenAI's protocol take DELETE for an answer that they keep."""
"""The address of the model that runs in a child process of this machine: nothing leaves the house for it."""


class ServiceKind(enum.StrEnum):
    """What a service is for."""

    ANALYTICS = "ANALYTICS"
    BACKUP = "BACKUP"
    DATABASE = "DATABASE"
    EMAIL = "EMAIL"
    HOSTING = "HOSTING"
    IDENTITY = "IDENTITY"
    INTERNAL = "INTERNAL"  # a part of this house: no other company, nothing leaves
    KEY_MANAGEMENT = "KEY_MANAGEMENT"
    MODEL_PROVIDER = "MODEL_PROVIDER"
    SIEM = "SIEM"


class DataCategory(enum.StrEnum):
    """What sort of data a service is sent."""

    ASSETS = "ASSETS"
    AUDIT_EVENTS = "AUDIT_EVENTS"  # nameless
    CIPHERTEXT = "CIPHERTEXT"
    CONTACT = "CONTACT"
    PROMPTS = "PROMPTS"
    STYLE = "STYLE"
    USAGE = "USAGE"


class Assurance(enum.StrEnum):
    """What kind of report vouches for a service."""

    ISO_27001 = "ISO_27001"
    OWN_OPERATION = "OWN_OPERATION"  # the operator runs it: covered by their own examination
    SOC2_TYPE_1 = "SOC2_TYPE_1"
    SOC2_TYPE_2 = "SOC2_TYPE_2"


class Risk(enum.StrEnum):
    """What remains of the risk to contributors' privacy, once the service's own measures are counted in."""

    HIGH = "HIGH"
    LOW = "LOW"
    MEDIUM = "MEDIUM"


class ServiceStatus(enum.StrEnum):
    """Where a version of a service stands. APPROVED ones are sent something only once their notice period is over."""

    APPROVED = "APPROVED"
    PROPOSED = "PROPOSED"
    RETIRED = "RETIRED"


class Objection(enum.StrEnum):
    """Why something may not be sent."""

    ASSESSMENT_EXPIRED = "ASSESSMENT_EXPIRED"
    ASSURANCE_EXPIRED = "ASSURANCE_EXPIRED"
    CATEGORY_NOT_COVERED = "CATEGORY_NOT_COVERED"
    CONSENT_MISSING = "CONSENT_MISSING"
    MODEL_NOT_APPROVED = "MODEL_NOT_APPROVED"
    NOTICE_PERIOD = "NOTICE_PERIOD"
    NOT_APPROVED = "NOT_APPROVED"
    REGION_NOT_ALLOWED = "REGION_NOT_ALLOWED"
    TRAINING_NOT_ALLOWED = "TRAINING_NOT_ALLOWED"
    UNKNOWN = "UNKNOWN"

    @property
    def is_theirs(self) -> bool:
        """Whether those whose work it is could allow it."""
        return self in (Objection.CONSENT_MISSING, Objection.TRAINING_NOT_ALLOWED)


class Service(Record):
    """One version of an agreement with a service: who runs it, what it is sent, where it keeps that and how long.

    `address` is the host that is called (`host` or `host:port`), or `embedded`. `regions` are countries (ISO 3166-1) or
    unions (EU, EEA). `retention_days` is how long it keeps what it was sent, `breach_hours` within how many it tells us
    of an incident. `deletion_path` is where it takes DELETE for what it keeps under an id of its own, `{id}`; None: it
    can't be asked. Assessment and report run out; nothing is sent from then on.
    """

    __tablename__ = "services"
    card = DataCard(
        subject=None, retention="services", export=NotExported("a register that everybody reads: /services")
    )

    id: Mapped[uuid.UUID] = plain(primary_key=True, default=new_id)
    address: Mapped[str] = plain(index=True)
    kind: Mapped[ServiceKind] = plain()
    operator: Mapped[str] = plain()
    purpose: Mapped[str] = plain()
    contract: Mapped[str] = plain()
    categories: Mapped[list[str]] = plain(JSON)
    regions: Mapped[list[str]] = plain(JSON)
    sub_processors: Mapped[list[str]] = plain(JSON)
    retention_days: Mapped[int] = plain()
    breach_hours: Mapped[int] = plain()
    trains_on_inputs: Mapped[bool] = plain()
    deletion_path: Mapped[str | None] = plain()
    status: Mapped[ServiceStatus] = plain(default=ServiceStatus.PROPOSED)
    registered_by: Mapped[uuid.UUID | None] = plain()
    registered_at: Mapped[datetime] = plain(default=now)
    assessment: Mapped[Sealed | None] = sealed(under="platform")
    risk: Mapped[Risk | None] = plain()
    assessed_by: Mapped[uuid.UUID | None] = plain()
    assessed_at: Mapped[datetime | None] = plain()
    assessment_expires_at: Mapped[datetime | None] = plain()
    assurance: Mapped[Assurance | None] = plain()
    assurance_expires_at: Mapped[datetime | None] = plain()
    approved_by: Mapped[uuid.UUID | None] = plain()
    approved_at: Mapped[datetime | None] = plain()
    effective_at: Mapped[datetime | None] = plain()
    retired_at: Mapped[datetime | None] = plain()


@dataclass(frozen=True)
class Parcel:
    """What is about to be sent: where to, of which categories, and whose. Never what it says."""

    address: str
    categories: frozenset[DataCategory]
    people: frozenset[uuid.UUID] = frozenset()


@dataclass(frozen=True)
class Finding:
    """What is amiss, and with which version of which service; both None where a parcel may go."""

    objection: Objection | None
    service_id: uuid.UUID | None = None


def address_of(url: str) -> str:
    """The address under which the service behind a URL is registered: its host, and its port where that is unusual."""
    parts = urlsplit(url)
    usual = _USUAL_PORTS.get(parts.scheme)
    host = (parts.hostname or "").lower()
    return host if parts.port in (None, usual) else f"{host}:{parts.port}"


def examine(session: Session, parcel: Parcel, moment: datetime, regions: Collection[str] = ()) -> Finding:
    """What speaks against sending this at that moment, the first thing first; `regions`: where data may go, if said."""
    versions = session.scalars(select(Service).where(Service.address == parcel.address)).all()
    service = in_force(versions, moment)
    if service is None:
        return Finding(_absent(versions))
    found = _terms(service, parcel, moment, regions)
    if found is None and service.kind is not ServiceKind.INTERNAL:
        found = unallowed(session, service, parcel.people)
    return Finding(found, service.id)


def unallowed(session: Session, service: Service, people: frozenset[uuid.UUID]) -> Objection | None:
    """What one of those whose work it is has not allowed; somebody without choices has allowed nothing."""
    asked = select(PrivacyPreferences.services, PrivacyPreferences.training)
    chosen = session.execute(asked.where(PrivacyPreferences.owner_id.in_(people))).all()
    if len(chosen) != len(people) or not all(str(service.id) in each.services for each in chosen):
        return Objection.CONSENT_MISSING
    if service.trains_on_inputs and not all(each.training for each in chosen):
        return Objection.TRAINING_NOT_ALLOWED
    return None


def in_force(versions: Iterable[Service], moment: datetime) -> Service | None:
    """Of the versions of one service the one whose terms hold at that moment."""
    began = [
        each
        for each in versions
        if each.status is ServiceStatus.APPROVED and each.effective_at is not None and each.effective_at <= moment
    ]
    return max(began, key=lambda each: (each.effective_at, each.id), default=None)


def agreed(session: Session, address: str) -> list[Service]:
    """Every version of a service that ever began, or will: those in force, and those that were."""
    known = select(Service).where(Service.address == address, Service.approved_at.is_not(None))
    return [each for each in session.scalars(known) if not _began_never(each)]


def last_terms(versions: Iterable[Service], moment: datetime) -> Service | None:
    """Of these the terms that held at that moment, else the last before it: what it was sent lies there still."""
    began = [each for each in versions if each.effective_at is not None and each.effective_at <= moment]
    return in_force(began, moment) or max(began, key=lambda each: (each.effective_at, each.id), default=None)


def published(session: Session) -> list[Service]:
    """What everybody may know: each version that is approved, in force or announced, by address; to be read only."""
    known = select(Service).where(Service.status == ServiceStatus.APPROVED)
    found = list(session.scalars(known.order_by(Service.address, Service.effective_at, Service.id)))
    for each in found:
        session.expunge(each)  # so that the rows can be read when the transaction is over
    return found


def standing(known: Iterable[Service], moment: datetime) -> list[Service]:
    """Of approved versions those in force at that moment and those that will be; none that other terms took over."""
    found = list(known)
    return [each for each in found if _begins_after(each, moment) or each is _in_force_at(each.address, found, moment)]


def everything(session: Session) -> list[Service]:
    """Every version of every service, by address."""
    return list(session.scalars(select(Service).order_by(Service.address, Service.id)))


def amiss(service: Service, moment: datetime, regions: Collection[str] = ()) -> Objection | None:
    """What keeps anything at all from being sent to this version, consents left aside."""
    if service.status is not ServiceStatus.APPROVED:
        return Objection.NOT_APPROVED
    if service.effective_at is None or service.effective_at > moment:
        return Objection.NOTICE_PERIOD
    return _terms(service, Parcel(service.address, frozenset()), moment, regions)


def at(session: Session, address: str) -> list[Service]:
    """Every version of the service at this address."""
    return list(session.scalars(select(Service).where(Service.address == address).order_by(Service.id)))


def lock(session: Session, service: Service) -> ServiceStatus:
    """Keep others from deciding about it until this transaction ends; answers where it stands now."""
    session.execute(select(Service.id).where(Service.id == service.id).with_for_update())
    session.refresh(service)
    return service.status


def anybody_to_tell(session: Session) -> bool:
    """Whether there is any contributor, who would have to be told before a service begins."""
    return session.scalar(select(Contributor.id).limit(1)) is not None


def _began_never(service: Service) -> bool:
    ended, begins = service.retired_at, service.effective_at
    return begins is None or (ended is not None and ended <= begins)


def _begins_after(service: Service, moment: datetime) -> bool:
    return service.effective_at is not None and service.effective_at > moment


def _in_force_at(address: str, known: Iterable[Service], moment: datetime) -> Service | None:
    return in_force([each for each in known if each.address == address], moment)


def _absent(versions: Iterable[Service]) -> Objection:
    states = {each.status for each in versions}
    if ServiceStatus.APPROVED in states:
        return Objection.NOTICE_PERIOD
    return Objection.NOT_APPROVED if states else Objection.UNKNOWN


def _terms(service: Service, parcel: Parcel, moment: datetime, regions: Collection[str]) -> Objection | None:
    if not parcel.categories <= {DataCategory(each) for each in service.categories}:
        return Objection.CATEGORY_NOT_COVERED
    if service.kind is ServiceKind.INTERNAL:
        return None
    if service.assessment_expires_at is None or service.assessment_expires_at <= moment:
        return Objection.ASSESSMENT_EXPIRED
    if service.assurance_expires_at is None or service.assurance_expires_at <= moment:
        return Objection.ASSURANCE_EXPIRED
    if regions and not set(service.regions) <= set(regions):
        return Objection.REGION_NOT_ALLOWED
    return None

"""What the policy is about: every model that the door gives out, and the platform itself."""

from functools import cache
from typing import Any, Final

from sqlalchemy import Boolean, Column, inspect
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapper

from policies.actions import Action
from policies.errors import PolicyError
from storage.access_reviews.records import AccessReview, AccessReviewItem
from storage.appointments import Appointment
from storage.assets import Asset, Blob
from storage.changes import Change
from storage.contributors import Consent, Contributor, PrivacyPreferences, StyleProfile
from storage.controls.findings import Finding
from storage.deletions import Deletion
from storage.exports import Export
from storage.follow_ups import FollowUp
from storage.grants import AccessGrant
from storage.incidents import Incident
from storage.investigations import Investigation
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.legal_holds import LegalHold
from storage.lockdowns import Lockdown
from storage.notices import Notice, NoticeSettings, PublishedNotice
from storage.outages import Outage
from storage.outputs import Output
from storage.projects import Project, ProjectMember
from storage.prompts import Prompt, PromptAsset, PromptStep
from storage.provider_copies import ProviderCopy
from storage.records import READ_CONTENT, Holding, Record
from storage.retention.settings import RetentionSetting
from storage.rights import RightsRequest
from storage.services import Service
from storage.sessions import ApiKey
from storage.staff import RoleAssignment


class Platform:
    """What is acted on where there is no row yet: starting a project, for one."""


PLATFORM: Final = Platform()

PROTECTED: tuple[type[Record], ...] = (
    AccessGrant,
    AccessReview,
    AccessReviewItem,
    ApiKey,
    Appointment,
    Asset,
    AuditEvent,
    Blob,
    Change,
    Consent,
    Contributor,
    Deletion,
    Export,
    Finding,
    FollowUp,
    Incident,
    Investigation,
    LegalHold,
    Lockdown,
    Notice,
    NoticeSettings,
    Outage,
    Output,
    PrivacyPreferences,
    Project,
    ProjectMember,
    Prompt,
    PromptAsset,
    PromptStep,
    ProviderCopy,
    PublishedNotice,
    RetentionSetting,
    Service,
    RightsRequest,
    RoleAssignment,
    StyleProfile,
)
"""The models that policy.polar has a block for. The door gives out no other."""

RELATED: tuple[type[Record], ...] = (AuditPersonal,)
"""Models that rules may look at through a relation, and that nobody is given."""


def mapper_of(model: type[Record]) -> Mapper[Any]:
    """The model's mapper."""
    mapper: Mapper[Any] = inspect(model)
    return mapper


def key_of(row: Record) -> tuple[Any, ...]:
    """The primary key of a row."""
    return tuple(mapper_of(type(row)).primary_key_from_instance(row))


def fields_of(model: type[Record]) -> dict[str, type]:
    """The attributes that rules can follow: columns and relations, by the types that Polar knows them under."""
    mapper = mapper_of(model)
    fields: dict[str, type] = dict.fromkeys((*mapper.columns.keys(), *worked_out(model)), object)
    for name, relation in mapper.relationships.items():
        fields[name] = list if relation.uselist else relation.mapper.class_
    return fields


@cache
def worked_out(model: type[Record]) -> dict[str, Column[bool]]:
    """Attributes that follow from columns and the clock, by name, as the columns that rules take them for.

    They are the hybrid attributes of the model, and true or false: `grant.live`.
    """
    found = inspect(model).all_orm_descriptors.items()
    names = [name for name, each in found if isinstance(each, hybrid_property) and not name.startswith("_")]
    return {name: Column(name, Boolean(), info={"holding": Holding.PLAIN}) for name in names}


def opening(model: type[Record]) -> frozenset[Action]:
    """The actions that open the model's sealed columns, and read_content, which opens its files."""
    columns = (column.info for column in mapper_of(model).columns)
    return frozenset({Action(info.get("opens_with", READ_CONTENT)) for info in columns} | {Action.READ_CONTENT})


def protected(model: type[Record]) -> type[Record]:
    """`model`, if the policy speaks of it; PolicyError if it does not, so that nothing unruled is ever loaded."""
    if model not in PROTECTED:
        raise PolicyError(f"{model.__name__} has no block in policy.polar: write one, or load it inside storage only")
    return model
